/* No weight lives twice in a session: packed weights are as large as the model's, the pages of the file that held them
 * are let go, and neither creation nor the first run ever holds more. In bytes, not in time. The file is made here,
 * with weights that lie unaligned in it: four matrices, and four convolutions that Winograd serves. */
#include "proto_writer.h"

#include <hone/hone.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

enum { N = 4, CHANNELS = 256, SIDE = 8, WIDTH = 1536 };

static const size_t WEIGHTS = (size_t)N * (CHANNELS * CHANNELS * 9 + WIDTH * WIDTH) * sizeof(float);

static void put_node(buffer *graph, const char *op, const char *x, const char *w, const char *y, const char *name) {
    buffer node = {0}, attr = {0};
    put_text(&node, 1, x);
    put_text(&node, 1, w);
    put_text(&node, 2, y);
    put_text(&node, 3, name);
    put_text(&node, 4, op);
    if (!strcmp(op, "Conv")) {
        put_text(&attr, 1, "pads");
        for (int i = 0; i < 4; i++)
            put_number(&attr, 8, 1);
        put_number(&attr, 20, 7);
        put_message(&node, 5, &attr);
    }
    put_message(graph, 1, &node);
    free(node.data);
    free(attr.data);
}

/* z is [1, CHANNELS, SIDE, SIDE], x is [1, WIDTH]; each goes through N layers. */
static void write_model(const char *path) {
    buffer graph = {0};
    const uint64_t kernel[] = {CHANNELS, CHANNELS, 3, 3}, matrix[] = {WIDTH, WIDTH};
    const uint64_t image[] = {1, CHANNELS, SIDE, SIDE}, row[] = {1, WIDTH};
    const size_t most = WIDTH * WIDTH > CHANNELS * CHANNELS * 9 ? WIDTH * WIDTH : CHANNELS * CHANNELS * 9;
    float *weights = malloc(most * sizeof *weights);
    if (!weights)
        exit(99);
    for (size_t i = 0; i < most; i++)
        weights[i] = (float)(int)(i * 2654435761u % 2001u) * 1e-5f - 0.01f;
    put_text(&graph, 2, "startup");
    put_value(&graph, 11, "x0", row, 2);
    put_value(&graph, 11, "z0", image, 4);
    for (int i = 0; i < N; i++) {
        char from[8], to[8], name[40];
        /* Names of all lengths: the data behind them begin at every address modulo 4. */
        snprintf(name, sizeof name, "matrix%.*s", i + 1, "aaaaaaaa");
        snprintf(from, sizeof from, "x%d", i);
        snprintf(to, sizeof to, "x%d", i + 1);
        weights[0] = (float)i; /* equal weights would be shared */
        put_node(&graph, "MatMul", from, name, to, name + 1);
        put_initializer(&graph, name, matrix, 2, weights);
        snprintf(name, sizeof name, "kernel%.*s", i + 1, "aaaaaaaa");
        from[0] = to[0] = 'z';
        put_node(&graph, "Conv", from, name, to, name + 1);
        put_initializer(&graph, name, kernel, 4, weights);
    }
    put_value(&graph, 12, "x4", row, 2);
    put_value(&graph, 12, "z4", image, 4);
    write_proto(path, &graph);
    free(graph.data);
    free(weights);
}

static void check(hone_status status, const hone_error *error) {
    if (status == HONE_OK)
        return;
    fprintf(stderr, "%s\n", error->message);
    exit(1);
}

static int measure(const char *path) {
    hone_error error = {0};
    hone_session *session = NULL;
    hone_request *request = NULL;
    hone_session_stats stats;
    const long long before = status_field("VmRSS:");
    check(hone_session_create_from_file(path, NULL, &session, &error), &error);
    const long long created = status_field("VmRSS:");
    check(hone_request_create(session, &request, &error), &error);
    const int64_t dims[2][4] = {{1, WIDTH}, {1, CHANNELS, SIDE, SIDE}};
    hone_tensor *inputs[2];
    for (size_t i = 0; i < 2; i++) {
        check(hone_tensor_create(HONE_DTYPE_FLOAT, i ? 4 : 2, dims[i], &inputs[i], &error), &error);
        check(hone_request_set_input(request, i, inputs[i], &error), &error);
    }
    check(hone_request_run(request, &error), &error);
    const long long peak = status_field("VmHWM:");
    hone_session_get_stats(session, &stats);
    const double mb = 1e6, weights = (double)WEIGHTS, bound = 1.3 * (weights + (double)stats.lower_bound);
    printf("weights %.1f MB, packed %.1f MB; resident: created +%.1f MB, peak +%.1f MB, bound %.1f MB\n", weights / mb,
           (double)stats.packed_weights_size / mb, (double)(created - before) / mb, (double)(peak - before) / mb,
           bound / mb);
    int failed = 0;
    if ((double)stats.packed_weights_size > 1.1 * weights || (double)stats.packed_weights_size < 0.99 * weights) {
        fprintf(stderr, "packed weights are not as large as the model's\n");
        failed = 1;
    }
    if ((double)(peak - before) > bound) {
        fprintf(stderr, "the peak is above 1.3 times weights and live activations\n");
        failed = 1;
    }
    hone_request_destroy(request);
    hone_session_destroy(session);
    for (size_t i = 0; i < 2; i++)
        hone_tensor_destroy(inputs[i]);
    return failed;
}

int main(void) {
    if (getenv("MESON_EXE_WRAPPER")) {
        printf("skipped: resident memory under an emulator is the emulator's\n");
        return 77;
    }
#if defined(HAS_SANITIZER)
    printf("a sanitizer changes resident memory: SKIP\n");
    return 77;
#endif
    if (status_field("VmHWM:") < 0) {
        printf("the system does not tell resident memory: SKIP\n");
        return 77;
    }
    char path[] = "/tmp/hone_startup_XXXXXX";
    const int fd = mkstemp(path);
    if (fd < 0)
        return 99;
    close(fd);
    /* The writer's own buffers must not count: it runs in a process of its own. */
    fflush(stdout);
    const pid_t writer = fork();
    if (writer == 0) {
        write_model(path);
        _exit(0);
    }
    int status = 1;
    if (writer < 0 || waitpid(writer, &status, 0) != writer || status != 0)
        return 99;
    const int failed = measure(path);
    unlink(path);
    return failed;
}
