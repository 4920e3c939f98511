/* The parts of fuse_attention: the scores and masks between a Softmax and the product of queries and keys, and the
 * operands as layouts of hone.FusedAttention. */
#ifndef HONE_PASSES_PASS_MATCH_ATTENTION_H
#define HONE_PASSES_PASS_MATCH_ATTENTION_H

#include "passes/passes.h"

enum { HONE_MASK_TERMS = 6, HONE_SHAPED = 4 };

/* Something added to the scores, or (is_bool) what replaces them by a large negative number. */
typedef struct hone__mask_term {
    hone__value *value;
    double factor;             /* of the value: a scale that is applied to the sum afterwards */
    bool is_bool, is_inverted; /* bool: where it is false (inverted: true) the score becomes fill */
    double fill;
    const hone__value *scores; /* what it is added to: its rank says what the mask's dims stand for */
} hone__mask_term;

typedef struct hone__scores {
    hone__node *product; /* MatMul, or a FusedMatMul without anything after the product */
    bool is_key_plain;   /* the product's second operand is [.., T, D]: FusedMatMul transposes it */
    double scale;
    hone__mask_term terms[HONE_MASK_TERMS]; /* the outermost first */
    size_t n_terms;
    hone__value *shaped[HONE_SHAPED]; /* scores of four dims that Shape nodes read too */
    size_t n_shaped;
    double clamp; /* scores are at least this; -infinity: not clamped */
} hone__scores;

/* Walks from a Softmax back to the product. False: no attention, with the near miss recorded if there is a product. */
bool hone__match_scores(hone__pass_context *ctx, const hone__node *softmax, hone__scores *out);
/* Whether a product of two values that are not constant lies behind, by arithmetic and moves alone. */
bool hone__has_product(hone__value *value);

typedef struct hone__attention_input {
    hone__value *value;
    const char *layout;
    int64_t heads;                /* kv heads that lie in memory; -1: not known */
    int64_t group;                /* consecutive query heads that each serves, by Expand */
    int64_t size, offset, stride; /* of layouts with C */
    bool is_merged;               /* rank 3, batch x heads in the first dim and nothing known of the two */
    bool has_batch;               /* the batch is not 1 */
    hone__dim batch, rows;
    double scale;
} hone__attention_input;

/* The operand of a product as an input of FusedAttention; is_transposed: its last two dims are D and rows. may_scale:
 * factors on the way may be taken out. False: its rank does not fit, or it must be transposed first. */
bool hone__match_attention_input(hone__value *value, bool is_transposed, bool may_scale, hone__attention_input *out);

#endif
