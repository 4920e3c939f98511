/* Folds an inference BatchNormalization into the Conv or ConvTranspose before it (weights scaled per output
 * channel, bias shifted), and the constants alone into a Mul and an Add elsewhere are left as they are.
 *
 * y = (conv(x) - mean) * scale / sqrt(var + eps) + bias; computed in double, rounded once. */
#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

#include <math.h>

static bool match(const hone__node *bn, hone__node **conv) {
    if (!hone__is_op(bn, "BatchNormalization") || bn->n_inputs < 5 || hone__node_attr_int(bn, "training_mode", 0))
        return false;
    for (size_t i = 1; i < bn->n_outputs; i++)
        if (bn->outputs[i] && (bn->outputs[i]->n_uses || bn->outputs[i]->n_output_uses))
            return false;
    hone__node *producer = bn->inputs[0] ? bn->inputs[0]->producer : NULL;
    if (!hone__is_op(producer, "Conv") && !hone__is_op(producer, "ConvTranspose"))
        return false;
    if (hone__value_single_consumer(bn->inputs[0]) != bn)
        return false;
    *conv = producer;
    return true;
}

/* Output channels, and where they lie in the weights: Conv [M, C/g, ...], ConvTranspose [C, M/g, ...]. */
static bool channels(const hone__node *conv, int64_t *m, int64_t *inner, int64_t *outer) {
    const hone_tensor *w = conv->inputs[1] ? conv->inputs[1]->constant : NULL;
    int64_t n;
    if (!hone__const_float_view(conv->inputs[1], &n) || w->rank < 3)
        return false;
    bool transposed = hone__is_op(conv, "ConvTranspose");
    if (transposed && hone__node_attr_int(conv, "group", 1) != 1)
        return false;
    *m = w->dims[transposed ? 1 : 0];
    *outer = transposed ? w->dims[0] : 1;
    return *m > 0 && *outer > 0 && (*inner = n / (*m * *outer)) > 0;
}

static hone_status rewrite(hone__node *conv, hone__node *bn, const float *stats[4], int64_t m, int64_t inner,
                           int64_t outer, hone_error *error) {
    const hone_f32_unaligned *w = conv->inputs[1]->constant->data;
    int64_t n_bias = 0;
    const float *bias = conv->n_inputs > 2 ? hone__const_floats(conv->inputs[2], &n_bias) : NULL;
    float *w_new = hone__malloc((size_t)(m * inner * outer) * sizeof *w_new);
    float *b_new = hone__malloc((size_t)m * sizeof *b_new);
    double eps = hone__node_attr_float(bn, "epsilon", 1e-5f);
    hone_status status = w_new && b_new ? HONE_OK : hone__fail_memory(error, "folded weights");
    for (int64_t c = 0; c < m && status == HONE_OK; c++) {
        double factor = stats[0][c] / sqrt((double)stats[3][c] + eps);
        b_new[c] = (float)(((bias ? bias[c] : 0.0) - stats[2][c]) * factor + stats[1][c]);
        for (int64_t o = 0; o < outer; o++)
            for (int64_t i = 0; i < inner; i++) {
                int64_t at = (o * m + c) * inner + i;
                w_new[at] = (float)(w[at] * factor);
            }
    }
    hone__value *wv, *bv;
    const hone_tensor *wt = conv->inputs[1]->constant;
    if (status == HONE_OK)
        status = hone__add_floats(conv->graph, conv->inputs[1]->name, wt->rank, wt->dims, w_new, &wv, error);
    if (status == HONE_OK)
        status = hone__add_floats(conv->graph, bn->inputs[2]->name, 1, &m, b_new, &bv, error);
    hone__free(w_new);
    hone__free(b_new);
    HONE_TRY(status);
    HONE_TRY(hone__node_set_input(conv, 1, wv, error));
    HONE_TRY(hone__node_set_input(conv, 2, bv, error));
    conv->provenance = "fold_batchnorm";
    return hone__node_absorb(conv, bn, error);
}

HONE_PASS(fold_batchnorm) {
    hone__graph *graph = ctx->graph;
    HONE_FOR_NODES_SAFE(bn, graph) {
        hone__node *conv;
        int64_t m, inner, outer, n;
        const float *stats[4]; /* scale, bias, mean, variance */
        if (!match(bn, &conv) || !channels(conv, &m, &inner, &outer))
            continue;
        bool ok = true;
        for (int i = 0; i < 4 && ok; i++)
            ok = (stats[i] = hone__const_floats(bn->inputs[i + 1], &n)) && n == m;
        if (ok && conv->n_inputs > 2 && conv->inputs[2])
            ok = hone__const_floats(conv->inputs[2], &n) && n == m;
        if (!ok)
            continue;
        HONE_TRY(rewrite(conv, bn, stats, m, inner, outer, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
