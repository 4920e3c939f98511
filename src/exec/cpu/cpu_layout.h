/* The channel-blocked layout of activations, carried through a plan: which nodes run on blocked tensors, which values
 * lie blocked, and the steps that reorder values at the edges of such regions.
 *
 * A blocked tensor of logical shape [n,c,h,w] lies as [n, ceil(c/block), h, w, block], block being the floats in a
 * vector of the ISA; lanes past the last channel hold anything. A node on blocked tensors writes only blocked outputs;
 * its inputs are blocked or plain as its form says (hone__cpu_blocked). A value that is read in the layout it does not
 * have is copied once, by a step of its own, which counts as part of the first node that needs it.
 *
 * Which nodes: under DEFAULT none (one fixed algorithm). Else every node whose row has a blocked form is a candidate
 * with an estimated gain, each reordering has a cost, and what remains after nodes and then whole regions that do not
 * pay have been taken back is blocked. */
#ifndef HONE_EXEC_CPU_CPU_LAYOUT_H
#define HONE_EXEC_CPU_CPU_LAYOUT_H

#include "exec/cpu/cpu_model.h"
#include "exec/plan/shape_eval.h"

typedef struct hone__cpu_layout {
    size_t block;                    /* channels; 0: nothing is blocked, and the arrays are NULL */
    char name[16];                   /* "nChw16c" */
    bool *is_blocked;                /* [value count] */
    const hone__cpu_blocked **forms; /* [n_nodes], NULL: the node runs on plain tensors */
    uint32_t *wants;                 /* [n_nodes]: bit i, input i is read blocked */
    uint32_t *n_reorders;            /* [n_nodes]: steps added for the node */
} hone__cpu_layout;

/* AUTO: whatever the cost model says; the others are for comparison. */
typedef enum hone__cpu_layout_mode {
    HONE_CPU_LAYOUT_AUTO,
    HONE_CPU_LAYOUT_PLAIN,
    HONE_CPU_LAYOUT_BLOCKED /* every node that can */
} hone__cpu_layout_mode;

hone_status hone__cpu_layout_assign(const hone__exec_model *model, const hone__shape_eval *shapes,
                                    hone__cpu_layout_mode mode, hone__arena *arena, hone__cpu_layout *out,
                                    hone_error *error);

/* For the fuzzer, whose models are too small to gain: plans made from now on (of any session) are as under
 * force_blocked. */
void hone__cpu_layout_force(bool on);

static inline const hone__cpu_blocked *hone__cpu_layout_form(const hone__cpu_layout *layout, uint32_t node) {
    return layout->block ? layout->forms[node] : NULL;
}
static inline bool hone__cpu_layout_wants(const hone__cpu_layout *layout, uint32_t node, size_t input) {
    return layout->block && layout->forms[node] && input < 32 && (layout->wants[node] >> input & 1u);
}

/* A logical tensor's blocked form: rank 5, no data. */
hone_tensor hone__cpu_layout_tensor(const hone_tensor *plain, size_t block);

/* Copies between the layouts; the blocked one is the tensor of rank 5. */
void hone__cpu_layout_reorder(const hone__cpu_config *config, const hone_tensor *from, hone_tensor *to,
                              hone__pool *pool);

#endif
