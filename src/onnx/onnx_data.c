/* Values of test data sets: .pb files of TensorProto, SequenceProto, OptionalProto and MapProto to
 * hone_tensor and back; see hone/onnx_data.h. */
#include <hone/onnx_data.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/dtype.h"
#include "base/error.h"
#include "onnx/onnx_file.h"
#include "onnx/onnx_tensor.h"

/* ---- reading; nesting is bounded by the parser ---- */

/* A list of items under construction. */
typedef struct items {
    hone_tensor **v;
    size_t n, capacity;
} items;

static void drop_items(items *list) {
    for (size_t i = 0; i < list->n; i++)
        hone_tensor_destroy(list->v[i]);
    hone__free(list->v);
}

/* Takes the tensor, on failure too. */
static hone_status add_item(items *list, hone_tensor *tensor, hone_error *error) {
    if (!hone__grow((void **)&list->v, &list->capacity, list->n + 1, sizeof *list->v)) {
        hone_tensor_destroy(tensor);
        return hone__fail_memory(error, "a sequence");
    }
    list->v[list->n++] = tensor;
    return HONE_OK;
}

/* Makes the container of the items, or drops them. */
static hone_status finish(items *list, hone_status status, hone_kind kind, hone_tensor **out, hone_error *error) {
    if (status == HONE_OK)
        status = hone_tensor_create_container(kind, list->v, list->n, out, error);
    if (status == HONE_OK)
        list->n = 0; /* the container owns them */
    drop_items(list);
    return status;
}

static hone_status read_tensor(const hone__tensor_proto *proto, hone__onnx_source *source, hone_tensor **out,
                               hone_error *error) {
    hone_tensor *view;
    HONE_TRY(hone__onnx_tensor_create(proto, source, HONE_ONNX_ALIGN, &view, error));
    if (view->owns_data) {
        *out = view;
        return HONE_OK;
    }
    hone_status status = hone_tensor_clone(view, out, error);
    hone_tensor_destroy(view);
    return status;
}

static hone_status read_map(const hone__map_proto *proto, hone__onnx_source *source, hone_tensor **out,
                            hone_error *error);
static hone_status read_optional(const hone__optional_proto *proto, hone__onnx_source *source, hone_tensor **out,
                                 hone_error *error);

static hone_status read_sequence(const hone__sequence_proto *proto, hone__onnx_source *source, hone_tensor **out,
                                 hone_error *error) {
    items list = {0};
    hone_status status = HONE_OK;
    hone_tensor *item;
#define READ_ALL(member, read)                                                                                         \
    for (size_t i = 0; status == HONE_OK && i < proto->member.n; i++) {                                                \
        status = read(&proto->member.items[i], source, &item, error);                                                  \
        if (status == HONE_OK)                                                                                         \
            status = add_item(&list, item, error);                                                                     \
    }
    READ_ALL(tensor_values, read_tensor)
    READ_ALL(sparse_tensor_values, hone__onnx_sparse_create)
    READ_ALL(sequence_values, read_sequence)
    READ_ALL(map_values, read_map)
    READ_ALL(optional_values, read_optional)
#undef READ_ALL
    return finish(&list, status, HONE_KIND_SEQUENCE, out, error);
}

static hone_status read_keys(const hone__map_proto *proto, hone_tensor **out, hone_error *error) {
    bool is_string = proto->key_type == HONE_DTYPE_STRING;
    int64_t n = (int64_t)(is_string ? proto->string_keys.n : proto->keys.n);
    HONE_FAIL_IF(proto->key_type <= 0 || proto->key_type >= HONE_DTYPE_COUNT ||
                     !(is_string || hone__dtype_in((hone_dtype)proto->key_type, HONE_SET_INT)),
                 error, HONE_ERROR_MODEL, "a map's keys have the type %lld", (long long)proto->key_type);
    HONE_TRY(hone_tensor_create((hone_dtype)proto->key_type, 1, &n, out, error));
    size_t bytes = (size_t)hone_dtype_bits((hone_dtype)proto->key_type) / 8;
    hone_status status = HONE_OK;
    for (int64_t i = 0; i < n && status == HONE_OK; i++) {
        if (is_string)
            status = hone_tensor_set_string(*out, i, (const char *)proto->string_keys.items[i].data,
                                            proto->string_keys.items[i].size, error);
        else
            memcpy((char *)(*out)->data + (size_t)i * bytes, &proto->keys.items[i], bytes);
    }
    if (status != HONE_OK)
        hone_tensor_destroy(*out);
    return status;
}

static hone_status read_map(const hone__map_proto *proto, hone__onnx_source *source, hone_tensor **out,
                            hone_error *error) {
    items list = {0};
    hone_tensor *item;
    hone_status status = HONE_OK;
    HONE_FAIL_IF(!proto->values, error, HONE_ERROR_MODEL, "a map has no values");
    status = read_keys(proto, &item, error);
    if (status == HONE_OK)
        status = add_item(&list, item, error);
    if (status == HONE_OK)
        status = read_sequence(proto->values, source, &item, error);
    if (status == HONE_OK)
        status = add_item(&list, item, error);
    if (status == HONE_OK && (uint64_t)hone_tensor_count(list.v[0]) != list.v[1]->n_items)
        status = hone__fail(error, HONE_ERROR_MODEL, "a map has %lld keys and %zu values",
                            (long long)hone_tensor_count(list.v[0]), list.v[1]->n_items);
    return finish(&list, status, HONE_KIND_MAP, out, error);
}

static hone_status read_optional(const hone__optional_proto *proto, hone__onnx_source *source, hone_tensor **out,
                                 hone_error *error) {
    items list = {0};
    hone_tensor *item = NULL;
    hone_status status = HONE_OK;
    if (proto->tensor_value)
        status = read_tensor(proto->tensor_value, source, &item, error);
    else if (proto->sparse_tensor_value)
        status = hone__onnx_sparse_create(proto->sparse_tensor_value, source, &item, error);
    else if (proto->sequence_value)
        status = read_sequence(proto->sequence_value, source, &item, error);
    else if (proto->map_value)
        status = read_map(proto->map_value, source, &item, error);
    else if (proto->optional_value)
        status = read_optional(proto->optional_value, source, &item, error);
    if (status == HONE_OK && item)
        status = add_item(&list, item, error);
    return finish(&list, status, HONE_KIND_OPTIONAL, out, error);
}

static const hone__pb_message *const g_messages[] = {[HONE_KIND_TENSOR] = &hone__tensor_desc,
                                                     [HONE_KIND_SEQUENCE] = &hone__sequence_desc,
                                                     [HONE_KIND_OPTIONAL] = &hone__optional_desc,
                                                     [HONE_KIND_MAP] = &hone__map_desc};

typedef union any_proto {
    hone__pb_head head;
    hone__tensor_proto tensor;
    hone__sequence_proto sequence;
    hone__optional_proto optional;
    hone__map_proto map;
} any_proto;

static hone_status read_value(hone__pb_bytes bytes, hone__onnx_source *source, hone_kind kind, bool is_strict,
                              hone__pb_bytes *name, hone_tensor **out, hone_error *error) {
    any_proto proto;
    hone__arena arena;
    hone__arena_init(&arena);
    hone_status status = hone__pb_parse(g_messages[kind], bytes, source->base, source->path, &arena, &proto, error);
    if (status == HONE_OK && is_strict && proto.head.n_unknown)
        status = hone__fail(error, HONE_ERROR_MODEL, "the file holds another kind of value");
    if (status == HONE_OK) {
        switch (kind) {
        case HONE_KIND_TENSOR:
            *name = proto.tensor.name;
            status = read_tensor(&proto.tensor, source, out, error);
            break;
        case HONE_KIND_SEQUENCE:
            *name = proto.sequence.name;
            status = read_sequence(&proto.sequence, source, out, error);
            break;
        case HONE_KIND_OPTIONAL:
            *name = proto.optional.name;
            status = read_optional(&proto.optional, source, out, error);
            break;
        default:
            *name = proto.map.name;
            status = read_map(&proto.map, source, out, error);
            break;
        }
    }
    hone__arena_deinit(&arena);
    return status;
}

hone_status hone_tensor_read_pb(const char *path, int expected, char *name, size_t name_size, hone_tensor **out,
                                hone_error *error) {
    HONE_FAIL_IF(!path || !out, error, HONE_ERROR_ARGUMENT, "path or out is NULL");
    *out = NULL;
    if (name && name_size)
        name[0] = '\0';
    HONE_FAIL_IF(expected < HONE_PB_ANY || expected > HONE_KIND_MAP, error, HONE_ERROR_ARGUMENT,
                 "%d is not a kind of value", expected);
    hone__mapping mapping;
    HONE_TRY(hone__mapping_open(path, &mapping, error));
    hone__onnx_source source;
    hone__pb_bytes bytes = {mapping.data, mapping.size}, text = {NULL, 0};
    hone_status status = hone__onnx_source_init(&source, mapping.data, path, NULL, error);
    if (status != HONE_OK) {
        hone__mapping_close(&mapping);
        return status;
    }
    if (expected == HONE_PB_ANY)
        status = HONE_ERROR_MODEL; /* until one fits */
    else
        status = read_value(bytes, &source, (hone_kind)expected, false, &text, out, error);
    for (int kind = HONE_KIND_TENSOR;
         expected == HONE_PB_ANY && kind <= HONE_KIND_MAP && status != HONE_OK && status != HONE_ERROR_MEMORY; kind++)
        status = read_value(bytes, &source, (hone_kind)kind, true, &text, out, error);
    if (status == HONE_OK && name && name_size) {
        size_t n = hone__min_size(text.size, name_size - 1);
        if (n)
            memcpy(name, text.data, n);
        name[n] = '\0';
    }
    if (status != HONE_OK)
        hone__error_file(error, path, -1);
    hone__onnx_source_deinit(&source);
    hone__mapping_close(&mapping);
    return status;
}

hone_status hone_tensor_load(const char *path, hone_kind kind, char *name, size_t name_size, hone_tensor **out,
                             hone_error *error) {
    HONE_FAIL_IF((int)kind < HONE_KIND_TENSOR, error, HONE_ERROR_ARGUMENT, "%d is not a kind of value", (int)kind);
    return hone_tensor_read_pb(path, (int)kind, name, name_size, out, error);
}

/* ---- writing ---- */

static hone_status fill(const hone_tensor *tensor, hone__arena *arena, any_proto *out, hone_error *error);

/* SequenceProto of n items, all of one kind. */
static hone_status fill_sequence(hone_tensor *const *v, size_t n, hone__arena *arena, hone__sequence_proto *out,
                                 hone_error *error) {
    static const int kinds[] = {[HONE_KIND_TENSOR] = HONE__DATA_TENSOR,
                                [HONE_KIND_SEQUENCE] = HONE__DATA_SEQUENCE,
                                [HONE_KIND_OPTIONAL] = HONE__DATA_OPTIONAL,
                                [HONE_KIND_MAP] = HONE__DATA_MAP};
    memset(out, 0, sizeof *out);
    hone_kind kind = n ? v[0]->kind : HONE_KIND_TENSOR;
    out->elem_type = kinds[kind];
    HONE_PB_SET(hone__sequence_desc, out, elem_type);
    size_t size = g_messages[kind]->size;
    char *protos = hone__arena_calloc(arena, n, size);
    if (!protos)
        return hone__fail_memory(error, "a sequence");
    for (size_t i = 0; i < n; i++) {
        any_proto item;
        HONE_FAIL_IF(v[i]->kind != kind, error, HONE_ERROR_ARGUMENT, "a sequence holds values of different kinds");
        HONE_TRY(fill(v[i], arena, &item, error));
        memcpy(protos + i * size, &item, size);
    }
    hone__pb_array array = {protos, n};
    if (kind == HONE_KIND_TENSOR)
        memcpy(&out->tensor_values, &array, sizeof array);
    else if (kind == HONE_KIND_SEQUENCE)
        memcpy(&out->sequence_values, &array, sizeof array);
    else if (kind == HONE_KIND_OPTIONAL)
        memcpy(&out->optional_values, &array, sizeof array);
    else
        memcpy(&out->map_values, &array, sizeof array);
    return HONE_OK;
}

static hone_status fill_map(const hone_tensor *tensor, hone__arena *arena, hone__map_proto *out, hone_error *error) {
    memset(out, 0, sizeof *out);
    HONE_FAIL_IF(tensor->n_items != 2 || tensor->items[0]->kind != HONE_KIND_TENSOR ||
                     tensor->items[1]->kind == HONE_KIND_OPTIONAL || tensor->items[1]->kind == HONE_KIND_MAP,
                 error, HONE_ERROR_ARGUMENT, "a map needs a tensor of keys and its values");
    const hone_tensor *keys = tensor->items[0], *values = tensor->items[1];
    size_t n = (size_t)hone_tensor_count(keys);
    out->key_type = keys->dtype;
    HONE_PB_SET(hone__map_desc, out, key_type);
    if (keys->dtype == HONE_DTYPE_STRING) {
        out->string_keys.items = hone__arena_calloc(arena, n, sizeof(hone__pb_bytes));
        out->string_keys.n = n;
    } else {
        out->keys.items = hone__arena_calloc(arena, n, sizeof(int64_t));
        out->keys.n = n;
    }
    out->values = hone__arena_calloc(arena, 1, sizeof *out->values);
    if ((!out->string_keys.items && !out->keys.items) || !out->values)
        return hone__fail_memory(error, "a map");
    for (size_t i = 0; i < n; i++) {
        if (keys->dtype == HONE_DTYPE_STRING) {
            hone_string s = hone_tensor_get_string(keys, (int64_t)i);
            out->string_keys.items[i] = (hone__pb_bytes){(const uint8_t *)s.data, s.size};
        } else {
            HONE_FAIL_IF(!hone__tensor_get_i64(keys, (int64_t)i, &out->keys.items[i]), error, HONE_ERROR_ARGUMENT,
                         "a map's keys are %s", hone_dtype_name(keys->dtype));
        }
    }
    if (values->kind == HONE_KIND_SEQUENCE)
        return fill_sequence(values->items, values->n_items, arena, out->values, error);
    hone_tensor *only = (hone_tensor *)(uintptr_t)values;
    return fill_sequence(&only, 1, arena, out->values, error);
}

static hone_status fill_optional(const hone_tensor *tensor, hone__arena *arena, hone__optional_proto *out,
                                 hone_error *error) {
    static const int kinds[] = {HONE__DATA_TENSOR, HONE__DATA_SEQUENCE, HONE__DATA_OPTIONAL, HONE__DATA_MAP};
    memset(out, 0, sizeof *out);
    const hone_tensor *item = tensor->n_items ? tensor->items[0] : NULL;
    out->elem_type = item ? kinds[item->kind] : HONE__DATA_UNDEFINED;
    HONE_PB_SET(hone__optional_desc, out, elem_type);
    if (!item)
        return HONE_OK;
    any_proto *proto = hone__arena_calloc(arena, 1, sizeof *proto);
    if (!proto)
        return hone__fail_memory(error, "an optional");
    HONE_TRY(fill(item, arena, proto, error));
    if (item->kind == HONE_KIND_TENSOR)
        out->tensor_value = &proto->tensor;
    else if (item->kind == HONE_KIND_SEQUENCE)
        out->sequence_value = &proto->sequence;
    else if (item->kind == HONE_KIND_OPTIONAL)
        out->optional_value = &proto->optional;
    else
        out->map_value = &proto->map;
    return HONE_OK;
}

static hone_status fill(const hone_tensor *tensor, hone__arena *arena, any_proto *out, hone_error *error) {
    switch (tensor->kind) {
    case HONE_KIND_TENSOR:
        return hone__onnx_tensor_fill(tensor, arena, &out->tensor, error);
    case HONE_KIND_SEQUENCE:
        return fill_sequence(tensor->items, tensor->n_items, arena, &out->sequence, error);
    case HONE_KIND_OPTIONAL:
        return fill_optional(tensor, arena, &out->optional, error);
    default:
        return fill_map(tensor, arena, &out->map, error);
    }
}

static void set_name(any_proto *proto, hone_kind kind, const char *name) {
    hone__pb_bytes text = hone__pb_text(name);
    if (kind == HONE_KIND_TENSOR) {
        proto->tensor.name = text;
        HONE_PB_SET(hone__tensor_desc, &proto->tensor, name);
    } else if (kind == HONE_KIND_SEQUENCE) {
        proto->sequence.name = text;
        HONE_PB_SET(hone__sequence_desc, &proto->sequence, name);
    } else if (kind == HONE_KIND_OPTIONAL) {
        proto->optional.name = text;
        HONE_PB_SET(hone__optional_desc, &proto->optional, name);
    } else {
        proto->map.name = text;
        HONE_PB_SET(hone__map_desc, &proto->map, name);
    }
}

hone_status hone_tensor_write_pb(const char *path, const hone_tensor *tensor, const char *name, hone_error *error) {
    HONE_FAIL_IF(!path || !tensor, error, HONE_ERROR_ARGUMENT, "path or tensor is NULL");
    hone__arena arena;
    any_proto proto;
    size_t size;
    hone__out_file *file = NULL;
    hone__arena_init(&arena);
    hone_status status = HONE_OK;
    HONE_CHECK(fill(tensor, &arena, &proto, error));
    if (name)
        set_name(&proto, tensor->kind, name);
    HONE_CHECK(hone__pb_measure(g_messages[tensor->kind], &proto, &size, error));
    HONE_CHECK(hone__out_file_create(path, &file, error));
    hone__pb_sink sink = {hone__out_file_write, file};
    HONE_CHECK(hone__pb_write(g_messages[tensor->kind], &proto, &sink, error));
    status = hone__out_file_commit(file, error);
    file = NULL;
cleanup:
    hone__out_file_discard(file);
    hone__arena_deinit(&arena);
    return status;
}
