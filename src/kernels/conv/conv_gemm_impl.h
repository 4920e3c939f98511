/* Micro-kernels of the convolution drivers, written once over conv_vec.h and compiled per ISA.
 *
 * pv ("pixel vectors"): weights are broadcast, vectors run along pixels; results are rows of NCHW.
 * cv ("channel vectors"): pixels (or tiles) are broadcast, vectors run along output channels; two vectors wide.
 * Accumulators stay in registers: with AVX-512 8x3 and 14x2 vectors, with 16 registers 4x3 and 6x2. */
#ifndef HONE_KERNELS_CONV_CONV_GEMM_IMPL_H
#define HONE_KERNELS_CONV_CONV_GEMM_IMPL_H

#include "kernels/conv/conv_ops.h"
#include "kernels/conv/conv_vec.h"

#if defined(__AVX512F__)
enum { PV_MR = 8, PV_NV = 3, CV_MR = 14 };
#else
enum { PV_MR = 4, PV_NV = 3, CV_MR = 6 };
#endif

HONE_INLINE void pv_body(const size_t m, const size_t nv, size_t k, const float *restrict a, const float *restrict b,
                         float *c, size_t ldc, bool accumulate) {
    vf s[PV_MR][PV_NV];
    HONE_UNROLL
    for (size_t i = 0; i < m; i++) {
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++)
            s[i][j] = v_zero();
    }
    for (; k; k--) {
        vf bv[PV_NV];
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++)
            bv[j] = v_load(b + j * VW);
        HONE_UNROLL
        for (size_t i = 0; i < m; i++) {
            vf av = v_set1(a[i]);
            HONE_UNROLL
            for (size_t j = 0; j < nv; j++)
                s[i][j] = v_fma(av, bv[j], s[i][j]);
        }
        a += PV_MR;
        b += nv * VW;
    }
    HONE_UNROLL
    for (size_t i = 0; i < m; i++) {
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++) {
            float *p = c + i * ldc + j * VW;
            v_store(p, accumulate ? v_add(s[i][j], v_load(p)) : s[i][j]);
        }
    }
}

#define PV_CASE(M, N)                                                                                                  \
    case (M)*4 + (N):                                                                                                  \
        pv_body(M, N, k, a, b, c, ldc, accumulate);                                                                    \
        break;
#define PV_CASES(M) PV_CASE(M, 1) PV_CASE(M, 2) PV_CASE(M, 3)

static void pv_kernel(size_t m, size_t nv, size_t k, const float *a, const float *b, float *c, size_t ldc,
                      bool accumulate) {
    switch (m * 4 + nv) {
        PV_CASES(1)
        PV_CASES(2)
        PV_CASES(3)
        PV_CASES(4)
#if defined(__AVX512F__)
        PV_CASES(5)
        PV_CASES(6)
        PV_CASES(7)
        PV_CASES(8)
#endif
    default:
        break;
    }
}

/* Five pointers, three pixels each, address all pixels of a tile by base, base + ms and base + 2*ms. */
enum { CV_GROUPS = (CV_MR + 2) / 3 };

HONE_INLINE void cv_step(const size_t m, const size_t nv, const float *const p[CV_GROUPS], ptrdiff_t ms,
                         const float *restrict b, vf s[CV_MR][2]) {
    vf bv[2];
    HONE_UNROLL
    for (size_t j = 0; j < nv; j++)
        bv[j] = v_load(b + j * VW);
    HONE_UNROLL
    for (size_t i = 0; i < m; i++) {
        vf av = v_set1(p[i / 3][(ptrdiff_t)(i % 3) * ms]);
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++)
            s[i][j] = v_fma(av, bv[j], s[i][j]);
    }
}

HONE_INLINE void cv_finish(const size_t m, const size_t nv, vf s[CV_MR][2], float *c, size_t ldc, bool accumulate) {
    HONE_UNROLL
    for (size_t i = 0; i < m; i++) {
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++) {
            float *q = c + i * ldc + j * VW;
            v_store(q, accumulate ? v_add(s[i][j], v_load(q)) : s[i][j]);
        }
    }
}

HONE_INLINE void cv_body(const size_t m, const size_t nv, size_t k, const float *restrict a, ptrdiff_t ms, ptrdiff_t ks,
                         const float *restrict b, float *c, size_t ldc, bool accumulate) {
    vf s[CV_MR][2];
    const float *p[CV_GROUPS];
    HONE_UNROLL
    for (size_t i = 0; i < m; i++) {
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++)
            s[i][j] = v_zero();
    }
    HONE_UNROLL
    for (size_t g = 0; g < (m + 2) / 3; g++)
        p[g] = a + (ptrdiff_t)(3 * g) * ms;
    for (; k; k--) {
        cv_step(m, nv, p, ms, b, s);
        HONE_UNROLL
        for (size_t g = 0; g < (m + 2) / 3; g++)
            p[g] += ks;
        b += nv * VW;
    }
    cv_finish(m, nv, s, c, ldc, accumulate);
}

HONE_INLINE void cv_walk_body(const size_t m, const size_t nv, const hone__conv_walk *walk, const float *restrict a,
                              const float *restrict b, float *c, size_t ldc, bool accumulate) {
    const ptrdiff_t ms = walk->ms, ss = walk->ss, rs = walk->rs, cs = walk->cs;
    const size_t n_s = walk->n_s, n_r = walk->n_r, b_rs = walk->b_rs, b_cs = walk->b_cs;
    vf s[CV_MR][2];
    HONE_UNROLL
    for (size_t i = 0; i < m; i++) {
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++)
            s[i][j] = v_zero();
    }
    for (size_t ic = walk->n_c; ic; ic--, a += cs, b += b_cs) {
        const float *ar = a, *br = b;
        for (size_t ir = n_r; ir; ir--, ar += rs, br += b_rs) {
            const float *p[CV_GROUPS], *bs = br;
            HONE_UNROLL
            for (size_t g = 0; g < (m + 2) / 3; g++)
                p[g] = ar + (ptrdiff_t)(3 * g) * ms;
            for (size_t is = n_s; is; is--) {
                cv_step(m, nv, p, ms, bs, s);
                HONE_UNROLL
                for (size_t g = 0; g < (m + 2) / 3; g++)
                    p[g] += ss;
                bs += nv * VW;
            }
        }
    }
    cv_finish(m, nv, s, c, ldc, accumulate);
}

#if defined(__AVX512F__)
#define CV_ALL_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#else
#define CV_ALL_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif

static void cv_kernel(size_t m, size_t nv, size_t k, const float *a, ptrdiff_t ms, ptrdiff_t ks, const float *b,
                      float *c, size_t ldc, bool accumulate) {
#define CV_CASE(M)                                                                                                     \
    case (M)*2:                                                                                                        \
        cv_body(M, 1, k, a, ms, ks, b, c, ldc, accumulate);                                                            \
        break;                                                                                                         \
    case (M)*2 + 1:                                                                                                    \
        cv_body(M, 2, k, a, ms, ks, b, c, ldc, accumulate);                                                            \
        break;
    switch (m * 2 + nv - 1) {
        CV_ALL_ROWS(CV_CASE)
    default:
        break;
    }
#undef CV_CASE
}

static void cv_walk_kernel(size_t m, size_t nv, const hone__conv_walk *walk, const float *a, const float *b, float *c,
                           size_t ldc, bool accumulate) {
#define CV_CASE(M)                                                                                                     \
    case (M)*2:                                                                                                        \
        cv_walk_body(M, 1, walk, a, b, c, ldc, accumulate);                                                            \
        break;                                                                                                         \
    case (M)*2 + 1:                                                                                                    \
        cv_walk_body(M, 2, walk, a, b, c, ldc, accumulate);                                                            \
        break;
    switch (m * 2 + nv - 1) {
        CV_ALL_ROWS(CV_CASE)
    default:
        break;
    }
#undef CV_CASE
}

#endif
