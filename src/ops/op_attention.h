/* Scaled dot-product attention and rotary embedding, as the operators of several domains share them
 * (ai.onnx Attention and RotaryEmbedding, com.microsoft's, hone.FusedAttention).
 *
 * Source: Vaswani et al., "Attention is all you need" (2017); Ainslie et al., "GQA" (2023); Su et al.,
 * "RoFormer" (2021). */
#ifndef HONE_OPS_OP_ATTENTION_H
#define HONE_OPS_OP_ATTENTION_H

#include "ops/op_help.h"

typedef struct hone__attention {
    int64_t batch, heads, kv_heads, s, t, d, dv; /* heads is a multiple of kv_heads */
    double scale, softcap;                       /* softcap 0: none */
    bool causal;                                 /* query i sees keys 0 .. i + past */
    int64_t past;                                /* see causal */
    int64_t window;                              /* > 0: and only the last `window` of those */
    const int64_t *key_len, *key_start;          /* [batch] keys that count: [start, len); NULL: all */
    bool causal_to_len; /* the last query stands at key_len - 1: past is key_len - s, per batch */
    /* Strides of batch, head, row, in elements; the last dimension is dense. */
    const double *q, *k, *v;
    int64_t q_stride[3], k_stride[3], v_stride[3];
    const double *mask; /* added; strides of batch, head, row, column; NULL: none */
    int64_t mask_stride[4];
    int64_t mask_cols;        /* keys from here on are masked out; 0: the mask covers all */
    bool has_sink;            /* the denominator has one term more: exp(sink of the head) */
    const double *sink;       /* [heads]; NULL: 0 */
    const uint8_t *condition; /* where it is 0 the score becomes condition_fill, before the mask; NULL: none */
    int64_t condition_stride[4];
    double condition_fill;
    int64_t mask_batches; /* the mask's batch index is taken modulo this; 0: it is not */
    bool nan_masked;      /* a query that sees nothing gives NaN, as a softmax of -infinity alone does; else zeros */
    double *y;
    int64_t y_stride[3];
    double *scores;  /* [batch,heads,s,t] or NULL */
    int scores_mode; /* 0: after scaling, 1: with softcap, 2: with mask, 3: after softmax */
} hone__attention;

hone_status hone__attention_run(hone__eval *ctx, const hone__attention *a);
/* Strides of [B,H,S,D] (is_4d) or [B,S,H*D] data. */
void hone__attention_strides(bool is_4d, int64_t heads, int64_t s, int64_t d, int64_t *stride);

/* ---- com.microsoft ---- */

/* The node's attribute `scale`, or 1/sqrt(d). */
double hone__attention_scale(const hone__node *node, int64_t d);
/* The mask of input imask, in one of the forms of mask_index ([B,T], [B,S,T], [B,1,M,M]; lengths [B], [2B], [3B+2]),
 * and the additive bias of input ibias, into mask, key_len and key_start. */
hone_status hone__attention_mask(hone__eval *ctx, size_t imask, size_t ibias, hone__attention *a);
/* to [B,H,P+S,D] = past [B,H,P,D], then x by its strides plus an optional bias [H*D]. */
void hone__attention_append(double *to, const double *past, int64_t p, const double *x, const int64_t *stride,
                            const double *bias, int64_t batch, int64_t heads, int64_t s, int64_t d);

typedef struct hone__rotary {
    int64_t batch, heads, s, d, rotary_dim; /* rotary_dim: leading elements that turn */
    int64_t stride[3];                      /* of x and y: batch, head, row */
    bool interleaved;
    const double *cos, *sin; /* [rows, rotary_dim/2] */
    int64_t rows;
    const int64_t *position; /* [batch*s] row of the caches for each token */
} hone__rotary;
hone_status hone__rotary_run(hone__eval *ctx, const hone__rotary *r, const double *x, double *y);

#endif
