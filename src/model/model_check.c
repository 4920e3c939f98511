/* hone_check_file: every fault of a model file in one pass. First the rules of the ONNX checker on the
 * messages (model_check_graph.c), then, when a graph can be made of them, operators' rows, shapes and types. */
#include "model/model_check.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

#include <stdarg.h>
#include <stdio.h>

/* A malicious file must not make millions of findings. */
enum { MAX_FINDINGS = 1000, NEWEST_IR = 13 };

void hone__check_add(hone__checker *c, bool is_error, hone_status status, const hone__pb_head *head, const char *where,
                     const char *hint, const char *fmt, ...) {
    hone_findings *list = c->findings;
    char text[768];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->n_errors += is_error;
    if (list->n >= MAX_FINDINGS)
        return;
    if (!hone__grow((void **)&list->items, &list->capacity, list->n + 1, sizeof *list->items)) {
        c->is_out_of_memory = true;
        return;
    }
    hone_finding *f = &list->items[list->n];
    f->status = status;
    f->is_error = is_error;
    f->where = hone__arena_strdup(&list->arena, where && *where ? where : "model");
    f->message = hone__arena_strdup(&list->arena, text);
    f->hint = hone__arena_strdup(&list->arena, hint ? hint : "");
    f->offset = head && head->body.data ? (int64_t)(head->body.data - c->model->data) : -1;
    if (f->where && f->message && f->hint)
        list->n++;
    else
        c->is_out_of_memory = true;
}

void hone__check_add_error(hone__checker *c, const hone_error *error, const char *where) {
    size_t before = c->findings->n;
    if (error->status == HONE_ERROR_MEMORY)
        c->is_out_of_memory = true;
    hone__check_add(c, true, error->status, NULL, where ? where : error->node, error->hint, "%s", error->message);
    if (c->findings->n > before)
        c->findings->items[before].offset = error->offset;
}

static void check_header(hone__checker *c) {
    const hone__model_proto *m = &c->model->proto;
    if (m->ir_version <= 0)
        hone__check_add(c, true, HONE_ERROR_MODEL, &m->head, "model", "set ir_version", "the model has no IR version");
    else if (m->ir_version > NEWEST_IR)
        hone__check_add(c, true, HONE_ERROR_MODEL, &m->head, "model", "convert the model, or use a newer hone",
                        "IR version %lld is newer than %d, the newest known here", (long long)m->ir_version, NEWEST_IR);
    if (m->ir_version >= 3 && m->opset_import.n == 0)
        hone__check_add(c, true, HONE_ERROR_MODEL, &m->head, "model", "add opset_import",
                        "the model imports no opset (needed since IR version 3)");
    if (m->ir_version > 0 && m->ir_version < 3 && m->opset_import.n)
        hone__check_add(c, true, HONE_ERROR_MODEL, &m->head, "model", "set IR version 3 or newer",
                        "a model of IR version %lld cannot import opsets", (long long)m->ir_version);
    for (size_t i = 0; i < m->opset_import.n; i++)
        if (m->opset_import.items[i].version <= 0)
            hone__check_add(c, true, HONE_ERROR_MODEL, &m->opset_import.items[i].head, "model", "set its version",
                            "an opset has version %lld", (long long)m->opset_import.items[i].version);
    hone__scope keys;
    hone__scope_init(&keys, NULL, NULL, NULL);
    for (size_t i = 0; i < m->metadata_props.n; i++) {
        const hone__entry_proto *entry = &m->metadata_props.items[i];
        if (hone__scope_find_here(&keys, entry->key))
            hone__check_add(c, true, HONE_ERROR_MODEL, &entry->head, "model", "keep one of them",
                            "the metadata key \"%.*s\" occurs twice", (int)hone__min_size(entry->key.size, 120),
                            entry->key.size ? (const char *)entry->key.data : "");
        else if (!hone__scope_bind(&keys, entry->key, NULL))
            c->is_out_of_memory = true;
    }
    hone__scope_deinit(&keys);
}

/* ---- functions ---- */

static void check_unique(hone__checker *c, const hone__strings *names, const hone__function_proto *f, const char *where,
                         const char *what) {
    hone__scope seen;
    hone__scope_init(&seen, NULL, NULL, NULL);
    for (size_t i = 0; i < names->n; i++) {
        if (hone__scope_find_here(&seen, names->items[i]))
            hone__check_add(c, true, HONE_ERROR_MODEL, &f->head, where, "keep one of them",
                            "%s \"%.*s\" is listed twice", what, (int)hone__min_size(names->items[i].size, 120),
                            names->items[i].size ? (const char *)names->items[i].data : "");
        else if (!hone__scope_bind(&seen, names->items[i], NULL))
            c->is_out_of_memory = true;
    }
    hone__scope_deinit(&seen);
}

void hone__check_functions(hone__checker *c) {
    const hone__model_proto *m = &c->model->proto;
    for (size_t i = 0; i < m->functions.n; i++) {
        const hone__function_proto *f = &m->functions.items[i];
        char where[192];
        snprintf(where, sizeof where, "function \"%.*s\"", (int)hone__min_size(f->name.size, 120),
                 f->name.size ? (const char *)f->name.data : "");
        if (f->name.size == 0)
            hone__check_add(c, true, HONE_ERROR_MODEL, &f->head, where, "name it", "it has no name");
        if (f->domain.size == 0)
            hone__check_add(c, true, HONE_ERROR_MODEL, &f->head, where, "give it a domain", "it has no domain");
        check_unique(c, &f->input, f, where, "input");
        check_unique(c, &f->output, f, where, "output");
        check_unique(c, &f->attribute, f, where, "attribute");
        hone__scope scope;
        hone__scope_init(&scope, NULL, NULL, NULL);
        for (size_t k = 0; k < f->input.n; k++)
            if (!hone__scope_find_here(&scope, f->input.items[k]) && !hone__scope_bind(&scope, f->input.items[k], NULL))
                c->is_out_of_memory = true;
        c->function = f;
        hone__check_nodes(c, &scope, f->node.items, f->node.n);
        c->function = NULL;
        for (size_t k = 0; k < f->output.n; k++)
            if (!hone__scope_find_here(&scope, f->output.items[k]))
                hone__check_add(c, true, HONE_ERROR_MODEL, &f->head, where, "make it in the body",
                                "nothing makes output \"%.*s\"", (int)hone__min_size(f->output.items[k].size, 120),
                                f->output.items[k].size ? (const char *)f->output.items[k].data : "");
        hone__scope_deinit(&scope);
    }
}

/* ---- rows and shapes ---- */

static void check_rows(hone__checker *c, hone__graph *graph) {
    HONE_FOR_NODES(node, graph) {
        hone_error error = {0};
        if (node->op && hone__op_check_node(node, &error) != HONE_OK) {
            error.offset = node->file_offset;
            hone__check_add_error(c, &error, node->name);
            node->op = NULL; /* inference may rely on the row: it passes over this node */
        }
        HONE_FOR_SUBGRAPHS(sub, node)
        check_rows(c, sub);
    }
}

/* Types are known after inference, which passes over nodes whose types do not fit. */
static void check_types(hone__checker *c, const hone__graph *graph) {
    HONE_FOR_NODES(node, graph) {
        hone_error error = {.status = HONE_ERROR_TYPE, .offset = node->file_offset};
        hone_dtype dtype;
        if (node->op && !hone__op_takes_types(node, &dtype, error.message, sizeof error.message)) {
            hone__error_hint(&error, "cast before the node, or import an opset whose operator takes the type");
            hone__check_add_error(c, &error, node->name);
        }
        HONE_FOR_SUBGRAPHS(sub, node)
        check_types(c, sub);
    }
}

static void add_inference(void *user, const hone__node *node, const hone_error *error) {
    hone_error copy = *error;
    copy.offset = node->file_offset;
    hone__check_add_error(user, &copy, node->name);
}

void hone__check_semantics(hone__checker *c) {
    hone_error error = {0};
    const size_t before = c->n_errors;
    if (hone__model_import(c->model, &c->model->graph, &error) != HONE_OK) {
        if (before == 0 || error.status == HONE_ERROR_MEMORY) /* else the messages' own checks have said why */
            hone__check_add_error(c, &error, NULL);
        return;
    }
    check_rows(c, c->model->graph);
    if (hone__graph_infer_all(c->model->graph, add_inference, c, &error) != HONE_OK)
        hone__check_add_error(c, &error, NULL);
    check_types(c, c->model->graph);
}

static void check(hone__checker *c) {
    const hone__model_proto *m = &c->model->proto;
    check_header(c);
    if (!m->graph) {
        hone__check_add(c, true, HONE_ERROR_MODEL, &m->head, "model", "is it an ONNX model?", "the model has no graph");
        return;
    }
    hone__check_graph(c, NULL, m->graph, true);
    hone__check_functions(c);
    hone__check_semantics(c);
}

/* Fails when the file cannot be read at all; a damaged one is a finding. */
static hone_status check_model(hone__checker *c, hone_error *error) {
    hone_model *model = c->model;
    hone__pb_bytes bytes = {model->data, model->size};
    hone_error local = {0};
    HONE_TRY(hone__onnx_source_init(&model->source, model->data, model->path, NULL, error));
    if (hone__pb_parse(&hone__model_desc, bytes, model->data, model->path, &model->arena, &model->proto, &local) !=
        HONE_OK) {
        if (local.status == HONE_ERROR_MEMORY && error)
            *error = local;
        if (local.status == HONE_ERROR_MEMORY)
            return local.status;
        hone__check_add_error(c, &local, "file");
    } else if (model->size == 0) {
        hone__check_add(c, true, HONE_ERROR_MODEL, NULL, "file", "fetch or export it again", "the file is empty");
    } else {
        check(c);
    }
    return c->is_out_of_memory ? hone__fail_memory(error, "the check") : HONE_OK;
}

hone_status hone_check_file(const char *path, hone_findings **out, hone_error *error) {
    HONE_FAIL_IF(!path || !out, error, HONE_ERROR_ARGUMENT, "path or out is NULL");
    *out = NULL;
    hone_model model = {.path = (char *)(uintptr_t)path};
    hone_findings *findings = hone__calloc(1, sizeof *findings);
    if (!findings)
        return hone__fail_memory(error, "the check");
    hone__arena_init(&findings->arena);
    hone__arena_init(&model.arena);
    hone_status status = hone__mapping_open(path, &model.mapping, error);
    if (status == HONE_OK) {
        model.data = model.mapping.data;
        model.size = model.mapping.size;
        hone__checker c = {.findings = findings, .model = &model};
        status = check_model(&c, error);
    }
    hone__graph_destroy(model.graph);
    hone__onnx_source_deinit(&model.source);
    hone__arena_deinit(&model.arena);
    hone__mapping_close(&model.mapping);
    if (status == HONE_OK)
        *out = findings;
    else
        hone_findings_destroy(findings);
    return status;
}

size_t hone_findings_count(const hone_findings *findings) { return findings->n; }

const hone_finding *hone_findings_get(const hone_findings *findings, size_t index) {
    return index < findings->n ? &findings->items[index] : NULL;
}

void hone_findings_destroy(hone_findings *findings) {
    if (!findings)
        return;
    hone__arena_deinit(&findings->arena);
    hone__free(findings->items);
    hone__free(findings);
}
