/* Elementwise choices and conversions of type: Where, Clip, IsNaN, IsInf, Cast, CastLike. */
#include "base/error.h"
#include "ops/op_elements.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Where ---- */

static hone_status eval_where(hone__eval *ctx) {
    const hone_tensor *cond = ctx->in[0];
    hone__walk walk;
    int64_t dims[HONE_MAX_RANK];
    int rank;
    hone_tensor *y;
    if (ctx->in[1]->dtype != ctx->in[2]->dtype || cond->dtype != HONE_DTYPE_BOOL)
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "the condition must be bool and both choices of one type");
    HONE_TRY(hone__walk_init(&walk, ctx->in, 3, dims, &rank, ctx->error));
    HONE_TRY(hone__eval_output(ctx, 0, ctx->in[1]->dtype, rank, dims, &y));
    if (!y)
        return HONE_OK;
    size_t size = (size_t)hone_dtype_bits(y->dtype) / 8;
    while (hone__walk_next(&walk))
        for (int64_t i = 0; i < walk.length; i++) {
            bool first = ((const uint8_t *)cond->data)[walk.offset[0] + i * walk.stride[0]] != 0;
            const hone_tensor *x = ctx->in[first ? 1 : 2];
            int k = first ? 1 : 2;
            int64_t from = walk.offset[k] + i * walk.stride[k], to = walk.at + i;
            if (y->dtype == HONE_DTYPE_STRING) {
                hone_string s = hone_tensor_get_string(x, from);
                HONE_TRY(hone_tensor_set_string(y, to, s.data, s.size, ctx->error));
            } else if (size) {
                memcpy((char *)y->data + (size_t)to * size, (const char *)x->data + (size_t)from * size, size);
            } else {
                int64_t v;
                hone__load_i64(x, from, 1, 1, &v);
                hone__store_i64(y, to, 1, &v);
            }
        }
    return HONE_OK;
}

static hone_status infer_where(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 1) ? hone__infer_input(ctx, 1) : hone__infer_input(ctx, 2);
    if (!x)
        return HONE_OK;
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 1) || !hone__infer_has_rank(ctx, 2))
        return hone__infer_set_dtype(ctx, 0, x->dtype);
    hone__dim some[HONE_MAX_RANK], dims[HONE_MAX_RANK];
    hone__type two = {.kind = HONE_KIND_TENSOR, .is_known = true, .dims = some};
    int rank;
    HONE_TRY(hone__infer_broadcast(ctx, ctx->in[0], ctx->in[1], some, &two.rank));
    HONE_TRY(hone__infer_broadcast(ctx, &two, ctx->in[2], dims, &rank));
    return hone__infer_set(ctx, 0, x->dtype, rank, dims);
}

/* ---- Clip ---- */

static hone_status infer_same(hone__infer *ctx) { return hone__infer_same(ctx, 0, 0); }

static hone_status eval_clip(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    const hone_tensor *bound[2] = {ctx->n_in > 1 ? ctx->in[1] : NULL, ctx->n_in > 2 ? ctx->in[2] : NULL};
    static const char *const names[] = {"min", "max"};
    bool is_whole = hone__is_int(x->dtype), is_natural = x->dtype == HONE_DTYPE_UINT64, is_set[2] = {false, false};
    double real[2] = {-INFINITY, INFINITY};
    int64_t whole[2] = {is_natural ? 0 : INT64_MIN, is_natural ? -1 : INT64_MAX};
    for (int k = 0; k < 2; k++) {
        const hone__attr *attr = hone__node_attr(ctx->node, names[k]);
        if (bound[k]) {
            if (hone__tensor_count(bound[k]) != 1 || bound[k]->dtype != x->dtype)
                return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%s must be one number of the input's type", names[k]);
            hone__load_f64(bound[k], 0, 1, 1, &real[k]);
            hone__load_i64(bound[k], 0, 1, 1, &whole[k]);
            is_set[k] = true;
        } else if (attr && attr->type == HONE_ATTR_FLOAT) {
            real[k] = (double)attr->f;
            is_set[k] = true;
        }
    }
    hone_tensor *y;
    HONE_TRY(hone__eval_output_like(ctx, 0, x, &y));
    int64_t count = y ? hone__tensor_count(x) : 0;
    for (int64_t at = 0; at < count; at += HONE__RUN) {
        int64_t n = count - at < HONE__RUN ? count - at : HONE__RUN;
        if (is_whole) {
            int64_t v[HONE__RUN];
            hone__load_i64(x, at, 1, n, v);
            for (int64_t i = 0; i < n; i++) {
                if (is_set[0] && (is_natural ? (uint64_t)v[i] < (uint64_t)whole[0] : v[i] < whole[0]))
                    v[i] = whole[0];
                if (is_set[1] && (is_natural ? (uint64_t)v[i] > (uint64_t)whole[1] : v[i] > whole[1]))
                    v[i] = whole[1];
            }
            hone__store_i64(y, at, n, v);
        } else {
            double v[HONE__RUN];
            hone__load_f64(x, at, 1, n, v);
            for (int64_t i = 0; i < n; i++) { /* NaN fails both comparisons and stays */
                v[i] = v[i] < real[0] ? real[0] : v[i];
                v[i] = v[i] > real[1] ? real[1] : v[i];
            }
            hone__store_f64(y, at, n, v);
        }
    }
    return HONE_OK;
}

/* ---- IsNaN, IsInf ---- */

static hone_status infer_bool(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    return x ? hone__infer_set(ctx, 0, HONE_DTYPE_BOOL, x->rank, x->dims)
             : hone__infer_set_dtype(ctx, 0, HONE_DTYPE_BOOL);
}

static hone_status eval_is(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    bool is_nan = strcmp(ctx->node->op_type, "IsNaN") == 0;
    bool negative = hone__node_attr_int(ctx->node, "detect_negative", 1) != 0;
    bool positive = hone__node_attr_int(ctx->node, "detect_positive", 1) != 0;
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_BOOL, x->rank, x->dims, &y));
    for (int64_t i = 0; y && i < hone__tensor_count(x); i++) {
        double v;
        hone__load_f64(x, i, 1, 1, &v);
        ((uint8_t *)y->data)[i] = is_nan ? v != v : isinf(v) && (v > 0 ? positive : negative);
    }
    return HONE_OK;
}

/* ---- Cast ---- */

static hone_status parse_number(hone__eval *ctx, hone_string s, double *real, int64_t *whole) {
    char text[128], *end;
    if (s.size == 0 || s.size >= sizeof text)
        return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "a string of %zu bytes is not a number", s.size);
    memcpy(text, s.data, s.size);
    text[s.size] = '\0';
    *real = strtod(text, &end);
    if (*end)
        return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "\"%s\" is not a number", text);
    *whole = strtoll(text, &end, 10);
    if (*end)
        *whole = *real >= 0x1p63 ? INT64_MAX : *real <= -0x1p63 ? INT64_MIN : *real != *real ? 0 : (int64_t)*real;
    return HONE_OK;
}

static hone_status from_strings(hone__eval *ctx, const hone_tensor *x, hone_tensor *y) {
    for (int64_t i = 0; i < hone__tensor_count(x); i++) {
        double real;
        int64_t whole;
        HONE_TRY(parse_number(ctx, hone_tensor_get_string(x, i), &real, &whole));
        if (hone__is_int(y->dtype) && y->dtype != HONE_DTYPE_BOOL && fabs(real) < 0x1p63)
            hone__store_i64(y, i, 1, &whole);
        else
            hone__store_f64(y, i, 1, &real);
    }
    return HONE_OK;
}

/* The shortest decimal that reads back as the same number. */
static void print_real(double v, hone_dtype dtype, char *text, size_t size) {
    if (v != v) {
        snprintf(text, size, "NaN");
        return;
    }
    if (isinf(v)) {
        snprintf(text, size, v > 0 ? "INF" : "-INF");
        return;
    }
    bool is_double = dtype == HONE_DTYPE_DOUBLE;
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, size, "%.*g", digits, v);
        if (is_double ? strtod(text, NULL) == v : strtof(text, NULL) == (float)v)
            return;
    }
}

static hone_status to_strings(hone__eval *ctx, const hone_tensor *x, hone_tensor *y) {
    for (int64_t i = 0; i < hone__tensor_count(x); i++) {
        char text[64];
        if (hone__is_int(x->dtype)) {
            int64_t v;
            hone__load_i64(x, i, 1, 1, &v);
            if (x->dtype == HONE_DTYPE_UINT64)
                snprintf(text, sizeof text, "%llu", (unsigned long long)v);
            else if (x->dtype == HONE_DTYPE_BOOL)
                snprintf(text, sizeof text, v ? "True" : "False");
            else
                snprintf(text, sizeof text, "%lld", (long long)v);
        } else {
            double v;
            hone__load_f64(x, i, 1, 1, &v);
            print_real(v, x->dtype, text, sizeof text);
        }
        HONE_TRY(hone_tensor_set_string(y, i, text, strlen(text), ctx->error));
    }
    return HONE_OK;
}

static void convert(const hone_tensor *x, hone_tensor *y, bool saturate) {
    int64_t count = hone__tensor_count(x);
    /* Integers go as integers (they wrap), unless a float is at either end. */
    bool is_whole = hone__is_int(x->dtype) && hone__is_int(y->dtype);
    for (int64_t at = 0; at < count; at += HONE__RUN) {
        int64_t n = count - at < HONE__RUN ? count - at : HONE__RUN;
        if (is_whole) {
            int64_t v[HONE__RUN];
            hone__load_i64(x, at, 1, n, v);
            hone__store_i64(y, at, n, v);
        } else {
            double v[HONE__RUN];
            hone__load_f64(x, at, 1, n, v);
            hone__store_f64_mode(y, at, n, v, saturate);
        }
    }
}

enum { HONE_SET_SMALL_INT = HONE_SET_INT4 | HONE_SET(INT2) | HONE_SET(UINT2) };

/* Floats to the narrowest integers, by way of int64, of which the low bits stay. */
static void wrap(const hone_tensor *x, hone_tensor *y) {
    int64_t count = hone__tensor_count(x);
    for (int64_t at = 0; at < count; at += HONE__RUN) {
        int64_t v[HONE__RUN], n = count - at < HONE__RUN ? count - at : HONE__RUN;
        hone__load_i64(x, at, 1, n, v);
        hone__store_i64(y, at, n, v);
    }
}

/* Powers of two, rounded as the attribute round_mode says. */
static hone_status to_e8m0(hone__eval *ctx, const hone_tensor *x, hone_tensor *y, bool saturate) {
    static const char *const names[] = {"up", "down", "nearest"};
    const char *mode = hone__node_attr_string(ctx->node, "round_mode", "up");
    int rounding = 0;
    while (rounding < 3 && strcmp(mode, names[rounding]) != 0)
        rounding++;
    if (rounding == 3)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "round_mode is \"%.40s\", not up, down or nearest", mode);
    for (int64_t i = 0; i < hone__tensor_count(x); i++) {
        double v;
        hone__load_f64(x, i, 1, 1, &v);
        ((uint8_t *)y->data)[i] = hone__e8m0_encode(v, (hone__e8m0_rounding)rounding, saturate);
    }
    return HONE_OK;
}

static hone_status eval_cast(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    bool is_like = strcmp(ctx->node->op_type, "CastLike") == 0;
    const hone__attr *attr = hone__node_attr(ctx->node, "to");
    hone_dtype to = is_like ? ctx->in[1]->dtype : HONE_DTYPE_UNDEFINED;
    if (!is_like && attr) /* Cast-1 named the type */
        to = attr->type == HONE_ATTR_STRING ? HONE_DTYPE_UNDEFINED : (hone_dtype)attr->i;
    static const char *const old_names[] = {"UNDEFINED", "FLOAT",  "UINT8", "INT8",    "UINT16", "INT16",  "INT32",
                                            "INT64",     "STRING", "BOOL",  "FLOAT16", "DOUBLE", "UINT32", "UINT64"};
    for (int i = 1; !is_like && attr && attr->type == HONE_ATTR_STRING && i < 14; i++)
        if (strcmp(old_names[i], attr->s.data) == 0)
            to = (hone_dtype)i;
    if (to <= HONE_DTYPE_UNDEFINED || to >= HONE_DTYPE_COUNT)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "%d is not an element type", (int)to);
    hone__dtype_set complex = HONE_SET_COMPLEX;
    if (x->dtype != to && (hone__dtype_in(x->dtype, complex) || hone__dtype_in(to, complex)))
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED, "complex numbers cannot be cast");
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, to, x->rank, x->dims, &y));
    if (!y)
        return HONE_OK;
    if (to == HONE_DTYPE_STRING && x->dtype == HONE_DTYPE_STRING) {
        for (int64_t i = 0; i < hone__tensor_count(x); i++) {
            hone_string s = hone_tensor_get_string(x, i);
            HONE_TRY(hone_tensor_set_string(y, i, s.data, s.size, ctx->error));
        }
        return HONE_OK;
    }
    if (x->dtype == HONE_DTYPE_STRING)
        return from_strings(ctx, x, y);
    if (to == HONE_DTYPE_STRING)
        return to_strings(ctx, x, y);
    if (x->dtype == to) {
        if (x->size)
            memcpy(y->data, x->data, x->size);
        return HONE_OK;
    }
    bool saturate = hone__node_attr_int(ctx->node, "saturate", 1) != 0;
    if (to == HONE_DTYPE_FLOAT8E8M0)
        return to_e8m0(ctx, x, y, saturate);
    /* The standard leaves floats outside of the range open. Its data clip them to 2- and 4-bit integers before
     * opset 24 and wrap them from then on. */
    if (ctx->node->opset >= 24 && !hone__is_int(x->dtype) && hone__dtype_in(to, HONE_SET_SMALL_INT))
        wrap(x, y);
    else
        convert(x, y, saturate);
    return HONE_OK;
}

static hone_status infer_cast(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    const hone__attr *attr = hone__node_attr(ctx->node, "to");
    hone_dtype to = HONE_DTYPE_UNDEFINED;
    if (strcmp(ctx->node->op_type, "CastLike") == 0) {
        const hone__type *like = hone__infer_input(ctx, 1);
        to = like ? like->dtype : HONE_DTYPE_UNDEFINED;
    } else if (attr && attr->type == HONE_ATTR_INT && attr->i > 0 && attr->i < HONE_DTYPE_COUNT) {
        to = (hone_dtype)attr->i;
    } else if (attr && attr->type == HONE_ATTR_INT) {
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "%lld is not an element type", (long long)attr->i);
    }
    if (to == HONE_DTYPE_UNDEFINED)
        return HONE_OK;
    return x ? hone__infer_set(ctx, 0, to, x->rank, x->dims) : hone__infer_set_dtype(ctx, 0, to);
}

/* ---- rows ---- */

enum {
    CAST6 = HONE_SET_INT | HONE_SET_IEEE | HONE_SET(BOOL),
    CAST9 = CAST6 | HONE_SET(STRING),
    CAST13 = CAST9 | HONE_SET(BFLOAT16),
    CAST19 = CAST13 | HONE_SET_FLOAT8,
    CAST21 = CAST19 | HONE_SET_INT4,
    CAST23 = CAST21 | HONE_SET(FLOAT4E2M1),
    CAST24 = CAST23 | HONE_SET(FLOAT8E8M0),
    CAST25 = CAST24 | HONE_SET(INT2) | HONE_SET(UINT2),
    NUMERIC1 = HONE_SET_INT | HONE_SET_IEEE,
    INF20 = HONE_SET_FLOAT | HONE_SET_FLOAT8
};
#define ONE(set, types)                                                                                                \
    static const hone__op_param p_##set[] HONE_OPTIONAL_TABLE = {{"input", (hone__dtype_set)(types), 'T', 0, false}};  \
    static const hone__op_param q_##set[] HONE_OPTIONAL_TABLE = {{"output", (hone__dtype_set)(types), 'U', 0, false}};
ONE(CAST6, CAST6)
ONE(CAST9, CAST9)
ONE(CAST13, CAST13)
ONE(CAST19, CAST19)
ONE(CAST21, CAST21)
ONE(CAST23, CAST23)
ONE(CAST24, CAST24)
ONE(CAST25, CAST25)
ONE(IEEE, HONE_SET_IEEE)
ONE(FLOAT, HONE_SET_FLOAT)
ONE(INF10, HONE_SET(FLOAT) | HONE_SET(DOUBLE))
ONE(INF20, INF20)
ONE(BOOL, HONE_SET(BOOL))
#define LIKE(set)                                                                                                      \
    static const hone__op_param like_##set[] = {{"input", (hone__dtype_set)set, 'T', 0, false},                        \
                                                {"target_type", (hone__dtype_set)set, 'U', 0, false}};
LIKE(CAST13)
LIKE(CAST19)
LIKE(CAST21)
LIKE(CAST23)
LIKE(CAST24)
LIKE(CAST25)
#define WHERE(version, set)                                                                                            \
    static const hone__op_param in_where##version[] = {{"condition", HONE_SET(BOOL), 'B', 0, false},                   \
                                                       {"X", (hone__dtype_set)(set), 'T', 0, false},                   \
                                                       {"Y", (hone__dtype_set)(set), 'T', 0, false}};                  \
    static const hone__op_param out_where##version[] = {{"output", (hone__dtype_set)(set), 'T', 0, false}};
WHERE(9, HONE_SET_ALL_V1)
WHERE(16, HONE_SET_ALL_V1 | HONE_SET(BFLOAT16))
#define CLIP(version, set)                                                                                             \
    static const hone__op_param in_clip##version[] = {{"input", (hone__dtype_set)(set), 'T', 0, false},                \
                                                      {"min", (hone__dtype_set)(set), 'T', 0, true},                   \
                                                      {"max", (hone__dtype_set)(set), 'T', 0, true}};                  \
    static const hone__op_param out_clip##version[] = {{"output", (hone__dtype_set)(set), 'T', 0, false}};
CLIP(1, HONE_SET_IEEE)
CLIP(12, NUMERIC1)
CLIP(13, HONE_SET_NUMERIC)

static const hone__op_attr a_to_name[] = {{"to", HONE_ATTR_STRING, true}};
static const hone__op_attr a_to[] = {
    {"to", HONE_ATTR_INT, true}, {"saturate", HONE_ATTR_INT, false}, {"round_mode", HONE_ATTR_STRING, false}};
static const hone__op_attr a_saturate[] = {{"saturate", HONE_ATTR_INT, false}, {"round_mode", HONE_ATTR_STRING, false}};
static const hone__op_attr a_clip[] = {
    {"max", HONE_ATTR_FLOAT, false}, {"min", HONE_ATTR_FLOAT, false}, {"consumed_inputs", HONE_ATTR_INTS, false}};
static const hone__op_attr a_inf[] = {{"detect_negative", HONE_ATTR_INT, false},
                                      {"detect_positive", HONE_ATTR_INT, false}};

#define FLAGS (HONE_OP_PURE | HONE_OP_ELEMENTWISE)
#define ROW_CAST(since, set, attrs, n)                                                                                 \
    { "", "Cast", since, FLAGS, 1, 1, 1, 1, n, p_##set, q_##set, attrs, infer_cast, eval_cast, NULL }
#define ROW_LIKE(since, set, n)                                                                                        \
    { "", "CastLike", since, FLAGS, 2, 2, 1, 1, n, like_##set, q_##set, a_saturate, infer_cast, eval_cast, NULL }
#define ROW_CLIP(since, version, n_in, n_attrs)                                                                        \
    {                                                                                                                  \
        "", "Clip", since, FLAGS | HONE_OP_INPLACE0, 1, n_in, 1, 1, n_attrs, in_clip##version, out_clip##version,      \
            a_clip, infer_same, eval_clip, NULL                                                                        \
    }
#define ROW_WHERE(since)                                                                                               \
    { "", "Where", since, FLAGS, 3, 3, 1, 1, 0, in_where##since, out_where##since, NULL, infer_where, eval_where, NULL }
#define ROW_IS(name, since, set, n)                                                                                    \
    { "", name, since, FLAGS, 1, 1, 1, 1, n, p_##set, q_BOOL, a_inf, infer_bool, eval_is, NULL }

static const hone__op g_rows[] = {
    ROW_CAST(1, CAST6, a_to_name, 1),
    ROW_CAST(6, CAST6, a_to, 1),
    ROW_CAST(9, CAST9, a_to, 1),
    ROW_CAST(13, CAST13, a_to, 1),
    ROW_CAST(19, CAST19, a_to, 2),
    ROW_CAST(21, CAST21, a_to, 2),
    ROW_CAST(23, CAST23, a_to, 2),
    ROW_CAST(24, CAST24, a_to, 3),
    ROW_CAST(25, CAST25, a_to, 3),
    ROW_LIKE(15, CAST13, 0),
    ROW_LIKE(19, CAST19, 1),
    ROW_LIKE(21, CAST21, 1),
    ROW_LIKE(23, CAST23, 1),
    ROW_LIKE(24, CAST24, 2),
    ROW_LIKE(25, CAST25, 2),
    ROW_CLIP(1, 1, 1, 3),
    ROW_CLIP(6, 1, 1, 2),
    ROW_CLIP(11, 1, 3, 0),
    ROW_CLIP(12, 12, 3, 0),
    ROW_CLIP(13, 13, 3, 0),
    ROW_WHERE(9),
    ROW_WHERE(16),
    ROW_IS("IsNaN", 9, IEEE, 0),
    ROW_IS("IsNaN", 13, FLOAT, 0),
    ROW_IS("IsNaN", 20, INF20, 0),
    ROW_IS("IsInf", 10, INF10, 2),
    ROW_IS("IsInf", 20, INF20, 2),
};
const hone__op_family hone__ops_select = {"select", g_rows, sizeof g_rows / sizeof *g_rows};
