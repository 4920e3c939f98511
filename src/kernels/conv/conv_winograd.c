/* Winograd convolutions: the input is transformed tile by tile, one GEMM per frequency multiplies with transformed
 * weights over channels, and the products are transformed back.
 *
 * A task takes a band of tiles and a share of the blocks of up to two vectors of output channels through all steps, in
 * memory that belongs to its thread: nothing but the image and the weights is shared, so that no thread waits for
 * another and no line of memory wanders between caches.
 *
 *   in        V[chunk][f][tile][channel of the chunk]: the band's transformed input, all channels
 *   multiply  for every block of output channels and chunk of input channels: M[f][tile][lanes] += V U
 *             with U[f][channel][lanes]
 *   out       M is transformed back and stored
 *
 * M and the U of a chunk stay in the L2 cache; V is read once per block, as one stream, from wherever it is. Summing
 * chunk by chunk also makes sums of many channels several times as accurate.
 *
 * "lean" rows keep the taps as they are (those of `direct`, which shares them) and make the U of a chunk while they
 * run: a ninth of the taps' matrix of F(4,3) is 4 times, of F(6,3) 7 times as large as the taps, and at batch 1 reading
 * them from memory takes longer than making them in the cache. Transforming a pair of input channel and vector of
 * output channels costs about as much as multiplying three tiles. The other rows keep U. */
#include "kernels/conv/conv_internal.h"

#include <string.h>

enum {
    M_FLOATS = 120 * 1024, /* M of a band and U of a chunk share the thread's L2 cache */
    U_FLOATS = 104 * 1024,
    SMALL_U = 1200 * 1024, /* stays in the caches between bands, which may then be small enough for V to stay in L2 */
    MOST_CHUNK = 64,       /* channels: rounding grows with what is summed in one go */
    MOST_CHUNK_F63 = 32,
    MOST_SCRATCH = 8 << 20
};

bool hone__conv_winograd_applicable(const hone__conv_desc *d) {
    return d->layout == d->x_layout && d->r == 3 && d->s == 3 && d->stride_h == 1 && d->stride_w == 1 &&
           d->dil_h == 1 && d->dil_w == 1 && d->groups == 1;
}

/* Rounding of F(6,3) grows with the channels summed: up to 512 it stays within what one layer may differ by. */
bool hone__conv_winograd63_applicable(const hone__conv_desc *d) {
    return hone__conv_winograd_applicable(d) && d->c <= 512;
}

/* Estimated vector multiply-adds of a run, of the thread that works longest. */
static double winograd_estimate(const hone__conv_plan *plan, const hone__conv_winograd_plan *p) {
    const hone__conv_desc *d = &plan->desc;
    const double freq = (double)p->n_freq, tiles = (double)p->band_tiles, c = (double)d->c;
    const double c_vec = (double)p->depth / (double)plan->ops->vw;
    const double pairs = (double)hone__min_size(2 * p->n_jpart, hone__conv_ceil(d->k, plan->ops->vw));
    const bool is_blocked = d->layout == HONE_CONV_LAYOUT_BLOCKED; /* nothing is transposed */
    const double in = is_blocked ? 14.0 : 18.0, out = is_blocked ? 10.0 : 13.0;
    const double panels = (double)hone__conv_ceil(p->band_tiles, plan->ops->cv_mr);
    const double rows = tiles / panels, few = rows >= 6.0 ? 1.0 : 0.55 + 2.7 / rows;
    const double weights = p->is_lean ? 2.8 * freq + 30.0 : 1.2 * freq;
    const double products = c * tiles * few / 0.97 + (double)p->n_chunk * (1.5 * tiles + 12.0 * panels);
    const double task = freq * pairs * products + c * pairs * weights + tiles * freq * (in * c_vec + out * pairs);
    return task * (double)hone__conv_ceil(p->n_band * p->n_part, (size_t)plan->n_threads);
}

/* Bands whose M fits, and parts of the output channels, so that the slowest thread is done soonest. */
static void winograd_split(const hone__conv_plan *plan, hone__conv_winograd_plan *p) {
    const size_t lanes = 2 * plan->ops->vw, threads = (size_t)plan->n_threads;
    size_t most = hone__max_size(M_FLOATS / (p->n_freq * lanes), plan->ops->cv_mr);
    const size_t fit = MOST_SCRATCH / sizeof(float) / (p->n_freq * p->depth);
    most = hone__max_size(hone__min_size(most, fit), plan->ops->cv_mr);
    if (!p->is_lean && p->n_freq * p->depth * p->n_kblock * lanes <= SMALL_U)
        most = hone__min_size(most, 2 * plan->ops->cv_mr);
    const size_t least_bands = hone__conv_ceil(p->n_tiles, most);
    hone__conv_winograd_plan best = *p;
    double least = 0;
    for (size_t parts = 1; parts <= hone__min_size(2 * threads, p->n_kblock); parts += hone__max_size(1, parts / 2))
        for (size_t more = 0; more < 4; more++) {
            /* As many bands as fill whole rounds of the threads. */
            const size_t rounds = hone__conv_ceil(least_bands * parts, threads) + more;
            hone__conv_winograd_plan q = *p;
            q.band_tiles = hone__conv_ceil(p->n_tiles, hone__max_size(least_bands, rounds * threads / parts));
            q.n_band = hone__conv_ceil(p->n_tiles, q.band_tiles);
            q.n_jpart = hone__conv_ceil(p->n_kblock, parts);
            q.n_part = hone__conv_ceil(p->n_kblock, q.n_jpart);
            const double cost = winograd_estimate(plan, &q);
            if (least > 0 && cost >= least)
                continue;
            least = cost;
            best = q;
        }
    best.cost = least;
    *p = best;
}

bool hone__conv_winograd_plan_fill(hone__conv_plan *plan) {
    const hone__conv_desc *d = &plan->desc;
    hone__conv_winograd_plan *p = &plan->winograd;
    const size_t vw = plan->ops->vw, m = (size_t)plan->algo->variant % 100;
    p->is_lean = plan->algo->variant < 100;
    p->tile = m + 2;
    p->out = m;
    p->n_freq = p->tile * p->tile;
    p->depth = hone__conv_ceil(d->c, vw) * vw;
    p->n_kblock = hone__conv_ceil(d->k, 2 * vw);
    p->tiles_h = hone__conv_ceil(d->oh, m);
    p->tiles_w = hone__conv_ceil(d->ow, m);
    if (!hone__conv_product(p->tiles_h, p->tiles_w, d->n, 1, &p->n_tiles) || p->n_tiles > SIZE_MAX / 4096)
        return false;
    const size_t most_chunk =
        hone__min_size(m == 6 ? MOST_CHUNK_F63 : MOST_CHUNK, U_FLOATS / (p->n_freq * 2 * vw) / vw * vw);
    p->chunk = hone__round_up(hone__conv_ceil(d->c, hone__conv_ceil(d->c, most_chunk)), vw);
    p->n_chunk = hone__conv_ceil(d->c, p->chunk);
    winograd_split(plan, p);
    /* Strides padded against cache-set conflicts: the frequencies of one tile are written side by side. */
    p->v_fs = p->band_tiles * p->chunk + vw;
    p->m_fs = p->band_tiles * 2 * vw + vw;
    p->u_fs = p->chunk * 2 * vw + (p->is_lean ? 2 * vw : 0);
    size_t floats;
    if (!hone__conv_product(p->v_fs, p->n_freq, p->n_chunk, 1, &p->v_size))
        return false;
    p->v_size = hone__round_up(p->v_size, 16);
    const size_t own = hone__round_up(p->m_fs * p->n_freq, 16) + (p->is_lean ? p->u_fs * p->n_freq : 0);
    if (!hone__add_size(hone__round_up(own, 16), p->v_size, &p->scratch) ||
        !hone__conv_product(p->scratch, (size_t)plan->n_threads, 1, 1, &floats) ||
        !hone__conv_bytes(floats, &plan->workspace_size))
        return false;
    plan->n_phases = 1;
    if (p->is_lean) {
        plan->pack_key = (uint64_t)HONE_CONV_KEY_DIRECT << 56;
        return hone__conv_product(d->c, 9, hone__round_up(d->k, 2 * vw), 1, &floats) &&
               hone__conv_bytes(floats, &plan->packed_size);
    }
    plan->pack_key = (uint64_t)HONE_CONV_KEY_WINOGRAD << 56 | p->tile;
    return hone__conv_product(p->n_chunk * p->chunk, p->n_kblock * 2 * vw, p->n_freq, 1, &floats) &&
           hone__conv_bytes(floats, &plan->packed_size) &&
           plan->packed_size <= (size_t)512 << 20; /* more of transformed weights serves nobody */
}

size_t hone__conv_winograd_tasks(const hone__conv_plan *plan, size_t phase) {
    (void)phase;
    return plan->winograd.n_band * plan->winograd.n_part;
}

double hone__conv_winograd_cost(const hone__conv_plan *plan) { return plan->winograd.cost; }

/* ---- steps ---- */

typedef struct winograd_run {
    const hone__conv_args *args;
    const hone__conv_plan *plan;
    const hone__conv_winograd_plan *p;
    float *v, *m, *u;
    size_t first, n; /* tiles of the band */
} winograd_run;

/* A tile's image, row and column. */
typedef struct place {
    size_t n, oh, ow;
} place;

static place find_tile(const hone__conv_winograd_plan *p, size_t tile) {
    return (place){tile / p->tiles_w / p->tiles_h, tile / p->tiles_w % p->tiles_h * p->out, tile % p->tiles_w * p->out};
}

static void transform_in(const winograd_run *r, size_t slot, size_t c0) {
    const hone__conv_winograd_plan *p = r->p;
    const hone__conv_desc *d = &r->plan->desc;
    const place at = find_tile(p, r->first + slot);
    hone__conv_patch patch = {r->args->x + (at.n * d->c + c0) * d->h * d->w,
                              d->h * d->w,
                              d->h,
                              d->w,
                              (ptrdiff_t)at.oh - (ptrdiff_t)d->pad_top,
                              (ptrdiff_t)at.ow - (ptrdiff_t)d->pad_left,
                              hone__min_size(r->plan->ops->vw, d->c - c0)};
    const hone__conv_ops *ops = r->plan->ops;
    float *v = r->v + c0 / p->chunk * p->n_freq * p->v_fs + slot * p->chunk + c0 % p->chunk;
    if (d->layout == HONE_CONV_LAYOUT_BLOCKED) {
        patch.x = r->args->x + (at.n * hone__round_up(d->c, ops->vw) + c0) * d->h * d->w;
        ops->winograd_in_blocked((int)p->out, &patch, v, p->v_fs, p->chunk);
    } else {
        ops->winograd_in((int)p->out, &patch, v, p->v_fs, p->chunk);
    }
}

/* Row `slot` of M, lanes from `lane`, into channels [k0, k0+vw) of a tile of the band. */
static void transform_out(const winograd_run *r, size_t slot, size_t lane, size_t k0) {
    const hone__conv_desc *d = &r->plan->desc;
    const hone__conv_args *a = r->args;
    const place at = find_tile(r->p, r->first + slot);
    const size_t rows = hone__min_size(r->p->out, d->oh - at.oh), cols = hone__min_size(r->p->out, d->ow - at.ow);
    const hone__conv_ops *ops = r->plan->ops;
    const bool is_blocked = d->layout == HONE_CONV_LAYOUT_BLOCKED;
    const size_t y =
        is_blocked ? (at.n * hone__round_up(d->k, ops->vw) + k0) * d->oh * d->ow + (at.oh * d->ow + at.ow) * ops->vw
                   : ((at.n * d->k + k0) * d->oh + at.oh) * d->ow + at.ow;
    hone__conv_out out = {a->bias ? a->bias + k0 : NULL, a->z ? a->z + y : NULL, a->y + y, d->oh * d->ow, &d->act};
    (is_blocked ? ops->winograd_out_blocked : ops->winograd_out)((int)r->p->out, r->m + slot * 2 * ops->vw + lane,
                                                                 r->p->m_fs, hone__min_size(ops->vw, d->k - k0), rows,
                                                                 cols, d->ow, &out);
}

/* What is wanted next is asked for while the frequencies are worked through, a share each. */
static inline void fetch_ahead(const float *p, size_t n, size_t f, size_t n_freq) {
    const char *at = (const char *)(p + n * f / n_freq), *end = (const char *)(p + n * (f + 1) / n_freq);
    for (; at < end; at += 64)
        __builtin_prefetch(at, 0, 2);
}

/* M (+)= V U over chunk q; u: [f][channel][nv*vw]. */
static void multiply(const winograd_run *r, size_t q, size_t nv, const float *u, size_t u_fs, const float *next,
                     size_t n_next) {
    const hone__conv_winograd_plan *p = r->p;
    const size_t lanes = 2 * r->plan->ops->vw, panels = hone__conv_ceil(r->n, r->plan->ops->cv_mr);
    const size_t n_c = hone__min_size(p->chunk, r->plan->desc.c - q * p->chunk);
    const float *v = r->v + q * p->n_freq * p->v_fs;
    float *m = r->m;
    for (size_t f = 0; f < p->n_freq; f++, v += p->v_fs, m += p->m_fs, u += u_fs) {
        fetch_ahead(next, n_next, f, p->n_freq);
        for (size_t i = 0; i < panels; i++) {
            const size_t a = r->n * i / panels, b = r->n * (i + 1) / panels;
            r->plan->ops->cv(b - a, nv, n_c, v + a * p->chunk, (ptrdiff_t)p->chunk, 1, u, m + a * lanes, lanes, q > 0);
        }
    }
}

/* Weights of block j of output channels from chunk q on, whose blocks are nv vectors wide, and their number of floats.
 */
static const float *weights_at(const winograd_run *r, size_t j, size_t q, size_t nv, size_t *n) {
    const hone__conv_winograd_plan *p = r->p;
    const size_t vw = r->plan->ops->vw, c = r->plan->desc.c, per = p->is_lean ? 9 : p->n_freq;
    const size_t c0 = q * p->chunk;
    if (p->is_lean) {
        *n = hone__min_size(p->chunk, c - c0) * 9 * nv * vw;
        return r->args->packed + (j * c * 2 + c0 * nv) * 9 * vw;
    }
    *n = p->chunk * per * nv * vw;
    return r->args->packed + (j * p->n_chunk * 2 + q * nv) * p->chunk * per * vw;
}

static void run_block(const winograd_run *r, size_t j, size_t j_end) {
    const hone__conv_winograd_plan *p = r->p;
    const hone__conv_ops *ops = r->plan->ops;
    const size_t vw = ops->vw, k_vec = hone__conv_ceil(r->plan->desc.k, vw), nv = hone__min_size(2, k_vec - 2 * j);
    for (size_t q = 0; q < p->n_chunk; q++) {
        size_t n, n_next = 0;
        const float *u = weights_at(r, j, q, nv, &n), *next = u;
        if (q + 1 < p->n_chunk)
            next = weights_at(r, j, q + 1, nv, &n_next);
        else if (j + 1 < j_end)
            next = weights_at(r, j + 1, 0, hone__min_size(2, k_vec - 2 * (j + 1)), &n_next);
        if (p->is_lean)
            ops->winograd_weights((int)p->out, u, n / (9 * nv * vw), nv, r->u, p->u_fs);
        multiply(r, q, nv, p->is_lean ? r->u : u, p->is_lean ? p->u_fs : p->chunk * nv * vw, next, n_next);
    }
    for (size_t i = 0; i < nv; i++)
        for (size_t t = 0; t < r->n; t++)
            transform_out(r, t, i * vw, (2 * j + i) * vw);
}

void hone__conv_winograd_run(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    (void)phase;
    const hone__conv_winograd_plan *p = &args->plan->winograd;
    const size_t vw = args->plan->ops->vw;
    float *own = (float *)args->workspace + (size_t)thread * p->scratch, *m = own + p->v_size;
    winograd_run r = {args, args->plan, p, own, m, m + hone__round_up(p->m_fs * p->n_freq, 16), 0, 0};
    r.first = task / p->n_part * p->band_tiles;
    r.n = hone__min_size(p->band_tiles, p->n_tiles - r.first);
    for (size_t c0 = 0; c0 < args->plan->desc.c; c0 += vw)
        for (size_t t = 0; t < r.n; t++)
            transform_in(&r, t, c0);
    const size_t j_end = hone__min_size(p->n_kblock, (task % p->n_part + 1) * p->n_jpart);
    for (size_t j = task % p->n_part * p->n_jpart; j < j_end; j++)
        run_block(&r, j, j_end);
}
