/* What kernels this machine can run, for tests that call ISA variants directly. HONE_ISA_MASK is
 * honoured the way the library does, so that one machine can run every variant. */
#ifndef HONE_TESTS_ISA_SUPPORT_H
#define HONE_TESTS_ISA_SUPPORT_H

#include <hone/machine.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t test_isa_bits(void) {
    uint32_t bits = HONE_ISA_GENERIC;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        bits |= HONE_ISA_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        bits |= HONE_ISA_AVX512;
#endif
    const char *mask = getenv("HONE_ISA_MASK");
    if (mask && strcmp(mask, "generic") == 0)
        bits = HONE_ISA_GENERIC;
    if (mask && strcmp(mask, "avx2") == 0)
        bits &= HONE_ISA_AVX2;
    return bits;
}

#endif
