/* The kernel rows that ISA files define, for gemm_kernels.c's table. */
#ifndef HONE_KERNELS_GEMM_ROWS_H
#define HONE_KERNELS_GEMM_ROWS_H

#include "kernels/gemm/gemm.h"
#include <hone/machine.h>

extern const hone__gemm_kernel hone_f32_gemm_14x32__avx512;
extern const hone__gemm_kernel hone_f32_gemm_6x16__avx2;
extern const hone__gemm_kernel hone_f32_gemm_6x8__generic;

#endif
