/* Copies between strided views: dims with a stride on either side. Transpose, Slice, Expand, Tile,
 * Concat, Split, DepthToSpace and the like are all one such copy per input or output. */
#ifndef HONE_EXEC_CPU_CPU_VIEW_H
#define HONE_EXEC_CPU_CPU_VIEW_H

#include "base/tensor.h"
#include "pool/pool.h"

#include <stdbool.h>
#include <stddef.h>

enum { HONE_VIEW_RANK = 2 * HONE_MAX_RANK }; /* Tile has two dims per axis */

/* How the innermost loops go. */
typedef enum hone__view_form {
    HONE_VIEW_EMPTY,     /* nothing to copy */
    HONE_VIEW_RUNS,      /* contiguous on both sides */
    HONE_VIEW_FILL,      /* the source repeats one element */
    HONE_VIEW_STRIDED,   /* element by element */
    HONE_VIEW_TRANSPOSE, /* two dims: one contiguous in the source, the last in the destination */
} hone__view_form;

typedef struct hone__view {
    int rank;
    int64_t dims[HONE_VIEW_RANK], x_strides[HONE_VIEW_RANK], y_strides[HONE_VIEW_RANK]; /* elements */
    int64_t x_offset, y_offset;
    size_t elem_size;
    /* Set by hone__view_finish. */
    hone__view_form form;
    int n_outer; /* dims[0 .. n_outer) select an innermost loop */
    int64_t outer, chunk, n_chunks;
    const struct hone_move_row *kernels;
} hone__view;

void hone__view_init(hone__view *view, size_t elem_size);
/* Appends a dim, outermost first, in the destination's order. */
void hone__view_push(hone__view *view, int64_t dim, int64_t x_stride, int64_t y_stride);
/* Merges dims and picks the form; isa: bits of hone_isa. */
void hone__view_finish(hone__view *view, uint32_t isa);
void hone__view_copy(const hone__view *view, const void *x, void *y, hone__pool *pool);
/* "transpose", "copy", ... for reports. */
const char *hone__view_form_name(const hone__view *view);

#endif
