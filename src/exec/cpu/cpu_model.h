/* A graph prepared for the CPU: for each node the kernel row that serves it and the state that the row
 * made (packed weights). Shared by all plans and contexts of a session. */
#ifndef HONE_EXEC_CPU_CPU_MODEL_H
#define HONE_EXEC_CPU_CPU_MODEL_H

#include "base/arena.h"
#include "exec/backend.h"
#include "exec/cpu/cpu_kernel.h"
#include "exec/cpu/cpu_memory.h"
#include "exec/cpu/cpu_packed.h"
#include "ops/op.h"

#include <pthread.h>

typedef struct hone__cpu_node {
    const hone__node *node;
    const hone__cpu_kernel *row; /* NULL: the operator's reference evaluator */
    void *state;
    const char *detail; /* for reports, or NULL */
    double prepare_ms;
} hone__cpu_node;

struct hone__exec_model {
    const hone__graph *graph;
    hone__exec_config config;
    hone__cpu_config cpu;
    hone__pool *intra, *inter; /* NULL when of one thread; from the shared registry */
    hone__cpu_node *nodes;     /* in graph order */
    size_t n_nodes;
    hone__cpu_node *body_nodes;  /* nodes of bodies that have kernels */
    hone__cpu_node **body_by_id; /* [node count]: by node id; NULL without bodies */
    size_t n_body_nodes;
    hone__arena arena;          /* of states */
    hone__packed_memory packed; /* weights that last as long as the session */
    hone__cpu_work work;        /* put off by the prepare or plan under way */
    atomic_size_t packed_size;  /* bytes of all packed weights, those of states included */
    hone__mem_budget budget;
    pthread_mutex_t plan_lock; /* plans are made one at a time: they may pack weights */
};

hone_status hone__cpu_model_prepare(hone__graph *graph, const hone__exec_config *config, hone__exec_model **out,
                                    hone_error *error);
/* Packed weights, freed with the model; NULL with the error set when over the limit or out of memory. */
void *hone__cpu_model_alloc_packed(hone__exec_model *model, size_t size, hone_error *error);
void hone__cpu_model_destroy(hone__exec_model *model);

#endif
