/* Operators that put elements elsewhere or repeat them: Transpose, Expand, Tile, Trilu. All types share one
 * body: elements are moved by their size, strings copied, types below a byte taken apart. */
#include "ops/op_elements.h"
#include "ops/op_help.h"

/* out[i] = x[sum of index * strides] over the output's shape. */
static hone_status gather_strided(hone__eval *ctx, const hone_tensor *x, const int64_t *strides, hone_tensor *y) {
    int64_t index[HONE_MAX_RANK] = {0}, at = 0, from = 0, n = hone__tensor_count(y);
    int rank = y->rank;
    size_t size = (size_t)hone_dtype_bits(y->dtype) / 8;
    int64_t run = rank ? y->dims[rank - 1] : 1, step = rank ? strides[rank - 1] : 0;
    while (at < n) {
        if (size == 0) { /* strings and packed types */
            for (int64_t i = 0; i < run; i++)
                HONE_TRY(hone__copy_elements(y, at + i, x, from + i * step, 1, ctx->error));
        } else if (step == 1) {
            memcpy((char *)y->data + (size_t)at * size, (const char *)x->data + (size_t)from * size,
                   (size_t)run * size);
        } else {
            char *to = (char *)y->data + (size_t)at * size;
            const char *src = (const char *)x->data + (size_t)from * size;
            for (int64_t i = 0; i < run; i++, to += size, src += (size_t)step * size)
                memcpy(to, src, size);
        }
        at += run;
        for (int d = rank - 2; d >= 0; d--) {
            from += strides[d];
            if (++index[d] < y->dims[d])
                break;
            from -= strides[d] * y->dims[d];
            index[d] = 0;
        }
    }
    return HONE_OK;
}

/* ---- Transpose ---- */

/* The permutation, reversed dims by default; false when the attribute is none. */
static bool permutation(const hone__node *node, int rank, int *perm) {
    size_t n;
    const int64_t *v = hone__node_attr_ints(node, "perm", &n);
    bool is_taken[HONE_MAX_RANK] = {0};
    for (int i = 0; i < rank; i++) {
        int64_t axis = v ? (n == (size_t)rank ? v[i] : -1) : rank - 1 - i;
        if (axis < 0 || axis >= rank || is_taken[axis])
            return false;
        is_taken[axis] = true;
        perm[i] = (int)axis;
    }
    return !v || n == (size_t)rank;
}

static hone_status infer_transpose(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    if (!x)
        return HONE_OK;
    if (x->rank < 0)
        return hone__infer_set_dtype(ctx, 0, x->dtype);
    int perm[HONE_MAX_RANK];
    hone__dim dims[HONE_MAX_RANK];
    if (!permutation(ctx->node, x->rank, perm))
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "perm is no permutation of %d axes", x->rank);
    for (int i = 0; i < x->rank; i++)
        dims[i] = x->dims[perm[i]];
    return hone__infer_set(ctx, 0, x->dtype, x->rank, dims);
}

static hone_status eval_transpose(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int perm[HONE_MAX_RANK];
    int64_t dims[HONE_MAX_RANK], own[HONE_MAX_RANK], strides[HONE_MAX_RANK];
    if (!permutation(ctx->node, x->rank, perm))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "perm is no permutation of %d axes", x->rank);
    hone__row_major_strides(x->dims, x->rank, own);
    for (int i = 0; i < x->rank; i++) {
        dims[i] = x->dims[perm[i]];
        strides[i] = own[perm[i]];
    }
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, dims, &y));
    return y ? gather_strided(ctx, x, strides, y) : HONE_OK;
}

/* ---- Expand ---- */

static hone_status infer_expand(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0), *shape = hone__infer_input(ctx, 1);
    int64_t v[HONE_MAX_RANK];
    size_t n;
    hone__dim wanted[HONE_MAX_RANK], dims[HONE_MAX_RANK];
    hone__type to = {.kind = HONE_KIND_TENSOR, .is_known = true, .dims = wanted};
    int rank;
    if (!x)
        return HONE_OK;
    if (x->rank < 0)
        return hone__infer_set_dtype(ctx, 0, x->dtype);
    if (hone__infer_ints(ctx, 1, v, HONE_MAX_RANK, &n)) {
        for (size_t i = 0; i < n; i++)
            wanted[i] = hone__dim_known(v[i]);
    } else if (ctx->in_sym && ctx->in_sym[1] && ctx->in_n_sym[1] <= HONE_MAX_RANK) {
        n = ctx->in_n_sym[1];
        for (size_t i = 0; i < n; i++) {
            hone__sym s = ctx->in_sym[1][i];
            wanted[i] = s.is_known ? hone__dim_known(s.value) : (hone__dim){-1, s.symbol};
        }
    } else {
        if (!shape || shape->rank != 1 || shape->dims[0].value < 0 || shape->dims[0].value > HONE_MAX_RANK)
            return hone__infer_set_dtype(ctx, 0, x->dtype);
        n = (size_t)shape->dims[0].value;
        for (size_t i = 0; i < n; i++)
            wanted[i] = hone__dim_unknown();
    }
    to.rank = (int)n;
    HONE_TRY(hone__infer_broadcast(ctx, x, &to, dims, &rank));
    return hone__infer_set(ctx, 0, x->dtype, rank, dims);
}

static hone_status eval_expand(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t shape[HONE_MAX_RANK], dims[HONE_MAX_RANK], strides[HONE_MAX_RANK];
    size_t n;
    int rank;
    HONE_TRY(hone__eval_ints(ctx, 1, shape, HONE_MAX_RANK, &n));
    for (size_t i = 0; i < n; i++)
        if (shape[i] < 0)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "dimension %zu would be %lld", i, (long long)shape[i]);
    HONE_TRY(hone__broadcast_dims(x->dims, x->rank, shape, (int)n, dims, &rank, ctx->error));
    hone__broadcast_strides(x, dims, rank, strides);
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, rank, dims, &y));
    return y ? gather_strided(ctx, x, strides, y) : HONE_OK;
}

/* ---- Tile ---- */

static hone_status infer_tile(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    int64_t v[HONE_MAX_RANK];
    size_t n;
    hone__dim dims[HONE_MAX_RANK];
    if (!x)
        return HONE_OK;
    if (x->rank < 0)
        return hone__infer_set_dtype(ctx, 0, x->dtype);
    if (ctx->node->op->since < 6 || !hone__infer_ints(ctx, 1, v, HONE_MAX_RANK, &n) || n != (size_t)x->rank)
        return hone__infer_rank(ctx, 0, x->dtype, x->rank);
    for (int i = 0; i < x->rank; i++) {
        dims[i] = v[i] == 1 ? x->dims[i] : hone__dim_unknown();
        if (v[i] < 0 || (x->dims[i].value >= 0 && !hone__mul_i64(x->dims[i].value, v[i], &dims[i].value)))
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "dimension %d cannot be repeated %lld times", i,
                                    (long long)v[i]);
    }
    return hone__infer_set(ctx, 0, x->dtype, x->rank, dims);
}

static hone_status eval_tile(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t repeats[HONE_MAX_RANK], dims[HONE_MAX_RANK], own[HONE_MAX_RANK];
    size_t n;
    if (ctx->node->op->since < 6) { /* inputs: tiles, axis */
        int64_t tiles, axis;
        HONE_TRY(hone__eval_int(ctx, 1, &tiles));
        HONE_TRY(hone__eval_int(ctx, 2, &axis));
        if (axis < 0 || axis >= x->rank)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "axis %lld does not fit rank %d", (long long)axis, x->rank);
        n = (size_t)x->rank;
        for (size_t i = 0; i < n; i++)
            repeats[i] = (int64_t)i == axis ? tiles : 1;
    } else {
        HONE_TRY(hone__eval_ints(ctx, 1, repeats, HONE_MAX_RANK, &n));
    }
    if (n != (size_t)x->rank)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%zu repeats for rank %d", n, x->rank);
    for (size_t i = 0; i < n; i++)
        if (repeats[i] < 0 || !hone__mul_i64(x->dims[i], repeats[i], &dims[i]))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "dimension %zu cannot be repeated %lld times", i,
                                   (long long)repeats[i]);
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, dims, &y));
    if (!y || hone__tensor_count(y) == 0)
        return HONE_OK;
    hone__row_major_strides(x->dims, x->rank, own);
    int64_t index[HONE_MAX_RANK] = {0}, count = hone__tensor_count(y), run = n ? x->dims[n - 1] : 1;
    for (int64_t at = 0; at < count;) {
        int64_t from = 0;
        for (int d = 0; d + 1 < x->rank; d++)
            from += index[d] % x->dims[d] * own[d];
        for (int64_t r = 0; r < (n ? repeats[n - 1] : 1); r++, at += run)
            HONE_TRY(hone__copy_elements(y, at, x, from, run, ctx->error));
        for (int d = x->rank - 2; d >= 0 && ++index[d] == dims[d]; d--)
            index[d] = 0;
    }
    return HONE_OK;
}

/* ---- Trilu ---- */

static hone_status infer_same(hone__infer *ctx) { return hone__infer_same(ctx, 0, 0); }

static hone_status eval_trilu(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t k = 0;
    if (x->rank < 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input must be matrices, it has rank %d", x->rank);
    if (!hone__in_omitted(ctx, 1))
        HONE_TRY(hone__eval_int(ctx, 1, &k));
    bool is_upper = hone__node_attr_int(ctx->node, "upper", 1) != 0;
    hone_tensor *y;
    HONE_TRY(hone__eval_output_like(ctx, 0, x, &y));
    if (!y)
        return HONE_OK;
    int64_t rows = x->dims[x->rank - 2], columns = x->dims[x->rank - 1];
    int64_t n_rows = columns ? hone__tensor_count(x) / columns : 0;
    if (x->dtype != HONE_DTYPE_STRING && y->data != x->data)
        memset(y->data, 0, y->size);
    k = hone__max_i64(-rows - 1, hone__min_i64(k, columns + 1));
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t edge = hone__max_i64(0, hone__min_i64(i % rows + k + (is_upper ? 0 : 1), columns));
        int64_t first = is_upper ? edge : 0, end = is_upper ? columns : edge;
        HONE_TRY(hone__copy_elements(y, i * columns + first, x, i * columns + first, end - first, ctx->error));
    }
    return HONE_OK;
}

/* ---- rows ---- */

enum { ALL = HONE_SET_ALL };
static const hone__op_param p_data[] = {HONE_PARAM("data", ALL, 'T')};
static const hone__op_param p_shape[] = {HONE_PARAM("data", ALL, 'T'), HONE_PARAM("shape", HONE_SET(INT64), 0)};
static const hone__op_param p_tile1[] = {HONE_PARAM("data", ALL, 'T'), HONE_PARAM("tiles", ALL, 0),
                                         HONE_PARAM("axis", ALL, 0)};
static const hone__op_param p_trilu[] = {HONE_PARAM("data", ALL, 'T'), HONE_PARAM_OPT("k", HONE_SET(INT64), 0)};
static const hone__op_attr a_perm[] = {{"perm", HONE_ATTR_INTS, false}};
static const hone__op_attr a_upper[] = {{"upper", HONE_ATTR_INT, false}};
#define TRANSPOSE(since)                                                                                               \
    HONE_ROW("", "Transpose", since, HONE_OP_PURE, 1, p_data, 1, p_data, a_perm, infer_transpose, eval_transpose, NULL)
#define EXPAND(since)                                                                                                  \
    HONE_ROW_NO_ATTRS("", "Expand", since, HONE_OP_PURE, 2, p_shape, 1, p_data, infer_expand, eval_expand, NULL)
#define TILE(since)                                                                                                    \
    HONE_ROW_NO_ATTRS("", "Tile", since, HONE_OP_PURE, 2, p_shape, 1, p_data, infer_tile, eval_tile, NULL)

static const hone__op g_rows[] = {
    TRANSPOSE(1),
    TRANSPOSE(13),
    TRANSPOSE(21),
    TRANSPOSE(23),
    EXPAND(8),
    EXPAND(13),
    HONE_ROW_NO_ATTRS("", "Tile", 1, HONE_OP_PURE, 3, p_tile1, 1, p_data, infer_tile, eval_tile, NULL),
    TILE(6),
    TILE(13),
    HONE_ROW("", "Trilu", 14, HONE_OP_PURE, 1, p_trilu, 1, p_data, a_upper, infer_same, eval_trilu, NULL),
};
const hone__op_family hone__ops_move = {"move", g_rows, sizeof g_rows / sizeof *g_rows};
