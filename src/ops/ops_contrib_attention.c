/* com.microsoft Attention (with the projections) and RotaryEmbedding.
 *
 * Source: ONNX Runtime's documentation of contrib operators. */
#include "ops/op_attention.h"

#include <math.h>

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
    if (x->rank != 3 || w->rank != 2 || w->dims[0] != x->dims[2] || a.heads < 1 ||
        (bias_in && hone__tensor_count(bias_in) != w->dims[1]))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input, weight, bias and num_heads do not fit together");
    int64_t cols = w->dims[1], k = x->dims[2], hidden = cols / 3, v_hidden = cols / 3;
    if (sizes && n_sizes == 3) {
        hidden = sizes[0];
        v_hidden = sizes[2];
    }
    if (hidden < 1 || v_hidden < 1 || hidden > cols / 2 || v_hidden != cols - 2 * hidden || hidden % a.heads ||
        v_hidden % a.heads || (sizes && n_sizes == 3 && sizes[1] != hidden))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%lld heads do not divide %lld columns of weights",
                               (long long)a.heads, (long long)cols);
    /* One tensor holds both caches. */
    if (hidden != v_hidden && (past || hone__wanted(ctx, 1)))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "keys and values must be of one size to be cached");
    a.batch = x->dims[0];
    a.s = x->dims[1];
    a.d = hidden / a.heads;
    a.dv = v_hidden / a.heads;
    int64_t p = past && past->rank == 5 ? past->dims[3] : 0;
    if (past && (past->rank != 5 || past->dims[0] != 2 || past->dims[1] != a.batch || past->dims[2] != a.heads ||
                 past->dims[4] != a.d))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the past does not fit");
    a.t = a.s + p;
    a.past = p;
    a.scale = hone__attention_scale(node, a.d);
    a.causal = hone__node_attr_int(node, "unidirectional", 0) != 0;
    HONE_TRY(hone__attention_mask(ctx, 3, 5, &a));
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
    int64_t dims[5] = {2, a.batch, a.heads, a.t, a.d}, y_dims[3] = {a.batch, a.s, v_hidden};
    int64_t stride[3] = {a.s * cols, a.d, cols}, v_stride[3] = {a.s * cols, a.dv, cols};
    int64_t half = a.batch * a.heads * a.t * a.d;
    hone_tensor *out, *present_out;
    if (a.d == a.dv) {
        HONE_TRY(hone__eval_out_double(ctx, 1, x->dtype, 5, dims, &present_out, &present));
    } else {
        present_out = NULL;
        HONE_TRY(hone__eval_scratch_n(ctx, a.batch * a.heads * a.t * (a.d + a.dv), sizeof *present, (void **)&present));
    }
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, 3, y_dims, &out, &y));
    hone__attention_append(present, pv, p, qkv + hidden, stride, NULL, a.batch, a.heads, a.s, a.d);
    hone__attention_append(present + half, pv ? pv + a.batch * a.heads * p * a.d : NULL, p, qkv + 2 * hidden, v_stride,
                           NULL, a.batch, a.heads, a.s, a.dv);
    a.q = qkv;
    a.k = present;
    a.v = present + half;
    a.y = y;
    memcpy(a.q_stride, stride, sizeof stride);
    hone__attention_strides(true, a.heads, a.t, a.d, a.k_stride);
    hone__attention_strides(true, a.heads, a.t, a.dv, a.v_stride);
    hone__attention_strides(false, a.heads, a.s, a.dv, a.y_stride);
    HONE_TRY(hone__attention_run(ctx, &a));
    hone__eval_put_double(out, y);
    hone__eval_put_double(present_out, present);
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

#define FLOATS (HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16))
static const hone__op_param attention_1_in[] = {HONE_PARAM("input", FLOATS, 'T'),
                                                HONE_PARAM("weights", FLOATS, 'T'),
                                                HONE_PARAM_OPT("bias", FLOATS, 'T'),
                                                HONE_PARAM_OPT("mask_index", HONE_SET(INT32), 'M'),
                                                HONE_PARAM_OPT("past", FLOATS, 'T'),
                                                HONE_PARAM_OPT("attention_bias", FLOATS, 'T'),
                                                HONE_PARAM_OPT("past_sequence_length", HONE_SET(INT32), 'M')};
static const hone__op_param attention_1_out[] = {HONE_PARAM("output", FLOATS, 'T'),
                                                 HONE_PARAM_OPT("present", FLOATS, 'T')};
static const hone__op_attr attention_1_attrs[] = {
    {"do_rotary", HONE_ATTR_INT, false},         {"mask_filter_value", HONE_ATTR_FLOAT, false},
    {"num_heads", HONE_ATTR_INT, true},          {"past_present_share_buffer", HONE_ATTR_INT, false},
    {"qkv_hidden_sizes", HONE_ATTR_INTS, false}, {"rotary_embedding_dim", HONE_ATTR_INT, false},
    {"scale", HONE_ATTR_FLOAT, false},           {"unidirectional", HONE_ATTR_INT, false}};
static const hone__op_param rotary_embedding_1_in[] = {
    HONE_PARAM("input", FLOATS, 'T'), HONE_PARAM("position_ids", HONE_SET(INT64), 'M'),
    HONE_PARAM("cos_cache", FLOATS, 'T'), HONE_PARAM("sin_cache", FLOATS, 'T')};
static const hone__op_param rotary_embedding_1_out[] = {HONE_PARAM("output", FLOATS, 'T')};
static const hone__op_attr rotary_embedding_1_attrs[] = {{"interleaved", HONE_ATTR_INT, false},
                                                         {"is_packed_batching", HONE_ATTR_INT, false},
                                                         {"num_heads", HONE_ATTR_INT, false},
                                                         {"rotary_embedding_dim", HONE_ATTR_INT, false},
                                                         {"scale", HONE_ATTR_FLOAT, false}};

static const hone__op g_rows[] = {
    HONE_ROW("com.microsoft", "Attention", 1, HONE_OP_PURE, 2, attention_1_in, 1, attention_1_out, attention_1_attrs,
             infer_attention, eval_attention, NULL),
    HONE_ROW("com.microsoft", "RotaryEmbedding", 1, HONE_OP_PURE, 4, rotary_embedding_1_in, 1, rotary_embedding_1_out,
             rotary_embedding_1_attrs, hone__infer_same0, eval_rotary_embedding, NULL),
};

const hone__op_family hone__ops_contrib_attention = {"contrib_attention", g_rows, HONE_COUNT(g_rows)};
