/* The reduce kernels of the generic bundle; the bodies stand in reduce_body.h. */
#include "kernels/eltwise/isa_generic.h"

#include "kernels/reduce/reduce_body.h"
