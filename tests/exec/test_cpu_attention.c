/* hone.FusedAttention against the plain formula in double precision: prefill and decoding, key blocks,
 * head sizes that fill no vector, every form of mask, grouped heads; under every ISA, one and two
 * threads, small caches so that keys come in several blocks. */
#include "kernel_harness.h"

#include "../kernels/isa_support.h"
#include "base/random.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/attention/attention.h"
#include "ops/op.h"

#include <math.h>

static uint64_t seed = 11;

static hone_tensor *random_tensor(int rank, const int64_t *dims) {
    hone_tensor *t = harness_tensor(rank, dims);
    float *p = t->data;
    for (int64_t i = 0; i < hone__tensor_count(t); i++)
        p[i] = (float)(hone__random_unit(&seed) * 2 - 1);
    return t;
}

typedef struct test_case {
    int64_t b, h, g, s, t, d, dv;
    int mask_rank; /* -1: none */
    int64_t mask[4];
    bool causal; /* the mask holds -inf above the diagonal */
    float scale; /* 0: no attribute */
} test_case;

static double mask_at(const hone_tensor *mask, const int64_t *index) {
    int64_t offset = 0;
    for (int d = 0; d < mask->rank; d++)
        offset = offset * mask->dims[d] + (mask->dims[d] == 1 ? 0 : index[4 - mask->rank + d]);
    return (double)((const float *)mask->data)[offset];
}

static void check(const test_case *c, hone_tensor *const *in, const hone_tensor *out, const char *kernel) {
    const double scale = c->scale != 0 ? (double)c->scale : 1.0 / sqrt((double)c->d);
    double *p = malloc((size_t)(c->t ? c->t : 1) * sizeof *p);
    for (int64_t b = 0; b < c->b; b++)
        for (int64_t h = 0; h < c->h; h++)
            for (int64_t i = 0; i < c->s; i++) {
                const int64_t g = h / (c->h / c->g);
                const float *q = (const float *)in[0]->data + ((b * c->h + h) * c->s + i) * c->d;
                const float *k = (const float *)in[1]->data + (b * c->g + g) * c->t * c->d;
                const float *v = (const float *)in[2]->data + (b * c->g + g) * c->t * c->dv;
                double max = -INFINITY, sum = 0;
                for (int64_t j = 0; j < c->t; j++) {
                    double x = 0;
                    for (int64_t l = 0; l < c->d; l++)
                        x += (double)q[l] * (double)k[j * c->d + l];
                    x *= scale;
                    if (in[3])
                        x += mask_at(in[3], (int64_t[]){b, h, i, j});
                    p[j] = x;
                    max = x > max ? x : max;
                }
                for (int64_t j = 0; j < c->t; j++)
                    sum += p[j] = exp(p[j] - max);
                for (int64_t l = 0; l < c->dv; l++) {
                    double want = 0;
                    for (int64_t j = 0; j < c->t; j++)
                        want += p[j] / sum * (double)v[j * c->dv + l];
                    const float got = ((const float *)out->data)[((b * c->h + h) * c->s + i) * c->dv + l];
                    if (!(fabs((double)got - want) <= 2e-6 * (1 + fabs(want)) + 1e-7 * sqrt((double)c->d)))
                        fail_msg("%s s %lld t %lld d %lld dv %lld mask rank %d: o[%lld][%lld][%lld][%lld] is %.8g, "
                                 "want %.8g",
                                 kernel, (long long)c->s, (long long)c->t, (long long)c->d, (long long)c->dv,
                                 c->mask_rank, (long long)b, (long long)h, (long long)i, (long long)l, (double)got,
                                 want);
                }
            }
    free(p);
}

static void run_case(const test_case *c, uint32_t isa, int n_threads) {
    hone_tensor *in[4] = {random_tensor(4, (int64_t[]){c->b, c->h, c->s, c->d}),
                          random_tensor(4, (int64_t[]){c->b, c->g, c->t, c->d}),
                          random_tensor(4, (int64_t[]){c->b, c->g, c->t, c->dv}), NULL};
    if (c->mask_rank >= 0) {
        in[3] = random_tensor(c->mask_rank, c->mask);
        if (c->causal) /* query i is key i + t - s; everything after it is hidden */
            for (int64_t i = 0; i < hone__tensor_count(in[3]); i++)
                if (i % c->t > i / c->t % c->s + c->t - c->s)
                    ((float *)in[3]->data)[i] = -INFINITY;
    }
    harness h;
    harness_init(&h, "hone", "FusedAttention", in, NULL, c->mask_rank >= 0 ? 4 : 3,
                 random_tensor(4, (int64_t[]){c->b, c->h, c->s, c->dv}));
    if (c->scale != 0)
        hone__node_set_attr_float(h.node, "scale", c->scale, NULL);
    const hone_status status = harness_run(&h, &hone__cpu_family_attention, isa, n_threads);
    if (status != HONE_OK)
        fail_msg("%s: %s", hone_status_name(status), h.error.message);
    check(c, in, h.out, h.kernel);
    harness_deinit(&h);
}

static void run_everywhere(const test_case *c) {
    const uint32_t bits = test_isa_bits(), masks[] = {0, HONE_ISA_AVX2, HONE_ISA_AVX2 | HONE_ISA_AVX512};
    for (size_t i = 0; i < 3; i++)
        if ((masks[i] & bits) == masks[i])
            for (int n_threads = 1; n_threads <= 2; n_threads++)
                run_case(c, masks[i], n_threads);
}

static void test_shapes(void **state) {
    (void)state;
    static const int64_t sizes[][4] = {/* s, t, d, dv */
                                       {1, 1, 1, 1},       {1, 77, 64, 64},   {2, 33, 20, 70},   {4, 16, 64, 32},
                                       {5, 5, 8, 8},       {16, 16, 64, 64},  {17, 40, 33, 17},  {33, 65, 64, 96},
                                       {128, 128, 32, 32}, {70, 300, 64, 40}, {300, 70, 16, 16}, {3, 0, 4, 4},
                                       {9, 0, 4, 4}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int grouped = 0; grouped < 2; grouped++) {
            const test_case c = {.b = 2,
                                 .h = 4,
                                 .g = grouped ? 2 : 4,
                                 .s = sizes[i][0],
                                 .t = sizes[i][1],
                                 .d = sizes[i][2],
                                 .dv = sizes[i][3],
                                 .mask_rank = -1,
                                 .scale = grouped ? 0.3f : 0};
            if (c.t > 0) {
                run_everywhere(&c);
                continue;
            }
            /* No keys: the sum over none is zero. */
            hone_tensor *in[3] = {random_tensor(4, (int64_t[]){2, 4, c.s, 4}),
                                  random_tensor(4, (int64_t[]){2, 4, 0, 4}), random_tensor(4, (int64_t[]){2, 4, 0, 4})};
            harness h;
            harness_init(&h, "hone", "FusedAttention", in, NULL, 3, random_tensor(4, (int64_t[]){2, 4, c.s, 4}));
            assert_int_equal(harness_run(&h, &hone__cpu_family_attention, test_isa_bits(), 1), HONE_OK);
            for (int64_t j = 0; j < hone__tensor_count(h.out); j++)
                assert_true(((float *)h.out->data)[j] == 0.0f);
            harness_deinit(&h);
        }
}

static void test_masks(void **state) {
    (void)state;
    static const int64_t sizes[][2] = {{1, 50}, {3, 50}, {20, 50}, {40, 40}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t s = sizes[i][0], t = sizes[i][1];
        const test_case base = {.b = 2, .h = 3, .g = 3, .s = s, .t = t, .d = 24, .dv = 36};
        const struct {
            int rank;
            int64_t dims[4];
        } masks[] = {{4, {2, 3, s, t}}, {4, {2, 1, 1, t}}, {4, {1, 1, s, t}}, {4, {1, 3, 1, 1}}, {3, {3, s, 1}},
                     {2, {s, t}},       {1, {t}},          {0, {0}},          {4, {2, 1, s, t}}};
        for (size_t m = 0; m < sizeof masks / sizeof *masks; m++)
            for (int causal = 0; causal < 2; causal++) {
                test_case c = base;
                c.mask_rank = masks[m].rank;
                for (int d = 0; d < 4; d++)
                    c.mask[d] = masks[m].dims[d];
                c.causal = causal && c.mask_rank >= 2 && c.mask[c.mask_rank - 1] == t && c.mask[c.mask_rank - 2] == s;
                if (causal && !c.causal)
                    continue;
                run_everywhere(&c);
            }
    }
}

/* Many key blocks, the first ones wholly masked: nothing may become NaN that is not by the formula. */
static void test_blocks(void **state) {
    (void)state;
    enum { S = 37, T = 700, D = 16 };
    static float q[S * D], k[T * D], v[T * D], o[S * D], mask[S * T];
    for (int i = 0; i < T * D; i++) {
        k[i] = (float)(hone__random_unit(&seed) * 4 - 2);
        v[i] = (float)(hone__random_unit(&seed) * 4 - 2);
    }
    for (int i = 0; i < S * D; i++)
        q[i] = (float)(hone__random_unit(&seed) * 4 - 2);
    for (int i = 0; i < S; i++)
        for (int j = 0; j < T; j++)
            mask[i * T + j] = j < 15 * i || i == 20 ? -INFINITY : 0.0f; /* row 20: nothing is left */
    const uint32_t bits = test_isa_bits(), masks[] = {0, HONE_ISA_AVX2, HONE_ISA_AVX2 | HONE_ISA_AVX512};
    for (size_t m = 0; m < 3; m++) {
        if ((masks[m] & bits) != masks[m])
            continue;
        const hone__attention_operand strides = {.row = D};
        const hone__attention_problem problem = {.batch = 1,
                                                 .heads = 1,
                                                 .kv_heads = 1,
                                                 .s = S,
                                                 .t = T,
                                                 .d = D,
                                                 .dv = D,
                                                 .q = strides,
                                                 .k = strides,
                                                 .v = strides,
                                                 .o = strides,
                                                 .has_mask = true,
                                                 .mask_q = T,
                                                 .mask_t = 1};
        const hone__gemm_config config = {.isa = masks[m], .n_threads = 1, .l1d_bytes = 4096, .l2_bytes = 32 << 10};
        hone__attention_plan plan;
        assert_true(hone__attention_make_plan(&problem, &config, &plan));
        assert_true(plan.key_block < T / 4);
        void *workspace = hone__malloc_aligned(plan.workspace_size);
        memset(workspace, 0xff, plan.workspace_size);
        const hone__attention_args args = {.q = q, .k = k, .v = v, .mask = mask, .o = o, .scale = 1.0f};
        for (size_t task = 0; task < plan.n_tasks; task++)
            hone__attention_run_task(&plan, &args, task, 0, workspace);
        hone__free_aligned(workspace);
        for (int i = 0; i < S; i++) {
            double p[T], max = -INFINITY, sum = 0;
            for (int j = 0; j < T; j++) {
                p[j] = (double)mask[i * T + j];
                for (int l = 0; l < D; l++)
                    p[j] += (double)q[i * D + l] * (double)k[j * D + l];
                max = p[j] > max ? p[j] : max;
            }
            for (int j = 0; j < T; j++)
                sum += p[j] = exp(p[j] - max);
            for (int l = 0; l < D; l++) {
                double want = 0;
                for (int j = 0; j < T; j++)
                    want += p[j] / sum * (double)v[j * D + l];
                if (i == 20)
                    assert_true(isnan(o[i * D + l]));
                else if (!(fabs((double)o[i * D + l] - want) < 1e-5))
                    fail_msg("%s: row %d is %g, want %g", plan.name, i, (double)o[i * D + l], want);
            }
        }
    }
}

/* Element (b, h, s, d) in a tensor of a layout; rows of C hold `heads` heads, `stride` elements apart from `offset`. */
typedef struct placing {
    const char *layout;
    int64_t b, h, s, d, offset, stride, row;
} placing;

static int64_t place(const placing *p, int64_t b, int64_t h, int64_t s, int64_t d) {
    if (strcmp(p->layout, "BHSD") == 0 || strcmp(p->layout, "NSD") == 0)
        return ((b * p->h + h) * p->s + s) * p->d + d;
    if (p->layout[0] == 'S')
        return (s * p->b + b) * p->row + p->offset + h * p->stride + d;
    return (b * p->s + s) * p->row + p->offset + h * p->stride + d;
}

static hone_tensor *placed_tensor(const placing *p) {
    int64_t dims[4];
    int rank = (int)strlen(p->layout);
    for (int i = 0; i < rank; i++) {
        const char c = p->layout[i];
        dims[i] = c == 'B'   ? p->b
                  : c == 'H' ? p->h
                  : c == 'S' ? p->s
                  : c == 'D' ? p->d
                  : c == 'N' ? p->b * p->h
                             : p->row;
    }
    return random_tensor(rank, dims);
}

static void set_layout(hone__node *node, char operand, const placing *p) {
    char name[] = "q_layout", view[] = "q_view";
    name[0] = view[0] = operand;
    assert_int_equal(hone__node_set_attr_string(node, name, p->layout, NULL), HONE_OK);
    if (strchr(p->layout, 'C') && operand != 'y')
        assert_int_equal(hone__node_set_attr_ints(node, view, (int64_t[]){p->offset, p->stride}, 2, NULL), HONE_OK);
}

/* Every layout of every operand, bool masks, causal, repeated masks, against the formula on places computed here. */
static void test_layouts(void **state) {
    (void)state;
    static const char *const layouts[] = {"BHSD", "BSHD", "SBHD", "NSD", "SND", "BSC", "SBC"};
    const uint32_t bits = test_isa_bits();
    uint64_t pick = 5;
    for (int round = 0; round < 160; round++) {
        const int64_t b = 4, h = 4, s = round % 4 == 0 ? 2 : 19, t = round % 4 == 1 ? 19 : 37, d = 12, dv = 20;
        const int64_t g = round % 3 == 0 ? 2 : 4;
        placing p[4] = {{NULL, b, h, s, d, 0, d, h * d},
                        {NULL, b, g, t, d, 0, d, g * d},
                        {NULL, b, g, t, dv, 0, dv, g * dv},
                        {NULL, b, h, s, dv, 0, dv, h * dv}};
        for (int i = 0; i < 4; i++) {
            p[i].layout = layouts[hone__random_u64(&pick) % 7];
            if (strchr(p[i].layout, 'C') && i < 3 && round % 2) { /* packed with something else */
                p[i].offset = 7 + 5 * i;
                p[i].stride += 3;
                p[i].row = p[i].offset + p[i].h * p[i].stride + 11;
            }
        }
        const int kind =
            round % 6; /* 1: bool mask; 2: causal; 3: repeated mask; 4: bool mask by batch x heads; 5: condition */
        hone_tensor *in[5] = {placed_tensor(&p[0]), placed_tensor(&p[1]), placed_tensor(&p[2]), NULL, NULL};
        const int64_t mask_dims[4] = {kind == 4 ? b * h : kind == 3 ? 2 : 1, kind == 4 ? s : 1, kind == 4 ? t : s, t};
        if (kind == 1 || kind == 4) {
            assert_int_equal(hone_tensor_create(HONE_DTYPE_BOOL, kind == 4 ? 3 : 4, mask_dims, &in[3], NULL), HONE_OK);
            for (int64_t i = 0; i < hone__tensor_count(in[3]); i++)
                ((uint8_t *)in[3]->data)[i] = hone__random_u64(&pick) % 3 != 0;
        } else if (kind == 3 || kind == 5) {
            in[3] = random_tensor(4, mask_dims);
        }
        if (kind == 5) {
            assert_int_equal(hone_tensor_create(HONE_DTYPE_BOOL, 2, (int64_t[]){s, t}, &in[4], NULL), HONE_OK);
            for (int64_t i = 0; i < s * t; i++) /* query 1 sees nothing: its scores are all alike, its mask counts */
                ((uint8_t *)in[4]->data)[i] = i / t != 1 && hone__random_u64(&pick) % 3 != 0;
        }
        const size_t n_in = in[4] ? 5 : in[3] ? 4 : 3;
        harness x;
        harness_init(&x, "hone", "FusedAttention", in, NULL, n_in, placed_tensor(&p[3]));
        for (int i = 0; i < 4; i++)
            set_layout(x.node, "qkvy"[i], &p[i]);
        const struct {
            const char *name;
            int64_t value;
        } ints[] = {{"num_heads", h},    {"kv_num_heads", g},   {"head_size", d},
                    {"v_head_size", dv}, {"causal", kind == 2}, {"mask_repeats", kind == 3}};
        for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
            assert_int_equal(hone__node_set_attr_int(x.node, ints[i].name, ints[i].value, NULL), HONE_OK);
        if (kind == 5)
            hone__node_set_attr_float(x.node, "mask_value", -10.0f, NULL);
        if (kind == 4) {
            hone__node_set_attr_string(x.node, "mask_layout", "NST", NULL);
            hone__node_set_attr_float(x.node, "mask_value", -1e30f, NULL);
        }
        const uint32_t isa = round % 7 == 0 ? 0 : bits & (HONE_ISA_AVX2 | (round % 2 ? HONE_ISA_AVX512 : 0));
        if (harness_run(&x, &hone__cpu_family_attention, isa, 1 + round % 2) != HONE_OK)
            fail_msg("%s", x.error.message);
        hone_tensor *reference = NULL;
        x.node->op = hone__op_find("hone", "FusedAttention", 1);
        assert_int_equal(hone__op_eval_node(x.node, (const hone_tensor *const *)in, n_in, &reference, 1, NULL),
                         HONE_OK);
        for (int64_t n = 0; n < b * h * s; n++) {
            const int64_t i = n % s, hh = n / s % h, bb = n / s / h, gg = hh / (h / g);
            double w[64], sum = 0, max = -INFINITY;
            for (int64_t j = 0; j < t; j++) {
                w[j] = 0;
                for (int64_t l = 0; l < d; l++)
                    w[j] += (double)((float *)in[0]->data)[place(&p[0], bb, hh, i, l)] *
                            (double)((float *)in[1]->data)[place(&p[1], bb, gg, j, l)];
                w[j] /= sqrt((double)d);
                if (kind == 1 && !((uint8_t *)in[3]->data)[i * t + j])
                    w[j] = -INFINITY;
                if (kind == 4 && !((uint8_t *)in[3]->data)[((bb * h + hh) * s + i) * t + j])
                    w[j] -= 1e30;
                if (kind == 3)
                    w[j] += (double)((float *)in[3]->data)[(bb % 2 * s + i) * t + j];
                if (kind == 5)
                    w[j] =
                        (((uint8_t *)in[4]->data)[i * t + j] ? w[j] : -10) + (double)((float *)in[3]->data)[i * t + j];
                if (kind == 2 && j > i + t - s)
                    w[j] = -INFINITY;
                max = fmax(max, w[j]);
            }
            for (int64_t j = 0; j < t; j++)
                sum += w[j] = exp(w[j] - max);
            for (int64_t l = 0; l < dv; l++) {
                double want = 0;
                for (int64_t j = 0; j < t; j++)
                    want += w[j] / sum * (double)((float *)in[2]->data)[place(&p[2], bb, gg, j, l)];
                const double got = (double)((float *)x.out->data)[place(&p[3], bb, hh, i, l)];
                const double plain = (double)((float *)reference->data)[place(&p[3], bb, hh, i, l)];
                if (!(fabs(got - want) < 3e-6 && fabs(plain - want) < 3e-6))
                    fail_msg("%s %s %s %s round %d: kernel %g, reference %g, want %g", p[0].layout, p[1].layout,
                             p[2].layout, p[3].layout, round, got, plain, want);
            }
        }
        hone_tensor_destroy(reference);
        harness_deinit(&x);
    }
}

/* A query that sees nothing: NaN as its softmax is, or zeros when the node says so. */
static void test_zero_masked(void **state) {
    (void)state;
    for (int64_t s = 2; s < 20; s += 17)
        for (int zero = 0; zero < 2; zero++) {
            hone_tensor *in[4] = {random_tensor(4, (int64_t[]){1, 1, s, 8}), random_tensor(4, (int64_t[]){1, 1, 30, 8}),
                                  random_tensor(4, (int64_t[]){1, 1, 30, 8}), NULL};
            assert_int_equal(hone_tensor_create(HONE_DTYPE_BOOL, 2, (int64_t[]){s, 30}, &in[3], NULL), HONE_OK);
            for (int64_t i = 0; i < s * 30; i++)
                ((uint8_t *)in[3]->data)[i] = i / 30 != 1;
            harness x;
            harness_init(&x, "hone", "FusedAttention", in, NULL, 4, random_tensor(4, (int64_t[]){1, 1, s, 8}));
            assert_int_equal(hone__node_set_attr_int(x.node, "zero_masked", zero, NULL), HONE_OK);
            assert_int_equal(harness_run(&x, &hone__cpu_family_attention, test_isa_bits(), 1), HONE_OK);
            hone_tensor *reference = NULL;
            x.node->op = hone__op_find("hone", "FusedAttention", 1);
            assert_int_equal(hone__op_eval_node(x.node, (const hone_tensor *const *)in, 4, &reference, 1, NULL),
                             HONE_OK);
            for (int64_t i = 0; i < s * 8; i++) {
                const float got = ((float *)x.out->data)[i], plain = ((float *)reference->data)[i];
                assert_int_equal(isnan(got), i / 8 == 1 && !zero);
                assert_int_equal(isnan(plain), i / 8 == 1 && !zero);
                assert_true(i / 8 != 1 || !zero || (got == 0 && plain == 0));
            }
            hone_tensor_destroy(reference);
            harness_deinit(&x);
        }
}

static void test_refusals(void **state) {
    (void)state;
    hone_tensor *in[3] = {random_tensor(4, (int64_t[]){1, 2, 3, 4}), random_tensor(4, (int64_t[]){1, 2, 5, 6}),
                          random_tensor(4, (int64_t[]){1, 2, 5, 4})};
    harness h;
    harness_init(&h, "hone", "FusedAttention", in, NULL, 3, random_tensor(4, (int64_t[]){1, 2, 3, 4}));
    assert_int_equal(harness_run(&h, &hone__cpu_family_attention, 0, 1), HONE_ERROR_SHAPE);
    assert_non_null(strstr(h.error.message, "do not fit together"));
    harness_deinit(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),  cmocka_unit_test(test_masks),       cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_layouts), cmocka_unit_test(test_zero_masked), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
