/* Sessions: a model's graph copied, optimised and prepared by a backend; see hone/session.h. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/tensor.h"
#include "hw/hw.h"
#include "model/model.h"
#include "ops/op.h"
#include "passes/passes.h"
#include "session/session_internal.h"

#include <stdio.h>
#include <string.h>

hone_status hone__session_refuse_unsupported(const hone_model *model, hone_error *error) {
    size_t n = hone_model_unsupported_count(model);
    if (n == 0)
        return HONE_OK;
    const hone_unsupported *first = hone_model_get_unsupported(model, 0);
    hone__fail(error, HONE_ERROR_UNSUPPORTED, "%zu node%s of the model cannot run; the first is %s (%s): %s", n,
               n == 1 ? "" : "s", first->node, first->op, first->reason);
    hone__error_node(error, first->node);
    hone__error_hint(error, "'hone inspect' lists all of them");
    return HONE_ERROR_UNSUPPORTED;
}

/* A graph that was given stays as it is. */
static hone_status build_graph(hone_session *session, int level, hone_error *error) {
    uint64_t start = hone__now_ns();
    HONE_FAIL_IF(session->graph && session->backend->runs_model, error, HONE_ERROR_UNAVAILABLE,
                 "backend %s runs model files, not stages of an optimisation", session->backend->name);
    if (session->graph) {
        session->n_nodes_before = session->graph->n_nodes;
        return HONE_OK;
    }
    if (session->backend->runs_model) /* only names and declared shapes are wanted of it */
        return hone__graph_clone(hone__model_graph(session->model), &session->graph, error);
    HONE_TRY(hone__session_refuse_unsupported(session->model, error));
    HONE_TRY(hone__model_clone_views(session->model, &session->graph, error));
    session->n_nodes_before = session->graph->n_nodes;
    HONE_TRY(hone__passes_run(session->graph, (hone__opt_level)level, error));
    session->optimize_ms = hone__ms_since(start);
    return HONE_OK;
}

/* Bytes of a constant were packed: their pages of the model's file need not stay resident. No data: all were. */
static void drop_pages(void *model, const void *data, size_t size) {
    if (data)
        hone__model_drop_pages(model, data, size);
    else
        hone__model_drop_all_pages(model);
}

/* graph: NULL, or taken, on failure too. */
static hone_status create(hone_model *model, hone__graph *graph, const hone_options *options, hone_session **out,
                          hone_error *error) {
    *out = NULL;
    hone_error_clear(error);
    hone_session *session = hone__calloc(1, sizeof *session);
    if (!session) {
        hone__graph_destroy(graph);
        return hone__fail_memory(error, "a session");
    }
    hone_status status = HONE_OK;
    session->graph = graph;
    session->model = hone_model_retain(model);
    pthread_mutex_init(&session->lock, NULL);
    HONE_CHECK(hone__session_configure(options, &session->backend, &session->config, error));
    session->config.model = model;
    HONE_CHECK(build_graph(session, session->config.opt_level, error));
    hone__model_drop_all_pages(model); /* those that the passes looked at */
    session->config.drop_pages = drop_pages;
    session->config.drop_pages_user = model;
    uint64_t start = hone__now_ns();
    HONE_CHECK(session->backend->prepare(session->graph, &session->config, &session->exec, error));
    session->prepare_ms = hone__ms_since(start);
    session->n_node_ms = session->backend->node_count(session->exec);
    session->node_ms = hone__calloc(session->n_node_ms + 1, sizeof *session->node_ms);
    if (!session->node_ms)
        status = hone__fail_memory(error, "a session");
cleanup:
    hone__session_unconfigure(&session->config);
    if (status != HONE_OK) {
        hone__error_file(error, hone_model_path(model), -1);
        hone_session_destroy(session);
        return status;
    }
    *out = session;
    return HONE_OK;
}

hone_status hone_session_create(hone_model *model, const hone_options *options, hone_session **out, hone_error *error) {
    hone__alloc_set_available(hone__hw_memory_available);
    return create(model, NULL, options, out, error);
}

hone_status hone__session_create_graph(hone_model *model, hone__graph *graph, const hone_options *options,
                                       hone_session **out, hone_error *error) {
    return create(model, graph, options, out, error);
}

static hone_status create_and_close(hone_model *model, const hone_options *options, uint64_t start, hone_session **out,
                                    hone_error *error) {
    double load_ms = hone__ms_since(start);
    hone_status status = hone_session_create(model, options, out, error);
    hone_model_close(model);
    if (status == HONE_OK)
        (*out)->load_ms = load_ms;
    return status;
}

hone_status hone_session_create_from_file(const char *path, const hone_options *options, hone_session **out,
                                          hone_error *error) {
    *out = NULL;
    uint64_t start = hone__now_ns();
    hone_model *model;
    HONE_TRY(hone_model_open(path, &model, error));
    return create_and_close(model, options, start, out, error);
}

hone_status hone_session_create_from_memory(const void *data, size_t size, const hone_options *options,
                                            hone_session **out, hone_error *error) {
    *out = NULL;
    uint64_t start = hone__now_ns();
    hone_model *model;
    HONE_TRY(hone_model_open_memory(data, size, NULL, &model, error));
    return create_and_close(model, options, start, out, error);
}

void hone_session_destroy(hone_session *session) {
    if (!session)
        return;
    while (session->idle) {
        hone_request *next = session->idle->next_idle;
        hone_request_destroy(session->idle);
        session->idle = next;
    }
    if (session->exec) {
        hone__session_drop_plans(session);
        session->backend->model_destroy(session->exec);
    }
    hone__graph_destroy(session->graph);
    hone_model_close(session->model);
    hone__free(session->node_ms);
    pthread_mutex_destroy(&session->lock);
    hone__free(session);
}

const hone_model *hone_session_model(const hone_session *session) { return session->model; }
size_t hone_session_input_count(const hone_session *session) { return hone_model_input_count(session->model); }
size_t hone_session_output_count(const hone_session *session) { return hone_model_output_count(session->model); }

const hone_value_info *hone_session_get_input(const hone_session *session, size_t index) {
    return hone_model_get_input(session->model, index);
}

const hone_value_info *hone_session_get_output(const hone_session *session, size_t index) {
    return hone_model_get_output(session->model, index);
}

int hone_session_find_input(const hone_session *session, const char *name) {
    for (size_t i = 0; i < hone_session_input_count(session); i++)
        if (strcmp(hone_session_get_input(session, i)->name, name) == 0)
            return (int)i;
    return -1;
}

int hone_session_find_output(const hone_session *session, const char *name) {
    for (size_t i = 0; i < hone_session_output_count(session); i++)
        if (strcmp(hone_session_get_output(session, i)->name, name) == 0)
            return (int)i;
    return -1;
}

/* ---- checking inputs ---- */

static void describe_expected(const hone_value_info *info, char *buf, size_t size) {
    size_t n = (size_t)snprintf(buf, size, "%s[", hone_dtype_name(info->dtype));
    for (int i = 0; i < info->rank && n < size; i++) {
        const char *comma = i ? "," : "";
        if (info->dims[i].value >= 0)
            n += (size_t)snprintf(buf + n, size - n, "%s%lld", comma, (long long)info->dims[i].value);
        else
            n += (size_t)snprintf(buf + n, size - n, "%s%s", comma, *info->dims[i].symbol ? info->dims[i].symbol : "?");
    }
    if (n < size)
        snprintf(buf + n, size - n, info->rank < 0 ? "...]" : "]");
}

static hone_status fail_input(const hone_value_info *info, const hone_tensor *tensor, hone_status status,
                              hone_error *error) {
    char want[200], got[200];
    describe_expected(info, want, sizeof want);
    hone__tensor_describe(tensor, got, sizeof got);
    hone__fail(error, status, "input \"%s\" expects %s but got %s", info->name, want, got);
    hone__error_hint(error, status == HONE_ERROR_TYPE ? "convert the data to the expected type"
                                                      : "reshape the data, or give a shape that the model admits");
    return status;
}

hone_status hone__session_check_input(const hone_session *session, size_t index, const hone_tensor *tensor,
                                      hone_error *error) {
    HONE_FAIL_IF(index >= hone_session_input_count(session), error, HONE_ERROR_NOT_FOUND,
                 "the model has %zu inputs; there is no input %zu", hone_session_input_count(session), index);
    const hone_value_info *info = hone_session_get_input(session, index);
    HONE_FAIL_IF(!tensor, error, HONE_ERROR_ARGUMENT, "input \"%s\" is missing", info->name);
    if (info->kind != tensor->kind)
        return fail_input(info, tensor, HONE_ERROR_TYPE, error);
    if (info->kind != HONE_KIND_TENSOR)
        return HONE_OK;
    if (info->dtype != HONE_DTYPE_UNDEFINED && info->dtype != tensor->dtype)
        return fail_input(info, tensor, HONE_ERROR_TYPE, error);
    if (info->rank < 0)
        return HONE_OK;
    bool fits = info->rank == tensor->rank;
    for (int i = 0; fits && i < info->rank; i++)
        fits = info->dims[i].value < 0 || info->dims[i].value == tensor->dims[i];
    return fits ? HONE_OK : fail_input(info, tensor, HONE_ERROR_SHAPE, error);
}

/* ---- reports ---- */

size_t hone_session_node_count(const hone_session *session) { return session->backend->node_count(session->exec); }

hone_status hone_session_get_node(const hone_session *session, size_t index, hone_node_report *out, hone_error *error) {
    HONE_FAIL_IF(index >= hone_session_node_count(session), error, HONE_ERROR_NOT_FOUND, "there is no node %zu", index);
    hone_session *locked = (hone_session *)(uintptr_t)session;
    pthread_mutex_lock(&locked->lock);
    const hone__exec_plan *plan = session->latest ? session->latest->plan : NULL;
    session->backend->node_report(session->exec, plan, index, out);
    if (!session->backend->reports_time)
        out->time_ms = session->node_ms[index];
    pthread_mutex_unlock(&locked->lock);
    return HONE_OK;
}

void hone_session_set_profiling(hone_session *session, bool enabled) { atomic_store(&session->profiling, enabled); }

void hone_session_get_stats(const hone_session *session, hone_session_stats *out) {
    memset(out, 0, sizeof *out);
    hone_session *locked = (hone_session *)(uintptr_t)session;
    pthread_mutex_lock(&locked->lock);
    hone__exec_stats stats = session->ended;
    session->backend->model_stats(session->exec, &stats);
    for (const hone_request *r = session->requests; r; r = r->next)
        session->backend->context_stats(r->context, &stats);
    if (session->latest)
        session->backend->plan_stats(session->latest->plan, &stats);
    out->n_intra_threads = session->config.n_intra_threads;
    out->n_inter_threads = session->config.is_parallel ? session->config.n_inter_threads : 1;
    out->packed_weights_size = stats.packed_size;
    out->arena_size = stats.arena_size;
    out->arena_peak = stats.arena_peak;
    out->planned_peak = stats.planned_peak;
    out->lower_bound = stats.lower_bound;
    out->workspace_size = stats.workspace_size;
    out->n_allocations = stats.n_allocations;
    out->n_plans = session->n_plans;
    out->n_runs = session->n_runs;
    out->n_nodes = session->graph->n_nodes;
    out->n_nodes_before_optimization = session->n_nodes_before;
    out->load_ms = session->load_ms;
    out->optimize_ms = session->optimize_ms;
    out->prepare_ms = session->prepare_ms;
    out->plan_ms = session->plan_ms;
    pthread_mutex_unlock(&locked->lock);
}
