/* The monotonic clock. */
#ifndef HONE_BASE_CLOCK_H
#define HONE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t hone__now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static inline double hone__ms_since(uint64_t start_ns) { return (double)(hone__now_ns() - start_ns) * 1e-6; }

#endif
