/* Tensors <-> OrtValue; see ort_value.h. ONNX Runtime numbers element types as ONNX does, and packs types below a
 * byte as ONNX does, so that no data is converted. */
#include "exec/onnxruntime/ort_value.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/tensor.h"

#include <assert.h>
#include <string.h>

static_assert((int)ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT == (int)HONE_DTYPE_FLOAT &&
                  (int)ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING == (int)HONE_DTYPE_STRING &&
                  (int)ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16 == (int)HONE_DTYPE_BFLOAT16 &&
                  (int)ONNX_TENSOR_ELEMENT_DATA_TYPE_INT4 == (int)HONE_DTYPE_INT4,
              "element types are numbered as in ONNX");

enum { MAX_DEPTH = 8 }; /* of nested containers, as the types of a model can nest them */

static hone_status make_strings(const hone__ort_library *library, const hone_tensor *tensor, OrtValue **out,
                                hone_error *error) {
    const OrtApi *api = library->api;
    OrtAllocator *allocator = NULL;
    HONE_ORT_TRY(library, api->GetAllocatorWithDefaultOptions(&allocator), "get its allocator", error);
    HONE_ORT_TRY(library,
                 api->CreateTensorAsOrtValue(allocator, tensor->dims, (size_t)tensor->rank,
                                             ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, out),
                 "make a string tensor", error);
    int64_t n = hone__tensor_count(tensor);
    for (int64_t i = 0; i < n; i++) {
        hone_string s = hone_tensor_get_string(tensor, i);
        char *room = NULL;
        HONE_ORT_TRY(library, api->GetResizedStringTensorElementBuffer(*out, (size_t)i, s.size, &room), "copy a string",
                     error);
        if (s.size)
            memcpy(room, s.data, s.size);
    }
    return HONE_OK;
}

static hone_status make(const hone__ort_library *library, const OrtMemoryInfo *memory, const hone_tensor *tensor,
                        const char *name, int depth, OrtValue **out, hone_error *error);

static hone_status make_container(const hone__ort_library *library, const OrtMemoryInfo *memory,
                                  const hone_tensor *tensor, const char *name, int depth, OrtValue **out,
                                  hone_error *error) {
    const OrtApi *api = library->api;
    OrtValue **items = hone__calloc(tensor->n_items + 1, sizeof *items);
    if (!items)
        return hone__fail_memory(error, "a value");
    hone_status status = HONE_OK;
    for (size_t i = 0; i < tensor->n_items && status == HONE_OK; i++)
        status = make(library, memory, tensor->items[i], name, depth + 1, &items[i], error);
    if (status == HONE_OK)
        status =
            hone__ort_check(library,
                            api->CreateValue((const OrtValue *const *)items, tensor->n_items,
                                             tensor->kind == HONE_KIND_MAP ? ONNX_TYPE_MAP : ONNX_TYPE_SEQUENCE, out),
                            "make a container", error);
    for (size_t i = 0; i < tensor->n_items; i++)
        if (items[i])
            api->ReleaseValue(items[i]);
    hone__free(items);
    return status;
}

static hone_status make(const hone__ort_library *library, const OrtMemoryInfo *memory, const hone_tensor *tensor,
                        const char *name, int depth, OrtValue **out, hone_error *error) {
    HONE_FAIL_IF(depth > MAX_DEPTH, error, HONE_ERROR_LIMIT, "\"%s\" nests containers too deeply", name);
    if (tensor->kind == HONE_KIND_OPTIONAL) {
        if (tensor->n_items == 1)
            return make(library, memory, tensor->items[0], name, depth + 1, out, error);
        hone__fail(error, HONE_ERROR_UNSUPPORTED, "ONNX Runtime's C API takes no empty optional for \"%s\"", name);
        hone__error_hint(error, "use the backend cpu");
        return HONE_ERROR_UNSUPPORTED;
    }
    if (tensor->kind != HONE_KIND_TENSOR) {
        if (tensor->kind == HONE_KIND_SEQUENCE && !tensor->n_items) {
            hone__fail(error, HONE_ERROR_UNSUPPORTED, "ONNX Runtime's C API takes no empty sequence for \"%s\"", name);
            hone__error_hint(error, "use the backend cpu");
            return HONE_ERROR_UNSUPPORTED;
        }
        return make_container(library, memory, tensor, name, depth, out, error);
    }
    if (tensor->dtype == HONE_DTYPE_STRING)
        return make_strings(library, tensor, out, error);
    static char nothing[64]; /* an address for tensors of no elements */
    void *data = tensor->size ? tensor->data : nothing;
    return hone__ort_check(library,
                           library->api->CreateTensorWithDataAsOrtValue(memory, data, tensor->size, tensor->dims,
                                                                        (size_t)tensor->rank,
                                                                        (ONNXTensorElementDataType)tensor->dtype, out),
                           "take a tensor", error);
}

hone_status hone__ort_value_make(const hone__ort_library *library, const OrtMemoryInfo *memory,
                                 const hone_tensor *tensor, const char *name, OrtValue **out, hone_error *error) {
    *out = NULL;
    hone_status status = make(library, memory, tensor, name, 0, out, error);
    if (status != HONE_OK && *out) {
        library->api->ReleaseValue(*out);
        *out = NULL;
    }
    return status;
}

/* ---- back ---- */

static hone_status take_strings(const hone__ort_library *library, const OrtValue *value, hone_tensor *out,
                                hone_error *error) {
    const OrtApi *api = library->api;
    int64_t n = hone__tensor_count(out);
    char *room = NULL;
    size_t capacity = 0;
    hone_status status = HONE_OK;
    for (int64_t i = 0; i < n && status == HONE_OK; i++) {
        size_t size = 0;
        HONE_CHECK(hone__ort_check(library, api->GetStringTensorElementLength(value, (size_t)i, &size),
                                   "measure a string", error));
        if (!hone__grow((void **)&room, &capacity, size + 1, 1))
            HONE_CHECK(hone__fail_memory(error, "a string"));
        HONE_CHECK(hone__ort_check(library, api->GetStringTensorElement(value, size, (size_t)i, room), "read a string",
                                   error));
        HONE_CHECK(hone_tensor_set_string(out, i, room, size, error));
    }
cleanup:
    hone__free(room);
    return status;
}

static hone_status take_shape(const hone__ort_library *library, const OrtValue *value, const char *name,
                              hone_dtype *dtype, int *rank, int64_t *dims, hone_error *error) {
    const OrtApi *api = library->api;
    OrtTensorTypeAndShapeInfo *info = NULL;
    ONNXTensorElementDataType type;
    size_t n = 0;
    hone_status status = HONE_OK;
    HONE_ORT_TRY(library, api->GetTensorTypeAndShape(value, &info), "tell a shape", error);
    HONE_CHECK(hone__ort_check(library, api->GetTensorElementType(info, &type), "tell a type", error));
    HONE_CHECK(hone__ort_check(library, api->GetDimensionsCount(info, &n), "tell a rank", error));
    if ((int)type <= 0 || (int)type >= HONE_DTYPE_COUNT || n > HONE_MAX_RANK) {
        status = hone__fail(error, HONE_ERROR_UNSUPPORTED, "output \"%s\" has element type %d and rank %zu", name,
                            (int)type, n);
        goto cleanup;
    }
    HONE_CHECK(hone__ort_check(library, api->GetDimensions(info, dims, n), "tell a shape", error));
    *dtype = (hone_dtype)type;
    *rank = (int)n;
cleanup:
    api->ReleaseTensorTypeAndShapeInfo(info);
    return status;
}

static hone_status take_tensor(const hone__ort_library *library, const OrtValue *value, const char *name,
                               hone_tensor **out, hone_error *error) {
    hone_dtype dtype = HONE_DTYPE_UNDEFINED;
    int rank = 0;
    int64_t dims[HONE_MAX_RANK];
    HONE_TRY(take_shape(library, value, name, &dtype, &rank, dims, error));
    HONE_TRY(hone_tensor_create(dtype, rank, dims, out, error));
    hone_status status = HONE_OK;
    if (dtype == HONE_DTYPE_STRING) {
        status = take_strings(library, value, *out, error);
    } else if ((*out)->size) {
        void *data = NULL;
        status = hone__ort_check(library, library->api->GetTensorMutableData((OrtValue *)(uintptr_t)value, &data),
                                 "give a tensor's data", error);
        if (status == HONE_OK)
            memcpy((*out)->data, data, (*out)->size);
    }
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

static hone_status take(const hone__ort_library *library, const OrtValue *value, const char *name, int depth,
                        hone_tensor **out, hone_error *error) {
    const OrtApi *api = library->api;
    enum ONNXType type = ONNX_TYPE_UNKNOWN;
    HONE_FAIL_IF(depth > MAX_DEPTH, error, HONE_ERROR_LIMIT, "\"%s\" nests containers too deeply", name);
    HONE_ORT_TRY(library, api->GetValueType(value, &type), "tell a kind", error);
    if (type == ONNX_TYPE_TENSOR)
        return take_tensor(library, value, name, out, error);
    HONE_FAIL_IF(type != ONNX_TYPE_SEQUENCE && type != ONNX_TYPE_MAP, error, HONE_ERROR_UNSUPPORTED,
                 "output \"%s\" is of kind %d, which is not supported", name, (int)type);
    size_t n = 0;
    OrtAllocator *allocator = NULL;
    HONE_ORT_TRY(library, api->GetValueCount(value, &n), "count items", error);
    HONE_ORT_TRY(library, api->GetAllocatorWithDefaultOptions(&allocator), "get its allocator", error);
    hone_tensor **items = hone__calloc(n + 1, sizeof *items);
    if (!items)
        return hone__fail_memory(error, "a value");
    hone_status status = HONE_OK;
    for (size_t i = 0; i < n && status == HONE_OK; i++) {
        OrtValue *item = NULL;
        status = hone__ort_check(library, api->GetValue(value, (int)i, allocator, &item), "give an item", error);
        if (status == HONE_OK)
            status = take(library, item, name, depth + 1, &items[i], error);
        if (item)
            api->ReleaseValue(item);
    }
    if (status == HONE_OK)
        status = hone_tensor_create_container(type == ONNX_TYPE_MAP ? HONE_KIND_MAP : HONE_KIND_SEQUENCE, items, n, out,
                                              error);
    for (size_t i = 0; i < n && status != HONE_OK; i++)
        hone_tensor_destroy(items[i]);
    hone__free(items);
    return status;
}

hone_status hone__ort_value_take(const hone__ort_library *library, const OrtValue *value, hone_kind kind,
                                 const char *name, hone_tensor **out, hone_error *error) {
    int has_value = value != NULL;
    *out = NULL;
    if (value)
        HONE_ORT_TRY(library, library->api->HasValue(value, &has_value), "tell a value", error);
    if (kind != HONE_KIND_OPTIONAL) {
        HONE_FAIL_IF(!has_value, error, HONE_ERROR_INTERNAL, "output \"%s\" was not computed", name);
        return take(library, value, name, 0, out, error);
    }
    hone_tensor *item = NULL;
    if (has_value)
        HONE_TRY(take(library, value, name, 0, &item, error));
    hone_status status = hone_tensor_create_container(HONE_KIND_OPTIONAL, &item, has_value ? 1 : 0, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(item);
    return status;
}
