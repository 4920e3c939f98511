/* Elementwise kernels over contiguous runs of float32: unary functions and activations, binary
 * operations, selection, conversions to and from the 16-bit formats; and plain C loops for the
 * integer types. exec/cpu/cpu_eltwise.c turns numpy broadcasting into such runs and splits them
 * between threads; nothing here allocates or knows about threads.
 *
 * One row (hone_eltwise_row) per ISA holds every kernel of that ISA; the rows stand in eltwise.c in
 * ascending order of preference. Output may be the same memory as an input (in place); it must not
 * overlap one in any other way. Pointers need the alignment of their element only. */
#ifndef HONE_KERNELS_ELTWISE_H
#define HONE_KERNELS_ELTWISE_H

#include "base/dtype.h"
#include "kernels/activation.h"

#include <stddef.h>
#include <stdint.h>

/* X(NAME, name): the unary functions; a and b are parameters as in kernels/activation.h. */
#define HONE_UNARY_TABLE(X)                                                                                            \
    X(NEG, neg)                                                                                                        \
    X(ABS, abs)                                                                                                        \
    X(RECIPROCAL, reciprocal)                                                                                          \
    X(FLOOR, floor)                                                                                                    \
    X(CEIL, ceil)                                                                                                      \
    X(ROUND, round)                                                                                                    \
    X(SIGN, sign)                                                                                                      \
    X(SQRT, sqrt)                                                                                                      \
    X(SQUARE, square)                                                                                                  \
    X(CUBE, cube)                                                                                                      \
    X(EXP, exp)                                                                                                        \
    X(LOG, log)                                                                                                        \
    X(ERF, erf)                                                                                                        \
    X(SOFTPLUS, softplus)                                                                                              \
    X(SOFTSIGN, softsign)                                                                                              \
    X(RELU, relu)                                                                                                      \
    X(CLIP, clip)                                                                                                      \
    X(LEAKY_RELU, leaky_relu)                                                                                          \
    X(THRESHOLDED_RELU, thresholded_relu)                                                                              \
    X(SIGMOID, sigmoid)                                                                                                \
    X(TANH, tanh)                                                                                                      \
    X(HARD_SIGMOID, hard_sigmoid)                                                                                      \
    X(HARD_SWISH, hard_swish)                                                                                          \
    X(SILU, silu)                                                                                                      \
    X(GELU, gelu)                                                                                                      \
    X(GELU_TANH, gelu_tanh)                                                                                            \
    X(ELU, elu)                                                                                                        \
    X(MISH, mish)

typedef enum hone_unary_kind {
#define HONE_UNARY_ENUM(NAME, name) HONE_UNARY_##NAME,
    HONE_UNARY_TABLE(HONE_UNARY_ENUM)
#undef HONE_UNARY_ENUM
        HONE_UNARY_COUNT
} hone_unary_kind;

/* X(NAME, name): MIN and MAX give NaN when either operand is NaN; PRELU is a < 0 ? a * b : a. */
#define HONE_BINARY_TABLE(X)                                                                                           \
    X(ADD, add)                                                                                                        \
    X(SUB, sub)                                                                                                        \
    X(MUL, mul)                                                                                                        \
    X(DIV, div)                                                                                                        \
    X(MIN, min)                                                                                                        \
    X(MAX, max)                                                                                                        \
    X(PRELU, prelu)                                                                                                    \
    X(POW, pow)

typedef enum hone_binary_kind {
#define HONE_BINARY_ENUM(NAME, name) HONE_BINARY_##NAME,
    HONE_BINARY_TABLE(HONE_BINARY_ENUM)
#undef HONE_BINARY_ENUM
        HONE_BINARY_COUNT
} hone_binary_kind;

typedef enum hone_compare_kind {
    HONE_COMPARE_EQ,
    HONE_COMPARE_LT,
    HONE_COMPARE_LE,
    HONE_COMPARE_GT,
    HONE_COMPARE_GE,
    HONE_COMPARE_COUNT
} hone_compare_kind;

typedef enum hone_logic_kind { HONE_LOGIC_AND, HONE_LOGIC_OR, HONE_LOGIC_XOR, HONE_LOGIC_COUNT } hone_logic_kind;

/* Which operands are vectors: both; the first (b points to one scalar); the second. */
enum { HONE_MODE_VV, HONE_MODE_VS, HONE_MODE_SV, HONE_MODE_COUNT };

typedef void (*hone_f32_unary_fn)(const float *x, float *y, size_t n, float a, float b);
typedef void (*hone_binary_fn)(const void *a, const void *b, void *y, size_t n);
/* cond is one byte per element; x and y are vectors (step 1) or point to one scalar (step 0). */
typedef void (*hone_f32_select_fn)(const uint8_t *cond, const float *x, size_t x_step, const float *y, size_t y_step,
                                   float *out, size_t n);
typedef void (*hone_cast_fn)(const void *x, void *y, size_t n);
/* y[i] = a[i] * (1 - t) + b[i] * t. */
typedef void (*hone_f32_lerp_fn)(const float *a, const float *b, float t, float *y, size_t n);
/* y[i] = x[first[i]] * (1 - t[i]) + x[second[i]] * t[i]; the indices must be right. */
typedef void (*hone_f32_lerp_gather_fn)(const float *x, const int32_t *first, const int32_t *second, const float *t,
                                        float *y, size_t n);

typedef struct hone_eltwise_row {
    const char *isa_name;
    uint32_t isa; /* bits of hone_isa that must all be there; 0: always */
    hone_f32_unary_fn unary[HONE_UNARY_COUNT];
    hone_binary_fn binary[HONE_BINARY_COUNT][HONE_MODE_COUNT];
    hone_f32_select_fn select;
    hone_f32_lerp_fn lerp; /* linear interpolation, for Resize */
    hone_f32_lerp_gather_fn lerp_gather;
    hone_cast_fn f16_to_f32, f32_to_f16, bf16_to_f32, f32_to_bf16;
} hone_eltwise_row;

/* The best row that the ISA bits allow. */
const hone_eltwise_row *hone_eltwise_select(uint32_t isa);
/* All rows of this build, for tests and benches. */
const hone_eltwise_row *const *hone_eltwise_rows(size_t *n);

extern const hone_eltwise_row hone_eltwise_row__generic, hone_eltwise_row__avx2, hone_eltwise_row__avx512;

const char *hone_unary_name(hone_unary_kind kind);
const char *hone_binary_name(hone_binary_kind kind);

/* Plain C for the other types; NULL when there is no such kernel. Integers wrap; division by zero
 * gives 0 (the standard leaves it undefined). */
hone_binary_fn hone_typed_binary(hone_dtype dtype, hone_binary_kind kind, int mode); /* int32, int64 */
hone_binary_fn hone_typed_compare(hone_dtype dtype, hone_compare_kind kind, int mode);
hone_binary_fn hone_bool_logic(hone_logic_kind kind, int mode);
void hone_bool_not(const void *x, void *y, size_t n);
/* Conversions among float32, float64, float16, bfloat16, int8..int64, uint8..uint64 and bool. A float
 * outside the integer's range gives the nearest end, NaN gives 0. */
hone_cast_fn hone_typed_cast(hone_dtype from, hone_dtype to);
/* Selection of elements of 1, 2, 4 or 8 bytes; steps as in hone_f32_select_fn; cond_step may be 0. */
void hone_typed_select(size_t elem_size, const uint8_t *cond, size_t cond_step, const void *x, size_t x_step,
                       const void *y, size_t y_step, void *out, size_t n);

#endif
