/* Depthwise convolutions of channels-last tensors [n][h][w][c], c a multiple of a vector: a vector of channels at a
 * time, with the loops of the blocked layout. The pixels of such a vector lie c floats apart, which for many c puts
 * them on a few sets of the L1 cache, and borders would need their own tiles; so a band of rows of it is first copied
 * into a zero-padded plane, which costs a load and a store for the r*s multiply-adds of a pixel. */
#include "kernels/conv/conv_ops.h"

#include "base/checked.h"

#include <string.h>

enum { PLANE_BYTES = 48 * 1024, TASKS_PER_THREAD = 4 };

static void band_sizes(hone__conv_last_plan *p) {
    const hone__conv_desc *d = &p->desc;
    p->rows = hone__conv_ceil(d->oh, p->n_band);
    p->pad_h = (p->rows - 1) * d->stride_h + (d->r - 1) * d->dil_h + 1;
}

bool hone__conv_last_plan_init(hone__conv_last_plan *p, const hone__conv_desc *desc, uint32_t isa, int n_threads) {
    *p = (hone__conv_last_plan){.desc = *desc, .ops = hone__conv_ops_for(isa)};
    const hone__conv_desc *d = &p->desc;
    const size_t vw = p->ops->vw, threads = n_threads > 0 ? (size_t)n_threads : 1;
    if (d->groups != d->c || d->k != d->c || d->c == 0 || d->c % vw != 0 || !d->n || !d->oh || !d->ow || !d->r || !d->s)
        return false;
    size_t row, area, floats;
    p->n_block = d->c / vw;
    p->pad_w = (d->ow - 1) * d->stride_w + (d->s - 1) * d->dil_w + 1;
    if (!hone__mul_size(p->pad_w, vw, &row) || row > SIZE_MAX / sizeof(float) / 4)
        return false;
    /* As many bands as keep a plane small, and as threads: a thread then has the rows that it has in layers around. */
    p->n_band = 1;
    band_sizes(p);
    while (p->n_band < d->oh && (p->pad_h > PLANE_BYTES / sizeof(float) / row || p->n_band % threads != 0)) {
        p->n_band++;
        band_sizes(p);
    }
    p->n_split = threads > 1 ? hone__min_size(p->n_block, hone__conv_ceil(threads * TASKS_PER_THREAD, p->n_band)) : 1;
    p->tile = hone__conv_ceil(d->ow, hone__conv_ceil(d->ow, p->ops->dw_mr));
    if (!hone__mul_size(p->pad_h, row, &area) || !hone__mul_size(area, sizeof(float), &p->thread_size) ||
        !hone__mul_size(p->thread_size, threads, &p->workspace_size) || !hone__mul_size(d->r, d->s, &floats) ||
        !hone__mul_size(floats, d->c, &floats) || !hone__mul_size(floats, sizeof(float), &p->packed_size))
        return false;
    p->n_tasks = d->n * p->n_band * p->n_split;
    return true;
}

/* [block][r][s][channel] */
void hone__conv_last_pack(const hone__conv_ops *ops, const hone_f32_unaligned *w, size_t c, size_t taps,
                          float *packed) {
    for (size_t c0 = 0; c0 < c; c0 += ops->vw)
        for (size_t t = 0; t < taps; t++)
            for (size_t i = 0; i < ops->vw; i++)
                *packed++ = w[(c0 + i) * taps + t];
}

/* Copies the image's part of the rows that a band reads; margins stay zero. */
static void fill(const hone__conv_last_plan *p, const float *x, size_t begin, float *plane) {
    const hone__conv_desc *d = &p->desc;
    const size_t vw = p->ops->vw;
    const size_t columns = p->pad_w > d->pad_left ? hone__min_size(d->w, p->pad_w - d->pad_left) : 0;
    for (size_t i = 0; i < p->pad_h && columns; i++) {
        const size_t at = begin * d->stride_h + i; /* pad_top below the image's row */
        if (at >= d->pad_top && at - d->pad_top < d->h)
            p->ops->block_gather(x + (at - d->pad_top) * d->w * d->c, d->c, columns,
                                 plane + (i * p->pad_w + d->pad_left) * vw);
    }
}

void hone__conv_last_run(const hone__conv_last_args *args, size_t task, int thread) {
    const hone__conv_last_plan *p = args->plan;
    const hone__conv_desc *d = &p->desc;
    const size_t vw = p->ops->vw, split = task % p->n_split, rest = task / p->n_split;
    const size_t band = rest % p->n_band, image = rest / p->n_band;
    const size_t begin = d->oh * band / p->n_band, end = d->oh * (band + 1) / p->n_band;
    float *plane = (float *)(void *)((char *)args->workspace + (size_t)thread * p->thread_size);
    memset(plane, 0, p->pad_h * p->pad_w * vw * sizeof(float));
    for (size_t j = p->n_block * split / p->n_split; j < p->n_block * (split + 1) / p->n_split; j++) {
        fill(p, args->x + image * d->h * d->w * d->c + j * vw, begin, plane);
        for (size_t ow = 0; ow < d->ow; ow += p->tile) {
            const size_t at = ((image * d->oh + begin) * d->ow + ow) * d->c + j * vw;
            const hone__conv_btile t = {.x = plane + ow * d->stride_w * vw,
                                        .w = args->packed + j * d->r * d->s * vw,
                                        .ms = (ptrdiff_t)(d->stride_w * vw),
                                        .rs = (ptrdiff_t)(d->dil_h * p->pad_w * vw),
                                        .ss = (ptrdiff_t)(d->dil_w * vw),
                                        .n_r = d->r,
                                        .n_s = d->s,
                                        .kernel_h = d->r,
                                        .kernel_w = d->s,
                                        .y = args->y + at,
                                        .z = args->z ? args->z + at : NULL,
                                        .bias = args->bias ? args->bias + j * vw : NULL,
                                        .y_ms = d->c,
                                        .n_k = vw,
                                        .act = &d->act,
                                        .n_times = end - begin,
                                        .x_step = (ptrdiff_t)(d->stride_h * p->pad_w * vw),
                                        .y_step = d->ow * d->c};
            p->ops->blocked_dw(hone__min_size(p->tile, d->ow - ow), &t);
        }
    }
}
