/* What handing work to the thread pool costs: the time of a call whose tasks do nothing, right after another (workers
 * spin), and after pauses of growing length (they sleep in the end); and the delay until the last task has begun.
 *
 *     bench_pool [--threads N] [--spin-us N] */
#include "base/clock.h"
#include "pool/pool.h"

#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS = 400, MAX_THREADS = 256 };

static uint64_t g_begun[MAX_THREADS];

static void note_time(void *arg, size_t task, int thread) {
    (void)arg;
    (void)thread;
    g_begun[task] = hone__now_ns();
}

/* Tasks that last until every one of them has begun: each thread takes exactly one. */
typedef struct meeting {
    _Atomic int arrived;
    int n;
} meeting;

static void meet(void *arg, size_t task, int thread) {
    meeting *m = arg;
    note_time(NULL, task, thread);
    m->arrived++;
    const uint64_t start = hone__now_ns();
    while (m->arrived < m->n && hone__now_ns() - start < 2000000)
        ;
}

static void pause_for(uint64_t ns) {
    const uint64_t start = hone__now_ns();
    while (hone__now_ns() - start < ns)
        ;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(hone__pool *pool, int n_threads, uint64_t pause_ns) {
    static double call[CALLS], wake[CALLS];
    const int n = pause_ns > 100000 ? CALLS / 8 : CALLS;
    for (int i = 0; i < n; i++) {
        pause_for(pause_ns);
        const uint64_t start = hone__now_ns();
        hone__pool_run(pool, (size_t)n_threads, note_time, NULL);
        call[i] = (double)(hone__now_ns() - start) / 1e3;
    }
    for (int i = 0; i < n; i++) {
        meeting m = {0, n_threads};
        pause_for(pause_ns);
        const uint64_t start = hone__now_ns();
        hone__pool_run(pool, (size_t)n_threads, meet, &m);
        uint64_t last = 0;
        for (int t = 0; t < n_threads; t++)
            last = g_begun[t] > last ? g_begun[t] : last;
        wake[i] = (double)(last - start) / 1e3;
    }
    qsort(call, (size_t)n, sizeof call[0], by_value);
    qsort(wake, (size_t)n, sizeof wake[0], by_value);
    printf("pause %8.1f us   empty call %7.2f us (p90 %7.2f)   until the last thread works %7.2f us (p90 %7.2f)\n",
           (double)pause_ns / 1e3, call[n / 2], call[n * 9 / 10], wake[n / 2], wake[n * 9 / 10]);
}

int main(int argc, char **argv) {
    int n_threads = 0, spin_us = 200;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--threads") == 0)
            n_threads = atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--spin-us") == 0)
            spin_us = atoi(argv[i + 1]);
    }
    hone_error error = {0};
    hone_machine *machine = NULL;
    if (n_threads < 1 && hone_machine_create(&machine, &error) == HONE_OK)
        n_threads = hone_machine_get_info(machine)->n_usable;
    hone_machine_destroy(machine);
    hone__pool *pool = NULL;
    if (n_threads < 2 || n_threads > MAX_THREADS || hone__pool_create(n_threads, spin_us, &pool, &error) != HONE_OK) {
        fprintf(stderr, "bench_pool: needs 2 to %d threads %s\n", MAX_THREADS, error.message);
        return 1;
    }
    printf("%d threads, spin %d us\n", n_threads, spin_us);
    static const uint64_t pauses[] = {0, 1000, 10000, 100000, 1000000, 10000000};
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++)
        measure(pool, n_threads, pauses[i]);
    hone__pool_destroy(pool);
    return 0;
}
