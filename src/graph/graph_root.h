/* What all graphs of one root share: the arena, the tables of names, the constants that the graph
 * owns. Private to this room. */
#ifndef HONE_GRAPH_GRAPH_ROOT_H
#define HONE_GRAPH_GRAPH_ROOT_H

#include "graph/graph.h"

/* Subgraphs inside subgraphs: bounds every recursion over a graph. */
enum { HONE__MAX_NESTING = 64 };

/* A hash table from (scope, name) to a pointer: open addressing, never more than half full. Names
 * are borrowed (they live in the arena). An entry whose value is NULL counts as absent. */
typedef struct hone__names_entry {
    const void *scope;
    const char *name; /* NULL: free slot */
    void *value;
    uint64_t hash;
} hone__names_entry;

typedef struct hone__names {
    hone__names_entry *entries;
    size_t capacity; /* a power of two, or 0 */
    size_t n;
} hone__names;

void *hone__names_get(const hone__names *names, const void *scope, const char *name);
/* Makes room for `extra` more entries, after which that many puts cannot fail. */
bool hone__names_reserve(hone__names *names, size_t extra);
void hone__names_put(hone__names *names, const void *scope, const char *name, void *value);
void hone__names_deinit(hone__names *names);

struct hone__graph_root {
    hone__arena arena;
    /* Values: (NULL, name) for the unique name, (graph, name) for what a graph calls it. */
    hone__names values_by_name, nodes_by_name;
    hone__value **values; /* by id */
    size_t n_values, values_capacity;
    size_t n_nodes;
    hone__graph **graphs; /* by id; those whose owner was removed stay, empty */
    size_t n_graphs, graphs_capacity;
    hone_tensor **tensors; /* owned constants */
    size_t n_tensors, tensors_capacity;
    hone__opset *opsets;
    size_t n_opsets, opsets_capacity;
    uint64_t next_suffix; /* for made-up names */
};

/* A copy of `base` in the arena, with a number behind it when the name is taken in (NULL, name);
 * NULL when out of memory. The table has room for one more entry afterwards. */
const char *hone__graph_unique_name(hone__graph *graph, hone__names *names, const char *base);

/* The node of `graph` that `node` is or lies in (through owners), or NULL. */
hone__node *hone__graph_lift(const hone__graph *graph, hone__node *node);
/* True when `outer` is `graph` or a graph around it. */
bool hone__graph_encloses(const hone__graph *outer, const hone__graph *graph);

bool hone__value_add_use(hone__value *value, hone__node *node, size_t index, hone__arena *arena);
void hone__value_drop_use(hone__node *node, size_t index);

#endif
