/* com.microsoft operators on quantised activations: QLinearAdd, -Mul, -Sigmoid, -LeakyRelu, -Softmax,
 * -AveragePool, -GlobalAveragePool, -ReduceMean, -Concat, -Where, QGemm, NhwcMaxPool.
 *
 * Source: ONNX Runtime's documentation of contrib operators. They are computed on real numbers and rounded once,
 * which its integer kernels do to within one step. */
#include "ops/op_delegate.h"
#include "ops/op_elements.h"

#include <math.h>

/* ---- elementwise ---- */

static hone_status infer_binary(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    int rank;
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 3))
        return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
    HONE_TRY(hone__infer_broadcast(ctx, ctx->in[0], ctx->in[3], dims, &rank));
    return hone__infer_set(ctx, 0, dtype, rank, dims);
}

/* Inputs: A, scale, zero, B, scale, zero, output's scale, zero. */
static hone_status eval_binary(hone__eval *ctx, bool is_product) {
    hone_tensor a, b;
    hone__walk walk;
    int64_t dims[HONE_MAX_RANK], count;
    int rank;
    double *v;
    HONE_TRY(hone__dequantised(ctx, 0, 1, 2, &a));
    HONE_TRY(hone__dequantised(ctx, 3, 4, 5, &b));
    const hone_tensor *in[] = {&a, &b};
    HONE_TRY(hone__walk_init(&walk, in, 2, dims, &rank, ctx->error));
    if (!hone__shape_count(dims, rank, &count))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the output is too large");
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof *v, (void **)&v));
    while (hone__walk_next(&walk))
        for (int64_t i = 0; i < walk.length; i++) {
            double x = ((const double *)a.data)[walk.offset[0] + i * walk.stride[0]];
            double y = ((const double *)b.data)[walk.offset[1] + i * walk.stride[1]];
            v[walk.at + i] = is_product ? x * y : x + y;
        }
    return hone__put_quantised(ctx, ctx->in[0]->dtype, rank, dims, v, 6, 7);
}
static hone_status eval_add(hone__eval *ctx) { return eval_binary(ctx, false); }
static hone_status eval_mul(hone__eval *ctx) { return eval_binary(ctx, true); }

/* Inputs: X, scale, zero, output's scale, zero. */
static hone_status eval_sigmoid(hone__eval *ctx) {
    hone_tensor x;
    HONE_TRY(hone__dequantised(ctx, 0, 1, 2, &x));
    double *v = x.data;
    for (int64_t i = 0; i < hone__tensor_count(&x); i++)
        v[i] = 1 / (1 + exp(-v[i]));
    return hone__put_quantised(ctx, ctx->in[0]->dtype, x.rank, x.dims, v, 3, 4);
}

static hone_status eval_leaky_relu(hone__eval *ctx) {
    hone_tensor x;
    double alpha = hone__node_attr_float(ctx->node, "alpha", 0.01f);
    HONE_TRY(hone__dequantised(ctx, 0, 1, 2, &x));
    double *v = x.data;
    for (int64_t i = 0; i < hone__tensor_count(&x); i++)
        v[i] = v[i] < 0 ? alpha * v[i] : v[i];
    return hone__put_quantised(ctx, ctx->in[0]->dtype, x.rank, x.dims, v, 3, 4);
}

/* Inputs: condition, X, scale, zero, Y, scale, zero, output's scale, zero. */
static hone_status infer_where(hone__infer *ctx) {
    static const int index[] = {0, 1, 4};
    return hone__delegate_infer(ctx, "", "Where", 16, index, 3, hone__infer_dtype(ctx, 1));
}

static hone_status eval_where(hone__eval *ctx) {
    hone_tensor x, y, *out = NULL;
    HONE_TRY(hone__dequantised(ctx, 1, 2, 3, &x));
    HONE_TRY(hone__dequantised(ctx, 4, 5, 6, &y));
    const hone_tensor *in[] = {ctx->in[0], &x, &y};
    HONE_TRY(hone__delegate_eval(ctx, "", "Where", 16, in, 3, &out, 1));
    hone_status status = hone__put_quantised(ctx, ctx->in[1]->dtype, out->rank, out->dims, out->data, 7, 8);
    hone_tensor_destroy(out);
    return status;
}

/* ---- one standard operator in between ---- */

static bool has_channels_last(const hone__node *node) {
    return hone__node_attr_int(node, "channels_last", 0) != 0 || strcmp(node->op_type, "NhwcMaxPool") == 0;
}

/* Shapes as the standard operator has them; with the channels last, only the outer dims are told. */
static hone_status infer_pool(hone__infer *ctx) {
    static const int index[] = {0};
    const char *name = strcmp(ctx->node->op_type, "NhwcMaxPool") == 0                ? "MaxPool"
                       : strcmp(ctx->node->op_type, "QLinearGlobalAveragePool") == 0 ? "GlobalAveragePool"
                                                                                     : "AveragePool";
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!has_channels_last(ctx->node))
        return hone__delegate_infer(ctx, "", name, 12, index, 1, dtype);
    if (!dtype || !hone__infer_has_rank(ctx, 0))
        return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
    hone__dim dims[HONE_MAX_RANK];
    int rank = ctx->in[0]->rank;
    for (int d = 0; d < rank; d++)
        dims[d] = d == 0 || d == rank - 1 ? ctx->in[0]->dims[d] : hone__dim_unknown();
    return hone__infer_set(ctx, 0, dtype, rank, dims);
}

/* X through a standard operator of one input, scales around it. */
static hone_status through(hone__eval *ctx, const char *name, int64_t opset, size_t iscale, size_t izero, size_t oscale,
                           size_t ozero) {
    hone_tensor x, moved, back, *out = NULL;
    const hone_tensor *in = &x, *result;
    HONE_TRY(hone__dequantised(ctx, 0, iscale, izero, &x));
    bool last = has_channels_last(ctx->node);
    if (last) {
        HONE_TRY(hone__channels_first(ctx, &x, &moved));
        in = &moved;
    }
    HONE_TRY(hone__delegate_eval(ctx, "", name, opset, &in, 1, &out, 1));
    result = out;
    hone_status status = HONE_OK;
    if (last) {
        status = hone__channels_last(ctx, out, &back);
        result = &back;
    }
    if (status == HONE_OK)
        status = hone__put_quantised(ctx, ctx->in[0]->dtype, result->rank, result->dims, result->data, oscale, ozero);
    hone_tensor_destroy(out);
    return status;
}

static hone_status eval_average_pool(hone__eval *ctx) { return through(ctx, "AveragePool", 11, 1, 2, 3, 4); }
static hone_status eval_global_pool(hone__eval *ctx) { return through(ctx, "GlobalAveragePool", 1, 1, 2, 3, 4); }
static hone_status eval_max_pool(hone__eval *ctx) {
    return through(ctx, "MaxPool", 12, SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX);
}
static hone_status eval_reduce_mean(hone__eval *ctx) { return through(ctx, "ReduceMean", 13, 1, 2, 3, 4); }
static hone_status eval_softmax(hone__eval *ctx) {
    return through(ctx, "Softmax", hone__node_attr_int(ctx->node, "opset", 13) < 13 ? 11 : 13, 1, 2, 3, 4);
}

static hone_status infer_reduce_mean(hone__infer *ctx) {
    static const int index[] = {0};
    return hone__delegate_infer(ctx, "", "ReduceMean", 13, index, 1, hone__infer_dtype(ctx, 0));
}

/* ---- QLinearConcat: scale, zero, then three inputs per tensor ---- */

static hone_status infer_concat(hone__infer *ctx) {
    int axis = 0, rank = -1;
    hone__dim dims[HONE_MAX_RANK];
    hone_dtype dtype = hone__infer_dtype(ctx, 1);
    if (ctx->n_in < 5 || (ctx->n_in - 2) % 3)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "three inputs are needed per tensor");
    for (size_t i = 2; i < ctx->n_in; i += 3) {
        if (!hone__infer_has_rank(ctx, i))
            return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
        const hone__type *x = ctx->in[i];
        if (rank < 0) {
            rank = x->rank;
            HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "axis", 0), rank, &axis));
            for (int d = 0; d < rank; d++)
                dims[d] = d == axis ? hone__dim_known(0) : x->dims[d];
        }
        if (x->rank != rank)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "input %zu has rank %d, not %d", i, x->rank, rank);
        bool known = x->dims[axis].value >= 0 && dims[axis].value >= 0;
        dims[axis] = known ? hone__dim_known(dims[axis].value + x->dims[axis].value) : hone__dim_unknown();
    }
    return dtype ? hone__infer_set(ctx, 0, dtype, rank, dims) : HONE_OK;
}

static hone_status eval_concat(hone__eval *ctx) {
    const hone_tensor *zero, *first;
    size_t n = ctx->n_in >= 5 && (ctx->n_in - 2) % 3 == 0 ? (ctx->n_in - 2) / 3 : 0;
    hone_tensor *views, *out = NULL;
    const hone_tensor **in;
    if (n == 0)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "three inputs are needed per tensor");
    HONE_TRY(hone__eval_tensor(ctx, 1, &zero));
    HONE_TRY(hone__eval_tensor(ctx, 2, &first));
    HONE_TRY(hone__eval_scratch_n(ctx, (int64_t)n, sizeof *views, (void **)&views));
    HONE_TRY(hone__eval_scratch_n(ctx, (int64_t)n, sizeof *in, (void **)&in));
    for (size_t i = 0; i < n; i++) {
        HONE_TRY(hone__dequantised(ctx, 2 + 3 * i, 3 + 3 * i, 4 + 3 * i, &views[i]));
        in[i] = &views[i];
    }
    HONE_TRY(hone__delegate_eval(ctx, "", "Concat", 13, in, n, &out, 1));
    hone_status status = hone__put_quantised(ctx, zero->dtype, out->rank, out->dims, out->data, 0, 1);
    hone_tensor_destroy(out);
    return status;
}

/* ---- QGemm: A, scale, zero, B, scale, zero, C (int32), output's scale, zero ---- */

static hone_status infer_q_gemm(hone__infer *ctx) {
    static const int index[] = {0, 3};
    bool quantised = hone__infer_given(ctx, 7);
    return hone__delegate_infer(ctx, "", "Gemm", 13, index, 2,
                                !quantised                  ? HONE_DTYPE_FLOAT
                                : hone__infer_given(ctx, 8) ? hone__infer_dtype(ctx, 8)
                                                            : hone__infer_dtype(ctx, 0));
}

/* B's scales are per column of the product: with transB, per row of B, which is why it is turned first. C has the
 * scale of the products. */
static hone_status eval_q_gemm(hone__eval *ctx) {
    hone_tensor a, b, c, raw, *out = NULL;
    const hone_tensor *scale_b, *zero_b = hone__in(ctx, 5), *bias = hone__in(ctx, 6), *in[3] = {&a, &raw, NULL};
    HONE_TRY(hone__dequantised(ctx, 0, 1, 2, &a));
    HONE_TRY(hone__dequantised(ctx, 3, SIZE_MAX, SIZE_MAX, &raw));
    HONE_TRY(hone__eval_tensor(ctx, 4, &scale_b));
    bool turned = hone__node_attr_int(ctx->node, "transB", 0) != 0;
    if (raw.rank != 2 || a.rank != 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "QGemm needs matrices");
    int64_t cols = raw.dims[1], n = raw.dims[turned ? 0 : 1], ns = hone__tensor_count(scale_b),
            nz = zero_b ? hone__tensor_count(zero_b) : 1;
    if ((ns != 1 && ns != n) || (nz != 1 && nz != n))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "B's scales and zero points do not fit %lld columns",
                               (long long)n);
    double *v = raw.data, scale_a = hone__in_omitted(ctx, 1) ? 1 : hone_tensor_get_double(ctx->in[1], 0);
    for (int64_t i = 0; i < hone__tensor_count(&raw); i++) {
        int64_t k = turned ? i / cols : i % cols;
        double z = zero_b ? (double)hone__tensor_int_at(zero_b, nz == 1 ? 0 : k) : 0;
        v[i] = (v[i] - z) * hone_tensor_get_double(scale_b, ns == 1 ? 0 : k);
    }
    b = raw;
    in[1] = &b;
    if (bias) {
        double alpha = hone__node_attr_float(ctx->node, "alpha", 1);
        HONE_TRY(hone__dequantised(ctx, 6, SIZE_MAX, SIZE_MAX, &c));
        int64_t last = c.rank ? c.dims[c.rank - 1] : 1;
        for (int64_t i = 0; i < hone__tensor_count(&c); i++)
            ((double *)c.data)[i] *=
                alpha * scale_a * hone_tensor_get_double(scale_b, ns == 1 || last != n ? 0 : i % last);
        in[2] = &c;
    }
    HONE_TRY(hone__delegate_eval(ctx, "", "Gemm", 13, in, bias ? 3 : 2, &out, 1));
    const hone_tensor *zero_y = hone__in(ctx, 8);
    hone_status status = hone__in_omitted(ctx, 7)
                             ? hone__put_doubles(ctx, 0, HONE_DTYPE_FLOAT, out->rank, out->dims, out->data)
                             : hone__put_quantised(ctx, zero_y ? zero_y->dtype : ctx->in[0]->dtype, out->rank,
                                                   out->dims, out->data, 7, 8);
    hone_tensor_destroy(out);
    return status;
}

/* ---- rows ---- */

#define Q8 (HONE_SET(INT8) | HONE_SET(UINT8))
#define Q16 (Q8 | HONE_SET(INT16) | HONE_SET(UINT16))
#define SCALE(name) HONE_PARAM(name, HONE_SET(FLOAT), 0)
static const hone__op_param p_binary[] = {HONE_PARAM("A", Q16, 'T'),
                                          SCALE("A_scale"),
                                          HONE_PARAM_OPT("A_zero_point", Q16, 'T'),
                                          HONE_PARAM("B", Q16, 'T'),
                                          SCALE("B_scale"),
                                          HONE_PARAM_OPT("B_zero_point", Q16, 'T'),
                                          SCALE("C_scale"),
                                          HONE_PARAM_OPT("C_zero_point", Q16, 'T')};
static const hone__op_param p_unary[] = {HONE_PARAM("X", Q16, 'T'), SCALE("X_scale"),
                                         HONE_PARAM_OPT("X_zero_point", Q16, 'T'), SCALE("Y_scale"),
                                         HONE_PARAM_OPT("Y_zero_point", Q16, 'T')};
static const hone__op_param p_where[] = {
    HONE_PARAM("condition", HONE_SET(BOOL), 0), HONE_PARAM("X", Q8, 'T'), SCALE("x_scale"),
    HONE_PARAM_OPT("x_zero_point", Q8, 'T'),    HONE_PARAM("Y", Q8, 'T'), SCALE("y_scale"),
    HONE_PARAM_OPT("y_zero_point", Q8, 'T'),    SCALE("z_scale"),         HONE_PARAM_OPT("z_zero_point", Q8, 'T')};
static const hone__op_param p_concat[] = {SCALE("Y_scale"), HONE_PARAM("Y_zero_point", Q8, 0),
                                          HONE_PARAM("inputs", Q8 | HONE_SET(FLOAT), 0)};
static const hone__op_param p_gemm[] = {HONE_PARAM("A", Q8, 'A'),
                                        SCALE("a_scale"),
                                        HONE_PARAM("a_zero_point", Q8, 'A'),
                                        HONE_PARAM("B", Q8, 'B'),
                                        SCALE("b_scale"),
                                        HONE_PARAM("b_zero_point", Q8, 'B'),
                                        HONE_PARAM_OPT("C", HONE_SET(INT32), 0),
                                        HONE_PARAM_OPT("y_scale", HONE_SET(FLOAT), 0),
                                        HONE_PARAM_OPT("y_zero_point", Q8, 0)};
static const hone__op_param p_pool[] = {HONE_PARAM("x", Q8, 'T')};
static const hone__op_param q_any[] = {HONE_PARAM("Y", Q16, 0)}, q_gemm[] = {HONE_PARAM("Y", Q8 | HONE_SET(FLOAT), 0)};
static const hone__op_attr a_leaky[] = {{"alpha", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_softmax[] = {{"axis", HONE_ATTR_INT, false}, {"opset", HONE_ATTR_INT, true}};
static const hone__op_attr a_global[] = {{"channels_last", HONE_ATTR_INT, false}};
static const hone__op_attr a_axis[] = {{"axis", HONE_ATTR_INT, true}};
static const hone__op_attr a_reduce[] = {{"axes", HONE_ATTR_INTS, false}, {"keepdims", HONE_ATTR_INT, false}};
static const hone__op_attr a_average[] = {
    {"auto_pad", HONE_ATTR_STRING, false},   {"ceil_mode", HONE_ATTR_INT, false},
    {"channels_last", HONE_ATTR_INT, false}, {"count_include_pad", HONE_ATTR_INT, false},
    {"kernel_shape", HONE_ATTR_INTS, true},  {"pads", HONE_ATTR_INTS, false},
    {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr a_max[] = {{"auto_pad", HONE_ATTR_STRING, false}, {"ceil_mode", HONE_ATTR_INT, false},
                                      {"dilations", HONE_ATTR_INTS, false},  {"kernel_shape", HONE_ATTR_INTS, true},
                                      {"pads", HONE_ATTR_INTS, false},       {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr a_gemm[] = {
    {"alpha", HONE_ATTR_FLOAT, false}, {"transA", HONE_ATTR_INT, false}, {"transB", HONE_ATTR_INT, false}};

#define MS "com.microsoft"
static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS(MS, "QLinearAdd", 1, HONE_OP_PURE, 7, p_binary, 1, q_any, infer_binary, eval_add, NULL),
    HONE_ROW_NO_ATTRS(MS, "QLinearMul", 1, HONE_OP_PURE, 7, p_binary, 1, q_any, infer_binary, eval_mul, NULL),
    HONE_ROW_NO_ATTRS(MS, "QLinearSigmoid", 1, HONE_OP_PURE, 4, p_unary, 1, q_any, hone__infer_same0, eval_sigmoid,
                      NULL),
    HONE_ROW(MS, "QLinearLeakyRelu", 1, HONE_OP_PURE, 4, p_unary, 1, q_any, a_leaky, hone__infer_same0, eval_leaky_relu,
             NULL),
    HONE_ROW(MS, "QLinearSoftmax", 1, HONE_OP_PURE, 5, p_unary, 1, q_any, a_softmax, hone__infer_same0, eval_softmax,
             NULL),
    HONE_ROW(MS, "QLinearAveragePool", 1, HONE_OP_PURE, 4, p_unary, 1, q_any, a_average, infer_pool, eval_average_pool,
             NULL),
    HONE_ROW(MS, "QLinearGlobalAveragePool", 1, HONE_OP_PURE, 5, p_unary, 1, q_any, a_global, infer_pool,
             eval_global_pool, NULL),
    HONE_ROW(MS, "QLinearReduceMean", 1, HONE_OP_PURE, 4, p_unary, 1, q_any, a_reduce, infer_reduce_mean,
             eval_reduce_mean, NULL),
    HONE_ROW(MS, "QLinearConcat", 1, HONE_OP_PURE | HONE_OP_VARIADIC_IN, 3, p_concat, 1, q_any, a_axis, infer_concat,
             eval_concat, NULL),
    HONE_ROW_NO_ATTRS(MS, "QLinearWhere", 1, HONE_OP_PURE, 9, p_where, 1, q_any, infer_where, eval_where, NULL),
    HONE_ROW(MS, "QGemm", 1, HONE_OP_PURE, 6, p_gemm, 1, q_gemm, a_gemm, infer_q_gemm, eval_q_gemm, NULL),
    HONE_ROW(MS, "NhwcMaxPool", 1, HONE_OP_PURE, 1, p_pool, 1, q_any, a_max, infer_pool, eval_max_pool, NULL),
};
const hone__op_family hone__ops_contrib_qlinear = {"contrib_qlinear", g_rows, HONE_COUNT(g_rows)};
