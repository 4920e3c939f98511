/* The softmax steps of attention for this ISA; see attention_micro.h. */
#include "kernels/eltwise/vecmath_avx2.h"

#include "attention_micro.h"

const hone__attention_kernel hone_f32_attention__avx2 = {
    .name = "f32_attention_avx2",
    .decode_name = "f32_attention_decode_avx2",
    .isa = HONE_ISA_AVX2,
    .softmax_columns = attention_softmax_columns,
    .scale_columns = attention_scale_columns,
    .softmax_row = attention_softmax_row,
};
