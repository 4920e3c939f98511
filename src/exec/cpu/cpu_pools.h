/* Thread pools shared by the sessions of a process: one per size and role, counted, so that sessions
 * side by side do not multiply threads. */
#ifndef HONE_EXEC_CPU_CPU_POOLS_H
#define HONE_EXEC_CPU_CPU_POOLS_H

#include "pool/pool.h"

/* *out is NULL when n_threads is 1. Release each; NULL is fine. Inter-op pools do not spin. */
hone_status hone__pools_acquire(int n_threads, hone__pool **out, hone_error *error);
hone_status hone__pools_acquire_inter(int n_threads, hone__pool **out, hone_error *error);
void hone__pools_release(hone__pool *pool);

#endif
