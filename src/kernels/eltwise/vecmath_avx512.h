/* Vector primitives for the AVX-512 bundle (F, BW, DQ, VL): 16 floats. Included only by *_avx512.c
 * files; the mathematical functions on top of them stand in vecmath_body.h, the same for every ISA.
 *
 * A file includes exactly one of vecmath_{avx512,avx2,generic}.h, so that one kernel body can be
 * written against the names below and instantiated per ISA. */
#ifndef HONE_KERNELS_VECMATH_AVX512_H
#define HONE_KERNELS_VECMATH_AVX512_H
#ifdef HONE_VF_N
#error "include exactly one of the vecmath headers"
#endif

#include "base/dtype.h"

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define HONE_VF_N 16

typedef __m512 hone__vf;    /* 16 floats */
typedef __m512i hone__vi;   /* 16 int32 */
typedef __mmask16 hone__vm; /* one truth value per lane */

static inline hone__vf hone__vf_load(const hone_f32_unaligned *p) { return _mm512_loadu_ps((const void *)p); }
static inline void hone__vf_store(float *p, hone__vf v) { _mm512_storeu_ps(p, v); }
/* The first n lanes, 0 <= n <= 16; the other lanes read as 0 and touch no memory. */
static inline __mmask16 hone__vf_tail_mask(size_t n) { return (__mmask16)((1u << n) - 1u); }
static inline hone__vf hone__vf_load_n(const hone_f32_unaligned *p, size_t n) {
    return _mm512_maskz_loadu_ps(hone__vf_tail_mask(n), (const void *)p);
}
static inline void hone__vf_store_n(float *p, hone__vf v, size_t n) {
    _mm512_mask_storeu_ps(p, hone__vf_tail_mask(n), v);
}
static inline hone__vf hone__vf_set1(float x) { return _mm512_set1_ps(x); }
static inline hone__vf hone__vf_zero(void) { return _mm512_setzero_ps(); }
static inline hone__vf hone__vf_add(hone__vf a, hone__vf b) { return _mm512_add_ps(a, b); }
static inline hone__vf hone__vf_sub(hone__vf a, hone__vf b) { return _mm512_sub_ps(a, b); }
static inline hone__vf hone__vf_mul(hone__vf a, hone__vf b) { return _mm512_mul_ps(a, b); }
static inline hone__vf hone__vf_div(hone__vf a, hone__vf b) { return _mm512_div_ps(a, b); }
static inline hone__vf hone__vf_sqrt(hone__vf a) { return _mm512_sqrt_ps(a); }
/* a*b+c and c-a*b, fused where the ISA can. */
static inline hone__vf hone__vf_fma(hone__vf a, hone__vf b, hone__vf c) { return _mm512_fmadd_ps(a, b, c); }
static inline hone__vf hone__vf_fnma(hone__vf a, hone__vf b, hone__vf c) { return _mm512_fnmadd_ps(a, b, c); }
/* When either is NaN the result is b. */
static inline hone__vf hone__vf_max(hone__vf a, hone__vf b) { return _mm512_max_ps(a, b); }
static inline hone__vf hone__vf_min(hone__vf a, hone__vf b) { return _mm512_min_ps(a, b); }
static inline hone__vf hone__vf_abs(hone__vf a) { return _mm512_abs_ps(a); }
static inline hone__vf hone__vf_neg(hone__vf a) { return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f)); }
/* To the nearest integer, ties to even; floor. */
static inline hone__vf hone__vf_round(hone__vf a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline hone__vf hone__vf_floor(hone__vf a) {
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
/* |a| with the sign of s. */
static inline hone__vf hone__vf_copysign(hone__vf a, hone__vf s) {
    const __m512 sign = _mm512_set1_ps(-0.0f);
    return _mm512_or_ps(_mm512_andnot_ps(sign, a), _mm512_and_ps(sign, s));
}
/* Ordered comparisons: false when either is NaN. */
static inline hone__vm hone__vf_lt(hone__vf a, hone__vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
static inline hone__vm hone__vf_le(hone__vf a, hone__vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ); }
static inline hone__vm hone__vf_eq(hone__vf a, hone__vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ); }
/* m ? a : b */
static inline hone__vf hone__vf_select(hone__vm m, hone__vf a, hone__vf b) { return _mm512_mask_blend_ps(m, b, a); }

static inline hone__vi hone__vi_set1(int32_t x) { return _mm512_set1_epi32(x); }
static inline hone__vi hone__vi_add(hone__vi a, hone__vi b) { return _mm512_add_epi32(a, b); }
static inline hone__vi hone__vi_sub(hone__vi a, hone__vi b) { return _mm512_sub_epi32(a, b); }
static inline hone__vi hone__vi_and(hone__vi a, hone__vi b) { return _mm512_and_si512(a, b); }
static inline hone__vi hone__vi_or(hone__vi a, hone__vi b) { return _mm512_or_si512(a, b); }
#define hone__vi_shl(a, bits) _mm512_slli_epi32((a), (bits))
#define hone__vi_sar(a, bits) _mm512_srai_epi32((a), (bits)) /* arithmetic */
/* table[index & 15] per lane, of a table that fills a vector. */
#define HONE_VF_LOOKUP(table, index) _mm512_permutexvar_ps((index), _mm512_loadu_ps(table))
static inline hone__vf hone__vf_from_vi(hone__vi a) { return _mm512_cvtepi32_ps(a); }
/* Of values that are integers already and fit. */
static inline hone__vi hone__vi_from_vf(hone__vf a) { return _mm512_cvtps_epi32(a); }
static inline hone__vi hone__vi_bits(hone__vf a) { return _mm512_castps_si512(a); }
static inline hone__vf hone__vf_bits(hone__vi a) { return _mm512_castsi512_ps(a); }

static inline float hone__vf_hsum(hone__vf a) { return _mm512_reduce_add_ps(a); }
static inline float hone__vf_hmax(hone__vf a) { return _mm512_reduce_max_ps(a); }
static inline float hone__vf_hmin(hone__vf a) { return _mm512_reduce_min_ps(a); }

#include "vecmath_body.h"

#endif
