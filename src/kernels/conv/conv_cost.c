/* The cost model behind HEURISTIC: estimated seconds of a plan from operations, bytes and efficiencies.
 * The efficiencies are fitted on bench/bench_conv.c over the layers of bench/shapes/conv.txt (Zen 4, two cores,
 * AVX-512); they are ratios between algorithms, so the choice carries over to machines of like balance. */
#include "kernels/conv/conv_internal.h"

double hone__conv_flops(const hone__conv_desc *d) {
    return 2.0 * (double)d->n * (double)d->k * (double)d->oh * (double)d->ow * (double)(d->c / d->groups) *
           (double)d->r * (double)d->s;
}

/* The machine that the efficiencies were fitted on: vector multiply-adds per second and thread, bytes per second. */
static const double LARGE_GROWTH = 1.8e6; /* bytes */
static const double FMA_RATE = 3.69e9, CACHE_BYTES = 40e9, MEMORY_BYTES = 30e9;

/* Vector multiply-adds' worth of making one vector of pixels of the column matrix. */
static double column_cost(const hone__conv_plan *plan) {
    const hone__conv_desc *d = &plan->desc;
    const double per_line = (double)plan->ops->vw / (double)d->ow; /* lines of the image that a vector spans */
    switch (plan->algo->variant) {
    case HONE_CONV_PACK_SEGMENTS:
        return 10.0 + 45.0 * per_line;
    case HONE_CONV_PACK_TABLE: /* whole loads where pixels are neighbours in memory, else gathers */
        return d->stride_w == 1 && d->stride_h == 1 && d->ow == d->w ? 3.0 : 22.0;
    case HONE_CONV_PACK_IM2COL:
        return 8.0 + 20.0 * per_line;
    default:
        return d->oh * d->ow == d->h * d->w ? 4.0 : 10.0 + 45.0 * per_line;
    }
}

static double gemm_cost(const hone__conv_plan *plan, double *cache) {
    const hone__conv_desc *d = &plan->desc;
    const hone__conv_gemm_plan *g = &plan->gemm;
    const double vw = (double)plan->ops->vw, pixels = (double)hone__conv_ceil(g->pixels, plan->ops->vw);
    const double kg = (double)(d->k / d->groups), depth = (double)g->depth, times = (double)(d->n * d->groups);
    const double mr = (double)plan->ops->pv_mr, rows = kg < mr ? 0.5 * (kg + mr) : kg; /* short panels run slower */
    if (plan->algo->variant == HONE_CONV_PACK_IM2COL)
        *cache += times * depth * pixels * vw * 8.0;
    return times * pixels * (rows * (depth / 0.95 + 8.0) + depth * column_cost(plan) * (double)g->n_chunk);
}

static double direct_cost(const hone__conv_plan *plan) {
    const hone__conv_direct_plan *p = &plan->direct;
    const hone__conv_desc *d = &p->flat;
    const double vectors =
        (double)hone__conv_ceil(d->k / d->groups, plan->ops->vw) * (double)(d->n * d->groups * d->oh * d->ow);
    double step = 1.0 / 0.985;
    if (d->r * d->s > 1) { /* the tiles at both ends of a line copy their window */
        const double tiles = (double)hone__conv_ceil(d->ow, p->tile);
        step = (1.0 + 0.35 * (tiles > 2.0 ? 2.0 / tiles : 1.0)) / 0.9;
    }
    if (2 * p->tile < plan->ops->cv_mr + 2)
        step *= 1.3;
    if (d->c / d->groups > 8 && d->h * d->w % 1024 == 0)
        step *= 1.8; /* planes a multiple of 4 KiB apart share cache sets */
    return vectors * ((double)(d->c / d->groups * d->r * d->s) * step + 22.0);
}

static double depthwise_cost(const hone__conv_plan *plan) {
    const hone__conv_desc *d = &plan->desc;
    const double taps = (double)(d->r * d->s);
    const bool is_plain = plan->depthwise.scratch == 0;
    const double vectors = (double)(d->n * d->k * d->oh * hone__conv_ceil(d->ow, plan->ops->vw));
    return vectors * (taps * (is_plain ? (d->stride_w == 1 ? 1.9 : 4.0) : 3.0) + (is_plain ? 4.0 : 60.0));
}

/* Taps of a pixel that lie inside the image, on average: wide dilations have few. */
static double inside_taps(const hone__conv_desc *d) {
    double rows = 0.0, columns = 0.0;
    size_t first;
    for (size_t i = 0; i < d->oh; i++)
        rows += (double)hone__conv_taps(d->h, d->r, d->stride_h, d->dil_h, d->pad_top, i, &first);
    for (size_t i = 0; i < d->ow; i++)
        columns += (double)hone__conv_taps(d->w, d->s, d->stride_w, d->dil_w, d->pad_left, i, &first);
    return rows * columns / (double)(d->oh * d->ow);
}

/* Every tile computes whole vectors of output channels; the fewer of them share a broadcast, the slower. */
static double blocked_cost(const hone__conv_plan *plan) {
    const hone__conv_blocked_plan *p = &plan->blocked;
    const hone__conv_desc *d = &p->flat;
    const double vectors = ((double)hone__conv_ceil(p->kg, p->lanes) - (p->half_tail ? 0.45 : 0.0)) * (double)p->lanes /
                           (double)plan->ops->vw;
    const double tiles = (double)(d->n * p->groups) * (double)(d->oh * d->ow);
    const double step = (p->kg <= p->lanes ? 1.2 : 1.0) / 0.96;
    const double border = d->r * d->s > 1 ? 1.05 + 1.0 / (double)d->ow : 1.0;
    const double taps = d->dil_h * d->dil_w > 1 ? inside_taps(d) : (double)(d->r * d->s);
    return tiles * vectors * ((double)p->cg * taps * step * border + 3.0);
}

static double blocked_depthwise_cost(const hone__conv_plan *plan) {
    const hone__conv_blocked_plan *p = &plan->blocked;
    const hone__conv_desc *d = &p->flat;
    return (double)(d->n * p->n_panel * d->oh * d->ow) * ((double)(d->r * d->s) * 1.3 + 6.0);
}

/* FFT; per frequency and vector 24 for a transform. */
static double spectral_cost(const hone__conv_plan *plan, double *cache) {
    const hone__conv_spectral_plan *p = &plan->spectral;
    const double vw = (double)plan->ops->vw, tiles = (double)p->n_tiles, freq = (double)p->n_freq;
    const double c_vec = (double)p->depth / vw, k_vec = (double)p->width / vw;
    const double block = (double)hone__min_size(p->n_tiles, 64);
    const double few = block >= 6.0 ? 1.0 : 6.0 / block; /* short tiles wait for the weights */
    *cache += tiles * freq * 8.0 * ((double)p->depth + (double)p->width);
    return tiles * freq * ((double)p->depth * k_vec * few / 0.85 + 24.0 * (c_vec + k_vec));
}

static double winograd_cost(const hone__conv_plan *plan) {
    const hone__conv_winograd_plan *p = &plan->winograd;
    /* F(6,3) costs accuracy: it must be faster. */
    return p->cost * (double)plan->n_threads * (p->tile == 8 ? 1.02 : 1.0);
}

double hone__conv_cost(const hone__conv_plan *plan) {
    const hone__conv_desc *d = &plan->desc;
    double cache = 4.0 * (double)d->n * (double)d->c * (double)d->h * (double)d->w +
                   4.0 * (double)d->n * (double)d->k * (double)d->oh * (double)d->ow;
    double fma;
    if (plan->algo->plan == hone__conv_gemm_plan_fill)
        fma = gemm_cost(plan, &cache);
    else if (plan->algo->plan == hone__conv_direct_plan_fill)
        fma = direct_cost(plan);
    else if (plan->algo->plan == hone__conv_depthwise_plan_fill)
        fma = depthwise_cost(plan);
    else if (plan->algo->plan == hone__conv_blocked_plan_fill)
        fma = blocked_cost(plan);
    else if (plan->algo->plan == hone__conv_blocked_dw_plan_fill)
        fma = blocked_depthwise_cost(plan);
    else if (plan->algo->plan == hone__conv_winograd_plan_fill)
        fma = winograd_cost(plan);
    else
        fma = spectral_cost(plan, &cache);
    /* Weights that grow count as memory of the session too: they must be clearly faster. */
    const double plain = 4.0 * (double)d->k * (double)(d->c / d->groups) * (double)(d->r * d->s);
    if ((double)plan->packed_size > plain + LARGE_GROWTH)
        fma *= 1.25;
    /* Winograd asks for its weights ahead of their use, so that half of the way from memory is hidden. */
    const double ahead = plan->algo->plan == hone__conv_winograd_plan_fill ? 2.0 : 1.0;
    const double bytes = cache / CACHE_BYTES + (double)plan->packed_size / (ahead * MEMORY_BYTES);
    return fma / (FMA_RATE * (double)plan->n_threads) + 0.5 * bytes + 2e-6 * (double)plan->n_phases;
}
