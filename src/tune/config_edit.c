/* Turns changes of keys into splices of bytes (the rules are in config_edit.h). */
#include "tune/config_edit.h"

#include "base/error.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_SPLICES = 192 };

typedef struct splice {
    size_t at, remove;
    int order; /* among splices at the same place */
    hone__strbuf text;
} splice;

typedef struct editor {
    const hone__config_tree *tree;
    const char *file;
    splice splices[MAX_SPLICES];
    size_t n_splices;
    const char *newline;
} editor;

static hone_status refuse(const editor *e, const hone__config_node *node, hone_error *error, const char *key,
                          const char *why) {
    hone_status status = hone__fail(error, HONE_ERROR_CONFIG, "%s, line %d: \"%s\" cannot be changed safely: %s",
                                    e->file, node->line + 1, key, why);
    hone__error_hint(error, "change that line by hand as the report recommends");
    hone__error_file(error, e->file, node->has_position ? (int64_t)node->start : -1);
    return status;
}

static hone_status add_splice(editor *e, size_t at, size_t remove, splice **out, hone_error *error) {
    HONE_FAIL_IF(e->n_splices == MAX_SPLICES, error, HONE_ERROR_LIMIT, "%s: too many changes at once", e->file);
    splice *s = &e->splices[e->n_splices];
    s->at = at;
    s->remove = remove;
    s->order = (int)e->n_splices++;
    hone__strbuf_init(&s->text);
    *out = s;
    return HONE_OK;
}

/* Writing values. ------------------------------------------------------------------------------- */

static bool is_plain_word(const char *text) {
    if (!*text || !(isalnum((unsigned char)*text) || *text == '_' || *text == '/' || *text == '.'))
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("_./+-", *text))
            return false;
    return true;
}

static void put_quoted(hone__strbuf *out, const char *text, char quote) {
    hone__strbuf_append(out, &quote, 1);
    for (; *text; text++) {
        if (quote == '\'' && *text == '\'')
            hone__strbuf_puts(out, "''");
        else if (quote == '"' && (*text == '"' || *text == '\\'))
            hone__strbuf_printf(out, "\\%c", *text);
        else if (quote == '"' && (unsigned char)*text < 0x20)
            hone__strbuf_printf(out, "\\x%02x", (unsigned char)*text);
        else
            hone__strbuf_append(out, text, 1);
    }
    hone__strbuf_append(out, &quote, 1);
}

/* A bool in the words that the file uses: yes/no, on/off, True/False, 1/0. */
static const char *bool_like(const char *old, const char *value) {
    bool is_true = !strcmp(value, "true");
    static const char *const words[][2] = {{"yes", "no"},     {"Yes", "No"},     {"YES", "NO"},
                                           {"on", "off"},     {"On", "Off"},     {"ON", "OFF"},
                                           {"True", "False"}, {"TRUE", "FALSE"}, {"1", "0"}};
    if (old && (is_true || !strcmp(value, "false")))
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (!strcmp(old, words[i][0]) || !strcmp(old, words[i][1]))
                return words[i][is_true ? 0 : 1];
    return value;
}

static void put_list(hone__strbuf *out, const char *names, bool is_json) {
    hone__strbuf_puts(out, "[");
    for (const char *p = names; *p;) {
        size_t n = strcspn(p, ",");
        char name[256];
        size_t kept = n < sizeof name - 1 ? n : sizeof name - 1;
        memcpy(name, p, kept);
        name[kept] = 0;
        if (p != names)
            hone__strbuf_puts(out, ", ");
        if (is_json || !is_plain_word(name))
            put_quoted(out, name, '"');
        else
            hone__strbuf_puts(out, name);
        p += n;
        p += *p == ',';
    }
    hone__strbuf_puts(out, "]");
}

static bool is_json_word(const char *text) {
    char *end = NULL;
    if (!strcmp(text, "true") || !strcmp(text, "false"))
        return true;
    strtod(text, &end);
    return *text && !*end && (isdigit((unsigned char)*text) || *text == '-');
}

static void put_value(hone__strbuf *out, const hone__config_change *change, const hone__config_node *old,
                      bool is_json) {
    hone__config_style style = old && old->kind == HONE_CONFIG_SCALAR ? old->style : HONE_CONFIG_PLAIN;
    if (!*change->value && !change->is_text)
        hone__strbuf_puts(out, change->is_list ? "[]" : "null");
    else if (change->is_list)
        put_list(out, change->value, is_json);
    else if (style == HONE_CONFIG_SINGLE)
        put_quoted(out, bool_like(old->text, change->value), '\'');
    else if (style == HONE_CONFIG_DOUBLE || change->is_text || !is_plain_word(change->value) ||
             (is_json && !is_json_word(change->value)))
        put_quoted(out, bool_like(old ? old->text : NULL, change->value), '"');
    else
        hone__strbuf_puts(out, bool_like(old && old->kind == HONE_CONFIG_SCALAR ? old->text : NULL, change->value));
}

/* Changing a value where it stands. ------------------------------------------------------------- */

static size_t skip_blanks(const editor *e, size_t at) {
    while (at < e->tree->size && (e->tree->data[at] == ' ' || e->tree->data[at] == '\t'))
        at++;
    return at;
}

/* The position after "key:", or 0 when there is no colon on that line. */
static size_t after_colon(const editor *e, const hone__config_node *key) {
    size_t at = skip_blanks(e, key->end);
    return at < e->tree->size && e->tree->data[at] == ':' ? at + 1 : 0;
}

/* The first alias that points at a node, in document order. */
static hone__config_node *first_alias(hone__config_node *from, const hone__config_node *target) {
    if (from->kind == HONE_CONFIG_ALIAS && from->target == target)
        return from;
    for (size_t i = 0; i < from->n_items; i++) {
        hone__config_node *found = first_alias(from->items[i], target);
        if (found)
            return found;
    }
    return NULL;
}

/* An anchored scalar with other users: the anchor and the old text move to the first alias. */
static hone_status move_anchor(editor *e, const char *key, const hone__config_node *value, hone_error *error) {
    hone__config_node *alias = first_alias(e->tree->documents[0].root, value);
    const char *data = e->tree->data;
    if (!alias || value->style == HONE_CONFIG_BLOCK || value->is_empty || value->has_tag ||
        memchr(data + value->start, '\n', value->end - value->start))
        return refuse(e, value, error, key, "other values refer to it by its anchor");
    splice *s = NULL;
    HONE_TRY(add_splice(e, value->anchor_start, skip_blanks(e, value->anchor_end) - value->anchor_start, &s, error));
    HONE_TRY(add_splice(e, alias->start, alias->end - alias->start, &s, error));
    hone__strbuf_printf(&s->text, "&%s ", value->anchor);
    hone__strbuf_append(&s->text, data + value->start, value->end - value->start);
    return HONE_OK;
}

/* A block scalar begins at its | or >, which libfyaml's mark leaves out. */
static size_t block_header(const editor *e, const hone__config_node *key, const hone__config_node *value) {
    size_t at = value->anchor ? value->anchor_end : after_colon(e, key);
    at = at ? skip_blanks(e, at) : 0;
    return at && at < value->start && (e->tree->data[at] == '|' || e->tree->data[at] == '>') ? at : 0;
}

static hone_status replace_value(editor *e, const hone__config_place *place, const hone__config_change *change,
                                 bool is_json, hone_error *error) {
    const hone__config_node *value = place->value;
    splice *s = NULL;
    if (value->kind == HONE_CONFIG_MAP)
        return refuse(e, place->key, error, change->key, "its value is a mapping");
    if (value->kind == HONE_CONFIG_SEQUENCE && (!value->is_flow || value->n_aliases || !change->is_list))
        return refuse(e, place->key, error, change->key,
                      change->is_list ? "its list is not written in one line as [a, b]" : "its value is a list");
    if (value->kind == HONE_CONFIG_SCALAR && value->is_empty) {
        size_t at = after_colon(e, place->key);
        if (!at || value->anchor || value->has_tag)
            return refuse(e, place->key, error, change->key, "its value is empty and has no plain \"key:\" before it");
        HONE_TRY(add_splice(e, at, 0, &s, error));
        hone__strbuf_puts(&s->text, " ");
        put_value(&s->text, change, NULL, is_json);
        return HONE_OK;
    }
    if (value->kind == HONE_CONFIG_SCALAR && value->anchor && value->n_aliases)
        HONE_TRY(move_anchor(e, change->key, value, error));
    size_t start = value->start, end = value->end;
    if (value->style == HONE_CONFIG_BLOCK && value->kind == HONE_CONFIG_SCALAR) {
        start = block_header(e, place->key, value);
        if (!start || value->has_tag)
            return refuse(e, place->key, error, change->key, "its value is a block of text");
        while (end > start && strchr("\r\n", e->tree->data[end - 1]))
            end--; /* the line end stays */
    }
    HONE_TRY(add_splice(e, start, end - start, &s, error));
    put_value(&s->text, change, value, is_json);
    return HONE_OK;
}

/* Adding keys. ---------------------------------------------------------------------------------- */

static size_t line_end(const editor *e, size_t at) {
    const char *nl = at < e->tree->size ? memchr(e->tree->data + at, '\n', e->tree->size - at) : NULL;
    size_t end = nl ? (size_t)(nl - e->tree->data) : e->tree->size;
    return end > at && end > 0 && e->tree->data[end - 1] == '\r' ? end - 1 : end;
}

static bool is_json_map(const hone__config_node *map) {
    return map->is_flow && map->n_items && map->items[0]->kind == HONE_CONFIG_SCALAR &&
           map->items[0]->style == HONE_CONFIG_DOUBLE;
}

static void put_key(hone__strbuf *out, const char *key, bool is_json) {
    if (is_json)
        put_quoted(out, key, '"');
    else
        hone__strbuf_puts(out, key);
    hone__strbuf_puts(out, ": ");
}

static void put_flow_entries(hone__strbuf *out, const hone__config_change *const *adds, size_t n, bool is_json) {
    for (size_t i = 0; i < n; i++) {
        hone__strbuf_puts(out, i ? ", " : "");
        put_key(out, adds[i]->key, is_json);
        put_value(out, adds[i], NULL, is_json);
    }
}

static void put_lines(const editor *e, hone__strbuf *out, const hone__config_change *const *adds, size_t n, int indent,
                      bool newline_first) {
    for (size_t i = 0; i < n; i++) {
        hone__strbuf_printf(out, "%s%*s%s: ", newline_first ? e->newline : "", indent, "", adds[i]->key);
        put_value(out, adds[i], NULL, false);
        hone__strbuf_puts(out, newline_first ? "" : e->newline);
    }
}

/* The end of what is written of a flow mapping's last entry. */
static size_t flow_last_end(const editor *e, const hone__config_node *map) {
    const hone__config_node *key = map->items[map->n_items - 2], *value = map->items[map->n_items - 1];
    if (value->kind != HONE_CONFIG_SCALAR || !value->is_empty)
        return value->end;
    if (value->anchor)
        return value->anchor_end;
    size_t colon = after_colon(e, key);
    return colon ? colon : key->end;
}

static hone_status add_to_flow(editor *e, const hone__config_node *map, const hone__config_change *const *adds,
                               size_t n, const char *wrap, bool is_json, hone_error *error) {
    splice *s = NULL;
    size_t at = map->n_items ? flow_last_end(e, map) : map->start + 1;
    HONE_TRY(add_splice(e, at, 0, &s, error));
    hone__strbuf_puts(&s->text, map->n_items ? ", " : "");
    if (wrap) {
        put_key(&s->text, wrap, is_json);
        hone__strbuf_puts(&s->text, "{");
    }
    put_flow_entries(&s->text, adds, n, is_json);
    hone__strbuf_puts(&s->text, wrap ? "}" : "");
    return HONE_OK;
}

/* Spaces that the file indents by: those of its first nested block mapping, else 2. */
static int indent_step(const hone__config_node *root) {
    if (root && root->kind == HONE_CONFIG_MAP && !root->is_flow)
        for (size_t i = 0; i + 1 < root->n_items; i += 2) {
            const hone__config_node *value = root->items[i + 1];
            if (value->kind == HONE_CONFIG_MAP && !value->is_flow && value->column > root->column &&
                value->column - root->column <= 8)
                return value->column - root->column;
        }
    return 2;
}

static hone_status add_to_block(editor *e, const hone__config_node *map, const hone__config_change *const *adds,
                                size_t n, hone_error *error) {
    splice *s = NULL;
    size_t at = map->end;
    bool at_line_start = at > 0 && e->tree->data[at - 1] == '\n';
    HONE_TRY(add_splice(e, at_line_start ? at : line_end(e, at), 0, &s, error));
    put_lines(e, &s->text, adds, n, map->items[0]->column, !at_line_start);
    return HONE_OK;
}

/* The section stands there with nothing in it: "onnx:", "onnx: null". */
static hone_status fill_empty_section(editor *e, const hone__config_node *key, const hone__config_node *value,
                                      const hone__config_node *root, const hone__config_change *const *adds, size_t n,
                                      hone_error *error) {
    splice *s = NULL;
    size_t colon = after_colon(e, key);
    if (!colon)
        return refuse(e, key, error, "onnx", "it has no \":\" after it");
    if (root->is_flow) {
        bool is_json = is_json_map(root);
        HONE_TRY(add_splice(e, value->is_empty ? colon : value->start, value->is_empty ? 0 : value->end - value->start,
                            &s, error));
        hone__strbuf_puts(&s->text, value->is_empty ? " {" : "{");
        put_flow_entries(&s->text, adds, n, is_json);
        hone__strbuf_puts(&s->text, "}");
        return HONE_OK;
    }
    if (!value->is_empty)
        HONE_TRY(add_splice(e, colon, value->end - colon, &s, error));
    HONE_TRY(add_splice(e, line_end(e, value->is_empty ? colon : value->end), 0, &s, error));
    put_lines(e, &s->text, adds, n, key->column + indent_step(root), true);
    return HONE_OK;
}

static hone_status new_section(editor *e, const hone__config_node *root, const hone__config_change *const *adds,
                               size_t n, hone_error *error) {
    if (root && root->kind == HONE_CONFIG_MAP && root->is_flow)
        return add_to_flow(e, root, adds, n, "onnx", is_json_map(root), error);
    splice *s = NULL;
    int column = root && root->kind == HONE_CONFIG_MAP && root->n_items ? root->items[0]->column : 0;
    size_t at = e->tree->documents[0].insert_at;
    bool at_line_start =
        at == 0 || e->tree->data[at - 1] == '\n' || (at == 3 && !memcmp(e->tree->data, "\xEF\xBB\xBF", 3));
    HONE_TRY(add_splice(e, at, 0, &s, error));
    hone__strbuf_printf(&s->text, "%s%*sonnx:%s", at_line_start ? "" : e->newline, column, "",
                        at_line_start ? e->newline : "");
    put_lines(e, &s->text, adds, n, column + indent_step(root), !at_line_start);
    return HONE_OK;
}

static hone_status add_keys(editor *e, const hone__config_change *const *adds, size_t n, hone_error *error) {
    hone__config_node *key = NULL, *root = e->tree->documents[0].root;
    const hone__config_node *section = hone__config_section(e->tree, &key);
    if (!section)
        return new_section(e, root, adds, n, error);
    if (section->kind != HONE_CONFIG_MAP)
        return fill_empty_section(e, key, section, root, adds, n, error);
    if (section->is_flow)
        return add_to_flow(e, section, adds, n, NULL, is_json_map(section) || is_json_map(root), error);
    return add_to_block(e, section, adds, n, error);
}

/* ----------------------------------------------------------------------------------------------- */

static int compare_splices(const void *a, const void *b) {
    const splice *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static hone_status apply(editor *e, hone__strbuf *out, hone_error *error) {
    qsort(e->splices, e->n_splices, sizeof e->splices[0], compare_splices);
    size_t done = 0;
    for (size_t i = 0; i < e->n_splices; i++) {
        const splice *s = &e->splices[i];
        if (s->at < done || s->at + s->remove > e->tree->size)
            return hone__fail(error, HONE_ERROR_INTERNAL, "%s: two changes overlap", e->file);
        hone__strbuf_append(out, e->tree->data + done, s->at - done);
        hone__strbuf_append(out, hone__strbuf_text(&s->text), s->text.size);
        out->failed |= s->text.failed;
        done = s->at + s->remove;
    }
    hone__strbuf_append(out, e->tree->data + done, e->tree->size - done);
    return out->failed ? hone__fail_memory(error, "configuration") : HONE_OK;
}

static hone_status plan_splices(editor *e, const hone__config_change *changes, size_t n_changes,
                                const hone__config_filter *filter, hone_error *error) {
    const hone__config_change *adds[MAX_SPLICES];
    size_t n_adds = 0;
    const hone__config_node *root = e->tree->documents[0].root;
    for (size_t i = 0; i < n_changes; i++) {
        hone__config_place place;
        HONE_TRY(hone__config_find(e->tree, changes[i].key, filter, e->file, &place, error));
        HONE_FAIL_IF(n_adds == MAX_SPLICES, error, HONE_ERROR_LIMIT, "%s: too many changes at once", e->file);
        if (!place.key || place.is_inherited)
            adds[n_adds++] = &changes[i];
        else
            HONE_TRY(replace_value(e, &place, &changes[i], root && is_json_map(root), error));
    }
    return n_adds ? add_keys(e, adds, n_adds, error) : HONE_OK;
}

hone_status hone__config_edit(const char *data, size_t size, const char *file, const hone__config_change *changes,
                              size_t n_changes, const hone__config_filter *filter, hone__strbuf *out,
                              hone_error *error) {
    hone_status status = HONE_OK;
    hone__config_tree before, after = {0};
    static const editor empty;
    editor e = empty;
    HONE_TRY(hone__config_tree_parse(data, size, file, &before, error));
    e.tree = &before;
    e.file = file;
    const char *nl = size ? memchr(data, '\n', size) : NULL;
    e.newline = nl && nl > data && nl[-1] == '\r' ? "\r\n" : "\n";
    HONE_CHECK(hone__config_check(&before, file, error));
    HONE_CHECK(plan_splices(&e, changes, n_changes, filter, error));
    HONE_CHECK(apply(&e, out, error));
    status = hone__config_tree_parse(hone__strbuf_text(out), out->size, file, &after, NULL);
    if (status == HONE_OK)
        status = hone__config_verify(&before, &after, changes, n_changes, filter, file, error);
    if (status != HONE_OK) {
        status =
            hone__fail(error, HONE_ERROR_CONFIG,
                       "%s: its YAML is written in a way that cannot be edited without changing something else", file);
        hone__error_hint(error, "add the recommended keys of the report under \"onnx:\" by hand");
        hone__error_file(error, file, -1);
    }
cleanup:
    for (size_t i = 0; i < e.n_splices; i++)
        hone__strbuf_deinit(&e.splices[i].text);
    if (status != HONE_OK) {
        hone__strbuf_deinit(out);
        hone__strbuf_init(out);
    }
    hone__config_tree_deinit(&before);
    hone__config_tree_deinit(&after);
    return status;
}
