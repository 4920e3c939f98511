/* Running one step of a plan: a kernel, or the operator's reference evaluator; with shapes known, or
 * found as it runs. */
#include "exec/cpu/cpu_body.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <string.h>

/* ---- reference evaluation on planned memory ---- */

typedef hone__cpu_body eval_user;

static bool same_shape(const hone_tensor *a, hone_dtype dtype, int rank, const int64_t *dims) {
    return a->dtype == dtype && a->rank == rank &&
           (rank == 0 || memcmp(a->dims, dims, (size_t)rank * sizeof *dims) == 0); /* dims of a scalar may be NULL */
}

static hone_status planned_mismatch(hone__eval *eval, const hone__value *value, const hone_tensor *planned,
                                    hone_dtype dtype, int rank, const int64_t *dims) {
    char want[160], got[160];
    hone__tensor_describe(planned, want, sizeof want);
    hone__shape_describe(dtype, rank, dims, got, sizeof got);
    hone__fail(eval->error, HONE_ERROR_INTERNAL, "value \"%s\" was planned as %s and computed as %s", value->name, want,
               got);
    hone__error_hint(eval->error, "this is a fault in hone: please report it with the model");
    return HONE_ERROR_INTERNAL;
}

static hone_status output(hone__eval *eval, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                          hone_tensor **out) {
    hone__exec_context *ctx = ((eval_user *)eval->user)->ctx;
    /* Trailing outputs may be left out of the node altogether. */
    const hone__value *value = i < eval->node->n_outputs ? eval->node->outputs[i] : NULL;
    *out = NULL;
    if (!value)
        return HONE_OK;
    const hone__cpu_buffer *buffer = &ctx->plan->buffers[ctx->plan->value_buffer[value->id]];
    if (buffer->place != HONE_PLACE_RUNTIME) {
        hone_tensor *planned = &ctx->tensors[value->id];
        if (!same_shape(planned, dtype, rank, dims))
            return planned_mismatch(eval, value, planned, dtype, rank, dims);
        *out = planned;
        return HONE_OK;
    }
    if (dtype == HONE_DTYPE_STRING) {
        HONE_TRY(hone_tensor_create(dtype, rank, dims, out, eval->error));
        hone__cpu_place_heap(ctx, value, *out);
        return HONE_OK;
    }
    hone_tensor shape;
    memset(&shape, 0, sizeof shape);
    shape.dtype = dtype;
    HONE_FAIL_IF(rank < 0 || rank > HONE_MAX_RANK, eval->error, HONE_ERROR_LIMIT, "output of rank %d", rank);
    shape.rank = rank;
    if (rank)
        memcpy(shape.dims, dims, (size_t)rank * sizeof *dims);
    HONE_FAIL_IF(!hone__shape_size(dtype, dims, rank, &shape.size), eval->error, HONE_ERROR_LIMIT,
                 "the size of output \"%s\" overflows memory", value->name);
    return hone__cpu_place_value(ctx, value, &shape, out, eval->error);
}

static hone_status output_take(hone__eval *eval, size_t i, hone_tensor *made) {
    hone__exec_context *ctx = ((eval_user *)eval->user)->ctx;
    /* Trailing outputs may be left out of the node altogether. */
    const hone__value *value = i < eval->node->n_outputs ? eval->node->outputs[i] : NULL;
    if (!value) {
        hone_tensor_destroy(made);
        return HONE_OK;
    }
    const hone__cpu_buffer *buffer = &ctx->plan->buffers[ctx->plan->value_buffer[value->id]];
    if (buffer->place == HONE_PLACE_RUNTIME) {
        hone__cpu_place_heap(ctx, value, made);
        return HONE_OK;
    }
    hone_tensor *planned = &ctx->tensors[value->id];
    hone_status status = HONE_OK;
    if (made->kind != HONE_KIND_TENSOR || !same_shape(planned, made->dtype, made->rank, made->dims))
        status = planned_mismatch(eval, value, planned, made->dtype, made->rank, made->dims);
    else if (made->size)
        memcpy(planned->data, made->data, made->size);
    hone_tensor_destroy(made);
    return status;
}

static void *scratch(hone__eval *eval, size_t size) {
    eval_user *user = eval->user;
    return hone__scratch_alloc(&user->ctx->scratch[user->worker], size);
}

/* What a subgraph reads from the graph around it. */
static const hone_tensor *outer_value(void *data, const hone__value *value) {
    eval_user *user = data;
    return value->constant ? value->constant : user->ctx->actual[value->id];
}

static hone_status run_graph(hone__eval *eval, const hone__graph *graph, const hone_tensor *const *in, size_t n_in,
                             hone_tensor **out, size_t n_out) {
    return hone__graph_run_by(graph, in, n_in, out, n_out, outer_value, hone__cpu_body_run_node, eval->user,
                              eval->error);
}

static hone_status run_reference(hone__exec_context *ctx, const hone__node *node, const hone_tensor *const *in,
                                 hone_tensor **out, int worker, hone__pool *pool, hone_error *error) {
    eval_user user = {ctx, worker, pool};
    hone__eval eval = {.node = node,
                       .n_in = node->n_inputs,
                       .n_out = node->n_outputs,
                       .in = in,
                       .out = out,
                       .output = output,
                       .output_take = output_take,
                       .scratch = scratch,
                       .run_graph = run_graph,
                       .user = &user,
                       .error = error};
    HONE_FAIL_IF(!node->op || !node->op->eval, error, HONE_ERROR_UNSUPPORTED, "operator %s has no implementation",
                 node->op_type);
    HONE_TRY(hone__op_check_values(node, in, node->n_inputs, error));
    hone_status status = node->op->eval(&eval);
    hone__scratch_reset(&ctx->scratch[worker]);
    return status;
}

/* ---- a kernel whose shapes are found now ---- */

hone_status hone__cpu_plan_kernel_now(hone__exec_context *ctx, const hone__cpu_node *entry,
                                      const hone_tensor *const *in, const hone_tensor *shapes, hone__arena *arena,
                                      hone__cpu_plan *plan, hone_error *error) {
    const hone__node *node = entry->node;
    const hone_tensor **out = hone__arena_calloc(arena, node->n_outputs + 1, sizeof *out);
    if (!out)
        return hone__fail_memory(error, "a plan");
    for (size_t i = 0; i < node->n_outputs; i++)
        out[i] = node->outputs[i] ? &shapes[i] : NULL;
    *plan = (hone__cpu_plan){.config = &ctx->model->cpu,
                             .node = node,
                             .in = in,
                             .n_in = node->n_inputs,
                             .out = out,
                             .n_out = node->n_outputs,
                             .arena = arena,
                             .alloc_packed = hone__cpu_plan_alloc_packed,
                             .user = ctx->model,
                             .inplace_input = -1,
                             .error = error};
    if (!entry->row->plan)
        return HONE_OK;
    pthread_mutex_lock(&ctx->model->plan_lock);
    hone_status status = entry->row->plan(entry->state, plan);
    pthread_mutex_unlock(&ctx->model->plan_lock);
    return status;
}

hone_status hone__cpu_run_kernel_now(const hone__cpu_node *entry, const hone__cpu_plan *plan,
                                     const hone_tensor *const *in, hone_tensor *const *out, hone__arena *arena,
                                     hone__pool *pool, hone_error *error) {
    const hone__node *node = entry->node;
    void *workspace = hone__arena_alloc(arena, plan->workspace_size + HONE_ALIGNMENT);
    if (!workspace)
        return hone__fail_memory(error, "a kernel's workspace");
    workspace = (void *)hone__round_up((uintptr_t)workspace, HONE_ALIGNMENT);
    hone__cpu_run run = {.state = entry->state,
                         .plan_state = plan->plan_state,
                         .in = in,
                         .out = out,
                         .n_in = node->n_inputs,
                         .n_out = node->n_outputs,
                         .workspace = workspace,
                         .pool = pool,
                         .error = error};
    return entry->row->run(&run);
}

/* Finds the shapes; places the outputs; false in *done when only the evaluator can tell the shapes. */
static hone_status try_kernel_now(hone__exec_context *ctx, const hone__cpu_node *entry, const hone_tensor *const *in,
                                  hone_tensor **out, hone__pool *pool, bool *done, hone_error *error) {
    const hone__node *node = entry->node;
    hone__arena arena;
    hone__arena_init(&arena);
    bool all_known = false;
    hone_status status = HONE_OK;
    bool *has_data = hone__arena_calloc(&arena, node->n_inputs, sizeof *has_data);
    hone_tensor *shapes = hone__arena_calloc(&arena, node->n_outputs, sizeof *shapes);
    if (!has_data || !shapes) {
        status = hone__fail_memory(error, "shape inference");
        goto cleanup;
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        has_data[i] = in[i] && in[i]->kind == HONE_KIND_TENSOR;
        if (in[i] && !has_data[i])
            goto cleanup;
    }
    HONE_CHECK(hone__shape_infer_node(node, in, has_data, shapes, &all_known, error));
    for (size_t i = 0; i < node->n_outputs && all_known; i++)
        all_known = !node->outputs[i] || shapes[i].dtype != HONE_DTYPE_STRING;
    if (!all_known)
        goto cleanup;
    hone__cpu_plan plan;
    HONE_CHECK(hone__cpu_plan_kernel_now(ctx, entry, in, shapes, &arena, &plan, error));
    if (plan.is_declined)
        goto cleanup;
    for (size_t i = 0; i < node->n_outputs; i++) {
        const hone__value *value = node->outputs[i];
        if (value && ctx->plan->buffers[ctx->plan->value_buffer[value->id]].place == HONE_PLACE_RUNTIME)
            HONE_CHECK(hone__cpu_place_value(ctx, value, &shapes[i], &out[i], error));
    }
    status = hone__cpu_run_kernel_now(entry, &plan, in, out, &arena, pool, error);
    *done = true;
cleanup:
    hone__arena_deinit(&arena);
    return status;
}

static hone_status run_dynamic(hone__exec_context *ctx, const hone__cpu_step *step, const hone_tensor **in,
                               hone_tensor **out, int worker, hone__pool *pool, hone_error *error) {
    const hone__cpu_node *entry = &ctx->model->nodes[step->node];
    const hone__node *node = entry->node;
    for (size_t i = 0; i < node->n_inputs; i++) /* what came from other dynamic steps lies elsewhere each time */
        in[i] = step->ids[i] == HONE_NO_BUFFER ? NULL : ctx->actual[step->ids[i]];
    bool done = false;
    if (entry->row)
        HONE_TRY(try_kernel_now(ctx, entry, in, out, pool, &done, error));
    return done ? HONE_OK : run_reference(ctx, node, in, out, worker, pool, error);
}

hone_status hone__cpu_run_step(hone__exec_context *ctx, uint32_t at, int worker, hone__pool *pool, hone_error *error) {
    const hone__cpu_step *step = &ctx->plan->steps[at];
    const hone__cpu_node *entry = &ctx->model->nodes[step->node];
    const hone__node *node = entry->node;
    const hone_tensor **in = &ctx->args[ctx->arg_begin[at]];
    hone_tensor **out = (hone_tensor **)(uintptr_t)(in + step->n_in);
    hone_status status = HONE_OK;
    if (!hone__cpu_is_planned(ctx->model))
        status = hone__cpu_place_outputs(ctx, at, error);
    if (status != HONE_OK) {
        /* The memory could not be had: the message stands. */
    } else if (step->is_reorder) {
        hone__cpu_layout_reorder(&ctx->model->cpu, in[0], out[0], pool);
    } else if (step->is_dynamic) {
        status = run_dynamic(ctx, step, in, out, worker, pool, error);
    } else if (step->row) {
        void *workspace = NULL;
        if (step->workspace != HONE_NO_BUFFER)
            workspace = hone__cpu_is_planned(ctx->model)
                            ? ctx->memory.block + ctx->plan->records[ctx->plan->buffers[step->workspace].index].offset
                            : ctx->placed[step->workspace];
        hone__cpu_run run = {.state = entry->state,
                             .plan_state = step->plan_state,
                             .in = in,
                             .out = out,
                             .n_in = step->n_in,
                             .n_out = step->n_out,
                             .workspace = workspace,
                             .pool = pool,
                             .error = error};
        status = step->run(&run);
    } else {
        status = run_reference(ctx, node, in, out, worker, pool, error);
    }
    if (status != HONE_OK)
        hone__error_node(error, node->name);
    return status;
}
