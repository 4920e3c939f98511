/* The inside of hone_model, and what sessions and the optimiser ask of it beyond the public API.
 *
 * Where it stands: onnx/ reads the file into messages, this room turns them into a graph and answers
 * questions about the model. A model never changes after it was opened: sessions work on clones. */
#ifndef HONE_MODEL_MODEL_INTERNAL_H
#define HONE_MODEL_MODEL_INTERNAL_H

#include "base/mapping.h"
#include "graph/graph.h"
#include "onnx/onnx_messages.h"
#include "onnx/onnx_tensor.h"

#include <hone/model.h>
#include <pthread.h>
#include <stdatomic.h>

struct hone_model {
    atomic_int n_references;
    hone__mapping mapping; /* data NULL when opened from memory */
    const uint8_t *data;
    size_t size;
    char *path;
    hone__arena arena; /* messages and the tables below */
    hone__model_proto proto;
    hone__onnx_source source;
    hone__graph *graph; /* with types inferred; read-only */
    hone_value_info *inputs, *outputs;
    size_t n_inputs, n_outputs;
    const char *producer;
    hone_opset_info *opsets;
    size_t n_opsets;
    hone_op_count *ops;
    size_t n_ops;
    struct hone__model_initializer {
        const char *name;
        const hone_tensor *tensor;
    } * initializers;
    size_t n_initializers;
    /* Made at the first question. */
    pthread_mutex_t mutex;
    bool has_unsupported;
    hone_unsupported *unsupported;
    size_t n_unsupported, unsupported_capacity;
};

/* The model's graph, read-only. Large constants are views of the file and may be unaligned for their
 * type; do not compute with them: clone. */
const hone__graph *hone__model_graph(const hone_model *model);

/* A graph of its own for a session or a pass pipeline. Every constant in it is aligned for its type:
 * those that lie unaligned in the file are copied, owned by the clone; all others are borrowed from the
 * model, which must outlive the clone (hone_model_retain). */
hone_status hone__model_clone_graph(const hone_model *model, hone__graph **out, hone_error *error);
/* The same without copies: large constants stay views that may be unaligned (hone__value_align). */
hone_status hone__model_clone_views(const hone_model *model, hone__graph **out, hone_error *error);

/* For qsort: the most frequent operator first, then by name. */
int hone__op_count_compare(const void *a, const void *b);

/* Lets go of pages of the model's files that hold a constant's bytes (those that were packed, say): they come back when
 * they are read again. Bytes that lie elsewhere are left alone. Any thread may call this. */
void hone__model_drop_pages(const hone_model *model, const void *data, size_t size);
void hone__model_drop_all_pages(const hone_model *model);

/* Costs of a graph under given shapes, as hone_model_get_cost counts them. The graph stays as it is. */
hone_status hone__graph_cost(const hone__graph *graph, const hone_shape *shapes, size_t n_shapes, hone_model_cost *out,
                             hone_error *error);
/* Gives inputs these shapes for good; symbols that they settle hold for all inputs. Types are inferred again. */
hone_status hone__graph_fix_shapes(hone__graph *graph, const hone_shape *shapes, size_t n_shapes, hone_error *error);

/* ---- parts of opening ---- */

/* Builds the graph of model->proto; types of values are those declared. */
hone_status hone__model_import(hone_model *model, hone__graph **out, hone_error *error);
/* Fills inputs, outputs, opsets, operators, initializers. */
hone_status hone__model_describe(hone_model *model, hone_error *error);
hone_status hone__model_type(const hone__type_proto *proto, hone__arena *arena, hone__type *out, hone_error *error);
/* Copies a name into the arena; an embedded NUL is an error. */
hone_status hone__model_text(hone__arena *arena, hone__pb_bytes bytes, const char **out, hone_error *error);

/* Domain as in rows: "" for ai.onnx. */
const char *hone__plain_domain(const char *domain);

#endif
