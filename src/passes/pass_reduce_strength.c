/* Dear operators for cheap ones, after the fusions, whose patterns have the dear ones in them:
 *
 *   x ^ 2 = x * x      x ^ 0.5 = Sqrt(x)      x ^ -1 = Reciprocal(x)      x / c = x * (1 / c) for c a power of two
 *   1 / x = Reciprocal(x)   x * Reciprocal(y) = x / y, for y as large as x
 *
 * Proof obligation: a square is rounded once either way; Sqrt rounds correctly where Pow need not (they differ at -0
 * and -infinity alone, where Pow gives 0 and infinity); 1 / c is exact for a power of two whose reciprocal is normal,
 * and a product with it is the quotient. Other divisors would round twice and are left alone. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <math.h>

static bool is_scalar_operand(const hone__node *node, double *c) {
    return node->n_inputs == 2 && node->inputs[0] && node->inputs[1] && node->op &&
           hone__const_scalar(node->inputs[1], c) &&
           node->inputs[1]->constant->rank <= hone__value_rank(node->inputs[0]);
}

static hone_status visit_pow(hone__node *node, double power, hone__pass_context *ctx, hone_error *error) {
    hone__value *in[2] = {node->inputs[0], node->inputs[0]};
    hone_dtype dtype = hone__value_dtype(node->inputs[0]);
    bool is_float = dtype == HONE_DTYPE_FLOAT || dtype == HONE_DTYPE_DOUBLE || dtype == HONE_DTYPE_FLOAT16;
    const char *op = power == 2 ? "Mul" : power == 0.5 ? "Sqrt" : power == -1 ? "Reciprocal" : NULL;
    if (!op || !is_float || !hone__pass_can(ctx, op, power == 2 ? 7 : 6))
        return HONE_OK;
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, op, in, power == 2 ? 2 : 1, NULL, error);
}

/* 1 / x, with a one that does not widen the result. */
static hone_status visit_one_over(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone_dtype dtype = hone__value_dtype(node->outputs[0]);
    if ((dtype != HONE_DTYPE_FLOAT && dtype != HONE_DTYPE_DOUBLE) || node->n_inputs != 2 || !node->inputs[1] ||
        !hone__const_is_all(node->inputs[0], 1) || hone__tensor_count(node->inputs[0]->constant) != 1 ||
        node->inputs[0]->constant->rank > hone__value_rank(node->inputs[1]) || !hone__pass_can(ctx, "Reciprocal", 6))
        return HONE_OK;
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, "Reciprocal", &node->inputs[1], 1, NULL, error);
}

/* The quotient costs as much as the reciprocal did, and the product is saved. */
static hone_status visit_mul(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    for (size_t i = 0; node->n_inputs == 2 && i < 2; i++) {
        hone__node *reciprocal = hone__input_node(node, i, "Reciprocal");
        if (!reciprocal || hone__value_single_consumer(node->inputs[i]) != node ||
            !hone__same_shape(node->inputs[i], node->outputs[0]) || !hone__pass_can(ctx, "Div", 7))
            continue;
        hone__value *in[2] = {node->inputs[1 - i], reciprocal->inputs[0]};
        ctx->n_changed++;
        return hone__pass_replace(ctx, node, "Div", in, 2, NULL, error);
    }
    return HONE_OK;
}

static hone_status visit_div(hone__node *node, double c, hone__pass_context *ctx, hone_error *error) {
    hone_dtype dtype = hone__value_dtype(node->outputs[0]);
    int exponent;
    if ((dtype != HONE_DTYPE_FLOAT && dtype != HONE_DTYPE_DOUBLE) || !isfinite(c) || fabs(frexp(c, &exponent)) != 0.5 ||
        exponent < -120 || exponent > 120 || !hone__pass_can(ctx, "Mul", 7))
        return HONE_OK;
    hone__value *in[2] = {node->inputs[0], NULL};
    HONE_TRY(hone__add_scalar(ctx->graph, node->inputs[1]->name, dtype, 1 / c, &in[1], error));
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, "Mul", in, 2, NULL, error);
}

HONE_PASS(reduce_strength) {
    /* Other runtimes have fusions of their own, which look for the operators that exporters write. */
    if (ctx->options->target != HONE_TARGET_HONE)
        return HONE_OK;
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        double c;
        if (hone__is_op(node, "Pow") && is_scalar_operand(node, &c) && node->op->since >= 7)
            HONE_TRY(visit_pow(node, c, ctx, error));
        else if (hone__is_op(node, "Div") && is_scalar_operand(node, &c) && node->op->since >= 7)
            HONE_TRY(visit_div(node, c, ctx, error));
        else if (hone__is_op(node, "Div") && node->op && node->op->since >= 7)
            HONE_TRY(visit_one_over(node, ctx, error));
        else if (hone__is_op(node, "Mul") && node->op && node->op->since >= 7)
            HONE_TRY(visit_mul(node, ctx, error));
    }
    return HONE_OK;
}
