/* The check of graphs, nodes, attributes and tensors: the rules of the ONNX checker, without stopping
 * at the first violation. */
#include "model/model_check.h"

#include "base/checked.h"
#include "base/error.h"
#include "model/model_export.h"
#include "model/model_import.h"
#include "ops/op.h"

#include <stdio.h>

enum { WHERE_SIZE = 256 };

static int shown(hone__pb_bytes text) { return (int)hone__min_size(text.size, 120); }
static const char *text_of(hone__pb_bytes text) { return text.size ? (const char *)text.data : ""; }

const char *hone__check_where(const hone__node_proto *node, size_t index, char *buf, size_t size) {
    if (node->name.size)
        snprintf(buf, size, "node \"%.*s\" (%.*s)", shown(node->name), text_of(node->name), shown(node->op_type),
                 text_of(node->op_type));
    else
        snprintf(buf, size, "node %zu (%.*s)", index, shown(node->op_type), text_of(node->op_type));
    return buf;
}

static void define(hone__checker *c, hone__scope *scope, hone__pb_bytes name, const hone__pb_head *head,
                   const char *where, const char *what) {
    if (hone__scope_find(scope, name))
        hone__check_add(c, true, HONE_ERROR_MODEL, head, where, "give every value a name of its own",
                        "%s \"%.*s\" is defined more than once (graphs are in single static assignment form)", what,
                        shown(name), text_of(name));
    else if (!hone__scope_bind(scope, name, NULL))
        c->is_out_of_memory = true;
}

static void check_tensor(hone__checker *c, const hone__tensor_proto *t, const char *where) {
    hone_tensor *tensor;
    hone_error error = {0};
    int n_fields = (t->float_data.n != 0) + (t->int32_data.n != 0) + (t->int64_data.n != 0) + (t->double_data.n != 0) +
                   (t->uint64_data.n != 0) + (t->string_data.n != 0) + (t->raw_data.size != 0);
    if (n_fields > 1 || (t->data_location == 1 && n_fields))
        hone__check_add(c, true, HONE_ERROR_MODEL, &t->head, where, "keep one of them",
                        "tensor \"%.*s\" has more than one field with data", shown(t->name), text_of(t->name));
    else if (hone__onnx_tensor_create(t, &c->model->source, 0, &tensor, &error) == HONE_OK)
        hone_tensor_destroy(tensor);
    else
        hone__check_add_error(c, &error, where);
}

static void check_sparse(hone__checker *c, const hone__sparse_proto *s, const char *where) {
    hone_tensor *tensor;
    hone_error error = {0};
    if (hone__onnx_sparse_create(s, &c->model->source, &tensor, &error) == HONE_OK)
        hone_tensor_destroy(tensor);
    else
        hone__check_add_error(c, &error, where);
}

/* ---- attributes ---- */

static void check_attribute_fields(hone__checker *c, const hone__attribute_proto *a, const char *where) {
    const struct {
        bool is_used;
        int64_t type;
    } fields[] = {{HONE_PB_HAS(hone__attribute_desc, a, f), HONE_ATTR_FLOAT},
                  {HONE_PB_HAS(hone__attribute_desc, a, i), HONE_ATTR_INT},
                  {HONE_PB_HAS(hone__attribute_desc, a, s), HONE_ATTR_STRING},
                  {a->t != NULL, HONE_ATTR_TENSOR},
                  {a->g != NULL, HONE_ATTR_GRAPH},
                  {a->tp != NULL, HONE_ATTR_TYPE_PROTO},
                  {a->sparse_tensor != NULL, HONE_ATTR_SPARSE_TENSOR},
                  {a->floats.n != 0, HONE_ATTR_FLOATS},
                  {a->ints.n != 0, HONE_ATTR_INTS},
                  {a->strings.n != 0, HONE_ATTR_STRINGS},
                  {a->tensors.n != 0, HONE_ATTR_TENSORS},
                  {a->graphs.n != 0, HONE_ATTR_GRAPHS},
                  {a->sparse_tensors.n != 0, HONE_ATTR_SPARSE_TENSORS},
                  {a->type_protos.n != 0, HONE_ATTR_TYPE_PROTOS}};
    int n_used = 0;
    bool is_mismatch = false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        n_used += fields[i].is_used;
        is_mismatch |= fields[i].is_used && a->type && a->type != fields[i].type;
    }
    if (is_mismatch)
        hone__check_add(c, true, HONE_ERROR_TYPE, &a->head, where, "set the field that the type names",
                        "attribute \"%.*s\": its type and its value do not agree", shown(a->name), text_of(a->name));
    if (n_used > 1)
        hone__check_add(c, true, HONE_ERROR_MODEL, &a->head, where, "keep one of them",
                        "attribute \"%.*s\" has more than one value", shown(a->name), text_of(a->name));
    if (a->ref_attr_name.size && n_used)
        hone__check_add(c, true, HONE_ERROR_MODEL, &a->head, where, "a reference has no value of its own",
                        "attribute \"%.*s\" is a reference and has a value", shown(a->name), text_of(a->name));
    if (a->ref_attr_name.size && !c->function)
        hone__check_add(c, true, HONE_ERROR_MODEL, &a->head, where, "references belong into function bodies",
                        "attribute \"%.*s\" refers to \"%.*s\" outside a function", shown(a->name), text_of(a->name),
                        shown(a->ref_attr_name), text_of(a->ref_attr_name));
}

static void check_attribute(hone__checker *c, hone__scope *scope, const hone__attribute_proto *a, const char *where) {
    if (a->name.size == 0)
        hone__check_add(c, true, HONE_ERROR_MODEL, &a->head, where, "name it", "an attribute has no name");
    if (c->model->proto.ir_version >= 2 && !HONE_PB_HAS(hone__attribute_desc, a, type))
        hone__check_add(c, true, HONE_ERROR_MODEL, &a->head, where, "set its type",
                        "attribute \"%.*s\" has no type (needed since IR version 2)", shown(a->name), text_of(a->name));
    check_attribute_fields(c, a, where);
    if (a->t)
        check_tensor(c, a->t, where);
    if (a->sparse_tensor)
        check_sparse(c, a->sparse_tensor, where);
    for (size_t i = 0; i < a->tensors.n; i++)
        check_tensor(c, &a->tensors.items[i], where);
    for (size_t i = 0; i < a->sparse_tensors.n; i++)
        check_sparse(c, &a->sparse_tensors.items[i], where);
    if (a->g)
        hone__check_graph(c, scope, a->g, false);
    for (size_t i = 0; i < a->graphs.n; i++)
        hone__check_graph(c, scope, &a->graphs.items[i], false);
}

/* ---- nodes ---- */

static bool is_ai_onnx(hone__pb_bytes domain) { return domain.size == 0 || hone__pb_is(domain, "ai.onnx"); }

static int64_t version_in(const hone__opset_proto *opsets, size_t n, hone__pb_bytes domain) {
    for (size_t i = 0; i < n; i++)
        if (hone__pb_equal(opsets[i].domain, domain) || (is_ai_onnx(opsets[i].domain) && is_ai_onnx(domain)))
            return opsets[i].version;
    return 0;
}

static bool is_local_function(const hone__checker *c, const hone__node_proto *node) {
    for (size_t i = 0; i < c->model->proto.functions.n; i++) {
        const hone__function_proto *f = &c->model->proto.functions.items[i];
        if (hone__pb_equal(f->name, node->op_type) && hone__pb_equal(f->overload, node->overload) &&
            (hone__pb_equal(f->domain, node->domain) || (is_ai_onnx(f->domain) && is_ai_onnx(node->domain))))
            return true;
    }
    return false;
}

static void check_operator(hone__checker *c, const hone__node_proto *node, const char *where) {
    const hone__model_proto *m = &c->model->proto;
    int64_t version = c->function
                          ? version_in(c->function->opset_import.items, c->function->opset_import.n, node->domain)
                          : version_in(m->opset_import.items, m->opset_import.n, node->domain);
    if (m->ir_version < 3 && m->opset_import.n == 0)
        version = 1;
    if (version == 0) {
        hone__check_add(c, true, HONE_ERROR_MODEL, &node->head, where, "add the domain to opset_import",
                        "no opset is imported for domain \"%.*s\"", shown(node->domain),
                        node->domain.size ? text_of(node->domain) : "");
        return;
    }
    char domain[128], op[128];
    if (is_local_function(c, node) || node->domain.size > 127 || node->op_type.size > 127)
        return;
    snprintf(domain, sizeof domain, "%.*s", shown(node->domain), text_of(node->domain));
    snprintf(op, sizeof op, "%.*s", shown(node->op_type), text_of(node->op_type));
    const char *plain = hone__plain_domain(domain);
    if (strcmp(plain, HONE__FOREIGN_DOMAIN) == 0)
        plain = "";
    bool is_standard = !*plain || strncmp(plain, "ai.onnx.", 8) == 0;
    const hone__op *row = hone__op_find(plain, op, version), *any = row ? row : hone__op_find_any(plain, op);
    const int removed = row && !*plain ? hone__op_removed_in(op) : 0;
    if (removed && removed <= version)
        hone__check_add(c, true, HONE_ERROR_MODEL, &node->head, where, "use its successor, or an older opset",
                        "%s was removed from the standard in opset %d", op, removed);
    else if (!row && any && any->since > version)
        hone__check_add(c, true, HONE_ERROR_MODEL, &node->head, where, "import a newer opset",
                        "%s exists since opset %d, the model imports %lld", op, any->since, (long long)version);
    else if (!row && hone__op_refusal(plain, op))
        hone__check_add(c, true, HONE_ERROR_UNSUPPORTED, &node->head, where, hone__op_refusal(plain, op),
                        "%s of domain %s is not supported", op, *plain ? plain : "ai.onnx");
    else if (!row)
        hone__check_add(c, is_standard, HONE_ERROR_UNSUPPORTED, &node->head, where,
                        is_standard ? "check the spelling and the opset" : "",
                        is_standard ? "this build knows no operator %s of domain %s"
                                    : "operator %s of domain %s is not checked",
                        op, *plain ? plain : "ai.onnx");
}

static void check_node(hone__checker *c, hone__scope *scope, const hone__node_proto *node, const char *where) {
    if (node->op_type.size == 0) {
        hone__check_add(c, true, HONE_ERROR_MODEL, &node->head, where, "name the operator", "the node has no op_type");
        return;
    }
    if (node->input.n == 0 && node->output.n == 0)
        hone__check_add(c, true, HONE_ERROR_MODEL, &node->head, where, "remove the node",
                        "the node has no inputs and no outputs");
    check_operator(c, node, where);
    for (size_t i = 0; i < node->attribute.n; i++) {
        const hone__attribute_proto *a = &node->attribute.items[i];
        for (size_t k = 0; k < i && i < 256; k++)
            if (hone__pb_equal(node->attribute.items[k].name, a->name)) {
                hone__check_add(c, true, HONE_ERROR_MODEL, &a->head, where, "keep one of them",
                                "attribute \"%.*s\" occurs twice", shown(a->name), text_of(a->name));
                break;
            }
        check_attribute(c, scope, a, where);
    }
}

void hone__check_nodes(hone__checker *c, hone__scope *scope, const hone__node_proto *nodes, size_t n) {
    char where[WHERE_SIZE];
    /* Names made anywhere in this graph tell "not sorted" from "does not exist". */
    hone__scope made;
    hone__scope_init(&made, NULL, NULL, NULL);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < nodes[i].output.n; k++)
            if (!hone__scope_find_here(&made, nodes[i].output.items[k]) &&
                !hone__scope_bind(&made, nodes[i].output.items[k], NULL))
                c->is_out_of_memory = true;
    for (size_t i = 0; i < n; i++) {
        const hone__node_proto *node = &nodes[i];
        hone__check_where(node, i, where, sizeof where);
        for (size_t k = 0; k < node->input.n; k++) {
            hone__pb_bytes name = node->input.items[k];
            if (name.size == 0 || hone__scope_find(scope, name))
                continue;
            bool is_late = hone__scope_find_here(&made, name) != NULL;
            hone__check_add(c, true, HONE_ERROR_MODEL, &node->head, where,
                            is_late ? "sort the nodes topologically" : "declare it, or add the node that makes it",
                            is_late ? "input %zu, \"%.*s\", is made by a later node (or in a cycle)"
                                    : "input %zu, \"%.*s\", is no input, no initializer and no node's output",
                            k, shown(name), text_of(name));
        }
        check_node(c, scope, node, where);
        for (size_t k = 0; k < node->output.n; k++)
            if (node->output.items[k].size)
                define(c, scope, node->output.items[k], &node->head, where, "output");
    }
    hone__scope_deinit(&made);
}

/* ---- graphs ---- */

static void check_value_info(hone__checker *c, const hone__value_info_proto *info, bool is_main, const char *what) {
    char where[WHERE_SIZE];
    snprintf(where, sizeof where, "%s \"%.*s\"", what, shown(info->name), text_of(info->name));
    if (info->name.size == 0)
        hone__check_add(c, true, HONE_ERROR_MODEL, &info->head, what, "name it", "it has no name");
    if (!info->type) {
        if (is_main)
            hone__check_add(c, true, HONE_ERROR_MODEL, &info->head, where, "declare its type", "it has no type");
        return;
    }
    hone__type type;
    hone_error error = {0};
    if (hone__model_type(info->type, &c->findings->arena, &type, &error) != HONE_OK)
        hone__check_add(c, true, error.status, &info->head, where, "", "%s", error.message);
    else if (!type.is_known && is_main)
        hone__check_add(c, true, HONE_ERROR_MODEL, &info->head, where, "declare its type", "its type is empty");
    else if (type.is_known && type.kind == HONE_KIND_TENSOR && type.dtype == HONE_DTYPE_UNDEFINED && is_main)
        hone__check_add(c, true, HONE_ERROR_MODEL, &info->head, where, "set elem_type", "it has no element type");
    else if (type.is_known && type.kind == HONE_KIND_TENSOR && type.rank < 0 && is_main)
        hone__check_add(c, true, HONE_ERROR_MODEL, &info->head, where, "declare its rank; dims may be symbols",
                        "it has no shape");
}

static void check_initializers(hone__checker *c, hone__scope *scope, const hone__graph_proto *graph) {
    hone__scope names;
    hone__scope_init(&names, NULL, NULL, NULL);
    size_t n = graph->initializer.n + graph->sparse_initializer.n;
    for (size_t i = 0; i < n; i++) {
        bool sparse = i >= graph->initializer.n;
        const hone__sparse_proto *s = sparse ? &graph->sparse_initializer.items[i - graph->initializer.n] : NULL;
        const hone__tensor_proto *t = sparse ? s->values : &graph->initializer.items[i];
        const hone__pb_head *head = sparse ? &s->head : &t->head;
        char where[WHERE_SIZE];
        if (!t || t->name.size == 0) {
            snprintf(where, sizeof where, "initializer %zu", i);
            hone__check_add(c, true, HONE_ERROR_MODEL, head, where, "name it", "it has no name");
        } else {
            snprintf(where, sizeof where, "initializer \"%.*s\"", shown(t->name), text_of(t->name));
            if (hone__scope_find_here(&names, t->name))
                hone__check_add(c, true, HONE_ERROR_MODEL, head, where, "give it a name of its own",
                                "two initializers have this name");
            else if (!hone__scope_bind(&names, t->name, NULL))
                c->is_out_of_memory = true;
            if (!hone__scope_find_here(scope, t->name)) {
                if (c->model->proto.ir_version <= 3 && !sparse)
                    hone__check_add(c, true, HONE_ERROR_MODEL, head, where,
                                    "list it among the inputs, or set IR version 4",
                                    "it is not an input (needed up to IR version 3)");
                if (!hone__scope_bind(scope, t->name, NULL))
                    c->is_out_of_memory = true;
            }
        }
        if (sparse)
            check_sparse(c, s, where);
        else
            check_tensor(c, t, where);
    }
    hone__scope_deinit(&names);
}

void hone__check_graph(hone__checker *c, hone__scope *parent, const hone__graph_proto *graph, bool is_main) {
    hone__scope scope;
    hone__scope_init(&scope, parent, NULL, NULL);
    if (graph->name.size == 0)
        hone__check_add(c, true, HONE_ERROR_MODEL, &graph->head, "graph", "set its name", "the graph has no name");
    for (size_t i = 0; i < graph->input.n; i++) {
        const hone__value_info_proto *info = &graph->input.items[i];
        check_value_info(c, info, is_main, "input");
        if (hone__scope_find_here(&scope, info->name))
            hone__check_add(c, true, HONE_ERROR_MODEL, &info->head, "graph", "keep one of them",
                            "input \"%.*s\" is listed twice", shown(info->name), text_of(info->name));
        else if (!hone__scope_bind(&scope, info->name, NULL))
            c->is_out_of_memory = true;
    }
    for (size_t i = 0; i < graph->output.n; i++)
        check_value_info(c, &graph->output.items[i], is_main, "output");
    check_initializers(c, &scope, graph);
    hone__check_nodes(c, &scope, graph->node.items, graph->node.n);
    for (size_t i = 0; i < graph->output.n; i++) {
        const hone__value_info_proto *info = &graph->output.items[i];
        if (info->name.size && !hone__scope_find(&scope, info->name))
            hone__check_add(c, true, HONE_ERROR_MODEL, &info->head, "graph",
                            "give the output the name of a value that a node makes", "nothing makes output \"%.*s\"",
                            shown(info->name), text_of(info->name));
    }
    hone__scope_deinit(&scope);
}
