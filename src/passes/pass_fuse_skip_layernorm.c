/* A residual addition and the normalisation after it become one node that gives both:
 *   s = a + b (+ bias);  y = LayerNormalization(s) or RMSNormalization(s)
 * com.microsoft.SkipLayerNormalization and SkipSimplifiedLayerNormalization; s is an output of the node when others
 * read it. Runs after fuse_residual, which takes additions into the matrix products before them. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_match.h"

#include <string.h>

static bool is_vector(const hone__value *value, int64_t n) {
    return value && value->constant && !value->is_overridable && value->constant->rank == 1 &&
           hone__value_dim(value, 0) == n && value->type.dtype == HONE_DTYPE_FLOAT;
}

/* LayerNormalization or RMSNormalization over the last axis, with constant parameters and its first output alone. */
static bool is_norm(const hone__node *node, bool *is_rms) {
    *is_rms = hone__is_op(node, "RMSNormalization") || hone__is_op(node, "SimplifiedLayerNormalization");
    if (!*is_rms && !hone__is_op(node, "LayerNormalization"))
        return false;
    int rank = hone__value_rank(node->inputs[0]);
    int64_t axis = hone__node_attr_int(node, "axis", -1), n = hone__value_dim(node->inputs[0], -1);
    for (size_t i = 1; i < node->n_outputs; i++)
        if (node->outputs[i])
            return false;
    return (rank == 2 || rank == 3) && (axis == -1 || axis == rank - 1) && hone__is_float(node->inputs[0]) &&
           hone__node_attr_int(node, "stash_type", 1) == 1 && n > 0 && is_vector(node->inputs[1], n) &&
           (node->n_inputs < 3 || !node->inputs[2] || is_vector(node->inputs[2], n));
}

/* a + bias with nobody else reading it: gives a. */
static hone__value *without_bias(hone__value *value, int64_t n, hone__value **bias) {
    const hone__node *add = value->producer;
    if (!hone__is_op(add, "Add") || !hone__value_single_consumer(value))
        return NULL;
    for (size_t i = 0; i < 2; i++)
        if (is_vector(add->inputs[i], n) && hone__same_shape(add->inputs[1 - i], value)) {
            *bias = add->inputs[i];
            return add->inputs[1 - i];
        }
    return NULL;
}

/* Other readers of the sum must come after the Add, where the new node will stand: they always do. The norm's
 * parameters are constants, so the new node can stand there too. */
static hone_status rewrite(hone__pass_context *ctx, hone__node *norm, hone__node *add, hone__value *const *in,
                           bool is_rms, hone_error *error) {
    hone__graph *graph = ctx->graph;
    const char *op = is_rms ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization";
    hone__value *y = norm->outputs[0], *sum = add->outputs[0];
    const char *name = norm->name;
    float eps = hone__node_attr_float(norm, "epsilon", 1e-5f);
    hone__node *before = add->next == norm ? norm->next : add->next, *node;
    size_t n = 5;
    hone__graph_remove_node(norm);
    hone__graph_remove_node(add);
    bool is_wanted = sum->n_uses || sum->n_output_uses;
    hone__value *out[4] = {y, NULL, NULL, is_wanted ? sum : NULL};
    while (n > 0 && !in[n - 1])
        n--;
    HONE_TRY(
        hone__graph_add_node(graph, before, "com.microsoft", op, name, in, n, out, is_wanted ? 4 : 1, &node, error));
    HONE_TRY(hone__node_become(node, "com.microsoft", op, 1, "fuse_skip_layernorm", error));
    return hone__node_set_attr_float(node, "epsilon", eps, error);
}

HONE_PASS(fuse_skip_layernorm) {
    for (hone__node *norm = ctx->graph->first, *next; norm; norm = next) {
        bool is_rms;
        next = norm->next;
        if (!is_norm(norm, &is_rms) ||
            !hone__pass_may_make(ctx, "com.microsoft",
                                 is_rms ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization", 1))
            continue;
        hone__node *add = norm->inputs[0]->producer;
        if (!hone__is_op(add, "Add") || add->graph != norm->graph)
            continue;
        hone__value *sum = add->outputs[0], *a = add->inputs[0], *b = add->inputs[1], *bias = NULL;
        if (a == b || a->constant || b->constant)
            continue;
        if (!hone__same_shape(a, sum) || !hone__same_shape(b, sum)) {
            hone__pass_missed(ctx, norm, 2, "the shapes that node %s adds are not known to be equal", add->name);
            continue;
        }
        hone__value *plain = without_bias(a, hone__value_dim(sum, -1), &bias);
        if (plain) {
            a = plain;
        } else {
            plain = without_bias(b, hone__value_dim(sum, -1), &bias);
            b = plain ? plain : b;
        }
        hone__value *beta = norm->n_inputs > 2 ? norm->inputs[2] : NULL;
        hone__value *in[5] = {a, b, norm->inputs[1], is_rms ? bias : beta, is_rms ? NULL : bias};
        HONE_TRY(rewrite(ctx, norm, add, in, is_rms, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
