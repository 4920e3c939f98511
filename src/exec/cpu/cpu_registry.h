/* The list of the CPU kernels' families. */
#ifndef HONE_EXEC_CPU_CPU_REGISTRY_H
#define HONE_EXEC_CPU_CPU_REGISTRY_H

#include "exec/cpu/cpu_kernel.h"

/* Ends with NULL. */
const hone__cpu_kernel_family *const *hone__cpu_kernel_families(void);

/* The families. */
extern const hone__cpu_kernel_family hone__cpu_family_attention;
extern const hone__cpu_kernel_family hone__cpu_family_channel_gather;
extern const hone__cpu_kernel_family hone__cpu_family_conv;
extern const hone__cpu_kernel_family hone__cpu_family_conv_3d;
extern const hone__cpu_kernel_family hone__cpu_family_conv_last;
extern const hone__cpu_kernel_family hone__cpu_family_conv_transpose;
extern const hone__cpu_kernel_family hone__cpu_family_conv_transpose_3d;
extern const hone__cpu_kernel_family hone__cpu_family_einsum;
extern const hone__cpu_kernel_family hone__cpu_family_eltwise;
extern const hone__cpu_kernel_family hone__cpu_family_gemm;
extern const hone__cpu_kernel_family hone__cpu_family_norm;
extern const hone__cpu_kernel_family hone__cpu_family_skip_norm;
extern const hone__cpu_kernel_family hone__cpu_family_index;
extern const hone__cpu_kernel_family hone__cpu_family_quant;
extern const hone__cpu_kernel_family hone__cpu_family_reduce;
extern const hone__cpu_kernel_family hone__cpu_family_move;
extern const hone__cpu_kernel_family hone__cpu_family_pool;
extern const hone__cpu_kernel_family hone__cpu_family_resize;
extern const hone__cpu_kernel_family hone__cpu_family_rnn;
extern const hone__cpu_kernel_family hone__cpu_family_rotary;
extern const hone__cpu_kernel_family hone__cpu_family_sample;

#endif
