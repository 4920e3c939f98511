/* Reductions of float32: a contiguous run to one value, or many runs into one run of accumulators.
 * exec/cpu/cpu_reduce.c turns any set of axes into these two. Sums use several vector accumulators, so
 * their order differs from a plain loop's (and their error is smaller). MAX and MIN give NaN when an
 * element is NaN. One row per ISA, from plain C upwards. */
#ifndef HONE_KERNELS_REDUCE_H
#define HONE_KERNELS_REDUCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(NAME, name, value of an empty reduction) */
#define HONE_REDUCE_TABLE(X)                                                                                           \
    X(SUM, sum, 0.0f)                                                                                                  \
    X(SUM_ABS, sum_abs, 0.0f)                                                                                          \
    X(SUM_SQUARE, sum_square, 0.0f)                                                                                    \
    X(PROD, prod, 1.0f)                                                                                                \
    X(MAX, max, -INFINITY)                                                                                             \
    X(MIN, min, INFINITY)

typedef enum hone_reduce_kind {
#define HONE_REDUCE_ENUM(NAME, name, empty) HONE_REDUCE_##NAME,
    HONE_REDUCE_TABLE(HONE_REDUCE_ENUM)
#undef HONE_REDUCE_ENUM
        HONE_REDUCE_COUNT
} hone_reduce_kind;

typedef struct hone_reduce_row {
    const char *isa_name;
    uint32_t isa;
    float (*run[HONE_REDUCE_COUNT])(const float *x, size_t n);
    /* acc[i] = acc[i] (op) x[i]; acc starts as the value of an empty reduction. */
    void (*accumulate[HONE_REDUCE_COUNT])(float *acc, const float *x, size_t n);
    /* Index of the first (or last) greatest element, the first NaN if there is one; n > 0. */
    size_t (*argmax)(const float *x, size_t n, bool last);
} hone_reduce_row;

extern const hone_reduce_row hone_reduce_row__generic, hone_reduce_row__avx2, hone_reduce_row__avx512;
const hone_reduce_row *hone_reduce_select(uint32_t isa);
const hone_reduce_row *const *hone_reduce_rows(size_t *n);
float hone_reduce_empty(hone_reduce_kind kind);
const char *hone_reduce_name(hone_reduce_kind kind);

/* The same for `width` columns of n elements that lie `stride` floats apart. Plain C. */
void hone_f32_argmax_columns(const float *x, size_t n, size_t stride, size_t width, bool last, int64_t *index);

#endif
