/* Activations that fused operators carry as attributes `activation` and `activation_params`, in
 * plain C.
 *
 * Source: ONNX operator specification of the operators of the same names. */
#ifndef HONE_OPS_OP_ACTIVATION_H
#define HONE_OPS_OP_ACTIVATION_H

#include "graph/graph.h"

typedef struct hone__activation hone__activation;
struct hone__activation {
    double (*apply)(const hone__activation *act, double x); /* NULL: none */
    double a, b;
};

/* MODEL error for an unknown name. */
hone_status hone__activation_read(const hone__node *node, hone__activation *out, hone_error *error);
hone_status hone__activation_find(const char *name, hone__activation *out, hone_error *error);

#endif
