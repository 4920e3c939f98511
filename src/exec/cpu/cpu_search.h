/* EXHAUSTIVE, and tuning into the store: the alternatives of nodes are timed where they will run, inside the model,
 * with the caches, neighbours and threads that they will have there. A layer timed alone finds its weights in the cache
 * and its input warm: what wins there often loses in the model. */
#ifndef HONE_EXEC_CPU_CPU_SEARCH_H
#define HONE_EXEC_CPU_CPU_SEARCH_H

#include "exec/cpu/cpu_plan.h"

/* A plan that is made to be timed: weights packed for it go with it. */
typedef struct hone__cpu_trial {
    uint64_t id; /* unique in the process, not 0 */
    hone__exec_model *model;
    hone__packed_memory memory;
    size_t size;
} hone__cpu_trial;

/* alloc_trial of a hone__cpu_plan whose trial_user is a hone__cpu_trial. */
void *hone__cpu_trial_alloc(hone__cpu_plan *ctx, size_t size);

#endif
