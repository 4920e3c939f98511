/* Takes a Pad of spatial dims into the Conv, MaxPool or AveragePool behind it.
 *
 * Proof obligation: a convolution pads with zeros, so a Pad with zeros before it only makes its pads larger. MaxPool
 * pads with the lowest value: the Pad's must be that, or zero behind an operator whose results are never negative, with
 * pads smaller than the window, so that every window holds an element. AveragePool counts its pads when
 * count_include_pad is set, as the Pad's zeros were counted; unset, its own pads were not, so there must be none. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <math.h>
#include <string.h>

typedef struct padding {
    int64_t v[2 * HONE_MAX_RANK]; /* as Pad has them: begins, then ends, of all dims */
    size_t rank;
    double value;
} padding;

static bool read_padding(const hone__node *pad, padding *p) {
    size_t n;
    if (!pad->op || pad->op->since < 2 || pad->n_inputs > 3 ||
        strcmp(hone__node_attr_string(pad, "mode", "constant"), "constant") != 0 ||
        hone__pass_get_ints(pad, "pads", 1, p->v, HONE_COUNT_OF(p->v), &n) != HONE_INTS_KNOWN || n % 2 || n < 6)
        return false;
    p->rank = n / 2;
    p->value = hone__node_attr_float(pad, "value", 0);
    if (pad->n_inputs > 2 && pad->inputs[2] &&
        !(hone__is_constant(pad->inputs[2]) && hone__tensor_count(pad->inputs[2]->constant) == 1))
        return false;
    if (pad->n_inputs > 2 && pad->inputs[2])
        p->value = hone_tensor_get_double(pad->inputs[2]->constant, 0);
    for (size_t i = 0; i < n; i++)
        if (p->v[i] < 0 || (i % p->rank < 2 && p->v[i] != 0))
            return false;
    return true;
}

static bool is_never_negative(const hone__value *value) {
    const hone__node *node = value->producer;
    const char *name;
    float params[2];
    if (hone__is_op(node, "Relu") || hone__is_op(node, "Sigmoid") || hone__is_op(node, "HardSigmoid"))
        return true;
    return hone__is_op(node, "Clip") && hone__match_activation(node, &name, params) && params[0] >= 0;
}

/* The operator's own pads, begins then ends; zeros when it has none. */
static bool own_pads(const hone__node *node, size_t spatial, int64_t *pads) {
    size_t n;
    const int64_t *given = hone__node_attr_ints(node, "pads", &n);
    const char *auto_pad = hone__node_attr_string(node, "auto_pad", "NOTSET");
    if (strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0)
        return false;
    if (given && strcmp(auto_pad, "VALID") == 0)
        given = NULL;
    if (given && n != 2 * spatial)
        return false;
    for (size_t i = 0; i < 2 * spatial; i++)
        pads[i] = given ? given[i] : 0;
    return true;
}

/* Why the operator cannot take the padding, or NULL. */
static const char *reason(const hone__node *node, const hone__node *pad, const padding *p, const int64_t *own) {
    size_t spatial = p->rank - 2, n;
    if (hone__is_op(node, "Conv"))
        return p->value == 0 ? NULL : "the Pad's value is not zero";
    if (hone__node_attr_int(node, "ceil_mode", 0) || hone__node_attr(node, "dilations"))
        return "its windows are rounded up or dilated";
    if (hone__is_op(node, "AveragePool")) {
        if (p->value != 0 || node->op->since < 7)
            return "the Pad's value is not zero";
        for (size_t i = 0; i < 2 * spatial; i++)
            if (own[i] && !hone__node_attr_int(node, "count_include_pad", 0))
                return "it does not count its own pads";
    } else if (!hone__only_first_output(node) ||
               !(p->value <= -3.4e38 || (p->value == 0 && is_never_negative(pad->inputs[0])))) {
        return "the Pad's value may be larger than an element, or indices are wanted";
    }
    const int64_t *kernel = hone__node_attr_ints(node, "kernel_shape", &n);
    for (size_t i = 0; i < spatial; i++)
        if (n != spatial || own[i] + p->v[2 + i] >= kernel[i] || own[spatial + i] + p->v[p->rank + 2 + i] >= kernel[i])
            return "a window would lie wholly in the padding";
    return NULL;
}

static hone_status visit(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__node *pad = hone__input_node(node, 0, "Pad");
    padding p;
    int64_t own[2 * HONE_MAX_RANK];
    if (!pad || pad->graph != node->graph || hone__value_single_consumer(node->inputs[0]) != node ||
        !hone__is_float(node->inputs[0]) || !read_padding(pad, &p) || !own_pads(node, p.rank - 2, own))
        return HONE_OK;
    const char *why = reason(node, pad, &p, own);
    if (why) {
        hone__pass_missed(ctx, node, 1, "node %s: %s", pad->name, why);
        return HONE_OK;
    }
    size_t spatial = p.rank - 2;
    for (size_t i = 0; i < spatial; i++) {
        own[i] += p.v[2 + i];
        own[spatial + i] += p.v[p.rank + 2 + i];
    }
    hone__node_remove_attr(node, "auto_pad");
    HONE_TRY(hone__node_set_attr_ints(node, "pads", own, 2 * spatial, error));
    if (hone__is_op(node, "AveragePool"))
        HONE_TRY(hone__node_set_attr_int(node, "count_include_pad", 1, error));
    HONE_TRY(hone__node_set_input(node, 0, pad->inputs[0], error));
    node->provenance = ctx->pass->name;
    ctx->n_changed++;
    return HONE_OK;
}

HONE_PASS(fold_pad) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        bool fits = hone__is_op(node, "Conv") || hone__is_op(node, "MaxPool") || hone__is_op(node, "AveragePool");
        if (fits && node->op && node->n_inputs && node->inputs[0])
            HONE_TRY(visit(node, ctx, error));
    }
    return HONE_OK;
}
