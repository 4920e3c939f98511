/* Every key with a meaning on the CPU backend has that meaning, seen in bytes, allocations, algorithms, threads
 * and errors; and the session's promises: runs allocate nothing, many threads share one session. The model is the
 * bundled examples/digits/digits.onnx. */
#include "base/alloc.h"

#include <dirent.h>
#include <hone/hone.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char g_model[1024];

static hone_session *open_with(const char *const *settings, const hone_choice_store *store) {
    hone_options *options;
    hone_session *session = NULL;
    hone_error error;
    assert_int_equal(hone_options_create(&options, &error), HONE_OK);
    for (size_t i = 0; settings && settings[i]; i += 2)
        assert_int_equal(hone_options_set(options, settings[i], settings[i + 1], &error), HONE_OK);
    hone_options_set_store(options, store);
    if (hone_session_create_from_file(g_model, options, &session, &error) != HONE_OK)
        fail_msg("%s", error.message);
    hone_options_destroy(options);
    return session;
}
#define OPEN(...) open_with((const char *const[]){__VA_ARGS__, NULL}, NULL)

static hone_tensor *images(int64_t batch) {
    hone_tensor *tensor;
    int64_t dims[4] = {batch, 1, 32, 32};
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 4, dims, &tensor, NULL), HONE_OK);
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++)
        ((float *)hone_tensor_data(tensor))[i] = 0.5f + 0.5f * sinf((float)i * 0.37f);
    return tensor;
}

static hone_status run(hone_session *session, int64_t batch, hone_tensor **out, hone_error *error) {
    hone_tensor *in = images(batch);
    const hone_tensor *const inputs[1] = {in};
    hone_status status = hone_session_run(session, inputs, 1, out, 1, error);
    hone_tensor_destroy(in);
    return status;
}

static void run_ok(hone_session *session, int64_t batch) {
    hone_tensor *out;
    hone_error error;
    if (run(session, batch, &out, &error) != HONE_OK)
        fail_msg("%s", error.message);
    hone_tensor_destroy(out);
}

static hone_session_stats stats_after(hone_session *session, int64_t batch) {
    hone_session_stats stats;
    run_ok(session, batch);
    hone_session_get_stats(session, &stats);
    return stats;
}

static void test_runs_allocate_nothing(void **state) {
    (void)state;
    static const char *const modes[] = {"ORT_SEQUENTIAL", "ORT_PARALLEL"};
    for (int m = 0; m < 2; m++) {
        hone_session *session = OPEN("execution_mode", modes[m], "intra_op_num_threads", "2");
        hone_request *request;
        hone_tensor *in = images(3);
        assert_int_equal(hone_request_create(session, &request, NULL), HONE_OK);
        assert_int_equal(hone_request_set_input(request, 0, in, NULL), HONE_OK);
        assert_int_equal(hone_request_run(request, NULL), HONE_OK);
        uint64_t before = hone__alloc_count();
        for (int i = 0; i < 20; i++)
            assert_int_equal(hone_request_run(request, NULL), HONE_OK);
        assert_int_equal(hone__alloc_count(), before);
        hone_request_destroy(request);
        hone_tensor_destroy(in);
        hone_session_destroy(session);
    }
}

static void test_mem_reuse(void **state) {
    (void)state;
    hone_session *with = OPEN("enable_mem_reuse", "true"), *without = OPEN("enable_mem_reuse", "false");
    hone_session_stats a = stats_after(with, 8), b = stats_after(without, 8);
    assert_true(a.planned_peak * 2 < b.planned_peak);
    assert_true(a.planned_peak >= a.lower_bound);
    hone_session_destroy(with);
    hone_session_destroy(without);
}

static void test_mem_arena(void **state) {
    (void)state;
    hone_session *arena = OPEN("enable_cpu_mem_arena", "true"), *none = OPEN("enable_cpu_mem_arena", "false");
    hone_session_stats a1 = stats_after(arena, 4), a2 = stats_after(arena, 4);
    hone_session_stats n1 = stats_after(none, 4), n2 = stats_after(none, 4);
    assert_int_equal(a1.n_allocations, 1);
    assert_int_equal(a2.n_allocations, 1); /* one block, kept */
    assert_true(n1.n_allocations > 5);
    assert_int_equal(n2.n_allocations, 2 * n1.n_allocations); /* one per tensor and run */
    assert_int_equal(n2.arena_size, 0);                       /* and all given back */
    hone_session_destroy(arena);
    hone_session_destroy(none);
}

static void test_mem_pattern(void **state) {
    (void)state;
    hone_session *pattern = OPEN("enable_mem_pattern", "true"), *none = OPEN("enable_mem_pattern", "false");
    hone_session_stats a = stats_after(pattern, 4), n1 = stats_after(none, 4), n2 = stats_after(none, 4);
    assert_int_equal(a.arena_peak, a.planned_peak);
    assert_true(n1.n_allocations >= 1);
    assert_int_equal(n1.n_allocations, n2.n_allocations); /* the arena keeps what it has */
    assert_true(n2.arena_peak > 0);
    hone_session_destroy(pattern);
    hone_session_destroy(none);
}

static void test_extend_strategy(void **state) {
    (void)state;
    hone_session *pow2 = OPEN("arena_extend_strategy", "kNextPowerOfTwo");
    hone_session *exact = OPEN("arena_extend_strategy", "kSameAsRequested");
    hone_session_stats p = stats_after(pow2, 5), e = stats_after(exact, 5);
    assert_true((p.arena_size & (p.arena_size - 1)) == 0);
    assert_true(e.arena_size >= e.planned_peak && e.arena_size <= e.planned_peak + 4096);
    hone_session_stats larger = stats_after(exact, 9);
    assert_true(larger.arena_size > e.arena_size); /* grows for a larger shape */
    assert_int_equal(stats_after(exact, 5).arena_size, larger.arena_size);
    hone_session_destroy(pow2);
    hone_session_destroy(exact);
}

static void test_mem_limit(void **state) {
    (void)state;
    hone_session *session = OPEN("cpu_mem_limit_gb", "0.01");
    hone_tensor *out;
    hone_error error;
    run_ok(session, 1);
    assert_int_equal(run(session, 4000, &out, &error), HONE_ERROR_LIMIT);
    assert_non_null(strstr(error.message, "limit"));
    assert_non_null(strstr(error.hint, "cpu_mem_limit_gb"));
    run_ok(session, 1); /* a refused run leaves the session whole */
    hone_session_destroy(session);
}

/* How many convolutions of the session use each algorithm. */
static int count_algorithm(hone_session *session, const char *algorithm, int *n_conv) {
    int n = 0;
    *n_conv = 0;
    for (size_t i = 0; i < hone_session_node_count(session); i++) {
        hone_node_report report;
        assert_int_equal(hone_session_get_node(session, i, &report, NULL), HONE_OK);
        if (!strstr(report.op, "Conv"))
            continue;
        ++*n_conv;
        n += strcmp(report.algorithm, algorithm) == 0;
        assert_true(*report.algorithm);
    }
    return n;
}

static void test_conv_search(void **state) {
    (void)state;
    int n_conv, n;
    hone_session *fixed = OPEN("cudnn_conv_algo_search", "DEFAULT");
    run_ok(fixed, 4);
    n = count_algorithm(fixed, "implicit_gemm", &n_conv);
    assert_int_equal(n, n_conv);
    assert_true(n_conv >= 10);
    hone_session_destroy(fixed);

    hone_session *heuristic = OPEN("cudnn_conv_algo_search", "HEURISTIC");
    run_ok(heuristic, 4);
    n = count_algorithm(heuristic, "implicit_gemm", &n_conv);
    assert_true(n < n_conv);
    hone_session_destroy(heuristic);

    hone_session *exhaustive = OPEN("cudnn_conv_algo_search", "EXHAUSTIVE");
    run_ok(exhaustive, 4);
    bool timed = false;
    for (size_t i = 0; i < hone_session_node_count(exhaustive); i++) {
        hone_node_report report;
        assert_int_equal(hone_session_get_node(exhaustive, i, &report, NULL), HONE_OK);
        timed |= strstr(report.op, "Conv") && strstr(report.detail, "direct") && strstr(report.detail, "ms");
    }
    assert_true(timed); /* the report says how long each candidate took */
    hone_session_destroy(exhaustive);
}

static void test_workspace_limit(void **state) {
    (void)state;
    hone_session *small = OPEN("cudnn_conv_algo_search", "EXHAUSTIVE", "cudnn_conv_use_max_workspace", "false");
    hone_session_stats stats = stats_after(small, 256); /* im2col of a layer would need more than 32 MB */
    assert_true(stats.workspace_size <= 32u << 20);
    hone_session_destroy(small);
}

static int count_threads(void) {
    DIR *dir = opendir("/proc/self/task");
    int n = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return n;
}

static void test_threads(void **state) {
    (void)state;
    int before = count_threads();
    hone_session *one = OPEN("intra_op_num_threads", "1");
    run_ok(one, 2);
    assert_int_equal(count_threads(), before); /* the caller alone */
    hone_session *three = OPEN("intra_op_num_threads", "3"), *again = OPEN("intra_op_num_threads", "3");
    run_ok(three, 2);
    run_ok(again, 2);
    assert_int_equal(count_threads(), before + 2); /* both sessions share one pool */
    hone_session_stats stats;
    hone_session_get_stats(three, &stats);
    assert_int_equal(stats.n_intra_threads, 3);
    hone_session *inter =
        OPEN("intra_op_num_threads", "1", "inter_op_num_threads", "4", "execution_mode", "ORT_PARALLEL");
    run_ok(inter, 2);
    assert_int_equal(count_threads(), before + 2 + 3);
    hone_session_destroy(inter);
    hone_session_destroy(one);
    hone_session_destroy(three);
    hone_session_destroy(again);
    assert_int_equal(count_threads(), before);
}

static void test_optimization_level(void **state) {
    (void)state;
    static const char *const levels[] = {"ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED"};
    size_t n[3];
    for (int i = 0; i < 3; i++) {
        hone_session *session = OPEN("graph_optimization_level", levels[i]);
        hone_session_stats stats;
        hone_session_get_stats(session, &stats);
        n[i] = stats.n_nodes;
        hone_session_destroy(session);
    }
    assert_true(n[0] >= n[1] && n[1] > n[2]); /* activations and residuals are fused by EXTENDED */
}

/* ---- the store of choices ---- */

enum { MAX_STORED = 64 };
typedef struct stored {
    char keys[MAX_STORED][256], values[MAX_STORED][64];
    int n, n_hits;
} stored;

static bool store_get(void *user, const char *key, char *value, size_t size) {
    stored *s = user;
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->keys[i], key) == 0) {
            snprintf(value, size, "%s", s->values[i]);
            s->n_hits++;
            return true;
        }
    return false;
}

static void store_put(void *user, const char *key, const char *value) {
    stored *s = user;
    assert_true(s->n < MAX_STORED);
    snprintf(s->keys[s->n], sizeof s->keys[0], "%s", key);
    snprintf(s->values[s->n++], sizeof s->values[0], "%s", value);
}

static void test_tunable(void **state) {
    (void)state;
    static stored memory;
    hone_choice_store store = {&memory, store_get, store_put};
    const char *const tuning[] = {"tunable_op_enable", "true", "tunable_op_tuning_enable", "true", NULL};
    const char *const use[] = {"tunable_op_enable", "true", NULL};
    hone_session *first = open_with(tuning, &store);
    run_ok(first, 4);
    assert_true(memory.n > 3);
    int n = memory.n;
    hone_session_destroy(first);
    /* The stored choice rules, whatever the heuristic would say. */
    for (int i = 0; i < n; i++)
        if (strstr(memory.keys[i], "conv") || strstr(memory.keys[i], "Conv")) {
            const bool is_plain = strstr(memory.keys[i], " l00") != NULL; /* else the layer is blocked by channels */
            snprintf(memory.values[i], sizeof memory.values[0], is_plain ? "direct" : "blocked_direct");
        }
    hone_session *second = open_with(use, &store);
    run_ok(second, 4);
    int n_conv;
    assert_true(memory.n_hits > 3);
    assert_int_equal(memory.n, n);
    assert_true(count_algorithm(second, "direct", &n_conv) + count_algorithm(second, "blocked_direct", &n_conv) > 3);
    hone_session_destroy(second);
    /* Tuning again finds everything there: nothing is timed, nothing stored, and the report says so. */
    hone_session *third = open_with(tuning, &store);
    run_ok(third, 4);
    assert_int_equal(memory.n, n);
    for (size_t i = 0; i < hone_session_node_count(third); i++) {
        hone_node_report report;
        assert_int_equal(hone_session_get_node(third, i, &report, NULL), HONE_OK);
        if (strstr(report.op, "Conv"))
            assert_string_equal(report.detail, "stored choice");
    }
    hone_session_destroy(third);
}

static void test_refused(void **state) {
    (void)state;
    static const struct {
        const char *key, *value;
        hone_status status;
    } cases[] = {{"backend", "cuda", HONE_ERROR_UNAVAILABLE}, {"precision", "int8", HONE_ERROR_UNAVAILABLE}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_options *options;
        hone_session *session;
        hone_error error;
        assert_int_equal(hone_options_create(&options, &error), HONE_OK);
        assert_int_equal(hone_options_set(options, cases[i].key, cases[i].value, &error), HONE_OK);
        assert_int_equal(hone_session_create_from_file(g_model, options, &session, &error), cases[i].status);
        assert_non_null(strstr(error.message, cases[i].value));
        assert_null(session);
        hone_options_destroy(options);
    }
}

static void test_wrong_inputs(void **state) {
    (void)state;
    hone_session *session = open_with(NULL, NULL);
    hone_tensor *tensor, *out;
    hone_error error;
    int64_t dims[4] = {1, 3, 32, 32};
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 4, dims, &tensor, &error), HONE_OK);
    const hone_tensor *const inputs[1] = {tensor};
    assert_int_equal(hone_session_run(session, inputs, 1, &out, 1, &error), HONE_ERROR_SHAPE);
    assert_non_null(strstr(error.message, "\"image\""));
    assert_non_null(strstr(error.message, "[batch,1,32,32]"));
    assert_non_null(strstr(error.message, "[1,3,32,32]"));
    hone_tensor_destroy(tensor);
    dims[1] = 1;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_INT64, 4, dims, &tensor, &error), HONE_OK);
    const hone_tensor *const wrong[1] = {tensor};
    assert_int_equal(hone_session_run(session, wrong, 1, &out, 1, &error), HONE_ERROR_TYPE);
    assert_int_equal(hone_session_run(session, wrong, 0, &out, 1, &error), HONE_ERROR_ARGUMENT);
    hone_tensor_destroy(tensor);
    run_ok(session, 0); /* an empty batch is a shape like any other */
    hone_session_destroy(session);
}

static void test_bound_outputs(void **state) {
    (void)state;
    hone_session *session = open_with(NULL, NULL);
    hone_request *request;
    hone_error error;
    hone_tensor *in = images(2), *mine, *wrong, *made;
    int64_t dims[2] = {2, 10}, bad[2] = {3, 10};
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 2, dims, &mine, &error), HONE_OK);
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 2, bad, &wrong, &error), HONE_OK);
    assert_int_equal(hone_request_create(session, &request, &error), HONE_OK);
    assert_int_equal(hone_request_run(request, &error), HONE_ERROR_ARGUMENT); /* nothing bound */
    assert_int_equal(hone_request_set_input_by_name(request, "picture", in, &error), HONE_ERROR_NOT_FOUND);
    assert_int_equal(hone_request_set_input_by_name(request, "image", in, &error), HONE_OK);
    assert_int_equal(hone_request_set_output(request, 0, wrong, &error), HONE_OK);
    assert_int_equal(hone_request_run(request, &error), HONE_ERROR_SHAPE);
    assert_int_equal(hone_request_set_output(request, 0, mine, &error), HONE_OK);
    assert_int_equal(hone_request_run(request, &error), HONE_OK);
    assert_ptr_equal(hone_request_get_output(request, 0), mine);
    assert_int_equal(run(session, 2, &made, &error), HONE_OK);
    assert_memory_equal(hone_tensor_data(made), hone_tensor_data(mine), hone_tensor_size(mine));
    hone_tensor_destroy(made);
    hone_request_destroy(request);
    hone_tensor_destroy(mine);
    hone_tensor_destroy(wrong);
    hone_tensor_destroy(in);
    hone_session_destroy(session);
}

static void *run_many(void *arg) {
    for (int i = 0; i < 30; i++) {
        hone_tensor *out;
        if (run(arg, 1 + i % 5, &out, NULL) != HONE_OK)
            return arg;
        hone_tensor_destroy(out);
    }
    return NULL;
}

static void test_many_callers(void **state) {
    (void)state;
    static const char *const modes[] = {"ORT_SEQUENTIAL", "ORT_PARALLEL"};
    for (int m = 0; m < 2; m++) {
        hone_session *session = OPEN("execution_mode", modes[m], "intra_op_num_threads", "2");
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, run_many, session), 0);
        for (int i = 0; i < 4; i++) {
            void *failed;
            pthread_join(threads[i], &failed);
            assert_null(failed);
        }
        hone_session_stats stats;
        hone_session_get_stats(session, &stats);
        assert_int_equal(stats.n_runs, 120);
        assert_int_equal(stats.n_plans, 5);
        hone_session_destroy(session);
    }
}

static void test_plan_cache_is_bounded(void **state) {
    (void)state;
    hone_session *session = open_with(NULL, NULL);
    for (int64_t batch = 1; batch <= 40; batch++)
        run_ok(session, batch);
    run_ok(session, 40); /* cached */
    run_ok(session, 1);  /* dropped long ago: planned again */
    hone_session_stats stats;
    hone_session_get_stats(session, &stats);
    assert_int_equal(stats.n_plans, 41);
    hone_session_destroy(session);
}

/* Whatever allocation fails, load, prepare, plan and run end with a status and leak nothing. */
static void test_allocation_failures(void **state) {
    (void)state;
    hone_tensor *in = images(1);
    const hone_tensor *const inputs[1] = {in};
    bool done = false;
    for (int64_t n = 0; !done && n < 200000; n += 1 + n / 40) {
        hone_session *session = NULL;
        hone_tensor *out = NULL;
        hone_error error;
        hone__alloc_fail_after(n);
        hone_status status = hone_session_create_from_file(g_model, NULL, &session, &error);
        if (status == HONE_OK)
            status = hone_session_run(session, inputs, 1, &out, 1, &error);
        hone__alloc_fail_after(-1);
        done = status == HONE_OK;
        if (!done && status != HONE_ERROR_MEMORY)
            fail_msg("allocation %lld: %s: %s", (long long)n, hone_status_name(status), error.message);
        hone_tensor_destroy(out);
        hone_session_destroy(session);
    }
    assert_true(done);
    hone_tensor_destroy(in);
}

int main(void) {
    const char *source = getenv("HONE_SOURCE");
    snprintf(g_model, sizeof g_model, "%s/examples/digits/digits.onnx", source ? source : ".");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_runs_allocate_nothing),
                                       cmocka_unit_test(test_mem_reuse),
                                       cmocka_unit_test(test_mem_arena),
                                       cmocka_unit_test(test_mem_pattern),
                                       cmocka_unit_test(test_extend_strategy),
                                       cmocka_unit_test(test_mem_limit),
                                       cmocka_unit_test(test_conv_search),
                                       cmocka_unit_test(test_workspace_limit),
                                       cmocka_unit_test(test_threads),
                                       cmocka_unit_test(test_optimization_level),
                                       cmocka_unit_test(test_tunable),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_wrong_inputs),
                                       cmocka_unit_test(test_bound_outputs),
                                       cmocka_unit_test(test_many_callers),
                                       cmocka_unit_test(test_plan_cache_is_bounded),
                                       cmocka_unit_test(test_allocation_failures)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
