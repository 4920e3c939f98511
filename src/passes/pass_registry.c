/* The table of passes, in the order in which they run; see passes.h. */
#include "passes/pass_list.h"
#include "passes/passes.h"

#include <string.h>

static const hone__pass g_passes[] = {
    {"eliminate_identity", HONE_OPT_BASIC, "Removes Identity, Dropout and casts that change nothing.",
     hone__pass_eliminate_identity},
    {"fold_constants", HONE_OPT_BASIC, "Computes nodes whose inputs are all constant, up to a size.",
     hone__pass_fold_constants},
    {"eliminate_duplicates", HONE_OPT_BASIC, "Merges nodes that compute the same from the same inputs.",
     hone__pass_eliminate_duplicates},
    {"fold_batchnorm", HONE_OPT_BASIC, "Folds BatchNormalization into the convolution or Gemm before it.",
     hone__pass_fold_batchnorm},
    {"fold_conv_affine", HONE_OPT_BASIC, "Folds constant per-channel Mul and Add into the convolution before them.",
     hone__pass_fold_conv_affine},
    {"eliminate_dead", HONE_OPT_BASIC, "Removes nodes whose results nobody reads.", hone__pass_eliminate_dead},
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
    {"fuse_activation", HONE_OPT_EXTENDED, "Takes an activation into the convolution or MatMul before it.",
     hone__pass_fuse_activation},
    {"eliminate_dead_again", HONE_OPT_EXTENDED, "Removes what the fusions left behind.", hone__pass_eliminate_dead},
    {NULL, HONE_OPT_ALL, NULL, NULL},
};

const hone__pass *hone__passes_all(void) { return g_passes; }

const hone__pass *hone__passes_find(const char *name) {
    for (const hone__pass *pass = g_passes; pass->name; pass++)
        if (strcmp(pass->name, name) == 0)
            return pass;
    return NULL;
}
