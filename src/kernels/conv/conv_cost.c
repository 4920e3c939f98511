/* The cost model behind HEURISTIC: estimated seconds of a plan from operations, bytes and efficiencies.
 * The efficiencies are fitted on bench/bench_conv.c over the layers of bench/shapes/conv.txt (Zen 4, two cores,
 * AVX-512); they are ratios between algorithms, so the choice carries over to machines of like balance. */
#include "kernels/conv/conv_internal.h"

double hone__conv_flops(const hone__conv_desc *d) {
    return 2.0 * (double)d->n * (double)d->k * (double)d->oh * (double)d->ow * (double)(d->c / d->groups) *
           (double)d->r * (double)d->s;
}

/* A machine that the efficiencies are relative to: vector multiply-adds per second and thread, bytes per second. */
static const double FMA_RATE = 3.6e9, CACHE_BYTES = 40e9, MEMORY_BYTES = 30e9;

double hone__conv_cost(const hone__conv_plan *plan) {
    const hone__conv_desc *d = &plan->desc;
    const double vw = (double)plan->ops->vw, threads = (double)plan->n_threads;
    const double x = 4.0 * (double)d->n * (double)d->c * (double)d->h * (double)d->w;
    const double y = 4.0 * (double)d->n * (double)d->k * (double)d->oh * (double)d->ow;
    double fma = 0, cache = x + y, phases = (double)plan->n_phases;
    if (plan->algo->plan == hone__conv_gemm_plan_fill) {
        const hone__conv_gemm_plan *g = &plan->gemm;
        const double pixels = (double)hone__round_up(g->pixels, plan->ops->vw) / vw;
        const double kg = (double)(d->k / d->groups), depth = (double)g->depth;
        const double times = (double)(d->n * d->groups);
        fma = times * (kg * depth * pixels) / 0.88;
        double per_vector = 1.0; /* multiply-adds' worth of making one vector of columns */
        if (plan->algo->variant == HONE_CONV_PACK_SEGMENTS)
            per_vector = 6.0;
        else if (plan->algo->variant == HONE_CONV_PACK_TABLE)
            per_vector = d->stride_w == 1 && d->ow == d->w ? 2.0 : 8.0;
        else if (plan->algo->variant == HONE_CONV_PACK_IM2COL)
            per_vector = 8.0;
        else if (g->pixels != d->h * d->w)
            per_vector = 6.0;
        fma += times * depth * pixels * per_vector * (double)g->n_chunk + times * kg * pixels * 4.0;
        if (plan->algo->variant == HONE_CONV_PACK_IM2COL)
            cache += times * depth * pixels * vw * 8.0;
    } else if (plan->algo->plan == hone__conv_direct_plan_fill) {
        const hone__conv_direct_plan *p = &plan->direct;
        const double vecs = (double)hone__conv_ceil(d->k / d->groups, plan->ops->vw);
        const double depth = (double)(d->c / d->groups * d->r * d->s);
        const double m = (double)p->tile, slow = m < 6.0 ? 6.0 / m : 1.0;
        fma = (double)(d->n * d->groups * p->flat.oh * p->flat.ow) * vecs * (depth * slow / 0.72 + 8.0);
    } else if (plan->algo->plan == hone__conv_depthwise_plan_fill) {
        const hone__conv_depthwise_plan *p = &plan->depthwise;
        const double vectors = (double)d->n * (double)d->oh * (double)p->pitch / vw;
        fma = vectors * ((double)d->k * (double)(d->r * d->s) * 2.0 + (double)d->c * 6.0 + (double)d->k * 6.0);
    } else {
        const hone__conv_spectral_plan *p = &plan->spectral;
        const double tiles = (double)p->n_tiles, freq = (double)p->n_freq;
        const double c_vec = (double)p->depth / vw, k_vec = (double)p->width / vw;
        const double in = p->is_fft ? 24.0 : 11.0, out = p->is_fft ? 24.0 : 7.0; /* per frequency and vector */
        const double mr = (double)plan->ops->cv_mr;
        const double block = p->is_fused ? (double)p->block_tiles : (double)hone__min_size(p->n_tiles, 64);
        const double rows = block >= 6.0 ? 1.0 : 6.0 / block;
        (void)mr;
        fma = tiles * freq * (double)p->depth * k_vec * rows / 0.85;
        fma += tiles * freq * (in * c_vec * (double)(p->is_fused ? p->n_kchunk : 1) + out * k_vec);
        if (!p->is_fused)
            cache += tiles * freq * 8.0 * ((double)p->depth + (double)p->width);
    }
    const double weights = (double)plan->packed_size / MEMORY_BYTES;
    double compute = fma / (FMA_RATE * threads);
    double bytes = cache / CACHE_BYTES + weights;
    return compute + 0.5 * bytes + 2e-6 * phases;
}
