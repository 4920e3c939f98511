/* Exact GELU becomes its tanh form (FastGelu), which some runtimes compute faster. The results differ by up to 1e-3,
 * so the pass runs only when asked for by name. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

#include <string.h>

HONE_PASS(approximate_gelu) {
    HONE_FOR_NODES(node, ctx->graph) {
        if (hone__is_op(node, "Gelu") && strcmp(hone__node_attr_string(node, "approximate", "none"), "none") == 0) {
            HONE_TRY(hone__node_set_attr_string(node, "approximate", "tanh", error));
            node->provenance = "approximate_gelu";
            ctx->n_changed++;
        } else if (hone__is_op_in(node, "com.microsoft", "Gelu")) {
            HONE_TRY(hone__node_become(node, "com.microsoft", "FastGelu", 1, "approximate_gelu", error));
            ctx->n_changed++;
        }
    }
    return HONE_OK;
}
