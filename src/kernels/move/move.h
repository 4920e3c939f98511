/* Data movement by element size (1, 2, 4 or 8 bytes; 16 for complex numbers), whatever the type: the
 * transposition of a matrix tile and copies with a stride. exec/cpu/cpu_view.c reduces Transpose,
 * Slice, Expand, Tile, Concat, Split, ... to these. One row per ISA, from plain C upwards. */
#ifndef HONE_KERNELS_MOVE_H
#define HONE_KERNELS_MOVE_H

#include <stddef.h>
#include <stdint.h>

enum { HONE_MOVE_MAX_LANES = 16 };

/* Where lanes of a vector come from: lane i takes lane index[i] of the source's vector where keep[i] is -1 (else 0). */
typedef struct hone_move_pick {
    int32_t index[HONE_MOVE_MAX_LANES], keep[HONE_MOVE_MAX_LANES];
    uint32_t mask; /* the same as keep, bit i */
} hone_move_pick;

typedef struct hone_move_row {
    const char *isa_name;
    uint32_t isa;
    /* y[c * y_stride + r] = x[r * x_stride + c] for elements of four bytes, strides in elements. */
    void (*transpose4)(const void *x, size_t x_stride, void *y, size_t y_stride, size_t rows, size_t cols);
    size_t n_lanes; /* of a vector */
    /* Vector v of y, v < n_vectors, is gathered from vector v of every source; lanes that no pick keeps are 0.
     * n_picks >= 1. Vectors are n_lanes floats, one after the other. */
    void (*lanes)(const float *const *x, const hone_move_pick *picks, size_t n_picks, size_t n_vectors, float *y);
} hone_move_row;

extern const hone_move_row hone_move_row__generic, hone_move_row__avx2, hone_move_row__avx512;
const hone_move_row *hone_move_select(uint32_t isa);
const hone_move_row *const *hone_move_rows(size_t *n);

/* The same for any element size; four bytes through the row. */
void hone_move_transpose(const hone_move_row *row, size_t elem_size, const void *x, size_t x_stride, void *y,
                         size_t y_stride, size_t rows, size_t cols);
/* y[i * y_step] = x[i * x_step], steps in elements (x_step may be 0 or negative). */
void hone_move_strided(size_t elem_size, const void *x, ptrdiff_t x_step, void *y, ptrdiff_t y_step, size_t n);
/* n copies of one element. */
void hone_move_fill(size_t elem_size, const void *value, void *y, size_t n);

#endif
