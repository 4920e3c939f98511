/* Joins what an attention adds to its scores into one mask. The terms come from outside in; they are joined from inside
 * out: numbers are added, conditions become Where(condition, 0 or what is there, fill). One condition alone stays bool.
 *
 * Fills: a score that Where replaced by -1e9 or finfo.min and one to which the same number is added round to the same
 * float32 when the number is large enough; smaller fills (-1e4) are replaced by half of -FLT_MAX, since they must win
 * over any score: a row in which everything is hidden stays uniform, as it was. That holds when the Where comes last;
 * a small fill to which a mask is added afterwards keeps its condition as an input of its own. */
#include "passes/pass_attention_mask.h"

#include "base/error.h"
#include "passes/pass_match.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double g_half_max = -(double)FLT_MAX / 2;

static double safe_fill(double fill) { return isinf(fill) || fill <= -1e30 ? fill : g_half_max; }

/* A constant that hides exactly the keys behind each query: query i of S sees keys 0 .. i + T - S. */
static bool is_triangle(const hone__mask_term *term) {
    const hone_tensor *t = term->value->constant;
    if (!t || term->value->is_overridable || t->kind != HONE_KIND_TENSOR || t->rank < 2 || term->is_inverted)
        return false;
    int64_t queries = t->dims[t->rank - 2], keys = t->dims[t->rank - 1];
    if (queries < 2 || keys < queries || hone__tensor_count(t) != queries * keys ||
        (t->dtype != HONE_DTYPE_FLOAT && t->dtype != HONE_DTYPE_BOOL))
        return false;
    for (int64_t i = 0; i < queries; i++)
        for (int64_t j = 0; j < keys; j++) {
            double x = hone_tensor_get_double(t, i * keys + j);
            bool is_seen = t->dtype == HONE_DTYPE_BOOL ? x != 0 : x == 0,
                 is_hidden = t->dtype == HONE_DTYPE_BOOL ? x == 0 : x * term->factor <= -1e4;
            if (!(j <= i + keys - queries ? is_seen : is_hidden))
                return false;
        }
    return true;
}

/* Where a term's first dims stand: batch x heads of rank 3, or windows of rank 5. */
static bool read_form(const hone__mask_term *term, bool *is_nst, bool *repeats) {
    int rank = hone__value_rank(term->value), full = hone__value_rank(term->scores);
    int64_t first = rank > 0 ? hone__value_dim(term->value, 0) : 1;
    *is_nst = full == 3 && rank == 3 && first != 1;
    *repeats = full == 5 && rank >= 4 && hone__value_dim(term->value, -4) != 1;
    return full == 5 ? rank <= 4 || first == 1 : full <= 4;
}

bool hone__plan_attention_mask(hone__pass_context *ctx, const hone__node *softmax, const hone__scores *scores,
                               int64_t heads, hone__attention_mask *out) {
    *out = (hone__attention_mask){0};
    if (scores->n_terms == 1 && is_triangle(&scores->terms[0])) {
        out->causal = true;
        return true;
    }
    bool has_other = false, has_batch = false;
    for (size_t i = 0; i < scores->n_terms; i++) {
        const hone__mask_term *term = &scores->terms[i];
        bool is_nst, repeats;
        const hone__type *type = &term->value->type;
        const char *reason = NULL;
        if (!read_form(term, &is_nst, &repeats))
            reason = "has a form that is not known";
        else if (!term->is_bool && type->dtype != HONE_DTYPE_FLOAT)
            reason = "is not float32";
        else if (hone__value_rank(term->scores) == 5 && hone__value_dim(term->scores, 2) != heads)
            reason = "is added to scores whose third dim is not the heads";
        else if (is_nst && heads < 1)
            reason = "has the batch and heads in one dim, and the number of heads is not known";
        /* Where(c, s, fill) + m is s + Where(c, m, fill + m) only when the fill swallows the score; else the condition
         * stays one, when it comes first. */
        bool is_small = term->is_bool && i > 0 && term->fill > -1e8;
        if (!reason && is_small && (i + 1 < scores->n_terms || hone__value_rank(term->scores) > 4 || is_nst))
            reason = "hides with a number so small that what is added afterwards counts";
        out->has_condition |= is_small;
        if (reason) {
            hone__pass_missed(ctx, softmax, 23, "the mask %s %s", term->value->name, reason);
            return false;
        }
        out->is_nst |= is_nst;
        out->repeats |= repeats;
        has_other |= !is_nst && hone__value_rank(term->value) > 2 && hone__value_dim(term->value, -3) != 1;
        has_batch |= !repeats && hone__value_rank(term->value) == 4 && hone__value_dim(term->value, 0) != 1;
    }
    if ((out->is_nst && (has_other || out->repeats)) || (out->repeats && has_batch)) {
        hone__pass_missed(ctx, softmax, 23, "its masks have different forms");
        return false;
    }
    return true;
}

/* ---- making ---- */

static hone__dim broadcast_dim(const hone__value *a, const hone__value *b, int from_end) {
    hone__dim one = {1, NULL};
    int ra = hone__value_rank(a), rb = hone__value_rank(b);
    hone__dim x = from_end <= ra ? a->type.dims[ra - from_end] : one;
    hone__dim y = from_end <= rb ? b->type.dims[rb - from_end] : one;
    if (x.value == 1)
        return y;
    return y.value == 1 || x.value >= 0 ? x : y.value >= 0 ? y : x;
}

/* op(a, b[, c]) with numpy broadcasting; c is a scalar. first: NULL, or Where's condition. */
static hone_status combine(hone__pass_context *ctx, hone__node *before, const char *op, int64_t opset, hone__value *a,
                           hone__value *b, hone__value *c, hone__value **out, hone_error *error) {
    hone__dim dims[HONE_MAX_RANK];
    int rank = hone__value_rank(a) > hone__value_rank(b) ? hone__value_rank(a) : hone__value_rank(b);
    for (int i = 1; i <= rank; i++)
        dims[rank - i] = broadcast_dim(a, b, i);
    hone__value *in[3] = {a, b, c};
    hone__node *node;
    HONE_TRY(hone__insert_node(ctx->graph, before, op, opset, in, c ? 3 : 2, HONE_DTYPE_FLOAT, rank, dims,
                               "fuse_attention", &node, error));
    *out = node->outputs[0];
    return HONE_OK;
}

static hone_status scalar(hone__pass_context *ctx, double x, hone__value **out, hone_error *error) {
    return hone__add_filled(ctx->graph, "mask_value", 0, NULL, (float)x, out, error);
}

/* The condition as bool, true where the score counts. */
static hone_status condition(hone__pass_context *ctx, hone__node *before, const hone__mask_term *term,
                             hone__value **out, hone_error *error) {
    hone__node *node;
    const hone__type *type = &term->value->type;
    *out = term->value;
    if (type->dtype != HONE_DTYPE_BOOL) {
        HONE_TRY(hone__insert_node(ctx->graph, before, "Cast", 13, out, 1, HONE_DTYPE_BOOL, type->rank, type->dims,
                                   "fuse_attention", &node, error));
        HONE_TRY(hone__node_set_attr_int(node, "to", HONE_DTYPE_BOOL, error));
        *out = node->outputs[0];
    }
    if (!term->is_inverted)
        return HONE_OK;
    HONE_TRY(hone__insert_node(ctx->graph, before, "Not", 1, out, 1, HONE_DTYPE_BOOL, type->rank, type->dims,
                               "fuse_attention", &node, error));
    *out = node->outputs[0];
    return HONE_OK;
}

/* [1,windows,heads,S,T] without the first dim. */
static hone_status drop_first(hone__pass_context *ctx, hone__node *before, hone__value **value, hone_error *error) {
    hone_tensor *axes;
    hone__value *axis, *in[2] = {*value, NULL};
    hone__node *node;
    int64_t one = 1;
    if (hone__value_rank(*value) != 5)
        return HONE_OK;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_INT64, 1, &one, &axes, error));
    ((int64_t *)axes->data)[0] = 0;
    hone_status status = hone__graph_add_constant(ctx->graph, "axes", axes, &axis, error);
    if (status != HONE_OK) {
        hone_tensor_destroy(axes);
        return status;
    }
    in[1] = axis;
    HONE_TRY(hone__insert_node(ctx->graph, before, "Squeeze", 13, in, 2, (*value)->type.dtype, 4,
                               (*value)->type.dims + 1, "fuse_attention", &node, error));
    *value = node->outputs[0];
    return HONE_OK;
}

hone_status hone__make_attention_mask(hone__pass_context *ctx, hone__node *before, const hone__scores *scores,
                                      hone__attention_mask *mask, hone_error *error) {
    hone__value *sum = NULL, *c;
    if (mask->causal)
        return HONE_OK;
    for (size_t i = scores->n_terms; i-- > 0;) {
        const hone__mask_term *term = &scores->terms[i];
        hone__value *value = term->value;
        if (term->is_bool)
            HONE_TRY(condition(ctx, before, term, &value, error));
        HONE_TRY(drop_first(ctx, before, &value, error));
        if (term->is_bool && mask->has_condition && i + 1 == scores->n_terms) {
            mask->condition = value;
            mask->fill = term->fill;
            continue;
        }
        if (term->is_bool && scores->n_terms == 1) {
            mask->value = value;
            mask->fill = safe_fill(fmax(term->fill, scores->clamp));
            return HONE_OK;
        }
        if (term->is_bool) {
            hone__value *inner = sum;
            if (!inner)
                HONE_TRY(scalar(ctx, 0, &inner, error));
            HONE_TRY(scalar(ctx, safe_fill(term->fill), &c, error));
            HONE_TRY(combine(ctx, before, "Where", 16, value, inner, c, &sum, error));
            continue;
        }
        if (term->factor != 1) {
            HONE_TRY(scalar(ctx, term->factor, &c, error));
            HONE_TRY(combine(ctx, before, "Mul", 14, value, c, NULL, &value, error));
        }
        if (sum)
            HONE_TRY(combine(ctx, before, "Add", 14, sum, value, NULL, &value, error));
        sum = value;
    }
    if (sum && !isinf(scores->clamp)) {
        HONE_TRY(scalar(ctx, scores->clamp, &c, error));
        HONE_TRY(combine(ctx, before, "Max", 13, sum, c, NULL, &sum, error));
    }
    mask->value = sum;
    return HONE_OK;
}
