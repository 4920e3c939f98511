/* The measurer and writer of messages; see pb_message.h. Lengths precede payloads in the wire format,
 * so sizes are computed first, bottom-up, and kept in each message; then the bytes stream out, large
 * ones straight from where they lie. */
#include "onnx/pb_message.h"

#include "base/checked.h"
#include "base/error.h"

typedef struct measurer {
    hone_error *error;
    int depth;
} measurer;

static bool add(size_t *total, size_t more) { return hone__add_size(*total, more, total); }

static size_t tag_size(const hone__pb_field *field) { return hone__pb_varint_size((uint64_t)field->number << 3); }

/* Bytes of a length-delimited field's length and payload. */
static bool add_delimited(size_t *total, const hone__pb_field *field, size_t payload) {
    return add(total, tag_size(field)) && add(total, hone__pb_varint_size(payload)) && add(total, payload);
}

static hone_status measure(measurer *m, const hone__pb_message *message, void *msg);

static hone_status measure_child(measurer *m, const hone__pb_field *field, void *child, size_t *total) {
    if (m->depth >= HONE_PB_MAX_DEPTH)
        return hone__fail(m->error, HONE_ERROR_LIMIT, "messages are nested more than %d deep", HONE_PB_MAX_DEPTH);
    m->depth++;
    HONE_TRY(measure(m, field->message, child));
    m->depth--;
    if (!add_delimited(total, field, ((hone__pb_head *)child)->size))
        return hone__fail(m->error, HONE_ERROR_LIMIT, "the model's size overflows");
    return HONE_OK;
}

static size_t ints_size(const int64_t *v, size_t n) {
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        size += hone__pb_varint_size((uint64_t)v[i]);
    return size;
}

/* Payload bytes of scattered numbers, which are written as one packed run. */
static size_t scattered_size(const hone__pb_message *message, const void *msg, const hone__pb_numbers *numbers,
                             hone__pb_wire wire) {
    if (wire != HONE_PB_VARINT)
        return numbers->n * (wire == HONE_PB_FIXED32 ? 4u : 8u);
    hone__pb_numbers_iter iter;
    size_t size = 0;
    uint64_t word;
    hone__pb_numbers_begin(&iter, message, msg, numbers);
    while (hone__pb_numbers_next(&iter, &word))
        size += hone__pb_varint_size(word);
    return size;
}

static hone_status measure_field(measurer *m, const hone__pb_message *message, void *msg, const hone__pb_field *field,
                                 size_t *total) {
    void *at = (char *)msg + field->offset;
    hone__pb_array *array = at;
    bool ok = true;
    switch (field->kind) {
    case HONE_PB_INT:
        if (!field->is_repeated)
            ok = add(total, tag_size(field) + hone__pb_varint_size(*(uint64_t *)at));
        else if (field->is_packed)
            ok = add_delimited(total, field, ints_size(array->items, array->n));
        else
            ok = add(total, array->n * tag_size(field) + ints_size(array->items, array->n));
        break;
    case HONE_PB_FLOAT:
        if (!field->is_repeated)
            ok = add(total, tag_size(field) + 4);
        else if (field->is_packed)
            ok = add_delimited(total, field, array->n * 4);
        else
            ok = add(total, array->n * (tag_size(field) + 4));
        break;
    case HONE_PB_BYTES:
        if (!field->is_repeated)
            ok = add_delimited(total, field, ((hone__pb_bytes *)at)->size);
        else
            for (size_t i = 0; ok && i < array->n; i++)
                ok = add_delimited(total, field, ((hone__pb_bytes *)array->items)[i].size);
        break;
    case HONE_PB_MESSAGE:
        if (!field->is_repeated)
            return measure_child(m, field, *(void **)at, total);
        for (size_t i = 0; i < array->n; i++)
            HONE_TRY(measure_child(m, field, (char *)array->items + i * field->message->size, total));
        break;
    case HONE_PB_NUMBERS: {
        hone__pb_numbers *numbers = at;
        ok = add_delimited(total, field,
                           numbers->is_scattered ? scattered_size(message, msg, numbers, (hone__pb_wire)field->wire)
                                                 : numbers->packed.size);
        break;
    }
    default:
        break;
    }
    return ok ? HONE_OK : hone__fail(m->error, HONE_ERROR_LIMIT, "the model's size overflows");
}

/* Repeated fields are written when they hold something, whatever the presence bit says. */
static bool is_present(const void *msg, const hone__pb_field *field, size_t index) {
    const void *at = (const char *)msg + field->offset;
    if (field->kind == HONE_PB_NUMBERS)
        return ((const hone__pb_numbers *)at)->n != 0;
    if (field->is_repeated)
        return ((const hone__pb_array *)at)->n != 0;
    if (field->kind == HONE_PB_MESSAGE)
        return *(void *const *)at != NULL;
    return (((const hone__pb_head *)msg)->has >> index) & 1u;
}

static hone_status measure(measurer *m, const hone__pb_message *message, void *msg) {
    hone__pb_head *head = msg;
    size_t total = 0;
    for (size_t i = 0; i < head->n_unknown; i++)
        if (!add(&total, head->unknown[i].size))
            return hone__fail(m->error, HONE_ERROR_LIMIT, "the model's size overflows");
    for (size_t i = 0; i < message->n_fields; i++)
        if (is_present(msg, &message->fields[i], i))
            HONE_TRY(measure_field(m, message, msg, &message->fields[i], &total));
    head->size = total;
    return HONE_OK;
}

hone_status hone__pb_measure(const hone__pb_message *message, void *msg, size_t *size, hone_error *error) {
    measurer m = {.error = error};
    HONE_TRY(measure(&m, message, msg));
    *size = ((hone__pb_head *)msg)->size;
    return HONE_OK;
}

typedef struct writer {
    const hone__pb_sink *sink;
    hone_error *error;
} writer;

static hone_status put(writer *w, const void *data, size_t size) {
    return size ? w->sink->write(w->sink->user, data, size, w->error) : HONE_OK;
}

static hone_status put_tag(writer *w, const hone__pb_field *field, hone__pb_wire wire) {
    uint8_t buf[10];
    return put(w, buf, hone__pb_put_varint(buf, (uint64_t)field->number << 3 | (uint64_t)wire));
}

static hone_status put_varint(writer *w, uint64_t value) {
    uint8_t buf[10];
    return put(w, buf, hone__pb_put_varint(buf, value));
}

static hone_status put_fixed(writer *w, uint64_t value, size_t size) {
    uint8_t buf[8];
    for (size_t i = 0; i < size; i++)
        buf[i] = (uint8_t)(value >> (8 * i));
    return put(w, buf, size);
}

static hone_status put_bytes(writer *w, const hone__pb_field *field, hone__pb_bytes bytes) {
    HONE_TRY(put_tag(w, field, HONE_PB_LENGTH));
    HONE_TRY(put_varint(w, bytes.size));
    return put(w, bytes.data, bytes.size);
}

static uint64_t float_bits(float f) {
    uint32_t bits;
    memcpy(&bits, &f, 4);
    return bits;
}

static hone_status write_message(writer *w, const hone__pb_message *message, const void *msg);

static hone_status write_child(writer *w, const hone__pb_field *field, const void *child) {
    HONE_TRY(put_tag(w, field, HONE_PB_LENGTH));
    HONE_TRY(put_varint(w, ((const hone__pb_head *)child)->size));
    return write_message(w, field->message, child);
}

static hone_status write_numbers(writer *w, const hone__pb_message *message, const void *msg,
                                 const hone__pb_field *field, const hone__pb_numbers *numbers) {
    if (!numbers->is_scattered)
        return put_bytes(w, field, numbers->packed);
    HONE_TRY(put_tag(w, field, HONE_PB_LENGTH));
    HONE_TRY(put_varint(w, scattered_size(message, msg, numbers, (hone__pb_wire)field->wire)));
    hone__pb_numbers_iter iter;
    uint64_t word;
    hone__pb_numbers_begin(&iter, message, msg, numbers);
    while (hone__pb_numbers_next(&iter, &word))
        HONE_TRY(field->wire == HONE_PB_VARINT ? put_varint(w, word)
                                               : put_fixed(w, word, field->wire == HONE_PB_FIXED32 ? 4 : 8));
    return HONE_OK;
}

static hone_status write_ints(writer *w, const hone__pb_field *field, const hone__pb_array *array) {
    const int64_t *v = array->items;
    if (field->is_packed) {
        HONE_TRY(put_tag(w, field, HONE_PB_LENGTH));
        HONE_TRY(put_varint(w, ints_size(v, array->n)));
    }
    for (size_t i = 0; i < array->n; i++) {
        if (!field->is_packed)
            HONE_TRY(put_tag(w, field, HONE_PB_VARINT));
        HONE_TRY(put_varint(w, (uint64_t)v[i]));
    }
    return HONE_OK;
}

static hone_status write_floats(writer *w, const hone__pb_field *field, const hone__pb_array *array) {
    const float *v = array->items;
    if (field->is_packed) {
        HONE_TRY(put_tag(w, field, HONE_PB_LENGTH));
        HONE_TRY(put_varint(w, array->n * 4));
    }
    for (size_t i = 0; i < array->n; i++) {
        if (!field->is_packed)
            HONE_TRY(put_tag(w, field, HONE_PB_FIXED32));
        HONE_TRY(put_fixed(w, float_bits(v[i]), 4));
    }
    return HONE_OK;
}

static hone_status write_field(writer *w, const hone__pb_message *message, const void *msg,
                               const hone__pb_field *field) {
    const void *at = (const char *)msg + field->offset;
    const hone__pb_array *array = at;
    switch (field->kind) {
    case HONE_PB_INT:
        if (field->is_repeated)
            return write_ints(w, field, array);
        HONE_TRY(put_tag(w, field, HONE_PB_VARINT));
        return put_varint(w, *(const uint64_t *)at);
    case HONE_PB_FLOAT:
        if (field->is_repeated)
            return write_floats(w, field, array);
        HONE_TRY(put_tag(w, field, HONE_PB_FIXED32));
        return put_fixed(w, float_bits(*(const float *)at), 4);
    case HONE_PB_BYTES:
        if (!field->is_repeated)
            return put_bytes(w, field, *(const hone__pb_bytes *)at);
        for (size_t i = 0; i < array->n; i++)
            HONE_TRY(put_bytes(w, field, ((const hone__pb_bytes *)array->items)[i]));
        return HONE_OK;
    case HONE_PB_MESSAGE:
        if (!field->is_repeated)
            return write_child(w, field, *(void *const *)at);
        for (size_t i = 0; i < array->n; i++)
            HONE_TRY(write_child(w, field, (const char *)array->items + i * field->message->size));
        return HONE_OK;
    default:
        return write_numbers(w, message, msg, field, at);
    }
}

static hone_status write_message(writer *w, const hone__pb_message *message, const void *msg) {
    const hone__pb_head *head = msg;
    for (size_t i = 0; i < message->n_fields; i++)
        if (is_present(msg, &message->fields[i], i))
            HONE_TRY(write_field(w, message, msg, &message->fields[i]));
    for (size_t i = 0; i < head->n_unknown; i++)
        HONE_TRY(put(w, head->unknown[i].data, head->unknown[i].size));
    return HONE_OK;
}

hone_status hone__pb_write(const hone__pb_message *message, const void *msg, const hone__pb_sink *sink,
                           hone_error *error) {
    writer w = {sink, error};
    return write_message(&w, message, msg);
}
