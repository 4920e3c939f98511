/* The AVX-512 GEMM row: tiles of 14x32, 28 accumulators of the 32 registers. See gemm_micro.h. */
#include "kernels/eltwise/vecmath_avx512.h"

#define GEMM_MR 14

/* 16x16 floats, in registers: pairs, quadruples, then 128-bit lanes. */
static inline __attribute__((always_inline)) void gemm_transpose(__m512 *t) {
    __m512 u[16], v[16];
#define PAIR(i)                                                                                                        \
    u[i] = _mm512_unpacklo_ps(t[i], t[i + 1]);                                                                         \
    u[i + 1] = _mm512_unpackhi_ps(t[i], t[i + 1])
    PAIR(0);
    PAIR(2);
    PAIR(4);
    PAIR(6);
    PAIR(8);
    PAIR(10);
    PAIR(12);
    PAIR(14);
#define QUAD(i)                                                                                                        \
    v[i] = _mm512_shuffle_ps(u[i], u[i + 2], 0x44);                                                                    \
    v[i + 1] = _mm512_shuffle_ps(u[i], u[i + 2], 0xee);                                                                \
    v[i + 2] = _mm512_shuffle_ps(u[i + 1], u[i + 3], 0x44);                                                            \
    v[i + 3] = _mm512_shuffle_ps(u[i + 1], u[i + 3], 0xee)
    QUAD(0);
    QUAD(4);
    QUAD(8);
    QUAD(12);
#define LANES(i)                                                                                                       \
    u[i] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0x88);                                                                 \
    u[i + 4] = _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd);                                                             \
    u[i + 8] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0x88);                                                        \
    u[i + 12] = _mm512_shuffle_f32x4(v[i + 8], v[i + 12], 0xdd)
    LANES(0);
    LANES(1);
    LANES(2);
    LANES(3);
#define WHOLE(i)                                                                                                       \
    t[i] = _mm512_shuffle_f32x4(u[i], u[i + 8], 0x88);                                                                 \
    t[i + 8] = _mm512_shuffle_f32x4(u[i], u[i + 8], 0xdd);                                                             \
    t[i + 4] = _mm512_shuffle_f32x4(u[i + 4], u[i + 12], 0x88);                                                        \
    t[i + 12] = _mm512_shuffle_f32x4(u[i + 4], u[i + 12], 0xdd)
    WHOLE(0);
    WHOLE(1);
    WHOLE(2);
    WHOLE(3);
#undef PAIR
#undef QUAD
#undef LANES
#undef WHOLE
}

#include "gemm_micro.h"
#include "gemm_rows.h"

const hone__gemm_kernel hone_f32_gemm_14x32__avx512 = {
    .name = "f32_gemm_14x32_avx512",
    .gemv_name = "f32_gemv_avx512",
    .isa = HONE_ISA_AVX512,
    .mr = GEMM_MR,
    .nr = 2 * HONE_VF_N,
    .tile = {{GEMM_TILES_14(1)}, {GEMM_TILES_14(2)}},
    .pack = gemm_pack,
    .dot = gemm_dot,
    .finish = gemm_finish,
    .fma_per_cycle = 16,
};
