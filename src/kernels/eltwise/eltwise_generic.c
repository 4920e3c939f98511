/* The elementwise kernels of the generic bundle; the bodies stand in eltwise_body.h. */
#include "kernels/eltwise/isa_generic.h"

#include "kernels/eltwise/eltwise_body.h"
