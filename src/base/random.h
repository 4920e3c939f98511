/* A small seeded generator (SplitMix64: Steele, Lea, Flood, OOPSLA 2014): the same seed gives the same
 * numbers on every machine. Not for secrets. */
#ifndef HONE_BASE_RANDOM_H
#define HONE_BASE_RANDOM_H

#include <stdint.h>

static inline uint64_t hone__random_u64(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Uniform in [0, 1). */
static inline double hone__random_unit(uint64_t *state) { return (double)(hone__random_u64(state) >> 11) * 0x1p-53; }

/* Uniform in [0, n), n >= 1; the bias is below n / 2^64. */
static inline uint64_t hone__random_below(uint64_t *state, uint64_t n) {
    return (uint64_t)(((unsigned __int128)hone__random_u64(state) * n) >> 64);
}

#endif
