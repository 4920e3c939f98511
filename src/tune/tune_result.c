/* The result's public face, and small helpers of the tuner. */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/error.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hone_tune_options_init(hone_tune_options *options) {
    *options = (hone_tune_options){.warmup = 20, .runs = 50, .seed = 1, .items = 1};
}

void hone_tune_result_destroy(hone_tune_result *result) {
    if (!result)
        return;
    hone_machine_destroy(result->machine);
    hone__free(result->notes);
    free(result->json);
    hone__arena_deinit(&result->arena);
    hone__free(result);
}

const char *hone__tune_printf(hone__arena *arena, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *text = size >= 0 ? hone__arena_alloc(arena, (size_t)size + 1) : NULL;
    if (!text)
        return "";
    va_start(args, fmt);
    vsnprintf(text, (size_t)size + 1, fmt, args);
    va_end(args);
    return text;
}

void hone__tune_note(hone_tune_result *result, bool is_warning, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char *copy = hone__arena_strdup(&result->arena, text);
    if (copy &&
        hone__grow((void **)&result->notes, &result->notes_capacity, result->n_notes + 1, sizeof *result->notes))
        result->notes[result->n_notes++] = copy;
    if (result->options.on_event) {
        hone_tune_event event = {.kind = is_warning ? HONE_TUNE_EVENT_WARNING : HONE_TUNE_EVENT_NOTE, .text = text};
        result->options.on_event(result->options.event_user, &event);
    }
}

void hone__tune_step(hone_tune_result *result, double done, double total, const char *text) {
    if (result->options.on_event) {
        hone_tune_event event = {HONE_TUNE_EVENT_STEP, text, done, total};
        result->options.on_event(result->options.event_user, &event);
    }
}

void hone_tune_get_summary(const hone_tune_result *r, hone_tune_summary *out) {
    *out = (hone_tune_summary){.n_rows = r->n_rows,
                               .n_combinations = r->plan.n_combinations,
                               .n_distinct = r->plan.n + (r->plan.n_like_default > 0),
                               .eta_s = r->plan.eta_s,
                               .elapsed_s = r->elapsed_s,
                               .is_dry_run = r->options.dry_run,
                               .is_significant = r->is_significant,
                               .is_feasible = r->is_feasible,
                               .winner = r->winner >= 0 ? r->plan.trials[r->winner].name : "default",
                               .gain = r->gain.gain,
                               .gain_low = r->gain.low,
                               .gain_high = r->gain.high,
                               .expected_fps = r->expected_fps,
                               .recommendation = r->recommendation,
                               .config_path = r->config_written ? r->options.config_path : "",
                               .config_backup = r->config_backup,
                               .n_config_changes = r->n_changes,
                               .report_md = r->report_md,
                               .report_html = r->report_html,
                               .report_json = r->report_json,
                               .verdict = r->verdict};
}

bool hone_tune_get_row(const hone_tune_result *result, size_t index, hone_tune_row *out) {
    if (index >= result->n_rows)
        return false;
    *out = result->rows[index];
    return true;
}

bool hone_tune_get_change(const hone_tune_result *result, size_t index, const char **key, const char **old,
                          const char **value) {
    if (index >= result->n_changes)
        return false;
    *key = result->changes[index].key;
    *old = result->changes[index].old;
    *value = result->changes[index].value;
    return true;
}

const char *hone_tune_get_json(const hone_tune_result *result) {
    hone_tune_result *r = (hone_tune_result *)(uintptr_t)result;
    if (!r->json) {
        json_t *json = hone__tune_json(r, false);
        r->json = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
        json_decref(json);
    }
    return r->json ? r->json : "{}";
}
