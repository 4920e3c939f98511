/* Outputs of one configuration of `hone bench`, sent from the process that measures it, so that configurations are
 * compared with each other beside their timings. */
#ifndef HONE_CLI_BENCH_OUTPUTS_H
#define HONE_CLI_BENCH_OUTPUTS_H

#include <hone/hone.h>
#include <stdbool.h>

typedef struct hone__bench_outputs {
    hone_tensor **items;
    size_t n;
} hone__bench_outputs;

void hone__bench_outputs_release(hone__bench_outputs *outputs);

/* How far b is from a: the largest |a - b| over the outputs, each in parts of the largest |a| of that output. Values
 * that are no floating-point numbers, and types and shapes, must be equal; otherwise *message says what differs and the
 * result is infinite. */
double hone__bench_outputs_distance(const hone__bench_outputs *a, const hone__bench_outputs *b, char *message,
                                    size_t size);

#endif
