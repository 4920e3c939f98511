/* Elementwise kernels of every ISA row against double precision: awkward lengths, unaligned
 * pointers, in place, guard bytes, special values; and the typed loops. */
#include "isa_support.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/guarded.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static double reference_unary(hone_unary_kind kind, double x, double a, double b) {
    switch (kind) {
    case HONE_UNARY_NEG:
        return -x;
    case HONE_UNARY_ABS:
        return fabs(x);
    case HONE_UNARY_RECIPROCAL:
        return 1.0 / x;
    case HONE_UNARY_FLOOR:
        return floor(x);
    case HONE_UNARY_CEIL:
        return ceil(x);
    case HONE_UNARY_ROUND:
        return rint(x);
    case HONE_UNARY_SIGN:
        return x > 0 ? 1 : x < 0 ? -1 : x;
    case HONE_UNARY_SQRT:
        return sqrt(x);
    case HONE_UNARY_SQUARE:
        return x * x;
    case HONE_UNARY_CUBE:
        return x * x * x;
    case HONE_UNARY_EXP:
        return exp(x);
    case HONE_UNARY_LOG:
        return log(x);
    case HONE_UNARY_ERF:
        return erf(x);
    case HONE_UNARY_SOFTPLUS:
        return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    case HONE_UNARY_SOFTSIGN:
        return x / (1 + fabs(x));
    case HONE_UNARY_RELU:
        return x > 0 ? x : isnan(x) ? x : 0;
    case HONE_UNARY_CLIP:
        return isnan(x) ? x : fmin(b, fmax(a, x));
    case HONE_UNARY_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case HONE_UNARY_THRESHOLDED_RELU:
        return x <= a ? 0 : x;
    case HONE_UNARY_SIGMOID:
        return 1 / (1 + exp(-x));
    case HONE_UNARY_TANH:
        return tanh(x);
    case HONE_UNARY_HARD_SIGMOID:
        return isnan(x) ? x : fmin(1, fmax(0, a * x + b));
    case HONE_UNARY_HARD_SWISH:
        return isnan(x) ? x : x * fmin(1, fmax(0, x / 6 + 0.5));
    case HONE_UNARY_SILU:
        return x / (1 + exp(-a * x));
    case HONE_UNARY_GELU:
        return 0.5 * x * (1 + erf(x * sqrt(0.5)));
    case HONE_UNARY_GELU_TANH:
        return 0.5 * x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case HONE_UNARY_ELU:
        return x < 0 ? a * expm1(x) : x;
    case HONE_UNARY_MISH:
        return x * tanh(x > 30 ? x : log1p(exp(x)));
    case HONE_UNARY_COUNT:
        break;
    }
    return NAN;
}

static double reference_binary(hone_binary_kind kind, double a, double b) {
    switch (kind) {
    case HONE_BINARY_ADD:
        return a + b;
    case HONE_BINARY_SUB:
        return a - b;
    case HONE_BINARY_MUL:
        return a * b;
    case HONE_BINARY_DIV:
        return a / b;
    case HONE_BINARY_MIN:
        return isnan(a) || isnan(b) ? NAN : fmin(a, b);
    case HONE_BINARY_MAX:
        return isnan(a) || isnan(b) ? NAN : fmax(a, b);
    case HONE_BINARY_PRELU:
        return a < 0 ? a * b : a;
    case HONE_BINARY_POW:
        return pow(a, b);
    case HONE_BINARY_COUNT:
        break;
    }
    return NAN;
}

static int close_enough(double got, double want) {
    if (isnan(want))
        return isnan(got);
    if (isinf(want) || fabs(want) > 3.4028234e38)
        return got == want || (fabs(want) > 3.4028234e38 && fabs(got) > 3.4e38 && (got > 0) == (want > 0));
    return fabs(got - want) <= 2e-7 + 2e-6 * fabs(want);
}

#define FOR_ROWS(row)                                                                                                  \
    size_t n_rows;                                                                                                     \
    const hone_eltwise_row *const *all_rows = hone_eltwise_rows(&n_rows);                                              \
    const uint32_t isa = test_isa_bits();                                                                              \
    for (size_t r = 0; r < n_rows; r++)                                                                                \
        for (const hone_eltwise_row *row = all_rows[r]; row && (row->isa & isa) == row->isa; row = NULL)

static void test_unary(void **state) {
    (void)state;
    uint64_t seed = 1;
    FOR_ROWS(row) {
        for (int k = 0; k < HONE_UNARY_COUNT; k++) {
            const int positive = k == HONE_UNARY_LOG || k == HONE_UNARY_SQRT;
            const float a = k == HONE_UNARY_CLIP ? -1.5f : k == HONE_UNARY_SILU ? 1.702f : 0.25f, b = 0.75f;
            for (size_t l = 0; l < N_AWKWARD; l++) {
                const size_t n = awkward_lengths[l], shift = l % 5;
                guarded x = guarded_create(n, shift), y = guarded_create(n, (shift + 1) % 4);
                guarded_random(&x, &seed, positive ? 1e-3f : -8.0f, 8.0f);
                row->unary[k](x.data, y.data, n, a, b);
                for (size_t i = 0; i < n; i++)
                    if (!close_enough(y.data[i], reference_unary(k, x.data[i], a, b)))
                        fail_msg("%s %s(%.9g) = %.9g, not %.9g", row->isa_name, hone_unary_name(k), x.data[i],
                                 y.data[i], reference_unary(k, x.data[i], a, b));
                assert_true(guarded_check(&y));
                assert_true(guarded_check(&x));
                row->unary[k](x.data, x.data, n, a, b); /* in place: the same bits */
                assert_memory_equal(x.data, y.data, n * sizeof(float));
                assert_true(guarded_check(&x));
                guarded_destroy(&x);
                guarded_destroy(&y);
            }
        }
    }
}

static void test_unary_special(void **state) {
    (void)state;
    static const float special[] = {0.0f,        -0.0f,    1.0f,      -1.0f,   1e-30f, -1e-30f, 1e-5f,
                                    -1e-5f,      0.5f,     1.5f,      2.5f,    -2.5f,  30.0f,   -30.0f,
                                    88.0f,       -88.0f,   120.0f,    -120.0f, 1e10f,  -1e10f,  8388609.0f,
                                    -8388609.0f, INFINITY, -INFINITY, NAN};
    enum { N = sizeof special / sizeof special[0] };
    FOR_ROWS(row) {
        for (int k = 0; k < HONE_UNARY_COUNT; k++) {
            float y[N];
            row->unary[k](special, y, N, 0.25f, 0.75f);
            for (int i = 0; i < N; i++) {
                const double x = special[i];
                double want = reference_unary(k, x, 0.25, 0.75);
                /* Limits where the formula meets inf * 0 or inf / inf. */
                if (isinf(x))
                    want = k == HONE_UNARY_SOFTSIGN ? y[i]
                           : x < 0 && (k == HONE_UNARY_SILU || k == HONE_UNARY_GELU || k == HONE_UNARY_GELU_TANH ||
                                       k == HONE_UNARY_MISH || k == HONE_UNARY_HARD_SWISH)
                               ? (k == HONE_UNARY_HARD_SWISH ? y[i] : 0.0)
                               : want;
                if (!close_enough(y[i], want))
                    fail_msg("%s %s(%.9g) = %.9g, not %.9g", row->isa_name, hone_unary_name(k), x, y[i], want);
            }
        }
    }
}

static void check_binary(const hone_eltwise_row *row, int k, int mode, size_t n, size_t shift, uint64_t *seed) {
    const int positive = k == HONE_BINARY_POW;
    guarded a = guarded_create(n ? n : 1, shift), b = guarded_create(n ? n : 1, (shift + 3) % 7);
    guarded y = guarded_create(n, (shift + 1) % 3);
    guarded_random(&a, seed, positive ? 0.1f : -4.0f, 4.0f);
    guarded_random(&b, seed, -4.0f, 4.0f);
    if (n > 3 && (k == HONE_BINARY_MIN || k == HONE_BINARY_MAX)) {
        a.data[1] = NAN;
        b.data[2] = NAN;
    }
    row->binary[k][mode](a.data, b.data, y.data, n);
    for (size_t i = 0; i < n; i++) {
        const float va = a.data[mode == HONE_MODE_SV ? 0 : i], vb = b.data[mode == HONE_MODE_VS ? 0 : i];
        if (!close_enough(y.data[i], reference_binary(k, va, vb)))
            fail_msg("%s %s(%.9g, %.9g) = %.9g", row->isa_name, hone_binary_name(k), va, vb, y.data[i]);
    }
    assert_true(guarded_check(&y));
    float *in_place = mode == HONE_MODE_SV ? b.data : a.data;
    row->binary[k][mode](a.data, b.data, in_place, n);
    if (n > 0)
        assert_memory_equal(in_place, y.data, n * sizeof(float));
    assert_true(guarded_check(&a));
    assert_true(guarded_check(&b));
    guarded_destroy(&a);
    guarded_destroy(&b);
    guarded_destroy(&y);
}

static void test_binary(void **state) {
    (void)state;
    uint64_t seed = 2;
    FOR_ROWS(row)
    for (int k = 0; k < HONE_BINARY_COUNT; k++)
        for (int mode = 0; mode < HONE_MODE_COUNT; mode++)
            for (size_t l = 0; l < N_AWKWARD; l++)
                check_binary(row, k, mode, awkward_lengths[l], l % 6, &seed);
}

static void test_select_and_half(void **state) {
    (void)state;
    uint64_t seed = 3;
    FOR_ROWS(row) {
        for (size_t l = 0; l < N_AWKWARD; l++) {
            const size_t n = awkward_lengths[l];
            guarded x = guarded_create(n + 1, 1), y = guarded_create(n + 1, 2), out = guarded_create(n, 3);
            uint8_t cond[1001];
            uint16_t half[1001];
            guarded_random(&x, &seed, -100.0f, 100.0f);
            guarded_random(&y, &seed, -1.0f, 1.0f);
            for (size_t i = 0; i < n; i++)
                cond[i] = (uint8_t)(test_random(&seed) % 3);
            for (int steps = 0; steps < 4; steps++) {
                const size_t sx = steps & 1, sy = (size_t)steps >> 1;
                row->select(cond, x.data, sx, y.data, sy, out.data, n);
                for (size_t i = 0; i < n; i++)
                    assert_true(out.data[i] == (cond[i] ? x.data[i * sx] : y.data[i * sy]));
                assert_true(guarded_check(&out));
            }
            /* To and from the 16-bit formats: the plain C conversions, bit by bit. */
            row->f32_to_f16(x.data, half, n);
            for (size_t i = 0; i < n; i++) {
                uint16_t want;
                hone_typed_cast(HONE_DTYPE_FLOAT, HONE_DTYPE_FLOAT16)(x.data + i, &want, 1);
                assert_int_equal(half[i], want);
            }
            row->f16_to_f32(half, out.data, n);
            for (size_t i = 0; i < n; i++)
                assert_true(fabsf(out.data[i] - x.data[i]) <= 0.001f * fabsf(x.data[i]));
            row->f32_to_bf16(x.data, half, n);
            row->bf16_to_f32(half, out.data, n);
            for (size_t i = 0; i < n; i++)
                assert_true(fabsf(out.data[i] - x.data[i]) <= 0.008f * fabsf(x.data[i]));
            assert_true(guarded_check(&out));
            guarded_destroy(&x);
            guarded_destroy(&y);
            guarded_destroy(&out);
        }
    }
}

static void test_typed(void **state) {
    (void)state;
    const int64_t a[] = {5, -7, INT64_MIN, INT64_MAX, 9}, b[] = {3, 2, -1, 1, 0};
    int64_t y[5];
    hone_typed_binary(HONE_DTYPE_INT64, HONE_BINARY_DIV, HONE_MODE_VV)(a, b, y, 5);
    assert_int_equal(y[0], 1);
    assert_int_equal(y[1], -3); /* towards zero */
    assert_int_equal(y[2], INT64_MIN);
    assert_int_equal(y[4], 0);
    hone_typed_binary(HONE_DTYPE_INT64, HONE_BINARY_ADD, HONE_MODE_VS)(a, b + 3, y, 5);
    assert_int_equal(y[3], INT64_MIN); /* wraps */
    assert_null(hone_typed_binary(HONE_DTYPE_INT64, HONE_BINARY_POW, HONE_MODE_VV));
    assert_null(hone_typed_binary(HONE_DTYPE_UINT8, HONE_BINARY_ADD, HONE_MODE_VV));
    uint8_t flags[5];
    hone_typed_compare(HONE_DTYPE_INT64, HONE_COMPARE_GE, HONE_MODE_VV)(a, b, flags, 5);
    assert_int_equal(flags[0], 1);
    assert_int_equal(flags[1], 0);
    assert_int_equal(flags[2], 0);
    const float f[] = {3.9f, -3.9f, 1e30f, -1e30f, NAN};
    hone_typed_cast(HONE_DTYPE_FLOAT, HONE_DTYPE_INT64)(f, y, 5);
    assert_int_equal(y[0], 3);
    assert_int_equal(y[1], -3);
    assert_true(y[2] == INT64_MAX && y[3] == INT64_MIN && y[4] == 0);
    hone_typed_cast(HONE_DTYPE_FLOAT, HONE_DTYPE_BOOL)(f, flags, 5);
    assert_int_equal(flags[4], 1); /* NaN is not zero */
    assert_null(hone_typed_cast(HONE_DTYPE_FLOAT, HONE_DTYPE_STRING));
    assert_null(hone_typed_cast(HONE_DTYPE_FLOAT, HONE_DTYPE_COUNT));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),           cmocka_unit_test(test_unary_special), cmocka_unit_test(test_binary),
        cmocka_unit_test(test_select_and_half), cmocka_unit_test(test_typed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
