/* Lowering: what hone's own operators and newer versions are written as for other runtimes. lower_to_onnxruntime takes
 * those that com.microsoft has, lower_to_onnx spells the rest out in the standard's operators. Both run last.
 * Source: ONNX Runtime, docs/ContribOperators.md; ONNX operator specification. */
#include "base/error.h"
#include "base/half.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <math.h>
#include <string.h>

/* ---- making nodes ---- */

/* A standard or com.microsoft node before `before` with the type of `like`; *out NULL: a new value, else the one given,
 * which has no producer. */
static hone_status emit(hone__pass_context *ctx, hone__node *before, const char *domain, const char *op_type,
                        hone__value *const *inputs, size_t n, const hone__value *like, hone__value **out,
                        hone__node **node, hone_error *error) {
    hone__graph *graph = before->graph;
    if (!*out) {
        HONE_TRY(hone__graph_add_value(graph, like->name, out, error));
        if (hone__type_copy(hone__graph_arena(graph), &like->type, &(*out)->type) != HONE_OK)
            return hone__fail_memory(error, "a lowered node");
    }
    HONE_TRY(hone__graph_add_node(graph, before, domain, op_type, NULL, inputs, n, out, 1, node, error));
    int64_t opset = *domain ? 1 : hone__graph_get_opset(graph, "");
    return hone__node_become(*node, domain, op_type, opset, ctx->pass->name, error);
}

static hone_status emit_binary(hone__pass_context *ctx, hone__node *before, const char *op_type, hone__value *a,
                               hone__value *b, const hone__value *like, hone__value **out, hone_error *error) {
    hone__node *node;
    hone__value *in[2] = {a, b};
    return emit(ctx, before, "", op_type, in, 2, like, out, &node, error);
}

static hone_status emit_unary(hone__pass_context *ctx, hone__node *before, const char *op_type, hone__value *x,
                              hone__value **out, hone__node **node, hone_error *error) {
    return emit(ctx, before, "", op_type, &x, 1, x, out, node, error);
}

/* A scalar of the value's floating-point type. */
static hone_status scalar(hone__graph *graph, const hone__value *like, double x, hone__value **out, hone_error *error) {
    hone_tensor *tensor;
    hone_dtype dtype = like->type.dtype;
    HONE_TRY(hone_tensor_create(dtype, 0, NULL, &tensor, error));
    if (dtype == HONE_DTYPE_DOUBLE)
        *(double *)tensor->data = x;
    else if (dtype == HONE_DTYPE_FLOAT16)
        *(uint16_t *)tensor->data = hone__f32_to_f16((float)x);
    else if (dtype == HONE_DTYPE_BFLOAT16)
        *(uint16_t *)tensor->data = hone__f32_to_bf16((float)x);
    else
        *(float *)tensor->data = (float)x;
    hone_status status = hone__graph_add_constant(graph, "scalar", tensor, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(tensor);
    return status;
}

/* ---- activations ---- */

typedef struct act {
    const char *name;
    float a, b;
} act;

static act read_act(const hone__node *node) {
    size_t n;
    const float *params = hone__node_attr_floats(node, "activation_params", &n);
    return (act){hone__node_attr_string(node, "activation", ""), n > 0 ? params[0] : 0, n > 1 ? params[1] : 0};
}

static void drop_act(hone__node *node) {
    hone__node_remove_attr(node, "activation");
    hone__node_remove_attr(node, "activation_params");
}

/* y = x * gate */
static hone_status emit_gated(hone__pass_context *ctx, hone__node *before, hone__value *x, hone__value *gate,
                              hone__value **out, hone_error *error) {
    return emit_binary(ctx, before, "Mul", x, gate, x, out, error);
}

static hone_status emit_silu(hone__pass_context *ctx, hone__node *before, hone__value *x, float alpha,
                             hone__value **out, hone_error *error) {
    hone__value *inner = x, *gate = NULL, *c, *scaled = NULL;
    hone__node *node;
    if (ctx->options->target == HONE_TARGET_ONNXRUNTIME && hone__is_float(x)) {
        HONE_TRY(emit(ctx, before, "com.microsoft", "QuickGelu", &x, 1, x, out, &node, error));
        return hone__node_set_attr_float(node, "alpha", alpha, error);
    }
    if (alpha != 1) {
        HONE_TRY(scalar(before->graph, x, alpha, &c, error));
        HONE_TRY(emit_binary(ctx, before, "Mul", x, c, x, &scaled, error));
        inner = scaled;
    }
    HONE_TRY(emit_unary(ctx, before, "Sigmoid", inner, &gate, &node, error));
    return emit_gated(ctx, before, x, gate, out, error);
}

static hone_status emit_hard_swish(hone__pass_context *ctx, hone__node *before, hone__value *x, hone__value **out,
                                   hone_error *error) {
    hone__value *gate = NULL;
    hone__node *node;
    if (hone__graph_get_opset(ctx->graph, "") >= 14)
        return emit_unary(ctx, before, "HardSwish", x, out, &node, error);
    HONE_TRY(emit_unary(ctx, before, "HardSigmoid", x, &gate, &node, error));
    HONE_TRY(hone__node_set_attr_float(node, "alpha", 1 / 6.f, error));
    HONE_TRY(hone__node_set_attr_float(node, "beta", 0.5f, error));
    return emit_gated(ctx, before, x, gate, out, error);
}

/* 0.5 x (1 + erf(x / sqrt 2)), or with tanh(sqrt(2/pi) (x + 0.044715 x^3)); Hendrycks and Gimpel, 2016. */
static hone_status emit_gelu(hone__pass_context *ctx, hone__node *before, hone__value *x, bool is_tanh,
                             hone__value **out, hone_error *error) {
    hone__graph *graph = before->graph;
    hone__value *c, *inner = NULL, *f = NULL, *gate = NULL, *half = NULL;
    hone__node *node;
    if (hone__graph_get_opset(ctx->graph, "") >= 20) {
        HONE_TRY(emit_unary(ctx, before, "Gelu", x, out, &node, error));
        return hone__node_set_attr_string(node, "approximate", is_tanh ? "tanh" : "none", error);
    }
    if (is_tanh) {
        hone__value *square = NULL, *cube = NULL, *term = NULL, *sum = NULL;
        HONE_TRY(emit_binary(ctx, before, "Mul", x, x, x, &square, error));
        HONE_TRY(emit_binary(ctx, before, "Mul", square, x, x, &cube, error));
        HONE_TRY(scalar(graph, x, 0.044715, &c, error));
        HONE_TRY(emit_binary(ctx, before, "Mul", cube, c, x, &term, error));
        HONE_TRY(emit_binary(ctx, before, "Add", x, term, x, &sum, error));
        HONE_TRY(scalar(graph, x, sqrt(2 / 3.14159265358979323846), &c, error));
        HONE_TRY(emit_binary(ctx, before, "Mul", sum, c, x, &inner, error));
    } else {
        HONE_TRY(scalar(graph, x, sqrt(0.5), &c, error));
        HONE_TRY(emit_binary(ctx, before, "Mul", x, c, x, &inner, error));
    }
    HONE_TRY(emit_unary(ctx, before, is_tanh ? "Tanh" : "Erf", inner, &f, &node, error));
    HONE_TRY(scalar(graph, x, 1, &c, error));
    HONE_TRY(emit_binary(ctx, before, "Add", f, c, x, &gate, error));
    HONE_TRY(scalar(graph, x, 0.5, &c, error));
    HONE_TRY(emit_binary(ctx, before, "Mul", x, c, x, &half, error));
    return emit_binary(ctx, before, "Mul", half, gate, x, out, error);
}

static hone_status emit_clip(hone__pass_context *ctx, hone__node *before, hone__value *x, const act *a,
                             hone__value **out, hone_error *error) {
    hone__value *in[3] = {x, NULL, NULL};
    hone__node *node;
    if (hone__graph_get_opset(ctx->graph, "") < 11) {
        HONE_TRY(emit_unary(ctx, before, "Clip", x, out, &node, error));
        if (isfinite(a->a))
            HONE_TRY(hone__node_set_attr_float(node, "min", a->a, error));
        return isfinite(a->b) ? hone__node_set_attr_float(node, "max", a->b, error) : HONE_OK;
    }
    if (isfinite(a->a))
        HONE_TRY(scalar(before->graph, x, a->a, &in[1], error));
    if (isfinite(a->b))
        HONE_TRY(scalar(before->graph, x, a->b, &in[2], error));
    return emit(ctx, before, "", "Clip", in, in[2] ? 3 : in[1] ? 2 : 1, x, out, &node, error);
}

static hone_status emit_mish(hone__pass_context *ctx, hone__node *before, hone__value *x, hone__value **out,
                             hone_error *error) {
    hone__value *soft = NULL, *gate = NULL;
    hone__node *node;
    if (hone__graph_get_opset(ctx->graph, "") >= 18)
        return emit_unary(ctx, before, "Mish", x, out, &node, error);
    HONE_TRY(emit_unary(ctx, before, "Softplus", x, &soft, &node, error));
    HONE_TRY(emit_unary(ctx, before, "Tanh", soft, &gate, &node, error));
    return emit_gated(ctx, before, x, gate, out, error);
}

static hone_status emit_act(hone__pass_context *ctx, hone__node *before, hone__value *x, const act *a,
                            hone__value **out, hone_error *error) {
    hone__node *node;
    if (strcmp(a->name, "Clip") == 0)
        return emit_clip(ctx, before, x, a, out, error);
    if (strcmp(a->name, "Silu") == 0)
        return emit_silu(ctx, before, x, a->a, out, error);
    if (strcmp(a->name, "Gelu") == 0 || strcmp(a->name, "GeluTanh") == 0)
        return emit_gelu(ctx, before, x, a->name[4] != 0, out, error);
    if (strcmp(a->name, "HardSwish") == 0)
        return emit_hard_swish(ctx, before, x, out, error);
    if (strcmp(a->name, "Mish") == 0)
        return emit_mish(ctx, before, x, out, error);
    HONE_TRY(emit_unary(ctx, before, a->name, x, out, &node, error));
    if (strcmp(a->name, "LeakyRelu") == 0 || strcmp(a->name, "Elu") == 0 || strcmp(a->name, "HardSigmoid") == 0)
        HONE_TRY(hone__node_set_attr_float(node, "alpha", a->a, error));
    return strcmp(a->name, "HardSigmoid") == 0 ? hone__node_set_attr_float(node, "beta", a->b, error) : HONE_OK;
}

/* ---- taking fused nodes apart ---- */

/* The node makes a new value; what it made is `*result`, to be made by what follows. */
static hone_status cut_output(hone__node *node, hone__value **result, hone__value **made, hone_error *error) {
    *result = node->outputs[0];
    HONE_TRY(hone__graph_add_value(node->graph, (*result)->name, made, error));
    if (hone__type_copy(hone__graph_arena(node->graph), &(*result)->type, &(*made)->type) != HONE_OK)
        return hone__fail_memory(error, "a lowered node");
    return hone__node_set_output(node, 0, *made, error);
}

/* node's result goes through +Z and the activation, as far as there are any; both leave the node. */
static hone_status split_epilogue(hone__pass_context *ctx, hone__node *node, bool keep_z, hone_error *error) {
    act a = read_act(node);
    hone__value *z = !keep_z && node->n_inputs > 3 ? node->inputs[3] : NULL, *result, *x;
    hone__node *anchor = node->next, *place = NULL, *made;
    bool has_act = *a.name != 0;
    drop_act(node);
    if (!keep_z)
        hone__node_truncate_inputs(node, node->n_inputs < 3 ? node->n_inputs : 3);
    if (!z && !has_act)
        return HONE_OK;
    HONE_TRY(cut_output(node, &result, &x, error));
    if (!anchor) { /* nodes are put before another: an Identity that goes again keeps the place at the end */
        hone__value *none = NULL;
        HONE_TRY(hone__graph_add_value(node->graph, "place", &none, error));
        HONE_TRY(hone__graph_add_node(node->graph, NULL, "", "Identity", NULL, &x, 1, &none, 1, &place, error));
        anchor = place;
    }
    hone_status status = HONE_OK;
    if (z) {
        hone__value *sum = has_act ? NULL : result, *in[2] = {x, z};
        status = emit(ctx, anchor, "", "Add", in, 2, result, &sum, &made, error);
        x = sum;
    }
    if (status == HONE_OK && has_act)
        status = emit_act(ctx, anchor, x, &a, &result, error);
    if (place)
        hone__graph_remove_node(place);
    return status;
}

static hone_status lower_conv(hone__pass_context *ctx, hone__node *node, hone_error *error) {
    ctx->n_changed++;
    HONE_TRY(split_epilogue(ctx, node, false, error));
    return hone__node_become(node, "", "Conv", hone__graph_get_opset(ctx->graph, ""), ctx->pass->name, error);
}

/* Swaps the last two axes of input i by a Transpose. */
static hone_status transpose_input(hone__pass_context *ctx, hone__node *node, size_t i, hone_error *error) {
    hone__value *x = node->inputs[i], *out = NULL;
    int64_t perm[HONE_MAX_RANK];
    hone__node *made;
    int rank = hone__value_rank(x);
    if (rank < 2)
        return HONE_OK; /* vectors are not transposed */
    for (int d = 0; d < rank; d++)
        perm[d] = d;
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    HONE_TRY(emit_unary(ctx, node, "Transpose", x, &out, &made, error));
    HONE_TRY(hone__node_set_attr_ints(made, "perm", perm, (size_t)rank, error));
    hone__dim last = out->type.dims[rank - 1];
    out->type.dims[rank - 1] = out->type.dims[rank - 2];
    out->type.dims[rank - 2] = last;
    return hone__node_set_input(node, i, out, error);
}

static hone_status lower_matmul(hone__pass_context *ctx, hone__node *node, hone_error *error) {
    float alpha = hone__node_attr_float(node, "alpha", 1);
    bool trans[2] = {hone__node_attr_int(node, "transA", 0) != 0, hone__node_attr_int(node, "transB", 0) != 0};
    int ranks[2] = {hone__value_rank(node->inputs[0]), hone__value_rank(node->inputs[1])};
    int64_t opset = hone__graph_get_opset(ctx->graph, "");
    bool has_bias = node->n_inputs > 2 && node->inputs[2];
    hone__value *scale = node->n_inputs > 4 ? node->inputs[4] : NULL, *columns = NULL;
    if ((trans[0] && ranks[0] < 0) || (trans[1] && ranks[1] < 0) ||
        (scale && (trans[1] || !hone__is_float(node->inputs[1]))))
        return HONE_OK; /* stays hone's: the permutation is not known, or scaled rows */
    ctx->n_changed++;
    if (scale) {
        HONE_TRY(emit_binary(ctx, node, "Mul", node->inputs[1], scale, node->inputs[1], &columns, error));
        HONE_TRY(hone__node_set_input(node, 1, columns, error));
    }
    HONE_TRY(split_epilogue(ctx, node, false, error));
    bool is_plain = !has_bias && !trans[0] && !trans[1] && alpha == 1;
    if (ranks[0] == 2 && ranks[1] == 2 && !is_plain && (has_bias || opset >= 11))
        return hone__node_become(node, "", "Gemm", opset, ctx->pass->name, error);
    hone__value *bias = has_bias ? node->inputs[2] : NULL, *result, *x, *c;
    for (size_t i = 0; i < 2; i++)
        if (trans[i])
            HONE_TRY(transpose_input(ctx, node, i, error));
    if (alpha != 1) { /* on the smaller side, the left one, which keeps constants constant */
        hone__value *scaled = NULL;
        HONE_TRY(scalar(node->graph, node->inputs[0], alpha, &c, error));
        HONE_TRY(emit_binary(ctx, node, "Mul", node->inputs[0], c, node->inputs[0], &scaled, error));
        HONE_TRY(hone__node_set_input(node, 0, scaled, error));
    }
    hone__node_truncate_inputs(node, 2);
    hone__node_remove_attr(node, "alpha");
    hone__node_remove_attr(node, "transA");
    hone__node_remove_attr(node, "transB");
    HONE_TRY(hone__node_become(node, "", "MatMul", opset, ctx->pass->name, error));
    if (!bias)
        return HONE_OK;
    hone__value *in[2];
    hone__node *add;
    const int rank = hone__value_rank(node->outputs[0]);
    if (rank >= 0 && rank < 2 && hone__value_rank(bias) > rank) { /* of vectors: Add would give the bias' dimensions */
        hone__value *shape, *scalar_bias;
        HONE_TRY(hone__add_ints(node->graph, "shape", (const int64_t[]){-1}, (size_t)rank, &shape, error));
        HONE_TRY(hone__graph_add_value(node->graph, bias->name, &scalar_bias, error));
        HONE_TRY(hone__type_set_tensor(hone__graph_arena(node->graph), &scalar_bias->type, bias->type.dtype, rank,
                                       (hone__dim[]){hone__dim_unknown()})
                     ? hone__fail_memory(error, "a type")
                     : HONE_OK);
        hone__node *reshape;
        HONE_TRY(hone__graph_add_node(node->graph, node, "", "Reshape", NULL, (hone__value *[]){bias, shape}, 2,
                                      &scalar_bias, 1, &reshape, error));
        HONE_TRY(hone__node_become(reshape, "", "Reshape", opset, ctx->pass->name, error));
        bias = scalar_bias;
    }
    HONE_TRY(cut_output(node, &result, &x, error));
    in[0] = x;
    in[1] = bias;
    HONE_TRY(hone__graph_add_node(node->graph, node->next, "", "Add", NULL, in, 2, &result, 1, &add, error));
    return hone__node_become(add, "", "Add", opset, ctx->pass->name, error);
}

/* Replaces a node of one input by the activation spelt out. */
static hone_status replace_unary(hone__pass_context *ctx, hone__node *node, const act *a, hone_error *error) {
    hone__value *result = node->outputs[0], *x = node->inputs[0];
    ctx->n_changed++;
    HONE_TRY(hone__node_set_output(node, 0, NULL, error));
    HONE_TRY(emit_act(ctx, node, x, a, &result, error));
    hone__graph_remove_node(node);
    return HONE_OK;
}

/* Standard activations that the model's opset has not yet. */
static bool is_too_new(const hone__pass_context *ctx, const hone__node *node, act *a) {
    if (*node->domain || !node->op || node->n_inputs != 1 || node->n_outputs != 1)
        return false;
    if (hone__op_find("", node->op_type, hone__graph_get_opset(ctx->graph, "")))
        return false;
    bool is_tanh = strcmp(hone__node_attr_string(node, "approximate", "none"), "tanh") == 0;
    *a = (act){NULL, 0, 0};
    if (hone__is_op(node, "Gelu"))
        a->name = is_tanh ? "GeluTanh" : "Gelu";
    else if (hone__is_op(node, "HardSwish") || hone__is_op(node, "Mish"))
        a->name = node->op_type;
    return a->name != NULL;
}

/* The standard's activations and arithmetic take bfloat16 from opset 13 on; a node that could not be written in its
 * type stays what it is. */
static bool is_spellable(const hone__pass_context *ctx, const hone__node *node) {
    const hone__value *x = node->inputs[0];
    return x && x->type.is_known &&
           (x->type.dtype != HONE_DTYPE_BFLOAT16 || hone__graph_get_opset(ctx->graph, "") >= 13);
}

HONE_PASS(lower_to_onnx) {
    hone__graph *graph = ctx->graph;
    if (hone__graph_get_opset(graph, "") < 7)
        return HONE_OK;
    HONE_FOR_NODES_SAFE(node, graph) {
        act a = {"Silu", hone__node_attr_float(node, "alpha", 1), 0};
        if (hone__is_op_in(node, "hone", "FusedConv"))
            HONE_TRY(lower_conv(ctx, node, error));
        else if (hone__is_op_in(node, "hone", "FusedMatMul"))
            HONE_TRY(lower_matmul(ctx, node, error));
        else if ((hone__is_op_in(node, "hone", "Silu") || is_too_new(ctx, node, &a)) && is_spellable(ctx, node))
            HONE_TRY(replace_unary(ctx, node, &a, error));
    }
    return HONE_OK;
}

/* ---- com.microsoft ---- */

/* What ONNX Runtime's CPU provider can do inside FusedConv. */
static bool knows_act(const char *name) {
    static const char *const names[] = {"", "Relu", "Tanh", "Sigmoid", "LeakyRelu", "Clip", "HardSigmoid"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static hone_status lower_conv_to_microsoft(hone__pass_context *ctx, hone__node *node, hone_error *error) {
    act a = read_act(node);
    bool has_z = node->n_inputs > 3 && node->inputs[3];
    if (!has_z && (!*a.name || !knows_act(a.name)))
        return HONE_OK; /* Conv and an activation: lower_to_onnx */
    ctx->n_changed++;
    if (!knows_act(a.name)) {
        HONE_TRY(split_epilogue(ctx, node, true, error));
    } else if (strcmp(a.name, "Clip") == 0) { /* both bounds are required there */
        float params[2] = {fmaxf(a.a, -3.402823466e38f), fminf(a.b, 3.402823466e38f)};
        HONE_TRY(hone__node_set_attr_floats(node, "activation_params", params, 2, error));
    } else if (strcmp(a.name, "LeakyRelu") == 0) {
        HONE_TRY(hone__node_set_attr_floats(node, "activation_params", &a.a, 1, error));
    } else if (strcmp(a.name, "HardSigmoid") != 0) {
        hone__node_remove_attr(node, "activation_params");
    }
    if (!*hone__node_attr_string(node, "activation", ""))
        drop_act(node);
    return hone__node_become(node, "com.microsoft", "FusedConv", 1, ctx->pass->name, error);
}

static hone_status lower_gelu(hone__pass_context *ctx, hone__node *node, hone_error *error) {
    bool is_tanh = strcmp(hone__node_attr_string(node, "approximate", "none"), "tanh") == 0;
    if (hone__graph_get_opset(ctx->graph, "") >= 20)
        return HONE_OK;
    ctx->n_changed++;
    hone__value *x = node->inputs[0];
    return hone__replace_pattern(node, "com.microsoft", is_tanh ? "FastGelu" : "Gelu", 1, &x, 1, ctx->pass->name, NULL,
                                 error);
}

/* The bias of an attention covers all queries there: [B,1,1,T] is expanded to [B,1,S,T], once for all nodes that read
 * it. */
static hone_status expand_bias(hone__pass_context *ctx, hone__node *node, hone__value *bias, hone__value **out,
                               hone_error *error) {
    hone__graph *graph = node->graph;
    hone__value *query = node->inputs[0], *shape = NULL;
    hone__node *made;
    *out = bias;
    if (hone__value_dim(bias, 2) != 1 || hone__value_dim(query, 1) == 1)
        return HONE_OK;
    for (size_t i = 0; i < bias->n_uses; i++) {
        const hone__node *use = bias->uses[i].node;
        if (hone__is_op(use, "Expand") && use->provenance == ctx->pass->name && use->graph == graph) {
            *out = use->outputs[0];
            return HONE_OK;
        }
    }
    int64_t n = 4, one = 1, want[4] = {1, 1, hone__value_dim(query, 1), 1};
    hone_tensor *tensor;
    bool is_known = want[2] > 0;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_INT64, 1, is_known ? &n : &one, &tensor, error));
    memcpy(tensor->data, is_known ? want : &one, (size_t)(is_known ? n : 1) * sizeof(int64_t));
    hone_status status = hone__graph_add_constant(graph, "shape", tensor, &shape, error);
    if (status != HONE_OK) {
        hone_tensor_destroy(tensor);
        return status;
    }
    if (!is_known) { /* Concat(1, 1, Shape(query)[1], 1) */
        hone__dim three = {3, NULL}, single = {1, NULL}, four = {4, NULL};
        hone__value *sizes = NULL, *rows = NULL, *joined = NULL;
        hone__value like = *shape;
        hone__type *type = &like.type;
        HONE_TRY(hone__type_set_tensor(hone__graph_arena(graph), type, HONE_DTYPE_INT64, 1, &three));
        HONE_TRY(emit(ctx, node, "", "Shape", &query, 1, &like, &sizes, &made, error));
        HONE_TRY(hone__type_set_tensor(hone__graph_arena(graph), type, HONE_DTYPE_INT64, 1, &single));
        HONE_TRY(emit(ctx, node, "", "Gather", (hone__value *[]){sizes, shape}, 2, &like, &rows, &made, error));
        HONE_TRY(hone__type_set_tensor(hone__graph_arena(graph), type, HONE_DTYPE_INT64, 1, &four));
        HONE_TRY(emit(ctx, node, "", "Concat", (hone__value *[]){shape, shape, rows, shape}, 4, &like, &joined, &made,
                      error));
        HONE_TRY(hone__node_set_attr_int(made, "axis", 0, error));
        shape = joined;
    }
    *out = NULL;
    HONE_TRY(emit(ctx, node, "", "Expand", (hone__value *[]){bias, shape}, 2, bias, out, &made, error));
    (*out)->type.dims[2] = query->type.dims[1];
    return HONE_OK;
}

/* fuse_attention made it for this target: rows of all heads, a bias of rank 4 or none. */
static hone_status lower_attention(hone__pass_context *ctx, hone__node *node, hone_error *error) {
    static const char *const layouts[] = {"q_layout", "k_layout", "v_layout", "y_layout"};
    static const char *const others[] = {"causal", "k_view", "kv_num_heads", "mask_layout", "mask_repeats",
                                         "q_view", "v_view", "zero_masked",  "mask_value"};
    int64_t heads = hone__node_attr_int(node, "num_heads", 0);
    float scale = hone__node_attr_float(node, "scale", 1);
    hone__value *in[6] = {node->inputs[0], node->inputs[1], node->inputs[2], NULL, NULL, NULL};
    hone__value *bias = node->n_inputs > 3 ? node->inputs[3] : NULL;
    for (size_t i = 0; i < 4; i++)
        if (strcmp(hone__node_attr_string(node, layouts[i], "BHSD"), "BSC") != 0)
            return HONE_OK;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (hone__node_attr(node, others[i]))
            return HONE_OK;
    if (heads <= 0 || !hone__is_float(in[0]) || (bias && (!hone__is_float(bias) || hone__value_rank(bias) != 4)))
        return HONE_OK;
    ctx->n_changed++;
    if (bias)
        HONE_TRY(expand_bias(ctx, node, bias, &in[5], error));
    hone__node *made;
    HONE_TRY(hone__replace_pattern(node, "com.microsoft", "MultiHeadAttention", 1, in, bias ? 6 : 3, ctx->pass->name,
                                   &made, error));
    HONE_TRY(hone__node_set_attr_int(made, "num_heads", heads, error));
    return hone__node_set_attr_float(made, "scale", scale, error);
}

HONE_PASS(lower_to_onnxruntime) {
    hone__graph *graph = ctx->graph;
    if (ctx->options->target != HONE_TARGET_ONNXRUNTIME || hone__graph_get_opset(graph, "") < 7)
        return HONE_OK;
    HONE_FOR_NODES_SAFE(node, graph) {
        if (hone__is_op_in(node, "hone", "FusedConv")) {
            HONE_TRY(lower_conv_to_microsoft(ctx, node, error));
        } else if (hone__is_op_in(node, "hone", "Silu") && hone__is_float(node->inputs[0])) {
            hone__node *made;
            hone__value *x = node->inputs[0];
            float alpha = hone__node_attr_float(node, "alpha", 1);
            ctx->n_changed++;
            HONE_TRY(
                hone__replace_pattern(node, "com.microsoft", "QuickGelu", 1, &x, 1, ctx->pass->name, &made, error));
            HONE_TRY(hone__node_set_attr_float(made, "alpha", alpha, error));
        } else if (hone__is_op_in(node, "hone", "FusedAttention")) {
            HONE_TRY(lower_attention(ctx, node, error));
        } else if (hone__is_op(node, "Gelu") && hone__is_float(node->inputs[0])) {
            HONE_TRY(lower_gelu(ctx, node, error));
        }
    }
    return HONE_OK;
}
