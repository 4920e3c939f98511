/* The ranked table: trials and the default as rows, and the JSON of the result. */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/error.h"
#include "report/stats.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *hone__trial_status_text(hone__trial_status status) {
    static const char *const texts[] = {"skipped", "ok", "failed", "wrong", "skipped"};
    return texts[status];
}

/* Samples per second at the median run; for the objective throughput at the mean one. */
double hone__tune_fps(const hone_tune_options *options, const hone__stats *stats) {
    double ms = options->objective == HONE_TUNE_THROUGHPUT ? stats->mean : stats->p50;
    return ms > 0 ? options->items * 1000 / ms : 0;
}

static void fill_times(hone_tune_row *row, const double *ms, size_t n, const hone_tune_options *options) {
    hone__stats stats;
    if (!n || !hone__stats_describe(ms, n, &stats))
        return;
    row->mean_ms = stats.mean;
    row->std_ms = stats.std;
    row->p50_ms = stats.p50;
    row->p95_ms = stats.p95;
    row->p99_ms = stats.p99;
    row->fps = hone__tune_fps(options, &stats);
}

static int compare_rows(const void *a, const void *b) {
    const hone_tune_row *x = a, *y = b;
    int rx = x->rank ? x->rank : 1 << 30, ry = y->rank ? y->rank : 1 << 30;
    return rx != ry ? (rx > ry) - (rx < ry) : strcmp(x->status, y->status);
}

hone_status hone__tune_make_rows(hone_tune_result *result, hone_error *error) {
    const hone__plan *plan = &result->plan;
    result->rows = hone__arena_calloc(&result->arena, plan->n + 1, sizeof *result->rows);
    if (!result->rows)
        return hone__fail_memory(error, "result");
    hone_tune_row *row = &result->rows[0];
    int n_faster = 0;
    for (size_t i = 0; i < plan->n; i++)
        n_faster += plan->trials[i].status == HONE_TRIAL_OK && plan->trials[i].gain.gain >= 1;
    *row = (hone_tune_row){.rank = result->has_run ? n_faster + 1 : 0,
                           .name = "default",
                           .settings = "",
                           .status = result->has_run ? "ok" : "skipped",
                           .reason = "",
                           .init_ms = result->baseline.init_ms,
                           .peak_mb = result->baseline.peak_mb,
                           .gain = 1,
                           .gain_low = 1,
                           .gain_high = 1};
    fill_times(row, result->baseline.base_ms, result->baseline.n, &result->options);
    for (size_t i = 0; i < plan->n; i++) {
        const hone__trial *t = &plan->trials[i];
        const hone__measure *m = t->confirm.n ? &t->confirm : &t->first;
        row = &result->rows[i + 1];
        *row = (hone_tune_row){.rank = t->rank,
                               .name = t->name,
                               .settings = t->canonical,
                               .status = hone__trial_status_text(t->status),
                               .reason = t->status == HONE_TRIAL_OK ? t->note : t->reason,
                               .init_ms = m->init_ms,
                               .peak_mb = m->peak_mb};
        if (t->status != HONE_TRIAL_OK)
            continue;
        fill_times(row, m->trial_ms, m->n, &result->options);
        row->gain = t->gain.gain;
        row->gain_low = t->gain.low;
        row->gain_high = t->gain.high;
    }
    result->n_rows = plan->n + 1;
    qsort(result->rows, result->n_rows, sizeof result->rows[0], compare_rows);
    return HONE_OK;
}

/* JSON. ------------------------------------------------------------------------------------------ */

static json_t *number(double value) { return isfinite(value) ? json_real(value) : json_null(); }

static json_t *text(const char *value) {
    json_t *json = value ? json_string(value) : NULL;
    return json ? json : json_string(value ? "(not UTF-8)" : "");
}

static json_t *settings_json(const char *canonical) {
    json_t *json = json_object();
    char key[128], value[256];
    for (const char *p = canonical; sscanf(p, "%127[^=]=%255[^ ]", key, value) == 2;) {
        json_object_set_new(json, key, text(value));
        p = strchr(p, ' ');
        if (!p++)
            break;
    }
    return json;
}

static json_t *row_json(const hone_tune_row *row) {
    bool is_measured = row->mean_ms > 0;
    json_t *json = json_object();
    json_object_set_new(json, "rank", row->rank ? json_integer(row->rank) : json_null());
    json_object_set_new(json, "name", text(row->name));
    json_object_set_new(json, "settings", settings_json(row->settings));
    json_object_set_new(json, "status", text(row->status));
    json_object_set_new(json, "reason", text(row->reason));
    const struct {
        const char *key;
        double value;
    } values[] = {{"fps", row->fps},           {"mean_ms", row->mean_ms},    {"std_ms", row->std_ms},
                  {"p50_ms", row->p50_ms},     {"p95_ms", row->p95_ms},      {"p99_ms", row->p99_ms},
                  {"init_ms", row->init_ms},   {"peak_mb", row->peak_mb},    {"gain", row->gain},
                  {"gain_low", row->gain_low}, {"gain_high", row->gain_high}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        json_object_set_new(json, values[i].key, is_measured ? number(values[i].value) : json_null());
    return json;
}

static json_t *environment_json(const hone_tune_result *r) {
    const hone_machine_info *m = hone_machine_get_info(r->machine);
    const hone__noise *n = &r->noise;
    json_t *json = json_object(), *isa = json_array(), *notes = json_array(), *gpus = json_array();
    json_object_set_new(json, "cpu", text(m->cpu_model));
#define HONE_ISA_NAME(name, bit, label)                                                                                \
    if (m->isa_used >> bit & 1)                                                                                        \
        json_array_append_new(isa, json_string(label));
    HONE_ISA_TABLE(HONE_ISA_NAME)
#undef HONE_ISA_NAME
    json_object_set_new(json, "isa", isa);
    json_object_set_new(json, "os", text(m->os));
    json_object_set_new(json, "logical_cpus", json_integer(m->n_logical));
    json_object_set_new(json, "physical_cores", json_integer(m->n_physical));
    json_object_set_new(json, "usable_cores", json_integer(m->n_usable));
    json_object_set_new(json, "cgroup_cpus", m->cgroup_cpus > 0 ? json_real(m->cgroup_cpus) : json_null());
    json_object_set_new(json, "memory_total_mb", json_real((double)m->memory_total_bytes / 1e6));
    json_object_set_new(json, "memory_available_mb", json_real((double)m->memory_available_bytes / 1e6));
    json_object_set_new(json, "memory_limit_mb",
                        m->memory_limit_bytes ? json_real((double)m->memory_limit_bytes / 1e6) : json_null());
    for (int i = 0; i < m->n_gpus; i++)
        json_array_append_new(gpus, json_pack("{s:s,s:f,s:s}", "name", m->gpus[i].name, "memory_total_mb",
                                              (double)m->gpus[i].memory_total_bytes / 1e6, "compute_capability",
                                              hone__tune_printf((hone__arena *)(uintptr_t)&r->arena, "%d.%d",
                                                                m->gpus[i].compute_major, m->gpus[i].compute_minor)));
    json_object_set_new(json, "gpus", gpus);
    json_object_set_new(json, "versions", text(r->versions));
    json_object_set_new(json, "fingerprint", text(r->fingerprint));
    json_object_set_new(json, "model_hash", text(r->model_hash));
    json_object_set_new(json, "load1", number(n->load_start));
    json_object_set_new(json, "governor", text(m->governor));
    json_object_set_new(json, "virtual", json_boolean(m->is_virtual));
    json_object_set_new(json, "jitter_percent", number(100 * n->jitter_cv));
    json_object_set_new(json, "jitter_worst", number(n->jitter_max));
    json_object_set_new(json, "steal_percent", number(n->steal_percent));
    json_object_set_new(json, "throttled", json_integer((json_int_t)n->n_throttled));
    json_object_set_new(json, "default_against_itself", json_pack("[f,f,f]", n->aa_gain, n->aa_low, n->aa_high));
    json_object_set_new(json, "noise_floor_percent", number(100 * n->floor));
    for (size_t i = 0; i < r->n_notes; i++)
        json_array_append_new(notes, text(r->notes[i]));
    json_object_set_new(json, "notes", notes);
    return json;
}

static json_t *samples(const double *ms, size_t n) {
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, number(ms[i]));
    return list;
}

static json_t *measure_json(const hone__measure *m) {
    return json_pack("{s:I,s:o,s:o,s:f}", "block", (json_int_t)m->block, "trial_ms", samples(m->trial_ms, m->n),
                     "default_ms", samples(m->base_ms, m->n), "accuracy", m->accuracy);
}

static void add_samples(json_t *json, const hone_tune_result *r) {
    json_t *all = json_object();
    for (size_t i = 0; i < r->plan.n; i++) {
        const hone__trial *t = &r->plan.trials[i];
        json_t *one = json_object();
        if (t->first.n)
            json_object_set_new(one, "first", measure_json(&t->first));
        if (t->confirm.n)
            json_object_set_new(one, "confirm", measure_json(&t->confirm));
        json_object_set_new(all, t->name, one);
    }
    json_object_set_new(json, "samples", all);
}

json_t *hone__tune_json(const hone_tune_result *r, bool with_samples) {
    json_t *json = json_object(), *trials = json_array(), *changes = json_array(), *effects = json_array();
    json_t *baseline = json_object(), *winner = json_object();
    json_object_set_new(json, "model", text(r->model_name));
    json_object_set_new(json, "environment", environment_json(r));
    json_object_set_new(json, "plan",
                        json_pack("{s:I,s:I,s:f,s:i,s:i,s:s,s:s}", "combinations", (json_int_t)r->plan.n_combinations,
                                  "distinct", (json_int_t)(r->plan.n + (r->plan.n_like_default > 0)), "eta_s",
                                  r->plan.eta_s, "warmup", r->plan.warmup, "runs", r->plan.runs, "no_effect",
                                  r->plan.no_effect, "merged_because", r->plan.merge_reasons));
    const char *winner_name = r->winner >= 0 ? r->plan.trials[r->winner].name : "default";
    for (size_t i = 0; i < r->n_rows; i++) {
        const hone_tune_row *row = &r->rows[i];
        bool is_default = !strcmp(row->name, "default") && !*row->settings;
        json_t *one = row_json(row);
        if (is_default) {
            json_decref(baseline);
            baseline = json_incref(one);
        }
        if (r->has_run && !strcmp(row->name, winner_name)) {
            json_decref(winner);
            winner = json_incref(one);
        }
        if (is_default)
            json_decref(one);
        else
            json_array_append_new(trials, one);
    }
    for (size_t i = 0; i < r->plan.n; i++)
        if (*r->plan.trials[i].other_names)
            for (size_t k = 0; k < json_array_size(trials); k++) {
                json_t *one = json_array_get(trials, k);
                if (!strcmp(json_string_value(json_object_get(one, "name")), r->plan.trials[i].name))
                    json_object_set_new(one, "equivalent", text(r->plan.trials[i].other_names));
            }
    json_object_set_new(json, "baseline", baseline);
    json_object_set_new(json, "trials", trials);
    json_object_set_new(json, "winner", winner);
    json_object_set_new(json, "significant", json_boolean(r->is_significant));
    json_object_set_new(json, "feasible", json_boolean(r->is_feasible));
    json_object_set_new(json, "verdict", text(r->verdict));
    for (size_t i = 0; i < r->n_changes; i++)
        json_array_append_new(changes, json_pack("{s:s,s:o,s:s}", "key", r->changes[i].key, "old",
                                                 r->changes[i].is_new ? json_null() : text(r->changes[i].old), "new",
                                                 r->changes[i].value));
    json_object_set_new(json, "config_changes", changes);
    json_object_set_new(json, "config_file", r->config_written ? text(r->options.config_path) : json_null());
    for (size_t i = 0; i < r->n_effects; i++) {
        const hone__effect *e = &r->effects[i];
        json_array_append_new(effects, json_pack("{s:s,s:s,s:s,s:I,s:f,s:f,s:f}", "key", e->key, "from", e->from, "to",
                                                 e->to, "pairs", (json_int_t)e->n_pairs, "gain", e->gain.gain,
                                                 "gain_low", e->gain.low, "gain_high", e->gain.high));
    }
    json_object_set_new(json, "effects", effects);
    json_object_set_new(json, "expected_fps", number(r->expected_fps));
    json_object_set_new(json, "elapsed_s", number(r->elapsed_s));
    json_object_set_new(json, "samples_file", *r->report_json ? text(r->report_json) : json_null());
    if (with_samples)
        add_samples(json, r);
    return json;
}
