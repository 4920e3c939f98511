/* Recognises RMSNormalization spelt out, y = x / Sqrt(ReduceMean(x^2) + eps) * scale, as T5 and LLaMA write it. Where
 * the operator of opset 23 may not be made, ONNX Runtime's SimplifiedLayerNormalization is the same.
 * Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019; RMSNormalization-23. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_match_norm.h"
#include "passes/pass_util.h"

HONE_PASS(fuse_rmsnorm) {
    bool is_standard = hone__pass_may_make(ctx, "", "RMSNormalization", 23);
    if (!is_standard && !hone__pass_may_make(ctx, "", "SimplifiedLayerNormalization", 1))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(mean, ctx->graph) {
        hone__norm_match m;
        bool done;
        if (!hone__match_norm(ctx, mean, true, &m))
            continue;
        hone__node *after = m.last->next;
        bool is_next = m.last == mean_next;
        HONE_TRY(hone__rewrite_norm(ctx, mean, &m, is_standard ? "RMSNormalization" : "SimplifiedLayerNormalization",
                                    is_standard ? 23 : 1, &done, error));
        if (done && is_next)
            mean_next = after;
        ctx->n_changed += done;
    }
    return HONE_OK;
}
