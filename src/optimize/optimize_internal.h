/* The inside of hone_optimization; see hone/optimize.h. This room stands above sessions: it runs the passes with all
 * options, keeps the record, and runs both graphs to prove that they agree. */
#ifndef HONE_OPTIMIZE_OPTIMIZE_INTERNAL_H
#define HONE_OPTIMIZE_OPTIMIZE_INTERNAL_H

#include "model/model.h"
#include "passes/passes.h"

#include <hone/optimize.h>

typedef struct hone__optimize_step {
    const hone__pass *pass;
    size_t n_matches, n_nodes;
    bool has_costs;
    double flops, bytes;
} hone__optimize_step;

struct hone_optimization {
    hone_model *model; /* retained */
    hone__arena arena; /* names of passes, counts of operators */
    hone__pass_options options;
    hone__graph *original, *graph; /* before, with the shapes fixed; after */
    hone__pass_report report;
    hone__optimize_step *steps;
    size_t n_steps, steps_capacity;
    size_t nodes_before;
    bool with_costs;
    const hone_shape *cost_shapes; /* borrowed while the passes run */
    size_t n_cost_shapes;
    hone_model_cost cost_before, cost_after;
    bool has_costs;
    hone_op_count *ops;
    size_t n_ops;
};

/* The graph after the first n_steps steps, owned by the caller; it borrows constants from the optimization. */
hone_status hone__optimization_stage(const hone_optimization *optimization, size_t n_steps, hone__graph **out,
                                     hone_error *error);

/* Nodes, bodies of control flow included. */
size_t hone__count_nodes(const hone__graph *graph);

/* For tests: the optimization of a model by a list of passes of the caller's, which ends with name == NULL. */
hone_status hone__optimize_with(hone_model *model, const hone_optimize_options *options, const hone__pass *table,
                                hone_optimization **out, hone_error *error);

#endif
