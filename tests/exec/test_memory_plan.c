/* The memory planner: buffers alive at the same time never overlap, nothing is planned below the lower bound,
 * and known cases come out as small as they can be. */
#include "base/alloc.h"
#include "exec/plan/memory_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t g_random = 1;
static uint32_t next_random(uint32_t bound) {
    g_random = g_random * 1664525u + 1013904223u;
    return (g_random >> 8) % bound;
}

static void check_plan(const hone__mem_record *r, size_t n, const hone__mem_result *result) {
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(r[i].offset % HONE_ALIGNMENT, 0);
        assert_true(r[i].offset + r[i].size <= result->total);
        for (size_t k = i + 1; k < n; k++) {
            bool together = r[i].first <= r[k].last && r[k].first <= r[i].last && r[i].size && r[k].size;
            bool apart = r[i].offset + r[i].size <= r[k].offset || r[k].offset + r[k].size <= r[i].offset;
            assert_true(!together || apart);
        }
    }
    assert_true(result->total >= result->lower_bound);
}

static void test_chain(void **state) {
    (void)state;
    /* a -> b -> c -> d: two buffers of 1024 bytes are enough for any length. */
    hone__mem_record r[10];
    for (uint32_t i = 0; i < 10; i++)
        r[i] = (hone__mem_record){.size = 1000, .first = i, .last = i + 1};
    hone__mem_result result;
    assert_int_equal(hone__mem_plan(r, 10, 11, true, &result, NULL), HONE_OK);
    check_plan(r, 10, &result);
    assert_int_equal(result.total, 2048);
    assert_int_equal(result.lower_bound, 2048);
    assert_int_equal(hone__mem_plan(r, 10, 11, false, &result, NULL), HONE_OK);
    assert_int_equal(result.total, 10240);
}

static void test_random(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        hone__mem_record r[64];
        size_t n = next_random(64);
        for (size_t i = 0; i < n; i++) {
            uint32_t first = next_random(40), last = first + next_random(40 - first);
            r[i] = (hone__mem_record){.size = next_random(5) ? next_random(100000) : 0, .first = first, .last = last};
        }
        hone__mem_result result;
        assert_int_equal(hone__mem_plan(r, n, 40, true, &result, NULL), HONE_OK);
        check_plan(r, n, &result);
    }
}

static void test_many(void **state) {
    (void)state;
    enum { N = 6000 }; /* above the greedy planner's bound */
    hone__mem_record *r = calloc(N, sizeof *r);
    assert_non_null(r);
    for (uint32_t i = 0; i < N; i++)
        r[i] = (hone__mem_record){.size = 64 + next_random(4096), .first = i, .last = i + next_random(20)};
    hone__mem_result result;
    assert_int_equal(hone__mem_plan(r, N, N + 20, true, &result, NULL), HONE_OK);
    check_plan(r, N, &result);
    assert_true(result.total < 2 * result.lower_bound);
    free(r);
}

static void test_refusals(void **state) {
    (void)state;
    hone_error error;
    hone__mem_result result;
    hone__mem_record huge[2] = {{.size = SIZE_MAX / 5}, {.size = SIZE_MAX / 5}};
    assert_int_equal(hone__mem_plan(huge, 2, 1, true, &result, &error), HONE_ERROR_LIMIT);
    hone__mem_record late = {.size = 1, .first = 0, .last = 3};
    assert_int_equal(hone__mem_plan(&late, 1, 2, true, &result, &error), HONE_ERROR_INTERNAL);
    hone__mem_record fine = {.size = 1};
    for (int64_t k = 0; k < 2; k++) {
        hone__alloc_fail_after(k);
        assert_int_equal(hone__mem_plan(&fine, 1, 1, true, &result, &error), HONE_ERROR_MEMORY);
        hone__alloc_fail_after(-1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_chain), cmocka_unit_test(test_random),
                                       cmocka_unit_test(test_many), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
