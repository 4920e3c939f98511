/* Operators about shapes: Shape and Size read them; Reshape, Squeeze, Unsqueeze, Flatten and Dropout give
 * input 0's elements another one (or the same). */
#include "ops/op_elements.h"
#include "ops/op_help.h"
#include "ops/op_random.h"

/* ---- Shape, Size ---- */

static void shape_range(const hone__node *node, int rank, int64_t *start, int64_t *end) {
    *start = hone__node_attr_int(node, "start", 0);
    *end = hone__node_attr_int(node, "end", rank);
    *start = hone__max_i64(0, hone__min_i64(*start < 0 ? *start + rank : *start, rank));
    *end = hone__max_i64(0, hone__min_i64(*end < 0 ? *end + rank : *end, rank));
    *end = hone__max_i64(*start, *end);
}

static hone_status infer_shape(hone__infer *ctx) {
    hone__dim n = hone__dim_unknown();
    if (hone__infer_has_rank(ctx, 0)) {
        int64_t start, end;
        shape_range(ctx->node, ctx->in[0]->rank, &start, &end);
        n = hone__dim_known(end - start);
    }
    return hone__infer_set(ctx, 0, HONE_DTYPE_INT64, 1, &n);
}

static hone_status eval_shape(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t start, end;
    shape_range(ctx->node, x->rank, &start, &end);
    int64_t n = end - start;
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, 1, &n, &y));
    for (int64_t i = 0; y && i < n; i++)
        ((int64_t *)y->data)[i] = x->dims[start + i];
    return HONE_OK;
}

static hone_status infer_size(hone__infer *ctx) { return hone__infer_set(ctx, 0, HONE_DTYPE_INT64, 0, NULL); }

static hone_status eval_size(hone__eval *ctx) {
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, 0, NULL, &y));
    if (y)
        *(int64_t *)y->data = hone__tensor_count(ctx->in[0]);
    return HONE_OK;
}

/* ---- the same elements in another shape ---- */

static hone_status give_reshaped(hone__eval *ctx, int rank, const int64_t *dims) {
    const hone_tensor *x = ctx->in[0];
    int64_t count;
    if (!hone__shape_count(dims, rank, &count) || count != hone__tensor_count(x))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%lld elements do not fit the new shape",
                               (long long)hone__tensor_count(x));
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, rank, dims, &y));
    /* The planner may have given both the same memory. */
    if (!y || y->data == x->data)
        return HONE_OK;
    return hone__copy_elements(y, 0, x, 0, count, ctx->error);
}

static bool allows_zero(const hone__node *node) { return hone__node_attr_int(node, "allowzero", 0) != 0; }

static hone_status eval_reshape(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t dims[HONE_MAX_RANK];
    size_t n;
    if (ctx->node->op->since < 5) {
        const int64_t *shape = hone__node_attr_ints(ctx->node, "shape", &n);
        if (n > HONE_MAX_RANK)
            return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "rank %zu is too large", n);
        for (size_t i = 0; i < n; i++)
            dims[i] = shape[i];
    } else {
        HONE_TRY(hone__eval_ints(ctx, 1, dims, HONE_MAX_RANK, &n));
    }
    int64_t known = 1;
    int guess = -1;
    for (size_t i = 0; i < n; i++) {
        if (dims[i] == 0 && !allows_zero(ctx->node)) {
            if ((int)i >= x->rank)
                return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "dimension %zu is to be copied, the input has none", i);
            dims[i] = x->dims[i];
        }
        if (dims[i] < -1 || (dims[i] == -1 && guess >= 0))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the new shape may hold one -1 and nothing else below 0");
        if (dims[i] == -1)
            guess = (int)i;
        else if (!hone__mul_i64(known, dims[i], &known))
            return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the new shape is too large");
    }
    if (guess >= 0) {
        int64_t count = hone__tensor_count(x);
        if (known == 0 ? count != 0 : count % known != 0)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%lld elements cannot be divided by %lld", (long long)count,
                                   (long long)known);
        dims[guess] = known == 0 ? 0 : count / known;
    }
    return give_reshaped(ctx, (int)n, dims);
}

/* The product of known dims, false if one is unknown; equal symbols on both sides cancel before. */
static bool product(const hone__dim *dims, int n, const bool *skip, int64_t *out) {
    *out = 1;
    for (int i = 0; i < n; i++)
        if (!skip[i] && (dims[i].value < 0 || !hone__mul_i64(*out, dims[i].value, out)))
            return false;
    return true;
}

/* The dim that -1 stands for, from what is left when equal dims are struck out on both sides. */
static hone__dim solve(const hone__type *x, const hone__dim *dims, int n, int guess) {
    bool skip_in[HONE_MAX_RANK] = {0}, skip_out[HONE_MAX_RANK] = {0};
    skip_out[guess] = true;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < x->rank && !skip_out[i]; k++)
            if (!skip_in[k] && dims[i].value < 0 && x->dims[k].value < 0 && hone__dim_same(dims[i], x->dims[k]))
                skip_in[k] = skip_out[i] = true;
    int64_t given, taken;
    if (!product(dims, n, skip_out, &taken) || taken == 0)
        return hone__dim_unknown();
    if (product(x->dims, x->rank, skip_in, &given))
        return given % taken == 0 ? hone__dim_known(given / taken) : hone__dim_unknown();
    /* One unknown is left and everything else agrees: -1 is that one. */
    int lone = -1;
    for (int k = 0; k < x->rank; k++)
        if (!skip_in[k] && x->dims[k].value < 0) {
            if (lone >= 0)
                return hone__dim_unknown();
            lone = k;
        }
    skip_in[lone] = true;
    return product(x->dims, x->rank, skip_in, &given) && given == taken ? x->dims[lone] : hone__dim_unknown();
}

static hone_status infer_reshape(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    if (!x)
        return HONE_OK;
    hone__sym shape[HONE_MAX_RANK];
    size_t n = 0;
    bool is_known = false;
    if (ctx->node->op->since < 5) {
        const int64_t *v = hone__node_attr_ints(ctx->node, "shape", &n);
        is_known = n <= HONE_MAX_RANK;
        for (size_t i = 0; is_known && i < n; i++)
            shape[i] = (hone__sym){true, v[i], NULL};
    } else {
        int64_t v[HONE_MAX_RANK];
        if ((is_known = hone__infer_ints(ctx, 1, v, HONE_MAX_RANK, &n))) {
            for (size_t i = 0; i < n; i++)
                shape[i] = (hone__sym){true, v[i], NULL};
        } else if (ctx->in_sym && ctx->n_in > 1 && ctx->in_sym[1] && ctx->in_n_sym[1] <= HONE_MAX_RANK) {
            is_known = true;
            n = ctx->in_n_sym[1];
            for (size_t i = 0; i < n; i++)
                shape[i] = ctx->in_sym[1][i];
        }
    }
    if (!is_known) {
        const hone__type *s = hone__infer_input(ctx, 1);
        if (s && s->rank == 1 && s->dims[0].value >= 0 && s->dims[0].value <= HONE_MAX_RANK)
            return hone__infer_rank(ctx, 0, x->dtype, (int)s->dims[0].value);
        return hone__infer_set_dtype(ctx, 0, x->dtype);
    }
    hone__dim dims[HONE_MAX_RANK];
    int guess = -1;
    bool is_open = false; /* an element is unknown without a symbol: it might itself be -1 or 0 */
    for (size_t i = 0; i < n; i++) {
        dims[i] = shape[i].is_known ? hone__dim_known(shape[i].value) : (hone__dim){-1, shape[i].symbol};
        if (!shape[i].is_known) {
            is_open = is_open || !shape[i].symbol;
        } else if (shape[i].value == -1) {
            if (guess >= 0)
                return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the new shape holds -1 twice");
            guess = (int)i;
        } else if (shape[i].value < -1) {
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the new shape holds %lld", (long long)shape[i].value);
        } else if (shape[i].value == 0 && !allows_zero(ctx->node)) {
            if (x->rank >= 0 && (int)i >= x->rank)
                return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "dimension %zu is to be copied, the input has none", i);
            dims[i] = x->rank >= 0 ? x->dims[i] : hone__dim_unknown();
        }
    }
    if (guess >= 0)
        dims[guess] = x->rank >= 0 && !is_open ? solve(x, dims, (int)n, guess) : hone__dim_unknown();
    else if (hone__type_is_static(x)) {
        int64_t have = 1, want = 1;
        bool is_static = true;
        for (int k = 0; k < x->rank; k++)
            is_static = is_static && hone__mul_i64(have, x->dims[k].value, &have);
        int unknown = -1, n_unknown = 0;
        for (size_t i = 0; i < n; i++) {
            if (dims[i].value < 0) {
                unknown = (int)i;
                n_unknown++;
            } else {
                is_static = is_static && hone__mul_i64(want, dims[i].value, &want);
            }
        }
        if (is_static && n_unknown == 0 && have != want)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "%lld elements cannot become %lld", (long long)have,
                                    (long long)want);
        if (is_static && n_unknown == 1 && want > 0 && have % want == 0)
            dims[unknown] = hone__dim_known(have / want);
    }
    return hone__infer_set(ctx, 0, x->dtype, (int)n, dims);
}

/* Axes of Squeeze and Unsqueeze as flags; `rank` is that of the shape that has them. */
static hone_status mark_axes(const int64_t *axes, size_t n, int rank, bool *is_marked, hone_error *error) {
    memset(is_marked, 0, HONE_MAX_RANK * sizeof *is_marked);
    for (size_t i = 0; i < n; i++) {
        int axis;
        HONE_TRY(hone__axis(axes[i], rank, &axis, error));
        is_marked[axis] = true;
    }
    return HONE_OK;
}

static hone_status eval_squeeze(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t axes[HONE_MAX_RANK], dims[HONE_MAX_RANK];
    size_t n = 0;
    bool drop[HONE_MAX_RANK], is_given = false;
    if (ctx->node->op->since >= 13) {
        is_given = !hone__in_omitted(ctx, 1);
        HONE_TRY(hone__eval_ints(ctx, 1, axes, HONE_MAX_RANK, &n));
    } else {
        const int64_t *v = hone__node_attr_ints(ctx->node, "axes", &n);
        is_given = v != NULL;
        if (n > HONE_MAX_RANK)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%zu axes are too many", n);
        for (size_t i = 0; i < n; i++)
            axes[i] = v[i];
    }
    HONE_TRY(mark_axes(axes, n, x->rank, drop, ctx->error));
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (drop[i] && x->dims[i] != 1)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "dimension %d is %lld, not 1", i, (long long)x->dims[i]);
        if (is_given ? !drop[i] : x->dims[i] != 1)
            dims[rank++] = x->dims[i];
    }
    return give_reshaped(ctx, rank, dims);
}

static hone_status eval_unsqueeze(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t axes[HONE_MAX_RANK], dims[HONE_MAX_RANK];
    size_t n = 0;
    bool add[HONE_MAX_RANK];
    if (ctx->node->op->since >= 13) {
        HONE_TRY(hone__eval_ints(ctx, 1, axes, HONE_MAX_RANK, &n));
    } else {
        const int64_t *v = hone__node_attr_ints(ctx->node, "axes", &n);
        for (size_t i = 0; i < n && i < HONE_MAX_RANK; i++)
            axes[i] = v[i];
    }
    if (n > HONE_MAX_RANK || x->rank + (int)n > HONE_MAX_RANK)
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "rank %zu is too large", (size_t)x->rank + n);
    int rank = x->rank + (int)n, from = 0;
    HONE_TRY(mark_axes(axes, n, rank, add, ctx->error));
    for (int i = 0; i < rank; i++) {
        if (!add[i] && from >= x->rank)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "an axis is given twice");
        dims[i] = add[i] ? 1 : x->dims[from++];
    }
    return give_reshaped(ctx, rank, dims);
}

/* Axes from the attribute or the constant input; false when they are not known. */
static bool infer_axes(hone__infer *ctx, int64_t *axes, size_t *n, bool *is_given) {
    *is_given = true;
    *n = 0;
    if (ctx->node->op->since >= 13) {
        *is_given = hone__infer_given(ctx, 1);
        return !*is_given || hone__infer_ints(ctx, 1, axes, HONE_MAX_RANK, n);
    }
    const int64_t *v = hone__node_attr_ints(ctx->node, "axes", n);
    *is_given = v != NULL;
    if (*n > HONE_MAX_RANK)
        return false;
    for (size_t i = 0; i < *n; i++)
        axes[i] = v[i];
    return true;
}

static hone_status infer_squeeze(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    int64_t axes[HONE_MAX_RANK];
    size_t n;
    bool drop[HONE_MAX_RANK], is_given;
    if (!x)
        return HONE_OK;
    if (x->rank < 0 || !infer_axes(ctx, axes, &n, &is_given))
        return hone__infer_set_dtype(ctx, 0, x->dtype);
    if (!is_given && !hone__type_is_static(x)) /* an unknown dim may turn out to be 1 */
        return hone__infer_set_dtype(ctx, 0, x->dtype);
    HONE_TRY(mark_axes(axes, n, x->rank, drop, ctx->error));
    hone__dim dims[HONE_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (drop[i] && x->dims[i].value >= 0 && x->dims[i].value != 1)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "dimension %d is %lld, not 1", i,
                                    (long long)x->dims[i].value);
        if (is_given ? !drop[i] : x->dims[i].value != 1)
            dims[rank++] = x->dims[i];
    }
    return hone__infer_set(ctx, 0, x->dtype, rank, dims);
}

static hone_status infer_unsqueeze(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    int64_t axes[HONE_MAX_RANK];
    size_t n;
    bool add[HONE_MAX_RANK], is_given;
    if (!x)
        return HONE_OK;
    if (x->rank < 0 || !infer_axes(ctx, axes, &n, &is_given) || x->rank + (int)n > HONE_MAX_RANK)
        return hone__infer_set_dtype(ctx, 0, x->dtype);
    int rank = x->rank + (int)n, from = 0;
    HONE_TRY(mark_axes(axes, n, rank, add, ctx->error));
    hone__dim dims[HONE_MAX_RANK];
    for (int i = 0; i < rank; i++) {
        if (!add[i] && from >= x->rank)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "an axis is given twice");
        dims[i] = add[i] ? hone__dim_known(1) : x->dims[from++];
    }
    return hone__infer_set(ctx, 0, x->dtype, rank, dims);
}

/* ---- Flatten ---- */

static hone_status eval_flatten(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t axis = hone__node_attr_int(ctx->node, "axis", 1);
    if (axis < -x->rank || axis > x->rank)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "axis %lld does not fit rank %d", (long long)axis, x->rank);
    int cut = (int)(axis < 0 ? axis + x->rank : axis);
    int64_t dims[] = {hone__dims_product(x->dims, 0, cut), hone__dims_product(x->dims, cut, x->rank)};
    return give_reshaped(ctx, 2, dims);
}

static hone_status infer_flatten(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    int64_t axis = hone__node_attr_int(ctx->node, "axis", 1);
    if (!x)
        return HONE_OK;
    if (x->rank < 0)
        return hone__infer_rank(ctx, 0, x->dtype, 2);
    if (axis < -x->rank || axis > x->rank)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "axis %lld does not fit rank %d", (long long)axis, x->rank);
    int cut = (int)(axis < 0 ? axis + x->rank : axis);
    hone__dim dims[] = {hone__dim_product(x->dims, 0, cut), hone__dim_product(x->dims, cut, x->rank)};
    return hone__infer_set(ctx, 0, x->dtype, 2, dims);
}

/* ---- Dropout ----
 * In inference the input itself, with a mask of ones. With training_mode, elements are dropped by a
 * generator seeded by the attribute (0 without one, so that runs repeat). */

static hone_status infer_dropout(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    HONE_TRY(hone__infer_same(ctx, 0, 0));
    if (!x || ctx->n_out < 2)
        return HONE_OK;
    return hone__infer_set(ctx, 1, ctx->node->op->since >= 10 ? HONE_DTYPE_BOOL : x->dtype, x->rank, x->dims);
}

static hone_status eval_dropout(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    double ratio = 0.5, training = 0;
    if (ctx->node->op->since >= 12) {
        HONE_TRY(hone__eval_number(ctx, 1, 0.5, &ratio));
        HONE_TRY(hone__eval_number(ctx, 2, 0, &training));
    }
    hone_tensor *y, *mask;
    int64_t n = hone__tensor_count(x);
    HONE_TRY(
        hone__eval_output(ctx, 1, ctx->node->op->since >= 10 ? HONE_DTYPE_BOOL : x->dtype, x->rank, x->dims, &mask));
    HONE_TRY(hone__eval_output_like(ctx, 0, x, &y));
    hone__random random;
    hone__random_seed(&random, (uint32_t)hone__node_attr_int(ctx->node, "seed", 0));
    bool drops = training != 0 && ratio > 0;
    for (int64_t i = 0; i < n; i++) {
        double keep = 1, v;
        if (drops)
            keep = hone__random_uniform(&random) >= ratio;
        if (mask)
            hone__store_f64(mask, i, 1, &keep);
        if (!y || (y->data == x->data && !drops))
            continue;
        hone__load_f64(x, i, 1, 1, &v);
        v = drops ? (keep != 0 ? v / (1.0 - ratio) : 0.0) : v;
        hone__store_f64(y, i, 1, &v);
    }
    return HONE_OK;
}

/* ---- rows ---- */

enum {
    ALL = HONE_SET_ALL,
    ALL1 = HONE_SET_ALL_V1,
    IEEE = HONE_SET_IEEE,
    DROP13 = HONE_SET_FLOAT,
    DROP22 = HONE_SET_FLOAT | HONE_SET_FLOAT8
};
static const hone__op_param p_data[] = {HONE_PARAM("data", ALL, 'T')};
static const hone__op_param p_int64[] = {HONE_PARAM("shape", HONE_SET(INT64), 0)};
static const hone__op_param p_reshape[] = {HONE_PARAM("data", ALL, 'T'), HONE_PARAM("shape", HONE_SET(INT64), 0)};
static const hone__op_param p_squeeze[] = {HONE_PARAM("data", ALL, 'T'), HONE_PARAM_OPT("axes", HONE_SET(INT64), 0)};
static const hone__op_param p_unsqueeze[] = {HONE_PARAM("data", ALL, 'T'), HONE_PARAM("axes", HONE_SET(INT64), 0)};
static const hone__op_param p_drop1[] = {HONE_PARAM("data", IEEE, 'T')};
static const hone__op_param p_drop12[] = {HONE_PARAM("data", DROP13, 'T'), HONE_PARAM_OPT("ratio", DROP22, 'R'),
                                          HONE_PARAM_OPT("training_mode", HONE_SET(BOOL), 0)};
static const hone__op_param p_drop22[] = {HONE_PARAM("data", DROP22, 'T'), HONE_PARAM_OPT("ratio", DROP22, 'R'),
                                          HONE_PARAM_OPT("training_mode", HONE_SET(BOOL), 0)};
static const hone__op_param q_drop[] = {HONE_PARAM("output", DROP22, 'T'),
                                        HONE_PARAM_OPT("mask", DROP22 | HONE_SET(BOOL), 0)};
static const hone__op_attr a_start_end[] = {{"start", HONE_ATTR_INT, false}, {"end", HONE_ATTR_INT, false}};
static const hone__op_attr a_shape[] = {{"shape", HONE_ATTR_INTS, false}, {"consumed_inputs", HONE_ATTR_INTS, false}};
static const hone__op_attr a_allowzero[] = {{"allowzero", HONE_ATTR_INT, false}};
static const hone__op_attr a_axes[] = {{"axes", HONE_ATTR_INTS, false}};
static const hone__op_attr a_axes_required[] = {{"axes", HONE_ATTR_INTS, true}};
static const hone__op_attr a_axis[] = {{"axis", HONE_ATTR_INT, false}};
static const hone__op_attr a_drop1[] = {
    {"consumed_inputs", HONE_ATTR_INTS, false}, {"is_test", HONE_ATTR_INT, false}, {"ratio", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_drop6[] = {{"is_test", HONE_ATTR_INT, false}, {"ratio", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_ratio[] = {{"ratio", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_seed[] = {{"seed", HONE_ATTR_INT, false}};

#define READ (HONE_OP_PURE | HONE_OP_SHAPE_ONLY)
#define VIEW (HONE_OP_PURE | HONE_OP_VIEW)
#define SHAPE(since) HONE_ROW_NO_ATTRS("", "Shape", since, READ, 1, p_data, 1, p_int64, infer_shape, eval_shape, NULL)
#define SHAPE15(since)                                                                                                 \
    HONE_ROW("", "Shape", since, READ, 1, p_data, 1, p_int64, a_start_end, infer_shape, eval_shape, NULL)
#define SIZE(since) HONE_ROW_NO_ATTRS("", "Size", since, READ, 1, p_data, 1, p_int64, infer_size, eval_size, NULL)
#define RESHAPE14(since)                                                                                               \
    HONE_ROW("", "Reshape", since, VIEW, 2, p_reshape, 1, p_data, a_allowzero, infer_reshape, eval_reshape, NULL)
#define RESHAPE5(since)                                                                                                \
    HONE_ROW_NO_ATTRS("", "Reshape", since, VIEW, 2, p_reshape, 1, p_data, infer_reshape, eval_reshape, NULL)
#define SQUEEZE1(since)                                                                                                \
    HONE_ROW("", "Squeeze", since, VIEW, 1, p_data, 1, p_data, a_axes, infer_squeeze, eval_squeeze, NULL)
#define SQUEEZE13(since)                                                                                               \
    HONE_ROW_NO_ATTRS("", "Squeeze", since, VIEW, 1, p_squeeze, 1, p_data, infer_squeeze, eval_squeeze, NULL)
#define UNSQUEEZE1(since)                                                                                              \
    HONE_ROW("", "Unsqueeze", since, VIEW, 1, p_data, 1, p_data, a_axes_required, infer_unsqueeze, eval_unsqueeze, NULL)
#define UNSQUEEZE13(since)                                                                                             \
    HONE_ROW_NO_ATTRS("", "Unsqueeze", since, VIEW, 2, p_unsqueeze, 1, p_data, infer_unsqueeze, eval_unsqueeze, NULL)
#define FLATTEN(since)                                                                                                 \
    HONE_ROW("", "Flatten", since, VIEW, 1, p_data, 1, p_data, a_axis, infer_flatten, eval_flatten, NULL)
/* The mask's memory is its own; the data may stay in place. */
#define DROPOUT(since, in, attrs)                                                                                      \
    HONE_ROW("", "Dropout", since, HONE_OP_INPLACE0 | (since < 12 ? HONE_OP_PURE : 0), 1, in, 1, q_drop, attrs,        \
             infer_dropout, eval_dropout, NULL)

static const hone__op g_rows[] = {
    SHAPE(1),
    SHAPE(13),
    SHAPE15(15),
    SHAPE15(19),
    SHAPE15(21),
    SHAPE15(23),
    SIZE(1),
    SIZE(13),
    SIZE(19),
    SIZE(21),
    SIZE(23),
    HONE_ROW("", "Reshape", 1, VIEW, 1, p_data, 1, p_data, a_shape, infer_reshape, eval_reshape, NULL),
    RESHAPE5(5),
    RESHAPE5(13),
    RESHAPE14(14),
    RESHAPE14(19),
    RESHAPE14(21),
    RESHAPE14(23),
    SQUEEZE1(1),
    SQUEEZE1(11),
    SQUEEZE13(13),
    SQUEEZE13(21),
    SQUEEZE13(23),
    UNSQUEEZE1(1),
    UNSQUEEZE1(11),
    UNSQUEEZE13(13),
    UNSQUEEZE13(21),
    UNSQUEEZE13(23),
    FLATTEN(1),
    FLATTEN(9),
    FLATTEN(11),
    FLATTEN(13),
    FLATTEN(21),
    FLATTEN(23),
    DROPOUT(1, p_drop1, a_drop1),
    DROPOUT(6, p_drop1, a_drop6),
    DROPOUT(7, p_drop1, a_ratio),
    DROPOUT(10, p_drop1, a_ratio),
    DROPOUT(12, p_drop12, a_seed),
    DROPOUT(13, p_drop12, a_seed),
    DROPOUT(22, p_drop22, a_seed),
};
const hone__op_family hone__ops_shape = {"shape", g_rows, sizeof g_rows / sizeof *g_rows};
