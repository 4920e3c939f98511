/* A product with a constant matrix does not need its rows flattened: Reshape(MatMul(Reshape(x, [-1, K]), W), [..., N])
 * is MatMul(x, W). TensorFlow's dense layers are written that way; bias, activation and residual can join once it is
 * gone. (convert_gemm does the same for Gemm.)
 *
 * Proof obligation: MatMul of [..., K] and [K, N] multiplies each row of K elements alone; the first Reshape keeps rows
 * whole, since K is x's last dim, and the second gives back x's leading dims, which are known to be equal. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

HONE_PASS(unflatten_matmul) {
    if (!hone__pass_can(ctx, "MatMul", 1))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        hone__node *product = hone__is_op(node, "Reshape") && node->op ? hone__input_node(node, 0, "MatMul") : NULL;
        hone__value *x = product ? hone__pass_unflattened(node, product) : NULL;
        if (!x)
            continue;
        hone__value *in[2] = {x, product->inputs[1]};
        ctx->n_changed++;
        HONE_TRY(hone__pass_replace(ctx, node, "MatMul", in, 2, NULL, error));
    }
    return HONE_OK;
}
