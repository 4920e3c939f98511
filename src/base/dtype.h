/* Sets of dtypes as bit masks, for type constraints. */
#ifndef HONE_BASE_DTYPE_H
#define HONE_BASE_DTYPE_H

#include <hone/tensor.h>

/* A float at any address: weights lie unaligned in a mapped file, and what packs them reads them there. */
#if defined(__GNUC__) || defined(__clang__)
typedef float hone_f32_unaligned __attribute__((aligned(1)));
#else
#error "a type of alignment 1 is needed"
#endif

typedef uint32_t hone__dtype_set;
#define HONE_SET(name) (1u << HONE_DTYPE_##name)
static inline bool hone__dtype_in(hone_dtype dtype, hone__dtype_set set) { return (set >> dtype) & 1u; }

enum {
    HONE_SET_INT_SIGNED = HONE_SET(INT8) | HONE_SET(INT16) | HONE_SET(INT32) | HONE_SET(INT64),
    HONE_SET_INT_UNSIGNED = HONE_SET(UINT8) | HONE_SET(UINT16) | HONE_SET(UINT32) | HONE_SET(UINT64),
    HONE_SET_INT = HONE_SET_INT_SIGNED | HONE_SET_INT_UNSIGNED,
    HONE_SET_IEEE = HONE_SET(FLOAT16) | HONE_SET(FLOAT) | HONE_SET(DOUBLE), /* tensor(float16|float|double) */
    HONE_SET_FLOAT = HONE_SET_IEEE | HONE_SET(BFLOAT16),
    HONE_SET_NUMERIC = HONE_SET_INT | HONE_SET_FLOAT,
    HONE_SET_COMPLEX = HONE_SET(COMPLEX64) | HONE_SET(COMPLEX128),
    HONE_SET_FLOAT8 =
        HONE_SET(FLOAT8E4M3FN) | HONE_SET(FLOAT8E4M3FNUZ) | HONE_SET(FLOAT8E5M2) | HONE_SET(FLOAT8E5M2FNUZ),
    HONE_SET_INT4 = HONE_SET(INT4) | HONE_SET(UINT4),
    /* all_tensor_types of the standard, old and new */
    HONE_SET_ALL_V1 = HONE_SET_INT | HONE_SET_IEEE | HONE_SET_COMPLEX | HONE_SET(STRING) | HONE_SET(BOOL),
    HONE_SET_ALL = HONE_SET_ALL_V1 | HONE_SET(BFLOAT16) | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(FLOAT4E2M1) |
                   HONE_SET(FLOAT8E8M0) | HONE_SET(INT2) | HONE_SET(UINT2)
};

#endif
