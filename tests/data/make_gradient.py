#!/usr/bin/python3
"""Makes tests/data/gradient.onnx: Gradient nodes over many operators, with the derivatives that PyTorch finds.

Needs numpy, onnx and torch. Each case is a small graph of its own inside the one model: its inputs are initializers,
its result is multiplied by random weights and summed to y, and initializer "want/NAME" is the expected value of output
NAME (test_ops_peer.c)."""
import os
import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper

R = np.random.default_rng(5)
nodes, initializers, outputs = [], [], []


def f(*shape):
    return R.standard_normal(shape).astype("f4")


def p(*shape):
    return (R.random(shape) + 0.3).astype("f4")


def case(name, inputs, body, fn, xs=None, elsewhere=False):
    """inputs: name -> array; body: (op, inputs, outputs, attributes) per node, the last output is the result; fn: the
    same in torch; elsewhere: the gradient is taken at other values than the graph's."""
    xs = xs or [k for k, v in inputs.items() if v.dtype == np.float32]
    here = {k: (v + np.float32(0.25) if elsewhere and k in xs else v) for k, v in inputs.items()}
    at = {k: torch.from_numpy(np.array(v)).requires_grad_(k in xs) for k, v in inputs.items()}
    result = fn(*at.values())
    weight = f(*result.shape)
    (result * torch.from_numpy(weight)).sum().backward()
    pre = name + "/"
    for k, v in here.items():
        initializers.append(numpy_helper.from_array(np.array(v), pre + k))
    initializers.append(numpy_helper.from_array(np.array(weight), pre + "weight"))
    for op, ins, outs, attrs in body:
        nodes.append(helper.make_node(op, [pre + i if i else "" for i in ins], [pre + o for o in outs], **attrs))
    last = pre + body[-1][2][0]
    nodes.append(helper.make_node("Mul", [last, pre + "weight"], [pre + "weighted"]))
    nodes.append(helper.make_node("ReduceSum", [pre + "weighted"], [pre + "y"], keepdims=0))
    fed = []
    for k in xs:
        fed.append(pre + k)
        if elsewhere:
            initializers.append(numpy_helper.from_array(np.array(inputs[k]), pre + "at_" + k))
            fed[-1] = pre + "at_" + k
    nodes.append(helper.make_node("Gradient", fed, [pre + "d" + k for k in xs], domain="ai.onnx.preview.training",
                                  xs=[pre + k for k in xs], y=pre + "y"))
    for k in xs:
        grad = at[k].grad if at[k].grad is not None else torch.zeros_like(at[k])
        initializers.append(numpy_helper.from_array(grad.numpy().copy(), "want/" + pre + "d" + k))
        outputs.append(helper.make_tensor_value_info(pre + "d" + k, TensorProto.FLOAT, None))


def op(name, inputs, op_type, fn, attrs=None, xs=None, outs=("r",), label=None):
    case(label or op_type, inputs, [(op_type, list(inputs), list(outs), attrs or {})], fn, xs)


for name, fn in [("Neg", torch.neg), ("Abs", torch.abs), ("Exp", torch.exp), ("Sin", torch.sin), ("Cos", torch.cos),
                 ("Tan", torch.tan), ("Sinh", torch.sinh), ("Cosh", torch.cosh), ("Tanh", torch.tanh),
                 ("Atan", torch.atan), ("Asinh", torch.asinh), ("Sigmoid", torch.sigmoid), ("Relu", torch.relu),
                 ("Softplus", F.softplus), ("Softsign", F.softsign), ("Erf", torch.erf), ("HardSwish", F.hardswish),
                 ("Mish", F.mish), ("Selu", F.selu), ("Identity", lambda x: x), ("Sign", torch.sign),
                 ("Gelu", F.gelu)]:
    op(name, {"x": 2 * f(3, 4)}, name, lambda x, fn=fn: fn(x))
for name, fn in [("Sqrt", torch.sqrt), ("Log", torch.log), ("Reciprocal", torch.reciprocal)]:
    op(name, {"x": p(3, 4)}, name, lambda x, fn=fn: fn(x))
for name, fn in [("Asin", torch.asin), ("Acos", torch.acos), ("Atanh", torch.atanh)]:
    op(name, {"x": (R.random((3, 4)) * 1.6 - 0.8).astype("f4")}, name, lambda x, fn=fn: fn(x))
op("Acosh", {"x": 1.2 + p(3)}, "Acosh", torch.acosh)
op("LeakyRelu", {"x": f(9)}, "LeakyRelu", lambda x: F.leaky_relu(x, 0.2), {"alpha": 0.2})
op("Elu", {"x": f(9)}, "Elu", lambda x: F.elu(x, 1.5), {"alpha": 1.5})
op("Celu", {"x": f(9)}, "Celu", lambda x: F.celu(x, 1.5), {"alpha": 1.5})
op("HardSigmoid", {"x": 4 * f(9)}, "HardSigmoid", lambda x: torch.clamp(0.2 * x + 0.5, 0, 1))
op("ThresholdedRelu", {"x": 2 * f(9)}, "ThresholdedRelu", lambda x: F.threshold(x, 1.0, 0.0))
op("GeluTanh", {"x": f(9)}, "Gelu", lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3))),
   {"approximate": "tanh"}, label="GeluTanh")
op("Clip", {"x": 2 * f(9), "lo": np.array(-1, "f4"), "hi": np.array(1.5, "f4")}, "Clip",
   lambda x, lo, hi: torch.clamp(x, -1, 1.5), xs=["x"])

for name, fn in [("Add", torch.add), ("Sub", torch.sub), ("Mul", torch.mul), ("Div", torch.div), ("Max", torch.maximum),
                 ("Min", torch.minimum)]:
    op(name, {"a": f(2, 3, 4), "b": p(3, 1)}, name, lambda a, b, fn=fn: fn(a, b))
    op(name, {"a": f(4), "b": p(2, 3, 4)}, name, lambda a, b, fn=fn: fn(a, b), label=name + "Left")
op("Pow", {"a": p(2, 3), "b": f(3)}, "Pow", torch.pow)
op("Square", {"a": f(2, 3), "b": np.array(2, "i8")}, "Pow", lambda a, b: a * a, label="Square")
op("Sum", {"a": f(2, 3), "b": f(3), "d": f(1)}, "Sum", lambda a, b, d: a + b + d)
op("Mean", {"a": f(2, 3), "b": f(3)}, "Mean", lambda a, b: (a + b) / 2)
op("Where", {"m": R.random((2, 3)) > 0.5, "a": f(2, 3), "b": f(3)}, "Where", torch.where)
op("PRelu", {"x": f(2, 3, 4), "s": p(3, 1)}, "PRelu", lambda x, s: torch.where(x > 0, x, x * s))
case("Cast", {"x": f(3)}, [("Cast", ["x"], ["d"], {"to": TensorProto.DOUBLE}), ("Exp", ["d"], ["e"], {}),
                           ("Cast", ["e"], ["r"], {"to": TensorProto.FLOAT})], lambda x: x.double().exp().float())

op("MatMul", {"a": f(2, 3, 4), "b": f(4, 5)}, "MatMul", torch.matmul)
op("MatMul", {"a": f(3, 4), "b": f(2, 1, 4, 5)}, "MatMul", torch.matmul, label="MatMulBatch")
op("MatMul", {"a": f(4), "b": f(2, 4, 5)}, "MatMul", torch.matmul, label="MatMulRow")
op("MatMul", {"a": f(2, 3, 4), "b": f(4)}, "MatMul", torch.matmul, label="MatMulColumn")
op("MatMul", {"a": f(4), "b": f(4)}, "MatMul", torch.matmul, label="MatMulDot")
for ta in (0, 1):
    for tb in (0, 1):
        op("Gemm", {"a": f(*((4, 3) if ta else (3, 4))), "b": f(*((5, 4) if tb else (4, 5))), "c": f(5)}, "Gemm",
           lambda a, b, c, ta=ta, tb=tb: 0.5 * ((a.T if ta else a) @ (b.T if tb else b)) + 2 * c,
           {"transA": ta, "transB": tb, "alpha": 0.5, "beta": 2.0}, label=f"Gemm{ta}{tb}")
op("Conv", {"x": f(2, 4, 6, 5), "w": f(6, 2, 3, 2), "b": f(6)}, "Conv",
   lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(1, 1), dilation=(1, 2), groups=2),
   {"strides": [2, 1], "pads": [1, 1, 1, 1], "dilations": [1, 2], "group": 2})
op("Conv", {"x": f(2, 3, 7), "w": f(4, 3, 3)}, "Conv", lambda x, w: F.conv1d(x, w, padding=1), {"auto_pad": "SAME_UPPER"},
   label="Conv1d")
op("MaxPool", {"x": f(2, 3, 6, 5)}, "MaxPool", lambda x: F.max_pool2d(x, 2, 2), {"kernel_shape": [2, 2], "strides": [2, 2]})
op("AveragePool", {"x": f(2, 3, 6, 5)}, "AveragePool",
   lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
   {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]})
op("AveragePool", {"x": f(2, 3, 6, 5)}, "AveragePool", lambda x: F.avg_pool2d(x, 3, 2, 1),
   {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "count_include_pad": 1}, label="AveragePoolPads")
op("GlobalAveragePool", {"x": f(2, 3, 4, 5)}, "GlobalAveragePool", lambda x: x.mean((2, 3), keepdim=True))

axes = np.array([0, 2], "i8")
for name, fn in [("Sum", lambda x, k: x.sum((0, 2), keepdim=k)), ("Mean", lambda x, k: x.mean((0, 2), keepdim=k)),
                 ("SumSquare", lambda x, k: (x * x).sum((0, 2), keepdim=k)),
                 ("L1", lambda x, k: x.abs().sum((0, 2), keepdim=k)),
                 ("L2", lambda x, k: (x * x).sum((0, 2), keepdim=k).sqrt()),
                 ("LogSum", lambda x, k: x.sum((0, 2), keepdim=k).log()),
                 ("LogSumExp", lambda x, k: torch.logsumexp(x, (0, 2), keepdim=k)),
                 ("Max", lambda x, k: torch.amax(x, (0, 2), keepdim=k)),
                 ("Min", lambda x, k: torch.amin(x, (0, 2), keepdim=k))]:
    for keep in (0, 1):
        op("Reduce" + name, {"x": p(2, 3, 4), "axes": axes}, "Reduce" + name, lambda x, axes, fn=fn, keep=keep: fn(x, bool(keep)),
           {"keepdims": keep}, label=f"Reduce{name}{keep}")
op("Softmax", {"x": f(2, 3, 4)}, "Softmax", lambda x: F.softmax(x, 1), {"axis": 1})
op("LogSoftmax", {"x": f(2, 3, 4)}, "LogSoftmax", lambda x: F.log_softmax(x, -1))
op("LayerNormalization", {"x": f(2, 3, 4), "s": f(3, 4), "b": f(3, 4)}, "LayerNormalization",
   lambda x, s, b: F.layer_norm(x, (3, 4), s, b), {"axis": 1})
op("BatchNormalization", {"x": f(2, 3, 4), "s": f(3), "b": f(3), "m": f(3), "v": p(3)}, "BatchNormalization",
   lambda x, s, b, m, v: (x - m[:, None]) / torch.sqrt(v[:, None] + 1e-5) * s[:, None] + b[:, None])

def i8(*v):
    return np.array(v, "i8")


op("Reshape", {"x": f(2, 6), "shape": i8(3, 4)}, "Reshape", lambda x, shape: x.reshape(3, 4))
op("Flatten", {"x": f(2, 3, 4)}, "Flatten", lambda x: x.reshape(2, 12))
op("Squeeze", {"x": f(2, 1, 3), "axes": i8(1)}, "Squeeze", lambda x, axes: x.squeeze(1))
op("Unsqueeze", {"x": f(2, 3), "axes": i8(1)}, "Unsqueeze", lambda x, axes: x.unsqueeze(1))
op("Transpose", {"x": f(2, 3, 4)}, "Transpose", lambda x: x.permute(2, 0, 1), {"perm": [2, 0, 1]})
op("Slice", {"x": f(5, 6), "s": i8(4, 1), "e": i8(0, 6), "a": i8(0, 1), "t": i8(-2, 2)}, "Slice",
   lambda x, s, e, a, t: x[[4, 2]][:, 1:6:2])
op("Gather", {"x": f(5, 3), "i": i8(0, 2, 2, -1)}, "Gather", lambda x, i: x[[0, 2, 2, 4]])
op("GatherElements", {"x": f(3, 4), "i": R.integers(0, 3, (2, 4))}, "GatherElements", lambda x, i: torch.gather(x, 0, i))
op("GatherND", {"x": f(3, 4, 2), "i": np.array([[0, 1], [2, 3], [0, 1]], "i8")}, "GatherND",
   lambda x, i: x[[0, 2, 0], [1, 3, 1]])
op("Tile", {"x": f(2, 3), "n": i8(2, 2)}, "Tile", lambda x, n: x.repeat(2, 2))
op("Expand", {"x": f(3, 1), "n": i8(2, 3, 4)}, "Expand", lambda x, n: x.expand(2, 3, 4))
op("Pad", {"x": f(2, 3), "n": i8(0, 1, 1, 2), "v": np.array(7, "f4")}, "Pad",
   lambda x, n, v: F.pad(x, (1, 2, 0, 1), value=7.0), xs=["x"])
op("Pad", {"x": f(1, 4, 5), "n": i8(0, 1, 2, 0, 2, 1)}, "Pad",
   lambda x, n: F.pad(x, (2, 1, 1, 2), mode="reflect"), {"mode": "reflect"}, label="PadReflect")
op("DepthToSpace", {"x": f(1, 8, 2, 3)}, "DepthToSpace", lambda x: F.pixel_shuffle(x, 2), {"blocksize": 2, "mode": "CRD"})
op("Trilu", {"x": f(2, 3, 3)}, "Trilu", torch.triu)
op("Concat", {"a": f(2, 3), "b": f(2, 1), "d": f(2, 2)}, "Concat", lambda a, b, d: torch.cat([a, b, d], 1), {"axis": -1})
case("Split", {"x": f(2, 6), "n": i8(2, 4)}, [("Split", ["x", "n"], ["u", "v"], {"axis": 1}), ("ReduceSum", ["v"], ["w"], {}),
                                             ("Mul", ["u", "w"], ["r"], {})], lambda x, n: x[:, :2] * x[:, 2:].sum())
op("ScatterElements", {"x": f(3, 4), "i": np.array([[0, 2, 1, 0]], "i8"), "u": f(1, 4)}, "ScatterElements",
   lambda x, i, u: x.scatter(0, i, u))
op("ScatterND", {"x": f(4, 3), "i": np.array([[1], [3]], "i8"), "u": f(2, 3)}, "ScatterND",
   lambda x, i, u: torch.stack([x[0], u[0], x[2], u[1]]))
op("CumSum", {"x": f(3, 4), "axis": np.array(1, "i8")}, "CumSum", lambda x, axis: torch.cumsum(x, 1))
op("Dropout", {"x": f(3)}, "Dropout", lambda x: x * 1)

# Several nodes: values used twice, a gradient that stops, a point that is not the graph's own.
case("Twice", {"x": f(3), "k": f(3)},
     [("Mul", ["x", "k"], ["a"], {}), ("Exp", ["a"], ["b"], {}), ("Add", ["b", "x"], ["e"], {}), ("Mul", ["e", "a"], ["r"], {})],
     lambda x, k: (torch.exp(x * k) + x) * (x * k))
case("Elsewhere", {"x": f(3), "k": f(3)},
     [("Mul", ["x", "k"], ["a"], {}), ("Tanh", ["a"], ["b"], {}), ("Mul", ["b", "x"], ["r"], {})],
     lambda x, k: torch.tanh(x * k) * x, elsewhere=True)
case("Unrelated", {"x": f(3), "k": f(2)}, [("Exp", ["x"], ["r"], {})], lambda x, k: torch.exp(x))
case("Mlp", {"x": f(5, 4), "w1": f(4, 8), "b1": f(8), "w2": f(8, 3)},
     [("MatMul", ["x", "w1"], ["h"], {}), ("Add", ["h", "b1"], ["g"], {}), ("Relu", ["g"], ["s"], {}),
      ("MatMul", ["s", "w2"], ["o"], {}), ("Softmax", ["o"], ["r"], {})],
     lambda x, w1, b1, w2: F.softmax(torch.relu(x @ w1 + b1) @ w2, -1))

graph = helper.make_graph(nodes, "gradient", [], outputs, initializers)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20),
                                                helper.make_opsetid("ai.onnx.preview.training", 1)])
model.ir_version = 9
onnx.save(model, os.path.join(os.path.dirname(os.path.abspath(__file__)), "gradient.onnx"))
print(len(outputs), "derivatives")

# A node on the way that has no rule: the model is refused, naming it.
refused = helper.make_graph(
    [helper.make_node("Det", ["x"], ["d"], name="the_determinant"), helper.make_node("Exp", ["d"], ["y"]),
     helper.make_node("Gradient", ["x"], ["dx"], domain="ai.onnx.preview.training", xs=["x"], y="y")], "refused",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2])],
    [helper.make_tensor_value_info("y", TensorProto.FLOAT, []), helper.make_tensor_value_info("dx", TensorProto.FLOAT, [2, 2])])
model = helper.make_model(refused, opset_imports=model.opset_import)
model.ir_version = 9
onnx.save(model, os.path.join(os.path.dirname(os.path.abspath(__file__)), "gradient_refused.onnx"))
