/* Matching helpers of the passes for transformers; see pass_match.h. */
#include "passes/pass_match.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 8 };

bool hone__near(double a, double b) { return fabs(a - b) <= 1e-3 * fabs(b); }

static bool one_element(const hone__value *value) {
    int rank = hone__value_rank(value);
    if (rank < 0)
        return false;
    for (int i = 0; i < rank; i++)
        if (value->type.dims[i].value != 1)
            return false;
    return true;
}

static bool scalar_at(const hone__value *value, double *out, int depth);

static bool scalar_binary(const hone__node *node, double *out, int depth) {
    double a, b;
    if (node->n_inputs != 2 || !scalar_at(node->inputs[0], &a, depth) || !scalar_at(node->inputs[1], &b, depth))
        return false;
    if (hone__is_op(node, "Mul"))
        *out = a * b;
    else if (hone__is_op(node, "Add"))
        *out = a + b;
    else if (hone__is_op(node, "Sub"))
        *out = a - b;
    else if (hone__is_op(node, "Pow"))
        *out = pow(a, b);
    else
        *out = a / b;
    return isfinite(*out);
}

static bool is_one_of(const hone__node *node, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (hone__is_op(node, names[i]))
            return true;
    return false;
}

static bool is_floating(const hone__value *value) {
    return value->type.is_known && (value->type.dtype == HONE_DTYPE_FLOAT || value->type.dtype == HONE_DTYPE_DOUBLE);
}

static bool scalar_at(const hone__value *value, double *out, int depth) {
    static const char *const same[] = {"Identity", "Unsqueeze", "Squeeze", "Reshape", "Expand"};
    static const char *const binary[] = {"Mul", "Div", "Add", "Sub", "Pow"};
    if (!value || depth > MAX_DEPTH)
        return false;
    if (hone__const_scalar(value, out))
        return true;
    if (value->sym && value->n_sym == 1 && value->sym[0].is_known) {
        *out = (double)value->sym[0].value;
        return true;
    }
    const hone__node *node = value->producer;
    if (!node || node->n_inputs == 0 || !one_element(value))
        return false;
    if (is_one_of(node, same, 5))
        return scalar_at(node->inputs[0], out, depth + 1);
    if (!is_floating(value)) /* integer division and casts to integers truncate */
        return false;
    if (hone__is_op(node, "Cast"))
        return scalar_at(node->inputs[0], out, depth + 1);
    if (is_one_of(node, binary, 5))
        return scalar_binary(node, out, depth + 1);
    if (!scalar_at(node->inputs[0], out, depth + 1))
        return false;
    if (hone__is_op(node, "Sqrt"))
        *out = sqrt(*out);
    else if (hone__is_op(node, "Reciprocal"))
        *out = 1 / *out;
    else if (hone__is_op(node, "Neg"))
        *out = -*out;
    else
        return false;
    return isfinite(*out);
}

bool hone__known_scalar(const hone__value *value, double *out) { return scalar_at(value, out, 0); }

bool hone__known_ints(const hone__value *value, int64_t *out, size_t max, size_t *n) {
    if (!value)
        return false;
    if (value->constant && !value->is_overridable && value->constant->kind == HONE_KIND_TENSOR) {
        int64_t count = hone__tensor_count(value->constant);
        if (count < 0 || (uint64_t)count > max)
            return false;
        for (int64_t i = 0; i < count; i++)
            if (!hone__tensor_get_i64(value->constant, i, &out[i]))
                return false;
        *n = (size_t)count;
        return true;
    }
    if (!value->sym || value->n_sym > max)
        return false;
    for (size_t i = 0; i < value->n_sym; i++) {
        if (!value->sym[i].is_known)
            return false;
        out[i] = value->sym[i].value;
    }
    *n = value->n_sym;
    return true;
}

uint32_t hone__reduced_axes(const hone__node *node) {
    int rank = node->n_inputs ? hone__value_rank(node->inputs[0]) : -1;
    int64_t axes[HONE_MAX_RANK];
    size_t n;
    const int64_t *given = hone__node_attr_ints(node, "axes", &n);
    if (given ? n > HONE_MAX_RANK : node->n_inputs < 2 || !hone__known_ints(node->inputs[1], axes, HONE_MAX_RANK, &n))
        return 0;
    uint32_t mask = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t axis = given ? given[i] : axes[i];
        axis = axis < 0 ? axis + rank : axis;
        if (axis < 0 || axis >= rank || axis >= 32)
            return 0;
        mask |= 1u << axis;
    }
    return mask;
}

static bool is_transparent(const hone__node *node) {
    if (hone__is_op(node, "Identity"))
        return true;
    if (!hone__is_op(node, "Cast") || !node->inputs[0]->type.is_known || node->inputs[0]->type.kind != HONE_KIND_TENSOR)
        return false;
    return hone__node_attr_int(node, "to", 0) == (int64_t)node->inputs[0]->type.dtype;
}

hone__value *hone__behind_casts(hone__value *value) {
    while (value && value->producer && is_transparent(value->producer))
        value = value->producer->inputs[0];
    return value;
}

hone__node *hone__next_node(hone__value *value, hone__value **link) {
    for (;;) {
        hone__node *next = hone__value_single_consumer(value);
        if (!next || !is_transparent(next)) {
            if (link)
                *link = value;
            return next;
        }
        value = next->outputs[0];
    }
}

const char *hone__describe_uses(const hone__value *value, char *buf, size_t size) {
    const char *name = value->producer ? value->producer->name : value->name;
    if (value->n_output_uses)
        snprintf(buf, size, "node %s gives an output of the graph", name);
    else if (value->n_uses == 1)
        snprintf(buf, size, "node %s is read by a body of control flow", name);
    else if (value->n_uses == 2)
        snprintf(buf, size, "node %s has two consumers", name);
    else
        snprintf(buf, size, "node %s has %zu consumers", name, value->n_uses);
    return buf;
}

/* ---- polynomials ---- */

static bool poly_at(const hone__value *value, const hone__value *x, double c[HONE_POLY], int depth);

static bool multiply(const double a[HONE_POLY], const double b[HONE_POLY], double c[HONE_POLY]) {
    double out[2 * HONE_POLY] = {0};
    for (int i = 0; i < HONE_POLY; i++)
        for (int j = 0; j < HONE_POLY; j++)
            out[i + j] += a[i] * b[j];
    for (int i = HONE_POLY; i < 2 * HONE_POLY; i++)
        if (out[i] != 0)
            return false;
    memcpy(c, out, HONE_POLY * sizeof *c);
    return true;
}

static bool poly_pow(const hone__node *node, const hone__value *x, double c[HONE_POLY], int depth) {
    double exponent, base[HONE_POLY];
    if (!hone__known_scalar(node->inputs[1], &exponent) || (exponent != 2 && exponent != 3) ||
        !poly_at(node->inputs[0], x, base, depth))
        return false;
    return multiply(base, base, c) && (exponent == 2 || multiply(c, base, c));
}

static bool poly_at(const hone__value *value, const hone__value *x, double c[HONE_POLY], int depth) {
    double a[HONE_POLY], b[HONE_POLY], k;
    memset(c, 0, HONE_POLY * sizeof *c);
    if (value == x) {
        c[1] = 1;
        return true;
    }
    if (hone__known_scalar(value, &k)) {
        c[0] = k;
        return true;
    }
    const hone__node *node = value->producer;
    if (!node || depth > MAX_DEPTH || node->n_inputs == 0)
        return false;
    if (is_transparent(node))
        return poly_at(node->inputs[0], x, c, depth + 1);
    if (hone__is_op(node, "Neg") && poly_at(node->inputs[0], x, c, depth + 1)) {
        for (int i = 0; i < HONE_POLY; i++)
            c[i] = -c[i];
        return true;
    }
    if (node->n_inputs != 2)
        return false;
    if (hone__is_op(node, "Pow"))
        return poly_pow(node, x, c, depth + 1);
    bool is_mul = hone__is_op(node, "Mul"), is_div = hone__is_op(node, "Div"), is_sub = hone__is_op(node, "Sub");
    if ((!is_mul && !is_div && !is_sub && !hone__is_op(node, "Add")) || !poly_at(node->inputs[0], x, a, depth + 1) ||
        !poly_at(node->inputs[1], x, b, depth + 1))
        return false;
    if (is_mul)
        return multiply(a, b, c);
    if (is_div && (b[0] == 0 || b[1] != 0 || b[2] != 0 || b[3] != 0))
        return false;
    for (int i = 0; i < HONE_POLY; i++)
        c[i] = is_div ? a[i] / b[0] : is_sub ? a[i] - b[i] : a[i] + b[i];
    return true;
}

bool hone__match_poly(const hone__value *value, const hone__value *x, double c[HONE_POLY]) {
    return poly_at(value, x, c, 0);
}

static bool as_wanted(const double want[HONE_POLY], const double c[HONE_POLY]) {
    for (int i = 0; i < HONE_POLY; i++)
        if (want[i] == 0 ? fabs(c[i]) > 1e-9 : !hone__near(c[i], want[i]))
            return false;
    return true;
}

static hone__value *find_poly(hone__value *value, hone__value *at, const double want[HONE_POLY], double c[HONE_POLY],
                              int depth) {
    static const char *const arithmetic[] = {"Mul", "Div", "Add", "Sub", "Pow", "Neg", "Identity", "Cast"};
    if (poly_at(value, at, c, 0) && as_wanted(want, c))
        return at;
    hone__node *node = at->producer;
    if (depth > 5 || !is_one_of(node, arithmetic, 8))
        return NULL;
    for (size_t i = 0; i < node->n_inputs; i++) {
        hone__value *found = find_poly(value, node->inputs[i], want, c, depth + 1);
        if (found)
            return found;
    }
    return NULL;
}

hone__value *hone__find_poly(hone__value *value, const double want[HONE_POLY], double c[HONE_POLY]) {
    return find_poly(value, value, want, c, 0);
}

/* ---- making ---- */

hone_status hone__add_filled(hone__graph *graph, const char *name, int rank, const int64_t *dims, float x,
                             hone__value **out, hone_error *error) {
    hone_tensor *tensor;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &tensor, error));
    for (int64_t i = 0; i < hone__tensor_count(tensor); i++)
        ((float *)tensor->data)[i] = x;
    hone_status status = hone__graph_add_constant(graph, name, tensor, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(tensor);
    return status;
}

hone_status hone__insert_node(hone__graph *graph, hone__node *before, const char *op_type, int64_t opset,
                              hone__value *const *inputs, size_t n_inputs, hone_dtype dtype, int rank,
                              const hone__dim *dims, const char *pass, hone__node **out, hone_error *error) {
    hone__value *value;
    hone__node *node;
    int64_t model = hone__graph_get_opset(graph, "");
    bool is_one_form = strcmp(op_type, "Squeeze") != 0 && strcmp(op_type, "Unsqueeze") != 0; /* others never changed */
    if (is_one_form && model > 0 && model < opset && hone__op_find("", op_type, model))
        opset = model; /* so that it can be written to the model's file */
    HONE_TRY(hone__graph_add_value(graph, op_type, &value, error));
    if (hone__type_set_tensor(hone__graph_arena(graph), &value->type, dtype, rank, dims) != HONE_OK)
        return hone__fail_memory(error, pass);
    HONE_TRY(hone__graph_add_node(graph, before, "", op_type, NULL, inputs, n_inputs, &value, 1, &node, error));
    HONE_TRY(hone__node_become(node, "", op_type, opset, pass, error));
    if (out)
        *out = node;
    return HONE_OK;
}

hone_status hone__insert_transpose(hone__graph *graph, hone__node *before, hone__value *x, const int64_t *perm,
                                   const char *pass, hone__value **out, hone_error *error) {
    int rank = hone__value_rank(x);
    hone__dim dims[HONE_MAX_RANK];
    hone__node *node;
    for (int i = 0; i < rank; i++)
        dims[i] = x->type.dims[perm[i]];
    HONE_TRY(hone__insert_node(graph, before, "Transpose", 13, &x, 1, x->type.dtype, rank, dims, pass, &node, error));
    HONE_TRY(hone__node_set_attr_ints(node, "perm", perm, (size_t)rank, error));
    *out = node->outputs[0];
    return HONE_OK;
}
