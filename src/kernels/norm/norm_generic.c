/* The norm kernels of the generic bundle; the bodies stand in norm_body.h. */
#include "kernels/eltwise/isa_generic.h"

#include "kernels/norm/norm_body.h"
