/* A planned matrix product on a pool's threads; see cpu_product.h. */
#include "exec/cpu/cpu_product.h"

typedef struct gemm_job {
    const hone__gemm_plan *plan;
    const hone__gemm_args *args;
    void *workspace;
} gemm_job;

static void gemm_task(void *arg, size_t task, int thread) {
    const gemm_job *job = arg;
    hone__gemm_run_task(job->plan, job->args, task, thread, job->workspace);
}

void hone__gemm_execute(const hone__gemm_plan *plan, const hone__gemm_args *args, void *workspace, hone__pool *pool) {
    gemm_job job = {plan, args, workspace};
    hone__pool_run(pool, plan->n_tasks, gemm_task, &job);
}
