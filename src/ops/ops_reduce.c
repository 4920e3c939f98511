/* Reductions: Reduce*, ArgMax, ArgMin, TopK, CumSum.
 *
 * Axes are an attribute at first, an input since 13 (ReduceSum) and 18 (the others). Numbers are
 * accumulated in double, or in 64-bit integers for integer types.
 *
 * Source: ONNX operator specification. */
#include "ops/op_help.h"

#include <math.h>
#include <stdlib.h>

typedef enum reduce_kind {
    REDUCE_SUM,
    REDUCE_MEAN,
    REDUCE_MAX,
    REDUCE_MIN,
    REDUCE_PROD,
    REDUCE_L1,
    REDUCE_L2,
    REDUCE_LOG_SUM,
    REDUCE_LOG_SUM_EXP,
    REDUCE_SUM_SQUARE
} reduce_kind;

/* ---- inference ---- */

static hone_status mark_axes(const int64_t *axes, size_t n, int rank, bool noop, bool *reduced, hone_error *error) {
    for (int d = 0; d < rank; d++)
        reduced[d] = n == 0 && !noop;
    for (size_t i = 0; i < n; i++) {
        int axis;
        HONE_TRY(hone__axis(axes[i], rank, &axis, error));
        reduced[axis] = true;
    }
    return HONE_OK;
}

static hone_status infer_reduced(hone__infer *ctx, hone_dtype dtype, const int64_t *axes, size_t n, bool noop) {
    const hone__type *x = hone__infer_input(ctx, 0);
    bool reduced[HONE_MAX_RANK], keep = hone__node_attr_int(ctx->node, "keepdims", 1) != 0;
    hone__dim dims[HONE_MAX_RANK];
    int rank = 0;
    HONE_TRY(mark_axes(axes, n, x->rank, noop, reduced, ctx->error));
    for (int d = 0; d < x->rank; d++)
        if (!reduced[d])
            dims[rank++] = x->dims[d];
        else if (keep)
            dims[rank++] = hone__dim_known(1);
    return hone__infer_set(ctx, 0, dtype, rank, dims);
}

static hone_status infer_reduce(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    size_t n = 0;
    const int64_t *axes = hone__node_attr_ints(ctx->node, "axes", &n);
    int64_t given[HONE_MAX_RANK];
    if (hone__infer_given(ctx, 1)) {
        if (!hone__infer_ints(ctx, 1, given, HONE_MAX_RANK, &n)) {
            if (hone__node_attr_int(ctx->node, "keepdims", 1))
                return hone__infer_rank(ctx, 0, dtype, hone__infer_input(ctx, 0)->rank);
            return hone__infer_set_dtype(ctx, 0, dtype);
        }
        axes = given;
    }
    return infer_reduced(ctx, dtype, axes, n, hone__node_attr_int(ctx->node, "noop_with_empty_axes", 0) != 0);
}

static hone_status infer_arg(hone__infer *ctx) {
    int64_t axis = hone__node_attr_int(ctx->node, "axis", 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_INT64);
    return infer_reduced(ctx, HONE_DTYPE_INT64, &axis, 1, false);
}

static hone_status infer_top_k(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0)) {
        HONE_TRY(hone__infer_set_dtype(ctx, 0, dtype));
        return hone__infer_set_dtype(ctx, 1, HONE_DTYPE_INT64);
    }
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    int axis;
    int64_t k = hone__node_attr_int(ctx->node, "k", -1), v[1];
    size_t n;
    HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "axis", -1), x->rank, &axis));
    if (hone__infer_given(ctx, 1) && hone__infer_ints(ctx, 1, v, 1, &n) && n == 1)
        k = v[0];
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    dims[axis] = k >= 0 ? hone__dim_known(k) : hone__dim_unknown();
    HONE_TRY(hone__infer_set(ctx, 0, dtype, x->rank, dims));
    return hone__infer_set(ctx, 1, HONE_DTYPE_INT64, x->rank, dims);
}

/* ---- Reduce* ---- */

/* Where each element goes: strides of the input's dims in the result (0 where reduced). */
typedef struct reduction {
    reduce_kind kind;
    int rank, out_rank;
    int64_t dims[HONE_MAX_RANK], stride[HONE_MAX_RANK], out_dims[HONE_MAX_RANK];
    int64_t slots, per; /* elements of the result, and of the input for each */
} reduction;

static hone_status plan_reduction(hone__eval *ctx, const hone_tensor *x, const int64_t *axes, size_t n, bool noop,
                                  reduction *r) {
    bool reduced[HONE_MAX_RANK], keep = hone__node_attr_int(ctx->node, "keepdims", 1) != 0;
    HONE_TRY(mark_axes(axes, n, x->rank, noop, reduced, ctx->error));
    r->rank = x->rank;
    r->out_rank = 0;
    r->slots = r->per = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        r->dims[d] = x->dims[d];
        r->stride[d] = reduced[d] ? 0 : r->slots;
        *(reduced[d] ? &r->per : &r->slots) *= x->dims[d];
    }
    for (int d = 0; d < x->rank; d++)
        if (!reduced[d] || keep)
            r->out_dims[r->out_rank++] = reduced[d] ? 1 : x->dims[d];
    return HONE_OK;
}

/* Calls STEP(acc, v) for every element v (as T) and its slot's accumulator. */
#define REDUCE_LOOP(T, STEP)                                                                                           \
    do {                                                                                                               \
        int64_t index[HONE_MAX_RANK] = {0}, last = r->rank ? r->dims[r->rank - 1] : 1;                                 \
        int64_t step = r->rank ? r->stride[r->rank - 1] : 0, total = r->slots * r->per;                                \
        for (int64_t i = 0; i < total; i += last) {                                                                    \
            int64_t at = 0;                                                                                            \
            for (int d = 0; d + 1 < r->rank; d++)                                                                      \
                at += index[d] * r->stride[d];                                                                         \
            for (int64_t k = 0; k < last; k++, at += step) {                                                           \
                T v = x[i + k], *acc = &y[at];                                                                         \
                STEP;                                                                                                  \
            }                                                                                                          \
            hone__next_index(index, r->dims, r->rank - 1);                                                             \
        }                                                                                                              \
    } while (0)

static void reduce_double(const reduction *r, const double *x, double *y, double *max) {
    reduce_kind kind = r->kind;
    for (int64_t i = 0; i < r->slots; i++)
        y[i] = kind == REDUCE_PROD                                ? 1
               : kind == REDUCE_MIN                               ? INFINITY
               : kind == REDUCE_MAX || kind == REDUCE_LOG_SUM_EXP ? -INFINITY
                                                                  : 0;
    switch (kind) {
    case REDUCE_MAX:
        REDUCE_LOOP(double, *acc = v > *acc || v != v ? v : *acc);
        break;
    case REDUCE_MIN:
        REDUCE_LOOP(double, *acc = v < *acc || v != v ? v : *acc);
        break;
    case REDUCE_PROD:
        REDUCE_LOOP(double, *acc *= v);
        break;
    case REDUCE_L1:
        REDUCE_LOOP(double, *acc += fabs(v));
        break;
    case REDUCE_L2:
    case REDUCE_SUM_SQUARE:
        REDUCE_LOOP(double, *acc += v * v);
        break;
    case REDUCE_LOG_SUM_EXP:
        REDUCE_LOOP(double, *acc = v > *acc || v != v ? v : *acc);
        for (int64_t i = 0; i < r->slots; i++) {
            max[i] = isinf(y[i]) ? 0 : y[i];
            y[i] = 0;
        }
        REDUCE_LOOP(double, *acc += exp(v - max[acc - y]));
        break;
    default:
        REDUCE_LOOP(double, *acc += v);
    }
    for (int64_t i = 0; i < r->slots; i++)
        switch (kind) {
        case REDUCE_MEAN:
            y[i] /= (double)r->per;
            break;
        case REDUCE_L2:
            y[i] = sqrt(y[i]);
            break;
        case REDUCE_LOG_SUM:
            y[i] = log(y[i]);
            break;
        case REDUCE_LOG_SUM_EXP:
            y[i] = log(y[i]) + max[i];
            break;
        default:
            break;
        }
}

/* Integers: sums and products wrap. Kinds that need a root or a logarithm go through double. */
#define DEFINE_REDUCE_INT(T, LOW, HIGH)                                                                                \
    static void reduce_##T(const reduction *r, const T *x, T *y) {                                                     \
        reduce_kind kind = r->kind;                                                                                    \
        for (int64_t i = 0; i < r->slots; i++)                                                                         \
            y[i] = kind == REDUCE_PROD ? 1 : kind == REDUCE_MIN ? HIGH : kind == REDUCE_MAX ? LOW : 0;                 \
        switch (kind) {                                                                                                \
        case REDUCE_MAX:                                                                                               \
            REDUCE_LOOP(T, *acc = v > *acc ? v : *acc);                                                                \
            break;                                                                                                     \
        case REDUCE_MIN:                                                                                               \
            REDUCE_LOOP(T, *acc = v < *acc ? v : *acc);                                                                \
            break;                                                                                                     \
        case REDUCE_PROD:                                                                                              \
            REDUCE_LOOP(T, *acc = (T)((uint64_t)*acc * (uint64_t)v));                                                  \
            break;                                                                                                     \
        case REDUCE_L1:                                                                                                \
            REDUCE_LOOP(T, *acc = (T)((uint64_t)*acc + (v < 1 ? 0 - (uint64_t)v : (uint64_t)v)));                      \
            break;                                                                                                     \
        case REDUCE_SUM_SQUARE:                                                                                        \
            REDUCE_LOOP(T, *acc = (T)((uint64_t)*acc + (uint64_t)v * (uint64_t)v));                                    \
            break;                                                                                                     \
        default:                                                                                                       \
            REDUCE_LOOP(T, *acc = (T)((uint64_t)*acc + (uint64_t)v));                                                  \
        }                                                                                                              \
        for (int64_t i = 0; kind == REDUCE_MEAN && r->per && i < r->slots; i++)                                        \
            y[i] /= (T)r->per;                                                                                         \
    }
DEFINE_REDUCE_INT(int64_t, INT64_MIN, INT64_MAX)
DEFINE_REDUCE_INT(uint64_t, 0, UINT64_MAX)
#undef DEFINE_REDUCE_INT

static hone_status reduce_integers(hone__eval *ctx, const hone_tensor *x, const reduction *r) {
    hone_tensor *out;
    void *y, *copy;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, r->out_rank, r->out_dims, &out));
    HONE_TRY(hone__eval_scratch_n(ctx, r->slots, sizeof(int64_t), &y));
    if (!out)
        return HONE_OK;
    if (x->dtype == HONE_DTYPE_UINT64)
        reduce_uint64_t(r, x->data, y);
    else {
        int64_t n = hone__tensor_count(x);
        HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(int64_t), &copy));
        for (int64_t i = 0; i < n; i++)
            ((int64_t *)copy)[i] = hone__tensor_int_at(x, i);
        reduce_int64_t(r, copy, y);
    }
    for (int64_t i = 0; i < r->slots; i++) {
        int64_t v = ((int64_t *)y)[i];
        /* The extreme of nothing is the extreme of the type. */
        if (r->per == 0 && (r->kind == REDUCE_MAX || r->kind == REDUCE_MIN) && x->dtype != HONE_DTYPE_UINT64)
            hone__tensor_put_double(out, i,
                                    r->kind == REDUCE_MAX ? (x->dtype == HONE_DTYPE_BOOL ? 0 : -0x1p63) : 0x1p64);
        else
            hone__tensor_put_int(out, i, v);
    }
    return HONE_OK;
}

static hone_status eval_reduce(hone__eval *ctx, reduce_kind kind) {
    const hone_tensor *x;
    size_t n = 0;
    const int64_t *axes = hone__node_attr_ints(ctx->node, "axes", &n);
    int64_t given[HONE_MAX_RANK];
    reduction r = {.kind = kind};
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (!hone__in_omitted(ctx, 1)) {
        HONE_TRY(hone__eval_ints(ctx, 1, given, HONE_MAX_RANK, &n));
        axes = given;
    }
    HONE_TRY(plan_reduction(ctx, x, axes, n, hone__node_attr_int(ctx->node, "noop_with_empty_axes", 0) != 0, &r));
    bool rooted = kind == REDUCE_L2 || kind == REDUCE_LOG_SUM || kind == REDUCE_LOG_SUM_EXP;
    if (!hone__dtype_in(x->dtype, HONE_SET_FLOAT) && !rooted)
        return reduce_integers(ctx, x, &r);
    const double *v;
    double *y;
    void *max;
    hone_tensor *out;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, r.out_rank, r.out_dims, &out, &y));
    HONE_TRY(hone__eval_scratch_n(ctx, kind == REDUCE_LOG_SUM_EXP ? r.slots : 1, sizeof(double), &max));
    reduce_double(&r, v, y, max);
    for (int64_t i = 0; i < r.slots && !hone__dtype_in(x->dtype, HONE_SET_FLOAT); i++)
        y[i] = trunc(y[i]);
    hone__eval_put_double(out, y);
    return HONE_OK;
}

#define DEFINE_EVAL(name, kind)                                                                                        \
    static hone_status eval_reduce_##name(hone__eval *ctx) { return eval_reduce(ctx, kind); }
DEFINE_EVAL(sum, REDUCE_SUM)
DEFINE_EVAL(mean, REDUCE_MEAN)
DEFINE_EVAL(max, REDUCE_MAX)
DEFINE_EVAL(min, REDUCE_MIN)
DEFINE_EVAL(prod, REDUCE_PROD)
DEFINE_EVAL(l1, REDUCE_L1)
DEFINE_EVAL(l2, REDUCE_L2)
DEFINE_EVAL(log_sum, REDUCE_LOG_SUM)
DEFINE_EVAL(log_sum_exp, REDUCE_LOG_SUM_EXP)
DEFINE_EVAL(sum_square, REDUCE_SUM_SQUARE)
#undef DEFINE_EVAL

/* ---- ArgMax, ArgMin ---- */

/* -1, 0, 1; NaN is greater than every number. Integers are compared exactly. */
static int compare(const hone_tensor *x, int64_t a, int64_t b) {
    if (!hone__dtype_in(x->dtype, HONE_SET_FLOAT)) {
        if (x->dtype == HONE_DTYPE_UINT64) {
            uint64_t ua = ((const uint64_t *)x->data)[a], ub = ((const uint64_t *)x->data)[b];
            return (ua > ub) - (ua < ub);
        }
        int64_t ia = hone__tensor_int_at(x, a), ib = hone__tensor_int_at(x, b);
        return (ia > ib) - (ia < ib);
    }
    double da = hone_tensor_get_double(x, a), db = hone_tensor_get_double(x, b);
    if (isnan(da) || isnan(db))
        return isnan(da) - isnan(db);
    return (da > db) - (da < db);
}

static hone_status eval_arg(hone__eval *ctx, int sign) {
    const hone_tensor *x;
    hone_tensor *out;
    reduction r = {0};
    int axis;
    int64_t wanted = hone__node_attr_int(ctx->node, "axis", 0);
    bool last = hone__node_attr_int(ctx->node, "select_last_index", 0) != 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__axis(wanted, x->rank, &axis, ctx->error));
    HONE_TRY(plan_reduction(ctx, x, &wanted, 1, false, &r));
    int64_t n = x->dims[axis], inner = hone__dims_product(x->dims, axis + 1, x->rank);
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, r.out_rank, r.out_dims, &out));
    if (out && n == 0 && r.slots > 0)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there is no extreme element along axis %d of size 0", axis);
    for (int64_t s = 0; out && s < r.slots; s++) {
        int64_t at = s / inner * n * inner + s % inner, best = 0;
        for (int64_t i = 1; i < n; i++) {
            int c = sign * compare(x, at + i * inner, at + best * inner);
            if (c > 0 || (c == 0 && last))
                best = i;
        }
        ((int64_t *)out->data)[s] = best;
    }
    return HONE_OK;
}
static hone_status eval_arg_max(hone__eval *ctx) { return eval_arg(ctx, 1); }
static hone_status eval_arg_min(hone__eval *ctx) { return eval_arg(ctx, -1); }

/* ---- TopK ---- */

typedef struct ranked {
    const hone_tensor *x;
    int64_t at, index;
    int sign;
} ranked;

/* Best first; of equal elements the lower index. */
static int rank_compare(const void *pa, const void *pb) {
    const ranked *a = pa, *b = pb;
    int c = a->sign * compare(a->x, b->at, a->at);
    return c ? c : (a->index > b->index) - (a->index < b->index);
}

static hone_status eval_top_k(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *values, *indices;
    int axis;
    int64_t k = hone__node_attr_int(ctx->node, "k", -1), dims[HONE_MAX_RANK];
    void *scratch;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (!hone__in_omitted(ctx, 1))
        HONE_TRY(hone__eval_int(ctx, 1, &k));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", -1), x->rank, &axis, ctx->error));
    int64_t n = x->dims[axis], inner = hone__dims_product(x->dims, axis + 1, x->rank);
    if (k < 0 || k > n)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "k is %lld, the axis has %lld elements", (long long)k,
                               (long long)n);
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = k;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, dims, &values));
    HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_INT64, x->rank, dims, &indices));
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(ranked), &scratch));
    ranked *list = scratch;
    int sign = hone__node_attr_int(ctx->node, "largest", 1) ? 1 : -1;
    int64_t outer = hone__dims_product(x->dims, 0, axis);
    for (int64_t s = 0; k > 0 && s < outer * inner; s++) {
        int64_t from = s / inner * n * inner + s % inner, to = s / inner * k * inner + s % inner;
        for (int64_t i = 0; i < n; i++)
            list[i] = (ranked){x, from + i * inner, i, sign};
        qsort(list, (size_t)n, sizeof *list, rank_compare);
        for (int64_t i = 0; i < k; i++) {
            if (values)
                HONE_TRY(hone__copy_elements(values, to + i * inner, x, list[i].at, 1, ctx->error));
            if (indices)
                ((int64_t *)indices->data)[to + i * inner] = list[i].index;
        }
    }
    return HONE_OK;
}

/* ---- CumSum ---- */

#define DEFINE_CUMULATE(T)                                                                                             \
    static void cumulate_##T(const T *x, T *y, int64_t n, int64_t stride, bool exclusive, bool reverse) {              \
        T sum = 0;                                                                                                     \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            int64_t at = (reverse ? n - 1 - i : i) * stride;                                                           \
            T v = x[at];                                                                                               \
            y[at] = exclusive ? sum : sum + v;                                                                         \
            sum += v;                                                                                                  \
        }                                                                                                              \
    }
DEFINE_CUMULATE(double)
DEFINE_CUMULATE(uint64_t)
#undef DEFINE_CUMULATE

static hone_status eval_cum_sum(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *out;
    int64_t wanted;
    int axis;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_int(ctx, 1, &wanted));
    HONE_TRY(hone__axis(wanted, x->rank, &axis, ctx->error));
    bool exclusive = hone__node_attr_int(ctx->node, "exclusive", 0) != 0;
    bool reverse = hone__node_attr_int(ctx->node, "reverse", 0) != 0;
    int64_t n = x->dims[axis], inner = hone__dims_product(x->dims, axis + 1, x->rank), count = hone__tensor_count(x);
    int64_t lines = n ? count / n : 0;
    if (hone__dtype_in(x->dtype, HONE_SET_FLOAT)) {
        const double *v;
        double *y;
        HONE_TRY(hone__eval_in_double(ctx, 0, &v));
        HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
        for (int64_t s = 0; s < lines; s++) {
            int64_t at = s / inner * n * inner + s % inner;
            cumulate_double(v + at, y + at, n, inner, exclusive, reverse);
        }
        hone__eval_put_double(out, y);
        return HONE_OK;
    }
    void *a, *b;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, x->dims, &out));
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof(uint64_t), &a));
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof(uint64_t), &b));
    for (int64_t i = 0; i < count; i++)
        ((uint64_t *)a)[i] = (uint64_t)hone__tensor_int_at(x, i);
    for (int64_t s = 0; s < lines; s++) {
        int64_t at = s / inner * n * inner + s % inner;
        cumulate_uint64_t((uint64_t *)a + at, (uint64_t *)b + at, n, inner, exclusive, reverse);
    }
    for (int64_t i = 0; out && i < count; i++)
        hone__tensor_put_int(out, i, (int64_t)((uint64_t *)b)[i]);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param reduce_sum_1_in[] = {
    HONE_PARAM("data", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param reduce_sum_1_out[] = {HONE_PARAM(
    "reduced", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_attr reduce_sum_1_attrs[] = {{"axes", HONE_ATTR_INTS, false}, {"keepdims", HONE_ATTR_INT, false}};
static const hone__op_param reduce_sum_13_in[] = {
    HONE_PARAM("data", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM_OPT("axes", HONE_SET(INT64), 0)};
static const hone__op_param reduce_sum_13_out[] = {HONE_PARAM(
    "reduced", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_attr reduce_sum_13_attrs[] = {{"keepdims", HONE_ATTR_INT, false},
                                                    {"noop_with_empty_axes", HONE_ATTR_INT, false}};
static const hone__op_param reduce_mean_13_in[] = {
    HONE_PARAM("data", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param reduce_max_12_in[] = {HONE_PARAM("data",
                                                             HONE_SET_IEEE | HONE_SET(INT8) | HONE_SET(INT32) |
                                                                 HONE_SET(INT64) | HONE_SET(UINT8) | HONE_SET(UINT32) |
                                                                 HONE_SET(UINT64),
                                                             'T')};
static const hone__op_param reduce_max_12_out[] = {HONE_PARAM("reduced",
                                                              HONE_SET_IEEE | HONE_SET(INT8) | HONE_SET(INT32) |
                                                                  HONE_SET(INT64) | HONE_SET(UINT8) | HONE_SET(UINT32) |
                                                                  HONE_SET(UINT64),
                                                              'T')};
static const hone__op_param reduce_max_13_in[] = {HONE_PARAM("data",
                                                             HONE_SET_FLOAT | HONE_SET(INT8) | HONE_SET(INT32) |
                                                                 HONE_SET(INT64) | HONE_SET(UINT8) | HONE_SET(UINT32) |
                                                                 HONE_SET(UINT64),
                                                             'T')};
static const hone__op_param reduce_max_13_out[] = {HONE_PARAM("reduced",
                                                              HONE_SET_FLOAT | HONE_SET(INT8) | HONE_SET(INT32) |
                                                                  HONE_SET(INT64) | HONE_SET(UINT8) | HONE_SET(UINT32) |
                                                                  HONE_SET(UINT64),
                                                              'T')};
static const hone__op_param reduce_max_18_in[] = {HONE_PARAM("data",
                                                             HONE_SET_FLOAT | HONE_SET(INT8) | HONE_SET(INT32) |
                                                                 HONE_SET(INT64) | HONE_SET(UINT8) | HONE_SET(UINT32) |
                                                                 HONE_SET(UINT64),
                                                             'T'),
                                                  HONE_PARAM_OPT("axes", HONE_SET(INT64), 0)};
static const hone__op_param reduce_max_20_in[] = {HONE_PARAM("data",
                                                             HONE_SET_FLOAT | HONE_SET(INT8) | HONE_SET(INT32) |
                                                                 HONE_SET(INT64) | HONE_SET(UINT8) | HONE_SET(UINT32) |
                                                                 HONE_SET(UINT64) | HONE_SET(BOOL),
                                                             'T'),
                                                  HONE_PARAM_OPT("axes", HONE_SET(INT64), 0)};
static const hone__op_param reduce_max_20_out[] = {HONE_PARAM("reduced",
                                                              HONE_SET_FLOAT | HONE_SET(INT8) | HONE_SET(INT32) |
                                                                  HONE_SET(INT64) | HONE_SET(UINT8) | HONE_SET(UINT32) |
                                                                  HONE_SET(UINT64) | HONE_SET(BOOL),
                                                              'T')};
static const hone__op_param arg_max_1_in[] = {HONE_PARAM("data", HONE_SET_INT | HONE_SET_IEEE, 'T')};
static const hone__op_param arg_max_1_out[] = {HONE_PARAM("reduced", HONE_SET(INT64), 0)};
static const hone__op_attr arg_max_1_attrs[] = {{"axis", HONE_ATTR_INT, false}, {"keepdims", HONE_ATTR_INT, false}};
static const hone__op_attr arg_max_12_attrs[] = {
    {"axis", HONE_ATTR_INT, false}, {"keepdims", HONE_ATTR_INT, false}, {"select_last_index", HONE_ATTR_INT, false}};
static const hone__op_param arg_max_13_in[] = {HONE_PARAM("data", HONE_SET_NUMERIC, 'T')};
static const hone__op_param top_k_1_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T')};
static const hone__op_param top_k_1_out[] = {HONE_PARAM("Values", HONE_SET_IEEE, 'T'),
                                             HONE_PARAM("Indices", HONE_SET(INT64), 'I')};
static const hone__op_attr top_k_1_attrs[] = {{"axis", HONE_ATTR_INT, false}, {"k", HONE_ATTR_INT, true}};
static const hone__op_param top_k_10_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'), HONE_PARAM("K", HONE_SET(INT64), 0)};
static const hone__op_attr top_k_10_attrs[] = {{"axis", HONE_ATTR_INT, false}};
static const hone__op_param top_k_11_in[] = {HONE_PARAM("X", HONE_SET_INT | HONE_SET_IEEE, 'T'),
                                             HONE_PARAM("K", HONE_SET(INT64), 0)};
static const hone__op_param top_k_11_out[] = {HONE_PARAM("Values", HONE_SET_INT | HONE_SET_IEEE, 'T'),
                                              HONE_PARAM("Indices", HONE_SET(INT64), 'I')};
static const hone__op_attr top_k_11_attrs[] = {
    {"axis", HONE_ATTR_INT, false}, {"largest", HONE_ATTR_INT, false}, {"sorted", HONE_ATTR_INT, false}};
static const hone__op_param cum_sum_11_in[] = {HONE_PARAM("x",
                                                          HONE_SET(FLOAT) | HONE_SET(DOUBLE) | HONE_SET(INT32) |
                                                              HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64),
                                                          'T'),
                                               HONE_PARAM("axis", HONE_SET(INT32) | HONE_SET(INT64), '2')};
static const hone__op_param cum_sum_11_out[] = {HONE_PARAM(
    "y", HONE_SET(FLOAT) | HONE_SET(DOUBLE) | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64),
    'T')};
static const hone__op_attr cum_sum_11_attrs[] = {{"exclusive", HONE_ATTR_INT, false},
                                                 {"reverse", HONE_ATTR_INT, false}};
static const hone__op_param cum_sum_14_in[] = {
    HONE_PARAM("x", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM("axis", HONE_SET(INT32) | HONE_SET(INT64), '2')};
static const hone__op_param cum_sum_14_out[] = {
    HONE_PARAM("y", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};

static const hone__op g_rows[] = {
    HONE_ROW("", "ReduceSum", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_sum, NULL),
    HONE_ROW("", "ReduceSum", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_sum, NULL),
    HONE_ROW("", "ReduceSum", 13, HONE_OP_PURE, 1, reduce_sum_13_in, 1, reduce_sum_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_sum, NULL),
    HONE_ROW("", "ReduceMean", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_mean, NULL),
    HONE_ROW("", "ReduceMean", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_mean, NULL),
    HONE_ROW("", "ReduceMean", 13, HONE_OP_PURE, 1, reduce_mean_13_in, 1, reduce_sum_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_mean, NULL),
    HONE_ROW("", "ReduceMean", 18, HONE_OP_PURE, 1, reduce_sum_13_in, 1, reduce_sum_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_mean, NULL),
    HONE_ROW("", "ReduceMax", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_max, NULL),
    HONE_ROW("", "ReduceMax", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_max, NULL),
    HONE_ROW("", "ReduceMax", 12, HONE_OP_PURE, 1, reduce_max_12_in, 1, reduce_max_12_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_max, NULL),
    HONE_ROW("", "ReduceMax", 13, HONE_OP_PURE, 1, reduce_max_13_in, 1, reduce_max_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_max, NULL),
    HONE_ROW("", "ReduceMax", 18, HONE_OP_PURE, 1, reduce_max_18_in, 1, reduce_max_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_max, NULL),
    HONE_ROW("", "ReduceMax", 20, HONE_OP_PURE, 1, reduce_max_20_in, 1, reduce_max_20_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_max, NULL),
    HONE_ROW("", "ReduceMin", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_min, NULL),
    HONE_ROW("", "ReduceMin", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_min, NULL),
    HONE_ROW("", "ReduceMin", 12, HONE_OP_PURE, 1, reduce_max_12_in, 1, reduce_max_12_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_min, NULL),
    HONE_ROW("", "ReduceMin", 13, HONE_OP_PURE, 1, reduce_max_13_in, 1, reduce_max_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_min, NULL),
    HONE_ROW("", "ReduceMin", 18, HONE_OP_PURE, 1, reduce_max_18_in, 1, reduce_max_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_min, NULL),
    HONE_ROW("", "ReduceMin", 20, HONE_OP_PURE, 1, reduce_max_20_in, 1, reduce_max_20_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_min, NULL),
    HONE_ROW("", "ReduceProd", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_prod, NULL),
    HONE_ROW("", "ReduceProd", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_prod, NULL),
    HONE_ROW("", "ReduceProd", 13, HONE_OP_PURE, 1, reduce_mean_13_in, 1, reduce_sum_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_prod, NULL),
    HONE_ROW("", "ReduceProd", 18, HONE_OP_PURE, 1, reduce_sum_13_in, 1, reduce_sum_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_prod, NULL),
    HONE_ROW("", "ReduceL1", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs, infer_reduce,
             eval_reduce_l1, NULL),
    HONE_ROW("", "ReduceL1", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_l1, NULL),
    HONE_ROW("", "ReduceL1", 13, HONE_OP_PURE, 1, reduce_mean_13_in, 1, reduce_sum_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_l1, NULL),
    HONE_ROW("", "ReduceL1", 18, HONE_OP_PURE, 1, reduce_sum_13_in, 1, reduce_sum_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_l1, NULL),
    HONE_ROW("", "ReduceL2", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs, infer_reduce,
             eval_reduce_l2, NULL),
    HONE_ROW("", "ReduceL2", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_l2, NULL),
    HONE_ROW("", "ReduceL2", 13, HONE_OP_PURE, 1, reduce_mean_13_in, 1, reduce_sum_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_l2, NULL),
    HONE_ROW("", "ReduceL2", 18, HONE_OP_PURE, 1, reduce_sum_13_in, 1, reduce_sum_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_l2, NULL),
    HONE_ROW("", "ReduceLogSum", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_log_sum, NULL),
    HONE_ROW("", "ReduceLogSum", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_log_sum, NULL),
    HONE_ROW("", "ReduceLogSum", 13, HONE_OP_PURE, 1, reduce_mean_13_in, 1, reduce_sum_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_log_sum, NULL),
    HONE_ROW("", "ReduceLogSum", 18, HONE_OP_PURE, 1, reduce_sum_13_in, 1, reduce_sum_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_log_sum, NULL),
    HONE_ROW("", "ReduceLogSumExp", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_log_sum_exp, NULL),
    HONE_ROW("", "ReduceLogSumExp", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_log_sum_exp, NULL),
    HONE_ROW("", "ReduceLogSumExp", 13, HONE_OP_PURE, 1, reduce_mean_13_in, 1, reduce_sum_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_log_sum_exp, NULL),
    HONE_ROW("", "ReduceLogSumExp", 18, HONE_OP_PURE, 1, reduce_sum_13_in, 1, reduce_sum_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_log_sum_exp, NULL),
    HONE_ROW("", "ReduceSumSquare", 1, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_sum_square, NULL),
    HONE_ROW("", "ReduceSumSquare", 11, HONE_OP_PURE, 1, reduce_sum_1_in, 1, reduce_sum_1_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_sum_square, NULL),
    HONE_ROW("", "ReduceSumSquare", 13, HONE_OP_PURE, 1, reduce_mean_13_in, 1, reduce_sum_13_out, reduce_sum_1_attrs,
             infer_reduce, eval_reduce_sum_square, NULL),
    HONE_ROW("", "ReduceSumSquare", 18, HONE_OP_PURE, 1, reduce_sum_13_in, 1, reduce_sum_13_out, reduce_sum_13_attrs,
             infer_reduce, eval_reduce_sum_square, NULL),
    HONE_ROW("", "ArgMax", 1, HONE_OP_PURE, 1, arg_max_1_in, 1, arg_max_1_out, arg_max_1_attrs, infer_arg, eval_arg_max,
             NULL),
    HONE_ROW("", "ArgMax", 11, HONE_OP_PURE, 1, arg_max_1_in, 1, arg_max_1_out, arg_max_1_attrs, infer_arg,
             eval_arg_max, NULL),
    HONE_ROW("", "ArgMax", 12, HONE_OP_PURE, 1, arg_max_1_in, 1, arg_max_1_out, arg_max_12_attrs, infer_arg,
             eval_arg_max, NULL),
    HONE_ROW("", "ArgMax", 13, HONE_OP_PURE, 1, arg_max_13_in, 1, arg_max_1_out, arg_max_12_attrs, infer_arg,
             eval_arg_max, NULL),
    HONE_ROW("", "ArgMin", 1, HONE_OP_PURE, 1, arg_max_1_in, 1, arg_max_1_out, arg_max_1_attrs, infer_arg, eval_arg_min,
             NULL),
    HONE_ROW("", "ArgMin", 11, HONE_OP_PURE, 1, arg_max_1_in, 1, arg_max_1_out, arg_max_1_attrs, infer_arg,
             eval_arg_min, NULL),
    HONE_ROW("", "ArgMin", 12, HONE_OP_PURE, 1, arg_max_1_in, 1, arg_max_1_out, arg_max_12_attrs, infer_arg,
             eval_arg_min, NULL),
    HONE_ROW("", "ArgMin", 13, HONE_OP_PURE, 1, arg_max_13_in, 1, arg_max_1_out, arg_max_12_attrs, infer_arg,
             eval_arg_min, NULL),
    HONE_ROW("", "TopK", 1, HONE_OP_PURE, 1, top_k_1_in, 2, top_k_1_out, top_k_1_attrs, infer_top_k, eval_top_k, NULL),
    HONE_ROW("", "TopK", 10, HONE_OP_PURE, 2, top_k_10_in, 2, top_k_1_out, top_k_10_attrs, infer_top_k, eval_top_k,
             NULL),
    HONE_ROW("", "TopK", 11, HONE_OP_PURE, 2, top_k_11_in, 2, top_k_11_out, top_k_11_attrs, infer_top_k, eval_top_k,
             NULL),
    HONE_ROW("", "CumSum", 11, HONE_OP_PURE, 2, cum_sum_11_in, 1, cum_sum_11_out, cum_sum_11_attrs, hone__infer_same0,
             eval_cum_sum, NULL),
    HONE_ROW("", "CumSum", 14, HONE_OP_PURE, 2, cum_sum_14_in, 1, cum_sum_14_out, cum_sum_11_attrs, hone__infer_same0,
             eval_cum_sum, NULL),
};

const hone__op_family hone__ops_reduce = {"reduce", g_rows, HONE_COUNT(g_rows)};
