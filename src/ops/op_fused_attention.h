/* Geometry of hone.FusedAttention: where batch, heads, rows and elements of its operands lie. Shape inference, the
 * reference evaluator and the CPU kernel read nodes with the same function.
 *
 *   Y = softmax(scale Q K^T + mask) V      inputs Q, K, V, mask, condition (optional)
 *
 * Each operand's attribute (q_layout, k_layout, v_layout, y_layout; default BHSD) names its dims: B batch, H heads, S
 * rows (queries or keys), D elements of a head, N batch x heads, C a row of all heads. So the transposes that models
 * put around attention become strides:
 *   BHSD BSHD SBHD (rank 4)   NSD SND (rank 3)   BSC SBC (rank 3)
 * num_heads and kv_num_heads are needed by layouts without H. In BSC and SBC, head h's elements begin at
 * view[0] + h view[1] of a row (q_view, k_view, v_view; default [0, D]) and are head_size (v_head_size for V) many: a
 * packed projection of queries, keys and values serves as all three operands. K and V may have fewer heads, each
 * serving a group of consecutive query heads, and a batch of 1.
 * mask: added to the scores, broadcast to [B,H,S,T]; bool: where it is false mask_value (default -infinity) is added.
 * condition: bool, broadcast to [B,H,S,T]: where it is false the score becomes mask_value, before the mask is added.
 * mask_layout NST: [B*H,S,T]. mask_repeats 1: its first dim divides B, and it repeats (windows of Swin).
 * causal 1: query i sees the keys 0 .. i + T - S only. zero_masked 1: a query that sees nothing gives zeros, not NaN.
 */
#ifndef HONE_OPS_OP_FUSED_ATTENTION_H
#define HONE_OPS_OP_FUSED_ATTENTION_H

#include "ops/op.h"

typedef struct hone__fused_operand {
    hone__dim batch, rows;
    int64_t heads, size; /* -1 unknown */
    int64_t stride[3];   /* of batch, head, row, in elements; the last dim is dense. Valid when all dims are known */
    int64_t offset;
} hone__fused_operand;

typedef struct hone__fused_attention {
    hone__fused_operand q, k, v, y;
    int rank; /* of Y, with its dims */
    hone__dim dims[4];
    int64_t mask_stride[4]; /* of batch, head, query, key; 0 where broadcast */
    int64_t mask_batches;   /* the batch index is taken modulo this; 0: no mask */
    int64_t condition_stride[4];
    float scale, mask_value;
    bool causal, zero_masked;
} hone__fused_attention;

/* types: of Q, K, V (ranks known), mask and condition (NULL: none). NULL on success, else what does not fit. */
const char *hone__fused_attention_read(const hone__node *node, const hone__type *const types[5],
                                       hone__fused_attention *out);

/* A type with a tensor's concrete dims, which live in dims[HONE_MAX_RANK]. */
hone__type hone__type_of_dims(hone_dtype dtype, int rank, const int64_t *sizes, hone__dim *dims);

/* The row's functions. */
hone_status hone__fused_attention_infer(hone__infer *ctx);
hone_status hone__fused_attention_eval(hone__eval *ctx);
double hone__fused_attention_flops(const hone__node *node, const hone__type *const *in, const hone__type *const *out);

#endif
