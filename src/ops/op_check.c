/* A node against its row, as the ONNX checker does it: counts, required inputs, attributes. */
#include "base/error.h"
#include "ops/op.h"

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
