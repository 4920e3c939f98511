/* Elementwise operators bound to the CPU kernels, against the operators' reference evaluators: every
 * unary function, broadcasting between random shapes, variadic operators, Where, Cast. */
#include "support/kernel_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void random_dims(int rank, int64_t *dims) {
    for (int i = 0; i < rank; i++)
        dims[i] = harness_between(0, 9) == 0 ? 1 : harness_between(1, rank > 3 ? 7 : 21);
}

/* A shape that broadcasts to dims: leading dims dropped, others made 1. */
static int narrow(int rank, const int64_t *dims, int64_t *out) {
    const int drop = harness_between(0, 2) ? 0 : (int)harness_between(0, rank);
    const int style = (int)harness_between(0, 3);
    for (int i = drop; i < rank; i++)
        out[i - drop] = style == 0 ? dims[i] : style == 1 ? 1 : harness_between(0, 1) ? dims[i] : 1;
    return rank - drop;
}

static void test_unary(void **state) {
    (void)state;
    static const struct {
        const char *domain, *op;
        int opset;
        double low, high;
    } ops[] = {
        {"", "Neg", 13, -5, 5},
        {"", "Abs", 13, -5, 5},
        {"", "Reciprocal", 13, 0.1, 5},
        {"", "Floor", 13, -5, 5},
        {"", "Ceil", 13, -5, 5},
        {"", "Round", 13, -5, 5},
        {"", "Sign", 13, -5, 5},
        {"", "Sqrt", 13, 0, 5},
        {"", "Exp", 13, -9, 9},
        {"", "Log", 13, 1e-4, 9},
        {"", "Erf", 13, -4, 4},
        {"", "Softplus", 13, -40, 40},
        {"", "Softsign", 13, -5, 5},
        {"", "Relu", 14, -5, 5},
        {"", "LeakyRelu", 16, -5, 5},
        {"", "Sigmoid", 13, -30, 30},
        {"", "ThresholdedRelu", 13, -5, 5},
        {"", "Tanh", 13, -9, 9},
        {"", "HardSigmoid", 13, -5, 5},
        {"", "HardSwish", 14, -5, 5},
        {"", "Gelu", 20, -6, 6},
        {"", "Elu", 13, -9, 5},
        {"", "Mish", 18, -20, 9},
        {"hone", "Silu", 1, -20, 20},
    };
    for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
        for (int i = 0; i < 6; i++) {
            int64_t dims[5] = {0};
            const int rank = (int)harness_between(0, 4);
            random_dims(rank, dims);
            if (i == 5 && rank > 0)
                dims[rank - 1] = 4096; /* several tasks */
            harness *h = harness_create(ops[k].domain, ops[k].op, ops[k].opset);
            if (i % 2 && strstr("LeakyRelu Elu ThresholdedRelu HardSigmoid", ops[k].op))
                harness_attr_float(h, "alpha", 0.3f);
            if (i % 2 && strcmp(ops[k].op, "Gelu") == 0)
                harness_attr_string(h, "approximate", "tanh");
            harness_random(h, HONE_DTYPE_FLOAT, rank, dims, ops[k].low, ops[k].high);
            harness_check(h, 1, "f32_unary");
        }
}

static void test_clip(void **state) {
    (void)state;
    for (int i = 0; i < 12; i++) {
        const int opset = i % 3 == 0 ? 6 : 13;
        harness *h = harness_create("", "Clip", opset);
        if (opset == 6) {
            harness_attr_float(h, "min", -1.0f);
            harness_attr_float(h, "max", 2.0f);
        }
        harness_random(h, HONE_DTYPE_FLOAT, 2, (int64_t[]){3, 37}, -5, 5);
        if (opset != 6 && i % 2)
            harness_random(h, HONE_DTYPE_FLOAT, 0, NULL, -2, 0);
        else if (opset != 6)
            harness_omit(h);
        if (opset != 6 && i % 4)
            harness_random(h, HONE_DTYPE_FLOAT, 0, NULL, 0.5, 2);
        harness_check(h, 1, "f32_clip");
    }
}

static void test_binary(void **state) {
    (void)state;
    static const char *const ops[] = {"Add",   "Sub",  "Mul",     "Div",         "PRelu",          "Pow",
                                      "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And",
                                      "Or",    "Xor"};
    for (int i = 0; i < 420; i++) {
        const char *op = ops[i % 14];
        const bool is_logic = i % 14 >= 11, is_prelu = i % 14 == 4, is_pow = i % 14 == 5;
        int64_t out[5] = {0}, a[5] = {0}, b[5] = {0};
        const int rank = (int)harness_between(0, 5);
        random_dims(rank, out);
        const int rank_a = is_prelu ? rank : narrow(rank, out, a), rank_b = narrow(rank, out, b);
        if (is_prelu)
            memcpy(a, out, sizeof a);
        hone_dtype dtype = is_logic ? HONE_DTYPE_BOOL : HONE_DTYPE_FLOAT;
        if (!is_logic && !is_prelu && !is_pow && i % 3 == 0)
            dtype = i % 2 ? HONE_DTYPE_INT64 : HONE_DTYPE_INT32;
        const bool is_int = dtype == HONE_DTYPE_INT64 || dtype == HONE_DTYPE_INT32;
        const bool is_int_div = is_int && strcmp(op, "Div") == 0;
        harness *h = harness_create("", op, 17);
        harness_random(h, dtype, rank_a, a, is_pow ? 0.1 : -3, 3);
        harness_random(h, dtype, rank_b, b, is_int_div ? 1 : -3, 3);
        if (is_pow && rank_b == 0 && i % 2) {
            *(float *)hone_tensor_data(harness_last(h)) = (float[]){2, 3, 0.5f, -1, 4}[i / 14 % 5];
            harness_make_constant(h);
        }
        harness_check(h, 1, NULL);
    }
}

static void test_variadic(void **state) {
    (void)state;
    static const char *const ops[] = {"Sum", "Mean", "Max", "Min"};
    for (int i = 0; i < 80; i++) {
        int64_t out[5] = {0}, dims[5];
        const int rank = (int)harness_between(1, 4), n = (int)harness_between(1, 4);
        const hone_dtype dtype = i % 4 > 1 && i % 5 == 0 ? HONE_DTYPE_INT64 : HONE_DTYPE_FLOAT;
        random_dims(rank, out);
        harness *h = harness_create("", ops[i % 4], 13);
        for (int k = 0; k < n; k++)
            harness_random(h, dtype, narrow(rank, out, dims), dims, -5, 5);
        harness_check(h, 1, "variadic");
    }
}

static void test_where_cast(void **state) {
    (void)state;
    static const hone_dtype dtypes[] = {HONE_DTYPE_FLOAT,   HONE_DTYPE_INT64,    HONE_DTYPE_INT32, HONE_DTYPE_BOOL,
                                        HONE_DTYPE_FLOAT16, HONE_DTYPE_BFLOAT16, HONE_DTYPE_UINT8, HONE_DTYPE_DOUBLE};
    for (int i = 0; i < 80; i++) {
        int64_t out[5] = {0}, dims[5];
        const int rank = (int)harness_between(1, 4);
        random_dims(rank, out);
        harness *h = harness_create("", "Where", 16);
        harness_random(h, HONE_DTYPE_BOOL, narrow(rank, out, dims), dims, -1, 1);
        harness_random(h, dtypes[i % 8], narrow(rank, out, dims), dims, -5, 5);
        harness_random(h, dtypes[i % 8], narrow(rank, out, dims), dims, -5, 5);
        harness_check(h, 1, "where");
    }
    for (int from = 0; from < 8; from++)
        for (int to = 0; to < 8; to++) {
            harness *h = harness_create("", "Cast", 13);
            harness_attr_int(h, "to", dtypes[to]);
            harness_random(h, dtypes[from], 2, (int64_t[]){3, 21}, dtypes[to] == HONE_DTYPE_UINT8 ? 0 : -90, 90);
            harness_check(h, 1, "cast");
        }
    harness *h = harness_create("", "Not", 1);
    harness_random(h, HONE_DTYPE_BOOL, 2, (int64_t[]){3, 21}, -1, 1);
    harness_check(h, 1, "bool_not");
}

int main(void) {
    harness_seed(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),    cmocka_unit_test(test_clip),       cmocka_unit_test(test_binary),
        cmocka_unit_test(test_variadic), cmocka_unit_test(test_where_cast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
