/* Takes a residual addition into the Conv or linear layer whose result it adds to: Add(conv(x), z) becomes
 * FusedConv(x, W, B, z), with z of the output's shape. Only when the product is read by the Add alone. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

static hone__node *absorber(const hone__node *add, size_t i, const char **fused) {
    hone__value *product = add->inputs[i];
    hone__node *node = product ? product->producer : NULL;
    if (!node || !hone__is_float(product) || hone__value_single_consumer(product) != add)
        return NULL;
    if (*hone__node_attr_string(node, "activation", "") || (node->n_inputs > 3 && node->inputs[3]))
        return NULL;
    if (hone__is_op(node, "Conv") || hone__is_op_in(node, "hone", "FusedConv"))
        *fused = "FusedConv";
    else if (hone__is_op(node, "MatMul") || hone__is_op_in(node, "hone", "FusedMatMul"))
        *fused = "FusedMatMul";
    else
        return NULL;
    /* Attention's small products gain nothing; linear layers and convolutions have constant weights. */
    return node->inputs[1] && node->inputs[1]->constant ? node : NULL;
}

HONE_PASS(fuse_residual) {
    hone__graph *graph = ctx->graph;
    if (!hone__pass_may_make(ctx, "hone", "FusedConv", 1))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(add, graph) {
        if (!hone__is_op(add, "Add") || add->n_inputs != 2 || add->inputs[0] == add->inputs[1])
            continue;
        for (size_t k = 0; k < 2; k++) {
            size_t i = 1 - k; /* the later operand is more often the branch */
            const char *fused;
            hone__node *node = absorber(add, i, &fused);
            hone__value *z = add->inputs[1 - i];
            if (!node || !hone__pass_may_make(ctx, "hone", fused, 1) || z->constant ||
                !hone__same_shape(z, add->outputs[0]) || !hone__same_shape(add->inputs[i], add->outputs[0]))
                continue;
            HONE_TRY(hone__node_become(node, "hone", fused, 1, "fuse_residual", error));
            HONE_TRY(hone__node_absorb(node, add, error));
            HONE_TRY(hone__node_set_input(node, 3, z, error));
            ctx->n_changed++;
            break;
        }
    }
    return HONE_OK;
}
