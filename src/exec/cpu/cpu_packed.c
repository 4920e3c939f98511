/* Packed weights; see cpu_packed.h. */
#include "exec/cpu/cpu_packed.h"

#include "base/alloc.h"
#include "base/checked.h"

enum { PACKED_FIRST = 256 << 10, PACKED_CHUNK = 8 << 20 };

typedef struct hone__packed_chunk {
    struct hone__packed_chunk *next;
    unsigned char *data;
    size_t size, used, huge;
} hone__packed_chunk;

/* Small models take small chunks, large ones chunks of huge pages. A large request has one of its own. */
static hone__packed_chunk *add_chunk(hone__packed_memory *memory, size_t size) {
    const size_t grown = memory->chunks ? hone__min_size(PACKED_CHUNK, 2 * memory->chunks->size) : PACKED_FIRST;
    hone__packed_chunk *chunk = hone__malloc(sizeof *chunk);
    if (!chunk)
        return NULL;
    chunk->size = hone__max_size(grown, size);
    chunk->used = chunk->huge = 0;
    chunk->data = hone__pages_alloc(chunk->size);
    if (!chunk->data) {
        hone__free(chunk);
        return NULL;
    }
    chunk->next = memory->chunks;
    memory->chunks = chunk;
    return chunk;
}

void *hone__packed_alloc(hone__packed_memory *memory, size_t size) {
    size_t need; /* kernels may read a little past the end */
    if (!hone__add_size(size, 2 * HONE_ALIGNMENT - 1, &need))
        return NULL;
    need &= ~(size_t)(HONE_ALIGNMENT - 1);
    hone__packed_chunk *chunk = memory->chunks;
    if (!chunk || chunk->size - chunk->used < need)
        chunk = add_chunk(memory, need);
    if (!chunk)
        return NULL;
    void *p = chunk->data + chunk->used;
    chunk->used += need;
    chunk->huge = hone__pages_make_huge(chunk->data, chunk->used, chunk->huge);
    return p;
}

void hone__packed_deinit(hone__packed_memory *memory) {
    while (memory->chunks) {
        hone__packed_chunk *next = memory->chunks->next;
        hone__pages_free(memory->chunks->data, memory->chunks->size);
        hone__free(memory->chunks);
        memory->chunks = next;
    }
}
