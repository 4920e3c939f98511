/* Whatever allocation fails, opening, optimising, planning and running a model end with a status and leak
 * nothing: for bodies of control flow, containers, texts, shapes that depend on data and recurrence (the
 * models of tests/data; a convolutional network stands in test_keys.c). Every single allocation is tried. */
#include "base/alloc.h"

#include <hone/hone.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_VALUES = 4 };

static hone_tensor *tensor(hone_dtype dtype, int rank, int64_t a, int64_t b, int64_t c, const void *data) {
    int64_t dims[3] = {a, b, c};
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(dtype, rank, dims, &t, NULL), HONE_OK);
    if (data)
        memcpy(hone_tensor_data(t), data, hone_tensor_size(t));
    return t;
}

static hone_status attempt(const char *path, const char *level, hone_tensor *const *in, size_t n_in,
                           hone_error *error) {
    hone_options *options = NULL;
    hone_session *session = NULL;
    hone_request *request = NULL;
    hone_tensor *out[MAX_VALUES] = {0};
    hone_status status = hone_options_create(&options, error);
    if (status == HONE_OK)
        status = hone_options_set(options, "graph_optimization_level", level, error);
    if (status == HONE_OK)
        status = hone_session_create_from_file(path, options, &session, error);
    if (status == HONE_OK) {
        size_t n_out = hone_session_output_count(session);
        status = hone_session_run(session, (const hone_tensor *const *)in, n_in, out, n_out, error);
        for (size_t i = 0; i < n_out && status != HONE_OK; i++)
            if (out[i])
                fail_msg("a failed run gave output %zu", i);
    }
    if (status == HONE_OK)
        status = hone_request_create(session, &request, error);
    for (size_t i = 0; i < n_in && status == HONE_OK; i++)
        status = hone_request_set_input(request, i, in[i], error);
    for (int i = 0; i < 2 && status == HONE_OK; i++)
        status = hone_request_run(request, error);
    for (size_t i = 0; i < MAX_VALUES; i++)
        hone_tensor_destroy(out[i]);
    hone_request_destroy(request);
    hone_session_destroy(session);
    hone_options_destroy(options);
    return status;
}

static void try_all(const char *name, hone_tensor *const *in, size_t n_in) {
    static const char *const levels[] = {"ORT_ENABLE_ALL", "ORT_DISABLE_ALL"};
    char path[1024];
    const char *source = getenv("HONE_SOURCE");
    (void)snprintf(path, sizeof path, "%s/tests/data/%s.onnx", source ? source : ".", name);
    for (int level = 0; level < 2; level++) {
        bool done = false;
        hone_error error;
        int64_t n = 0;
        for (; !done && n < 100000; n++) {
            hone_error_clear(&error);
            hone__alloc_fail_after(n);
            hone_status status = attempt(path, levels[level], in, n_in, &error);
            hone__alloc_fail_after(-1);
            done = status == HONE_OK;
            if (!done && status != HONE_ERROR_MEMORY)
                fail_msg("%s, allocation %lld: %s: %s", name, (long long)n, hone_status_name(status), error.message);
        }
        assert_true(done);
        assert_true(n > 50); /* the count did take effect */
    }
    for (size_t i = 0; i < n_in; i++)
        hone_tensor_destroy(in[i]);
}

static const float g_numbers[6] = {1, 0, -2, 0.5f, 3, 0};

static void test_control_flow(void **state) {
    (void)state;
    const uint8_t yes = 1;
    const int64_t trips = 3;
    hone_tensor *in[3] = {tensor(HONE_DTYPE_FLOAT, 2, 2, 3, 0, g_numbers), tensor(HONE_DTYPE_BOOL, 0, 0, 0, 0, &yes),
                          tensor(HONE_DTYPE_INT64, 0, 0, 0, 0, &trips)};
    try_all("control", in, 3);
}

static void test_sequences(void **state) {
    (void)state;
    const int64_t last = -1;
    hone_tensor *in[2] = {tensor(HONE_DTYPE_FLOAT, 2, 2, 3, 0, g_numbers), tensor(HONE_DTYPE_INT64, 0, 0, 0, 0, &last)};
    try_all("sequences", in, 2);
}

static void test_strings(void **state) {
    (void)state;
    hone_tensor *in[1] = {tensor(HONE_DTYPE_STRING, 1, 3, 0, 0, NULL)};
    static const char *const words[3] = {"A", "bb", "other"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(hone_tensor_set_string(in[0], i, words[i], strlen(words[i]), NULL), HONE_OK);
    try_all("strings", in, 1);
}

static void test_dynamic_shapes(void **state) {
    (void)state;
    hone_tensor *in[2] = {tensor(HONE_DTYPE_FLOAT, 2, 2, 3, 0, g_numbers),
                          tensor(HONE_DTYPE_FLOAT, 3, 2, 1, 3, g_numbers)};
    try_all("dynamic", in, 2);
}

/* The patterns that passes fuse: convolutions with activations and residuals, attention, normalisation. */
static void test_fused(void **state) {
    (void)state;
    int64_t dims[4] = {1, 3, 4, 4};
    hone_tensor *in[1];
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 4, dims, &in[0], NULL), HONE_OK);
    for (int i = 0; i < 48; i++)
        ((float *)hone_tensor_data(in[0]))[i] = (float)(i % 7) - 3;
    try_all("fused", in, 1);
}

/* A loop whose body runs on kernels. */
static void test_body(void **state) {
    (void)state;
    const int64_t trips = 2;
    hone_tensor *in[2] = {tensor(HONE_DTYPE_FLOAT, 2, 16, 16, 0, NULL), tensor(HONE_DTYPE_INT64, 0, 0, 0, 0, &trips)};
    try_all("body", in, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_control_flow), cmocka_unit_test(test_sequences),
                                       cmocka_unit_test(test_strings),      cmocka_unit_test(test_dynamic_shapes),
                                       cmocka_unit_test(test_fused),        cmocka_unit_test(test_body)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
