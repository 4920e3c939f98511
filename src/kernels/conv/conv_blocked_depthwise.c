/* Depthwise convolutions in the channel-blocked layout: every lane is a channel of its own, so all vectors are full
 * whatever the image's width or the stride. Borders are worked on as in conv_blocked.c; where most pixels are near one
 * (small images, large kernels) a block's plane is first copied into a zero-padded one, which fits L1. */
#include "kernels/conv/conv_blocked_internal.h"

#include <string.h>

enum { PADDED_BYTES = 24 * 1024, CHUNK_ROWS = 8, TASKS_PER_THREAD = 8, MANY_PIXELS = 150 };

bool hone__conv_blocked_dw_applicable(const hone__conv_desc *d) {
    return d->layout == HONE_CONV_LAYOUT_BLOCKED && d->x_layout == HONE_CONV_LAYOUT_BLOCKED && d->groups == d->c &&
           d->k == d->c;
}

bool hone__conv_blocked_dw_plan_fill(hone__conv_plan *plan) {
    hone__conv_blocked_plan *p = &plan->blocked;
    p->flat = plan->desc;
    const hone__conv_desc *d = &p->flat;
    const size_t vw = plan->ops->vw, threads = (size_t)plan->n_threads, pixels = d->oh * d->ow;
    p->groups = 1;
    p->lanes = p->block = vw;
    p->n_panel = hone__conv_ceil(d->c, vw);
    p->x_plane = d->h * d->w * vw;
    p->y_plane = pixels * vw;
    hone__conv_inside(d->h, d->oh, d->r, d->stride_h, d->dil_h, d->pad_top, &p->row_lo, &p->row_hi);
    hone__conv_inside(d->w, d->ow, d->s, d->stride_w, d->dil_w, d->pad_left, &p->col_lo, &p->col_hi);
    /* Bands of rows first, so that a thread's share is the one that it has in the layers around; bands of few rows
     * would read their neighbours' rows too often. */
    p->units = d->oh;
    size_t chunks = threads > 1 && pixels >= MANY_PIXELS ? hone__min_size(d->oh / CHUNK_ROWS, threads * 8) : 1;
    if (threads > 1 && pixels >= MANY_PIXELS && d->oh >= threads)
        chunks = hone__max_size(chunks / threads * threads, threads);
    p->n_chunk = hone__max_size(1, chunks);
    p->n_jchunk = threads > 1 ? hone__min_size(p->n_panel, hone__conv_ceil(threads * TASKS_PER_THREAD, p->n_chunk)) : 1;
    const size_t rows = hone__conv_ceil(d->oh, p->n_chunk);
    size_t area;
    p->pad_w = (d->ow - 1) * d->stride_w + (d->s - 1) * d->dil_w + 1;
    p->pad_h = (rows - 1) * d->stride_h + (d->r - 1) * d->dil_h + 1;
    p->is_padded = hone__mul_size(p->pad_w, p->pad_h, &area) && area <= PADDED_BYTES / sizeof(float) / vw &&
                   (p->col_hi - p->col_lo) * (p->row_hi - p->row_lo) * 4 < pixels * 3;
    const size_t row = p->is_padded ? d->ow : hone__max_size(1, p->col_hi - p->col_lo);
    p->tile = hone__conv_ceil(row, hone__conv_ceil(row, plan->ops->dw_mr));
    p->scratch = p->is_padded ? hone__round_up(area * vw, 16) : 0;
    size_t floats;
    if (!hone__conv_product(p->n_panel * vw, d->r, d->s, 1, &floats) || !hone__conv_bytes(floats, &plan->packed_size))
        return false;
    plan->n_phases = 1;
    plan->workspace_size = p->scratch * threads * sizeof(float);
    plan->pack_key = (uint64_t)HONE_CONV_KEY_BLOCKED_DEPTHWISE << 56;
    return true;
}

/* [block][r][s][channel] */
void hone__conv_blocked_dw_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    const hone__conv_desc *d = &plan->desc;
    const size_t vw = plan->ops->vw, taps = d->r * d->s;
    for (size_t c0 = 0; c0 < d->c; c0 += vw)
        for (size_t t = 0; t < taps; t++)
            for (size_t c = c0; c < c0 + vw; c++)
                *packed++ = c < d->c ? w[c * taps + t] : 0.0f;
}

typedef struct dw_job {
    const hone__conv_plan *plan;
    const float *x, *w, *z, *bias; /* of the block */
    float *y;
    size_t n_k, begin, end; /* rows */
    float *padded;
} dw_job;

static hone__conv_btile dw_tile(const dw_job *job, size_t oh, size_t ow) {
    const hone__conv_desc *d = &job->plan->blocked.flat;
    const size_t vw = job->plan->ops->vw, at = (oh * d->ow + ow) * vw;
    return (hone__conv_btile){.w = job->w,
                              .bias = job->bias,
                              .act = &d->act,
                              .n_k = job->n_k,
                              .y = job->y + at,
                              .z = job->z ? job->z + at : NULL,
                              .y_ms = vw,
                              .n_times = 1};
}

/* m pixels from (oh, ow) along the row, `rows` times: all have the same taps. */
static void dw_down(const dw_job *job, size_t oh, size_t ow, size_t m, size_t rows) {
    const hone__conv_desc *d = &job->plan->blocked.flat;
    const size_t vw = job->plan->ops->vw;
    hone__conv_btile t = dw_tile(job, oh, ow);
    t.x = job->x + hone__conv_blocked_window(d, vw, oh, ow, &t);
    t.ms = (ptrdiff_t)(d->stride_w * vw);
    t.n_times = rows;
    t.x_step = (ptrdiff_t)(d->stride_h * d->w * vw);
    t.y_step = d->ow * vw;
    job->plan->ops->blocked_dw(m, &t);
}

/* The inside of row oh: whole tiles, and the rest. */
static void dw_along(const dw_job *job, size_t oh) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const hone__conv_desc *d = &p->flat;
    const size_t vw = job->plan->ops->vw, inside = p->col_hi - p->col_lo, tiles = inside / p->tile;
    hone__conv_btile t = dw_tile(job, oh, p->col_lo);
    t.x = job->x + hone__conv_blocked_window(d, vw, oh, p->col_lo, &t);
    t.ms = (ptrdiff_t)(d->stride_w * vw);
    t.n_times = tiles;
    t.x_step = (ptrdiff_t)(p->tile * d->stride_w * vw);
    t.y_step = p->tile * vw;
    job->plan->ops->blocked_dw(p->tile, &t);
    if (inside % p->tile)
        dw_down(job, oh, p->col_lo + tiles * p->tile, inside % p->tile, 1);
}

/* m pixels down column ow, which is near a border. */
static void dw_column(const dw_job *job, size_t oh, size_t ow, size_t m) {
    const hone__conv_desc *d = &job->plan->blocked.flat;
    const size_t vw = job->plan->ops->vw;
    hone__conv_btile t = dw_tile(job, oh, ow);
    t.x = job->x + hone__conv_blocked_window(d, vw, oh, ow, &t);
    t.ms = (ptrdiff_t)(d->stride_h * d->w * vw);
    t.y_ms = d->ow * vw;
    job->plan->ops->blocked_dw(m, &t);
}

/* Rows that have all their taps are one call where a tile spans them, so that setting it up counts little. */
static void dw_inside_out(const dw_job *job) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const size_t mr = job->plan->ops->dw_mr, inside = p->col_hi - p->col_lo;
    for (size_t oh = job->begin; oh < job->end && inside;) {
        const bool is_whole = oh >= p->row_lo && oh < p->row_hi && inside == p->tile;
        const size_t rows = is_whole ? hone__min_size(job->end, p->row_hi) - oh : 1;
        if (inside == p->tile)
            dw_down(job, oh, p->col_lo, inside, rows);
        else
            dw_along(job, oh);
        oh += rows;
    }
    const size_t ow_end = p->flat.ow;
    for (size_t ow = p->col_lo == 0 ? p->col_hi : 0; ow < ow_end; ow = ow + 1 == p->col_lo ? p->col_hi : ow + 1)
        for (size_t oh = job->begin; oh < job->end;) {
            const bool is_inside = oh >= p->row_lo && oh < p->row_hi;
            const size_t m = is_inside ? hone__min_size(mr, hone__min_size(job->end, p->row_hi) - oh) : 1;
            dw_column(job, oh, ow, m);
            oh += m;
        }
}

/* Copies the rows that the job reads into the padded plane, whose margins are zero already. */
static void dw_fill(const dw_job *job) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const hone__conv_desc *d = &p->flat;
    const size_t vw = job->plan->ops->vw;
    const size_t columns = p->pad_w > d->pad_left ? hone__min_size(d->w, p->pad_w - d->pad_left) : 0;
    for (size_t i = 0; i < p->pad_h && columns; i++) {
        const size_t at = job->begin * d->stride_h + i; /* pad_top below the image's row */
        if (at >= d->pad_top && at - d->pad_top < d->h)
            memcpy(job->padded + (i * p->pad_w + d->pad_left) * vw, job->x + (at - d->pad_top) * d->w * vw,
                   columns * vw * sizeof(float));
    }
}

static void dw_padded(const dw_job *job) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const hone__conv_desc *d = &p->flat;
    const size_t vw = job->plan->ops->vw;
    dw_fill(job);
    for (size_t ow = 0; ow < d->ow; ow += p->tile) {
        hone__conv_btile t = dw_tile(job, job->begin, ow);
        t.kernel_h = t.n_r = d->r;
        t.kernel_w = t.n_s = d->s;
        t.x = job->padded + ow * d->stride_w * vw;
        t.rs = (ptrdiff_t)(d->dil_h * p->pad_w * vw);
        t.ss = (ptrdiff_t)(d->dil_w * vw);
        t.ms = (ptrdiff_t)(d->stride_w * vw);
        t.n_times = job->end - job->begin;
        t.x_step = (ptrdiff_t)(d->stride_h * p->pad_w * vw);
        t.y_step = d->ow * vw;
        job->plan->ops->blocked_dw(hone__min_size(p->tile, d->ow - ow), &t);
    }
}

void hone__conv_blocked_dw_run(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    (void)phase;
    const hone__conv_plan *plan = args->plan;
    const hone__conv_blocked_plan *p = &plan->blocked;
    const hone__conv_desc *d = &p->flat;
    const size_t vw = plan->ops->vw, jc = task % p->n_jchunk, rest = task / p->n_jchunk;
    const size_t chunk = rest % p->n_chunk, image = rest / p->n_chunk;
    const size_t j0 = p->n_panel * jc / p->n_jchunk, j1 = p->n_panel * (jc + 1) / p->n_jchunk;
    dw_job job = {.plan = plan, .begin = p->units * chunk / p->n_chunk, .end = p->units * (chunk + 1) / p->n_chunk};
    job.padded = p->is_padded ? (float *)args->workspace + (size_t)thread * p->scratch : NULL;
    if (job.padded)
        memset(job.padded, 0, p->scratch * sizeof(float));
    for (size_t j = j0; j < j1; j++) {
        const size_t y_at = (image * p->n_panel + j) * p->y_plane;
        job.x = args->x + (image * p->n_panel + j) * p->x_plane;
        job.w = args->packed + j * d->r * d->s * vw;
        job.y = args->y + y_at;
        job.z = args->z ? args->z + y_at : NULL;
        job.bias = args->bias ? args->bias + j * vw : NULL;
        job.n_k = d->c - j * vw;
        if (job.padded)
            dw_padded(&job);
        else
            dw_inside_out(&job);
    }
}
