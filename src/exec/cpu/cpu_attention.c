/* Binds hone.FusedAttention to kernels/attention: Q [B,H,S,D], K [B,G,T,D], V [B,G,T,Dv] with H a multiple
 * of G, an optional additive mask that broadcasts to [B,H,S,T], attribute `scale` (1/sqrt(D) when it is
 * absent). Float32 only. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/attention/attention.h"

#include <math.h>

static bool match_attention(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    if (!hone__bind_all_f32(node) || node->n_inputs < 3 || node->n_inputs > 4)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (hone__bind_rank(node, i) != 4)
            return false;
    return hone__bind_rank(node, 3) <= 4;
}

/* A contiguous [batch, heads, rows, cols]. */
static hone__attention_operand contiguous(const hone_tensor *t) {
    const size_t row = (size_t)t->dims[3], head = row * (size_t)t->dims[2];
    return (hone__attention_operand){.batch = head * (size_t)t->dims[1], .head = head, .row = row};
}

/* Strides of a mask over [batch, heads, queries, keys]; false when it does not broadcast to them. */
static bool mask_strides(const hone_tensor *mask, const int64_t *dims, size_t *strides) {
    size_t step = 1;
    for (int d = 3; d >= 0; d--) {
        const int at = d - (4 - mask->rank);
        const int64_t n = at >= 0 ? mask->dims[at] : 1;
        if (n != 1 && n != dims[d])
            return false;
        strides[d] = n == 1 ? 0 : step;
        step *= (size_t)n;
    }
    return true;
}

static hone_status plan_attention(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const hone_tensor *q = ctx->in[0], *k = ctx->in[1], *v = ctx->in[2], *mask = ctx->n_in > 3 ? ctx->in[3] : NULL;
    const int64_t heads = q->dims[1], kv_heads = k->dims[1];
    HONE_FAIL_IF(k->dims[0] != q->dims[0] || v->dims[0] != q->dims[0] || v->dims[1] != kv_heads ||
                     (heads != kv_heads && (kv_heads == 0 || heads % kv_heads != 0)) || k->dims[3] != q->dims[3] ||
                     v->dims[2] != k->dims[2],
                 ctx->error, HONE_ERROR_SHAPE,
                 "query [%lld,%lld,%lld,%lld], key [%lld,%lld,%lld,%lld] and value [%lld,%lld,%lld,%lld] do not fit",
                 (long long)q->dims[0], (long long)q->dims[1], (long long)q->dims[2], (long long)q->dims[3],
                 (long long)k->dims[0], (long long)k->dims[1], (long long)k->dims[2], (long long)k->dims[3],
                 (long long)v->dims[0], (long long)v->dims[1], (long long)v->dims[2], (long long)v->dims[3]);
    const int64_t dims[4] = {q->dims[0], heads, q->dims[2], k->dims[2]};
    size_t strides[4] = {0};
    HONE_FAIL_IF(mask && !mask_strides(mask, dims, strides), ctx->error, HONE_ERROR_SHAPE,
                 "the mask does not broadcast to [%lld,%lld,%lld,%lld]", (long long)dims[0], (long long)dims[1],
                 (long long)dims[2], (long long)dims[3]);
    hone__attention_plan *plan = hone__bind_state(ctx, sizeof *plan);
    if (!plan)
        return hone__fail_memory(ctx->error, "the plan of an attention");
    const hone__attention_problem problem = {.batch = (size_t)q->dims[0],
                                             .heads = (size_t)heads,
                                             .kv_heads = (size_t)kv_heads,
                                             .s = (size_t)q->dims[2],
                                             .t = (size_t)k->dims[2],
                                             .d = (size_t)q->dims[3],
                                             .dv = (size_t)v->dims[3],
                                             .q = contiguous(q),
                                             .k = contiguous(k),
                                             .v = contiguous(v),
                                             .o = contiguous(ctx->out[0]),
                                             .has_mask = mask != NULL,
                                             .mask_batch = strides[0],
                                             .mask_head = strides[1],
                                             .mask_q = strides[2],
                                             .mask_t = strides[3]};
    const hone__gemm_config config = {.isa = ctx->config->isa,
                                      .n_threads = ctx->config->n_threads,
                                      .l1d_bytes = ctx->config->l1d_bytes,
                                      .l2_bytes = ctx->config->l2_bytes,
                                      .l3_bytes = ctx->config->l3_bytes};
    if (!hone__attention_make_plan(&problem, &config, plan))
        return hone__fail(ctx->error, HONE_ERROR_LIMIT, "an attention over %lld keys overflows", (long long)dims[3]);
    ctx->workspace_size = plan->workspace_size;
    ctx->kernel = plan->name;
    return HONE_OK;
}

typedef struct attention_job {
    const hone__attention_plan *plan;
    hone__attention_args args;
    void *workspace;
} attention_job;

static void attention_task(void *arg, size_t task, int thread) {
    const attention_job *job = arg;
    hone__attention_run_task(job->plan, &job->args, task, thread, job->workspace);
}

/* The scale is read from the node in `prepare`, since `run` does not see it. */
static hone_status prepare_attention(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    float *scale = hone__arena_calloc(ctx->arena, 1, sizeof *scale);
    if (!scale)
        return hone__fail_memory(ctx->error, "the state of an attention");
    *scale = hone__node_attr_float(node, "scale", NAN); /* NaN: by the size of a head */
    *state = scale;
    return HONE_OK;
}

static hone_status run_attention(hone__cpu_run *ctx) {
    const hone__attention_plan *plan = ctx->plan_state;
    const float scale = *(const float *)ctx->state;
    attention_job job = {.plan = plan,
                         .args = {.q = ctx->in[0]->data,
                                  .k = ctx->in[1]->data,
                                  .v = ctx->in[2]->data,
                                  .mask = ctx->n_in > 3 && ctx->in[3] ? ctx->in[3]->data : NULL,
                                  .o = ctx->out[0]->data,
                                  .scale = isnan(scale) ? 1.0f / sqrtf((float)plan->problem.d) : scale},
                         .workspace = ctx->workspace};
    hone__pool_run(ctx->pool, plan->n_tasks, attention_task, &job);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"hone", "FusedAttention", 1, HONE_ANY_VERSION, "f32_attention", match_attention, prepare_attention, NULL,
     plan_attention, run_attention},
};

const hone__cpu_kernel_family hone__cpu_family_attention = {"attention", rows, sizeof rows / sizeof rows[0]};
