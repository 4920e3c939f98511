/* The pattern that LayerNormalization and RMSNormalization share when they are spelt out; see pass_match_norm.c. */
#ifndef HONE_PASSES_PASS_MATCH_NORM_H
#define HONE_PASSES_PASS_MATCH_NORM_H

#include "passes/passes.h"

typedef struct hone__norm_match {
    hone__value *x;
    uint32_t axes; /* bit mask of the normalised axes */
    double eps;
    hone__value *scale, *bias; /* as they stand in the graph; NULL: none */
    hone__node *last;          /* makes the pattern's result */
} hone__norm_match;

/* Anchored at the ReduceMean of the squares. is_rms: of x itself, else of x minus its mean. A pattern that differs is
 * recorded as a near miss once the root of the mean has been seen. */
bool hone__match_norm(hone__pass_context *ctx, hone__node *mean, bool is_rms, hone__norm_match *m);

/* Rewrites the match as one operator over the last axes (with transposes around it when the axes are others). Without
 * changing anything, *done stays false when the sizes are not known. */
hone_status hone__rewrite_norm(hone__pass_context *ctx, const hone__node *anchor, const hone__norm_match *m,
                               const char *op_type, int64_t opset, bool *done, hone_error *error);

#endif
