/* Branches at once; see cpu_branches.h. */
#include "exec/cpu/cpu_branches.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- order by depth ---- */

typedef struct depth_order {
    uint32_t depth, step;
} depth_order;

static int by_depth(const void *a, const void *b) {
    const depth_order *x = a, *y = b;
    if (x->depth != y->depth)
        return x->depth < y->depth ? -1 : 1;
    return x->step < y->step ? -1 : x->step > y->step;
}

/* Depths of the last write and of the readers of each buffer, counted from 1. */
typedef struct buffer_depth {
    uint32_t written, read;
} buffer_depth;

static uint32_t later(uint32_t a, uint32_t b) { return a > b ? a : b; }

static uint32_t depth_of(const hone__exec_plan *plan, const hone__cpu_step *step, buffer_depth *buffers) {
    uint32_t depth = 1;
    for (size_t i = 0; i < step->n_in + step->n_out; i++) {
        const uint32_t id = step->ids[i] == HONE_NO_BUFFER ? HONE_NO_BUFFER : plan->value_buffer[step->ids[i]];
        if (id == HONE_NO_BUFFER)
            continue;
        depth = later(depth, buffers[id].written + 1);
        if (i >= step->n_in) /* in place: after everyone who reads what was there */
            depth = later(depth, buffers[id].read + 1);
    }
    for (size_t i = 0; i < step->n_in + step->n_out; i++) {
        const uint32_t id = step->ids[i] == HONE_NO_BUFFER ? HONE_NO_BUFFER : plan->value_buffer[step->ids[i]];
        if (id != HONE_NO_BUFFER && i < step->n_in)
            buffers[id].read = later(buffers[id].read, depth);
        else if (id != HONE_NO_BUFFER)
            buffers[id].written = depth;
    }
    return depth;
}

/* First and last user of every buffer, after the steps have moved. */
static void find_users(hone__exec_plan *plan) {
    for (size_t i = 0; i < plan->n_buffers; i++) {
        plan->buffers[i].first = UINT32_MAX;
        plan->buffers[i].last = 0;
    }
    for (uint32_t at = 0; at < plan->n_steps; at++) {
        const hone__cpu_step *step = &plan->steps[at];
        for (size_t i = 0; i <= step->n_in + step->n_out; i++) {
            const uint32_t value = i < step->n_in + step->n_out ? step->ids[i] : HONE_NO_BUFFER;
            const uint32_t id = i == step->n_in + step->n_out ? step->workspace
                                : value == HONE_NO_BUFFER     ? HONE_NO_BUFFER
                                                              : plan->value_buffer[value];
            if (id == HONE_NO_BUFFER)
                continue;
            hone__cpu_buffer *buffer = &plan->buffers[id];
            buffer->first = buffer->first == UINT32_MAX ? at : buffer->first;
            buffer->last = at;
        }
    }
    for (size_t i = 0; i < plan->n_buffers; i++)
        if (plan->buffers[i].first == UINT32_MAX)
            plan->buffers[i].first = 0;
}

hone_status hone__cpu_branches_sort(hone__exec_plan *plan, uint32_t **depths, uint32_t *n_depths, hone_error *error) {
    const size_t n = plan->n_steps;
    hone_status status = HONE_OK;
    depth_order *order = hone__calloc(n + 1, sizeof *order);
    buffer_depth *buffers = hone__calloc(plan->n_buffers + 1, sizeof *buffers);
    hone__cpu_step *sorted = hone__calloc(n + 1, sizeof *sorted);
    int32_t *moved = hone__calloc(n + 1, sizeof *moved);
    *depths = hone__arena_calloc(&plan->arena, n + 1, sizeof **depths);
    *n_depths = 1;
    if (!order || !buffers || !sorted || !moved || !*depths) {
        status = hone__fail_memory(error, "the plan");
        goto cleanup;
    }
    for (uint32_t i = 0; i < n; i++)
        order[i] = (depth_order){depth_of(plan, &plan->steps[i], buffers), i};
    qsort(order, n, sizeof *order, by_depth);
    for (uint32_t i = 0; i < n; i++) {
        sorted[i] = plan->steps[order[i].step];
        (*depths)[i] = order[i].depth - 1;
        moved[order[i].step] = (int32_t)i;
    }
    for (size_t i = 0; i < plan->model->n_nodes; i++) /* several nodes may be one step */
        if (plan->node_step[i] >= 0)
            plan->node_step[i] = moved[plan->node_step[i]];
    if (n) /* a plan without steps has no array */
        memcpy(plan->steps, sorted, n * sizeof *sorted);
    *n_depths = n ? (*depths)[n - 1] + 1 : 1;
    find_users(plan);
cleanup:
    hone__free(order);
    hone__free(buffers);
    hone__free(sorted);
    hone__free(moved);
    return status;
}

/* ---- cutting into phases ---- */

/* Milliseconds that opening a region and taking a step from it cost. */
static const double REGION_MS = 0.002, TAKE_MS = 0.0003;
/* A region must beat its steps one by one by this factor. */
static const double WORTH = 0.95;
enum { MAX_LIMITS = 12, MAX_WORKERS = 64 };

typedef struct running {
    double end;
    uint32_t step;
} running;

typedef struct cutter {
    hone__exec_plan *plan;
    const double *one, *all;
    int n_workers;
    bool is_forced;
    uint32_t *pending, *ready, *taken; /* [n_steps] */
    size_t n_ready, n_taken, n_done;
    uint32_t *steps, *begin; /* the phases of a walk that records: steps, and where each phase begins */
    size_t n_phases, n_steps;
    bool records, has_region;
} cutter;

static void complete(cutter *c, uint32_t at) {
    const hone__cpu_step *step = &c->plan->steps[at];
    c->n_done++;
    for (size_t i = 0; i < step->n_followers; i++)
        if (--c->pending[step->followers[i]] == 0)
            c->ready[c->n_ready++] = step->followers[i];
}

static uint32_t remove_ready(cutter *c, size_t i) {
    const uint32_t step = c->ready[i];
    c->ready[i] = c->ready[--c->n_ready];
    return step;
}

/* Place in ready of the earliest step of at most `limit` ms on one thread; n_ready when there is none. */
static size_t earliest(const cutter *c, double limit) {
    size_t best = c->n_ready;
    for (size_t i = 0; i < c->n_ready; i++)
        if (c->one[c->ready[i]] <= limit && (best == c->n_ready || c->ready[i] < c->ready[best]))
            best = i;
    return best;
}

static void record(cutter *c, const uint32_t *steps, size_t n) {
    if (!c->records || n == 0)
        return;
    c->begin[c->n_phases++] = (uint32_t)c->n_steps;
    memcpy(c->steps + c->n_steps, steps, n * sizeof *steps);
    c->n_steps += n;
}

/* Small steps on all workers until none is left; their time. */
static double walk_region(cutter *c, double limit) {
    running at_work[MAX_WORKERS];
    int n_running = 0;
    double now = REGION_MS, single = 0.0;
    c->n_taken = 0;
    for (;;) {
        size_t next;
        while (n_running < c->n_workers && (next = earliest(c, limit)) < c->n_ready) {
            const uint32_t step = remove_ready(c, next);
            at_work[n_running++] = (running){now + c->one[step] + TAKE_MS, step};
            c->taken[c->n_taken++] = step;
            single += c->all[step];
        }
        if (n_running == 0)
            break;
        int first = 0;
        for (int i = 1; i < n_running; i++)
            if (at_work[i].end < at_work[first].end)
                first = i;
        now = at_work[first].end;
        complete(c, at_work[first].step);
        at_work[first] = at_work[--n_running];
    }
    if (c->is_forced || now < WORTH * single) {
        record(c, c->taken, c->n_taken);
        c->has_region = true;
        return now;
    }
    for (size_t i = 0; i < c->n_taken; i++) /* in an order that is possible */
        record(c, &c->taken[i], 1);
    return single;
}

/* Milliseconds of a run whose regions hold steps of at most `limit`. */
static double walk(cutter *c, double limit) {
    double ms = 0.0;
    c->n_ready = c->n_done = c->n_phases = c->n_steps = 0;
    c->has_region = false;
    for (uint32_t i = 0; i < c->plan->n_steps; i++)
        if ((c->pending[i] = c->plan->steps[i].n_deps) == 0)
            c->ready[c->n_ready++] = i;
    while (c->n_done < c->plan->n_steps && c->n_ready) {
        size_t n_small = 0;
        for (size_t i = 0; i < c->n_ready && n_small < 2; i++)
            n_small += c->one[c->ready[i]] <= limit;
        if (n_small > 1) {
            ms += walk_region(c, limit);
            continue;
        }
        const uint32_t step = remove_ready(c, earliest(c, HUGE_VAL));
        record(c, &step, 1);
        complete(c, step);
        ms += c->all[step];
    }
    return ms;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Limits to try: spread over the steps' times. */
static double best_limit(cutter *c, double *sorted) {
    const size_t n = c->plan->n_steps;
    memcpy(sorted, c->one, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_value);
    double best = -1.0, least = 0.0;
    for (size_t i = 0; i < n; i++)
        least += c->all[i];
    for (int k = 1; k <= MAX_LIMITS; k++) {
        const double limit = sorted[(n - 1) * (size_t)k / MAX_LIMITS], ms = walk(c, limit);
        if (ms < WORTH * least || (ms < least && best >= 0.0)) {
            least = ms;
            best = limit;
        }
    }
    return best;
}

hone_status hone__cpu_branches_cut(hone__exec_plan *plan, const double *one, const double *all, int n_workers,
                                   bool is_forced, hone_error *error) {
    const size_t n = plan->n_steps;
    hone_status status = HONE_OK;
    plan->n_phases = 0;
    if (n < 2 || n_workers < 2)
        return HONE_OK;
    cutter c = {.plan = plan,
                .one = one,
                .all = all,
                .n_workers = n_workers < MAX_WORKERS ? n_workers : MAX_WORKERS,
                .is_forced = is_forced};
    double *sorted = hone__calloc(n, sizeof *sorted);
    uint32_t *work = hone__calloc(3 * n, sizeof *work);
    c.steps = hone__arena_calloc(&plan->arena, n, sizeof *c.steps);
    c.begin = hone__arena_calloc(&plan->arena, n + 1, sizeof *c.begin);
    if (!sorted || !work || !c.steps || !c.begin) {
        status = hone__fail_memory(error, "the plan");
        goto cleanup;
    }
    c.pending = work;
    c.ready = work + n;
    c.taken = work + 2 * n;
    const double limit = is_forced ? HUGE_VAL : best_limit(&c, sorted);
    if (limit < 0.0)
        goto cleanup;
    c.records = true;
    (void)walk(&c, limit);
    c.begin[c.n_phases] = (uint32_t)c.n_steps;
    if (c.has_region && c.n_steps == n) {
        plan->phase_steps = c.steps;
        plan->phase_begin = c.begin;
        plan->n_phases = c.n_phases;
    }
cleanup:
    hone__free(sorted);
    hone__free(work);
    return status;
}

hone_status hone__cpu_branches_copy(const hone__exec_plan *from, hone__exec_plan *to, hone_error *error) {
    to->phase_steps = hone__arena_memdup(&to->arena, from->phase_steps, from->n_steps * sizeof *from->phase_steps);
    to->phase_begin =
        hone__arena_memdup(&to->arena, from->phase_begin, (from->n_phases + 1) * sizeof *from->phase_begin);
    if (!to->phase_steps || !to->phase_begin)
        return hone__fail_memory(error, "the plan");
    to->n_phases = from->n_phases;
    return HONE_OK;
}

/* ---- running ---- */

enum { SPIN_NS = 200000 };

/* A step is done: those of the region that waited for it alone are ready. The lock is held, or nobody else runs. */
static void release_followers(hone__exec_context *ctx, uint32_t step) {
    const hone__cpu_step *done = &ctx->plan->steps[step];
    for (size_t i = 0; i < done->n_followers; i++) {
        const uint32_t next = done->followers[i];
        if (--ctx->pending[next] == 0 && ctx->is_in_region[next])
            ctx->ready[ctx->n_ready++] = next;
    }
}

/* The earliest of the ready steps. */
static uint32_t take_ready(hone__exec_context *ctx) {
    size_t best = 0;
    for (size_t i = 1; i < ctx->n_ready; i++)
        if (ctx->ready[i] < ctx->ready[best])
            best = i;
    const uint32_t step = ctx->ready[best];
    ctx->ready[best] = ctx->ready[ctx->n_ready - 1];
    ctx->n_ready--;
    return step;
}

/* Until a step is ready or the region ends: spins for a bounded time, then sleeps. The lock is held. */
static void await_ready(hone__exec_context *ctx) {
    pthread_mutex_unlock(&ctx->lock);
    const uint64_t start = hone__now_ns();
    for (unsigned i = 1; ctx->n_ready == 0 && ctx->n_left > 0; i++) {
        hone__pool_relax();
        if (i % 64 == 0 && hone__now_ns() - start > SPIN_NS)
            break;
    }
    pthread_mutex_lock(&ctx->lock);
    ctx->n_sleepers++;
    if (ctx->n_ready == 0 && ctx->n_left > 0 && hone__now_ns() - start > SPIN_NS)
        pthread_cond_wait(&ctx->wake, &ctx->lock);
    ctx->n_sleepers--;
}

static void region_worker(void *arg, size_t task, int worker) {
    hone__exec_context *ctx = arg;
    (void)task;
    pthread_mutex_lock(&ctx->lock);
    while (ctx->n_left > 0) {
        if (ctx->n_ready == 0) {
            await_ready(ctx);
            continue;
        }
        const uint32_t step = take_ready(ctx);
        pthread_mutex_unlock(&ctx->lock);
        hone_error error;
        hone_error_clear(&error);
        const hone_status status = hone__cpu_run_timed(ctx, step, worker, NULL, &error);
        pthread_mutex_lock(&ctx->lock);
        if (status != HONE_OK && ctx->status == HONE_OK) {
            ctx->status = status;
            ctx->error = error;
        }
        release_followers(ctx, step);
        ctx->n_left = ctx->status == HONE_OK ? ctx->n_left - 1 : 0;
        if (ctx->n_sleepers && (ctx->n_ready || ctx->n_left == 0))
            pthread_cond_broadcast(&ctx->wake);
    }
    pthread_mutex_unlock(&ctx->lock);
}

static hone_status run_region(hone__exec_context *ctx, const uint32_t *steps, size_t n, hone_error *error) {
    ctx->n_ready = 0;
    ctx->n_left = n;
    ctx->status = HONE_OK;
    for (size_t i = 0; i < n; i++) {
        ctx->is_in_region[steps[i]] = true;
        if (ctx->pending[steps[i]] == 0)
            ctx->ready[ctx->n_ready++] = steps[i];
    }
    hone__pool_run(ctx->model->inter, (size_t)hone__pool_threads(ctx->model->inter), region_worker, ctx);
    for (size_t i = 0; i < n; i++)
        ctx->is_in_region[steps[i]] = false;
    if (ctx->status != HONE_OK && error)
        *error = ctx->error;
    return ctx->status;
}

hone_status hone__cpu_branches_run(hone__exec_context *ctx, hone_error *error) {
    const hone__exec_plan *plan = ctx->plan;
    for (size_t i = 0; i < plan->n_steps; i++)
        ctx->pending[i] = plan->steps[i].n_deps;
    for (size_t p = 0; p < plan->n_phases; p++) {
        const uint32_t *steps = plan->phase_steps + plan->phase_begin[p];
        const size_t n = plan->phase_begin[p + 1] - plan->phase_begin[p];
        if (n > 1) {
            HONE_TRY(run_region(ctx, steps, n, error));
            continue;
        }
        HONE_TRY(hone__cpu_run_timed(ctx, steps[0], 0, ctx->model->intra, error));
        release_followers(ctx, steps[0]);
    }
    return HONE_OK;
}
