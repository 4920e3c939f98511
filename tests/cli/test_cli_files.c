/* Tests of the program's readers and writers: .npy and .npz files, images, comparisons, options. */
#include "cli/cli_args.h"
#include "cli/cli_image.h"
#include "cli/cli_inputs.h"
#include "cli/cli_npy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *data_dir;

static const char *data_path(const char *name) {
    static char path[4][1024];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", data_dir, name);
    return path[turn];
}

static hone_tensor *read_npy(const char *name) {
    hone_tensor *t = NULL;
    hone_error error;
    if (hone__npy_read(data_path(name), &t, &error) != HONE_OK)
        fail_msg("%s: %s", name, error.message);
    return t;
}

static void test_npy_kinds(void **state) {
    (void)state;
    const char *const same[] = {"npy/fortran.npy", "npy/big_endian.npy"};
    for (int k = 0; k < 2; k++) {
        hone_tensor *t = read_npy(same[k]);
        assert_int_equal(hone_tensor_dtype(t), HONE_DTYPE_FLOAT);
        assert_int_equal(hone_tensor_rank(t), 2);
        for (int i = 0; i < 6; i++)
            assert_true(hone_tensor_get_double(t, i) == i);
        hone_tensor_destroy(t);
    }
    hone_tensor *t = read_npy("npy/complex_big.npy");
    const float *c = hone_tensor_data_const(t);
    assert_true(c[2] == 1 && c[3] == 1 && c[10] == 5 && c[11] == 1);
    hone_tensor_destroy(t);
    t = read_npy("npy/int64.npy");
    assert_true(((const int64_t *)hone_tensor_data_const(t))[0] == -1);
    assert_true(((const int64_t *)hone_tensor_data_const(t))[1] == INT64_C(1) << 40);
    hone_tensor_destroy(t);
    t = read_npy("npy/bool.npy");
    assert_true(hone_tensor_dtype(t) == HONE_DTYPE_BOOL && hone_tensor_get_double(t, 0) == 1);
    hone_tensor_destroy(t);
    t = read_npy("npy/scalar.npy");
    assert_true(hone_tensor_rank(t) == 0 && hone_tensor_dtype(t) == HONE_DTYPE_FLOAT16 &&
                hone_tensor_get_double(t, 0) == 1.5);
    hone_tensor_destroy(t);
    t = read_npy("npy/empty.npy");
    assert_true(hone_tensor_count(t) == 0 && hone_tensor_dims(t)[1] == 3);
    hone_tensor_destroy(t);
    t = read_npy("npy/strings.npy");
    hone_string s = hone_tensor_get_string(t, 2);
    assert_true(s.size == 5 && !memcmp(s.data, "\xC3\xA4\xE2\x82\xAC", 5));
    assert_int_equal(hone_tensor_get_string(t, 3).size, 0);
    hone_tensor_destroy(t);
    t = read_npy("npy/bytes.npy");
    assert_int_equal(hone_tensor_get_string(t, 1).size, 1);
    hone_tensor_destroy(t);
}

static void test_npy_damaged(void **state) {
    (void)state;
    hone_error error;
    hone_tensor *t;
    assert_int_equal(hone__npy_read(data_path("npy/objects.npy"), &t, &error), HONE_ERROR_CONFIG);
    assert_non_null(strstr(error.message, "Python objects"));
    assert_int_equal(hone__npy_read(data_path("npy/none.npy"), &t, &error), HONE_ERROR_IO);
    /* Every prefix of a file, and every one with a byte turned, is read or refused; nothing else. */
    unsigned char bytes[512], copy[512];
    FILE *file = fopen(data_path("npy/strings.npy"), "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t size = 0; size < n; size++) {
        assert_int_equal(hone__npy_parse(bytes, size, "cut", &t, &error), HONE_ERROR_CONFIG);
        assert_null(t);
    }
    for (size_t i = 0; i < n; i++)
        for (int turn = 1; turn < 256; turn = turn * 3 + 1) {
            memcpy(copy, bytes, n);
            copy[i] ^= (unsigned char)turn;
            if (hone__npy_parse(copy, n, "turned", &t, &error) == HONE_OK)
                hone_tensor_destroy(t);
        }
    static const char huge[] = "\x93NUMPY\1\0\x60\0{'descr': '<f8', 'fortran_order': False, 'shape': "
                               "(9223372036854775807, 9223372036854775807), }       \n                   ";
    assert_int_equal(hone__npy_parse((const unsigned char *)huge, sizeof huge, "huge", &t, &error), HONE_ERROR_CONFIG);
}

static void test_npy_round_trip(void **state) {
    (void)state;
    static const hone_dtype dtypes[] = {HONE_DTYPE_FLOAT, HONE_DTYPE_DOUBLE, HONE_DTYPE_FLOAT16, HONE_DTYPE_BFLOAT16,
                                        HONE_DTYPE_INT8,  HONE_DTYPE_UINT8,  HONE_DTYPE_INT16,   HONE_DTYPE_UINT32,
                                        HONE_DTYPE_INT64, HONE_DTYPE_BOOL,   HONE_DTYPE_STRING,  HONE_DTYPE_COMPLEX64};
    char path[] = "/tmp/hone-npy-XXXXXX";
    close(mkstemp(path));
    hone_error error;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        for (int rank = 0; rank <= 3; rank++) {
            hone_dim_info dims[3] = {{2, ""}, {3, ""}, {5, ""}};
            hone_value_info info = {"x", HONE_KIND_TENSOR, dtypes[i], rank, dims};
            hone_shape shape = {"x", rank, {2, 3, 5}};
            hone_tensor *a, *b;
            assert_int_equal(hone__inputs_random(&info, &shape, 7, &a, &error), HONE_OK);
            assert_int_equal(hone__npy_write(path, a, &error), HONE_OK);
            assert_int_equal(hone__npy_read(path, &b, &error), HONE_OK);
            hone_difference difference = {.is_equal = true};
            hone_tensor_compare(b, a, &(hone_tolerance){0, 0, false}, &difference);
            if (!difference.is_equal)
                fail_msg("%s: %s", hone_dtype_name(dtypes[i]), difference.message);
            hone_tensor_destroy(a);
            hone_tensor_destroy(b);
        }
    unlink(path);
    hone_tensor *t = read_npy("npy/bool.npy");
    assert_int_equal(hone__npy_write("/nonexistent/a.npy", t, &error), HONE_ERROR_IO);
    hone_tensor_destroy(t);
}

static void test_npz(void **state) {
    (void)state;
    hone_error error;
    hone_tensor *t, *x = read_npy("x.npy");
    const char *const archives[] = {"npy/stored.npz", "npy/deflated.npz"};
    for (int k = 0; k < 2; k++) {
        if (hone__npz_read(data_path(archives[k]), "x", &t, &error) != HONE_OK)
            fail_msg("%s", error.message);
        hone_difference difference = {.is_equal = true};
        hone_tensor_compare(t, x, &(hone_tolerance){0, 0, false}, &difference);
        assert_true(difference.is_equal);
        hone_tensor_destroy(t);
        assert_int_equal(hone__npz_read(data_path(archives[k]), "y", &t, &error), HONE_ERROR_NOT_FOUND);
    }
    hone_tensor_destroy(x);
    /* An archive's only array needs no name. */
    assert_int_equal(hone__npz_read(data_path("npy/single.npz"), "x", &t, &error), HONE_OK);
    hone_tensor_destroy(t);
    assert_int_equal(hone__npz_read(data_path("x.npy"), "x", &t, &error), HONE_ERROR_CONFIG);
    /* Turned bytes: a checksum or a bound catches them, or they do not matter. */
    unsigned char bytes[1024];
    FILE *file = fopen(data_path("npy/deflated.npz"), "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    char path[] = "/tmp/hone-npz-XXXXXX";
    close(mkstemp(path));
    for (size_t i = 0; i < n; i++) {
        bytes[i] ^= 0x55;
        file = fopen(path, "wb");
        assert_non_null(file);
        fwrite(bytes, 1, n, file);
        fclose(file);
        bytes[i] ^= 0x55;
        if (hone__npz_read(path, "x", &t, &error) == HONE_OK)
            hone_tensor_destroy(t);
    }
    unlink(path);
}

static hone_tensor *read_image(const char *name, hone_dtype dtype, const hone_dim_info *dims,
                               const hone__image_options *options) {
    hone_value_info info = {"image", HONE_KIND_TENSOR, dtype, 4, dims};
    hone_tensor *t = NULL;
    hone_error error;
    if (hone__image_read(data_path(name), &info, options, &t, &error) != HONE_OK)
        fail_msg("%s: %s", name, error.message);
    return t;
}

static const hone__image_options plain = {.std = {1, 1, 1}, .range = 1};

static void test_image_decoding(void **state) {
    (void)state;
    const hone_dim_info nhwc[] = {{1, ""}, {-1, "h"}, {-1, "w"}, {3, ""}};
    hone_tensor *pixels = read_npy("image/rgb.npy");
    const uint8_t *want = hone_tensor_data_const(pixels);
    const char *const names[] = {"image/rgb.png", "image/rgba.png"};
    for (int k = 0; k < 2; k++) {
        hone_tensor *t = read_image(names[k], HONE_DTYPE_UINT8, nhwc, &plain);
        assert_true(hone_tensor_dims(t)[1] == 7 && hone_tensor_dims(t)[2] == 9);
        assert_memory_equal(hone_tensor_data_const(t), want, 7 * 9 * 3);
        hone_tensor_destroy(t);
    }
    hone_tensor_destroy(read_image("image/palette.png", HONE_DTYPE_UINT8, nhwc, &plain));
    /* Channels first, normalised, and blue first. */
    const hone_dim_info nchw[] = {{-1, "n"}, {3, ""}, {-1, "h"}, {-1, "w"}};
    hone__image_options options = {.mean = {0.5, 0.4, 0.3}, .std = {0.2, 0.3, 0.4}, .range = 1, .is_bgr = true};
    hone_tensor *t = read_image("image/rgb.png", HONE_DTYPE_FLOAT, nchw, &options);
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 63; i++)
            assert_true(fabs(hone_tensor_get_double(t, c * 63 + i) -
                             (want[i * 3 + 2 - c] / 255.0 - options.mean[c]) / options.std[c]) < 1e-5);
    hone_tensor_destroy(t);
    /* A gray input takes luma of colours; a colour input takes gray thrice. */
    const hone_dim_info gray[] = {{1, ""}, {1, ""}, {-1, "h"}, {-1, "w"}};
    t = read_image("image/rgb.png", HONE_DTYPE_DOUBLE, gray, &plain);
    assert_true(fabs(hone_tensor_get_double(t, 0) * 255 - (0.299 * want[0] + 0.587 * want[1] + 0.114 * want[2])) <
                1e-3);
    hone_tensor_destroy(t);
    t = read_image("image/gray.png", HONE_DTYPE_FLOAT, nchw, &plain);
    assert_true(hone_tensor_get_double(t, 0) == hone_tensor_get_double(t, 63 * 2));
    assert_true(fabs(hone_tensor_get_double(t, 1) * 255 - want[3]) < 1e-3);
    hone_tensor_destroy(t);
    hone_tensor_destroy(pixels);
    /* libjpeg's versions differ by a step or two. */
    pixels = read_npy("image/smooth.npy");
    t = read_image("image/smooth.jpg", HONE_DTYPE_UINT8, nhwc, &plain);
    for (int64_t i = 0; i < hone_tensor_count(t); i++)
        assert_true(fabs(hone_tensor_get_double(t, i) - hone_tensor_get_double(pixels, i)) <= 3);
    hone_tensor_destroy(t);
    hone_tensor_destroy(pixels);
}

static void test_image_resize(void **state) {
    (void)state;
    hone_tensor *pixels = read_npy("image/rgb.npy");
    float from[7 * 9 * 3], to[20 * 13 * 3];
    for (int i = 0; i < 7 * 9 * 3; i++)
        from[i] = (float)hone_tensor_get_double(pixels, i);
    const int sizes[][2] = {{5, 4}, {20, 13}};
    for (int k = 0; k < 2; k++) {
        char name[64];
        snprintf(name, sizeof name, "image/rgb_%dx%d.npy", sizes[k][0], sizes[k][1]);
        hone_tensor *want = read_npy(name);
        assert_int_equal(hone__image_resize(from, 9, 7, 3, sizes[k][0], sizes[k][1], to, NULL), HONE_OK);
        for (int64_t i = 0; i < hone_tensor_count(want); i++)
            if (fabs(to[i] - hone_tensor_get_double(want, i)) > 1e-3)
                fail_msg("%s: element %d is %g, Pillow has %g", name, (int)i, to[i], hone_tensor_get_double(want, i));
        hone_tensor_destroy(want);
    }
    hone_tensor_destroy(pixels);
}

static void test_image_refusals(void **state) {
    (void)state;
    hone_error error;
    hone_tensor *t;
    const hone_dim_info nchw[] = {{1, ""}, {3, ""}, {4, ""}, {5, ""}};
    hone_value_info info = {"image", HONE_KIND_TENSOR, HONE_DTYPE_FLOAT, 4, nchw};
    assert_int_equal(hone__image_read(data_path("x.npy"), &info, &plain, &t, &error), HONE_ERROR_CONFIG);
    assert_int_equal(hone__image_read(data_path("none.png"), &info, &plain, &t, &error), HONE_ERROR_IO);
    hone__image_options sized = plain;
    sized.width = sized.height = 8;
    assert_int_equal(hone__image_read(data_path("image/rgb.png"), &info, &sized, &t, &error), HONE_ERROR_SHAPE);
    info.dtype = HONE_DTYPE_INT64;
    assert_int_equal(hone__image_read(data_path("image/rgb.png"), &info, &plain, &t, &error), HONE_ERROR_TYPE);
    const hone_dim_info features[] = {{1, ""}, {64, ""}, {7, ""}, {7, ""}};
    info = (hone_value_info){"image", HONE_KIND_TENSOR, HONE_DTYPE_FLOAT, 4, features};
    assert_int_equal(hone__image_read(data_path("image/rgb.png"), &info, &plain, &t, &error), HONE_ERROR_SHAPE);
    /* Damaged files of both kinds. */
    const char *const names[] = {"image/rgb.png", "image/smooth.jpg"};
    info.dims = nchw;
    char path[] = "/tmp/hone-image-XXXXXX";
    close(mkstemp(path));
    for (int k = 0; k < 2; k++) {
        unsigned char bytes[1024];
        FILE *file = fopen(data_path(names[k]), "rb");
        assert_non_null(file);
        size_t n = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        for (size_t size = 0; size < n; size += 1 + n / 40) {
            file = fopen(path, "wb");
            assert_non_null(file);
            fwrite(bytes, 1, size, file);
            fclose(file);
            if (hone__image_read(path, &info, &plain, &t, &error) == HONE_OK) {
                assert_true(size > n / 2); /* only the trailer may be missing */
                hone_tensor_destroy(t);
            }
        }
    }
    unlink(path);
}

static hone_tensor *floats(const float *v, int64_t n) {
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 1, &n, &t, NULL), HONE_OK);
    memcpy(hone_tensor_data(t), v, (size_t)n * sizeof *v);
    return t;
}

static bool is_equal(const float *a, const float *b, int64_t n, double rtol, double atol, bool is_half) {
    hone_tensor *x = floats(a, n), *y = floats(b, n);
    hone_difference difference = {.is_equal = true};
    hone_tensor_compare(x, y, &(hone_tolerance){rtol, atol, is_half}, &difference);
    hone_tensor_destroy(x);
    hone_tensor_destroy(y);
    assert_true(difference.is_equal == (difference.message[0] == '\0'));
    return difference.is_equal;
}

static void test_compare_rules(void **state) {
    (void)state;
    assert_true(is_equal((float[]){NAN, INFINITY, 1}, (float[]){NAN, INFINITY, 1}, 3, -1, -1, false));
    assert_false(is_equal((float[]){NAN}, (float[]){1}, 1, -1, -1, false));
    assert_false(is_equal((float[]){1}, (float[]){NAN}, 1, -1, -1, false));
    assert_false(is_equal((float[]){INFINITY}, (float[]){-INFINITY}, 1, -1, -1, false));
    assert_true(is_equal((float[]){1.0009f}, (float[]){1}, 1, -1, -1, false));
    assert_false(is_equal((float[]){1.0012f}, (float[]){1}, 1, -1, -1, false));
    assert_true(is_equal((float[]){1.009f}, (float[]){1}, 1, -1, -1, true));
    /* atol grows with the largest expected value: 1e-5 * 1000 */
    assert_true(is_equal((float[]){0.009f, 1000}, (float[]){0, 1000}, 2, -1, -1, false));
    assert_false(is_equal((float[]){0.011f, 1000}, (float[]){0, 1000}, 2, -1, -1, false));
    assert_true(is_equal((float[]){2}, (float[]){1}, 1, 0, 1, false));
    assert_false(is_equal((float[]){2.1f}, (float[]){1}, 1, 0, 1, false));
}

static void test_compare_containers(void **state) {
    (void)state;
    hone_tensor *a = floats((float[]){1, 2}, 2), *b = floats((float[]){1, 2}, 2), *s1, *s2, *o;
    assert_int_equal(hone_tensor_create_container(HONE_KIND_SEQUENCE, &a, 1, &s1, NULL), HONE_OK);
    assert_int_equal(hone_tensor_create_container(HONE_KIND_SEQUENCE, &b, 1, &s2, NULL), HONE_OK);
    hone_tolerance tolerance = {-1, -1, false};
    hone_difference d = {.is_equal = true};
    hone_tensor_compare(s1, s2, &tolerance, &d);
    assert_true(d.is_equal && d.n_compared == 2);
    hone_tensor_compare(s1, a, &tolerance, &d);
    assert_false(d.is_equal);
    d = (hone_difference){.is_equal = true};
    assert_int_equal(hone_tensor_create_container(HONE_KIND_OPTIONAL, &s1, 1, &o, NULL), HONE_OK);
    hone_tensor_compare(o, s2, &tolerance, &d);
    assert_true(d.is_equal);
    hone_tensor_destroy(o);
    hone_tensor_destroy(s2);
}

typedef struct values {
    bool flag;
    const char *text;
    int64_t number;
    double seconds;
    hone__cli_ints ints;
    hone__cli_texts texts;
} values;

static hone_status parse(values *v, int *n_args, hone_error *error, ...) {
    static const hone__cli_option options[] = {
        {"flag", HONE_CLI_FLAG, offsetof(values, flag), NULL, "", 0, 0, 'f'},
        {"text", HONE_CLI_TEXT, offsetof(values, text), "T", "", 0, 0, 't'},
        {"number", HONE_CLI_INT, offsetof(values, number), "N", "", 1, 10, 0},
        {"seconds", HONE_CLI_DURATION, offsetof(values, seconds), "S", "", 0, 0, 0},
        {"ints", HONE_CLI_INTS, offsetof(values, ints), "N,...", "", 0, 0, 0},
        {"texts", HONE_CLI_TEXTS, offsetof(values, texts), "T", "", 0, 0, 0},
    };
    char *argv[16], *args[16];
    int argc = 0;
    va_list list;
    va_start(list, error);
    while ((argv[argc] = va_arg(list, char *)))
        argc++;
    va_end(list);
    memset(v, 0, sizeof *v);
    return hone__cli_parse(argv, argc, &(hone__cli_table){options, 6, v}, 1, args, n_args, error);
}

static void test_options(void **state) {
    (void)state;
    values v;
    int n;
    hone_error e;
    assert_int_equal(parse(&v, &n, &e, "a", "--flag", "--text=x=y", "b", "--number", "7", "--seconds", "10m", "--ints",
                           "1,4,8", "--texts", "p", "--texts=q", "--", "--c", NULL),
                     HONE_OK);
    assert_true(v.flag && !strcmp(v.text, "x=y") && v.number == 7 && v.seconds == 600 && v.ints.n == 3 &&
                v.ints.items[2] == 8 && v.texts.n == 2 && n == 3);
    assert_int_equal(parse(&v, &n, &e, "-f", "-tx", "--seconds", "200ms", NULL), HONE_OK);
    assert_true(v.flag && !strcmp(v.text, "x") && fabs(v.seconds - 0.2) < 1e-12);
    const char *const wrong[][2] = {{"--number=11", "from 1 to 10"},
                                    {"--number=x", "whole number"},
                                    {"--number=3x", "whole number"},
                                    {"--flag=1", "no value"},
                                    {"--text", "needs a value"},
                                    {"--seconds=5y", "a time such as"},
                                    {"--ints=1,,2", "whole number"},
                                    {"--ints=-1", "from 0 up"},
                                    {"--tetx=1", "unknown option"},
                                    {"-x", "unknown option"},
                                    {"--number=99999999999999999999", "from 1 to 10"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(parse(&v, &n, &e, wrong[i][0], NULL), HONE_ERROR_ARGUMENT);
        if (!strstr(e.message, wrong[i][1]) || !e.hint[0])
            fail_msg("%s: %s", wrong[i][0], e.message);
    }
    parse(&v, &n, &e, "--tetx=1", NULL);
    assert_non_null(strstr(e.hint, "--text"));
}

static void test_shapes(void **state) {
    (void)state;
    char name[32];
    int64_t dims[4], w, h;
    int rank;
    hone_error e;
    double numbers[3];
    assert_int_equal(hone__cli_parse_shape("a=b=1x3x0", name, sizeof name, dims, 4, &rank, &e), HONE_OK);
    assert_true(!strcmp(name, "a=b") && rank == 3 && dims[1] == 3 && dims[2] == 0);
    assert_int_equal(hone__cli_parse_shape("s=", name, sizeof name, dims, 4, &rank, &e), HONE_OK);
    assert_int_equal(rank, 0);
    const char *const wrong[] = {"", "x", "=1", "x=1x", "x=axb", "x=-1", "x=1x2x3x4x5", "x=99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(hone__cli_parse_shape(wrong[i], name, sizeof name, dims, 4, &rank, &e), HONE_ERROR_ARGUMENT);
    assert_int_equal(hone__cli_parse_size("640x480", &w, &h, &e), HONE_OK);
    assert_true(w == 640 && h == 480);
    assert_int_equal(hone__cli_parse_size("640", &w, &h, &e), HONE_ERROR_ARGUMENT);
    assert_int_equal(hone__cli_parse_numbers("0.5", "mean", numbers, 3, &e), HONE_OK);
    assert_true(numbers[2] == 0.5);
    assert_int_equal(hone__cli_parse_numbers("1,2", "mean", numbers, 3, &e), HONE_ERROR_ARGUMENT);
    assert_int_equal(hone__cli_parse_numbers("1,2,3,4", "mean", numbers, 3, &e), HONE_ERROR_ARGUMENT);
}

int main(int argc, char **argv) {
    data_dir = argc > 1 ? argv[1] : "tests/data";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy_kinds),
        cmocka_unit_test(test_npy_damaged),
        cmocka_unit_test(test_npy_round_trip),
        cmocka_unit_test(test_npz),
        cmocka_unit_test(test_image_decoding),
        cmocka_unit_test(test_image_resize),
        cmocka_unit_test(test_image_refusals),
        cmocka_unit_test(test_compare_rules),
        cmocka_unit_test(test_compare_containers),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
