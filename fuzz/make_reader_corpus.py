"""Makes the seeds of fuzz/corpus/reader with the onnx package (Debian: python3-onnx). Small models that
use every message: typed and raw data of all types, sparse tensors, external data, subgraphs,
functions, containers, metadata, training information. Usage: make_reader_corpus.py FOLDER"""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

out = sys.argv[1]
os.makedirs(out, exist_ok=True)


def save(name, message):
    data = message if isinstance(message, bytes) else message.SerializeToString()
    with open(os.path.join(out, name), "wb") as f:
        f.write(data)


def vi(name, shape, dtype=T.FLOAT):
    return h.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, outputs, init=(), opset=17, **kw):
    graph = h.make_graph(nodes, "g", inputs, outputs, list(init))
    opsets = kw.pop("opset_imports", [h.make_opsetid("", opset)])
    return h.make_model(graph, opset_imports=opsets, producer_name="seed", producer_version="1", ir_version=8, **kw)


rng = np.random.default_rng(0)
f32 = lambda *s: rng.standard_normal(s).astype(np.float32)

m = model([h.make_node("Conv", ["x", "w", "b"], ["c"], name="conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
           h.make_node("Relu", ["c"], ["y"])],
          [vi("x", ["batch", 1, 4, 4])], [vi("y", ["batch", 2, 4, 4])],
          [nh.from_array(f32(2, 1, 3, 3), "w"), h.make_tensor("b", T.FLOAT, [2], [0.5, -1.0])])
m.metadata_props.add(key="author", value="seed")
m.doc_string = "a convolution"
m.graph.value_info.append(vi("c", ["batch", 2, 4, 4]))
a = m.graph.quantization_annotation.add(tensor_name="w")
a.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="s")
save("conv.onnx", m)

m = model([h.make_node("Add", ["x", "x"], ["y"])], [vi("x", [2])], [vi("y", [2])])
save("add.onnx", m)
m.ir_version = 1
del m.opset_import[:]
save("ir1.onnx", m)
m = model([h.make_node("Relu", ["a"], ["y"]), h.make_node("Neg", ["x"], ["a"])], [vi("x", [2])], [vi("y", [2])])
save("unsorted.onnx", m)
m = model([h.make_node("Relu", ["a"], ["y"]), h.make_node("Neg", ["y"], ["a"])], [vi("x", [2])], [vi("y", [2])])
save("cycle.onnx", m)

typed = [h.make_tensor("t%d" % i, t, [2], v) for i, (t, v) in enumerate([
    (T.FLOAT, [1, 2]), (T.UINT8, [1, 255]), (T.INT8, [-1, 2]), (T.UINT16, [1, 2]), (T.INT16, [-1, 2]),
    (T.INT32, [-1, 2]), (T.INT64, [-1, 2]), (T.STRING, [b"ab", b""]), (T.BOOL, [True, False]),
    (T.FLOAT16, [1, 2]), (T.DOUBLE, [1, 2]), (T.UINT32, [1, 2]), (T.UINT64, [1, 2]),
    (T.COMPLEX64, [1 + 2j, 3]), (T.COMPLEX128, [1, 2j]), (T.BFLOAT16, [1, 2])])]
save("typed.onnx", model([h.make_node("Identity", ["t0"], ["y"])], [], [vi("y", [2])], typed))
save("overridable.onnx", model([h.make_node("Add", ["x", "w"], ["y"])], [vi("x", [2]), vi("w", [2])], [vi("y", [2])],
                               [nh.from_array(f32(2), "w")]))

sparse = h.make_sparse_tensor(nh.from_array(f32(2), "s"), nh.from_array(np.array([1, 5], np.int64)), [2, 3])
m = model([h.make_node("Add", ["x", "s"], ["y"]),
           h.make_node("Constant", [], ["k"], sparse_value=sparse)], [vi("x", [2, 3])], [vi("y", [2, 3]), vi("k", [2, 3])])
m.graph.sparse_initializer.append(sparse)
save("sparse.onnx", m)

t = nh.from_array(f32(4), "w")
t.ClearField("raw_data")
t.data_location = T.EXTERNAL
for k, v in (("location", "data.bin"), ("offset", "16"), ("length", "16")):
    t.external_data.add(key=k, value=v)
save("external.onnx", model([h.make_node("Add", ["x", "w"], ["y"])], [vi("x", [4])], [vi("y", [4])], [t]))

then = h.make_graph([h.make_node("Add", ["x", "x"], ["t"])], "then", [], [vi("t", [2])])
other = h.make_graph([h.make_node("Constant", [], ["e"], value=nh.from_array(f32(2)))], "else", [], [vi("e", [2])])
save("if.onnx", model([h.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
                      [vi("c", [], T.BOOL), vi("x", [2])], [vi("y", [2])]))
body = h.make_graph([h.make_node("Identity", ["ci"], ["co"]), h.make_node("Add", ["v", "x"], ["vo"]),
                     h.make_node("Identity", ["vo"], ["scan"])], "body",
                    [vi("i", [], T.INT64), vi("ci", [], T.BOOL), vi("v", [2])],
                    [vi("co", [], T.BOOL), vi("vo", [2]), vi("scan", [2])])
save("loop.onnx", model([h.make_node("Loop", ["n", "c", "x"], ["v1", "s"], body=body)],
                        [vi("n", [], T.INT64), vi("c", [], T.BOOL), vi("x", [2])], [vi("v1", [2]), vi("s", [None, 2])]))

imports = [h.make_opsetid("", 17), h.make_opsetid("local", 1)]
inner = h.make_function("local", "Scale", ["a"], ["b"],
                        [h.make_node("Constant", [], ["k"]), h.make_node("Mul", ["a", "k"], ["b"])],
                        [h.make_opsetid("", 17)], ["alpha"])
ref = inner.node[0].attribute.add(name="value_float", type=onnx.AttributeProto.FLOAT)
ref.ref_attr_name = "alpha"
outer = h.make_function("local", "Twice", ["a"], ["c"],
                        [h.make_node("Scale", ["a"], ["b"], domain="local", alpha=2.0),
                         h.make_node("Scale", ["b"], ["c"], domain="local", alpha=3.0)], imports, [])
m = model([h.make_node("Twice", ["x"], ["y"], domain="local", name="call")], [vi("x", [2])], [vi("y", [2])],
          functions=[inner, outer], opset_imports=imports)
save("function.onnx", m)
loop = h.make_function("local", "F", ["a"], ["b"], [h.make_node("F", ["a"], ["b"], domain="local")], imports, [])
save("recursion.onnx", model([h.make_node("F", ["x"], ["y"], domain="local")], [vi("x", [2])], [vi("y", [2])],
                             functions=[loop], opset_imports=imports))

seq = h.make_tensor_sequence_value_info("q", T.FLOAT, [None, "n"])
save("sequence.onnx", model([h.make_node("SequenceConstruct", ["x", "x"], ["q"])], [vi("x", [2, 3])], [seq]))
mp = h.make_value_info("m", h.make_map_type_proto(T.STRING, h.make_tensor_type_proto(T.INT64, []))) \
    if hasattr(h, "make_map_type_proto") else vi("m", [1])
save("map.onnx", model([h.make_node("ZipMap", ["x"], ["z"], domain="ai.onnx.ml", classlabels_strings=["a", "b"])],
                       [vi("x", [1, 2]), mp], [vi("z", [1])],
                       opset_imports=[h.make_opsetid("", 17), h.make_opsetid("ai.onnx.ml", 1)]))
m = model([h.make_node("Add", ["x", "x"], ["y"])], [vi("x", [2])], [vi("y", [2])])
tr = m.training_info.add()
tr.algorithm.CopyFrom(m.graph)
tr.update_binding.add(key="x", value="y")
save("training.onnx", m)

deep = h.make_graph([h.make_node("Identity", ["x"], ["t"])], "d", [], [vi("t", [2])])
for i in range(12):
    deep = h.make_graph([h.make_node("If", ["c"], ["t"], then_branch=deep, else_branch=deep if i < 2 else h.make_graph(
        [h.make_node("Identity", ["x"], ["t"])], "e", [], [vi("t", [2])]))], "d%d" % i, [], [vi("t", [2])])
save("deep.onnx", model([h.make_node("If", ["c"], ["y"], then_branch=deep, else_branch=deep)],
                        [vi("c", [], T.BOOL), vi("x", [2])], [vi("y", [2])]))

big = T(dims=[1 << 20, 1 << 20, 1 << 10], data_type=T.FLOAT, name="w")
save("terabytes.onnx", model([h.make_node("Identity", ["w"], ["y"])], [], [vi("y", [2])], [big]))
s = h.make_sparse_tensor(nh.from_array(f32(1), "w"), nh.from_array(np.array([5], np.int64)), [1 << 40])
m = model([h.make_node("Identity", ["w"], ["y"])], [], [vi("y", [2])])
m.graph.sparse_initializer.append(s)
save("sparse_terabytes.onnx", m)

save("tensor.pb", nh.from_array(f32(2, 3), "x"))
q = onnx.SequenceProto(name="q", elem_type=1)
q.tensor_values.append(nh.from_array(f32(2), "a"))
save("sequence.pb", q)
o = onnx.OptionalProto(name="o", elem_type=1)
o.tensor_value.CopyFrom(nh.from_array(f32(2), "a"))
save("optional.pb", o)
# Unpacked numbers, unknown fields, a group and an over-long integer.
save("unpacked.pb", bytes([0x08, 2, 0x10, 1, 0x25, 0, 0, 0x80, 0x3F, 0x25, 0, 0, 0, 0x40]))
save("unknown.pb", bytes([0x08, 1, 0x10, 7, 0x38, 5, 0xFA, 0x3E, 3, 1, 2, 3]))
save("group.pb", bytes([0x0B, 0x0C]))
save("varint.pb", bytes([0x08] + [0xFF] * 10 + [1]))
save("truncated.onnx", model([h.make_node("Relu", ["x"], ["y"])], [vi("x", [2])], [vi("y", [2])]).SerializeToString()[:40])
save("empty.onnx", b"")
