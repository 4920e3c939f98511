/* Recognises x Sigmoid(a x): hone.Silu with alpha a. With a = 1.702 it is called QuickGelu. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_match.h"

HONE_PASS(fuse_quick_gelu) {
    char buf[300];
    if (!hone__pass_may_make(ctx, "hone", "Silu", 1))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(sigmoid, ctx->graph) {
        double c[HONE_POLY];
        if (!hone__is_op(sigmoid, "Sigmoid") || !hone__is_float(sigmoid->outputs[0]) || !sigmoid->inputs[0]->producer)
            continue;
        const hone__node *scale = sigmoid->inputs[0]->producer;
        if (!hone__is_op(scale, "Mul") && !hone__is_op(scale, "Div"))
            continue;
        double a;
        int i = -1;
        for (int k = 0; k < 2; k++)
            if (hone__known_scalar(scale->inputs[k], &a))
                i = k;
        if (i < 0)
            continue;
        hone__value *x = scale->inputs[1 - i], *link = sigmoid->outputs[0];
        if (!hone__match_poly(sigmoid->inputs[0], x, c) || c[1] == 0)
            continue;
        hone__node *mul = hone__next_node(sigmoid->outputs[0], &link), *silu;
        if (!mul) {
            hone__pass_missed(ctx, sigmoid, 2, "%s", hone__describe_uses(link, buf, sizeof buf));
            continue;
        }
        if (!hone__is_op(mul, "Mul") || hone__other_input(mul, link) != x ||
            hone__value_rank(x) != hone__value_rank(mul->outputs[0])) {
            hone__pass_missed(ctx, sigmoid, 2, "node %s does not multiply by %s", mul->name, x->name);
            continue;
        }
        if (mul == sigmoid_next)
            sigmoid_next = mul->next;
        HONE_TRY(hone__replace_pattern(mul, "hone", "Silu", 1, &x, 1, "fuse_quick_gelu", &silu, error));
        HONE_TRY(hone__node_set_attr_float(silu, "alpha", (float)c[1], error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
