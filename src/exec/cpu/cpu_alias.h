/* Values that lie inside another's bytes, so that Concat, Split and Slice need not move anything.
 *
 * Inputs of a Concat: their producers write into their pieces of its output (a group), when the pieces follow each
 * other in memory: nothing before the axis but ones, and in the blocked layout whole blocks. Concats are looked at from
 * the last to the first, so that one whose inputs are the first ones of a later one (DenseNet) lies inside that. A
 * group's bytes are reserved from its first piece on; where that would raise the most that is alive at any time, it is
 * left.
 *
 * Outputs of Split and Slice: views of the input's bytes under the same conditions.
 *
 * Offsets are multiples of HONE_ALIGNMENT. Not with enable_mem_reuse off. Groups not where branches run at once: their
 * pieces would wait for each other as writers of one buffer. */
#ifndef HONE_EXEC_CPU_CPU_ALIAS_H
#define HONE_EXEC_CPU_CPU_ALIAS_H

#include "exec/cpu/cpu_plan.h"

typedef struct hone__cpu_alias {
    uint32_t *parent; /* [n_ids]: the id inside whose bytes this one is written, HONE_NO_BUFFER: none */
    size_t *offset;   /* [n_ids]: bytes from the parent's beginning */
} hone__cpu_alias;

/* Groups of the whole graph (none unless has_groups); shapes and layouts of the plan are set. */
hone_status hone__cpu_alias_assign(const hone__exec_plan *plan, bool has_groups, hone__cpu_alias *out,
                                   hone_error *error);

/* The outermost id that contains `id` and the bytes from its beginning; id itself and 0 when there is none. */
uint32_t hone__cpu_alias_root(const hone__cpu_alias *alias, uint32_t id, size_t *offset);

/* A node whose output is its input's bytes in another shape. */
bool hone__cpu_alias_is_view(const hone__exec_plan *plan, const hone__node *node);

/* A Split or Slice whose outputs are parts of its input's bytes: their offsets, [n_outputs]. */
bool hone__cpu_alias_parts(const hone__exec_plan *plan, uint32_t node, size_t *offsets);

/* Bytes of each input of a Concat from the beginning of its output, [n_inputs]; false when pieces do not follow each
 * other. ids: of the inputs. */
bool hone__cpu_alias_pieces(const hone__exec_plan *plan, uint32_t node, const uint32_t *ids, size_t *offsets);

#endif
