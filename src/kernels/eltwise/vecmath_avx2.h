/* Vector primitives for the AVX2 bundle (AVX2, FMA, F16C): 8 floats. Included only by *_avx2.c
 * files; see vecmath_avx512.h for the meaning of each name and vecmath_body.h for the functions. */
#ifndef HONE_KERNELS_VECMATH_AVX2_H
#define HONE_KERNELS_VECMATH_AVX2_H
#ifdef HONE_VF_N
#error "include exactly one of the vecmath headers"
#endif

#include "base/dtype.h"

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define HONE_VF_N 8

typedef __m256 hone__vf;  /* 8 floats */
typedef __m256i hone__vi; /* 8 int32 */
typedef __m256 hone__vm;  /* all ones or all zeros per lane */

static inline hone__vf hone__vf_load(const hone_f32_unaligned *p) {
    return _mm256_loadu_ps((const float *)(const void *)p);
}
static inline void hone__vf_store(float *p, hone__vf v) { _mm256_storeu_ps(p, v); }
/* The first n lanes, 0 <= n <= 8; the other lanes read as 0 and touch no memory. */
static inline __m256i hone__vf_tail_mask(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline hone__vf hone__vf_load_n(const hone_f32_unaligned *p, size_t n) {
    return _mm256_maskload_ps((const float *)(const void *)p, hone__vf_tail_mask(n));
}
static inline void hone__vf_store_n(float *p, hone__vf v, size_t n) {
    _mm256_maskstore_ps(p, hone__vf_tail_mask(n), v);
}
static inline hone__vf hone__vf_set1(float x) { return _mm256_set1_ps(x); }
static inline hone__vf hone__vf_zero(void) { return _mm256_setzero_ps(); }
static inline hone__vf hone__vf_add(hone__vf a, hone__vf b) { return _mm256_add_ps(a, b); }
static inline hone__vf hone__vf_sub(hone__vf a, hone__vf b) { return _mm256_sub_ps(a, b); }
static inline hone__vf hone__vf_mul(hone__vf a, hone__vf b) { return _mm256_mul_ps(a, b); }
static inline hone__vf hone__vf_div(hone__vf a, hone__vf b) { return _mm256_div_ps(a, b); }
static inline hone__vf hone__vf_sqrt(hone__vf a) { return _mm256_sqrt_ps(a); }
static inline hone__vf hone__vf_fma(hone__vf a, hone__vf b, hone__vf c) { return _mm256_fmadd_ps(a, b, c); }
static inline hone__vf hone__vf_fnma(hone__vf a, hone__vf b, hone__vf c) { return _mm256_fnmadd_ps(a, b, c); }
static inline hone__vf hone__vf_max(hone__vf a, hone__vf b) { return _mm256_max_ps(a, b); }
static inline hone__vf hone__vf_min(hone__vf a, hone__vf b) { return _mm256_min_ps(a, b); }
static inline hone__vf hone__vf_abs(hone__vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
static inline hone__vf hone__vf_neg(hone__vf a) { return _mm256_xor_ps(a, _mm256_set1_ps(-0.0f)); }
static inline hone__vf hone__vf_round(hone__vf a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
static inline hone__vf hone__vf_floor(hone__vf a) {
    return _mm256_round_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
static inline hone__vf hone__vf_copysign(hone__vf a, hone__vf s) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, s));
}
static inline hone__vm hone__vf_lt(hone__vf a, hone__vf b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
static inline hone__vm hone__vf_le(hone__vf a, hone__vf b) { return _mm256_cmp_ps(a, b, _CMP_LE_OQ); }
static inline hone__vm hone__vf_eq(hone__vf a, hone__vf b) { return _mm256_cmp_ps(a, b, _CMP_EQ_OQ); }
static inline hone__vf hone__vf_select(hone__vm m, hone__vf a, hone__vf b) { return _mm256_blendv_ps(b, a, m); }

static inline hone__vi hone__vi_set1(int32_t x) { return _mm256_set1_epi32(x); }
static inline hone__vi hone__vi_add(hone__vi a, hone__vi b) { return _mm256_add_epi32(a, b); }
static inline hone__vi hone__vi_sub(hone__vi a, hone__vi b) { return _mm256_sub_epi32(a, b); }
static inline hone__vi hone__vi_and(hone__vi a, hone__vi b) { return _mm256_and_si256(a, b); }
static inline hone__vi hone__vi_or(hone__vi a, hone__vi b) { return _mm256_or_si256(a, b); }
#define hone__vi_shl(a, bits) _mm256_slli_epi32((a), (bits))
#define hone__vi_sar(a, bits) _mm256_srai_epi32((a), (bits))
/* table[index & 7] per lane, of a table that fills a vector. */
#define HONE_VF_LOOKUP(table, index) _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (index))
static inline hone__vf hone__vf_from_vi(hone__vi a) { return _mm256_cvtepi32_ps(a); }
static inline hone__vi hone__vi_from_vf(hone__vf a) { return _mm256_cvtps_epi32(a); }
static inline hone__vi hone__vi_bits(hone__vf a) { return _mm256_castps_si256(a); }
static inline hone__vf hone__vf_bits(hone__vi a) { return _mm256_castsi256_ps(a); }

static inline float hone__vf_hsum(hone__vf a) {
    __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_add_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}
static inline float hone__vf_hmax(hone__vf a) {
    __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_max_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
static inline float hone__vf_hmin(hone__vf a) {
    __m128 x = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    x = _mm_min_ps(x, _mm_movehl_ps(x, x));
    return _mm_cvtss_f32(_mm_min_ss(x, _mm_movehdup_ps(x)));
}

#include "vecmath_body.h"

#endif
