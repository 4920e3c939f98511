/* See fma_peak.h. */
#include "kernels/eltwise/vecmath_avx2.h"

#define FMA_PEAK_NAME fma_peak_avx2
#include "fma_peak.h"
