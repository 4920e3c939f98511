/* The pooling kernels of the generic bundle; the bodies stand in pooling_body.h. */
#include "kernels/eltwise/isa_generic.h"

#include "kernels/pooling/pooling_body.h"
