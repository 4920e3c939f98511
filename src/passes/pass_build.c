/* Making operators of the standard at the model's opset; see pass_build.h. */
#include "passes/pass_build.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "ops/op_help.h"

#include <math.h>
#include <string.h>

enum { MAX_LOOKED_AT = 4096 };

int64_t hone__pass_opset(const hone__pass_context *ctx) { return hone__graph_get_opset(ctx->graph, ""); }

bool hone__pass_can(const hone__pass_context *ctx, const char *op_type, int since) {
    int64_t opset = hone__pass_opset(ctx);
    const hone__op *op = opset > 0 ? hone__op_find("", op_type, opset) : NULL;
    return op && op->since >= since && hone__pass_may_make(ctx, "", op_type, opset);
}

hone_status hone__pass_insert(hone__pass_context *ctx, hone__node *before, const char *op_type,
                              hone__value *const *inputs, size_t n_inputs, const char *like, hone__node **out,
                              hone_error *error) {
    hone__value *value;
    hone__node *node;
    HONE_TRY(hone__graph_add_value(before->graph, like, &value, error));
    HONE_TRY(hone__graph_add_node(before->graph, before, "", op_type, like, inputs, n_inputs, &value, 1, &node, error));
    HONE_TRY(hone__node_become(node, "", op_type, hone__pass_opset(ctx), ctx->pass->name, error));
    *out = node;
    return HONE_OK;
}

hone_status hone__pass_type(hone__node *node, hone_error *error) {
    hone__arena arena, *keep = hone__graph_arena(node->graph);
    hone__arena_init(&arena);
    size_t n_in = node->n_inputs + 1, n_out = node->n_outputs + 1;
    const hone__type **in = hone__arena_calloc(&arena, n_in, sizeof *in);
    const hone_tensor **in_const = hone__arena_calloc(&arena, n_in, sizeof *in_const);
    const hone__sym **in_sym = hone__arena_calloc(&arena, n_in, sizeof *in_sym);
    size_t *in_n_sym = hone__arena_calloc(&arena, n_in, sizeof *in_n_sym);
    hone__type *out = hone__arena_calloc(&arena, n_out, sizeof *out);
    hone__sym **out_sym = hone__arena_calloc(&arena, n_out, sizeof *out_sym);
    size_t *out_n_sym = hone__arena_calloc(&arena, n_out, sizeof *out_n_sym);
    hone_status status = HONE_OK;
    if (!in || !in_const || !in_sym || !in_n_sym || !out || !out_sym || !out_n_sym) {
        status = hone__fail_memory(error, "inference");
        goto cleanup;
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        if (!value)
            continue;
        in[i] = &value->type;
        in_const[i] = hone__is_constant(value) ? value->constant : NULL;
        in_sym[i] = value->sym;
        in_n_sym[i] = value->n_sym;
    }
    for (size_t i = 0; i < node->n_outputs; i++)
        out[i].rank = -1;
    hone__infer infer = {.node = node,
                         .n_in = node->n_inputs,
                         .n_out = node->n_outputs,
                         .in = in,
                         .in_const = in_const,
                         .in_sym = in_sym,
                         .in_n_sym = in_n_sym,
                         .out = out,
                         .out_sym = out_sym,
                         .out_n_sym = out_n_sym,
                         .arena = &arena,
                         .error = error};
    HONE_CHECK(hone__op_infer_node(&infer));
    for (size_t i = 0; i < node->n_outputs && status == HONE_OK; i++)
        if (node->outputs[i] && !node->outputs[i]->type.is_known &&
            hone__type_copy(keep, &out[i], &node->outputs[i]->type) != HONE_OK)
            status = hone__fail_memory(error, "a type");
cleanup:
    hone__arena_deinit(&arena);
    if (status != HONE_OK)
        hone__error_node(error, node->name);
    return status;
}

hone_status hone__pass_replace(hone__pass_context *ctx, hone__node *last, const char *op_type,
                               hone__value *const *inputs, size_t n_inputs, hone__node **out, hone_error *error) {
    /* The list may be the node's own, which removing it empties. */
    hone__value **copy = hone__arena_calloc(hone__graph_arena(ctx->graph), n_inputs + 1, sizeof *copy);
    if (!copy)
        return hone__fail_memory(error, "a list of inputs");
    memcpy(copy, inputs, n_inputs * sizeof *copy);
    return hone__replace_pattern(last, "", op_type, hone__pass_opset(ctx), copy, n_inputs, ctx->pass->name, out, error);
}

hone_status hone__pass_bypass(hone__pass_context *ctx, hone__node *node, hone__value *to, bool *done,
                              hone_error *error) {
    hone__value *from = node->outputs[0];
    *done = false;
    if (from == to || (from->n_output_uses && to->graph != node->graph))
        return HONE_OK;
    hone_status status = hone__graph_replace_value(from, to, error);
    if (status == HONE_ERROR_ARGUMENT) {
        hone_error_clear(error);
        return HONE_OK;
    }
    HONE_TRY(status);
    hone__graph_remove_node(node);
    *done = true;
    ctx->n_changed++;
    return HONE_OK;
}

hone_status hone__pass_transpose_constant(hone__pass_context *ctx, hone__node *before, hone__value *from,
                                          const int64_t *perm, size_t rank, hone__value **out, hone_error *error) {
    HONE_TRY(hone__value_align(from, error));
    const hone_tensor *t = from->constant;
    *out = from;
    if (hone__tensor_count(t) == 1 && t->rank <= 1)
        return HONE_OK;
    int64_t dims[HONE_MAX_RANK];
    size_t lead = rank - (size_t)t->rank;
    for (size_t i = 0; i < rank; i++)
        dims[i] = i < lead ? 1 : t->dims[i - lead];
    hone_tensor view, *result = NULL;
    hone__tensor_view(&view, t->dtype, (int)rank, dims, t->data, t->size);
    const hone_tensor *in[1] = {&view};
    hone__node *node;
    HONE_TRY(hone__pass_insert(ctx, before, "Transpose", &from, 1, from->name, &node, error));
    HONE_TRY(hone__node_set_attr_ints(node, "perm", perm, rank, error));
    hone_status status = hone__op_eval_node(node, in, 1, &result, 1, error);
    hone__graph_remove_node(node);
    HONE_TRY(status);
    status = hone__graph_add_constant(ctx->graph, from->name, result, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(result);
    return status;
}

/* ---- integers ---- */

bool hone__is_constant(const hone__value *value) {
    return value && value->constant && !value->is_overridable && value->constant->kind == HONE_KIND_TENSOR;
}

bool hone__const_ints(const hone__value *value, int64_t *v, size_t max, size_t *n) {
    if (!hone__is_constant(value) || hone__tensor_count(value->constant) > (int64_t)max)
        return false;
    *n = (size_t)hone__tensor_count(value->constant);
    for (size_t i = 0; i < *n; i++)
        if (!hone__tensor_get_i64(value->constant, (int64_t)i, &v[i]))
            return false;
    return true;
}

hone__ints hone__pass_get_ints(const hone__node *node, const char *attr, size_t input, int64_t *v, size_t max,
                               size_t *n) {
    const int64_t *ints = hone__node_attr_ints(node, attr, n);
    if (ints || *n) {
        if (*n > max)
            return HONE_INTS_UNKNOWN;
        memcpy(v, ints, *n * sizeof *v);
        return HONE_INTS_KNOWN;
    }
    if (hone__node_attr(node, attr))
        return HONE_INTS_KNOWN; /* an empty list */
    if (input >= node->n_inputs || !node->inputs[input])
        return HONE_INTS_ABSENT;
    return hone__const_ints(node->inputs[input], v, max, n) ? HONE_INTS_KNOWN : HONE_INTS_UNKNOWN;
}

static bool row_has_attr(const hone__op *op, const char *name) {
    for (size_t i = 0; i < op->n_attrs; i++)
        if (strcmp(op->attrs[i].name, name) == 0)
            return true;
    return false;
}

hone_status hone__pass_put_ints(hone__node *node, const char *attr, size_t input, const int64_t *v, size_t n,
                                hone_error *error) {
    hone__value *value;
    if (row_has_attr(node->op, attr))
        return hone__node_set_attr_ints(node, attr, v, n, error);
    HONE_TRY(hone__add_ints(node->graph, attr, v, n, &value, error));
    return hone__node_set_input(node, input, value, error);
}

hone_status hone__add_ints(hone__graph *graph, const char *name, const int64_t *v, size_t n, hone__value **out,
                           hone_error *error) {
    hone_tensor *tensor;
    int64_t dim = (int64_t)n;
    HONE_TRY(hone_tensor_create(HONE_DTYPE_INT64, 1, &dim, &tensor, error));
    if (n)
        memcpy(tensor->data, v, n * sizeof *v);
    hone_status status = hone__graph_add_constant(graph, name, tensor, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(tensor);
    return status;
}

hone_status hone__add_scalar(hone__graph *graph, const char *name, hone_dtype dtype, double x, hone__value **out,
                             hone_error *error) {
    hone_tensor *tensor;
    HONE_TRY(hone_tensor_create(dtype, 0, NULL, &tensor, error));
    hone__tensor_put_double(tensor, 0, x);
    hone_status status = hone__graph_add_constant(graph, name, tensor, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(tensor);
    return status;
}

/* ---- constants ---- */

static bool is_float_dtype(hone_dtype dtype) {
    return dtype == HONE_DTYPE_FLOAT || dtype == HONE_DTYPE_DOUBLE || dtype == HONE_DTYPE_FLOAT16 ||
           dtype == HONE_DTYPE_BFLOAT16;
}

/* Every element is zero or a normal number of its type. */
static bool is_tame(const hone_tensor *t) {
    if (!is_float_dtype(t->dtype))
        return true;
    double least = t->dtype == HONE_DTYPE_DOUBLE ? 2.3e-308 : t->dtype == HONE_DTYPE_FLOAT16 ? 6.2e-5 : 1.2e-38;
    int64_t n = hone__tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        double x = hone_tensor_get_double(t, i);
        if (!isfinite(x) || (x != 0 && fabs(x) < least))
            return false;
    }
    return true;
}

hone_status hone__pass_compute(hone__pass_context *ctx, hone__node *before, const char *op_type, hone__value *a,
                               hone__value *b, hone__value **out, hone_error *error) {
    hone__value *in[2] = {a, b};
    hone_tensor *result = NULL;
    hone__node *node;
    *out = NULL;
    HONE_TRY(hone__value_align(a, error));
    if (b)
        HONE_TRY(hone__value_align(b, error));
    const hone_tensor *data[2] = {a->constant, b ? b->constant : NULL};
    HONE_TRY(hone__pass_insert(ctx, before, op_type, in, b ? 2 : 1, a->name, &node, error));
    hone_status status = hone__op_eval_node(node, data, b ? 2 : 1, &result, 1, error);
    hone__graph_remove_node(node);
    if (status == HONE_ERROR_MEMORY)
        return status;
    hone_error_clear(error);
    if (status != HONE_OK || !result)
        return HONE_OK;
    if (result->kind != HONE_KIND_TENSOR || !is_tame(result)) {
        hone_tensor_destroy(result);
        return HONE_OK;
    }
    status = hone__graph_add_constant(before->graph, a->name, result, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(result);
    return status;
}

bool hone__const_is_all(const hone__value *value, double x) {
    if (!hone__is_constant(value) || value->constant->dtype == HONE_DTYPE_STRING ||
        hone__tensor_count(value->constant) > MAX_LOOKED_AT || hone__tensor_count(value->constant) == 0)
        return false;
    int64_t n = hone__tensor_count(value->constant), first;
    hone_dtype dtype = value->constant->dtype;
    bool is_int = hone__tensor_get_i64(value->constant, 0, &first);
    if (!is_int && !is_float_dtype(dtype))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (hone_tensor_get_double(value->constant, i) != x)
            return false;
    return true;
}

/* ---- shapes ---- */

bool hone__pass_shapes_hold(const hone__graph *graph) {
    for (; graph->owner; graph = graph->parent)
        if (!hone__is_op(graph->owner, "If"))
            return false;
    return true;
}

bool hone__normal_axes(int64_t *axes, size_t n, int rank) {
    if (rank < 0 || n > (size_t)rank)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (axes[i] < -rank || axes[i] >= rank)
            return false;
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        size_t at = i;
        for (; at > 0 && axes[at - 1] >= axis; at--) {
            if (axes[at - 1] == axis)
                return false;
            axes[at] = axes[at - 1];
        }
        axes[at] = axis;
    }
    return true;
}

bool hone__static_dims(const hone__value *value, int64_t *dims) {
    if (!value || !value->type.is_known || value->type.kind != HONE_KIND_TENSOR || value->type.rank > HONE_MAX_RANK ||
        !hone__type_is_static(&value->type))
        return false;
    for (int i = 0; i < value->type.rank; i++)
        dims[i] = value->type.dims[i].value;
    return true;
}

hone_dtype hone__value_dtype(const hone__value *value) {
    return value && value->type.is_known && value->type.kind == HONE_KIND_TENSOR ? value->type.dtype
                                                                                 : HONE_DTYPE_UNDEFINED;
}

bool hone__only_first_output(const hone__node *node) {
    for (size_t i = 1; i < node->n_outputs; i++)
        if (node->outputs[i] && (node->outputs[i]->n_uses || node->outputs[i]->n_output_uses))
            return false;
    return node->n_outputs > 0 && node->outputs[0];
}

static bool same_dim(const hone__dim *a, const hone__dim *b) {
    if (a->value >= 0 || b->value >= 0)
        return a->value == b->value;
    return a->symbol && b->symbol && strcmp(a->symbol, b->symbol) == 0;
}

hone__value *hone__pass_unflattened(const hone__node *reshape, const hone__node *product) {
    const hone__node *flatten = product->n_inputs > 1 && product->inputs[0] ? product->inputs[0]->producer : NULL;
    if (!hone__is_op(reshape, "Reshape") || hone__value_single_consumer(product->outputs[0]) != reshape ||
        product->graph != reshape->graph || reshape->inputs[0] != product->outputs[0] ||
        !hone__pass_shapes_hold(reshape->graph) ||
        (!hone__is_op(flatten, "Reshape") && !hone__is_op(flatten, "Flatten")) ||
        !hone__is_constant(product->inputs[1]) || product->inputs[1]->constant->rank != 2 ||
        hone__value_rank(product->inputs[0]) != 2)
        return NULL;
    hone__value *x = flatten->inputs[0];
    const hone__value *y = reshape->outputs[0];
    int rank = hone__value_rank(x);
    if (rank < 3 || hone__value_rank(y) != rank || hone__value_dim(x, -1) <= 0 ||
        hone__value_dim(x, -1) != hone__value_dim(product->inputs[0], -1) ||
        hone__value_dim(y, -1) != hone__value_dim(product->outputs[0], -1) || y->n_output_uses)
        return NULL;
    int n_open = 0; /* the number of rows is the same, so that one unknown dim follows from the others */
    for (int i = 0; i + 1 < rank; i++) {
        const hone__dim *a = &x->type.dims[i], *b = &y->type.dims[i];
        if (!same_dim(a, b) && ((a->value >= 0 && b->value >= 0) || n_open++))
            return NULL;
    }
    return x;
}
