/* See fma_peak.h. */
#include "kernels/eltwise/vecmath_avx512.h"

#define FMA_PEAK_NAME fma_peak_avx512
#include "fma_peak.h"
