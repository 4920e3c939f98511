/* Binds hone.ChannelGather, float32: whole planes are copied in NCHW; on blocked tensors the lanes of a vector are
 * gathered from the vectors of several blocks (kernels/move). */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/move/move.h"

enum { GRAIN_FLOATS = 8192, MAX_INPUTS = 32 };

typedef struct gather_plan {
    const int64_t *source, *channel;
    size_t n, c, plane; /* images, channels of y, floats of a channel or of a block of them */
    size_t n_c[MAX_INPUTS];
    /* Blocked: picks[first[b] .. first[b + 1]) make block b of y. */
    const hone_move_row *kernels;
    size_t blocks, parts, pixels;
    size_t *first;
    hone_move_pick *picks;
    uint32_t *from, *from_block; /* of each pick: input, its block */
} gather_plan;

typedef struct gather_args {
    const gather_plan *plan;
    const hone_tensor *const *in;
    float *y;
} gather_args;

static bool match(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return node->n_inputs <= MAX_INPUTS && hone__bind_all_f32(node);
}

static gather_plan *new_plan(hone__cpu_plan *ctx) {
    gather_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return NULL;
    const hone_tensor *y = ctx->out[0];
    p->source = hone__node_attr_ints(ctx->node, "source", &p->c);
    p->channel = hone__node_attr_ints(ctx->node, "channel", &p->c);
    p->n = (size_t)y->dims[0];
    p->plane = (size_t)hone__bind_product(y->dims, 2, y->rank);
    for (size_t i = 0; i < ctx->n_in; i++)
        p->n_c[i] = (size_t)ctx->in[i]->dims[1];
    ctx->inplace_input = -1;
    return p;
}

/* ---- plain ---- */

static hone_status plan_plain(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    ctx->kernel = "f32_channel_gather";
    return new_plan(ctx) ? HONE_OK : hone__fail_memory(ctx->error, "a ChannelGather plan");
}

static void plain_range(void *arg, size_t begin, size_t end, int thread) {
    const gather_args *a = arg;
    const gather_plan *p = a->plan;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const size_t s = (size_t)p->source[t % p->c];
        const float *x = a->in[s]->data;
        memcpy(a->y + t * p->plane, x + (t / p->c * p->n_c[s] + (size_t)p->channel[t % p->c]) * p->plane,
               p->plane * sizeof *x);
    }
}

static hone_status run_plain(hone__cpu_run *ctx) {
    const gather_plan *p = ctx->plan_state;
    gather_args args = {p, ctx->in, ctx->out[0]->data};
    if (p->plane)
        hone__pool_run_range(ctx->pool, p->n * p->c, hone__bind_grain(p->plane, GRAIN_FLOATS), plain_range, &args);
    return HONE_OK;
}

/* ---- blocked ---- */

/* The pick of block b that reads this block of this input; made when it is not there yet. */
static hone_move_pick *pick_for(gather_plan *p, size_t b, uint32_t input, uint32_t block) {
    size_t i = p->first[b];
    while (i < p->first[b + 1] && (p->from[i] != input || p->from_block[i] != block))
        i++;
    if (i == p->first[b + 1]) {
        p->first[b + 1]++;
        p->from[i] = input;
        p->from_block[i] = block;
    }
    return &p->picks[i];
}

static hone_status plan_blocked(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    gather_plan *p = new_plan(ctx);
    if (!p)
        return hone__fail_memory(ctx->error, "a ChannelGather plan");
    const size_t block = ctx->block;
    p->kernels = hone_move_select(ctx->config->isa);
    p->pixels = p->plane;
    p->plane *= block;
    p->blocks = (p->c + block - 1) / block;
    p->parts = hone__max_size(1, p->plane / GRAIN_FLOATS);
    p->first = hone__arena_calloc(ctx->arena, p->blocks + 1, sizeof *p->first);
    p->picks = hone__arena_calloc(ctx->arena, p->c, sizeof *p->picks);
    p->from = hone__arena_calloc(ctx->arena, p->c, sizeof *p->from);
    p->from_block = hone__arena_calloc(ctx->arena, p->c, sizeof *p->from_block);
    if (!p->first || !p->picks || !p->from || !p->from_block)
        return hone__fail_memory(ctx->error, "a ChannelGather plan");
    for (size_t b = 0; b < p->blocks; b++) {
        p->first[b + 1] = p->first[b];
        for (size_t i = 0; i < block && b * block + i < p->c; i++) {
            const size_t j = b * block + i, channel = (size_t)p->channel[j];
            hone_move_pick *pick = pick_for(p, b, (uint32_t)p->source[j], (uint32_t)(channel / block));
            pick->index[i] = (int32_t)(channel % block);
            pick->keep[i] = -1;
            pick->mask |= 1u << i;
        }
    }
    ctx->kernel = "f32_channel_gather_blocked";
    return HONE_OK;
}

static void blocked_range(void *arg, size_t begin, size_t end, int thread) {
    const gather_args *a = arg;
    const gather_plan *p = a->plan;
    const size_t lanes = p->kernels->n_lanes;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const size_t part = t % p->parts, b = t / p->parts % p->blocks, image = t / p->parts / p->blocks;
        const size_t i = p->pixels * part / p->parts, j = p->pixels * (part + 1) / p->parts;
        const size_t first = p->first[b], n = p->first[b + 1] - first;
        const float *x[HONE_MOVE_MAX_LANES];
        for (size_t k = 0; k < n; k++) {
            const uint32_t s = p->from[first + k];
            const size_t blocks = (p->n_c[s] + lanes - 1) / lanes;
            x[k] = (const float *)a->in[s]->data + (image * blocks + p->from_block[first + k]) * p->plane + i * lanes;
        }
        p->kernels->lanes(x, p->picks + first, n, j - i, a->y + (image * p->blocks + b) * p->plane + i * lanes);
    }
}

static hone_status run_blocked(hone__cpu_run *ctx) {
    const gather_plan *p = ctx->plan_state;
    gather_args args = {p, ctx->in, ctx->out[0]->data};
    const size_t unit = p->plane / p->parts;
    hone__pool_run_range(ctx->pool, p->n * p->blocks * p->parts, hone__bind_grain(unit, GRAIN_FLOATS), blocked_range,
                         &args);
    return HONE_OK;
}

static const hone__cpu_blocked blocked_form = {
    .name = "f32_channel_gather_blocked", .plan = plan_blocked, .run = run_blocked};

static const hone__cpu_blocked *blocked(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    if (ctx->out[0]->rank != 4 || hone_move_select(ctx->config->isa)->n_lanes != ctx->block)
        return NULL;
    for (size_t i = 0; i < ctx->n_in; i++)
        ctx->blocked_inputs |= 1u << i;
    return &blocked_form;
}

static const hone__cpu_kernel rows[] = {
    {"hone", "ChannelGather", 1, HONE_ANY_VERSION, "f32_channel_gather", match, NULL, NULL, plan_plain, run_plain, NULL,
     blocked},
};

const hone__cpu_kernel_family hone__cpu_family_channel_gather = {"channel_gather", rows, sizeof rows / sizeof rows[0]};
