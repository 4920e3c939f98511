/* The convolution kernels for AVX-512. */
#include "kernels/conv/conv_ops.h"

#include "kernels/conv/conv_blocked_impl.h"
#include "kernels/conv/conv_depthwise_impl.h"
#include "kernels/conv/conv_fft_impl.h"
#include "kernels/conv/conv_ops_init.h"
#include "kernels/gemm/gemm_rows.h"

const hone__conv_ops hone__conv_ops_avx512 = {
    .isa = "avx512",
    .gemm = &hone_f32_gemm_14x32__avx512,
    .blocked_tile_half = blocked_tile_half,
    HONE_CONV_OPS_COMMON,
};
