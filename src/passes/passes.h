/* Passes: graph -> graph optimisation. Each pass stands in its own file and can be run alone; the table in
 * pass_registry.c gives order and level. A pass never chooses layouts or packs weights: that is the
 * backend's prepare. */
#ifndef HONE_PASSES_PASSES_H
#define HONE_PASSES_PASSES_H

#include "graph/graph.h"

/* graph_optimization_level, with the meanings that ONNX Runtime gives them: BASIC passes keep to operators
 * of the standard and to exact rewrites; EXTENDED adds fused operators; ALL adds those that help this backend. */
typedef enum hone__opt_level { HONE_OPT_DISABLE_ALL, HONE_OPT_BASIC, HONE_OPT_EXTENDED, HONE_OPT_ALL } hone__opt_level;

typedef struct hone__pass {
    const char *name; /* "fold_constants" */
    hone__opt_level level;
    const char *help; /* one sentence */
    /* Rewrites the graph; *n_changed counts matches. The graph verifies afterwards, its types are complete
     * again (new values carry a type). */
    hone_status (*run)(hone__graph *graph, size_t *n_changed, hone_error *error);
} hone__pass;

/* All passes in order; ends with name == NULL. */
const hone__pass *hone__passes_all(void);

/* Runs the passes of a level, repeating until nothing changes (a few rounds at most). */
hone_status hone__passes_run(hone__graph *graph, hone__opt_level level, hone_error *error);

#endif
