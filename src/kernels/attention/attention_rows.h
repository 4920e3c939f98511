/* The rows that ISA files define, for attention.c's table. */
#ifndef HONE_KERNELS_ATTENTION_ROWS_H
#define HONE_KERNELS_ATTENTION_ROWS_H

#include "kernels/attention/attention.h"
#include <hone/machine.h>

extern const hone__attention_kernel hone_f32_attention__avx512;
extern const hone__attention_kernel hone_f32_attention__avx2;
extern const hone__attention_kernel hone_f32_attention__generic;

#endif
