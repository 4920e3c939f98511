/* Folds Mul, Div, Add and Sub by a constant per output channel, [M,1,1] or [1,M,1,1] or a scalar, into the
 * weights and bias of the Conv before them. */
#include "base/alloc.h"
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

/* One constant per channel (or one for all) for an output of rank `rank`. */
static const float *per_channel(const hone__value *value, int rank, int64_t m, bool *is_scalar) {
    int64_t n;
    const float *data = hone__const_floats(value, &n);
    if (!data || value->constant->rank > rank)
        return NULL;
    *is_scalar = n == 1;
    if (n == 1)
        return data;
    int axis = 1 - (rank - value->constant->rank); /* where the channel stands in the constant */
    return n == m && axis >= 0 && value->constant->dims[axis] == m ? data : NULL;
}

static bool match(hone__node *node, hone__node **conv, size_t *which) {
    bool commutes = hone__is_op(node, "Mul") || hone__is_op(node, "Add");
    if (!commutes && !hone__is_op(node, "Sub") && !hone__is_op(node, "Div"))
        return false;
    for (size_t i = 0; i < (commutes ? 2u : 1u); i++) {
        hone__node *producer = hone__input_node(node, i, "Conv");
        if (producer && node->n_inputs == 2 && hone__value_single_consumer(node->inputs[i]) == node &&
            hone__is_float(node->inputs[i])) {
            *conv = producer;
            *which = 1 - i;
            return true;
        }
    }
    return false;
}

static hone_status rewrite(hone__node *conv, hone__node *node, const float *c, bool is_scalar, hone_error *error) {
    const hone_tensor *w = conv->inputs[1]->constant;
    int64_t m = w->dims[0], n = hone__tensor_count(w), inner = n / m, n_bias;
    const hone_f32_unaligned *old = w->data;
    const float *bias = conv->n_inputs > 2 ? hone__const_floats(conv->inputs[2], &n_bias) : NULL;
    bool is_mul = hone__is_op(node, "Mul"), is_div = hone__is_op(node, "Div"), is_sub = hone__is_op(node, "Sub");
    float *b_new = hone__malloc((size_t)m * sizeof *b_new), *w_new = NULL;
    hone_status status = b_new ? HONE_OK : hone__fail_memory(error, "folded weights");
    if (status == HONE_OK && (is_mul || is_div) && !(w_new = hone__malloc((size_t)n * sizeof *w_new)))
        status = hone__fail_memory(error, "folded weights");
    for (int64_t k = 0; k < m && status == HONE_OK; k++) {
        double x = c[is_scalar ? 0 : k], b = bias ? bias[k] : 0.0, factor = is_mul ? x : is_div ? 1.0 / x : 1.0;
        b_new[k] = (float)(w_new ? b * factor : is_sub ? b - x : b + x);
        for (int64_t i = 0; w_new && i < inner; i++)
            w_new[k * inner + i] = (float)(old[k * inner + i] * factor);
    }
    hone__value *wv, *bv;
    if (status == HONE_OK && w_new) {
        status = hone__add_floats(conv->graph, conv->inputs[1]->name, w->rank, w->dims, w_new, &wv, error);
        if (status == HONE_OK)
            status = hone__node_set_input(conv, 1, wv, error);
    }
    if (status == HONE_OK)
        status = hone__add_floats(conv->graph, node->name, 1, &m, b_new, &bv, error);
    hone__free(w_new);
    hone__free(b_new);
    HONE_TRY(status);
    HONE_TRY(hone__node_set_input(conv, 2, bv, error));
    conv->provenance = "fold_conv_affine";
    return hone__node_absorb(conv, node, error);
}

HONE_PASS(fold_conv_affine) {
    hone__graph *graph = ctx->graph;
    HONE_FOR_NODES_SAFE(node, graph) {
        hone__node *conv;
        size_t which;
        int64_t n, m;
        bool is_scalar = false;
        if (!match(node, &conv, &which) || !hone__const_float_view(conv->inputs[1], &n))
            continue;
        m = conv->inputs[1]->constant->dims[0];
        if (conv->n_inputs > 2 && conv->inputs[2] && (!hone__const_floats(conv->inputs[2], &n) || n != m))
            continue;
        int rank = hone__value_rank(conv->outputs[0]);
        const float *c = rank >= 3 ? per_channel(node->inputs[which], rank, m, &is_scalar) : NULL;
        if (!c || m <= 0)
            continue;
        bool finite = true;
        for (int64_t k = 0; hone__is_op(node, "Div") && k < (is_scalar ? 1 : m); k++)
            finite &= c[k] != 0;
        if (!finite)
            continue;
        HONE_TRY(rewrite(conv, node, c, is_scalar, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
