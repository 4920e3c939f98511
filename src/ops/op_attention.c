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
        if (a->mask && (a->mask_cols == 0 || j < a->mask_cols))
            dot +=
                a->mask[b * a->mask_stride[0] + h * a->mask_stride[1] + i * a->mask_stride[2] + j * a->mask_stride[3]];
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
        for (int64_t j = 0; j < a->t; j++) {
            row[j] = isinf(max) && max < 0 ? 0 : exp(row[j] - max);
            sum += row[j];
        }
        int64_t kv = h / (a->heads / a->kv_heads);
        double *y = a->y + b * a->y_stride[0] + h * a->y_stride[1] + i * a->y_stride[2];
        for (int64_t e = 0; e < a->dv; e++)
            y[e] = 0;
        for (int64_t j = 0; j < a->t; j++) {
            double p = sum > 0 || sum != sum ? row[j] / sum : 0;
            const double *v = a->v + b * a->v_stride[0] + kv * a->v_stride[1] + j * a->v_stride[2];
            if (keep && a->scores_mode == 3)
                keep[j] = p;
            for (int64_t e = 0; p != 0 && e < a->dv; e++)
                y[e] += p * v[e];
        }
    }
    return HONE_OK;
}

/* Two products per pair of query and key; q, k, v: [B,H,S,D]. */
double hone__attention_flops(const hone__type *q, const hone__type *k, const hone__type *v) {
    if (!q || !k || !v || q->rank != 4 || k->rank != 4 || v->rank != 4)
        return 0;
    return 2 * (double)q->dims[0].value * (double)q->dims[1].value * (double)q->dims[2].value *
           (double)k->dims[2].value * (double)(q->dims[3].value + v->dims[3].value);
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
