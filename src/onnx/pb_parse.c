/* The parser of messages; see pb_message.h. Each message is walked twice: first to check it and to
 * count, so that arrays are allocated once at their exact size, then to fill the struct. */
#include "onnx/pb_message.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdio.h>

enum { MAX_FIELDS = 32, MEMORY_BASE = 16 << 20, MEMORY_FACTOR = 32 };

typedef struct parser {
    hone__arena *arena;
    size_t budget; /* bytes of structs and arrays that may still be allocated */
    const uint8_t *base;
    const char *file;
    hone_error *error;
    int depth;
    struct {
        const char *name;
        size_t index;
        bool is_repeated;
    } path[HONE_PB_MAX_DEPTH];
} parser;

/* "graph.node[3].attribute[0]" */
static void describe_path(const parser *p, char *buf, size_t size) {
    size_t used = 0;
    buf[0] = '\0';
    for (int i = 0; i < p->depth && used + 1 < size; i++) {
        const char *dot = i ? "." : "";
        int n = p->path[i].is_repeated
                    ? snprintf(buf + used, size - used, "%s%s[%zu]", dot, p->path[i].name, p->path[i].index)
                    : snprintf(buf + used, size - used, "%s%s", dot, p->path[i].name);
        if (n < 0)
            return;
        used += (size_t)n;
    }
}

static hone_status fail_at(const parser *p, const uint8_t *at, const hone__pb_message *message, const char *field,
                           const char *reason) {
    char path[256];
    describe_path(p, path, sizeof path);
    hone__fail(p->error, HONE_ERROR_MODEL, "%s%s%s%s%s: %s", message->name, path[0] ? " at " : "", path,
               field ? ", field " : "", field ? field : "", reason);
    hone__error_file(p->error, p->file ? p->file : "", (int64_t)(at - p->base));
    hone__error_hint(p->error, "the file is damaged, truncated or not an ONNX file: fetch or export it again");
    return HONE_ERROR_MODEL;
}

static hone_status alloc(parser *p, size_t n, size_t size, void **out) {
    size_t bytes;
    if (!hone__mul_size(n, size, &bytes) || bytes > p->budget)
        return hone__fail(p->error, HONE_ERROR_LIMIT,
                          "the file's structures would take many times its own size in memory");
    p->budget -= bytes;
    *out = hone__arena_calloc(p->arena, n, size);
    return *out ? HONE_OK : hone__fail_memory(p->error, "the model's structures");
}

static const hone__pb_field *find_field(const hone__pb_message *message, uint32_t number, size_t *hint) {
    /* Fields come in runs of the same number: the last hit is tried first. */
    if (*hint < message->n_fields && message->fields[*hint].number == number)
        return &message->fields[*hint];
    for (size_t i = 0; i < message->n_fields; i++)
        if (message->fields[i].number == number) {
            *hint = i;
            return &message->fields[i];
        }
    return NULL;
}

static hone__pb_wire natural_wire(const hone__pb_field *field) {
    switch (field->kind) {
    case HONE_PB_INT:
        return HONE_PB_VARINT;
    case HONE_PB_FLOAT:
        return HONE_PB_FIXED32;
    case HONE_PB_NUMBERS:
        return (hone__pb_wire)field->wire;
    default:
        return HONE_PB_LENGTH;
    }
}

/* Numbers in one occurrence of a field; false with a reason when the wire type or size is wrong. */
static bool count_item(const hone__pb_field *field, const hone__pb_item *item, size_t *n, const char **reason) {
    hone__pb_wire natural = natural_wire(field);
    *n = 1;
    if (item->wire == natural)
        return true;
    if (!field->is_repeated || item->wire != HONE_PB_LENGTH) {
        *reason = "its wire type is not the field's";
        return false;
    }
    if (natural == HONE_PB_VARINT) {
        *reason = "a packed list holds an integer that is cut off or longer than 64 bits";
        return hone__pb_count_varints(item->payload, n);
    }
    size_t size = natural == HONE_PB_FIXED32 ? 4 : 8;
    *n = item->payload.size / size;
    *reason = "a packed list ends inside a number";
    return item->payload.size % size == 0;
}

typedef struct census {
    size_t n[MAX_FIELDS];     /* elements */
    size_t items[MAX_FIELDS]; /* occurrences */
    size_t n_unknown;         /* runs of unknown fields */
} census;

static hone_status take_census(parser *p, const hone__pb_message *message, hone__pb_bytes data, census *c) {
    hone__pb_cursor cursor = hone__pb_cursor_over(data.data, data.size);
    hone__pb_item item;
    size_t hint = 0;
    bool in_unknown = false;
    while (hone__pb_next(&cursor, &item)) {
        const hone__pb_field *field = find_field(message, item.number, &hint);
        if (!field) {
            c->n_unknown += !in_unknown;
            in_unknown = true;
            continue;
        }
        in_unknown = false;
        size_t n, i = (size_t)(field - message->fields);
        const char *reason = NULL;
        if (!count_item(field, &item, &n, &reason))
            return fail_at(p, item.begin, message, field->name, reason);
        if (field->kind == HONE_PB_MESSAGE && !field->is_repeated && c->items[i])
            return fail_at(p, item.begin, message, field->name, "it occurs twice");
        c->n[i] += n;
        c->items[i]++;
    }
    return cursor.reason ? fail_at(p, cursor.at, message, NULL, cursor.reason) : HONE_OK;
}

static hone_status allocate(parser *p, const hone__pb_message *message, const census *c, void *out) {
    hone__pb_head *head = out;
    if (c->n_unknown) {
        void *unknown;
        HONE_TRY(alloc(p, c->n_unknown, sizeof(hone__pb_bytes), &unknown));
        head->unknown = unknown;
    }
    for (size_t i = 0; i < message->n_fields; i++) {
        const hone__pb_field *field = &message->fields[i];
        if (!c->n[i])
            continue;
        void *at = (char *)out + field->offset;
        if (field->kind == HONE_PB_MESSAGE && !field->is_repeated) {
            HONE_TRY(alloc(p, 1, field->message->size, (void **)at));
        } else if (field->is_repeated && field->kind != HONE_PB_NUMBERS) {
            static const size_t sizes[] = {[HONE_PB_INT] = sizeof(int64_t),
                                           [HONE_PB_FLOAT] = sizeof(float),
                                           [HONE_PB_BYTES] = sizeof(hone__pb_bytes)};
            size_t size = field->kind == HONE_PB_MESSAGE ? field->message->size : sizes[field->kind];
            HONE_TRY(alloc(p, c->n[i], size, &((hone__pb_array *)at)->items));
        }
    }
    return HONE_OK;
}

static void append_number(hone__pb_array *array, const hone__pb_field *field, uint64_t word) {
    if (field->kind == HONE_PB_INT)
        ((int64_t *)array->items)[array->n++] = (int64_t)word;
    else {
        uint32_t bits = (uint32_t)word;
        memcpy((float *)array->items + array->n++, &bits, 4);
    }
}

static void append_numbers(hone__pb_array *array, const hone__pb_field *field, const hone__pb_item *item) {
    if (item->wire != HONE_PB_LENGTH) {
        append_number(array, field, item->word);
        return;
    }
    hone__pb_cursor cursor = hone__pb_cursor_over(item->payload.data, item->payload.size);
    uint64_t word;
    while (cursor.at != cursor.end) {
        if (field->kind == HONE_PB_FLOAT) {
            word = hone__pb_load32(cursor.at);
            cursor.at += 4;
        } else if (!hone__pb_read_varint(&cursor, &word)) {
            return; /* not reached: the census checked every integer */
        }
        append_number(array, field, word);
    }
}

static hone_status parse_message(parser *p, const hone__pb_message *message, hone__pb_bytes data, void *out);

static hone_status parse_child(parser *p, const hone__pb_field *field, const hone__pb_item *item, size_t index,
                               void *child) {
    if (p->depth == HONE_PB_MAX_DEPTH) {
        hone__fail(p->error, HONE_ERROR_LIMIT, "messages are nested more than %d deep", HONE_PB_MAX_DEPTH);
        hone__error_file(p->error, p->file ? p->file : "", (int64_t)(item->begin - p->base));
        hone__error_hint(p->error, "no real model nests so deeply: the file is damaged or malicious");
        return HONE_ERROR_LIMIT;
    }
    p->path[p->depth].name = field->name;
    p->path[p->depth].index = index;
    p->path[p->depth].is_repeated = field->is_repeated;
    p->depth++;
    HONE_TRY(parse_message(p, field->message, item->payload, child));
    p->depth--;
    return HONE_OK;
}

static hone_status fill_field(parser *p, const hone__pb_field *field, const hone__pb_item *item, size_t n_items,
                              void *at) {
    hone__pb_array *array = at;
    uint32_t bits = (uint32_t)item->word;
    size_t n = 0;
    const char *reason;
    switch (field->kind) {
    case HONE_PB_MESSAGE:
        if (!field->is_repeated)
            return parse_child(p, field, item, 0, *(void **)at);
        array->n++;
        return parse_child(p, field, item, array->n - 1, (char *)array->items + (array->n - 1) * field->message->size);
    case HONE_PB_BYTES:
        if (field->is_repeated)
            ((hone__pb_bytes *)array->items)[array->n++] = item->payload;
        else
            *(hone__pb_bytes *)at = item->payload;
        return HONE_OK;
    case HONE_PB_NUMBERS: {
        hone__pb_numbers *numbers = at;
        if (n_items == 1 && item->wire == HONE_PB_LENGTH)
            numbers->packed = item->payload;
        else
            numbers->is_scattered = true;
        (void)count_item(field, item, &n, &reason);
        numbers->n += n;
        return HONE_OK;
    }
    default:
        if (field->is_repeated)
            append_numbers(array, field, item);
        else if (field->kind == HONE_PB_INT)
            *(int64_t *)at = (int64_t)item->word;
        else
            memcpy(at, &bits, 4);
        return HONE_OK;
    }
}

static hone_status parse_message(parser *p, const hone__pb_message *message, hone__pb_bytes data, void *out) {
    census c = {0};
    HONE_TRY(take_census(p, message, data, &c));
    HONE_TRY(allocate(p, message, &c, out));
    hone__pb_head *head = out;
    head->body = data;
    hone__pb_cursor cursor = hone__pb_cursor_over(data.data, data.size);
    hone__pb_item item;
    size_t hint = 0;
    bool in_unknown = false;
    while (hone__pb_next(&cursor, &item)) {
        const hone__pb_field *field = find_field(message, item.number, &hint);
        if (!field) {
            if (!in_unknown)
                head->unknown[head->n_unknown++].data = item.begin;
            hone__pb_bytes *run = &head->unknown[head->n_unknown - 1];
            run->size = (size_t)(cursor.at - run->data);
            in_unknown = true;
            continue;
        }
        in_unknown = false;
        size_t i = (size_t)(field - message->fields);
        if (c.n[i]) /* an empty packed list is as good as none */
            head->has |= 1u << i;
        HONE_TRY(fill_field(p, field, &item, c.items[i], (char *)out + field->offset));
    }
    return HONE_OK;
}

hone_status hone__pb_parse(const hone__pb_message *message, hone__pb_bytes data, const uint8_t *base, const char *file,
                           hone__arena *arena, void *out, hone_error *error) {
    parser p = {.arena = arena, .base = base, .file = file, .error = error};
    if (!hone__mul_size(data.size, MEMORY_FACTOR, &p.budget) || !hone__add_size(p.budget, MEMORY_BASE, &p.budget))
        p.budget = SIZE_MAX;
    memset(out, 0, message->size);
    return parse_message(&p, message, data, out);
}

void hone__pb_numbers_begin(hone__pb_numbers_iter *iter, const hone__pb_message *message, const void *msg,
                            const hone__pb_numbers *numbers) {
    size_t offset = (size_t)((const char *)numbers - (const char *)msg);
    memset(iter, 0, sizeof *iter);
    for (size_t i = 0; i < message->n_fields; i++)
        if (message->fields[i].offset == offset) {
            iter->number = message->fields[i].number;
            iter->wire = (hone__pb_wire)message->fields[i].wire;
        }
    const hone__pb_head *head = msg;
    if (numbers->is_scattered)
        iter->body = hone__pb_cursor_over(head->body.data, head->body.size);
    else
        iter->run = hone__pb_cursor_over(numbers->packed.data, numbers->packed.size);
}

bool hone__pb_numbers_next(hone__pb_numbers_iter *iter, uint64_t *out) {
    while (iter->run.at == iter->run.end) {
        hone__pb_item item;
        do {
            if (!hone__pb_next(&iter->body, &item))
                return false;
        } while (item.number != iter->number);
        if (item.wire != HONE_PB_LENGTH) {
            *out = item.word;
            return true;
        }
        iter->run = hone__pb_cursor_over(item.payload.data, item.payload.size);
    }
    if (iter->wire == HONE_PB_VARINT)
        return hone__pb_read_varint(&iter->run, out);
    *out = iter->wire == HONE_PB_FIXED32 ? hone__pb_load32(iter->run.at) : hone__pb_load64(iter->run.at);
    iter->run.at += iter->wire == HONE_PB_FIXED32 ? 4 : 8;
    return true;
}

static uint32_t field_bit(const hone__pb_message *message, size_t offset) {
    for (size_t i = 0; i < message->n_fields; i++)
        if (message->fields[i].offset == offset)
            return 1u << i;
    return 0;
}

bool hone__pb_has(const hone__pb_message *message, const void *msg, size_t offset) {
    return (((const hone__pb_head *)msg)->has & field_bit(message, offset)) != 0;
}

void hone__pb_set_has(const hone__pb_message *message, void *msg, size_t offset) {
    ((hone__pb_head *)msg)->has |= field_bit(message, offset);
}
