/* Tests of report/stats: quantiles against values worked out by hand, and the coverage of intervals on
 * made-up data whose true ratio is known. */
#include "base/random.h"
#include "report/stats.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void near(double got, double want) {
    if (!(fabs(got - want) <= 1e-12 * (1 + fabs(want))))
        fail_msg("got %.17g, want %.17g", got, want);
}

static void test_describe(void **state) {
    (void)state;
    const double v[] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5};
    hone__stats s;
    assert_true(hone__stats_describe(v, 11, &s));
    near(s.mean, 4);
    near(s.std, sqrt(5.6)); /* squared differences: 1+9+0+9+1+25+4+4+1+1+1 = 56, over 10 */
    near(s.min, 1);
    near(s.max, 9);
    near(s.p50, 4);
    near(s.p90, 6); /* position 9 of 1 1 2 3 3 4 5 5 5 6 9 */
    near(s.p95, 7.5);
    near(s.p99, 8.7);
    assert_true(hone__stats_describe(v, 1, &s));
    near(s.p99, 3);
    near(s.std, 0);
    assert_true(hone__stats_describe(v, 0, &s));
    assert_int_equal(s.n, 0);
    near(s.max, 0);
}

static void test_median_against_sort(void **state) {
    (void)state;
    uint64_t random = 7;
    double v[64], w[64];
    for (int round = 0; round < 5000; round++) {
        size_t n = 1 + hone__random_below(&random, 64);
        uint64_t kinds = 1 + hone__random_below(&random, 20); /* many ties */
        for (size_t i = 0; i < n; i++)
            v[i] = w[i] = (double)hone__random_below(&random, kinds);
        hone__stats_sort(w, n);
        near(hone__stats_median(v, n), hone__stats_quantile_sorted(w, n, 0.5));
    }
}

/* A floor plus a tail, with a slow drift that both sides share. */
static double timing(uint64_t *random, double scale, double drift) {
    return scale * (1 + drift) * (10 - log(1 - hone__random_unit(random)) * 0.5);
}

static void test_ratio_covers_truth(void **state) {
    (void)state;
    uint64_t random = 1;
    int covered = 0, covered_null = 0, found = 0;
    enum { ROUNDS = 100, N = 50 };
    for (int round = 0; round < ROUNDS; round++) {
        double a[N], b[N], c[N];
        for (int i = 0; i < N; i++) {
            double drift = 0.2 * sin(i * 0.13 + round);
            a[i] = timing(&random, 1, drift);
            b[i] = timing(&random, 0.9, drift);
            c[i] = timing(&random, 1, drift);
        }
        hone__ratio r;
        assert_true(hone__stats_ratio(a, N, b, N, true, 0.95, 3, &r));
        assert_true(r.low <= r.ratio && r.ratio <= r.high);
        covered += r.low <= 0.9 && 0.9 <= r.high;
        found += r.high < 1;
        assert_true(hone__stats_ratio(a, N, c, N, true, 0.95, 3, &r));
        covered_null += r.low <= 1 && 1 <= r.high;
    }
    assert_true(covered >= 85);
    assert_true(covered_null >= 85);
    assert_true(found >= 80); /* ten per cent is seen through twenty per cent of common drift */
}

static void test_ratio_edges(void **state) {
    (void)state;
    const double a[] = {2, 2, 2}, b[] = {1, 1, 1, 1};
    hone__ratio r, again;
    assert_true(hone__stats_ratio(a, 3, b, 4, true, 0.95, 9, &r));
    near(r.ratio, 0.5);
    near(r.low, 0.5);
    near(r.high, 0.5);
    assert_false(hone__stats_ratio(a, 0, b, 4, false, 0.95, 9, &r));
    const double c[] = {1, 5, 2, 8, 3, 9, 4}, d[] = {2, 4, 4, 9, 1, 5, 5};
    assert_true(hone__stats_ratio(c, 7, d, 7, false, 0.95, 42, &r));
    assert_true(hone__stats_ratio(c, 7, d, 7, false, 0.95, 42, &again));
    assert_memory_equal(&r, &again, sizeof r);
    double low, high;
    assert_true(hone__stats_median_interval(c, 7, 0.95, 1, &low, &high));
    assert_true(low <= 4 && 4 <= high && low >= 1 && high <= 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),
        cmocka_unit_test(test_median_against_sort),
        cmocka_unit_test(test_ratio_covers_truth),
        cmocka_unit_test(test_ratio_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
