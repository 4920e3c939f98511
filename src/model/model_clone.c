/* Clones of a model's graph for sessions and passes, with every constant aligned. */
#include "model/model.h"

#include "base/error.h"

const hone__graph *hone__model_graph(const hone_model *model) { return model->graph; }

static bool is_aligned(const hone_tensor *tensor) {
    return tensor->kind != HONE_KIND_TENSOR || tensor->size == 0 ||
           (uintptr_t)tensor->data % hone__dtype_alignment(tensor->dtype) == 0;
}

static hone_status align(hone__graph *graph, const hone_tensor **tensor, hone_error *error) {
    if (!*tensor || is_aligned(*tensor))
        return HONE_OK;
    hone_tensor *copy;
    HONE_TRY(hone_tensor_create((*tensor)->dtype, (*tensor)->rank, (*tensor)->dims, &copy, error));
    memcpy(copy->data, (*tensor)->data, (*tensor)->size);
    hone_status status = hone__graph_adopt_tensor(graph, copy, error);
    if (status != HONE_OK)
        hone_tensor_destroy(copy);
    else
        *tensor = copy;
    return status;
}

static hone_status align_attrs(hone__graph *graph, hone_error *error) {
    HONE_FOR_NODES(node, graph)
    for (size_t a = 0; a < node->n_attrs; a++) {
        hone__attr *attr = &node->attrs[a];
        if (attr->type == HONE_ATTR_TENSOR || attr->type == HONE_ATTR_SPARSE_TENSOR)
            HONE_TRY(align(graph, &attr->t, error));
        if (attr->type == HONE_ATTR_TENSORS || attr->type == HONE_ATTR_SPARSE_TENSORS)
            for (size_t i = 0; i < attr->n; i++) /* the array is the graph's own copy */
                HONE_TRY(align(graph, (const hone_tensor **)(uintptr_t)&attr->tensors[i], error));
        if (attr->type == HONE_ATTR_GRAPH)
            HONE_TRY(align_attrs(attr->g, error));
        for (size_t i = 0; attr->type == HONE_ATTR_GRAPHS && i < attr->n; i++)
            HONE_TRY(align_attrs(attr->graphs[i], error));
    }
    return HONE_OK;
}

hone_status hone__graph_align_constants(hone__graph *graph, hone_error *error) {
    for (size_t i = 0; i < hone__graph_value_count(graph); i++)
        HONE_TRY(align(graph, &hone__graph_value_at(graph, i)->constant, error));
    return align_attrs(graph, error);
}

hone_status hone__model_clone_graph(const hone_model *model, hone__graph **out, hone_error *error) {
    HONE_TRY(hone__graph_clone(model->graph, out, error));
    hone_status status = hone__graph_align_constants(*out, error);
    if (status != HONE_OK) {
        hone__graph_destroy(*out);
        *out = NULL;
    }
    return status;
}
