/* Chains of nodes that only give the same elements another shape (Reshape, Flatten, Squeeze, Unsqueeze) become one node
 * or none, and Expand after Expand one Expand.
 *
 * Proof obligation: such nodes keep the elements in their row-major order, so the last shape alone tells the result. A
 * target that no longer stands behind its own input must not copy dims from it: it is written with known dims, with 0
 * where the new input has the same symbol at the same place, and with at most one -1. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

static bool is_view(const hone__node *node) {
    return node && node->n_inputs && node->inputs[0] && node->n_outputs == 1 &&
           (hone__is_op(node, "Reshape") || hone__is_op(node, "Flatten") || hone__is_op(node, "Squeeze") ||
            hone__is_op(node, "Unsqueeze"));
}

/* y's shape, written as a target for Reshape of x. */
static bool target_of(const hone__value *x, const hone__value *y, int64_t *target, int *rank) {
    int n_open = 0, x_rank = hone__value_rank(x);
    *rank = hone__value_rank(y);
    if (*rank < 0 || *rank > HONE_MAX_RANK)
        return false;
    for (int i = 0; i < *rank; i++) {
        hone__dim dim = y->type.dims[i], own = i < x_rank ? x->type.dims[i] : (hone__dim){-1, NULL};
        if (dim.value == 0)
            return false;
        target[i] = dim.value;
        if (dim.value > 0)
            continue;
        if (own.value < 0 && own.symbol && dim.symbol && *dim.symbol && strcmp(own.symbol, dim.symbol) == 0)
            target[i] = 0;
        else if (n_open++)
            return false;
    }
    return true;
}

/* A constant target without 0 means the same whatever it stands behind. */
static bool own_target(const hone__node *reshape, int64_t *target, int *rank) {
    size_t n;
    if (!hone__is_op(reshape, "Reshape") || reshape->n_inputs != 2 ||
        !hone__const_ints(reshape->inputs[1], target, HONE_MAX_RANK, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (target[i] == 0)
            return false;
    *rank = (int)n;
    return true;
}

static hone_status become_reshape(hone__node *node, hone__value *x, const int64_t *target, int rank,
                                  hone__pass_context *ctx, hone_error *error) {
    hone__value *shape, *in[2] = {x, NULL};
    HONE_TRY(hone__add_ints(ctx->graph, "shape", target, (size_t)rank, &shape, error));
    in[1] = shape;
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, "Reshape", in, 2, NULL, error);
}

/* Axes of Squeeze or Unsqueeze, counted from the front of the larger shape. */
static bool axes_of(const hone__node *node, int64_t *axes, size_t *n) {
    int rank = hone__value_rank(hone__is_op(node, "Squeeze") ? node->inputs[0] : node->outputs[0]);
    return hone__pass_get_ints(node, "axes", 1, axes, HONE_MAX_RANK, n) == HONE_INTS_KNOWN &&
           hone__normal_axes(axes, *n, rank);
}

/* Unsqueeze(Squeeze(x, axes), axes) and the other way round give x back, also where dims are unknown. */
static bool undoes(const hone__node *node, const hone__node *inner) {
    int64_t a[HONE_MAX_RANK], b[HONE_MAX_RANK];
    size_t n, m;
    bool fits = (hone__is_op(node, "Squeeze") && hone__is_op(inner, "Unsqueeze")) ||
                (hone__is_op(node, "Unsqueeze") && hone__is_op(inner, "Squeeze"));
    return fits && axes_of(node, a, &n) && axes_of(inner, b, &m) && n == m && memcmp(a, b, n * sizeof *a) == 0;
}

/* Two Unsqueezes or two Squeezes: the axes of both, counted in the larger shape. */
static bool join_axes(const hone__node *node, const hone__node *inner, int64_t *axes, size_t *n) {
    bool squeeze = hone__is_op(node, "Squeeze");
    int64_t a[HONE_MAX_RANK], b[HONE_MAX_RANK];
    const int64_t *large = squeeze ? b : a, *small = squeeze ? a : b; /* small counts in the shape between */
    size_t n_a, n_b;
    if (!hone__is_op(inner, node->op_type) || !axes_of(node, a, &n_a) || !axes_of(inner, b, &n_b))
        return false;
    size_t n_large = squeeze ? n_b : n_a, n_small = squeeze ? n_a : n_b;
    int rank = hone__value_rank(squeeze ? inner->inputs[0] : node->outputs[0]);
    if (n_large + n_small > HONE_MAX_RANK)
        return false;
    *n = 0;
    for (int64_t i = 0, between = 0; i < rank; i++) {
        bool taken = false;
        for (size_t k = 0; k < n_large; k++)
            taken |= large[k] == i;
        if (!taken) {
            for (size_t k = 0; k < n_small; k++)
                taken |= small[k] == between;
            between++;
        }
        if (taken)
            axes[(*n)++] = i;
    }
    return *n == n_large + n_small;
}

static hone_status visit_view(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *inner = node->inputs[0]->producer;
    int64_t target[HONE_MAX_RANK];
    size_t n;
    int rank;
    bool done, holds = hone__pass_shapes_hold(ctx->graph);
    if (!is_view(inner) || inner->graph != node->graph)
        return HONE_OK;
    hone__value *x = inner->inputs[0];
    if (undoes(node, inner) || (holds && hone__same_shape(x, node->outputs[0]) && !node->outputs[0]->n_output_uses)) {
        HONE_TRY(hone__pass_bypass(ctx, node, x, &done, error));
        if (done)
            return HONE_OK;
    }
    if (hone__value_single_consumer(node->inputs[0]) != node)
        return HONE_OK;
    if (join_axes(node, inner, target, &n)) {
        HONE_TRY(hone__node_set_input(node, 0, x, error));
        ctx->n_changed++;
        node->provenance = ctx->pass->name;
        return hone__pass_put_ints(node, "axes", 1, target, n, error);
    }
    if (!hone__pass_can(ctx, "Reshape", 5) ||
        (!own_target(node, target, &rank) && !(holds && target_of(x, node->outputs[0], target, &rank))))
        return HONE_OK;
    return become_reshape(node, x, target, rank, ctx, error);
}

static hone_status visit_expand(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *inner = hone__input_node(node, 0, "Expand");
    int64_t dims[HONE_MAX_RANK];
    if (!inner || !hone__static_dims(node->outputs[0], dims) || !hone__is_constant(node->inputs[1]))
        return HONE_OK;
    hone__value *shape;
    HONE_TRY(hone__add_ints(ctx->graph, "shape", dims, (size_t)node->outputs[0]->type.rank, &shape, error));
    HONE_TRY(hone__node_set_input(node, 1, shape, error));
    ctx->n_changed++;
    return hone__node_set_input(node, 0, inner->inputs[0], error);
}

HONE_PASS(merge_reshapes) {
    bool holds = hone__pass_shapes_hold(ctx->graph);
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        if (!node->op || !node->n_inputs || !node->inputs[0] || !node->n_outputs || !node->outputs[0])
            continue;
        if (is_view(node))
            HONE_TRY(visit_view(node, ctx, error));
        else if (holds && hone__is_op(node, "Expand") && node->n_inputs == 2)
            HONE_TRY(visit_expand(node, ctx, error));
    }
    return HONE_OK;
}
