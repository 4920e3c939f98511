/* Register-only loops and streaming reads that bound what any kernel can do; one file per instruction set. */
#ifndef HONE_BENCH_CEILING_PEAKS_H
#define HONE_BENCH_CEILING_PEAKS_H

#include <stddef.h>
#include <stdint.h>

/* n rounds of 8-bit dot products (vpdpbusd) or bfloat16 dot products (vdpbf16ps) on twelve chains; return how many
 * operations that was, a multiplication and an addition counting as two. */
double vnni_peak_avx512(size_t n, int32_t *sink);
double bf16_peak_avx512(size_t n, float *sink);

/* Reads n bytes (a multiple of 1,024) in order. */
uint64_t read_stream(const void *data, size_t n);

#endif
