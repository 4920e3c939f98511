/* Random attributes, subgraphs among them; see graph_maker.h. */
#include "graph_maker.h"

#include <string.h>

static int64_t an_int(maker *m, const char *name) {
    static const int64_t extremes[] = {INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN, 100, 16, -7, 1 << 20};
    unsigned pick = maker_take(m, 64);
    if (strcmp(name, "to") == 0 || strcmp(name, "dtype") == 0 || strcmp(name, "output_dtype") == 0)
        return 1 + pick % (HONE_DTYPE_COUNT - 1);
    if (pick == 63)
        return extremes[maker_take(m, 8)];
    return pick < 24 ? 1 : pick < 32 ? -1 : pick < 44 ? 0 : pick < 52 ? 2 : (int64_t)(pick % 8) - 2;
}

static float a_float(maker *m) {
    static const float list[] = {1, 0.5f, 2, 0.1f, 1e-5f, 1e-3f, -1, 3, 0.01f, 0.25f, 1.5f, 6, -0.5f, 0, 1e30f, -3};
    return list[maker_take(m, 16)];
}

/* Texts that some operator knows, and one that none does. */
static hone_string a_string(maker *m) {
    static const char *const list[] = {"NOTSET",
                                       "SAME_UPPER",
                                       "SAME_LOWER",
                                       "VALID",
                                       "linear",
                                       "nearest",
                                       "cubic",
                                       "bilinear",
                                       "constant",
                                       "reflect",
                                       "edge",
                                       "wrap",
                                       "zeros",
                                       "border",
                                       "reflection",
                                       "half_pixel",
                                       "asymmetric",
                                       "floor",
                                       "align_corners",
                                       "ceil",
                                       "round_prefer_floor",
                                       "DCR",
                                       "CRD",
                                       "forward",
                                       "reverse",
                                       "bidirectional",
                                       "tanh",
                                       "Tanh",
                                       "Sigmoid",
                                       "Relu",
                                       "none",
                                       "mean",
                                       "sum",
                                       "add",
                                       "mul",
                                       "max",
                                       "min",
                                       "avg",
                                       "LEFT",
                                       "RIGHT",
                                       "TF",
                                       "TFIDF",
                                       "SOFTMAX",
                                       "LOGISTIC",
                                       "MAX",
                                       "L2",
                                       "ij,jk->ik",
                                       "i->",
                                       "...ij->...ji",
                                       "bij,bjk",
                                       "a",
                                       "b",
                                       "nan",
                                       "?",
                                       "Gelu",
                                       "Clip",
                                       "BRANCH_LEQ",
                                       "LEAF",
                                       "LINEAR",
                                       "RBF",
                                       "UPPER",
                                       "LOWER",
                                       "stretch",
                                       "not_larger"};
    const char *text = list[maker_take(m, sizeof list / sizeof *list)];
    return (hone_string){text, strlen(text)};
}

static size_t list_of_ints(maker *m, const hone__node *node, const char *name, int64_t *v) {
    const hone__type *type = node->n_inputs && node->inputs[0] ? &node->inputs[0]->type : NULL;
    int rank = type && type->is_known && type->kind == HONE_KIND_TENSOR && type->rank > 0 ? type->rank : 2;
    unsigned how = maker_take(m, 16);
    size_t n = how < 6    ? (size_t)(rank > 2 ? rank - 2 : 1)
               : how < 9  ? (size_t)rank
               : how < 12 ? 1
                          : 1 + maker_take(m, 6);
    if (strcmp(name, "pads") == 0 && how < 12)
        n *= 2;
    if (strcmp(name, "perm") == 0) {
        n = (size_t)rank;
        for (size_t i = 0; i < n; i++)
            v[i] = (int64_t)((i + how) % n);
        return n;
    }
    for (size_t i = 0; i < n; i++)
        v[i] = strcmp(name, "axes") == 0 && how < 12 ? (int64_t)(i + how) % rank
               : strcmp(name, "pads") == 0           ? (int64_t)maker_take(m, 3)
               : strcmp(name, "kernel_shape") == 0 || strcmp(name, "strides") == 0 || strcmp(name, "dilations") == 0
                   ? 1 + (int64_t)maker_take(m, 3)
                   : an_int(m, name);
    return n;
}

/* ---- subgraphs ---- */

static hone__value *body_node(maker *m, hone__graph *body, const char *op, hone__value *const *in, size_t n) {
    hone__value *out;
    hone__node *node;
    if (hone__graph_add_value(body, op, &out, NULL) != HONE_OK ||
        hone__graph_add_node(body, NULL, "", op, NULL, in, n, &out, 1, &node, NULL) != HONE_OK)
        return NULL;
    node->opset = m->opset;
    node->op = hone__op_find("", op, m->opset);
    return out;
}

static hone__value *body_constant(maker *m, hone__graph *body, hone_dtype dtype) {
    int64_t dims[2] = {1 + maker_take(m, 2), 2};
    hone__value *value;
    hone_tensor *tensor = maker_tensor(m, dtype, dtype == HONE_DTYPE_BOOL ? 0 : (int)maker_take(m, 3), dims);
    if (!tensor || hone__graph_add_constant(body, "k", tensor, &value, NULL) != HONE_OK) {
        hone_tensor_destroy(tensor);
        return NULL;
    }
    return value;
}

/* A value of the graph around that any way to compute it makes the same. */
static hone__value *outer_value(maker *m) {
    const maker_value *v = m->n_values ? &m->values[maker_take(m, (unsigned)m->n_values)] : NULL;
    return v && v->trust == MAKER_EXACT ? v->value : NULL;
}

static hone__value *body_output(maker *m, hone__graph *body, size_t index) {
    static const char *const unary[] = {"Identity", "Neg", "Relu", "Shape", "Not", "Exp", "Floor"};
    static const char *const binary[] = {"Add", "Mul", "MatMul", "Sub", "Less", "Gather"};
    unsigned how = maker_take(m, 16);
    hone__value *x = body->n_inputs ? body->inputs[(index + how / 8) % body->n_inputs] : NULL;
    if (!x || how % 8 == 7)
        x = how != 7 && (x = outer_value(m)) ? x
                                             : body_constant(m, body, maker_dtype(m, HONE_SET(FLOAT) | HONE_SET(BOOL)));
    if (!x)
        return NULL;
    hone__value *in[2] = {x, x};
    if (how % 4 < 2)
        return body_node(m, body, unary[how < 8 ? 0 : maker_take(m, 7)], in, 1);
    if (how % 4 == 3 && (x = outer_value(m)))
        in[1] = x;
    return body_node(m, body, binary[maker_take(m, 6)], in, 2);
}

static hone__graph *a_graph(maker *m, hone__node *node) {
    bool is_loop = strcmp(node->op_type, "Loop") == 0, is_if = strcmp(node->op_type, "If") == 0;
    size_t n_in = is_if ? 0 : node->n_inputs, n_out = node->n_outputs + is_loop;
    hone__graph *body;
    if (hone__graph_create_subgraph(m->graph, "body", &body, NULL) != HONE_OK)
        return NULL;
    for (size_t i = 0; i < n_in; i++) {
        hone__value *value;
        if (hone__graph_add_value(body, "in", &value, NULL) != HONE_OK ||
            hone__graph_add_input(body, value, NULL) != HONE_OK)
            return NULL;
    }
    for (size_t i = 0; i < n_out; i++) {
        hone__value *value;
        if (i == 0 && is_loop && maker_take(m, 8)) {
            hone__value *in = n_in > 1 && maker_take(m, 2) ? body->inputs[1] : body_constant(m, body, HONE_DTYPE_BOOL);
            value = in ? body_node(m, body, "Identity", &in, 1) : NULL;
        } else {
            value = body_output(m, body, is_loop ? i + 1 : i);
        }
        if (!value || hone__graph_add_output(body, value, NULL) != HONE_OK)
            return NULL;
    }
    return body;
}

/* ---- all kinds ---- */

bool maker_attr(maker *m, hone__node *node, const hone__op_attr *want) {
    hone__attr attr = {.name = want->name, .type = want->type, .n = 1};
    int64_t ints[40];
    float floats[8];
    hone_string strings[8];
    int64_t dims[2] = {1 + (int64_t)maker_take(m, 3), 2};
    hone_tensor *tensor = NULL;
    switch (want->type) {
    case HONE_ATTR_FLOAT:
        attr.f = a_float(m);
        break;
    case HONE_ATTR_INT:
        attr.i = an_int(m, want->name);
        break;
    case HONE_ATTR_STRING:
        attr.s = a_string(m);
        break;
    case HONE_ATTR_TENSOR:
        tensor = maker_tensor(m, maker_dtype(m, HONE_SET_ALL), (int)maker_take(m, 3), dims);
        if (!tensor || hone__graph_adopt_tensor(m->graph, tensor, NULL) != HONE_OK) {
            hone_tensor_destroy(tensor);
            return false;
        }
        attr.t = tensor;
        break;
    case HONE_ATTR_GRAPH:
        attr.g = a_graph(m, node);
        if (!attr.g)
            return false;
        break;
    case HONE_ATTR_FLOATS:
        attr.n = maker_take(m, 8);
        for (size_t i = 0; i < attr.n; i++)
            floats[i] = a_float(m);
        attr.floats = floats;
        break;
    case HONE_ATTR_INTS:
        attr.n = list_of_ints(m, node, want->name, ints);
        attr.ints = ints;
        break;
    case HONE_ATTR_STRINGS:
        attr.n = 1 + maker_take(m, 6);
        for (size_t i = 0; i < attr.n; i++)
            strings[i] = a_string(m);
        attr.strings = strings;
        break;
    default:
        return false;
    }
    return hone__node_set_attr(node, &attr, NULL) == HONE_OK;
}
