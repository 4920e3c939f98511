/* See vecmath_probe.h. */
#include "kernels/eltwise/vecmath_avx2.h"
#define PROBE_NAME probe_run_avx2
#include "vecmath_probe.h"
