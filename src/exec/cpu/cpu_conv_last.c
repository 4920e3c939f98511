/* Binds com.microsoft.NhwcFusedConv, convolutions of channels-last tensors: depthwise ones to
 * kernels/conv/conv_channels_last.c, and those whose kernel is their stride (patches: the downsampling of ConvNeXt,
 * embeddings of vision transformers) to one matrix product over the pixels, whose rows are gathered first. The pass
 * channels_last makes such nodes where transposes lie around them; others go to the reference evaluator. */
#include "base/alloc.h"
#include "exec/cpu/cpu_activation.h"
#include "exec/cpu/cpu_conv.h"
#include "exec/cpu/cpu_product.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/conv/conv_ops.h"

enum { MAX_PLANE = 8 << 20, GRAIN_BYTES = 32 << 10 };

typedef struct last_state {
    const hone__cpu_config *config;
    const hone_f32_unaligned *weights;
    size_t weights_size; /* bytes */
    float *packed;
    bool is_depthwise;
    size_t m, c, r, s; /* of the weights [m][c/group][r][s]; c counts all groups */
    hone_act act;
} last_state;

typedef struct last_plan {
    hone__conv_desc desc;
    hone__conv_last_plan depthwise;
    hone__gemm_plan gemm;
    size_t gather_size; /* bytes of workspace before the product's own */
} last_plan;

static bool is_depthwise(const hone_tensor *w, const hone__conv_attrs *a, const hone__cpu_config *config) {
    return (int64_t)a->groups == w->dims[0] && w->dims[1] == 1 && w->dims[0] > 1 &&
           (size_t)w->dims[0] % hone__conv_block_size(config->isa) == 0;
}

static bool is_patch(const hone_tensor *w, const hone__conv_attrs *a) {
    bool fits = a->groups == 1 && (a->auto_pad == HONE_CONV_PAD_EXPLICIT || a->auto_pad == HONE_CONV_PAD_VALID);
    for (int i = 0; i < 2; i++)
        fits = fits && a->pad_begin[i] == 0 && a->pad_end[i] == 0 && (a->dil[i] == 1 || w->dims[2 + i] == 1) &&
               (int64_t)a->stride[i] == w->dims[2 + i];
    return fits;
}

static bool match(const hone__node *node, const hone__cpu_config *config) {
    const hone_tensor *w = hone__bind_constant(node, 1);
    hone__conv_attrs a;
    hone_act act;
    return hone__bind_all_f32(node) && w && w->rank == 4 && hone__tensor_count(w) > 0 &&
           hone__bind_rank(node, 0) == 4 && hone__conv_read_attrs(node, 2, &a) && hone__bind_activation(node, &act) &&
           (is_depthwise(w, &a, config) || is_patch(w, &a));
}

/* A tap's weights are rows [tap*c, (tap+1)*c) of the product's right operand, whose columns are output channels. */
static void pack(void *arg, size_t part) {
    const last_state *s = arg;
    const size_t taps = s->r * s->s, depth = taps * s->c;
    (void)part;
    if (s->is_depthwise) {
        hone__conv_last_pack(hone__conv_ops_for(s->config->isa), s->weights, s->m, taps, s->packed);
    } else {
        const hone__gemm_kernel *kernel = hone__gemm_kernel_find(s->config->isa);
        for (size_t j = 0; j < s->m; j += kernel->nr)
            for (size_t t = 0; t < taps; t++)
                kernel->pack(s->packed + j * depth + t * s->c * kernel->nr, kernel->nr, s->weights + j * depth + t,
                             depth, taps, hone__min_size(kernel->nr, s->m - j), s->c);
    }
    if (s->config->drop_pages)
        s->config->drop_pages(s->config->drop_pages_user, s->weights, s->weights_size);
}

static hone_status prepare(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    const hone_tensor *w = hone__bind_constant(node, 1);
    last_state *s = hone__arena_calloc(ctx->arena, 1, sizeof *s);
    hone__conv_attrs a;
    if (!s)
        return hone__fail_memory(ctx->error, "a convolution's state");
    hone__conv_read_attrs(node, 2, &a); /* match has seen that it can, and that the activation is known */
    hone__bind_activation(node, &s->act);
    s->config = ctx->config;
    s->weights = w->data;
    s->weights_size = w->size;
    s->is_depthwise = is_depthwise(w, &a, ctx->config);
    s->m = (size_t)w->dims[0];
    s->c = (size_t)w->dims[1] * a.groups;
    s->r = (size_t)w->dims[2];
    s->s = (size_t)w->dims[3];
    const hone__gemm_kernel *kernel = hone__gemm_kernel_find(ctx->config->isa);
    const size_t count = w->size / sizeof(float);
    const size_t floats = s->is_depthwise ? count : hone__gemm_packed_b_count(kernel, count / s->m, s->m);
    s->packed = ctx->alloc_packed(ctx, floats * sizeof(float));
    if (!s->packed)
        return hone__fail_memory(ctx->error, "packed weights of a convolution");
    *state = s;
    return hone__cpu_work_add(ctx->work, pack, s, 1, ctx->error);
}

/* ---- plan ---- */

static hone_status describe(const last_state *s, hone__cpu_plan *ctx, hone__conv_desc *d) {
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0];
    hone__conv_attrs a;
    HONE_FAIL_IF(x->rank != 4 || y->rank != 4 || (size_t)x->dims[3] != s->c || (size_t)y->dims[3] != s->m ||
                     !hone__conv_read_attrs(ctx->node, 2, &a),
                 ctx->error, HONE_ERROR_SHAPE, "the input does not have the weights' %zu channels", s->c);
    *d = (hone__conv_desc){.n = (size_t)x->dims[0],
                           .c = s->c,
                           .h = (size_t)x->dims[1],
                           .w = (size_t)x->dims[2],
                           .k = s->m,
                           .r = s->r,
                           .s = s->s,
                           .oh = (size_t)y->dims[1],
                           .ow = (size_t)y->dims[2],
                           .stride_h = a.stride[0],
                           .stride_w = a.stride[1],
                           .dil_h = a.dil[0],
                           .dil_w = a.dil[1],
                           .groups = a.groups,
                           .act = s->act};
    if (hone__tensor_count(y) > 0) {
        d->pad_top = (size_t)hone__conv_pad_before(&a, 0, x->dims[1], y->dims[1], (int64_t)s->r);
        d->pad_left = (size_t)hone__conv_pad_before(&a, 1, x->dims[2], y->dims[2], (int64_t)s->s);
    }
    return HONE_OK;
}

static hone_status plan_patch(const last_state *s, hone__cpu_plan *ctx, last_plan *p) {
    const hone__conv_desc *d = &p->desc;
    const size_t depth = d->r * d->s * d->c, m = d->n * d->oh * d->ow;
    const hone__gemm_problem q = {
        .m = m, .n = d->k, .k = depth, .batch = 1, .a_rs = depth, .a_cs = 1, .is_b_packed = true};
    const hone__gemm_config config = {.isa = s->config->isa,
                                      .n_threads = s->config->n_threads,
                                      .l1d_bytes = s->config->l1d_bytes,
                                      .l2_bytes = s->config->l2_bytes,
                                      .l3_bytes = s->config->l3_bytes};
    /* Rows that lie in memory as they are: 1x1 kernels. */
    const bool is_gathered = d->r * d->s > 1;
    p->gather_size = is_gathered ? hone__round_up(m * depth * sizeof(float), HONE_ALIGNMENT) : 0; /* at most x's */
    if (!hone__gemm_make_plan(&q, &config, &p->gemm) ||
        !hone__add_size(p->gather_size, p->gemm.workspace_size, &ctx->workspace_size))
        return hone__fail(ctx->error, HONE_ERROR_LIMIT, "the product of %zu x %zu x %zu overflows", m, d->k, depth);
    ctx->algorithm = "channels_last_patch";
    return HONE_OK;
}

static hone_status plan(const void *state_, hone__cpu_plan *ctx) {
    const last_state *s = state_;
    last_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a convolution's plan");
    HONE_TRY(describe(s, ctx, &p->desc));
    const hone_tensor *bias = ctx->n_in > 2 ? ctx->in[2] : NULL, *z = ctx->n_in > 3 ? ctx->in[3] : NULL;
    HONE_FAIL_IF(bias && (size_t)hone__tensor_count(bias) != s->m, ctx->error, HONE_ERROR_SHAPE,
                 "the bias has %lld elements for %zu output channels", (long long)hone__tensor_count(bias), s->m);
    HONE_FAIL_IF(z && !hone__bind_same_shape(z, ctx->out[0]), ctx->error, HONE_ERROR_SHAPE,
                 "the residual's shape differs from the output's");
    ctx->inplace_input = -1;
    ctx->kernel = "f32_conv_channels_last";
    ctx->algorithm = "";
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    if (!s->is_depthwise)
        return plan_patch(s, ctx, p);
    if (!hone__conv_last_plan_init(&p->depthwise, &p->desc, s->config->isa, s->config->n_threads) ||
        p->depthwise.thread_size > MAX_PLANE) {
        ctx->is_declined = true;
        return HONE_OK;
    }
    ctx->workspace_size = p->depthwise.workspace_size;
    ctx->algorithm = "channels_last_depthwise";
    return HONE_OK;
}

/* ---- run ---- */

typedef struct gather_job {
    const hone__conv_desc *d;
    const float *x;
    float *rows;
} gather_job;

/* Rows of output pixels [begin, end). */
static void gather(void *arg, size_t begin, size_t end, int thread) {
    const gather_job *job = arg;
    const hone__conv_desc *d = job->d;
    const size_t run = d->s * d->c;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const size_t image = i / d->oh, oh = i % d->oh;
        float *to = job->rows + i * d->ow * d->r * run;
        const float *from = job->x + (image * d->h + oh * d->r) * d->w * d->c;
        for (size_t ow = 0; ow < d->ow; ow++)
            for (size_t r = 0; r < d->r; r++, to += run)
                memcpy(to, from + r * d->w * d->c + ow * run, run * sizeof(float));
    }
}

static void depthwise_task(void *arg, size_t task, int thread) { hone__conv_last_run(arg, task, thread); }

static hone_status run(hone__cpu_run *ctx) {
    const last_state *s = ctx->state;
    const last_plan *p = ctx->plan_state;
    const hone__conv_desc *d = &p->desc;
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    const float *bias = ctx->n_in > 2 && ctx->in[2] ? ctx->in[2]->data : NULL;
    const float *z = ctx->n_in > 3 && ctx->in[3] ? ctx->in[3]->data : NULL;
    if (s->is_depthwise) {
        hone__conv_last_args args = {&p->depthwise,     ctx->in[0]->data, s->packed, bias, z,
                                     ctx->out[0]->data, ctx->workspace};
        hone__pool_run(ctx->pool, p->depthwise.n_tasks, depthwise_task, &args);
        return HONE_OK;
    }
    const float *a = ctx->in[0]->data;
    if (p->gather_size) {
        gather_job job = {d, a, ctx->workspace};
        const size_t row = d->ow * d->r * d->s * d->c * sizeof(float);
        hone__pool_run_range(ctx->pool, d->n * d->oh, hone__bind_grain(row, GRAIN_BYTES), gather, &job);
        a = ctx->workspace;
    }
    const hone__gemm_args args = {.a = a,
                                  .b = s->packed,
                                  .c = ctx->out[0]->data,
                                  .z = z,
                                  .bias_col = bias,
                                  .ldc = d->k,
                                  .ldz = d->k,
                                  .alpha = 1.0f,
                                  .beta = 1.0f,
                                  .act = s->act};
    hone__gemm_execute(&p->gemm, &args, (char *)ctx->workspace + p->gather_size, ctx->pool);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"com.microsoft", "NhwcFusedConv", 0, 0, "f32_conv_channels_last", match, prepare, NULL, plan, run,
     hone__conv_reads_unaligned},
};
const hone__cpu_kernel_family hone__cpu_family_conv_last = {"conv_last", rows, sizeof rows / sizeof rows[0]};
