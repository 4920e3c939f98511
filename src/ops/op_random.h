/* The generator behind every random operator: MT19937 (Matsumoto and Nishimura, 1998) with 53-bit doubles,
 * the one that numpy's RandomState has, so that a seed gives what the ONNX reference gives where the
 * standard leaves no choice of algorithm. */
#ifndef HONE_OPS_OP_RANDOM_H
#define HONE_OPS_OP_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct hone__random {
    uint32_t state[624];
    int at;
    bool has_spare;
    double spare; /* of the pair of normal numbers */
} hone__random;

void hone__random_seed(hone__random *random, uint32_t seed);
double hone__random_uniform(hone__random *random); /* [0, 1) */
double hone__random_normal(hone__random *random);  /* mean 0, deviation 1; Marsaglia's polar method */

#endif
