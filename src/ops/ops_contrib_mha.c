/* com.microsoft MultiHeadAttention and DecoderMaskedMultiHeadAttention: attention after the projections, with the
 * operands apart or packed, a cache that grows or is written in place, beams.
 *
 * Source: ONNX Runtime's documentation of contrib operators. */
#include "ops/op_attention.h"

#include <math.h>

/* Where the two operators have their inputs. */
typedef struct places {
    size_t bias, mask, attention_bias, past_key, past_value, past_length, beam, indirection;
} places;
static const places g_mha = {3, 4, 5, 6, 7, 8, SIZE_MAX, 9};
static const places g_decoder = {10, 3, 4, 5, 6, 7, 8, 9};
static bool is_decoder(const hone__node *node) { return strcmp(node->op_type, "MultiHeadAttention") != 0; }

/* ---- inference ---- */

static hone_status infer_outputs(hone__infer *ctx, const hone__dim *y, const hone__dim *present, hone__dim v_size,
                                 const hone__dim *scores) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    HONE_TRY(hone__infer_set(ctx, 0, dtype, 3, y));
    hone__dim value[4] = {present[0], present[1], present[2], v_size};
    if (ctx->n_out > 1)
        HONE_TRY(hone__infer_set(ctx, 1, dtype, 4, present));
    if (ctx->n_out > 2)
        HONE_TRY(hone__infer_set(ctx, 2, dtype, 4, value));
    return ctx->n_out > 3 ? hone__infer_set(ctx, 3, dtype, 4, scores) : HONE_OK;
}

static hone_status infer_multi_head_attention(hone__infer *ctx) {
    int64_t heads = hone__node_attr_int(ctx->node, "num_heads", 0);
    hone__dim u = hone__dim_unknown(), y[3] = {u, u, u}, present[4] = {u, u, u, u}, scores[4] = {u, u, u, u}, dv = u;
    if (heads < 1 || heads > INT32_MAX)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "there cannot be %lld heads", (long long)heads);
    present[1] = scores[1] = hone__dim_known(heads);
    const hone__type *q = hone__infer_has_rank(ctx, 0) ? hone__infer_input(ctx, 0) : NULL;
    const hone__type *v = hone__infer_has_rank(ctx, 2) ? hone__infer_input(ctx, 2) : NULL;
    if (q && (q->rank == 3 || q->rank == 5)) {
        present[0] = scores[0] = y[0] = q->dims[0];
        scores[2] = y[1] = q->dims[1];
    }
    if (q && q->rank == 5)
        present[3] = dv = q->dims[4];
    else if (q && q->rank == 3 && q->dims[2].value >= 0) {
        bool packed = !hone__infer_given(ctx, 1);
        present[3] = dv = hone__dim_known(q->dims[2].value / (packed ? 3 : 1) / heads);
    }
    if (hone__infer_given(ctx, 2)) {
        dv = u;
        if (v && v->rank == 4)
            dv = v->dims[3];
        else if (v && v->rank == 3 && v->dims[2].value >= 0)
            dv = hone__dim_known(v->dims[2].value / heads);
    }
    if (dv.value >= 0 && dv.value <= INT64_MAX / heads)
        y[2] = hone__dim_known(dv.value * heads);
    return infer_outputs(ctx, y, present, dv, scores);
}

/* ---- evaluation ---- */

/* An operand: element (b, head, row, e) stands at data[b*stride[0] + head*stride[1] + row*stride[2] + e]. */
typedef struct operand {
    const double *data, *bias; /* bias: [heads, size], or NULL */
    int64_t stride[3];
} operand;

typedef struct mha {
    hone__attention a;
    places in;
    operand q, k, v;
    int64_t fresh;    /* keys that come with this call */
    int64_t past;     /* keys in the cache before */
    int64_t capacity; /* of the cache after */
    int64_t beam;     /* sequences that may share a past */
    bool is_cross;    /* keys and values come as [B,H,T,D]: there is no cache */
} mha;

static void set_operand(operand *o, const double *data, int64_t batch, int64_t head, int64_t row) {
    *o = (operand){.data = data, .stride = {batch, head, row}};
}

/* Queries, keys and values side by side in one tensor: [B,S,H,3,D] or [B,S,3*H*D]. */
static hone_status read_packed(hone__eval *ctx, mha *m) {
    const hone_tensor *q = ctx->in[0];
    const double *x;
    hone__attention *a = &m->a;
    int64_t heads = a->heads;
    bool is_5d = q->rank == 5;
    if (is_5d ? q->dims[2] != heads || q->dims[3] != 3 : q->rank != 3 || q->dims[2] % (3 * heads) != 0)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the packed operands do not fit %lld heads", (long long)heads);
    HONE_TRY(hone__eval_in_double(ctx, 0, &x));
    a->batch = q->dims[0];
    a->s = m->fresh = q->dims[1];
    a->d = a->dv = is_5d ? q->dims[4] : q->dims[2] / (3 * heads);
    int64_t row = 3 * heads * a->d, head = is_5d ? 3 * a->d : a->d, next = is_5d ? a->d : heads * a->d;
    set_operand(&m->q, x, a->s * row, head, row);
    set_operand(&m->k, x + next, a->s * row, head, row);
    set_operand(&m->v, x + 2 * next, a->s * row, head, row);
    return HONE_OK;
}

/* Queries [B,S,H*D] beside keys and values of one tensor, [B,T,H,2,D]. */
static hone_status read_packed_kv(hone__eval *ctx, mha *m) {
    const hone_tensor *q = ctx->in[0], *k = ctx->in[1];
    const double *x;
    hone__attention *a = &m->a;
    if (k->dims[0] != a->batch || k->dims[2] != a->heads || k->dims[3] != 2 || k->dims[4] * a->heads != q->dims[2])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the packed keys and values do not fit the queries");
    HONE_TRY(hone__eval_in_double(ctx, 1, &x));
    m->fresh = k->dims[1];
    a->dv = a->d;
    int64_t row = 2 * a->heads * a->d;
    set_operand(&m->k, x, m->fresh * row, 2 * a->d, row);
    set_operand(&m->v, x + a->d, m->fresh * row, 2 * a->d, row);
    return HONE_OK;
}

/* Keys and values as [B,T,H*D], or as [B,H,T,D]. */
static hone_status read_kv(hone__eval *ctx, mha *m) {
    const hone_tensor *q = ctx->in[0], *k = ctx->in[1], *v = hone__in(ctx, 2);
    hone__attention *a = &m->a;
    bool is_4d = m->is_cross = k->rank == 4;
    if (!v || v->rank != k->rank || (!is_4d && k->rank != 3))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "keys and values must both have rank 3 or 4");
    m->fresh = k->dims[is_4d ? 2 : 1];
    a->dv = is_4d ? v->dims[3] : v->dims[2] / a->heads;
    bool fits = k->dims[0] == a->batch && v->dims[0] == a->batch && v->dims[is_4d ? 2 : 1] == m->fresh &&
                (is_4d ? k->dims[1] == a->heads && v->dims[1] == a->heads && k->dims[3] == a->d
                       : k->dims[2] == q->dims[2] && v->dims[2] % a->heads == 0);
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "queries, keys and values do not fit together");
    HONE_TRY(hone__eval_in_double(ctx, 1, &m->k.data));
    HONE_TRY(hone__eval_in_double(ctx, 2, &m->v.data));
    hone__attention_strides(is_4d, a->heads, m->fresh, a->d, m->k.stride);
    hone__attention_strides(is_4d, a->heads, m->fresh, a->dv, m->v.stride);
    return HONE_OK;
}

static hone_status read_operands(hone__eval *ctx, mha *m) {
    const hone_tensor *q, *bias = hone__in(ctx, m->in.bias);
    hone__attention *a = &m->a;
    const double *b;
    HONE_TRY(hone__eval_tensor(ctx, 0, &q));
    a->heads = a->kv_heads = hone__node_attr_int(ctx->node, "num_heads", 0);
    if (a->heads < 1 || a->heads > INT32_MAX)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "there cannot be %lld heads", (long long)a->heads);
    if (hone__in_omitted(ctx, 1) && !hone__in_omitted(ctx, 2))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "values are given without keys");
    if (hone__in_omitted(ctx, 1)) {
        HONE_TRY(read_packed(ctx, m));
    } else {
        if (q->rank != 3 || q->dims[2] % a->heads)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the query does not fit %lld heads", (long long)a->heads);
        HONE_TRY(hone__eval_in_double(ctx, 0, &m->q.data));
        a->batch = q->dims[0];
        a->s = q->dims[1];
        a->d = q->dims[2] / a->heads;
        hone__attention_strides(false, a->heads, a->s, a->d, m->q.stride);
        HONE_TRY(ctx->in[1]->rank == 5 && hone__in_omitted(ctx, 2) ? read_packed_kv(ctx, m) : read_kv(ctx, m));
    }
    HONE_TRY(hone__eval_in_double(ctx, m->in.bias, &b));
    if (bias && hone__tensor_count(bias) != a->heads * (2 * a->d + a->dv))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the bias does not fit queries, keys and values");
    m->q.bias = b;
    m->k.bias = b && !m->is_cross ? b + a->heads * a->d : NULL;
    m->v.bias = b && !m->is_cross ? b + 2 * a->heads * a->d : NULL;
    return HONE_OK;
}

/* How long the past is, and how long the cache becomes. */
static hone_status read_past(hone__eval *ctx, mha *m) {
    const hone_tensor *k = hone__in(ctx, m->in.past_key), *v = hone__in(ctx, m->in.past_value);
    const hone__attention *a = &m->a;
    m->past = 0;
    m->capacity = m->fresh;
    m->beam = 1;
    if (m->is_cross)
        return HONE_OK;
    if (!k != !v)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "past keys and values must come together");
    if (!k)
        return HONE_OK;
    if (k->rank != 4 || v->rank != 4 || k->dims[0] != a->batch || v->dims[0] != a->batch || k->dims[1] != a->heads ||
        v->dims[1] != a->heads || k->dims[2] != v->dims[2] || k->dims[3] != a->d || v->dims[3] != a->dv)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the past does not fit");
    m->past = k->dims[2];
    m->capacity = k->dims[2] + m->fresh;
    if (!hone__in_omitted(ctx, m->in.past_length)) { /* the buffer is longer than what is in it */
        HONE_TRY(hone__eval_int(ctx, m->in.past_length, &m->past));
        m->capacity = k->dims[2];
    }
    if (m->past < 0 || m->past > m->capacity - m->fresh)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%lld tokens and %lld before them do not fit a cache of %lld",
                               (long long)m->fresh, (long long)m->past, (long long)m->capacity);
    if (!hone__in_omitted(ctx, m->in.beam))
        HONE_TRY(hone__eval_int(ctx, m->in.beam, &m->beam));
    const hone_tensor *from = hone__in(ctx, m->in.indirection);
    if (from && m->in.beam == SIZE_MAX && from->rank == 3)
        m->beam = from->dims[1];
    if (m->beam < 1 || a->batch % m->beam ||
        (from && (from->rank != 3 || from->dims[0] * m->beam != a->batch || from->dims[1] != m->beam ||
                  from->dims[2] < m->past)))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "cache_indirection does not fit %lld beams", (long long)m->beam);
    return HONE_OK;
}

/* The cache after this call as output iout, [B,H,capacity,size], and with beams the keys that each sequence sees. */
static hone_status read_cache(hone__eval *ctx, const mha *m, const operand *o, int64_t size, size_t ipast, size_t iout,
                              double **data, int64_t *stride) {
    const hone__attention *a = &m->a;
    const double *past;
    const int64_t *from;
    hone_tensor *out;
    int64_t dims[4] = {a->batch, a->heads, m->capacity, size};
    HONE_TRY(hone__eval_in_double(ctx, m->is_cross ? SIZE_MAX : ipast, &past));
    HONE_TRY(hone__eval_in_i64(ctx, m->is_cross ? SIZE_MAX : m->in.indirection, &from));
    HONE_TRY(hone__eval_out_double(ctx, iout, ctx->in[0]->dtype, 4, dims, &out, data));
    int64_t old = past ? ctx->in[ipast]->dims[2] : 0;
    for (int64_t n = 0; n < a->batch * a->heads; n++)
        for (int64_t j = 0; j < m->capacity; j++)
            for (int64_t e = 0; e < size; e++) {
                int64_t b = n / a->heads, h = n % a->heads, i = j - m->past;
                bool is_fresh = i >= 0 && i < m->fresh;
                (*data)[(n * m->capacity + j) * size + e] =
                    is_fresh ? o->data[b * o->stride[0] + h * o->stride[1] + i * o->stride[2] + e] +
                                   (o->bias ? o->bias[h * size + e] : 0)
                    : past && j < old ? past[(n * old + j) * size + e]
                                      : 0;
            }
    hone__eval_put_double(out, *data);
    hone__attention_strides(true, a->heads, m->capacity, size, stride);
    if (!from || m->past == 0)
        return HONE_OK;
    double *own;
    int64_t length = ctx->in[m->in.indirection]->dims[2];
    HONE_TRY(hone__eval_scratch_n(ctx, a->batch * a->heads * m->capacity * size, sizeof *own, (void **)&own));
    for (int64_t n = 0; n < a->batch * a->heads; n++)
        for (int64_t j = 0; j < m->past + m->fresh; j++) {
            int64_t b = n / a->heads, group = b / m->beam, beam = j < m->past ? from[b * length + j] : b % m->beam;
            if (beam < 0 || beam >= m->beam)
                return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "cache_indirection names beam %lld of %lld",
                                       (long long)beam, (long long)m->beam);
            int64_t source = ((group * m->beam + beam) * a->heads + n % a->heads) * m->capacity + j;
            memcpy(own + (n * m->capacity + j) * size, *data + source * size, (size_t)size * sizeof *own);
        }
    *data = own;
    return HONE_OK;
}

/* Queries with their bias, dense. */
static hone_status read_queries(hone__eval *ctx, mha *m) {
    hone__attention *a = &m->a;
    const operand *o = &m->q;
    int64_t row = a->heads * a->d, n;
    double *q;
    if (!hone__mul_i64(a->batch * a->s, row, &n))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the query is too large");
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof *q, (void **)&q));
    for (int64_t i = 0; i < n; i++) {
        int64_t e = i % row, t = i / row;
        q[i] = o->data[t / a->s * o->stride[0] + e / a->d * o->stride[1] + t % a->s * o->stride[2] + e % a->d] +
               (o->bias ? o->bias[e] : 0);
    }
    a->q = q;
    hone__attention_strides(false, a->heads, a->s, a->d, a->q_stride);
    return HONE_OK;
}

static hone_status eval_multi_head_attention(hone__eval *ctx) {
    mha m = {.in = is_decoder(ctx->node) ? g_decoder : g_mha};
    hone__attention *a = &m.a;
    hone_tensor *out, *scores = NULL;
    double *k, *v;
    HONE_TRY(read_operands(ctx, &m));
    HONE_TRY(read_past(ctx, &m));
    a->past = m.past;
    a->t = m.past + m.fresh;
    a->scale = hone__attention_scale(ctx->node, a->d);
    a->causal = hone__node_attr_int(ctx->node, "unidirectional", 0) != 0;
    HONE_TRY(hone__attention_mask(ctx, m.in.mask, m.in.attention_bias, a));
    HONE_TRY(read_queries(ctx, &m));
    HONE_TRY(read_cache(ctx, &m, &m.k, a->d, m.in.past_key, 1, &k, a->k_stride));
    HONE_TRY(read_cache(ctx, &m, &m.v, a->dv, m.in.past_value, 2, &v, a->v_stride));
    a->k = k;
    a->v = v;
    int64_t y_dims[3] = {a->batch, a->s, a->heads * a->dv}, qk[4] = {a->batch, a->heads, a->s, a->t};
    HONE_TRY(hone__eval_out_double(ctx, 0, ctx->in[0]->dtype, 3, y_dims, &out, &a->y));
    hone__attention_strides(false, a->heads, a->s, a->dv, a->y_stride);
    a->scores_mode = 0;
    if (hone__wanted(ctx, 3))
        HONE_TRY(hone__eval_out_double(ctx, 3, ctx->in[0]->dtype, 4, qk, &scores, &a->scores));
    HONE_TRY(hone__attention_run(ctx, a));
    hone__eval_put_double(out, a->y);
    if (scores)
        hone__eval_put_double(scores, a->scores);
    return HONE_OK;
}

/* ---- rows ---- */

#define FLOATS (HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16))
static const hone__op_param p_mha[] = {HONE_PARAM("query", FLOATS, 'T'),
                                       HONE_PARAM_OPT("key", FLOATS, 'T'),
                                       HONE_PARAM_OPT("value", FLOATS, 'T'),
                                       HONE_PARAM_OPT("bias", FLOATS, 'T'),
                                       HONE_PARAM_OPT("key_padding_mask", HONE_SET(INT32), 'M'),
                                       HONE_PARAM_OPT("attention_bias", FLOATS, 'T'),
                                       HONE_PARAM_OPT("past_key", FLOATS, 'T'),
                                       HONE_PARAM_OPT("past_value", FLOATS, 'T'),
                                       HONE_PARAM_OPT("past_sequence_length", HONE_SET(INT32), 'M'),
                                       HONE_PARAM_OPT("cache_indirection", HONE_SET(INT32), 'M')};
static const hone__op_param p_decoder[] = {HONE_PARAM("query", FLOATS, 'T'),
                                           HONE_PARAM_OPT("key", FLOATS, 'T'),
                                           HONE_PARAM_OPT("value", FLOATS, 'T'),
                                           HONE_PARAM_OPT("mask_index", HONE_SET(INT32), 'M'),
                                           HONE_PARAM_OPT("attention_bias", FLOATS, 'T'),
                                           HONE_PARAM_OPT("past_key", FLOATS, 'T'),
                                           HONE_PARAM_OPT("past_value", FLOATS, 'T'),
                                           HONE_PARAM_OPT("past_sequence_length", HONE_SET(INT32), 'M'),
                                           HONE_PARAM_OPT("beam_width", HONE_SET(INT32), 'M'),
                                           HONE_PARAM_OPT("cache_indirection", HONE_SET(INT32), 'M'),
                                           HONE_PARAM_OPT("bias", FLOATS, 'T')};
static const hone__op_param q_mha[] = {HONE_PARAM("output", FLOATS, 'T'), HONE_PARAM_OPT("present_key", FLOATS, 'T'),
                                       HONE_PARAM_OPT("present_value", FLOATS, 'T'), HONE_PARAM_OPT("qk", FLOATS, 'T')};
static const hone__op_attr a_mha[] = {{"mask_filter_value", HONE_ATTR_FLOAT, false},
                                      {"num_heads", HONE_ATTR_INT, true},
                                      {"scale", HONE_ATTR_FLOAT, false},
                                      {"unidirectional", HONE_ATTR_INT, false}};
static const hone__op_attr a_decoder[] = {{"mask_filter_value", HONE_ATTR_FLOAT, false},
                                          {"num_heads", HONE_ATTR_INT, true},
                                          {"output_qk", HONE_ATTR_INT, false},
                                          {"past_present_share_buffer", HONE_ATTR_INT, false},
                                          {"scale", HONE_ATTR_FLOAT, false}};

static const hone__op g_rows[] = {
    HONE_ROW("com.microsoft", "MultiHeadAttention", 1, HONE_OP_PURE, 1, p_mha, 1, q_mha, a_mha,
             infer_multi_head_attention, eval_multi_head_attention, NULL),
    HONE_ROW("com.microsoft", "DecoderMaskedMultiHeadAttention", 1, HONE_OP_PURE, 1, p_decoder, 1, q_mha, a_decoder,
             infer_multi_head_attention, eval_multi_head_attention, NULL),
};
const hone__op_family hone__ops_contrib_mha = {"contrib_mha", g_rows, HONE_COUNT(g_rows)};
