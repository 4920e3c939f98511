/* com.microsoft attention: Attention, MultiHeadAttention, GroupQueryAttention, RotaryEmbedding.
 *
 * Source: ONNX Runtime's documentation of contrib operators. Variants that it allows and that are not
 * computed here (packed QKV of five dimensions, smoothed softmax, quantised caches) are refused. */
#include "ops/op_attention.h"

#include <math.h>

/* ---- shared ---- */

static double scale_of(const hone__node *node, int64_t d) {
    double given = hone__node_attr_float(node, "scale", 0);
    return given != 0 ? given : d > 0 ? 1 / sqrt((double)d) : 1;
}

/* An additive mask of 0 and mask_filter_value, [batch, rows, cols] from one of the forms of mask_index:
 * [B,T], [B,S,T]; lengths [B], [2B], [3B+2] go to key_len and key_start. Added to a bias when one is given. */
static hone_status read_mask(hone__eval *ctx, size_t imask, size_t ibias, hone__attention *a) {
    const hone_tensor *m = hone__in(ctx, imask), *bias = hone__in(ctx, ibias);
    const int64_t *v;
    const double *bv;
    HONE_TRY(hone__eval_in_i64(ctx, imask, &v));
    HONE_TRY(hone__eval_in_double(ctx, ibias, &bv));
    int64_t want[4] = {a->batch, a->heads, a->s, a->t}, bias_stride[4] = {0}, count;
    if (m && m->rank == 2 && m->dims[1] == 1 && a->t != 1)
        m = NULL; /* a stand-in that masks nothing */
    bool raw = m && m->rank >= 2;
    if (m && m->rank == 1 && m->dims[0] == a->batch)
        a->key_len = v;
    else if (m && m->rank == 1 && m->dims[0] == 2 * a->batch) {
        a->key_len = v;
        a->key_start = v + a->batch;
    } else if (m && !(m->rank == 2 && m->dims[0] == a->batch && m->dims[1] == a->t) &&
               !(m->rank == 3 && m->dims[0] == a->batch && m->dims[1] == a->s && m->dims[2] == a->t))
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED, "this form of mask is not supported");
    if (bias) {
        bool fits = bias->rank >= 1 && bias->rank <= 4;
        for (int d = 0; fits && d < bias->rank; d++)
            fits = bias->dims[d] == 1 || bias->dims[d] == want[4 - bias->rank + d];
        if (!fits)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the attention bias does not fit the scores");
        hone__broadcast_strides(bias, want, 4, bias_stride);
        if (!raw) {
            a->mask = bv;
            memcpy(a->mask_stride, bias_stride, sizeof bias_stride);
            return HONE_OK;
        }
    }
    if (!raw)
        return HONE_OK;
    if (!bias)
        want[1] = 1;
    if (!hone__shape_count(want, 4, &count))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the mask is too large");
    void *p;
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof(double), &p));
    double filter = hone__node_attr_float(ctx->node, "mask_filter_value", -10000), *sum = p;
    for (int64_t i = 0; i < count; i++) {
        int64_t t = i % a->t, s = i / a->t % a->s, h = i / (a->t * a->s) % want[1], b = i / (a->t * a->s * want[1]);
        sum[i] = v[m->rank == 2 ? b * a->t + t : (b * a->s + s) * a->t + t] > 0 ? 0 : filter;
        if (bias)
            sum[i] += bv[b * bias_stride[0] + h * bias_stride[1] + s * bias_stride[2] + t * bias_stride[3]];
    }
    a->mask = sum;
    hone__row_major_strides(want, 4, a->mask_stride);
    if (!bias)
        a->mask_stride[1] = 0;
    return HONE_OK;
}

/* to [B,H,P+S,D] = past [B,H,P,D], then x by its strides plus an optional bias [H*D]. */
static void append(double *to, const double *past, int64_t p, const double *x, const int64_t *stride,
                   const double *bias, int64_t batch, int64_t heads, int64_t s, int64_t d) {
    for (int64_t n = 0; n < batch * heads; n++)
        for (int64_t j = 0; j < p + s; j++)
            for (int64_t e = 0; e < d; e++) {
                int64_t h = n % heads;
                to[(n * (p + s) + j) * d + e] =
                    j < p ? past[(n * p + j) * d + e]
                          : x[n / heads * stride[0] + h * stride[1] + (j - p) * stride[2] + e] +
                                (bias ? bias[h * d + e] : 0);
            }
}

/* ---- Attention ---- */

static hone_status infer_attention(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim u = hone__dim_unknown(), y[3] = {u, u, u}, present[5] = {hone__dim_known(2), u, u, u, u};
    int64_t heads = hone__node_attr_int(ctx->node, "num_heads", 0);
    size_t n;
    const int64_t *sizes = hone__node_attr_ints(ctx->node, "qkv_hidden_sizes", &n);
    if (heads > 0)
        present[2] = hone__dim_known(heads);
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 3) {
        present[1] = y[0] = hone__infer_input(ctx, 0)->dims[0];
        y[1] = hone__infer_input(ctx, 0)->dims[1];
    }
    if (sizes && n == 3 && sizes[2] >= 0)
        y[2] = hone__dim_known(sizes[2]);
    else if (hone__infer_has_rank(ctx, 1) && hone__infer_input(ctx, 1)->rank == 2 &&
             hone__infer_input(ctx, 1)->dims[1].value >= 0)
        y[2] = hone__dim_known(hone__infer_input(ctx, 1)->dims[1].value / 3);
    if (heads > 0 && y[2].value >= 0)
        present[4] = hone__dim_known(y[2].value / heads);
    HONE_TRY(hone__infer_set(ctx, 0, dtype, 3, y));
    return ctx->n_out > 1 ? hone__infer_set(ctx, 1, dtype, 5, present) : HONE_OK;
}

/* Projects x by one weight matrix for Q, K and V, then attends. */
static hone_status eval_attention(hone__eval *ctx) {
    const hone_tensor *x, *w, *bias_in = hone__in(ctx, 2), *past = hone__in(ctx, 4);
    const double *v, *wv, *bias, *pv;
    const hone__node *node = ctx->node;
    hone__attention a = {0};
    size_t n_sizes;
    const int64_t *sizes = hone__node_attr_ints(node, "qkv_hidden_sizes", &n_sizes);
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    a.heads = a.kv_heads = hone__node_attr_int(node, "num_heads", 0);
    if (x->rank != 3 || w->rank != 2 || w->dims[0] != x->dims[2] || a.heads < 1 || w->dims[1] % 3 ||
        (bias_in && hone__tensor_count(bias_in) != w->dims[1]))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input, weight, bias and num_heads do not fit together");
    if ((sizes && n_sizes == 3 && (sizes[0] != sizes[2] || sizes[1] != sizes[2])) ||
        hone__node_attr_int(node, "do_rotary", 0) || hone__node_attr_int(node, "past_present_share_buffer", 0))
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED,
                               "unequal hidden sizes, rotary embedding and shared buffers are not supported");
    int64_t hidden = w->dims[1] / 3, k = x->dims[2], cols = w->dims[1];
    if (hidden % a.heads)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%lld heads do not divide %lld", (long long)a.heads,
                               (long long)hidden);
    a.batch = x->dims[0];
    a.s = x->dims[1];
    a.d = a.dv = hidden / a.heads;
    int64_t p = past && past->rank == 5 ? past->dims[3] : 0;
    if (past && (past->rank != 5 || past->dims[0] != 2 || past->dims[1] != a.batch || past->dims[2] != a.heads ||
                 past->dims[4] != a.d))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the past does not fit");
    a.t = a.s + p;
    a.past = p;
    a.scale = scale_of(node, a.d);
    a.causal = hone__node_attr_int(node, "unidirectional", 0) != 0;
    HONE_TRY(read_mask(ctx, 3, 5, &a));
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &wv));
    HONE_TRY(hone__eval_in_double(ctx, 2, &bias));
    HONE_TRY(hone__eval_in_double(ctx, 4, &pv));
    int64_t rows = a.batch * a.s, total;
    void *scratch;
    if (!hone__mul_i64(rows, cols, &total))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the projection is too large");
    HONE_TRY(hone__eval_scratch_n(ctx, total, sizeof(double), &scratch));
    double *qkv = scratch, *present, *y;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols; c++)
            qkv[r * cols + c] = bias ? bias[c] : 0;
        for (int64_t i = 0; i < k; i++)
            for (int64_t c = 0; c < cols; c++)
                qkv[r * cols + c] += v[r * k + i] * wv[i * cols + c];
    }
    int64_t dims[5] = {2, a.batch, a.heads, a.t, a.d}, y_dims[3] = {a.batch, a.s, hidden};
    int64_t stride[3] = {a.s * cols, a.d, cols}, half = a.batch * a.heads * a.t * a.d;
    hone_tensor *out, *present_out;
    HONE_TRY(hone__eval_out_double(ctx, 1, x->dtype, 5, dims, &present_out, &present));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, 3, y_dims, &out, &y));
    append(present, pv, p, qkv + hidden, stride, NULL, a.batch, a.heads, a.s, a.d);
    append(present + half, pv ? pv + a.batch * a.heads * p * a.d : NULL, p, qkv + 2 * hidden, stride, NULL, a.batch,
           a.heads, a.s, a.d);
    a.q = qkv;
    a.k = present;
    a.v = present + half;
    a.y = y;
    memcpy(a.q_stride, stride, sizeof stride);
    hone__attention_strides(true, a.heads, a.t, a.d, a.k_stride);
    hone__attention_strides(true, a.heads, a.t, a.d, a.v_stride);
    hone__attention_strides(false, a.heads, a.s, a.d, a.y_stride);
    HONE_TRY(hone__attention_run(ctx, &a));
    hone__eval_put_double(out, y);
    hone__eval_put_double(present_out, present);
    return HONE_OK;
}

/* ---- MultiHeadAttention ---- */

static hone_status infer_kv_attention(hone__infer *ctx, int64_t heads, int64_t kv_heads) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim u = hone__dim_unknown(), y[3] = {u, u, u}, present[4] = {u, u, u, u};
    if (heads < 1 || kv_heads < 1 || heads > INT32_MAX || kv_heads > INT32_MAX)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "there cannot be %lld heads and %lld of keys", (long long)heads,
                                (long long)kv_heads);
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 3) {
        const hone__type *q = hone__infer_input(ctx, 0);
        bool packed = !hone__infer_given(ctx, 1);
        int64_t all = packed ? heads + 2 * kv_heads : heads;
        present[0] = y[0] = q->dims[0];
        y[1] = q->dims[1];
        if (q->dims[2].value >= 0 && all > 0) {
            present[3] = hone__dim_known(q->dims[2].value / all);
            y[2] = hone__dim_known(q->dims[2].value / all * heads);
        }
        if (hone__infer_has_rank(ctx, 2) && hone__infer_input(ctx, 2)->rank == 3 && kv_heads == heads)
            y[2] = hone__infer_input(ctx, 2)->dims[2];
    }
    present[1] = kv_heads > 0 ? hone__dim_known(kv_heads) : u;
    HONE_TRY(hone__infer_set(ctx, 0, dtype, 3, y));
    for (size_t i = 1; i < ctx->n_out && i < 3; i++)
        HONE_TRY(hone__infer_set(ctx, i, dtype, 4, present));
    return HONE_OK;
}

static hone_status infer_multi_head_attention(hone__infer *ctx) {
    int64_t heads = hone__node_attr_int(ctx->node, "num_heads", 0);
    return infer_kv_attention(ctx, heads, heads);
}
static hone_status infer_group_query_attention(hone__infer *ctx) {
    return infer_kv_attention(ctx, hone__node_attr_int(ctx->node, "num_heads", 0),
                              hone__node_attr_int(ctx->node, "kv_num_heads", 0));
}

/* present = past followed by input ix (3-D, or 4-D with heads first) plus its part of the bias. */
static hone_status mha_append(hone__eval *ctx, size_t ix, size_t ipast, size_t iout, const double *bias,
                              const hone__attention *a, int64_t d, int64_t s, double **data) {
    const hone_tensor *x = ctx->in[ix], *past = hone__in(ctx, ipast);
    const double *xv, *pv;
    int64_t stride[3], p = past && past->rank == 4 ? past->dims[2] : 0, dims[4] = {a->batch, a->heads, p + s, d};
    hone_tensor *out;
    if (past && (past->rank != 4 || past->dims[0] != a->batch || past->dims[1] != a->heads || past->dims[3] != d ||
                 p + s != a->t))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the past does not fit");
    HONE_TRY(hone__eval_in_double(ctx, ix, &xv));
    HONE_TRY(hone__eval_in_double(ctx, ipast, &pv));
    HONE_TRY(hone__eval_out_double(ctx, iout, x->dtype, 4, dims, &out, data));
    hone__attention_strides(x->rank == 4, a->heads, s, d, stride);
    append(*data, pv, p, xv, stride, bias, a->batch, a->heads, s, d);
    hone__eval_put_double(out, *data);
    return HONE_OK;
}

static hone_status eval_multi_head_attention(hone__eval *ctx) {
    const hone_tensor *q, *k, *v, *bias_in = hone__in(ctx, 3), *past = hone__in(ctx, 6);
    const double *qv, *bias;
    double *kd, *vd, *y;
    hone__attention a = {0};
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &q));
    a.heads = a.kv_heads = hone__node_attr_int(ctx->node, "num_heads", 0);
    if (q->rank != 3 || hone__in_omitted(ctx, 1) || hone__in_omitted(ctx, 2))
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED, "packed queries, keys and values are not supported");
    k = ctx->in[1];
    v = ctx->in[2];
    bool k4 = k->rank == 4,
         fits = a.heads > 0 && q->dims[2] % a.heads == 0 && v->rank == k->rank && (k4 || k->rank == 3);
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "queries, keys, values and num_heads do not fit together");
    int64_t s = k->dims[k4 ? 2 : 1];
    a.batch = q->dims[0];
    a.s = q->dims[1];
    a.d = q->dims[2] / a.heads;
    a.dv = k4 ? v->dims[3] : v->dims[2] / a.heads;
    fits = k->dims[0] == a.batch && v->dims[0] == a.batch && v->dims[k4 ? 2 : 1] == s &&
           (k4 ? k->dims[1] == a.heads && v->dims[1] == a.heads && k->dims[3] == a.d
               : k->dims[2] == q->dims[2] && v->dims[2] % a.heads == 0) &&
           (!bias_in || hone__tensor_count(bias_in) == 2 * q->dims[2] + a.heads * a.dv);
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "queries, keys, values and bias do not fit together");
    a.past = past && past->rank == 4 ? past->dims[2] : 0;
    a.t = a.past + s;
    a.scale = scale_of(ctx->node, a.d);
    a.causal = hone__node_attr_int(ctx->node, "unidirectional", 0) != 0;
    HONE_TRY(read_mask(ctx, 4, 5, &a));
    HONE_TRY(hone__eval_in_double(ctx, 0, &qv));
    HONE_TRY(hone__eval_in_double(ctx, 3, &bias));
    const double *kb = bias && !k4 ? bias + q->dims[2] : NULL, *vb = bias && !k4 ? bias + 2 * q->dims[2] : NULL;
    HONE_TRY(mha_append(ctx, 1, 6, 1, kb, &a, a.d, s, &kd));
    HONE_TRY(mha_append(ctx, 2, 7, 2, vb, &a, a.dv, s, &vd));
    void *scratch;
    int64_t n = hone__tensor_count(q), y_dims[3] = {a.batch, a.s, a.heads * a.dv};
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(double), &scratch));
    for (int64_t i = 0; i < n; i++)
        ((double *)scratch)[i] = qv[i] + (bias ? bias[i % q->dims[2]] : 0);
    HONE_TRY(hone__eval_out_double(ctx, 0, q->dtype, 3, y_dims, &out, &y));
    a.q = scratch;
    a.k = kd;
    a.v = vd;
    a.y = y;
    hone__attention_strides(false, a.heads, a.s, a.d, a.q_stride);
    hone__attention_strides(true, a.heads, a.t, a.d, a.k_stride);
    hone__attention_strides(true, a.heads, a.t, a.dv, a.v_stride);
    hone__attention_strides(false, a.heads, a.s, a.dv, a.y_stride);
    HONE_TRY(hone__attention_run(ctx, &a));
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- GroupQueryAttention ---- */

typedef struct gqa {
    hone__attention a;
    int64_t past_len;  /* capacity of the past */
    int64_t *len;      /* [B] keys that count after this step */
    int64_t stride[3]; /* of query, key and value */
    const double *q, *k, *v;
} gqa;

static hone_status gqa_read(hone__eval *ctx, gqa *g) {
    const hone_tensor *q, *past = hone__in(ctx, 3), *lens = hone__in(ctx, 5);
    const hone__node *node = ctx->node;
    hone__attention *a = &g->a;
    HONE_TRY(hone__eval_tensor(ctx, 0, &q));
    a->heads = hone__node_attr_int(node, "num_heads", 0);
    a->kv_heads = hone__node_attr_int(node, "kv_num_heads", 0);
    bool packed = hone__in_omitted(ctx, 1) && hone__in_omitted(ctx, 2);
    bool sane = a->heads >= 1 && a->heads <= INT32_MAX && a->kv_heads >= 1 && a->kv_heads <= a->heads;
    int64_t all = !sane ? 1 : packed ? a->heads + 2 * a->kv_heads : a->heads;
    if (q->rank != 3 || !sane || a->heads % a->kv_heads || q->dims[2] % all || !lens || hone__in_omitted(ctx, 6))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE,
                               "the query, numbers of heads and sequence lengths do not fit together");
    if (hone__node_attr_int(node, "smooth_softmax", 0) > 0 || !hone__in_omitted(ctx, 11))
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED, "smoothed softmax is not supported");
    a->batch = q->dims[0];
    a->s = q->dims[1];
    a->d = a->dv = q->dims[2] / all;
    g->past_len = past && past->rank == 4 ? past->dims[2] : 0;
    for (size_t i = 3; i < 5; i++) {
        const hone_tensor *p = hone__in(ctx, i);
        if (!p != !past || (p && (p->rank != 4 || p->dims[0] != a->batch || p->dims[1] != a->kv_heads ||
                                  p->dims[3] != a->d || p->dims[2] != g->past_len)))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the past does not fit");
    }
    for (size_t i = 1; i < 3 && !packed; i++) {
        const hone_tensor *t;
        HONE_TRY(hone__eval_tensor(ctx, i, &t));
        if (t->rank != 3 || t->dims[0] != a->batch || t->dims[1] != a->s || t->dims[2] != a->kv_heads * a->d)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "keys or values do not fit the queries");
    }
    HONE_TRY(hone__eval_in_double(ctx, 0, &g->q));
    if (packed) {
        g->k = g->q + a->heads * a->d;
        g->v = g->k + a->kv_heads * a->d;
    } else {
        HONE_TRY(hone__eval_in_double(ctx, 1, &g->k));
        HONE_TRY(hone__eval_in_double(ctx, 2, &g->v));
    }
    g->stride[0] = packed ? a->s * q->dims[2] : -1;
    int64_t total, unused;
    HONE_TRY(hone__eval_int(ctx, 6, &total));
    a->t = hone__max_i64(total, g->past_len);
    void *p;
    HONE_TRY(hone__eval_scratch_n(ctx, a->batch, sizeof(int64_t), &p));
    g->len = p;
    if (hone__tensor_count(lens) != a->batch || !(a->batch == 0 || hone__tensor_get_i64(lens, 0, &unused)))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "seqlens_k must have one integer per batch");
    for (int64_t b = 0; b < a->batch; b++) {
        g->len[b] = hone__tensor_int_at(lens, b) + 1;
        /* Shorter prompts of a batch are padded at the end. */
        if (g->len[b] < 0 || g->len[b] > a->t ||
            (g->past_len == 0 ? a->s > a->t : g->len[b] - a->s < 0 && total != a->s))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "seqlens_k holds %lld, the total length is %lld",
                                   (long long)g->len[b] - 1, (long long)total);
    }
    return HONE_OK;
}

/* Tokens stand after the past that counts; a first prompt starts at 0 even where it is padded. */
static int64_t gqa_start(const gqa *g, int64_t b) { return hone__max_i64(0, g->len[b] - g->a.s); }

/* Dense [B,S,heads*D], rotated when the node asks for it. */
static hone_status gqa_dense(hone__eval *ctx, const gqa *g, const double *x, int64_t heads, bool rotate, double **out) {
    const hone__attention *a = &g->a;
    int64_t d = a->d, n, packed = g->stride[0] >= 0 ? g->stride[0] / (a->s ? a->s : 1) : heads * d;
    void *p, *q, *r;
    if (!hone__mul_i64(a->batch * a->s, heads * d, &n))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the query is too large");
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(double), &p));
    for (int64_t i = 0; i < n; i++)
        ((double *)p)[i] = x[i / (heads * d) * packed + i % (heads * d)];
    *out = p;
    const hone_tensor *c = hone__in(ctx, 7), *s = hone__in(ctx, 8);
    if (!rotate || !hone__node_attr_int(ctx->node, "do_rotary", 0))
        return HONE_OK;
    if (!c || !s || c->rank != 2 || hone__tensor_count(s) != hone__tensor_count(c) || c->dims[1] * 2 > d ||
        c->dims[1] < 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the rotary caches do not fit");
    hone__rotary t = {.batch = a->batch,
                      .heads = heads,
                      .s = a->s,
                      .d = d,
                      .rotary_dim = 2 * c->dims[1],
                      .interleaved = hone__node_attr_int(ctx->node, "rotary_interleaved", 0) != 0,
                      .rows = c->dims[0]};
    hone__attention_strides(false, heads, a->s, d, t.stride);
    HONE_TRY(hone__eval_in_double(ctx, 7, &t.cos));
    HONE_TRY(hone__eval_in_double(ctx, 8, &t.sin));
    HONE_TRY(hone__eval_in_i64(ctx, 9, &t.position));
    if (t.position && hone__tensor_count(ctx->in[9]) != a->batch * a->s)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there must be one position per token");
    if (!t.position) {
        HONE_TRY(hone__eval_scratch_n(ctx, a->batch * a->s, sizeof(int64_t), &q));
        for (int64_t i = 0; i < a->batch * a->s; i++)
            ((int64_t *)q)[i] = gqa_start(g, i / a->s) + i % a->s;
        t.position = q;
    }
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(double), &r));
    HONE_TRY(hone__rotary_run(ctx, &t, p, r));
    *out = r;
    return HONE_OK;
}

static hone_status gqa_present(hone__eval *ctx, const gqa *g, size_t ipast, size_t iout, const double *x,
                               double **data) {
    const hone__attention *a = &g->a;
    const double *past;
    int64_t dims[4] = {a->batch, a->kv_heads, a->t, a->d};
    hone_tensor *out;
    HONE_TRY(hone__eval_in_double(ctx, ipast, &past));
    HONE_TRY(hone__eval_out_double(ctx, iout, ctx->in[0]->dtype, 4, dims, &out, data));
    for (int64_t n = 0; n < a->batch * a->kv_heads; n++) {
        int64_t b = n / a->kv_heads, h = n % a->kv_heads, start = gqa_start(g, b);
        for (int64_t j = 0; j < a->t; j++)
            for (int64_t e = 0; e < a->d; e++) {
                bool fresh = j >= start && j < start + a->s;
                (*data)[(n * a->t + j) * a->d + e] = fresh ? x[((b * a->s + j - start) * a->kv_heads + h) * a->d + e]
                                                     : past && j < g->past_len ? past[(n * g->past_len + j) * a->d + e]
                                                                               : 0;
            }
    }
    hone__eval_put_double(out, *data);
    return HONE_OK;
}

static hone_status eval_group_query_attention(hone__eval *ctx) {
    gqa g = {0};
    double *q, *k, *v, *pk, *pv, *y;
    hone_tensor *out;
    hone__attention *a = &g.a;
    HONE_TRY(gqa_read(ctx, &g));
    HONE_TRY(gqa_dense(ctx, &g, g.q, a->heads, true, &q));
    HONE_TRY(gqa_dense(ctx, &g, g.k, a->kv_heads, true, &k));
    HONE_TRY(gqa_dense(ctx, &g, g.v, a->kv_heads, false, &v));
    HONE_TRY(gqa_present(ctx, &g, 3, 1, k, &pk));
    HONE_TRY(gqa_present(ctx, &g, 4, 2, v, &pv));
    int64_t y_dims[3] = {a->batch, a->s, a->heads * a->d};
    HONE_TRY(hone__eval_out_double(ctx, 0, ctx->in[0]->dtype, 3, y_dims, &out, &y));
    a->scale = scale_of(ctx->node, a->d);
    a->softcap = hone__node_attr_float(ctx->node, "softcap", 0);
    a->causal = true;
    int64_t window = hone__node_attr_int(ctx->node, "local_window_size", -1), batch = a->batch;
    a->window = window > 0 ? window + 1 : 0; /* the token itself and `window` before it */
    HONE_TRY(read_mask(ctx, 12, 10, a));     /* there is no input 12: the bias alone */
    hone__attention_strides(false, a->heads, a->s, a->d, a->q_stride);
    hone__attention_strides(true, a->kv_heads, a->t, a->d, a->k_stride);
    hone__attention_strides(true, a->kv_heads, a->t, a->d, a->v_stride);
    hone__attention_strides(false, a->heads, a->s, a->d, a->y_stride);
    const double *mask = a->mask;
    a->batch = 1;
    for (int64_t b = 0; b < batch; b++) { /* one by one, since each has its own past */
        a->q = q + b * a->q_stride[0];
        a->k = pk + b * a->k_stride[0];
        a->v = pv + b * a->v_stride[0];
        a->y = y + b * a->y_stride[0];
        a->mask = mask ? mask + b * a->mask_stride[0] : NULL;
        a->past = gqa_start(&g, b);
        HONE_TRY(hone__attention_run(ctx, a));
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- RotaryEmbedding ---- */

/* x: [B,S,H*D] or [B,H,S,D]; positions: one offset, or one per token. */
static hone_status eval_rotary_embedding(hone__eval *ctx) {
    const hone_tensor *x, *pos, *c, *s;
    const double *v;
    const int64_t *position;
    double *y;
    hone_tensor *out;
    const hone__node *node = ctx->node;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &pos));
    HONE_TRY(hone__eval_tensor(ctx, 2, &c));
    HONE_TRY(hone__eval_tensor(ctx, 3, &s));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &position));
    int64_t heads = hone__node_attr_int(node, "num_heads", 0),
            dim = hone__node_attr_int(node, "rotary_embedding_dim", 0);
    if (c->rank != 2 || hone__tensor_count(s) != hone__tensor_count(c) || (x->rank != 3 && x->rank != 4) ||
        hone__node_attr_int(node, "is_packed_batching", 0))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input or the caches have an unexpected shape");
    hone__rotary t = {
        .batch = x->dims[0], .rows = c->dims[0], .interleaved = hone__node_attr_int(node, "interleaved", 0) != 0};
    bool is_4d = x->rank == 4;
    int64_t hidden = is_4d ? x->dims[1] * x->dims[3] : x->dims[2];
    t.s = x->dims[is_4d ? 2 : 1];
    t.d = is_4d ? x->dims[3] : heads > 0 ? hidden / heads : 2 * c->dims[1];
    t.heads = t.d > 0 ? hidden / t.d : 0;
    t.rotary_dim = dim > 0 ? dim : 2 * c->dims[1];
    int64_t tokens = t.batch * t.s, n_pos = hone__tensor_count(pos);
    if (t.d < 1 || t.heads * t.d != hidden || t.rotary_dim > t.d || c->dims[1] * 2 != t.rotary_dim ||
        (n_pos != 1 && n_pos != tokens))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the caches or positions do not fit heads of %lld",
                               (long long)t.d);
    hone__attention_strides(is_4d, t.heads, t.s, t.d, t.stride);
    void *p;
    HONE_TRY(hone__eval_scratch_n(ctx, tokens, sizeof(int64_t), &p));
    for (int64_t i = 0; i < tokens; i++) {
        int64_t base = position[n_pos == 1 ? 0 : i], off = n_pos == 1 && pos->rank < 2 ? i % t.s : 0;
        if (!hone__add_i64(base, off, (int64_t *)p + i))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "position %lld is out of range", (long long)base);
    }
    t.position = p;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 2, &t.cos));
    HONE_TRY(hone__eval_in_double(ctx, 3, &t.sin));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    HONE_TRY(hone__rotary_run(ctx, &t, v, y));
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param attention_1_in[] = {
    HONE_PARAM("input", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM("weights", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("mask_index", HONE_SET(INT32), 'M'),
    HONE_PARAM_OPT("past", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("attention_bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("past_sequence_length", HONE_SET(INT32), 'M')};
static const hone__op_param attention_1_out[] = {HONE_PARAM("output", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
                                                 HONE_PARAM_OPT("present", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T')};
static const hone__op_attr attention_1_attrs[] = {
    {"do_rotary", HONE_ATTR_INT, false},         {"mask_filter_value", HONE_ATTR_FLOAT, false},
    {"num_heads", HONE_ATTR_INT, true},          {"past_present_share_buffer", HONE_ATTR_INT, false},
    {"qkv_hidden_sizes", HONE_ATTR_INTS, false}, {"rotary_embedding_dim", HONE_ATTR_INT, false},
    {"scale", HONE_ATTR_FLOAT, false},           {"unidirectional", HONE_ATTR_INT, false}};
static const hone__op_param multi_head_attention_1_in[] = {
    HONE_PARAM("query", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("key", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("value", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("key_padding_mask", HONE_SET(INT32), 'M'),
    HONE_PARAM_OPT("attention_bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("past_key", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("past_value", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T')};
static const hone__op_param multi_head_attention_1_out[] = {
    HONE_PARAM("output", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("present_key", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T'),
    HONE_PARAM_OPT("present_value", HONE_SET(FLOAT) | HONE_SET(FLOAT16), 'T')};
static const hone__op_attr multi_head_attention_1_attrs[] = {{"mask_filter_value", HONE_ATTR_FLOAT, false},
                                                             {"num_heads", HONE_ATTR_INT, true},
                                                             {"scale", HONE_ATTR_FLOAT, false},
                                                             {"unidirectional", HONE_ATTR_INT, false}};
static const hone__op_param group_query_attention_1_in[] = {
    HONE_PARAM("query", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("key", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("value", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("past_key", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("past_value", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("seqlens_k", HONE_SET(INT32), 'M'),
    HONE_PARAM("total_sequence_length", HONE_SET(INT32), 'M'),
    HONE_PARAM_OPT("cos_cache", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("sin_cache", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("position_ids", HONE_SET(INT64), 0),
    HONE_PARAM_OPT("attention_bias", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("head_sink", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param group_query_attention_1_out[] = {
    HONE_PARAM("output", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("present_key", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("present_value", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr group_query_attention_1_attrs[] = {
    {"do_rotary", HONE_ATTR_INT, false},         {"kv_num_heads", HONE_ATTR_INT, true},
    {"local_window_size", HONE_ATTR_INT, false}, {"num_heads", HONE_ATTR_INT, true},
    {"qk_output", HONE_ATTR_INT, false},         {"rotary_interleaved", HONE_ATTR_INT, false},
    {"scale", HONE_ATTR_FLOAT, false},           {"smooth_softmax", HONE_ATTR_INT, false},
    {"softcap", HONE_ATTR_FLOAT, false}};
static const hone__op_param rotary_embedding_1_in[] = {
    HONE_PARAM("input", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("position_ids", HONE_SET(INT64), 'M'),
    HONE_PARAM("cos_cache", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("sin_cache", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param rotary_embedding_1_out[] = {
    HONE_PARAM("output", HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr rotary_embedding_1_attrs[] = {{"interleaved", HONE_ATTR_INT, false},
                                                         {"is_packed_batching", HONE_ATTR_INT, false},
                                                         {"num_heads", HONE_ATTR_INT, false},
                                                         {"rotary_embedding_dim", HONE_ATTR_INT, false},
                                                         {"scale", HONE_ATTR_FLOAT, false}};

static const hone__op g_rows[] = {
    HONE_ROW("com.microsoft", "Attention", 1, HONE_OP_PURE, 2, attention_1_in, 1, attention_1_out, attention_1_attrs,
             infer_attention, eval_attention, NULL),
    HONE_ROW("com.microsoft", "MultiHeadAttention", 1, HONE_OP_PURE, 1, multi_head_attention_1_in, 1,
             multi_head_attention_1_out, multi_head_attention_1_attrs, infer_multi_head_attention,
             eval_multi_head_attention, NULL),
    HONE_ROW("com.microsoft", "GroupQueryAttention", 1, HONE_OP_PURE, 7, group_query_attention_1_in, 1,
             group_query_attention_1_out, group_query_attention_1_attrs, infer_group_query_attention,
             eval_group_query_attention, NULL),
    HONE_ROW("com.microsoft", "RotaryEmbedding", 1, HONE_OP_PURE, 4, rotary_embedding_1_in, 1, rotary_embedding_1_out,
             rotary_embedding_1_attrs, hone__infer_same0, eval_rotary_embedding, NULL),
};

const hone__op_family hone__ops_contrib_attention = {"contrib_attention", g_rows, HONE_COUNT(g_rows)};
