/* The norm kernels of the avx2 bundle; the bodies stand in norm_body.h. */
#include "kernels/eltwise/isa_avx2.h"

#include "kernels/norm/norm_body.h"
