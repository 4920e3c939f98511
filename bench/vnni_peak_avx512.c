/* The ceiling of 8-bit dot products with AVX-512 VNNI; see ceiling_peaks.h. */
#include "ceiling_peaks.h"

#include <immintrin.h>

double vnni_peak_avx512(size_t n, int32_t *sink) {
    enum { CHAINS = 12 };
    __m512i c[CHAINS], a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(-1);
    for (int i = 0; i < CHAINS; i++)
        c[i] = _mm512_set1_epi32(*sink + i);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 12 /* in registers */
        for (int k = 0; k < CHAINS; k++)
            c[k] = _mm512_dpbusd_epi32(c[k], a, b);
        __asm__ volatile("" : "+r"(i)); /* keeps the loop from being computed at compile time */
    }
    for (int i = 1; i < CHAINS; i++)
        c[0] = _mm512_add_epi32(c[0], c[i]);
    *sink = _mm512_reduce_add_epi32(c[0]);
    return (double)n * CHAINS * 64 * 2; /* 64 products and sums an instruction */
}
