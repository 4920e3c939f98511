/* Elements of any number type as double or int64, in runs, and the walk over broadcast shapes: what lets
 * an elementwise evaluator be one body for all types. Doubles hold every float type exactly and round
 * once on the way back, so that the reference is at least as exact as the type it serves. */
#ifndef HONE_OPS_OP_ELEMENTS_H
#define HONE_OPS_OP_ELEMENTS_H

#include "base/tensor.h"
#include "ops/op.h"

/* For tables of parameters made in sets by a macro, some of which a family does not need. */
#define HONE_OPTIONAL_TABLE __attribute__((unused))

/* Elements loaded at once. */
enum { HONE__RUN = 256 };

/* `n` elements from `at`, `stride` 1 or 0 (one element repeated). Any type but strings and complex; for
 * int64, floats are cut towards zero and saturate. uint64 comes as its bits in load_i64. */
void hone__load_f64(const hone_tensor *t, int64_t at, int stride, int64_t n, double *out);
void hone__load_i64(const hone_tensor *t, int64_t at, int stride, int64_t n, int64_t *out);
/* Floats are rounded to nearest even; integers cut towards zero and saturate (NaN gives 0); bool is
 * "not zero". Integers given as int64 wrap around, as C and numpy do. */
void hone__store_f64(hone_tensor *t, int64_t at, int64_t n, const double *v);
void hone__store_i64(hone_tensor *t, int64_t at, int64_t n, const int64_t *v);
/* The same with the choice that Cast has for float8: without `saturate`, too large becomes infinity or
 * NaN. */
void hone__store_f64_mode(hone_tensor *t, int64_t at, int64_t n, const double *v, bool saturate);

/* Integer types and bool, those below a byte included. */
static inline bool hone__is_int(hone_dtype d) {
    return hone__dtype_in(d, HONE_SET_INT | HONE_SET(BOOL) | HONE_SET_INT4 | HONE_SET(INT2) | HONE_SET(UINT2));
}

/* Round once from double to the 16-bit formats (by way of float rounded to odd). */
uint16_t hone__f64_to_f16(double d);
uint16_t hone__f64_to_bf16(double d);
/* The 8- and 4-bit formats. */
double hone__minifloat_decode(hone_dtype dtype, uint8_t bits);
uint8_t hone__minifloat_encode(hone_dtype dtype, double value, bool saturate);
/* A power of two, 2^(code - 127); 0xFF is NaN. Up: away from zero; nearest: ties up. Without `saturate`, 0 and what
 * is outside of the range become NaN. What the standard leaves open (negative numbers) becomes NaN. */
typedef enum hone__e8m0_rounding { HONE_E8M0_UP, HONE_E8M0_DOWN, HONE_E8M0_NEAREST } hone__e8m0_rounding;
uint8_t hone__e8m0_encode(double value, hone__e8m0_rounding rounding, bool saturate);

/* A walk over an output shape in runs along its last (merged) dimension; up to 3 inputs are broadcast to
 * it. offset and stride are those of the run; `at` is the output's index. */
typedef struct hone__walk {
    int rank, n_in;
    int64_t dims[HONE_MAX_RANK], index[HONE_MAX_RANK];
    int64_t steps[3][HONE_MAX_RANK]; /* elements per step of a dim: 0 where broadcast */
    int64_t offset[3];
    int stride[3];
    int64_t at, length; /* of the run */
    bool is_done;
} hone__walk;

/* The shape of the inputs broadcast together; SHAPE error when they cannot. */
hone_status hone__walk_init(hone__walk *walk, const hone_tensor *const *in, int n_in, int64_t *dims, int *rank,
                            hone_error *error);
/* For a given output shape, to which the inputs must be broadcastable. */
void hone__walk_shape(hone__walk *walk, const hone_tensor *const *in, int n_in, const int64_t *dims, int rank);
/* Goes on to the next run: while (hone__walk_next(&walk)) { ... } */
bool hone__walk_next(hone__walk *walk);

#endif
