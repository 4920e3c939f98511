/* Operators that make tensors of nothing: Constant, ConstantOfShape, EyeLike, Range. */
#include "ops/op_elements.h"
#include "ops/op_help.h"

#include <math.h>

/* ---- Constant ---- */

static const hone__attr *constant_attr(const hone__node *node) {
    for (size_t i = 0; i < node->n_attrs; i++)
        if (strncmp(node->attrs[i].name, "value", 5) == 0 || strcmp(node->attrs[i].name, "sparse_value") == 0)
            return &node->attrs[i];
    return NULL;
}

static hone_status infer_constant(hone__infer *ctx) {
    const hone__attr *a = constant_attr(ctx->node);
    hone__dim n = hone__dim_known(a ? (int64_t)a->n : 0);
    if (!a)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "no attribute holds the value");
    switch (a->type) {
    case HONE_ATTR_TENSOR:
    case HONE_ATTR_SPARSE_TENSOR: {
        hone__dim dims[HONE_MAX_RANK];
        if (!a->t)
            return hone__infer_fail(ctx, HONE_ERROR_MODEL, "attribute \"%s\" is empty", a->name);
        for (int i = 0; i < a->t->rank; i++)
            dims[i] = hone__dim_known(a->t->dims[i]);
        return hone__infer_set(ctx, 0, a->t->dtype, a->t->rank, dims);
    }
    case HONE_ATTR_FLOAT:
        return hone__infer_set(ctx, 0, HONE_DTYPE_FLOAT, 0, NULL);
    case HONE_ATTR_INT:
        return hone__infer_set(ctx, 0, HONE_DTYPE_INT64, 0, NULL);
    case HONE_ATTR_STRING:
        return hone__infer_set(ctx, 0, HONE_DTYPE_STRING, 0, NULL);
    case HONE_ATTR_FLOATS:
        return hone__infer_set(ctx, 0, HONE_DTYPE_FLOAT, 1, &n);
    case HONE_ATTR_INTS:
        return hone__infer_set(ctx, 0, HONE_DTYPE_INT64, 1, &n);
    case HONE_ATTR_STRINGS:
        return hone__infer_set(ctx, 0, HONE_DTYPE_STRING, 1, &n);
    default:
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "attribute \"%s\" cannot be a value", a->name);
    }
}

static hone_status eval_constant(hone__eval *ctx) {
    const hone__attr *a = constant_attr(ctx->node);
    hone_tensor *y;
    if (!a)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "no attribute holds the value");
    int64_t n = (int64_t)a->n;
    switch (a->type) {
    case HONE_ATTR_TENSOR:
    case HONE_ATTR_SPARSE_TENSOR:
        if (!a->t)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "attribute \"%s\" is empty", a->name);
        HONE_TRY(hone_tensor_clone(a->t, &y, ctx->error));
        return ctx->output_take(ctx, 0, y);
    case HONE_ATTR_FLOAT:
        HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_FLOAT, 0, NULL, &y));
        if (y)
            *(float *)y->data = a->f;
        return HONE_OK;
    case HONE_ATTR_INT:
        HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, 0, NULL, &y));
        if (y)
            *(int64_t *)y->data = a->i;
        return HONE_OK;
    case HONE_ATTR_STRING:
        HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_STRING, 0, NULL, &y));
        return y ? hone_tensor_set_string(y, 0, a->s.data, a->s.size, ctx->error) : HONE_OK;
    case HONE_ATTR_FLOATS:
        HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_FLOAT, 1, &n, &y));
        if (y && n)
            memcpy(y->data, a->floats, y->size);
        return HONE_OK;
    case HONE_ATTR_INTS:
        HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, 1, &n, &y));
        if (y && n)
            memcpy(y->data, a->ints, y->size);
        return HONE_OK;
    case HONE_ATTR_STRINGS:
        HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_STRING, 1, &n, &y));
        for (int64_t i = 0; y && i < n; i++)
            HONE_TRY(hone_tensor_set_string(y, i, a->strings[i].data, a->strings[i].size, ctx->error));
        return HONE_OK;
    default:
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "attribute \"%s\" cannot be a value", a->name);
    }
}

/* ---- ConstantOfShape ---- */

static hone_dtype fill_dtype(const hone__node *node) {
    const hone__attr *a = hone__node_attr(node, "value");
    return a && a->type == HONE_ATTR_TENSOR && a->t ? a->t->dtype : HONE_DTYPE_FLOAT;
}

/* Dims from a shape input: known, symbolic, or of known rank only. */
static hone_status infer_from_shape(hone__infer *ctx, size_t input, hone_dtype dtype) {
    int64_t v[HONE_MAX_RANK];
    size_t n;
    hone__dim dims[HONE_MAX_RANK];
    if (hone__infer_ints(ctx, input, v, HONE_MAX_RANK, &n)) {
        for (size_t i = 0; i < n; i++) {
            if (v[i] < 0)
                return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "dimension %zu would be %lld", i, (long long)v[i]);
            dims[i] = hone__dim_known(v[i]);
        }
        return hone__infer_set(ctx, 0, dtype, (int)n, dims);
    }
    if (ctx->in_sym && ctx->in_sym[input] && ctx->in_n_sym[input] <= HONE_MAX_RANK) {
        n = ctx->in_n_sym[input];
        for (size_t i = 0; i < n; i++) {
            hone__sym s = ctx->in_sym[input][i];
            dims[i] = s.is_known ? hone__dim_known(s.value) : (hone__dim){-1, s.symbol};
        }
        return hone__infer_set(ctx, 0, dtype, (int)n, dims);
    }
    const hone__type *shape = hone__infer_input(ctx, input);
    if (shape && shape->rank == 1 && shape->dims[0].value >= 0 && shape->dims[0].value <= HONE_MAX_RANK)
        return hone__infer_rank(ctx, 0, dtype, (int)shape->dims[0].value);
    return hone__infer_set_dtype(ctx, 0, dtype);
}

static hone_status infer_constant_of_shape(hone__infer *ctx) { return infer_from_shape(ctx, 0, fill_dtype(ctx->node)); }

static hone_status eval_constant_of_shape(hone__eval *ctx) {
    int64_t dims[HONE_MAX_RANK];
    size_t n;
    HONE_TRY(hone__eval_ints(ctx, 0, dims, HONE_MAX_RANK, &n));
    for (size_t i = 0; i < n; i++)
        if (dims[i] < 0)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "dimension %zu would be %lld", i, (long long)dims[i]);
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, fill_dtype(ctx->node), (int)n, dims, &y));
    if (!y)
        return HONE_OK;
    const hone__attr *a = hone__node_attr(ctx->node, "value");
    if (a && a->t) {
        if (hone__tensor_count(a->t) != 1)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "the value must be one element");
        return hone__fill_elements(y, 0, a->t, 0, hone__tensor_count(y), ctx->error);
    }
    memset(y->data, 0, y->size);
    return HONE_OK;
}

/* ---- EyeLike ---- */

static hone_dtype eye_dtype(const hone__node *node, hone_dtype of_input) {
    int64_t dtype = hone__node_attr_int(node, "dtype", of_input);
    return dtype > 0 && dtype < HONE_DTYPE_COUNT ? (hone_dtype)dtype : HONE_DTYPE_UNDEFINED;
}

static hone_status infer_eye(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    hone_dtype dtype = eye_dtype(ctx->node, x ? x->dtype : HONE_DTYPE_UNDEFINED);
    if (dtype == HONE_DTYPE_UNDEFINED)
        return HONE_OK;
    return x ? hone__infer_set(ctx, 0, dtype, x->rank, x->dims) : hone__infer_set_dtype(ctx, 0, dtype);
}

static hone_status eval_eye(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    if (x->rank != 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input must be a matrix, it has rank %d", x->rank);
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, eye_dtype(ctx->node, x->dtype), 2, x->dims, &y));
    if (!y)
        return HONE_OK;
    memset(y->data, 0, y->size);
    int64_t k = hone__node_attr_int(ctx->node, "k", 0);
    double one = 1;
    for (int64_t r = 0; r < x->dims[0]; r++)
        if (k >= -r && k < x->dims[1] - r)
            hone__store_f64(y, r * x->dims[1] + r + k, 1, &one);
    return HONE_OK;
}

/* ---- Range ---- */

/* The number of elements, as the standard has it: max(ceil((limit - start) / delta), 0). */
static bool range_count(const hone_tensor *start, const hone_tensor *limit, const hone_tensor *delta, int64_t *n) {
    if (hone__tensor_count(start) != 1 || hone__tensor_count(limit) != 1 || hone__tensor_count(delta) != 1)
        return false;
    if (hone__is_int(start->dtype)) {
        int64_t a, b, d;
        hone__load_i64(start, 0, 1, 1, &a);
        hone__load_i64(limit, 0, 1, 1, &b);
        hone__load_i64(delta, 0, 1, 1, &d);
        if (d == 0)
            return false;
        bool is_empty = d > 0 ? b <= a : b >= a;
        uint64_t span = d > 0 ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
        uint64_t step = d > 0 ? (uint64_t)d : 0u - (uint64_t)d;
        uint64_t count = is_empty ? 0 : span / step + (span % step != 0);
        *n = (int64_t)count;
        return count <= INT64_MAX;
    }
    double a, b, d;
    hone__load_f64(start, 0, 1, 1, &a);
    hone__load_f64(limit, 0, 1, 1, &b);
    hone__load_f64(delta, 0, 1, 1, &d);
    double count = ceil((b - a) / d);
    if (!(d != 0) || count != count || count > 0x1p62)
        return false;
    *n = count > 0 ? (int64_t)count : 0;
    return true;
}

static hone_status eval_range(hone__eval *ctx) {
    const hone_tensor *start = ctx->in[0];
    int64_t n;
    if (!range_count(start, ctx->in[1], ctx->in[2], &n))
        return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "start, limit and delta must be single numbers, delta not 0");
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, start->dtype, 1, &n, &y));
    if (!y)
        return HONE_OK;
    if (hone__is_int(start->dtype)) {
        int64_t a, d;
        hone__load_i64(start, 0, 1, 1, &a);
        hone__load_i64(ctx->in[2], 0, 1, 1, &d);
        for (int64_t i = 0; i < n; i++) {
            int64_t v = (int64_t)((uint64_t)a + (uint64_t)i * (uint64_t)d);
            hone__store_i64(y, i, 1, &v);
        }
    } else {
        double a, d;
        hone__load_f64(start, 0, 1, 1, &a);
        hone__load_f64(ctx->in[2], 0, 1, 1, &d);
        for (int64_t i = 0; i < n; i++) {
            double v = a + (double)i * d;
            hone__store_f64(y, i, 1, &v);
        }
    }
    return HONE_OK;
}

/* A tensor of one element from what is known of input i, in caller's storage. */
static const hone_tensor *known_scalar(const hone__infer *ctx, size_t i, hone_tensor *view, int64_t *room) {
    size_t n;
    if (ctx->in_const && ctx->in_const[i])
        return ctx->in_const[i];
    if (!hone__infer_ints(ctx, i, room, 1, &n) || n != 1)
        return NULL;
    hone__tensor_view(view, HONE_DTYPE_INT64, 0, NULL, room, sizeof *room);
    return view;
}

static hone_status infer_range(hone__infer *ctx) {
    hone__dim n = hone__dim_unknown();
    hone_tensor views[3];
    int64_t room[3], count;
    const hone_tensor *in[3];
    for (size_t i = 0; i < 3; i++)
        in[i] = known_scalar(ctx, i, &views[i], &room[i]);
    if (in[0] && in[1] && in[2]) {
        if (!range_count(in[0], in[1], in[2], &count))
            return hone__infer_fail(ctx, HONE_ERROR_ARGUMENT,
                                    "start, limit and delta must be single numbers, delta not 0");
        n = hone__dim_known(count);
    } else if (in[0] && in[2] && ctx->in_sym && ctx->in_sym[1] && ctx->in_n_sym[1] == 1) {
        /* Range(0, n, 1) has n elements, whatever n is. */
        int64_t a = -1, d = -1;
        if (hone__tensor_get_i64(in[0], 0, &a) && hone__tensor_get_i64(in[2], 0, &d) && a == 0 && d == 1)
            n.symbol = ctx->in_sym[1][0].symbol;
    }
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    return dtype ? hone__infer_set(ctx, 0, dtype, 1, &n) : HONE_OK;
}

/* ---- rows ---- */

enum {
    EYE = HONE_SET_INT | HONE_SET_FLOAT | HONE_SET(BOOL),
    RANGE = HONE_SET_IEEE | HONE_SET(INT16) | HONE_SET(INT32) | HONE_SET(INT64)
};
static const hone__op_param q_all[] = {HONE_PARAM("output", HONE_SET_ALL, 0)};
static const hone__op_param p_shape[] = {HONE_PARAM("input", HONE_SET(INT64), 0)};
static const hone__op_param p_eye[] = {HONE_PARAM("input", EYE, 'T')};
static const hone__op_param q_eye[] = {HONE_PARAM("output", EYE, 'U')};
static const hone__op_param p_range[] = {HONE_PARAM("start", RANGE, 'T'), HONE_PARAM("limit", RANGE, 'T'),
                                         HONE_PARAM("delta", RANGE, 'T')};
static const hone__op_param q_range[] = {HONE_PARAM("output", RANGE, 'T')};
static const hone__op_attr a_value1[] = {{"value", HONE_ATTR_TENSOR, true}};
static const hone__op_attr a_value[] = {{"value", HONE_ATTR_TENSOR, false}};
static const hone__op_attr a_constant[] = {
    {"value", HONE_ATTR_TENSOR, false},        {"sparse_value", HONE_ATTR_SPARSE_TENSOR, false},
    {"value_float", HONE_ATTR_FLOAT, false},   {"value_floats", HONE_ATTR_FLOATS, false},
    {"value_int", HONE_ATTR_INT, false},       {"value_ints", HONE_ATTR_INTS, false},
    {"value_string", HONE_ATTR_STRING, false}, {"value_strings", HONE_ATTR_STRINGS, false}};
static const hone__op_attr a_value_sparse[] = {{"value", HONE_ATTR_TENSOR, false},
                                               {"sparse_value", HONE_ATTR_SPARSE_TENSOR, false}};
static const hone__op_attr a_eye[] = {{"dtype", HONE_ATTR_INT, false}, {"k", HONE_ATTR_INT, false}};

#define CONSTANT(since, attrs)                                                                                         \
    {                                                                                                                  \
        "", "Constant", since, HONE_OP_PURE, 0, 0, 1, 1, HONE_COUNT(attrs), NULL, q_all, attrs, infer_constant,        \
            eval_constant, NULL                                                                                        \
    }
#define OF_SHAPE(since)                                                                                                \
    HONE_ROW("", "ConstantOfShape", since, HONE_OP_PURE, 1, p_shape, 1, q_all, a_value, infer_constant_of_shape,       \
             eval_constant_of_shape, NULL)

static const hone__op g_rows[] = {
    CONSTANT(1, a_value1),
    CONSTANT(9, a_value1),
    CONSTANT(11, a_value_sparse),
    CONSTANT(12, a_constant),
    CONSTANT(13, a_constant),
    CONSTANT(19, a_constant),
    CONSTANT(21, a_constant),
    CONSTANT(23, a_constant),
    OF_SHAPE(9),
    OF_SHAPE(20),
    OF_SHAPE(21),
    OF_SHAPE(23),
    HONE_ROW("", "EyeLike", 9, HONE_OP_PURE, 1, p_eye, 1, q_eye, a_eye, infer_eye, eval_eye, NULL),
    HONE_ROW("", "EyeLike", 22, HONE_OP_PURE, 1, p_eye, 1, q_eye, a_eye, infer_eye, eval_eye, NULL),
    HONE_ROW_NO_ATTRS("", "Range", 11, HONE_OP_PURE, 3, p_range, 1, q_range, infer_range, eval_range, NULL),
};
const hone__op_family hone__ops_constant = {"constant", g_rows, sizeof g_rows / sizeof *g_rows};
