/* Placing tensors at run time: used when enable_mem_pattern or enable_cpu_mem_arena is off, and for values
 * whose shape depends on data. */
#include "exec/cpu/cpu_context.h"

#include "base/error.h"

#include <string.h>

static void lock(hone__exec_context *ctx) {
    if (ctx->model->inter)
        pthread_mutex_lock(&ctx->lock);
}
static void unlock(hone__exec_context *ctx) {
    if (ctx->model->inter)
        pthread_mutex_unlock(&ctx->lock);
}

void hone__cpu_set_data(hone__exec_context *ctx, uint32_t id, void *data) {
    const hone__cpu_buffer *buffer = &ctx->plan->buffers[id];
    for (size_t i = 0; i < buffer->n_values; i++)
        ctx->tensors[buffer->values[i]].data =
            data ? (unsigned char *)data + ctx->plan->value_offset[buffer->values[i]] : NULL;
}

static hone_status place_buffer(hone__exec_context *ctx, uint32_t id, size_t size, hone_error *error) {
    void *data = NULL;
    lock(ctx);
    hone_status status = hone__act_alloc(&ctx->memory, size, &data, error);
    unlock(ctx);
    ctx->placed[id] = data;
    return status;
}

static hone_status place_new(hone__exec_context *ctx, uint32_t id, hone_error *error) {
    const hone__cpu_buffer *buffer = &ctx->plan->buffers[id];
    if (buffer->place != HONE_PLACE_BLOCK || ctx->placed[id])
        return HONE_OK;
    HONE_TRY(place_buffer(ctx, id, buffer->size, error));
    hone__cpu_set_data(ctx, id, ctx->placed[id]);
    return HONE_OK;
}

hone_status hone__cpu_place_outputs(hone__exec_context *ctx, uint32_t at, hone_error *error) {
    const hone__cpu_step *step = &ctx->plan->steps[at];
    for (size_t i = step->n_in; i < step->n_in + step->n_out; i++)
        if (step->ids[i] != HONE_NO_BUFFER)
            HONE_TRY(place_new(ctx, ctx->plan->value_buffer[step->ids[i]], error));
    return step->workspace == HONE_NO_BUFFER ? HONE_OK : place_new(ctx, step->workspace, error);
}

hone_status hone__cpu_place_value(hone__exec_context *ctx, const hone__value *value, const hone_tensor *shape,
                                  hone_tensor **out, hone_error *error) {
    uint32_t id = ctx->plan->value_buffer[value->id];
    hone_tensor *tensor = &ctx->tensors[value->id];
    if (ctx->placed[id]) {
        lock(ctx);
        hone__act_free(&ctx->memory, ctx->placed[id]);
        unlock(ctx);
        ctx->placed[id] = NULL;
    }
    HONE_TRY(place_buffer(ctx, id, shape->size, error));
    hone__tensor_view(tensor, shape->dtype, shape->rank, shape->dims, ctx->placed[id], shape->size);
    ctx->actual[value->id] = tensor;
    *out = tensor;
    return HONE_OK;
}

void hone__cpu_place_heap(hone__exec_context *ctx, const hone__value *value, hone_tensor *tensor) {
    hone_tensor_destroy(ctx->heap[value->id]);
    ctx->heap[value->id] = tensor;
    ctx->actual[value->id] = tensor;
}

static void free_buffer(hone__exec_context *ctx, uint32_t id) {
    const hone__cpu_buffer *buffer = &ctx->plan->buffers[id];
    hone__act_free(&ctx->memory, ctx->placed[id]);
    ctx->placed[id] = NULL;
    if (buffer->place == HONE_PLACE_RUNTIME)
        for (size_t i = 0; i < buffer->n_values; i++) {
            hone_tensor_destroy(ctx->heap[buffer->values[i]]);
            ctx->heap[buffer->values[i]] = NULL;
        }
}

static void free_ended(hone__exec_context *ctx, uint32_t value, uint32_t step) {
    if (value == HONE_NO_BUFFER)
        return;
    uint32_t id = ctx->plan->value_buffer[value];
    if (id != HONE_NO_BUFFER && ctx->plan->buffers[id].last == step)
        free_buffer(ctx, id);
}

void hone__cpu_free_after(hone__exec_context *ctx, uint32_t at) {
    const hone__cpu_step *step = &ctx->plan->steps[at];
    for (size_t i = 0; i < step->n_in + step->n_out; i++)
        free_ended(ctx, step->ids[i], at);
    if (step->workspace != HONE_NO_BUFFER)
        free_buffer(ctx, step->workspace);
}

void hone__cpu_free_all(hone__exec_context *ctx) {
    if (!ctx->plan)
        return;
    for (uint32_t i = 0; i < ctx->plan->n_buffers; i++)
        if (ctx->placed[i] || ctx->plan->buffers[i].place == HONE_PLACE_RUNTIME)
            free_buffer(ctx, i);
}
