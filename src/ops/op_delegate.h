/* Operators that are another operator in disguise: quantised, or with the channels last. Their inputs are turned
 * into doubles, the other operator's evaluator computes, and its output is turned back.
 *
 * Where it stands: between the com.microsoft families and the standard operators' rows. */
#ifndef HONE_OPS_OP_DELEGATE_H
#define HONE_OPS_OP_DELEGATE_H

#include "ops/op_help.h"

/* Runs the evaluator of another operator with this node's attributes on other inputs. The outputs are new, owned
 * by the caller; on failure there are none. */
hone_status hone__delegate_eval(hone__eval *ctx, const char *domain, const char *name, int64_t opset,
                                const hone_tensor *const *in, size_t n_in, hone_tensor **out, size_t n_out);
/* Its inference: the other operator's input i is this node's input index[i] (-1: omitted), taken as float; the
 * outputs have type `dtype` (UNDEFINED: unknown, only the shape is set when the type is). */
hone_status hone__delegate_infer(hone__infer *ctx, const char *domain, const char *name, int64_t opset,
                                 const int *index, size_t n_in, hone_dtype dtype);

/* Input ix as doubles, (x - zero) * scale, in scratch memory; `view` is a tensor of them. Scale and zero point are
 * inputs (SIZE_MAX or omitted: 1 and 0) of one element, or of one per column of x. */
hone_status hone__dequantised(hone__eval *ctx, size_t ix, size_t iscale, size_t izero, hone_tensor *view);
/* Output 0 of type `dtype` from v: v / scale + zero, rounded to nearest even and saturated. */
hone_status hone__put_quantised(hone__eval *ctx, hone_dtype dtype, int rank, const int64_t *dims, const double *v,
                                size_t iscale, size_t izero);
/* Output i of type `dtype` from doubles, unscaled. */
hone_status hone__put_doubles(hone__eval *ctx, size_t i, hone_dtype dtype, int rank, const int64_t *dims,
                              const double *v);
/* A tensor of doubles with the channels moved from the last place to the second, or back; in scratch memory. */
hone_status hone__channels_first(hone__eval *ctx, const hone_tensor *x, hone_tensor *view);
hone_status hone__channels_last(hone__eval *ctx, const hone_tensor *x, hone_tensor *view);

#endif
