/* The reduce kernels of the avx2 bundle; the bodies stand in reduce_body.h. */
#include "kernels/eltwise/isa_avx2.h"

#include "kernels/reduce/reduce_body.h"
