/* The protobuf layer, tensors, external data, and saving. */
#include "base/alloc.h"
#include "onnx/onnx_file.h"
#include "onnx/onnx_tensor.h"

#include <hone/hone.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char g_folder[64];

static const char *in_folder(const char *name) {
    static char path[2][256];
    static int turn;
    turn ^= 1;
    snprintf(path[turn], sizeof path[turn], "%s/%s", g_folder, name);
    return path[turn];
}

static int setup(void **state) {
    (void)state;
    strcpy(g_folder, "/tmp/hone_test_XXXXXX");
    return mkdtemp(g_folder) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", g_folder);
    return system(command);
}

static hone_status parse_tensor(const void *data, size_t size, hone_tensor **out, hone_error *error) {
    hone__arena arena;
    hone__tensor_proto proto;
    hone__pb_bytes bytes = {data, size};
    hone__onnx_source source = {.base = data, .path = "test"};
    hone__arena_init(&arena);
    hone_status status = hone__pb_parse(&hone__tensor_desc, bytes, data, "test", &arena, &proto, error);
    if (status == HONE_OK)
        status = hone__onnx_tensor_create(&proto, &source, HONE_ONNX_ALIGN, out, error);
    hone__arena_deinit(&arena);
    return status;
}

static void test_numbers(void **state) {
    (void)state;
    hone_tensor *t;
    hone_error error = {0};
    /* dims [2], float, float_data as two single values */
    static const unsigned char single[] = {0x08, 2, 0x10, 1, 0x25, 0, 0, 0x80, 0x3F, 0x25, 0, 0, 0, 0x40};
    assert_int_equal(parse_tensor(single, sizeof single, &t, &error), HONE_OK);
    assert_true(hone_tensor_get_double(t, 0) == 1.0 && hone_tensor_get_double(t, 1) == 2.0);
    hone_tensor_destroy(t);
    /* packed dims [1,2], int8 in int32_data, -1 as ten bytes */
    static const unsigned char packed[] = {0x0A, 2,    1,    2,    0x10, 3,    0x2A, 11, 0xFF, 0xFF,
                                           0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1,  7};
    assert_int_equal(parse_tensor(packed, sizeof packed, &t, &error), HONE_OK);
    assert_true(hone_tensor_get_double(t, 0) == -1.0 && hone_tensor_get_double(t, 1) == 7.0);
    hone_tensor_destroy(t);
    /* int4: two elements in one entry */
    static const unsigned char int4[] = {0x08, 2, 0x10, 22, 0x2A, 1, 0x1F};
    assert_int_equal(parse_tensor(int4, sizeof int4, &t, &error), HONE_OK);
    assert_int_equal(((const unsigned char *)hone_tensor_data_const(t))[0], 0x1F);
    hone_tensor_destroy(t);
}

static void fails(const void *data, size_t size, const char *part) {
    hone_tensor *t;
    hone_error error = {0};
    assert_int_equal(parse_tensor(data, size, &t, &error), HONE_ERROR_MODEL);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    assert_true(error.offset >= 0);
}

static void test_faults(void **state) {
    (void)state;
    fails("\x0B\x0C", 2, "group");
    fails("\x10", 1, "end inside an integer");
    fails("\x4A\x05"
          "abc",
          5, "length");
    fails("\x08\x02\x10\x01\x4A\x04"
          "abcd",
          10, "needs 8");
    fails("\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x10\x01", 13, "dimension 0 is -1");
    fails("\x08\x01\x10\x63", 4, "element type 99");
    fails("\x42\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 13, "");
    fails("\x12\x01\x41", 3, "wire type");
    fails("\x08\x01\x10\x03\x2A\x02\x80\x04", 8, "not a int8");
}

/* Messages inside messages beyond the limit. */
static void test_depth(void **state) {
    (void)state;
    unsigned char data[4096];
    size_t size = 0;
    for (int i = 0; i < 300; i++) { /* built from the inside: OptionalProto.optional_value */
        unsigned char head[4] = {0x3A};
        size_t n = 1 + hone__pb_put_varint(head + 1, size);
        memmove(data + n, data, size);
        memcpy(data, head, n);
        size += n;
    }
    hone__arena arena;
    hone__optional_proto proto;
    hone_error error = {0};
    hone__pb_bytes bytes = {data, size};
    hone__arena_init(&arena);
    assert_int_equal(hone__pb_parse(&hone__optional_desc, bytes, data, "", &arena, &proto, &error), HONE_ERROR_LIMIT);
    assert_non_null(strstr(error.message, "deep"));
    hone__arena_deinit(&arena);
}

static void test_containers(void **state) {
    (void)state;
    hone_error error = {0};
    int64_t dim = 3;
    hone_tensor *items[2], *sequence, *optional, *back;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 1, &dim, &items[0], &error), HONE_OK);
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, 1, &dim, &items[1], &error), HONE_OK);
    ((float *)hone_tensor_data(items[1]))[2] = 5;
    assert_int_equal(hone_tensor_create_container(HONE_KIND_SEQUENCE, items, 2, &sequence, &error), HONE_OK);
    assert_int_equal(hone_tensor_create_container(HONE_KIND_OPTIONAL, &sequence, 1, &optional, &error), HONE_OK);
    assert_int_equal(hone_tensor_write_pb(in_folder("o.pb"), optional, "value", &error), HONE_OK);
    char name[16];
    assert_int_equal(hone_tensor_load(in_folder("o.pb"), HONE_KIND_OPTIONAL, name, sizeof name, &back, &error),
                     HONE_OK);
    assert_string_equal(name, "value");
    const hone_tensor *inner = hone_tensor_get_item(back, 0);
    assert_int_equal(hone_tensor_item_count(inner), 2);
    assert_true(hone_tensor_get_double(hone_tensor_get_item(inner, 1), 2) == 5.0);
    hone_tensor_destroy(optional);
    hone_tensor_destroy(back);
    assert_int_equal(hone_tensor_load(in_folder("none.pb"), HONE_KIND_TENSOR, NULL, 0, &back, &error), HONE_ERROR_IO);
}

/* ---- external data ---- */

static hone_status external(const char *location, const char *offset, const char *length, hone_tensor **out,
                            hone_error *error) {
    const char *texts[3][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    hone__entry_proto entries[3];
    int64_t dims[1] = {4};
    hone__tensor_proto t = {.dims = {dims, 1}, .data_type = HONE_DTYPE_FLOAT, .data_location = 1};
    memset(entries, 0, sizeof entries);
    t.external_data.items = entries;
    t.name = hone__pb_text("w");
    for (int i = 0; i < 3; i++)
        if (texts[i][1]) {
            entries[t.external_data.n].key = hone__pb_text(texts[i][0]);
            entries[t.external_data.n++].value = hone__pb_text(texts[i][1]);
        }
    hone__onnx_source source;
    hone_status status = hone__onnx_source_init(&source, NULL, in_folder("m.onnx"), g_folder, error);
    if (status == HONE_OK)
        status = hone__onnx_tensor_create(&t, &source, 0, out, error);
    if (status == HONE_OK) {
        hone_tensor *view = *out;
        status = hone_tensor_clone(view, out, error);
        hone_tensor_destroy(view);
    }
    hone__onnx_source_deinit(&source);
    return status;
}

static void refused(const char *location, const char *offset, const char *length, const char *part) {
    hone_tensor *t;
    hone_error error = {0};
    assert_int_not_equal(external(location, offset, length, &t, &error), HONE_OK);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" does not say \"%s\"", error.message, part);
    assert_true(error.hint[0] != 0);
}

static void test_external(void **state) {
    (void)state;
    hone_error error = {0};
    hone_tensor *t;
    float data[6] = {9, 9, 1, 2, 3, 4};
    FILE *file = fopen(in_folder("data.bin"), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, sizeof data, 1, file), 1);
    fclose(file);
    assert_int_equal(external("data.bin", "8", "16", &t, &error), HONE_OK);
    assert_true(hone_tensor_get_double(t, 3) == 4.0);
    hone_tensor_destroy(t);
    assert_int_equal(external("./data.bin", NULL, NULL, &t, &error), HONE_OK);
    hone_tensor_destroy(t);
    assert_int_equal(symlink("/etc/passwd", in_folder("link")), 0);
    refused("data.bin", "12", "16", "bytes");
    refused("data.bin", "8", "12", "needs 16");
    refused("data.bin", "-1", NULL, "not a number");
    refused("data.bin", "18446744073709551615", NULL, "bytes");
    refused("missing.bin", NULL, NULL, "cannot be opened");
    refused("/etc/passwd", NULL, NULL, "leaves the model's folder");
    refused("../data.bin", NULL, NULL, "leaves the model's folder");
    refused("a/../../data.bin", NULL, NULL, "leaves the model's folder");
    refused("link", NULL, NULL, "link that leaves");
    refused("", NULL, NULL, "no location");
}

/* More than 2 GiB, in a file of holes: offsets beyond 32 bits, and no byte is touched but those read. */
static void test_large_external(void **state) {
    (void)state;
    hone_error error = {0};
    hone_tensor *t;
    float data[4] = {1, 2, 3, 4};
    int fd = open(in_folder("big.bin"), O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    if (ftruncate(fd, (off_t)5 << 30) != 0 || pwrite(fd, data, 16, (off_t)4 << 30) != 16) {
        close(fd);
        skip();
    }
    close(fd);
    assert_int_equal(external("big.bin", "4294967296", "16", &t, &error), HONE_OK);
    assert_true(hone_tensor_get_double(t, 2) == 3.0);
    hone_tensor_destroy(t);
}

/* A model saved with external data opens and has the same weights. */
static void test_save(void **state) {
    (void)state;
    hone_error error = {0};
    hone__arena arena;
    hone__arena_init(&arena);
    static float weights[512];
    int64_t dims[1] = {512};
    weights[511] = 7;
    hone__tensor_proto w = {.dims = {dims, 1}, .data_type = HONE_DTYPE_FLOAT};
    w.name = hone__pb_text("w");
    w.raw_data = (hone__pb_bytes){(const uint8_t *)weights, sizeof weights};
    HONE_PB_SET(hone__tensor_desc, &w, name);
    HONE_PB_SET(hone__tensor_desc, &w, raw_data);
    HONE_PB_SET(hone__tensor_desc, &w, data_type);
    hone__value_info_proto y = {.name = hone__pb_text("w")};
    HONE_PB_SET(hone__value_info_desc, &y, name);
    hone__graph_proto graph = {.name = hone__pb_text("g")};
    HONE_PB_SET(hone__graph_desc, &graph, name);
    graph.initializer.items = &w;
    graph.initializer.n = 1;
    graph.output.items = &y;
    graph.output.n = 1;
    hone__opset_proto opset = {.version = 17};
    HONE_PB_SET(hone__opset_desc, &opset, version);
    hone__model_proto model = {.ir_version = 8, .graph = &graph};
    model.opset_import.items = &opset;
    model.opset_import.n = 1;
    HONE_PB_SET(hone__model_desc, &model, ir_version);
    hone__save_options options = {.external = HONE__EXTERNAL_ALWAYS};
    assert_int_equal(hone__onnx_save(&model, &arena, in_folder("saved.onnx"), &options, &error), HONE_OK);
    hone__arena_deinit(&arena);
    struct stat info;
    assert_int_equal(stat(in_folder("saved.onnx"), &info), 0);
    assert_true(info.st_size < 300);
    hone_model *opened;
    if (hone_model_open(in_folder("saved.onnx"), &opened, &error) != HONE_OK)
        fail_msg("%s", error.message);
    assert_true(hone_tensor_get_double(hone_model_get_initializer(opened, 0, NULL), 511) == 7.0);
    hone_model_close(opened);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_faults),   cmocka_unit_test(test_depth),
        cmocka_unit_test(test_containers), cmocka_unit_test(test_external), cmocka_unit_test(test_large_external),
        cmocka_unit_test(test_save),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
