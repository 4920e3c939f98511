/* Time of every convolution algorithm on the layers of real networks (bench/shapes/conv.txt), in ms, GFLOP/s of the
 * layer's own operations and per cent of the measured multiply-add peak (Winograd and FFT may exceed 100: they do fewer
 * operations). A timing counts only if the result agrees with a direct convolution; the last column is the largest
 * error in units of what the project allows, |a-b| <= 1e-5*max(1, max|b|) + 1e-3*|b|.
 * At the end, per network: sums over layers of the fastest algorithm, of the cost model's choice, and of implicit_gemm.
 *
 * usage: bench_conv SHAPES [--model NAME] [--threads N] [--rounds N] [--algo NAME] [--isa generic|avx2|avx512] */
#include "fma_peak.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "hw/hw.h"
#include "kernels/conv/conv.h"
#include "pool/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ALGOS = 40, MAX_MODELS = 32 };

typedef struct options {
    const char *shapes, *model, *algo;
    int threads, rounds;
    uint32_t isa;
} options;

typedef struct entry {
    hone__conv_plan plan;
    float *packed;
    void *table;
    double ms, cost, error, pack_ms;
    bool is_used;
} entry;

typedef struct total {
    char model[64];
    double best, chosen, fixed, flops;
} total;

typedef struct peak_job {
    uint32_t isa;
    double flops[64];
    float sink[64];
} peak_job;

static void peak_task(void *arg, size_t task, int thread) {
    peak_job *job = arg;
    (void)thread;
#if defined(__x86_64__)
    if (job->isa & HONE_ISA_AVX512)
        job->flops[task] = fma_peak_avx512(200000, &job->sink[task]);
    else if (job->isa & HONE_ISA_AVX2)
        job->flops[task] = fma_peak_avx2(200000, &job->sink[task]);
    else
#endif
        job->flops[task] = fma_peak_generic(200000, &job->sink[task]);
}

static double measure_peak(hone__pool *pool, uint32_t isa) {
    peak_job job = {.isa = isa};
    const size_t n = (size_t)hone__pool_threads(pool);
    double best = 0;
    for (int round = 0; round < 10; round++) {
        const uint64_t start = hone__now_ns();
        hone__pool_run(pool, n, peak_task, &job);
        const double s = hone__ms_since(start) * 1e-3;
        double flops = 0;
        for (size_t i = 0; i < n; i++)
            flops += job.flops[i];
        best = fmax(best, flops / s);
    }
    return best;
}

static float *filled(size_t n, uint32_t seed) {
    float *p = hone__malloc_aligned((n ? n : 1) * sizeof(float));
    for (size_t i = 0; p && i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        p[i] = (float)(int32_t)seed * (1.0f / 2147483648.0f);
    }
    return p;
}

typedef struct phase_job {
    const hone__conv_args *args;
    size_t phase;
} phase_job;

static void run_task(void *arg, size_t task, int thread) {
    const phase_job *job = arg;
    hone__conv_run_task(job->args, job->phase, task, thread);
}

static double run_once(const hone__conv_args *args, hone__pool *pool) {
    const uint64_t start = hone__now_ns();
    for (size_t phase = 0; phase < args->plan->n_phases; phase++) {
        phase_job job = {args, phase};
        hone__pool_run(pool, hone__conv_n_tasks(args->plan, phase), run_task, &job);
    }
    return hone__ms_since(start);
}

static double error_units(const float *y, const float *ref, size_t n) {
    double top = 1, worst = 0;
    for (size_t i = 0; i < n; i++)
        top = fmax(top, fabs((double)ref[i]));
    for (size_t i = 0; i < n; i++) {
        const double e = fabs((double)y[i] - (double)ref[i]) / (1e-5 * top + 1e-3 * fabs((double)ref[i]));
        worst = e > worst || isnan(e) ? e : worst;
    }
    return worst;
}

/* NCHW to blocked and back; pixels of an image in one go. */
static void to_blocked(const options *o, const float *x, size_t n, size_t c, size_t pixels, float *y) {
    const size_t blocks = (c + hone__conv_block_size(o->isa) - 1) / hone__conv_block_size(o->isa);
    for (size_t i = 0; i < n * blocks; i++)
        hone__conv_block_from_nchw(o->isa, x, c, pixels, i, 0, pixels, y);
}
static void to_nchw(const options *o, const float *x, size_t n, size_t c, size_t pixels, float *y) {
    const size_t blocks = (c + hone__conv_block_size(o->isa) - 1) / hone__conv_block_size(o->isa);
    for (size_t i = 0; i < n * blocks; i++)
        hone__conv_block_to_nchw(o->isa, x, c, pixels, i, 0, pixels, y);
}

/* The first entry is the reference (direct). Every algorithm is tried with both layouts; the first layer of a network
 * reads NCHW. */
static size_t make_entries(const options *o, const hone__conv_desc *nchw, const float *w, entry *e) {
    size_t n = 0;
    for (size_t i = 0; i < 2 * hone__conv_n_algos && n < MAX_ALGOS; i++) {
        const hone__conv_algo *algo = &hone__conv_algos[i % hone__conv_n_algos];
        hone__conv_desc blocked = *nchw, *d = &blocked;
        if (i >= hone__conv_n_algos) {
            d->layout = HONE_CONV_LAYOUT_BLOCKED;
            d->x_layout = d->c <= 4 ? HONE_CONV_LAYOUT_NCHW : HONE_CONV_LAYOUT_BLOCKED;
        }
        if (!hone__conv_plan_init(&e[n].plan, algo, d, o->isa, o->threads))
            continue;
        e[n].packed = hone__malloc_aligned(e[n].plan.packed_size);
        e[n].table = e[n].plan.table_size ? hone__malloc_aligned(e[n].plan.table_size) : NULL;
        if (!e[n].packed)
            exit(2);
        const uint64_t start = hone__now_ns();
        hone__conv_pack(&e[n].plan, w, e[n].packed);
        e[n].pack_ms = hone__ms_since(start);
        hone__conv_fill_table(&e[n].plan, e[n].table);
        e[n].cost = hone__conv_cost(&e[n].plan) * 1e3;
        e[n].ms = 1e300;
        e[n].is_used = !o->algo || strcmp(o->algo, algo->name) == 0;
        n++;
    }
    return n;
}

static void measure(const options *o, const hone__conv_desc *d, entry *e, size_t n, hone__pool *pool) {
    const size_t ny = d->n * d->k * d->oh * d->ow;
    size_t workspace = 64;
    for (size_t i = 0; i < n; i++)
        workspace = e[i].plan.workspace_size > workspace ? e[i].plan.workspace_size : workspace;
    float *x = filled(d->n * d->c * d->h * d->w, 1), *bias = filled(d->k, 2), *y = filled(ny, 3), *ref = filled(ny, 4);
    float *xb = filled(d->n * (d->c + 16) * d->h * d->w, 1), *yb = filled(d->n * (d->k + 16) * d->oh * d->ow, 3);
    void *work = hone__malloc_aligned(workspace);
    if (!x || !bias || !y || !ref || !work || !xb || !yb)
        exit(2);
    to_blocked(o, x, d->n, d->c, d->h * d->w, xb);
    for (size_t i = 0; i < n; i++) {
        const hone__conv_desc *own = &e[i].plan.desc;
        const bool is_blocked = own->layout == HONE_CONV_LAYOUT_BLOCKED;
        hone__conv_args args = {&e[i].plan,
                                own->x_layout == HONE_CONV_LAYOUT_BLOCKED ? xb : x,
                                e[i].packed,
                                e[i].table,
                                bias,
                                NULL,
                                is_blocked ? yb
                                : i        ? y
                                           : ref,
                                work};
        if (i == 0 || e[i].is_used)
            run_once(&args, pool);
        if (is_blocked)
            to_nchw(o, yb, d->n, d->k, d->oh * d->ow, y);
        e[i].error = i && e[i].is_used ? error_units(y, ref, ny) : 0;
    }
    double best = 1e300;
    for (int round = 0; round < o->rounds; round++)
        for (size_t i = 0; i < n; i++) {
            if (!e[i].is_used || (round > 1 && e[i].ms > 3 * best))
                continue;
            const hone__conv_desc *own = &e[i].plan.desc;
            hone__conv_args args = {
                &e[i].plan, own->x_layout == HONE_CONV_LAYOUT_BLOCKED ? xb : x, e[i].packed, e[i].table, bias,
                NULL,       own->layout == HONE_CONV_LAYOUT_BLOCKED ? yb : y,   work};
            e[i].ms = fmin(e[i].ms, run_once(&args, pool));
            best = fmin(best, e[i].ms);
        }
    hone__free_aligned(x);
    hone__free_aligned(bias);
    hone__free_aligned(y);
    hone__free_aligned(ref);
    hone__free_aligned(xb);
    hone__free_aligned(yb);
    hone__free_aligned(work);
}

static void report(const char *model, int count, const hone__conv_desc *d, entry *e, size_t n, double peak, total *t) {
    size_t best = 0, chosen = 0;
    double fixed = 0;
    const double flops = hone__conv_flops(d);
    for (size_t i = 0; i < n; i++) {
        best = e[i].ms < e[best].ms ? i : best;
        if (e[i].is_used && (!e[chosen].is_used || e[i].cost < e[chosen].cost))
            chosen = i;
        if (e[i].is_used && strcmp(e[i].plan.algo->name, "implicit_gemm") == 0)
            fixed = e[i].ms;
    }
    printf("%s x%d  %zux%zux%zu -> %zu, %zux%zu stride %zu dil %zu groups %zu  (%.3f GFLOP)\n", model, count, d->c,
           d->h, d->w, d->k, d->r, d->s, d->stride_h, d->dil_h, d->groups, flops * 1e-9);
    for (size_t i = 0; i < n; i++) {
        if (!e[i].is_used)
            continue;
        const double rate = flops / (e[i].ms * 1e-3);
        printf("  %s%-22s %9.3f ms %7.1f GFLOP/s %5.1f %%  model %8.3f ms  error %.3f  workspace %.1f MB  packing %.2f "
               "ms%s%s\n",
               e[i].plan.desc.layout == HONE_CONV_LAYOUT_BLOCKED && strncmp(e[i].plan.algo->name, "blocked", 7) != 0
                   ? "blocked"
                   : "",
               e[i].plan.algo->name, e[i].ms, rate * 1e-9, 100 * rate / peak, e[i].cost, e[i].error,
               (double)e[i].plan.workspace_size * 1e-6, e[i].pack_ms, i == best ? "  fastest" : "",
               i == chosen ? "  chosen" : "");
    }
    t->best += count * e[best].ms;
    t->chosen += count * e[chosen].ms;
    t->fixed += count * fixed;
    t->flops += count * flops;
}

static bool parse_line(const char *line, char *model, int *count, hone__conv_desc *d) {
    size_t pb, pr;
    *d = (hone__conv_desc){0};
    if (*line == '#' || sscanf(line, "%63s %d %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu %zu", model,
                               count, &d->n, &d->c, &d->h, &d->w, &d->k, &d->r, &d->s, &d->stride_h, &d->stride_w,
                               &d->dil_h, &d->dil_w, &d->pad_top, &d->pad_left, &pb, &pr, &d->groups) != 18)
        return false;
    d->oh = (d->h + d->pad_top + pb - ((d->r - 1) * d->dil_h + 1)) / d->stride_h + 1;
    d->ow = (d->w + d->pad_left + pr - ((d->s - 1) * d->dil_w + 1)) / d->stride_w + 1;
    d->act.kind = HONE_ACT_RELU;
    return true;
}

static int parse_args(int argc, char **argv, options *o) {
    *o = (options){NULL, NULL, NULL, hone__hw_default_threads(), 10, hone__hw_isa()};
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : "";
        if (argv[i][0] != '-') {
            o->shapes = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--model") == 0)
            o->model = next;
        else if (strcmp(argv[i], "--algo") == 0)
            o->algo = next;
        else if (strcmp(argv[i], "--threads") == 0)
            o->threads = atoi(next);
        else if (strcmp(argv[i], "--rounds") == 0)
            o->rounds = atoi(next);
        else if (strcmp(argv[i], "--isa") == 0)
            o->isa &= strcmp(next, "avx512") == 0 ? ~0u : strcmp(next, "avx2") == 0 ? (uint32_t)HONE_ISA_AVX2 : 0u;
        else
            return 2;
        i++;
    }
    return o->shapes && o->threads > 0 && o->threads <= 64 && o->rounds > 0 ? 0 : 2;
}

int main(int argc, char **argv) {
    options o;
    hone__pool *pool = NULL;
    if (parse_args(argc, argv, &o) != 0) {
        fprintf(stderr,
                "usage: bench_conv SHAPES [--model NAME] [--threads N] [--rounds N] [--algo NAME] [--isa NAME]\n");
        return 2;
    }
    FILE *file = fopen(o.shapes, "r");
    if (!file || hone__pool_create(o.threads, 50, &pool, NULL) != HONE_OK) {
        fprintf(stderr, "bench_conv: cannot open %s or start threads\n", o.shapes);
        return 2;
    }
    const double peak = measure_peak(pool, o.isa);
    printf("peak %.1f GFLOP/s on %d threads\n", peak * 1e-9, o.threads);
    static total totals[MAX_MODELS];
    size_t n_totals = 0;
    char line[512], model[64];
    while (fgets(line, sizeof line, file)) {
        hone__conv_desc d;
        int count;
        static entry e[MAX_ALGOS];
        if (!parse_line(line, model, &count, &d) || (o.model && strcmp(o.model, model) != 0))
            continue;
        if (n_totals == 0 || strcmp(totals[n_totals - 1].model, model) != 0) {
            if (n_totals == MAX_MODELS)
                break;
            strcpy(totals[n_totals++].model, model);
        }
        float *w = filled(d.k * (d.c / d.groups) * d.r * d.s, 9);
        const size_t n = w ? make_entries(&o, &d, w, e) : 0;
        measure(&o, &d, e, n, pool);
        report(model, count, &d, e, n, peak, &totals[n_totals - 1]);
        fflush(stdout);
        for (size_t i = 0; i < n; i++) {
            hone__free_aligned(e[i].packed);
            hone__free_aligned(e[i].table);
        }
        hone__free_aligned(w);
    }
    for (size_t i = 0; i < n_totals; i++)
        printf(
            "%-20s %7.2f GFLOP  fastest %8.2f ms (%.0f %% of peak)  model's choice %8.2f ms  implicit_gemm %8.2f ms\n",
            totals[i].model, totals[i].flops * 1e-9, totals[i].best,
            100 * totals[i].flops / (totals[i].best * 1e-3) / peak, totals[i].chosen, totals[i].fixed);
    fclose(file);
    hone__pool_destroy(pool);
    return 0;
}
