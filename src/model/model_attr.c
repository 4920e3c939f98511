/* AttributeProto to graph attributes, with references to function attributes resolved. */
#include "model/model_import.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

int64_t hone__attribute_type(const hone__attribute_proto *a) {
    if (a->type)
        return a->type;
    if (HONE_PB_HAS(hone__attribute_desc, a, f))
        return HONE_ATTR_FLOAT;
    if (HONE_PB_HAS(hone__attribute_desc, a, i))
        return HONE_ATTR_INT;
    if (HONE_PB_HAS(hone__attribute_desc, a, s))
        return HONE_ATTR_STRING;
    return a->t                  ? HONE_ATTR_TENSOR
           : a->g                ? HONE_ATTR_GRAPH
           : a->sparse_tensor    ? HONE_ATTR_SPARSE_TENSOR
           : a->tp               ? HONE_ATTR_TYPE_PROTO
           : a->floats.n         ? HONE_ATTR_FLOATS
           : a->ints.n           ? HONE_ATTR_INTS
           : a->strings.n        ? HONE_ATTR_STRINGS
           : a->tensors.n        ? HONE_ATTR_TENSORS
           : a->graphs.n         ? HONE_ATTR_GRAPHS
           : a->sparse_tensors.n ? HONE_ATTR_SPARSE_TENSORS
           : a->type_protos.n    ? HONE_ATTR_TYPE_PROTOS
                                 : HONE_ATTR_UNDEFINED;
}

static const hone__attribute_proto *find_attr(const hone__attribute_proto *attrs, size_t n, hone__pb_bytes name) {
    for (size_t i = 0; i < n; i++)
        if (hone__pb_equal(attrs[i].name, name))
            return &attrs[i];
    return NULL;
}

void hone__import_resolve_attr(const hone__attribute_proto *attr, hone__scope **scope,
                               const hone__attribute_proto **out) {
    /* Each step goes one call outwards, so this ends. A subgraph's scope has its function's call. */
    while (attr && attr->ref_attr_name.size) {
        const hone__call *call = (*scope)->call;
        if (!call) {
            attr = NULL;
            break;
        }
        hone__pb_bytes name = attr->ref_attr_name;
        attr = find_attr(call->node->attribute.items, call->node->attribute.n, name);
        if (!attr) {
            attr = find_attr(call->function->attribute_proto.items, call->function->attribute_proto.n, name);
            if (attr && attr->ref_attr_name.size)
                attr = NULL; /* a default is a value, never a reference */
            break;
        }
        *scope = call->caller_scope;
    }
    *out = attr;
}

/* Owned by the root on success. */
static hone_status make_tensor(hone__importer *im, const hone__tensor_proto *proto, const hone__sparse_proto *sparse,
                               const hone_tensor **out) {
    hone_tensor *tensor;
    HONE_TRY(sparse ? hone__onnx_sparse_create(sparse, &im->model->source, &tensor, im->error)
                    : hone__onnx_tensor_create(proto, &im->model->source, 0, &tensor, im->error));
    hone_status status = hone__graph_adopt_tensor(im->root, tensor, im->error);
    if (status != HONE_OK)
        hone_tensor_destroy(tensor);
    else
        *out = tensor;
    return status;
}

static hone_status make_graph(hone__importer *im, hone__scope *scope, hone__node *node, const hone__graph_proto *proto,
                              hone__graph **out) {
    const char *name;
    HONE_TRY(hone__model_text(hone__graph_arena(im->root), proto->name, &name, im->error));
    HONE_TRY(hone__graph_create_subgraph(node->graph, name, out, im->error));
    (*out)->owner = node;
    HONE_FAIL_IF(im->n_depth >= HONE_PB_MAX_DEPTH, im->error, HONE_ERROR_LIMIT, "graphs are nested too deeply");
    im->n_depth++;
    HONE_TRY(hone__import_graph(im, scope, *out, proto, scope->call));
    im->n_depth--;
    return HONE_OK;
}

static hone_status read_lists(hone__importer *im, hone__scope *scope, hone__node *node,
                              const hone__attribute_proto *proto, hone__attr *attr) {
    hone__arena *arena = hone__graph_arena(im->root);
    switch (attr->type) {
    case HONE_ATTR_STRINGS: {
        attr->n = proto->strings.n;
        hone_string *strings = hone__arena_calloc(arena, attr->n, sizeof *strings);
        if (!strings)
            return hone__fail_memory(im->error, "an attribute");
        for (size_t i = 0; i < attr->n; i++)
            strings[i] = (hone_string){(const char *)proto->strings.items[i].data, proto->strings.items[i].size};
        attr->strings = strings;
        return HONE_OK;
    }
    case HONE_ATTR_TENSORS:
    case HONE_ATTR_SPARSE_TENSORS: {
        bool sparse = attr->type == HONE_ATTR_SPARSE_TENSORS;
        attr->n = sparse ? proto->sparse_tensors.n : proto->tensors.n;
        const hone_tensor **tensors = hone__arena_calloc(arena, attr->n, sizeof *tensors);
        if (!tensors)
            return hone__fail_memory(im->error, "an attribute");
        for (size_t i = 0; i < attr->n; i++)
            HONE_TRY(make_tensor(im, sparse ? NULL : &proto->tensors.items[i],
                                 sparse ? &proto->sparse_tensors.items[i] : NULL, &tensors[i]));
        attr->tensors = tensors;
        return HONE_OK;
    }
    case HONE_ATTR_GRAPHS: {
        attr->n = proto->graphs.n;
        hone__graph **graphs = hone__arena_calloc(arena, attr->n, sizeof *graphs);
        if (!graphs)
            return hone__fail_memory(im->error, "an attribute");
        for (size_t i = 0; i < attr->n; i++)
            HONE_TRY(make_graph(im, scope, node, &proto->graphs.items[i], &graphs[i]));
        attr->graphs = graphs;
        return HONE_OK;
    }
    default:
        return hone__fail(im->error, HONE_ERROR_UNSUPPORTED, "attribute \"%s\" is a list of types", attr->name);
    }
}

static hone_status read_attr(hone__importer *im, hone__scope *scope, hone__node *node,
                             const hone__attribute_proto *proto, hone__attr *attr) {
    hone__arena *arena = hone__graph_arena(im->root);
    int64_t type = hone__attribute_type(proto);
    HONE_FAIL_IF(type < 0 || type > HONE_ATTR_TYPE_PROTOS, im->error, HONE_ERROR_MODEL,
                 "attribute \"%s\" has the unknown type %lld", attr->name, (long long)type);
    attr->type = (hone__attr_type)type;
    bool is_missing = (type == HONE_ATTR_TENSOR && !proto->t) || (type == HONE_ATTR_GRAPH && !proto->g) ||
                      (type == HONE_ATTR_SPARSE_TENSOR && !proto->sparse_tensor) ||
                      (type == HONE_ATTR_TYPE_PROTO && !proto->tp) || type == HONE_ATTR_UNDEFINED;
    HONE_FAIL_IF(is_missing, im->error, HONE_ERROR_MODEL, "attribute \"%s\" has no value", attr->name);
    switch (attr->type) {
    case HONE_ATTR_FLOAT:
        attr->f = proto->f;
        return HONE_OK;
    case HONE_ATTR_INT:
        attr->i = proto->i;
        return HONE_OK;
    case HONE_ATTR_STRING:
        attr->s = (hone_string){(const char *)proto->s.data, proto->s.size};
        return HONE_OK;
    case HONE_ATTR_TENSOR:
        return make_tensor(im, proto->t, NULL, &attr->t);
    case HONE_ATTR_SPARSE_TENSOR:
        return make_tensor(im, NULL, proto->sparse_tensor, &attr->t);
    case HONE_ATTR_GRAPH:
        return make_graph(im, scope, node, proto->g, &attr->g);
    case HONE_ATTR_FLOATS:
        attr->n = proto->floats.n;
        attr->floats = proto->floats.items;
        return HONE_OK;
    case HONE_ATTR_INTS:
        attr->n = proto->ints.n;
        attr->ints = proto->ints.items;
        return HONE_OK;
    case HONE_ATTR_TYPE_PROTO: {
        hone__type *declared = hone__arena_calloc(arena, 1, sizeof *declared);
        if (!declared)
            return hone__fail_memory(im->error, "an attribute");
        attr->tp = declared;
        return hone__model_type(proto->tp, arena, declared, im->error);
    }
    default:
        return read_lists(im, scope, node, proto, attr);
    }
}

hone_status hone__import_attrs(hone__importer *im, hone__scope *scope, const hone__node_proto *proto,
                               hone__node *node) {
    for (size_t i = 0; i < proto->attribute.n; i++) {
        const hone__attribute_proto *written = &proto->attribute.items[i], *resolved;
        hone__scope *where = scope;
        hone__attr attr = {0};
        hone__import_resolve_attr(written, &where, &resolved);
        if (!resolved)
            continue; /* refers to an attribute that the caller did not give */
        HONE_TRY(hone__model_text(hone__graph_arena(im->root), written->name, &attr.name, im->error));
        HONE_FAIL_IF(hone__node_attr(node, attr.name), im->error, HONE_ERROR_MODEL, "attribute \"%s\" occurs twice",
                     attr.name);
        HONE_TRY(read_attr(im, where, node, resolved, &attr));
        HONE_TRY(hone__node_set_attr(node, &attr, im->error));
    }
    return HONE_OK;
}

static hone_status make_list(hone_dtype dtype, bool is_scalar, size_t n, const void *data, hone_tensor **out,
                             hone_error *error) {
    int64_t dim = (int64_t)n;
    HONE_TRY(hone_tensor_create(dtype, is_scalar ? 0 : 1, &dim, out, error));
    if ((*out)->size)
        memcpy((*out)->data, data, (*out)->size);
    return HONE_OK;
}

static hone_status make_strings(bool is_scalar, const hone__pb_bytes *strings, size_t n, hone_tensor **out,
                                hone_error *error) {
    int64_t dim = (int64_t)n;
    hone_status status = HONE_OK;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_STRING, is_scalar ? 0 : 1, &dim, out, error));
    for (size_t i = 0; i < n && status == HONE_OK; i++)
        status = hone_tensor_set_string(*out, (int64_t)i, (const char *)strings[i].data, strings[i].size, error);
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

hone_status hone__import_constant(hone__importer *im, hone__scope *scope, const hone__node_proto *proto,
                                  hone_tensor **out) {
    *out = NULL;
    for (size_t i = 0; i < proto->attribute.n && !*out; i++) {
        const hone__attribute_proto *written = &proto->attribute.items[i], *a;
        hone__import_resolve_attr(written, &scope, &a);
        if (!a)
            continue;
        if (hone__pb_is(written->name, "value") && a->t)
            HONE_TRY(hone__onnx_tensor_create(a->t, &im->model->source, 0, out, im->error));
        else if (hone__pb_is(written->name, "sparse_value") && a->sparse_tensor)
            HONE_TRY(hone__onnx_sparse_create(a->sparse_tensor, &im->model->source, out, im->error));
        else if (hone__pb_is(written->name, "value_float"))
            HONE_TRY(make_list(HONE_DTYPE_FLOAT, true, 1, &a->f, out, im->error));
        else if (hone__pb_is(written->name, "value_int"))
            HONE_TRY(make_list(HONE_DTYPE_INT64, true, 1, &a->i, out, im->error));
        else if (hone__pb_is(written->name, "value_floats"))
            HONE_TRY(make_list(HONE_DTYPE_FLOAT, false, a->floats.n, a->floats.items, out, im->error));
        else if (hone__pb_is(written->name, "value_ints"))
            HONE_TRY(make_list(HONE_DTYPE_INT64, false, a->ints.n, a->ints.items, out, im->error));
        else if (hone__pb_is(written->name, "value_string"))
            HONE_TRY(make_strings(true, &a->s, 1, out, im->error));
        else if (hone__pb_is(written->name, "value_strings"))
            HONE_TRY(make_strings(false, a->strings.items, a->strings.n, out, im->error));
    }
    return HONE_OK;
}
