/* Every convolution algorithm on every ISA bundle against a naive double reference, over awkward shapes, with
 * epilogues, guard bytes round the output and the workspace, and one to four threads' worth of scratch. */
#include "kernels/conv/conv.h"
#include "kernels/conv/conv_act.h"

#include "base/alloc.h"
#include "hw/hw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 64 }; /* floats */
static const float GUARD_VALUE = -12345.5f;

typedef struct shape {
    size_t n, c, h, w, k, r, s, sh, sw, dh, dw, pt, pl, pb, pr, groups;
} shape;

static const shape SHAPES[] = {
    {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 3, 13, 11, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {2, 16, 14, 14, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {1, 17, 9, 23, 33, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {1, 64, 7, 7, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {1, 20, 12, 20, 20, 3, 3, 1, 1, 1, 1, 0, 2, 1, 0, 1},
    {1, 8, 3, 3, 8, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1}, /* one output pixel */
    {1, 3, 31, 29, 16, 7, 7, 2, 2, 1, 1, 3, 3, 3, 3, 1},
    {1, 32, 15, 17, 24, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1},
    {1, 5, 16, 16, 7, 3, 3, 3, 2, 1, 1, 1, 0, 0, 1, 1},
    {1, 19, 20, 18, 13, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3, 1},
    {1, 31, 10, 10, 47, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {2, 64, 7, 7, 96, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 40, 13, 14, 24, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 1},
    {1, 6, 8, 8, 9, 1, 1, 1, 1, 1, 1, 1, 1, 0, 2, 1},    /* padded pointwise */
    {1, 450, 5, 6, 33, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1}, /* several passes over depth */
    {1, 50, 6, 5, 70, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1},
    {1, 12, 21, 21, 18, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 1},
    {1, 7, 19, 33, 10, 7, 7, 1, 1, 1, 1, 3, 3, 3, 3, 1},
    {1, 3, 40, 40, 4, 11, 11, 1, 1, 1, 1, 5, 5, 5, 5, 1},
    {1, 4, 9, 30, 6, 1, 5, 1, 1, 1, 1, 0, 2, 0, 2, 1},
    {1, 4, 30, 9, 6, 6, 1, 1, 1, 1, 1, 3, 0, 2, 0, 1},
    {1, 8, 1, 50, 16, 1, 3, 1, 1, 1, 1, 0, 1, 0, 1, 1}, /* 1-D */
    {1, 8, 1, 50, 16, 1, 3, 1, 2, 1, 4, 0, 4, 0, 4, 1},
    {1, 6, 12, 12, 6, 2, 2, 1, 1, 1, 1, 0, 0, 1, 1, 1},
    {1, 6, 12, 12, 6, 4, 4, 2, 2, 1, 1, 1, 1, 1, 1, 1},
    {2, 24, 12, 10, 36, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 3},
    {1, 32, 14, 14, 32, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 4},
    {1, 17, 14, 14, 17, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 17},
    {2, 9, 15, 13, 9, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 9},
    {1, 6, 7, 7, 12, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 6},
    {1, 5, 14, 15, 15, 5, 5, 2, 2, 1, 1, 2, 2, 2, 2, 5},
    {1, 4, 20, 20, 4, 7, 7, 1, 1, 1, 1, 3, 3, 3, 3, 4},
    {1, 3, 112, 70, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 3},
    {1, 3, 25, 24, 6, 3, 4, 3, 2, 2, 2, 1, 2, 0, 3, 3},
    {1, 48, 7, 7, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 48},
    {2, 33, 14, 14, 33, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 33},
    {1, 20, 29, 31, 20, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 20},
    {1, 16, 9, 9, 16, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2, 16},
    {1, 40, 17, 18, 40, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 5}, /* groups of 8 */
    {2, 24, 12, 12, 24, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 6}, /* groups of 4 */
    {1, 64, 10, 9, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2},  /* groups of blocks */
    {1, 40, 16, 16, 72, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},
    {1, 35, 1, 1, 99, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1},   /* one pixel */
    {1, 512, 7, 7, 136, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1}, /* panels shared between threads */
    {1, 2, 5, 5, 2, 3, 3, 1, 1, 1, 1, 4, 4, 4, 4, 1},     /* padding beyond the kernel */
    {1, 2, 3, 2, 2, 3, 3, 2, 2, 3, 3, 5, 5, 5, 5, 2},
    {1, 20, 40, 38, 36, 3, 3, 1, 1, 12, 12, 12, 12, 12, 12, 1}, /* wide dilations: borders of many columns */
    {1, 17, 20, 23, 40, 3, 3, 1, 1, 18, 18, 18, 18, 18, 18, 1},
    {1, 16, 25, 24, 32, 3, 3, 2, 2, 7, 9, 7, 9, 7, 9, 1},
    {1, 1030, 4, 5, 33, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1}, /* panels of more than 1 MiB */
};

static uint32_t rng_state;
static float rng(void) {
    rng_state = rng_state * 1664525u + 1013904223u;
    return (float)(int32_t)rng_state * (1.0f / 2147483648.0f);
}

static hone__conv_desc make_desc(const shape *s) {
    hone__conv_desc d = {.n = s->n,
                         .c = s->c,
                         .h = s->h,
                         .w = s->w,
                         .k = s->k,
                         .r = s->r,
                         .s = s->s,
                         .stride_h = s->sh,
                         .stride_w = s->sw,
                         .dil_h = s->dh,
                         .dil_w = s->dw,
                         .pad_top = s->pt,
                         .pad_left = s->pl,
                         .groups = s->groups};
    d.oh = (s->h + s->pt + s->pb - ((s->r - 1) * s->dh + 1)) / s->sh + 1;
    d.ow = (s->w + s->pl + s->pr - ((s->s - 1) * s->dw + 1)) / s->sw + 1;
    return d;
}

/* ref: values; mag: sums of magnitudes, for the error bound. */
static void reference(const hone__conv_desc *d, const float *x, const float *w, const float *bias, const float *z,
                      double *ref, double *mag) {
    const size_t cg = d->c / d->groups, kg = d->k / d->groups;
    for (size_t n = 0; n < d->n; n++)
        for (size_t k = 0; k < d->k; k++)
            for (size_t oh = 0; oh < d->oh; oh++)
                for (size_t ow = 0; ow < d->ow; ow++) {
                    size_t at = ((n * d->k + k) * d->oh + oh) * d->ow + ow;
                    double sum = 0, m = 0;
                    for (size_t c = 0; c < cg; c++)
                        for (size_t r = 0; r < d->r; r++)
                            for (size_t s = 0; s < d->s; s++) {
                                size_t ih = oh * d->stride_h + r * d->dil_h, iw = ow * d->stride_w + s * d->dil_w;
                                if (ih < d->pad_top || iw < d->pad_left || ih - d->pad_top >= d->h ||
                                    iw - d->pad_left >= d->w)
                                    continue;
                                double p = (double)x[((n * d->c + k / kg * cg + c) * d->h + ih - d->pad_top) * d->w +
                                                     iw - d->pad_left] *
                                           (double)w[((k * cg + c) * d->r + r) * d->s + s];
                                sum += p;
                                m += fabs(p);
                            }
                    if (bias)
                        sum += (double)bias[k];
                    if (z)
                        sum += (double)z[at];
                    ref[at] = sum;
                    mag[at] = m + 1.0;
                }
}

static float *guarded(size_t n) {
    float *p = hone__malloc_aligned((n + 2 * GUARD) * sizeof(float));
    assert_non_null(p);
    for (size_t i = 0; i < n + 2 * GUARD; i++)
        p[i] = GUARD_VALUE;
    return p;
}
static void check_guard(const float *p, size_t n, const char *what, const char *name) {
    for (size_t i = 0; i < GUARD; i++)
        if (p[i] != GUARD_VALUE || p[GUARD + n + i] != GUARD_VALUE)
            fail_msg("%s of %s was written outside its bounds", what, name);
}
static float *random_floats(size_t n) {
    /* Exactly sized, so that sanitizers and valgrind see over-reads. */
    float *p = hone__malloc(n * sizeof(float) + 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = rng();
    return p;
}

/* Errors allowed, in units of fp32 epsilon times the sum of magnitudes in the sum. */
static double allowed(const char *name) {
    if (strstr(name, "f63"))
        return 400;
    if (strstr(name, "f53"))
        return 200;
    if (strstr(name, "f43"))
        return 120;
    if (strstr(name, "f23"))
        return 20;
    return strstr(name, "fft") ? 200 : 8;
}

static void run_plan(const hone__conv_plan *plan, const float *x, const float *w, const float *bias, const float *z,
                     float *y) {
    float *packed = guarded(plan->packed_size / 4), *table = guarded(plan->table_size / 4);
    float *work = guarded(plan->workspace_size / 4);
    memset(work + GUARD, 0xFF, plan->workspace_size); /* NaN */
    hone__conv_pack(plan, w, packed + GUARD);
    check_guard(packed, plan->packed_size / 4, "packed", plan->algo->name);
    hone__conv_fill_table(plan, table + GUARD);
    hone__conv_args args = {plan, x, packed + GUARD, plan->table_size ? table + GUARD : NULL, bias, z, y, work + GUARD};
    for (size_t phase = 0; phase < plan->n_phases; phase++) {
        size_t n = hone__conv_n_tasks(plan, phase);
        for (size_t task = 0; task < n; task++) /* backwards, on varying threads: order must not matter */
            hone__conv_run_task(&args, phase, n - 1 - task, (int)(task % (size_t)plan->n_threads));
    }
    check_guard(table, plan->table_size / 4, "table", plan->algo->name);
    check_guard(packed, plan->packed_size / 4, "packed", plan->algo->name);
    check_guard(work, plan->workspace_size / 4, "workspace", plan->algo->name);
    hone__free_aligned(packed);
    hone__free_aligned(table);
    hone__free_aligned(work);
}

/* NCHW into the blocked layout with NaN in the lanes past the last channel, exactly sized. */
static float *blocked_copy(uint32_t isa, const float *x, size_t n, size_t c, size_t pixels) {
    const size_t block = hone__conv_block_size(isa), blocks = (c + block - 1) / block;
    float *y = hone__malloc(n * blocks * block * pixels * sizeof(float) + 1);
    assert_non_null(y);
    for (size_t i = 0; i < n * blocks; i++) {
        hone__conv_block_from_nchw(isa, x, c, pixels, i, 0, pixels / 2, y);
        hone__conv_block_from_nchw(isa, x, c, pixels, i, pixels / 2, pixels, y);
    }
    for (size_t i = 0; i < n * blocks * pixels; i++)
        for (size_t l = 0; l < block; l++) {
            const size_t image = i / pixels / blocks, k = i / pixels % blocks * block + l;
            if (k >= c)
                y[i * block + l] = NAN;
            else
                assert_true(y[i * block + l] == x[(image * c + k) * pixels + i % pixels]);
        }
    return y;
}

/* The same through the blocked layout; y is NCHW. */
static void run_plan_blocked(const hone__conv_plan *plan, uint32_t isa, const float *x, const float *w,
                             const float *bias, const float *z, float *y) {
    const hone__conv_desc *d = &plan->desc;
    const size_t block = hone__conv_block_size(isa), blocks = (d->k + block - 1) / block, pixels = d->oh * d->ow;
    const size_t n = d->n * blocks * block * pixels;
    const bool is_nchw = d->x_layout == HONE_CONV_LAYOUT_NCHW;
    float *xb = is_nchw ? NULL : blocked_copy(isa, x, d->n, d->c, d->h * d->w);
    float *zb = z ? blocked_copy(isa, z, d->n, d->k, pixels) : NULL, *yb = guarded(n);
    run_plan(plan, is_nchw ? x : xb, w, bias, zb, yb + GUARD);
    check_guard(yb, n, "output", plan->algo->name);
    for (size_t i = 0; i < d->n * blocks; i++) {
        hone__conv_block_to_nchw(isa, yb + GUARD, d->k, pixels, i, 0, pixels / 3, y);
        hone__conv_block_to_nchw(isa, yb + GUARD, d->k, pixels, i, pixels / 3, pixels, y);
    }
    hone__free(xb);
    hone__free(zb);
    hone__free_aligned(yb);
}

static void check_shape(const shape *s, const uint32_t *isas, size_t n_isas, size_t *n_checked) {
    hone__conv_desc d = make_desc(s);
    size_t nx = d.n * d.c * d.h * d.w, nw = d.k * (d.c / d.groups) * d.r * d.s, ny = d.n * d.k * d.oh * d.ow;
    float *x = random_floats(nx), *w = random_floats(nw), *bias = random_floats(d.k), *z = random_floats(ny);
    double *ref = malloc(ny * sizeof *ref), *mag = malloc(ny * sizeof *mag);
    for (int variant = 0; variant < 3; variant++) {
        bool has_bias = variant > 0, has_z = variant == 2;
        d.act = (hone_act){variant == 2 ? HONE_ACT_RELU : HONE_ACT_NONE, 0, 0};
        reference(&d, x, w, has_bias ? bias : NULL, has_z ? z : NULL, ref, mag);
        for (size_t a = 0; a < 3 * hone__conv_n_algos; a++)
            for (size_t i = 0; i < n_isas; i++) {
                hone__conv_plan plan;
                int threads = variant == 0 ? 1 : variant == 1 ? 2 : 4;
                /* NCHW; blocked; blocked from NCHW. */
                d.layout = a < hone__conv_n_algos ? HONE_CONV_LAYOUT_NCHW : HONE_CONV_LAYOUT_BLOCKED;
                d.x_layout = a < 2 * hone__conv_n_algos ? d.layout : HONE_CONV_LAYOUT_NCHW;
                if (!hone__conv_plan_init(&plan, &hone__conv_algos[a % hone__conv_n_algos], &d, isas[i], threads))
                    continue;
                float *y = guarded(ny);
                if (d.layout == HONE_CONV_LAYOUT_NCHW)
                    run_plan(&plan, x, w, has_bias ? bias : NULL, has_z ? z : NULL, y + GUARD);
                else
                    run_plan_blocked(&plan, isas[i], x, w, has_bias ? bias : NULL, has_z ? z : NULL, y + GUARD);
                check_guard(y, ny, "output", plan.algo->name);
                double scale = 0;
                for (size_t j = 0; j < ny; j++)
                    scale = fmax(scale, mag[j]);
                for (size_t j = 0; j < ny; j++) {
                    double want = d.act.kind == HONE_ACT_RELU ? fmax(0, ref[j]) : ref[j];
                    double m = allowed(plan.algo->name) > 8 ? scale : mag[j];
                    double err = fabs((double)y[GUARD + j] - want) / (m * 1.19e-7);
                    if (!(err <= allowed(plan.algo->name)))
                        fail_msg("%s %s variant %d, shape %zu (n%zu c%zu %zux%zu k%zu %zux%zu): at %zu %g, not %g "
                                 "(%.1f eps)",
                                 plan.algo->name, hone__conv_isa_name(&plan), variant, (size_t)(s - SHAPES), d.n, d.c,
                                 d.h, d.w, d.k, d.r, d.s, j, (double)y[GUARD + j], want, err);
                }
                hone__free_aligned(y);
                ++*n_checked;
            }
    }
    hone__free(x);
    hone__free(w);
    hone__free(bias);
    hone__free(z);
    free(ref);
    free(mag);
}

static size_t isa_list(uint32_t *isas) {
    uint32_t have = hone__hw_isa();
    size_t n = 0;
    isas[n++] = HONE_ISA_GENERIC;
    if (have & HONE_ISA_AVX2)
        isas[n++] = HONE_ISA_AVX2;
    if (have & HONE_ISA_AVX512)
        isas[n++] = HONE_ISA_AVX2 | HONE_ISA_AVX512;
    return n;
}

static void test_all_algorithms(void **state) {
    (void)state;
    uint32_t isas[3];
    size_t n_isas = isa_list(isas), n = 0;
    for (size_t i = 0; i < sizeof SHAPES / sizeof SHAPES[0]; i++) {
        rng_state = (uint32_t)i * 7919u + 1;
        check_shape(&SHAPES[i], isas, n_isas, &n);
    }
    assert_true(n > 400);
}

/* Every activation through every kind of store (rows, columns, Winograd, depthwise), with values over a wide range. */
static void test_activations(void **state) {
    (void)state;
    static const shape S = {1, 16, 9, 9, 19, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const char *const NAMES[] = {
        "direct", "implicit_gemm", "winograd_f43", "winograd_f23_lean", "winograd_f43_lean", "blocked_direct"};
    uint32_t isas[3];
    size_t n_isas = isa_list(isas);
    hone__conv_desc d = make_desc(&S);
    size_t ny = d.n * d.k * d.oh * d.ow;
    rng_state = 5;
    float *x = random_floats(d.c * d.h * d.w), *w = random_floats(d.k * d.c * 9), *bias = random_floats(d.k);
    double *ref = malloc(ny * sizeof *ref), *mag = malloc(ny * sizeof *mag);
    reference(&d, x, w, bias, NULL, ref, mag);
    float *y = malloc(ny * sizeof *y);
    for (int kind = 0; kind < HONE_ACT_COUNT; kind++)
        for (size_t a = 0; a < sizeof NAMES / sizeof NAMES[0]; a++)
            for (size_t i = 0; i < n_isas; i++) {
                hone__conv_plan plan;
                d.act = (hone_act){(hone_act_kind)kind, 0.3f, 0.7f};
                const bool is_blocked = strncmp(NAMES[a], "blocked", 7) == 0;
                d.layout = d.x_layout = is_blocked ? HONE_CONV_LAYOUT_BLOCKED : HONE_CONV_LAYOUT_NCHW;
                assert_true(hone__conv_plan_init(&plan, hone__conv_algo_find(NAMES[a]), &d, isas[i], 1));
                if (is_blocked)
                    run_plan_blocked(&plan, isas[i], x, w, bias, NULL, y);
                else
                    run_plan(&plan, x, w, bias, NULL, y);
                for (size_t j = 0; j < ny; j++) {
                    float want = hone__conv_act((float)ref[j], &d.act);
                    if (!(fabsf(y[j] - want) <= 2e-4f))
                        fail_msg("activation %d after %s %s at %zu: %g, not %g", kind, NAMES[a],
                                 hone__conv_isa_name(&plan), j, (double)y[j], (double)want);
                }
            }
    hone__free(x);
    hone__free(w);
    hone__free(bias);
    free(ref);
    free(mag);
    free(y);
}

/* Sizes that make no sense give no plan. */
static void test_refusals(void **state) {
    (void)state;
    hone__conv_desc d = make_desc(&SHAPES[2]);
    hone__conv_plan plan;
    for (size_t a = 0; a < hone__conv_n_algos; a++) {
        hone__conv_desc e = d;
        e.c = 0;
        assert_false(hone__conv_plan_init(&plan, &hone__conv_algos[a], &e, 0, 1));
        e = d;
        e.h = e.w = (size_t)1 << 40;
        assert_false(hone__conv_plan_init(&plan, &hone__conv_algos[a], &e, 0, 1));
        e = d;
        e.groups = 5;
        assert_false(hone__conv_plan_init(&plan, &hone__conv_algos[a], &e, 0, 1));
    }
    hone__conv_desc s2 = make_desc(&SHAPES[8]);
    assert_false(hone__conv_plan_init(&plan, hone__conv_algo_find("winograd_f43"), &s2, 0, 1));
    assert_false(hone__conv_plan_init(&plan, hone__conv_algo_find("gemm_1x1"), &s2, 0, 1));
    assert_false(hone__conv_plan_init(&plan, hone__conv_algo_find("depthwise"), &s2, 0, 1));
    assert_null(hone__conv_algo_find("magic"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_algorithms),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
