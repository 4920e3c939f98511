/* Work put off; see cpu_work.h. */
#include "exec/cpu/cpu_work.h"

#include "base/alloc.h"
#include "base/error.h"

hone_status hone__cpu_work_add(hone__cpu_work *work, hone__cpu_work_fn fn, void *arg, size_t n_parts,
                               hone_error *error) {
    if (!work) {
        for (size_t part = 0; part < n_parts; part++)
            fn(arg, part);
        return HONE_OK;
    }
    if (!hone__grow((void **)&work->items, &work->capacity, work->n + 1, sizeof *work->items))
        return hone__fail_memory(error, "the list of weights to pack");
    work->items[work->n++] = (hone__cpu_work_item){fn, arg, work->n_parts};
    work->n_parts += n_parts;
    return HONE_OK;
}

static void run_part(void *arg, size_t part, int thread) {
    const hone__cpu_work *work = arg;
    (void)thread;
    size_t low = 0, high = work->n; /* the last item that begins at or before the part */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (work->items[middle].first_part <= part)
            low = middle;
        else
            high = middle;
    }
    work->items[low].fn(work->items[low].arg, part - work->items[low].first_part);
}

void hone__cpu_work_run(hone__cpu_work *work, hone__pool *pool) {
    hone__pool_run(pool, work->n_parts, run_part, work);
    work->n = work->n_parts = 0;
}

void hone__cpu_work_deinit(hone__cpu_work *work) {
    hone__free(work->items);
    *work = (hone__cpu_work){0};
}
