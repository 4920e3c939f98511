/* Activation memory; see cpu_memory.h. */
#include "exec/cpu/cpu_memory.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <string.h>

/* What kernels may read past a tensor's end. */
enum { PADDING = HONE_ALIGNMENT };

/* ---- budget ---- */

hone_status hone__mem_budget_take(hone__mem_budget *budget, size_t size, const char *what, hone_error *error) {
    size_t used = atomic_load(&budget->used), sum;
    do {
        if (!hone__add_size(used, size, &sum) || sum > budget->limit) {
            hone__fail(error, HONE_ERROR_LIMIT,
                       "%s needs %.1f MB, but %.1f MB of the memory limit of %.1f MB are in use already", what,
                       (double)size / 1e6, (double)used / 1e6, (double)budget->limit / 1e6);
            hone__error_hint(error,
                             "raise cpu_mem_limit_gb, use a smaller shape or batch, or run fewer requests at once");
            return HONE_ERROR_LIMIT;
        }
    } while (!atomic_compare_exchange_weak(&budget->used, &used, sum));
    return HONE_OK;
}

void hone__mem_budget_give(hone__mem_budget *budget, size_t size) { atomic_fetch_sub(&budget->used, size); }

/* Takes memory from the system under the budget. */
static hone_status take(hone__mem_budget *budget, size_t size, const char *what, void **out, hone_error *error) {
    HONE_TRY(hone__mem_budget_take(budget, size, what, error));
    *out = hone__malloc_aligned(size);
    if (*out)
        return HONE_OK;
    hone__mem_budget_give(budget, size);
    return hone__fail_memory(error, what);
}

/* ---- the run-time arena: chunks of blocks with headers, best fit, neighbours merged ---- */

typedef struct block {
    size_t size;               /* payload bytes, a multiple of 64 */
    struct block *prev, *next; /* neighbours in the chunk, by address */
    hone__mem_chunk *chunk;    /* NULL: a single tensor by malloc */
    bool is_free;
    unsigned char pad[64 - 3 * sizeof(void *) - sizeof(size_t) - sizeof(bool)];
} block;
_Static_assert(sizeof(block) == 64, "payloads must stay 64-byte aligned");

struct hone__mem_chunk {
    hone__mem_chunk *next;
    size_t size; /* bytes taken from the system */
    unsigned char pad[64 - sizeof(void *) - sizeof(size_t)];
    block first;
};
_Static_assert(sizeof(hone__mem_chunk) == 128, "the first block must be 64-byte aligned");

void hone__act_memory_init(hone__act_memory *memory, hone__mem_budget *budget, bool use_arena, bool grow_pow2) {
    memset(memory, 0, sizeof *memory);
    memory->budget = budget;
    memory->use_arena = use_arena;
    memory->grow_pow2 = grow_pow2;
}

static void give(hone__act_memory *memory, void *ptr, size_t size) {
    hone__free_aligned(ptr);
    hone__mem_budget_give(memory->budget, size);
    memory->reserved -= size;
}

/* The planned block lies in pages of its own, huge ones where it is used, so that no more is resident than that. Under
 * AddressSanitizer it comes from the heap, which guards its ends. */
#if defined(__SANITIZE_ADDRESS__)
enum { IS_PAGES = 0 };
#else
enum { IS_PAGES = 1 };
#endif

static hone_status take_block(hone__act_memory *memory, size_t size, hone_error *error) {
    HONE_TRY(hone__mem_budget_take(memory->budget, size, "activation memory", error));
    memory->block = IS_PAGES ? hone__pages_alloc(size) : hone__malloc_aligned(size);
    if (!memory->block) {
        hone__mem_budget_give(memory->budget, size);
        return hone__fail_memory(error, "activation memory");
    }
    memory->block_size = size;
    memory->block_huge = 0;
    memory->reserved += size;
    return HONE_OK;
}

static void give_block(hone__act_memory *memory) {
    if (!memory->block)
        return;
    if (IS_PAGES)
        hone__pages_free(memory->block, memory->block_size);
    else
        hone__free_aligned(memory->block);
    hone__mem_budget_give(memory->budget, memory->block_size);
    memory->reserved -= memory->block_size;
    memory->block = NULL;
    memory->block_size = 0;
}

void hone__act_memory_deinit(hone__act_memory *memory) {
    give_block(memory);
    while (memory->chunks) {
        hone__mem_chunk *next = memory->chunks->next;
        give(memory, memory->chunks, memory->chunks->size);
        memory->chunks = next;
    }
}

static size_t next_pow2(size_t n) {
    size_t p = 4096;
    while (p < n && p <= SIZE_MAX / 2)
        p *= 2;
    return p < n ? n : p;
}

hone_status hone__act_memory_reserve(hone__act_memory *memory, size_t size, hone_error *error) {
    size_t need;
    HONE_FAIL_IF(!hone__add_size(size, PADDING, &need), error, HONE_ERROR_LIMIT, "the activations overflow memory");
    if (need > memory->block_size) {
        give_block(memory);
        const size_t grown = memory->grow_pow2 ? next_pow2(need) : need;
        hone_status status = take_block(memory, grown, error);
        if (status == HONE_ERROR_LIMIT && grown > need) /* the exact size may still fit under the limit */
            status = take_block(memory, need, error);
        HONE_TRY(status);
        memory->n_allocations++;
    }
    if (IS_PAGES)
        memory->block_huge = hone__pages_make_huge(memory->block, need, memory->block_huge);
    return HONE_OK;
}

static block *best_fit(hone__act_memory *memory, size_t size) {
    block *best = NULL;
    for (hone__mem_chunk *chunk = memory->chunks; chunk; chunk = chunk->next)
        for (block *b = &chunk->first; b; b = b->next)
            if (b->is_free && b->size >= size && (!best || b->size < best->size))
                best = b;
    return best;
}

static void split(block *b, size_t size) {
    if (b->size < size + 2 * sizeof *b)
        return;
    block *rest = (block *)((unsigned char *)(b + 1) + size);
    rest->size = b->size - size - sizeof *rest;
    rest->prev = b;
    rest->next = b->next;
    rest->chunk = b->chunk;
    rest->is_free = true;
    if (b->next)
        b->next->prev = rest;
    b->next = rest;
    b->size = size;
}

static hone_status add_chunk(hone__act_memory *memory, size_t size, block **out, hone_error *error) {
    size_t need = size + sizeof(hone__mem_chunk);
    size_t bytes = memory->grow_pow2 ? next_pow2(need) : need;
    void *p;
    hone_status status = take(memory->budget, bytes, "activation memory", &p, error);
    if (status == HONE_ERROR_LIMIT && bytes > need) {
        bytes = need;
        status = take(memory->budget, bytes, "activation memory", &p, error);
    }
    HONE_TRY(status);
    hone__mem_chunk *chunk = p;
    chunk->next = memory->chunks;
    chunk->size = bytes;
    chunk->first = (block){.size = (bytes - sizeof *chunk) & ~(size_t)63, .chunk = chunk, .is_free = true};
    memory->chunks = chunk;
    memory->reserved += bytes;
    memory->n_allocations++;
    *out = &chunk->first;
    return HONE_OK;
}

hone_status hone__act_alloc(hone__act_memory *memory, size_t size, void **out, hone_error *error) {
    size_t need;
    HONE_FAIL_IF(size > SIZE_MAX / 4, error, HONE_ERROR_LIMIT, "a tensor's size overflows memory");
    need = hone__round_up(size + PADDING, HONE_ALIGNMENT);
    block *b;
    if (memory->use_arena) {
        b = best_fit(memory, need);
        if (!b)
            HONE_TRY(add_chunk(memory, need, &b, error));
        split(b, need);
    } else {
        void *p;
        HONE_TRY(take(memory->budget, need + sizeof *b, "a tensor", &p, error));
        b = p;
        *b = (block){.size = need};
        memory->reserved += need + sizeof *b;
        memory->n_allocations++;
    }
    b->is_free = false;
    memory->in_use += b->size;
    memory->peak = hone__max_size(memory->peak, memory->in_use);
    *out = b + 1;
    return HONE_OK;
}

void hone__act_free(hone__act_memory *memory, void *ptr) {
    if (!ptr)
        return;
    block *b = (block *)ptr - 1;
    memory->in_use -= b->size;
    if (!b->chunk) {
        give(memory, b, b->size + sizeof *b);
        return;
    }
    b->is_free = true;
    if (b->next && b->next->is_free) {
        b->size += sizeof *b + b->next->size;
        b->next = b->next->next;
        if (b->next)
            b->next->prev = b;
    }
    if (b->prev && b->prev->is_free) {
        b->prev->size += sizeof *b + b->size;
        b->prev->next = b->next;
        if (b->next)
            b->next->prev = b->prev;
    }
}

/* ---- scratch ---- */

struct hone__scratch_block {
    struct hone__scratch_block *next;
    size_t used, size;
    unsigned char pad[64 - sizeof(void *) - 2 * sizeof(size_t)];
    unsigned char data[];
};

void *hone__scratch_alloc(hone__scratch *scratch, size_t size) {
    size_t need;
    if (size > SIZE_MAX / 4)
        return NULL;
    need = hone__round_up(size + PADDING, HONE_ALIGNMENT);
    struct hone__scratch_block *b = scratch->head;
    while (b && b->size - b->used < need)
        b = b->next;
    if (!b) {
        size_t total = hone__max_size(need, 65536) + sizeof *b;
        void *p;
        if (take(scratch->budget, total, "scratch memory", &p, NULL) != HONE_OK)
            return NULL;
        b = p;
        b->used = 0;
        b->size = total - sizeof *b;
        b->next = scratch->head;
        scratch->head = b;
        scratch->reserved += total;
        scratch->n_allocations++;
    }
    void *p = b->data + b->used;
    b->used += need;
    return p;
}

void hone__scratch_reset(hone__scratch *scratch) {
    for (struct hone__scratch_block *b = scratch->head; b; b = b->next)
        b->used = 0;
}

void hone__scratch_deinit(hone__scratch *scratch) {
    while (scratch->head) {
        struct hone__scratch_block *next = scratch->head->next;
        hone__mem_budget_give(scratch->budget, scratch->head->size + sizeof *next);
        hone__free_aligned(scratch->head);
        scratch->head = next;
    }
}
