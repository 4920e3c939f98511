/* Life and building of graphs: see graph.h. Everything lives in the root's arena, except the tables
 * that grow (names, values by id), which the root frees when it is destroyed. */
#include "graph/graph_root.h"

#include "base/alloc.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

static hone_status add_graph(struct hone__graph_root *root, const char *name, hone__graph **out, hone_error *error) {
    hone__graph *graph = hone__arena_calloc(&root->arena, 1, sizeof *graph);
    const char *copy = hone__arena_strdup(&root->arena, name ? name : "");
    if (!graph || !copy ||
        !hone__grow((void **)&root->graphs, &root->graphs_capacity, root->n_graphs + 1, sizeof *root->graphs))
        return hone__fail_memory(error, "a graph");
    graph->name = copy;
    graph->root = root;
    graph->id = (uint32_t)root->n_graphs;
    root->graphs[root->n_graphs++] = graph;
    *out = graph;
    return HONE_OK;
}

hone_status hone__graph_create(const char *name, hone__graph **out, hone_error *error) {
    *out = NULL;
    struct hone__graph_root *root = hone__calloc(1, sizeof *root);
    if (!root)
        return hone__fail_memory(error, "a graph");
    hone__arena_init(&root->arena);
    hone_status status = add_graph(root, name, out, error);
    if (status != HONE_OK) {
        hone__arena_deinit(&root->arena);
        hone__free(root->graphs);
        hone__free(root);
    }
    return status;
}

hone_status hone__graph_create_subgraph(hone__graph *parent, const char *name, hone__graph **out, hone_error *error) {
    *out = NULL;
    int depth = 1;
    for (const hone__graph *g = parent; g->parent; g = g->parent)
        depth++;
    HONE_FAIL_IF(depth > HONE__MAX_NESTING, error, HONE_ERROR_LIMIT, "graphs are nested more than %d deep",
                 (int)HONE__MAX_NESTING);
    HONE_TRY(add_graph(parent->root, name, out, error));
    (*out)->parent = parent;
    return HONE_OK;
}

void hone__graph_destroy(hone__graph *graph) {
    if (!graph)
        return;
    struct hone__graph_root *root = graph->root;
    for (size_t i = 0; i < root->n_tensors; i++)
        hone_tensor_destroy(root->tensors[i]);
    hone__free(root->tensors);
    hone__free(root->values);
    hone__free(root->graphs);
    hone__free(root->opsets);
    hone__names_deinit(&root->values_by_name);
    hone__names_deinit(&root->nodes_by_name);
    hone__arena_deinit(&root->arena);
    hone__free(root);
}

hone__arena *hone__graph_arena(const hone__graph *graph) { return &graph->root->arena; }
size_t hone__graph_value_count(const hone__graph *graph) { return graph->root->n_values; }
size_t hone__graph_node_count(const hone__graph *graph) { return graph->root->n_nodes; }

hone__value *hone__graph_value_at(const hone__graph *graph, size_t id) {
    return id < graph->root->n_values ? graph->root->values[id] : NULL;
}

/* ---- opsets ---- */

static const char *plain_domain(const char *domain) { return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain; }

hone_status hone__graph_set_opset(hone__graph *graph, const char *domain, int64_t version, hone_error *error) {
    struct hone__graph_root *root = graph->root;
    domain = plain_domain(domain);
    for (size_t i = 0; i < root->n_opsets; i++)
        if (strcmp(root->opsets[i].domain, domain) == 0) {
            root->opsets[i].version = version;
            return HONE_OK;
        }
    const char *copy = hone__arena_strdup(&root->arena, domain);
    if (!copy || !hone__grow((void **)&root->opsets, &root->opsets_capacity, root->n_opsets + 1, sizeof *root->opsets))
        return hone__fail_memory(error, "an opset");
    root->opsets[root->n_opsets++] = (hone__opset){copy, version};
    return HONE_OK;
}

int64_t hone__graph_get_opset(const hone__graph *graph, const char *domain) {
    domain = plain_domain(domain);
    for (size_t i = 0; i < graph->root->n_opsets; i++)
        if (strcmp(graph->root->opsets[i].domain, domain) == 0)
            return graph->root->opsets[i].version;
    return 0;
}

size_t hone__graph_opset_count(const hone__graph *graph) { return graph->root->n_opsets; }
hone__opset hone__graph_opset_at(const hone__graph *graph, size_t index) { return graph->root->opsets[index]; }

/* ---- building ---- */

hone_status hone__graph_add_value(hone__graph *graph, const char *name, hone__value **out, hone_error *error) {
    struct hone__graph_root *root = graph->root;
    *out = NULL;
    HONE_FAIL_IF(root->n_values >= UINT32_MAX, error, HONE_ERROR_LIMIT, "the graph has too many values");
    const char *wanted = name && *name ? name : "v";
    hone__value *value = hone__arena_calloc(&root->arena, 1, sizeof *value);
    const char *unique = value ? hone__graph_unique_name(graph, &root->values_by_name, wanted) : NULL;
    if (!unique || !hone__grow((void **)&root->values, &root->values_capacity, root->n_values + 1, sizeof(void *)))
        return hone__fail_memory(error, "a value");
    const char *alias = unique;
    if (strcmp(unique, wanted) != 0 && !(alias = hone__arena_strdup(&root->arena, wanted)))
        return hone__fail_memory(error, "a value");
    value->name = unique;
    value->graph = graph;
    value->type.rank = -1;
    value->id = (uint32_t)root->n_values;
    root->values[root->n_values++] = value;
    hone__names_put(&root->values_by_name, NULL, unique, value);
    if (!hone__names_get(&root->values_by_name, graph, alias))
        hone__names_put(&root->values_by_name, graph, alias, value);
    *out = value;
    return HONE_OK;
}

hone__value *hone__graph_find_value(const hone__graph *graph, const char *name) {
    const hone__names *names = &graph->root->values_by_name;
    for (const hone__graph *g = graph; g; g = g->parent) {
        hone__value *value = hone__names_get(names, g, name);
        if (value)
            return value;
    }
    /* A made-up name is known to the root's table only. */
    hone__value *value = hone__names_get(names, NULL, name);
    return value && hone__graph_encloses(value->graph, graph) ? value : NULL;
}

bool hone__graph_encloses(const hone__graph *outer, const hone__graph *graph) {
    for (; graph; graph = graph->parent)
        if (graph == outer)
            return true;
    return false;
}

hone__node *hone__graph_lift(const hone__graph *graph, hone__node *node) {
    while (node && node->graph && node->graph != graph)
        node = node->graph->owner;
    return node && node->graph ? node : NULL;
}

/* Arrays that live in the arena grow by doubling; what they leave behind is freed with the root. */
static bool arena_append(hone__arena *arena, hone__value ***array, size_t n, size_t *capacity, hone__value *value) {
    if (n == *capacity) {
        size_t grown = *capacity ? *capacity * 2 : 4;
        hone__value **copy = hone__arena_calloc(arena, grown, sizeof *copy);
        if (!copy)
            return false;
        if (n)
            memcpy(copy, *array, n * sizeof *copy);
        *array = copy;
        *capacity = grown;
    }
    (*array)[n] = value;
    return true;
}

hone_status hone__graph_add_input(hone__graph *graph, hone__value *value, hone_error *error) {
    HONE_FAIL_IF(value->graph != graph || value->producer || value->is_input, error, HONE_ERROR_ARGUMENT,
                 "value \"%s\" cannot become an input of graph \"%s\"", value->name, graph->name);
    if (!arena_append(&graph->root->arena, &graph->inputs, graph->n_inputs, &graph->inputs_capacity, value))
        return hone__fail_memory(error, "a graph input");
    graph->n_inputs++;
    value->is_input = true;
    return HONE_OK;
}

hone_status hone__graph_add_output(hone__graph *graph, hone__value *value, hone_error *error) {
    HONE_FAIL_IF(!hone__graph_encloses(value->graph, graph), error, HONE_ERROR_ARGUMENT,
                 "value \"%s\" does not belong to graph \"%s\" or one around it", value->name, graph->name);
    if (!arena_append(&graph->root->arena, &graph->outputs, graph->n_outputs, &graph->outputs_capacity, value))
        return hone__fail_memory(error, "a graph output");
    graph->n_outputs++;
    value->n_output_uses++;
    return HONE_OK;
}

hone_status hone__graph_adopt_tensor(hone__graph *graph, hone_tensor *tensor, hone_error *error) {
    struct hone__graph_root *root = graph->root;
    if (!hone__grow((void **)&root->tensors, &root->tensors_capacity, root->n_tensors + 1, sizeof *root->tensors))
        return hone__fail_memory(error, "a constant");
    root->tensors[root->n_tensors++] = tensor;
    return HONE_OK;
}

hone_status hone__graph_add_constant(hone__graph *graph, const char *name, hone_tensor *tensor, hone__value **out,
                                     hone_error *error) {
    struct hone__graph_root *root = graph->root;
    *out = NULL;
    hone__dim dims[HONE_MAX_RANK];
    for (int i = 0; i < tensor->rank; i++)
        dims[i] = (hone__dim){tensor->dims[i], NULL};
    hone__type type = {.rank = -1};
    if (tensor->kind == HONE_KIND_TENSOR)
        HONE_TRY(hone__type_set_tensor(&root->arena, &type, tensor->dtype, tensor->rank, dims));
    if (!hone__grow((void **)&root->tensors, &root->tensors_capacity, root->n_tensors + 1, sizeof *root->tensors))
        return hone__fail_memory(error, "a constant");
    hone__value *value;
    HONE_TRY(hone__graph_add_value(graph, name, &value, error));
    root->tensors[root->n_tensors++] = tensor; /* room was made above */
    value->type = type;
    value->constant = tensor;
    *out = value;
    return HONE_OK;
}
