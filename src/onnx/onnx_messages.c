/* Descriptors of the messages; see onnx_messages.h. Numbers are those of onnx.proto3 and
 * onnx-data.proto. A field's row: kind, member (also the standard's name), number. */
#include "onnx/onnx_messages.h"

#define ROW(k, repeated, pack, w, type, member, num, msg)                                                              \
    {                                                                                                                  \
        .name = #member, .number = num, .kind = k, .is_repeated = repeated, .is_packed = pack, .wire = w,              \
        .offset = offsetof(type, member), .message = msg                                                               \
    }
#define INT(type, member, num) ROW(HONE_PB_INT, false, false, 0, type, member, num, NULL)
#define FLOAT(type, member, num) ROW(HONE_PB_FLOAT, false, false, 0, type, member, num, NULL)
#define BYTES(type, member, num) ROW(HONE_PB_BYTES, false, false, 0, type, member, num, NULL)
#define MSG(type, member, num, desc) ROW(HONE_PB_MESSAGE, false, false, 0, type, member, num, &desc)
#define INTS(type, member, num) ROW(HONE_PB_INT, true, true, 0, type, member, num, NULL)
#define FLOATS(type, member, num) ROW(HONE_PB_FLOAT, true, true, 0, type, member, num, NULL)
#define STRINGS(type, member, num) ROW(HONE_PB_BYTES, true, false, 0, type, member, num, NULL)
#define MSGS(type, member, num, desc) ROW(HONE_PB_MESSAGE, true, false, 0, type, member, num, &desc)
#define NUMBERS(type, member, num, wire) ROW(HONE_PB_NUMBERS, true, true, wire, type, member, num, NULL)
#define MESSAGE(var, text, type, rows)                                                                                 \
    const hone__pb_message var = {                                                                                     \
        .name = text, .size = sizeof(type), .fields = rows, .n_fields = sizeof rows / sizeof rows[0]};                 \
    _Static_assert(sizeof rows / sizeof rows[0] <= 32, "one presence bit per field")

static const hone__pb_field g_entry[] = {BYTES(hone__entry_proto, key, 1), BYTES(hone__entry_proto, value, 2)};
MESSAGE(hone__entry_desc, "StringStringEntryProto", hone__entry_proto, g_entry);

#define T hone__tensor_proto
static const hone__pb_field g_tensor[] = {
    INTS(T, dims, 1),
    INT(T, data_type, 2),
    BYTES(T, segment, 3),
    NUMBERS(T, float_data, 4, HONE_PB_FIXED32),
    NUMBERS(T, int32_data, 5, HONE_PB_VARINT),
    STRINGS(T, string_data, 6),
    NUMBERS(T, int64_data, 7, HONE_PB_VARINT),
    BYTES(T, name, 8),
    BYTES(T, raw_data, 9),
    NUMBERS(T, double_data, 10, HONE_PB_FIXED64),
    NUMBERS(T, uint64_data, 11, HONE_PB_VARINT),
    BYTES(T, doc_string, 12),
    MSGS(T, external_data, 13, hone__entry_desc),
    INT(T, data_location, 14),
    MSGS(T, metadata_props, 16, hone__entry_desc),
};
#undef T
MESSAGE(hone__tensor_desc, "TensorProto", hone__tensor_proto, g_tensor);

static const hone__pb_field g_sparse[] = {MSG(hone__sparse_proto, values, 1, hone__tensor_desc),
                                          MSG(hone__sparse_proto, indices, 2, hone__tensor_desc),
                                          INTS(hone__sparse_proto, dims, 3)};
MESSAGE(hone__sparse_desc, "SparseTensorProto", hone__sparse_proto, g_sparse);

static const hone__pb_field g_dim[] = {INT(hone__dim_proto, dim_value, 1), BYTES(hone__dim_proto, dim_param, 2),
                                       BYTES(hone__dim_proto, denotation, 3)};
MESSAGE(hone__dim_desc, "TensorShapeProto.Dimension", hone__dim_proto, g_dim);

static const hone__pb_field g_shape[] = {MSGS(hone__shape_proto, dim, 1, hone__dim_desc)};
MESSAGE(hone__shape_desc, "TensorShapeProto", hone__shape_proto, g_shape);

static const hone__pb_field g_tensor_type[] = {INT(hone__tensor_type_proto, elem_type, 1),
                                               MSG(hone__tensor_type_proto, shape, 2, hone__shape_desc)};
MESSAGE(hone__tensor_type_desc, "TypeProto.Tensor", hone__tensor_type_proto, g_tensor_type);

static const hone__pb_field g_elem_type[] = {MSG(hone__elem_type_proto, elem_type, 1, hone__type_desc)};
MESSAGE(hone__elem_type_desc, "TypeProto.Sequence", hone__elem_type_proto, g_elem_type);

static const hone__pb_field g_map_type[] = {INT(hone__map_type_proto, key_type, 1),
                                            MSG(hone__map_type_proto, value_type, 2, hone__type_desc)};
MESSAGE(hone__map_type_desc, "TypeProto.Map", hone__map_type_proto, g_map_type);

static const hone__pb_field g_opaque_type[] = {BYTES(hone__opaque_type_proto, domain, 1),
                                               BYTES(hone__opaque_type_proto, name, 2)};
MESSAGE(hone__opaque_type_desc, "TypeProto.Opaque", hone__opaque_type_proto, g_opaque_type);

#define T hone__type_proto
static const hone__pb_field g_type[] = {
    MSG(T, tensor_type, 1, hone__tensor_type_desc), MSG(T, sequence_type, 4, hone__elem_type_desc),
    MSG(T, map_type, 5, hone__map_type_desc),       BYTES(T, denotation, 6),
    MSG(T, opaque_type, 7, hone__opaque_type_desc), MSG(T, sparse_tensor_type, 8, hone__tensor_type_desc),
    MSG(T, optional_type, 9, hone__elem_type_desc),
};
#undef T
MESSAGE(hone__type_desc, "TypeProto", hone__type_proto, g_type);

static const hone__pb_field g_value_info[] = {
    BYTES(hone__value_info_proto, name, 1), MSG(hone__value_info_proto, type, 2, hone__type_desc),
    BYTES(hone__value_info_proto, doc_string, 3), MSGS(hone__value_info_proto, metadata_props, 4, hone__entry_desc)};
MESSAGE(hone__value_info_desc, "ValueInfoProto", hone__value_info_proto, g_value_info);

#define T hone__attribute_proto
static const hone__pb_field g_attribute[] = {
    BYTES(T, name, 1),
    FLOAT(T, f, 2),
    INT(T, i, 3),
    BYTES(T, s, 4),
    MSG(T, t, 5, hone__tensor_desc),
    MSG(T, g, 6, hone__graph_desc),
    /* The standard declares these two without [packed]; readers accept both forms. */
    ROW(HONE_PB_FLOAT, true, false, 0, T, floats, 7, NULL),
    ROW(HONE_PB_INT, true, false, 0, T, ints, 8, NULL),
    STRINGS(T, strings, 9),
    MSGS(T, tensors, 10, hone__tensor_desc),
    MSGS(T, graphs, 11, hone__graph_desc),
    BYTES(T, doc_string, 13),
    MSG(T, tp, 14, hone__type_desc),
    MSGS(T, type_protos, 15, hone__type_desc),
    INT(T, type, 20),
    BYTES(T, ref_attr_name, 21),
    MSG(T, sparse_tensor, 22, hone__sparse_desc),
    MSGS(T, sparse_tensors, 23, hone__sparse_desc),
};
#undef T
MESSAGE(hone__attribute_desc, "AttributeProto", hone__attribute_proto, g_attribute);

#define T hone__node_proto
static const hone__pb_field g_node[] = {
    STRINGS(T, input, 1),
    STRINGS(T, output, 2),
    BYTES(T, name, 3),
    BYTES(T, op_type, 4),
    MSGS(T, attribute, 5, hone__attribute_desc),
    BYTES(T, doc_string, 6),
    BYTES(T, domain, 7),
    BYTES(T, overload, 8),
    MSGS(T, metadata_props, 9, hone__entry_desc),
};
#undef T
MESSAGE(hone__node_desc, "NodeProto", hone__node_proto, g_node);

static const hone__pb_field g_annotation[] = {
    BYTES(hone__annotation_proto, tensor_name, 1),
    MSGS(hone__annotation_proto, quant_parameter_tensor_names, 2, hone__entry_desc)};
MESSAGE(hone__annotation_desc, "TensorAnnotation", hone__annotation_proto, g_annotation);

#define T hone__graph_proto
static const hone__pb_field g_graph[] = {
    MSGS(T, node, 1, hone__node_desc),
    BYTES(T, name, 2),
    MSGS(T, initializer, 5, hone__tensor_desc),
    BYTES(T, doc_string, 10),
    MSGS(T, input, 11, hone__value_info_desc),
    MSGS(T, output, 12, hone__value_info_desc),
    MSGS(T, value_info, 13, hone__value_info_desc),
    MSGS(T, quantization_annotation, 14, hone__annotation_desc),
    MSGS(T, sparse_initializer, 15, hone__sparse_desc),
    MSGS(T, metadata_props, 16, hone__entry_desc),
};
#undef T
MESSAGE(hone__graph_desc, "GraphProto", hone__graph_proto, g_graph);

static const hone__pb_field g_opset[] = {BYTES(hone__opset_proto, domain, 1), INT(hone__opset_proto, version, 2)};
MESSAGE(hone__opset_desc, "OperatorSetIdProto", hone__opset_proto, g_opset);

#define T hone__function_proto
static const hone__pb_field g_function[] = {
    BYTES(T, name, 1),
    STRINGS(T, input, 4),
    STRINGS(T, output, 5),
    STRINGS(T, attribute, 6),
    MSGS(T, node, 7, hone__node_desc),
    BYTES(T, doc_string, 8),
    MSGS(T, opset_import, 9, hone__opset_desc),
    BYTES(T, domain, 10),
    MSGS(T, attribute_proto, 11, hone__attribute_desc),
    MSGS(T, value_info, 12, hone__value_info_desc),
    BYTES(T, overload, 13),
    MSGS(T, metadata_props, 14, hone__entry_desc),
};
#undef T
MESSAGE(hone__function_desc, "FunctionProto", hone__function_proto, g_function);

#define T hone__training_proto
static const hone__pb_field g_training[] = {
    MSG(T, initialization, 1, hone__graph_desc),
    MSG(T, algorithm, 2, hone__graph_desc),
    MSGS(T, initialization_binding, 3, hone__entry_desc),
    MSGS(T, update_binding, 4, hone__entry_desc),
};
#undef T
MESSAGE(hone__training_desc, "TrainingInfoProto", hone__training_proto, g_training);

#define T hone__model_proto
static const hone__pb_field g_model[] = {
    INT(T, ir_version, 1),
    BYTES(T, producer_name, 2),
    BYTES(T, producer_version, 3),
    BYTES(T, domain, 4),
    INT(T, model_version, 5),
    BYTES(T, doc_string, 6),
    MSG(T, graph, 7, hone__graph_desc),
    MSGS(T, opset_import, 8, hone__opset_desc),
    MSGS(T, metadata_props, 14, hone__entry_desc),
    MSGS(T, training_info, 20, hone__training_desc),
    MSGS(T, functions, 25, hone__function_desc),
};
#undef T
MESSAGE(hone__model_desc, "ModelProto", hone__model_proto, g_model);

#define T hone__sequence_proto
static const hone__pb_field g_sequence[] = {
    BYTES(T, name, 1),
    INT(T, elem_type, 2),
    MSGS(T, tensor_values, 3, hone__tensor_desc),
    MSGS(T, sparse_tensor_values, 4, hone__sparse_desc),
    MSGS(T, sequence_values, 5, hone__sequence_desc),
    MSGS(T, map_values, 6, hone__map_desc),
    MSGS(T, optional_values, 7, hone__optional_desc),
};
#undef T
MESSAGE(hone__sequence_desc, "SequenceProto", hone__sequence_proto, g_sequence);

#define T hone__map_proto
static const hone__pb_field g_map[] = {
    BYTES(T, name, 1),
    INT(T, key_type, 2),
    ROW(HONE_PB_INT, true, false, 0, T, keys, 3, NULL),
    STRINGS(T, string_keys, 4),
    MSG(T, values, 5, hone__sequence_desc),
};
#undef T
MESSAGE(hone__map_desc, "MapProto", hone__map_proto, g_map);

#define T hone__optional_proto
static const hone__pb_field g_optional[] = {
    BYTES(T, name, 1),
    INT(T, elem_type, 2),
    MSG(T, tensor_value, 3, hone__tensor_desc),
    MSG(T, sparse_tensor_value, 4, hone__sparse_desc),
    MSG(T, sequence_value, 5, hone__sequence_desc),
    MSG(T, map_value, 6, hone__map_desc),
    MSG(T, optional_value, 7, hone__optional_desc),
};
#undef T
MESSAGE(hone__optional_desc, "OptionalProto", hone__optional_proto, g_optional);
