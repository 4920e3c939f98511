/* Tensors: a dtype, a shape and row-major data; and the containers that ONNX builds of them
 * (sequence, optional, map), which share the type so that a session has one kind of argument.
 *
 * Element type numbers are those of ONNX's TensorProto.DataType (onnx.proto). Types below one
 * byte (int4, uint4, float4e2m1, int2, uint2) are packed, first element in the low bits, as
 * TensorProto.raw_data packs them; the last byte is padded with zero bits. */
#ifndef HONE_TENSOR_H
#define HONE_TENSOR_H

#include <hone/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, number, "name", bits per element; 0 for strings). */
#define HONE_DTYPE_TABLE(X)                                                                                            \
    X(FLOAT, 1, "float32", 32)                                                                                         \
    X(UINT8, 2, "uint8", 8)                                                                                            \
    X(INT8, 3, "int8", 8)                                                                                              \
    X(UINT16, 4, "uint16", 16)                                                                                         \
    X(INT16, 5, "int16", 16)                                                                                           \
    X(INT32, 6, "int32", 32)                                                                                           \
    X(INT64, 7, "int64", 64)                                                                                           \
    X(STRING, 8, "string", 0)                                                                                          \
    X(BOOL, 9, "bool", 8)                                                                                              \
    X(FLOAT16, 10, "float16", 16)                                                                                      \
    X(DOUBLE, 11, "float64", 64)                                                                                       \
    X(UINT32, 12, "uint32", 32)                                                                                        \
    X(UINT64, 13, "uint64", 64)                                                                                        \
    X(COMPLEX64, 14, "complex64", 64)                                                                                  \
    X(COMPLEX128, 15, "complex128", 128)                                                                               \
    X(BFLOAT16, 16, "bfloat16", 16)                                                                                    \
    X(FLOAT8E4M3FN, 17, "float8e4m3fn", 8)                                                                             \
    X(FLOAT8E4M3FNUZ, 18, "float8e4m3fnuz", 8)                                                                         \
    X(FLOAT8E5M2, 19, "float8e5m2", 8)                                                                                 \
    X(FLOAT8E5M2FNUZ, 20, "float8e5m2fnuz", 8)                                                                         \
    X(UINT4, 21, "uint4", 4)                                                                                           \
    X(INT4, 22, "int4", 4)                                                                                             \
    X(FLOAT4E2M1, 23, "float4e2m1", 4)                                                                                 \
    X(FLOAT8E8M0, 24, "float8e8m0", 8)                                                                                 \
    X(UINT2, 25, "uint2", 2)                                                                                           \
    X(INT2, 26, "int2", 2)

typedef enum hone_dtype {
    HONE_DTYPE_UNDEFINED = 0,
#define HONE_DTYPE_ENUM(name, number, text, bits) HONE_DTYPE_##name = number,
    HONE_DTYPE_TABLE(HONE_DTYPE_ENUM)
#undef HONE_DTYPE_ENUM
        HONE_DTYPE_COUNT
} hone_dtype;

typedef enum hone_kind {
    HONE_KIND_TENSOR = 0,
    HONE_KIND_SEQUENCE = 1,
    HONE_KIND_OPTIONAL = 2, /* zero or one item */
    HONE_KIND_MAP = 3       /* two items: a 1-D tensor of keys, a tensor or sequence of values */
} hone_kind;

/* A string element: not NUL-terminated, may hold any bytes. */
typedef struct hone_string {
    const char *data;
    size_t size;
} hone_string;

enum { HONE_MAX_RANK = 16 };

typedef struct hone_tensor hone_tensor;

HONE_API const char *hone_dtype_name(hone_dtype dtype); /* "float32"; "undefined" if out of range */
HONE_API hone_dtype hone_dtype_from_name(const char *name);
HONE_API int hone_dtype_bits(hone_dtype dtype); /* bits per element, 0 for strings and undefined */

/* Creates a tensor with memory of its own, 64-byte aligned, zero-filled. dims: [rank], each >= 0;
 * rank 0 is a scalar. Errors: ARGUMENT (dtype, rank, negative dim), LIMIT (overflow), MEMORY. */
HONE_API hone_status hone_tensor_create(hone_dtype dtype, int rank, const int64_t *dims, hone_tensor **out,
                                        hone_error *error);

/* Creates a tensor over the caller's memory, which must outlive it and hold `size` bytes, no less
 * than the shape needs. Not for strings. */
HONE_API hone_status hone_tensor_create_borrowed(hone_dtype dtype, int rank, const int64_t *dims, void *data,
                                                 size_t size, hone_tensor **out, hone_error *error);

/* Creates a container that takes ownership of the n items (their array stays the caller's). On
 * failure the items stay the caller's too. */
HONE_API hone_status hone_tensor_create_container(hone_kind kind, hone_tensor *const *items, size_t n,
                                                  hone_tensor **out, hone_error *error);

/* Deep copy with memory of its own. */
HONE_API hone_status hone_tensor_clone(const hone_tensor *tensor, hone_tensor **out, hone_error *error);
HONE_API void hone_tensor_destroy(hone_tensor *tensor); /* NULL is fine */

HONE_API hone_kind hone_tensor_kind(const hone_tensor *tensor);
HONE_API hone_dtype hone_tensor_dtype(const hone_tensor *tensor); /* of a container: UNDEFINED */
HONE_API int hone_tensor_rank(const hone_tensor *tensor);
HONE_API const int64_t *hone_tensor_dims(const hone_tensor *tensor); /* [rank], borrowed */
HONE_API int64_t hone_tensor_count(const hone_tensor *tensor);       /* elements */
HONE_API size_t hone_tensor_size(const hone_tensor *tensor);         /* bytes of data */
HONE_API void *hone_tensor_data(hone_tensor *tensor);
HONE_API const void *hone_tensor_data_const(const hone_tensor *tensor);

/* Items of a sequence, optional or map; borrowed. Out of range: NULL. */
HONE_API size_t hone_tensor_item_count(const hone_tensor *tensor);
HONE_API const hone_tensor *hone_tensor_get_item(const hone_tensor *tensor, size_t index);

/* Strings: get borrows; set copies. Only for owned tensors of dtype STRING. */
HONE_API hone_string hone_tensor_get_string(const hone_tensor *tensor, int64_t index);
HONE_API hone_status hone_tensor_set_string(hone_tensor *tensor, int64_t index, const char *data, size_t size,
                                            hone_error *error);

/* Reads a data file of the ONNX project's kind (input_0.pb): a TensorProto, SequenceProto, OptionalProto or
 * MapProto, as `kind` says; the file does not say so itself. Sparse tensors are made dense. The name
 * stored in it is copied into name[name_size], which may be NULL. Errors: IO, MODEL (with file position). */
HONE_API hone_status hone_tensor_load(const char *path, hone_kind kind, char *name, size_t name_size, hone_tensor **out,
                                      hone_error *error);

/* Element `index` as a double (numbers and bool; complex gives its real part; strings give NaN). */
HONE_API double hone_tensor_get_double(const hone_tensor *tensor, int64_t index);

/* How far a result may lie from what was expected: |a - b| <= atol + rtol * |b|; NaN equals NaN, an infinity itself. */
typedef struct hone_tolerance {
    double rtol;        /* < 0: 1e-3, or 1e-2 where a half-precision type is involved */
    double atol;        /* < 0: 1e-5 * max(1, max|b|), or 1e-3 * ... */
    bool is_half_model; /* the model computes in half precision somewhere */
} hone_tolerance;

typedef struct hone_difference {
    bool is_equal; /* within tolerance, with the same types and shapes */
    double max_abs, max_rel;
    int64_t n_compared, n_wrong; /* elements */
    char message[256];           /* the first thing that is wrong; "" when equal */
} hone_difference;

/* Adds to *out, which begins as {.is_equal = true}. Containers are compared item by item. */
HONE_API void hone_tensor_compare(const hone_tensor *actual, const hone_tensor *expected,
                                  const hone_tolerance *tolerance, hone_difference *out);

HONE_API bool hone_dtype_is_half(hone_dtype dtype); /* float16, bfloat16 and what is smaller */

#ifdef __cplusplus
}
#endif
#endif
