/* The memory planner; see memory_plan.h. */
#include "exec/plan/memory_plan.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

enum { GREEDY_MAX = 4000 };

static size_t padded(size_t size) { return hone__round_up(size, HONE_ALIGNMENT); }

/* An order of records by decreasing size; ties by first step, so that plans are reproducible. */
static int by_size(const void *a, const void *b) {
    const hone__mem_record *x = *(hone__mem_record *const *)a, *y = *(hone__mem_record *const *)b;
    if (x->size != y->size)
        return x->size < y->size ? 1 : -1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x < y ? -1 : x > y;
}

static int by_first(const void *a, const void *b) {
    const hone__mem_record *x = *(hone__mem_record *const *)a, *y = *(hone__mem_record *const *)b;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Places `r` into the smallest gap between the already placed records (sorted by offset) that are
 * alive with it, or after them all. */
static size_t best_gap(const hone__mem_record *r, hone__mem_record *const *placed, size_t n) {
    size_t need = padded(r->size), end = 0, best = SIZE_MAX, best_size = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        const hone__mem_record *p = placed[i];
        if (p->last < r->first || r->last < p->first)
            continue;
        if (p->offset > end && p->offset - end >= need && p->offset - end < best_size) {
            best = end;
            best_size = p->offset - end;
        }
        end = hone__max_size(end, p->offset + padded(p->size));
    }
    return best != SIZE_MAX ? best : end;
}

static size_t place_greedy(hone__mem_record **order, hone__mem_record **placed, size_t n) {
    size_t total = 0, n_placed = 0;
    qsort(order, n, sizeof *order, by_size);
    for (size_t i = 0; i < n; i++) {
        hone__mem_record *r = order[i];
        r->offset = best_gap(r, placed, n_placed);
        total = hone__max_size(total, r->offset + padded(r->size));
        size_t at = n_placed++;
        while (at > 0 && placed[at - 1]->offset > r->offset) {
            placed[at] = placed[at - 1];
            at--;
        }
        placed[at] = r;
    }
    return total;
}

/* Time order: at each record's first step those that ended are dropped from the live list, kept sorted by
 * offset, and the record goes into the first gap. */
static size_t place_sweep(hone__mem_record **order, hone__mem_record **live, size_t n) {
    size_t total = 0, n_live = 0;
    qsort(order, n, sizeof *order, by_first);
    for (size_t i = 0; i < n; i++) {
        hone__mem_record *r = order[i];
        size_t kept = 0;
        for (size_t k = 0; k < n_live; k++)
            if (live[k]->last >= r->first)
                live[kept++] = live[k];
        n_live = kept;
        size_t end = 0, at = 0, need = padded(r->size);
        for (; at < n_live && live[at]->offset - end < need; at++)
            end = live[at]->offset + padded(live[at]->size);
        r->offset = end;
        memmove(&live[at + 1], &live[at], (n_live - at) * sizeof *live);
        live[at] = r;
        n_live++;
        total = hone__max_size(total, end + need);
    }
    return total;
}

static hone_status lower_bound(const hone__mem_record *records, size_t n, uint32_t n_steps, size_t *out,
                               hone_error *error) {
    /* Differences per step: what begins here, less what ended before. */
    size_t *begins = hone__calloc((size_t)n_steps + 2, 2 * sizeof *begins);
    if (!begins)
        return hone__fail_memory(error, "the memory plan");
    size_t *ends = begins + n_steps + 2, live = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        begins[records[i].first] += padded(records[i].size);
        ends[records[i].last + 1] += padded(records[i].size);
    }
    for (uint32_t s = 0; s < n_steps; s++) {
        live += begins[s] - ends[s];
        most = hone__max_size(most, live);
    }
    hone__free(begins);
    *out = most;
    return HONE_OK;
}

hone_status hone__mem_plan(hone__mem_record *records, size_t n, uint32_t n_steps, bool reuse, hone__mem_result *out,
                           hone_error *error) {
    size_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        HONE_FAIL_IF(records[i].size > SIZE_MAX / 4 || !hone__add_size(sum, padded(records[i].size), &sum) ||
                         sum > SIZE_MAX / 4,
                     error, HONE_ERROR_LIMIT, "the activations of this shape are larger than memory can be");
        HONE_FAIL_IF(records[i].first > records[i].last || records[i].last >= n_steps, error, HONE_ERROR_INTERNAL,
                     "buffer %zu has a lifetime outside the steps", i);
    }
    HONE_TRY(lower_bound(records, n, n_steps, &out->lower_bound, error));
    if (!reuse) {
        size_t end = 0;
        for (size_t i = 0; i < n; i++) {
            records[i].offset = end;
            end += padded(records[i].size);
        }
        out->total = end;
        return HONE_OK;
    }
    hone__mem_record **order = hone__calloc(n ? n : 1, 2 * sizeof *order);
    if (!order)
        return hone__fail_memory(error, "the memory plan");
    size_t n_used = 0;
    for (size_t i = 0; i < n; i++) {
        records[i].offset = 0;
        if (records[i].size)
            order[n_used++] = &records[i];
    }
    out->total = n_used <= GREEDY_MAX ? place_greedy(order, order + n, n_used) : place_sweep(order, order + n, n_used);
    hone__free(order);
    return HONE_OK;
}
