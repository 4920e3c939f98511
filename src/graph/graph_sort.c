/* Topological order: the smallest change of the given order that puts every producer before its
 * consumers (Kahn's algorithm with a heap of positions). A node that holds subgraphs consumes what
 * the nodes inside it consume. */
#include "graph/graph_root.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

typedef struct sorter {
    hone__graph *graph;
    hone__node **nodes; /* [n] in the given order */
    size_t n;
    size_t *position;     /* [root nodes] by node id: index into nodes */
    size_t *n_waiting;    /* [n] producers not placed yet */
    size_t *edge_start;   /* [n + 1] into edges */
    uint32_t *edges;      /* consumers' indices */
    size_t *heap, n_heap; /* ready nodes, smallest position first */
} sorter;

static void heap_push(sorter *s, size_t x) {
    size_t i = s->n_heap++;
    for (; i > 0 && s->heap[(i - 1) / 2] > x; i = (i - 1) / 2)
        s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = x;
}

static size_t heap_pop(sorter *s) {
    size_t top = s->heap[0], last = s->heap[--s->n_heap], i = 0;
    for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
        if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child])
            child++;
        if (s->heap[child] >= last)
            break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = last;
    return top;
}

/* Calls for every edge producer -> consumer of the graph: counts when edges is NULL, else fills. */
static void add_edge(sorter *s, const hone__value *value, hone__node *consumer) {
    if (!value || !value->producer || value->producer->graph != s->graph || !consumer)
        return;
    size_t from = s->position[value->producer->id], to = s->position[consumer->id];
    if (!s->edges) {
        s->edge_start[from + 1]++;
    } else {
        s->edges[s->edge_start[from]++] = (uint32_t)to;
        s->n_waiting[to]++;
    }
}

static void walk_edges(sorter *s) {
    for (size_t i = 0; i < s->n; i++)
        for (size_t o = 0; o < s->nodes[i]->n_outputs; o++) {
            const hone__value *value = s->nodes[i]->outputs[o];
            for (size_t u = 0; value && u < value->n_uses; u++)
                add_edge(s, value, hone__graph_lift(s->graph, value->uses[u].node));
        }
    /* Outputs of subgraphs that are values of this graph. */
    for (size_t g = s->graph->id + 1; g < s->graph->root->n_graphs; g++) {
        const hone__graph *inner = s->graph->root->graphs[g];
        if (inner->owner && hone__graph_encloses(s->graph, inner))
            for (size_t o = 0; o < inner->n_outputs; o++)
                add_edge(s, inner->outputs[o], hone__graph_lift(s->graph, inner->owner));
    }
}

static hone_status relink(sorter *s, hone_error *error) {
    for (size_t i = 0; i < s->n; i++)
        if (s->n_waiting[i] == 0)
            heap_push(s, i);
    hone__node *last = NULL;
    size_t placed = 0;
    size_t *order = s->position; /* no longer needed: becomes the new order */
    while (s->n_heap) {
        size_t i = heap_pop(s);
        order[placed++] = i;
        for (size_t e = s->edge_start[i]; e < s->edge_start[i + 1]; e++)
            if (--s->n_waiting[s->edges[e]] == 0)
                heap_push(s, s->edges[e]);
    }
    if (placed < s->n) {
        size_t i = 0;
        while (s->n_waiting[i] == 0)
            i++;
        hone_status status = hone__fail(error, HONE_ERROR_MODEL, "node \"%s\" (%s) depends on its own result",
                                        s->nodes[i]->name, s->nodes[i]->op_type);
        hone__error_node(error, s->nodes[i]->name);
        hone__error_hint(error, "A graph must not have cycles; export the model again.");
        return status;
    }
    for (size_t k = 0; k < s->n; k++) {
        hone__node *node = s->nodes[order[k]];
        node->prev = last;
        node->next = NULL;
        if (last)
            last->next = node;
        else
            s->graph->first = node;
        last = node;
    }
    s->graph->last = last;
    return HONE_OK;
}

static hone_status sort_one(hone__graph *graph, hone_error *error) {
    hone_status status = HONE_OK;
    sorter s = {.graph = graph, .n = graph->n_nodes};
    if (s.n < 1)
        return HONE_OK;
    size_t n_root = graph->root->n_nodes;
    s.nodes = hone__calloc(s.n, sizeof *s.nodes);
    s.position = hone__calloc(n_root, sizeof *s.position);
    s.n_waiting = hone__calloc(s.n, sizeof *s.n_waiting);
    s.edge_start = hone__calloc(s.n + 2, sizeof *s.edge_start);
    s.heap = hone__calloc(s.n, sizeof *s.heap);
    if (!s.nodes || !s.position || !s.n_waiting || !s.edge_start || !s.heap) {
        status = hone__fail_memory(error, "the order of nodes");
        goto cleanup;
    }
    size_t k = 0;
    HONE_FOR_NODES(node, graph) {
        s.nodes[k] = node;
        s.position[node->id] = k++;
    }
    walk_edges(&s);
    for (size_t i = 0; i < s.n; i++)
        s.edge_start[i + 1] += s.edge_start[i];
    size_t n_edges = s.edge_start[s.n];
    s.edges = hone__calloc(n_edges ? n_edges : 1, sizeof *s.edges);
    if (!s.edges) {
        status = hone__fail_memory(error, "the order of nodes");
        goto cleanup;
    }
    walk_edges(&s); /* fills, and moves each start to the next one's */
    memmove(s.edge_start + 1, s.edge_start, s.n * sizeof *s.edge_start);
    s.edge_start[0] = 0;
    status = relink(&s, error);
cleanup:
    hone__free(s.nodes);
    hone__free(s.position);
    hone__free(s.n_waiting);
    hone__free(s.edge_start);
    hone__free(s.heap);
    hone__free(s.edges);
    return status;
}

hone_status hone__graph_sort(hone__graph *graph, hone_error *error) {
    for (size_t i = graph->id; i < graph->root->n_graphs; i++) {
        hone__graph *g = graph->root->graphs[i];
        if (g == graph || (g->owner && hone__graph_encloses(graph, g)))
            HONE_TRY(sort_one(g, error));
    }
    return HONE_OK;
}
