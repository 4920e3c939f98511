/* The elementwise kernels of the avx2 bundle; the bodies stand in eltwise_body.h. */
#include "kernels/eltwise/isa_avx2.h"

#include "kernels/eltwise/eltwise_body.h"
