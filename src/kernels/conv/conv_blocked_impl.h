/* Kernels of the channel-blocked layout nChw<VW>c, compiled per ISA: tiles of dense convolutions (conv_blocked_body.h),
 * runs of pixels of depthwise ones, pooling, and reordering from and to NCHW. Borders never reach them: the driver
 * (conv_blocked.c) hands out tiles whose taps all lie inside the image. */
#ifndef HONE_KERNELS_CONV_CONV_BLOCKED_IMPL_H
#define HONE_KERNELS_CONV_CONV_BLOCKED_IMPL_H

#include "kernels/conv/conv_store_impl.h"

/* Activations beyond clamping, over n vectors `stride` floats apart that were just stored. Out of line: the bodies
 * that store stay small. The usual ones have a loop of their own. */
static __attribute__((noinline)) void blocked_act(float *y, size_t n, size_t stride, const hone_act *act) {
    const vf a = v_set1(act->a), b = v_set1(act->b);
#define ACT_LOOP(KIND)                                                                                                 \
    case KIND:                                                                                                         \
        for (size_t i = 0; i < n; i++, y += stride)                                                                    \
            v_store(y, hone__act_apply_vf(v_load(y), KIND, a, b));                                                     \
        break;
    switch (act->kind) {
        ACT_LOOP(HONE_ACT_HARD_SWISH)
        ACT_LOOP(HONE_ACT_SILU)
        ACT_LOOP(HONE_ACT_SIGMOID)
        ACT_LOOP(HONE_ACT_HARD_SIGMOID)
        ACT_LOOP(HONE_ACT_LEAKY_RELU)
    default:
        for (size_t i = 0; i < n; i++, y += stride)
            v_store(y, hone__act_apply_vf(v_load(y), act->kind, a, b));
    }
#undef ACT_LOOP
}

#define BT vf
#define BN(NAME) NAME
#define B_ACT blocked_act
#define BL VW
#define B_ZERO v_zero
#define B_SET1 v_set1
#define B_LOAD v_load
#define B_LOADN v_loadn
#define B_STORE v_store
#define B_FMA v_fma
#define B_ADD v_add
#define B_MAX v_max
#define B_MIN v_min
#include "kernels/conv/conv_blocked_body.h"

#if defined(__AVX512F__)
static __attribute__((noinline)) void blocked_act_half(float *y, size_t n, size_t stride, const hone_act *act) {
    for (size_t i = 0; i < n; i++)
        hone__act_apply_row(y + i * stride, y + i * stride, 8, act);
}

/* Half vectors: for groups of eight channels and a last block of which at most eight exist. */
#define BT __m256
#define BN(NAME) NAME##_half
#define B_ACT blocked_act_half
#define BL 8
#define B_ZERO _mm256_setzero_ps
#define B_SET1 _mm256_set1_ps
#define B_LOAD _mm256_loadu_ps
#define B_LOADN(P, N) _mm256_maskz_loadu_ps((__mmask8)((1u << (N)) - 1u), P)
#define B_STORE _mm256_storeu_ps
#define B_FMA _mm256_fmadd_ps
#define B_ADD _mm256_add_ps
#define B_MAX _mm256_max_ps
#define B_MIN _mm256_min_ps
#include "kernels/conv/conv_blocked_body.h"
#endif

static void scale_rows(const float *w, const float *s, size_t n_c, size_t width, float *out) {
    for (size_t c = 0; c < n_c; c++, w += width, out += width) {
        const vf sv = v_set1(s[c]);
        size_t l = 0;
        for (; l + VW <= width; l += VW)
            v_store(out + l, v_mul(v_load(w + l), sv));
        for (; l < width; l++)
            out[l] = w[l] * s[c];
    }
}

/* ---- depthwise ---- */

#if defined(__AVX512F__)
enum { DW_MR = 14 };
#define DW_ALL_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#else
enum { DW_MR = 12 };
#define DW_ALL_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#endif

/* One tile of m pixels at x, written at y. */
HONE_INLINE void blocked_dw_body(const size_t m, const bool is_flat, const hone__conv_btile *t, const act_vec *act,
                                 const vf bias, const float *x, const float *z, float *y) {
    vf s[DW_MR];
    HONE_UNROLL
    for (size_t i = 0; i < m; i++)
        s[i] = bias;
    const ptrdiff_t ms = is_flat ? VW : t->ms;
    const float *xr = x, *wr = t->w + (t->r0 * t->kernel_w + t->s0) * VW;
    for (size_t r = t->n_r; r; r--, xr += t->rs, wr += t->kernel_w * VW) {
        const float *p[(DW_MR + 2) / 3], *w = wr;
        HONE_UNROLL
        for (size_t g = 0; g < (m + 2) / 3; g++)
            p[g] = xr + (ptrdiff_t)(3 * g) * ms;
        for (size_t q = t->n_s; q; q--, w += VW) {
            const vf wv = v_load(w);
            HONE_UNROLL
            for (size_t i = 0; i < m; i++)
                s[i] = v_fma(v_load(p[i / 3] + (ptrdiff_t)(i % 3) * ms), wv, s[i]);
            HONE_UNROLL
            for (size_t g = 0; g < (m + 2) / 3; g++)
                p[g] += t->ss;
        }
    }
    if (z) {
        HONE_UNROLL
        for (size_t i = 0; i < m; i++)
            s[i] = v_add(s[i], v_load(z + i * t->y_ms));
    }
    if (act->is_clamp) {
        HONE_UNROLL
        for (size_t i = 0; i < m; i++)
            v_store(y + i * t->y_ms, v_min(act->hi, v_max(act->lo, s[i])));
        return;
    }
    HONE_UNROLL
    for (size_t i = 0; i < m; i++)
        v_store(y + i * t->y_ms, s[i]);
    blocked_act(y, m, t->y_ms, t->act);
}

HONE_INLINE void blocked_dw_times(const size_t m, const bool is_flat, const hone__conv_btile *t) {
    const vf bias = !t->bias ? v_zero() : t->n_k >= VW ? v_load(t->bias) : v_loadn(t->bias, t->n_k);
    const act_vec act = act_prepare(t->act);
    const float *x = t->x, *z = t->z;
    float *y = t->y;
    for (size_t n = t->n_times; n; n--) {
        blocked_dw_body(m, is_flat, t, &act, bias, x, z, y);
        x += t->x_step;
        y += t->y_step;
        z = z ? z + t->y_step : NULL;
    }
}

static void blocked_dw(size_t m, const hone__conv_btile *t) {
#define DW_CASE(M)                                                                                                     \
    case (M)*2:                                                                                                        \
        blocked_dw_times(M, false, t);                                                                                 \
        break;                                                                                                         \
    case (M)*2 + 1:                                                                                                    \
        blocked_dw_times(M, true, t);                                                                                  \
        break;
    switch (m * 2 + (t->ms == VW)) {
        DW_ALL_ROWS(DW_CASE)
    default:
        break;
    }
#undef DW_CASE
}

/* ---- reordering ---- */

/* One block of n_c <= VW channels, pixels [0, n): planes of `plane` floats to VW floats a pixel; missing channels
 * become 0. */
static void block_from_planes(const float *x, size_t plane, size_t n_c, size_t n, float *y) {
    size_t i = 0;
    if (n_c == VW && n >= 4)
        for (; i < n; i += 4, y += 4 * VW) {
            vf v[4];
            if (i + 4 > n) { /* the last group overlaps the one before */
                y -= (i + 4 - n) * VW;
                i = n - 4;
            }
            v_load_columns4(x + i, plane, v);
            HONE_UNROLL
            for (size_t j = 0; j < 4; j++)
                v_store(y + j * VW, v[j]);
        }
    for (; i < n; i++, y += VW)
        for (size_t c = 0; c < VW; c++)
            y[c] = c < n_c ? x[c * plane + i] : 0.0f;
}

static void block_to_planes(const float *x, size_t n_c, size_t n, float *y, size_t plane) {
    size_t i = 0;
    if (n_c == VW && n >= 4)
        for (; i < n; i += 4) {
            if (i + 4 > n)
                i = n - 4;
            vf v[4];
            HONE_UNROLL
            for (size_t j = 0; j < 4; j++)
                v[j] = v_load(x + (i + j) * VW);
            v_store_columns4(y + i, plane, v);
        }
    for (; i < n; i++)
        for (size_t c = 0; c < n_c; c++)
            y[c * plane + i] = x[i * VW + c];
}

static void block_scale(const float *x, const float *s, size_t n, bool is_add, float *y) {
    const vf sv = v_load(s);
    if (is_add) {
        for (size_t i = 0; i < n; i++, x += VW, y += VW)
            v_store(y, v_add(v_load(x), sv));
    } else {
        for (size_t i = 0; i < n; i++, x += VW, y += VW)
            v_store(y, v_mul(v_load(x), sv));
    }
}

static void block_gather(const float *x, size_t stride, size_t n, float *y) {
    for (size_t i = 0; i < n; i++, x += stride, y += VW)
        v_store(y, v_load(x));
}

static void block_affine(const float *x, const float *scale, const float *shift, size_t n, float *y) {
    const vf a = v_load(scale), b = v_load(shift);
    for (size_t i = 0; i < n; i++, x += VW, y += VW)
        v_store(y, v_fma(v_load(x), a, b));
}

/* ---- pooling ---- */

/* One output pixel: the maximum or the sum over n_r rows and n_s columns. NaN wins over every number: one in the
 * accumulator stays, one in x is taken. */
HONE_INLINE vf blocked_max2(vf x, vf acc) { return hone__vf_select(hone__vf_eq(x, x), v_max(x, acc), x); }

static void blocked_pool(const hone__conv_bpool *p) {
    if (p->is_max) {
        vf s = v_set1(-INFINITY);
        const float *xr = p->x;
        for (size_t r = p->n_r; r; r--, xr += p->rs) {
            const float *x = xr;
            for (size_t q = p->n_s; q; q--, x += p->ss)
                s = blocked_max2(v_load(x), s);
        }
        v_store(p->y, s);
        return;
    }
    vf s[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
    const float *xr = p->x;
    for (size_t r = p->n_r; r; r--, xr += p->rs) {
        const float *x = xr;
        size_t q = p->n_s;
        for (; q >= 4; q -= 4, x += 4 * p->ss) {
            HONE_UNROLL
            for (size_t j = 0; j < 4; j++)
                s[j] = v_add(s[j], v_load(x + (ptrdiff_t)j * p->ss));
        }
        for (; q; q--, x += p->ss)
            s[0] = v_add(s[0], v_load(x));
    }
    v_store(p->y, v_mul(v_set1(p->factor), v_add(v_add(s[0], s[1]), v_add(s[2], s[3]))));
}

#endif
