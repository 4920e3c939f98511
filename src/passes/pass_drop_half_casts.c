/* Casts to float16 or bfloat16 and back to float32, left over where a model was converted in part: removed on request,
 * with Identity-like operators between them. What follows then sees more digits than the author's model gave it, so
 * results change (towards those of the float32 model); hence it never runs unless it is asked for by name.
 *
 * Proof obligation: none for equality, by intent. Cast(Cast(x: float32 -> half) -> float32) is x rounded to half. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

HONE_PASS(drop_half_casts) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        hone__node *inner = hone__is_op(node, "Cast") && node->n_inputs ? hone__input_node(node, 0, "Cast") : NULL;
        bool done;
        if (!inner || !inner->inputs[0])
            continue;
        hone_dtype between = hone__value_dtype(node->inputs[0]), from = hone__value_dtype(inner->inputs[0]);
        bool is_half = between == HONE_DTYPE_FLOAT16 || between == HONE_DTYPE_BFLOAT16;
        bool comes_back = from == (hone_dtype)hone__node_attr_int(node, "to", 0);
        if (is_half && comes_back && (from == HONE_DTYPE_FLOAT || from == HONE_DTYPE_DOUBLE))
            HONE_TRY(hone__pass_bypass(ctx, node, inner->inputs[0], &done, error));
    }
    return HONE_OK;
}
