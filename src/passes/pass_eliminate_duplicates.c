/* Common subexpressions and duplicate initialisers. A pure node with the same operator, attributes and inputs as an
 * earlier one hands its uses over to it; an initialiser with the type, the shape and the bytes of another gives way to
 * it. Both are found by hashes: of operator and inputs; of type, shape and the first and last bytes (a collision is
 * settled by comparing all bytes, so that weights which differ early are not read here).
 *
 * Proof obligation: a pure operator gives the same for the same inputs and attributes (its row says so; random and
 * control-flow operators do not), and the earlier node stands before every reader of the later. */
#include "base/alloc.h"
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

static bool same_string(hone_string a, hone_string b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool same_tensor(const hone_tensor *a, const hone_tensor *b) {
    if (a->kind != HONE_KIND_TENSOR || b->kind != HONE_KIND_TENSOR || a->dtype != b->dtype || a->rank != b->rank ||
        memcmp(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) != 0 || a->size != b->size)
        return false;
    if (a->dtype != HONE_DTYPE_STRING)
        return a->data == b->data || a->size == 0 || memcmp(a->data, b->data, a->size) == 0;
    const hone_string *x = a->data, *y = b->data;
    for (int64_t i = 0; i < hone__tensor_count(a); i++)
        if (!same_string(x[i], y[i]))
            return false;
    return true;
}

static bool same_payload(const hone__attr *a, const hone__attr *b) {
    if (a->type != b->type || a->n != b->n || strcmp(a->name, b->name) != 0)
        return false;
    switch (a->type) {
    case HONE_ATTR_FLOAT:
        return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case HONE_ATTR_INT:
        return a->i == b->i;
    case HONE_ATTR_STRING:
        return same_string(a->s, b->s);
    case HONE_ATTR_TENSOR:
        return a->t && b->t && same_tensor(a->t, b->t);
    case HONE_ATTR_FLOATS:
        return a->n == 0 || memcmp(a->floats, b->floats, a->n * sizeof *a->floats) == 0;
    case HONE_ATTR_INTS:
        return a->n == 0 || memcmp(a->ints, b->ints, a->n * sizeof *a->ints) == 0;
    case HONE_ATTR_STRINGS:
        for (size_t i = 0; i < a->n; i++)
            if (!same_string(a->strings[i], b->strings[i]))
                return false;
        return true;
    default:
        return false;
    }
}

static bool commutes(const hone__node *node) {
    static const char *const ops[] = {"Add", "Mul", "And", "Or", "Xor", "Equal", "Max", "Min", "Sum", "Mean"};
    for (size_t i = 0; node->n_inputs == 2 && !*node->domain && i < HONE_COUNT_OF(ops); i++)
        if (strcmp(node->op_type, ops[i]) == 0)
            return true;
    return false;
}

static bool same_inputs(const hone__node *a, const hone__node *b) {
    if (commutes(a) && a->inputs[0] == b->inputs[1] && a->inputs[1] == b->inputs[0])
        return true;
    for (size_t i = 0; i < a->n_inputs; i++)
        if (a->inputs[i] != b->inputs[i])
            return false;
    return true;
}

/* `a` may hand its uses over to `b`: `b` has every output that `a` has. */
static bool same_node(const hone__node *b, const hone__node *a) {
    if (a->op != b->op || a->n_inputs != b->n_inputs || a->n_outputs > b->n_outputs || a->n_attrs != b->n_attrs ||
        !same_inputs(a, b))
        return false;
    if (a->n_outputs != b->n_outputs && (a->op->flags & HONE_OP_VARIADIC_OUT))
        return false;
    for (size_t i = 0; i < a->n_outputs; i++)
        if (a->outputs[i] && !b->outputs[i])
            return false;
    for (size_t i = 0; i < a->n_attrs; i++)
        if (!same_payload(&a->attrs[i], &b->attrs[i]))
            return false;
    return true;
}

static size_t hash_node(const hone__node *node) {
    size_t hash = (size_t)(uintptr_t)node->op >> 4, sum = 0;
    bool any_order = commutes(node);
    for (size_t i = 0; i < node->n_inputs; i++) {
        size_t id = node->inputs[i] ? node->inputs[i]->id + 1 : 0;
        if (any_order)
            sum += id * 2654435761u;
        else
            hash = hash * 1000003u + id;
    }
    hash = hash * 31 + sum;
    for (size_t i = 0; i < node->n_attrs; i++) /* slices of one value differ in their attributes alone */
        for (size_t k = 0; node->attrs[i].type == HONE_ATTR_INTS && k < node->attrs[i].n; k++)
            hash = hash * 1000003u + (size_t)node->attrs[i].ints[k];
    return hash ^ hash >> 17;
}

/* An output of the graph can be made by another node when that node's value is none itself; nodes of several outputs
 * are left alone then, since they merge wholly or not at all. */
static hone_status merge(hone__node *node, hone__node *into, bool *merged, hone_error *error) {
    *merged = false;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && hone__value_is_output(node->outputs[i]) &&
            (node->n_outputs > 1 || hone__value_is_output(into->outputs[i])))
            return HONE_OK;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i])
            HONE_TRY(hone__graph_replace_value(node->outputs[i], into->outputs[i], error));
    hone__graph_remove_node(node);
    *merged = true;
    return HONE_OK;
}

static hone_status merge_nodes(hone__pass_context *ctx, hone_error *error) {
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

/* ---- initialisers ---- */

enum { LOOKED_AT = 64 }; /* bytes at each end */

static size_t hash_tensor(const hone_tensor *t) {
    size_t hash = (size_t)t->dtype * 131 + (size_t)t->rank, looked_at = t->size < LOOKED_AT ? t->size : LOOKED_AT;
    for (int i = 0; i < t->rank; i++)
        hash = hash * 1000003u + (size_t)t->dims[i];
    const unsigned char *bytes = t->data;
    for (size_t i = 0; t->dtype != HONE_DTYPE_STRING && i < looked_at; i++)
        hash = (hash ^ bytes[i] ^ (size_t)bytes[t->size - 1 - i] << 9) * 1099511628211u;
    return hash ^ hash >> 23;
}

/* Constants of bodies merge into those of the root, which every body sees. */
static hone_status merge_constants(hone__pass_context *ctx, hone_error *error) {
    hone__graph *root = ctx->graph;
    size_t n = hone__graph_value_count(root), n_constants = 0, capacity = 64;
    for (size_t id = 0; id < n; id++)
        n_constants += hone__graph_value_at(root, id)->constant != NULL;
    while (capacity < n_constants * 2)
        capacity *= 2;
    hone__value **table = hone__calloc(capacity, sizeof *table);
    if (!table)
        return hone__fail_memory(error, "eliminate_duplicates");
    hone_status status = HONE_OK;
    for (int inner = 0; inner < 2; inner++)
        for (size_t id = 0; id < n && status == HONE_OK; id++) {
            hone__value *value = hone__graph_value_at(root, id);
            if (!hone__is_constant(value) || value->is_input || !value->n_uses || (value->graph != root) != inner)
                continue;
            size_t at = hash_tensor(value->constant) & (capacity - 1);
            while (table[at] && !same_tensor(table[at]->constant, value->constant))
                at = (at + 1) & (capacity - 1);
            if (!table[at]) {
                if (!inner)
                    table[at] = value;
            } else if (!value->n_output_uses) {
                status = hone__graph_replace_value(value, table[at], error);
                ctx->n_changed += status == HONE_OK;
            }
        }
    hone__free(table);
    return status;
}

HONE_PASS(eliminate_duplicates) {
    if (!ctx->graph->parent)
        HONE_TRY(merge_constants(ctx, error));
    return merge_nodes(ctx, error);
}
