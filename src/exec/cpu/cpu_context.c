/* Contexts: binding a plan, running it step by step or with independent branches at once; see
 * cpu_context.h. */
#include "exec/cpu/cpu_context.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/cpu/cpu_branches.h"

#include <string.h>

hone_status hone__cpu_context_create(hone__exec_model *model, hone__exec_context **out, hone_error *error) {
    *out = NULL;
    hone__exec_context *ctx = hone__calloc(1, sizeof *ctx);
    if (!ctx)
        return hone__fail_memory(error, "a request");
    ctx->model = model;
    ctx->n_workers = model->inter ? hone__pool_threads(model->inter) : 1;
    ctx->scratch = hone__calloc((size_t)ctx->n_workers, sizeof *ctx->scratch);
    if (!ctx->scratch) {
        hone__free(ctx);
        return hone__fail_memory(error, "a request");
    }
    for (int i = 0; i < ctx->n_workers; i++)
        ctx->scratch[i].budget = &model->budget;
    hone__act_memory_init(&ctx->memory, &model->budget, model->config.use_arena, model->config.grow_pow2);
    hone__arena_init(&ctx->arena);
    pthread_mutex_init(&ctx->lock, NULL);
    pthread_cond_init(&ctx->wake, NULL);
    *out = ctx;
    return HONE_OK;
}

void hone__cpu_context_destroy(hone__exec_context *ctx) {
    if (!ctx)
        return;
    hone__cpu_free_all(ctx);
    hone__act_memory_deinit(&ctx->memory);
    for (int i = 0; i < ctx->n_workers; i++)
        hone__scratch_deinit(&ctx->scratch[i]);
    hone__free(ctx->scratch);
    hone__arena_deinit(&ctx->arena);
    pthread_mutex_destroy(&ctx->lock);
    pthread_cond_destroy(&ctx->wake);
    hone__free(ctx);
}

static size_t count_args(const hone__exec_plan *plan) {
    size_t n = 0;
    for (size_t i = 0; i < plan->n_steps; i++)
        n += plan->steps[i].n_in + plan->steps[i].n_out;
    return n;
}

static bool alloc_arrays(hone__exec_context *ctx, const hone__exec_plan *plan) {
    size_t n_values = plan->n_ids, n_steps = plan->n_steps;
    hone__arena *arena = &ctx->arena;
    ctx->tensors = hone__arena_calloc(arena, n_values, sizeof *ctx->tensors);
    ctx->actual = hone__arena_calloc(arena, n_values, sizeof *ctx->actual);
    ctx->heap = hone__arena_calloc(arena, n_values, sizeof *ctx->heap);
    ctx->placed = hone__arena_calloc(arena, plan->n_buffers, sizeof *ctx->placed);
    ctx->args = hone__arena_calloc(arena, count_args(plan), sizeof *ctx->args);
    ctx->arg_begin = hone__arena_calloc(arena, n_steps, sizeof *ctx->arg_begin);
    ctx->pending = hone__arena_calloc(arena, n_steps, sizeof *ctx->pending);
    ctx->ready = hone__arena_calloc(arena, n_steps, sizeof *ctx->ready);
    ctx->is_in_region = hone__arena_calloc(arena, n_steps, sizeof *ctx->is_in_region);
    ctx->step_ms = hone__arena_calloc(arena, n_steps, sizeof *ctx->step_ms);
    return ctx->tensors && ctx->actual && ctx->heap && ctx->placed && ctx->args && ctx->arg_begin && ctx->pending &&
           ctx->ready && ctx->is_in_region && ctx->step_ms;
}

/* Pointers of every value: constants now, planned ones into the block; inputs and outputs at each run. */
static void fill_tensors(hone__exec_context *ctx) {
    const hone__exec_plan *plan = ctx->plan;
    for (uint32_t i = 0; i < plan->n_ids; i++) {
        const hone__shape_value *value = &plan->shapes.values[i < plan->n_values ? i : i - plan->n_values];
        if (i >= plan->n_values && plan->value_buffer[i] == HONE_NO_BUFFER)
            continue; /* its other layout is not asked for */
        ctx->tensors[i] = hone__cpu_plan_desc(plan, i);
        if (value->known != HONE_KNOWN_NOTHING && value->desc.dtype != HONE_DTYPE_STRING)
            ctx->actual[i] = &ctx->tensors[i];
        else if (value->known == HONE_KNOWN_DATA)
            ctx->actual[i] = &ctx->tensors[i];
    }
    for (uint32_t i = 0; i < plan->n_buffers; i++) {
        const hone__cpu_buffer *buffer = &plan->buffers[i];
        if (buffer->place == HONE_PLACE_CONST)
            hone__cpu_set_data(ctx, i, buffer->data);
        else if (buffer->place == HONE_PLACE_BLOCK && hone__cpu_is_planned(ctx->model))
            hone__cpu_set_data(ctx, i, ctx->memory.block + plan->records[buffer->index].offset);
    }
    size_t at = 0;
    for (size_t i = 0; i < plan->n_steps; i++) {
        const hone__cpu_step *step = &plan->steps[i];
        ctx->arg_begin[i] = at;
        for (size_t k = 0; k < step->n_in + step->n_out; k++)
            ctx->args[at++] = step->ids[k] == HONE_NO_BUFFER ? NULL : &ctx->tensors[step->ids[k]];
    }
}

hone_status hone__cpu_context_bind(hone__exec_context *ctx, const hone__exec_plan *plan, hone_error *error) {
    if (ctx->plan == plan)
        return HONE_OK;
    hone__cpu_free_all(ctx);
    ctx->plan = NULL;
    hone__arena_deinit(&ctx->arena);
    if (hone__cpu_is_planned(ctx->model))
        HONE_TRY(hone__act_memory_reserve(&ctx->memory, plan->memory.total, error));
    if (!alloc_arrays(ctx, plan))
        return hone__fail_memory(error, "a request");
    ctx->plan = plan;
    fill_tensors(ctx);
    return HONE_OK;
}

/* ---- running ---- */

hone_status hone__cpu_run_timed(hone__exec_context *ctx, uint32_t step, int worker, hone__pool *pool,
                                hone_error *error) {
    if (!ctx->node_ms)
        return hone__cpu_run_step(ctx, step, worker, pool, error);
    uint64_t start = hone__now_ns();
    hone_status status = hone__cpu_run_step(ctx, step, worker, pool, error);
    ctx->step_ms[step] = hone__ms_since(start);
    return status;
}

static hone_status run_sequential(hone__exec_context *ctx, hone_error *error) {
    bool gives_back = !hone__cpu_is_planned(ctx->model) || ctx->plan->has_dynamic;
    gives_back &= ctx->model->config.use_mem_reuse;
    hone__pool *pool = ctx->is_single ? NULL : ctx->model->intra;
    for (uint32_t i = 0; i < ctx->plan->n_steps; i++) {
        HONE_TRY(hone__cpu_run_timed(ctx, i, 0, pool, error));
        if (gives_back)
            hone__cpu_free_after(ctx, i);
    }
    return HONE_OK;
}

/* A node's time is that of its steps: reorderings count as its own. */
static void sum_times(const hone__exec_context *ctx) {
    memset(ctx->node_ms, 0, ctx->model->n_nodes * sizeof *ctx->node_ms);
    for (size_t i = 0; i < ctx->plan->n_steps; i++)
        ctx->node_ms[ctx->plan->steps[i].node] += ctx->step_ms[i];
}

static void set_arguments(hone__exec_context *ctx, const hone_tensor *const *inputs, hone_tensor *const *outputs) {
    const hone__exec_plan *plan = ctx->plan;
    for (uint32_t i = 0; i < plan->n_buffers; i++) {
        const hone__cpu_buffer *buffer = &plan->buffers[i];
        if (buffer->place == HONE_PLACE_INPUT)
            hone__cpu_set_data(ctx, i, inputs[buffer->index]->data);
        else if (buffer->place == HONE_PLACE_OUTPUT)
            hone__cpu_set_data(ctx, i, outputs[buffer->index]->data);
    }
    for (size_t i = 0; i < ctx->model->graph->n_inputs; i++)
        ctx->actual[ctx->model->graph->inputs[i]->id] = inputs[i];
}

/* Outputs that no step wrote in place: inputs, constants, views, values without a planned shape. */
static hone_status deliver(hone__exec_context *ctx, size_t i, hone_tensor *output, hone_tensor **produced,
                           hone_error *error) {
    const hone__value *value = ctx->model->graph->outputs[i];
    const hone_tensor *from = ctx->actual[ctx->plan->output_ids[i]];
    HONE_FAIL_IF(!from, error, HONE_ERROR_INTERNAL, "output \"%s\" was not computed", value->name);
    if (!output)
        return hone_tensor_clone(from, produced, error);
    HONE_FAIL_IF(from->kind != HONE_KIND_TENSOR || from->dtype != output->dtype || from->size != output->size ||
                     from->dtype == HONE_DTYPE_STRING,
                 error, HONE_ERROR_SHAPE, "output \"%s\" does not fit the tensor that was bound to it", value->name);
    if (from->size)
        memcpy(output->data, from->data, from->size);
    return HONE_OK;
}

hone_status hone__cpu_context_run(hone__exec_context *ctx, const hone_tensor *const *inputs,
                                  hone_tensor *const *outputs, hone_tensor **produced, double *node_ms,
                                  hone_error *error) {
    ctx->node_ms = node_ms;
    set_arguments(ctx, inputs, outputs);
    hone__pool_enter(ctx->model->intra);
    hone_status status = ctx->plan->n_phases ? hone__cpu_branches_run(ctx, error) : run_sequential(ctx, error);
    hone__pool_leave(ctx->model->intra);
    if (node_ms && status == HONE_OK)
        sum_times(ctx);
    for (size_t i = 0; i < ctx->model->graph->n_outputs && status == HONE_OK; i++)
        if (!ctx->plan->output_in_place[i])
            status = deliver(ctx, i, outputs[i], &produced[i], error);
    if (!hone__cpu_is_planned(ctx->model) || ctx->plan->has_dynamic)
        hone__cpu_free_all(ctx);
    return status;
}
