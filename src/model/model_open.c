/* Opening and closing models. Loading is: map the file, read the messages, build the graph, infer
 * types. Weights are not touched. */
#include "model/model.h"

#include "base/alloc.h"
#include "base/error.h"
#include "ops/op.h"
#include "ops/op_gradient.h"

static void destroy(hone_model *model) {
    hone__graph_destroy(model->graph);
    hone__onnx_source_deinit(&model->source);
    hone__arena_deinit(&model->arena);
    hone__mapping_close(&model->mapping);
    hone__free(model->unsupported);
    hone__free(model->path);
    pthread_mutex_destroy(&model->mutex);
    hone__free(model);
}

static hone_status check_versions(const hone_model *model, hone_error *error) {
    int64_t ir = model->proto.ir_version;
    if (ir > 0 && ir < 1000)
        return HONE_OK;
    hone__fail(error, HONE_ERROR_MODEL, ir ? "the model's IR version is %lld" : "the model states no IR version",
               (long long)ir);
    hone__error_file(error, model->path, 0);
    hone__error_hint(error, "check that the file is an ONNX model and is complete");
    return HONE_ERROR_MODEL;
}

/* Rows are the contract of evaluators and kernels: counts and attribute types must hold before any of
 * them sees a node. Nodes without a row are listed as unsupported later. */
static hone_status check_nodes(const hone_model *model, const hone__graph *graph, hone_error *error) {
    HONE_FOR_NODES(node, graph) {
        hone_status status = node->op ? hone__op_check_node(node, error) : HONE_OK;
        if (status != HONE_OK) {
            hone__error_node(error, node->name);
            hone__error_file(error, model->path, node->file_offset);
            return status;
        }
        HONE_FOR_SUBGRAPHS(sub, node)
        HONE_TRY(check_nodes(model, sub, error));
    }
    return HONE_OK;
}

/* Shapes that a tool wrote between nodes are often stale after an edit. They are hints: when they
 * contradict the operators, inference runs again without them, and `hone check` reports it. */
static hone_status infer(hone_model *model, hone_error *error) {
    hone_error first;
    if (hone__graph_infer(model->graph, &first) == HONE_OK)
        return HONE_OK;
    if (first.status != HONE_ERROR_SHAPE && first.status != HONE_ERROR_TYPE) {
        if (error)
            *error = first;
        hone__error_file(error, model->path, -1);
        return first.status;
    }
    hone__graph_destroy(model->graph);
    HONE_TRY(hone__model_import(model, &model->graph, error));
    for (size_t i = 0; i < hone__graph_value_count(model->graph); i++) {
        hone__value *value = hone__graph_value_at(model->graph, i);
        if (value->producer) {
            memset(&value->type, 0, sizeof value->type);
            value->type.rank = -1;
        }
    }
    hone_status status = hone__graph_infer(model->graph, error);
    if (status != HONE_OK)
        hone__error_file(error, model->path, -1);
    return status;
}

static hone_status load(hone_model *model, const char *path, const char *base_dir, hone_error *error) {
    hone__pb_bytes bytes = {model->data, model->size};
    hone_status status;
    if (model->size == 0) {
        hone__fail(error, HONE_ERROR_MODEL, "the file is empty");
        hone__error_file(error, model->path, 0);
        hone__error_hint(error, "fetch or export the model again");
        return HONE_ERROR_MODEL;
    }
    HONE_TRY(hone__pb_parse(&hone__model_desc, bytes, model->data, model->path, &model->arena, &model->proto, error));
    HONE_TRY(check_versions(model, error));
    HONE_TRY(hone__onnx_source_init(&model->source, model->data, path, base_dir, error));
    HONE_TRY(hone__model_import(model, &model->graph, error));
    HONE_TRY(check_nodes(model, model->graph, error));
    HONE_TRY(infer(model, error));
    size_t n_gradients;
    status = hone__graph_expand_gradients(model->graph, &n_gradients, error);
    if (status != HONE_OK) {
        hone__error_file(error, model->path, -1);
        return status;
    }
    return hone__model_describe(model, error);
}

static hone_status create(const char *path, hone_model **out, hone_error *error) {
    *out = NULL;
    hone_model *model = hone__calloc(1, sizeof *model);
    char *copy = hone__strdup(path ? path : "");
    if (!model || !copy || pthread_mutex_init(&model->mutex, NULL) != 0) {
        hone__free(model);
        hone__free(copy);
        return hone__fail_memory(error, "a model");
    }
    atomic_init(&model->n_references, 1);
    hone__arena_init(&model->arena);
    model->path = copy;
    *out = model;
    return HONE_OK;
}

hone_status hone_model_open(const char *path, hone_model **out, hone_error *error) {
    HONE_FAIL_IF(!out, error, HONE_ERROR_ARGUMENT, "out is NULL");
    *out = NULL;
    HONE_FAIL_IF(!path, error, HONE_ERROR_ARGUMENT, "path is NULL");
    hone_model *model;
    HONE_TRY(create(path, &model, error));
    hone_status status = hone__mapping_open(path, &model->mapping, error);
    if (status == HONE_OK) {
        model->data = model->mapping.data;
        model->size = model->mapping.size;
        status = load(model, model->path, NULL, error);
    }
    if (status == HONE_OK)
        *out = model;
    else
        destroy(model);
    return status;
}

hone_status hone_model_open_memory(const void *data, size_t size, const char *base_dir, hone_model **out,
                                   hone_error *error) {
    HONE_FAIL_IF(!out, error, HONE_ERROR_ARGUMENT, "out is NULL");
    *out = NULL;
    HONE_FAIL_IF(!data && size, error, HONE_ERROR_ARGUMENT, "data is NULL");
    hone_model *model;
    HONE_TRY(create(NULL, &model, error));
    model->data = data;
    model->size = size;
    hone_status status = load(model, NULL, base_dir, error);
    if (status == HONE_OK)
        *out = model;
    else
        destroy(model);
    return status;
}

hone_model *hone_model_retain(hone_model *model) {
    atomic_fetch_add_explicit(&model->n_references, 1, memory_order_relaxed);
    return model;
}

void hone_model_close(hone_model *model) {
    if (model && atomic_fetch_sub_explicit(&model->n_references, 1, memory_order_acq_rel) == 1)
        destroy(model);
}
