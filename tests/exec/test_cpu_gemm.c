/* The bindings of MatMul, Gemm and hone.FusedMatMul: numpy broadcasting of batches, vectors, transposed
 * operands, every form of the addend, constants packed or not, against a plain double-precision
 * evaluation; under every ISA and with one and two threads. */
#include "kernel_harness.h"

#include "../kernels/isa_support.h"
#include "base/random.h"
#include "exec/cpu/cpu_registry.h"

#include <math.h>

static uint64_t seed = 7;

typedef struct shape {
    int rank;
    int64_t dims[5];
} shape;

typedef struct test_case {
    const char *op;
    shape a, b, c, z; /* rank -1: omitted; the output's shape is computed */
    bool trans_a, trans_b, const_a, const_b;
    float alpha, beta;
    const char *activation;
    float act_a;
} test_case;

static hone_tensor *random_tensor(const shape *s) {
    if (s->rank < 0)
        return NULL;
    hone_tensor *t = harness_tensor(s->rank, s->dims);
    float *p = t->data;
    for (int64_t i = 0; i < hone__tensor_count(t); i++)
        p[i] = (float)(hone__random_unit(&seed) * 2 - 1);
    return t;
}

/* Element of a tensor broadcast to index[rank] (from the right). */
static double broadcast_at(const hone_tensor *t, const int64_t *index, int rank) {
    int64_t offset = 0;
    for (int d = 0; d < t->rank; d++) {
        const int64_t at = index[rank - t->rank + d];
        offset = offset * t->dims[d] + (t->dims[d] == 1 ? 0 : at);
    }
    return (double)((const float *)t->data)[offset];
}

static double activate(const test_case *t, double x) {
    if (!t->activation)
        return x;
    if (strcmp(t->activation, "Relu") == 0)
        return x < 0 ? 0 : x;
    if (strcmp(t->activation, "LeakyRelu") == 0)
        return x < 0 ? (double)t->act_a * x : x;
    return 0.5 * x * erfc(-x / sqrt(2.0)); /* Gelu */
}

static void run_case(const test_case *t, uint32_t isa, int n_threads) {
    hone_tensor *in[4] = {random_tensor(&t->a), random_tensor(&t->b), random_tensor(&t->c), random_tensor(&t->z)};
    const hone_tensor *a = in[0], *b = in[1];
    const bool ta = t->trans_a && a->rank > 1, tb = t->trans_b && b->rank > 1;
    const int64_t m = a->rank == 1 ? 1 : a->dims[a->rank - (ta ? 1 : 2)];
    const int64_t k = a->rank == 1 ? a->dims[0] : a->dims[a->rank - (ta ? 2 : 1)];
    const int64_t n = b->rank == 1 ? 1 : b->dims[b->rank - (tb ? 2 : 1)];
    const int ra = a->rank > 2 ? a->rank - 2 : 0, rb = b->rank > 2 ? b->rank - 2 : 0, r = ra > rb ? ra : rb;
    int64_t dims[8], out_dims[8];
    for (int d = 0; d < r; d++) {
        const int64_t x = d - (r - ra) >= 0 ? a->dims[d - (r - ra)] : 1,
                      y = d - (r - rb) >= 0 ? b->dims[d - (r - rb)] : 1;
        dims[d] = x == 1 ? y : x;
    }
    int out_rank = 0;
    for (int d = 0; d < r; d++)
        out_dims[out_rank++] = dims[d];
    if (a->rank > 1)
        out_dims[out_rank++] = m;
    if (b->rank > 1)
        out_dims[out_rank++] = n;
    dims[r] = m;
    dims[r + 1] = n;
    hone_tensor *out = harness_tensor(out_rank, out_dims);
    const int64_t count = hone__tensor_count(out);
    for (int64_t i = 0; i < count; i++)
        ((float *)out->data)[i] = NAN;
    const bool constants[4] = {t->const_a, t->const_b, false, false};
    harness h;
    size_t n_in = t->z.rank >= 0 ? 4 : t->c.rank >= 0 ? 3 : 2;
    harness_init(&h, strcmp(t->op, "FusedMatMul") == 0 ? "hone" : "", t->op, in, constants, n_in, out);
    if (strcmp(t->op, "MatMul") != 0) {
        hone__node_set_attr_int(h.node, "transA", t->trans_a, NULL);
        hone__node_set_attr_int(h.node, "transB", t->trans_b, NULL);
        hone__node_set_attr_float(h.node, "alpha", t->alpha, NULL);
        hone__node_set_attr_float(h.node, "beta", t->beta, NULL);
        if (t->activation)
            hone__node_set_attr_string(h.node, "activation", t->activation, NULL);
        if (t->act_a != 0)
            hone__node_set_attr_floats(h.node, "activation_params", &t->act_a, 1, NULL);
    }
    const hone_status status = harness_run(&h, &hone__cpu_family_gemm, isa, n_threads);
    if (status != HONE_OK)
        fail_msg("%s: %s: %s", t->op, hone_status_name(status), h.error.message);
    const bool scaled = strcmp(t->op, "MatMul") != 0;
    const double alpha = scaled ? (double)t->alpha : 1.0, beta = strcmp(t->op, "Gemm") == 0 ? (double)t->beta : 1.0;
    for (int64_t i = 0; i < count; i++) {
        int64_t index[8], rest = i;
        for (int d = r + 1; d >= 0; d--) {
            index[d] = rest % dims[d];
            rest /= dims[d];
        }
        int64_t oa = 0, ob = 0; /* matrices */
        for (int d = 0; d < ra; d++)
            oa = oa * a->dims[d] + (a->dims[d] == 1 ? 0 : index[r - ra + d]);
        for (int d = 0; d < rb; d++)
            ob = ob * b->dims[d] + (b->dims[d] == 1 ? 0 : index[r - rb + d]);
        double sum = 0, magnitude = 2;
        for (int64_t l = 0; l < k; l++) {
            const float *am = (const float *)a->data + oa * m * k, *bm = (const float *)b->data + ob * k * n;
            const double x = (double)am[ta ? l * m + index[r] : index[r] * k + l] *
                             (double)bm[tb ? index[r + 1] * k + l : l * n + index[r + 1]];
            sum += x;
            magnitude += fabs(x);
        }
        sum *= alpha;
        if (in[2])
            sum += beta * broadcast_at(in[2], index + r, 2 > in[2]->rank ? 2 : in[2]->rank);
        if (in[3])
            sum += (double)((const float *)in[3]->data)[i];
        const double want = activate(t, sum);
        const float got = ((const float *)h.out->data)[i];
        if (!(fabs((double)got - want) <= magnitude * 2e-6))
            fail_msg(
                "%s %s [rank %d x rank %d] m %lld n %lld k %lld const %d %d trans %d %d threads %d: element %lld is "
                "%.8g, want %.8g",
                t->op, h.kernel, a->rank, b->rank, (long long)m, (long long)n, (long long)k, t->const_a, t->const_b, ta,
                tb, n_threads, (long long)i, (double)got, want);
    }
    harness_deinit(&h);
}

static void run_everywhere(const test_case *t) {
    const uint32_t bits = test_isa_bits(), masks[] = {0, HONE_ISA_AVX2, HONE_ISA_AVX2 | HONE_ISA_AVX512};
    for (size_t i = 0; i < 3; i++)
        if ((masks[i] & bits) == masks[i])
            for (int n_threads = 1; n_threads <= 2; n_threads++)
                run_case(t, masks[i], n_threads);
}

#define NONE                                                                                                           \
    {                                                                                                                  \
        -1, {                                                                                                          \
            0                                                                                                          \
        }                                                                                                              \
    }

static void test_matmul(void **state) {
    (void)state;
    static const shape pairs[][2] = {
        {{2, {5, 7}}, {2, {7, 40}}},
        {{1, {7}}, {2, {7, 9}}},
        {{2, {40, 7}}, {1, {7}}},
        {{1, {33}}, {1, {33}}},
        {{3, {4, 5, 7}}, {2, {7, 33}}},
        {{3, {4, 5, 7}}, {3, {4, 7, 6}}},
        {{3, {1, 5, 7}}, {3, {4, 7, 6}}},
        {{3, {4, 5, 7}}, {3, {1, 7, 6}}},
        {{4, {2, 1, 5, 7}}, {4, {1, 3, 7, 6}}},
        {{4, {2, 3, 5, 64}}, {4, {2, 3, 64, 17}}},
        {{2, {5, 7}}, {4, {2, 3, 7, 35}}},
        {{4, {2, 3, 1, 7}}, {3, {3, 7, 5}}},
        {{3, {3, 20, 7}}, {1, {7}}},
        {{1, {7}}, {3, {3, 7, 20}}},
        {{2, {1, 300}}, {2, {300, 70}}},
        {{2, {70, 300}}, {2, {300, 1}}},
        {{3, {2, 70, 300}}, {3, {2, 300, 1}}},
        {{2, {130, 600}}, {2, {600, 130}}},
        {{2, {3, 0}}, {2, {0, 4}}},
        {{2, {0, 3}}, {2, {3, 4}}},
        {{3, {0, 2, 3}}, {2, {3, 4}}},
        {{5, {2, 1, 2, 3, 4}}, {4, {3, 1, 4, 5}}},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (int constant = 0; constant < 4; constant++) {
            const test_case t = {.op = "MatMul",
                                 .a = pairs[i][0],
                                 .b = pairs[i][1],
                                 .c = NONE,
                                 .z = NONE,
                                 .const_a = constant & 1,
                                 .const_b = (constant & 2) != 0};
            run_everywhere(&t);
        }
}

static void test_gemm(void **state) {
    (void)state;
    static const int64_t sizes[][3] = {{5, 40, 7}, {1, 33, 20}, {33, 1, 20}, {1, 1, 9}, {40, 16, 64}, {17, 70, 300}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
        const shape addends[] = {NONE,        {0, {0}},    {1, {1}},    {1, {n}},
                                 {2, {1, n}}, {2, {m, 1}}, {2, {m, n}}, {2, {1, 1}}};
        for (size_t c = 0; c < sizeof addends / sizeof *addends; c++)
            for (int flags = 0; flags < 16; flags++) {
                const bool ta = flags & 1, tb = (flags & 2) != 0;
                const test_case t = {.op = "Gemm",
                                     .a = {2, {ta ? k : m, ta ? m : k}},
                                     .b = {2, {tb ? n : k, tb ? k : n}},
                                     .c = addends[c],
                                     .z = NONE,
                                     .trans_a = ta,
                                     .trans_b = tb,
                                     .const_b = (flags & 4) != 0,
                                     .const_a = (flags & 12) == 12,
                                     .alpha = flags & 8 ? 0.5f : 1.0f,
                                     .beta = flags & 8 ? 0.25f : 1.0f};
                run_everywhere(&t);
            }
    }
}

static void test_fused(void **state) {
    (void)state;
    static const char *const names[] = {NULL, "Relu", "LeakyRelu", "Gelu"};
    for (int act = 0; act < 4; act++)
        for (int flags = 0; flags < 32; flags++) {
            const bool ta = flags & 1, tb = (flags & 2) != 0, bias = (flags & 4) != 0, z = (flags & 8) != 0;
            const int64_t m = 19, n = 37, k = 24;
            test_case t = {.op = "FusedMatMul",
                           .a = {3, {3, ta ? k : m, ta ? m : k}},
                           .b = {2, {tb ? n : k, tb ? k : n}},
                           .c = NONE,
                           .z = NONE,
                           .trans_a = ta,
                           .trans_b = tb,
                           .const_b = (flags & 16) != 0,
                           .alpha = 0.75f,
                           .activation = names[act],
                           .act_a = act == 2 ? 0.2f : 0};
            if (bias)
                t.c = (shape){1, {n}};
            if (z)
                t.z = (shape){3, {3, m, n}};
            run_everywhere(&t);
            t.b = (shape){3, {3, tb ? n : k, tb ? k : n}};
            run_everywhere(&t);
        }
}

/* Columns of constant weights scaled as they are packed, in several parts; bias and residual are not. */
static void run_scaled(bool trans_b, uint32_t isa, int n_threads) {
    enum { M = 19, K = 301, N = 1001 };
    const shape shapes[5] = {{2, {M, K}}, {2, {trans_b ? N : K, trans_b ? K : N}}, {1, {N}}, {2, {M, N}}, {1, {N}}};
    const bool constants[5] = {false, true, false, false, true};
    const int64_t dims[2] = {M, N};
    hone_tensor *in[5];
    for (size_t i = 0; i < 5; i++)
        in[i] = random_tensor(&shapes[i]);
    const float *a = in[0]->data, *b = in[1]->data, *bias = in[2]->data, *z = in[3]->data, *scale = in[4]->data;
    harness h;
    harness_init(&h, "hone", "FusedMatMul", in, constants, 5, harness_tensor(2, dims));
    hone__node_set_attr_int(h.node, "transB", trans_b, NULL);
    if (harness_run(&h, &hone__cpu_family_gemm, isa, n_threads) != HONE_OK)
        fail_msg("scaled: %s", h.error.message);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < N; j++) {
            double sum = 0, magnitude = 2;
            for (size_t k = 0; k < K; k++) {
                const double x = (double)a[i * K + k] * (double)b[trans_b ? j * K + k : k * N + j];
                sum += x;
                magnitude += fabs(x);
            }
            const double want = sum * (double)scale[j] + (double)bias[j] + (double)z[i * N + j];
            const double got = (double)((const float *)h.out->data)[i * N + j];
            if (!(fabs(got - want) <= magnitude * 2e-6))
                fail_msg("scaled, transB %d: element %zu, %zu is %g, want %g", trans_b, i, j, got, want);
        }
    harness_deinit(&h);
}

static void test_scaled(void **state) {
    (void)state;
    const uint32_t bits = test_isa_bits(), masks[] = {0, HONE_ISA_AVX2, HONE_ISA_AVX2 | HONE_ISA_AVX512};
    for (size_t i = 0; i < 3; i++)
        for (int run = 0; run < 4 && (masks[i] & bits) == masks[i]; run++)
            run_scaled(run & 1, masks[i], 1 + run / 2);
}

/* The residual's memory may be taken over, but not when it is an operand of the product as well. */
static void test_inplace(void **state) {
    (void)state;
    const int64_t dims[2] = {8, 8};
    for (int shared = 0; shared < 2; shared++) {
        hone_tensor *in[4] = {harness_tensor(2, dims), harness_tensor(2, dims), NULL, harness_tensor(2, dims)};
        harness h;
        harness_init(&h, "hone", "FusedMatMul", in, NULL, 4, harness_tensor(2, dims));
        if (shared)
            hone__node_set_input(h.node, 0, h.node->inputs[3], NULL);
        assert_int_equal(harness_run(&h, &hone__cpu_family_gemm, 0, 1), HONE_OK);
        assert_int_equal(h.inplace_input, shared ? -1 : 3);
        harness_deinit(&h);
    }
}

/* What does not fit is an error that names the sizes; other types and unknown activations do not match. */
static void test_refusals(void **state) {
    (void)state;
    const int64_t d57[2] = {5, 7}, d68[2] = {6, 8}, d58[2] = {5, 8};
    hone_tensor *in[2] = {harness_tensor(2, d57), harness_tensor(2, d68)};
    harness h;
    harness_init(&h, "", "MatMul", in, NULL, 2, harness_tensor(2, d58));
    assert_int_equal(harness_run(&h, &hone__cpu_family_gemm, 0, 1), HONE_ERROR_SHAPE);
    assert_non_null(strstr(h.error.message, "7 columns against 6 rows"));
    h.node->inputs[0]->type.dtype = HONE_DTYPE_DOUBLE;
    assert_int_equal(harness_run(&h, &hone__cpu_family_gemm, 0, 1), HONE_ERROR_NOT_FOUND);
    harness_deinit(&h);
    hone_tensor *in2[2] = {harness_tensor(2, d57), harness_tensor(2, d68)};
    harness_init(&h, "hone", "FusedMatMul", in2, NULL, 2, harness_tensor(2, d58));
    hone__node_set_attr_string(h.node, "activation", "Snake", NULL);
    assert_int_equal(harness_run(&h, &hone__cpu_family_gemm, 0, 1), HONE_ERROR_NOT_FOUND);
    harness_deinit(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul), cmocka_unit_test(test_gemm),    cmocka_unit_test(test_fused),
        cmocka_unit_test(test_scaled), cmocka_unit_test(test_inplace), cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
