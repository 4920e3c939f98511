/* Quantisation: QuantizeLinear, DequantizeLinear (per tensor, per axis, blocked), DynamicQuantizeLinear.
 *
 * Source: ONNX operator specification; OCP 8-bit Floating Point Specification for the e4m3 and e5m2
 * formats. Rounding is to nearest even throughout. */
#include "ops/op_elements.h"
#include "ops/op_help.h"

#include <math.h>

/* An element of any type as a number. */
static double element(const hone_tensor *t, int64_t i) {
    double v;
    hone__load_f64(t, i, 1, 1, &v);
    return v;
}

/* ---- where an element's scale is ---- */

typedef struct granularity {
    int64_t n, inner, blocks; /* axis size, elements after it, scales along it (1: per axis of n) */
    int64_t block;            /* elements per scale along the axis; 0: one scale for all */
} granularity;

static hone_status read_granularity(hone__eval *ctx, const hone_tensor *x, const hone_tensor *scale, granularity *g) {
    int64_t count = hone__tensor_count(scale), block = hone__node_attr_int(ctx->node, "block_size", 0);
    int axis = 0;
    *g = (granularity){1, 1, 1, 0};
    if (block == 0 && (scale->rank == 0 || (scale->rank == 1 && count == 1)))
        return count == 1 ? HONE_OK : hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the scale is empty");
    int64_t wanted = hone__node_attr_int(ctx->node, "axis", 1);
    if (wanted >= x->rank && x->rank == 1 && !hone__node_attr(ctx->node, "axis"))
        wanted = 0;
    HONE_TRY(hone__axis(wanted, x->rank, &axis, ctx->error));
    g->n = x->dims[axis];
    g->inner = hone__dims_product(x->dims, axis + 1, x->rank);
    if (block == 0) {
        if (scale->rank != 1 || count != g->n)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there are %lld scales for an axis of %lld", (long long)count,
                                   (long long)g->n);
        g->blocks = g->n;
        g->block = 1;
        return HONE_OK;
    }
    bool fits = block > 0 && scale->rank == x->rank;
    for (int d = 0; fits && d < x->rank; d++)
        fits = scale->dims[d] == (d == axis ? x->dims[d] / block + (x->dims[d] % block != 0) : x->dims[d]);
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the scales do not fit blocks of %lld", (long long)block);
    g->blocks = scale->dims[axis];
    g->block = block;
    return HONE_OK;
}

static int64_t scale_index(const granularity *g, const hone_tensor *scale, int64_t i) {
    if (g->block == 0)
        return 0;
    int64_t k = i / g->inner % g->n;
    if (scale->rank == 1 && g->blocks == g->n && g->block == 1 && hone__tensor_count(scale) == g->n)
        return k;
    return (i / (g->inner * g->n) * g->blocks + k / g->block) * g->inner + i % g->inner;
}

static hone_status check_zero(hone__eval *ctx, const hone_tensor *scale, const hone_tensor *zero) {
    if (zero && hone__tensor_count(zero) != hone__tensor_count(scale))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there are %lld zero points for %lld scales",
                               (long long)hone__tensor_count(zero), (long long)hone__tensor_count(scale));
    return HONE_OK;
}

/* ---- QuantizeLinear ---- */

static hone_dtype quantised_type(const hone__node *node, hone_dtype zero) {
    int64_t asked = hone__node_attr_int(node, "output_dtype", 0);
    if (zero != HONE_DTYPE_UNDEFINED)
        return zero;
    return asked > 0 && asked < HONE_DTYPE_COUNT ? (hone_dtype)asked : HONE_DTYPE_UINT8;
}

static hone_status infer_quantize_linear(hone__infer *ctx) {
    bool given = hone__infer_given(ctx, 2);
    hone_dtype zero = hone__infer_dtype(ctx, 2);
    hone_dtype dtype = given && zero == HONE_DTYPE_UNDEFINED ? HONE_DTYPE_UNDEFINED : quantised_type(ctx->node, zero);
    if (!hone__infer_has_rank(ctx, 0) || dtype == HONE_DTYPE_UNDEFINED)
        return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
    const hone__type *x = hone__infer_input(ctx, 0);
    return hone__infer_set(ctx, 0, dtype, x->rank, x->dims);
}

static hone_status eval_quantize_linear(hone__eval *ctx) {
    const hone_tensor *x, *scale, *zero = hone__in(ctx, 2);
    hone_tensor *out;
    granularity g;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &scale));
    HONE_TRY(read_granularity(ctx, x, scale, &g));
    HONE_TRY(check_zero(ctx, scale, zero));
    hone_dtype dtype = quantised_type(ctx->node, zero ? zero->dtype : HONE_DTYPE_UNDEFINED);
    bool is_float = hone__dtype_in(dtype, HONE_SET_FLOAT8 | HONE_SET(FLOAT4E2M1)),
         saturate = hone__node_attr_int(ctx->node, "saturate", 1) != 0;
    if (!is_float && !hone__dtype_in(dtype, HONE_SET_INT | HONE_SET_INT4 | HONE_SET(INT2) | HONE_SET(UINT2)))
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "%s is not a quantised type", hone_dtype_name(dtype));
    HONE_TRY(hone__eval_output(ctx, 0, dtype, x->rank, x->dims, &out));
    int64_t count = out ? hone__tensor_count(out) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = scale_index(&g, scale, i);
        /* The standard divides in the precision of the scale. */
        double v = (double)((float)element(x, i) / (float)element(scale, k));
        if (is_float) {
            v = zero ? v + element(zero, k) : v; /* -0 + 0 is 0 */
            hone__store_f64_mode(out, i, 1, &v, saturate);
        } else
            hone__tensor_put_double(out, i, nearbyint(v) + (zero ? element(zero, k) : 0));
    }
    return HONE_OK;
}

/* ---- DequantizeLinear ---- */

static hone_dtype dequantised_type(const hone__node *node, hone_dtype scale) {
    int64_t asked = hone__node_attr_int(node, "output_dtype", 0);
    if (asked > 0 && asked < HONE_DTYPE_COUNT)
        return (hone_dtype)asked;
    bool is_old = !*node->domain && node->opset < 19; /* scales were float then */
    return is_old && scale == HONE_DTYPE_UNDEFINED ? HONE_DTYPE_FLOAT : scale;
}

static hone_status infer_dequantize_linear(hone__infer *ctx) {
    hone_dtype dtype = dequantised_type(ctx->node, hone__infer_dtype(ctx, 1));
    if (dtype == HONE_DTYPE_UNDEFINED)
        return HONE_OK;
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    return hone__infer_set(ctx, 0, dtype, x->rank, x->dims);
}

static hone_status eval_dequantize_linear(hone__eval *ctx) {
    const hone_tensor *x, *scale, *zero = hone__in(ctx, 2);
    hone_tensor *out;
    granularity g;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &scale));
    HONE_TRY(read_granularity(ctx, x, scale, &g));
    HONE_TRY(check_zero(ctx, scale, zero));
    HONE_TRY(hone__eval_output(ctx, 0, dequantised_type(ctx->node, scale->dtype), x->rank, x->dims, &out));
    int64_t count = out ? hone__tensor_count(out) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = scale_index(&g, scale, i);
        hone__tensor_put_double(out, i, (element(x, i) - (zero ? element(zero, k) : 0)) * element(scale, k));
    }
    return HONE_OK;
}

/* ---- DynamicQuantizeLinear ---- */

static hone_status infer_dynamic_quantize_linear(hone__infer *ctx) {
    if (hone__infer_has_rank(ctx, 0)) {
        const hone__type *x = hone__infer_input(ctx, 0);
        HONE_TRY(hone__infer_set(ctx, 0, HONE_DTYPE_UINT8, x->rank, x->dims));
    } else
        HONE_TRY(hone__infer_set_dtype(ctx, 0, HONE_DTYPE_UINT8));
    if (ctx->n_out > 1)
        HONE_TRY(hone__infer_set(ctx, 1, HONE_DTYPE_FLOAT, 0, NULL));
    return ctx->n_out > 2 ? hone__infer_set(ctx, 2, HONE_DTYPE_UINT8, 0, NULL) : HONE_OK;
}

/* The range always contains 0, so that zero is exact. */
static hone_status eval_dynamic_quantize_linear(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *y, *scale_out, *zero_out;
    const float *v;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_in_float(ctx, 0, &v));
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_UINT8, x->rank, x->dims, &y));
    HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_FLOAT, 0, NULL, &scale_out));
    HONE_TRY(hone__eval_output(ctx, 2, HONE_DTYPE_UINT8, 0, NULL, &zero_out));
    int64_t count = hone__tensor_count(x);
    float low = 0, high = 0;
    for (int64_t i = 0; i < count; i++) {
        low = fminf(low, v[i]);
        high = fmaxf(high, v[i]);
    }
    float scale = (high - low) / 255, zero = 0;
    if (scale > 0)
        zero = nearbyintf(fmaxf(0, fminf(255, -low / scale)));
    else
        scale = 1;
    if (scale_out)
        *(float *)scale_out->data = scale;
    if (zero_out)
        hone__tensor_put_double(zero_out, 0, zero);
    for (int64_t i = 0; y && i < count; i++)
        hone__tensor_put_double(y, i, (double)(nearbyintf(v[i] / scale) + zero));
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param quantize_linear_10_in[] = {
    HONE_PARAM("x", HONE_SET(FLOAT) | HONE_SET(INT32), '1'), HONE_PARAM("y_scale", HONE_SET(FLOAT), 0),
    HONE_PARAM_OPT("y_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '2')};
static const hone__op_param quantize_linear_10_out[] = {HONE_PARAM("y", HONE_SET(INT8) | HONE_SET(UINT8), '2')};
static const hone__op_attr quantize_linear_13_attrs[] = {{"axis", HONE_ATTR_INT, false}};
static const hone__op_param quantize_linear_19_in[] = {
    HONE_PARAM("x", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16) | HONE_SET(INT32), '1'),
    HONE_PARAM("y_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16) | HONE_SET(INT32), '1'),
    HONE_PARAM_OPT("y_zero_point", HONE_SET_FLOAT8 | HONE_SET(INT8) | HONE_SET(UINT8), '2')};
static const hone__op_param quantize_linear_19_out[] = {
    HONE_PARAM("y", HONE_SET_FLOAT8 | HONE_SET(INT8) | HONE_SET(UINT8), '2')};
static const hone__op_attr quantize_linear_19_attrs[] = {{"axis", HONE_ATTR_INT, false},
                                                         {"saturate", HONE_ATTR_INT, false}};
static const hone__op_param quantize_linear_21_in[] = {
    HONE_PARAM("x", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16) | HONE_SET(INT32), '1'),
    HONE_PARAM("y_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16) | HONE_SET(INT32), '1'),
    HONE_PARAM_OPT(
        "y_zero_point",
        HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(UINT8) | HONE_SET(UINT16), '2')};
static const hone__op_param quantize_linear_21_out[] = {HONE_PARAM(
    "y", HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(UINT8) | HONE_SET(UINT16), '2')};
static const hone__op_attr quantize_linear_21_attrs[] = {{"axis", HONE_ATTR_INT, false},
                                                         {"block_size", HONE_ATTR_INT, false},
                                                         {"output_dtype", HONE_ATTR_INT, false},
                                                         {"saturate", HONE_ATTR_INT, false}};
static const hone__op_param quantize_linear_23_in[] = {
    HONE_PARAM("x", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16) | HONE_SET(INT32), '1'),
    HONE_PARAM("y_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16) | HONE_SET(INT32), 'S'),
    HONE_PARAM_OPT("y_zero_point",
                   HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(UINT8) |
                       HONE_SET(UINT16) | HONE_SET(FLOAT4E2M1),
                   '3')};
static const hone__op_param quantize_linear_23_out[] = {HONE_PARAM("y",
                                                                   HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT8) |
                                                                       HONE_SET(INT16) | HONE_SET(UINT8) |
                                                                       HONE_SET(UINT16) | HONE_SET(FLOAT4E2M1),
                                                                   '3')};
static const hone__op_attr quantize_linear_23_attrs[] = {{"axis", HONE_ATTR_INT, false},
                                                         {"block_size", HONE_ATTR_INT, false},
                                                         {"output_dtype", HONE_ATTR_INT, false},
                                                         {"precision", HONE_ATTR_INT, false},
                                                         {"saturate", HONE_ATTR_INT, false}};
static const hone__op_param dequantize_linear_10_in[] = {
    HONE_PARAM("x", HONE_SET(INT8) | HONE_SET(INT32) | HONE_SET(UINT8), 'T'), HONE_PARAM("x_scale", HONE_SET(FLOAT), 0),
    HONE_PARAM_OPT("x_zero_point", HONE_SET(INT8) | HONE_SET(INT32) | HONE_SET(UINT8), 'T')};
static const hone__op_param dequantize_linear_10_out[] = {HONE_PARAM("y", HONE_SET(FLOAT), 0)};
static const hone__op_param dequantize_linear_19_in[] = {
    HONE_PARAM("x", HONE_SET_FLOAT8 | HONE_SET(INT8) | HONE_SET(INT32) | HONE_SET(UINT8), '1'),
    HONE_PARAM("x_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '2'),
    HONE_PARAM_OPT("x_zero_point", HONE_SET_FLOAT8 | HONE_SET(INT8) | HONE_SET(INT32) | HONE_SET(UINT8), '1')};
static const hone__op_param dequantize_linear_19_out[] = {
    HONE_PARAM("y", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '2')};
static const hone__op_param dequantize_linear_21_in[] = {
    HONE_PARAM("x",
               HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(INT32) | HONE_SET(UINT8) |
                   HONE_SET(UINT16),
               '1'),
    HONE_PARAM("x_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '2'),
    HONE_PARAM_OPT("x_zero_point",
                   HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(INT32) |
                       HONE_SET(UINT8) | HONE_SET(UINT16),
                   '1')};
static const hone__op_attr dequantize_linear_21_attrs[] = {{"axis", HONE_ATTR_INT, false},
                                                           {"block_size", HONE_ATTR_INT, false}};
static const hone__op_param dequantize_linear_23_in[] = {
    HONE_PARAM("x",
               HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(INT32) | HONE_SET(UINT8) |
                   HONE_SET(UINT16) | HONE_SET(FLOAT4E2M1),
               '1'),
    HONE_PARAM("x_scale", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '2'),
    HONE_PARAM_OPT("x_zero_point",
                   HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(INT32) |
                       HONE_SET(UINT8) | HONE_SET(UINT16) | HONE_SET(FLOAT4E2M1),
                   '1')};
static const hone__op_param dequantize_linear_23_out[] = {
    HONE_PARAM("y", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '3')};
static const hone__op_attr dequantize_linear_23_attrs[] = {
    {"axis", HONE_ATTR_INT, false}, {"block_size", HONE_ATTR_INT, false}, {"output_dtype", HONE_ATTR_INT, false}};
/* Opset 25 adds the 2-bit integers. */
#define QUANTISED_25                                                                                                   \
    (HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(INT2) | HONE_SET(UINT2) | HONE_SET(INT8) | HONE_SET(INT16) |           \
     HONE_SET(UINT8) | HONE_SET(UINT16) | HONE_SET(FLOAT4E2M1))
#define SCALES (HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16))
static const hone__op_param quantize_linear_24_in[] = {
    HONE_PARAM("x", SCALES | HONE_SET(INT32), '1'),
    HONE_PARAM("y_scale", SCALES | HONE_SET(INT32) | HONE_SET(FLOAT8E8M0), 'S'),
    HONE_PARAM_OPT("y_zero_point", QUANTISED_25 & ~(HONE_SET(INT2) | HONE_SET(UINT2)), '3')};
static const hone__op_param quantize_linear_25_in[] = {
    HONE_PARAM("x", SCALES | HONE_SET(INT32), '1'),
    HONE_PARAM("y_scale", SCALES | HONE_SET(INT32) | HONE_SET(FLOAT8E8M0), 'S'),
    HONE_PARAM_OPT("y_zero_point", QUANTISED_25, '3')};
static const hone__op_param quantize_linear_25_out[] = {HONE_PARAM("y", QUANTISED_25, '3')};
static const hone__op_param dequantize_linear_24_in[] = {
    HONE_PARAM("x", (QUANTISED_25 & ~(HONE_SET(INT2) | HONE_SET(UINT2))) | HONE_SET(INT32), '1'),
    HONE_PARAM("x_scale", SCALES | HONE_SET(FLOAT8E8M0), '2'),
    HONE_PARAM_OPT("x_zero_point", (QUANTISED_25 & ~(HONE_SET(INT2) | HONE_SET(UINT2))) | HONE_SET(INT32), '1')};
static const hone__op_param dequantize_linear_25_in[] = {
    HONE_PARAM("x", QUANTISED_25 | HONE_SET(INT32), '1'), HONE_PARAM("x_scale", SCALES | HONE_SET(FLOAT8E8M0), '2'),
    HONE_PARAM_OPT("x_zero_point", QUANTISED_25 | HONE_SET(INT32), '1')};
static const hone__op_param dynamic_quantize_linear_11_in[] = {HONE_PARAM("x", HONE_SET(FLOAT), '1')};
static const hone__op_param dynamic_quantize_linear_11_out[] = {HONE_PARAM("y", HONE_SET(UINT8), '2'),
                                                                HONE_PARAM("y_scale", HONE_SET(FLOAT), 0),
                                                                HONE_PARAM("y_zero_point", HONE_SET(UINT8), '2')};

static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS("", "QuantizeLinear", 10, HONE_OP_PURE, 2, quantize_linear_10_in, 1, quantize_linear_10_out,
                      infer_quantize_linear, eval_quantize_linear, NULL),
    HONE_ROW("", "QuantizeLinear", 13, HONE_OP_PURE, 2, quantize_linear_10_in, 1, quantize_linear_10_out,
             quantize_linear_13_attrs, infer_quantize_linear, eval_quantize_linear, NULL),
    HONE_ROW("", "QuantizeLinear", 19, HONE_OP_PURE, 2, quantize_linear_19_in, 1, quantize_linear_19_out,
             quantize_linear_19_attrs, infer_quantize_linear, eval_quantize_linear, NULL),
    HONE_ROW("", "QuantizeLinear", 21, HONE_OP_PURE, 2, quantize_linear_21_in, 1, quantize_linear_21_out,
             quantize_linear_21_attrs, infer_quantize_linear, eval_quantize_linear, NULL),
    HONE_ROW("", "QuantizeLinear", 23, HONE_OP_PURE, 2, quantize_linear_23_in, 1, quantize_linear_23_out,
             quantize_linear_23_attrs, infer_quantize_linear, eval_quantize_linear, NULL),
    HONE_ROW("", "QuantizeLinear", 24, HONE_OP_PURE, 2, quantize_linear_24_in, 1, quantize_linear_23_out,
             quantize_linear_23_attrs, infer_quantize_linear, eval_quantize_linear, NULL),
    HONE_ROW("", "QuantizeLinear", 25, HONE_OP_PURE, 2, quantize_linear_25_in, 1, quantize_linear_25_out,
             quantize_linear_23_attrs, infer_quantize_linear, eval_quantize_linear, NULL),
    HONE_ROW_NO_ATTRS("", "DequantizeLinear", 10, HONE_OP_PURE, 2, dequantize_linear_10_in, 1, dequantize_linear_10_out,
                      infer_dequantize_linear, eval_dequantize_linear, NULL),
    HONE_ROW("", "DequantizeLinear", 13, HONE_OP_PURE, 2, dequantize_linear_10_in, 1, dequantize_linear_10_out,
             quantize_linear_13_attrs, infer_dequantize_linear, eval_dequantize_linear, NULL),
    HONE_ROW("", "DequantizeLinear", 19, HONE_OP_PURE, 2, dequantize_linear_19_in, 1, dequantize_linear_19_out,
             quantize_linear_13_attrs, infer_dequantize_linear, eval_dequantize_linear, NULL),
    HONE_ROW("", "DequantizeLinear", 21, HONE_OP_PURE, 2, dequantize_linear_21_in, 1, dequantize_linear_19_out,
             dequantize_linear_21_attrs, infer_dequantize_linear, eval_dequantize_linear, NULL),
    HONE_ROW("", "DequantizeLinear", 23, HONE_OP_PURE, 2, dequantize_linear_23_in, 1, dequantize_linear_23_out,
             dequantize_linear_23_attrs, infer_dequantize_linear, eval_dequantize_linear, NULL),
    HONE_ROW("", "DequantizeLinear", 24, HONE_OP_PURE, 2, dequantize_linear_24_in, 1, dequantize_linear_23_out,
             dequantize_linear_23_attrs, infer_dequantize_linear, eval_dequantize_linear, NULL),
    HONE_ROW("", "DequantizeLinear", 25, HONE_OP_PURE, 2, dequantize_linear_25_in, 1, dequantize_linear_23_out,
             dequantize_linear_23_attrs, infer_dequantize_linear, eval_dequantize_linear, NULL),
    HONE_ROW("com.microsoft", "QuantizeLinear", 1, HONE_OP_PURE, 2, quantize_linear_23_in, 1, quantize_linear_23_out,
             quantize_linear_21_attrs, infer_quantize_linear, eval_quantize_linear, NULL),
    HONE_ROW("com.microsoft", "DequantizeLinear", 1, HONE_OP_PURE, 2, dequantize_linear_23_in, 1,
             dequantize_linear_23_out, dequantize_linear_23_attrs, infer_dequantize_linear, eval_dequantize_linear,
             NULL),
    HONE_ROW_NO_ATTRS("", "DynamicQuantizeLinear", 11, HONE_OP_PURE, 1, dynamic_quantize_linear_11_in, 3,
                      dynamic_quantize_linear_11_out, infer_dynamic_quantize_linear, eval_dynamic_quantize_linear,
                      NULL),
};

const hone__op_family hone__ops_quant = {"quant", g_rows, HONE_COUNT(g_rows)};
