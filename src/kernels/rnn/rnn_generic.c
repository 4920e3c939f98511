/* The recurrent cells of the generic bundle; the bodies stand in rnn_body.h. */
#include "kernels/eltwise/isa_generic.h"

#include "kernels/rnn/rnn_body.h"
