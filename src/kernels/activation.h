/* Activations that kernels can apply as they store their result (fused epilogues), and the plain C
 * definition that every vector version is tested against.
 *
 * Source: the ONNX operator specification for Relu, Clip, LeakyRelu, Sigmoid, Tanh, HardSigmoid,
 * HardSwish, Swish/SiLU, Gelu (exact and tanh), Elu, Mish. */
#ifndef HONE_KERNELS_ACTIVATION_H
#define HONE_KERNELS_ACTIVATION_H

typedef enum hone_act_kind {
    HONE_ACT_NONE,
    HONE_ACT_RELU,
    HONE_ACT_CLIP,       /* a = min, b = max */
    HONE_ACT_LEAKY_RELU, /* a = alpha */
    HONE_ACT_SIGMOID,
    HONE_ACT_TANH,
    HONE_ACT_HARD_SIGMOID, /* max(0, min(1, a*x + b)) */
    HONE_ACT_HARD_SWISH,   /* x * max(0, min(1, x/6 + 0.5)) */
    HONE_ACT_SILU,         /* x * sigmoid(a*x), a = 1 for SiLU, 1.702 for QuickGelu */
    HONE_ACT_GELU,         /* exact, by erf */
    HONE_ACT_GELU_TANH,
    HONE_ACT_ELU, /* a = alpha */
    HONE_ACT_MISH,
    HONE_ACT_COUNT
} hone_act_kind;

typedef struct hone_act {
    hone_act_kind kind;
    float a, b;
} hone_act;

#endif
