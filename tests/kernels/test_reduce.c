/* Reductions of every ISA row against double precision: awkward lengths, NaN, ties, guard bytes. */
#include "isa_support.h"
#include "kernels/guarded.h"
#include "kernels/reduce/reduce.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static double step(hone_reduce_kind kind, double acc, double x) {
    switch (kind) {
    case HONE_REDUCE_SUM:
        return acc + x;
    case HONE_REDUCE_SUM_ABS:
        return acc + fabs(x);
    case HONE_REDUCE_SUM_SQUARE:
        return acc + x * x;
    case HONE_REDUCE_PROD:
        return acc * x;
    case HONE_REDUCE_MAX:
        return isnan(acc) || isnan(x) ? NAN : fmax(acc, x);
    case HONE_REDUCE_MIN:
        return isnan(acc) || isnan(x) ? NAN : fmin(acc, x);
    case HONE_REDUCE_COUNT:
        break;
    }
    return NAN;
}

static void check_close(double got, double want, double scale, const char *isa, const char *what) {
    if (isnan(want) ? !isnan(got) : got != want && !(fabs(got - want) <= 1e-6 * scale + 1e-30))
        fail_msg("%s %s gives %.9g, not %.9g", isa, what, got, want);
}

#define FOR_ROWS(row)                                                                                                  \
    size_t n_rows;                                                                                                     \
    const hone_reduce_row *const *all_rows = hone_reduce_rows(&n_rows);                                                \
    const uint32_t isa = test_isa_bits();                                                                              \
    for (size_t r = 0; r < n_rows; r++)                                                                                \
        for (const hone_reduce_row *row = all_rows[r]; row && (row->isa & isa) == row->isa; row = NULL)

static void test_runs(void **state) {
    (void)state;
    uint64_t seed = 4;
    FOR_ROWS(row) for (int k = 0; k < HONE_REDUCE_COUNT; k++) for (size_t l = 0; l < N_AWKWARD; l++) {
        const size_t n = awkward_lengths[l];
        guarded x = guarded_create(n, l % 5), acc = guarded_create(n, (l + 1) % 3);
        guarded_random(&x, &seed, k == HONE_REDUCE_PROD ? 0.95f : -2.0f, k == HONE_REDUCE_PROD ? 1.05f : 2.0f);
        double want = hone_reduce_empty(k), scale = 1.0;
        for (size_t i = 0; i < n; i++) {
            want = step(k, want, x.data[i]);
            scale += fabs(x.data[i]);
        }
        check_close(row->run[k](x.data, n), want, k == HONE_REDUCE_PROD ? 50.0 * fabs(want) : scale, row->isa_name,
                    hone_reduce_name(k));
        for (size_t i = 0; i < n; i++)
            acc.data[i] = hone_reduce_empty(k);
        row->accumulate[k](acc.data, x.data, n);
        row->accumulate[k](acc.data, x.data, n);
        for (size_t i = 0; i < n; i++)
            check_close(acc.data[i], step(k, step(k, hone_reduce_empty(k), x.data[i]), x.data[i]), 4.0, row->isa_name,
                        hone_reduce_name(k));
        assert_true(guarded_check(&acc));
        assert_true(guarded_check(&x));
        guarded_destroy(&x);
        guarded_destroy(&acc);
    }
}

static void test_nan(void **state) {
    (void)state;
    uint64_t seed = 5;
    FOR_ROWS(row) for (size_t at = 0; at < 97; at++) {
        guarded x = guarded_create(97, 1);
        guarded_random(&x, &seed, -2.0f, 2.0f);
        x.data[at] = NAN;
        assert_true(isnan(row->run[HONE_REDUCE_MAX](x.data, 97)));
        assert_true(isnan(row->run[HONE_REDUCE_MIN](x.data, 97)));
        assert_int_equal(row->argmax(x.data, 97, false), at);
        guarded_destroy(&x);
    }
}

static void test_argmax(void **state) {
    (void)state;
    uint64_t seed = 6;
    FOR_ROWS(row) for (size_t l = 1; l < N_AWKWARD; l++) for (int last = 0; last < 2; last++) {
        const size_t n = awkward_lengths[l];
        enum { WIDTH = 70 };
        guarded x = guarded_create(n * WIDTH, 1);
        int64_t index[WIDTH];
        for (size_t i = 0; i < n * WIDTH; i++)
            x.data[i] = (float)(test_random(&seed) % 7); /* many ties */
        hone_f32_argmax_columns(x.data, n, WIDTH, WIDTH, last, index);
        for (size_t j = 0; j < WIDTH; j++) {
            size_t want = 0;
            for (size_t i = 1; i < n; i++) {
                const float v = x.data[i * WIDTH + j], w = x.data[want * WIDTH + j];
                if (v > w || (last && v == w))
                    want = i;
            }
            assert_int_equal(index[j], want);
        }
        size_t want = 0;
        for (size_t i = 1; i < n; i++)
            if (x.data[i] > x.data[want] || (last && x.data[i] == x.data[want]))
                want = i;
        assert_int_equal(row->argmax(x.data, n, last), want);
        guarded_destroy(&x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs), cmocka_unit_test(test_nan),
                                       cmocka_unit_test(test_argmax)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
