/* Algebraic identities of one or two nodes, by a table:
 *
 *   f(f(x)) = x            Neg, Not, BitwiseNot, Reciprocal
 *   f(g(x)) = g(x)         f = Relu, Abs: g never negative; f = Floor, Ceil, Round: g gives whole numbers; Sign of Sign
 *   f(Neg(x)) = f(x)       Abs, Cosh, Cos
 *   x + (-y) = x - y       x - (-y) = x + y       (-x) * (-y) = x * y       (-x) / (-y) = x / y
 *   Where(Not(c), x, y) = Where(c, y, x)
 *
 * Proof obligation: each holds for every real number, infinities included; Reciprocal twice no
 * longer rounds. Floats keep their NaN. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

static bool is_listed(const hone__node *node, const char *const *ops) {
    for (; node && *ops; ops++)
        if (hone__is_op(node, *ops))
            return true;
    return false;
}

/* What f makes of g's result is g's result. */
static bool keeps(const hone__node *f, const hone__node *g) {
    static const char *const never_negative[] = {
        "Relu",    "Abs",      "Exp",      "Sigmoid",         "HardSigmoid", "Softplus", "Sqrt",
        "Softmax", "ReduceL1", "ReduceL2", "ReduceSumSquare", "Cosh",        NULL};
    static const char *const whole[] = {"Floor", "Ceil", "Round", "Sign", NULL};
    static const char *const rounding[] = {"Floor", "Ceil", "Round", NULL};
    if (hone__is_op(f, "Relu") ||
        hone__is_op(f, "Abs")) /* sums and magnitudes of integers wrap around to negative ones */
        return is_listed(g, never_negative) && hone__dtype_in(hone__value_dtype(g->outputs[0]), HONE_SET_FLOAT);
    if (is_listed(f, rounding))
        return is_listed(g, whole);
    return hone__is_op(f, "Sign") && hone__is_op(g, "Sign");
}

static bool undoes(const hone__node *f, const hone__node *g) {
    static const char *const own_inverse[] = {"Neg", "Not", "BitwiseNot", "Reciprocal", NULL};
    return is_listed(f, own_inverse) && hone__is_op(g, f->op_type);
}

static hone_status visit_unary(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    static const char *const even[] = {"Abs", "Cos", "Cosh", NULL};
    hone__node *inner = node->inputs[0]->producer;
    bool done;
    if (!inner || !inner->op || inner->n_inputs == 0 || !inner->inputs[0] || node->inputs[0] != inner->outputs[0])
        return HONE_OK;
    if (keeps(node, inner))
        return hone__pass_bypass(ctx, node, node->inputs[0], &done, error);
    if (inner->n_inputs != 1)
        return HONE_OK;
    if (undoes(node, inner))
        return hone__pass_bypass(ctx, node, inner->inputs[0], &done, error);
    if (is_listed(node, even) && hone__is_op(inner, "Neg")) {
        HONE_TRY(hone__node_set_input(node, 0, inner->inputs[0], error));
        ctx->n_changed++;
    }
    return HONE_OK;
}

static hone_status rewrite(hone__node *node, const char *op_type, hone__value *a, hone__value *b,
                           hone__pass_context *ctx, hone_error *error) {
    hone__value *in[2] = {a, b};
    if (!hone__pass_can(ctx, op_type, 7))
        return HONE_OK;
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, op_type, in, b ? 2 : 1, NULL, error);
}

static hone__value *negated(const hone__node *node, size_t i) {
    hone__node *neg = hone__input_node(node, i, "Neg");
    return neg ? neg->inputs[0] : NULL;
}

static bool is_float_op(const hone__node *node) {
    hone_dtype dtype = hone__value_dtype(node->outputs[0]);
    return dtype == HONE_DTYPE_FLOAT || dtype == HONE_DTYPE_DOUBLE;
}

static hone_status visit_binary(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__value *a = node->inputs[0], *b = node->inputs[1], *na = negated(node, 0), *nb = negated(node, 1);
    if (hone__is_op(node, "Add"))
        return nb ? rewrite(node, "Sub", a, nb, ctx, error) : na ? rewrite(node, "Sub", b, na, ctx, error) : HONE_OK;
    if (hone__is_op(node, "Sub"))
        return nb ? rewrite(node, "Add", a, nb, ctx, error) : HONE_OK;
    bool mul = hone__is_op(node, "Mul"), div = hone__is_op(node, "Div");
    if ((mul || (div && is_float_op(node))) && na && nb) {
        HONE_TRY(hone__node_set_input(node, 0, na, error));
        ctx->n_changed++;
        return hone__node_set_input(node, 1, nb, error);
    }
    return HONE_OK;
}

static hone_status visit_where(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *not = hone__input_node(node, 0, "Not");
    if (!not )
        return HONE_OK;
    hone__value *yes = node->inputs[1], *no = node->inputs[2];
    HONE_TRY(hone__node_set_input(node, 0, not ->inputs[0], error));
    HONE_TRY(hone__node_set_input(node, 1, no, error));
    ctx->n_changed++;
    return hone__node_set_input(node, 2, yes, error);
}

HONE_PASS(simplify_algebra) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        if (!node->op || !node->n_inputs || !node->inputs[0] || !node->n_outputs || !node->outputs[0])
            continue;
        if (node->n_inputs == 1)
            HONE_TRY(visit_unary(node, ctx, error));
        else if (node->n_inputs == 2 && node->inputs[1] && !*node->domain && node->op->since >= 7)
            HONE_TRY(visit_binary(node, ctx, error));
        else if (hone__is_op(node, "Where") && node->n_inputs == 3)
            HONE_TRY(visit_where(node, ctx, error));
    }
    return HONE_OK;
}
