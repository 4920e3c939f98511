/* Two-dimensional max and average pooling of float32 planes, one output row at a time and in two
 * steps: the input rows of the window are first joined into one row (vectorised along the width,
 * whatever the stride), then the columns of each window. That takes kernel_h + kernel_w steps per output
 * instead of kernel_h * kernel_w. One row per ISA, from plain C upwards. */
#ifndef HONE_KERNELS_POOLING_H
#define HONE_KERNELS_POOLING_H

#include <stddef.h>
#include <stdint.h>

typedef struct hone_pool2d {
    int64_t in_h, in_w, out_h, out_w;
    int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
} hone_pool2d;

/* Floats of scratch memory that a row needs: the padded row and room for a vector's over-read. */
static inline size_t hone_pool2d_buffer(const hone_pool2d *p) {
    return (size_t)((p->out_w - 1) * p->stride_w + (p->kernel_w - 1) * p->dilation_w + 1) + 64;
}

typedef struct hone_pool_row {
    const char *isa_name;
    uint32_t isa;
    /* y: [out_w], output row oh of one plane x: [in_h, in_w]. NaN wins; a window wholly in the padding
     * gives -inf. */
    void (*max)(const hone_pool2d *p, const float *x, int64_t oh, float *y, float *buffer);
    /* The sum of each window, padding as zero, times factor_h * factors_w[ow]: the binding decides
     * what counts. */
    void (*average)(const hone_pool2d *p, const float *x, int64_t oh, float factor_h, const float *factors_w, float *y,
                    float *buffer);
} hone_pool_row;

extern const hone_pool_row hone_pool_row__generic, hone_pool_row__avx2, hone_pool_row__avx512;
const hone_pool_row *hone_pool_select(uint32_t isa);
const hone_pool_row *const *hone_pool_rows(size_t *n);

#endif
