/* The ceiling of bfloat16 dot products with AVX-512 BF16; see ceiling_peaks.h. */
#include "ceiling_peaks.h"

#include <immintrin.h>

double bf16_peak_avx512(size_t n, float *sink) {
    enum { CHAINS = 12 };
    __m512 c[CHAINS];
    __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.5f));
    for (int i = 0; i < CHAINS; i++)
        c[i] = _mm512_set1_ps(*sink + (float)i);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 12 /* in registers */
        for (int k = 0; k < CHAINS; k++)
            c[k] = _mm512_dpbf16_ps(c[k], a, a);
        __asm__ volatile("" : "+r"(i)); /* keeps the loop from being computed at compile time */
    }
    for (int i = 1; i < CHAINS; i++)
        c[0] = _mm512_add_ps(c[0], c[i]);
    *sink = _mm512_reduce_add_ps(c[0]);
    return (double)n * CHAINS * 32 * 2;
}
