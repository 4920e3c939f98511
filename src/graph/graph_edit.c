/* Editing: nodes in and out, links both ways, order. Every function leaves the graph as it was when it
 * fails. An input knows its place in the value's list of uses (use_slots), so that unlinking costs the
 * same for a constant with a hundred thousand consumers as for one with two. */
#include "graph/graph_root.h"

#include "base/alloc.h"
#include "base/error.h"

#include <stdio.h>
#include <string.h>

/* ---- uses ---- */

bool hone__value_add_use(hone__value *value, hone__node *node, size_t index, hone__arena *arena) {
    if (value->n_uses == value->uses_capacity) {
        size_t grown = value->uses_capacity ? value->uses_capacity * 2 : 2;
        hone__use *copy = hone__arena_calloc(arena, grown, sizeof *copy);
        if (!copy)
            return false;
        if (value->n_uses)
            memcpy(copy, value->uses, value->n_uses * sizeof *copy);
        value->uses = copy;
        value->uses_capacity = grown;
    }
    node->use_slots[index] = value->n_uses;
    value->uses[value->n_uses++] = (hone__use){node, index};
    node->inputs[index] = value;
    return true;
}

void hone__value_drop_use(hone__node *node, size_t index) {
    hone__value *value = node->inputs[index];
    if (!value)
        return;
    size_t slot = node->use_slots[index];
    hone__use last = value->uses[--value->n_uses];
    if (slot != value->n_uses) {
        value->uses[slot] = last;
        last.node->use_slots[last.index] = slot;
    }
    node->inputs[index] = NULL;
}

/* ---- the list of nodes ---- */

static void link_before(hone__node *node, hone__node *before) {
    hone__graph *graph = node->graph;
    node->next = before;
    node->prev = before ? before->prev : graph->last;
    if (node->prev)
        node->prev->next = node;
    else
        graph->first = node;
    if (before)
        before->prev = node;
    else
        graph->last = node;
    graph->n_nodes++;
}

static void unlink_node(hone__node *node) {
    hone__graph *graph = node->graph;
    if (node->prev)
        node->prev->next = node->next;
    else
        graph->first = node->next;
    if (node->next)
        node->next->prev = node->prev;
    else
        graph->last = node->prev;
    node->prev = node->next = NULL;
    graph->n_nodes--;
}

/* Room for inputs comes in powers of two, so that a node's capacity follows from its count. */
static size_t slots_for(size_t n) {
    size_t capacity = 2;
    while (capacity < n)
        capacity *= 2;
    return capacity;
}

static hone_status check_links(const hone__graph *graph, const char *op_type, hone__value *const *inputs,
                               size_t n_inputs, hone__value *const *outputs, size_t n_outputs, hone_error *error) {
    for (size_t i = 0; i < n_inputs; i++)
        HONE_FAIL_IF(inputs[i] && !hone__graph_encloses(inputs[i]->graph, graph), error, HONE_ERROR_ARGUMENT,
                     "a %s node in graph \"%s\" cannot see value \"%s\"", op_type, graph->name, inputs[i]->name);
    for (size_t i = 0; i < n_outputs; i++) {
        const hone__value *v = outputs[i];
        if (!v)
            continue;
        HONE_FAIL_IF(v->graph != graph || v->producer || v->is_input || v->constant, error, HONE_ERROR_ARGUMENT,
                     "value \"%s\" cannot become an output of a %s node: it already has a source", v->name, op_type);
        for (size_t j = 0; j < i; j++)
            HONE_FAIL_IF(outputs[j] == v, error, HONE_ERROR_ARGUMENT, "value \"%s\" is an output of a %s node twice",
                         v->name, op_type);
    }
    return HONE_OK;
}

/* The node's storage, linked to nothing yet; NULL when out of memory. */
static hone__node *new_node(hone__graph *graph, const char *domain, const char *op_type, const char *name,
                            size_t n_inputs, size_t n_outputs) {
    struct hone__graph_root *root = graph->root;
    hone__arena *arena = &root->arena;
    char made_up[96];
    if (!name || !*name) {
        snprintf(made_up, sizeof made_up, "%.64s_%zu", op_type, root->n_nodes);
        name = made_up;
    }
    size_t slots = slots_for(n_inputs);
    hone__node *node = hone__arena_calloc(arena, 1, sizeof *node);
    if (!node)
        return NULL;
    node->name = hone__graph_unique_name(graph, &root->nodes_by_name, name);
    node->domain = hone__arena_strdup(arena, domain && strcmp(domain, "ai.onnx") != 0 ? domain : "");
    node->op_type = hone__arena_strdup(arena, op_type);
    node->inputs = hone__arena_calloc(arena, slots, sizeof *node->inputs);
    node->use_slots = hone__arena_calloc(arena, slots, sizeof *node->use_slots);
    node->outputs = hone__arena_calloc(arena, n_outputs ? n_outputs : 1, sizeof *node->outputs);
    if (!node->name || !node->domain || !node->op_type || !node->inputs || !node->use_slots || !node->outputs)
        return NULL;
    node->n_inputs = n_inputs;
    node->n_outputs = n_outputs;
    node->file_offset = -1;
    return node;
}

hone_status hone__graph_add_node(hone__graph *graph, hone__node *before, const char *domain, const char *op_type,
                                 const char *name, hone__value *const *inputs, size_t n_inputs,
                                 hone__value *const *outputs, size_t n_outputs, hone__node **out, hone_error *error) {
    struct hone__graph_root *root = graph->root;
    if (out)
        *out = NULL;
    HONE_FAIL_IF(before && before->graph != graph, error, HONE_ERROR_ARGUMENT,
                 "the node to insert a %s before is not in graph \"%s\"", op_type, graph->name);
    HONE_FAIL_IF(root->n_nodes >= UINT32_MAX, error, HONE_ERROR_LIMIT, "the graph has too many nodes");
    HONE_TRY(check_links(graph, op_type, inputs, n_inputs, outputs, n_outputs, error));
    hone__node *node = new_node(graph, domain, op_type, name, n_inputs, n_outputs);
    if (!node)
        return hone__fail_memory(error, "a node");
    for (size_t i = 0; i < n_inputs; i++)
        if (inputs[i] && !hone__value_add_use(inputs[i], node, i, &root->arena)) {
            while (i-- > 0)
                hone__value_drop_use(node, i);
            return hone__fail_memory(error, "a node");
        }
    for (size_t i = 0; i < n_outputs; i++) {
        node->outputs[i] = outputs[i];
        if (outputs[i]) {
            outputs[i]->producer = node;
            outputs[i]->producer_index = i;
        }
    }
    node->opset = hone__graph_get_opset(graph, node->domain);
    node->graph = graph;
    node->id = (uint32_t)root->n_nodes++;
    hone__names_put(&root->nodes_by_name, NULL, node->name, node);
    link_before(node, before);
    if (out)
        *out = node;
    return HONE_OK;
}

hone_status hone__node_set_input(hone__node *node, size_t index, hone__value *value, hone_error *error) {
    hone__arena *arena = &node->graph->root->arena;
    HONE_FAIL_IF(value && !hone__graph_encloses(value->graph, node->graph), error, HONE_ERROR_ARGUMENT,
                 "node \"%s\" cannot see value \"%s\"", node->name, value->name);
    if (index >= slots_for(node->n_inputs)) {
        size_t slots = slots_for(index + 1);
        hone__value **inputs = hone__arena_calloc(arena, slots, sizeof *inputs);
        size_t *use_slots = inputs ? hone__arena_calloc(arena, slots, sizeof *use_slots) : NULL;
        if (!use_slots)
            return hone__fail_memory(error, "a node's inputs");
        memcpy(inputs, node->inputs, node->n_inputs * sizeof *inputs);
        memcpy(use_slots, node->use_slots, node->n_inputs * sizeof *use_slots);
        node->inputs = inputs;
        node->use_slots = use_slots;
    }
    hone__value *old = index < node->n_inputs ? node->inputs[index] : NULL;
    if (old == value && index < node->n_inputs)
        return HONE_OK;
    if (old)
        hone__value_drop_use(node, index);
    for (size_t i = node->n_inputs; i <= index; i++)
        node->inputs[i] = NULL;
    if (value && !hone__value_add_use(value, node, index, arena)) {
        if (old) /* its slot has just become free, so this cannot fail */
            hone__value_add_use(old, node, index, arena);
        return hone__fail_memory(error, "a value's uses");
    }
    if (index >= node->n_inputs)
        node->n_inputs = index + 1;
    return HONE_OK;
}

void hone__node_truncate_inputs(hone__node *node, size_t n) {
    /* The arrays keep their size; slots_for() then understates it, which is safe. */
    while (node->n_inputs > n)
        hone__value_drop_use(node, --node->n_inputs);
}

hone_status hone__node_set_output(hone__node *node, size_t index, hone__value *value, hone_error *error) {
    if (index < node->n_outputs && node->outputs[index] == value)
        return HONE_OK;
    HONE_TRY(check_links(node->graph, node->op_type, NULL, 0, &value, 1, error));
    if (index >= node->n_outputs) {
        hone__value **outputs = hone__arena_calloc(&node->graph->root->arena, index + 1, sizeof *outputs);
        if (!outputs)
            return hone__fail_memory(error, "a node's outputs");
        memcpy(outputs, node->outputs, node->n_outputs * sizeof *outputs);
        node->outputs = outputs;
        node->n_outputs = index + 1;
    }
    if (node->outputs[index])
        node->outputs[index]->producer = NULL;
    node->outputs[index] = value;
    if (value) {
        value->producer = node;
        value->producer_index = index;
    }
    return HONE_OK;
}

/* ---- removal ---- */

static void drop_graph(hone__graph *graph, const hone__node *owner) {
    if (!graph || graph->owner != owner)
        return; /* the attribute was handed to another node before this one went */
    while (graph->last)
        hone__graph_remove_node(graph->last); /* nesting is bounded, hence the recursion is */
    for (size_t i = 0; i < graph->n_outputs; i++)
        graph->outputs[i]->n_output_uses--;
    graph->n_outputs = 0;
    graph->owner = NULL;
}

void hone__graph_remove_node(hone__node *node) {
    if (!node->graph)
        return;
    HONE_FOR_SUBGRAPHS(sub, node)
    drop_graph(sub, node);
    for (size_t i = 0; i < node->n_inputs; i++)
        hone__value_drop_use(node, i);
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i]) {
            node->outputs[i]->producer = NULL;
            node->outputs[i] = NULL;
        }
    hone__names_put(&node->graph->root->nodes_by_name, NULL, node->name, NULL);
    unlink_node(node);
    node->graph = NULL;
}

void hone__graph_move_before(hone__node *node, hone__node *before) {
    if (node == before || !node->graph)
        return;
    hone__graph *graph = node->graph;
    unlink_node(node);
    node->graph = graph;
    link_before(node, before);
}

/* ---- replacing values ---- */

bool hone__value_is_output(const hone__value *value) { return value->n_output_uses > 0; }

hone__node *hone__value_single_consumer(const hone__value *value) {
    if (value->n_uses != 1 || value->n_output_uses || value->uses[0].node->graph != value->graph)
        return NULL;
    return value->uses[0].node;
}

static void swap_names(hone__value *a, hone__value *b) {
    hone__names *names = &a->graph->root->values_by_name;
    const char *name = a->name;
    a->name = b->name;
    b->name = name;
    /* Both keys of (NULL, name) exist already; those of the graphs may need the reserved slots. */
    hone__names_put(names, NULL, a->name, a);
    hone__names_put(names, NULL, b->name, b);
    hone__names_put(names, a->graph, a->name, a);
    hone__names_put(names, b->graph, b->name, b);
}

static void replace_outputs(hone__graph *graph, hone__value *from, hone__value *to) {
    for (size_t i = 0; i < graph->n_outputs && from->n_output_uses; i++)
        if (graph->outputs[i] == from) {
            graph->outputs[i] = to;
            from->n_output_uses--;
            to->n_output_uses++;
        }
}

hone_status hone__graph_replace_value(hone__value *from, hone__value *to, hone_error *error) {
    struct hone__graph_root *root = from->graph->root;
    if (from == to)
        return HONE_OK;
    HONE_FAIL_IF(to->graph->root != root, error, HONE_ERROR_ARGUMENT, "values of two models cannot be mixed");
    if (from->n_output_uses) {
        HONE_FAIL_IF(from->is_input || to->is_input || to->constant || to->n_output_uses, error, HONE_ERROR_ARGUMENT,
                     "value \"%s\" cannot stand for the graph output \"%s\"", to->name, from->name);
        if (!hone__names_reserve(&root->values_by_name, 4))
            return hone__fail_memory(error, "names");
    }
    for (size_t i = 0; i < from->n_uses; i++)
        HONE_FAIL_IF(!hone__graph_encloses(to->graph, from->uses[i].node->graph), error, HONE_ERROR_ARGUMENT,
                     "node \"%s\" cannot see value \"%s\"", from->uses[i].node->name, to->name);
    /* Room first, so that the move itself cannot fail half-way. */
    size_t need = to->n_uses + from->n_uses;
    if (need > to->uses_capacity) {
        size_t capacity = slots_for(need);
        hone__use *uses = hone__arena_calloc(&root->arena, capacity, sizeof *uses);
        if (!uses)
            return hone__fail_memory(error, "a value's uses");
        if (to->n_uses)
            memcpy(uses, to->uses, to->n_uses * sizeof *uses);
        to->uses = uses;
        to->uses_capacity = capacity;
    }
    for (size_t i = 0; i < from->n_uses; i++) {
        hone__use use = from->uses[i];
        use.node->inputs[use.index] = to;
        use.node->use_slots[use.index] = to->n_uses;
        to->uses[to->n_uses++] = use;
    }
    from->n_uses = 0;
    if (from->n_output_uses) {
        replace_outputs(from->graph, from, to);
        for (size_t i = 0; i < root->n_graphs && from->n_output_uses; i++)
            replace_outputs(root->graphs[i], from, to);
        swap_names(from, to);
    }
    return HONE_OK;
}
