/* Joins scaled dot-product attention, softmax(scale Q K^T + mask) V, into hone.FusedAttention, which never
 * materialises the scores. Anchored at the Softmax. Transposes, reshapes and slices around the operands become the
 * operator's layouts (ops/op_fused_attention.h); grouped heads by Expand become fewer key heads; a constant triangle
 * becomes `causal`. Concat with a past stays before it, rotary embedding too.
 * Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.2.1. */
#include "base/error.h"
#include "passes/pass_attention_mask.h"
#include "passes/pass_list.h"
#include "passes/pass_match.h"
#include "passes/pass_match_attention.h"
#include "passes/pass_strided.h"

#include <math.h>
#include <string.h>

typedef struct attention {
    hone__scores scores;
    hone__attention_input q, k, v;
    hone__node *last; /* the product with the values */
    bool zero_masked;
    int64_t heads;                               /* -1: not known, and no layout needs it */
    bool is_key_transposed, is_value_transposed; /* the operand must be transposed by a node first */
} attention;

static bool is_last_softmax(const hone__node *softmax) {
    int rank = hone__value_rank(softmax->inputs[0]);
    int64_t axis = hone__node_attr_int(softmax, "axis", softmax->op && softmax->op->since >= 13 ? -1 : 1);
    return rank >= 3 && (axis == -1 || axis == rank - 1);
}

/* From the Softmax on: its only reader, behind Where(IsNaN(p), 0, p), must be a product that it is the left side of. */
static hone__node *find_last(hone__pass_context *ctx, hone__node *softmax, bool *zero_masked) {
    char buf[300];
    hone__value *p = softmax->outputs[0], *link = p;
    *zero_masked = false;
    if (p->n_uses == 2 && !p->n_output_uses) {
        for (size_t i = 0; i < 2; i++) {
            const hone__node *where = p->uses[i].node, *is_nan = p->uses[1 - i].node;
            double zero;
            if (hone__is_op(where, "Where") && p->uses[i].index == 2 && hone__is_op(is_nan, "IsNaN") &&
                where->inputs[0] == is_nan->outputs[0] && hone__known_scalar(where->inputs[1], &zero) && zero == 0) {
                *zero_masked = true;
                p = link = where->outputs[0];
                break;
            }
        }
    }
    hone__node *last = hone__next_node(p, &link);
    if (!last) {
        hone__pass_missed(ctx, softmax, 20, "%s", hone__describe_uses(link, buf, sizeof buf));
        return NULL;
    }
    bool is_product = hone__is_op(last, "MatMul") ||
                      (hone__is_op_in(last, "hone", "FusedMatMul") && last->n_inputs == 2 &&
                       !*hone__node_attr_string(last, "activation", "") && !hone__node_attr_int(last, "transA", 0) &&
                       hone__node_attr_float(last, "alpha", 1) == 1);
    if (!is_product || last->inputs[0] != link || last->inputs[1] == link) {
        hone__pass_missed(ctx, softmax, 20, "node %s after the Softmax is not a product with the values", last->name);
        return NULL;
    }
    return last;
}

static bool find_inputs(hone__pass_context *ctx, const hone__node *softmax, attention *a) {
    const hone__node *product = a->scores.product;
    bool value_flag = hone__node_attr_int(a->last, "transB", 0) != 0;
    const char *what = NULL;
    a->is_key_transposed = a->is_value_transposed = false;
    if (!hone__match_attention_input(product->inputs[0], false, true, &a->q) || a->q.group != 1)
        what = "queries";
    /* A key that lies as [.., D, T] and a value that lies as [.., Dv, T] are transposed by a node. */
    if (!what && !hone__match_attention_input(product->inputs[1], !a->scores.is_key_plain, true, &a->k)) {
        a->is_key_transposed = true;
        if (!hone__match_attention_input(product->inputs[1], false, false, &a->k))
            what = "keys";
    }
    if (!what && !hone__match_attention_input(a->last->inputs[1], value_flag, false, &a->v)) {
        a->is_value_transposed = true;
        if (!value_flag || !hone__match_attention_input(a->last->inputs[1], false, false, &a->v))
            what = "values";
    }
    if (what) {
        hone__pass_missed(ctx, softmax, 21, "the %s of node %s are no [batch, heads, rows, elements] in a known layout",
                          what, *what == 'v' ? a->last->name : product->name);
        return false;
    }
    return true;
}

/* A merged operand [batch x heads, rows, elements] takes over the number of heads that the others have. */
static void unmerge(hone__attention_input *x, int64_t heads) {
    if (!x->is_merged || heads <= 1)
        return;
    x->layout = strcmp(x->layout, "SBC") == 0 ? "SND" : "NSD"; /* rows before batch x heads, as the source has them */
    x->heads = heads;
    x->is_merged = false;
}

/* The rank of the scores where a mask is added tells the number of heads of merged operands. */
static int64_t heads_of_masks(const attention *a) {
    if (hone__value_rank(a->scores.product->outputs[0]) != 3)
        return 1;
    for (size_t i = 0; i < a->scores.n_terms; i++)
        if (hone__value_rank(a->scores.terms[i].scores) == 4 && hone__value_dim(a->scores.terms[i].scores, 1) > 0)
            return hone__value_dim(a->scores.terms[i].scores, 1);
    return 1;
}

/* Two operands with H in their layouts have equally many heads at every run: where one may have a single head beside
 * several, MatMul repeats it and the operator does not. */
static bool same_heads(const hone__attention_input *x, const hone__attention_input *y) {
    if (strcmp(x->layout, "BHSD") != 0 || strcmp(y->layout, "BHSD") != 0 || hone__value_rank(x->value) != 4 ||
        hone__value_rank(y->value) != 4)
        return false;
    const hone__dim a = x->value->type.dims[1], b = y->value->type.dims[1];
    return a.value >= 0 ? a.value == b.value : b.value < 0 && a.symbol && b.symbol && strcmp(a.symbol, b.symbol) == 0;
}

static bool agree_on_heads(hone__pass_context *ctx, const hone__node *softmax, attention *a) {
    hone__attention_input *in[3] = {&a->q, &a->k, &a->v};
    int64_t heads = heads_of_masks(a);
    for (int i = 0; i < 3; i++)
        if (!in[i]->is_merged && in[i]->heads * in[i]->group > heads)
            heads = in[i]->heads * in[i]->group;
    for (int i = 0; i < 3; i++)
        unmerge(in[i], heads);
    bool fits = a->k.heads == a->v.heads;
    if (a->q.heads < 0 || a->k.heads < 0)
        fits = fits && same_heads(&a->q, &a->k) && same_heads(&a->k, &a->v) && a->k.group == 1 && a->v.group == 1;
    else
        fits = fits && a->q.heads == heads && (a->k.heads == 1 || a->k.heads * a->k.group == heads) &&
               (a->v.heads == 1 || a->v.heads * a->v.group == heads);
    a->heads = a->q.heads;
    if (!fits || (!a->q.has_batch && (a->k.has_batch || a->v.has_batch))) {
        hone__pass_missed(ctx, softmax, 22, "queries have %lld heads, keys %lld x %lld, values %lld x %lld",
                          (long long)a->q.heads, (long long)a->k.heads, (long long)a->k.group, (long long)a->v.heads,
                          (long long)a->v.group);
        return false;
    }
    return true;
}

/* ---- the output ---- */

enum { AXIS_B, AXIS_H, AXIS_S, AXIS_D };

/* The layout that a rearranged result has, or NULL. */
static const char *output_layout(const hone__strided *view) {
    static const char *const layouts[] = {"BHSD", "BSHD", "SBHD", "NSD", "SND", "BSC", "SBC"};
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        if ((int)strlen(layouts[i]) != view->rank)
            continue;
        bool fits = true;
        for (int axis = 0; axis < view->rank && fits; axis++) {
            const char *axes = layouts[i][axis] == 'N' ? "BH" : layouts[i][axis] == 'C' ? "HD" : NULL;
            char one[2] = {layouts[i][axis], 0};
            axes = axes ? axes : one;
            int at = hone__strided_begin(view, axis), end = view->ends[axis];
            for (; *axes; axes++) { /* pieces of size 1 are not there */
                int want = *axes == 'B' ? AXIS_B : *axes == 'H' ? AXIS_H : *axes == 'S' ? AXIS_S : AXIS_D;
                if (at < end && view->pieces[at].axis == want && view->pieces[at].step == 1)
                    at++;
            }
            fits = at == end;
        }
        if (fits)
            return layouts[i];
    }
    return NULL;
}

static void append_piece(hone__strided *view, hone__dim size, int axis) {
    if (size.value != 1)
        view->pieces[view->n_pieces++] = (hone__strided_piece){size, axis, 1};
}

/* Follows the result through transposes and reshapes that nobody else reads, as far as a layout holds it. */
static hone__node *find_end(const attention *a, const char **layout) {
    hone__node *end = a->last;
    hone__value *at = a->last->outputs[0];
    int rank = hone__value_rank(at);
    *layout = rank == 4 ? "BHSD" : "NSD";
    if (a->heads < 1)
        return end;
    bool merged = a->q.is_merged;
    hone__strided view = {.source = at, .rank = rank, .scale = 1};
    append_piece(&view, a->q.batch, AXIS_B);
    if (rank == 4)
        view.ends[0] = view.n_pieces;
    if (!merged)
        append_piece(&view, (hone__dim){a->heads, NULL}, AXIS_H);
    view.ends[rank - 3] = view.n_pieces;
    append_piece(&view, a->q.rows, AXIS_S);
    view.ends[rank - 2] = view.n_pieces;
    append_piece(&view, (hone__dim){a->v.size, NULL}, AXIS_D);
    view.ends[rank - 1] = view.n_pieces;
    if (a->q.batch.value < 0 && rank == 3 && !merged) /* batch x heads as one unknown number is split from its end */
        view.pieces[0].size = (hone__dim){-1, a->q.batch.symbol};
    for (int n = 0; n < 6; n++) {
        hone__node *next = hone__value_single_consumer(at);
        if (!next || next->inputs[0] != at || (next->n_inputs > 1 && next->inputs[1] == at) ||
            !(hone__is_op(next, "Transpose") || hone__is_op(next, "Reshape") || hone__is_op(next, "Squeeze") ||
              hone__is_op(next, "Unsqueeze") || hone__is_op(next, "Flatten")) ||
            !hone__strided_apply(&view, next, 0))
            break;
        at = next->outputs[0];
        const char *found = output_layout(&view);
        if (found) {
            *layout = found;
            end = next;
        }
    }
    return end;
}

/* ---- rewriting ---- */

static hone_status set_layout(hone__node *node, char operand, const hone__attention_input *x, hone_error *error) {
    char name[] = "x_layout", view[] = "x_view";
    name[0] = view[0] = operand;
    if (strcmp(x->layout, "BHSD") != 0)
        HONE_TRY(hone__node_set_attr_string(node, name, x->layout, error));
    bool is_row = strchr(x->layout, 'C') != NULL;
    if (is_row && (x->offset != 0 || x->stride != x->size || hone__value_dim(x->value, -1) != x->heads * x->size))
        HONE_TRY(hone__node_set_attr_ints(node, view, (int64_t[]){x->offset, x->stride}, 2, error));
    return HONE_OK;
}

static bool needs_heads(const hone__attention_input *x) { return !strchr(x->layout, 'H'); }

static hone_status set_attributes(hone__node *node, const attention *a, const hone__attention_mask *mask,
                                  const char *y_layout, hone_error *error) {
    bool heads = needs_heads(&a->q) || needs_heads(&a->k) || needs_heads(&a->v) || !strchr(y_layout, 'H');
    double scale = a->scores.scale * a->q.scale * a->k.scale;
    HONE_TRY(hone__node_set_attr_float(node, "scale", (float)scale, error));
    HONE_TRY(set_layout(node, 'q', &a->q, error));
    HONE_TRY(set_layout(node, 'k', &a->k, error));
    HONE_TRY(set_layout(node, 'v', &a->v, error));
    if (strcmp(y_layout, "BHSD") != 0)
        HONE_TRY(hone__node_set_attr_string(node, "y_layout", y_layout, error));
    if (heads || a->heads > 0)
        HONE_TRY(hone__node_set_attr_int(node, "num_heads", a->heads, error));
    if (a->k.heads > 0 && a->k.heads != a->heads)
        HONE_TRY(hone__node_set_attr_int(node, "kv_num_heads", a->k.heads, error));
    if (heads) {
        HONE_TRY(hone__node_set_attr_int(node, "head_size", a->q.size, error));
        if (a->v.size != a->q.size)
            HONE_TRY(hone__node_set_attr_int(node, "v_head_size", a->v.size, error));
    }
    if (mask->causal)
        HONE_TRY(hone__node_set_attr_int(node, "causal", 1, error));
    if (mask->repeats)
        HONE_TRY(hone__node_set_attr_int(node, "mask_repeats", 1, error));
    if (mask->is_nst)
        HONE_TRY(hone__node_set_attr_string(node, "mask_layout", "NST", error));
    bool has_fill = mask->condition || (mask->value && mask->value->type.dtype == HONE_DTYPE_BOOL);
    if (has_fill && !isinf(mask->fill))
        HONE_TRY(hone__node_set_attr_float(node, "mask_value", (float)mask->fill, error));
    if (a->zero_masked)
        HONE_TRY(hone__node_set_attr_int(node, "zero_masked", 1, error));
    return HONE_OK;
}

static hone_status transpose_last_two(hone__pass_context *ctx, hone__node *before, hone__attention_input *x,
                                      hone_error *error) {
    int64_t perm[4] = {0, 1, 2, 3};
    int rank = hone__value_rank(x->value);
    perm[rank - 1] = rank - 2;
    perm[rank - 2] = rank - 1;
    HONE_TRY(hone__insert_transpose(ctx->graph, before, x->value, perm, "fuse_attention", &x->value, error));
    x->size = hone__value_dim(x->value, -1);
    return HONE_OK;
}

/* An operand whose last dims have to change places is only taken as it stands. */
static bool may_transpose(const hone__attention_input *x, const hone__value *operand) {
    return x->value == operand && (strcmp(x->layout, "BHSD") == 0 || x->is_merged || strcmp(x->layout, "NSD") == 0) &&
           hone__value_dim(operand, -2) > 0;
}

static bool is_whole_row(const attention *a, const hone__attention_input *x) {
    return strcmp(x->layout, "BSC") == 0 && x->offset == 0 && x->stride == x->size && x->size > 0 &&
           hone__value_dim(x->value, -1) == a->heads * x->size && (x->heads < 0 || x->heads == a->heads);
}

/* ONNX Runtime's MultiHeadAttention takes rows of all heads, and a bias of rank 4 that covers all keys. */
static bool suits_onnxruntime(const attention *a, const hone__attention_mask *mask, const char *y_layout) {
    const hone__scores *s = &a->scores;
    if (a->heads <= 0 || !is_whole_row(a, &a->q) || !is_whole_row(a, &a->k) || !is_whole_row(a, &a->v) ||
        a->is_key_transposed || a->is_value_transposed || strcmp(y_layout, "BSC") != 0 || a->zero_masked ||
        mask->causal || mask->is_nst || mask->repeats || s->n_terms > 1)
        return false;
    if (s->n_terms == 0)
        return true;
    const hone__value *bias = s->terms[0].value;
    if (s->terms[0].is_bool || s->terms[0].factor != 1 || !hone__is_float(bias) || hone__value_rank(bias) != 4)
        return false;
    const hone__dim *keys = &bias->type.dims[3], *rows = &a->k.rows;
    return keys->value > 1 ? keys->value == rows->value
                           : keys->value < 0 && keys->symbol && rows->symbol && strcmp(keys->symbol, rows->symbol) == 0;
}

/* One element of the shape of an operand, as a 1-D value before a node. */
static hone_status shape_element(hone__pass_context *ctx, hone__node *before, hone__value *x, int64_t index,
                                 hone__value **out, hone_error *error) {
    hone_tensor *tensor;
    hone__value *at;
    hone__node *node;
    int64_t one = 1;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_INT64, 1, &one, &tensor, error));
    ((int64_t *)tensor->data)[0] = index;
    hone_status status = hone__graph_add_constant(ctx->graph, "index", tensor, &at, error);
    if (status != HONE_OK) {
        hone_tensor_destroy(tensor);
        return status;
    }
    *out = at;
    if (!x) /* the number itself */
        return HONE_OK;
    hone__dim rank = {hone__value_rank(x), NULL}, single = {1, NULL};
    HONE_TRY(hone__insert_node(ctx->graph, before, "Shape", 13, &x, 1, HONE_DTYPE_INT64, 1, &rank, "fuse_attention",
                               &node, error));
    hone__value *in[2] = {node->outputs[0], at};
    HONE_TRY(hone__insert_node(ctx->graph, before, "Gather", 13, in, 2, HONE_DTYPE_INT64, 1, &single, "fuse_attention",
                               &node, error));
    *out = node->outputs[0];
    return HONE_OK;
}

/* Shape nodes that read scores, as old exports of GPT-2 have them, get [B,H,S,T] from the operands. */
static hone_status serve_shapes(hone__pass_context *ctx, const attention *a, hone_error *error) {
    for (size_t i = 0; i < a->scores.n_shaped; i++) {
        hone__value *scores = a->scores.shaped[i];
        for (size_t k = scores->n_uses; k-- > 0;) {
            hone__node *shape = scores->uses[k].node, *concat;
            if (!hone__is_op(shape, "Shape"))
                continue;
            hone__value *in[4];
            const char *q = a->q.layout;
            HONE_TRY(shape_element(ctx, shape, a->q.value, strchr(q, 'B') - q, &in[0], error));
            HONE_TRY(shape_element(ctx, shape, NULL, a->heads, &in[1], error));
            HONE_TRY(shape_element(ctx, shape, a->q.value, strchr(q, 'S') - q, &in[2], error));
            HONE_TRY(shape_element(ctx, shape, a->k.value, strchr(a->k.layout, 'S') - a->k.layout, &in[3], error));
            HONE_TRY(hone__replace_pattern(shape, "", "Concat", 13, in, 4, "fuse_attention", &concat, error));
            HONE_TRY(hone__node_set_attr_int(concat, "axis", 0, error));
        }
    }
    return HONE_OK;
}

static hone_status fuse(hone__pass_context *ctx, hone__node *softmax, attention *a, hone__node **gone,
                        hone_error *error) {
    hone__attention_mask mask;
    const char *layout;
    *gone = NULL;
    if ((a->is_key_transposed && !may_transpose(&a->k, a->scores.product->inputs[1])) ||
        (a->is_value_transposed && !may_transpose(&a->v, a->last->inputs[1]))) {
        hone__pass_missed(ctx, softmax, 23, "keys or values lie across and their sizes are not known");
        return HONE_OK;
    }
    if (a->scores.n_shaped && (a->heads < 1 || !strchr(a->q.layout, 'B') || a->is_key_transposed)) {
        hone__pass_missed(ctx, softmax, 23, "the shape of its scores is read, and its operands do not tell it");
        return HONE_OK;
    }
    if (!hone__plan_attention_mask(ctx, softmax, &a->scores, a->heads, &mask))
        return HONE_OK;
    (void)find_end(a, &layout);
    if (ctx->options->target == HONE_TARGET_ONNXRUNTIME && !suits_onnxruntime(a, &mask, layout)) {
        hone__pass_missed(ctx, softmax, 24, "MultiHeadAttention has no place for its layouts or its mask");
        return HONE_OK;
    }
    if (a->is_key_transposed)
        HONE_TRY(transpose_last_two(ctx, a->last, &a->k, error));
    if (a->is_value_transposed)
        HONE_TRY(transpose_last_two(ctx, a->last, &a->v, error));
    HONE_TRY(serve_shapes(ctx, a, error));
    hone__node *end = find_end(a, &layout), *node;
    HONE_TRY(hone__make_attention_mask(ctx, a->last, &a->scores, &mask, error));
    hone__value *in[5] = {a->q.value, a->k.value, a->v.value, mask.value, mask.condition};
    HONE_TRY(hone__replace_pattern(end, "hone", "FusedAttention", 1, in,
                                   mask.condition ? 5
                                   : mask.value   ? 4
                                                  : 3,
                                   "fuse_attention", &node, error));
    *gone = end;
    if (strcmp(layout, "NSD") == 0 && a->q.is_merged) /* one head per batch */
        layout = "BSC";
    return set_attributes(node, a, &mask, layout, error);
}

HONE_PASS(fuse_attention) {
    if (!hone__pass_may_make(ctx, "hone", "FusedAttention", 1))
        return HONE_OK;
    for (hone__node *softmax = ctx->graph->first, *next; softmax; softmax = next) {
        attention a;
        hone__node *end = NULL;
        next = softmax->next;
        if (!hone__is_op(softmax, "Softmax") || !hone__is_float(softmax->outputs[0]) || !is_last_softmax(softmax) ||
            !hone__match_scores(ctx, softmax, &a.scores))
            continue;
        a.last = find_last(ctx, softmax, &a.zero_masked);
        if (!a.last || !hone__is_float(a.last->outputs[0]))
            continue;
        int rank = hone__value_rank(a.last->outputs[0]);
        if ((rank != 3 && rank != 4) || hone__value_rank(a.scores.product->outputs[0]) != rank) {
            hone__pass_missed(ctx, softmax, 20, "node %s has rank %d, not 3 or 4", a.last->name, rank);
            continue;
        }
        if (!find_inputs(ctx, softmax, &a) || !agree_on_heads(ctx, softmax, &a))
            continue;
        HONE_TRY(fuse(ctx, softmax, &a, &end, error));
        if (!end)
            continue;
        next = softmax->next; /* nodes may have come or gone behind the Softmax */
        ctx->n_changed++;
    }
    return HONE_OK;
}
