/* Transposes next to each other become one or none, also through what lies between: a region of elementwise operators,
 * Concat and Softmax that is entered only through transposes (and constants) and left through the inverse one.
 * Exporters from channels-last frameworks wrap every convolution in such a pair.
 *
 * Proof obligation: Transpose(Transpose(x, p), q) = Transpose(x, p[q]). For an elementwise f, f(Transpose(x, p), ...) =
 * Transpose(f(x, ...), p), operands broadcast or not, as long as each is transposed alike: constants are given the
 * region's rank and transposed now. An operator with an axis does the same along the axis where that one came from.
 * Nodes of a region are read inside the region only. */
#include "base/alloc.h"
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

enum { MAX_REGION = 64 };

/* The permutation of a Transpose; false when unknown. */
static bool perm_of(const hone__node *node, int64_t *perm, size_t *n) {
    size_t count;
    const int64_t *given = hone__node_attr_ints(node, "perm", &count);
    int rank = given ? (int)count : hone__value_rank(node->inputs[0]);
    if (rank < 0 || rank > HONE_MAX_RANK)
        return false;
    *n = (size_t)rank;
    for (int i = 0; i < rank; i++)
        perm[i] = given ? given[i] : rank - 1 - i;
    return true;
}

/* ---- next to each other ---- */

static hone_status join(hone__node *node, bool *done, hone__pass_context *ctx, hone_error *error) {
    hone__node *inner = hone__input_node(node, 0, "Transpose");
    int64_t p[HONE_MAX_RANK], q[HONE_MAX_RANK], joined[HONE_MAX_RANK];
    size_t n, m;
    *done = false;
    if (!inner || !perm_of(inner, p, &n) || !perm_of(node, q, &m) || n != m)
        return HONE_OK;
    bool same = true;
    for (size_t i = 0; i < n; i++) {
        joined[i] = p[q[i]];
        same &= joined[i] == (int64_t)i;
    }
    if (same)
        HONE_TRY(hone__pass_bypass(ctx, node, inner->inputs[0], done, error));
    if (*done)
        return HONE_OK;
    HONE_TRY(hone__node_set_attr_ints(node, "perm", joined, n, error));
    HONE_TRY(hone__node_set_input(node, 0, inner->inputs[0], error));
    node->provenance = ctx->pass->name;
    ctx->n_changed++;
    return HONE_OK;
}

/* ---- regions ---- */

typedef struct region {
    const int64_t *q; /* permutation of the Transpose that leaves it */
    size_t rank;
    hone__node *nodes[MAX_REGION]; /* readers before makers */
    size_t n;
    size_t n_gone;   /* transposes that die with it, the leaving one included */
    const char *why; /* it is none */
    const hone__node *where;
} region;

typedef enum part { OTHER, ELEMENTWISE, WITH_AXIS } part;

/* How an operator takes part. Its axes, if any, are attributes. */
static part kind_of(const hone__node *node) {
    if (!node->op || *node->domain || node->n_outputs != 1 || hone__node_attr(node, "broadcast") ||
        hone__is_op(node, "CastLike"))
        return OTHER;
    if (hone__is_op(node, "PRelu")) /* the slope broadcasts from the right like any operand */
        return ELEMENTWISE;
    if (hone__is_op(node, "Clip") || hone__is_op(node, "Cast") || (node->op->flags & HONE_OP_ELEMENTWISE))
        return ELEMENTWISE;
    if (hone__is_op(node, "Concat"))
        return WITH_AXIS;
    if ((hone__is_op(node, "Softmax") || hone__is_op(node, "LogSoftmax")) && node->op->since >= 13)
        return WITH_AXIS;
    return OTHER;
}

/* Inputs that carry elements; the others of Clip are scalars. */
static size_t n_operands(const hone__node *node) { return hone__is_op(node, "Clip") ? 1 : node->n_inputs; }

/* A transpose that the region's leaving one undoes. */
static bool is_entry(const region *r, const hone__node *node) {
    int64_t p[HONE_MAX_RANK];
    size_t n;
    if (!hone__is_op(node, "Transpose") || !perm_of(node, p, &n) || n != r->rank)
        return false;
    for (size_t i = 0; i < n; i++)
        if (p[r->q[i]] != (int64_t)i)
            return false;
    return true;
}

static bool is_in(const region *r, const hone__node *node) {
    for (size_t i = 0; i < r->n; i++)
        if (r->nodes[i] == node)
            return true;
    return false;
}

/* A constant operand is a leaf: of rank 0 or one element as it is, else transposed. */
static bool is_constant_leaf(const region *r, const hone__value *value) {
    return hone__is_constant(value) && (size_t)value->constant->rank <= r->rank;
}

static bool refuse(region *r, const hone__node *where, const char *why) {
    r->where = where;
    r->why = why;
    return false;
}

static bool is_read_inside(const region *r, const hone__value *value) {
    for (size_t k = 0; k < value->n_uses; k++)
        if (!is_in(r, value->uses[k].node))
            return false;
    return value->n_output_uses == 0;
}

static bool may_join(region *r, const hone__node *node) {
    if (kind_of(node) == OTHER)
        return refuse(r, node, "cannot be transposed");
    if ((size_t)hone__value_rank(node->outputs[0]) != r->rank)
        return refuse(r, node, "has another rank");
    return true;
}

/* Looks at the inputs of every node of the region. *n_added: makers that joined; *n_open: those that are read by a node
 * which has not joined (yet). False when something cannot be part of it. */
static bool look(region *r, const hone__graph *graph, size_t *n_added, size_t *n_open) {
    *n_added = *n_open = 0;
    for (size_t at = 0; at < r->n; at++)
        for (size_t i = 0; i < n_operands(r->nodes[at]); i++) {
            const hone__value *in = r->nodes[at]->inputs[i];
            hone__node *maker = in ? in->producer : NULL;
            if (!in || is_constant_leaf(r, in) || (maker && (is_in(r, maker) || is_entry(r, maker))))
                continue;
            if (!maker || maker->graph != graph)
                return refuse(r, r->nodes[at], "reads an input that is not transposed");
            if (!is_read_inside(r, in)) {
                refuse(r, maker, "is read elsewhere too");
                ++*n_open;
                continue;
            }
            if (r->n == MAX_REGION)
                return refuse(r, maker, "is one node too many");
            if (!may_join(r, maker))
                return false;
            r->nodes[r->n++] = maker;
            ++*n_added;
        }
    return true;
}

/* Grows the region from the value that leaves it; a node joins when all its readers are inside. */
static bool grow(region *r, hone__node *last) {
    hone__node *first = last->inputs[0]->producer;
    size_t n_added, n_open;
    if (!first || first->graph != last->graph || hone__value_single_consumer(last->inputs[0]) != last ||
        !may_join(r, first))
        return false;
    r->nodes[r->n++] = first;
    do {
        if (!look(r, last->graph, &n_added, &n_open))
            return false;
    } while (n_added);
    return n_open == 0;
}

static void count_gone(region *r) {
    for (size_t at = 0; at < r->n; at++)
        for (size_t i = 0; i < n_operands(r->nodes[at]); i++) {
            const hone__value *in = r->nodes[at]->inputs[i];
            if (in && in->producer && is_entry(r, in->producer))
                r->n_gone += is_read_inside(r, in);
        }
}

/* Every operand must end up in the region's order: those of full rank are entries, others are constants. */
static bool ranks_fit(const region *r) {
    for (size_t at = 0; at < r->n; at++)
        for (size_t i = 0; i < n_operands(r->nodes[at]); i++) {
            const hone__value *in = r->nodes[at]->inputs[i];
            if (in && !hone__is_constant(in) && (size_t)hone__value_rank(in) != r->rank)
                return false;
        }
    return true;
}

static hone_status permute_type(const region *r, hone__value *value, hone_error *error) {
    hone__dim dims[HONE_MAX_RANK];
    if (hone__value_rank(value) != (int)r->rank)
        return HONE_OK;
    for (size_t i = 0; i < r->rank; i++)
        dims[i] = value->type.dims[r->q[i]];
    if (hone__type_set_tensor(hone__graph_arena(value->graph), &value->type, value->type.dtype, (int)r->rank, dims) !=
        HONE_OK)
        return hone__fail_memory(error, "a type");
    return HONE_OK;
}

/* Axis a of the old order is axis k of the new one with q[k] = a. */
static int64_t new_axis(const region *r, int64_t axis) {
    if (axis < 0)
        axis += (int64_t)r->rank;
    for (size_t k = 0; k < r->rank; k++)
        if (r->q[k] == axis)
            return (int64_t)k;
    return axis;
}

static hone_status turn(const region *r, hone__node *node, hone__pass_context *ctx, hone_error *error) {
    for (size_t i = 0; i < n_operands(node); i++) {
        hone__value *in = node->inputs[i], *to = in;
        if (!in || is_in(r, in->producer))
            continue;
        if (hone__is_constant(in))
            HONE_TRY(hone__pass_transpose_constant(ctx, node, in, r->q, r->rank, &to, error));
        else
            to = in->producer->inputs[0];
        HONE_TRY(hone__node_set_input(node, i, to, error));
    }
    if (kind_of(node) == WITH_AXIS) {
        int64_t axis = hone__node_attr_int(node, "axis", hone__is_op(node, "Concat") ? 1 : -1);
        HONE_TRY(hone__node_set_attr_int(node, "axis", new_axis(r, axis), error));
    }
    node->provenance = ctx->pass->name;
    return permute_type(r, node->outputs[0], error);
}

static hone_status cross(hone__node *last, hone__pass_context *ctx, hone_error *error) {
    int64_t q[HONE_MAX_RANK];
    region r = {.q = q, .n_gone = 1};
    if (!perm_of(last, q, &r.rank) || r.rank < 2 || last->outputs[0]->n_output_uses)
        return HONE_OK;
    if (!grow(&r, last) || !ranks_fit(&r)) {
        if (r.n > 1 && r.why)
            hone__pass_missed(ctx, last, (int)r.n, "behind %zu elementwise nodes, node %s %s", r.n, r.where->name,
                              r.why);
        return HONE_OK;
    }
    count_gone(&r);
    if (r.n_gone < 2)
        return HONE_OK; /* nothing would be won */
    for (size_t i = 0; i < r.n; i++)
        HONE_TRY(turn(&r, r.nodes[i], ctx, error));
    bool done;
    return hone__pass_bypass(ctx, last, last->inputs[0], &done, error);
}

HONE_PASS(merge_transposes) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        bool done;
        if (!hone__is_op(node, "Transpose") || !node->op)
            continue;
        HONE_TRY(join(node, &done, ctx, error));
        if (!done && hone__is_op(node, "Transpose"))
            HONE_TRY(cross(node, ctx, error));
    }
    return HONE_OK;
}
