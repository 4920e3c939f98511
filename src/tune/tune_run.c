/* hone_tune_run: the corridor from options to result. Each step stands in a file of its own; this
 * one orders them, keeps the budget and the journal. */
#include "tune/config_edit.h"
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "report/stats.h"
#include <hone/hone.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { N_BLOCKS = 10, N_CONFIRM_BLOCKS = 16, MAX_FINALISTS = 3, MIN_RUNS = 10 };

typedef struct tune_state {
    hone_tune_result *result;
    hone__trial_runner *trial_runner;
    hone__runner runner;
    hone__child *baseline;
    hone__child_info probe;
    double run_s; /* one run of the default */
    hone_tune_store *store;
    hone__journal *journal;
    char store_path[PATH_MAX], decision_key[33];
    char previous[1024]; /* canonical form of the earlier choice */
    bool has_previous, checks_outputs;
    uint64_t start_ns, deadline_ns;
    double done_s, total_s; /* of planned work, for progress */
    double *pool;           /* the default's samples of all blocks */
    size_t n_pool, pool_capacity;
} tune_state;

static double elapsed_s(const tune_state *s) { return hone__ms_since(s->start_ns) * 1e-3; }

/* Facts. ------------------------------------------------------------------------------------------ */

static bool has_op(const hone_model *model, const char *const *names) {
    for (size_t i = 0; i < hone_model_op_count(model); i++)
        for (const char *const *name = names; *name; name++)
            if (!strcmp(hone_model_get_op(model, i).op, *name))
                return true;
    return false;
}

static hone_status check_supported(const hone_model *model, const char *path, hone_error *error) {
    size_t n = hone_model_unsupported_count(model);
    if (!n)
        return HONE_OK;
    const hone_unsupported *first = hone_model_get_unsupported(model, 0);
    hone_status status =
        hone__fail(error, HONE_ERROR_UNSUPPORTED, "%zu node%s of the model cannot run here; the first: \"%s\" (%s): %s",
                   n, n == 1 ? "" : "s", first->node, first->op, first->reason);
    hone__error_hint(error, "hone inspect lists them all");
    hone__error_file(error, path, -1);
    return status;
}

static hone_status find_facts(tune_state *s, hone_error *error) {
    hone_tune_result *r = s->result;
    const hone_machine_info *m = hone_machine_get_info(r->machine);
    static const char *const convs[] = {"Conv", "ConvTranspose", "FusedConv", "ConvInteger", "QLinearConv", NULL};
    static const char *const products[] = {"MatMul",
                                           "Gemm",
                                           "FusedMatMul",
                                           "FusedGemm",
                                           "Attention",
                                           "MultiHeadAttention",
                                           "MatMulInteger",
                                           "QLinearMatMul",
                                           "LSTM",
                                           "GRU",
                                           "RNN",
                                           "Einsum",
                                           NULL};
    hone_model *model = NULL;
    HONE_TRY(hone_model_open(r->options.model_path, &model, error));
    hone_status status = check_supported(model, r->options.model_path, error);
    r->facts.has_conv = has_op(model, convs);
    r->facts.has_matmul = has_op(model, products);
    r->facts.width = hone_model_parallel_width(model);
    hone_model_close(model);
    HONE_TRY(status);
    double memory =
        (double)(m->memory_limit_bytes > 0 && m->memory_limit_bytes < m->memory_total_bytes ? m->memory_limit_bytes
                                                                                            : m->memory_total_bytes);
    r->facts.n_threads = m->n_usable > 0 ? m->n_usable : 1;
    r->facts.has_onnxruntime = m->onnxruntime_version[0] != '\0' && hone_backend_is_built("onnxruntime");
    r->facts.has_gpu = m->n_gpus > 0;
    r->facts.n_physical = m->n_physical > 0 ? m->n_physical : r->facts.n_threads;
    r->facts.memory_gb = floor(memory / 1e7) / 100;
    r->facts.memory_free_gb = (double)m->memory_available_bytes / 1e9;
    r->facts.vary_precision = r->options.min_accuracy > 0;
    return HONE_OK;
}

static const char *describe_inputs(hone_tune_result *r) {
    hone__strbuf text;
    hone__strbuf_init(&text);
    for (size_t p = 0; p < r->options.n_passes; p++)
        for (size_t i = 0; i < r->options.n_shapes; i++) {
            const hone_shape *shape = &r->options.shapes[p * r->options.n_shapes + i];
            hone__strbuf_printf(&text, "%s%s=", text.size ? ", " : "", shape->input);
            for (int d = 0; d < shape->rank; d++)
                hone__strbuf_printf(&text, "%s%lld", d ? "x" : "", (long long)shape->dims[d]);
        }
    const char *out = hone__arena_strdup(&r->arena, hone__strbuf_text(&text));
    hone__strbuf_deinit(&text);
    return out ? out : "";
}

/* Warnings of the machine's own audit; the codes that speak of noise or of what is missing. */
static void audit(tune_state *s) {
    hone_tune_result *r = s->result;
    for (size_t i = 0; i < hone_machine_note_count(r->machine); i++) {
        const hone_finding_note *note = hone_machine_get_note(r->machine, i);
        if (note->severity > 0)
            hone__tune_note(r, true, "%s (%s)", note->message, note->fix);
    }
    if (r->noise.jitter_cv > 0.05)
        hone__tune_note(r, true, "timings are noisy here: a fixed piece of work varies by %.0f %%",
                        100 * r->noise.jitter_cv);
}

/* Plan. ------------------------------------------------------------------------------------------- */

static hone_status build_plan(tune_state *s, hone_error *error) {
    hone_tune_result *r = s->result;
    hone__settings current;
    HONE_TRY(hone__space_build(r->options.space, r->options.space_path, &r->facts, &r->arena, &r->plan, error));
    HONE_TRY(hone__tune_read_config(r, &r->plan, &r->facts.fixed, &current, error));
    r->plan.n_combinations = r->plan.n;
    if (current.n) {
        HONE_TRY(hone__space_add(&r->plan, &r->arena, "config.yaml as it is", current.items, current.n, error));
        r->plan.trials[r->plan.n - 1].is_current = true;
    }
    return HONE_OK;
}

/* The reference child is the probe: its creation, its memory and a few runs. */
static hone_status probe(tune_state *s, hone_error *error) {
    hone_tune_result *r = s->result;
    double ms[64];
    hone_status status = s->runner.open(s->runner.user, NULL, true, &s->baseline, &s->probe, error);
    size_t n = s->probe.warmup_ms > 0 ? (size_t)(100 / s->probe.warmup_ms) : 5;
    n = n < 3 ? 3 : n > 64 ? 64 : n;
    if (status == HONE_OK)
        status = s->runner.run(s->runner.user, s->baseline, n, ms, error);
    if (status == HONE_ERROR_CANCELLED) { /* by the budget: a limit of the user's, no fault of ours */
        status = hone__fail(error, HONE_ERROR_LIMIT, "the time budget ended before the default could be measured");
        hone__error_hint(error, "give a larger --budget; --dry-run says how long everything takes");
        return status;
    }
    if (status != HONE_OK) {
        if (error && !error->hint[0])
            hone__error_hint(error, "the default settings must run before others can be compared with them");
        return status;
    }
    s->run_s = hone__stats_median(ms, n) * 1e-3;
    r->facts.peak_gb = s->probe.peak_mb / 1000;
    r->baseline.init_ms = s->probe.init_ms;
    r->baseline.peak_mb = s->probe.peak_mb;
    r->baseline.accuracy = 1;
    return HONE_OK;
}

static size_t confirm_runs(const tune_state *s) {
    double for_half_second = s->run_s > 0 ? 0.5 / s->run_s : 400;
    size_t runs = (size_t)s->result->plan.runs, wanted = for_half_second > 400 ? 400 : (size_t)for_half_second;
    size_t least = s->result->options.objective == HONE_TUNE_P99 ? 4 * runs : s->run_s < 0.5 ? 2 * runs : runs;
    return wanted > least ? wanted : least;
}

/* Seconds that one trial takes: creation, warm-up, and blocks on both sides. */
static double trial_cost(const tune_state *s, const hone__trial *trial, double runs) {
    const char *search = trial ? hone__settings_get(&trial->effective, "cudnn_conv_algo_search") : NULL;
    double init_s = s->probe.init_ms * 1e-3,
           extra = search && !strcmp(search, "EXHAUSTIVE") ? 5 * init_s + 20 * s->run_s : 0;
    double warm = s->run_s < 0.002 ? 0.002 : s->run_s;
    return 0.03 + init_s + extra + s->result->plan.warmup * s->run_s + 2 * runs * s->run_s + 2 * N_BLOCKS * warm;
}

static double plan_cost(const tune_state *s) {
    const hone__plan *plan = &s->result->plan;
    double total = trial_cost(s, NULL, plan->runs); /* the default against itself */
    for (size_t i = 0; i < plan->n; i++)
        total += trial_cost(s, &plan->trials[i], plan->runs);
    size_t n_finalists = plan->n < MAX_FINALISTS ? plan->n : MAX_FINALISTS;
    return total + (double)n_finalists * (trial_cost(s, NULL, (double)confirm_runs(s)) + s->probe.init_ms * 1e-3);
}

/* Fewer runs first; trials that still do not fit are left out when their turn comes, from the end of
 * the plan, where the least promising ones stand. */
static void fit_budget(tune_state *s) {
    hone_tune_result *r = s->result;
    hone__plan *plan = &r->plan;
    plan->runs = r->options.runs;
    plan->warmup = r->options.warmup;
    plan->eta_s = plan_cost(s);
    if (r->options.budget_s <= 0)
        return;
    double left = r->options.budget_s - elapsed_s(s);
    int runs = plan->runs;
    while (plan->eta_s > 0.85 * left && plan->runs > MIN_RUNS) {
        plan->runs = plan->runs * 4 / 5 > MIN_RUNS ? plan->runs * 4 / 5 : MIN_RUNS;
        plan->eta_s = plan_cost(s);
    }
    if (plan->runs != runs)
        hone__tune_note(r, false, "to keep the budget of %.0f s each trial has %d runs instead of %d",
                        r->options.budget_s, plan->runs, runs);
    if (plan->eta_s > left)
        hone__tune_note(r, true, "the plan needs about %.0f s; what does not fit into the budget of %.0f s is left out",
                        ceil(plan->eta_s), r->options.budget_s);
    plan->eta_s = plan->eta_s < left ? plan->eta_s : left;
}

static void announce_plan(tune_state *s) {
    hone_tune_result *r = s->result;
    const hone__plan *p = &r->plan;
    hone__tune_note(r, false, "%zu combinations, %zu distinct on this machine%s", p->n_combinations,
                    p->n + (p->n_like_default > 0), p->n_like_default ? " (the default is one of them)" : "");
    hone__tune_note(r, false, "%zu trial%s of %d warm-up and %d timed runs, about %.0f s", p->n, p->n == 1 ? "" : "s",
                    p->warmup, p->runs, ceil(p->eta_s));
    if (*p->no_effect)
        hone__tune_note(r, false, "no effect on this backend, not varied: %s", p->no_effect);
    for (const char *line = p->merge_reasons; *line;) {
        size_t n = strcspn(line, "\n");
        hone__tune_note(r, false, "%.*s", (int)n, line);
        line += n;
        line += *line == '\n';
    }
}

/* Keys. ------------------------------------------------------------------------------------------- */

/* Everything that must be the same for a journal to be continued. */
static void make_keys(tune_state *s, char journal_key[33]) {
    hone_tune_result *r = s->result;
    hone__strbuf text;
    hone__strbuf_init(&text);
    hone__strbuf_printf(&text, "%s\n%s\n%s\n%d\n", r->model_hash, r->fingerprint, r->input_text,
                        (int)r->options.objective);
    for (size_t i = 0; i < r->facts.fixed.n; i++)
        hone__strbuf_printf(&text, "%s=%s\n", r->facts.fixed.items[i].key, r->facts.fixed.items[i].value);
    hone__strbuf_printf(&text, "%g %g %g\n", r->options.max_p99_ms, r->options.max_memory_mb, r->options.min_accuracy);
    hone__tune_hash_text(hone__strbuf_text(&text), s->decision_key);
    hone__strbuf_printf(&text, "%d %d %llu\n", r->options.warmup, r->options.runs, (unsigned long long)r->options.seed);
    for (size_t i = 0; i < r->plan.n; i++)
        if (!strstr(r->plan.trials[i].canonical, "mem_limit")) /* limits follow the free memory */
            hone__strbuf_printf(&text, "%s\n", r->plan.trials[i].canonical);
    hone__tune_hash_text(hone__strbuf_text(&text), journal_key);
    hone__strbuf_deinit(&text);
}

static void open_journal(tune_state *s, const char *key) {
    hone_tune_result *r = s->result;
    hone_error error;
    char folder[PATH_MAX];
    if (!hone__store_folder(folder, sizeof folder)) {
        hone__tune_note(r, true, "no cache folder can be written, so --resume will not work");
        return;
    }
    if (hone__journal_open(folder, key, r->options.resume, &s->journal, &error) != HONE_OK)
        hone__tune_note(r, true, "%s", error.message);
    else if (r->options.resume)
        hone__tune_note(r, false,
                        hone__journal_count(s->journal) ? "resuming: %zu measurements are done already"
                                                        : "nothing to resume (%zu measurements): starting afresh",
                        hone__journal_count(s->journal));
}

/* Trials. ----------------------------------------------------------------------------------------- */

static hone_status pool_baseline(tune_state *s, const hone__measure *m, hone_error *error) {
    if (!hone__grow((void **)&s->pool, &s->pool_capacity, s->n_pool + m->n + 1, sizeof *s->pool))
        return hone__fail_memory(error, "samples");
    memcpy(s->pool + s->n_pool, m->base_ms, m->n * sizeof *s->pool);
    s->n_pool += m->n;
    return HONE_OK;
}

static void set_limits(tune_state *s) {
    const hone_tune_options *o = &s->result->options;
    double usual = 60 + 50 * s->probe.init_ms * 1e-3 + 20 * (o->warmup + 10) * s->run_s;
    hone__trial_runner_set_limits(s->trial_runner, o->trial_timeout_s > 0 ? o->trial_timeout_s : usual, s->deadline_ns,
                                  s->result->plan.warmup);
}

static void step(tune_state *s, const char *what, const char *name, double cost) {
    char text[256];
    snprintf(text, sizeof text, "%s%s", what, name);
    double total = s->total_s > s->done_s ? s->total_s : s->done_s;
    hone__tune_step(s->result, s->done_s, total, text);
    s->done_s += cost;
}

/* Measures, or takes the measurement from the journal. */
static hone_status measure(tune_state *s, const char *kind, hone__trial *trial, const hone__measure_spec *spec,
                           hone__measure *out, hone_error *error) {
    hone_tune_result *r = s->result;
    if (!hone__journal_find(s->journal, kind, trial->canonical, &r->arena, trial, out)) {
        HONE_TRY(hone__measure_trial(&s->runner, &s->baseline, trial, spec, &r->arena, out, error));
        if (trial->status != HONE_TRIAL_SKIPPED && s->journal &&
            hone__journal_put(s->journal, hone__journal_record(kind, trial, out)) != HONE_OK) {
            hone__tune_note(r, true, "the journal cannot be written any more, so --resume will not work");
            hone__journal_close(s->journal, false);
            s->journal = NULL;
        }
    }
    return trial->status == HONE_TRIAL_OK ? pool_baseline(s, out, error) : HONE_OK;
}

/* The default against itself, in two processes: what a gain of nothing looks like here. */
static hone_status measure_noise(tune_state *s, hone_error *error) {
    hone_tune_result *r = s->result;
    hone__trial same = {.name = "default", .canonical = "", .reason = ""};
    hone__measure_spec spec = {.n_runs = (size_t)r->plan.runs, .n_blocks = N_BLOCKS, .check_outputs = true};
    hone__measure m = {0};
    hone__gain gain;
    step(s, "the default against itself", "", trial_cost(s, NULL, r->plan.runs));
    HONE_TRY(measure(s, "noise", &same, &spec, &m, error));
    if (same.status == HONE_TRIAL_WRONG) {
        s->checks_outputs = false;
        hone__tune_note(r, true,
                        "the model gives different outputs in two runs of the default, so outputs are not compared");
        spec.check_outputs = false;
        HONE_TRY(measure(s, "noise again", &same, &spec, &m, error));
    }
    if (same.status == HONE_TRIAL_FAILED)
        return hone__fail(error, HONE_ERROR_UNAVAILABLE, "the default does not run a second time: %s", same.reason);
    if (same.status != HONE_TRIAL_OK || !hone__gain_of(&m, r->options.objective, 0.95, &gain))
        return HONE_OK;
    r->noise.aa_gain = gain.gain;
    r->noise.aa_low = gain.low;
    r->noise.aa_high = gain.high;
    r->noise.floor = hone__noise_floor(&gain);
    if (r->noise.floor > 0.05)
        hone__tune_note(r, true,
                        "two processes with the same settings measure %.3f (%.3f to %.3f) instead of 1, so a gain must "
                        "exceed %.0f %% here",
                        gain.gain, gain.low, gain.high, 100 * r->noise.floor);
    return HONE_OK;
}

static bool is_out_of_time(const tune_state *s, double need_s) {
    return s->deadline_ns && (double)s->deadline_ns * 1e-9 - (double)hone__now_ns() * 1e-9 < need_s;
}

static hone_status first_round(tune_state *s, const hone__choice_spec *choice, hone_error *error) {
    hone_tune_result *r = s->result;
    hone__measure_spec spec = {.n_runs = (size_t)r->plan.runs,
                               .n_blocks = N_BLOCKS,
                               .min_accuracy = r->options.min_accuracy,
                               .check_outputs = s->checks_outputs};
    /* Time for one finalist at least is kept back. */
    double reserve = trial_cost(s, NULL, (double)confirm_runs(s)) + 2 * s->probe.init_ms * 1e-3;
    for (size_t i = 0; i < r->plan.n; i++) {
        hone__trial *t = &r->plan.trials[i];
        char why[160];
        if (t->status == HONE_TRIAL_SKIPPED)
            continue;
        double cost = trial_cost(s, t, r->plan.runs);
        if (is_out_of_time(s, cost + reserve)) {
            t->status = HONE_TRIAL_SKIPPED;
            t->reason = "the time budget was used up";
            continue;
        }
        char label[64];
        snprintf(label, sizeof label, "%zu of %zu: ", i + 1, r->plan.n);
        step(s, label, t->name, cost);
        HONE_TRY(measure(s, "first", t, &spec, &t->first, error));
        if (t->status != HONE_TRIAL_OK)
            continue;
        hone__gain_of(&t->first, r->options.objective, 0.95, &t->gain);
        t->breaks_constraint = hone__breaks_constraint(&t->first, t->first.trial_ms, choice, why, sizeof why);
    }
    return HONE_OK;
}

static hone_status second_round(tune_state *s, const hone__choice_spec *choice, hone_error *error) {
    hone_tune_result *r = s->result;
    size_t finalists[MAX_FINALISTS], n = hone__choice_candidates(&r->plan, choice, finalists, MAX_FINALISTS);
    hone__measure_spec spec = {.n_runs = confirm_runs(s),
                               .n_blocks = N_CONFIRM_BLOCKS,
                               .reversed = true,
                               .min_accuracy = r->options.min_accuracy,
                               .check_outputs = s->checks_outputs};
    for (size_t i = 0; i < n; i++) {
        hone__trial *t = &r->plan.trials[finalists[i]];
        if (is_out_of_time(s, 0.05)) {
            hone__tune_note(r, true, "the budget ended before %s could be confirmed", t->name);
            continue;
        }
        s->runner.close(s->runner.user, s->baseline); /* fresh processes on both sides */
        s->baseline = NULL;
        step(s, "confirming ", t->name, trial_cost(s, NULL, (double)spec.n_runs) + s->probe.init_ms * 1e-3);
        const char *reason = t->reason;
        HONE_TRY(measure(s, "confirm", t, &spec, &t->confirm, error));
        if (t->status == HONE_TRIAL_SKIPPED) { /* its first measurement stands, unconfirmed */
            t->status = HONE_TRIAL_OK;
            t->reason = reason;
            t->confirm.n = 0;
            hone__tune_note(r, true, "the budget ended before %s could be confirmed", t->name);
        } else if (t->status == HONE_TRIAL_OK) {
            hone__gain_of(&t->confirm, r->options.objective, 0.95, &t->gain);
        }
    }
    return HONE_OK;
}

/* Choice and words. ------------------------------------------------------------------------------- */

static void note_trials(hone_tune_result *r, const hone__choice_spec *choice) {
    for (size_t i = 0; i < r->plan.n; i++) {
        hone__trial *t = &r->plan.trials[i];
        const hone__measure *m = t->confirm.n ? &t->confirm : &t->first;
        char why[160] = "";
        if (t->status != HONE_TRIAL_OK)
            continue;
        hone__breaks_constraint(m, m->trial_ms, choice, why, sizeof why);
        const char *what = (int)i == r->winner                     ? "chosen"
                           : t->confirm.n                          ? "measured twice"
                           : t->gain.low > 1 && !*why              ? "faster in one round"
                           : t->gain.high < 1                      ? "slower"
                           : t->gain.low <= 1 && t->gain.high >= 1 ? "no measurable difference"
                                                                   : "";
        t->note = hone__tune_printf(&r->arena, "%s%s%s%s", what, *why ? (*what ? "; " : "") : "", why,
                                    t->is_current ? " (config.yaml's own)" : "");
    }
}

static void make_verdict(hone_tune_result *r, const hone__choice_spec *choice) {
    static const char *const measures[] = {"median latency", "throughput", "99th percentile"};
    char why[160] = "";
    bool default_breaks = hone__breaks_constraint(&r->baseline, r->baseline.base_ms, choice, why, sizeof why);
    if (!r->is_feasible)
        r->verdict = hone__tune_printf(&r->arena, "No setting keeps the constraints; the default stays (%s)", why);
    else if (r->winner < 0)
        r->verdict = hone__tune_printf(
            &r->arena,
            "No gain: no setting is faster than the default by more than %.1f %% beyond doubt; the default stays",
            100 * r->noise.floor);
    else if (default_breaks)
        r->verdict = hone__tune_printf(&r->arena,
                                       "%s is the fastest setting that keeps the constraints, with %.3f times the "
                                       "default's speed (%.3f to %.3f); the default does not keep them: %s",
                                       r->plan.trials[r->winner].name, r->gain.gain, r->gain.low, r->gain.high, why);
    else
        r->verdict = hone__tune_printf(
            &r->arena, "%s wins: %.3f times the default's speed by %s (95 %% interval %.3f to %.3f)",
            r->plan.trials[r->winner].name, r->gain.gain, measures[r->options.objective], r->gain.low, r->gain.high);
}

static hone_status conclude(tune_state *s, const hone__choice_spec *choice, hone_error *error) {
    hone_tune_result *r = s->result;
    r->baseline.base_ms = hone__arena_calloc(&r->arena, s->n_pool + 1, sizeof(double));
    if (!r->baseline.base_ms)
        return hone__fail_memory(error, "samples");
    if (s->n_pool)
        memcpy(r->baseline.base_ms, s->pool, s->n_pool * sizeof(double));
    r->baseline.n = s->n_pool;
    r->baseline.block = 1;
    HONE_FAIL_IF(!s->n_pool, error, HONE_ERROR_LIMIT, "the time budget ended before anything could be measured");
    r->winner = hone__choose(&r->plan, &r->baseline, choice, &r->is_feasible);
    hone__stats stats;
    const hone__measure *m = NULL;
    if (r->winner >= 0) {
        const hone__trial *t = &r->plan.trials[r->winner];
        r->gain = t->gain;
        r->is_significant = t->gain.low > 1;
        m = t->confirm.n ? &t->confirm : &t->first;
    } else {
        r->gain = (hone__gain){1, 1, 1};
    }
    if (hone__stats_describe(m ? m->trial_ms : r->baseline.base_ms, m ? m->n : r->baseline.n, &stats))
        r->expected_fps = hone__tune_fps(&r->options, &stats);
    hone__rank(&r->plan);
    note_trials(r, choice);
    make_verdict(r, choice);
    r->has_run = true;
    return hone__effects(&r->plan, &r->arena, &r->effects, &r->n_effects, error);
}

static void remember(tune_state *s) {
    hone_tune_result *r = s->result;
    hone__store_put_decision(s->store, s->decision_key, r->winner >= 0 ? r->plan.trials[r->winner].canonical : "",
                             r->expected_fps);
    for (size_t i = 0; i < r->n_rows; i++) {
        const hone_tune_row *row = &r->rows[i];
        if (!row->rank)
            continue;
        const char *json =
            hone__tune_printf(&r->arena,
                              "{\"mean_ms\":%.6g,\"p50_ms\":%.6g,\"p99_ms\":%.6g,\"fps\":%.6g,\"peak_mb\":%.6g,\"init_"
                              "ms\":%.6g,\"gain\":%.6g,\"gain_low\":%.6g,\"gain_high\":%.6g}",
                              row->mean_ms, row->p50_ms, row->p99_ms, row->fps, row->peak_mb, row->init_ms, row->gain,
                              row->gain_low, row->gain_high);
        hone__store_put_result(s->store, r->model_hash, hone_machine_fingerprint(r->machine), r->versions,
                               row->settings, r->input_text, json);
    }
}

/* ------------------------------------------------------------------------------------------------- */

static hone_status measure_all(tune_state *s, hone_error *error) {
    hone_tune_result *r = s->result;
    char journal_key[33];
    hone__choice_spec choice = {.objective = r->options.objective,
                                .max_p99_ms = r->options.max_p99_ms,
                                .max_memory_mb = r->options.max_memory_mb,
                                .min_accuracy = r->options.min_accuracy};
    make_keys(s, journal_key);
    open_journal(s, journal_key);
    s->has_previous = hone__store_get_decision(s->store, s->decision_key, s->previous, sizeof s->previous);
    choice.previous = s->has_previous ? s->previous : NULL;
    s->total_s = r->plan.eta_s;
    HONE_TRY(measure_noise(s, error));
    choice.min_gain = r->noise.floor;
    HONE_TRY(first_round(s, &choice, error));
    HONE_TRY(second_round(s, &choice, error));
    hone__noise_end(&r->noise);
    HONE_TRY(conclude(s, &choice, error));
    hone__tune_step(r, s->done_s, s->done_s, "done");
    r->elapsed_s = elapsed_s(s);
    HONE_TRY(hone__tune_make_rows(r, error));
    remember(s);
    /* The report is written even when the configuration cannot be, and says what it should hold. */
    hone_error config_error, report_error;
    hone_status config_status = hone__tune_write_config(r, &config_error);
    if (config_status != HONE_OK)
        hone__tune_note(r, true, "%s", config_error.message);
    hone_status report_status = hone__tune_write_reports(r, &report_error);
    if (report_status != HONE_OK)
        hone__tune_note(r, true, "%s", report_error.message);
    hone__journal_close(s->journal, config_status == HONE_OK);
    s->journal = NULL;
    if (error && (config_status != HONE_OK || report_status != HONE_OK))
        *error = config_status != HONE_OK ? config_error : report_error;
    return config_status != HONE_OK ? config_status : report_status;
}

static hone_status prepare_run(tune_state *s, hone_error *error) {
    hone_tune_result *r = s->result;
    char hash[33], warning[320] = "", folder[PATH_MAX - 16];
    if (r->options.config_path && !r->options.dry_run)
        HONE_TRY(hone__config_check_writable(r->options.config_path, error));
    if (r->options.report_path && !r->options.dry_run)
        HONE_TRY(hone__config_check_writable(r->options.report_path, error));
    HONE_TRY(hone_machine_create(&r->machine, error));
    const hone_machine_info *m = hone_machine_get_info(r->machine);
    HONE_TRY(hone__tune_hash_model(r->options.model_path, hash, error));
    r->model_hash = hone__arena_strdup(&r->arena, hash);
    r->versions = hone__tune_printf(&r->arena, "hone %s%s%s%s%s", hone_version(),
                                    *m->onnxruntime_version ? ", ONNX Runtime " : "", m->onnxruntime_version,
                                    *m->cuda_driver ? ", CUDA driver " : "", m->cuda_driver);
    r->fingerprint = hone__tune_printf(&r->arena, "%s; model %s", hone_machine_fingerprint(r->machine), r->model_hash);
    r->input_text = describe_inputs(r);
    HONE_TRY(find_facts(s, error));
    HONE_TRY(build_plan(s, error));
    hone__noise_begin(&r->noise, m);
    audit(s);
    HONE_TRY(hone_tune_store_open(r->options.store_path, &s->store, warning, sizeof warning, error));
    if (*warning)
        hone__tune_note(r, true, "%s", warning);
    if (r->options.store_path)
        snprintf(s->store_path, sizeof s->store_path, "%s", r->options.store_path);
    else if (hone__store_folder(folder, sizeof folder))
        snprintf(s->store_path, sizeof s->store_path, "%s/store.db", folder);
    HONE_TRY(hone__trial_runner_create(r, *s->store_path ? s->store_path : NULL, &s->trial_runner, error));
    s->runner = hone__trial_runner_interface(s->trial_runner);
    hone__trial_runner_set_limits(s->trial_runner, r->options.trial_timeout_s > 0 ? r->options.trial_timeout_s : 600,
                                  s->deadline_ns, r->options.warmup);
    hone__tune_step(r, 0, 0, "probing the default");
    HONE_TRY(probe(s, error));
    HONE_TRY(hone__space_merge(&r->plan, &r->facts, &r->arena, error));
    fit_budget(s);
    announce_plan(s);
    set_limits(s);
    return HONE_OK;
}

static hone_status copy_options(hone_tune_result *r, const hone_tune_options *options, hone_error *error) {
    const char **texts[] = {&r->options.model_path, &r->options.config_path, &r->options.report_path,
                            &r->options.store_path, &r->options.space_path};
    r->options = *options;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (*texts[i] && !(*texts[i] = hone__arena_strdup(&r->arena, *texts[i])))
            return hone__fail_memory(error, "options");
    HONE_FAIL_IF(!r->options.model_path, error, HONE_ERROR_ARGUMENT, "no model was given");
    HONE_FAIL_IF(options->runs < 2 || options->runs > 100000 || options->warmup < 0 || options->warmup > 100000, error,
                 HONE_ERROR_ARGUMENT, "between 2 and 100,000 runs and at most 100,000 warm-up runs are possible");
    HONE_FAIL_IF(options->space == HONE_TUNE_SPACE_FILE && !options->space_path, error, HONE_ERROR_ARGUMENT,
                 "no space file was given");
    size_t n = options->n_passes * options->n_shapes;
    hone_shape *shapes = hone__arena_calloc(&r->arena, n + 1, sizeof *shapes);
    if (!shapes)
        return hone__fail_memory(error, "options");
    for (size_t i = 0; i < n; i++) {
        shapes[i] = options->shapes[i];
        shapes[i].input = hone__arena_strdup(&r->arena, options->shapes[i].input ? options->shapes[i].input : "");
        if (!shapes[i].input)
            return hone__fail_memory(error, "options");
    }
    r->options.shapes = shapes;
    if (r->options.n_passes == 0)
        r->options.n_passes = 1;
    const char *slash = strrchr(r->options.model_path, '/');
    r->model_name = slash ? slash + 1 : r->options.model_path;
    r->command = r->options.command_line ? hone__arena_strdup(&r->arena, r->options.command_line)
                                         : hone__tune_printf(&r->arena, "hone tune %s", r->options.model_path);
    return HONE_OK;
}

static void finish_dry_run(tune_state *s) {
    hone_tune_result *r = s->result;
    r->verdict =
        hone__tune_printf(&r->arena, "Dry run: %zu trials, about %.0f s; nothing was tuned", r->plan.n, r->plan.eta_s);
    r->elapsed_s = elapsed_s(s);
}

hone_status hone_tune_run(const hone_tune_options *options, hone_tune_result **out, hone_error *error) {
    hone_error_clear(error);
    tune_state *s = hone__calloc(1, sizeof *s);
    hone_tune_result *r = hone__calloc(1, sizeof *r);
    *out = NULL;
    if (!s || !r) {
        hone__free(s);
        hone__free(r);
        return hone__fail_memory(error, "tuner");
    }
    hone__arena_init(&r->arena);
    s->result = r;
    s->start_ns = hone__now_ns();
    s->deadline_ns = options->budget_s > 0 ? s->start_ns + (uint64_t)(options->budget_s * 1e9) : 0;
    s->checks_outputs = true;
    r->winner = -1;
    r->is_feasible = true;
    r->gain = (hone__gain){1, 1, 1};
    r->recommendation = r->verdict = r->config_backup = r->report_md = r->report_html = r->report_json = "";
    r->plan.no_effect = r->plan.merge_reasons = "";
    r->model_hash = r->fingerprint = r->versions = r->input_text = r->model_name = "";
    hone_status status = copy_options(r, options, error);
    if (status == HONE_OK)
        status = prepare_run(s, error);
    if (status == HONE_OK && r->options.dry_run)
        finish_dry_run(s);
    else if (status == HONE_OK)
        status = measure_all(s, error);
    if (status == HONE_OK && !r->rows)
        status = hone__tune_make_rows(r, error);
    if (s->trial_runner)
        s->runner.close(s->runner.user, s->baseline);
    hone__trial_runner_destroy(s->trial_runner);
    hone__journal_close(s->journal, false);
    hone_tune_store_close(s->store);
    hone__free(s->pool);
    hone__free(s);
    if (status == HONE_OK && !r->is_feasible)
        status = hone__fail(error, HONE_ERROR_LIMIT, "%s", r->verdict);
    if (r->rows) { /* there is something to show, whatever happened to the files */
        *out = r;
        return status;
    }
    hone_tune_result_destroy(r);
    return status;
}
