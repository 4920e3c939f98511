/* Linear layers in the form that the target runs best.
 *
 *   for the standard and ONNX Runtime   Add(MatMul(x, W), b) of rank 2  ->  Gemm(x, W, b)
 *   for our own sessions                Gemm followed by an activation  ->  FusedMatMul, which takes the activation in
 *                                       Gemm between Reshapes that flatten its rows and give them back  ->  FusedMatMul
 *
 * Proof obligation: Gemm is alpha*A*B + beta*C; with alpha = beta = 1 and b broadcast to the rows it is the sum. The
 * product is read by the addition alone. FusedMatMul has the same alpha and transposes, and a bias of one row. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

static hone_status to_gemm(hone__node *add, hone__pass_context *ctx, hone_error *error) {
    for (size_t i = 0; add->n_inputs == 2 && i < 2; i++) {
        hone__node *matmul = add->inputs[i] ? hone__input_node(add, i, "MatMul") : NULL;
        hone__value *bias = add->inputs[1 - i];
        int64_t columns = matmul ? hone__value_dim(add->inputs[i], -1) : -1;
        if (!matmul || matmul->graph != add->graph || hone__value_single_consumer(add->inputs[i]) != add ||
            !hone__is_float(add->inputs[i]) || hone__value_rank(matmul->inputs[0]) != 2)
            continue;
        if (hone__value_rank(matmul->inputs[1]) != 2 || hone__value_rank(bias) != 1 ||
            (hone__value_dim(bias, 0) != columns && hone__value_dim(bias, 0) != 1) || columns < 0) {
            hone__pass_missed(ctx, add, 2, "\"%s\" is not one value per column of node %s", bias->name, matmul->name);
            continue;
        }
        if (!hone__pass_can(ctx, "Gemm", 7))
            return HONE_OK;
        hone__value *in[3] = {matmul->inputs[0], matmul->inputs[1], bias};
        ctx->n_changed++;
        return hone__pass_replace(ctx, add, "Gemm", in, 3, NULL, error);
    }
    return HONE_OK;
}

static bool is_row(const hone__value *bias, int64_t columns) {
    int64_t n;
    return hone__const_floats(bias, &n) && n == columns && bias->constant->rank >= 1 && bias->constant->rank <= 2 &&
           bias->constant->dims[bias->constant->rank - 1] == columns;
}

/* A Gemm that FusedMatMul can be. */
static bool is_plain(const hone__node *gemm, hone__pass_context *ctx) {
    hone__value *bias = gemm->n_inputs > 2 ? gemm->inputs[2] : NULL;
    if (!hone__is_float(gemm->outputs[0]) || gemm->op->since < 7)
        return false;
    if (bias && (hone__node_attr_float(gemm, "beta", 1) != 1 || !is_row(bias, hone__value_dim(gemm->outputs[0], -1)))) {
        hone__pass_missed(ctx, gemm, 2, "its C is not one constant row with beta 1");
        return false;
    }
    return true;
}

static hone_status become_fused(hone__node *gemm, hone__pass_context *ctx, hone_error *error) {
    hone__value *bias = gemm->n_inputs > 2 ? gemm->inputs[2] : NULL;
    int64_t columns = hone__value_dim(gemm->outputs[0], -1);
    if (bias && bias->constant->rank != 1) {
        int64_t n;
        HONE_TRY(hone__add_floats(ctx->graph, bias->name, 1, &columns, hone__const_floats(bias, &n), &bias, error));
        HONE_TRY(hone__node_set_input(gemm, 2, bias, error));
    }
    if (!bias)
        hone__node_truncate_inputs(gemm, 2);
    hone__node_remove_attr(gemm, "beta");
    ctx->n_changed++;
    return hone__node_become(gemm, "hone", "FusedMatMul", 1, ctx->pass->name, error);
}

static hone_status to_fused(hone__node *gemm, hone__pass_context *ctx, hone_error *error) {
    const char *name;
    float params[2];
    hone__node *reader = hone__value_single_consumer(gemm->outputs[0]);
    bool is_activated = reader && reader->n_inputs && reader->inputs[0] == gemm->outputs[0] &&
                        hone__match_activation(reader, &name, params);
    return is_activated && is_plain(gemm, ctx) ? become_fused(gemm, ctx, error) : HONE_OK;
}

/* Reshape(Gemm(Reshape(x, [-1, K]), W, C), [..., N]) */
static hone_status unflatten(hone__node *reshape, hone__node *gemm, hone__pass_context *ctx, hone_error *error) {
    hone__value *x = hone__node_attr_int(gemm, "transA", 0) ? NULL : hone__pass_unflattened(reshape, gemm);
    if (!x || !is_plain(gemm, ctx))
        return HONE_OK;
    HONE_TRY(become_fused(gemm, ctx, error));
    HONE_TRY(hone__node_set_input(gemm, 0, x, error));
    return hone__node_absorb(gemm, reshape, error);
}

HONE_PASS(convert_gemm) {
    bool fused = hone__pass_may_make(ctx, "hone", "FusedMatMul", 1);
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        if (!node->op || !node->n_outputs || !node->outputs[0])
            continue;
        if (!fused && hone__is_op(node, "Add"))
            HONE_TRY(to_gemm(node, ctx, error));
        else if (fused && hone__is_op(node, "Gemm"))
            HONE_TRY(to_fused(node, ctx, error));
        else if (fused && hone__is_op(node, "Reshape") && hone__input_node(node, 0, "Gemm"))
            HONE_TRY(unflatten(node, hone__input_node(node, 0, "Gemm"), ctx, error));
    }
    return HONE_OK;
}
