/* The space of --space FILE: YAML, one key per line with a list of values; every combination of them
 * is a trial.
 *
 *     # three searches, two thread counts: six combinations
 *     cudnn_conv_algo_search: [DEFAULT, HEURISTIC, EXHAUSTIVE]
 *     intra_op_num_threads: [1, 2]
 *     enable_mem_pattern: true          # one value: the same in every trial
 */
#include "tune/config_edit.h"
#include "tune/tune_internal.h"

#include "base/error.h"
#include <stdio.h>
#include <string.h>

enum { MAX_KEYS = 24, MAX_VALUES = 64, MAX_COMBINATIONS = 4096 };

typedef struct space_axis {
    const char *key;
    const char *values[MAX_VALUES];
    size_t n;
} space_axis;

static hone_status fail_line(const char *path, const hone__config_node *node, hone_error *error, const char *what,
                             const char *name) {
    hone_status status =
        hone__fail(error, HONE_ERROR_CONFIG, "%s, line %d: %s \"%s\"", path, node->line + 1, what, name);
    hone__error_hint(error, "a space has one key per line with a list of values: \"intra_op_num_threads: [1, 2]\"");
    hone__error_file(error, path, node->has_position ? (int64_t)node->start : -1);
    return status;
}

static hone_status add_value(space_axis *axis, const hone__config_node *value, const char *path, hone_options *probe,
                             hone__arena *arena, hone_error *error) {
    if (value->kind == HONE_CONFIG_ALIAS)
        value = value->target;
    if (value->kind != HONE_CONFIG_SCALAR)
        return fail_line(path, value, error, "a value that is not a word or a number, of", axis->key);
    if (axis->n == MAX_VALUES)
        return fail_line(path, value, error, "more than 64 values of", axis->key);
    const char *text = value->style == HONE_CONFIG_PLAIN && (!strcmp(value->text, "null") || !strcmp(value->text, "~"))
                           ? ""
                           : value->text;
    hone_status status = hone_options_set(probe, axis->key, text, error);
    if (status != HONE_OK) {
        hone__error_file(error, path, value->has_position ? (int64_t)value->start : -1);
        return HONE_ERROR_CONFIG;
    }
    const char *normal = hone_options_get(probe, axis->key);
    for (size_t i = 0; i < axis->n; i++)
        if (!strcmp(axis->values[i], normal ? normal : text))
            return HONE_OK; /* the same value in other words */
    axis->values[axis->n] = hone__arena_strdup(arena, normal ? normal : text);
    return axis->values[axis->n++] ? HONE_OK : hone__fail_memory(error, "search space");
}

static hone_status read_axes(const hone__config_tree *tree, const char *path, hone_options *probe, hone__arena *arena,
                             space_axis *axes, size_t *n_axes, hone_error *error) {
    const hone__config_node *root = tree->n_documents ? tree->documents[0].root : NULL;
    if (!root || root->kind != HONE_CONFIG_MAP || root->n_items == 0) {
        hone_status status = hone__fail(error, HONE_ERROR_CONFIG, "%s: the space has no keys", path);
        hone__error_hint(error, "write one key per line with a list of values: \"intra_op_num_threads: [1, 2]\"");
        hone__error_file(error, path, -1);
        return status;
    }
    for (size_t i = 0; i + 1 < root->n_items; i += 2) {
        const hone__config_node *key = root->items[i], *value = root->items[i + 1];
        if (value->kind == HONE_CONFIG_ALIAS)
            value = value->target;
        if (key->kind != HONE_CONFIG_SCALAR)
            return fail_line(path, key, error, "a key that is not a word:", "?");
        /* A name with a dot is an entry of ONNX Runtime's; of others the message names the nearest key. */
        if (!hone_option_find_info(key->text) && hone_options_set(probe, key->text, "", error) != HONE_OK) {
            hone__error_file(error, path, key->has_position ? (int64_t)key->start : -1);
            return HONE_ERROR_CONFIG;
        }
        if (*n_axes == MAX_KEYS)
            return fail_line(path, key, error, "more than 24 keys:", key->text);
        space_axis *axis = &axes[(*n_axes)++];
        axis->n = 0;
        axis->key = hone__arena_strdup(arena, key->text);
        if (!axis->key)
            return hone__fail_memory(error, "search space");
        if (value->kind == HONE_CONFIG_SEQUENCE)
            for (size_t k = 0; k < value->n_items; k++)
                HONE_TRY(add_value(axis, value->items[k], path, probe, arena, error));
        else
            HONE_TRY(add_value(axis, value, path, probe, arena, error));
        if (axis->n == 0)
            return fail_line(path, key, error, "an empty list of values of", axis->key);
    }
    return HONE_OK;
}

static hone_status add_combinations(const space_axis *axes, size_t n_axes, hone__arena *arena, hone__plan *plan,
                                    const char *path, hone_error *error) {
    size_t total = 1;
    for (size_t i = 0; i < n_axes; i++) {
        total *= axes[i].n;
        HONE_FAIL_IF(total > MAX_COMBINATIONS, error, HONE_ERROR_CONFIG,
                     "%s: more than %d combinations of the keys' values", path, MAX_COMBINATIONS);
    }
    for (size_t c = 0; c < total; c++) {
        hone__setting settings[MAX_KEYS];
        char name[160];
        size_t rest = c, used = 0;
        for (size_t i = n_axes; i-- > 0;) {
            settings[i] = (hone__setting){axes[i].key, axes[i].values[rest % axes[i].n]};
            rest /= axes[i].n;
        }
        used = (size_t)snprintf(name, sizeof name, "#%zu", c + 1);
        for (size_t i = 0; i < n_axes && used < sizeof name; i++)
            if (axes[i].n > 1)
                used += (size_t)snprintf(name + used, sizeof name - used, " %s",
                                         settings[i].value[0] ? settings[i].value : "none");
        HONE_TRY(hone__space_add(plan, arena, name, settings, n_axes, error));
    }
    return HONE_OK;
}

hone_status hone__space_from_file(const char *path, const hone__tune_facts *facts, hone__arena *arena, hone__plan *plan,
                                  hone_error *error) {
    (void)facts;
    hone__strbuf text;
    hone__config_tree tree = {0};
    hone_options *probe = NULL;
    space_axis *axes = hone__arena_calloc(arena, MAX_KEYS, sizeof *axes);
    size_t n_axes = 0;
    hone_status status = axes ? HONE_OK : hone__fail_memory(error, "search space");
    hone__strbuf_init(&text);
    if (status == HONE_OK)
        status = hone_options_create(&probe, error);
    if (status == HONE_OK)
        status = hone__config_read_file(path, &text, error);
    if (status == HONE_OK)
        status = hone__config_tree_parse(hone__strbuf_text(&text), text.size, path, &tree, error);
    if (status == HONE_OK)
        status = hone__config_check(&tree, path, error);
    if (status == HONE_OK)
        status = read_axes(&tree, path, probe, arena, axes, &n_axes, error);
    if (status == HONE_OK)
        status = add_combinations(axes, n_axes, arena, plan, path, error);
    hone__config_tree_deinit(&tree);
    hone__strbuf_deinit(&text);
    hone_options_destroy(probe);
    return status;
}
