/* The convolution kernels for four floats a vector, plain C: the reference of every vector version. */
#include "kernels/conv/conv_ops.h"

#include "kernels/conv/conv_blocked_impl.h"
#include "kernels/conv/conv_depthwise_impl.h"
#include "kernels/conv/conv_fft_impl.h"
#include "kernels/conv/conv_ops_init.h"
#include "kernels/gemm/gemm_rows.h"

const hone__conv_ops hone__conv_ops_generic = {
    .isa = "generic",
    .gemm = &hone_f32_gemm_6x8__generic,
    .blocked_tile_half = NULL,
    HONE_CONV_OPS_COMMON,
};
