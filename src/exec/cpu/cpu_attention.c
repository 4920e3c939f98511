/* Binds hone.FusedAttention to kernels/attention. Layouts of operands become strides, a bool mask becomes numbers in
 * the workspace. Float32 only; ops/op_fused_attention.h says what the operator's attributes mean. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/attention/attention.h"
#include "ops/op_fused_attention.h"

enum { GRAIN = 1 << 14 }; /* elements of a bool mask per task */

typedef struct attention_plan {
    hone__attention_plan kernel;
    size_t offset[3];             /* of Q, K, V, in elements */
    size_t mask_at, condition_at; /* of the converted mask and condition in the workspace, in bytes */
    float scale, mask_value;
    bool is_bool;
} attention_plan;

static bool match_attention(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    if (node->n_inputs < 3 || node->n_inputs > 5)
        return false;
    for (size_t i = 0; i < 3; i++)
        if (!hone__bind_has_dtype(node, i, HONE_DTYPE_FLOAT) || hone__bind_rank(node, i) < 3)
            return false;
    return !hone__bind_input(node, 3) || hone__bind_has_dtype(node, 3, HONE_DTYPE_FLOAT) ||
           (hone__bind_has_dtype(node, 3, HONE_DTYPE_BOOL) && !hone__bind_input(node, 4));
}

static hone__attention_operand strides_of(const hone__fused_operand *o) {
    return (hone__attention_operand){
        .batch = (size_t)o->stride[0], .head = (size_t)o->stride[1], .row = (size_t)o->stride[2]};
}

static hone_status read_node(hone__cpu_plan *ctx, hone__fused_attention *f) {
    hone__dim dims[5][HONE_MAX_RANK];
    hone__type types[5];
    const hone__type *in[5] = {0};
    for (size_t i = 0; i < 5 && i < ctx->n_in; i++)
        if (ctx->in[i]) {
            types[i] = hone__type_of_dims(ctx->in[i]->dtype, ctx->in[i]->rank, ctx->in[i]->dims, dims[i]);
            in[i] = &types[i];
        }
    const char *reason = hone__fused_attention_read(ctx->node, in, f);
    HONE_FAIL_IF(reason, ctx->error, HONE_ERROR_SHAPE, "%s", reason);
    return HONE_OK;
}

static hone_status plan_attention(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    hone__fused_attention f;
    HONE_TRY(read_node(ctx, &f));
    const hone_tensor *mask = ctx->n_in > 3 ? ctx->in[3] : NULL, *condition = ctx->n_in > 4 ? ctx->in[4] : NULL;
    attention_plan *plan = hone__bind_state(ctx, sizeof *plan);
    if (!plan)
        return hone__fail_memory(ctx->error, "the plan of an attention");
    const hone__attention_problem problem = {.batch = (size_t)f.q.batch.value,
                                             .heads = (size_t)f.q.heads,
                                             .kv_heads = (size_t)f.k.heads,
                                             .s = (size_t)f.q.rows.value,
                                             .t = (size_t)f.k.rows.value,
                                             .d = (size_t)f.q.size,
                                             .dv = (size_t)f.v.size,
                                             .q = strides_of(&f.q),
                                             .k = strides_of(&f.k),
                                             .v = strides_of(&f.v),
                                             .o = strides_of(&f.y),
                                             .has_mask = mask != NULL,
                                             .mask_batch = (size_t)f.mask_stride[0],
                                             .mask_head = (size_t)f.mask_stride[1],
                                             .mask_q = (size_t)f.mask_stride[2],
                                             .mask_t = (size_t)f.mask_stride[3],
                                             .mask_batches = (size_t)f.mask_batches,
                                             .has_condition = condition != NULL,
                                             .condition_batch = (size_t)f.condition_stride[0],
                                             .condition_head = (size_t)f.condition_stride[1],
                                             .condition_q = (size_t)f.condition_stride[2],
                                             .condition_t = (size_t)f.condition_stride[3],
                                             .fill = f.mask_value,
                                             .causal = f.causal,
                                             .zero_masked = f.zero_masked};
    const hone__gemm_config config = {.isa = ctx->config->isa,
                                      .n_threads = ctx->config->n_threads,
                                      .l1d_bytes = ctx->config->l1d_bytes,
                                      .l2_bytes = ctx->config->l2_bytes,
                                      .l3_bytes = ctx->config->l3_bytes};
    plan->scale = f.scale;
    plan->mask_value = f.mask_value;
    plan->offset[0] = (size_t)f.q.offset;
    plan->offset[1] = (size_t)f.k.offset;
    plan->offset[2] = (size_t)f.v.offset;
    plan->is_bool = mask && mask->dtype == HONE_DTYPE_BOOL;
    size_t mask_bytes = 0;
    bool fits = hone__attention_make_plan(&problem, &config, &plan->kernel);
    plan->mask_at = hone__round_up(plan->kernel.workspace_size, 64);
    if (plan->is_bool)
        fits = fits && hone__mul_size((size_t)hone__tensor_count(mask), sizeof(float), &mask_bytes);
    fits = fits && hone__add_size(plan->mask_at, mask_bytes, &plan->condition_at);
    mask_bytes = 0;
    if (condition)
        fits = fits && hone__mul_size((size_t)hone__tensor_count(condition), sizeof(float), &mask_bytes);
    if (!fits || !hone__add_size(plan->condition_at, mask_bytes, &ctx->workspace_size))
        return hone__fail(ctx->error, HONE_ERROR_LIMIT, "an attention over %lld keys overflows",
                          (long long)f.k.rows.value);
    ctx->kernel = plan->kernel.name;
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

typedef struct mask_job {
    const uint8_t *mask;
    float *out;
    float yes, no;
} mask_job;

static void convert_mask(void *arg, size_t begin, size_t end, int thread) {
    const mask_job *job = arg;
    (void)thread;
    for (size_t i = begin; i < end; i++)
        job->out[i] = job->mask[i] ? job->yes : job->no;
}

static hone_status run_attention(hone__cpu_run *ctx) {
    const attention_plan *plan = ctx->plan_state;
    const hone_tensor *mask = ctx->n_in > 3 ? ctx->in[3] : NULL;
    attention_job job = {.plan = &plan->kernel,
                         .args = {.q = (const float *)ctx->in[0]->data + plan->offset[0],
                                  .k = (const float *)ctx->in[1]->data + plan->offset[1],
                                  .v = (const float *)ctx->in[2]->data + plan->offset[2],
                                  .mask = mask ? mask->data : NULL,
                                  .o = ctx->out[0]->data,
                                  .scale = plan->scale},
                         .workspace = ctx->workspace};
    if (plan->is_bool) {
        mask_job convert = {mask->data, (float *)(void *)((char *)ctx->workspace + plan->mask_at), 0.0f,
                            plan->mask_value};
        hone__pool_run_range(ctx->pool, (size_t)hone__tensor_count(mask), GRAIN, convert_mask, &convert);
        job.args.mask = convert.out;
    }
    if (plan->kernel.problem.has_condition) {
        mask_job convert = {ctx->in[4]->data, (float *)(void *)((char *)ctx->workspace + plan->condition_at), 1.0f,
                            0.0f};
        hone__pool_run_range(ctx->pool, (size_t)hone__tensor_count(ctx->in[4]), GRAIN, convert_mask, &convert);
        job.args.condition = convert.out;
    }
    hone__pool_run(ctx->pool, plan->kernel.n_tasks, attention_task, &job);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"hone", "FusedAttention", 1, HONE_ANY_VERSION, "f32_attention", match_attention, NULL, NULL, plan_attention,
     run_attention},
};

const hone__cpu_kernel_family hone__cpu_family_attention = {"attention", rows, sizeof rows / sizeof rows[0]};
