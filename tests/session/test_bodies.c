/* Bodies of loops on kernels (tests/data/body.onnx: h = tanh(h * w), `trips` times): the same numbers as computed here,
 * for shapes that change from call to call, and reports that say so. */
#include <hone/hone.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 16, MAX_ROWS = 40 };

static const char *model_path(void) {
    static char path[1024];
    const char *source = getenv("HONE_SOURCE");
    (void)snprintf(path, sizeof path, "%s/tests/data/body.onnx", source ? source : ".");
    return path;
}

static void weights(float w[WIDTH * WIDTH]) {
    hone_model *model;
    assert_int_equal(hone_model_open(model_path(), &model, NULL), HONE_OK);
    assert_int_equal(hone_model_initializer_count(model), 1);
    const char *name;
    const hone_tensor *t = hone_model_get_initializer(model, 0, &name);
    for (int i = 0; i < WIDTH * WIDTH; i++)
        w[i] = (float)hone_tensor_get_double(t, i);
    hone_model_close(model);
}

static void step(const float *w, int64_t rows, const float *h, float *next) {
    for (int64_t r = 0; r < rows; r++)
        for (int j = 0; j < WIDTH; j++) {
            double sum = 0;
            for (int k = 0; k < WIDTH; k++)
                sum += (double)h[r * WIDTH + k] * (double)w[k * WIDTH + j];
            next[r * WIDTH + j] = (float)tanh(sum);
        }
}

static void run(hone_session *session, const float *w, int64_t rows, int64_t trips) {
    const int64_t dims[2] = {rows, WIDTH};
    hone_tensor *in[2], *out[2] = {NULL, NULL};
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 2, dims, &in[0], NULL), HONE_OK);
    assert_int_equal(hone_tensor_create(HONE_DTYPE_INT64, 0, NULL, &in[1], NULL), HONE_OK);
    float h[2][MAX_ROWS * WIDTH], *x = hone_tensor_data(in[0]);
    for (int64_t i = 0; i < rows * WIDTH; i++)
        h[0][i] = x[i] = (float)(i * 37 % 101) / 50.0f - 1.0f;
    memcpy(hone_tensor_data(in[1]), &trips, sizeof trips);
    hone_error error;
    if (hone_session_run(session, (const hone_tensor *const *)in, 2, out, 2, &error) != HONE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(hone_tensor_count(out[1]), trips * rows * WIDTH);
    for (int64_t t = 0; t < trips; t++) {
        step(w, rows, h[t % 2], h[(t + 1) % 2]);
        for (int64_t i = 0; i < rows * WIDTH; i++)
            assert_true(fabs(hone_tensor_get_double(out[1], t * rows * WIDTH + i) - (double)h[(t + 1) % 2][i]) < 1e-5);
    }
    for (int64_t i = 0; i < rows * WIDTH; i++)
        assert_true(fabs(hone_tensor_get_double(out[0], i) - (double)h[trips % 2][i]) < 1e-5);
    for (int i = 0; i < 2; i++) {
        hone_tensor_destroy(in[i]);
        hone_tensor_destroy(out[i]);
    }
}

static void test_loop(void **state) {
    (void)state;
    float w[WIDTH * WIDTH];
    hone_session *session;
    hone_error error;
    weights(w);
    if (hone_session_create_from_file(model_path(), NULL, &session, &error) != HONE_OK)
        fail_msg("%s", error.message);
    run(session, w, 3, 5);
    run(session, w, MAX_ROWS, 4);
    run(session, w, 1, 0);
    run(session, w, 17, 1);
    bool is_said = false;
    for (size_t i = 0; i < hone_session_node_count(session); i++) {
        hone_node_report report;
        assert_int_equal(hone_session_get_node(session, i, &report, &error), HONE_OK);
        is_said |= strcmp(report.op, "Loop") == 0 && strstr(report.detail, "have kernels") != NULL;
    }
    assert_true(is_said);
    hone_session_destroy(session);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
