/* The table of data movement rows, its lookup, and the plain C loops for every element size. */
#include "kernels/move/move.h"

#include <string.h>

static const hone_move_row *const rows[] = {
    &hone_move_row__generic,
#if defined(__x86_64__)
    &hone_move_row__avx2,
    &hone_move_row__avx512,
#endif
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const hone_move_row *const *hone_move_rows(size_t *n) {
    *n = N_ROWS;
    return rows;
}

const hone_move_row *hone_move_select(uint32_t isa) {
    size_t i = N_ROWS - 1;
    while ((rows[i]->isa & isa) != rows[i]->isa)
        i--;
    return rows[i];
}

typedef struct complex128 {
    uint64_t re, im;
} complex128;

/* Blocks of 16 by 16 elements: both sides' cache lines are used whole while they are in L1. */
enum { BLOCK = 16 };
#define DEFINE_MOVES(T)                                                                                                \
    static void transpose_##T(const T *x, size_t xs, T *y, size_t ys, size_t n_rows, size_t n_cols) {                  \
        for (size_t r0 = 0; r0 < n_rows; r0 += BLOCK) {                                                                \
            const size_t r1 = r0 + BLOCK < n_rows ? r0 + BLOCK : n_rows;                                               \
            for (size_t c0 = 0; c0 < n_cols; c0 += BLOCK) {                                                            \
                const size_t c1 = c0 + BLOCK < n_cols ? c0 + BLOCK : n_cols;                                           \
                for (size_t c = c0; c < c1; c++)                                                                       \
                    for (size_t r = r0; r < r1; r++)                                                                   \
                        y[c * ys + r] = x[r * xs + c];                                                                 \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void strided_##T(const T *x, ptrdiff_t xs, T *y, ptrdiff_t ys, size_t n) {                                  \
        if (ys == 1 && xs == 2) {                                                                                      \
            for (size_t i = 0; i < n; i++)                                                                             \
                y[i] = x[2 * i];                                                                                       \
        } else {                                                                                                       \
            for (size_t i = 0; i < n; i++, x += xs, y += ys)                                                           \
                *y = *x;                                                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    static void fill_##T(const T *value, T *y, size_t n) {                                                             \
        const T v = *value;                                                                                            \
        for (size_t i = 0; i < n; i++)                                                                                 \
            y[i] = v;                                                                                                  \
    }
DEFINE_MOVES(uint8_t)
DEFINE_MOVES(uint16_t)
DEFINE_MOVES(uint32_t)
DEFINE_MOVES(uint64_t)
DEFINE_MOVES(complex128)

#define BY_SIZE(call)                                                                                                  \
    switch (elem_size) {                                                                                               \
    case 1:                                                                                                            \
        call(uint8_t);                                                                                                 \
        break;                                                                                                         \
    case 2:                                                                                                            \
        call(uint16_t);                                                                                                \
        break;                                                                                                         \
    case 4:                                                                                                            \
        call(uint32_t);                                                                                                \
        break;                                                                                                         \
    case 8:                                                                                                            \
        call(uint64_t);                                                                                                \
        break;                                                                                                         \
    case 16:                                                                                                           \
        call(complex128);                                                                                              \
        break;                                                                                                         \
    default:                                                                                                           \
        break;                                                                                                         \
    }

static void transpose4(const void *x, size_t x_stride, void *y, size_t y_stride, size_t n_rows, size_t n_cols) {
    transpose_uint32_t(x, x_stride, y, y_stride, n_rows, n_cols);
}

enum { GENERIC_LANES = 4 };

static void lanes(const float *const *x, const hone_move_pick *picks, size_t n_picks, size_t n_vectors, float *y) {
    for (size_t v = 0; v < n_vectors; v++)
        for (size_t i = 0; i < GENERIC_LANES; i++) {
            float lane = 0.0f;
            for (size_t p = 0; p < n_picks; p++)
                if (picks[p].keep[i])
                    lane = x[p][v * GENERIC_LANES + (size_t)picks[p].index[i]];
            y[v * GENERIC_LANES + i] = lane;
        }
}

const hone_move_row hone_move_row__generic = {"generic", 0, transpose4, GENERIC_LANES, lanes};

void hone_move_transpose(const hone_move_row *row, size_t elem_size, const void *x, size_t x_stride, void *y,
                         size_t y_stride, size_t n_rows, size_t n_cols) {
    if (elem_size == 4) {
        row->transpose4(x, x_stride, y, y_stride, n_rows, n_cols);
        return;
    }
#define CALL(T) transpose_##T(x, x_stride, y, y_stride, n_rows, n_cols)
    BY_SIZE(CALL)
#undef CALL
}

void hone_move_strided(size_t elem_size, const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t n) {
#define CALL(T) strided_##T(x, x_step, y, y_step, n)
    BY_SIZE(CALL)
#undef CALL
}

void hone_move_fill(size_t elem_size, const void *value, void *y, size_t n) {
#define CALL(T) fill_##T(value, y, n)
    BY_SIZE(CALL)
#undef CALL
}
