/* The pooling kernels of the avx512 bundle; the bodies stand in pooling_body.h. */
#include "kernels/eltwise/isa_avx512.h"

#include "kernels/pooling/pooling_body.h"
