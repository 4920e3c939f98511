/* Time per kind of node of a model: where a run's time goes, by operator and kernel. Inputs are small random
 * numbers (integers are 0 or 1, so that they are valid indices); unknown dims become 1, or what --dim
 * says.
 *
 *     bench_nodes MODEL [--dim N|SYMBOL=N] [--threads N] [--runs N] [--each] */
#include "bench_inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    char name[200];
    double ms;
    int n;
} entry;

static int by_time(const void *a, const void *b) {
    const double x = ((const entry *)a)->ms, y = ((const entry *)b)->ms;
    return x < y ? 1 : x > y ? -1 : 0;
}

int main(int argc, char **argv) {
    hone_error error = {0};
    bench_dims dims = BENCH_DIMS_ONE;
    int runs = 20, each = 0;
    const char *path = NULL, *threads = "0";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--dim") == 0 && i + 1 < argc)
            bench_dims_set(&dims, argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = argv[++i];
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = atoi(argv[++i]);
        else if (strcmp(argv[i], "--each") == 0)
            each = 1;
        else
            path = argv[i];
    }
    hone_options *options = NULL;
    hone_session *session = NULL;
    hone_request *request = NULL;
    if (!path || hone_options_create(&options, &error) != HONE_OK ||
        hone_options_set(options, "intra_op_num_threads", threads, &error) != HONE_OK ||
        hone_session_create_from_file(path, options, &session, &error) != HONE_OK ||
        hone_request_create(session, &request, &error) != HONE_OK) {
        fprintf(stderr, "usage: bench_nodes MODEL [--dim N|SYMBOL=N] [--threads N] [--runs N] [--each]\n%s\n",
                error.message);
        return 1;
    }
    hone_session_set_profiling(session, true);
    hone_tensor *inputs[64] = {NULL};
    const size_t n_inputs = hone_session_input_count(session) < 64 ? hone_session_input_count(session) : 64;
    for (size_t i = 0; i < n_inputs; i++) {
        if (bench_make_input(hone_session_get_input(session, i), &dims, &inputs[i], &error) != HONE_OK ||
            hone_request_set_input(request, i, inputs[i], &error) != HONE_OK) {
            fprintf(stderr, "%s\n", error.message);
            return 1;
        }
    }
    const size_t n = hone_session_node_count(session);
    double *best = calloc(n, sizeof *best), total = 0;
    for (int r = 0; r < runs; r++) {
        if (hone_request_run(request, &error) != HONE_OK) {
            fprintf(stderr, "%s\n", error.message);
            return 1;
        }
        for (size_t i = 0; i < n; i++) {
            hone_node_report report;
            if (hone_session_get_node(session, i, &report, &error) == HONE_OK && (r == 0 || report.time_ms < best[i]))
                best[i] = report.time_ms;
        }
    }
    entry *entries = calloc(n + 1, sizeof *entries);
    size_t n_entries = 0, n_reorders = 0;
    for (size_t i = 0; i < n; i++) {
        hone_node_report report;
        char name[200];
        if (hone_session_get_node(session, i, &report, &error) != HONE_OK)
            continue;
        snprintf(name, sizeof name, "%s %s %s", report.op, report.kernel, report.algorithm);
        n_reorders += report.n_reorders;
        if (each)
            printf("%9.4f ms  %s  %s\n", best[i], name, report.name);
        size_t k = 0;
        while (k < n_entries && strcmp(entries[k].name, name) != 0)
            k++;
        if (k == n_entries)
            snprintf(entries[n_entries++].name, sizeof entries[0].name, "%s", name);
        entries[k].ms += best[i];
        entries[k].n++;
        total += best[i];
    }
    qsort(entries, n_entries, sizeof *entries, by_time);
    printf("%9.3f ms  sum of each node's fastest of %d runs; %zu reorders between layouts\n", total, runs, n_reorders);
    for (size_t k = 0; k < n_entries; k++)
        printf("%9.3f ms %5.1f %%  %4d x  %s\n", entries[k].ms, 100.0 * entries[k].ms / total, entries[k].n,
               entries[k].name);
    hone_request_destroy(request);
    hone_session_destroy(session);
    hone_options_destroy(options);
    for (size_t i = 0; i < n_inputs; i++)
        hone_tensor_destroy(inputs[i]);
    free(entries);
    free(best);
    return 0;
}
