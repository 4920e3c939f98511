/* The convolution kernels for AVX2 with FMA. */
#include "kernels/conv/conv_ops.h"

#include "kernels/conv/conv_blocked_impl.h"
#include "kernels/conv/conv_depthwise_impl.h"
#include "kernels/conv/conv_fft_impl.h"
#include "kernels/conv/conv_ops_init.h"
#include "kernels/gemm/gemm_rows.h"

const hone__conv_ops hone__conv_ops_avx2 = {
    .isa = "avx2",
    .gemm = &hone_f32_gemm_6x16__avx2,
    .blocked_tile_half = NULL,
    HONE_CONV_OPS_COMMON,
};
