/* Vector primitives in portable C: 4 floats by the vector extension that gcc and clang share, which
 * becomes SSE2, NEON or scalar code as the target has it. Included only by files without ISA flags;
 * see vecmath_avx512.h for the meaning of each name and vecmath_body.h for the functions. */
#ifndef HONE_KERNELS_VECMATH_GENERIC_H
#define HONE_KERNELS_VECMATH_GENERIC_H
#ifdef HONE_VF_N
#error "include exactly one of the vecmath headers"
#endif

#include "base/dtype.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HONE_VF_N 4

typedef float hone__vf __attribute__((vector_size(16)));
typedef int32_t hone__vi __attribute__((vector_size(16)));
typedef uint32_t hone__vu __attribute__((vector_size(16)));
typedef hone__vi hone__vm; /* all ones or all zeros per lane */

static inline hone__vf hone__vf_load(const hone_f32_unaligned *p) {
    hone__vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline void hone__vf_store(float *p, hone__vf v) { memcpy(p, &v, sizeof v); }
/* The first n lanes, 0 <= n <= 4; the other lanes read as 0 and touch no memory. */
static inline hone__vf hone__vf_load_n(const hone_f32_unaligned *p, size_t n) {
    hone__vf v = {0.0f, 0.0f, 0.0f, 0.0f};
    for (size_t i = 0; i < n; i++)
        v[i] = p[i];
    return v;
}
static inline void hone__vf_store_n(float *p, hone__vf v, size_t n) {
    for (size_t i = 0; i < n; i++)
        p[i] = v[i];
}
static inline hone__vf hone__vf_set1(float x) { return (hone__vf){x, x, x, x}; }
static inline hone__vf hone__vf_zero(void) { return hone__vf_set1(0.0f); }
static inline hone__vf hone__vf_add(hone__vf a, hone__vf b) { return a + b; }
static inline hone__vf hone__vf_sub(hone__vf a, hone__vf b) { return a - b; }
static inline hone__vf hone__vf_mul(hone__vf a, hone__vf b) { return a * b; }
static inline hone__vf hone__vf_div(hone__vf a, hone__vf b) { return a / b; }
static inline hone__vf hone__vf_sqrt(hone__vf a) {
    return (hone__vf){sqrtf(a[0]), sqrtf(a[1]), sqrtf(a[2]), sqrtf(a[3])};
}
static inline hone__vf hone__vf_fma(hone__vf a, hone__vf b, hone__vf c) { return a * b + c; }
static inline hone__vf hone__vf_fnma(hone__vf a, hone__vf b, hone__vf c) { return c - a * b; }

static inline hone__vi hone__vi_set1(int32_t x) { return (hone__vi){x, x, x, x}; }
/* Through unsigned: the others wrap around, and so must this. */
static inline hone__vi hone__vi_add(hone__vi a, hone__vi b) { return (hone__vi)((hone__vu)a + (hone__vu)b); }
static inline hone__vi hone__vi_sub(hone__vi a, hone__vi b) { return (hone__vi)((hone__vu)a - (hone__vu)b); }
static inline hone__vi hone__vi_and(hone__vi a, hone__vi b) { return a & b; }
static inline hone__vi hone__vi_or(hone__vi a, hone__vi b) { return a | b; }
#define hone__vi_shl(a, bits) ((hone__vi)((hone__vu)(a) << (bits)))
#define hone__vi_sar(a, bits) ((a) >> (bits))
static inline hone__vi hone__vi_bits(hone__vf a) { return (hone__vi)a; }
static inline hone__vf hone__vf_bits(hone__vi a) { return (hone__vf)a; }

static inline hone__vm hone__vf_lt(hone__vf a, hone__vf b) { return a < b; }
static inline hone__vm hone__vf_le(hone__vf a, hone__vf b) { return a <= b; }
static inline hone__vm hone__vf_eq(hone__vf a, hone__vf b) { return a == b; }
static inline hone__vf hone__vf_select(hone__vm m, hone__vf a, hone__vf b) {
    return (hone__vf)((m & (hone__vi)a) | (~m & (hone__vi)b));
}
static inline hone__vf hone__vf_max(hone__vf a, hone__vf b) { return hone__vf_select(a > b, a, b); }
static inline hone__vf hone__vf_min(hone__vf a, hone__vf b) { return hone__vf_select(a < b, a, b); }
static inline hone__vf hone__vf_abs(hone__vf a) { return (hone__vf)((hone__vi)a & hone__vi_set1(0x7fffffff)); }
static inline hone__vf hone__vf_neg(hone__vf a) { return -a; }
static inline hone__vf hone__vf_copysign(hone__vf a, hone__vf s) {
    const hone__vi magnitude = hone__vi_set1(0x7fffffff);
    return (hone__vf)(((hone__vi)a & magnitude) | ((hone__vi)s & ~magnitude));
}
/* Adding and taking away 2^23 rounds to the nearest integer; from there on a float is one. */
static inline hone__vf hone__vf_round(hone__vf a) {
    const hone__vf magic = hone__vf_copysign(hone__vf_set1(8388608.0f), a);
    const hone__vf rounded = hone__vf_copysign((a + magic) - magic, a);
    return hone__vf_select(hone__vf_abs(a) < hone__vf_set1(8388608.0f), rounded, a);
}
static inline hone__vf hone__vf_floor(hone__vf a) {
    const hone__vf r = hone__vf_round(a);
    return hone__vf_select(r > a, r - hone__vf_set1(1.0f), r);
}
static inline hone__vf hone__vf_from_vi(hone__vi a) { return __builtin_convertvector(a, hone__vf); }
/* Of values that are integers already, |a| < 2^22. The sum with 1.5 * 2^23 has the integer in its low
 * bits; unlike a conversion this is defined for NaN too. */
static inline hone__vi hone__vi_from_vf(hone__vf a) {
    const hone__vf magic = hone__vf_set1(12582912.0f);
    return hone__vi_sub((hone__vi)(a + magic), (hone__vi)magic);
}

static inline float hone__vf_hsum(hone__vf a) { return (a[0] + a[2]) + (a[1] + a[3]); }
static inline float hone__vf_hmax(hone__vf a) {
    const float x = a[0] > a[2] ? a[0] : a[2], y = a[1] > a[3] ? a[1] : a[3];
    return x > y ? x : y;
}
static inline float hone__vf_hmin(hone__vf a) {
    const float x = a[0] < a[2] ? a[0] : a[2], y = a[1] < a[3] ? a[1] : a[3];
    return x < y ? x : y;
}

#include "vecmath_body.h"

#endif
