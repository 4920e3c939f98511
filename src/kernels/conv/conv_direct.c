/* Direct convolution: output channels in vectors, pixels of an output row broadcast straight from the
 * input; weights are packed in vector blocks. Nothing is copied but a small window at the left and right borders, so
 * its workspace is next to nothing: this row serves whatever limit is set. */
#include "kernels/conv/conv_internal.h"

#include <string.h>

enum { WINDOW_FLOATS = 4096 };

bool hone__conv_direct_applicable(const hone__conv_desc *d) { return d->layout == HONE_CONV_LAYOUT_NCHW; }

/* Pointwise layers without stride are one row of all pixels: tiles then need not stop at line ends. */
static hone__conv_desc direct_flatten(const hone__conv_desc *d) {
    hone__conv_desc f = *d;
    if (hone__conv_pointwise_applicable(d) && d->stride_h == 1 && d->stride_w == 1 && d->oh == d->h && d->ow == d->w) {
        f.w = f.ow = d->h * d->w;
        f.h = f.oh = 1;
    }
    return f;
}

bool hone__conv_direct_plan_fill(hone__conv_plan *plan) {
    plan->pack_key = (uint64_t)HONE_CONV_KEY_DIRECT << 56;
    hone__conv_direct_plan *p = &plan->direct;
    const hone__conv_ops *ops = plan->ops;
    p->flat = direct_flatten(&plan->desc);
    const hone__conv_desc *d = &p->flat;
    const size_t kg = d->k / d->groups, cg = d->c / d->groups, nb = 2 * ops->vw;
    p->n_kblock = hone__conv_ceil(kg, nb);
    p->tile = hone__conv_ceil(d->ow, hone__conv_ceil(d->ow, ops->cv_mr));
    p->window = (p->tile - 1) * d->stride_w + (d->s - 1) * d->dil_w + 1;
    p->chunk_c = hone__min_size(cg, hone__max_size(1, WINDOW_FLOATS / hone__max_size(1, p->window * d->r)));
    /* Tasks: rows of an image for one block of channels. A flattened layer has one row, cut into tiles. */
    const size_t units = d->oh == 1 ? hone__conv_ceil(d->ow, p->tile) : d->oh;
    const size_t outer = hone__max_size(1, d->n * d->groups * p->n_kblock);
    const size_t want = hone__min_size(units, hone__conv_ceil((size_t)plan->n_threads * 6, outer));
    p->rows = hone__conv_ceil(units, hone__max_size(1, want));
    p->n_rows = hone__conv_ceil(units, p->rows);
    p->scratch = hone__round_up(p->tile * nb + p->chunk_c * d->r * p->window, 16);
    size_t floats;
    if (!hone__conv_product(p->n_kblock * nb, cg * d->r, d->s, d->groups, &floats) ||
        !hone__conv_bytes(floats, &plan->packed_size))
        return false;
    plan->n_phases = 1;
    return hone__conv_product(p->scratch, (size_t)plan->n_threads, 1, 1, &floats) &&
           hone__conv_bytes(floats, &plan->workspace_size);
}

/* Vectors of block j of a group: two, or one for a short last block. */
static size_t direct_vectors(const hone__conv_plan *plan, size_t j) {
    size_t kg = plan->desc.k / plan->desc.groups, vw = plan->ops->vw;
    return kg - j * 2 * vw > vw ? 2 : 1;
}

void hone__conv_pack_blocks(const hone__conv_ops *ops, size_t groups, size_t kg, size_t depth,
                            const hone_f32_unaligned *w, float *packed) {
    const size_t nb = 2 * ops->vw, n_kblock = hone__conv_ceil(kg, nb);
    for (size_t g = 0; g < groups; g++)
        for (size_t j = 0; j < n_kblock; j++) {
            const size_t n_k = hone__min_size(nb, kg - j * nb), width = hone__round_up(n_k, ops->vw);
            ops->gemm->pack(packed + (g * n_kblock + j) * depth * nb, width, w + (g * kg + j * nb) * depth, depth, 1,
                            n_k, depth);
        }
}

/* [group][block][c][r][s][vectors*vw]; blocks stand at multiples of the full block's size. */
void hone__conv_direct_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    const hone__conv_desc *d = &plan->desc;
    hone__conv_pack_blocks(plan->ops, d->groups, d->k / d->groups, d->c / d->groups * d->r * d->s, w, packed);
}

size_t hone__conv_direct_tasks(const hone__conv_plan *plan, size_t phase) {
    (void)phase;
    return plan->desc.n * plan->desc.groups * plan->direct.n_kblock * plan->direct.n_rows;
}

typedef struct direct_tile {
    const hone__conv_plan *plan;
    const float *x; /* the group's first plane */
    const float *b; /* the block's weights */
    size_t nv;
    float *tile, *window;
} direct_tile;

/* Pixels [ow, ow+m) of output row oh into t->tile. */
static void direct_compute(const direct_tile *t, size_t oh, size_t ow, size_t m) {
    const hone__conv_direct_plan *p = &t->plan->direct;
    const hone__conv_desc *d = &p->flat;
    const hone__conv_ops *ops = t->plan->ops;
    const size_t cg = d->c / d->groups, width = t->nv * ops->vw;
    const ptrdiff_t ih0 = (ptrdiff_t)(oh * d->stride_h) - (ptrdiff_t)d->pad_top;
    const ptrdiff_t iw0 = (ptrdiff_t)(ow * d->stride_w) - (ptrdiff_t)d->pad_left;
    size_t r0 = ih0 < 0 ? hone__conv_ceil((size_t)-ih0, d->dil_h) : 0;
    size_t r1 = ih0 >= (ptrdiff_t)d->h ? 0 : hone__conv_ceil((size_t)((ptrdiff_t)d->h - ih0), d->dil_h);
    r1 = hone__min_size(r1, d->r);
    if (r1 <= r0) {
        memset(t->tile, 0, m * width * sizeof(float));
        return;
    }
    const size_t n_r = r1 - r0, b_rs = d->s * width;
    const float *b = t->b + r0 * b_rs;
    const size_t win = (m - 1) * d->stride_w + (d->s - 1) * d->dil_w + 1;
    hone__conv_walk walk = {cg,
                            n_r,
                            d->s,
                            (ptrdiff_t)d->stride_w,
                            (ptrdiff_t)(d->h * d->w),
                            (ptrdiff_t)(d->dil_h * d->w),
                            (ptrdiff_t)d->dil_w,
                            d->r * b_rs,
                            b_rs};
    const float *row = t->x + (ih0 + (ptrdiff_t)(r0 * d->dil_h)) * (ptrdiff_t)d->w;
    if (iw0 >= 0 && (size_t)iw0 + win <= d->w) {
        if (d->r == 1 && d->s == 1)
            ops->cv(m, t->nv, cg, row + iw0, walk.ms, walk.cs, b, t->tile, width, false);
        else
            ops->cv_walk(m, t->nv, &walk, row + iw0, b, t->tile, width, false);
        return;
    }
    const size_t lo = iw0 < 0 ? hone__min_size((size_t)-iw0, win) : 0;
    const size_t hi = iw0 >= (ptrdiff_t)d->w ? 0 : hone__min_size(win, (size_t)((ptrdiff_t)d->w - iw0));
    walk.rs = (ptrdiff_t)win;
    walk.cs = (ptrdiff_t)(n_r * win);
    for (size_t c0 = 0; c0 < cg; c0 += p->chunk_c) {
        walk.n_c = hone__min_size(p->chunk_c, cg - c0);
        float *dst = t->window;
        for (size_t c = 0; c < walk.n_c; c++)
            for (size_t r = 0; r < n_r; r++, dst += win) {
                const float *src = row + (c0 + c) * d->h * d->w + r * d->dil_h * d->w;
                memset(dst, 0, win * sizeof(float));
                for (size_t i = lo; i < hi; i++)
                    dst[i] = src[iw0 + (ptrdiff_t)i];
            }
        ops->cv_walk(m, t->nv, &walk, t->window, b + c0 * walk.b_cs, t->tile, width, c0 > 0);
    }
}

void hone__conv_direct_run(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    (void)phase;
    const hone__conv_plan *plan = args->plan;
    const hone__conv_direct_plan *p = &plan->direct;
    const hone__conv_desc *d = &p->flat;
    const size_t part = task % p->n_rows, j = task / p->n_rows % p->n_kblock;
    const size_t gi = task / p->n_rows / p->n_kblock, group = gi % d->groups, image = gi / d->groups;
    const size_t kg = d->k / d->groups, cg = d->c / d->groups, nb = 2 * plan->ops->vw, plane = d->oh * d->ow;
    float *scratch = (float *)args->workspace + (size_t)thread * p->scratch;
    direct_tile t = {plan,    args->x + (image * d->c + group * cg) * d->h * d->w,
                     NULL,    direct_vectors(plan, j),
                     scratch, scratch + p->tile * nb};
    t.b = args->packed + (group * p->n_kblock + j) * nb * cg * d->r * d->s;
    const size_t k0 = group * kg + j * nb, nc = hone__min_size(nb, kg - j * nb);
    const size_t at = (image * d->k + k0) * plane;
    const bool by_tile = d->oh == 1;
    const size_t units = by_tile ? hone__conv_ceil(d->ow, p->tile) : d->oh;
    for (size_t u = part * p->rows; u < hone__min_size(units, (part + 1) * p->rows); u++) {
        const size_t oh = by_tile ? 0 : u;
        const size_t from = by_tile ? u * p->tile : 0, to = by_tile ? hone__min_size(d->ow, from + p->tile) : d->ow;
        for (size_t ow = from; ow < to; ow += p->tile) {
            const size_t m = hone__min_size(p->tile, to - ow), pos = at + oh * d->ow + ow;
            direct_compute(&t, oh, ow, m);
            hone__conv_out out = {args->bias ? args->bias + k0 : NULL, args->z ? args->z + pos : NULL, args->y + pos,
                                  plane, &d->act};
            plan->ops->store_columns(t.tile, t.nv * plan->ops->vw, m, nc, &out);
        }
    }
}
