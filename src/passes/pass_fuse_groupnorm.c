/* GroupNorm as PyTorch exports it before opset 18: x [N,C,...] is reshaped to [N,groups,-1], goes through an
 * InstanceNormalization, back to its shape, and times scale plus bias per channel. Becomes GroupNormalization-21.
 * Source: Wu and He, "Group Normalization", 2018. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_match.h"

#include <string.h>

/* A constant per channel of x [N,C,...]: C elements along its second dim, all others 1. */
static const float *per_channel(const hone__value *value, int rank, int64_t channels) {
    int64_t n;
    const float *data = hone__const_floats(value, &n);
    int own = data ? value->constant->rank : 0;
    if (!data || n != channels || own < rank - 1 || own > rank)
        return NULL;
    return value->constant->dims[own - rank + 1] == channels ? data : NULL;
}

static hone_status rewrite(hone__node *last, hone__node *norm, hone__value *x, int64_t groups, int64_t channels,
                           const float *scale, const float *bias, hone_error *error) {
    hone__graph *graph = last->graph;
    hone__value *in[3] = {x};
    hone__node *node;
    int64_t n;
    const float *s = hone__const_floats(norm->inputs[1], &n), *b = hone__const_floats(norm->inputs[2], &n);
    float eps = hone__node_attr_float(norm, "epsilon", 1e-5f);
    HONE_TRY(hone__add_filled(graph, "scale", 1, &channels, 1, &in[1], error));
    HONE_TRY(hone__add_filled(graph, "bias", 1, &channels, 0, &in[2], error));
    float *ys = in[1]->constant->data, *yb = in[2]->constant->data;
    for (int64_t c = 0; c < channels; c++) {
        int64_t g = c / (channels / groups);
        ys[c] = s[g] * (scale ? scale[c] : 1);
        yb[c] = b[g] * (scale ? scale[c] : 1) + (bias ? bias[c] : 0);
    }
    HONE_TRY(hone__replace_pattern(last, "", "GroupNormalization", 21, in, 3, "fuse_groupnorm", &node, error));
    HONE_TRY(hone__node_set_attr_int(node, "num_groups", groups, error));
    return hone__node_set_attr_float(node, "epsilon", eps, error);
}

HONE_PASS(fuse_groupnorm) {
    char buf[300];
    if (!hone__pass_may_make(ctx, "", "GroupNormalization", 21))
        return HONE_OK;
    for (hone__node *norm = ctx->graph->first, *next; norm; norm = next) {
        next = norm->next;
        if (!hone__is_op(norm, "InstanceNormalization") || norm->n_inputs != 3 || !hone__is_float(norm->outputs[0]))
            continue;
        const hone__node *split = hone__input_node(norm, 0, "Reshape");
        hone__value *link, *x = split ? split->inputs[0] : NULL;
        int rank = hone__value_rank(x);
        int64_t channels = rank >= 3 ? hone__value_dim(x, 1) : -1, groups = hone__value_dim(norm->inputs[0], 1), n;
        if (!split || channels < 1 || groups < 1 || channels % groups || hone__value_rank(norm->inputs[0]) != 3 ||
            !hone__const_floats(norm->inputs[1], &n) || n != groups || !hone__const_floats(norm->inputs[2], &n) ||
            n != groups)
            continue;
        const hone__dim *a = &x->type.dims[0], *b = &norm->inputs[0]->type.dims[0];
        bool same_batch = a->value >= 0 ? a->value == b->value
                                        : b->value < 0 && a->symbol && b->symbol && strcmp(a->symbol, b->symbol) == 0;
        hone__node *join = hone__next_node(norm->outputs[0], &link);
        if (!same_batch || !join || !hone__is_op(join, "Reshape") || !hone__same_shape(join->outputs[0], x)) {
            hone__pass_missed(ctx, norm, 2, "%s",
                              !same_batch ? "the groups are not known to divide one sample"
                              : !join     ? hone__describe_uses(link, buf, sizeof buf)
                                          : "what follows does not bring back the shape of the input");
            continue;
        }
        hone__node *last = join, *mul = hone__next_node(join->outputs[0], &link);
        const float *scale = NULL, *bias = NULL;
        if (hone__is_op(mul, "Mul") && (scale = per_channel(hone__other_input(mul, link), rank, channels)))
            last = mul;
        hone__node *add = hone__next_node(last->outputs[0], &link);
        if (hone__is_op(add, "Add") && (bias = per_channel(hone__other_input(add, link), rank, channels)))
            last = add;
        if (hone__value_rank(last->outputs[0]) != rank)
            continue;
        hone__node *after = last->next;
        bool is_next = last == next;
        HONE_TRY(rewrite(last, norm, x, groups, channels, scale, bias, error));
        if (is_next)
            next = after;
        ctx->n_changed++;
    }
    return HONE_OK;
}
