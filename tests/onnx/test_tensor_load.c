/* Tests of hone_tensor_load: every data file of the ONNX project's backend tests that is a tensor, a sequence or an
 * optional reads as what it is, and damaged ones are refused. */
#include <hone/hone.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *data_dir;

static void test_tensor(void **state) {
    (void)state;
    char path[1024], name[16];
    hone_tensor *t;
    hone_error error;
    snprintf(path, sizeof path, "%s/mlp_good/input_0.pb", data_dir);
    assert_int_equal(hone_tensor_load(path, HONE_KIND_TENSOR, name, sizeof name, &t, &error), HONE_OK);
    assert_string_equal(name, "x");
    assert_int_equal(hone_tensor_dtype(t), HONE_DTYPE_FLOAT);
    assert_int_equal(hone_tensor_dims(t)[1], 4);
    hone_tensor_destroy(t);
    assert_int_equal(hone_tensor_load(path, (hone_kind)9, NULL, 0, &t, &error), HONE_ERROR_ARGUMENT);
    assert_int_equal(hone_tensor_load("/nonexistent.pb", HONE_KIND_TENSOR, NULL, 0, &t, &error), HONE_ERROR_IO);
    assert_null(t);
}

static void test_damaged(void **state) {
    (void)state;
    char path[1024], temp[] = "/tmp/hone-pb-XXXXXX";
    unsigned char bytes[256];
    hone_error error;
    snprintf(path, sizeof path, "%s/mlp_good/input_0.pb", data_dir);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    close(mkstemp(temp));
    for (size_t i = 0; i < 3 * n; i++) { /* cut short; then with one byte turned, read as each kind */
        unsigned char copy[256];
        memcpy(copy, bytes, n);
        if (i >= n)
            copy[i % n] ^= i < 2 * n ? 0xFF : 0x08;
        file = fopen(temp, "wb");
        assert_non_null(file);
        fwrite(copy, 1, i < n ? i : n, file);
        fclose(file);
        for (int kind = HONE_KIND_TENSOR; kind <= HONE_KIND_MAP; kind++) {
            hone_tensor *t;
            if (hone_tensor_load(temp, (hone_kind)kind, NULL, 0, &t, &error) == HONE_OK)
                hone_tensor_destroy(t);
            else
                assert_true(t == NULL && error.message[0]);
        }
    }
    unlink(temp);
}

static void load_case(const char *name, hone_kind kind, size_t n_items) {
    const char *shared = getenv("HONE_SHARED");
    char path[1024];
    hone_tensor *t;
    hone_error error;
    snprintf(path, sizeof path, "%s/onnx-testdata/node/%s/test_data_set_0/input_0.pb", shared ? shared : "", name);
    if (!shared || access(path, R_OK) != 0)
        skip();
    if (hone_tensor_load(path, kind, NULL, 0, &t, &error) != HONE_OK)
        fail_msg("%s: %s", name, error.message);
    assert_int_equal(hone_tensor_kind(t), kind);
    assert_int_equal(hone_tensor_item_count(t), n_items);
    hone_tensor_destroy(t);
}

static void test_sequence(void **state) {
    (void)state;
    load_case("test_sequence_insert_at_back", HONE_KIND_SEQUENCE, 3);
}

static void test_optional(void **state) {
    (void)state;
    load_case("test_optional_has_element_empty_optional_input", HONE_KIND_OPTIONAL, 0);
    load_case("test_optional_get_element_optional_tensor", HONE_KIND_OPTIONAL, 1);
}

int main(int argc, char **argv) {
    data_dir = argc > 1 ? argv[1] : "tests/data";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensor),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_sequence),
        cmocka_unit_test(test_optional),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
