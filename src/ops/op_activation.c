/* Activations of fused operators; see op_activation.h. */
#include "ops/op_activation.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

#define ACT(name, expr)                                                                                                \
    static double name(const hone__activation *act, double x) {                                                        \
        (void)act;                                                                                                     \
        return expr;                                                                                                   \
    }
ACT(act_relu, x > 0 ? x : (x != x ? x : 0))
ACT(act_clip, x<act->a ? act->a : x> act->b ? act->b : x)
ACT(act_leaky_relu, x < 0 ? act->a * x : x)
ACT(act_sigmoid, x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)))
ACT(act_tanh, tanh(x))
ACT(act_hard_sigmoid, fmax(0, fmin(1, act->a *x + act->b)))
ACT(act_hard_swish, x *fmax(0, fmin(1, x / 6 + 0.5)))
ACT(act_silu, x *act_sigmoid(act, act->a *x))
ACT(act_gelu, 0.5 * x * (1 + erf(x * 0.70710678118654752440)))
ACT(act_gelu_tanh, 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))))
ACT(act_elu, x < 0 ? act->a * expm1(x) : x)
ACT(act_mish, x *tanh(x > 30 ? x : log1p(exp(x))))

static const struct {
    const char *name;
    double (*apply)(const hone__activation *act, double x);
    double a, b;
} g_activations[] = {
    {"", NULL, 0, 0},
    {"Relu", act_relu, 0, 0},
    {"Clip", act_clip, -INFINITY, INFINITY},
    {"LeakyRelu", act_leaky_relu, 0.01, 0},
    {"Sigmoid", act_sigmoid, 0, 0},
    {"Tanh", act_tanh, 0, 0},
    {"HardSigmoid", act_hard_sigmoid, 0.2, 0.5},
    {"HardSwish", act_hard_swish, 0, 0},
    {"Silu", act_silu, 1, 0},
    {"Gelu", act_gelu, 0, 0},
    {"GeluTanh", act_gelu_tanh, 0, 0},
    {"Elu", act_elu, 1, 0},
    {"Mish", act_mish, 0, 0},
};

hone_status hone__activation_find(const char *name, hone__activation *out, hone_error *error) {
    for (size_t i = 0; i < sizeof g_activations / sizeof *g_activations; i++)
        if (strcmp(g_activations[i].name, name) == 0) {
            *out = (hone__activation){g_activations[i].apply, g_activations[i].a, g_activations[i].b};
            return HONE_OK;
        }
    return hone__fail(error, HONE_ERROR_MODEL, "\"%s\" is not an activation of a fused operator", name);
}

hone_status hone__activation_read(const hone__node *node, hone__activation *out, hone_error *error) {
    HONE_TRY(hone__activation_find(hone__node_attr_string(node, "activation", ""), out, error));
    size_t n;
    const float *params = hone__node_attr_floats(node, "activation_params", &n);
    if (params && n > 0)
        out->a = params[0];
    if (params && n > 1)
        out->b = params[1];
    return HONE_OK;
}
