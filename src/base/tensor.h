/* The inside of hone_tensor (see hone/tensor.h for what it means). Other rooms may build views of
 * their own on the stack with hone__tensor_view. */
#ifndef HONE_BASE_TENSOR_H
#define HONE_BASE_TENSOR_H

#include <hone/tensor.h>

struct hone_tensor {
    hone_kind kind;
    hone_dtype dtype;
    int rank;
    int64_t dims[HONE_MAX_RANK];
    void *data;          /* strings: hone_string[count] */
    size_t size;         /* bytes */
    bool owns_data;      /* data (and, for strings, each string) is freed with the tensor */
    hone_tensor **items; /* containers */
    size_t n_items;
};

/* Bytes that `count` elements take; false on overflow or an undefined dtype. */
bool hone__dtype_size(hone_dtype dtype, int64_t count, size_t *out);

/* Bytes of a shape; false when a dim is negative or the size overflows. */
bool hone__shape_size(hone_dtype dtype, const int64_t *dims, int rank, size_t *out);

/* Fills caller's storage with a borrowed view; the shape must have been checked. */
void hone__tensor_view(hone_tensor *view, hone_dtype dtype, int rank, const int64_t *dims, void *data, size_t size);

/* Elements of a tensor (dims are known to be valid). */
int64_t hone__tensor_count(const hone_tensor *tensor);

/* Alignment that data of a dtype need, and whether a tensor's data have it. */
size_t hone__dtype_alignment(hone_dtype dtype);
bool hone__tensor_is_aligned(const hone_tensor *tensor);

/* Element as int64 for integer types and bool; false for other types or out of range. */
bool hone__tensor_get_i64(const hone_tensor *tensor, int64_t index, int64_t *out);

/* "float32[1,3,224,224]" into buf; returns buf. */
const char *hone__tensor_describe(const hone_tensor *tensor, char *buf, size_t size);
const char *hone__shape_describe(hone_dtype dtype, int rank, const int64_t *dims, char *buf, size_t size);

#endif
