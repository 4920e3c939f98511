/* ai.onnx Attention and RotaryEmbedding, and the library's own hone.FusedAttention and hone.FusedRotary.
 *
 * Source: ONNX operator specification, opsets 23 and 24. */
#include "ops/op_attention.h"
#include "ops/op_fused_attention.h"

#include <math.h>

/* Additive mask of any broadcastable shape; booleans: false is -infinity. Shorter last dimensions mask
 * the keys they do not reach. */
static hone_status read_mask(hone__eval *ctx, size_t i, hone__attention *a) {
    const hone_tensor *m = hone__in(ctx, i);
    int64_t want[4] = {a->batch, a->heads, a->s, a->t};
    if (!m)
        return HONE_OK;
    bool fits = m->rank >= 1 && m->rank <= 4;
    for (int d = 0; fits && d < m->rank; d++) {
        int64_t dim = m->dims[d], w = want[4 - m->rank + d];
        fits = dim == w || dim == 1 || (d == m->rank - 1 && dim < w && ctx->node->opset >= 24);
    }
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the mask cannot be broadcast to [%lld,%lld,%lld,%lld]",
                               (long long)a->batch, (long long)a->heads, (long long)a->s, (long long)a->t);
    hone__broadcast_strides(m, want, 4, a->mask_stride);
    int64_t cols = m->dims[m->rank - 1];
    if (cols != 1 && cols < a->t)
        a->mask_cols = cols;
    if (m->dtype != HONE_DTYPE_BOOL)
        return hone__eval_in_double(ctx, i, &a->mask);
    void *p;
    int64_t n = hone__tensor_count(m);
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(double), &p));
    for (int64_t k = 0; k < n; k++)
        ((double *)p)[k] = ((const uint8_t *)m->data)[k] ? 0 : -INFINITY;
    a->mask = p;
    return HONE_OK;
}

/* ---- ai.onnx Attention ---- */

/* Heads, length and size of [B,H,S,D] or [B,S,H*D] data. */
static bool split_heads(const hone_tensor *x, int64_t given, int64_t *heads, int64_t *s, int64_t *d) {
    if (x->rank == 4) {
        *heads = x->dims[1];
        *s = x->dims[2];
        *d = x->dims[3];
        return *heads > 0;
    }
    if (x->rank != 3 || given < 1 || x->dims[2] % given)
        return false;
    *heads = given;
    *s = x->dims[1];
    *d = x->dims[2] / given;
    return true;
}

static hone_status infer_attention(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim u = hone__dim_unknown(), b = u, hq = u, hk = u, s = u, d = u, dv = u, t = u;
    const hone__node *node = ctx->node;
    int64_t nq = hone__node_attr_int(node, "q_num_heads", 0), nk = hone__node_attr_int(node, "kv_num_heads", 0);
    bool has[6];
    for (size_t i = 0; i < 6; i++)
        has[i] = hone__infer_has_rank(ctx, i);
    if (!has[0]) {
        HONE_TRY(hone__infer_set_dtype(ctx, 0, dtype));
        for (size_t i = 1; i < ctx->n_out; i++)
            HONE_TRY(hone__infer_rank(ctx, i, i == 2 ? hone__infer_dtype(ctx, 2) : dtype, 4));
        return HONE_OK;
    }
    const hone__type *q = hone__infer_input(ctx, 0), *k = has[1] ? hone__infer_input(ctx, 1) : NULL;
    const hone__type *v = has[2] ? hone__infer_input(ctx, 2) : NULL;
    bool is_4d = q->rank == 4;
    if ((q->rank != 3 && !is_4d) || (k && k->rank != q->rank) || (v && v->rank != q->rank) ||
        (!is_4d && (nq < 1 || nk < 1)))
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE,
                                "queries, keys and values must have rank 4, or 3 and numbers of heads");
    b = q->dims[0];
    s = q->dims[is_4d ? 2 : 1];
    hq = is_4d ? q->dims[1] : hone__dim_known(nq);
    hk = !is_4d ? hone__dim_known(nk) : k ? k->dims[1] : u;
    if (k && (is_4d || k->dims[2].value >= 0))
        d = is_4d ? k->dims[3] : hone__dim_known(k->dims[2].value / nk);
    if (v && (is_4d || v->dims[2].value >= 0))
        dv = is_4d ? v->dims[3] : hone__dim_known(v->dims[2].value / nk);
    hone__dim kt = k ? k->dims[is_4d ? 2 : 1] : u;
    if (!hone__infer_given(ctx, 4))
        t = kt;
    else if (has[4] && hone__infer_input(ctx, 4)->rank == 4 && kt.value >= 0 &&
             hone__infer_input(ctx, 4)->dims[2].value >= 0)
        t = hone__dim_known(kt.value + hone__infer_input(ctx, 4)->dims[2].value);
    hone__dim y4[4] = {b, hq, s, dv}, y3[3] = {b, s, u};
    if (dv.value >= 0 && hq.value >= 0)
        y3[2] = hone__dim_known(hq.value * dv.value);
    HONE_TRY(is_4d ? hone__infer_set(ctx, 0, dtype, 4, y4) : hone__infer_set(ctx, 0, dtype, 3, y3));
    hone__dim pk[4] = {b, hk, t, d}, pv[4] = {b, hk, t, dv}, qk[4] = {b, hq, s, t};
    if (ctx->n_out > 1)
        HONE_TRY(hone__infer_set(ctx, 1, dtype, 4, pk));
    if (ctx->n_out > 2)
        HONE_TRY(hone__infer_set(ctx, 2, hone__infer_dtype(ctx, 2), 4, pv));
    return ctx->n_out > 3 ? hone__infer_set(ctx, 3, dtype, 4, qk) : HONE_OK;
}

/* present [B,H,P+S,D] = past [B,H,P,D] followed by x; x as it is without a past. */
static hone_status join_past(hone__eval *ctx, size_t ix, size_t ipast, size_t iout, int64_t b, int64_t heads, int64_t s,
                             int64_t d, int64_t *t, const double **data) {
    const hone_tensor *x = ctx->in[ix], *past = hone__in(ctx, ipast);
    const double *xv, *pv;
    double *y;
    hone_tensor *out;
    int64_t p = past ? past->dims[2] : 0, stride[3];
    if (past && (past->rank != 4 || past->dims[0] != b || past->dims[1] != heads || past->dims[3] != d))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the past does not fit the keys or values");
    HONE_TRY(hone__eval_in_double(ctx, ix, &xv));
    HONE_TRY(hone__eval_in_double(ctx, ipast, &pv));
    int64_t dims[4] = {b, heads, p + s, d};
    HONE_TRY(hone__eval_out_double(ctx, iout, x->dtype, 4, dims, &out, &y));
    hone__attention_strides(x->rank == 4, heads, s, d, stride);
    for (int64_t n = 0; n < b * heads; n++)
        for (int64_t j = 0; j < p + s; j++)
            for (int64_t e = 0; e < d; e++)
                y[(n * (p + s) + j) * d + e] =
                    j < p ? pv[(n * p + j) * d + e]
                          : xv[n / heads * stride[0] + n % heads * stride[1] + (j - p) * stride[2] + e];
    hone__eval_put_double(out, y);
    *t = p + s;
    *data = y;
    return HONE_OK;
}

static hone_status eval_attention(hone__eval *ctx) {
    const hone_tensor *q, *k, *v;
    const hone__node *node = ctx->node;
    hone__attention a = {0};
    int64_t sk, sv, hv, dk, tv;
    HONE_TRY(hone__eval_tensor(ctx, 0, &q));
    HONE_TRY(hone__eval_tensor(ctx, 1, &k));
    HONE_TRY(hone__eval_tensor(ctx, 2, &v));
    int64_t nq = hone__node_attr_int(node, "q_num_heads", 0), nk = hone__node_attr_int(node, "kv_num_heads", 0);
    bool fits = q->rank >= 3 && split_heads(q, nq, &a.heads, &a.s, &a.d) && split_heads(k, nk, &a.kv_heads, &sk, &dk) &&
                split_heads(v, nk, &hv, &sv, &a.dv) && dk == a.d && sk == sv && hv == a.kv_heads &&
                a.heads % a.kv_heads == 0 && k->dims[0] == q->dims[0] && v->dims[0] == q->dims[0];
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "queries, keys and values do not fit together");
    a.batch = q->dims[0];
    HONE_TRY(join_past(ctx, 1, 4, 1, a.batch, a.kv_heads, sk, a.d, &a.t, &a.k));
    HONE_TRY(join_past(ctx, 2, 5, 2, a.batch, a.kv_heads, sk, a.dv, &tv, &a.v));
    if (tv != a.t)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "past keys and values differ in length");
    double standard = a.d ? 1 / sqrt((double)a.d) : 1, scale = hone__node_attr_float(node, "scale", 0);
    a.scale = scale != 0 ? scale : standard;
    a.softcap = hone__node_attr_float(node, "softcap", 0);
    a.causal = hone__node_attr_int(node, "is_causal", 0) != 0;
    a.past = a.t - sk;
    a.scores_mode = (int)hone__node_attr_int(node, "qk_matmul_output_mode", 0);
    HONE_TRY(read_mask(ctx, 3, &a));
    HONE_TRY(hone__eval_in_i64(ctx, 6, &a.key_len));
    if (a.key_len && hone__tensor_count(ctx->in[6]) != a.batch)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "nonpad_kv_seqlen must have one element per batch");
    HONE_TRY(hone__eval_in_double(ctx, 0, &a.q));
    bool is_4d = q->rank == 4;
    hone__attention_strides(is_4d, a.heads, a.s, a.d, a.q_stride);
    hone__attention_strides(true, a.kv_heads, a.t, a.d, a.k_stride);
    hone__attention_strides(true, a.kv_heads, a.t, a.dv, a.v_stride);
    hone__attention_strides(is_4d, a.heads, a.s, a.dv, a.y_stride);
    int64_t y4[4] = {a.batch, a.heads, a.s, a.dv}, y3[3] = {a.batch, a.s, a.heads * a.dv};
    int64_t qk[4] = {a.batch, a.heads, a.s, a.t};
    hone_tensor *out, *scores = NULL;
    HONE_TRY(hone__eval_out_double(ctx, 0, q->dtype, is_4d ? 4 : 3, is_4d ? y4 : y3, &out, &a.y));
    if (hone__wanted(ctx, 3))
        HONE_TRY(hone__eval_out_double(ctx, 3, q->dtype, 4, qk, &scores, &a.scores));
    HONE_TRY(hone__attention_run(ctx, &a));
    hone__eval_put_double(out, a.y);
    if (scores)
        hone__eval_put_double(scores, a.scores);
    return HONE_OK;
}

/* ---- ai.onnx RotaryEmbedding ---- */

static hone_status eval_rotary_embedding(hone__eval *ctx) {
    const hone_tensor *x, *c;
    const double *v;
    double *y;
    hone_tensor *out;
    hone__rotary r = {0};
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &c));
    if (!split_heads(x, hone__node_attr_int(ctx->node, "num_heads", 0), &r.heads, &r.s, &r.d))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input must have rank 4, or 3 and num_heads");
    r.batch = x->dims[0];
    r.rotary_dim = hone__node_attr_int(ctx->node, "rotary_embedding_dim", 0);
    r.rotary_dim = r.rotary_dim > 0 ? r.rotary_dim : r.d;
    r.interleaved = hone__node_attr_int(ctx->node, "interleaved", 0) != 0;
    int64_t half = r.rotary_dim / 2, tokens = r.batch * r.s;
    int64_t cells = hone__tensor_count(c);
    if (r.rotary_dim > r.d || half < 1 || c->rank < 2 || c->dims[c->rank - 1] != half || hone__in_omitted(ctx, 2) ||
        hone__tensor_count(ctx->in[2]) != cells)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the caches do not fit a rotary dimension of %lld",
                               (long long)r.rotary_dim);
    r.rows = cells / half;
    HONE_TRY(hone__eval_in_i64(ctx, 3, &r.position));
    if (r.position ? hone__tensor_count(ctx->in[3]) != tokens : r.rows != tokens)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there must be one position per token");
    if (!r.position) { /* the caches hold one row per token */
        void *p;
        HONE_TRY(hone__eval_scratch_n(ctx, tokens, sizeof(int64_t), &p));
        for (int64_t i = 0; i < tokens; i++)
            ((int64_t *)p)[i] = i;
        r.position = p;
    }
    hone__attention_strides(x->rank == 4, r.heads, r.s, r.d, r.stride);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &r.cos));
    HONE_TRY(hone__eval_in_double(ctx, 2, &r.sin));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    HONE_TRY(hone__rotary_run(ctx, &r, v, y));
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- hone.FusedRotary ---- */

/* y = x * cos + turn(x) * sin over the last dim, where turn(x) is the negated second half followed by the first, or
 * with `interleaved` -x1, x0, -x3, x2, ... cos and sin have one element per element that is turned, the same number r
 * for both; elements of x behind the first r stay as they are. The other dims are broadcast, as Mul and Add do it. */
static hone_status infer_fused_rotary(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__type part[3], joined;
    hone__dim dims[HONE_MAX_RANK], last[3];
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 1) || !hone__infer_has_rank(ctx, 2))
        return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
    for (size_t i = 0; i < 3; i++) {
        part[i] = *hone__infer_input(ctx, i);
        if (part[i].rank < 1)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the input, cosines and sines must have a last dimension");
        last[i] = part[i].dims[--part[i].rank];
    }
    int64_t d = last[0].value, r = last[1].value;
    if ((r >= 0 && (r % 2 || (d >= 0 && r > d))) || (r >= 0 && last[2].value >= 0 && last[2].value != r))
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "cosines or sines do not fit the input");
    joined = part[0];
    joined.dims = dims;
    HONE_TRY(hone__infer_broadcast(ctx, &part[0], &part[1], dims, &joined.rank));
    hone__dim both[HONE_MAX_RANK];
    int rank;
    HONE_TRY(hone__infer_broadcast(ctx, &joined, &part[2], both, &rank));
    both[rank] = last[0];
    return hone__infer_set(ctx, 0, dtype, rank + 1, both);
}

static hone_status eval_fused_rotary(hone__eval *ctx) {
    const hone_tensor *t[3];
    const double *v[3];
    double *y;
    hone_tensor *out, outer[3];
    int64_t dims[HONE_MAX_RANK], pair[HONE_MAX_RANK], strides[3][HONE_MAX_RANK], index[HONE_MAX_RANK] = {0}, last[3];
    int rank;
    for (size_t i = 0; i < 3; i++) {
        HONE_TRY(hone__eval_tensor(ctx, i, &t[i]));
        HONE_TRY(hone__eval_in_double(ctx, i, &v[i]));
        if (t[i]->rank < 1)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input, cosines and sines must have a last dimension");
        outer[i] = *t[i];
        last[i] = outer[i].dims[--outer[i].rank];
    }
    const int64_t d = last[0], r = last[1];
    if (r % 2 || r > d || last[2] != r)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "cosines or sines do not fit the input");
    HONE_TRY(hone__broadcast_dims(outer[0].dims, outer[0].rank, outer[1].dims, outer[1].rank, pair, &rank, ctx->error));
    HONE_TRY(hone__broadcast_dims(pair, rank, outer[2].dims, outer[2].rank, dims, &rank, ctx->error));
    for (size_t i = 0; i < 3; i++)
        hone__broadcast_strides(&outer[i], dims, rank, strides[i]);
    const int64_t rows = hone__dims_product(dims, 0, rank);
    dims[rank] = d;
    HONE_TRY(hone__eval_out_double(ctx, 0, t[0]->dtype, rank + 1, dims, &out, &y));
    const bool is_interleaved = hone__node_attr_int(ctx->node, "interleaved", 0) != 0;
    for (int64_t row = 0; row < rows; row++) {
        int64_t at[3] = {0};
        for (int i = 0; i < 3; i++) {
            for (int k = 0; k < rank; k++)
                at[i] += index[k] * strides[i][k];
            at[i] *= last[i];
        }
        const double *x = v[0] + at[0], *c = v[1] + at[1], *s = v[2] + at[2];
        for (int64_t i = 0; i < d; i++) {
            const bool is_first = is_interleaved ? i % 2 == 0 : i < r / 2;
            const int64_t step = is_interleaved ? 1 : r / 2;
            y[row * d + i] = i >= r ? x[i] : x[i] * c[i] + (is_first ? -x[i + step] : x[i - step]) * s[i];
        }
        hone__next_index(index, dims, rank);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param attention_23_in[] = {HONE_PARAM("Q", HONE_SET_FLOAT, '1'),
                                                 HONE_PARAM("K", HONE_SET_FLOAT, '1'),
                                                 HONE_PARAM("V", HONE_SET_FLOAT, '2'),
                                                 HONE_PARAM_OPT("attn_mask", HONE_SET_NUMERIC | HONE_SET(BOOL), 'U'),
                                                 HONE_PARAM_OPT("past_key", HONE_SET_FLOAT, '1'),
                                                 HONE_PARAM_OPT("past_value", HONE_SET_FLOAT, '2')};
static const hone__op_param attention_23_out[] = {
    HONE_PARAM("Y", HONE_SET_FLOAT, '1'), HONE_PARAM_OPT("present_key", HONE_SET_FLOAT, '1'),
    HONE_PARAM_OPT("present_value", HONE_SET_FLOAT, '2'), HONE_PARAM_OPT("qk_matmul_output", HONE_SET_FLOAT, '1')};
static const hone__op_attr attention_23_attrs[] = {
    {"is_causal", HONE_ATTR_INT, false},        {"kv_num_heads", HONE_ATTR_INT, false},
    {"q_num_heads", HONE_ATTR_INT, false},      {"qk_matmul_output_mode", HONE_ATTR_INT, false},
    {"scale", HONE_ATTR_FLOAT, false},          {"softcap", HONE_ATTR_FLOAT, false},
    {"softmax_precision", HONE_ATTR_INT, false}};
static const hone__op_param attention_24_in[] = {HONE_PARAM("Q", HONE_SET_FLOAT, '1'),
                                                 HONE_PARAM("K", HONE_SET_FLOAT, '1'),
                                                 HONE_PARAM("V", HONE_SET_FLOAT, '2'),
                                                 HONE_PARAM_OPT("attn_mask", HONE_SET_NUMERIC | HONE_SET(BOOL), 'U'),
                                                 HONE_PARAM_OPT("past_key", HONE_SET_FLOAT, '1'),
                                                 HONE_PARAM_OPT("past_value", HONE_SET_FLOAT, '2'),
                                                 HONE_PARAM_OPT("nonpad_kv_seqlen", HONE_SET(INT64), 0)};
static const hone__op_param rotary_embedding_23_in[] = {
    HONE_PARAM("X", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("cos_cache", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("sin_cache", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("position_ids", HONE_SET(INT64), 'M')};
static const hone__op_param rotary_embedding_23_out[] = {
    HONE_PARAM("Y", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr rotary_embedding_23_attrs[] = {{"interleaved", HONE_ATTR_INT, false},
                                                          {"num_heads", HONE_ATTR_INT, false},
                                                          {"rotary_embedding_dim", HONE_ATTR_INT, false}};
static const hone__op_param fused_attention_1_in[] = {
    HONE_PARAM("Q", HONE_SET_FLOAT, 'T'), HONE_PARAM("K", HONE_SET_FLOAT, 'T'), HONE_PARAM("V", HONE_SET_FLOAT, 'T'),
    HONE_PARAM_OPT("mask", HONE_SET_FLOAT | HONE_SET(BOOL), 'M'), HONE_PARAM_OPT("condition", HONE_SET(BOOL), 0)};
static const hone__op_param fused_attention_1_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_attr fused_attention_1_attrs[] = {
    {"causal", HONE_ATTR_INT, false},       {"head_size", HONE_ATTR_INT, false},
    {"k_layout", HONE_ATTR_STRING, false},  {"k_view", HONE_ATTR_INTS, false},
    {"kv_num_heads", HONE_ATTR_INT, false}, {"mask_layout", HONE_ATTR_STRING, false},
    {"mask_repeats", HONE_ATTR_INT, false}, {"mask_value", HONE_ATTR_FLOAT, false},
    {"num_heads", HONE_ATTR_INT, false},    {"q_layout", HONE_ATTR_STRING, false},
    {"q_view", HONE_ATTR_INTS, false},      {"scale", HONE_ATTR_FLOAT, false},
    {"v_head_size", HONE_ATTR_INT, false},  {"v_layout", HONE_ATTR_STRING, false},
    {"v_view", HONE_ATTR_INTS, false},      {"y_layout", HONE_ATTR_STRING, false},
    {"zero_masked", HONE_ATTR_INT, false}};

static const hone__op_param fused_rotary_1_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'),
                                                   HONE_PARAM("cos", HONE_SET_FLOAT, 'T'),
                                                   HONE_PARAM("sin", HONE_SET_FLOAT, 'T')};
static const hone__op_param fused_rotary_1_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_attr fused_rotary_1_attrs[] = {{"interleaved", HONE_ATTR_INT, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "Attention", 23, HONE_OP_PURE, 3, attention_23_in, 1, attention_23_out, attention_23_attrs,
             infer_attention, eval_attention, NULL),
    HONE_ROW("", "Attention", 24, HONE_OP_PURE, 3, attention_24_in, 1, attention_23_out, attention_23_attrs,
             infer_attention, eval_attention, NULL),
    HONE_ROW("", "RotaryEmbedding", 23, HONE_OP_PURE, 3, rotary_embedding_23_in, 1, rotary_embedding_23_out,
             rotary_embedding_23_attrs, hone__infer_same0, eval_rotary_embedding, NULL),
    HONE_ROW("hone", "FusedAttention", 1, HONE_OP_PURE, 3, fused_attention_1_in, 1, fused_attention_1_out,
             fused_attention_1_attrs, hone__fused_attention_infer, hone__fused_attention_eval,
             hone__fused_attention_flops),
    HONE_ROW("hone", "FusedRotary", 1, HONE_OP_PURE, 3, fused_rotary_1_in, 1, fused_rotary_1_out, fused_rotary_1_attrs,
             infer_fused_rotary, eval_fused_rotary, NULL),
};

const hone__op_family hone__ops_attention = {"attention", g_rows, HONE_COUNT(g_rows)};
