/* Tests of the image decoders: the same pixels in every format, variants that hone reads itself by hand-made files,
 * and damaged files of all kinds, which must end in an error or in an image of a sane size. */
#include "base/alloc.h"

#include <hone/hone.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static size_t read_file(const char *name, uint8_t *bytes, size_t size) {
    char path[800];
    const char *source = getenv("HONE_SOURCE");
    snprintf(path, sizeof path, "%s/tests/data/image/%s", source ? source : ".", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, size, file);
    fclose(file);
    return n;
}

/* Decodes what this build and system can; NULL for formats whose library is missing. */
static hone_tensor *decode(const void *bytes, size_t n, hone_pixel_format format) {
    hone_error error;
    hone_tensor *t = NULL;
    hone_status status = hone_image_decode(bytes, n, format, &t, &error);
    if (status == HONE_ERROR_UNAVAILABLE) {
        assert_non_null(strstr(error.message, hone_image_is_supported(hone_image_detect(bytes, n)) ? "?" : "image"));
        print_message("not on this system: %s\n", error.message);
        return NULL;
    }
    if (status != HONE_OK)
        fail_msg("%s", error.message);
    assert_int_equal(hone_tensor_dtype(t), HONE_DTYPE_UINT8);
    assert_int_equal(hone_tensor_rank(t), 3);
    return t;
}

static void expect_pixels(const hone_tensor *t, int64_t height, int64_t width, int channels, const uint8_t *want) {
    const int64_t *dims = hone_tensor_dims(t);
    assert_true(dims[0] == height && dims[1] == width && dims[2] == channels);
    assert_memory_equal(hone_tensor_data_const(t), want, (size_t)(height * width * channels));
}

static void test_formats(void **state) {
    (void)state;
    static const struct {
        const char *name;
        hone_image_format format;
    } files[] = {{"small.bmp", HONE_IMAGE_FORMAT_BMP},        {"small.ppm", HONE_IMAGE_FORMAT_PNM},
                 {"small.png", HONE_IMAGE_FORMAT_PNG},        {"small.tif", HONE_IMAGE_FORMAT_TIFF},
                 {"small.webp", HONE_IMAGE_FORMAT_WEBP},      {"small.jp2", HONE_IMAGE_FORMAT_JPEG2000},
                 {"small_palette.bmp", HONE_IMAGE_FORMAT_BMP}};
    uint8_t want[4 * 5 * 3], bgr[4 * 5 * 3], gray[4 * 5], bytes[4096];
    for (int i = 0; i < 20; i++) {
        int x = i % 5, y = i / 5, v[3] = {x * 50, y * 60, x * y * 20};
        for (int c = 0; c < 3; c++)
            want[i * 3 + c] = bgr[i * 3 + 2 - c] = (uint8_t)v[c];
        gray[i] = (uint8_t)(0.299 * v[0] + 0.587 * v[1] + 0.114 * v[2] + 0.5);
    }
    for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
        size_t n = read_file(files[k].name, bytes, sizeof bytes);
        assert_int_equal(hone_image_detect(bytes, n), files[k].format);
        hone_tensor *t = decode(bytes, n, HONE_PIXEL_RGB);
        if (!t)
            continue;
        if (k == 6) { /* sixteen colours for twenty pixels: near, not equal */
            for (int i = 0; i < 60; i++)
                assert_true(abs((int)hone_tensor_get_double(t, i) - want[i]) <= 60);
        } else {
            expect_pixels(t, 4, 5, 3, want);
        }
        hone_tensor_destroy(t);
        if (k == 6)
            continue;
        expect_pixels(t = decode(bytes, n, HONE_PIXEL_BGR), 4, 5, 3, bgr);
        hone_tensor_destroy(t);
        expect_pixels(t = decode(bytes, n, HONE_PIXEL_GRAY), 4, 5, 1, gray);
        hone_tensor_destroy(t);
    }
    hone_tensor *t = decode(bytes, read_file("small_gray.tif", bytes, sizeof bytes), HONE_PIXEL_NATIVE);
    if (t)
        expect_pixels(t, 4, 5, 1, gray);
    hone_tensor_destroy(t);
    t = decode(bytes, read_file("small_cmyk.jpg", bytes, sizeof bytes), HONE_PIXEL_RGB);
    for (int i = 0; t && i < 60; i++)
        assert_true(abs((int)hone_tensor_get_double(t, i) - want[i]) <= 40); /* chroma is coarse in so small an image */
    hone_tensor_destroy(t);
}

#define BYTES(text) text, sizeof text - 1
static void test_pnm(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        int channels;
        uint8_t want[6];
    } files[] = {
        {BYTES("P1 # bits\n2 3\n10\n011 0"), 1, {0, 255, 255, 0, 0, 255}},
        {BYTES("P4\n2 3\n\x80\x40\x40"), 1, {0, 255, 255, 0, 255, 0}},
        {BYTES("P2\n2 3 5 0 1 2 3 4 5"), 1, {0, 51, 102, 153, 204, 255}},
        {BYTES("P5 2 3 65535\n\0\0\xff\xff\x80\0\0\xff\x01\x01\0\0"), 1, {0, 255, 128, 1, 1, 0}},
        {BYTES("P3 1 2 255 1 2 3\n4 5 6"), 3, {1, 2, 3, 4, 5, 6}},
        {BYTES("P7\nWIDTH 1\nHEIGHT 2\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n\1\2\3\xff\4\5\6\7"),
         3,
         {1, 2, 3, 4, 5, 6}},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        hone_tensor *t = decode(files[i].bytes, files[i].size, HONE_PIXEL_NATIVE);
        expect_pixels(t, files[i].channels == 3 ? 2 : 3, files[i].channels == 3 ? 1 : 2, files[i].channels,
                      files[i].want);
        hone_tensor_destroy(t);
    }
}

static void put16(uint8_t *p, unsigned v) {
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

/* A file and information header, 54 bytes. */
static void bmp_header(uint8_t *p, int width, int height, unsigned bits, unsigned compression, unsigned offset,
                       unsigned colours) {
    memset(p, 0, 54);
    memcpy(p, "BM", 2);
    put16(p + 10, offset);
    put16(p + 14, 40);
    for (int i = 0; i < 4; i++) {
        p[18 + i] = (uint8_t)((unsigned)width >> (8 * i));
        p[22 + i] = (uint8_t)((unsigned)height >> (8 * i));
    }
    put16(p + 26, 1);
    put16(p + 28, bits);
    put16(p + 30, compression);
    put16(p + 46, colours);
}

static void test_bmp(void **state) {
    (void)state;
    uint8_t p[200];
    /* 16 bits, 565, top down. */
    bmp_header(p, 2, -1, 16, 3, 66, 0);
    const uint8_t masks[] = {0, 0xF8, 0, 0, 0xE0, 0x07, 0, 0, 0x1F, 0, 0, 0, 0x00, 0xF8, 0xFF, 0x07};
    memcpy(p + 54, masks, sizeof masks);
    const uint8_t yellow[] = {255, 0, 0, 0, 255, 255};
    hone_tensor *t = decode(p, 70, HONE_PIXEL_RGB);
    expect_pixels(t, 1, 2, 3, yellow);
    hone_tensor_destroy(t);
    /* One bit with a palette of two, bottom up. */
    bmp_header(p, 2, 2, 1, 0, 62, 2);
    const uint8_t bits[] = {1, 2, 3, 0, 4, 5, 6, 0, 0x40, 0, 0, 0, 0x80, 0, 0, 0};
    memcpy(p + 54, bits, sizeof bits);
    const uint8_t two[] = {6, 5, 4, 3, 2, 1, 3, 2, 1, 6, 5, 4};
    expect_pixels(t = decode(p, 70, HONE_PIXEL_RGB), 2, 2, 3, two);
    hone_tensor_destroy(t);
    /* Runs of eight bits: two of colour 1, end of line, one moved to the right, end. */
    bmp_header(p, 3, 2, 8, 1, 62, 2);
    const uint8_t runs[] = {0, 0, 0, 0, 9, 8, 7, 0, 2, 1, 0, 0, 0, 2, 1, 0, 1, 1, 0, 1};
    memcpy(p + 54, runs, sizeof runs);
    const uint8_t run_pixels[] = {0, 0, 0, 7, 8, 9, 0, 0, 0, 7, 8, 9, 7, 8, 9, 0, 0, 0};
    expect_pixels(t = decode(p, 74, HONE_PIXEL_RGB), 2, 3, 3, run_pixels);
    hone_tensor_destroy(t);
    /* Runs of four bits: alternating colours, then three copied. */
    bmp_header(p, 3, 2, 4, 2, 62, 2);
    const uint8_t nibbles[] = {0, 0, 0, 0, 9, 8, 7, 0, 3, 0x10, 0, 0, 0, 3, 0x01, 0x10, 0, 1};
    memcpy(p + 54, nibbles, sizeof nibbles);
    const uint8_t nibble_pixels[] = {0, 0, 0, 7, 8, 9, 7, 8, 9, 7, 8, 9, 0, 0, 0, 7, 8, 9};
    expect_pixels(t = decode(p, 72, HONE_PIXEL_RGB), 2, 3, 3, nibble_pixels);
    hone_tensor_destroy(t);
}

static hone_status status_of(const void *bytes, size_t n) {
    hone_error error;
    hone_tensor *t = NULL;
    hone_status status = hone_image_decode(bytes, n, HONE_PIXEL_RGB, &t, &error);
    assert_true(status == HONE_OK ? t != NULL : t == NULL);
    if (status == HONE_OK)
        assert_true(hone_tensor_dims(t)[0] <= 65535 && hone_tensor_dims(t)[1] <= 65535);
    hone_tensor_destroy(t);
    return status;
}

static void test_refusals(void **state) {
    (void)state;
    uint8_t p[200];
    assert_int_equal(status_of("", 0), HONE_ERROR_CONFIG);
    assert_int_equal(status_of("GIF89a", 6), HONE_ERROR_CONFIG);
    assert_int_equal(status_of("P6 100000 100000 255\n", 21), HONE_ERROR_CONFIG);
    assert_int_equal(status_of("P4 1073741824 1\n", 16), HONE_ERROR_CONFIG);
    assert_int_equal(status_of("P5 3 3 0\n123456789", 18), HONE_ERROR_CONFIG);
    bmp_header(p, 70000, 70000, 8, 1, 62, 2);
    assert_int_equal(status_of(p, 62), HONE_ERROR_CONFIG);
    bmp_header(p, 2, 2, 32, 4, 54, 0); /* a JPEG inside */
    assert_int_equal(status_of(p, 60), HONE_ERROR_UNSUPPORTED);
    hone_error error;
    hone_tensor *t;
    assert_int_equal(hone_image_decode(NULL, 3, HONE_PIXEL_RGB, &t, &error), HONE_ERROR_ARGUMENT);
    assert_int_equal(hone_image_decode(p, 3, (hone_pixel_format)9, &t, &error), HONE_ERROR_ARGUMENT);
    assert_string_equal(hone_image_format_name(HONE_IMAGE_FORMAT_JPEG2000), "JPEG 2000");
    assert_false(hone_image_is_supported(HONE_IMAGE_FORMAT_UNKNOWN));
    assert_true(hone_image_is_supported(HONE_IMAGE_FORMAT_BMP));
}

/* Every file cut off at every length, and with bytes changed. */
static void test_damage(void **state) {
    (void)state;
    static const char *const names[] = {"small.bmp",   "small_palette.bmp", "small.ppm",      "small.png",
                                        "palette.png", "small.tif",         "small_gray.tif", "small.webp",
                                        "small.jp2",   "smooth.jpg",        "small_cmyk.jpg"};
    uint8_t bytes[4096], copy[4096];
    uint32_t seed = 1;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t n = read_file(names[k], bytes, sizeof bytes);
        for (size_t size = 0; size < n; size++)
            (void)status_of(bytes, size);
        for (int round = 0; round < 400; round++) {
            memcpy(copy, bytes, n);
            for (int i = 0; i < 1 + round % 4; i++) {
                seed = seed * 1664525u + 1013904223u;
                copy[(seed >> 8) % n] = (uint8_t)(seed >> 24);
            }
            (void)status_of(copy, n);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formats), cmocka_unit_test(test_pnm),
                                       cmocka_unit_test(test_bmp), cmocka_unit_test(test_refusals),
                                       cmocka_unit_test(test_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
