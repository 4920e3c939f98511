/* Constants of a graph that lie unaligned for their type in a mapped file: copied where something computes with them.
 */
#include "graph/graph.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <string.h>

static hone_status align(hone__graph *graph, const hone_tensor **tensor, hone_error *error) {
    if (!*tensor || hone__tensor_is_aligned(*tensor))
        return HONE_OK;
    /* As hone_tensor_create makes it, padding included, but written once: weights are large. */
    const hone_tensor *from = *tensor;
    hone_tensor *copy;
    size_t padded;
    void *data = hone__add_size(from->size, HONE_ALIGNMENT, &padded) ? hone__malloc_aligned(padded) : NULL;
    if (!data)
        return hone__fail_memory(error, "an aligned copy of a constant");
    memcpy(data, from->data, from->size);
    memset((char *)data + from->size, 0, HONE_ALIGNMENT);
    hone_status made = hone_tensor_create_borrowed(from->dtype, from->rank, from->dims, data, from->size, &copy, error);
    if (made != HONE_OK) {
        hone__free_aligned(data);
        return made;
    }
    copy->owns_data = true;
    hone_status status = hone__graph_adopt_tensor(graph, copy, error);
    if (status != HONE_OK)
        hone_tensor_destroy(copy);
    else
        *tensor = copy;
    return status;
}

hone_status hone__value_align(hone__value *value, hone_error *error) {
    return align(value->graph, &value->constant, error);
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

hone_status hone__graph_align_attributes(hone__graph *graph, hone_error *error) { return align_attrs(graph, error); }

hone_status hone__graph_align_constants(hone__graph *graph, hone_error *error) {
    for (size_t i = 0; i < hone__graph_value_count(graph); i++)
        HONE_TRY(hone__value_align(hone__graph_value_at(graph, i), error));
    return align_attrs(graph, error);
}
