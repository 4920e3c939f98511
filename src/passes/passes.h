/* Passes: graph -> graph optimisation. Each pass stands in its own file and can be run alone; the table in
 * pass_registry.c gives order and level. A pass never chooses layouts or packs weights: that is the
 * backend's prepare. */
#ifndef HONE_PASSES_PASSES_H
#define HONE_PASSES_PASSES_H

#include "graph/graph.h"

/* graph_optimization_level, with the meanings that ONNX Runtime gives them: BASIC passes keep to operators
 * of the standard and to exact rewrites; EXTENDED adds fused operators; ALL adds those that help this backend. */
typedef enum hone__opt_level { HONE_OPT_DISABLE_ALL, HONE_OPT_BASIC, HONE_OPT_EXTENDED, HONE_OPT_ALL } hone__opt_level;

/* Which operators a result may be made of. */
typedef enum hone__op_target {
    HONE_TARGET_HONE,        /* whatever has a row: what a session runs */
    HONE_TARGET_ONNX,        /* the standard's, at the opset that the model imports */
    HONE_TARGET_ONNXRUNTIME, /* the same and com.microsoft's */
} hone__op_target;

typedef struct hone__pass hone__pass;
typedef struct hone__pass_context hone__pass_context;
typedef struct hone__pass_report hone__pass_report;

struct hone__pass {
    const char *name; /* "fold_constants" */
    hone__opt_level level;
    const char *help; /* one sentence */
    /* Rewrites ctx->graph (the root or a body of If, Loop or Scan) and counts its matches in ctx->n_changed. The graph
     * verifies afterwards, its types are complete again (new values carry a type). */
    hone_status (*run)(hone__pass_context *ctx, hone_error *error);
    bool on_request;  /* changes results beyond rounding, or is a matter of taste: runs only when enabled by name */
    bool is_lowering; /* runs once, after all others and whatever the level, when the target is not HONE */
    /* Operators, separated by spaces, without any of which the pass has nothing to do; NULL: it looks at all. */
    const char *anchors;
};

typedef struct hone__pass_options {
    hone__opt_level level;
    hone__op_target target;
    /* Names, borrowed. disable: passes that do not run. only: when n_only > 0, the passes that run, whatever the
     * level. enable: passes with on_request that run. Unknown names: see hone__passes_find. */
    const char *const *disable, *const *only, *const *enable;
    size_t n_disable, n_only, n_enable;
    size_t max_steps;  /* stop after so many runs of a pass that changed something; 0: no limit */
    size_t fold_limit; /* bytes a folded constant may have beyond its inputs'; 0: the default */
    /* Called after every pass that changed something (NULL: not); a failure ends the run. */
    hone_status (*after)(void *user, hone__graph *root, const hone__pass *pass, size_t n_changed, hone_error *error);
    void *user;
    hone__pass_report *report; /* NULL: nothing is recorded */
    const hone__pass *table;   /* NULL: hone__passes_all(); tests give others */
} hone__pass_options;

/* What one pass did, over all rounds. */
typedef struct hone__pass_record {
    const hone__pass *pass;
    size_t n_matches;
    int64_t n_removed; /* nodes before minus nodes after */
    double ms;
    bool has_run;
} hone__pass_record;

/* An anchor of a fusion that was found and did not match. */
typedef struct hone__near_miss {
    const hone__pass *pass;
    char *node;   /* name of the anchor */
    char *reason; /* "node /layer3/Where_2 has two consumers" */
    int progress; /* how many nodes of the pattern had matched */
} hone__near_miss;

struct hone__pass_report {
    hone__pass_record *records; /* [n_records], in the order of the table */
    size_t n_records;
    hone__near_miss *misses; /* of every pass's last round */
    size_t n_misses, misses_capacity;
    size_t n_rounds;
};

void hone__pass_report_init(hone__pass_report *report);
void hone__pass_report_deinit(hone__pass_report *report);

/* What a running pass is given. */
struct hone__pass_context {
    hone__graph *graph;
    const hone__pass *pass;
    const hone__pass_options *options;
    size_t n_changed;
    bool wants_inference; /* set by a pass whose rewrite lets inference find out more: it runs again afterwards */
};

/* Whether the result may contain this operator: it has a row, and the target's runtimes know it (domain "": since the
 * model's opset; "hone": hone's own sessions, or when lowering to the target knows how to write it). */
bool hone__pass_may_make(const hone__pass_context *ctx, const char *domain, const char *op_type, int64_t opset);

/* Records why an anchor did not match. progress: nodes of the pattern that had matched; per anchor and pass the miss
 * with the greatest progress stays. Costs nothing without a report; running out of memory loses the record only. */
void hone__pass_missed(hone__pass_context *ctx, const hone__node *anchor, int progress, const char *fmt, ...)
    HONE_PRINTF(4, 5);

/* All passes in order; ends with name == NULL. */
const hone__pass *hone__passes_all(void);
const hone__pass *hone__passes_find(const char *name); /* NULL: unknown */

/* Runs one pass alone, bodies of control flow included. *n_changed (may be NULL) counts its matches. */
hone_status hone__pass_run_one(const hone__pass *pass, hone__graph *root, size_t *n_changed, hone_error *error);

/* Runs the passes that the options choose, repeating until nothing changes (a few rounds at most). */
hone_status hone__passes_run_with(hone__graph *root, const hone__pass_options *options, hone_error *error);
/* The same with a session's options: every pass of a level, any operator. */
hone_status hone__passes_run(hone__graph *root, hone__opt_level level, hone_error *error);

#endif
