/* The backend onnxruntime: the model as it stands in its file, run by ONNX Runtime's library with the session's
 * settings passed through. The yardstick of `hone bench` and a competitor in `hone tune`; see ort_model.h. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"
#include "base/tensor.h"
#include "exec/onnxruntime/ort_model.h"
#include "exec/onnxruntime/ort_options.h"
#include "exec/onnxruntime/ort_value.h"
#include "model/model.h"

#include <string.h>

hone_status hone__ort_create_session(const hone__exec_model *model, const OrtSessionOptions *options, OrtSession **out,
                                     hone_error *error) {
    const OrtApi *api = model->library->api;
    const char *path = hone_model_path(model->source);
    OrtStatus *ort;
    *out = NULL;
    if (*path)
        ort = api->CreateSession(model->library->env, path, options, out);
    else
        ort = api->CreateSessionFromArray(model->library->env, model->source->data, model->source->size, options, out);
    return hone__ort_check(model->library, ort, "load the model", error);
}

/* A model from memory says by this entry where its external data lie. */
static hone_status set_folder(hone__exec_model *model, hone_error *error) {
    if (*hone_model_path(model->source) || !model->source->source.folder)
        return HONE_OK;
    return hone__ort_check(
        model->library,
        model->library->api->AddSessionConfigEntry(
            model->options, "session.model_external_initializers_file_folder_path", model->source->source.folder),
        "set the folder of external data", error);
}

static void model_destroy(hone__exec_model *model) {
    if (!model)
        return;
    const OrtApi *api = model->library ? model->library->api : NULL;
    if (model->session)
        api->ReleaseSession(model->session);
    if (model->options)
        api->ReleaseSessionOptions(model->options);
    if (model->memory)
        api->ReleaseMemoryInfo(model->memory);
    if (model->has_profile)
        hone__ort_profile_deinit(&model->profile);
    pthread_mutex_destroy(&model->lock);
    hone__free(model->providers);
    hone__free(model->input_names);
    hone__free(model->output_names);
    hone__free(model);
}

static hone_status set_names(hone__exec_model *model, hone_error *error) {
    const hone__graph *graph = model->graph;
    model->input_names = hone__calloc(graph->n_inputs + 1, sizeof *model->input_names);
    model->output_names = hone__calloc(graph->n_outputs + 1, sizeof *model->output_names);
    if (!model->input_names || !model->output_names)
        return hone__fail_memory(error, "names");
    for (size_t i = 0; i < graph->n_inputs; i++)
        model->input_names[i] = hone_model_get_input(model->source, i)->name;
    for (size_t i = 0; i < graph->n_outputs; i++)
        model->output_names[i] = hone_model_get_output(model->source, i)->name;
    return HONE_OK;
}

static hone_status prepare(hone__graph *graph, const hone__exec_config *config, hone__exec_model **out,
                           hone_error *error) {
    hone__ort_library *library = NULL;
    *out = NULL;
    HONE_TRY(hone__ort_open(config, &library, error));
    hone__exec_model *model = hone__calloc(1, sizeof *model);
    if (!model)
        return hone__fail_memory(error, "a session");
    hone_status status = HONE_OK;
    model->library = library;
    model->graph = graph;
    model->source = config->model;
    pthread_mutex_init(&model->lock, NULL);
    HONE_CHECK(set_names(model, error));
    HONE_CHECK(hone__ort_make_options(library, config, &model->options, &model->providers, error));
    HONE_CHECK(set_folder(model, error));
    HONE_CHECK(hone__ort_check(library,
                               library->api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &model->memory),
                               "describe memory", error));
    HONE_CHECK(hone__ort_create_session(model, model->options, &model->session, error));
    hone__log(HONE_LOG_INFO, "ONNX Runtime %s: providers %s", library->version, model->providers);
cleanup:
    if (status != HONE_OK) {
        model_destroy(model);
        return status;
    }
    *out = model;
    return HONE_OK;
}

/* ---- requests ---- */

static void context_destroy(hone__exec_context *context) {
    if (!context)
        return;
    hone__free(context->inputs);
    hone__free(context->outputs);
    hone__free(context->targets);
    hone__free(context);
}

static hone_status context_create(hone__exec_model *model, hone__exec_context **out, hone_error *error) {
    hone__exec_context *context = hone__calloc(1, sizeof *context);
    *out = NULL;
    if (!context)
        return hone__fail_memory(error, "a request");
    context->model = model;
    context->inputs = hone__calloc(model->graph->n_inputs + 1, sizeof *context->inputs);
    context->outputs = hone__calloc(model->graph->n_outputs + 1, sizeof *context->outputs);
    context->targets = hone__calloc(model->graph->n_outputs + 1, sizeof *context->targets);
    if (!context->inputs || !context->outputs || !context->targets) {
        context_destroy(context);
        return hone__fail_memory(error, "a request");
    }
    *out = context;
    return HONE_OK;
}

static hone_status context_bind(hone__exec_context *context, const hone__exec_plan *plan, hone_error *error) {
    (void)error;
    context->plan = (hone__exec_plan *)(uintptr_t)plan; /* what it learns is guarded by its lock */
    return HONE_OK;
}

static void release_values(const hone__exec_context *context, OrtValue **values, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (values[i])
            context->model->library->api->ReleaseValue(values[i]);
        values[i] = NULL;
    }
}

/* Wraps the inputs, and those outputs that have a tensor of the shape known beforehand. */
static hone_status wrap(hone__exec_context *context, const hone_tensor *const *inputs, hone_tensor *const *outputs,
                        hone_error *error) {
    const hone__exec_model *model = context->model;
    for (size_t i = 0; i < model->graph->n_inputs; i++)
        HONE_TRY(hone__ort_value_make(model->library, model->memory, inputs[i], model->input_names[i],
                                      &context->inputs[i], error));
    for (size_t i = 0; i < model->graph->n_outputs; i++) {
        const hone_tensor *shape = hone__ort_plan_output(context->plan, i);
        context->targets[i] = NULL;
        /* Memory for no elements is not worth binding. */
        if (!shape || !outputs[i] || !outputs[i]->size || outputs[i]->size != shape->size)
            continue;
        HONE_TRY(hone__ort_value_make(model->library, model->memory, outputs[i], model->output_names[i],
                                      &context->outputs[i], error));
        context->targets[i] = outputs[i];
    }
    return HONE_OK;
}

/* Output i that was not written in place. */
static hone_status deliver(hone__exec_context *context, size_t i, hone_tensor *output, hone_tensor **produced,
                           hone_error *error) {
    const hone__exec_model *model = context->model;
    hone_tensor *made = NULL;
    HONE_TRY(hone__ort_value_take(model->library, context->outputs[i], hone_model_get_output(model->source, i)->kind,
                                  model->output_names[i], &made, error));
    if (!output) {
        *produced = made;
        return HONE_OK;
    }
    bool fits = made->kind == HONE_KIND_TENSOR && made->dtype == output->dtype && made->size == output->size &&
                made->dtype != HONE_DTYPE_STRING && made->rank == output->rank &&
                !memcmp(made->dims, output->dims, (size_t)made->rank * sizeof *made->dims);
    if (fits && made->size)
        memcpy(output->data, made->data, made->size);
    hone_tensor_destroy(made);
    HONE_FAIL_IF(!fits, error, HONE_ERROR_SHAPE, "output \"%s\" does not fit the tensor that was bound to it",
                 model->output_names[i]);
    return HONE_OK;
}

/* The first profiled run learns where the nodes run; node_ms itself has no meaning here (see reports_time). */
static hone_status survey_once(hone__exec_context *context, hone_error *error) {
    hone__exec_model *model = context->model;
    hone_status status = HONE_OK;
    pthread_mutex_lock(&model->lock);
    if (!model->has_profile) {
        release_values(context, context->outputs, model->graph->n_outputs);
        status = hone__ort_survey(context, error);
    }
    pthread_mutex_unlock(&model->lock);
    return status;
}

static hone_status run(hone__exec_context *context, const hone_tensor *const *inputs, hone_tensor *const *outputs,
                       hone_tensor **produced, double *node_ms, hone_error *error) {
    const hone__exec_model *model = context->model;
    const OrtApi *api = model->library->api;
    size_t n_in = model->graph->n_inputs, n_out = model->graph->n_outputs;
    hone_status status = HONE_OK;
    HONE_CHECK(wrap(context, inputs, outputs, error));
    HONE_CHECK(
        hone__ort_check(model->library,
                        api->Run(model->session, NULL, model->input_names, (const OrtValue *const *)context->inputs,
                                 n_in, model->output_names, n_out, context->outputs),
                        "run the model", error));
    for (size_t i = 0; i < n_out && status == HONE_OK; i++)
        if (!context->targets[i])
            status = deliver(context, i, outputs[i], &produced[i], error);
    if (status == HONE_OK && node_ms)
        status = survey_once(context, error);
    hone__ort_plan_learn(context->plan);
cleanup:
    release_values(context, context->inputs, n_in);
    release_values(context, context->outputs, n_out);
    return status;
}

/* ---- reports ---- */

/* ONNX Runtime does not tell its memory through the C API; peak resident memory is measured from outside. */
static void context_stats(const hone__exec_context *context, hone__exec_stats *stats) { (void)context, (void)stats; }
static void model_stats(const hone__exec_model *model, hone__exec_stats *stats) { (void)model, (void)stats; }
static void plan_stats(const hone__exec_plan *plan, hone__exec_stats *stats) { (void)plan, (void)stats; }

static size_t node_count(const hone__exec_model *model) {
    hone__exec_model *locked = (hone__exec_model *)(uintptr_t)model;
    pthread_mutex_lock(&locked->lock);
    size_t n = model->has_profile ? model->profile.n : 0;
    pthread_mutex_unlock(&locked->lock);
    return n;
}

static void node_report(const hone__exec_model *model, const hone__exec_plan *plan, size_t index,
                        hone_node_report *out) {
    const hone__ort_node *node = &model->profile.nodes[index];
    (void)plan;
    memset(out, 0, sizeof *out);
    out->name = node->name;
    out->op = node->op;
    out->domain = "";
    out->backend = "onnxruntime";
    out->kernel = node->provider;
    out->algorithm = out->detail = out->precision = out->layout = "";
    out->time_ms = node->time_ms;
    out->bytes = node->activation_size + node->parameter_size + node->output_size;
}

const hone__backend hone__backend_onnxruntime = {
    .name = "onnxruntime",
    .runs_model = true,
    .reports_time = true,
    .prepare = prepare,
    .model_destroy = model_destroy,
    .plan = hone__ort_plan_create,
    .plan_destroy = hone__ort_plan_destroy,
    .plan_output = hone__ort_plan_output,
    .context_create = context_create,
    .context_destroy = context_destroy,
    .context_bind = context_bind,
    .run = run,
    .context_stats = context_stats,
    .model_stats = model_stats,
    .plan_stats = plan_stats,
    .node_count = node_count,
    .node_report = node_report,
};
