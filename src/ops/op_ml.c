/* Scores and labels of classifiers and regressors; see op_ml.h. */
#include "ops/op_ml.h"

#include <math.h>

hone_status hone__ml_read_post(const hone__node *node, hone__ml_post *out, hone_error *error) {
    static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
    const char *text = hone__node_attr_string(node, "post_transform", "NONE");
    for (int i = 0; i < 5; i++)
        if (strcmp(text, names[i]) == 0) {
            *out = (hone__ml_post)i;
            return HONE_OK;
        }
    return hone__fail(error, HONE_ERROR_UNSUPPORTED, "post_transform \"%s\" is not supported", text);
}

static double logistic(double x) { return 1 / (1 + exp(-x)); }

/* The inverse of the normal distribution: Newton steps on log p, from a start on the right side. */
static double probit(double p) {
    if (!(p > 0 && p < 1))
        return p == 0 ? -INFINITY : p == 1 ? INFINITY : NAN;
    if (p > 0.5)
        return -probit(1 - p);
    double x = -sqrt(-2 * log(p));
    for (int i = 0; i < 60; i++) {
        double f = 0.5 * erfc(-x / sqrt(2)), slope = exp(-x * x / 2) / sqrt(2 * acos(-1));
        double step = f > 0 ? log(f / p) * f / slope : -1;
        x -= step;
        if (fabs(step) < 1e-15 * fabs(x))
            break;
    }
    return x;
}

void hone__ml_post_transform(hone__ml_post kind, double *s, int64_t n) {
    if (kind == HONE_ML_PROBIT) {
        for (int64_t i = 0; i < n; i++)
            s[i] = probit(s[i]);
        return;
    }
    double max = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++)
        max = fmax(max, s[i]);
    for (int64_t i = 0; i < n && kind != HONE_ML_NONE; i++) {
        bool zero = kind == HONE_ML_SOFTMAX_ZERO && s[i] == 0;
        s[i] = kind == HONE_ML_LOGISTIC ? logistic(s[i]) : zero ? 0 : exp(s[i] - max);
        sum += s[i];
    }
    for (int64_t i = 0; i < n && (kind == HONE_ML_SOFTMAX || kind == HONE_ML_SOFTMAX_ZERO); i++)
        s[i] = sum > 0 ? s[i] / sum : 0;
}

hone__ml_labels hone__ml_read_labels(const hone__node *node, const char *strings, const char *ints) {
    const hone__attr *s = hone__node_attr(node, strings), *i = hone__node_attr(node, ints);
    if (s && s->type == HONE_ATTR_STRINGS && s->n > 0)
        return (hone__ml_labels){(int64_t)s->n, s->strings, NULL};
    if (i && i->type == HONE_ATTR_INTS)
        return (hone__ml_labels){(int64_t)i->n, NULL, i->ints};
    return (hone__ml_labels){0};
}

hone_status hone__ml_put_label(hone_tensor *out, int64_t i, const hone__ml_labels *l, int64_t k, hone_error *error) {
    if (!out)
        return HONE_OK;
    if (l->strings)
        return hone_tensor_set_string(out, i, l->strings[k].data, l->strings[k].size, error);
    ((int64_t *)out->data)[i] = l->ints[k];
    return HONE_OK;
}

/* Rows of a [N,C] or [C] input. */
hone_status hone__ml_read_rows(hone__eval *ctx, const hone_tensor **x, int64_t *rows, int64_t *cols) {
    HONE_TRY(hone__eval_tensor(ctx, 0, x));
    if ((*x)->rank < 1 || (*x)->rank > 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input must have rank 1 or 2");
    *rows = (*x)->rank == 2 ? (*x)->dims[0] : 1;
    *cols = (*x)->dims[(*x)->rank - 1];
    return HONE_OK;
}

hone_status hone__ml_infer_scores(hone__infer *ctx, size_t i, int64_t n) {
    hone__dim dims[2] = {hone__dim_unknown(), n >= 0 ? hone__dim_known(n) : hone__dim_unknown()};
    if (hone__infer_has_rank(ctx, 0))
        dims[0] = hone__infer_input(ctx, 0)->rank == 2 ? hone__infer_input(ctx, 0)->dims[0] : hone__dim_known(1);
    return hone__infer_set(ctx, i, HONE_DTYPE_FLOAT, 2, dims);
}

hone_status hone__ml_infer_classifier(hone__infer *ctx, hone__ml_labels l) {
    hone__dim rows = hone__dim_unknown();
    if (hone__infer_has_rank(ctx, 0))
        rows = hone__infer_input(ctx, 0)->rank == 2 ? hone__infer_input(ctx, 0)->dims[0] : hone__dim_known(1);
    HONE_TRY(hone__infer_set(ctx, 0, l.strings ? HONE_DTYPE_STRING : HONE_DTYPE_INT64, 1, &rows));
    return ctx->n_out > 1 ? hone__ml_infer_scores(ctx, 1, -1) : HONE_OK;
}

/* Writes one row's label and scores. s has room for two; n = 1 with two labels is the binary case, where
 * `half`: the one score is a probability (threshold 0.5), else a margin (threshold 0). */
hone_status hone__ml_put_row(hone__eval *ctx, hone_tensor *label, float *scores, int64_t row, double *s, int64_t n,
                             const hone__ml_labels *l, hone__ml_post post, bool half, bool complement) {
    int64_t best = 0;
    if (n == 1 && l->n == 2) {
        best = s[0] > (half ? 0.5 : 0);
        double v = s[0];
        if (post == HONE_ML_LOGISTIC && !half) {
            s[0] = logistic(-v);
            s[1] = logistic(v);
        } else {
            s[0] = complement ? 1 - v : -v;
            s[1] = v;
            hone__ml_post_transform(post == HONE_ML_LOGISTIC ? HONE_ML_NONE : post, s, 2);
        }
        n = 2;
    } else {
        for (int64_t i = 1; i < n; i++)
            if (s[i] > s[best])
                best = i;
        hone__ml_post_transform(post, s, n);
    }
    for (int64_t i = 0; scores && i < n; i++)
        scores[row * n + i] = (float)s[i];
    return best < l->n ? hone__ml_put_label(label, row, l, best, ctx->error)
                       : hone__eval_fail(ctx, HONE_ERROR_MODEL, "there are fewer labels than scores");
}
