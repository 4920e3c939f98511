/* Epilogues and packing of the convolution drivers, compiled per ISA: bias, residual and activation are
 * applied while a tile of results is stored. Included after conv_gemm_impl.h. */
#ifndef HONE_KERNELS_CONV_CONV_STORE_IMPL_H
#define HONE_KERNELS_CONV_CONV_STORE_IMPL_H

#include "kernels/conv/conv_gemm_impl.h"

#include <math.h>

/* NONE, RELU and CLIP are one clamp; `kind` is then HONE_ACT_NONE. */
typedef struct act_vec {
    hone_act_kind kind;
    bool is_clamp;
    vf lo, hi;
    hone_act act;
} act_vec;

HONE_INLINE act_vec act_prepare(const hone_act *act) {
    act_vec v = {act->kind, false, v_set1(-INFINITY), v_set1(INFINITY), *act};
    if (act->kind == HONE_ACT_RELU || act->kind == HONE_ACT_CLIP) {
        v.lo = v_set1(act->kind == HONE_ACT_RELU ? 0.0f : act->a);
        v.hi = v_set1(act->kind == HONE_ACT_RELU ? INFINITY : act->b);
    }
    v.is_clamp = act->kind == HONE_ACT_NONE || act->kind == HONE_ACT_RELU || act->kind == HONE_ACT_CLIP;
    return v;
}

/* Kept out of line: the loops that store stay small. */
static __attribute__((noinline)) vf act_slow(vf x, const hone_act *act) {
    return hone__act_apply_vf(x, act->kind, v_set1(act->a), v_set1(act->b));
}

HONE_INLINE vf act_apply(vf x, const act_vec *v) {
    if (v->is_clamp)
        return v_min(v->hi, v_max(v->lo, x));
    return act_slow(x, &v->act);
}

static void store_rows(const float *tile, size_t ldt, size_t rows, size_t cols, const hone__conv_out *out) {
    const act_vec act = act_prepare(out->act);
    for (size_t i = 0; i < rows; i++) {
        const float *t = tile + i * ldt, *z = out->z ? out->z + i * out->plane : NULL;
        float *y = out->y + i * out->plane;
        const vf bias = out->bias ? v_set1(out->bias[i]) : v_zero();
        size_t j = 0;
        for (; j + VW <= cols; j += VW) {
            vf v = v_add(v_load(t + j), bias);
            if (z)
                v = v_add(v, v_load(z + j));
            v_store(y + j, act_apply(v, &act));
        }
        if (j < cols) {
            vf v = v_add(v_loadn(t + j, cols - j), bias);
            if (z)
                v = v_add(v, v_loadn(z + j, cols - j));
            v_storen(y + j, act_apply(v, &act), cols - j);
        }
    }
}

static void store_columns_edge(const float *tile, size_t ldt, size_t m, size_t nc, const vf *bias, const act_vec *act,
                               const float *z, float *y, size_t plane) {
    for (size_t i = 0; i < m; i++) {
        float t[VW];
        if (z)
            for (size_t c = 0; c < VW; c++)
                t[c] = c < nc ? z[c * plane + i] : 0.0f;
        vf v = v_add(v_load(tile + i * ldt), *bias);
        v_store(t, act_apply(z ? v_add(v, v_load(t)) : v, act));
        for (size_t c = 0; c < nc; c++)
            y[c * plane + i] = t[c];
    }
}

/* tile: [m][nc] with whole vectors readable. Four pixels of VW channels are transposed at a time; the last group
 * overlaps the one before, which is harmless because z never overlaps y. */
static void store_columns(const float *tile, size_t ldt, size_t m, size_t nc, const hone__conv_out *out) {
    const act_vec act = act_prepare(out->act);
    for (size_t c0 = 0; c0 < nc; c0 += VW) {
        size_t n = nc - c0 < VW ? nc - c0 : VW;
        const float *t = tile + c0, *z = out->z ? out->z + c0 * out->plane : NULL;
        float *y = out->y + c0 * out->plane;
        const vf bias = out->bias ? v_loadn(out->bias + c0, n) : v_zero();
        if (n < VW || m < 4) {
            store_columns_edge(t, ldt, m, n, &bias, &act, z, y, out->plane);
            continue;
        }
        for (size_t i = 0; i < m; i += 4) {
            size_t p = i + 4 <= m ? i : m - 4;
            vf v[4], zv[4];
            if (z)
                v_load_columns4(z + p, out->plane, zv);
            HONE_UNROLL
            for (size_t j = 0; j < 4; j++) {
                v[j] = v_add(v_load(t + (p + j) * ldt), bias);
                if (z)
                    v[j] = v_add(v[j], zv[j]);
                v[j] = act_apply(v[j], &act);
            }
            v_store_columns4(y + p, out->plane, v);
        }
    }
}

static void pack_rows(const float *src, size_t ld, size_t k, size_t cols, float *dst) {
    for (size_t j0 = 0; j0 < cols; j0 += PV_NV * VW) {
        size_t n = cols - j0 < PV_NV * VW ? cols - j0 : PV_NV * VW;
        const float *s = src + j0;
        if (n == PV_NV * VW) {
            for (size_t i = 0; i < k; i++, s += ld, dst += PV_NV * VW) {
                HONE_UNROLL
                for (size_t j = 0; j < PV_NV; j++)
                    v_store(dst + j * VW, v_load(s + j * VW));
            }
            continue;
        }
        size_t full = n / VW, rest = n % VW;
        for (size_t i = 0; i < k; i++, s += ld) {
            for (size_t j = 0; j < full; j++, dst += VW)
                v_store(dst, v_load(s + j * VW));
            if (rest) {
                v_store(dst, v_loadn(s + full * VW, rest));
                dst += VW;
            }
        }
    }
}

/* Through tables: element (row i, pixel p) is x[tap_offset[i] + pixel_offset[p]] where bit p of the tap's mask is set.
 * Vectors of pixels that lie side by side in memory (is_run) are loaded whole, the others gathered. */
static void pack_table(const float *x, const int32_t *tap_offset, const uint8_t *tap_index, size_t k,
                       const int32_t *pixel_offset, const uint8_t *is_run, const uint16_t *mask, size_t mask_stride,
                       size_t n_vec, float *dst) {
    for (size_t v0 = 0; v0 < n_vec; v0 += PV_NV) {
        size_t n = n_vec - v0 < PV_NV ? n_vec - v0 : PV_NV;
        for (size_t j = 0; j < n; j++) {
            const int32_t *po = pixel_offset + (v0 + j) * VW;
            float *d = dst + j * VW;
            const uint16_t *m = mask + v0 + j;
            if (is_run[v0 + j]) {
                const float *base = x + po[0];
                for (size_t i = 0; i < k; i++, d += n * VW)
                    v_store(d, v_load_bits(base + tap_offset[i], m[tap_index[i] * mask_stride]));
            } else {
                for (size_t i = 0; i < k; i++, d += n * VW)
                    v_store(d, v_gather(x + tap_offset[i], po, m[tap_index[i] * mask_stride]));
            }
        }
        dst += n * VW * k;
    }
}

static void copy_strided(const float *x, size_t stride, size_t n, float *dst) {
    size_t i = 0;
    if (stride == 1) {
        for (; i + VW <= n; i += VW)
            v_store(dst + i, v_load(x + i));
        if (i < n)
            v_storen(dst + i, v_loadn(x + i, n - i), n - i);
        return;
    }
    if (stride == 2) {
        for (; i + VW <= n; i += VW) {
            vf e;
            v_load_even(x + 2 * i, &e);
            v_store(dst + i, e);
        }
    }
    for (; i < n; i++)
        dst[i] = x[i * stride];
}

enum { FIR_NV = 6 };

HONE_INLINE void fir_block(const size_t nv, const float *x, const int32_t *offset, const float *w, size_t n_taps,
                           float *flat) {
    vf s[FIR_NV];
    HONE_UNROLL
    for (size_t j = 0; j < nv; j++)
        s[j] = v_zero();
    for (size_t t = 0; t < n_taps; t++) {
        const vf wv = v_set1(w[t]);
        const float *p = x + offset[t];
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++)
            s[j] = v_fma(v_load(p + j * VW), wv, s[j]);
    }
    HONE_UNROLL
    for (size_t j = 0; j < nv; j++)
        v_store(flat + j * VW, s[j]);
}

static void fir(const float *x, const int32_t *offset, const float *w, size_t n_taps, size_t n, float *flat) {
    size_t i = 0;
    for (; i + FIR_NV * VW <= n; i += FIR_NV * VW)
        fir_block(FIR_NV, x + i, offset, w, n_taps, flat + i);
    for (; i + 2 * VW <= n; i += 2 * VW)
        fir_block(2, x + i, offset, w, n_taps, flat + i);
    for (; i < n; i += VW)
        fir_block(1, x + i, offset, w, n_taps, flat + i);
}

#endif
