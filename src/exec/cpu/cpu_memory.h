/* Activation memory of one context: the planned block, an allocator for tensors whose place is found
 * at run time, and scratch for reference evaluators; all charged to the session's budget.
 *
 * Keys: enable_cpu_mem_arena (one arena, or malloc per tensor), enable_mem_pattern (planned block or
 * run-time placement), arena_extend_strategy (how the arena grows), cpu_mem_limit_gb (the budget). */
#ifndef HONE_EXEC_CPU_CPU_MEMORY_H
#define HONE_EXEC_CPU_CPU_MEMORY_H

#include <hone/status.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes taken by all contexts and packed weights of a session, and their cap. */
typedef struct hone__mem_budget {
    atomic_size_t used;
    size_t limit; /* SIZE_MAX: none */
} hone__mem_budget;

/* Takes bytes or fails with LIMIT, naming what they were for. */
hone_status hone__mem_budget_take(hone__mem_budget *budget, size_t size, const char *what, hone_error *error);
void hone__mem_budget_give(hone__mem_budget *budget, size_t size);

typedef struct hone__mem_chunk hone__mem_chunk;

typedef struct hone__act_memory {
    hone__mem_budget *budget;
    bool use_arena, grow_pow2;
    unsigned char *block;          /* planned offsets */
    size_t block_size, block_huge; /* bytes; of these, advised to be of huge pages */
    hone__mem_chunk *chunks;       /* run-time arena */
    size_t in_use, peak;           /* bytes handed out by hone__act_alloc */
    size_t reserved;               /* bytes taken from the system: block, chunks or single tensors */
    uint64_t n_allocations;
} hone__act_memory;

void hone__act_memory_init(hone__act_memory *memory, hone__mem_budget *budget, bool use_arena, bool grow_pow2);
void hone__act_memory_deinit(hone__act_memory *memory);

/* Makes the planned block at least `size` bytes; its contents are lost when it grows. */
hone_status hone__act_memory_reserve(hone__act_memory *memory, size_t size, hone_error *error);

/* A tensor's memory found now: from the run-time arena (best fit), or by malloc. 64-byte aligned,
 * readable for 64 bytes past its end. Not thread-safe. */
hone_status hone__act_alloc(hone__act_memory *memory, size_t size, void **out, hone_error *error);
void hone__act_free(hone__act_memory *memory, void *ptr);

/* Scratch of one worker: a bump allocator that keeps its memory between nodes, so that a steady state
 * allocates nothing. */
typedef struct hone__scratch {
    hone__mem_budget *budget;
    struct hone__scratch_block *head;
    size_t reserved;
    uint64_t n_allocations;
} hone__scratch;

void *hone__scratch_alloc(hone__scratch *scratch, size_t size); /* NULL when out of memory */
void hone__scratch_reset(hone__scratch *scratch);
void hone__scratch_deinit(hone__scratch *scratch);

#endif
