/* Elementwise operators of two or more inputs, with numpy broadcasting: arithmetic, bits, comparisons,
 * logic, and the variadic Min, Max, Sum, Mean. Each is one line of a table: a loop over doubles, one over
 * int64, one over uint64 where signs matter. Opsets before 7 broadcast only when `broadcast` says so,
 * then along `axis`. */
#include "base/alloc.h"
#include "base/error.h"
#include "ops/op_elements.h"

#include <math.h>
#include <string.h>

typedef struct binary {
    const char *name;
    void (*real)(const double *a, const double *b, double *out, int64_t n);
    void (*whole)(const int64_t *a, const int64_t *b, int64_t *out, int64_t n);
    void (*natural)(const int64_t *a, const int64_t *b, int64_t *out, int64_t n); /* uint64; NULL: as whole */
} binary;

#define REAL(name, expr)                                                                                               \
    static void r_##name(const double *a, const double *b, double *out, int64_t n) {                                   \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            double x = a[i], y = b[i];                                                                                 \
            out[i] = (expr);                                                                                           \
        }                                                                                                              \
    }
/* Words are unsigned inside, so that overflow wraps. */
#define WHOLE(name, type, expr)                                                                                        \
    static void name(const int64_t *a, const int64_t *b, int64_t *out, int64_t n) {                                    \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            type x = (type)a[i], y = (type)b[i];                                                                       \
            out[i] = (int64_t)(expr);                                                                                  \
        }                                                                                                              \
    }

/* Division by zero gives 0 and the most negative number by -1 wraps: integers have no infinity. */
static int64_t divide(int64_t x, int64_t y) { return y == 0 ? 0 : y == -1 ? (int64_t)(0u - (uint64_t)x) : x / y; }
/* The sign of the divisor, as Python's %. */
static int64_t modulo(int64_t x, int64_t y) {
    if (y == 0 || y == -1)
        return 0;
    int64_t r = x % y;
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static double real_modulo(double x, double y) {
    double r = fmod(x, y);
    return r != 0 && (r < 0) != (y < 0) ? r + y : r;
}
static int64_t whole_power(int64_t x, int64_t y) {
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
    uint64_t result = 1, base = (uint64_t)x;
    for (; y; y >>= 1, base *= base)
        if (y & 1)
            result *= base;
    return (int64_t)result;
}
/* NaN wins, as numpy's maximum has it. */
static double larger(double x, double y) { return x != x ? x : y != y ? y : x > y ? x : y; }
static double smaller(double x, double y) { return x != x ? x : y != y ? y : x < y ? x : y; }

REAL(add, x + y)
REAL(sub, x - y)
REAL(mul, x *y)
REAL(div, x / y)
REAL(pow, pow(x, y))
REAL(fmod, fmod(x, y))
REAL(mod, real_modulo(x, y))
REAL(max, larger(x, y))
REAL(min, smaller(x, y))
REAL(eq, x == y)
REAL(lt, x < y)
REAL(gt, x > y)
REAL(le, x <= y)
REAL(ge, x >= y)
REAL(prelu, x < 0 ? x * y : x)

WHOLE(w_add, uint64_t, x + y)
WHOLE(w_sub, uint64_t, x - y)
WHOLE(w_mul, uint64_t, x *y)
WHOLE(w_div, int64_t, divide(x, y))
WHOLE(u_div, uint64_t, y ? x / y : 0)
WHOLE(w_pow, int64_t, whole_power(x, y))
WHOLE(w_fmod, int64_t, y == 0 || y == -1 ? 0 : x % y)
WHOLE(w_mod, int64_t, modulo(x, y))
WHOLE(u_mod, uint64_t, y ? x % y : 0)
WHOLE(w_max, int64_t, x > y ? x : y)
WHOLE(u_max, uint64_t, x > y ? x : y)
WHOLE(w_min, int64_t, x < y ? x : y)
WHOLE(u_min, uint64_t, x < y ? x : y)
WHOLE(w_eq, int64_t, x == y)
WHOLE(w_lt, int64_t, x < y)
WHOLE(u_lt, uint64_t, x < y)
WHOLE(w_gt, int64_t, x > y)
WHOLE(u_gt, uint64_t, x > y)
WHOLE(w_le, int64_t, x <= y)
WHOLE(u_le, uint64_t, x <= y)
WHOLE(w_ge, int64_t, x >= y)
WHOLE(u_ge, uint64_t, x >= y)
WHOLE(w_and, uint64_t, x &y)
WHOLE(w_or, uint64_t, x | y)
WHOLE(w_xor, uint64_t, x ^ y)
/* A shift by the width or more shifts everything out. */
WHOLE(w_shl, uint64_t, y < 64 ? x << y : 0)
WHOLE(w_shr, uint64_t, y < 64 ? x >> y : 0)
WHOLE(w_prelu, int64_t, x < 0 ? (int64_t)((uint64_t)x * (uint64_t)y) : x)

static const binary g_table[] = {
    {"Add", r_add, w_add, NULL},        {"Sub", r_sub, w_sub, NULL},
    {"Mul", r_mul, w_mul, NULL},        {"Div", r_div, w_div, u_div},
    {"Pow", r_pow, w_pow, NULL},        {"Max", r_max, w_max, u_max},
    {"Min", r_min, w_min, u_min},       {"Sum", r_add, NULL, NULL},
    {"Mean", r_add, NULL, NULL},        {"Equal", r_eq, w_eq, NULL},
    {"Less", r_lt, w_lt, u_lt},         {"Greater", r_gt, w_gt, u_gt},
    {"LessOrEqual", r_le, w_le, u_le},  {"GreaterOrEqual", r_ge, w_ge, u_ge},
    {"And", NULL, w_and, NULL},         {"Or", NULL, w_or, NULL},
    {"Xor", NULL, w_xor, NULL},         {"BitwiseAnd", NULL, w_and, NULL},
    {"BitwiseOr", NULL, w_or, NULL},    {"BitwiseXor", NULL, w_xor, NULL},
    {"PRelu", r_prelu, w_prelu, u_max}, /* unsigned: x itself, never below 0; see eval */
};
static const binary g_mod = {"Mod", r_mod, w_mod, u_mod}, g_fmod = {"Mod", r_fmod, w_fmod, u_mod};
static const binary g_shl = {"BitShift", NULL, w_shl, NULL}, g_shr = {"BitShift", NULL, w_shr, NULL};

static const binary *table_row(const hone__node *node) {
    if (strcmp(node->op_type, "Mod") == 0)
        return hone__node_attr_int(node, "fmod", 0) ? &g_fmod : &g_mod;
    if (strcmp(node->op_type, "BitShift") == 0)
        return strcmp(hone__node_attr_string(node, "direction", ""), "LEFT") == 0 ? &g_shl : &g_shr;
    const binary *row = g_table;
    while (strcmp(row->name, node->op_type) != 0)
        row++; /* rows of this family are made from the table */
    return row;
}

/* Opsets 1 to 6: b is laid over a from `axis` on, as if 1s followed its shape. */
static hone_status legacy_view(const hone__node *node, const hone_tensor *a, const hone_tensor *b, hone_tensor *view,
                               hone_error *error) {
    *view = *b;
    const hone__attr *attr = hone__node_attr(node, "axis");
    if (!attr || node->op->since >= 7 || !hone__node_attr_int(node, "broadcast", 0) || b->rank >= a->rank)
        return HONE_OK;
    int64_t axis = attr->i < 0 ? attr->i + a->rank : attr->i;
    HONE_FAIL_IF(axis < 0 || axis + b->rank > a->rank, error, HONE_ERROR_SHAPE,
                 "%s: axis %lld does not fit ranks %d and %d", node->op_type, (long long)attr->i, a->rank, b->rank);
    view->rank = a->rank - (int)axis;
    for (int d = b->rank; d < view->rank; d++)
        view->dims[d] = 1;
    return HONE_OK;
}

static void apply(const binary *row, hone__walk *walk, const hone_tensor *a, const hone_tensor *b, hone_tensor *y) {
    bool is_real = !hone__is_int(a->dtype) || !hone__is_int(b->dtype);
    bool is_natural = a->dtype == HONE_DTYPE_UINT64 && row->natural;
    bool to_bool = y->dtype == HONE_DTYPE_BOOL;
    while (hone__walk_next(walk)) {
        for (int64_t done = 0; done < walk->length; done += HONE__RUN) {
            int64_t n = walk->length - done < HONE__RUN ? walk->length - done : HONE__RUN;
            int64_t at_a = walk->offset[0] + done * walk->stride[0], at_b = walk->offset[1] + done * walk->stride[1];
            if (is_real && row->real) {
                double va[HONE__RUN], vb[HONE__RUN];
                hone__load_f64(a, at_a, walk->stride[0], n, va);
                hone__load_f64(b, at_b, walk->stride[1], n, vb);
                row->real(va, vb, va, n);
                hone__store_f64(y, walk->at + done, n, va);
            } else {
                int64_t va[HONE__RUN], vb[HONE__RUN];
                hone__load_i64(a, at_a, walk->stride[0], n, va);
                hone__load_i64(b, at_b, walk->stride[1], n, vb);
                (is_natural ? row->natural : row->whole)(va, vb, va, n);
                if (to_bool)
                    for (int64_t i = 0; i < n; i++)
                        va[i] = va[i] != 0;
                hone__store_i64(y, walk->at + done, n, va);
            }
        }
    }
}

static void compare_strings(hone__walk *walk, const hone_tensor *a, const hone_tensor *b, hone_tensor *y) {
    while (hone__walk_next(walk))
        for (int64_t i = 0; i < walk->length; i++) {
            hone_string x = hone_tensor_get_string(a, walk->offset[0] + i * walk->stride[0]);
            hone_string z = hone_tensor_get_string(b, walk->offset[1] + i * walk->stride[1]);
            ((uint8_t *)y->data)[walk->at + i] = x.size == z.size && (!x.size || memcmp(x.data, z.data, x.size) == 0);
        }
}

static hone_status run_binary(hone__eval *ctx, hone_dtype dtype) {
    const binary *row = table_row(ctx->node);
    const hone_tensor *a = ctx->in[0];
    hone_tensor b;
    HONE_TRY(legacy_view(ctx->node, a, ctx->in[1], &b, ctx->error));
    const hone_tensor *in[] = {a, &b};
    hone__walk walk;
    int64_t dims[HONE_MAX_RANK];
    int rank;
    hone_tensor *y;
    HONE_TRY(hone__walk_init(&walk, in, 2, dims, &rank, ctx->error));
    HONE_TRY(hone__eval_output(ctx, 0, dtype, rank, dims, &y));
    if (!y)
        return HONE_OK;
    if (a->dtype == HONE_DTYPE_STRING)
        compare_strings(&walk, a, &b, y);
    else
        apply(row, &walk, a, &b, y);
    return HONE_OK;
}

static hone_status eval_binary(hone__eval *ctx) { return run_binary(ctx, ctx->in[0]->dtype); }
static hone_status eval_compare(hone__eval *ctx) { return run_binary(ctx, HONE_DTYPE_BOOL); }

static hone_status eval_prelu(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    hone_tensor slope = *ctx->in[1];
    if (ctx->node->op->since < 7 && slope.rank == 1 && x->rank > 1) { /* one slope per channel */
        slope.rank = x->rank - 1;
        for (int d = 1; d < slope.rank; d++)
            slope.dims[d] = 1;
    }
    const hone_tensor *in[] = {x, &slope};
    hone__walk walk;
    int64_t dims[HONE_MAX_RANK];
    int rank;
    hone_tensor *y;
    HONE_TRY(hone__walk_init(&walk, in, 2, dims, &rank, ctx->error));
    if (rank != x->rank || (rank && memcmp(dims, x->dims, (size_t)rank * sizeof *dims) != 0))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the slope cannot be broadcast to the input's shape");
    if (x->dtype == HONE_DTYPE_UINT32 || x->dtype == HONE_DTYPE_UINT64) { /* never below 0: x itself */
        hone_tensor *copy;
        HONE_TRY(hone_tensor_clone(x, &copy, ctx->error));
        return ctx->output_take(ctx, 0, copy);
    }
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, rank, dims, &y));
    if (y)
        apply(table_row(ctx->node), &walk, x, &slope, y);
    return HONE_OK;
}

/* Two inputs at a time, each result broadcast further by the next input. Sums of floats are kept in double
 * until the last. */
static hone_status eval_variadic(hone__eval *ctx) {
    const binary *row = table_row(ctx->node);
    hone_dtype dtype = ctx->in[0]->dtype;
    bool is_real = !hone__is_int(dtype), is_mean = strcmp(row->name, "Mean") == 0;
    hone_tensor *acc = NULL, *y;
    hone_status status = HONE_OK;
    int64_t dims[HONE_MAX_RANK];
    int rank;
    hone__walk walk;
    for (size_t i = 0; i < ctx->n_in; i++) {
        if (!ctx->in[i] || ctx->in[i]->dtype != dtype) {
            status = hone__eval_fail(ctx, HONE_ERROR_TYPE, "input %zu is missing or of another type", i);
            goto cleanup;
        }
        /* The first round copies: the operation is x with itself where that is x, else the load below. */
        const hone_tensor *in[] = {acc ? acc : ctx->in[i], ctx->in[i]};
        HONE_CHECK(hone__walk_init(&walk, in, 2, dims, &rank, ctx->error));
        hone_tensor *next;
        HONE_CHECK(hone_tensor_create(is_real ? HONE_DTYPE_DOUBLE : dtype, rank, dims, &next, ctx->error));
        if (acc) {
            apply(row, &walk, acc, ctx->in[i], next);
        } else if (is_real) {
            hone__load_f64(ctx->in[i], 0, 1, hone__tensor_count(ctx->in[i]), next->data);
        } else {
            memcpy(next->data, ctx->in[i]->data, next->size);
        }
        hone_tensor_destroy(acc);
        acc = next;
    }
    HONE_CHECK(hone__eval_output(ctx, 0, dtype, acc->rank, acc->dims, &y));
    if (!y)
        goto cleanup;
    if (!is_real) {
        memcpy(y->data, acc->data, y->size);
    } else {
        double *v = acc->data;
        int64_t n = hone__tensor_count(acc);
        for (int64_t i = 0; is_mean && i < n; i++)
            v[i] /= (double)ctx->n_in;
        hone__store_f64(y, 0, n, v);
    }
cleanup:
    hone_tensor_destroy(acc);
    return status;
}

static hone_status eval_not(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    hone_tensor *y;
    HONE_TRY(hone__eval_output_like(ctx, 0, x, &y));
    bool is_bool = x->dtype == HONE_DTYPE_BOOL;
    for (int64_t i = 0; y && i < hone__tensor_count(x); i++) {
        int64_t v;
        hone__load_i64(x, i, 1, 1, &v);
        v = is_bool ? !v : ~v;
        hone__store_i64(y, i, 1, &v);
    }
    return HONE_OK;
}

/* ---- inference ---- */

static hone_status infer_as(hone__infer *ctx, hone_dtype fixed) {
    const hone__type *a = hone__infer_input(ctx, 0), *b = hone__infer_input(ctx, 1);
    hone_dtype dtype = fixed ? fixed : a ? a->dtype : HONE_DTYPE_UNDEFINED;
    if (!fixed && !a)
        return HONE_OK;
    if (!a || !b || a->rank < 0 || b->rank < 0)
        return hone__infer_set_dtype(ctx, 0, dtype);
    if (ctx->node->op->since < 7) /* b is never larger than a */
        return hone__infer_set(ctx, 0, dtype, a->rank, a->dims);
    hone__dim dims[HONE_MAX_RANK];
    int rank;
    HONE_TRY(hone__infer_broadcast(ctx, a, b, dims, &rank));
    return hone__infer_set(ctx, 0, dtype, rank, dims);
}

static hone_status infer_binary(hone__infer *ctx) { return infer_as(ctx, HONE_DTYPE_UNDEFINED); }
static hone_status infer_compare(hone__infer *ctx) { return infer_as(ctx, HONE_DTYPE_BOOL); }
static hone_status infer_same(hone__infer *ctx) { return hone__infer_same(ctx, 0, 0); }

/* The slope is broadcast to x, never x to the slope; before opset 7 a vector has one slope per channel. */
static hone_status infer_prelu(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0), *slope = hone__infer_input(ctx, 1);
    if (hone__infer_has_rank(ctx, 0) && hone__infer_has_rank(ctx, 1)) {
        bool per_channel = ctx->node->op->since < 7 && slope->rank == 1 && x->rank > 1;
        if (slope->rank > x->rank)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the slope has rank %d, more than the input's %d",
                                    slope->rank, x->rank);
        for (int i = 0; i < slope->rank; i++) {
            int64_t want = x->dims[per_channel ? 1 : x->rank - slope->rank + i].value, got = slope->dims[i].value;
            if (got >= 0 && got != 1 && want >= 0 && got != want)
                return hone__infer_fail(ctx, HONE_ERROR_SHAPE,
                                        "the slope's dimension %d is %lld, which does not fit the input's %lld", i,
                                        (long long)got, (long long)want);
        }
    }
    return hone__infer_same(ctx, 0, 0);
}

static hone_status infer_variadic(hone__infer *ctx) {
    hone__dim dims[HONE_MAX_RANK];
    hone_dtype dtype = HONE_DTYPE_UNDEFINED;
    hone__type acc = {.kind = HONE_KIND_TENSOR, .is_known = true, .rank = 0, .dims = dims};
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone__type *x = hone__infer_input(ctx, i);
        if (x)
            dtype = x->dtype;
        if (!x || x->rank < 0 || acc.rank < 0) {
            acc.rank = -1;
            continue;
        }
        hone__dim next[HONE_MAX_RANK];
        HONE_TRY(hone__infer_broadcast(ctx, &acc, x, next, &acc.rank));
        memcpy(dims, next, sizeof dims);
    }
    return dtype ? hone__infer_set(ctx, 0, dtype, acc.rank, dims) : HONE_OK;
}

/* ---- rows ---- */

enum {
    IEEE = HONE_SET_IEEE,
    FLOAT = HONE_SET_FLOAT,
    WIDE = HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(UINT32) | HONE_SET(UINT64),
    WIDE16 = WIDE | HONE_SET(BFLOAT16),
    NUMERIC = HONE_SET_NUMERIC,
    NUMERIC1 = HONE_SET_INT | HONE_SET_IEEE,
    POW12 = HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64),
    POW13 = POW12 | HONE_SET(BFLOAT16),
    BOOL = HONE_SET(BOOL),
    EQUAL1 = HONE_SET(BOOL) | HONE_SET(INT32) | HONE_SET(INT64),
    EQUAL11 = NUMERIC1 | HONE_SET(BOOL),
    EQUAL13 = NUMERIC | HONE_SET(BOOL),
    EQUAL19 = NUMERIC | HONE_SET(BOOL) | HONE_SET(STRING),
    INTS = HONE_SET_INT,
    NATURAL = HONE_SET_INT_UNSIGNED
};
#define IO(set)                                                                                                        \
    static const hone__op_param in_##set[] HONE_OPTIONAL_TABLE = {{"A", (hone__dtype_set)set, 'T', 0, false},          \
                                                                  {"B", (hone__dtype_set)set, 'T', 0, false}};         \
    static const hone__op_param out_##set[] HONE_OPTIONAL_TABLE = {{"C", (hone__dtype_set)set, 'T', 0, false}};
IO(IEEE)
IO(FLOAT)
IO(WIDE)
IO(WIDE16)
IO(NUMERIC)
IO(NUMERIC1)
IO(BOOL)
IO(EQUAL1)
IO(EQUAL11)
IO(EQUAL13)
IO(EQUAL19)
IO(INTS)
IO(NATURAL)
static const hone__op_param in_POW12[] = {{"X", (hone__dtype_set)POW12, 'T', 0, false},
                                          {"Y", (hone__dtype_set)NUMERIC1, 'U', 0, false}};
static const hone__op_param in_POW13[] = {{"X", (hone__dtype_set)POW13, 'T', 0, false},
                                          {"Y", (hone__dtype_set)NUMERIC, 'U', 0, false}};
static const hone__op_param out_POW12[] = {{"Z", (hone__dtype_set)POW12, 'T', 0, false}};
static const hone__op_param out_POW13[] = {{"Z", (hone__dtype_set)POW13, 'T', 0, false}};

static const hone__op_attr a_legacy[] = {
    {"axis", HONE_ATTR_INT, false}, {"broadcast", HONE_ATTR_INT, false}, {"consumed_inputs", HONE_ATTR_INTS, false}};
static const hone__op_attr a_old[] = {{"consumed_inputs", HONE_ATTR_INTS, false}};
static const hone__op_attr a_fmod[] = {{"fmod", HONE_ATTR_INT, false}};
static const hone__op_attr a_direction[] = {{"direction", HONE_ATTR_STRING, true}};

#define FLAGS (HONE_OP_PURE | HONE_OP_ELEMENTWISE)
#define ROW(name, since, set, n_attrs, attrs)                                                                          \
    {                                                                                                                  \
        "", name, since, FLAGS | HONE_OP_INPLACE0, 2, 2, 1, 1, n_attrs, in_##set, out_##set, attrs, infer_binary,      \
            eval_binary, NULL                                                                                          \
    }
#define COMPARE(name, since, set, n_attrs, attrs)                                                                      \
    { "", name, since, FLAGS, 2, 2, 1, 1, n_attrs, in_##set, out_BOOL, attrs, infer_compare, eval_compare, NULL }
#define VARIADIC(name, since, set, n_attrs)                                                                            \
    {                                                                                                                  \
        "", name, since, FLAGS | HONE_OP_VARIADIC_IN, 1, 1, 1, 1, n_attrs, in_##set, out_##set, a_old, infer_variadic, \
            eval_variadic, NULL                                                                                        \
    }
#define ARITHMETIC(name)                                                                                               \
    ROW(name, 1, IEEE, 3, a_legacy), ROW(name, 6, WIDE, 2, a_legacy), ROW(name, 7, WIDE, 0, NULL),                     \
        ROW(name, 13, WIDE16, 0, NULL), ROW(name, 14, NUMERIC, 0, NULL)
#define PRELU(since, set, n_attrs)                                                                                     \
    { "", "PRelu", since, FLAGS, 2, 2, 1, 1, n_attrs, in_##set, out_##set, a_old, infer_prelu, eval_prelu, NULL }

static const hone__op g_rows[] = {
    ARITHMETIC("Add"),
    ARITHMETIC("Sub"),
    ARITHMETIC("Mul"),
    ARITHMETIC("Div"),
    ROW("Pow", 1, IEEE, 2, a_legacy),
    ROW("Pow", 7, IEEE, 0, NULL),
    ROW("Pow", 12, POW12, 0, NULL),
    ROW("Pow", 13, POW13, 0, NULL),
    ROW("Pow", 15, POW13, 0, NULL),
    ROW("Mod", 10, NUMERIC1, 1, a_fmod),
    ROW("Mod", 13, NUMERIC, 1, a_fmod),
    ROW("BitShift", 11, NATURAL, 1, a_direction),
    ROW("BitwiseAnd", 18, INTS, 0, NULL),
    ROW("BitwiseOr", 18, INTS, 0, NULL),
    ROW("BitwiseXor", 18, INTS, 0, NULL),
    {"", "BitwiseNot", 18, FLAGS | HONE_OP_INPLACE0, 1, 1, 1, 1, 0, in_INTS, out_INTS, NULL, infer_same, eval_not,
     NULL},
    {"", "Not", 1, FLAGS | HONE_OP_INPLACE0, 1, 1, 1, 1, 0, in_BOOL, out_BOOL, NULL, infer_same, eval_not, NULL},
    COMPARE("And", 1, BOOL, 2, a_legacy),
    COMPARE("And", 7, BOOL, 0, NULL),
    COMPARE("Or", 1, BOOL, 2, a_legacy),
    COMPARE("Or", 7, BOOL, 0, NULL),
    COMPARE("Xor", 1, BOOL, 2, a_legacy),
    COMPARE("Xor", 7, BOOL, 0, NULL),
    COMPARE("Equal", 1, EQUAL1, 2, a_legacy),
    COMPARE("Equal", 7, EQUAL1, 0, NULL),
    COMPARE("Equal", 11, EQUAL11, 0, NULL),
    COMPARE("Equal", 13, EQUAL13, 0, NULL),
    COMPARE("Equal", 19, EQUAL19, 0, NULL),
    COMPARE("Less", 1, IEEE, 2, a_legacy),
    COMPARE("Less", 7, IEEE, 0, NULL),
    COMPARE("Less", 9, NUMERIC1, 0, NULL),
    COMPARE("Less", 13, NUMERIC, 0, NULL),
    COMPARE("Greater", 1, IEEE, 2, a_legacy),
    COMPARE("Greater", 7, IEEE, 0, NULL),
    COMPARE("Greater", 9, NUMERIC1, 0, NULL),
    COMPARE("Greater", 13, NUMERIC, 0, NULL),
    COMPARE("LessOrEqual", 12, NUMERIC1, 0, NULL),
    COMPARE("LessOrEqual", 16, NUMERIC, 0, NULL),
    COMPARE("GreaterOrEqual", 12, NUMERIC1, 0, NULL),
    COMPARE("GreaterOrEqual", 16, NUMERIC, 0, NULL),
    VARIADIC("Max", 1, IEEE, 1),
    VARIADIC("Max", 6, IEEE, 0),
    VARIADIC("Max", 8, IEEE, 0),
    VARIADIC("Max", 12, NUMERIC1, 0),
    VARIADIC("Max", 13, NUMERIC, 0),
    VARIADIC("Min", 1, IEEE, 1),
    VARIADIC("Min", 6, IEEE, 0),
    VARIADIC("Min", 8, IEEE, 0),
    VARIADIC("Min", 12, NUMERIC1, 0),
    VARIADIC("Min", 13, NUMERIC, 0),
    VARIADIC("Sum", 1, IEEE, 1),
    VARIADIC("Sum", 6, IEEE, 0),
    VARIADIC("Sum", 8, IEEE, 0),
    VARIADIC("Sum", 13, FLOAT, 0),
    VARIADIC("Mean", 1, IEEE, 1),
    VARIADIC("Mean", 6, IEEE, 0),
    VARIADIC("Mean", 8, IEEE, 0),
    VARIADIC("Mean", 13, FLOAT, 0),
    PRELU(1, IEEE, 1),
    PRELU(6, IEEE, 0),
    PRELU(7, IEEE, 0),
    PRELU(9, WIDE, 0),
    PRELU(16, WIDE16, 0),
};
const hone__op_family hone__ops_binary = {"binary", g_rows, sizeof g_rows / sizeof *g_rows};
