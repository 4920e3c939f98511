/* Removes nodes whose results nobody reads, from the end to the front. */
#include "passes/pass_list.h"
#include "passes/pass_util.h"

static bool is_read(const hone__node *node) {
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && (node->outputs[i]->n_uses || node->outputs[i]->n_output_uses))
            return true;
    return false;
}

HONE_PASS(eliminate_dead) {
    hone__graph *graph = ctx->graph;
    (void)error;
    for (hone__node *node = graph->last, *prev; node; node = prev) {
        prev = node->prev;
        bool pure = node->op && (node->op->flags & (HONE_OP_PURE | HONE_OP_CONTROL));
        if (pure && !is_read(node)) {
            hone__graph_remove_node(node);
            ctx->n_changed++;
        }
    }
    return HONE_OK;
}
