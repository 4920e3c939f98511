/* One vector of floats, by the ISA that the including file is compiled for: AVX-512, AVX2 with FMA, or
 * four floats of the compiler's own vectors (plain C for every machine). Included by the conv_kernels_*.c files only.
 */
#ifndef HONE_KERNELS_CONV_CONV_VEC_H
#define HONE_KERNELS_CONV_CONV_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Sanitized builds check plain loops: unrolled ones take minutes to compile. */
#if defined(__has_feature)
#define HONE_HAS_FEATURE(x) __has_feature(x)
#else
#define HONE_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || HONE_HAS_FEATURE(address_sanitizer)
#define HONE_UNROLL
#elif defined(__clang__)
#define HONE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define HONE_UNROLL _Pragma("GCC unroll 16")
#endif
#define HONE_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
#include "kernels/eltwise/vecmath_avx512.h"
#include <immintrin.h>
enum { VW = 16 };
typedef __m512 vf;
HONE_INLINE vf v_zero(void) { return _mm512_setzero_ps(); }
HONE_INLINE vf v_set1(float a) { return _mm512_set1_ps(a); }
HONE_INLINE vf v_load(const float *p) { return _mm512_loadu_ps(p); }
HONE_INLINE void v_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
HONE_INLINE __mmask16 v_mask(size_t n) { return (__mmask16)((1u << n) - 1u); }
HONE_INLINE vf v_loadn(const float *p, size_t n) { return _mm512_maskz_loadu_ps(v_mask(n), p); }
HONE_INLINE void v_storen(float *p, vf a, size_t n) { _mm512_mask_storeu_ps(p, v_mask(n), a); }
HONE_INLINE vf v_load_bits(const float *p, unsigned bits) { return _mm512_maskz_loadu_ps((__mmask16)bits, p); }
typedef __mmask16 vm; /* lanes to load */
HONE_INLINE vm v_mask_bits(unsigned bits) { return (__mmask16)bits; }
HONE_INLINE vf v_load_m(const float *p, vm m) { return _mm512_maskz_loadu_ps(m, p); }
/* Even elements of a, then of b. */
HONE_INLINE vf v_even(vf a, vf b) {
    return _mm512_permutex2var_ps(a, _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30), b);
}
HONE_INLINE vf v_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
HONE_INLINE vf v_add(vf a, vf b) { return _mm512_add_ps(a, b); }
HONE_INLINE vf v_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
HONE_INLINE vf v_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
/* NaN in the second operand survives. */
HONE_INLINE vf v_max(vf a, vf b) { return _mm512_max_ps(a, b); }
HONE_INLINE vf v_min(vf a, vf b) { return _mm512_min_ps(a, b); }
/* Four columns of VW rows: c[j] lane i = p[i*rs + j]. */
HONE_INLINE void v_load_columns4(const float *p, size_t rs, vf c[4]) {
    __m512 t[4];
    HONE_UNROLL
    for (size_t i = 0; i < 4; i++) {
        __m512 a = _mm512_castps128_ps512(_mm_loadu_ps(p + i * rs));
        a = _mm512_insertf32x4(a, _mm_loadu_ps(p + (i + 4) * rs), 1);
        a = _mm512_insertf32x4(a, _mm_loadu_ps(p + (i + 8) * rs), 2);
        t[i] = _mm512_insertf32x4(a, _mm_loadu_ps(p + (i + 12) * rs), 3);
    }
    __m512 l01 = _mm512_unpacklo_ps(t[0], t[1]), h01 = _mm512_unpackhi_ps(t[0], t[1]);
    __m512 l23 = _mm512_unpacklo_ps(t[2], t[3]), h23 = _mm512_unpackhi_ps(t[2], t[3]);
    c[0] = _mm512_shuffle_ps(l01, l23, 0x44);
    c[1] = _mm512_shuffle_ps(l01, l23, 0xEE);
    c[2] = _mm512_shuffle_ps(h01, h23, 0x44);
    c[3] = _mm512_shuffle_ps(h01, h23, 0xEE);
}
HONE_INLINE void v_store_columns4(float *p, size_t rs, const vf c[4]) {
    __m512 l01 = _mm512_unpacklo_ps(c[0], c[1]), h01 = _mm512_unpackhi_ps(c[0], c[1]);
    __m512 l23 = _mm512_unpacklo_ps(c[2], c[3]), h23 = _mm512_unpackhi_ps(c[2], c[3]);
    __m512 t[4] = {_mm512_shuffle_ps(l01, l23, 0x44), _mm512_shuffle_ps(l01, l23, 0xEE),
                   _mm512_shuffle_ps(h01, h23, 0x44), _mm512_shuffle_ps(h01, h23, 0xEE)};
    HONE_UNROLL
    for (size_t i = 0; i < 4; i++) {
        _mm_storeu_ps(p + i * rs, _mm512_castps512_ps128(t[i]));
        _mm_storeu_ps(p + (i + 4) * rs, _mm512_extractf32x4_ps(t[i], 1));
        _mm_storeu_ps(p + (i + 8) * rs, _mm512_extractf32x4_ps(t[i], 2));
        _mm_storeu_ps(p + (i + 12) * rs, _mm512_extractf32x4_ps(t[i], 3));
    }
}
HONE_INLINE void v_load_even(const float *p, vf *even) { /* p[0], p[2], ...: reads 31 floats */
    const __m512i index = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(_mm512_loadu_ps(p), index, _mm512_maskz_loadu_ps(0x7FFF, p + 16));
}
HONE_INLINE vf v_gather(const float *p, const int32_t *offset, unsigned bits) {
    return _mm512_mask_i32gather_ps(_mm512_setzero_ps(), (__mmask16)bits, _mm512_loadu_si512(offset), p, 4);
}
#elif defined(__AVX2__)
#include "kernels/eltwise/vecmath_avx2.h"
#include <immintrin.h>
enum { VW = 8 };
typedef __m256 vf;
HONE_INLINE vf v_zero(void) { return _mm256_setzero_ps(); }
HONE_INLINE vf v_set1(float a) { return _mm256_set1_ps(a); }
HONE_INLINE vf v_load(const float *p) { return _mm256_loadu_ps(p); }
HONE_INLINE void v_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
HONE_INLINE __m256i v_mask(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
HONE_INLINE vf v_loadn(const float *p, size_t n) { return _mm256_maskload_ps(p, v_mask(n)); }
HONE_INLINE void v_storen(float *p, vf a, size_t n) { _mm256_maskstore_ps(p, v_mask(n), a); }
HONE_INLINE __m256i v_bits(unsigned bits) {
    const __m256i lane = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32((int)bits), lane), lane);
}
HONE_INLINE vf v_load_bits(const float *p, unsigned bits) { return _mm256_maskload_ps(p, v_bits(bits)); }
typedef __m256i vm;
HONE_INLINE vm v_mask_bits(unsigned bits) { return v_bits(bits); }
HONE_INLINE vf v_load_m(const float *p, vm m) { return _mm256_maskload_ps(p, m); }
HONE_INLINE vf v_even(vf a, vf b) {
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(_mm256_shuffle_ps(a, b, 0x88)), 0xD8));
}
HONE_INLINE vf v_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
HONE_INLINE vf v_add(vf a, vf b) { return _mm256_add_ps(a, b); }
HONE_INLINE vf v_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
HONE_INLINE vf v_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
HONE_INLINE vf v_max(vf a, vf b) { return _mm256_max_ps(a, b); }
HONE_INLINE vf v_min(vf a, vf b) { return _mm256_min_ps(a, b); }
HONE_INLINE void v_load_columns4(const float *p, size_t rs, vf c[4]) {
    __m256 t[4];
    HONE_UNROLL
    for (size_t i = 0; i < 4; i++)
        t[i] =
            _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + i * rs)), _mm_loadu_ps(p + (i + 4) * rs), 1);
    __m256 l01 = _mm256_unpacklo_ps(t[0], t[1]), h01 = _mm256_unpackhi_ps(t[0], t[1]);
    __m256 l23 = _mm256_unpacklo_ps(t[2], t[3]), h23 = _mm256_unpackhi_ps(t[2], t[3]);
    c[0] = _mm256_shuffle_ps(l01, l23, 0x44);
    c[1] = _mm256_shuffle_ps(l01, l23, 0xEE);
    c[2] = _mm256_shuffle_ps(h01, h23, 0x44);
    c[3] = _mm256_shuffle_ps(h01, h23, 0xEE);
}
HONE_INLINE void v_store_columns4(float *p, size_t rs, const vf c[4]) {
    __m256 l01 = _mm256_unpacklo_ps(c[0], c[1]), h01 = _mm256_unpackhi_ps(c[0], c[1]);
    __m256 l23 = _mm256_unpacklo_ps(c[2], c[3]), h23 = _mm256_unpackhi_ps(c[2], c[3]);
    __m256 t[4] = {_mm256_shuffle_ps(l01, l23, 0x44), _mm256_shuffle_ps(l01, l23, 0xEE),
                   _mm256_shuffle_ps(h01, h23, 0x44), _mm256_shuffle_ps(h01, h23, 0xEE)};
    HONE_UNROLL
    for (size_t i = 0; i < 4; i++) {
        _mm_storeu_ps(p + i * rs, _mm256_castps256_ps128(t[i]));
        _mm_storeu_ps(p + (i + 4) * rs, _mm256_extractf128_ps(t[i], 1));
    }
}
HONE_INLINE void v_load_even(const float *p, vf *even) { /* reads 15 floats */
    __m256 a = _mm256_loadu_ps(p), b = _mm256_loadu_ps(p + 7);
    __m256 s = _mm256_shuffle_ps(a, b, 0xD8); /* a0 a2 b1 b3 | a4 a6 b5 b7 */
    *even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(s), 0xD8));
}
HONE_INLINE vf v_gather(const float *p, const int32_t *offset, unsigned bits) {
    return _mm256_mask_i32gather_ps(_mm256_setzero_ps(), p, _mm256_loadu_si256((const __m256i *)offset),
                                    _mm256_castsi256_ps(v_bits(bits)), 4);
}
#else
#include "kernels/eltwise/vecmath_generic.h"
enum { VW = 4 };
typedef float vf __attribute__((vector_size(16)));
HONE_INLINE vf v_zero(void) { return (vf){0, 0, 0, 0}; }
HONE_INLINE vf v_set1(float a) { return (vf){a, a, a, a}; }
HONE_INLINE vf v_load(const float *p) {
    vf a;
    memcpy(&a, p, sizeof a);
    return a;
}
HONE_INLINE void v_store(float *p, vf a) { memcpy(p, &a, sizeof a); }
HONE_INLINE vf v_loadn(const float *p, size_t n) {
    vf a = v_zero();
    for (size_t i = 0; i < n; i++)
        a[i] = p[i];
    return a;
}
HONE_INLINE void v_storen(float *p, vf a, size_t n) {
    for (size_t i = 0; i < n; i++)
        p[i] = a[i];
}
HONE_INLINE vf v_load_bits(const float *p, unsigned bits) {
    vf a = v_zero();
    for (size_t i = 0; i < VW; i++)
        if (bits >> i & 1u)
            a[i] = p[i];
    return a;
}
typedef unsigned vm;
HONE_INLINE vm v_mask_bits(unsigned bits) { return bits; }
HONE_INLINE vf v_load_m(const float *p, vm m) { return m == 15u ? v_load(p) : v_load_bits(p, m); }
HONE_INLINE vf v_even(vf a, vf b) { return (vf){a[0], a[2], b[0], b[2]}; }
HONE_INLINE vf v_fma(vf a, vf b, vf c) { return a * b + c; }
HONE_INLINE vf v_add(vf a, vf b) { return a + b; }
HONE_INLINE vf v_sub(vf a, vf b) { return a - b; }
HONE_INLINE vf v_mul(vf a, vf b) { return a * b; }
HONE_INLINE vf v_max(vf a, vf b) {
    vf c;
    for (size_t i = 0; i < VW; i++)
        c[i] = a[i] > b[i] ? a[i] : b[i];
    return c;
}
HONE_INLINE vf v_min(vf a, vf b) {
    vf c;
    for (size_t i = 0; i < VW; i++)
        c[i] = a[i] < b[i] ? a[i] : b[i];
    return c;
}
HONE_INLINE void v_load_columns4(const float *p, size_t rs, vf c[4]) {
    for (size_t j = 0; j < 4; j++)
        c[j] = (vf){p[j], p[rs + j], p[2 * rs + j], p[3 * rs + j]};
}
HONE_INLINE void v_store_columns4(float *p, size_t rs, const vf c[4]) {
    for (size_t i = 0; i < 4; i++)
        v_store(p + i * rs, (vf){c[0][i], c[1][i], c[2][i], c[3][i]});
}
HONE_INLINE void v_load_even(const float *p, vf *even) { *even = (vf){p[0], p[2], p[4], p[6]}; }
HONE_INLINE vf v_gather(const float *p, const int32_t *offset, unsigned bits) {
    vf a = v_zero();
    for (size_t i = 0; i < VW; i++)
        if (bits >> i & 1u)
            a[i] = p[offset[i]];
    return a;
}
#endif

#endif
