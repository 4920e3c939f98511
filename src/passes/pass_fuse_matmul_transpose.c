/* Takes into MatMul what only changes how it reads or scales: a Transpose of the last two dims of an input
 * becomes transA or transB, a scalar Mul or Div of its result becomes alpha. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

static bool swaps_last_two(const hone__node *node) {
    size_t n;
    const int64_t *perm = hone__node_attr_ints(node, "perm", &n);
    int rank = hone__value_rank(node->inputs[0]);
    if (!perm)
        return rank == 2;
    if (n < 2 || (size_t)rank != n)
        return false;
    for (size_t i = 0; i + 2 < n; i++)
        if (perm[i] != (int64_t)i)
            return false;
    return perm[n - 2] == (int64_t)n - 1 && perm[n - 1] == (int64_t)n - 2;
}

static bool is_matmul(const hone__node *node) {
    return (hone__is_op(node, "MatMul") || hone__is_op_in(node, "hone", "FusedMatMul")) &&
           hone__is_float(node->outputs[0]);
}

static hone_status absorb_input(hone__node *matmul, size_t i, hone__pass_context *ctx, hone_error *error) {
    hone__node *transpose = hone__input_node(matmul, i, "Transpose");
    if (!transpose || !swaps_last_two(transpose) || hone__value_rank(matmul->inputs[1 - i]) < 2)
        return HONE_OK;
    const char *attr = i == 0 ? "transA" : "transB";
    HONE_TRY(hone__node_become(matmul, "hone", "FusedMatMul", 1, "fuse_matmul_transpose", error));
    HONE_TRY(hone__node_set_attr_int(matmul, attr, !hone__node_attr_int(matmul, attr, 0), error));
    ctx->n_changed++;
    return hone__node_set_input(matmul, i, transpose->inputs[0], error);
}

static bool is_bare(const hone__node *matmul) { /* nothing between the product and the scale */
    return matmul->n_inputs == 2 && !*hone__node_attr_string(matmul, "activation", "");
}

static hone_status absorb_scale(hone__node *scale, bool *done, hone__pass_context *ctx, hone_error *error) {
    double c;
    int i = scale->n_inputs == 2 ? hone__scalar_input(scale, &c) : -1;
    bool is_div = hone__is_op(scale, "Div");
    *done = false;
    if (i < 0 || (!is_div && !hone__is_op(scale, "Mul")) || (is_div && (i == 0 || c == 0)))
        return HONE_OK;
    hone__value *product = scale->inputs[1 - i];
    hone__node *matmul = product->producer;
    if (!matmul || !is_matmul(matmul) || !is_bare(matmul) || hone__value_single_consumer(product) != scale ||
        !hone__same_shape(product, scale->outputs[0]))
        return HONE_OK;
    HONE_TRY(hone__node_become(matmul, "hone", "FusedMatMul", 1, "fuse_matmul_transpose", error));
    double alpha = hone__node_attr_float(matmul, "alpha", 1.0f) * (is_div ? 1 / c : c);
    HONE_TRY(hone__node_set_attr_float(matmul, "alpha", (float)alpha, error));
    *done = true;
    ctx->n_changed++;
    return hone__node_absorb(matmul, scale, error);
}

HONE_PASS(fuse_matmul_transpose) {
    hone__graph *graph = ctx->graph;
    if (!hone__pass_may_make(ctx, "hone", "FusedMatMul", 1))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(node, graph) {
        bool done = false;
        if (hone__is_op(node, "Mul") || hone__is_op(node, "Div"))
            HONE_TRY(absorb_scale(node, &done, ctx, error));
        if (done || !is_matmul(node))
            continue;
        HONE_TRY(absorb_input(node, 0, ctx, error));
        HONE_TRY(absorb_input(node, 1, ctx, error));
    }
    return HONE_OK;
}
