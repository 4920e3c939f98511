/* Common subexpressions: a pure node with the same operator, attributes and inputs as an earlier one hands
 * its uses over to it. Nodes are found by a hash of operator and inputs. */
#include "base/alloc.h"
#include "base/error.h"
#include "passes/pass_list.h"
#include "passes/pass_util.h"

#include <string.h>

static bool same_payload(const hone__attr *a, const hone__attr *b) {
    if (a->type != b->type || a->n != b->n || strcmp(a->name, b->name) != 0)
        return false;
    switch (a->type) {
    case HONE_ATTR_FLOAT:
        return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case HONE_ATTR_INT:
        return a->i == b->i;
    case HONE_ATTR_STRING:
        return a->s.size == b->s.size && memcmp(a->s.data, b->s.data, a->s.size) == 0;
    case HONE_ATTR_FLOATS:
        return memcmp(a->floats, b->floats, a->n * sizeof *a->floats) == 0;
    case HONE_ATTR_INTS:
        return memcmp(a->ints, b->ints, a->n * sizeof *a->ints) == 0;
    default:
        return false;
    }
}

static bool same_node(const hone__node *a, const hone__node *b) {
    if (a->op != b->op || a->n_inputs != b->n_inputs || a->n_outputs != b->n_outputs || a->n_attrs != b->n_attrs)
        return false;
    for (size_t i = 0; i < a->n_inputs; i++)
        if (a->inputs[i] != b->inputs[i])
            return false;
    for (size_t i = 0; i < a->n_outputs; i++)
        if (!a->outputs[i] != !b->outputs[i])
            return false;
    for (size_t i = 0; i < a->n_attrs; i++)
        if (!same_payload(&a->attrs[i], &b->attrs[i]))
            return false;
    return true;
}

static size_t hash_node(const hone__node *node) {
    size_t hash = (size_t)(uintptr_t)node->op >> 4;
    for (size_t i = 0; i < node->n_inputs; i++)
        hash = hash * 1000003u + (node->inputs[i] ? node->inputs[i]->id + 1 : 0);
    return hash ^ hash >> 17;
}

/* Replaces all outputs or, when one cannot be, none that was not replaced already. */
static hone_status merge(hone__node *node, hone__node *into, bool *merged, hone_error *error) {
    *merged = false;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && (hone__value_is_output(node->outputs[i])))
            return HONE_OK;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i])
            HONE_TRY(hone__graph_replace_value(node->outputs[i], into->outputs[i], error));
    hone__graph_remove_node(node);
    *merged = true;
    return HONE_OK;
}

HONE_PASS(eliminate_duplicates) {
    hone__graph *graph = ctx->graph;
    size_t capacity = 64;
    while (capacity < graph->n_nodes * 2)
        capacity *= 2;
    hone__node **table = hone__calloc(capacity, sizeof *table);
    if (!table)
        return hone__fail_memory(error, "eliminate_duplicates");
    hone_status status = HONE_OK;
    HONE_FOR_NODES_SAFE(node, graph) {
        bool pure = node->op && (node->op->flags & HONE_OP_PURE) && !(node->op->flags & HONE_OP_CONTROL);
        if (!pure || node->n_inputs == 0)
            continue;
        size_t at = hash_node(node) & (capacity - 1);
        while (table[at] && !same_node(table[at], node))
            at = (at + 1) & (capacity - 1);
        if (!table[at]) {
            table[at] = node;
            continue;
        }
        bool merged;
        status = merge(node, table[at], &merged, error);
        if (status != HONE_OK)
            break;
        ctx->n_changed += merged;
    }
    hone__free(table);
    return status;
}
