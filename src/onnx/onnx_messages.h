/* The messages of onnx.proto, onnx-ml.proto and onnx-data.proto (ONNX 1.19, IR version 12) as
 * structs. Names of members follow the standard's. Presence of scalar and bytes fields is asked with
 * HONE_PB_HAS(hone__tensor_desc, tensor, raw_data); absent ones are zero. Fields newer than these
 * (such as device configurations) stay in head.unknown and are written back. */
#ifndef HONE_ONNX_ONNX_MESSAGES_H
#define HONE_ONNX_ONNX_MESSAGES_H

#include "onnx/pb_message.h"

typedef struct hone__tensor_proto hone__tensor_proto;
typedef struct hone__sparse_proto hone__sparse_proto;
typedef struct hone__graph_proto hone__graph_proto;
typedef struct hone__type_proto hone__type_proto;

typedef struct hone__strings {
    hone__pb_bytes *items;
    size_t n;
} hone__strings;
typedef struct hone__ints {
    int64_t *items;
    size_t n;
} hone__ints;
typedef struct hone__floats {
    float *items;
    size_t n;
} hone__floats;
/* Structs side by side: HONE__LIST(hone__node_proto) node; */
#define HONE__LIST(type)                                                                                               \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        size_t n;                                                                                                      \
    }

typedef struct hone__entry_proto { /* StringStringEntryProto */
    hone__pb_head head;
    hone__pb_bytes key, value;
} hone__entry_proto;

struct hone__tensor_proto {
    hone__pb_head head;
    hone__ints dims;
    int64_t data_type;
    hone__pb_bytes segment; /* never used by ONNX files: kept as bytes */
    hone__pb_numbers float_data, int32_data, int64_data, double_data, uint64_data;
    hone__strings string_data;
    hone__pb_bytes name, raw_data, doc_string;
    HONE__LIST(hone__entry_proto) external_data;
    int64_t data_location; /* 0 in the message, 1 external */
    HONE__LIST(hone__entry_proto) metadata_props;
};

struct hone__sparse_proto { /* SparseTensorProto */
    hone__pb_head head;
    hone__tensor_proto *values, *indices;
    hone__ints dims;
};

typedef struct hone__dim_proto { /* TensorShapeProto.Dimension */
    hone__pb_head head;
    int64_t dim_value;
    hone__pb_bytes dim_param, denotation;
} hone__dim_proto;

typedef struct hone__shape_proto { /* TensorShapeProto */
    hone__pb_head head;
    HONE__LIST(hone__dim_proto) dim;
} hone__shape_proto;

typedef struct hone__tensor_type_proto { /* TypeProto.Tensor, TypeProto.SparseTensor */
    hone__pb_head head;
    int64_t elem_type;
    hone__shape_proto *shape;
} hone__tensor_type_proto;

typedef struct hone__elem_type_proto { /* TypeProto.Sequence, TypeProto.Optional */
    hone__pb_head head;
    hone__type_proto *elem_type;
} hone__elem_type_proto;

typedef struct hone__map_type_proto { /* TypeProto.Map */
    hone__pb_head head;
    int64_t key_type;
    hone__type_proto *value_type;
} hone__map_type_proto;

typedef struct hone__opaque_type_proto { /* TypeProto.Opaque */
    hone__pb_head head;
    hone__pb_bytes domain, name;
} hone__opaque_type_proto;

struct hone__type_proto {
    hone__pb_head head;
    hone__tensor_type_proto *tensor_type;
    hone__elem_type_proto *sequence_type;
    hone__map_type_proto *map_type;
    hone__pb_bytes denotation;
    hone__opaque_type_proto *opaque_type;
    hone__tensor_type_proto *sparse_tensor_type;
    hone__elem_type_proto *optional_type;
};

typedef struct hone__value_info_proto {
    hone__pb_head head;
    hone__pb_bytes name;
    hone__type_proto *type;
    hone__pb_bytes doc_string;
    HONE__LIST(hone__entry_proto) metadata_props;
} hone__value_info_proto;

typedef struct hone__attribute_proto {
    hone__pb_head head;
    hone__pb_bytes name, ref_attr_name, doc_string;
    int64_t type; /* numbers of hone__attr_type (graph/graph.h) */
    float f;
    int64_t i;
    hone__pb_bytes s;
    hone__tensor_proto *t;
    hone__graph_proto *g;
    hone__sparse_proto *sparse_tensor;
    hone__type_proto *tp;
    hone__floats floats;
    hone__ints ints;
    hone__strings strings;
    HONE__LIST(hone__tensor_proto) tensors;
    HONE__LIST(hone__graph_proto) graphs;
    HONE__LIST(hone__sparse_proto) sparse_tensors;
    HONE__LIST(hone__type_proto) type_protos;
} hone__attribute_proto;

typedef struct hone__node_proto {
    hone__pb_head head;
    hone__strings input, output;
    hone__pb_bytes name, op_type, domain, overload, doc_string;
    HONE__LIST(hone__attribute_proto) attribute;
    HONE__LIST(hone__entry_proto) metadata_props;
} hone__node_proto;

typedef struct hone__annotation_proto { /* TensorAnnotation */
    hone__pb_head head;
    hone__pb_bytes tensor_name;
    HONE__LIST(hone__entry_proto) quant_parameter_tensor_names;
} hone__annotation_proto;

struct hone__graph_proto {
    hone__pb_head head;
    HONE__LIST(hone__node_proto) node;
    hone__pb_bytes name, doc_string;
    HONE__LIST(hone__tensor_proto) initializer;
    HONE__LIST(hone__sparse_proto) sparse_initializer;
    HONE__LIST(hone__value_info_proto) input, output, value_info;
    HONE__LIST(hone__annotation_proto) quantization_annotation;
    HONE__LIST(hone__entry_proto) metadata_props;
};

typedef struct hone__opset_proto { /* OperatorSetIdProto */
    hone__pb_head head;
    hone__pb_bytes domain;
    int64_t version;
} hone__opset_proto;

typedef struct hone__function_proto {
    hone__pb_head head;
    hone__pb_bytes name, doc_string, domain, overload;
    hone__strings input, output, attribute;
    HONE__LIST(hone__attribute_proto) attribute_proto; /* attributes with defaults */
    HONE__LIST(hone__node_proto) node;
    HONE__LIST(hone__opset_proto) opset_import;
    HONE__LIST(hone__value_info_proto) value_info;
    HONE__LIST(hone__entry_proto) metadata_props;
} hone__function_proto;

typedef struct hone__training_proto { /* TrainingInfoProto */
    hone__pb_head head;
    hone__graph_proto *initialization, *algorithm;
    HONE__LIST(hone__entry_proto) initialization_binding, update_binding;
} hone__training_proto;

typedef struct hone__model_proto {
    hone__pb_head head;
    int64_t ir_version, model_version;
    HONE__LIST(hone__opset_proto) opset_import;
    hone__pb_bytes producer_name, producer_version, domain, doc_string;
    hone__graph_proto *graph;
    HONE__LIST(hone__entry_proto) metadata_props;
    HONE__LIST(hone__training_proto) training_info;
    HONE__LIST(hone__function_proto) functions;
} hone__model_proto;

/* onnx-data.proto: what test data sets hold. */
typedef struct hone__sequence_proto hone__sequence_proto;
typedef struct hone__map_proto hone__map_proto;
typedef struct hone__optional_proto hone__optional_proto;

/* SequenceProto.DataType and OptionalProto.DataType */
enum {
    HONE__DATA_UNDEFINED = 0,
    HONE__DATA_TENSOR = 1,
    HONE__DATA_SPARSE = 2,
    HONE__DATA_SEQUENCE = 3,
    HONE__DATA_MAP = 4,
    HONE__DATA_OPTIONAL = 5
};

struct hone__sequence_proto {
    hone__pb_head head;
    hone__pb_bytes name;
    int64_t elem_type;
    HONE__LIST(hone__tensor_proto) tensor_values;
    HONE__LIST(hone__sparse_proto) sparse_tensor_values;
    HONE__LIST(hone__sequence_proto) sequence_values;
    HONE__LIST(hone__map_proto) map_values;
    HONE__LIST(hone__optional_proto) optional_values;
};

struct hone__map_proto {
    hone__pb_head head;
    hone__pb_bytes name;
    int64_t key_type;
    hone__ints keys;
    hone__strings string_keys;
    hone__sequence_proto *values;
};

struct hone__optional_proto {
    hone__pb_head head;
    hone__pb_bytes name;
    int64_t elem_type;
    hone__tensor_proto *tensor_value;
    hone__sparse_proto *sparse_tensor_value;
    hone__sequence_proto *sequence_value;
    hone__map_proto *map_value;
    hone__optional_proto *optional_value;
};

extern const hone__pb_message hone__model_desc, hone__graph_desc, hone__node_desc, hone__attribute_desc,
    hone__tensor_desc, hone__sparse_desc, hone__value_info_desc, hone__type_desc, hone__tensor_type_desc,
    hone__elem_type_desc, hone__map_type_desc, hone__opaque_type_desc, hone__shape_desc, hone__dim_desc,
    hone__opset_desc, hone__entry_desc, hone__function_desc, hone__training_desc, hone__annotation_desc,
    hone__sequence_desc, hone__map_desc, hone__optional_desc;

#endif
