/* Compares what came out with what was expected: |a - b| <= atol + rtol * |b|, NaN equals NaN. */
#ifndef HONE_CLI_CLI_COMPARE_H
#define HONE_CLI_CLI_COMPARE_H

#include <hone/hone.h>

typedef struct hone__tolerance {
    double rtol;        /* < 0: 1e-3, or 1e-2 where a half-precision type is involved */
    double atol;        /* < 0: 1e-5 * max(1, max|b|), or 1e-3 * ... */
    bool is_half_model; /* the model computes in half precision somewhere */
} hone__tolerance;

typedef struct hone__difference {
    bool is_equal; /* within tolerance, with the same types and shapes */
    double max_abs, max_rel;
    int64_t n_compared, n_wrong; /* elements */
    char message[256];           /* the first thing that is wrong; "" when equal */
} hone__difference;

/* Adds to *out, which begins as {.is_equal = true}. Containers are compared item by item. */
void hone__compare_tensors(const hone_tensor *actual, const hone_tensor *expected, const hone__tolerance *tolerance,
                           hone__difference *out);

bool hone__dtype_is_half(hone_dtype dtype); /* float16, bfloat16 and what is smaller */

#endif
