/* Buffers for kernel tests: floats at any alignment between guard bytes, filled with repeatable
 * random numbers, so that a kernel that reads or writes past an end is seen (reads by ASan and by
 * the NaNs around the data, writes by guarded_check). */
#ifndef HONE_TESTS_GUARDED_H
#define HONE_TESTS_GUARDED_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 128 };

typedef struct guarded {
    unsigned char *base;
    float *data; /* [n], `shift` floats past a 64-byte boundary */
    size_t n, shift;
} guarded;

static inline guarded guarded_create(size_t n, size_t shift) {
    guarded g = {NULL, NULL, n, shift};
    const size_t size = (GUARD + (n + shift) * sizeof(float) + GUARD + 63) / 64 * 64;
    g.base = aligned_alloc(64, size);
    memset(g.base, 0xFF, size); /* as floats: NaN */
    g.data = (float *)(void *)(g.base + GUARD) + shift;
    return g;
}
static inline int guarded_check(const guarded *g) {
    const unsigned char *begin = (const unsigned char *)g->data, *end = (const unsigned char *)(g->data + g->n);
    for (const unsigned char *p = g->base; p < begin; p++)
        if (*p != 0xFF)
            return 0;
    for (const unsigned char *p = end; p < end + GUARD; p++)
        if (*p != 0xFF)
            return 0;
    return 1;
}
static inline void guarded_destroy(guarded *g) { free(g->base); }

/* xorshift64*: the same numbers on every machine. */
static inline uint64_t test_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 2685821657736338717u;
}
static inline float test_uniform(uint64_t *state, float low, float high) {
    return low + (high - low) * (float)(test_random(state) >> 40) * 0x1p-24f;
}
static inline void guarded_random(guarded *g, uint64_t *state, float low, float high) {
    for (size_t i = 0; i < g->n; i++)
        g->data[i] = test_uniform(state, low, high);
}

/* Lengths around the vectors' ends. */
static const size_t awkward_lengths[] = {0,  1,  2,  3,  4,  5,  7,  8,   9,   15,  16,  17,  31,
                                         32, 33, 47, 63, 64, 65, 97, 127, 128, 129, 255, 1000};
enum { N_AWKWARD = sizeof awkward_lengths / sizeof awkward_lengths[0] };

#endif
