/* Elementwise loops for types other than float32: integer arithmetic, comparisons, boolean logic,
 * conversions and selection by element size. Plain C that the compiler vectorises where it can; such
 * tensors are masks, indices and shapes, seldom the time of a model. */
#include "base/half.h"
#include "kernels/eltwise/eltwise.h"

#include <string.h>

/* ---- integer arithmetic: unsigned inside, so that it wraps ---- */

#define INT_ADD(T, U, a, b) ((T)((U)(a) + (U)(b)))
#define INT_SUB(T, U, a, b) ((T)((U)(a) - (U)(b)))
#define INT_MUL(T, U, a, b) ((T)((U)(a) * (U)(b)))
#define INT_DIV(T, U, a, b) ((b) == 0 ? 0 : (b) == -1 ? (T)(0 - (U)(a)) : (T)((a) / (b)))
#define INT_MIN(T, U, a, b) ((a) < (b) ? (a) : (b))
#define INT_MAX(T, U, a, b) ((a) > (b) ? (a) : (b))

/* The three modes of a loop over y[i] = EXPR(a, b). */
#define DEFINE_MODES(fn, TA, TY, EXPR)                                                                                 \
    static void fn##_vv(const void *pa, const void *pb, void *py, size_t n) {                                          \
        const TA *va = pa, *vb = pb;                                                                                   \
        TY *y = py;                                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const TA a = va[i], b = vb[i];                                                                             \
            y[i] = EXPR;                                                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    static void fn##_vs(const void *pa, const void *pb, void *py, size_t n) {                                          \
        const TA *va = pa, b = *(const TA *)pb;                                                                        \
        TY *y = py;                                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const TA a = va[i];                                                                                        \
            y[i] = EXPR;                                                                                               \
        }                                                                                                              \
    }                                                                                                                  \
    static void fn##_sv(const void *pa, const void *pb, void *py, size_t n) {                                          \
        const TA *vb = pb, a = *(const TA *)pa;                                                                        \
        TY *y = py;                                                                                                    \
        for (size_t i = 0; i < n; i++) {                                                                               \
            const TA b = vb[i];                                                                                        \
            y[i] = EXPR;                                                                                               \
        }                                                                                                              \
    }
#define MODES(fn)                                                                                                      \
    { fn##_vv, fn##_vs, fn##_sv }

#define DEFINE_INT(T, U)                                                                                               \
    DEFINE_MODES(T##_add, T, T, INT_ADD(T, U, a, b))                                                                   \
    DEFINE_MODES(T##_sub, T, T, INT_SUB(T, U, a, b))                                                                   \
    DEFINE_MODES(T##_mul, T, T, INT_MUL(T, U, a, b))                                                                   \
    DEFINE_MODES(T##_div, T, T, INT_DIV(T, U, a, b))                                                                   \
    DEFINE_MODES(T##_min, T, T, INT_MIN(T, U, a, b))                                                                   \
    DEFINE_MODES(T##_max, T, T, INT_MAX(T, U, a, b))                                                                   \
    static const hone_binary_fn T##_table[][HONE_MODE_COUNT] = {                                                       \
        [HONE_BINARY_ADD] = MODES(T##_add), [HONE_BINARY_SUB] = MODES(T##_sub), [HONE_BINARY_MUL] = MODES(T##_mul),    \
        [HONE_BINARY_DIV] = MODES(T##_div), [HONE_BINARY_MIN] = MODES(T##_min), [HONE_BINARY_MAX] = MODES(T##_max)};
DEFINE_INT(int32_t, uint32_t)
DEFINE_INT(int64_t, uint64_t)

hone_binary_fn hone_typed_binary(hone_dtype dtype, hone_binary_kind kind, int mode) {
    if (kind > HONE_BINARY_MAX)
        return NULL;
    if (dtype == HONE_DTYPE_INT32)
        return int32_t_table[kind][mode];
    return dtype == HONE_DTYPE_INT64 ? int64_t_table[kind][mode] : NULL;
}

/* ---- comparisons ---- */

#define DEFINE_COMPARE(T)                                                                                              \
    DEFINE_MODES(T##_eq, T, uint8_t, a == b)                                                                           \
    DEFINE_MODES(T##_lt, T, uint8_t, a < b)                                                                            \
    DEFINE_MODES(T##_le, T, uint8_t, a <= b)                                                                           \
    DEFINE_MODES(T##_gt, T, uint8_t, a > b)                                                                            \
    DEFINE_MODES(T##_ge, T, uint8_t, a >= b)                                                                           \
    static const hone_binary_fn T##_compare[][HONE_MODE_COUNT] = {MODES(T##_eq), MODES(T##_lt), MODES(T##_le),         \
                                                                  MODES(T##_gt), MODES(T##_ge)};
DEFINE_COMPARE(float)
DEFINE_COMPARE(int32_t)
DEFINE_COMPARE(int64_t)
DEFINE_MODES(bool_eq, uint8_t, uint8_t, (a != 0) == (b != 0))
DEFINE_MODES(bool_and, uint8_t, uint8_t, (a != 0) & (b != 0))
DEFINE_MODES(bool_or, uint8_t, uint8_t, (a != 0) | (b != 0))
DEFINE_MODES(bool_xor, uint8_t, uint8_t, (a != 0) ^ (b != 0))

hone_binary_fn hone_typed_compare(hone_dtype dtype, hone_compare_kind kind, int mode) {
    static const hone_binary_fn bool_table[] = MODES(bool_eq);
    switch (dtype) {
    case HONE_DTYPE_FLOAT:
        return float_compare[kind][mode];
    case HONE_DTYPE_INT32:
        return int32_t_compare[kind][mode];
    case HONE_DTYPE_INT64:
        return int64_t_compare[kind][mode];
    case HONE_DTYPE_BOOL:
        return kind == HONE_COMPARE_EQ ? bool_table[mode] : NULL;
    default:
        return NULL;
    }
}

hone_binary_fn hone_bool_logic(hone_logic_kind kind, int mode) {
    static const hone_binary_fn table[][HONE_MODE_COUNT] = {MODES(bool_and), MODES(bool_or), MODES(bool_xor)};
    return table[kind][mode];
}

void hone_bool_not(const void *px, void *py, size_t n) {
    const uint8_t *x = px;
    uint8_t *y = py;
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] == 0;
}

/* ---- conversions ----
 * Every pair goes through a value of the source's own class (float, double or integer). */

static inline double from_f16(uint16_t x) { return hone__f16_to_f32(x); }
static inline double from_bf16(uint16_t x) { return hone__bf16_to_f32(x); }
/* Clamped, truncating conversion; `hi` is one past the largest value, so the comparison is exact. */
#define DEFINE_TO_INT(name, T, LO, HI, MAX)                                                                            \
    static inline T name(double x) { return x != x ? (T)0 : x < (LO) ? (T)(LO) : x >= (HI) ? (T)(MAX) : (T)x; }
DEFINE_TO_INT(real_to_i8, int8_t, -128.0, 128.0, INT8_MAX)
DEFINE_TO_INT(real_to_u8, uint8_t, 0.0, 256.0, UINT8_MAX)
DEFINE_TO_INT(real_to_i16, int16_t, -32768.0, 32768.0, INT16_MAX)
DEFINE_TO_INT(real_to_u16, uint16_t, 0.0, 65536.0, UINT16_MAX)
DEFINE_TO_INT(real_to_i32, int32_t, -2147483648.0, 2147483648.0, INT32_MAX)
DEFINE_TO_INT(real_to_u32, uint32_t, 0.0, 4294967296.0, UINT32_MAX)
DEFINE_TO_INT(real_to_i64, int64_t, -9223372036854775808.0, 9223372036854775808.0, INT64_MAX)
DEFINE_TO_INT(real_to_u64, uint64_t, 0.0, 18446744073709551616.0, UINT64_MAX)

/* X(DTYPE, storage type, how to read, how to write a real, how to write an integer) */
#define CAST_IDENTITY(x) (x)
#define WRITE_F16(x) hone__f32_to_f16((float)(x))
#define WRITE_BF16(x) hone__f32_to_bf16((float)(x))
#define WRITE_F32(x) ((float)(x))
#define WRITE_F64(x) ((double)(x))
#define WRITE_BOOL(x) ((uint8_t)((x) != 0))
#define WRITE_I8(x) ((int8_t)(x))
#define WRITE_U8(x) ((uint8_t)(x))
#define WRITE_I16(x) ((int16_t)(x))
#define WRITE_U16(x) ((uint16_t)(x))
#define WRITE_I32(x) ((int32_t)(x))
#define WRITE_U32(x) ((uint32_t)(x))
#define WRITE_I64(x) ((int64_t)(x))
#define WRITE_U64(x) ((uint64_t)(x))

#define CAST_TO(X, S, C)                                                                                               \
    X(S, C, FLOAT, float, WRITE_F32, WRITE_F32)                                                                        \
    X(S, C, DOUBLE, double, WRITE_F64, WRITE_F64)                                                                      \
    X(S, C, FLOAT16, uint16_t, WRITE_F16, WRITE_F16)                                                                   \
    X(S, C, BFLOAT16, uint16_t, WRITE_BF16, WRITE_BF16)                                                                \
    X(S, C, BOOL, uint8_t, WRITE_BOOL, WRITE_BOOL)                                                                     \
    X(S, C, INT8, int8_t, real_to_i8, WRITE_I8)                                                                        \
    X(S, C, UINT8, uint8_t, real_to_u8, WRITE_U8)                                                                      \
    X(S, C, INT16, int16_t, real_to_i16, WRITE_I16)                                                                    \
    X(S, C, UINT16, uint16_t, real_to_u16, WRITE_U16)                                                                  \
    X(S, C, INT32, int32_t, real_to_i32, WRITE_I32)                                                                    \
    X(S, C, UINT32, uint32_t, real_to_u32, WRITE_U32)                                                                  \
    X(S, C, INT64, int64_t, real_to_i64, WRITE_I64)                                                                    \
    X(S, C, UINT64, uint64_t, real_to_u64, WRITE_U64)

#define READ_FLOAT(x) (x)
#define READ_DOUBLE(x) (x)
#define READ_FLOAT16(x) from_f16(x)
#define READ_BFLOAT16(x) from_bf16(x)
#define READ_BOOL(x) ((x) != 0)
#define READ_INT(x) (x)

#define DEFINE_CAST_LOOP(S, TS, READ, D, TD, WRITE)                                                                    \
    static void cast_##S##_##D(const void *px, void *py, size_t n) {                                                   \
        const TS *x = px;                                                                                              \
        TD *y = py;                                                                                                    \
        for (size_t i = 0; i < n; i++)                                                                                 \
            y[i] = WRITE(READ(x[i]));                                                                                  \
    }
#define CAST_FROM_REAL(S, CLASS, D, TD, REAL, INTEGER) DEFINE_CAST_LOOP(S, CLASS, READ_##S, D, TD, REAL)
#define CAST_FROM_INT(S, CLASS, D, TD, REAL, INTEGER) DEFINE_CAST_LOOP(S, CLASS, READ_INT, D, TD, INTEGER)
#define CAST_FROM_BOOL(S, CLASS, D, TD, REAL, INTEGER) DEFINE_CAST_LOOP(S, CLASS, READ_BOOL, D, TD, INTEGER)
CAST_TO(CAST_FROM_REAL, FLOAT, float)
CAST_TO(CAST_FROM_REAL, DOUBLE, double)
CAST_TO(CAST_FROM_REAL, FLOAT16, uint16_t)
CAST_TO(CAST_FROM_REAL, BFLOAT16, uint16_t)
CAST_TO(CAST_FROM_BOOL, BOOL, uint8_t)
CAST_TO(CAST_FROM_INT, INT8, int8_t)
CAST_TO(CAST_FROM_INT, UINT8, uint8_t)
CAST_TO(CAST_FROM_INT, INT16, int16_t)
CAST_TO(CAST_FROM_INT, UINT16, uint16_t)
CAST_TO(CAST_FROM_INT, INT32, int32_t)
CAST_TO(CAST_FROM_INT, UINT32, uint32_t)
CAST_TO(CAST_FROM_INT, INT64, int64_t)
CAST_TO(CAST_FROM_INT, UINT64, uint64_t)

#define CAST_ENTRY(S, CLASS, D, TD, REAL, INTEGER) [HONE_DTYPE_##D] = cast_##S##_##D,
#define CAST_ROW(S) [HONE_DTYPE_##S] = {CAST_TO(CAST_ENTRY, S, )},
hone_cast_fn hone_typed_cast(hone_dtype from, hone_dtype to) {
    static const hone_cast_fn table[HONE_DTYPE_BFLOAT16 + 1][HONE_DTYPE_BFLOAT16 + 1] = {
        CAST_ROW(FLOAT) CAST_ROW(DOUBLE) CAST_ROW(FLOAT16) CAST_ROW(BFLOAT16) CAST_ROW(BOOL) CAST_ROW(INT8)
            CAST_ROW(UINT8) CAST_ROW(INT16) CAST_ROW(UINT16) CAST_ROW(INT32) CAST_ROW(UINT32) CAST_ROW(INT64)
                CAST_ROW(UINT64)};
    if (from < 0 || from > HONE_DTYPE_BFLOAT16 || to < 0 || to > HONE_DTYPE_BFLOAT16)
        return NULL;
    return table[from][to];
}

/* ---- selection ---- */

#define DEFINE_SELECT(T)                                                                                               \
    static void select_##T(const uint8_t *c, size_t cs, const T *x, size_t xs, const T *y, size_t ys, T *out,          \
                           size_t n) {                                                                                 \
        for (size_t i = 0; i < n; i++)                                                                                 \
            out[i] = c[i * cs] ? x[i * xs] : y[i * ys];                                                                \
    }
DEFINE_SELECT(uint8_t)
DEFINE_SELECT(uint16_t)
DEFINE_SELECT(uint32_t)
DEFINE_SELECT(uint64_t)

void hone_typed_select(size_t elem_size, const uint8_t *cond, size_t cond_step, const void *x, size_t x_step,
                       const void *y, size_t y_step, void *out, size_t n) {
    switch (elem_size) {
    case 1:
        select_uint8_t(cond, cond_step, x, x_step, y, y_step, out, n);
        break;
    case 2:
        select_uint16_t(cond, cond_step, x, x_step, y, y_step, out, n);
        break;
    case 4:
        select_uint32_t(cond, cond_step, x, x_step, y, y_step, out, n);
        break;
    case 8:
        select_uint64_t(cond, cond_step, x, x_step, y, y_step, out, n);
        break;
    default:
        break;
    }
}
