/* The proof of an edit: the trees before and after are walked side by side; nothing may differ but
 * the values that were meant to change and the keys that were added. */
#include "tune/config_edit.h"

#include "base/error.h"
#include <string.h>

typedef struct verifier {
    const hone__config_change *changes;
    size_t n_changes;
    const hone__config_node *changed[256]; /* values before that may differ */
    size_t n_changed;
    const hone__config_node *section_before, *section_after;
} verifier;

static bool is_key_in(const verifier *v, const hone__config_node *key) {
    for (size_t i = 0; i < v->n_changes; i++)
        if (key->kind == HONE_CONFIG_SCALAR && !strcmp(key->text, v->changes[i].key))
            return true;
    return false;
}

static bool may_differ(const verifier *v, const hone__config_node *node) {
    for (size_t i = 0; i < v->n_changed; i++)
        if (v->changed[i] == node)
            return true;
    return false;
}

static hone__config_node *resolve(hone__config_node *node) {
    return node->kind == HONE_CONFIG_ALIAS ? node->target : node;
}

/* All entries from `first` on are keys that were to be added. */
static bool only_added(const verifier *v, const hone__config_node *map, size_t first) {
    for (size_t i = first; i + 1 < map->n_items; i += 2)
        if (!is_key_in(v, map->items[i]))
            return false;
    return true;
}

static bool same(verifier *v, hone__config_node *before, hone__config_node *after);

static bool same_items(verifier *v, hone__config_node *a, hone__config_node *b) {
    bool is_section = a == v->section_before;
    if (a->n_items != b->n_items && !(a->kind == HONE_CONFIG_MAP && a->n_items < b->n_items))
        return false;
    for (size_t i = 0; i < a->n_items; i++)
        if (!same(v, a->items[i], b->items[i]))
            return false;
    if (a->n_items == b->n_items)
        return true;
    if (is_section)
        return only_added(v, b, a->n_items);
    /* a new section `onnx:` at the end of the root */
    return !a->parent && !v->section_before && b->n_items == a->n_items + 2 &&
           b->items[a->n_items + 1] == v->section_after && v->section_after->kind == HONE_CONFIG_MAP &&
           only_added(v, v->section_after, 0);
}

static bool same(verifier *v, hone__config_node *before, hone__config_node *after) {
    before->pair = after;
    if (may_differ(v, before))
        return after->kind != HONE_CONFIG_MAP;
    if (before == v->section_before && before->kind == HONE_CONFIG_SCALAR)
        return after == v->section_after && after->kind == HONE_CONFIG_MAP && only_added(v, after, 0);
    hone__config_node *a = resolve(before), *b = resolve(after);
    if (a->kind != b->kind)
        return false;
    if (a->kind == HONE_CONFIG_SCALAR)
        return !strcmp(a->text, b->text) && (a->style == HONE_CONFIG_PLAIN) == (b->style == HONE_CONFIG_PLAIN) &&
               a->has_tag == b->has_tag;
    if (before->kind == HONE_CONFIG_ALIAS || after->kind == HONE_CONFIG_ALIAS)
        return before->kind == after->kind && a->pair == b; /* targets come first, so they are paired */
    return a->is_flow == b->is_flow && a->has_tag == b->has_tag && same_items(v, a, b);
}

/* Every intended key now has its value. */
static bool all_set(const verifier *v, const hone__config_tree *after, const hone__config_filter *filter,
                    const char *file) {
    for (size_t i = 0; i < v->n_changes; i++) {
        hone__config_place place;
        if (hone__config_find(after, v->changes[i].key, filter, file, &place, NULL) != HONE_OK || !place.value ||
            place.is_inherited)
            return false;
        hone__strbuf scratch;
        hone__strbuf_init(&scratch);
        const char *text = hone__config_value_text(&place, &scratch);
        const char *value = v->changes[i].value;
        bool is_set = text && !strcmp(text, value);
        if (text && !is_set) { /* a bool in the file's own words */
            static const char *const yes[] = {"yes", "Yes", "YES", "on", "On", "ON", "True", "TRUE", "1"};
            static const char *const no[] = {"no", "No", "NO", "off", "Off", "OFF", "False", "FALSE", "0"};
            for (size_t k = 0; k < sizeof yes / sizeof yes[0]; k++)
                is_set |= (!strcmp(value, "true") && !strcmp(text, yes[k])) ||
                          (!strcmp(value, "false") && !strcmp(text, no[k]));
        }
        hone__strbuf_deinit(&scratch);
        if (!is_set)
            return false;
    }
    return true;
}

hone_status hone__config_verify(hone__config_tree *before, hone__config_tree *after, const hone__config_change *changes,
                                size_t n_changes, const hone__config_filter *filter, const char *file,
                                hone_error *error) {
    verifier v = {.changes = changes, .n_changes = n_changes};
    hone__config_node *root = before->documents[0].root, *new_root = after->documents[0].root;
    v.section_before = hone__config_section(before, NULL);
    v.section_after = hone__config_section(after, NULL);
    for (size_t i = 0; i < n_changes && i < sizeof v.changed / sizeof v.changed[0]; i++) {
        hone__config_place place;
        HONE_TRY(hone__config_find(before, changes[i].key, filter, file, &place, error));
        if (place.value && !place.is_inherited)
            v.changed[v.n_changed++] = place.value;
    }
    bool is_good = before->n_documents == after->n_documents;
    if (is_good && (!root || root->kind != HONE_CONFIG_MAP)) /* the file was empty */
        is_good = new_root && new_root->kind == HONE_CONFIG_MAP && new_root->n_items == 2 && v.section_after &&
                  v.section_after->kind == HONE_CONFIG_MAP && only_added(&v, v.section_after, 0);
    else
        is_good = is_good && new_root && same(&v, root, new_root);
    for (size_t i = 1; is_good && i < before->n_documents; i++) {
        hone__config_node *a = before->documents[i].root, *b = after->documents[i].root;
        is_good = (!a && !b) || (a && b && same(&v, a, b));
    }
    is_good = is_good && all_set(&v, after, filter, file);
    return is_good ? HONE_OK : hone__fail(error, HONE_ERROR_CONFIG, "%s: an edit would change something else", file);
}
