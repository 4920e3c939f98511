/* Elementwise operators of one input: mathematics and activations. Each is one line of a table: how to
 * compute a double, how an integer if integers are allowed. All float types share the double. */
#include "base/error.h"
#include "ops/op_elements.h"

#include <math.h>
#include <string.h>

typedef struct params {
    double a, b;
} params;

typedef struct unary {
    const char *name;
    double (*real)(double x, const params *p);
    int64_t (*whole)(int64_t x, bool is_unsigned); /* NULL: by way of double */
    const char *attr_a, *attr_b;                   /* floats */
    float default_a, default_b;
} unary;

#define REAL(name, expr)                                                                                               \
    static double r_##name(double x, const params *p) {                                                                \
        (void)p;                                                                                                       \
        return expr;                                                                                                   \
    }
REAL(abs, fabs(x))
REAL(neg, -x)
REAL(ceil, ceil(x))
REAL(floor, floor(x))
REAL(round, nearbyint(x)) /* halves to even, the default rounding mode */
REAL(sqrt, sqrt(x))
REAL(exp, exp(x))
REAL(log, log(x))
REAL(reciprocal, 1.0 / x)
REAL(erf, erf(x))
REAL(sign, x > 0 ? 1.0 : x < 0 ? -1.0 : x == x ? 0.0 : x)
REAL(sin, sin(x))
REAL(cos, cos(x))
REAL(tan, tan(x))
REAL(asin, asin(x))
REAL(acos, acos(x))
REAL(atan, atan(x))
REAL(sinh, sinh(x))
REAL(cosh, cosh(x))
REAL(tanh, tanh(x))
REAL(asinh, asinh(x))
REAL(acosh, acosh(x))
REAL(atanh, atanh(x))
REAL(sigmoid, 1.0 / (1.0 + exp(-x)))
REAL(relu, x > 0 || x != x ? x : 0.0)
REAL(softplus, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)))
REAL(softsign, x / (1.0 + fabs(x)))
REAL(hard_sigmoid, fmax(0.0, fmin(1.0, p->a *x + p->b)))
REAL(hard_swish, x *fmax(0.0, fmin(1.0, x / 6.0 + 0.5)))
REAL(mish, x *tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x))))
REAL(leaky_relu, x >= 0 ? x : p->a * x)
REAL(elu, x >= 0 ? x : p->a * expm1(x))
REAL(selu, p->b *(x > 0 ? x : p->a * expm1(x)))
REAL(celu, fmax(0.0, x) + fmin(0.0, p->a *expm1(x / p->a)))
REAL(thresholded_relu, x > p->a ? x : 0.0)
REAL(shrink, x<-p->b ? x + p->a : x> p->b ? x - p->a : 0.0)
REAL(silu, x / (1.0 + exp(-p->a * x)))
REAL(gelu, 0.5 * x * (1.0 + erf(x * 0.70710678118654752440)))
REAL(gelu_tanh, 0.5 * x * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))))

/* Arithmetic on unsigned words: the most negative integer wraps as in two's complement. */
static int64_t w_abs(int64_t x, bool u) { return x < 0 && !u ? (int64_t)(0u - (uint64_t)x) : x; }
static int64_t w_neg(int64_t x, bool u) {
    (void)u;
    return (int64_t)(0u - (uint64_t)x);
}
static int64_t w_sign(int64_t x, bool u) { return x == 0 ? 0 : x > 0 || u ? 1 : -1; }
static int64_t w_relu(int64_t x, bool u) { return x > 0 || u ? x : 0; }

static const unary g_table[] = {
    {"Abs", r_abs, w_abs},
    {"Neg", r_neg, w_neg},
    {"Ceil", r_ceil},
    {"Floor", r_floor},
    {"Round", r_round},
    {"Sqrt", r_sqrt},
    {"Exp", r_exp},
    {"Log", r_log},
    {"Reciprocal", r_reciprocal},
    {"Erf", r_erf},
    {"Sign", r_sign, w_sign},
    {"Sin", r_sin},
    {"Cos", r_cos},
    {"Tan", r_tan},
    {"Asin", r_asin},
    {"Acos", r_acos},
    {"Atan", r_atan},
    {"Sinh", r_sinh},
    {"Cosh", r_cosh},
    {"Tanh", r_tanh},
    {"Asinh", r_asinh},
    {"Acosh", r_acosh},
    {"Atanh", r_atanh},
    {"Sigmoid", r_sigmoid},
    {"Relu", r_relu, w_relu},
    {"Softplus", r_softplus},
    {"Softsign", r_softsign},
    {"HardSigmoid", r_hard_sigmoid, NULL, "alpha", "beta", 0.2f, 0.5f},
    {"HardSwish", r_hard_swish},
    {"Mish", r_mish},
    {"LeakyRelu", r_leaky_relu, NULL, "alpha", NULL, 0.01f},
    {"Elu", r_elu, NULL, "alpha", NULL, 1.0f},
    {"Selu", r_selu, NULL, "alpha", "gamma", 1.67326319217681884765625f, 1.05070102214813232421875f},
    {"Celu", r_celu, NULL, "alpha", NULL, 1.0f},
    {"ThresholdedRelu", r_thresholded_relu, NULL, "alpha", NULL, 1.0f},
    {"Shrink", r_shrink, NULL, "bias", "lambd", 0.0f, 0.5f},
    {"Silu", r_silu, NULL, "alpha", NULL, 1.0f},
    {"Swish", r_silu, NULL, "alpha", NULL, 1.0f},
    {"Gelu", r_gelu},
};

static hone_status infer_same(hone__infer *ctx) { return hone__infer_same(ctx, 0, 0); }

static hone_status eval_unary(hone__eval *ctx) {
    const unary *u = g_table;
    while (strcmp(u->name, ctx->node->op_type) != 0)
        u++; /* rows of this family are made from the table */
    float default_a = u->default_a, default_b = u->default_b;
    if (ctx->node->op->since == 1 && strcmp(u->name, "Selu") == 0) { /* Selu-1 had fewer digits */
        default_a = 1.6732f;
        default_b = 1.0507f;
    }
    params p = {u->attr_a ? (double)hone__node_attr_float(ctx->node, u->attr_a, default_a) : 0,
                u->attr_b ? (double)hone__node_attr_float(ctx->node, u->attr_b, default_b) : 0};
    double (*real)(double, const params *) = u->real;
    if (real == r_gelu && strcmp(hone__node_attr_string(ctx->node, "approximate", "none"), "tanh") == 0)
        real = r_gelu_tanh;
    const hone_tensor *x = ctx->in[0];
    hone_tensor *y;
    HONE_TRY(hone__eval_output_like(ctx, 0, x, &y));
    if (!y)
        return HONE_OK;
    int64_t count = hone__tensor_count(x);
    bool is_whole = u->whole && hone__is_int(x->dtype), is_unsigned = hone__dtype_in(x->dtype, HONE_SET_INT_UNSIGNED);
    for (int64_t at = 0; at < count; at += HONE__RUN) {
        int64_t n = count - at < HONE__RUN ? count - at : HONE__RUN;
        if (is_whole) {
            int64_t v[HONE__RUN];
            hone__load_i64(x, at, 1, n, v);
            for (int64_t i = 0; i < n; i++)
                v[i] = u->whole(v[i], is_unsigned);
            hone__store_i64(y, at, n, v);
        } else {
            double v[HONE__RUN];
            hone__load_f64(x, at, 1, n, v);
            for (int64_t i = 0; i < n; i++)
                v[i] = real(v[i], &p);
            hone__store_f64(y, at, n, v);
        }
    }
    return HONE_OK;
}

/* ---- rows ---- */

enum {
    IEEE = HONE_SET_IEEE,
    FLOAT = HONE_SET_FLOAT,
    SIGNED = HONE_SET_FLOAT | HONE_SET_INT_SIGNED,
    SIGNED6 = HONE_SET_IEEE | HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(INT32) | HONE_SET(INT64),
    NUMERIC = HONE_SET_NUMERIC,
    NUMERIC1 = HONE_SET_INT | HONE_SET_IEEE,
    ONLY_FLOAT = HONE_SET(FLOAT)
};
#define IO(set)                                                                                                        \
    static const hone__op_param in_##set[] HONE_OPTIONAL_TABLE = {{"X", (hone__dtype_set)set, 'T', 0, false}};         \
    static const hone__op_param out_##set[] HONE_OPTIONAL_TABLE = {{"Y", (hone__dtype_set)set, 'T', 0, false}};
IO(IEEE)
IO(FLOAT)
IO(SIGNED)
IO(SIGNED6)
IO(NUMERIC)
IO(NUMERIC1)
IO(ONLY_FLOAT)

static const hone__op_attr a_old[] = {{"consumed_inputs", HONE_ATTR_INTS, false}};
static const hone__op_attr a_alpha[] = {{"alpha", HONE_ATTR_FLOAT, false}, {"consumed_inputs", HONE_ATTR_INTS, false}};
static const hone__op_attr a_alpha_beta[] = {
    {"alpha", HONE_ATTR_FLOAT, false}, {"beta", HONE_ATTR_FLOAT, false}, {"consumed_inputs", HONE_ATTR_INTS, false}};
static const hone__op_attr a_alpha_gamma[] = {
    {"alpha", HONE_ATTR_FLOAT, false}, {"gamma", HONE_ATTR_FLOAT, false}, {"consumed_inputs", HONE_ATTR_INTS, false}};
static const hone__op_attr a_shrink[] = {{"bias", HONE_ATTR_FLOAT, false}, {"lambd", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_gelu[] = {{"approximate", HONE_ATTR_STRING, false}};

#define FLAGS (HONE_OP_PURE | HONE_OP_ELEMENTWISE | HONE_OP_INPLACE0)
#define ROW_IN(domain, name, since, set, n_attrs, attrs)                                                               \
    { domain, name, since, FLAGS, 1, 1, 1, 1, n_attrs, in_##set, out_##set, attrs, infer_same, eval_unary, NULL }
#define ROW(name, since, set) ROW_IN("", name, since, set, 0, NULL)
#define ROW_A(name, since, set, attrs, n) ROW_IN("", name, since, set, n, attrs)
/* Version 1 had consumed_inputs, version 6 dropped it, version 13 added bfloat16. */
#define ROWS_1_6_13(name, first, then, last) ROW_A(name, 1, first, a_old, 1), ROW(name, 6, then), ROW(name, 13, last)

static const hone__op g_rows[] = {
    ROWS_1_6_13("Abs", IEEE, NUMERIC1, NUMERIC),
    ROWS_1_6_13("Neg", IEEE, SIGNED6, SIGNED),
    ROWS_1_6_13("Ceil", IEEE, IEEE, FLOAT),
    ROWS_1_6_13("Floor", IEEE, IEEE, FLOAT),
    ROWS_1_6_13("Sqrt", IEEE, IEEE, FLOAT),
    ROWS_1_6_13("Exp", IEEE, IEEE, FLOAT),
    ROWS_1_6_13("Log", IEEE, IEEE, FLOAT),
    ROWS_1_6_13("Reciprocal", IEEE, IEEE, FLOAT),
    ROWS_1_6_13("Sigmoid", IEEE, IEEE, FLOAT),
    ROWS_1_6_13("Tanh", IEEE, IEEE, FLOAT),
    ROWS_1_6_13("Relu", IEEE, IEEE, FLOAT),
    ROW("Relu", 14, SIGNED),
    ROW("Round", 11, IEEE),
    ROW("Round", 22, FLOAT),
    ROW("Erf", 9, NUMERIC1),
    ROW("Erf", 13, NUMERIC),
    ROW("Sign", 9, NUMERIC1),
    ROW("Sign", 13, NUMERIC),
    ROW("Sin", 7, IEEE),
    ROW("Sin", 22, FLOAT),
    ROW("Cos", 7, IEEE),
    ROW("Cos", 22, FLOAT),
    ROW("Tan", 7, IEEE),
    ROW("Tan", 22, FLOAT),
    ROW("Asin", 7, IEEE),
    ROW("Asin", 22, FLOAT),
    ROW("Acos", 7, IEEE),
    ROW("Acos", 22, FLOAT),
    ROW("Atan", 7, IEEE),
    ROW("Atan", 22, FLOAT),
    ROW("Sinh", 9, IEEE),
    ROW("Sinh", 22, FLOAT),
    ROW("Cosh", 9, IEEE),
    ROW("Cosh", 22, FLOAT),
    ROW("Asinh", 9, IEEE),
    ROW("Asinh", 22, FLOAT),
    ROW("Acosh", 9, IEEE),
    ROW("Acosh", 22, FLOAT),
    ROW("Atanh", 9, IEEE),
    ROW("Atanh", 22, FLOAT),
    ROW("Softplus", 1, IEEE),
    ROW("Softplus", 22, FLOAT),
    ROW("Softsign", 1, IEEE),
    ROW("Softsign", 22, FLOAT),
    ROW("HardSwish", 14, IEEE),
    ROW("HardSwish", 22, FLOAT),
    ROW("Mish", 18, IEEE),
    ROW("Mish", 22, FLOAT),
    ROW_A("HardSigmoid", 1, IEEE, a_alpha_beta, 3),
    ROW_A("HardSigmoid", 6, IEEE, a_alpha_beta, 2),
    ROW_A("HardSigmoid", 22, FLOAT, a_alpha_beta, 2),
    ROW_A("LeakyRelu", 1, IEEE, a_alpha, 2),
    ROW_A("LeakyRelu", 6, IEEE, a_alpha, 1),
    ROW_A("LeakyRelu", 16, FLOAT, a_alpha, 1),
    ROW_A("Elu", 1, IEEE, a_alpha, 2),
    ROW_A("Elu", 6, IEEE, a_alpha, 1),
    ROW_A("Elu", 22, FLOAT, a_alpha, 1),
    ROW_A("Selu", 1, IEEE, a_alpha_gamma, 3),
    ROW_A("Selu", 6, IEEE, a_alpha_gamma, 2),
    ROW_A("Selu", 22, FLOAT, a_alpha_gamma, 2),
    ROW_A("Celu", 12, ONLY_FLOAT, a_alpha, 1),
    ROW_A("ThresholdedRelu", 10, IEEE, a_alpha, 1),
    ROW_A("ThresholdedRelu", 22, FLOAT, a_alpha, 1),
    ROW_A("Shrink", 9, NUMERIC1, a_shrink, 2),
    ROW_A("Gelu", 20, FLOAT, a_gelu, 1),
    ROW_A("Swish", 24, FLOAT, a_alpha, 1),
    ROW_IN("hone", "Silu", 1, FLOAT, 1, a_alpha),
};
const hone__op_family hone__ops_unary = {"unary", g_rows, sizeof g_rows / sizeof *g_rows};
