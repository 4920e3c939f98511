/* MatMul (or FusedMatMul without bias) followed by the addition of a constant vector over the last dim
 * becomes FusedMatMul with a bias. Constant right-hand sides only: those are the linear layers. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

static hone__node *linear_layer(const hone__node *add, size_t i) {
    hone__node *node = add->inputs[i] ? add->inputs[i]->producer : NULL;
    bool plain = hone__is_op(node, "MatMul");
    bool fused = hone__is_op_in(node, "hone", "FusedMatMul") && (node->n_inputs < 3 || !node->inputs[2]) &&
                 (node->n_inputs < 4 || !node->inputs[3]) && !*hone__node_attr_string(node, "activation", "");
    if ((!plain && !fused) || hone__value_single_consumer(add->inputs[i]) != add)
        return NULL;
    return hone__is_float(node->outputs[0]) ? node : NULL;
}

HONE_PASS(fuse_matmul_bias) {
    hone__graph *graph = ctx->graph;
    if (!hone__pass_may_make(ctx, "hone", "FusedMatMul", 1))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(add, graph) {
        if (!hone__is_op(add, "Add") || add->n_inputs != 2)
            continue;
        for (size_t i = 0; i < 2; i++) {
            hone__node *matmul = linear_layer(add, i);
            hone__value *bias = add->inputs[1 - i];
            int64_t n, columns;
            if (!matmul || !hone__const_floats(bias, &n) || bias->constant->rank < 1)
                continue;
            columns = hone__value_dim(matmul->outputs[0], -1);
            bool is_row = columns > 0 && n == columns && bias->constant->dims[bias->constant->rank - 1] == columns;
            if (!is_row || bias->constant->rank > hone__value_rank(matmul->outputs[0]))
                continue;
            if (bias->constant->rank != 1)
                HONE_TRY(hone__add_floats(graph, bias->name, 1, &n, bias->constant->data, &bias, error));
            HONE_TRY(hone__node_become(matmul, "hone", "FusedMatMul", 1, "fuse_matmul_bias", error));
            HONE_TRY(hone__node_set_input(matmul, 2, bias, error));
            HONE_TRY(hone__node_absorb(matmul, add, error));
            ctx->n_changed++;
            break;
        }
    }
    return HONE_OK;
}
