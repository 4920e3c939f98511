/* Where a key stands in a configuration file: the rule of config_edit.h. */
#include "tune/config_edit.h"

#include "base/alloc.h"
#include "base/error.h"
#include <stdlib.h>
#include <string.h>

static hone_status fail_node(const char *file, const hone__config_node *node, hone_error *error, const char *what,
                             const char *name) {
    hone_status status =
        hone__fail(error, HONE_ERROR_CONFIG, "%s, line %d: \"%s\" %s", file, node->line + 1, name, what);
    hone__error_file(error, file, node->has_position ? (int64_t)node->start : -1);
    return status;
}

hone__config_node *hone__config_section(const hone__config_tree *tree, hone__config_node **key) {
    const hone__config_node *root = tree->n_documents ? tree->documents[0].root : NULL;
    if (root && root->kind == HONE_CONFIG_MAP)
        for (size_t i = 0; i + 1 < root->n_items; i += 2)
            if (root->items[i]->kind == HONE_CONFIG_SCALAR && !strcmp(root->items[i]->text, "onnx")) {
                if (key)
                    *key = root->items[i];
                return root->items[i + 1];
            }
    return NULL;
}

static int compare_keys(const void *a, const void *b) {
    const hone__config_node *const *x = a, *const *y = b;
    int order = strcmp((*x)->text, (*y)->text);
    return order ? order : ((*x)->start > (*y)->start) - ((*x)->start < (*y)->start);
}

/* Two equal keys in one mapping: which one counts differs from parser to parser. */
static hone_status check_duplicates(const hone__config_node *node, const char *file, hone_error *error) {
    for (size_t i = 0; i < node->n_items; i++)
        HONE_TRY(check_duplicates(node->items[i], file, error));
    if (node->kind != HONE_CONFIG_MAP || node->n_items < 4)
        return HONE_OK;
    size_t n = 0;
    hone__config_node **keys = hone__calloc(node->n_items / 2, sizeof(hone__config_node *));
    if (!keys)
        return hone__fail_memory(error, "configuration");
    for (size_t i = 0; i + 1 < node->n_items; i += 2)
        if (node->items[i]->kind == HONE_CONFIG_SCALAR && strcmp(node->items[i]->text, "<<"))
            keys[n++] = node->items[i];
    qsort(keys, n, sizeof keys[0], compare_keys);
    hone_status status = HONE_OK;
    for (size_t i = 1; i < n && status == HONE_OK; i++)
        if (!strcmp(keys[i - 1]->text, keys[i]->text)) {
            status = fail_node(file, keys[i], error, "stands twice in one mapping", keys[i]->text);
            hone__error_hint(error, "remove one of the two (the other is in line %d)", keys[i - 1]->line + 1);
        }
    hone__free(keys);
    return status;
}

hone_status hone__config_check(const hone__config_tree *tree, const char *file, hone_error *error) {
    const hone__config_node *root = tree->n_documents ? tree->documents[0].root : NULL;
    if (!root || (root->kind == HONE_CONFIG_SCALAR && root->is_empty && !root->anchor && !root->has_tag))
        return HONE_OK;
    if (root->kind != HONE_CONFIG_MAP) {
        hone_status status =
            hone__fail(error, HONE_ERROR_CONFIG, "%s: the file is not a mapping of keys to values", file);
        hone__error_hint(error, "a configuration looks like \"key: value\", one per line");
        hone__error_file(error, file, root->has_position ? (int64_t)root->start : -1);
        return status;
    }
    HONE_TRY(check_duplicates(root, file, error));
    hone__config_node *key = NULL;
    const hone__config_node *section = hone__config_section(tree, &key);
    if (!section || section->kind == HONE_CONFIG_MAP)
        return HONE_OK;
    bool is_null = section->kind == HONE_CONFIG_SCALAR && section->style == HONE_CONFIG_PLAIN && !section->anchor &&
                   !section->has_tag &&
                   (section->is_empty || !strcmp(section->text, "null") || !strcmp(section->text, "~") ||
                    !strcmp(section->text, "Null") || !strcmp(section->text, "NULL"));
    if (is_null)
        return HONE_OK;
    hone_status status = fail_node(file, key, error, "is not a mapping, so keys cannot be added to it", "onnx");
    if (section->kind == HONE_CONFIG_ALIAS)
        hone__error_hint(error, "write \"onnx:\" as a mapping of its own (\"<<: *%s\" may stand in it)",
                         section->anchor);
    else
        hone__error_hint(error, "write \"onnx:\" as a mapping of keys to values");
    return status;
}

typedef struct find_state {
    const char *key;
    const hone__config_filter *filter;
    const hone__config_node *section;
    hone__config_place best;
    int best_rank;
    size_t n_best;
    int other_line;
} find_state;

/* Rank 0: directly under the section; 1: deeper in it; 2: elsewhere. */
static void consider(find_state *s, hone__config_node *map, size_t i, bool in_section) {
    hone__config_node *key = map->items[i], *value = map->items[i + 1];
    if (key->kind != HONE_CONFIG_SCALAR || strcmp(key->text, s->key) || key->style == HONE_CONFIG_BLOCK)
        return;
    hone__config_place place = {key, value, false};
    int rank = map == s->section ? 0 : in_section ? 1 : 2;
    hone__strbuf scratch;
    hone__strbuf_init(&scratch);
    const char *text = hone__config_value_text(&place, &scratch);
    bool is_ours = text != NULL;
    if (is_ours && rank > 0 && s->filter && s->filter->accepts)
        is_ours = s->filter->accepts(s->filter->user, s->key, text);
    if (rank == 0)
        is_ours = true; /* whatever stands under onnx: by that name is ours; what it cannot be is refused later */
    hone__strbuf_deinit(&scratch);
    if (!is_ours || rank > s->best_rank)
        return;
    if (rank < s->best_rank) {
        s->best_rank = rank;
        s->n_best = 0;
    }
    if (s->n_best++ == 0)
        s->best = place;
    else
        s->other_line = key->line;
}

static void search(find_state *s, hone__config_node *node, bool in_section) {
    if (node == s->section)
        in_section = true;
    else if (node->n_aliases > 0)
        return; /* shared by other readers */
    for (size_t i = 0; i < node->n_items; i++) {
        if (node->kind == HONE_CONFIG_MAP && i % 2 == 0 && i + 1 < node->n_items)
            consider(s, node, i, in_section);
        search(s, node->items[i], in_section);
    }
}

/* Each merged mapping is looked at once: what merges what merges may otherwise be exponential. */
typedef struct merge_search {
    const hone__config_node *seen[256];
    size_t n_seen;
    bool is_too_large; /* more mappings than that, or nested too deeply */
    const char *name;
    hone__config_place found;
} merge_search;

static bool enters(merge_search *s, const hone__config_node *map, int depth) {
    for (size_t i = 0; i < s->n_seen; i++)
        if (s->seen[i] == map)
            return false;
    if (depth == 60 || s->n_seen == sizeof s->seen / sizeof s->seen[0]) {
        s->is_too_large = true;
        return false;
    }
    s->seen[s->n_seen++] = map;
    return true;
}

/* Through `<<: *a` or `<<: [*a, *b]`: the first that has the key wins. */
static void search_merged(merge_search *s, const hone__config_node *map, int depth) {
    hone__config_place *out = &s->found;
    if (!enters(s, map, depth))
        return;
    for (size_t i = 0; !out->key && i + 1 < map->n_items; i += 2) {
        if (map->items[i]->kind != HONE_CONFIG_SCALAR || strcmp(map->items[i]->text, "<<"))
            continue;
        const hone__config_node *merged = map->items[i + 1];
        size_t n = merged->kind == HONE_CONFIG_SEQUENCE ? merged->n_items : 1;
        for (size_t j = 0; j < n && !out->key; j++) {
            const hone__config_node *source = merged->kind == HONE_CONFIG_SEQUENCE ? merged->items[j] : merged;
            if (source->kind == HONE_CONFIG_ALIAS)
                source = source->target;
            if (source->kind != HONE_CONFIG_MAP)
                continue;
            for (size_t k = 0; k + 1 < source->n_items && !out->key; k += 2)
                if (source->items[k]->kind == HONE_CONFIG_SCALAR && !strcmp(source->items[k]->text, s->name))
                    *out = (hone__config_place){source->items[k], source->items[k + 1], true};
            if (!out->key)
                search_merged(s, source, depth + 1);
        }
    }
}

hone_status hone__config_find(const hone__config_tree *tree, const char *key, const hone__config_filter *filter,
                              const char *file, hone__config_place *out, hone_error *error) {
    memset(out, 0, sizeof *out);
    hone__config_node *root = tree->n_documents ? tree->documents[0].root : NULL;
    if (!root || root->kind != HONE_CONFIG_MAP)
        return HONE_OK;
    find_state s = {.key = key, .filter = filter, .section = hone__config_section(tree, NULL), .best_rank = 3};
    search(&s, root, false);
    if (s.best_rank > 0) {
        merge_search merged = {.name = key};
        if (s.section && s.section->kind == HONE_CONFIG_MAP)
            search_merged(&merged, s.section, 0);
        if (merged.found.key) {
            *out = merged.found;
            return HONE_OK;
        }
        if (merged.is_too_large) {
            hone_status status =
                fail_node(file, s.section, error, "merges more mappings (\"<<\") than are followed", "onnx");
            hone__error_hint(error, "write the keys that count under \"onnx:\" itself");
            return status;
        }
    }
    if (s.n_best > 1) {
        hone_status status = hone__fail(error, HONE_ERROR_CONFIG,
                                        "%s: the key \"%s\" stands in lines %d and %d, and neither is under \"onnx:\"",
                                        file, key, s.best.key->line + 1, s.other_line + 1);
        hone__error_hint(error, "put the one that counts under a top-level section \"onnx:\"");
        hone__error_file(error, file, (int64_t)s.best.key->start);
        return status;
    }
    *out = s.best;
    return HONE_OK;
}

static const char *scalar_text(const hone__config_node *node) {
    if (node->kind == HONE_CONFIG_ALIAS)
        node = node->target;
    if (node->kind != HONE_CONFIG_SCALAR)
        return NULL;
    if (node->style == HONE_CONFIG_PLAIN && (!strcmp(node->text, "~") || !strcmp(node->text, "null") ||
                                             !strcmp(node->text, "Null") || !strcmp(node->text, "NULL")))
        return "";
    return node->text;
}

const char *hone__config_value_text(const hone__config_place *place, hone__strbuf *scratch) {
    const hone__config_node *value = place->value;
    if (value->kind == HONE_CONFIG_ALIAS)
        value = value->target;
    if (value->kind != HONE_CONFIG_SEQUENCE)
        return scalar_text(value);
    for (size_t i = 0; i < value->n_items; i++) {
        const char *text = scalar_text(value->items[i]);
        if (!text)
            return NULL;
        hone__strbuf_printf(scratch, "%s%s", i ? "," : "", text);
    }
    return scratch->failed ? NULL : hone__strbuf_text(scratch);
}
