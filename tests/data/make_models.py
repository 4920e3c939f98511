#!/usr/bin/env python3
"""Makes the small models and data files in this folder (python3-onnx, python3-numpy, python3-pil).

The files are committed; run this only to change them."""
import os
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
random = np.random.default_rng(1)


def path(*parts):
    full = os.path.join(HERE, *parts)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    return full


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def save(name, nodes, inputs, outputs, initializers=(), opset=13, extra=()):
    graph = helper.make_graph(nodes, name, inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(d, v) for d, v in extra]
    model = helper.make_model(graph, opset_imports=opsets, producer_name="make_models", ir_version=7)
    onnx.save(model, path(name + ".onnx"))
    return model


def save_pb(file, array, name):
    with open(file, "wb") as f:
        f.write(numpy_helper.from_array(array, name).SerializeToString())


F = TensorProto.FLOAT

# Two inputs of a fixed shape.
save("add", [helper.make_node("Add", ["a", "b"], ["sum"], "add")], [value("a", F, [2, 3]), value("b", F, [2, 3])],
     [value("sum", F, [2, 3])])

# A small network with a symbolic batch, and its test data: one set that is right and one that is not.
w1 = random.standard_normal((4, 8), dtype=np.float32)
b1 = random.standard_normal(8, dtype=np.float32)
w2 = random.standard_normal((8, 3), dtype=np.float32)
save("mlp", [helper.make_node("MatMul", ["x", "w1"], ["h"], "layer1"),
             helper.make_node("Add", ["h", "b1"], ["hb"], "bias1"),
             helper.make_node("Relu", ["hb"], ["r"], "relu1"),
             helper.make_node("MatMul", ["r", "w2"], ["y"], "layer2")],
     [value("x", F, ["batch", 4])], [value("y", F, ["batch", 3])],
     [numpy_helper.from_array(w1, "w1"), numpy_helper.from_array(b1, "b1"), numpy_helper.from_array(w2, "w2")])
x = random.standard_normal((2, 4), dtype=np.float32)
y = np.maximum(x @ w1 + b1, 0) @ w2
save_pb(path("mlp_good", "input_0.pb"), x, "x")
save_pb(path("mlp_good", "output_0.pb"), y, "y")
wrong = y.copy()
wrong[1, 2] += 0.5
save_pb(path("mlp_bad", "input_0.pb"), x, "x")
save_pb(path("mlp_bad", "output_0.pb"), wrong, "y")
np.save(path("x.npy"), x)
np.save(path("y.npy"), y)
np.save(path("x_float64.npy"), x.astype(np.float64))
np.save(path("x_wrong_shape.npy"), x[:, :3].copy())

# Images: the tensor that they become comes out as it went in.
save("image_rgb", [helper.make_node("Identity", ["image"], ["pixels"], "same")], [value("image", F, [1, 3, 4, 5])],
     [value("pixels", F, [1, 3, 4, 5])])
save("image_nhwc", [helper.make_node("Identity", ["image"], ["pixels"], "same")],
     [value("image", TensorProto.UINT8, [1, "h", "w", 3])], [value("pixels", TensorProto.UINT8, [1, "h", "w", 3])])
save("image_gray", [helper.make_node("Identity", ["image"], ["pixels"], "same")],
     [value("image", F, ["n", 1, "h", "w"])], [value("pixels", F, ["n", 1, "h", "w"])])

# Things that no backend has: an unknown domain and an unknown operator.
save("unsupported", [helper.make_node("Relu", ["x"], ["a"], "fine"),
                     helper.make_node("Frobnicate", ["a"], ["b"], "strange", domain="com.example"),
                     helper.make_node("Twist", ["b"], ["y"], "stranger", domain="com.example")],
     [value("x", F, [1])], [value("y", F, [1])], extra=[("com.example", 1)])

# Ten nodes that cannot run, each for another reason or in another place, and others between them.
S, B = TensorProto.STRING, TensorProto.BOOL
branch = [helper.make_graph([helper.make_node(kind, ["x"], [kind], kind)], kind, [], [value(kind, F, ["u"])])
          for kind in ("InThen", "InElse")]
save("ten_unsupported", [helper.make_node("Relu", ["x"], ["fine"], "fine"),
                         helper.make_node("Frobnicate", ["fine"], ["a"], "standard"),
                         helper.make_node("Frobnicate", ["x"], ["b"], "foreign", domain="com.example"),
                         helper.make_node("Frobnicate", ["x"], ["c"], "ml", domain="ai.onnx.ml"),
                         helper.make_node("SparseAttention", ["x"], ["d"], "contrib", domain="com.microsoft"),
                         helper.make_node("Gelu", ["x"], ["e"], "newer"),
                         helper.make_node("Relu", ["s"], ["f"], "type"),
                         helper.make_node("MatMul", ["s", "s"], ["g"], "types"),
                         helper.make_node("Upsample", ["x", "scales"], ["h"], "removed"),
                         helper.make_node("Neg", ["on"], ["j"], "bool"),
                         helper.make_node("If", ["on"], ["i"], "if", then_branch=branch[0], else_branch=branch[1])],
     [value("x", F, [1]), value("s", S, [1, 1]), value("on", B, [])],
     [value(name, F, ["n"]) for name in "abcdefghij"],
     [numpy_helper.from_array(np.array([2], np.float32), "scales")],
     extra=[("com.example", 1), ("ai.onnx.ml", 3), ("com.microsoft", 1)])

# NumPy files of many kinds.
a = np.arange(6, dtype=np.float32).reshape(2, 3)
np.save(path("npy", "fortran.npy"), np.asfortranarray(a))
np.save(path("npy", "big_endian.npy"), a.astype(">f4"))
np.save(path("npy", "complex_big.npy"), (a + 1j).astype(">c8"))
np.save(path("npy", "int64.npy"), np.array([-1, 2**40], np.int64))
np.save(path("npy", "bool.npy"), np.array([True, False]))
np.save(path("npy", "scalar.npy"), np.float16(1.5))
np.save(path("npy", "empty.npy"), np.zeros((0, 3), np.float32))
np.save(path("npy", "strings.npy"), np.array([["a", "bcd"], ["\u00e4\u20ac", ""]]))
np.save(path("npy", "bytes.npy"), np.array([b"xy", b"z"]))
np.save(path("npy", "objects.npy"), np.array([{}, None], dtype=object), allow_pickle=True)
np.savez(path("npy", "stored.npz"), first=a, x=x)
np.savez_compressed(path("npy", "deflated.npz"), first=np.tile(a, (20, 1)), x=x)
np.savez(path("npy", "single.npz"), other=a)

# A node that refuses its data when it runs: index 99 of 4 rows.
save("gather_outside", [helper.make_node("Gather", ["x", "i"], ["y"], axis=0)], [value("x", F, [4, 2])],
     [value("y", F, [1, 2])], [numpy_helper.from_array(np.array([99], np.int64), "i")])

# Names that would set a terminal's title.
save("terminal_names", [helper.make_node("Relu", ["x\x1b]0;t\x07"], ["y"], name="n\x1b[2J")],
     [value("x\x1b]0;t\x07", F, [3])], [value("y", F, [3])])

# Images, and what Pillow makes of them when it resizes.
pixels = random.integers(0, 256, (7, 9, 3), dtype=np.uint8)
rgb = Image.fromarray(pixels)
rgb.save(path("image", "rgb.png"))
Image.fromarray(np.dstack([pixels, np.full((7, 9), 200, np.uint8)])).save(path("image", "rgba.png"))
rgb.quantize(16).save(path("image", "palette.png"))
Image.fromarray(pixels[:, :, 0]).save(path("image", "gray.png"))
smooth = np.add.outer(np.arange(16) * 8, np.arange(16) * 7)[:, :, None] + np.array([0, 10, 20])
Image.fromarray(smooth.astype(np.uint8)).save(path("image", "smooth.jpg"), quality=95)
# The same 5x4 pixels in every lossless format; test_image.c computes them.
small = np.array([[(x * 50, y * 60, x * y * 20) for x in range(5)] for y in range(4)], np.uint8)
small = Image.fromarray(small)
for name, options in [("small.bmp", {}), ("small.ppm", {}), ("small.png", {}), ("small.tif", {"compression": "tiff_lzw"}),
                      ("small.webp", {"lossless": True}), ("small.jp2", {"irreversible": False})]:
    small.save(path("image", name), **options)
small.convert("L").save(path("image", "small_gray.tif"))
small.quantize(16).save(path("image", "small_palette.bmp"))
small.convert("CMYK").save(path("image", "small_cmyk.jpg"), quality=95)
np.save(path("image", "smooth.npy"), np.asarray(Image.open(path("image", "smooth.jpg")).convert("RGB")))
for width, height in ((5, 4), (20, 13)):
    planes = [np.asarray(Image.fromarray(pixels[:, :, c].astype(np.float32), "F").resize((width, height), Image.BILINEAR))
              for c in range(3)]
    np.save(path("image", "rgb_%dx%d.npy" % (width, height)), np.stack(planes, axis=2))
np.save(path("image", "rgb.npy"), pixels)

# Models for failing allocations, each of its own kind: bodies, containers, texts, shapes that depend on
# data, recurrence.
I, B, S = TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING
big = helper.make_graph([helper.make_node("Mul", ["x", "x"], ["squared"])], "big", [], [value("squared", F, ["n", 3])])
small = helper.make_graph([helper.make_node("Neg", ["x"], ["negated"])], "small", [], [value("negated", F, ["n", 3])])
body = helper.make_graph(
    [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Concat", ["state", "x"], ["longer"], axis=0),
     helper.make_node("ReduceMean", ["longer"], ["mean"], keepdims=0)], "body",
    [value("i", I, []), value("go", B, []), value("state", F, ["m", 3])],
    [value("go_on", B, []), value("longer", F, ["k", 3]), value("mean", F, [])])
save("control", [helper.make_node("If", ["choice"], ["picked"], "pick", then_branch=big, else_branch=small),
                 helper.make_node("Loop", ["trips", "", "picked"], ["grown", "means"], "loop", body=body)],
     [value("x", F, ["n", 3]), value("choice", B, []), value("trips", I, [])],
     [value("grown", F, ["g", 3]), value("means", F, ["t"])])
save("sequences", [helper.make_node("SplitToSequence", ["x"], ["parts"], "split", axis=0),
                   helper.make_node("SequenceInsert", ["parts", "x"], ["more"], "insert"),
                   helper.make_node("SequenceAt", ["more", "index"], ["last"], "last"),
                   helper.make_node("ConcatFromSequence", ["more"], ["joined"], "join", axis=0)],
     [value("x", F, ["n", 3]), value("index", I, [])],
     [helper.make_tensor_sequence_value_info("more", F, None), value("last", F, None), value("joined", F, ["m", 3])])
save("strings", [helper.make_node("StringNormalizer", ["text"], ["lower"], "lower", case_change_action="LOWER", stopwords=["x"]),
                 helper.make_node("StringConcat", ["lower", "lower"], ["twice"], "twice"),
                 helper.make_node("StringSplit", ["twice"], ["words", "counts"], "words", delimiter="b"),
                 helper.make_node("Equal", ["lower", "lower"], ["same"], "same")],
     [value("text", S, ["n"])],
     [value("lower", S, None), value("words", S, None), value("counts", I, None), value("same", B, None)], opset=20)
# Strings without the locale that StringNormalizer asks ONNX Runtime for.
save("text", [helper.make_node("StringConcat", ["text", "text"], ["twice"], "twice"),
              helper.make_node("Concat", ["twice", "text"], ["all"], "all", axis=0)],
     [value("text", S, ["n"])], [value("twice", S, ["n"]), value("all", S, ["m"])], opset=20)
save("dynamic", [helper.make_node("NonZero", ["x"], ["where"], "where"),
                 helper.make_node("Transpose", ["where"], ["rows"], "rows"),
                 helper.make_node("GatherND", ["x", "rows"], ["kept"], "kept"),
                 helper.make_node("Shape", ["kept"], ["size"], "size"),
                 helper.make_node("Concat", ["size", "one"], ["shape"], "shape", axis=0),
                 helper.make_node("Reshape", ["kept", "shape"], ["column"], "column"),
                 helper.make_node("MatMul", ["column", "w"], ["y"], "product"),
                 helper.make_node("LSTM", ["sequence", "lw", "lr"], ["hidden", "", ""], "lstm", hidden_size=2)],
     [value("x", F, ["n", 3]), value("sequence", F, ["t", 1, 3])],
     [value("y", F, ["k", 4]), value("hidden", F, ["t", 1, 1, 2])],
     [numpy_helper.from_array(np.array([1], np.int64), "one"),
      numpy_helper.from_array(random.standard_normal((1, 4)).astype(np.float32), "w"),
      numpy_helper.from_array(random.standard_normal((1, 8, 3)).astype(np.float32), "lw"),
      numpy_helper.from_array(random.standard_normal((1, 8, 2)).astype(np.float32), "lr")])


def fused():
    """Convolutions, attention, normalisation and activations in the spelling of PyTorch 1.13, for the fusing passes
    (python3-torch), and a recurrence in a loop, whose body runs on kernels."""
    import torch
    from torch import nn

    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.again = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3, padding=1)
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True)

        def forward(self, x):
            x = torch.relu(self.norm(self.conv(x)))
            x = torch.relu(x + self.again(x))
            x = nn.functional.silu(x).flatten(2).transpose(1, 2)
            return self.layer(x)

    torch.is_grad_enabled = lambda: True  # or attention takes a fused path that cannot be exported
    torch.onnx.export(Net().eval(), torch.rand(1, 3, 4, 4), path("fused.onnx"), opset_version=13, input_names=["x"],
                      output_names=["y"], do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
    weight = numpy_helper.from_array(random.standard_normal((16, 16)).astype(np.float32) / 4, "w")
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("MatMul", ["h", "w"], ["product"]),
         helper.make_node("Tanh", ["product"], ["next"]), helper.make_node("Identity", ["next"], ["scan"])],
        "body", [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("h", TensorProto.FLOAT, ["n", 16])],
        [value("go_on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, ["n", 16]), value("scan", TensorProto.FLOAT, ["n", 16])])
    save("body", [helper.make_node("Loop", ["trips", "", "x"], ["y", "all"], body=body)],
         [value("x", TensorProto.FLOAT, ["n", 16]), value("trips", TensorProto.INT64, [])],
         [value("y", TensorProto.FLOAT, ["n", 16]), value("all", TensorProto.FLOAT, ["t", "n", 16])], [weight])


if __name__ == "__main__":
    fused()
