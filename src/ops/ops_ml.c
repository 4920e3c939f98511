/* ai.onnx.ml: linear models, tree ensembles, Normalizer, Scaler, Binarizer.
 *
 * Source: ONNX-ML operator specification; binary classifiers with one score get their second class as
 * ONNX Runtime gives it. */
#include "ops/op_ml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- linear models ---- */

static hone_status infer_linear_classifier(hone__infer *ctx) {
    return hone__ml_infer_classifier(ctx, hone__ml_read_labels(ctx->node, "classlabels_strings", "classlabels_ints"));
}

static hone_status infer_linear_regressor(hone__infer *ctx) {
    return hone__ml_infer_scores(ctx, 0, hone__node_attr_int(ctx->node, "targets", 1));
}

/* What the two linear models share: rows of features, coefficients [targets, features], intercepts. */
typedef struct linear_model {
    const double *x;
    int64_t rows, cols, targets;
    const float *coef, *bias; /* bias: [targets], or NULL */
    hone__ml_post post;
} linear_model;

/* targets 0: as many as the coefficients are for. */
static hone_status read_linear(hone__eval *ctx, int64_t targets, linear_model *m) {
    const hone_tensor *x;
    size_t n_coef, n_bias;
    int64_t need;
    HONE_TRY(hone__ml_read_rows(ctx, &x, &m->rows, &m->cols));
    HONE_TRY(hone__ml_read_post(ctx->node, &m->post, ctx->error));
    m->coef = hone__node_attr_floats(ctx->node, "coefficients", &n_coef);
    m->bias = hone__node_attr_floats(ctx->node, "intercepts", &n_bias);
    m->bias = n_bias ? m->bias : NULL;
    m->targets = targets ? targets : m->cols ? (int64_t)n_coef / m->cols : 0;
    if (m->targets < 1 || !hone__mul_i64(m->targets, m->cols, &need) || (int64_t)n_coef != need ||
        (m->bias && (int64_t)n_bias != m->targets))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there are %zu coefficients for %lld features and %lld targets",
                               n_coef, (long long)m->cols, (long long)m->targets);
    return hone__eval_in_double(ctx, 0, &m->x);
}

static void linear_scores(const linear_model *m, int64_t row, double *s) {
    for (int64_t t = 0; t < m->targets; t++) {
        s[t] = m->bias ? m->bias[t] : 0;
        for (int64_t c = 0; c < m->cols; c++)
            s[t] += m->x[row * m->cols + c] * m->coef[t * m->cols + c];
    }
}

static hone_status eval_linear_classifier(hone__eval *ctx) {
    linear_model m = {0};
    void *s;
    hone_tensor *label, *scores = NULL;
    HONE_TRY(read_linear(ctx, 0, &m));
    hone__ml_labels l = hone__ml_read_labels(ctx->node, "classlabels_strings", "classlabels_ints");
    int64_t dims[2] = {m.rows, m.targets == 1 && l.n == 2 ? 2 : m.targets};
    if (l.n < m.targets)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there are fewer labels than coefficients");
    HONE_TRY(hone__eval_scratch_n(ctx, m.targets + 1, sizeof(double), &s));
    HONE_TRY(hone__eval_output(ctx, 0, l.strings ? HONE_DTYPE_STRING : HONE_DTYPE_INT64, 1, &m.rows, &label));
    HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_FLOAT, 2, dims, &scores));
    for (int64_t r = 0; r < m.rows; r++) {
        linear_scores(&m, r, s);
        HONE_TRY(hone__ml_put_row(ctx, label, scores ? scores->data : NULL, r, s, m.targets, &l, m.post, false, true));
    }
    return HONE_OK;
}

static hone_status eval_linear_regressor(hone__eval *ctx) {
    linear_model m = {0};
    double *y;
    hone_tensor *out;
    int64_t targets = hone__node_attr_int(ctx->node, "targets", 1);
    if (targets < 1)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "targets is %lld", (long long)targets);
    HONE_TRY(read_linear(ctx, targets, &m));
    int64_t dims[2] = {m.rows, targets};
    HONE_TRY(hone__eval_out_double(ctx, 0, HONE_DTYPE_FLOAT, 2, dims, &out, &y));
    for (int64_t r = 0; r < m.rows; r++) {
        linear_scores(&m, r, y + r * targets);
        hone__ml_post_transform(m.post, y + r * targets, targets);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- Normalizer, Scaler, Binarizer ---- */

static hone_status infer_float_like(hone__infer *ctx) {
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_FLOAT);
    return hone__infer_set(ctx, 0, HONE_DTYPE_FLOAT, hone__infer_input(ctx, 0)->rank, hone__infer_input(ctx, 0)->dims);
}

static hone_status eval_normalizer(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y;
    int64_t rows, cols;
    hone_tensor *out;
    const char *norm = hone__node_attr_string(ctx->node, "norm", "MAX");
    bool l1 = strcmp(norm, "L1") == 0, l2 = strcmp(norm, "L2") == 0;
    HONE_TRY(hone__ml_read_rows(ctx, &x, &rows, &cols));
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, HONE_DTYPE_FLOAT, x->rank, x->dims, &out, &y));
    for (int64_t r = 0; r < rows; r++) {
        double sum = l1 || l2 ? 0 : -INFINITY;
        for (int64_t c = 0; c < cols; c++) {
            double e = v[r * cols + c];
            sum = l1 ? sum + fabs(e) : l2 ? sum + e * e : fmax(sum, e);
        }
        sum = l2 ? sqrt(sum) : sum;
        for (int64_t c = 0; c < cols; c++)
            y[r * cols + c] = sum != 0 ? v[r * cols + c] / sum : v[r * cols + c];
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static hone_status eval_scaler(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y;
    size_t n_off, n_scale;
    hone_tensor *out;
    const float *off = hone__node_attr_floats(ctx->node, "offset", &n_off);
    const float *scale = hone__node_attr_floats(ctx->node, "scale", &n_scale);
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    size_t cols = x->rank ? (size_t)x->dims[x->rank - 1] : 1;
    if (!off || !scale || (n_off != 1 && n_off != cols) || (n_scale != 1 && n_scale != cols))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "offset and scale need one element, or one per feature");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, HONE_DTYPE_FLOAT, x->rank, x->dims, &out, &y));
    int64_t n = hone__tensor_count(x);
    for (int64_t i = 0; i < n; i++)
        y[i] = (v[i] - off[(size_t)i % n_off]) * scale[(size_t)i % n_scale];
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static hone_status eval_binarizer(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y, threshold = hone__node_attr_float(ctx->node, "threshold", 0);
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    int64_t n = hone__tensor_count(x);
    for (int64_t i = 0; i < n; i++)
        y[i] = v[i] > threshold;
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- tree ensembles ---- */

enum { NODE_LEAF, NODE_LEQ, NODE_LT, NODE_GTE, NODE_GT, NODE_EQ, NODE_NEQ };

typedef struct tree_node {
    int64_t tree, id, feature, yes, no; /* yes, no: indices once resolved */
    double value;
    int mode;
    bool missing_yes, is_root;
    int64_t first_weight, n_weights;
} tree_node;

typedef struct tree_weight {
    int64_t tree, node, target;
    double value;
} tree_weight;

typedef struct ensemble {
    tree_node *nodes; /* sorted by tree, id */
    tree_weight *weights;
    int64_t n_nodes, n_weights;
} ensemble;

static int compare_nodes(const void *pa, const void *pb) {
    const tree_node *a = pa, *b = pb;
    int c = (a->tree > b->tree) - (a->tree < b->tree);
    return c ? c : (a->id > b->id) - (a->id < b->id);
}
static int compare_weights(const void *pa, const void *pb) {
    const tree_weight *a = pa, *b = pb;
    int c = (a->tree > b->tree) - (a->tree < b->tree);
    return c ? c : (a->node > b->node) - (a->node < b->node);
}

static int64_t find_node(const ensemble *e, int64_t tree, int64_t id) {
    tree_node key = {.tree = tree, .id = id};
    const tree_node *found = bsearch(&key, e->nodes, (size_t)e->n_nodes, sizeof key, compare_nodes);
    return found ? found - e->nodes : -1;
}

static int node_mode(hone_string s) {
    static const char *const names[] = {"LEAF",      "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                        "BRANCH_GT", "BRANCH_EQ",  "BRANCH_NEQ"};
    for (int i = 0; i < 7; i++)
        if (s.size == strlen(names[i]) && memcmp(s.data, names[i], s.size) == 0)
            return i;
    return -1;
}

/* Numbers of an attribute given as floats, or (since ai.onnx.ml 3) as a tensor of doubles. */
static bool number_at(const hone__node *node, const char *name, const char *tensor_name, size_t i, double *v) {
    const hone__attr *f = hone__node_attr(node, name), *t = hone__node_attr(node, tensor_name);
    if (f && f->type == HONE_ATTR_FLOATS && i < f->n)
        *v = f->floats[i];
    else if (t && t->type == HONE_ATTR_TENSOR && (int64_t)i < hone__tensor_count(t->t))
        *v = hone_tensor_get_double(t->t, (int64_t)i);
    else
        return false;
    return true;
}

static hone_status read_nodes(hone__eval *ctx, ensemble *e) {
    static const char *const names[] = {"nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids",
                                        "nodes_falsenodeids"};
    const int64_t *v[5];
    size_t n[5], n_missing;
    const hone__attr *modes = hone__node_attr(ctx->node, "nodes_modes");
    const int64_t *missing = hone__node_attr_ints(ctx->node, "nodes_missing_value_tracks_true", &n_missing);
    for (int i = 0; i < 5; i++) {
        v[i] = hone__node_attr_ints(ctx->node, names[i], &n[i]);
        if (n[i] != n[0] || !modes || modes->type != HONE_ATTR_STRINGS || modes->n != n[0])
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "the attributes nodes_* differ in length");
    }
    void *p;
    e->n_nodes = (int64_t)n[0];
    HONE_TRY(hone__eval_scratch_n(ctx, e->n_nodes, sizeof(tree_node), &p));
    e->nodes = p;
    for (size_t i = 0; i < n[0]; i++) {
        tree_node *t = &e->nodes[i];
        *t = (tree_node){v[0][i],
                         v[1][i],
                         v[2][i],
                         v[3][i],
                         v[4][i],
                         0,
                         node_mode(modes->strings[i]),
                         missing && i < n_missing && missing[i],
                         true,
                         0,
                         0};
        if (t->mode < 0 ||
            (t->mode != NODE_LEAF && !number_at(ctx->node, "nodes_values", "nodes_values_as_tensor", i, &t->value)))
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "tree node %zu has an unknown mode or no value", i);
    }
    qsort(e->nodes, n[0], sizeof *e->nodes, compare_nodes);
    for (int64_t i = 0; i < e->n_nodes; i++) {
        tree_node *t = &e->nodes[i];
        if (t->mode == NODE_LEAF)
            continue;
        t->yes = find_node(e, t->tree, t->yes);
        t->no = find_node(e, t->tree, t->no);
        if (t->yes < 0 || t->no < 0)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "tree %lld refers to a node that it does not have",
                                   (long long)t->tree);
        e->nodes[t->yes].is_root = e->nodes[t->no].is_root = false;
    }
    return HONE_OK;
}

/* prefix: "class" or "target". */
static hone_status read_weights(hone__eval *ctx, const char *prefix, int64_t n_targets, ensemble *e) {
    char name[4][40];
    static const char *const parts[] = {"treeids", "nodeids", "ids", "weights"};
    const int64_t *v[3];
    size_t n[3];
    for (int i = 0; i < 4; i++)
        snprintf(name[i], sizeof name[i], "%s_%s", prefix, parts[i]);
    char tensor_name[64];
    snprintf(tensor_name, sizeof tensor_name, "%s_as_tensor", name[3]);
    for (int i = 0; i < 3; i++)
        v[i] = hone__node_attr_ints(ctx->node, name[i], &n[i]);
    void *p;
    e->n_weights = (int64_t)n[0];
    HONE_TRY(hone__eval_scratch_n(ctx, e->n_weights, sizeof(tree_weight), &p));
    e->weights = p;
    for (size_t i = 0; i < n[0]; i++) {
        tree_weight *w = &e->weights[i];
        double value;
        if (n[1] != n[0] || n[2] != n[0] || !number_at(ctx->node, name[3], tensor_name, i, &value) || v[2][i] < 0 ||
            v[2][i] >= n_targets)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL,
                                   "the attributes %s_* differ in length or name a target that is not there", prefix);
        *w = (tree_weight){v[0][i], v[1][i], v[2][i], value};
    }
    qsort(e->weights, n[0], sizeof *e->weights, compare_weights);
    for (int64_t i = 0; i < e->n_weights; i++) {
        int64_t k = find_node(e, e->weights[i].tree, e->weights[i].node);
        if (k < 0)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "a weight belongs to a node that is not there");
        if (e->nodes[k].n_weights++ == 0)
            e->nodes[k].first_weight = i;
    }
    return HONE_OK;
}

static bool goes_yes(const tree_node *t, double v) {
    if (isnan(v))
        return t->missing_yes || t->mode == NODE_NEQ;
    switch (t->mode) {
    case NODE_LEQ:
        return v <= t->value;
    case NODE_LT:
        return v < t->value;
    case NODE_GTE:
        return v >= t->value;
    case NODE_GT:
        return v > t->value;
    case NODE_EQ:
        return v == t->value;
    default:
        return v != t->value;
    }
}

/* Sends a row down from a root; the leaf, or NULL for a cycle or a feature out of range. */
static const tree_node *walk(const ensemble *e, int64_t at, const double *row, int64_t cols) {
    for (int64_t steps = 0; steps <= e->n_nodes; steps++) {
        const tree_node *t = &e->nodes[at];
        if (t->mode == NODE_LEAF)
            return t;
        if (t->feature < 0 || t->feature >= cols)
            return NULL;
        at = goes_yes(t, row[t->feature]) ? t->yes : t->no;
    }
    return NULL;
}

typedef enum aggregate_kind { AGGREGATE_SUM, AGGREGATE_AVERAGE, AGGREGATE_MIN, AGGREGATE_MAX } aggregate_kind;

static hone_status tree_scores(hone__eval *ctx, const ensemble *e, const double *row, int64_t cols, aggregate_kind kind,
                               double *s, int64_t n) {
    int64_t trees = 0;
    for (int64_t i = 0; i < n; i++)
        s[i] = kind == AGGREGATE_MIN ? INFINITY : kind == AGGREGATE_MAX ? -INFINITY : 0;
    for (int64_t r = 0; r < e->n_nodes; r++) {
        if (!e->nodes[r].is_root)
            continue;
        const tree_node *leaf = walk(e, r, row, cols);
        if (!leaf)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL,
                                   "tree %lld has a cycle or asks for a feature that is not there",
                                   (long long)e->nodes[r].tree);
        trees++;
        for (int64_t k = leaf->first_weight; k < leaf->first_weight + leaf->n_weights; k++) {
            double *to = &s[e->weights[k].target], v = e->weights[k].value;
            *to = kind == AGGREGATE_MIN ? fmin(*to, v) : kind == AGGREGATE_MAX ? fmax(*to, v) : *to + v;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        double base = 0;
        number_at(ctx->node, "base_values", "base_values_as_tensor", (size_t)i, &base);
        s[i] = (kind == AGGREGATE_AVERAGE && trees ? s[i] / (double)trees : isinf(s[i]) ? 0 : s[i]) + base;
    }
    return HONE_OK;
}

static hone_status infer_tree_ensemble_classifier(hone__infer *ctx) {
    return hone__ml_infer_classifier(ctx, hone__ml_read_labels(ctx->node, "classlabels_strings", "classlabels_int64s"));
}

static hone_status eval_tree_ensemble_classifier(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    int64_t rows, cols;
    hone__ml_post post = HONE_ML_NONE;
    void *s;
    ensemble e = {0};
    hone_tensor *label, *scores = NULL;
    HONE_TRY(hone__ml_read_rows(ctx, &x, &rows, &cols));
    HONE_TRY(hone__ml_read_post(ctx->node, &post, ctx->error));
    hone__ml_labels l = hone__ml_read_labels(ctx->node, "classlabels_strings", "classlabels_int64s");
    HONE_TRY(read_nodes(ctx, &e));
    HONE_TRY(read_weights(ctx, "class", l.n, &e));
    bool one = l.n == 2, positive = true;
    for (int64_t i = 0; i < e.n_weights; i++) {
        one = one && e.weights[i].target == e.weights[0].target;
        positive = positive && e.weights[i].value >= 0;
    }
    int64_t dims[2] = {rows, l.n};
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_scratch_n(ctx, l.n + 1, sizeof(double), &s));
    HONE_TRY(hone__eval_output(ctx, 0, l.strings ? HONE_DTYPE_STRING : HONE_DTYPE_INT64, 1, &rows, &label));
    HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_FLOAT, 2, dims, &scores));
    for (int64_t r = 0; r < rows; r++) {
        HONE_TRY(tree_scores(ctx, &e, v + r * cols, cols, AGGREGATE_SUM, s, l.n));
        if (one && e.n_weights) /* all weights belong to one class: its score decides */
            ((double *)s)[0] = ((double *)s)[e.weights[0].target];
        HONE_TRY(hone__ml_put_row(ctx, label, scores ? scores->data : NULL, r, s, one ? 1 : l.n, &l, post, positive,
                                  positive));
    }
    return HONE_OK;
}

static hone_status infer_tree_ensemble_regressor(hone__infer *ctx) {
    return hone__ml_infer_scores(ctx, 0, hone__node_attr_int(ctx->node, "n_targets", 1));
}

static hone_status eval_tree_ensemble_regressor(hone__eval *ctx) {
    static const char *const kinds[] = {"SUM", "AVERAGE", "MIN", "MAX"};
    const hone_tensor *x;
    const double *v;
    double *y;
    int64_t rows, cols;
    hone__ml_post post = HONE_ML_NONE;
    ensemble e = {0};
    hone_tensor *out;
    HONE_TRY(hone__ml_read_rows(ctx, &x, &rows, &cols));
    HONE_TRY(hone__ml_read_post(ctx->node, &post, ctx->error));
    const char *text = hone__node_attr_string(ctx->node, "aggregate_function", "SUM");
    int kind = 0;
    while (kind < 4 && strcmp(kinds[kind], text) != 0)
        kind++;
    int64_t dims[2] = {rows, hone__node_attr_int(ctx->node, "n_targets", 1)};
    if (kind == 4 || dims[1] < 1)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "aggregate_function or n_targets is out of range");
    HONE_TRY(read_nodes(ctx, &e));
    HONE_TRY(read_weights(ctx, "target", dims[1], &e));
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, HONE_DTYPE_FLOAT, 2, dims, &out, &y));
    for (int64_t r = 0; r < rows; r++) {
        HONE_TRY(tree_scores(ctx, &e, v + r * cols, cols, (aggregate_kind)kind, y + r * dims[1], dims[1]));
        hone__ml_post_transform(post, y + r * dims[1], dims[1]);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param linear_classifier_1_in[] = {
    HONE_PARAM("X", HONE_SET(FLOAT) | HONE_SET(DOUBLE) | HONE_SET(INT32) | HONE_SET(INT64), '1')};
static const hone__op_param linear_classifier_1_out[] = {HONE_PARAM("Y", HONE_SET(INT64) | HONE_SET(STRING), '2'),
                                                         HONE_PARAM("Z", HONE_SET(FLOAT), 0)};
static const hone__op_attr linear_classifier_1_attrs[] = {
    {"classlabels_ints", HONE_ATTR_INTS, false}, {"classlabels_strings", HONE_ATTR_STRINGS, false},
    {"coefficients", HONE_ATTR_FLOATS, true},    {"intercepts", HONE_ATTR_FLOATS, false},
    {"multi_class", HONE_ATTR_INT, false},       {"post_transform", HONE_ATTR_STRING, false}};
static const hone__op_param linear_regressor_1_in[] = {
    HONE_PARAM("X", HONE_SET(FLOAT) | HONE_SET(DOUBLE) | HONE_SET(INT32) | HONE_SET(INT64), 'T')};
static const hone__op_param linear_regressor_1_out[] = {HONE_PARAM("Y", HONE_SET(FLOAT), 0)};
static const hone__op_attr linear_regressor_1_attrs[] = {{"coefficients", HONE_ATTR_FLOATS, false},
                                                         {"intercepts", HONE_ATTR_FLOATS, false},
                                                         {"post_transform", HONE_ATTR_STRING, false},
                                                         {"targets", HONE_ATTR_INT, false}};
static const hone__op_attr normalizer_1_attrs[] = {{"norm", HONE_ATTR_STRING, false}};
static const hone__op_attr scaler_1_attrs[] = {{"offset", HONE_ATTR_FLOATS, false}, {"scale", HONE_ATTR_FLOATS, false}};
static const hone__op_param binarizer_1_out[] = {
    HONE_PARAM("Y", HONE_SET(FLOAT) | HONE_SET(DOUBLE) | HONE_SET(INT32) | HONE_SET(INT64), 'T')};
static const hone__op_attr binarizer_1_attrs[] = {{"threshold", HONE_ATTR_FLOAT, false}};
static const hone__op_attr tree_ensemble_classifier_1_attrs[] = {
    {"base_values", HONE_ATTR_FLOATS, false},
    {"class_ids", HONE_ATTR_INTS, false},
    {"class_nodeids", HONE_ATTR_INTS, false},
    {"class_treeids", HONE_ATTR_INTS, false},
    {"class_weights", HONE_ATTR_FLOATS, false},
    {"classlabels_int64s", HONE_ATTR_INTS, false},
    {"classlabels_strings", HONE_ATTR_STRINGS, false},
    {"nodes_falsenodeids", HONE_ATTR_INTS, false},
    {"nodes_featureids", HONE_ATTR_INTS, false},
    {"nodes_hitrates", HONE_ATTR_FLOATS, false},
    {"nodes_missing_value_tracks_true", HONE_ATTR_INTS, false},
    {"nodes_modes", HONE_ATTR_STRINGS, false},
    {"nodes_nodeids", HONE_ATTR_INTS, false},
    {"nodes_treeids", HONE_ATTR_INTS, false},
    {"nodes_truenodeids", HONE_ATTR_INTS, false},
    {"nodes_values", HONE_ATTR_FLOATS, false},
    {"post_transform", HONE_ATTR_STRING, false}};
static const hone__op_attr tree_ensemble_classifier_3_attrs[] = {
    {"base_values", HONE_ATTR_FLOATS, false},
    {"base_values_as_tensor", HONE_ATTR_TENSOR, false},
    {"class_ids", HONE_ATTR_INTS, false},
    {"class_nodeids", HONE_ATTR_INTS, false},
    {"class_treeids", HONE_ATTR_INTS, false},
    {"class_weights", HONE_ATTR_FLOATS, false},
    {"class_weights_as_tensor", HONE_ATTR_TENSOR, false},
    {"classlabels_int64s", HONE_ATTR_INTS, false},
    {"classlabels_strings", HONE_ATTR_STRINGS, false},
    {"nodes_falsenodeids", HONE_ATTR_INTS, false},
    {"nodes_featureids", HONE_ATTR_INTS, false},
    {"nodes_hitrates", HONE_ATTR_FLOATS, false},
    {"nodes_hitrates_as_tensor", HONE_ATTR_TENSOR, false},
    {"nodes_missing_value_tracks_true", HONE_ATTR_INTS, false},
    {"nodes_modes", HONE_ATTR_STRINGS, false},
    {"nodes_nodeids", HONE_ATTR_INTS, false},
    {"nodes_treeids", HONE_ATTR_INTS, false},
    {"nodes_truenodeids", HONE_ATTR_INTS, false},
    {"nodes_values", HONE_ATTR_FLOATS, false},
    {"nodes_values_as_tensor", HONE_ATTR_TENSOR, false},
    {"post_transform", HONE_ATTR_STRING, false}};
static const hone__op_attr tree_ensemble_regressor_1_attrs[] = {
    {"aggregate_function", HONE_ATTR_STRING, false},
    {"base_values", HONE_ATTR_FLOATS, false},
    {"n_targets", HONE_ATTR_INT, false},
    {"nodes_falsenodeids", HONE_ATTR_INTS, false},
    {"nodes_featureids", HONE_ATTR_INTS, false},
    {"nodes_hitrates", HONE_ATTR_FLOATS, false},
    {"nodes_missing_value_tracks_true", HONE_ATTR_INTS, false},
    {"nodes_modes", HONE_ATTR_STRINGS, false},
    {"nodes_nodeids", HONE_ATTR_INTS, false},
    {"nodes_treeids", HONE_ATTR_INTS, false},
    {"nodes_truenodeids", HONE_ATTR_INTS, false},
    {"nodes_values", HONE_ATTR_FLOATS, false},
    {"post_transform", HONE_ATTR_STRING, false},
    {"target_ids", HONE_ATTR_INTS, false},
    {"target_nodeids", HONE_ATTR_INTS, false},
    {"target_treeids", HONE_ATTR_INTS, false},
    {"target_weights", HONE_ATTR_FLOATS, false}};
static const hone__op_attr tree_ensemble_regressor_3_attrs[] = {
    {"aggregate_function", HONE_ATTR_STRING, false},
    {"base_values", HONE_ATTR_FLOATS, false},
    {"base_values_as_tensor", HONE_ATTR_TENSOR, false},
    {"n_targets", HONE_ATTR_INT, false},
    {"nodes_falsenodeids", HONE_ATTR_INTS, false},
    {"nodes_featureids", HONE_ATTR_INTS, false},
    {"nodes_hitrates", HONE_ATTR_FLOATS, false},
    {"nodes_hitrates_as_tensor", HONE_ATTR_TENSOR, false},
    {"nodes_missing_value_tracks_true", HONE_ATTR_INTS, false},
    {"nodes_modes", HONE_ATTR_STRINGS, false},
    {"nodes_nodeids", HONE_ATTR_INTS, false},
    {"nodes_treeids", HONE_ATTR_INTS, false},
    {"nodes_truenodeids", HONE_ATTR_INTS, false},
    {"nodes_values", HONE_ATTR_FLOATS, false},
    {"nodes_values_as_tensor", HONE_ATTR_TENSOR, false},
    {"post_transform", HONE_ATTR_STRING, false},
    {"target_ids", HONE_ATTR_INTS, false},
    {"target_nodeids", HONE_ATTR_INTS, false},
    {"target_treeids", HONE_ATTR_INTS, false},
    {"target_weights", HONE_ATTR_FLOATS, false},
    {"target_weights_as_tensor", HONE_ATTR_TENSOR, false}};

static const hone__op g_rows[] = {
    HONE_ROW("ai.onnx.ml", "LinearClassifier", 1, HONE_OP_PURE, 1, linear_classifier_1_in, 2, linear_classifier_1_out,
             linear_classifier_1_attrs, infer_linear_classifier, eval_linear_classifier, NULL),
    HONE_ROW("ai.onnx.ml", "LinearRegressor", 1, HONE_OP_PURE, 1, linear_regressor_1_in, 1, linear_regressor_1_out,
             linear_regressor_1_attrs, infer_linear_regressor, eval_linear_regressor, NULL),
    HONE_ROW("ai.onnx.ml", "Normalizer", 1, HONE_OP_PURE, 1, linear_regressor_1_in, 1, linear_regressor_1_out,
             normalizer_1_attrs, infer_float_like, eval_normalizer, NULL),
    HONE_ROW("ai.onnx.ml", "Scaler", 1, HONE_OP_PURE, 1, linear_regressor_1_in, 1, linear_regressor_1_out,
             scaler_1_attrs, infer_float_like, eval_scaler, NULL),
    HONE_ROW("ai.onnx.ml", "Binarizer", 1, HONE_OP_PURE, 1, linear_regressor_1_in, 1, binarizer_1_out,
             binarizer_1_attrs, hone__infer_same0, eval_binarizer, NULL),
    HONE_ROW("ai.onnx.ml", "TreeEnsembleClassifier", 1, HONE_OP_PURE, 1, linear_classifier_1_in, 2,
             linear_classifier_1_out, tree_ensemble_classifier_1_attrs, infer_tree_ensemble_classifier,
             eval_tree_ensemble_classifier, NULL),
    HONE_ROW("ai.onnx.ml", "TreeEnsembleClassifier", 3, HONE_OP_PURE, 1, linear_classifier_1_in, 2,
             linear_classifier_1_out, tree_ensemble_classifier_3_attrs, infer_tree_ensemble_classifier,
             eval_tree_ensemble_classifier, NULL),
    HONE_ROW("ai.onnx.ml", "TreeEnsembleRegressor", 1, HONE_OP_PURE, 1, linear_regressor_1_in, 1,
             linear_regressor_1_out, tree_ensemble_regressor_1_attrs, infer_tree_ensemble_regressor,
             eval_tree_ensemble_regressor, NULL),
    HONE_ROW("ai.onnx.ml", "TreeEnsembleRegressor", 3, HONE_OP_PURE, 1, linear_regressor_1_in, 1,
             linear_regressor_1_out, tree_ensemble_regressor_3_attrs, infer_tree_ensemble_regressor,
             eval_tree_ensemble_regressor, NULL),
};

const hone__op_family hone__ops_ml = {"ml", g_rows, HONE_COUNT(g_rows)};
