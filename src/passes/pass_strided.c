/* Strided views of values; see pass_strided.h. */
#include "passes/pass_strided.h"

#include "passes/pass_match.h"

#include <string.h>

static bool same_dim(hone__dim a, hone__dim b) {
    return a.value >= 0 ? a.value == b.value : b.value < 0 && a.symbol && b.symbol && strcmp(a.symbol, b.symbol) == 0;
}

bool hone__strided_init(hone__strided *view, hone__value *value) {
    int rank = hone__value_rank(value);
    if (rank < 0 || rank > HONE_MAX_RANK)
        return false;
    memset(view, 0, sizeof *view);
    view->source = value;
    view->rank = rank;
    view->scale = 1;
    for (int i = 0; i < rank; i++) {
        if (value->type.dims[i].value != 1)
            view->pieces[view->n_pieces++] = (hone__strided_piece){value->type.dims[i], i, 1};
        view->ends[i] = view->n_pieces;
    }
    return true;
}

/* ---- sizes that are products ---- */

/* factor x symbol (NULL: 1), as exporters compute batch x heads for a Reshape. */
typedef struct dim_product {
    int64_t factor;
    const char *symbol;
} dim_product;

static const hone__value *concat_part(const hone__node *concat, size_t *index) {
    for (size_t i = 0; i < concat->n_inputs; i++) {
        int64_t n = hone__value_rank(concat->inputs[i]) == 1 ? hone__value_dim(concat->inputs[i], 0) : -1;
        if (n < 0)
            return NULL;
        if (*index < (size_t)n)
            return concat->inputs[i];
        *index -= (size_t)n;
    }
    return NULL;
}

/* Element `index` of an integer value. */
static bool read_product(const hone__value *value, size_t index, int depth, dim_product *out) {
    static const char *const same[] = {"Unsqueeze", "Squeeze", "Reshape", "Identity", "Cast"};
    int64_t constant[HONE_MAX_RANK];
    size_t n;
    if (!value || depth > 8)
        return false;
    if (hone__known_ints(value, constant, HONE_MAX_RANK, &n) && index < n) {
        *out = (dim_product){constant[index], NULL};
        return constant[index] > 0;
    }
    if (value->sym && index < value->n_sym && (value->sym[index].is_known || value->sym[index].symbol)) {
        const hone__sym *sym = &value->sym[index];
        *out = (dim_product){sym->is_known ? sym->value : 1, sym->is_known ? NULL : sym->symbol};
        return out->factor > 0;
    }
    const hone__node *node = value->producer;
    if (hone__is_op(node, "Concat")) {
        const hone__value *part = concat_part(node, &index);
        return read_product(part, index, depth + 1, out);
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (hone__is_op(node, same[i]))
            return read_product(node->inputs[0], index, depth + 1, out);
    dim_product a, b;
    if (!hone__is_op(node, "Mul") || !read_product(node->inputs[0], index, depth + 1, &a) ||
        !read_product(node->inputs[1], index, depth + 1, &b) || (a.symbol && b.symbol) ||
        a.factor > INT32_MAX / b.factor)
        return false;
    *out = (dim_product){a.factor * b.factor, a.symbol ? a.symbol : b.symbol};
    return true;
}

/* ---- regrouping ---- */

/* A list of pieces that is eaten from both ends. */
typedef struct feed {
    hone__strided_piece pieces[HONE_STRIDED_PIECES];
    int begin, end;
} feed;

/* Takes pieces that make up `dim` from the front (slowest first) into out; -1 when they cannot. */
static int take_front(feed *f, hone__dim dim, hone__strided_piece *out, int room) {
    int n = 0;
    int64_t need = dim.value;
    if (need == 1)
        return 0;
    if (need < 0) {
        if (f->begin == f->end || room < 1 || !same_dim(f->pieces[f->begin].size, dim))
            return -1;
        out[0] = f->pieces[f->begin++];
        return 1;
    }
    while (need > 1) {
        hone__strided_piece *p = &f->pieces[f->begin];
        if (f->begin == f->end || n == room || p->size.value < 1)
            return -1;
        if (need % p->size.value == 0) {
            need /= p->size.value;
            out[n++] = *p;
            f->begin++;
        } else if (p->size.value % need == 0) {
            int64_t rest = p->size.value / need;
            out[n++] = (hone__strided_piece){{need, NULL}, p->axis, p->step * rest};
            p->size.value = rest;
            need = 1;
        } else {
            return -1;
        }
    }
    return need == 1 ? n : -1;
}

/* Takes pieces that make up factor x symbol from the front. */
static int take_product(feed *f, dim_product want, hone__strided_piece *out, int room) {
    int n = 0;
    while (want.factor > 1 || want.symbol) {
        const hone__strided_piece *p = &f->pieces[f->begin];
        if (f->begin == f->end || n == room)
            return -1;
        if (p->size.value < 0 && p->size.symbol && want.symbol && strcmp(p->size.symbol, want.symbol) == 0)
            want.symbol = NULL;
        else if (p->size.value > 1 && want.factor % p->size.value == 0)
            want.factor /= p->size.value;
        else
            return -1;
        out[n++] = *p;
        f->begin++;
    }
    return n;
}

/* The same from the back; pieces come in their order into the end of out[room]. A piece whose size is not known may be
 * split from here, since the rest's step is known. */
static int take_back(feed *f, hone__dim dim, hone__strided_piece *out, int room) {
    int n = 0;
    int64_t need = dim.value;
    if (need == 1)
        return 0;
    if (need < 0) {
        if (f->begin == f->end || room < 1 || !same_dim(f->pieces[f->end - 1].size, dim))
            return -1;
        out[room - 1] = f->pieces[--f->end];
        return 1;
    }
    while (need > 1) {
        hone__strided_piece *p = &f->pieces[f->end - 1];
        if (f->begin == f->end || n == room)
            return -1;
        if (p->size.value > 0 && need % p->size.value == 0) {
            need /= p->size.value;
            out[room - ++n] = *p;
            f->end--;
        } else if (p->size.value < 0 || p->size.value % need == 0) {
            out[room - ++n] = (hone__strided_piece){{need, NULL}, p->axis, p->step};
            p->step *= need;
            p->size = (hone__dim){p->size.value < 0 ? -1 : p->size.value / need, NULL};
            need = 1;
        } else {
            return -1;
        }
    }
    return need == 1 ? n : -1;
}

/* Appends a piece, joined with the one before when the two step evenly. */
static bool append(hone__strided *view, int begin, hone__strided_piece piece) {
    hone__strided_piece *last = view->n_pieces > begin ? &view->pieces[view->n_pieces - 1] : NULL;
    if (last && last->axis == piece.axis && piece.axis >= 0 && piece.size.value > 0 &&
        last->step == piece.step * piece.size.value && last->size.value > 0) {
        last->size = (hone__dim){last->size.value * piece.size.value, NULL};
        last->step = piece.step;
        return true;
    }
    if (view->n_pieces == HONE_STRIDED_PIECES)
        return false;
    view->pieces[view->n_pieces++] = piece;
    return true;
}

/* shape: what computes the dims, or NULL. */
static bool regroup(hone__strided *view, const hone__dim *dims, int rank, const hone__value *shape) {
    feed f = {.end = view->n_pieces};
    hone__strided_piece groups[HONE_MAX_RANK][HONE_STRIDED_PIECES];
    int counts[HONE_MAX_RANK], first = 0, last = rank;
    if (rank < 0 || rank > HONE_MAX_RANK)
        return false;
    memcpy(f.pieces, view->pieces, sizeof f.pieces);
    for (; first < rank; first++) {
        feed before = f;
        dim_product product;
        counts[first] = take_front(&f, dims[first], groups[first], HONE_STRIDED_PIECES);
        if (counts[first] < 0 && dims[first].value < 0 && read_product(shape, (size_t)first, 0, &product)) {
            f = before;
            counts[first] = take_product(&f, product, groups[first], HONE_STRIDED_PIECES);
        }
        if (counts[first] < 0) {
            f = before;
            break;
        }
    }
    for (; last > first; last--) {
        feed before = f;
        int n = take_back(&f, dims[last - 1], groups[last - 1], HONE_STRIDED_PIECES);
        if (n < 0) {
            f = before;
            break;
        }
        memmove(groups[last - 1], groups[last - 1] + HONE_STRIDED_PIECES - n, (size_t)n * sizeof groups[0][0]);
        counts[last - 1] = n;
    }
    if (last - first > 1 || (last == first && f.begin != f.end))
        return false;
    if (last - first == 1) { /* one axis of a size that is not known takes what is left */
        if (dims[first].value >= 0)
            return false;
        counts[first] = f.end - f.begin;
        memcpy(groups[first], f.pieces + f.begin, (size_t)counts[first] * sizeof groups[0][0]);
    }
    view->n_pieces = 0;
    view->rank = rank;
    for (int i = 0; i < rank; i++) {
        int begin = view->n_pieces;
        for (int k = 0; k < counts[i]; k++)
            if (!append(view, begin, groups[i][k]))
                return false;
        view->ends[i] = view->n_pieces;
    }
    return true;
}

bool hone__strided_regroup(hone__strided *view, const hone__dim *dims, int rank) {
    return regroup(view, dims, rank, NULL);
}

/* ---- nodes ---- */

static bool transpose(hone__strided *view, const hone__node *node) {
    size_t n;
    const int64_t *perm = hone__node_attr_ints(node, "perm", &n);
    hone__strided old = *view;
    if (perm && n != (size_t)view->rank)
        return false;
    view->n_pieces = 0;
    for (int i = 0; i < old.rank; i++) {
        int from = perm ? (int)perm[i] : old.rank - 1 - i;
        if (from < 0 || from >= old.rank)
            return false;
        for (int k = hone__strided_begin(&old, from); k < old.ends[from]; k++)
            view->pieces[view->n_pieces++] = old.pieces[k];
        view->ends[i] = view->n_pieces;
    }
    return true;
}

/* Keeps `size` indices of an axis from `start` on, every `step`-th. */
static bool narrow(hone__strided *view, int axis, int64_t start, int64_t step, hone__dim size) {
    int begin = hone__strided_begin(view, axis), n = view->ends[axis] - begin;
    if (n == 0)
        return size.value == 1;
    hone__strided_piece *p = &view->pieces[begin];
    if (n != 1 || p->axis < 0 || step < 1 || start < 0)
        return false;
    view->offset[p->axis] += start * p->step;
    p->step *= step;
    p->size = size;
    if (size.value == 1) { /* pieces of size 1 are left out */
        memmove(p, p + 1, (size_t)(view->n_pieces - begin - 1) * sizeof *p);
        view->n_pieces--;
        for (int i = axis; i < view->rank; i++)
            view->ends[i]--;
    }
    return true;
}

static bool slice(hone__strided *view, const hone__node *node) {
    int64_t starts[HONE_MAX_RANK], axes[HONE_MAX_RANK], steps[HONE_MAX_RANK];
    size_t n, n_axes = 0, n_steps = 0;
    const hone__type *out = &node->outputs[0]->type;
    if (node->n_inputs >= 3) {
        if (!hone__known_ints(node->inputs[1], starts, HONE_MAX_RANK, &n) ||
            (node->n_inputs > 3 && node->inputs[3] &&
             !hone__known_ints(node->inputs[3], axes, HONE_MAX_RANK, &n_axes)) ||
            (node->n_inputs > 4 && node->inputs[4] &&
             !hone__known_ints(node->inputs[4], steps, HONE_MAX_RANK, &n_steps)))
            return false;
    } else {
        size_t given_n;
        const int64_t *given = hone__node_attr_ints(node, "starts", &n), *given_axes;
        if (!given || n > HONE_MAX_RANK)
            return false;
        memcpy(starts, given, n * sizeof *starts);
        given_axes = hone__node_attr_ints(node, "axes", &given_n);
        if (given_axes && given_n == n)
            memcpy(axes, given_axes, (n_axes = n) * sizeof *axes);
    }
    if (hone__value_rank(node->outputs[0]) != view->rank || (n_axes && n_axes != n) || (n_steps && n_steps != n))
        return false;
    for (size_t i = 0; i < n; i++) {
        int64_t axis = n_axes ? axes[i] : (int64_t)i, step = n_steps ? steps[i] : 1, start = starts[i];
        axis = axis < 0 ? axis + view->rank : axis;
        if (axis < 0 || axis >= view->rank)
            return false;
        hone__dim size = out->dims[axis];
        int64_t whole = hone__value_dim(node->inputs[0], (int)axis);
        if (start < 0)
            start = whole < 0 ? -1 : start + whole < 0 ? 0 : start + whole;
        if (size.value >= 0 && size.value == whole && step == 1)
            continue;
        /* A slice to a symbolic end keeps a size that only its own output's type knows. */
        if ((whole >= 0 && start > whole) || !narrow(view, (int)axis, start, step, size))
            return false;
    }
    return true;
}

static bool split(hone__strided *view, const hone__node *node, size_t index) {
    int64_t axis = hone__node_attr_int(node, "axis", 0), start = 0;
    axis = axis < 0 ? axis + view->rank : axis;
    if (axis < 0 || axis >= view->rank || hone__value_rank(node->outputs[index]) != view->rank)
        return false;
    for (size_t i = 0; i < index; i++) {
        int64_t size = node->outputs[i] ? hone__value_dim(node->outputs[i], (int)axis) : -1;
        if (size < 0) /* an omitted output: all are of one size when nothing says otherwise */
            return false;
        start += size;
    }
    return narrow(view, (int)axis, start, 1, node->outputs[index]->type.dims[axis]);
}

/* Gather of one index: as a scalar it takes the axis away. */
static bool gather(hone__strided *view, const hone__node *node) {
    int64_t at, axis = hone__node_attr_int(node, "axis", 0);
    size_t n;
    int index_rank = hone__value_rank(node->inputs[1]);
    axis = axis < 0 ? axis + view->rank : axis;
    if (index_rank < 0 || index_rank > 1 || axis < 0 || axis >= view->rank ||
        !hone__known_ints(node->inputs[1], &at, 1, &n) || n != 1)
        return false;
    if (at < 0) {
        int64_t whole = hone__value_dim(node->inputs[0], (int)axis);
        if (whole < 0)
            return false;
        at += whole;
    }
    if (!narrow(view, (int)axis, at, 1, (hone__dim){1, NULL}))
        return false;
    if (index_rank == 0) {
        memmove(view->ends + axis, view->ends + axis + 1, (size_t)(view->rank - axis - 1) * sizeof *view->ends);
        view->rank--;
    }
    return true;
}

static bool expand(hone__strided *view, const hone__node *node) {
    const hone__type *out = &node->outputs[0]->type;
    int rank = hone__value_rank(node->outputs[0]), more = rank - view->rank;
    if (more < 0 || rank > HONE_MAX_RANK)
        return false;
    hone__strided old = *view;
    view->rank = rank;
    view->n_pieces = 0;
    for (int i = 0; i < rank; i++) {
        int from = i - more, begin = from < 0 ? 0 : hone__strided_begin(&old, from),
            end = from < 0 ? 0 : old.ends[from];
        if (begin == end && out->dims[i].value != 1) {
            if (view->n_pieces == HONE_STRIDED_PIECES)
                return false;
            view->pieces[view->n_pieces++] = (hone__strided_piece){out->dims[i], -1, 0};
        }
        for (int k = begin; k < end; k++) {
            if (view->n_pieces == HONE_STRIDED_PIECES)
                return false;
            view->pieces[view->n_pieces++] = old.pieces[k];
        }
        view->ends[i] = view->n_pieces;
    }
    return true;
}

bool hone__strided_apply(hone__strided *view, const hone__node *node, size_t index) {
    static const char *const reshapes[] = {"Reshape", "Squeeze", "Unsqueeze", "Flatten"};
    double c;
    hone__value *out = node->outputs[index];
    if (hone__is_op(node, "Identity") || hone__is_op(node, "Cast"))
        return hone__behind_casts(out) == hone__behind_casts(node->inputs[0]);
    for (size_t i = 0; i < sizeof reshapes / sizeof *reshapes; i++)
        if (hone__is_op(node, reshapes[i]))
            return hone__value_rank(out) >= 0 &&
                   regroup(view, out->type.dims, out->type.rank, i == 0 && node->n_inputs > 1 ? node->inputs[1] : NULL);
    if (hone__is_op(node, "Transpose"))
        return transpose(view, node);
    if (hone__is_op(node, "Slice"))
        return slice(view, node);
    if (hone__is_op(node, "Split"))
        return split(view, node, index);
    if (hone__is_op(node, "Gather"))
        return gather(view, node);
    if (hone__is_op(node, "Expand"))
        return expand(view, node);
    bool is_div = hone__is_op(node, "Div");
    if ((!is_div && !hone__is_op(node, "Mul")) || hone__value_rank(out) != view->rank)
        return false;
    for (size_t i = 0; i < 2; i++)
        if (hone__known_scalar(node->inputs[1 - i], &c) && (!is_div || (i == 0 && c != 0))) {
            view->scale *= is_div ? 1 / c : c;
            return true;
        }
    return false;
}

/* The input that a moving or scaling node moves; NULL: another kind of node. */
static hone__value *moved(const hone__node *node) {
    static const char *const moves[] = {"Identity",  "Cast",  "Reshape", "Squeeze", "Unsqueeze", "Flatten",
                                        "Transpose", "Slice", "Split",   "Gather",  "Expand"};
    double c;
    for (size_t i = 0; i < sizeof moves / sizeof *moves; i++)
        if (hone__is_op(node, moves[i]))
            return node->inputs[0];
    if (hone__is_op(node, "Mul"))
        return hone__known_scalar(node->inputs[1], &c)   ? node->inputs[0]
               : hone__known_scalar(node->inputs[0], &c) ? node->inputs[1]
                                                         : NULL;
    return hone__is_op(node, "Div") && hone__known_scalar(node->inputs[1], &c) ? node->inputs[0] : NULL;
}

size_t hone__strided_sources(hone__value *value, hone__value **sources, hone__node **nodes, size_t *indices,
                             size_t max) {
    size_t n = 0;
    hone__value *at = value;
    for (;;) {
        sources[n] = at;
        nodes[n] = at->producer;
        indices[n] = at->producer_index;
        n++;
        hone__value *from = at->producer && n < max ? moved(at->producer) : NULL;
        if (!from || at->graph != from->graph || from->constant || hone__value_rank(from) < 0)
            break;
        at = from;
    }
    for (size_t i = 0; i < n / 2; i++) { /* the farthest first */
        hone__value *v = sources[i];
        hone__node *node = nodes[i];
        size_t index = indices[i];
        sources[i] = sources[n - 1 - i];
        nodes[i] = nodes[n - 1 - i];
        indices[i] = indices[n - 1 - i];
        sources[n - 1 - i] = v;
        nodes[n - 1 - i] = node;
        indices[n - 1 - i] = index;
    }
    return n;
}

bool hone__strided_from(hone__strided *view, hone__value *const *sources, hone__node *const *nodes,
                        const size_t *indices, size_t n, size_t start) {
    if (!hone__strided_init(view, sources[start]))
        return false;
    for (size_t i = start + 1; i < n; i++)
        if (!hone__strided_apply(view, nodes[i], indices[i]))
            return false;
    return true;
}
