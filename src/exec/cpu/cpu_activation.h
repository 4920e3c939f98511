/* The activation that a fused node carries (attributes `activation`, `activation_params`), as the kernels
 * take it. */
#ifndef HONE_EXEC_CPU_CPU_ACTIVATION_H
#define HONE_EXEC_CPU_CPU_ACTIVATION_H

#include "graph/graph.h"
#include "kernels/activation.h"

/* False when the name is unknown: such a node goes to the reference evaluator, which says so. */
bool hone__bind_activation(const hone__node *node, hone_act *out);

#endif
