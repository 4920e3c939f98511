/* Which nodes this build cannot run, and why: the operator is unknown, its opset is out of range, a
 * type is not in its row, or nothing evaluates it. All of them at once. */
#include "model/model.h"

#include "base/alloc.h"
#include "base/error.h"
#include "ops/op.h"
#include "ops/op_gradient.h"

#include <stdio.h>

static hone_status add(hone_model *model, const hone__node *node, hone_dtype dtype, const char *reason) {
    char *copy = hone__arena_strdup(&model->arena, reason);
    if (!copy || !hone__grow((void **)&model->unsupported, &model->unsupported_capacity, model->n_unsupported + 1,
                             sizeof *model->unsupported))
        return HONE_ERROR_MEMORY;
    model->unsupported[model->n_unsupported++] = (hone_unsupported){.node = node->name,
                                                                    .op = node->op_type,
                                                                    .domain = *node->domain ? node->domain : "ai.onnx",
                                                                    .opset = node->opset,
                                                                    .dtype = dtype,
                                                                    .backend = "cpu",
                                                                    .reason = copy};
    return HONE_OK;
}

static hone_status add_unknown(hone_model *model, const hone__node *node) {
    char reason[320];
    const char *domain = *node->domain ? node->domain : "ai.onnx";
    const hone__op *any = hone__op_find_any(node->domain, node->op_type);
    const char *refusal = hone__op_refusal(node->domain, node->op_type);
    if (refusal)
        snprintf(reason, sizeof reason, "%.80s is not supported: %.200s", node->op_type, refusal);
    else if (!any)
        snprintf(reason, sizeof reason, "operator %.80s of domain %.80s is unknown", node->op_type, domain);
    else if (any->since > node->opset)
        snprintf(reason, sizeof reason, "%.80s exists since opset %d of %.80s, the model imports %lld", node->op_type,
                 any->since, domain, (long long)node->opset);
    else
        snprintf(reason, sizeof reason, "%.80s of opset %lld of %.80s is not implemented", node->op_type,
                 (long long)node->opset, domain);
    return add(model, node, HONE_DTYPE_UNDEFINED, reason);
}

static hone_status check_node(hone_model *model, const hone__node *node) {
    if (!node->op)
        return add_unknown(model, node);
    char reason[320];
    if (!node->op->eval && !(node->op->flags & HONE_OP_NO_EVAL)) {
        snprintf(reason, sizeof reason, "%.80s (since opset %d) is known but nothing evaluates it", node->op_type,
                 node->op->since);
        return add(model, node, HONE_DTYPE_UNDEFINED, reason);
    }
    const char *why = hone__node_attr_string(node, HONE__GRADIENT_REFUSAL, NULL);
    if (strcmp(node->op_type, "Gradient") == 0 && (node->op->flags & HONE_OP_NO_EVAL)) {
        snprintf(reason, sizeof reason, "%.60s cannot be expanded: %.220s", node->op_type,
                 why ? why : "it stands inside of a subgraph");
        return add(model, node, HONE_DTYPE_UNDEFINED, reason);
    }
    const char *variant = hone__op_variant_refusal(node);
    if (variant) {
        snprintf(reason, sizeof reason, "%.80s is not supported with %.200s", node->op_type, variant);
        return add(model, node, HONE_DTYPE_UNDEFINED, reason);
    }
    hone_dtype dtype;
    return hone__op_takes_types(node, &dtype, reason, sizeof reason) ? HONE_OK : add(model, node, dtype, reason);
}

/* Nesting is bounded by the graph itself. */
static hone_status check_graph(hone_model *model, const hone__graph *graph) {
    HONE_FOR_NODES(node, graph) {
        HONE_TRY(check_node(model, node));
        HONE_FOR_SUBGRAPHS(sub, node)
        HONE_TRY(check_graph(model, sub));
    }
    return HONE_OK;
}

/* The list is a cache inside a model that is otherwise constant. */
static void prepare(const hone_model *constant) {
    hone_model *model = (hone_model *)(uintptr_t)constant;
    pthread_mutex_lock(&model->mutex);
    if (!model->has_unsupported) {
        model->n_unsupported = 0;
        /* Out of memory leaves the question open; the next call asks again. */
        model->has_unsupported = check_graph(model, model->graph) == HONE_OK;
    }
    pthread_mutex_unlock(&model->mutex);
}

size_t hone_model_unsupported_count(const hone_model *model) {
    prepare(model);
    return model->n_unsupported;
}

const hone_unsupported *hone_model_get_unsupported(const hone_model *model, size_t index) {
    prepare(model);
    return index < model->n_unsupported ? &model->unsupported[index] : NULL;
}
