/* Attention and rotary embedding; see op_attention.h. */
#include "ops/op_attention.h"

#include <math.h>

void hone__attention_strides(bool is_4d, int64_t heads, int64_t s, int64_t d, int64_t *stride) {
    stride[0] = heads * s * d;
    stride[1] = is_4d ? s * d : d;
    stride[2] = is_4d ? d : heads * d;
}

/* Scores of one query against all keys; those out of sight are -infinity. */
static void score_row(const hone__attention *a, int64_t b, int64_t h, int64_t i, double *row, double *keep) {
    const double *q = a->q + b * a->q_stride[0] + h * a->q_stride[1] + i * a->q_stride[2];
    int64_t kv = h / (a->heads / a->kv_heads), end = a->key_len ? a->key_len[b] : a->t;
    int64_t past = a->causal_to_len && a->key_len ? a->key_len[b] - a->s : a->past,
            first = a->key_start ? a->key_start[b] : 0;
    for (int64_t j = 0; j < a->t; j++) {
        const double *k = a->k + b * a->k_stride[0] + kv * a->k_stride[1] + j * a->k_stride[2];
        double dot = 0;
        for (int64_t e = 0; e < a->d; e++)
            dot += q[e] * k[e];
        dot *= a->scale;
        if (keep && a->scores_mode == 0)
            keep[j] = dot;
        if (a->softcap > 0)
            dot = a->softcap * tanh(dot / a->softcap);
        if (keep && a->scores_mode == 1)
            keep[j] = dot;
        if (a->condition && !a->condition[b * a->condition_stride[0] + h * a->condition_stride[1] +
                                          i * a->condition_stride[2] + j * a->condition_stride[3]])
            dot = a->condition_fill;
        if (a->mask && (a->mask_cols == 0 || j < a->mask_cols))
            dot += a->mask[(a->mask_batches ? b % a->mask_batches : b) * a->mask_stride[0] + h * a->mask_stride[1] +
                           i * a->mask_stride[2] + j * a->mask_stride[3]];
        bool seen = j >= first && j < end && (!a->causal || j <= i + past) && (a->mask_cols == 0 || j < a->mask_cols);
        if (a->window > 0 && j + a->window <= i + past)
            seen = false;
        row[j] = seen ? dot : -INFINITY;
        if (keep && a->scores_mode == 2)
            keep[j] = row[j];
    }
}

hone_status hone__attention_run(hone__eval *ctx, const hone__attention *a) {
    void *scratch;
    HONE_TRY(hone__eval_scratch_n(ctx, a->t, sizeof(double), &scratch));
    double *row = scratch;
    for (int64_t n = 0; n < a->batch * a->heads * a->s; n++) {
        int64_t i = n % a->s, h = n / a->s % a->heads, b = n / (a->s * a->heads);
        double *keep = a->scores ? a->scores + n * a->t : NULL, max = -INFINITY, sum = 0;
        score_row(a, b, h, i, row, keep);
        for (int64_t j = 0; j < a->t; j++)
            max = fmax(max, row[j]);
        double sink = a->sink ? a->sink[h] : 0;
        if (a->has_sink) {
            max = fmax(max, sink);
            sum = exp(sink - max);
        }
        for (int64_t j = 0; j < a->t; j++) {
            row[j] = isinf(max) && max < 0 ? 0 : exp(row[j] - max);
            sum += row[j];
        }
        int64_t kv = h / (a->heads / a->kv_heads);
        double *y = a->y + b * a->y_stride[0] + h * a->y_stride[1] + i * a->y_stride[2];
        for (int64_t e = 0; e < a->dv; e++)
            y[e] = 0;
        for (int64_t j = 0; j < a->t; j++) {
            double p = sum > 0 || sum != sum || a->nan_masked ? row[j] / sum : 0;
            const double *v = a->v + b * a->v_stride[0] + kv * a->v_stride[1] + j * a->v_stride[2];
            if (keep && a->scores_mode == 3)
                keep[j] = p;
            for (int64_t e = 0; p != 0 && e < a->dv; e++)
                y[e] += p * v[e];
        }
    }
    return HONE_OK;
}

hone_status hone__rotary_run(hone__eval *ctx, const hone__rotary *r, const double *x, double *y) {
    int64_t half = r->rotary_dim / 2;
    for (int64_t n = 0; n < r->batch * r->s; n++) {
        int64_t p = r->position[n];
        if (p < 0 || p >= r->rows)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "position %lld is outside a cache of %lld", (long long)p,
                                   (long long)r->rows);
        for (int64_t h = 0; h < r->heads; h++) {
            int64_t at = n / r->s * r->stride[0] + h * r->stride[1] + n % r->s * r->stride[2];
            for (int64_t e = 0; e < half; e++) {
                int64_t i0 = at + (r->interleaved ? 2 * e : e), i1 = at + (r->interleaved ? 2 * e + 1 : e + half);
                double c = r->cos[p * half + e], s = r->sin[p * half + e], a = x[i0], b = x[i1];
                y[i0] = a * c - b * s;
                y[i1] = a * s + b * c;
            }
            for (int64_t e = 2 * half; e < r->d; e++)
                y[at + e] = x[at + e];
        }
    }
    return HONE_OK;
}

/* ---- com.microsoft ---- */

double hone__attention_scale(const hone__node *node, int64_t d) {
    double given = hone__node_attr_float(node, "scale", 0);
    return given != 0 ? given : d > 0 ? 1 / sqrt((double)d) : 1;
}

/* An additive mask of 0 and mask_filter_value, [batch, rows, cols] from one of the forms of mask_index:
 * [B,T], [B,S,T]; lengths [B], [2B], [3B+2] go to key_len and key_start. Added to a bias when one is given. */
hone_status hone__attention_mask(hone__eval *ctx, size_t imask, size_t ibias, hone__attention *a) {
    const hone_tensor *m = hone__in(ctx, imask), *bias = hone__in(ctx, ibias);
    const int64_t *v;
    const double *bv;
    HONE_TRY(hone__eval_in_i64(ctx, imask, &v));
    HONE_TRY(hone__eval_in_double(ctx, ibias, &bv));
    int64_t want[4] = {a->batch, a->heads, a->s, a->t}, bias_stride[4] = {0}, count;
    if (m && m->rank == 2 && m->dims[1] == 1 && a->t != 1)
        m = NULL; /* a stand-in that masks nothing */
    bool raw = m && m->rank >= 2;
    int64_t wide = 0;
    if (m && m->rank == 1 && m->dims[0] == a->batch)
        a->key_len = v;
    else if (m && m->rank == 1 && m->dims[0] == 2 * a->batch) {
        a->key_len = v;
        a->key_start = v + a->batch;
    } else if (m && m->rank == 1 && m->dims[0] == 3 * a->batch + 2) {
        a->key_len = v; /* then two cumulated forms of the same lengths */
    } else if (m && m->rank == 4 && m->dims[0] == a->batch && m->dims[1] == 1 && m->dims[2] >= a->t &&
               m->dims[3] == m->dims[2]) {
        wide = m->dims[3]; /* for the longest sequence; the last rows of the first t count */
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
        int64_t at = wide           ? (b * wide + a->t - a->s + s) * wide + t
                     : m->rank == 2 ? b * a->t + t
                                    : (b * a->s + s) * a->t + t;
        sum[i] = v[at] > 0 ? 0 : filter;
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
void hone__attention_append(double *to, const double *past, int64_t p, const double *x, const int64_t *stride,
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
