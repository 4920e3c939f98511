/* The option table: defaults are valid values, spelling is forgiven in values but not in keys, and errors name
 * what is allowed. */
#include <hone/options.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_defaults(void **state) {
    (void)state;
    hone_options *options;
    hone_error error;
    assert_int_equal(hone_options_create(&options, &error), HONE_OK);
    for (size_t i = 0; i < hone_option_count(); i++) {
        const hone_option_info *info = hone_option_get_info(i);
        assert_string_equal(hone_options_get(options, info->key), info->default_value);
        assert_false(hone_options_is_set(options, info->key));
        assert_int_equal(hone_options_set(options, info->key, info->default_value, &error), HONE_OK);
        assert_string_equal(hone_options_get(options, info->key), info->default_value);
        assert_true(hone_options_is_set(options, info->key));
        assert_true(strlen(info->help) > 10);
    }
    assert_null(hone_option_get_info(hone_option_count()));
    hone_options_destroy(options);
}

static void test_values(void **state) {
    (void)state;
    hone_options *options, *copy;
    hone_error error;
    assert_int_equal(hone_options_create(&options, &error), HONE_OK);
    static const char *const good[][3] = {{"enable_mem_pattern", "OFF", "false"},
                                          {"enable_mem_pattern", "1", "true"},
                                          {"cudnn_conv_algo_search", "exhaustive", "EXHAUSTIVE"},
                                          {"intra_op_num_threads", "08", "8"},
                                          {"cpu_mem_limit_gb", "1.50", "1.5"},
                                          {"cpu_mem_limit_gb", "none", ""}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(hone_options_set(options, good[i][0], good[i][1], &error), HONE_OK);
        assert_string_equal(hone_options_get(options, good[i][0]), good[i][2]);
    }
    static const char *const bad[][2] = {{"enable_mem_pattern", "maybe"},   {"cudnn_conv_algo_search", "FAST"},
                                         {"intra_op_num_threads", "-1"},    {"intra_op_num_threads", "2x"},
                                         {"intra_op_num_threads", "99999"}, {"cpu_mem_limit_gb", "lots"},
                                         {"cpu_mem_limit_gb", "1e99"},      {"cpu_mem_limit_gb", "nan"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hone_options_set(options, bad[i][0], bad[i][1], &error), HONE_ERROR_CONFIG);
        assert_non_null(strstr(error.message, bad[i][0]));
        assert_non_null(strstr(error.hint, "allowed"));
    }
    assert_string_equal(hone_options_get(options, "intra_op_num_threads"), "8"); /* a refused value changes nothing */
    assert_int_equal(hone_options_clone(options, &copy, &error), HONE_OK);
    assert_string_equal(hone_options_get(copy, "intra_op_num_threads"), "8");
    hone_options_destroy(copy);
    hone_options_destroy(options);
}

static void test_unknown_key(void **state) {
    (void)state;
    hone_options *options;
    hone_error error;
    assert_int_equal(hone_options_create(&options, &error), HONE_OK);
    assert_int_equal(hone_options_set(options, "intra_op_threads", "2", &error), HONE_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.hint, "intra_op_num_threads"));
    assert_null(hone_options_get(options, "nonsense"));
    hone_options_destroy(options);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_unknown_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
