/* Initialisers that are inputs of the graph too, and hence defaults that a caller may override, become constants, and
 * the inputs go: on request, since it changes what the model takes. Exporters that keep initialisers as inputs (PyTorch
 * with keep_initializers_as_inputs, tf2onnx) shut out every folding of weights that way.
 *
 * Proof obligation: for callers who leave these inputs to their defaults, nothing changes. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

HONE_PASS(freeze_initializers) {
    hone__graph *graph = ctx->graph;
    size_t kept = 0;
    (void)error;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        hone__value *value = graph->inputs[i];
        if (!value->is_overridable || !value->constant) {
            graph->inputs[kept++] = value;
            continue;
        }
        value->is_overridable = false;
        value->is_input = false;
        ctx->n_changed++;
    }
    graph->n_inputs = kept;
    return HONE_OK;
}
