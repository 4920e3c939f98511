/* Chains of additions, or of multiplications, with constants become one:
 *
 *   (x + a) + b = x + (a + b)      (x - a) + b = x + (b - a)      (a - x) + b = (a + b) - x
 *   (x * a) * b = x * (a * b)      (x / a) * b = x * (b / a)      (x * a) / b = x * (a / b)
 *   and a constant meets another across a sum or product:  (x + a) + (y + b) = (x + y) + (a + b)
 *
 * Proof obligation: associativity and commutativity, up to rounding; exact for integers, which wrap (no division then).
 * The joined constant is as large as the larger of the two, and is made only when it is a normal number or zero, so
 * that nothing overflows or is lost that was not before. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

typedef struct link {
    hone__value *x, *c; /* the variable and the constant operand */
    bool is_inverse;    /* x - c, x / c */
    bool is_swapped;    /* c - x */
    bool is_product;
} link;

static bool read_link(const hone__node *node, link *l) {
    if (!node || *node->domain || !node->op || node->op->since < 7 || node->n_inputs != 2 || !node->inputs[0] ||
        !node->inputs[1])
        return false;
    bool add = hone__is_op(node, "Add"), sub = hone__is_op(node, "Sub");
    bool mul = hone__is_op(node, "Mul"), div = hone__is_op(node, "Div");
    hone_dtype dtype = hone__value_dtype(node->outputs[0]);
    bool is_float = dtype == HONE_DTYPE_FLOAT || dtype == HONE_DTYPE_DOUBLE;
    bool is_int = dtype == HONE_DTYPE_INT64 || dtype == HONE_DTYPE_INT32;
    if ((!add && !sub && !mul && !div) || !(is_float || (is_int && !div)))
        return false;
    bool first = hone__is_constant(node->inputs[0]), second = hone__is_constant(node->inputs[1]);
    if (first == second || (first && div))
        return false;
    *l = (link){.x = node->inputs[first ? 1 : 0],
                .c = node->inputs[first ? 0 : 1],
                .is_inverse = (sub || div) && !first,
                .is_swapped = sub && first,
                .is_product = mul || div};
    return true;
}

/* One shape is the other's, or a single element of no higher rank: the joined constant is no larger than one of them.
 */
static bool fit_together(const hone__value *a, const hone__value *b) {
    const hone_tensor *s = a->constant, *t = b->constant;
    int64_t n = hone__tensor_count(s), m = hone__tensor_count(t);
    if ((n == 1 && s->rank <= t->rank) || (m == 1 && t->rank <= s->rank))
        return true;
    return s->rank == t->rank && memcmp(s->dims, t->dims, (size_t)s->rank * sizeof *s->dims) == 0;
}

/* x op1 a, then op2 b. */
static hone_status join(hone__node *node, const link *outer, const link *inner, hone__pass_context *ctx,
                        hone_error *error) {
    hone__value *c, *in[2];
    const char *plus = outer->is_product ? "Mul" : "Add", *minus = outer->is_product ? "Div" : "Sub", *how;
    hone__value *a = inner->c, *b = outer->c;
    bool inverse = false, swapped = inner->is_swapped != outer->is_swapped;
    if (outer->is_swapped) { /* b - (x + a) = (b - a) - x;  b - (x - a) = (b + a) - x;  b - (a - x) = x + (b - a) */
        how = inner->is_inverse ? plus : minus;
        HONE_TRY(hone__pass_compute(ctx, node, how, b, a, &c, error));
    } else if (outer->is_inverse) { /* (x + a) - b = x + (a - b);  (x - a) - b = x - (a + b);  (a - x) - b = (a - b) - x
                                     */
        inverse = inner->is_inverse;
        how = inner->is_inverse ? plus : minus;
        HONE_TRY(hone__pass_compute(ctx, node, how, a, b, &c, error));
    } else { /* (x + a) + b = x + (a + b);  (x - a) + b = x + (b - a);  (a - x) + b = (a + b) - x */
        how = inner->is_inverse ? minus : plus;
        HONE_TRY(hone__pass_compute(ctx, node, how, b, a, &c, error));
    }
    if (!c || !hone__pass_can(ctx, swapped || inverse ? minus : plus, 7))
        return HONE_OK;
    in[0] = swapped ? c : inner->x;
    in[1] = swapped ? inner->x : c;
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, swapped || inverse ? minus : plus, in, 2, NULL, error);
}

/* (x + a) + (y + b), both sums read here alone: the constants meet. */
static hone_status meet(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    link l[2];
    hone__value *c, *in[2];
    hone__node *sum;
    bool product = hone__is_op(node, "Mul");
    if (*node->domain || !node->op || node->op->since < 7 || node->n_inputs != 2 ||
        (!product && !hone__is_op(node, "Add")))
        return HONE_OK;
    for (size_t i = 0; i < 2; i++) {
        hone__node *maker = node->inputs[i] ? node->inputs[i]->producer : NULL;
        if (!maker || hone__value_single_consumer(node->inputs[i]) != node || !read_link(maker, &l[i]) ||
            l[i].is_inverse || l[i].is_swapped || l[i].is_product != product ||
            hone__tensor_count(l[i].c->constant) != 1 || l[i].c->constant->rank > hone__value_rank(l[i].x))
            return HONE_OK;
    }
    HONE_TRY(hone__pass_compute(ctx, node, node->op_type, l[0].c, l[1].c, &c, error));
    if (!c || !hone__pass_can(ctx, node->op_type, 7))
        return HONE_OK;
    in[0] = l[0].x;
    in[1] = l[1].x;
    HONE_TRY(hone__pass_insert(ctx, node, node->op_type, in, 2, node->outputs[0]->name, &sum, error));
    HONE_TRY(hone__pass_type(sum, error));
    in[0] = sum->outputs[0];
    in[1] = c;
    ctx->n_changed++;
    return hone__pass_replace(ctx, node, product ? "Mul" : "Add", in, 2, NULL, error);
}

HONE_PASS(merge_constants) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        link outer, inner;
        if (!read_link(node, &outer)) {
            HONE_TRY(meet(node, ctx, error));
            continue;
        }
        hone__node *maker = outer.x->producer;
        if (!maker || maker->graph != node->graph || hone__value_single_consumer(outer.x) != node ||
            !read_link(maker, &inner) || inner.is_product != outer.is_product)
            continue;
        if (!fit_together(inner.c, outer.c)) {
            hone__pass_missed(ctx, node, 2, "the constants \"%s\" and \"%s\" differ in shape", inner.c->name,
                              outer.c->name);
            continue;
        }
        HONE_TRY(join(node, &outer, &inner, ctx, error));
    }
    return HONE_OK;
}
