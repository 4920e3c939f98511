/* Fuzz target of everything that reads a file: the protobuf reader and writer, tensors, the graph
 * import with inference, the checker and the test data reader. Build with -Dfuzz=true and clang; the
 * committed corpus is replayed by the tests with any compiler (replay_main.c). */
#include "base/alloc.h"
#include "cpu_limit.h"
#include "model/model.h"
#include "onnx/onnx_messages.h"
#include "onnx/onnx_tensor.h"

#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct memory {
    uint8_t *data;
    size_t used, size;
} memory;

static hone_status append(void *user, const void *data, size_t size, hone_error *error) {
    memory *m = user;
    (void)error;
    if (size > m->size - m->used)
        abort(); /* more was written than was measured */
    if (size)
        memcpy(m->data + m->used, data, size);
    m->used += size;
    return HONE_OK;
}

/* What was read, written and read again has the same size and fields. */
static void round_trip(const hone__pb_message *message, hone__pb_bytes bytes) {
    union {
        hone__model_proto model;
        hone__sequence_proto sequence;
        hone__tensor_proto tensor;
    } first, second;
    hone__arena arena;
    size_t size, again;
    hone__arena_init(&arena);
    if (hone__pb_parse(message, bytes, bytes.data, "", &arena, &first, NULL) == HONE_OK &&
        hone__pb_measure(message, &first, &size, NULL) == HONE_OK) {
        memory m = {hone__malloc(size ? size : 1), 0, size};
        hone__pb_sink sink = {append, &m};
        if (!m.data || hone__pb_write(message, &first, &sink, NULL) != HONE_OK || m.used != size)
            abort();
        hone__pb_bytes written = {m.data, m.used};
        if (hone__pb_parse(message, written, written.data, "", &arena, &second, NULL) != HONE_OK ||
            hone__pb_measure(message, &second, &again, NULL) != HONE_OK || again != size ||
            first.model.head.has != second.model.head.has)
            abort();
        hone__free(m.data);
    }
    hone__arena_deinit(&arena);
}

static void read_tensor(hone__pb_bytes bytes) {
    hone__tensor_proto proto;
    hone__arena arena;
    hone__onnx_source source = {.base = bytes.data, .path = ""};
    hone_tensor *tensor;
    hone__arena_init(&arena);
    if (hone__pb_parse(&hone__tensor_desc, bytes, bytes.data, "", &arena, &proto, NULL) == HONE_OK &&
        hone__onnx_tensor_create(&proto, &source, HONE_ONNX_ALIGN, &tensor, NULL) == HONE_OK)
        hone_tensor_destroy(tensor);
    hone__arena_deinit(&arena);
}

static void open_model(hone__pb_bytes bytes) {
    hone_model *model;
    hone_error error;
    if (hone_model_open_memory(bytes.data, bytes.size, NULL, &model, &error) != HONE_OK)
        return;
    if (hone__graph_verify(hone__model_graph(model), &error) != HONE_OK)
        abort();
    for (size_t i = 0; i < hone_model_unsupported_count(model); i++)
        (void)hone_model_get_unsupported(model, i);
    hone__graph *clone;
    if (hone__model_clone_graph(model, &clone, &error) == HONE_OK)
        hone__graph_destroy(clone);
    hone_model_close(model);
}

/* The full check reads a file: one without a name. */
static void check_file(hone__pb_bytes bytes) {
    char path[64];
    hone_findings *findings;
    hone_error error;
    int fd = memfd_create("model", MFD_CLOEXEC);
    if (fd < 0)
        return;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, bytes.data ? (const void *)bytes.data : "", bytes.size) == (ssize_t)bytes.size &&
        hone_check_file(path, &findings, &error) == HONE_OK) {
        for (size_t i = 0; i < hone_findings_count(findings); i++)
            if (!hone_findings_get(findings, i)->message)
                abort();
        hone_findings_destroy(findings);
    }
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_limit_cpu();
    hone__pb_bytes bytes = {data, size};
    round_trip(&hone__model_desc, bytes);
    round_trip(&hone__sequence_desc, bytes);
    round_trip(&hone__tensor_desc, bytes);
    read_tensor(bytes);
    open_model(bytes);
    check_file(bytes);
    return 0;
}
