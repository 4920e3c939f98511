/* Follows a value back through nodes that only move elements (Reshape, Transpose, Slice, Split, Gather of one index,
 * Expand, ...) and scalar factors to a tensor of which it is a strided view, and says how each axis steps through that
 * tensor. fuse_attention turns such views into layouts of its operands, so that the moves disappear. */
#ifndef HONE_PASSES_PASS_STRIDED_H
#define HONE_PASSES_PASS_STRIDED_H

#include "passes/passes.h"

enum { HONE_STRIDED_PIECES = 16 };

/* A factor of an axis: `size` indices, each a step of `step` along `axis` of the source; axis -1: the same element
 * again and again. Pieces of size 1 are left out. */
typedef struct hone__strided_piece {
    hone__dim size;
    int axis;
    int64_t step;
} hone__strided_piece;

typedef struct hone__strided {
    hone__value *source;
    int rank; /* of the view */
    int n_pieces;
    int ends[HONE_MAX_RANK]; /* pieces [ends[i-1], ends[i]) make axis i, the first one steps slowest */
    hone__strided_piece pieces[HONE_STRIDED_PIECES];
    int64_t offset[HONE_MAX_RANK]; /* first index, per axis of the source */
    double scale;                  /* the view's elements are the source's times this */
} hone__strided;

/* The value as a view of itself. False when its rank is not known or too large. */
bool hone__strided_init(hone__strided *view, hone__value *value);
/* The view of the node's output `index`, given the view of its input 0 (or of the scaled input). False when the node
 * does more than move or scale. */
bool hone__strided_apply(hone__strided *view, const hone__node *node, size_t index);
/* Splits the pieces into axes of these sizes. */
bool hone__strided_regroup(hone__strided *view, const hone__dim *dims, int rank);

/* The values from which `value` can be reached by moves alone, the farthest first; at least `value` itself. Returns
 * their number, at most max. */
size_t hone__strided_sources(hone__value *value, hone__value **sources, hone__node **nodes, size_t *indices,
                             size_t max);
/* The view of `value` whose source is sources[start]. */
bool hone__strided_from(hone__strided *view, hone__value *const *sources, hone__node *const *nodes,
                        const size_t *indices, size_t n, size_t start);

static inline int hone__strided_begin(const hone__strided *view, int axis) { return axis ? view->ends[axis - 1] : 0; }

#endif
