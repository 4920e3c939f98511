/* Names in force while a graph is imported. A scope belongs to one GraphProto or to one call of a
 * model-local function; subgraphs see the scopes around them, function bodies do not. */
#ifndef HONE_MODEL_MODEL_SCOPE_H
#define HONE_MODEL_MODEL_SCOPE_H

#include "graph/graph.h"
#include "onnx/onnx_messages.h"

typedef struct hone__binding {
    hone__pb_bytes name;
    hone__value *value; /* NULL: an optional input that was omitted */
    uint64_t hash;
    bool is_used;    /* the slot */
    bool is_promise; /* a function's output that a node of the body has yet to define */
} hone__binding;

/* A call of a model-local function that is being inlined. */
typedef struct hone__call {
    const struct hone__call *caller;
    struct hone__scope *caller_scope;
    const hone__function_proto *function;
    const hone__node_proto *node;
    const char *prefix; /* of names made in the body: "layer1/" */
} hone__call;

typedef struct hone__scope {
    struct hone__scope *parent;
    hone__graph *graph;     /* where nodes go */
    const hone__call *call; /* NULL outside functions */
    hone__binding *bindings;
    size_t capacity, n;
} hone__scope;

void hone__scope_init(hone__scope *scope, hone__scope *parent, hone__graph *graph, const hone__call *call);
void hone__scope_deinit(hone__scope *scope);

/* In this scope only; NULL if the name is not bound. */
hone__binding *hone__scope_find_here(const hone__scope *scope, hone__pb_bytes name);
/* Here, then outwards. */
hone__binding *hone__scope_find(const hone__scope *scope, hone__pb_bytes name);
/* The name must not be bound here. NULL when out of memory. The pointer is valid until the next bind. */
hone__binding *hone__scope_bind(hone__scope *scope, hone__pb_bytes name, hone__value *value);

#endif
