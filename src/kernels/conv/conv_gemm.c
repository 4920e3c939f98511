/* Convolutions as one GEMM per image and group: y[k, pixels] = w[k, c*r*s] * col[c*r*s, pixels].
 *
 * Four rows of the table share this driver and differ in how panels of col come about:
 *   implicit_gemm          columns are made while panels are packed, run by run of an output row;
 *   implicit_gemm_precomp  the same through tables made at planning: offsets per tap and per pixel, and a bit per
 *                          tap and pixel that says whether it lies inside the image;
 *   im2col_gemm            a first phase writes the whole column matrix of an image, a second multiplies;
 *   gemm_1x1               pointwise: the input already is the column matrix (strides are gathered).
 * Work is cut into blocks of pixels and, when there are few, chunks of output channels. */
#include "kernels/conv/conv_internal.h"

#include <string.h>

enum { KC_MAX = 384, BLOCK_PANELS = 4, TASKS_PER_THREAD = 4 };

bool hone__conv_gemm_applicable(const hone__conv_desc *d) { return d->layout == HONE_CONV_LAYOUT_NCHW; }

bool hone__conv_pointwise_applicable(const hone__conv_desc *d) {
    return d->layout == HONE_CONV_LAYOUT_NCHW && d->r == 1 && d->s == 1 && d->pad_top == 0 && d->pad_left == 0 &&
           (d->oh - 1) * d->stride_h < d->h && (d->ow - 1) * d->stride_w < d->w;
}

/* ---- the block: shared with transposed convolutions ---- */

size_t hone__conv_block_scratch(const hone__conv_ops *ops, size_t depth, size_t kc, size_t rows, size_t cols,
                                size_t *b_floats) {
    size_t vecs = hone__conv_ceil(cols, ops->vw) * ops->vw, nr = ops->pv_nv * ops->vw;
    *b_floats = hone__round_up(kc * vecs, 16);
    size_t panels = depth > kc ? hone__conv_ceil(rows, ops->pv_mr) * hone__conv_ceil(cols, nr) : 1;
    return *b_floats + panels * ops->pv_mr * nr;
}

void hone__conv_block_run(const hone__conv_block *t, hone__conv_fill_b fill, void *user, const hone__conv_out *out) {
    const hone__conv_ops *ops = t->ops;
    const size_t mr = ops->pv_mr, nr = ops->pv_nv * ops->vw;
    const size_t n_panels = hone__conv_ceil(t->cols, nr), m_panels = hone__conv_ceil(t->rows, mr);
    for (size_t k0 = 0; k0 < t->depth; k0 += t->kc) {
        const size_t kc = hone__min_size(t->kc, t->depth - k0);
        const bool is_last = k0 + kc == t->depth, is_single = t->depth <= t->kc;
        fill(user, k0, kc, t->b);
        for (size_t mp = 0; mp < m_panels; mp++) {
            const float *a = t->packed + (mp * t->depth + k0) * mr;
            const size_t m = hone__min_size(mr, t->rows - mp * mr);
            for (size_t np = 0; np < n_panels; np++) {
                const size_t cols = hone__min_size(nr, t->cols - np * nr);
                float *acc = t->acc + (is_single ? 0 : (mp * n_panels + np) * mr * nr);
                ops->pv(m, hone__conv_ceil(cols, ops->vw), kc, a, t->b + np * nr * kc, acc, nr, k0 > 0);
                if (!is_last)
                    continue;
                hone__conv_out o = *out;
                o.y += mp * mr * o.plane + np * nr;
                o.z = o.z ? o.z + mp * mr * o.plane + np * nr : NULL;
                o.bias = o.bias ? o.bias + mp * mr : NULL;
                ops->store_rows(acc, nr, m, cols, &o);
            }
        }
    }
}

void hone__conv_pack_rows_panel(const hone_f32_unaligned *w, size_t rows, size_t depth, size_t row_stride,
                                size_t depth_stride, size_t mr, float *packed) {
    for (size_t p = 0; p < rows; p += mr)
        for (size_t k = 0; k < depth; k++)
            for (size_t i = 0; i < mr; i++)
                *packed++ = p + i < rows ? w[(p + i) * row_stride + k * depth_stride] : 0.0f;
}

/* ---- plan ---- */

/* Tables of implicit_gemm_precomp, in one piece: int32 tap_offset[depth], int32 pixel_offset[vecs*vw],
 * uint16 mask[taps][vecs], uint8 tap_index[depth], uint8 is_run[vecs]. */
typedef struct gemm_tables {
    size_t tap_offset, pixel_offset, mask, tap_index, is_run, size; /* byte offsets */
    size_t n_vec;
} gemm_tables;

static gemm_tables tables_layout(const hone__conv_plan *plan) {
    const hone__conv_gemm_plan *g = &plan->gemm;
    gemm_tables t = {0};
    t.n_vec = hone__conv_ceil(g->pixels, plan->ops->vw);
    t.pixel_offset = g->depth * 4;
    t.mask = t.pixel_offset + t.n_vec * plan->ops->vw * 4;
    t.tap_index = t.mask + t.n_vec * plan->desc.r * plan->desc.s * 2;
    t.is_run = t.tap_index + g->depth;
    t.size = hone__round_up(t.is_run + t.n_vec, 64);
    return t;
}

/* Few pixels: smaller blocks down to one panel, then chunks of output channels, until every thread has some tasks. */
static void gemm_split(const hone__conv_plan *plan, size_t rows, hone__conv_gemm_plan *g) {
    const hone__conv_ops *ops = plan->ops;
    const size_t nr = ops->pv_nv * ops->vw;
    const size_t images = hone__max_size(1, plan->desc.n * plan->desc.groups);
    const size_t want = plan->n_threads > 1 ? hone__conv_ceil((size_t)plan->n_threads * TASKS_PER_THREAD, images) : 1;
    size_t panels = hone__conv_ceil(g->pixels, nr);
    size_t per_block = hone__min_size(BLOCK_PANELS, panels);
    while (per_block > 1 && hone__conv_ceil(panels, per_block) < want)
        per_block--;
    g->n_block = hone__conv_ceil(panels, per_block);
    g->block = per_block * nr;
    size_t m_panels = hone__conv_ceil(rows, ops->pv_mr), chunks = 1;
    if (g->n_block < want)
        chunks = hone__min_size(hone__conv_ceil(want, g->n_block), hone__max_size(1, m_panels / 4));
    g->chunk = hone__conv_ceil(m_panels, chunks) * ops->pv_mr;
    g->n_chunk = hone__conv_ceil(rows, g->chunk);
}

bool hone__conv_gemm_plan_fill(hone__conv_plan *plan) {
    plan->pack_key = (uint64_t)HONE_CONV_KEY_GEMM << 56;
    const hone__conv_desc *d = &plan->desc;
    hone__conv_gemm_plan *g = &plan->gemm;
    const hone__conv_ops *ops = plan->ops;
    const int variant = plan->algo->variant;
    const size_t rows = d->k / d->groups;
    g->depth = d->c / d->groups * d->r * d->s;
    g->pixels = d->oh * d->ow;
    g->kc = hone__conv_ceil(g->depth, hone__conv_ceil(g->depth, KC_MAX));
    gemm_split(plan, rows, g);
    size_t b, floats;
    g->scratch = hone__round_up(
        hone__conv_block_scratch(ops, g->depth, g->kc, g->chunk, hone__min_size(g->block, g->pixels), &b), 16);
    if (!hone__conv_product(hone__round_up(rows, ops->pv_mr), g->depth, d->groups, 1, &floats) ||
        !hone__conv_bytes(floats, &plan->packed_size))
        return false;
    if (!hone__conv_product(g->scratch, (size_t)plan->n_threads, 1, 1, &floats))
        return false;
    plan->n_phases = 1;
    if (variant == HONE_CONV_PACK_IM2COL) {
        size_t col;
        if (!hone__conv_product(g->depth, g->pixels, d->groups, 1, &col) ||
            !hone__add_size(floats, hone__round_up(col, 16), &floats))
            return false;
        plan->n_phases = 2 * d->n; /* image by image: columns, then GEMM */
    }
    if (variant == HONE_CONV_PACK_TABLE) {
        size_t plane;
        if (d->r * d->s > 255 || !hone__conv_product(d->c / d->groups, d->h, d->w, 2, &plane) || plane > INT32_MAX ||
            g->pixels > INT32_MAX / 2)
            return false;
        /* Offsets of taps beyond the image stay within int32 too. */
        if (d->pad_top * d->w + d->pad_left > INT32_MAX / 8 || d->r * d->dil_h * d->w > INT32_MAX / 8 ||
            d->oh * d->stride_h * d->w > INT32_MAX / 8)
            return false;
        plan->table_size = tables_layout(plan).size;
    }
    return hone__conv_bytes(floats, &plan->workspace_size);
}

void hone__conv_gemm_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    const hone__conv_desc *d = &plan->desc;
    const size_t rows = d->k / d->groups, depth = plan->gemm.depth, mr = plan->ops->pv_mr;
    for (size_t g = 0; g < d->groups; g++, packed += hone__round_up(rows, mr) * depth)
        for (size_t p = 0; p < rows; p += mr)
            plan->ops->gemm->pack(packed + p * depth, mr, w + (g * rows + p) * depth, depth, 1,
                                  hone__min_size(mr, rows - p), depth);
}

void hone__conv_gemm_table(const hone__conv_plan *plan, void *table) {
    const hone__conv_desc *d = &plan->desc;
    const hone__conv_gemm_plan *g = &plan->gemm;
    const size_t vw = plan->ops->vw, taps = d->r * d->s;
    const gemm_tables t = tables_layout(plan);
    memset(table, 0, plan->table_size);
    unsigned char *base = table;
    int32_t *tap_offset = (int32_t *)(void *)(base + t.tap_offset);
    int32_t *pixel_offset = (int32_t *)(void *)(base + t.pixel_offset);
    uint16_t *mask = (uint16_t *)(void *)(base + t.mask);
    for (size_t k = 0; k < g->depth; k++) {
        size_t c = k / taps, tap = k % taps;
        tap_offset[k] = (int32_t)(c * d->h * d->w + tap / d->s * d->dil_h * d->w + tap % d->s * d->dil_w);
        base[t.tap_index + k] = (unsigned char)tap;
    }
    for (size_t p = 0; p < t.n_vec * vw; p++) {
        if (p >= g->pixels) { /* never read: no mask bit is set; continues the run */
            pixel_offset[p] = pixel_offset[p - 1] + 1;
            continue;
        }
        ptrdiff_t ih = (ptrdiff_t)(p / d->ow * d->stride_h) - (ptrdiff_t)d->pad_top;
        ptrdiff_t iw = (ptrdiff_t)(p % d->ow * d->stride_w) - (ptrdiff_t)d->pad_left;
        pixel_offset[p] = (int32_t)(ih * (ptrdiff_t)d->w + iw);
        for (size_t tap = 0; tap < taps; tap++) {
            ptrdiff_t h = ih + (ptrdiff_t)(tap / d->s * d->dil_h), w = iw + (ptrdiff_t)(tap % d->s * d->dil_w);
            if (h >= 0 && w >= 0 && h < (ptrdiff_t)d->h && w < (ptrdiff_t)d->w)
                mask[tap * t.n_vec + p / vw] |= (uint16_t)(1u << p % vw);
        }
    }
    for (size_t v = 0; v < t.n_vec; v++) {
        bool is_run = true;
        for (size_t i = 1; i < vw; i++)
            is_run = is_run && pixel_offset[v * vw + i] == pixel_offset[v * vw] + (int32_t)i;
        base[t.is_run + v] = is_run;
    }
}

/* ---- run ---- */

static size_t gemm_grid(const hone__conv_plan *plan, bool all_images) {
    return (all_images ? plan->desc.n : 1) * plan->desc.groups * plan->gemm.n_block * plan->gemm.n_chunk;
}

size_t hone__conv_gemm_tasks(const hone__conv_plan *plan, size_t phase) {
    if (plan->algo->variant != HONE_CONV_PACK_IM2COL)
        return gemm_grid(plan, true);
    return phase % 2 == 0 ? plan->desc.c : gemm_grid(plan, false);
}

typedef struct fill_job {
    const hone__conv_plan *plan;
    const float *x; /* the group's input, or its column matrix */
    const void *table;
    size_t p0, cols;
} fill_job;

/* Pixels [p0, p0+n) of one row (c, r, s) of the column matrix. */
static void column_row(const hone__conv_plan *plan, const float *x, size_t k, size_t p0, size_t n, float *dst) {
    const hone__conv_desc *d = &plan->desc;
    const size_t taps = d->r * d->s, c = k / taps, r = k % taps / d->s, s = k % d->s;
    const float *plane = x + c * d->h * d->w;
    size_t oh = p0 / d->ow, ow = p0 % d->ow;
    /* Output columns [lo, hi) read inside the image. */
    const ptrdiff_t shift = (ptrdiff_t)(s * d->dil_w) - (ptrdiff_t)d->pad_left;
    size_t lo = shift < 0 ? hone__conv_ceil((size_t)-shift, d->stride_w) : 0;
    size_t hi = shift >= (ptrdiff_t)d->w ? 0 : hone__conv_ceil((size_t)((ptrdiff_t)d->w - shift), d->stride_w);
    while (n) {
        size_t run = hone__min_size(n, d->ow - ow), end = ow + run;
        ptrdiff_t ih = (ptrdiff_t)(oh * d->stride_h + r * d->dil_h) - (ptrdiff_t)d->pad_top;
        size_t a = hone__max_size(ow, lo), b = hone__min_size(end, hi);
        if (ih < 0 || ih >= (ptrdiff_t)d->h || b <= a) {
            memset(dst, 0, run * sizeof(float));
        } else {
            for (size_t j = ow; j < a; j++)
                dst[j - ow] = 0.0f;
            plan->ops->copy_strided(plane + ih * (ptrdiff_t)d->w + (ptrdiff_t)(a * d->stride_w) + shift, d->stride_w,
                                    b - a, dst + (a - ow));
            for (size_t j = b; j < end; j++)
                dst[j - ow] = 0.0f;
        }
        dst += run;
        n -= run;
        ow = 0;
        oh++;
    }
}

static void fill_segments(void *user, size_t k0, size_t kc, float *b) {
    const fill_job *job = user;
    const hone__conv_ops *ops = job->plan->ops;
    const size_t nr = ops->pv_nv * ops->vw;
    for (size_t j0 = 0; j0 < job->cols; j0 += nr) {
        size_t n = hone__min_size(nr, job->cols - j0), width = hone__round_up(n, ops->vw);
        for (size_t k = 0; k < kc; k++, b += width) {
            column_row(job->plan, job->x, k0 + k, job->p0 + j0, n, b);
            for (size_t j = n; j < width; j++)
                b[j] = 0.0f;
        }
    }
}

static void fill_table(void *user, size_t k0, size_t kc, float *b) {
    const fill_job *job = user;
    const hone__conv_plan *plan = job->plan;
    const gemm_tables t = tables_layout(plan);
    const unsigned char *base = job->table;
    const size_t vw = plan->ops->vw, v0 = job->p0 / vw;
    plan->ops->pack_table(job->x, (const int32_t *)(const void *)(base + t.tap_offset) + k0, base + t.tap_index + k0,
                          kc, (const int32_t *)(const void *)(base + t.pixel_offset) + v0 * vw, base + t.is_run + v0,
                          (const uint16_t *)(const void *)(base + t.mask) + v0, t.n_vec, hone__conv_ceil(job->cols, vw),
                          b);
}

static void fill_rows(void *user, size_t k0, size_t kc, float *b) {
    const fill_job *job = user;
    const size_t ld = job->plan->gemm.pixels;
    job->plan->ops->pack_rows(job->x + k0 * ld + job->p0, ld, kc, job->cols, b);
}

static void im2col_channel(const hone__conv_args *args, size_t image, size_t channel) {
    const hone__conv_plan *plan = args->plan;
    const hone__conv_desc *d = &plan->desc;
    const size_t taps = d->r * d->s, pixels = plan->gemm.pixels;
    const float *x = args->x + (image * d->c + channel) * d->h * d->w;
    float *col = (float *)args->workspace + (size_t)plan->n_threads * plan->gemm.scratch + channel * taps * pixels;
    for (size_t t = 0; t < taps; t++)
        column_row(plan, x, t, 0, pixels, col + t * pixels);
}

void hone__conv_gemm_run(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    const hone__conv_plan *plan = args->plan;
    const hone__conv_desc *d = &plan->desc;
    const hone__conv_gemm_plan *gp = &plan->gemm;
    const int variant = plan->algo->variant;
    if (variant == HONE_CONV_PACK_IM2COL && phase % 2 == 0) {
        im2col_channel(args, phase / 2, task);
        return;
    }
    const size_t chunk = task % gp->n_chunk, block = task / gp->n_chunk % gp->n_block;
    const size_t gi = task / gp->n_chunk / gp->n_block, group = gi % d->groups;
    const size_t image = variant == HONE_CONV_PACK_IM2COL ? phase / 2 : gi / d->groups;
    const size_t rows = d->k / d->groups, cg = d->c / d->groups, row0 = chunk * gp->chunk;
    float *scratch = (float *)args->workspace + (size_t)thread * gp->scratch;
    fill_job job = {plan, args->x + (image * d->c + group * cg) * d->h * d->w, args->table, block * gp->block, 0};
    job.cols = hone__min_size(gp->block, gp->pixels - job.p0);
    hone__conv_fill_b fill = fill_segments;
    if (variant == HONE_CONV_PACK_TABLE) {
        fill = fill_table;
    } else if (variant == HONE_CONV_PACK_IM2COL) {
        fill = fill_rows;
        job.x = (const float *)args->workspace + (size_t)plan->n_threads * gp->scratch + group * gp->depth * gp->pixels;
    } else if (variant == HONE_CONV_PACK_POINTWISE && gp->pixels == d->h * d->w) {
        fill = fill_rows;
    }
    hone__conv_block b = {plan->ops, NULL,    gp->depth, gp->kc, hone__min_size(gp->chunk, rows - row0),
                          job.cols,  scratch, NULL};
    b.packed = args->packed + group * hone__round_up(rows, plan->ops->pv_mr) * gp->depth + row0 * gp->depth;
    size_t b_floats;
    hone__conv_block_scratch(plan->ops, gp->depth, gp->kc, gp->chunk, hone__min_size(gp->block, gp->pixels), &b_floats);
    b.acc = scratch + b_floats;
    const size_t k0 = group * rows + row0;
    const size_t at = (image * d->k + k0) * gp->pixels + job.p0;
    hone__conv_out out = {args->bias ? args->bias + k0 : NULL, args->z ? args->z + at : NULL, args->y + at, gp->pixels,
                          &d->act};
    hone__conv_block_run(&b, fill, &job, &out);
}
