/* ORT_PARALLEL: independent branches at once. A plan is cut into phases that run one after the other: a step alone, on
 * all intra-op threads, or a region, whose steps run one thread each, as soon as those that they depend on are done.
 * Which is which follows from how long each step was seen to take on one thread and on all of them (cpu_search.c times
 * them); where no region is faster than its steps one by one there is none, and the plan runs as under ORT_SEQUENTIAL.
 */
#ifndef HONE_EXEC_CPU_CPU_BRANCHES_H
#define HONE_EXEC_CPU_CPU_BRANCHES_H

#include "exec/cpu/cpu_context.h"

/* Puts the steps in order of depth (the longest way from an input), for a plan whose memory is shared by depth:
 * branches then do not wait for each other's bytes. Returns the number of depths in *n_depths and in depths[n_steps]
 * those of the sorted steps. Not for graphs with subgraphs. */
hone_status hone__cpu_branches_sort(hone__exec_plan *plan, uint32_t **depths, uint32_t *n_depths, hone_error *error);
/* Cuts a plan with linked steps into phases: plan->n_phases is 0 when none is a region worth having. one, all:
 * milliseconds of each step on one thread and on all. is_forced (tests): every chance of a region is taken. */
hone_status hone__cpu_branches_cut(hone__exec_plan *plan, const double *one, const double *all, int n_workers,
                                   bool is_forced, hone_error *error);
/* The phases of another plan of the same steps. */
hone_status hone__cpu_branches_copy(const hone__exec_plan *from, hone__exec_plan *to, hone_error *error);
/* Runs all phases. */
hone_status hone__cpu_branches_run(hone__exec_context *ctx, hone_error *error);

#endif
