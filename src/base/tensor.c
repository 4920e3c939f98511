/* Tensors; see hone/tensor.h and tensor.h. */
#include "base/tensor.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int bits;
} g_dtypes[HONE_DTYPE_COUNT] = {
#define ROW(name, number, text, bits) [number] = {text, bits},
    HONE_DTYPE_TABLE(ROW)
#undef ROW
};

static bool is_valid(hone_dtype dtype) { return dtype > HONE_DTYPE_UNDEFINED && dtype < HONE_DTYPE_COUNT; }

const char *hone_dtype_name(hone_dtype dtype) { return is_valid(dtype) ? g_dtypes[dtype].name : "undefined"; }
int hone_dtype_bits(hone_dtype dtype) { return is_valid(dtype) ? g_dtypes[dtype].bits : 0; }

hone_dtype hone_dtype_from_name(const char *name) {
    for (int i = 1; i < HONE_DTYPE_COUNT; i++)
        if (strcmp(g_dtypes[i].name, name) == 0)
            return (hone_dtype)i;
    return HONE_DTYPE_UNDEFINED;
}

bool hone__dtype_size(hone_dtype dtype, int64_t count, size_t *out) {
    if (!is_valid(dtype) || count < 0)
        return false;
    size_t n = (size_t)count;
    if (dtype == HONE_DTYPE_STRING)
        return hone__mul_size(n, sizeof(hone_string), out);
    size_t bits = (size_t)g_dtypes[dtype].bits;
    if (bits >= 8)
        return hone__mul_size(n, bits / 8, out);
    size_t per_byte = 8 / bits;
    *out = n / per_byte + (n % per_byte != 0);
    return true;
}

bool hone__shape_size(hone_dtype dtype, const int64_t *dims, int rank, size_t *out) {
    int64_t count;
    return hone__shape_count(dims, rank, &count) && hone__dtype_size(dtype, count, out) && *out <= PTRDIFF_MAX;
}

void hone__tensor_view(hone_tensor *view, hone_dtype dtype, int rank, const int64_t *dims, void *data, size_t size) {
    memset(view, 0, sizeof *view);
    view->dtype = dtype;
    view->rank = rank;
    for (int i = 0; i < rank; i++)
        view->dims[i] = dims[i];
    view->data = data;
    view->size = size;
}

const char *hone__shape_describe(hone_dtype dtype, int rank, const int64_t *dims, char *buf, size_t size) {
    size_t n = (size_t)snprintf(buf, size, "%s[", hone_dtype_name(dtype));
    for (int i = 0; i < rank && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, i ? ",%lld" : "%lld", (long long)dims[i]);
    if (n < size)
        snprintf(buf + n, size - n, "]");
    return buf;
}

const char *hone__tensor_describe(const hone_tensor *tensor, char *buf, size_t size) {
    static const char *const names[] = {"tensor", "sequence", "optional", "map"};
    if (tensor->kind == HONE_KIND_TENSOR)
        return hone__shape_describe(tensor->dtype, tensor->rank, tensor->dims, buf, size);
    snprintf(buf, size, "%s of %zu", names[tensor->kind], tensor->n_items);
    return buf;
}

static hone_status check_shape(hone_dtype dtype, int rank, const int64_t *dims, size_t *size, hone_error *error) {
    HONE_FAIL_IF(!is_valid(dtype), error, HONE_ERROR_ARGUMENT, "%d is not an element type", (int)dtype);
    HONE_FAIL_IF(rank < 0 || rank > HONE_MAX_RANK, error, HONE_ERROR_ARGUMENT, "rank %d is outside 0..%d", rank,
                 (int)HONE_MAX_RANK);
    for (int i = 0; i < rank; i++)
        HONE_FAIL_IF(dims[i] < 0, error, HONE_ERROR_ARGUMENT, "dimension %d is negative (%lld)", i, (long long)dims[i]);
    HONE_FAIL_IF(!hone__shape_size(dtype, dims, rank, size), error, HONE_ERROR_LIMIT,
                 "the shape's size overflows what memory can hold");
    return HONE_OK;
}

hone_status hone_tensor_create(hone_dtype dtype, int rank, const int64_t *dims, hone_tensor **out, hone_error *error) {
    *out = NULL;
    size_t size;
    HONE_TRY(check_shape(dtype, rank, dims, &size, error));
    hone_tensor *tensor = hone__malloc(sizeof *tensor);
    /* Kernels may read up to one vector past the end. */
    void *data = tensor ? hone__malloc_aligned(size + HONE_ALIGNMENT) : NULL;
    if (!data) {
        hone__free(tensor);
        return hone__fail_memory(error, "a tensor");
    }
    memset(data, 0, size + HONE_ALIGNMENT);
    hone__tensor_view(tensor, dtype, rank, dims, data, size);
    tensor->owns_data = true;
    *out = tensor;
    return HONE_OK;
}

hone_status hone_tensor_create_borrowed(hone_dtype dtype, int rank, const int64_t *dims, void *data, size_t size,
                                        hone_tensor **out, hone_error *error) {
    *out = NULL;
    size_t need;
    HONE_TRY(check_shape(dtype, rank, dims, &need, error));
    HONE_FAIL_IF(dtype == HONE_DTYPE_STRING, error, HONE_ERROR_TYPE, "a tensor of strings cannot borrow its memory");
    HONE_FAIL_IF(need > 0 && (!data || size < need), error, HONE_ERROR_ARGUMENT,
                 "the buffer holds %zu bytes, the shape needs %zu", size, need);
    hone_tensor *tensor = hone__malloc(sizeof *tensor);
    if (!tensor)
        return hone__fail_memory(error, "a tensor");
    hone__tensor_view(tensor, dtype, rank, dims, data, need);
    *out = tensor;
    return HONE_OK;
}

hone_status hone_tensor_create_container(hone_kind kind, hone_tensor *const *items, size_t n, hone_tensor **out,
                                         hone_error *error) {
    *out = NULL;
    HONE_FAIL_IF(kind == HONE_KIND_TENSOR || kind > HONE_KIND_MAP, error, HONE_ERROR_ARGUMENT,
                 "%d is not a kind of container", (int)kind);
    HONE_FAIL_IF(kind == HONE_KIND_OPTIONAL && n > 1, error, HONE_ERROR_ARGUMENT, "an optional holds at most one item");
    HONE_FAIL_IF(kind == HONE_KIND_MAP && n != 2, error, HONE_ERROR_ARGUMENT, "a map needs its keys and its values");
    hone_tensor *tensor = hone__calloc(1, sizeof *tensor);
    hone_tensor **copy = tensor ? hone__calloc(n ? n : 1, sizeof *copy) : NULL;
    if (!copy) {
        hone__free(tensor);
        return hone__fail_memory(error, "a container");
    }
    if (n)
        memcpy(copy, items, n * sizeof *copy);
    tensor->kind = kind;
    tensor->items = copy;
    tensor->n_items = n;
    *out = tensor;
    return HONE_OK;
}

static hone_status clone_container(const hone_tensor *tensor, hone_tensor **out, hone_error *error) {
    size_t n = tensor->n_items, done = 0;
    hone_tensor **items = hone__calloc(n ? n : 1, sizeof *items);
    if (!items)
        return hone__fail_memory(error, "a container");
    hone_status status = HONE_OK;
    for (; done < n && status == HONE_OK; done++)
        status = hone_tensor_clone(tensor->items[done], &items[done], error);
    if (status == HONE_OK)
        status = hone_tensor_create_container(tensor->kind, items, n, out, error);
    if (status != HONE_OK)
        for (size_t i = 0; i < done; i++)
            hone_tensor_destroy(items[i]);
    hone__free(items);
    return status;
}

hone_status hone_tensor_clone(const hone_tensor *tensor, hone_tensor **out, hone_error *error) {
    *out = NULL;
    if (tensor->kind != HONE_KIND_TENSOR)
        return clone_container(tensor, out, error);
    hone_tensor *copy;
    HONE_TRY(hone_tensor_create(tensor->dtype, tensor->rank, tensor->dims, &copy, error));
    if (tensor->dtype != HONE_DTYPE_STRING) {
        if (tensor->size)
            memcpy(copy->data, tensor->data, tensor->size);
    } else {
        const hone_string *strings = tensor->data;
        int64_t count = hone__tensor_count(tensor);
        for (int64_t i = 0; i < count; i++) {
            hone_status status = hone_tensor_set_string(copy, i, strings[i].data, strings[i].size, error);
            if (status != HONE_OK) {
                hone_tensor_destroy(copy);
                return status;
            }
        }
    }
    *out = copy;
    return HONE_OK;
}

void hone_tensor_destroy(hone_tensor *tensor) {
    if (!tensor)
        return;
    for (size_t i = 0; i < tensor->n_items; i++)
        hone_tensor_destroy(tensor->items[i]);
    hone__free(tensor->items);
    if (tensor->owns_data) {
        if (tensor->dtype == HONE_DTYPE_STRING) {
            hone_string *strings = tensor->data;
            int64_t count = hone__tensor_count(tensor);
            for (int64_t i = 0; i < count; i++)
                hone__free((void *)(uintptr_t)strings[i].data);
        }
        hone__free_aligned(tensor->data);
    }
    hone__free(tensor);
}

hone_kind hone_tensor_kind(const hone_tensor *tensor) { return tensor->kind; }
hone_dtype hone_tensor_dtype(const hone_tensor *tensor) { return tensor->dtype; }
int hone_tensor_rank(const hone_tensor *tensor) { return tensor->rank; }
const int64_t *hone_tensor_dims(const hone_tensor *tensor) { return tensor->dims; }
int64_t hone_tensor_count(const hone_tensor *tensor) { return hone__tensor_count(tensor); }
size_t hone_tensor_size(const hone_tensor *tensor) { return tensor->size; }
void *hone_tensor_data(hone_tensor *tensor) { return tensor->data; }
const void *hone_tensor_data_const(const hone_tensor *tensor) { return tensor->data; }
size_t hone_tensor_item_count(const hone_tensor *tensor) { return tensor->n_items; }

const hone_tensor *hone_tensor_get_item(const hone_tensor *tensor, size_t index) {
    return index < tensor->n_items ? tensor->items[index] : NULL;
}

int64_t hone__tensor_count(const hone_tensor *tensor) {
    int64_t count = 1;
    if (tensor->kind != HONE_KIND_TENSOR)
        return 0;
    for (int i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return count;
}

hone_string hone_tensor_get_string(const hone_tensor *tensor, int64_t index) {
    hone_string none = {"", 0};
    if (tensor->dtype != HONE_DTYPE_STRING || index < 0 || index >= hone__tensor_count(tensor))
        return none;
    const hone_string *strings = tensor->data;
    return strings[index].data ? strings[index] : none;
}

hone_status hone_tensor_set_string(hone_tensor *tensor, int64_t index, const char *data, size_t size,
                                   hone_error *error) {
    HONE_FAIL_IF(tensor->dtype != HONE_DTYPE_STRING || !tensor->owns_data, error, HONE_ERROR_TYPE,
                 "only a string tensor with memory of its own can be written");
    HONE_FAIL_IF(index < 0 || index >= hone__tensor_count(tensor), error, HONE_ERROR_ARGUMENT,
                 "string %lld is out of range", (long long)index);
    char *copy = NULL;
    if (size) {
        copy = hone__malloc(size);
        if (!copy)
            return hone__fail_memory(error, "a string");
        memcpy(copy, data, size);
    }
    hone_string *strings = tensor->data;
    hone__free((void *)(uintptr_t)strings[index].data);
    strings[index].data = copy;
    strings[index].size = size;
    return HONE_OK;
}

bool hone__tensor_get_i64(const hone_tensor *tensor, int64_t index, int64_t *out) {
    if (index < 0 || index >= hone__tensor_count(tensor))
        return false;
    switch (tensor->dtype) {
#define CASE(name, type)                                                                                               \
    case HONE_DTYPE_##name:                                                                                            \
        *out = (int64_t)((const type *)tensor->data)[index];                                                           \
        return true;
        CASE(INT8, int8_t)
        CASE(UINT8, uint8_t)
        CASE(BOOL, uint8_t)
        CASE(INT16, int16_t)
        CASE(UINT16, uint16_t)
        CASE(INT32, int32_t)
        CASE(UINT32, uint32_t)
        CASE(INT64, int64_t)
        CASE(UINT64, uint64_t)
#undef CASE
    default:
        return false;
    }
}

double hone_tensor_get_double(const hone_tensor *tensor, int64_t index) {
    int64_t i64;
    if (tensor->dtype == HONE_DTYPE_UINT64 && index >= 0 && index < hone__tensor_count(tensor))
        return (double)((const uint64_t *)tensor->data)[index];
    if (hone__tensor_get_i64(tensor, index, &i64))
        return (double)i64;
    if (index < 0 || index >= hone__tensor_count(tensor))
        return NAN;
    switch (tensor->dtype) {
    case HONE_DTYPE_FLOAT:
        return ((const float *)tensor->data)[index];
    case HONE_DTYPE_DOUBLE:
        return ((const double *)tensor->data)[index];
    case HONE_DTYPE_FLOAT16:
        return hone__f16_to_f32(((const uint16_t *)tensor->data)[index]);
    case HONE_DTYPE_BFLOAT16:
        return hone__bf16_to_f32(((const uint16_t *)tensor->data)[index]);
    case HONE_DTYPE_COMPLEX64:
        return ((const float *)tensor->data)[2 * index];
    case HONE_DTYPE_COMPLEX128:
        return ((const double *)tensor->data)[2 * index];
    default:
        return NAN;
    }
}

size_t hone__dtype_alignment(hone_dtype dtype) {
    switch (dtype) {
    case HONE_DTYPE_COMPLEX64: /* kernels move it as one number of 64 bits */
    case HONE_DTYPE_COMPLEX128:
        return 8;
    default: {
        size_t bytes = (size_t)hone_dtype_bits(dtype) / 8;
        return bytes ? bytes : 1;
    }
    }
}

bool hone__tensor_is_aligned(const hone_tensor *tensor) {
    return tensor->kind != HONE_KIND_TENSOR || tensor->size == 0 ||
           (uintptr_t)tensor->data % hone__dtype_alignment(tensor->dtype) == 0;
}
