/* Convolutions on the CPU, shared by the binding (cpu_conv.c), the choice of algorithms (cpu_conv_select.c) and the
 * transposed form (cpu_conv_transpose.c). */
#ifndef HONE_EXEC_CPU_CPU_CONV_H
#define HONE_EXEC_CPU_CPU_CONV_H

#include "exec/cpu/cpu_bind.h"
#include "kernels/conv/conv.h"

#include <pthread.h>

/* Weights packed for one family of algorithms; kept until the session ends. */
typedef struct hone__conv_slot {
    uint64_t key; /* hone__conv_plan.pack_key */
    float *packed;
    size_t size;
    bool is_lasting; /* in the session's memory until it ends, or in that of a trial; else the slot's own */
    uint64_t trial;  /* not 0: for the plan of this trial alone, gone with it */
    struct hone__conv_slot *next;
} hone__conv_slot;

/* State of a node. The constant weights are borrowed from the graph. */
typedef struct hone__conv_state {
    pthread_mutex_t lock; /* guards slots: plans may be made by several threads */
    hone__conv_slot *slots;
    const hone__cpu_config *config;    /* lives as long as the session: the account of slots */
    const hone_f32_unaligned *weights; /* NULL: computed at run time, packed then */
    size_t weights_size;               /* bytes */
    hone_act act;
} hone__conv_state;

/* Plan of a node for one shape. */
typedef struct hone__conv_choice {
    hone__conv_plan plan;
    const float *packed; /* NULL: packed at run time at the end of the workspace */
    const void *table;
    size_t packed_at; /* offset in the workspace */
    bool is_empty;
} hone__conv_choice;

/* The attributes of Conv, FusedConv and ConvTranspose that both kinds read, for 1 or 2 spatial dims (a single one is
 * put last, with a height of 1). */
typedef struct hone__conv_attrs {
    size_t stride[2], dil[2];
    int64_t pad_begin[2], pad_end[2];
    size_t groups;
    enum { HONE_CONV_PAD_EXPLICIT, HONE_CONV_PAD_SAME_UPPER, HONE_CONV_PAD_SAME_LOWER, HONE_CONV_PAD_VALID } auto_pad;
} hone__conv_attrs;

/* False when an attribute is out of what the kernels do (negative pads, other ranks). */
bool hone__conv_read_attrs(const hone__node *node, int spatial, hone__conv_attrs *out);
/* Padding before the first element along dimension i of two. */
int64_t hone__conv_pad_before(const hone__conv_attrs *a, int i, int64_t in, int64_t out, int64_t kernel);
/* Ranks of one or two spatial dimensions. */
bool hone__conv_shapes_ok(const hone__node *node);

/* Picks the algorithm for a layer and packs its weights: fills choice->plan and ->packed; *detail may be set to a text
 * in the plan's arena. */
hone_status hone__conv_select(hone__conv_state *state, hone__cpu_plan *ctx, const hone__conv_desc *desc,
                              hone__conv_choice *choice, const char **detail);
/* Life of the state of Conv and FusedConv, of any number of dimensions. */
hone_status hone__conv_prepare(hone__cpu_prepare *ctx, const hone__node *node, void **state);
void hone__conv_release(void *state);
/* The least estimated seconds of the algorithms that could be picked; HUGE_VAL: none. */
double hone__conv_least_cost(const hone__cpu_config *config, const hone__conv_desc *desc);
void hone__conv_slot_free(const hone__conv_state *state, hone__conv_slot *slot);
/* Weights of a plan's family, packed at the first call. */
hone_status hone__conv_packed(hone__conv_state *state, const hone__conv_plan *plan, const float **out,
                              hone_error *error);
/* The same for a plan under way: the packing is put off, to run with that of other layers. */
hone_status hone__conv_packed_later(hone__conv_state *state, hone__cpu_plan *ctx, const hone__conv_plan *plan,
                                    const float **out);
/* The rows' reads_unaligned: weights are packed. */
bool hone__conv_reads_unaligned(const hone__node *node, size_t i);
/* Runs all phases of a convolution. */
void hone__conv_execute(const hone__conv_args *args, hone__pool *pool);

#endif
