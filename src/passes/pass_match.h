/* What the passes for transformers share on top of pass_util.h: values that the graph fixes without their being
 * constants, polynomials of one value, consumers with a reason when there is not exactly one. */
#ifndef HONE_PASSES_PASS_MATCH_H
#define HONE_PASSES_PASS_MATCH_H

#include "passes/pass_util.h"

/* A scalar whose value is fixed: a constant, or scalar arithmetic over constants and known dims, as exporters write
 * Sqrt(Cast(Gather(Shape(q), -1))) for the square root of the size of a head. */
bool hone__known_scalar(const hone__value *value, double *out);
/* Elements of an integer constant, or of a shape computation that inference has settled; *n of at most max. */
bool hone__known_ints(const hone__value *value, int64_t *out, size_t max, size_t *n);
/* The axes of a reduction, from the attribute or the input, negative ones counted from the end; as a bit mask. 0: none
 * or not known. */
uint32_t hone__reduced_axes(const hone__node *node);

/* The value behind Identity and casts to its own type. */
hone__value *hone__behind_casts(hone__value *value);
/* The node that reads the value, behind Identity and casts to the same type; NULL when more than one node, or none,
 * or the graph's outputs read it. *link (may be NULL): the value that this node reads. */
hone__node *hone__next_node(hone__value *value, hone__value **link);
/* Why hone__next_node gave NULL: "node X has 2 consumers"; returns buf. */
const char *hone__describe_uses(const hone__value *value, char *buf, size_t size);

/* value = sum c[i] x^i, by Add, Sub, Mul, Div, Neg and Pow of scalars that are fixed. */
enum { HONE_POLY = 4 };
bool hone__match_poly(const hone__value *value, const hone__value *x, double c[HONE_POLY]);
/* The value x in terms of which `value` is the polynomial with the coefficients `want`; NULL: none. */
hone__value *hone__find_poly(hone__value *value, const double want[HONE_POLY], double c[HONE_POLY]);

bool hone__near(double a, double b); /* relative 1e-3 of b: exporters and authors round constants */

/* A float32 constant of one value repeated. */
hone_status hone__add_filled(hone__graph *graph, const char *name, int rank, const int64_t *dims, float x,
                             hone__value **out, hone_error *error);
/* A new value with an element type and dims, made by a new node before `before`. */
hone_status hone__insert_node(hone__graph *graph, hone__node *before, const char *op_type, int64_t opset,
                              hone__value *const *inputs, size_t n_inputs, hone_dtype dtype, int rank,
                              const hone__dim *dims, const char *pass, hone__node **out, hone_error *error);
/* Transpose(x, perm) before `before`. */
hone_status hone__insert_transpose(hone__graph *graph, hone__node *before, hone__value *x, const int64_t *perm,
                                   const char *pass, hone__value **out, hone_error *error);

#endif
