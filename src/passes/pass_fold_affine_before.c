/* Folds what scales and shifts the input of a Conv, Gemm or MatMul into its weights: BatchNormalization, and Mul, Div,
 * Add, Sub with a constant per input channel or a scalar (the normalisation of an image's channels, for one).
 *
 * Proof obligation: f(x * s + t) = f'(x) + b' with weights scaled per input channel and b' the sum of weights times
 * shifts. Padding adds zeros after the map, so a shift may be folded only where nothing is padded. The mapped value is
 * read by the operator alone. */
#include "base/error.h"
#include "passes/pass_linear.h"
#include "passes/pass_list.h"

#include <string.h>

static bool has_padding(const hone__node *node) {
    size_t n;
    const int64_t *pads = hone__node_attr_ints(node, "pads", &n);
    const char *auto_pad = hone__node_attr_string(node, "auto_pad", "NOTSET");
    for (size_t i = 0; i < n; i++)
        if (pads[i] != 0)
            return true;
    return strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0;
}

/* The factor 0.5 of a GELU spelt out, for one: other runtimes' fusions look for it. */
static bool is_part_of_others(const hone__pass_context *ctx, const hone__linear *l, const hone__node *map) {
    bool product = l->layout == HONE_LINEAR_PRODUCT || l->layout == HONE_LINEAR_PRODUCT_T;
    return ctx->options->target != HONE_TARGET_HONE && product && !hone__is_op(map, "BatchNormalization");
}

static hone_status visit(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *map = node->inputs[0] ? node->inputs[0]->producer : NULL;
    hone__linear l;
    hone__affine a;
    hone_status status;
    size_t input;
    bool done = false;
    if (!map || map->graph != node->graph || hone__value_single_consumer(node->inputs[0]) != node ||
        !hone__linear_read(node, &l))
        return HONE_OK;
    int rank = hone__value_rank(node->inputs[0]);
    int axis = l.layout == HONE_LINEAR_CONV ? 1 : rank - 1;
    if (rank < 2 || (hone__is_op(map, "BatchNormalization") && axis != 1) ||
        !hone__affine_read(map, l.n_in, axis, rank, &a, &input, &status, error))
        return rank < 2 || (hone__is_op(map, "BatchNormalization") && axis != 1) ? HONE_OK : status;
    hone__value *x = map->inputs[input];
    bool fits = hone__value_rank(x) == rank && hone__value_dim(x, axis) == l.n_in; /* the map does not widen */
    if (fits && a.shifts && has_padding(node))
        hone__pass_missed(ctx, node, 1, "its padding stands between it and the shift of node %s", map->name);
    else if (fits && !is_part_of_others(ctx, &l, map) && !hone__linear_prefers_alpha(ctx, &l, &a))
        status = hone__linear_fold_before(&l, &a, &done, error);
    hone__affine_deinit(&a);
    if (status != HONE_OK || !done)
        return status;
    HONE_TRY(hone__node_set_input(node, 0, x, error));
    node->provenance = ctx->pass->name;
    ctx->n_changed++;
    return HONE_OK;
}

HONE_PASS(fold_affine_before) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        if (node->op && node->n_inputs >= 2 &&
            (hone__is_op(node, "Conv") || hone__is_op(node, "Gemm") || hone__is_op(node, "MatMul")))
            HONE_TRY(visit(node, ctx, error));
    }
    return HONE_OK;
}
