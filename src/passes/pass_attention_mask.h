/* Masks of an attention, joined into one input of hone.FusedAttention; see pass_attention_mask.c. */
#ifndef HONE_PASSES_PASS_ATTENTION_MASK_H
#define HONE_PASSES_PASS_ATTENTION_MASK_H

#include "passes/pass_match_attention.h"

typedef struct hone__attention_mask {
    hone__value *value;     /* NULL: none */
    hone__value *condition; /* where it is false the score becomes fill, then the mask is added; NULL: none */
    double fill;            /* also what a bool mask adds where it is false */
    bool has_condition;
    bool causal, is_nst, repeats;
} hone__attention_mask;

/* Looks whether the terms can be joined, changing nothing. False: the near miss is recorded. */
bool hone__plan_attention_mask(hone__pass_context *ctx, const hone__node *softmax, const hone__scores *scores,
                               int64_t heads, hone__attention_mask *out);
/* Makes the joined mask before a node. */
hone_status hone__make_attention_mask(hone__pass_context *ctx, hone__node *before, const hone__scores *scores,
                                      hone__attention_mask *mask, hone_error *error);

#endif
