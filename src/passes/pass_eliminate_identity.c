/* Removes nodes that hand their input on unchanged: Identity, Dropout at inference, Cast to the same type,
 * Add 0 and Mul 1 of a scalar, Reshape and Transpose that keep the shape, Concat and Sum of one. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

#include <string.h>

static bool is_static_shape(const hone__value *value) {
    return value->type.is_known && hone__type_is_static(&value->type);
}

static bool is_unused(const hone__node *node, size_t output) {
    const hone__value *value = output < node->n_outputs ? node->outputs[output] : NULL;
    return !value || (value->n_uses == 0 && value->n_output_uses == 0);
}

static bool is_inference_dropout(const hone__node *node) {
    double training;
    if (!hone__is_op(node, "Dropout") || !is_unused(node, 1))
        return false;
    if (node->op && node->op->since >= 12)
        return node->n_inputs < 3 || !node->inputs[2] ||
               (hone__const_scalar(node->inputs[2], &training) && training == 0);
    return hone__node_attr_int(node, "is_test", 1) != 0;
}

static bool is_identity_transpose(const hone__node *node) {
    size_t n;
    const int64_t *perm = hone__node_attr_ints(node, "perm", &n);
    if (!hone__is_op(node, "Transpose"))
        return false;
    if (!perm)
        return hone__value_rank(node->inputs[0]) == 1;
    for (size_t i = 0; i < n; i++)
        if (perm[i] != (int64_t)i)
            return false;
    return true;
}

/* x + 0, x * 1, x - 0, x / 1 with a scalar of rank no larger than x's, so that the shape stays. */
static bool is_neutral(const hone__node *node, size_t *kept) {
    double c;
    bool add = hone__is_op(node, "Add") || hone__is_op(node, "Sub");
    bool mul = hone__is_op(node, "Mul") || hone__is_op(node, "Div");
    if ((!add && !mul) || !hone__is_float(node->outputs[0]))
        return false;
    int i = hone__scalar_input(node, &c);
    if (i < 0 || (i == 0 && (hone__is_op(node, "Sub") || hone__is_op(node, "Div"))))
        return false;
    *kept = (size_t)(1 - i);
    return c == (mul ? 1.0 : 0.0) && hone__same_shape(node->inputs[*kept], node->outputs[0]);
}

static bool hands_on(const hone__node *node, size_t *kept) {
    *kept = 0;
    if (node->n_inputs == 0 || !node->inputs[0] || node->n_outputs == 0 || !node->outputs[0])
        return false;
    const hone__value *in = node->inputs[0], *out = node->outputs[0];
    if (hone__is_op(node, "Identity") || is_inference_dropout(node) || is_identity_transpose(node))
        return true;
    if (hone__is_op(node, "Cast"))
        return in->type.is_known && in->type.kind == HONE_KIND_TENSOR &&
               in->type.dtype == (hone_dtype)hone__node_attr_int(node, "to", 0);
    if (hone__is_op(node, "Reshape") || hone__is_op(node, "Flatten") || hone__is_op(node, "Expand"))
        return is_static_shape(in) && is_static_shape(out) && hone__same_shape(in, out);
    if (hone__is_op(node, "Concat") || hone__is_op(node, "Sum") || hone__is_op(node, "Max") ||
        hone__is_op(node, "Min") || hone__is_op(node, "Mean"))
        return node->n_inputs == 1;
    return is_neutral(node, kept);
}

HONE_PASS(eliminate_identity) {
    hone__graph *graph = ctx->graph;
    HONE_FOR_NODES_SAFE(node, graph) {
        size_t kept;
        if (!hands_on(node, &kept) || node->outputs[0]->graph != node->graph)
            continue;
        hone__value *from = node->outputs[0], *to = node->inputs[kept];
        if (to->graph != graph && from->n_output_uses)
            continue;
        hone_status status = hone__graph_replace_value(from, to, error);
        if (status == HONE_ERROR_ARGUMENT) /* an output that is an input or a constant: the node must stay */
            continue;
        HONE_TRY(status);
        hone__graph_remove_node(node);
        ctx->n_changed++;
    }
    hone_error_clear(error);
    return HONE_OK;
}
