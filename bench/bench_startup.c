/* What it costs to get a model's first answer: opening the file, creating the session, the first run (planning
 * included), each in a process of its own, so that peak memory and page faults are this model's alone. Medians of
 * several processes; the file is in the page cache from the first one on.
 *
 *     bench_startup MODEL... [--dim N|SYMBOL=N] [--threads N] [--repeat N] [--level LEVEL]
 *
 * Columns: milliseconds of open, create and first run, their sum, a second run; peak resident MB, the bytes of the
 * model's parameters, the planner's lower bound of live activations, peak / (weights + bound) ("ratio"), packed weights
 * and planned arena in MB; minor page faults in thousands. */
#include "bench_inputs.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_INPUTS = 64, MAX_REPEAT = 51 };

typedef struct result {
    double open_ms, create_ms, first_ms, second_ms, sum_ms;
    double peak_mb, weights_mb, bound_mb, packed_mb, arena_mb, faults_k;
} result;

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void check(hone_status status, const hone_error *error) {
    if (status == HONE_OK)
        return;
    fprintf(stderr, "bench_startup: %s\n", error->message);
    exit(1);
}

/* Everything that a program does from its start to the second answer. */
static result measure(const char *path, const bench_dims *dims, const char *threads, const char *level) {
    hone_error error = {0};
    result r = {0};
    hone_options *options;
    hone_model *model;
    hone_session *session;
    hone_request *request;
    check(hone_options_create(&options, &error), &error);
    check(hone_options_set(options, "intra_op_num_threads", threads, &error), &error);
    check(hone_options_set(options, "graph_optimization_level", level, &error), &error);
    double t[5];
    t[0] = now_ms();
    check(hone_model_open(path, &model, &error), &error);
    t[1] = now_ms();
    check(hone_session_create(model, options, &session, &error), &error);
    t[2] = now_ms();
    check(hone_request_create(session, &request, &error), &error);
    hone_tensor *inputs[MAX_INPUTS] = {NULL};
    for (size_t i = 0; i < hone_session_input_count(session) && i < MAX_INPUTS; i++) {
        check(bench_make_input(hone_session_get_input(session, i), dims, &inputs[i], &error), &error);
        check(hone_request_set_input(request, i, inputs[i], &error), &error);
    }
    check(hone_request_run(request, &error), &error);
    t[3] = now_ms();
    check(hone_request_run(request, &error), &error);
    t[4] = now_ms();
    hone_session_stats stats;
    struct rusage usage;
    hone_session_get_stats(session, &stats);
    getrusage(RUSAGE_SELF, &usage);
    r.open_ms = t[1] - t[0];
    r.create_ms = t[2] - t[1];
    r.first_ms = t[3] - t[2];
    r.second_ms = t[4] - t[3];
    r.sum_ms = t[3] - t[0];
    r.peak_mb = (double)usage.ru_maxrss / 1024.0 * 1.048576;
    hone_model_cost cost;
    check(hone_model_get_cost(model, NULL, 0, &cost, &error), &error);
    r.weights_mb = (double)cost.parameter_bytes / 1e6;
    r.bound_mb = (double)stats.lower_bound / 1e6;
    r.packed_mb = (double)stats.packed_weights_size / 1e6;
    r.arena_mb = (double)stats.arena_size / 1e6;
    r.faults_k = (double)usage.ru_minflt / 1e3;
    return r; /* the process ends here: what closing costs is not part of a start */
}

static bool measure_in_child(const char *path, const bench_dims *dims, const char *threads, const char *level,
                             result *out) {
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    const pid_t child = fork();
    if (child < 0)
        return false;
    if (child == 0) {
        const result r = measure(path, dims, threads, level);
        _exit(write(ends[1], &r, sizeof r) == sizeof r ? 0 : 1);
    }
    close(ends[1]);
    const bool ok = read(ends[0], out, sizeof *out) == sizeof *out;
    close(ends[0]);
    int status;
    return waitpid(child, &status, 0) == child && ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of one field, a double at this offset. */
static double median(const result *r, int n, size_t offset) {
    double v[MAX_REPEAT];
    for (int i = 0; i < n; i++)
        memcpy(&v[i], (const char *)&r[i] + offset, sizeof v[i]);
    qsort(v, (size_t)n, sizeof v[0], by_value);
    return v[n / 2];
}

int main(int argc, char **argv) {
    bench_dims dims = BENCH_DIMS_ONE;
    int repeat = 5, n_models = 0;
    const char *threads = "0", *level = "ORT_ENABLE_ALL";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--dim") == 0 && i + 1 < argc)
            bench_dims_set(&dims, argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = argv[++i];
        else if (strcmp(argv[i], "--repeat") == 0 && i + 1 < argc)
            repeat = atoi(argv[++i]);
        else if (strcmp(argv[i], "--level") == 0 && i + 1 < argc)
            level = argv[++i];
        else
            argv[n_models++] = argv[i];
    }
    if (n_models == 0 || repeat < 1 || repeat > MAX_REPEAT) {
        fprintf(stderr,
                "usage: bench_startup MODEL... [--dim N|SYMBOL=N] [--threads N] [--repeat 1..%d] [--level LEVEL]\n",
                MAX_REPEAT);
        return 2;
    }
    printf("%-24s %7s %8s %8s %8s %8s | %8s %8s %7s %6s %8s %7s %8s\n", "model", "open", "create", "first", "sum",
           "second", "peak MB", "weights", "bound", "ratio", "packed", "arena", "faults k");
    fflush(stdout);
    for (int m = 0; m < n_models; m++) {
        result r[MAX_REPEAT];
        for (int i = 0; i < repeat; i++)
            if (!measure_in_child(argv[m], &dims, threads, level, &r[i]))
                return 1;
        const char *slash = strrchr(argv[m], '/');
#define MEDIAN(field) median(r, repeat, offsetof(result, field))
        const double peak = MEDIAN(peak_mb), weights = MEDIAN(weights_mb), bound = MEDIAN(bound_mb);
        printf("%-24s %7.1f %8.1f %8.1f %8.1f %8.1f | %8.1f %8.1f %7.1f %6.2f %8.1f %7.1f %8.1f\n",
               slash ? slash + 1 : argv[m], MEDIAN(open_ms), MEDIAN(create_ms), MEDIAN(first_ms), MEDIAN(sum_ms),
               MEDIAN(second_ms), peak, weights, bound, peak / (weights + bound), MEDIAN(packed_mb), MEDIAN(arena_mb),
               MEDIAN(faults_k));
        fflush(stdout);
    }
    return 0;
}
