/* Every pass's row function, one per file; the table stands in pass_registry.c. */
#ifndef HONE_PASSES_PASS_LIST_H
#define HONE_PASSES_PASS_LIST_H

#include "passes/passes.h"

#define HONE_PASS(name) hone_status hone__pass_##name(hone__pass_context *ctx, hone_error *error)
HONE_PASS(lower_to_onnxruntime);
HONE_PASS(lower_to_onnx);
HONE_PASS(eliminate_dead);
HONE_PASS(eliminate_identity);
HONE_PASS(fold_constants);
HONE_PASS(fold_batchnorm);
HONE_PASS(inline_control);
HONE_PASS(freeze_initializers);
HONE_PASS(fold_shapes);
HONE_PASS(merge_reshapes);
HONE_PASS(unflatten_matmul);
HONE_PASS(merge_transposes);
HONE_PASS(channels_last);
HONE_PASS(convert_transposes);
HONE_PASS(merge_casts);
HONE_PASS(drop_half_casts);
HONE_PASS(merge_slices);
HONE_PASS(merge_reductions);
HONE_PASS(simplify_algebra);
HONE_PASS(merge_constants);
HONE_PASS(reduce_strength);
HONE_PASS(merge_clips);
HONE_PASS(recognize_activations);
HONE_PASS(fold_affine_before);
HONE_PASS(fold_pad);
HONE_PASS(convert_gemm);
HONE_PASS(propagate_qdq);
HONE_PASS(eliminate_sequences);
HONE_PASS(expand_einsum);
HONE_PASS(fold_conv_affine);
HONE_PASS(eliminate_duplicates);
HONE_PASS(fuse_shuffle);
HONE_PASS(fuse_silu);
HONE_PASS(fuse_gelu);
HONE_PASS(approximate_gelu);
HONE_PASS(fuse_quick_gelu);
HONE_PASS(fuse_layernorm);
HONE_PASS(fuse_rmsnorm);
HONE_PASS(fuse_groupnorm);
HONE_PASS(fuse_embed_layernorm);
HONE_PASS(fuse_skip_layernorm);
HONE_PASS(fuse_bias_gelu);
HONE_PASS(fuse_matmul_bias);
HONE_PASS(fuse_matmul_transpose);
HONE_PASS(fuse_attention);
HONE_PASS(fuse_rotary);
HONE_PASS(fuse_residual);
HONE_PASS(fuse_activation);

#endif
