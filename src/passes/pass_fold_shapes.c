/* Shapes that the graph computes for itself (Shape -> Gather -> Concat -> Reshape): what inference has found out about
 * them is written down, and the nodes that computed them die.
 *
 *   a small integer value all of whose elements are known     becomes a constant
 *   Reshape with a computed shape                             gets a constant one: known dims, 0 where a dim is the
 * input's own at the same place, one -1 for what remains Expand, Tile, ConstantOfShape, Upsample, Resize           get
 * constant operands when their result's shape is known
 *
 * Proof obligation: elements and dims known to inference hold at every run (outside of loops' bodies; see
 * hone__pass_shapes_hold). Equal symbols are equal dims. A lone -1 stands for the one dim that the number of elements
 * leaves open. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

/* ---- values that are wholly known ---- */

static bool is_known(const hone__value *value, hone_dtype *dtype) {
    *dtype = hone__value_dtype(value);
    if (!value->sym || (*dtype != HONE_DTYPE_INT64 && *dtype != HONE_DTYPE_INT32 && *dtype != HONE_DTYPE_BOOL))
        return false;
    for (size_t i = 0; i < value->n_sym; i++)
        if (!value->sym[i].is_known)
            return false;
    int64_t dims[HONE_MAX_RANK], count = 1;
    if (!hone__static_dims(value, dims) || value->type.rank > 1)
        return false;
    count = value->type.rank == 1 ? dims[0] : 1;
    return (size_t)count == value->n_sym;
}

static hone_status to_constant(hone__node *node, size_t output, hone_dtype dtype, hone__pass_context *ctx,
                               hone_error *error) {
    hone__value *from = node->outputs[output], *to;
    hone_tensor *tensor;
    int64_t n = (int64_t)from->n_sym;
    HONE_TRY(hone_tensor_create(dtype, from->type.rank, &n, &tensor, error));
    for (int64_t i = 0; i < n; i++)
        if (dtype == HONE_DTYPE_INT64)
            ((int64_t *)tensor->data)[i] = from->sym[i].value;
        else if (dtype == HONE_DTYPE_INT32)
            ((int32_t *)tensor->data)[i] = (int32_t)from->sym[i].value;
        else
            ((uint8_t *)tensor->data)[i] = from->sym[i].value != 0;
    hone_status status = hone__graph_add_constant(ctx->graph, from->name, tensor, &to, error);
    if (status != HONE_OK) {
        hone_tensor_destroy(tensor);
        return status;
    }
    HONE_TRY(hone__graph_replace_value(from, to, error));
    ctx->n_changed++;
    return HONE_OK;
}

static hone_status visit_known(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    for (size_t i = 0; i < node->n_outputs; i++) {
        hone__value *value = node->outputs[i];
        hone_dtype dtype;
        if (value && value->n_uses && !value->n_output_uses && is_known(value, &dtype))
            HONE_TRY(to_constant(node, i, dtype, ctx, error));
    }
    return HONE_OK;
}

/* ---- Reshape ---- */

/* What the target may be written as; false when more than one dim stays open. */
static bool solve_target(const hone__node *node, int64_t *target, int *rank) {
    const hone__value *shape = node->inputs[1], *x = node->inputs[0], *y = node->outputs[0];
    bool allow_zero = hone__node_attr_int(node, "allowzero", 0) != 0;
    int n_open = 0, x_rank = hone__value_rank(x);
    *rank = hone__value_rank(y);
    if (*rank < 0 || *rank > HONE_MAX_RANK)
        return false;
    for (int i = 0; i < *rank; i++) {
        hone__dim dim = y->type.dims[i];
        const hone__sym *sym = shape->sym && shape->n_sym == (size_t)*rank ? &shape->sym[i] : NULL;
        const char *symbol = sym && !sym->is_known && sym->symbol ? sym->symbol : dim.symbol;
        hone__dim own = i < x_rank ? x->type.dims[i] : (hone__dim){-1, NULL};
        if (dim.value < 0 && sym && sym->is_known && sym->value > 0)
            dim.value = sym->value;
        if (dim.value > 0) {
            target[i] = dim.value;
        } else if (dim.value == 0) {
            return false; /* 0 means "the input's" unless allowzero says otherwise: left as it is */
        } else if (!allow_zero && symbol && *symbol && own.value < 0 && own.symbol && strcmp(symbol, own.symbol) == 0) {
            target[i] = 0;
        } else {
            target[i] = -1;
            if (n_open++)
                return false;
        }
    }
    return true;
}

static hone_status visit_reshape(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    int64_t target[HONE_MAX_RANK];
    int rank;
    hone__value *value;
    if (node->n_inputs != 2 || !node->inputs[1] || node->inputs[1]->constant)
        return HONE_OK;
    if (!solve_target(node, target, &rank)) {
        hone__pass_missed(ctx, node, 1, "the shape \"%s\" is computed, and more than one dim of the result is unknown",
                          node->inputs[1]->name);
        return HONE_OK;
    }
    HONE_TRY(hone__add_ints(ctx->graph, node->inputs[1]->name, target, (size_t)rank, &value, error));
    HONE_TRY(hone__node_set_input(node, 1, value, error));
    ctx->n_changed++;
    return HONE_OK;
}

/* ---- others ---- */

/* Expand and ConstantOfShape: the result's shape serves as the operand. (Expand's operand may hold a 1 where the input
 * is larger; the result's dims give the same.) */
static hone_status visit_shaped(hone__node *node, size_t input, hone__pass_context *ctx, hone_error *error) {
    int64_t dims[HONE_MAX_RANK];
    hone__value *value;
    if (node->n_inputs <= input || !node->inputs[input] || node->inputs[input]->constant ||
        !hone__static_dims(node->outputs[0], dims))
        return HONE_OK;
    HONE_TRY(hone__add_ints(ctx->graph, node->inputs[input]->name, dims, (size_t)node->outputs[0]->type.rank, &value,
                            error));
    HONE_TRY(hone__node_set_input(node, input, value, error));
    ctx->n_changed++;
    return HONE_OK;
}

/* Tile: every dim divides. */
static hone_status visit_tile(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    int64_t x[HONE_MAX_RANK], y[HONE_MAX_RANK];
    hone__value *value;
    if (node->n_inputs != 2 || !node->inputs[1] || node->inputs[1]->constant ||
        !hone__static_dims(node->inputs[0], x) || !hone__static_dims(node->outputs[0], y) ||
        node->inputs[0]->type.rank != node->outputs[0]->type.rank)
        return HONE_OK;
    int rank = node->outputs[0]->type.rank;
    for (int i = 0; i < rank; i++) {
        if (x[i] <= 0 || y[i] % x[i] != 0)
            return HONE_OK;
        y[i] /= x[i];
    }
    HONE_TRY(hone__add_ints(ctx->graph, node->inputs[1]->name, y, (size_t)rank, &value, error));
    HONE_TRY(hone__node_set_input(node, 1, value, error));
    ctx->n_changed++;
    return HONE_OK;
}

HONE_PASS(fold_shapes) {
    if (!hone__pass_shapes_hold(ctx->graph))
        return HONE_OK;
    HONE_FOR_NODES(node, ctx->graph) {
        if (!node->op || node->n_outputs == 0 || !node->outputs[0] || node->n_inputs == 0)
            continue;
        if ((node->op->flags & HONE_OP_PURE) && !(node->op->flags & HONE_OP_CONTROL))
            HONE_TRY(visit_known(node, ctx, error));
        if (hone__is_op(node, "Reshape"))
            HONE_TRY(visit_reshape(node, ctx, error));
        else if (hone__is_op(node, "Expand"))
            HONE_TRY(visit_shaped(node, 1, ctx, error));
        else if (hone__is_op(node, "ConstantOfShape"))
            HONE_TRY(visit_shaped(node, 0, ctx, error));
        else if (hone__is_op(node, "Tile"))
            HONE_TRY(visit_tile(node, ctx, error));
    }
    return HONE_OK;
}
