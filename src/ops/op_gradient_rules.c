/* Derivatives of elementwise operators, of one input, two, and many; see op_gradient.h. Where a function has a corner,
 * the derivative there is that of the left side for maxima of zero and the like (Relu: 0), and is shared among equal
 * operands of Max and Min. */
#include "ops/op_gradient.h"

typedef hone__grad G;
typedef hone__value V;

/* Short names for what the formulas below are written in. */
static V *add(G *c, V *a, V *b) { return hone__grad_2(c, "Add", a, b); }
static V *sub(G *c, V *a, V *b) { return hone__grad_2(c, "Sub", a, b); }
static V *mul(G *c, V *a, V *b) { return hone__grad_2(c, "Mul", a, b); }
static V *over(G *c, V *a, V *b) { return hone__grad_2(c, "Div", a, b); }
static V *neg(G *c, V *a) { return hone__grad_1(c, "Neg", a); }
static V *square(G *c, V *a) { return mul(c, a, a); }
static V *num(G *c, double v) { return hone__grad_number(c, v, c->in[0]); }
static V *where(G *c, V *mask, V *a, V *b) { return hone__grad_3(c, "Where", mask, a, b); }
static V *above(G *c, V *x, double v) { return hone__grad_2(c, "Greater", x, num(c, v)); }
static double attr(const G *c, const char *name, double fallback) {
    return hone__node_attr_float(c->node, name, (float)fallback);
}

/* ---- one input: the gradient of x from x, y and the gradient g of y ---- */

#define RULE(name, expression)                                                                                         \
    static V *d_##name(G *c, V *x, V *y, V *g) {                                                                       \
        (void)c, (void)x, (void)y;                                                                                     \
        return expression;                                                                                             \
    }
RULE(same, g)
RULE(neg, neg(c, g))
RULE(abs, mul(c, g, hone__grad_1(c, "Sign", x)))
RULE(sqrt, over(c, g, mul(c, num(c, 2), y)))
RULE(exp, mul(c, g, y))
RULE(log, over(c, g, x))
RULE(reciprocal, neg(c, mul(c, g, square(c, y))))
RULE(sin, mul(c, g, hone__grad_1(c, "Cos", x)))
RULE(cos, neg(c, mul(c, g, hone__grad_1(c, "Sin", x))))
RULE(tan, mul(c, g, add(c, square(c, y), num(c, 1))))
RULE(sinh, mul(c, g, hone__grad_1(c, "Cosh", x)))
RULE(cosh, mul(c, g, hone__grad_1(c, "Sinh", x)))
RULE(tanh, mul(c, g, sub(c, num(c, 1), square(c, y))))
RULE(asin, over(c, g, hone__grad_1(c, "Sqrt", sub(c, num(c, 1), square(c, x)))))
RULE(acos, neg(c, d_asin(c, x, y, g)))
RULE(atan, over(c, g, add(c, square(c, x), num(c, 1))))
RULE(asinh, over(c, g, hone__grad_1(c, "Sqrt", add(c, square(c, x), num(c, 1)))))
RULE(acosh, over(c, g, hone__grad_1(c, "Sqrt", sub(c, square(c, x), num(c, 1)))))
RULE(atanh, over(c, g, sub(c, num(c, 1), square(c, x))))
RULE(sigmoid, mul(c, g, mul(c, y, sub(c, num(c, 1), y))))
RULE(relu, where(c, above(c, x, 0), g, num(c, 0)))
RULE(leaky_relu, where(c, above(c, x, 0), g, mul(c, g, num(c, attr(c, "alpha", 0.01)))))
RULE(elu, where(c, above(c, x, 0), g, mul(c, g, add(c, y, num(c, attr(c, "alpha", 1))))))
RULE(celu, where(c, above(c, x, 0), g, mul(c, g, hone__grad_1(c, "Exp", over(c, x, num(c, attr(c, "alpha", 1)))))))
RULE(softplus, mul(c, g, hone__grad_1(c, "Sigmoid", x)))
RULE(softsign, over(c, g, square(c, add(c, hone__grad_1(c, "Abs", x), num(c, 1)))))
RULE(thresholded_relu, where(c, above(c, x, attr(c, "alpha", 1)), g, num(c, 0)))
RULE(erf, mul(c, g, mul(c, num(c, 1.1283791670955126), hone__grad_1(c, "Exp", neg(c, square(c, x))))))

static V *d_selu(G *c, V *x, V *y, V *g) {
    double alpha = attr(c, "alpha", 1.67326319217681884765625), gamma = attr(c, "gamma", 1.05070102214813232421875);
    return where(c, above(c, x, 0), mul(c, g, num(c, gamma)), mul(c, g, add(c, y, num(c, alpha * gamma))));
}

static V *d_hard_sigmoid(G *c, V *x, V *y, V *g) {
    (void)x;
    V *inside = hone__grad_2(c, "And", above(c, y, 0), hone__grad_2(c, "Less", y, num(c, 1)));
    return where(c, inside, mul(c, g, num(c, attr(c, "alpha", 0.2))), num(c, 0));
}

static V *d_hard_swish(G *c, V *x, V *y, V *g) {
    (void)y;
    V *slope = add(c, over(c, x, num(c, 3)), num(c, 0.5));
    V *right = where(c, above(c, x, 3), g, mul(c, g, slope));
    return where(c, above(c, x, -3), right, num(c, 0));
}

static V *d_mish(G *c, V *x, V *y, V *g) {
    (void)y;
    V *t = hone__grad_1(c, "Tanh", hone__grad_1(c, "Softplus", x));
    V *rest = mul(c, mul(c, x, hone__grad_1(c, "Sigmoid", x)), sub(c, num(c, 1), square(c, t)));
    return mul(c, g, add(c, t, rest));
}

static V *d_swish(G *c, V *x, V *y, V *g) {
    double alpha = attr(c, "alpha", 1);
    V *s = hone__grad_1(c, "Sigmoid", mul(c, x, num(c, alpha)));
    return mul(c, g, add(c, s, mul(c, mul(c, num(c, alpha), y), sub(c, num(c, 1), s))));
}

static V *d_gelu(G *c, V *x, V *y, V *g) {
    (void)y;
    if (strcmp(hone__node_attr_string(c->node, "approximate", "none"), "tanh") == 0) {
        V *inner = mul(c, num(c, 0.7978845608028654), add(c, x, mul(c, num(c, 0.044715), mul(c, x, square(c, x)))));
        V *t = hone__grad_1(c, "Tanh", inner);
        V *slope = mul(c, num(c, 0.7978845608028654), add(c, num(c, 1), mul(c, num(c, 3 * 0.044715), square(c, x))));
        V *rest = mul(c, mul(c, x, slope), sub(c, num(c, 1), square(c, t)));
        return mul(c, mul(c, g, num(c, 0.5)), add(c, add(c, t, num(c, 1)), rest));
    }
    V *phi = mul(c, num(c, 0.5), add(c, num(c, 1), hone__grad_1(c, "Erf", mul(c, x, num(c, 0.7071067811865476)))));
    V *density = mul(c, num(c, 0.3989422804014327), hone__grad_1(c, "Exp", mul(c, num(c, -0.5), square(c, x))));
    return mul(c, g, add(c, phi, mul(c, x, density)));
}

/* The limits are inputs from opset 11 on; where x is y, it was inside. */
static V *d_clip(G *c, V *x, V *y, V *g) { return where(c, hone__grad_2(c, "Equal", x, y), g, num(c, 0)); }

static V *d_dropout(G *c, V *x, V *y, V *g) {
    (void)x, (void)y;
    if (c->node->n_inputs > 2 && c->node->inputs[2] && c->status == HONE_OK)
        c->status = hone__grad_refuse(c, "drops at random, of which there is no derivative");
    return g;
}

static const struct {
    const char *name;
    V *(*derive)(G *c, V *x, V *y, V *g);
} g_unary[] = {
    {"Identity", d_same},
    {"Neg", d_neg},
    {"Abs", d_abs},
    {"Sqrt", d_sqrt},
    {"Exp", d_exp},
    {"Log", d_log},
    {"Reciprocal", d_reciprocal},
    {"Sin", d_sin},
    {"Cos", d_cos},
    {"Tan", d_tan},
    {"Sinh", d_sinh},
    {"Cosh", d_cosh},
    {"Tanh", d_tanh},
    {"Asin", d_asin},
    {"Acos", d_acos},
    {"Atan", d_atan},
    {"Asinh", d_asinh},
    {"Acosh", d_acosh},
    {"Atanh", d_atanh},
    {"Sigmoid", d_sigmoid},
    {"Relu", d_relu},
    {"LeakyRelu", d_leaky_relu},
    {"Elu", d_elu},
    {"Celu", d_celu},
    {"Selu", d_selu},
    {"Softplus", d_softplus},
    {"Softsign", d_softsign},
    {"HardSigmoid", d_hard_sigmoid},
    {"HardSwish", d_hard_swish},
    {"Mish", d_mish},
    {"Swish", d_swish},
    {"Gelu", d_gelu},
    {"ThresholdedRelu", d_thresholded_relu},
    {"Erf", d_erf},
    {"Clip", d_clip},
    {"Dropout", d_dropout},
};

static hone_status rule_unary(G *c) {
    size_t i = 0;
    while (strcmp(g_unary[i].name, c->node->op_type) != 0)
        i++; /* the rows below are the table's names */
    if (c->wanted[0] && c->g[0])
        c->dx[0] = g_unary[i].derive(c, c->in[0], c->out[0], c->g[0]);
    return c->status;
}

/* ---- more inputs, broadcast ---- */

static void give(G *c, size_t i, V *g) {
    if (c->wanted[i])
        c->dx[i] = hone__grad_sum_to(c, g, c->in[i]);
}

static hone_status rule_add(G *c) { /* and Sum */
    for (size_t i = 0; i < c->node->n_inputs; i++)
        give(c, i, c->g[0]);
    return c->status;
}

static hone_status rule_sub(G *c) {
    give(c, 0, c->g[0]);
    if (c->wanted[1])
        give(c, 1, neg(c, c->g[0]));
    return c->status;
}

static hone_status rule_mul(G *c) {
    for (size_t i = 0; i < 2; i++)
        if (c->wanted[i])
            give(c, i, mul(c, c->g[0], c->in[1 - i]));
    return c->status;
}

static hone_status rule_div(G *c) {
    V *quotient = over(c, c->g[0], c->in[1]);
    give(c, 0, quotient);
    if (c->wanted[1])
        give(c, 1, neg(c, mul(c, quotient, c->out[0])));
    return c->status;
}

/* The exponent may have a type of its own. Where the base is not positive, the exponent has no derivative: 0. */
static hone_status rule_pow(G *c) {
    V *x = c->in[0], *b = hone__grad_as(c, c->in[1], x), *g = c->g[0];
    if (c->wanted[0])
        give(c, 0, mul(c, g, mul(c, b, hone__grad_2(c, "Pow", x, sub(c, b, num(c, 1))))));
    if (c->wanted[1]) {
        V *is_positive = above(c, x, 0), *log = hone__grad_1(c, "Log", where(c, is_positive, x, num(c, 1)));
        give(c, 1, hone__grad_as(c, mul(c, g, mul(c, c->out[0], log)), c->in[1]));
    }
    return c->status;
}

static hone_status rule_mean(G *c) {
    V *g = over(c, c->g[0], num(c, (double)c->node->n_inputs));
    for (size_t i = 0; i < c->node->n_inputs; i++)
        give(c, i, g);
    return c->status;
}

/* Max and Min: equal operands share the gradient. */
static hone_status rule_extremum(G *c) {
    V *count = NULL, *mask[64];
    for (size_t i = 0; i < c->node->n_inputs; i++) {
        mask[i] = hone__grad_as(c, hone__grad_2(c, "Equal", c->in[i], c->out[0]), c->out[0]);
        count = count ? add(c, count, mask[i]) : mask[i];
    }
    V *share = over(c, c->g[0], count);
    for (size_t i = 0; i < c->node->n_inputs; i++)
        if (c->wanted[i])
            give(c, i, mul(c, share, mask[i]));
    return c->status;
}

static hone_status rule_where(G *c) {
    V *zero = hone__grad_number(c, 0, c->g[0]->type.is_known ? c->g[0] : c->in[1]);
    if (c->wanted[1])
        give(c, 1, where(c, c->in[0], c->g[0], zero));
    if (c->wanted[2])
        give(c, 2, where(c, c->in[0], zero, c->g[0]));
    return c->status;
}

static hone_status rule_prelu(G *c) {
    V *is_positive = above(c, c->in[0], 0);
    if (c->wanted[0])
        give(c, 0, where(c, is_positive, c->g[0], mul(c, c->g[0], c->in[1])));
    if (c->wanted[1])
        give(c, 1, where(c, is_positive, num(c, 0), mul(c, c->g[0], c->in[0])));
    return c->status;
}

static hone_status rule_cast(G *c) {
    bool is_float = c->out[0]->type.is_known && hone__dtype_in(c->out[0]->type.dtype, HONE_SET_FLOAT) &&
                    c->in[0]->type.is_known && hone__dtype_in(c->in[0]->type.dtype, HONE_SET_FLOAT);
    if (is_float && c->wanted[0])
        c->dx[0] = hone__grad_as(c, c->g[0], c->in[0]);
    return c->status;
}

#define UNARY(name)                                                                                                    \
    { name, rule_unary }
static const hone__grad_row g_rows[] = {
    UNARY("Identity"),
    UNARY("Neg"),
    UNARY("Abs"),
    UNARY("Sqrt"),
    UNARY("Exp"),
    UNARY("Log"),
    UNARY("Reciprocal"),
    UNARY("Sin"),
    UNARY("Cos"),
    UNARY("Tan"),
    UNARY("Sinh"),
    UNARY("Cosh"),
    UNARY("Tanh"),
    UNARY("Asin"),
    UNARY("Acos"),
    UNARY("Atan"),
    UNARY("Asinh"),
    UNARY("Acosh"),
    UNARY("Atanh"),
    UNARY("Sigmoid"),
    UNARY("Relu"),
    UNARY("LeakyRelu"),
    UNARY("Elu"),
    UNARY("Celu"),
    UNARY("Selu"),
    UNARY("Softplus"),
    UNARY("Softsign"),
    UNARY("HardSigmoid"),
    UNARY("HardSwish"),
    UNARY("Mish"),
    UNARY("Swish"),
    UNARY("Gelu"),
    UNARY("ThresholdedRelu"),
    UNARY("Erf"),
    UNARY("Clip"),
    UNARY("Dropout"),
    {"Add", rule_add},
    {"Sum", rule_add},
    {"Sub", rule_sub},
    {"Mul", rule_mul},
    {"Div", rule_div},
    {"Pow", rule_pow},
    {"Mean", rule_mean},
    {"Max", rule_extremum},
    {"Min", rule_extremum},
    {"Where", rule_where},
    {"PRelu", rule_prelu},
    {"Cast", rule_cast},
    {"CastLike", rule_cast},
    /* Constant almost everywhere, or not made of the numbers at all. */
    {"Sign", NULL},
    {"Floor", NULL},
    {"Ceil", NULL},
    {"Round", NULL},
    {"Equal", NULL},
    {"Greater", NULL},
    {"GreaterOrEqual", NULL},
    {"Less", NULL},
    {"LessOrEqual", NULL},
    {"IsNaN", NULL},
    {"IsInf", NULL},
    {"Shape", NULL},
    {"Size", NULL},
    {"ArgMax", NULL},
    {"ArgMin", NULL},
    {"NonZero", NULL},
    {"ConstantOfShape", NULL},
    {"EyeLike", NULL},
    {"RandomNormalLike", NULL},
    {"RandomUniformLike", NULL},
};
const hone__grad_row *hone__grad_elementwise(size_t *n) {
    *n = HONE_COUNT(g_rows);
    return g_rows;
}
