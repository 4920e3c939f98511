/* Recognises LayerNormalization over the last axes spelt out:
 *   d = x - ReduceMean(x);  y = d / Sqrt(ReduceMean(d^2) + eps) * scale + bias
 * Source: Ba, Kiros and Hinton, "Layer Normalization", 2016; LayerNormalization-17. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

#include <string.h>

/* ReduceMean over the last axis with the dim kept. */
static bool is_last_mean(const hone__node *node) {
    if (!hone__is_op(node, "ReduceMean") || !hone__node_attr_int(node, "keepdims", 1))
        return false;
    int rank = hone__value_rank(node->inputs[0]);
    size_t n;
    const int64_t *axes = hone__node_attr_ints(node, "axes", &n);
    int64_t axis;
    if (axes) {
        if (n != 1)
            return false;
        axis = axes[0];
    } else {
        if (node->n_inputs < 2 || !node->inputs[1] || !node->inputs[1]->constant ||
            hone__tensor_count(node->inputs[1]->constant) != 1 ||
            !hone__tensor_get_i64(node->inputs[1]->constant, 0, &axis))
            return false;
    }
    return axis == -1 || (rank > 0 && axis == rank - 1);
}

/* x - mean(x), giving x */
static hone__value *centred(const hone__value *value) {
    const hone__node *sub = value ? value->producer : NULL;
    if (!hone__is_op(sub, "Sub"))
        return NULL;
    const hone__node *mean = sub->inputs[1]->producer;
    return mean && is_last_mean(mean) && mean->inputs[0] == sub->inputs[0] ? sub->inputs[0] : NULL;
}

/* The square of a value: Pow(v, 2) or Mul(v, v). */
static hone__value *square_of(const hone__value *value) {
    const hone__node *node = value ? value->producer : NULL;
    double c;
    if (hone__is_op(node, "Pow") && hone__const_scalar(node->inputs[1], &c) && c == 2)
        return node->inputs[0];
    if (hone__is_op(node, "Mul") && node->inputs[0] == node->inputs[1])
        return node->inputs[0];
    return NULL;
}

/* Sqrt(mean(d^2) + eps), where d is a centred x; gives x. */
static hone__value *deviation(const hone__value *value, double *eps) {
    const hone__node *sqrt_node = value ? value->producer : NULL;
    if (!hone__is_op(sqrt_node, "Sqrt"))
        return NULL;
    const hone__node *add = hone__input_node(sqrt_node, 0, "Add");
    int i = add ? hone__scalar_input(add, eps) : -1;
    const hone__node *mean = i >= 0 ? add->inputs[1 - i]->producer : NULL;
    if (!mean || !is_last_mean(mean))
        return NULL;
    return centred(square_of(mean->inputs[0]));
}

/* A constant vector over the last dim. */
static bool is_row(const hone__value *value, int64_t n) {
    int64_t count;
    return hone__const_floats(value, &count) && count == n && value->constant->rank >= 1 &&
           value->constant->dims[value->constant->rank - 1] == n;
}

static hone_status make_row(hone__graph *graph, hone__value *value, hone__value **out, hone_error *error) {
    if (value->constant->rank == 1) {
        *out = value;
        return HONE_OK;
    }
    int64_t n = hone__tensor_count(value->constant);
    return hone__add_floats(graph, value->name, 1, &n, value->constant->data, out, error);
}

static hone_status rewrite(hone__node *last, hone__value *x, hone__value *scale, hone__value *bias, double eps,
                           hone_error *error) {
    hone__value *in[3] = {x, NULL, NULL};
    HONE_TRY(make_row(last->graph, scale, &in[1], error));
    if (bias)
        HONE_TRY(make_row(last->graph, bias, &in[2], error));
    hone__node *norm;
    HONE_TRY(
        hone__replace_pattern(last, "", "LayerNormalization", 17, in, bias ? 3 : 2, "fuse_layernorm", &norm, error));
    HONE_TRY(hone__node_set_attr_int(norm, "axis", -1, error));
    return hone__node_set_attr_float(norm, "epsilon", (float)eps, error);
}

HONE_PASS(fuse_layernorm) {
    hone__graph *graph = ctx->graph;
    if (!hone__pass_may_make(ctx, "", "LayerNormalization", 17))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(div, graph) {
        double eps;
        if (!hone__is_op(div, "Div") || !hone__is_float(div->outputs[0]))
            continue;
        hone__value *x = centred(div->inputs[0]);
        if (!x || deviation(div->inputs[1], &eps) != x)
            continue;
        int64_t n = hone__value_dim(x, -1);
        hone__node *mul = hone__value_single_consumer(div->outputs[0]);
        hone__value *scale = hone__is_op(mul, "Mul") ? hone__other_input(mul, div->outputs[0]) : NULL;
        if (n <= 0 || !scale || !is_row(scale, n))
            continue;
        hone__node *add = hone__value_single_consumer(mul->outputs[0]);
        hone__value *bias = hone__is_op(add, "Add") ? hone__other_input(add, mul->outputs[0]) : NULL;
        if (bias && !is_row(bias, n))
            bias = NULL;
        hone__node *last = bias ? add : mul;
        if (!hone__same_shape(last->outputs[0], x))
            continue;
        if (last == div_next) /* it goes */
            div_next = last->next;
        HONE_TRY(rewrite(last, x, scale, bias, eps, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
