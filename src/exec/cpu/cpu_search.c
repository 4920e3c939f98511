/* Choosing by timing; see cpu_search.h.
 *
 * Nodes with equal keys (the same layer, several times in the model) form a group and share a choice. A first plan
 * takes what the rules take. Plan k takes the k-th alternative of every group at once: whole runs are timed node by
 * node, and each group's fastest alternative is noted. The plan of those is then run in turns with the first one; a
 * group keeps its alternative only if it was faster there too, beyond noise, and the whole only if the model is not
 * slower for it. So the rules' choice stands unless something is faster for certain.
 *
 * The layouts (cpu_layout.h) are compared in the same way before, model by model: as the cost model says, all plain,
 * all blocked. */
#include "exec/cpu/cpu_search.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "exec/cpu/cpu_branches.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ALTERNATIVES = 16, MAX_RUNS = 9, MIN_RUNS = 3, TURNS = 4, NO_GROUP = UINT32_MAX };
/* A trial's timed runs end after about this long. */
static const double TRIAL_MS = 60.0;
/* A run that takes longer is timed once a turn, and its caches are warm enough: a search must not take minutes. */
static const double SLOW_MS = 120.0;
/* In parts of the rules' time: what an alternative may take at most to be chosen. */
static const double FASTER = 0.985, FASTER_LAYOUT = 0.97;
/* A plan that takes this much longer at once is not looked at again. */
static const double HOPELESS = 1.25;

typedef struct group {
    const char *key; /* in the search's arena */
    size_t n_nodes;
    int n_ranks, rank;
    double ms[MAX_ALTERNATIVES]; /* of all its nodes; 0: not timed */
    const char *names[MAX_ALTERNATIVES];
} group;

typedef struct search {
    hone__exec_model *model;
    const hone_tensor *const *inputs;
    hone__arena arena;
    uint32_t *group_of; /* [n_nodes] */
    group *groups;
    size_t n_groups;
    uint8_t *ranks; /* [n_nodes]: those of the plan to be made */
    hone__cpu_layout_mode layout;
    bool has_branches;
} search;

/* A plan and what it needs to run. */
typedef struct runner {
    hone__cpu_trial trial;
    hone__exec_plan *plan;
    hone__exec_context *ctx;
    hone_tensor **outputs, **produced; /* [n_outputs] */
    double *node_ms;                   /* [n_nodes], of the last run */
    double *samples;                   /* [MAX_RUNS * TURNS][n_groups + 1]: per group, then the whole run */
    size_t n_samples;
} runner;

/* Two searches at once would disturb each other's times. */
static pthread_mutex_t g_searching = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint64_t g_trials;

void *hone__cpu_trial_alloc(hone__cpu_plan *ctx, size_t size) {
    hone__cpu_trial *trial = ctx->trial_user;
    if (hone__mem_budget_take(&trial->model->budget, size, "packed weights", ctx->error) != HONE_OK)
        return NULL;
    void *p = hone__packed_alloc(&trial->memory, size);
    if (p)
        trial->size += size;
    else
        hone__mem_budget_give(&trial->model->budget, size);
    return p;
}

/* ---- running a trial ---- */

static void runner_deinit(const search *s, runner *r) {
    const size_t n_out = s->model->graph->n_outputs;
    hone__cpu_context_destroy(r->ctx);
    hone__cpu_plan_destroy(r->plan);
    for (size_t i = 0; r->outputs && i < n_out; i++)
        hone_tensor_destroy(r->outputs[i]);
    hone__free(r->outputs);
    hone__free(r->produced);
    hone__free(r->node_ms);
    hone__free(r->samples);
    hone__packed_deinit(&r->trial.memory);
    hone__mem_budget_give(&s->model->budget, r->trial.size);
    memset(r, 0, sizeof *r);
}

static hone_status make_outputs(const search *s, runner *r, hone_error *error) {
    for (size_t i = 0; i < s->model->graph->n_outputs; i++) {
        const hone__shape_value *known = &r->plan->shapes.values[s->model->graph->outputs[i]->id];
        if (known->known != HONE_KNOWN_NOTHING && known->desc.dtype != HONE_DTYPE_STRING)
            HONE_TRY(hone_tensor_create(known->desc.dtype, known->desc.rank, known->desc.dims, &r->outputs[i], error));
    }
    return HONE_OK;
}

static hone_status runner_init(const search *s, runner *r, hone_error *error) {
    const size_t n_out = s->model->graph->n_outputs;
    hone_status status = HONE_OK;
    memset(r, 0, sizeof *r);
    r->trial.id = ++g_trials;
    r->trial.model = s->model;
    const hone__cpu_choices choices = {
        .ranks = s->ranks, .layout = s->layout, .has_branches = s->has_branches, .trial = &r->trial};
    HONE_CHECK(hone__cpu_plan_make(s->model, s->inputs, &choices, &r->plan, error));
    r->outputs = hone__calloc(n_out + 1, sizeof *r->outputs);
    r->produced = hone__calloc(n_out + 1, sizeof *r->produced);
    r->node_ms = hone__calloc(s->model->n_nodes + 1, sizeof *r->node_ms);
    r->samples = hone__calloc(MAX_RUNS * TURNS * (s->n_groups + 1), sizeof *r->samples);
    if (!r->outputs || !r->produced || !r->node_ms || !r->samples) {
        status = hone__fail_memory(error, "timing alternatives");
        goto cleanup;
    }
    HONE_CHECK(make_outputs(s, r, error));
    HONE_CHECK(hone__cpu_context_create(s->model, &r->ctx, error));
    status = hone__cpu_context_bind(r->ctx, r->plan, error);
cleanup:
    if (status != HONE_OK)
        runner_deinit(s, r);
    return status;
}

/* Milliseconds of a run; negative when it failed. */
static double run_once(const search *s, runner *r) {
    hone_error error;
    hone_error_clear(&error);
    const uint64_t start = hone__now_ns();
    const hone_status status = hone__cpu_context_run(r->ctx, s->inputs, r->outputs, r->produced, r->node_ms, &error);
    const double ms = hone__ms_since(start);
    for (size_t i = 0; i < s->model->graph->n_outputs; i++) {
        hone_tensor_destroy(r->produced[i]);
        r->produced[i] = NULL;
    }
    return status == HONE_OK ? ms : -1.0;
}

/* One untimed run, which brings the caches back, then timed ones; of slow ones a timed one alone. False when a run
 * fails. */
static bool sample(const search *s, runner *r, int n_runs) {
    for (int i = n_runs > 1 ? -1 : 0; i < n_runs; i++) {
        const double ms = run_once(s, r);
        if (ms < 0.0)
            return false;
        if (i < 0)
            continue;
        double *row = &r->samples[r->n_samples++ * (s->n_groups + 1)];
        for (size_t k = 0; k < s->model->n_nodes; k++)
            if (s->group_of[k] != NO_GROUP)
                row[s->group_of[k]] += r->node_ms[k];
        row[s->n_groups] = ms;
    }
    return true;
}

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of column `g` of samples [begin, end); n_groups is the whole run. */
static double median_of(const search *s, const runner *r, size_t g, size_t begin, size_t end) {
    double v[MAX_RUNS * TURNS];
    for (size_t i = begin; i < end; i++)
        v[i - begin] = r->samples[i * (s->n_groups + 1) + g];
    qsort(v, end - begin, sizeof v[0], by_value);
    return end > begin ? v[(end - begin) / 2] : 0.0;
}

static double median(const search *s, const runner *r, size_t g) { return median_of(s, r, g, 0, r->n_samples); }

/* Whether b was faster in every turn, and by the factor in all: a burst of noise does not decide. */
static bool beats(const search *s, const runner *b, const runner *a, size_t g, double factor) {
    const size_t each = a->n_samples / TURNS;
    for (size_t t = 0; t < TURNS; t++)
        if (!(median_of(s, b, g, t * each, (t + 1) * each) < median_of(s, a, g, t * each, (t + 1) * each)))
            return false;
    return median(s, b, g) < factor * median(s, a, g);
}

static int runs_for(double ms) {
    const double n = ms > 0.0 ? TRIAL_MS / ms : MAX_RUNS;
    if (ms > SLOW_MS)
        return 1;
    return n < MIN_RUNS ? MIN_RUNS : n > MAX_RUNS ? MAX_RUNS : (int)n;
}

/* Runs two plans in turns, a few runs each, so that both meet the same state of the machine. False when b is no match,
 * or a run fails. */
static bool in_turns(const search *s, runner *a, runner *b) {
    a->n_samples = b->n_samples = 0;
    memset(a->samples, 0, MAX_RUNS * TURNS * (s->n_groups + 1) * sizeof *a->samples);
    memset(b->samples, 0, MAX_RUNS * TURNS * (s->n_groups + 1) * sizeof *b->samples);
    double ms = run_once(s, a), other = run_once(s, b);
    if (ms < 0.0 || other < 0.0)
        return false;
    ms = run_once(s, a); /* the second runs: the first touch fresh memory */
    other = run_once(s, b);
    if (other > HOPELESS * ms)
        return false;
    const int n = runs_for(ms);
    for (int turn = 0; turn < TURNS; turn++)
        if (!sample(s, turn % 2 ? b : a, n) || !sample(s, turn % 2 ? a : b, n))
            return false;
    return true;
}

/* ---- layouts ---- */

/* Leaves the better plan in *base. */
static hone_status try_layout(search *s, hone__cpu_layout_mode mode, runner *base, hone_error *error) {
    const hone__cpu_layout_mode before = s->layout;
    runner other;
    s->layout = mode;
    const hone_status status = runner_init(s, &other, error);
    if (status != HONE_OK) {
        s->layout = before;
        return status;
    }
    bool differs = base->plan->layout.block != other.plan->layout.block;
    for (size_t i = 0; i < base->plan->n_values && !differs && other.plan->layout.block; i++)
        differs = base->plan->layout.is_blocked[i] != other.plan->layout.is_blocked[i];
    const bool wins = differs && in_turns(s, base, &other) &&
                      median(s, &other, s->n_groups) < FASTER_LAYOUT * median(s, base, s->n_groups);
    runner *loser = wins ? base : &other;
    runner_deinit(s, loser);
    if (wins)
        *base = other;
    else
        s->layout = before;
    return HONE_OK;
}

/* ---- alternatives ---- */

static hone_status find_groups(search *s, const hone__exec_plan *plan, hone_error *error) {
    s->groups = hone__arena_calloc(&s->arena, s->model->n_nodes + 1, sizeof *s->groups);
    if (!s->groups)
        return hone__fail_memory(error, "timing alternatives");
    for (size_t i = 0; i < s->model->n_nodes; i++) {
        s->group_of[i] = NO_GROUP;
        const hone__cpu_step *step = plan->node_step[i] >= 0 ? &plan->steps[plan->node_step[i]] : NULL;
        if (!step || step->n_ranks < 2 || !step->choice_key)
            continue;
        size_t g = 0;
        while (g < s->n_groups && strcmp(s->groups[g].key, step->choice_key) != 0)
            g++;
        if (g == s->n_groups) {
            const char *key = hone__arena_strdup(&s->arena, step->choice_key);
            if (!key)
                return hone__fail_memory(error, "timing alternatives");
            s->groups[s->n_groups++] =
                (group){.key = key, .n_ranks = step->n_ranks < MAX_ALTERNATIVES ? step->n_ranks : MAX_ALTERNATIVES};
        }
        s->groups[g].n_nodes++;
        s->group_of[i] = (uint32_t)g;
    }
    return HONE_OK;
}

/* Rank k for all groups that have it (0 for the others), or each group's own. */
static void set_ranks(search *s, int k) {
    for (size_t i = 0; i < s->model->n_nodes; i++) {
        const group *g = s->group_of[i] == NO_GROUP ? NULL : &s->groups[s->group_of[i]];
        s->ranks[i] = (uint8_t)(!g ? 0 : k < 0 ? g->rank : k < g->n_ranks ? k : 0);
    }
}

static void note_times(search *s, const runner *r, int k) {
    for (size_t g = 0; g < s->n_groups; g++)
        if (k < s->groups[g].n_ranks)
            s->groups[g].ms[k] = median(s, r, g);
    for (size_t i = 0; i < s->model->n_nodes; i++)
        if (s->group_of[i] != NO_GROUP && k < s->groups[s->group_of[i]].n_ranks)
            s->groups[s->group_of[i]].names[k] = r->plan->steps[r->plan->node_step[i]].algorithm;
}

/* Every alternative once; a trial that cannot be had (its weights exceed the memory limit) is left out. */
static void time_alternatives(search *s, runner *base, int n_runs) {
    int most = 0;
    for (size_t g = 0; g < s->n_groups; g++)
        most = s->groups[g].n_ranks > most ? s->groups[g].n_ranks : most;
    note_times(s, base, 0);
    for (int k = 1; k < most; k++) {
        runner r;
        hone_error error;
        set_ranks(s, k);
        hone_error_clear(&error);
        if (runner_init(s, &r, &error) != HONE_OK)
            continue;
        if (run_once(s, &r) >= 0.0 && sample(s, &r, n_runs))
            note_times(s, &r, k);
        runner_deinit(s, &r);
    }
    for (size_t g = 0; g < s->n_groups; g++) {
        group *at = &s->groups[g];
        for (int k = 1; k < at->n_ranks; k++)
            if (at->ms[k] > 0.0 && at->ms[k] < FASTER * at->ms[0] && (!at->rank || at->ms[k] < at->ms[at->rank]))
                at->rank = k;
    }
}

/* The winners together against the rules' choices. */
static void confirm(search *s, runner *base) {
    runner r;
    hone_error error;
    bool is_faster = false, any = false;
    for (size_t g = 0; g < s->n_groups; g++)
        any |= s->groups[g].rank != 0;
    if (!any)
        return;
    set_ranks(s, -1);
    hone_error_clear(&error);
    if (runner_init(s, &r, &error) == HONE_OK) {
        is_faster = in_turns(s, base, &r) && beats(s, &r, base, s->n_groups, 1.0);
        for (size_t g = 0; g < s->n_groups && is_faster; g++)
            if (s->groups[g].rank && !beats(s, &r, base, g, FASTER))
                s->groups[g].rank = 0;
        runner_deinit(s, &r);
    }
    for (size_t g = 0; g < s->n_groups && !is_faster; g++)
        s->groups[g].rank = 0;
}

/* "winograd_f43 0.412 ms, direct 0.701 ms": the chosen one, then the others by time; of one node. */
static const char *describe(const group *g, hone__arena *arena) {
    hone__strbuf text;
    hone__strbuf_init(&text);
    bool done[MAX_ALTERNATIVES] = {false};
    for (int n = 0, at = g->rank; at >= 0; n++) {
        hone__strbuf_printf(&text, "%s%s %.3f ms", n ? ", " : "", g->names[at], g->ms[at] / (double)g->n_nodes);
        done[at] = true;
        at = -1;
        for (int k = 0; k < g->n_ranks; k++)
            if (!done[k] && g->ms[k] > 0.0 && (at < 0 || g->ms[k] < g->ms[at]))
                at = k;
    }
    const char *out = text.failed ? NULL : hone__arena_strdup(arena, hone__strbuf_text(&text));
    hone__strbuf_deinit(&text);
    return out;
}

/* ---- branches at once ---- */

enum { STEP_RUNS = 3 };

/* The least time of every step, on one thread or on all. */
static bool time_steps(const search *s, runner *r, bool is_single, double *ms) {
    r->ctx->is_single = is_single;
    int n_runs = STEP_RUNS;
    bool ok = true;
    for (int run = 0; run <= n_runs && ok; run++) {
        const double took = run_once(s, r);
        ok = took >= 0.0;
        if (run == 0 && took > SLOW_MS)
            n_runs = 1;
        for (size_t i = 0; i < r->plan->n_steps && ok && run; i++)
            ms[i] = run == 1 || r->ctx->step_ms[i] < ms[i] ? r->ctx->step_ms[i] : ms[i];
    }
    r->ctx->is_single = false;
    return ok;
}

/* A plan with regions that was faster than the plain one, for the caller to copy them from; or none, r->plan NULL. */
static hone_status find_branches(search *s, runner *r, hone_error *error) {
    const bool is_forced = s->model->cpu.force_branches;
    runner plain;
    memset(r, 0, sizeof *r);
    HONE_TRY(runner_init(s, &plain, error)); /* what fails here fails without branches */
    s->has_branches = true;
    hone_error ignored;
    hone_error_clear(&ignored);
    bool wins = false;
    if (runner_init(s, r, &ignored) == HONE_OK) {
        double *one = hone__calloc(2 * r->plan->n_steps + 1, sizeof *one), *all = one ? one + r->plan->n_steps : NULL;
        wins = one && time_steps(s, r, false, all) && time_steps(s, r, true, one) &&
               hone__cpu_branches_cut(r->plan, one, all, hone__pool_threads(s->model->inter), is_forced, &ignored) ==
                   HONE_OK &&
               r->plan->n_phases > 0;
        wins = wins && (is_forced || (in_turns(s, &plain, r) && beats(s, r, &plain, s->n_groups, FASTER)));
        hone__free(one);
        if (!wins)
            runner_deinit(s, r);
    }
    s->has_branches = wins;
    runner_deinit(s, &plain);
    return HONE_OK;
}

static bool has_subgraphs(const hone__graph *graph) {
    HONE_FOR_NODES(node, graph)
    if (hone__node_next_subgraph(node, NULL))
        return true; /* what they read is not among their steps' ids */
    return false;
}

/* ---- the layout in the store ---- */

static uint64_t mix(uint64_t hash, uint64_t value) { return (hash ^ value) * 0x100000001B3u; }

/* Names the model's operators and the shapes of its inputs. */
static void layout_key(const search *s, char *key, size_t size) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < s->model->n_nodes; i++)
        for (const char *c = s->model->nodes[i].node->op_type; *c; c++)
            hash = mix(hash, (unsigned char)*c);
    for (size_t i = 0; i < s->model->graph->n_inputs; i++)
        for (int d = 0; d < s->inputs[i]->rank; d++)
            hash = mix(hash, (uint64_t)s->inputs[i]->dims[d]);
    snprintf(key, size, "Layout f32 isa%x t%d n%zu %016llx", (unsigned)s->model->cpu.isa, s->model->cpu.n_threads,
             s->model->n_nodes, (unsigned long long)hash);
}

static const char *const LAYOUT_NAMES[] = {"auto", "plain", "blocked"};

static bool stored_layout(search *s) {
    const hone__cpu_config *config = &s->model->cpu;
    char key[128], value[64];
    layout_key(s, key, sizeof key);
    if (!config->tunable_enable || !config->choice_get ||
        !config->choice_get(config->choice_store, key, value, sizeof value))
        return false;
    for (int i = 0; i < 3; i++)
        if (strcmp(LAYOUT_NAMES[i], value) == 0) {
            s->layout = (hone__cpu_layout_mode)i;
            return true;
        }
    return false;
}

static void store_layout(const search *s) {
    const hone__cpu_config *config = &s->model->cpu;
    char key[128];
    layout_key(s, key, sizeof key);
    if (config->tunable_enable && config->tunable_tuning && config->choice_put)
        config->choice_put(config->choice_store, key, LAYOUT_NAMES[s->layout]);
}

/* ---- the whole ---- */

/* Finds s->layout and the groups' ranks. A trial that fails is a choice left as it is. */
static hone_status run_search(search *s, bool has_layout, hone_error *error) {
    runner base;
    hone_error ignored;
    hone_error_clear(&ignored);
    HONE_TRY(runner_init(s, &base, error));
    const bool has_alternatives = base.plan->layout.block || s->model->cpu.conv_search == HONE_CONV_EXHAUSTIVE;
    hone_status status = HONE_OK;
    bool any = false;
    for (size_t i = 0; i < base.plan->n_steps && !any; i++)
        any = base.plan->steps[i].n_ranks > 0;
    if (!any)
        goto cleanup; /* nothing that timing could decide */
    if (has_alternatives && !has_layout && run_once(s, &base) >= 0.0) {
        if (base.plan->layout.block)
            (void)try_layout(s, HONE_CPU_LAYOUT_PLAIN, &base, &ignored);
        if (s->layout == HONE_CPU_LAYOUT_AUTO)
            (void)try_layout(s, HONE_CPU_LAYOUT_BLOCKED, &base, &ignored);
        store_layout(s);
    }
    status = find_groups(s, base.plan, error);
    if (status != HONE_OK || !s->n_groups)
        goto cleanup;
    runner_deinit(s, &base); /* its samples had no room for the groups */
    HONE_TRY(runner_init(s, &base, error));
    const double ms = run_once(s, &base);
    const int n_runs = runs_for(ms);
    if (ms >= 0.0 && sample(s, &base, n_runs)) {
        time_alternatives(s, &base, n_runs);
        confirm(s, &base);
    }
cleanup:
    runner_deinit(s, &base);
    return status;
}

static bool has_data(const hone__exec_model *model, const hone_tensor *const *inputs) {
    for (size_t i = 0; i < model->graph->n_inputs; i++)
        if (inputs[i]->kind == HONE_KIND_TENSOR && inputs[i]->size && !inputs[i]->data)
            return false;
    return true;
}

static void describe_all(const search *s, hone__exec_plan *plan) {
    for (size_t i = 0; i < s->model->n_nodes; i++)
        if (s->group_of[i] != NO_GROUP && s->groups[s->group_of[i]].ms[0] > 0.0 && plan->node_step[i] >= 0)
            plan->steps[plan->node_step[i]].detail = describe(&s->groups[s->group_of[i]], &plan->arena);
}

static hone_status make_arrays(search *s, hone_error *error) {
    const size_t n = s->model->n_nodes;
    s->group_of = hone__arena_calloc(&s->arena, n + 1, sizeof *s->group_of);
    s->ranks = hone__arena_calloc(&s->arena, n + 1, sizeof *s->ranks);
    if (!s->group_of || !s->ranks)
        return hone__fail_memory(error, "timing alternatives");
    for (size_t i = 0; i < n; i++)
        s->group_of[i] = NO_GROUP;
    return HONE_OK;
}

hone_status hone__cpu_plan_create(hone__exec_model *model, const hone_tensor *const *inputs, hone__exec_plan **out,
                                  hone_error *error) {
    const hone__cpu_config *config = &model->cpu;
    search s = {.model = model, .inputs = inputs};
    const bool has_layout = stored_layout(&s);
    const bool is_timed =
        config->conv_search == HONE_CONV_EXHAUSTIVE || (config->tunable_enable && config->tunable_tuning);
    if ((!is_timed && !model->inter) || !has_data(model, inputs))
        return hone__cpu_plan_make(model, inputs, &(hone__cpu_choices){.layout = s.layout}, out, error);
    *out = NULL;
    hone_status status = HONE_OK;
    runner branches = {.plan = NULL};
    hone__arena_init(&s.arena);
    pthread_mutex_lock(&g_searching);
    HONE_CHECK(make_arrays(&s, error));
    /* Memory for a trial may be missing where there is enough for the plan itself: then nothing is timed. */
    hone_error ignored;
    hone_error_clear(&ignored);
    if (is_timed)
        (void)run_search(&s, has_layout, &ignored);
    set_ranks(&s, -1);
    if (model->inter && !has_subgraphs(model->graph))
        (void)find_branches(&s, &branches, &ignored);
    const hone__cpu_choices choices = {
        .ranks = s.ranks, .layout = s.layout, .keeps = is_timed, .has_branches = s.has_branches};
    HONE_CHECK(hone__cpu_plan_make(model, inputs, &choices, out, error));
    describe_all(&s, *out);
    if (branches.plan && branches.plan->n_steps == (*out)->n_steps)
        status = hone__cpu_branches_copy(branches.plan, *out, error);
    if (status != HONE_OK) {
        hone__cpu_plan_destroy(*out);
        *out = NULL;
    }
cleanup:
    if (branches.plan)
        runner_deinit(&s, &branches);
    pthread_mutex_unlock(&g_searching);
    hone__arena_deinit(&s.arena);
    return status;
}
