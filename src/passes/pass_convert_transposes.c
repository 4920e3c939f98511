/* A Transpose that moves only dims of size 1 becomes a Reshape, which costs nothing and joins with others. It runs
 * after the fusions, whose patterns have transposes in them.
 *
 * Proof obligation: dims larger than 1 keep their order, so the elements keep theirs in row-major order; the target is
 * written in known dims only. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

static bool keeps_order(const int64_t *perm, size_t n, const int64_t *dims) {
    int64_t last = -1;
    for (size_t i = 0; i < n; i++) {
        if (dims[i] == 0)
            return false;
        if (dims[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

HONE_PASS(convert_transposes) {
    if (!hone__pass_shapes_hold(ctx->graph) || !hone__pass_can(ctx, "Reshape", 5))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        int64_t dims[HONE_MAX_RANK], target[HONE_MAX_RANK];
        size_t n;
        hone__value *in[2];
        if (!hone__is_op(node, "Transpose") || !node->op || !hone__static_dims(node->inputs[0], dims))
            continue;
        const int64_t *perm = hone__node_attr_ints(node, "perm", &n);
        if (!perm || (size_t)node->inputs[0]->type.rank != n || !keeps_order(perm, n, dims))
            continue;
        for (size_t i = 0; i < n; i++)
            target[i] = dims[perm[i]];
        in[0] = node->inputs[0];
        HONE_TRY(hone__add_ints(ctx->graph, "shape", target, n, &in[1], error));
        HONE_TRY(hone__pass_replace(ctx, node, "Reshape", in, 2, NULL, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
