/* ModelProto to graph: names are resolved scope by scope, then nodes are added in the file's order and
 * sorted if that is not an order of execution.
 *
 * Every output of a graph's nodes becomes a value before the first node is added, so that nodes may
 * refer to values in any order. Constants (initializers and Constant nodes) are values without a
 * producer. */
#include "model/model_import.h"
#include "model/model_export.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

#include <stdio.h>

static int shown(hone__pb_bytes text) { return (int)hone__min_size(text.size, 120); }
static const char *text_of(hone__pb_bytes text) { return text.size ? (const char *)text.data : ""; }

hone_status hone__import_fail(const hone__importer *im, hone_status status, const hone__pb_head *head,
                              const char *node) {
    if (node)
        hone__error_node(im->error, node);
    if (head->body.data)
        hone__error_file(im->error, im->model->path, (int64_t)(head->body.data - im->model->data));
    return status;
}

int64_t hone__import_opset(const hone__importer *im, const hone__scope *scope, const char *domain) {
    domain = hone__plain_domain(domain);
    if (scope->call) {
        const hone__function_proto *f = scope->call->function;
        for (size_t i = 0; i < f->opset_import.n; i++) {
            hone__pb_bytes name = f->opset_import.items[i].domain;
            if (hone__pb_is(name, domain) || (!*domain && hone__pb_is(name, "ai.onnx")))
                return f->opset_import.items[i].version;
        }
    }
    return hone__graph_get_opset(im->root, domain);
}

/* ---- values ---- */

static hone_status new_value(hone__importer *im, hone__scope *scope, hone__pb_bytes name, hone__value **out) {
    const char *text, *prefix = scope->call ? scope->call->prefix : "";
    HONE_TRY(hone__model_text(hone__graph_arena(im->root), name, &text, im->error));
    if (*prefix) {
        size_t n = strlen(prefix);
        char *joined = hone__arena_alloc(hone__graph_arena(im->root), n + name.size + 1);
        if (!joined)
            return hone__fail_memory(im->error, "a name");
        memcpy(joined, prefix, n);
        memcpy(joined + n, text, name.size + 1);
        text = joined;
    }
    return hone__graph_add_value(scope->graph, text, out, im->error);
}

/* A new name in the scope; a second definition is an error (the names of ONNX are assigned once). */
static hone_status define(hone__importer *im, hone__scope *scope, hone__pb_bytes name, hone__value **out) {
    hone__binding *binding = hone__scope_find_here(scope, name);
    if (binding && binding->is_promise) {
        binding->is_promise = false;
        *out = binding->value;
        return HONE_OK;
    }
    HONE_FAIL_IF(binding, im->error, HONE_ERROR_MODEL, "the name \"%.*s\" is defined twice", shown(name),
                 text_of(name));
    HONE_TRY(new_value(im, scope, name, out));
    return hone__scope_bind(scope, name, *out) ? HONE_OK : hone__fail_memory(im->error, "the graph's names");
}

/* Makes the value a constant; the tensor belongs to the root from here on, on failure too. */
static hone_status set_constant(hone__importer *im, hone__value *value, hone_tensor *tensor) {
    hone__dim dims[HONE_MAX_RANK];
    for (int i = 0; i < tensor->rank; i++)
        dims[i] = (hone__dim){tensor->dims[i], NULL};
    hone_status status = hone__graph_adopt_tensor(im->root, tensor, im->error);
    if (status != HONE_OK) {
        hone_tensor_destroy(tensor);
        return status;
    }
    value->constant = tensor;
    if (hone__type_set_tensor(hone__graph_arena(im->root), &value->type, tensor->dtype, tensor->rank, dims) != HONE_OK)
        return hone__fail_memory(im->error, "a type");
    return HONE_OK;
}

static hone_status import_initializers(hone__importer *im, hone__scope *scope, const hone__graph_proto *proto) {
    size_t n = proto->initializer.n + proto->sparse_initializer.n;
    for (size_t i = 0; i < n; i++) {
        bool sparse = i >= proto->initializer.n;
        const hone__sparse_proto *s = sparse ? &proto->sparse_initializer.items[i - proto->initializer.n] : NULL;
        const hone__tensor_proto *t = sparse ? s->values : &proto->initializer.items[i];
        const hone__pb_head *head = sparse ? &s->head : &t->head;
        hone__value *value = NULL;
        hone_tensor *tensor;
        hone_status status = HONE_OK;
        if (!t || t->name.size == 0)
            status = hone__fail(im->error, HONE_ERROR_MODEL, "initializer %zu of graph \"%s\" has no name", i,
                                scope->graph->name);
        if (status == HONE_OK)
            status = define(im, scope, t->name, &value);
        if (status == HONE_OK)
            status = sparse ? hone__onnx_sparse_create(s, &im->model->source, &tensor, im->error)
                            : hone__onnx_tensor_create(t, &im->model->source, 0, &tensor, im->error);
        if (status == HONE_OK)
            status = set_constant(im, value, tensor);
        if (status != HONE_OK)
            return hone__import_fail(im, status, head, NULL);
    }
    return HONE_OK;
}

static hone_status import_type(hone__importer *im, const hone__value_info_proto *info, hone__value *value) {
    hone__type type;
    if (!info->type || value->constant)
        return HONE_OK; /* a constant's own shape counts */
    HONE_TRY(hone__model_type(info->type, hone__graph_arena(im->root), &type, im->error));
    bool is_better = !value->type.is_known || (value->type.kind == type.kind && value->type.rank < 0);
    if (type.is_known && is_better)
        value->type = type;
    return HONE_OK;
}

static hone_status import_inputs(hone__importer *im, hone__scope *scope, const hone__graph_proto *proto) {
    for (size_t i = 0; i < proto->input.n; i++) {
        const hone__value_info_proto *info = &proto->input.items[i];
        hone__binding *bound = hone__scope_find_here(scope, info->name);
        hone__value *value = NULL;
        hone_status status = HONE_OK;
        if (bound && bound->value->constant) {
            /* From IR version 4 on this says that a caller may replace the initializer; before, the
             * format demanded it of all initializers, so that it says nothing. */
            bound->value->is_overridable = im->model->proto.ir_version >= 4;
            continue;
        }
        if (info->name.size == 0)
            status =
                hone__fail(im->error, HONE_ERROR_MODEL, "input %zu of graph \"%s\" has no name", i, scope->graph->name);
        if (status == HONE_OK)
            status = define(im, scope, info->name, &value);
        if (status == HONE_OK)
            status = import_type(im, info, value);
        if (status == HONE_OK)
            status = hone__graph_add_input(scope->graph, value, im->error);
        if (status != HONE_OK)
            return hone__import_fail(im, status, &info->head, NULL);
    }
    return HONE_OK;
}

hone_status hone__import_value_infos(hone__importer *im, hone__scope *scope, const hone__value_info_proto *infos,
                                     size_t n) {
    for (size_t i = 0; i < n; i++) {
        hone__binding *bound = hone__scope_find_here(scope, infos[i].name);
        if (!bound || !bound->value || bound->value->graph != scope->graph)
            continue;
        hone_status status = import_type(im, &infos[i], bound->value);
        if (status != HONE_OK)
            return hone__import_fail(im, status, &infos[i].head, NULL);
    }
    return HONE_OK;
}

/* A value that has no source yet is made by a later node: the nodes need sorting. One made by a node
 * whose subgraph uses it can never be sorted. */
static hone_status check_order(hone__importer *im, const hone__scope *scope, const hone__value *value) {
    if (!value->producer && !value->is_input && !value->constant)
        im->is_unsorted = true;
    for (const hone__graph *g = scope->graph; value->producer && g != value->graph && g; g = g->parent)
        HONE_FAIL_IF(g->owner == value->producer, im->error, HONE_ERROR_MODEL,
                     "a subgraph of node \"%s\" uses \"%s\", which that node makes: this is a cycle",
                     value->producer->name, value->name);
    return HONE_OK;
}

static hone_status import_outputs(hone__importer *im, hone__scope *scope, const hone__graph_proto *proto) {
    for (size_t i = 0; i < proto->output.n; i++) {
        const hone__value_info_proto *info = &proto->output.items[i];
        hone__binding *bound = hone__scope_find(scope, info->name);
        hone_status status = HONE_OK;
        if (!bound || !bound->value) {
            status = hone__fail(im->error, HONE_ERROR_MODEL, "nothing makes output \"%.*s\" of graph \"%s\"",
                                shown(info->name), text_of(info->name), scope->graph->name);
            hone__error_hint(im->error, "give the output the name of a value that a node makes");
        } else {
            status = check_order(im, scope, bound->value);
            if (status == HONE_OK && bound->value->graph == scope->graph && !bound->value->is_input)
                status = import_type(im, info, bound->value);
            if (status == HONE_OK)
                status = hone__graph_add_output(scope->graph, bound->value, im->error);
        }
        if (status != HONE_OK)
            return hone__import_fail(im, status, &info->head, NULL);
    }
    return HONE_OK;
}

/* ---- nodes ---- */

static bool is_constant(const hone__node_proto *node) {
    return hone__pb_is(node->op_type, "Constant") && (node->domain.size == 0 || hone__pb_is(node->domain, "ai.onnx"));
}

static hone_status declare_outputs(hone__importer *im, hone__scope *scope, const hone__node_proto *node) {
    hone_tensor *tensor = NULL;
    hone__value *value = NULL;
    if (is_constant(node) && node->output.n == 1 && node->output.items[0].size) {
        HONE_TRY(hone__import_constant(im, scope, node, &tensor));
        HONE_FAIL_IF(!tensor, im->error, HONE_ERROR_MODEL, "a Constant node has no value");
    }
    for (size_t i = 0; i < node->output.n; i++) {
        if (node->output.items[i].size == 0)
            continue;
        hone_status status = define(im, scope, node->output.items[i], &value);
        if (status != HONE_OK) {
            hone_tensor_destroy(tensor);
            return status;
        }
    }
    return tensor ? set_constant(im, value, tensor) : HONE_OK;
}

typedef struct links {
    hone__value **values; /* inputs, then outputs */
    size_t capacity;
} links;

static hone_status resolve_links(hone__importer *im, hone__scope *scope, const hone__node_proto *node, links *l) {
    if (!hone__grow((void **)&l->values, &l->capacity, node->input.n + node->output.n + 1, sizeof *l->values))
        return hone__fail_memory(im->error, "a node");
    for (size_t i = 0; i < node->input.n; i++) {
        hone__pb_bytes name = node->input.items[i];
        l->values[i] = NULL;
        if (name.size == 0)
            continue;
        hone__binding *bound = hone__scope_find(scope, name);
        if (!bound) {
            hone__fail(im->error, HONE_ERROR_MODEL,
                       "input %zu, \"%.*s\", is made by no node and is no input or "
                       "initializer",
                       i, shown(name), text_of(name));
            hone__error_hint(im->error, "export the model again; a tool that cut it out of a larger one lost a node");
            return HONE_ERROR_MODEL;
        }
        l->values[i] = bound->is_promise ? NULL : bound->value;
        HONE_FAIL_IF(bound->is_promise, im->error, HONE_ERROR_MODEL, "nothing makes \"%.*s\"", shown(name),
                     text_of(name));
        if (bound->value)
            HONE_TRY(check_order(im, scope, bound->value));
    }
    for (size_t i = 0; i < node->output.n; i++) {
        hone__binding *bound = node->output.items[i].size ? hone__scope_find_here(scope, node->output.items[i]) : NULL;
        l->values[node->input.n + i] = bound ? bound->value : NULL;
    }
    return HONE_OK;
}

/* Names of nodes are not unique in files and often empty: those made here always say where. */
static hone_status name_node(hone__importer *im, const hone__scope *scope, const hone__node_proto *node, size_t index,
                             const char **out) {
    const char *prefix = scope->call ? scope->call->prefix : "", *name;
    hone__arena *arena = hone__graph_arena(im->root);
    HONE_TRY(hone__model_text(arena, node->name.size ? node->name : node->op_type, &name, im->error));
    size_t size = strlen(prefix) + strlen(name) + 24;
    char *text = hone__arena_alloc(arena, size);
    if (!text)
        return hone__fail_memory(im->error, "a name");
    if (node->name.size)
        snprintf(text, size, "%s%s", prefix, name);
    else
        snprintf(text, size, "%s%s_%zu", prefix, name, index);
    *out = text;
    return HONE_OK;
}

static hone_status import_node(hone__importer *im, hone__scope *scope, const hone__node_proto *proto, const char *name,
                               links *l) {
    const char *domain, *op_type;
    hone__arena *arena = hone__graph_arena(im->root);
    HONE_FAIL_IF(proto->op_type.size == 0, im->error, HONE_ERROR_MODEL, "a node has no op_type");
    HONE_FAIL_IF(im->n_nodes_left-- == 0, im->error, HONE_ERROR_LIMIT,
                 "inlining the model's functions gives far more nodes than the file has");
    HONE_TRY(resolve_links(im, scope, proto, l));
    hone__value **inputs = l->values, **outputs = l->values + proto->input.n;
    const hone__function_proto *function = hone__import_find_function(im, scope, proto);
    if (function)
        return hone__import_call(im, scope, proto, function, inputs, proto->input.n, outputs, proto->output.n, name);
    HONE_TRY(hone__model_text(arena, proto->domain, &domain, im->error));
    HONE_TRY(hone__model_text(arena, proto->op_type, &op_type, im->error));
    domain = hone__plain_domain(domain);
    int64_t version = hone__import_opset(im, scope, domain);
    if (strcmp(domain, HONE__FOREIGN_DOMAIN) == 0)
        domain = ""; /* the standard's operators at a version of their own */
    HONE_FAIL_IF(version == 0 && !*domain, im->error, HONE_ERROR_MODEL,
                 "the model uses %s but does not import the opset of ai.onnx", op_type);
    hone__node *node;
    HONE_TRY(hone__graph_add_node(scope->graph, NULL, domain, op_type, name, inputs, proto->input.n, outputs,
                                  proto->output.n, &node, im->error));
    node->opset = version ? version : 1;
    node->op = hone__op_find(domain, op_type, node->opset);
    if (proto->head.body.data)
        node->file_offset = (int64_t)(proto->head.body.data - im->model->data);
    return hone__import_attrs(im, scope, proto, node);
}

hone_status hone__import_nodes(hone__importer *im, hone__scope *scope, const hone__node_proto *nodes, size_t n) {
    links l = {0};
    hone_status status = HONE_OK;
    const char *name = NULL;
    for (size_t i = 0; i < n; i++) {
        status = declare_outputs(im, scope, &nodes[i]);
        if (status != HONE_OK) {
            (void)name_node(im, scope, &nodes[i], i, &name);
            hone__import_fail(im, status, &nodes[i].head, name);
            goto cleanup;
        }
    }
    for (size_t i = 0; i < n; i++) {
        hone__binding *only = is_constant(&nodes[i]) && nodes[i].output.n == 1
                                  ? hone__scope_find_here(scope, nodes[i].output.items[0])
                                  : NULL;
        if (only && only->value && only->value->constant)
            continue;
        name = NULL;
        status = name_node(im, scope, &nodes[i], i, &name);
        if (status == HONE_OK)
            status = import_node(im, scope, &nodes[i], name, &l);
        if (status != HONE_OK) {
            hone__import_fail(im, status, &nodes[i].head, name);
            goto cleanup;
        }
    }
cleanup:
    hone__free(l.values);
    return status;
}

hone_status hone__import_graph(hone__importer *im, hone__scope *parent, hone__graph *graph,
                               const hone__graph_proto *proto, const hone__call *call) {
    hone__scope scope;
    hone_status status = HONE_OK;
    hone__scope_init(&scope, parent, graph, call);
    HONE_CHECK(import_initializers(im, &scope, proto));
    HONE_CHECK(import_inputs(im, &scope, proto));
    HONE_CHECK(hone__import_nodes(im, &scope, proto->node.items, proto->node.n));
    HONE_CHECK(import_outputs(im, &scope, proto));
    HONE_CHECK(hone__import_value_infos(im, &scope, proto->value_info.items, proto->value_info.n));
cleanup:
    hone__scope_deinit(&scope);
    return status;
}

/* ---- the model ---- */

static hone_status import_opsets(hone__importer *im) {
    const hone__model_proto *proto = &im->model->proto;
    for (size_t i = 0; i < proto->opset_import.n; i++) {
        const hone__opset_proto *opset = &proto->opset_import.items[i];
        const char *domain;
        HONE_TRY(hone__model_text(hone__graph_arena(im->root), opset->domain, &domain, im->error));
        HONE_FAIL_IF(opset->version <= 0 || opset->version > INT32_MAX, im->error, HONE_ERROR_MODEL,
                     "the opset of domain \"%s\" has version %lld", domain, (long long)opset->version);
        HONE_TRY(hone__graph_set_opset(im->root, domain, opset->version, im->error));
    }
    /* Before IR version 3 models did not import opsets: everything is version 1. */
    if (proto->opset_import.n == 0 && proto->ir_version < 3)
        HONE_TRY(hone__graph_set_opset(im->root, "", 1, im->error));
    return HONE_OK;
}

static hone_status sort_all(hone__graph *graph, hone_error *error) {
    HONE_TRY(hone__graph_sort(graph, error));
    HONE_FOR_NODES(node, graph)
    HONE_FOR_SUBGRAPHS(sub, node)
    HONE_TRY(sort_all(sub, error));
    return HONE_OK;
}

hone_status hone__model_import(hone_model *model, hone__graph **out, hone_error *error) {
    const hone__model_proto *proto = &model->proto;
    *out = NULL;
    if (!proto->graph) {
        hone__fail(error, HONE_ERROR_MODEL, "the model has no graph");
        hone__error_file(error, model->path, 0);
        hone__error_hint(error, "check that the file is an ONNX model and is complete");
        return HONE_ERROR_MODEL;
    }
    hone__importer im = {.model = model, .error = error};
    size_t n = proto->head.body.size / 8;
    im.n_nodes_left = hone__max_size(n, 100000);
    const char *name;
    hone_status status = HONE_OK;
    HONE_TRY(hone__model_text(&model->arena, proto->graph->name, &name, error));
    HONE_TRY(hone__graph_create(name, &im.root, error));
    HONE_CHECK(import_opsets(&im));
    HONE_CHECK(hone__import_graph(&im, NULL, im.root, proto->graph, NULL));
    if (im.is_unsorted) {
        status = sort_all(im.root, error);
        if (status != HONE_OK)
            hone__error_file(error, model->path, (int64_t)(proto->graph->head.body.data - model->data));
    }
cleanup:
    if (status == HONE_OK)
        *out = im.root;
    else
        hone__graph_destroy(im.root);
    return status;
}
