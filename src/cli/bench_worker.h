/* One configuration of `hone bench`, measured in a process of its own, so that its peak memory and start-up
 * are its own, and so that a crash is one failed row. The parent asks for runs in small portions and can
 * thereby interleave several configurations. */
#ifndef HONE_CLI_BENCH_WORKER_H
#define HONE_CLI_BENCH_WORKER_H

#include "cli/bench_outputs.h"
#include "cli/cli_session.h"

#include <hone/hone.h>
#include <sys/types.h>

typedef struct hone__bench_config {
    const char *model; /* path */
    int64_t batch;     /* 0: not given */
    const hone__cli_texts *shapes;
    hone__session_settings session;
    uint64_t seed;
} hone__bench_config;

/* What the worker says when it is ready. */
typedef struct hone__bench_start {
    double load_ms, first_run_ms; /* open, check, optimise, pack; then plan and the first run */
    int64_t batch;                /* first dimension of the first input that has two */
    int n_threads;
    char precision[16], backend[16];
    size_t n_assumed;  /* dimensions taken as 1 */
    char warning[400]; /* of the store of kernel choices, or "" */
} hone__bench_start;

typedef struct hone__bench_worker {
    pid_t pid;
    int to, from; /* pipes */
    hone__bench_start start;
    double peak_rss_mb;
    double *samples; /* milliseconds, in order */
    size_t n_samples, capacity;
    double total_ms;
} hone__bench_worker;

/* Starts the process and waits until the first run is done. Errors are those of the child, or INTERNAL when
 * it died. */
hone_status hone__bench_worker_start(const hone__bench_config *config, hone__bench_worker *worker, hone_error *error);

/* Makes n_untimed runs, then n timed ones, whose times are added to `samples` when keep is set; *elapsed_ms
 * is the sum of the timed ones. */
hone_status hone__bench_worker_run(hone__bench_worker *worker, uint32_t n_untimed, uint32_t n, bool keep,
                                   double *elapsed_ms, hone_error *error);

/* The outputs of its last run, which the caller releases. */
hone_status hone__bench_worker_outputs(hone__bench_worker *worker, hone__bench_outputs *out, hone_error *error);

/* Ends the process and frees the samples. */
void hone__bench_worker_stop(hone__bench_worker *worker);

#endif
