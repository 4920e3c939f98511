/* What the drivers of the channel-blocked layout share (conv_blocked.c, conv_blocked_depthwise.c,
 * conv_blocked_chain.c): where a tile's window lies, and the loops over rows that write anywhere. */
#ifndef HONE_KERNELS_CONV_CONV_BLOCKED_INTERNAL_H
#define HONE_KERNELS_CONV_CONV_BLOCKED_INTERNAL_H

#include "kernels/conv/conv_internal.h"

/* What a task of a dense convolution works on: one image and group. Row oh of output channel k lies at
 * y + (oh - row0) * y_pitch, (k - k_base) / vw blocks of y_plane floats further. */
typedef struct hone__conv_blocked_job {
    const hone__conv_plan *plan;
    const float *x, *w, *z, *bias; /* z lies like y */
    float *y;
    size_t x_plane, y_plane, y_pitch;
    size_t row0, k_base;
    size_t depth;  /* input channels of the group */
    size_t k_left; /* output channels that exist from the group's first */
    const hone_act *act;
} hone__conv_blocked_job;

/* A panel's output channels: from k0 of the group on, nv vectors of `lanes`. */
typedef struct hone__conv_blocked_panel {
    size_t k0, nv, lanes;
} hone__conv_blocked_panel;
hone__conv_blocked_panel hone__conv_blocked_panel_at(const hone__conv_blocked_plan *p, size_t j);

/* Panels [j0, j1), rows [begin, end) of output (tiles of the one row when the plan has a single one). */
void hone__conv_blocked_rows(const hone__conv_blocked_job *job, size_t j0, size_t j1, size_t begin, size_t end);
/* All panels of pixels [0, n) of a pointwise convolution, counted from where x, y and z of the job lie. */
void hone__conv_blocked_pixels(const hone__conv_blocked_job *job, size_t n);
/* The job of an image and group, on the tensors of the arguments. */
hone__conv_blocked_job hone__conv_blocked_job_at(const hone__conv_args *args, size_t image, size_t group);
/* Sizes that follow from desc, for a plan whose `flat` is set: where the inside begins, planes, tile, panels. */
void hone__conv_blocked_measure(hone__conv_plan *plan);

/* The taps of output pixel (oh, ow) that lie inside, and the strides over the window; px: floats from one input pixel
 * to the next. Returns the offset of the first such tap. */
static inline ptrdiff_t hone__conv_blocked_window(const hone__conv_desc *d, size_t px, size_t oh, size_t ow,
                                                  hone__conv_btile *t) {
    t->kernel_h = d->r;
    t->kernel_w = d->s;
    t->rs = (ptrdiff_t)(d->dil_h * d->w * px);
    t->ss = (ptrdiff_t)(d->dil_w * px);
    t->n_r = hone__conv_taps(d->h, d->r, d->stride_h, d->dil_h, d->pad_top, oh, &t->r0);
    t->n_s = hone__conv_taps(d->w, d->s, d->stride_w, d->dil_w, d->pad_left, ow, &t->s0);
    if (t->n_r == 0 || t->n_s == 0) {
        t->n_r = t->n_s = t->r0 = t->s0 = 0;
        return 0;
    }
    const ptrdiff_t ih = (ptrdiff_t)(oh * d->stride_h + t->r0 * d->dil_h) - (ptrdiff_t)d->pad_top;
    const ptrdiff_t iw = (ptrdiff_t)(ow * d->stride_w + t->s0 * d->dil_w) - (ptrdiff_t)d->pad_left;
    return (ih * (ptrdiff_t)d->w + iw) * (ptrdiff_t)px;
}

#endif
