/* Folds an inference BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul before it: weights are scaled per
 * output channel, the bias is shifted. Behind a MatMul, which has no bias, what is left is an Add.
 *
 * Proof obligation: y = (f(x) + b - mean) * scale / sqrt(var + eps) + bias is linear in f's weights; computed in
 * double, rounded once. The product is read by the normalisation alone, which does not train. */
#include "base/error.h"
#include "passes/pass_linear.h"
#include "passes/pass_list.h"

/* MatMul: the scale goes into the weights, and the node becomes the addition of the shift. */
static hone_status fold_matmul(const hone__linear *l, hone__affine *a, hone__node *bn, hone__pass_context *ctx,
                               hone_error *error) {
    hone__value *in[2] = {bn->inputs[0], NULL};
    hone__affine scale = *a;
    bool done;
    hone_tensor *shift;
    if (!hone__pass_can(ctx, "Add", 7))
        return HONE_OK;
    scale.shifts = false;
    HONE_TRY(hone__linear_fold_after(l, &scale, &done, error));
    if (!done)
        return HONE_OK;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_FLOAT, 1, &l->n_out, &shift, error));
    for (int64_t c = 0; c < l->n_out; c++)
        ((float *)shift->data)[c] = (float)a->shift[c];
    hone_status status = hone__graph_add_constant(ctx->graph, bn->inputs[2]->name, shift, &in[1], error);
    if (status != HONE_OK) {
        hone_tensor_destroy(shift);
        return status;
    }
    ctx->n_changed++;
    return hone__pass_replace(ctx, bn, "Add", in, 2, NULL, error);
}

static hone_status visit(hone__node *bn, hone__pass_context *ctx, hone_error *error) {
    hone__node *producer = bn->n_inputs && bn->inputs[0] ? bn->inputs[0]->producer : NULL;
    hone__linear l;
    hone__affine a;
    hone_status status;
    size_t input;
    bool done = false;
    if (!producer || producer->graph != bn->graph)
        return HONE_OK;
    if (!hone__linear_read(producer, &l)) {
        if (hone__is_op(producer, "Conv") || hone__is_op(producer, "ConvTranspose"))
            hone__pass_missed(ctx, bn, 1, "the weights or the bias of node %s are not float32 constants%s",
                              producer->name,
                              producer->inputs[1] && producer->inputs[1]->is_overridable
                                  ? " but inputs with defaults (freeze_initializers makes constants of them)"
                                  : "");
        return HONE_OK;
    }
    if (hone__value_single_consumer(bn->inputs[0]) != bn) {
        hone__pass_missed(ctx, bn, 2, "the result of node %s is read elsewhere too", producer->name);
        return HONE_OK;
    }
    int rank = hone__value_rank(bn->inputs[0]);
    if (l.channel_axis != 1 || !hone__affine_read(bn, l.n_out, 1, rank, &a, &input, &status, error)) {
        hone__pass_missed(ctx, bn, 2, "it trains, or its statistics are not constants per channel of node %s",
                          producer->name);
        return l.channel_axis != 1 ? HONE_OK : status;
    }
    if (l.takes_bias)
        status = hone__linear_fold_after(&l, &a, &done, error);
    else
        status = fold_matmul(&l, &a, bn, ctx, error);
    hone__affine_deinit(&a);
    if (status == HONE_OK && done) {
        producer->provenance = ctx->pass->name;
        ctx->n_changed++;
        status = hone__node_absorb(producer, bn, error);
    }
    return status;
}

HONE_PASS(fold_batchnorm) {
    HONE_FOR_NODES_SAFE(bn, ctx->graph) {
        if (hone__is_op(bn, "BatchNormalization") && bn->op)
            HONE_TRY(visit(bn, ctx, error));
    }
    return HONE_OK;
}
