/* The intermediate representation: values, nodes, attributes, subgraphs.
 *
 * Where it stands: model/ builds a graph from an ONNX file, passes/ rewrite it, exec/ plans and runs
 * it. A graph and everything in it lives in one arena, owned by the root graph: removing a node
 * unlinks it, memory returns when the root is destroyed. Nodes form a list in a topological order
 * that editing keeps (insert before the first consumer). Subgraphs (bodies of If, Loop, Scan) share
 * the root's arena and may use values of the graphs around them directly. */
#ifndef HONE_GRAPH_GRAPH_H
#define HONE_GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/dtype.h"
#include "base/strbuf.h"
#include "base/tensor.h"

#include <hone/status.h>

typedef struct hone__graph hone__graph;
typedef struct hone__node hone__node;
typedef struct hone__value hone__value;
struct hone__op; /* ops/op.h: the operator's row; graph only carries the pointer */

/* A dimension: value >= 0, or value == -1 with a symbol (NULL: nothing is known). Symbols are
 * compared by text. */
typedef struct hone__dim {
    int64_t value;
    const char *symbol;
} hone__dim;

typedef struct hone__type {
    hone_kind kind;
    hone_dtype dtype;              /* tensors: element; maps: key */
    int rank;                      /* tensors: -1 unknown */
    hone__dim *dims;               /* [rank] */
    const struct hone__type *elem; /* sequence and optional: item; map: value; NULL unknown */
    bool is_known;                 /* false: no type at all yet */
    bool is_sparse;                /* sparse tensor input/output */
} hone__type;

typedef struct hone__use {
    hone__node *node;
    size_t index; /* input index in that node */
} hone__use;

/* Known elements of a small integer tensor (a shape being computed): n elements, each a dim whose
 * value may be negative too: is_known tells. */
typedef struct hone__sym {
    bool is_known;
    int64_t value;
    const char *symbol; /* when unknown: symbol of the dim it stands for, or NULL */
} hone__sym;

struct hone__value {
    const char *name; /* unique in the root graph; never NULL, never "" */
    uint32_t id;      /* dense in the root graph: 0 .. hone__graph_value_count(root)-1 */
    hone__graph *graph;
    hone__type type;
    hone__node *producer; /* NULL: graph input, initializer or constant */
    size_t producer_index;
    hone__use *uses; /* by nodes, those in subgraphs included; unordered */
    size_t n_uses, uses_capacity;
    size_t n_output_uses;        /* times it is an output of its graph (or, captured, of a subgraph) */
    const hone_tensor *constant; /* initializer or folded constant: NULL if not constant. Borrowed
                                    from the mapping or owned by the graph (hone__graph_adopt_tensor) */
    bool is_input;               /* in graph->inputs */
    bool is_overridable;         /* an initializer that is also a graph input (IR < 4 style) */
    hone__sym *sym;              /* [n_sym] data known by propagation, or NULL */
    size_t n_sym;
};

/* Numbers are those of AttributeProto.AttributeType (onnx.proto). */
typedef enum hone__attr_type {
    HONE_ATTR_UNDEFINED = 0,
    HONE_ATTR_FLOAT = 1,
    HONE_ATTR_INT = 2,
    HONE_ATTR_STRING = 3,
    HONE_ATTR_TENSOR = 4,
    HONE_ATTR_GRAPH = 5,
    HONE_ATTR_FLOATS = 6,
    HONE_ATTR_INTS = 7,
    HONE_ATTR_STRINGS = 8,
    HONE_ATTR_TENSORS = 9,
    HONE_ATTR_GRAPHS = 10,
    HONE_ATTR_SPARSE_TENSOR = 11,
    HONE_ATTR_SPARSE_TENSORS = 12,
    HONE_ATTR_TYPE_PROTO = 13,
    HONE_ATTR_TYPE_PROTOS = 14
} hone__attr_type;

typedef struct hone__attr {
    const char *name;
    hone__attr_type type;
    size_t n; /* elements of the plural kinds */
    union {
        float f;
        int64_t i;
        hone_string s;
        const hone_tensor *t; /* also sparse tensors, made dense */
        hone__graph *g;
        const float *floats;
        const int64_t *ints;
        const hone_string *strings;
        const hone_tensor *const *tensors;
        hone__graph *const *graphs;
        const hone__type *tp;
    };
} hone__attr;

struct hone__node {
    const char *name;   /* unique path, made up when the file has none ("Conv_12") */
    const char *domain; /* "" for ai.onnx */
    const char *op_type;
    int64_t opset;             /* version of the domain in force */
    const struct hone__op *op; /* NULL: unknown operator */
    hone__graph *graph;        /* NULL once removed */
    uint32_t id;               /* dense in the root graph: 0 .. hone__graph_node_count(root)-1 */
    hone__value **inputs;      /* [n_inputs]; NULL for an omitted optional input */
    size_t n_inputs;
    size_t *use_slots;     /* [n_inputs]: where inputs[i]->uses lists this input; kept by the editing functions */
    hone__value **outputs; /* [n_outputs]; NULL for an omitted output */
    size_t n_outputs;
    hone__attr *attrs;
    size_t n_attrs;
    hone__node *prev, *next;
    int64_t file_offset;    /* of the NodeProto, or -1 */
    const char *provenance; /* pass that made or last changed it, or NULL */
};

typedef struct hone__opset {
    const char *domain; /* "" for ai.onnx */
    int64_t version;
} hone__opset;

struct hone__graph {
    const char *name;
    uint32_t id;         /* dense in the root: the root is 0, every graph comes after its parent */
    hone__graph *parent; /* NULL for the root */
    hone__node *owner;   /* node whose attribute this subgraph is */
    hone__node *first, *last;
    size_t n_nodes;
    hone__value **inputs; /* initializers that are not overridable inputs are excluded */
    size_t n_inputs, inputs_capacity;
    hone__value **outputs;
    size_t n_outputs, outputs_capacity;
    struct hone__graph_root *root; /* arena, name table, adopted tensors, opsets */
};

/* ---- life ---- */
hone_status hone__graph_create(const char *name, hone__graph **out, hone_error *error);
/* A subgraph that shares the root of `parent`; destroyed with it. */
hone_status hone__graph_create_subgraph(hone__graph *parent, const char *name, hone__graph **out, hone_error *error);
void hone__graph_destroy(hone__graph *root);
hone__arena *hone__graph_arena(const hone__graph *graph);
size_t hone__graph_value_count(const hone__graph *graph); /* ids given out in the root so far */
size_t hone__graph_node_count(const hone__graph *graph);
/* The value with an id (0 .. value_count-1), wherever in the root it lives. */
hone__value *hone__graph_value_at(const hone__graph *graph, size_t id);
/* A deep copy of a root graph; constants are shared with (borrowed from) the original. */
hone_status hone__graph_clone(const hone__graph *graph, hone__graph **out, hone_error *error);

/* ---- alignment ----
 * A constant may be a view of a file that lies unaligned for its type; whoever computes with it aligns it first (a copy
 * that the graph owns), kernels that say they can read it as it lies excepted. */
hone_status hone__value_align(hone__value *value, hone_error *error);
/* The tensors in attributes, subgraphs' included. */
hone_status hone__graph_align_attributes(hone__graph *graph, hone_error *error);
/* Everything, of a root graph and all in it. */
hone_status hone__graph_align_constants(hone__graph *graph, hone_error *error);

/* ---- opsets ---- */
hone_status hone__graph_set_opset(hone__graph *graph, const char *domain, int64_t version, hone_error *error);
int64_t hone__graph_get_opset(const hone__graph *graph, const char *domain); /* 0: not imported */
size_t hone__graph_opset_count(const hone__graph *graph);
hone__opset hone__graph_opset_at(const hone__graph *graph, size_t index);

/* ---- building ---- */
/* `name` is copied; NULL or a name in use gets a unique one made from `name` (or "v"). In a graph that
 * does not know the name yet the value is found under the name asked for as well, so that two branches
 * of an If may both call a value "x". */
hone_status hone__graph_add_value(hone__graph *graph, const char *name, hone__value **out, hone_error *error);
hone__value *hone__graph_find_value(const hone__graph *graph, const char *name); /* this graph, then outwards */
hone_status hone__graph_add_input(hone__graph *graph, hone__value *value, hone_error *error);
hone_status hone__graph_add_output(hone__graph *graph, hone__value *value, hone_error *error);
/* A value holding a constant; takes ownership of `tensor` on success. */
hone_status hone__graph_add_constant(hone__graph *graph, const char *name, hone_tensor *tensor, hone__value **out,
                                     hone_error *error);
/* The root keeps the tensor until it is destroyed. */
hone_status hone__graph_adopt_tensor(hone__graph *graph, hone_tensor *tensor, hone_error *error);

/* A node before `before` (NULL: at the end). Arrays are copied; inputs' uses and outputs' producers
 * are linked. domain/op_type/name are copied. op may be NULL. */
hone_status hone__graph_add_node(hone__graph *graph, hone__node *before, const char *domain, const char *op_type,
                                 const char *name, hone__value *const *inputs, size_t n_inputs,
                                 hone__value *const *outputs, size_t n_outputs, hone__node **out, hone_error *error);

/* ---- editing ---- */
hone_status hone__node_set_input(hone__node *node, size_t index, hone__value *value, hone_error *error); /* grows */
void hone__node_truncate_inputs(hone__node *node, size_t n);
/* Gives output `index` of the node a (producerless) value, or NULL. */
hone_status hone__node_set_output(hone__node *node, size_t index, hone__value *value, hone_error *error);
/* Unlinks a node: its uses go away, its outputs lose their producer. */
void hone__graph_remove_node(hone__node *node);
void hone__graph_move_before(hone__node *node, hone__node *before); /* NULL: to the end */
/* Every use of `from`, graph outputs included, becomes `to`. When `from` is a graph output, `to`
 * takes over its name if `to` is neither input, constant nor output itself; else the call fails with
 * HONE_ERROR_ARGUMENT and changes nothing (callers insert an Identity then, or give up). */
hone_status hone__graph_replace_value(hone__value *from, hone__value *to, hone_error *error);
bool hone__value_is_output(const hone__value *value);
/* The only consumer, if there is exactly one use by a node of the same graph and no output use. */
hone__node *hone__value_single_consumer(const hone__value *value);
/* Restores a topological order; HONE_ERROR_MODEL naming a node on a cycle. */
hone_status hone__graph_sort(hone__graph *graph, hone_error *error);

/* ---- attributes (arena copies of arrays, strings and names; tensors are borrowed) ---- */
const hone__attr *hone__node_attr(const hone__node *node, const char *name); /* NULL if absent */
int64_t hone__node_attr_int(const hone__node *node, const char *name, int64_t fallback);
float hone__node_attr_float(const hone__node *node, const char *name, float fallback);
/* Returns fallback when absent; NUL-terminated (attribute strings always are in the graph). */
const char *hone__node_attr_string(const hone__node *node, const char *name, const char *fallback);
/* NULL and *n = 0 when absent. */
const int64_t *hone__node_attr_ints(const hone__node *node, const char *name, size_t *n);
const float *hone__node_attr_floats(const hone__node *node, const char *name, size_t *n);
/* Adds or replaces; the attr's payload is copied into the arena (graphs and tensors by pointer). */
hone_status hone__node_set_attr(hone__node *node, const hone__attr *attr, hone_error *error);
hone_status hone__node_set_attr_int(hone__node *node, const char *name, int64_t value, hone_error *error);
hone_status hone__node_set_attr_float(hone__node *node, const char *name, float value, hone_error *error);
hone_status hone__node_set_attr_string(hone__node *node, const char *name, const char *value, hone_error *error);
hone_status hone__node_set_attr_ints(hone__node *node, const char *name, const int64_t *v, size_t n, hone_error *error);
hone_status hone__node_set_attr_floats(hone__node *node, const char *name, const float *v, size_t n, hone_error *error);
void hone__node_remove_attr(hone__node *node, const char *name);

/* ---- types ---- */
hone_status hone__type_set_tensor(hone__arena *arena, hone__type *type, hone_dtype dtype, int rank,
                                  const hone__dim *dims); /* rank -1: unknown; MEMORY only */
hone_status hone__type_copy(hone__arena *arena, const hone__type *from, hone__type *to);
/* True when rank and all dims are known. */
bool hone__type_is_static(const hone__type *type);
/* "float32[batch,3,224,224]"; returns buf. */
const char *hone__type_describe(const hone__type *type, char *buf, size_t size);

/* ---- whole-graph services ---- */
/* Every invariant above, subgraphs included: links both ways, order, names, ids. For tests and after
 * every pass in debug runs. */
hone_status hone__graph_verify(const hone__graph *graph, hone_error *error);
/* A readable listing. */
void hone__graph_print(const hone__graph *graph, hone__strbuf *out);

/* Graphs among a node's attributes (the bodies of If, Loop, Scan), in their order; previous NULL: the first. NULL
 * behind the last. */
hone__graph *hone__node_next_subgraph(const hone__node *node, const hone__graph *previous);
#define HONE_FOR_SUBGRAPHS(sub, node)                                                                                  \
    for (hone__graph *sub = hone__node_next_subgraph(node, NULL); sub; sub = hone__node_next_subgraph(node, sub))

#define HONE_FOR_NODES(node, graph) for (hone__node *node = (graph)->first; node; node = node->next)
/* Safe against removal of `node`. */
#define HONE_FOR_NODES_SAFE(node, graph)                                                                               \
    for (hone__node *node = (graph)->first, *node##_next = node ? node->next : NULL; node;                             \
         node = node##_next, node##_next = node ? node->next : NULL)

#endif
