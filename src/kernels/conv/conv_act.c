/* Activations of single values (see conv_act.h). Comparisons are written so that NaN passes through. */
#include "kernels/conv/conv_act.h"

#include <math.h>

static float clamp(float x, float lo, float hi) {
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

static float softplus(float x) { return x > 20.0f ? x : log1pf(expf(x)); }

float hone__conv_act(float x, const hone_act *act) {
    switch (act->kind) {
    case HONE_ACT_RELU:
        return x < 0.0f ? 0.0f : x;
    case HONE_ACT_CLIP:
        return clamp(x, act->a, act->b);
    case HONE_ACT_LEAKY_RELU:
        return x < 0.0f ? act->a * x : x;
    case HONE_ACT_SIGMOID:
        return 1.0f / (1.0f + expf(-x));
    case HONE_ACT_TANH:
        return tanhf(x);
    case HONE_ACT_HARD_SIGMOID:
        return clamp(act->a * x + act->b, 0.0f, 1.0f);
    case HONE_ACT_HARD_SWISH:
        return x * clamp(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f);
    case HONE_ACT_SILU:
        return x / (1.0f + expf(-act->a * x));
    case HONE_ACT_GELU:
        return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case HONE_ACT_GELU_TANH:
        return 0.5f * x * (1.0f + tanhf(0.79788456f * (x + 0.044715f * x * x * x)));
    case HONE_ACT_ELU:
        return x < 0.0f ? act->a * expm1f(x) : x;
    case HONE_ACT_MISH:
        return x * tanhf(softplus(x));
    default:
        return x;
    }
}
