/* The planned product against a double-precision reference, for every kernel row that the machine has:
 * sizes below, at, above and multiples of the tiles and blocks; all layouts, packed and not; epilogues;
 * batches; guard elements around every output row; workspaces of exactly the planned size. */
#include "isa_support.h"

#include "kernels/gemm/gemm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static uint32_t seed = 12345;
static float random_float(void) {
    seed = seed * 1664525u + 1013904223u;
    return (float)(int32_t)seed / 2147483648.0f;
}
static size_t random_below(size_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}
static float *random_array(size_t n) {
    float *p = malloc((n ? n : 1) * sizeof(float));
    for (size_t i = 0; i < n; i++)
        p[i] = random_float();
    return p;
}

typedef enum layout { ROW, COLUMN, STRIDED, PACKED } layout;
static const char *const layout_names[] = {"row", "column", "strided", "packed"};

typedef struct test_case {
    size_t m, n, k, batch;
    layout a, b;
    float alpha, beta;
    int z; /* 0 none, 1 its own, 2 in C, 3 one row for all */
    bool has_bias_row, has_bias_col;
    hone_act act;
    int n_threads;
    int64_t l1, l2, l3;
} test_case;

static double reference_act(double x, const hone_act *act) {
    switch (act->kind) {
    case HONE_ACT_RELU:
        return x < 0 ? 0 : x;
    case HONE_ACT_CLIP:
        return x < (double)act->a ? (double)act->a : x > (double)act->b ? (double)act->b : x;
    case HONE_ACT_GELU:
        return 0.5 * x * erfc(-x / sqrt(2.0));
    case HONE_ACT_TANH:
        return tanh(x);
    default:
        return x;
    }
}

static void strides(layout l, size_t rows, size_t cols, size_t *rs, size_t *cs, size_t *count) {
    if (l == COLUMN) {
        *rs = 1, *cs = rows + 3;
    } else if (l == STRIDED) {
        *rs = 2 * cols + 5, *cs = 2;
    } else {
        *rs = cols + 1, *cs = 1;
    }
    *count = rows && cols ? (rows - 1) * *rs + (cols - 1) * *cs + 1 : 0;
}

#define GUARD (-12345.0f)

static void run_case(const hone__gemm_kernel *kernel, const test_case *t) {
    size_t a_rs, a_cs, a_n, b_rs, b_cs, b_n;
    const size_t m = t->m, n = t->n, k = t->k;
    strides(t->a, m, k, &a_rs, &a_cs, &a_n);
    strides(t->b, k, n, &b_rs, &b_cs, &b_n);
    float *a = random_array(a_n * t->batch), *b = random_array(b_n * t->batch);
    const size_t ldc = n + 5, c_n = (m + 2) * ldc;
    float *c = malloc(c_n * t->batch * sizeof(float)), *z = random_array(c_n * t->batch);
    float *bias_row = random_array(m), *bias_col = random_array(n);
    for (size_t i = 0; i < c_n * t->batch; i++)
        c[i] = GUARD;
    for (size_t g = 0; g < t->batch; g++)
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++)
                if (t->z == 2)
                    c[g * c_n + (i + 1) * ldc + j] = z[g * c_n + (i + 1) * ldc + j];
    float *pa = NULL, *pb = NULL;
    size_t pa_n = 0, pb_n = 0;
    if (t->a == PACKED) {
        pa_n = hone__gemm_packed_a_count(m, k);
        pa = malloc((pa_n * t->batch + 1) * sizeof(float));
        for (size_t g = 0; g < t->batch; g++)
            hone__gemm_pack_a(kernel, pa + g * pa_n, a + g * a_n, a_rs, a_cs, m, k);
    }
    if (t->b == PACKED) {
        pb_n = hone__gemm_packed_b_count(kernel, k, n);
        pb = malloc((pb_n * t->batch + 1) * sizeof(float));
        for (size_t g = 0; g < t->batch; g++)
            hone__gemm_pack_b(kernel, pb + g * pb_n, b + g * b_n, b_rs, b_cs, k, n);
    }
    const hone__gemm_problem problem = {.m = m,
                                        .n = n,
                                        .k = k,
                                        .batch = t->batch,
                                        .a_rs = a_rs,
                                        .a_cs = a_cs,
                                        .b_rs = b_rs,
                                        .b_cs = b_cs,
                                        .is_a_packed = t->a == PACKED,
                                        .is_b_packed = t->b == PACKED};
    const hone__gemm_config config = {
        .isa = kernel->isa, .n_threads = t->n_threads, .l1d_bytes = t->l1, .l2_bytes = t->l2, .l3_bytes = t->l3};
    hone__gemm_plan plan;
    assert_true(hone__gemm_make_plan(&problem, &config, &plan));
    assert_ptr_equal(plan.kernel, kernel);
    unsigned char *workspace = aligned_alloc(64, (plan.workspace_size + 127) / 64 * 64);
    memset(workspace, 0xff, plan.workspace_size); /* NaNs: nothing may be read before it is written */
    memset(workspace + plan.workspace_size, 0x5a, 16);
    hone__gemm_args args = {.a = pa ? pa : a,
                            .b = pb ? pb : b,
                            .c = c + ldc,
                            .bias_row = t->has_bias_row ? bias_row : NULL,
                            .bias_col = t->has_bias_col ? bias_col : NULL,
                            .ldc = ldc,
                            .ldz = t->z == 3 ? 0 : ldc,
                            .alpha = t->alpha,
                            .beta = t->beta,
                            .act = t->act,
                            .a_batch = pa ? pa_n : a_n,
                            .b_batch = pb ? pb_n : b_n,
                            .c_batch = c_n,
                            .z_batch = t->z == 3 ? 0 : c_n};
    args.z = t->z == 0 ? NULL : t->z == 2 ? c + ldc : z + ldc;
    for (size_t task = plan.n_tasks; task-- > 0;) /* order must not matter */
        hone__gemm_run_task(&plan, &args, task, (int)(task % (size_t)t->n_threads), workspace);
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(workspace[plan.workspace_size + i], 0x5a);
    for (size_t g = 0; g < t->batch; g++)
        for (size_t r = 0; r < m + 2; r++)
            for (size_t j = 0; j < ldc; j++) {
                const float got = c[g * c_n + r * ldc + j];
                if (r == 0 || r > m || j >= n) {
                    if (got != GUARD)
                        fail_msg("%s %zux%zux%zu: wrote outside at row %zu, column %zu", plan.name, m, n, k, r, j);
                    continue;
                }
                const size_t i = r - 1;
                double sum = 0, magnitude = 1;
                for (size_t kk = 0; kk < k; kk++) {
                    const double x =
                        (double)a[g * a_n + i * a_rs + kk * a_cs] * (double)b[g * b_n + kk * b_rs + j * b_cs];
                    sum += x;
                    magnitude += fabs(x);
                }
                sum *= (double)t->alpha;
                if (t->z)
                    sum += (double)t->beta * (double)(t->z == 3 ? z[ldc + j] : z[g * c_n + r * ldc + j]);
                if (t->has_bias_row)
                    sum += (double)bias_row[i];
                if (t->has_bias_col)
                    sum += (double)bias_col[j];
                const double want = reference_act(sum, &t->act);
                const double allowed = (magnitude * fabs((double)t->alpha) + 4) * 1e-7 * (4 + sqrt((double)k));
                if (!(fabs((double)got - want) <= allowed))
                    fail_msg("%s mode %d %zux%zux%zu batch %zu/%zu, A %s, B %s, alpha %g, z %d, act %d, threads %d: "
                             "C[%zu][%zu] is %.9g, want %.9g",
                             plan.name, (int)plan.mode, m, n, k, g, t->batch, layout_names[t->a], layout_names[t->b],
                             (double)t->alpha, t->z, (int)t->act.kind, t->n_threads, i, j, (double)got, want);
            }
    free(a), free(b), free(c), free(z), free(bias_row), free(bias_col), free(pa), free(pb), free(workspace);
}

static void for_each_kernel(void (*fn)(const hone__gemm_kernel *kernel)) {
    size_t n;
    const hone__gemm_kernel *const *kernels = hone__gemm_kernels(&n);
    size_t tested = 0;
    for (size_t i = 0; i < n; i++)
        if ((kernels[i]->isa & test_isa_bits()) == kernels[i]->isa) {
            fn(kernels[i]);
            tested++;
        }
    assert_true(tested > 0);
}

static const hone_act no_act = {HONE_ACT_NONE, 0, 0};

/* Every tile height and width, in every layout. */
static void tiles(const hone__gemm_kernel *kernel) {
    for (size_t m = 1; m <= 2 * kernel->mr + 1; m++)
        for (size_t n = 1; n <= kernel->nr + kernel->nr / 2 + 1; n += n < 3 ? 1 : 3) {
            const layout la = (layout)random_below(4), lb = (layout)random_below(4);
            const test_case t = {.m = m,
                                 .n = n,
                                 .k = 1 + random_below(19),
                                 .batch = 1,
                                 .a = la,
                                 .b = lb,
                                 .alpha = 1,
                                 .act = no_act,
                                 .n_threads = 1 + (int)random_below(3)};
            run_case(kernel, &t);
        }
    for (int la = 0; la < 4; la++)
        for (int lb = 0; lb < 4; lb++)
            for (size_t m = 1; m < 40; m += 7)
                for (size_t n = 1; n < 80; n += 13) {
                    const test_case t = {.m = m,
                                         .n = n,
                                         .k = 37,
                                         .batch = 1,
                                         .a = (layout)la,
                                         .b = (layout)lb,
                                         .alpha = 1,
                                         .act = no_act,
                                         .n_threads = 1};
                    run_case(kernel, &t);
                }
}
static void test_tiles(void **state) {
    (void)state;
    for_each_kernel(tiles);
}

/* Small caches make all three blocks small, so that every loop runs several times and has remainders. */
static void blocks(const hone__gemm_kernel *kernel) {
    for (int r = 0; r < 60; r++) {
        const test_case t = {.m = 1 + random_below(150),
                             .n = 1 + random_below(200),
                             .k = 1 + random_below(300),
                             .batch = 1,
                             .a = (layout)random_below(4),
                             .b = (layout)random_below(4),
                             .alpha = 1,
                             .beta = 0.5f,
                             .z = (int)random_below(4),
                             .has_bias_row = random_below(2),
                             .has_bias_col = random_below(2),
                             .act = {HONE_ACT_RELU, 0, 0},
                             .n_threads = 1 + (int)random_below(4),
                             .l1 = 1024,
                             .l2 = 32 << 10,
                             .l3 = 128 << 10};
        run_case(kernel, &t);
    }
    /* k at the edges of the block: 64 is the least kc. */
    const size_t ks[] = {0, 1, 63, 64, 65, 127, 128, 129, 192, 193};
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++)
        for (int z = 0; z < 4; z++) {
            const test_case t = {.m = 2 * kernel->mr,
                                 .n = 2 * kernel->nr + 1,
                                 .k = ks[i],
                                 .batch = 1,
                                 .a = ROW,
                                 .b = ROW,
                                 .alpha = -1.5f,
                                 .beta = 2.0f,
                                 .z = z,
                                 .act = no_act,
                                 .n_threads = 2,
                                 .l1 = 1024};
            run_case(kernel, &t);
        }
}
static void test_blocks(void **state) {
    (void)state;
    for_each_kernel(blocks);
}

static void epilogues(const hone__gemm_kernel *kernel) {
    const hone_act acts[] = {{HONE_ACT_NONE, 0, 0},
                             {HONE_ACT_RELU, 0, 0},
                             {HONE_ACT_CLIP, -0.5f, 0.75f},
                             {HONE_ACT_GELU, 0, 0},
                             {HONE_ACT_TANH, 0, 0}};
    for (size_t act = 0; act < sizeof acts / sizeof *acts; act++)
        for (int z = 0; z < 4; z++)
            for (int bias = 0; bias < 4; bias++)
                for (int mode = 0; mode < 3; mode++) { /* blocked, direct, dot */
                    const test_case t = {.m = mode == 2 ? 3 : kernel->mr + 3,
                                         .n = kernel->nr * 2 + 7,
                                         .k = 21,
                                         .batch = 1,
                                         .a = ROW,
                                         .b = mode == 0   ? PACKED
                                              : mode == 1 ? ROW
                                                          : COLUMN,
                                         .alpha = bias & 1 ? 0.125f : 1.0f,
                                         .beta = z == 1 ? 1.0f : -0.5f,
                                         .z = z,
                                         .has_bias_row = bias & 1,
                                         .has_bias_col = (bias & 2) != 0,
                                         .act = acts[act],
                                         .n_threads = 1};
                    run_case(kernel, &t);
                }
}
static void test_epilogues(void **state) {
    (void)state;
    for_each_kernel(epilogues);
}

static void batches(const hone__gemm_kernel *kernel) {
    for (int r = 0; r < 60; r++) {
        const test_case t = {.m = 1 + random_below(40),
                             .n = 1 + random_below(70),
                             .k = 1 + random_below(70),
                             .batch = 1 + random_below(13),
                             .a = (layout)random_below(4),
                             .b = (layout)random_below(4),
                             .alpha = 0.25f,
                             .beta = 1.0f,
                             .z = (int)random_below(4),
                             .has_bias_col = random_below(2),
                             .act = no_act,
                             .n_threads = 1 + (int)random_below(4)};
        run_case(kernel, &t);
    }
}
static void test_batches(void **state) {
    (void)state;
    for_each_kernel(batches);
}

/* A row of infinities and NaN reaches its own row of C only, and Relu keeps NaN. */
static void specials(const hone__gemm_kernel *kernel) {
    enum { M = 5, N = 37, K = 9 };
    float a[M * K], b[K * N], c[M * N];
    for (int i = 0; i < M * K; i++)
        a[i] = 1.0f;
    for (int i = 0; i < K * N; i++)
        b[i] = 0.5f;
    a[1 * K + 3] = NAN;
    a[2 * K + 4] = INFINITY;
    a[3 * K + 4] = -INFINITY;
    const hone__gemm_problem problem = {.m = M, .n = N, .k = K, .batch = 1, .a_rs = K, .a_cs = 1, .b_rs = N, .b_cs = 1};
    const hone__gemm_config config = {.isa = kernel->isa, .n_threads = 1};
    hone__gemm_plan plan;
    assert_true(hone__gemm_make_plan(&problem, &config, &plan));
    void *workspace = aligned_alloc(64, plan.workspace_size);
    const hone__gemm_args args = {.a = a, .b = b, .c = c, .ldc = N, .alpha = 1, .act = {HONE_ACT_RELU, 0, 0}};
    for (size_t task = 0; task < plan.n_tasks; task++)
        hone__gemm_run_task(&plan, &args, task, 0, workspace);
    free(workspace);
    for (int j = 0; j < N; j++) {
        assert_true(c[j] == 4.5f);
        assert_true(isnan(c[N + j]));
        assert_true(isinf(c[2 * N + j]));
        assert_true(c[3 * N + j] == 0.0f);
        assert_true(c[4 * N + j] == 4.5f);
    }
}
static void test_specials(void **state) {
    (void)state;
    for_each_kernel(specials);
}

/* Panels of packed A cover all rows, are never higher than mr and differ by one row at most. */
static void test_panels(void **state) {
    (void)state;
    for (size_t mr = 1; mr <= 14; mr++)
        for (size_t m = 1; m < 100; m++) {
            const size_t n = hone__gemm_panel_count(m, mr);
            size_t least = mr, most = 0;
            for (size_t p = 0; p < n; p++) {
                const size_t h = hone__gemm_panel_row(m, mr, p + 1) - hone__gemm_panel_row(m, mr, p);
                least = h < least ? h : least;
                most = h > most ? h : most;
            }
            assert_int_equal(hone__gemm_panel_row(m, mr, 0), 0);
            assert_int_equal(hone__gemm_panel_row(m, mr, n), m);
            assert_true(most <= mr && most - least <= 1);
        }
}

/* What cannot be addressed is refused. */
static void test_overflow(void **state) {
    (void)state;
    const hone__gemm_problem problem = {
        .m = 100, .n = 100, .k = 100, .batch = 1, .a_rs = 100, .a_cs = 1, .b_rs = 100, .b_cs = 1};
    const hone__gemm_config config = {
        .n_threads = 1, .l2_bytes = INT64_MAX, .l1d_bytes = INT64_MAX, .l3_bytes = INT64_MAX};
    hone__gemm_plan plan;
    assert_true(hone__gemm_make_plan(&problem, &config, &plan)); /* absurd caches: blocks are the matrix */
    assert_true(plan.workspace_size < 1u << 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles),    cmocka_unit_test(test_blocks),   cmocka_unit_test(test_epilogues),
        cmocka_unit_test(test_batches),  cmocka_unit_test(test_specials), cmocka_unit_test(test_panels),
        cmocka_unit_test(test_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
