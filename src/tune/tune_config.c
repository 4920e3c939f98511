/* config.yaml and the tuner: what the file already says is read before the trials, what was chosen is
 * written after them. Keys that the file sets and the space does not vary are held in every trial,
 * the default included; those that it varies form one more trial, the file's own settings. */
#include "tune/config_edit.h"
#include "tune/tune_internal.h"

#include "base/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that other programs' sections use too count outside `onnx:` only with values of ours. */
static bool accepts(void *user, const char *key, const char *text) {
    (void)user;
    if (!strcmp(key, "fingerprint"))
        return !strncmp(text, "hone-", 5);
    if (!strcmp(key, "providers"))
        return strstr(text, "ExecutionProvider") != NULL;
    if (strcmp(key, "backend") && strcmp(key, "precision"))
        return true;
    hone_options *options = NULL;
    if (hone_options_create(&options, NULL) != HONE_OK)
        return false;
    bool is_ours = *text && hone_options_set(options, key, text, NULL) == HONE_OK;
    hone_options_destroy(options);
    return is_ours;
}

static const hone__config_filter g_filter = {accepts, NULL};

/* The file's value of a key in the options' normal form; NULL when it has none. */
static hone_status read_key(const hone__config_tree *tree, const char *path, const char *key, hone_options *options,
                            hone__arena *arena, const char **out, hone_error *error) {
    hone__config_place place;
    *out = NULL;
    HONE_TRY(hone__config_find(tree, key, &g_filter, path, &place, error));
    if (!place.key)
        return HONE_OK;
    hone__strbuf scratch;
    hone__strbuf_init(&scratch);
    const char *text = hone__config_value_text(&place, &scratch);
    hone_status status = text ? hone_options_set(options, key, text, error)
                              : hone__fail(error, HONE_ERROR_CONFIG, "\"%s\" is a mapping, not a value", key);
    if (status != HONE_OK && error) {
        char message[sizeof error->message];
        snprintf(message, sizeof message, "%s", error->message);
        char hint[sizeof error->hint];
        snprintf(hint, sizeof hint, "%s", error->hint);
        status = hone__fail(error, HONE_ERROR_CONFIG, "%s, line %d: %s", path, place.key->line + 1, message);
        hone__error_hint(error, "%s", *hint ? hint : "mend the value, or remove the line");
        hone__error_file(error, path, (int64_t)place.key->start);
    }
    hone__strbuf_deinit(&scratch);
    if (status == HONE_OK && !(*out = hone__arena_strdup(arena, hone_options_get(options, key))))
        status = hone__fail_memory(error, "configuration");
    return status;
}

static bool is_varied(const hone__plan *plan, const char *key) {
    for (size_t i = 0; i < plan->n; i++)
        if (hone__settings_get(&plan->trials[i].settings, key))
            return true;
    return false;
}

/* Keys under `onnx:` that mean nothing to hone may be another program's, or misspelt: they are named. */
static void note_unknown_keys(hone_tune_result *result, const hone__config_tree *tree) {
    const hone__config_node *section = hone__config_section(tree, NULL);
    hone__strbuf names;
    hone__strbuf_init(&names);
    for (size_t i = 0; section && section->kind == HONE_CONFIG_MAP && i + 1 < section->n_items; i += 2) {
        const hone__config_node *key = section->items[i];
        bool is_known = key->kind != HONE_CONFIG_SCALAR || !strcmp(key->text, "<<") ||
                        !strcmp(key->text, "expected_fps") || !strcmp(key->text, "fingerprint");
        for (size_t k = 0; k < hone_option_count() && !is_known; k++)
            is_known = !strcmp(key->text, hone_option_get_info(k)->key);
        is_known = is_known || strchr(key->text, '.');
        if (!is_known && names.size < 300)
            hone__strbuf_printf(&names, "%s%.60s (line %d)", names.size ? ", " : "", key->text, key->line + 1);
    }
    if (names.size && !names.failed)
        hone__tune_note(result, true, "under \"onnx:\" these keys are not hone's and are left alone: %s",
                        hone__strbuf_text(&names));
    hone__strbuf_deinit(&names);
}

/* ONNX Runtime's configuration entries: names with a dot, directly under `onnx:`. `held` (may be NULL) gets them too.
 */
static hone_status read_entries(const hone__config_tree *tree, hone_options *options, hone__settings *held,
                                size_t capacity, hone__arena *arena, hone_error *error) {
    const hone__config_node *section = hone__config_section(tree, NULL);
    for (size_t i = 0; section && section->kind == HONE_CONFIG_MAP && i + 1 < section->n_items; i += 2) {
        const hone__config_node *key = section->items[i], *value = section->items[i + 1];
        if (key->kind != HONE_CONFIG_SCALAR || value->kind != HONE_CONFIG_SCALAR || !strchr(key->text, '.') ||
            hone_options_set(options, key->text, value->text, NULL) != HONE_OK)
            continue;
        if (!held || held->n == capacity)
            continue;
        hone__setting *item = &held->items[held->n];
        *item = (hone__setting){hone__arena_strdup(arena, key->text), hone__arena_strdup(arena, value->text)};
        if (!item->key || !item->value)
            return hone__fail_memory(error, "configuration");
        held->n++;
    }
    return HONE_OK;
}

hone_status hone__tune_read_config(hone_tune_result *result, const hone__plan *plan, hone__settings *fixed,
                                   hone__settings *current, hone_error *error) {
    const char *path = result->options.config_path;
    hone__strbuf text;
    hone__config_tree tree = {0};
    hone_options *options = NULL;
    size_t n_keys = hone_option_count();
    hone__strbuf_init(&text);
    *fixed = *current = (hone__settings){0};
    enum { MAX_ENTRIES = 32 };
    fixed->items = hone__arena_calloc(&result->arena, n_keys + MAX_ENTRIES, sizeof(hone__setting));
    current->items = hone__arena_calloc(&result->arena, n_keys, sizeof(hone__setting));
    if (!fixed->items || !current->items)
        return hone__fail_memory(error, "configuration");
    if (!path)
        return HONE_OK;
    hone_status status = hone__config_read_file(path, &text, error);
    if (status == HONE_ERROR_NOT_FOUND) {
        hone__strbuf_deinit(&text);
        return HONE_OK; /* it will be made */
    }
    if (status == HONE_OK)
        status = hone_options_create(&options, error);
    if (status == HONE_OK)
        status = hone__config_tree_parse(hone__strbuf_text(&text), text.size, path, &tree, error);
    if (status == HONE_OK)
        status = hone__config_check(&tree, path, error);
    for (size_t i = 0; status == HONE_OK && i < n_keys; i++) {
        const hone_option_info *info = hone_option_get_info(i);
        const char *value = NULL;
        status = read_key(&tree, path, info->key, options, &result->arena, &value, error);
        if (status != HONE_OK || !value)
            continue;
        hone__settings *into = is_varied(plan, info->key) ? current : fixed;
        into->items[into->n++] = (hone__setting){info->key, value};
    }
    if (status == HONE_OK)
        status = read_entries(&tree, options, fixed, fixed->n + MAX_ENTRIES, &result->arena, error);
    if (status == HONE_OK)
        note_unknown_keys(result, &tree);
    hone__config_tree_deinit(&tree);
    hone__strbuf_deinit(&text);
    hone_options_destroy(options);
    return status;
}

hone_status hone_tune_config_apply(const char *path, hone_options *options, hone_error *error) {
    hone__strbuf text;
    hone__config_tree tree = {0};
    hone__arena arena;
    hone__strbuf_init(&text);
    hone__arena_init(&arena);
    hone_status status = hone__config_read_file(path, &text, error);
    if (status == HONE_OK)
        status = hone__config_tree_parse(hone__strbuf_text(&text), text.size, path, &tree, error);
    if (status == HONE_OK)
        status = hone__config_check(&tree, path, error);
    for (size_t i = 0; status == HONE_OK && i < hone_option_count(); i++) {
        const char *value = NULL;
        status = read_key(&tree, path, hone_option_get_info(i)->key, options, &arena, &value, error);
    }
    if (status == HONE_OK)
        status = read_entries(&tree, options, NULL, 0, &arena, error);
    hone__config_tree_deinit(&tree);
    hone__arena_deinit(&arena);
    hone__strbuf_deinit(&text);
    return status;
}

/* What the file should say ----------------------------------------------------------------------- */

typedef struct wanted {
    hone__config_change changes[80];
    size_t n;
} wanted;

static void want(wanted *w, const char *key, const char *value, const hone_option_info *info) {
    if (w->n < sizeof w->changes / sizeof w->changes[0])
        w->changes[w->n++] = (hone__config_change){.key = key,
                                                   .value = value,
                                                   .is_text = !info && !strcmp(key, "fingerprint"),
                                                   .is_list = info && info->type == HONE_OPTION_LIST};
}

static const char *fps_text(hone__arena *arena, double fps) {
    int digits = fps >= 1000 ? 0 : fps >= 100 ? 1 : fps >= 1 ? 2 : 4;
    return hone__tune_printf(arena, "%.*f", digits, fps);
}

/* The settings that the choice stands for: the winner's, or, without a gain, what the file has (the
 * default where it has nothing), unless that was measured to be slower than the default. */
static const hone__settings *chosen(const hone_tune_result *result, bool *keeps_file) {
    static const hone__settings none;
    *keeps_file = false;
    if (result->winner >= 0)
        return &result->plan.trials[result->winner].effective;
    *keeps_file = true;
    for (size_t i = 0; i < result->plan.n; i++) {
        const hone__trial *t = &result->plan.trials[i];
        if (!t->is_current)
            continue;
        bool is_slower = t->status == HONE_TRIAL_OK && t->gain.high < 1 && t->gain.gain < 1 - result->noise.floor;
        if (is_slower || t->status == HONE_TRIAL_WRONG || t->status == HONE_TRIAL_FAILED || t->breaks_constraint)
            *keeps_file = false;
    }
    return &none;
}

/* Compares by meaning: "yes" and true are the same, so that line is left alone. */
static hone_status add_key(hone_tune_result *result, const hone__config_tree *tree, const hone_option_info *info,
                           const char *value, hone_options *options, wanted *w, hone_error *error) {
    const char *path = result->options.config_path, *old = NULL;
    if (tree)
        HONE_TRY(read_key(tree, path, info->key, options, &result->arena, &old, error));
    bool is_default = !strcmp(value, info->default_value);
    if (old ? !strcmp(old, value) : is_default)
        return HONE_OK;
    want(w, info->key, value, info);
    result->changes[result->n_changes].key = info->key;
    result->changes[result->n_changes].old = old ? old : "";
    result->changes[result->n_changes].is_new = !old;
    result->changes[result->n_changes++].value = value;
    return HONE_OK;
}

static hone_status add_plain(hone_tune_result *result, const hone__config_tree *tree, const char *key,
                             const char *value, wanted *w, hone_error *error) {
    hone__config_place place = {0};
    const char *old = NULL;
    hone__strbuf scratch;
    hone__strbuf_init(&scratch);
    if (tree)
        HONE_TRY(hone__config_find(tree, key, &g_filter, result->options.config_path, &place, error));
    if (place.key) {
        const char *text = hone__config_value_text(&place, &scratch);
        old = hone__arena_strdup(&result->arena, text ? text : "");
    }
    hone__strbuf_deinit(&scratch);
    if (old && !strcmp(old, value))
        return HONE_OK;
    want(w, key, value, NULL);
    result->changes[result->n_changes].key = key;
    result->changes[result->n_changes].old = old ? old : "";
    result->changes[result->n_changes].is_new = !old;
    result->changes[result->n_changes++].value = value;
    return HONE_OK;
}

static hone_status plan_changes(hone_tune_result *result, const hone__config_tree *tree, hone_options *options,
                                wanted *w, hone_error *error) {
    bool keeps_file = false;
    const hone__settings *settings = chosen(result, &keeps_file);
    for (size_t i = 0; i < hone_option_count() && !keeps_file; i++) {
        const hone_option_info *info = hone_option_get_info(i);
        bool is_in_space = hone__settings_get(settings, info->key) != NULL;
        for (size_t k = 0; k < result->plan.n && !is_in_space; k++)
            is_in_space = hone__settings_get(&result->plan.trials[k].effective, info->key) != NULL;
        if (!is_in_space)
            continue;
        const char *value = hone__settings_get(settings, info->key);
        HONE_TRY(add_key(result, tree, info, value ? value : info->default_value, options, w, error));
    }
    HONE_TRY(add_plain(result, tree, "expected_fps", fps_text(&result->arena, result->expected_fps), w, error));
    return add_plain(result, tree, "fingerprint", result->fingerprint, w, error);
}

static void make_recommendation(hone_tune_result *result, const wanted *w) {
    hone__strbuf text;
    hone__strbuf_init(&text);
    hone__strbuf_puts(&text, "onnx:\n");
    for (size_t i = 0; i < w->n; i++) {
        const hone__config_change *c = &w->changes[i];
        if (c->is_text)
            hone__strbuf_printf(&text, "  %s: \"%s\"\n", c->key, c->value);
        else if (c->is_list)
            hone__strbuf_printf(&text, "  %s: [%s]\n", c->key, c->value);
        else
            hone__strbuf_printf(&text, "  %s: %s\n", c->key, *c->value ? c->value : "null");
    }
    result->recommendation = hone__arena_strdup(&result->arena, hone__strbuf_text(&text));
    hone__strbuf_deinit(&text);
}

hone_status hone__tune_write_config(hone_tune_result *result, hone_error *error) {
    const char *path = result->options.config_path;
    hone__strbuf before, after;
    hone__config_tree tree = {0};
    hone_options *options = NULL;
    static const wanted nothing;
    wanted w = nothing;
    bool exists = false;
    hone__strbuf_init(&before);
    hone__strbuf_init(&after);
    result->n_changes = 0;
    result->changes = hone__arena_calloc(&result->arena, hone_option_count() + 2, sizeof *result->changes);
    hone_status status =
        result->changes ? hone_options_create(&options, error) : hone__fail_memory(error, "configuration");
    if (status == HONE_OK && path) {
        status = hone__config_read_file(path, &before, error);
        exists = status == HONE_OK;
        if (status == HONE_ERROR_NOT_FOUND)
            status = HONE_OK;
        if (status == HONE_OK && exists)
            status = hone__config_tree_parse(hone__strbuf_text(&before), before.size, path, &tree, error);
    }
    if (status == HONE_OK)
        status = plan_changes(result, exists ? &tree : NULL, options, &w, error);
    if (status == HONE_OK)
        make_recommendation(result, &w);
    if (status == HONE_OK && path && w.n) {
        status =
            hone__config_edit(hone__strbuf_text(&before), before.size, path, w.changes, w.n, &g_filter, &after, error);
        if (status == HONE_OK)
            status =
                hone__config_write_file(path, exists ? &before : NULL, hone__strbuf_text(&after), after.size, error);
        if (status == HONE_OK) {
            result->config_written = true;
            result->config_backup = exists ? hone__tune_printf(&result->arena, "%s.bak", path) : "";
        }
    }
    hone__config_tree_deinit(&tree);
    hone__strbuf_deinit(&before);
    hone__strbuf_deinit(&after);
    hone_options_destroy(options);
    return status;
}
