/* The recurrent cells of the avx512 bundle; the bodies stand in rnn_body.h. */
#include "kernels/eltwise/isa_avx512.h"

#include "kernels/rnn/rnn_body.h"
