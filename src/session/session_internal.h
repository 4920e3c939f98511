/* The inside of sessions and requests; see hone/session.h. */
#ifndef HONE_SESSION_SESSION_INTERNAL_H
#define HONE_SESSION_SESSION_INTERNAL_H

#include "exec/backend.h"

#include <pthread.h>
#include <stdatomic.h>

/* Plans by input-shape signature, least recently used first out. */
typedef struct hone__plan_entry {
    struct hone__plan_entry *next;
    uint64_t hash;
    hone_tensor *inputs; /* [n_inputs]: shapes */
    hone__exec_plan *plan;
    uint64_t last_used;
    size_t n_users; /* requests bound to it */
} hone__plan_entry;

enum { HONE_MAX_PLANS = 32 }; /* kept per session; those in use are kept beyond it */

struct hone_session {
    hone_model *model;
    hone__graph *graph; /* optimised copy */
    const hone__backend *backend;
    hone__exec_config config;
    hone__exec_model *exec;
    size_t n_nodes_before;
    double load_ms, optimize_ms, prepare_ms;
    pthread_mutex_t lock; /* of everything below */
    hone__plan_entry *plans;
    hone__plan_entry *latest; /* the plan used last, for reports */
    uint64_t clock, n_plans, n_runs;
    double plan_ms;         /* of the last plan made */
    hone_request *idle;     /* requests kept for hone_session_run */
    hone_request *requests; /* all alive, for statistics */
    atomic_bool profiling;
    double *node_ms;        /* [n_node_ms], last profiled run */
    size_t n_node_ms;       /* node count when the session was made */
    hone__exec_stats ended; /* of requests that were destroyed: allocations */
};

struct hone_request {
    hone_session *session;
    hone_request *next_idle, *next, *prev;
    hone__exec_context *context;
    hone__plan_entry *entry;     /* bound plan; counted */
    const hone_tensor **inputs;  /* [n_inputs], borrowed */
    hone_tensor **bound;         /* [n_outputs]: the caller's, or NULL */
    hone_tensor **own;           /* [n_outputs]: made here, reused while they fit */
    hone_tensor **targets;       /* [n_outputs]: what the run writes into */
    const hone_tensor **results; /* [n_outputs] after a run */
    double *node_ms;
};

/* A session of a graph that was made from the model's and is run as it is; takes the graph, on failure too. */
hone_status hone__session_create_graph(hone_model *model, hone__graph *graph, const hone_options *options,
                                       hone_session **out, hone_error *error);
/* UNSUPPORTED when a node of the model cannot run. */
hone_status hone__session_refuse_unsupported(const hone_model *model, hone_error *error);

/* Options to configuration; session_config.c. After `prepare`, or on failure, what the configuration borrowed is freed
 * by hone__session_unconfigure. */
hone_status hone__session_configure(const hone_options *options, const hone__backend **backend,
                                    hone__exec_config *config, hone_error *error);
void hone__session_unconfigure(hone__exec_config *config);

/* The plan for a request's inputs, counted in for the caller; plan_cache.c. Locks the session. */
hone_status hone__session_get_plan(hone_session *session, const hone_tensor *const *inputs, hone__plan_entry **out,
                                   hone_error *error);
void hone__session_release_plan(hone_session *session, hone__plan_entry *entry);
void hone__session_drop_plans(hone_session *session);

/* Checks one input against the model's declaration. */
hone_status hone__session_check_input(const hone_session *session, size_t index, const hone_tensor *tensor,
                                      hone_error *error);

#endif
