/* Copies between strided views; see cpu_view.h. */
#include "exec/cpu/cpu_view.h"

#include "base/checked.h"
#include "kernels/move/move.h"

#include <string.h>

enum {
    GRAIN_BYTES = 32768, /* per task */
    CHUNK_BYTES = 65536, /* a longer contiguous run is cut, so that threads can share it */
    TILE_COLUMNS = 32    /* of a transposition per task: two cache lines of four-byte elements per source row */
};

void hone__view_init(hone__view *view, size_t elem_size) {
    memset(view, 0, sizeof *view);
    view->elem_size = elem_size;
}

void hone__view_push(hone__view *view, int64_t dim, int64_t x_stride, int64_t y_stride) {
    view->dims[view->rank] = dim;
    view->x_strides[view->rank] = x_stride;
    view->y_strides[view->rank] = y_stride;
    view->rank++;
}

static void merge_dims(hone__view *v) {
    int rank = 0;
    for (int i = 0; i < v->rank; i++) {
        const int64_t d = v->dims[i], xs = v->x_strides[i], ys = v->y_strides[i];
        if (d == 1)
            continue;
        if (rank > 0 && v->x_strides[rank - 1] == xs * d && v->y_strides[rank - 1] == ys * d) {
            v->dims[rank - 1] *= d;
            v->x_strides[rank - 1] = xs;
            v->y_strides[rank - 1] = ys;
            continue;
        }
        v->dims[rank] = d;
        v->x_strides[rank] = xs;
        v->y_strides[rank] = ys;
        rank++;
    }
    if (rank == 0) {
        v->dims[0] = v->x_strides[0] = v->y_strides[0] = 1;
        rank = 1;
    }
    v->rank = rank;
}

/* Moves dim i to the place before the last. */
static void move_before_last(hone__view *v, int i) {
    const int64_t d = v->dims[i], xs = v->x_strides[i], ys = v->y_strides[i];
    for (; i + 1 < v->rank - 1; i++) {
        v->dims[i] = v->dims[i + 1];
        v->x_strides[i] = v->x_strides[i + 1];
        v->y_strides[i] = v->y_strides[i + 1];
    }
    v->dims[i] = d;
    v->x_strides[i] = xs;
    v->y_strides[i] = ys;
}

void hone__view_finish(hone__view *v, uint32_t isa) {
    v->kernels = hone_move_select(isa);
    for (int i = 0; i < v->rank; i++) {
        if (v->dims[i] == 0) {
            v->form = HONE_VIEW_EMPTY;
            return;
        }
    }
    merge_dims(v);
    const int last = v->rank - 1;
    const int64_t xs = v->x_strides[last], ys = v->y_strides[last];
    v->n_outer = last;
    v->form = ys != 1 ? HONE_VIEW_STRIDED : xs == 1 ? HONE_VIEW_RUNS : xs == 0 ? HONE_VIEW_FILL : HONE_VIEW_STRIDED;
    v->chunk = (int64_t)(CHUNK_BYTES / v->elem_size);
    if (v->form == HONE_VIEW_STRIDED && ys == 1 && xs > 0) {
        for (int i = 0; i < last; i++) {
            if (v->x_strides[i] == 1 && v->y_strides[i] > 0) {
                move_before_last(v, i);
                v->form = HONE_VIEW_TRANSPOSE;
                v->n_outer = last - 1;
                v->chunk = TILE_COLUMNS;
                break;
            }
        }
    }
    v->n_chunks = (v->dims[v->n_outer] + v->chunk - 1) / v->chunk;
    v->outer = 1;
    for (int i = 0; i < v->n_outer; i++)
        v->outer *= v->dims[i];
}

typedef struct view_args {
    const hone__view *view;
    const char *x;
    char *y;
} view_args;

/* One innermost loop: elements [begin, begin + n) of dims[n_outer], from the given corners. */
static void copy_chunk(const hone__view *v, const char *x, char *y, int64_t begin, int64_t n) {
    const int last = v->rank - 1;
    const size_t size = v->elem_size;
    if (v->form == HONE_VIEW_TRANSPOSE) {
        const size_t x_stride = (size_t)v->x_strides[last], y_stride = (size_t)v->y_strides[last - 1];
        hone_move_transpose(v->kernels, size, x + (size_t)begin * size, x_stride, y + (size_t)begin * y_stride * size,
                            y_stride, (size_t)v->dims[last], (size_t)n);
        return;
    }
    const int64_t xs = v->x_strides[last], ys = v->y_strides[last];
    x += begin * xs * (int64_t)size;
    y += begin * ys * (int64_t)size;
    if (v->form == HONE_VIEW_RUNS) {
        if (size == 4 && n <= 8) { /* shorter than what a call to memcpy costs */
            for (int64_t i = 0; i < n; i++)
                memcpy(y + i * 4, x + i * 4, 4);
        } else {
            memcpy(y, x, (size_t)n * size);
        }
    } else if (v->form == HONE_VIEW_FILL) {
        hone_move_fill(size, x, y, (size_t)n);
    } else {
        hone_move_strided(size, x, (ptrdiff_t)xs, y, (ptrdiff_t)ys, (size_t)n);
    }
}

static void copy_range(void *arg, size_t begin, size_t end, int thread) {
    const view_args *a = arg;
    const hone__view *v = a->view;
    const int64_t size = (int64_t)v->elem_size;
    int64_t index[HONE_VIEW_RANK], rest = (int64_t)begin / v->n_chunks, x = v->x_offset, y = v->y_offset;
    int64_t chunk = (int64_t)begin % v->n_chunks;
    (void)thread;
    for (int i = v->n_outer - 1; i >= 0; i--) {
        index[i] = rest % v->dims[i];
        rest /= v->dims[i];
        x += index[i] * v->x_strides[i];
        y += index[i] * v->y_strides[i];
    }
    for (size_t t = begin; t < end; t++) {
        const int64_t at = chunk * v->chunk;
        copy_chunk(v, a->x + x * size, a->y + y * size, at, hone__min_i64(v->chunk, v->dims[v->n_outer] - at));
        if (++chunk < v->n_chunks)
            continue;
        chunk = 0;
        for (int i = v->n_outer - 1; i >= 0; i--) {
            x += v->x_strides[i];
            y += v->y_strides[i];
            if (++index[i] < v->dims[i])
                break;
            x -= v->dims[i] * v->x_strides[i];
            y -= v->dims[i] * v->y_strides[i];
            index[i] = 0;
        }
    }
}

void hone__view_copy(const hone__view *v, const void *x, void *y, hone__pool *pool) {
    if (v->form == HONE_VIEW_EMPTY)
        return;
    view_args args = {v, x, y};
    int64_t unit = hone__min_i64(v->chunk, v->dims[v->n_outer]);
    if (v->form == HONE_VIEW_TRANSPOSE)
        unit *= v->dims[v->rank - 1];
    const size_t bytes = (size_t)unit * v->elem_size, grain = bytes < GRAIN_BYTES ? GRAIN_BYTES / bytes : 1;
    hone__pool_run_range(pool, (size_t)(v->outer * v->n_chunks), grain, copy_range, &args);
}

const char *hone__view_form_name(const hone__view *view) {
    static const char *const names[] = {"empty", "copy", "fill", "strided", "transpose"};
    return names[view->form];
}
