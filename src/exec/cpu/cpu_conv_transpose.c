/* Binds ConvTranspose (one and two spatial dimensions, fp32) to kernels/conv. */
#include "exec/cpu/cpu_conv.h"
#include "exec/cpu/cpu_registry.h"

static bool match(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    hone__conv_attrs attrs;
    return hone__bind_all_f32(node) && node->n_inputs >= 2 && node->inputs[1] && hone__conv_shapes_ok(node) &&
           hone__bind_constant(node, 1) && hone__conv_read_attrs(node, hone__bind_rank(node, 1) - 2, &attrs);
}

/* The state is the packed weights: [group][panels of (k, r, s) rows][c]. Their layout does not depend on the shape. */
typedef struct deconv_state {
    const float *packed;
} deconv_state;

/* The layer without its spatial sizes. */
static bool describe_weights(const hone__node *node, const int64_t *dims, int rank, const hone__conv_attrs *a,
                             hone__conv_desc *d) {
    (void)node;
    const bool flat = rank == 3;
    if (dims[0] % (int64_t)a->groups != 0)
        return false;
    *d = (hone__conv_desc){.n = 1,
                           .c = (size_t)dims[0],
                           .h = 1,
                           .w = 1,
                           .k = (size_t)dims[1] * a->groups,
                           .r = flat ? 1 : (size_t)dims[2],
                           .s = (size_t)dims[rank - 1],
                           .oh = 1,
                           .ow = 1,
                           .stride_h = a->stride[0],
                           .stride_w = a->stride[1],
                           .dil_h = a->dil[0],
                           .dil_w = a->dil[1],
                           .groups = a->groups,
                           .layout = HONE_CONV_LAYOUT_NCHW};
    return true;
}

static hone_status prepare(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    deconv_state *s = hone__arena_calloc(ctx->arena, 1, sizeof *s);
    const hone_tensor *w = hone__bind_constant(node, 1);
    hone__conv_attrs a;
    hone__conv_desc d;
    hone__deconv_plan plan;
    if (!s)
        return hone__fail_memory(ctx->error, "a convolution's state");
    HONE_FAIL_IF(!hone__conv_read_attrs(node, w->rank - 2, &a) || !describe_weights(node, w->dims, w->rank, &a, &d),
                 ctx->error, HONE_ERROR_SHAPE, "weights of %lld channels do not divide into %zu groups",
                 (long long)w->dims[0], a.groups);
    *state = s;
    if (hone__tensor_count(w) == 0)
        return HONE_OK;
    HONE_FAIL_IF(!hone__deconv_plan_init(&plan, &d, ctx->config->isa, 1), ctx->error, HONE_ERROR_LIMIT,
                 "the weights are too large");
    float *packed = ctx->alloc_packed(ctx, plan.packed_size);
    if (!packed)
        return hone__fail_memory(ctx->error, "packed weights");
    hone__deconv_pack(&plan, w->data, packed);
    s->packed = packed;
    return HONE_OK;
}

typedef struct deconv_choice {
    hone__deconv_plan plan;
    bool is_empty;
} deconv_choice;

/* What is cut from the start of an output dimension. With output_shape or SAME_* the total follows from the sizes. */
static int64_t cut_before(const hone__node *node, const hone__conv_attrs *a, int i, int spatial, int64_t in,
                          int64_t out, int64_t kernel) {
    size_t n;
    const bool has_shape = hone__node_attr_ints(node, "output_shape", &n) && n > 0;
    if (a->auto_pad == HONE_CONV_PAD_VALID && !has_shape)
        return 0;
    if (a->auto_pad == HONE_CONV_PAD_EXPLICIT && !has_shape)
        return a->pad_begin[i];
    const int64_t *extra = hone__node_attr_ints(node, "output_padding", &n);
    const int at = i - (2 - spatial);
    int64_t total = (int64_t)a->stride[i] * (in - 1) + (kernel - 1) * (int64_t)a->dil[i] + 1 - out;
    if (extra && at >= 0 && (size_t)at < n)
        total += extra[at];
    total = hone__max_i64(total, 0);
    return a->auto_pad == HONE_CONV_PAD_SAME_UPPER ? total / 2 : total - total / 2;
}

static hone_status plan(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0], *w = ctx->in[1], *y = ctx->out[0];
    const hone_tensor *bias = ctx->n_in > 2 ? ctx->in[2] : NULL;
    hone__conv_attrs a;
    hone__conv_desc d;
    const int spatial = w->rank - 2;
    HONE_FAIL_IF(x->rank != w->rank || y->rank != w->rank || !hone__conv_read_attrs(ctx->node, spatial, &a) ||
                     !describe_weights(ctx->node, w->dims, w->rank, &a, &d) || x->dims[1] != w->dims[0] ||
                     y->dims[0] != x->dims[0] || y->dims[1] != (int64_t)d.k,
                 ctx->error, HONE_ERROR_SHAPE, "input, weights and output of ConvTranspose do not fit together");
    HONE_FAIL_IF(bias && hone__tensor_count(bias) != (int64_t)d.k, ctx->error, HONE_ERROR_SHAPE,
                 "the bias has %lld elements for %zu output channels", (long long)hone__tensor_count(bias), d.k);
    deconv_choice *choice = hone__bind_state(ctx, sizeof *choice);
    if (!choice)
        return hone__fail_memory(ctx->error, "a convolution's plan");
    ctx->inplace_input = -1;
    ctx->kernel = "f32_conv_transpose_gemm";
    ctx->algorithm = "gemm_col2im";
    choice->is_empty = hone__tensor_count(y) == 0;
    if (choice->is_empty)
        return HONE_OK;
    HONE_FAIL_IF(hone__tensor_count(x) == 0 || hone__tensor_count(w) == 0, ctx->error, HONE_ERROR_UNSUPPORTED,
                 "ConvTranspose of an empty input is not supported");
    const bool flat = spatial == 1;
    d.n = (size_t)x->dims[0];
    d.h = flat ? 1 : (size_t)x->dims[2];
    d.w = (size_t)x->dims[spatial + 1];
    d.oh = flat ? 1 : (size_t)y->dims[2];
    d.ow = (size_t)y->dims[spatial + 1];
    d.pad_top = (size_t)cut_before(ctx->node, &a, 0, spatial, (int64_t)d.h, (int64_t)d.oh, (int64_t)d.r);
    d.pad_left = (size_t)cut_before(ctx->node, &a, 1, spatial, (int64_t)d.w, (int64_t)d.ow, (int64_t)d.s);
    HONE_FAIL_IF(!hone__deconv_plan_init(&choice->plan, &d, ctx->config->isa, ctx->config->n_threads), ctx->error,
                 HONE_ERROR_LIMIT, "ConvTranspose is too large");
    ctx->workspace_size = choice->plan.workspace_size;
    return HONE_OK;
}

typedef struct phase_job {
    const hone__deconv_args *args;
    size_t phase;
} phase_job;

static void run_task(void *arg, size_t task, int thread) {
    const phase_job *job = arg;
    hone__deconv_run_task(job->args, job->phase, task, thread);
}

static hone_status run(hone__cpu_run *ctx) {
    const deconv_choice *choice = ctx->plan_state;
    const deconv_state *state = ctx->state;
    if (choice->is_empty)
        return HONE_OK;
    const hone_tensor *bias = ctx->n_in > 2 ? ctx->in[2] : NULL;
    hone__deconv_args args = {&choice->plan,     ctx->in[0]->data, state->packed, bias ? bias->data : NULL,
                              ctx->out[0]->data, ctx->workspace};
    hone__pool *pool = hone__pool_threads(ctx->pool) > choice->plan.n_threads ? NULL : ctx->pool;
    for (size_t phase = 0; phase < choice->plan.n_phases; phase++) {
        phase_job job = {&args, phase};
        hone__pool_run(pool, hone__deconv_n_tasks(&choice->plan, phase), run_task, &job);
    }
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "ConvTranspose", 0, 0, "f32_conv_transpose", match, prepare, NULL, plan, run, hone__conv_reads_unaligned},
};
const hone__cpu_kernel_family hone__cpu_family_conv_transpose = {"conv_transpose", rows, sizeof rows / sizeof rows[0]};
