/* The norm kernels of the avx512 bundle; the bodies stand in norm_body.h. */
#include "kernels/eltwise/isa_avx512.h"

#include "kernels/norm/norm_body.h"
