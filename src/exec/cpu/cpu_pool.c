/* Binds MaxPool and AveragePool with one to three spatial dims to kernels/pooling. (The global ones are
 * reductions: cpu_reduce.c.) With three, the planes of a window are joined into one, which is then pooled. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/conv/conv_ops.h"
#include "kernels/pooling/pooling.h"
#include "ops/op_window.h"

#include <math.h>

enum { GRAIN_ELEMENTS = 8192 }; /* inputs read per task */

typedef struct pool_plan {
    hone_pool2d shape;
    int64_t planes;
    int64_t in_d, out_d, kernel_d, stride_d, dilation_d, pad_front; /* with depth */
    bool has_depth;
    size_t plane;  /* floats per thread: the joined plane; 0 without depth */
    size_t buffer; /* floats per thread, the plane included */
    int n_threads;
    const hone__conv_ops *ops; /* blocked form */
    const hone_pool_row *kernels;
    float *factors_d, *factors_h, *factors_w; /* AveragePool: 1 / elements that count, per output position */
} pool_plan;

static bool match_pool(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const int rank = hone__bind_rank(node, 0);
    return hone__bind_all_f32(node) && rank >= 3 && rank <= 5;
}

/* 1 / elements of the window that count at each output position of one dimension: those inside the
 * input or, with count_include_pad, inside the padded input. The number for a window is the product. */
static float *count_factors(hone__arena *arena, int64_t out, int64_t in, int64_t kernel, int64_t stride,
                            int64_t dilation, int64_t pad_begin, int64_t pad_end, bool include_pad) {
    float *factors = hone__arena_calloc(arena, (size_t)out, sizeof *factors);
    for (int64_t o = 0; factors && o < out; o++) {
        int64_t n = 0;
        for (int64_t k = 0; k < kernel; k++) {
            const int64_t at = o * stride - pad_begin + k * dilation;
            n += include_pad ? at < in + pad_end : at >= 0 && at < in;
        }
        factors[o] = n > 0 ? 1.0f / (float)n : 0.0f;
    }
    return factors;
}

static hone_status plan_pool(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0];
    pool_plan *p = hone__bind_state(ctx, sizeof *p);
    hone__window w;
    int64_t out;
    if (!p)
        return hone__fail_memory(ctx->error, "a pooling plan");
    HONE_TRY(hone__window_read(ctx->node, x->rank - 2, NULL, &w, ctx->error));
    for (int i = 0; i < w.n; i++) {
        HONE_TRY(hone__window_output(&w, i, x->dims[2 + i], &out, ctx->error)); /* sets the pads of SAME_* */
        HONE_FAIL_IF(out != y->dims[2 + i], ctx->error, HONE_ERROR_SHAPE, "%s: output dim %d is %lld, not %lld",
                     ctx->node->op_type, 2 + i, (long long)out, (long long)y->dims[2 + i]);
    }
    const int n = w.n, d = 0, h = 1, v = 2; /* after expansion: depth, height, width */
    int64_t in_dims[HONE_WINDOW_MAX], out_dims[HONE_WINDOW_MAX];
    hone__window_expand_dims(x->dims + 2, n, in_dims);
    hone__window_expand_dims(y->dims + 2, n, out_dims);
    hone__window_expand(&w);
    p->shape = (hone_pool2d){in_dims[h],  in_dims[v],  out_dims[h],   out_dims[v],   w.kernel[h],    w.kernel[v],
                             w.stride[h], w.stride[v], w.dilation[h], w.dilation[v], w.pad_begin[h], w.pad_begin[v]};
    p->planes = x->dims[0] * x->dims[1];
    p->has_depth = n == 3;
    p->in_d = in_dims[d];
    p->out_d = out_dims[d];
    p->kernel_d = w.kernel[d];
    p->stride_d = w.stride[d];
    p->dilation_d = w.dilation[d];
    p->pad_front = w.pad_begin[d];
    p->kernels = hone_pool_select(ctx->config->isa);
    p->n_threads = ctx->config->n_threads > 1 ? ctx->config->n_threads : 1;
    ctx->inplace_input = -1;
    ctx->kernel = strcmp(ctx->node->op_type, "MaxPool") == 0 ? "f32_max_pool" : "f32_average_pool";
    if (hone__tensor_count(y) == 0)
        return HONE_OK;
    p->plane = p->has_depth ? hone__round_up((size_t)(p->shape.in_h * p->shape.in_w), 16) : 0;
    p->buffer = p->plane + hone__round_up(hone_pool2d_buffer(&p->shape), 16);
    HONE_FAIL_IF(!hone__mul_size(p->buffer * sizeof(float), (size_t)p->n_threads, &ctx->workspace_size), ctx->error,
                 HONE_ERROR_LIMIT, "the window of %s is too large", ctx->node->op_type);
    if (strcmp(ctx->node->op_type, "MaxPool") == 0)
        return HONE_OK;
    const bool include = hone__node_attr_int(ctx->node, "count_include_pad", 0) != 0;
    p->factors_d = count_factors(ctx->arena, out_dims[d], in_dims[d], w.kernel[d], w.stride[d], w.dilation[d],
                                 w.pad_begin[d], w.pad_end[d], include);
    p->factors_h = count_factors(ctx->arena, out_dims[h], in_dims[h], w.kernel[h], w.stride[h], w.dilation[h],
                                 w.pad_begin[h], w.pad_end[h], include);
    p->factors_w = count_factors(ctx->arena, out_dims[v], in_dims[v], w.kernel[v], w.stride[v], w.dilation[v],
                                 w.pad_begin[v], w.pad_end[v], include);
    return p->factors_d && p->factors_h && p->factors_w ? HONE_OK : hone__fail_memory(ctx->error, "a pooling plan");
}

typedef struct pool_args {
    const pool_plan *plan;
    const float *x;
    float *y, *workspace;
} pool_args;

static void pool_range(void *arg, size_t begin, size_t end, int thread) {
    const pool_args *a = arg;
    const pool_plan *p = a->plan;
    const hone_pool2d *s = &p->shape;
    float *buffer = a->workspace + (size_t)thread * p->buffer;
    for (size_t t = begin; t < end; t++) {
        const int64_t plane = (int64_t)t / s->out_h, oh = (int64_t)t % s->out_h;
        const float *x = a->x + plane * s->in_h * s->in_w;
        float *y = a->y + (int64_t)t * s->out_w;
        if (p->factors_h)
            p->kernels->average(s, x, oh, p->factors_h[oh], p->factors_w, y, buffer);
        else
            p->kernels->max(s, x, oh, y, buffer);
    }
}

/* plane: the elements of window `od` joined over depth; x: [in_d][in_h][in_w]. A window wholly in the padding
 * leaves what is neutral. */
static void join_planes(const pool_plan *p, const float *x, int64_t od, float *plane) {
    const size_t n = (size_t)(p->shape.in_h * p->shape.in_w);
    const float neutral = p->factors_h ? 0.0f : -INFINITY;
    bool is_first = true;
    for (int64_t k = 0; k < p->kernel_d; k++) {
        const int64_t at = od * p->stride_d - p->pad_front + k * p->dilation_d;
        if (at < 0 || at >= p->in_d)
            continue;
        const float *from = x + (size_t)at * n;
        if (is_first)
            memcpy(plane, from, n * sizeof *plane);
        else if (p->factors_h)
            for (size_t i = 0; i < n; i++)
                plane[i] += from[i];
        else
            for (size_t i = 0; i < n; i++)
                plane[i] = from[i] > plane[i] || from[i] != from[i] ? from[i] : plane[i];
        is_first = false;
    }
    for (size_t i = 0; i < n && is_first; i++)
        plane[i] = neutral;
}

/* One task per output plane. */
static void pool_volume(void *arg, size_t begin, size_t end, int thread) {
    const pool_args *a = arg;
    const pool_plan *p = a->plan;
    const hone_pool2d *s = &p->shape;
    float *plane = a->workspace + (size_t)thread * p->buffer, *buffer = plane + p->plane;
    for (size_t t = begin; t < end; t++) {
        const int64_t volume = (int64_t)t / p->out_d, od = (int64_t)t % p->out_d;
        join_planes(p, a->x + volume * p->in_d * s->in_h * s->in_w, od, plane);
        for (int64_t oh = 0; oh < s->out_h; oh++) {
            float *y = a->y + ((int64_t)t * s->out_h + oh) * s->out_w;
            if (p->factors_h)
                p->kernels->average(s, plane, oh, p->factors_d[od] * p->factors_h[oh], p->factors_w, y, buffer);
            else
                p->kernels->max(s, plane, oh, y, buffer);
        }
    }
}

static hone_status run_pool(hone__cpu_run *ctx) {
    const pool_plan *p = ctx->plan_state;
    const hone_pool2d *s = &p->shape;
    pool_args args = {p, ctx->in[0]->data, ctx->out[0]->data, ctx->workspace};
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    /* The workspace has one buffer per planned thread. */
    hone__pool *pool = hone__pool_threads(ctx->pool) <= p->n_threads ? ctx->pool : NULL;
    if (p->has_depth) {
        const size_t volume = (size_t)((p->kernel_d + s->kernel_h) * s->in_h * s->in_w);
        hone__pool_run_range(pool, (size_t)(p->planes * p->out_d), hone__bind_grain(volume, GRAIN_ELEMENTS),
                             pool_volume, &args);
        return HONE_OK;
    }
    const size_t unit = (size_t)(s->kernel_h * s->in_w + s->kernel_w * s->out_w);
    hone__pool_run_range(pool, (size_t)(p->planes * s->out_h), hone__bind_grain(unit, GRAIN_ELEMENTS), pool_range,
                         &args);
    return HONE_OK;
}

/* ---- blocked ---- */

/* Output rows [begin, end), counted over images, blocks and rows. */
static void pool_blocked_range(void *arg, size_t begin, size_t end, int thread) {
    const pool_args *a = arg;
    const pool_plan *p = a->plan;
    const hone_pool2d *s = &p->shape;
    const size_t vw = p->ops->vw;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const size_t plane = t / (size_t)s->out_h, oh = t % (size_t)s->out_h;
        const float *x = a->x + plane * (size_t)(s->in_h * s->in_w) * vw;
        hone__conv_bpool at = {.rs = (ptrdiff_t)((size_t)(s->dilation_h * s->in_w) * vw),
                               .ss = (ptrdiff_t)((size_t)s->dilation_w * vw),
                               .is_max = !p->factors_h};
        size_t r0, s0;
        at.n_r = hone__conv_taps((size_t)s->in_h, (size_t)s->kernel_h, (size_t)s->stride_h, (size_t)s->dilation_h,
                                 (size_t)s->pad_top, oh, &r0);
        const size_t ih = oh * (size_t)s->stride_h + r0 * (size_t)s->dilation_h - (size_t)s->pad_top;
        for (size_t ow = 0; ow < (size_t)s->out_w; ow++) {
            at.n_s = hone__conv_taps((size_t)s->in_w, (size_t)s->kernel_w, (size_t)s->stride_w, (size_t)s->dilation_w,
                                     (size_t)s->pad_left, ow, &s0);
            const size_t iw = ow * (size_t)s->stride_w + s0 * (size_t)s->dilation_w - (size_t)s->pad_left;
            at.x = at.n_r && at.n_s ? x + (ih * (size_t)s->in_w + iw) * vw : x;
            at.y = a->y + (t * (size_t)s->out_w + ow) * vw;
            at.factor = p->factors_h ? p->factors_h[oh] * p->factors_w[ow] : 0.0f;
            p->ops->blocked_pool(&at);
        }
    }
}

static hone_status plan_pool_blocked(const void *state, hone__cpu_plan *ctx) {
    HONE_TRY(plan_pool(state, ctx));
    pool_plan *p = ctx->plan_state;
    p->ops = hone__conv_ops_for(ctx->config->isa);
    p->planes = ctx->in[0]->dims[0] * ((ctx->in[0]->dims[1] + (int64_t)ctx->block - 1) / (int64_t)ctx->block);
    ctx->workspace_size = 0;
    ctx->kernel = p->factors_h ? "f32_average_pool_blocked" : "f32_max_pool_blocked";
    return HONE_OK;
}

static hone_status run_pool_blocked(hone__cpu_run *ctx) {
    const pool_plan *p = ctx->plan_state;
    const hone_pool2d *s = &p->shape;
    pool_args args = {p, ctx->in[0]->data, ctx->out[0]->data, NULL};
    const size_t unit = (size_t)(s->kernel_h * s->kernel_w * s->out_w) * p->ops->vw;
    hone__pool_run_range(ctx->pool, (size_t)(p->planes * s->out_h), hone__bind_grain(unit, GRAIN_ELEMENTS),
                         pool_blocked_range, &args);
    return HONE_OK;
}

static const hone__cpu_blocked pool_form = {
    .name = "f32_pool_blocked", .plan = plan_pool_blocked, .run = run_pool_blocked};

static const hone__cpu_blocked *blocked_pool(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    if (!ctx->in[0] || ctx->in[0]->rank != 4)
        return NULL;
    ctx->blocked_inputs = 1;
    return &pool_form;
}

static const hone__cpu_kernel rows[] = {
    {"", "MaxPool", 1, HONE_ANY_VERSION, "f32_max_pool", match_pool, NULL, NULL, plan_pool, run_pool, NULL,
     blocked_pool},
    {"", "AveragePool", 1, HONE_ANY_VERSION, "f32_average_pool", match_pool, NULL, NULL, plan_pool, run_pool, NULL,
     blocked_pool},
};

const hone__cpu_kernel_family hone__cpu_family_pool = {"pool", rows, sizeof rows / sizeof rows[0]};
