/* The recurrent cells of the avx2 bundle; the bodies stand in rnn_body.h. */
#include "kernels/eltwise/isa_avx2.h"

#include "kernels/rnn/rnn_body.h"
