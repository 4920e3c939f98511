/* FFT convolutions: the input is transformed tile by tile, one GEMM per frequency multiplies with transformed weights
 * over channels, and the products are transformed back. All three steps keep channels in vectors; they run one after
 * the other over the whole layer (three phases).
 *
 * Buffers, per frequency f (strides padded by a vector against cache-set conflicts):
 *   V[f][tile][depth]   transformed input; depth: real parts of the channels, then imaginary parts
 *   U[block][f][depth][2 vectors]   weights
 *   M[f][tile][width]   products; each block is one vector of real and one of imaginary parts.
 * A complex product is four real ones, done as a GEMM of doubled depth and width. */
#include "kernels/conv/conv_internal.h"

enum { GEMM_TILES = 8 };

bool hone__conv_fft_applicable(const hone__conv_desc *d) {
    return d->layout == HONE_CONV_LAYOUT_NCHW && d->stride_h == 1 && d->stride_w == 1 && d->dil_h == 1 &&
           d->dil_w == 1 && d->groups == 1 && (d->r >= 5 || d->s >= 5) && d->r <= 64 && d->s <= 64;
}

static size_t pow2_at_least(size_t n) {
    size_t p = 1;
    while (p < n && p <= HONE_CONV_FFT_MAX)
        p *= 2;
    return p;
}

/* Tile side of fft_tiled for a kernel side: about a quarter of each tile is overlap. */
static size_t fft_side(size_t kernel) {
    if (kernel == 1)
        return 1;
    return kernel <= 5 ? 16 : pow2_at_least(kernel * 3);
}

/* variant: -1 tiled, -2 whole image. */
static void spectral_tile(const hone__conv_plan *plan, hone__conv_spectral_plan *p) {
    const hone__conv_desc *d = &plan->desc;
    const int variant = plan->algo->variant;
    p->tile_h = variant == -1 ? fft_side(d->r) : pow2_at_least(d->oh + d->r - 1);
    p->tile_w = variant == -1 ? fft_side(d->s) : pow2_at_least(d->ow + d->s - 1);
    p->tile_w = hone__max_size(p->tile_w, 4); /* rows are loaded four pixels at a time */
    p->n_freq = p->tile_h * (p->tile_w / 2 + 1);
    p->out_h = p->tile_h - d->r + 1;
    p->out_w = p->tile_w - d->s + 1;
}

static size_t freq_stride(size_t tiles, size_t lanes, size_t vw) { return tiles * (lanes + vw) + vw; }

bool hone__conv_spectral_plan_fill(hone__conv_plan *plan) {
    const hone__conv_desc *d = &plan->desc;
    hone__conv_spectral_plan *p = &plan->spectral;
    const size_t vw = plan->ops->vw;
    spectral_tile(plan, p);
    if (p->tile_h > HONE_CONV_FFT_MAX || p->tile_w > HONE_CONV_FFT_MAX)
        return false;
    const size_t c_vec = hone__conv_ceil(d->c, vw), k_vec = hone__conv_ceil(d->k, vw);
    p->depth = c_vec * vw * 2;
    p->width = k_vec * vw * 2;
    p->n_nblock = hone__conv_ceil(p->width, 2 * vw);
    p->tiles_h = hone__conv_ceil(d->oh, p->out_h);
    p->tiles_w = hone__conv_ceil(d->ow, p->out_w);
    if (!hone__conv_product(p->tiles_h, p->tiles_w, d->n, 1, &p->n_tiles))
        return false;
    p->n_block = hone__conv_ceil(p->n_tiles, plan->ops->cv_mr * GEMM_TILES);
    p->block_tiles = hone__conv_ceil(p->n_tiles, p->n_block);
    const size_t big = hone__max_size(p->tile_h, p->tile_w);
    p->scratch = hone__round_up((p->tile_h * p->tile_w + 2 * (p->tile_h + 1) * (p->tile_w / 2 + 1) + 4 * big) * vw, 16);
    /* Room for the twiddles of rows, then of columns. */
    plan->table_size = hone__round_up((p->tile_w + hone__max_size(p->tile_h, 2)) * 4, 64);
    size_t floats, v, m;
    if (!hone__conv_product(p->n_freq, p->depth, p->width, 1, &floats) ||
        !hone__conv_bytes(floats, &plan->packed_size) || plan->packed_size > (size_t)512 << 20)
        return false; /* that much of transformed weights serves nobody */
    if (!hone__conv_product(p->n_tiles + 1, p->depth + 2 * vw, p->n_freq, 1, &v) ||
        !hone__conv_product(p->n_tiles + 1, p->width + 2 * vw, p->n_freq, 1, &m) || v > SIZE_MAX / 16 ||
        m > SIZE_MAX / 16)
        return false;
    v = p->n_freq * freq_stride(p->n_tiles, p->depth, vw);
    m = p->n_freq * freq_stride(p->n_tiles, p->width, vw);
    if (!hone__conv_product(p->scratch, (size_t)plan->n_threads, 1, 1, &floats) ||
        !hone__add_size(floats, hone__round_up(v, 16) + m, &floats))
        return false;
    plan->n_phases = 3;
    plan->pack_key = (uint64_t)HONE_CONV_KEY_FFT << 56 | (uint64_t)p->tile_h << 28 | p->tile_w;
    return hone__conv_bytes(floats, &plan->workspace_size);
}

size_t hone__conv_spectral_tasks(const hone__conv_plan *plan, size_t phase) {
    const hone__conv_spectral_plan *p = &plan->spectral;
    if (phase == 1)
        return p->n_freq * p->n_block;
    return plan->desc.n * p->tiles_h;
}

/* ---- steps ---- */

typedef struct spectral_run {
    const hone__conv_args *args;
    const hone__conv_plan *plan;
    const hone__conv_spectral_plan *p;
    float *v, *m;      /* V and M of the tiles at hand */
    size_t v_ld, m_ld; /* floats between tiles */
    size_t v_fs, m_fs; /* floats between frequencies */
    float *fft;        /* scratch of the thread */
} spectral_run;

static spectral_run spectral_begin(const hone__conv_args *args, int thread) {
    const hone__conv_plan *plan = args->plan;
    const hone__conv_spectral_plan *p = &plan->spectral;
    const size_t vw = plan->ops->vw;
    float *own = (float *)args->workspace + (size_t)thread * p->scratch;
    spectral_run run = {args, plan, p, NULL, NULL, p->depth + vw, p->width + vw, 0, 0, own};
    run.v_fs = freq_stride(p->n_tiles, p->depth, vw);
    run.m_fs = freq_stride(p->n_tiles, p->width, vw);
    run.v = (float *)args->workspace + (size_t)plan->n_threads * p->scratch;
    run.m = run.v + hone__round_up(p->n_freq * run.v_fs, 16);
    return run;
}

/* Tile `index` of all into row `slot` of V, channels [c0, c0+vw). */
static void transform_in(const spectral_run *r, size_t index, size_t slot, size_t c0) {
    const hone__conv_desc *d = &r->plan->desc;
    const hone__conv_spectral_plan *p = r->p;
    const hone__conv_ops *ops = r->plan->ops;
    const size_t tw = index % p->tiles_w, th = index / p->tiles_w % p->tiles_h, n = index / p->tiles_w / p->tiles_h;
    hone__conv_patch patch = {r->args->x + (n * d->c + c0) * d->h * d->w,
                              d->h * d->w,
                              d->h,
                              d->w,
                              (ptrdiff_t)(th * p->out_h) - (ptrdiff_t)d->pad_top,
                              (ptrdiff_t)(tw * p->out_w) - (ptrdiff_t)d->pad_left,
                              hone__min_size(ops->vw, d->c - c0)};
    ops->fft_in(p->tile_h, p->tile_w, r->args->table, &patch, r->v + slot * r->v_ld + c0, r->v_fs, p->depth / 2,
                r->fft);
}

/* Row `slot` of M, lanes from `lane`, into channels [k0, k0+vw) of tile `index`. */
static void transform_out(const spectral_run *r, size_t index, size_t slot, size_t lane, size_t k0) {
    const hone__conv_desc *d = &r->plan->desc;
    const hone__conv_spectral_plan *p = r->p;
    const hone__conv_ops *ops = r->plan->ops;
    const size_t tw = index % p->tiles_w, th = index / p->tiles_w % p->tiles_h, n = index / p->tiles_w / p->tiles_h;
    const size_t oh = th * p->out_h, ow = tw * p->out_w, n_c = hone__min_size(ops->vw, d->k - k0);
    const size_t rows = hone__min_size(p->out_h, d->oh - oh), cols = hone__min_size(p->out_w, d->ow - ow);
    const size_t at = ((n * d->k + k0) * d->oh + oh) * d->ow + ow;
    const hone__conv_args *a = r->args;
    hone__conv_out out = {a->bias ? a->bias + k0 : NULL, a->z ? a->z + at : NULL, a->y + at, d->oh * d->ow, &d->act};
    ops->fft_out(p->tile_h, p->tile_w, a->table, r->m + slot * r->m_ld + lane, r->m_fs, ops->vw, n_c, rows, cols, d->ow,
                 &out, r->fft);
}

/* Products of frequency f, weight block j, tiles [t0, t0+n) of the buffers. */
static void multiply(const spectral_run *r, size_t f, size_t j, size_t t0, size_t n, size_t lane) {
    const hone__conv_spectral_plan *p = r->p;
    const hone__conv_ops *ops = r->plan->ops;
    const size_t nv = hone__min_size(2, p->width / ops->vw - 2 * j), nr = 2 * ops->vw;
    const float *u = r->args->packed + j * p->n_freq * p->depth * nr + f * p->depth * nv * ops->vw;
    const size_t panels = hone__conv_ceil(n, ops->cv_mr);
    for (size_t i = 0; i < panels; i++) {
        const size_t a = t0 + n * i / panels, b = t0 + n * (i + 1) / panels;
        ops->cv(b - a, nv, p->depth, r->v + f * r->v_fs + a * r->v_ld, (ptrdiff_t)r->v_ld, 1, u,
                r->m + f * r->m_fs + a * r->m_ld + lane, r->m_ld, false);
    }
}

void hone__conv_spectral_run(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    const hone__conv_spectral_plan *p = &args->plan->spectral;
    const spectral_run r = spectral_begin(args, thread);
    const size_t vw = r.plan->ops->vw, row = task * p->tiles_w;
    if (phase == 1) {
        const size_t f = task / p->n_block, t0 = task % p->n_block * p->block_tiles;
        if (t0 >= p->n_tiles)
            return;
        for (size_t j = 0; j < p->n_nblock; j++)
            multiply(&r, f, j, t0, hone__min_size(p->block_tiles, p->n_tiles - t0), j * 2 * vw);
    } else if (phase == 0) {
        for (size_t c0 = 0; c0 < r.plan->desc.c; c0 += vw)
            for (size_t t = row; t < row + p->tiles_w; t++)
                transform_in(&r, t, t, c0);
    } else {
        for (size_t k0 = 0; k0 < r.plan->desc.k; k0 += vw)
            for (size_t t = row; t < row + p->tiles_w; t++)
                transform_out(&r, t, t, 2 * k0, k0);
    }
}
