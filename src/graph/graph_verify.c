/* The invariants of graph.h, checked one by one. A violation is a fault of this library (or a model
 * that the loader let through), hence HONE_ERROR_INTERNAL with a message that names the place. */
#include "graph/graph_root.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

typedef struct verifier {
    const struct hone__graph_root *root;
    size_t *position;      /* [root nodes] by node id: 1 + place in its graph's list, 0 if not in a list */
    size_t *n_output_uses; /* [values] counted */
    size_t *n_uses;        /* [values] counted */
    bool *is_live;         /* [graphs] reached from the root */
    hone_error *error;
} verifier;

#define REQUIRE(cond, ...)                                                                                             \
    do {                                                                                                               \
        if (!(cond))                                                                                                   \
            return hone__fail(v->error, HONE_ERROR_INTERNAL, __VA_ARGS__);                                             \
    } while (0)

static hone_status check_value(const verifier *v, size_t id) {
    const hone__value *value = v->root->values[id];
    REQUIRE(value->id == id, "value %zu says its id is %u", id, value->id);
    REQUIRE(value->name && *value->name, "value %zu has no name", id);
    REQUIRE(hone__names_get(&v->root->values_by_name, NULL, value->name) == value,
            "the name \"%s\" does not lead to its value", value->name);
    REQUIRE(value->graph && value->graph->root == v->root, "value \"%s\" is of another root", value->name);
    REQUIRE(!value->producer || !value->is_input, "value \"%s\" is an input and has a producer", value->name);
    REQUIRE(!value->producer || !value->constant, "value \"%s\" is constant and has a producer", value->name);
    REQUIRE(value->n_uses == v->n_uses[id], "value \"%s\" lists %zu uses, nodes have %zu", value->name, value->n_uses,
            v->n_uses[id]);
    REQUIRE(value->n_output_uses == v->n_output_uses[id], "value \"%s\" counts %zu output uses, there are %zu",
            value->name, value->n_output_uses, v->n_output_uses[id]);
    REQUIRE(!value->producer ||
                (value->producer->graph == value->graph && value->producer_index < value->producer->n_outputs &&
                 value->producer->outputs[value->producer_index] == value),
            "value \"%s\" names a producer that does not make it", value->name);
    return HONE_OK;
}

/* `value` is needed by `consumer` (a node, in this graph or inside). */
static hone_status check_available(const verifier *v, const hone__value *value, hone__node *consumer) {
    REQUIRE(hone__graph_encloses(value->graph, consumer->graph), "node \"%s\" uses \"%s\", which it cannot see",
            consumer->name, value->name);
    if (!value->producer) {
        REQUIRE(value->is_input || value->constant, "node \"%s\" uses \"%s\", which nothing makes", consumer->name,
                value->name);
        return HONE_OK;
    }
    const hone__node *lifted = hone__graph_lift(value->graph, consumer);
    REQUIRE(lifted && v->position[value->producer->id] < v->position[lifted->id],
            "node \"%s\" uses \"%s\" before node \"%s\" makes it", consumer->name, value->name, value->producer->name);
    return HONE_OK;
}

static hone_status check_node(const verifier *v, hone__node *node) {
    REQUIRE(hone__names_get(&v->root->nodes_by_name, NULL, node->name) == node,
            "the name \"%s\" does not lead to its node", node->name);
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        if (!value)
            continue;
        size_t slot = node->use_slots[i];
        REQUIRE(value->id < v->root->n_values && v->root->values[value->id] == value,
                "node \"%s\" uses a value that the root does not know", node->name);
        REQUIRE(slot < value->n_uses && value->uses[slot].node == node && value->uses[slot].index == i,
                "input %zu of node \"%s\" is not among the uses of \"%s\"", i, node->name, value->name);
        v->n_uses[value->id]++;
        HONE_TRY(check_available(v, value, node));
    }
    for (size_t i = 0; i < node->n_outputs; i++)
        REQUIRE(!node->outputs[i] || (node->outputs[i]->producer == node && node->outputs[i]->producer_index == i),
                "output %zu of node \"%s\" has another producer", i, node->name);
    return HONE_OK;
}

static hone_status check_ends(const verifier *v, const hone__graph *graph) {
    for (size_t i = 0; i < graph->n_inputs; i++)
        REQUIRE(graph->inputs[i]->is_input && graph->inputs[i]->graph == graph,
                "input \"%s\" of graph \"%s\" does not know that it is one", graph->inputs[i]->name, graph->name);
    for (size_t i = 0; i < graph->n_outputs; i++) {
        const hone__value *value = graph->outputs[i];
        v->n_output_uses[value->id]++;
        REQUIRE(value->producer || value->is_input || value->constant, "nothing makes output \"%s\" of graph \"%s\"",
                value->name, graph->name);
        if (value->graph == graph)
            continue;
        REQUIRE(graph->owner, "output \"%s\" of graph \"%s\" is of another graph", value->name, graph->name);
        HONE_TRY(check_available(v, value, graph->owner));
    }
    return HONE_OK;
}

/* First round: the lists, and which graphs are alive (parents come before children by id). */
static hone_status place_nodes(const verifier *v, const hone__graph *graph) {
    size_t n = 0;
    const hone__node *prev = NULL;
    HONE_FOR_NODES(node, graph) {
        REQUIRE(node->graph == graph && node->prev == prev && n < graph->n_nodes && node->id < v->root->n_nodes &&
                    !v->position[node->id],
                "the list of nodes of graph \"%s\" is damaged at \"%s\"", graph->name, node->name);
        v->position[node->id] = ++n;
        prev = node;
        for (size_t a = 0; a < node->n_attrs; a++) {
            const hone__attr *attr = &node->attrs[a];
            size_t n_graphs = attr->type == HONE_ATTR_GRAPH ? 1 : attr->type == HONE_ATTR_GRAPHS ? attr->n : 0;
            for (size_t k = 0; k < n_graphs; k++) {
                const hone__graph *inner = attr->type == HONE_ATTR_GRAPH ? attr->g : attr->graphs[k];
                REQUIRE(inner && inner->owner == node && inner->parent == graph && !v->is_live[inner->id],
                        "attribute \"%s\" of node \"%s\" holds a graph that is not its own", attr->name, node->name);
                v->is_live[inner->id] = true;
            }
        }
    }
    REQUIRE(graph->last == prev && graph->n_nodes == n, "graph \"%s\" counts %zu nodes, the list has %zu", graph->name,
            graph->n_nodes, n);
    return HONE_OK;
}

static hone_status verify(const verifier *v) {
    const struct hone__graph_root *root = v->root;
    v->is_live[0] = true;
    for (size_t g = 0; g < root->n_graphs; g++) {
        const hone__graph *graph = root->graphs[g];
        REQUIRE(graph->id == g && (g == 0) == !graph->parent, "graph %zu has a wrong id or parent", g);
        if (v->is_live[g])
            HONE_TRY(place_nodes(v, graph));
        else
            REQUIRE(!graph->owner, "graph \"%s\" has an owner that does not hold it", graph->name);
    }
    for (size_t g = 0; g < root->n_graphs; g++) {
        if (v->is_live[g])
            HONE_TRY(check_ends(v, root->graphs[g]));
        else /* a detached subgraph still counts as a consumer until it is dropped */
            for (size_t i = 0; i < root->graphs[g]->n_outputs; i++)
                v->n_output_uses[root->graphs[g]->outputs[i]->id]++;
        HONE_FOR_NODES(node, root->graphs[g]) {
            if (v->is_live[g])
                HONE_TRY(check_node(v, node));
            else
                for (size_t i = 0; i < node->n_inputs; i++)
                    if (node->inputs[i])
                        v->n_uses[node->inputs[i]->id]++;
        }
    }
    for (size_t i = 0; i < root->n_values; i++)
        HONE_TRY(check_value(v, i));
    return HONE_OK;
}

hone_status hone__graph_verify(const hone__graph *graph, hone_error *error) {
    const struct hone__graph_root *root = graph->root;
    size_t n_values = root->n_values ? root->n_values : 1;
    verifier v = {.root = root, .error = error};
    v.position = hone__calloc(root->n_nodes ? root->n_nodes : 1, sizeof *v.position);
    v.n_output_uses = hone__calloc(n_values, sizeof *v.n_output_uses);
    v.n_uses = hone__calloc(n_values, sizeof *v.n_uses);
    v.is_live = hone__calloc(root->n_graphs, sizeof *v.is_live);
    hone_status status =
        v.position && v.n_output_uses && v.n_uses && v.is_live ? verify(&v) : hone__fail_memory(error, "the check");
    hone__free(v.position);
    hone__free(v.n_output_uses);
    hone__free(v.n_uses);
    hone__free(v.is_live);
    return status;
}
