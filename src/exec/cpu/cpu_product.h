/* A planned matrix product on a pool's threads. */
#ifndef HONE_EXEC_CPU_PRODUCT_H
#define HONE_EXEC_CPU_PRODUCT_H

#include "kernels/gemm/gemm.h"
#include "pool/pool.h"

/* Runs all tasks of a plan. workspace: of the plan's size. pool NULL: on the caller alone. */
void hone__gemm_execute(const hone__gemm_plan *plan, const hone__gemm_args *args, void *workspace, hone__pool *pool);

#endif
