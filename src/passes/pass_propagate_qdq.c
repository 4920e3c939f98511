/* QuantizeLinear and DequantizeLinear: moved to where they cancel, and removed there.
 *
 *   QuantizeLinear(DequantizeLinear(q))             -> q                    when both have the same parameters
 *   move(DequantizeLinear(q))                       -> DequantizeLinear(move(q))
 *   QuantizeLinear(move(x))                         -> move(QuantizeLinear(x))
 *   Concat(DequantizeLinear(q1), ...)               -> DequantizeLinear(Concat(q1, ...))   of the same parameters
 *   QuantizeLinear(Relu(x))                         -> QuantizeLinear(x)    when zero is the lowest number
 *
 * where move is Reshape, Transpose, Squeeze, Unsqueeze, Flatten, Slice, Gather, Expand, Tile, Split of one,
 * DepthToSpace, SpaceToDepth or MaxPool. Patterns around Conv, MatMul and Gemm keep their pairs: those lie beside the
 * operator, and only come closer to it.
 *
 * Proof obligation: with one scale and one zero point for all, dequantising acts on each element alone, so that it
 * commutes with moving elements; it is monotone for a positive scale, so that it commutes with the maximum. Rounding
 * (q - z) * s / s to the next integer gives q - z for 8 and 16 bits. QuantizeLinear saturates at its lowest number. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

static bool is_q(const hone__node *node) { return hone__is_op(node, "QuantizeLinear") && node->op; }
static bool is_dq(const hone__node *node) { return hone__is_op(node, "DequantizeLinear") && node->op; }

/* One positive scale and one zero point, constant, of small integers. */
static bool is_uniform(const hone__node *node) {
    hone_dtype dtype = hone__value_dtype(is_q(node) ? node->outputs[0] : node->inputs[0]);
    double scale;
    if (dtype != HONE_DTYPE_INT8 && dtype != HONE_DTYPE_UINT8 && dtype != HONE_DTYPE_INT16 &&
        dtype != HONE_DTYPE_UINT16)
        return false;
    if (node->n_inputs < 2 || !hone__const_scalar(node->inputs[1], &scale) || !(scale > 0) ||
        hone__node_attr_int(node, "block_size", 0))
        return false;
    return node->n_inputs < 3 || !node->inputs[2] ||
           (hone__is_constant(node->inputs[2]) && hone__tensor_count(node->inputs[2]->constant) == 1);
}

static int64_t zero_point(const hone__node *node) {
    int64_t z = 0;
    if (node->n_inputs > 2 && node->inputs[2])
        hone__tensor_get_i64(node->inputs[2]->constant, 0, &z);
    return z;
}

static bool same_parameters(const hone__node *a, const hone__node *b) {
    double s, t;
    hone_dtype x = hone__value_dtype(is_q(a) ? a->outputs[0] : a->inputs[0]);
    hone_dtype y = hone__value_dtype(is_q(b) ? b->outputs[0] : b->inputs[0]);
    return x == y && is_uniform(a) && is_uniform(b) && hone__const_scalar(a->inputs[1], &s) &&
           hone__const_scalar(b->inputs[1], &t) && s == t && zero_point(a) == zero_point(b) &&
           hone__value_dtype(a->inputs[1]) == hone__value_dtype(b->inputs[1]);
}

/* Moves the elements of input 0 and reads nothing else of them. Versions that know 8-bit integers. */
static bool is_move(const hone__node *node, hone_dtype dtype) {
    static const char *const ops[] = {"Reshape", "Transpose", "Squeeze", "Unsqueeze",    "Flatten",
                                      "Slice",   "Gather",    "Expand",  "DepthToSpace", "SpaceToDepth",
                                      "Tile",    "MaxPool",   NULL};
    if (!node || !node->op || *node->domain || node->n_inputs == 0 || !hone__only_first_output(node) ||
        node->op->n_inputs == 0 || !hone__dtype_in(dtype, node->op->inputs[0].types))
        return false;
    for (size_t i = 0; ops[i]; i++)
        if (hone__is_op(node, ops[i]))
            return true;
    return false;
}

/* ---- cancelling ---- */

static hone_status visit_quantize(hone__node *q, bool *done, hone__pass_context *ctx, hone_error *error) {
    hone__node *dq = q->inputs[0]->producer;
    *done = false;
    if (is_dq(dq)) {
        if (same_parameters(q, dq))
            return hone__pass_bypass(ctx, q, dq->inputs[0], done, error);
        hone__pass_missed(ctx, q, 1, "its parameters differ from those of node %s", dq->name);
        return HONE_OK;
    }
    int64_t lowest = hone__value_dtype(q->outputs[0]) == HONE_DTYPE_INT8    ? INT8_MIN
                     : hone__value_dtype(q->outputs[0]) == HONE_DTYPE_INT16 ? INT16_MIN
                                                                            : 0;
    if (hone__is_op(dq, "Relu") && is_uniform(q) && zero_point(q) == lowest &&
        hone__value_single_consumer(q->inputs[0]) == q) {
        HONE_TRY(hone__node_set_input(q, 0, dq->inputs[0], error));
        ctx->n_changed++;
    }
    return HONE_OK;
}

/* ---- moving ---- */

static void retype(hone__value *value, hone_dtype dtype) { value->type.dtype = dtype; }

/* move(DQ(q)) -> DQ(move(q)): the move's value becomes integers, and a copy of DQ behind it makes the old value. */
static hone_status sink(hone__node *dq, hone__pass_context *ctx, hone_error *error) {
    hone__value *result = dq->outputs[0], *between;
    hone__node *move = hone__value_single_consumer(result), *made;
    hone_dtype dtype = hone__value_dtype(dq->inputs[0]);
    if (!move || move->inputs[0] != result || !is_uniform(dq) || !is_move(move, dtype))
        return HONE_OK;
    hone__value *moved = move->outputs[0];
    HONE_TRY(hone__graph_add_value(ctx->graph, moved->name, &between, error));
    if (hone__type_copy(hone__graph_arena(ctx->graph), &moved->type, &between->type) != HONE_OK)
        return hone__fail_memory(error, "a type");
    retype(between, dtype);
    HONE_TRY(hone__node_set_input(move, 0, dq->inputs[0], error));
    HONE_TRY(hone__node_set_output(move, 0, between, error));
    hone__value *in[3] = {between, dq->inputs[1], dq->n_inputs > 2 ? dq->inputs[2] : NULL};
    HONE_TRY(hone__graph_add_node(ctx->graph, move->next, "", "DequantizeLinear", dq->name, in, dq->n_inputs, &moved, 1,
                                  &made, error));
    HONE_TRY(hone__node_become(made, "", "DequantizeLinear", dq->opset, ctx->pass->name, error));
    move->provenance = ctx->pass->name;
    hone__graph_remove_node(dq);
    ctx->n_changed++;
    return HONE_OK;
}

/* Q(move(x)) -> move(Q(x)), when the float value is wanted nowhere else. */
static hone_status rise(hone__node *q, hone__pass_context *ctx, hone_error *error) {
    hone__node *move = q->inputs[0]->producer, *made;
    hone_dtype dtype = hone__value_dtype(q->outputs[0]);
    if (!move || move->graph != q->graph || hone__value_single_consumer(q->inputs[0]) != q || !is_uniform(q) ||
        !is_move(move, dtype) || !move->inputs[0] || hone__is_constant(move->inputs[0]))
        return HONE_OK;
    /* Making the tensor smaller first is the better order. */
    if (hone__is_op(move, "Slice") || hone__is_op(move, "Gather") || hone__is_op(move, "MaxPool"))
        return HONE_OK;
    hone__value *result = q->outputs[0], *x = move->inputs[0], *low;
    HONE_TRY(hone__graph_add_value(ctx->graph, result->name, &low, error));
    if (hone__type_copy(hone__graph_arena(ctx->graph), &x->type, &low->type) != HONE_OK)
        return hone__fail_memory(error, "a type");
    retype(low, dtype);
    hone__value *in[3] = {x, q->inputs[1], q->n_inputs > 2 ? q->inputs[2] : NULL};
    size_t n_in = q->n_inputs;
    int64_t opset = q->opset;
    const char *name = q->name;
    const hone__attr *output_dtype = hone__node_attr(q, "output_dtype");
    HONE_TRY(hone__graph_add_node(ctx->graph, move, "", "QuantizeLinear", name, in, n_in, &low, 1, &made, error));
    HONE_TRY(hone__node_become(made, "", "QuantizeLinear", opset, ctx->pass->name, error));
    if (output_dtype)
        HONE_TRY(hone__node_set_attr(made, output_dtype, error));
    hone__graph_remove_node(q);
    HONE_TRY(hone__node_set_input(move, 0, low, error));
    HONE_TRY(hone__node_set_output(move, 0, result, error));
    move->provenance = ctx->pass->name;
    ctx->n_changed++;
    return HONE_OK;
}

/* ---- Concat ---- */

static hone_status visit_concat(hone__node *concat, hone__pass_context *ctx, hone_error *error) {
    hone__node *first = concat->inputs[0] ? concat->inputs[0]->producer : NULL, *made;
    if (!is_dq(first) || !is_uniform(first))
        return HONE_OK;
    for (size_t i = 0; i < concat->n_inputs; i++) {
        hone__node *dq = concat->inputs[i] ? concat->inputs[i]->producer : NULL;
        if (!is_dq(dq) || hone__value_single_consumer(concat->inputs[i]) != concat || !same_parameters(first, dq)) {
            hone__pass_missed(ctx, concat, (int)i, "input %zu is not dequantised with the parameters of input 0", i);
            return HONE_OK;
        }
    }
    hone__value *result = concat->outputs[0], *between;
    HONE_TRY(hone__graph_add_value(ctx->graph, result->name, &between, error));
    if (hone__type_copy(hone__graph_arena(ctx->graph), &result->type, &between->type) != HONE_OK)
        return hone__fail_memory(error, "a type");
    retype(between, hone__value_dtype(first->inputs[0]));
    hone__value *in[3] = {between, first->inputs[1], first->n_inputs > 2 ? first->inputs[2] : NULL};
    for (size_t i = 0; i < concat->n_inputs; i++)
        HONE_TRY(hone__node_set_input(concat, i, concat->inputs[i]->producer->inputs[0], error));
    HONE_TRY(hone__node_set_output(concat, 0, between, error));
    HONE_TRY(hone__graph_add_node(ctx->graph, concat->next, "", "DequantizeLinear", first->name, in, first->n_inputs,
                                  &result, 1, &made, error));
    ctx->n_changed++;
    return hone__node_become(made, "", "DequantizeLinear", first->opset, ctx->pass->name, error);
}

HONE_PASS(propagate_qdq) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        bool done;
        if (!node->op || !node->n_inputs || !node->inputs[0] || !node->n_outputs || !node->outputs[0])
            continue;
        if (is_dq(node) && !hone__is_constant(node->inputs[0])) {
            HONE_TRY(sink(node, ctx, error));
        } else if (is_q(node)) {
            HONE_TRY(visit_quantize(node, &done, ctx, error));
            if (!done)
                HONE_TRY(rise(node, ctx, error));
        } else if (hone__is_op(node, "Concat") && node->n_inputs > 1) {
            HONE_TRY(visit_concat(node, ctx, error));
        }
    }
    return HONE_OK;
}
