/* Saving a model, with tensor data in a file of its own when asked or when the model file would reach
 * 2 GiB, the limit of most protobuf readers. Data stream from where they lie. */
#include "onnx/onnx_file.h"

#include "base/checked.h"
#include "base/error.h"

#include <stdint.h>
#include <stdio.h>

/* Data begin at multiples of this, so that a mapping of the file gives aligned tensors; the large ones
 * begin on pages. */
enum { SMALL_ALIGNMENT = 64, PAGE_ALIGNMENT = 4096, LARGE = 1 << 20, DEFAULT_THRESHOLD = 1024 };

typedef struct saver {
    hone__arena *arena;
    hone__out_file *data;
    const char *location;
    size_t threshold;
    hone_error *error;
} saver;

static hone_status add_entry(saver *s, hone__entry_proto *entry, const char *key, const char *value) {
    char *copy = hone__arena_strdup(s->arena, value);
    if (!copy)
        return hone__fail_memory(s->error, "external data");
    memset(entry, 0, sizeof *entry);
    entry->key = hone__pb_text(key);
    entry->value = hone__pb_text(copy);
    HONE_PB_SET(hone__entry_desc, entry, key);
    HONE_PB_SET(hone__entry_desc, entry, value);
    return HONE_OK;
}

static hone_status move_tensor(saver *s, hone__tensor_proto *t) {
    char text[32];
    if (!HONE_PB_HAS(hone__tensor_desc, t, raw_data) || t->raw_data.size < s->threshold || t->data_location != 0)
        return HONE_OK;
    HONE_TRY(hone__out_file_pad(s->data, t->raw_data.size >= LARGE ? PAGE_ALIGNMENT : SMALL_ALIGNMENT, s->error));
    size_t offset = s->data->position;
    HONE_TRY(hone__out_file_write(s->data, t->raw_data.data, t->raw_data.size, s->error));
    hone__entry_proto *entries = hone__arena_calloc(s->arena, 3, sizeof *entries);
    if (!entries)
        return hone__fail_memory(s->error, "external data");
    HONE_TRY(add_entry(s, &entries[0], "location", s->location));
    snprintf(text, sizeof text, "%zu", offset);
    HONE_TRY(add_entry(s, &entries[1], "offset", text));
    snprintf(text, sizeof text, "%zu", t->raw_data.size);
    HONE_TRY(add_entry(s, &entries[2], "length", text));
    t->external_data.items = entries;
    t->external_data.n = 3;
    t->data_location = 1;
    HONE_PB_SET(hone__tensor_desc, t, data_location);
    for (size_t i = 0; i < hone__tensor_desc.n_fields; i++)
        if (hone__tensor_desc.fields[i].offset == offsetof(hone__tensor_proto, raw_data))
            t->head.has &= ~(1u << i);
    t->raw_data = (hone__pb_bytes){NULL, 0};
    return HONE_OK;
}

static hone_status move_nodes(saver *s, hone__node_proto *nodes, size_t n);

static hone_status move_graph(saver *s, hone__graph_proto *graph) {
    for (size_t i = 0; i < graph->initializer.n; i++)
        HONE_TRY(move_tensor(s, &graph->initializer.items[i]));
    return move_nodes(s, graph->node.items, graph->node.n);
}

static hone_status move_nodes(saver *s, hone__node_proto *nodes, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t a = 0; a < nodes[i].attribute.n; a++) {
            hone__attribute_proto *attr = &nodes[i].attribute.items[a];
            if (attr->t)
                HONE_TRY(move_tensor(s, attr->t));
            for (size_t k = 0; k < attr->tensors.n; k++)
                HONE_TRY(move_tensor(s, &attr->tensors.items[k]));
            if (attr->g)
                HONE_TRY(move_graph(s, attr->g));
            for (size_t k = 0; k < attr->graphs.n; k++)
                HONE_TRY(move_graph(s, &attr->graphs.items[k]));
        }
    return HONE_OK;
}

static hone_status save_external(hone__model_proto *model, hone__arena *arena, const char *path, size_t threshold,
                                 hone_error *error) {
    size_t n = strlen(path);
    char *data_path = hone__arena_alloc(arena, n + 6);
    if (!data_path)
        return hone__fail_memory(error, "a path");
    memcpy(data_path, path, n);
    memcpy(data_path + n, ".data", 6);
    const char *slash = strrchr(data_path, '/');
    saver s = {.arena = arena, .location = slash ? slash + 1 : data_path, .threshold = threshold, .error = error};
    HONE_TRY(hone__out_file_create(data_path, &s.data, error));
    hone_status status = model->graph ? move_graph(&s, model->graph) : HONE_OK;
    for (size_t i = 0; status == HONE_OK && i < model->functions.n; i++)
        status = move_nodes(&s, model->functions.items[i].node.items, model->functions.items[i].node.n);
    if (status == HONE_OK)
        return hone__out_file_commit(s.data, error);
    hone__out_file_discard(s.data);
    return status;
}

hone_status hone__onnx_save(hone__model_proto *model, hone__arena *arena, const char *path,
                            const hone__save_options *options, hone_error *error) {
    hone__external_mode mode = options ? options->external : HONE__EXTERNAL_AUTO;
    size_t size, threshold = options && options->threshold ? options->threshold : DEFAULT_THRESHOLD;
    HONE_TRY(hone__pb_measure(&hone__model_desc, model, &size, error));
    if (mode == HONE__EXTERNAL_ALWAYS || (mode == HONE__EXTERNAL_AUTO && size > INT32_MAX)) {
        HONE_TRY(save_external(model, arena, path, threshold, error));
        HONE_TRY(hone__pb_measure(&hone__model_desc, model, &size, error));
    }
    hone__out_file *file;
    HONE_TRY(hone__out_file_create(path, &file, error));
    hone__pb_sink sink = {hone__out_file_write, file};
    hone_status status = hone__pb_write(&hone__model_desc, model, &sink, error);
    if (status == HONE_OK)
        return hone__out_file_commit(file, error);
    hone__out_file_discard(file);
    return status;
}
