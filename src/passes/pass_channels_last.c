/* Regions of NCHW nodes that stand between transposes from and to channels-last order are turned: elementwise
 * operators, depthwise convolutions and convolutions whose kernel is their stride then work on channels-last tensors,
 * as NhwcFusedConv, and the transposes around them go. ConvNeXt is such a chain: LayerNormalization and linear layers
 * want channels last, and only the 7x7 depthwise convolution and the residual sum stood in the model's order.
 *
 * Proof obligation: a Transpose moves elements only. For an elementwise f, f(T(x), ...) = T(f(x, ...)) when constants
 * are transposed alike (they are given rank 4 first); NhwcFusedConv is by definition the convolution between a
 * Transpose to NCHW and one back. A value of the region that others read is transposed back for them, and one that
 * enters without a Transpose gets one; a region is turned only if fewer elements pass through transposes afterwards. */
#include "base/alloc.h"
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

/* Vectors of the widest ISA: the kernel wants channels in whole ones. */
enum { MAX_REGION = 512, CHANNELS = 16 };
static const int64_t TO_LAST[4] = {0, 2, 3, 1}, TO_FIRST[4] = {0, 3, 1, 2};

typedef struct region {
    hone__pass_context *ctx;
    hone__node *nodes[MAX_REGION];
    size_t n;
    uint32_t *mark; /* [node ids]: 1 seen, 2 in the region */
    size_t n_marks;
} region;

static bool is_perm(const hone__node *node, const int64_t *want) {
    size_t n;
    const int64_t *perm = hone__is_op(node, "Transpose") && node->op ? hone__node_attr_ints(node, "perm", &n) : NULL;
    return perm && n == 4 && memcmp(perm, want, 4 * sizeof *want) == 0;
}

/* ---- which nodes ---- */

static bool are_all(const hone__node *node, const char *name, int64_t want) {
    size_t n;
    const int64_t *v = hone__node_attr_ints(node, name, &n);
    for (size_t i = 0; v && i < n; i++)
        if (v[i] != want)
            return false;
    return true;
}

static bool is_conv(const hone__node *node) {
    const hone__value *w = node->n_inputs > 1 ? node->inputs[1] : NULL;
    if (!(hone__is_op(node, "Conv") || hone__is_op_in(node, "hone", "FusedConv")) || !hone__is_constant(w) ||
        w->constant->dtype != HONE_DTYPE_FLOAT || w->constant->rank != 4 || !hone__is_float(node->inputs[0]))
        return false;
    const int64_t *d = w->constant->dims, group = hone__node_attr_int(node, "group", 1);
    const char *pad = hone__node_attr_string(node, "auto_pad", "NOTSET");
    if (group == d[0] && d[1] == 1)
        return d[0] % CHANNELS == 0 && d[0] > 0;
    size_t n;
    const int64_t *strides = hone__node_attr_ints(node, "strides", &n);
    return group == 1 && strides && n == 2 && strides[0] == d[2] && strides[1] == d[3] && d[2] * d[3] > 1 &&
           d[1] >= CHANNELS && are_all(node, "pads", 0) && are_all(node, "dilations", 1) &&
           (strcmp(pad, "NOTSET") == 0 || strcmp(pad, "VALID") == 0);
}

/* Inputs that carry elements in the output's order: 0 and the residual of a convolution, all of an elementwise node but
 * the bounds of Clip. */
static bool is_operand(const hone__node *node, size_t i) {
    if (is_conv(node))
        return i == 0 || i == 3;
    return i == 0 || !hone__is_op(node, "Clip");
}

static bool is_leaf(const hone__value *value) { return hone__is_constant(value) && value->constant->rank <= 4; }

static bool may_turn(const hone__node *node) {
    if (!node->op || node->n_outputs != 1 || !node->outputs[0] || hone__value_rank(node->outputs[0]) != 4)
        return false;
    if (is_conv(node))
        return true;
    const bool is_own = hone__is_op_in(node, "hone", "Silu");
    if ((*node->domain && !is_own) || !(node->op->flags & HONE_OP_ELEMENTWISE || hone__is_op(node, "Clip")) ||
        hone__node_attr(node, "broadcast") || hone__is_op(node, "CastLike"))
        return false;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] && is_operand(node, i) && !is_leaf(node->inputs[i]) &&
            hone__value_rank(node->inputs[i]) != 4)
            return false;
    return true;
}

static bool is_in(const region *r, const hone__node *node) {
    return node && node->graph == r->ctx->graph && node->id < r->n_marks && r->mark[node->id] == 2;
}

static bool is_entry(const hone__value *value) { return value->producer && is_perm(value->producer, TO_FIRST); }

static bool join(region *r, hone__node *node) {
    if (!node || node->graph != r->ctx->graph || node->id >= r->n_marks || r->mark[node->id] || !may_turn(node))
        return true;
    if (r->n == MAX_REGION)
        return false;
    r->mark[node->id] = 2;
    r->nodes[r->n++] = node;
    return true;
}

static bool join_readers(region *r, const hone__value *value) {
    for (size_t k = 0; k < value->n_uses; k++) {
        hone__node *node = value->uses[k].node;
        if (may_turn(node) && is_operand(node, value->uses[k].index) && !join(r, node))
            return false;
    }
    return true;
}

/* A node and all that hang together with it: makers, readers, and who reads the same entering value. False when it is
 * too many. */
static bool collect(region *r, hone__node *seed) {
    r->n = 0;
    join(r, seed);
    for (size_t at = 0; at < r->n; at++) {
        hone__node *node = r->nodes[at];
        if (!join_readers(r, node->outputs[0]))
            return false;
        for (size_t i = 0; i < node->n_inputs; i++) {
            hone__value *in = node->inputs[i];
            if (in && is_operand(node, i) && (!join(r, in->producer) || (is_entry(in) && !join_readers(r, in))))
                return false;
        }
    }
    return true;
}

/* ---- whether it pays ---- */

static double elements(const hone__value *value) {
    double n = 1;
    for (int i = 0; i < 4; i++)
        n *= value->type.dims[i].value > 0 ? (double)value->type.dims[i].value : 1.0;
    return n;
}

static bool is_exit(const region *r, const hone__node *node) {
    return node->graph == r->ctx->graph && is_perm(node, TO_LAST) && !node->outputs[0]->n_output_uses;
}

/* Whether somebody needs the value in the old order. */
static bool is_read_outside(const region *r, const hone__value *value) {
    for (size_t k = 0; k < value->n_uses; k++) {
        const hone__node *node = value->uses[k].node;
        if (!(is_in(r, node) && is_operand(node, value->uses[k].index)) && !is_exit(r, node))
            return true;
    }
    return value->n_output_uses > 0;
}

static bool has_exit(const region *r, const hone__value *value) {
    for (size_t k = 0; k < value->n_uses; k++)
        if (!is_in(r, value->uses[k].node) && is_exit(r, value->uses[k].node))
            return true;
    return false;
}

/* Elements that no longer pass through a Transpose. An input that several nodes of the region read counts once for
 * each, which is as it was when none of them is an entry and what is won when all are. */
static double gain(const region *r, size_t *n_convs) {
    double sum = 0;
    *n_convs = 0;
    for (size_t at = 0; at < r->n; at++) {
        const hone__node *node = r->nodes[at];
        const hone__value *out = node->outputs[0];
        *n_convs += is_conv(node);
        sum += has_exit(r, out) ? elements(out) : 0;
        sum -= is_read_outside(r, out) ? elements(out) : 0;
        for (size_t i = 0; i < node->n_inputs; i++) {
            const hone__value *in = node->inputs[i];
            if (!in || !is_operand(node, i) || is_leaf(in) || is_in(r, in->producer))
                continue;
            if (!is_entry(in))
                sum -= elements(in);
            else if (!is_read_outside(r, in))
                sum += elements(in) / (double)in->n_uses;
        }
    }
    return sum;
}

/* ---- turning ---- */

static hone_status insert_transpose(const region *r, hone__node *before, hone__value *from, const int64_t *perm,
                                    hone__value **out, hone_error *error) {
    hone__node *made;
    HONE_TRY(hone__pass_insert(r->ctx, before, "Transpose", &from, 1, from->name, &made, error));
    HONE_TRY(hone__node_set_attr_ints(made, "perm", perm, 4, error));
    HONE_TRY(hone__pass_type(made, error));
    *out = made->outputs[0];
    return HONE_OK;
}

static hone_status turn_type(hone__value *value, hone_error *error) {
    hone__dim dims[4];
    for (int i = 0; i < 4; i++)
        dims[i] = value->type.dims[TO_LAST[i]];
    return hone__type_set_tensor(hone__graph_arena(value->graph), &value->type, value->type.dtype, 4, dims) == HONE_OK
               ? HONE_OK
               : hone__fail_memory(error, "a type");
}

static hone_status turn_inputs(const region *r, hone__node *node, hone_error *error) {
    for (size_t i = 0; i < node->n_inputs; i++) {
        hone__value *in = node->inputs[i], *to = in;
        if (!in || !is_operand(node, i) || is_in(r, in->producer))
            continue;
        if (is_leaf(in) && !(is_conv(node)))
            HONE_TRY(hone__pass_transpose_constant(r->ctx, node, in, TO_LAST, 4, &to, error));
        else if (is_entry(in))
            to = in->producer->inputs[0];
        else
            HONE_TRY(insert_transpose(r, node, in, TO_LAST, &to, error));
        if (to != in)
            HONE_TRY(hone__node_set_input(node, i, to, error));
    }
    return HONE_OK;
}

/* The output is made in the new order; readers outside get it in the old one from a Transpose, which makes the value
 * that they know. */
static hone_status turn_output(const region *r, hone__node *node, hone_error *error) {
    hone__value *old = node->outputs[0], *value = old;
    if (is_read_outside(r, old)) {
        hone__node *back;
        HONE_TRY(hone__graph_add_value(node->graph, old->name, &value, error));
        if (hone__type_copy(hone__graph_arena(node->graph), &old->type, &value->type) != HONE_OK)
            return hone__fail_memory(error, "a type");
        HONE_TRY(hone__node_set_output(node, 0, value, error));
        HONE_TRY(hone__graph_add_node(node->graph, node->next, "", "Transpose", old->name, &value, 1, &old, 1, &back,
                                      error));
        HONE_TRY(hone__node_set_attr_ints(back, "perm", TO_FIRST, 4, error));
        HONE_TRY(hone__node_become(back, "", "Transpose", hone__pass_opset(r->ctx), r->ctx->pass->name, error));
        for (size_t k = old->n_uses; k-- > 0;) { /* uses are taken away as they change */
            hone__node *reader = old->uses[k].node;
            if (is_in(r, reader) && is_operand(reader, old->uses[k].index))
                HONE_TRY(hone__node_set_input(reader, old->uses[k].index, value, error));
        }
    }
    HONE_TRY(turn_type(value, error));
    for (bool again = true; again;) {
        again = false;
        for (size_t v = 0; v < 2 && !again; v++) { /* leaving transposes read either value */
            hone__value *read = v ? old : value;
            for (size_t k = 0; k < read->n_uses && !again; k++) {
                hone__node *exit = read->uses[k].node;
                if (is_in(r, exit) || !is_exit(r, exit))
                    continue;
                HONE_TRY(hone__pass_bypass(r->ctx, exit, value, &again, error));
                HONE_FAIL_IF(!again, error, HONE_ERROR_INTERNAL, "the transpose %s cannot go", exit->name);
            }
        }
    }
    return HONE_OK;
}

static hone_status turn(region *r, hone_error *error) {
    for (size_t at = 0; at < r->n; at++) {
        hone__node *node = r->nodes[at];
        HONE_TRY(turn_inputs(r, node, error));
    }
    for (size_t at = 0; at < r->n; at++)
        HONE_TRY(turn_output(r, r->nodes[at], error));
    for (size_t at = 0; at < r->n; at++) {
        hone__node *node = r->nodes[at];
        if (is_conv(node))
            HONE_TRY(hone__node_become(node, "com.microsoft", "NhwcFusedConv", 1, r->ctx->pass->name, error));
        node->provenance = r->ctx->pass->name;
    }
    r->ctx->n_changed++;
    return HONE_OK;
}

static hone_status visit_all(region *r, hone_error *error) {
    hone__graph *graph = r->ctx->graph;
    HONE_FOR_NODES_SAFE(node, graph) {
        size_t n_convs;
        if (node->id >= r->n_marks || r->mark[node->id] || !may_turn(node))
            continue;
        const bool fits = collect(r, node);
        /* Without a convolution in it, merge_transposes does what is to be done. */
        const bool pays = fits && gain(r, &n_convs) > 0 && n_convs > 0;
        if (pays)
            return turn(r, error); /* the walk begins anew: nodes have gone */
        for (size_t at = 0; at < r->n; at++)
            r->mark[r->nodes[at]->id] = 1;
    }
    return HONE_OK;
}

HONE_PASS(channels_last) {
    /* Hone's own sessions only: no other runtime has the operator in float32. */
    if (ctx->options->target != HONE_TARGET_HONE || !hone__op_find("com.microsoft", "NhwcFusedConv", 1) ||
        !hone__pass_can(ctx, "Transpose", 1))
        return HONE_OK;
    region *r = hone__calloc(1, sizeof *r);
    hone_status status = r ? HONE_OK : hone__fail_memory(error, "a region");
    for (size_t before = 0; status == HONE_OK;) {
        before = ctx->n_changed;
        r->ctx = ctx;
        r->n_marks = hone__graph_node_count(ctx->graph);
        hone__free(r->mark);
        r->mark = hone__calloc(r->n_marks + 1, sizeof *r->mark);
        status = r->mark ? visit_all(r, error) : hone__fail_memory(error, "a region");
        if (ctx->n_changed == before)
            break;
    }
    if (r)
        hone__free(r->mark);
    hone__free(r);
    return status;
}
