/* SparseTensorProto to a dense hone_tensor; see onnx_tensor.h. */
#include "onnx/onnx_tensor.h"

#include "base/checked.h"
#include "base/error.h"

/* Dense bytes allowed: a fixed part and a multiple of the values that are stored, so that a small
 * hostile file cannot ask for a terabyte. */
enum { DENSE_BASE = 64 << 20, DENSE_FACTOR = 256 };

typedef struct sparse {
    hone_tensor *values, *indices, *dense;
} sparse;

static hone_status check(const hone__sparse_proto *proto, const sparse *s, int64_t *count, hone_error *error) {
    const char *name = proto->values->name.size ? (const char *)proto->values->name.data : "";
    int n = (int)hone__min_size(proto->values->name.size, 120), rank = (int)proto->dims.n;
    HONE_FAIL_IF(s->values->rank != 1, error, HONE_ERROR_MODEL,
                 "sparse tensor \"%.*s\": its values have rank %d, not 1", n, name, s->values->rank);
    HONE_FAIL_IF(s->indices->dtype != HONE_DTYPE_INT64, error, HONE_ERROR_MODEL,
                 "sparse tensor \"%.*s\": its indices are %s, not int64", n, name, hone_dtype_name(s->indices->dtype));
    HONE_FAIL_IF(hone_dtype_bits(s->values->dtype) < 8, error, HONE_ERROR_UNSUPPORTED,
                 "sparse tensor \"%.*s\" of %s is not supported", n, name, hone_dtype_name(s->values->dtype));
    bool linear = s->indices->rank == 1;
    HONE_FAIL_IF(!(linear || (s->indices->rank == 2 && s->indices->dims[1] == rank)) ||
                     s->indices->dims[0] != s->values->dims[0],
                 error, HONE_ERROR_MODEL, "sparse tensor \"%.*s\": its indices do not fit its values", n, name);
    size_t size, limit;
    HONE_FAIL_IF(!hone__shape_count(proto->dims.items, rank, count) ||
                     !hone__shape_size(s->values->dtype, proto->dims.items, rank, &size),
                 error, HONE_ERROR_MODEL, "sparse tensor \"%.*s\": its dimensions are negative or overflow", n, name);
    if (!hone__mul_size(s->values->size, DENSE_FACTOR, &limit) || !hone__add_size(limit, DENSE_BASE, &limit))
        limit = SIZE_MAX;
    HONE_FAIL_IF(size > limit, error, HONE_ERROR_LIMIT,
                 "sparse tensor \"%.*s\" would take %zu bytes when dense, the limit for its values is %zu", n, name,
                 size, limit);
    return HONE_OK;
}

static hone_status scatter(const hone__sparse_proto *proto, const sparse *s, int64_t count, hone_error *error) {
    const int64_t *index = s->indices->data;
    size_t bytes = (size_t)hone_dtype_bits(s->values->dtype) / 8;
    int64_t previous = -1;
    for (int64_t i = 0; i < s->values->dims[0]; i++) {
        int64_t at = 0;
        if (s->indices->rank == 1) {
            at = *index++;
        } else {
            for (size_t d = 0; d < proto->dims.n; d++, index++) {
                HONE_FAIL_IF(*index < 0 || *index >= proto->dims.items[d], error, HONE_ERROR_MODEL,
                             "sparse tensor: index %lld of value %lld is out of range", (long long)*index,
                             (long long)i);
                at = at * proto->dims.items[d] + *index;
            }
        }
        HONE_FAIL_IF(at < 0 || at >= count, error, HONE_ERROR_MODEL,
                     "sparse tensor: index %lld of value %lld is out of range", (long long)at, (long long)i);
        HONE_FAIL_IF(at <= previous, error, HONE_ERROR_MODEL,
                     "sparse tensor: the index of value %lld is not larger than the one before it", (long long)i);
        previous = at;
        memcpy((char *)s->dense->data + (size_t)at * bytes, (const char *)s->values->data + (size_t)i * bytes, bytes);
    }
    return HONE_OK;
}

hone_status hone__onnx_sparse_create(const hone__sparse_proto *proto, hone__onnx_source *source, hone_tensor **out,
                                     hone_error *error) {
    sparse s = {0};
    hone_status status = HONE_OK;
    int64_t count = 0;
    *out = NULL;
    HONE_FAIL_IF(!proto->values || !proto->indices, error, HONE_ERROR_MODEL,
                 "a sparse tensor has no values or no indices");
    HONE_FAIL_IF(proto->dims.n == 0 || proto->dims.n > HONE_MAX_RANK, error, HONE_ERROR_MODEL,
                 "a sparse tensor has %zu dimensions", proto->dims.n);
    HONE_CHECK(hone__onnx_tensor_create(proto->values, source, HONE_ONNX_ALIGN, &s.values, error));
    HONE_CHECK(hone__onnx_tensor_create(proto->indices, source, HONE_ONNX_ALIGN, &s.indices, error));
    HONE_CHECK(check(proto, &s, &count, error));
    HONE_CHECK(hone_tensor_create(s.values->dtype, (int)proto->dims.n, proto->dims.items, &s.dense, error));
    HONE_CHECK(scatter(proto, &s, count, error));
    *out = s.dense;
    s.dense = NULL;
cleanup:
    if (status != HONE_OK && source && source->base && proto->head.body.data)
        hone__error_file(error, source->path, (int64_t)(proto->head.body.data - source->base));
    hone_tensor_destroy(s.values);
    hone_tensor_destroy(s.indices);
    hone_tensor_destroy(s.dense);
    return status;
}
