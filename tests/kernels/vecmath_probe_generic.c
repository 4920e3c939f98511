/* See vecmath_probe.h. */
#include "kernels/eltwise/vecmath_generic.h"
#define PROBE_NAME probe_run_generic
#include "vecmath_probe.h"
