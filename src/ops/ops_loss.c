/* Losses: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
 *
 * Source: ONNX operator specification. x: [N,C,d...], target: [N,d...], weight: [C]. */
#include "ops/op_help.h"

#include <math.h>

typedef enum loss_reduction { LOSS_NONE, LOSS_SUM, LOSS_MEAN } loss_reduction;

static hone_status read_reduction(const hone__node *node, loss_reduction *out, hone_error *error) {
    const char *text = hone__node_attr_string(node, "reduction", "mean");
    *out = strcmp(text, "none") == 0 ? LOSS_NONE : strcmp(text, "sum") == 0 ? LOSS_SUM : LOSS_MEAN;
    HONE_FAIL_IF(*out == LOSS_MEAN && strcmp(text, "mean") != 0, error, HONE_ERROR_MODEL,
                 "reduction \"%s\" is none of none, sum, mean", text);
    return HONE_OK;
}

static hone_status infer_loss(hone__infer *ctx) {
    loss_reduction reduction;
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    HONE_TRY(read_reduction(ctx->node, &reduction, ctx->error));
    if (ctx->n_out > 1)
        HONE_TRY(hone__infer_same(ctx, 1, 0));
    if (reduction != LOSS_NONE)
        return hone__infer_set(ctx, 0, dtype, 0, NULL);
    if (!hone__infer_has_rank(ctx, 1))
        return hone__infer_set_dtype(ctx, 0, dtype);
    return hone__infer_set(ctx, 0, dtype, hone__infer_input(ctx, 1)->rank, hone__infer_input(ctx, 1)->dims);
}

/* log p of every class, by softmax over dimension 1. */
static void log_softmax(const double *x, double *y, int64_t n, int64_t c, int64_t inner) {
    for (int64_t k = 0; k < n * inner; k++) {
        int64_t at = k / inner * c * inner + k % inner;
        double max = -INFINITY, sum = 0;
        for (int64_t i = 0; i < c; i++)
            max = fmax(max, x[at + i * inner]);
        for (int64_t i = 0; i < c; i++)
            sum += exp(x[at + i * inner] - max);
        for (int64_t i = 0; i < c; i++)
            y[at + i * inner] = x[at + i * inner] - max - log(sum);
    }
}

static hone_status eval_loss(hone__eval *ctx, bool softmax) {
    const hone_tensor *x, *t, *w = hone__in(ctx, 2);
    const double *v, *weight;
    const int64_t *target;
    double *loss, *log_p = NULL;
    hone_tensor *out, *log_out = NULL;
    loss_reduction reduction;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &t));
    HONE_TRY(read_reduction(ctx->node, &reduction, ctx->error));
    bool fits = x->rank >= 2 && t->rank == x->rank - 1 && (!w || hone__tensor_count(w) == x->dims[1]);
    for (int d = 0; fits && d < t->rank; d++)
        fits = t->dims[d] == x->dims[d ? d + 1 : 0];
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "scores, targets and weights do not fit together");
    int64_t n = x->dims[0], c = x->dims[1], inner = hone__dims_product(x->dims, 2, x->rank), count = n * inner;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &target));
    HONE_TRY(hone__eval_in_double(ctx, 2, &weight));
    if (softmax) {
        HONE_TRY(hone__eval_out_double(ctx, 1, x->dtype, x->rank, x->dims, &log_out, &log_p));
        log_softmax(v, log_p, n, c, inner);
        v = log_p;
    }
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, reduction == LOSS_NONE ? t->rank : 0, t->dims, &out, &loss));
    const hone__attr *ignore = hone__node_attr(ctx->node, "ignore_index");
    double sum = 0, weights = 0;
    for (int64_t k = 0; k < count; k++) {
        int64_t y = target[k];
        bool ignored = ignore && ignore->i == y;
        if (!ignored && (y < 0 || y >= c))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "target %lld is not one of %lld classes", (long long)y,
                                   (long long)c);
        double wy = ignored ? 0 : weight ? weight[y] : 1;
        double l = ignored ? 0 : -v[(k / inner * c + y) * inner + k % inner] * wy;
        if (reduction == LOSS_NONE)
            loss[k] = l;
        sum += l;
        weights += wy;
    }
    if (reduction != LOSS_NONE)
        loss[0] = reduction == LOSS_MEAN ? sum / weights : sum;
    hone__eval_put_double(out, loss);
    if (softmax)
        hone__eval_put_double(log_out, log_p);
    return HONE_OK;
}

static hone_status eval_negative_log_likelihood_loss(hone__eval *ctx) { return eval_loss(ctx, false); }
static hone_status eval_softmax_cross_entropy_loss(hone__eval *ctx) { return eval_loss(ctx, true); }

/* ---- rows ---- */
static const hone__op_param negative_log_likelihood_loss_12_in[] = {
    HONE_PARAM("input", HONE_SET_IEEE, 'T'), HONE_PARAM("target", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
    HONE_PARAM_OPT("weight", HONE_SET_IEEE, 'T')};
static const hone__op_param negative_log_likelihood_loss_12_out[] = {HONE_PARAM("loss", HONE_SET_IEEE, 'T')};
static const hone__op_attr negative_log_likelihood_loss_12_attrs[] = {{"ignore_index", HONE_ATTR_INT, false},
                                                                      {"reduction", HONE_ATTR_STRING, false}};
static const hone__op_param negative_log_likelihood_loss_22_in[] = {
    HONE_PARAM("input", HONE_SET_FLOAT, 'T'), HONE_PARAM("target", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
    HONE_PARAM_OPT("weight", HONE_SET_FLOAT, 'T')};
static const hone__op_param negative_log_likelihood_loss_22_out[] = {HONE_PARAM("loss", HONE_SET_FLOAT, 'T')};
static const hone__op_param softmax_cross_entropy_loss_12_in[] = {
    HONE_PARAM("scores", HONE_SET_IEEE, 'T'), HONE_PARAM("labels", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
    HONE_PARAM_OPT("weights", HONE_SET_IEEE, 'T')};
static const hone__op_param softmax_cross_entropy_loss_12_out[] = {HONE_PARAM("output", HONE_SET_IEEE, 'T'),
                                                                   HONE_PARAM_OPT("log_prob", HONE_SET_IEEE, 'T')};
static const hone__op_param softmax_cross_entropy_loss_13_in[] = {
    HONE_PARAM("scores", HONE_SET_FLOAT, 'T'), HONE_PARAM("labels", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
    HONE_PARAM_OPT("weights", HONE_SET_FLOAT, 'T')};
static const hone__op_param softmax_cross_entropy_loss_13_out[] = {HONE_PARAM("output", HONE_SET_FLOAT, 'T'),
                                                                   HONE_PARAM_OPT("log_prob", HONE_SET_FLOAT, 'T')};

static const hone__op g_rows[] = {
    HONE_ROW("", "NegativeLogLikelihoodLoss", 12, HONE_OP_PURE, 2, negative_log_likelihood_loss_12_in, 1,
             negative_log_likelihood_loss_12_out, negative_log_likelihood_loss_12_attrs, infer_loss,
             eval_negative_log_likelihood_loss, NULL),
    HONE_ROW("", "NegativeLogLikelihoodLoss", 13, HONE_OP_PURE, 2, negative_log_likelihood_loss_12_in, 1,
             negative_log_likelihood_loss_12_out, negative_log_likelihood_loss_12_attrs, infer_loss,
             eval_negative_log_likelihood_loss, NULL),
    HONE_ROW("", "NegativeLogLikelihoodLoss", 22, HONE_OP_PURE, 2, negative_log_likelihood_loss_22_in, 1,
             negative_log_likelihood_loss_22_out, negative_log_likelihood_loss_12_attrs, infer_loss,
             eval_negative_log_likelihood_loss, NULL),
    HONE_ROW("", "SoftmaxCrossEntropyLoss", 12, HONE_OP_PURE, 2, softmax_cross_entropy_loss_12_in, 1,
             softmax_cross_entropy_loss_12_out, negative_log_likelihood_loss_12_attrs, infer_loss,
             eval_softmax_cross_entropy_loss, NULL),
    HONE_ROW("", "SoftmaxCrossEntropyLoss", 13, HONE_OP_PURE, 2, softmax_cross_entropy_loss_13_in, 1,
             softmax_cross_entropy_loss_13_out, negative_log_likelihood_loss_12_attrs, infer_loss,
             eval_softmax_cross_entropy_loss, NULL),
};

const hone__op_family hone__ops_loss = {"loss", g_rows, HONE_COUNT(g_rows)};
