/* Reading a fused node's activation; see cpu_activation.h. Defaults are those of the ONNX operators of
 * the same names. */
#include "exec/cpu/cpu_activation.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    hone_act act;
} activations[] = {
    {"", {HONE_ACT_NONE, 0, 0}},
    {"Relu", {HONE_ACT_RELU, 0, 0}},
    {"Clip", {HONE_ACT_CLIP, -INFINITY, INFINITY}},
    {"LeakyRelu", {HONE_ACT_LEAKY_RELU, 0.01f, 0}},
    {"Sigmoid", {HONE_ACT_SIGMOID, 0, 0}},
    {"Tanh", {HONE_ACT_TANH, 0, 0}},
    {"HardSigmoid", {HONE_ACT_HARD_SIGMOID, 0.2f, 0.5f}},
    {"HardSwish", {HONE_ACT_HARD_SWISH, 0, 0}},
    {"Silu", {HONE_ACT_SILU, 1, 0}},
    {"Gelu", {HONE_ACT_GELU, 0, 0}},
    {"GeluTanh", {HONE_ACT_GELU_TANH, 0, 0}},
    {"Elu", {HONE_ACT_ELU, 1, 0}},
    {"Mish", {HONE_ACT_MISH, 0, 0}},
};

bool hone__bind_activation(const hone__node *node, hone_act *out) {
    const char *name = hone__node_attr_string(node, "activation", "");
    size_t n = 0;
    const float *params = hone__node_attr_floats(node, "activation_params", &n);
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
        if (strcmp(activations[i].name, name) == 0) {
            *out = activations[i].act;
            if (params && n > 0)
                out->a = params[0];
            if (params && n > 1)
                out->b = params[1];
            return true;
        }
    return false;
}
