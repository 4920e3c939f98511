/* The machine's own ceiling: fused multiply-adds that touch registers only. A file per ISA includes its
 * vecmath header, names the function and includes this. */
#ifndef HONE_BENCH_FMA_PEAK_H
#define HONE_BENCH_FMA_PEAK_H

#include <stddef.h>

/* Runs n rounds of multiply-adds; returns how many floating-point operations that was. */
double fma_peak_avx512(size_t n, float *sink);
double fma_peak_avx2(size_t n, float *sink);
double fma_peak_generic(size_t n, float *sink);

#endif

#ifdef FMA_PEAK_NAME
double FMA_PEAK_NAME(size_t n, float *sink) {
    /* 12 chains hide the latency of any known core; three operands stay in registers. */
    hone__vf x = hone__vf_set1(0.5f), y = hone__vf_set1(0.25f);
    /* Different starts, or the compiler would see one chain instead of twelve. */
    hone__vf c0 = hone__vf_set1(*sink), c1 = hone__vf_add(c0, x), c2 = hone__vf_add(c1, x), c3 = hone__vf_add(c2, x);
    hone__vf c4 = hone__vf_add(c3, x), c5 = hone__vf_add(c4, x), c6 = hone__vf_add(c5, x), c7 = hone__vf_add(c6, x);
    hone__vf c8 = hone__vf_add(c7, x), c9 = hone__vf_add(c8, x), c10 = hone__vf_add(c9, x), c11 = hone__vf_add(c10, x);
    for (size_t i = 0; i < n; i++) {
        c0 = hone__vf_fma(c0, x, y), c1 = hone__vf_fma(c1, x, y), c2 = hone__vf_fma(c2, x, y);
        c3 = hone__vf_fma(c3, x, y), c4 = hone__vf_fma(c4, x, y), c5 = hone__vf_fma(c5, x, y);
        c6 = hone__vf_fma(c6, x, y), c7 = hone__vf_fma(c7, x, y), c8 = hone__vf_fma(c8, x, y);
        c9 = hone__vf_fma(c9, x, y), c10 = hone__vf_fma(c10, x, y), c11 = hone__vf_fma(c11, x, y);
        /* Keeps the loop from being computed at compile time. */
        __asm__ volatile("" : "+r"(i));
    }
    c0 = hone__vf_add(hone__vf_add(hone__vf_add(c0, c1), hone__vf_add(c2, c3)), hone__vf_add(c4, c5));
    c6 = hone__vf_add(hone__vf_add(hone__vf_add(c6, c7), hone__vf_add(c8, c9)), hone__vf_add(c10, c11));
    *sink = hone__vf_hsum(hone__vf_add(c0, c6));
    return (double)n * 12.0 * 2.0 * HONE_VF_N;
}
#endif
