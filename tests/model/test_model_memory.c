/* Opening a model copies no weight: resident memory grows by no more than the mapped pages of the weights
 * and a fifth of their bytes, and the part that is the process's own (anonymous) by no more than that fifth. The
 * file is made here: 24 MB of weights in initializers of many sizes, and a thousand nodes. Arguments: further models
 * to hold to the same bound. */
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

/* ---- a protobuf writer, just enough for the file ---- */

typedef struct buffer {
    uint8_t *data;
    size_t size, capacity;
} buffer;

static void put(buffer *b, const void *data, size_t size) {
    if (b->size + size > b->capacity) {
        b->capacity = (b->size + size) * 2;
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            exit(99);
    }
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put_varint(buffer *b, uint64_t value) {
    do {
        uint8_t byte = (uint8_t)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        put(b, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_number(buffer *b, int field, uint64_t value) {
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, value);
}

static void put_bytes(buffer *b, int field, const void *data, size_t size) {
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, size);
    put(b, data, size);
}

static void put_text(buffer *b, int field, const char *text) { put_bytes(b, field, text, strlen(text)); }

static void put_message(buffer *b, int field, buffer *message) {
    put_bytes(b, field, message->data, message->size);
    message->size = 0;
}

/* ValueInfoProto of float[n]. */
static void put_value(buffer *graph, int field, const char *name, uint64_t n) {
    buffer dim = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    put_number(&dim, 1, n);
    put_message(&shape, 1, &dim);
    put_number(&tensor, 1, 1);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&value, 1, name);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
    free(dim.data);
    free(shape.data);
    free(tensor.data);
    free(type.data);
    free(value.data);
}

enum { N_LARGE = 6, LARGE = 1 << 20, N_NODES = 1000 };

/* y = x + w0 + w1 + ...: scalars mostly, and N_LARGE tensors of LARGE floats. */
static void write_model(const char *path) {
    buffer graph = {0}, part = {0}, model = {0};
    char name[32], from[32];
    float *weights = calloc(LARGE, sizeof *weights);
    if (!weights)
        exit(99);
    for (int i = 0; i < LARGE; i++)
        weights[i] = (float)i;
    for (int i = 0; i < N_NODES; i++) {
        size_t n = i % (N_NODES / N_LARGE) == 0 && i / (N_NODES / N_LARGE) < N_LARGE ? LARGE : 1;
        snprintf(from, sizeof from, i ? "v%d" : "x", i);
        put_text(&part, 1, from);
        snprintf(name, sizeof name, "w%d", i);
        put_text(&part, 1, name);
        snprintf(from, sizeof from, i + 1 == N_NODES ? "y" : "v%d", i + 1);
        put_text(&part, 2, from);
        put_text(&part, 4, "Add");
        put_message(&graph, 1, &part);
        put_number(&part, 1, n);
        put_number(&part, 2, 1);
        put_text(&part, 8, name);
        put_bytes(&part, 9, weights, n * sizeof *weights);
        put_message(&graph, 5, &part);
    }
    put_text(&graph, 2, "sum");
    put_value(&graph, 11, "x", LARGE);
    put_value(&graph, 12, "y", LARGE);
    put_number(&model, 1, 8);
    put_number(&part, 2, 17);
    put_message(&model, 8, &part);
    put_message(&model, 7, &graph);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(model.data, 1, model.size, file) != model.size || fclose(file))
        exit(99);
    free(weights);
    free(graph.data);
    free(part.data);
    free(model.data);
}

/* ---- the measurement ---- */

/* A field of /proc/self/status in bytes; -1 when it is not there. */
static long long status_field(const char *field) {
    char line[256];
    long long kb = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && kb < 0 && fgets(line, sizeof line, file))
        if (!strncmp(line, field, strlen(field)))
            kb = atoll(line + strlen(field) + 1);
    if (file)
        fclose(file);
    return kb < 0 ? -1 : kb * 1024;
}

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
