/* LSTM and GRU bound to the matrix products and cells, against the reference evaluator. */
#include "support/kernel_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* wants: how many outputs; the first may be left out. */
static void check(const char *op, int64_t linear, const char *direction, int64_t t, int64_t b, int64_t i, int64_t h,
                  bool has_bias, bool has_state, bool has_lengths, size_t n_outputs, const char *kernel) {
    const int64_t d = direction[0] == 'b' ? 2 : 1, gates = op[0] == 'L' ? 4 : 3;
    harness *g = harness_create("", op, 14);
    harness_attr_string(g, "direction", direction);
    harness_attr_int(g, "hidden_size", h);
    if (op[0] == 'G')
        harness_attr_int(g, "linear_before_reset", linear);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){t, b, i}, -1, 1);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){d, gates * h, i}, -0.5, 0.5);
    harness_make_constant(g);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){d, gates * h, h}, -0.5, 0.5);
    harness_make_constant(g);
    if (has_bias) {
        harness_random(g, HONE_DTYPE_FLOAT, 2, (int64_t[]){d, 2 * gates * h}, -0.5, 0.5);
        harness_make_constant(g);
    } else {
        harness_omit(g);
    }
    if (has_lengths)
        harness_random(g, HONE_DTYPE_INT32, 1, &b, 0, (double)t);
    else
        harness_omit(g);
    for (int k = 0; has_state && k < (op[0] == 'L' ? 2 : 1); k++)
        harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){d, b, h}, -1, 1);
    harness_check(g, n_outputs, kernel);
}

static void test_rnn(void **state) {
    (void)state;
    static const char *const directions[] = {"forward", "reverse", "bidirectional"};
    for (int i = 0; i < 48; i++) {
        const bool is_lstm = i % 2;
        check(is_lstm ? "LSTM" : "GRU", i / 2 % 2, directions[i % 3], harness_between(1, 7), harness_between(1, 5),
              harness_between(1, 20), harness_between(1, 37), i % 5 > 0, i % 4 > 1, i / 6 % 3 == 1, is_lstm ? 3 : 2,
              is_lstm ? "f32_lstm" : "f32_gru");
    }
}

static void test_refused(void **state) {
    (void)state;
    harness *g = harness_create("", "LSTM", 14); /* weights that come at run time */
    harness_attr_int(g, "hidden_size", 3);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){2, 1, 4}, -1, 1);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){1, 12, 4}, -1, 1);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){1, 12, 3}, -1, 1);
    harness_check(g, 3, "reference");
    g = harness_create("", "GRU", 14); /* a clip */
    harness_attr_int(g, "hidden_size", 3);
    harness_attr_float(g, "clip", 0.1f);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){2, 1, 4}, -1, 1);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){1, 9, 4}, -1, 1);
    harness_make_constant(g);
    harness_random(g, HONE_DTYPE_FLOAT, 3, (int64_t[]){1, 9, 3}, -1, 1);
    harness_make_constant(g);
    harness_check(g, 2, "reference");
}

int main(void) {
    harness_seed(3);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rnn), cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
