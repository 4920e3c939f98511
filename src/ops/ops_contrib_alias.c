/* com.microsoft operators that are standard ones under another name, with the channels last, or with an activation
 * behind: the standard operator's own functions serve them.
 *
 * Source: ONNX Runtime's documentation of contrib operators. */
#include "ops/op_activation.h"
#include "ops/op_delegate.h"

/* ---- the same under another name ---- */

static const struct {
    const char *name, *domain, *standard;
    int opset;
} g_aliases[] = {
    {"ConvTransposeWithDynamicPads", "", "ConvTranspose", 11},
    {"FusedMatMulActivation", "com.microsoft", "FusedMatMul", 1},
    {"GatherND", "", "GatherND", 12},
    {"GridSample", "", "GridSample", 16},
    {"NhwcConv", "", "Conv", 11},
    {"NhwcFusedConv", "com.microsoft", "FusedConv", 1},
    {"Pad", "", "Pad", 13},
    {"QLinearConv", "", "QLinearConv", 10},
    {"TransposeMatMul", "com.microsoft", "FusedMatMul", 1},
    {"Trilu", "", "Trilu", 14},
};

/* The node as the standard operator would have it. */
static hone__node standard_node(const hone__node *node) {
    hone__node copy = *node;
    for (size_t i = 0; i < HONE_COUNT(g_aliases); i++)
        if (strcmp(node->op_type, g_aliases[i].name) == 0) {
            copy.domain = g_aliases[i].domain;
            copy.op_type = g_aliases[i].standard;
            copy.opset = g_aliases[i].opset;
            copy.op = hone__op_find(copy.domain, copy.op_type, copy.opset);
        }
    return copy;
}

static hone_status infer_alias(hone__infer *ctx) {
    hone__node node = standard_node(ctx->node);
    hone__infer sub = *ctx;
    sub.node = &node;
    return node.op->infer(&sub);
}

/* Evaluates another node, on other inputs, in the place of this one. */
static hone_status eval_as(hone__eval *ctx, const hone__node *node, const hone_tensor *const *in, size_t n_in) {
    const hone__node *own = ctx->node;
    const hone_tensor *const *own_in = ctx->in;
    size_t own_n = ctx->n_in;
    ctx->node = node;
    ctx->in = in;
    ctx->n_in = n_in;
    hone_status status = node->op->eval(ctx);
    ctx->node = own;
    ctx->in = own_in;
    ctx->n_in = own_n;
    return status;
}

static hone_status eval_alias(hone__eval *ctx) {
    hone__node node = standard_node(ctx->node);
    return eval_as(ctx, &node, ctx->in, ctx->n_in);
}

/* ---- channels last ---- */

static bool is_channels_last(const hone__node *node) {
    return strcmp(node->op_type, "QLinearConv") != 0 || hone__node_attr_int(node, "channels_last", 0) != 0;
}

/* dims of [N,...,C] as [N,C,...], or back. */
static void move_dim(const hone__dim *from, int rank, bool to_last, hone__dim *to) {
    to[0] = from[0];
    for (int d = 1; d < rank; d++)
        to[d] = to_last ? from[d + 1 < rank ? d + 1 : 1] : from[d == 1 ? rank - 1 : d - 1];
}

static hone_status infer_channels_last(hone__infer *ctx) {
    if (!is_channels_last(ctx->node))
        return infer_alias(ctx);
    hone__type first, residual;
    hone__dim dims[HONE_MAX_RANK], z_dims[HONE_MAX_RANK], out[HONE_MAX_RANK];
    const hone__type *in[16] = {NULL};
    if (ctx->n_in > HONE_COUNT(in) || !hone__infer_has_rank(ctx, 0) || hone__infer_input(ctx, 0)->rank < 3)
        return hone__infer_dtype(ctx, 0) ? hone__infer_set_dtype(ctx, 0, hone__infer_dtype(ctx, 0)) : HONE_OK;
    for (size_t i = 0; i < ctx->n_in; i++)
        in[i] = ctx->in[i];
    first = *in[0];
    move_dim(first.dims, first.rank, false, dims);
    first.dims = dims;
    in[0] = &first;
    if (strcmp(ctx->node->op_type, "NhwcFusedConv") == 0 && ctx->n_in > 3 && in[3] && in[3]->rank == first.rank) {
        residual = *in[3];
        move_dim(residual.dims, residual.rank, false, z_dims);
        residual.dims = z_dims;
        in[3] = &residual;
    }
    hone__node node = standard_node(ctx->node);
    hone__infer sub = *ctx;
    sub.node = &node;
    sub.in = in;
    HONE_TRY(node.op->infer(&sub));
    hone__type *y = &ctx->out[0];
    if (!y->is_known || y->rank < 3)
        return HONE_OK;
    move_dim(y->dims, y->rank, true, out);
    return hone__infer_set(ctx, 0, y->dtype, y->rank, out);
}

/* x with its channels moved from the last place to the second, or back, into memory of `to` or, when that is NULL,
 * of its own in `view`. */
static hone_status move_channels(hone__eval *ctx, const hone_tensor *x, bool to_last, hone_tensor *view) {
    int64_t dims[HONE_MAX_RANK], c = x->dims[to_last ? 1 : x->rank - 1];
    int64_t inner = to_last ? hone__dims_product(x->dims, 2, x->rank) : hone__dims_product(x->dims, 1, x->rank - 1);
    size_t size = hone_dtype_bits(x->dtype) / 8;
    dims[0] = x->dims[0];
    for (int d = 1; d < x->rank; d++)
        dims[d] = to_last ? x->dims[d + 1 < x->rank ? d + 1 : 1] : x->dims[d == 1 ? x->rank - 1 : d - 1];
    void *data;
    HONE_TRY(hone__eval_scratch(ctx, x->size ? x->size : 1, &data));
    for (int64_t n = 0; n < x->dims[0]; n++)
        for (int64_t k = 0; k < c; k++)
            for (int64_t i = 0; i < inner; i++) {
                int64_t first = (n * c + k) * inner + i, last = (n * inner + i) * c + k;
                memcpy((uint8_t *)data + (size_t)(to_last ? last : first) * size,
                       (const uint8_t *)x->data + (size_t)(to_last ? first : last) * size, size);
            }
    hone__tensor_view(view, x->dtype, x->rank, dims, data, x->size);
    return HONE_OK;
}

static hone_status eval_channels_last(hone__eval *ctx) {
    if (!is_channels_last(ctx->node))
        return eval_alias(ctx);
    const hone_tensor *x, *in[16] = {NULL};
    hone_tensor moved, residual, back, *out = NULL, *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (x->rank < 3 || ctx->n_in > HONE_COUNT(in))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "an input with channels must have rank 3 or more");
    for (size_t i = 0; i < ctx->n_in; i++)
        in[i] = ctx->in[i];
    HONE_TRY(move_channels(ctx, x, false, &moved));
    in[0] = &moved;
    if (strcmp(ctx->node->op_type, "NhwcFusedConv") == 0 && ctx->n_in > 3 && in[3]) {
        if (in[3]->rank != x->rank)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the residual must have the output's shape");
        HONE_TRY(move_channels(ctx, in[3], false, &residual));
        in[3] = &residual;
    }
    hone__node node = standard_node(ctx->node);
    HONE_TRY(hone__delegate_eval(ctx, node.domain, node.op_type, node.opset, in, ctx->n_in, &out, 1));
    hone_status status = move_channels(ctx, out, true, &back);
    if (status == HONE_OK)
        status = hone__eval_output(ctx, 0, back.dtype, back.rank, back.dims, &y);
    if (status == HONE_OK && y && y->size)
        memcpy(y->data, back.data, y->size);
    hone_tensor_destroy(out);
    return status;
}

/* ---- a little more than the standard operator ---- */

/* The activation's parameters are attributes of their own. */
static hone_status eval_mat_mul_activation(hone__eval *ctx) {
    hone__activation act = {0};
    hone_tensor *out = NULL;
    if (strcmp(hone__node_attr_string(ctx->node, "activation", ""), "Softmax") == 0)
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED, "Softmax behind a product is not supported");
    HONE_TRY(hone__activation_find(hone__node_attr_string(ctx->node, "activation", ""), &act, ctx->error));
    if (hone__node_attr(ctx->node, "activation_alpha"))
        act.a = hone__node_attr_float(ctx->node, "activation_alpha", 0);
    if (hone__node_attr(ctx->node, "activation_beta"))
        act.b = hone__node_attr_float(ctx->node, "activation_beta", 0);
    HONE_TRY(hone__delegate_eval(ctx, "com.microsoft", "FusedMatMul", 1, ctx->in, 2, &out, 1));
    for (int64_t i = 0; act.apply && i < hone__tensor_count(out); i++)
        hone__tensor_put_double(out, i, act.apply(&act, hone_tensor_get_double(out, i)));
    return ctx->output_take(ctx, 0, out);
}

/* ConvTranspose with the pads in an input: X, W, Pads, B. */
static hone_status infer_dynamic_pads(hone__infer *ctx) {
    static const int index[] = {0, 1};
    if (!hone__infer_given(ctx, 2))
        return hone__delegate_infer(ctx, "", "ConvTranspose", 11, index, 2, hone__infer_dtype(ctx, 0));
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    if (!dtype || !hone__infer_has_rank(ctx, 0) || hone__infer_input(ctx, 0)->rank < 3)
        return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
    for (int d = 0; d < ctx->in[0]->rank; d++)
        dims[d] = d == 0 ? ctx->in[0]->dims[0] : hone__dim_unknown();
    return hone__infer_set(ctx, 0, dtype, ctx->in[0]->rank, dims);
}

static hone_status eval_dynamic_pads(hone__eval *ctx) {
    int64_t pads[2 * HONE_MAX_RANK];
    size_t n = 0;
    HONE_TRY(hone__eval_ints(ctx, 2, pads, HONE_COUNT(pads), &n));
    const hone_tensor *in[3] = {ctx->in[0], ctx->in[1], hone__in(ctx, 3)};
    hone__attr attrs[9], pad = {.name = "pads", .type = HONE_ATTR_INTS, .n = n, .ints = pads};
    hone__node node = standard_node(ctx->node);
    if (node.n_attrs >= HONE_COUNT(attrs))
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "it has too many attributes");
    for (size_t i = 0; i < node.n_attrs; i++)
        attrs[i] = node.attrs[i];
    node.attrs = attrs;
    if (n)
        attrs[node.n_attrs++] = pad;
    return eval_as(ctx, &node, in, 3);
}

/* Pad with its pads in a vector or in a matrix of one row. */
static hone_status infer_pad(hone__infer *ctx) {
    hone__type pads;
    hone__dim dims[1];
    if (!hone__infer_has_rank(ctx, 1) || hone__infer_input(ctx, 1)->rank != 2)
        return infer_alias(ctx);
    pads = *hone__infer_input(ctx, 1);
    dims[0] = pads.dims[1];
    pads.rank = 1;
    pads.dims = dims;
    const hone__type *in[3] = {ctx->in[0], &pads, ctx->n_in > 2 ? ctx->in[2] : NULL};
    hone__node node = standard_node(ctx->node);
    hone__infer sub = *ctx;
    sub.node = &node;
    sub.in = in;
    return node.op->infer(&sub);
}

static hone_status eval_pad(hone__eval *ctx) {
    const hone_tensor *pads, *in[3] = {ctx->in[0], hone__in(ctx, 1), hone__in(ctx, 2)};
    hone_tensor vector;
    HONE_TRY(hone__eval_tensor(ctx, 1, &pads));
    if (pads->rank == 2 && pads->dims[0] == 1) {
        hone__tensor_view(&vector, pads->dtype, 1, &pads->dims[1], pads->data, pads->size);
        in[1] = &vector;
    }
    hone__node node = standard_node(ctx->node);
    return eval_as(ctx, &node, in, 3);
}

/* ---- rows ---- */

#define MS "com.microsoft"
#define Q8 (HONE_SET(INT8) | HONE_SET(UINT8))
static const hone__op_param p_product[] = {HONE_PARAM("A", HONE_SET_FLOAT, 'T'), HONE_PARAM("B", HONE_SET_FLOAT, 'T')};
static const hone__op_param p_gather[] = {HONE_PARAM("data", HONE_SET_ALL_V1, 'T'),
                                          HONE_PARAM("indices", HONE_SET(INT32) | HONE_SET(INT64), 0)};
static const hone__op_param p_grid[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'), HONE_PARAM("Grid", HONE_SET_IEEE, 'T')};
static const hone__op_param p_trilu[] = {HONE_PARAM("X", HONE_SET_NUMERIC | HONE_SET(BOOL), 'T'),
                                         HONE_PARAM_OPT("k", HONE_SET(INT64), 0)};
static const hone__op_param p_conv[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'), HONE_PARAM("W", HONE_SET_IEEE, 'T'),
                                        HONE_PARAM_OPT("B", HONE_SET_IEEE, 'T'),
                                        HONE_PARAM_OPT("Z", HONE_SET_IEEE, 'T')};
static const hone__op_param p_q_conv[] = {HONE_PARAM("x", Q8, '1'),
                                          HONE_PARAM("x_scale", HONE_SET(FLOAT), 0),
                                          HONE_PARAM("x_zero_point", Q8, '1'),
                                          HONE_PARAM("w", Q8, '2'),
                                          HONE_PARAM("w_scale", HONE_SET(FLOAT), 0),
                                          HONE_PARAM("w_zero_point", Q8, '2'),
                                          HONE_PARAM("y_scale", HONE_SET(FLOAT), 0),
                                          HONE_PARAM("y_zero_point", Q8, '3'),
                                          HONE_PARAM_OPT("B", HONE_SET(INT32), 0)};
static const hone__op_param p_dynamic[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'), HONE_PARAM("W", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM_OPT("Pads", HONE_SET(INT64), 0),
                                           HONE_PARAM_OPT("B", HONE_SET_IEEE, 'T')};
static const hone__op_param p_pad[] = {HONE_PARAM("data", HONE_SET_IEEE, 'T'), HONE_PARAM("pads", HONE_SET(INT64), 0),
                                       HONE_PARAM_OPT("value", HONE_SET_IEEE, 'T')};
static const hone__op_param q_float[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_param q_any[] = {HONE_PARAM("Y", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param q_q_conv[] = {HONE_PARAM("y", Q8, '3')};
#define CONV_ATTRS                                                                                                     \
    {"auto_pad", HONE_ATTR_STRING, false}, {"dilations", HONE_ATTR_INTS, false}, {"group", HONE_ATTR_INT, false},      \
        {"kernel_shape", HONE_ATTR_INTS, false}, {                                                                     \
        "strides", HONE_ATTR_INTS, false                                                                               \
    }
#define PRODUCT_ATTRS                                                                                                  \
    {"alpha", HONE_ATTR_FLOAT, false}, {"transA", HONE_ATTR_INT, false}, {"transB", HONE_ATTR_INT, false},             \
        {"transBatchA", HONE_ATTR_INT, false}, {                                                                       \
        "transBatchB", HONE_ATTR_INT, false                                                                            \
    }
static const hone__op_attr a_product[] = {PRODUCT_ATTRS};
static const hone__op_attr a_product_activation[] = {PRODUCT_ATTRS,
                                                     {"activation", HONE_ATTR_STRING, true},
                                                     {"activation_alpha", HONE_ATTR_FLOAT, false},
                                                     {"activation_axis", HONE_ATTR_INT, false},
                                                     {"activation_beta", HONE_ATTR_FLOAT, false},
                                                     {"activation_gamma", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_grid[] = {{"align_corners", HONE_ATTR_INT, false},
                                       {"mode", HONE_ATTR_STRING, false},
                                       {"padding_mode", HONE_ATTR_STRING, false}};
static const hone__op_attr a_pad[] = {{"mode", HONE_ATTR_STRING, false}};
static const hone__op_attr a_trilu[] = {{"upper", HONE_ATTR_INT, false}};
static const hone__op_attr a_conv[] = {CONV_ATTRS, {"pads", HONE_ATTR_INTS, false}};
static const hone__op_attr a_fused_conv[] = {CONV_ATTRS,
                                             {"pads", HONE_ATTR_INTS, false},
                                             {"activation", HONE_ATTR_STRING, false},
                                             {"activation_params", HONE_ATTR_FLOATS, false}};
static const hone__op_attr a_q_conv[] = {
    CONV_ATTRS, {"pads", HONE_ATTR_INTS, false}, {"channels_last", HONE_ATTR_INT, false}};
static const hone__op_attr a_dynamic[] = {CONV_ATTRS, {"output_padding", HONE_ATTR_INTS, false}};

/* Two operations per multiply-add: one for each output element and weight of its channel. */
static double flops_channels_last(const hone__node *node, const hone__type *const *in, const hone__type *const *out) {
    const hone__type *w = in[1], *y = out[0];
    (void)node;
    if (!w || !y || w->rank < 3 || y->rank < 3)
        return 0;
    double flops = 2;
    for (int i = 0; i < y->rank; i++)
        flops *= (double)y->dims[i].value;
    for (int i = 1; i < w->rank; i++)
        flops *= (double)w->dims[i].value;
    return flops;
}

static const hone__op g_rows[] = {
    HONE_ROW(MS, "TransposeMatMul", 1, HONE_OP_PURE, 2, p_product, 1, q_float, a_product, infer_alias, eval_alias,
             NULL),
    HONE_ROW(MS, "FusedMatMulActivation", 1, HONE_OP_PURE, 2, p_product, 1, q_float, a_product_activation, infer_alias,
             eval_mat_mul_activation, NULL),
    HONE_ROW_NO_ATTRS(MS, "GatherND", 1, HONE_OP_PURE, 2, p_gather, 1, q_any, infer_alias, eval_alias, NULL),
    HONE_ROW(MS, "GridSample", 1, HONE_OP_PURE, 2, p_grid, 1, q_float, a_grid, infer_alias, eval_alias, NULL),
    HONE_ROW(MS, "Pad", 1, HONE_OP_PURE, 2, p_pad, 1, q_float, a_pad, infer_pad, eval_pad, NULL),
    HONE_ROW(MS, "Trilu", 1, HONE_OP_PURE, 1, p_trilu, 1, q_any, a_trilu, infer_alias, eval_alias, NULL),
    HONE_ROW(MS, "NhwcConv", 1, HONE_OP_PURE, 2, p_conv, 1, q_float, a_conv, infer_channels_last, eval_channels_last,
             NULL),
    HONE_ROW(MS, "NhwcFusedConv", 1, HONE_OP_PURE, 2, p_conv, 1, q_float, a_fused_conv, infer_channels_last,
             eval_channels_last, flops_channels_last),
    HONE_ROW(MS, "QLinearConv", 1, HONE_OP_PURE, 8, p_q_conv, 1, q_q_conv, a_q_conv, infer_channels_last,
             eval_channels_last, NULL),
    HONE_ROW(MS, "ConvTransposeWithDynamicPads", 1, HONE_OP_PURE, 2, p_dynamic, 1, q_float, a_dynamic,
             infer_dynamic_pads, eval_dynamic_pads, NULL),
};
const hone__op_family hone__ops_contrib_alias = {"contrib_alias", g_rows, HONE_COUNT(g_rows)};
