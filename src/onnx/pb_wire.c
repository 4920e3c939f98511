/* Protocol Buffers wire format; see pb_wire.h. Every length is checked against the bytes that are
 * left before it is used. */
#include "onnx/pb_wire.h"

bool hone__pb_read_varint(hone__pb_cursor *cursor, uint64_t *out) {
    const uint8_t *p = cursor->at;
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (p == cursor->end) {
            cursor->reason = "the data end inside an integer";
            return false;
        }
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1) {
            cursor->reason = "an integer has more than 64 bits";
            return false;
        }
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            cursor->at = p;
            *out = value;
            return true;
        }
    }
    cursor->reason = "an integer has more than 10 bytes";
    return false;
}

static bool read_payload(hone__pb_cursor *cursor, hone__pb_item *out) {
    size_t left;
    switch (out->wire) {
    case HONE_PB_VARINT:
        return hone__pb_read_varint(cursor, &out->word);
    case HONE_PB_FIXED32:
        if (cursor->end - cursor->at < 4)
            break;
        out->word = hone__pb_load32(cursor->at);
        cursor->at += 4;
        return true;
    case HONE_PB_FIXED64:
        if (cursor->end - cursor->at < 8)
            break;
        out->word = hone__pb_load64(cursor->at);
        cursor->at += 8;
        return true;
    case HONE_PB_LENGTH:
        if (!hone__pb_read_varint(cursor, &out->word))
            return false;
        left = (size_t)(cursor->end - cursor->at);
        if (out->word > left) {
            cursor->reason = "a length is larger than the data that are left";
            return false;
        }
        out->payload.data = cursor->at;
        out->payload.size = (size_t)out->word;
        cursor->at += out->payload.size;
        return true;
    case HONE_PB_GROUP_BEGIN:
    case HONE_PB_GROUP_END:
        cursor->reason = "a group, which ONNX files never hold";
        return false;
    default:
        cursor->reason = "an unknown wire type";
        return false;
    }
    cursor->reason = "the data end inside a number";
    return false;
}

bool hone__pb_next(hone__pb_cursor *cursor, hone__pb_item *out) {
    if (cursor->at == cursor->end)
        return false;
    const uint8_t *begin = cursor->at;
    uint64_t tag;
    if (!hone__pb_read_varint(cursor, &tag))
        return false;
    *out = (hone__pb_item){.number = (uint32_t)(tag >> 3), .wire = (hone__pb_wire)(tag & 7), .begin = begin};
    if (tag >> 3 == 0 || tag >> 3 >= 1u << 29) {
        cursor->reason = "a field number out of range";
        cursor->at = begin;
        return false;
    }
    if (read_payload(cursor, out))
        return true;
    cursor->at = begin;
    return false;
}

bool hone__pb_count_varints(hone__pb_bytes packed, size_t *out) {
    size_t n = 0, length = 0;
    for (size_t i = 0; i < packed.size; i++) {
        uint8_t byte = packed.data[i];
        if (++length > 10 || (length == 10 && byte > 1))
            return false;
        if (byte < 0x80) {
            n++;
            length = 0;
        }
    }
    *out = n;
    return length == 0;
}

size_t hone__pb_varint_size(uint64_t value) {
    size_t n = 1;
    for (; value >= 0x80; value >>= 7)
        n++;
    return n;
}

size_t hone__pb_put_varint(uint8_t *out, uint64_t value) {
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        out[n++] = (uint8_t)(value | 0x80);
    out[n++] = (uint8_t)value;
    return n;
}
