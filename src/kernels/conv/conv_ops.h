/* The ISA bundle of the convolution algorithms: the inner loops that the drivers (conv_gemm.c, conv_direct.c,
 * conv_spectral.c, conv_winograd.c, conv_depthwise.c) call. conv_kernels_generic.c, _avx2.c and _avx512.c fill one each
 * from the same sources (conv_*_impl.h). */
#ifndef HONE_KERNELS_CONV_CONV_OPS_H
#define HONE_KERNELS_CONV_CONV_OPS_H

#include "kernels/conv/conv.h"
#include "kernels/gemm/gemm.h"

/* Where a tile of results goes: rows of `ld` floats, channel planes of `plane` floats. */
typedef struct hone__conv_out {
    const float *bias; /* of the first channel of the tile, or NULL */
    const float *z;    /* NULL: none */
    float *y;
    size_t plane;
    const hone_act *act;
} hone__conv_out;

/* The walk of a direct convolution over its input and weights, in floats. */
typedef struct hone__conv_walk {
    size_t n_c, n_r, n_s;     /* channels and taps */
    ptrdiff_t ms, cs, rs, ss; /* input strides: pixel, channel, kernel row, kernel column */
    size_t b_cs, b_rs;        /* weight strides: channel, kernel row */
} hone__conv_walk;

/* A patch of channels given to or taken from a transform. */
typedef struct hone__conv_patch {
    const float *x; /* first channel's plane */
    size_t plane;
    size_t h, w;
    ptrdiff_t h0, w0; /* of the tile; may lie outside */
    size_t n_c;       /* channels that exist, <= width of a vector */
} hone__conv_patch;

/* One channel plane of a depthwise convolution. */
typedef struct hone__conv_dw {
    const float *x, *weights, *z; /* z: NULL or like y */
    float *y, bias;
    size_t h, w, oh, ow;
    ptrdiff_t pad_top, pad_left;
    const hone_act *act;
} hone__conv_dw;

/* A tile of a convolution in the blocked layout: m pixels times up to two vectors of output channels (dense), or m
 * pixels of one block (depthwise). Strides in floats; taps [r0, r0+n_r) x [s0, s0+n_s) all lie inside the image. */
typedef struct hone__conv_btile {
    const float *x;               /* first pixel, first tap */
    const float *w;               /* of the first block: [block][kernel_h][kernel_w][channel][vectors] */
    ptrdiff_t ms, cs, bs, rs, ss; /* input: pixel, channel in a block, block, kernel row, kernel column */
    size_t n_c, block;            /* input channels, and how many make a block */
    size_t r0, s0, n_r, n_s, kernel_h, kernel_w;
    float *y;
    const float *z, *bias; /* or NULL */
    size_t y_ms, y_plane;  /* output: pixel, block of channels */
    size_t n_k;            /* output channels that exist: bounds reading the bias */
    const hone_act *act;
    /* The tile is repeated n_times, moving on by these steps (y_step for z too): along a row, down the rows, or (dense)
     * from panel to panel, which lie w_step apart and k_step channels. */
    size_t n_times;
    ptrdiff_t x_step;
    size_t y_step, w_step, k_step;
} hone__conv_btile;

/* One output pixel of a pooling in the blocked layout. */
typedef struct hone__conv_bpool {
    const float *x;
    float *y;
    ptrdiff_t rs, ss;
    size_t n_r, n_s;
    bool is_max;
    float factor; /* of the sum */
} hone__conv_bpool;

struct hone__conv_ops {
    const char *isa;
    const hone__gemm_kernel *gemm; /* of the same ISA: its packing transposes in registers */
    size_t vw;                     /* floats in a vector */
    size_t pv_mr, pv_nv;           /* pixel-vector kernel: channels, vectors of pixels */
    size_t cv_mr;                  /* channel-vector kernel: pixels; it always works on up to two vectors of channels */

    /* c[m][nv*vw] (+)= a[k][pv_mr] * b[k][nv*vw]; m <= pv_mr, nv <= pv_nv. */
    void (*pv)(size_t m, size_t nv, size_t k, const float *a, const float *b, float *c, size_t ldc, bool accumulate);
    /* c[m][nv*vw] (+)= sum over k of a[m*ms + k*ks] * b[k][nv*vw]; m <= cv_mr, nv <= 2. */
    void (*cv)(size_t m, size_t nv, size_t k, const float *a, ptrdiff_t ms, ptrdiff_t ks, const float *b, float *c,
               size_t ldc, bool accumulate);
    /* The same with the walk of a convolution. */
    void (*cv_walk)(size_t m, size_t nv, const hone__conv_walk *walk, const float *a, const float *b, float *c,
                    size_t ldc, bool accumulate);

    /* Stores tile[rows][cols] (rows are channels). */
    void (*store_rows)(const float *tile, size_t ldt, size_t rows, size_t cols, const hone__conv_out *out);
    /* Stores tile[m][nc] (rows are pixels, columns channels): transposes. */
    void (*store_columns)(const float *tile, size_t ldt, size_t m, size_t nc, const hone__conv_out *out);

    /* B panels of pv_nv vectors from rows of a matrix: src[k][ld], `cols` of them; missing ones become 0. */
    void (*pack_rows)(const float *src, size_t ld, size_t k, size_t cols, float *dst);
    /* The same through an index table: see conv_gemm.c. */
    void (*pack_table)(const float *x, const int32_t *tap_offset, const uint8_t *tap_index, size_t k,
                       const int32_t *pixel_offset, const uint8_t *is_run, const uint16_t *mask, size_t mask_stride,
                       size_t n_vec, float *dst);

    /* Winograd of output tile m (2, 4, 5, 6): v[freq*fs + lane], patch of one vector of channels; the next one
     * called for goes to v + next. */
    void (*winograd_in)(int m, const hone__conv_patch *patch, float *v, size_t fs, size_t next);
    /* Writes rows x cols (<= m) pixels of n_c channels at y (and reads z there); ld: floats in a row. */
    void (*winograd_out)(int m, const float *v, size_t fs, size_t n_c, size_t rows, size_t cols, size_t ld,
                         const hone__conv_out *out);
    /* The same on the blocked layout: x, y and z are a block of channels. */
    void (*winograd_in_blocked)(int m, const hone__conv_patch *patch, float *v, size_t fs, size_t next);
    void (*winograd_out_blocked)(int m, const float *v, size_t fs, size_t n_c, size_t rows, size_t cols, size_t ld,
                                 const hone__conv_out *out);
    void (*winograd_pack)(size_t t, const double (*g)[3], const hone_f32_unaligned *w, size_t k_stride, size_t n_k,
                          size_t width, float *u, size_t fs);
    /* Transformed weights in fp32: taps[c][9][nv*vw] to u[f*fs + c*nv*vw + lane], c < n_c. */
    void (*winograd_weights)(int m, const float *taps, size_t n_c, size_t nv, float *u, size_t fs);
    /* FFT of lh x lw tiles (powers of two). Real part at v[freq*fs], imaginary at v[freq*fs + im]. tw: twiddles, see
     * conv_spectral.c. scratch: 6 * max(lh, 2) * lw vectors. */
    void (*fft_in)(size_t lh, size_t lw, const float *tw, const hone__conv_patch *patch, float *v, size_t fs, size_t im,
                   float *scratch);
    void (*fft_out)(size_t lh, size_t lw, const float *tw, const float *v, size_t fs, size_t im, size_t n_c,
                    size_t rows, size_t cols, size_t ld, const hone__conv_out *out, float *scratch);

    /* The plane of a k x k kernel with one stride; false when that pair has no kernel of its own (see fir). */
    bool (*depthwise_plane)(size_t k, size_t stride, const hone__conv_dw *plane);
    /* flat[i] = sum over taps of w[t] * x[i + offset[t]], i < n; n is a multiple of vw. */
    void (*fir)(const float *x, const int32_t *offset, const float *w, size_t n_taps, size_t n, float *flat);
    /* Row copies with stride: dst[i] = x[i*stride], i < n. */
    void (*copy_strided)(const float *x, size_t stride, size_t n, float *dst);

    /* The blocked layout (conv_blocked_impl.h). m <= cv_mr, nv <= 2; _half: vectors of vw/2 channels, or NULL. */
    void (*blocked_tile)(size_t m, size_t nv, const hone__conv_btile *tile);
    void (*blocked_tile_half)(size_t m, size_t nv, const hone__conv_btile *tile);
    /* out[c][l] = w[c][l] * s[c], c < n_c, l < width */
    void (*scale_rows)(const float *w, const float *s, size_t n_c, size_t width, float *out);
    size_t dw_mr;
    void (*blocked_dw)(size_t m, const hone__conv_btile *tile); /* m <= dw_mr */
    void (*block_from_planes)(const float *x, size_t plane, size_t n_c, size_t n, float *y);
    void (*block_to_planes)(const float *x, size_t n_c, size_t n, float *y, size_t plane);
    void (*blocked_pool)(const hone__conv_bpool *pool);
    /* y[i] = x[i*stride], a vector each, i < n; x[i] op s; and x[i] * scale + shift. */
    void (*block_gather)(const float *x, size_t stride, size_t n, float *y);
    void (*block_scale)(const float *x, const float *s, size_t n, bool is_add, float *y);
    void (*block_affine)(const float *x, const float *scale, const float *shift, size_t n, float *y);
};

extern const hone__conv_ops hone__conv_ops_generic, hone__conv_ops_avx2, hone__conv_ops_avx512;

/* The best bundle for these bits of hone_isa. */
const hone__conv_ops *hone__conv_ops_for(uint32_t isa);

/* Taps [*first, *first + count) of output position `at` that lie inside. */
size_t hone__conv_taps(size_t in, size_t kernel, size_t stride, size_t dilation, size_t pad, size_t at, size_t *first);

/* Rounded-up division and products that must not wrap. */
static inline size_t hone__conv_ceil(size_t a, size_t b) { return (a + b - 1) / b; }

#endif
