/* Accuracy of the vector functions and activations against double precision, over dense samples of
 * all floats, special values, and tails; for every ISA that the machine has. */
#include "isa_support.h"
#include "vecmath_probe.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct variant {
    const char *name;
    uint32_t isa;
    probe_run run;
    double extra_ulp; /* without FMA */
} variant;

static const variant variants[] = {
    {"generic", 0, probe_run_generic, 0.5},
#if defined(__x86_64__)
    {"avx2", HONE_ISA_AVX2, probe_run_avx2, 0.0},
    {"avx512", HONE_ISA_AVX512, probe_run_avx512, 0.0},
#endif
};

static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* The distance in units of the last place of the exact result; denormals count in their own unit. */
static double ulp_error(float got, double want) {
    if (isnan(want))
        return isnan(got) ? 0.0 : INFINITY;
    const float nearest = (float)want;
    if (isinf(nearest))
        return got == nearest || (fabs((double)got) > 3.4028e38 && (got > 0) == (want > 0)) ? 0.0 : INFINITY;
    if (isnan(got) || isinf(got))
        return INFINITY;
    int e;
    frexp(want, &e);
    const double unit = ldexp(1.0, (e < -125 ? -125 : e) - 24);
    return fabs((double)got - want) / unit;
}

static double ref_sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }

typedef struct function_row {
    const char *name;
    probe_fn fn;
    double (*ref)(double);
    double max_ulp;
    float abs_below; /* where |want| is below this, an absolute error of it is enough too */
} function_row;

static const function_row functions[] = {
    {"exp", PROBE_EXP, exp, 1.5, 0.0f},      {"expm1", PROBE_EXPM1, expm1, 2.0, 0.0f},
    {"log", PROBE_LOG, log, 1.5, 0.0f},      {"tanh", PROBE_TANH, tanh, 2.0, 0.0f},
    {"erf", PROBE_ERF, erf, 2.0, 0.0f},      {"sigmoid", PROBE_SIGMOID, ref_sigmoid, 3.0, 1.2e-38f},
    {"round", PROBE_ROUND, nearbyint, 0, 0}, {"floor", PROBE_FLOOR, floor, 0, 0},
};

enum { BLOCK = 4096 };

/* Every 1021st float of all 2^32 (a prime, so that all exponents and low bits are met). */
static void test_functions(void **state) {
    (void)state;
    static float x[BLOCK], y[BLOCK];
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if ((variants[v].isa & test_isa_bits()) != variants[v].isa)
            continue;
        for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
            double worst = 0;
            float worst_x = 0, worst_y = 0;
            const double allowed = functions[f].max_ulp > 0 ? functions[f].max_ulp + variants[v].extra_ulp : 0;
            for (uint64_t bits = 0; bits < (1ull << 32);) {
                size_t n = 0;
                for (; n < BLOCK && bits < (1ull << 32); bits += 1021)
                    x[n++] = from_bits((uint32_t)bits);
                variants[v].run(functions[f].fn, y, x, n, NULL);
                for (size_t i = 0; i < n; i++) {
                    const double want = functions[f].ref((double)x[i]);
                    if (functions[f].abs_below > 0 && fabs(want) < functions[f].abs_below &&
                        fabs((double)y[i] - want) <= functions[f].abs_below)
                        continue;
                    const double e = ulp_error(y[i], want);
                    if (e > worst)
                        worst = e, worst_x = x[i], worst_y = y[i];
                }
            }
            print_message("%-8s %-8s worst %.3f ULP at %a\n", variants[v].name, functions[f].name, worst,
                          (double)worst_x);
            if (worst > allowed)
                fail_msg("%s %s: %g ULP at x = %a: got %a, want %a", variants[v].name, functions[f].name, worst,
                         (double)worst_x, (double)worst_y, functions[f].ref((double)worst_x));
        }
    }
}

static double ref_act(const hone_act *act, double x) {
    const double a = (double)act->a, b = (double)act->b;
    double s;
    switch (act->kind) {
    case HONE_ACT_RELU:
        return x < 0 ? 0 : x;
    case HONE_ACT_CLIP:
        return x < a ? a : x > b ? b : x;
    case HONE_ACT_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case HONE_ACT_SIGMOID:
        return ref_sigmoid(x);
    case HONE_ACT_TANH:
        return tanh(x);
    case HONE_ACT_HARD_SIGMOID:
        s = a * x + b;
        return s < 0 ? 0 : s > 1 ? 1 : s;
    case HONE_ACT_HARD_SWISH:
        s = x / 6 + 0.5;
        return x * (s < 0 ? 0 : s > 1 ? 1 : s);
    case HONE_ACT_SILU:
        return isinf(a * x) && a * x < 0 ? 0 : x * ref_sigmoid(a * x);
    case HONE_ACT_GELU:
        return isinf(x) && x < 0 ? 0 : 0.5 * x * erfc(-x / sqrt(2.0));
    case HONE_ACT_GELU_TANH:
        if (x < -1e6)
            return 0;
        if (x > 1e6)
            return x;
        return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
    case HONE_ACT_ELU:
        return x < 0 ? a * expm1(x) : x;
    case HONE_ACT_MISH:
        if (x < -200)
            return 0;
        return x * tanh(x > 50 ? x : log1p(exp(x)));
    default:
        return x;
    }
}

/* |got - want| <= rel |want| + abs. The absolute part is what cancellation near the negative tail costs. */
static const struct act_row {
    hone_act act;
    double rel, abs;
} act_rows[] = {
    {{HONE_ACT_NONE, 0, 0}, 0, 0},
    {{HONE_ACT_RELU, 0, 0}, 0, 0},
    {{HONE_ACT_CLIP, -1.5f, 6.0f}, 0, 0},
    {{HONE_ACT_LEAKY_RELU, 0.01f, 0}, 1e-7, 1e-45},
    {{HONE_ACT_SIGMOID, 0, 0}, 5e-7, 1.2e-38},
    {{HONE_ACT_TANH, 0, 0}, 4e-7, 1e-45},
    {{HONE_ACT_HARD_SIGMOID, 0.2f, 0.5f}, 2e-7, 1e-7},
    {{HONE_ACT_HARD_SWISH, 0, 0}, 3e-7, 4e-7},
    {{HONE_ACT_SILU, 1.0f, 0}, 1.6e-6, 1.2e-36},   /* the rounding of log2(e) x grows with |x| */
    {{HONE_ACT_SILU, 1.702f, 0}, 1.2e-5, 1.2e-36}, /* the rounding of 1.702 x grows with |x| */
    {{HONE_ACT_GELU, 0, 0}, 5e-7, 3e-7},
    {{HONE_ACT_GELU_TANH, 0, 0}, 5e-6, 1e-7},
    {{HONE_ACT_ELU, 1.0f, 0}, 4e-7, 1e-45},
    {{HONE_ACT_ELU, 0.3f, 0}, 5e-7, 1e-45},
    {{HONE_ACT_MISH, 0, 0}, 8e-7, 1.2e-36},
};

static void test_activations(void **state) {
    (void)state;
    static float x[BLOCK], y[BLOCK];
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if ((variants[v].isa & test_isa_bits()) != variants[v].isa)
            continue;
        for (size_t r = 0; r < sizeof act_rows / sizeof *act_rows; r++) {
            const struct act_row *row = &act_rows[r];
            for (uint64_t bits = 0; bits < (1ull << 32);) {
                size_t n = 0;
                for (; n < BLOCK - 3 && bits < (1ull << 32); bits += 4093)
                    x[n++] = from_bits((uint32_t)bits);
                variants[v].run(PROBE_ACT, y, x, n, &row->act);
                for (size_t i = 0; i < n; i++) {
                    const double want = ref_act(&row->act, (double)x[i]);
                    if (isnan(x[i])) { /* NaN in, NaN out */
                        assert_true(isnan(y[i]));
                        continue;
                    }
                    if (isnan(want))
                        continue;
                    if (isinf((float)want) ? y[i] != (float)want && fabs((double)y[i]) < 3.4e38
                                           : !(fabs((double)y[i] - want) <= row->rel * fabs(want) + row->abs))
                        fail_msg("%s activation %d (a %g): x = %.9g: got %.9g, want %.9g", variants[v].name,
                                 (int)row->act.kind, (double)row->act.a, (double)x[i], (double)y[i], want);
                }
            }
        }
    }
}

static void test_specials(void **state) {
    (void)state;
    const float x[] = {INFINITY, -INFINITY, NAN, 0.0f, -0.0f, 0x1p-149f, -0x1p-149f, 3.4028235e38f, -3.4028235e38f};
    const size_t n = sizeof x / sizeof *x;
    float y[sizeof x / sizeof *x];
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if ((variants[v].isa & test_isa_bits()) != variants[v].isa)
            continue;
        for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
            variants[v].run(functions[f].fn, y, x, n, NULL);
            for (size_t i = 0; i < n; i++) {
                const float want = (float)functions[f].ref((double)x[i]);
                if (isnan(want))
                    assert_true(isnan(y[i]));
                else
                    assert_float_equal(y[i], want, 1e-6);
                if (want == 0 && x[i] == 0) /* the sign of zero */
                    assert_int_equal(signbit(y[i]) != 0, signbit(want) != 0);
            }
        }
    }
}

/* Rows of every length: what lies behind them stays untouched. */
static void test_tails(void **state) {
    (void)state;
    const hone_act act = {HONE_ACT_RELU, 0, 0};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if ((variants[v].isa & test_isa_bits()) != variants[v].isa)
            continue;
        for (size_t n = 0; n <= 40; n++) {
            float x[48], y[48];
            for (size_t i = 0; i < 48; i++)
                x[i] = (float)i - 20.0f, y[i] = -77.0f;
            variants[v].run(PROBE_ACT, y, x, n, &act);
            for (size_t i = 0; i < 48; i++)
                assert_true(y[i] == (i >= n ? -77.0f : x[i] < 0 ? 0.0f : x[i]));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_specials),
        cmocka_unit_test(test_tails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
