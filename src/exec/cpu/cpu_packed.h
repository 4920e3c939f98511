/* Memory for packed weights: whole pages, cut one after the other, given back all at once: a session's when it ends, a
 * trial's (cpu_search.h) when that is over. */
#ifndef HONE_EXEC_CPU_CPU_PACKED_H
#define HONE_EXEC_CPU_CPU_PACKED_H

#include <stddef.h>

typedef struct hone__packed_memory {
    struct hone__packed_chunk *chunks; /* the one in use first */
} hone__packed_memory;

/* 64-byte aligned, readable a little past the end; NULL when out of memory. */
void *hone__packed_alloc(hone__packed_memory *memory, size_t size);
void hone__packed_deinit(hone__packed_memory *memory);

#endif
