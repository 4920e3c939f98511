/* Data files (onnx-data.proto): the TensorProto, SequenceProto, MapProto or OptionalProto that ONNX test
 * data sets and other tools keep beside a model, to hone_tensor. Results own their memory. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/mapping.h"
#include "onnx/onnx_tensor.h"

#include <stdio.h>
#include <string.h>

/* The parser bounds how deeply messages nest (HONE_PB_MAX_DEPTH), so these may call each other. */
static hone_status make_sequence(const hone__sequence_proto *proto, hone__onnx_source *source, hone_tensor **out,
                                 hone_error *error);
static hone_status make_map(const hone__map_proto *proto, hone__onnx_source *source, hone_tensor **out,
                            hone_error *error);
static hone_status make_optional(const hone__optional_proto *proto, hone__onnx_source *source, hone_tensor **out,
                                 hone_error *error);

/* A tensor of its own: what is borrowed from the file is copied. */
static hone_status make_tensor(const hone__tensor_proto *proto, hone__onnx_source *source, hone_tensor **out,
                               hone_error *error) {
    hone_tensor *view = NULL;
    HONE_TRY(hone__onnx_tensor_create(proto, source, HONE_ONNX_ALIGN, &view, error));
    hone_status status = hone_tensor_clone(view, out, error);
    hone_tensor_destroy(view);
    return status;
}

/* Puts n items into a container, which owns them on success; otherwise they are destroyed. */
static hone_status wrap(hone_kind kind, hone_tensor **items, size_t n, hone_tensor **out, hone_error *error) {
    hone_status status = hone_tensor_create_container(kind, items, n, out, error);
    for (size_t i = 0; i < n && status != HONE_OK; i++)
        hone_tensor_destroy(items[i]);
    return status;
}

static size_t sequence_size(const hone__sequence_proto *proto) {
    switch (proto->elem_type) {
    case HONE__DATA_TENSOR:
        return proto->tensor_values.n;
    case HONE__DATA_SPARSE:
        return proto->sparse_tensor_values.n;
    case HONE__DATA_SEQUENCE:
        return proto->sequence_values.n;
    case HONE__DATA_MAP:
        return proto->map_values.n;
    case HONE__DATA_OPTIONAL:
        return proto->optional_values.n;
    default:
        return 0;
    }
}

static hone_status make_item(const hone__sequence_proto *proto, size_t i, hone__onnx_source *source, hone_tensor **out,
                             hone_error *error) {
    switch (proto->elem_type) {
    case HONE__DATA_TENSOR:
        return make_tensor(&proto->tensor_values.items[i], source, out, error);
    case HONE__DATA_SPARSE:
        return hone__onnx_sparse_create(&proto->sparse_tensor_values.items[i], source, out, error);
    case HONE__DATA_SEQUENCE:
        return make_sequence(&proto->sequence_values.items[i], source, out, error);
    case HONE__DATA_MAP:
        return make_map(&proto->map_values.items[i], source, out, error);
    default:
        return make_optional(&proto->optional_values.items[i], source, out, error);
    }
}

static hone_status make_sequence(const hone__sequence_proto *proto, hone__onnx_source *source, hone_tensor **out,
                                 hone_error *error) {
    HONE_FAIL_IF(proto->elem_type < HONE__DATA_UNDEFINED || proto->elem_type > HONE__DATA_OPTIONAL, error,
                 HONE_ERROR_MODEL, "a sequence has the unknown element type %lld", (long long)proto->elem_type);
    size_t n = sequence_size(proto), made = 0;
    hone_tensor **items = hone__calloc(n ? n : 1, sizeof *items);
    if (!items)
        return hone__fail_memory(error, "a sequence");
    hone_status status = HONE_OK;
    for (; made < n && status == HONE_OK; made += status == HONE_OK)
        status = make_item(proto, made, source, &items[made], error);
    if (status == HONE_OK)
        status = wrap(HONE_KIND_SEQUENCE, items, n, out, error);
    else
        for (size_t i = 0; i < made; i++)
            hone_tensor_destroy(items[i]);
    hone__free(items);
    return status;
}

/* Keys as a 1-D tensor of the map's key type. */
static hone_status make_keys(const hone__map_proto *proto, hone_tensor **out, hone_error *error) {
    hone_dtype dtype =
        proto->key_type > 0 && proto->key_type < HONE_DTYPE_COUNT ? (hone_dtype)proto->key_type : HONE_DTYPE_UNDEFINED;
    bool is_text = dtype == HONE_DTYPE_STRING;
    int bits = hone_dtype_bits(dtype);
    int64_t n = (int64_t)(is_text ? proto->string_keys.n : proto->keys.n);
    HONE_FAIL_IF(!is_text && (bits < 8 || bits > 64), error, HONE_ERROR_MODEL, "a map has the key type %lld",
                 (long long)proto->key_type);
    HONE_TRY(hone_tensor_create(dtype, 1, &n, out, error));
    for (int64_t i = 0; i < n; i++) {
        hone_status status = HONE_OK;
        if (is_text)
            status = hone_tensor_set_string(*out, i, (const char *)proto->string_keys.items[i].data,
                                            proto->string_keys.items[i].size, error);
        else /* little endian: the low bytes come first */
            memcpy((char *)(*out)->data + (size_t)i * (size_t)bits / 8, &proto->keys.items[i], (size_t)bits / 8);
        if (status != HONE_OK) {
            hone_tensor_destroy(*out);
            *out = NULL;
            return status;
        }
    }
    return HONE_OK;
}

static hone_status make_map(const hone__map_proto *proto, hone__onnx_source *source, hone_tensor **out,
                            hone_error *error) {
    HONE_FAIL_IF(!proto->values, error, HONE_ERROR_MODEL, "a map has no values");
    hone_tensor *items[2] = {NULL, NULL};
    HONE_TRY(make_keys(proto, &items[0], error));
    hone_status status = make_sequence(proto->values, source, &items[1], error);
    if (status != HONE_OK) {
        hone_tensor_destroy(items[0]);
        return status;
    }
    return wrap(HONE_KIND_MAP, items, 2, out, error);
}

static hone_status make_optional(const hone__optional_proto *proto, hone__onnx_source *source, hone_tensor **out,
                                 hone_error *error) {
    hone_tensor *item = NULL;
    if (proto->tensor_value)
        HONE_TRY(make_tensor(proto->tensor_value, source, &item, error));
    else if (proto->sparse_tensor_value)
        HONE_TRY(hone__onnx_sparse_create(proto->sparse_tensor_value, source, &item, error));
    else if (proto->sequence_value)
        HONE_TRY(make_sequence(proto->sequence_value, source, &item, error));
    else if (proto->map_value)
        HONE_TRY(make_map(proto->map_value, source, &item, error));
    else if (proto->optional_value)
        HONE_TRY(make_optional(proto->optional_value, source, &item, error));
    return wrap(HONE_KIND_OPTIONAL, &item, item != NULL, out, error);
}

typedef union any_proto {
    hone__tensor_proto tensor;
    hone__sequence_proto sequence;
    hone__map_proto map;
    hone__optional_proto optional;
} any_proto;

/* Parses the message of a kind and turns it into a tensor; its name, if any, goes into `name`. */
static hone_status make_any(hone_kind kind, hone__pb_bytes bytes, hone__onnx_source *source, hone__arena *arena,
                            hone__pb_bytes *name, hone_tensor **out, hone_error *error) {
    static const hone__pb_message *const messages[] = {
        [HONE_KIND_TENSOR] = &hone__tensor_desc,
        [HONE_KIND_SEQUENCE] = &hone__sequence_desc,
        [HONE_KIND_OPTIONAL] = &hone__optional_desc,
        [HONE_KIND_MAP] = &hone__map_desc,
    };
    any_proto proto;
    HONE_TRY(hone__pb_parse(messages[kind], bytes, source->base, source->path, arena, &proto, error));
    switch (kind) {
    case HONE_KIND_TENSOR:
        *name = proto.tensor.name;
        return make_tensor(&proto.tensor, source, out, error);
    case HONE_KIND_SEQUENCE:
        *name = proto.sequence.name;
        return make_sequence(&proto.sequence, source, out, error);
    case HONE_KIND_OPTIONAL:
        *name = proto.optional.name;
        return make_optional(&proto.optional, source, out, error);
    case HONE_KIND_MAP:
        *name = proto.map.name;
        return make_map(&proto.map, source, out, error);
    }
    return hone__fail(error, HONE_ERROR_ARGUMENT, "kind %d is unknown", (int)kind);
}

hone_status hone_tensor_load(const char *path, hone_kind kind, char *name, size_t name_size, hone_tensor **out,
                             hone_error *error) {
    *out = NULL;
    if (name && name_size)
        name[0] = '\0';
    HONE_FAIL_IF((int)kind < HONE_KIND_TENSOR || kind > HONE_KIND_MAP, error, HONE_ERROR_ARGUMENT, "kind %d is unknown",
                 (int)kind);
    hone__mapping file;
    HONE_TRY(hone__mapping_open(path, &file, error));
    hone__arena arena;
    hone__arena_init(&arena);
    hone__onnx_source source;
    hone_status status = hone__onnx_source_init(&source, file.data, path, NULL, error);
    if (status == HONE_OK) {
        hone__pb_bytes bytes = {file.data, file.size}, found = {NULL, 0};
        status = make_any(kind, bytes, &source, &arena, &found, out, error);
        if (status == HONE_OK && name && name_size)
            snprintf(name, name_size, "%.*s", (int)(found.size < name_size ? found.size : name_size),
                     found.data ? (const char *)found.data : "");
        else if (status != HONE_OK)
            hone__error_file(error, path, -1);
        hone__onnx_source_deinit(&source);
    }
    hone__arena_deinit(&arena);
    hone__mapping_close(&file);
    return status;
}
