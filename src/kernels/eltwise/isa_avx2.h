/* Opens a kernel file of the avx2 bundle: the vectors of vecmath_avx2.h, and the names that a body
 * written once over hone__vf uses for what it exports. Needs AVX2, FMA and F16C. */
#ifndef HONE_KERNELS_ISA_AVX2_H
#define HONE_KERNELS_ISA_AVX2_H

#include "kernels/eltwise/vecmath_avx2.h"

#include <hone/machine.h>

#define HONE_ISA(name) name##__avx2
#define HONE_ISA_TEXT "avx2"
#define HONE_ISA_BITS HONE_ISA_AVX2

#endif
