/* Rotary position embedding of one row of n elements (n even): each pair of elements is turned by an angle whose cosine
 * and sine are given, y = x * cos + turn(x) * sin. `halves` pairs element i with i + n/2 (LLaMA, GPT-NeoX): turn(x) is
 * the negated second half followed by the first. `pairs` pairs neighbours (GPT-J): turn(x) = -x1, x0, -x3, x2, ...
 * cos and sin have an element each for every element of the row, as models write them. exec/cpu/cpu_rotary.c finds the
 * rows and splits them between threads. y may be x. One row of the table per ISA, from plain C upwards.
 * Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021. */
#ifndef HONE_KERNELS_ROTARY_H
#define HONE_KERNELS_ROTARY_H

#include <stddef.h>
#include <stdint.h>

typedef void (*hone_rotary_fn)(const float *x, const float *cos, const float *sin, float *y, size_t n);

typedef struct hone_rotary_row {
    const char *isa_name;
    uint32_t isa; /* bits of hone_isa that must all be there; 0: always */
    hone_rotary_fn halves, pairs;
} hone_rotary_row;

extern const hone_rotary_row hone_rotary_row__generic, hone_rotary_row__avx2, hone_rotary_row__avx512;
const hone_rotary_row *hone_rotary_select(uint32_t isa);
/* All rows of this build, for tests and benches. */
const hone_rotary_row *const *hone_rotary_rows(size_t *n);

#endif
