/* Normalisations: Batch-, Instance-, Layer-, Group-, RMS-, Lp-, MeanVarianceNormalization and LRN.
 *
 * Source: ONNX operator specification. Sums are in double. x: [N,C,spatial]. */
#include "ops/op_help.h"

#include <math.h>

/* Mean and variance of outer blocks of n elements, `step` elements apart. */
static void moments(const double *x, int64_t outer, int64_t step, int64_t n, double *mean, double *var) {
    double sum = 0, square = 0, count = (double)(outer * n);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++)
            sum += x[o * step + i];
    *mean = count > 0 ? sum / count : 0;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < n; i++) {
            double d = x[o * step + i] - *mean;
            square += d * d;
        }
    *var = count > 0 ? square / count : 0;
}

static hone_status need_count(hone__eval *ctx, size_t i, int64_t n) {
    const hone_tensor *t;
    HONE_TRY(hone__eval_tensor(ctx, i, &t));
    if (hone__tensor_count(t) != n)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu has %lld elements, %lld are needed", i,
                               (long long)hone__tensor_count(t), (long long)n);
    return HONE_OK;
}

/* ---- BatchNormalization ---- */

/* Training: by is_test = 0 before opset 7, training_mode = 1 since 14; opsets 7 to 13 trained when the
 * node had its extra outputs, which are saved or running values. */
static bool is_training(const hone__node *node) {
    if (node->opset < 7)
        return hone__node_attr_int(node, "is_test", 0) == 0 && node->n_outputs > 1;
    if (node->opset >= 14)
        return hone__node_attr_int(node, "training_mode", 0) != 0;
    return node->n_outputs > 1;
}

static hone_status infer_batch_normalization(hone__infer *ctx) {
    HONE_TRY(hone__infer_same(ctx, 0, 0));
    hone__dim c = hone__dim_unknown();
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank >= 2)
        c = hone__infer_input(ctx, 0)->dims[1];
    for (size_t i = 1; i < ctx->n_out; i++) {
        hone_dtype dtype = hone__infer_dtype(ctx, ctx->node->opset >= 14 ? 3 : 0);
        if (hone__node_attr_int(ctx->node, "spatial", 1) == 0)
            HONE_TRY(hone__infer_set_dtype(ctx, i, dtype));
        else
            HONE_TRY(hone__infer_set(ctx, i, dtype, 1, &c));
    }
    return HONE_OK;
}

static hone_status eval_batch_normalization(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v, *p[4];
    double *y, *stats[4] = {0};
    hone_tensor *out, *stat_out[4] = {0};
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (x->rank < 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "needs an input of rank 1 or more");
    int64_t n = x->dims[0], c = x->rank > 1 ? x->dims[1] : 1;
    int64_t inner = x->rank > 2 ? hone__dims_product(x->dims, 2, x->rank) : 1;
    if (hone__node_attr_int(ctx->node, "spatial", 1) == 0) { /* opset < 9: statistics per element */
        c *= inner;
        inner = 1;
    }
    for (size_t i = 0; i < 4; i++) {
        HONE_TRY(need_count(ctx, i + 1, c));
        HONE_TRY(hone__eval_in_double(ctx, i + 1, &p[i]));
    }
    double eps = hone__node_attr_float(ctx->node, "epsilon", 1e-5f);
    double momentum = hone__node_attr_float(ctx->node, "momentum", 0.9f);
    bool train = is_training(ctx->node);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    size_t n_stats = ctx->n_out > 4 ? 4 : ctx->n_out - 1;
    for (size_t i = 0; i < n_stats; i++)
        HONE_TRY(hone__eval_out_double(ctx, i + 1, ctx->in[3]->dtype, 1, &c, &stat_out[i], &stats[i]));
    for (int64_t k = 0; k < c; k++) {
        double mean = p[2][k], var = p[3][k];
        if (train) {
            moments(v + k * inner, n, c * inner, inner, &mean, &var);
            for (size_t i = 0; i < n_stats; i++) {
                double now = i % 2 ? var : mean, old = p[2 + i % 2][k];
                stats[i][k] = i < 2 ? old * momentum + now * (1 - momentum) : now; /* running, then saved */
            }
        } else
            for (size_t i = 0; i < n_stats; i++)
                stats[i][k] = i % 2 ? var : mean;
        double scale = p[0][k] / sqrt(var + eps), shift = p[1][k] - mean * scale;
        for (int64_t b = 0; b < n; b++)
            for (int64_t i = 0; i < inner; i++)
                y[(b * c + k) * inner + i] = v[(b * c + k) * inner + i] * scale + shift;
    }
    hone__eval_put_double(out, y);
    for (size_t i = 0; i < n_stats; i++)
        hone__eval_put_double(stat_out[i], stats[i]);
    return HONE_OK;
}

/* ---- Instance and group ---- */

/* Normalises `groups` slices of every image; scale and bias per channel, or (opset 18) per group. */
static hone_status normalise_groups(hone__eval *ctx, int64_t groups) {
    const hone_tensor *x;
    const double *v, *scale, *bias;
    double *y, mean, var, eps = hone__node_attr_float(ctx->node, "epsilon", 1e-5f);
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (x->rank < 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input has rank %d, it needs a channel dimension", x->rank);
    int64_t n = x->dims[0], c = x->dims[1], inner = hone__dims_product(x->dims, 2, x->rank);
    if (groups == 0)
        groups = c;
    if (groups < 0 || (groups == 0 && c != 0) || (groups > 0 && c % groups))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%lld channels cannot be split into %lld groups", (long long)c,
                               (long long)groups);
    const hone_tensor *s = hone__in(ctx, 1);
    int64_t params = s && groups && hone__tensor_count(s) == groups ? groups : c;
    HONE_TRY(need_count(ctx, 1, params));
    HONE_TRY(need_count(ctx, 2, params));
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &scale));
    HONE_TRY(hone__eval_in_double(ctx, 2, &bias));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    if (hone__tensor_count(x) == 0)
        return HONE_OK; /* however many groups nothing is split into */
    int64_t per = groups ? c / groups : 0;
    for (int64_t g = 0; g < n * groups; g++) {
        int64_t at = g * per * inner;
        moments(v + at, 1, 0, per * inner, &mean, &var);
        double inv = 1 / sqrt(var + eps);
        for (int64_t i = 0; i < per * inner; i++) {
            int64_t channel = g % groups * per + i / inner, k = params == c ? channel : g % groups;
            y[at + i] = (v[at + i] - mean) * inv * scale[k] + bias[k];
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static hone_status eval_instance_normalization(hone__eval *ctx) { return normalise_groups(ctx, 0); }
static hone_status eval_group_normalization(hone__eval *ctx) {
    int64_t groups = hone__node_attr_int(ctx->node, "num_groups", 0);
    return groups >= 1 ? normalise_groups(ctx, groups)
                       : hone__eval_fail(ctx, HONE_ERROR_MODEL, "num_groups is %lld", (long long)groups);
}

/* ---- Layer and RMS ---- */

/* Mean and inverse deviation, the outputs after the first: one number per normalised slice. */
static hone_status infer_statistics(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0), stat = dtype == HONE_DTYPE_DOUBLE ? dtype : HONE_DTYPE_FLOAT;
    for (size_t i = 1; i < ctx->n_out; i++) {
        if (!hone__infer_has_rank(ctx, 0)) {
            HONE_TRY(hone__infer_set_dtype(ctx, i, stat));
            continue;
        }
        const hone__type *x = hone__infer_input(ctx, 0);
        hone__dim dims[HONE_MAX_RANK];
        int axis;
        HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "axis", -1), x->rank, &axis));
        for (int d = 0; d < x->rank; d++)
            dims[d] = d < axis ? x->dims[d] : hone__dim_known(1);
        HONE_TRY(hone__infer_set(ctx, i, stat, x->rank, dims));
    }
    return HONE_OK;
}

static hone_status infer_layer_normalization(hone__infer *ctx) {
    HONE_TRY(hone__infer_same(ctx, 0, 0));
    return infer_statistics(ctx);
}

/* RMSNormalization gives its scale's type; SimplifiedLayerNormalization is the same operator with the
 * inverse deviation as second output. */
static hone_status infer_rms_normalization(hone__infer *ctx) {
    HONE_TRY(infer_statistics(ctx));
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, hone__infer_dtype(ctx, 1));
    const hone__type *x = hone__infer_input(ctx, 0);
    return hone__infer_set(ctx, 0, hone__infer_dtype(ctx, 1), x->rank, x->dims);
}

static hone_status layer_norm(hone__eval *ctx, bool rms) {
    const hone_tensor *x, *s;
    const double *v, *scale, *bias;
    double *y, *means = NULL, *inverses = NULL;
    hone_tensor *out, *mean_out = NULL, *inv_out = NULL;
    int axis;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &s));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", -1), x->rank, &axis, ctx->error));
    int64_t outer = hone__dims_product(x->dims, 0, axis), n = hone__dims_product(x->dims, axis, x->rank);
    int64_t stat_dims[HONE_MAX_RANK], ns = hone__tensor_count(s);
    const hone_tensor *b = hone__in(ctx, 2);
    int64_t nb = b ? hone__tensor_count(b) : 1;
    /* Broadcasting over leading dimensions is a repeat of the last elements. */
    if ((n && (ns == 0 || n % ns || nb == 0 || n % nb)))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "scale or bias does not fit the %lld normalised elements",
                               (long long)n);
    for (int d = 0; d < x->rank; d++)
        stat_dims[d] = d < axis ? x->dims[d] : 1;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &scale));
    HONE_TRY(hone__eval_in_double(ctx, 2, &bias));
    HONE_TRY(hone__eval_out_double(ctx, 0, rms ? s->dtype : x->dtype, x->rank, x->dims, &out, &y));
    hone_dtype stat = x->dtype == HONE_DTYPE_DOUBLE ? x->dtype : HONE_DTYPE_FLOAT;
    if (!rms && ctx->n_out > 1)
        HONE_TRY(hone__eval_out_double(ctx, 1, stat, x->rank, stat_dims, &mean_out, &means));
    size_t inverse_at = rms ? 1 : 2;
    if (ctx->n_out > inverse_at)
        HONE_TRY(hone__eval_out_double(ctx, inverse_at, stat, x->rank, stat_dims, &inv_out, &inverses));
    double eps = hone__node_attr_float(ctx->node, "epsilon", 1e-5f);
    for (int64_t o = 0; o < outer; o++) {
        const double *row = v + o * n;
        double mean = 0, var = 0;
        if (rms) {
            for (int64_t i = 0; i < n; i++)
                var += row[i] * row[i];
            var /= n ? (double)n : 1;
        } else
            moments(row, 1, 0, n, &mean, &var);
        double inv = 1 / sqrt(var + eps);
        for (int64_t i = 0; i < n; i++)
            y[o * n + i] = (row[i] - mean) * inv * scale[i % ns] + (bias ? bias[i % nb] : 0);
        if (means)
            means[o] = mean;
        if (inverses)
            inverses[o] = inv;
    }
    hone__eval_put_double(out, y);
    hone__eval_put_double(mean_out, means);
    hone__eval_put_double(inv_out, inverses);
    return HONE_OK;
}

static hone_status eval_layer_normalization(hone__eval *ctx) { return layer_norm(ctx, false); }
static hone_status eval_rms_normalization(hone__eval *ctx) { return layer_norm(ctx, true); }

/* ---- Lp, LRN, MeanVariance ---- */

static hone_status eval_lp_normalization(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y;
    hone_tensor *out;
    int axis;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", -1), x->rank, &axis, ctx->error));
    int64_t p = hone__node_attr_int(ctx->node, "p", 2);
    if (p != 1 && p != 2)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "p is %lld, only 1 and 2 are defined", (long long)p);
    int64_t outer = hone__dims_product(x->dims, 0, axis), n = x->dims[axis];
    int64_t inner = hone__dims_product(x->dims, axis + 1, x->rank);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t oi = 0; oi < outer * inner; oi++) {
        int64_t at = oi / inner * n * inner + oi % inner;
        double norm = 0;
        for (int64_t i = 0; i < n; i++)
            norm += p == 1 ? fabs(v[at + i * inner]) : v[at + i * inner] * v[at + i * inner];
        norm = p == 1 ? norm : sqrt(norm);
        for (int64_t i = 0; i < n; i++)
            y[at + i * inner] = norm == 0 ? 0 : v[at + i * inner] / norm;
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* y = x / (bias + alpha/size * sum of squares over `size` channels around)^beta. */
static hone_status eval_lrn(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    int64_t size = hone__node_attr_int(ctx->node, "size", 0);
    if (x->rank < 2 || size < 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "LRN needs a channel dimension and a positive size");
    double alpha = hone__node_attr_float(ctx->node, "alpha", 1e-4f),
           beta = hone__node_attr_float(ctx->node, "beta", 0.75f);
    double bias = hone__node_attr_float(ctx->node, "bias", 1);
    int64_t c = x->dims[1], inner = hone__dims_product(x->dims, 2, x->rank), count = hone__tensor_count(x);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t i = 0; i < count; i++) {
        int64_t k = i / inner % c, from = hone__max_i64(0, k - (size - 1) / 2),
                to = k + hone__min_i64(size / 2, c - 1 - k);
        double sum = 0;
        for (int64_t j = from; j <= to; j++)
            sum += v[i + (j - k) * inner] * v[i + (j - k) * inner];
        y[i] = v[i] / pow(bias + alpha / (double)size * sum, beta);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* (x - E[x]) / sqrt(E[x^2] - E[x]^2) over the axes; the standard's epsilon 1e-9 keeps constants finite. */
static hone_status eval_mean_variance_normalization(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y;
    void *sum, *square;
    hone_tensor *out;
    size_t n_axes;
    static const int64_t standard[] = {0, 2, 3};
    const int64_t *axes = hone__node_attr_ints(ctx->node, "axes", &n_axes);
    if (!axes) {
        axes = standard;
        n_axes = 3;
    }
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    bool reduced[HONE_MAX_RANK] = {false};
    for (size_t i = 0; i < n_axes; i++) {
        int axis;
        HONE_TRY(hone__axis(axes[i], x->rank, &axis, ctx->error));
        reduced[axis] = true;
    }
    int64_t slots = 1, stride[HONE_MAX_RANK] = {0}, index[HONE_MAX_RANK] = {0}, count = hone__tensor_count(x);
    for (int d = x->rank - 1; d >= 0; d--) {
        stride[d] = reduced[d] ? 0 : slots;
        slots *= reduced[d] ? 1 : x->dims[d];
    }
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_scratch_n(ctx, slots, sizeof(double), &sum));
    HONE_TRY(hone__eval_scratch_n(ctx, slots, sizeof(double), &square));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    double *s = sum, *q = square, per = count ? (double)(count / (slots ? slots : 1)) : 1;
    for (int pass = 0; pass < 3; pass++)
        for (int64_t i = 0; i < count; i++, hone__next_index(index, x->dims, x->rank)) {
            int64_t at = 0;
            for (int d = 0; d < x->rank; d++)
                at += index[d] * stride[d];
            double d = v[i] - s[at] / per;
            if (pass == 0)
                s[at] += v[i];
            else if (pass == 1)
                q[at] += d * d;
            else
                y[i] = d / (sqrt(q[at] / per) + 1e-9);
        }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param batch_normalization_1_in[] = {
    HONE_PARAM("X", HONE_SET_IEEE, 'T'), HONE_PARAM("scale", HONE_SET_IEEE, 'T'), HONE_PARAM("B", HONE_SET_IEEE, 'T'),
    HONE_PARAM("mean", HONE_SET_IEEE, 'T'), HONE_PARAM("var", HONE_SET_IEEE, 'T')};
static const hone__op_param batch_normalization_1_out[] = {
    HONE_PARAM("Y", HONE_SET_IEEE, 'T'), HONE_PARAM_OPT("mean", HONE_SET_IEEE, 'T'),
    HONE_PARAM_OPT("var", HONE_SET_IEEE, 'T'), HONE_PARAM_OPT("saved_mean", HONE_SET_IEEE, 'T'),
    HONE_PARAM_OPT("saved_var", HONE_SET_IEEE, 'T')};
static const hone__op_attr batch_normalization_1_attrs[] = {{"consumed_inputs", HONE_ATTR_INTS, true},
                                                            {"epsilon", HONE_ATTR_FLOAT, false},
                                                            {"is_test", HONE_ATTR_INT, false},
                                                            {"momentum", HONE_ATTR_FLOAT, false},
                                                            {"spatial", HONE_ATTR_INT, false}};
static const hone__op_attr batch_normalization_6_attrs[] = {{"epsilon", HONE_ATTR_FLOAT, false},
                                                            {"is_test", HONE_ATTR_INT, false},
                                                            {"momentum", HONE_ATTR_FLOAT, false},
                                                            {"spatial", HONE_ATTR_INT, false}};
static const hone__op_attr batch_normalization_7_attrs[] = {
    {"epsilon", HONE_ATTR_FLOAT, false}, {"momentum", HONE_ATTR_FLOAT, false}, {"spatial", HONE_ATTR_INT, false}};
static const hone__op_attr batch_normalization_9_attrs[] = {{"epsilon", HONE_ATTR_FLOAT, false},
                                                            {"momentum", HONE_ATTR_FLOAT, false}};
static const hone__op_param batch_normalization_14_in[] = {
    HONE_PARAM("X", HONE_SET_FLOAT, 'T'), HONE_PARAM("scale", HONE_SET_FLOAT, 'T'),
    HONE_PARAM("B", HONE_SET_FLOAT, 'T'), HONE_PARAM("input_mean", HONE_SET_FLOAT, 'U'),
    HONE_PARAM("input_var", HONE_SET_FLOAT, 'U')};
static const hone__op_param batch_normalization_14_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T'),
                                                            HONE_PARAM_OPT("running_mean", HONE_SET_FLOAT, 'U'),
                                                            HONE_PARAM_OPT("running_var", HONE_SET_FLOAT, 'U')};
static const hone__op_attr batch_normalization_14_attrs[] = {
    {"epsilon", HONE_ATTR_FLOAT, false}, {"momentum", HONE_ATTR_FLOAT, false}, {"training_mode", HONE_ATTR_INT, false}};
static const hone__op_param batch_normalization_15_in[] = {
    HONE_PARAM("X", HONE_SET_FLOAT, 'T'), HONE_PARAM("scale", HONE_SET_FLOAT, '1'),
    HONE_PARAM("B", HONE_SET_FLOAT, '1'), HONE_PARAM("input_mean", HONE_SET_FLOAT, '2'),
    HONE_PARAM("input_var", HONE_SET_FLOAT, '2')};
static const hone__op_param batch_normalization_15_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T'),
                                                            HONE_PARAM_OPT("running_mean", HONE_SET_FLOAT, '2'),
                                                            HONE_PARAM_OPT("running_var", HONE_SET_FLOAT, '2')};
static const hone__op_param instance_normalization_1_in[] = {HONE_PARAM("input", HONE_SET_IEEE, 'T'),
                                                             HONE_PARAM("scale", HONE_SET_IEEE, 'T'),
                                                             HONE_PARAM("B", HONE_SET_IEEE, 'T')};
static const hone__op_param instance_normalization_1_out[] = {HONE_PARAM("output", HONE_SET_IEEE, 'T')};
static const hone__op_attr instance_normalization_1_attrs[] = {{"consumed_inputs", HONE_ATTR_INTS, false},
                                                               {"epsilon", HONE_ATTR_FLOAT, false}};
static const hone__op_attr instance_normalization_6_attrs[] = {{"epsilon", HONE_ATTR_FLOAT, false}};
static const hone__op_param instance_normalization_22_in[] = {HONE_PARAM("input", HONE_SET_FLOAT, 'T'),
                                                              HONE_PARAM("scale", HONE_SET_FLOAT, 'T'),
                                                              HONE_PARAM("B", HONE_SET_FLOAT, 'T')};
static const hone__op_param instance_normalization_22_out[] = {HONE_PARAM("output", HONE_SET_FLOAT, 'T')};
static const hone__op_param layer_normalization_17_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'),
                                                           HONE_PARAM("Scale", HONE_SET_FLOAT, 'T'),
                                                           HONE_PARAM_OPT("B", HONE_SET_FLOAT, 'T')};
static const hone__op_param layer_normalization_17_out[] = {
    HONE_PARAM("Y", HONE_SET_FLOAT, 'T'), HONE_PARAM_OPT("Mean", HONE_SET(FLOAT) | HONE_SET(BFLOAT16), 'U'),
    HONE_PARAM_OPT("InvStdDev", HONE_SET(FLOAT) | HONE_SET(BFLOAT16), 'U')};
static const hone__op_attr layer_normalization_17_attrs[] = {
    {"axis", HONE_ATTR_INT, false}, {"epsilon", HONE_ATTR_FLOAT, false}, {"stash_type", HONE_ATTR_INT, false}};
static const hone__op_param group_normalization_18_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'),
                                                           HONE_PARAM("scale", HONE_SET_FLOAT, 'T'),
                                                           HONE_PARAM("bias", HONE_SET_FLOAT, 'T')};
static const hone__op_param group_normalization_18_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_attr group_normalization_18_attrs[] = {{"epsilon", HONE_ATTR_FLOAT, false},
                                                             {"num_groups", HONE_ATTR_INT, true}};
static const hone__op_attr group_normalization_21_attrs[] = {
    {"epsilon", HONE_ATTR_FLOAT, false}, {"num_groups", HONE_ATTR_INT, true}, {"stash_type", HONE_ATTR_INT, false}};
static const hone__op_param rms_normalization_23_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'),
                                                         HONE_PARAM("scale", HONE_SET_FLOAT, 'V')};
static const hone__op_param rms_normalization_23_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'V')};
static const hone__op_param simplified_layer_normalization_1_out[] = {
    HONE_PARAM("Y", HONE_SET_FLOAT, 'V'), HONE_PARAM_OPT("inv_std_var", HONE_SET(FLOAT) | HONE_SET(DOUBLE), 0)};
static const hone__op_param lp_normalization_1_in[] = {HONE_PARAM("input", HONE_SET_IEEE, 'T')};
static const hone__op_attr lp_normalization_1_attrs[] = {{"axis", HONE_ATTR_INT, false}, {"p", HONE_ATTR_INT, false}};
static const hone__op_param lp_normalization_22_in[] = {HONE_PARAM("input", HONE_SET_FLOAT, 'T')};
static const hone__op_param lrn_1_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T')};
static const hone__op_param lrn_1_out[] = {HONE_PARAM("Y", HONE_SET_IEEE, 'T')};
static const hone__op_attr lrn_1_attrs[] = {{"alpha", HONE_ATTR_FLOAT, false},
                                            {"beta", HONE_ATTR_FLOAT, false},
                                            {"bias", HONE_ATTR_FLOAT, false},
                                            {"size", HONE_ATTR_INT, true}};
static const hone__op_param lrn_13_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T')};
static const hone__op_attr mean_variance_normalization_9_attrs[] = {{"axes", HONE_ATTR_INTS, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "BatchNormalization", 1, HONE_OP_PURE, 5, batch_normalization_1_in, 1, batch_normalization_1_out,
             batch_normalization_1_attrs, infer_batch_normalization, eval_batch_normalization, NULL),
    HONE_ROW("", "BatchNormalization", 6, HONE_OP_PURE, 5, batch_normalization_1_in, 1, batch_normalization_1_out,
             batch_normalization_6_attrs, infer_batch_normalization, eval_batch_normalization, NULL),
    HONE_ROW("", "BatchNormalization", 7, HONE_OP_PURE, 5, batch_normalization_1_in, 1, batch_normalization_1_out,
             batch_normalization_7_attrs, infer_batch_normalization, eval_batch_normalization, NULL),
    HONE_ROW("", "BatchNormalization", 9, HONE_OP_PURE, 5, batch_normalization_1_in, 1, batch_normalization_1_out,
             batch_normalization_9_attrs, infer_batch_normalization, eval_batch_normalization, NULL),
    HONE_ROW("", "BatchNormalization", 14, HONE_OP_PURE, 5, batch_normalization_14_in, 1, batch_normalization_14_out,
             batch_normalization_14_attrs, infer_batch_normalization, eval_batch_normalization, NULL),
    HONE_ROW("", "BatchNormalization", 15, HONE_OP_PURE, 5, batch_normalization_15_in, 1, batch_normalization_15_out,
             batch_normalization_14_attrs, infer_batch_normalization, eval_batch_normalization, NULL),
    HONE_ROW("", "InstanceNormalization", 1, HONE_OP_PURE, 3, instance_normalization_1_in, 1,
             instance_normalization_1_out, instance_normalization_1_attrs, hone__infer_same0,
             eval_instance_normalization, NULL),
    HONE_ROW("", "InstanceNormalization", 6, HONE_OP_PURE, 3, instance_normalization_1_in, 1,
             instance_normalization_1_out, instance_normalization_6_attrs, hone__infer_same0,
             eval_instance_normalization, NULL),
    HONE_ROW("", "InstanceNormalization", 22, HONE_OP_PURE, 3, instance_normalization_22_in, 1,
             instance_normalization_22_out, instance_normalization_6_attrs, hone__infer_same0,
             eval_instance_normalization, NULL),
    /* Part of the standard since 17; ONNX Runtime knows it at every opset, and its optimiser writes such files. */
    HONE_ROW("", "LayerNormalization", 1, HONE_OP_PURE, 2, layer_normalization_17_in, 1, layer_normalization_17_out,
             layer_normalization_17_attrs, infer_layer_normalization, eval_layer_normalization, NULL),
    HONE_ROW("", "LayerNormalization", 17, HONE_OP_PURE, 2, layer_normalization_17_in, 1, layer_normalization_17_out,
             layer_normalization_17_attrs, infer_layer_normalization, eval_layer_normalization, NULL),
    HONE_ROW("", "GroupNormalization", 18, HONE_OP_PURE, 3, group_normalization_18_in, 1, group_normalization_18_out,
             group_normalization_18_attrs, hone__infer_same0, eval_group_normalization, NULL),
    HONE_ROW("", "GroupNormalization", 21, HONE_OP_PURE, 3, group_normalization_18_in, 1, group_normalization_18_out,
             group_normalization_21_attrs, hone__infer_same0, eval_group_normalization, NULL),
    HONE_ROW("", "RMSNormalization", 23, HONE_OP_PURE, 2, rms_normalization_23_in, 1, rms_normalization_23_out,
             layer_normalization_17_attrs, infer_rms_normalization, eval_rms_normalization, NULL),
    HONE_ROW("", "SimplifiedLayerNormalization", 1, HONE_OP_PURE, 2, rms_normalization_23_in, 1,
             simplified_layer_normalization_1_out, layer_normalization_17_attrs, infer_rms_normalization,
             eval_rms_normalization, NULL),
    HONE_ROW("", "LpNormalization", 1, HONE_OP_PURE, 1, lp_normalization_1_in, 1, instance_normalization_1_out,
             lp_normalization_1_attrs, hone__infer_same0, eval_lp_normalization, NULL),
    HONE_ROW("", "LpNormalization", 22, HONE_OP_PURE, 1, lp_normalization_22_in, 1, instance_normalization_22_out,
             lp_normalization_1_attrs, hone__infer_same0, eval_lp_normalization, NULL),
    HONE_ROW("", "LRN", 1, HONE_OP_PURE, 1, lrn_1_in, 1, lrn_1_out, lrn_1_attrs, hone__infer_same0, eval_lrn, NULL),
    HONE_ROW("", "LRN", 13, HONE_OP_PURE, 1, lrn_13_in, 1, group_normalization_18_out, lrn_1_attrs, hone__infer_same0,
             eval_lrn, NULL),
    HONE_ROW("", "MeanVarianceNormalization", 9, HONE_OP_PURE, 1, lrn_1_in, 1, lrn_1_out,
             mean_variance_normalization_9_attrs, hone__infer_same0, eval_mean_variance_normalization, NULL),
    HONE_ROW("", "MeanVarianceNormalization", 13, HONE_OP_PURE, 1, lrn_13_in, 1, group_normalization_18_out,
             mean_variance_normalization_9_attrs, hone__infer_same0, eval_mean_variance_normalization, NULL),
};

const hone__op_family hone__ops_norm = {"norm", g_rows, HONE_COUNT(g_rows)};
