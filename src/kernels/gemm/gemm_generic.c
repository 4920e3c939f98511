/* The GEMM row in portable C: tiles of 6x8 on four-float vectors. See gemm_micro.h. */
#include "kernels/eltwise/vecmath_generic.h"

#define GEMM_MR 6

static inline void gemm_transpose(hone__vf *t) {
    const hone__vf a = t[0], b = t[1], c = t[2], d = t[3];
    for (int i = 0; i < 4; i++)
        t[i] = (hone__vf){a[i], b[i], c[i], d[i]};
}

#include "gemm_micro.h"
#include "gemm_rows.h"

const hone__gemm_kernel hone_f32_gemm_6x8__generic = {
    .name = "f32_gemm_6x8_generic",
    .gemv_name = "f32_gemv_generic",
    .isa = HONE_ISA_GENERIC,
    .mr = GEMM_MR,
    .nr = 2 * HONE_VF_N,
    .tile = {{GEMM_TILES_6(1)}, {GEMM_TILES_6(2)}},
    .pack = gemm_pack,
    .dot = gemm_dot,
    .finish = gemm_finish,
    .fma_per_cycle = 4,
};
