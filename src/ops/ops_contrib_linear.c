/* com.microsoft operators of models with recurrent attention (gated delta networks, Mamba) and of mixtures of experts:
 * LinearAttention, LinearAttentionGate, CausalConvWithState, GatedRMSNorm, MoE.
 *
 * Source: ONNX Runtime's documentation of contrib operators; S. Yang et al., "Gated Delta Networks" (2024). */
#include "ops/op_help.h"

#include <math.h>

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double softplus(double x) { return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); }

/* ---- LinearAttention ---- */

typedef struct linear {
    int64_t batch, steps, q_heads, kv_heads, dk, dv;
    bool has_decay, has_delta;
    int64_t decay_size, beta_size; /* per step and key head: 1, dk or 0; 1 or (shared by all heads) 0 */
    double scale;
    const double *q, *k, *v, *decay, *beta;
} linear;

static hone_status infer_linear(hone__infer *ctx) {
    int64_t qh = hone__node_attr_int(ctx->node, "q_num_heads", 0),
            kh = hone__node_attr_int(ctx->node, "kv_num_heads", 0);
    hone__dim u = hone__dim_unknown(), y[3] = {u, u, u}, state[4] = {u, u, u, u};
    if (qh < 1 || kh < 1 || qh > INT32_MAX || kh > INT32_MAX)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "there cannot be %lld and %lld heads", (long long)qh,
                                (long long)kh);
    state[1] = hone__dim_known(kh);
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 3) {
        const hone__type *q = hone__infer_input(ctx, 0);
        y[0] = state[0] = q->dims[0];
        y[1] = q->dims[1];
        if (q->dims[2].value >= 0)
            state[2] = hone__dim_known(q->dims[2].value / qh);
    }
    if (hone__infer_has_rank(ctx, 2) && hone__infer_input(ctx, 2)->rank == 3 &&
        hone__infer_input(ctx, 2)->dims[2].value >= 0) {
        int64_t dv = hone__infer_input(ctx, 2)->dims[2].value / kh;
        state[3] = hone__dim_known(dv);
        if (dv <= INT64_MAX / hone__max_i64(qh, kh))
            y[2] = hone__dim_known(dv * hone__max_i64(qh, kh));
    }
    HONE_TRY(hone__infer_set(ctx, 0, hone__infer_dtype(ctx, 0), 3, y));
    hone_dtype past = hone__infer_given(ctx, 3) ? hone__infer_dtype(ctx, 3) : hone__infer_dtype(ctx, 0);
    return ctx->n_out > 1 ? hone__infer_set(ctx, 1, past, 4, state) : HONE_OK;
}

static hone_status read_linear(hone__eval *ctx, linear *l) {
    const hone_tensor *q, *k, *v, *past = hone__in(ctx, 3), *decay = hone__in(ctx, 4), *beta = hone__in(ctx, 5);
    const char *rule = hone__node_attr_string(ctx->node, "update_rule", "gated_delta");
    HONE_TRY(hone__eval_tensor(ctx, 0, &q));
    HONE_TRY(hone__eval_tensor(ctx, 1, &k));
    HONE_TRY(hone__eval_tensor(ctx, 2, &v));
    l->q_heads = hone__node_attr_int(ctx->node, "q_num_heads", 0);
    l->kv_heads = hone__node_attr_int(ctx->node, "kv_num_heads", 0);
    l->has_decay = strcmp(rule, "gated") == 0 || strcmp(rule, "gated_delta") == 0;
    l->has_delta = strcmp(rule, "delta") == 0 || strcmp(rule, "gated_delta") == 0;
    if (!l->has_decay && !l->has_delta && strcmp(rule, "linear") != 0)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "update_rule \"%.40s\" is unknown", rule);
    int64_t qh = l->q_heads, kh = l->kv_heads;
    bool fits = qh > 0 && kh > 0 && (qh % kh == 0 || kh % qh == 0) && q->rank == 3 && k->rank == 3 && v->rank == 3 &&
                q->dims[2] % qh == 0 && v->dims[2] % kh == 0 && k->dims[2] == q->dims[2] / qh * kh;
    for (int d = 0; fits && d < 2; d++)
        fits = k->dims[d] == q->dims[d] && v->dims[d] == q->dims[d];
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "queries, keys and values do not fit together");
    l->batch = q->dims[0];
    l->steps = q->dims[1];
    l->dk = q->dims[2] / qh;
    l->dv = v->dims[2] / kh;
    int64_t size;
    if (!hone__mul_i64(l->dk, l->dv, &size) || !hone__mul_i64(size, hone__max_i64(qh, kh), &size))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the state is too large");
    int64_t tokens = l->batch * l->steps, nd = decay ? hone__tensor_count(decay) : 0,
            nb = beta ? hone__tensor_count(beta) : 0;
    bool states = !past || (past->rank == 4 && past->dims[0] == l->batch && past->dims[1] == kh &&
                            past->dims[2] == l->dk && past->dims[3] == l->dv);
    if (!states || (l->has_decay && nd != tokens * kh && nd != tokens * kh * l->dk) ||
        (l->has_delta && nb != tokens * kh && nb != tokens))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the past state, decay or beta does not fit");
    l->decay_size = nd == tokens * kh ? 1 : l->dk;
    l->beta_size = nb == tokens * kh ? kh : 1;
    double scale = hone__node_attr_float(ctx->node, "scale", 0);
    l->scale = scale != 0 ? scale : l->dk ? 1 / sqrt((double)l->dk) : 1;
    HONE_TRY(hone__eval_in_double(ctx, 0, &l->q));
    HONE_TRY(hone__eval_in_double(ctx, 1, &l->k));
    HONE_TRY(hone__eval_in_double(ctx, 2, &l->v));
    HONE_TRY(hone__eval_in_double(ctx, 4, &l->decay));
    return hone__eval_in_double(ctx, 5, &l->beta);
}

/* One token of one key head: the state s [dk,dv] decays, then takes k (x) (beta * (v - s^T k)). */
static void update_state(const linear *l, int64_t token, int64_t h, double *s) {
    const double *k = l->k + (token * l->kv_heads + h) * l->dk, *v = l->v + (token * l->kv_heads + h) * l->dv;
    for (int64_t i = 0; l->has_decay && i < l->dk; i++) {
        int64_t at = (token * l->kv_heads + h) * l->decay_size + (l->decay_size == 1 ? 0 : i);
        double f = exp(l->decay[at]);
        for (int64_t j = 0; j < l->dv; j++)
            s[i * l->dv + j] *= f;
    }
    double beta = l->has_delta ? l->beta[l->beta_size == 1 ? token : token * l->kv_heads + h] : 1;
    for (int64_t j = 0; j < l->dv; j++) {
        double known = 0;
        for (int64_t i = 0; l->has_delta && i < l->dk; i++)
            known += s[i * l->dv + j] * k[i];
        for (int64_t i = 0; i < l->dk; i++)
            s[i * l->dv + j] += k[i] * beta * (v[j] - known);
    }
}

static hone_status eval_linear(hone__eval *ctx) {
    linear l = {0};
    const double *past;
    double *y, *s;
    hone_tensor *out, *state_out;
    HONE_TRY(read_linear(ctx, &l));
    HONE_TRY(hone__eval_in_double(ctx, 3, &past));
    int64_t heads = hone__max_i64(l.q_heads, l.kv_heads), y_dims[3] = {l.batch, l.steps, heads * l.dv};
    int64_t dims[4] = {l.batch, l.kv_heads, l.dk, l.dv}, size = l.dk * l.dv;
    hone_dtype dtype = past ? ctx->in[3]->dtype : ctx->in[0]->dtype;
    HONE_TRY(hone__eval_out_double(ctx, 0, ctx->in[0]->dtype, 3, y_dims, &out, &y));
    HONE_TRY(hone__eval_out_double(ctx, 1, dtype, 4, dims, &state_out, &s));
    for (int64_t i = 0; i < l.batch * l.kv_heads * size; i++)
        s[i] = past ? past[i] : 0;
    for (int64_t n = 0; n < l.batch * l.kv_heads; n++)
        for (int64_t t = 0; t < l.steps; t++) {
            int64_t b = n / l.kv_heads, h = n % l.kv_heads, token = b * l.steps + t;
            double *state = s + n * size;
            update_state(&l, token, h, state);
            /* Each key head serves its group of queries; with fewer queries, several key heads share one. */
            int64_t group = heads / l.kv_heads;
            for (int64_t g = h * group; g < (h + 1) * group; g++) {
                const double *q = l.q + (token * l.q_heads + g * l.q_heads / heads) * l.dk;
                for (int64_t j = 0; j < l.dv; j++) {
                    double sum = 0;
                    for (int64_t i = 0; i < l.dk; i++)
                        sum += q[i] * state[i * l.dv + j];
                    y[(token * heads + g) * l.dv + j] = l.scale * sum;
                }
            }
        }
    hone__eval_put_double(out, y);
    hone__eval_put_double(state_out, s);
    return HONE_OK;
}

/* ---- LinearAttentionGate: decay = scale * softplus(a + bias), beta = sigmoid(b) ---- */

static hone_status infer_gate(hone__infer *ctx) {
    HONE_TRY(hone__infer_same(ctx, 0, 0));
    return ctx->n_out > 1 ? hone__infer_same(ctx, 1, 0) : HONE_OK;
}

static hone_status eval_gate(hone__eval *ctx) {
    const hone_tensor *a, *bias, *factor, *b = hone__in(ctx, 3);
    const double *av, *bv, *dt, *f;
    double *y, *beta;
    hone_tensor *out, *beta_out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &a));
    HONE_TRY(hone__eval_tensor(ctx, 1, &bias));
    HONE_TRY(hone__eval_tensor(ctx, 2, &factor));
    int64_t n = hone__tensor_count(a), h = a->rank ? a->dims[a->rank - 1] : 1;
    if (hone__tensor_count(bias) != h || hone__tensor_count(factor) != h || (b && hone__tensor_count(b) != n) ||
        (!b && hone__wanted(ctx, 1)))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the projections and their per-head factors do not fit together");
    HONE_TRY(hone__eval_in_double(ctx, 0, &av));
    HONE_TRY(hone__eval_in_double(ctx, 1, &dt));
    HONE_TRY(hone__eval_in_double(ctx, 2, &f));
    HONE_TRY(hone__eval_in_double(ctx, 3, &bv));
    HONE_TRY(hone__eval_out_double(ctx, 0, a->dtype, a->rank, a->dims, &out, &y));
    HONE_TRY(hone__eval_out_double(ctx, 1, a->dtype, a->rank, a->dims, &beta_out, &beta));
    for (int64_t i = 0; i < n; i++) {
        y[i] = f[i % h] * softplus(av[i] + dt[i % h]);
        beta[i] = bv ? sigmoid(bv[i]) : 0;
    }
    hone__eval_put_double(out, y);
    hone__eval_put_double(beta_out, beta);
    return HONE_OK;
}

/* ---- CausalConvWithState: each channel by its own filter, over the past and the present ---- */

static hone_status infer_causal(hone__infer *ctx) {
    HONE_TRY(hone__infer_same(ctx, 0, 0));
    if (ctx->n_out < 2)
        return HONE_OK;
    hone__dim u = hone__dim_unknown(), dims[3] = {u, u, u};
    const hone__type *x = hone__infer_has_rank(ctx, 0) ? hone__infer_input(ctx, 0) : NULL;
    const hone__type *w = hone__infer_has_rank(ctx, 1) ? hone__infer_input(ctx, 1) : NULL;
    if (x && x->rank == 3) {
        dims[0] = x->dims[0];
        dims[1] = x->dims[1];
    }
    if (w && w->rank == 3 && w->dims[2].value > 0)
        dims[2] = hone__dim_known((w->dims[2].value - 1) * hone__node_attr_int(ctx->node, "dilation", 1));
    return hone__infer_set(ctx, 1, hone__infer_dtype(ctx, 0), 3, dims);
}

static hone_status eval_causal(hone__eval *ctx) {
    const hone_tensor *x, *w, *b = hone__in(ctx, 2), *past = hone__in(ctx, 3);
    const double *v, *wv, *bias, *pv;
    double *y, *state;
    hone_tensor *out, *state_out;
    const char *activation = hone__node_attr_string(ctx->node, "activation", "none");
    bool is_silu = strcmp(activation, "silu") == 0 || strcmp(activation, "swish") == 0;
    int64_t dilation = hone__node_attr_int(ctx->node, "dilation", 1);
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    if (x->rank != 3 || w->rank != 3 || w->dims[0] != x->dims[1] || w->dims[1] != 1 || w->dims[2] < 1 || dilation < 1 ||
        dilation > INT32_MAX / w->dims[2] || (b && hone__tensor_count(b) != x->dims[1]))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input, weight and bias do not fit a causal convolution");
    int64_t channels = x->dims[1], n = x->dims[2], k = w->dims[2], kept = (k - 1) * dilation,
            dims[3] = {x->dims[0], channels, kept};
    if (past && hone__tensor_count(past) != x->dims[0] * channels * kept)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the past state must hold %lld positions", (long long)kept);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &wv));
    HONE_TRY(hone__eval_in_double(ctx, 2, &bias));
    HONE_TRY(hone__eval_in_double(ctx, 3, &pv));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, 3, x->dims, &out, &y));
    HONE_TRY(hone__eval_out_double(ctx, 1, x->dtype, 3, dims, &state_out, &state));
    for (int64_t r = 0; r < x->dims[0] * channels; r++) {
        const double *row = v + r * n, *old = pv ? pv + r * kept : NULL;
        for (int64_t t = 0; t < n; t++) {
            double sum = bias ? bias[r % channels] : 0;
            for (int64_t j = 0; j < k; j++) {
                int64_t at = t - (k - 1 - j) * dilation;
                sum += wv[r % channels * k + j] * (at >= 0 ? row[at] : old ? old[kept + at] : 0);
            }
            y[r * n + t] = is_silu ? sum * sigmoid(sum) : sum;
        }
        for (int64_t i = 0; i < kept; i++) {
            int64_t at = n - kept + i;
            state[r * kept + i] = at >= 0 ? row[at] : old ? old[kept + at] : 0;
        }
    }
    hone__eval_put_double(out, y);
    hone__eval_put_double(state_out, state);
    return HONE_OK;
}

/* ---- GatedRMSNorm ---- */

static hone_status eval_gated_norm(hone__eval *ctx) {
    const hone_tensor *x, *scale, *gate;
    const double *v, *s, *g;
    double *y, eps = hone__node_attr_float(ctx->node, "epsilon", 1e-5f);
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &scale));
    HONE_TRY(hone__eval_tensor(ctx, 2, &gate));
    int64_t n = hone__tensor_count(x), c = hone__tensor_count(scale), last = x->rank ? x->dims[x->rank - 1] : 1;
    if (c < 1 || last % c || hone__tensor_count(gate) != n)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the scale or the gate does not fit the input");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &s));
    HONE_TRY(hone__eval_in_double(ctx, 2, &g));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t at = 0; at < n; at += c) {
        double squares = 0;
        for (int64_t i = 0; i < c; i++)
            squares += v[at + i] * v[at + i];
        double inverse = 1 / sqrt(squares / (double)c + eps);
        for (int64_t i = 0; i < c; i++)
            y[at + i] = v[at + i] * inverse * s[i] * g[at + i] * sigmoid(g[at + i]);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- MoE: every token goes through its k best experts ---- */

typedef struct moe {
    int64_t tokens, hidden, experts, inner, k, fusion;
    const char *activation;
    double alpha, beta, limit;
    bool is_interleaved, is_normalised;
    const double *x, *router, *w1, *b1, *w2, *b2, *w3, *b3;
    double *up, *gate, *weights; /* [2*inner], [inner], [experts] */
} moe;

static double activate(const moe *m, double v) {
    if (strcmp(m->activation, "relu") == 0)
        return v > 0 ? v : 0;
    if (strcmp(m->activation, "gelu") == 0)
        return 0.5 * v * (1 + erf(v * 0.70710678118654752440));
    if (strcmp(m->activation, "silu") == 0)
        return v * sigmoid(v);
    return v;
}

static double dot_row(const double *w, const double *x, int64_t n, double sum) {
    for (int64_t i = 0; i < n; i++)
        sum += w[i] * x[i];
    return sum;
}

/* What comes between the expert's first and second product, for its inner element i. */
static double inner_value(const moe *m, int64_t i) {
    if (strcmp(m->activation, "swiglu") != 0)
        return activate(m, m->up[i]) * (m->w3 ? m->gate[i] : 1);
    double g = m->fusion == 1 ? m->up[i] : m->is_interleaved ? m->up[2 * i] : m->up[i];
    double l = m->fusion == 1 ? m->gate[i] : m->is_interleaved ? m->up[2 * i + 1] : m->up[m->inner + i];
    g = fmin(g, m->limit);
    l = fmax(fmin(l, m->limit), -m->limit);
    return g * sigmoid(m->alpha * g) * (l + m->beta);
}

static void run_expert(const moe *m, const double *x, int64_t e, double weight, double *y) {
    int64_t rows = m->fusion * m->inner;
    for (int64_t r = 0; r < rows; r++)
        m->up[r] = dot_row(m->w1 + (e * rows + r) * m->hidden, x, m->hidden, m->b1 ? m->b1[e * rows + r] : 0);
    for (int64_t r = 0; m->w3 && r < m->inner; r++)
        m->gate[r] = dot_row(m->w3 + (e * m->inner + r) * m->hidden, x, m->hidden, m->b3 ? m->b3[e * m->inner + r] : 0);
    for (int64_t i = 0; i < m->inner; i++) /* in place: element i reads up[i] and what comes after it */
        m->up[i] = inner_value(m, i);
    for (int64_t h = 0; h < m->hidden; h++)
        y[h] += weight *
                dot_row(m->w2 + (e * m->hidden + h) * m->inner, m->up, m->inner, m->b2 ? m->b2[e * m->hidden + h] : 0);
}

/* The k largest of the router's probabilities; the others become 0. */
static void route(const moe *m, const double *logits) {
    double max = -INFINITY, sum = 0, chosen = 0;
    for (int64_t e = 0; e < m->experts; e++)
        max = fmax(max, logits[e]);
    for (int64_t e = 0; e < m->experts; e++)
        sum += exp(logits[e] - max);
    for (int64_t e = 0; e < m->experts; e++) {
        int64_t better = 0;
        for (int64_t o = 0; o < m->experts; o++)
            better += logits[o] > logits[e] || (logits[o] == logits[e] && o < e);
        m->weights[e] = better < m->k ? exp(logits[e] - max) / sum : 0;
        chosen += m->weights[e];
    }
    for (int64_t e = 0; m->is_normalised && chosen > 0 && e < m->experts; e++)
        m->weights[e] /= chosen;
}

static hone_status read_moe(hone__eval *ctx, moe *m) {
    static const size_t needed[] = {0, 1, 2, 4};
    const hone_tensor *in[8] = {NULL};
    const hone__node *node = ctx->node;
    for (size_t i = 0; i < 8; i++)
        in[i] = hone__in(ctx, i);
    for (size_t i = 0; i < HONE_COUNT(needed); i++)
        HONE_TRY(hone__eval_tensor(ctx, needed[i], &in[needed[i]]));
    m->activation = hone__node_attr_string(node, "activation_type", "relu");
    bool is_swiglu = strcmp(m->activation, "swiglu") == 0;
    int64_t fused = hone__node_attr_int(node, "swiglu_fusion", 0);
    m->fusion = is_swiglu && fused != 0 ? 2 : 1;
    m->is_interleaved = fused == 1;
    m->is_normalised = hone__node_attr_int(node, "normalize_routing_weights", 0) != 0;
    m->k = hone__node_attr_int(node, "k", 1);
    m->alpha = hone__node_attr_float(node, "activation_alpha", 1);
    m->beta = hone__node_attr_float(node, "activation_beta", 0);
    m->limit = hone__node_attr(node, "swiglu_limit") ? hone__node_attr_float(node, "swiglu_limit", 0) : INFINITY;
    m->hidden = in[0]->rank >= 2 ? in[0]->dims[in[0]->rank - 1] : 0;
    m->tokens = m->hidden ? hone__tensor_count(in[0]) / m->hidden : 0;
    m->experts = in[2]->rank == 3 ? in[2]->dims[0] : 0;
    m->inner = in[4]->rank == 3 ? in[4]->dims[2] : 0;
    int64_t e = m->experts, h = m->hidden, n = m->inner;
    bool fits = h > 0 && e > 0 && n > 0 && m->k >= 1 && m->k <= e && hone__tensor_count(in[1]) == m->tokens * e &&
                in[2]->dims[1] == m->fusion * n && in[2]->dims[2] == h && in[4]->dims[0] == e && in[4]->dims[1] == h &&
                (!in[3] || hone__tensor_count(in[3]) == e * m->fusion * n) &&
                (!in[5] || hone__tensor_count(in[5]) == e * h) && (!in[6] || hone__tensor_count(in[6]) == e * n * h) &&
                (!in[7] || hone__tensor_count(in[7]) == e * n) && !(is_swiglu && m->fusion == 1 && !in[6]);
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "tokens, router and experts do not fit together");
    const double **to[8] = {&m->x, &m->router, &m->w1, &m->b1, &m->w2, &m->b2, &m->w3, &m->b3};
    for (size_t i = 0; i < 8; i++)
        HONE_TRY(hone__eval_in_double(ctx, i, to[i]));
    HONE_TRY(hone__eval_scratch_n(ctx, 2 * n, sizeof(double), (void **)&m->up));
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(double), (void **)&m->gate));
    return hone__eval_scratch_n(ctx, e, sizeof(double), (void **)&m->weights);
}

static hone_status eval_moe(hone__eval *ctx) {
    moe m = {0};
    double *y;
    hone_tensor *out;
    HONE_TRY(read_moe(ctx, &m));
    const hone_tensor *x = ctx->in[0];
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t t = 0; t < m.tokens; t++) {
        route(&m, m.router + t * m.experts);
        for (int64_t h = 0; h < m.hidden; h++)
            y[t * m.hidden + h] = 0;
        for (int64_t e = 0; e < m.experts; e++)
            if (m.weights[e] > 0)
                run_expert(&m, m.x + t * m.hidden, e, m.weights[e], y + t * m.hidden);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */

#define MS "com.microsoft"
#define FLOATS (HONE_SET(FLOAT) | HONE_SET(FLOAT16) | HONE_SET(BFLOAT16))
static const hone__op_param p_linear[] = {
    HONE_PARAM("query", FLOATS, 'T'),     HONE_PARAM("key", FLOATS, 'T'),
    HONE_PARAM("value", FLOATS, 'T'),     HONE_PARAM_OPT("past_state", FLOATS, 'S'),
    HONE_PARAM_OPT("decay", FLOATS, 'T'), HONE_PARAM_OPT("beta", FLOATS, 'T')};
static const hone__op_param p_gate[] = {HONE_PARAM("a", FLOATS, 'T'), HONE_PARAM("dt_bias", HONE_SET(FLOAT), 0),
                                        HONE_PARAM("decay_scale", HONE_SET(FLOAT), 0),
                                        HONE_PARAM_OPT("b", FLOATS, 'T')};
static const hone__op_param p_causal[] = {HONE_PARAM("input", FLOATS, 'T'), HONE_PARAM("weight", FLOATS, 'T'),
                                          HONE_PARAM_OPT("bias", FLOATS, 'T'),
                                          HONE_PARAM_OPT("past_state", FLOATS, 'T')};
static const hone__op_param p_norm[] = {HONE_PARAM("X", FLOATS, 'T'), HONE_PARAM("scale", FLOATS, 'T'),
                                        HONE_PARAM("gate", FLOATS, 'T')};
static const hone__op_param p_moe[] = {HONE_PARAM("input", FLOATS, 'T'),
                                       HONE_PARAM("router_probs", FLOATS, 'T'),
                                       HONE_PARAM("fc1_experts_weights", FLOATS, 'T'),
                                       HONE_PARAM_OPT("fc1_experts_bias", FLOATS, 'T'),
                                       HONE_PARAM("fc2_experts_weights", FLOATS, 'T'),
                                       HONE_PARAM_OPT("fc2_experts_bias", FLOATS, 'T'),
                                       HONE_PARAM_OPT("fc3_experts_weights", FLOATS, 'T'),
                                       HONE_PARAM_OPT("fc3_experts_bias", FLOATS, 'T')};
static const hone__op_param q_one[] = {HONE_PARAM("output", FLOATS, 'T')};
static const hone__op_param q_state[] = {HONE_PARAM("output", FLOATS, 'T'), HONE_PARAM_OPT("present_state", FLOATS, 0)};
static const hone__op_attr a_linear[] = {
    {"chunk_size", HONE_ATTR_INT, false},   {"kv_num_heads", HONE_ATTR_INT, true},
    {"q_num_heads", HONE_ATTR_INT, true},   {"scale", HONE_ATTR_FLOAT, false},
    {"state_window", HONE_ATTR_INT, false}, {"update_rule", HONE_ATTR_STRING, false}};
static const hone__op_attr a_causal[] = {{"activation", HONE_ATTR_STRING, false},
                                         {"channels_last", HONE_ATTR_INT, false},
                                         {"dilation", HONE_ATTR_INT, false},
                                         {"ndim", HONE_ATTR_INT, false},
                                         {"state_window", HONE_ATTR_INT, false}};
static const hone__op_attr a_norm[] = {{"epsilon", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_moe[] = {{"activation_alpha", HONE_ATTR_FLOAT, false},
                                      {"activation_beta", HONE_ATTR_FLOAT, false},
                                      {"activation_type", HONE_ATTR_STRING, false},
                                      {"k", HONE_ATTR_INT, false},
                                      {"normalize_routing_weights", HONE_ATTR_INT, false},
                                      {"swiglu_fusion", HONE_ATTR_INT, false},
                                      {"swiglu_limit", HONE_ATTR_FLOAT, false},
                                      {"use_sparse_mixer", HONE_ATTR_INT, false}};

static const hone__op g_rows[] = {
    HONE_ROW(MS, "LinearAttention", 1, HONE_OP_PURE, 3, p_linear, 1, q_state, a_linear, infer_linear, eval_linear,
             NULL),
    HONE_ROW_NO_ATTRS(MS, "LinearAttentionGate", 1, HONE_OP_PURE, 3, p_gate, 1, q_state, infer_gate, eval_gate, NULL),
    HONE_ROW(MS, "CausalConvWithState", 1, HONE_OP_PURE, 2, p_causal, 1, q_state, a_causal, infer_causal, eval_causal,
             NULL),
    HONE_ROW(MS, "GatedRMSNorm", 1, HONE_OP_PURE, 3, p_norm, 1, q_one, a_norm, hone__infer_same0, eval_gated_norm,
             NULL),
    HONE_ROW(MS, "MoE", 1, HONE_OP_PURE, 5, p_moe, 1, q_one, a_moe, hone__infer_same0, eval_moe, NULL),
};
const hone__op_family hone__ops_contrib_linear = {"contrib_linear", g_rows, HONE_COUNT(g_rows)};
