/* Builds the tree of config_tree.h from libfyaml's events. Positions are byte positions, so UTF-8
 * text, a byte order mark and CRLF need no special care. */
#include "tune/config_tree.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/error.h"
#include <libfyaml.h>
#include <string.h>

enum { MAX_CONFIG_SIZE = 16 << 20, MAX_DEPTH = 60, MAX_ANCHORS = 4096 };

typedef struct tree_builder {
    hone__config_tree *tree;
    hone__arena *arena;
    hone__config_node *stack[MAX_DEPTH + 1];
    int depth;
    hone__config_node *anchors[MAX_ANCHORS];
    size_t n_anchors;
    const char *file;
} tree_builder;

static hone_status fail_at(tree_builder *b, hone_error *error, const struct fy_mark *mark, const char *what) {
    hone_status status = hone__fail(error, HONE_ERROR_CONFIG, "%s, line %d, column %d: %s", b->file,
                                    mark ? mark->line + 1 : 0, mark ? mark->column + 1 : 0, what);
    hone__error_file(error, b->file, mark ? (int64_t)mark->input_pos : -1);
    return status;
}

static hone_status new_node(tree_builder *b, hone__config_kind kind, hone__config_node **out, hone_error *error) {
    hone__config_node *node = hone__arena_calloc(b->arena, 1, sizeof *node);
    if (!node)
        return hone__fail_memory(error, "configuration");
    node->kind = kind;
    *out = node;
    return HONE_OK;
}

/* Hangs a node under the collection on top of the stack, or makes it the document's root. */
static hone_status attach(tree_builder *b, hone__config_node *node, hone_error *error) {
    hone__config_node *parent = b->depth ? b->stack[b->depth - 1] : NULL;
    if (!parent) {
        b->tree->documents[b->tree->n_documents - 1].root = node;
        return HONE_OK;
    }
    node->parent = parent;
    if (parent->n_items == parent->capacity) {
        size_t capacity = parent->capacity ? parent->capacity * 2 : 8;
        hone__config_node **items = hone__arena_calloc(b->arena, capacity, sizeof(hone__config_node *));
        if (!items)
            return hone__fail_memory(error, "configuration");
        if (parent->n_items)
            memcpy(items, parent->items, parent->n_items * sizeof(hone__config_node *));
        parent->items = items;
        parent->capacity = capacity;
    }
    parent->items[parent->n_items++] = node;
    return HONE_OK;
}

static void set_span(hone__config_node *node, struct fy_token *token) {
    const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
    const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
    if (!start || !end)
        return;
    node->has_position = true;
    node->start = start->input_pos;
    node->end = end->input_pos;
    node->line = start->line;
    node->column = start->column;
}

static hone_status set_anchor(tree_builder *b, hone__config_node *node, struct fy_token *anchor, hone_error *error) {
    if (!anchor)
        return HONE_OK;
    const struct fy_mark *start = fy_token_start_mark(anchor), *end = fy_token_end_mark(anchor);
    size_t size = 0;
    const char *text = fy_token_get_text(anchor, &size);
    if (!start || !end || !text || start->input_pos == 0)
        return fail_at(b, error, start, "an anchor without a position");
    node->anchor_start = start->input_pos - 1;
    node->anchor_end = end->input_pos;
    node->anchor = hone__arena_strndup(b->arena, text, size);
    if (!node->anchor)
        return hone__fail_memory(error, "configuration");
    if (b->n_anchors == MAX_ANCHORS)
        return fail_at(b, error, start, "more than 4096 anchors");
    b->anchors[b->n_anchors++] = node;
    return HONE_OK;
}

static hone_status on_scalar(tree_builder *b, struct fy_event *event, hone_error *error) {
    hone__config_node *node = NULL;
    struct fy_token *token = event->scalar.value;
    HONE_TRY(new_node(b, HONE_CONFIG_SCALAR, &node, error));
    HONE_TRY(set_anchor(b, node, event->scalar.anchor, error));
    node->has_tag = event->scalar.tag != NULL;
    set_span(node, token);
    size_t size = 0;
    const char *text = token ? fy_token_get_text(token, &size) : NULL;
    node->text = text ? hone__arena_strndup(b->arena, text, size) : "";
    if (!node->text)
        return hone__fail_memory(error, "configuration");
    switch (token ? fy_token_scalar_style(token) : FYSS_PLAIN) {
    case FYSS_SINGLE_QUOTED:
        node->style = HONE_CONFIG_SINGLE;
        break;
    case FYSS_DOUBLE_QUOTED:
        node->style = HONE_CONFIG_DOUBLE;
        break;
    case FYSS_LITERAL:
    case FYSS_FOLDED:
        node->style = HONE_CONFIG_BLOCK;
        break;
    default:
        node->style = HONE_CONFIG_PLAIN;
        node->is_empty = !node->has_position || node->start == node->end;
        break;
    }
    if (node->style == HONE_CONFIG_BLOCK && node->has_position) {
        /* The mark reaches into the indentation of the line after the block. */
        size_t end = node->end;
        while (end > node->start && b->tree->data[end - 1] == ' ')
            end--;
        if (end > node->start && b->tree->data[end - 1] == '\n')
            node->end = end;
    }
    if (node->style == HONE_CONFIG_SINGLE || node->style == HONE_CONFIG_DOUBLE) {
        /* libfyaml's marks leave the quotes out. */
        char quote = node->style == HONE_CONFIG_SINGLE ? '\'' : '"';
        if (!node->has_position || node->start == 0 || node->end >= b->tree->size ||
            b->tree->data[node->start - 1] != quote || b->tree->data[node->end] != quote)
            return hone__fail(error, HONE_ERROR_INTERNAL, "a quoted value's position is not where its quotes are");
        node->start--, node->end++, node->column--;
    }
    return attach(b, node, error);
}

static hone_status on_alias(tree_builder *b, struct fy_event *event, hone_error *error) {
    hone__config_node *node = NULL;
    struct fy_token *token = event->alias.anchor;
    HONE_TRY(new_node(b, HONE_CONFIG_ALIAS, &node, error));
    set_span(node, token);
    size_t size = 0;
    const char *text = fy_token_get_text(token, &size);
    if (!node->has_position || !text || node->start == 0 || b->tree->data[node->start - 1] != '*')
        return fail_at(b, error, fy_token_start_mark(token), "an alias without a position");
    node->start--, node->column--;
    node->anchor = hone__arena_strndup(b->arena, text, size);
    if (!node->anchor)
        return hone__fail_memory(error, "configuration");
    for (size_t i = b->n_anchors; i-- > 0 && !node->target;)
        if (!strcmp(b->anchors[i]->anchor, node->anchor))
            node->target = b->anchors[i];
    if (!node->target)
        return fail_at(b, error, fy_token_start_mark(token), "an alias to an anchor that is not defined before it");
    node->target->n_aliases++;
    return attach(b, node, error);
}

static hone_status on_start(tree_builder *b, hone__config_kind kind, struct fy_token *token, struct fy_token *anchor,
                            bool has_tag, hone_error *error) {
    hone__config_node *node = NULL;
    HONE_TRY(new_node(b, kind, &node, error));
    HONE_TRY(set_anchor(b, node, anchor, error));
    set_span(node, token);
    node->has_tag = has_tag;
    node->is_flow = node->has_position && node->end > node->start &&
                    (b->tree->data[node->start] == '{' || b->tree->data[node->start] == '[');
    HONE_TRY(attach(b, node, error));
    if (b->depth == MAX_DEPTH)
        return fail_at(b, error, token ? fy_token_start_mark(token) : NULL, "nested more than 60 levels deep");
    b->stack[b->depth++] = node;
    return HONE_OK;
}

/* The end of a collection: its closing bracket, or the last byte of its last item that is written. */
static void on_end(tree_builder *b, struct fy_token *token) {
    hone__config_node *node = b->stack[--b->depth];
    const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
    if (node->is_flow && end) {
        node->end = end->input_pos;
        return;
    }
    for (size_t i = 0; i < node->n_items; i++) {
        const hone__config_node *item = node->items[i];
        if (item->has_position && !item->is_empty && item->end > node->end)
            node->end = item->end;
        if (item->anchor_end > node->end)
            node->end = item->anchor_end;
    }
}

static hone_status on_document(tree_builder *b, hone_error *error) {
    hone__config_tree *tree = b->tree;
    if (!hone__grow((void **)&tree->documents, &tree->document_capacity, tree->n_documents + 1,
                    sizeof *tree->documents))
        return hone__fail_memory(error, "configuration");
    memset(&tree->documents[tree->n_documents], 0, sizeof *tree->documents);
    tree->documents[tree->n_documents++].insert_at = tree->size;
    b->depth = 0;
    b->n_anchors = 0;
    return HONE_OK;
}

/* The line "..." that ends a document; its event carries no position. Only blank lines and comments
 * stand between the last value and it. */
static void find_end_marker(const hone__config_tree *tree, hone__config_document *document) {
    size_t at = document->root ? document->root->end : 0;
    for (; at + 3 <= tree->size; at++)
        if ((at == 0 || tree->data[at - 1] == '\n') && !memcmp(tree->data + at, "...", 3)) {
            document->insert_at = at;
            return;
        }
}

static hone_status on_event(tree_builder *b, struct fy_event *event, hone_error *error) {
    switch (event->type) {
    case FYET_DOCUMENT_START: {
        /* The marker of a further document bounds the one before. */
        const struct fy_mark *mark =
            event->document_start.document_start ? fy_token_start_mark(event->document_start.document_start) : NULL;
        if (b->tree->n_documents && mark && b->tree->documents[b->tree->n_documents - 1].insert_at == b->tree->size)
            b->tree->documents[b->tree->n_documents - 1].insert_at = mark->input_pos;
        return on_document(b, error);
    }
    case FYET_DOCUMENT_END: {
        if (!event->document_end.implicit)
            find_end_marker(b->tree, &b->tree->documents[b->tree->n_documents - 1]);
        return HONE_OK;
    }
    case FYET_MAPPING_START:
        return on_start(b, HONE_CONFIG_MAP, event->mapping_start.mapping_start, event->mapping_start.anchor,
                        event->mapping_start.tag != NULL, error);
    case FYET_SEQUENCE_START:
        return on_start(b, HONE_CONFIG_SEQUENCE, event->sequence_start.sequence_start, event->sequence_start.anchor,
                        event->sequence_start.tag != NULL, error);
    case FYET_MAPPING_END:
        on_end(b, event->mapping_end.mapping_end);
        return HONE_OK;
    case FYET_SEQUENCE_END:
        on_end(b, event->sequence_end.sequence_end);
        return HONE_OK;
    case FYET_SCALAR:
        return on_scalar(b, event, error);
    case FYET_ALIAS:
        return on_alias(b, event, error);
    default:
        return HONE_OK;
    }
}

/* libfyaml's own message, collected by its diagnostics. */
static hone_status fail_syntax(tree_builder *b, struct fy_diag *diag, hone_error *error) {
    struct fy_diag_error *entry;
    void *iterator = NULL;
    entry = fy_diag_errors_iterate(diag, &iterator);
    if (!entry)
        return fail_at(b, error, NULL, "not valid YAML");
    hone_status status = hone__fail(error, HONE_ERROR_CONFIG, "%s, line %d, column %d: %s", b->file, entry->line,
                                    entry->column, entry->msg ? entry->msg : "not valid YAML");
    hone__error_hint(error, "mend the file's YAML there, or give another file");
    hone__error_file(error, b->file, -1);
    return status;
}

/* Checked before libfyaml sees the text: 0.7 does not end on some truncated sequences. */
static size_t first_bad_utf8(const char *data, size_t size) {
    const unsigned char *p = (const unsigned char *)data;
    for (size_t i = 0; i < size;) {
        unsigned char c = p[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t n = c >= 0xF0 && c <= 0xF4 ? 3 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xC2 && c < 0xE0 ? 1 : 0;
        if (n == 0 || size - i <= n)
            return i;
        for (size_t k = 1; k <= n; k++)
            if ((p[i + k] & 0xC0) != 0x80)
                return i;
        if ((c == 0xE0 && p[i + 1] < 0xA0) || (c == 0xED && p[i + 1] > 0x9F) || (c == 0xF0 && p[i + 1] < 0x90) ||
            (c == 0xF4 && p[i + 1] > 0x8F))
            return i;
        i += n + 1;
    }
    return size;
}

hone_status hone__config_tree_parse(const char *data, size_t size, const char *file, hone__config_tree *out,
                                    hone_error *error) {
    memset(out, 0, sizeof *out);
    HONE_FAIL_IF(size > MAX_CONFIG_SIZE, error, HONE_ERROR_CONFIG, "%s has %zu bytes; a configuration may have 16 MB",
                 file, size);
    const char *nul = size ? memchr(data, 0, size) : NULL;
    if (nul) {
        hone_status bad = hone__fail(error, HONE_ERROR_CONFIG, "%s: a zero byte at offset %zu: not a text file", file,
                                     (size_t)(nul - data));
        hone__error_file(error, file, nul - data);
        return bad;
    }
    size_t bad_at = first_bad_utf8(data, size);
    if (bad_at < size) {
        hone_status bad = hone__fail(error, HONE_ERROR_CONFIG, "%s: byte %zu is not valid UTF-8", file, bad_at);
        hone__error_file(error, file, (int64_t)bad_at);
        return bad;
    }
    hone_status status = HONE_OK;
    struct fy_parser *parser = NULL;
    struct fy_diag *diag = NULL;
    tree_builder *b = hone__calloc(1, sizeof *b);
    hone__arena *arena = hone__calloc(1, sizeof *arena);
    if (!b || !arena) {
        hone__free(b);
        hone__free(arena);
        return hone__fail_memory(error, "configuration");
    }
    hone__arena_init(arena);
    *b = (tree_builder){.tree = out, .arena = arena, .file = file};
    out->data = data;
    out->size = size;
    out->arena = arena;
    if (size == 0) {
        status = on_document(b, error);
        goto cleanup;
    }
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag = fy_diag_create(&diag_cfg);
    if (diag)
        fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_SLOPPY_FLOW_INDENTATION, .diag = diag};
    parser = diag ? fy_parser_create(&cfg) : NULL;
    if (!parser || fy_parser_set_string(parser, data, size)) {
        status = hone__fail_memory(error, "YAML parser");
        goto cleanup;
    }
    bool has_ended = false;
    for (struct fy_event *event; status == HONE_OK && (event = fy_parser_parse(parser)) != NULL;) {
        has_ended = event->type == FYET_STREAM_END;
        status = on_event(b, event, error);
        fy_parser_event_free(parser, event);
    }
    if (status == HONE_OK && (!has_ended || fy_parser_get_stream_error(parser)))
        status = fail_syntax(b, diag, error);
    if (status == HONE_OK && out->n_documents == 0)
        status = on_document(b, error); /* comments only */
cleanup:
    if (parser)
        fy_parser_destroy(parser);
    if (diag)
        fy_diag_destroy(diag);
    hone__free(b);
    if (status != HONE_OK)
        hone__config_tree_deinit(out);
    return status;
}

void hone__config_tree_deinit(hone__config_tree *tree) {
    if (tree->arena) {
        hone__arena_deinit(tree->arena);
        hone__free(tree->arena);
    }
    hone__free(tree->documents);
    memset(tree, 0, sizeof *tree);
}
