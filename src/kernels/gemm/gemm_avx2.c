/* The AVX2 GEMM row: tiles of 6x16, 12 accumulators of the 16 registers. See gemm_micro.h. */
#include "kernels/eltwise/vecmath_avx2.h"

#define GEMM_MR 6

/* 8x8 floats, in registers. */
static inline __attribute__((always_inline)) void gemm_transpose(__m256 *t) {
    __m256 u[8], v[8];
#define PAIR(i)                                                                                                        \
    u[i] = _mm256_unpacklo_ps(t[i], t[i + 1]);                                                                         \
    u[i + 1] = _mm256_unpackhi_ps(t[i], t[i + 1])
    PAIR(0);
    PAIR(2);
    PAIR(4);
    PAIR(6);
#define QUAD(i)                                                                                                        \
    v[i] = _mm256_shuffle_ps(u[i], u[i + 2], 0x44);                                                                    \
    v[i + 1] = _mm256_shuffle_ps(u[i], u[i + 2], 0xee);                                                                \
    v[i + 2] = _mm256_shuffle_ps(u[i + 1], u[i + 3], 0x44);                                                            \
    v[i + 3] = _mm256_shuffle_ps(u[i + 1], u[i + 3], 0xee)
    QUAD(0);
    QUAD(4);
#define LANES(i)                                                                                                       \
    t[i] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x20);                                                               \
    t[i + 4] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x31)
    LANES(0);
    LANES(1);
    LANES(2);
    LANES(3);
#undef PAIR
#undef QUAD
#undef LANES
}

#include "gemm_micro.h"
#include "gemm_rows.h"

const hone__gemm_kernel hone_f32_gemm_6x16__avx2 = {
    .name = "f32_gemm_6x16_avx2",
    .gemv_name = "f32_gemv_avx2",
    .isa = HONE_ISA_AVX2,
    .mr = GEMM_MR,
    .nr = 2 * HONE_VF_N,
    .tile = {{GEMM_TILES_6(1)}, {GEMM_TILES_6(2)}},
    .pack = gemm_pack,
    .dot = gemm_dot,
    .finish = gemm_finish,
    .fma_per_cycle = 16,
};
