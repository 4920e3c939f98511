/* Operands of an attention's products as layouts of hone.FusedAttention; see pass_match_attention.h and
 * ops/op_fused_attention.h. */
#include "passes/pass_match.h"
#include "passes/pass_match_attention.h"
#include "passes/pass_strided.h"

#include <string.h>

enum { MAX_MOVES = 24 };

/* The pieces of a view by their roles; NULL where the size is 1. */
typedef struct roles {
    const hone__strided_piece *batch, *head, *row, *element;
    int64_t group;
} roles;

static bool find_roles(const hone__strided *view, bool is_transposed, roles *out) {
    const hone__strided_piece *p = view->pieces;
    int rank = view->rank, rows = rank - 2 + is_transposed, cols = rank - 1 - is_transposed;
    *out = (roles){.group = 1};
    int begin = hone__strided_begin(view, cols), n = view->ends[cols] - begin;
    if (n != 1 || p[begin].axis != hone__value_rank(view->source) - 1 || p[begin].step != 1 || p[begin].size.value < 1)
        return false;
    out->element = &p[begin];
    begin = hone__strided_begin(view, rows);
    n = view->ends[rows] - begin;
    if (n > 1 || (n == 1 && p[begin].axis < 0))
        return false;
    out->row = n ? &p[begin] : NULL;
    int last = view->ends[rank - 3];
    if (last > 0 && p[last - 1].axis < 0) { /* each head serves a group of query heads */
        out->group = p[last - 1].size.value;
        if (out->group < 1 || (rank == 4 && view->ends[0] == last))
            return false;
        last--;
    }
    for (int i = 0; i < last; i++)
        if (p[i].axis < 0)
            return false;
    if (rank == 4) {
        if (view->ends[0] > 1 || last - view->ends[0] > 1)
            return false;
        out->batch = view->ends[0] ? &p[0] : NULL;
        out->head = last > view->ends[0] ? &p[view->ends[0]] : NULL;
        return true;
    }
    if (last > 2)
        return false;
    if (last == 2)
        out->batch = &p[0];
    if (last == 1 && p[0].axis != out->element->axis && out->group == 1) /* a batch, or batch x heads together */
        out->batch = &p[0];
    else
        out->head = last ? &p[last - 1] : NULL;
    return true;
}

/* Whether axis `axis` of the source is taken as a whole by this piece; without a piece it must be 1. */
static bool covers(const hone__strided *view, const hone__strided_piece *piece, int axis) {
    const hone__dim *dim = &view->source->type.dims[axis];
    if (!piece)
        return dim->value == 1;
    bool same = dim->value >= 0
                    ? dim->value == piece->size.value
                    : piece->size.value < 0 &&
                          ((!dim->symbol && !piece->size.symbol) ||
                           (dim->symbol && piece->size.symbol && strcmp(dim->symbol, piece->size.symbol) == 0));
    return piece->axis == axis && piece->step == 1 && view->offset[axis] == 0 && same;
}

/* Axis `axis` is batch x heads. */
static bool covers_both(const hone__strided *view, const roles *r, int axis) {
    if (!r->batch || !r->head)
        return covers(view, r->head, axis);
    return r->batch->axis == axis && r->head->axis == axis && r->head->step == 1 && r->head->size.value > 0 &&
           r->batch->step == r->head->size.value && view->offset[axis] == 0;
}

static const char *find_layout(const hone__strided *view, const roles *r) {
    int rank = hone__value_rank(view->source);
    if (rank == 4) {
        if (!covers(view, r->element, 3))
            return NULL;
        if (covers(view, r->batch, 0) && covers(view, r->head, 1) && covers(view, r->row, 2))
            return "BHSD";
        if (covers(view, r->batch, 0) && covers(view, r->row, 1) && covers(view, r->head, 2))
            return "BSHD";
        return covers(view, r->row, 0) && covers(view, r->batch, 1) && covers(view, r->head, 2) ? "SBHD" : NULL;
    }
    if (rank != 3)
        return NULL;
    if (!r->head || r->head->axis == 2) {
        if (covers(view, r->batch, 0) && covers(view, r->row, 1))
            return "BSC";
        return covers(view, r->row, 0) && covers(view, r->batch, 1) ? "SBC" : NULL;
    }
    if (!covers(view, r->element, 2))
        return NULL;
    if (covers_both(view, r, 0) && covers(view, r->row, 1))
        return "NSD";
    return covers(view, r->row, 0) && covers_both(view, r, 1) ? "SND" : NULL;
}

static bool from_view(const hone__strided *view, bool is_transposed, hone__attention_input *out) {
    roles r;
    if ((view->rank != 3 && view->rank != 4) || !find_roles(view, is_transposed, &r))
        return false;
    const char *layout = find_layout(view, &r);
    if (!layout)
        return false;
    bool is_row = strchr(layout, 'C') != NULL;
    *out = (hone__attention_input){.value = view->source,
                                   .layout = layout,
                                   .heads = r.head ? r.head->size.value : 1,
                                   .group = r.group,
                                   .size = r.element->size.value,
                                   .offset = is_row ? view->offset[2] : 0,
                                   .stride = is_row && r.head ? r.head->step : r.element->size.value,
                                   .is_merged = view->rank == 3 && r.batch && !r.head,
                                   .has_batch = r.batch != NULL,
                                   .batch = r.batch ? r.batch->size : (hone__dim){1, NULL},
                                   .rows = r.row ? r.row->size : (hone__dim){1, NULL},
                                   .scale = view->scale};
    return out->heads > 0 || !is_row;
}

bool hone__match_attention_input(hone__value *value, bool is_transposed, bool may_scale, hone__attention_input *out) {
    hone__value *sources[MAX_MOVES];
    hone__node *nodes[MAX_MOVES];
    size_t indices[MAX_MOVES], n = hone__strided_sources(value, sources, nodes, indices, MAX_MOVES);
    for (size_t i = 0; i < n; i++) {
        hone__strided view;
        if (sources[i]->type.dtype == HONE_DTYPE_FLOAT && hone__strided_from(&view, sources, nodes, indices, n, i) &&
            (may_scale || view.scale == 1) && from_view(&view, is_transposed, out))
            return true;
    }
    return false;
}
