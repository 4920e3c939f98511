/* Takes an activation into the Conv or linear layer before it, when nobody else reads the value between. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

static hone__node *absorber(const hone__node *act, const char **fused) {
    hone__value *product = act->inputs[0];
    hone__node *node = product ? product->producer : NULL;
    if (!node || !hone__is_float(product) || hone__value_single_consumer(product) != act)
        return NULL;
    if (*hone__node_attr_string(node, "activation", "") || node->n_inputs < 2)
        return NULL;
    if (hone__is_op(node, "Conv") || hone__is_op_in(node, "hone", "FusedConv"))
        *fused = "FusedConv";
    else if (hone__is_op(node, "MatMul") || hone__is_op_in(node, "hone", "FusedMatMul"))
        *fused = "FusedMatMul";
    else
        return NULL;
    return node;
}

HONE_PASS(fuse_activation) {
    hone__graph *graph = ctx->graph;
    if (!hone__pass_may_make(ctx, "hone", "FusedConv", 1))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(act, graph) {
        const char *name, *fused;
        float params[2];
        if (act->n_inputs == 0 || act->n_outputs == 0 || !hone__match_activation(act, &name, params))
            continue;
        hone__node *node = absorber(act, &fused);
        if (!node || !hone__pass_may_make(ctx, "hone", fused, 1))
            continue;
        HONE_TRY(hone__node_become(node, "hone", fused, 1, "fuse_activation", error));
        HONE_TRY(hone__node_set_attr_string(node, "activation", name, error));
        HONE_TRY(hone__node_set_attr_floats(node, "activation_params", params, 2, error));
        HONE_TRY(hone__node_absorb(node, act, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
