/* The softmax steps of attention for this ISA; see attention_micro.h. */
#include "kernels/eltwise/vecmath_generic.h"

#include "attention_micro.h"

const hone__attention_kernel hone_f32_attention__generic = {
    .name = "f32_attention_generic",
    .decode_name = "f32_attention_decode_generic",
    .isa = HONE_ISA_GENERIC,
    .softmax_columns = attention_softmax_columns,
    .scale_columns = attention_scale_columns,
    .softmax_row = attention_softmax_row,
};
