/* The table of passes, in the order in which they run; see passes.h. */
#include "passes/pass_list.h"
#include "passes/passes.h"

#include <string.h>

static const hone__pass g_passes[] = {
    {"eliminate_identity", HONE_OPT_BASIC, "Removes nodes that hand their input on unchanged.",
     hone__pass_eliminate_identity},
    {"fold_shapes", HONE_OPT_BASIC, "Writes down shapes that the graph computes for itself.", hone__pass_fold_shapes},
    {"fold_constants", HONE_OPT_BASIC, "Computes nodes whose inputs are all constant, up to a size.",
     hone__pass_fold_constants},
    {"inline_control", HONE_OPT_BASIC, "Replaces If and Loop whose way is known by their bodies.",
     hone__pass_inline_control},
    {"eliminate_sequences", HONE_OPT_BASIC, "Takes sequences apart that are built only to be read.",
     hone__pass_eliminate_sequences},
    {"eliminate_duplicates", HONE_OPT_BASIC, "Merges nodes that compute the same, and equal initialisers.",
     hone__pass_eliminate_duplicates},
    {"merge_reshapes", HONE_OPT_BASIC, "Joins chains of Reshape, Flatten, Squeeze and Unsqueeze.",
     hone__pass_merge_reshapes},
    {"merge_casts", HONE_OPT_BASIC, "Joins casts where nothing is lost between.", hone__pass_merge_casts},
    {"drop_half_casts", HONE_OPT_BASIC, "Removes casts to half precision and back (changes results).",
     hone__pass_drop_half_casts, .on_request = true},
    {"simplify_algebra", HONE_OPT_BASIC, "Applies identities of one or two nodes.", hone__pass_simplify_algebra},
    {"merge_clips", HONE_OPT_BASIC, "Joins Clip, Relu, Max and Min with constants.", hone__pass_merge_clips},
    {"fold_pad", HONE_OPT_BASIC, "Takes a Pad into the convolution or pooling behind it.", hone__pass_fold_pad},
    {"fold_batchnorm", HONE_OPT_BASIC, "Folds BatchNormalization into the Conv, Gemm or MatMul before it.",
     hone__pass_fold_batchnorm},
    {"fold_conv_affine", HONE_OPT_BASIC, "Folds constant Mul and Add into the Conv, Gemm or MatMul before them.",
     hone__pass_fold_conv_affine},
    {"recognize_activations", HONE_OPT_BASIC, "Recognises standard activations spelt out.",
     hone__pass_recognize_activations},
    {"propagate_qdq", HONE_OPT_BASIC, "Moves QuantizeLinear and DequantizeLinear to where they cancel.",
     hone__pass_propagate_qdq},
    {"eliminate_dead", HONE_OPT_BASIC, "Removes nodes and outputs whose results nobody reads.",
     hone__pass_eliminate_dead},
    {"fuse_silu", HONE_OPT_EXTENDED, "Recognises SiLU and HardSwish spelt out.", hone__pass_fuse_silu},
    {"fuse_gelu", HONE_OPT_EXTENDED, "Recognises GELU, exact and tanh, spelt out.", hone__pass_fuse_gelu},
    {"approximate_gelu", HONE_OPT_EXTENDED, "Computes exact GELU by its tanh form (results differ by up to 1e-3).",
     hone__pass_approximate_gelu, .on_request = true},
    {"fuse_quick_gelu", HONE_OPT_EXTENDED, "Recognises x * Sigmoid(a * x), with a = 1.702 QuickGelu.",
     hone__pass_fuse_quick_gelu},
    {"fuse_layernorm", HONE_OPT_EXTENDED, "Recognises LayerNormalization spelt out.", hone__pass_fuse_layernorm},
    {"fuse_rmsnorm", HONE_OPT_EXTENDED, "Recognises RMSNormalization spelt out.", hone__pass_fuse_rmsnorm},
    {"fuse_attention", HONE_OPT_EXTENDED, "Joins MatMul, scale, mask, Softmax, MatMul into one attention.",
     hone__pass_fuse_attention},
    {"fuse_matmul_transpose", HONE_OPT_EXTENDED, "Takes transposes and scalar factors into MatMul.",
     hone__pass_fuse_matmul_transpose},
    {"fuse_matmul_bias", HONE_OPT_EXTENDED, "Takes the bias added after a MatMul into it.",
     hone__pass_fuse_matmul_bias},
    {"fuse_residual", HONE_OPT_EXTENDED, "Takes a residual addition into the convolution or MatMul before it.",
     hone__pass_fuse_residual},
    {"convert_gemm", HONE_OPT_EXTENDED, "Writes linear layers as the target runs them best.", hone__pass_convert_gemm},
    {"fuse_activation", HONE_OPT_EXTENDED, "Takes an activation into the convolution or MatMul before it.",
     hone__pass_fuse_activation},
    {"merge_transposes", HONE_OPT_BASIC, "Joins and cancels transposes, also across elementwise nodes.",
     hone__pass_merge_transposes},
    {"convert_transposes", HONE_OPT_BASIC, "Makes a Reshape of a Transpose that moves dims of size 1 only.",
     hone__pass_convert_transposes},
    {"merge_slices", HONE_OPT_BASIC, "Joins Slices, Concats, and Splits that undo each other.",
     hone__pass_merge_slices},
    {"merge_reductions", HONE_OPT_BASIC, "Joins reductions, and makes GlobalAveragePool of a spatial mean.",
     hone__pass_merge_reductions},
    {"fold_affine_before", HONE_OPT_BASIC, "Folds scales and shifts of the input into Conv, Gemm or MatMul.",
     hone__pass_fold_affine_before},
    {"merge_constants", HONE_OPT_BASIC, "Joins chains of additions or products with constants.",
     hone__pass_merge_constants},
    {"reduce_strength", HONE_OPT_BASIC, "Replaces Pow and Div by cheaper operators.", hone__pass_reduce_strength},
    {"eliminate_dead_again", HONE_OPT_BASIC, "Removes what the other passes left behind.", hone__pass_eliminate_dead},
    {"lower_to_onnxruntime", HONE_OPT_BASIC, "Writes fused operators as ONNX Runtime's (com.microsoft).",
     hone__pass_lower_to_onnxruntime, .is_lowering = true},
    {"lower_to_onnx", HONE_OPT_BASIC, "Spells operators of hone's own out in the standard's.", hone__pass_lower_to_onnx,
     .is_lowering = true},
    {NULL, HONE_OPT_ALL, NULL, NULL},
};

const hone__pass *hone__passes_all(void) { return g_passes; }

const hone__pass *hone__passes_find(const char *name) {
    for (const hone__pass *pass = g_passes; pass->name; pass++)
        if (strcmp(pass->name, name) == 0)
            return pass;
    return NULL;
}
