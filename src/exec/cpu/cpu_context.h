/* A context: the activation memory and tensors of one request, bound to a plan. Running a bound static
 * plan allocates nothing. */
#ifndef HONE_EXEC_CPU_CPU_CONTEXT_H
#define HONE_EXEC_CPU_CPU_CONTEXT_H

#include "exec/cpu/cpu_plan.h"

#include <pthread.h>
#include <stdatomic.h>

struct hone__exec_context {
    hone__exec_model *model;
    const hone__exec_plan *plan;
    hone__act_memory memory;
    hone__scratch *scratch; /* [n_workers] */
    int n_workers;
    hone__arena arena;          /* of the arrays below, made anew at each binding */
    hone_tensor *tensors;       /* [value count]: views with this context's pointers */
    const hone_tensor **actual; /* [value count]: what a value is now; NULL: not computed */
    hone_tensor **heap;         /* [value count]: owned tensors (strings, containers), or NULL */
    void **placed;              /* [n_buffers]: memory found at run time, or NULL */
    const hone_tensor **args;   /* inputs then outputs of all steps, one after the other */
    size_t *arg_begin;          /* [n_steps] */
    uint32_t *pending;          /* [n_steps]: ORT_PARALLEL, steps still to wait for */
    uint32_t *ready;            /* [n_steps]: steps that may run */
    bool *is_in_region;         /* [n_steps] */
    double *step_ms;            /* [n_steps], of the run under way when it is timed */
    pthread_mutex_t lock;       /* of memory, in ORT_PARALLEL; and of the region under way */
    pthread_cond_t wake;
    /* The run under way. */
    double *node_ms;
    bool is_single;                /* steps get one thread, to be timed so */
    atomic_size_t n_ready, n_left; /* of a region: steps that may run, steps not yet done */
    size_t n_sleepers;
    hone_status status;
    hone_error error;
};

/* True when values lie at planned offsets of one block; else each is placed as its step runs. */
static inline bool hone__cpu_is_planned(const hone__exec_model *model) {
    return model->config.use_arena && model->config.use_mem_pattern;
}

/* Memory for values whose place is found at run time; cpu_place.c. */
hone_status hone__cpu_place_outputs(hone__exec_context *ctx, uint32_t step, hone_error *error);
/* Memory for a value whose shape was found just now; tensors[id] becomes that tensor. */
hone_status hone__cpu_place_value(hone__exec_context *ctx, const hone__value *value, const hone_tensor *shape,
                                  hone_tensor **out, hone_error *error);
/* Takes over a tensor made elsewhere (strings, containers). */
void hone__cpu_place_heap(hone__exec_context *ctx, const hone__value *value, hone_tensor *tensor);
/* Gives back what nothing needs after a step. */
void hone__cpu_free_after(hone__exec_context *ctx, uint32_t step);
void hone__cpu_free_all(hone__exec_context *ctx);
void hone__cpu_set_data(hone__exec_context *ctx, uint32_t buffer, void *data);

/* Plans a kernel whose shapes were found just now (shapes: [n_outputs]); arena is for its plan. */
hone_status hone__cpu_plan_kernel_now(hone__exec_context *ctx, const hone__cpu_node *entry,
                                      const hone_tensor *const *in, const hone_tensor *shapes, hone__arena *arena,
                                      hone__cpu_plan *plan, hone_error *error);
/* Runs it, unless it declined; arena is for its workspace. */
hone_status hone__cpu_run_kernel_now(const hone__cpu_node *entry, const hone__cpu_plan *plan,
                                     const hone_tensor *const *in, hone_tensor *const *out, hone__arena *arena,
                                     hone__pool *pool, hone_error *error);
/* Runs one step; pool may be NULL. worker indexes scratch. cpu_step.c. */
hone_status hone__cpu_run_step(hone__exec_context *ctx, uint32_t step, int worker, hone__pool *pool, hone_error *error);

/* The same, timed when the run is. */
hone_status hone__cpu_run_timed(hone__exec_context *ctx, uint32_t step, int worker, hone__pool *pool,
                                hone_error *error);

hone_status hone__cpu_context_create(hone__exec_model *model, hone__exec_context **out, hone_error *error);
void hone__cpu_context_destroy(hone__exec_context *ctx);
hone_status hone__cpu_context_bind(hone__exec_context *ctx, const hone__exec_plan *plan, hone_error *error);
hone_status hone__cpu_context_run(hone__exec_context *ctx, const hone_tensor *const *inputs,
                                  hone_tensor *const *outputs, hone_tensor **produced, double *node_ms,
                                  hone_error *error);

#endif
