/* Normalisations of float32 along a contiguous run (or along columns, for Softmax over an inner axis).
 * exec/cpu/cpu_norm.c finds the runs and splits them between threads. The output may be the input.
 * Means and variances are two-pass (no sum of squares minus square of sum), in float32 with several
 * vector accumulators. One row per ISA, from plain C upwards. */
#ifndef HONE_KERNELS_NORM_H
#define HONE_KERNELS_NORM_H

#include <stddef.h>
#include <stdint.h>

typedef struct hone_norm_row {
    const char *isa_name;
    uint32_t isa;
    /* y = exp(x - max) / sum, or its logarithm. */
    void (*softmax)(const float *x, float *y, size_t n);
    void (*log_softmax)(const float *x, float *y, size_t n);
    /* The same over n elements `stride` floats apart, for `width` adjacent columns. */
    void (*softmax_columns)(const float *x, float *y, size_t n, size_t stride, size_t width);
    void (*log_softmax_columns)(const float *x, float *y, size_t n, size_t stride, size_t width);
    /* y = (x - mean) / sqrt(var + eps) * scale + bias; scale and bias are [n] or NULL. */
    void (*layer_norm)(const float *x, const float *scale, const float *bias, float *y, size_t n, float eps);
    /* y = x / sqrt(mean(x^2) + eps) * scale; scale is [n] or NULL. */
    void (*rms_norm)(const float *x, const float *scale, float *y, size_t n, float eps);
    /* y = x * scale + shift with scalars. */
    void (*affine)(const float *x, float *y, size_t n, float scale, float shift);
    /* y = (x - mean) * scale + shift: exact where the mean is far larger than the deviation. */
    void (*centred_affine)(const float *x, float *y, size_t n, float mean, float scale, float shift);
    /* Mean and biased variance. */
    void (*moments)(const float *x, size_t n, float *mean, float *variance);
    /* Local response normalisation of `width` positions of channel c of x [channels][stride]:
     * y = x / (bias + alpha / size * sum of squares over size channels around c)^beta. */
    void (*lrn)(const float *x, float *y, size_t channels, size_t stride, size_t c, size_t width, size_t size,
                float alpha, float beta, float bias);
} hone_norm_row;

extern const hone_norm_row hone_norm_row__generic, hone_norm_row__avx2, hone_norm_row__avx512;
const hone_norm_row *hone_norm_select(uint32_t isa);
const hone_norm_row *const *hone_norm_rows(size_t *n);

#endif
