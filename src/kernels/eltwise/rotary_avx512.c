/* The rotary embeddings of the avx512 bundle; the bodies stand in rotary_body.h. */
#include "kernels/eltwise/isa_avx512.h"

/* Neighbours change places; fmaddsub subtracts in even lanes and adds in odd ones. */
static inline hone__vf turn_pairs(hone__vf x, hone__vf c, hone__vf s) {
    return _mm512_fmaddsub_ps(x, c, _mm512_mul_ps(_mm512_permute_ps(x, 0xB1), s));
}

#include "kernels/eltwise/rotary_body.h"
