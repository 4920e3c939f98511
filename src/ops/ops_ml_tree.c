/* ai.onnx.ml TreeEnsemble, the encoding that replaced the classifier's and regressor's (ops_ml.c): inner nodes
 * and leaves in separate lists, comparison with a set of values besides a threshold.
 *
 * Source: ONNX-ML operator specification, TreeEnsemble-5. */
#include "ops/op_ml.h"

#include <math.h>

enum { MODE_LEQ, MODE_LT, MODE_GTE, MODE_GT, MODE_EQ, MODE_NEQ, MODE_MEMBER, N_MODES };
enum { AGGREGATE_AVERAGE, AGGREGATE_SUM, AGGREGATE_MIN, AGGREGATE_MAX, N_AGGREGATES };

typedef struct forest {
    int64_t n_nodes, n_leaves, n_roots, n_targets;
    const int64_t *roots, *feature, *yes, *no, *yes_leaf, *no_leaf, *missing, *target;
    const double *split, *weight, *members;
    const uint8_t *mode;
    int64_t *first_member, *n_members; /* [n_nodes] */
    int aggregate;
} forest;

/* A list of integers that must have n elements. */
static hone_status read_ints(hone__eval *ctx, const char *name, int64_t n, const int64_t **out) {
    size_t count;
    *out = hone__node_attr_ints(ctx->node, name, &count);
    if ((int64_t)count != n)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "%s has %zu elements, %lld are needed", name, count,
                               (long long)n);
    return HONE_OK;
}

/* A tensor of numbers; NULL and *n 0 when it is not there. */
static hone_status read_numbers(hone__eval *ctx, const char *name, const double **out, int64_t *n) {
    const hone__attr *attr = hone__node_attr(ctx->node, name);
    *out = NULL;
    *n = 0;
    if (!attr || attr->type != HONE_ATTR_TENSOR)
        return HONE_OK;
    *n = hone__tensor_count(attr->t);
    return hone__eval_as_double(ctx, attr->t, out);
}

/* The sets stand one after the other, in the order of the nodes that use them, each ended by NaN. */
static hone_status read_members(hone__eval *ctx, forest *f) {
    int64_t n, at = 0;
    HONE_TRY(read_numbers(ctx, "membership_values", &f->members, &n));
    HONE_TRY(hone__eval_scratch_n(ctx, f->n_nodes, sizeof(int64_t), (void **)&f->first_member));
    HONE_TRY(hone__eval_scratch_n(ctx, f->n_nodes, sizeof(int64_t), (void **)&f->n_members));
    for (int64_t i = 0; i < f->n_nodes; i++) {
        if (f->mode[i] != MODE_MEMBER)
            continue;
        f->first_member[i] = at;
        while (at < n && !isnan(f->members[at]))
            at++;
        f->n_members[i] = at - f->first_member[i];
        at += at < n;
    }
    return HONE_OK;
}

static bool child_exists(const forest *f, int64_t child, bool is_leaf) {
    return child >= 0 && child < (is_leaf ? f->n_leaves : f->n_nodes);
}

static hone_status check_forest(hone__eval *ctx, const forest *f, int64_t n_features) {
    for (int64_t i = 0; i < f->n_nodes; i++)
        if (!child_exists(f, f->yes[i], f->yes_leaf[i]) || !child_exists(f, f->no[i], f->no_leaf[i]) ||
            f->mode[i] >= N_MODES || f->feature[i] < 0 || f->feature[i] >= n_features)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL,
                                   "node %lld refers to a node, leaf, mode or feature that is not there", (long long)i);
    for (int64_t i = 0; i < f->n_leaves; i++)
        if (f->target[i] < 0 || f->target[i] >= f->n_targets)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "leaf %lld names target %lld of %lld", (long long)i,
                                   (long long)f->target[i], (long long)f->n_targets);
    for (int64_t i = 0; i < f->n_roots; i++)
        if (f->roots[i] < 0 || f->roots[i] >= f->n_nodes)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "a root is node %lld of %lld", (long long)f->roots[i],
                                   (long long)f->n_nodes);
    return HONE_OK;
}

static hone_status read_forest(hone__eval *ctx, int64_t n_features, forest *f) {
    const hone__node *node = ctx->node;
    size_t n_nodes, n_leaves, n_roots, n_missing;
    int64_t n_split, n_weight, aggregate = hone__node_attr_int(node, "aggregate_function", AGGREGATE_SUM);
    const hone__attr *mode = hone__node_attr(node, "nodes_modes");
    f->roots = hone__node_attr_ints(node, "tree_roots", &n_roots);
    f->feature = hone__node_attr_ints(node, "nodes_featureids", &n_nodes);
    f->target = hone__node_attr_ints(node, "leaf_targetids", &n_leaves);
    f->missing = hone__node_attr_ints(node, "nodes_missing_value_tracks_true", &n_missing);
    f->n_roots = (int64_t)n_roots;
    f->n_nodes = (int64_t)n_nodes;
    f->n_leaves = (int64_t)n_leaves;
    f->n_targets = hone__node_attr_int(node, "n_targets", 1);
    HONE_TRY(read_ints(ctx, "nodes_truenodeids", f->n_nodes, &f->yes));
    HONE_TRY(read_ints(ctx, "nodes_falsenodeids", f->n_nodes, &f->no));
    HONE_TRY(read_ints(ctx, "nodes_trueleafs", f->n_nodes, &f->yes_leaf));
    HONE_TRY(read_ints(ctx, "nodes_falseleafs", f->n_nodes, &f->no_leaf));
    HONE_TRY(read_numbers(ctx, "nodes_splits", &f->split, &n_split));
    HONE_TRY(read_numbers(ctx, "leaf_weights", &f->weight, &n_weight));
    if (!mode || mode->type != HONE_ATTR_TENSOR || mode->t->dtype != HONE_DTYPE_UINT8 ||
        hone__tensor_count(mode->t) != f->n_nodes || n_split != f->n_nodes || n_weight != f->n_leaves ||
        (n_missing && n_missing != n_nodes) || aggregate < 0 || aggregate >= N_AGGREGATES || f->n_targets < 1 ||
        f->n_targets > INT32_MAX)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL,
                               "the attributes nodes_* or leaf_* differ in length, or one is out of range");
    f->mode = mode->t->data;
    f->aggregate = (int)aggregate;
    HONE_TRY(read_members(ctx, f));
    return check_forest(ctx, f, n_features);
}

static bool goes_yes(const forest *f, int64_t i, double v) {
    double split = f->split[i];
    if (isnan(v))
        return (f->missing && f->missing[i]) || f->mode[i] == MODE_NEQ;
    switch (f->mode[i]) {
    case MODE_LEQ:
        return v <= split;
    case MODE_LT:
        return v < split;
    case MODE_GTE:
        return v >= split;
    case MODE_GT:
        return v > split;
    case MODE_EQ:
        return v == split;
    case MODE_NEQ:
        return v != split;
    default:
        for (int64_t k = f->first_member[i]; k < f->first_member[i] + f->n_members[i]; k++)
            if (f->members[k] == v)
                return true;
        return false;
    }
}

/* The leaf that a row ends in, or -1 for a cycle. */
static int64_t find_leaf(const forest *f, int64_t at, const double *row) {
    for (int64_t steps = 0; steps < f->n_nodes; steps++) {
        bool yes = goes_yes(f, at, row[f->feature[at]]);
        int64_t next = yes ? f->yes[at] : f->no[at];
        if (yes ? f->yes_leaf[at] : f->no_leaf[at])
            return next;
        at = next;
    }
    return -1;
}

static hone_status score_row(hone__eval *ctx, const forest *f, const double *row, double *s) {
    for (int64_t i = 0; i < f->n_targets; i++)
        s[i] = f->aggregate == AGGREGATE_MIN ? INFINITY : f->aggregate == AGGREGATE_MAX ? -INFINITY : 0;
    for (int64_t r = 0; r < f->n_roots; r++) {
        int64_t leaf = find_leaf(f, f->roots[r], row);
        if (leaf < 0)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "tree %lld has a cycle", (long long)r);
        double *to = &s[f->target[leaf]], w = f->weight[leaf];
        *to = f->aggregate == AGGREGATE_MIN ? fmin(*to, w) : f->aggregate == AGGREGATE_MAX ? fmax(*to, w) : *to + w;
    }
    for (int64_t i = 0; i < f->n_targets; i++)
        s[i] = f->aggregate == AGGREGATE_AVERAGE && f->n_roots ? s[i] / (double)f->n_roots : isinf(s[i]) ? 0 : s[i];
    return HONE_OK;
}

static hone_status infer_tree_ensemble(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim dims[2] = {hone__dim_unknown(), hone__dim_known(hone__node_attr_int(ctx->node, "n_targets", 1))};
    if (dtype == HONE_DTYPE_UNDEFINED)
        return HONE_OK;
    if (dims[1].value < 1)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "n_targets is %lld", (long long)dims[1].value);
    if (hone__infer_has_rank(ctx, 0))
        dims[0] = ctx->in[0]->rank == 2 ? ctx->in[0]->dims[0] : hone__dim_known(1);
    return hone__infer_set(ctx, 0, dtype, 2, dims);
}

static hone_status eval_tree_ensemble(hone__eval *ctx) {
    static const hone__ml_post posts[] = {HONE_ML_NONE, HONE_ML_SOFTMAX, HONE_ML_LOGISTIC, HONE_ML_SOFTMAX_ZERO,
                                          HONE_ML_PROBIT};
    const hone_tensor *x;
    const double *v;
    double *y;
    int64_t rows, cols, post = hone__node_attr_int(ctx->node, "post_transform", 0);
    forest f = {0};
    hone_tensor *out;
    HONE_TRY(hone__ml_read_rows(ctx, &x, &rows, &cols));
    HONE_TRY(read_forest(ctx, cols, &f));
    if (post < 0 || post >= (int64_t)HONE_COUNT(posts))
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "post_transform is %lld", (long long)post);
    int64_t dims[2] = {rows, f.n_targets};
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, 2, dims, &out, &y));
    for (int64_t r = 0; r < rows; r++) {
        HONE_TRY(score_row(ctx, &f, v + r * cols, y + r * f.n_targets));
        hone__ml_post_transform(posts[post], y + r * f.n_targets, f.n_targets);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static const hone__op_param p_x[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T')},
                            p_y[] = {HONE_PARAM("Y", HONE_SET_IEEE, 'T')};
static const hone__op_attr a_tree_ensemble[] = {
    {"aggregate_function", HONE_ATTR_INT, false}, {"leaf_targetids", HONE_ATTR_INTS, true},
    {"leaf_weights", HONE_ATTR_TENSOR, true},     {"membership_values", HONE_ATTR_TENSOR, false},
    {"n_targets", HONE_ATTR_INT, false},          {"nodes_falseleafs", HONE_ATTR_INTS, true},
    {"nodes_falsenodeids", HONE_ATTR_INTS, true}, {"nodes_featureids", HONE_ATTR_INTS, true},
    {"nodes_hitrates", HONE_ATTR_TENSOR, false},  {"nodes_missing_value_tracks_true", HONE_ATTR_INTS, false},
    {"nodes_modes", HONE_ATTR_TENSOR, true},      {"nodes_splits", HONE_ATTR_TENSOR, true},
    {"nodes_trueleafs", HONE_ATTR_INTS, true},    {"nodes_truenodeids", HONE_ATTR_INTS, true},
    {"post_transform", HONE_ATTR_INT, false},     {"tree_roots", HONE_ATTR_INTS, true}};

static const hone__op g_rows[] = {
    HONE_ROW("ai.onnx.ml", "TreeEnsemble", 5, HONE_OP_PURE, 1, p_x, 1, p_y, a_tree_ensemble, infer_tree_ensemble,
             eval_tree_ensemble, NULL),
};
const hone__op_family hone__ops_ml_tree = {"ml_tree", g_rows, HONE_COUNT(g_rows)};
