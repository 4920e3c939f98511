/* Sessions: a model made ready to run on this machine. Creating one optimises the graph, packs the
 * weights and picks kernels; the first run of each input-shape signature plans memory; further
 * runs allocate nothing in the library (outputs written into buffers given by the caller, or into
 * tensors that the request owns and reuses). */
#ifndef HONE_SESSION_H
#define HONE_SESSION_H

#include <hone/model.h>
#include <hone/options.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hone_session hone_session;
typedef struct hone_request hone_request;

/* options may be NULL (defaults) and stays the caller's. The model is retained. Errors:
 * UNSUPPORTED (all nodes that cannot run are counted in the message; list them with
 * hone_model_get_unsupported), CONFIG, MEMORY, LIMIT, UNAVAILABLE. */
HONE_API hone_status hone_session_create(hone_model *model, const hone_options *options, hone_session **out,
                                         hone_error *error);
HONE_API hone_status hone_session_create_from_file(const char *path, const hone_options *options, hone_session **out,
                                                   hone_error *error);
HONE_API hone_status hone_session_create_from_memory(const void *data, size_t size, const hone_options *options,
                                                     hone_session **out, hone_error *error);
HONE_API void hone_session_destroy(hone_session *session);

HONE_API const hone_model *hone_session_model(const hone_session *session);
HONE_API size_t hone_session_input_count(const hone_session *session);
HONE_API size_t hone_session_output_count(const hone_session *session);
HONE_API const hone_value_info *hone_session_get_input(const hone_session *session, size_t index);
HONE_API const hone_value_info *hone_session_get_output(const hone_session *session, size_t index);
/* Index of a name, or -1. */
HONE_API int hone_session_find_input(const hone_session *session, const char *name);
HONE_API int hone_session_find_output(const hone_session *session, const char *name);

/* One-call run: inputs by index, each borrowed for the call; outputs are created (the caller
 * destroys each). Any number of threads may call this on one session. */
HONE_API hone_status hone_session_run(hone_session *session, const hone_tensor *const *inputs, size_t n_inputs,
                                      hone_tensor **outputs, size_t n_outputs, hone_error *error);

/* Requests: bind once, run many times without allocation. A request belongs to one thread at a
 * time; several requests of a session may run at once. The session must outlive it. */
HONE_API hone_status hone_request_create(hone_session *session, hone_request **out, hone_error *error);
HONE_API void hone_request_destroy(hone_request *request);
/* Binds an input; the tensor is borrowed until replaced. Errors: NOT_FOUND, TYPE, SHAPE (the
 * message names the input, what was expected and what came). */
HONE_API hone_status hone_request_set_input(hone_request *request, size_t index, const hone_tensor *tensor,
                                            hone_error *error);
HONE_API hone_status hone_request_set_input_by_name(hone_request *request, const char *name, const hone_tensor *tensor,
                                                    hone_error *error);
/* Binds an output to the caller's tensor, whose shape and dtype must fit; NULL unbinds. */
HONE_API hone_status hone_request_set_output(hone_request *request, size_t index, hone_tensor *tensor,
                                             hone_error *error);
HONE_API hone_status hone_request_run(hone_request *request, hone_error *error);
/* After a run: borrowed until the next run of this request. */
HONE_API const hone_tensor *hone_request_get_output(const hone_request *request, size_t index);

/* What a session did with its node `index` (0 .. count-1), in execution order. */
typedef struct hone_node_report {
    const char *name, *op, *domain;
    const char *backend;   /* "cpu" */
    const char *kernel;    /* "f32_conv_winograd_f43", "reference", "planned" (no work at run time) */
    const char *algorithm; /* of convolutions, else "" */
    const char *detail;    /* how long each candidate took, when they were timed; else "" */
    const char *precision; /* "float32" */
    size_t workspace_size; /* bytes */
    double prepare_ms;     /* time to prepare, exhaustive timing included */
    double time_ms;        /* last profiled run; 0 without profiling */
    double flops, bytes;
    const char *layout; /* of the activations: "nChw16c" when blocked by channels; "" as the model has them */
    size_t n_reorders;  /* copies between layouts that were added for this node; part of its time */
} hone_node_report;
HONE_API size_t hone_session_node_count(const hone_session *session);
HONE_API hone_status hone_session_get_node(const hone_session *session, size_t index, hone_node_report *out,
                                           hone_error *error);
HONE_API void hone_session_set_profiling(hone_session *session, bool enabled);

/* Counters of a session, all bytes unless named otherwise. */
typedef struct hone_session_stats {
    int n_intra_threads, n_inter_threads;
    size_t packed_weights_size;
    size_t arena_size;      /* reserved by arenas now */
    size_t arena_peak;      /* most of it in use at once */
    size_t planned_peak;    /* planner's bytes for the last signature */
    size_t lower_bound;     /* largest sum of live activations in the last plan */
    size_t workspace_size;  /* largest workspace of any node */
    uint64_t n_allocations; /* by runs: system allocations of activation memory */
    uint64_t n_plans;       /* made so far */
    uint64_t n_runs;
    size_t n_nodes, n_nodes_before_optimization;
    double load_ms, optimize_ms, prepare_ms, plan_ms;
} hone_session_stats;
HONE_API void hone_session_get_stats(const hone_session *session, hone_session_stats *out);

#ifdef __cplusplus
}
#endif
#endif
