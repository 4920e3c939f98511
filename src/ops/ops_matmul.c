/* Matrix products: MatMul, Gemm, MatMulInteger, QLinearMatMul, Det and the fused hone.FusedMatMul.
 *
 * Source: ONNX operator specification; numpy.matmul for broadcasting. */
#include "ops/op_activation.h"
#include "ops/op_help.h"

#include <math.h>

/* ---- the product ---- */

/* y[batch..., m, n] = a[batch..., m, k] * b[batch..., k, n], with element strides of the last two
 * dimensions, so that transposed operands need no copy. */
typedef struct product {
    int64_t m, n, k, a_row, a_col, b_row, b_col;
    int batch_rank, rank;                                                         /* rank: of the result */
    int64_t batch[HONE_MAX_RANK], a_batch[HONE_MAX_RANK], b_batch[HONE_MAX_RANK]; /* strides in matrices */
    int64_t dims[HONE_MAX_RANK];                                                  /* of the result */
} product;

#define DEFINE_MULTIPLY(T)                                                                                             \
    static void multiply_##T(const product *p, const T *a, const T *b, T *y) {                                         \
        int64_t index[HONE_MAX_RANK] = {0};                                                                            \
        if (p->m == 0 || p->n == 0 || hone__dims_product(p->batch, 0, p->batch_rank) == 0)                             \
            return;                                                                                                    \
        do {                                                                                                           \
            int64_t oa = 0, ob = 0;                                                                                    \
            for (int d = 0; d < p->batch_rank; d++) {                                                                  \
                oa += index[d] * p->a_batch[d];                                                                        \
                ob += index[d] * p->b_batch[d];                                                                        \
            }                                                                                                          \
            const T *am = a + oa * p->m * p->k, *bm = b + ob * p->k * p->n;                                            \
            for (int64_t i = 0; i < p->m; i++, y += p->n) {                                                            \
                for (int64_t j = 0; j < p->n; j++)                                                                     \
                    y[j] = 0;                                                                                          \
                for (int64_t l = 0; l < p->k; l++) {                                                                   \
                    T v = am[i * p->a_row + l * p->a_col];                                                             \
                    const T *row = bm + l * p->b_row;                                                                  \
                    if (p->b_col == 1)                                                                                 \
                        for (int64_t j = 0; j < p->n; j++)                                                             \
                            y[j] += v * row[j];                                                                        \
                    else                                                                                               \
                        for (int64_t j = 0; j < p->n; j++)                                                             \
                            y[j] += v * row[j * p->b_col];                                                             \
                }                                                                                                      \
            }                                                                                                          \
        } while (hone__next_index(index, p->batch, p->batch_rank));                                                    \
    }
DEFINE_MULTIPLY(float)
DEFINE_MULTIPLY(double)
DEFINE_MULTIPLY(uint64_t) /* integers of any width: wrapping */
#undef DEFINE_MULTIPLY

static hone_status plan_product(const hone_tensor *a, const hone_tensor *b, bool ta, bool tb, product *p,
                                hone_error *error) {
    memset(p, 0, sizeof *p);
    HONE_FAIL_IF(a->rank < 1 || b->rank < 1, error, HONE_ERROR_SHAPE,
                 "a matrix product needs operands of rank 1 or more");
    bool va = a->rank == 1, vb = b->rank == 1; /* vectors: a row, a column, that the result drops */
    ta = ta && !va;
    tb = tb && !vb;
    int64_t ar = va ? 1 : a->dims[a->rank - 2], ac = a->dims[a->rank - 1];
    int64_t br = vb ? b->dims[0] : b->dims[b->rank - 2], bc = vb ? 1 : b->dims[b->rank - 1];
    p->m = ta ? ac : ar;
    p->k = ta ? ar : ac;
    p->n = tb ? br : bc;
    HONE_FAIL_IF(p->k != (tb ? bc : br), error, HONE_ERROR_SHAPE,
                 "the inner dimensions of a matrix product differ: %lld and %lld", (long long)p->k,
                 (long long)(tb ? bc : br));
    p->a_row = ta ? 1 : ac;
    p->a_col = ta ? ac : 1;
    p->b_row = tb ? 1 : bc;
    p->b_col = tb ? bc : 1;
    hone_tensor ba = *a, bb = *b;
    ba.rank = va ? 0 : a->rank - 2;
    bb.rank = vb ? 0 : b->rank - 2;
    HONE_TRY(hone__broadcast_dims(a->dims, ba.rank, b->dims, bb.rank, p->batch, &p->batch_rank, error));
    hone__broadcast_strides(&ba, p->batch, p->batch_rank, p->a_batch);
    hone__broadcast_strides(&bb, p->batch, p->batch_rank, p->b_batch);
    memcpy(p->dims, p->batch, sizeof p->dims);
    p->rank = p->batch_rank;
    if (!va)
        p->dims[p->rank++] = p->m;
    if (!vb)
        p->dims[p->rank++] = p->n;
    return HONE_OK;
}

/* ---- inference ---- */

static hone_status infer_product(hone__infer *ctx, size_t ia, size_t ib, bool ta, bool tb, hone_dtype dtype) {
    if (!hone__infer_has_rank(ctx, ia) || !hone__infer_has_rank(ctx, ib))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *a = hone__infer_input(ctx, ia), *b = hone__infer_input(ctx, ib);
    if (a->rank < 1 || b->rank < 1)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "a matrix product needs operands of rank 1 or more");
    bool va = a->rank == 1, vb = b->rank == 1;
    ta = ta && !va;
    tb = tb && !vb;
    hone__dim ka = a->dims[ta ? a->rank - 2 : a->rank - 1], kb = b->dims[vb ? 0 : tb ? b->rank - 1 : b->rank - 2], k;
    HONE_TRY(hone__dim_merge(ctx, ka, kb, &k));
    hone__type ba = *a, bb = *b;
    ba.rank = va ? 0 : a->rank - 2;
    bb.rank = vb ? 0 : b->rank - 2;
    hone__dim dims[HONE_MAX_RANK];
    int rank;
    HONE_TRY(hone__infer_broadcast(ctx, &ba, &bb, dims, &rank));
    if (!va)
        dims[rank++] = a->dims[ta ? a->rank - 1 : a->rank - 2];
    if (!vb)
        dims[rank++] = b->dims[tb ? b->rank - 2 : b->rank - 1];
    return hone__infer_set(ctx, 0, dtype, rank, dims);
}

static hone_status infer_mat_mul(hone__infer *ctx) {
    return infer_product(ctx, 0, 1, false, false, hone__infer_dtype(ctx, 0));
}
static hone_status infer_mat_mul_integer(hone__infer *ctx) {
    return infer_product(ctx, 0, 1, false, false, HONE_DTYPE_INT32);
}
static hone_status infer_q_linear_mat_mul(hone__infer *ctx) {
    return infer_product(ctx, 0, 3, false, false, hone__infer_dtype(ctx, 7));
}
/* com.microsoft's transBatchA and -B: the first dimension comes behind the batch, [M,B...,K] to [B...,M,K]. */
static void turn_batch_dims(const hone__type *type, hone__dim *dims) {
    for (int d = 0; d < type->rank; d++)
        dims[d] = type->dims[d + 1 < type->rank - 1 ? d + 1 : d + 2 == type->rank ? 0 : d];
}

static hone_status infer_fused_mat_mul(hone__infer *ctx) {
    hone__type types[2];
    hone__dim dims[2][HONE_MAX_RANK];
    const hone__type *in[2], *const *own = ctx->in;
    static const char *const names[2] = {"transBatchA", "transBatchB"};
    bool turned = false;
    for (size_t i = 0; i < 2 && i < ctx->n_in; i++) {
        in[i] = ctx->in[i];
        if (!hone__node_attr_int(ctx->node, names[i], 0) || !hone__infer_has_rank(ctx, i) || in[i]->rank < 3)
            continue;
        types[i] = *in[i];
        turn_batch_dims(in[i], dims[i]);
        types[i].dims = dims[i];
        in[i] = &types[i];
        turned = true;
    }
    if (turned && ctx->n_in == 2) {
        ctx->in = in;
        hone_status status = infer_product(ctx, 0, 1, hone__node_attr_int(ctx->node, "transA", 0) != 0,
                                           hone__node_attr_int(ctx->node, "transB", 0) != 0, hone__infer_dtype(ctx, 0));
        ctx->in = own;
        return status;
    }
    return infer_product(ctx, 0, 1, hone__node_attr_int(ctx->node, "transA", 0) != 0,
                         hone__node_attr_int(ctx->node, "transB", 0) != 0, hone__infer_dtype(ctx, 0));
}
static hone_status infer_gemm(hone__infer *ctx) {
    for (size_t i = 0; i < 2; i++)
        if (hone__infer_has_rank(ctx, i) && hone__infer_input(ctx, i)->rank != 2)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "Gemm needs matrices, input %zu has rank %d", i,
                                    hone__infer_input(ctx, i)->rank);
    return infer_fused_mat_mul(ctx);
}

static hone_status infer_det(hone__infer *ctx) {
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, hone__infer_dtype(ctx, 0));
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim unused;
    if (x->rank < 2)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "Det needs an input of rank 2 or more");
    HONE_TRY(hone__dim_merge(ctx, x->dims[x->rank - 1], x->dims[x->rank - 2], &unused));
    return hone__infer_set(ctx, 0, x->dtype, x->rank - 2, x->dims);
}

static double flops_mat_mul(const hone__node *node, const hone__type *const *in, const hone__type *const *out) {
    const hone__type *a = in[0], *y = out[0];
    if (!a || !y || a->rank < 1)
        return 0;
    bool ta = hone__node_attr_int(node, "transA", 0) != 0 && a->rank >= 2;
    double flops = 2 * (double)a->dims[ta ? a->rank - 2 : a->rank - 1].value;
    for (int i = 0; i < y->rank; i++)
        flops *= (double)y->dims[i].value;
    return flops;
}

/* ---- evaluators ---- */

static hone_status integers_of(hone__eval *ctx, const hone_tensor *t, uint64_t **out) {
    int64_t n = hone__tensor_count(t);
    void *p;
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(uint64_t), &p));
    *out = p;
    for (int64_t i = 0; i < n; i++)
        (*out)[i] =
            t->dtype == HONE_DTYPE_UINT64 ? ((const uint64_t *)t->data)[i] : (uint64_t)hone__tensor_int_at(t, i);
    return HONE_OK;
}

/* alpha * product, + bias per column, + residual, then the activation. */
#define DEFINE_PRODUCT(T)                                                                                              \
    static hone_status product_##T(hone__eval *ctx, const product *p, hone_dtype dtype, bool fused) {                  \
        const T *a, *b, *bias = NULL, *z = NULL;                                                                       \
        T *y;                                                                                                          \
        hone_tensor *out;                                                                                              \
        hone__activation act = {0};                                                                                    \
        HONE_TRY(hone__eval_in_##T(ctx, 0, &a));                                                                       \
        HONE_TRY(hone__eval_in_##T(ctx, 1, &b));                                                                       \
        if (fused) {                                                                                                   \
            HONE_TRY(hone__activation_read(ctx->node, &act, ctx->error));                                              \
            HONE_TRY(hone__eval_in_##T(ctx, 2, &bias));                                                                \
            HONE_TRY(hone__eval_in_##T(ctx, 3, &z));                                                                   \
        }                                                                                                              \
        HONE_TRY(hone__eval_out_##T(ctx, 0, dtype, p->rank, p->dims, &out, &y));                                       \
        multiply_##T(p, a, b, y);                                                                                      \
        if (fused) {                                                                                                   \
            int64_t n = hone__dims_product(p->dims, 0, p->rank);                                                       \
            int64_t nb = bias ? hone__tensor_count(ctx->in[2]) : 1, nz = z ? hone__tensor_count(ctx->in[3]) : 1;       \
            T alpha = (T)hone__node_attr_float(ctx->node, "alpha", 1);                                                 \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                T v = y[i] * alpha + (bias ? bias[i % nb] : (T)0) + (z ? z[i % nz] : (T)0);                            \
                y[i] = act.apply ? (T)act.apply(&act, v) : v;                                                          \
            }                                                                                                          \
        }                                                                                                              \
        hone__eval_put_##T(out, y);                                                                                    \
        return HONE_OK;                                                                                                \
    }
DEFINE_PRODUCT(float)
DEFINE_PRODUCT(double)
#undef DEFINE_PRODUCT

static hone_status eval_mat_mul(hone__eval *ctx) {
    const hone_tensor *a, *b;
    product p;
    HONE_TRY(hone__eval_tensor(ctx, 0, &a));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    HONE_TRY(plan_product(a, b, false, false, &p, ctx->error));
    if (a->dtype == HONE_DTYPE_DOUBLE)
        return product_double(ctx, &p, a->dtype, false);
    if (hone__dtype_in(a->dtype, HONE_SET_FLOAT))
        return product_float(ctx, &p, a->dtype, false);
    uint64_t *ai, *bi;
    void *y;
    hone_tensor *out;
    HONE_TRY(integers_of(ctx, a, &ai));
    HONE_TRY(integers_of(ctx, b, &bi));
    HONE_TRY(hone__eval_output(ctx, 0, a->dtype, p.rank, p.dims, &out));
    if (!out)
        return HONE_OK;
    int64_t n = hone__tensor_count(out);
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(uint64_t), &y));
    multiply_uint64_t(&p, ai, bi, y);
    for (int64_t i = 0; i < n; i++)
        hone__tensor_put_int(out, i, (int64_t)((uint64_t *)y)[i]);
    return HONE_OK;
}

/* One element, or n in the last dimension; all others are 1, also where there are no elements. */
static bool is_row(const hone_tensor *bias, int64_t n) {
    int64_t last = bias->rank ? bias->dims[bias->rank - 1] : 1;
    for (int d = 0; d + 1 < bias->rank; d++)
        if (bias->dims[d] != 1)
            return false;
    return last == n || last == 1;
}

/* [M,B...,K] as [B...,M,K]. */
static hone_status turn_batch(hone__eval *ctx, const hone_tensor *x, hone_tensor *view) {
    int64_t dims[HONE_MAX_RANK], m = x->dims[0], batch = hone__dims_product(x->dims, 1, x->rank - 1);
    size_t row = (size_t)x->dims[x->rank - 1] * hone_dtype_bits(x->dtype) / 8;
    uint8_t *data;
    HONE_TRY(hone__eval_scratch(ctx, x->size ? x->size : 1, (void **)&data));
    for (int64_t i = 0; row && i < m * batch; i++)
        memcpy(data + (size_t)(i % batch * m + i / batch) * row, (const uint8_t *)x->data + (size_t)i * row, row);
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d + 1 < x->rank - 1 ? d + 1 : d + 2 == x->rank ? 0 : d];
    hone__tensor_view(view, x->dtype, x->rank, dims, data, x->size);
    return HONE_OK;
}

/* B with its columns scaled: what hone.FusedMatMul's fifth input stands for. */
static hone_status scale_columns(hone__eval *ctx, const hone_tensor *b, const hone_tensor *scale, hone_tensor *view) {
    const bool transposed = hone__node_attr_int(ctx->node, "transB", 0) != 0;
    const int64_t rows = b->rank == 2 ? b->dims[0] : 0, cols = b->rank == 2 ? b->dims[1] : 0;
    if (b->rank != 2 || b->dtype != HONE_DTYPE_FLOAT || scale->rank != 1 ||
        scale->dims[0] != (transposed ? rows : cols))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the scale needs a float32 matrix with as many columns");
    float *data;
    HONE_TRY(hone__eval_scratch(ctx, b->size ? b->size : 1, (void **)&data));
    for (int64_t i = 0; i < rows * cols; i++)
        data[i] = ((const float *)b->data)[i] * ((const float *)scale->data)[transposed ? i / cols : i % cols];
    hone__tensor_view(view, b->dtype, 2, b->dims, data, b->size);
    return HONE_OK;
}

static hone_status fused_product(hone__eval *ctx);
static hone_status eval_fused_mat_mul(hone__eval *ctx) {
    static const char *const names[2] = {"transBatchA", "transBatchB"};
    const hone_tensor *in[4] = {NULL}, *const *own = ctx->in;
    hone_tensor views[2];
    bool turned = false;
    for (size_t i = 0; i < 4 && i < ctx->n_in; i++)
        in[i] = ctx->in[i];
    for (size_t i = 0; i < 2; i++)
        if (hone__node_attr_int(ctx->node, names[i], 0) && in[i] && in[i]->rank > 2) {
            HONE_TRY(turn_batch(ctx, in[i], &views[i]));
            in[i] = &views[i];
            turned = true;
        }
    if (hone__in(ctx, 4) && in[1]) {
        HONE_TRY(scale_columns(ctx, in[1], hone__in(ctx, 4), &views[1]));
        in[1] = &views[1];
        turned = true;
    }
    if (!turned)
        return fused_product(ctx);
    ctx->in = in;
    hone_status status = fused_product(ctx);
    ctx->in = own;
    return status;
}

static hone_status fused_product(hone__eval *ctx) {
    const hone_tensor *a, *b, *bias = hone__in(ctx, 2), *z = hone__in(ctx, 3);
    product p;
    HONE_TRY(hone__eval_tensor(ctx, 0, &a));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    HONE_TRY(plan_product(a, b, hone__node_attr_int(ctx->node, "transA", 0) != 0,
                          hone__node_attr_int(ctx->node, "transB", 0) != 0, &p, ctx->error));
    if ((bias && !is_row(bias, p.n)) ||
        (z && (z->rank != p.rank || (p.rank && memcmp(z->dims, p.dims, (size_t)p.rank * sizeof *p.dims) != 0))))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the bias or the residual does not fit the product");
    return a->dtype == HONE_DTYPE_DOUBLE ? product_double(ctx, &p, a->dtype, true)
                                         : product_float(ctx, &p, a->dtype, true);
}

static bool is_whole(double v) { return fabs(v) < 1e9 && v == (double)(int64_t)v; }

/* Integers with whole alpha and beta: exact, and wrapping as MatMul does. */
static hone_status gemm_integers(hone__eval *ctx, const product *p, const int64_t *strides, int64_t alpha,
                                 int64_t beta) {
    const hone_tensor *c = hone__in(ctx, 2);
    uint64_t *a, *b, *cv = NULL, *y;
    hone_tensor *out;
    HONE_TRY(integers_of(ctx, ctx->in[0], &a));
    HONE_TRY(integers_of(ctx, ctx->in[1], &b));
    if (c)
        HONE_TRY(integers_of(ctx, c, &cv));
    HONE_TRY(hone__eval_output(ctx, 0, ctx->in[0]->dtype, 2, p->dims, &out));
    HONE_TRY(hone__eval_scratch_n(ctx, p->m * p->n, sizeof *y, (void **)&y));
    multiply_uint64_t(p, a, b, y);
    for (int64_t i = 0; out && i < p->m * p->n; i++) {
        uint64_t v = (uint64_t)alpha * y[i];
        v += cv ? (uint64_t)beta * cv[i / p->n * strides[0] + i % p->n * strides[1]] : 0;
        hone__tensor_put_int(out, i, (int64_t)v);
    }
    return HONE_OK;
}

/* alpha*A*B + beta*C, C broadcast to [M,N]; integers go through double when alpha or beta is a fraction. */
static hone_status eval_gemm(hone__eval *ctx) {
    const hone_tensor *a, *b, *c = hone__in(ctx, 2);
    product p;
    int64_t strides[2] = {0, 0}, dims[HONE_MAX_RANK];
    int rank;
    HONE_TRY(hone__eval_tensor(ctx, 0, &a));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    if (a->rank != 2 || b->rank != 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "Gemm needs matrices, not ranks %d and %d", a->rank, b->rank);
    HONE_TRY(plan_product(a, b, hone__node_attr_int(ctx->node, "transA", 0) != 0,
                          hone__node_attr_int(ctx->node, "transB", 0) != 0, &p, ctx->error));
    if (c) {
        HONE_TRY(hone__broadcast_dims(p.dims, 2, c->dims, c->rank, dims, &rank, ctx->error));
        if (rank != 2 || dims[0] != p.m || dims[1] != p.n)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "C cannot be broadcast to [%lld,%lld]", (long long)p.m,
                                   (long long)p.n);
        hone__broadcast_strides(c, dims, 2, strides);
    }
    double alpha = hone__node_attr_float(ctx->node, "alpha", 1), beta = hone__node_attr_float(ctx->node, "beta", 1);
    if (hone__dtype_in(a->dtype, HONE_SET_INT) && is_whole(alpha) && is_whole(beta))
        return gemm_integers(ctx, &p, strides, (int64_t)alpha, (int64_t)beta);
    const double *av, *bv, *cv;
    double *y;
    hone_tensor *out;
    HONE_TRY(hone__eval_in_double(ctx, 0, &av));
    HONE_TRY(hone__eval_in_double(ctx, 1, &bv));
    HONE_TRY(hone__eval_in_double(ctx, 2, &cv));
    HONE_TRY(hone__eval_out_double(ctx, 0, a->dtype, 2, p.dims, &out, &y));
    multiply_double(&p, av, bv, y);
    for (int64_t i = 0; i < p.m * p.n; i++)
        y[i] = alpha * y[i] + (cv && beta != 0 ? beta * cv[i / p.n * strides[0] + i % p.n * strides[1]] : 0);
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* Elements of a parameter (scale or zero point): one, one per row (or column), or one per row of
 * every matrix. */
static bool param_fits(const hone_tensor *t, int64_t per, int64_t all) {
    int64_t n = t ? hone__tensor_count(t) : 1;
    return n == 1 || n == per || n == all;
}

typedef struct quantised {
    const hone_tensor *a, *b, *a_zero, *b_zero;
    product p;
    uint64_t *av, *bv, *y;
    hone_tensor *out;
} quantised;

static int64_t param_at(const hone_tensor *t, int64_t matrix, int64_t i, int64_t per) {
    int64_t n = hone__tensor_count(t);
    return n == 1 ? 0 : n == per ? i : matrix * per + i;
}

static hone_status quantised_product(hone__eval *ctx, quantised *q, hone_dtype dtype) {
    HONE_TRY(plan_product(q->a, q->b, false, false, &q->p, ctx->error));
    HONE_TRY(integers_of(ctx, q->a, &q->av));
    HONE_TRY(integers_of(ctx, q->b, &q->bv));
    int64_t m = q->p.m, n = q->p.n, k = q->p.k, na = hone__tensor_count(q->a), nb = hone__tensor_count(q->b);
    if (!param_fits(q->a_zero, m, k ? na / k : m) || !param_fits(q->b_zero, n, k ? nb / k : n))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE,
                               "the zero points fit neither the tensors nor their rows or columns");
    for (int64_t i = 0; q->a_zero && i < na; i++)
        q->av[i] -= (uint64_t)hone__tensor_int_at(q->a_zero, param_at(q->a_zero, i / (m * k), i / k % m, m));
    for (int64_t i = 0; q->b_zero && i < nb; i++)
        q->bv[i] -= (uint64_t)hone__tensor_int_at(q->b_zero, param_at(q->b_zero, i / (k * n), i % n, n));
    HONE_TRY(hone__eval_output(ctx, 0, dtype, q->p.rank, q->p.dims, &q->out));
    if (!q->out)
        return HONE_OK;
    void *y;
    HONE_TRY(hone__eval_scratch_n(ctx, hone__tensor_count(q->out), sizeof(uint64_t), &y));
    q->y = y;
    multiply_uint64_t(&q->p, q->av, q->bv, q->y);
    return HONE_OK;
}

static hone_status eval_mat_mul_integer(hone__eval *ctx) {
    quantised q = {0};
    HONE_TRY(hone__eval_tensor(ctx, 0, &q.a));
    HONE_TRY(hone__eval_tensor(ctx, 1, &q.b));
    q.a_zero = hone__in(ctx, 2);
    q.b_zero = hone__in(ctx, 3);
    HONE_TRY(quantised_product(ctx, &q, HONE_DTYPE_INT32));
    for (int64_t i = 0; q.out && i < hone__tensor_count(q.out); i++)
        ((uint32_t *)q.out->data)[i] = (uint32_t)q.y[i];
    return HONE_OK;
}

static hone_status eval_q_linear_mat_mul(hone__eval *ctx) {
    quantised q = {0};
    const hone_tensor *in[8];
    for (size_t i = 0; i < 8; i++)
        HONE_TRY(hone__eval_tensor(ctx, i, &in[i]));
    q.a = in[0];
    q.b = in[3];
    q.a_zero = in[2];
    q.b_zero = in[5];
    HONE_TRY(quantised_product(ctx, &q, in[7]->dtype));
    if (!q.out)
        return HONE_OK;
    int64_t m = q.p.m, n = q.p.n, count = hone__tensor_count(q.out), all = m > 0 && n > 0 ? count / (m * n) : 0;
    if (!param_fits(in[1], m, all * m) || !param_fits(in[4], n, all * n) || !param_fits(in[6], m, all * m) ||
        !param_fits(in[7], m, all * m))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the scales fit neither the tensors nor their rows or columns");
    for (int64_t i = 0; i < count; i++) {
        int64_t matrix = i / (m * n), row = i / n % m, col = i % n;
        double scale = hone_tensor_get_double(in[1], param_at(in[1], matrix, row, m)) *
                       hone_tensor_get_double(in[4], param_at(in[4], matrix, col, n)) /
                       hone_tensor_get_double(in[6], param_at(in[6], matrix, row, m));
        double zero = hone_tensor_get_double(in[7], param_at(in[7], matrix, row, m));
        hone__tensor_put_double(q.out, i, nearbyint((double)(int64_t)q.y[i] * scale) + zero);
    }
    return HONE_OK;
}

/* Gaussian elimination with partial pivoting. */
static double determinant(double *a, int64_t n) {
    double det = 1;
    for (int64_t c = 0; c < n; c++) {
        int64_t pivot = c;
        for (int64_t r = c + 1; r < n; r++)
            if (fabs(a[r * n + c]) > fabs(a[pivot * n + c]))
                pivot = r;
        if (a[pivot * n + c] == 0)
            return 0;
        for (int64_t k = c; pivot != c && k < n; k++) {
            double t = a[c * n + k];
            a[c * n + k] = a[pivot * n + k];
            a[pivot * n + k] = t;
        }
        det *= pivot != c ? -a[c * n + c] : a[c * n + c];
        for (int64_t r = c + 1; r < n; r++) {
            double f = a[r * n + c] / a[c * n + c];
            for (int64_t k = c; k < n; k++)
                a[r * n + k] -= f * a[c * n + k];
        }
    }
    return det;
}

static hone_status eval_det(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y;
    void *copy;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "Det needs square matrices");
    int64_t n = x->dims[x->rank - 1], count = hone__dims_product(x->dims, 0, x->rank - 2);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_scratch_n(ctx, n * n, sizeof(double), &copy));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank - 2, x->dims, &out, &y));
    for (int64_t i = 0; i < count; i++) {
        memcpy(copy, v + i * n * n, (size_t)(n * n) * sizeof(double));
        y[i] = determinant(copy, n);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param mat_mul_1_in[] = {HONE_PARAM("A", HONE_SET_IEEE, 'T'), HONE_PARAM("B", HONE_SET_IEEE, 'T')};
static const hone__op_param mat_mul_1_out[] = {HONE_PARAM("Y", HONE_SET_IEEE, 'T')};
static const hone__op_param mat_mul_9_in[] = {
    HONE_PARAM("A", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM("B", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param mat_mul_9_out[] = {
    HONE_PARAM("Y", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param mat_mul_13_in[] = {
    HONE_PARAM("A", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM("B", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param mat_mul_13_out[] = {
    HONE_PARAM("Y", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param gemm_1_in[] = {HONE_PARAM("A", HONE_SET_IEEE, 'T'), HONE_PARAM("B", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM("C", HONE_SET_IEEE, 'T')};
static const hone__op_attr gemm_1_attrs[] = {{"alpha", HONE_ATTR_FLOAT, false},
                                             {"beta", HONE_ATTR_FLOAT, false},
                                             {"broadcast", HONE_ATTR_INT, false},
                                             {"transA", HONE_ATTR_INT, false},
                                             {"transB", HONE_ATTR_INT, false}};
static const hone__op_attr gemm_7_attrs[] = {{"alpha", HONE_ATTR_FLOAT, false},
                                             {"beta", HONE_ATTR_FLOAT, false},
                                             {"transA", HONE_ATTR_INT, false},
                                             {"transB", HONE_ATTR_INT, false}};
static const hone__op_param gemm_9_in[] = {
    HONE_PARAM("A", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM("B", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM("C", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param gemm_11_in[] = {
    HONE_PARAM("A", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM("B", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM_OPT("C", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param gemm_13_in[] = {
    HONE_PARAM("A", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM("B", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T'),
    HONE_PARAM_OPT("C", HONE_SET_FLOAT | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64), 'T')};
static const hone__op_param mat_mul_integer_10_in[] = {
    HONE_PARAM("A", HONE_SET(INT8) | HONE_SET(UINT8), '1'), HONE_PARAM("B", HONE_SET(INT8) | HONE_SET(UINT8), '2'),
    HONE_PARAM_OPT("a_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '1'),
    HONE_PARAM_OPT("b_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '2')};
static const hone__op_param mat_mul_integer_10_out[] = {HONE_PARAM("Y", HONE_SET(INT32), '3')};
static const hone__op_param q_linear_mat_mul_10_in[] = {
    HONE_PARAM("a", HONE_SET(INT8) | HONE_SET(UINT8), '1'),
    HONE_PARAM("a_scale", HONE_SET(FLOAT), 0),
    HONE_PARAM("a_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '1'),
    HONE_PARAM("b", HONE_SET(INT8) | HONE_SET(UINT8), '2'),
    HONE_PARAM("b_scale", HONE_SET(FLOAT), 0),
    HONE_PARAM("b_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '2'),
    HONE_PARAM("y_scale", HONE_SET(FLOAT), 0),
    HONE_PARAM("y_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '3')};
static const hone__op_param q_linear_mat_mul_10_out[] = {HONE_PARAM("y", HONE_SET(INT8) | HONE_SET(UINT8), '3')};
static const hone__op_param q_linear_mat_mul_21_in[] = {
    HONE_PARAM("a", HONE_SET(INT8) | HONE_SET(UINT8), '1'),
    HONE_PARAM("a_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'S'),
    HONE_PARAM("a_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '1'),
    HONE_PARAM("b", HONE_SET(INT8) | HONE_SET(UINT8), '2'),
    HONE_PARAM("b_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'S'),
    HONE_PARAM("b_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '2'),
    HONE_PARAM("y_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'S'),
    HONE_PARAM("y_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '3')};
static const hone__op_param det_11_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T')};
static const hone__op_param det_22_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T')};
static const hone__op_param det_22_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_param fused_mat_mul_1_in[] = {
    HONE_PARAM("A", HONE_SET_FLOAT, 'T'), HONE_PARAM("B", HONE_SET_FLOAT, 'T'),
    HONE_PARAM_OPT("bias", HONE_SET_FLOAT, 'T'), HONE_PARAM_OPT("Z", HONE_SET_FLOAT, 'T'),
    HONE_PARAM_OPT("scale", HONE_SET(FLOAT), 0)};
static const hone__op_attr fused_mat_mul_1_attrs[] = {{"activation", HONE_ATTR_STRING, false},
                                                      {"activation_params", HONE_ATTR_FLOATS, false},
                                                      {"alpha", HONE_ATTR_FLOAT, false},
                                                      {"transA", HONE_ATTR_INT, false},
                                                      {"transB", HONE_ATTR_INT, false}};
static const hone__op_param ms_fused_mat_mul_1_in[] = {HONE_PARAM("A", HONE_SET_FLOAT, 'T'),
                                                       HONE_PARAM("B", HONE_SET_FLOAT, 'T')};
static const hone__op_attr ms_fused_mat_mul_1_attrs[] = {{"alpha", HONE_ATTR_FLOAT, false},
                                                         {"transA", HONE_ATTR_INT, false},
                                                         {"transB", HONE_ATTR_INT, false},
                                                         {"transBatchA", HONE_ATTR_INT, false},
                                                         {"transBatchB", HONE_ATTR_INT, false}};

static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS("", "MatMul", 1, HONE_OP_PURE, 2, mat_mul_1_in, 1, mat_mul_1_out, infer_mat_mul, eval_mat_mul,
                      flops_mat_mul),
    HONE_ROW_NO_ATTRS("", "MatMul", 9, HONE_OP_PURE, 2, mat_mul_9_in, 1, mat_mul_9_out, infer_mat_mul, eval_mat_mul,
                      flops_mat_mul),
    HONE_ROW_NO_ATTRS("", "MatMul", 13, HONE_OP_PURE, 2, mat_mul_13_in, 1, mat_mul_13_out, infer_mat_mul, eval_mat_mul,
                      flops_mat_mul),
    HONE_ROW("", "Gemm", 1, HONE_OP_PURE, 3, gemm_1_in, 1, mat_mul_1_out, gemm_1_attrs, infer_gemm, eval_gemm,
             flops_mat_mul),
    HONE_ROW("", "Gemm", 6, HONE_OP_PURE, 3, gemm_1_in, 1, mat_mul_1_out, gemm_1_attrs, infer_gemm, eval_gemm,
             flops_mat_mul),
    HONE_ROW("", "Gemm", 7, HONE_OP_PURE, 3, gemm_1_in, 1, mat_mul_1_out, gemm_7_attrs, infer_gemm, eval_gemm,
             flops_mat_mul),
    HONE_ROW("", "Gemm", 9, HONE_OP_PURE, 3, gemm_9_in, 1, mat_mul_9_out, gemm_7_attrs, infer_gemm, eval_gemm,
             flops_mat_mul),
    HONE_ROW("", "Gemm", 11, HONE_OP_PURE, 2, gemm_11_in, 1, mat_mul_9_out, gemm_7_attrs, infer_gemm, eval_gemm,
             flops_mat_mul),
    HONE_ROW("", "Gemm", 13, HONE_OP_PURE, 2, gemm_13_in, 1, mat_mul_13_out, gemm_7_attrs, infer_gemm, eval_gemm,
             flops_mat_mul),
    HONE_ROW_NO_ATTRS("", "MatMulInteger", 10, HONE_OP_PURE, 2, mat_mul_integer_10_in, 1, mat_mul_integer_10_out,
                      infer_mat_mul_integer, eval_mat_mul_integer, flops_mat_mul),
    HONE_ROW_NO_ATTRS("", "QLinearMatMul", 10, HONE_OP_PURE, 8, q_linear_mat_mul_10_in, 1, q_linear_mat_mul_10_out,
                      infer_q_linear_mat_mul, eval_q_linear_mat_mul, flops_mat_mul),
    HONE_ROW_NO_ATTRS("", "QLinearMatMul", 21, HONE_OP_PURE, 8, q_linear_mat_mul_21_in, 1, q_linear_mat_mul_10_out,
                      infer_q_linear_mat_mul, eval_q_linear_mat_mul, flops_mat_mul),
    HONE_ROW_NO_ATTRS("", "Det", 11, HONE_OP_PURE, 1, det_11_in, 1, mat_mul_1_out, infer_det, eval_det, NULL),
    HONE_ROW_NO_ATTRS("", "Det", 22, HONE_OP_PURE, 1, det_22_in, 1, det_22_out, infer_det, eval_det, NULL),
    HONE_ROW("hone", "FusedMatMul", 1, HONE_OP_PURE, 2, fused_mat_mul_1_in, 1, det_22_out, fused_mat_mul_1_attrs,
             infer_fused_mat_mul, eval_fused_mat_mul, flops_mat_mul),
    HONE_ROW("com.microsoft", "FusedMatMul", 1, HONE_OP_PURE, 2, ms_fused_mat_mul_1_in, 1, det_22_out,
             ms_fused_mat_mul_1_attrs, infer_fused_mat_mul, eval_fused_mat_mul, flops_mat_mul),
};

const hone__op_family hone__ops_matmul = {"matmul", g_rows, HONE_COUNT(g_rows)};
