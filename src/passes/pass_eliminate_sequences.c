/* Sequences that are taken apart again: what exporters leave of lists that a program built.
 *
 *   SequenceAt(SequenceConstruct(a, b, c), 1)                       -> b
 *   SequenceLength(SequenceConstruct(a, b, c))                      -> 3
 *   ConcatFromSequence(SequenceConstruct(a, b, c), axis)            -> Concat(a, b, c), of Unsqueezed values for
 * new_axis SequenceAt(SplitToSequence(x, split, axis), i) for every reader -> outputs of Split(x, split)
 *
 * Proof obligation: the operators' definitions. Positions are constants within the sequence's length; a SplitToSequence
 * gives way only when all its readers are SequenceAt with constant positions, and keeps its dims. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

static bool position_of(const hone__node *at, int64_t n, int64_t *out) {
    double x;
    if (at->n_inputs != 2 || !hone__const_scalar(at->inputs[1], &x) || x < -(double)n || x >= (double)n)
        return false;
    *out = x < 0 ? (int64_t)x + n : (int64_t)x;
    return true;
}

static hone_status visit_at(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *list = hone__input_node(node, 0, "SequenceConstruct");
    int64_t i;
    bool done;
    if (!list || !position_of(node, (int64_t)list->n_inputs, &i))
        return HONE_OK;
    HONE_TRY(hone__pass_bypass(ctx, node, list->inputs[i], &done, error));
    ctx->wants_inference |= done;
    return HONE_OK;
}

static hone_status visit_length(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *list = hone__input_node(node, 0, "SequenceConstruct");
    hone__value *length;
    bool done;
    if (!list || node->outputs[0]->n_output_uses)
        return HONE_OK;
    HONE_TRY(hone__add_scalar(ctx->graph, "length", HONE_DTYPE_INT64, (double)list->n_inputs, &length, error));
    return hone__pass_bypass(ctx, node, length, &done, error);
}

static hone_status visit_concat(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *list = hone__input_node(node, 0, "SequenceConstruct"), *made;
    int64_t axis = hone__node_attr_int(node, "axis", 0);
    bool stacks = hone__node_attr_int(node, "new_axis", 0) != 0;
    if (!list || list->graph != node->graph || list->n_inputs == 0 || !hone__pass_can(ctx, "Concat", 4) ||
        (stacks && !hone__pass_can(ctx, "Unsqueeze", 1)))
        return HONE_OK;
    for (size_t i = 0; i < list->n_inputs; i++)
        if (stacks && (hone__value_rank(list->inputs[i]) < 0 || (hone__pass_opset(ctx) < 11 && axis < 0)))
            return HONE_OK;
    hone__value **parts = hone__arena_calloc(hone__graph_arena(ctx->graph), list->n_inputs, sizeof *parts);
    if (!parts)
        return hone__fail_memory(error, "a list of inputs");
    for (size_t i = 0; i < list->n_inputs; i++) {
        parts[i] = list->inputs[i];
        if (!stacks)
            continue;
        HONE_TRY(hone__pass_insert(ctx, node, "Unsqueeze", &list->inputs[i], 1, list->inputs[i]->name, &made, error));
        HONE_TRY(hone__pass_put_ints(made, "axes", 1, &axis, 1, error));
        HONE_TRY(hone__pass_type(made, error));
        parts[i] = made->outputs[0];
    }
    HONE_TRY(hone__pass_replace(ctx, node, "Concat", parts, list->n_inputs, &made, error));
    HONE_TRY(hone__node_set_attr_int(made, "axis", axis, error));
    ctx->n_changed++;
    ctx->wants_inference = true;
    return HONE_OK;
}

/* Sizes of the parts: given, or one for all, or 1 each. False when unknown. */
static bool sizes_of(const hone__node *node, int64_t dim, int64_t *sizes, size_t max, size_t *n) {
    int64_t given[64];
    size_t count = 0;
    bool has = node->n_inputs > 1 && node->inputs[1];
    if (dim < 0 || (has && !hone__const_ints(node->inputs[1], given, HONE_COUNT_OF(given), &count)))
        return false;
    if (has && node->inputs[1]->constant->rank == 1) {
        for (*n = 0; *n < count && *n < max; ++*n)
            sizes[*n] = given[*n];
        return *n == count;
    }
    int64_t size = has ? given[0] : 1;
    if (size <= 0 || (dim + size - 1) / size > (int64_t)max)
        return false;
    for (*n = 0; dim > 0; dim -= size)
        sizes[(*n)++] = dim < size ? dim : size;
    return *n > 0;
}

static hone_status visit_split(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__value *list = node->outputs[0], *x = node->inputs[0], *parts[64] = {0};
    int64_t axis = hone__node_attr_int(node, "axis", 0), sizes[64], at;
    size_t n;
    bool drops = (node->n_inputs < 2 || !node->inputs[1]) && !hone__node_attr_int(node, "keepdims", 1);
    if (drops || list->n_output_uses || !list->n_uses || !hone__pass_can(ctx, "Split", 2) ||
        !hone__pass_shapes_hold(ctx->graph) ||
        !sizes_of(node, hone__value_dim(x, (int)axis), sizes, HONE_COUNT_OF(sizes), &n))
        return HONE_OK;
    for (size_t i = 0; i < list->n_uses; i++) {
        const hone__node *reader = list->uses[i].node;
        if (!hone__is_op(reader, "SequenceAt") || reader->graph != node->graph ||
            !position_of(reader, (int64_t)n, &at)) {
            hone__pass_missed(ctx, node, 1, "node %s reads the whole sequence", reader->name);
            return HONE_OK;
        }
    }
    hone__node *split;
    for (size_t i = 0; i < n; i++)
        HONE_TRY(hone__graph_add_value(ctx->graph, "part", &parts[i], error));
    HONE_TRY(hone__graph_add_node(ctx->graph, node, "", "Split", node->name, &x, 1, parts, n, &split, error));
    HONE_TRY(hone__node_become(split, "", "Split", hone__pass_opset(ctx), ctx->pass->name, error));
    HONE_TRY(hone__node_set_attr_int(split, "axis", axis, error));
    HONE_TRY(hone__pass_put_ints(split, "split", 1, sizes, n, error));
    HONE_TRY(hone__pass_type(split, error));
    while (list->n_uses) { /* each becomes an Identity, which goes with the others */
        hone__node *reader = list->uses[0].node;
        position_of(reader, (int64_t)n, &at);
        HONE_TRY(hone__pass_replace(ctx, reader, "Identity", &parts[at], 1, NULL, error));
    }
    ctx->n_changed++;
    ctx->wants_inference = true;
    return HONE_OK;
}

HONE_PASS(eliminate_sequences) {
    for (hone__node *node = ctx->graph->first, *next; node; node = next) {
        next = node->next;
        if (!node->op || *node->domain || !node->n_inputs || !node->inputs[0] || !node->n_outputs || !node->outputs[0])
            continue;
        if (hone__is_op(node, "SequenceAt"))
            HONE_TRY(visit_at(node, ctx, error));
        else if (hone__is_op(node, "SequenceLength"))
            HONE_TRY(visit_length(node, ctx, error));
        else if (hone__is_op(node, "ConcatFromSequence"))
            HONE_TRY(visit_concat(node, ctx, error));
        else if (hone__is_op(node, "SplitToSequence")) {
            HONE_TRY(visit_split(node, ctx, error));
            next = node->next; /* its readers, which may follow it, have been replaced */
        }
    }
    return HONE_OK;
}
