/* Work that `prepare` and `plan` put off so that it can run on all threads at once: packing of weights, mostly. A
 * function is called once for every part, in any order and on any thread of the pool; parts of all items run side by
 * side, so that a model of many small layers and one of a single large matrix keep the threads equally busy. */
#ifndef HONE_EXEC_CPU_CPU_WORK_H
#define HONE_EXEC_CPU_CPU_WORK_H

#include "pool/pool.h"

typedef void (*hone__cpu_work_fn)(void *arg, size_t part);

typedef struct hone__cpu_work_item {
    hone__cpu_work_fn fn;
    void *arg;
    size_t first_part; /* of all parts */
} hone__cpu_work_item;

typedef struct hone__cpu_work {
    hone__cpu_work_item *items;
    size_t n, capacity, n_parts;
} hone__cpu_work;

/* arg must live until the work has run. work NULL: runs here and now. */
hone_status hone__cpu_work_add(hone__cpu_work *work, hone__cpu_work_fn fn, void *arg, size_t n_parts,
                               hone_error *error);
/* Runs everything and empties the list. pool may be NULL. */
void hone__cpu_work_run(hone__cpu_work *work, hone__pool *pool);
void hone__cpu_work_deinit(hone__cpu_work *work);

#endif
