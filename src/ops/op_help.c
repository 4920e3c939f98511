/* What evaluators and inference functions share; see op_help.h. */
#include "ops/op_help.h"

#include "base/half.h"

#include <math.h>

hone_status hone__eval_tensor(hone__eval *ctx, size_t i, const hone_tensor **out) {
    *out = hone__in(ctx, i);
    if (!*out)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "input %zu is required", i);
    if ((*out)->kind != HONE_KIND_TENSOR)
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "input %zu is not a tensor", i);
    return HONE_OK;
}

hone_status hone__eval_scratch_n(hone__eval *ctx, int64_t n, size_t size, void **out) {
    size_t bytes;
    if (n < 0 || !hone__mul_size((size_t)n, size, &bytes) || bytes > PTRDIFF_MAX)
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "%lld elements of temporary memory are too many", (long long)n);
    return hone__eval_scratch(ctx, bytes ? bytes : 1, out);
}

/* Widens elements of any real type; T is the target. */
#define DEFINE_AS(T, OWN)                                                                                              \
    static void widen_##T(const hone_tensor *t, T *out, int64_t n) {                                                   \
        switch (t->dtype) {                                                                                            \
        case HONE_DTYPE_FLOAT16:                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                                            \
                out[i] = (T)hone__f16_to_f32(((const uint16_t *)t->data)[i]);                                          \
            break;                                                                                                     \
        case HONE_DTYPE_BFLOAT16:                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                                            \
                out[i] = (T)hone__bf16_to_f32(((const uint16_t *)t->data)[i]);                                         \
            break;                                                                                                     \
        case HONE_DTYPE_INT4:                                                                                          \
        case HONE_DTYPE_UINT4:                                                                                         \
        case HONE_DTYPE_INT2:                                                                                          \
        case HONE_DTYPE_UINT2:                                                                                         \
            for (int64_t i = 0; i < n; i++)                                                                            \
                out[i] = (T)hone__tensor_int_at(t, i);                                                                 \
            break;                                                                                                     \
        default:                                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                                            \
                out[i] = (T)hone_tensor_get_double(t, i);                                                              \
        }                                                                                                              \
    }                                                                                                                  \
    hone_status hone__eval_as_##T(hone__eval *ctx, const hone_tensor *tensor, const T **out) {                         \
        *out = NULL;                                                                                                   \
        if (tensor->dtype == OWN) {                                                                                    \
            *out = tensor->data;                                                                                       \
            return HONE_OK;                                                                                            \
        }                                                                                                              \
        if (tensor->dtype == HONE_DTYPE_STRING)                                                                        \
            return hone__eval_fail(ctx, HONE_ERROR_TYPE, "strings are not numbers");                                   \
        void *p;                                                                                                       \
        int64_t n = hone__tensor_count(tensor);                                                                        \
        HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(T), &p));                                                         \
        widen_##T(tensor, p, n);                                                                                       \
        *out = p;                                                                                                      \
        return HONE_OK;                                                                                                \
    }                                                                                                                  \
    hone_status hone__eval_in_##T(hone__eval *ctx, size_t i, const T **out) {                                          \
        *out = NULL;                                                                                                   \
        if (hone__in_omitted(ctx, i))                                                                                  \
            return HONE_OK;                                                                                            \
        const hone_tensor *t;                                                                                          \
        HONE_TRY(hone__eval_tensor(ctx, i, &t));                                                                       \
        return hone__eval_as_##T(ctx, t, out);                                                                         \
    }                                                                                                                  \
    hone_status hone__eval_out_##T(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,         \
                                   hone_tensor **tensor, T **data) {                                                   \
        HONE_TRY(hone__eval_output(ctx, i, dtype, rank, dims, tensor));                                                \
        if (*tensor && dtype == OWN) {                                                                                 \
            *data = (*tensor)->data;                                                                                   \
            return HONE_OK;                                                                                            \
        }                                                                                                              \
        int64_t n;                                                                                                     \
        if (!hone__shape_count(dims, rank, &n))                                                                        \
            return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the output's shape overflows");                             \
        void *p;                                                                                                       \
        HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(T), &p));                                                         \
        *data = p;                                                                                                     \
        return HONE_OK;                                                                                                \
    }                                                                                                                  \
    void hone__eval_put_##T(hone_tensor *tensor, const T *data) {                                                      \
        if (!tensor || tensor->dtype == OWN)                                                                           \
            return;                                                                                                    \
        int64_t n = hone__tensor_count(tensor);                                                                        \
        for (int64_t i = 0; i < n; i++)                                                                                \
            hone__tensor_put_double(tensor, i, (double)data[i]);                                                       \
    }
DEFINE_AS(float, HONE_DTYPE_FLOAT)
DEFINE_AS(double, HONE_DTYPE_DOUBLE)
#undef DEFINE_AS

hone_status hone__eval_in_i64(hone__eval *ctx, size_t i, const int64_t **out) {
    *out = NULL;
    if (hone__in_omitted(ctx, i))
        return HONE_OK;
    const hone_tensor *t;
    HONE_TRY(hone__eval_tensor(ctx, i, &t));
    if (t->dtype == HONE_DTYPE_INT64) {
        *out = t->data;
        return HONE_OK;
    }
    int64_t n = hone__tensor_count(t), unused;
    if (n > 0 && !hone__tensor_get_i64(t, 0, &unused))
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "input %zu must hold integers, not %s", i,
                               hone_dtype_name(t->dtype));
    void *p;
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(int64_t), &p));
    for (int64_t k = 0; k < n; k++)
        hone__tensor_get_i64(t, k, (int64_t *)p + k);
    *out = p;
    return HONE_OK;
}

hone_status hone__eval_ints(hone__eval *ctx, size_t i, int64_t *v, size_t max, size_t *n) {
    *n = 0;
    if (hone__in_omitted(ctx, i))
        return HONE_OK;
    const hone_tensor *t;
    HONE_TRY(hone__eval_tensor(ctx, i, &t));
    int64_t count = hone__tensor_count(t);
    if (t->rank > 1 || count > (int64_t)max)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu must be a vector of at most %zu integers", i, max);
    for (int64_t k = 0; k < count; k++)
        if (!hone__tensor_get_i64(t, k, &v[k]))
            return hone__eval_fail(ctx, HONE_ERROR_TYPE, "input %zu must hold integers, not %s", i,
                                   hone_dtype_name(t->dtype));
    *n = (size_t)count;
    return HONE_OK;
}

hone_status hone__eval_int(hone__eval *ctx, size_t i, int64_t *v) {
    const hone_tensor *t;
    HONE_TRY(hone__eval_tensor(ctx, i, &t));
    if (hone__tensor_count(t) != 1 || !hone__tensor_get_i64(t, 0, v))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu must be a single integer", i);
    return HONE_OK;
}

hone_status hone__eval_number(hone__eval *ctx, size_t i, double fallback, double *v) {
    *v = fallback;
    if (hone__in_omitted(ctx, i))
        return HONE_OK;
    const hone_tensor *t;
    HONE_TRY(hone__eval_tensor(ctx, i, &t));
    if (hone__tensor_count(t) < 1 || t->dtype == HONE_DTYPE_STRING)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu must be a single number", i);
    *v = hone_tensor_get_double(t, 0);
    return HONE_OK;
}

/* Elements below a byte: first element in the low bits. */
static unsigned get_bits(const hone_tensor *t, int64_t i, int bits) {
    int per = 8 / bits;
    return (((const uint8_t *)t->data)[i / per] >> ((i % per) * bits)) & ((1u << bits) - 1u);
}
static void put_bits(hone_tensor *t, int64_t i, int bits, unsigned v) {
    int per = 8 / bits, shift = (int)(i % per) * bits;
    unsigned mask = ((1u << bits) - 1u) << shift;
    uint8_t *byte = (uint8_t *)t->data + i / per;
    *byte = (uint8_t)((*byte & ~mask) | ((v << shift) & mask));
}

hone_status hone__copy_elements(hone_tensor *dst, int64_t di, const hone_tensor *src, int64_t si, int64_t n,
                                hone_error *error) {
    if (n <= 0)
        return HONE_OK;
    if (dst->dtype == HONE_DTYPE_STRING) {
        for (int64_t i = 0; i < n; i++) {
            hone_string s = hone_tensor_get_string(src, si + i);
            HONE_TRY(hone_tensor_set_string(dst, di + i, s.data, s.size, error));
        }
        return HONE_OK;
    }
    int bits = hone_dtype_bits(dst->dtype);
    if (bits < 8) {
        for (int64_t i = 0; i < n; i++)
            put_bits(dst, di + i, bits, get_bits(src, si + i, bits));
        return HONE_OK;
    }
    size_t size = (size_t)bits / 8;
    if (n == 1 && size == 4)
        memcpy((char *)dst->data + di * 4, (const char *)src->data + si * 4, 4);
    else
        memcpy((char *)dst->data + (size_t)di * size, (const char *)src->data + (size_t)si * size, (size_t)n * size);
    return HONE_OK;
}

hone_status hone__fill_elements(hone_tensor *dst, int64_t di, const hone_tensor *src, int64_t si, int64_t n,
                                hone_error *error) {
    const int bits = hone_dtype_bits(dst->dtype);
    if (n < 1)
        return HONE_OK;
    if (dst->dtype != HONE_DTYPE_STRING && bits >= 8) { /* one, then what is there already */
        enum { MOST = 1 << 15 };
        const size_t size = (size_t)bits / 8, count = (size_t)n;
        HONE_TRY(hone__copy_elements(dst, di, src, si, 1, error));
        unsigned char *to = (unsigned char *)dst->data + (size_t)di * size;
        for (size_t done = 1, m; done < count; done += m) {
            m = hone__min_size(hone__min_size(done, MOST), count - done);
            memcpy(to + done * size, to, m * size);
        }
        return HONE_OK;
    }
    for (int64_t i = 0; i < n; i++)
        HONE_TRY(hone__copy_elements(dst, di + i, src, si, 1, error));
    return HONE_OK;
}

int64_t hone__tensor_int_at(const hone_tensor *tensor, int64_t index) {
    int64_t v = 0;
    switch (tensor->dtype) {
    case HONE_DTYPE_UINT4:
        return get_bits(tensor, index, 4);
    case HONE_DTYPE_INT4:
        return (int64_t)(get_bits(tensor, index, 4) ^ 8u) - 8;
    case HONE_DTYPE_UINT2:
        return get_bits(tensor, index, 2);
    case HONE_DTYPE_INT2:
        return (int64_t)(get_bits(tensor, index, 2) ^ 2u) - 2;
    default:
        hone__tensor_get_i64(tensor, index, &v);
        return v;
    }
}

void hone__tensor_put_int(hone_tensor *tensor, int64_t index, int64_t value) {
    switch (tensor->dtype) {
    case HONE_DTYPE_UINT4:
    case HONE_DTYPE_INT4:
        put_bits(tensor, index, 4, (unsigned)value);
        break;
    case HONE_DTYPE_UINT2:
    case HONE_DTYPE_INT2:
        put_bits(tensor, index, 2, (unsigned)value);
        break;
    case HONE_DTYPE_BOOL:
        ((uint8_t *)tensor->data)[index] = value != 0;
        break;
    default:
        switch (hone_dtype_bits(tensor->dtype)) {
        case 8:
            ((uint8_t *)tensor->data)[index] = (uint8_t)value;
            break;
        case 16:
            ((uint16_t *)tensor->data)[index] = (uint16_t)value;
            break;
        case 32:
            ((uint32_t *)tensor->data)[index] = (uint32_t)value;
            break;
        case 64:
            ((uint64_t *)tensor->data)[index] = (uint64_t)value;
            break;
        default:
            break;
        }
    }
}

/* Rounds half to even and saturates; NaN becomes 0. */
static int64_t saturate(double v, double low, double high) {
    if (isnan(v))
        return 0;
    v = nearbyint(v);
    return (int64_t)(v < low ? low : v > high ? high : v);
}

void hone__tensor_put_double(hone_tensor *tensor, int64_t i, double v) {
    void *d = tensor->data;
    switch (tensor->dtype) {
    case HONE_DTYPE_FLOAT:
        ((float *)d)[i] = (float)v;
        break;
    case HONE_DTYPE_DOUBLE:
        ((double *)d)[i] = v;
        break;
    case HONE_DTYPE_FLOAT16:
        ((uint16_t *)d)[i] = hone__f32_to_f16((float)v);
        break;
    case HONE_DTYPE_BFLOAT16:
        ((uint16_t *)d)[i] = hone__f32_to_bf16((float)v);
        break;
    case HONE_DTYPE_BOOL:
        ((uint8_t *)d)[i] = v != 0;
        break;
    case HONE_DTYPE_INT8:
        ((int8_t *)d)[i] = (int8_t)saturate(v, INT8_MIN, INT8_MAX);
        break;
    case HONE_DTYPE_UINT8:
        ((uint8_t *)d)[i] = (uint8_t)saturate(v, 0, UINT8_MAX);
        break;
    case HONE_DTYPE_INT16:
        ((int16_t *)d)[i] = (int16_t)saturate(v, INT16_MIN, INT16_MAX);
        break;
    case HONE_DTYPE_UINT16:
        ((uint16_t *)d)[i] = (uint16_t)saturate(v, 0, UINT16_MAX);
        break;
    case HONE_DTYPE_INT32:
        ((int32_t *)d)[i] = (int32_t)saturate(v, INT32_MIN, INT32_MAX);
        break;
    case HONE_DTYPE_UINT32:
        ((uint32_t *)d)[i] = (uint32_t)saturate(v, 0, UINT32_MAX);
        break;
    case HONE_DTYPE_INT64:
        ((int64_t *)d)[i] = v >= 0x1p63 ? INT64_MAX : v < -0x1p63 ? INT64_MIN : saturate(v, -0x1p63, 0x1p63 - 1024);
        break;
    case HONE_DTYPE_UINT64:
        ((uint64_t *)d)[i] = !(v > 0) ? 0 : v >= 0x1p64 ? UINT64_MAX : (uint64_t)nearbyint(v);
        break;
    case HONE_DTYPE_INT4:
        put_bits(tensor, i, 4, (unsigned)saturate(v, -8, 7));
        break;
    case HONE_DTYPE_UINT4:
        put_bits(tensor, i, 4, (unsigned)saturate(v, 0, 15));
        break;
    case HONE_DTYPE_INT2:
        put_bits(tensor, i, 2, (unsigned)saturate(v, -2, 1));
        break;
    case HONE_DTYPE_UINT2:
        put_bits(tensor, i, 2, (unsigned)saturate(v, 0, 3));
        break;
    default:
        break;
    }
}

hone_status hone__axis(int64_t axis, int rank, int *out, hone_error *error) {
    HONE_FAIL_IF(axis < -(int64_t)rank || axis >= rank, error, HONE_ERROR_SHAPE,
                 "axis %lld is outside [%d, %d) of a tensor of rank %d", (long long)axis, -rank, rank, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return HONE_OK;
}

int64_t hone__dims_product(const int64_t *dims, int from, int to) {
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= dims[i];
    return n;
}

void hone__row_major_strides(const int64_t *dims, int rank, int64_t *strides) {
    int64_t s = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = s;
        s *= dims[i];
    }
}

bool hone__next_index(int64_t *index, const int64_t *dims, int rank) {
    for (int i = rank - 1; i >= 0; i--) {
        if (++index[i] < dims[i])
            return true;
        index[i] = 0;
    }
    return false;
}

hone_status hone__broadcast_dims(const int64_t *a, int rank_a, const int64_t *b, int rank_b, int64_t *out, int *rank,
                                 hone_error *error) {
    *rank = rank_a > rank_b ? rank_a : rank_b;
    for (int i = 0; i < *rank; i++) {
        int ia = rank_a - *rank + i, ib = rank_b - *rank + i;
        int64_t da = ia >= 0 ? a[ia] : 1, db = ib >= 0 ? b[ib] : 1;
        HONE_FAIL_IF(da != db && da != 1 && db != 1, error, HONE_ERROR_SHAPE,
                     "dimensions %lld and %lld cannot be broadcast", (long long)da, (long long)db);
        out[i] = da == 1 ? db : da;
    }
    return HONE_OK;
}

void hone__broadcast_strides(const hone_tensor *t, const int64_t *dims, int rank, int64_t *strides) {
    int64_t s = 1;
    (void)dims;
    for (int i = rank - 1; i >= 0; i--) {
        int k = i - (rank - t->rank);
        int64_t d = k >= 0 ? t->dims[k] : 1;
        strides[i] = d == 1 ? 0 : s;
        s *= d;
    }
}

bool hone__dim_same(hone__dim a, hone__dim b) {
    if (a.value >= 0 || b.value >= 0)
        return a.value == b.value;
    return a.symbol && b.symbol && strcmp(a.symbol, b.symbol) == 0;
}

hone_status hone__dim_merge(hone__infer *ctx, hone__dim a, hone__dim b, hone__dim *out) {
    if (a.value >= 0 && b.value >= 0 && a.value != b.value)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "dimensions %lld and %lld must be equal", (long long)a.value,
                                (long long)b.value);
    *out = a.value >= 0 ? a : b.value >= 0 ? b : a.symbol ? a : b;
    return HONE_OK;
}

hone__dim hone__dim_product(const hone__dim *dims, int from, int to) {
    hone__dim lone = hone__dim_known(1);
    int64_t n = 1;
    for (int i = from; i < to; i++) {
        if (dims[i].value == 0)
            return hone__dim_known(0);
        if (dims[i].value < 0) {
            if (lone.value < 0)
                return hone__dim_unknown();
            lone = dims[i];
        } else if (!hone__mul_i64(n, dims[i].value, &n))
            return hone__dim_unknown();
    }
    if (lone.value >= 0)
        return hone__dim_known(n);
    return n == 1 ? lone : hone__dim_unknown();
}

hone_status hone__infer_rank(hone__infer *ctx, size_t i, hone_dtype dtype, int rank) {
    hone__dim dims[HONE_MAX_RANK];
    if (i >= ctx->n_out)
        return HONE_OK;
    if (rank < 0 || rank > HONE_MAX_RANK)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the result's rank %d is outside 0..%d", rank,
                                (int)HONE_MAX_RANK);
    for (int k = 0; k < rank; k++)
        dims[k] = hone__dim_unknown();
    return hone__infer_set(ctx, i, dtype, rank, dims);
}

hone_dtype hone__infer_dtype(const hone__infer *ctx, size_t i) {
    const hone__type *t = i < ctx->n_in ? hone__infer_input(ctx, i) : NULL;
    return t && t->kind == HONE_KIND_TENSOR ? t->dtype : HONE_DTYPE_UNDEFINED;
}

hone_status hone__infer_same0(hone__infer *ctx) { return hone__infer_same(ctx, 0, 0); }

hone_status hone__infer_last_dim(hone__infer *ctx, hone__dim last) {
    const hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    if (!hone__infer_has_rank(ctx, 0) || hone__infer_input(ctx, 0)->rank < 1)
        return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
    const hone__type *x = hone__infer_input(ctx, 0);
    for (int d = 0; d < x->rank; d++)
        dims[d] = d + 1 < x->rank ? x->dims[d] : last;
    return hone__infer_set(ctx, 0, dtype, x->rank, dims);
}
