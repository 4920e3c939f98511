/* What sharing the machine costs: two sessions of a model, each with its own thread that calls it, run one after the
 * other and at once. They share one pool of threads; a call that finds the pool busy runs alone. "at once" must not
 * give fewer answers per second than taking turns.
 *
 *     bench_sessions MODEL [--dim N|SYMBOL=N] [--threads N] [--seconds S]
 *
 * Prints answers per second: one session alone, and two at once, in alternating rounds. */
#include "bench_inputs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_INPUTS = 64, N_SESSIONS = 2, ROUNDS = 4 };

typedef struct caller {
    hone_session *session;
    hone_request *request;
    hone_tensor *inputs[MAX_INPUTS];
    double seconds;
    long n_runs;
} caller;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void check(hone_status status, const hone_error *error) {
    if (status == HONE_OK)
        return;
    fprintf(stderr, "bench_sessions: %s\n", error->message);
    exit(1);
}

static void *call(void *arg) {
    caller *c = arg;
    hone_error error = {0};
    const double end = now() + c->seconds;
    for (c->n_runs = 0; now() < end; c->n_runs++)
        check(hone_request_run(c->request, &error), &error);
    return NULL;
}

/* Answers per second of the first n callers at once. */
static double measure(caller *callers, int n, double seconds) {
    pthread_t threads[N_SESSIONS];
    const double start = now();
    for (int i = 0; i < n; i++) {
        callers[i].seconds = seconds;
        if (pthread_create(&threads[i], NULL, call, &callers[i]) != 0)
            exit(1);
    }
    long n_runs = 0;
    for (int i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
        n_runs += callers[i].n_runs;
    }
    return (double)n_runs / (now() - start);
}

int main(int argc, char **argv) {
    bench_dims dims = BENCH_DIMS_ONE;
    const char *path = NULL, *threads = "0";
    double seconds = 2;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--dim") == 0 && i + 1 < argc)
            bench_dims_set(&dims, argv[++i]);
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = argv[++i];
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            seconds = atof(argv[++i]);
        else
            path = argv[i];
    }
    if (!path) {
        fprintf(stderr, "usage: bench_sessions MODEL [--dim N|SYMBOL=N] [--threads N] [--seconds S]\n");
        return 2;
    }
    hone_error error = {0};
    hone_options *options;
    check(hone_options_create(&options, &error), &error);
    check(hone_options_set(options, "intra_op_num_threads", threads, &error), &error);
    static caller callers[N_SESSIONS];
    for (int k = 0; k < N_SESSIONS; k++) {
        caller *c = &callers[k];
        check(hone_session_create_from_file(path, options, &c->session, &error), &error);
        check(hone_request_create(c->session, &c->request, &error), &error);
        for (size_t i = 0; i < hone_session_input_count(c->session) && i < MAX_INPUTS; i++) {
            check(bench_make_input(hone_session_get_input(c->session, i), &dims, &c->inputs[i], &error), &error);
            check(hone_request_set_input(c->request, i, c->inputs[i], &error), &error);
        }
        check(hone_request_run(c->request, &error), &error);
    }
    double alone = 0, at_once = 0;
    for (int r = 0; r < ROUNDS; r++) {
        alone += measure(callers, 1, seconds / ROUNDS) / ROUNDS;
        at_once += measure(callers, N_SESSIONS, seconds / ROUNDS) / ROUNDS;
    }
    printf("one session %.1f per second, two at once %.1f per second together: ratio %.3f\n", alone, at_once,
           at_once / alone);
    for (int k = 0; k < N_SESSIONS; k++) {
        hone_request_destroy(callers[k].request);
        hone_session_destroy(callers[k].session);
        for (size_t i = 0; i < MAX_INPUTS; i++)
            hone_tensor_destroy(callers[k].inputs[i]);
    }
    hone_options_destroy(options);
    return 0;
}
