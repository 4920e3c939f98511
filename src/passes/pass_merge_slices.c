/* Cutting and joining: Slice after Slice becomes one Slice, Concat inside Concat one Concat, Split and Concat (either
 * way round) that undo each other go, and Gather of neighbouring indices becomes a Slice, which can be a view.
 *
 * Proof obligation: a Slice with step s > 0 takes elements lo, lo+s, .. below hi of its axis; with the dim known,
 * bounds are brought to that form and compose: lo = lo1 + lo2*s1, s = s1*s2. Slices of different axes do not meet, and
 * their bounds are joined as they are. Concat is associative along one axis. Parts of a Split in their order along its
 * axis make its input again; parts whose sizes are those of the joined values are those values. */
#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

static bool axis_of(const hone__node *node, int fallback, int rank, int64_t *axis) {
    *axis = hone__node_attr_int(node, "axis", fallback);
    return rank > 0 && hone__normal_axes(axis, 1, rank);
}

/* ---- Slice ---- */

typedef struct cut {
    size_t n;
    int64_t start[HONE_MAX_RANK], end[HONE_MAX_RANK], axis[HONE_MAX_RANK], step[HONE_MAX_RANK];
} cut;

static bool read_cut(const hone__node *node, cut *c) {
    size_t n_end, n_axis, n_step;
    int rank = hone__value_rank(node->inputs[0]);
    if (rank <= 0 || hone__pass_get_ints(node, "starts", 1, c->start, HONE_MAX_RANK, &c->n) != HONE_INTS_KNOWN ||
        hone__pass_get_ints(node, "ends", 2, c->end, HONE_MAX_RANK, &n_end) != HONE_INTS_KNOWN || n_end != c->n)
        return false;
    hone__ints axes = hone__pass_get_ints(node, "axes", 3, c->axis, HONE_MAX_RANK, &n_axis);
    hone__ints steps = node->op->since >= 10 ? hone__pass_get_ints(node, "steps", 4, c->step, HONE_MAX_RANK, &n_step)
                                             : HONE_INTS_ABSENT;
    if (axes == HONE_INTS_UNKNOWN || steps == HONE_INTS_UNKNOWN || (axes == HONE_INTS_KNOWN && n_axis != c->n) ||
        (steps == HONE_INTS_KNOWN && n_step != c->n))
        return false;
    uint64_t seen = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (axes == HONE_INTS_ABSENT)
            c->axis[i] = (int64_t)i;
        if (steps == HONE_INTS_ABSENT)
            c->step[i] = 1;
        if (!hone__normal_axes(&c->axis[i], 1, rank) || seen >> c->axis[i] & 1 || c->step[i] == 0)
            return false;
        seen |= (uint64_t)1 << c->axis[i];
    }
    return true;
}

/* Bounds inside [0, dim], step > 0. */
static bool normalize(int64_t dim, int64_t *start, int64_t *end, int64_t step) {
    if (dim < 0 || step <= 0)
        return false;
    if (*start < 0)
        *start = *start < -dim ? 0 : *start + dim;
    if (*end < 0)
        *end = *end < -dim ? 0 : *end + dim;
    *start = hone__min_i64(*start, dim);
    *end = hone__max_i64(*start, hone__min_i64(*end, dim));
    return true;
}

/* `outer` follows `inner`: the result stands in inner. */
static bool join_cuts(const hone__value *x, cut *inner, const cut *outer) {
    bool holds = hone__pass_shapes_hold(x->graph);
    for (size_t i = 0; i < outer->n; i++) {
        size_t k = 0;
        while (k < inner->n && inner->axis[k] != outer->axis[i])
            k++;
        if (k == inner->n) {
            if (k == HONE_MAX_RANK)
                return false;
            inner->start[k] = outer->start[i];
            inner->end[k] = outer->end[i];
            inner->axis[k] = outer->axis[i];
            inner->step[k] = outer->step[i];
            inner->n++;
            continue;
        }
        int64_t dim = holds ? hone__value_dim(x, (int)inner->axis[k]) : -1, lo = inner->start[k], hi = inner->end[k];
        int64_t step = inner->step[k], start = outer->start[i], end = outer->end[i];
        if (!normalize(dim, &lo, &hi, step) || step > dim + 1 || outer->step[i] > dim + 1)
            return false;
        int64_t length = (hi - lo + step - 1) / step;
        if (!normalize(length, &start, &end, outer->step[i]))
            return false;
        int64_t count = (end - start + outer->step[i] - 1) / outer->step[i];
        inner->start[k] = lo + start * step;
        inner->step[k] = step * outer->step[i];
        inner->end[k] = count ? inner->start[k] + (count - 1) * inner->step[k] + 1 : inner->start[k];
    }
    return true;
}

static hone_status write_cut(hone__node *node, hone__value *x, const cut *c, hone__pass_context *ctx,
                             hone_error *error) {
    hone__node *made;
    bool steps = false;
    for (size_t i = 0; i < c->n; i++)
        steps |= c->step[i] != 1;
    HONE_TRY(hone__pass_replace(ctx, node, "Slice", &x, 1, &made, error));
    HONE_TRY(hone__pass_put_ints(made, "starts", 1, c->start, c->n, error));
    HONE_TRY(hone__pass_put_ints(made, "ends", 2, c->end, c->n, error));
    HONE_TRY(hone__pass_put_ints(made, "axes", 3, c->axis, c->n, error));
    if (steps)
        HONE_TRY(hone__pass_put_ints(made, "steps", 4, c->step, c->n, error));
    ctx->n_changed++;
    return HONE_OK;
}

static hone_status visit_slice(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *inner = hone__input_node(node, 0, "Slice");
    cut first, second;
    if (!inner || hone__value_single_consumer(node->inputs[0]) != node || !hone__pass_can(ctx, "Slice", 1))
        return HONE_OK;
    if (!read_cut(inner, &first) || !read_cut(node, &second) || !join_cuts(inner->inputs[0], &first, &second)) {
        hone__pass_missed(ctx, node, 2, "its bounds or those of the Slice before, node %s, are not known", inner->name);
        return HONE_OK;
    }
    for (size_t i = 0; i < first.n; i++)
        if (first.step[i] != 1 && hone__pass_opset(ctx) < 10)
            return HONE_OK;
    return write_cut(node, inner->inputs[0], &first, ctx, error);
}

/* ---- Gather ---- */

static hone_status visit_gather(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    int64_t v[256], axis, dim;
    size_t n;
    cut c = {.n = 1, .step = {1}};
    if (node->n_inputs != 2 || hone__value_rank(node->inputs[1]) != 1 ||
        !hone__const_ints(node->inputs[1], v, 256, &n) || n == 0 ||
        !axis_of(node, 0, hone__value_rank(node->inputs[0]), &axis) || !hone__pass_can(ctx, "Slice", 1) ||
        hone__is_constant(node->inputs[0]))
        return HONE_OK;
    /* An index out of range is an error that a Slice would hide: the dim must be known. */
    dim = hone__pass_shapes_hold(ctx->graph) ? hone__value_dim(node->inputs[0], (int)axis) : -1;
    for (size_t i = 0; i < n; i++) {
        if (dim < 0 || v[i] < -dim || v[i] >= dim)
            return HONE_OK;
        v[i] = v[i] < 0 ? v[i] + dim : v[i];
        if (v[i] != v[0] + (int64_t)i)
            return HONE_OK;
    }
    c.start[0] = v[0];
    c.end[0] = v[n - 1] + 1;
    c.axis[0] = axis;
    return write_cut(node, node->inputs[0], &c, ctx, error);
}

/* ---- Concat ---- */

/* All parts of one Split, in order: its input. */
static hone__value *rejoined(const hone__node *concat, int64_t axis) {
    const hone__node *split = concat->inputs[0] ? concat->inputs[0]->producer : NULL;
    int64_t split_axis;
    if (!hone__is_op(split, "Split") || split->n_outputs != concat->n_inputs ||
        !axis_of(split, 0, hone__value_rank(split->inputs[0]), &split_axis) || split_axis != axis)
        return NULL;
    for (size_t i = 0; i < concat->n_inputs; i++)
        if (concat->inputs[i] != split->outputs[i])
            return NULL;
    return split->inputs[0];
}

/* Neighbouring slices of one value that together are the value: [0, a), [a, b), .., [z, dim). */
static hone__value *reassembled(const hone__node *concat, int64_t axis) {
    hone__value *x = NULL;
    int64_t at = 0, dim = -1;
    if (!hone__pass_shapes_hold(concat->graph))
        return NULL;
    for (size_t i = 0; i < concat->n_inputs; i++) {
        const hone__node *slice = hone__input_node(concat, i, "Slice");
        cut c;
        if (!slice || !slice->op || (x && slice->inputs[0] != x) || !read_cut(slice, &c) || c.n != 1 ||
            c.axis[0] != axis || c.step[0] != 1)
            return NULL;
        x = slice->inputs[0];
        dim = hone__value_dim(x, (int)axis);
        if (!normalize(dim, &c.start[0], &c.end[0], 1) || c.start[0] != at)
            return NULL;
        at = c.end[0];
    }
    return at == dim ? x : NULL;
}

static bool is_inner_concat(const hone__node *concat, size_t i, int rank, int64_t axis, hone__node **inner) {
    int64_t inner_axis;
    *inner = hone__input_node(concat, i, "Concat");
    return *inner && (*inner)->graph == concat->graph && hone__value_single_consumer(concat->inputs[i]) == concat &&
           axis_of(*inner, 1, rank, &inner_axis) && inner_axis == axis;
}

static hone_status flatten_concat(hone__node *node, int rank, int64_t axis, hone__pass_context *ctx,
                                  hone_error *error) {
    hone__node *inner;
    size_t n = 0, n_inner = 0;
    for (size_t i = 0; i < node->n_inputs; i++) {
        bool is_inner = is_inner_concat(node, i, rank, axis, &inner);
        n += is_inner ? inner->n_inputs : 1;
        n_inner += is_inner;
    }
    if (!n_inner)
        return HONE_OK;
    hone__value **parts = hone__calloc(n, sizeof *parts);
    hone_status status = parts ? HONE_OK : hone__fail_memory(error, "a list of inputs");
    for (size_t i = 0, at = 0; parts && i < node->n_inputs; i++) {
        bool is_inner = is_inner_concat(node, i, rank, axis, &inner);
        for (size_t k = 0; k < (is_inner ? inner->n_inputs : 1); k++)
            parts[at++] = is_inner ? inner->inputs[k] : node->inputs[i];
    }
    for (size_t i = 0; i < n && status == HONE_OK; i++)
        status = hone__node_set_input(node, i, parts[i], error);
    hone__free(parts);
    ctx->n_changed += n_inner;
    return status;
}

static hone_status visit_concat(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    int64_t axis;
    bool done = false;
    int rank = hone__value_rank(node->outputs[0]);
    if (node->n_inputs < 1 || !axis_of(node, 1, rank, &axis))
        return HONE_OK;
    hone__value *x = rejoined(node, axis);
    if (!x)
        x = reassembled(node, axis);
    if (x)
        HONE_TRY(hone__pass_bypass(ctx, node, x, &done, error));
    return done ? HONE_OK : flatten_concat(node, rank, axis, ctx, error);
}

/* ---- Split of a Concat whose inputs have the parts' sizes ---- */

static hone_status visit_split(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *concat = hone__input_node(node, 0, "Concat");
    int64_t axis, inner_axis;
    int rank = hone__value_rank(node->inputs[0]);
    if (!concat || concat->graph != node->graph || concat->n_inputs != node->n_outputs ||
        !hone__pass_shapes_hold(ctx->graph) || !axis_of(node, 0, rank, &axis) ||
        !axis_of(concat, 1, rank, &inner_axis) || axis != inner_axis)
        return HONE_OK;
    for (size_t i = 0; i < node->n_outputs; i++) {
        const hone__value *part = node->outputs[i];
        int64_t dim = hone__value_dim(concat->inputs[i], (int)axis);
        if (part && (part->n_output_uses || dim < 0 || hone__value_dim(part, (int)axis) != dim))
            return HONE_OK;
        if (!part)
            return HONE_OK;
    }
    for (size_t i = 0; i < node->n_outputs; i++)
        HONE_TRY(hone__graph_replace_value(node->outputs[i], concat->inputs[i], error));
    hone__graph_remove_node(node);
    ctx->n_changed++;
    return HONE_OK;
}

HONE_PASS(merge_slices) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        if (!node->op || *node->domain || !node->n_inputs || !node->inputs[0] || !node->n_outputs || !node->outputs[0])
            continue;
        if (hone__is_op(node, "Slice"))
            HONE_TRY(visit_slice(node, ctx, error));
        else if (hone__is_op(node, "Gather"))
            HONE_TRY(visit_gather(node, ctx, error));
        else if (hone__is_op(node, "Concat"))
            HONE_TRY(visit_concat(node, ctx, error));
        else if (hone__is_op(node, "Split"))
            HONE_TRY(visit_split(node, ctx, error));
    }
    return HONE_OK;
}
