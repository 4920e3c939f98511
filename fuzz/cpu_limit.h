/* A limit on the processor time of one input, in all fuzz targets: libFuzzer's own -timeout counts the clock on the
 * wall, which on a busy machine blames inputs that take a few milliseconds. */
#ifndef HONE_FUZZ_CPU_LIMIT_H
#define HONE_FUZZ_CPU_LIMIT_H

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

enum { FUZZ_CPU_SECONDS = 10 };

/* libFuzzer keeps the input of whatever aborts. */
static inline void fuzz_out_of_time(int signal_number) {
    (void)signal_number;
    abort();
}

/* To be called at the start of every input. */
static inline void fuzz_limit_cpu(void) {
    static int is_installed;
    const struct itimerval limit = {{0, 0}, {FUZZ_CPU_SECONDS, 0}};
    if (!is_installed)
        (void)signal(SIGPROF, fuzz_out_of_time);
    is_installed = 1;
    (void)setitimer(ITIMER_PROF, &limit, NULL);
}

#endif
