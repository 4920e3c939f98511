/* ai.onnx.ml: support vector machines.
 *
 * Source: ONNX-ML operator specification; Chang and Lin, "LIBSVM" (2011), section 8 for probabilities of several
 * classes; what the specification leaves open (which scores are given) is as ONNX Runtime has it. */
#include "ops/op_ml.h"

#include <math.h>

typedef enum kernel_kind { KERNEL_LINEAR, KERNEL_POLY, KERNEL_RBF, KERNEL_SIGMOID } kernel_kind;

typedef struct svm {
    kernel_kind kind;
    double gamma, coef0, degree;
    int64_t n_features, n_vectors, n_classes;
    const float *coefs, *vectors, *rho, *prob_a, *prob_b;
    int64_t n_coefs, n_rho;
    const int64_t *per_class;
    int64_t *first; /* [n_classes] first vector of each class */
    bool has_prob;
    double *kernels, *scores, *pair,
        *work; /* [n_vectors], [max(pairs, classes) + 1], [classes^2], [classes^2 + 2 classes] */
} svm;

static hone_status read_kernel(hone__eval *ctx, svm *m, int64_t n_features) {
    static const char *const names[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
    const char *text = hone__node_attr_string(ctx->node, "kernel_type", "LINEAR");
    size_t n, n_coefs, n_rho;
    const float *params = hone__node_attr_floats(ctx->node, "kernel_params", &n);
    int kind = 0;
    while (kind < 4 && strcmp(names[kind], text) != 0)
        kind++;
    m->coefs = hone__node_attr_floats(ctx->node, "coefficients", &n_coefs);
    m->rho = hone__node_attr_floats(ctx->node, "rho", &n_rho);
    if (kind == 4 || (n != 0 && n != 3) || n_rho < 1 || !m->coefs)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL,
                               "kernel_type, kernel_params, coefficients or rho is missing or out of range");
    m->kind = (kernel_kind)kind;
    m->gamma = n ? params[0] : 0;
    m->coef0 = n ? params[1] : 0;
    m->degree = n ? params[2] : 0;
    m->n_coefs = (int64_t)n_coefs;
    m->n_rho = (int64_t)n_rho;
    m->n_features = n_features;
    return HONE_OK;
}

/* vectors: [n, features] */
static hone_status read_vectors(hone__eval *ctx, svm *m, int64_t n) {
    size_t size;
    int64_t need;
    m->vectors = hone__node_attr_floats(ctx->node, "support_vectors", &size);
    m->n_vectors = n;
    if (!hone__mul_i64(n, m->n_features, &need) || (int64_t)size != need)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE,
                               "support_vectors has %zu elements for %lld vectors of %lld features", size, (long long)n,
                               (long long)m->n_features);
    return hone__eval_scratch_n(ctx, n, sizeof(double), (void **)&m->kernels);
}

static double kernel(const svm *m, const double *x, const float *v) {
    double sum = 0;
    for (int64_t i = 0; i < m->n_features; i++)
        sum += m->kind == KERNEL_RBF ? (x[i] - v[i]) * (x[i] - v[i]) : x[i] * v[i];
    switch (m->kind) {
    case KERNEL_POLY:
        return pow(m->gamma * sum + m->coef0, m->degree);
    case KERNEL_RBF:
        return exp(-m->gamma * sum);
    case KERNEL_SIGMOID:
        return tanh(m->gamma * sum + m->coef0);
    default:
        return sum;
    }
}

/* ---- SVMRegressor ---- */

static hone_status infer_regressor(hone__infer *ctx) { return hone__ml_infer_scores(ctx, 0, 1); }

static hone_status eval_regressor(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y;
    int64_t rows, cols, n = hone__node_attr_int(ctx->node, "n_supports", 0);
    hone__ml_post post = HONE_ML_NONE;
    svm m = {0};
    hone_tensor *out;
    HONE_TRY(hone__ml_read_rows(ctx, &x, &rows, &cols));
    HONE_TRY(hone__ml_read_post(ctx->node, &post, ctx->error));
    HONE_TRY(read_kernel(ctx, &m, cols));
    if (n > 0)
        HONE_TRY(read_vectors(ctx, &m, n));
    if (n < 0 || m.n_coefs < (n > 0 ? n : cols))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there are too few coefficients");
    int64_t dims[2] = {rows, 1};
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, HONE_DTYPE_FLOAT, 2, dims, &out, &y));
    bool one_class = hone__node_attr_int(ctx->node, "one_class", 0) != 0;
    for (int64_t r = 0; r < rows; r++) {
        double sum = m.rho[0];
        for (int64_t j = 0; j < n; j++)
            sum += m.coefs[j] * kernel(&m, v + r * cols, m.vectors + j * cols);
        if (n == 0)
            sum += kernel(&m, v + r * cols, m.coefs);
        y[r] = one_class ? (sum > 0 ? 1 : -1) : sum;
        hone__ml_post_transform(post, y + r, 1);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- SVMClassifier ---- */

static hone__ml_labels class_labels(const hone__node *node) {
    return hone__ml_read_labels(node, "classlabels_strings", "classlabels_ints");
}
static hone_status infer_classifier(hone__infer *ctx) {
    return hone__ml_infer_classifier(ctx, class_labels(ctx->node));
}

static hone_status read_classifier(hone__eval *ctx, svm *m, int64_t n_labels) {
    size_t n, na, nb;
    m->per_class = hone__node_attr_ints(ctx->node, "vectors_per_class", &n);
    m->n_classes = n ? (int64_t)n : n_labels;
    if (m->n_classes < 1 || m->n_classes > 4096 || m->n_classes > n_labels)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "there are %lld labels for %lld classes", (long long)n_labels,
                               (long long)m->n_classes);
    int64_t k = m->n_classes, pairs = k * (k - 1) / 2, total = 0, need;
    HONE_TRY(hone__eval_scratch_n(ctx, hone__max_i64(pairs, k) + 2, sizeof(double), (void **)&m->scores));
    HONE_TRY(hone__eval_scratch_n(ctx, k, sizeof(int64_t), (void **)&m->first));
    HONE_TRY(hone__eval_scratch_n(ctx, k * k, sizeof(double), (void **)&m->pair));
    HONE_TRY(hone__eval_scratch_n(ctx, k * k + 2 * k, sizeof(double), (void **)&m->work));
    if (n == 0) {
        if (!hone__mul_i64(k, m->n_features, &need) || m->n_coefs != need)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "a linear SVM needs one coefficient per class and feature");
        return HONE_OK;
    }
    for (int64_t i = 0; i < k; i++) {
        m->first[i] = total;
        if (m->per_class[i] < 0 || !hone__add_i64(total, m->per_class[i], &total))
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "vectors_per_class is out of range");
    }
    HONE_TRY(read_vectors(ctx, m, total));
    m->prob_a = hone__node_attr_floats(ctx->node, "prob_a", &na);
    m->prob_b = hone__node_attr_floats(ctx->node, "prob_b", &nb);
    m->has_prob = na > 0;
    if (!hone__mul_i64(k - 1, total, &need) || m->n_coefs < need || m->n_rho < pairs ||
        (na && ((int64_t)na < pairs || (int64_t)nb < pairs)))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "coefficients, rho or prob_a and prob_b have too few elements");
    return HONE_OK;
}

/* Scores of all pairs of classes; votes for the better of each. Returns the class with most votes. */
static int64_t vote(svm *m, const double *x, double *votes) {
    int64_t k = m->n_classes, pair = 0, best = 0;
    for (int64_t j = 0; j < m->n_vectors; j++)
        m->kernels[j] = kernel(m, x, m->vectors + j * m->n_features);
    for (int64_t i = 0; i < k; i++)
        votes[i] = 0;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i + 1; j < k; j++, pair++) {
            const float *ci = m->coefs + (j - 1) * m->n_vectors, *cj = m->coefs + i * m->n_vectors;
            double sum = m->rho[pair];
            for (int64_t s = m->first[i]; s < m->first[i] + m->per_class[i]; s++)
                sum += ci[s] * m->kernels[s];
            for (int64_t s = m->first[j]; s < m->first[j] + m->per_class[j]; s++)
                sum += cj[s] * m->kernels[s];
            m->scores[pair] = sum;
            votes[sum > 0 ? i : j]++;
        }
    for (int64_t i = 1; i < k; i++)
        if (votes[i] > votes[best])
            best = i;
    return best;
}

/* Probabilities p[k] of the classes from those of all pairs, r[k*k] (Wu, Lin and Weng 2004, method 2): solves for the
 * p that fits them best, by cyclic updates. */
static void couple(int64_t k, const double *r, double *q, double *p) {
    double *qp = q + k * k, eps = 0.005 / (double)k;
    for (int64_t t = 0; t < k; t++) {
        p[t] = 1 / (double)k;
        q[t * k + t] = 0;
        for (int64_t j = 0; j < k; j++)
            if (j != t) {
                q[t * k + t] += r[j * k + t] * r[j * k + t];
                q[t * k + j] = -r[j * k + t] * r[t * k + j];
            }
    }
    for (int iteration = 0; iteration < (k > 100 ? (int)k : 100); iteration++) {
        double pqp = 0, worst = 0;
        for (int64_t t = 0; t < k; t++) {
            qp[t] = 0;
            for (int64_t j = 0; j < k; j++)
                qp[t] += q[t * k + j] * p[j];
            pqp += p[t] * qp[t];
        }
        for (int64_t t = 0; t < k; t++)
            worst = fmax(worst, fabs(qp[t] - pqp));
        if (worst < eps)
            break;
        for (int64_t t = 0; t < k; t++) {
            double diff = (pqp - qp[t]) / q[t * k + t];
            p[t] += diff;
            pqp = (pqp + diff * (diff * q[t * k + t] + 2 * qp[t])) / (1 + diff) / (1 + diff);
            for (int64_t j = 0; j < k; j++) {
                qp[j] = (qp[j] + diff * q[t * k + j]) / (1 + diff);
                p[j] /= 1 + diff;
            }
        }
    }
}

/* Turns the scores of pairs into probabilities of classes, in place; gives the likeliest. */
static int64_t probabilities(svm *m) {
    int64_t k = m->n_classes, pair = 0, best = 0;
    double *p = m->work + k * k + k;
    for (int64_t i = 0; i < k; i++)
        for (int64_t j = i + 1; j < k; j++, pair++) {
            double v = 1 / (1 + exp(m->scores[pair] * m->prob_a[pair] + m->prob_b[pair]));
            v = fmin(fmax(v, 1e-7), 1 - 1e-7);
            m->pair[i * k + j] = v;
            m->pair[j * k + i] = 1 - v;
        }
    couple(k, m->pair, m->work, p);
    for (int64_t i = 0; i < k; i++) {
        m->scores[i] = p[i];
        if (p[i] > p[best])
            best = i;
    }
    return best;
}

/* The class of one row; *n scores are left in m->scores. */
static int64_t classify(svm *m, const double *x, int64_t *n) {
    int64_t k = m->n_classes, best = 0;
    if (m->n_vectors == 0) {
        for (int64_t i = 0; i < k; i++) {
            m->scores[i] = kernel(m, x, m->coefs + i * m->n_features) + m->rho[0];
            if (m->scores[i] > m->scores[best])
                best = i;
        }
        *n = k;
        return best;
    }
    best = vote(m, x, m->work);
    *n = k * (k - 1) / 2;
    if (m->has_prob) {
        best = probabilities(m);
        *n = k;
    }
    return best;
}

static hone_status eval_classifier(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    int64_t rows, cols;
    hone__ml_post post = HONE_ML_NONE;
    svm m = {0};
    hone_tensor *label, *scores;
    HONE_TRY(hone__ml_read_rows(ctx, &x, &rows, &cols));
    HONE_TRY(hone__ml_read_post(ctx->node, &post, ctx->error));
    hone__ml_labels l = class_labels(ctx->node);
    HONE_TRY(read_kernel(ctx, &m, cols));
    HONE_TRY(read_classifier(ctx, &m, l.n));
    bool by_pairs = m.n_vectors > 0 && !m.has_prob, binary = by_pairs && m.n_classes == 2;
    int64_t n = by_pairs ? m.n_classes * (m.n_classes - 1) / 2 : m.n_classes, dims[2] = {rows, binary ? 2 : n};
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_output(ctx, 0, l.strings ? HONE_DTYPE_STRING : HONE_DTYPE_INT64, 1, &rows, &label));
    HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_FLOAT, 2, dims, &scores));
    for (int64_t r = 0; r < rows; r++) {
        int64_t best = classify(&m, v + r * cols, &n);
        HONE_TRY(hone__ml_put_label(label, r, &l, best, ctx->error));
        if (binary) { /* one score per pair becomes one per class */
            m.scores[1] = m.scores[0];
            m.scores[0] = -m.scores[0];
            n = 2;
        }
        hone__ml_post_transform(post, m.scores, n);
        for (int64_t i = 0; scores && i < n; i++)
            ((float *)scores->data)[r * n + i] = (float)m.scores[i];
    }
    return HONE_OK;
}

#define NUMBERS (HONE_SET(FLOAT) | HONE_SET(DOUBLE) | HONE_SET(INT32) | HONE_SET(INT64))
static const hone__op_param p_x[] = {HONE_PARAM("X", NUMBERS, 0)}, p_y[] = {HONE_PARAM("Y", HONE_SET(FLOAT), 0)};
static const hone__op_param p_classes[] = {HONE_PARAM("Y", HONE_SET(STRING) | HONE_SET(INT64), 0),
                                           HONE_PARAM("Z", HONE_SET(FLOAT), 0)};
static const hone__op_attr a_classifier[] = {{"classlabels_ints", HONE_ATTR_INTS, false},
                                             {"classlabels_strings", HONE_ATTR_STRINGS, false},
                                             {"coefficients", HONE_ATTR_FLOATS, false},
                                             {"kernel_params", HONE_ATTR_FLOATS, false},
                                             {"kernel_type", HONE_ATTR_STRING, false},
                                             {"post_transform", HONE_ATTR_STRING, false},
                                             {"prob_a", HONE_ATTR_FLOATS, false},
                                             {"prob_b", HONE_ATTR_FLOATS, false},
                                             {"rho", HONE_ATTR_FLOATS, false},
                                             {"support_vectors", HONE_ATTR_FLOATS, false},
                                             {"vectors_per_class", HONE_ATTR_INTS, false}};
static const hone__op_attr a_regressor[] = {
    {"coefficients", HONE_ATTR_FLOATS, false}, {"kernel_params", HONE_ATTR_FLOATS, false},
    {"kernel_type", HONE_ATTR_STRING, false},  {"n_supports", HONE_ATTR_INT, false},
    {"one_class", HONE_ATTR_INT, false},       {"post_transform", HONE_ATTR_STRING, false},
    {"rho", HONE_ATTR_FLOATS, false},          {"support_vectors", HONE_ATTR_FLOATS, false}};

static const hone__op g_rows[] = {
    HONE_ROW("ai.onnx.ml", "SVMClassifier", 1, HONE_OP_PURE, 1, p_x, 2, p_classes, a_classifier, infer_classifier,
             eval_classifier, NULL),
    HONE_ROW("ai.onnx.ml", "SVMRegressor", 1, HONE_OP_PURE, 1, p_x, 1, p_y, a_regressor, infer_regressor,
             eval_regressor, NULL),
};
const hone__op_family hone__ops_ml_svm = {"ml_svm", g_rows, HONE_COUNT(g_rows)};
