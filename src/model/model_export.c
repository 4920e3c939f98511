/* Export of a graph; see model_export.h. Messages are built in an arena and refer to the graph's names
 * and tensors; nothing large is copied. */
#include "model/model_export.h"

#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

/* The first IR version in which initializers need not be inputs: older files are raised to it. */
enum { MIN_IR = 4 };

typedef struct exporter {
    const hone_model *model;
    hone__arena arena;
    int64_t opset, foreign_opset; /* of ai.onnx; of HONE__FOREIGN_DOMAIN, 0: not used */
    hone_error *error;
} exporter;

static hone_status alloc(exporter *e, size_t n, size_t size, void *out) {
    void *p = hone__arena_calloc(&e->arena, n, size);
    if (!p)
        return hone__fail_memory(e->error, "the exported model");
    memcpy(out, &p, sizeof p);
    return HONE_OK;
}

#define SET_TEXT(desc, msg, member, text)                                                                              \
    do {                                                                                                               \
        (msg)->member = hone__pb_text(text);                                                                           \
        HONE_PB_SET(desc, msg, member);                                                                                \
    } while (0)

/* ---- types ---- */

static hone_status export_tensor_type(exporter *e, const hone__type *type, hone__tensor_type_proto *out) {
    out->elem_type = type->dtype;
    HONE_PB_SET(hone__tensor_type_desc, out, elem_type);
    if (type->rank < 0)
        return HONE_OK;
    HONE_TRY(alloc(e, 1, sizeof *out->shape, &out->shape));
    out->shape->dim.n = (size_t)type->rank;
    HONE_TRY(alloc(e, (size_t)type->rank, sizeof *out->shape->dim.items, &out->shape->dim.items));
    for (int i = 0; i < type->rank; i++) {
        hone__dim_proto *dim = &out->shape->dim.items[i];
        if (type->dims[i].value >= 0) {
            dim->dim_value = type->dims[i].value;
            HONE_PB_SET(hone__dim_desc, dim, dim_value);
        } else if (type->dims[i].symbol) {
            SET_TEXT(hone__dim_desc, dim, dim_param, type->dims[i].symbol);
        }
    }
    return HONE_OK;
}

static hone_status export_type(exporter *e, const hone__type *type, hone__type_proto *out) {
    while (type && type->is_known) {
        const hone__type *inner = type->elem;
        hone__type_proto *elem = NULL;
        if (type->kind == HONE_KIND_TENSOR) {
            hone__tensor_type_proto *tensor = NULL;
            HONE_TRY(alloc(e, 1, sizeof *tensor, &tensor));
            if (type->is_sparse)
                out->sparse_tensor_type = tensor;
            else
                out->tensor_type = tensor;
            return export_tensor_type(e, type, tensor);
        }
        if (inner)
            HONE_TRY(alloc(e, 1, sizeof *elem, &elem));
        if (type->kind == HONE_KIND_MAP) {
            HONE_TRY(alloc(e, 1, sizeof *out->map_type, &out->map_type));
            out->map_type->key_type = type->dtype;
            HONE_PB_SET(hone__map_type_desc, out->map_type, key_type);
            out->map_type->value_type = elem;
        } else {
            hone__elem_type_proto *container = NULL;
            HONE_TRY(alloc(e, 1, sizeof *container, &container));
            container->elem_type = elem;
            if (type->kind == HONE_KIND_SEQUENCE)
                out->sequence_type = container;
            else
                out->optional_type = container;
        }
        out = elem;
        type = inner;
    }
    return HONE_OK;
}

static hone_status export_values(exporter *e, hone__value *const *values, size_t n, hone__value_info_proto **out) {
    HONE_TRY(alloc(e, n, sizeof **out, out));
    for (size_t i = 0; i < n; i++) {
        hone__value_info_proto *info = &(*out)[i];
        SET_TEXT(hone__value_info_desc, info, name, values[i]->name);
        if (!values[i]->type.is_known)
            continue;
        HONE_TRY(alloc(e, 1, sizeof *info->type, &info->type));
        HONE_TRY(export_type(e, &values[i]->type, info->type));
    }
    return HONE_OK;
}

/* ---- versions ---- */

/* Operators whose versions since 7 differ in the types they take alone. */
static bool only_types_differ(const hone__node *node, const hone__op *row) {
    static const char *const names[] = {
        "Add",    "Concat",   "Div", "Erf", "Exp",  "Expand",  "Flatten", "Gather",  "Identity", "LayerNormalization",
        "MatMul", "Mul",      "Neg", "Pow", "Relu", "Reshape", "Shape",   "Sigmoid", "Sqrt",     "Sub",
        "Tanh",   "Transpose"};
    if (!row || row->since < 1 || node->op->since < 1 || node->n_attrs > row->n_attrs)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(node->op_type, names[i]) == 0)
            return strcmp(node->op_type, "Shape") != 0 || node->n_attrs == 0; /* start and end came with 15 */
    return false;
}

static bool is_foreign(const exporter *e, const hone__node *node) {
    if (*node->domain || !node->op || node->opset == e->opset)
        return false;
    const hone__op *row = hone__op_find("", node->op_type, e->opset);
    return row != node->op && !only_types_differ(node, row);
}

/* The oldest opset that has all foreign nodes. Recursion goes with the nesting of graphs, which is bounded. */
static void find_foreign_opset(exporter *e, const hone__graph *graph) {
    HONE_FOR_NODES(node, graph) {
        if (is_foreign(e, node) && node->op->since > e->foreign_opset)
            e->foreign_opset = node->op->since;
        HONE_FOR_SUBGRAPHS(sub, node)
        find_foreign_opset(e, sub);
    }
}

static hone_status export_domain(const exporter *e, const hone__node *node, const char **domain) {
    *domain = node->domain;
    if (!is_foreign(e, node))
        return HONE_OK;
    if (!e->foreign_opset || hone__op_find("", node->op_type, e->foreign_opset) != node->op) {
        hone__fail(e->error, HONE_ERROR_UNSUPPORTED, "%s of opset %lld cannot be written in a model of opset %lld",
                   node->op_type, (long long)node->opset, (long long)e->opset);
        hone__error_node(e->error, node->name);
        hone__error_hint(e->error, "convert the model to opset %lld", (long long)node->opset);
        return HONE_ERROR_UNSUPPORTED;
    }
    *domain = HONE__FOREIGN_DOMAIN;
    return HONE_OK;
}

/* ---- nodes ---- */

static hone_status export_graph(exporter *e, const hone__graph *graph, hone__graph_proto *out);

static hone_status export_strings(exporter *e, const hone_string *strings, size_t n, hone__strings *out) {
    out->n = n;
    HONE_TRY(alloc(e, n, sizeof *out->items, &out->items));
    for (size_t i = 0; i < n; i++)
        out->items[i] = (hone__pb_bytes){(const uint8_t *)strings[i].data, strings[i].size};
    return HONE_OK;
}

static hone_status export_attr(exporter *e, const hone__attr *attr, hone__attribute_proto *out) {
    SET_TEXT(hone__attribute_desc, out, name, attr->name);
    /* Sparse tensors were made dense when they were read. */
    out->type = attr->type == HONE_ATTR_SPARSE_TENSOR    ? HONE_ATTR_TENSOR
                : attr->type == HONE_ATTR_SPARSE_TENSORS ? HONE_ATTR_TENSORS
                                                         : attr->type;
    HONE_PB_SET(hone__attribute_desc, out, type);
    switch (out->type) {
    case HONE_ATTR_FLOAT:
        out->f = attr->f;
        HONE_PB_SET(hone__attribute_desc, out, f);
        return HONE_OK;
    case HONE_ATTR_INT:
        out->i = attr->i;
        HONE_PB_SET(hone__attribute_desc, out, i);
        return HONE_OK;
    case HONE_ATTR_STRING:
        out->s = (hone__pb_bytes){(const uint8_t *)attr->s.data, attr->s.size};
        HONE_PB_SET(hone__attribute_desc, out, s);
        return HONE_OK;
    case HONE_ATTR_FLOATS:
        out->floats = (hone__floats){(float *)(uintptr_t)attr->floats, attr->n};
        return HONE_OK;
    case HONE_ATTR_INTS:
        out->ints = (hone__ints){(int64_t *)(uintptr_t)attr->ints, attr->n};
        return HONE_OK;
    case HONE_ATTR_STRINGS:
        return export_strings(e, attr->strings, attr->n, &out->strings);
    case HONE_ATTR_TENSOR:
        HONE_TRY(alloc(e, 1, sizeof *out->t, &out->t));
        return hone__onnx_tensor_fill(attr->t, &e->arena, out->t, e->error);
    case HONE_ATTR_TENSORS:
        out->tensors.n = attr->n;
        HONE_TRY(alloc(e, attr->n, sizeof *out->tensors.items, &out->tensors.items));
        for (size_t i = 0; i < attr->n; i++)
            HONE_TRY(hone__onnx_tensor_fill(attr->tensors[i], &e->arena, &out->tensors.items[i], e->error));
        return HONE_OK;
    case HONE_ATTR_GRAPH:
        HONE_TRY(alloc(e, 1, sizeof *out->g, &out->g));
        return export_graph(e, attr->g, out->g);
    case HONE_ATTR_GRAPHS:
        out->graphs.n = attr->n;
        HONE_TRY(alloc(e, attr->n, sizeof *out->graphs.items, &out->graphs.items));
        for (size_t i = 0; i < attr->n; i++)
            HONE_TRY(export_graph(e, attr->graphs[i], &out->graphs.items[i]));
        return HONE_OK;
    case HONE_ATTR_TYPE_PROTO:
        HONE_TRY(alloc(e, 1, sizeof *out->tp, &out->tp));
        return export_type(e, attr->tp, out->tp);
    default:
        return hone__fail(e->error, HONE_ERROR_UNSUPPORTED, "attribute \"%s\" cannot be written", attr->name);
    }
}

static hone_status export_names(exporter *e, hone__value *const *values, size_t n, hone__strings *out) {
    /* Trailing omitted values are left out. */
    while (n && !values[n - 1])
        n--;
    out->n = n;
    HONE_TRY(alloc(e, n, sizeof *out->items, &out->items));
    for (size_t i = 0; i < n; i++)
        out->items[i] = hone__pb_text(values[i] ? values[i]->name : "");
    return HONE_OK;
}

/* The root's node of the file that begins at `offset`, for its documentation; NULL when there is none.
 * Messages lie in the file in order. */
static const hone__node_proto *find_original(const exporter *e, int64_t offset) {
    const hone__graph_proto *graph = e->model->proto.graph;
    size_t low = 0, high = graph->node.n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int64_t at = (int64_t)(graph->node.items[mid].head.body.data - e->model->data);
        if (at == offset)
            return &graph->node.items[mid];
        if (at < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static hone_status export_node(exporter *e, const hone__node *node, hone__node_proto *out) {
    SET_TEXT(hone__node_desc, out, name, node->name);
    SET_TEXT(hone__node_desc, out, op_type, node->op_type);
    const char *domain;
    HONE_TRY(export_domain(e, node, &domain));
    if (*domain)
        SET_TEXT(hone__node_desc, out, domain, domain);
    HONE_TRY(export_names(e, node->inputs, node->n_inputs, &out->input));
    HONE_TRY(export_names(e, node->outputs, node->n_outputs, &out->output));
    out->attribute.n = node->n_attrs;
    HONE_TRY(alloc(e, node->n_attrs, sizeof *out->attribute.items, &out->attribute.items));
    for (size_t i = 0; i < node->n_attrs; i++)
        HONE_TRY(export_attr(e, &node->attrs[i], &out->attribute.items[i]));
    const hone__node_proto *original = node->file_offset >= 0 ? find_original(e, node->file_offset) : NULL;
    if (original && HONE_PB_HAS(hone__node_desc, original, doc_string)) {
        out->doc_string = original->doc_string;
        HONE_PB_SET(hone__node_desc, out, doc_string);
    }
    if (original)
        out->metadata_props.items = original->metadata_props.items, out->metadata_props.n = original->metadata_props.n;
    return HONE_OK;
}

/* ---- graphs ---- */

static hone_status export_constants(exporter *e, const hone__graph *graph, hone__graph_proto *out) {
    size_t n = 0, n_values = hone__graph_value_count(graph);
    for (size_t i = 0; i < n_values; i++) {
        const hone__value *value = hone__graph_value_at(graph, i);
        n += value->graph == graph && value->constant && (value->n_uses || value->n_output_uses);
    }
    HONE_TRY(alloc(e, n, sizeof *out->initializer.items, &out->initializer.items));
    for (size_t i = 0; i < n_values; i++) {
        const hone__value *value = hone__graph_value_at(graph, i);
        if (value->graph != graph || !value->constant || !(value->n_uses || value->n_output_uses))
            continue;
        hone__tensor_proto *t = &out->initializer.items[out->initializer.n++];
        HONE_TRY(hone__onnx_tensor_fill(value->constant, &e->arena, t, e->error));
        SET_TEXT(hone__tensor_desc, t, name, value->name);
    }
    return HONE_OK;
}

static hone_status export_graph(exporter *e, const hone__graph *graph, hone__graph_proto *out) {
    SET_TEXT(hone__graph_desc, out, name, *graph->name ? graph->name : "graph");
    out->input.n = graph->n_inputs;
    HONE_TRY(export_values(e, graph->inputs, graph->n_inputs, &out->input.items));
    out->output.n = graph->n_outputs;
    HONE_TRY(export_values(e, graph->outputs, graph->n_outputs, &out->output.items));
    HONE_TRY(export_constants(e, graph, out));
    out->node.n = graph->n_nodes;
    HONE_TRY(alloc(e, graph->n_nodes, sizeof *out->node.items, &out->node.items));
    size_t i = 0;
    HONE_FOR_NODES(node, graph) HONE_TRY(export_node(e, node, &out->node.items[i++]));
    return HONE_OK;
}

static hone_status export_metadata(exporter *e, const hone__export_options *options, hone__model_proto *out) {
    const hone__model_proto *from = &e->model->proto;
    size_t n_new = options ? options->n_metadata : 0;
    HONE_TRY(alloc(e, from->metadata_props.n + n_new, sizeof *out->metadata_props.items, &out->metadata_props.items));
    for (size_t i = 0; i < from->metadata_props.n; i++) {
        bool is_replaced = false;
        for (size_t k = 0; k < n_new; k++)
            is_replaced |= hone__pb_equal(options->metadata[k][0], from->metadata_props.items[i].key);
        if (!is_replaced)
            out->metadata_props.items[out->metadata_props.n++] = from->metadata_props.items[i];
    }
    for (size_t k = 0; k < n_new; k++) {
        hone__entry_proto *entry = &out->metadata_props.items[out->metadata_props.n++];
        entry->key = options->metadata[k][0];
        entry->value = options->metadata[k][1];
        HONE_PB_SET(hone__entry_desc, entry, key);
        HONE_PB_SET(hone__entry_desc, entry, value);
    }
    return HONE_OK;
}

/* What the graph imports, and the domains of nodes that passes made. */
static hone_status export_opsets(exporter *e, const hone__graph *graph, hone__model_proto *out) {
    size_t n = hone__graph_opset_count(graph);
    HONE_TRY(alloc(e, n + 1, sizeof *out->opset_import.items, &out->opset_import.items));
    out->opset_import.n = 0;
    for (size_t i = 0; i <= n; i++) {
        hone__opset opset = {HONE__FOREIGN_DOMAIN, e->foreign_opset};
        if (i < n)
            opset = hone__graph_opset_at(graph, i);
        if (opset.version == 0 || (i < n && strcmp(opset.domain, HONE__FOREIGN_DOMAIN) == 0))
            continue;
        hone__opset_proto *item = &out->opset_import.items[out->opset_import.n++];
        SET_TEXT(hone__opset_desc, item, domain, opset.domain);
        item->version = opset.version;
        HONE_PB_SET(hone__opset_desc, item, version);
    }
    return HONE_OK;
}

static hone_status export_model(exporter *e, const hone__graph *graph, const hone__export_options *options,
                                hone__model_proto *out) {
    *out = e->model->proto; /* producer, versions, documentation, fields that are not known here */
    out->functions.n = 0;   /* they were inlined */
    out->training_info.n = 0;
    memset(&out->metadata_props, 0, sizeof out->metadata_props);
    HONE_TRY(export_metadata(e, options, out));
    if (out->ir_version < MIN_IR)
        out->ir_version = MIN_IR;
    HONE_PB_SET(hone__model_desc, out, ir_version);
    HONE_TRY(export_opsets(e, graph, out));
    const hone__graph_proto *original = e->model->proto.graph;
    HONE_TRY(alloc(e, 1, sizeof *out->graph, &out->graph));
    HONE_TRY(export_graph(e, graph, out->graph));
    out->graph->doc_string = original->doc_string;
    if (HONE_PB_HAS(hone__graph_desc, original, doc_string))
        HONE_PB_SET(hone__graph_desc, out->graph, doc_string);
    out->graph->metadata_props.items = original->metadata_props.items;
    out->graph->metadata_props.n = original->metadata_props.n;
    out->graph->quantization_annotation.items = original->quantization_annotation.items;
    out->graph->quantization_annotation.n = original->quantization_annotation.n;
    return HONE_OK;
}

hone_status hone__model_export(const hone_model *model, const hone__graph *graph, const char *path,
                               const hone__export_options *options, hone_error *error) {
    HONE_FAIL_IF(graph->parent, error, HONE_ERROR_ARGUMENT, "only a root graph can be exported");
    exporter e = {.model = model, .opset = hone__graph_get_opset(graph, ""), .error = error};
    hone__model_proto proto;
    if (options && options->allow_foreign)
        find_foreign_opset(&e, graph);
    hone__arena_init(&e.arena);
    hone_status status = export_model(&e, graph, options, &proto);
    if (status == HONE_OK)
        status = hone__onnx_save(&proto, &e.arena, path, options ? &options->save : NULL, error);
    hone__arena_deinit(&e.arena);
    return status;
}
