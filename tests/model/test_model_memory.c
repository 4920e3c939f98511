/* Opening a model copies no weight: resident memory grows by no more than the mapped pages of the weights
 * and a fifth of their bytes, and the part that is the process's own (anonymous) by no more than that fifth. The
 * file is made here: 24 MB of weights in initializers of many sizes, and a thousand nodes. Arguments: further models
 * to hold to the same bound. */
#include "proto_writer.h"

#include <hone/hone.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

enum { N_LARGE = 6, LARGE = 1 << 20, N_NODES = 1000 };

/* y = x + w0 + w1 + ...: scalars mostly, and N_LARGE tensors of LARGE floats. */
static void write_model(const char *path) {
    buffer graph = {0}, part = {0};
    char name[32], from[32];
    float *weights = calloc(LARGE, sizeof *weights);
    if (!weights)
        exit(99);
    for (int i = 0; i < LARGE; i++)
        weights[i] = (float)i;
    for (int i = 0; i < N_NODES; i++) {
        uint64_t n = i % (N_NODES / N_LARGE) == 0 && i / (N_NODES / N_LARGE) < N_LARGE ? LARGE : 1;
        snprintf(from, sizeof from, i ? "v%d" : "x", i);
        put_text(&part, 1, from);
        snprintf(name, sizeof name, "w%d", i);
        put_text(&part, 1, name);
        snprintf(from, sizeof from, i + 1 == N_NODES ? "y" : "v%d", i + 1);
        put_text(&part, 2, from);
        put_text(&part, 4, "Add");
        put_message(&graph, 1, &part);
        put_initializer(&graph, name, &n, 1, weights);
    }
    put_text(&graph, 2, "sum");
    const uint64_t dim = LARGE;
    put_value(&graph, 11, "x", &dim, 1);
    put_value(&graph, 12, "y", &dim, 1);
    write_proto(path, &graph);
    free(weights);
    free(graph.data);
    free(part.data);
}

/* ---- the measurement ---- */

static int check(const char *path) {
    hone_model *model;
    hone_error error;
    long long all = status_field("VmRSS"), own = status_field("RssAnon");
    if (hone_model_open(path, &model, &error) != HONE_OK) {
        printf("%s: %s\n", path, error.message);
        return 1;
    }
    all = status_field("VmRSS") - all;
    own = status_field("RssAnon") - own;
    long long weights = 0;
    const char *name;
    for (size_t i = 0; i < hone_model_initializer_count(model); i++)
        weights += (long long)hone_tensor_size(hone_model_get_initializer(model, i, &name));
    hone_model_close(model);
    printf("%s: weights %.1f MB; resident +%.1f MB, of it +%.1f MB the process's own\n", path, (double)weights / 1e6,
           (double)all / 1e6, (double)own / 1e6);
    /* A megabyte for what the first use of the library brings in. */
    return all > weights + weights / 5 + (1 << 20) || own > weights / 5 + (1 << 20);
}

int main(int argc, char **argv) {
    char path[] = "/tmp/hone_memory_XXXXXX";
    if (status_field("RssAnon") < 0) {
        printf("this system does not show RssAnon: skipped\n");
        return 77;
    }
#ifdef HAS_SANITIZER
    printf("a sanitizer's shadow is part of the resident memory: skipped\n");
    return 77;
#endif
    int fd = mkstemp(path);
    if (fd < 0)
        return 99;
    close(fd);
    write_model(path);
    int n_failed = check(path);
    unlink(path);
    for (int i = 1; i < argc; i++)
        n_failed += check(argv[i]);
    return n_failed != 0;
}
