/* What passes that make operators of the standard share: a made node stands at the model's opset, in the form that this
 * opset has (axes of Squeeze are an attribute until 12, an input since 13), and its value carries an inferred type. */
#ifndef HONE_PASSES_PASS_BUILD_H
#define HONE_PASSES_PASS_BUILD_H

#include "passes/pass_util.h"

#define HONE_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Version of the default domain that the model imports; 0: it does not. */
int64_t hone__pass_opset(const hone__pass_context *ctx);
/* Whether a standard operator may be made at the model's opset, and that version's row is at least `since`. */
bool hone__pass_can(const hone__pass_context *ctx, const char *op_type, int since);

/* A new standard node before `before` with one new output, whose type hone__pass_type infers when the attributes
 * stand. `like` gives a name to the output. */
hone_status hone__pass_insert(hone__pass_context *ctx, hone__node *before, const char *op_type,
                              hone__value *const *inputs, size_t n_inputs, const char *like, hone__node **out,
                              hone_error *error);
/* Infers the types of outputs that have none yet. */
hone_status hone__pass_type(hone__node *node, hone_error *error);
/* `last` (one output) becomes a standard operator of the model's opset with these inputs and no attributes. */
hone_status hone__pass_replace(hone__pass_context *ctx, hone__node *last, const char *op_type,
                               hone__value *const *inputs, size_t n_inputs, hone__node **out, hone_error *error);
/* Who reads output 0 of `node` reads `to` instead, and the node goes. *done false (and nothing changed) when that
 * cannot be: an output of the graph that would become an input, a constant or a value of another graph. */
hone_status hone__pass_bypass(hone__pass_context *ctx, hone__node *node, hone__value *to, bool *done,
                              hone_error *error);

typedef enum hone__ints { HONE_INTS_ABSENT, HONE_INTS_KNOWN, HONE_INTS_UNKNOWN } hone__ints;
/* Integers that older versions keep in an attribute and newer ones in an input: axes, pads, starts, split. UNKNOWN:
 * computed, or more than `max`. */
hone__ints hone__pass_get_ints(const hone__node *node, const char *attr, size_t input, int64_t *v, size_t max,
                               size_t *n);
/* The same, written in the form that the node's row has. */
hone_status hone__pass_put_ints(hone__node *node, const char *attr, size_t input, const int64_t *v, size_t n,
                                hone_error *error);
/* Elements of a constant integer tensor. */
bool hone__const_ints(const hone__value *value, int64_t *v, size_t max, size_t *n);

hone_status hone__add_ints(hone__graph *graph, const char *name, const int64_t *v, size_t n, hone__value **out,
                           hone_error *error);
/* A constant of rank 0. */
hone_status hone__add_scalar(hone__graph *graph, const char *name, hone_dtype dtype, double x, hone__value **out,
                             hone_error *error);

/* What a standard node of two constants gives, as a constant; *out NULL when it cannot be computed, or when an element
 * is not a normal number or zero where both operands' were (so that merging constants never overflows). */
hone_status hone__pass_compute(hone__pass_context *ctx, hone__node *before, const char *op_type, hone__value *a,
                               hone__value *b, hone__value **out, hone_error *error);

/* A constant of at most `rank` dims, seen with `rank` of them and transposed, as a constant; scalars stay. */
hone_status hone__pass_transpose_constant(hone__pass_context *ctx, hone__node *before, hone__value *from,
                                          const int64_t *perm, size_t rank, hone__value **out, hone_error *error);

/* Shapes of values hold at every run: in the root and in branches. A loop's body may change shapes between
 * iterations, and exporters declare those of the first one. */
bool hone__pass_shapes_hold(const hone__graph *graph);

/* A constant all of whose elements equal x (at most 4096 are looked at; more say no). */
bool hone__const_is_all(const hone__value *value, double x);
bool hone__is_constant(const hone__value *value); /* and not overridable */
/* Axes counted from the front; false when one is out of range or comes twice. Sorted. */
bool hone__normal_axes(int64_t *axes, size_t n, int rank);
/* The dims of a static tensor type; false otherwise. */
bool hone__static_dims(const hone__value *value, int64_t *dims);
/* Element type of a tensor value, UNDEFINED when unknown. */
hone_dtype hone__value_dtype(const hone__value *value);
/* x, when `reshape` gives the product of [rows, K] with a constant the leading dims back that another Reshape took from
 * x [..., K]; else NULL. */
hone__value *hone__pass_unflattened(const hone__node *reshape, const hone__node *product);
/* A node of the standard's domain whose outputs except the first nobody reads. */
bool hone__only_first_output(const hone__node *node);

#endif
