/* Requests: inputs and outputs bound, run on the plan of their shapes; see hone/session.h. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/tensor.h"
#include "session/session_internal.h"

#include <string.h>

hone_status hone_request_create(hone_session *session, hone_request **out, hone_error *error) {
    *out = NULL;
    size_t n_in = session->graph->n_inputs, n_out = session->graph->n_outputs;
    hone_request *request = hone__calloc(1, sizeof *request);
    if (!request)
        return hone__fail_memory(error, "a request");
    request->session = session;
    request->inputs = hone__calloc(n_in + 1, sizeof *request->inputs);
    request->bound = hone__calloc(n_out + 1, sizeof *request->bound);
    request->own = hone__calloc(n_out + 1, sizeof *request->own);
    request->targets = hone__calloc(n_out + 1, sizeof *request->targets);
    request->results = hone__calloc(n_out + 1, sizeof *request->results);
    request->node_ms = hone__calloc(session->n_node_ms + 1, sizeof *request->node_ms);
    hone_status status = HONE_OK;
    if (!request->inputs || !request->bound || !request->own || !request->targets || !request->results ||
        !request->node_ms)
        status = hone__fail_memory(error, "a request");
    else
        status = session->backend->context_create(session->exec, &request->context, error);
    if (status != HONE_OK) {
        hone_request_destroy(request);
        return status;
    }
    pthread_mutex_lock(&session->lock);
    request->next = session->requests;
    if (request->next)
        request->next->prev = request;
    session->requests = request;
    pthread_mutex_unlock(&session->lock);
    *out = request;
    return HONE_OK;
}

static void unlink_request(hone_request *request) {
    hone_session *session = request->session;
    pthread_mutex_lock(&session->lock);
    hone__exec_stats stats = {0};
    session->backend->context_stats(request->context, &stats);
    session->ended.n_allocations += stats.n_allocations;
    if (request->prev)
        request->prev->next = request->next;
    else if (session->requests == request)
        session->requests = request->next;
    if (request->next)
        request->next->prev = request->prev;
    pthread_mutex_unlock(&session->lock);
}

void hone_request_destroy(hone_request *request) {
    if (!request)
        return;
    if (request->context) {
        unlink_request(request);
        request->session->backend->context_destroy(request->context);
    }
    hone__session_release_plan(request->session, request->entry);
    for (size_t i = 0; request->own && i < request->session->graph->n_outputs; i++)
        hone_tensor_destroy(request->own[i]);
    hone__free(request->inputs);
    hone__free(request->bound);
    hone__free(request->own);
    hone__free(request->targets);
    hone__free(request->results);
    hone__free(request->node_ms);
    hone__free(request);
}

hone_status hone_request_set_input(hone_request *request, size_t index, const hone_tensor *tensor, hone_error *error) {
    HONE_TRY(hone__session_check_input(request->session, index, tensor, error));
    request->inputs[index] = tensor;
    return HONE_OK;
}

hone_status hone_request_set_input_by_name(hone_request *request, const char *name, const hone_tensor *tensor,
                                           hone_error *error) {
    int index = hone_session_find_input(request->session, name);
    if (index < 0) {
        hone__fail(error, HONE_ERROR_NOT_FOUND, "the model has no input \"%s\"", name);
        if (hone_session_input_count(request->session))
            hone__error_hint(error, "its first input is \"%s\"", hone_session_get_input(request->session, 0)->name);
        return HONE_ERROR_NOT_FOUND;
    }
    return hone_request_set_input(request, (size_t)index, tensor, error);
}

hone_status hone_request_set_output(hone_request *request, size_t index, hone_tensor *tensor, hone_error *error) {
    HONE_FAIL_IF(index >= request->session->graph->n_outputs, error, HONE_ERROR_NOT_FOUND,
                 "the model has %zu outputs; there is no output %zu", request->session->graph->n_outputs, index);
    HONE_FAIL_IF(tensor && (tensor->kind != HONE_KIND_TENSOR || tensor->dtype == HONE_DTYPE_STRING), error,
                 HONE_ERROR_TYPE, "output \"%s\" can only be bound to a numeric tensor",
                 hone_session_get_output(request->session, index)->name);
    request->bound[index] = tensor;
    return HONE_OK;
}

static bool same_shape(const hone_tensor *a, const hone_tensor *b) {
    return a && a->kind == HONE_KIND_TENSOR && a->dtype == b->dtype && a->rank == b->rank &&
           memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) == 0;
}

/* Where each output goes: the caller's tensor, or one of our own, made when the shape changes. */
static hone_status set_targets(hone_request *request, hone_error *error) {
    hone_session *session = request->session;
    for (size_t i = 0; i < session->graph->n_outputs; i++) {
        const hone_tensor *shape = session->backend->plan_output(request->entry->plan, i);
        hone_tensor *bound = request->bound[i];
        const char *name = session->graph->outputs[i]->name;
        request->targets[i] = bound;
        if (!shape)
            continue;
        if (bound && !same_shape(bound, shape)) {
            char want[160], got[160];
            hone__tensor_describe(shape, want, sizeof want);
            hone__tensor_describe(bound, got, sizeof got);
            hone__fail(error, HONE_ERROR_SHAPE, "output \"%s\" is %s but is bound to %s", name, want, got);
            hone__error_hint(error, "bind a tensor of the output's shape and type, or none");
            return HONE_ERROR_SHAPE;
        }
        if (!bound && !same_shape(request->own[i], shape)) {
            hone_tensor_destroy(request->own[i]);
            request->own[i] = NULL;
            HONE_TRY(hone_tensor_create(shape->dtype, shape->rank, shape->dims, &request->own[i], error));
        }
        request->targets[i] = bound ? bound : request->own[i];
    }
    return HONE_OK;
}

static hone_status bind_plan(hone_request *request, hone_error *error) {
    hone_session *session = request->session;
    hone__plan_entry *entry;
    HONE_TRY(hone__session_get_plan(session, request->inputs, &entry, error));
    if (entry == request->entry) { /* bound already */
        hone__session_release_plan(session, entry);
        return HONE_OK;
    }
    hone_status status = session->backend->context_bind(request->context, entry->plan, error);
    if (status != HONE_OK) {
        hone__session_release_plan(session, entry);
        /* The context has let go of its old plan. */
        hone__session_release_plan(session, request->entry);
        request->entry = NULL;
        return status;
    }
    hone__session_release_plan(session, request->entry);
    request->entry = entry;
    return HONE_OK;
}

/* Outputs that were made by the run itself (shape found only then). */
static void collect(hone_request *request, hone_tensor **produced) {
    for (size_t i = 0; i < request->session->graph->n_outputs; i++) {
        if (produced[i]) {
            hone_tensor_destroy(request->own[i]);
            request->own[i] = produced[i];
            produced[i] = NULL;
            request->results[i] = request->own[i];
        } else {
            request->results[i] = request->targets[i];
        }
    }
}

static hone_status run_bound(hone_request *request, hone_error *error) {
    hone_session *session = request->session;
    size_t n_out = session->graph->n_outputs;
    /* The results array doubles as the list of what the run makes. */
    hone_tensor **produced = (hone_tensor **)(uintptr_t)request->results;
    memset(produced, 0, n_out * sizeof *produced);
    bool profiling = session->profiling;
    hone_status status = session->backend->run(request->context, request->inputs, request->targets, produced,
                                               profiling ? request->node_ms : NULL, error);
    if (status != HONE_OK) {
        for (size_t i = 0; i < n_out; i++) {
            hone_tensor_destroy(produced[i]);
            produced[i] = NULL;
        }
        return status;
    }
    collect(request, produced);
    pthread_mutex_lock(&session->lock);
    session->n_runs++;
    if (profiling)
        memcpy(session->node_ms, request->node_ms, session->n_node_ms * sizeof *session->node_ms);
    pthread_mutex_unlock(&session->lock);
    return HONE_OK;
}

hone_status hone_request_run(hone_request *request, hone_error *error) {
    hone_error_clear(error);
    hone_session *session = request->session;
    for (size_t i = 0; i < session->graph->n_inputs; i++)
        if (!request->inputs[i]) {
            hone__fail(error, HONE_ERROR_ARGUMENT, "input \"%s\" is not bound", session->graph->inputs[i]->name);
            hone__error_hint(error, "bind every input with hone_request_set_input before the run");
            return HONE_ERROR_ARGUMENT;
        }
    /* A tensor bound earlier may have been reshaped by its owner since. */
    for (size_t i = 0; i < session->graph->n_inputs; i++)
        HONE_TRY(hone__session_check_input(session, i, request->inputs[i], error));
    HONE_TRY(bind_plan(request, error));
    HONE_TRY(set_targets(request, error));
    return run_bound(request, error);
}

const hone_tensor *hone_request_get_output(const hone_request *request, size_t index) {
    return index < request->session->graph->n_outputs ? request->results[index] : NULL;
}

/* ---- the one-call run: requests are kept and reused ---- */

static hone_status take_request(hone_session *session, hone_request **out, hone_error *error) {
    pthread_mutex_lock(&session->lock);
    hone_request *request = session->idle;
    if (request)
        session->idle = request->next_idle;
    pthread_mutex_unlock(&session->lock);
    if (!request)
        return hone_request_create(session, out, error);
    *out = request;
    return HONE_OK;
}

static void give_request(hone_session *session, hone_request *request) {
    for (size_t i = 0; i < session->graph->n_inputs; i++)
        request->inputs[i] = NULL;
    pthread_mutex_lock(&session->lock);
    request->next_idle = session->idle;
    session->idle = request;
    pthread_mutex_unlock(&session->lock);
}

hone_status hone_session_run(hone_session *session, const hone_tensor *const *inputs, size_t n_inputs,
                             hone_tensor **outputs, size_t n_outputs, hone_error *error) {
    hone_error_clear(error);
    for (size_t i = 0; i < n_outputs; i++)
        outputs[i] = NULL;
    HONE_FAIL_IF(n_inputs != session->graph->n_inputs, error, HONE_ERROR_ARGUMENT,
                 "the model has %zu inputs; %zu were given", session->graph->n_inputs, n_inputs);
    HONE_FAIL_IF(n_outputs != session->graph->n_outputs, error, HONE_ERROR_ARGUMENT,
                 "the model has %zu outputs; room for %zu was given", session->graph->n_outputs, n_outputs);
    hone_request *request;
    HONE_TRY(take_request(session, &request, error));
    hone_status status = HONE_OK;
    for (size_t i = 0; i < n_inputs && status == HONE_OK; i++)
        status = hone_request_set_input(request, i, inputs[i], error);
    if (status == HONE_OK)
        status = hone_request_run(request, error);
    for (size_t i = 0; i < n_outputs && status == HONE_OK; i++) {
        if (request->own[i] && request->results[i] == request->own[i]) {
            outputs[i] = request->own[i]; /* handed over: the next run makes its own */
            request->own[i] = NULL;
        } else {
            status = hone_tensor_clone(request->results[i], &outputs[i], error);
        }
    }
    for (size_t i = 0; i < n_outputs; i++)
        request->results[i] = NULL;
    if (status != HONE_OK)
        for (size_t i = 0; i < n_outputs; i++) {
            hone_tensor_destroy(outputs[i]);
            outputs[i] = NULL;
        }
    give_request(session, request);
    return status;
}
