/* What a model says about itself: inputs, outputs, opsets, operators, initializers. */
#include "model/model.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <stdlib.h>

static const char *public_domain(const char *domain) { return *domain ? domain : "ai.onnx"; }

static hone_status describe_value(hone_model *model, const hone__value *value, hone_value_info *out,
                                  hone_error *error) {
    /* Of a container of tensors, the innermost tensor's type. */
    const hone__type *type = &value->type;
    *out = (hone_value_info){.name = value->name, .kind = type->kind, .rank = -1};
    while (type->kind != HONE_KIND_TENSOR && type->elem)
        type = type->elem;
    if (type->kind != HONE_KIND_TENSOR)
        return HONE_OK;
    out->dtype = type->dtype;
    out->rank = type->rank;
    if (type->rank < 0)
        return HONE_OK;
    hone_dim_info *dims = hone__arena_calloc(&model->arena, (size_t)type->rank, sizeof *dims);
    if (!dims)
        return hone__fail_memory(error, "a model's description");
    for (int i = 0; i < type->rank; i++)
        dims[i] = (hone_dim_info){type->dims[i].value, type->dims[i].symbol ? type->dims[i].symbol : ""};
    out->dims = dims;
    return HONE_OK;
}

static hone_status describe_values(hone_model *model, hone__value *const *values, size_t n, hone_value_info **out,
                                   size_t *out_n, hone_error *error) {
    *out = hone__arena_calloc(&model->arena, n, sizeof **out);
    if (!*out)
        return hone__fail_memory(error, "a model's description");
    for (size_t i = 0; i < n; i++)
        HONE_TRY(describe_value(model, values[i], &(*out)[i], error));
    *out_n = n;
    return HONE_OK;
}

static hone_status describe_producer(hone_model *model, hone_error *error) {
    hone__pb_bytes name = model->proto.producer_name, version = model->proto.producer_version;
    size_t n = name.size + version.size + 2;
    char *text = hone__arena_alloc(&model->arena, n);
    if (!text)
        return hone__fail_memory(error, "a model's description");
    size_t used = 0;
    if (name.size)
        memcpy(text, name.data, name.size);
    used += name.size;
    if (name.size && version.size)
        text[used++] = ' ';
    if (version.size)
        memcpy(text + used, version.data, version.size);
    text[used + version.size] = '\0';
    model->producer = text;
    return HONE_OK;
}

/* ---- operators ---- */

typedef struct op_list {
    struct op_name {
        hone__pb_bytes domain, op;
    } * items;
    size_t n, capacity;
} op_list;

static hone_status collect_nodes(op_list *list, const hone__node_proto *nodes, size_t n, hone_error *error);

static hone_status collect_attrs(op_list *list, const hone__node_proto *node, hone_error *error) {
    for (size_t a = 0; a < node->attribute.n; a++) {
        const hone__attribute_proto *attr = &node->attribute.items[a];
        if (attr->g)
            HONE_TRY(collect_nodes(list, attr->g->node.items, attr->g->node.n, error));
        for (size_t i = 0; i < attr->graphs.n; i++)
            HONE_TRY(collect_nodes(list, attr->graphs.items[i].node.items, attr->graphs.items[i].node.n, error));
    }
    return HONE_OK;
}

static hone_status collect_nodes(op_list *list, const hone__node_proto *nodes, size_t n, hone_error *error) {
    if (!hone__grow((void **)&list->items, &list->capacity, list->n + n, sizeof *list->items))
        return hone__fail_memory(error, "a model's description");
    for (size_t i = 0; i < n; i++) {
        hone__pb_bytes domain = nodes[i].domain.size ? nodes[i].domain : hone__pb_text("ai.onnx");
        list->items[list->n++] = (struct op_name){domain, nodes[i].op_type};
    }
    for (size_t i = 0; i < n; i++)
        HONE_TRY(collect_attrs(list, &nodes[i], error));
    return HONE_OK;
}

static int compare_bytes(hone__pb_bytes a, hone__pb_bytes b) {
    size_t n = hone__min_size(a.size, b.size);
    int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_names(const void *a, const void *b) {
    const struct op_name *x = a, *y = b;
    int order = compare_bytes(x->op, y->op);
    return order ? order : compare_bytes(x->domain, y->domain);
}

int hone__op_count_compare(const void *a, const void *b) {
    const hone_op_count *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    int order = strcmp(x->op, y->op);
    return order ? order : strcmp(x->domain, y->domain);
}

static hone_status count_ops(hone_model *model, const op_list *list, hone_error *error) {
    size_t n_distinct = 0;
    for (size_t i = 0; i < list->n; i++)
        n_distinct += i == 0 || compare_names(&list->items[i - 1], &list->items[i]) != 0;
    hone_op_count *ops = hone__arena_calloc(&model->arena, n_distinct, sizeof *ops), *op = ops;
    if (!ops)
        return hone__fail_memory(error, "a model's description");
    for (size_t i = 0; i < list->n; i++) {
        if (i && compare_names(&list->items[i - 1], &list->items[i]) == 0) {
            op[-1].count++;
            continue;
        }
        op->count = 1;
        HONE_TRY(hone__model_text(&model->arena, list->items[i].domain, &op->domain, error));
        HONE_TRY(hone__model_text(&model->arena, list->items[i].op, &op->op, error));
        op++;
    }
    if (n_distinct)
        qsort(ops, n_distinct, sizeof *ops, hone__op_count_compare);
    model->ops = ops;
    model->n_ops = n_distinct;
    return HONE_OK;
}

static hone_status describe_ops(hone_model *model, hone_error *error) {
    op_list list = {0};
    hone_status status = collect_nodes(&list, model->proto.graph->node.items, model->proto.graph->node.n, error);
    if (status == HONE_OK) {
        if (list.n)
            qsort(list.items, list.n, sizeof *list.items, compare_names);
        status = count_ops(model, &list, error);
    }
    hone__free(list.items);
    return status;
}

/* ---- initializers ---- */

/* Those of the root graph, Constant nodes not counted. The file's order. */
static hone_status describe_initializers(hone_model *model, hone_error *error) {
    const hone__graph_proto *graph = model->proto.graph;
    size_t n = graph->initializer.n + graph->sparse_initializer.n;
    model->initializers = hone__arena_calloc(&model->arena, n, sizeof *model->initializers);
    if (!model->initializers)
        return hone__fail_memory(error, "a model's description");
    for (size_t i = 0; i < n; i++) {
        hone__pb_bytes name = i < graph->initializer.n
                                  ? graph->initializer.items[i].name
                                  : graph->sparse_initializer.items[i - graph->initializer.n].values->name;
        const char *text;
        HONE_TRY(hone__model_text(&model->arena, name, &text, error));
        const hone__value *value = hone__graph_find_value(model->graph, text);
        if (value && value->constant)
            model->initializers[model->n_initializers++] =
                (struct hone__model_initializer){value->name, value->constant};
    }
    return HONE_OK;
}

hone_status hone__model_describe(hone_model *model, hone_error *error) {
    const hone__graph *graph = model->graph;
    HONE_TRY(describe_values(model, graph->inputs, graph->n_inputs, &model->inputs, &model->n_inputs, error));
    HONE_TRY(describe_values(model, graph->outputs, graph->n_outputs, &model->outputs, &model->n_outputs, error));
    model->n_opsets = hone__graph_opset_count(graph);
    model->opsets = hone__arena_calloc(&model->arena, model->n_opsets, sizeof *model->opsets);
    if (!model->opsets)
        return hone__fail_memory(error, "a model's description");
    for (size_t i = 0; i < model->n_opsets; i++) {
        hone__opset opset = hone__graph_opset_at(graph, i);
        model->opsets[i] = (hone_opset_info){public_domain(opset.domain), opset.version};
    }
    HONE_TRY(describe_producer(model, error));
    HONE_TRY(describe_ops(model, error));
    return describe_initializers(model, error);
}

/* ---- public getters ---- */

size_t hone_model_input_count(const hone_model *model) { return model->n_inputs; }
size_t hone_model_output_count(const hone_model *model) { return model->n_outputs; }
const hone_value_info *hone_model_get_input(const hone_model *model, size_t index) {
    return index < model->n_inputs ? &model->inputs[index] : NULL;
}
const hone_value_info *hone_model_get_output(const hone_model *model, size_t index) {
    return index < model->n_outputs ? &model->outputs[index] : NULL;
}
int64_t hone_model_ir_version(const hone_model *model) { return model->proto.ir_version; }
const char *hone_model_producer(const hone_model *model) { return model->producer; }
const char *hone_model_path(const hone_model *model) { return model->path; }
size_t hone_model_opset_count(const hone_model *model) { return model->n_opsets; }
hone_opset_info hone_model_get_opset(const hone_model *model, size_t index) {
    return index < model->n_opsets ? model->opsets[index] : (hone_opset_info){"", 0};
}
size_t hone_model_op_count(const hone_model *model) { return model->n_ops; }
hone_op_count hone_model_get_op(const hone_model *model, size_t index) {
    return index < model->n_ops ? model->ops[index] : (hone_op_count){"", "", 0};
}
size_t hone_model_initializer_count(const hone_model *model) { return model->n_initializers; }
const hone_tensor *hone_model_get_initializer(const hone_model *model, size_t index, const char **name) {
    if (index >= model->n_initializers)
        return NULL;
    if (name)
        *name = model->initializers[index].name;
    return model->initializers[index].tensor;
}
