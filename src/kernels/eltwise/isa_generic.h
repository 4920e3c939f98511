/* Opens a kernel file of the generic bundle: the vectors of vecmath_generic.h, and the names that a body
 * written once over hone__vf uses for what it exports. Portable C. */
#ifndef HONE_KERNELS_ISA_GENERIC_H
#define HONE_KERNELS_ISA_GENERIC_H

#include "kernels/eltwise/vecmath_generic.h"

#include <hone/machine.h>

#define HONE_ISA(name) name##__generic
#define HONE_ISA_TEXT "generic"
#define HONE_ISA_BITS HONE_ISA_GENERIC

#endif
