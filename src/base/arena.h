/* A bump arena: many small allocations with one lifetime. Everything is freed at once. */
#ifndef HONE_BASE_ARENA_H
#define HONE_BASE_ARENA_H

#include <stddef.h>

typedef struct hone__arena_block hone__arena_block;

typedef struct hone__arena {
    hone__arena_block *head;
    size_t used, total; /* bytes handed out; bytes taken from the system */
} hone__arena;

void hone__arena_init(hone__arena *arena);
void hone__arena_deinit(hone__arena *arena);

/* NULL when out of memory. Memory is aligned to 16 bytes; `calloc` checks the product and zeroes. */
void *hone__arena_alloc(hone__arena *arena, size_t size);
void *hone__arena_calloc(hone__arena *arena, size_t n, size_t size);
char *hone__arena_strdup(hone__arena *arena, const char *s);
char *hone__arena_strndup(hone__arena *arena, const char *s, size_t n); /* adds a NUL */
void *hone__arena_memdup(hone__arena *arena, const void *p, size_t size);

#endif
