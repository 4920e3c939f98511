/* Winograd transforms, compiled per ISA; vectors run along channels.
 *
 * Source: A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks" (2015). The matrices come from the
 * Toom-Cook construction: F(4,3) over the points 0, 5/8, -5/8, 3/2, -3/2, infinity (chosen for accuracy, after
 * B. Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution", 2020), F(5,3) over 1/4,
 * -1/4, 3/4, -3/4, 7/4, -7/4, infinity (the most accurate of a grid), F(6,3) over 0, 1, -1, 2, -2, 1/2, -1/2, infinity.
 * The weights' side stands in conv_winograd_pack.c. */
#ifndef HONE_KERNELS_CONV_CONV_WINOGRAD_IMPL_H
#define HONE_KERNELS_CONV_CONV_WINOGRAD_IMPL_H

#include "kernels/conv/conv_store_impl.h"

/* d: t inputs, o: t outputs, t = m + 2; B^T d. */
HONE_INLINE void wino_in_1d(const int m, const vf *d, vf *o) {
    if (m == 2) {
        o[0] = v_sub(d[0], d[2]);
        o[1] = v_add(d[1], d[2]);
        o[2] = v_sub(d[2], d[1]);
        o[3] = v_sub(d[1], d[3]);
    } else if (m == 4) {
        /* Points 0, a, -a, b, -b, infinity with a = 5/8, b = 3/2: three times as accurate as 1 and 2. */
        const vf ab2 = v_set1(0.87890625f), sum = v_set1(-2.640625f), na2 = v_set1(-0.390625f), nb2 = v_set1(-2.25f);
        const vf pa = v_set1(0.625f), pb = v_set1(1.5f), pab2 = v_set1(-1.40625f), pba2 = v_set1(-0.5859375f);
        vf e = v_fma(nb2, d[2], d[4]), f = v_fma(pab2, d[1], v_mul(pa, d[3]));
        vf g = v_fma(na2, d[2], d[4]), h = v_fma(pba2, d[1], v_mul(pb, d[3]));
        o[0] = v_fma(ab2, d[0], v_fma(sum, d[2], d[4]));
        o[1] = v_add(e, f);
        o[2] = v_sub(e, f);
        o[3] = v_add(g, h);
        o[4] = v_sub(g, h);
        o[5] = v_fma(ab2, d[1], v_fma(sum, d[3], d[5]));
    } else if (m == 5) {
        /* Points p = 1/4, 3/4, 7/4 and their negatives: (x^2 - q^2)(x^2 - r^2) of the other two, times x + p, x - p. */
        const vf point[3] = {v_set1(0.25f), v_set1(0.75f), v_set1(1.75f)};
        const vf minus[3] = {v_set1(-0.25f), v_set1(-0.75f), v_set1(-1.75f)};
        const vf sums[3] = {v_set1(-3.625f), v_set1(-3.125f), v_set1(-0.625f)};
        const vf products[3] = {v_set1(1.72265625f), v_set1(0.19140625f), v_set1(0.03515625f)};
        HONE_UNROLL
        for (int i = 0; i < 3; i++) {
            const vf e = v_fma(products[i], d[0], v_fma(sums[i], d[2], d[4]));
            const vf q = v_fma(products[i], d[1], v_fma(sums[i], d[3], d[5]));
            o[2 * i] = v_fma(point[i], e, q);
            o[2 * i + 1] = v_fma(minus[i], e, q);
        }
        o[6] = v_fma(v_set1(-0.107666015625f), d[0],
                     v_fma(v_set1(1.94921875f), d[2], v_fma(v_set1(-3.6875f), d[4], d[6])));
    } else {
        const vf c5 = v_set1(5.25f), n4 = v_set1(-4.25f), h = v_set1(0.5f), q = v_set1(0.25f), n25 = v_set1(-2.5f);
        const vf n125 = v_set1(-1.25f), two = v_set1(2.0f), four = v_set1(4.0f), n5 = v_set1(-5.0f);
        vf a, b;
        o[0] = v_fma(c5, v_sub(d[4], d[2]), v_sub(d[0], d[6]));
        o[7] = v_fma(c5, v_sub(d[3], d[5]), v_sub(d[7], d[1]));
        a = v_fma(n4, d[4], v_add(d[2], d[6]));
        b = v_fma(n4, d[3], v_add(d[1], d[5]));
        o[1] = v_add(a, b);
        o[2] = v_sub(a, b);
        a = v_fma(q, d[2], v_fma(n125, d[4], d[6]));
        b = v_fma(h, d[1], v_fma(n25, d[3], v_mul(two, d[5])));
        o[3] = v_add(a, b);
        o[4] = v_sub(a, b);
        a = v_fma(four, d[2], v_fma(n5, d[4], d[6]));
        b = v_fma(two, d[1], v_fma(n25, d[3], v_mul(h, d[5])));
        o[5] = v_add(a, b);
        o[6] = v_sub(a, b);
    }
}

/* A^T s: t inputs, m outputs. */
HONE_INLINE void wino_out_1d(const int m, const vf *s, vf *o) {
    if (m == 2) {
        o[0] = v_add(v_add(s[0], s[1]), s[2]);
        o[1] = v_sub(v_sub(s[1], s[2]), s[3]);
    } else if (m == 4) {
        vf p = v_add(s[1], s[2]), q = v_sub(s[1], s[2]), u = v_add(s[3], s[4]), w = v_sub(s[3], s[4]);
        o[0] = v_add(v_add(s[0], p), u);
        o[1] = v_fma(v_set1(1.5f), w, v_mul(v_set1(0.625f), q));
        o[2] = v_fma(v_set1(2.25f), u, v_mul(v_set1(0.390625f), p));
        o[3] = v_fma(v_set1(3.375f), w, v_fma(v_set1(0.244140625f), q, s[5]));
    } else if (m == 5) {
        const vf a = v_add(s[0], s[1]), b = v_add(s[2], s[3]), c = v_add(s[4], s[5]);
        const vf d = v_sub(s[0], s[1]), e = v_sub(s[2], s[3]), f = v_sub(s[4], s[5]);
        o[0] = v_add(v_add(a, b), c);
        o[1] = v_fma(v_set1(1.75f), f, v_fma(v_set1(0.75f), e, v_mul(v_set1(0.25f), d)));
        o[2] = v_fma(v_set1(3.0625f), c, v_fma(v_set1(0.5625f), b, v_mul(v_set1(0.0625f), a)));
        o[3] = v_fma(v_set1(5.359375f), f, v_fma(v_set1(0.421875f), e, v_mul(v_set1(0.015625f), d)));
        o[4] = v_fma(v_set1(9.37890625f), c, v_fma(v_set1(0.31640625f), b, v_fma(v_set1(0.00390625f), a, s[6])));
    } else {
        vf a = v_add(s[1], s[2]), b = v_sub(s[1], s[2]), c = v_add(s[3], s[4]), d = v_sub(s[3], s[4]);
        vf e = v_add(s[5], s[6]), f = v_sub(s[5], s[6]);
        o[0] = v_add(v_add(s[0], a), v_add(c, e));
        o[1] = v_fma(v_set1(0.5f), f, v_fma(v_set1(2.0f), d, b));
        o[2] = v_fma(v_set1(0.25f), e, v_fma(v_set1(4.0f), c, a));
        o[3] = v_fma(v_set1(0.125f), f, v_fma(v_set1(8.0f), d, b));
        o[4] = v_fma(v_set1(0.0625f), e, v_fma(v_set1(16.0f), c, a));
        o[5] = v_add(v_fma(v_set1(0.03125f), f, v_fma(v_set1(32.0f), d, b)), s[7]);
    }
}

/* t columns of VW rows (channels); no over-read: the last group overlaps the one before. */
HONE_INLINE void wino_load_row(const int t, const float *p, size_t plane, vf *d) {
    v_load_columns4(p, plane, d);
    if (t == 5 || t == 7) {
        vf e[4];
        v_load_columns4(p + t - 4, plane, e);
        HONE_UNROLL
        for (int i = 8 - t; i < 4; i++)
            d[t - 4 + i] = e[i];
    } else if (t == 6) {
        vf e[4];
        v_load_columns4(p + 2, plane, e);
        d[4] = e[2];
        d[5] = e[3];
    } else if (t == 8) {
        v_load_columns4(p + 4, plane, d + 4);
    }
}

/* Copies a th x tw patch of up to VW channels, zeros outside the image and for missing channels: [VW][th][tw]. */
static void patch_copy(const hone__conv_patch *patch, size_t th, size_t tw, float *dst) {
    memset(dst, 0, VW * th * tw * sizeof(float));
    ptrdiff_t w_lo = patch->w0 < 0 ? -patch->w0 : 0, w_hi = (ptrdiff_t)patch->w - patch->w0;
    if (w_hi > (ptrdiff_t)tw)
        w_hi = (ptrdiff_t)tw;
    if (w_hi <= w_lo)
        return;
    for (size_t c = 0; c < patch->n_c; c++)
        for (size_t i = 0; i < th; i++) {
            ptrdiff_t ih = patch->h0 + (ptrdiff_t)i;
            if (ih < 0 || ih >= (ptrdiff_t)patch->h)
                continue;
            const float *x = patch->x + c * patch->plane + (size_t)ih * patch->w;
            float *d = dst + (c * th + i) * tw;
            for (ptrdiff_t j = w_lo; j < w_hi; j++)
                d[j] = x[patch->w0 + j];
        }
}

#if defined(__AVX2__)
/* The same for t <= 8 rows and columns, with rows of 8 floats. */
static void patch_copy8(const hone__conv_patch *patch, size_t t, float *dst) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const ptrdiff_t last = (ptrdiff_t)patch->w - patch->w0;
    const int lo = patch->w0 < -8 ? 8 : patch->w0 < 0 ? (int)-patch->w0 : 0;
    const int hi = last < 0 ? 0 : last < (ptrdiff_t)t ? (int)last : (int)t;
    const __m256i mask = _mm256_and_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(hi), lane),
                                          _mm256_cmpgt_epi32(lane, _mm256_set1_epi32(lo - 1)));
    for (size_t c = 0; c < VW; c++, dst += 8 * t) {
        const float *x = patch->x + c * patch->plane;
        for (size_t i = 0; i < t; i++) {
            const ptrdiff_t ih = patch->h0 + (ptrdiff_t)i;
            const bool is_inside = c < patch->n_c && ih >= 0 && ih < (ptrdiff_t)patch->h;
            _mm256_storeu_ps(dst + 8 * i, is_inside ? _mm256_maskload_ps(x + ih * (ptrdiff_t)patch->w + patch->w0, mask)
                                                    : _mm256_setzero_ps());
        }
    }
}
#else
static void patch_copy8(const hone__conv_patch *patch, size_t t, float *dst) { patch_copy(patch, t, 8, dst); }
#endif

HONE_INLINE bool patch_inside(const hone__conv_patch *p, size_t th, size_t tw) {
    return p->n_c == VW && p->h0 >= 0 && p->w0 >= 0 && (size_t)p->h0 + th <= p->h && (size_t)p->w0 + tw <= p->w;
}

/* The second half of an input transform, down the columns of rows that are done: tmp[t][t] to v[f*fs]. */
HONE_INLINE void wino_in_columns(const int m, const vf *tmp, float *v, size_t fs, size_t next) {
    const int t = m + 2;
    HONE_UNROLL
    for (int j = 0; j < t; j++) {
        vf d[8], o[8];
        HONE_UNROLL
        for (int i = 0; i < t; i++)
            d[i] = tmp[i * t + j];
        wino_in_1d(m, d, o);
        HONE_UNROLL
        for (int i = 0; i < t; i++)
            v_store(v + (size_t)(i * t + j) * fs, o[i]);
        /* V is larger than the L2 cache: the lines of the next tile are asked for while this one is worked on. */
        HONE_UNROLL
        for (int i = 0; i < t; i++)
            __builtin_prefetch(v + (size_t)(i * t + j) * fs + next, 1);
    }
}

HONE_INLINE void wino_in(const int m, const hone__conv_patch *patch, float *v, size_t fs, size_t next) {
    const int t = m + 2;
    float copy[VW * 64];
    vf tmp[64], d[8];
    const float *p;
    size_t plane, ld;
    if (patch_inside(patch, (size_t)t, (size_t)t)) {
        p = patch->x + patch->h0 * (ptrdiff_t)patch->w + patch->w0;
        plane = patch->plane;
        ld = patch->w;
    } else {
        patch_copy8(patch, (size_t)t, copy);
        p = copy;
        plane = (size_t)(t * 8);
        ld = 8;
    }
    HONE_UNROLL
    for (int i = 0; i < t; i++) {
        wino_load_row(t, p + (size_t)i * ld, plane, d);
        wino_in_1d(m, d, tmp + i * t);
    }
    wino_in_columns(m, tmp, v, fs, next);
}

static void winograd_in(int m, const hone__conv_patch *patch, float *v, size_t fs, size_t next) {
    if (m == 2)
        wino_in(2, patch, v, fs, next);
    else if (m == 4)
        wino_in(4, patch, v, fs, next);
    else if (m == 5)
        wino_in(5, patch, v, fs, next);
    else
        wino_in(6, patch, v, fs, next);
}

/* Stores m pixels (columns) of VW channels; z has the same strides. */
HONE_INLINE void wino_store_row(const int m, vf *o, const float *z, float *y, size_t plane, const vf *bias,
                                const act_vec *act) {
    vf zv[8];
    float pair[VW * 4];
    for (int j = 0; j < 8; j++)
        zv[j] = v_zero();
    if (z && m == 2) {
        for (size_t c = 0; c < VW; c++)
            memcpy(pair + c * 4, z + c * plane, 2 * sizeof(float)), pair[c * 4 + 2] = pair[c * 4 + 3] = 0.0f;
        v_load_columns4(pair, 4, zv);
    } else if (z) {
        wino_load_row(m, z, plane, zv);
    }
    HONE_UNROLL
    for (int j = 0; j < m; j++) {
        o[j] = v_add(o[j], *bias);
        if (z)
            o[j] = v_add(o[j], zv[j]);
        o[j] = act_apply(o[j], act);
    }
    if (m == 2) {
        o[2] = o[3] = v_zero();
        v_store_columns4(pair, 4, o);
        for (size_t c = 0; c < VW; c++)
            memcpy(y + c * plane, pair + c * 4, 2 * sizeof(float));
    } else {
        v_store_columns4(y, plane, o);
        if (m > 4)
            v_store_columns4(y + m - 4, plane, o + m - 4);
    }
}

/* The first half of an output transform: v[f*fs] down its columns to tmp[m][t]. */
HONE_INLINE void wino_out_columns(const int m, const float *v, size_t fs, vf *tmp) {
    const int t = m + 2;
    HONE_UNROLL
    for (int j = 0; j < t; j++) {
        vf s[8], o[8];
        HONE_UNROLL
        for (int i = 0; i < t; i++)
            s[i] = v_load(v + (size_t)(i * t + j) * fs);
        wino_out_1d(m, s, o);
        HONE_UNROLL
        for (int i = 0; i < m; i++)
            tmp[i * t + j] = o[i];
    }
}

HONE_INLINE void wino_out(const int m, const float *v, size_t fs, size_t n_c, size_t rows, size_t cols, size_t ld,
                          const hone__conv_out *out) {
    const int t = m + 2;
    const act_vec act = act_prepare(out->act);
    const vf bias = out->bias ? v_loadn(out->bias, n_c) : v_zero();
    vf tmp[64], o[8];
    wino_out_columns(m, v, fs, tmp);
    for (int j = 0; j < 8; j++)
        o[j] = v_zero();
    bool is_whole = n_c == VW && cols == (size_t)m;
    for (size_t i = 0; i < rows; i++) {
        wino_out_1d(m, tmp + i * (size_t)t, o);
        if (is_whole) {
            wino_store_row(m, o, out->z ? out->z + i * ld : NULL, out->y + i * ld, out->plane, &bias, &act);
        } else {
            float edge[8 * VW];
            for (size_t j = 0; j < cols; j++)
                v_store(edge + j * VW, o[j]);
            store_columns_edge(edge, VW, cols, n_c, &bias, &act, out->z ? out->z + i * ld : NULL, out->y + i * ld,
                               out->plane);
        }
    }
}

static void winograd_out(int m, const float *v, size_t fs, size_t n_c, size_t rows, size_t cols, size_t ld,
                         const hone__conv_out *out) {
    if (m == 2)
        wino_out(2, v, fs, n_c, rows, cols, ld, out);
    else if (m == 4)
        wino_out(4, v, fs, n_c, rows, cols, ld, out);
    else if (m == 5)
        wino_out(5, v, fs, n_c, rows, cols, ld, out);
    else
        wino_out(6, v, fs, n_c, rows, cols, ld, out);
}

/* ---- the blocked layout: a pixel is a vector, nothing is transposed ---- */

HONE_INLINE void wino_in_blocked(const int m, const hone__conv_patch *patch, float *v, size_t fs, size_t next) {
    const int t = m + 2;
    vf tmp[64], d[8], o[8];
    const ptrdiff_t h = (ptrdiff_t)patch->h, w = (ptrdiff_t)patch->w;
    const bool is_inside =
        patch->n_c == VW && patch->h0 >= 0 && patch->w0 >= 0 && patch->h0 + t <= h && patch->w0 + t <= w;
    for (int i = 0; i < t; i++) {
        const ptrdiff_t ih = patch->h0 + i;
        const float *x = patch->x + (ih * w + patch->w0) * VW;
        if (is_inside) {
            for (int j = 0; j < m * VW; j += 16) /* of the tile after the next one to the right */
                __builtin_prefetch(x + (t + m) * VW + j);
            HONE_UNROLL
            for (int j = 0; j < t; j++)
                d[j] = v_load(x + j * VW);
        } else { /* lanes past the last channel may hold anything */
            for (int j = 0; j < t; j++) {
                const bool in = ih >= 0 && ih < h && patch->w0 + j >= 0 && patch->w0 + j < w;
                d[j] = !in ? v_zero() : patch->n_c == VW ? v_load(x + j * VW) : v_loadn(x + j * VW, patch->n_c);
            }
        }
        wino_in_1d(m, d, o);
        HONE_UNROLL
        for (int j = 0; j < t; j++)
            tmp[i * t + j] = o[j];
    }
    wino_in_columns(m, tmp, v, fs, next);
}

static void winograd_in_blocked(int m, const hone__conv_patch *patch, float *v, size_t fs, size_t next) {
    if (m == 2)
        wino_in_blocked(2, patch, v, fs, next);
    else if (m == 4)
        wino_in_blocked(4, patch, v, fs, next);
    else if (m == 5)
        wino_in_blocked(5, patch, v, fs, next);
    else
        wino_in_blocked(6, patch, v, fs, next);
}

HONE_INLINE void wino_out_blocked(const int m, const float *v, size_t fs, size_t n_c, size_t rows, size_t cols,
                                  size_t ld, const hone__conv_out *out) {
    const int t = m + 2;
    const act_vec act = act_prepare(out->act);
    const vf bias = out->bias ? v_loadn(out->bias, n_c) : v_zero();
    vf tmp[64], o[8];
    wino_out_columns(m, v, fs, tmp);
    for (int j = 0; j < 8; j++)
        o[j] = v_zero();
    for (size_t i = 0; i < rows; i++) {
        wino_out_1d(m, tmp + i * (size_t)t, o);
        float *y = out->y + i * ld * VW;
        const float *z = out->z ? out->z + i * ld * VW : NULL;
        for (size_t j = 0; j < cols; j++) {
            vf r = v_add(o[j], bias);
            if (z)
                r = v_add(r, v_load(z + j * VW));
            v_store(y + j * VW, act_apply(r, &act));
        }
        for (size_t j = 0; j < (size_t)m * VW; j += 16)
            __builtin_prefetch(y + m * VW + j, 1); /* the tile to the right comes next */
    }
}

static void winograd_out_blocked(int m, const float *v, size_t fs, size_t n_c, size_t rows, size_t cols, size_t ld,
                                 const hone__conv_out *out) {
    if (m == 2)
        wino_out_blocked(2, v, fs, n_c, rows, cols, ld, out);
    else if (m == 4)
        wino_out_blocked(4, v, fs, n_c, rows, cols, ld, out);
    else if (m == 5)
        wino_out_blocked(5, v, fs, n_c, rows, cols, ld, out);
    else
        wino_out_blocked(6, v, fs, n_c, rows, cols, ld, out);
}

/* Transformed weights of one input channel for a block of `width` output channels, of which n_k exist: U = G w G^T in
 * double precision. w: first kernel, k_stride floats between output channels; u[f*fs + lane], f < t*t. */
static void winograd_pack(size_t t, const double (*g)[3], const hone_f32_unaligned *w, size_t k_stride, size_t n_k,
                          size_t width, float *u, size_t fs) {
    enum { LANES = 2 * VW };
    double tap[9][LANES], rows[3][LANES];
    for (size_t i = 0; i < 9; i++)
        for (size_t k = 0; k < LANES; k++)
            tap[i][k] = k < n_k ? (double)w[k * k_stride + i] : 0.0;
    for (size_t i = 0; i < t; i++) {
        for (size_t s = 0; s < 3; s++)
            for (size_t k = 0; k < LANES; k++)
                rows[s][k] = g[i][0] * tap[s][k] + g[i][1] * tap[3 + s][k] + g[i][2] * tap[6 + s][k];
        for (size_t j = 0; j < t; j++, u += fs) {
            float lanes[LANES];
            for (size_t k = 0; k < LANES; k++)
                lanes[k] = (float)(rows[0][k] * g[j][0] + rows[1][k] * g[j][1] + rows[2][k] * g[j][2]);
            memcpy(u, lanes, width * sizeof(float));
        }
    }
}

/* G w: 3 taps to t = m + 2 outputs; points come in pairs, whose even and odd parts are shared. */
HONE_INLINE void wino_weights_1d(const int m, const vf *w, vf *o) {
    vf e, q;
    if (m == 2) {
        const vf h = v_set1(0.5f);
        e = v_mul(h, v_add(w[0], w[2]));
        q = v_mul(h, w[1]);
        o[0] = w[0];
        o[1] = v_add(e, q);
        o[2] = v_sub(e, q);
        o[3] = w[2];
    } else if (m == 4) {
        /* 1 / (2 p^2 (p^2 - r^2)) times 1, p, p^2 for p = 5/8, r = 3/2 and the other way round. */
        const vf a0 = v_set1((float)(-8192.0 / 11900.0)), a1 = v_set1((float)(-5120.0 / 11900.0));
        const vf a2 = v_set1((float)(-3200.0 / 11900.0)), b0 = v_set1((float)(128.0 / 1071.0));
        const vf b1 = v_set1((float)(192.0 / 1071.0)), b2 = v_set1((float)(288.0 / 1071.0));
        o[0] = v_mul(v_set1((float)(256.0 / 225.0)), w[0]);
        e = v_fma(a2, w[2], v_mul(a0, w[0]));
        q = v_mul(a1, w[1]);
        o[1] = v_add(e, q);
        o[2] = v_sub(e, q);
        e = v_fma(b2, w[2], v_mul(b0, w[0]));
        q = v_mul(b1, w[1]);
        o[3] = v_add(e, q);
        o[4] = v_sub(e, q);
        o[5] = w[2];
    } else if (m == 5) {
        /* 1 / (2 p (p^2 - q^2) (p^2 - r^2)) times 1, p, p^2; the negative point's sign is turned. */
        const vf one[3] = {v_set1((float)(1.0 / 0.75)), v_set1((float)(-1.0 / 1.875)), v_set1((float)(1.0 / 26.25))};
        const vf p1[3] = {v_set1((float)(0.25 / 0.75)), v_set1((float)(-0.75 / 1.875)), v_set1((float)(1.75 / 26.25))};
        const vf p2[3] = {v_set1((float)(0.0625 / 0.75)), v_set1((float)(-0.5625 / 1.875)),
                          v_set1((float)(3.0625 / 26.25))};
        HONE_UNROLL
        for (int i = 0; i < 3; i++) {
            e = v_fma(p2[i], w[2], v_mul(one[i], w[0]));
            q = v_mul(p1[i], w[1]);
            o[2 * i] = v_add(q, e);
            o[2 * i + 1] = v_sub(q, e);
        }
        o[6] = w[2];
    } else {
        const vf a = v_set1((float)(-2.0 / 9.0)), b = v_set1((float)(1.0 / 90.0)), c = v_set1((float)(1.0 / 45.0));
        const vf d = v_set1((float)(2.0 / 45.0)), f = v_set1((float)(32.0 / 45.0)), g = v_set1((float)(16.0 / 45.0));
        const vf h = v_set1((float)(8.0 / 45.0));
        o[0] = w[0];
        e = v_mul(a, v_add(w[0], w[2]));
        q = v_mul(a, w[1]);
        o[1] = v_add(e, q);
        o[2] = v_sub(e, q);
        e = v_fma(d, w[2], v_mul(b, w[0]));
        q = v_mul(c, w[1]);
        o[3] = v_add(e, q);
        o[4] = v_sub(e, q);
        e = v_fma(h, w[2], v_mul(f, w[0]));
        q = v_mul(g, w[1]);
        o[5] = v_add(e, q);
        o[6] = v_sub(e, q);
        o[7] = w[2];
    }
}

enum { AHEAD = 12 }; /* channels */

HONE_INLINE void wino_weights(const int m, const float *taps, size_t n_c, size_t nv, float *u, size_t fs) {
    for (size_t c = 0; c < n_c; c++, taps += 9 * nv * VW, u += nv * VW)
        for (size_t v = 0; v < nv; v++) {
            vf columns[3][8];
            /* The taps come from memory once a run; a prefetch of what does not exist does no harm. */
            for (size_t i = 0; i < 9 * VW; i += 16)
                __builtin_prefetch(taps + AHEAD * 9 * nv * VW + v * 9 * VW + i);
            HONE_UNROLL
            for (int s = 0; s < 3; s++) {
                const vf w[3] = {v_load(taps + ((size_t)s * nv + v) * VW),
                                 v_load(taps + ((size_t)(3 + s) * nv + v) * VW),
                                 v_load(taps + ((size_t)(6 + s) * nv + v) * VW)};
                wino_weights_1d(m, w, columns[s]);
            }
            HONE_UNROLL
            for (int i = 0; i < m + 2; i++) {
                const vf w[3] = {columns[0][i], columns[1][i], columns[2][i]};
                vf o[8];
                wino_weights_1d(m, w, o);
                HONE_UNROLL
                for (int j = 0; j < m + 2; j++)
                    v_store(u + (size_t)(i * (m + 2) + j) * fs + v * VW, o[j]);
            }
        }
}

static void winograd_weights(int m, const float *taps, size_t n_c, size_t nv, float *u, size_t fs) {
    if (m == 2)
        wino_weights(2, taps, n_c, nv, u, fs);
    else if (m == 4)
        wino_weights(4, taps, n_c, nv, u, fs);
    else if (m == 5)
        wino_weights(5, taps, n_c, nv, u, fs);
    else
        wino_weights(6, taps, n_c, nv, u, fs);
}

#endif
