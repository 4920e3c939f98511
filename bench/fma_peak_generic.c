/* See fma_peak.h. */
#include "kernels/eltwise/vecmath_generic.h"

#define FMA_PEAK_NAME fma_peak_generic
#include "fma_peak.h"
