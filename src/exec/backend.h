/* A backend: what can prepare a graph, plan it for concrete input shapes and run it. The session
 * knows backends only through this table; they stand in one const array in session/backends.c.
 *
 *   prepare  once per session: kernels are picked, weights packed
 *   plan     once per input-shape signature: shapes, algorithms, memory offsets; immutable, shared
 *   context  one per request: activation memory; bind a plan, then run it any number of times */
#ifndef HONE_EXEC_BACKEND_H
#define HONE_EXEC_BACKEND_H

#include "graph/graph.h"

#include <hone/session.h>

typedef struct hone__exec_model hone__exec_model; /* each backend defines its own */
typedef struct hone__exec_plan hone__exec_plan;
typedef struct hone__exec_context hone__exec_context;

/* A key that was set, in its normal form. */
typedef struct hone__exec_setting {
    const char *key, *value;
} hone__exec_setting;

/* Key-value options resolved for a backend. What is pointed to is borrowed during `prepare` only, but for the model,
 * which lives as long as the session. */
typedef struct hone__exec_config {
    int n_intra_threads, n_inter_threads; /* resolved: >= 1 */
    bool is_parallel;                     /* execution_mode ORT_PARALLEL */
    bool use_arena;                       /* enable_cpu_mem_arena */
    bool use_mem_pattern;                 /* enable_mem_pattern */
    bool use_mem_reuse;                   /* enable_mem_reuse */
    bool grow_pow2;                       /* arena_extend_strategy kNextPowerOfTwo */
    size_t mem_limit; /* bytes of packed weights, arenas and run-time tensors together; SIZE_MAX: none */
    int conv_search;  /* 0 DEFAULT, 1 HEURISTIC, 2 EXHAUSTIVE */
    bool conv_max_workspace;
    bool tunable_enable, tunable_tuning;
    hone_choice_store store; /* get == NULL: none */
    /* Told that bytes of a constant were packed and are not needed for now (no data: those of all). May be called by
     * any thread; NULL: none. */
    void (*drop_pages)(void *user, const void *data, size_t size);
    void *drop_pages_user;
    /* For backends that run the model by themselves (runs_model). */
    const hone_model *model;
    int opt_level;                /* 0 ORT_DISABLE_ALL .. 3 ORT_ENABLE_ALL */
    const char *const *libraries; /* files to try, in order; NULL-terminated */
    const hone__exec_setting *settings;
    size_t n_settings;
} hone__exec_config;

typedef struct hone__exec_stats {
    size_t packed_size, arena_size, arena_peak, planned_peak, lower_bound, workspace_size;
    uint64_t n_allocations; /* system allocations of activation memory by runs */
} hone__exec_stats;

typedef struct hone__backend {
    const char *name;
    bool runs_model;   /* runs the model as its file has it: no passes of ours, and its own list of operators */
    bool reports_time; /* node_report fills time_ms; a run takes node_ms only as the wish for it */
    /* Borrows the graph for the model's life; constants that lie unaligned get aligned copies where needed. UNAVAILABLE
     * with reason and remedy when a library or device is missing, or when a setting cannot be honoured. */
    hone_status (*prepare)(hone__graph *graph, const hone__exec_config *config, hone__exec_model **out,
                           hone_error *error);
    void (*model_destroy)(hone__exec_model *model);

    /* inputs: [graph->n_inputs], shapes and types; data is ignored. */
    hone_status (*plan)(hone__exec_model *model, const hone_tensor *const *inputs, hone__exec_plan **out,
                        hone_error *error);
    void (*plan_destroy)(hone__exec_plan *plan);
    /* Shape of output i under the plan, or NULL when only a run can tell. */
    const hone_tensor *(*plan_output)(const hone__exec_plan *plan, size_t i);

    hone_status (*context_create)(hone__exec_model *model, hone__exec_context **out, hone_error *error);
    void (*context_destroy)(hone__exec_context *context);
    /* Gets memory for a plan; the plan must outlive its binding. */
    hone_status (*context_bind)(hone__exec_context *context, const hone__exec_plan *plan, hone_error *error);
    /* Runs the bound plan. outputs[i] is a tensor of the planned shape to write into; for outputs without a
     * planned shape (or whose tensor is NULL) a new tensor is made in produced[i], owned by the caller.
     * node_ms: [n_nodes] times, or NULL. */
    hone_status (*run)(hone__exec_context *context, const hone_tensor *const *inputs, hone_tensor *const *outputs,
                       hone_tensor **produced, double *node_ms, hone_error *error);
    void (*context_stats)(const hone__exec_context *context, hone__exec_stats *stats); /* adds */
    void (*model_stats)(const hone__exec_model *model, hone__exec_stats *stats);       /* adds */
    void (*plan_stats)(const hone__exec_plan *plan, hone__exec_stats *stats);          /* sets */
    /* With reports_time: 0 until a profiled run was made. */
    size_t (*node_count)(const hone__exec_model *model);
    /* plan may be NULL: what prepare knows. */
    void (*node_report)(const hone__exec_model *model, const hone__exec_plan *plan, size_t index,
                        hone_node_report *out);
} hone__backend;

extern const hone__backend hone__backend_cpu, hone__backend_onnxruntime;

#endif
