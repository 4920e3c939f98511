/* Depthwise convolutions of the common kernels (3x3, 5x5, 7x7; stride 1 and 2; no dilation), straight from the input,
 * compiled per ISA. A block of output rows is kept in registers, so that each input row is loaded once per tap column
 * for all of them; borders are masked loads. */
#ifndef HONE_KERNELS_CONV_CONV_DEPTHWISE_IMPL_H
#define HONE_KERNELS_CONV_CONV_DEPTHWISE_IMPL_H

#include "kernels/conv/conv_store_impl.h"

enum { DW_ROWS = 4, DW_MAX = 7 };

/* Masks of the columns that lie in the image: lane i reads column first + i. */
HONE_INLINE vm dw_mask(ptrdiff_t first, size_t w) {
    ptrdiff_t lo = first < 0 ? -first : 0, hi = (ptrdiff_t)w - first;
    lo = lo > VW ? VW : lo;
    hi = hi < 0 ? 0 : hi > VW ? VW : hi;
    return v_mask_bits(hi > lo ? ((1u << hi) - 1u) & ~((1u << lo) - 1u) : 0u);
}

/* `rows` (a constant) output rows from oh of the column block at ow. */
HONE_INLINE void dw_block(const int k, const int stride, const int rows, const hone__conv_dw *t, size_t oh, size_t ow,
                          const vm *m0, const vm *m1, const vf *bias, const act_vec *act) {
    vf s[DW_ROWS];
    const ptrdiff_t ih0 = (ptrdiff_t)oh * stride - t->pad_top, iw0 = (ptrdiff_t)ow * stride - t->pad_left;
    HONE_UNROLL
    for (int i = 0; i < rows; i++)
        s[i] = *bias;
    HONE_UNROLL
    for (int i = 0; i < (rows - 1) * stride + k; i++) {
        const ptrdiff_t ih = ih0 + i;
        if (ih < 0 || ih >= (ptrdiff_t)t->h)
            continue;
        const float *x = t->x + ih * (ptrdiff_t)t->w + iw0;
        HONE_UNROLL
        for (int j = 0; j < k; j++) {
            vf v = v_load_m(x + j, m0[j]);
            if (stride == 2)
                v = v_even(v, v_load_m(x + j + VW, m1[j]));
            HONE_UNROLL
            for (int r = 0; r < rows; r++) {
                const int tap = i - r * stride;
                if (tap >= 0 && tap < k)
                    s[r] = v_fma(v, v_set1(t->weights[tap * k + j]), s[r]);
            }
        }
    }
    const size_t n = t->ow - ow < VW ? t->ow - ow : VW;
    HONE_UNROLL
    for (int r = 0; r < rows; r++) {
        const size_t at = (oh + (size_t)r) * t->ow + ow;
        if (n == VW) {
            v_store(t->y + at, act_apply(t->z ? v_add(s[r], v_load(t->z + at)) : s[r], act));
        } else {
            vf v = t->z ? v_add(s[r], v_loadn(t->z + at, n)) : s[r];
            v_storen(t->y + at, act_apply(v, act), n);
        }
    }
}

HONE_INLINE void dw_plane(const int k, const int stride, const hone__conv_dw *t) {
    const act_vec act = act_prepare(t->act);
    const vf bias = v_set1(t->bias);
    const int rows = k == 3 ? DW_ROWS : 2;
    for (size_t ow = 0; ow < t->ow; ow += VW) {
        vm m0[DW_MAX], m1[DW_MAX];
        for (int j = 0; j < k; j++) {
            const ptrdiff_t first = (ptrdiff_t)ow * stride - t->pad_left + j;
            m0[j] = dw_mask(first, t->w);
            m1[j] = dw_mask(first + VW, t->w);
        }
        size_t oh = 0;
        for (; oh + (size_t)rows <= t->oh; oh += (size_t)rows)
            dw_block(k, stride, rows, t, oh, ow, m0, m1, &bias, &act);
        for (; oh < t->oh; oh++)
            dw_block(k, stride, 1, t, oh, ow, m0, m1, &bias, &act);
    }
}

static bool depthwise_plane(size_t k, size_t stride, const hone__conv_dw *t) {
    switch (k * 4 + stride) {
    case 13:
        dw_plane(3, 1, t);
        return true;
    case 14:
        dw_plane(3, 2, t);
        return true;
    case 21:
        dw_plane(5, 1, t);
        return true;
    case 22:
        dw_plane(5, 2, t);
        return true;
    case 29:
        dw_plane(7, 1, t);
        return true;
    case 30:
        dw_plane(7, 2, t);
        return true;
    default:
        return false;
    }
}

#endif
