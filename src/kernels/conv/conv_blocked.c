/* Convolutions whose input and output lie in the channel-blocked layout (conv.h): pointwise ones as a GEMM over pixels,
 * dense and grouped ones directly. Nothing is packed at run time and nothing is transposed when results are stored;
 * channels of a block are broadcast from where they lie, weights stand in panels of two vectors of output channels.
 *
 * Borders: an output pixel near the edge has fewer taps. Pixels with the same taps are worked on together: rows of them
 * inside, columns of them at the left and right borders, so that no tile ever tests a coordinate or copies a window.
 *
 * The first layer of a network may read NCHW (few channels). Groups of less than a block are joined, with zero weights
 * between them, until they fill a block, or half of one where the ISA has half vectors. */
#include "kernels/conv/conv_blocked_internal.h"

#include <string.h>

enum {
    PANEL_BYTES = 512 * 1024,
    L1_PANEL_BYTES = 16 * 1024,
    CHUNK_BYTES = 128 * 1024,
    TASKS_PER_THREAD = 8,
    MANY_PIXELS = 150,
    FEW_TILES = 4,
    DEEP_BYTES = 1024 * 1024,
    WIDE_BORDER = 5 /* columns */
};

void hone__conv_inside(size_t in, size_t out, size_t kernel, size_t stride, size_t dilation, size_t pad, size_t *lo,
                       size_t *hi) {
    const size_t span = (kernel - 1) * dilation;
    *lo = hone__min_size(out, hone__conv_ceil(pad, stride));
    const size_t end = in + pad > span ? (in + pad - span - 1) / stride + 1 : 0;
    *hi = hone__max_size(*lo, hone__min_size(out, end));
}

size_t hone__conv_taps(size_t in, size_t kernel, size_t stride, size_t dilation, size_t pad, size_t at, size_t *first) {
    const size_t begin = at * stride;
    *first = begin < pad ? hone__conv_ceil(pad - begin, dilation) : 0;
    const size_t end = in + pad > begin ? hone__min_size(kernel, hone__conv_ceil(in + pad - begin, dilation)) : 0;
    if (end > *first)
        return end - *first;
    *first = 0;
    return 0;
}

/* ---- plan ---- */

static bool is_blocked(const hone__conv_desc *d) {
    return d->layout == HONE_CONV_LAYOUT_BLOCKED && (d->x_layout == HONE_CONV_LAYOUT_BLOCKED || d->groups == 1);
}

bool hone__conv_blocked_direct_applicable(const hone__conv_desc *d) {
    return is_blocked(d) && !hone__conv_blocked_pointwise_applicable(d);
}

bool hone__conv_blocked_pointwise_applicable(const hone__conv_desc *d) {
    return is_blocked(d) && d->r == 1 && d->s == 1 && d->stride_h == 1 && d->stride_w == 1 && d->pad_top == 0 &&
           d->pad_left == 0 && d->oh == d->h && d->ow == d->w;
}

/* Groups that are blocks, or make one. False: their channels straddle blocks. */
static bool blocked_groups(const hone__conv_plan *plan, hone__conv_blocked_plan *p) {
    const hone__conv_desc *d = &plan->desc;
    const size_t vw = plan->ops->vw, cg = d->c / d->groups, kg = d->k / d->groups;
    p->lanes = vw;
    p->groups = d->groups;
    p->cg = cg;
    p->kg = kg;
    if (d->groups == 1 || (cg % vw == 0 && kg % vw == 0))
        return true;
    if (cg != kg || vw % cg != 0)
        return false;
    if (plan->ops->blocked_tile_half && cg <= vw / 2)
        p->lanes = vw / 2;
    p->cg = p->kg = p->lanes;
    p->groups = hone__conv_ceil(d->c, p->lanes);
    return true;
}

static void blocked_split(hone__conv_plan *plan, hone__conv_blocked_plan *p) {
    const hone__conv_desc *d = &p->flat;
    const size_t threads = (size_t)plan->n_threads, pixels = d->oh * d->ow;
    const size_t outer = d->n * p->groups;
    /* Threads share pixels, so that each finds its own in the next layer; or, where few pixels meet many weights,
     * panels, so that each reads a part of the weights only. */
    size_t chunks = 1, jchunks = 1;
    if (threads > 1) {
        if (pixels >= MANY_PIXELS || p->n_panel < 2 * threads)
            chunks = hone__min_size(p->units, threads * TASKS_PER_THREAD / (outer >= threads ? 2 : 1));
        if (chunks < 2 * threads && outer < 2 * threads)
            jchunks = hone__min_size(p->n_panel, hone__conv_ceil(threads * TASKS_PER_THREAD, chunks));
    }
    p->n_chunk = hone__max_size(1, chunks >= threads ? chunks / threads * threads : chunks);
    p->n_jchunk = hone__max_size(1, jchunks >= threads ? jchunks / threads * threads : jchunks);
    const bool is_row = d->oh == 1 && p->col_lo == 0 && p->col_hi == d->ow;
    /* Few panels that threads cannot share evenly: they share the tiles of the middle one. */
    p->is_split = is_row && jchunks > 1 && chunks == 1 && p->n_panel < 4 * threads && p->n_panel % threads != 0;
    if (p->is_split) {
        p->n_jchunk = p->n_panel;
        p->n_chunk = hone__min_size(p->units, threads);
    }
    const size_t panel = p->cg * d->r * d->s * 2 * plan->ops->vw * sizeof(float);
    p->panels_outer = panel * hone__conv_ceil(p->n_panel, p->n_jchunk) > PANEL_BYTES;
    /* A panel that stays in L1 meets many tiles whose input stays in L2: results are then written as one stream. */
    if (is_row && p->n_jchunk == 1 && p->n_panel > 2 && (panel <= L1_PANEL_BYTES || p->panels_outer)) {
        const size_t fit = hone__conv_ceil(d->c * pixels * sizeof(float), CHUNK_BYTES);
        const size_t few = hone__round_up(hone__max_size(1, p->units / FEW_TILES), threads);
        p->n_chunk = hone__max_size(hone__min_size(p->n_chunk, few), hone__round_up(fit, threads));
        p->n_chunk = hone__min_size(p->units, p->n_chunk);
        p->panels_outer = true;
    }
}

void hone__conv_blocked_measure(hone__conv_plan *plan) {
    hone__conv_blocked_plan *p = &plan->blocked;
    const hone__conv_ops *ops = plan->ops;
    const hone__conv_desc *d = &p->flat;
    const bool is_nchw = d->x_layout == HONE_CONV_LAYOUT_NCHW;
    p->block = is_nchw ? d->c : ops->vw;
    p->x_plane = d->h * d->w * (is_nchw ? 1 : ops->vw);
    p->y_plane = d->oh * d->ow * ops->vw;
    hone__conv_inside(d->h, d->oh, d->r, d->stride_h, d->dil_h, d->pad_top, &p->row_lo, &p->row_hi);
    hone__conv_inside(d->w, d->ow, d->s, d->stride_w, d->dil_w, d->pad_left, &p->col_lo, &p->col_hi);
    const size_t inside = hone__max_size(1, p->col_hi - p->col_lo);
    p->tile = hone__conv_ceil(inside, hone__conv_ceil(inside, ops->cv_mr));
    p->units = d->oh == 1 ? hone__conv_ceil(d->ow, p->tile) : d->oh;
    if (d->oh == 1 && (p->col_lo > 0 || p->col_hi < d->ow))
        p->units = 1; /* a single row with borders is not cut */
    const size_t rest = p->kg % p->lanes;
    p->half_tail = p->lanes == ops->vw && ops->blocked_tile_half && rest > 0 && rest <= p->lanes / 2;
    p->n_panel = hone__conv_ceil(p->kg - (p->half_tail ? rest : 0), 2 * p->lanes) + p->half_tail;
}

bool hone__conv_blocked_plan_fill(hone__conv_plan *plan) {
    hone__conv_blocked_plan *p = &plan->blocked;
    p->flat = plan->desc;
    hone__conv_desc *d = &p->flat;
    if (!blocked_groups(plan, p))
        return false;
    if (hone__conv_blocked_pointwise_applicable(d)) {
        d->w = d->ow = d->h * d->w;
        d->h = d->oh = 1;
    }
    hone__conv_blocked_measure(plan);
    blocked_split(plan, p);
    size_t floats;
    if (!hone__conv_product(p->groups * p->n_panel * 2 * p->lanes, p->cg, d->r, d->s, &floats) ||
        !hone__conv_bytes(floats, &plan->packed_size))
        return false;
    plan->n_phases = 1;
    plan->workspace_size = 0;
    plan->pack_key = (uint64_t)HONE_CONV_KEY_BLOCKED << 56 | (uint64_t)(d->x_layout == HONE_CONV_LAYOUT_NCHW);
    return true;
}

hone__conv_blocked_panel hone__conv_blocked_panel_at(const hone__conv_blocked_plan *p, size_t j) {
    const size_t whole = p->half_tail ? p->kg / p->lanes * p->lanes : p->kg, k0 = j * 2 * p->lanes;
    if (p->half_tail && j + 1 == p->n_panel)
        return (hone__conv_blocked_panel){whole, 1, p->lanes / 2};
    return (hone__conv_blocked_panel){k0, whole - k0 > p->lanes ? 2 : 1, p->lanes};
}

/* Input channels of a group that exist: a joined last group may have fewer. Lanes past the last channel are not read.
 */
static size_t blocked_depth(const hone__conv_plan *plan, size_t group) {
    return hone__min_size(plan->blocked.cg, plan->desc.c - group * plan->blocked.cg);
}

/* Weight of output channel k for input channel c, both counted inside a joined group; 0 between the real groups. */
static float blocked_weight(const hone__conv_plan *plan, const hone_f32_unaligned *w, size_t group, size_t k, size_t c,
                            size_t tap) {
    const hone__conv_desc *d = &plan->desc;
    const size_t taps = d->r * d->s, kg = d->k / d->groups, cg = d->c / d->groups;
    const size_t k_all = group * plan->blocked.kg + k, c_all = group * plan->blocked.cg + c;
    if (k >= plan->blocked.kg || k_all >= d->k || c_all >= d->c || k_all / kg != c_all / cg)
        return 0.0f;
    return w[(k_all * cg + c_all % cg) * taps + tap];
}

enum { PACK_ROOM = 16 * 9 * 32 }; /* floats: a block of a 3x3 layer */

/* A panel of a group that is one of the layer's own: w and n_k are of its first channel. Blocks are transposed in
 * registers, then their taps put before the channels. */
static void pack_panel(const hone__conv_plan *plan, const hone_f32_unaligned *w, size_t n_k, size_t width, float *to) {
    const hone__conv_blocked_plan *p = &plan->blocked;
    const size_t taps = plan->desc.r * plan->desc.s, row = p->cg * taps;
    if (taps == 1) {
        plan->ops->gemm->pack(to, width, w, row, 1, n_k, p->cg);
        return;
    }
    for (size_t c0 = 0; c0 < p->cg; c0 += p->block) {
        const size_t n_c = hone__min_size(p->block, p->cg - c0);
        if (n_c * taps * width <= PACK_ROOM) {
            float room[PACK_ROOM];
            plan->ops->gemm->pack(room, width, w + c0 * taps, row, 1, n_k, n_c * taps);
            for (size_t t = 0; t < taps; t++)
                for (size_t c = 0; c < n_c; c++, to += width)
                    memcpy(to, room + (c * taps + t) * width, width * sizeof *to);
            continue;
        }
        for (size_t t = 0; t < taps; t++)
            for (size_t c = c0; c < hone__min_size(p->cg, c0 + p->block); c++) {
                const hone_f32_unaligned *from = w + c * taps + t;
                for (size_t k = 0; k < n_k; k++)
                    to[k] = from[k * row];
                for (size_t k = n_k; k < width; k++)
                    to[k] = 0.0f;
                to += width;
            }
    }
}

/* [group][panel][block][r][s][channel][vectors]; panels stand at multiples of a full one. */
void hone__conv_blocked_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    const hone__conv_blocked_plan *p = &plan->blocked;
    const size_t taps = plan->desc.r * plan->desc.s, full = p->cg * taps * 2 * p->lanes;
    for (size_t g = 0; g < p->groups; g++)
        for (size_t j = 0; j < p->n_panel; j++) {
            const size_t depth = blocked_depth(plan, g);
            const hone__conv_blocked_panel panel = hone__conv_blocked_panel_at(p, j);
            const size_t width = panel.nv * panel.lanes;
            float *to = packed + (g * p->n_panel + j) * full;
            if (p->groups == plan->desc.groups) {
                pack_panel(plan, w + (g * p->kg + panel.k0) * p->cg * taps, hone__min_size(width, p->kg - panel.k0),
                           width, to);
                continue;
            }
            for (size_t c0 = 0; c0 < depth; c0 += p->block)
                for (size_t t = 0; t < taps; t++)
                    for (size_t c = c0; c < hone__min_size(depth, c0 + p->block); c++)
                        for (size_t k = 0; k < width; k++)
                            *to++ = blocked_weight(plan, w, g, panel.k0 + k, c, t);
        }
}

size_t hone__conv_blocked_tasks(const hone__conv_plan *plan, size_t phase) {
    (void)phase;
    return plan->desc.n * plan->blocked.groups * plan->blocked.n_jchunk * plan->blocked.n_chunk;
}

/* ---- run ---- */

/* A tile from (oh, ow), along the row or down the column, of the panel with output channels 0 and following. */
static hone__conv_btile tile_at(const hone__conv_blocked_job *job, size_t oh, size_t ow, bool is_column) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const hone__conv_desc *d = &p->flat;
    const size_t vw = job->plan->ops->vw, px = d->x_layout == HONE_CONV_LAYOUT_NCHW ? 1 : vw;
    const size_t y_at = (oh - job->row0) * job->y_pitch + ow * vw;
    hone__conv_btile t = {.block = p->block, .n_c = job->depth, .act = job->act};
    t.x = job->x + hone__conv_blocked_window(d, px, oh, ow, &t);
    t.cs = px == 1 ? (ptrdiff_t)job->x_plane : 1;
    t.bs = (ptrdiff_t)job->x_plane;
    t.ms = (ptrdiff_t)((is_column ? d->stride_h * d->w : d->stride_w) * px);
    t.y_ms = is_column ? job->y_pitch : vw;
    t.y_plane = job->y_plane;
    t.y = job->y + y_at;
    t.z = job->z ? job->z + y_at : NULL;
    return t;
}

/* The tile in panels [j, j + n), which have the same width. */
static void run_panels(const hone__conv_blocked_job *job, const hone__conv_btile *at, size_t m, size_t j, size_t n) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const hone__conv_ops *ops = job->plan->ops;
    const hone__conv_blocked_panel panel = hone__conv_blocked_panel_at(p, j);
    const size_t k0 = panel.k0, y_at = (k0 - job->k_base) / ops->vw * job->y_plane;
    const size_t size = p->cg * p->flat.r * p->flat.s * 2 * p->lanes;
    hone__conv_btile t = *at;
    t.w = job->w + j * size;
    t.y += y_at;
    t.z = t.z ? t.z + y_at : NULL;
    t.bias = job->bias ? job->bias + k0 : NULL;
    t.n_k = job->k_left > k0 ? job->k_left - k0 : 0;
    if (n > 1) {
        t.n_times = n;
        t.w_step = size;
        t.k_step = 2 * p->lanes;
        t.y_step = 2 * p->lanes / ops->vw * job->y_plane;
    }
    if (panel.lanes == ops->vw)
        ops->blocked_tile(m, panel.nv, &t);
    else
        ops->blocked_tile_half(m, panel.nv, &t);
}

/* Panels [j0, j1) of m pixels that have the same taps, in tiles: of one panel all tiles in one call; else tile by tile,
 * whose input is then in L1, all whole panels in one call. */
static void run_pixels(const hone__conv_blocked_job *job, size_t j0, size_t j1, size_t oh, size_t ow, size_t m,
                       size_t tile, bool is_column) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    hone__conv_btile t = tile_at(job, oh, ow, is_column);
    const ptrdiff_t x_step = (ptrdiff_t)tile * t.ms;
    const size_t y_step = tile * t.y_ms;
    if (j1 - j0 == 1) {
        t.n_times = m / tile;
        t.x_step = x_step;
        t.y_step = y_step;
        if (t.n_times)
            run_panels(job, &t, tile, j0, 1);
        t.x += (ptrdiff_t)t.n_times * x_step;
        t.y += t.n_times * y_step;
        t.z = t.z ? t.z + t.n_times * y_step : NULL;
        t.n_times = 1;
        if (m % tile)
            run_panels(job, &t, m % tile, j0, 1);
        return;
    }
    /* Steps from panel to panel want two whole blocks each. */
    const bool is_whole = 2 * p->lanes % job->plan->ops->vw == 0;
    size_t whole = j0;
    while (whole < j1 && is_whole && hone__conv_blocked_panel_at(p, whole).nv == 2 &&
           hone__conv_blocked_panel_at(p, whole).lanes == p->lanes)
        whole++;
    for (size_t done = 0; done < m; done += tile) {
        t.n_times = 1;
        if (whole > j0)
            run_panels(job, &t, hone__min_size(tile, m - done), j0, whole - j0);
        for (size_t j = whole; j < j1; j++)
            run_panels(job, &t, hone__min_size(tile, m - done), j, 1);
        t.x += x_step;
        t.y += y_step;
        t.z = t.z ? t.z + y_step : NULL;
    }
}

/* How many of the output positions [at, end) have the taps of the first. */
static size_t same_taps(size_t in, size_t kernel, size_t stride, size_t dilation, size_t pad, size_t at, size_t end) {
    size_t first, other, n = hone__conv_taps(in, kernel, stride, dilation, pad, at, &first), i = at + 1;
    while (i < end && hone__conv_taps(in, kernel, stride, dilation, pad, i, &other) == n && other == first)
        i++;
    return i - at;
}

/* Rows [begin, end) of the columns [lo, hi), left or right of those that have all taps. A few columns are worked on
 * downwards; many with the same taps (wide dilations) along the row. */
static void blocked_borders(const hone__conv_blocked_job *job, size_t j0, size_t j1, size_t begin, size_t end,
                            size_t lo, size_t hi) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const hone__conv_desc *d = &p->flat;
    const size_t mr = job->plan->ops->cv_mr;
    for (size_t ow = lo, n; ow < hi; ow += n) {
        n = same_taps(d->w, d->s, d->stride_w, d->dil_w, d->pad_left, ow, hi);
        if (n >= WIDE_BORDER) {
            for (size_t oh = begin; oh < end; oh++)
                run_pixels(job, j0, j1, oh, ow, n, hone__conv_ceil(n, hone__conv_ceil(n, mr)), false);
            continue;
        }
        n = 1;
        for (size_t oh = begin, m; oh < end; oh += m) {
            const bool is_inside = oh >= p->row_lo && oh < p->row_hi;
            m = hone__min_size(mr, is_inside ? hone__min_size(end, p->row_hi) - oh
                                             : same_taps(d->h, d->r, d->stride_h, d->dil_h, d->pad_top, oh, end));
            run_pixels(job, j0, j1, oh, ow, m, m, m > 1);
        }
    }
}

void hone__conv_blocked_rows(const hone__conv_blocked_job *job, size_t j0, size_t j1, size_t begin, size_t end) {
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const hone__conv_desc *d = &p->flat;
    if (d->oh == 1 && p->col_lo == 0 && p->col_hi == d->ow) {
        const size_t first = begin * p->tile;
        run_pixels(job, j0, j1, 0, first, hone__min_size(end * p->tile, d->ow) - first, p->tile, false);
        return;
    }
    if (d->oh == 1)
        end = begin + 1;
    for (size_t oh = begin; oh < end && p->col_hi > p->col_lo; oh++)
        run_pixels(job, j0, j1, oh, p->col_lo, p->col_hi - p->col_lo, p->tile, false);
    blocked_borders(job, j0, j1, begin, end, 0, p->col_lo);
    blocked_borders(job, j0, j1, begin, end, p->col_hi, d->ow);
}

void hone__conv_blocked_pixels(const hone__conv_blocked_job *job, size_t n) {
    const size_t tile = hone__conv_ceil(n, hone__conv_ceil(n, job->plan->ops->cv_mr));
    run_pixels(job, 0, job->plan->blocked.n_panel, 0, 0, n, tile, false);
}

hone__conv_blocked_job hone__conv_blocked_job_at(const hone__conv_args *args, size_t image, size_t group) {
    const hone__conv_plan *plan = args->plan;
    const hone__conv_blocked_plan *p = &plan->blocked;
    const hone__conv_desc *d = &p->flat;
    const size_t vw = plan->ops->vw, k0 = group * p->kg, c0 = group * p->cg;
    const size_t x_blocks = d->x_layout == HONE_CONV_LAYOUT_NCHW ? d->c : hone__conv_ceil(d->c, vw);
    const size_t y_at = (image * hone__conv_ceil(d->k, vw) + k0 / vw) * p->y_plane + k0 % vw;
    return (hone__conv_blocked_job){.plan = plan,
                                    .x = args->x + (image * x_blocks + c0 / vw) * p->x_plane + c0 % vw,
                                    .w = args->packed + group * p->n_panel * p->cg * d->r * d->s * 2 * p->lanes,
                                    .z = args->z ? args->z + y_at : NULL,
                                    .bias = args->bias ? args->bias + k0 : NULL,
                                    .y = args->y + y_at,
                                    .x_plane = p->x_plane,
                                    .y_plane = p->y_plane,
                                    .y_pitch = d->ow * vw,
                                    .depth = blocked_depth(plan, group),
                                    .k_left = d->k - k0,
                                    .act = &d->act};
}

/* One panel, whose weights for so many input channels do not stay in L2: the channels are taken in parts, each adding
 * to the results of the one before. */
static void blocked_deep(const hone__conv_blocked_job *job, size_t j, size_t begin, size_t end) {
    static const hone_act none = {.kind = HONE_ACT_NONE};
    const hone__conv_blocked_plan *p = &job->plan->blocked;
    const size_t vw = job->plan->ops->vw, taps = p->flat.r * p->flat.s;
    const hone__conv_blocked_panel panel = hone__conv_blocked_panel_at(p, j);
    const size_t width = panel.nv * panel.lanes, row = taps * 2 * p->lanes * sizeof(float);
    size_t part = job->depth;
    if (part * row > DEEP_BYTES && p->flat.x_layout == HONE_CONV_LAYOUT_BLOCKED)
        part = hone__max_size(vw, PANEL_BYTES / row / vw * vw);
    for (size_t c0 = 0; c0 < job->depth; c0 += part) {
        hone__conv_blocked_job sum = *job;
        sum.w += c0 * taps * width;
        sum.x += c0 / vw * job->x_plane;
        sum.depth = hone__min_size(part, job->depth - c0);
        if (c0 > 0) {
            sum.z = job->y;
            sum.bias = NULL;
        }
        if (c0 + part < job->depth)
            sum.act = &none;
        hone__conv_blocked_rows(&sum, j, j + 1, begin, end);
    }
}

bool hone__conv_scale_init(hone__conv_plan *plan, bool always) {
    hone__conv_blocked_plan *p = &plan->blocked;
    const hone__conv_desc *d = &plan->desc;
    if (plan->algo->plan != hone__conv_blocked_plan_fill || !hone__conv_blocked_pointwise_applicable(d) ||
        p->groups != 1 || d->x_layout != HONE_CONV_LAYOUT_BLOCKED)
        return false;
    const size_t vw = plan->ops->vw, weights = p->n_panel * p->cg * 2 * p->lanes;
    if (!always && p->n_chunk * weights >= hone__conv_ceil(d->c, vw) * vw * d->h * d->w)
        return false;
    p->scratch = hone__round_up(weights, 16);
    plan->workspace_size = p->scratch * (size_t)plan->n_threads * sizeof(float);
    return true;
}

/* Weights of panels [j0, j1) times the scale of an image, in the thread's scratch. */
static const float *scaled_weights(const hone__conv_args *args, size_t image, size_t j0, size_t j1, int thread) {
    const hone__conv_plan *plan = args->plan;
    const hone__conv_blocked_plan *p = &plan->blocked;
    const size_t vw = plan->ops->vw, size = p->cg * 2 * p->lanes;
    const float *scale = args->scale + image * hone__conv_ceil(p->flat.c, vw) * vw;
    float *out = (float *)args->workspace + (size_t)thread * p->scratch;
    for (size_t j = j0; j < j1; j++) {
        const hone__conv_blocked_panel panel = hone__conv_blocked_panel_at(p, j);
        plan->ops->scale_rows(args->packed + j * size, scale, p->cg, panel.nv * panel.lanes, out + j * size);
    }
    return out;
}

void hone__conv_blocked_run(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    (void)phase;
    const hone__conv_blocked_plan *p = &args->plan->blocked;
    /* Chunks of pixels vary slowest: a thread's share is one band of the image, whatever the channels. */
    size_t jc = task % p->n_jchunk, g = task / p->n_jchunk % p->groups;
    size_t rest = task / p->n_jchunk / p->groups, chunk = rest % p->n_chunk, image = rest / p->n_chunk;
    if (p->is_split) {
        chunk = task % p->n_chunk, jc = task / p->n_chunk % p->n_jchunk;
        g = task / p->n_chunk / p->n_jchunk % p->groups, image = task / p->n_chunk / p->n_jchunk / p->groups;
    }
    const size_t begin = p->units * chunk / p->n_chunk, end = p->units * (chunk + 1) / p->n_chunk;
    const size_t j0 = p->n_panel * jc / p->n_jchunk, j1 = p->n_panel * (jc + 1) / p->n_jchunk;
    hone__conv_blocked_job job = hone__conv_blocked_job_at(args, image, g);
    if (args->scale)
        job.w = scaled_weights(args, image, j0, j1, thread);
    if (!p->panels_outer) {
        hone__conv_blocked_rows(&job, j0, j1, begin, end);
        return;
    }
    for (size_t j = j0; j < j1; j++)
        blocked_deep(&job, j, begin, end);
}
