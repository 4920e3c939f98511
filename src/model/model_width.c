/* How many branches of a model could run at once: asked by the tuner before it tries parallel
 * execution. */
#include "model/model.h"

#include "base/alloc.h"
#include "graph/graph.h"

#include <string.h>

static bool is_heavy(const hone__node *node) {
    static const char *const ops[] = {
        "Conv",      "ConvTranspose",      "FusedConv",           "ConvInteger",   "QLinearConv",   "MatMul",
        "Gemm",      "FusedMatMul",        "FusedGemm",           "MatMulInteger", "QLinearMatMul", "MatMulNBits",
        "Attention", "MultiHeadAttention", "GroupQueryAttention", "LSTM",          "GRU",           "RNN",
        "Einsum"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (!strcmp(node->op_type, ops[i]))
            return true;
    return false;
}

/* Nodes of the same level (heavy nodes before them on the longest path) cannot depend on each other. */
int hone_model_parallel_width(const hone_model *model) {
    size_t n_nodes = hone__graph_node_count(model->graph), n_values = hone__graph_value_count(model->graph);
    uint32_t *levels = hone__calloc(n_values + 1, sizeof *levels), *counts = hone__calloc(n_nodes + 2, sizeof *counts);
    uint32_t widest = 1;
    for (const hone__node *node = model->graph->first; levels && counts && node; node = node->next) {
        uint32_t level = 0;
        for (size_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] && levels[node->inputs[i]->id] > level)
                level = levels[node->inputs[i]->id];
        level += is_heavy(node);
        if (is_heavy(node) && ++counts[level] > widest)
            widest = counts[level];
        for (size_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i])
                levels[node->outputs[i]->id] = level;
    }
    hone__free(levels);
    hone__free(counts);
    return (int)widest;
}
