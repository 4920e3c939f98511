/* Recognises LayerNormalization spelt out:
 *   d = x - ReduceMean(x);  y = d / Sqrt(ReduceMean(d^2) + eps) * scale + bias
 * over any axes: those that are not the last ones (LayerNorm2d over the channels of NCHW) get transposes around them.
 * Source: Ba, Kiros and Hinton, "Layer Normalization", 2016; LayerNormalization-17. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_match_norm.h"
#include "passes/pass_util.h"

HONE_PASS(fuse_layernorm) {
    if (!hone__pass_may_make(ctx, "", "LayerNormalization", 17))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(mean, ctx->graph) {
        hone__norm_match m;
        bool done;
        if (!hone__match_norm(ctx, mean, false, &m))
            continue;
        hone__node *after = m.last->next;
        bool is_next = m.last == mean_next;
        HONE_TRY(hone__rewrite_norm(ctx, mean, &m, "LayerNormalization", 17, &done, error));
        if (done && is_next) /* it is gone */
            mean_next = after;
        ctx->n_changed += done;
    }
    return HONE_OK;
}
