/* What the convolution drivers share: rows' functions named for the table in conv_table.c, and sizes. */
#ifndef HONE_KERNELS_CONV_CONV_INTERNAL_H
#define HONE_KERNELS_CONV_CONV_INTERNAL_H

#include "kernels/conv/conv_ops.h"

#include "base/checked.h"

/* Variants of the GEMM family (conv_gemm.c): how B panels come about. */
enum { HONE_CONV_PACK_SEGMENTS, HONE_CONV_PACK_TABLE, HONE_CONV_PACK_IM2COL, HONE_CONV_PACK_POINTWISE };

enum { HONE_CONV_FFT_MAX = 1024 }; /* longest side of an FFT tile */

/* Families of packed weights, in the upper byte of pack_key. */
enum {
    HONE_CONV_KEY_GEMM = 1,
    HONE_CONV_KEY_DIRECT,
    HONE_CONV_KEY_DEPTHWISE,
    HONE_CONV_KEY_WINOGRAD,
    HONE_CONV_KEY_FFT,
    HONE_CONV_KEY_BLOCKED,
    HONE_CONV_KEY_BLOCKED_DEPTHWISE
};

/* Floats to bytes, rounded up to a whole number of cache lines; false on overflow. */
static inline bool hone__conv_bytes(size_t floats, size_t *bytes) {
    if (floats > SIZE_MAX / 8)
        return false;
    *bytes = hone__round_up(floats * 4, 64);
    return true;
}
/* Product of four sizes, or false. */
static inline bool hone__conv_product(size_t a, size_t b, size_t c, size_t d, size_t *out) {
    size_t p;
    return hone__mul_size(a, b, &p) && hone__mul_size(p, c, &p) && hone__mul_size(p, d, out);
}

bool hone__conv_gemm_applicable(const hone__conv_desc *desc);
bool hone__conv_pointwise_applicable(const hone__conv_desc *desc);
bool hone__conv_gemm_plan_fill(hone__conv_plan *plan);
void hone__conv_gemm_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
void hone__conv_gemm_table(const hone__conv_plan *plan, void *table);
size_t hone__conv_gemm_tasks(const hone__conv_plan *plan, size_t phase);
void hone__conv_gemm_run(const hone__conv_args *args, size_t phase, size_t task, int thread);

bool hone__conv_direct_applicable(const hone__conv_desc *desc);
bool hone__conv_direct_plan_fill(hone__conv_plan *plan);
void hone__conv_direct_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
size_t hone__conv_direct_tasks(const hone__conv_plan *plan, size_t phase);
void hone__conv_direct_run(const hone__conv_args *args, size_t phase, size_t task, int thread);

bool hone__conv_winograd_applicable(const hone__conv_desc *desc);
bool hone__conv_winograd63_applicable(const hone__conv_desc *desc);
bool hone__conv_winograd_plan_fill(hone__conv_plan *plan);
void hone__conv_winograd_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
size_t hone__conv_winograd_tasks(const hone__conv_plan *plan, size_t phase);
double hone__conv_winograd_cost(const hone__conv_plan *plan); /* vector multiply-adds of the slowest thread */
void hone__conv_winograd_run(const hone__conv_args *args, size_t phase, size_t task, int thread);
bool hone__conv_fft_applicable(const hone__conv_desc *desc);
bool hone__conv_spectral_plan_fill(hone__conv_plan *plan);
void hone__conv_spectral_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
void hone__conv_spectral_table(const hone__conv_plan *plan, void *table);
size_t hone__conv_spectral_tasks(const hone__conv_plan *plan, size_t phase);
void hone__conv_spectral_run(const hone__conv_args *args, size_t phase, size_t task, int thread);

bool hone__conv_depthwise_applicable(const hone__conv_desc *desc);
bool hone__conv_depthwise_plan_fill(hone__conv_plan *plan);
void hone__conv_depthwise_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
void hone__conv_depthwise_table(const hone__conv_plan *plan, void *table);
size_t hone__conv_depthwise_tasks(const hone__conv_plan *plan, size_t phase);
void hone__conv_depthwise_run(const hone__conv_args *args, size_t phase, size_t task, int thread);

bool hone__conv_blocked_direct_applicable(const hone__conv_desc *desc);
bool hone__conv_blocked_pointwise_applicable(const hone__conv_desc *desc);
bool hone__conv_blocked_plan_fill(hone__conv_plan *plan);
void hone__conv_blocked_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
size_t hone__conv_blocked_tasks(const hone__conv_plan *plan, size_t phase);
void hone__conv_blocked_run(const hone__conv_args *args, size_t phase, size_t task, int thread);
bool hone__conv_blocked_dw_applicable(const hone__conv_desc *desc);
bool hone__conv_blocked_dw_plan_fill(hone__conv_plan *plan);
void hone__conv_blocked_dw_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
void hone__conv_blocked_dw_run(const hone__conv_args *args, size_t phase, size_t task, int thread);
/* Output positions of one dimension whose taps all lie inside: [*lo, *hi). */
void hone__conv_inside(size_t in, size_t out, size_t kernel, size_t stride, size_t dilation, size_t pad, size_t *lo,
                       size_t *hi);
/* Weights in blocks of two vectors of output channels: [group][block][depth][lanes], the last block of as many vectors
 * as it needs; w: [groups*kg][depth]. */
void hone__conv_pack_blocks(const hone__conv_ops *ops, size_t groups, size_t kg, size_t depth,
                            const hone_f32_unaligned *w, float *packed);
/* Weights in panels of mr rows for the pixel-vector kernel: [rows/mr][depth][mr]; w: [rows][depth]. */
void hone__conv_pack_rows_panel(const hone_f32_unaligned *w, size_t rows, size_t depth, size_t row_stride,
                                size_t depth_stride, size_t mr, float *packed);
/* One block of GEMM through the pixel-vector kernel: panels of `packed` rows [row0, row0+rows) times B panels, stored
 * through out (first row's planes). scratch as hone__conv_gemm_block_scratch says. b: see pack_rows. */
typedef struct hone__conv_block {
    const hone__conv_ops *ops;
    const float *packed; /* panels of the first row */
    size_t depth, kc, rows, cols;
    float *b, *acc;
} hone__conv_block;
typedef void (*hone__conv_fill_b)(void *user, size_t k0, size_t kc, float *b);
void hone__conv_block_run(const hone__conv_block *block, hone__conv_fill_b fill, void *user, const hone__conv_out *out);
size_t hone__conv_block_scratch(const hone__conv_ops *ops, size_t depth, size_t kc, size_t rows, size_t cols,
                                size_t *b_floats);

#endif
