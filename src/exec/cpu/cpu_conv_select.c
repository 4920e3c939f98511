/* Which algorithm a convolution gets (key cudnn_conv_algo_search):
 *   DEFAULT     implicit_gemm wherever its workspace is allowed, else direct;
 *   HEURISTIC   the least estimated time (kernels/conv/conv_cost.c);
 *   EXHAUSTIVE  every applicable algorithm is run on this shape and the fastest taken, `detail` says how long each
 * took. Only algorithms whose workspace is within the limit take part; `direct` needs next to none and is always left.
 * Under tunable_op_enable a stored choice comes first; under tunable_op_tuning_enable a missing one is measured and
 * stored. */
#include "exec/cpu/cpu_conv.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/mapping.h"
#include "base/strbuf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_ALGOS = 32, MAX_ROUNDS = 7 };
/* A layer's rounds stop after this long, the first (warm-up) round excepted. */
static const double LAYER_BUDGET_MS = 120.0;

typedef struct candidate {
    hone__conv_plan plan;
    double cost;
    double ms[MAX_ROUNDS];
    int n_ms;
    double median;
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
        c->n_ms = 0;
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

hone_status hone__conv_packed(hone__conv_state *state, const hone__conv_plan *plan, const float **out,
                              hone_error *error) {
    hone_status status = HONE_OK;
    pthread_mutex_lock(&state->lock);
    hone__conv_slot *slot = state->slots;
    while (slot && slot->key != plan->pack_key)
        slot = slot->next;
    if (!slot) {
        float *packed;
        status = slot_memory(state, plan->packed_size, &slot, &packed, error);
        if (status == HONE_OK) {
            hone__conv_pack(plan, state->weights, packed);
            *slot = (hone__conv_slot){plan->pack_key, packed, plan->packed_size, false, state->slots};
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
    hone__conv_slot *slot = state->slots; /* plans are made one at a time */
    while (slot && slot->key != plan->pack_key)
        slot = slot->next;
    if (slot) {
        *out = slot->packed;
        return HONE_OK;
    }
    float *packed = ctx->alloc_packed(ctx, plan->packed_size);
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
    *slot = (hone__conv_slot){plan->pack_key, packed, plan->packed_size, true, state->slots};
    pthread_mutex_lock(&state->lock);
    state->slots = slot;
    pthread_mutex_unlock(&state->lock);
    *out = packed;
    return HONE_OK;
}

/* ---- measuring ---- */

typedef struct bench {
    float *x, *y, *z, *bias;
    void *workspace;
} bench;

static void bench_free(bench *b) {
    hone__free_aligned(b->x);
    hone__free_aligned(b->y);
    hone__free_aligned(b->z);
    hone__free_aligned(b->bias);
    hone__free_aligned(b->workspace);
}

static float *bench_floats(size_t n) {
    float *p = hone__malloc_aligned(n * sizeof(float));
    for (size_t i = 0; p && i < n; i++)
        p[i] = (float)(int)(i * 2654435761u % 2001u) * 0.001f - 1.0f; /* no denormals, no zeros in a row */
    return p;
}

static bool bench_init(bench *b, const hone__conv_desc *d, bool has_bias, bool has_z, size_t workspace) {
    /* Rounded up to the blocks of either layout. */
    const size_t y = d->n * hone__round_up(d->k, 16) * d->oh * d->ow;
    *b = (bench){bench_floats(d->n * hone__round_up(d->c, 16) * d->h * d->w), bench_floats(y),
                 has_z ? bench_floats(y) : NULL, has_bias ? bench_floats(d->k) : NULL,
                 hone__malloc_aligned(workspace + 64)};
    return b->x && b->y && b->workspace && (b->z || !has_z) && (b->bias || !has_bias);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Packed weights and table of every candidate, while it is measured. Families share weights. */
typedef struct measured {
    const float *packed;
    void *table;
} measured;

static double time_once(const candidate *c, const measured *m, const bench *b, hone__pool *pool) {
    hone__conv_args args = {&c->plan, b->x, m->packed, m->table, b->bias, b->z, b->y, b->workspace};
    const uint64_t start = hone__now_ns();
    hone__conv_execute(&args, pool);
    return hone__ms_since(start);
}

/* One warm-up run each, then interleaved rounds among those that are within twice the best, until the budget is spent.
 * The median of at most MAX_ROUNDS runs counts. */
static void measure(candidate *c, const measured *m, size_t n, const bench *b, hone__pool *pool) {
    double best = 1e300;
    for (size_t i = 0; i < n; i++) {
        c[i].median = time_once(&c[i], &m[i], b, pool);
        const double again = c[i].median < 20.0 ? time_once(&c[i], &m[i], b, pool) : c[i].median;
        c[i].median = again < c[i].median ? again : c[i].median;
        best = c[i].median < best ? c[i].median : best;
    }
    const uint64_t start = hone__now_ns();
    for (int round = 0; round < MAX_ROUNDS; round++)
        for (size_t i = 0; i < n; i++) {
            if (c[i].median > 2.0 * best || (round >= 2 && hone__ms_since(start) > LAYER_BUDGET_MS))
                continue;
            c[i].ms[c[i].n_ms++] = time_once(&c[i], &m[i], b, pool);
        }
    for (size_t i = 0; i < n; i++)
        if (c[i].n_ms) {
            qsort(c[i].ms, (size_t)c[i].n_ms, sizeof c[i].ms[0], by_value);
            c[i].median = c[i].ms[c[i].n_ms / 2];
        }
}

static candidate *fastest(candidate *c, size_t n) {
    candidate *best = c;
    for (size_t i = 1; i < n; i++)
        if (c[i].median < best->median)
            best = &c[i];
    return best;
}

static int by_median(const void *a, const void *b) {
    return by_value(&((const candidate *)a)->median, &((const candidate *)b)->median);
}

/* Sorts the candidates, fastest first: "winograd_f43 0.412 ms, direct 0.701 ms". */
static const char *describe(hone__cpu_plan *ctx, candidate *c, size_t n) {
    hone__strbuf text;
    hone__strbuf_init(&text);
    qsort(c, n, sizeof *c, by_median);
    for (size_t i = 0; i < n; i++)
        hone__strbuf_printf(&text, "%s%s %.3f ms", i ? ", " : "", c[i].plan.algo->name, c[i].median);
    const char *out = text.failed ? NULL : hone__arena_strdup(ctx->arena, hone__strbuf_text(&text));
    hone__strbuf_deinit(&text);
    return out;
}

/* Slots made for losers go: only the winner's family, and those that were there before, stay. */
static void drop_slots(hone__conv_state *state, const hone__conv_slot *before, uint64_t keep) {
    pthread_mutex_lock(&state->lock);
    hone__conv_slot **at = &state->slots;
    while (*at && *at != before) {
        hone__conv_slot *slot = *at;
        if (slot->key == keep) {
            at = &slot->next;
            continue;
        }
        *at = slot->next;
        hone__conv_slot_free(state, slot);
    }
    pthread_mutex_unlock(&state->lock);
}

/* Two plans of one node measured at once would see each other's slots come and go, and disturb each other's times. */
static pthread_mutex_t g_measuring = PTHREAD_MUTEX_INITIALIZER;

static hone_status search(hone__conv_state *state, hone__cpu_plan *ctx, const hone__conv_desc *desc, bool has_bias,
                          bool has_z, candidate *c, size_t n, const char **detail) {
    hone_status status = HONE_OK;
    measured m[MAX_ALGOS] = {{0}};
    bench b = {0};
    size_t workspace = 0;
    pthread_mutex_lock(&g_measuring);
    const hone__conv_slot *before = state->slots;
    for (size_t i = 0; i < n; i++)
        workspace = hone__max_size(workspace, c[i].plan.workspace_size);
    if (!bench_init(&b, desc, has_bias, has_z, workspace)) {
        status = hone__fail_memory(ctx->error, "buffers for timing convolution algorithms");
        hone__error_hint(ctx->error,
                         "set cudnn_conv_algo_search to HEURISTIC, or cudnn_conv_use_max_workspace to false");
        goto cleanup;
    }
    for (size_t i = 0; i < n; i++) {
        HONE_CHECK(hone__conv_packed(state, &c[i].plan, &m[i].packed, ctx->error));
        if (!c[i].plan.table_size)
            continue;
        m[i].table = hone__malloc_aligned(c[i].plan.table_size);
        if (!m[i].table) {
            status = hone__fail_memory(ctx->error, "a convolution's table");
            goto cleanup;
        }
        hone__conv_fill_table(&c[i].plan, m[i].table);
    }
    measure(c, m, n, &b, ctx->config->pool);
    drop_slots(state, before, fastest(c, n)->plan.pack_key);
    *detail = describe(ctx, c, n); /* sorts: c[0] is the winner */
cleanup:
    for (size_t i = 0; i < n; i++)
        hone__free_aligned(m[i].table);
    bench_free(&b);
    pthread_mutex_unlock(&g_measuring);
    return status;
}

/* ---- the choice ---- */

static void choice_key(const hone__cpu_config *config, const hone__conv_desc *d, const char *isa, char *key,
                       size_t size) {
    snprintf(key, size,
             "Conv f32 %s t%d n%zu c%zu %zux%zu k%zu %zux%zu s%zux%zu d%zux%zu p%zux%zu o%zux%zu g%zu a%d l%d%d", isa,
             config->n_threads, d->n, d->c, d->h, d->w, d->k, d->r, d->s, d->stride_h, d->stride_w, d->dil_h, d->dil_w,
             d->pad_top, d->pad_left, d->oh, d->ow, d->groups, (int)d->act.kind, (int)d->x_layout, (int)d->layout);
}

static hone_status choose(hone__conv_state *state, hone__cpu_plan *ctx, const hone__conv_desc *desc, bool has_bias,
                          bool has_z, candidate *c, size_t n, candidate **out, const char **detail) {
    const hone__cpu_config *config = ctx->config;
    char key[256], name[64];
    choice_key(config, desc, hone__conv_isa_name(&c->plan), key, sizeof key);
    candidate *stored = NULL;
    if (config->tunable_enable && config->choice_get &&
        config->choice_get(config->choice_store, key, name, sizeof name))
        stored = find(c, n, name);
    if (stored) {
        *detail = "stored choice";
        *out = stored;
        return HONE_OK;
    }
    const bool is_tuning = config->tunable_enable && config->tunable_tuning;
    if (config->conv_search == HONE_CONV_EXHAUSTIVE || is_tuning) {
        HONE_TRY(search(state, ctx, desc, has_bias, has_z, c, n, detail));
        *out = c;
        if (is_tuning && config->choice_put)
            config->choice_put(config->choice_store, key, c->plan.algo->name);
        return HONE_OK;
    }
    if (config->conv_search == HONE_CONV_HEURISTIC) {
        *out = cheapest(c, n);
        return HONE_OK;
    }
    *out = find(c, n, "implicit_gemm");
    if (!*out)
        *out = find(c, n, "direct");
    return HONE_OK;
}

hone_status hone__conv_select(hone__conv_state *state, hone__cpu_plan *ctx, const hone__conv_desc *desc, bool has_bias,
                              bool has_z, hone__conv_choice *choice, const char **detail) {
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
        HONE_CHECK(choose(state, ctx, desc, has_bias, has_z, c, n, &best, detail));
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
