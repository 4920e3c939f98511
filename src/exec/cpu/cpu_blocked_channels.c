/* Blocked forms of BatchNormalization and of Slice along channels from the start of a block; see cpu_blocked.h. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_blocked.h"
#include "kernels/conv/conv_ops.h"

#include <math.h>

enum { GRAIN_FLOATS = 16384 };

/* ---- BatchNormalization with constant parameters: y = x * scale + shift ---- */

typedef struct affine_plan {
    const hone__conv_ops *ops;
    size_t n, blocks, pixels, parts;
    float *scale, *shift; /* [blocks * vw] */
} affine_plan;

typedef struct affine_args {
    const affine_plan *plan;
    const float *x;
    float *y;
} affine_args;

static hone_status plan_affine(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *y = ctx->out[0];
    affine_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a plan");
    p->ops = hone__conv_ops_for(ctx->config->isa);
    p->n = (size_t)y->dims[0];
    p->blocks = ((size_t)y->dims[1] + ctx->block - 1) / ctx->block;
    p->pixels = (size_t)(y->dims[2] * y->dims[3]);
    p->parts = hone__max_size(1, p->pixels * ctx->block / GRAIN_FLOATS);
    p->scale = hone__arena_calloc(ctx->arena, p->blocks * ctx->block, sizeof *p->scale);
    p->shift = hone__arena_calloc(ctx->arena, p->blocks * ctx->block, sizeof *p->shift);
    if (!p->scale || !p->shift)
        return hone__fail_memory(ctx->error, "a plan");
    const float *gamma = ctx->in[1]->data, *beta = ctx->in[2]->data, *mean = ctx->in[3]->data, *var = ctx->in[4]->data;
    const float eps = hone__node_attr_float(ctx->node, "epsilon", 1e-5f);
    for (int64_t c = 0; c < y->dims[1]; c++) {
        p->scale[c] = gamma[c] / sqrtf(var[c] + eps);
        p->shift[c] = beta[c] - mean[c] * p->scale[c];
    }
    ctx->inplace_input = 0;
    ctx->kernel = "f32_batch_norm_blocked";
    return HONE_OK;
}

static void affine_range(void *arg, size_t begin, size_t end, int thread) {
    const affine_args *a = arg;
    const affine_plan *p = a->plan;
    const size_t vw = p->ops->vw;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const size_t part = t % p->parts, plane = t / p->parts, block = plane % p->blocks;
        const size_t i = p->pixels * part / p->parts, j = p->pixels * (part + 1) / p->parts;
        const size_t at = (plane * p->pixels + i) * vw;
        p->ops->block_affine(a->x + at, p->scale + block * vw, p->shift + block * vw, j - i, a->y + at);
    }
}

static hone_status run_affine(hone__cpu_run *ctx) {
    const affine_plan *p = ctx->plan_state;
    affine_args args = {p, ctx->in[0]->data, ctx->out[0]->data};
    const size_t unit = p->pixels * p->ops->vw / p->parts;
    hone__pool_run_range(ctx->pool, p->n * p->blocks * p->parts, hone__bind_grain(unit, GRAIN_FLOATS), affine_range,
                         &args);
    return HONE_OK;
}

static const hone__cpu_blocked affine_form = {.name = "f32_batch_norm_blocked", .plan = plan_affine, .run = run_affine};

const hone__cpu_blocked *hone__cpu_blocked_batch_norm(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    if (strcmp(ctx->node->op_type, "BatchNormalization") != 0 || ctx->n_in != 5 || !ctx->in[0])
        return NULL;
    for (size_t i = 1; i < 5; i++)
        if (!ctx->in[i] || !ctx->in[i]->data || ctx->in[i]->dtype != HONE_DTYPE_FLOAT ||
            hone__tensor_count(ctx->in[i]) != ctx->out[0]->dims[1])
            return NULL;
    ctx->blocked_inputs = 1;
    return &affine_form;
}

/* ---- Slice ---- */

typedef struct slice_plan {
    size_t n, x_size, y_size, offset, piece; /* bytes of an image in x and y, where the slice begins; bytes per task */
} slice_plan;

typedef struct slice_args {
    const slice_plan *plan;
    const char *x;
    char *y;
} slice_args;

/* First channel of a Slice that takes channels only; false for any other. */
static bool slice_begin(const hone__cpu_plan *ctx, int64_t *begin) {
    const hone_tensor *x = ctx->in[0], *y = ctx->out[0];
    int64_t start = 0, axis = 0, step = 1;
    if (ctx->n_in < 4 || !x || x->rank != 4 || x->dtype != HONE_DTYPE_FLOAT || !ctx->in[1] || !ctx->in[1]->data ||
        hone__tensor_count(ctx->in[1]) != 1 || !ctx->in[3] || !ctx->in[3]->data)
        return false;
    if (!hone__tensor_get_i64(ctx->in[1], 0, &start) || !hone__tensor_get_i64(ctx->in[3], 0, &axis))
        return false;
    if (ctx->n_in > 4 && ctx->in[4] && (!ctx->in[4]->data || !hone__tensor_get_i64(ctx->in[4], 0, &step)))
        return false;
    if ((axis != 1 && axis != -3) || step != 1 || x->dims[0] != y->dims[0] || x->dims[2] != y->dims[2] ||
        x->dims[3] != y->dims[3])
        return false;
    *begin = start < 0 ? hone__max_i64(0, start + x->dims[1]) : start;
    return *begin + y->dims[1] <= x->dims[1];
}

static hone_status plan_slice(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    int64_t begin = 0;
    slice_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p || !slice_begin(ctx, &begin))
        return hone__fail_memory(ctx->error, "a plan");
    const size_t block = ctx->block, pixel = block * sizeof(float);
    const size_t plane = (size_t)(ctx->in[0]->dims[2] * ctx->in[0]->dims[3]) * pixel;
    p->n = (size_t)ctx->in[0]->dims[0];
    p->x_size = ((size_t)ctx->in[0]->dims[1] + block - 1) / block * plane;
    p->y_size = ((size_t)ctx->out[0]->dims[1] + block - 1) / block * plane;
    p->offset = (size_t)begin / block * plane;
    ctx->kernel = "slice_blocked";
    return HONE_OK;
}

static void slice_range(void *arg, size_t begin, size_t end, int thread) {
    const slice_args *a = arg;
    const slice_plan *p = a->plan;
    (void)thread;
    while (begin < end) { /* bytes of the output, image by image */
        const size_t image = begin / p->y_size, at = begin % p->y_size, n = hone__min_size(end - begin, p->y_size - at);
        memcpy(a->y + begin, a->x + image * p->x_size + p->offset + at, n);
        begin += n;
    }
}

static hone_status run_slice(hone__cpu_run *ctx) {
    const slice_plan *p = ctx->plan_state;
    slice_args args = {p, ctx->in[0]->data, ctx->out[0]->data};
    hone__pool_run_range(ctx->pool, p->n * p->y_size, GRAIN_FLOATS * sizeof(float), slice_range, &args);
    return HONE_OK;
}

static const hone__cpu_blocked slice_form = {.name = "slice_blocked", .plan = plan_slice, .run = run_slice};

const hone__cpu_blocked *hone__cpu_blocked_slice(const void *state, hone__cpu_plan *ctx) {
    int64_t begin;
    (void)state;
    if (!slice_begin(ctx, &begin) || (size_t)begin % ctx->block != 0)
        return NULL;
    ctx->blocked_inputs = 1;
    return &slice_form;
}
