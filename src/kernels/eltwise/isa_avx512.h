/* Opens a kernel file of the avx512 bundle: the vectors of vecmath_avx512.h, and the names that a body
 * written once over hone__vf uses for what it exports. Needs AVX-512 F, BW, DQ and VL. */
#ifndef HONE_KERNELS_ISA_AVX512_H
#define HONE_KERNELS_ISA_AVX512_H

#include "kernels/eltwise/vecmath_avx512.h"

#include <hone/machine.h>

#define HONE_ISA(name) name##__avx512
#define HONE_ISA_TEXT "avx512"
#define HONE_ISA_BITS (HONE_ISA_AVX2 | HONE_ISA_AVX512)

#endif
