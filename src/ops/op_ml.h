/* What the operators of ai.onnx.ml share: labels, scores and what is done to them at the end.
 *
 * Where it stands: included by the ops_ml*.c files only. */
#ifndef HONE_OPS_OP_ML_H
#define HONE_OPS_OP_ML_H

#include "ops/op_help.h"

typedef enum hone__ml_post {
    HONE_ML_NONE,
    HONE_ML_SOFTMAX,
    HONE_ML_LOGISTIC,
    HONE_ML_SOFTMAX_ZERO,
    HONE_ML_PROBIT
} hone__ml_post;

/* The attribute post_transform; UNSUPPORTED for unknown ones. */
hone_status hone__ml_read_post(const hone__node *node, hone__ml_post *out, hone_error *error);
void hone__ml_post_transform(hone__ml_post kind, double *s, int64_t n);

/* Labels of a classifier: strings or integers. */
typedef struct hone__ml_labels {
    int64_t n;
    const hone_string *strings;
    const int64_t *ints;
} hone__ml_labels;

/* From the attributes of these names; n is 0 when neither is there. */
hone__ml_labels hone__ml_read_labels(const hone__node *node, const char *strings, const char *ints);
hone_status hone__ml_put_label(hone_tensor *out, int64_t i, const hone__ml_labels *l, int64_t k, hone_error *error);

/* Rows of a [N,C] or [C] input 0. */
hone_status hone__ml_read_rows(hone__eval *ctx, const hone_tensor **x, int64_t *rows, int64_t *cols);

/* Output i is float [rows of input 0, n]; n -1: unknown. */
hone_status hone__ml_infer_scores(hone__infer *ctx, size_t i, int64_t n);
/* Labels [rows] and scores [rows, unknown]. */
hone_status hone__ml_infer_classifier(hone__infer *ctx, hone__ml_labels l);

/* Writes one row's label and scores. s has room for two; n = 1 with two labels is the binary case, where
 * `half`: the one score is a probability (threshold 0.5), else a margin (threshold 0). */
hone_status hone__ml_put_row(hone__eval *ctx, hone_tensor *label, float *scores, int64_t row, double *s, int64_t n,
                             const hone__ml_labels *l, hone__ml_post post, bool half, bool complement);

#endif
