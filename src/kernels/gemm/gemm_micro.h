/* The body of a GEMM kernel row: micro-kernels, packing, dot products and the epilogue, written once
 * on the vector primitives. A file per ISA includes its vecmath header, defines GEMM_MR (rows of a
 * tile; the tile is two vectors wide), GEMM_ISA (suffix of names) and gemm_transpose, then this.
 *
 * Every micro-kernel is an instance of gemm_tile with constant rows and width, so that the rows'
 * accumulators are registers. Tiles are always whole vectors wide; narrower ones at the right edge are
 * computed into scratch and finished by gemm_finish, which masks. */

#include "kernels/gemm/gemm.h"
#include <string.h>

#define GEMM_INLINE static inline __attribute__((always_inline))
#define GEMM_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)

/* The epilogue of one vector; p is its place in C. */
GEMM_INLINE hone__vf gemm_clamp(hone__vf v, const hone__gemm_epilogue *e) {
    /* Operand order keeps NaN. */
    return hone__vf_min(hone__vf_set1(e->hi), hone__vf_max(hone__vf_set1(e->lo), v));
}

/* The activation pass over a tile that was just stored. Out of line: it is large. */
static __attribute__((noinline)) void gemm_activate(float *c, size_t ldc, size_t m, size_t n, const hone_act *act) {
    for (size_t i = 0; i < m; i++)
        hone__act_apply_row(c + i * ldc, c + i * ldc, n, act);
}

GEMM_INLINE void gemm_tile(const int m, const int nv, size_t k, const float *a, const float *b, size_t ldb, float *c,
                           size_t ldc, const hone__gemm_epilogue *e) {
    const size_t vn = HONE_VF_N;
#define GEMM_DECLARE(i)                                                                                                \
    hone__vf c##i##_0 = hone__vf_zero(), c##i##_1 = hone__vf_zero();                                                   \
    if (m > i) {                                                                                                       \
        __builtin_prefetch(c + (i)*ldc, 1);                                                                            \
        if (nv > 1)                                                                                                    \
            __builtin_prefetch(c + (i)*ldc + 2 * vn - 1, 1);                                                           \
    }
    GEMM_ROWS(GEMM_DECLARE)
    hone__vf b0, b1 = hone__vf_zero();
    /* Few rows: a second set of accumulators hides the latency of the additions. B streams from memory, and the
     * machine's own prefetching is left to it: asking for some of the lines halved the bandwidth on Zen 4. */
    if (2 * m <= GEMM_MR) {
#define GEMM_DECLARE_2(i) hone__vf d##i##_0 = hone__vf_zero(), d##i##_1 = hone__vf_zero();
        GEMM_ROWS(GEMM_DECLARE_2)
        for (; k >= 2; k -= 2) {
            b0 = hone__vf_load(b);
            if (nv > 1)
                b1 = hone__vf_load(b + vn);
#define GEMM_STEP(i)                                                                                                   \
    if (m > i) {                                                                                                       \
        const hone__vf x = hone__vf_set1(a[i]);                                                                        \
        c##i##_0 = hone__vf_fma(x, b0, c##i##_0);                                                                      \
        if (nv > 1)                                                                                                    \
            c##i##_1 = hone__vf_fma(x, b1, c##i##_1);                                                                  \
    }
            GEMM_ROWS(GEMM_STEP)
            b += ldb;
            b0 = hone__vf_load(b);
            if (nv > 1)
                b1 = hone__vf_load(b + vn);
#define GEMM_STEP_2(i)                                                                                                 \
    if (m > i) {                                                                                                       \
        const hone__vf x = hone__vf_set1(a[m + i]);                                                                    \
        d##i##_0 = hone__vf_fma(x, b0, d##i##_0);                                                                      \
        if (nv > 1)                                                                                                    \
            d##i##_1 = hone__vf_fma(x, b1, d##i##_1);                                                                  \
    }
            GEMM_ROWS(GEMM_STEP_2)
            b += ldb;
            a += 2 * m;
        }
#define GEMM_JOIN(i)                                                                                                   \
    c##i##_0 = hone__vf_add(c##i##_0, d##i##_0);                                                                       \
    c##i##_1 = hone__vf_add(c##i##_1, d##i##_1);
        GEMM_ROWS(GEMM_JOIN)
    }
    const float *next = e->next ? e->next : b;
    const size_t every = e->next ? e->next_every : k;
    while (k > 0) {
        size_t steps = k < every ? k : every;
        k -= steps;
        __builtin_prefetch(next, 0, 2);
        next += 64 / sizeof *next;
        for (; steps > 0; steps--) {
            b0 = hone__vf_load(b);
            if (nv > 1)
                b1 = hone__vf_load(b + vn);
            if (nv > 1 && vn == 16) { /* pays where a step takes 28 cycles, costs where it takes 6 */
                __builtin_prefetch(b + 16 * ldb);
                __builtin_prefetch(b + 16 * ldb + vn);
            }
            GEMM_ROWS(GEMM_STEP)
            b += ldb;
            a += m;
        }
    }
    if (e->alpha != 1.0f) {
        const hone__vf s = hone__vf_set1(e->alpha);
#define GEMM_ALPHA(i)                                                                                                  \
    c##i##_0 = hone__vf_mul(c##i##_0, s);                                                                              \
    c##i##_1 = hone__vf_mul(c##i##_1, s);
        GEMM_ROWS(GEMM_ALPHA)
    }
    if (e->accumulate) {
#define GEMM_ACCUMULATE(i)                                                                                             \
    if (m > i) {                                                                                                       \
        c##i##_0 = hone__vf_add(c##i##_0, hone__vf_load(c + (i)*ldc));                                                 \
        if (nv > 1)                                                                                                    \
            c##i##_1 = hone__vf_add(c##i##_1, hone__vf_load(c + (i)*ldc + vn));                                        \
    }
        GEMM_ROWS(GEMM_ACCUMULATE)
    }
    if (e->z) {
        const hone__vf s = hone__vf_set1(e->beta);
#define GEMM_ADD_Z(i)                                                                                                  \
    if (m > i) {                                                                                                       \
        c##i##_0 = hone__vf_fma(s, hone__vf_load(e->z + (i)*e->ldz), c##i##_0);                                        \
        if (nv > 1)                                                                                                    \
            c##i##_1 = hone__vf_fma(s, hone__vf_load(e->z + (i)*e->ldz + vn), c##i##_1);                               \
    }
        GEMM_ROWS(GEMM_ADD_Z)
    }
    if (e->bias_row) {
#define GEMM_BIAS_ROW(i)                                                                                               \
    if (m > i) {                                                                                                       \
        const hone__vf x = hone__vf_set1(e->bias_row[i]);                                                              \
        c##i##_0 = hone__vf_add(c##i##_0, x);                                                                          \
        c##i##_1 = hone__vf_add(c##i##_1, x);                                                                          \
    }
        GEMM_ROWS(GEMM_BIAS_ROW)
    }
    if (e->bias_col) {
        b0 = hone__vf_load(e->bias_col);
        if (nv > 1)
            b1 = hone__vf_load(e->bias_col + vn);
#define GEMM_BIAS_COL(i)                                                                                               \
    c##i##_0 = hone__vf_add(c##i##_0, b0);                                                                             \
    c##i##_1 = hone__vf_add(c##i##_1, b1);
        GEMM_ROWS(GEMM_BIAS_COL)
    }
    if (e->is_clamped) {
#define GEMM_CLAMP(i)                                                                                                  \
    c##i##_0 = gemm_clamp(c##i##_0, e);                                                                                \
    c##i##_1 = gemm_clamp(c##i##_1, e);
        GEMM_ROWS(GEMM_CLAMP)
    }
#define GEMM_STORE(i)                                                                                                  \
    if (m > i) {                                                                                                       \
        hone__vf_store(c + (i)*ldc, c##i##_0);                                                                         \
        if (nv > 1)                                                                                                    \
            hone__vf_store(c + (i)*ldc + vn, c##i##_1);                                                                \
    }
    GEMM_ROWS(GEMM_STORE)
    if (e->is_activated)
        gemm_activate(c, ldc, (size_t)m, vn * (size_t)nv, &e->act);
}

#define GEMM_INSTANCE(m)                                                                                               \
    static void gemm_tile_##m##x1(size_t k, const float *a, const float *b, size_t ldb, float *c, size_t ldc,          \
                                  const hone__gemm_epilogue *e) {                                                      \
        gemm_tile(m, 1, k, a, b, ldb, c, ldc, e);                                                                      \
    }                                                                                                                  \
    static void gemm_tile_##m##x2(size_t k, const float *a, const float *b, size_t ldb, float *c, size_t ldc,          \
                                  const hone__gemm_epilogue *e) {                                                      \
        gemm_tile(m, 2, k, a, b, ldb, c, ldc, e);                                                                      \
    }
GEMM_INSTANCE(1)
GEMM_INSTANCE(2)
GEMM_INSTANCE(3)
GEMM_INSTANCE(4)
GEMM_INSTANCE(5)
GEMM_INSTANCE(6)
#if GEMM_MR > 6
GEMM_INSTANCE(7)
GEMM_INSTANCE(8)
GEMM_INSTANCE(9)
GEMM_INSTANCE(10)
GEMM_INSTANCE(11)
GEMM_INSTANCE(12)
GEMM_INSTANCE(13)
GEMM_INSTANCE(14)
#endif

static void gemm_finish(const float *t, size_t ldt, float *c, size_t ldc, size_t m, size_t n,
                        const hone__gemm_epilogue *e) {
    const hone__vf alpha = hone__vf_set1(e->alpha), beta = hone__vf_set1(e->beta);
    for (size_t i = 0; i < m; i++) {
        const hone__vf row = hone__vf_set1(e->bias_row ? e->bias_row[i] : 0.0f);
        for (size_t j = 0; j < n; j += HONE_VF_N) {
            const size_t w = n - j < HONE_VF_N ? n - j : HONE_VF_N;
            float *p = c + i * ldc + j;
            hone__vf v = hone__vf_mul(alpha, hone__vf_load_n(t + i * ldt + j, w));
            if (e->accumulate)
                v = hone__vf_add(v, hone__vf_load_n(p, w));
            if (e->z)
                v = hone__vf_fma(beta, hone__vf_load_n(e->z + i * e->ldz + j, w), v);
            if (e->bias_row)
                v = hone__vf_add(v, row);
            if (e->bias_col)
                v = hone__vf_add(v, hone__vf_load_n(e->bias_col + j, w));
            if (e->is_clamped)
                v = gemm_clamp(v, e);
            hone__vf_store_n(p, v, w);
        }
    }
    if (e->is_activated)
        gemm_activate(c, ldc, m, n, &e->act);
}

/* Packs where consecutive k lie side by side: squares are transposed in registers. */
static void gemm_pack_transposed(float *dst, size_t w, const hone_f32_unaligned *src, size_t vs, size_t width,
                                 size_t k) {
    for (size_t i0 = 0; i0 < w; i0 += HONE_VF_N) {
        const size_t iw = w - i0 < HONE_VF_N ? w - i0 : HONE_VF_N;                             /* columns written */
        const size_t rows = width <= i0 ? 0 : width - i0 < HONE_VF_N ? width - i0 : HONE_VF_N; /* rows read */
        for (size_t k0 = 0; k0 < k; k0 += HONE_VF_N) {
            const size_t kw = k - k0 < HONE_VF_N ? k - k0 : HONE_VF_N;
            const hone_f32_unaligned *s = src + i0 * vs + k0;
            float *d = dst + k0 * w + i0;
            hone__vf t[HONE_VF_N];
            if (kw == HONE_VF_N && rows == HONE_VF_N) {
                for (size_t r = 0; r < HONE_VF_N; r++)
                    t[r] = hone__vf_load(s + r * vs);
            } else {
                for (size_t r = 0; r < HONE_VF_N; r++)
                    t[r] = r < rows ? hone__vf_load_n(s + r * vs, kw) : hone__vf_zero();
            }
            gemm_transpose(t);
            if (kw == HONE_VF_N && iw == HONE_VF_N) {
                for (size_t r = 0; r < HONE_VF_N; r++)
                    hone__vf_store(d + r * w, t[r]);
            } else {
                for (size_t r = 0; r < kw; r++)
                    hone__vf_store_n(d + r * w, t[r], iw);
            }
        }
    }
}

static void gemm_pack(float *dst, size_t w, const hone_f32_unaligned *src, size_t vs, size_t ks, size_t width,
                      size_t k) {
    if (vs == 1 && width == w && w % HONE_VF_N == 0) {
        for (size_t kk = 0; kk < k; kk++, src += ks, dst += w)
            for (size_t i = 0; i < w; i += HONE_VF_N)
                hone__vf_store(dst + i, hone__vf_load(src + i));
    } else if (vs == 1) {
        for (size_t kk = 0; kk < k; kk++, src += ks, dst += w)
            for (size_t i = 0; i < w; i += HONE_VF_N) {
                const size_t iw = w - i < HONE_VF_N ? w - i : HONE_VF_N;
                const size_t rw = width <= i ? 0 : width - i < HONE_VF_N ? width - i : HONE_VF_N;
                hone__vf_store_n(dst + i, hone__vf_load_n(src + i, rw), iw);
            }
    } else if (ks == 1) {
        gemm_pack_transposed(dst, w, src, vs, width, k);
    } else {
        for (size_t kk = 0; kk < k; kk++, dst += w) {
            for (size_t i = 0; i < width; i++)
                dst[i] = src[i * vs + kk * ks];
            for (size_t i = width; i < w; i++)
                dst[i] = 0.0f;
        }
    }
}

/* A vector's worth of columns at a time: one accumulator each, summed across by a transposition. */
static void gemm_dot(size_t k, const float *a, const float *b, size_t ldb, float *out, size_t n) {
    for (size_t j = 0; j < n; j += HONE_VF_N) {
        const size_t w = n - j < HONE_VF_N ? n - j : HONE_VF_N;
        const float *col = b + j * ldb;
        hone__vf acc[HONE_VF_N];
        for (size_t r = 0; r < HONE_VF_N; r++)
            acc[r] = hone__vf_zero();
        if (w == HONE_VF_N) {
            size_t kk = 0;
            for (; kk + HONE_VF_N <= k; kk += HONE_VF_N) {
                const hone__vf x = hone__vf_load(a + kk);
                for (size_t r = 0; r < HONE_VF_N; r++)
                    acc[r] = hone__vf_fma(x, hone__vf_load(col + r * ldb + kk), acc[r]);
            }
            if (kk < k) {
                const hone__vf x = hone__vf_load_n(a + kk, k - kk);
                for (size_t r = 0; r < HONE_VF_N; r++)
                    acc[r] = hone__vf_fma(x, hone__vf_load_n(col + r * ldb + kk, k - kk), acc[r]);
            }
        } else {
            for (size_t r = 0; r < w; r++)
                for (size_t kk = 0; kk < k; kk += HONE_VF_N) {
                    const size_t kw = k - kk < HONE_VF_N ? k - kk : HONE_VF_N;
                    acc[r] = hone__vf_fma(hone__vf_load_n(a + kk, kw), hone__vf_load_n(col + r * ldb + kk, kw), acc[r]);
                }
        }
        gemm_transpose(acc);
        hone__vf sum = acc[0];
        for (size_t r = 1; r < HONE_VF_N; r++)
            sum = hone__vf_add(sum, acc[r]);
        hone__vf_store_n(out + j, sum, w);
    }
}

#define GEMM_TILES_6(v)                                                                                                \
    gemm_tile_1x##v, gemm_tile_2x##v, gemm_tile_3x##v, gemm_tile_4x##v, gemm_tile_5x##v, gemm_tile_6x##v
#define GEMM_TILES_14(v)                                                                                               \
    GEMM_TILES_6(v), gemm_tile_7x##v, gemm_tile_8x##v, gemm_tile_9x##v, gemm_tile_10x##v, gemm_tile_11x##v,            \
        gemm_tile_12x##v, gemm_tile_13x##v, gemm_tile_14x##v
