/* Indexed access: Gather, GatherElements, GatherND, Scatter, ScatterElements, ScatterND, TensorScatter.
 * Negative indices count from the end; every index is checked.
 *
 * Source: ONNX operator specification. */
#include "ops/op_help.h"

/* ---- indices ---- */

static hone_status check_index(hone__eval *ctx, int64_t index, int64_t dim, int64_t *out) {
    if (index < -dim || index >= dim)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "index %lld is outside a dimension of size %lld",
                               (long long)index, (long long)dim);
    *out = index < 0 ? index + dim : index;
    return HONE_OK;
}

/* ---- Gather ---- */

static hone_status infer_gather(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 1))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0), *i = hone__infer_input(ctx, 1);
    hone__dim dims[2 * HONE_MAX_RANK];
    int axis, n = 0;
    HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "axis", 0), x->rank, &axis));
    if (x->rank + i->rank - 1 > HONE_MAX_RANK)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the result's rank %d is too large", x->rank + i->rank - 1);
    for (int d = 0; d < axis; d++)
        dims[n++] = x->dims[d];
    for (int d = 0; d < i->rank; d++)
        dims[n++] = i->dims[d];
    for (int d = axis + 1; d < x->rank; d++)
        dims[n++] = x->dims[d];
    return hone__infer_set(ctx, 0, dtype, n, dims);
}

static hone_status eval_gather(hone__eval *ctx) {
    const hone_tensor *x, *i;
    const int64_t *index;
    hone_tensor *out;
    int axis, n = 0;
    int64_t dims[2 * HONE_MAX_RANK];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &i));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &index));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 0), x->rank, &axis, ctx->error));
    if (x->rank + i->rank - 1 > HONE_MAX_RANK)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the result's rank %d is too large", x->rank + i->rank - 1);
    for (int d = 0; d < axis; d++)
        dims[n++] = x->dims[d];
    for (int d = 0; d < i->rank; d++)
        dims[n++] = i->dims[d];
    for (int d = axis + 1; d < x->rank; d++)
        dims[n++] = x->dims[d];
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, n, dims, &out));
    int64_t outer = hone__dims_product(x->dims, 0, axis), inner = hone__dims_product(x->dims, axis + 1, x->rank);
    int64_t count = hone__tensor_count(i), at = 0;
    for (int64_t k = 0; k < count; k++) /* wrong even when nothing is taken */
        HONE_TRY(check_index(ctx, index[k], x->dims[axis], &at));
    for (int64_t o = 0; out && inner > 0 && o < outer; o++)
        for (int64_t k = 0; k < count; k++) {
            HONE_TRY(check_index(ctx, index[k], x->dims[axis], &at));
            HONE_TRY(hone__copy_elements(out, (o * count + k) * inner, x, (o * x->dims[axis] + at) * inner, inner,
                                         ctx->error));
        }
    return HONE_OK;
}

/* ---- GatherElements ---- */

static hone_status infer_gather_elements(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 1))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *i = hone__infer_input(ctx, 1);
    return hone__infer_set(ctx, 0, dtype, i->rank, i->dims);
}

/* Checks that `i` indexes `x` along an axis: same rank, other dims no larger. */
static hone_status check_elements(hone__eval *ctx, const hone_tensor *x, const hone_tensor *i, int *axis) {
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 0), x->rank, axis, ctx->error));
    bool fits = x->rank == i->rank;
    for (int d = 0; fits && d < x->rank; d++)
        fits = d == *axis || i->dims[d] <= x->dims[d];
    return fits
               ? HONE_OK
               : hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the indices must have the data's rank and fit into its shape");
}

static hone_status eval_gather_elements(hone__eval *ctx) {
    const hone_tensor *x, *i;
    const int64_t *index;
    hone_tensor *out;
    int axis;
    int64_t stride[HONE_MAX_RANK], at[HONE_MAX_RANK] = {0};
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &i));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &index));
    HONE_TRY(check_elements(ctx, x, i, &axis));
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, i->rank, i->dims, &out));
    hone__row_major_strides(x->dims, x->rank, stride);
    int64_t count = hone__tensor_count(i);
    for (int64_t k = 0; out && k < count; k++, hone__next_index(at, i->dims, i->rank)) {
        int64_t from = 0, c = 0;
        HONE_TRY(check_index(ctx, index[k], x->dims[axis], &c));
        for (int d = 0; d < x->rank; d++)
            from += (d == axis ? c : at[d]) * stride[d];
        HONE_TRY(hone__copy_elements(out, k, x, from, 1, ctx->error));
    }
    return HONE_OK;
}

/* ---- GatherND ---- */

static hone_status infer_gather_nd(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    int64_t batch = hone__node_attr_int(ctx->node, "batch_dims", 0);
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 1))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0), *i = hone__infer_input(ctx, 1);
    if (i->rank < 1 || x->rank < 1 || i->dims[i->rank - 1].value < 0)
        return hone__infer_set_dtype(ctx, 0, dtype);
    int64_t k = i->dims[i->rank - 1].value;
    if (batch < 0 || batch >= i->rank || batch > x->rank || k < 0 || k > x->rank - batch)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "indices of length %lld do not fit a tensor of rank %d",
                                (long long)k, x->rank);
    hone__dim dims[2 * HONE_MAX_RANK];
    int n = 0;
    for (int d = 0; d < i->rank - 1; d++)
        dims[n++] = i->dims[d];
    for (int d = (int)(batch + k); d < x->rank; d++)
        dims[n++] = x->dims[d];
    if (n > HONE_MAX_RANK)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the result's rank %d is too large", n);
    return hone__infer_set(ctx, 0, dtype, n, dims);
}

static hone_status eval_gather_nd(hone__eval *ctx) {
    const hone_tensor *x, *i;
    const int64_t *index;
    hone_tensor *out;
    int64_t batch = hone__node_attr_int(ctx->node, "batch_dims", 0), dims[2 * HONE_MAX_RANK];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &i));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &index));
    int64_t k = i->rank ? i->dims[i->rank - 1] : 0;
    bool fits = i->rank >= 1 && batch >= 0 && batch < i->rank && batch <= x->rank && k <= x->rank - batch;
    for (int d = 0; fits && d < batch; d++)
        fits = x->dims[d] == i->dims[d];
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "indices of length %lld do not fit a tensor of rank %d",
                               (long long)k, x->rank);
    int n = 0, b = (int)batch;
    for (int d = 0; d < i->rank - 1; d++)
        dims[n++] = i->dims[d];
    for (int d = b + (int)k; d < x->rank; d++)
        dims[n++] = x->dims[d];
    if (n > HONE_MAX_RANK)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the result's rank %d is too large", n);
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, n, dims, &out));
    int64_t tuples = hone__dims_product(i->dims, b, i->rank - 1), batches = hone__dims_product(x->dims, 0, b);
    int64_t inner = hone__dims_product(x->dims, b + (int)k, x->rank), per = hone__dims_product(x->dims, b, x->rank);
    for (int64_t t = 0; out && inner > 0 && t < batches * tuples; t++) {
        int64_t from = 0, c = 0;
        for (int64_t d = 0; d < k; d++) {
            HONE_TRY(check_index(ctx, index[t * k + d], x->dims[b + d], &c));
            from = from * x->dims[b + d] + c;
        }
        HONE_TRY(hone__copy_elements(out, t * inner, x, t / tuples * per + from * inner, inner, ctx->error));
    }
    return HONE_OK;
}

/* ---- Scatter ---- */

typedef enum scatter_kind { SCATTER_NONE, SCATTER_ADD, SCATTER_MUL, SCATTER_MAX, SCATTER_MIN } scatter_kind;

static hone_status read_scatter(const hone__node *node, hone_dtype dtype, scatter_kind *kind, hone_error *error) {
    static const char *const names[] = {"none", "add", "mul", "max", "min"};
    const char *text = hone__node_attr_string(node, "reduction", "none");
    int found = -1;
    for (int i = 0; i < 5; i++)
        if (strcmp(text, names[i]) == 0)
            found = i;
    HONE_FAIL_IF(found < 0, error, HONE_ERROR_MODEL, "reduction \"%s\" is none of none, add, mul, max, min", text);
    *kind = (scatter_kind)found;
    HONE_FAIL_IF(found && (dtype == HONE_DTYPE_STRING || hone__dtype_in(dtype, HONE_SET_COMPLEX)), error,
                 HONE_ERROR_TYPE, "reduction \"%s\" is not defined for %s", text, hone_dtype_name(dtype));
    return HONE_OK;
}

/* dst[di] = dst[di] op src[si] */
static hone_status scatter_one(scatter_kind kind, hone_tensor *dst, int64_t di, const hone_tensor *src, int64_t si,
                               hone_error *error) {
    if (kind == SCATTER_NONE)
        return hone__copy_elements(dst, di, src, si, 1, error);
    if (hone__dtype_in(dst->dtype, HONE_SET_FLOAT)) {
        double a = hone_tensor_get_double(dst, di), b = hone_tensor_get_double(src, si);
        bool nan = a != a || b != b;
        double v = kind == SCATTER_ADD   ? a + b
                   : kind == SCATTER_MUL ? a * b
                   : nan                 ? a + b
                   : kind == SCATTER_MAX ? (a > b ? a : b)
                                         : (a < b ? a : b);
        hone__tensor_put_double(dst, di, v);
        return HONE_OK;
    }
    int64_t a = hone__tensor_int_at(dst, di), b = hone__tensor_int_at(src, si);
    bool less = dst->dtype == HONE_DTYPE_UINT64 ? (uint64_t)a < (uint64_t)b : a < b;
    int64_t v = kind == SCATTER_ADD   ? (int64_t)((uint64_t)a + (uint64_t)b)
                : kind == SCATTER_MUL ? (int64_t)((uint64_t)a * (uint64_t)b)
                : kind == SCATTER_MAX ? (less ? b : a)
                                      : (less ? a : b);
    hone__tensor_put_int(dst, di, v);
    return HONE_OK;
}

/* The output as a copy of input 0; it may be input 0's own memory. */
static hone_status start_from_data(hone__eval *ctx, const hone_tensor *x, hone_tensor **out) {
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, x->dims, out));
    if (*out && (*out)->data != x->data)
        HONE_TRY(hone__copy_elements(*out, 0, x, 0, hone__tensor_count(x), ctx->error));
    return HONE_OK;
}

static hone_status eval_scatter_elements(hone__eval *ctx) {
    const hone_tensor *x, *i, *u;
    const int64_t *index;
    hone_tensor *out;
    scatter_kind kind;
    int axis;
    int64_t stride[HONE_MAX_RANK], at[HONE_MAX_RANK] = {0};
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &i));
    HONE_TRY(hone__eval_tensor(ctx, 2, &u));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &index));
    HONE_TRY(read_scatter(ctx->node, x->dtype, &kind, ctx->error));
    HONE_TRY(check_elements(ctx, x, i, &axis));
    bool same = u->rank == i->rank && u->dtype == x->dtype;
    for (int d = 0; same && d < i->rank; d++)
        same = u->dims[d] == i->dims[d];
    if (!same)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "updates must have the shape of the indices and the data's type");
    HONE_TRY(start_from_data(ctx, x, &out));
    hone__row_major_strides(x->dims, x->rank, stride);
    int64_t count = hone__tensor_count(i);
    for (int64_t k = 0; out && k < count; k++, hone__next_index(at, i->dims, i->rank)) {
        int64_t to = 0, c = 0;
        HONE_TRY(check_index(ctx, index[k], x->dims[axis], &c));
        for (int d = 0; d < x->rank; d++)
            to += (d == axis ? c : at[d]) * stride[d];
        HONE_TRY(scatter_one(kind, out, to, u, k, ctx->error));
    }
    return HONE_OK;
}

static hone_status eval_scatter_nd(hone__eval *ctx) {
    const hone_tensor *x, *i, *u;
    const int64_t *index;
    hone_tensor *out;
    scatter_kind kind;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &i));
    HONE_TRY(hone__eval_tensor(ctx, 2, &u));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &index));
    HONE_TRY(read_scatter(ctx->node, x->dtype, &kind, ctx->error));
    int64_t k = i->rank ? i->dims[i->rank - 1] : 0;
    bool fits = i->rank >= 1 && k <= x->rank && u->dtype == x->dtype && u->rank == i->rank - 1 + x->rank - (int)k;
    for (int d = 0; fits && d < u->rank; d++)
        fits = u->dims[d] == (d < i->rank - 1 ? i->dims[d] : x->dims[k + d - (i->rank - 1)]);
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "data, indices and updates do not fit together");
    HONE_TRY(start_from_data(ctx, x, &out));
    int64_t tuples = hone__dims_product(i->dims, 0, i->rank - 1), inner = hone__dims_product(x->dims, (int)k, x->rank);
    for (int64_t t = 0; out && inner > 0 && t < tuples; t++) {
        int64_t to = 0, c = 0;
        for (int64_t d = 0; d < k; d++) {
            HONE_TRY(check_index(ctx, index[t * k + d], x->dims[d], &c));
            to = to * x->dims[d] + c;
        }
        for (int64_t e = 0; e < inner; e++)
            HONE_TRY(scatter_one(kind, out, to * inner + e, u, t * inner + e, ctx->error));
    }
    return HONE_OK;
}

/* Writes update[b, ..., s, ...] at cache[b, ..., write_indices[b] + s, ...]: a KV cache of fixed size. */
static hone_status eval_tensor_scatter(hone__eval *ctx) {
    const hone_tensor *x, *u;
    const int64_t *at;
    hone_tensor *out;
    int axis;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &u));
    HONE_TRY(hone__eval_in_i64(ctx, 2, &at));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", -2), x->rank, &axis, ctx->error));
    const char *mode = hone__node_attr_string(ctx->node, "mode", "linear");
    bool circular = strcmp(mode, "circular") == 0;
    bool fits = u->rank == x->rank && u->dtype == x->dtype && axis > 0 && (circular || strcmp(mode, "linear") == 0);
    for (int d = 0; fits && d < x->rank; d++)
        fits = d == axis ? u->dims[d] <= x->dims[d] : u->dims[d] == x->dims[d];
    if (!fits || (at && hone__tensor_count(ctx->in[2]) != x->dims[0]))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the update does not fit the cache");
    HONE_TRY(start_from_data(ctx, x, &out));
    int64_t outer = hone__dims_product(x->dims, 0, axis), inner = hone__dims_product(x->dims, axis + 1, x->rank);
    int64_t n = u->dims[axis], size = x->dims[axis], per = x->dims[0] ? outer / x->dims[0] : 1;
    for (int64_t o = 0; out && n > 0 && o < outer; o++) {
        int64_t from = at ? at[o / per] : 0;
        if (from < 0 || (!circular && from > size - n))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "position %lld leaves no room for %lld elements in %lld",
                                   (long long)from, (long long)n, (long long)size);
        for (int64_t s = 0; s < n; s++)
            HONE_TRY(hone__copy_elements(out, (o * size + (from % size + s) % size) * inner, u, (o * n + s) * inner,
                                         inner, ctx->error));
    }
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param gather_1_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1, 'T'),
                                             HONE_PARAM("indices", HONE_SET(INT32) | HONE_SET(INT64), 'I')};
static const hone__op_param gather_1_out[] = {HONE_PARAM("output", HONE_SET_ALL_V1, 'T')};
static const hone__op_attr gather_1_attrs[] = {{"axis", HONE_ATTR_INT, false}};
static const hone__op_param gather_13_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                              HONE_PARAM("indices", HONE_SET(INT32) | HONE_SET(INT64), 'I')};
static const hone__op_param gather_13_out[] = {HONE_PARAM("output", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param gather_nd_11_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1, 'T'),
                                                 HONE_PARAM("indices", HONE_SET(INT64), 0)};
static const hone__op_attr gather_nd_12_attrs[] = {{"batch_dims", HONE_ATTR_INT, false}};
static const hone__op_param gather_nd_13_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                                 HONE_PARAM("indices", HONE_SET(INT64), 0)};
static const hone__op_param scatter_9_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1, 'T'),
                                              HONE_PARAM("indices", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
                                              HONE_PARAM("updates", HONE_SET_ALL_V1, 'T')};
static const hone__op_param scatter_elements_13_in[] = {
    HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("indices", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
    HONE_PARAM("updates", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr scatter_elements_16_attrs[] = {{"axis", HONE_ATTR_INT, false},
                                                          {"reduction", HONE_ATTR_STRING, false}};
static const hone__op_param scatter_nd_11_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1, 'T'),
                                                  HONE_PARAM("indices", HONE_SET(INT64), 0),
                                                  HONE_PARAM("updates", HONE_SET_ALL_V1, 'T')};
static const hone__op_param scatter_nd_13_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                                  HONE_PARAM("indices", HONE_SET(INT64), 0),
                                                  HONE_PARAM("updates", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr scatter_nd_16_attrs[] = {{"reduction", HONE_ATTR_STRING, false}};
static const hone__op_param tensor_scatter_24_in[] = {
    HONE_PARAM("past_cache",
               HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16) | HONE_SET(FLOAT4E2M1), 'T'),
    HONE_PARAM("update", HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16) | HONE_SET(FLOAT4E2M1),
               'T'),
    HONE_PARAM_OPT("write_indices", HONE_SET(INT64), 0)};
static const hone__op_param tensor_scatter_24_out[] = {
    HONE_PARAM("present_cache",
               HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16) | HONE_SET(FLOAT4E2M1), 'T')};
static const hone__op_attr tensor_scatter_24_attrs[] = {{"axis", HONE_ATTR_INT, false},
                                                        {"mode", HONE_ATTR_STRING, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "Gather", 1, HONE_OP_PURE, 2, gather_1_in, 1, gather_1_out, gather_1_attrs, infer_gather, eval_gather,
             NULL),
    HONE_ROW("", "Gather", 11, HONE_OP_PURE, 2, gather_1_in, 1, gather_1_out, gather_1_attrs, infer_gather, eval_gather,
             NULL),
    HONE_ROW("", "Gather", 13, HONE_OP_PURE, 2, gather_13_in, 1, gather_13_out, gather_1_attrs, infer_gather,
             eval_gather, NULL),
    HONE_ROW("", "GatherElements", 11, HONE_OP_PURE, 2, gather_1_in, 1, gather_1_out, gather_1_attrs,
             infer_gather_elements, eval_gather_elements, NULL),
    HONE_ROW("", "GatherElements", 13, HONE_OP_PURE, 2, gather_13_in, 1, gather_13_out, gather_1_attrs,
             infer_gather_elements, eval_gather_elements, NULL),
    HONE_ROW_NO_ATTRS("", "GatherND", 11, HONE_OP_PURE, 2, gather_nd_11_in, 1, gather_1_out, infer_gather_nd,
                      eval_gather_nd, NULL),
    HONE_ROW("", "GatherND", 12, HONE_OP_PURE, 2, gather_nd_11_in, 1, gather_1_out, gather_nd_12_attrs, infer_gather_nd,
             eval_gather_nd, NULL),
    HONE_ROW("", "GatherND", 13, HONE_OP_PURE, 2, gather_nd_13_in, 1, gather_13_out, gather_nd_12_attrs,
             infer_gather_nd, eval_gather_nd, NULL),
    HONE_ROW("", "Scatter", 9, HONE_OP_PURE, 3, scatter_9_in, 1, gather_1_out, gather_1_attrs, hone__infer_same0,
             eval_scatter_elements, NULL),
    HONE_ROW("", "ScatterElements", 11, HONE_OP_PURE, 3, scatter_9_in, 1, gather_1_out, gather_1_attrs,
             hone__infer_same0, eval_scatter_elements, NULL),
    HONE_ROW("", "ScatterElements", 13, HONE_OP_PURE, 3, scatter_elements_13_in, 1, gather_13_out, gather_1_attrs,
             hone__infer_same0, eval_scatter_elements, NULL),
    HONE_ROW("", "ScatterElements", 16, HONE_OP_PURE, 3, scatter_elements_13_in, 1, gather_13_out,
             scatter_elements_16_attrs, hone__infer_same0, eval_scatter_elements, NULL),
    HONE_ROW("", "ScatterElements", 18, HONE_OP_PURE, 3, scatter_elements_13_in, 1, gather_13_out,
             scatter_elements_16_attrs, hone__infer_same0, eval_scatter_elements, NULL),
    HONE_ROW_NO_ATTRS("", "ScatterND", 11, HONE_OP_PURE, 3, scatter_nd_11_in, 1, gather_1_out, hone__infer_same0,
                      eval_scatter_nd, NULL),
    HONE_ROW_NO_ATTRS("", "ScatterND", 13, HONE_OP_PURE, 3, scatter_nd_13_in, 1, gather_13_out, hone__infer_same0,
                      eval_scatter_nd, NULL),
    HONE_ROW("", "ScatterND", 16, HONE_OP_PURE, 3, scatter_nd_13_in, 1, gather_13_out, scatter_nd_16_attrs,
             hone__infer_same0, eval_scatter_nd, NULL),
    HONE_ROW("", "ScatterND", 18, HONE_OP_PURE, 3, scatter_nd_13_in, 1, gather_13_out, scatter_nd_16_attrs,
             hone__infer_same0, eval_scatter_nd, NULL),
    HONE_ROW("", "TensorScatter", 24, HONE_OP_PURE, 2, tensor_scatter_24_in, 1, tensor_scatter_24_out,
             tensor_scatter_24_attrs, hone__infer_same0, eval_tensor_scatter, NULL),
};

const hone__op_family hone__ops_gather = {"gather", g_rows, HONE_COUNT(g_rows)};
