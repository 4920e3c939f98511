/* The rotary embeddings of the avx2 bundle; the bodies stand in rotary_body.h. */
#include "kernels/eltwise/isa_avx2.h"

/* Neighbours change places; fmaddsub subtracts in even lanes and adds in odd ones. */
static inline hone__vf turn_pairs(hone__vf x, hone__vf c, hone__vf s) {
    return _mm256_fmaddsub_ps(x, c, _mm256_mul_ps(_mm256_permute_ps(x, 0xB1), s));
}

#include "kernels/eltwise/rotary_body.h"
