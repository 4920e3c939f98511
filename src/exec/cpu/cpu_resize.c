/* Binds Resize and Upsample over the last two dims, nearest and linear, and Pad. Coordinates become
 * tables of indices and weights in the plan; other modes (cubic, antialias, crops) are the
 * reference evaluator's.
 *
 * Source: ONNX operator specification, Resize: coordinate_transformation_mode, nearest_mode. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/move/move.h"

#include <math.h>

enum { GRAIN_BYTES = 32768 };

/* ---- Resize: what the attributes and constant inputs say ---- */

typedef enum coordinate {
    HALF_PIXEL,
    HALF_PIXEL_SYMMETRIC,
    PYTORCH_HALF_PIXEL,
    ALIGN_CORNERS,
    ASYMMETRIC,
    TF_HALF_PIXEL_FOR_NN,
    N_COORDINATES
} coordinate;

typedef enum rounding { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, ROUND_FLOOR, ROUND_CEIL, N_ROUNDINGS } rounding;

typedef struct resize_options {
    bool is_linear;
    coordinate coord;
    rounding round;
    const hone_tensor *sizes; /* NULL: scales hold */
    const float *scales;
    size_t n;
    const int64_t *axes; /* [n] or NULL: all */
} resize_options;

static int find_name(const char *name, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

static bool read_modes(const hone__node *node, resize_options *o) {
    static const char *const coords[] = {"half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                         "align_corners", "asymmetric",           "tf_half_pixel_for_nn"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    const bool old = strcmp(node->op_type, "Upsample") == 0 || node->op->since < 11;
    const char *mode = hone__node_attr_string(node, "mode", "nearest");
    const int coord =
        find_name(hone__node_attr_string(node, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel"),
                  coords, N_COORDINATES);
    const int round = find_name(hone__node_attr_string(node, "nearest_mode", old ? "floor" : "round_prefer_floor"),
                                roundings, N_ROUNDINGS);
    o->is_linear = strcmp(mode, "linear") == 0;
    o->coord = (coordinate)coord;
    o->round = (rounding)round;
    return coord >= 0 && round >= 0 && (o->is_linear || strcmp(mode, "nearest") == 0) &&
           hone__node_attr_int(node, "antialias", 0) == 0 && hone__node_attr_int(node, "exclude_outside", 0) == 0 &&
           strcmp(hone__node_attr_string(node, "keep_aspect_ratio_policy", "stretch"), "stretch") == 0;
}

/* Scales and sizes, constants or (with ctx) known when planning. False: of a kind that the kernel does not read;
 * *is_open: not known yet. */
static bool read_sizes(const hone__node *node, const hone__cpu_plan *ctx, resize_options *o, bool *is_open) {
    const bool old = strcmp(node->op_type, "Upsample") == 0 || node->op->since < 11;
    const hone_tensor *in[4] = {NULL, NULL, NULL, NULL};
    *is_open = false;
    for (size_t i = old ? 1 : 2; i < node->n_inputs && i < 4; i++) {
        in[i] = ctx ? (i < ctx->n_in ? ctx->in[i] : NULL) : hone__bind_constant(node, i);
        *is_open |= node->inputs[i] && (!in[i] || (!in[i]->data && hone__tensor_count(in[i]) > 0));
    }
    size_t n_axes;
    o->axes = hone__node_attr_ints(node, "axes", &n_axes);
    if (*is_open)
        return node->inputs[0] && node->op->since >= 9;
    const hone_tensor *scales = in[old ? 1 : 2];
    o->sizes = old ? NULL : in[3];
    if (o->sizes && hone__tensor_count(o->sizes) == 0)
        o->sizes = NULL;
    if (o->sizes) {
        o->n = (size_t)hone__tensor_count(o->sizes);
        return o->sizes->dtype == HONE_DTYPE_INT64;
    }
    if (scales) {
        o->n = (size_t)hone__tensor_count(scales);
        o->scales = scales->data;
        return scales->dtype == HONE_DTYPE_FLOAT && o->n > 0;
    }
    o->scales = hone__node_attr_floats(node, "scales", &o->n); /* Upsample-7 */
    return o->scales != NULL;
}

/* The scale of dim d as given, or 0 when its size is given; false: the dim keeps its size. */
static bool option_of(const resize_options *o, int d, int rank, double *scale, int64_t *size) {
    for (size_t i = 0; i < o->n; i++) {
        const int64_t axis = o->axes ? (o->axes[i] < 0 ? o->axes[i] + rank : o->axes[i]) : (int64_t)i;
        if (axis != d)
            continue;
        *scale = o->sizes ? 0.0 : (double)o->scales[i];
        *size = o->sizes ? ((const int64_t *)o->sizes->data)[i] : 0;
        return true;
    }
    return false;
}

static bool match_resize(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    resize_options o = {0};
    bool is_open;
    const int rank = hone__bind_rank(node, 0);
    const size_t size = hone__bind_elem_size(hone__bind_dtype(node, 0));
    if (rank < 2 || size < 1 || size > 16 || !hone__bind_has_output(node, 0) || !read_modes(node, &o) ||
        !read_sizes(node, NULL, &o, &is_open) || (o.is_linear && hone__bind_dtype(node, 0) != HONE_DTYPE_FLOAT))
        return false;
    if (is_open) /* planning will know, or decline */
        return true;
    for (int d = 0; d < rank - 2; d++) { /* the outer dims must keep their sizes */
        double scale;
        int64_t length;
        if (!option_of(&o, d, rank, &scale, &length))
            continue;
        if (o.sizes ? node->inputs[0]->type.dims[d].value != length : scale != 1.0)
            return false;
    }
    return true;
}

/* ---- Resize: tables ---- */

typedef struct axis_table {
    int64_t in, out;
    int32_t *first, *second; /* [out] input indices; nearest: first only */
    float *t;                /* [out] weight of the second */
    bool is_identity;
} axis_table;

typedef struct resize_plan {
    bool is_linear;
    size_t elem_size;
    int64_t planes;
    axis_table h, w;
    size_t buffer; /* floats per thread: two rows of output width */
    int n_threads;
    hone_f32_lerp_fn lerp;
    hone_f32_lerp_gather_fn lerp_gather;
} resize_plan;

/* Input coordinate of output index i; scale 0: the sizes were given. */
static double source_of(coordinate coord, const axis_table *a, double scale, double i) {
    const double in = (double)a->in, out = (double)a->out, length = scale > 0 ? scale * in : out;
    const double ratio = scale > 0 ? 1.0 / scale : in / out;
    switch (coord) {
    case ALIGN_CORNERS:
        return length == 1.0 ? 0.0 : i * (in - 1.0) / (length - 1.0);
    case ASYMMETRIC:
        return scale > 0 ? i / scale : i * in / out;
    case TF_HALF_PIXEL_FOR_NN:
        return (i + 0.5) * ratio;
    default:
        break;
    }
    const double half = (scale > 0 ? (i + 0.5) / scale : (i + 0.5) * in / out) - 0.5;
    if (coord == PYTORCH_HALF_PIXEL && length <= 1.0)
        return 0.0;
    return coord == HALF_PIXEL_SYMMETRIC && length > 0 ? in / 2.0 * (1.0 - out / length) + half : half;
}

static double rounded(rounding mode, double x) {
    return mode == ROUND_FLOOR         ? floor(x)
           : mode == ROUND_CEIL        ? ceil(x)
           : mode == ROUND_PREFER_CEIL ? floor(x + 0.5)
                                       : ceil(x - 0.5);
}

static int32_t clamped(double i, int64_t n) { return (int32_t)(i < 0 ? 0 : i > (double)(n - 1) ? (double)(n - 1) : i); }

static bool make_table(hone__arena *arena, const resize_options *o, double scale, axis_table *a) {
    a->first = hone__arena_calloc(arena, (size_t)a->out, sizeof *a->first);
    a->second = hone__arena_calloc(arena, (size_t)a->out, sizeof *a->second);
    a->t = hone__arena_calloc(arena, (size_t)a->out, sizeof *a->t);
    if (!a->first || !a->second || !a->t)
        return false;
    a->is_identity = a->in == a->out && (scale == 1.0 || scale == 0.0);
    for (int64_t i = 0; i < a->out; i++) {
        const double x = a->is_identity ? (double)i : source_of(o->coord, a, scale, (double)i);
        const double floor_x = floor(x);
        a->first[i] = clamped(o->is_linear || a->is_identity ? floor_x : rounded(o->round, x), a->in);
        a->second[i] = clamped(floor_x + 1.0, a->in);
        a->t[i] = (float)(x - floor_x);
    }
    return true;
}

/* The dims before the last two keep their sizes, and their elements. */
static bool keeps_outer(const resize_options *o, const int64_t *in, const int64_t *out, int rank) {
    for (int d = 0; d < rank - 2; d++) {
        double scale;
        int64_t size;
        if (in[d] != out[d] || (option_of(o, d, rank, &scale, &size) && (o->sizes ? size != in[d] : scale != 1.0)))
            return false;
    }
    return true;
}

static hone_status plan_resize(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0];
    resize_plan *p = hone__bind_state(ctx, sizeof *p);
    resize_options o = {0};
    if (!p)
        return hone__fail_memory(ctx->error, "a Resize plan");
    bool is_open;
    HONE_FAIL_IF(!read_modes(ctx->node, &o), ctx->error, HONE_ERROR_INTERNAL,
                 "a Resize was planned that did not match");
    const int rank = x->rank;
    ctx->is_declined = !read_sizes(ctx->node, ctx, &o, &is_open) || is_open || rank < 2 || y->rank != rank ||
                       !keeps_outer(&o, x->dims, y->dims, rank);
    if (ctx->is_declined)
        return HONE_OK;
    double scale_h = 0, scale_w = 0;
    int64_t size;
    if (!option_of(&o, rank - 2, rank, &scale_h, &size))
        scale_h = 1;
    if (!option_of(&o, rank - 1, rank, &scale_w, &size))
        scale_w = 1;
    p->is_linear = o.is_linear;
    p->elem_size = hone__bind_elem_size(x->dtype);
    p->planes = hone__bind_product(x->dims, 0, rank - 2);
    p->h.in = x->dims[rank - 2];
    p->h.out = y->dims[rank - 2];
    p->w.in = x->dims[rank - 1];
    p->w.out = y->dims[rank - 1];
    p->n_threads = ctx->config->n_threads > 1 ? ctx->config->n_threads : 1;
    ctx->kernel = p->is_linear ? "f32_resize_linear" : "resize_nearest";
    ctx->inplace_input = -1;
    if (hone__tensor_count(y) == 0)
        return HONE_OK;
    HONE_FAIL_IF(p->h.in < 1 || p->w.in < 1 || p->w.in > INT32_MAX || p->h.in > INT32_MAX, ctx->error, HONE_ERROR_SHAPE,
                 "Resize cannot read an input of %lld by %lld", (long long)p->h.in, (long long)p->w.in);
    if (!make_table(ctx->arena, &o, scale_h, &p->h) || !make_table(ctx->arena, &o, scale_w, &p->w))
        return hone__fail_memory(ctx->error, "a Resize plan");
    const hone_eltwise_row *row = hone_eltwise_select(ctx->config->isa);
    p->lerp = row->lerp;
    p->lerp_gather = row->lerp_gather;
    if (p->is_linear) {
        p->buffer = hone__round_up((size_t)p->w.out * 2, 16);
        HONE_FAIL_IF(!hone__mul_size(p->buffer * sizeof(float), (size_t)p->n_threads, &ctx->workspace_size), ctx->error,
                     HONE_ERROR_LIMIT, "Resize needs too much memory");
    }
    return HONE_OK;
}

/* ---- Resize: run ---- */

/* Nearest on blocked tensors: an element is a vector of channels. */
static hone_status plan_resize_blocked(const void *state, hone__cpu_plan *ctx) {
    HONE_TRY(plan_resize(state, ctx));
    resize_plan *p = ctx->plan_state;
    p->planes = ctx->in[0]->dims[0] * ((ctx->in[0]->dims[1] + (int64_t)ctx->block - 1) / (int64_t)ctx->block);
    p->elem_size *= ctx->block;
    ctx->kernel = "resize_nearest_blocked";
    return HONE_OK;
}

static const hone__cpu_blocked resize_form = {.name = "resize_nearest_blocked", .plan = plan_resize_blocked};

static const hone__cpu_blocked *blocked_resize(const void *state, hone__cpu_plan *ctx) {
    resize_options o = {0};
    bool is_open;
    (void)state;
    if (!read_modes(ctx->node, &o) || !read_sizes(ctx->node, ctx, &o, &is_open) || is_open || !ctx->in[0] ||
        !keeps_outer(&o, ctx->in[0]->dims, ctx->out[0]->dims, ctx->in[0]->rank) || o.is_linear || !ctx->in[0] ||
        ctx->in[0]->rank != 4 || ctx->in[0]->dtype != HONE_DTYPE_FLOAT || ctx->in[0]->dims[1] != ctx->out[0]->dims[1] ||
        ctx->in[0]->dims[0] != ctx->out[0]->dims[0])
        return NULL;
    ctx->blocked_inputs = 1;
    return &resize_form;
}

typedef struct resize_args {
    const resize_plan *plan;
    const char *x;
    char *y;
    float *workspace;
} resize_args;

#define DEFINE_NEAREST(T)                                                                                              \
    static void nearest_##T(const T *x, const int32_t *index, T *y, size_t n) {                                        \
        for (size_t i = 0; i < n; i++)                                                                                 \
            y[i] = x[index[i]];                                                                                        \
    }
DEFINE_NEAREST(uint8_t)
DEFINE_NEAREST(uint16_t)
DEFINE_NEAREST(uint32_t)
DEFINE_NEAREST(uint64_t)

static void nearest_row(size_t elem_size, const void *x, const int32_t *index, void *y, size_t n) {
    switch (elem_size) {
    case 1:
        nearest_uint8_t(x, index, y, n);
        break;
    case 2:
        nearest_uint16_t(x, index, y, n);
        break;
    case 4:
        nearest_uint32_t(x, index, y, n);
        break;
    case 8:
        nearest_uint64_t(x, index, y, n);
        break;
    default:
        for (size_t i = 0; i < n; i++)
            memcpy((char *)y + i * elem_size, (const char *)x + (size_t)index[i] * elem_size, elem_size);
    }
}

/* Tasks are output rows of all planes; a row that repeats the one before it is copied. */
static void nearest_range(void *arg, size_t begin, size_t end, int thread) {
    const resize_args *a = arg;
    const resize_plan *p = a->plan;
    const size_t out_size = (size_t)p->w.out * p->elem_size, in_size = (size_t)p->w.in * p->elem_size;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const size_t plane = t / (size_t)p->h.out, oh = t % (size_t)p->h.out;
        char *y = a->y + t * out_size;
        const char *x = a->x + (plane * (size_t)p->h.in + (size_t)p->h.first[oh]) * in_size;
        if (oh > 0 && t > begin && p->h.first[oh] == p->h.first[oh - 1])
            memcpy(y, y - out_size, out_size);
        else if (p->w.is_identity)
            memcpy(y, x, out_size);
        else
            nearest_row(p->elem_size, x, p->w.first, y, (size_t)p->w.out);
    }
}

/* An input row, stretched along the width: into one of the thread's two buffers, or as it is. */
static const float *stretched(const resize_plan *p, const float *plane, int32_t row, float *buffers[2], int64_t held[2],
                              int64_t key, int keep) {
    const float *x = plane + (size_t)row * (size_t)p->w.in;
    if (p->w.is_identity)
        return x;
    for (int i = 0; i < 2; i++)
        if (held[i] == key)
            return buffers[i];
    const int slot = keep == 0 ? 1 : 0; /* not the one that holds this output row's other input row */
    p->lerp_gather(x, p->w.first, p->w.second, p->w.t, buffers[slot], (size_t)p->w.out);
    held[slot] = key;
    return buffers[slot];
}

static void linear_range(void *arg, size_t begin, size_t end, int thread) {
    const resize_args *a = arg;
    const resize_plan *p = a->plan;
    float *first_buffer = a->workspace + (size_t)thread * p->buffer;
    float *buffers[2] = {first_buffer, first_buffer + p->w.out};
    int64_t held[2] = {-1, -1}; /* plane and input row that a buffer holds */
    for (size_t t = begin; t < end; t++) {
        const int64_t plane = (int64_t)t / p->h.out, oh = (int64_t)t % p->h.out;
        const float *x = (const float *)(const void *)a->x + plane * p->h.in * p->w.in;
        float *y = (float *)(void *)a->y + (int64_t)t * p->w.out;
        const int64_t key0 = plane * p->h.in + p->h.first[oh], key1 = plane * p->h.in + p->h.second[oh];
        /* While the first row is made, the buffer that may hold the second stays. */
        const float *r0 = stretched(p, x, p->h.first[oh], buffers, held, key0, held[0] == key1 ? 0 : held[1] == key1);
        const float *r1 = stretched(p, x, p->h.second[oh], buffers, held, key1, r0 == buffers[0] ? 0 : 1);
        p->lerp(r0, r1, p->h.t[oh], y, (size_t)p->w.out);
    }
}

static hone_status run_resize(hone__cpu_run *ctx) {
    const resize_plan *p = ctx->plan_state;
    resize_args args = {p, ctx->in[0]->data, ctx->out[0]->data, ctx->workspace};
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    hone__pool *pool = hone__pool_threads(ctx->pool) <= p->n_threads ? ctx->pool : NULL;
    const size_t unit = (size_t)p->w.out * p->elem_size;
    hone__pool_run_range(pool, (size_t)(p->planes * p->h.out), hone__bind_grain(unit, GRAIN_BYTES),
                         p->is_linear ? linear_range : nearest_range, &args);
    return HONE_OK;
}

/* ---- Pad ---- */

typedef struct pad_plan {
    int rank;
    size_t elem_size;
    int64_t dims[HONE_MAX_RANK], strides[HONE_MAX_RANK]; /* of the output; of the input, elements */
    int32_t *maps[HONE_MAX_RANK];                        /* [dims[d]] input index, -1: the constant */
    int64_t middle_begin, middle_end;                    /* of the last dim: a run of consecutive indices */
    float value;                                         /* Pad-2 */
    bool has_value;
} pad_plan;

static const char *const pad_modes[] = {"constant", "reflect", "edge", "wrap"};

static bool match_pad(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const size_t size = hone__bind_elem_size(hone__bind_dtype(node, 0));
    if (size < 1 || size > 16 || !hone__bind_has_output(node, 0) ||
        find_name(hone__node_attr_string(node, "mode", "constant"), pad_modes, node->op->since < 19 ? 3 : 4) < 0)
        return false;
    if (node->op->since < 11)
        return hone__bind_has_dtype(node, 0, HONE_DTYPE_FLOAT);
    return hone__bind_has_dtype(node, 1, HONE_DTYPE_INT64); /* planning will know the pads, or decline */
}

/* Input index of output index o of a dim of n elements padded by `begin`. */
static int64_t pad_source(int mode, int64_t o, int64_t begin, int64_t n) {
    int64_t i = o - begin;
    if (i >= 0 && i < n)
        return i;
    if (mode == 0)
        return -1;
    if (mode == 2)
        return i < 0 ? 0 : n - 1;
    const int64_t period = mode == 1 ? 2 * (n - 1) : n;
    if (period == 0)
        return 0;
    i %= period;
    i += i < 0 ? period : 0;
    return mode == 1 && i >= n ? period - i : i;
}

static hone_status plan_pad(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0], *axes = ctx->n_in > 3 ? ctx->in[3] : NULL;
    pad_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a Pad plan");
    size_t n;
    const int64_t *pads = hone__node_attr_ints(ctx->node, "pads", &n);
    if (ctx->n_in > 1 && ctx->in[1]) {
        pads = ctx->in[1]->data;
        n = (size_t)hone__tensor_count(ctx->in[1]);
    }
    const int64_t n_axes = axes ? hone__tensor_count(axes) : x->rank;
    ctx->is_declined = !n_axes || (ctx->n_in > 1 && ctx->in[1] && n && !pads) ||
                       (axes && n_axes && !axes->data); /* a scalar has none */
    if (ctx->is_declined)
        return HONE_OK;
    HONE_FAIL_IF(!pads || n != (size_t)n_axes * 2, ctx->error, HONE_ERROR_SHAPE, "Pad has %zu pads for %lld axes", n,
                 (long long)n_axes);
    const int mode = find_name(hone__node_attr_string(ctx->node, "mode", "constant"), pad_modes, 4);
    int64_t begin[HONE_MAX_RANK] = {0}, stride = 1;
    for (int64_t i = 0; i < n_axes; i++) {
        int64_t axis = i;
        if (axes && !hone__tensor_get_i64(axes, i, &axis))
            axis = -1 - x->rank;
        axis += axis < 0 ? x->rank : 0;
        HONE_FAIL_IF(axis < 0 || axis >= x->rank, ctx->error, HONE_ERROR_SHAPE, "Pad names an axis outside rank %d",
                     x->rank);
        begin[axis] = pads[i];
    }
    p->rank = x->rank;
    p->elem_size = hone__bind_elem_size(x->dtype);
    p->has_value = ctx->node->op->since < 11;
    p->value = hone__node_attr_float(ctx->node, "value", 0.0f);
    ctx->kernel = "pad";
    ctx->inplace_input = -1;
    for (int d = x->rank - 1; d >= 0; d--) {
        p->dims[d] = y->dims[d];
        p->strides[d] = stride;
        stride *= x->dims[d];
        p->maps[d] = hone__arena_calloc(ctx->arena, (size_t)y->dims[d], sizeof *p->maps[d]);
        if (!p->maps[d])
            return hone__fail_memory(ctx->error, "a Pad plan");
        HONE_FAIL_IF((x->dims[d] == 0 && mode != 0 && y->dims[d] > 0) || y->dims[d] > INT32_MAX, ctx->error,
                     HONE_ERROR_SHAPE, "Pad cannot make dim %d", d);
        for (int64_t o = 0; o < y->dims[d]; o++)
            p->maps[d][o] = (int32_t)pad_source(mode, o, begin[d], x->dims[d]);
    }
    if (x->rank > 0) {
        const int64_t last = y->dims[x->rank - 1], b = begin[x->rank - 1];
        p->middle_begin = hone__min_i64(hone__max_i64(b, 0), last);
        p->middle_end = hone__max_i64(hone__min_i64(b + x->dims[x->rank - 1], last), p->middle_begin);
    }
    return HONE_OK;
}

typedef struct pad_args {
    const pad_plan *plan;
    const char *x;
    char *y;
    const void *value;
} pad_args;

static void pad_edge(const pad_args *a, const char *x, char *y, int64_t begin, int64_t end) {
    const pad_plan *p = a->plan;
    const int32_t *map = p->maps[p->rank - 1];
    for (int64_t i = begin; i < end; i++)
        memcpy(y + (size_t)i * p->elem_size, map[i] < 0 ? a->value : x + (size_t)map[i] * p->elem_size, p->elem_size);
}

static void pad_range(void *arg, size_t begin, size_t end, int thread) {
    const pad_args *a = arg;
    const pad_plan *p = a->plan;
    const int last = p->rank - 1;
    const size_t size = p->elem_size, row = (size_t)p->dims[last] * size;
    int64_t index[HONE_MAX_RANK], rest = (int64_t)begin;
    (void)thread;
    for (int d = last - 1; d >= 0; d--) {
        index[d] = rest % p->dims[d];
        rest /= p->dims[d];
    }
    for (size_t t = begin; t < end; t++) {
        int64_t offset = 0;
        bool is_constant = false;
        for (int d = 0; d < last; d++) {
            const int32_t i = p->maps[d][index[d]];
            is_constant = is_constant || i < 0;
            offset += i * p->strides[d];
        }
        char *y = a->y + t * row;
        if (is_constant) {
            hone_move_fill(size, a->value, y, (size_t)p->dims[last]);
        } else {
            const char *x = a->x + (size_t)offset * size;
            pad_edge(a, x, y, 0, p->middle_begin);
            if (p->middle_end > p->middle_begin)
                memcpy(y + (size_t)p->middle_begin * size, x + (size_t)p->maps[last][p->middle_begin] * size,
                       (size_t)(p->middle_end - p->middle_begin) * size);
            pad_edge(a, x, y, p->middle_end, p->dims[last]);
        }
        for (int d = last - 1; d >= 0; d--) {
            if (++index[d] < p->dims[d])
                break;
            index[d] = 0;
        }
    }
}

static hone_status run_pad(hone__cpu_run *ctx) {
    static const uint64_t zero[2];
    const pad_plan *p = ctx->plan_state;
    pad_args args = {p, ctx->in[0]->data, ctx->out[0]->data, zero};
    const hone_tensor *value = ctx->n_in > 2 ? ctx->in[2] : NULL;
    if (p->has_value)
        args.value = &p->value;
    else if (value && hone__tensor_count(value) > 0)
        args.value = value->data;
    if (p->rank == 0)
        memcpy(args.y, args.x, p->elem_size);
    if (p->rank == 0 || hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    const int64_t rows = hone__bind_product(p->dims, 0, p->rank - 1);
    hone__pool_run_range(ctx->pool, (size_t)rows,
                         hone__bind_grain((size_t)p->dims[p->rank - 1] * p->elem_size, GRAIN_BYTES), pad_range, &args);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "Resize", 10, HONE_ANY_VERSION, "resize", match_resize, NULL, NULL, plan_resize, run_resize, NULL,
     blocked_resize},
    {"", "Upsample", 7, HONE_ANY_VERSION, "resize", match_resize, NULL, NULL, plan_resize, run_resize, NULL,
     blocked_resize},
    {"", "Pad", 2, HONE_ANY_VERSION, "pad", match_pad, NULL, NULL, plan_pad, run_pad},
};

const hone__cpu_kernel_family hone__cpu_family_resize = {"resize", rows, sizeof rows / sizeof rows[0]};
