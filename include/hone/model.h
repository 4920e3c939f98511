/* Models: an ONNX file mapped into memory, checked and described. Weights are never copied: they
 * stay pages of the mapped file (or of the caller's memory) until a session packs them. */
#ifndef HONE_MODEL_H
#define HONE_MODEL_H

#include <hone/status.h>
#include <hone/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hone_model hone_model;

/* Opens and checks a model file. External data is looked for beside the file; paths that are
 * absolute or leave its folder are refused. Errors: IO, MODEL (with file position and node). */
HONE_API hone_status hone_model_open(const char *path, hone_model **out, hone_error *error);

/* The same from memory, which is borrowed and must outlive the model and its sessions.
 * base_dir: where external data is looked for; NULL refuses external data. */
HONE_API hone_status hone_model_open_memory(const void *data, size_t size, const char *base_dir, hone_model **out,
                                            hone_error *error);

/* Models are counted: a session retains its model. */
HONE_API hone_model *hone_model_retain(hone_model *model);
HONE_API void hone_model_close(hone_model *model); /* NULL is fine */

/* One dimension: value >= 0, or -1 and a symbol ("batch"; may be "" when nameless). */
typedef struct hone_dim_info {
    int64_t value;
    const char *symbol;
} hone_dim_info;

typedef struct hone_value_info {
    const char *name;
    hone_kind kind;
    hone_dtype dtype;          /* of the element, for containers of tensors */
    int rank;                  /* -1: unknown */
    const hone_dim_info *dims; /* [rank] */
} hone_value_info;

/* Inputs exclude initializers. Borrowed for the model's life. */
HONE_API size_t hone_model_input_count(const hone_model *model);
HONE_API size_t hone_model_output_count(const hone_model *model);
HONE_API const hone_value_info *hone_model_get_input(const hone_model *model, size_t index);
HONE_API const hone_value_info *hone_model_get_output(const hone_model *model, size_t index);

HONE_API int64_t hone_model_ir_version(const hone_model *model);
HONE_API const char *hone_model_producer(const hone_model *model); /* "pytorch 1.13.1"; may be "" */
HONE_API const char *hone_model_path(const hone_model *model);     /* "" when from memory */

typedef struct hone_opset_info {
    const char *domain; /* "ai.onnx" for the default domain */
    int64_t version;
} hone_opset_info;
HONE_API size_t hone_model_opset_count(const hone_model *model);
HONE_API hone_opset_info hone_model_get_opset(const hone_model *model, size_t index);

typedef struct hone_op_count {
    const char *domain;
    const char *op;
    size_t count; /* nodes, subgraphs included */
} hone_op_count;
/* Sorted by count, then name. */
HONE_API size_t hone_model_op_count(const hone_model *model);
HONE_API hone_op_count hone_model_get_op(const hone_model *model, size_t index);

/* An initializer: name, shape and bytes. */
HONE_API size_t hone_model_initializer_count(const hone_model *model);
HONE_API const hone_tensor *hone_model_get_initializer(const hone_model *model, size_t index, const char **name);

/* A node that this build cannot run, and why. */
typedef struct hone_unsupported {
    const char *node, *op, *domain;
    int64_t opset;
    hone_dtype dtype; /* the type at fault, or UNDEFINED when the operator itself is missing */
    const char *backend, *reason;
} hone_unsupported;
HONE_API size_t hone_model_unsupported_count(const hone_model *model);
HONE_API const hone_unsupported *hone_model_get_unsupported(const hone_model *model, size_t index);

/* A finding of the full check. */
typedef struct hone_finding {
    hone_status status;
    bool is_error;     /* false: a warning */
    const char *where; /* node path, "graph", "initializer NAME", ... */
    const char *message;
    const char *hint;
    int64_t offset; /* in the file, or -1 */
} hone_finding;
typedef struct hone_findings hone_findings;

/* Checks a file as strictly as the ONNX checker, finding all errors in one pass. OK even when
 * errors were found (count them); fails only when the check itself could not be made. */
HONE_API hone_status hone_check_file(const char *path, hone_findings **out, hone_error *error);
HONE_API size_t hone_findings_count(const hone_findings *findings);
HONE_API const hone_finding *hone_findings_get(const hone_findings *findings, size_t index);
HONE_API void hone_findings_destroy(hone_findings *findings);

/* The most matrix products, convolutions and recurrences that do not depend on each other, 1 or more:
 * what ORT_PARALLEL could run at once. Bodies of control flow are not looked into. */
HONE_API int hone_model_parallel_width(const hone_model *model);

/* A shape given by the user for an input, to resolve symbols. */
typedef struct hone_shape {
    const char *input;
    int rank;
    int64_t dims[HONE_MAX_RANK];
} hone_shape;

/* Costs under given shapes. Unresolved symbols default to 1 and are counted in n_assumed. */
typedef struct hone_model_cost {
    int64_t parameters; /* elements of initializers and constants of floating or integer type with rank > 0 or all */
    int64_t parameter_bytes;
    double flops;                  /* multiply and add count as two */
    double bytes;                  /* read and written by all nodes, weights included */
    int64_t activation_peak_bytes; /* the largest sum of live activations in execution order */
    size_t n_assumed;
} hone_model_cost;
HONE_API hone_status hone_model_get_cost(const hone_model *model, const hone_shape *shapes, size_t n_shapes,
                                         hone_model_cost *out, hone_error *error);

#ifdef __cplusplus
}
#endif
#endif
