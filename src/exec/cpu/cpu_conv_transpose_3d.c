/* Binds ConvTranspose with three spatial dimensions to the two-dimensional kernel of kernels/conv.
 *
 * The weights [C, K/g, KD, KH, KW] are, as they lie in memory, those of a 2-D transposed convolution to K*KD channels.
 * So every input plane is one image; channel k*KD + kd of its result is added to output plane id*stride - pad +
 * kd*dilation of channel k. */
#include "exec/cpu/cpu_conv.h"

#include "base/alloc.h"
#include "exec/cpu/cpu_registry.h"
#include "ops/op_window.h"

enum { CHUNK_BYTES = 8 << 20, GRAIN_BYTES = 64 << 10 };

static bool match(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const hone_tensor *w = hone__bind_constant(node, 1);
    const int64_t groups = hone__node_attr_int(node, "group", 1);
    const int rank = hone__bind_rank(node, 0);
    hone__window win;
    hone_error ignored;
    hone_error_clear(&ignored);
    return hone__bind_all_f32(node) && w && w->rank == 5 && (rank == 5 || rank == -1) && groups >= 1 &&
           w->dims[0] % groups == 0 && hone__tensor_count(w) > 0 &&
           hone__window_read(node, 3, w->dims + 2, &win, &ignored) == HONE_OK;
}

/* The 2-D layer without its spatial sizes. */
static hone__conv_desc describe_weights(const hone__node *node, const int64_t *w) {
    const size_t groups = (size_t)hone__node_attr_int(node, "group", 1);
    return (hone__conv_desc){.n = 1,
                             .c = (size_t)w[0],
                             .h = 1,
                             .w = 1,
                             .k = (size_t)(w[1] * w[2]) * groups,
                             .r = (size_t)w[3],
                             .s = (size_t)w[4],
                             .oh = 1,
                             .ow = 1,
                             .stride_h = 1,
                             .stride_w = 1,
                             .dil_h = 1,
                             .dil_w = 1,
                             .groups = groups,
                             .layout = HONE_CONV_LAYOUT_NCHW};
}

static hone_status prepare(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    const hone_tensor *w = hone__bind_constant(node, 1);
    const hone__conv_desc d = describe_weights(node, w->dims);
    hone__deconv_plan plan;
    HONE_FAIL_IF(!hone__deconv_plan_init(&plan, &d, ctx->config->isa, 1), ctx->error, HONE_ERROR_LIMIT,
                 "the weights are too large");
    float *packed = ctx->alloc_packed(ctx, plan.packed_size);
    if (!packed)
        return hone__fail_memory(ctx->error, "packed weights");
    hone__deconv_pack(&plan, w->data, packed);
    *state = packed;
    return HONE_OK;
}

typedef struct deconv3d_plan {
    hone__deconv_plan inner;
    bool is_empty;
    int64_t n, c, k, depth_in, depth_out, kernel, stride, dilation, pad;
    int64_t chunk;              /* input planes per pass; divides depth_in */
    size_t plane_in, plane_out; /* floats */
    size_t out_at, inner_at;    /* offsets in the workspace, bytes; the copied input stands first */
} deconv3d_plan;

static hone_status read_window(hone__cpu_plan *ctx, hone__window *win) {
    const hone_tensor *x = ctx->in[0], *w = ctx->in[1], *y = ctx->out[0];
    const int64_t groups = hone__node_attr_int(ctx->node, "group", 1);
    HONE_FAIL_IF(x->rank != 5 || y->rank != 5 || x->dims[1] != w->dims[0] || y->dims[0] != x->dims[0] ||
                     y->dims[1] != w->dims[1] * groups,
                 ctx->error, HONE_ERROR_SHAPE, "input, weights and output of ConvTranspose do not fit together");
    HONE_TRY(hone__window_read(ctx->node, 3, w->dims + 2, win, ctx->error));
    for (int i = 0; i < 3; i++) {
        int64_t out;
        HONE_TRY(hone__window_transposed(ctx->node, win, i, x->dims[2 + i], &out, ctx->error));
        HONE_FAIL_IF(out != y->dims[2 + i] || win->pad_begin[i] < 0, ctx->error, HONE_ERROR_UNSUPPORTED,
                     "output dimension %d is %lld, not %lld", 2 + i, (long long)y->dims[2 + i], (long long)out);
    }
    return HONE_OK;
}

static hone_status plan_sizes(hone__cpu_plan *ctx, deconv3d_plan *p) {
    size_t in, out, limit = hone__min_size(CHUNK_BYTES, ctx->config->max_workspace / 2);
    HONE_FAIL_IF(!hone__mul_size(p->plane_in * sizeof(float), (size_t)p->c, &in) ||
                     !hone__mul_size(p->plane_out * sizeof(float), (size_t)(p->k * p->kernel), &out),
                 ctx->error, HONE_ERROR_LIMIT, "the sizes of ConvTranspose overflow memory");
    p->chunk = 1;
    for (int64_t i = 2; i <= p->depth_in && in <= limit / (size_t)i && out <= limit / (size_t)i; i++)
        if (p->depth_in % i == 0)
            p->chunk = i;
    HONE_FAIL_IF(!hone__mul_size(in, (size_t)p->chunk, &in) || !hone__mul_size(out, (size_t)p->chunk, &out), ctx->error,
                 HONE_ERROR_LIMIT, "the sizes of ConvTranspose overflow memory");
    p->out_at = hone__round_up(in, HONE_ALIGNMENT);
    p->inner_at = p->out_at + hone__round_up(out, HONE_ALIGNMENT);
    return HONE_OK;
}

static hone_status plan(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *w = ctx->in[1], *y = ctx->out[0];
    const hone_tensor *bias = ctx->n_in > 2 ? ctx->in[2] : NULL;
    hone__window win;
    HONE_TRY(read_window(ctx, &win));
    HONE_FAIL_IF(bias && hone__tensor_count(bias) != y->dims[1], ctx->error, HONE_ERROR_SHAPE,
                 "the bias has %lld elements for %lld output channels", (long long)hone__tensor_count(bias),
                 (long long)y->dims[1]);
    deconv3d_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a convolution's plan");
    ctx->inplace_input = -1;
    ctx->kernel = "f32_conv_transpose3d_gemm";
    ctx->algorithm = "gemm_col2im";
    p->is_empty = hone__tensor_count(y) == 0;
    if (p->is_empty)
        return HONE_OK;
    HONE_FAIL_IF(hone__tensor_count(x) == 0, ctx->error, HONE_ERROR_UNSUPPORTED,
                 "ConvTranspose of an empty input is not supported");
    p->n = x->dims[0];
    p->c = x->dims[1];
    p->k = y->dims[1];
    p->depth_in = x->dims[2];
    p->depth_out = y->dims[2];
    p->kernel = w->dims[2];
    p->stride = win.stride[0];
    p->dilation = win.dilation[0];
    p->pad = win.pad_begin[0];
    p->plane_in = (size_t)(x->dims[3] * x->dims[4]);
    p->plane_out = (size_t)(y->dims[3] * y->dims[4]);
    HONE_TRY(plan_sizes(ctx, p));
    hone__conv_desc d = describe_weights(ctx->node, w->dims);
    d.n = (size_t)p->chunk;
    d.h = (size_t)x->dims[3];
    d.w = (size_t)x->dims[4];
    d.oh = (size_t)y->dims[3];
    d.ow = (size_t)y->dims[4];
    d.stride_h = (size_t)win.stride[1];
    d.stride_w = (size_t)win.stride[2];
    d.dil_h = (size_t)win.dilation[1];
    d.dil_w = (size_t)win.dilation[2];
    d.pad_top = (size_t)win.pad_begin[1];
    d.pad_left = (size_t)win.pad_begin[2];
    HONE_FAIL_IF(!hone__deconv_plan_init(&p->inner, &d, ctx->config->isa, ctx->config->n_threads) ||
                     !hone__add_size(p->inner_at, p->inner.workspace_size, &ctx->workspace_size),
                 ctx->error, HONE_ERROR_LIMIT, "ConvTranspose is too large");
    return HONE_OK;
}

/* ---- run ---- */

typedef struct job {
    const deconv3d_plan *plan;
    const float *x, *bias;
    float *y, *in, *out; /* y: one image; in and out: the chunk's */
    int64_t first;       /* input plane */
    const hone__deconv_args *args;
    size_t phase;
} job;

static void run_task(void *arg, size_t task, int thread) {
    const job *j = arg;
    hone__deconv_run_task(j->args, j->phase, task, thread);
}

static void fill(void *arg, size_t begin, size_t end, int thread) {
    const job *j = arg;
    const deconv3d_plan *p = j->plan;
    const size_t n = (size_t)p->depth_out * p->plane_out;
    (void)thread;
    for (size_t k = begin; k < end; k++)
        for (size_t i = 0; i < n; i++)
            j->y[k * n + i] = j->bias ? j->bias[k] : 0.0f;
}

static void gather(void *arg, size_t begin, size_t end, int thread) {
    const job *j = arg;
    const deconv3d_plan *p = j->plan;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const int64_t image = (int64_t)t / p->c, channel = (int64_t)t % p->c;
        memcpy(j->in + t * p->plane_in, j->x + (size_t)(channel * p->depth_in + j->first + image) * p->plane_in,
               p->plane_in * sizeof(float));
    }
}

/* One task per output channel, so that no two tasks add to the same plane. */
static void scatter(void *arg, size_t begin, size_t end, int thread) {
    const job *j = arg;
    const deconv3d_plan *p = j->plan;
    (void)thread;
    for (int64_t k = (int64_t)begin; k < (int64_t)end; k++)
        for (int64_t image = 0; image < p->chunk; image++)
            for (int64_t i = 0; i < p->kernel; i++) {
                const int64_t at = (j->first + image) * p->stride - p->pad + i * p->dilation;
                if (at < 0 || at >= p->depth_out)
                    continue;
                const float *from = j->out + (size_t)((image * p->k + k) * p->kernel + i) * p->plane_out;
                float *to = j->y + (size_t)(k * p->depth_out + at) * p->plane_out;
                for (size_t e = 0; e < p->plane_out; e++)
                    to[e] += from[e];
            }
}

static hone_status run(hone__cpu_run *ctx) {
    const deconv3d_plan *p = ctx->plan_state;
    if (p->is_empty)
        return HONE_OK;
    char *workspace = ctx->workspace;
    const hone_tensor *bias = ctx->n_in > 2 ? ctx->in[2] : NULL;
    job j = {.plan = p,
             .bias = bias ? bias->data : NULL,
             .in = (float *)(void *)workspace,
             .out = (float *)(void *)(workspace + p->out_at)};
    hone__deconv_args args = {&p->inner, j.in, ctx->state, NULL, j.out, workspace + p->inner_at};
    hone__pool *pool = hone__pool_threads(ctx->pool) > p->inner.n_threads ? NULL : ctx->pool;
    j.args = &args;
    for (int64_t n = 0; n < p->n; n++) {
        j.x = (const float *)ctx->in[0]->data + (size_t)(n * p->c * p->depth_in) * p->plane_in;
        j.y = (float *)ctx->out[0]->data + (size_t)(n * p->k * p->depth_out) * p->plane_out;
        hone__pool_run_range(pool, (size_t)p->k, 1, fill, &j);
        for (j.first = 0; j.first < p->depth_in; j.first += p->chunk) {
            hone__pool_run_range(pool, (size_t)(p->chunk * p->c),
                                 hone__bind_grain(p->plane_in * sizeof(float), GRAIN_BYTES), gather, &j);
            for (j.phase = 0; j.phase < p->inner.n_phases; j.phase++)
                hone__pool_run(pool, hone__deconv_n_tasks(&p->inner, j.phase), run_task, &j);
            hone__pool_run_range(pool, (size_t)p->k, 1, scatter, &j);
        }
    }
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "ConvTranspose", 0, 0, "f32_conv_transpose3d", match, prepare, NULL, plan, run, hone__conv_reads_unaligned},
};
const hone__cpu_kernel_family hone__cpu_family_conv_transpose_3d = {"conv_transpose_3d", rows,
                                                                    sizeof rows / sizeof rows[0]};
