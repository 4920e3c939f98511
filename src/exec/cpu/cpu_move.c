/* Binds data movement to strided views (cpu_view.h): Transpose, Concat, Split, Slice, Expand, Tile,
 * DepthToSpace and SpaceToDepth; and Gather, Pad and plain copies. Any type of whole bytes per element;
 * strings and packed types are left to the reference evaluators. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_blocked.h"
#include "exec/cpu/cpu_registry.h"
#include "exec/cpu/cpu_view.h"
#include "kernels/move/move.h"

enum { GRAIN_BYTES = 32768 }; /* per task */

/* Input `i` and output 0 have the same type of whole bytes. */
static bool is_movable(const hone__node *node, size_t i) {
    const size_t size = hone__bind_elem_size(hone__bind_dtype(node, i));
    return size >= 1 && size <= 16 && hone__bind_has_output(node, 0);
}

static bool match_data(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return is_movable(node, 0);
}

/* Strides of a contiguous tensor. */
static void contiguous_strides(const hone_tensor *t, int64_t *strides) {
    int64_t step = 1;
    for (int i = t->rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= t->dims[i];
    }
}

/* A plan that is one view from input 0 to output 0. */
static hone__view *new_view(hone__cpu_plan *ctx) {
    hone__view *view = hone__bind_state(ctx, sizeof *view);
    if (view)
        hone__view_init(view, hone__bind_elem_size(ctx->in[0]->dtype));
    ctx->inplace_input = -1;
    return view;
}

static hone_status run_view(hone__cpu_run *ctx) {
    hone__view_copy(ctx->plan_state, ctx->in[0]->data, ctx->out[0]->data, ctx->pool);
    return HONE_OK;
}

/* ---- Transpose ---- */

static hone_status plan_transpose(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    hone__view *v = new_view(ctx);
    if (!v)
        return hone__fail_memory(ctx->error, "a Transpose plan");
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0];
    int64_t xs[HONE_MAX_RANK], ys[HONE_MAX_RANK];
    size_t n;
    const int64_t *perm = hone__node_attr_ints(ctx->node, "perm", &n);
    HONE_FAIL_IF(perm && n != (size_t)x->rank, ctx->error, HONE_ERROR_SHAPE, "perm has %zu axes, the input rank %d", n,
                 x->rank);
    contiguous_strides(x, xs);
    contiguous_strides(y, ys);
    for (int i = 0; i < x->rank; i++) {
        const int64_t axis = perm ? perm[i] : x->rank - 1 - i;
        HONE_FAIL_IF(axis < 0 || axis >= x->rank, ctx->error, HONE_ERROR_SHAPE, "perm names axis %lld of rank %d",
                     (long long)axis, x->rank);
        hone__view_push(v, x->dims[axis], xs[axis], ys[i]);
    }
    hone__view_finish(v, ctx->config->isa);
    ctx->kernel = v->form == HONE_VIEW_TRANSPOSE ? "transpose" : "transpose_rows";
    return HONE_OK;
}

/* ---- Expand, Tile ---- */

static hone_status plan_expand(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    hone__view *v = new_view(ctx);
    if (!v)
        return hone__fail_memory(ctx->error, "an Expand plan");
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0];
    int64_t xs[HONE_MAX_RANK], ys[HONE_MAX_RANK];
    contiguous_strides(x, xs);
    contiguous_strides(y, ys);
    for (int i = 0; i < y->rank; i++) {
        const int j = i - (y->rank - x->rank);
        const bool repeats = j < 0 || x->dims[j] == 1;
        HONE_FAIL_IF(!repeats && x->dims[j] != y->dims[i], ctx->error, HONE_ERROR_SHAPE,
                     "Expand cannot make dim %lld of %lld", (long long)y->dims[i], (long long)x->dims[j]);
        hone__view_push(v, y->dims[i], repeats ? 0 : xs[j], ys[i]);
    }
    hone__view_finish(v, ctx->config->isa);
    ctx->kernel = "expand";
    return HONE_OK;
}

static hone_status plan_tile(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    hone__view *v = new_view(ctx);
    if (!v)
        return hone__fail_memory(ctx->error, "a Tile plan");
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0];
    int64_t xs[HONE_MAX_RANK], ys[HONE_MAX_RANK];
    contiguous_strides(x, xs);
    contiguous_strides(y, ys);
    for (int i = 0; i < x->rank; i++) {
        HONE_FAIL_IF(x->dims[i] ? y->dims[i] % x->dims[i] != 0 : y->dims[i] != 0, ctx->error, HONE_ERROR_SHAPE,
                     "Tile's output dim %d is not a multiple of its input's", i);
        hone__view_push(v, x->dims[i] ? y->dims[i] / x->dims[i] : 0, 0, ys[i] * x->dims[i]);
        hone__view_push(v, x->dims[i], xs[i], ys[i]);
    }
    hone__view_finish(v, ctx->config->isa);
    ctx->kernel = "tile";
    return HONE_OK;
}

/* ---- DepthToSpace, SpaceToDepth: a reshape to six dims, transposed ---- */

static hone_status plan_depth(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    hone__view *v = new_view(ctx);
    if (!v)
        return hone__fail_memory(ctx->error, "a DepthToSpace plan");
    const bool to_space = strcmp(ctx->node->op_type, "DepthToSpace") == 0;
    /* Name the side with more channels the deep one: [N, b*b*C, H, W] against [N, C, H*b, W*b]. */
    const hone_tensor *deep = to_space ? ctx->in[0] : ctx->out[0];
    const int64_t b = hone__node_attr_int(ctx->node, "blocksize", 0);
    HONE_FAIL_IF(deep->rank != 4 || b < 1 || deep->dims[1] % (b * b) != 0, ctx->error, HONE_ERROR_SHAPE,
                 "%s needs [N,C,H,W] with channels a multiple of blocksize squared", ctx->node->op_type);
    const int64_t n = deep->dims[0], c = deep->dims[1] / (b * b), h = deep->dims[2], w = deep->dims[3];
    const bool crd = strcmp(hone__node_attr_string(ctx->node, "mode", "DCR"), "CRD") == 0;
    /* Dims in the wide side's order: n, c, h, bh, w, bw. Channel of the deep side: DCR (bh, bw, c),
     * CRD (c, bh, bw). */
    const int64_t hw = h * w, deep_c = crd ? b * b * hw : hw;
    const int64_t deep_bh = crd ? b * hw : b * c * hw, deep_bw = crd ? hw : c * hw;
    const int64_t dims[6] = {n, c, h, b, w, b};
    const int64_t ds[6] = {c * b * b * hw, deep_c, w, deep_bh, 1, deep_bw};
    const int64_t ws[6] = {c * b * b * hw, b * b * hw, b * w * b, w * b, b, 1};
    static const int deep_dcr[6] = {0, 3, 5, 1, 2, 4}, deep_crd[6] = {0, 1, 3, 5, 2, 4}, wide[6] = {0, 1, 2, 3, 4, 5};
    const int *order = to_space ? wide : crd ? deep_crd : deep_dcr;
    for (int i = 0; i < 6; i++) {
        const int k = order[i];
        hone__view_push(v, dims[k], to_space ? ds[k] : ws[k], to_space ? ws[k] : ds[k]);
    }
    hone__view_finish(v, ctx->config->isa);
    ctx->kernel = to_space ? "depth_to_space" : "space_to_depth";
    return HONE_OK;
}

/* ---- Slice: the view is made in each run, from whatever starts and steps come ---- */

static bool match_slice(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    if (!is_movable(node, 0))
        return false;
    for (size_t i = 1; i < node->n_inputs; i++)
        if (node->inputs[i] && !hone__bind_has_dtype(node, i, HONE_DTYPE_INT64) &&
            !hone__bind_has_dtype(node, i, HONE_DTYPE_INT32))
            return false;
    return true;
}

typedef struct slice_state {
    uint32_t isa;
    const int64_t *starts, *axes; /* attributes, before opset 10 */
    size_t n_starts, n_axes;
} slice_state;

static hone_status prepare_slice(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    slice_state *s = hone__arena_calloc(ctx->arena, 1, sizeof *s);
    if (!s)
        return hone__fail_memory(ctx->error, "a Slice node");
    s->isa = ctx->config->isa;
    s->starts = hone__node_attr_ints(node, "starts", &s->n_starts);
    s->axes = hone__node_attr_ints(node, "axes", &s->n_axes);
    *state = s;
    return HONE_OK;
}

static hone_status plan_slice(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    ctx->kernel = "slice";
    ctx->inplace_input = -1;
    return HONE_OK;
}

/* Element i of an integer input or, without one, of an attribute; fallback when neither is there. */
static int64_t int_at(const hone_tensor *t, const int64_t *attr, size_t n_attr, int64_t i, int64_t fallback) {
    int64_t v = fallback;
    if (t)
        return hone__tensor_get_i64(t, i, &v) ? v : fallback;
    return attr && (size_t)i < n_attr ? attr[i] : fallback;
}

static hone_status run_slice(hone__cpu_run *ctx) {
    const slice_state *s = ctx->state;
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0];
    const hone_tensor *starts = ctx->n_in > 1 ? ctx->in[1] : NULL, *axes = ctx->n_in > 3 ? ctx->in[3] : NULL;
    const hone_tensor *steps = ctx->n_in > 4 ? ctx->in[4] : NULL;
    int64_t xs[HONE_MAX_RANK], ys[HONE_MAX_RANK], start[HONE_MAX_RANK] = {0}, step[HONE_MAX_RANK];
    const int64_t n = starts ? hone__tensor_count(starts) : (int64_t)s->n_starts;
    hone__view v;
    contiguous_strides(x, xs);
    contiguous_strides(y, ys);
    for (int i = 0; i < x->rank; i++)
        step[i] = 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t axis = int_at(axes, s->axes, s->n_axes, i, i);
        axis += axis < 0 ? x->rank : 0;
        HONE_FAIL_IF(axis < 0 || axis >= x->rank, ctx->error, HONE_ERROR_SHAPE, "Slice names an axis outside rank %d",
                     x->rank);
        const int64_t dim = x->dims[axis];
        step[axis] = int_at(steps, NULL, 0, i, 1);
        int64_t at = int_at(starts, s->starts, s->n_starts, i, 0);
        /* Clamped to the dim, to its last element when walking backwards (ONNX Slice). */
        at = at < -dim ? 0 : at < 0 ? at + dim : at;
        start[axis] = hone__min_i64(at, step[axis] < 0 ? dim - 1 : dim);
    }
    hone__view_init(&v, hone__bind_elem_size(x->dtype));
    for (int i = 0; i < x->rank; i++) {
        const int64_t last = start[i] + (y->dims[i] - 1) * step[i];
        HONE_FAIL_IF(y->dims[i] > 0 && (start[i] < 0 || start[i] >= x->dims[i] || last < 0 || last >= x->dims[i]),
                     ctx->error, HONE_ERROR_SHAPE, "Slice takes %lld elements of dim %d, which has %lld",
                     (long long)y->dims[i], i, (long long)x->dims[i]);
        v.x_offset += start[i] * xs[i];
        hone__view_push(&v, y->dims[i], step[i] * xs[i], ys[i]);
    }
    hone__view_finish(&v, s->isa);
    hone__view_copy(&v, x->data, ctx->out[0]->data, ctx->pool);
    return HONE_OK;
}

/* ---- Concat, Split: one view per input or output ---- */

typedef struct parts_plan {
    size_t n;
    hone__view *views;
} parts_plan;

/* Views between `whole` and its parts along an axis. */
static hone_status plan_parts(hone__cpu_plan *ctx, const hone_tensor *whole, const hone_tensor *const *parts, size_t n,
                              bool to_whole, int64_t axis) {
    parts_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p || !(p->views = hone__arena_calloc(ctx->arena, n ? n : 1, sizeof *p->views)))
        return hone__fail_memory(ctx->error, "a Concat or Split plan");
    axis += axis < 0 ? whole->rank : 0;
    HONE_FAIL_IF(axis < 0 || axis >= whole->rank, ctx->error, HONE_ERROR_SHAPE, "axis of %s is outside rank %d",
                 ctx->node->op_type, whole->rank);
    const int64_t outer = hone__bind_product(whole->dims, 0, (int)axis);
    const int64_t inner = hone__bind_product(whole->dims, (int)axis + 1, whole->rank),
                  total = whole->dims[axis] * inner;
    int64_t offset = 0;
    p->n = n;
    for (size_t i = 0; i < n; i++) {
        hone__view *v = &p->views[i];
        hone__view_init(v, hone__bind_elem_size(whole->dtype));
        if (!parts[i]) {
            v->form = HONE_VIEW_EMPTY; /* an output that is not wanted; its size is found below */
            continue;
        }
        const int64_t length = parts[i]->dims[axis] * inner;
        *(to_whole ? &v->y_offset : &v->x_offset) = offset;
        hone__view_push(v, outer, to_whole ? length : total, to_whole ? total : length);
        hone__view_push(v, length, 1, 1);
        hone__view_finish(v, ctx->config->isa);
        offset += length;
    }
    HONE_FAIL_IF(offset != total, ctx->error, HONE_ERROR_SHAPE, "the parts of %s make %lld elements, not %lld",
                 ctx->node->op_type, (long long)offset, (long long)total);
    ctx->inplace_input = -1;
    return HONE_OK;
}

static bool match_concat(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (!is_movable(node, i))
            return false;
    return node->n_inputs > 0;
}

static hone_status plan_concat(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    ctx->kernel = "concat";
    return plan_parts(ctx, ctx->out[0], ctx->in, ctx->n_in, true, hone__node_attr_int(ctx->node, "axis", 1));
}

static hone_status run_concat(hone__cpu_run *ctx) {
    const parts_plan *p = ctx->plan_state;
    for (size_t i = 0; i < p->n; i++) {
        const hone__view *v = &p->views[i];
        const char *piece = (const char *)ctx->out[0]->data + v->y_offset * (int64_t)v->elem_size;
        if (ctx->in[i]->data != piece) /* else it was written where it belongs (cpu_alias.h) */
            hone__view_copy(v, ctx->in[i]->data, ctx->out[0]->data, ctx->pool);
    }
    return HONE_OK;
}

static bool match_split(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (!node->outputs[i])
            return false; /* then the sizes do not follow from the outputs */
    return is_movable(node, 0);
}

static hone_status plan_split(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    ctx->kernel = "split";
    return plan_parts(ctx, ctx->in[0], ctx->out, ctx->n_out, false, hone__node_attr_int(ctx->node, "axis", 0));
}

static hone_status run_split(hone__cpu_run *ctx) {
    const parts_plan *p = ctx->plan_state;
    for (size_t i = 0; i < p->n; i++)
        hone__view_copy(&p->views[i], ctx->in[0]->data, ctx->out[i]->data, ctx->pool);
    return HONE_OK;
}

/* ---- Gather ---- */

typedef struct gather_plan {
    int64_t outer, dim, inner, n; /* n indices, each selects `inner` contiguous elements */
    size_t elem_size;
} gather_plan;

static bool match_gather(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return is_movable(node, 0) &&
           (hone__bind_has_dtype(node, 1, HONE_DTYPE_INT64) || hone__bind_has_dtype(node, 1, HONE_DTYPE_INT32));
}

static hone_status plan_gather(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    gather_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a Gather plan");
    const hone_tensor *x = ctx->in[0];
    int64_t axis = hone__node_attr_int(ctx->node, "axis", 0);
    axis += axis < 0 ? x->rank : 0;
    HONE_FAIL_IF(axis < 0 || axis >= x->rank, ctx->error, HONE_ERROR_SHAPE, "axis of Gather is outside rank %d",
                 x->rank);
    p->outer = hone__bind_product(x->dims, 0, (int)axis);
    p->dim = x->dims[axis];
    p->inner = hone__bind_product(x->dims, (int)axis + 1, x->rank);
    p->n = hone__tensor_count(ctx->in[1]);
    p->elem_size = hone__bind_elem_size(x->dtype);
    ctx->kernel = "gather";
    ctx->inplace_input = -1;
    return HONE_OK;
}

typedef struct gather_args {
    const gather_plan *plan;
    const char *x;
    const hone_tensor *index;
    char *y;
} gather_args;

static int64_t index_at(const hone_tensor *t, int64_t i) {
    return t->dtype == HONE_DTYPE_INT64 ? ((const int64_t *)t->data)[i] : ((const int32_t *)t->data)[i];
}

static void gather_range(void *arg, size_t begin, size_t end, int thread) {
    const gather_args *a = arg;
    const gather_plan *p = a->plan;
    const size_t size = (size_t)p->inner * p->elem_size;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const int64_t outer = (int64_t)t / p->n;
        int64_t i = index_at(a->index, (int64_t)t % p->n);
        i += i < 0 ? p->dim : 0;
        const char *x = a->x + (size_t)(outer * p->dim + i) * size;
        char *y = a->y + t * size;
        if (size == 4)
            memcpy(y, x, 4);
        else if (size == 8)
            memcpy(y, x, 8);
        else
            memcpy(y, x, size);
    }
}

static hone_status run_gather(hone__cpu_run *ctx) {
    const gather_plan *p = ctx->plan_state;
    gather_args args = {p, ctx->in[0]->data, ctx->in[1], ctx->out[0]->data};
    for (int64_t i = 0; i < p->n; i++) {
        const int64_t v = index_at(ctx->in[1], i);
        if (v < -p->dim || v >= p->dim)
            return hone__fail(ctx->error, HONE_ERROR_ARGUMENT,
                              "index %lld of Gather is outside its axis of %lld elements", (long long)v,
                              (long long)p->dim);
    }
    const size_t size = (size_t)p->inner * p->elem_size;
    if (size > 0)
        hone__pool_run_range(ctx->pool, (size_t)(p->outer * p->n), hone__bind_grain(size, GRAIN_BYTES), gather_range,
                             &args);
    return HONE_OK;
}

/* Elements are copied as bytes. */
static bool gather_reads_unaligned(const hone__node *node, size_t i) {
    (void)node;
    return i == 0;
}

/* ---- copies: Reshape and the like when the plan could not make them aliases ---- */

static hone_status plan_copy(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    ctx->kernel = "copy";
    ctx->inplace_input = hone__bind_can_reuse(ctx, 0) ? 0 : -1;
    return HONE_OK;
}

static void copy_range(void *arg, size_t begin, size_t end, int thread) {
    char *const *a = arg;
    (void)thread;
    memcpy(a[1] + begin, a[0] + begin, end - begin);
}

static hone_status run_copy(hone__cpu_run *ctx) {
    char *args[2] = {ctx->in[0]->data, ctx->out[0]->data};
    if (args[0] != args[1] && ctx->out[0]->size > 0)
        hone__pool_run_range(ctx->pool, ctx->out[0]->size, 4 * GRAIN_BYTES, copy_range, args);
    return HONE_OK;
}

static bool match_copy(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    for (size_t i = 1; i < node->n_outputs; i++)
        if (node->outputs[i])
            return false; /* Dropout's mask */
    if (strcmp(node->op_type, "Dropout") == 0 && hone__bind_input(node, 2)) {
        const hone_tensor *training = hone__bind_constant(node, 2);
        int64_t on = 1;
        if (!training || !hone__tensor_get_i64(training, 0, &on) || on)
            return false;
    }
    return is_movable(node, 0);
}

#define ROW(op_, match_, prepare_, plan_, run_)                                                                        \
    { "", op_, 1, HONE_ANY_VERSION, "move", match_, prepare_, NULL, plan_, run_ }

static const hone__cpu_kernel rows[] = {
    ROW("Transpose", match_data, NULL, plan_transpose, run_view),
    {"", "Expand", 8, HONE_ANY_VERSION, "move", match_data, NULL, NULL, plan_expand, run_view},
    {"", "Tile", 6, HONE_ANY_VERSION, "move", match_data, NULL, NULL, plan_tile, run_view},
    ROW("DepthToSpace", match_data, NULL, plan_depth, run_view),
    ROW("SpaceToDepth", match_data, NULL, plan_depth, run_view),
    {"", "Slice", 1, HONE_ANY_VERSION, "move", match_slice, prepare_slice, NULL, plan_slice, run_slice, NULL,
     hone__cpu_blocked_slice},
    {"", "Concat", 4, HONE_ANY_VERSION, "move", match_concat, NULL, NULL, plan_concat, run_concat, NULL,
     hone__cpu_blocked_concat},
    {"", "Split", 2, HONE_ANY_VERSION, "move", match_split, NULL, NULL, plan_split, run_split, NULL,
     hone__cpu_blocked_split},
    {"", "Gather", 1, HONE_ANY_VERSION, "move", match_gather, NULL, NULL, plan_gather, run_gather,
     gather_reads_unaligned},
    ROW("Identity", match_copy, NULL, plan_copy, run_copy),
    {"", "Reshape", 5, HONE_ANY_VERSION, "move", match_copy, NULL, NULL, plan_copy, run_copy},
    ROW("Flatten", match_copy, NULL, plan_copy, run_copy),
    ROW("Squeeze", match_copy, NULL, plan_copy, run_copy),
    ROW("Unsqueeze", match_copy, NULL, plan_copy, run_copy),
    {"", "Dropout", 7, HONE_ANY_VERSION, "move", match_copy, NULL, NULL, plan_copy, run_copy},
};

const hone__cpu_kernel_family hone__cpu_family_move = {"move", rows, sizeof rows / sizeof rows[0]};
