/* GFLOP/s and per cent of the measured peak for the products of real models (bench/shapes/gemm.txt). The
 * peak is a register-only loop of multiply-adds, measured in the same run next to each shape, with as
 * many threads. The best of many rounds is taken of both, since others may use the machine.
 *
 * --cold packs as many copies of weights as no cache holds and takes the next one each time: a model meets
 * every layer's weights so, in memory. The median counts then, since the first rounds find some copies in cache. */
#include "fma_peak.h"

#include "base/alloc.h"
#include "exec/cpu/cpu_product.h"
#include "hw/hw.h"
#include "pool/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* With one thread the thread's own time may be taken: it does not count what others do to the machine. */
static bool g_cpu_time, g_is_cold;
static int64_t clock_ns(void) {
    struct timespec t;
    clock_gettime(g_cpu_time ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef double (*peak_fn)(size_t n, float *sink);

typedef struct peak_job {
    peak_fn fn;
    size_t n;
    double flops[64];
    float sink[64];
} peak_job;

static void peak_task(void *arg, size_t task, int thread) {
    peak_job *job = arg;
    (void)thread;
    job->flops[task] = job->fn(job->n, &job->sink[task]);
}

/* FLOP/s with all threads, best of `rounds`. */
static double measure_peak(hone__pool *pool, peak_fn fn, int rounds) {
    peak_job job = {.fn = fn, .n = 100000};
    const size_t threads = (size_t)hone__pool_threads(pool);
    double best = 0;
    for (int r = 0; r < rounds; r++) {
        const int64_t t0 = clock_ns();
        hone__pool_run(pool, threads, peak_task, &job);
        const double s = (double)(clock_ns() - t0) * 1e-9;
        double flops = 0;
        for (size_t i = 0; i < threads; i++)
            flops += job.flops[i];
        best = fmax(best, flops / s);
    }
    return best;
}

typedef struct shape {
    char name[64], kind;
    size_t m, n, k, batch;
} shape;

static float *filled(size_t n) {
    float *p = hone__malloc_aligned((n ? n : 1) * sizeof(float));
    for (size_t i = 0; p && i < n; i++)
        p[i] = (float)((i * 2654435761u) >> 16 & 0xff) / 256.0f - 0.5f;
    return p;
}

/* A timing counts only if the result is right: a few elements against double precision. */
static int check(const shape *s, const float *a, const float *b, size_t b_rs, size_t b_cs, const float *c) {
    for (size_t probe = 0; probe < 50; probe++) {
        const size_t g = probe * 7 % s->batch, i = probe * 13 % s->m, j = (probe * 31 + probe / 7) % s->n;
        double sum = 0, magnitude = 0;
        for (size_t k = 0; k < s->k; k++) {
            const double x = (double)a[(g * s->m + i) * s->k + k] * (double)b[g * s->n * s->k + k * b_rs + j * b_cs];
            sum += x;
            magnitude += fabs(x);
        }
        if (fabs((double)c[(g * s->m + i) * s->n + j] - sum) > 1e-5 * magnitude + 1e-6)
            return 0;
    }
    return 1;
}

enum { COLD_BYTES = 192 << 20, MAX_TIMES = 4096 };

static int by_value(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int run_shape(const shape *s, const hone__gemm_config *config, hone__pool *pool, peak_fn peak, double seconds) {
    const hone__gemm_kernel *kernel = hone__gemm_kernel_find(config->isa);
    const bool is_t = s->kind == 't';
    const size_t b_rs = is_t ? 1 : s->n, b_cs = is_t ? s->k : 1;
    float *a = filled(s->m * s->k * s->batch), *b = filled(s->k * s->n * s->batch), *c = filled(s->m * s->n * s->batch);
    float *packed = NULL;
    const size_t packed_count = hone__gemm_packed_b_count(kernel, s->k, s->n);
    const size_t copies = g_is_cold && s->kind == 'w' ? COLD_BYTES / (packed_count * sizeof(float)) + 1 : 1;
    if (s->kind == 'w') {
        packed = hone__malloc_aligned(copies * packed_count * sizeof(float));
        for (size_t i = 0; packed && i < copies; i++)
            hone__gemm_pack_b(kernel, packed + i * packed_count, b, b_rs, b_cs, s->k, s->n);
    } else if (s->kind == 'a') {
        packed = hone__malloc_aligned(s->m * s->k * sizeof(float));
        if (packed)
            hone__gemm_pack_a(kernel, packed, a, s->k, 1, s->m, s->k);
    }
    const hone__gemm_problem problem = {.m = s->m,
                                        .n = s->n,
                                        .k = s->k,
                                        .batch = s->batch,
                                        .a_rs = s->k,
                                        .a_cs = 1,
                                        .b_rs = b_rs,
                                        .b_cs = b_cs,
                                        .is_a_packed = s->kind == 'a',
                                        .is_b_packed = s->kind == 'w'};
    hone__gemm_plan plan;
    void *workspace = NULL;
    int ok = hone__gemm_make_plan(&problem, config, &plan);
    if (ok)
        workspace = hone__malloc_aligned(plan.workspace_size + 64);
    ok = ok && a && b && c && workspace && (packed || (s->kind != 'w' && s->kind != 'a'));
    if (ok) {
        hone__gemm_args args = {.a = s->kind == 'a' ? packed : a,
                                .b = s->kind == 'w' ? packed : b,
                                .c = c,
                                .ldc = s->n,
                                .alpha = 1.0f,
                                .a_batch = s->m * s->k,
                                .b_batch = s->k * s->n,
                                .c_batch = s->m * s->n};
        const double flops = 2.0 * (double)s->m * (double)s->n * (double)s->k * (double)s->batch;
        static double times[MAX_TIMES];
        double best = 1e30, top = 0;
        size_t n_times = 0;
        const int64_t begin = clock_ns();
        for (size_t r = 0; r < 5 || (double)(clock_ns() - begin) * 1e-9 < seconds; r++) {
            if (r % 16 == 0)
                top = fmax(top, measure_peak(pool, peak, 3));
            if (s->kind == 'w')
                args.b = packed + r % copies * packed_count;
            const int64_t t0 = clock_ns();
            hone__gemm_execute(&plan, &args, workspace, pool);
            const double t = (double)(clock_ns() - t0) * 1e-9;
            best = fmin(best, t);
            if (n_times < MAX_TIMES)
                times[n_times++] = t;
        }
        if (copies > 1) {
            qsort(times, n_times, sizeof *times, by_value);
            best = times[n_times / 2];
        }
        ok = check(s, a, b, b_rs, b_cs, c);
        const double bytes =
            4.0 * (double)s->batch * ((double)s->k * (double)s->n + (double)s->m * (double)(s->k + s->n));
        printf("%-16s %5zu %6zu %5zu %3zu %c  %9.1f us %8.1f GFLOP/s %5.1f %% of %6.1f  %6.1f GB/s  tasks %zux%zux%zu "
               "kc %zu  %s%s\n",
               s->name, s->m, s->n, s->k, s->batch, s->kind, best * 1e6, flops / best * 1e-9,
               100.0 * flops / best / top, top * 1e-9, bytes / best * 1e-9,
               plan.n_tasks / (plan.n_split_m * plan.n_split_n), plan.n_split_m, plan.n_split_n, plan.kc, plan.name,
               ok ? "" : "  WRONG");
        fflush(stdout);
    }
    hone__free_aligned(a);
    hone__free_aligned(b);
    hone__free_aligned(c);
    hone__free_aligned(packed);
    hone__free_aligned(workspace);
    return ok;
}

int main(int argc, char **argv) {
    const char *file = "bench/shapes/gemm.txt", *only = NULL;
    int n_threads = hone__hw_default_threads();
    uint32_t isa = hone__hw_isa();
    double seconds = 0.3;
    size_t split_m = 0, split_n = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--threads") == 0)
            n_threads = atoi(value), i++;
        else if (strcmp(argv[i], "--seconds") == 0)
            seconds = atof(value), i++;
        else if (strcmp(argv[i], "--cpu-time") == 0)
            g_cpu_time = true;
        else if (strcmp(argv[i], "--split") == 0 && sscanf(value, "%zux%zu", &split_m, &split_n) == 2)
            i++;
        else if (strcmp(argv[i], "--cold") == 0)
            g_is_cold = true;
        else if (strcmp(argv[i], "--only") == 0)
            only = value, i++;
        else if (strcmp(argv[i], "--isa") == 0)
            isa &= strcmp(value, "generic") == 0 ? 0 : strcmp(value, "avx2") == 0 ? HONE_ISA_AVX2 : UINT32_MAX, i++;
        else if (argv[i][0] != '-')
            file = argv[i];
        else {
            printf("usage: bench_gemm [--threads N | --cpu-time] [--cold] [--split MxN] [--isa generic|avx2|avx512] "
                   "[--seconds S per "
                   "shape] "
                   "[--only TEXT in the name] [SHAPES.txt]\n");
            return strcmp(argv[i], "--help") == 0 ? 0 : 2;
        }
    }
    if (g_cpu_time)
        n_threads = 1;
    hone__pool *pool = NULL;
    if (n_threads < 1 || n_threads > 64 || hone__pool_create(n_threads, 1000, &pool, NULL) != HONE_OK) {
        fprintf(stderr, "bench_gemm: cannot run %d threads\n", n_threads);
        return 1;
    }
    peak_fn peak = fma_peak_generic;
#if defined(__x86_64__)
    if (isa & HONE_ISA_AVX512)
        peak = fma_peak_avx512;
    else if (isa & HONE_ISA_AVX2)
        peak = fma_peak_avx2;
#endif
    const hone_machine_info *hw = hone__hw_info();
    const hone__gemm_config config = {.isa = isa,
                                      .n_threads = n_threads,
                                      .split_m = split_m,
                                      .split_n = split_n,
                                      .l1d_bytes = hw->l1d_bytes,
                                      .l2_bytes = hw->l2_bytes,
                                      .l3_bytes = hw->l3_bytes};
    FILE *in = fopen(file, "r");
    if (!in) {
        fprintf(stderr, "bench_gemm: cannot read %s\n", file);
        hone__pool_destroy(pool);
        return 1;
    }
    int failures = 0;
    char line[256];
    while (fgets(line, sizeof line, in)) {
        shape s;
        if (line[0] == '#' || sscanf(line, "%63s %zu %zu %zu %zu %c", s.name, &s.m, &s.n, &s.k, &s.batch, &s.kind) != 6)
            continue;
        if (!only || strstr(s.name, only))
            failures += !run_shape(&s, &config, pool, peak, seconds);
    }
    fclose(in);
    hone__pool_destroy(pool);
    return failures ? 1 : 0;
}
