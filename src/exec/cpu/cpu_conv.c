/* Binds Conv and hone.FusedConv (bias, residual, activation) to kernels/conv: one and two spatial
 * dimensions, fp32 (three: cpu_conv_3d.c).
 *
 * plan() picks an algorithm per input shape (cpu_conv_select.c) and packs weights the first time their layout is
 * needed; run() allocates nothing. */
#include "exec/cpu/cpu_conv.h"

#include "base/alloc.h"
#include "exec/cpu/cpu_activation.h"
#include "exec/cpu/cpu_registry.h"

#include <math.h>
#include <stdio.h>

/* ---- attributes ---- */

static bool read_pair(const hone__node *node, const char *name, int spatial, int64_t least, int64_t out[2]) {
    size_t n;
    const int64_t *v = hone__node_attr_ints(node, name, &n);
    if (!v)
        return true;
    if (n != (size_t)spatial)
        return false;
    for (int i = 0; i < spatial; i++) {
        if (v[i] < least || v[i] > INT32_MAX)
            return false;
        out[2 - spatial + i] = v[i];
    }
    return true;
}

static bool read_pads(const hone__node *node, int spatial, hone__conv_attrs *out) {
    size_t n;
    const int64_t *v = hone__node_attr_ints(node, "pads", &n);
    if (!v)
        return true;
    if (n != 2 * (size_t)spatial)
        return false;
    for (int i = 0; i < spatial; i++) {
        if (v[i] < 0 || v[spatial + i] < 0 || v[i] > INT32_MAX || v[spatial + i] > INT32_MAX)
            return false;
        out->pad_begin[2 - spatial + i] = v[i];
        out->pad_end[2 - spatial + i] = v[spatial + i];
    }
    return true;
}

bool hone__conv_read_attrs(const hone__node *node, int spatial, hone__conv_attrs *out) {
    int64_t stride[2] = {1, 1}, dil[2] = {1, 1}, groups = hone__node_attr_int(node, "group", 1);
    *out = (hone__conv_attrs){.groups = (size_t)groups};
    if (groups < 1 || spatial < 1 || spatial > 2 || !read_pair(node, "strides", spatial, 1, stride) ||
        !read_pair(node, "dilations", spatial, 1, dil) || !read_pads(node, spatial, out))
        return false;
    for (int i = 0; i < 2; i++) {
        out->stride[i] = (size_t)stride[i];
        out->dil[i] = (size_t)dil[i];
    }
    const char *mode = hone__node_attr_string(node, "auto_pad", "NOTSET");
    if (strcmp(mode, "SAME_UPPER") == 0)
        out->auto_pad = HONE_CONV_PAD_SAME_UPPER;
    else if (strcmp(mode, "SAME_LOWER") == 0)
        out->auto_pad = HONE_CONV_PAD_SAME_LOWER;
    else if (strcmp(mode, "VALID") == 0)
        out->auto_pad = HONE_CONV_PAD_VALID;
    else
        return strcmp(mode, "NOTSET") == 0 || !*mode;
    return true;
}

bool hone__conv_shapes_ok(const hone__node *node) {
    const int xr = hone__bind_rank(node, 0), wr = hone__bind_rank(node, 1);
    return (wr == 3 || wr == 4) && (xr == wr || xr == -1);
}

/* ---- life ---- */

static bool match(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    hone__conv_attrs attrs;
    hone_act act;
    return hone__bind_all_f32(node) && node->n_inputs >= 2 && node->inputs[1] && hone__conv_shapes_ok(node) &&
           hone__conv_read_attrs(node, hone__bind_rank(node, 1) - 2, &attrs) && hone__bind_activation(node, &act);
}

hone_status hone__conv_prepare(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    hone__conv_state *s = hone__arena_calloc(ctx->arena, 1, sizeof *s);
    if (!s)
        return hone__fail_memory(ctx->error, "a convolution's state");
    s->config = ctx->config;
    const hone_tensor *w = hone__bind_constant(node, 1);
    s->weights = w ? w->data : NULL;
    s->weights_size = w ? w->size : 0;
    HONE_FAIL_IF(!hone__bind_activation(node, &s->act), ctx->error, HONE_ERROR_UNSUPPORTED,
                 "activation \"%s\" is unknown", hone__node_attr_string(node, "activation", ""));
    if (pthread_mutex_init(&s->lock, NULL) != 0)
        return hone__fail_memory(ctx->error, "a convolution's lock");
    *state = s;
    return HONE_OK;
}

bool hone__conv_reads_unaligned(const hone__node *node, size_t i) {
    (void)node;
    return i == 1;
}

void hone__conv_release(void *state) {
    hone__conv_state *s = state;
    if (!s)
        return;
    while (s->slots) {
        hone__conv_slot *slot = s->slots;
        s->slots = slot->next;
        hone__conv_slot_free(s, slot);
    }
    pthread_mutex_destroy(&s->lock);
}

/* ---- plan ---- */

int64_t hone__conv_pad_before(const hone__conv_attrs *a, int i, int64_t in, int64_t out, int64_t kernel) {
    if (a->auto_pad == HONE_CONV_PAD_EXPLICIT)
        return a->pad_begin[i];
    if (a->auto_pad == HONE_CONV_PAD_VALID)
        return 0;
    int64_t total = (out - 1) * (int64_t)a->stride[i] + (kernel - 1) * (int64_t)a->dil[i] + 1 - in;
    total = hone__max_i64(total, 0);
    return a->auto_pad == HONE_CONV_PAD_SAME_UPPER ? total / 2 : total - total / 2;
}

static hone_status describe(hone__cpu_plan *ctx, hone__conv_desc *d) {
    const hone_tensor *x = ctx->in[0], *w = ctx->in[1], *y = ctx->out[0];
    hone__conv_attrs a;
    const int spatial = w->rank - 2;
    HONE_FAIL_IF(x->rank != w->rank || y->rank != w->rank || !hone__conv_read_attrs(ctx->node, spatial, &a), ctx->error,
                 HONE_ERROR_SHAPE, "the input has rank %d, the weights have rank %d", x->rank, w->rank);
    const bool flat = spatial == 1;
    const int64_t in[2] = {flat ? 1 : x->dims[2], x->dims[spatial + 1]};
    const int64_t kernel[2] = {flat ? 1 : w->dims[2], w->dims[spatial + 1]};
    const int64_t out[2] = {flat ? 1 : y->dims[2], y->dims[spatial + 1]};
    HONE_FAIL_IF(w->dims[1] * (int64_t)a.groups != x->dims[1] || w->dims[0] % (int64_t)a.groups != 0, ctx->error,
                 HONE_ERROR_SHAPE, "%lld input channels do not fit weights of %lld channels in %zu groups",
                 (long long)x->dims[1], (long long)w->dims[1], a.groups);
    HONE_FAIL_IF(y->dims[0] != x->dims[0] || y->dims[1] != w->dims[0], ctx->error, HONE_ERROR_SHAPE,
                 "the output has %lld channels, the weights give %lld", (long long)y->dims[1], (long long)w->dims[0]);
    *d = (hone__conv_desc){.n = (size_t)x->dims[0],
                           .c = (size_t)x->dims[1],
                           .h = (size_t)in[0],
                           .w = (size_t)in[1],
                           .k = (size_t)w->dims[0],
                           .r = (size_t)kernel[0],
                           .s = (size_t)kernel[1],
                           .oh = (size_t)out[0],
                           .ow = (size_t)out[1],
                           .stride_h = a.stride[0],
                           .stride_w = a.stride[1],
                           .dil_h = a.dil[0],
                           .dil_w = a.dil[1],
                           .groups = a.groups,
                           .layout = HONE_CONV_LAYOUT_NCHW};
    if (hone__tensor_count(y) > 0) {
        d->pad_top = (size_t)hone__conv_pad_before(&a, 0, in[0], out[0], kernel[0]);
        d->pad_left = (size_t)hone__conv_pad_before(&a, 1, in[1], out[1], kernel[1]);
    }
    return HONE_OK;
}

/* First layers have too few channels for a block: they read NCHW and write blocked. */
static void set_blocked(const hone__cpu_plan *ctx, hone__conv_desc *d) {
    d->layout = HONE_CONV_LAYOUT_BLOCKED;
    d->x_layout = d->groups == 1 && d->c <= 4 && d->c < ctx->block ? HONE_CONV_LAYOUT_NCHW : HONE_CONV_LAYOUT_BLOCKED;
}

static const hone__cpu_blocked conv_form = {.name = "f32_conv"};

/* The gain is the cost model's, the best algorithm of either layout. */
static const hone__cpu_blocked *blocked(const void *state_, hone__cpu_plan *ctx) {
    const hone__conv_state *state = state_;
    hone__conv_desc plain;
    if (!state->weights || ctx->in[0]->rank != 4 || describe(ctx, &plain) != HONE_OK)
        return NULL; /* plan says what is wrong */
    plain.act = state->act;
    hone__conv_desc desc = plain;
    set_blocked(ctx, &desc);
    const double cost = hone__conv_least_cost(ctx->config, &desc);
    if (!(cost < HUGE_VAL))
        return NULL;
    ctx->blocked_inputs = desc.x_layout == HONE_CONV_LAYOUT_BLOCKED ? 1u : 0u;
    if (ctx->n_in > 3 && ctx->in[3])
        ctx->blocked_inputs |= 1u << 3;
    ctx->gain = hone__conv_least_cost(ctx->config, &plain) - cost;
    return &conv_form;
}

static const hone_tensor *optional(const hone_tensor *const *in, size_t n, size_t i) { return i < n ? in[i] : NULL; }

static hone_status name_kernel(hone__cpu_plan *ctx, const hone__conv_choice *choice) {
    char name[96];
    snprintf(name, sizeof name, "f32_conv_%s_%s", choice->plan.algo->name, hone__conv_isa_name(&choice->plan));
    ctx->kernel = hone__arena_strdup(ctx->arena, name);
    ctx->algorithm = choice->plan.algo->name;
    return ctx->kernel ? HONE_OK : hone__fail_memory(ctx->error, "a kernel's name");
}

static hone_status plan(const void *state_, hone__cpu_plan *ctx) {
    /* The state's slots are guarded by its lock; everything else in it is constant after prepare. */
    hone__conv_state *state = (hone__conv_state *)state_;
    hone__conv_desc desc;
    HONE_TRY(describe(ctx, &desc));
    desc.act = state->act;
    if (ctx->block)
        set_blocked(ctx, &desc);
    const hone_tensor *bias = optional(ctx->in, ctx->n_in, 2), *z = optional(ctx->in, ctx->n_in, 3);
    HONE_FAIL_IF(bias && hone__tensor_count(bias) != (int64_t)desc.k, ctx->error, HONE_ERROR_SHAPE,
                 "the bias has %lld elements for %zu output channels", (long long)hone__tensor_count(bias), desc.k);
    HONE_FAIL_IF(z && !hone__bind_same_shape(z, ctx->out[0]), ctx->error, HONE_ERROR_SHAPE,
                 "the residual's shape differs from the output's");
    hone__conv_choice *choice = hone__bind_state(ctx, sizeof *choice);
    if (!choice)
        return hone__fail_memory(ctx->error, "a convolution's plan");
    ctx->inplace_input = -1;
    ctx->kernel = "f32_conv";
    ctx->algorithm = "";
    choice->is_empty = hone__tensor_count(ctx->out[0]) == 0;
    if (choice->is_empty)
        return HONE_OK;
    HONE_TRY(hone__conv_select(state, ctx, &desc, choice, &ctx->detail));
    if (choice->plan.table_size) {
        void *table = hone__arena_alloc(ctx->arena, choice->plan.table_size);
        if (!table)
            return hone__fail_memory(ctx->error, "a convolution's table");
        hone__conv_fill_table(&choice->plan, table);
        choice->table = table;
    }
    ctx->workspace_size = choice->plan.workspace_size;
    if (!choice->packed) {
        choice->packed_at = ctx->workspace_size;
        if (!hone__add_size(ctx->workspace_size, choice->plan.packed_size, &ctx->workspace_size))
            return hone__fail_memory(ctx->error, "packed weights");
    }
    return name_kernel(ctx, choice);
}

/* ---- run ---- */

typedef struct phase_job {
    const hone__conv_args *args;
    size_t phase;
} phase_job;

static void run_task(void *arg, size_t task, int thread) {
    const phase_job *job = arg;
    hone__conv_run_task(job->args, job->phase, task, thread);
}

void hone__conv_execute(const hone__conv_args *args, hone__pool *pool) {
    if (hone__pool_threads(pool) > args->plan->n_threads)
        pool = NULL; /* the workspace has room for the planned threads only */
    for (size_t phase = 0; phase < args->plan->n_phases; phase++) {
        phase_job job = {args, phase};
        hone__pool_run(pool, hone__conv_n_tasks(args->plan, phase), run_task, &job);
    }
}

static hone_status run(hone__cpu_run *ctx) {
    const hone__conv_choice *choice = ctx->plan_state;
    if (choice->is_empty)
        return HONE_OK;
    const hone_tensor *bias = optional(ctx->in, ctx->n_in, 2), *z = optional(ctx->in, ctx->n_in, 3);
    const float *packed = choice->packed;
    if (!packed) {
        float *room = (float *)(void *)((char *)ctx->workspace + choice->packed_at);
        hone__conv_pack(&choice->plan, ctx->in[1]->data, room);
        packed = room;
    }
    hone__conv_args args = {
        &choice->plan,      ctx->in[0]->data,  packed,        choice->table, bias ? bias->data : NULL,
        z ? z->data : NULL, ctx->out[0]->data, ctx->workspace};
    hone__conv_execute(&args, ctx->pool);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "Conv", 0, 0, "f32_conv", match, hone__conv_prepare, hone__conv_release, plan, run, hone__conv_reads_unaligned,
     blocked},
    {"hone", "FusedConv", 0, 0, "f32_conv", match, hone__conv_prepare, hone__conv_release, plan, run,
     hone__conv_reads_unaligned, blocked},
};
const hone__cpu_kernel_family hone__cpu_family_conv = {"conv", rows, sizeof rows / sizeof rows[0]};
