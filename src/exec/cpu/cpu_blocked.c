/* Blocked forms of elementwise operators, Concat and global pooling; see cpu_blocked.h.
 *
 * Elementwise operators of equal shapes do not care how elements lie: their own plan and run see the blocked tensors as
 * they are. The others here have loops of their own over blocks. */
#include "exec/cpu/cpu_blocked.h"

#include "exec/cpu/cpu_bind.h"
#include "kernels/conv/conv_ops.h"

enum { GRAIN_FLOATS = 16384 };

static const hone__cpu_blocked as_it_lies = {.name = "blocked", .is_physical = true};

const hone__cpu_blocked *hone__cpu_blocked_same(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *y = ctx->out[0];
    ctx->blocked_inputs = 0;
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone_tensor *x = ctx->in[i];
        if (!x)
            continue;
        if (x->dtype != HONE_DTYPE_FLOAT || i >= 32)
            return NULL;
        if (hone__bind_same_shape(x, y))
            ctx->blocked_inputs |= 1u << i;
        else if (hone__tensor_count(x) != 1)
            return NULL;
    }
    return ctx->blocked_inputs ? &as_it_lies : NULL;
}

const hone__cpu_blocked *hone__cpu_blocked_concat(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    if (hone__node_attr_int(ctx->node, "axis", 0) != 1 || ctx->n_in > 32)
        return NULL;
    for (size_t i = 0; i < ctx->n_in; i++) {
        if (!ctx->in[i] || (i + 1 < ctx->n_in && (size_t)ctx->in[i]->dims[1] % ctx->block != 0))
            return NULL;
        ctx->blocked_inputs |= 1u << i;
    }
    return &as_it_lies;
}

const hone__cpu_blocked *hone__cpu_blocked_split(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    if (hone__node_attr_int(ctx->node, "axis", 0) != 1) /* -3 would be another one of the tensors of rank 5 */
        return NULL;
    for (size_t i = 0; i < ctx->n_out; i++)
        if (!ctx->out[i] || (i + 1 < ctx->n_out && (size_t)ctx->out[i]->dims[1] % ctx->block != 0))
            return NULL;
    ctx->blocked_inputs = 1;
    return &as_it_lies;
}

/* ---- a number per channel ---- */

typedef struct scale_plan {
    const hone__conv_ops *ops;
    size_t n, blocks, pixels, parts;
    size_t x_input, s_input;
    bool is_add, s_per_image;
} scale_plan;

typedef struct scale_args {
    const scale_plan *plan;
    const float *x, *s;
    float *y;
} scale_args;

static bool is_per_channel(const hone_tensor *s, const hone_tensor *y) {
    return s && s->dtype == HONE_DTYPE_FLOAT && s->rank == 4 && s->dims[2] == 1 && s->dims[3] == 1 &&
           s->dims[1] == y->dims[1] && (s->dims[0] == 1 || s->dims[0] == y->dims[0]);
}

static hone_status plan_scale(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *y = ctx->out[0];
    scale_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a plan");
    p->ops = hone__conv_ops_for(ctx->config->isa);
    p->s_input = is_per_channel(ctx->in[1], y) ? 1 : 0;
    p->x_input = 1 - p->s_input;
    p->is_add = strcmp(ctx->node->op_type, "Add") == 0;
    p->n = (size_t)y->dims[0];
    p->blocks = ((size_t)y->dims[1] + ctx->block - 1) / ctx->block;
    p->pixels = (size_t)(y->dims[2] * y->dims[3]);
    p->s_per_image = ctx->in[p->s_input]->dims[0] != 1;
    p->parts = hone__max_size(1, p->pixels * ctx->block / GRAIN_FLOATS);
    ctx->inplace_input = (int8_t)p->x_input;
    ctx->kernel = p->is_add ? "f32_add_blocked" : "f32_mul_blocked";
    return HONE_OK;
}

static void scale_range(void *arg, size_t begin, size_t end, int thread) {
    const scale_args *a = arg;
    const scale_plan *p = a->plan;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const size_t part = t % p->parts, block = t / p->parts, vw = p->ops->vw;
        const size_t i = p->pixels * part / p->parts, j = p->pixels * (part + 1) / p->parts;
        const size_t at = (block * p->pixels + i) * vw;
        p->ops->block_scale(a->x + at, a->s + (p->s_per_image ? block : block % p->blocks) * vw, j - i, p->is_add,
                            a->y + at);
    }
}

static hone_status run_scale(hone__cpu_run *ctx) {
    const scale_plan *p = ctx->plan_state;
    scale_args args = {p, ctx->in[p->x_input]->data, ctx->in[p->s_input]->data, ctx->out[0]->data};
    const size_t unit = p->pixels * p->ops->vw / p->parts;
    hone__pool_run_range(ctx->pool, p->n * p->blocks * p->parts, hone__bind_grain(unit, GRAIN_FLOATS), scale_range,
                         &args);
    return HONE_OK;
}

static const hone__cpu_blocked scale_form = {.name = "f32_scale_blocked", .plan = plan_scale, .run = run_scale};

const hone__cpu_blocked *hone__cpu_blocked_binary(const void *state, hone__cpu_plan *ctx) {
    const hone__cpu_blocked *same = hone__cpu_blocked_same(state, ctx);
    if (same)
        return same;
    const bool is_known = strcmp(ctx->node->op_type, "Add") == 0 || strcmp(ctx->node->op_type, "Mul") == 0;
    for (size_t i = 0; i < 2 && is_known && ctx->n_in == 2; i++)
        if (is_per_channel(ctx->in[i], ctx->out[0]) && ctx->in[1 - i] && ctx->in[1 - i]->dtype == HONE_DTYPE_FLOAT &&
            hone__bind_same_shape(ctx->in[1 - i], ctx->out[0])) {
            ctx->blocked_inputs = 3;
            return &scale_form;
        }
    return NULL;
}

/* ---- global average ---- */

typedef struct mean_plan {
    const hone__conv_ops *ops;
    size_t n, pixels;
} mean_plan;

typedef struct mean_args {
    const mean_plan *plan;
    const float *x;
    float *y;
} mean_args;

static hone_status plan_mean(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *x = ctx->in[0];
    mean_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a plan");
    p->ops = hone__conv_ops_for(ctx->config->isa);
    p->n = (size_t)x->dims[0] * (((size_t)x->dims[1] + ctx->block - 1) / ctx->block);
    p->pixels = (size_t)(x->dims[2] * x->dims[3]);
    ctx->kernel = "f32_global_average_blocked";
    return HONE_OK;
}

static void mean_range(void *arg, size_t begin, size_t end, int thread) {
    const mean_args *a = arg;
    const mean_plan *p = a->plan;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const size_t vw = p->ops->vw;
        const hone__conv_bpool pool = {.x = a->x + i * p->pixels * vw,
                                       .y = a->y + i * vw,
                                       .ss = (ptrdiff_t)vw,
                                       .n_r = 1,
                                       .n_s = p->pixels,
                                       .factor = 1.0f / (float)p->pixels};
        p->ops->blocked_pool(&pool);
    }
}

static hone_status run_mean(hone__cpu_run *ctx) {
    const mean_plan *p = ctx->plan_state;
    mean_args args = {p, ctx->in[0]->data, ctx->out[0]->data};
    hone__pool_run_range(ctx->pool, p->n, hone__bind_grain(p->pixels * p->ops->vw, GRAIN_FLOATS), mean_range, &args);
    return HONE_OK;
}

static const hone__cpu_blocked mean_form = {.name = "f32_global_average_blocked", .plan = plan_mean, .run = run_mean};

const hone__cpu_blocked *hone__cpu_blocked_global_average(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    if (strcmp(ctx->node->op_type, "GlobalAveragePool") != 0 || !ctx->in[0] || ctx->in[0]->rank != 4)
        return NULL;
    ctx->blocked_inputs = 1;
    return &mean_form;
}
