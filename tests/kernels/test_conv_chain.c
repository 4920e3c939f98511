/* Chains of convolutions run as one (conv_blocked_chain.c) against their parts run one after the other: results are
 * equal to the last bit, on every ISA bundle, for one to three threads' worth of scratch, with NaN in the scratch and
 * in the lanes past the last channel, and guards round what is written. */
#include "kernels/conv/conv.h"

#include "base/alloc.h"
#include "hw/hw.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { GUARD = 64 };
static const float GUARD_VALUE = -12345.5f;

/* The first convolution (its kernel r, stride), the depthwise one (q, stride, dilation, padding), the pointwise one's
 * output channels (0: none). */
typedef struct chain {
    size_t n, c, h, w, mid, r, stride, q, dw_stride, dw_dil, dw_pad, k;
    hone_act_kind act;
} chain;

static const chain CHAINS[] = {
    {1, 16, 30, 28, 48, 1, 1, 3, 1, 1, 1, 24, HONE_ACT_CLIP},
    {1, 24, 57, 56, 72, 1, 1, 3, 2, 1, 1, 20, HONE_ACT_RELU},
    {2, 8, 25, 31, 40, 1, 1, 5, 1, 1, 2, 8, HONE_ACT_HARD_SWISH},
    {3, 3, 40, 33, 32, 3, 2, 3, 1, 1, 1, 16, HONE_ACT_RELU},
    {1, 3, 61, 61, 20, 3, 2, 3, 2, 1, 1, 0, HONE_ACT_SILU},
    {1, 40, 14, 14, 136, 1, 1, 5, 2, 1, 2, 0, HONE_ACT_NONE},
    {1, 20, 9, 7, 100, 1, 1, 3, 1, 2, 2, 33, HONE_ACT_NONE},
    {1, 16, 12, 17, 33, 3, 1, 3, 1, 1, 0, 0, HONE_ACT_RELU},
    {2, 17, 5, 4, 19, 1, 1, 2, 3, 1, 1, 5, HONE_ACT_NONE},
    {1, 12, 3, 40, 64, 1, 1, 7, 1, 1, 3, 7, HONE_ACT_NONE},
    {1, 12, 2, 2, 16, 1, 1, 3, 1, 1, 4, 7, HONE_ACT_NONE},
};

static uint32_t rng_state;
static float *random_floats(size_t n) {
    float *p = hone__malloc(n * sizeof(float) + 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        rng_state = rng_state * 1664525u + 1013904223u;
        p[i] = (float)(int32_t)rng_state * (1.0f / 2147483648.0f);
    }
    return p;
}

static float *guarded(size_t n) {
    float *p = hone__malloc_aligned((n + 2 * GUARD) * sizeof(float));
    assert_non_null(p);
    for (size_t i = 0; i < n + 2 * GUARD; i++)
        p[i] = i < GUARD || i >= GUARD + n ? GUARD_VALUE : NAN;
    return p;
}

static void check_guard(const float *p, size_t n, const char *what) {
    for (size_t i = 0; i < GUARD; i++)
        if (p[i] != GUARD_VALUE || p[GUARD + n + i] != GUARD_VALUE)
            fail_msg("%s was written outside its bounds", what);
}

typedef struct part {
    hone__conv_plan plan;
    float *packed, *bias, *y; /* y: guarded */
    size_t n_y;
} part;

static size_t floats(uint32_t isa, const hone__conv_desc *d) {
    const size_t block = hone__conv_block_size(isa);
    return d->n * ((d->k + block - 1) / block) * block * d->oh * d->ow;
}

static void make_part(part *p, const char *algo, hone__conv_desc d, uint32_t isa, int threads) {
    d.layout = HONE_CONV_LAYOUT_BLOCKED;
    d.x_layout = d.c == 3 ? HONE_CONV_LAYOUT_NCHW : HONE_CONV_LAYOUT_BLOCKED;
    if (!hone__conv_plan_init(&p->plan, hone__conv_algo_find(algo), &d, isa, threads))
        fail_msg("%s has no plan", algo);
    float *w = random_floats(d.k * (d.c / d.groups) * d.r * d.s);
    p->packed = hone__malloc_aligned(p->plan.packed_size);
    hone__conv_pack(&p->plan, w, p->packed);
    hone__free(w);
    p->bias = random_floats(d.k);
    p->n_y = floats(isa, &d);
    p->y = guarded(p->n_y);
}

static void run_alone(const part *p, const float *x, const float *z) {
    void *work = hone__malloc_aligned(p->plan.workspace_size + 1);
    const hone__conv_args args = {&p->plan, x, p->packed, NULL, p->bias, z, p->y + GUARD, work, NULL};
    for (size_t task = 0; task < hone__conv_n_tasks(&p->plan, 0); task++)
        hone__conv_run_task(&args, 0, task, 0);
    hone__free_aligned(work);
}

static void check_chain(const chain *s, uint32_t isa, int threads, bool has_z) {
    const size_t oh = (s->h + 2 * (s->r / 2) - s->r) / s->stride + 1,
                 ow = (s->w + 2 * (s->r / 2) - s->r) / s->stride + 1;
    const size_t span = (s->q - 1) * s->dw_dil + 1;
    const size_t eh = (oh + 2 * s->dw_pad - span) / s->dw_stride + 1;
    const size_t ew = (ow + 2 * s->dw_pad - span) / s->dw_stride + 1, n_parts = s->k ? 3 : 2;
    const hone_act act = {s->act, s->act == HONE_ACT_SILU ? 1.0f : 0.0f, 6.0f};
    part parts[3];
    make_part(&parts[0], s->r == 1 ? "blocked_1x1" : "blocked_direct",
              (hone__conv_desc){s->n, s->c, s->h, s->w, s->mid, s->r, s->r, oh, ow, s->stride, s->stride, 1, 1,
                                s->r / 2, s->r / 2, 1, 0, 0, act},
              isa, threads);
    make_part(&parts[1], "blocked_depthwise",
              (hone__conv_desc){s->n, s->mid, oh, ow, s->mid, s->q, s->q, eh, ew, s->dw_stride, s->dw_stride, s->dw_dil,
                                s->dw_dil, s->dw_pad, s->dw_pad, s->mid, 0, 0, act},
              isa, threads);
    if (s->k)
        make_part(&parts[2], "blocked_1x1",
                  (hone__conv_desc){
                      s->n, s->mid, eh, ew, s->k, 1, 1, eh, ew, 1, 1, 1, 1, 0, 0, 1, 0, 0, {HONE_ACT_NONE, 0, 0}},
                  isa, threads);
    const part *last = &parts[n_parts - 1];
    const size_t block = hone__conv_block_size(isa), c = s->c == 3 ? 3 : (s->c + block - 1) / block * block;
    float *x = random_floats(s->n * c * s->h * s->w), *z = has_z ? random_floats(last->n_y) : NULL;
    for (size_t i = 0; c != s->c && i < s->n * c * s->h * s->w; i++)
        if (i / (s->h * s->w * block) % (c / block) * block + i % block >= s->c)
            x[i] = NAN;
    run_alone(&parts[0], x, NULL);
    run_alone(&parts[1], parts[0].y + GUARD, s->k ? NULL : z);
    if (s->k)
        run_alone(&parts[2], parts[1].y + GUARD, z);

    hone__conv_chain_plan plan;
    assert_true(hone__conv_chain_plan_init(&plan, &parts[0].plan, &parts[1].plan, s->k ? &parts[2].plan : NULL));
    float *y = guarded(last->n_y), *work = guarded(plan.workspace_size / sizeof(float));
    hone__conv_chain_args args = {.plan = &plan, .workspace = work + GUARD};
    hone__conv_args *of[3] = {&args.first, &args.depthwise, &args.project};
    for (size_t i = 0; i < n_parts; i++)
        *of[i] = (hone__conv_args){
            i ? &parts[i].plan : &plan.first, x, parts[i].packed, NULL, parts[i].bias, NULL, y + GUARD, NULL, NULL};
    of[n_parts - 1]->z = z;
    const size_t n_tasks = hone__conv_chain_tasks(&plan);
    for (size_t task = 0; task < n_tasks; task++) /* backwards, on varying threads */
        hone__conv_chain_run(&args, n_tasks - 1 - task, (int)(task % (size_t)threads));
    check_guard(y, last->n_y, "the output");
    check_guard(work, plan.workspace_size / sizeof(float), "the workspace");
    const hone__conv_desc *d = &last->plan.desc;
    const size_t blocks = (d->k + block - 1) / block;
    for (size_t i = 0; i < last->n_y; i++) {
        const size_t k = i / block / (d->oh * d->ow) % blocks * block + i % block;
        if (k < d->k && !(y[GUARD + i] == last->y[GUARD + i]))
            fail_msg("chain %zu, %d threads, block %zu: %g at %zu, not %g", (size_t)(s - CHAINS), threads, block,
                     (double)y[GUARD + i], i, (double)last->y[GUARD + i]);
    }
    for (size_t i = 0; i < n_parts; i++) {
        hone__free_aligned(parts[i].packed);
        hone__free(parts[i].bias);
        hone__free_aligned(parts[i].y);
    }
    hone__free(x);
    hone__free(z);
    hone__free_aligned(y);
    hone__free_aligned(work);
}

static void test_chains(void **state) {
    (void)state;
    const uint32_t have = hone__hw_isa();
    const uint32_t isas[3] = {HONE_ISA_GENERIC, HONE_ISA_AVX2, HONE_ISA_AVX2 | HONE_ISA_AVX512};
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < sizeof CHAINS / sizeof CHAINS[0]; k++)
            for (int threads = 1; threads <= 3 && (have & isas[i]) == isas[i]; threads++) {
                rng_state = (uint32_t)(k * 7 + (size_t)threads);
                check_chain(&CHAINS[k], isas[i], threads, (k + (size_t)threads) % 2);
            }
}

/* A pointwise convolution whose weights are scaled, against one of the scaled input. */
static void test_scaled(void **state) {
    (void)state;
    const uint32_t have = hone__hw_isa();
    const uint32_t isas[3] = {HONE_ISA_GENERIC, HONE_ISA_AVX2, HONE_ISA_AVX2 | HONE_ISA_AVX512};
    const size_t channels[3][2] = {{40, 24}, {33, 72}, {96, 100}};
    for (size_t i = 0; i < 9; i++) {
        const uint32_t isa = isas[i / 3];
        if ((have & isa) != isa)
            continue;
        part p;
        const size_t block = hone__conv_block_size(isa), c = channels[i % 3][0], n = 2, pixels = 11 * 13;
        const size_t lanes = (c + block - 1) / block * block;
        make_part(&p, "blocked_1x1",
                  (hone__conv_desc){
                      n, c, 11, 13, channels[i % 3][1], 1, 1, 11, 13, 1, 1, 1, 1, 0, 0, 1, 0, 0, {HONE_ACT_RELU, 0, 0}},
                  isa, 2);
        float *x = random_floats(n * lanes * pixels), *y = hone__malloc_aligned(n * lanes * pixels * sizeof *y);
        float *s = random_floats(n * lanes);
        for (size_t j = 0; j < n * lanes * pixels; j++)
            y[j] = x[j] * s[j / block / pixels * block + j % block];
        run_alone(&p, y, NULL);
        hone__conv_plan plan = p.plan;
        assert_true(hone__conv_scale_init(&plan, true));
        float *work = guarded(plan.workspace_size / sizeof(float)), *out = guarded(p.n_y);
        const hone__conv_args args = {&plan, x, p.packed, NULL, p.bias, NULL, out + GUARD, work + GUARD, s};
        for (size_t task = 0; task < hone__conv_n_tasks(&plan, 0); task++)
            hone__conv_run_task(&args, 0, task, (int)(task % 2));
        check_guard(work, plan.workspace_size / sizeof(float), "the workspace");
        check_guard(out, p.n_y, "the output");
        const size_t blocks = (plan.desc.k + block - 1) / block;
        for (size_t j = 0; j < p.n_y; j++)
            if (j / block / pixels % blocks * block + j % block < plan.desc.k &&
                !(fabsf(out[GUARD + j] - p.y[GUARD + j]) <= 1e-4f))
                fail_msg("scaled, block %zu: %g at %zu, not %g", block, (double)out[GUARD + j], j,
                         (double)p.y[GUARD + j]);
        hone__free_aligned(p.packed);
        hone__free(p.bias);
        hone__free_aligned(p.y);
        hone__free(x);
        hone__free_aligned(y);
        hone__free(s);
        hone__free_aligned(work);
        hone__free_aligned(out);
    }
}

/* What is no chain gives no plan. */
static void test_refusals(void **state) {
    (void)state;
    part a, b;
    hone__conv_chain_plan plan;
    const hone__conv_desc d = {1, 16, 8, 8, 16, 1, 1, 8, 8, 1, 1, 1, 1, 0, 0, 1, 0, 0, {HONE_ACT_NONE, 0, 0}};
    make_part(&a, "blocked_1x1", d, HONE_ISA_GENERIC, 1);
    make_part(&b, "blocked_1x1", d, HONE_ISA_GENERIC, 1);
    assert_false(hone__conv_chain_plan_init(&plan, &a.plan, &b.plan, NULL));
    part *const parts[2] = {&a, &b};
    for (size_t i = 0; i < 2; i++) {
        hone__free_aligned(parts[i]->packed);
        hone__free(parts[i]->bias);
        hone__free_aligned(parts[i]->y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chains), cmocka_unit_test(test_scaled),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
