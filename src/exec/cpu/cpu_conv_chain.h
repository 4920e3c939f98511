/* Nodes that run as one step: chains of convolutions (dense, depthwise, pointwise), and a multiplication by a number
 * per channel with the pointwise convolution that reads it (squeeze and excite); cpu_conv_chain.c. */
#ifndef HONE_EXEC_CPU_CPU_CONV_CHAIN_H
#define HONE_EXEC_CPU_CPU_CONV_CHAIN_H

#include "exec/cpu/cpu_plan.h"

enum { HONE_CONV_CHAIN_MAX = 3 };
/* What a chain's step reads: the first part's input, the bias of each part, the last part's residual; the numbers that
 * the input is multiplied by. */
enum { HONE_CONV_CHAIN_X, HONE_CONV_CHAIN_BIAS, HONE_CONV_CHAIN_Z = HONE_CONV_CHAIN_BIAS + HONE_CONV_CHAIN_MAX };
enum { HONE_CONV_CHAIN_SCALE = HONE_CONV_CHAIN_Z + 1, HONE_CONV_CHAIN_INPUTS };

/* The nodes of the longest chain that begins at a node: 0, 2 or 3. Nothing else reads what lies between. */
size_t hone__conv_chain_nodes(const hone__node *first, const hone__node *nodes[HONE_CONV_CHAIN_MAX]);

/* The convolution that alone reads what a multiplication writes, or NULL. */
const hone__node *hone__conv_chain_scaled(const hone__node *mul);
/* The same as below for a multiplication and its convolution. */
bool hone__conv_chain_join_scaled(const hone__cpu_config *config, const hone__cpu_step *conv, hone__arena *arena,
                                  hone__cpu_step *step);

/* Makes of the planned steps of n nodes the one step of a chain: fills step's kernel, plan and workspace. False when
 * their algorithms do not fit, or it would not pay. */
bool hone__conv_chain_join(const hone__cpu_config *config, const hone__cpu_step *parts, size_t n, hone__arena *arena,
                           hone__cpu_step *step);

#endif
