/* The elementwise kernels of the avx512 bundle; the bodies stand in eltwise_body.h. */
#include "kernels/eltwise/isa_avx512.h"

#include "kernels/eltwise/eltwise_body.h"
