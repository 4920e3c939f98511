/* Optimising a model ahead of time: the passes that a session runs by itself, made visible. An optimization holds the
 * graph before and after, says what every pass did and which fusions nearly matched, proves that the outputs stayed
 * the same, and writes the result as an ONNX file. */
#ifndef HONE_OPTIMIZE_H
#define HONE_OPTIMIZE_H

#include <hone/model.h>
#include <hone/options.h>
#include <hone/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the passes ---- */

typedef struct hone_pass_info {
    const char *name;  /* "fold_batchnorm" */
    const char *level; /* the level from which it runs: "ORT_ENABLE_BASIC", ... */
    const char *help;  /* one sentence */
    bool on_request;   /* changes results beyond rounding: runs only when it is enabled by name */
    bool is_lowering;  /* runs last, when the result may not contain hone's own operators */
} hone_pass_info;

/* In the order in which they run. */
HONE_API size_t hone_pass_count(void);
HONE_API bool hone_pass_get(size_t index, hone_pass_info *out); /* false past the end */

/* ---- optimising ---- */

/* What the result may be made of. */
typedef enum hone_operators {
    HONE_OPERATORS_ONNX,        /* the standard's, at the opset that the model imports: any runtime loads it */
    HONE_OPERATORS_ONNXRUNTIME, /* the same and those of com.microsoft */
    HONE_OPERATORS_HONE         /* hone's own too */
} hone_operators;

typedef struct hone_optimize_options {
    const char *level; /* a value of graph_optimization_level; NULL: ORT_ENABLE_ALL */
    hone_operators operators;
    /* Names of passes. disable: they do not run. only: when there are any, nothing else runs, whatever the level.
     * enable: passes with on_request that run. */
    const char *const *disable, *const *only, *const *enable;
    size_t n_disable, n_only, n_enable;
    /* Fixed in the result; symbols that they settle hold for all inputs. */
    const hone_shape *shapes;
    size_t n_shapes;
    /* FLOPs and bytes after every step, under these shapes (dimensions that they leave open count as 1). */
    bool with_costs;
    const hone_shape *cost_shapes;
    size_t n_cost_shapes;
} hone_optimize_options;

typedef struct hone_optimization hone_optimization;

/* Runs the passes; after each that changed something the graph is verified. options may be NULL. The model is
 * retained. Errors: UNSUPPORTED (as sessions), CONFIG (level), NOT_FOUND (a pass's name), SHAPE, INTERNAL. */
HONE_API hone_status hone_optimize(hone_model *model, const hone_optimize_options *options, hone_optimization **out,
                                   hone_error *error);
HONE_API void hone_optimization_destroy(hone_optimization *optimization); /* NULL is fine */

/* Writes the result. Producer, metadata, names of inputs and outputs, and opset are the model's; what was done is
 * added to the metadata under the key "hone.optimize". From 2 GB on weights go to "<path>.data" beside it. */
HONE_API hone_status hone_optimization_save(const hone_optimization *optimization, const char *path, hone_error *error);

/* ---- what was done ---- */

typedef struct hone_optimize_totals {
    size_t nodes_before, nodes_after; /* bodies of control flow included */
    size_t n_rounds;
    double ms;      /* in passes */
    bool has_costs; /* flops and bytes are known */
    double flops_before, flops_after, bytes_before, bytes_after;
} hone_optimize_totals;
HONE_API void hone_optimization_get_totals(const hone_optimization *optimization, hone_optimize_totals *out);

/* What a pass did over all rounds; index as hone_pass_get. */
typedef struct hone_pass_effect {
    const char *pass;
    bool has_run;
    size_t n_matches;
    int64_t n_removed; /* nodes before minus nodes after */
    double ms;
    double flops, bytes; /* change: after minus before; 0 without costs */
} hone_pass_effect;
HONE_API bool hone_optimization_get_pass(const hone_optimization *optimization, size_t index, hone_pass_effect *out);

/* Steps: every run of a pass that changed something, in order. */
typedef struct hone_optimize_step {
    const char *pass;
    size_t n_matches;
    size_t n_nodes; /* afterwards */
    bool has_costs;
    double flops, bytes; /* afterwards */
} hone_optimize_step;
HONE_API size_t hone_optimization_step_count(const hone_optimization *optimization);
HONE_API bool hone_optimization_get_step(const hone_optimization *optimization, size_t index, hone_optimize_step *out);

/* An anchor of a fusion that was found and did not match. */
typedef struct hone_near_miss_info {
    const char *pass, *node; /* the anchor */
    const char *reason;      /* the first difference: "node /layer3/Where_2 has two consumers" */
    int progress;            /* nodes of the pattern that had matched */
} hone_near_miss_info;
HONE_API size_t hone_optimization_miss_count(const hone_optimization *optimization);
HONE_API bool hone_optimization_get_miss(const hone_optimization *optimization, size_t index, hone_near_miss_info *out);

/* Nodes of the result by operator, as hone_model_get_op counts a model's. */
HONE_API size_t hone_optimization_op_count(const hone_optimization *optimization);
HONE_API hone_op_count hone_optimization_get_op(const hone_optimization *optimization, size_t index);

/* ---- running and proving ---- */

/* A session that runs the graph as it was after the first n_steps steps (0: the model's own; the count or more: the
 * result), without any further optimisation, whatever level the options name. The optimization must outlive it. */
HONE_API hone_status hone_optimization_session(const hone_optimization *optimization, size_t n_steps,
                                               const hone_options *options, hone_session **out, hone_error *error);

typedef struct hone_proof {
    bool is_equal;
    size_t n_sets, n_outputs;   /* compared */
    size_t n_random;            /* outputs that depend on random numbers: only type and shape are compared */
    double max_abs, max_rel;    /* largest differences met */
    char output[128];           /* the first that differs, "" when equal */
    char message[256];          /* how */
    char pass[64];              /* the guilty pass, or "writing the file"; "" when equal */
    size_t step;                /* its step */
    char node[192], value[192]; /* the first node after it whose value differs, when one could be found */
} hone_proof;

/* Runs the model and the result on n_sets sets of inputs (each [inputs of the model]) and compares the outputs. path:
 * NULL, or the file written by hone_optimization_save, which is opened and run as well. When something differs, a
 * bisection over the steps names the guilty pass. OK whatever the outcome; errors are failures to run the model itself.
 * tolerance NULL: the defaults of hone_tolerance. options (may be NULL) configure the sessions. */
HONE_API hone_status hone_optimization_prove(const hone_optimization *optimization,
                                             const hone_tensor *const *const *sets, size_t n_sets,
                                             const hone_tolerance *tolerance, const hone_options *options,
                                             const char *path, hone_proof *out, hone_error *error);

#ifdef __cplusplus
}
#endif
#endif
