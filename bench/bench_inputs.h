/* Inputs that the benchmark programs make up for a model: small numbers (integers are 0 or 1, so that they are valid
 * indices), and the sizes that --dim gives to dimensions the model leaves open. */
#ifndef HONE_BENCH_INPUTS_H
#define HONE_BENCH_INPUTS_H

#include <hone/hone.h>

enum { BENCH_MAX_SYMBOLS = 16 };

typedef struct bench_dims {
    const char *symbols[BENCH_MAX_SYMBOLS]; /* "sequence=128" */
    int n_symbols;
    int64_t unknown; /* size of other open dimensions */
} bench_dims;

#define BENCH_DIMS_ONE                                                                                                 \
    { .unknown = 1 }

/* text: "SYMBOL=N", or "N" for all other open dimensions; kept by reference. */
void bench_dims_set(bench_dims *dims, const char *text);
hone_status bench_make_input(const hone_value_info *info, const bench_dims *dims, hone_tensor **out, hone_error *error);

#endif
