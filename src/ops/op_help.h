/* What evaluators and inference functions of several families share: rows' macros, inputs as arrays
 * of one number type, copies of elements of any type, shape arithmetic.
 *
 * Where it stands: included by the ops_*.c files only. An evaluator's body is written once for a
 * number type REAL (float or double, instantiated by including it twice); half types are widened to
 * float on the way in and rounded once on the way out. */
#ifndef HONE_OPS_OP_HELP_H
#define HONE_OPS_OP_HELP_H

#include "base/checked.h"
#include "base/error.h"
#include "base/tensor.h"
#include "ops/op.h"

#include <string.h>

#define HONE_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- rows ---- */
#define HONE_PARAM(name, types, var)                                                                                   \
    { name, (hone__dtype_set)(types), var, 0, false }
#define HONE_PARAM_OPT(name, types, var)                                                                               \
    { name, (hone__dtype_set)(types), var, 0, true }
#define HONE_ROW(domain, name, since, flags, min_in, in, min_out, out, attrs, infer, eval, flops)                      \
    {                                                                                                                  \
        domain, name, since, flags, min_in, HONE_COUNT(in), min_out, HONE_COUNT(out), HONE_COUNT(attrs), in, out,      \
            attrs, infer, eval, flops                                                                                  \
    }
#define HONE_ROW_NO_ATTRS(domain, name, since, flags, min_in, in, min_out, out, infer, eval, flops)                    \
    {                                                                                                                  \
        domain, name, since, flags, min_in, HONE_COUNT(in), min_out, HONE_COUNT(out), 0, in, out, NULL, infer, eval,   \
            flops                                                                                                      \
    }

/* Pastes after expansion: HONE_FN(conv) is conv_float or conv_double inside a body. */
#define HONE_PASTE2(a, b) a##_##b
#define HONE_PASTE(a, b) HONE_PASTE2(a, b)

/* ---- inputs and outputs of evaluators ---- */
static inline const hone_tensor *hone__in(const hone__eval *ctx, size_t i) { return i < ctx->n_in ? ctx->in[i] : NULL; }
static inline bool hone__in_omitted(const hone__eval *ctx, size_t i) { return hone__in(ctx, i) == NULL; }
static inline bool hone__wanted(const hone__eval *ctx, size_t i) {
    return i < ctx->node->n_outputs && ctx->node->outputs[i] != NULL;
}

/* The required input i: an error when it is omitted or not a tensor. */
hone_status hone__eval_tensor(hone__eval *ctx, size_t i, const hone_tensor **out);
/* Elements as numbers of one type: the tensor's own memory when it has that type, else converted
 * into scratch memory. NULL for an omitted input. */
hone_status hone__eval_in_float(hone__eval *ctx, size_t i, const float **out);
hone_status hone__eval_in_double(hone__eval *ctx, size_t i, const double **out);
hone_status hone__eval_in_i64(hone__eval *ctx, size_t i, const int64_t **out);
/* The same for a tensor that is not an input. */
hone_status hone__eval_as_float(hone__eval *ctx, const hone_tensor *tensor, const float **out);
hone_status hone__eval_as_double(hone__eval *ctx, const hone_tensor *tensor, const double **out);
/* An output with memory for its elements as float or double: `data` is never NULL, even when the output is
 * not wanted (`tensor` is NULL then). Call put when the elements stand. */
hone_status hone__eval_out_float(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                                 hone_tensor **tensor, float **data);
hone_status hone__eval_out_double(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                                  hone_tensor **tensor, double **data);
void hone__eval_put_float(hone_tensor *tensor, const float *data);
void hone__eval_put_double(hone_tensor *tensor, const double *data);

/* Scratch for n elements of `size` bytes, zeroed, never NULL on OK. */
hone_status hone__eval_scratch_n(hone__eval *ctx, int64_t n, size_t size, void **out);

/* Integers of a small input (axes, pads, shapes) into v[max]; *n is 0 and OK when omitted. */
hone_status hone__eval_ints(hone__eval *ctx, size_t i, int64_t *v, size_t max, size_t *n);
/* A scalar (one-element) integer or number. */
hone_status hone__eval_int(hone__eval *ctx, size_t i, int64_t *v);
hone_status hone__eval_number(hone__eval *ctx, size_t i, double fallback, double *v);

/* ---- elements of any type ---- */
/* Copies n elements; strings are duplicated, types below a byte are unpacked. Bounds are the caller's. */
hone_status hone__copy_elements(hone_tensor *dst, int64_t di, const hone_tensor *src, int64_t si, int64_t n,
                                hone_error *error);
/* Sets n elements of dst to element si of src. */
hone_status hone__fill_elements(hone_tensor *dst, int64_t di, const hone_tensor *src, int64_t si, int64_t n,
                                hone_error *error);
/* Stores a number, rounded and saturated as the type needs (not for strings, complex, 4-bit floats). */
void hone__tensor_put_double(hone_tensor *tensor, int64_t index, double value);
/* Any integer type, 2- and 4-bit ones included. */
int64_t hone__tensor_int_at(const hone_tensor *tensor, int64_t index);
void hone__tensor_put_int(hone_tensor *tensor, int64_t index, int64_t value); /* wraps */

/* ---- shapes ---- */
/* A negative axis counted from the end; SHAPE error outside [-rank, rank). */
hone_status hone__axis(int64_t axis, int rank, int *out, hone_error *error);
/* Product of dims [from, to). */
int64_t hone__dims_product(const int64_t *dims, int from, int to);
void hone__row_major_strides(const int64_t *dims, int rank, int64_t *strides);
/* Next multi-index in row-major order; false after the last. */
bool hone__next_index(int64_t *index, const int64_t *dims, int rank);
/* Numpy broadcasting of concrete shapes. */
hone_status hone__broadcast_dims(const int64_t *a, int rank_a, const int64_t *b, int rank_b, int64_t *out, int *rank,
                                 hone_error *error);
/* Strides of `t` seen as a tensor of shape dims (0 where broadcast). */
void hone__broadcast_strides(const hone_tensor *t, const int64_t *dims, int rank, int64_t *strides);

/* ---- inference ---- */
/* Dims equal in value or symbol. */
bool hone__dim_same(hone__dim a, hone__dim b);
/* The better known of two dims that must agree; SHAPE error when two values differ. */
hone_status hone__dim_merge(hone__infer *ctx, hone__dim a, hone__dim b, hone__dim *out);
static inline bool hone__dim_is_known(hone__dim d) { return d.value >= 0; }
/* Product of dims [from, to), unknown if one is (a lone symbol survives). */
hone__dim hone__dim_product(const hone__dim *dims, int from, int to);
/* Unknown dims of a given rank. */
hone_status hone__infer_rank(hone__infer *ctx, size_t i, hone_dtype dtype, int rank);
/* dtype of input i, UNDEFINED when unknown. */
hone_dtype hone__infer_dtype(const hone__infer *ctx, size_t i);
/* Whether input i is given at all. */
static inline bool hone__infer_given(const hone__infer *ctx, size_t i) {
    return i < ctx->node->n_inputs && ctx->node->inputs[i] != NULL;
}
/* Output 0 has input 0's type and shape. */
hone_status hone__infer_same0(hone__infer *ctx);
/* Output 0 has input 0's type and shape but for the last dimension. */
hone_status hone__infer_last_dim(hone__infer *ctx, hone__dim last);

#endif
