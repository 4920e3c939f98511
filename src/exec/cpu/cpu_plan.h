/* A plan: what one input-shape signature needs at run time. Steps in order (nodes whose results follow
 * from shapes alone have none), where each value's bytes lie, and for ORT_PARALLEL the order that data
 * and shared memory impose between steps. Immutable once made; contexts on any thread share it. */
#ifndef HONE_EXEC_CPU_CPU_PLAN_H
#define HONE_EXEC_CPU_CPU_PLAN_H

#include "exec/cpu/cpu_layout.h"
#include "exec/cpu/cpu_model.h"
#include "exec/plan/memory_plan.h"
#include "exec/plan/shape_eval.h"

/* Where a buffer's bytes come from. */
typedef enum hone__place {
    HONE_PLACE_NONE,   /* never used */
    HONE_PLACE_BLOCK,  /* planned: offset in the context's block, or placed at run time without the pattern */
    HONE_PLACE_INPUT,  /* graph input `index` */
    HONE_PLACE_OUTPUT, /* graph output `index`: written in place */
    HONE_PLACE_CONST,  /* data known to the plan */
    HONE_PLACE_RUNTIME /* shape known only at run time; also strings and containers */
} hone__place;

typedef struct hone__cpu_buffer {
    hone__place place;
    uint32_t index;       /* of the graph input or output; of the memory record for BLOCK */
    size_t size;          /* bytes */
    uint32_t first, last; /* steps that use it, inclusive */
    void *data;           /* CONST */
    uint32_t *values;     /* value ids that share these bytes */
    size_t n_values, values_capacity;
    size_t n_pending; /* uses not yet planned; while building */
} hone__cpu_buffer;

enum { HONE_NO_BUFFER = UINT32_MAX };

typedef struct hone__cpu_step {
    uint32_t node; /* index in model->nodes */
    uint32_t *ids; /* values read, then values written; HONE_NO_BUFFER: omitted. See hone__exec_plan.n_values */
    uint32_t n_in, n_out;
    const hone__cpu_kernel *row; /* NULL: reference */
    hone_status (*run)(hone__cpu_run *ctx);
    bool is_reorder;    /* no node's work: value ids[0] is copied into its other layout, ids[1] */
    bool adds_time;     /* not the first step of its node */
    bool is_dynamic;    /* shapes of outputs are found as it runs */
    const char *inside; /* of a chain: what reports say of its other nodes */
    bool is_copy;       /* a view whose bytes had to be copied: memcpy of input 0 */
    void *plan_state;
    uint32_t workspace; /* buffer id or HONE_NO_BUFFER */
    size_t workspace_size;
    const char *kernel, *algorithm, *detail;
    int n_ranks; /* alternatives, and the key of equal layers; see hone__cpu_plan */
    const char *choice_key;
    /* ORT_PARALLEL */
    uint32_t n_deps;     /* steps that must be done first */
    uint32_t *followers; /* steps waiting for this one */
    size_t n_followers, followers_capacity;
} hone__cpu_step;

struct hone__exec_plan {
    hone__exec_model *model;
    hone__shape_eval shapes;
    hone__arena arena; /* of plan states */
    hone__cpu_step *steps;
    size_t n_steps, steps_capacity;
    hone__cpu_buffer *buffers;
    size_t n_buffers, buffers_capacity;
    size_t n_values;        /* of the graph. Id n_values + i is value i in the layout that it does not have itself */
    size_t n_ids;           /* twice that, or n_values when no value is blocked */
    uint32_t *value_buffer; /* [n_ids], HONE_NO_BUFFER for values without one */
    size_t *value_offset;   /* [n_ids]: bytes from the buffer's beginning; see cpu_alias.h */
    hone__cpu_layout layout;
    uint32_t *output_ids;  /* [graph->n_outputs] */
    int32_t *node_step;    /* [n_nodes], -1: no step */
    bool *output_in_place; /* [graph->n_outputs]: written by its step; else copied at the end */
    hone__mem_record *records;
    size_t n_records;
    hone__mem_result memory;
    size_t max_workspace;
    bool has_dynamic;
    uint32_t *phase_steps, *phase_begin; /* cpu_branches.h: [n_steps], [n_phases + 1] */
    size_t n_phases;                     /* 0: the steps run in order */
};

/* What a plan is made with. */
typedef struct hone__cpu_choices {
    const uint8_t *ranks; /* [n_nodes], NULL: all 0 */
    hone__cpu_layout_mode layout;
    bool has_branches;             /* steps in order of depth, linked: for cpu_branches.h */
    bool keeps;                    /* what was timed goes into the store */
    struct hone__cpu_trial *trial; /* NULL: the plan is there to stay */
} hone__cpu_choices;

/* The backend's `plan`: under EXHAUSTIVE, and where operators are to be tuned, alternatives are timed first. */
hone_status hone__cpu_plan_create(hone__exec_model *model, const hone_tensor *const *inputs, hone__exec_plan **out,
                                  hone_error *error);
/* One plan. choices may be NULL. */
hone_status hone__cpu_plan_make(hone__exec_model *model, const hone_tensor *const *inputs,
                                const hone__cpu_choices *choices, hone__exec_plan **out, hone_error *error);
void hone__cpu_plan_destroy(hone__exec_plan *plan);

/* alloc_packed of a hone__cpu_plan whose user is the model. */
void *hone__cpu_plan_alloc_packed(hone__cpu_plan *ctx, size_t size);

/* The tensor that stands behind an id: shape as it lies in memory, data only when constant. */
hone_tensor hone__cpu_plan_desc(const hone__exec_plan *plan, uint32_t id);

/* Fills n_deps and followers; cpu_plan_deps.c. */
hone_status hone__cpu_plan_link_steps(hone__exec_plan *plan, hone_error *error);

#endif
