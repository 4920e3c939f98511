/* Streaming reads for the bandwidth ceiling; see ceiling_peaks.h. */
#include "ceiling_peaks.h"

#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>

uint64_t read_stream(const void *data, size_t n) {
    const char *p = data;
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (size_t i = 0; i + 256 <= n; i += 256) {
        const __m256i *v = (const __m256i *)(const void *)(p + i);
        a = _mm256_add_epi64(a, _mm256_add_epi64(_mm256_load_si256(v), _mm256_load_si256(v + 1)));
        b = _mm256_add_epi64(b, _mm256_add_epi64(_mm256_load_si256(v + 2), _mm256_load_si256(v + 3)));
        c = _mm256_add_epi64(c, _mm256_add_epi64(_mm256_load_si256(v + 4), _mm256_load_si256(v + 5)));
        d = _mm256_add_epi64(d, _mm256_add_epi64(_mm256_load_si256(v + 6), _mm256_load_si256(v + 7)));
    }
    a = _mm256_add_epi64(_mm256_add_epi64(a, b), _mm256_add_epi64(c, d));
    uint64_t lanes[4];
    memcpy(lanes, &a, sizeof lanes);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}
#else
uint64_t read_stream(const void *data, size_t n) {
    const char *p = data;
    uint64_t sums[4] = {0};
    for (size_t i = 0; i + 32 <= n; i += 32) {
        uint64_t words[4];
        memcpy(words, p + i, sizeof words);
        for (int k = 0; k < 4; k++)
            sums[k] += words[k];
    }
    return sums[0] + sums[1] + sums[2] + sums[3];
}
#endif
