/* Operators computed by other operators' evaluators; see op_delegate.h. */
#include "ops/op_delegate.h"

#include <math.h>

enum { MAX_DELEGATE_INPUTS = 12 };

hone_status hone__delegate_eval(hone__eval *ctx, const char *domain, const char *name, int64_t opset,
                                const hone_tensor *const *in, size_t n_in, hone_tensor **out, size_t n_out) {
    hone__node node = *ctx->node;
    node.domain = domain;
    node.op_type = name;
    node.opset = opset;
    node.op = hone__op_find(domain, name, opset);
    node.n_outputs = hone__min_size(node.n_outputs, n_out);
    return hone__op_eval_node(&node, in, n_in, out, n_out, ctx->error);
}

hone_status hone__delegate_infer(hone__infer *ctx, const char *domain, const char *name, int64_t opset,
                                 const int *index, size_t n_in, hone_dtype dtype) {
    hone__type types[MAX_DELEGATE_INPUTS];
    const hone__type *in[MAX_DELEGATE_INPUTS] = {NULL};
    const hone_tensor *constants[MAX_DELEGATE_INPUTS] = {NULL};
    const hone__sym *syms[MAX_DELEGATE_INPUTS] = {NULL};
    size_t n_syms[MAX_DELEGATE_INPUTS] = {0};
    hone__value *values[MAX_DELEGATE_INPUTS] = {NULL};
    const hone__op *op = hone__op_find(domain, name, opset);
    if (!op || n_in > MAX_DELEGATE_INPUTS)
        return hone__infer_fail(ctx, HONE_ERROR_UNSUPPORTED, "%s-%lld is missing", name, (long long)opset);
    for (size_t i = 0; i < n_in; i++) {
        size_t k = index[i] < 0 ? SIZE_MAX : (size_t)index[i];
        if (k >= ctx->n_in || !ctx->in[k])
            continue;
        types[i] = *ctx->in[k];
        if (types[i].is_known)
            types[i].dtype = HONE_DTYPE_FLOAT;
        in[i] = &types[i];
        values[i] = ctx->node->inputs[k];
    }
    hone__node node = *ctx->node;
    node.domain = domain;
    node.op_type = name;
    node.opset = opset;
    node.op = op;
    node.inputs = values;
    node.n_inputs = n_in;
    hone__infer sub = *ctx;
    sub.node = &node;
    sub.n_in = n_in;
    sub.in = in;
    sub.in_const = constants;
    sub.in_sym = syms;
    sub.in_n_sym = n_syms;
    HONE_TRY(op->infer(&sub));
    for (size_t i = 0; i < ctx->n_out; i++) {
        if (dtype == HONE_DTYPE_UNDEFINED)
            ctx->out[i] = (hone__type){.rank = -1};
        else if (ctx->out[i].is_known)
            ctx->out[i].dtype = dtype;
        else
            HONE_TRY(hone__infer_set_dtype(ctx, i, dtype));
    }
    return HONE_OK;
}

static hone_status make_view(hone__eval *ctx, int rank, const int64_t *dims, double **data, hone_tensor *view) {
    size_t size;
    if (!hone__shape_size(HONE_DTYPE_DOUBLE, dims, rank, &size))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "an operand is too large");
    HONE_TRY(hone__eval_scratch(ctx, size ? size : 1, (void **)data));
    hone__tensor_view(view, HONE_DTYPE_DOUBLE, rank, dims, *data, size);
    return HONE_OK;
}

/* One element per column, or one for all: the step from column to column. */
static hone_status param_step(hone__eval *ctx, size_t i, int64_t columns, const hone_tensor **t, int64_t *step) {
    *t = hone__in(ctx, i);
    int64_t n = *t ? hone__tensor_count(*t) : 1;
    *step = n == 1 ? 0 : 1;
    if (n != 1 && n != columns)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu has %lld elements for %lld columns", i, (long long)n,
                               (long long)columns);
    return HONE_OK;
}

static double number(const hone_tensor *t, int64_t i) {
    return hone__dtype_in(t->dtype, HONE_SET_FLOAT) ? hone_tensor_get_double(t, i) : (double)hone__tensor_int_at(t, i);
}

hone_status hone__dequantised(hone__eval *ctx, size_t ix, size_t iscale, size_t izero, hone_tensor *view) {
    const hone_tensor *x, *scale, *zero;
    int64_t scale_step, zero_step;
    double *v;
    HONE_TRY(hone__eval_tensor(ctx, ix, &x));
    int64_t columns = x->rank ? x->dims[x->rank - 1] : 1, count = hone__tensor_count(x);
    HONE_TRY(param_step(ctx, iscale, columns, &scale, &scale_step));
    HONE_TRY(param_step(ctx, izero, columns, &zero, &zero_step));
    HONE_TRY(make_view(ctx, x->rank, x->dims, &v, view));
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i % columns;
        double e = number(x, i) - (zero ? number(zero, c * zero_step) : 0);
        v[i] = scale ? e * number(scale, c * scale_step) : e;
    }
    return HONE_OK;
}

hone_status hone__put_quantised(hone__eval *ctx, hone_dtype dtype, int rank, const int64_t *dims, const double *v,
                                size_t iscale, size_t izero) {
    const hone_tensor *scale, *zero;
    int64_t scale_step, zero_step, columns = rank ? dims[rank - 1] : 1;
    hone_tensor *y;
    HONE_TRY(param_step(ctx, iscale, columns, &scale, &scale_step));
    HONE_TRY(param_step(ctx, izero, columns, &zero, &zero_step));
    HONE_TRY(hone__eval_output(ctx, 0, dtype, rank, dims, &y));
    int64_t count = y ? hone__tensor_count(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        double s = scale ? number(scale, i % columns * scale_step) : 1;
        double z = zero ? number(zero, i % columns * zero_step) : 0;
        hone__tensor_put_double(y, i, nearbyint((double)((float)v[i] / (float)s)) + z);
    }
    return HONE_OK;
}

hone_status hone__put_doubles(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                              const double *v) {
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, i, dtype, rank, dims, &y));
    int64_t count = y ? hone__tensor_count(y) : 0;
    for (int64_t k = 0; k < count; k++)
        hone__tensor_put_double(y, k, v[k]);
    return HONE_OK;
}

/* x: [N, a, b] to [N, b, a] with the rest of the dims where they belong. */
static hone_status swap_inner(hone__eval *ctx, const hone_tensor *x, const int64_t *dims, int64_t a, int64_t b,
                              hone_tensor *view) {
    double *to;
    const double *from = x->data;
    HONE_TRY(make_view(ctx, x->rank, dims, &to, view));
    for (int64_t n = 0; n < x->dims[0]; n++)
        for (int64_t i = 0; i < a; i++)
            for (int64_t j = 0; j < b; j++)
                to[(n * b + j) * a + i] = from[(n * a + i) * b + j];
    return HONE_OK;
}

hone_status hone__channels_first(hone__eval *ctx, const hone_tensor *x, hone_tensor *view) {
    int64_t dims[HONE_MAX_RANK];
    if (x->rank < 3)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "an input with channels must have rank 3 or more");
    dims[0] = x->dims[0];
    dims[1] = x->dims[x->rank - 1];
    for (int d = 2; d < x->rank; d++)
        dims[d] = x->dims[d - 1];
    return swap_inner(ctx, x, dims, hone__dims_product(x->dims, 1, x->rank - 1), dims[1], view);
}

hone_status hone__channels_last(hone__eval *ctx, const hone_tensor *x, hone_tensor *view) {
    int64_t dims[HONE_MAX_RANK];
    dims[0] = x->dims[0];
    dims[x->rank - 1] = x->dims[1];
    for (int d = 2; d < x->rank; d++)
        dims[d - 1] = x->dims[d];
    return swap_inner(ctx, x, dims, x->dims[1], hone__dims_product(x->dims, 2, x->rank), view);
}
