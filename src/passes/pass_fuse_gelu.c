/* Recognises GELU spelt out:
 *   exact  x * 0.5 * (1 + Erf(x / sqrt 2)), factors in any order
 *   tanh   0.5 * x * (1 + Tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
 * Source: Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

#include <math.h>
#include <string.h>

/* node is `op` of a constant near c and another value, which is returned. */
static hone__value *scaled(const hone__node *node, const char *op, double c) {
    double x;
    if (!hone__is_op(node, op))
        return NULL;
    int i = hone__scalar_input(node, &x);
    return i >= 0 && fabs(x - c) <= 1e-4 * fabs(c) ? node->inputs[1 - i] : NULL;
}

/* value / sqrt 2 or value * (1/sqrt 2) */
static hone__value *over_sqrt2(const hone__node *node) {
    double c;
    if (hone__is_op(node, "Div") && hone__scalar_input(node, &c) == 1 && fabs(c - sqrt(2.0)) < 1e-4)
        return node->inputs[0];
    return scaled(node, "Mul", 1 / sqrt(2.0));
}

/* The cube: Pow(x, 3), or Mul(x, Mul(x, x)). */
static hone__value *cube_of(const hone__node *node) {
    double c;
    if (hone__is_op(node, "Pow") && hone__const_scalar(node->inputs[1], &c) && c == 3)
        return node->inputs[0];
    if (!hone__is_op(node, "Mul"))
        return NULL;
    for (size_t i = 0; i < 2; i++) {
        const hone__node *square = hone__input_node(node, i, "Mul");
        if (square && square->inputs[0] == node->inputs[1 - i] && square->inputs[1] == node->inputs[1 - i])
            return node->inputs[1 - i];
    }
    return NULL;
}

/* sqrt(2/pi) * (x + 0.044715 x^3), giving x */
static hone__value *tanh_argument(const hone__node *node) {
    hone__value *sum = node ? scaled(node, "Mul", sqrt(2 / 3.14159265358979)) : NULL;
    const hone__node *add = sum ? sum->producer : NULL;
    for (size_t i = 0; hone__is_op(add, "Add") && i < 2; i++) {
        const hone__node *term = add->inputs[i]->producer;
        hone__value *cube = term ? scaled(term, "Mul", 0.044715) : NULL;
        if (cube && cube->producer && cube_of(cube->producer) == add->inputs[1 - i])
            return add->inputs[1 - i];
    }
    return NULL;
}

/* 1 + Erf(x / sqrt 2), or 1 + Tanh(...), giving x */
static hone__value *gate_of(const hone__value *value, bool *is_tanh) {
    const hone__node *add = value ? value->producer : NULL;
    hone__value *inner = add ? scaled(add, "Add", 1) : NULL;
    const hone__node *f = inner ? inner->producer : NULL;
    if (!f || f->n_inputs != 1 || !f->inputs[0]->producer)
        return NULL;
    *is_tanh = hone__is_op(f, "Tanh");
    if (*is_tanh)
        return tanh_argument(f->inputs[0]->producer);
    return hone__is_op(f, "Erf") ? over_sqrt2(f->inputs[0]->producer) : NULL;
}

/* The products 0.5, x and gate may be nested in any order: collects up to three factors. */
static void factors(hone__value *value, hone__value **out, size_t *n, int depth) {
    hone__node *mul = value->producer;
    if (depth < 2 && hone__is_op(mul, "Mul") && *n < 3) {
        factors(mul->inputs[0], out, n, depth + 1);
        factors(mul->inputs[1], out, n, depth + 1);
    } else if (*n < 4) {
        out[(*n)++] = value;
    }
}

static hone__value *match(hone__node *last, bool *is_tanh) {
    hone__value *f[4] = {0};
    size_t n = 0;
    factors(last->outputs[0], f, &n, 0);
    if (n != 3)
        return NULL;
    for (size_t g = 0; g < 3; g++) {
        hone__value *x = gate_of(f[g], is_tanh);
        if (!x)
            continue;
        hone__value *a = f[(g + 1) % 3], *b = f[(g + 2) % 3];
        if ((a == x && hone__const_near(b, 0.5)) || (b == x && hone__const_near(a, 0.5)))
            return x;
    }
    return NULL;
}

HONE_PASS(fuse_gelu) {
    hone__graph *graph = ctx->graph;
    if (!hone__pass_may_make(ctx, "", "Gelu", 20))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(node, graph) {
        bool is_tanh = false;
        if (!hone__is_op(node, "Mul") || node->n_inputs != 2 || !hone__is_float(node->outputs[0]))
            continue;
        hone__value *x = match(node, &is_tanh);
        if (!x)
            continue;
        hone__node *gelu;
        HONE_TRY(hone__replace_pattern(node, "", "Gelu", 20, &x, 1, "fuse_gelu", &gelu, error));
        HONE_TRY(hone__node_set_attr_string(gelu, "approximate", is_tanh ? "tanh" : "none", error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
