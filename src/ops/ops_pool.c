/* Pooling: MaxPool, AveragePool, LpPool, the Global* ones, MaxUnpool. Pooling of regions stands in ops_roi.c.
 *
 * Source: ONNX operator specification. x and y: [N,C,spatial]. */
#include "ops/op_help.h"
#include "ops/op_window.h"

#include <math.h>

/* ---- inference ---- */

static hone_status infer_pool(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (ctx->n_out > 1)
        HONE_TRY(hone__infer_set_dtype(ctx, 1, HONE_DTYPE_INT64));
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__window w;
    hone__dim dims[HONE_MAX_RANK];
    if (x->rank < 3)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "pooling needs an input of rank 3 or more, not %d", x->rank);
    HONE_TRY(hone__window_read(ctx->node, x->rank - 2, NULL, &w, ctx->error));
    dims[0] = x->dims[0];
    dims[1] = x->dims[1];
    for (int i = 0; i < w.n; i++)
        HONE_TRY(hone__window_output_dim(&w, i, x->dims[2 + i], &dims[2 + i], ctx->error));
    HONE_TRY(hone__infer_set(ctx, 0, dtype, x->rank, dims));
    return ctx->n_out > 1 ? hone__infer_set(ctx, 1, HONE_DTYPE_INT64, x->rank, dims) : HONE_OK;
}

static hone_status infer_global_pool(hone__infer *ctx) {
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, hone__infer_dtype(ctx, 0));
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    if (x->rank < 2)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "pooling needs an input of rank 2 or more, not %d", x->rank);
    for (int i = 0; i < x->rank; i++)
        dims[i] = i < 2 ? x->dims[i] : hone__dim_known(1);
    return hone__infer_set(ctx, 0, x->dtype, x->rank, dims);
}

static hone_status infer_max_unpool(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    int64_t want[HONE_MAX_RANK];
    size_t n;
    if (x->rank < 3)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "MaxUnpool needs an input of rank 3 or more");
    if (hone__infer_given(ctx, 2)) {
        bool known = hone__infer_ints(ctx, 2, want, HONE_MAX_RANK, &n) && n == (size_t)x->rank;
        for (int i = 0; i < x->rank; i++)
            dims[i] = known && want[i] >= 0 ? hone__dim_known(want[i]) : hone__dim_unknown();
        return hone__infer_set(ctx, 0, dtype, x->rank, dims);
    }
    hone__window w;
    HONE_TRY(hone__window_read(ctx->node, x->rank - 2, NULL, &w, ctx->error));
    for (int i = 0; i < x->rank; i++) {
        dims[i] = x->dims[i];
        if (i < 2 || dims[i].value < 0) {
            dims[i] = i < 2 ? dims[i] : hone__dim_unknown();
            continue;
        }
        int64_t v;
        if (!hone__mul_i64(dims[i].value - 1, w.stride[i - 2], &v))
            return hone__infer_fail(ctx, HONE_ERROR_LIMIT, "the output is too large");
        v += w.kernel[i - 2] - w.pad_begin[i - 2] - w.pad_end[i - 2];
        dims[i] = hone__dim_known(v < 0 ? 0 : v);
    }
    return hone__infer_set(ctx, 0, dtype, x->rank, dims);
}

/* ---- windows ---- */

typedef struct pool_shape {
    int rank;
    int64_t planes;
    int64_t y_dims[HONE_MAX_RANK], in[HONE_WINDOW_MAX], out[HONE_WINDOW_MAX];
    hone__window win;
    bool count_include_pad;
    int64_t column_major; /* MaxPool: storage_order of the indices */
    double p;
} pool_shape;

static hone_status read_shape(hone__eval *ctx, const hone_tensor *x, pool_shape *s) {
    memset(s, 0, sizeof *s);
    if (x->rank < 3)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "pooling needs an input of rank 3 or more, not %d", x->rank);
    HONE_TRY(hone__window_read(ctx->node, x->rank - 2, NULL, &s->win, ctx->error));
    s->rank = x->rank;
    s->planes = x->dims[0] * x->dims[1];
    s->y_dims[0] = x->dims[0];
    s->y_dims[1] = x->dims[1];
    for (int i = 0; i < s->win.n; i++)
        HONE_TRY(hone__window_output(&s->win, i, x->dims[2 + i], &s->y_dims[2 + i], ctx->error));
    hone__window_expand_dims(x->dims + 2, s->win.n, s->in);
    hone__window_expand_dims(s->y_dims + 2, s->win.n, s->out);
    hone__window_expand(&s->win);
    s->count_include_pad = hone__node_attr_int(ctx->node, "count_include_pad", 0) != 0;
    s->column_major = hone__node_attr_int(ctx->node, "storage_order", 0);
    return HONE_OK;
}

/* Taps [lo, hi) of dimension d that lie inside the input for output position o. */
static void taps_inside(const pool_shape *s, int d, int64_t o, int64_t *start, int64_t *lo, int64_t *hi) {
    int64_t dil = s->win.dilation[d];
    *start = o * s->win.stride[d] - s->win.pad_begin[d];
    *lo = *start >= 0 ? 0 : (-*start + dil - 1) / dil;
    *hi = *start >= s->in[d] ? 0 : (s->in[d] - 1 - *start) / dil + 1;
    *hi = hone__min_i64(*hi, s->win.kernel[d]);
    *lo = hone__min_i64(*lo, *hi);
}

/* Elements of a window that count for an average: inside the input, or inside the padded input. */
static int64_t divisor(const pool_shape *s, const int64_t *start, const int64_t *lo, const int64_t *hi) {
    int64_t n = 1;
    for (int d = 0; d < HONE_WINDOW_MAX; d++) {
        int64_t end = s->in[d] + s->win.pad_end[d], dil = s->win.dilation[d];
        int64_t padded = start[d] >= end ? 0 : hone__min_i64((end - 1 - start[d]) / dil + 1, s->win.kernel[d]);
        n *= s->count_include_pad ? padded : hi[d] - lo[d];
    }
    return n;
}

/* What an empty maximum is. */
static const float lowest_float = -INFINITY;
static const double lowest_double = -INFINITY;
static const int8_t lowest_int8_t = INT8_MIN;
static const uint8_t lowest_uint8_t = 0;

#define REAL float
#include "ops/ops_pool_body.h"
#undef REAL
#define REAL double
#include "ops/ops_pool_body.h"
#undef REAL
#define REAL int8_t
#define POOL_MAX_ONLY
#include "ops/ops_pool_body.h"
#undef REAL
#define REAL uint8_t
#include "ops/ops_pool_body.h"
#undef REAL
#undef POOL_MAX_ONLY

/* ---- evaluators ---- */

static hone_status eval_max_pool(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *y, *indices = NULL;
    pool_shape s;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(read_shape(ctx, x, &s));
    if (ctx->n_out > 1)
        HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_INT64, s.rank, s.y_dims, &indices));
    int64_t *at = indices ? indices->data : NULL;
    if (x->dtype == HONE_DTYPE_INT8 || x->dtype == HONE_DTYPE_UINT8) {
        HONE_TRY(hone__eval_output(ctx, 0, x->dtype, s.rank, s.y_dims, &y));
        if (y && x->dtype == HONE_DTYPE_INT8)
            max_run_int8_t(&s, x->data, y->data, at);
        else if (y)
            max_run_uint8_t(&s, x->data, y->data, at);
        return HONE_OK;
    }
    return x->dtype == HONE_DTYPE_DOUBLE ? max_eval_double(ctx, &s, x->dtype, at)
                                         : max_eval_float(ctx, &s, x->dtype, at);
}

static hone_status eval_sum_pool(hone__eval *ctx, double p) {
    const hone_tensor *x;
    pool_shape s;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(read_shape(ctx, x, &s));
    s.p = p;
    return x->dtype == HONE_DTYPE_DOUBLE ? sum_eval_double(ctx, &s, x->dtype) : sum_eval_float(ctx, &s, x->dtype);
}

/* LpPool-1 had a float p. */
static double read_p(const hone__node *node) {
    const hone__attr *p = hone__node_attr(node, "p");
    return !p ? 2 : p->type == HONE_ATTR_FLOAT ? (double)p->f : (double)p->i;
}

static hone_status eval_average_pool(hone__eval *ctx) { return eval_sum_pool(ctx, 0); }
static hone_status eval_lp_pool(hone__eval *ctx) {
    double p = read_p(ctx->node);
    return p > 0 ? eval_sum_pool(ctx, p) : hone__eval_fail(ctx, HONE_ERROR_MODEL, "p must be positive");
}

typedef enum global_kind { GLOBAL_AVERAGE, GLOBAL_MAX, GLOBAL_LP } global_kind;

static hone_status eval_global(hone__eval *ctx, global_kind kind) {
    const hone_tensor *x;
    int64_t dims[HONE_MAX_RANK];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (x->rank < 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "pooling needs an input of rank 2 or more, not %d", x->rank);
    for (int i = 0; i < x->rank; i++)
        dims[i] = i < 2 ? x->dims[i] : 1;
    int64_t planes = dims[0] * dims[1], plane = hone__dims_product(x->dims, 2, x->rank);
    const double *v;
    double *y, p = kind == GLOBAL_LP ? read_p(ctx->node) : 0;
    hone_tensor *out;
    if (kind == GLOBAL_LP && !(p > 0))
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "p must be positive");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, dims, &out, &y));
    for (int64_t i = 0; i < planes; i++) {
        double acc = kind == GLOBAL_MAX ? -INFINITY : 0;
        for (int64_t k = 0; k < plane; k++) {
            double e = v[i * plane + k];
            if (kind == GLOBAL_MAX)
                acc = e > acc || e != e ? e : acc;
            else
                acc += kind == GLOBAL_LP ? pow(fabs(e), p) : e;
        }
        y[i] = kind == GLOBAL_AVERAGE ? acc / (double)plane : kind == GLOBAL_LP ? pow(acc, 1 / p) : acc;
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static hone_status eval_global_average_pool(hone__eval *ctx) { return eval_global(ctx, GLOBAL_AVERAGE); }
static hone_status eval_global_max_pool(hone__eval *ctx) { return eval_global(ctx, GLOBAL_MAX); }
static hone_status eval_global_lp_pool(hone__eval *ctx) { return eval_global(ctx, GLOBAL_LP); }

/* Values go where MaxPool's indices say. The indices count in the tensor that was pooled: with
 * output_shape given they still refer to the shape that the attributes imply, so a position is
 * translated coordinate by coordinate. */
static hone_status eval_max_unpool(hone__eval *ctx) {
    const hone_tensor *x, *index;
    const int64_t *at;
    int64_t dims[HONE_MAX_RANK], natural[HONE_MAX_RANK];
    size_t n;
    hone__window w;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &index));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &at));
    int64_t count = hone__tensor_count(x);
    if (x->rank < 3 || hone__tensor_count(index) != count)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the indices must have the input's shape, of rank 3 or more");
    HONE_TRY(hone__window_read(ctx->node, x->rank - 2, NULL, &w, ctx->error));
    for (int i = 0; i < x->rank; i++) {
        natural[i] = x->dims[i];
        if (i < 2)
            continue;
        if (!hone__mul_i64(x->dims[i] - 1, w.stride[i - 2], &natural[i]))
            return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the output is too large");
        natural[i] = hone__max_i64(natural[i] + w.kernel[i - 2] - w.pad_begin[i - 2] - w.pad_end[i - 2], 0);
    }
    memcpy(dims, natural, sizeof dims);
    if (!hone__in_omitted(ctx, 2)) {
        HONE_TRY(hone__eval_ints(ctx, 2, dims, HONE_MAX_RANK, &n));
        if (n != (size_t)x->rank)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "output_shape has %zu elements, the input rank %d", n,
                                   x->rank);
    }
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, dims, &y));
    int64_t total;
    if (!y)
        return HONE_OK;
    if (!hone__shape_count(natural, x->rank, &total))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the output is too large");
    memset(y->data, 0, y->size);
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = at[i], to = 0, stride = 1;
        bool inside = rest >= 0 && rest < total;
        for (int d = x->rank - 1; d >= 0 && inside; d--) {
            int64_t c = rest % natural[d];
            rest /= natural[d];
            inside = c < dims[d];
            to += c * stride;
            stride *= dims[d];
        }
        if (!inside)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "index %lld lies outside the output", (long long)at[i]);
        HONE_TRY(hone__copy_elements(y, to, x, i, 1, ctx->error));
    }
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param max_pool_1_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T')};
static const hone__op_param max_pool_1_out[] = {HONE_PARAM("Y", HONE_SET_IEEE, 'T')};
static const hone__op_attr max_pool_1_attrs[] = {{"auto_pad", HONE_ATTR_STRING, false},
                                                 {"kernel_shape", HONE_ATTR_INTS, true},
                                                 {"pads", HONE_ATTR_INTS, false},
                                                 {"strides", HONE_ATTR_INTS, false}};
static const hone__op_param max_pool_8_out[] = {HONE_PARAM("Y", HONE_SET_IEEE, 'T'),
                                                HONE_PARAM_OPT("Indices", HONE_SET(INT64), 'I')};
static const hone__op_attr max_pool_8_attrs[] = {{"auto_pad", HONE_ATTR_STRING, false},
                                                 {"kernel_shape", HONE_ATTR_INTS, true},
                                                 {"pads", HONE_ATTR_INTS, false},
                                                 {"storage_order", HONE_ATTR_INT, false},
                                                 {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr max_pool_10_attrs[] = {
    {"auto_pad", HONE_ATTR_STRING, false}, {"ceil_mode", HONE_ATTR_INT, false},
    {"dilations", HONE_ATTR_INTS, false},  {"kernel_shape", HONE_ATTR_INTS, true},
    {"pads", HONE_ATTR_INTS, false},       {"storage_order", HONE_ATTR_INT, false},
    {"strides", HONE_ATTR_INTS, false}};
static const hone__op_param max_pool_12_in[] = {HONE_PARAM("X", HONE_SET_IEEE | HONE_SET(INT8) | HONE_SET(UINT8), 'T')};
static const hone__op_param max_pool_12_out[] = {HONE_PARAM("Y", HONE_SET_IEEE | HONE_SET(INT8) | HONE_SET(UINT8), 'T'),
                                                 HONE_PARAM_OPT("Indices", HONE_SET(INT64), 'I')};
static const hone__op_param max_pool_22_in[] = {
    HONE_PARAM("X", HONE_SET_FLOAT | HONE_SET(INT8) | HONE_SET(UINT8), 'T')};
static const hone__op_param max_pool_22_out[] = {
    HONE_PARAM("Y", HONE_SET_FLOAT | HONE_SET(INT8) | HONE_SET(UINT8), 'T'),
    HONE_PARAM_OPT("Indices", HONE_SET(INT64), 'I')};
static const hone__op_attr average_pool_7_attrs[] = {{"auto_pad", HONE_ATTR_STRING, false},
                                                     {"count_include_pad", HONE_ATTR_INT, false},
                                                     {"kernel_shape", HONE_ATTR_INTS, true},
                                                     {"pads", HONE_ATTR_INTS, false},
                                                     {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr average_pool_10_attrs[] = {{"auto_pad", HONE_ATTR_STRING, false},
                                                      {"ceil_mode", HONE_ATTR_INT, false},
                                                      {"count_include_pad", HONE_ATTR_INT, false},
                                                      {"kernel_shape", HONE_ATTR_INTS, true},
                                                      {"pads", HONE_ATTR_INTS, false},
                                                      {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr average_pool_19_attrs[] = {
    {"auto_pad", HONE_ATTR_STRING, false},       {"ceil_mode", HONE_ATTR_INT, false},
    {"count_include_pad", HONE_ATTR_INT, false}, {"dilations", HONE_ATTR_INTS, false},
    {"kernel_shape", HONE_ATTR_INTS, true},      {"pads", HONE_ATTR_INTS, false},
    {"strides", HONE_ATTR_INTS, false}};
static const hone__op_param average_pool_22_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T')};
static const hone__op_param average_pool_22_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_attr lp_pool_1_attrs[] = {{"auto_pad", HONE_ATTR_STRING, false},
                                                {"kernel_shape", HONE_ATTR_INTS, false},
                                                {"p", HONE_ATTR_FLOAT, false},
                                                {"pads", HONE_ATTR_INTS, false},
                                                {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr lp_pool_2_attrs[] = {{"auto_pad", HONE_ATTR_STRING, false},
                                                {"kernel_shape", HONE_ATTR_INTS, true},
                                                {"p", HONE_ATTR_INT, false},
                                                {"pads", HONE_ATTR_INTS, false},
                                                {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr lp_pool_18_attrs[] = {
    {"auto_pad", HONE_ATTR_STRING, false},  {"ceil_mode", HONE_ATTR_INT, false}, {"dilations", HONE_ATTR_INTS, false},
    {"kernel_shape", HONE_ATTR_INTS, true}, {"p", HONE_ATTR_INT, false},         {"pads", HONE_ATTR_INTS, false},
    {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr global_lp_pool_1_attrs[] = {{"p", HONE_ATTR_FLOAT, false}};
static const hone__op_attr global_lp_pool_2_attrs[] = {{"p", HONE_ATTR_INT, false}};
static const hone__op_param max_unpool_9_in[] = {HONE_PARAM("X", HONE_SET_IEEE, '1'),
                                                 HONE_PARAM("I", HONE_SET(INT64), '2'),
                                                 HONE_PARAM_OPT("output_shape", HONE_SET(INT64), '2')};
static const hone__op_param max_unpool_9_out[] = {HONE_PARAM("output", HONE_SET_IEEE, '1')};
static const hone__op_attr max_unpool_9_attrs[] = {
    {"kernel_shape", HONE_ATTR_INTS, true}, {"pads", HONE_ATTR_INTS, false}, {"strides", HONE_ATTR_INTS, false}};
static const hone__op_param max_unpool_22_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, '1'),
                                                  HONE_PARAM("I", HONE_SET(INT64), '2'),
                                                  HONE_PARAM_OPT("output_shape", HONE_SET(INT64), '2')};
static const hone__op_param max_unpool_22_out[] = {HONE_PARAM("output", HONE_SET_FLOAT, '1')};

static const hone__op g_rows[] = {
    HONE_ROW("", "MaxPool", 1, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, max_pool_1_attrs, infer_pool,
             eval_max_pool, NULL),
    HONE_ROW("", "MaxPool", 8, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_8_out, max_pool_8_attrs, infer_pool,
             eval_max_pool, NULL),
    HONE_ROW("", "MaxPool", 10, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_8_out, max_pool_10_attrs, infer_pool,
             eval_max_pool, NULL),
    HONE_ROW("", "MaxPool", 11, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_8_out, max_pool_10_attrs, infer_pool,
             eval_max_pool, NULL),
    HONE_ROW("", "MaxPool", 12, HONE_OP_PURE, 1, max_pool_12_in, 1, max_pool_12_out, max_pool_10_attrs, infer_pool,
             eval_max_pool, NULL),
    HONE_ROW("", "MaxPool", 22, HONE_OP_PURE, 1, max_pool_22_in, 1, max_pool_22_out, max_pool_10_attrs, infer_pool,
             eval_max_pool, NULL),
    HONE_ROW("", "AveragePool", 1, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, max_pool_1_attrs, infer_pool,
             eval_average_pool, NULL),
    HONE_ROW("", "AveragePool", 7, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, average_pool_7_attrs, infer_pool,
             eval_average_pool, NULL),
    HONE_ROW("", "AveragePool", 10, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, average_pool_10_attrs,
             infer_pool, eval_average_pool, NULL),
    HONE_ROW("", "AveragePool", 11, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, average_pool_10_attrs,
             infer_pool, eval_average_pool, NULL),
    HONE_ROW("", "AveragePool", 19, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, average_pool_19_attrs,
             infer_pool, eval_average_pool, NULL),
    HONE_ROW("", "AveragePool", 22, HONE_OP_PURE, 1, average_pool_22_in, 1, average_pool_22_out, average_pool_19_attrs,
             infer_pool, eval_average_pool, NULL),
    HONE_ROW("", "LpPool", 1, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, lp_pool_1_attrs, infer_pool,
             eval_lp_pool, NULL),
    HONE_ROW("", "LpPool", 2, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, lp_pool_2_attrs, infer_pool,
             eval_lp_pool, NULL),
    HONE_ROW("", "LpPool", 11, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, lp_pool_2_attrs, infer_pool,
             eval_lp_pool, NULL),
    HONE_ROW("", "LpPool", 18, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, lp_pool_18_attrs, infer_pool,
             eval_lp_pool, NULL),
    HONE_ROW("", "LpPool", 22, HONE_OP_PURE, 1, average_pool_22_in, 1, average_pool_22_out, lp_pool_18_attrs,
             infer_pool, eval_lp_pool, NULL),
    HONE_ROW_NO_ATTRS("", "GlobalAveragePool", 1, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, infer_global_pool,
                      eval_global_average_pool, NULL),
    HONE_ROW_NO_ATTRS("", "GlobalAveragePool", 22, HONE_OP_PURE, 1, average_pool_22_in, 1, average_pool_22_out,
                      infer_global_pool, eval_global_average_pool, NULL),
    HONE_ROW_NO_ATTRS("", "GlobalMaxPool", 1, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, infer_global_pool,
                      eval_global_max_pool, NULL),
    HONE_ROW_NO_ATTRS("", "GlobalMaxPool", 22, HONE_OP_PURE, 1, average_pool_22_in, 1, average_pool_22_out,
                      infer_global_pool, eval_global_max_pool, NULL),
    HONE_ROW("", "GlobalLpPool", 1, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, global_lp_pool_1_attrs,
             infer_global_pool, eval_global_lp_pool, NULL),
    HONE_ROW("", "GlobalLpPool", 2, HONE_OP_PURE, 1, max_pool_1_in, 1, max_pool_1_out, global_lp_pool_2_attrs,
             infer_global_pool, eval_global_lp_pool, NULL),
    HONE_ROW("", "GlobalLpPool", 22, HONE_OP_PURE, 1, average_pool_22_in, 1, average_pool_22_out,
             global_lp_pool_2_attrs, infer_global_pool, eval_global_lp_pool, NULL),
    HONE_ROW("", "MaxUnpool", 9, HONE_OP_PURE, 2, max_unpool_9_in, 1, max_unpool_9_out, max_unpool_9_attrs,
             infer_max_unpool, eval_max_unpool, NULL),
    HONE_ROW("", "MaxUnpool", 11, HONE_OP_PURE, 2, max_unpool_9_in, 1, max_unpool_9_out, max_unpool_9_attrs,
             infer_max_unpool, eval_max_unpool, NULL),
    HONE_ROW("", "MaxUnpool", 22, HONE_OP_PURE, 2, max_unpool_22_in, 1, max_unpool_22_out, max_unpool_9_attrs,
             infer_max_unpool, eval_max_unpool, NULL),
};

const hone__op_family hone__ops_pool = {"pool", g_rows, HONE_COUNT(g_rows)};
