/* Plan-time evaluation: given concrete shapes of a graph's inputs, finds the shape of every value,
 * and the data of every value that follows from shapes and constants alone (Shape, Gather, Concat, ...
 * chains), by running the operators' own inference and reference evaluators. What remains is the work
 * that a run really has to do. */
#ifndef HONE_EXEC_PLAN_SHAPE_EVAL_H
#define HONE_EXEC_PLAN_SHAPE_EVAL_H

#include "base/arena.h"
#include "graph/graph.h"

typedef enum hone__known {
    HONE_KNOWN_NOTHING, /* shape found only at run time (or not a tensor) */
    HONE_KNOWN_SHAPE,   /* desc has dtype and dims; data comes at run time */
    HONE_KNOWN_DATA     /* desc.data too: a constant, or computed now */
} hone__known;

typedef struct hone__shape_value {
    hone__known known;
    hone_tensor desc; /* a view; data NULL unless HONE_KNOWN_DATA */
} hone__shape_value;

typedef struct hone__shape_eval {
    const hone__graph *graph;
    hone__shape_value *values; /* [hone__graph_value_count], by value id */
    hone_tensor **owned;       /* tensors computed here */
    size_t n_owned, owned_capacity;
} hone__shape_eval;

/* inputs: [graph->n_inputs]. Errors: SHAPE and TYPE, naming the node at which the shapes contradict. */
hone_status hone__shape_eval_create(const hone__graph *graph, const hone_tensor *const *inputs, hone__shape_eval *out,
                                    hone_error *error);
void hone__shape_eval_deinit(hone__shape_eval *eval);

/* Shapes of one node's outputs from tensors that may have data; used when shapes follow only at run
 * time. out: [n_outputs] descs; *all_known tells whether every wanted output's shape was found. */
hone_status hone__shape_infer_node(const hone__node *node, const hone_tensor *const *in, const bool *has_data,
                                   hone_tensor *out, bool *all_known, hone_error *error);

#endif
