/* Runs a CPU kernel row on a graph of one node and compares it with the operator's reference
 * evaluator: under every ISA mask that this machine has, with 1 to 4 threads, and in place when the plan
 * offers it. Memory around outputs and workspace is guarded.
 *
 *     harness *h = harness_create("", "Softmax", 13);
 *     harness_attr_int(h, "axis", 1);
 *     harness_random(h, HONE_DTYPE_FLOAT, 3, (int64_t[]){2, 5, 7}, -3, 3);
 *     harness_check(h, 1, "f32_softmax");      frees h; fails the running cmocka test on a difference
 */
#ifndef HONE_TESTS_KERNEL_HARNESS_H
#define HONE_TESTS_KERNEL_HARNESS_H

#include "graph/graph.h"

#include <stdint.h>

typedef struct harness harness;

/* opset: version of the domain that the model imports. */
harness *harness_create(const char *domain, const char *op, int64_t opset);
/* Repeatable random numbers for all harnesses of a test. */
void harness_seed(uint64_t seed);
uint64_t harness_next(void);
int64_t harness_between(int64_t low, int64_t high); /* inclusive */

void harness_attr_int(harness *h, const char *name, int64_t value);
void harness_attr_float(harness *h, const char *name, float value);
void harness_attr_string(harness *h, const char *name, const char *value);
enum { HARNESS_MAX_INTS = 80 }; /* of one attribute */
void harness_attr_ints(harness *h, const char *name, const int64_t *v, size_t n);

/* Inputs in order. Random elements lie in [low, high]; integers are whole. */
void harness_random(harness *h, hone_dtype dtype, int rank, const int64_t *dims, double low, double high);
void harness_ints(harness *h, const int64_t *v, size_t n); /* a constant 1-D int64 */
void harness_floats(harness *h, const float *v, size_t n); /* a constant 1-D float32 */
void harness_omit(harness *h);                             /* an omitted optional input */
void harness_make_constant(harness *h);                    /* the last input is an initializer */
hone_tensor *harness_last(harness *h);                     /* the last input, to change its data */

/* Builds, runs and compares. kernel: the name that the row or its plan must report; NULL: any row;
 * "reference": no row may match. */
void harness_check(harness *h, size_t n_outputs, const char *kernel);

#endif
