/* The spaces: how many combinations, how many distinct on a machine, what is left out and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tune/tune_internal.h"

static hone__tune_facts facts_of(bool has_conv, int n_threads, int width, double memory_gb, double peak_gb) {
    return (hone__tune_facts){.has_conv = has_conv,
                              .has_matmul = true,
                              .width = width,
                              .n_threads = n_threads,
                              .n_physical = n_threads,
                              .memory_gb = memory_gb,
                              .memory_free_gb = memory_gb,
                              .peak_gb = peak_gb};
}

/* Distinct settings, the default included when the space has it. */
static size_t count(hone_tune_space_kind kind, hone__tune_facts facts, size_t *n_combinations, hone__plan *plan,
                    hone__arena *arena) {
    memset(plan, 0, sizeof *plan);
    hone_error error;
    assert_int_equal(hone__space_build(kind, NULL, &facts, arena, plan, &error), HONE_OK);
    assert_int_equal(hone__space_merge(plan, &facts, arena, &error), HONE_OK);
    *n_combinations = plan->n_combinations;
    return plan->n + (plan->n_like_default > 0);
}

static void test_grids(void **state) {
    (void)state;
    hone__arena arena;
    hone__plan plan;
    size_t n;
    hone__arena_init(&arena);
    /* Limits that bind (24 GB are not enough for this one) are all distinct: 14, and 48 without the stream. */
    hone__tune_facts big = facts_of(true, 8, 2, 24, 20);
    assert_int_equal(count(HONE_TUNE_SPACE_GRID_14, big, &n, &plan, &arena), 14);
    assert_int_equal(n, 14);
    assert_int_equal(count(HONE_TUNE_SPACE_GRID_48, big, &n, &plan, &arena), 24);
    assert_int_equal(n, 48);
    assert_non_null(strstr(plan.no_effect, "do_copy_in_default_stream"));
    /* A small model: the limits do not bind. */
    hone__tune_facts small = facts_of(true, 8, 2, 24, 0.1);
    assert_int_equal(count(HONE_TUNE_SPACE_GRID_14, small, &n, &plan, &arena), 5);
    assert_int_equal(count(HONE_TUNE_SPACE_GRID_48, small, &n, &plan, &arena), 6);
    assert_non_null(strstr(plan.merge_reasons, "memory limit"));
    /* No convolution: nothing of the 48 is left but the default. */
    hone__tune_facts dense = facts_of(false, 8, 2, 24, 0.1);
    assert_int_equal(count(HONE_TUNE_SPACE_GRID_48, dense, &n, &plan, &arena), 1);
    assert_int_equal(plan.n, 0);
    /* One core: parallel and sequential are the same, but the arena still differs. */
    hone__tune_facts single = facts_of(true, 1, 2, 24, 0.1);
    assert_int_equal(count(HONE_TUNE_SPACE_GRID_14, single, &n, &plan, &arena), 5);
    hone__arena_deinit(&arena);
}

static void test_limits_scaled(void **state) {
    (void)state;
    hone__arena arena;
    hone__plan plan;
    hone__arena_init(&arena);
    hone__tune_facts f = facts_of(true, 8, 2, 10, 9);
    memset(&plan, 0, sizeof plan);
    assert_int_equal(hone__space_build(HONE_TUNE_SPACE_GRID_14, NULL, &f, &arena, &plan, NULL), HONE_OK);
    /* 4 and 8 GB fit into 10; 16 becomes 67 %, 21 becomes 88 %. */
    static const char *const limits[] = {"4", "8", "6.7", "8.8"};
    for (size_t i = 0; i < 12; i++)
        assert_string_equal(hone__settings_get(&plan.trials[i].settings, "cpu_mem_limit_gb"), limits[i % 4]);
    assert_string_equal(hone__settings_get(&plan.trials[12].settings, "execution_mode"), "ORT_PARALLEL");
    assert_string_equal(hone__settings_get(&plan.trials[12].settings, "enable_cpu_mem_arena"), "false");
    assert_string_equal(hone__settings_get(&plan.trials[12].settings, "cpu_mem_limit_gb"), "8.8");
    assert_string_equal(hone__settings_get(&plan.trials[13].settings, "cpu_mem_limit_gb"), "4");
    assert_string_equal(hone__settings_get(&plan.trials[13].settings, "cudnn_conv_use_max_workspace"), "false");
    hone__arena_deinit(&arena);
}

static bool any_has(const hone__plan *plan, const char *key) {
    for (size_t i = 0; i < plan->n; i++)
        if (hone__settings_get(&plan->trials[i].effective, key))
            return true;
    return false;
}

static void test_informed(void **state) {
    (void)state;
    hone__arena arena;
    hone__plan plan;
    size_t n;
    hone__arena_init(&arena);
    for (int conv = 0; conv < 2; conv++)
        for (int threads = 1; threads <= 16; threads *= 4)
            for (int width = 1; width <= 3; width++) {
                hone__tune_facts f = facts_of(conv, threads, width, 24, 0.1);
                assert_true(count(HONE_TUNE_SPACE_QUICK, f, &n, &plan, &arena) <= 6 && n <= 6 && n >= 2);
                count(HONE_TUNE_SPACE_DEFAULT, f, &n, &plan, &arena);
                assert_true(any_has(&plan, "cudnn_conv_algo_search") == (conv == 1));
                assert_true(any_has(&plan, "intra_op_num_threads") == (threads > 1));
                assert_true(any_has(&plan, "execution_mode") == (threads > 1 && width >= 2));
                assert_false(any_has(&plan, "precision"));
                for (size_t i = 0; i < plan.n; i++)
                    assert_true(plan.trials[i].effective.n > 0 && *plan.trials[i].canonical);
            }
    hone__arena_deinit(&arena);
}

static bool any_runs(const hone__plan *plan, const char *key, const char *value) {
    for (size_t i = 0; i < plan->n; i++) {
        const char *now = hone__settings_get(&plan->trials[i].effective, key);
        if (now && !strcmp(now, value))
            return true;
    }
    return false;
}

/* ONNX Runtime competes where its library was found, with its providers where there is a GPU, and not against a
 * backend that the file holds. */
static void test_onnxruntime(void **state) {
    (void)state;
    hone__arena arena;
    hone__plan plan;
    size_t n;
    hone__arena_init(&arena);
    hone__tune_facts f = facts_of(true, 2, 3, 24, 0.1);
    count(HONE_TUNE_SPACE_DEFAULT, f, &n, &plan, &arena);
    assert_false(any_has(&plan, "backend"));
    f.has_onnxruntime = true;
    assert_true(count(HONE_TUNE_SPACE_QUICK, f, &n, &plan, &arena) <= 6 && any_runs(&plan, "backend", "onnxruntime"));
    count(HONE_TUNE_SPACE_DEFAULT, f, &n, &plan, &arena);
    assert_true(any_runs(&plan, "backend", "onnxruntime") && !any_has(&plan, "providers"));
    f.has_gpu = true;
    count(HONE_TUNE_SPACE_DEFAULT, f, &n, &plan, &arena);
    assert_true(any_runs(&plan, "providers", "CPUExecutionProvider"));
    assert_true(any_runs(&plan, "providers", "CUDAExecutionProvider,CPUExecutionProvider"));
    hone__setting held = {"backend", "cuda"};
    f.fixed = (hone__settings){&held, 1};
    count(HONE_TUNE_SPACE_DEFAULT, f, &n, &plan, &arena);
    assert_false(any_has(&plan, "backend"));
    hone__arena_deinit(&arena);
}

static hone_status from_text(const char *text, hone__plan *plan, hone__arena *arena, hone_error *error) {
    char path[] = "/tmp/hone-space-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    hone__tune_facts f = facts_of(true, 2, 2, 24, 0.1);
    memset(plan, 0, sizeof *plan);
    hone_status status = hone__space_build(HONE_TUNE_SPACE_FILE, path, &f, arena, plan, error);
    if (status == HONE_OK)
        status = hone__space_merge(plan, &f, arena, error);
    unlink(path);
    return status;
}

static void test_file(void **state) {
    (void)state;
    hone__arena arena;
    hone__plan plan;
    hone_error error;
    hone__arena_init(&arena);
    assert_int_equal(
        from_text("# s\ncudnn_conv_algo_search: [DEFAULT, HEURISTIC, EXHAUSTIVE]\nintra_op_num_threads: [1, 2, 0]\n"
                  "enable_mem_pattern: yes\n",
                  &plan, &arena, &error),
        HONE_OK);
    assert_int_equal(plan.n_combinations, 9);
    assert_int_equal(plan.n, 5); /* 2 threads is what 0 means; one of the six is the default */
    assert_int_equal(plan.n_like_default, 2);
    /* Entries of ONNX Runtime (names with a dot) vary on its backend only. */
    assert_int_equal(
        from_text("backend: [cpu, onnxruntime]\nsession.disable_prepacking: [\"0\", \"1\"]\n", &plan, &arena, &error),
        HONE_OK);
    assert_int_equal(plan.n_combinations, 4);
    assert_int_equal(plan.n, 2);
    static const char *const bad[] = {
        "intra_op_num_thread: [1]\n",     "intra_op_num_threads: [many]\n", "- 1\n", "", "intra_op_num_threads: []\n",
        "intra_op_num_threads: {a: 1}\n", "intra_op_num_threads: [1\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(from_text(bad[i], &plan, &arena, &error), HONE_ERROR_CONFIG);
        assert_true(error.message[0] != 0);
    }
    hone__arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grids), cmocka_unit_test(test_limits_scaled),
                                       cmocka_unit_test(test_informed), cmocka_unit_test(test_file),
                                       cmocka_unit_test(test_onnxruntime)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
