/* Messages by table: one parser, one measurer and one writer serve every message of onnx.proto,
 * driven by descriptors (onnx_messages.c). Strings, bytes and packed numbers are views into the
 * input, which must outlive the messages; structs and arrays live in the caller's arena.
 *
 * Fields that a descriptor does not know are kept as raw bytes per message and written back, so that
 * a file of a newer ONNX release survives reading and writing. */
#ifndef HONE_ONNX_PB_MESSAGE_H
#define HONE_ONNX_PB_MESSAGE_H

#include "base/arena.h"
#include "onnx/pb_wire.h"

#include <hone/status.h>

typedef enum hone__pb_kind {
    HONE_PB_INT,     /* int32, int64, enum: int64_t */
    HONE_PB_FLOAT,   /* float */
    HONE_PB_BYTES,   /* string, bytes: hone__pb_bytes */
    HONE_PB_MESSAGE, /* pointer to a struct that begins with hone__pb_head */
    HONE_PB_NUMBERS  /* repeated numbers kept undecoded: hone__pb_numbers */
} hone__pb_kind;

/* Large repeated numbers (tensor data) stay where they lie. `packed` is the whole payload when the
 * file holds one packed run; is_scattered: several runs or single values, found by walking
 * head.body again (hone__pb_numbers_next). */
typedef struct hone__pb_numbers {
    hone__pb_bytes packed;
    size_t n;
    bool is_scattered;
} hone__pb_numbers;

/* Every message struct begins with this. */
typedef struct hone__pb_head {
    uint32_t has;            /* bit i: field i of the descriptor occurs (repeated ones: is not empty) */
    uint32_t n_unknown;      /* runs of unknown fields */
    hone__pb_bytes body;     /* where it was read from; data NULL when it was made in memory */
    hone__pb_bytes *unknown; /* [n_unknown] tags included */
    size_t size;             /* of the encoded body, set by hone__pb_measure */
} hone__pb_head;

/* Repeated fields are { items, n } pairs: int64_t, float, hone__pb_bytes, or structs side by side. */
typedef struct hone__pb_array {
    void *items;
    size_t n;
} hone__pb_array;

typedef struct hone__pb_message hone__pb_message;
typedef struct hone__pb_field {
    const char *name;
    uint16_t number;
    uint8_t kind;
    bool is_repeated;
    bool is_packed;  /* how repeated numbers are written */
    uint8_t wire;    /* NUMBERS: wire type of one number */
    uint16_t offset; /* in the struct */
    const hone__pb_message *message;
} hone__pb_field;

struct hone__pb_message {
    const char *name;
    size_t size; /* of the struct */
    const hone__pb_field *fields;
    size_t n_fields; /* <= 32 */
};

enum { HONE_PB_MAX_DEPTH = 100 };

/* Parses `data` into the struct `out` (zeroed first). file: for messages, or NULL; base: address of
 * the file's first byte, so that errors give positions in the file. Memory is limited to a small
 * multiple of the input. Errors: MODEL with offset, LIMIT, MEMORY. */
hone_status hone__pb_parse(const hone__pb_message *message, hone__pb_bytes data, const uint8_t *base, const char *file,
                           hone__arena *arena, void *out, hone_error *error);

/* Takes bytes; returning a failure stops the writer. */
typedef struct hone__pb_sink {
    hone_status (*write)(void *user, const void *data, size_t size, hone_error *error);
    void *user;
} hone__pb_sink;

/* Sets head.size of the message and of all that it holds; LIMIT when it nests too deeply. */
hone_status hone__pb_measure(const hone__pb_message *message, void *msg, size_t *size, hone_error *error);
/* Writes a measured message. */
hone_status hone__pb_write(const hone__pb_message *message, const void *msg, const hone__pb_sink *sink,
                           hone_error *error);

/* Walks numbers kept undecoded, in order. */
typedef struct hone__pb_numbers_iter {
    hone__pb_cursor body, run;
    uint32_t number; /* field */
    hone__pb_wire wire;
} hone__pb_numbers_iter;
void hone__pb_numbers_begin(hone__pb_numbers_iter *iter, const hone__pb_message *message, const void *msg,
                            const hone__pb_numbers *numbers);
/* The next number's bits, or false at the end (the input was checked when it was parsed). */
bool hone__pb_numbers_next(hone__pb_numbers_iter *iter, uint64_t *out);

/* Field presence by offset: HONE_PB_HAS(hone__tensor_desc, tensor, raw_data). */
bool hone__pb_has(const hone__pb_message *message, const void *msg, size_t offset);
void hone__pb_set_has(const hone__pb_message *message, void *msg, size_t offset);
#define HONE_PB_HAS(desc, msg, member) hone__pb_has(&(desc), (msg), offsetof(__typeof__(*(msg)), member))
#define HONE_PB_SET(desc, msg, member) hone__pb_set_has(&(desc), (msg), offsetof(__typeof__(*(msg)), member))

#endif
