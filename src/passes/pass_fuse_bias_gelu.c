/* Gelu(x + bias) with a constant bias over the last dim becomes com.microsoft.BiasGelu (exact) or FastGelu (tanh), for
 * ONNX Runtime. hone's own sessions take both into the matrix product before them. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_match.h"

#include <string.h>

HONE_PASS(fuse_bias_gelu) {
    if (ctx->options->target != HONE_TARGET_ONNXRUNTIME)
        return HONE_OK;
    HONE_FOR_NODES_SAFE(gelu, ctx->graph) {
        bool is_own = hone__is_op_in(gelu, "com.microsoft", "Gelu");
        if (!is_own && !hone__is_op(gelu, "Gelu"))
            continue;
        hone__node *add = hone__input_node(gelu, 0, "Add");
        int64_t n;
        if (!add || !hone__is_float(gelu->outputs[0]) || !hone__value_single_consumer(add->outputs[0]))
            continue;
        for (size_t i = 0; i < 2; i++) {
            hone__value *x = add->inputs[1 - i], *bias = add->inputs[i];
            if (!hone__const_floats(bias, &n) || bias->constant->rank != 1 || n != hone__value_dim(x, -1))
                continue;
            bool is_tanh = !is_own && strcmp(hone__node_attr_string(gelu, "approximate", "none"), "tanh") == 0;
            hone__value *in[2] = {x, bias};
            HONE_TRY(hone__replace_pattern(gelu, "com.microsoft", is_tanh ? "FastGelu" : "BiasGelu", 1, in, 2,
                                           "fuse_bias_gelu", NULL, error));
            ctx->n_changed++;
            break;
        }
    }
    return HONE_OK;
}
