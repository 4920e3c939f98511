/* Activations of the standard, spelt out of smaller operators as other exporters do:
 *
 *   Sigmoid      1 / (1 + Exp(-x)), Reciprocal(1 + Exp(-x))
 *   Softplus     Log(1 + Exp(x))
 *   HardSigmoid  Clip(a*x + b, 0, 1);  Clip(x + 3, 0, 6) / 6
 *   LeakyRelu    Max(x, a*x) for 0 < a < 1;  Where(x > 0, x, a*x), Where(x < 0, a*x, x)
 *   Elu          Where(x > 0, x, a * (Exp(x) - 1))
 *   Selu         g * Elu(x, a) with Selu's constants
 *   PRelu        Relu(x) - s * Relu(-x)
 *   Mish         x * Tanh(Softplus(x))
 *
 * Proof obligation: the operators' definitions, up to rounding. (Softplus and Sigmoid in one operator do not overflow
 * where Exp does.) Every value between is read by the pattern alone. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <math.h>

/* The operand of a node that only the pattern reads. */
static hone__node *inner(const hone__node *node, size_t i, const char *op_type) {
    hone__node *maker = i < node->n_inputs ? hone__input_node(node, i, op_type) : NULL;
    return maker && maker->graph == node->graph && hone__value_single_consumer(node->inputs[i]) == node ? maker : NULL;
}

/* The other operand of `node` = c op x with c a scalar: *c. For Sub and Div c is on the right. */
static hone__value *beside_scalar(const hone__node *node, const char *op_type, double *c) {
    if (!hone__is_op(node, op_type) || node->n_inputs != 2 || !node->inputs[0] || !node->inputs[1])
        return NULL;
    int i = hone__scalar_input(node, c);
    bool ordered = hone__is_op(node, "Sub") || hone__is_op(node, "Div");
    return i < 0 || (i == 0 && ordered) ? NULL : node->inputs[1 - i];
}

static hone_status become(hone__node *node, const char *op_type, hone__value *x, hone__node **out,
                          hone__pass_context *ctx, hone_error *error) {
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, op_type, &x, 1, out, error);
}

/* c * x, as Mul or Div by a constant; x * 1 is x itself. */
static hone__value *scaled(const hone__value *value, double *factor) {
    double c;
    hone__value *x;
    if (!value->producer)
        return NULL;
    if ((x = beside_scalar(value->producer, "Mul", &c)))
        *factor = c;
    else if ((x = beside_scalar(value->producer, "Div", &c)) && c != 0)
        *factor = 1 / c;
    return x;
}

/* ---- Sigmoid, Softplus ---- */

/* 1 + Exp(v): gives v. */
static hone__value *one_plus_exp(const hone__node *node, size_t i) {
    double one;
    hone__node *add = inner(node, i, "Add");
    hone__value *e = add ? beside_scalar(add, "Add", &one) : NULL;
    if (!e || one != 1 || !hone__is_op(e->producer, "Exp") || hone__value_single_consumer(e) != add)
        return NULL;
    return e->producer->inputs[0];
}

static hone_status visit_sigmoid(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    double one;
    size_t i = hone__is_op(node, "Div") ? 1 : 0;
    if (i == 1 && (node->n_inputs != 2 || !hone__const_scalar(node->inputs[0], &one) || one != 1))
        return HONE_OK;
    hone__value *v = one_plus_exp(node, i);
    hone__node *neg = v ? v->producer : NULL;
    if (!v)
        return HONE_OK;
    if (!hone__is_op(neg, "Neg") || !hone__same_shape(neg->inputs[0], node->outputs[0])) {
        hone__pass_missed(ctx, node, 3, "what goes into the Exp is not a Neg");
        return HONE_OK;
    }
    return hone__pass_can(ctx, "Sigmoid", 6) ? become(node, "Sigmoid", neg->inputs[0], NULL, ctx, error) : HONE_OK;
}

static hone_status visit_softplus(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__value *x = one_plus_exp(node, 0);
    if (!x || !hone__same_shape(x, node->outputs[0]) || !hone__pass_can(ctx, "Softplus", 1))
        return HONE_OK;
    return become(node, "Softplus", x, NULL, ctx, error);
}

/* ---- HardSigmoid ---- */

static hone_status make_hard_sigmoid(hone__node *node, hone__value *x, double a, double b, hone__pass_context *ctx,
                                     hone_error *error) {
    hone__node *made;
    if (!hone__pass_can(ctx, "HardSigmoid", 6) || !hone__same_shape(x, node->outputs[0]))
        return HONE_OK;
    HONE_TRY(become(node, "HardSigmoid", x, &made, ctx, error));
    HONE_TRY(hone__node_set_attr_float(made, "alpha", (float)a, error));
    return hone__node_set_attr_float(made, "beta", (float)b, error);
}

static bool is_clip_between(const hone__node *node, double lo, double hi) {
    const char *name;
    float params[2];
    return hone__is_op(node, "Clip") && hone__match_activation(node, &name, params) && params[0] == (float)lo &&
           params[1] == (float)hi;
}

/* Clip(a*x + b, 0, 1). With a = 1 this is no common activation: a sum that is clipped stays one. */
static hone_status visit_clip(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    double a = 1, b;
    hone__node *add = is_clip_between(node, 0, 1) ? inner(node, 0, "Add") : NULL;
    hone__value *product = add ? beside_scalar(add, "Add", &b) : NULL;
    hone__value *x = product && hone__value_single_consumer(product) == add ? scaled(product, &a) : NULL;
    return x ? make_hard_sigmoid(node, x, a, b, ctx, error) : HONE_OK;
}

/* Clip(x + 3, 0, 6) / 6, not where it is a factor of x: that is HardSwish, which another pass recognises. */
static hone_status visit_sixth(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    double factor = 0, b;
    hone__value *clipped = scaled(node->outputs[0], &factor), *x;
    if (!clipped || fabs(factor * 6 - 1) > 1e-4 || hone__value_single_consumer(clipped) != node ||
        !is_clip_between(clipped->producer, 0, 6))
        return HONE_OK;
    hone__node *add = inner(clipped->producer, 0, "Add");
    if (!add || !(x = beside_scalar(add, "Add", &b)))
        return HONE_OK;
    hone__node *reader = hone__value_single_consumer(node->outputs[0]);
    if (hone__is_op(reader, "Mul") && hone__other_input(reader, node->outputs[0]) == x &&
        hone__pass_can(ctx, "HardSwish", 14))
        return HONE_OK;
    return make_hard_sigmoid(node, x, factor, b * factor, ctx, error);
}

/* ---- LeakyRelu, Elu, Selu, PRelu ---- */

static hone_status make_leaky(hone__node *node, hone__value *x, double a, hone__pass_context *ctx, hone_error *error) {
    hone__node *made;
    if (!hone__pass_can(ctx, "LeakyRelu", 6) || !hone__same_shape(x, node->outputs[0]))
        return HONE_OK;
    HONE_TRY(become(node, "LeakyRelu", x, &made, ctx, error));
    return hone__node_set_attr_float(made, "alpha", (float)a, error);
}

static hone_status visit_max(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    for (size_t i = 0; node->n_inputs == 2 && i < 2; i++) {
        double a = 0;
        hone__value *x = scaled(node->inputs[i], &a);
        if (x && x == node->inputs[1 - i] && a > 0 && a < 1 && hone__value_single_consumer(node->inputs[i]) == node)
            return make_leaky(node, x, a, ctx, error);
    }
    return HONE_OK;
}

/* a * (Exp(x) - 1), giving a. */
static bool is_elu_branch(const hone__value *value, const hone__value *x, double *a) {
    double one;
    *a = 1;
    const hone__value *difference = scaled(value, a);
    if (!difference) {
        difference = value;
        *a = 1;
    }
    if (!difference->producer)
        return false;
    const hone__value *e = beside_scalar(difference->producer, "Sub", &one);
    bool fits = e && one == 1;
    if (!fits) {
        e = beside_scalar(difference->producer, "Add", &one);
        fits = e && one == -1;
    }
    return fits && hone__is_op(e->producer, "Exp") && e->producer->inputs[0] == x;
}

static hone_status visit_where(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *test = node->n_inputs == 3 && node->inputs[0] ? node->inputs[0]->producer : NULL;
    double zero, a = 0;
    bool greater = hone__is_op(test, "Greater") || hone__is_op(test, "GreaterOrEqual");
    bool less = hone__is_op(test, "Less") || hone__is_op(test, "LessOrEqual");
    if ((!greater && !less) || test->n_inputs != 2 || !hone__const_scalar(test->inputs[1], &zero) || zero != 0)
        return HONE_OK;
    hone__value *x = test->inputs[0], *above = node->inputs[greater ? 1 : 2], *below = node->inputs[greater ? 2 : 1];
    if (above != x)
        return HONE_OK;
    if (scaled(below, &a) == x)
        return make_leaky(node, x, a, ctx, error);
    if (is_elu_branch(below, x, &a) && hone__pass_can(ctx, "Elu", 6) && hone__same_shape(x, node->outputs[0])) {
        hone__node *made;
        HONE_TRY(become(node, "Elu", x, &made, ctx, error));
        return hone__node_set_attr_float(made, "alpha", (float)a, error);
    }
    hone__pass_missed(ctx, node, 2, "\"%s\" is neither a multiple of \"%s\" nor Exp of it minus 1", below->name,
                      x->name);
    return HONE_OK;
}

static hone_status visit_selu(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    double gamma;
    hone__node *elu = inner(node, 0, "Elu"), *made;
    if (!elu)
        elu = inner(node, 1, "Elu");
    if (!elu || !beside_scalar(node, "Mul", &gamma) || fabs(gamma - 1.0507009873554805) > 1e-5 ||
        fabs(hone__node_attr_float(elu, "alpha", 1) - 1.6732632423543772) > 1e-5 || !hone__pass_can(ctx, "Selu", 6))
        return HONE_OK;
    HONE_TRY(become(node, "Selu", elu->inputs[0], &made, ctx, error));
    HONE_TRY(hone__node_set_attr_float(made, "alpha", hone__node_attr_float(elu, "alpha", 1), error));
    return hone__node_set_attr_float(made, "gamma", (float)gamma, error);
}

/* s * Relu(-x): *s as a constant value, *x. */
static bool is_negative_part(const hone__value *value, hone__value **x, hone__value **slope) {
    const hone__node *mul = value->producer;
    for (size_t i = 0; hone__is_op(mul, "Mul") && mul->n_inputs == 2 && i < 2; i++) {
        hone__node *relu = hone__input_node(mul, i, "Relu"), *neg = relu ? hone__input_node(relu, 0, "Neg") : NULL;
        if (neg && hone__is_constant(mul->inputs[1 - i])) {
            *x = neg->inputs[0];
            *slope = mul->inputs[1 - i];
            return true;
        }
    }
    return false;
}

/* Relu(x) - s * Relu(-x) = PRelu(x, s), Relu(x) + s * Relu(-x) = PRelu(x, -s). */
static hone_status visit_prelu(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    bool add = hone__is_op(node, "Add");
    for (size_t i = 0; node->n_inputs == 2 && i < (add ? 2u : 1u); i++) {
        hone__node *relu = hone__input_node(node, i, "Relu");
        hone__value *x, *slope, *in[2];
        if (!relu || !is_negative_part(node->inputs[1 - i], &x, &slope) || relu->inputs[0] != x ||
            hone__value_single_consumer(node->inputs[1 - i]) != node || !hone__same_shape(x, node->outputs[0]) ||
            !hone__pass_can(ctx, "PRelu", 7))
            continue;
        in[0] = x;
        in[1] = slope;
        if (add)
            HONE_TRY(hone__pass_compute(ctx, node, "Neg", slope, NULL, &in[1], error));
        if (!in[1])
            return HONE_OK;
        ctx->n_changed++;
        return hone__pass_replace(ctx, node, "PRelu", in, 2, NULL, error);
    }
    return HONE_OK;
}

/* ---- Mish ---- */

static hone_status visit_mish(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    for (size_t i = 0; node->n_inputs == 2 && i < 2; i++) {
        hone__node *tanh_node = inner(node, i, "Tanh"), *softplus = tanh_node ? inner(tanh_node, 0, "Softplus") : NULL;
        hone__value *x = node->inputs[1 - i];
        if (!softplus)
            continue;
        if (softplus->inputs[0] != x) {
            hone__pass_missed(ctx, node, 3, "what goes into the Softplus, \"%s\", is not the other factor",
                              softplus->inputs[0]->name);
            continue;
        }
        if (hone__pass_can(ctx, "Mish", 18))
            return become(node, "Mish", x, NULL, ctx, error);
        if (!hone__pass_may_make(ctx, "", "Mish", 18) || ctx->options->target != HONE_TARGET_HONE)
            return HONE_OK;
        ctx->n_changed++;
        return hone__replace_pattern(node, "", "Mish", 18, &x, 1, ctx->pass->name, NULL, error);
    }
    return HONE_OK;
}

HONE_PASS(recognize_activations) {
    static const struct {
        const char *op_type;
        hone_status (*visit)(hone__node *node, hone__pass_context *ctx, hone_error *error);
    } visits[] = {{"Div", visit_sigmoid}, {"Reciprocal", visit_sigmoid}, {"Log", visit_softplus},
                  {"Clip", visit_clip},   {"Div", visit_sixth},          {"Mul", visit_sixth},
                  {"Max", visit_max},     {"Where", visit_where},        {"Mul", visit_selu},
                  {"Add", visit_prelu},   {"Sub", visit_prelu},          {"Mul", visit_mish}};
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        if (!node->op || *node->domain || !node->n_outputs || !hone__is_float(node->outputs[0]))
            continue;
        size_t before = ctx->n_changed;
        for (size_t i = 0; i < HONE_COUNT_OF(visits) && ctx->n_changed == before; i++)
            if (hone__is_op(node, visits[i].op_type))
                HONE_TRY(visits[i].visit(node, ctx, error));
    }
    return HONE_OK;
}
