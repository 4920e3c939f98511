/* Binds Conv and hone.FusedConv with three spatial dimensions to the two-dimensional kernels of kernels/conv, so that
 * all their algorithms (Winograd over the plane, pointwise, depthwise, ...) serve here too.
 *
 * The weights [K, C/g, KD, KH, KW] are, as they lie in memory, those of a 2-D convolution over C*KD channels: channel
 * c*KD + kd of output plane `od` is input plane od*stride - pad + kd*dilation of channel c. So the planes that some
 * output planes need are copied side by side (KD copies of the input instead of the KD*KH*KW of im2col), convolved as a
 * batch of images, and the results are copied to where they belong. Two frequent cases need no copy at all:
 *   - a kernel of KD x 1 x 1 that steps by one within the plane is a 2-D one over images of D x (H*W);
 *   - one output plane that takes all input planes in order (KD = D, no padding). */
#include "base/alloc.h"
#include "exec/cpu/cpu_activation.h"
#include "exec/cpu/cpu_conv.h"
#include "exec/cpu/cpu_registry.h"
#include "ops/op_window.h"

#include <stdio.h>

enum { CHUNK_BYTES = 8 << 20, GRAIN_BYTES = 64 << 10 };

typedef struct conv3d_plan {
    hone__conv_choice choice;
    bool is_whole; /* no copies: args go straight to the 2-D kernel */
    int64_t n, c, k, depth_in, depth_out, kernel, stride, dilation, pad;
    int64_t chunk;                               /* output planes per pass; divides depth_out */
    size_t plane_in, plane_out;                  /* bytes */
    size_t in_at, out_at, residual_at, inner_at; /* offsets in the workspace */
} conv3d_plan;

static bool read_window(const hone__node *node, const int64_t *kernel, hone__window *out) {
    hone_error ignored;
    hone_error_clear(&ignored);
    return hone__window_read(node, 3, kernel, out, &ignored) == HONE_OK;
}

static bool match(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const int64_t unknown[3] = {-1, -1, -1};
    hone__window w;
    hone_act act;
    const int rank = hone__bind_rank(node, 0);
    return hone__bind_all_f32(node) && hone__bind_rank(node, 1) == 5 && (rank == 5 || rank == -1) &&
           read_window(node, unknown, &w) && hone__node_attr_int(node, "group", 1) >= 1 &&
           hone__bind_activation(node, &act);
}

/* ---- plan ---- */

static hone_status read_shapes(hone__cpu_plan *ctx, hone__window *win, int64_t *groups) {
    const hone_tensor *x = ctx->in[0], *w = ctx->in[1], *y = ctx->out[0];
    *groups = hone__node_attr_int(ctx->node, "group", 1);
    HONE_FAIL_IF(x->rank != 5 || w->rank != 5 || y->rank != 5, ctx->error, HONE_ERROR_SHAPE,
                 "the input has rank %d, the weights have rank %d", x->rank, w->rank);
    HONE_FAIL_IF(w->dims[1] * *groups != x->dims[1] || w->dims[0] % *groups != 0 || y->dims[0] != x->dims[0] ||
                     y->dims[1] != w->dims[0],
                 ctx->error, HONE_ERROR_SHAPE, "%lld input channels do not fit weights of %lld channels in %lld groups",
                 (long long)x->dims[1], (long long)w->dims[1], (long long)*groups);
    HONE_TRY(hone__window_read(ctx->node, 3, w->dims + 2, win, ctx->error));
    for (int i = 0; i < 3; i++) {
        int64_t out;
        HONE_TRY(hone__window_output(win, i, x->dims[2 + i], &out, ctx->error));
        HONE_FAIL_IF(out != y->dims[2 + i], ctx->error, HONE_ERROR_SHAPE, "output dimension %d is %lld, not %lld",
                     2 + i, (long long)y->dims[2 + i], (long long)out);
    }
    return HONE_OK;
}

static hone_status product(hone__cpu_plan *ctx, int64_t a, int64_t b, int64_t c, size_t *out) {
    size_t n;
    HONE_FAIL_IF(!hone__mul_size((size_t)a, (size_t)b, &n) || !hone__mul_size(n, (size_t)c, out), ctx->error,
                 HONE_ERROR_LIMIT, "the sizes of a convolution overflow memory");
    return HONE_OK;
}

/* Sets p->is_whole and what does not depend on the chunk. */
static void plan_depth(const hone__cpu_plan *ctx, const hone__window *win, conv3d_plan *p) {
    const int64_t *x = ctx->in[0]->dims, *w = ctx->in[1]->dims, *y = ctx->out[0]->dims;
    p->n = x[0];
    p->c = x[1];
    p->k = y[1];
    p->depth_in = x[2];
    p->depth_out = y[2];
    p->kernel = w[2];
    p->stride = win->stride[0];
    p->dilation = win->dilation[0];
    p->pad = win->pad_begin[0];
    p->plane_in = (size_t)(x[3] * x[4]) * sizeof(float);
    p->plane_out = (size_t)(y[3] * y[4]) * sizeof(float);
}

static bool is_line(const hone__cpu_plan *ctx, const hone__window *win) { /* KD x 1 x 1, step 1 within the plane */
    const int64_t *x = ctx->in[0]->dims, *w = ctx->in[1]->dims, *y = ctx->out[0]->dims;
    return w[3] == 1 && w[4] == 1 && win->stride[1] == 1 && win->stride[2] == 1 && x[3] == y[3] && x[4] == y[4] &&
           win->pad_begin[1] == 0 && win->pad_begin[2] == 0;
}

/* The 2-D layer, and how many images it has. */
static hone_status describe(hone__cpu_plan *ctx, const hone__window *win, int64_t groups, bool has_z, conv3d_plan *p,
                            hone__conv_desc *d) {
    const int64_t *x = ctx->in[0]->dims, *w = ctx->in[1]->dims, *y = ctx->out[0]->dims;
    plan_depth(ctx, win, p);
    *d = (hone__conv_desc){.n = (size_t)p->n,
                           .c = (size_t)p->c,
                           .k = (size_t)p->k,
                           .stride_h = 1,
                           .stride_w = 1,
                           .dil_h = 1,
                           .dil_w = 1,
                           .groups = (size_t)groups,
                           .layout = HONE_CONV_LAYOUT_NCHW};
    if (is_line(ctx, win)) {
        p->is_whole = true;
        d->h = (size_t)x[2];
        d->w = (size_t)(x[3] * x[4]);
        d->oh = (size_t)y[2];
        d->ow = (size_t)(y[3] * y[4]);
        d->r = (size_t)w[2];
        d->s = 1;
        d->stride_h = (size_t)p->stride;
        d->dil_h = (size_t)p->dilation;
        d->pad_top = (size_t)p->pad;
        return HONE_OK;
    }
    HONE_TRY(product(ctx, p->c, p->kernel, 1, &d->c));
    d->h = (size_t)x[3];
    d->w = (size_t)x[4];
    d->oh = (size_t)y[3];
    d->ow = (size_t)y[4];
    d->r = (size_t)w[3];
    d->s = (size_t)w[4];
    d->stride_h = (size_t)win->stride[1];
    d->stride_w = (size_t)win->stride[2];
    d->dil_h = (size_t)win->dilation[1];
    d->dil_w = (size_t)win->dilation[2];
    d->pad_top = (size_t)win->pad_begin[1];
    d->pad_left = (size_t)win->pad_begin[2];
    p->is_whole = p->depth_out == 1 && p->pad == 0 && p->kernel == p->depth_in && (p->dilation == 1 || p->kernel == 1);
    if (p->is_whole)
        return HONE_OK;
    /* As many output planes at once as a few megabytes hold. */
    size_t in = 0, out = 0, limit = hone__min_size(CHUNK_BYTES, ctx->config->max_workspace / 2);
    HONE_TRY(product(ctx, (int64_t)d->c, x[3], x[4] * (int64_t)sizeof(float), &in));
    HONE_TRY(product(ctx, p->k, y[3], y[4] * (int64_t)sizeof(float) * (has_z ? 2 : 1), &out));
    p->chunk = 1;
    for (int64_t i = 2; i <= p->depth_out && in <= limit / (size_t)i && out <= limit / (size_t)i; i++)
        if (p->depth_out % i == 0)
            p->chunk = i;
    d->n = (size_t)p->chunk;
    return HONE_OK;
}

/* Offsets of the copies, then the 2-D kernel's own workspace, then weights packed at run time. */
static hone_status plan_workspace(hone__cpu_plan *ctx, bool has_z, const hone__conv_desc *d, conv3d_plan *p) {
    size_t in = 0, out = 0, total;
    hone__conv_choice *c = &p->choice;
    if (!p->is_whole) {
        HONE_TRY(product(ctx, p->chunk * (int64_t)d->c, (int64_t)p->plane_in, 1, &in));
        HONE_TRY(product(ctx, p->chunk * p->k, (int64_t)p->plane_out, 1, &out));
    }
    p->in_at = 0;
    p->out_at = hone__round_up(in, HONE_ALIGNMENT);
    p->residual_at = p->out_at + hone__round_up(out, HONE_ALIGNMENT);
    p->inner_at = p->residual_at + (has_z ? hone__round_up(out, HONE_ALIGNMENT) : 0);
    c->packed_at = hone__round_up(c->plan.workspace_size, HONE_ALIGNMENT);
    HONE_FAIL_IF(!hone__add_size(p->inner_at, c->packed_at, &total) ||
                     !hone__add_size(total, c->packed ? 0 : c->plan.packed_size, &ctx->workspace_size),
                 ctx->error, HONE_ERROR_LIMIT, "the workspace of a convolution overflows memory");
    return HONE_OK;
}

static hone_status plan(const void *state_, hone__cpu_plan *ctx) {
    hone__conv_state *state = (hone__conv_state *)state_; /* its slots are guarded by its lock */
    hone__window win;
    hone__conv_desc desc;
    int64_t groups;
    HONE_TRY(read_shapes(ctx, &win, &groups));
    const hone_tensor *bias = ctx->n_in > 2 ? ctx->in[2] : NULL, *z = ctx->n_in > 3 ? ctx->in[3] : NULL;
    HONE_FAIL_IF(bias && hone__tensor_count(bias) != ctx->out[0]->dims[1], ctx->error, HONE_ERROR_SHAPE,
                 "the bias has %lld elements for %lld output channels", (long long)hone__tensor_count(bias),
                 (long long)ctx->out[0]->dims[1]);
    HONE_FAIL_IF(z && !hone__bind_same_shape(z, ctx->out[0]), ctx->error, HONE_ERROR_SHAPE,
                 "the residual's shape differs from the output's");
    conv3d_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a convolution's plan");
    ctx->inplace_input = -1;
    ctx->kernel = "f32_conv3d";
    p->choice.is_empty = hone__tensor_count(ctx->out[0]) == 0;
    if (p->choice.is_empty)
        return HONE_OK;
    HONE_TRY(describe(ctx, &win, groups, z != NULL, p, &desc));
    desc.act = state->act;
    HONE_TRY(hone__conv_select(state, ctx, &desc, &p->choice, &ctx->detail));
    if (p->choice.plan.table_size) {
        void *table = hone__arena_alloc(ctx->arena, p->choice.plan.table_size);
        if (!table)
            return hone__fail_memory(ctx->error, "a convolution's table");
        hone__conv_fill_table(&p->choice.plan, table);
        p->choice.table = table;
    }
    HONE_TRY(plan_workspace(ctx, z != NULL, &desc, p));
    char name[96];
    snprintf(name, sizeof name, "f32_conv3d_%s_%s", p->choice.plan.algo->name, hone__conv_isa_name(&p->choice.plan));
    ctx->kernel = hone__arena_strdup(ctx->arena, name);
    ctx->algorithm = p->choice.plan.algo->name;
    return ctx->kernel ? HONE_OK : hone__fail_memory(ctx->error, "a kernel's name");
}

/* ---- run ---- */

typedef struct copy_job {
    const conv3d_plan *plan;
    const char *from; /* of one image: [channels][depth][plane] */
    char *to;
    int64_t first; /* output plane of the chunk */
} copy_job;

/* to: [chunk][c][kernel][plane]; one task per image and channel. */
static void gather(void *arg, size_t begin, size_t end, int thread) {
    const copy_job *job = arg;
    const conv3d_plan *p = job->plan;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const int64_t image = (int64_t)t / p->c, channel = (int64_t)t % p->c;
        const char *from = job->from + (size_t)(channel * p->depth_in) * p->plane_in;
        char *to = job->to + t * (size_t)p->kernel * p->plane_in;
        for (int64_t i = 0; i < p->kernel; i++, to += p->plane_in) {
            const int64_t at = (job->first + image) * p->stride - p->pad + i * p->dilation;
            if (at >= 0 && at < p->depth_in)
                memcpy(to, from + (size_t)at * p->plane_in, p->plane_in);
            else
                memset(to, 0, p->plane_in);
        }
    }
}

/* Output planes: [k][depth_out][plane] of one image from and to [chunk][k][plane]. */
static void scatter(void *arg, size_t begin, size_t end, int thread) {
    const copy_job *job = arg;
    const conv3d_plan *p = job->plan;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const int64_t image = (int64_t)t / p->k, channel = (int64_t)t % p->k;
        memcpy(job->to + (size_t)(channel * p->depth_out + job->first + image) * p->plane_out,
               job->from + t * p->plane_out, p->plane_out);
    }
}

static void gather_residual(void *arg, size_t begin, size_t end, int thread) {
    const copy_job *job = arg;
    const conv3d_plan *p = job->plan;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const int64_t image = (int64_t)t / p->k, channel = (int64_t)t % p->k;
        memcpy(job->to + t * p->plane_out,
               job->from + (size_t)(channel * p->depth_out + job->first + image) * p->plane_out, p->plane_out);
    }
}

static void copy(hone__pool *pool, int64_t n, size_t unit, hone__pool_range_fn fn, copy_job *job) {
    hone__pool_run_range(pool, (size_t)n, hone__bind_grain(unit, GRAIN_BYTES), fn, job);
}

static hone_status run(hone__cpu_run *ctx) {
    const conv3d_plan *p = ctx->plan_state;
    const hone__conv_choice *choice = &p->choice;
    if (choice->is_empty)
        return HONE_OK;
    const hone_tensor *bias = ctx->n_in > 2 ? ctx->in[2] : NULL, *z = ctx->n_in > 3 ? ctx->in[3] : NULL;
    char *workspace = ctx->workspace;
    const float *packed = choice->packed;
    if (!packed) {
        float *room = (float *)(void *)(workspace + p->inner_at + choice->packed_at);
        hone__conv_pack(&choice->plan, ctx->in[1]->data, room);
        packed = room;
    }
    hone__conv_args args = {&choice->plan,     ctx->in[0]->data,         packed,
                            choice->table,     bias ? bias->data : NULL, z ? z->data : NULL,
                            ctx->out[0]->data, workspace + p->inner_at};
    if (p->is_whole) {
        hone__conv_execute(&args, ctx->pool);
        return HONE_OK;
    }
    args.x = (const float *)(const void *)(workspace + p->in_at);
    args.y = (float *)(void *)(workspace + p->out_at);
    args.z = z ? (const float *)(const void *)(workspace + p->residual_at) : NULL;
    const size_t image_in = (size_t)(p->c * p->depth_in) * p->plane_in;
    const size_t image_out = (size_t)(p->k * p->depth_out) * p->plane_out;
    for (int64_t n = 0; n < p->n; n++)
        for (int64_t first = 0; first < p->depth_out; first += p->chunk) {
            copy_job in = {p, (const char *)ctx->in[0]->data + (size_t)n * image_in, workspace + p->in_at, first};
            copy(ctx->pool, p->chunk * p->c, (size_t)p->kernel * p->plane_in, gather, &in);
            if (z) {
                copy_job r = {p, (const char *)z->data + (size_t)n * image_out, workspace + p->residual_at, first};
                copy(ctx->pool, p->chunk * p->k, p->plane_out, gather_residual, &r);
            }
            hone__conv_execute(&args, ctx->pool);
            copy_job out = {p, workspace + p->out_at, (char *)ctx->out[0]->data + (size_t)n * image_out, first};
            copy(ctx->pool, p->chunk * p->k, p->plane_out, scatter, &out);
        }
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "Conv", 0, 0, "f32_conv3d", match, hone__conv_prepare, hone__conv_release, plan, run,
     hone__conv_reads_unaligned},
    {"hone", "FusedConv", 0, 0, "f32_conv3d", match, hone__conv_prepare, hone__conv_release, plan, run,
     hone__conv_reads_unaligned},
};
const hone__cpu_kernel_family hone__cpu_family_conv_3d = {"conv_3d", rows, sizeof rows / sizeof rows[0]};
