/* Deep copies: ids, names and order are the original's; constants are shared with it. */
#include "graph/graph_root.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

static hone_status clone_value(const hone__value *from, hone__graph *const *graphs, hone__graph *copy,
                               hone_error *error) {
    hone__arena *arena = &copy->root->arena;
    hone__value *value;
    HONE_TRY(hone__graph_add_value(graphs[from->graph->id], from->name, &value, error));
    if (hone__type_copy(arena, &from->type, &value->type) != HONE_OK)
        return hone__fail_memory(error, "a type");
    value->constant = from->constant;
    value->is_overridable = from->is_overridable;
    if (from->sym) {
        value->sym = hone__arena_calloc(arena, from->n_sym ? from->n_sym : 1, sizeof *value->sym);
        if (!value->sym)
            return hone__fail_memory(error, "known data");
        value->n_sym = from->n_sym;
        for (size_t i = 0; i < from->n_sym; i++) {
            value->sym[i] = from->sym[i];
            const char *symbol = from->sym[i].symbol;
            if (symbol && !(value->sym[i].symbol = hone__arena_strdup(arena, symbol)))
                return hone__fail_memory(error, "known data");
        }
    }
    return HONE_OK;
}

static hone_status clone_attr(const hone__attr *from, hone__graph *const *graphs, hone__node *node, hone_error *error) {
    hone__attr attr = *from;
    if (attr.type == HONE_ATTR_GRAPH) {
        attr.g = graphs[from->g->id];
    } else if (attr.type == HONE_ATTR_GRAPHS) {
        hone__graph **mapped = hone__arena_calloc(&node->graph->root->arena, attr.n ? attr.n : 1, sizeof *mapped);
        if (!mapped)
            return hone__fail_memory(error, "an attribute");
        for (size_t i = 0; i < attr.n; i++)
            mapped[i] = graphs[from->graphs[i]->id];
        attr.graphs = mapped;
    }
    return hone__node_set_attr(node, &attr, error);
}

static hone_status clone_node(const hone__node *from, hone__graph *const *graphs, hone__value **links,
                              hone_error *error) {
    hone__graph *graph = graphs[from->graph->id];
    hone__value **values = graph->root->values, **outputs = links + from->n_inputs;
    for (size_t i = 0; i < from->n_inputs; i++)
        links[i] = from->inputs[i] ? values[from->inputs[i]->id] : NULL;
    for (size_t i = 0; i < from->n_outputs; i++)
        outputs[i] = from->outputs[i] ? values[from->outputs[i]->id] : NULL;
    hone__node *node;
    HONE_TRY(hone__graph_add_node(graph, NULL, from->domain, from->op_type, from->name, links, from->n_inputs, outputs,
                                  from->n_outputs, &node, error));
    node->opset = from->opset;
    node->op = from->op;
    node->file_offset = from->file_offset;
    if (from->provenance && !(node->provenance = hone__arena_strdup(&graph->root->arena, from->provenance)))
        return hone__fail_memory(error, "a node");
    for (size_t i = 0; i < from->n_attrs; i++)
        HONE_TRY(clone_attr(&from->attrs[i], graphs, node, error));
    return HONE_OK;
}

static hone_status clone_nodes(const hone__graph *from, hone__graph *const *graphs, hone_error *error) {
    hone__value **links = NULL;
    size_t capacity = 0;
    hone_status status = HONE_OK;
    HONE_FOR_NODES(node, from) {
        if (!hone__grow((void **)&links, &capacity, node->n_inputs + node->n_outputs + 1, sizeof *links)) {
            status = hone__fail_memory(error, "a node");
            goto cleanup;
        }
        HONE_CHECK(clone_node(node, graphs, links, error));
    }
cleanup:
    hone__free(links);
    return status;
}

hone_status hone__graph_clone(const hone__graph *graph, hone__graph **out, hone_error *error) {
    *out = NULL;
    const struct hone__graph_root *from = graph->root;
    HONE_FAIL_IF(graph->parent, error, HONE_ERROR_ARGUMENT, "only a root graph can be cloned");
    hone__graph *copy = NULL, **graphs = NULL;
    hone_status status = hone__graph_create(graph->name, &copy, error);
    if (status != HONE_OK)
        return status;
    graphs = hone__calloc(from->n_graphs, sizeof *graphs);
    if (!graphs) {
        status = hone__fail_memory(error, "a graph");
        goto cleanup;
    }
    graphs[0] = copy;
    for (size_t i = 1; i < from->n_graphs; i++)
        HONE_CHECK(
            hone__graph_create_subgraph(graphs[from->graphs[i]->parent->id], from->graphs[i]->name, &graphs[i], error));
    for (size_t i = 0; i < from->n_opsets; i++)
        HONE_CHECK(hone__graph_set_opset(copy, from->opsets[i].domain, from->opsets[i].version, error));
    copy->root->next_suffix = from->next_suffix;
    for (size_t i = 0; i < from->n_values; i++)
        HONE_CHECK(clone_value(from->values[i], graphs, copy, error));
    hone__value **values = copy->root->values;
    for (size_t g = 0; g < from->n_graphs; g++)
        HONE_CHECK(clone_nodes(from->graphs[g], graphs, error));
    for (size_t g = 0; g < from->n_graphs; g++) {
        for (size_t i = 0; i < from->graphs[g]->n_inputs; i++)
            HONE_CHECK(hone__graph_add_input(graphs[g], values[from->graphs[g]->inputs[i]->id], error));
        for (size_t i = 0; i < from->graphs[g]->n_outputs; i++)
            HONE_CHECK(hone__graph_add_output(graphs[g], values[from->graphs[g]->outputs[i]->id], error));
    }
    *out = copy;
    copy = NULL;
cleanup:
    hone__free(graphs);
    hone__graph_destroy(copy);
    return status;
}
