/* Derivatives of operators that reduce, multiply, normalise or move elements; see op_gradient.h. */
#include "ops/op_gradient.h"

typedef hone__grad G;
typedef hone__value V;

static V *add(G *c, V *a, V *b) { return hone__grad_2(c, "Add", a, b); }
static V *sub(G *c, V *a, V *b) { return hone__grad_2(c, "Sub", a, b); }
static V *mul(G *c, V *a, V *b) { return hone__grad_2(c, "Mul", a, b); }
static V *over(G *c, V *a, V *b) { return hone__grad_2(c, "Div", a, b); }
static V *num(G *c, double v) { return hone__grad_number(c, v, c->in[0]); }

static V *with_int(G *c, V *v, const char *name, int64_t value) {
    if (v && c->status == HONE_OK)
        c->status = hone__node_set_attr_int(c->last, name, value, c->error);
    return v;
}

/* A reduction over the axes given, which keeps them as 1. */
static V *reduced(G *c, const char *op, V *x, const int64_t *axes, size_t n) {
    V *in[2] = {x, hone__grad_ints(c, axes, n)};
    if (!x || !in[1])
        return NULL;
    return with_int(c, hone__grad_node(c, "", op, 21, in, 2), "keepdims", 1);
}

/* ---- matrix products ---- */

static V *product(G *c, V *a, V *b, bool ta, bool tb) {
    V *in[2] = {a, b};
    if (!a || !b)
        return NULL;
    return with_int(c, with_int(c, hone__grad_node(c, "hone", "FusedMatMul", 1, in, 2), "transA", ta), "transB", tb);
}

static V *unsqueezed(G *c, V *x, int64_t axis) { return hone__grad_2(c, "Unsqueeze", x, hone__grad_ints(c, &axis, 1)); }

/* A vector is a matrix of one row on the left, of one column on the right. */
static hone_status rule_matmul(G *c) {
    int ra = hone__grad_rank(c->in[0]), rb = hone__grad_rank(c->in[1]);
    if (ra < 1 || rb < 1)
        return hone__grad_refuse(c, "has operands of unknown rank, so that it cannot be differentiated");
    V *a = ra == 1 ? unsqueezed(c, c->in[0], 0) : c->in[0], *b = rb == 1 ? unsqueezed(c, c->in[1], 1) : c->in[1];
    V *g = rb == 1 ? unsqueezed(c, c->g[0], -1) : c->g[0];
    g = ra == 1 ? unsqueezed(c, g, -2) : g;
    if (c->wanted[0])
        c->dx[0] = hone__grad_shape_as(c, hone__grad_sum_to(c, product(c, g, b, false, true), a), c->in[0]);
    if (c->wanted[1])
        c->dx[1] = hone__grad_shape_as(c, hone__grad_sum_to(c, product(c, a, g, true, false), b), c->in[1]);
    return c->status;
}

static hone_status rule_gemm(G *c) {
    bool ta = hone__node_attr_int(c->node, "transA", 0) != 0, tb = hone__node_attr_int(c->node, "transB", 0) != 0;
    V *a = c->in[0], *b = c->in[1], *g = c->g[0];
    V *scaled = mul(c, g, num(c, hone__node_attr_float(c->node, "alpha", 1)));
    if (c->wanted[0])
        c->dx[0] = ta ? product(c, b, scaled, tb, true) : product(c, scaled, b, false, !tb);
    if (c->wanted[1])
        c->dx[1] = tb ? product(c, scaled, a, true, ta) : product(c, a, scaled, !ta, false);
    if (c->node->n_inputs > 2 && c->wanted[2])
        c->dx[2] = hone__grad_sum_to(c, mul(c, g, num(c, hone__node_attr_float(c->node, "beta", 1))), c->in[2]);
    return c->status;
}

/* ---- convolutions and pools ---- */

static V *windowed(G *c, const char *op, V *const *in, size_t n_in) {
    for (size_t i = 0; i < n_in; i++)
        if (!in[i])
            return NULL;
    V *y = hone__grad_node(c, "hone", op, 1, in, n_in);
    static const char *const kept[] = {
        "auto_pad", "ceil_mode", "count_include_pad", "dilations", "group", "kernel_shape", "pads", "strides"};
    for (size_t i = 0; y && i < HONE_COUNT(kept) && c->status == HONE_OK; i++)
        if (hone__node_attr(c->node, kept[i]))
            c->status = hone__node_set_attr(c->last, hone__node_attr(c->node, kept[i]), c->error);
    return c->status == HONE_OK ? y : NULL;
}

/* Sum over everything but the channels. */
static V *channel_sums(G *c, V *g, V *like) {
    int64_t axes[HONE_MAX_RANK];
    size_t n = 0;
    int rank = hone__grad_rank(c->in[0]);
    if (rank < 2) {
        if (c->status == HONE_OK)
            c->status = hone__grad_refuse(c, "has an input of unknown rank, so that it cannot be differentiated");
        return NULL;
    }
    for (int d = 0; d < rank; d++)
        if (d != 1)
            axes[n++] = d;
    return hone__grad_shape_as(c, reduced(c, "ReduceSum", g, axes, n), like);
}

static hone_status rule_conv(G *c) {
    V *of_x[3] = {c->g[0], c->in[1], c->in[0]}, *of_w[3] = {c->g[0], c->in[0], c->in[1]};
    if (c->wanted[0])
        c->dx[0] = windowed(c, "ConvInputGradient", of_x, 3);
    if (c->wanted[1])
        c->dx[1] = windowed(c, "ConvWeightGradient", of_w, 3);
    if (c->node->n_inputs > 2 && c->wanted[2])
        c->dx[2] = channel_sums(c, c->g[0], c->in[2]);
    return c->status;
}

static hone_status rule_average_pool(G *c) {
    V *in[2] = {c->g[0], c->in[0]};
    c->dx[0] = windowed(c, "AveragePoolGradient", in, 2);
    return c->status;
}

static V *add_at(G *c, V *g, V *index, V *like) {
    V *in[3] = {g, index, like};
    return g && index && like ? hone__grad_node(c, "hone", "AddAt", 1, in, 3) : NULL;
}

/* The second output tells where each maximum was, counted from 0 over the whole input. */
static hone_status rule_max_pool(G *c) {
    if (c->node->opset < 8)
        return hone__grad_refuse(c, "is of an opset that does not tell where its maxima are");
    hone_tensor *one = NULL;
    V *in[1] = {c->in[0]}, *step = NULL;
    V *at = hone__grad_again(c, NULL, in, 1, 2, 1);
    if (at && hone__node_attr(c->last, "storage_order"))
        c->status = hone__node_set_attr_int(c->last, "storage_order", 0, c->error);
    if (c->status == HONE_OK)
        c->status = hone_tensor_create(HONE_DTYPE_INT64, 0, NULL, &one, c->error);
    if (c->status == HONE_OK) {
        *(int64_t *)one->data = 1;
        c->status = hone__graph_add_constant(c->graph, "gradient", one, &step, c->error);
        if (c->status != HONE_OK)
            hone_tensor_destroy(one);
    }
    c->dx[0] = add_at(c, c->g[0], add(c, at, step), c->in[0]);
    return c->status;
}

static V *expanded(G *c, V *g, V *like) { return hone__grad_2(c, "Expand", g, hone__grad_1(c, "Shape", like)); }
static V *count(G *c, V *x) { return hone__grad_as(c, hone__grad_1(c, "Size", x), c->in[0]); }

static hone_status rule_global_average(G *c) {
    V *share = mul(c, c->g[0], over(c, count(c, c->out[0]), count(c, c->in[0])));
    c->dx[0] = expanded(c, share, c->in[0]);
    return c->status;
}

/* ---- reductions ---- */

/* The reduction again with its axes kept, so that it broadcasts against x; *kept is the gradient in that shape. */
static V *keep(G *c, const char *op, V *x, V **kept) {
    V *in[2] = {x, c->node->n_inputs > 1 ? c->in[1] : NULL};
    V *y = with_int(c, hone__grad_again(c, op, in, c->node->n_inputs, 1, 0), "keepdims", 1);
    if (kept)
        *kept = hone__grad_shape_as(c, c->g[0], y);
    return y;
}

static hone_status rule_reduce(G *c) {
    const char *op = c->node->op_type + strlen("Reduce");
    V *x = c->in[0], *g, *y = keep(c, NULL, x, &g), *d = NULL;
    if (strcmp(op, "Sum") == 0)
        d = expanded(c, g, x);
    else if (strcmp(op, "Mean") == 0)
        d = expanded(c, mul(c, g, over(c, count(c, y), count(c, x))), x);
    else if (strcmp(op, "SumSquare") == 0)
        d = mul(c, mul(c, num(c, 2), x), g);
    else if (strcmp(op, "L1") == 0)
        d = mul(c, hone__grad_1(c, "Sign", x), g);
    else if (strcmp(op, "L2") == 0)
        d = mul(c, x, over(c, g, y));
    else if (strcmp(op, "LogSum") == 0)
        d = expanded(c, over(c, g, hone__grad_1(c, "Exp", y)), x);
    else if (strcmp(op, "LogSumExp") == 0)
        d = mul(c, g, hone__grad_1(c, "Exp", sub(c, x, y)));
    else { /* Max, Min: equal elements share it */
        V *mask = hone__grad_as(c, hone__grad_2(c, "Equal", x, y), x), *mean = keep(c, "ReduceMean", mask, NULL);
        V *equal = mul(c, mean, over(c, count(c, x), count(c, y)));
        d = mul(c, mask, over(c, g, equal));
    }
    c->dx[0] = d;
    return c->status;
}

/* Before opset 13 these worked on a matrix of what stands before and behind the axis. */
static hone_status softmax(G *c, bool is_log) {
    V *y = c->out[0], *g = c->g[0];
    bool is_flat = c->node->opset < 13;
    int64_t axis = hone__node_attr_int(c->node, "axis", is_flat ? 1 : -1);
    if (is_flat) {
        y = with_int(c, hone__grad_1(c, "Flatten", y), "axis", axis);
        g = with_int(c, hone__grad_1(c, "Flatten", g), "axis", axis);
        axis = 1;
    }
    V *d;
    if (is_log) {
        d = sub(c, g, mul(c, hone__grad_1(c, "Exp", y), reduced(c, "ReduceSum", g, &axis, 1)));
    } else {
        V *gy = mul(c, g, y);
        d = sub(c, gy, mul(c, y, reduced(c, "ReduceSum", gy, &axis, 1)));
    }
    c->dx[0] = is_flat ? hone__grad_shape_as(c, d, c->in[0]) : d;
    return c->status;
}
static hone_status rule_softmax(G *c) { return softmax(c, false); }
static hone_status rule_log_softmax(G *c) { return softmax(c, true); }

/* ---- normalisation ---- */

/* x, scale, bias over the axes from `axis` on. */
static hone_status rule_layer_norm(G *c) {
    int rank = hone__grad_rank(c->in[0]), axis = 0;
    if (rank < 1)
        return hone__grad_refuse(c, "has an input of unknown rank, so that it cannot be differentiated");
    HONE_TRY(hone__axis(hone__node_attr_int(c->node, "axis", -1), rank, &axis, c->error));
    int64_t axes[HONE_MAX_RANK];
    size_t n = 0;
    for (int d = axis; d < rank; d++)
        axes[n++] = d;
    V *x = c->in[0], *g = c->g[0], *centred = sub(c, x, reduced(c, "ReduceMean", x, axes, n));
    V *variance = reduced(c, "ReduceMean", mul(c, centred, centred), axes, n);
    V *deviation = hone__grad_1(c, "Sqrt", add(c, variance, num(c, hone__node_attr_float(c->node, "epsilon", 1e-5f))));
    V *normal = over(c, centred, deviation);
    if (c->wanted[0]) {
        V *gs = mul(c, g, c->in[1]), *mean = reduced(c, "ReduceMean", gs, axes, n);
        V *along = mul(c, normal, reduced(c, "ReduceMean", mul(c, gs, normal), axes, n));
        c->dx[0] = over(c, sub(c, sub(c, gs, mean), along), deviation);
    }
    if (c->wanted[1])
        c->dx[1] = hone__grad_sum_to(c, mul(c, g, normal), c->in[1]);
    if (c->node->n_inputs > 2 && c->wanted[2])
        c->dx[2] = hone__grad_sum_to(c, g, c->in[2]);
    return c->status;
}

/* As inference has it: x, scale, bias, mean, variance. */
static hone_status rule_batch_norm(G *c) {
    int rank = hone__grad_rank(c->in[0]);
    if (rank < 2 || hone__node_attr_int(c->node, "training_mode", 0) || c->node->n_outputs > 1)
        return hone__grad_refuse(c, "is differentiated in its inference form only, with an input of known rank");
    int64_t axes[HONE_MAX_RANK];
    size_t n = 0;
    for (int d = 2; d < rank; d++)
        axes[n++] = d - 1;
    V *per[4]; /* scale, bias, mean, variance as [C,1,...] */
    for (size_t i = 0; i < 4; i++)
        per[i] = n ? hone__grad_2(c, "Unsqueeze", c->in[1 + i], hone__grad_ints(c, axes, n)) : c->in[1 + i];
    V *epsilon = num(c, hone__node_attr_float(c->node, "epsilon", 1e-5f)), *g = c->g[0];
    V *deviation = hone__grad_1(c, "Sqrt", add(c, per[3], epsilon));
    V *gs = over(c, mul(c, g, per[0]), deviation), *normal = over(c, sub(c, c->in[0], per[2]), deviation);
    if (c->wanted[0])
        c->dx[0] = gs;
    if (c->wanted[1])
        c->dx[1] = channel_sums(c, mul(c, g, normal), c->in[1]);
    if (c->wanted[2])
        c->dx[2] = channel_sums(c, g, c->in[2]);
    if (c->wanted[3])
        c->dx[3] = channel_sums(c, hone__grad_1(c, "Neg", gs), c->in[3]);
    if (c->wanted[4])
        c->dx[4] = channel_sums(c, mul(c, num(c, -0.5), over(c, mul(c, gs, normal), deviation)), c->in[4]);
    return c->status;
}

/* ---- moving elements ---- */

static hone_status rule_reshape(G *c) {
    c->dx[0] = hone__grad_shape_as(c, c->g[0], c->in[0]);
    return c->status;
}

static hone_status rule_transpose(G *c) {
    size_t n;
    const int64_t *perm = hone__node_attr_ints(c->node, "perm", &n);
    int64_t back[HONE_MAX_RANK];
    for (size_t i = 0; i < n && i < HONE_MAX_RANK; i++)
        if (perm[i] >= 0 && perm[i] < (int64_t)n)
            back[perm[i]] = (int64_t)i;
    c->dx[0] = hone__grad_1(c, "Transpose", c->g[0]);
    if (n && n <= HONE_MAX_RANK && c->status == HONE_OK)
        c->status = hone__node_set_attr_ints(c->last, "perm", back, n, c->error);
    return c->status;
}

/* Whatever takes elements of its first input elsewhere: the numbers of the elements go the same way. */
static hone_status rule_move(G *c) {
    V *in[8] = {NULL};
    bool is_pad = strcmp(c->node->op_type, "Pad") == 0;
    if (c->node->n_inputs > HONE_COUNT(in) || (is_pad && c->node->opset < 13))
        return hone__grad_refuse(c, "is of an opset whose derivative is not known");
    for (size_t i = 1; i < c->node->n_inputs; i++)
        in[i] = is_pad && i == 2 ? NULL : c->in[i]; /* what Pad fills in comes from nowhere: 0 */
    in[0] = hone__grad_node(c, "hone", "IndexOf", 1, &c->in[0], 1);
    V *index = hone__grad_again(c, NULL, in, c->node->n_inputs, 1, 0);
    c->dx[0] = add_at(c, c->g[0], index, c->in[0]);
    return c->status;
}

static V *zeros(G *c, V *like) {
    V *zero = hone__grad_number(c, 0, like);
    return expanded(c, zero, like);
}

static hone_status rule_split(G *c) {
    V *parts[8];
    for (size_t i = 0; i < c->node->n_outputs; i++) {
        if (!c->out[i])
            return hone__grad_refuse(c, "leaves an output out, so that it cannot be differentiated");
        parts[i] = c->g[i] ? c->g[i] : zeros(c, c->out[i]);
        HONE_TRY(c->status);
    }
    c->dx[0] = with_int(c, hone__grad_node(c, "", "Concat", 21, parts, c->node->n_outputs), "axis",
                        hone__node_attr_int(c->node, "axis", 0));
    return c->status;
}

/* The parts of g, of the sizes that the inputs have along the axis. */
static hone_status rule_concat(G *c) {
    int64_t axis = hone__node_attr_int(c->node, "axis", 1);
    V *sizes[64], *at = hone__grad_ints(c, &axis, 1), *out[64] = {NULL};
    size_t n = c->node->n_inputs;
    if (n == 1) {
        c->dx[0] = c->g[0];
        return c->status;
    }
    for (size_t i = 0; i < n; i++)
        sizes[i] = hone__grad_2(c, "Gather", hone__grad_1(c, "Shape", c->in[i]), at);
    HONE_TRY(c->status);
    V *in[2] = {c->g[0], with_int(c, hone__grad_node(c, "", "Concat", 21, sizes, n), "axis", 0)};
    HONE_TRY(c->status);
    for (size_t i = 0; i < n; i++)
        HONE_TRY(hone__graph_add_value(c->graph, "gradient", &out[i], c->error));
    HONE_TRY(hone__graph_add_node(c->graph, NULL, "", "Split", "Split", in, 2, out, n, &c->last, c->error));
    c->last->opset = 21;
    c->last->op = hone__op_find("", "Split", 21);
    c->last->provenance = "gradient";
    HONE_TRY(hone__node_set_attr_int(c->last, "axis", axis, c->error));
    for (size_t i = 0; i < n; i++)
        if (c->wanted[i])
            c->dx[i] = out[i];
    return c->status;
}

/* data, indices, updates: what is overwritten has no part; updates are read where they went. */
static hone_status scatter(G *c, const char *gather) {
    const char *reduction = hone__node_attr_string(c->node, "reduction", "none");
    bool is_sum = strcmp(reduction, "add") == 0;
    if (!is_sum && strcmp(reduction, "none") != 0)
        return hone__grad_refuse(c, "has a reduction whose derivative is not known");
    if (c->wanted[0] && is_sum)
        c->dx[0] = c->g[0];
    if (c->wanted[0] && !is_sum) {
        V *in[3] = {c->g[0], c->in[1], zeros(c, c->in[2])};
        HONE_TRY(c->status);
        c->dx[0] = hone__grad_again(c, NULL, in, 3, 1, 0);
    }
    if (c->wanted[2]) {
        c->dx[2] = hone__grad_2(c, gather, c->g[0], c->in[1]);
        if (strcmp(gather, "GatherElements") == 0)
            c->dx[2] = with_int(c, c->dx[2], "axis", hone__node_attr_int(c->node, "axis", 0));
    }
    return c->status;
}
static hone_status rule_scatter_elements(G *c) { return scatter(c, "GatherElements"); }
static hone_status rule_scatter_nd(G *c) { return scatter(c, "GatherND"); }

static hone_status rule_cumsum(G *c) {
    V *in[2] = {c->g[0], c->in[1]};
    c->dx[0] =
        with_int(c, hone__grad_again(c, NULL, in, 2, 1, 0), "reverse", !hone__node_attr_int(c->node, "reverse", 0));
    return c->status;
}

static const hone__grad_row g_rows[] = {
    {"MatMul", rule_matmul},
    {"Gemm", rule_gemm},
    {"Conv", rule_conv},
    {"AveragePool", rule_average_pool},
    {"MaxPool", rule_max_pool},
    {"GlobalAveragePool", rule_global_average},
    {"ReduceSum", rule_reduce},
    {"ReduceMean", rule_reduce},
    {"ReduceSumSquare", rule_reduce},
    {"ReduceL1", rule_reduce},
    {"ReduceL2", rule_reduce},
    {"ReduceLogSum", rule_reduce},
    {"ReduceLogSumExp", rule_reduce},
    {"ReduceMax", rule_reduce},
    {"ReduceMin", rule_reduce},
    {"Softmax", rule_softmax},
    {"LogSoftmax", rule_log_softmax},
    {"LayerNormalization", rule_layer_norm},
    {"BatchNormalization", rule_batch_norm},
    {"Reshape", rule_reshape},
    {"Flatten", rule_reshape},
    {"Squeeze", rule_reshape},
    {"Unsqueeze", rule_reshape},
    {"Transpose", rule_transpose},
    {"Slice", rule_move},
    {"Gather", rule_move},
    {"GatherElements", rule_move},
    {"GatherND", rule_move},
    {"Tile", rule_move},
    {"Expand", rule_move},
    {"Pad", rule_move},
    {"DepthToSpace", rule_move},
    {"SpaceToDepth", rule_move},
    {"Trilu", rule_move},
    {"Compress", rule_move},
    {"Split", rule_split},
    {"Concat", rule_concat},
    {"ScatterElements", rule_scatter_elements},
    {"ScatterND", rule_scatter_nd},
    {"CumSum", rule_cumsum},
};
const hone__grad_row *hone__grad_shaped(size_t *n) {
    *n = HONE_COUNT(g_rows);
    return g_rows;
}
