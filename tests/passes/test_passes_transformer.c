/* The fusions of transformers on graphs written as text: norms, GELU, embeddings, rotary positions and attention in the
 * spellings of exporters, what must not match, and the near misses, whose texts are part of what users see. Outputs
 * before and after are compared, with symbols of 1, 2 and 5; every kernel-less operator runs on its reference
 * evaluator. */
#include "base/alloc.h"
#include "ops/op.h"
#include "passes/passes.h"
#include "support/graph_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/ok.h"

enum { MAX_OUTPUTS = 8 };

typedef struct fusion_case {
    const char *name;
    int64_t opset;
    const char *inputs, *body, *outputs;
    const char *want;   /* operators afterwards */
    const char *attrs;  /* "name=value ..." of the last fused node; NULL: not looked at */
    const char *miss;   /* part of a near miss; NULL: there is none */
    const char *enable; /* a pass that runs on request */
    double tolerance;   /* 0: 2e-5 */
} fusion_case;

#define SQ2 "1.41421356"
#define LN "m = ReduceMean[axes=(-1)](x); d = Sub(x, m); "
#define VAR "q = Pow(d, 2.0); v = ReduceMean[axes=(-1)](q); e = Add(v, 0.00001); "
#define LNX "x:f32 Nx3x8"

static const fusion_case g_norms[] = {
    {"sqrt and div", 13, LNX, LN VAR "s = Sqrt(e); n = Div(d, s); t = Mul(n, +8); y = Add(t, @8)", "y",
     "LayerNormalization"},
    {"two subtractions", 9, LNX,
     LN "d2 = Sub(x, m); " VAR "s = Sqrt(e); n = Div(d2, s); t = Mul(+8, n); y = Add(@8, t)", "y",
     "LayerNormalization"},
    {"reciprocal", 13, LNX,
     LN "q = Mul(d, d); v = ReduceMean[axes=(2)](q); e = Add(0.00001, v); s = Sqrt(e); r = "
        "Reciprocal(s); n = Mul(d, r); t = Mul(n, +8); y = Add(t, @8)",
     "y", "LayerNormalization"},
    {"one over the root", 13, LNX, LN VAR "s = Sqrt(e); r = Div(1.0, s); n = Mul(r, d); t = Mul(n, +8); y = Add(t, @8)",
     "y", "LayerNormalization"},
    {"power -1/2", 13, LNX, LN VAR "r = Pow(e, -0.5); n = Mul(d, r); t = Mul(n, +8); y = Add(t, @8)", "y",
     "LayerNormalization"},
    {"power 1/2", 13, LNX, LN VAR "r = Pow(e, 0.5); n = Div(d, r); t = Mul(n, +8); y = Add(t, @8)", "y",
     "LayerNormalization"},
    {"scale inside", 13, LNX, LN VAR "s = Sqrt(e); r = Reciprocal(s); g = Mul(r, +8); n = Mul(d, g); y = Add(n, @8)",
     "y", "LayerNormalization"},
    {"scale first", 13, LNX, LN "g = Mul(+8, d); " VAR "s = Sqrt(e); n = Div(g, s); y = Add(n, @8)", "y",
     "LayerNormalization"},
    {"casts that change nothing", 13, LNX,
     "x2 = Cast[to=1](x); m = ReduceMean[axes=(-1)](x2); d = Sub(x2, m); c = Cast[to=1](d); q = Pow(c, 2.0); v = "
     "ReduceMean[axes=(-1)](q); e = Add(v, 0.001); s = Sqrt(e); n = Div(d, s); k = Cast[to=1](n); t = Mul(k, +8); y = "
     "Add(t, @8)",
     "y", "LayerNormalization"},
    {"no scale", 13, LNX, LN VAR "s = Sqrt(e); y = Div(d, s)", "y", "LayerNormalization"},
    {"scale alone", 13, LNX, LN VAR "s = Sqrt(e); n = Div(d, s); y = Mul(n, +1x1x8)", "y", "LayerNormalization"},
    {"bias alone", 13, LNX, LN VAR "s = Sqrt(e); n = Div(d, s); y = Add(n, @8)", "y", "LayerNormalization"},
    {"axes as an input", 18, LNX,
     "m = ReduceMean(x, {-1}); d = Sub(x, m); q = Pow(d, 2.0); v = ReduceMean(q, {-1}); e = Add(v, 0.001); s = "
     "Sqrt(e); n = Div(d, s); t = Mul(n, +8); y = Add(t, @8)",
     "y", "LayerNormalization"},
    {"two axes", 13, LNX,
     "m = ReduceMean[axes=(1 2)](x); d = Sub(x, m); q = Mul(d, d); v = ReduceMean[axes=(1 2)](q); e = Add(v, 0.001); s "
     "= Sqrt(e); n = Div(d, s); t = Mul(n, +3x8); y = Add(t, @8)",
     "y", "LayerNormalization"},
    {"over channels", 13, "x:f32 Nx6x4x5",
     "m = ReduceMean[axes=(1)](x); d = Sub(x, m); q = Mul(d, d); v = ReduceMean[axes=(1)](q); e = Add(v, 0.001); s = "
     "Sqrt(e); n = Div(d, s); t = Mul(n, +6x1x1); y = Add(t, @1x6x1x1)",
     "y", "Transpose LayerNormalization Transpose"},
    {"over the image, scale per channel", 13, "x:f32 Nx6x4x5",
     "m = ReduceMean[axes=(2 3)](x); d = Sub(x, m); q = Mul(d, d); v = ReduceMean[axes=(2 3)](q); e = Add(v, 0.001); s "
     "= Sqrt(e); n = Div(d, s); y = Mul(n, +6x1x1)",
     "y", "LayerNormalization Mul"},
    {"half precision with float32 inside", 13, "x:f16 Nx3x8",
     "h = Cast[to=1](x); m = ReduceMean[axes=(-1)](h); d = Sub(h, m); q = Pow(d, 2.0); v = ReduceMean[axes=(-1)](q); e "
     "= Add(v, 0.001); s = Sqrt(e); n = Div(d, s); k = Cast[to=10](n); t = Mul(k, f16:+8); y = Add(t, f16:@8)",
     "y", "LayerNormalization", NULL, NULL, NULL, 2e-3},
    {"other scale", 13, LNX ", w:f32 8", LN VAR "s = Sqrt(e); n = Div(d, s); t = Mul(n, w); y = Add(t, @8)", "y",
     "LayerNormalization"},
    {"scale of another shape", 13, LNX ", w:f32 3x1", LN VAR "s = Sqrt(e); n = Div(d, s); y = Mul(n, w)", "y",
     "LayerNormalization Mul"},
    {"the root is read twice", 13, LNX, LN VAR "s = Sqrt(e); n = Div(d, s); t = Mul(n, +8); y = Add(t, @8)", "y,s",
     "ReduceMean Sub Mul ReduceMean Add Sqrt Div Mul Add", NULL, "node Sqrt_5 gives an output of the graph"},
    {"other axes", 13, LNX,
     "m = ReduceMean[axes=(1)](x); d = Sub(x, m); " VAR "s = Sqrt(e); n = Div(d, s); y = Relu(n)", "y",
     "ReduceMean Sub Mul ReduceMean Add Sqrt Div Relu", NULL, "does not divide the input less its mean by the root"},
    {"another numerator", 13, LNX ", z:f32 Nx3x8", LN VAR "s = Sqrt(e); n = Div(z, s); y = Relu(n)", "y",
     "ReduceMean Sub Mul ReduceMean Add Sqrt Div Relu", NULL, "does not divide the input less its mean by the root"},
    {"rms, T5", 13, LNX,
     "q = Pow(x, 2.0); v = ReduceMean[axes=(-1)](q); e = Add(v, 0.001); s = Sqrt(e); r = Div(1.0, "
     "s); n = Mul(x, r); y = Mul(+8, n)",
     "y", "RMSNormalization"},
    {"rms, reciprocal", 13, LNX,
     "q = Mul(x, x); v = ReduceMean[axes=(-1)](q); e = Add(v, 0.001); s = Sqrt(e); r = "
     "Reciprocal(s); n = Mul(x, r); c = Cast[to=1](n); t = Mul(c, +8); y = Add(t, @8)",
     "y", "RMSNormalization Add"},
    {"rms by division, half precision", 13, "x:f16 Nx3x8",
     "h = Cast[to=1](x); q = Pow(h, 2.0); v = ReduceMean[axes=(-1)](q); e = Add(v, 0.001); s = Sqrt(e); n = Div(h, s); "
     "c = Cast[to=10](n); y = Mul(f16:+8, c)",
     "y", "RMSNormalization", NULL, NULL, NULL, 2e-3},
    {"group norm", 13, "x:f32 Nx6x4x5",
     "r = Reshape(x, {0 3 -1}); i = InstanceNormalization(r, {1.0 1.0 1.0}, {0.0 0.0 0.0}); b = Reshape(i, {-1 6 4 "
     "5}); t = Mul(b, +6x1x1); y = Add(t, @6x1x1)",
     "y", "GroupNormalization"},
    {"group norm, fixed batch", 13, "x:f32 2x6x4x5",
     "r = Reshape(x, {0 3 -1}); i = InstanceNormalization(r, +3, @3); b = Reshape(i, {2 6 4 5}); t = Mul(b, +6x1x1); y "
     "= Add(t, @1x6x1x1)",
     "y", "GroupNormalization", "num_groups=3"},
    {"skip", 17, "x:f32 Nx3x8, z:f32 Nx3x8", "s = Add(x, z); y = LayerNormalization(s, +8, @8)", "y",
     "SkipLayerNormalization"},
    {"skip with bias, sum used again", 17, "x:f32 Nx3x8, z:f32 Nx3x8",
     "b = Add(@8, x); s = Add(b, z); y = LayerNormalization(s, +8, @8); r = Relu(s); w = Neg(r)", "y,w",
     "SkipLayerNormalization Relu Neg"},
    {"skip of another shape", 17, "x:f32 Nx3x8, z:f32 3x8", "s = Add(x, z); y = LayerNormalization(s, +8, @8)", "y",
     "Add LayerNormalization", NULL, "the shapes that node Add_"},
    {"embedding", 17, "i:i64 Nx5, t:i64 Nx5",
     "w = Gather(@300x8, i); g = Gather(@300x8, t); p = Gather(@30x8, {0 1 2 3 4}); a = Add(w, g); s = Add(a, p); y = "
     "LayerNormalization(s, +8, @8)",
     "y", "Cast Cast EmbedLayerNormalization"},
    {"embedding without a bias", 17, "i:i64 Nx5",
     "w = Gather(@300x8, i); p = Gather(@30x8, {4 3 2 1 0}); s = Add(w, p); "
     "y = LayerNormalization(s, +8)",
     "y", "Cast EmbedLayerNormalization"},
    {"embedding, sum read twice", 17, "i:i64 Nx4",
     "w = Gather(@300x8, i); p = Gather(@30x8, {0 1 2 3}); s = Add(w, p); y = LayerNormalization(s, +8, @8); z = "
     "Neg(s)",
     "y,z", "Gather Add LayerNormalization Neg", NULL, "the sum of the embeddings is read by others"},
};

static const fusion_case g_gelus[] = {
    {"half first", 13, LNX, "h = Mul(x, 0.5); a = Div(x, " SQ2 "); e = Erf(a); g = Add(e, 1.0); y = Mul(h, g)", "y",
     "Gelu"},
    {"half last", 13, LNX, "a = Mul(x, 0.70710678); e = Erf(a); g = Add(1.0, e); p = Mul(x, g); y = Mul(p, 0.5)", "y",
     "Gelu"},
    {"half in the gate", 13, LNX, "a = Div(x, " SQ2 "); e = Erf(a); g = Add(e, 1.0); h = Mul(0.5, g); y = Mul(h, x)",
     "y", "Gelu"},
    {"halves added", 13, LNX, "a = Div(x, " SQ2 "); e = Erf(a); f = Mul(e, 0.5); h = Add(f, 0.5); y = Mul(x, h)", "y",
     "Gelu"},
    {"divided by two", 13, LNX, "a = Div(x, " SQ2 "); e = Erf(a); g = Add(e, 1.0); p = Mul(x, g); y = Div(p, 2.0)", "y",
     "Gelu"},
    {"root of two computed", 13, LNX,
     "r = Sqrt(2.0); a = Div(x, r); e = Erf(a); g = Add(e, 1.0); p = Mul(x, g); y = Mul(p, 0.5)", "y", "Gelu"},
    {"tanh", 13, LNX,
     "c = Pow(x, 3.0); b = Mul(0.044715, c); s = Add(x, b); a = Mul(0.7978846, s); t = Tanh(a); g = Add(1.0, t); h = "
     "Mul(0.5, x); y = Mul(h, g)",
     "y", "Gelu", "approximate=tanh"},
    {"tanh, factored", 13, LNX,
     "q = Mul(0.044715, x); c = Mul(q, x); d = Add(1.0, c); b = Mul(x, 0.7978846); a = Mul(b, d); t = Tanh(a); g = "
     "Add(1.0, t); h = Mul(0.5, x); y = Mul(h, g)",
     "y", "Gelu", "approximate=tanh"},
    {"tanh, cube by products", 13, LNX,
     "q = Mul(x, x); c = Mul(x, q); b = Mul(0.044715, c); s = Add(x, b); a = Mul(0.7978846, s); t = Tanh(a); g = "
     "Add(t, 1.0); h = Mul(g, 0.5); y = Mul(x, h)",
     "y", "Gelu", "approximate=tanh"},
    {"of a sum", 13, LNX ", z:f32 Nx3x8",
     "u = Add(x, z); h = Mul(u, 0.5); a = Div(u, " SQ2 "); e = Erf(a); g = Add(e, 1.0); y = Mul(h, g)", "y",
     "Add Gelu"},
    {"quick", 13, LNX, "a = Mul(1.702, x); s = Sigmoid(a); y = Mul(x, s)", "y", "Silu", "alpha=1.702"},
    {"approximation on request", 13, LNX,
     "h = Mul(x, 0.5); a = Div(x, " SQ2 "); e = Erf(a); g = Add(e, 1.0); y = Mul(h, g)", "y", "Gelu",
     "approximate=tanh", NULL, "approximate_gelu", 2e-3},
    {"another constant", 13, LNX, "a = Div(x, 1.5); e = Erf(a); g = Add(e, 1.0); p = Mul(x, g); y = Mul(p, 0.5)", "y",
     "Div Erf Add Mul Mul", NULL, "is not x / sqrt(2)"},
    {"another factor", 13, LNX ", z:f32 Nx3x8",
     "a = Div(x, " SQ2 "); e = Erf(a); g = Add(e, 1.0); p = Mul(z, g); y = Mul(p, 0.5)", "y", "Div Erf Add Mul Mul",
     NULL, "node Mul_3 is not part of 0.5 x (1 + Erf)"},
    {"gate read twice", 13, LNX,
     "a = Div(x, " SQ2 "); e = Erf(a); g = Add(e, 1.0); p = Mul(x, g); y = Mul(p, 0.5); z = Relu(g)", "y,z",
     "Div Erf Add Mul Mul Relu", NULL, "has two consumers"},
    {"gate is an output", 13, LNX, "a = Div(x, " SQ2 "); e = Erf(a); g = Add(e, 1.0); p = Mul(x, g); y = Mul(p, 0.5)",
     "y,e", "Div Erf Add Mul Mul", NULL, "gives an output of the graph"},
};

#define QKV4 "q:f32 Nx4x5x8, k:f32 Nx4x6x8, v:f32 Nx4x6x8"
#define HEADS(n) n "1 = Reshape(" n "0, {0 0 4 8}); " n " = Transpose[perm=(0 2 1 3)](" n "1); "
#define X32 "x:f32 NxMx32"
#define PROJ "q0 = MatMul(x, @32x32); k0 = MatMul(x, @32x32); v0 = MatMul(x, @32x32); "
#define BACK "t = Transpose[perm=(0 2 1 3)](o); y = Reshape(t, {0 0 32})"
#define SCORES "kt = Transpose[perm=(0 1 3 2)](k); a = MatMul(q, kt); "
#define TIME(n) n "1 = Reshape(" n "0, {5 -1 8}); " n " = Transpose[perm=(1 0 2)](" n "1); "

static const fusion_case g_attentions[] = {
    {"plain", 13, QKV4, SCORES "p = Softmax[axis=-1](a); y = MatMul(p, v)", "y", "FusedAttention", "scale=1"},
    {"scale and mask", 13, QKV4 ", m:f32 Nx1x1x6",
     SCORES "s = Div(a, 2.8284271); b = Add(s, m); p = Softmax[axis=3](b); y = MatMul(p, v)", "y", "FusedAttention",
     "scale=0.353553"},
    {"scale after the mask", 13, QKV4 ", m:f32 5x6",
     SCORES "b = Add(m, a); s = Mul(b, 0.25); p = Softmax[axis=-1](s); y = MatMul(p, v)", "y", "Mul FusedAttention",
     "scale=0.25"},
    {"old softmax", 11, QKV4, SCORES "p = Softmax[axis=3](a); y = MatMul(p, v)", "y", "FusedAttention"},
    {"BERT", 13, X32 ", m:f32 Nx1x1xM",
     PROJ HEADS("q") HEADS("k") HEADS("v") SCORES
     "s = Div(a, 2.8284271); b = Add(s, m); p = Softmax[axis=-1](b); o = MatMul(p, v); " BACK,
     "y", "MatMul MatMul MatMul FusedAttention", "num_heads=4 q_layout=BSC k_layout=BSC v_layout=BSC y_layout=BSC"},
    {"BERT, keys transposed at once", 13, X32,
     PROJ HEADS("q") "k1 = Reshape(k0, {0 0 4 8}); kt = Transpose[perm=(0 2 3 1)](k1); " HEADS(
         "v") "a = MatMul(q, kt); p = Softmax[axis=-1](a); o = MatMul(p, v); " BACK,
     "y", "MatMul MatMul MatMul FusedAttention", "k_layout=BSC y_layout=BSC"},
    {"timm: packed, unbound", 13, "x:f32 Nx5x32",
     "z = MatMul(x, @32x96); r = Reshape(z, {0 5 3 4 8}); u = Transpose[perm=(2 0 3 1 4)](r); q = Gather[axis=0](u, "
     "0); k = Gather[axis=0](u, 1); v = Gather[axis=0](u, 2); w = Mul(q, 0.3535534); kt = Transpose[perm=(0 1 3 "
     "2)](k); "
     "a = MatMul(w, kt); p = Softmax[axis=-1](a); o = MatMul(p, v); " BACK,
     "y", "MatMul FusedAttention", "scale=0.353553 head_size=8 q_layout=BSC y_layout=BSC"},
    {"GPT-2: packed, split", 13, X32,
     "z = MatMul(x, @32x96); q0, k0, v0 = Split[axis=2](z, {32 32 32}); " HEADS("q") HEADS("k") HEADS("v") SCORES
     "p = Softmax[axis=-1](a); o = MatMul(p, v); " BACK,
     "y", "MatMul FusedAttention", "q_layout=BSC k_layout=BSC"},
    {"NeoX: packed, heads outermost", 13, X32,
     "z = MatMul(x, @32x96); r = Reshape(z, {0 0 4 24}); q1 = Slice(r, {0}, {8}, {3}); k1 = Slice(r, {8}, {16}, {3}); "
     "v1 = Slice(r, {16}, {9223372036854775807}, {3}); q = Transpose[perm=(0 2 1 3)](q1); k = Transpose[perm=(0 2 1 "
     "3)](k1); v = Transpose[perm=(0 2 1 3)](v1); " SCORES "p = Softmax[axis=-1](a); o = MatMul(p, v); " BACK,
     "y", "MatMul FusedAttention", "num_heads=4 head_size=8 q_layout=BSC"},
    {"nn.MultiheadAttention: time first, merged heads", 13, "x:f32 5x2x32",
     "q0 = MatMul(x, @32x32); k0 = MatMul(x, @32x32); v0 = MatMul(x, @32x32); " TIME("q") TIME("k")
         TIME("v") "w = Div(q, 2.8284271); kt = Transpose[perm=(0 2 1)](k); a = MatMul(w, kt); p = "
                   "Softmax[axis=-1](a); o = MatMul(p, "
                   "v); t = Transpose[perm=(1 0 2)](o); y = Reshape(t, {5 2 32})",
     "y", "MatMul MatMul MatMul FusedAttention", "num_heads=4 q_layout=SBC y_layout=SBC"},
    {"BART: merged heads, mask on four dims", 13, "x:f32 2x5x32, m:f32 2x1x5x5",
     PROJ HEADS("q") HEADS("k") HEADS("v") "q2 = Reshape(q, {8 5 8}); k2 = Reshape(k, {8 5 8}); v2 = Reshape(v, {8 5 "
                                           "8}); kt = Transpose[perm=(0 2 1)](k2); a "
                                           "= MatMul(q2, kt); a4 = Reshape(a, {2 4 5 5}); b = Add(a4, m); b3 = "
                                           "Reshape(b, {8 5 5}); p = Softmax[axis=-1](b3); "
                                           "c = MatMul(p, v2); o = Reshape(c, {2 4 5 8}); " BACK,
     "y", "MatMul MatMul MatMul FusedAttention", "num_heads=4 q_layout=BSC y_layout=BSC"},
    {"mask per batch x head", 13, "q:f32 8x5x8, k:f32 8x6x8, v:f32 8x6x8, m:f32 8x5x6",
     "kt = Transpose[perm=(0 2 1)](k); a = MatMul(q, kt); b = Add(a, m); p = Softmax[axis=-1](b); y = MatMul(p, v)",
     "y", "FusedAttention", "mask_layout=NST"},
    {"cross attention", 13, "x:f32 NxMx32, z:f32 Nx7x32",
     "q0 = MatMul(x, @32x32); k0 = MatMul(z, @32x32); v0 = MatMul(z, @32x32); " HEADS("q") HEADS("k") HEADS("v") SCORES
     "p = Softmax[axis=-1](a); o = MatMul(p, v); " BACK,
     "y", "MatMul MatMul MatMul FusedAttention"},
    {"past", 13, "x:f32 NxMx32, pk:f32 Nx4x3x8, pv:f32 Nx4x3x8",
     PROJ HEADS(
         "q") "k1 = Reshape(k0, {0 0 4 8}); k2 = Transpose[perm=(0 2 1 3)](k1); v1 = Reshape(v0, {0 0 4 8}); v2 = "
              "Transpose[perm=(0 2 1 3)](v1); k = Concat[axis=-2](pk, k2); v = Concat[axis=-2](pv, v2); " SCORES
              "p = Softmax[axis=-1](a); o = MatMul(p, v); " BACK,
     "y,k,v", "MatMul MatMul MatMul Reshape Transpose Reshape Transpose Concat Concat FusedAttention",
     "q_layout=BSC y_layout=BSC"},
    {"causal by a constant", 13, "q:f32 2x4x3x8, k:f32 2x4x3x8, v:f32 2x4x3x8",
     SCORES "b = Cast[to=9]({1 0 0 1 1 0 1 1 1}); c = Reshape(b, {1 1 3 3}); s = Where(c, a, -10000.0); p = "
            "Softmax[axis=-1](s); y = MatMul(p, v)",
     "y", "FusedAttention", "causal=1"},
    {"causal by numbers", 13, "q:f32 2x4x2x8, k:f32 2x4x3x8, v:f32 2x4x3x8",
     SCORES
     "c = Reshape({0.0 0.0 -1000000.0 0.0 0.0 0.0}, {2 3}); s = Add(a, c); p = Softmax[axis=-1](s); y = MatMul(p, "
     "v)",
     "y", "FusedAttention", "causal=1"},
    {"condition", 13, QKV4 ", c:bool 1x1x5x6",
     SCORES "s = Where(c, a, -1000000000.0); p = Softmax[axis=-1](s); y = MatMul(p, v)", "y", "FusedAttention"},
    {"inverted condition and a mask", 13, QKV4 ", c:bool 5x6, m:f32 Nx1x1x6",
     SCORES "s = Where(c, -3e38, a); b = Add(s, m); p = Softmax[axis=-1](b); y = MatMul(p, v)", "y",
     "Where Add FusedAttention"},
    {"multiplied mask of old GPT-2", 13, QKV4 ", c:bool 1x1x5x6",
     SCORES "b = Cast[to=1](c); w = Mul(a, b); i = Sub(1.0, b); n = Mul(i, 10000.0); s = Sub(w, n); p = "
            "Softmax[axis=-1](s); y = MatMul(p, v)",
     "y", "FusedAttention"},
    {"the shape of the scores is read", 13, QKV4,
     SCORES "z = Shape(a); s = Mul(a, 0.5); p = Softmax[axis=-1](s); y = MatMul(p, v); w = Neg(z)", "y,w",
     "Shape Slice Slice Shape Slice Concat FusedAttention Neg"},
    {"relative bias and clamp", 13, QKV4 ", r:f32 1x4x5x6, m:f32 Nx1x1x6",
     SCORES "b = Add(a, r); c = Add(b, m); d = Max(c, -3e38); p = Softmax[axis=-1](d); y = MatMul(p, v)", "y",
     "Add Max FusedAttention"},
    {"Swin windows", 13, "q:f32 6x4x5x8, k:f32 6x4x5x8, v:f32 6x4x5x8",
     SCORES
     "b = Add(a, @1x4x5x5); w = Reshape(b, {2 3 4 5 5}); c = Add(w, @1x3x1x5x5); e = Reshape(c, {-1 4 5 5}); p = "
     "Softmax[axis=-1](e); y = MatMul(p, v)",
     "y", "FusedAttention", "mask_repeats=1"},
    {"grouped heads", 13, "q:f32 Nx4x5x8, k:f32 Nx2x6x8, v:f32 Nx2x6x8",
     "ku = Unsqueeze(k, {2}); ke = Expand(ku, {1 2 2 6 8}); kr = Reshape(ke, {-1 4 6 8}); vu = Unsqueeze(v, {2}); ve = "
     "Expand(vu, {1 2 2 6 8}); vr = Reshape(ve, {-1 4 6 8}); kt = Transpose[perm=(0 1 3 2)](kr); a = MatMul(q, kt); p "
     "= "
     "Softmax[axis=-1](a); y = MatMul(p, vr)",
     "y", "FusedAttention", "num_heads=4 kv_num_heads=2"},
    {"one head of keys", 13, "q:f32 Nx4x5x8, k:f32 Nx1x6x8, v:f32 Nx1x6x8",
     SCORES "p = Softmax[axis=-1](a); y = MatMul(p, v)", "y", "FusedAttention", "num_heads=4 kv_num_heads=1"},
    {"torch 2: scale split over both", 14, QKV4,
     "f = Sqrt(0.3535534); w = Mul(q, f); kt = Transpose[perm=(0 1 3 2)](k); u = Mul(kt, f); a = MatMul(w, u); p = "
     "Softmax[axis=-1](a); y = MatMul(p, v)",
     "y", "FusedAttention", "scale=0.353553"},
    {"torch 2: scale from the shape, bool mask", 14, QKV4 ", c:bool Nx1x1x6",
     "z = Shape(q); d = Slice(z, {-1}, {9223372036854775807}); g = Cast[to=1](d); r = Sqrt(g); i = Div(1.0, r); f = "
     "Sqrt(i); m = Where(c, 0.0, -1e30); w = Mul(q, f); kt = Transpose[perm=(0 1 3 2)](k); u = Mul(kt, f); a = "
     "MatMul(w, u); b = Add(a, m); p = Softmax[axis=-1](b); y = MatMul(p, v)",
     "y", "Where FusedAttention", "scale=0.353553"},
    {"torch 2.5: a query that sees nothing gives zeros", 14, QKV4 ", m:f32 Nx1x1x6",
     SCORES "b = Add(a, m); p = Softmax[axis=-1](b); n = IsNaN(p); w = Where(n, 0.0, p); y = MatMul(w, v)", "y",
     "FusedAttention", "zero_masked=1"},
    {"keys lie across", 13, "q:f32 Nx4x5x8, kt:f32 Nx4x8x6, v:f32 Nx4x6x8",
     "a = MatMul(q, kt); p = Softmax[axis=-1](a); y = MatMul(p, v)", "y", "Transpose FusedAttention"},
    /* near misses */
    {"scores read twice", 13, QKV4, SCORES "s = Mul(a, 0.5); p = Softmax[axis=-1](s); y = MatMul(p, v); z = Relu(s)",
     "y,z", "FusedMatMul Softmax MatMul Relu", NULL, "has two consumers"},
    {"probabilities wanted", 13, QKV4, SCORES "p = Softmax[axis=-1](a); y = MatMul(p, v)", "y,p",
     "FusedMatMul Softmax MatMul", NULL, "node Softmax_2 gives an output of the graph"},
    {"something between", 13, QKV4, SCORES "s = Add(a, 1.0); t = Abs(s); p = Softmax[axis=-1](t); y = MatMul(p, v)",
     "y", "FusedMatMul Add Abs Softmax MatMul"},
    {"something after", 13, QKV4, SCORES "p = Softmax[axis=-1](a); t = Mul(p, @1x4x1x1); y = MatMul(t, v)", "y",
     "FusedMatMul Softmax Mul MatMul", NULL, "after the Softmax is not a product with the values"},
    {"another axis", 13, "q:f32 2x4x6x8, k:f32 2x4x6x8, v:f32 2x4x6x8",
     SCORES "p = Softmax[axis=2](a); y = MatMul(p, v)", "y", "FusedMatMul Softmax MatMul"},
    {"a factor that is not fixed", 13, QKV4 ", f:f32 1",
     SCORES "s = Mul(a, f); p = Softmax[axis=-1](s); y = MatMul(p, v)", "y", "FusedMatMul Mul Softmax MatMul", NULL,
     "node Mul_2 is not part of a masked, scaled product"},
    {"a fill that does not hide", 13, QKV4 ", c:bool 5x6",
     SCORES "s = Where(c, a, -5.0); p = Softmax[axis=-1](s); y = MatMul(p, v)", "y", "FusedMatMul Where Softmax MatMul",
     NULL, "fills with a number that does not hide"},
    {"a small fill and a mask behind it", 13, QKV4 ", c:bool 5x6, m:f32 Nx1x1x6",
     SCORES "s = Where(c, a, -10000.0); b = Add(s, m); p = Softmax[axis=-1](b); y = MatMul(p, v)", "y",
     "FusedAttention", "mask_value=-10000"},
    {"a small fill between two masks", 13, QKV4 ", c:bool 5x6, m:f32 Nx1x1x6",
     SCORES "r = Add(a, m); s = Where(c, r, -10000.0); b = Add(s, m); p = Softmax[axis=-1](b); y = MatMul(p, v)", "y",
     "FusedMatMul Add Where Add Softmax MatMul", NULL,
     "hides with a number so small that what is added afterwards counts"},
    {"a mask that makes the scores larger", 13, "q:f32 1x4x1x8, k:f32 1x4x6x8, v:f32 1x4x6x8, m:f32 3x1x5x6",
     SCORES "b = Add(a, m); p = Softmax[axis=-1](b); y = MatMul(p, v)", "y", "FusedMatMul Add Softmax MatMul", NULL,
     "adds a mask whose shape does not fit"},
    {"a single matrix", 13, "q:f32 5x8, k:f32 6x8, v:f32 6x8",
     "kt = Transpose[perm=(1 0)](k); a = MatMul(q, kt); p = Softmax[axis=-1](a); y = MatMul(p, v)", "y",
     "FusedMatMul Softmax MatMul"},
};

#define XCS "x:f32 Nx2x3x8, c:f32 1x1x3x8, s:f32 1x1x3x8"
#define HALVES                                                                                                         \
    "a = Slice(x, {4}, {100}, {3}, {1}); n = Neg(a); b = Slice(x, {0}, {4}, {-1}); t = Concat[axis=-1](n, b); "
#define PAIRS                                                                                                          \
    "a = Slice(x, {1}, {100}, {3}, {2}); n = Neg(a); b = Slice(x, {0}, {8}, {3}, {2}); n1 = Unsqueeze(n, {-1}); b1 = " \
    "Unsqueeze(b, {4}); p = Concat[axis=-1](n1, b1); "
#define TURN "u = Mul(t, s); v = Mul(x, c); y = Add(v, u)"

static const fusion_case g_rotaries[] = {
    {"halves", 13, XCS, HALVES TURN, "y", "FusedRotary"},
    {"factors and terms the other way round", 13, XCS, HALVES "u = Mul(s, t); v = Mul(c, x); y = Add(u, v)", "y",
     "FusedRotary"},
    {"attributes of old Slices", 9, XCS,
     "a = Slice[starts=(-4) ends=(8) axes=(3)](x); n = Neg(a); b = Slice[starts=(0) ends=(-4) "
     "axes=(3)](x); t = Concat[axis=3](n, b); " TURN,
     "y", "FusedRotary"},
    {"halves of a Split", 13, XCS, "b, a = Split[axis=-1](x, {4 4}); n = Neg(a); t = Concat[axis=-1](n, b); " TURN, "y",
     "FusedRotary"},
    {"computed angles per sequence", 13, "x:f32 Nx2x3x8, f:f32 Nx1x3x8", "c = Cos(f); s = Sin(f); " HALVES TURN, "y",
     "Cos Sin FusedRotary"},
    {"constants of lower rank", 13, "x:f32 Nx2x3x8", HALVES "u = Mul(t, @3x8); v = Mul(x, @8); y = Add(v, u)", "y",
     "FusedRotary"},
    {"more sequences of angles than of rows", 13, "x:f32 2x1x8, c:f32 Nx1x3x8, s:f32 Nx1x1x8",
     "a = Slice(x, {4}, {8}, {2}); n = Neg(a); b = Slice(x, {0}, {4}, {2}); t = Concat[axis=2](n, b); " TURN, "y",
     "FusedRotary"},
    {"pairs", 13, XCS, PAIRS "t = Reshape(p, {0 2 3 8}); " TURN, "y", "FusedRotary", "interleaved=1"},
    {"pairs, the length left to Reshape", 13, "x:f32 2x2xNx8, c:f32 Nx8, s:f32 Nx8",
     PAIRS "t = Reshape(p, {2 2 -1 8}); " TURN, "y", "FusedRotary", "interleaved=1"},
    {"the first elements alone", 13, "z:f32 Nx2x3x11, c:f32 1x1x3x8, s:f32 1x1x3x8",
     "x = Slice(z, {0}, {8}, {3}); r = Slice(z, {8}, {100}, {3}); " HALVES
     "u = Mul(t, s); v = Mul(x, c); o = Add(v, u); y = Concat[axis=-1](o, r)",
     "y", "FusedRotary"},
    {"the first pairs alone", 13, "z:f32 Nx2x3x12, c:f32 1x1x3x8, s:f32 1x1x3x8",
     "x = Slice(z, {0}, {8}, {3}); r = Slice(z, {8}, {100}, {3}); " PAIRS
     "t = Reshape(p, {0 0 0 8}); u = Mul(t, s); v = Mul(x, c); o = Add(v, u); y = Concat[axis=-1](o, r)",
     "y", "FusedRotary", "interleaved=1"},
    {"a rest that begins later", 13, "z:f32 Nx2x3x12, c:f32 1x1x3x8, s:f32 1x1x3x8",
     "x = Slice(z, {0}, {8}, {3}); r = Slice(z, {9}, {100}, {3}); " HALVES
     "u = Mul(t, s); v = Mul(x, c); o = Add(v, u); y = Concat[axis=-1](o, r)",
     "y", "Slice Slice FusedRotary Concat"},
    {"behind an attention", 13, XCS ", w:f32 Nx2x3x8",
     HALVES "u = Mul(t, s); v = Mul(x, c); q = Add(v, u); kt = Transpose[perm=(0 1 3 2)](q); m = MatMul(q, kt); e = "
            "Softmax[axis=-1](m); y = MatMul(e, w)",
     "y", "FusedRotary FusedAttention"},
    {"another value times the cosines", 13, XCS ", z:f32 Nx2x3x8", HALVES "u = Mul(t, s); v = Mul(z, c); y = Add(v, u)",
     "y", "Slice Neg Slice Concat Mul Mul Add", NULL, "does not add the product of x and cosines"},
    {"a difference", 13, XCS, HALVES "u = Mul(t, s); v = Mul(x, c); y = Sub(v, u)", "y",
     "Slice Neg Slice Concat Mul Mul Sub", NULL, "node Sub_6 does not add the product of x and cosines"},
    {"the turned value is read twice", 13, XCS, HALVES TURN "; z = Relu(t)", "y,z",
     "Slice Neg Slice Concat Mul Mul Add Relu", NULL, "node Concat_3 has two consumers"},
    {"the wrong half is negated", 13, XCS,
     "b = Slice(x, {4}, {100}, {3}, {1}); a = Slice(x, {0}, {4}, {3}); n = "
     "Neg(a); t = Concat[axis=-1](n, b); " TURN,
     "y", "Slice Slice Neg Concat Mul Mul Add", NULL, "node Concat_3 does not join the two halves of x"},
    {"one sine per row", 13, "x:f32 Nx2x3x8, c:f32 1x1x3x8, s:f32 1x1x3x1", HALVES TURN, "y",
     "Slice Neg Slice Concat Mul Mul Add", NULL, "s is not known to have a last dimension of 8"},
    {"pairs in another shape", 13, "x:f32 Nx3x3x8, c:f32 1x1x3x8, s:f32 1x1x3x8",
     PAIRS "t = Reshape(p, {-1 3 3 8}); q = Transpose[perm=(0 2 1 3)](t); u = Mul(q, s); v = Mul(x, c); y = Add(v, u)",
     "y", "Slice Neg Slice Unsqueeze Unsqueeze Concat Reshape Transpose Mul Mul Add", NULL,
     "does not multiply by sines"},
    {"pairs that are flattened further", 13, XCS, PAIRS "t = Reshape(p, {-1 8}); y = Mul(t, @8)", "y",
     "Slice Neg Slice Unsqueeze Unsqueeze Concat Reshape Mul", NULL, "does not give the pairs the shape of x"},
    {"along another axis", 13, "x:f32 Nx2x8x8, c:f32 8x8, s:f32 8x8",
     "a = Slice(x, {4}, {8}, {2}); n = Neg(a); b = Slice(x, {0}, {4}, {2}); t = Concat[axis=2](n, b); " TURN, "y",
     "Slice Neg Slice Concat Mul Mul Add"},
};

static void check_attrs(const fusion_case *c, const hone__graph *graph) {
    char copy[300];
    const hone__node *node = NULL;
    HONE_FOR_NODES(n, graph) {
        if (n->n_attrs && !hone__node_attr(n, "perm"))
            node = n;
    }
    if (!node)
        fail_msg("%s: nothing was fused", c->name);
    snprintf(copy, sizeof copy, "%s", c->attrs);
    for (char *save = NULL, *pair = strtok_r(copy, " ", &save); pair; pair = strtok_r(NULL, " ", &save)) {
        char *value = strchr(pair, '='), have[64] = "";
        *value++ = 0;
        const hone__attr *attr = hone__node_attr(node, pair);
        if (attr && attr->type == HONE_ATTR_INT)
            snprintf(have, sizeof have, "%lld", (long long)attr->i);
        else if (attr && attr->type == HONE_ATTR_FLOAT)
            snprintf(have, sizeof have, "%.6g", (double)attr->f);
        else if (attr && attr->type == HONE_ATTR_STRING)
            snprintf(have, sizeof have, "%s", hone__node_attr_string(node, pair, ""));
        if (strcmp(have, value) != 0)
            fail_msg("%s: %s of %s is \"%s\", not %s", c->name, pair, node->op_type, have, value);
    }
}

static void check_misses(const fusion_case *c, const hone__pass_report *report) {
    for (size_t i = 0; i < report->n_misses; i++) {
        if (!c->miss)
            fail_msg("%s: %s at %s: %s", c->name, report->misses[i].pass->name, report->misses[i].node,
                     report->misses[i].reason);
        if (strstr(report->misses[i].reason, c->miss))
            return;
    }
    if (c->miss)
        fail_msg("%s: no near miss says \"%s\" but %zu others, as \"%s\"", c->name, c->miss, report->n_misses,
                 report->n_misses ? report->misses[0].reason : "");
}

static void run_case(const fusion_case *c) {
    static const int64_t symbols[] = {1, 2, 5};
    hone_tensor *before[3][MAX_OUTPUTS] = {{0}}, *after[MAX_OUTPUTS] = {0};
    char operators[2000];
    graph_text_seed(7);
    hone__graph *graph = graph_text(c->inputs, c->opset, c->body, c->outputs);
    for (int i = 0; i < 3; i++)
        graph_text_run(graph, symbols[i], 3, before[i]);
    hone__pass_report report;
    hone__pass_report_init(&report);
    const hone__pass_options options = {
        .level = HONE_OPT_ALL, .report = &report, .enable = &c->enable, .n_enable = c->enable ? 1 : 0};
    OK(hone__passes_run_with(graph, &options, error));
    OK(hone__graph_verify(graph, error));
    graph_text_operators(graph, operators, sizeof operators);
    if (strcmp(operators, c->want) != 0)
        fail_msg("%s: left are \"%s\", not \"%s\"", c->name, operators, c->want);
    for (int i = 0; i < 3; i++) {
        graph_text_run(graph, symbols[i], 3, after);
        for (size_t k = 0; k < graph->n_outputs; k++) {
            double d = graph_text_difference(before[i][k], after[k]);
            if (!(d <= (c->tolerance != 0 ? c->tolerance : 2e-5)))
                fail_msg("%s: output %zu differs by %g", c->name, k, d);
            hone_tensor_destroy(before[i][k]);
            hone_tensor_destroy(after[k]);
        }
    }
    check_misses(c, &report);
    if (c->attrs)
        check_attrs(c, graph);
    hone__pass_report_deinit(&report);
    hone__graph_destroy(graph);
}

static void test_norms(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof g_norms / sizeof *g_norms; i++)
        run_case(&g_norms[i]);
}

static void test_gelus(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof g_gelus / sizeof *g_gelus; i++)
        run_case(&g_gelus[i]);
}

static void test_attentions(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof g_attentions / sizeof *g_attentions; i++)
        run_case(&g_attentions[i]);
}

static void test_rotaries(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof g_rotaries / sizeof *g_rotaries; i++)
        run_case(&g_rotaries[i]);
}

/* No operator of ours where the result is for other programs. */
static void test_targets(void **state) {
    static const hone__op_target targets[] = {HONE_TARGET_ONNX, HONE_TARGET_ONNXRUNTIME};
    char operators[200];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        hone__graph *graph = graph_text(XCS, 13, HALVES TURN, "y");
        OK(hone__passes_run_with(graph, &(hone__pass_options){.level = HONE_OPT_ALL, .target = targets[i]}, error));
        graph_text_operators(graph, operators, sizeof operators);
        assert_string_equal(operators, "Slice Neg Slice Concat Mul Mul Add");
        hone__graph_destroy(graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_norms), cmocka_unit_test(test_gelus),
                                       cmocka_unit_test(test_attentions), cmocka_unit_test(test_rotaries),
                                       cmocka_unit_test(test_targets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
