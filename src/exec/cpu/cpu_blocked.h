/* The blocked forms of operators other than convolutions; see cpu_layout.h. Each is a `blocked` member of rows. */
#ifndef HONE_EXEC_CPU_CPU_BLOCKED_H
#define HONE_EXEC_CPU_CPU_BLOCKED_H

#include "exec/cpu/cpu_kernel.h"

/* Elementwise: inputs of the output's shape, and scalars. */
const hone__cpu_blocked *hone__cpu_blocked_same(const void *state, hone__cpu_plan *ctx);
/* Add and Mul with a number per channel, [n or 1, c, 1, 1]; else as above. */
const hone__cpu_blocked *hone__cpu_blocked_binary(const void *state, hone__cpu_plan *ctx);
/* Concat of channels, where every input but the last ends with a block. */
const hone__cpu_blocked *hone__cpu_blocked_concat(const void *state, hone__cpu_plan *ctx);
/* Split of channels, where every output but the last ends with a block. */
const hone__cpu_blocked *hone__cpu_blocked_split(const void *state, hone__cpu_plan *ctx);
/* BatchNormalization with constant parameters. */
const hone__cpu_blocked *hone__cpu_blocked_batch_norm(const void *state, hone__cpu_plan *ctx);
/* Slice of channels that begins with a block. */
const hone__cpu_blocked *hone__cpu_blocked_slice(const void *state, hone__cpu_plan *ctx);
/* GlobalAveragePool. */
const hone__cpu_blocked *hone__cpu_blocked_global_average(const void *state, hone__cpu_plan *ctx);

#endif
