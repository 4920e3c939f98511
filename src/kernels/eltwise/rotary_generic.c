/* The rotary embeddings of the generic bundle; the bodies stand in rotary_body.h. */
#include "kernels/eltwise/isa_generic.h"

static inline hone__vf turn_pairs(hone__vf x, hone__vf c, hone__vf s) {
    const hone__vf turned = {-x[1], x[0], -x[3], x[2]};
    return x * c + turned * s;
}

#include "kernels/eltwise/rotary_body.h"
