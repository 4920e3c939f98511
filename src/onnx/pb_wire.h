/* Protocol Buffers wire format: reading and writing of tags, variable-length integers and fixed
 * words. It knows nothing about messages; pb_message.h builds on it.
 * Specification: protobuf.dev/programming-guides/encoding. */
#ifndef HONE_ONNX_PB_WIRE_H
#define HONE_ONNX_PB_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that lie in the mapped file, in the caller's memory or in an arena. Not NUL-terminated. */
typedef struct hone__pb_bytes {
    const uint8_t *data;
    size_t size;
} hone__pb_bytes;

static inline hone__pb_bytes hone__pb_text(const char *s) {
    hone__pb_bytes bytes = {(const uint8_t *)s, s ? strlen(s) : 0};
    return bytes;
}
static inline bool hone__pb_equal(hone__pb_bytes a, hone__pb_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
static inline bool hone__pb_is(hone__pb_bytes a, const char *s) { return hone__pb_equal(a, hone__pb_text(s)); }

typedef enum hone__pb_wire {
    HONE_PB_VARINT = 0,
    HONE_PB_FIXED64 = 1,
    HONE_PB_LENGTH = 2,
    HONE_PB_GROUP_BEGIN = 3, /* groups do not occur in ONNX: refused */
    HONE_PB_GROUP_END = 4,
    HONE_PB_FIXED32 = 5
} hone__pb_wire;

/* Why reading failed; NULL reason: it did not. The position is where the bad item begins. */
typedef struct hone__pb_cursor {
    const uint8_t *at, *end;
    const char *reason;
} hone__pb_cursor;

/* One field of a message: its number, wire type and payload. */
typedef struct hone__pb_item {
    uint32_t number;
    hone__pb_wire wire;
    const uint8_t *begin;   /* of the tag */
    uint64_t word;          /* VARINT, FIXED32 and FIXED64 */
    hone__pb_bytes payload; /* LENGTH */
} hone__pb_item;

static inline hone__pb_cursor hone__pb_cursor_over(const uint8_t *data, size_t size) {
    hone__pb_cursor cursor = {data, data ? data + size : data, NULL};
    return cursor;
}

/* Both return false at a fault, with `reason` set and `at` at the faulty item. */
bool hone__pb_read_varint(hone__pb_cursor *cursor, uint64_t *out);
/* Reads the next field; false at the end of the message too (reason stays NULL then). */
bool hone__pb_next(hone__pb_cursor *cursor, hone__pb_item *out);

/* Variable-length integers in a packed payload; false when one is cut off or longer than 64 bits. */
bool hone__pb_count_varints(hone__pb_bytes packed, size_t *out);

size_t hone__pb_varint_size(uint64_t value);
/* Writes into out[10]; returns the bytes written. */
size_t hone__pb_put_varint(uint8_t *out, uint64_t value);

static inline uint32_t hone__pb_load32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t hone__pb_load64(const uint8_t *p) {
    return (uint64_t)hone__pb_load32(p) | (uint64_t)hone__pb_load32(p + 4) << 32;
}

#endif
