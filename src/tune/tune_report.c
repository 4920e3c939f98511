/* report.md, report.html and report.json of a run. */
#include "tune/config_edit.h"
#include "tune/tune_internal.h"

#include "base/error.h"
#include "report/report_doc.h"
#include "report/stats.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHARTED = 12 };

static void put_environment(hone__report *doc, const hone_tune_result *r) {
    const hone_machine_info *m = hone_machine_get_info(r->machine);
    const hone__noise *n = &r->noise;
    hone__report_heading(doc, 2, "Environment");
    hone__report_table(doc, "What|Value");
    hone__report_cell(doc, "CPU");
    hone__report_cell(doc, "%s", m->cpu_model);
    hone__report_cell(doc, "Instruction sets used");
    char isa[256] = "";
#define HONE_ISA_NAME(name, bit, label)                                                                                \
    if (m->isa_used >> bit & 1)                                                                                        \
        snprintf(isa + strlen(isa), sizeof isa - strlen(isa), "%s%s", *isa ? ", " : "", label);
    HONE_ISA_TABLE(HONE_ISA_NAME)
#undef HONE_ISA_NAME
    hone__report_cell(doc, "%s", *isa ? isa : "plain C");
    hone__report_cell(doc, "Cores");
    hone__report_cell(doc, "%d logical, %d physical, %d usable under affinity and cgroup quota", m->n_logical,
                      m->n_physical, m->n_usable);
    hone__report_cell(doc, "Memory");
    hone__report_cell(doc, "%.1f GB, %.1f GB available", (double)m->memory_total_bytes / 1e9,
                      (double)m->memory_available_bytes / 1e9);
    for (int i = 0; i < m->n_gpus; i++) {
        hone__report_cell(doc, "GPU %d", i);
        hone__report_cell(doc, "%s, %.1f GB, compute capability %d.%d", m->gpus[i].name,
                          (double)m->gpus[i].memory_total_bytes / 1e9, m->gpus[i].compute_major,
                          m->gpus[i].compute_minor);
    }
    if (!m->n_gpus) {
        hone__report_cell(doc, "GPU");
        hone__report_cell(doc, "none found");
    }
    hone__report_cell(doc, "System");
    hone__report_cell(doc, "%s%s", m->os, m->is_virtual ? " (virtual machine)" : "");
    hone__report_cell(doc, "Versions");
    hone__report_cell(doc, "%s", r->versions);
    hone__report_cell(doc, "Model");
    hone__report_cell(doc, "`%s` (hash %s)", r->model_name, r->model_hash);
    hone__report_cell(doc, "Inputs");
    hone__report_cell(doc, "%s", r->input_text);
    hone__report_heading(doc, 3, "Noise audit");
    hone__report_table(doc, "What|>Value");
    hone__report_cell(doc, "Load average at the start");
    hone__report_cell(doc, "%.2f", n->load_start);
    hone__report_cell(doc, "Frequency governor");
    hone__report_cell(doc, "%s", *m->governor ? m->governor : "not shown by this system");
    hone__report_cell(doc, "Spread of a fixed piece of work (90th percentile over median, less 1)");
    hone__report_cell(doc, "%.1f %%", 100 * n->jitter_cv);
    hone__report_cell(doc, "Its worst case / its median");
    hone__report_cell(doc, "%.2f", n->jitter_max);
    hone__report_cell(doc, "Time stolen by other guests during the run");
    hone__report_cell(doc, "%.1f %%", n->steal_percent);
    hone__report_cell(doc, "Throttled by the cgroup during the run");
    hone__report_cell(doc, "%llu times", (unsigned long long)n->n_throttled);
    hone__report_cell(doc, "The default against itself");
    hone__report_cell(doc, "%.3f (%.3f to %.3f)", n->aa_gain, n->aa_low, n->aa_high);
    hone__report_cell(doc, "A gain must exceed");
    hone__report_cell(doc, "%.1f %%", 100 * n->floor);
    for (size_t i = 0; i < r->n_notes; i++)
        hone__report_item(doc, "%s", r->notes[i]);
}

static void put_ranking(hone__report *doc, const hone_tune_result *r) {
    hone__report_heading(doc, 2, "Ranking");
    hone__report_text(
        doc,
        "Gain is the default's time divided by the setting's, measured in alternating blocks; in brackets "
        "its 95 %% interval. Above 1 is faster. FPS is samples over the %s time.",
        r->options.objective == HONE_TUNE_P99          ? "99th-percentile"
        : r->options.objective == HONE_TUNE_THROUGHPUT ? "mean"
                                                       : "median");
    hone__report_table(
        doc,
        ">Rank|Setting|Changed from the default|>FPS|>Mean ms|>p50 ms|>p95 ms|>p99 ms|>Gain|>Memory MB|>Init ms|Note");
    for (size_t i = 0; i < r->n_rows; i++) {
        const hone_tune_row *row = &r->rows[i];
        if (!row->rank)
            continue;
        bool is_default = !*row->settings;
        const char *winner = r->winner >= 0 ? r->plan.trials[r->winner].name : "default";
        hone__report_cell(doc, "%d", row->rank);
        hone__report_cell(doc, !strcmp(row->name, winner) ? "**%s**" : "%s", row->name);
        hone__report_cell(doc, is_default ? "–%s" : "`%s`", row->settings);
        hone__report_cell(doc, "%.2f", row->fps);
        hone__report_cell(doc, "%.3f", row->mean_ms);
        hone__report_cell(doc, "%.3f", row->p50_ms);
        hone__report_cell(doc, "%.3f", row->p95_ms);
        hone__report_cell(doc, "%.3f", row->p99_ms);
        if (is_default)
            hone__report_cell(doc, "1");
        else
            hone__report_cell(doc, "%.3f (%.3f to %.3f)", row->gain, row->gain_low, row->gain_high);
        hone__report_cell(doc, "%.1f", row->peak_mb);
        hone__report_cell(doc, "%.1f", row->init_ms);
        hone__report_cell(doc, "%s", row->reason);
    }
    bool has_failed = false;
    for (size_t i = 0; i < r->n_rows; i++)
        has_failed |= !r->rows[i].rank;
    if (!has_failed)
        return;
    hone__report_heading(doc, 2, "Not ranked");
    hone__report_table(doc, "Setting|Changed from the default|Status|Why");
    for (size_t i = 0; i < r->n_rows; i++)
        if (!r->rows[i].rank) {
            hone__report_cell(doc, "%s", r->rows[i].name);
            hone__report_cell(doc, "`%s`", r->rows[i].settings);
            hone__report_cell(doc, "%s", r->rows[i].status);
            hone__report_cell(doc, "%s", r->rows[i].reason);
        }
}

static void put_effects(hone__report *doc, const hone_tune_result *r) {
    hone__report_heading(doc, 2, "What each key contributed");
    if (!r->n_effects) {
        hone__report_text(doc, "No two measured settings differ in one key alone.");
        return;
    }
    hone__report_text(doc,
                      "Over all pairs of settings that differ in this key alone; above 1 the second value is faster.");
    hone__report_table(doc, "Key|From|To|>Gain|>Pairs|");
    for (size_t i = 0; i < r->n_effects; i++) {
        const hone__effect *e = &r->effects[i];
        bool is_real = e->gain.low > 1 || e->gain.high < 1;
        hone__report_cell(doc, "`%s`", e->key);
        hone__report_cell(doc, "%s", e->from);
        hone__report_cell(doc, "%s", e->to);
        hone__report_cell(doc, "%.3f (%.3f to %.3f)", e->gain.gain, e->gain.low, e->gain.high);
        hone__report_cell(doc, "%zu", e->n_pairs);
        hone__report_cell(doc, "%s", !is_real ? "no measurable effect" : e->gain.gain > 1 ? "faster" : "slower");
    }
}

static void put_plan(hone__report *doc, const hone_tune_result *r) {
    const hone__plan *p = &r->plan;
    hone__report_heading(doc, 2, "Plan");
    hone__report_text(
        doc,
        "%zu combinations, %zu distinct on this machine; each with %d warm-up runs and %d timed runs in blocks that "
        "alternate with the default's, finalists again with fresh processes and the order reversed.",
        p->n_combinations, p->n + (p->n_like_default > 0), p->warmup, p->runs);
    if (*p->no_effect)
        hone__report_item(doc, "Keys without effect on this backend, not varied: `%s`", p->no_effect);
    if (p->n_like_default)
        hone__report_item(doc, "%zu combinations are the same as the default here", p->n_like_default);
    for (const char *line = p->merge_reasons; *line;) {
        size_t n = strcspn(line, "\n");
        hone__report_item(doc, "Measured once, since %.*s", (int)n, line);
        line += n;
        line += *line == '\n';
    }
    for (size_t i = 0; i < p->n; i++)
        if (*p->trials[i].other_names)
            hone__report_item(doc, "%s stands also for: %s", p->trials[i].name, p->trials[i].other_names);
}

/* Charts. ---------------------------------------------------------------------------------------- */

static json_t *rounded(double value) { return json_real(round(value * 1e5) / 1e5); }

static const hone__trial *trial_named(const hone_tune_result *r, const char *name) {
    for (size_t i = 0; i < r->plan.n; i++)
        if (!strcmp(r->plan.trials[i].name, name))
            return &r->plan.trials[i];
    return NULL;
}

/* Quantiles instead of a histogram: all samples, no bins to choose. */
static json_t *quantile_points(const double *ms, size_t n, hone__arena *arena) {
    json_t *points = json_array();
    double *sorted = n ? hone__arena_calloc(arena, n, sizeof *sorted) : NULL;
    if (sorted) {
        memcpy(sorted, ms, n * sizeof *sorted);
        hone__stats_sort(sorted, n);
    }
    for (int q = 0; sorted && q <= 100; q += 2)
        json_array_append_new(
            points, json_pack("{s:i,s:o}", "x", q, "y", rounded(hone__stats_quantile_sorted(sorted, n, q / 100.0))));
    return points;
}

static const char *const g_colors[] = {"#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#76b7b2",
                                       "#edc948", "#ff9da7", "#9c755f", "#bab0ac", "#2f4b7c", "#a05195"};

static void put_chart(hone__report *doc, const char *title, json_t *config) {
    char *text = config ? json_dumps(config, JSON_COMPACT) : NULL;
    if (text)
        hone__report_chart(doc, title, text);
    free(text);
    json_decref(config);
}

/* scale: "linear" or "logarithmic". */
static json_t *axis(const char *title, const char *scale) {
    return json_pack("{s:s,s:{s:b,s:s}}", "type", scale, "title", "display", 1, "text", title);
}

static void put_charts(hone__report *doc, hone_tune_result *r) {
    json_t *lines = json_array(), *labels = json_array(), *bars = json_array(), *marks = json_array(),
           *points = json_array();
    int n = 0;
    for (size_t i = 0; i < r->n_rows && n < MAX_CHARTED; i++) {
        const hone_tune_row *row = &r->rows[i];
        if (!row->rank)
            continue;
        const hone__trial *t = trial_named(r, row->name);
        const hone__measure *m = t ? (t->confirm.n ? &t->confirm : &t->first) : NULL;
        const char *color = g_colors[n++];
        json_array_append_new(lines,
                              json_pack("{s:s,s:o,s:b,s:s,s:i,s:i}", "label", row->name, "data",
                                        m ? quantile_points(m->trial_ms, m->n, &doc->arena)
                                          : quantile_points(r->baseline.base_ms, r->baseline.n, &doc->arena),
                                        "showLine", 1, "borderColor", color, "pointRadius", 0, "borderWidth", 2));
        json_array_append_new(points, json_pack("{s:s,s:[{s:o,s:o}],s:s,s:i}", "label", row->name, "data", "x",
                                                rounded(row->peak_mb), "y", rounded(row->fps), "backgroundColor", color,
                                                "pointRadius", 6));
        if (!t)
            continue;
        json_array_append_new(labels, json_string(row->name));
        json_array_append_new(bars, json_pack("[o,o]", rounded(row->gain_low), rounded(row->gain_high)));
        json_array_append_new(marks, json_pack("[o,o]", rounded(row->gain - 0.001), rounded(row->gain + 0.001)));
    }
    put_chart(doc, "Latency distribution per setting (ms at each percentile)",
              json_pack("{s:s,s:{s:o},s:{s:{s:o,s:o}}}", "type", "scatter", "data", "datasets", lines, "options",
                        "scales", "x", axis("percentile", "linear"), "y", axis("ms, logarithmic", "logarithmic")));
    put_chart(doc, "Speed-up over the default, with 95 % intervals",
              json_pack("{s:s,s:{s:o,s:[{s:s,s:o,s:s,s:b},{s:s,s:o,s:s,s:b}]},s:{s:s,s:{s:o}}}", "type", "bar", "data",
                        "labels", labels, "datasets", "label", "gain", "data", marks, "backgroundColor", "#1c2733",
                        "grouped", 0, "label", "95 % interval", "data", bars, "backgroundColor", "#9ec3e6", "grouped",
                        0, "options", "indexAxis", "y", "scales", "x",
                        axis("default's time / setting's time", "linear")));
    put_chart(doc, "Speed against memory",
              json_pack("{s:s,s:{s:o},s:{s:{s:o,s:o}}}", "type", "scatter", "data", "datasets", points, "options",
                        "scales", "x", axis("peak memory, MB", "linear"), "y", axis("FPS", "linear")));
}

/* ------------------------------------------------------------------------------------------------ */

static void build(hone__report *doc, hone_tune_result *r) {
    hone__report_heading(doc, 1, "hone tune: %s", r->model_name);
    hone__report_text(doc, "**%s**", r->verdict);
    if (r->n_changes) {
        hone__report_heading(doc, 2, "Recommended settings");
        hone__report_code(doc, "yaml", r->recommendation);
        if (r->config_written)
            hone__report_text(doc, "`%s` was edited in place%s%s%s.", r->options.config_path,
                              *r->config_backup ? "; the old file is `" : "", r->config_backup,
                              *r->config_backup ? "`" : "");
        hone__report_table(doc, "Key|Before|After");
        for (size_t i = 0; i < r->n_changes; i++) {
            hone__report_cell(doc, "`%s`", r->changes[i].key);
            hone__report_cell(doc, "%s", r->changes[i].is_new ? "–" : r->changes[i].old);
            hone__report_cell(doc, "%s", *r->changes[i].value ? r->changes[i].value : "none");
        }
    }
    put_ranking(doc, r);
    put_charts(doc, r);
    put_effects(doc, r);
    put_plan(doc, r);
    put_environment(doc, r);
    hone__report_heading(doc, 2, "How to reproduce");
    hone__report_code(doc, "sh", r->command);
    hone__report_text(doc, "The run took %.1f s; the raw samples stand in `%s`.", r->elapsed_s, r->report_json);
}

static hone_status replace_file(const char *path, const hone__strbuf *text, hone_error *error) {
    return hone__config_replace_file(path, hone__strbuf_text(text), text->size, error);
}

hone_status hone__tune_write_reports(hone_tune_result *r, hone_error *error) {
    const char *md = r->options.report_path;
    if (!md)
        return HONE_OK;
    size_t stem = strlen(md);
    const char *dot = strrchr(md, '.');
    if (dot && !strchr(dot, '/') && dot != md)
        stem = (size_t)(dot - md);
    hone__report doc;
    hone__strbuf text;
    hone__report_init(&doc);
    hone__strbuf_init(&text);
    r->report_md = hone__tune_printf(&r->arena, "%.*s%s", (int)stem, md,
                                     !strcmp(md + stem, ".html") || !strcmp(md + stem, ".json") ? ".md" : md + stem);
    md = r->report_md;
    r->report_html = hone__tune_printf(&r->arena, "%.*s.html", (int)stem, md);
    r->report_json = hone__tune_printf(&r->arena, "%.*s.json", (int)stem, md);
    build(&doc, r);
    hone__report_markdown(&doc, &text);
    hone_status status =
        doc.failed || text.failed ? hone__fail_memory(error, "report") : replace_file(md, &text, error);
    if (status == HONE_OK) {
        text.size = 0;
        hone__report_html(&doc, hone__tune_printf(&r->arena, "hone tune: %s", r->model_name), &text);
        status = text.failed ? hone__fail_memory(error, "report") : replace_file(r->report_html, &text, error);
    }
    if (status == HONE_OK) {
        json_t *json = hone__tune_json(r, true);
        char *dump = json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
        text.size = 0;
        hone__strbuf_puts(&text, dump ? dump : "{}");
        hone__strbuf_puts(&text, "\n");
        status = dump && !text.failed ? replace_file(r->report_json, &text, error) : hone__fail_memory(error, "report");
        free(dump);
        json_decref(json);
    }
    if (status != HONE_OK)
        r->report_md = r->report_html = r->report_json = "";
    hone__strbuf_deinit(&text);
    hone__report_deinit(&doc);
    return status;
}
