/* A work-sharing thread pool. The calling thread works too, so a pool of n threads owns n-1 workers.
 * Workers spin for a bounded time after work, then sleep. One pool may be shared by sessions:
 * concurrent calls are safe; when the workers are busy with another call, the caller runs its own
 * tasks alone rather than wait. Nested calls from a task run inline. */
#ifndef HONE_POOL_POOL_H
#define HONE_POOL_POOL_H

#include <hone/status.h>
#include <stddef.h>

typedef struct hone__pool hone__pool;

/* n_threads >= 1, the caller included. spin_us: how long an idle worker spins before it sleeps. */
hone_status hone__pool_create(int n_threads, int spin_us, hone__pool **out, hone_error *error);
void hone__pool_destroy(hone__pool *pool);
int hone__pool_threads(const hone__pool *pool); /* NULL: 1 */

/* Called as fn(arg, task, thread) for task = 0..n-1, each once; thread is in [0, threads) and no two
 * tasks of this call run on the same thread index at once, so it can index scratch memory that belongs
 * to the call (calls that run at the same time, nested ones included, use the same indices). Returns
 * when all are done. pool may be NULL: everything runs on the caller. Allocates nothing. */
typedef void (*hone__pool_fn)(void *arg, size_t task, int thread);
void hone__pool_run(hone__pool *pool, size_t n, hone__pool_fn fn, void *arg);

/* The same over a range [0, n) cut into blocks of at least `grain` whose borders are multiples of it:
 * fn(arg, begin, end, thread). */
typedef void (*hone__pool_range_fn)(void *arg, size_t begin, size_t end, int thread);
void hone__pool_run_range(hone__pool *pool, size_t n, size_t grain, hone__pool_range_fn fn, void *arg);

/* In a loop that waits for another thread: gives the core's other thread and its power a rest. */
static inline void hone__pool_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Around a stretch of many calls (a request's run). As long as there are as many such stretches at once as the pool has
 * threads, every caller runs its tasks alone: the cores are busy as it is, and handing work over would only add
 * waiting. pool may be NULL. */
void hone__pool_enter(hone__pool *pool);
void hone__pool_leave(hone__pool *pool);

#endif
