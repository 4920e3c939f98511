/* Winograd convolutions whose weights are transformed while they are used ("lean"). The packed weights are the kernel's
 * taps as they are (those of `direct`, which shares them): a ninth of the taps' matrix of F(4,3) is 4 times, of F(6,3)
 * 7 times as large as the taps, and at batch 1 reading them from memory takes longer than making them in the cache.
 *
 * Tiles are taken in groups that fit a budget of cache. Two phases a group:
 *   in        V[f][tile][depth]: transformed input, in memory that all threads share
 *   multiply  a task takes one block of up to two vectors of output channels and some of the group's tiles: for each
 *             chunk of input channels the weights U[f][chunk][lanes] are made in the thread's own memory, then
 *             M[f][tile][lanes] += V U; at the end M is transformed back and stored.
 * Transforming a pair of input channel and vector of output channels costs about as much as multiplying three tiles. */
#include "kernels/conv/conv_internal.h"

enum {
    V_FLOATS = 384 * 1024, /* V of a group: shared, from the L2 and L3 caches */
    M_FLOATS = 72 * 1024,  /* M of a block of tiles, and U of a chunk of channels: the thread's L2 cache */
    U_FLOATS = 64 * 1024,
    IN_CHANNELS = 64, /* a task of the input phase */
    IN_TILES = 8
};

bool hone__conv_winograd_applicable(const hone__conv_desc *d) {
    return d->layout == d->x_layout && d->r == 3 && d->s == 3 && d->stride_h == 1 && d->stride_w == 1 &&
           d->dil_h == 1 && d->dil_w == 1 && d->groups == 1;
}

/* Rounding of F(6,3) grows with the channels summed: up to 128 it stays within what one layer may differ by. */
bool hone__conv_winograd63_applicable(const hone__conv_desc *d) {
    return hone__conv_winograd_applicable(d) && d->c <= 128;
}

/* With few weights the transformed ones stay in the caches between their uses, a layer's own tiles need no sharing, and
 * the fused rows of conv_spectral.c are faster. */
bool hone__conv_winograd_small_applicable(const hone__conv_desc *d) {
    return hone__conv_winograd_applicable(d) && d->c <= 128 && d->k <= 128;
}

/* Parts of nearly equal size. */
static size_t even_part(size_t n, size_t most) { return hone__conv_ceil(n, hone__conv_ceil(n, most)); }

/* Tiles are split between tasks until every thread has about two tasks. */
static void split(const hone__conv_plan *plan, hone__conv_winograd_plan *p) {
    const size_t vw = plan->ops->vw, threads = (size_t)plan->n_threads, lanes = 2 * vw;
    const size_t v_fit = V_FLOATS * (threads > 2 ? threads / 2 : 1) / (p->n_freq * (p->depth + vw));
    p->group_tiles = even_part(p->n_tiles, hone__max_size(v_fit, 48));
    p->n_group = hone__conv_ceil(p->n_tiles, p->group_tiles);
    size_t n_split = 1;
    if (threads > 1)
        while (p->n_kblock * n_split < 2 * threads && p->group_tiles / (n_split + 1) >= 16)
            n_split++;
    p->n_split = n_split;
    p->split_tiles = hone__conv_ceil(p->group_tiles, n_split);
    p->block_tiles = even_part(p->split_tiles, hone__max_size(M_FLOATS / (p->n_freq * (lanes + vw)), plan->ops->cv_mr));
    p->chunk = even_part(plan->desc.c, hone__max_size(U_FLOATS / (p->n_freq * lanes), 16));
}

bool hone__conv_winograd_plan_fill(hone__conv_plan *plan) {
    const hone__conv_desc *d = &plan->desc;
    hone__conv_winograd_plan *p = &plan->winograd;
    const size_t vw = plan->ops->vw, m = (size_t)plan->algo->variant;
    p->tile = m + 2;
    p->out = m;
    p->n_freq = p->tile * p->tile;
    p->depth = hone__conv_ceil(d->c, vw) * vw;
    p->n_kblock = hone__conv_ceil(d->k, 2 * vw);
    p->tiles_h = hone__conv_ceil(d->oh, m);
    p->tiles_w = hone__conv_ceil(d->ow, m);
    if (!hone__conv_product(p->tiles_h, p->tiles_w, d->n, 1, &p->n_tiles))
        return false;
    split(plan, p);
    /* Strides padded against cache-set conflicts: the frequencies of one tile are written side by side. */
    p->v_ld = p->depth + vw;
    p->m_ld = 3 * vw;
    size_t v, m_floats, u, packed;
    if (!hone__conv_product(p->group_tiles, p->v_ld, 1, 1, &p->v_fs) || !hone__add_size(p->v_fs, vw, &p->v_fs) ||
        !hone__conv_product(p->v_fs, p->n_freq, 1, 1, &v) ||
        !hone__conv_product(d->c, 9, hone__round_up(d->k, 2 * vw), 1, &packed) ||
        !hone__conv_bytes(packed, &plan->packed_size))
        return false;
    p->m_fs = p->block_tiles * p->m_ld + vw;
    p->u_fs = (p->chunk + 1) * 2 * vw;
    m_floats = p->m_fs * p->n_freq;
    u = p->u_fs * p->n_freq;
    p->v_size = hone__round_up(v, 16);
    p->scratch = hone__round_up(m_floats, 16) + hone__round_up(u, 16);
    size_t floats;
    if (!hone__conv_product(p->scratch, (size_t)plan->n_threads, 1, 1, &floats) ||
        !hone__add_size(floats, p->v_size, &floats))
        return false;
    plan->n_phases = 2 * p->n_group;
    plan->pack_key = (uint64_t)HONE_CONV_KEY_DIRECT << 56;
    return hone__conv_bytes(floats, &plan->workspace_size);
}

void hone__conv_winograd_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    hone__conv_pack_blocks(plan->ops, 1, plan->desc.k, plan->desc.c * 9, w, packed);
}

size_t hone__conv_winograd_tasks(const hone__conv_plan *plan, size_t phase) {
    const hone__conv_winograd_plan *p = &plan->winograd;
    if (phase % 2 == 1)
        return p->n_kblock * p->n_split;
    return hone__conv_ceil(p->group_tiles, IN_TILES) * hone__conv_ceil(plan->desc.c, IN_CHANNELS);
}

/* ---- steps ---- */

typedef struct winograd_run {
    const hone__conv_args *args;
    const hone__conv_plan *plan;
    const hone__conv_winograd_plan *p;
    float *v, *m, *u;
    size_t first, n; /* tiles of the group */
} winograd_run;

/* A tile's image, row and column. */
typedef struct place {
    size_t n, oh, ow;
} place;

static place find_tile(const hone__conv_winograd_plan *p, size_t tile) {
    return (place){tile / p->tiles_w / p->tiles_h, tile / p->tiles_w % p->tiles_h * p->out, tile % p->tiles_w * p->out};
}

static void transform_in(const winograd_run *r, size_t slot, size_t c0) {
    const hone__conv_desc *d = &r->plan->desc;
    const place at = find_tile(r->p, r->first + slot);
    hone__conv_patch patch = {r->args->x + (at.n * d->c + c0) * d->h * d->w,
                              d->h * d->w,
                              d->h,
                              d->w,
                              (ptrdiff_t)at.oh - (ptrdiff_t)d->pad_top,
                              (ptrdiff_t)at.ow - (ptrdiff_t)d->pad_left,
                              hone__min_size(r->plan->ops->vw, d->c - c0)};
    const hone__conv_ops *ops = r->plan->ops;
    float *v = r->v + slot * r->p->v_ld + c0;
    if (d->layout == HONE_CONV_LAYOUT_BLOCKED) {
        patch.x = r->args->x + (at.n * hone__round_up(d->c, ops->vw) + c0) * d->h * d->w;
        ops->winograd_in_blocked((int)r->p->out, &patch, v, r->p->v_fs);
    } else {
        ops->winograd_in((int)r->p->out, &patch, v, r->p->v_fs);
    }
}

static void run_in(const winograd_run *r, size_t task) {
    const size_t vw = r->plan->ops->vw, n_c = hone__conv_ceil(r->plan->desc.c, IN_CHANNELS);
    const size_t t0 = task / n_c * IN_TILES, t1 = hone__min_size(r->n, t0 + IN_TILES);
    const size_t c_begin = task % n_c * IN_CHANNELS, c_end = hone__min_size(r->plan->desc.c, c_begin + IN_CHANNELS);
    for (size_t c0 = c_begin; c0 < c_end; c0 += vw)
        for (size_t t = t0; t < t1; t++)
            transform_in(r, t, c0);
}

/* Row `slot` of M, lanes from `lane`, into channels [k0, k0+vw) of a tile of the group. */
static void transform_out(const winograd_run *r, size_t tile, size_t slot, size_t lane, size_t k0) {
    const hone__conv_desc *d = &r->plan->desc;
    const hone__conv_args *a = r->args;
    const place at = find_tile(r->p, r->first + tile);
    const size_t rows = hone__min_size(r->p->out, d->oh - at.oh), cols = hone__min_size(r->p->out, d->ow - at.ow);
    const hone__conv_ops *ops = r->plan->ops;
    const bool is_blocked = d->layout == HONE_CONV_LAYOUT_BLOCKED;
    const size_t y =
        is_blocked ? (at.n * hone__round_up(d->k, ops->vw) + k0) * d->oh * d->ow + (at.oh * d->ow + at.ow) * ops->vw
                   : ((at.n * d->k + k0) * d->oh + at.oh) * d->ow + at.ow;
    hone__conv_out out = {a->bias ? a->bias + k0 : NULL, a->z ? a->z + y : NULL, a->y + y, d->oh * d->ow, &d->act};
    (is_blocked ? ops->winograd_out_blocked : ops->winograd_out)((int)r->p->out, r->m + slot * r->p->m_ld + lane,
                                                                 r->p->m_fs, hone__min_size(ops->vw, d->k - k0), rows,
                                                                 cols, d->ow, &out);
}

/* M[f][0 .. n) (+)= V[f][t0 .. t0+n) U[f] over the channels of a chunk. */
static void multiply(const winograd_run *r, size_t f, size_t nv, size_t t0, size_t n, size_t c0, size_t n_c) {
    const hone__conv_winograd_plan *p = r->p;
    const size_t panels = hone__conv_ceil(n, r->plan->ops->cv_mr);
    for (size_t i = 0; i < panels; i++) {
        const size_t a = n * i / panels, b = n * (i + 1) / panels;
        r->plan->ops->cv(b - a, nv, n_c, r->v + f * p->v_fs + (t0 + a) * p->v_ld + c0, (ptrdiff_t)p->v_ld, 1,
                         r->u + f * p->u_fs, r->m + f * p->m_fs + a * p->m_ld, p->m_ld, c0 > 0);
    }
}

static void run_multiply(const winograd_run *r, size_t task) {
    const hone__conv_winograd_plan *p = r->p;
    const hone__conv_ops *ops = r->plan->ops;
    const size_t vw = ops->vw, c = r->plan->desc.c, k = r->plan->desc.k, j = task / p->n_split;
    const size_t t_begin = task % p->n_split * p->split_tiles, t_end = hone__min_size(r->n, t_begin + p->split_tiles);
    const size_t nv = hone__min_size(2, hone__conv_ceil(k, vw) - 2 * j);
    const float *taps = r->args->packed + j * c * 9 * 2 * vw;
    const bool is_kept = p->chunk >= c; /* U of the one chunk serves all blocks of tiles */
    for (size_t t0 = t_begin; t0 < t_end; t0 += p->block_tiles) {
        const size_t n = hone__min_size(p->block_tiles, t_end - t0);
        for (size_t c0 = 0; c0 < c; c0 += p->chunk) {
            const size_t n_c = hone__min_size(p->chunk, c - c0);
            if (!is_kept || t0 == t_begin)
                ops->winograd_weights((int)p->out, taps + c0 * 9 * nv * vw, n_c, nv, r->u, p->u_fs);
            for (size_t f = 0; f < p->n_freq; f++)
                multiply(r, f, nv, t0, n, c0, n_c);
        }
        for (size_t i = 0; i < nv; i++)
            for (size_t t = 0; t < n; t++)
                transform_out(r, t0 + t, t, i * vw, (2 * j + i) * vw);
    }
}

void hone__conv_winograd_run(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    const hone__conv_winograd_plan *p = &args->plan->winograd;
    float *v = args->workspace, *own = v + p->v_size + (size_t)thread * p->scratch;
    winograd_run r = {args, args->plan, p, v, own, own + hone__round_up(p->m_fs * p->n_freq, 16), 0, 0};
    r.first = phase / 2 * p->group_tiles;
    if (r.first >= p->n_tiles)
        return;
    r.n = hone__min_size(p->group_tiles, p->n_tiles - r.first);
    if (phase % 2 == 0)
        run_in(&r, task);
    else
        run_multiply(&r, task);
}
