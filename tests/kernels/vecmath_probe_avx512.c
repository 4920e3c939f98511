/* See vecmath_probe.h. */
#include "kernels/eltwise/vecmath_avx512.h"
#define PROBE_NAME probe_run_avx512
#include "vecmath_probe.h"
