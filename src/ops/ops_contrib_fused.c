/* com.microsoft operators that ONNX Runtime's optimiser makes of several: biases with what follows them, group
 * normalisation of diffusion models, products with Gelu, T5's relative positions, mixtures of experts.
 *
 * Source: ONNX Runtime's documentation of contrib operators. Training modes are refused: sessions run models. */
#include "ops/op_help.h"

#include <math.h>

static double gelu(double x) { return 0.5 * x * (1 + erf(x * 0.70710678118654752440)); }
static double fast_gelu(double x) { return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x))); }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

/* ---- bias ---- */

static hone_status eval_bias_add(hone__eval *ctx) {
    const hone_tensor *x, *b, *skip;
    const double *v, *bias, *s;
    double *y;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    HONE_TRY(hone__eval_tensor(ctx, 2, &skip));
    int64_t n = hone__tensor_count(x), c = x->rank ? x->dims[x->rank - 1] : 1;
    if (hone__tensor_count(b) != c || hone__tensor_count(skip) != n)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the bias or the skip does not fit the input");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &bias));
    HONE_TRY(hone__eval_in_double(ctx, 2, &s));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t i = 0; i < n; i++)
        y[i] = v[i] + bias[i % c] + s[i];
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* softmax(data + bias) over the dimensions from `axis` on; the bias is broadcast. */
static hone_status eval_bias_softmax(hone__eval *ctx) {
    const hone_tensor *x, *b;
    const double *v, *bias;
    double *y;
    hone_tensor *out;
    int64_t dims[HONE_MAX_RANK], strides[HONE_MAX_RANK], index[HONE_MAX_RANK] = {0};
    int rank, axis = 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 1), x->rank, &axis, ctx->error));
    HONE_TRY(hone__broadcast_dims(x->dims, x->rank, b->dims, b->rank, dims, &rank, ctx->error));
    if (rank != x->rank || memcmp(dims, x->dims, (size_t)rank * sizeof *dims) != 0)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the bias does not fit the scores");
    hone__broadcast_strides(b, dims, rank, strides);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &bias));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    int64_t count = hone__tensor_count(x), n = hone__dims_product(dims, axis, rank);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int d = 0; d < rank; d++)
            at += index[d] * strides[d];
        y[i] = v[i] + bias[at];
        hone__next_index(index, dims, rank);
    }
    for (int64_t at = 0; n > 0 && at < count; at += n) {
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < n; i++)
            max = fmax(max, y[at + i]);
        for (int64_t i = 0; i < n; i++)
            sum += y[at + i] = exp(y[at + i] - max);
        for (int64_t i = 0; i < n; i++)
            y[at + i] /= sum;
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static hone_status infer_split_gelu(hone__infer *ctx) {
    const hone__type *x = hone__infer_has_rank(ctx, 0) ? hone__infer_input(ctx, 0) : NULL;
    int64_t last = x && x->rank > 0 ? x->dims[x->rank - 1].value : -1;
    return hone__infer_last_dim(ctx, last >= 0 ? hone__dim_known(last / 2) : hone__dim_unknown());
}

/* The left half times Gelu of the right one, after the bias. */
static hone_status eval_split_gelu(hone__eval *ctx) {
    const hone_tensor *x, *b;
    const double *v, *bias;
    double *y;
    hone_tensor *out;
    int64_t dims[HONE_MAX_RANK];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    int64_t c = x->rank ? x->dims[x->rank - 1] : 1, half = c / 2;
    if (x->rank < 1 || c % 2 || hone__tensor_count(b) != c)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the last dimension must be even and that of the bias");
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank - 1] = half;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &bias));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, dims, &out, &y));
    int64_t rows = c ? hone__tensor_count(x) / c : 0;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t i = 0; i < half; i++)
            y[r * half + i] = (v[r * c + i] + bias[i]) * gelu(v[r * c + half + i] + bias[half + i]);
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- dropout as inference has it ---- */

/* BiasDropout, BitmaskBiasDropout: data, bias, residual, ratio, training_mode. BitmaskDropout: data, ratio,
 * training_mode. The mask has a bit or a bool per element. */
static hone_status infer_dropout(hone__infer *ctx) {
    HONE_TRY(hone__infer_same(ctx, 0, 0));
    if (ctx->n_out < 2)
        return HONE_OK;
    if (strcmp(ctx->node->op_type, "BiasDropout") == 0) {
        const hone__type *x = hone__infer_input(ctx, 0);
        return x ? hone__infer_set(ctx, 1, HONE_DTYPE_BOOL, x->rank, x->dims)
                 : hone__infer_set_dtype(ctx, 1, HONE_DTYPE_BOOL);
    }
    return hone__infer_rank(ctx, 1, HONE_DTYPE_UINT32, 1);
}

static hone_status eval_dropout(hone__eval *ctx) {
    const hone_tensor *x, *bias = NULL, *residual = NULL;
    const double *v, *b = NULL, *r = NULL;
    double *y;
    hone_tensor *out, *mask;
    bool has_bias = strcmp(ctx->node->op_type, "BitmaskDropout") != 0;
    const hone_tensor *mode = hone__in(ctx, has_bias ? 4 : 2);
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (mode && mode->size && *(const uint8_t *)mode->data)
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED, "training_mode is set: sessions run models");
    int64_t n = hone__tensor_count(x), c = x->rank ? x->dims[x->rank - 1] : 1;
    if (has_bias) {
        HONE_TRY(hone__eval_tensor(ctx, 1, &bias));
        residual = hone__in(ctx, 2);
        if ((hone__tensor_count(bias) != c && hone__tensor_count(bias) != n) ||
            (residual && hone__tensor_count(residual) != n))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the bias or the residual does not fit the data");
        HONE_TRY(hone__eval_in_double(ctx, 1, &b));
        HONE_TRY(hone__eval_in_double(ctx, 2, &r));
    }
    int64_t nb = bias ? hone__tensor_count(bias) : 1, words = (n + 31) / 32;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t i = 0; i < n; i++)
        y[i] = v[i] + (b ? b[i % nb] : 0) + (r ? r[i] : 0);
    hone__eval_put_double(out, y);
    if (strcmp(ctx->node->op_type, "BiasDropout") == 0)
        HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_BOOL, x->rank, x->dims, &mask));
    else
        HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_UINT32, 1, &words, &mask));
    if (mask && mask->size)
        memset(mask->data, mask->dtype == HONE_DTYPE_BOOL ? 1 : 0xFF, mask->size);
    return HONE_OK;
}

/* ---- GroupNorm, SkipGroupNorm ---- */

typedef struct group_norm {
    int64_t batch, channels, groups, plane;
    int64_t step_c, step_p; /* from channel to channel, from pixel to pixel */
    double epsilon;
    bool is_silu;
} group_norm;

static hone_status read_group_norm(hone__eval *ctx, const hone_tensor *x, group_norm *g) {
    const hone__node *node = ctx->node;
    if (x->rank < 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "an input with channels must have rank 2 or more");
    bool last = hone__node_attr_int(node, "channels_last", 1) != 0;
    g->batch = x->dims[0];
    g->channels = x->dims[last ? x->rank - 1 : 1];
    g->groups = hone__node_attr_int(node, "groups", 0);
    g->plane = last ? hone__dims_product(x->dims, 1, x->rank - 1) : hone__dims_product(x->dims, 2, x->rank);
    g->step_c = last ? 1 : g->plane;
    g->step_p = last ? g->channels : 1;
    g->epsilon = hone__node_attr_float(node, "epsilon", 1e-5f);
    int64_t activation = hone__node_attr_int(node, "activation", 0);
    g->is_silu = activation == 1;
    if (activation != 0 && activation != 1)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "activation is %lld, not 0 or 1", (long long)activation);
    if (g->groups < 1 || g->groups > hone__max_i64(1, g->channels) || g->channels % g->groups ||
        hone__tensor_count(ctx->in[1]) != g->channels || hone__tensor_count(ctx->in[2]) != g->channels)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%lld channels, %lld groups, gamma and beta do not fit",
                               (long long)g->channels, (long long)g->groups);
    return HONE_OK;
}

static void normalise_group(const group_norm *g, const double *x, int64_t b, int64_t group, const double *gamma,
                            const double *beta, double *y) {
    int64_t size = g->channels / g->groups, base = b * g->channels * g->plane, n = size * g->plane;
    double mean = 0, variance = 0;
    for (int pass = 0; pass < 2; pass++) {
        double sum = 0;
        for (int64_t c = group * size; c < (group + 1) * size; c++)
            for (int64_t p = 0; p < g->plane; p++) {
                double d = x[base + c * g->step_c + p * g->step_p] - mean;
                sum += pass ? d * d : d;
            }
        *(pass ? &variance : &mean) = n ? sum / (double)n : 0;
    }
    double inverse = 1 / sqrt(variance + g->epsilon);
    for (int64_t c = group * size; c < (group + 1) * size; c++)
        for (int64_t p = 0; p < g->plane; p++) {
            int64_t at = base + c * g->step_c + p * g->step_p;
            double v = (x[at] - mean) * inverse * gamma[c] + beta[c];
            y[at] = g->is_silu ? v * sigmoid(v) : v;
        }
}

/* x, gamma, beta; with a skip: skip ([N,H,W,C], [N,1,1,C] or [N,C]) and bias [C], and the sum as second output. */
static hone_status eval_group_norm(hone__eval *ctx) {
    const hone_tensor *x, *unused, *skip = hone__in(ctx, 3), *bias = hone__in(ctx, 4);
    const double *v, *gamma, *beta, *s, *b;
    double *y, *sum;
    hone_tensor *out, *sum_out;
    group_norm g = {0};
    for (size_t i = 0; i < 3; i++)
        HONE_TRY(hone__eval_tensor(ctx, i, i ? &unused : &x));
    HONE_TRY(read_group_norm(ctx, x, &g));
    int64_t n = hone__tensor_count(x), ns = skip ? hone__tensor_count(skip) : n;
    if ((ns != n && ns != g.batch * g.channels) || (bias && hone__tensor_count(bias) != g.channels))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the skip or the bias does not fit the input");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &gamma));
    HONE_TRY(hone__eval_in_double(ctx, 2, &beta));
    HONE_TRY(hone__eval_in_double(ctx, 3, &s));
    HONE_TRY(hone__eval_in_double(ctx, 4, &b));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    HONE_TRY(hone__eval_out_double(ctx, 1, x->dtype, x->rank, x->dims, &sum_out, &sum));
    for (int64_t i = 0; i < n; i++) {
        int64_t c = i / g.step_c % g.channels, batch = i / (g.channels * g.plane);
        sum[i] = v[i] + (!s ? 0 : ns == n ? s[i] : s[batch * g.channels + c]) + (b ? b[c] : 0);
    }
    for (int64_t i = 0; i < g.batch * g.groups; i++)
        normalise_group(&g, sum, i / g.groups, i % g.groups, gamma, beta, y);
    hone__eval_put_double(out, y);
    hone__eval_put_double(sum_out, sum);
    return HONE_OK;
}

static hone_status infer_group_norm(hone__infer *ctx) {
    HONE_TRY(hone__infer_same(ctx, 0, 0));
    return ctx->n_out > 1 ? hone__infer_same(ctx, 1, 0) : HONE_OK;
}

/* ---- GemmFastGelu ---- */

static hone_status infer_gemm_gelu(hone__infer *ctx) {
    const hone__type *w = hone__infer_has_rank(ctx, 1) ? hone__infer_input(ctx, 1) : NULL;
    return hone__infer_last_dim(ctx, w && w->rank == 2 ? w->dims[1] : hone__dim_unknown());
}

/* Gelu's tanh form of x * w + bias. */
static hone_status eval_gemm_gelu(hone__eval *ctx) {
    const hone_tensor *x, *w, *b = hone__in(ctx, 2);
    const double *v, *wv, *bias;
    double *y;
    hone_tensor *out;
    int64_t dims[HONE_MAX_RANK];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    if (x->rank < 1 || w->rank != 2 || w->dims[0] != x->dims[x->rank - 1] || (b && hone__tensor_count(b) != w->dims[1]))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input, weight and bias do not fit together");
    int64_t k = w->dims[0], n = w->dims[1], rows = hone__dims_product(x->dims, 0, x->rank - 1);
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank - 1] = n;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &wv));
    HONE_TRY(hone__eval_in_double(ctx, 2, &bias));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, dims, &out, &y));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < n; c++) {
            double sum = bias ? bias[c] : 0;
            for (int64_t i = 0; i < k; i++)
                sum += v[r * k + i] * wv[i * n + c];
            y[r * n + c] = fast_gelu(sum);
        }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- RelativePositionBias (T5) ---- */

static hone_status infer_relative_bias(hone__infer *ctx) {
    hone__dim u = hone__dim_unknown(), dims[4] = {hone__dim_known(1), u, u, u};
    int64_t v;
    size_t n;
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 2)
        dims[1] = hone__infer_input(ctx, 0)->dims[1];
    for (size_t i = 1; i < 3; i++)
        if (hone__infer_ints(ctx, i, &v, 1, &n) && n == 1 && v >= 0)
            dims[i + 1] = hone__dim_known(v);
    return hone__infer_set(ctx, 0, hone__infer_dtype(ctx, 0), 4, dims);
}

/* Half of the buckets hold one distance each, the other half grow logarithmically up to max_distance. */
static int64_t bucket_of(int64_t distance, bool both, int64_t buckets, int64_t max_distance) {
    int64_t base = 0, n = -distance;
    if (both) {
        buckets /= 2;
        base = n < 0 ? buckets : 0;
        n = n < 0 ? -n : n;
    } else {
        n = n > 0 ? n : 0;
    }
    int64_t exact = buckets / 2;
    if (n < exact)
        return base + n;
    double step = log((double)n / (double)exact) / log((double)max_distance / (double)exact);
    int64_t far = exact + (int64_t)(step * (double)(buckets - exact));
    return base + (far < buckets - 1 ? far : buckets - 1);
}

static hone_status eval_relative_bias(hone__eval *ctx) {
    const hone_tensor *table;
    const double *t;
    double *y;
    hone_tensor *out;
    int64_t q, k, max_distance = hone__node_attr_int(ctx->node, "max_distance", 128);
    bool both = hone__node_attr_int(ctx->node, "is_bidirectional", 0) != 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &table));
    HONE_TRY(hone__eval_int(ctx, 1, &q));
    HONE_TRY(hone__eval_int(ctx, 2, &k));
    int64_t buckets = table->rank == 2 ? table->dims[0] : 0, heads = table->rank == 2 ? table->dims[1] : 0;
    if (buckets < (both ? 4 : 2) || heads < 1 || q < 0 || k < 0 || max_distance <= buckets / (both ? 4 : 2))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the table, the lengths and max_distance do not fit together");
    const int64_t dims[4] = {1, heads, q, k};
    HONE_TRY(hone__eval_in_double(ctx, 0, &t));
    HONE_TRY(hone__eval_out_double(ctx, 0, table->dtype, 4, dims, &out, &y));
    for (int64_t i = 0; i < q; i++)
        for (int64_t j = 0; j < k; j++) {
            int64_t b = bucket_of(j - i, both, buckets, max_distance);
            for (int64_t h = 0; h < heads; h++)
                y[(h * q + i) * k + j] = t[b * heads + h];
        }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */

#define MS "com.microsoft"
#define HALVES (HONE_SET(FLOAT) | HONE_SET(FLOAT16))
static const hone__op_param p_bias_add[] = {HONE_PARAM("X", HALVES, 'T'), HONE_PARAM("bias", HALVES, 'T'),
                                            HONE_PARAM("skip", HALVES, 'T')};
static const hone__op_param p_bias_softmax[] = {HONE_PARAM("data", HONE_SET_IEEE, 'T'),
                                                HONE_PARAM("bias", HONE_SET_IEEE, 'T')};
static const hone__op_param p_split[] = {HONE_PARAM("X", HALVES, 'T'), HONE_PARAM("bias", HALVES, 'T')};
static const hone__op_param p_bias_dropout[] = {
    HONE_PARAM("data", HONE_SET_FLOAT, 'T'), HONE_PARAM("bias", HONE_SET_FLOAT, 'T'),
    HONE_PARAM_OPT("residual", HONE_SET_FLOAT, 'T'), HONE_PARAM_OPT("ratio", HONE_SET_FLOAT, 0),
    HONE_PARAM_OPT("training_mode", HONE_SET(BOOL), 0)};
static const hone__op_param p_dropout[] = {HONE_PARAM("data", HONE_SET_FLOAT, 'T'),
                                           HONE_PARAM_OPT("ratio", HONE_SET_FLOAT, 0),
                                           HONE_PARAM_OPT("training_mode", HONE_SET(BOOL), 0)};
static const hone__op_param p_group[] = {HONE_PARAM("X", HALVES, 'T'), HONE_PARAM("gamma", HALVES, 'M'),
                                         HONE_PARAM("beta", HALVES, 'M')};
static const hone__op_param p_skip_group[] = {HONE_PARAM("X", HALVES, 'T'), HONE_PARAM("gamma", HALVES, 'M'),
                                              HONE_PARAM("beta", HALVES, 'M'), HONE_PARAM("skip", HALVES, 'T'),
                                              HONE_PARAM_OPT("bias", HALVES, 'T')};
static const hone__op_param p_gemm[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'), HONE_PARAM("W", HONE_SET_FLOAT, 'T'),
                                        HONE_PARAM_OPT("bias", HONE_SET_FLOAT, 'T')};
static const hone__op_param p_relative[] = {HONE_PARAM("bias_table", HALVES, 'T'),
                                            HONE_PARAM("query_length", HONE_SET(INT64), 0),
                                            HONE_PARAM("key_length", HONE_SET(INT64), 0)};
static const hone__op_param q_float[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_param q_sum[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T'), HONE_PARAM_OPT("S", HONE_SET_FLOAT, 'T')};
static const hone__op_param q_mask[] = {HONE_PARAM("output", HONE_SET_FLOAT, 'T'),
                                        HONE_PARAM_OPT("mask", HONE_SET(BOOL) | HONE_SET(UINT32), 0)};
static const hone__op_attr a_softmax[] = {{"axis", HONE_ATTR_INT, false}, {"is_inner_broadcast", HONE_ATTR_INT, false}};
static const hone__op_attr a_seed[] = {{"seed", HONE_ATTR_INT, false}};
static const hone__op_attr a_group[] = {{"activation", HONE_ATTR_INT, true},
                                        {"channels_last", HONE_ATTR_INT, false},
                                        {"epsilon", HONE_ATTR_FLOAT, false},
                                        {"groups", HONE_ATTR_INT, true}};
static const hone__op_attr a_relative[] = {{"is_bidirectional", HONE_ATTR_INT, false},
                                           {"max_distance", HONE_ATTR_INT, true}};

static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS(MS, "BiasAdd", 1, HONE_OP_PURE, 3, p_bias_add, 1, q_float, hone__infer_same0, eval_bias_add,
                      NULL),
    HONE_ROW(MS, "BiasSoftmax", 1, HONE_OP_PURE, 2, p_bias_softmax, 1, q_float, a_softmax, hone__infer_same0,
             eval_bias_softmax, NULL),
    HONE_ROW_NO_ATTRS(MS, "BiasSplitGelu", 1, HONE_OP_PURE, 2, p_split, 1, q_float, infer_split_gelu, eval_split_gelu,
                      NULL),
    HONE_ROW(MS, "BiasDropout", 1, HONE_OP_PURE, 2, p_bias_dropout, 1, q_mask, a_seed, infer_dropout, eval_dropout,
             NULL),
    HONE_ROW(MS, "BitmaskBiasDropout", 1, HONE_OP_PURE, 2, p_bias_dropout, 1, q_mask, a_seed, infer_dropout,
             eval_dropout, NULL),
    HONE_ROW(MS, "BitmaskDropout", 1, HONE_OP_PURE, 1, p_dropout, 1, q_mask, a_seed, infer_dropout, eval_dropout, NULL),
    HONE_ROW(MS, "GroupNorm", 1, HONE_OP_PURE, 3, p_group, 1, q_float, a_group, infer_group_norm, eval_group_norm,
             NULL),
    HONE_ROW(MS, "SkipGroupNorm", 1, HONE_OP_PURE, 4, p_skip_group, 1, q_sum, a_group, infer_group_norm,
             eval_group_norm, NULL),
    HONE_ROW_NO_ATTRS(MS, "GemmFastGelu", 1, HONE_OP_PURE, 2, p_gemm, 1, q_float, infer_gemm_gelu, eval_gemm_gelu,
                      NULL),
    HONE_ROW(MS, "RelativePositionBias", 1, HONE_OP_PURE, 3, p_relative, 1, q_float, a_relative, infer_relative_bias,
             eval_relative_bias, NULL),
};
const hone__op_family hone__ops_contrib_fused = {"contrib_fused", g_rows, HONE_COUNT(g_rows)};
