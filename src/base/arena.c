/* The bump arena; see arena.h. Blocks double from 4 KiB to 1 MiB; larger requests get their own. */
#include "base/arena.h"

#include "base/alloc.h"
#include "base/checked.h"

#include <stdint.h>
#include <string.h>

struct hone__arena_block {
    hone__arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

enum { MIN_BLOCK = 4096, MAX_BLOCK = 1 << 20 };

void hone__arena_init(hone__arena *arena) { memset(arena, 0, sizeof *arena); }

void hone__arena_deinit(hone__arena *arena) {
    hone__arena_block *block = arena->head;
    while (block) {
        hone__arena_block *next = block->next;
        hone__free(block);
        block = next;
    }
    hone__arena_init(arena);
}

void *hone__arena_alloc(hone__arena *arena, size_t size) {
    size_t need;
    if (!hone__add_size(size ? size : 1, 15, &need))
        return NULL;
    need &= ~(size_t)15;
    hone__arena_block *block = arena->head;
    if (!block || block->size - block->used < need) {
        size_t grown = block ? hone__min_size(block->size * 2, MAX_BLOCK) : MIN_BLOCK;
        size_t size_new = hone__max_size(grown, need), bytes;
        if (!hone__add_size(size_new, sizeof *block, &bytes))
            return NULL;
        hone__arena_block *fresh = hone__malloc(bytes);
        if (!fresh)
            return NULL;
        fresh->used = 0;
        fresh->size = size_new;
        arena->total += bytes;
        /* A large request must not strand the rest of the current block. */
        if (block && need > MAX_BLOCK / 4 && block->size - block->used > 1024) {
            fresh->next = block->next;
            block->next = fresh;
        } else {
            fresh->next = block;
            arena->head = fresh;
        }
        block = fresh;
    }
    void *p = block->data + block->used;
    block->used += need;
    arena->used += need;
    return p;
}

void *hone__arena_calloc(hone__arena *arena, size_t n, size_t size) {
    size_t total;
    if (!hone__mul_size(n, size, &total))
        return NULL;
    void *p = hone__arena_alloc(arena, total);
    if (p)
        memset(p, 0, total);
    return p;
}

char *hone__arena_strndup(hone__arena *arena, const char *s, size_t n) {
    size_t bytes;
    if (!hone__add_size(n, 1, &bytes))
        return NULL;
    char *copy = hone__arena_alloc(arena, bytes);
    if (!copy)
        return NULL;
    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *hone__arena_strdup(hone__arena *arena, const char *s) { return hone__arena_strndup(arena, s, strlen(s)); }

void *hone__arena_memdup(hone__arena *arena, const void *p, size_t size) {
    void *copy = hone__arena_alloc(arena, size);
    if (copy && size)
        memcpy(copy, p, size);
    return copy;
}
