/* com.microsoft operators with quantised weights: MatMulIntegerToFloat, DynamicQuantizeMatMul, MatMulInteger16,
 * DynamicQuantizeLSTM, QAttention, GatherBlockQuantized; and FusedGemm.
 *
 * Source: ONNX Runtime's documentation of contrib operators. */
#include "ops/op_activation.h"
#include "ops/op_delegate.h"

#include <math.h>

/* ---- products ---- */

/* a times b, plus an optional bias per column at input ibias, as type `dtype`. */
static hone_status put_product(hone__eval *ctx, const hone_tensor *a, const hone_tensor *b, size_t ibias,
                               hone_dtype dtype) {
    const hone_tensor *in[] = {a, b}, *bias = hone__in(ctx, ibias);
    hone_tensor *out = NULL;
    const double *bv;
    HONE_TRY(hone__eval_in_double(ctx, ibias, &bv));
    HONE_TRY(hone__delegate_eval(ctx, "", "MatMul", 13, in, 2, &out, 1));
    int64_t n = out->rank ? out->dims[out->rank - 1] : 1, count = hone__tensor_count(out);
    hone_status status = HONE_OK;
    if (bias && hone__tensor_count(bias) != n)
        status = hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the bias does not have one element per column");
    for (int64_t i = 0; status == HONE_OK && bias && i < count; i++)
        ((double *)out->data)[i] += bv[i % n];
    if (status == HONE_OK)
        status = hone__put_doubles(ctx, 0, dtype, out->rank, out->dims, out->data);
    hone_tensor_destroy(out);
    return status;
}

static hone_status infer_product(hone__infer *ctx) {
    static const int index[] = {0, 1};
    hone_dtype dtype = hone__infer_dtype(ctx, 2);
    return hone__delegate_infer(ctx, "", "MatMul", 13, index, 2, dtype ? dtype : HONE_DTYPE_FLOAT);
}

static hone_status infer_integer_product(hone__infer *ctx) {
    static const int index[] = {0, 1};
    return hone__delegate_infer(ctx, "", "MatMul", 13, index, 2, HONE_DTYPE_INT32);
}

/* Inputs: A, B, scale of A, of B, zero point of A, of B, bias. */
static hone_status eval_integer_to_float(hone__eval *ctx) {
    hone_tensor a, b;
    HONE_TRY(hone__dequantised(ctx, 0, 2, 4, &a));
    HONE_TRY(hone__dequantised(ctx, 1, 3, 5, &b));
    return put_product(ctx, &a, &b, 6, ctx->in[2]->dtype);
}

/* Inputs: A (float), B, scale of B, zero point of B, bias. A is quantised to uint8 as DynamicQuantizeLinear does. */
static hone_status eval_dynamic_product(hone__eval *ctx) {
    hone_tensor a, b;
    HONE_TRY(hone__dequantised(ctx, 0, SIZE_MAX, SIZE_MAX, &a));
    HONE_TRY(hone__dequantised(ctx, 1, 2, 3, &b));
    double *v = a.data;
    float low = 0, high = 0;
    int64_t count = hone__tensor_count(&a);
    for (int64_t i = 0; i < count; i++) {
        low = fminf(low, (float)v[i]);
        high = fmaxf(high, (float)v[i]);
    }
    float scale = (high - low) / 255, zero = 0;
    if (scale > 0)
        zero = nearbyintf(fmaxf(0, fminf(255, -low / scale)));
    else
        scale = 1;
    for (int64_t i = 0; i < count; i++) {
        float q = fmaxf(0, fminf(255, nearbyintf((float)v[i] / scale) + zero));
        v[i] = ((double)q - zero) * scale;
    }
    return put_product(ctx, &a, &b, 4, ctx->in[0]->dtype);
}

static hone_status eval_integer_16(hone__eval *ctx) {
    hone_tensor *out = NULL;
    HONE_TRY(hone__delegate_eval(ctx, "", "MatMulInteger", 10, ctx->in, 2, &out, 1));
    hone_status status = HONE_OK;
    hone_tensor *y;
    status = hone__eval_output(ctx, 0, HONE_DTYPE_INT32, out->rank, out->dims, &y);
    if (status == HONE_OK && y)
        status = hone__copy_elements(y, 0, out, 0, hone__tensor_count(out), ctx->error);
    hone_tensor_destroy(out);
    return status;
}

/* ---- FusedGemm ---- */

static hone_status infer_fused_gemm(hone__infer *ctx) {
    static const int index[] = {0, 1, 2};
    return hone__delegate_infer(ctx, "", "Gemm", 13, index, 3, hone__infer_dtype(ctx, 0));
}

/* The activation's parameters have names of their own here; an absent one is the standard's default. */
static hone_status eval_fused_gemm(hone__eval *ctx) {
    hone__activation act = {0};
    hone_tensor views[3], *out = NULL;
    const hone_tensor *in[3] = {NULL};
    const char *name = hone__node_attr_string(ctx->node, "activation", "");
    HONE_TRY(hone__activation_find(name, &act, ctx->error));
    if (hone__node_attr(ctx->node, "activation_alpha"))
        act.a = hone__node_attr_float(ctx->node, "activation_alpha", 0);
    if (hone__node_attr(ctx->node, "activation_beta"))
        act.b = hone__node_attr_float(ctx->node, "activation_beta", 0);
    for (size_t i = 0; i < 3 && i < ctx->n_in; i++)
        if (ctx->in[i]) {
            HONE_TRY(hone__dequantised(ctx, i, SIZE_MAX, SIZE_MAX, &views[i]));
            in[i] = &views[i];
        }
    HONE_TRY(hone__delegate_eval(ctx, "", "Gemm", 13, in, 3, &out, 1));
    double *v = out->data;
    for (int64_t i = 0; act.apply && i < hone__tensor_count(out); i++)
        v[i] = act.apply(&act, v[i]);
    hone_status status = hone__put_doubles(ctx, 0, ctx->in[0]->dtype, out->rank, out->dims, v);
    hone_tensor_destroy(out);
    return status;
}

/* ---- DynamicQuantizeLSTM ---- */

static hone_status infer_lstm(hone__infer *ctx) {
    /* The weights lie the other way round than LSTM's, so only their absence is safe to pass on. */
    static const int index[] = {0, -1, -1, 3};
    return hone__delegate_infer(ctx, "", "LSTM", 14, index, 4, hone__infer_dtype(ctx, 0));
}

/* Quantised weights [D, K, 4H] as LSTM wants them, [D, 4H, K], dequantised; one scale per direction, or one per
 * direction and column. */
static hone_status lstm_weights(hone__eval *ctx, size_t iw, size_t iscale, size_t izero, hone_tensor *view) {
    const hone_tensor *w, *scale, *zero;
    HONE_TRY(hone__eval_tensor(ctx, iw, &w));
    HONE_TRY(hone__eval_tensor(ctx, iscale, &scale));
    HONE_TRY(hone__eval_tensor(ctx, izero, &zero));
    if (w->rank != 3)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the weights must have rank 3");
    int64_t d = w->dims[0], k = w->dims[1], n = w->dims[2], dims[3] = {d, n, k}, ns = hone__tensor_count(scale),
            nz = hone__tensor_count(zero);
    if ((ns != d && ns != d * n) || (nz != d && nz != d * n))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the weights' scales or zero points do not fit");
    double *v;
    HONE_TRY(hone__eval_scratch_n(ctx, d * n * k, sizeof *v, (void **)&v));
    for (int64_t i = 0; i < d * n * k; i++) {
        int64_t c = i % n, row = i / n % k, dir = i / (n * k);
        double z = (double)hone__tensor_int_at(zero, nz == d ? dir : dir * n + c);
        double s = hone_tensor_get_double(scale, ns == d ? dir : dir * n + c);
        v[(dir * n + c) * k + row] = ((double)hone__tensor_int_at(w, i) - z) * s;
    }
    hone__tensor_view(view, HONE_DTYPE_DOUBLE, 3, dims, v, (size_t)(d * n * k) * sizeof *v);
    return HONE_OK;
}

/* The activations stay real numbers: nearer to the float model than quantising them in every step. */
static hone_status eval_lstm(hone__eval *ctx) {
    hone_tensor views[8], *out[3] = {NULL};
    const hone_tensor *in[8] = {NULL};
    HONE_TRY(lstm_weights(ctx, 1, 8, 9, &views[1]));
    HONE_TRY(lstm_weights(ctx, 2, 10, 11, &views[2]));
    for (size_t i = 0; i < 8 && i < ctx->n_in; i++) {
        if (i == 4 || !ctx->in[i]) {
            in[i] = ctx->in[i];
            continue;
        }
        if (i != 1 && i != 2)
            HONE_TRY(hone__dequantised(ctx, i, SIZE_MAX, SIZE_MAX, &views[i]));
        in[i] = &views[i];
    }
    HONE_TRY(hone__delegate_eval(ctx, "", "LSTM", 14, in, 8, out, 3));
    hone_status status = HONE_OK;
    for (size_t i = 0; i < 3; i++) {
        if (out[i] && status == HONE_OK)
            status = hone__put_doubles(ctx, i, ctx->in[0]->dtype, out[i]->rank, out[i]->dims, out[i]->data);
        hone_tensor_destroy(out[i]);
    }
    return status;
}

/* ---- QAttention: input, weight, bias, their scales, mask, their zero points, past ---- */

static hone_status infer_q_attention(hone__infer *ctx) {
    static const int index[] = {0, 1, 2, 5, 8};
    hone_dtype dtype = hone__infer_dtype(ctx, 3);
    return hone__delegate_infer(ctx, "com.microsoft", "Attention", 1, index, 5, dtype);
}

static hone_status eval_q_attention(hone__eval *ctx) {
    hone_tensor x, w, bias, past, *out[2] = {NULL};
    const hone_tensor *in[5] = {&x, &w, NULL, hone__in(ctx, 5), NULL};
    HONE_TRY(hone__dequantised(ctx, 0, 3, 6, &x));
    HONE_TRY(hone__dequantised(ctx, 1, 4, 7, &w));
    if (!hone__in_omitted(ctx, 2)) {
        HONE_TRY(hone__dequantised(ctx, 2, SIZE_MAX, SIZE_MAX, &bias));
        in[2] = &bias;
    }
    if (!hone__in_omitted(ctx, 8)) {
        HONE_TRY(hone__dequantised(ctx, 8, SIZE_MAX, SIZE_MAX, &past));
        in[4] = &past;
    }
    HONE_TRY(hone__delegate_eval(ctx, "com.microsoft", "Attention", 1, in, 5, out, 2));
    hone_status status = HONE_OK;
    for (size_t i = 0; i < 2; i++) {
        if (out[i] && status == HONE_OK)
            status = hone__put_doubles(ctx, i, ctx->in[3]->dtype, out[i]->rank, out[i]->dims, out[i]->data);
        hone_tensor_destroy(out[i]);
    }
    return status;
}

/* ---- GatherBlockQuantized ---- */

/* uint8 data holds 8 / bits numbers per byte, the first in the low bits, along the last axis. */
typedef struct blocked {
    int rank, gather, quantised;
    int64_t dims[HONE_MAX_RANK]; /* of the numbers */
    int64_t block, bits;
    bool is_packed;
} blocked;

static hone_status read_blocked(const hone__node *node, hone_dtype dtype, int rank, const int64_t *dims, blocked *b,
                                hone_error *error) {
    *b = (blocked){.rank = rank, .is_packed = dtype == HONE_DTYPE_UINT8};
    b->bits = b->is_packed ? hone__node_attr_int(node, "bits", 4) : 4;
    b->block = hone__node_attr_int(node, "block_size", 128);
    HONE_FAIL_IF((b->bits != 2 && b->bits != 4 && b->bits != 8) || b->block < 1 || rank < 1, error, HONE_ERROR_MODEL,
                 "bits, block_size or the rank is out of range");
    HONE_TRY(hone__axis(hone__node_attr_int(node, "gather_axis", 0), rank, &b->gather, error));
    HONE_TRY(hone__axis(hone__node_attr_int(node, "quantize_axis", 1), rank, &b->quantised, error));
    for (int d = 0; d < rank; d++)
        b->dims[d] = dims[d];
    if (b->is_packed && dims[rank - 1] >= 0)
        HONE_FAIL_IF(!hone__mul_i64(dims[rank - 1], 8 / b->bits, &b->dims[rank - 1]), error, HONE_ERROR_LIMIT,
                     "the last axis is too long");
    return HONE_OK;
}

static hone_status infer_gather_blocked(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 2), data = hone__infer_dtype(ctx, 0);
    if (!dtype)
        return HONE_OK;
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 1) || !data)
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = ctx->in[0], *index = ctx->in[1];
    int64_t values[HONE_MAX_RANK];
    blocked b;
    hone__dim dims[HONE_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        values[d] = x->dims[d].value;
    HONE_TRY(read_blocked(ctx->node, data, x->rank, values, &b, ctx->error));
    int rank = x->rank - 1 + index->rank, n = 0;
    if (rank > HONE_MAX_RANK)
        return hone__infer_fail(ctx, HONE_ERROR_LIMIT, "rank %d is too large", rank);
    for (int d = 0; d < x->rank; d++) {
        for (int k = 0; d == b.gather && k < index->rank; k++)
            dims[n++] = index->dims[k];
        if (d != b.gather)
            dims[n++] = b.dims[d] >= 0 ? hone__dim_known(b.dims[d]) : hone__dim_unknown();
    }
    return hone__infer_set(ctx, 0, dtype, rank, dims);
}

/* Number k of a tensor whose last axis may be packed. */
static int64_t packed_at(const hone_tensor *t, const blocked *b, int64_t k, int64_t last) {
    if (!b->is_packed)
        return hone__tensor_int_at(t, k);
    int64_t per = 8 / b->bits, row = k / last, col = k % last;
    const uint8_t *bytes = t->data;
    return (bytes[row * ((last + per - 1) / per) + col / per] >> (col % per * b->bits)) & ((1 << b->bits) - 1);
}

static hone_status eval_gather_blocked(hone__eval *ctx) {
    const hone_tensor *x, *index, *scales, *zero = hone__in(ctx, 3);
    const int64_t *at;
    const double *scale;
    double *y;
    blocked b;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &index));
    HONE_TRY(hone__eval_tensor(ctx, 2, &scales));
    HONE_TRY(read_blocked(ctx->node, x->dtype, x->rank, x->dims, &b, ctx->error));
    int64_t s_dims[HONE_MAX_RANK], dims[HONE_MAX_RANK], n_scales, n_index = hone__tensor_count(index), last;
    bool fits = scales->rank == x->rank && x->rank - 1 + index->rank <= HONE_MAX_RANK;
    for (int d = 0; fits && d < x->rank; d++) {
        s_dims[d] = d == b.quantised ? (b.dims[d] + b.block - 1) / b.block : b.dims[d];
        fits = scales->dims[d] == s_dims[d];
    }
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the scales do not fit blocks of %lld", (long long)b.block);
    n_scales = hone__tensor_count(scales);
    last = s_dims[x->rank - 1];
    int64_t per = b.is_packed ? 8 / b.bits : 1, n_zero = n_scales ? n_scales / last * ((last + per - 1) / per) : 0;
    if (zero && (hone__tensor_count(zero) != n_zero || zero->dtype != x->dtype))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the zero points do not fit the scales");
    int rank = 0;
    for (int d = 0; d < x->rank; d++) {
        for (int k = 0; d == b.gather && k < index->rank; k++)
            dims[rank++] = index->dims[k];
        if (d != b.gather)
            dims[rank++] = b.dims[d];
    }
    HONE_TRY(hone__eval_in_i64(ctx, 1, &at));
    HONE_TRY(hone__eval_in_double(ctx, 2, &scale));
    HONE_TRY(hone__eval_out_double(ctx, 0, scales->dtype, rank, dims, &out, &y));
    int64_t inner = hone__dims_product(b.dims, b.gather + 1, x->rank), axis = b.dims[b.gather],
            outer = hone__dims_product(b.dims, 0, b.gather),
            q_inner = hone__dims_product(b.dims, b.quantised + 1, x->rank), q_n = b.dims[b.quantised],
            standard = b.is_packed ? (int64_t)1 << (b.bits - 1) : 0;
    for (int64_t i = 0; i < outer * n_index * inner; i++) {
        int64_t row = at[i / inner % n_index];
        row += row < 0 ? axis : 0;
        if (row < 0 || row >= axis)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "index %lld is outside an axis of %lld",
                                   (long long)at[i / inner % n_index], (long long)axis);
        int64_t k = (i / (inner * n_index) * axis + row) * inner + i % inner;
        int64_t s = (k / (q_inner * q_n) * s_dims[b.quantised] + k / q_inner % q_n / b.block) * q_inner + k % q_inner;
        int64_t z = zero ? packed_at(zero, &b, s, last) : standard;
        y[i] = (double)(packed_at(x, &b, k, b.dims[x->rank - 1]) - z) * scale[s];
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */

#define Q8 (HONE_SET(INT8) | HONE_SET(UINT8))
#define HALVES (HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16))
static const hone__op_param p_integer[] = {HONE_PARAM("A", Q8, 'A'),
                                           HONE_PARAM("B", Q8, 'B'),
                                           HONE_PARAM("a_scale", HALVES, 'T'),
                                           HONE_PARAM("b_scale", HALVES, 'T'),
                                           HONE_PARAM_OPT("a_zero_point", Q8, 'A'),
                                           HONE_PARAM_OPT("b_zero_point", Q8, 'B'),
                                           HONE_PARAM_OPT("bias", HALVES, 'T')};
static const hone__op_param p_dynamic[] = {
    HONE_PARAM("A", HONE_SET(FLOAT), 'T'), HONE_PARAM("B", Q8, 'B'), HONE_PARAM("b_scale", HONE_SET(FLOAT), 'T'),
    HONE_PARAM_OPT("b_zero_point", Q8, 'B'), HONE_PARAM_OPT("bias", HONE_SET(FLOAT), 'T')};
static const hone__op_param p_16[] = {HONE_PARAM("A", HONE_SET(INT16) | HONE_SET(UINT16), 0),
                                      HONE_PARAM("B", HONE_SET(INT16) | HONE_SET(UINT16), 0)},
                            q_16[] = {HONE_PARAM("Y", HONE_SET(INT32) | HONE_SET(UINT32), 0)};
static const hone__op_param p_gemm[] = {HONE_PARAM("A", HONE_SET_FLOAT, 'T'), HONE_PARAM("B", HONE_SET_FLOAT, 'T'),
                                        HONE_PARAM_OPT("C", HONE_SET_FLOAT, 'T')};
static const hone__op_param p_lstm[] = {HONE_PARAM("X", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM("W", Q8, 'Q'),
                                        HONE_PARAM("R", Q8, 'Q'),
                                        HONE_PARAM_OPT("B", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM_OPT("sequence_lens", HONE_SET(INT32), 0),
                                        HONE_PARAM_OPT("initial_h", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM_OPT("initial_c", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM_OPT("P", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM("W_scale", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM("W_zero_point", Q8, 'Q'),
                                        HONE_PARAM("R_scale", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM("R_zero_point", Q8, 'Q')};
static const hone__op_param q_lstm[] = {HONE_PARAM_OPT("Y", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM_OPT("Y_h", HONE_SET(FLOAT), 'T'),
                                        HONE_PARAM_OPT("Y_c", HONE_SET(FLOAT), 'T')};
static const hone__op_param p_attention[] = {HONE_PARAM("input", Q8, 'X'),
                                             HONE_PARAM("weight", Q8, 'W'),
                                             HONE_PARAM("bias", HALVES, 'T'),
                                             HONE_PARAM("input_scale", HALVES, 'T'),
                                             HONE_PARAM("weight_scale", HALVES, 'T'),
                                             HONE_PARAM_OPT("mask_index", HONE_SET(INT32), 0),
                                             HONE_PARAM_OPT("input_zero_point", Q8, 'X'),
                                             HONE_PARAM_OPT("weight_zero_point", Q8, 'W'),
                                             HONE_PARAM_OPT("past", HALVES, 'T')};
static const hone__op_param q_attention[] = {HONE_PARAM("output", HALVES, 'T'), HONE_PARAM_OPT("present", HALVES, 'T')};
static const hone__op_param p_gather[] = {HONE_PARAM("data", HONE_SET_INT4 | HONE_SET(UINT8), '1'),
                                          HONE_PARAM("indices", HONE_SET(INT32) | HONE_SET(INT64), 0),
                                          HONE_PARAM("scales", HALVES, '2'),
                                          HONE_PARAM_OPT("zero_points", HONE_SET_INT4 | HONE_SET(UINT8), '1')};
static const hone__op_param q_float[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 0)};
static const hone__op_attr a_gemm[] = {{"activation", HONE_ATTR_STRING, false},
                                       {"activation_alpha", HONE_ATTR_FLOAT, false},
                                       {"activation_beta", HONE_ATTR_FLOAT, false},
                                       {"activation_gamma", HONE_ATTR_FLOAT, false},
                                       {"alpha", HONE_ATTR_FLOAT, false},
                                       {"beta", HONE_ATTR_FLOAT, false},
                                       {"transA", HONE_ATTR_INT, false},
                                       {"transB", HONE_ATTR_INT, false}};
static const hone__op_attr a_lstm[] = {
    {"activation_alpha", HONE_ATTR_FLOATS, false}, {"activation_beta", HONE_ATTR_FLOATS, false},
    {"activations", HONE_ATTR_STRINGS, false},     {"clip", HONE_ATTR_FLOAT, false},
    {"direction", HONE_ATTR_STRING, false},        {"hidden_size", HONE_ATTR_INT, false},
    {"input_forget", HONE_ATTR_INT, false}};
static const hone__op_attr a_attention[] = {
    {"do_rotary", HONE_ATTR_INT, false}, {"mask_filter_value", HONE_ATTR_FLOAT, false},
    {"num_heads", HONE_ATTR_INT, true},  {"past_present_share_buffer", HONE_ATTR_INT, false},
    {"scale", HONE_ATTR_FLOAT, false},   {"unidirectional", HONE_ATTR_INT, false}};
static const hone__op_attr a_gather[] = {{"bits", HONE_ATTR_INT, false},
                                         {"block_size", HONE_ATTR_INT, false},
                                         {"gather_axis", HONE_ATTR_INT, false},
                                         {"quantize_axis", HONE_ATTR_INT, false}};

#define MS "com.microsoft"
static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS(MS, "MatMulIntegerToFloat", 1, HONE_OP_PURE, 4, p_integer, 1, q_float, infer_product,
                      eval_integer_to_float, NULL),
    HONE_ROW_NO_ATTRS(MS, "DynamicQuantizeMatMul", 1, HONE_OP_PURE, 3, p_dynamic, 1, q_float, infer_product,
                      eval_dynamic_product, NULL),
    HONE_ROW_NO_ATTRS(MS, "MatMulInteger16", 1, HONE_OP_PURE, 2, p_16, 1, q_16, infer_integer_product, eval_integer_16,
                      NULL),
    HONE_ROW(MS, "FusedGemm", 1, HONE_OP_PURE, 2, p_gemm, 1, q_float, a_gemm, infer_fused_gemm, eval_fused_gemm, NULL),
    HONE_ROW(MS, "DynamicQuantizeLSTM", 1, HONE_OP_PURE, 12, p_lstm, 0, q_lstm, a_lstm, infer_lstm, eval_lstm, NULL),
    HONE_ROW(MS, "QAttention", 1, HONE_OP_PURE, 5, p_attention, 1, q_attention, a_attention, infer_q_attention,
             eval_q_attention, NULL),
    HONE_ROW(MS, "GatherBlockQuantized", 1, HONE_OP_PURE, 3, p_gather, 1, q_float, a_gather, infer_gather_blocked,
             eval_gather_blocked, NULL),
};
const hone__op_family hone__ops_contrib_quant = {"contrib_quant", g_rows, HONE_COUNT(g_rows)};
