/* Inference of one node: the row's constraints first, then the row's own function, then what is known of
 * small integer data. Also the helpers that inference functions share. */
#include "ops/op.h"

#include "base/checked.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

hone__dim hone__dim_known(int64_t value) { return (hone__dim){value, NULL}; }
hone__dim hone__dim_unknown(void) { return (hone__dim){-1, NULL}; }

hone_status hone__infer_fail(hone__infer *ctx, hone_status status, const char *fmt, ...) {
    char text[640];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return hone__fail(ctx->error, status, "%s: %s", ctx->node->op_type, text);
}

const hone__type *hone__infer_input(const hone__infer *ctx, size_t i) {
    return i < ctx->n_in && ctx->in[i] && ctx->in[i]->is_known ? ctx->in[i] : NULL;
}

bool hone__infer_has_rank(const hone__infer *ctx, size_t i) {
    const hone__type *type = hone__infer_input(ctx, i);
    return type && type->kind == HONE_KIND_TENSOR && type->rank >= 0;
}

hone_status hone__infer_set(hone__infer *ctx, size_t i, hone_dtype dtype, int rank, const hone__dim *dims) {
    if (i >= ctx->n_out)
        return HONE_OK;
    if (rank > HONE_MAX_RANK)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "output %zu would have rank %d, more than %d", i, rank,
                                (int)HONE_MAX_RANK);
    if (hone__type_set_tensor(ctx->arena, &ctx->out[i], dtype, rank, dims) != HONE_OK)
        return hone__fail_memory(ctx->error, "a type");
    return HONE_OK;
}

hone_status hone__infer_set_dtype(hone__infer *ctx, size_t i, hone_dtype dtype) {
    return hone__infer_set(ctx, i, dtype, -1, NULL);
}

hone_status hone__infer_same(hone__infer *ctx, size_t out, size_t in) {
    const hone__type *type = hone__infer_input(ctx, in);
    if (!type || out >= ctx->n_out)
        return HONE_OK;
    if (hone__type_copy(ctx->arena, type, &ctx->out[out]) != HONE_OK)
        return hone__fail_memory(ctx->error, "a type");
    return HONE_OK;
}

static bool same_symbol(hone__dim a, hone__dim b) {
    return a.symbol && b.symbol && *a.symbol && strcmp(a.symbol, b.symbol) == 0;
}

static bool broadcast_dim(hone__dim a, hone__dim b, hone__dim *out) {
    if (a.value == 1)
        *out = b;
    else if (b.value == 1)
        *out = a;
    else if (a.value >= 0 && b.value >= 0) {
        *out = a;
        return a.value == b.value;
    } else if (a.value >= 0)
        *out = a;
    else if (b.value >= 0)
        *out = b;
    else
        *out = same_symbol(a, b) ? a : hone__dim_unknown();
    return true;
}

hone_status hone__infer_broadcast(hone__infer *ctx, const hone__type *a, const hone__type *b, hone__dim *dims,
                                  int *rank) {
    int n = a->rank > b->rank ? a->rank : b->rank;
    for (int i = 1; i <= n; i++) {
        hone__dim x = i <= a->rank ? a->dims[a->rank - i] : hone__dim_known(1);
        hone__dim y = i <= b->rank ? b->dims[b->rank - i] : hone__dim_known(1);
        hone__dim z;
        if (!broadcast_dim(x, y, &z)) {
            char ta[200], tb[200];
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "shapes %s and %s cannot be broadcast together",
                                    hone__type_describe(a, ta, sizeof ta), hone__type_describe(b, tb, sizeof tb));
        }
        dims[n - i] = z; /* dims may be a's own array: element n - i is read before it is written */
    }
    *rank = n;
    return HONE_OK;
}

bool hone__infer_ints(const hone__infer *ctx, size_t i, int64_t *v, size_t max, size_t *n) {
    *n = 0;
    if (i >= ctx->n_in)
        return false;
    const hone_tensor *t = ctx->in_const ? ctx->in_const[i] : NULL;
    if (t && t->kind == HONE_KIND_TENSOR && t->rank <= 1) {
        int64_t count = hone__tensor_count(t);
        if ((uint64_t)count > max)
            return false;
        for (int64_t k = 0; k < count; k++)
            if (!hone__tensor_get_i64(t, k, &v[k]))
                return false;
        *n = (size_t)count;
        return true;
    }
    const hone__sym *sym = ctx->in_sym ? ctx->in_sym[i] : NULL;
    if (!sym || ctx->in_n_sym[i] > max)
        return false;
    for (size_t k = 0; k < ctx->in_n_sym[i]; k++) {
        if (!sym[k].is_known)
            return false;
        v[k] = sym[k].value;
    }
    *n = ctx->in_n_sym[i];
    return true;
}

hone_status hone__infer_axis(hone__infer *ctx, int64_t axis, int rank, int *out) {
    if (axis < -(int64_t)rank || axis >= rank)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "axis %lld is outside [-%d, %d)", (long long)axis, rank, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return HONE_OK;
}

/* ---- a node against its row ---- */

static const hone__op_param *param_at(const hone__op_param *params, size_t n, bool is_variadic, size_t i) {
    if (i < n)
        return &params[i];
    return is_variadic && n ? &params[n - 1] : NULL;
}

/* The element type that a constraint is about: a container's items count. */
static hone_dtype element_of(const hone__type *type) {
    while (type && type->is_known && type->kind != HONE_KIND_TENSOR && type->elem)
        type = type->elem;
    return type && type->is_known && type->kind == HONE_KIND_TENSOR ? type->dtype : HONE_DTYPE_UNDEFINED;
}

static hone_status check_input(hone__infer *ctx, size_t i, const hone__op_param *param) {
    const hone__type *type = hone__infer_input(ctx, i);
    if (!type)
        return HONE_OK;
    char text[200];
    unsigned kinds = param->kinds ? param->kinds : 1u << HONE_KIND_TENSOR;
    if (!(kinds >> type->kind & 1u))
        return hone__infer_fail(ctx, HONE_ERROR_TYPE, "input %zu (\"%s\") cannot be %s", i, param->name,
                                hone__type_describe(type, text, sizeof text));
    hone_dtype dtype = type->kind == HONE_KIND_MAP ? HONE_DTYPE_UNDEFINED : element_of(type);
    if (dtype != HONE_DTYPE_UNDEFINED && !hone__dtype_in(dtype, param->types))
        return hone__infer_fail(ctx, HONE_ERROR_TYPE, "input %zu (\"%s\") cannot be of type %s", i, param->name,
                                hone_dtype_name(dtype));
    return HONE_OK;
}

static hone_status check_variables(hone__infer *ctx, const hone__op *op, hone_dtype bound[256]) {
    uint16_t first[256] = {0};
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone__op_param *p = param_at(op->inputs, op->n_inputs, op->flags & HONE_OP_VARIADIC_IN, i);
        const hone__type *type = hone__infer_input(ctx, i);
        if (!p || !p->var || !type || type->kind == HONE_KIND_MAP)
            continue;
        hone_dtype dtype = element_of(type);
        unsigned char var = (unsigned char)p->var;
        if (dtype == HONE_DTYPE_UNDEFINED)
            continue;
        if (bound[var] == HONE_DTYPE_UNDEFINED) {
            bound[var] = dtype;
            first[var] = (uint16_t)i;
        } else if (bound[var] != dtype) {
            return hone__infer_fail(ctx, HONE_ERROR_TYPE, "inputs %u and %zu must have one type, but are %s and %s",
                                    first[var], i, hone_dtype_name(bound[var]), hone_dtype_name(dtype));
        }
    }
    return HONE_OK;
}

hone_status hone__op_infer_node(hone__infer *ctx) {
    const hone__op *op = ctx->node->op;
    if (!op)
        return hone__infer_fail(ctx, HONE_ERROR_UNSUPPORTED, "there is no such operator in domain \"%s\" at opset %lld",
                                ctx->node->domain, (long long)ctx->node->opset);
    hone_dtype bound[256] = {0};
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone__op_param *p = param_at(op->inputs, op->n_inputs, op->flags & HONE_OP_VARIADIC_IN, i);
        if (!p)
            return hone__infer_fail(ctx, HONE_ERROR_MODEL, "%zu inputs are given, at most %u are allowed", ctx->n_in,
                                    op->n_inputs);
        HONE_TRY(check_input(ctx, i, p));
    }
    if (ctx->n_in < op->min_inputs)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "%zu inputs are given, at least %u are needed", ctx->n_in,
                                op->min_inputs);
    for (size_t i = 0; i < op->min_inputs && i < ctx->node->n_inputs; i++)
        if (!ctx->node->inputs[i] && i < op->n_inputs && !op->inputs[i].is_optional)
            return hone__infer_fail(ctx, HONE_ERROR_MODEL, "input %zu (\"%s\") is required", i, op->inputs[i].name);
    HONE_TRY(check_variables(ctx, op, bound));
    if (op->infer)
        HONE_TRY(op->infer(ctx));
    for (size_t i = 0; i < ctx->n_out; i++) {
        const hone__op_param *p = param_at(op->outputs, op->n_outputs, op->flags & HONE_OP_VARIADIC_OUT, i);
        if (!p || ctx->out[i].is_known || !p->var || (p->kinds && p->kinds != 1u << HONE_KIND_TENSOR))
            continue;
        hone_dtype dtype = bound[(unsigned char)p->var];
        if (dtype != HONE_DTYPE_UNDEFINED)
            HONE_TRY(hone__infer_set_dtype(ctx, i, dtype));
    }
    return hone__op_propagate(ctx);
}
