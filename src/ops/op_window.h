/* Sliding windows of convolutions and pools: kernel, strides, dilations, pads, auto_pad, read from a
 * node's attributes, checked, and turned into output sizes.
 *
 * Source: ONNX operator specification, Conv, ConvTranspose and MaxPool. */
#ifndef HONE_OPS_OP_WINDOW_H
#define HONE_OPS_OP_WINDOW_H

#include "ops/op.h"

enum { HONE_WINDOW_MAX = 3 }; /* spatial dimensions */

typedef enum hone__auto_pad {
    HONE_PAD_NOTSET,
    HONE_PAD_VALID,
    HONE_PAD_SAME_UPPER,
    HONE_PAD_SAME_LOWER
} hone__auto_pad;

typedef struct hone__window {
    int n; /* spatial dimensions, 1..HONE_WINDOW_MAX */
    hone__auto_pad auto_pad;
    bool ceil_mode;
    int64_t kernel[HONE_WINDOW_MAX]; /* -1: unknown (inference only) */
    int64_t stride[HONE_WINDOW_MAX], dilation[HONE_WINDOW_MAX];
    int64_t pad_begin[HONE_WINDOW_MAX], pad_end[HONE_WINDOW_MAX]; /* SAME_*: set by hone__window_output */
} hone__window;

/* Reads the attributes. kernel: [n_spatial] sizes to use when the node has no kernel_shape (the
 * weight's), -1 for unknown ones; NULL: kernel_shape is required. A kernel_shape that contradicts them fails. */
hone_status hone__window_read(const hone__node *node, int n_spatial, const int64_t *kernel, hone__window *out,
                              hone_error *error);
/* Output size of spatial dimension i for an input size; sets SAME_* pads. */
hone_status hone__window_output(hone__window *w, int i, int64_t in, int64_t *out, hone_error *error);
/* The same with dims that may be unknown or symbolic. */
hone_status hone__window_output_dim(hone__window *w, int i, hone__dim in, hone__dim *out, hone_error *error);

/* ConvTranspose: output sizes and pads, from output_shape, output_padding, auto_pad. */
hone_status hone__window_transposed(const hone__node *node, hone__window *w, int i, int64_t in, int64_t *out,
                                    hone_error *error);

/* Moves the n dimensions to the end of HONE_WINDOW_MAX ones, the first become size 1: bodies
 * always loop over depth, height, width. dims: [n] in, [HONE_WINDOW_MAX] out. */
void hone__window_expand(hone__window *w);
void hone__window_expand_dims(const int64_t *dims, int n, int64_t *out);

#endif
