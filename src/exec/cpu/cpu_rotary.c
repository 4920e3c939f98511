/* Binds hone.FusedRotary to kernels/eltwise/rotary.h: one pass over the rows of the last dim, float32. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_broadcast.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/eltwise/rotary.h"

enum { GRAIN_ELEMENTS = 8192 }; /* per task */

typedef struct rotary_plan {
    hone__broadcast rows;    /* over x, cos and sin, in rows */
    size_t n_rows, d, turns; /* d: elements of a row; turns: leading ones that are turned */
    hone_rotary_fn turn;
} rotary_plan;

static bool match_rotary(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_all_f32(node) && node->n_inputs == 3 && node->inputs[1] && node->inputs[2];
}

static hone_status plan_rotary(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    rotary_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a rotary embedding's plan");
    hone_tensor outer[4]; /* the shapes without the last dim; [0] is the output's */
    const hone_tensor *const all[4] = {ctx->out[0], ctx->in[0], ctx->in[1], ctx->in[2]};
    for (int i = 0; i < 4; i++) {
        HONE_FAIL_IF(all[i]->rank < 1, ctx->error, HONE_ERROR_SHAPE, "a rotary embedding needs a dimension to turn");
        outer[i] = *all[i];
        outer[i].rank--;
    }
    p->d = (size_t)all[0]->dims[outer[0].rank];
    p->turns = (size_t)all[2]->dims[outer[2].rank];
    p->n_rows = (size_t)hone__bind_product(outer[0].dims, 0, outer[0].rank);
    const hone_tensor *const in[3] = {&outer[1], &outer[2], &outer[3]};
    HONE_FAIL_IF((size_t)all[1]->dims[outer[1].rank] != p->d || p->turns > p->d || p->turns % 2 != 0 ||
                     (size_t)all[3]->dims[outer[3].rank] != p->turns ||
                     !hone__broadcast_make(&p->rows, &outer[0], in, 3),
                 ctx->error, HONE_ERROR_SHAPE, "cosines or sines do not fit the input");
    const hone_rotary_row *row = hone_rotary_select(ctx->config->isa);
    const bool is_interleaved = hone__node_attr_int(ctx->node, "interleaved", 0) != 0;
    p->turn = is_interleaved ? row->pairs : row->halves;
    ctx->kernel = is_interleaved ? "f32_rotary_pairs" : "f32_rotary_halves";
    ctx->inplace_input = hone__bind_can_reuse(ctx, 0) ? 0 : -1; /* row i of x is read for row i of y alone */
    return HONE_OK;
}

typedef struct rotary_args {
    const rotary_plan *plan;
    const float *x, *cos, *sin;
    float *y;
} rotary_args;

static void rotary_range(void *arg, size_t begin, size_t end, int thread) {
    const rotary_args *a = arg;
    const rotary_plan *p = a->plan;
    hone__broadcast_pos pos;
    (void)thread;
    hone__broadcast_seek(&p->rows, (int64_t)begin, &pos);
    for (size_t i = begin; i < end; i++) {
        size_t at[3];
        for (int k = 0; k < 3; k++)
            at[k] = (size_t)(pos.offset[k] + pos.column * p->rows.step[k]);
        const float *x = a->x + at[0] * p->d;
        float *y = a->y + i * p->d;
        p->turn(x, a->cos + at[1] * p->turns, a->sin + at[2] * p->turns, y, p->turns);
        if (p->d > p->turns && x != y)
            memcpy(y + p->turns, x + p->turns, (p->d - p->turns) * sizeof *y);
        if (++pos.column == p->rows.inner)
            hone__broadcast_next(&p->rows, &pos);
    }
}

static hone_status run_rotary(hone__cpu_run *ctx) {
    const rotary_plan *p = ctx->plan_state;
    rotary_args args = {p, ctx->in[0]->data, ctx->in[1]->data, ctx->in[2]->data, ctx->out[0]->data};
    if (p->n_rows > 0 && p->d > 0)
        hone__pool_run_range(ctx->pool, p->n_rows, hone__bind_grain(p->d, GRAIN_ELEMENTS), rotary_range, &args);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"hone", "FusedRotary", 1, HONE_ANY_VERSION, "f32_rotary", match_rotary, NULL, NULL, plan_rotary, run_rotary, NULL,
     NULL},
};

const hone__cpu_kernel_family hone__cpu_family_rotary = {"rotary", rows, sizeof rows / sizeof rows[0]};
