/* Computes nodes whose inputs are all constant with the operators' reference evaluators. A result larger than the
 * inputs it comes from and than a cap stays a node (Tile, Expand, ConstantOfShape), so that a model never grows by
 * much.
 *
 * Proof obligation: the rows say which operators are pure, and the evaluators define what they give. A node that fails
 * to evaluate stays, so that its error is met where it is run. Where the shape of the result depends on data (NonZero
 * of a mask), inputs are small and the result is measured after it is there. */
#include "base/alloc.h"
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

enum { DEFAULT_GROWN_SIZE = 1 << 20, MAX_DATA_SHAPE_SIZE = 1 << 16 };

static bool is_foldable(const hone__node *node, size_t *in_size) {
    const hone__op *op = node->op;
    if (!op || !op->eval || !(op->flags & HONE_OP_PURE) || (op->flags & (HONE_OP_CONTROL | HONE_OP_NO_EVAL)) ||
        node->n_inputs == 0)
        return false;
    *in_size = 0;
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        if (!value)
            continue;
        if (!value->constant || value->is_overridable)
            return false;
        *in_size += value->constant->size;
    }
    return true;
}

static size_t limit_of(const hone__pass_context *ctx, const hone__node *node) {
    if (ctx->options->fold_limit)
        return ctx->options->fold_limit;
    if (hone__is_op(node, "DequantizeLinear") && ctx->options->target == HONE_TARGET_HONE)
        return SIZE_MAX / 16; /* four times the weights in memory, as they would be at every run */
    return DEFAULT_GROWN_SIZE;
}

/* A runtime with integer kernels looks for DequantizeLinear at both inputs of a Conv, Gemm or MatMul. */
static bool serves_integers(const hone__node *node) {
    for (size_t i = 0; i < node->n_outputs; i++)
        for (size_t k = 0; node->outputs[i] && k < node->outputs[i]->n_uses; k++) {
            const hone__node *reader = node->outputs[i]->uses[k].node;
            bool is_linear = hone__is_op(reader, "Conv") || hone__is_op(reader, "ConvTranspose") ||
                             hone__is_op(reader, "MatMul") || hone__is_op(reader, "Gemm");
            if (is_linear && hone__input_node(reader, 0, "DequantizeLinear"))
                return true;
        }
    return false;
}

/* Quantised weights: our own kernels for them work on float32, so that dequantising now saves it at every run; in a
 * file for others the pairs stay. */
static bool is_weight_to_keep(const hone__pass_context *ctx, const hone__node *node) {
    return hone__is_op(node, "DequantizeLinear") && ctx->options->target != HONE_TARGET_HONE && serves_integers(node);
}

/* The size is known before anything is computed, or the node stays. */
static bool is_small_enough(const hone__node *node, size_t in_size, size_t limit) {
    size_t total = 0;
    if (node->op->flags & HONE_OP_DATA_SHAPE)
        return in_size <= MAX_DATA_SHAPE_SIZE; /* at most rank times as many elements of 8 bytes come out */
    for (size_t i = 0; i < node->n_outputs; i++) {
        const hone__value *value = node->outputs[i];
        if (!value)
            continue;
        int64_t dims[HONE_MAX_RANK];
        size_t size;
        if (!value->type.is_known || value->type.kind != HONE_KIND_TENSOR || !hone__type_is_static(&value->type) ||
            value->type.rank > HONE_MAX_RANK)
            return false;
        for (int d = 0; d < value->type.rank; d++)
            dims[d] = value->type.dims[d].value;
        if (!hone__shape_size(value->type.dtype, dims, value->type.rank, &size) || size > SIZE_MAX / 16)
            return false;
        total += size;
    }
    return total <= in_size || total <= limit;
}

/* Shape and Size of a value with static dims are constants too. */
static bool is_static_shape_of(const hone__node *node) {
    return node->op && (node->op->flags & HONE_OP_SHAPE_ONLY) && hone__pass_shapes_hold(node->graph) &&
           node->n_inputs && node->inputs[0] && node->inputs[0]->type.is_known &&
           node->inputs[0]->type.kind == HONE_KIND_TENSOR && node->inputs[0]->type.rank <= HONE_MAX_RANK &&
           hone__type_is_static(&node->inputs[0]->type);
}

static hone_status evaluate(const hone__node *node, hone_tensor **out, hone_error *error) {
    const hone_tensor **in = hone__calloc(node->n_inputs + 1, sizeof *in);
    if (!in)
        return hone__fail_memory(error, "constant folding");
    hone_tensor shape;
    memset(&shape, 0, sizeof shape);
    hone_status status = HONE_OK;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i]) {
            HONE_CHECK(hone__value_align(node->inputs[i], error));
            in[i] = node->inputs[i]->constant;
        }
    if (node->n_inputs && node->inputs[0] && !in[0]) {
        const hone__type *type = &node->inputs[0]->type;
        shape.dtype = type->dtype;
        shape.rank = type->rank;
        for (int d = 0; d < type->rank; d++)
            shape.dims[d] = type->dims[d].value;
        in[0] = &shape;
    }
    status = hone__op_eval_node(node, in, node->n_inputs, out, node->n_outputs, error);
cleanup:
    hone__free(in);
    return status;
}

static bool outputs_are_free(const hone__node *node) {
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && hone__value_is_output(node->outputs[i]))
            return false;
    return true;
}

static hone_status fold(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone_tensor **out = hone__calloc(node->n_outputs + 1, sizeof *out);
    if (!out)
        return hone__fail_memory(error, "constant folding");
    hone_status status = evaluate(node, out, error);
    size_t done = 0;
    if (status != HONE_OK && status != HONE_ERROR_MEMORY) {
        /* The node's own fault: it is reported when it runs, with the inputs it has then. */
        hone_error_clear(error);
        hone__free(out);
        return HONE_OK;
    }
    bool plain = status == HONE_OK;
    for (size_t i = 0; plain && i < node->n_outputs; i++)
        plain = !out[i] || out[i]->kind == HONE_KIND_TENSOR;
    for (; plain && done < node->n_outputs && status == HONE_OK; done++) {
        if (!out[done] || !node->outputs[done])
            continue;
        hone__value *value;
        status = hone__graph_add_constant(node->graph, node->outputs[done]->name, out[done], &value, error);
        if (status != HONE_OK)
            break;
        out[done] = NULL;
        status = hone__graph_replace_value(node->outputs[done], value, error);
    }
    for (size_t i = 0; i < node->n_outputs; i++)
        hone_tensor_destroy(out[i]);
    hone__free(out);
    HONE_TRY(status);
    if (plain) {
        ctx->wants_inference |= (node->op->flags & HONE_OP_DATA_SHAPE) != 0; /* readers did not know the shape */
        hone__graph_remove_node(node);
        ctx->n_changed++;
    }
    return HONE_OK;
}

HONE_PASS(fold_constants) {
    hone__graph *graph = ctx->graph;
    HONE_FOR_NODES_SAFE(node, graph) {
        size_t in_size;
        if (!outputs_are_free(node) || is_weight_to_keep(ctx, node))
            continue;
        if (is_static_shape_of(node) ||
            (is_foldable(node, &in_size) && is_small_enough(node, in_size, limit_of(ctx, node))))
            HONE_TRY(fold(node, ctx, error));
    }
    return HONE_OK;
}
