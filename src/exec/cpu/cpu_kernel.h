/* What binds an operator to a CPU kernel: one row per operator (or fused operator) and kernel.
 *
 * Life of a row: `match` when the session partitions the graph; `prepare` once per node (weights are
 * packed here, into memory that the session owns); `plan` once per input-shape signature (algorithm,
 * workspace, how the work is split); `run` any number of times, from any thread, allocating nothing.
 * Rows are tried in the order of the table in cpu_registry.c; the first match serves; without a match the
 * operator's reference evaluator does, and reports say "reference". */
#ifndef HONE_EXEC_CPU_CPU_KERNEL_H
#define HONE_EXEC_CPU_CPU_KERNEL_H

#include "base/arena.h"
#include "base/tensor.h"
#include "exec/cpu/cpu_work.h"
#include "graph/graph.h"
#include "pool/pool.h"

/* How a convolution picks its algorithm (key cudnn_conv_algo_search). */
typedef enum hone__conv_search { HONE_CONV_DEFAULT, HONE_CONV_HEURISTIC, HONE_CONV_EXHAUSTIVE } hone__conv_search;

/* What the session decided for all nodes. */
typedef struct hone__cpu_config {
    uint32_t isa;     /* bits of hone_isa */
    int n_threads;    /* threads that will run one node */
    hone__pool *pool; /* these threads; NULL: one */
    hone__conv_search conv_search;
    bool force_branches;  /* tests: under ORT_PARALLEL branches run at once, whether that pays or not */
    bool force_blocked;   /* tests: every node that can runs on blocked tensors, whether that pays or not */
    size_t max_workspace; /* bytes; 32 MiB when cudnn_conv_use_max_workspace is false, else SIZE_MAX */
    bool tunable_enable;  /* use stored choices */
    bool tunable_tuning;  /* time and store at first use */
    /* The store of choices, kept by whoever made the session; NULL when there is none. Keys are short
     * texts that name operator, shape, dtype, ISA and threads. get copies into value[size], false if
     * absent. */
    bool (*choice_get)(void *store, const char *key, char *value, size_t size);
    void (*choice_put)(void *store, const char *key, const char *value);
    void *choice_store;
    int64_t l1d_bytes, l2_bytes, l3_bytes;
    /* The session's account of memory for packed weights that a state allocates itself (because it may drop
     * them again). take returns LIMIT, with the error set, over the session's memory limit; both NULL: no account. */
    hone_status (*memory_take)(void *memory, size_t size, hone_error *error);
    void (*memory_give)(void *memory, size_t size);
    void *memory;
    /* Told that bytes of a constant have been packed and are not read again soon: their pages may go. No data: those of
     * all. NULL: nobody is. */
    void (*drop_pages)(void *user, const void *data, size_t size);
    void *drop_pages_user;
} hone__cpu_config;

typedef struct hone__cpu_prepare {
    const hone__cpu_config *config;
    hone__arena *arena; /* lives as long as the session; for states */
    /* 64-byte aligned memory for packed weights, owned and counted by the session; NULL when out of memory. */
    void *(*alloc_packed)(struct hone__cpu_prepare *ctx, size_t size);
    void *user;
    hone__cpu_work *work; /* what may run on all threads once every node is prepared; NULL: runs at once */
    hone_error *error;
} hone__cpu_prepare;

typedef struct hone__cpu_plan {
    const hone__cpu_config *config;
    const hone__node *node;
    /* Concrete shapes and types; data is NULL unless constant. Omitted inputs are NULL. */
    const hone_tensor *const *in;
    size_t n_in;
    const hone_tensor *const *out; /* shapes of the outputs, inferred; omitted ones NULL */
    size_t n_out;
    hone__arena *arena; /* lives as long as the plan */
    /* Packed weights that only a plan can ask for (an algorithm chosen by shape): 64-byte aligned, owned and
     * counted by the session, kept until it ends; NULL when out of memory or over the limit. Plans of one
     * session are made one at a time. */
    void *(*alloc_packed)(struct hone__cpu_plan *ctx, size_t size);
    void *user;
    hone__cpu_work *work; /* what may run on all threads before the plan is used; NULL: runs at once */
    /* Results. */
    size_t workspace_size; /* bytes, 64-byte aligned, private to the node while it runs */
    int8_t inplace_input;  /* input whose memory output 0 may take over, or -1 */
    const char *kernel;    /* name for reports: "f32_conv_winograd_f43" */
    const char *algorithm; /* convolutions: "winograd_f43"; else "" */
    const char *detail;    /* free text for the report (how long each candidate took), or NULL */
    void *plan_state;
    bool is_declined; /* these shapes or data are not for this kernel: the reference evaluator serves */
    hone_error *error;
    /* The channel-blocked layout (cpu_layout.h). block: channels in a block, 0 when the node runs on plain tensors. */
    size_t block;
    uint32_t blocked_inputs; /* set by `blocked`: bit i, input i is wanted blocked; the others plain */
    double gain;             /* set by `blocked`: estimated seconds saved by the blocked form */
    /* Alternatives that only timing can tell apart (cpu_search.h). A row that has some says how many and gives a key,
     * the same for equal layers; the one that its rules would take has rank 0. */
    int rank;               /* which one to take */
    bool keeps;             /* they were timed: the one taken goes into the store */
    int n_ranks;            /* set by `plan`; 0: nothing to choose */
    const char *choice_key; /* set by `plan`, in the arena */
    /* Not 0: the plan is a trial, of this number. Weights are packed for it alone, into memory of its own. */
    uint64_t trial;
    void *(*alloc_trial)(struct hone__cpu_plan *ctx, size_t size);
    void *trial_user;
} hone__cpu_plan;

typedef struct hone__cpu_run {
    const void *state;      /* from prepare */
    const void *plan_state; /* from plan */
    const hone_tensor *const *in;
    hone_tensor *const *out;
    size_t n_in, n_out;
    void *workspace;
    hone__pool *pool; /* NULL: one thread */
    hone_error *error;
} hone__cpu_run;

/* How a node runs when its outputs (and the inputs it says) are blocked. */
typedef struct hone__cpu_blocked {
    const char *name;
    bool is_physical; /* plan and run see blocked tensors as they lie: [n, c/block, h, w, block]; else logical shapes */
    hone_status (*plan)(const void *state, hone__cpu_plan *ctx); /* NULL: the row's own */
    hone_status (*run)(hone__cpu_run *ctx);                      /* NULL: the row's own */
} hone__cpu_blocked;

typedef struct hone__cpu_kernel {
    const char *domain, *op;  /* "" is ai.onnx */
    int since_min, since_max; /* of the operator's row (op->since), inclusive; 0, 0: any */
    const char *name;         /* "f32_conv" */
    bool (*match)(const hone__node *node, const hone__cpu_config *config); /* dtypes, ranks, attributes */
    hone_status (*prepare)(hone__cpu_prepare *ctx, const hone__node *node, void **state); /* NULL: none */
    void (*release)(void *state);                                /* for what is not in the arena; may be NULL */
    hone_status (*plan)(const void *state, hone__cpu_plan *ctx); /* NULL: no workspace, no plan state */
    hone_status (*run)(hone__cpu_run *ctx);
    /* Whether constant input i may lie unaligned for its type, as views of a file do (because it is packed, or copied
     * by bytes). NULL: none may; the graph then gets an aligned copy. */
    bool (*reads_unaligned)(const hone__node *node, size_t i);
    /* The form for blocked tensors, or NULL when these shapes have none; ctx is as for plan, ctx->block is set. The
     * member may be NULL: never. */
    const hone__cpu_blocked *(*blocked)(const void *state, hone__cpu_plan *ctx);
} hone__cpu_kernel;

/* A family file (cpu_conv.c, cpu_gemm.c, ...) exports one table; cpu_registry.c lists them. */
typedef struct hone__cpu_kernel_family {
    const char *name;
    const hone__cpu_kernel *rows;
    size_t n_rows;
} hone__cpu_kernel_family;

/* The row that serves a node, or NULL. */
const hone__cpu_kernel *hone__cpu_kernel_find(const hone__node *node, const hone__cpu_config *config);

#endif
