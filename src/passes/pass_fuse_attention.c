/* Joins scaled dot-product attention, MatMul(Softmax(scale * Q K^T + mask), V) with Q, K, V of rank 4, into
 * hone.FusedAttention(Q, K, V, mask), which never materialises the scores.
 * Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.2.1. */
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

#include <string.h>

typedef struct attention {
    hone__value *q, *k, *v, *mask;
    double scale;
} attention;

/* Skips a scalar Mul or Div, multiplying *scale. */
static hone__value *unscale(hone__value *value, double *scale) {
    hone__node *node = value->producer;
    double c;
    int i = node && (hone__is_op(node, "Mul") || hone__is_op(node, "Div")) ? hone__scalar_input(node, &c) : -1;
    if (i < 0 || c == 0 || (hone__is_op(node, "Div") && i == 0))
        return value;
    *scale *= hone__is_op(node, "Div") ? 1 / c : c;
    return node->inputs[1 - i];
}

/* The transpose that turns [B,H,T,D] into [B,H,D,T], or [B,T,H,D] into [B,H,D,T] (perm 0,2,3,1). */
static bool key_perm(const hone__node *node, bool *from_bthd) {
    static const int64_t swap[4] = {0, 1, 3, 2}, both[4] = {0, 2, 3, 1};
    size_t n;
    const int64_t *perm = hone__node_attr_ints(node, "perm", &n);
    if (!perm || n != 4)
        return false;
    bool is_swap = true, is_both = true;
    for (int i = 0; i < 4; i++) {
        is_swap &= perm[i] == swap[i];
        is_both &= perm[i] == both[i];
    }
    *from_bthd = is_both;
    return is_swap || is_both;
}

static bool match_scores(hone__value *scores, attention *a, hone__node **transpose, bool *from_bthd) {
    scores = unscale(scores, &a->scale);
    hone__node *add = scores->producer;
    if (hone__is_op(add, "Add") && add->n_inputs == 2) {
        for (size_t i = 0; i < 2 && !a->mask; i++) {
            double scale = 1;
            hone__value *inner = unscale(add->inputs[i], &scale);
            if (inner->producer && (hone__is_op(inner->producer, "MatMul")) && a->scale == 1) {
                a->mask = add->inputs[1 - i];
                a->scale = scale;
                scores = inner;
            }
        }
        if (!a->mask)
            return false;
    }
    hone__node *product = scores->producer;
    if (!hone__is_op(product, "MatMul") || !hone__is_float(scores))
        return false;
    *transpose = NULL;
    a->q = unscale(product->inputs[0], &a->scale);
    hone__value *k = unscale(product->inputs[1], &a->scale);
    if (!hone__is_op(k->producer, "Transpose") || !key_perm(k->producer, from_bthd))
        return false;
    *transpose = k->producer;
    a->k = unscale(k->producer->inputs[0], &a->scale);
    return true;
}

/* A mask must broadcast to [B,H,S,T] without making it larger. */
static bool mask_fits(const hone__value *mask, const hone__value *scores) {
    int rank = hone__value_rank(mask);
    if (rank < 0 || rank > 4 || !hone__is_float(mask))
        return false;
    for (int i = 1; i <= rank; i++) {
        const hone__dim *m = &mask->type.dims[rank - i], *s = &scores->type.dims[4 - i];
        bool one = m->value == 1, same = m->value >= 0 && m->value == s->value;
        bool symbol =
            m->value < 0 && s->value < 0 && m->symbol && s->symbol && m->symbol[0] && strcmp(m->symbol, s->symbol) == 0;
        if (!one && !same && !symbol && !(m->value < 0 && i <= 2))
            return false;
    }
    return true;
}

/* K as [B,H,T,D]: what the skipped transpose read, transposed back when it also moved the heads. */
static hone_status key_input(hone__graph *graph, hone__node *before, const attention *a, bool from_bthd,
                             hone__value **out, hone_error *error) {
    static const int64_t heads_first[4] = {0, 2, 1, 3};
    *out = a->k;
    if (!from_bthd)
        return HONE_OK;
    hone__value *moved;
    hone__node *node;
    HONE_TRY(hone__graph_add_value(graph, a->k->name, &moved, error));
    const hone__type *type = &a->k->type;
    if (hone__value_rank(a->k) == 4) {
        hone__dim dims[4];
        for (int i = 0; i < 4; i++)
            dims[i] = type->dims[heads_first[i]];
        if (hone__type_set_tensor(hone__graph_arena(graph), &moved->type, type->dtype, 4, dims) != HONE_OK)
            return hone__fail_memory(error, "fuse_attention");
    }
    HONE_TRY(hone__graph_add_node(graph, before, "", "Transpose", NULL, &a->k, 1, &moved, 1, &node, error));
    HONE_TRY(hone__node_become(node, "", "Transpose", 13, "fuse_attention", error));
    HONE_TRY(hone__node_set_attr_ints(node, "perm", heads_first, 4, error));
    *out = moved;
    return HONE_OK;
}

static bool is_last_softmax(const hone__node *softmax) {
    int64_t axis = hone__node_attr_int(softmax, "axis", softmax->op && softmax->op->since >= 13 ? -1 : 1);
    return axis == -1 || axis == 3;
}

HONE_PASS(fuse_attention) {
    hone__graph *graph = ctx->graph;
    if (!hone__pass_may_make(ctx, "hone", "FusedAttention", 1))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(last, graph) {
        if (!hone__is_op(last, "MatMul") || hone__value_rank(last->outputs[0]) != 4 ||
            !hone__is_float(last->outputs[0]))
            continue;
        hone__node *softmax = hone__input_node(last, 0, "Softmax"), *transpose;
        if (!softmax || !is_last_softmax(softmax) || hone__value_single_consumer(last->inputs[0]) != last ||
            hone__value_rank(softmax->inputs[0]) != 4)
            continue;
        attention a = {.v = last->inputs[1], .scale = 1};
        bool from_bthd = false;
        if (!match_scores(softmax->inputs[0], &a, &transpose, &from_bthd) || hone__value_rank(a.q) != 4 ||
            hone__value_rank(a.k) != 4 || hone__value_rank(a.v) != 4)
            continue;
        if (a.mask && !mask_fits(a.mask, softmax->inputs[0]))
            continue;
        hone__value *in[4] = {a.q, NULL, a.v, a.mask};
        HONE_TRY(key_input(graph, last, &a, from_bthd, &in[1], error));
        hone__node *node;
        HONE_TRY(hone__replace_pattern(last, "hone", "FusedAttention", 1, in, a.mask ? 4 : 3, "fuse_attention", &node,
                                       error));
        HONE_TRY(hone__node_set_attr_float(node, "scale", (float)a.scale, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
