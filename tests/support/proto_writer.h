/* Writes ONNX files byte by byte, for tests that need a certain file: just enough of protobuf, and values. */
#ifndef HONE_TESTS_SUPPORT_PROTO_WRITER_H
#define HONE_TESTS_SUPPORT_PROTO_WRITER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct buffer {
    uint8_t *data;
    size_t size, capacity;
} buffer;

static inline void put(buffer *b, const void *data, size_t size) {
    if (b->size + size > b->capacity) {
        b->capacity = (b->size + size) * 2;
        b->data = realloc(b->data, b->capacity);
        if (!b->data)
            exit(99);
    }
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

static inline void put_varint(buffer *b, uint64_t value) {
    do {
        uint8_t byte = (uint8_t)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        put(b, &byte, 1);
        value >>= 7;
    } while (value);
}

static inline void put_number(buffer *b, int field, uint64_t value) {
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, value);
}

static inline void put_bytes(buffer *b, int field, const void *data, size_t size) {
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, size);
    put(b, data, size);
}

static inline void put_text(buffer *b, int field, const char *text) { put_bytes(b, field, text, strlen(text)); }

static inline void put_message(buffer *b, int field, buffer *message) {
    put_bytes(b, field, message->data, message->size);
    message->size = 0;
}

/* ValueInfoProto of a float tensor. */
static inline void put_value(buffer *graph, int field, const char *name, const uint64_t *dims, int rank) {
    buffer dim = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    for (int i = 0; i < rank; i++) {
        put_number(&dim, 1, dims[i]);
        put_message(&shape, 1, &dim);
    }
    put_number(&tensor, 1, 1);
    put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    put_text(&value, 1, name);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
    free(dim.data);
    free(shape.data);
    free(tensor.data);
    free(type.data);
    free(value.data);
}

/* A float TensorProto as an initializer. */
static inline void put_initializer(buffer *graph, const char *name, const uint64_t *dims, int rank, const float *data) {
    buffer part = {0};
    size_t n = 1;
    for (int i = 0; i < rank; i++) {
        put_number(&part, 1, dims[i]);
        n *= dims[i];
    }
    put_number(&part, 2, 1);
    put_text(&part, 8, name);
    put_bytes(&part, 9, data, n * sizeof *data);
    put_message(graph, 5, &part);
    free(part.data);
}

/* Ends the model (opset 17, IR 8) around a graph and writes it; exits with 99 when that fails. */
static inline void write_proto(const char *path, buffer *graph) {
    buffer model = {0}, part = {0};
    put_number(&model, 1, 8);
    put_number(&part, 2, 17);
    put_message(&model, 8, &part);
    put_message(&model, 7, graph);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(model.data, 1, model.size, file) != model.size || fclose(file))
        exit(99);
    free(part.data);
    free(model.data);
}

/* A field of /proc/self/status in bytes; -1 when it is not there. */
static inline long long status_field(const char *field) {
    char line[256];
    long long kb = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && kb < 0 && fgets(line, sizeof line, file))
        if (!strncmp(line, field, strlen(field)))
            kb = atoll(line + strlen(field) + 1);
    if (file)
        fclose(file);
    return kb < 0 ? -1 : kb * 1024;
}

#endif
