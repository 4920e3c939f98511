/* Recognises GELU spelt out, from its Erf or Tanh outwards:
 *   exact  0.5 x (1 + Erf(x / sqrt 2))
 *   tanh   0.5 x (1 + Tanh(sqrt(2/pi) (x + 0.044715 x^3)))
 * The argument is read as a polynomial, so that powers and factors may be written in any way; the constant 1/2 may
 * stand anywhere in the product.
 * Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_match.h"

#include <math.h>
#include <string.h>

static const double g_exact[HONE_POLY] = {0, 0.70710678118654752, 0, 0};
static const double g_tanh[HONE_POLY] = {0, 0.79788456080286536, 0, 0.035677408136300125};

/* factor = c x */
static bool is_multiple(const hone__value *factor, const hone__value *x, double *c) {
    double p[HONE_POLY];
    if (!hone__match_poly(factor, x, p) || p[0] != 0 || p[1] == 0 || p[2] != 0 || p[3] != 0)
        return false;
    *c = p[1];
    return true;
}

/* Walks from f's output to k x (f + 1) with k = 1/2; NULL, with the miss recorded, when it ends elsewhere. */
static hone__node *walk(hone__pass_context *ctx, hone__node *f, const hone__value *x) {
    double k = 1, c;
    bool has_one = false, has_x = false;
    hone__value *at = f->outputs[0];
    char buf[300];
    for (int n = 2; n < 8; n++) {
        hone__value *link = at;
        hone__node *node = hone__next_node(at, &link);
        if (!node) {
            hone__pass_missed(ctx, f, n, "%s", hone__describe_uses(link, buf, sizeof buf));
            return NULL;
        }
        hone__value *other = hone__other_input(node, link);
        bool is_known = other && hone__known_scalar(other, &c);
        if (hone__is_op(node, "Add") && is_known && !has_one && !has_x && hone__near(c, k)) {
            has_one = true;
        } else if (hone__is_op(node, "Mul") && is_known) {
            k *= c;
        } else if (hone__is_op(node, "Div") && is_known && node->inputs[0] == link && c != 0) {
            k /= c;
        } else if (hone__is_op(node, "Mul") && other && !has_x && has_one && is_multiple(other, x, &c)) {
            has_x = true;
            k *= c;
        } else {
            hone__pass_missed(ctx, f, n, "node %s is not part of 0.5 x (1 + %s)", node->name, f->op_type);
            return NULL;
        }
        at = node->outputs[0];
        if (has_one && has_x && hone__near(k, 0.5))
            return node;
    }
    hone__pass_missed(ctx, f, 8, "the factor before x (1 + %s) is %g, not 0.5", f->op_type, k);
    return NULL;
}

HONE_PASS(fuse_gelu) {
    if (!hone__pass_may_make(ctx, "", "Gelu", 20))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(f, ctx->graph) {
        bool is_tanh = hone__is_op(f, "Tanh");
        if ((!is_tanh && !hone__is_op(f, "Erf")) || !hone__is_float(f->outputs[0]))
            continue;
        double c[HONE_POLY];
        hone__value *x = hone__find_poly(f->inputs[0], is_tanh ? g_tanh : g_exact, c);
        if (!x) {
            const hone__node *argument = f->inputs[0]->producer;
            if (!is_tanh) /* a Tanh alone is an activation, no attempt at a GELU */
                hone__pass_missed(ctx, f, 1, "%s %s is not x / sqrt(2)", argument ? "node" : "value",
                                  argument ? argument->name : f->inputs[0]->name);
            continue;
        }
        hone__node *last = walk(ctx, f, x), *gelu;
        if (!last || hone__value_rank(x) < 0 || hone__value_rank(x) != hone__value_rank(last->outputs[0]))
            continue;
        if (last == f_next)
            f_next = last->next;
        HONE_TRY(hone__replace_pattern(last, "", "Gelu", 20, &x, 1, "fuse_gelu", &gelu, error));
        HONE_TRY(hone__node_set_attr_string(gelu, "approximate", is_tanh ? "tanh" : "none", error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
