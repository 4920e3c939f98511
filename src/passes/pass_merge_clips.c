/* Bounds: Relu, Clip, and Max or Min with a constant, alone and one after the other.
 *
 *   Max(x, 0) = Relu(x)                          Clip(x, 0, inf) = Relu(x)
 *   Min(Max(x, a), b) = Clip(x, a, b)            Clip(Clip(x, a, b), c, d) = Clip(x, ..) and so on, Relu included
 *
 * Proof obligation: Clip(x, a, b) is min(max(x, a), b), so that after [a, b] the bounds [c, d] give [min(max(a,c),d),
 * min(max(b,c),d)] for a <= b. All of these hand NaN on. Bounds are scalars of x's type; the made operator is of the
 * model's opset: before 11 the bounds are attributes, and Clip is for floats; before 12 likewise. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <math.h>

typedef struct bounds {
    double lo, hi;
    hone__value *x;
} bounds;

static bool is_float_like(const hone__value *value) {
    hone_dtype dtype = hone__value_dtype(value);
    return dtype == HONE_DTYPE_FLOAT || dtype == HONE_DTYPE_DOUBLE || dtype == HONE_DTYPE_FLOAT16;
}

/* Max or Min of x and a scalar that does not widen the result. */
static bool read_max(const hone__node *node, bool is_max, bounds *b) {
    double c;
    int i = node->n_inputs == 2 && node->inputs[0] && node->inputs[1] ? hone__scalar_input(node, &c) : -1;
    if (i < 0 || node->op->since < 8 || node->inputs[i]->constant->rank > hone__value_rank(node->inputs[1 - i]))
        return false;
    *b = (bounds){is_max ? c : -INFINITY, is_max ? INFINITY : c, node->inputs[1 - i]};
    return true;
}

static bool read_clip(const hone__node *node, bounds *b) {
    *b = (bounds){-INFINITY, INFINITY, node->inputs[0]};
    if (node->op->since < 6)
        return false; /* Clip-1 may name other bounds in consumed_inputs' company; it is rare */
    if (node->op->since < 11) {
        b->lo = hone__node_attr_float(node, "min", -INFINITY);
        b->hi = hone__node_attr_float(node, "max", INFINITY);
        return true;
    }
    if (node->n_inputs > 1 && node->inputs[1] && !hone__const_scalar(node->inputs[1], &b->lo))
        return false;
    return node->n_inputs <= 2 || !node->inputs[2] || hone__const_scalar(node->inputs[2], &b->hi);
}

static bool read_bounds(const hone__node *node, bounds *b) {
    if (!node || !node->op || *node->domain || !node->n_inputs || !node->inputs[0] || !is_float_like(node->inputs[0]))
        return false;
    if (hone__is_op(node, "Relu")) {
        *b = (bounds){0, INFINITY, node->inputs[0]};
        return true;
    }
    if (hone__is_op(node, "Clip"))
        return read_clip(node, b) && b->lo <= b->hi;
    return hone__is_op(node, "Max")   ? read_max(node, true, b)
           : hone__is_op(node, "Min") ? read_max(node, false, b)
                                      : false;
}

static double bounded(double x, const bounds *b) { return fmin(fmax(x, b->lo), b->hi); }

/* Writes Relu or Clip in place of `node`. */
static hone_status write_bounds(hone__node *node, const bounds *b, bool *done, hone__pass_context *ctx,
                                hone_error *error) {
    hone__value *in[3] = {b->x, NULL, NULL};
    hone__node *clip;
    hone_dtype dtype = hone__value_dtype(b->x);
    *done = true;
    if (b->lo == 0 && b->hi == INFINITY && hone__pass_can(ctx, "Relu", 6)) {
        ctx->n_changed++;
        return hone__pass_replace(ctx, node, "Relu", in, 1, NULL, error);
    }
    *done = hone__pass_can(ctx, "Clip", 6);
    if (!*done)
        return HONE_OK;
    bool as_inputs = hone__pass_can(ctx, "Clip", 11);
    if (as_inputs && b->lo > -INFINITY)
        HONE_TRY(hone__add_scalar(ctx->graph, "min", dtype, b->lo, &in[1], error));
    if (as_inputs && b->hi < INFINITY)
        HONE_TRY(hone__add_scalar(ctx->graph, "max", dtype, b->hi, &in[2], error));
    HONE_TRY(hone__pass_replace(ctx, node, "Clip", in, in[2] ? 3 : in[1] ? 2 : 1, &clip, error));
    if (!as_inputs && b->lo > -INFINITY)
        HONE_TRY(hone__node_set_attr_float(clip, "min", (float)b->lo, error));
    if (!as_inputs && b->hi < INFINITY)
        HONE_TRY(hone__node_set_attr_float(clip, "max", (float)b->hi, error));
    ctx->n_changed++;
    return HONE_OK;
}

HONE_PASS(merge_clips) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        bounds outer, inner;
        bool done;
        if (!read_bounds(node, &outer))
            continue;
        hone__node *maker = outer.x->producer;
        if (maker && maker->graph == node->graph && hone__value_single_consumer(outer.x) == node &&
            read_bounds(maker, &inner)) {
            bounds both = {bounded(inner.lo, &outer), bounded(inner.hi, &outer), inner.x};
            HONE_TRY(write_bounds(node, &both, &done, ctx, error));
        } else if (outer.lo == 0 && outer.hi == INFINITY && !hone__is_op(node, "Relu")) {
            HONE_TRY(write_bounds(node, &outer, &done, ctx, error));
        }
    }
    return HONE_OK;
}
