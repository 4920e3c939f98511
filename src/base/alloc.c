/* Allocation with counting and fault injection; see alloc.h. */
#include "base/alloc.h"

#include "base/checked.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static atomic_uint_fast64_t g_count;
static atomic_int_fast64_t g_fail_after = -1;

static _Atomic(hone__alloc_available_fn) g_available;

enum { LARGE = 64 << 20, CHECK_EVERY = 1 << 18 };

/* Whether the machine has that much left. Asking costs a few files of /proc and /sys, so it is done for large
 * allocations, and once in a while for many small ones. */
static bool is_available(size_t size, uint_fast64_t count) {
    if (size < LARGE && count % CHECK_EVERY != 0)
        return true;
    hone__alloc_available_fn available = atomic_load_explicit(&g_available, memory_order_relaxed);
    if (!available || count == 0)
        return true;
    const int64_t left = available();
    return left < 0 || (size <= (uint64_t)left && left - (int64_t)size >= (int64_t)LARGE);
}

void hone__alloc_set_available(hone__alloc_available_fn fn) { atomic_store(&g_available, fn); }

static bool may_allocate(size_t size) {
    const uint_fast64_t count = atomic_fetch_add_explicit(&g_count, 1, memory_order_relaxed);
    if (!is_available(size, count))
        return false;
    if (atomic_load_explicit(&g_fail_after, memory_order_relaxed) < 0)
        return true;
    int_fast64_t left = atomic_load(&g_fail_after);
    while (left > 0 && !atomic_compare_exchange_weak(&g_fail_after, &left, left - 1)) {
    }
    return left != 0;
}

void *hone__malloc(size_t size) { return may_allocate(size) ? malloc(size ? size : 1) : NULL; }

void *hone__calloc(size_t n, size_t size) {
    size_t total;
    if (!hone__mul_size(n, size, &total) || !may_allocate(total))
        return NULL;
    return calloc(1, total ? total : 1);
}

void *hone__realloc(void *ptr, size_t size) { return may_allocate(size) ? realloc(ptr, size ? size : 1) : NULL; }

enum { HUGE_PAGE = 2 << 20 };

void *hone__malloc_aligned(size_t size) {
    size_t rounded;
    if (!hone__add_size(size ? size : 1, HONE_ALIGNMENT - 1, &rounded) || !may_allocate(rounded))
        return NULL;
    void *ptr = aligned_alloc(HONE_ALIGNMENT, rounded & ~(size_t)(HONE_ALIGNMENT - 1));
#ifdef MADV_HUGEPAGE
    /* Packed weights and arenas are walked whole: huge pages save most page faults and TLB misses. Only advice. */
    if (ptr && rounded >= 2 * HUGE_PAGE) {
        const uintptr_t begin = ((uintptr_t)ptr + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1);
        const uintptr_t end = ((uintptr_t)ptr + rounded) & ~(uintptr_t)(HUGE_PAGE - 1);
        if (end > begin)
            (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    }
#endif
    return ptr;
}

void *hone__pages_alloc(size_t size) {
    size_t total;
    const size_t align = size >= HUGE_PAGE ? HUGE_PAGE : 0;
    if (!hone__add_size(size ? size : 1, align, &total) || !may_allocate(total))
        return NULL;
    unsigned char *p = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    if (!align)
        return p;
    /* Cut what lies before and behind the aligned part. */
    const size_t page = 4096, before = (size_t)(-(uintptr_t)p & (HUGE_PAGE - 1));
    const size_t keep = (size + page - 1) & ~(page - 1);
    if (before)
        (void)munmap(p, before);
    if (total > before + keep)
        (void)munmap(p + before + keep, total - before - keep);
    return p + before;
}

size_t hone__pages_make_huge(void *ptr, size_t size, size_t done) {
    const size_t end = size & ~(size_t)(HUGE_PAGE - 1);
#ifdef MADV_HUGEPAGE
    if (end > done && ((uintptr_t)ptr & (HUGE_PAGE - 1)) == 0)
        (void)madvise((unsigned char *)ptr + done, end - done, MADV_HUGEPAGE);
#endif
    return end > done ? end : done;
}

void hone__pages_free(void *ptr, size_t size) {
    if (ptr)
        (void)munmap(ptr, size ? size : 1);
}

void hone__free(void *ptr) { free(ptr); }
void hone__free_aligned(void *ptr) { free(ptr); }

char *hone__strdup(const char *s) {
    size_t n = strlen(s) + 1;
    char *copy = hone__malloc(n);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

bool hone__grow(void **array, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity)
        return true;
    size_t cap = *capacity ? *capacity : 8;
    while (cap < need) {
        if (cap > SIZE_MAX / 2)
            return false;
        cap *= 2;
    }
    size_t bytes;
    if (!hone__mul_size(cap, size, &bytes))
        return false;
    void *grown = hone__realloc(*array, bytes);
    if (!grown)
        return false;
    *array = grown;
    *capacity = cap;
    return true;
}

uint64_t hone__alloc_count(void) { return atomic_load_explicit(&g_count, memory_order_relaxed); }
void hone__alloc_fail_after(int64_t n) { atomic_store(&g_fail_after, n); }
