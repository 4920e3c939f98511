/* Each pass that needs no fused operator, on graphs written as text: what must match, what must not, opsets whose forms
 * differ. Outputs before and after are compared, the graph is verified, and the operators that are left are listed.
 * Then random graphs made of the same snippets, at every level and for every target. */
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

typedef struct pass_case {
    const char *pass; /* "" : the whole level */
    int64_t opset;
    const char *inputs, *body, *outputs;
    const char *want; /* operators afterwards */
    hone__op_target target;
    double tolerance; /* 0: 1e-5 */
} pass_case;

/* ---- cases ---- */

#define X "x:f32 1x3x4x5"
#define XY "x:f32 1x3x4x5, y:f32 1x3x4x5"
static const pass_case g_cases[] = {
    /* identities */
    {"eliminate_identity", 13, X, "a = Add(x, 0.0); b = Mul(1.0, a); c = Sub(b, {0.0}); d = Div(c, 1.0); y = Relu(d)",
     "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Pow(x, 1.0); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Sub(0.0, x); y = Relu(a)", "y", "Sub Relu"},
    {"eliminate_identity", 13, "x:f32 3x1", "a = Add(x, f32:{0 0 0}); y = Relu(a)", "y", "Add Relu"},
    {"eliminate_identity", 13, X, "a = Dropout(x); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a, m = Dropout(x, 0.5, false); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, "x:bool 3x4", "a = And(x, true); b = Or(a, false); y = Not(b)", "y", "Not"},
    {"eliminate_identity", 13, "x:bool 3x4", "a = And(x, false); y = Not(a)", "y", "And Not"},
    {"eliminate_identity", 13, XY, "a = Where(true, x, y); z = Relu(a)", "z", "Relu"},
    {"eliminate_identity", 13, XY, "a = Where(false, x, y); z = Neg(a)", "z", "Neg"},
    {"eliminate_identity", 13, "x:f32 1x1, y:f32 3x4", "a = Where(true, x, y); z = Neg(a)", "z", "Where Neg"},
    {"eliminate_identity", 13, X, "a = Pad(x, {0 0 0 0 0 0 0 0}); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 2, X, "a = Pad[pads=(0 0 0 0 0 0 0 0)](x); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Slice(x, {0}, {99}, {2}); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Slice(x, {-1}, {-99}, {2}, {-1}); y = Relu(a)", "y", "Slice Relu"},
    {"eliminate_identity", 9, X, "a = Slice[starts=(0) ends=(4) axes=(2)](x); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Concat[axis=1](x); b = Max(a); c = Mean(b); y = Relu(c)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Split[axis=1](x, {3}); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Transpose[perm=(0 1 2 3)](x); b = Reshape(a, {1 3 4 5}); y = Relu(b)", "y",
     "Relu"},
    {"eliminate_identity", 13, X, "a = Expand(x, {4 5}); b = Cast[to=1](a); y = Relu(b)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Resize[mode='linear'](x, _, f32:{1 1 1 1}); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Resize[mode='nearest'](x, _, _, {1 3 4 5}); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Resize[mode='nearest'](x, _, {1.0 1.0 1.1 1.0}); y = Relu(a)", "y",
     "Resize Relu"},
    {"eliminate_identity", 9, X, "a = Upsample[mode='nearest'](x, f32:{1 1 1 1}); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X,
     "a = AveragePool[kernel_shape=(1 1)](x); b = MaxPool[kernel_shape=(1 1)](a); y = Relu(b)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = MaxPool[kernel_shape=(1 1) strides=(2 2)](x); y = Relu(a)", "y", "MaxPool Relu"},
    {"eliminate_identity", 13, "x:f32 2x3x1x1", "a = GlobalAveragePool(x); b = ReduceMax[axes=(2)](a); y = Relu(b)",
     "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Gather[axis=1](x, {0 1 2}); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Gather[axis=1](x, {0 2 1}); y = Relu(a)", "y", "Gather Relu"},
    {"eliminate_identity", 13, X, "a = Clip(x); y = Relu(a)", "y", "Relu"},
    {"eliminate_identity", 13, X, "a = Max(x, x); b = Min(a, a); y = Relu(b)", "y", "Relu"},
    {"eliminate_identity", 13, "x:f32 Nx4", "a = Reshape(x, {0 4}); b = Expand(a, {1 4}); y = Relu(b)", "y", "Relu"},
    {"eliminate_identity", 13, X, "y = Identity(x)", "y", "Identity"},
    /* the sum of magnitudes of integers may wrap around */
    {"simplify_algebra", 13, X, "a = ReduceL1[axes=(1)](x); b = Abs(a); y = Neg(b)", "y", "ReduceL1 Neg"},
    {"simplify_algebra", 13, "x:i64 3x4", "a = ReduceL1[axes=(1)](x); b = Abs(a); y = Neg(b)", "y", "ReduceL1 Abs Neg"},
    /* shapes */
    {"fold_shapes", 13, "x:f32 Nx3x4",
     "s = Shape(x); n = Gather(s, {0}); t = Concat[axis=0](n, {12}); y = Reshape(x, t)", "y", "Reshape"},
    {"fold_shapes", 13, "x:f32 Nx3x4",
     "s = Shape(x); n = Gather(s, {0}); m = Mul(n, {3}); t = Concat[axis=0](m, {4}); y = Reshape(x, t)", "y",
     "Reshape"},
    {"fold_shapes", 13, "x:f32 NxMx4",
     "s = Shape(x); n = Gather(s, {0}); m = Gather(s, {1}); t = Concat[axis=0](n, m, {2 2}); y = Reshape(x, t)", "y",
     "Reshape"},
    {"fold_shapes", 13, "x:f32 NxMxKx4",
     "s = Shape(x); m = Gather(s, {1}); n = Gather(s, {0}); k = Mul(n, m); t = Concat[axis=0](k, m, {-1}); y = "
     "Reshape(x, t)",
     "y", "Shape Gather Gather Mul Concat Reshape"},
    {"fold_shapes", 13, X,
     "s = Shape(x); t = Gather(s, 1); u = Unsqueeze(t, {0}); v = Concat[axis=0](u, {20}); y = Reshape(x, v)", "y",
     "Reshape"},
    {"fold_shapes", 13, "x:f32 1x3x1x5", "s = Shape(x); t = Mul(s, {2 1 4 1}); y = Expand(x, t)", "y", "Expand"},
    {"fold_shapes", 13, X, "s = Shape(x); c = ConstantOfShape(s); y = Add(x, c)", "y", "ConstantOfShape Add"},
    {"fold_shapes", 13, X, "s = Shape(x); d = Div(s, {1 3 4 5}); e = Mul(d, {1 2 1 2}); y = Tile(x, e)", "y", "Tile"},
    {"fold_constants", 13, X, "s = Shape(x); c = ConstantOfShape(s); d = Cast[to=1](c); y = Add(x, d)", "y", "Add"},
    {"fold_constants", 13, X, "r = Range(0, 5, 1); c = Cast[to=1](r); y = Add(x, c)", "y", "Add"},
    {"fold_constants", 13, X, "n = NonZero({0 1 2 0 3}); c = Cast[to=1](n); d = ReduceSum(c); y = Add(x, d)", "y",
     "Add"},
    {"fold_constants", 13, X, "e = Expand(1.0, {1000 1000}); m = ReduceMean(e); y = Add(x, m)", "y",
     "Expand ReduceMean Add"},
    {"fold_constants", 13, X,
     "q = QuantizeLinear(+3x4x5, 0.01, u8:3); d = DequantizeLinear(q, 0.01, u8:3); y = Add(x, d)", "y", "Add"},
    {"fold_constants", 13, "x:u8 2x4",
     "a = DequantizeLinear(x, 0.1, u8:3); w = DequantizeLinear(i8:@4x5, 0.1, i8:0); y = MatMul(a, w)", "y",
     "DequantizeLinear DequantizeLinear MatMul", HONE_TARGET_ONNX},
    {"fold_constants", 13, "x:u8 2x4",
     "a = DequantizeLinear(x, 0.1, u8:3); w = DequantizeLinear(i8:@4x5, 0.1, i8:0); y = MatMul(a, w)", "y",
     "DequantizeLinear MatMul"},
    /* duplicates and dead code */
    {"eliminate_duplicates", 13, XY, "a = Add(x, y); b = Add(y, x); z = Mul(a, b)", "z", "Add Mul"},
    {"eliminate_duplicates", 13, XY, "a = Sub(x, y); b = Sub(y, x); z = Mul(a, b)", "z", "Sub Sub Mul"},
    {"eliminate_duplicates", 13, X, "a = Add(x, {1.5}); b = Add(x, {1.5}); y = Mul(a, b)", "y", "Add Mul"},
    {"eliminate_duplicates", 13, X, "a = Add(x, {1.5}); b = Add(x, 1.5); y = Mul(a, b)", "y", "Add Add Mul"},
    {"eliminate_duplicates", 13, X, "a = LeakyRelu[alpha=0.1](x); b = LeakyRelu[alpha=0.2](x); y = Mul(a, b)", "y",
     "LeakyRelu LeakyRelu Mul"},
    {"eliminate_duplicates", 13, X,
     "a = RandomNormalLike[seed=1.0](x); b = RandomNormalLike[seed=1.0](x); c = Sub(a, b); y = Add(c, x)", "y",
     "RandomNormalLike RandomNormalLike Sub Add"},
    {"eliminate_duplicates", 13, X, "a = Relu(x); b = Relu(x)", "a, b", "Relu Relu"},
    {"eliminate_dead", 13, X, "a = Neg(x); b = Exp(a); y, i = MaxPool[kernel_shape=(2 2)](x)", "y", "MaxPool"},
    /* reshapes */
    {"merge_reshapes", 13, X, "a = Reshape(x, {3 20}); y = Reshape(a, {5 12})", "y", "Reshape"},
    {"merge_reshapes", 13, X, "a = Flatten(x); y = Reshape(a, {3 20})", "y", "Reshape"},
    {"merge_reshapes", 13, "x:f32 NxMx4", "a = Reshape(x, {0 0 2 2}); y = Reshape(a, {-1 4})", "y", "Reshape"},
    {"merge_reshapes", 13, "x:f32 NxMxK", "a = Unsqueeze(x, {1}); b = Squeeze(a, {1}); y = Relu(b)", "y", "Relu"},
    {"merge_reshapes", 13, "x:f32 NxMxK", "a = Unsqueeze(x, {1}); y = Unsqueeze(a, {0 3})", "y", "Unsqueeze"},
    {"merge_reshapes", 11, "x:f32 Nx1xMx1", "a = Squeeze[axes=(1)](x); y = Squeeze[axes=(2)](a)", "y", "Squeeze"},
    {"merge_reshapes", 11, "x:f32 NxMxK", "a = Unsqueeze[axes=(0)](x); y = Unsqueeze[axes=(2)](a)", "y", "Unsqueeze"},
    {"merge_reshapes", 13, "x:f32 NxMxK", "a = Unsqueeze(x, {1}); b = Reshape(a, {0 0 0 1 -1}); y = Relu(b)", "y",
     "Unsqueeze Reshape Relu"},
    {"merge_reshapes", 13, X, "a = Reshape(x, {3 20}); y = Reshape(a, {5 12}); z = Neg(a)", "y, z",
     "Reshape Reshape Neg"},
    {"merge_reshapes", 13, "x:f32 1x3x1", "a = Expand(x, {1 3 5}); y = Expand(a, {2 1 1 1})", "y", "Expand"},
    /* transposes */
    {"merge_transposes", 13, X, "a = Transpose[perm=(0 2 3 1)](x); b = Transpose[perm=(0 3 1 2)](a); y = Relu(b)", "y",
     "Relu"},
    {"merge_transposes", 13, X, "a = Transpose[perm=(0 2 3 1)](x); y = Transpose[perm=(3 1 0 2)](a)", "y", "Transpose"},
    {"merge_transposes", 13, "x:f32 2x3", "a = Transpose(x); b = Transpose(a); y = Relu(b)", "y", "Relu"},
    {"merge_transposes", 13, X,
     "a = Transpose[perm=(0 2 3 1)](x); b = Sigmoid(a); c = Mul(b, @3); d = Add(c, a); e = Transpose[perm=(0 3 1 "
     "2)](d); y = Relu(e)",
     "y", "Sigmoid Mul Add Relu"},
    {"merge_transposes", 13, XY,
     "a = Transpose[perm=(0 2 3 1)](x); b = Transpose[perm=(0 2 3 1)](y); c = Concat[axis=3](a, b); d = "
     "Softmax[axis=-1](c); e = Transpose[perm=(0 3 1 2)](d); z = Relu(e)",
     "z", "Concat Softmax Relu"},
    {"merge_transposes", 13, XY,
     "a = Transpose[perm=(0 2 3 1)](x); b = Relu(a); c = Add(b, @4x5x3); d = Transpose[perm=(0 3 1 2)](c); z = Exp(d)",
     "z, b", "Transpose Relu Add Transpose Exp"},
    {"merge_transposes", 13, "x:f32 1x3x4x5, y:f32 1x4x5x3",
     "a = Transpose[perm=(0 2 3 1)](x); b = Add(a, y); d = Transpose[perm=(0 3 1 2)](b); z = Exp(d)", "z",
     "Transpose Add Transpose Exp"},
    {"convert_transposes", 13, "x:f32 1x3x1x5", "y = Transpose[perm=(2 1 0 3)](x)", "y", "Reshape"},
    {"convert_transposes", 13, "x:f32 1x3x1x5", "y = Transpose[perm=(0 3 2 1)](x)", "y", "Transpose"},
    /* casts */
    {"merge_casts", 13, "x:i32 3x4", "a = Cast[to=7](x); b = Cast[to=6](a); y = Neg(b)", "y", "Neg"},
    {"merge_casts", 13, "x:f16 3x4", "a = Cast[to=1](x); b = Cast[to=10](a); y = Neg(b)", "y", "Neg"},
    {"merge_casts", 13, "x:f32 3x4", "a = Cast[to=11](x); b = Cast[to=1](a); y = Neg(b)", "y", "Neg"},
    {"merge_casts", 13, "x:f32 3x4", "a = Cast[to=11](x); b = Cast[to=10](a); y = Neg(b)", "y", "Cast Neg"},
    {"merge_casts", 13, "x:f32 3x4", "a = Cast[to=10](x); b = Cast[to=1](a); y = Neg(b)", "y", "Cast Cast Neg"},
    {"merge_casts", 13, "x:i64 3x4", "a = Cast[to=6](x); b = Cast[to=7](a); y = Neg(b)", "y", "Cast Cast Neg"},
    {"merge_casts", 13, "x:f32 3x4", "i = ArgMax[axis=1](x); a = Cast[to=6](i); b = Cast[to=7](a); y = Neg(b)", "y",
     "ArgMax Neg"},
    {"merge_casts", 13, "x:i32 3x4", "a = Cast[to=9](x); b = Cast[to=6](a); y = Neg(b)", "y", "Cast Cast Neg"},
    /* slices */
    {"merge_slices", 13, X, "a = Slice(x, {1}, {4}, {2}); y = Slice(a, {1}, {-1}, {2})", "y", "Slice"},
    {"merge_slices", 13, X, "a = Slice(x, {1}, {4}, {3}); y = Slice(a, {0}, {2}, {1})", "y", "Slice"},
    {"merge_slices", 13, X, "a = Slice(x, {0}, {5}, {3}, {2}); y = Slice(a, {1}, {3}, {3})", "y", "Slice"},
    {"merge_slices", 9, X, "a = Slice[starts=(1) ends=(4) axes=(2)](x); y = Slice[starts=(0) ends=(2) axes=(3)](a)",
     "y", "Slice"},
    {"merge_slices", 13, X, "a = Slice(x, {-1}, {-9}, {3}, {-1}); y = Slice(a, {1}, {3}, {3})", "y", "Slice Slice"},
    {"merge_slices", 13, "x:f32 NxM", "a = Slice(x, {1}, {9}, {0}); y = Slice(a, {0}, {2}, {1})", "y", "Slice"},
    {"merge_slices", 13, XY, "a = Concat[axis=1](x, y); z = Concat[axis=1](a, x, a)", "z", "Concat Concat"},
    {"merge_slices", 13, XY, "a = Concat[axis=1](x, y); z = Concat[axis=-3](y, a)", "z", "Concat"},
    {"merge_slices", 13, X, "a, b = Split[axis=2](x, {1 3}); c = Concat[axis=2](a, b); y = Relu(c)", "y", "Relu"},
    {"merge_slices", 13, X, "a, b = Split[axis=2](x, {1 3}); c = Concat[axis=2](b, a); y = Relu(c)", "y",
     "Split Concat Relu"},
    {"merge_slices", 2, X, "a, b = Split[axis=2 split=(2 2)](x); c = Concat[axis=2](a, b); y = Relu(c)", "y", "Relu"},
    {"merge_slices", 13, XY, "c = Concat[axis=1](x, y); a, b = Split[axis=1](c, {3 3}); z = Sub(a, b)", "z", "Sub"},
    {"merge_slices", 13, XY, "c = Concat[axis=1](x, y); a, b = Split[axis=1](c, {2 4}); z = Concat[axis=2](a, a)", "z",
     "Concat Split Concat"},
    {"merge_slices", 13, X,
     "a = Slice(x, {0}, {1}, {1}); b = Slice(x, {1}, {3}, {1}); c = Concat[axis=1](a, b); y = Relu(c)", "y", "Relu"},
    {"merge_slices", 13, X, "y = Gather[axis=1](x, {1 2})", "y", "Slice"},
    {"merge_slices", 13, X, "y = Gather[axis=1](x, {2 1})", "y", "Gather"},
    {"merge_slices", 13, X, "y = Gather[axis=1](x, 1)", "y", "Gather"},
    /* reductions */
    {"merge_reductions", 13, X, "a = ReduceMean[axes=(3) keepdims=0](x); y = ReduceMean[axes=(2) keepdims=0](a)", "y",
     "ReduceMean"},
    {"merge_reductions", 18, X, "a = ReduceMax[keepdims=0](x, {1}); y = ReduceMax[keepdims=0](a, {-1})", "y",
     "ReduceMax"},
    {"merge_reductions", 13, X, "a = ReduceMean[axes=(3) keepdims=0](x); y = ReduceMax[axes=(2) keepdims=0](a)", "y",
     "ReduceMean ReduceMax"},
    {"merge_reductions", 13, X, "a = ReduceSum[keepdims=0](x, {1 -1}); y = Unsqueeze(a, {1 3})", "y", "ReduceSum"},
    {"merge_reductions", 13, X, "a = ReduceL2[keepdims=1 axes=(1)](x); y = Squeeze(a, {1})", "y", "ReduceL2"},
    {"merge_reductions", 13, X, "y = ReduceMean[axes=(-1 2)](x)", "y", "GlobalAveragePool"},
    {"merge_reductions", 13, X, "y = ReduceMean[axes=(-1 2) keepdims=0](x)", "y", "ReduceMean"},
    {"merge_reductions", 13, "x:f32 2x3x4", "y = ReduceMean[axes=(2)](x)", "y", "ReduceMean"},
    /* algebra */
    {"simplify_algebra", 13, X, "a = Neg(x); b = Neg(a); y = Relu(b)", "y", "Relu"},
    {"simplify_algebra", 13, "x:bool 3x4", "a = Not(x); b = Not(a); y = Cast[to=6](b)", "y", "Cast"},
    {"simplify_algebra", 13, X, "a = Sigmoid(x); b = Relu(a); c = Abs(b); y = Neg(c)", "y", "Sigmoid Neg"},
    {"simplify_algebra", 13, X, "a = Floor(x); b = Ceil(a); y = Round(b)", "y", "Floor"},
    {"simplify_algebra", 13, X, "a = Tanh(x); y = Relu(a)", "y", "Tanh Relu"},
    {"simplify_algebra", 13, XY, "a = Neg(y); b = Add(x, a); c = Neg(x); d = Sub(b, c); z = Abs(d)", "z",
     "Sub Add Abs"},
    {"simplify_algebra", 13, XY, "a = Neg(y); b = Neg(x); c = Mul(a, b); z = Div(a, b); w = Add(c, z)", "w",
     "Mul Div Add"},
    {"simplify_algebra", 13, XY, "c = Less(x, y); n = Not(c); z = Where(n, x, y)", "z", "Less Where"},
    {"merge_constants", 13, X, "a = Add(x, 1.5); y = Add(2.5, a)", "y", "Add"},
    {"merge_constants", 13, X, "a = Sub(x, 1.5); b = Add(a, @3x1x1); c = Sub(2.0, b); y = Sub(c, 0.5)", "y", "Sub"},
    {"merge_constants", 13, X, "a = Mul(x, 1.5); b = Div(a, +5); y = Mul(b, 3.0)", "y", "Mul"},
    {"merge_constants", 13, X, "a = Div(x, 1.5); y = Div(a, 2.0)", "y", "Div"},
    {"merge_constants", 13, X, "a = Mul(x, +3x1x1); y = Mul(a, +5)", "y", "Mul Mul"},
    {"merge_constants", 13, X, "a = Mul(x, 2.0); y = Add(a, 2.0)", "y", "Mul Add"},
    {"merge_constants", 13, X, "a = Mul(x, 1e30); y = Mul(a, 1e30)", "y", "Mul Mul"},
    {"merge_constants", 13, "x:i64 3x4", "a = Add(x, 5); b = Sub(a, 7); y = Mul(b, 2)", "y", "Add Mul"},
    {"merge_constants", 13, "x:i64 3x4", "a = Div(x, 5); y = Div(a, 7)", "y", "Div Div"},
    {"merge_constants", 13, XY, "a = Add(x, 0.5); b = Add(y, 0.25); z = Add(a, b)", "z", "Add Add"},
    {"reduce_strength", 13, X, "a = Pow(x, 2.0); b = Pow(a, 0.5); y = Div(b, 4.0)", "y", "Mul Sqrt Mul"},
    {"reduce_strength", 13, X, "a = Pow(x, 3.0); y = Div(a, 3.0)", "y", "Pow Div"},
    {"reduce_strength", 13, X, "a = Add(x, 5.0); b = Div(1.0, a); y = Mul(x, b)", "y", "Add Div"},
    /* bounds */
    {"merge_clips", 13, X, "a = Max(x, 0.0); y = Min(a, 6.0)", "y", "Clip"},
    {"merge_clips", 13, X, "a = Relu(x); y = Clip(a, _, 1.0)", "y", "Clip"},
    {"merge_clips", 6, X, "a = Relu(x); y = Clip[min=-1.0 max=1.0](a)", "y", "Clip"},
    {"merge_clips", 13, X, "a = Clip(x, -1.0, 1.0); y = Clip(a, 0.0, 2.0)", "y", "Clip"},
    {"merge_clips", 13, X, "a = Clip(x, -1.0, 1.0); y = Clip(a, 2.0, 3.0)", "y", "Clip"},
    {"merge_clips", 13, X, "a = Clip(x, -1.0); b = Relu(a); y = Relu(b)", "y", "Relu"},
    {"merge_clips", 13, X, "a = Max(x, 1.0); y = Max(a, @5)", "y", "Max Max"},
    {"merge_clips", 13, "x:f32 5", "y = Max(x, f32:@1x1)", "y", "Max"},
    /* activations */
    {"recognize_activations", 13, X, "n = Neg(x); e = Exp(n); a = Add(e, 1.0); y = Div(1.0, a)", "y", "Sigmoid"},
    {"recognize_activations", 13, X, "n = Neg(x); e = Exp(n); a = Add(1.0, e); y = Reciprocal(a)", "y", "Sigmoid"},
    {"recognize_activations", 13, X, "e = Exp(x); a = Add(1.0, e); y = Log(a)", "y", "Softplus"},
    {"recognize_activations", 13, X, "a = Mul(x, 0.25); b = Add(a, 0.5); y = Clip(b, 0.0, 1.0)", "y", "HardSigmoid"},
    {"recognize_activations", 13, X, "a = Add(x, 3.0); b = Clip(a, 0.0, 6.0); y = Div(b, 6.0)", "y", "HardSigmoid"},
    {"recognize_activations", 6, X, "a = Add(x, @5); b = Clip[min=0.0 max=6.0](a); y = Relu(b)", "y", "Add Clip Relu"},
    {"recognize_activations", 13, X, "a = Mul(x, 0.1); y = Max(x, a)", "y", "LeakyRelu"},
    {"recognize_activations", 13, X, "a = Mul(x, 1.5); y = Max(x, a)", "y", "Mul Max"},
    {"recognize_activations", 13, X, "c = Greater(x, 0.0); a = Mul(x, 0.1); y = Where(c, x, a)", "y", "LeakyRelu"},
    {"recognize_activations", 13, X, "c = Less(x, 0.0); a = Div(x, 10.0); y = Where(c, a, x)", "y", "LeakyRelu"},
    {"recognize_activations", 13, X,
     "c = Greater(x, 0.0); e = Exp(x); f = Sub(e, 1.0); a = Mul(f, 1.5); y = Where(c, x, a)", "y", "Elu"},
    {"recognize_activations", 13, X, "e = Elu[alpha=1.6732632](x); y = Mul(e, 1.0507010)", "y", "Selu"},
    {"recognize_activations", 13, X, "r = Relu(x); n = Neg(x); s = Relu(n); t = Mul(s, @3x1x1); y = Sub(r, t)", "y",
     "PRelu"},
    {"recognize_activations", 13, X, "r = Relu(x); n = Neg(x); s = Relu(n); t = Mul(-0.25, s); y = Add(t, r)", "y",
     "PRelu"},
    {"recognize_activations", 13, X, "s = Softplus(x); t = Tanh(s); y = Mul(x, t)", "y", "Mish"},
    {"recognize_activations", 13, X, "s = Softplus(x); t = Tanh(s); y = Mul(x, t)", "y", "Softplus Tanh Mul",
     HONE_TARGET_ONNX},
    {"recognize_activations", 18, X, "s = Softplus(x); t = Tanh(s); y = Mul(t, x)", "y", "Mish", HONE_TARGET_ONNX},
    {"fuse_silu", 14, X, "n = Neg(x); e = Exp(n); a = Add(e, 1.0); y = Div(x, a)", "y", "Silu"},
    {"fuse_silu", 14, X, "a = Add(x, 3.0); b = Clip(a, 0.0, 6.0); c = Div(x, 6.0); y = Mul(c, b)", "y", "HardSwish"},
/* affine maps */
#define BN "BatchNormalization"
    {"fold_batchnorm", 13, X, "c = Conv(x, @6x3x2x2, @6); y = " BN "(c, +6, @6, @6, +6)", "y", "Conv"},
    {"fold_batchnorm", 13, "x:f32 1x4x5x5", "c = Conv[group=2](x, @6x2x2x2); y = " BN "(c, +6, @6, @6, +6)", "y",
     "Conv"},
    {"fold_batchnorm", 13, "x:f32 1x4x5x5",
     "c = ConvTranspose[group=2](x, @4x3x2x2, @6); y = " BN "(c, +6, @6, @6, +6)", "y", "ConvTranspose"},
    {"fold_batchnorm", 13, "x:f32 2x4", "c = Gemm[transB=1](x, @6x4, @6); y = " BN "(c, +6, @6, @6, +6)", "y", "Gemm"},
    {"fold_batchnorm", 13, "x:f32 2x4", "c = Gemm[alpha=0.5 beta=2.0](x, @4x6, 0.5); y = " BN "(c, +6, @6, @6, +6)",
     "y", "Gemm"},
    {"fold_batchnorm", 13, "x:f32 2x4", "c = MatMul(x, @4x6); y = " BN "(c, +6, @6, @6, +6)", "y", "MatMul Add"},
    {"fold_batchnorm", 14, X, "c = Conv(x, @6x3x2x2, @6); y, m, v = " BN "[training_mode=1](c, +6, @6, @6, +6)", "y",
     "Conv BatchNormalization"},
    {"fold_batchnorm", 13, X, "c = Conv(x, @6x3x2x2); y = " BN "(c, +6, @6, @6, +6); z = Neg(c)", "y, z",
     "Conv BatchNormalization Neg"},
    {"fold_conv_affine", 13, X,
     "c = Conv(x, @6x3x2x2); a = Mul(c, +6x1x1); b = Add(a, @1x6x1x1); d = Sub(1.0, b); y = Div(d, 2.0)", "y", "Conv"},
    {"fold_conv_affine", 13, "x:f32 1x4x5x5", "c = ConvTranspose[group=2](x, @4x3x2x2); y = Mul(c, +6x1x1)", "y",
     "ConvTranspose"},
    {"fold_conv_affine", 13, "x:f32 2x4", "c = MatMul(x, @4x6); a = Mul(c, +6); y = Add(a, @6)", "y", "MatMul Add"},
    {"fold_conv_affine", 13, "x:f32 2x4", "c = Gemm(x, @4x6); y = Add(c, @6)", "y", "Gemm"},
    /* a residual block of ConvNeXt: the last sum leaves in the old order */
    {"channels_last", 13, "u:f32 1x6x6x32",
     "x = Transpose[perm=(0 3 1 2)](u); c = Conv[group=32 pads=(1 1 1 1)](x, @32x1x3x3, @32); t = Transpose[perm=(0 2 "
     "3 "
     "1)](c); m = MatMul(t, @32x32); b = Transpose[perm=(0 3 1 2)](m); s = Mul(b, +32x1x1); y = Add(s, x)",
     "y", "NhwcFusedConv MatMul Mul Add Transpose"},
    {"channels_last", 13, "u:f32 1x6x6x16",
     "x = Transpose[perm=(0 3 1 2)](u); c = Conv[strides=(2 2)](x, @24x16x2x2, @24); r = Relu(c); t = "
     "Transpose[perm=(0 2 3 1)](r); y = Softmax(t); z = Softmax(c)",
     "y, z", "NhwcFusedConv Transpose Relu Softmax Softmax"},
    {"channels_last", 13, "u:f32 1x6x6x16",
     "x = Transpose[perm=(0 3 1 2)](u); c = Conv[strides=(2 2)](x, @24x16x2x2); d = Clip(c, -0.5, 0.5); s = "
     "Transpose[perm=(0 2 3 1)](d); y = Neg(s); z = Transpose[perm=(0 2 3 1)](c); w = Neg(z)",
     "y, w", "NhwcFusedConv Clip Neg Neg"},
    /* a kernel that is not the stride, padding, channels that do not fill vectors, no transpose to win */
    {"channels_last", 13, "u:f32 1x6x6x16",
     "x = Transpose[perm=(0 3 1 2)](u); c = Conv[strides=(2 2)](x, @24x16x3x3); y = Transpose[perm=(0 2 3 1)](c)", "y",
     "Transpose Conv Transpose"},
    {"channels_last", 13, "u:f32 1x6x6x16",
     "x = Transpose[perm=(0 3 1 2)](u); c = Conv[strides=(2 2) pads=(1 0 1 0)](x, @24x16x2x2); y = "
     "Transpose[perm=(0 2 3 1)](c)",
     "y", "Transpose Conv Transpose"},
    {"channels_last", 13, "u:f32 1x6x6x12",
     "x = Transpose[perm=(0 3 1 2)](u); c = Conv[group=12](x, @12x1x3x3); y = Transpose[perm=(0 2 3 1)](c)", "y",
     "Transpose Conv Transpose"},
    {"channels_last", 13, "x:f32 1x16x6x6",
     "c = Conv[group=16](x, @16x1x3x3); a = Relu(c); y = Transpose[perm=(0 2 3 1)](a); z = Neg(c)", "y, z",
     "Conv Relu Transpose Neg"},
    /* large weights are not copied */
    {"fold_conv_affine", 13, "x:f32 1x3x512", "c = MatMul(x, @512x513); y = Mul(c, +1x513)", "y", "FusedMatMul"},
    {"fold_conv_affine", 13, "x:f32 1x3x512", "c = MatMul(x, @512x513); y = Mul(c, +513)", "y", "MatMul",
     HONE_TARGET_ONNX},
    {"fold_conv_affine", 13, "x:f32 1x3x512", "c = MatMul(x, @512x513); y = Mul(c, 1.5)", "y", "MatMul Mul"},
    {"", 13, "x:f32 1x3x512, z:f32 1x3x513",
     "c = MatMul(x, @512x513); b = Add(c, @513); s = Mul(b, +513); a = Add(s, z); y = Relu(a)", "y", "FusedMatMul",
     HONE_TARGET_HONE, 1e-4},
    {"fold_conv_affine", 13, "x:f32 1x3x4x6", "c = Conv(x, @3x3x1x1); y = Mul(c, +6)", "y", "Conv Mul"},
    {"fold_conv_affine", 13, "x:f32 1x3x4x6", "c = Conv(x, @1x3x1x1); y = Mul(c, +2x1x1)", "y", "Conv Mul"},
    {"fold_affine_before", 13, X, "a = " BN "(x, +3, @3, @3, +3); y = Conv(a, @6x3x2x2, @6)", "y", "Conv"},
    {"fold_affine_before", 13, X, "a = " BN "(x, +3, @3, @3, +3); y = Conv[pads=(1 1 1 1)](a, @6x3x2x2, @6)", "y",
     "BatchNormalization Conv"},
    {"fold_affine_before", 13, X, "a = Div(x, +3x1x1); y = Conv[pads=(1 1 1 1)](a, @6x3x2x2, @6)", "y", "Conv"},
    {"fold_affine_before", 13, "x:f32 1x4x5x5", "a = Sub(x, +4x1x1); y = Conv[group=2](a, @6x2x2x2)", "y", "Conv"},
    {"fold_affine_before", 13, "x:f32 2x4", "a = " BN "(x, +4, @4, @4, +4); y = Gemm[transB=1](a, @6x4)", "y", "Gemm"},
    {"fold_affine_before", 13, "x:f32 2x3x4", "a = Mul(x, +4); y = MatMul(a, @4x6)", "y", "MatMul"},
    {"fold_affine_before", 13, "x:f32 2x3x4", "a = Mul(x, 0.5); y = MatMul(a, @4x6)", "y", "Mul MatMul",
     HONE_TARGET_ONNX},
    {"fold_affine_before", 13, "x:f32 2x3x4", "a = Add(x, +4); y = MatMul(a, @4x6)", "y", "Add MatMul"},
    {"fold_affine_before", 13, "x:f32 1x1x4x5", "a = Mul(x, +3x1x1); y = Conv(a, @6x3x2x2)", "y", "Mul Conv"},
    /* padding */
    {"fold_pad", 13, X, "a = Pad(x, {0 0 1 2 0 0 3 0}); y = Conv[pads=(1 0 0 1)](a, @6x3x2x2)", "y", "Conv"},
    {"fold_pad", 2, X, "a = Pad[pads=(0 0 1 1 0 0 1 1)](x); y = Conv(a, @6x3x2x2)", "y", "Conv"},
    {"fold_pad", 13, X, "a = Pad(x, {0 0 1 1 0 0 1 1}, 0.5); y = Conv(a, @6x3x2x2)", "y", "Pad Conv"},
    {"fold_pad", 13, X, "a = Pad(x, {0 1 1 1 0 0 1 1}); y = Conv(a, @6x4x2x2)", "y", "Pad Conv"},
    {"fold_pad", 13, X, "a = Pad[mode='edge'](x, {0 0 1 1 0 0 1 1}); y = Conv(a, @6x3x2x2)", "y", "Pad Conv"},
    {"fold_pad", 13, X, "r = Relu(x); a = Pad(r, {0 0 1 1 0 0 1 1}); y = MaxPool[kernel_shape=(3 3)](a)", "y",
     "Relu MaxPool"},
    {"fold_pad", 13, X, "a = Pad(x, {0 0 1 1 0 0 1 1}); y = MaxPool[kernel_shape=(3 3)](a)", "y", "Pad MaxPool"},
    {"fold_pad", 13, X, "a = Pad(x, {0 0 1 1 0 0 1 1}); y = AveragePool[kernel_shape=(3 3)](a)", "y", "AveragePool"},
    {"fold_pad", 13, X, "a = Pad(x, {0 0 1 1 0 0 1 1}); y = AveragePool[kernel_shape=(3 3) pads=(1 1 1 1)](a)", "y",
     "Pad AveragePool"},
    /* linear layers */
    {"convert_gemm", 13, "x:f32 2x4", "m = MatMul(x, @4x6); y = Add(@6, m)", "y", "Gemm", HONE_TARGET_ONNX},
    {"convert_gemm", 13, "x:f32 2x4", "m = MatMul(x, @4x6); y = Add(m, @2x6)", "y", "MatMul Add", HONE_TARGET_ONNX},
    {"convert_gemm", 13, "x:f32 2x3x4", "m = MatMul(x, @4x6); y = Add(m, @6)", "y", "MatMul Add", HONE_TARGET_ONNX},
    {"convert_gemm", 13, "x:f32 2x4", "m = Gemm[alpha=0.5 transB=1](x, @6x4, @1x6); y = Relu(m)", "y",
     "FusedMatMul Relu"},
    {"convert_gemm", 13, "x:f32 2x4", "m = Gemm[beta=0.5](x, @4x6, @6); y = Relu(m)", "y", "Gemm Relu"},
    {"unflatten_matmul", 13, "x:f32 Nx3x4",
     "a = Reshape(x, {-1 4}); m = MatMul(a, @4x6); b = Reshape(m, {-1 3 6}); y = Relu(b)", "y", "MatMul Relu"},
    {"unflatten_matmul", 13, "x:f32 2x3x4",
     "a = Reshape(x, {-1 6}); m = MatMul(a, @6x6); b = Reshape(m, {2 2 6}); y = Relu(b)", "y",
     "Reshape MatMul Reshape Relu"},
    {"unflatten_matmul", 13, "x:f32 2x3x4",
     "a = Reshape(x, {-1 4}); m = MatMul(a, @4x6); b = Reshape(m, {3 2 6}); y = Relu(b)", "y",
     "Reshape MatMul Reshape Relu"},
    {"convert_gemm", 13, "x:f32 2x3x4",
     "a = Reshape(x, {-1 4}); m = Gemm[transB=1](a, @6x4, @1x6); b = Reshape(m, {2 3 6}); y = Softmax(b)", "y",
     "FusedMatMul Softmax"},
    /* quantisation */
    {"propagate_qdq", 13, "x:u8 2x3x4",
     "d = DequantizeLinear(x, 0.1, u8:3); r = Reshape(d, {6 4}); t = Transpose(r); y = QuantizeLinear(t, 0.1, u8:3)",
     "y", "Reshape Transpose"},
    {"propagate_qdq", 13, "x:u8 2x3x4", "d = DequantizeLinear(x, 0.1, u8:3); y = QuantizeLinear(d, 0.2, u8:3)", "y",
     "DequantizeLinear QuantizeLinear"},
    {"propagate_qdq", 13, "x:u8 2x3x4, z:u8 2x3x4",
     "a = DequantizeLinear(x, 0.1, u8:3); b = DequantizeLinear(z, 0.1, u8:3); c = Concat[axis=1](a, b); y = "
     "QuantizeLinear(c, 0.1, u8:3)",
     "y", "Concat"},
    {"propagate_qdq", 13, "x:u8 2x3x4, z:u8 2x3x4",
     "a = DequantizeLinear(x, 0.1, u8:3); b = DequantizeLinear(z, 0.1, u8:4); c = Concat[axis=1](a, b); y = "
     "QuantizeLinear(c, 0.1, u8:3)",
     "y", "DequantizeLinear DequantizeLinear Concat QuantizeLinear"},
    {"propagate_qdq", 13, "x:i8 1x2x4x4",
     "d = DequantizeLinear(x, 0.1, i8:3); m = MaxPool[kernel_shape=(2 2)](d); y = QuantizeLinear(m, 0.1, i8:3)", "y",
     "MaxPool"},
    {"propagate_qdq", 13, "x:i8 2x3",
     "d = DequantizeLinear(x, {0.1 0.2 0.3}, i8:{1 2 3}); t = Transpose(d); y = Relu(t)", "y",
     "DequantizeLinear Transpose Relu"},
    {"propagate_qdq", 13, X, "r = Relu(x); y = QuantizeLinear(r, 0.01, u8:0)", "y", "QuantizeLinear"},
    {"propagate_qdq", 13, X, "r = Relu(x); y = QuantizeLinear(r, 0.01, u8:5)", "y", "Relu QuantizeLinear"},
    /* sequences */
    {"eliminate_sequences", 13, XY, "s = SequenceConstruct(x, y); a = SequenceAt(s, -1); z = Relu(a)", "z", "Relu"},
    {"eliminate_sequences", 13, XY, "s = SequenceConstruct(x, y); z = ConcatFromSequence[axis=1](s)", "z", "Concat"},
    {"eliminate_sequences", 13, XY, "s = SequenceConstruct(x, y); z = ConcatFromSequence[axis=1 new_axis=1](s)", "z",
     "Unsqueeze Unsqueeze Concat"},
    {"eliminate_sequences", 13, XY,
     "s = SequenceConstruct(x, y); n = SequenceLength(s); m = Cast[to=1](n); z = Mul(x, m)", "z", "Cast Mul"},
    {"eliminate_sequences", 13, X,
     "s = SplitToSequence[axis=2](x, 2); a = SequenceAt(s, 0); b = SequenceAt(s, 1); y = Sub(a, b)", "y",
     "Split Identity Identity Sub"},
    {"eliminate_sequences", 13, "x:f32 1x3x4x5, i:i64 1",
     "s = SplitToSequence[axis=2](x, 2); j = Mul(i, 0); k = Squeeze(j); a = SequenceAt(s, k); y = Relu(a)", "y",
     "SplitToSequence Mul Squeeze SequenceAt Relu"},
    /* control flow */
    {"inline_control", 13, X,
     "y = If[then_branch=<|| a = Neg(x); b = Exp(a) | b> else_branch=<|| a = Abs(x) | a>](true)", "y", "Neg Exp"},
    {"inline_control", 13, X, "y = If[then_branch=<|| a = Neg(x) | a> else_branch=<|| | x>](false)", "y", "Identity"},
    {"inline_control", 13, X, "a = If[then_branch=<|| | x> else_branch=<|| a = Neg(x) | a>](true); y = Relu(a)", "y",
     "Relu"},
    {"inline_control", 13, X,
     "a = If[then_branch=<|| b = Cast[to=1](f64:3) | b> else_branch=<|| b = Neg(1.0) | b>](true); y = Add(x, a)", "y",
     "Cast Add"},
    {"inline_control", 13, "x:f32 3, c:bool ",
     "a = If[then_branch=<|| k = Add(x, @3); b = If[then_branch=<|| d = Mul(k, @3) | d> else_branch=<|| | k>](c) | b> "
     "else_branch=<|| b = Neg(x) | b>](true); y = Relu(a)",
     "y", "Add If Relu"},
    {"inline_control", 13, "x:f32 3, c:bool ",
     "y = If[then_branch=<|| a = Neg(x) | a> else_branch=<|| a = Abs(x) | a>](c)", "y", "If"},
    {"inline_control", 13, "x:f32 3, c:bool ",
     "y = If[then_branch=<|| a = If[then_branch=<|| | x> else_branch=<|| b = Exp(x) | b>](false) | a> else_branch=<|| "
     "a = Abs(x) | a>](c)",
     "y", "If"},
    {"inline_control", 13, "x:f32 3",
     "y, z = Loop[body=<i:i64, c:bool, s:f32 3 || a = Add(s, x); f = Cast[to=1](i); b = Add(a, f) | c, b, a>](1, true, "
     "x)",
     "y, z", "Add Cast Add Unsqueeze"},
    {"inline_control", 13, "x:f32 3",
     "y = Loop[body=<i:i64, c:bool, s:f32 3 || a = Add(s, x) | c, a>](0, true, x); z = Relu(y)", "z", "Relu"},
    {"inline_control", 13, "x:f32 3",
     "y = Loop[body=<i:i64, c:bool, s:f32 3 || a = Add(s, x) | c, a>](3, true, x); z = Relu(y)", "z", "Loop Relu"},
    {"inline_control", 13, "x:f32 3",
     "y, k = Loop[body=<i:i64, c:bool, s:f32 3, u:f32 3 || a = Add(s, u); v = Identity(u) | c, a, v>](3, true, x, x); "
     "z = Add(y, k)",
     "z", "Loop Add"},
    {"eliminate_dead", 13, "x:f32 3, c:bool ",
     "y, z = If[then_branch=<|| a = Neg(x); b = Exp(x) | a, b> else_branch=<|| a = Abs(x); b = Sin(x) | a, b>](c)", "y",
     "If"},
    {"eliminate_dead", 13, "x:f32 3",
     "y, z, w = Loop[body=<i:i64, c:bool, s:f32 3, u:f32 3 || a = Add(s, x); b = Exp(x) | c, a, u, b>](3, true, x, x)",
     "y", "Loop"},
    {"", 13, X,
     "s = Shape(x); g = Gather(s, 1); e = Equal(g, 3); y = If[then_branch=<|| a = Neg(x) | a> else_branch=<|| a = "
     "Abs(x) | a>](e)",
     "y", "Neg"},
    /* shuffles of channels */
    {"fuse_shuffle", 13, "x:f32 1x6x4x5",
     "a = Reshape(x, {1 2 3 4 5}); b = Transpose[perm=(0 2 1 3 4)](a); c = Reshape(b, {1 6 4 5}); y = Relu(c)", "y",
     "ChannelGather Relu"},
    {"fuse_shuffle", 13, "x:f32 Nx6x4x5", /* any batch; an output of the graph stays */
     "a = Reshape(x, {-1 2 3 4 5}); b = Transpose[perm=(0 2 1 3 4)](a); c = Reshape(b, {-1 6 4 5}); y = Relu(c)",
     "y, c", "Reshape Transpose Reshape Relu"},
    {"fuse_shuffle", 13, "x:f32 1x6x4x5", /* not of channels */
     "a = Reshape(x, {1 6 2 2 5}); b = Transpose[perm=(0 2 1 3 4)](a); c = Reshape(b, {1 6 4 5}); y = Relu(c)", "y",
     "Reshape Transpose Reshape Relu"},
    {"fuse_shuffle", 13, "x:f32 1x6x4x5", /* another order */
     "a = Reshape(x, {1 2 3 4 5}); b = Transpose[perm=(0 2 1 4 3)](a); c = Reshape(b, {1 6 4 5}); y = Relu(c)", "y",
     "Reshape Transpose Reshape Relu"},
    {"fuse_shuffle", 13, "x:f32 1x6x4x5, z:f32 1x6x4x5", /* two units: halves carried on are not copied */
     "k = Concat[axis=1](x, z); a = Reshape(k, {1 2 6 4 5}); b = Transpose[perm=(0 2 1 3 4)](a); c = Reshape(b, {1 12 "
     "4 "
     "5}); d, e = Split[axis=1](c, {6 6}); f = Relu(e); g = Concat[axis=1](d, f); h = Reshape(g, {1 2 6 4 5}); i = "
     "Transpose[perm=(0 2 1 3 4)](h); j = Reshape(i, {1 12 4 5}); l = Slice(j, {0}, {7}, {1}); m = Slice(j, {7}, {99}, "
     "{1}); n = Neg(l); o = Abs(m); y = Concat[axis=1](n, o)",
     "y", "ChannelGather Relu ChannelGather ChannelGather Neg Abs Concat"},
    {"fuse_shuffle", 13, "x:f32 2x6x4x5", /* a shuffle undone, and a value that is read both ways */
     "a = Reshape(x, {2 2 3 4 5}); b = Transpose[perm=(0 2 1 3 4)](a); c = Reshape(b, {2 6 4 5}); d = Reshape(c, {2 3 "
     "2 "
     "4 5}); e = Transpose[perm=(0 2 1 3 4)](d); f = Reshape(e, {2 6 4 5}); g = Neg(c); h = Abs(f); i = Relu(d); j = "
     "Reshape(i, {2 6 4 5}); k = Add(g, h); y = Add(k, j)",
     "y", "ChannelGather Reshape ChannelGather Neg Abs Relu Reshape Add Add"},
    /* all together */
    {"", 13, X,
     "a = Shape(x); b = Gather(a, 0); c = Unsqueeze(b, {0}); d = Concat[axis=0](c, {-1}); e = Reshape(x, d); y = "
     "Relu(e)",
     "y", "Reshape Relu"},
    {"", 13, "x:f32 1x4x5x3",
     "a = Transpose[perm=(0 3 1 2)](x); b = Conv(a, @6x3x2x2, @6); c = Transpose[perm=(0 2 3 1)](b); d = Mul(c, +6); e "
     "= Add(d, @6); f = Max(e, 0.0); g = Min(f, 6.0); h = Transpose[perm=(0 3 1 2)](g); y = Conv(h, @2x6x1x1)",
     "y", "Transpose FusedConv Conv"},
};

static void run_options(hone__graph *graph, const pass_case *c) {
    const char *only[] = {c->pass, "eliminate_dead"};
    hone__pass_options options = {.level = HONE_OPT_ALL, .target = c->target};
    if (*c->pass) {
        options.only = only;
        options.n_only = 2;
        assert_non_null(hone__passes_find(c->pass));
    }
    OK(hone__passes_run_with(graph, &options, error));
    OK(hone__graph_verify(graph, error));
}

static bool run_case(const pass_case *c, size_t index) {
    char got[512];
    bool ok = true;
    hone_tensor *before[MAX_OUTPUTS] = {0}, *after[MAX_OUTPUTS] = {0};
    graph_text_seed((uint32_t)index);
    hone__graph *graph = graph_text(c->inputs, c->opset, c->body, c->outputs);
    size_t n = graph->n_outputs;
    const char *name = graph->outputs[0]->name;
    graph_text_run(graph, 2, 7, before);
    run_options(graph, c);
    graph_text_operators(graph, got, sizeof got);
    if (strcmp(got, c->want) != 0) {
        print_error("%s: \"%s\" became \"%s\", wanted \"%s\"\n", c->pass, c->body, got, c->want);
        ok = false;
    }
    assert_int_equal(graph->n_outputs, n);
    assert_string_equal(graph->outputs[0]->name, name);
    graph_text_run(graph, 2, 7, after);
    bool is_random = strstr(c->body, "Random") != NULL;
    for (size_t i = 0; i < n; i++) {
        double d = graph_text_difference(after[i], before[i]);
        if (d > (c->tolerance > 0 ? c->tolerance : 1e-5) && !is_random) {
            print_error("%s: \"%s\": output %zu differs by %g\n", c->pass, c->body, i, d);
            ok = false;
        }
        hone_tensor_destroy(before[i]);
        hone_tensor_destroy(after[i]);
    }
    if (strstr(c->body, "Loop")) /* bodies are checked by their operators alone: nothing may be left of what is dead */
        HONE_FOR_NODES(node, graph) {
            for (size_t i = 0; i < node->n_attrs; i++)
                if (node->attrs[i].type == HONE_ATTR_GRAPH && strcmp(c->pass, "eliminate_dead") == 0)
                    assert_int_equal(node->attrs[i].g->n_nodes, 1);
        }
    OK(hone__graph_infer(graph, error)); /* what passes declare agrees with what inference finds */
    hone__graph_destroy(graph);
    return ok;
}

static void test_cases(void **state) {
    (void)state;
    size_t n_failed = 0;
    for (size_t i = 0; i < sizeof g_cases / sizeof *g_cases; i++)
        n_failed += !run_case(&g_cases[i], i);
    assert_int_equal(n_failed, 0);
}

/* A weight that is an input too: no pass may take it for a constant until it is frozen. */
static void test_overridable(void **state) {
    (void)state;
    char got[256];
    static const char *const enable[] = {"freeze_initializers"};
    for (int frozen = 0; frozen < 2; frozen++) {
        hone__graph *graph = graph_text(X, 13, "w = Identity(@6x3x2x2); c = Conv(x, w); y = Mul(c, 2.0)", "y");
        hone__node *identity = graph->first;
        hone__value *weight = identity->inputs[0];
        OK(hone__graph_add_input(graph, weight, error));
        weight->is_overridable = true;
        hone__pass_options options = {.level = HONE_OPT_BASIC, .enable = enable, .n_enable = (size_t)frozen};
        OK(hone__passes_run_with(graph, &options, error));
        OK(hone__graph_verify(graph, error));
        graph_text_operators(graph, got, sizeof got);
        assert_string_equal(got, frozen ? "Conv" : "Conv Mul");
        assert_int_equal(graph->n_inputs, frozen ? 1 : 2);
        hone__graph_destroy(graph);
    }
}

/* ---- random graphs ---- */

/* Statements with $o for the result, $x and $y for values of shape 1x3x4x5, $t for a temporary. */
static const char *const g_snippets[] = {
    "$o = Neg($x)",
    "$o = Relu($x)",
    "$o = Sigmoid($x)",
    "$o = Tanh($x)",
    "$o = Abs($x)",
    "$o = Floor($x)",
    "$o = Add($x, $y)",
    "$o = Mul($x, $y)",
    "$o = Sub($x, $y)",
    "$o = Max($x, $y)",
    "$o = Add($x, 0.0)",
    "$o = Mul(1.0, $x)",
    "$o = Add($x, @3x1x1)",
    "$o = Mul($x, +5)",
    "$o = Sub(1.5, $x)",
    "$o = Div($x, 4.0)",
    "$o = Clip($x, -1.0, 1.0)",
    "$o = Max($x, 0.0)",
    "$o = Min($x, 2.0)",
    "$ta = Transpose[perm=(0 2 3 1)]($x); $tb = Sigmoid($ta); $o = Transpose[perm=(0 3 1 2)]($tb)",
    "$ta = Transpose[perm=(0 2 3 1)]($x); $tb = Transpose[perm=(0 2 3 1)]($y); $tc = Add($ta, $tb); $td = Mul($tc, "
    "@3); $o = Transpose[perm=(0 3 1 2)]($td)",
    "$ta = Transpose[perm=(3 2 1 0)]($x); $tb = Reshape($ta, {5 12}); $tc = Transpose($tb); $td = Reshape($tc, {3 4 1 "
    "5}); $o = Transpose[perm=(2 0 1 3)]($td)",
    "$ta = Reshape($x, {3 20}); $tb = Exp($ta); $tc = Log($tb); $o = Reshape($tc, {1 3 4 5})",
    "$ta = Flatten($x); $tb = Unsqueeze($ta, {0}); $o = Reshape($tb, {1 3 4 5})",
    "$ta = Squeeze($x, {0}); $o = Unsqueeze($ta, {0})",
    "$ta, $tb = Split[axis=2]($x, {1 3}); $o = Concat[axis=2]($ta, $tb)",
    "$ta, $tb = Split[axis=2]($x, {1 3}); $tc = Neg($tb); $o = Concat[axis=2]($ta, $tc)",
    "$ta = Concat[axis=1]($x, $y); $tb, $tc = Split[axis=1]($ta, {3 3}); $o = Sub($tb, $tc)",
    "$ta = Slice($x, {0}, {2}, {3}); $tb = Slice($x, {2}, {5}, {3}); $o = Concat[axis=3]($ta, $tb)",
    "$ta = Pad($x, {0 0 1 1 0 0 1 1}); $tb = Slice($ta, {1}, {5}, {2}); $o = Slice($tb, {1}, {6}, {3})",
    "$ta = Concat[axis=1]($x, $y); $tb = Concat[axis=1]($ta, $x); $o = Gather[axis=1]($tb, {3 4 5})",
    "$ta = Cast[to=11]($x); $tb = Sin($ta); $o = Cast[to=1]($tb)",
    "$ta = Cast[to=11]($x); $o = Cast[to=1]($ta)",
    "$ta = Shape($x); $tb = Gather($ta, {0 1}); $tc = Concat[axis=0]($tb, {20}); $td = Reshape($x, $tc); $o = "
    "Reshape($td, $ta)",
    "$ta = Shape($x); $tb = ConstantOfShape($ta); $o = Add($x, $tb)",
    "$ta = ReduceMean[axes=(2 3)]($x); $o = Mul($x, $ta)",
    "$ta = ReduceMax[axes=(3) keepdims=0]($x); $tb = ReduceMax[axes=(2) keepdims=0]($ta); $tc = Unsqueeze($tb, {2 3}); "
    "$o = Sub($x, $tc)",
    "$ta = Conv[pads=(1 1 1 1)]($x, @3x3x3x3, @3); $o = BatchNormalization($ta, +3, @3, @3, +3)",
    "$ta = Pad($x, {0 0 1 1 0 0 1 1}); $o = Conv($ta, @3x3x3x3)",
    "$ta = Mul($x, +3x1x1); $tb = Add($ta, @3x1x1); $o = Conv($tb, @3x3x1x1, @3)",
    "$ta = ConvTranspose($x, @3x3x1x1, @3); $tb = Mul($ta, +3x1x1); $o = Add($tb, 0.5)",
    "$ta = MatMul($x, @5x5); $tb = Mul($ta, +5); $o = Add($tb, @5)",
    "$ta = Reshape($x, {12 5}); $tb = MatMul($ta, @5x5); $tc = Reshape($tb, {1 3 4 5}); $td = Add($tc, @5); $o = "
    "Relu($td)",
    "$ta = Reshape($x, {12 5}); $tb = Gemm[transB=1]($ta, @5x5, @5); $tc = Reshape($tb, {1 3 4 5}); $o = Add($tc, $y)",
    "$ta = Neg($x); $tb = Exp($ta); $tc = Add($tb, 1.0); $o = Div(1.0, $tc)",
    "$ta = Greater($x, 0.0); $tb = Mul($x, 0.1); $o = Where($ta, $x, $tb)",
    "$ta = Less($x, $y); $tb = Not($ta); $o = Where($tb, $x, $y)",
    "$ta = Softplus($x); $tb = Tanh($ta); $o = Mul($x, $tb)",
    "$ta = Add($x, 3.0); $tb = Clip($ta, 0.0, 6.0); $tc = Mul($x, $tb); $o = Div($tc, 6.0)",
    "$ta = Relu($x); $tb = Neg($x); $tc = Relu($tb); $td = Mul($tc, +3x1x1); $o = Sub($ta, $td)",
    "$ta = Pow($x, 2.0); $tb = Add($ta, 1.0); $o = Pow($tb, 0.5)",
    "$ta = QuantizeLinear($x, 0.05, u8:100); $tb = DequantizeLinear($ta, 0.05, u8:100); $tc = Reshape($tb, {3 20}); "
    "$td = QuantizeLinear($tc, 0.05, u8:100); $te = DequantizeLinear($td, 0.05, u8:100); $o = Reshape($te, {1 3 4 5})",
    "$ta = SequenceConstruct($x, $y); $tb = ConcatFromSequence[axis=1]($ta); $o = Slice($tb, {1}, {4}, {1})",
    "$ta = SplitToSequence[axis=3]($x, {2 3}); $tb = SequenceAt($ta, 0); $tc = SequenceAt($ta, 1); $o = "
    "Concat[axis=3]($tc, $tb)",
    "$ta = MaxPool[kernel_shape=(1 1)]($x); $tb = Expand($ta, {1 3 1 1}); $o = Dropout($tb)",
    "$ta = Where(true, $x, $y); $o = Identity($ta)",
    "$ta = Relu($x); $tb = Pad($ta, {0 0 1 1 0 0 1 1}); $o = MaxPool[kernel_shape=(3 3)]($tb)",
    "$ta = GlobalAveragePool($x); $tb = Sigmoid($ta); $o = Mul($x, $tb)",
    "$ta = Softmax[axis=1]($x); $o = Add($ta, $y)",
    "$ta = Concat[axis=1]($x, $y); $tb = Reshape($ta, {1 2 3 4 5}); $tc = Transpose[perm=(0 2 1 3 4)]($tb); $td = "
    "Reshape($tc, {1 6 4 5}); $te, $tf = Split[axis=1]($td, {3 3}); $tg = Neg($tf); $o = Add($te, $tg)",
    "$ta = Slice($x, {0}, {4}, {3}); $tb = Slice($ta, {2}, {4}, {3}); $tc = Neg($tb); $td = Slice($ta, {0}, {2}, {3}); "
    "$te = Concat[axis=3]($tc, $td); $tf = Mul($te, @4x4); $tg = Mul($ta, @4x4); $th = Add($tg, $tf); $ti = Slice($x, "
    "{4}, {5}, {3}); $o = Concat[axis=3]($th, $ti)",
};
enum { N_SNIPPETS = sizeof g_snippets / sizeof *g_snippets };

/* Appends snippet `which`, whose result is v<result>. */
static size_t append(char *out, size_t size, const char *snippet, int result, int x, int y) {
    size_t n = 0;
    for (const char *p = snippet; *p; p++) {
        if (*p != '$') {
            n += (size_t)snprintf(out + n, size - n, "%c", *p);
            continue;
        }
        p++;
        if (*p == 'o')
            n += (size_t)snprintf(out + n, size - n, "v%d", result);
        else if (*p == 'x' || *p == 'y')
            n += (size_t)snprintf(out + n, size - n, "v%d", *p == 'x' ? x : y);
        else
            n += (size_t)snprintf(out + n, size - n, "v%d_%c", result, *++p);
    }
    return n + (size_t)snprintf(out + n, size - n, "; ");
}

static hone__graph *random_graph(uint32_t seed, char *body, size_t size) {
    size_t n = 0;
    char outputs[32];
    graph_text_seed(seed);
    int n_values = 1, wanted = 4 + (int)(seed % 14);
    while (n_values < wanted) {
        uint32_t which = graph_text_random(N_SNIPPETS);
        int back = n_values < 3 ? n_values : 3;
        int x = n_values - 1 - (int)graph_text_random((uint32_t)back), y = (int)graph_text_random((uint32_t)n_values);
        n += append(body + n, size - n, g_snippets[which], n_values, x, y);
        n_values++;
    }
    snprintf(outputs, sizeof outputs, seed % 3 ? "v%d" : "v%d, v%d", n_values - 1, n_values / 2);
    return graph_text("v0:f32 1x3x4x5", 13, body, outputs);
}

static void test_random(void **state) {
    (void)state;
    const char *many = getenv("HONE_RANDOM_GRAPHS");
    uint32_t n_seeds = many ? (uint32_t)atoi(many) : 400;
    size_t n_before = 0, n_after = 0;
    for (uint32_t seed = 0; seed < n_seeds; seed++) {
        static char body[16384];
        for (int run = 0; run < 5; run++) {
            static const hone__opt_level levels[] = {HONE_OPT_BASIC, HONE_OPT_EXTENDED, HONE_OPT_ALL, HONE_OPT_BASIC,
                                                     HONE_OPT_ALL};
            hone__pass_options options = {.level = levels[run],
                                          .target = run == 3   ? HONE_TARGET_ONNX
                                                    : run == 4 ? HONE_TARGET_ONNXRUNTIME
                                                               : HONE_TARGET_HONE};
            hone_tensor *before[2] = {0}, *after[2] = {0};
            hone__graph *graph = random_graph(seed, body, sizeof body);
            graph_text_run(graph, 2, seed, before);
            n_before += graph->n_nodes;
            OK(hone__passes_run_with(graph, &options, error));
            OK(hone__graph_verify(graph, error));
            n_after += graph->n_nodes;
            graph_text_run(graph, 2, seed, after);
            for (size_t i = 0; i < graph->n_outputs; i++) {
                double d = graph_text_difference(after[i], before[i]);
                /* Rounding decides which step of a Floor or of a quantisation a value falls on. */
                bool steps = strstr(body, "Floor") || strstr(body, "Quantize");
                if (d > (steps ? 2.0 : 2e-4))
                    fail_msg("seed %u, run %d, output %zu differs by %g: %s", seed, run, i, d, body);
                hone_tensor_destroy(before[i]);
                hone_tensor_destroy(after[i]);
            }
            OK(hone__graph_infer(graph, error));
            hone__graph_destroy(graph);
        }
    }
    assert_true(n_after * 4 < n_before * 3); /* the passes had something to do */
}

/* Running out of memory anywhere is an error, and the graph stays whole or is given up: nothing leaks, nothing crashes.
 */
static void test_out_of_memory(void **state) {
    (void)state;
    static char body[16384];
    for (uint32_t seed = 0; seed < 6; seed++) {
        for (int64_t n = 0; n < 400; n += 7) {
            hone_error error;
            hone_error_clear(&error);
            hone__graph *graph = random_graph(seed, body, sizeof body);
            hone__alloc_fail_after(n);
            hone_status status = hone__passes_run(graph, HONE_OPT_ALL, &error);
            hone__alloc_fail_after(-1);
            assert_true(status == HONE_OK || status == HONE_ERROR_MEMORY);
            hone__graph_destroy(graph);
            if (status == HONE_OK)
                break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_overridable),
                                       cmocka_unit_test(test_random), cmocka_unit_test(test_out_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
