/* What the passes share: looking at constants and consumers, and turning nodes into fused ones. */
#ifndef HONE_PASSES_PASS_UTIL_H
#define HONE_PASSES_PASS_UTIL_H

#include "graph/graph.h"
#include "ops/op.h"
#include "passes/passes.h"

/* Operator of the standard domain by name. */
bool hone__is_op(const hone__node *node, const char *op_type);
bool hone__is_op_in(const hone__node *node, const char *domain, const char *op_type);
/* The node that makes input i, when it is this operator; else NULL. */
hone__node *hone__input_node(const hone__node *node, size_t i, const char *op_type);

/* A constant float32 tensor's data and element count, or NULL. Aligned: a large constant that lies unaligned in the
 * model's file is copied first. */
const float *hone__const_floats(const hone__value *value, int64_t *n);
/* The same where only the question counts, or the data may be unaligned; nothing is copied. */
const hone_f32_unaligned *hone__const_float_view(const hone__value *value, int64_t *n);
/* A constant of one element, of any numeric type. */
bool hone__const_scalar(const hone__value *value, double *out);
bool hone__const_near(const hone__value *value, double want); /* relative 1e-4: exporters round constants */
/* The other input of a commutative two-input node. */
hone__value *hone__other_input(const hone__node *node, const hone__value *value);
/* Index of the constant-scalar input of a two-input node, or -1. */
int hone__scalar_input(const hone__node *node, double *out);

bool hone__is_float(const hone__value *value);  /* float32 tensor */
int hone__value_rank(const hone__value *value); /* -1 unknown */
/* Size of a dim counted from the end when negative; -1 unknown. */
int64_t hone__value_dim(const hone__value *value, int axis);
/* Same known rank and dims (values or equal symbols). */
bool hone__same_shape(const hone__value *a, const hone__value *b);

/* A new float32 constant; data is copied. */
hone_status hone__add_floats(hone__graph *graph, const char *name, int rank, const int64_t *dims, const float *data,
                             hone__value **out, hone_error *error);

/* Changes what a node is, keeping inputs, outputs and attributes. INTERNAL when the row does not exist. */
hone_status hone__node_become(hone__node *node, const char *domain, const char *op_type, int64_t opset,
                              const char *pass, hone_error *error);

/* `node` takes over the output of `last`, its only consumer (or the end of a chain whose other nodes
 * nobody else reads): `last` is removed, `node` moves to its place and makes its value. */
hone_status hone__node_absorb(hone__node *node, hone__node *last, hone_error *error);

/* Replaces the node `last` (end of a matched pattern) by a new one with the given inputs, which makes
 * last's output 0. Nodes of the pattern that nobody reads any more go with eliminate_dead. */
hone_status hone__replace_pattern(hone__node *last, const char *domain, const char *op_type, int64_t opset,
                                  hone__value *const *inputs, size_t n_inputs, const char *pass, hone__node **out,
                                  hone_error *error);

/* Recognises an activation node that a kernel can fuse: sets name and parameters as FusedConv has them. */
bool hone__match_activation(const hone__node *node, const char **name, float params[2]);

#endif
