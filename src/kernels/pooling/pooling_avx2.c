/* The pooling kernels of the avx2 bundle; the bodies stand in pooling_body.h. */
#include "kernels/eltwise/isa_avx2.h"

#include "kernels/pooling/pooling_body.h"
