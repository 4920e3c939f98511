/* Reverse-mode differentiation as a rewrite of the graph: a Gradient node (ai.onnx.preview.training) becomes the nodes
 * that compute the derivatives.
 *
 * Where it stands: model/ calls hone__graph_expand_gradients once types are inferred, before anything else sees the
 * graph. The rules, one per operator, stand in op_gradient_rules.c (elementwise) and op_gradient_shape.c (the rest).
 * A rule says how the gradient of a node's output becomes gradients of its inputs, in terms of new nodes. */
#ifndef HONE_OPS_OP_GRADIENT_H
#define HONE_OPS_OP_GRADIENT_H

#include "ops/op_help.h"

/* Replaces every Gradient node of the root graph. One that cannot be replaced stays and gets the attribute
 * HONE__GRADIENT_REFUSAL with the reason; the model is then refused with it. *n_expanded: nodes replaced. */
#define HONE__GRADIENT_REFUSAL "hone_refusal"
hone_status hone__graph_expand_gradients(hone__graph *graph, size_t *n_expanded, hone_error *error);

/* What a rule sees. */
typedef struct hone__grad {
    hone__graph *graph;
    const hone__node *node; /* of the forward pass */
    hone__value **in;       /* [node->n_inputs] its inputs' values (NULL: omitted), as the gradient is taken there */
    hone__value **out;      /* [node->n_outputs] */
    hone__value *const *g;  /* [node->n_outputs] gradients of the outputs; NULL: zero */
    hone__value **dx;       /* [node->n_inputs] to be set; NULL: none */
    const bool *wanted;     /* [node->n_inputs] inputs that x flows into */
    hone__node *last;       /* the node made last, for attributes */
    hone_status status;     /* the first failure; builders do nothing from then on */
    hone_error *error;
} hone__grad;

typedef hone_status (*hone__grad_rule)(hone__grad *c);
/* A rule by operator of the standard domain; *is_known false: there is none. A NULL rule: no gradient flows. */
hone__grad_rule hone__grad_find(const hone__node *node, bool *is_known);

/* The two tables. */
typedef struct hone__grad_row {
    const char *name;
    hone__grad_rule rule; /* NULL: constant in its inputs, almost everywhere */
} hone__grad_row;
const hone__grad_row *hone__grad_elementwise(size_t *n);
const hone__grad_row *hone__grad_shaped(size_t *n);

/* ---- builders: each adds one node and gives its output; NULL after a failure or when an operand is NULL ---- */
hone__value *hone__grad_node(hone__grad *c, const char *domain, const char *op, int64_t opset, hone__value *const *in,
                             size_t n_in);
hone__value *hone__grad_1(hone__grad *c, const char *op, hone__value *a);
hone__value *hone__grad_2(hone__grad *c, const char *op, hone__value *a, hone__value *b);
hone__value *hone__grad_3(hone__grad *c, const char *op, hone__value *a, hone__value *b, hone__value *d);
/* A scalar of the type of `like`. */
hone__value *hone__grad_number(hone__grad *c, double v, const hone__value *like);
/* A vector of integers. */
hone__value *hone__grad_ints(hone__grad *c, const int64_t *v, size_t n);
/* g summed to the shape of x. */
hone__value *hone__grad_sum_to(hone__grad *c, hone__value *g, hone__value *x);
/* g in the shape of x. */
hone__value *hone__grad_shape_as(hone__grad *c, hone__value *g, hone__value *x);
/* A bool tensor as 0 and 1 of the type of `like`. */
hone__value *hone__grad_as(hone__grad *c, hone__value *mask, hone__value *like);
/* The forward node again, as another operator (NULL: the same), with its attributes, on other inputs, with `n_out`
 * outputs; gives output `which`. */
hone__value *hone__grad_again(hone__grad *c, const char *op, hone__value *const *in, size_t n_in, size_t n_out,
                              size_t which);
/* Known rank of a value, or -1. */
int hone__grad_rank(const hone__value *value);
/* Refuses the node for a reason that follows its name. */
hone_status hone__grad_refuse(hone__grad *c, const char *reason);

#endif
