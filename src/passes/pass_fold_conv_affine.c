/* Folds Mul, Div, Add and Sub by a constant per output channel or a scalar into the weights and bias of the Conv,
 * ConvTranspose, Gemm or MatMul before them.
 *
 * Proof obligation: (f(x) + b) * s + t is linear in f's weights; computed in double, rounded once, and only when every
 * new weight is finite. The product is read by the node alone. A constant that would widen the result is none per
 * channel. The addition behind a MatMul is its bias, and stays. */
#include "base/error.h"
#include "passes/pass_linear.h"
#include "passes/pass_list.h"

static hone_status visit(hone__node *node, size_t i, bool *done, hone__pass_context *ctx, hone_error *error) {
    hone__linear l;
    hone__affine a;
    hone_status status;
    size_t input;
    hone__value *product = node->inputs[i];
    *done = false;
    if (!product || !product->producer || hone__value_single_consumer(product) != node ||
        product->producer->graph != node->graph || !hone__linear_read(product->producer, &l))
        return HONE_OK;
    int rank = hone__value_rank(product);
    if (rank < 2 || rank != hone__value_rank(node->outputs[0]))
        return HONE_OK;
    if (!hone__affine_read(node, l.n_out, l.channel_axis, rank, &a, &input, &status, error))
        return status;
    if (input == i && !hone__linear_prefers_alpha(ctx, &l, &a)) {
        status = hone__linear_take_scale(ctx, &l, &a, done, error);
        if (status == HONE_OK && !*done)
            status = hone__linear_fold_after(&l, &a, done, error);
    }
    hone__affine_deinit(&a);
    if (status == HONE_OK && *done) {
        l.node->provenance = ctx->pass->name;
        ctx->n_changed++;
        status = hone__node_absorb(l.node, node, error);
    }
    return status;
}

HONE_PASS(fold_conv_affine) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        bool is_affine = hone__is_op(node, "Mul") || hone__is_op(node, "Div") || hone__is_op(node, "Add") ||
                         hone__is_op(node, "Sub");
        bool done = false;
        for (size_t i = 0; is_affine && node->op && node->n_inputs == 2 && i < 2 && !done; i++)
            HONE_TRY(visit(node, i, &done, ctx, error));
    }
    return HONE_OK;
}
