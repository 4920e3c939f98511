/* Linear operators with constant weights (Conv, ConvTranspose, Gemm, MatMul), and affine maps per channel that can be
 * folded into them: y = x * scale[c] + shift[c]. All arithmetic on weights is in double and rounded once. */
#ifndef HONE_PASSES_PASS_LINEAR_H
#define HONE_PASSES_PASS_LINEAR_H

#include "passes/pass_build.h"

/* Weights seen as [d0, d1, inner]; which of the output's and of the input's channels a weight belongs to. */
typedef struct hone__linear {
    hone__node *node;
    const hone_f32_unaligned *weights;
    int64_t d0, d1, inner;
    int64_t n_out, n_in; /* channels */
    int64_t group;
    enum { HONE_LINEAR_CONV, HONE_LINEAR_CONV_TRANSPOSE, HONE_LINEAR_PRODUCT, HONE_LINEAR_PRODUCT_T } layout;
    const float *bias; /* [n_out], one element, or NULL */
    int64_t n_bias;
    float alpha, beta; /* Gemm's */
    bool takes_bias;   /* MatMul does not */
    int channel_axis;  /* of the output (and of the input for Conv): 1, or the last */
} hone__linear;

/* False when the node is none, or its weights or bias are not constant float32. */
bool hone__linear_read(hone__node *node, hone__linear *out);
static inline int64_t hone__linear_out(const hone__linear *l, int64_t i0, int64_t i1) {
    switch (l->layout) {
    case HONE_LINEAR_CONV:
    case HONE_LINEAR_PRODUCT_T:
        return i0;
    case HONE_LINEAR_CONV_TRANSPOSE:
        return i0 / (l->d0 / l->group) * l->d1 + i1;
    default:
        return i1;
    }
}
static inline int64_t hone__linear_in(const hone__linear *l, int64_t i0, int64_t i1) {
    switch (l->layout) {
    case HONE_LINEAR_CONV:
        return i0 / (l->d0 / l->group) * l->d1 + i1;
    case HONE_LINEAR_PRODUCT_T:
        return i1;
    default:
        return i0;
    }
}

typedef struct hone__affine {
    double *scale, *shift; /* [n], owned */
    int64_t n;
    bool scales, shifts; /* some scale is not 1, some shift not 0 */
    bool is_scalar;      /* one number for all channels, written as such */
} hone__affine;

/* A BatchNormalization at inference, or Mul, Div, Add, Sub with a constant per channel or a scalar, acting on values of
 * rank `rank` with n channels on `axis`. *input: which input it maps. NULL arrays and false when it is none. */
bool hone__affine_read(const hone__node *node, int64_t n, int axis, int rank, hone__affine *out, size_t *input,
                       hone_status *status, hone_error *error);
/* A scalar factor of a large product: our own kernels take it as alpha, which costs nothing when the model is loaded.
 */
bool hone__linear_prefers_alpha(const hone__pass_context *ctx, const hone__linear *l, const hone__affine *affine);
void hone__affine_deinit(hone__affine *affine);

/* The linear operator followed by the map: new weights and bias. *done false when something would not be finite, or a
 * MatMul would need a bias; nothing is changed then. */
hone_status hone__linear_fold_after(const hone__linear *l, const hone__affine *affine, bool *done, hone_error *error);
/* A large product followed by a scale per column, in hone's own sessions: hone.FusedMatMul takes it beside the weights,
 * which are not copied then. *done false: it is none such. */
hone_status hone__linear_take_scale(hone__pass_context *ctx, const hone__linear *l, const hone__affine *affine,
                                    bool *done, hone_error *error);
/* The linear operator behind the map. The caller has checked that no padding mixes with the shift. */
hone_status hone__linear_fold_before(const hone__linear *l, const hone__affine *affine, bool *done, hone_error *error);

#endif
