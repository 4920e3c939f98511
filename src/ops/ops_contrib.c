/* com.microsoft operators of optimised models: the Gelu family, SkipLayerNormalization and its kin,
 * EmbedLayerNormalization, MatMulNBits.
 *
 * Source: ONNX Runtime's documentation of contrib operators. */
#include "ops/op_help.h"

#include <math.h>

/* ---- Gelu family ---- */

typedef enum gelu_kind { GELU_EXACT, GELU_TANH, GELU_QUICK } gelu_kind;

static double gelu(gelu_kind kind, double x, double alpha) {
    if (kind == GELU_QUICK)
        return x / (1 + exp(-alpha * x));
    if (kind == GELU_TANH)
        return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}

/* Of the input plus an optional bias along the last dimension. */
static hone_status eval_gelu_of(hone__eval *ctx, gelu_kind kind) {
    const hone_tensor *x, *b = hone__in(ctx, 1);
    const double *v, *bias;
    double *y, alpha = hone__node_attr_float(ctx->node, "alpha", 1.702f);
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    int64_t n = hone__tensor_count(x), nb = b ? hone__tensor_count(b) : 1;
    if (b && (x->rank < 1 || nb != x->dims[x->rank - 1]))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the bias does not fit the last dimension");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &bias));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t i = 0; i < n; i++)
        y[i] = gelu(kind, v[i] + (bias ? bias[i % nb] : 0), alpha);
    hone__eval_put_double(out, y);
    return HONE_OK;
}
static hone_status eval_gelu(hone__eval *ctx) { return eval_gelu_of(ctx, GELU_EXACT); }
static hone_status eval_bias_gelu(hone__eval *ctx) { return eval_gelu_of(ctx, GELU_EXACT); }
static hone_status eval_fast_gelu(hone__eval *ctx) { return eval_gelu_of(ctx, GELU_TANH); }
static hone_status eval_quick_gelu(hone__eval *ctx) { return eval_gelu_of(ctx, GELU_QUICK); }

/* ---- SkipLayerNormalization ---- */

/* Normalises `rows` rows of n numbers; rms: without the mean. mean and inverse may be NULL. */
static void normalise(const double *x, double *y, int64_t rows, int64_t n, bool rms, double eps, const double *gamma,
                      const double *beta, double *means, double *inverses) {
    for (int64_t r = 0; r < rows; r++) {
        double mean = 0, var = 0;
        for (int64_t i = 0; i < n && !rms; i++)
            mean += x[r * n + i] / (double)n;
        for (int64_t i = 0; i < n; i++)
            var += (x[r * n + i] - mean) * (x[r * n + i] - mean) / (double)n;
        double inverse = 1 / sqrt(var + eps);
        for (int64_t i = 0; i < n; i++)
            y[r * n + i] = (x[r * n + i] - mean) * inverse * gamma[i] + (beta ? beta[i] : 0);
        if (means)
            means[r] = mean;
        if (inverses)
            inverses[r] = inverse;
    }
}

static hone_status infer_skip(hone__infer *ctx) {
    HONE_TRY(hone__infer_same(ctx, 0, 0));
    for (size_t i = 1; i < ctx->n_out && i < 3; i++) {
        if (!hone__infer_has_rank(ctx, 0) || hone__infer_input(ctx, 0)->rank < 1) {
            HONE_TRY(hone__infer_set_dtype(ctx, i, HONE_DTYPE_FLOAT));
            continue;
        }
        const hone__type *x = hone__infer_input(ctx, 0);
        hone__dim dims[HONE_MAX_RANK];
        for (int d = 0; d < x->rank; d++)
            dims[d] = d + 1 < x->rank ? x->dims[d] : hone__dim_known(1);
        HONE_TRY(hone__infer_set(ctx, i, HONE_DTYPE_FLOAT, x->rank, dims));
    }
    return ctx->n_out > 3 ? hone__infer_same(ctx, 3, 0) : HONE_OK;
}

static hone_status eval_skip(hone__eval *ctx, bool rms) {
    const hone_tensor *x, *skip, *gamma;
    const double *v, *s, *g, *beta = NULL, *bias;
    double *y, *sum, *means, *inverses;
    hone_tensor *out, *mean_out, *inv_out, *sum_out;
    size_t ibias = rms ? 3 : 4;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &skip));
    HONE_TRY(hone__eval_tensor(ctx, 2, &gamma));
    int64_t n = x->rank ? x->dims[x->rank - 1] : 1, count = hone__tensor_count(x), rows = n ? count / n : 0;
    int64_t ns = hone__tensor_count(skip), stat[HONE_MAX_RANK];
    bool fits = hone__tensor_count(gamma) == n && (count == 0 || (ns > 0 && count % ns == 0));
    for (size_t i = 3; i < 5; i++)
        fits = fits && (hone__in_omitted(ctx, i) || hone__tensor_count(ctx->in[i]) == n);
    if (!fits || x->rank < 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "skip, gamma, beta or bias does not fit the input");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &s));
    HONE_TRY(hone__eval_in_double(ctx, 2, &g));
    if (!rms)
        HONE_TRY(hone__eval_in_double(ctx, 3, &beta));
    HONE_TRY(hone__eval_in_double(ctx, ibias, &bias));
    memcpy(stat, x->dims, sizeof stat);
    stat[x->rank - 1] = 1;
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    HONE_TRY(hone__eval_out_double(ctx, 1, HONE_DTYPE_FLOAT, x->rank, stat, &mean_out, &means));
    HONE_TRY(hone__eval_out_double(ctx, 2, HONE_DTYPE_FLOAT, x->rank, stat, &inv_out, &inverses));
    HONE_TRY(hone__eval_out_double(ctx, 3, x->dtype, x->rank, x->dims, &sum_out, &sum));
    for (int64_t i = 0; i < count; i++)
        sum[i] = v[i] + s[i % ns] + (bias ? bias[i % n] : 0);
    normalise(sum, y, rows, n, rms, hone__node_attr_float(ctx->node, "epsilon", 1e-12f), g, beta, means, inverses);
    hone__eval_put_double(out, y);
    hone__eval_put_double(mean_out, means);
    hone__eval_put_double(inv_out, inverses);
    hone__eval_put_double(sum_out, sum);
    return HONE_OK;
}
static hone_status eval_skip_layer_normalization(hone__eval *ctx) { return eval_skip(ctx, false); }
static hone_status eval_skip_simplified_layer_normalization(hone__eval *ctx) { return eval_skip(ctx, true); }

/* ---- EmbedLayerNormalization ---- */

static hone_status infer_embed_layer_normalization(hone__infer *ctx) {
    hone__dim u = hone__dim_unknown(), dims[3] = {u, u, u};
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 2) {
        dims[0] = hone__infer_input(ctx, 0)->dims[0];
        dims[1] = hone__infer_input(ctx, 0)->dims[1];
    }
    if (hone__infer_has_rank(ctx, 2) && hone__infer_input(ctx, 2)->rank == 2)
        dims[2] = hone__infer_input(ctx, 2)->dims[1];
    hone_dtype dtype = hone__infer_dtype(ctx, 2);
    HONE_TRY(hone__infer_set(ctx, 0, dtype, 3, dims));
    if (ctx->n_out > 1)
        HONE_TRY(hone__infer_set(ctx, 1, HONE_DTYPE_INT32, 1, dims));
    return ctx->n_out > 2 ? hone__infer_set(ctx, 2, dtype, 3, dims) : HONE_OK;
}

static hone_status add_rows(hone__eval *ctx, double *sum, const double *table, int64_t rows, int64_t h, int64_t row,
                            const char *what) {
    if (row < 0 || row >= rows)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%s %lld is outside an embedding of %lld rows", what,
                               (long long)row, (long long)rows);
    for (int64_t i = 0; i < h; i++)
        sum[i] += table[row * h + i];
    return HONE_OK;
}

static hone_status eval_embed_layer_normalization(hone__eval *ctx) {
    const hone_tensor *in[9];
    const int64_t *ids, *segments, *mask, *positions;
    const double *word, *place, *segment, *gamma, *beta;
    double *y, *sum;
    hone_tensor *out, *mask_out, *sum_out;
    for (size_t i = 0; i < 9; i++)
        in[i] = hone__in(ctx, i);
    if (!in[0] || !in[2] || !in[3] || !in[5] || !in[6] || in[0]->rank != 2 || in[2]->rank != 2 || in[3]->rank != 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "ids and embeddings must be matrices");
    int64_t b = in[0]->dims[0], s = in[0]->dims[1], h = in[2]->dims[1];
    bool fits = in[3]->dims[1] == h && hone__tensor_count(in[5]) == h && hone__tensor_count(in[6]) == h &&
                (!in[1] == !in[4]) &&
                (!in[1] || (hone__tensor_count(in[1]) == b * s && in[4]->rank == 2 && in[4]->dims[1] == h)) &&
                (!in[7] || hone__tensor_count(in[7]) == b * s) &&
                (!in[8] || hone__tensor_count(in[8]) == b * s || hone__tensor_count(in[8]) == s);
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "ids, embeddings, mask or positions do not fit together");
    HONE_TRY(hone__eval_in_i64(ctx, 0, &ids));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &segments));
    HONE_TRY(hone__eval_in_double(ctx, 2, &word));
    HONE_TRY(hone__eval_in_double(ctx, 3, &place));
    HONE_TRY(hone__eval_in_double(ctx, 4, &segment));
    HONE_TRY(hone__eval_in_double(ctx, 5, &gamma));
    HONE_TRY(hone__eval_in_double(ctx, 6, &beta));
    HONE_TRY(hone__eval_in_i64(ctx, 7, &mask));
    HONE_TRY(hone__eval_in_i64(ctx, 8, &positions));
    int64_t dims[3] = {b, s, h}, np = in[8] ? hone__tensor_count(in[8]) : 1;
    HONE_TRY(hone__eval_out_double(ctx, 0, in[2]->dtype, 3, dims, &out, &y));
    HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_INT32, 1, &b, &mask_out));
    HONE_TRY(hone__eval_out_double(ctx, 2, in[2]->dtype, 3, dims, &sum_out, &sum));
    for (int64_t k = 0; k < b * s; k++) {
        double *row = sum + k * h;
        for (int64_t i = 0; i < h; i++)
            row[i] = 0;
        HONE_TRY(add_rows(ctx, row, word, in[2]->dims[0], h, ids[k], "token"));
        HONE_TRY(add_rows(ctx, row, place, in[3]->dims[0], h, positions ? positions[k % np] : k % s, "position"));
        if (segments)
            HONE_TRY(add_rows(ctx, row, segment, in[4]->dims[0], h, segments[k], "segment"));
    }
    normalise(sum, y, b * s, h, false, hone__node_attr_float(ctx->node, "epsilon", 1e-12f), gamma, beta, NULL, NULL);
    hone__eval_put_double(out, y);
    hone__eval_put_double(sum_out, sum);
    for (int64_t i = 0; mask_out && i < b; i++) {
        int32_t n = 0;
        for (int64_t k = 0; mask && k < s; k++)
            n += mask[i * s + k] == 1;
        ((int32_t *)mask_out->data)[i] = n;
    }
    return HONE_OK;
}

/* ---- MatMulNBits ---- */

static hone_status infer_mat_mul_n_bits(hone__infer *ctx) {
    int64_t n = hone__node_attr_int(ctx->node, "N", -1);
    return hone__infer_last_dim(ctx, n >= 0 ? hone__dim_known(n) : hone__dim_unknown());
}

static unsigned bits_at(const uint8_t *data, int64_t index, int bits) {
    int per = 8 / bits;
    return (unsigned)(data[index / per] >> (index % per * bits)) & ((1u << bits) - 1u);
}

/* y = a * dequantise(b)^T. b: [N, blocks, block*bits/8]; scales [N*blocks]; zero points packed like b per
 * row, or of a's type; 2^(bits-1) without. */
static hone_status eval_mat_mul_n_bits(hone__eval *ctx) {
    const hone_tensor *a, *b, *scales, *zero = hone__in(ctx, 3), *bias_in = hone__in(ctx, 5);
    const double *v, *scale, *zeros = NULL, *bias;
    const int64_t *group;
    double *y;
    hone_tensor *out;
    const hone__node *node = ctx->node;
    int64_t k = hone__node_attr_int(node, "K", 0), n = hone__node_attr_int(node, "N", 0);
    int64_t bits = hone__node_attr_int(node, "bits", 4), block = hone__node_attr_int(node, "block_size", 0);
    HONE_TRY(hone__eval_tensor(ctx, 0, &a));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    HONE_TRY(hone__eval_tensor(ctx, 2, &scales));
    if (k < 1 || n < 1 || k > INT32_MAX || n > INT32_MAX || block < 1 || block > INT32_MAX ||
        (bits != 2 && bits != 4 && bits != 8) || block * bits % 8 || a->rank < 1 || a->dims[a->rank - 1] != k)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "K, N, bits, block_size and the input do not fit together");
    int64_t blocks = (k + block - 1) / block, blob = block * bits / 8, zero_row = (blocks * bits + 7) / 8;
    int64_t n_zero = zero ? hone__tensor_count(zero) : 0,
            n_groups = hone__in_omitted(ctx, 4) ? k : hone__tensor_count(ctx->in[4]);
    bool packed = zero && zero->dtype == HONE_DTYPE_UINT8;
    if (b->dtype != HONE_DTYPE_UINT8 || hone__tensor_count(b) != n * blocks * blob ||
        hone__tensor_count(scales) != n * blocks || (zero && n_zero != (packed ? n * zero_row : n * blocks)) ||
        (bias_in && hone__tensor_count(bias_in) != n) || n_groups < k)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE,
                               "weights, scales or zero points do not have the sizes that K, N and block_size imply");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 2, &scale));
    HONE_TRY(hone__eval_in_i64(ctx, 4, &group));
    HONE_TRY(hone__eval_in_double(ctx, 5, &bias));
    if (zero && !packed)
        HONE_TRY(hone__eval_in_double(ctx, 3, &zeros));
    int64_t dims[HONE_MAX_RANK], rows = hone__tensor_count(a) / k;
    memcpy(dims, a->dims, sizeof dims);
    dims[a->rank - 1] = n;
    void *p;
    HONE_TRY(hone__eval_scratch_n(ctx, k, sizeof(double), &p));
    HONE_TRY(hone__eval_out_double(ctx, 0, a->dtype, a->rank, dims, &out, &y));
    double *w = p, standard = (double)(1 << (bits - 1));
    for (int64_t j = 0; j < n; j++) {
        for (int64_t i = 0; i < k; i++) {
            int64_t g = group ? group[i] : i / block;
            if (g < 0 || g >= blocks)
                return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "g_idx holds %lld", (long long)g);
            double z = packed  ? bits_at((const uint8_t *)zero->data + j * zero_row, g, (int)bits)
                       : zeros ? zeros[j * blocks + g]
                               : standard;
            w[i] = (bits_at((const uint8_t *)b->data + j * blocks * blob, i, (int)bits) - z) * scale[j * blocks + g];
        }
        for (int64_t r = 0; r < rows; r++) {
            double sum = bias ? bias[j] : 0;
            for (int64_t i = 0; i < k; i++)
                sum += v[r * k + i] * w[i];
            y[r * n + j] = sum;
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- MatMulBnb4: weights [N,K] in blocks of 4-bit codes times the block's largest magnitude ---- */

/* The values of bitsandbytes' formats (Dettmers et al., "QLoRA", appendix E). */
static const double g_bnb_values[2][16] = {
    {0, 0.0052083333333, 0.6666666667, 1, 0.3333333333, 0.5, 0.1666666667, 0.25, -0.0, -0.0052083333333, -0.6666666667,
     -1, -0.3333333333, -0.5, -0.1666666667, -0.25},
    {-1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
     -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
     0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1}};

static hone_status infer_mat_mul_bnb4(hone__infer *ctx) {
    bool turned = hone__node_attr_int(ctx->node, "transB", 1) != 0;
    int64_t n = hone__node_attr_int(ctx->node, turned ? "N" : "K", -1);
    return hone__infer_last_dim(ctx, n >= 0 ? hone__dim_known(n) : hone__dim_unknown());
}

static hone_status eval_mat_mul_bnb4(hone__eval *ctx) {
    const hone_tensor *a, *b, *largest;
    const double *v, *scale;
    double *y, *w;
    hone_tensor *out;
    const hone__node *node = ctx->node;
    int64_t k = hone__node_attr_int(node, "K", 0), n = hone__node_attr_int(node, "N", 0), count;
    int64_t block = hone__node_attr_int(node, "block_size", 0), kind = hone__node_attr_int(node, "quant_type", 0);
    bool turned = hone__node_attr_int(node, "transB", 1) != 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &a));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    HONE_TRY(hone__eval_tensor(ctx, 2, &largest));
    int64_t inner = turned ? k : n, outer = turned ? n : k;
    if (k < 1 || n < 1 || k > INT32_MAX || n > INT32_MAX || block < 1 || block > INT32_MAX ||
        (kind != 0 && kind != 1) || a->rank < 1 || a->dims[a->rank - 1] != inner || !hone__mul_i64(n, k, &count) ||
        hone__tensor_count(b) != (count + 1) / 2 || hone__tensor_count(largest) != (count + block - 1) / block)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "K, N, block_size, weights and input do not fit together");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 2, &scale));
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof *w, (void **)&w));
    for (int64_t i = 0; i < count; i++) /* the first code is in the high half of the byte */
        w[i] = g_bnb_values[kind][((const uint8_t *)b->data)[i / 2] >> (i % 2 ? 0 : 4) & 15] * scale[i / block];
    int64_t dims[HONE_MAX_RANK], rows = hone__tensor_count(a) / inner;
    memcpy(dims, a->dims, sizeof dims);
    dims[a->rank - 1] = outer;
    HONE_TRY(hone__eval_out_double(ctx, 0, a->dtype, a->rank, dims, &out, &y));
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < outer; j++) {
            double sum = 0;
            for (int64_t i = 0; i < inner; i++)
                sum += v[r * inner + i] * w[turned ? j * k + i : i * k + j];
            y[r * outer + j] = sum;
        }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static double flops_mat_mul_n_bits(const hone__node *node, const hone__type *const *in, const hone__type *const *out) {
    double flops = 2 * (double)hone__node_attr_int(node, "K", 0);
    (void)in;
    for (int d = 0; d < out[0]->rank; d++)
        flops *= (double)out[0]->dims[d].value;
    return flops;
}

/* ---- rows ---- */
static const hone__op_param gelu_1_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T')};
static const hone__op_param gelu_1_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_param bias_gelu_1_in[] = {HONE_PARAM("A", HONE_SET_FLOAT, 'T'),
                                                HONE_PARAM("B", HONE_SET_FLOAT, 'T')};
static const hone__op_param bias_gelu_1_out[] = {HONE_PARAM("C", HONE_SET_FLOAT, 'T')};
static const hone__op_param fast_gelu_1_in[] = {
    HONE_PARAM("X", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param fast_gelu_1_out[] = {
    HONE_PARAM("Y", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr quick_gelu_1_attrs[] = {{"alpha", HONE_ATTR_FLOAT, false}};
static const hone__op_param skip_layer_normalization_1_in[] = {
    HONE_PARAM("input", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("skip", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("gamma", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("beta", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param skip_layer_normalization_1_out[] = {
    HONE_PARAM("output", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("mean", HONE_SET(FLOAT), 'U'), HONE_PARAM_OPT("inv_std_var", HONE_SET(FLOAT), 'U'),
    HONE_PARAM_OPT("input_skip_bias_sum", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr skip_layer_normalization_1_attrs[] = {{"epsilon", HONE_ATTR_FLOAT, false}};
static const hone__op_param skip_simplified_layer_normalization_1_in[] = {
    HONE_PARAM("input", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("skip", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("gamma", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param embed_layer_normalization_1_in[] = {
    HONE_PARAM("input_ids", HONE_SET(INT32), '1'),
    HONE_PARAM_OPT("segment_ids", HONE_SET(INT32), '1'),
    HONE_PARAM("word_embedding", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM("position_embedding", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("segment_embedding", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM("gamma", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM("beta", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("mask", HONE_SET(INT32), '1'),
    HONE_PARAM_OPT("position_ids", HONE_SET(INT32), '1')};
static const hone__op_param embed_layer_normalization_1_out[] = {
    HONE_PARAM("output", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'), HONE_PARAM_OPT("mask_index", HONE_SET(INT32), '1'),
    HONE_PARAM_OPT("embedding_sum", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T')};
static const hone__op_attr embed_layer_normalization_1_attrs[] = {{"epsilon", HONE_ATTR_FLOAT, false},
                                                                  {"mask_index_type", HONE_ATTR_INT, false}};
static const hone__op_param mat_mul_n_bits_1_in[] = {
    HONE_PARAM("A", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '1'),
    HONE_PARAM("B", HONE_SET(UINT8), '2'),
    HONE_PARAM("scales", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '1'),
    HONE_PARAM_OPT("zero_points", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16) | HONE_SET(UINT8), '3'),
    HONE_PARAM_OPT("g_idx", HONE_SET(INT32), '4'),
    HONE_PARAM_OPT("bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '1')};
static const hone__op_param mat_mul_n_bits_1_out[] = {
    HONE_PARAM("Y", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), '1')};
static const hone__op_attr mat_mul_n_bits_1_attrs[] = {{"K", HONE_ATTR_INT, true},
                                                       {"N", HONE_ATTR_INT, true},
                                                       {"accuracy_level", HONE_ATTR_INT, false},
                                                       {"weight_prepacked", HONE_ATTR_INT, false},
                                                       {"bits", HONE_ATTR_INT, false},
                                                       {"block_size", HONE_ATTR_INT, true}};

static const hone__op_param mat_mul_bnb4_1_in[] = {
    HONE_PARAM("A", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'), HONE_PARAM("B", HONE_SET(UINT8), 0),
    HONE_PARAM("absmax", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param mat_mul_bnb4_1_out[] = {
    HONE_PARAM("Y", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr mat_mul_bnb4_1_attrs[] = {
    {"K", HONE_ATTR_INT, true},          {"N", HONE_ATTR_INT, true},       {"block_size", HONE_ATTR_INT, true},
    {"quant_type", HONE_ATTR_INT, true}, {"transB", HONE_ATTR_INT, false}, {"training_mode", HONE_ATTR_INT, false}};

static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS("com.microsoft", "Gelu", 1, HONE_OP_PURE, 1, gelu_1_in, 1, gelu_1_out, hone__infer_same0,
                      eval_gelu, NULL),
    HONE_ROW_NO_ATTRS("com.microsoft", "BiasGelu", 1, HONE_OP_PURE, 2, bias_gelu_1_in, 1, bias_gelu_1_out,
                      hone__infer_same0, eval_bias_gelu, NULL),
    HONE_ROW_NO_ATTRS("com.microsoft", "FastGelu", 1, HONE_OP_PURE, 1, fast_gelu_1_in, 1, fast_gelu_1_out,
                      hone__infer_same0, eval_fast_gelu, NULL),
    HONE_ROW("com.microsoft", "QuickGelu", 1, HONE_OP_PURE, 1, gelu_1_in, 1, gelu_1_out, quick_gelu_1_attrs,
             hone__infer_same0, eval_quick_gelu, NULL),
    HONE_ROW("com.microsoft", "SkipLayerNormalization", 1, HONE_OP_PURE, 3, skip_layer_normalization_1_in, 1,
             skip_layer_normalization_1_out, skip_layer_normalization_1_attrs, infer_skip,
             eval_skip_layer_normalization, NULL),
    HONE_ROW("com.microsoft", "SkipSimplifiedLayerNormalization", 1, HONE_OP_PURE, 3,
             skip_simplified_layer_normalization_1_in, 1, skip_layer_normalization_1_out,
             skip_layer_normalization_1_attrs, infer_skip, eval_skip_simplified_layer_normalization, NULL),
    HONE_ROW("com.microsoft", "EmbedLayerNormalization", 1, HONE_OP_PURE, 7, embed_layer_normalization_1_in, 1,
             embed_layer_normalization_1_out, embed_layer_normalization_1_attrs, infer_embed_layer_normalization,
             eval_embed_layer_normalization, NULL),
    HONE_ROW("com.microsoft", "MatMulBnb4", 1, HONE_OP_PURE, 3, mat_mul_bnb4_1_in, 1, mat_mul_bnb4_1_out,
             mat_mul_bnb4_1_attrs, infer_mat_mul_bnb4, eval_mat_mul_bnb4, flops_mat_mul_n_bits),
    HONE_ROW("com.microsoft", "MatMulNBits", 1, HONE_OP_PURE, 3, mat_mul_n_bits_1_in, 1, mat_mul_n_bits_1_out,
             mat_mul_n_bits_1_attrs, infer_mat_mul_n_bits, eval_mat_mul_n_bits, flops_mat_mul_n_bits),
};

const hone__op_family hone__ops_contrib = {"contrib", g_rows, HONE_COUNT(g_rows)};
