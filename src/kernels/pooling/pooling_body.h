/* Bodies of the poolings, written once over hone__vf; see eltwise_body.h for how such a file is used. */
#include "kernels/pooling/pooling.h"

#include <math.h>
#include <stdbool.h>

typedef hone__vf vf;

/* A NaN in acc stays, one in x is taken; see reduce_body.h. */
static inline vf join_max(vf acc, vf x) { return hone__vf_select(hone__vf_eq(x, x), hone__vf_max(x, acc), x); }
static inline vf join_sum(vf acc, vf x) { return hone__vf_add(acc, x); }

/* Elements 0, 2, 4, ... of the 2 * HONE_VF_N at p. */
static inline vf load_even(const float *p) {
#if HONE_VF_N == 16
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_ps(_mm512_loadu_ps(p), even, _mm512_loadu_ps(p + 16));
#elif HONE_VF_N == 8
    const __m256 t = _mm256_shuffle_ps(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8), 0x88);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(t), 0xD8));
#else
    return (vf){p[0], p[2], p[4], p[6]};
#endif
}

/* Input rows of output row oh that lie inside the plane: taps [*first, *last). */
static inline void row_taps(const hone_pool2d *p, int64_t oh, int64_t *first, int64_t *last) {
    const int64_t start = oh * p->stride_h - p->pad_top;
    *first = start >= 0 ? 0 : (-start + p->dilation_h - 1) / p->dilation_h;
    *last = start >= p->in_h ? 0 : (p->in_h - 1 - start) / p->dilation_h + 1;
    if (*last > p->kernel_h)
        *last = p->kernel_h;
}

/* The two steps, for join_max (empty: -inf) and join_sum (empty: 0). buffer[j] stands for the input
 * column j - pad_left. */
#define DEFINE_STEPS(name, join, empty)                                                                                \
    static void name##_rows(const hone_pool2d *p, const float *x, int64_t oh, float *buffer, int64_t width) {          \
        int64_t first, last, begin = p->pad_left, end = p->pad_left + p->in_w;                                         \
        row_taps(p, oh, &first, &last);                                                                                \
        if (end > width)                                                                                               \
            end = width;                                                                                               \
        if (first >= last || begin >= end)                                                                             \
            begin = end = 0;                                                                                           \
        for (int64_t j = 0; j < begin; j++)                                                                            \
            buffer[j] = empty;                                                                                         \
        for (int64_t j = end; j < width; j++)                                                                          \
            buffer[j] = empty;                                                                                         \
        const float *row = x + (oh * p->stride_h - p->pad_top + first * p->dilation_h) * p->in_w;                      \
        const int64_t step = p->dilation_h * p->in_w, n = end - begin, taps = last - first;                            \
        for (int64_t j = 0; j < n; j += HONE_VF_N) {                                                                   \
            const size_t m = n - j < HONE_VF_N ? (size_t)(n - j) : HONE_VF_N;                                          \
            const float *q = row + j;                                                                                  \
            vf acc = hone__vf_set1(empty);                                                                             \
            if (m == HONE_VF_N) {                                                                                      \
                for (int64_t k = 0; k < taps; k++, q += step)                                                          \
                    acc = join(acc, hone__vf_load(q));                                                                 \
                hone__vf_store(buffer + begin + j, acc);                                                               \
            } else {                                                                                                   \
                for (int64_t k = 0; k < taps; k++, q += step)                                                          \
                    acc = join(acc, hone__vf_load_n(q, m));                                                            \
                hone__vf_store_n(buffer + begin + j, acc, m);                                                          \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static inline vf name##_columns(const hone_pool2d *p, const float *b) {                                            \
        vf acc = hone__vf_set1(empty);                                                                                 \
        if (p->stride_w == 1) {                                                                                        \
            for (int64_t k = 0; k < p->kernel_w; k++)                                                                  \
                acc = join(acc, hone__vf_load(b + k * p->dilation_w));                                                 \
        } else {                                                                                                       \
            for (int64_t k = 0; k < p->kernel_w; k++)                                                                  \
                acc = join(acc, load_even(b + k * p->dilation_w));                                                     \
        }                                                                                                              \
        return acc;                                                                                                    \
    }
DEFINE_STEPS(max, join_max, -INFINITY)
DEFINE_STEPS(sum, join_sum, 0.0f)
#undef DEFINE_STEPS

static inline int64_t padded_width(const hone_pool2d *p) {
    return (p->out_w - 1) * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1;
}

/* Vectors of outputs read past the padded row: into the buffer's slack, whose values are dropped. */
static void max_row(const hone_pool2d *p, const float *x, int64_t oh, float *y, float *buffer) {
    const int64_t width = padded_width(p);
    max_rows(p, x, oh, buffer, width);
    for (int64_t i = 0; i < 64; i++)
        buffer[width + i] = -INFINITY;
    if (p->stride_w <= 2 && p->out_w > 1) {
        for (int64_t i = 0; i < p->out_w; i += HONE_VF_N) {
            const size_t m = p->out_w - i < HONE_VF_N ? (size_t)(p->out_w - i) : HONE_VF_N;
            hone__vf_store_n(y + i, max_columns(p, buffer + i * p->stride_w), m);
        }
        return;
    }
    for (int64_t i = 0; i < p->out_w; i++) {
        float acc = -INFINITY;
        for (int64_t k = 0; k < p->kernel_w; k++) {
            const float v = buffer[i * p->stride_w + k * p->dilation_w];
            acc = v > acc || v != v ? v : acc;
        }
        y[i] = acc;
    }
}

static void average_row(const hone_pool2d *p, const float *x, int64_t oh, float factor_h, const float *factors_w,
                        float *y, float *buffer) {
    const int64_t width = padded_width(p);
    sum_rows(p, x, oh, buffer, width);
    for (int64_t i = 0; i < 64; i++)
        buffer[width + i] = 0.0f;
    if (p->stride_w <= 2 && p->out_w > 1) {
        const vf f = hone__vf_set1(factor_h);
        for (int64_t i = 0; i < p->out_w; i += HONE_VF_N) {
            const size_t m = p->out_w - i < HONE_VF_N ? (size_t)(p->out_w - i) : HONE_VF_N;
            const vf s = hone__vf_mul(sum_columns(p, buffer + i * p->stride_w), f);
            hone__vf_store_n(y + i, hone__vf_mul(s, hone__vf_load_n(factors_w + i, m)), m);
        }
        return;
    }
    for (int64_t i = 0; i < p->out_w; i++) {
        float acc = 0.0f;
        for (int64_t k = 0; k < p->kernel_w; k++)
            acc += buffer[i * p->stride_w + k * p->dilation_w];
        y[i] = acc * factor_h * factors_w[i];
    }
}

const hone_pool_row HONE_ISA(hone_pool_row) = {
    .isa_name = HONE_ISA_TEXT,
    .isa = HONE_ISA_BITS,
    .max = max_row,
    .average = average_row,
};
