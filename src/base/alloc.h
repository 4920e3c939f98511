/* Memory: every allocation of the library goes through here, so that tests can count them and make
 * them fail, and so that sizes are checked once. */
#ifndef HONE_BASE_ALLOC_H
#define HONE_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HONE_ALIGNMENT = 64 };

/* 1 in builds under a sanitizer that keeps shadow memory, where limits on memory mean nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HONE_IS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HONE_IS_SANITIZED 1
#endif
#endif
#ifndef HONE_IS_SANITIZED
#define HONE_IS_SANITIZED 0
#endif

void *hone__malloc(size_t size);
void *hone__calloc(size_t n, size_t size); /* checked product */
void *hone__realloc(void *ptr, size_t size);
void *hone__malloc_aligned(size_t size); /* HONE_ALIGNMENT bytes; free with hone__free_aligned */
void hone__free(void *ptr);
void hone__free_aligned(void *ptr);
char *hone__strdup(const char *s);

/* Memory in whole pages, zero-filled, aligned to 2 MiB from that size on: for large blocks that are kept. Free with the
 * same size. */
void *hone__pages_alloc(size_t size);
/* Advises huge pages for the whole ones in the first `size` bytes, beyond the first `done`, which have been; returns
 * the new `done`. A huge page is resident as a whole from its first touch: so only for bytes that will be used. */
size_t hone__pages_make_huge(void *ptr, size_t size, size_t done);
void hone__pages_free(void *ptr, size_t size);

/* Bytes that the machine, or the process's cgroup, can still give (below 0: not known). Large allocations beyond that
 * fail as if memory were exhausted, so that a model which asks for more gets a status instead of the kernel's killer.
 * NULL, as it is at first: never asked. */
typedef int64_t (*hone__alloc_available_fn)(void);
void hone__alloc_set_available(hone__alloc_available_fn fn);

/* Grows an array of elements of `size` bytes so that it holds `need` of them. False when out of
 * memory, with the array as it was. */
bool hone__grow(void **array, size_t *capacity, size_t need, size_t size);

/* For tests. The count is of allocations by this process so far; fail_after n lets n more succeed,
 * then fails every one until it is set to -1. */
uint64_t hone__alloc_count(void);
void hone__alloc_fail_after(int64_t n);

#endif
