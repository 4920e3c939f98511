/* Numpy broadcasting turned into runs: the output is `rows` runs of `inner` contiguous elements, and
 * along a run each input either advances with the output (step 1) or stays (step 0). Neighbouring
 * dims that every input walks alike are merged first, so that equal shapes become one run, a
 * per-channel operand of [N,C,H,W] becomes N*C runs of H*W, and a bias over the last dim M runs of N. */
#ifndef HONE_EXEC_CPU_CPU_BROADCAST_H
#define HONE_EXEC_CPU_CPU_BROADCAST_H

#include "base/tensor.h"

#include <stdbool.h>

enum { HONE_BROADCAST_INPUTS = 3 };

typedef struct hone__broadcast {
    int rank; /* of the outer dims, those that select a run */
    int n_in;
    int64_t dims[HONE_MAX_RANK];
    int64_t strides[HONE_BROADCAST_INPUTS][HONE_MAX_RANK]; /* elements; 0 where the input is broadcast */
    int64_t rows, inner;                                   /* rows * inner elements of output */
    uint8_t step[HONE_BROADCAST_INPUTS];
} hone__broadcast;

/* False when an input does not broadcast to the output's shape. An input may be NULL (ignored). */
bool hone__broadcast_make(hone__broadcast *b, const hone_tensor *out, const hone_tensor *const *in, int n_in);

/* A place in the output, for walking a range of it run by run. */
typedef struct hone__broadcast_pos {
    int64_t index[HONE_MAX_RANK];
    int64_t offset[HONE_BROADCAST_INPUTS]; /* of the run's first element */
    int64_t column;                        /* within the run */
} hone__broadcast_pos;

void hone__broadcast_seek(const hone__broadcast *b, int64_t element, hone__broadcast_pos *pos);
/* To the beginning of the next run. */
void hone__broadcast_next(const hone__broadcast *b, hone__broadcast_pos *pos);

#endif
