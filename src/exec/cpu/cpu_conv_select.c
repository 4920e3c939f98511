/* Which algorithm a convolution gets (key cudnn_conv_algo_search):
 *   DEFAULT     implicit_gemm wherever its workspace is allowed, else direct;
 *   HEURISTIC   the least estimated time (kernels/conv/conv_cost.c);
 *   EXHAUSTIVE  the fastest of those that were timed inside the model: cpu_search.c asks for them by rank.
 * Only algorithms whose workspace is within the limit take part; `direct` needs next to none and is always left.
 * Under tunable_op_enable a stored choice comes first; under tunable_op_tuning_enable a missing one is timed and
 * stored. */
#include "exec/cpu/cpu_conv.h"

#include "base/alloc.h"
#include "base/mapping.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ALGOS = 32, MAX_RANKS = 10 };
/* Algorithms estimated slower than this, in parts of the least estimate, are not timed. */
static const double WORTH_TIMING = 2.5;

typedef struct candidate {
    hone__conv_plan plan;
    double cost;
} candidate;

static size_t list_candidates(const hone__cpu_config *config, const hone__conv_desc *desc, candidate *out) {
    size_t n = 0;
    for (size_t i = 0; i < hone__conv_n_algos && n < MAX_ALGOS; i++) {
        candidate *c = &out[n];
        if (!hone__conv_plan_init(&c->plan, &hone__conv_algos[i], desc, config->isa, config->n_threads))
            continue;
        if (c->plan.workspace_size > config->max_workspace && strcmp(c->plan.algo->name, "direct") != 0)
            continue;
        c->cost = hone__conv_cost(&c->plan);
        n++;
    }
    return n;
}

static candidate *find(candidate *c, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(c[i].plan.algo->name, name) == 0)
            return &c[i];
    return NULL;
}

static candidate *cheapest(candidate *c, size_t n) {
    candidate *best = c;
    for (size_t i = 1; i < n; i++)
        if (c[i].cost < best->cost)
            best = &c[i];
    return best;
}

double hone__conv_least_cost(const hone__cpu_config *config, const hone__conv_desc *desc) {
    candidate *c = hone__calloc(MAX_ALGOS, sizeof *c);
    const size_t n = c ? list_candidates(config, desc, c) : 0;
    const double cost = n ? cheapest(c, n)->cost : HUGE_VAL;
    hone__free(c);
    return cost;
}

void hone__conv_slot_free(const hone__conv_state *state, hone__conv_slot *slot) {
    if (!slot->is_lasting) {
        if (state->config->memory_give)
            state->config->memory_give(state->config->memory, slot->size);
        hone__free_aligned(slot->packed);
    }
    hone__free(slot);
}

/* Memory for a slot, charged to the session. */
static hone_status slot_memory(const hone__conv_state *state, size_t size, hone__conv_slot **slot, float **packed,
                               hone_error *error) {
    const hone__cpu_config *config = state->config;
    if (config->memory_take)
        HONE_TRY(config->memory_take(config->memory, size, error));
    *slot = hone__calloc(1, sizeof **slot);
    *packed = *slot ? hone__malloc_aligned(size) : NULL;
    if (*packed)
        return HONE_OK;
    hone__free(*slot);
    if (config->memory_give)
        config->memory_give(config->memory, size);
    return hone__fail_memory(error, "packed weights");
}

static hone__conv_slot *find_slot(const hone__conv_state *state, uint64_t key, uint64_t trial) {
    hone__conv_slot *slot = state->slots;
    while (slot && (slot->key != key || slot->trial != trial))
        slot = slot->next;
    return slot;
}

/* Slots of trials that may be over by now: their memory was the trial's. */
static void drop_trials(hone__conv_state *state, uint64_t but) {
    pthread_mutex_lock(&state->lock);
    for (hone__conv_slot **at = &state->slots; *at;) {
        hone__conv_slot *slot = *at;
        if (slot->trial == 0 || slot->trial == but) {
            at = &slot->next;
            continue;
        }
        *at = slot->next;
        hone__conv_slot_free(state, slot);
    }
    pthread_mutex_unlock(&state->lock);
}

hone_status hone__conv_packed(hone__conv_state *state, const hone__conv_plan *plan, const float **out,
                              hone_error *error) {
    hone_status status = HONE_OK;
    pthread_mutex_lock(&state->lock);
    hone__conv_slot *slot = find_slot(state, plan->pack_key, 0);
    if (!slot) {
        float *packed;
        status = slot_memory(state, plan->packed_size, &slot, &packed, error);
        if (status == HONE_OK) {
            hone__conv_pack(plan, state->weights, packed);
            *slot = (hone__conv_slot){plan->pack_key, packed, plan->packed_size, false, 0, state->slots};
            state->slots = slot;
        }
    }
    if (status == HONE_OK)
        *out = slot->packed;
    pthread_mutex_unlock(&state->lock);
    return status;
}

typedef struct pack_work {
    hone__conv_plan plan;
    const hone__conv_state *state;
    float *packed;
} pack_work;

static void pack_part(void *arg, size_t part) {
    const pack_work *w = arg;
    const hone__conv_state *state = w->state;
    (void)part;
    hone__mapping_populate((const void *)state->weights, state->weights_size);
    hone__conv_pack(&w->plan, state->weights, w->packed);
    if (state->config->drop_pages)
        state->config->drop_pages(state->config->drop_pages_user, (const void *)state->weights, state->weights_size);
}

hone_status hone__conv_packed_later(hone__conv_state *state, hone__cpu_plan *ctx, const hone__conv_plan *plan,
                                    const float **out) {
    if (!ctx->work)
        return hone__conv_packed(state, plan, out, ctx->error);
    drop_trials(state, ctx->trial);
    hone__conv_slot *slot = find_slot(state, plan->pack_key, ctx->trial); /* plans are made one at a time */
    if (slot) {
        *out = slot->packed;
        return HONE_OK;
    }
    float *packed = ctx->trial ? ctx->alloc_trial(ctx, plan->packed_size) : ctx->alloc_packed(ctx, plan->packed_size);
    pack_work *w = packed ? hone__arena_alloc(ctx->arena, sizeof *w) : NULL;
    slot = w ? hone__calloc(1, sizeof *slot) : NULL;
    if (!slot)
        return ctx->error && ctx->error->status == HONE_ERROR_LIMIT ? HONE_ERROR_LIMIT
                                                                    : hone__fail_memory(ctx->error, "packed weights");
    *w = (pack_work){*plan, state, packed};
    hone_status status = hone__cpu_work_add(ctx->work, pack_part, w, 1, ctx->error);
    if (status != HONE_OK) {
        hone__free(slot);
        return status;
    }
    *slot = (hone__conv_slot){plan->pack_key, packed, plan->packed_size, true, ctx->trial, state->slots};
    pthread_mutex_lock(&state->lock);
    state->slots = slot;
    pthread_mutex_unlock(&state->lock);
    *out = packed;
    return HONE_OK;
}

/* ---- the choice ---- */

static void choice_key(const hone__cpu_config *config, const hone__conv_desc *d, const char *isa, char *key,
                       size_t size) {
    snprintf(key, size,
             "Conv f32 %s t%d n%zu c%zu %zux%zu k%zu %zux%zu s%zux%zu d%zux%zu p%zux%zu o%zux%zu g%zu a%d l%d%d", isa,
             config->n_threads, d->n, d->c, d->h, d->w, d->k, d->r, d->s, d->stride_h, d->stride_w, d->dil_h, d->dil_w,
             d->pad_top, d->pad_left, d->oh, d->ow, d->groups, (int)d->act.kind, (int)d->x_layout, (int)d->layout);
}

/* The rules without timing. */
static candidate *by_rules(const hone__cpu_config *config, candidate *c, size_t n) {
    if (config->conv_search != HONE_CONV_DEFAULT)
        return cheapest(c, n);
    candidate *found = find(c, n, "implicit_gemm");
    return found ? found : find(c, n, "direct");
}

static int by_cost(const void *a, const void *b) {
    const double x = ((const candidate *)a)->cost, y = ((const candidate *)b)->cost;
    return (x > y) - (x < y);
}

/* Sorts the candidates: the rules' first, the others by estimated time; how many of them are worth timing. */
static int rank(const hone__cpu_config *config, candidate *c, size_t n) {
    candidate first = *by_rules(config, c, n);
    qsort(c, n, sizeof *c, by_cost);
    const double least = c[0].cost;
    const size_t at = (size_t)(find(c, n, first.plan.algo->name) - c);
    memmove(c + 1, c, at * sizeof *c);
    c[0] = first;
    int worth = 1;
    while ((size_t)worth < n && worth < MAX_RANKS && c[worth].cost <= WORTH_TIMING * least)
        worth++;
    return worth;
}

static hone_status choose(hone__cpu_plan *ctx, const hone__conv_desc *desc, candidate *c, size_t n, candidate **out,
                          const char **detail) {
    const hone__cpu_config *config = ctx->config;
    char key[256], name[64];
    choice_key(config, desc, hone__conv_isa_name(&c->plan), key, sizeof key);
    *out = NULL;
    if (config->tunable_enable && config->choice_get &&
        config->choice_get(config->choice_store, key, name, sizeof name))
        *out = find(c, n, name);
    if (*out) {
        *detail = "stored choice";
        return HONE_OK;
    }
    const bool is_tuning = config->tunable_enable && config->tunable_tuning;
    if (config->conv_search != HONE_CONV_EXHAUSTIVE && !is_tuning) {
        *out = by_rules(config, c, n);
        return HONE_OK;
    }
    ctx->n_ranks = rank(config, c, n);
    ctx->choice_key = hone__arena_strdup(ctx->arena, key);
    if (!ctx->choice_key)
        return hone__fail_memory(ctx->error, "a convolution's plan");
    *out = &c[ctx->rank < ctx->n_ranks ? ctx->rank : 0];
    if (ctx->keeps && is_tuning && config->choice_put)
        config->choice_put(config->choice_store, key, (*out)->plan.algo->name);
    return HONE_OK;
}

hone_status hone__conv_select(hone__conv_state *state, hone__cpu_plan *ctx, const hone__conv_desc *desc,
                              hone__conv_choice *choice, const char **detail) {
    candidate *c = hone__calloc(MAX_ALGOS, sizeof *c), *best = NULL;
    if (!c)
        return hone__fail_memory(ctx->error, "the list of convolution algorithms");
    hone_status status = HONE_OK;
    const size_t n = list_candidates(ctx->config, desc, c);
    if (n == 0) {
        status = hone__fail(ctx->error, HONE_ERROR_LIMIT,
                            "a convolution of %zux%zu over %zu channels of %zux%zu is too large", desc->r, desc->s,
                            desc->c, desc->h, desc->w);
        goto cleanup;
    }
    if (state->weights) {
        HONE_CHECK(choose(ctx, desc, c, n, &best, detail));
        choice->plan = best->plan;
        HONE_CHECK(hone__conv_packed_later(state, ctx, &choice->plan, &choice->packed));
    } else { /* computed weights are packed in every run: only what packs quickly */
        best = find(c, n, "implicit_gemm");
        choice->plan = best ? best->plan : c->plan;
    }
cleanup:
    hone__free(c);
    return status;
}
