/* com.microsoft GroupQueryAttention: queries in groups that share keys and values, a cache of keys and values, rotary
 * embedding, windows, softcap, attention sinks.
 *
 * Source: ONNX Runtime's documentation of contrib operators. Quantised caches and caches that evict are refused
 * (op_refusal.c). */
#include "ops/op_attention.h"

#include <math.h>

static hone_status infer_group_query_attention(hone__infer *ctx) {
    int64_t heads = hone__node_attr_int(ctx->node, "num_heads", 0),
            kv_heads = hone__node_attr_int(ctx->node, "kv_num_heads", 0);
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    hone__dim u = hone__dim_unknown(), y[3] = {u, u, u}, present[4] = {u, u, u, u}, scores[4] = {u, u, u, u};
    if (heads < 1 || kv_heads < 1 || heads > INT32_MAX || kv_heads > INT32_MAX)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "there cannot be %lld heads and %lld of keys", (long long)heads,
                                (long long)kv_heads);
    present[1] = hone__dim_known(kv_heads);
    scores[1] = hone__dim_known(heads);
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 3) {
        const hone__type *q = hone__infer_input(ctx, 0);
        int64_t all = hone__infer_given(ctx, 1) ? heads : heads + 2 * kv_heads;
        scores[0] = present[0] = y[0] = q->dims[0];
        scores[2] = y[1] = q->dims[1];
        if (q->dims[2].value >= 0) {
            present[3] = hone__dim_known(q->dims[2].value / all);
            y[2] = hone__dim_known(q->dims[2].value / all * heads);
        }
    }
    HONE_TRY(hone__infer_set(ctx, 0, dtype, 3, y));
    for (size_t i = 1; i < ctx->n_out && i < 3; i++)
        HONE_TRY(hone__infer_set(ctx, i, dtype, 4, present));
    return ctx->n_out > 3 ? hone__infer_set(ctx, 3, dtype, 4, scores) : HONE_OK;
}

typedef struct gqa {
    hone__attention a;
    int64_t past_len;  /* capacity of the past */
    int64_t total;     /* keys of the longest sequence after this step */
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
    const hone_tensor *sink = hone__in(ctx, 11);
    if (sink && hone__tensor_count(sink) != a->heads)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "head_sink must have one element per head");
    HONE_TRY(hone__eval_in_double(ctx, 11, &a->sink));
    a->has_sink = sink || hone__node_attr_int(node, "smooth_softmax", 0) > 0;
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
    g->total = total;
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

/* Root-mean-square normalisation of every head, by the weights of input i (Qwen3). */
static hone_status gqa_normalise(hone__eval *ctx, size_t i, double *x, int64_t n, int64_t d) {
    const hone_tensor *w = hone__in(ctx, i);
    const double *weight;
    if (!w)
        return HONE_OK;
    if (hone__tensor_count(w) != d || hone__in_omitted(ctx, 14) != hone__in_omitted(ctx, 15))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE,
                               "q_norm_weight and k_norm_weight must both have head_size elements");
    HONE_TRY(hone__eval_in_double(ctx, i, &weight));
    double eps = hone__node_attr_float(ctx->node, "qk_norm_epsilon", 1e-6f);
    for (int64_t at = 0; at + d <= n; at += d) {
        double squares = 0;
        for (int64_t e = 0; e < d; e++)
            squares += x[at + e] * x[at + e];
        double scale = 1 / sqrt(squares / (double)d + eps);
        for (int64_t e = 0; e < d; e++)
            x[at + e] *= scale * weight[e];
    }
    return HONE_OK;
}

/* Dense [B,S,heads*D], normalised by the weights of input `norm` and rotated, when the node asks for it. */
static hone_status gqa_dense(hone__eval *ctx, const gqa *g, const double *x, int64_t heads, bool rotate, size_t norm,
                             double **out) {
    const hone__attention *a = &g->a;
    int64_t d = a->d, n, packed = g->stride[0] >= 0 ? g->stride[0] / (a->s ? a->s : 1) : heads * d;
    void *p, *q, *r;
    if (!hone__mul_i64(a->batch * a->s, heads * d, &n))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the query is too large");
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(double), &p));
    for (int64_t i = 0; i < n; i++)
        ((double *)p)[i] = x[i / (heads * d) * packed + i % (heads * d)];
    HONE_TRY(gqa_normalise(ctx, norm, p, n, d));
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

/* The additive bias covers the longest sequence; the cache may be longer. */
static hone_status gqa_bias(hone__eval *ctx, gqa *g) {
    hone__attention *a = &g->a;
    int64_t t = a->t;
    a->t = g->total;
    hone_status status = hone__attention_mask(ctx, SIZE_MAX, 10, a);
    a->t = t;
    a->mask_cols = a->mask ? g->total : 0;
    return status;
}

/* Room for the scores of one sequence, [H,S,T], and the output that they go to, [B,H,S,total]. */
static hone_status gqa_scores(hone__eval *ctx, gqa *g, hone_tensor **tensor, double **data) {
    hone__attention *a = &g->a;
    int64_t mode = hone__node_attr_int(ctx->node, "qk_output", 0), dims[4] = {a->batch, a->heads, a->s, g->total}, n;
    *tensor = NULL;
    *data = NULL;
    if (!hone__wanted(ctx, 3))
        return HONE_OK;
    if (mode != 1 && mode != 2)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "qk_output is %lld, there are no scores to give",
                               (long long)mode);
    a->scores_mode = mode == 1 ? 2 : 3;
    HONE_TRY(hone__eval_out_double(ctx, 3, ctx->in[0]->dtype, 4, dims, tensor, data));
    if (!hone__mul_i64(a->heads * a->s, a->t, &n))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the scores are too large");
    return hone__eval_scratch_n(ctx, n, sizeof(double), (void **)&a->scores);
}

static void gqa_put_scores(const gqa *g, int64_t b, double *data) {
    const hone__attention *a = &g->a;
    for (int64_t i = 0; data && i < a->heads * a->s; i++)
        for (int64_t j = 0; j < g->total; j++) { /* what is out of sight has no score */
            double v = a->scores[i * a->t + j];
            data[(b * a->heads * a->s + i) * g->total + j] = isinf(v) && v < 0 ? 0 : v;
        }
}

static hone_status eval_group_query_attention(hone__eval *ctx) {
    gqa g = {0};
    double *q, *k, *v, *pk, *pv, *y, *scores;
    hone_tensor *out, *scores_out;
    hone__attention *a = &g.a;
    HONE_TRY(gqa_read(ctx, &g));
    HONE_TRY(gqa_dense(ctx, &g, g.q, a->heads, true, 14, &q));
    HONE_TRY(gqa_dense(ctx, &g, g.k, a->kv_heads, true, 15, &k));
    HONE_TRY(gqa_dense(ctx, &g, g.v, a->kv_heads, false, SIZE_MAX, &v));
    HONE_TRY(gqa_present(ctx, &g, 3, 1, k, &pk));
    HONE_TRY(gqa_present(ctx, &g, 4, 2, v, &pv));
    int64_t y_dims[3] = {a->batch, a->s, a->heads * a->d};
    HONE_TRY(hone__eval_out_double(ctx, 0, ctx->in[0]->dtype, 3, y_dims, &out, &y));
    a->scale = hone__attention_scale(ctx->node, a->d);
    a->softcap = hone__node_attr_float(ctx->node, "softcap", 0);
    a->causal = hone__node_attr_int(ctx->node, "causal", 1) != 0;
    int64_t window = hone__node_attr_int(ctx->node, "local_window_size", -1), batch = a->batch;
    a->window = window > 0 ? window : 0; /* keys that a token sees, itself included */
    HONE_TRY(gqa_bias(ctx, &g));
    HONE_TRY(gqa_scores(ctx, &g, &scores_out, &scores));
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
        gqa_put_scores(&g, b, scores);
    }
    if (scores_out)
        hone__eval_put_double(scores_out, scores);
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */

#define FLOATS (HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16))
static const hone__op_param p_in[] = {HONE_PARAM("query", FLOATS, 'T'),
                                      HONE_PARAM_OPT("key", FLOATS, 'T'),
                                      HONE_PARAM_OPT("value", FLOATS, 'T'),
                                      HONE_PARAM_OPT("past_key", FLOATS, 'T'),
                                      HONE_PARAM_OPT("past_value", FLOATS, 'T'),
                                      HONE_PARAM("seqlens_k", HONE_SET(INT32), 'M'),
                                      HONE_PARAM("total_sequence_length", HONE_SET(INT32), 'M'),
                                      HONE_PARAM_OPT("cos_cache", FLOATS, 'T'),
                                      HONE_PARAM_OPT("sin_cache", FLOATS, 'T'),
                                      HONE_PARAM_OPT("position_ids", HONE_SET(INT64), 0),
                                      HONE_PARAM_OPT("attention_bias", FLOATS, 'T'),
                                      HONE_PARAM_OPT("head_sink", FLOATS, 'T'),
                                      HONE_PARAM_OPT("k_scale", HONE_SET(FLOAT), 0),
                                      HONE_PARAM_OPT("v_scale", HONE_SET(FLOAT), 0),
                                      HONE_PARAM_OPT("q_norm_weight", FLOATS, 'T'),
                                      HONE_PARAM_OPT("k_norm_weight", FLOATS, 'T')};
static const hone__op_param p_out[] = {HONE_PARAM("output", FLOATS, 'T'), HONE_PARAM_OPT("present_key", FLOATS, 'T'),
                                       HONE_PARAM_OPT("present_value", FLOATS, 'T'),
                                       HONE_PARAM_OPT("output_qk", FLOATS, 'T')};
static const hone__op_attr p_attrs[] = {
    {"causal", HONE_ATTR_INT, false},          {"do_rotary", HONE_ATTR_INT, false},
    {"k_quant_type", HONE_ATTR_STRING, false}, {"kv_cache_bit_width", HONE_ATTR_INT, false},
    {"kv_num_heads", HONE_ATTR_INT, true},     {"local_window_size", HONE_ATTR_INT, false},
    {"num_heads", HONE_ATTR_INT, true},        {"qk_norm_epsilon", HONE_ATTR_FLOAT, false},
    {"qk_output", HONE_ATTR_INT, false},       {"rotary_interleaved", HONE_ATTR_INT, false},
    {"scale", HONE_ATTR_FLOAT, false},         {"sliding_window_cache", HONE_ATTR_INT, false},
    {"smooth_softmax", HONE_ATTR_INT, false},  {"softcap", HONE_ATTR_FLOAT, false},
    {"v_quant_type", HONE_ATTR_STRING, false}};

static const hone__op g_rows[] = {
    HONE_ROW("com.microsoft", "GroupQueryAttention", 1, HONE_OP_PURE, 7, p_in, 1, p_out, p_attrs,
             infer_group_query_attention, eval_group_query_attention, NULL),
};
const hone__op_family hone__ops_contrib_gqa = {"contrib_gqa", g_rows, HONE_COUNT(g_rows)};
