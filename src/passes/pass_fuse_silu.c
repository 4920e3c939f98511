/* Recognises activations spelt out of smaller operators:
 *   SiLU       x * Sigmoid(x);  x / (1 + Exp(-x))
 *   HardSwish  x * HardSigmoid(x, 1/6, 1/2);  x * Clip(x + 3, 0, 6) / 6 in the orders that exporters write
 *
 * Proof obligation: the operators' definitions, up to rounding. Values between may be read elsewhere: they stay then.
 */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

#include <math.h>

static bool is_hard_sigmoid_sixth(const hone__node *node) {
    return hone__is_op(node, "HardSigmoid") && fabsf(hone__node_attr_float(node, "alpha", 0.2f) - 1 / 6.f) < 1e-4f &&
           hone__node_attr_float(node, "beta", 0.5f) == 0.5f;
}

/* Clip(x + 3, 0, 6), giving x. */
static hone__value *relu6_shifted(const hone__node *clip) {
    const char *name;
    float params[2];
    double three;
    if (!hone__is_op(clip, "Clip") || !hone__match_activation(clip, &name, params) || params[0] != 0 || params[1] != 6)
        return NULL;
    const hone__node *add = hone__input_node(clip, 0, "Add");
    int i = add ? hone__scalar_input(add, &three) : -1;
    return i >= 0 && three == 3 ? add->inputs[1 - i] : NULL;
}

/* What scales `node`'s value by 1/6: Div by 6 or Mul by 1/6; gives the unscaled value. */
static hone__value *sixth_of(const hone__node *node) {
    double c;
    int i = node ? hone__scalar_input(node, &c) : -1;
    if (i < 0)
        return NULL;
    bool sixth =
        (hone__is_op(node, "Div") && i == 1 && c == 6) || (hone__is_op(node, "Mul") && fabs(c - 1.0 / 6) < 1e-4);
    return sixth ? node->inputs[1 - i] : NULL;
}

static hone_status replace(hone__node *last, const char *domain, const char *op, int64_t opset, hone__value *x,
                           hone__pass_context *ctx, hone_error *error) {
    if (!hone__pass_may_make(ctx, domain, op, opset))
        return HONE_OK;
    ctx->n_changed++;
    return hone__replace_pattern(last, domain, op, opset, &x, 1, "fuse_silu", NULL, error);
}

/* Mul(x, f(x)) */
static hone_status visit_mul(hone__node *mul, hone__pass_context *ctx, hone_error *error) {
    for (size_t i = 0; i < 2; i++) {
        hone__value *x = mul->inputs[1 - i];
        hone__node *gate = mul->inputs[i]->producer;
        if (!gate || gate->n_inputs == 0)
            continue;
        if (hone__is_op(gate, "Sigmoid") && gate->inputs[0] == x)
            return replace(mul, "hone", "Silu", 1, x, ctx, error);
        if (is_hard_sigmoid_sixth(gate) && gate->inputs[0] == x)
            return replace(mul, "", "HardSwish", 14, x, ctx, error);
        hone__value *inner = sixth_of(gate); /* x * (Clip(x+3) / 6) */
        if (inner && inner->producer && relu6_shifted(inner->producer) == x)
            return replace(mul, "", "HardSwish", 14, x, ctx, error);
        hone__value *part = sixth_of(x->producer); /* (x / 6) * Clip(x+3) */
        if (part && relu6_shifted(gate) == part)
            return replace(mul, "", "HardSwish", 14, part, ctx, error);
        if (hone__is_op(gate, "Sigmoid") || is_hard_sigmoid_sixth(gate))
            hone__pass_missed(ctx, gate, 1, "what it gates in node %s, \"%s\", is not its input \"%s\"", mul->name,
                              x->name, gate->inputs[0]->name);
    }
    return HONE_OK;
}

/* x / (1 + Exp(-x)) */
static hone_status visit_quotient(hone__node *div, hone__pass_context *ctx, hone_error *error) {
    double one;
    const hone__node *add = hone__input_node(div, 1, "Add");
    int i = add ? hone__scalar_input(add, &one) : -1;
    const hone__node *exp_node = i >= 0 && one == 1 ? add->inputs[1 - i]->producer : NULL;
    const hone__node *neg = hone__is_op(exp_node, "Exp") ? hone__input_node(exp_node, 0, "Neg") : NULL;
    if (neg && neg->inputs[0] == div->inputs[0] && hone__same_shape(div->inputs[0], div->outputs[0]))
        return replace(div, "hone", "Silu", 1, div->inputs[0], ctx, error);
    return HONE_OK;
}

/* (x * Clip(x + 3, 0, 6)) / 6 */
static hone_status visit_sixth(hone__node *node, hone__value *product, hone__pass_context *ctx, hone_error *error) {
    hone__node *mul = product->producer;
    if (!hone__is_op(mul, "Mul") || mul->n_inputs != 2)
        return HONE_OK;
    for (size_t i = 0; i < 2; i++)
        if (mul->inputs[i]->producer && relu6_shifted(mul->inputs[i]->producer) == mul->inputs[1 - i])
            return replace(node, "", "HardSwish", 14, mul->inputs[1 - i], ctx, error);
    return HONE_OK;
}

HONE_PASS(fuse_silu) {
    hone__graph *graph = ctx->graph;
    HONE_FOR_NODES_SAFE(node, graph) {
        if (node->n_outputs != 1 || !hone__is_float(node->outputs[0]) || node->n_inputs != 2)
            continue;
        size_t before = ctx->n_changed;
        hone__value *product = sixth_of(node);
        if (product)
            HONE_TRY(visit_sixth(node, product, ctx, error));
        if (ctx->n_changed == before && hone__is_op(node, "Mul"))
            HONE_TRY(visit_mul(node, ctx, error));
        else if (ctx->n_changed == before && hone__is_op(node, "Div"))
            HONE_TRY(visit_quotient(node, ctx, error));
    }
    return HONE_OK;
}
