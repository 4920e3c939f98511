/* Operators: one row per operator and since-version. The row says how many inputs and outputs there
 * are, their types, the attributes with defaults, how types and shapes follow, and how to compute
 * the result in plain C (the reference evaluator). The checker, `inspect`, the passes, every
 * backend's tests and the documentation read the same rows.
 *
 * Where it stands: model/ looks rows up when it builds a graph; exec/ calls `infer` with concrete
 * shapes to plan, and `eval` for every operator that a backend has no faster kernel for. */
#ifndef HONE_OPS_OP_H
#define HONE_OPS_OP_H

#include "base/dtype.h"
#include "graph/graph.h"

typedef struct hone__op hone__op;
typedef struct hone__infer hone__infer;
typedef struct hone__eval hone__eval;

/* Flags of a row. */
enum {
    HONE_OP_PURE = 1 << 0,        /* same inputs, same outputs: may be folded and shared */
    HONE_OP_ELEMENTWISE = 1 << 1, /* output i depends on (broadcast) input elements i only */
    HONE_OP_INPLACE0 = 1 << 2,    /* output 0 may share memory with input 0 when shapes and types agree */
    HONE_OP_VIEW = 1 << 3,        /* output 0 has input 0's bytes, with another shape */
    HONE_OP_DATA_SHAPE = 1 << 4,  /* output shapes depend on data (NonZero, Unique, ...) */
    HONE_OP_CONTROL = 1 << 5,     /* has subgraphs */
    HONE_OP_SHAPE_ONLY = 1 << 6,  /* reads only input 0's shape (Shape, Size) */
    HONE_OP_VARIADIC_IN = 1 << 7, /* the last declared input repeats */
    HONE_OP_VARIADIC_OUT = 1 << 8,
    HONE_OP_NO_EVAL = 1 << 9 /* never executed itself (expanded or folded before) */
};

/* An input or output. `var` names a type variable ('T', 'I', ...): all parameters with the same
 * letter have the same type; 0: none. `kinds` is a mask of 1 << hone_kind. */
typedef struct hone__op_param {
    const char *name;
    hone__dtype_set types; /* of tensors, or of the items of sequences and optionals */
    char var;
    uint8_t kinds; /* 0 means tensors only */
    bool is_optional;
} hone__op_param;

typedef struct hone__op_attr {
    const char *name;
    hone__attr_type type;
    bool is_required;
} hone__op_attr;

struct hone__op {
    const char *domain; /* "" for ai.onnx, "ai.onnx.ml", "com.microsoft", "hone" */
    const char *name;
    int since; /* first opset version with these semantics; the row holds until the next one */
    uint32_t flags;
    uint8_t min_inputs, n_inputs; /* n counts declared parameters; variadic ones repeat the last */
    uint8_t min_outputs, n_outputs;
    uint8_t n_attrs;
    const hone__op_param *inputs, *outputs;
    const hone__op_attr *attrs;
    hone_status (*infer)(hone__infer *ctx);
    hone_status (*eval)(hone__eval *ctx);
    /* Floating-point operations of a node with concrete types; NULL: one per output element when
     * ELEMENTWISE, else 0. */
    double (*flops)(const hone__node *node, const hone__type *const *in, const hone__type *const *out);
};

/* The row in force for an operator at an opset version, or NULL. domain "ai.onnx" equals "". */
const hone__op *hone__op_find(const char *domain, const char *name, int64_t opset);
/* Any version of it; for messages ("Foo exists since opset 13, the model says 11"). */
const hone__op *hone__op_find_any(const char *domain, const char *name);
/* The opset of the standard that removed an operator; 0: none did. Its last row still runs there: the checker
 * complains. */
int hone__op_removed_in(const char *name);
/* Why an operator of the standard has no row on purpose; NULL for all others. */
const char *hone__op_refusal(const char *domain, const char *name);
/* Why this node, whose operator has a row, cannot run with the attributes it has; NULL when it can. */
const char *hone__op_variant_refusal(const hone__node *node);
/* All rows, sorted by domain, name, since. */
const hone__op *const *hone__op_all(size_t *n);

/* A family file exports one table. The list of families stands in op_registry.c. */
typedef struct hone__op_family {
    const char *name;
    const hone__op *rows;
    size_t n_rows;
} hone__op_family;

/* ---- shape inference ----
 * The same function serves the graph with symbolic dims and the planner with concrete ones. Inputs
 * that are omitted are NULL; a type may be unknown (is_known false, rank -1). Outputs start unknown;
 * inference sets what it can and returns OK; it fails only on a contradiction (HONE_ERROR_SHAPE or
 * HONE_ERROR_TYPE, without node name: the caller adds it). */
struct hone__infer {
    const hone__node *node;
    size_t n_in, n_out;
    const hone__type *const *in;        /* [n_in] */
    const hone_tensor *const *in_const; /* [n_in] data when it is known, else NULL */
    const hone__sym *const *in_sym;     /* [n_in] partly known data, else NULL */
    const size_t *in_n_sym;
    hone__type *out;     /* [n_out] */
    hone__sym **out_sym; /* [n_out] to be set by data propagation, or left NULL */
    size_t *out_n_sym;
    hone__arena *arena;
    /* Infers a subgraph (control flow) given its inputs' types; gives its outputs' types. NULL when
     * the caller cannot. */
    hone_status (*infer_graph)(hone__infer *ctx, hone__graph *graph, const hone__type *const *in, size_t n_in,
                               hone__type *out, size_t n_out);
    void *user;
    hone_error *error;
};

/* Helpers for inference functions; see op_infer.c. All return a status to pass on. */
const hone__type *hone__infer_input(const hone__infer *ctx, size_t i); /* NULL: omitted or unknown */
bool hone__infer_has_rank(const hone__infer *ctx, size_t i);           /* known, tensor, rank known */
hone_status hone__infer_set(hone__infer *ctx, size_t i, hone_dtype dtype, int rank, const hone__dim *dims);
hone_status hone__infer_set_dtype(hone__infer *ctx, size_t i, hone_dtype dtype); /* rank unknown */
hone_status hone__infer_same(hone__infer *ctx, size_t out, size_t in);           /* type and shape of an input */
/* Numpy broadcasting of two shapes into dims[HONE_MAX_RANK]; SHAPE error when they cannot. */
hone_status hone__infer_broadcast(hone__infer *ctx, const hone__type *a, const hone__type *b, hone__dim *dims,
                                  int *rank);
/* Elements of a constant or fully propagated 1-D/scalar integer input into v[max]; false if unknown. */
bool hone__infer_ints(const hone__infer *ctx, size_t i, int64_t *v, size_t max, size_t *n);
/* Negative axes counted from the end; SHAPE error when out of [-rank, rank). */
hone_status hone__infer_axis(hone__infer *ctx, int64_t axis, int rank, int *out);
hone__dim hone__dim_known(int64_t value);
hone__dim hone__dim_unknown(void);
hone_status hone__infer_fail(hone__infer *ctx, hone_status status, const char *fmt, ...) HONE_PRINTF(3, 4);

/* Infers one node given input types; checks counts, types and type variables against the row
 * first. Used by hone__graph_infer and by the planner. */
hone_status hone__op_infer_node(hone__infer *ctx);
/* Checks a node against its row without shapes: input/output counts, attributes known, required
 * ones present and of the right type. */
hone_status hone__op_check_node(const hone__node *node, hone_error *error);
/* Whether its row admits the element types of a node's inputs and outputs, as far as they are known. If not, the first
 * type that is not admitted and a sentence that names it. */
bool hone__op_takes_types(const hone__node *node, hone_dtype *dtype, char *reason, size_t size);
/* The same for values: in bodies of loops, and behind sequences, types may be known only then. TYPE when an input's is
 * not admitted, or differs from another's that it must equal. */
hone_status hone__op_check_values(const hone__node *node, const hone_tensor *const *in, size_t n_in, hone_error *error);
/* Data propagation for small integer tensors (Shape, Gather, Concat, arithmetic, ...): sets out_sym where
 * the row's inference left it NULL. Called by hone__op_infer_node; see op_propagate.c. */
hone_status hone__op_propagate(hone__infer *ctx);
/* Infers every value of a graph, subgraphs included; types already declared are merged (a
 * contradiction is an error that names the node). Constants propagate through integer arithmetic. */
hone_status hone__graph_infer(hone__graph *graph, hone_error *error);
/* The same, going on behind a node that fails: `report` gets each failure, and the node's outputs stay as declared. */
typedef void (*hone__infer_failed)(void *user, const hone__node *node, const hone_error *error);
hone_status hone__graph_infer_all(hone__graph *graph, hone__infer_failed report, void *user, hone_error *error);

/* ---- reference evaluation ----
 * Inputs omitted are NULL. An evaluator gets each output with hone__eval_output, which gives memory of
 * the stated shape (the planner's or fresh), or NULL *out with OK when that output is not wanted. */
struct hone__eval {
    const hone__node *node;
    size_t n_in, n_out;
    const hone_tensor *const *in; /* [n_in] */
    hone_tensor **out;            /* [n_out] filled by `output` */
    hone_status (*output)(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                          hone_tensor **out);
    /* Takes a finished value (a sequence, an optional, a tensor made elsewhere) as output i; owned by
     * the callee from then on, on failure too. */
    hone_status (*output_take)(hone__eval *ctx, size_t i, hone_tensor *value);
    /* Temporary memory until the evaluator returns; NULL when out of memory. */
    void *(*scratch)(hone__eval *ctx, size_t size);
    /* Runs a subgraph: inputs borrowed, outputs new and owned by the caller. */
    hone_status (*run_graph)(hone__eval *ctx, const hone__graph *graph, const hone_tensor *const *in, size_t n_in,
                             hone_tensor **out, size_t n_out);
    void *user;
    hone_error *error;
};

hone_status hone__eval_output(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                              hone_tensor **out);
hone_status hone__eval_output_like(hone__eval *ctx, size_t i, const hone_tensor *like, hone_tensor **out);
/* Zeroed scratch memory or a MEMORY error. */
hone_status hone__eval_scratch(hone__eval *ctx, size_t size, void **out);
hone_status hone__eval_fail(hone__eval *ctx, hone_status status, const char *fmt, ...) HONE_PRINTF(3, 4);
/* Runs one node's reference evaluator on given tensors, outputs newly created (caller destroys);
 * subgraphs are interpreted node by node. Used by constant folding, tests and the fallback. */
hone_status hone__op_eval_node(const hone__node *node, const hone_tensor *const *in, size_t n_in, hone_tensor **out,
                               size_t n_out, hone_error *error);

/* The value of an outer graph that a subgraph captures; NULL when it is not known. Borrowed. */
typedef const hone_tensor *(*hone__value_lookup)(void *user, const hone__value *value);
/* The same for a node whose subgraphs capture values (constants are found without `lookup`). */
hone_status hone__op_eval_node_in(const hone__node *node, const hone_tensor *const *in, size_t n_in, hone_tensor **out,
                                  size_t n_out, hone__value_lookup lookup, void *user, hone_error *error);
/* Runs a whole graph by its reference evaluators, node by node: inputs borrowed (in the order of
 * graph->inputs), outputs new and owned by the caller. lookup may be NULL for a root graph. */
hone_status hone__graph_run(const hone__graph *graph, const hone_tensor *const *in, size_t n_in, hone_tensor **out,
                            size_t n_out, hone__value_lookup lookup, void *user, hone_error *error);

/* A faster way to run a node of a graph: sets *done and makes the outputs (owned by the caller), or leaves the node to
 * its reference evaluator. */
typedef hone_status (*hone__node_runner)(void *user, const hone__node *node, const hone_tensor *const *in, size_t n_in,
                                         hone_tensor **out, size_t n_out, bool *done, hone_error *error);
/* hone__graph_run that asks `runner` first, for nodes of subgraphs too; user goes to lookup and runner. */
hone_status hone__graph_run_by(const hone__graph *graph, const hone_tensor *const *in, size_t n_in, hone_tensor **out,
                               size_t n_out, hone__value_lookup lookup, hone__node_runner runner, void *user,
                               hone_error *error);

/* Tolerance of a backend's kernel against the reference evaluator, per operator and dtype: the table
 * stands in op_tolerance.c. |a-b| <= atol + rtol*|b|. */
typedef struct hone__tolerance {
    double rtol, atol;
} hone__tolerance;
hone__tolerance hone__op_tolerance(const hone__op *op, hone_dtype dtype);

#endif
