/* TensorProto to hone_tensor; see onnx_tensor.h. The encodings of each element type are those that
 * onnx.proto documents at TensorProto's data fields. */
#include "onnx/onnx_tensor.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <stdio.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tensor data are little-endian in ONNX files and are used in place: a little-endian machine is needed"
#endif

/* An error about a tensor, with its name and its position in the file. */
static hone_status fail_tensor(const hone__tensor_proto *tensor, const hone__onnx_source *source, hone_error *error,
                               hone_status status, const char *reason) {
    size_t n = hone__min_size(tensor->name.size, 120);
    if (n)
        hone__fail(error, status, "tensor \"%.*s\": %s", (int)n, (const char *)tensor->name.data, reason);
    else
        hone__fail(error, status, "unnamed tensor: %s", reason);
    if (source && tensor->head.body.data && source->base)
        hone__error_file(error, source->path, (int64_t)(tensor->head.body.data - source->base));
    hone__error_hint(error, "export the model again, or run the ONNX checker of the exporting tool on it");
    return status;
}

/* Number of entries that the typed field must hold for `count` elements, and the field. */
static const hone__pb_numbers *typed_field(const hone__tensor_proto *t, hone_dtype dtype, int64_t count,
                                           size_t *entries, const char **name) {
    *entries = (size_t)count;
    switch (dtype) {
    case HONE_DTYPE_COMPLEX64:
        *entries *= 2;
        /* fall through */
    case HONE_DTYPE_FLOAT:
        *name = "float_data";
        return &t->float_data;
    case HONE_DTYPE_COMPLEX128:
        *entries *= 2;
        /* fall through */
    case HONE_DTYPE_DOUBLE:
        *name = "double_data";
        return &t->double_data;
    case HONE_DTYPE_INT64:
        *name = "int64_data";
        return &t->int64_data;
    case HONE_DTYPE_UINT32:
    case HONE_DTYPE_UINT64:
        *name = "uint64_data";
        return &t->uint64_data;
    default:
        /* Types below one byte: each entry holds one packed byte. */
        if (hone_dtype_bits(dtype) < 8)
            (void)hone__dtype_size(dtype, count, entries);
        *name = "int32_data";
        return &t->int32_data;
    }
}

/* True when `word`, sign-extended as int32_data is, is a legal entry for elements of `bytes` bytes. */
static bool fits_int(hone_dtype dtype, uint64_t word) {
    int64_t v = (int64_t)word;
    switch (dtype) {
    case HONE_DTYPE_INT32:
        return v >= INT32_MIN && v <= INT32_MAX;
    case HONE_DTYPE_UINT32:
        return word <= UINT32_MAX;
    case HONE_DTYPE_INT16:
    case HONE_DTYPE_UINT16:
    case HONE_DTYPE_FLOAT16:
    case HONE_DTYPE_BFLOAT16:
        return v >= INT16_MIN && v <= UINT16_MAX;
    case HONE_DTYPE_INT64:
    case HONE_DTYPE_UINT64:
        return true;
    default:
        return v >= INT8_MIN && v <= UINT8_MAX;
    }
}

static hone_status decode_typed(const hone__tensor_proto *t, const hone__pb_numbers *numbers, const char *field,
                                hone_tensor *tensor, const hone__onnx_source *source, hone_error *error) {
    hone__pb_numbers_iter iter;
    hone__pb_numbers_begin(&iter, &hone__tensor_desc, t, numbers);
    int bits = hone_dtype_bits(tensor->dtype);
    size_t step = tensor->dtype == HONE_DTYPE_COMPLEX64    ? 4
                  : tensor->dtype == HONE_DTYPE_COMPLEX128 ? 8
                  : bits < 8                               ? 1
                                                           : (size_t)bits / 8;
    bool is_varint = field[0] != 'f' && field[0] != 'd';
    unsigned char *at = tensor->data, *end = at + tensor->size;
    uint64_t word;
    while (at < end && hone__pb_numbers_next(&iter, &word)) {
        if (is_varint && !fits_int(tensor->dtype, word)) {
            char reason[96];
            snprintf(reason, sizeof reason, "%s holds %lld, which is not a %s", field, (long long)word,
                     hone_dtype_name(tensor->dtype));
            return fail_tensor(t, source, error, HONE_ERROR_MODEL, reason);
        }
        if (tensor->dtype == HONE_DTYPE_BOOL)
            word = word != 0;
        memcpy(at, &word, step);
        at += step;
    }
    return HONE_OK;
}

static hone_status create_strings(const hone__tensor_proto *t, int64_t count, const hone__onnx_source *source,
                                  hone_tensor **out, hone_error *error) {
    if (t->head.has && HONE_PB_HAS(hone__tensor_desc, t, raw_data) && t->raw_data.size)
        return fail_tensor(t, source, error, HONE_ERROR_MODEL, "strings must be in string_data, not in raw_data");
    if ((uint64_t)count != t->string_data.n) {
        char reason[96];
        snprintf(reason, sizeof reason, "string_data holds %zu strings, the shape needs %lld", t->string_data.n,
                 (long long)count);
        return fail_tensor(t, source, error, HONE_ERROR_MODEL, reason);
    }
    hone_tensor *tensor;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_STRING, (int)t->dims.n, t->dims.items, &tensor, error));
    for (int64_t i = 0; i < count; i++) {
        hone__pb_bytes s = t->string_data.items[i];
        hone_status status = hone_tensor_set_string(tensor, i, (const char *)s.data, s.size, error);
        if (status != HONE_OK) {
            hone_tensor_destroy(tensor);
            return status;
        }
    }
    *out = tensor;
    return HONE_OK;
}

/* A view when it may be one, else a copy. */
static hone_status create_from_bytes(const hone__tensor_proto *t, hone_dtype dtype, hone__pb_bytes bytes,
                                     unsigned flags, hone_tensor **out, hone_error *error) {
    bool aligned = (uintptr_t)bytes.data % hone__dtype_alignment(dtype) == 0;
    if (bytes.size > HONE_ONNX_SMALL && (aligned || !(flags & HONE_ONNX_ALIGN))) {
        static unsigned char g_empty[16];
        void *data = bytes.size ? (void *)(uintptr_t)bytes.data : g_empty;
        return hone_tensor_create_borrowed(dtype, (int)t->dims.n, t->dims.items, data, bytes.size, out, error);
    }
    HONE_TRY(hone_tensor_create(dtype, (int)t->dims.n, t->dims.items, out, error));
    if (bytes.size)
        memcpy((*out)->data, bytes.data, bytes.size);
    return HONE_OK;
}

static hone_status check_shape(const hone__tensor_proto *t, const hone__onnx_source *source, hone_dtype *dtype,
                               int64_t *count, size_t *size, hone_error *error) {
    char reason[128];
    if (t->data_type <= 0 || t->data_type >= HONE_DTYPE_COUNT) {
        snprintf(reason, sizeof reason, "element type %lld is not one that ONNX defines", (long long)t->data_type);
        return fail_tensor(t, source, error, HONE_ERROR_MODEL, t->data_type ? reason : "it has no element type");
    }
    *dtype = (hone_dtype)t->data_type;
    if (t->dims.n > HONE_MAX_RANK) {
        snprintf(reason, sizeof reason, "it has %zu dimensions, the limit is %d", t->dims.n, HONE_MAX_RANK);
        return fail_tensor(t, source, error, HONE_ERROR_LIMIT, reason);
    }
    for (size_t i = 0; i < t->dims.n; i++)
        if (t->dims.items[i] < 0) {
            snprintf(reason, sizeof reason, "dimension %zu is %lld", i, (long long)t->dims.items[i]);
            return fail_tensor(t, source, error, HONE_ERROR_MODEL, reason);
        }
    if (!hone__shape_count(t->dims.items, (int)t->dims.n, count) ||
        !hone__shape_size(*dtype, t->dims.items, (int)t->dims.n, size))
        return fail_tensor(t, source, error, HONE_ERROR_MODEL, "its dimensions overflow");
    if (HONE_PB_HAS(hone__tensor_desc, t, segment))
        return fail_tensor(t, source, error, HONE_ERROR_UNSUPPORTED, "it is stored in segments");
    return HONE_OK;
}

static hone_status create_typed(const hone__tensor_proto *t, hone_dtype dtype, int64_t count,
                                const hone__onnx_source *source, unsigned flags, hone_tensor **out, hone_error *error) {
    size_t entries;
    const char *field;
    const hone__pb_numbers *numbers = typed_field(t, dtype, count, &entries, &field);
    if (numbers->n != entries) {
        char reason[128];
        snprintf(reason, sizeof reason, "%s holds %zu entries, the shape needs %zu", field, numbers->n, entries);
        return fail_tensor(t, source, error, HONE_ERROR_MODEL, reason);
    }
    if ((field[0] == 'f' || field[0] == 'd') && !numbers->is_scattered)
        return create_from_bytes(t, dtype, numbers->packed, flags, out, error);
    HONE_TRY(hone_tensor_create(dtype, (int)t->dims.n, t->dims.items, out, error));
    hone_status status = decode_typed(t, numbers, field, *out, source, error);
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

hone_status hone__onnx_tensor_create(const hone__tensor_proto *t, hone__onnx_source *source, unsigned flags,
                                     hone_tensor **out, hone_error *error) {
    hone_dtype dtype = HONE_DTYPE_UNDEFINED;
    int64_t count = 0;
    size_t size = 0;
    *out = NULL;
    HONE_TRY(check_shape(t, source, &dtype, &count, &size, error));
    if (t->data_location == 1) {
        if (dtype == HONE_DTYPE_STRING)
            return fail_tensor(t, source, error, HONE_ERROR_MODEL, "strings cannot be external data");
        hone__pb_bytes bytes;
        HONE_TRY(hone__onnx_external(source, t, size, &bytes, error));
        return create_from_bytes(t, dtype, bytes, flags, out, error);
    }
    if (t->data_location != 0)
        return fail_tensor(t, source, error, HONE_ERROR_MODEL, "its data_location is unknown");
    if (dtype == HONE_DTYPE_STRING)
        return create_strings(t, count, source, out, error);
    if (!HONE_PB_HAS(hone__tensor_desc, t, raw_data))
        return create_typed(t, dtype, count, source, flags, out, error);
    if (t->raw_data.size != size) {
        char reason[128];
        snprintf(reason, sizeof reason, "raw_data holds %zu bytes, the shape needs %zu", t->raw_data.size, size);
        /* Some exporters write an empty raw_data beside the typed field. */
        if (t->raw_data.size == 0 &&
            (t->float_data.n || t->int32_data.n || t->int64_data.n || t->double_data.n || t->uint64_data.n))
            return create_typed(t, dtype, count, source, flags, out, error);
        return fail_tensor(t, source, error, HONE_ERROR_MODEL, reason);
    }
    return create_from_bytes(t, dtype, t->raw_data, flags, out, error);
}

hone_status hone__onnx_tensor_fill(const hone_tensor *tensor, hone__arena *arena, hone__tensor_proto *out,
                                   hone_error *error) {
    memset(out, 0, sizeof *out);
    if (tensor->kind != HONE_KIND_TENSOR)
        return hone__fail(error, HONE_ERROR_ARGUMENT, "a container is not a TensorProto");
    out->dims.n = (size_t)tensor->rank;
    out->dims.items = hone__arena_memdup(arena, tensor->dims, out->dims.n * sizeof(int64_t));
    if (!out->dims.items)
        return hone__fail_memory(error, "a tensor's shape");
    out->data_type = tensor->dtype;
    HONE_PB_SET(hone__tensor_desc, out, data_type);
    if (tensor->dtype != HONE_DTYPE_STRING) {
        out->raw_data = (hone__pb_bytes){tensor->data, tensor->size};
        HONE_PB_SET(hone__tensor_desc, out, raw_data);
        return HONE_OK;
    }
    size_t n = (size_t)hone__tensor_count(tensor);
    out->string_data.items = hone__arena_calloc(arena, n, sizeof(hone__pb_bytes));
    if (!out->string_data.items)
        return hone__fail_memory(error, "a tensor's strings");
    out->string_data.n = n;
    const hone_string *strings = tensor->data;
    for (size_t i = 0; i < n; i++)
        out->string_data.items[i] = (hone__pb_bytes){(const uint8_t *)strings[i].data, strings[i].size};
    return HONE_OK;
}
