/* A node against its row, as the ONNX checker does it: counts, required inputs, attributes, types. */
#include "base/error.h"
#include "ops/op.h"

#include <stdio.h>
#include <string.h>

static const char *attr_type_name(hone__attr_type type) {
    static const char *const names[] = {"undefined", "a float",         "an integer",     "a string", "a tensor",
                                        "a graph",   "floats",          "integers",       "strings",  "tensors",
                                        "graphs",    "a sparse tensor", "sparse tensors", "a type",   "types"};
    return (size_t)type < sizeof names / sizeof *names ? names[type] : "undefined";
}

static hone_status fail_node(const hone__node *node, hone_error *error, hone_status status) {
    hone__error_node(error, node->name);
    return status;
}

static hone_status check_attrs(const hone__node *node, hone_error *error) {
    const hone__op *op = node->op;
    for (size_t i = 0; i < node->n_attrs; i++) {
        const hone__attr *attr = &node->attrs[i];
        const hone__op_attr *declared = NULL;
        for (size_t k = 0; k < op->n_attrs && !declared; k++)
            if (strcmp(op->attrs[k].name, attr->name) == 0)
                declared = &op->attrs[k];
        HONE_FAIL_IF(!declared, error, HONE_ERROR_MODEL, "%s-%d has no attribute \"%s\"", op->name, op->since,
                     attr->name);
        HONE_FAIL_IF(declared->type != attr->type, error, HONE_ERROR_MODEL,
                     "attribute \"%s\" of %s must be %s, but is %s", attr->name, op->name,
                     attr_type_name(declared->type), attr_type_name(attr->type));
    }
    for (size_t k = 0; k < op->n_attrs; k++)
        HONE_FAIL_IF(op->attrs[k].is_required && !hone__node_attr(node, op->attrs[k].name), error, HONE_ERROR_MODEL,
                     "%s lacks its attribute \"%s\"", op->name, op->attrs[k].name);
    return HONE_OK;
}

hone_status hone__op_check_node(const hone__node *node, hone_error *error) {
    const hone__op *op = node->op;
    if (!op) {
        const hone__op *other = hone__op_find_any(node->domain, node->op_type);
        if (other)
            hone__fail(error, HONE_ERROR_UNSUPPORTED, "%s exists since opset %d, the model imports opset %lld",
                       node->op_type, other->since, (long long)node->opset);
        else
            hone__fail(error, HONE_ERROR_UNSUPPORTED, "there is no operator \"%s\" in domain \"%s\"", node->op_type,
                       *node->domain ? node->domain : "ai.onnx");
        return fail_node(node, error, HONE_ERROR_UNSUPPORTED);
    }
    hone_status status = HONE_OK;
    bool many_in = op->flags & HONE_OP_VARIADIC_IN, many_out = op->flags & HONE_OP_VARIADIC_OUT;
    if (node->n_inputs < op->min_inputs || (node->n_inputs > op->n_inputs && !many_in))
        status = hone__fail(error, HONE_ERROR_MODEL, "%s-%d takes %u to %u inputs, the node has %zu", op->name,
                            op->since, op->min_inputs, op->n_inputs, node->n_inputs);
    else if (node->n_outputs < op->min_outputs || (node->n_outputs > op->n_outputs && !many_out))
        status = hone__fail(error, HONE_ERROR_MODEL, "%s-%d gives %u to %u outputs, the node has %zu", op->name,
                            op->since, op->min_outputs, op->n_outputs, node->n_outputs);
    for (size_t i = 0; status == HONE_OK && i < op->min_inputs; i++)
        if (!node->inputs[i] && i < op->n_inputs && !op->inputs[i].is_optional)
            status = hone__fail(error, HONE_ERROR_MODEL, "input %zu (\"%s\") of %s is required", i, op->inputs[i].name,
                                op->name);
    if (status == HONE_OK)
        status = check_attrs(node, error);
    return status == HONE_OK ? HONE_OK : fail_node(node, error, status);
}

/* The type of the tensors in a value; UNDEFINED when not known. */
static hone_dtype inner_dtype(const hone__type *type) {
    while (type && type->is_known && type->kind != HONE_KIND_TENSOR)
        type = type->elem;
    return type && type->is_known ? type->dtype : HONE_DTYPE_UNDEFINED;
}

static const hone__op_param *param_at(const hone__op_param *params, size_t n, size_t i) {
    return n == 0 ? NULL : &params[i < n ? i : n - 1];
}

bool hone__op_takes_types(const hone__node *node, hone_dtype *dtype, char *reason, size_t size) {
    const hone__op *op = node->op;
    for (size_t i = 0; i < node->n_inputs + node->n_outputs; i++) {
        const bool is_input = i < node->n_inputs;
        const size_t k = is_input ? i : i - node->n_inputs;
        const hone__value *value = is_input ? node->inputs[k] : node->outputs[k];
        const hone__op_param *param =
            is_input ? param_at(op->inputs, op->n_inputs, k) : param_at(op->outputs, op->n_outputs, k);
        *dtype = value ? inner_dtype(&value->type) : HONE_DTYPE_UNDEFINED;
        if (!param || !param->types || *dtype == HONE_DTYPE_UNDEFINED || hone__dtype_in(*dtype, param->types))
            continue;
        snprintf(reason, size, "%s \"%.80s\" of %.80s (since opset %d) cannot be %s", is_input ? "input" : "output",
                 param->name ? param->name : "", node->op_type, op->since, hone_dtype_name(*dtype));
        return false;
    }
    return true;
}

static hone_dtype dtype_of(const hone_tensor *t) {
    while (t->kind != HONE_KIND_TENSOR && t->n_items)
        t = t->items[0];
    return t->kind == HONE_KIND_TENSOR ? t->dtype : HONE_DTYPE_UNDEFINED;
}

hone_status hone__op_check_values(const hone__node *node, const hone_tensor *const *in, size_t n_in,
                                  hone_error *error) {
    const hone__op *op = node->op;
    hone_dtype bound[256] = {0};
    for (size_t i = 0; i < n_in; i++) {
        const hone__op_param *param = param_at(op->inputs, op->n_inputs, i);
        if (!in[i] || !param)
            continue;
        const unsigned kinds = param->kinds ? param->kinds : 1u << HONE_KIND_TENSOR;
        const hone_dtype dtype = dtype_of(in[i]);
        hone_dtype *same = &bound[(uint8_t)param->var];
        if (!(kinds & 1u << in[i]->kind) ||
            (dtype && param->types && in[i]->kind != HONE_KIND_MAP && !hone__dtype_in(dtype, param->types))) {
            char text[160];
            hone__fail(error, HONE_ERROR_TYPE, "input \"%s\" of %s (since opset %d) cannot be %s",
                       param->name ? param->name : "", op->name, op->since,
                       hone__tensor_describe(in[i], text, sizeof text));
            return fail_node(node, error, HONE_ERROR_TYPE);
        }
        if (!param->var || !dtype || in[i]->kind != HONE_KIND_TENSOR)
            continue;
        if (*same && *same != dtype) {
            hone__fail(error, HONE_ERROR_TYPE, "input \"%s\" of %s is of %s, another one of the same type is of %s",
                       param->name ? param->name : "", op->name, hone_dtype_name(dtype), hone_dtype_name(*same));
            return fail_node(node, error, HONE_ERROR_TYPE);
        }
        *same = dtype;
    }
    return HONE_OK;
}
