/* The backend onnxruntime: refused with reason and remedy where its library is missing; where it is there, the same
 * answers as the CPU backend, settings passed through or refused by name, nodes told with their provider. Says SKIP
 * (after the refusals) when no library was found or hone was built without the C header. */
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

static char g_digits[1024], g_data[1024];

static const char *data(const char *name) {
    static char path[1200];
    snprintf(path, sizeof path, "%s/%s", g_data, name);
    return path;
}

static hone_status open_with(const char *path, const char *const *settings, hone_session **out, hone_error *error) {
    hone_options *options;
    *out = NULL;
    assert_int_equal(hone_options_create(&options, error), HONE_OK);
    hone_status status = HONE_OK;
    for (size_t i = 0; settings[i] && status == HONE_OK; i += 2)
        status = hone_options_set(options, settings[i], settings[i + 1], error);
    if (status == HONE_OK)
        status = hone_session_create_from_file(path, options, out, error);
    hone_options_destroy(options);
    return status;
}
#define ORT "backend", "onnxruntime"
#define OPEN(path, ...) open_ok(path, (const char *const[]){__VA_ARGS__, NULL})
#define REFUSED(status, text, path, ...) refused(status, text, path, (const char *const[]){ORT, __VA_ARGS__, NULL})

static hone_session *open_ok(const char *path, const char *const *settings) {
    hone_session *session;
    hone_error error;
    if (open_with(path, settings, &session, &error) != HONE_OK)
        fail_msg("%s: %s", path, error.message);
    return session;
}

static void refused(hone_status status, const char *text, const char *path, const char *const *settings) {
    hone_session *session;
    hone_error error;
    hone_status got = open_with(path, settings, &session, &error);
    if (got != status || !strstr(error.message, text))
        fail_msg("%s instead of %s naming \"%s\": %s", hone_status_name(got), hone_status_name(status), text,
                 error.message);
    assert_true(error.hint[0] || status == HONE_ERROR_MODEL || status == HONE_ERROR_UNSUPPORTED);
    assert_null(session);
}

/* An input of the model with every unknown dimension `unknown`; numbers near 1, strings of several lengths. */
static hone_tensor *make_input(const hone_value_info *info, int64_t unknown) {
    int64_t dims[HONE_MAX_RANK];
    hone_tensor *t;
    for (int i = 0; i < info->rank; i++)
        dims[i] = info->dims[i].value < 0 ? unknown : info->dims[i].value;
    assert_int_equal(hone_tensor_create(info->dtype, info->rank, dims, &t, NULL), HONE_OK);
    for (int64_t i = 0; i < hone_tensor_count(t); i++) {
        char text[16];
        if (info->dtype == HONE_DTYPE_FLOAT)
            ((float *)hone_tensor_data(t))[i] = sinf((float)i * 0.37f);
        else if (info->dtype == HONE_DTYPE_INT64)
            ((int64_t *)hone_tensor_data(t))[i] = i % 3;
        else if (info->dtype == HONE_DTYPE_BOOL)
            ((bool *)hone_tensor_data(t))[i] = i % 2 == 0;
        else if (info->dtype == HONE_DTYPE_STRING) {
            int n = snprintf(text, sizeof text, "a%.*s", (int)(i % 5), "bcdef");
            assert_int_equal(hone_tensor_set_string(t, i, text, (size_t)n, NULL), HONE_OK);
        }
    }
    return t;
}

static void same(const hone_tensor *a, const hone_tensor *b) {
    assert_int_equal(hone_tensor_kind(a), hone_tensor_kind(b));
    assert_int_equal(hone_tensor_item_count(a), hone_tensor_item_count(b));
    for (size_t i = 0; i < hone_tensor_item_count(a); i++)
        same(hone_tensor_get_item(a, i), hone_tensor_get_item(b, i));
    if (hone_tensor_kind(a) != HONE_KIND_TENSOR)
        return;
    assert_int_equal(hone_tensor_dtype(a), hone_tensor_dtype(b));
    assert_int_equal(hone_tensor_rank(a), hone_tensor_rank(b));
    assert_memory_equal(hone_tensor_dims(a), hone_tensor_dims(b), (size_t)hone_tensor_rank(a) * sizeof(int64_t));
    for (int64_t i = 0; i < hone_tensor_count(a); i++) {
        if (hone_tensor_dtype(a) == HONE_DTYPE_STRING) {
            hone_string x = hone_tensor_get_string(a, i), y = hone_tensor_get_string(b, i);
            assert_int_equal(x.size, y.size);
            assert_memory_equal(x.data, y.data, x.size);
            continue;
        }
        double x = hone_tensor_get_double(a, i), y = hone_tensor_get_double(b, i);
        if (!(fabs(x - y) <= 1e-5 + 1e-4 * fabs(y)) && !(isnan(x) && isnan(y)))
            fail_msg("element %lld: %g and %g", (long long)i, x, y);
    }
}

enum { MAX_ARGS = 8 };
typedef struct arguments {
    hone_tensor *items[MAX_ARGS];
    size_t n;
} arguments;

static arguments inputs_of(const hone_session *session, int64_t unknown) {
    arguments a = {.n = hone_session_input_count(session)};
    assert_true(a.n <= MAX_ARGS);
    for (size_t i = 0; i < a.n; i++)
        a.items[i] = make_input(hone_session_get_input(session, i), unknown);
    return a;
}

static void drop(arguments *a) {
    for (size_t i = 0; i < a->n; i++)
        hone_tensor_destroy(a->items[i]);
}

static arguments run(hone_session *session, const arguments *in) {
    arguments out = {.n = hone_session_output_count(session)};
    hone_error error;
    assert_true(out.n <= MAX_ARGS);
    if (hone_session_run(session, (const hone_tensor *const *)in->items, in->n, out.items, out.n, &error) != HONE_OK)
        fail_msg("%s", error.message);
    return out;
}

/* Both backends on the same inputs, several times: from the third run on outputs are written in place. */
static void agree(const char *path, int64_t unknown) {
    hone_session *cpu = OPEN(path, "backend", "cpu"), *ort = OPEN(path, ORT);
    arguments in = inputs_of(cpu, unknown), want = run(cpu, &in);
    for (int k = 0; k < 4; k++) {
        arguments got = run(ort, &in);
        for (size_t i = 0; i < want.n; i++)
            same(got.items[i], want.items[i]);
        drop(&got);
    }
    drop(&in);
    drop(&want);
    hone_session_destroy(cpu);
    hone_session_destroy(ort);
}

/* ---- without a library ---- */

static void test_missing_library(void **state) {
    (void)state;
    REFUSED(HONE_ERROR_UNAVAILABLE, "onnxruntime", g_digits, "onnxruntime_library", "/nowhere/libonnxruntime.so");
    REFUSED(HONE_ERROR_UNAVAILABLE, "onnxruntime", g_digits, "onnxruntime_library", g_data); /* a folder without one */
    REFUSED(HONE_ERROR_UNAVAILABLE, "onnxruntime", g_digits, "onnxruntime_library", g_digits); /* no library */
    REFUSED(HONE_ERROR_NOT_FOUND, "trt_fp17_enable", g_digits, "trt_fp17_enable", "1");
    REFUSED(HONE_ERROR_NOT_FOUND, "Session.X", g_digits, "Session.X", "1");
}

/* ---- with one ---- */

static void test_agreement(void **state) {
    (void)state;
    agree(g_digits, 1);
    agree(g_digits, 5);
    agree(data("mlp.onnx"), 2);
    agree(data("add.onnx"), 3);
    agree(data("dynamic.onnx"), 4);
    agree(data("text.onnx"), 3);
    agree(data("sequences.onnx"), 4);
    agree(data("control.onnx"), 1);
    agree(data("image_rgb.onnx"), 8);
}

static void test_settings(void **state) {
    (void)state;
    static const char *const settings[][2] = {{"graph_optimization_level", "ORT_DISABLE_ALL"},
                                              {"graph_optimization_level", "ORT_ENABLE_BASIC"},
                                              {"execution_mode", "ORT_PARALLEL"},
                                              {"intra_op_num_threads", "1"},
                                              {"enable_cpu_mem_arena", "false"},
                                              {"enable_mem_pattern", "false"},
                                              {"providers", "CPUExecutionProvider"},
                                              {"providers", "cpu"},
                                              {"session.disable_prepacking", "1"},
                                              {"session.intra_op.allow_spinning", "false"}};
    hone_session *cpu = OPEN(g_digits, "backend", "cpu");
    arguments in = inputs_of(cpu, 2), want = run(cpu, &in);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        hone_session *ort = OPEN(g_digits, ORT, settings[i][0], settings[i][1]);
        arguments got = run(ort, &in);
        same(got.items[0], want.items[0]);
        drop(&got);
        hone_session_destroy(ort);
    }
    drop(&in);
    drop(&want);
    hone_session_destroy(cpu);
}

static void test_refusals(void **state) {
    (void)state;
    REFUSED(HONE_ERROR_CONFIG, "session.no_such_entry", g_digits, "session.no_such_entry", "1");
    REFUSED(HONE_ERROR_CONFIG, "session.disable_prep", g_digits, "session.disable_prep", "1");
    REFUSED(HONE_ERROR_UNAVAILABLE, "TpuExecutionProvider", g_digits, "providers", "TpuExecutionProvider,cpu");
    REFUSED(HONE_ERROR_UNAVAILABLE, "trt_fp16_enable", g_digits, "trt_fp16_enable", "1", "providers", "cpu");
    REFUSED(HONE_ERROR_UNAVAILABLE, "enable_mem_reuse", g_digits, "enable_mem_reuse", "false");
    REFUSED(HONE_ERROR_UNAVAILABLE, "precision", g_digits, "precision", "int8");
    hone_session *session;
    hone_error error;
    assert_int_not_equal(open_with(data("unsupported.onnx"), (const char *const[]){ORT, NULL}, &session, &error),
                         HONE_OK);
    assert_non_null(strstr(error.message, "ONNX Runtime"));
}

/* An index outside its axis is found by the run and comes back as an error that says where. */
static void test_run_error(void **state) {
    (void)state;
    hone_session *session = OPEN(data("gather_outside.onnx"), ORT);
    arguments in = inputs_of(session, 3);
    hone_tensor *outputs[MAX_ARGS] = {NULL};
    hone_error error;
    hone_status status = hone_session_run(session, (const hone_tensor *const *)in.items, in.n, outputs,
                                          hone_session_output_count(session), &error);
    assert_int_equal(status, HONE_ERROR_MODEL);
    assert_non_null(strstr(error.message, "ONNX Runtime"));
    assert_non_null(strstr(error.message, "Gather"));
    drop(&in);
    hone_session_destroy(session);
}

static void test_bound_output(void **state) {
    (void)state;
    hone_session *session = OPEN(g_digits, ORT);
    hone_request *request;
    arguments in = inputs_of(session, 2), want = run(session, &in);
    hone_tensor *mine = NULL;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 2, hone_tensor_dims(want.items[0]), &mine, NULL), HONE_OK);
    assert_int_equal(hone_request_create(session, &request, NULL), HONE_OK);
    assert_int_equal(hone_request_set_input(request, 0, in.items[0], NULL), HONE_OK);
    assert_int_equal(hone_request_set_output(request, 0, mine, NULL), HONE_OK);
    for (int k = 0; k < 4; k++) {
        memset(hone_tensor_data(mine), 0, hone_tensor_size(mine));
        assert_int_equal(hone_request_run(request, NULL), HONE_OK);
        assert_ptr_equal(hone_request_get_output(request, 0), mine);
        same(mine, want.items[0]);
    }
    hone_request_destroy(request);
    hone_tensor_destroy(mine);
    drop(&in);
    drop(&want);
    hone_session_destroy(session);
}

static void test_from_memory(void **state) {
    (void)state;
    static char bytes[4 << 20];
    FILE *file = fopen(g_digits, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    hone_options *options;
    hone_session *session, *cpu = OPEN(g_digits, "backend", "cpu");
    hone_error error;
    assert_int_equal(hone_options_create(&options, NULL), HONE_OK);
    assert_int_equal(hone_options_set(options, ORT, NULL), HONE_OK);
    if (hone_session_create_from_memory(bytes, size, options, &session, &error) != HONE_OK)
        fail_msg("%s", error.message);
    arguments in = inputs_of(cpu, 1), want = run(cpu, &in), got = run(session, &in);
    same(got.items[0], want.items[0]);
    drop(&in);
    drop(&want);
    drop(&got);
    hone_session_destroy(session);
    hone_session_destroy(cpu);
    hone_options_destroy(options);
}

static void test_nodes(void **state) {
    (void)state;
    hone_session *session = OPEN(g_digits, ORT);
    arguments in = inputs_of(session, 1);
    assert_int_equal(hone_session_node_count(session), 0);
    hone_session_set_profiling(session, true);
    for (int k = 0; k < 2; k++) {
        arguments out = run(session, &in);
        drop(&out);
    }
    size_t n = hone_session_node_count(session);
    bool has_conv = false;
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++) {
        hone_node_report node;
        assert_int_equal(hone_session_get_node(session, i, &node, NULL), HONE_OK);
        assert_string_equal(node.backend, "onnxruntime");
        assert_string_equal(node.kernel, "CPUExecutionProvider");
        assert_true(node.name[0] && node.op[0] && node.time_ms >= 0);
        has_conv |= strstr(node.op, "Conv") != NULL;
    }
    assert_true(has_conv);
    drop(&in);
    hone_session_destroy(session);
}

typedef struct shared_runs {
    hone_session *session;
    const arguments *in, *want;
    bool ok;
} shared_runs;

static void *many_runs(void *data_) {
    shared_runs *s = data_;
    for (int k = 0; k < 25; k++) {
        hone_tensor *out = NULL;
        s->ok &= hone_session_run(s->session, (const hone_tensor *const *)s->in->items, 1, &out, 1, NULL) == HONE_OK &&
                 hone_tensor_size(out) == hone_tensor_size(s->want->items[0]);
        for (int64_t i = 0; s->ok && i < hone_tensor_count(out); i++)
            s->ok &= fabs(hone_tensor_get_double(out, i) - hone_tensor_get_double(s->want->items[0], i)) < 1e-4;
        hone_tensor_destroy(out);
    }
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    hone_session *session = OPEN(g_digits, ORT);
    arguments in[4], want[4];
    shared_runs runs[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        in[i] = inputs_of(session, 1 + i % 2);
        want[i] = run(session, &in[i]);
        runs[i] = (shared_runs){session, &in[i], &want[i], true};
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, many_runs, &runs[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(runs[i].ok);
        drop(&in[i]);
        drop(&want[i]);
    }
    hone_session_destroy(session);
}

static bool has_library(void) {
    hone_session *session;
    hone_error error;
    hone_status status = open_with(g_digits, (const char *const[]){ORT, NULL}, &session, &error);
    if (status != HONE_OK)
        printf("%s\n", error.message);
    hone_session_destroy(session);
    return status != HONE_ERROR_UNAVAILABLE;
}

int main(void) {
    const char *source = getenv("HONE_SOURCE");
    snprintf(g_digits, sizeof g_digits, "%s/examples/digits/digits.onnx", source ? source : ".");
    snprintf(g_data, sizeof g_data, "%s/tests/data", source ? source : ".");
    const struct CMUnitTest without[] = {cmocka_unit_test(test_missing_library)};
    const struct CMUnitTest with[] = {
        cmocka_unit_test(test_agreement),    cmocka_unit_test(test_settings), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_run_error),    cmocka_unit_test(test_nodes),    cmocka_unit_test(test_from_memory),
        cmocka_unit_test(test_bound_output), cmocka_unit_test(test_threads),
    };
    int failed = cmocka_run_group_tests_name("without", without, NULL, NULL);
    if (failed || !has_library())
        return failed ? failed : 77;
    return cmocka_run_group_tests_name("with", with, NULL, NULL);
}
