/* Softmax, LogSoftmax, Hardmax. Before opset 13 the input is flattened to two dimensions at `axis`
 * (default 1) and whole rows are normalised; since 13 the one axis is (default -1).
 *
 * Source: ONNX operator specification. */
#include "ops/op_help.h"

#include <math.h>

typedef enum soft_kind { SOFTMAX, LOG_SOFTMAX, HARDMAX } soft_kind;

/* n elements `stride` apart. The maximum is taken out first, so that exp cannot overflow. */
static void soft_run(soft_kind kind, const double *x, double *y, int64_t n, int64_t stride) {
    int64_t best = 0;
    double sum = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i * stride] > x[best * stride])
            best = i;
    double max = n ? x[best * stride] : 0;
    for (int64_t i = 0; i < n; i++) {
        double d = x[i * stride] - max;
        y[i * stride] = kind == HARDMAX ? i == best : kind == LOG_SOFTMAX ? d : exp(d);
        sum += kind == LOG_SOFTMAX ? exp(d) : y[i * stride];
    }
    if (kind == HARDMAX)
        return;
    double log_sum = log(sum);
    for (int64_t i = 0; i < n; i++)
        y[i * stride] = kind == LOG_SOFTMAX ? y[i * stride] - log_sum : y[i * stride] / sum;
}

static hone_status eval_soft(hone__eval *ctx, soft_kind kind) {
    const hone_tensor *x;
    const double *v;
    double *y;
    hone_tensor *out;
    int axis = 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    bool flat = ctx->node->opset < 13;
    int64_t wanted = hone__node_attr_int(ctx->node, "axis", flat ? 1 : -1);
    if (flat && wanted == x->rank)
        axis = x->rank; /* rows of one element */
    else if (x->rank > 0 || (wanted != 0 && wanted != -1))
        HONE_TRY(hone__axis(wanted, x->rank, &axis, ctx->error));
    int64_t outer = hone__dims_product(x->dims, 0, axis);
    int64_t n = flat ? hone__dims_product(x->dims, axis, x->rank) : x->rank ? x->dims[axis] : 1;
    int64_t inner = flat || x->rank == 0 ? 1 : hone__dims_product(x->dims, axis + 1, x->rank);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t o = 0; n > 0 && o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            soft_run(kind, v + o * n * inner + i, y + o * n * inner + i, n, inner);
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static hone_status eval_softmax(hone__eval *ctx) { return eval_soft(ctx, SOFTMAX); }
static hone_status eval_log_softmax(hone__eval *ctx) { return eval_soft(ctx, LOG_SOFTMAX); }
static hone_status eval_hardmax(hone__eval *ctx) { return eval_soft(ctx, HARDMAX); }

static hone_status infer_softmax(hone__infer *ctx) {
    if (hone__infer_has_rank(ctx, 0)) {
        int rank = hone__infer_input(ctx, 0)->rank, axis;
        bool flat = ctx->node->opset < 13;
        int64_t wanted = hone__node_attr_int(ctx->node, "axis", flat ? 1 : -1);
        if (!(flat && wanted == rank) && rank > 0)
            HONE_TRY(hone__infer_axis(ctx, wanted, rank, &axis));
    }
    return hone__infer_same0(ctx);
}

/* ---- rows ---- */
static const hone__op_param softmax_1_in[] = {HONE_PARAM("input", HONE_SET_IEEE, 'T')};
static const hone__op_param softmax_1_out[] = {HONE_PARAM("output", HONE_SET_IEEE, 'T')};
static const hone__op_attr softmax_1_attrs[] = {{"axis", HONE_ATTR_INT, false}};
static const hone__op_param softmax_13_in[] = {HONE_PARAM("input", HONE_SET_FLOAT, 'T')};
static const hone__op_param softmax_13_out[] = {HONE_PARAM("output", HONE_SET_FLOAT, 'T')};

static const hone__op g_rows[] = {
    HONE_ROW("", "Softmax", 1, HONE_OP_PURE, 1, softmax_1_in, 1, softmax_1_out, softmax_1_attrs, infer_softmax,
             eval_softmax, NULL),
    HONE_ROW("", "Softmax", 11, HONE_OP_PURE, 1, softmax_1_in, 1, softmax_1_out, softmax_1_attrs, infer_softmax,
             eval_softmax, NULL),
    HONE_ROW("", "Softmax", 13, HONE_OP_PURE, 1, softmax_13_in, 1, softmax_13_out, softmax_1_attrs, infer_softmax,
             eval_softmax, NULL),
    HONE_ROW("", "LogSoftmax", 1, HONE_OP_PURE, 1, softmax_1_in, 1, softmax_1_out, softmax_1_attrs, infer_softmax,
             eval_log_softmax, NULL),
    HONE_ROW("", "LogSoftmax", 11, HONE_OP_PURE, 1, softmax_1_in, 1, softmax_1_out, softmax_1_attrs, infer_softmax,
             eval_log_softmax, NULL),
    HONE_ROW("", "LogSoftmax", 13, HONE_OP_PURE, 1, softmax_13_in, 1, softmax_13_out, softmax_1_attrs, infer_softmax,
             eval_log_softmax, NULL),
    HONE_ROW("", "Hardmax", 1, HONE_OP_PURE, 1, softmax_1_in, 1, softmax_1_out, softmax_1_attrs, infer_softmax,
             eval_hardmax, NULL),
    HONE_ROW("", "Hardmax", 11, HONE_OP_PURE, 1, softmax_1_in, 1, softmax_1_out, softmax_1_attrs, infer_softmax,
             eval_hardmax, NULL),
    HONE_ROW("", "Hardmax", 13, HONE_OP_PURE, 1, softmax_13_in, 1, softmax_13_out, softmax_1_attrs, infer_softmax,
             eval_hardmax, NULL),
};

const hone__op_family hone__ops_softmax = {"softmax", g_rows, HONE_COUNT(g_rows)};
