/* The reduce kernels of the avx512 bundle; the bodies stand in reduce_body.h. */
#include "kernels/eltwise/isa_avx512.h"

#include "kernels/reduce/reduce_body.h"
