/* Checked integers: arithmetic on sizes that come from files or callers. True when the result fits. */
#ifndef HONE_BASE_CHECKED_H
#define HONE_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool hone__add_size(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool hone__mul_size(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool hone__add_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool hone__mul_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }

static inline size_t hone__round_up(size_t n, size_t multiple) { return (n + multiple - 1) / multiple * multiple; }
static inline size_t hone__div_up(size_t a, size_t b) { return (a + b - 1) / b; }
static inline size_t hone__min_size(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t hone__max_size(size_t a, size_t b) { return a > b ? a : b; }
static inline int64_t hone__min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t hone__max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

/* Elements of a shape; false when a dim is negative or the product overflows int64. */
static inline bool hone__shape_count(const int64_t *dims, int rank, int64_t *out) {
    int64_t count = 1;
    bool zero = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return false;
        if (dims[i] == 0)
            zero = true;
        else if (!hone__mul_i64(count, dims[i], &count))
            return false;
    }
    *out = zero ? 0 : count;
    return true;
}

#endif
