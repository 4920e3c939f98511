/* Attributes of nodes. The arena keeps names and payloads; graphs and tensors are kept by pointer, and
 * a graph's owner follows the attribute. */
#include "graph/graph_root.h"

#include "base/error.h"

#include <string.h>

static hone__attr *find(const hone__node *node, const char *name) {
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strcmp(node->attrs[i].name, name) == 0)
            return &node->attrs[i];
    return NULL;
}

const hone__attr *hone__node_attr(const hone__node *node, const char *name) { return find(node, name); }

int64_t hone__node_attr_int(const hone__node *node, const char *name, int64_t fallback) {
    const hone__attr *attr = find(node, name);
    return attr && attr->type == HONE_ATTR_INT ? attr->i : fallback;
}

float hone__node_attr_float(const hone__node *node, const char *name, float fallback) {
    const hone__attr *attr = find(node, name);
    return attr && attr->type == HONE_ATTR_FLOAT ? attr->f : fallback;
}

const char *hone__node_attr_string(const hone__node *node, const char *name, const char *fallback) {
    const hone__attr *attr = find(node, name);
    return attr && attr->type == HONE_ATTR_STRING ? attr->s.data : fallback;
}

const int64_t *hone__node_attr_ints(const hone__node *node, const char *name, size_t *n) {
    const hone__attr *attr = find(node, name);
    bool is_here = attr && attr->type == HONE_ATTR_INTS;
    *n = is_here ? attr->n : 0;
    return is_here ? attr->ints : NULL;
}

const float *hone__node_attr_floats(const hone__node *node, const char *name, size_t *n) {
    const hone__attr *attr = find(node, name);
    bool is_here = attr && attr->type == HONE_ATTR_FLOATS;
    *n = is_here ? attr->n : 0;
    return is_here ? attr->floats : NULL;
}

/* Copies n elements; an empty array still gets an address, so that "present and empty" can be told
 * from "absent". */
static const void *copy_array(hone__arena *arena, const void *from, size_t n, size_t size) {
    void *copy = hone__arena_calloc(arena, n ? n : 1, size);
    if (copy && n)
        memcpy(copy, from, n * size);
    return copy;
}

static bool copy_string(hone__arena *arena, hone_string *s) {
    s->data = hone__arena_strndup(arena, s->data ? s->data : "", s->size);
    return s->data != NULL;
}

/* Replaces the payload's pointers by copies; false when out of memory. */
static bool copy_payload(hone__arena *arena, hone__attr *attr) {
    switch (attr->type) {
    case HONE_ATTR_STRING:
        return copy_string(arena, &attr->s);
    case HONE_ATTR_FLOATS:
        return (attr->floats = copy_array(arena, attr->floats, attr->n, sizeof(float))) != NULL;
    case HONE_ATTR_INTS:
        return (attr->ints = copy_array(arena, attr->ints, attr->n, sizeof(int64_t))) != NULL;
    case HONE_ATTR_STRINGS: {
        hone_string *strings = hone__arena_calloc(arena, attr->n ? attr->n : 1, sizeof *strings);
        if (!strings)
            return false;
        for (size_t i = 0; i < attr->n; i++) {
            strings[i] = attr->strings[i];
            if (!copy_string(arena, &strings[i]))
                return false;
        }
        attr->strings = strings;
        return true;
    }
    case HONE_ATTR_TENSORS:
    case HONE_ATTR_SPARSE_TENSORS:
        return (attr->tensors = copy_array(arena, attr->tensors, attr->n, sizeof(void *))) != NULL;
    case HONE_ATTR_GRAPHS:
        return (attr->graphs = copy_array(arena, attr->graphs, attr->n, sizeof(void *))) != NULL;
    case HONE_ATTR_TYPE_PROTO: {
        hone__type *type = hone__arena_calloc(arena, 1, sizeof *type);
        if (!type || hone__type_copy(arena, attr->tp, type) != HONE_OK)
            return false;
        attr->tp = type;
        return true;
    }
    default:
        return true;
    }
}

hone__graph *hone__node_next_subgraph(const hone__node *node, const hone__graph *previous) {
    bool is_next = previous == NULL;
    for (size_t i = 0; i < node->n_attrs; i++) {
        const hone__attr *attr = &node->attrs[i];
        const size_t n = attr->type == HONE_ATTR_GRAPH ? 1 : attr->type == HONE_ATTR_GRAPHS ? attr->n : 0;
        for (size_t k = 0; k < n; k++) {
            hone__graph *graph = attr->type == HONE_ATTR_GRAPH ? attr->g : attr->graphs[k];
            if (is_next && graph)
                return graph;
            is_next = is_next || graph == previous;
        }
    }
    return NULL;
}

static void set_owner(const hone__attr *attr, hone__node *from, hone__node *to) {
    if (attr->type == HONE_ATTR_GRAPH && attr->g && (!from || attr->g->owner == from))
        attr->g->owner = to;
    else if (attr->type == HONE_ATTR_GRAPHS)
        for (size_t i = 0; i < attr->n; i++)
            if (!from || attr->graphs[i]->owner == from)
                attr->graphs[i]->owner = to;
}

hone_status hone__node_set_attr(hone__node *node, const hone__attr *attr, hone_error *error) {
    hone__arena *arena = &node->graph->root->arena;
    hone__attr copy = *attr;
    if (!copy_payload(arena, &copy))
        return hone__fail_memory(error, "an attribute");
    hone__attr *slot = find(node, attr->name);
    if (slot) {
        copy.name = slot->name;
        set_owner(slot, node, NULL);
    } else {
        copy.name = hone__arena_strdup(arena, attr->name);
        /* Room comes in powers of two: a full array is one whose count is such a power. */
        size_t n = node->n_attrs;
        if (copy.name && (n == 0 || (n >= 4 && (n & (n - 1)) == 0))) {
            hone__attr *grown = hone__arena_calloc(arena, n ? n * 2 : 4, sizeof *grown);
            if (!grown)
                return hone__fail_memory(error, "an attribute");
            if (n)
                memcpy(grown, node->attrs, n * sizeof *grown);
            node->attrs = grown;
        }
        if (!copy.name)
            return hone__fail_memory(error, "an attribute");
        slot = &node->attrs[node->n_attrs++];
    }
    *slot = copy;
    set_owner(slot, NULL, node);
    return HONE_OK;
}

hone_status hone__node_set_attr_int(hone__node *node, const char *name, int64_t value, hone_error *error) {
    return hone__node_set_attr(node, &(hone__attr){.name = name, .type = HONE_ATTR_INT, .i = value}, error);
}

hone_status hone__node_set_attr_float(hone__node *node, const char *name, float value, hone_error *error) {
    return hone__node_set_attr(node, &(hone__attr){.name = name, .type = HONE_ATTR_FLOAT, .f = value}, error);
}

hone_status hone__node_set_attr_string(hone__node *node, const char *name, const char *value, hone_error *error) {
    hone__attr attr = {.name = name, .type = HONE_ATTR_STRING, .s = {value, strlen(value)}};
    return hone__node_set_attr(node, &attr, error);
}

hone_status hone__node_set_attr_ints(hone__node *node, const char *name, const int64_t *v, size_t n,
                                     hone_error *error) {
    return hone__node_set_attr(node, &(hone__attr){.name = name, .type = HONE_ATTR_INTS, .n = n, .ints = v}, error);
}

hone_status hone__node_set_attr_floats(hone__node *node, const char *name, const float *v, size_t n,
                                       hone_error *error) {
    return hone__node_set_attr(node, &(hone__attr){.name = name, .type = HONE_ATTR_FLOATS, .n = n, .floats = v}, error);
}

void hone__node_remove_attr(hone__node *node, const char *name) {
    hone__attr *attr = find(node, name);
    if (!attr)
        return;
    set_owner(attr, node, NULL);
    size_t i = (size_t)(attr - node->attrs);
    node->n_attrs--;
    memmove(attr, attr + 1, (node->n_attrs - i) * sizeof *attr);
}
