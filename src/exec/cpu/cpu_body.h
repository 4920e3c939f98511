/* Kernels for the nodes of bodies (If, Loop, Scan). The operator itself, and the values that go from node to node, are
 * the reference evaluator's; a node of a body that a kernel serves is run by it, with shapes found as it runs, since
 * they may change from iteration to iteration. Weights are packed once, when the session is created. */
#ifndef HONE_EXEC_CPU_CPU_BODY_H
#define HONE_EXEC_CPU_CPU_BODY_H

#include "exec/cpu/cpu_context.h"

/* Who runs a body: the context, one of its workers' scratch, and the threads that a kernel may use. */
typedef struct hone__cpu_body {
    hone__exec_context *ctx;
    int worker;
    hone__pool *pool;
} hone__cpu_body;

/* Finds kernels for all nodes of bodies; fills model->body_nodes. */
hone_status hone__cpu_bodies_pick(hone__exec_model *model, hone_error *error);
/* Says in entry->detail how many nodes of its bodies have kernels. */
hone_status hone__cpu_bodies_describe(hone__exec_model *model, hone__cpu_node *entry, hone_error *error);

/* A hone__node_runner; user is a hone__cpu_body. */
hone_status hone__cpu_body_run_node(void *user, const hone__node *node, const hone_tensor *const *in, size_t n_in,
                                    hone_tensor **out, size_t n_out, bool *done, hone_error *error);

#endif
