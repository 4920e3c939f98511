/* Reductions: one of a reduction of the same kind, Unsqueeze and Squeeze of reduced axes, and the mean over all spatial
 * axes, which is GlobalAveragePool.
 *
 *   ReduceMean(ReduceMean(x, a), b)              -> ReduceMean(x, a and b)    (Sum, Max, Min, Prod too)
 *   Unsqueeze(ReduceX(x, a, keepdims=0), a)      -> ReduceX(x, a, keepdims=1)
 *   Squeeze(ReduceX(x, a, keepdims=1), a)        -> ReduceX(x, a, keepdims=0)
 *   ReduceMean(x, 2..rank-1, keepdims=1)         -> GlobalAveragePool(x)      for images and volumes
 *
 * Proof obligation: sum, largest, least and product are associative and commutative (up to rounding); a mean of means
 * over whole axes has equal weights. keepdims only adds dims of size 1. GlobalAveragePool is defined as that mean. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

static bool is_mergeable(const hone__node *node) {
    static const char *const ops[] = {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"};
    for (size_t i = 0; i < HONE_COUNT_OF(ops); i++)
        if (hone__is_op(node, ops[i]))
            return node->op != NULL && node->n_outputs == 1;
    return false;
}

static bool is_reduction(const hone__node *node) {
    return node && !*node->domain && node->op && strncmp(node->op_type, "Reduce", 6) == 0 && node->n_outputs == 1;
}

/* Axes counted from the front, sorted; all of them when none are given. */
static bool axes_of(const hone__node *node, int64_t *axes, size_t *n) {
    int rank = hone__value_rank(node->inputs[0]);
    hone__ints how = hone__pass_get_ints(node, "axes", 1, axes, HONE_MAX_RANK, n);
    if (rank < 0 || rank > HONE_MAX_RANK || how == HONE_INTS_UNKNOWN)
        return false;
    if (how == HONE_INTS_ABSENT || *n == 0) {
        if (hone__node_attr_int(node, "noop_with_empty_axes", 0))
            return false;
        for (*n = 0; *n < (size_t)rank; ++*n)
            axes[*n] = (int64_t)*n;
    }
    return hone__normal_axes(axes, *n, rank);
}

static bool keeps_dims(const hone__node *node) { return hone__node_attr_int(node, "keepdims", 1) != 0; }

static bool contains(const int64_t *v, size_t n, int64_t x) {
    for (size_t i = 0; i < n; i++)
        if (v[i] == x)
            return true;
    return false;
}

static hone_status write_reduction(hone__node *last, const char *op_type, hone__value *x, const int64_t *axes, size_t n,
                                   bool keep, hone__pass_context *ctx, hone_error *error) {
    hone__node *made;
    if (!hone__pass_can(ctx, op_type, 1))
        return HONE_OK;
    HONE_TRY(hone__pass_replace(ctx, last, op_type, &x, 1, &made, error));
    HONE_TRY(hone__pass_put_ints(made, "axes", 1, axes, n, error));
    HONE_TRY(hone__node_set_attr_int(made, "keepdims", keep, error));
    ctx->n_changed++;
    return HONE_OK;
}

/* The outer axes count in a shape without the inner ones, unless those are kept. */
static hone_status visit_pair(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *inner = hone__input_node(node, 0, node->op_type);
    int64_t a[HONE_MAX_RANK], b[HONE_MAX_RANK], both[HONE_MAX_RANK];
    size_t n_a, n_b, n = 0;
    if (!inner || !inner->op || hone__value_single_consumer(node->inputs[0]) != node ||
        keeps_dims(inner) != keeps_dims(node) || !axes_of(inner, a, &n_a) || !axes_of(node, b, &n_b))
        return HONE_OK;
    int rank = hone__value_rank(inner->inputs[0]);
    int64_t between = 0;
    for (int64_t i = 0; i < rank; i++) {
        bool in_a = contains(a, n_a, i), in_b = contains(b, n_b, keeps_dims(node) ? i : between);
        if (in_a || in_b)
            both[n++] = i;
        between += !in_a;
    }
    return write_reduction(node, node->op_type, inner->inputs[0], both, n, keeps_dims(node), ctx, error);
}

/* Squeeze or Unsqueeze of exactly the reduced axes. */
static hone_status visit_squeeze(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    bool squeeze = hone__is_op(node, "Squeeze");
    hone__node *reduce = node->inputs[0]->producer;
    int64_t a[HONE_MAX_RANK], b[HONE_MAX_RANK];
    size_t n_a, n_b;
    if (!is_reduction(reduce) || hone__value_single_consumer(node->inputs[0]) != node ||
        keeps_dims(reduce) != squeeze || !axes_of(reduce, a, &n_a))
        return HONE_OK;
    int rank = hone__value_rank(squeeze ? node->inputs[0] : node->outputs[0]);
    if (hone__pass_get_ints(node, "axes", 1, b, HONE_MAX_RANK, &n_b) != HONE_INTS_KNOWN ||
        !hone__normal_axes(b, n_b, rank) || n_a != n_b || memcmp(a, b, n_a * sizeof *a) != 0)
        return HONE_OK;
    HONE_TRY(hone__node_set_attr_int(reduce, "keepdims", !squeeze, error));
    reduce->provenance = ctx->pass->name;
    ctx->n_changed++;
    return hone__node_absorb(reduce, node, error);
}

static hone_status visit_mean(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    int64_t axes[HONE_MAX_RANK];
    size_t n;
    hone_dtype dtype = hone__value_dtype(node->inputs[0]);
    int rank = hone__value_rank(node->inputs[0]);
    if (rank < 4 || (dtype != HONE_DTYPE_FLOAT && dtype != HONE_DTYPE_DOUBLE && dtype != HONE_DTYPE_FLOAT16) ||
        !keeps_dims(node) || !axes_of(node, axes, &n) || n != (size_t)rank - 2 ||
        !hone__pass_can(ctx, "GlobalAveragePool", 1))
        return HONE_OK;
    for (size_t i = 0; i < n; i++)
        if (axes[i] != (int64_t)i + 2)
            return HONE_OK;
    hone__value *x = node->inputs[0];
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, "GlobalAveragePool", &x, 1, NULL, error);
}

HONE_PASS(merge_reductions) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        if (!node->op || *node->domain || !node->n_inputs || !node->inputs[0] || node->n_outputs != 1)
            continue;
        size_t before = ctx->n_changed;
        if (is_mergeable(node))
            HONE_TRY(visit_pair(node, ctx, error));
        if (ctx->n_changed != before)
            continue;
        if (hone__is_op(node, "ReduceMean"))
            HONE_TRY(visit_mean(node, ctx, error));
        else if (hone__is_op(node, "Squeeze") || hone__is_op(node, "Unsqueeze"))
            HONE_TRY(visit_squeeze(node, ctx, error));
    }
    return HONE_OK;
}
