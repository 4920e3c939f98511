/* Helpers of the passes; see pass_util.h. */
#include "passes/pass_util.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

bool hone__is_op_in(const hone__node *node, const char *domain, const char *op_type) {
    return node && strcmp(node->op_type, op_type) == 0 && strcmp(node->domain, domain) == 0;
}

bool hone__is_op(const hone__node *node, const char *op_type) { return hone__is_op_in(node, "", op_type); }

hone__node *hone__input_node(const hone__node *node, size_t i, const char *op_type) {
    hone__node *producer = i < node->n_inputs && node->inputs[i] ? node->inputs[i]->producer : NULL;
    return hone__is_op(producer, op_type) ? producer : NULL;
}

const hone_f32_unaligned *hone__const_float_view(const hone__value *value, int64_t *n) {
    if (!value || !value->constant || value->is_overridable || value->constant->kind != HONE_KIND_TENSOR ||
        value->constant->dtype != HONE_DTYPE_FLOAT)
        return NULL;
    *n = hone__tensor_count(value->constant);
    return value->constant->data;
}

const float *hone__const_floats(const hone__value *value, int64_t *n) {
    if (!hone__const_float_view(value, n))
        return NULL;
    /* A copy changes where the constant lies, not what the value is. */
    return hone__value_align((hone__value *)(uintptr_t)value, NULL) == HONE_OK ? value->constant->data : NULL;
}

bool hone__const_scalar(const hone__value *value, double *out) {
    if (!value || !value->constant || value->is_overridable || value->constant->kind != HONE_KIND_TENSOR ||
        hone__tensor_count(value->constant) != 1)
        return false;
    *out = hone_tensor_get_double(value->constant, 0);
    return !isnan(*out);
}

bool hone__const_near(const hone__value *value, double want) {
    double x;
    return hone__const_scalar(value, &x) && fabs(x - want) <= 1e-4 * fabs(want);
}

hone__value *hone__other_input(const hone__node *node, const hone__value *value) {
    if (node->n_inputs != 2)
        return NULL;
    return node->inputs[0] == value ? node->inputs[1] : node->inputs[1] == value ? node->inputs[0] : NULL;
}

int hone__scalar_input(const hone__node *node, double *out) {
    if (node->n_inputs != 2)
        return -1;
    for (int i = 1; i >= 0; i--)
        if (hone__const_scalar(node->inputs[i], out))
            return i;
    return -1;
}

bool hone__is_float(const hone__value *value) {
    return value && value->type.is_known && value->type.kind == HONE_KIND_TENSOR &&
           value->type.dtype == HONE_DTYPE_FLOAT;
}

int hone__value_rank(const hone__value *value) {
    return value && value->type.is_known && value->type.kind == HONE_KIND_TENSOR ? value->type.rank : -1;
}

int64_t hone__value_dim(const hone__value *value, int axis) {
    int rank = hone__value_rank(value);
    if (axis < 0)
        axis += rank;
    return rank < 0 || axis < 0 || axis >= rank ? -1 : value->type.dims[axis].value;
}

bool hone__same_shape(const hone__value *a, const hone__value *b) {
    int rank = hone__value_rank(a);
    if (rank < 0 || rank != hone__value_rank(b))
        return false;
    for (int i = 0; i < rank; i++) {
        const hone__dim *x = &a->type.dims[i], *y = &b->type.dims[i];
        bool same = x->value >= 0 ? x->value == y->value
                                  : y->value < 0 && x->symbol && y->symbol && strcmp(x->symbol, y->symbol) == 0;
        if (!same)
            return false;
    }
    return true;
}

hone_status hone__add_floats(hone__graph *graph, const char *name, int rank, const int64_t *dims, const float *data,
                             hone__value **out, hone_error *error) {
    hone_tensor *tensor;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &tensor, error));
    if (tensor->size)
        memcpy(tensor->data, data, tensor->size);
    hone_status status = hone__graph_add_constant(graph, name, tensor, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(tensor);
    return status;
}

hone_status hone__node_become(hone__node *node, const char *domain, const char *op_type, int64_t opset,
                              const char *pass, hone_error *error) {
    /* At the model's own opset where that has the operator, so that the graph can be written to a file. */
    int64_t imported = node->graph && !*domain ? hone__graph_get_opset(node->graph, "") : 0;
    opset = imported > opset ? imported : opset;
    const hone__op *op = hone__op_find(domain, op_type, opset);
    HONE_FAIL_IF(!op, error, HONE_ERROR_INTERNAL, "pass %s: operator %s.%s-%lld has no row", pass, domain, op_type,
                 (long long)opset);
    node->domain = op->domain;
    node->op_type = op->name;
    node->opset = opset;
    node->op = op;
    node->provenance = pass;
    return HONE_OK;
}

hone_status hone__node_absorb(hone__node *node, hone__node *last, hone_error *error) {
    hone__value *result = last->outputs[0];
    hone__graph_move_before(node, last);
    hone__graph_remove_node(last);
    return hone__node_set_output(node, 0, result, error);
}

hone_status hone__replace_pattern(hone__node *last, const char *domain, const char *op_type, int64_t opset,
                                  hone__value *const *inputs, size_t n_inputs, const char *pass, hone__node **out,
                                  hone_error *error) {
    hone__graph *graph = last->graph;
    hone__value *result = last->outputs[0];
    hone__node *after = last->next, *node;
    const char *name = last->name;
    hone__graph_remove_node(last);
    HONE_TRY(hone__graph_add_node(graph, after, domain, op_type, name, inputs, n_inputs, &result, 1, &node, error));
    HONE_TRY(hone__node_become(node, domain, op_type, opset, pass, error));
    if (out)
        *out = node;
    return HONE_OK;
}

static bool match_clip(const hone__node *node, float params[2]) {
    double bound;
    params[0] = -INFINITY;
    params[1] = INFINITY;
    if (node->op && node->op->since < 11) {
        params[0] = hone__node_attr_float(node, "min", -INFINITY);
        params[1] = hone__node_attr_float(node, "max", INFINITY);
        return true;
    }
    for (size_t i = 1; i < node->n_inputs && i < 3; i++) {
        if (!node->inputs[i])
            continue;
        if (!hone__const_scalar(node->inputs[i], &bound))
            return false;
        params[i - 1] = (float)bound;
    }
    return params[0] <= params[1];
}

bool hone__match_activation(const hone__node *node, const char **name, float params[2]) {
    static const char *const plain[] = {"Relu", "Sigmoid", "Tanh", "HardSwish", "Mish"};
    params[0] = params[1] = 0;
    if (!node || !hone__is_float(node->outputs[0]))
        return false;
    *name = node->op_type;
    if (hone__is_op_in(node, "hone", "Silu")) {
        params[0] = hone__node_attr_float(node, "alpha", 1.0f);
        return true;
    }
    if (*node->domain)
        return false;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(node->op_type, plain[i]) == 0)
            return true;
    if (hone__is_op(node, "Clip"))
        return match_clip(node, params);
    if (hone__is_op(node, "LeakyRelu")) {
        params[0] = hone__node_attr_float(node, "alpha", 0.01f);
        return true;
    }
    if (hone__is_op(node, "Elu")) {
        params[0] = hone__node_attr_float(node, "alpha", 1.0f);
        return true;
    }
    if (hone__is_op(node, "HardSigmoid")) {
        params[0] = hone__node_attr_float(node, "alpha", 0.2f);
        params[1] = hone__node_attr_float(node, "beta", 0.5f);
        return true;
    }
    if (hone__is_op(node, "Gelu")) {
        *name = strcmp(hone__node_attr_string(node, "approximate", "none"), "tanh") == 0 ? "GeluTanh" : "Gelu";
        return true;
    }
    return false;
}
