/* The memory planner: given buffers with sizes and lifetimes (in steps), finds offsets in one block
 * so that buffers alive at the same time never overlap. Tensors, workspaces and in-place groups are
 * all the same record.
 *
 * Method: greedy by size, best fit (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net
 * Inference", 2020, section 4.3); above a few thousand buffers a first-fit sweep in time order, which is
 * linear in practice. */
#ifndef HONE_EXEC_PLAN_MEMORY_PLAN_H
#define HONE_EXEC_PLAN_MEMORY_PLAN_H

#include <hone/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hone__mem_record {
    size_t size;          /* bytes; 0 takes no place */
    uint32_t first, last; /* steps, inclusive: alive from first to last */
    size_t offset;        /* result, a multiple of HONE_ALIGNMENT */
} hone__mem_record;

typedef struct hone__mem_result {
    size_t total;       /* bytes of the block */
    size_t lower_bound; /* largest sum of sizes alive at one step: no plan can be smaller */
} hone__mem_result;

/* reuse false: every record gets bytes of its own. Errors: LIMIT (sum overflows), MEMORY. */
hone_status hone__mem_plan(hone__mem_record *records, size_t n, uint32_t n_steps, bool reuse, hone__mem_result *out,
                           hone_error *error);

#endif
