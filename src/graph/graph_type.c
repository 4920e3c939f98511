/* Types of values: copying and describing. */
#include "graph/graph.h"

#include "base/checked.h"

#include <stdio.h>
#include <string.h>

/* Sequences of optionals of ... : as deep as a copy or a description goes. */
enum { MAX_TYPE_DEPTH = 16 };

hone_status hone__type_set_tensor(hone__arena *arena, hone__type *type, hone_dtype dtype, int rank,
                                  const hone__dim *dims) {
    hone__dim *copy = NULL;
    if (rank > 0) {
        copy = hone__arena_calloc(arena, (size_t)rank, sizeof *copy);
        if (!copy)
            return HONE_ERROR_MEMORY;
        memcpy(copy, dims, (size_t)rank * sizeof *copy);
    }
    *type = (hone__type){.kind = HONE_KIND_TENSOR, .dtype = dtype, .rank = rank, .dims = copy, .is_known = true};
    return HONE_OK;
}

hone_status hone__type_copy(hone__arena *arena, const hone__type *from, hone__type *to) {
    hone__type first = {0}, *target = &first;
    for (int depth = 0; from && depth < MAX_TYPE_DEPTH; depth++) {
        *target = *from;
        target->elem = NULL;
        target->dims = NULL;
        if (from->rank > 0) {
            target->dims = hone__arena_calloc(arena, (size_t)from->rank, sizeof *target->dims);
            if (!target->dims)
                return HONE_ERROR_MEMORY;
            for (int i = 0; i < from->rank; i++) {
                target->dims[i] = from->dims[i];
                const char *symbol = from->dims[i].symbol;
                if (symbol && !(target->dims[i].symbol = hone__arena_strdup(arena, symbol)))
                    return HONE_ERROR_MEMORY;
            }
        }
        from = from->elem;
        if (from) {
            hone__type *elem = hone__arena_calloc(arena, 1, sizeof *elem);
            if (!elem)
                return HONE_ERROR_MEMORY;
            target->elem = elem;
            target = elem;
        }
    }
    *to = first;
    return HONE_OK;
}

bool hone__type_is_static(const hone__type *type) {
    if (!type->is_known || type->kind != HONE_KIND_TENSOR || type->rank < 0)
        return false;
    for (int i = 0; i < type->rank; i++)
        if (type->dims[i].value < 0)
            return false;
    return true;
}

/* Appends to buf, cutting what does not fit; returns the new length (< size). */
static size_t put(char *buf, size_t size, size_t at, const char *text) {
    if (at + 1 >= size)
        return at;
    size_t n = hone__min_size(strlen(text), size - 1 - at);
    memcpy(buf + at, text, n);
    buf[at + n] = '\0';
    return at + n;
}

static size_t put_tensor(const hone__type *type, char *buf, size_t size, size_t at) {
    at = put(buf, size, at, hone_dtype_name(type->dtype));
    if (type->rank < 0)
        return put(buf, size, at, "[...]");
    at = put(buf, size, at, "[");
    for (int i = 0; i < type->rank; i++) {
        char number[24];
        const hone__dim *dim = &type->dims[i];
        snprintf(number, sizeof number, "%lld", (long long)dim->value);
        if (i)
            at = put(buf, size, at, ",");
        at = put(buf, size, at, dim->value >= 0 ? number : dim->symbol ? dim->symbol : "?");
    }
    return put(buf, size, at, "]");
}

const char *hone__type_describe(const hone__type *type, char *buf, size_t size) {
    static const char *const open[] = {"", "sequence(", "optional(", "map("};
    size_t at = 0;
    int depth = 0;
    if (size)
        buf[0] = '\0';
    for (; type && type->is_known && type->kind != HONE_KIND_TENSOR && depth < MAX_TYPE_DEPTH; depth++) {
        at = put(buf, size, at, open[type->kind]);
        if (type->kind == HONE_KIND_MAP) {
            at = put(buf, size, at, hone_dtype_name(type->dtype));
            at = put(buf, size, at, ", ");
        }
        type = type->elem;
    }
    at = type && type->is_known && type->kind == HONE_KIND_TENSOR ? put_tensor(type, buf, size, at)
                                                                  : put(buf, size, at, "?");
    while (depth-- > 0)
        at = put(buf, size, at, ")");
    return buf;
}
