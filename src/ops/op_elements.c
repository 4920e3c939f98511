/* Loading and storing elements of any number type, and the broadcasting walk; see op_elements.h. */
#include "ops/op_elements.h"

#include "base/error.h"
#include "base/half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- small formats ---- */

/* A float cut towards zero whose last bit says whether something was cut: rounding it again to far fewer
 * bits gives what rounding the double at once would ("round to odd"). */
static float to_odd(double d) {
    float f = (float)d;
    if (f != f || (double)f == d)
        return f;
    uint32_t bits = hone__f32_bits(f);
    if (fabs((double)f) > fabs(d))
        bits--;
    return hone__bits_f32(bits | 1u);
}

uint16_t hone__f64_to_f16(double d) { return hone__f32_to_f16(to_odd(d)); }
uint16_t hone__f64_to_bf16(double d) { return hone__f32_to_bf16(to_odd(d)); }

/* How exponents of all ones are spent, in the words of the formats' names. */
typedef struct minifloat {
    int exponent_bits, mantissa_bits, bias;
    bool has_infinity, is_unsigned_zero; /* "uz": no negative zero, its code is NaN */
    bool has_nan;
} minifloat;

static minifloat format_of(hone_dtype dtype) {
    switch (dtype) {
    case HONE_DTYPE_FLOAT8E4M3FN:
        return (minifloat){4, 3, 7, false, false, true};
    case HONE_DTYPE_FLOAT8E4M3FNUZ:
        return (minifloat){4, 3, 8, false, true, true};
    case HONE_DTYPE_FLOAT8E5M2:
        return (minifloat){5, 2, 15, true, false, true};
    case HONE_DTYPE_FLOAT8E5M2FNUZ:
        return (minifloat){5, 2, 16, false, true, true};
    default: /* FLOAT4E2M1 */
        return (minifloat){2, 1, 1, false, false, false};
    }
}

double hone__minifloat_decode(hone_dtype dtype, uint8_t bits) {
    if (dtype == HONE_DTYPE_FLOAT8E8M0)
        return bits == 0xFF ? NAN : ldexp(1.0, bits - 127);
    minifloat f = format_of(dtype);
    int width = 1 + f.exponent_bits + f.mantissa_bits;
    unsigned sign = bits >> (width - 1) & 1u, magnitude = bits & ((1u << (width - 1)) - 1u);
    unsigned exponent = magnitude >> f.mantissa_bits, mantissa = magnitude & ((1u << f.mantissa_bits) - 1u);
    unsigned all_ones = (1u << f.exponent_bits) - 1u;
    if (f.is_unsigned_zero && sign && magnitude == 0)
        return NAN;
    if (f.has_infinity && exponent == all_ones)
        return mantissa ? NAN : sign ? -INFINITY : INFINITY;
    if (f.has_nan && !f.is_unsigned_zero && !f.has_infinity && magnitude == (1u << (width - 1)) - 1u)
        return NAN;
    double value = exponent
                       ? ldexp((double)(mantissa | 1u << f.mantissa_bits), (int)exponent - f.bias - f.mantissa_bits)
                       : ldexp((double)mantissa, 1 - f.bias - f.mantissa_bits);
    return sign ? -value : value;
}

uint8_t hone__e8m0_encode(double value, hone__e8m0_rounding rounding, bool saturate) {
    if (!(value >= 0))
        return 0xFF;
    if (value == 0 || isinf(value))
        return !saturate ? 0xFF : value == 0 ? 0 : 0xFE;
    int exponent;
    double mantissa = frexp(value, &exponent) * 2; /* [1, 2) */
    bool is_up = rounding == HONE_E8M0_UP ? mantissa > 1 : rounding == HONE_E8M0_NEAREST && mantissa >= 1.5;
    int code = exponent - 1 + 127 + is_up;
    if (code < 0 || code > 254)
        return !saturate ? 0xFF : code < 0 ? 0 : 0xFE;
    return (uint8_t)code;
}

uint8_t hone__minifloat_encode(hone_dtype dtype, double value, bool saturate) {
    if (dtype == HONE_DTYPE_FLOAT8E8M0)
        return hone__e8m0_encode(value, HONE_E8M0_UP, saturate);
    minifloat f = format_of(dtype);
    int width = 1 + f.exponent_bits + f.mantissa_bits;
    unsigned sign = signbit(value) ? 1u << (width - 1) : 0, top = (1u << (width - 1)) - 1u;
    unsigned nan = f.is_unsigned_zero ? 1u << (width - 1) : top;
    /* The largest finite magnitude's code. */
    unsigned largest = f.has_infinity                     ? (((1u << f.exponent_bits) - 1u) << f.mantissa_bits) - 1u
                       : f.has_nan && !f.is_unsigned_zero ? top - 1u
                                                          : top;
    if (value != value)
        /* FLOAT4E2M1 has no NaN: the standard's data have -0 for it. */
        return (uint8_t)(f.has_nan ? nan | (f.is_unsigned_zero ? 0 : sign) : top + 1);
    double magnitude = fabs(value);
    if (!isinf(magnitude)) {
        int exponent;
        frexp(magnitude, &exponent);
        exponent = exponent - 1 < 1 - f.bias ? 1 - f.bias : exponent - 1;
        double steps = nearbyint(ldexp(magnitude, f.mantissa_bits - exponent)); /* to nearest even */
        double code = steps;
        if (steps >= ldexp(1.0, f.mantissa_bits))
            code = steps - ldexp(1.0, f.mantissa_bits) + ldexp((double)(exponent + f.bias), f.mantissa_bits);
        if (code <= (double)largest) {
            unsigned c = (unsigned)code;
            return (uint8_t)(c == 0 && f.is_unsigned_zero ? 0 : c | sign);
        }
    }
    if (saturate || !f.has_nan)
        return (uint8_t)(largest | sign);
    if (f.has_infinity)
        return (uint8_t)((largest + 1u) | sign);
    return (uint8_t)(nan | (f.is_unsigned_zero ? 0 : sign));
}

/* ---- packed integers ---- */

static unsigned packed_get(const hone_tensor *t, int64_t i, int bits) {
    int per_byte = 8 / bits;
    return (unsigned)((const uint8_t *)t->data)[i / per_byte] >> (i % per_byte * bits) & ((1u << bits) - 1u);
}

static void packed_put(hone_tensor *t, int64_t i, int bits, unsigned v) {
    int per_byte = 8 / bits, shift = (int)(i % per_byte) * bits;
    uint8_t *p = (uint8_t *)t->data + i / per_byte;
    unsigned mask = ((1u << bits) - 1u) << shift;
    *p = (uint8_t)((*p & ~mask) | (v << shift & mask));
}

static int64_t small_int(hone_dtype dtype, unsigned v) {
    switch (dtype) {
    case HONE_DTYPE_INT4:
        return v & 8u ? (int64_t)v - 16 : (int64_t)v;
    case HONE_DTYPE_INT2:
        return v & 2u ? (int64_t)v - 4 : (int64_t)v;
    default:
        return (int64_t)v;
    }
}

/* ---- loading ---- */

#define LOAD(name, type, expr)                                                                                         \
    case HONE_DTYPE_##name: {                                                                                          \
        const type *p = (const type *)t->data + at;                                                                    \
        for (int64_t i = 0; i < n; i++, p += stride)                                                                   \
            out[i] = (expr);                                                                                           \
        return;                                                                                                        \
    }
#define LOAD_MINI(name) LOAD(name, uint8_t, hone__minifloat_decode(HONE_DTYPE_##name, *p))

void hone__load_f64(const hone_tensor *t, int64_t at, int stride, int64_t n, double *out) {
    switch (t->dtype) {
        LOAD(FLOAT, float, (double)*p)
        LOAD(DOUBLE, double, *p)
        LOAD(FLOAT16, uint16_t, (double)hone__f16_to_f32(*p))
        LOAD(BFLOAT16, uint16_t, (double)hone__bf16_to_f32(*p))
        LOAD(INT8, int8_t, (double)*p)
        LOAD(UINT8, uint8_t, (double)*p)
        LOAD(BOOL, uint8_t, (double)(*p != 0))
        LOAD(INT16, int16_t, (double)*p)
        LOAD(UINT16, uint16_t, (double)*p)
        LOAD(INT32, int32_t, (double)*p)
        LOAD(UINT32, uint32_t, (double)*p)
        LOAD(INT64, int64_t, (double)*p)
        LOAD(UINT64, uint64_t, (double)*p)
        LOAD_MINI(FLOAT8E4M3FN)
        LOAD_MINI(FLOAT8E4M3FNUZ)
        LOAD_MINI(FLOAT8E5M2)
        LOAD_MINI(FLOAT8E5M2FNUZ)
        LOAD_MINI(FLOAT8E8M0)
    case HONE_DTYPE_FLOAT4E2M1:
        for (int64_t i = 0; i < n; i++, at += stride)
            out[i] = hone__minifloat_decode(HONE_DTYPE_FLOAT4E2M1, (uint8_t)packed_get(t, at, 4));
        return;
    default: /* INT4, UINT4, INT2, UINT2 */
        for (int64_t i = 0; i < n; i++, at += stride)
            out[i] = (double)small_int(t->dtype, packed_get(t, at, hone_dtype_bits(t->dtype)));
    }
}

static int64_t to_i64(double d) {
    if (d != d)
        return 0;
    return d >= 0x1p63 ? INT64_MAX : d <= -0x1p63 ? INT64_MIN : (int64_t)d;
}

void hone__load_i64(const hone_tensor *t, int64_t at, int stride, int64_t n, int64_t *out) {
    switch (t->dtype) {
        LOAD(INT8, int8_t, *p)
        LOAD(UINT8, uint8_t, *p)
        LOAD(BOOL, uint8_t, *p != 0)
        LOAD(INT16, int16_t, *p)
        LOAD(UINT16, uint16_t, *p)
        LOAD(INT32, int32_t, *p)
        LOAD(UINT32, uint32_t, *p)
        LOAD(INT64, int64_t, *p)
        LOAD(UINT64, uint64_t, (int64_t)*p)
    case HONE_DTYPE_INT4:
    case HONE_DTYPE_UINT4:
    case HONE_DTYPE_INT2:
    case HONE_DTYPE_UINT2:
        for (int64_t i = 0; i < n; i++, at += stride)
            out[i] = small_int(t->dtype, packed_get(t, at, hone_dtype_bits(t->dtype)));
        return;
    default:
        for (int64_t i = 0; i < n; i++, at += stride) {
            double d;
            hone__load_f64(t, at, 1, 1, &d);
            out[i] = to_i64(d);
        }
    }
}

/* ---- storing ---- */

#define STORE(name, type, expr)                                                                                        \
    case HONE_DTYPE_##name: {                                                                                          \
        type *p = (type *)t->data + at;                                                                                \
        for (int64_t i = 0; i < n; i++)                                                                                \
            p[i] = (type)(expr);                                                                                       \
        return;                                                                                                        \
    }
#define STORE_MINI(name) STORE(name, uint8_t, hone__minifloat_encode(HONE_DTYPE_##name, v[i], saturate))
/* A double cut to [low, high] before it is converted: out of range would be undefined behaviour. */
#define CUT(low, high) (v[i] != v[i] ? 0 : v[i] <= (low) ? (low) : v[i] >= (high) ? (high) : v[i])

static uint64_t to_u64(double d) {
    if (!(d > 0))
        return 0;
    return d >= 0x1p64 ? UINT64_MAX : (uint64_t)d;
}

void hone__store_f64_mode(hone_tensor *t, int64_t at, int64_t n, const double *v, bool saturate) {
    switch (t->dtype) {
        STORE(FLOAT, float, v[i])
        STORE(DOUBLE, double, v[i])
        STORE(FLOAT16, uint16_t, hone__f64_to_f16(v[i]))
        STORE(BFLOAT16, uint16_t, hone__f64_to_bf16(v[i]))
        STORE(BOOL, uint8_t, v[i] != 0)
        STORE(INT8, int8_t, CUT(-128.0, 127.0))
        STORE(UINT8, uint8_t, CUT(0.0, 255.0))
        STORE(INT16, int16_t, CUT(-32768.0, 32767.0))
        STORE(UINT16, uint16_t, CUT(0.0, 65535.0))
        STORE(INT32, int32_t, CUT(-2147483648.0, 2147483647.0))
        STORE(UINT32, uint32_t, CUT(0.0, 4294967295.0))
        STORE(INT64, int64_t, to_i64(v[i]))
        STORE(UINT64, uint64_t, to_u64(v[i]))
        STORE_MINI(FLOAT8E4M3FN)
        STORE_MINI(FLOAT8E4M3FNUZ)
        STORE_MINI(FLOAT8E5M2)
        STORE_MINI(FLOAT8E5M2FNUZ)
        STORE_MINI(FLOAT8E8M0)
    case HONE_DTYPE_FLOAT4E2M1:
        for (int64_t i = 0; i < n; i++)
            packed_put(t, at + i, 4, hone__minifloat_encode(HONE_DTYPE_FLOAT4E2M1, v[i], true));
        return;
    case HONE_DTYPE_INT4:
    case HONE_DTYPE_UINT4:
    case HONE_DTYPE_INT2:
    case HONE_DTYPE_UINT2: {
        int bits = hone_dtype_bits(t->dtype);
        bool is_signed = t->dtype == HONE_DTYPE_INT4 || t->dtype == HONE_DTYPE_INT2;
        double high = (double)((1 << (bits - is_signed)) - 1), low = is_signed ? -high - 1 : 0.0;
        for (int64_t i = 0; i < n; i++)
            packed_put(t, at + i, bits, (unsigned)(int)CUT(low, high));
        return;
    }
    default:
        return;
    }
}

void hone__store_f64(hone_tensor *t, int64_t at, int64_t n, const double *v) {
    hone__store_f64_mode(t, at, n, v, true);
}

void hone__store_i64(hone_tensor *t, int64_t at, int64_t n, const int64_t *v) {
    switch (t->dtype) {
        STORE(INT8, int8_t, v[i])
        STORE(UINT8, uint8_t, v[i])
        STORE(BOOL, uint8_t, v[i] != 0)
        STORE(INT16, int16_t, v[i])
        STORE(UINT16, uint16_t, v[i])
        STORE(INT32, int32_t, v[i])
        STORE(UINT32, uint32_t, v[i])
        STORE(INT64, int64_t, v[i])
        STORE(UINT64, uint64_t, v[i])
        STORE(FLOAT, float, v[i])
        STORE(DOUBLE, double, v[i])
    case HONE_DTYPE_INT4:
    case HONE_DTYPE_UINT4:
    case HONE_DTYPE_INT2:
    case HONE_DTYPE_UINT2:
        for (int64_t i = 0; i < n; i++)
            packed_put(t, at + i, hone_dtype_bits(t->dtype), (unsigned)(uint64_t)v[i]);
        return;
    default:
        for (int64_t i = 0; i < n; i++) {
            double d = (double)v[i];
            hone__store_f64(t, at + i, 1, &d);
        }
    }
}

/* ---- broadcasting ---- */

void hone__walk_shape(hone__walk *walk, const hone_tensor *const *in, int n_in, const int64_t *dims, int rank) {
    memset(walk, 0, sizeof *walk);
    walk->n_in = n_in;
    int64_t step[3] = {1, 1, 1};
    int64_t out_dims[HONE_MAX_RANK], steps[3][HONE_MAX_RANK];
    int kept = 0; /* from the last dim inwards, merging neighbours that are walked alike */
    for (int d = rank - 1; d >= 0; d--) {
        int64_t here[3] = {0};
        for (int k = 0; k < n_in; k++) {
            int from_end = rank - 1 - d, own = in[k]->rank - 1 - from_end;
            int64_t size = own >= 0 ? in[k]->dims[own] : 1;
            here[k] = size == 1 ? 0 : step[k];
            if (own >= 0)
                step[k] *= size;
        }
        if (dims[d] == 1)
            continue;
        bool can_merge = kept > 0;
        for (int k = 0; k < n_in && can_merge; k++)
            can_merge = here[k] == steps[k][kept - 1] * out_dims[kept - 1];
        if (can_merge) {
            out_dims[kept - 1] *= dims[d];
            continue;
        }
        out_dims[kept] = dims[d];
        for (int k = 0; k < n_in; k++)
            steps[k][kept] = here[k];
        kept++;
    }
    walk->rank = kept;
    walk->length = kept ? out_dims[0] : 1;
    for (int d = 0; d < kept; d++) {
        walk->dims[kept - 1 - d] = out_dims[d];
        walk->is_done = walk->is_done || out_dims[d] == 0;
        for (int k = 0; k < n_in; k++)
            walk->steps[k][kept - 1 - d] = steps[k][d];
    }
    for (int k = 0; k < n_in; k++)
        walk->stride[k] = kept ? (int)steps[k][0] : 0; /* the last dim's step: 0 or 1 */
    walk->at = -walk->length;
}

bool hone__walk_next(hone__walk *walk) {
    if (walk->is_done)
        return false;
    walk->at += walk->length;
    if (walk->at == 0) {
        walk->is_done = false;
        return true;
    }
    for (int d = walk->rank - 2; d >= 0; d--) {
        for (int k = 0; k < walk->n_in; k++)
            walk->offset[k] += walk->steps[k][d];
        if (++walk->index[d] < walk->dims[d])
            return true;
        for (int k = 0; k < walk->n_in; k++)
            walk->offset[k] -= walk->steps[k][d] * walk->dims[d];
        walk->index[d] = 0;
    }
    walk->is_done = true;
    return false;
}

hone_status hone__walk_init(hone__walk *walk, const hone_tensor *const *in, int n_in, int64_t *dims, int *rank,
                            hone_error *error) {
    *rank = 0;
    for (int k = 0; k < n_in; k++)
        *rank = in[k]->rank > *rank ? in[k]->rank : *rank;
    for (int d = 0; d < *rank; d++) {
        dims[d] = 1;
        for (int k = 0; k < n_in; k++) {
            int own = d - (*rank - in[k]->rank);
            int64_t size = own >= 0 ? in[k]->dims[own] : 1;
            HONE_FAIL_IF(size != 1 && dims[d] != 1 && size != dims[d], error, HONE_ERROR_SHAPE,
                         "shapes cannot be broadcast together: dimension %d is %lld and %lld", d, (long long)dims[d],
                         (long long)size);
            if (size != 1)
                dims[d] = size;
        }
    }
    hone__walk_shape(walk, in, n_in, dims, *rank);
    return HONE_OK;
}
