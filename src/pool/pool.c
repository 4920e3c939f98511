/* The thread pool; see pool.h for what it promises.
 *
 * How a call runs. The caller takes the pool by a compare-and-swap on `busy`; when that fails (another
 * call is running, or this is a nested call from a task) it runs its tasks alone. Otherwise it cuts the
 * tasks into one contiguous slot per thread, writes the job, and opens it by storing `state`. Workers
 * join by adding one to the count in `state`, which succeeds only while that very job is open; so a
 * worker that wakes late can never see a job that is being rewritten. Each participant first empties
 * its own slot, which keeps a thread on the same part of a tensor from one node to the next, then helps
 * with the others'. When the caller finds no task left it closes the job, and waits for those who
 * joined.
 *
 * Sleeping is by futex, with the usual pairing: a sleeper announces itself, then looks again; a caller
 * publishes, then looks for sleepers. All shared data is guarded by these atomics. */
#include "pool/pool.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_THREADS = 1024, CACHE_LINE = 64 };

/* `state`: generation in the upper 32 bits, then whether the job is open, then how many joined. */
#define STATE_OPEN ((uint64_t)1 << 31)
#define STATE_JOINED (STATE_OPEN - 1)
#define STATE_GENERATION(state) ((uint32_t)((state) >> 32))

/* The tasks [next, end) that one thread begins with. `next` may run past `end`. */
typedef struct slot {
    alignas(CACHE_LINE) atomic_size_t next;
    size_t end;
} slot;

typedef struct worker {
    hone__pool *pool;
    pthread_t thread;
    int index; /* 1 .. n_threads-1 */
} worker;

struct hone__pool {
    int n_threads;
    uint64_t spin_ns;
    worker *workers;
    int n_workers; /* threads that exist */
    slot *slots;   /* [n_threads] */
    /* The job: written by the caller before it opens, read by those who joined. */
    hone__pool_fn fn;
    void *arg;
    alignas(CACHE_LINE) atomic_bool busy;
    _Atomic int n_inside; /* see hone__pool_enter */
    alignas(CACHE_LINE) _Atomic uint64_t state;
    alignas(CACHE_LINE) _Atomic uint32_t left; /* workers that joined and have finished */
    _Atomic uint32_t caller_sleeps;
    alignas(CACHE_LINE) _Atomic uint32_t signal; /* changes at each job; sleepers wait on it */
    _Atomic uint32_t sleepers;
    atomic_bool stop;
};

/* Returns when *word differs from `seen`, on a wake-up, or for no reason: callers look again. */
static void futex_wait(_Atomic uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, (uint32_t *)word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static void work(hone__pool *pool, hone__pool_fn fn, void *arg, int thread) {
    int n = pool->n_threads;
    for (int k = 0, s = thread; k < n; k++, s = s + 1 < n ? s + 1 : 0) {
        slot *from = &pool->slots[s];
        /* A look first: an empty slot's cache line then stays shared. */
        while (atomic_load_explicit(&from->next, memory_order_relaxed) < from->end) {
            size_t task = atomic_fetch_add_explicit(&from->next, 1, memory_order_relaxed);
            if (task >= from->end)
                break;
            fn(arg, task, thread);
        }
    }
}

/* True when a job opened that this worker has not joined yet. */
static bool has_news(hone__pool *pool, uint32_t seen, memory_order order) {
    uint64_t state = atomic_load_explicit(&pool->state, order);
    return (state & STATE_OPEN) && STATE_GENERATION(state) != seen;
}

/* Joins the open job, if there is a new one. */
static bool join(hone__pool *pool, uint32_t *seen) {
    uint64_t state = atomic_load_explicit(&pool->state, memory_order_acquire);
    while ((state & STATE_OPEN) && STATE_GENERATION(state) != *seen)
        if (atomic_compare_exchange_weak_explicit(&pool->state, &state, state + 1, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            *seen = STATE_GENERATION(state);
            return true;
        }
    return false;
}

/* Spins, then sleeps, until there is news or the pool stops; false when it stops. */
static bool await_job(hone__pool *pool, uint32_t seen) {
    uint64_t start = pool->spin_ns ? hone__now_ns() : 0;
    for (unsigned i = 0; pool->spin_ns; i++) {
        if (has_news(pool, seen, memory_order_acquire))
            return true;
        if (i % 64 == 63) {
            if (atomic_load_explicit(&pool->stop, memory_order_relaxed))
                return false;
            if (hone__now_ns() - start > pool->spin_ns)
                break;
        }
        hone__pool_relax();
    }
    for (;;) {
        uint32_t signal = atomic_load(&pool->signal);
        atomic_fetch_add(&pool->sleepers, 1);
        bool go_on = has_news(pool, seen, memory_order_seq_cst) || atomic_load(&pool->stop);
        if (!go_on)
            futex_wait(&pool->signal, signal);
        atomic_fetch_sub(&pool->sleepers, 1);
        if (atomic_load(&pool->stop))
            return false;
        if (has_news(pool, seen, memory_order_acquire))
            return true;
    }
}

static void *worker_main(void *data) {
    worker *self = data;
    hone__pool *pool = self->pool;
    uint32_t seen = 0;
    while (await_job(pool, seen)) {
        if (!join(pool, &seen))
            continue;
        work(pool, pool->fn, pool->arg, self->index);
        atomic_fetch_add(&pool->left, 1);
        if (atomic_load(&pool->caller_sleeps))
            futex_wake(&pool->left, 1);
    }
    return NULL;
}

static void stop_workers(hone__pool *pool) {
    atomic_store(&pool->stop, true);
    atomic_fetch_add(&pool->signal, 1);
    futex_wake(&pool->signal, INT_MAX);
    for (int i = 0; i < pool->n_workers; i++)
        pthread_join(pool->workers[i].thread, NULL);
}

/* Signals belong to the program's own threads, so workers start with all of them blocked. */
static hone_status start_workers(hone__pool *pool, hone_error *error) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failure = 0;
    for (int i = 0; i < pool->n_threads - 1 && !failure; i++) {
        worker *w = &pool->workers[i];
        w->pool = pool;
        w->index = i + 1;
        failure = pthread_create(&w->thread, NULL, worker_main, w);
        if (!failure) {
            pool->n_workers++;
            pthread_setname_np(w->thread, "hone-worker");
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!failure)
        return HONE_OK;
    hone__fail(error, HONE_ERROR_LIMIT, "cannot start thread %d of %d: %s", pool->n_workers + 2, pool->n_threads,
               strerror(failure));
    hone__error_hint(error, "ask for fewer threads or raise the limit on processes (ulimit -u, pids.max)");
    return HONE_ERROR_LIMIT;
}

hone_status hone__pool_create(int n_threads, int spin_us, hone__pool **out, hone_error *error) {
    *out = NULL;
    HONE_FAIL_IF(n_threads < 1 || n_threads > MAX_THREADS, error, HONE_ERROR_ARGUMENT,
                 "a pool of %d threads was asked for; 1 to %d are possible", n_threads, MAX_THREADS);
    HONE_FAIL_IF(spin_us < 0, error, HONE_ERROR_ARGUMENT, "spin time %d us is negative", spin_us);
    hone__pool *pool = hone__malloc_aligned(sizeof *pool);
    if (!pool)
        return hone__fail_memory(error, "the thread pool");
    memset(pool, 0, sizeof *pool);
    pool->n_threads = n_threads;
    pool->spin_ns = (uint64_t)spin_us * 1000;
    pool->slots = hone__malloc_aligned((size_t)n_threads * sizeof(slot));
    pool->workers = hone__calloc((size_t)n_threads, sizeof(worker));
    hone_status status = HONE_OK;
    if (!pool->slots || !pool->workers) {
        status = hone__fail_memory(error, "the thread pool");
    } else {
        for (int i = 0; i < n_threads; i++) {
            atomic_init(&pool->slots[i].next, 0);
            pool->slots[i].end = 0;
        }
        status = start_workers(pool, error);
    }
    if (status != HONE_OK) {
        hone__pool_destroy(pool);
        return status;
    }
    *out = pool;
    return HONE_OK;
}

void hone__pool_destroy(hone__pool *pool) {
    if (!pool)
        return;
    if (pool->n_workers)
        stop_workers(pool);
    hone__free(pool->workers);
    hone__free_aligned(pool->slots);
    hone__free_aligned(pool);
}

int hone__pool_threads(const hone__pool *pool) { return pool ? pool->n_threads : 1; }

static void open_job(hone__pool *pool, size_t n, hone__pool_fn fn, void *arg) {
    size_t n_slots = (size_t)pool->n_threads, each = n / n_slots, extra = n % n_slots, begin = 0;
    for (size_t i = 0; i < n_slots; i++) {
        size_t end = begin + each + (i < extra);
        atomic_store_explicit(&pool->slots[i].next, begin, memory_order_relaxed);
        pool->slots[i].end = end;
        begin = end;
    }
    pool->fn = fn;
    pool->arg = arg;
    atomic_store_explicit(&pool->left, 0, memory_order_relaxed);
    uint32_t generation = STATE_GENERATION(atomic_load_explicit(&pool->state, memory_order_relaxed)) + 1;
    generation += generation == 0; /* 0 is what a new worker has seen */
    atomic_store(&pool->state, (uint64_t)generation << 32 | STATE_OPEN);
    atomic_fetch_add(&pool->signal, 1);
    uint32_t sleepers = atomic_load(&pool->sleepers);
    if (sleepers)
        futex_wake(&pool->signal, n - 1 < sleepers ? (int)(n - 1) : (int)sleepers);
}

/* Closes the job and waits for the workers that joined it. */
static void close_job(hone__pool *pool) {
    uint32_t joined =
        (uint32_t)(atomic_fetch_and_explicit(&pool->state, ~STATE_OPEN, memory_order_acq_rel) & STATE_JOINED);
    uint64_t start = 0;
    for (unsigned i = 0; atomic_load_explicit(&pool->left, memory_order_acquire) != joined; i++) {
        hone__pool_relax();
        if (i % 64 != 63)
            continue;
        uint64_t now = hone__now_ns();
        start = start ? start : now;
        if (now - start < pool->spin_ns)
            continue;
        atomic_store(&pool->caller_sleeps, 1);
        uint32_t left = atomic_load(&pool->left);
        if (left != joined)
            futex_wait(&pool->left, left);
        atomic_store(&pool->caller_sleeps, 0);
    }
}

void hone__pool_enter(hone__pool *pool) {
    if (pool)
        atomic_fetch_add(&pool->n_inside, 1);
}

void hone__pool_leave(hone__pool *pool) {
    if (pool)
        atomic_fetch_sub(&pool->n_inside, 1);
}

void hone__pool_run(hone__pool *pool, size_t n, hone__pool_fn fn, void *arg) {
    if (!pool || n <= 1 || pool->n_threads == 1 ||
        atomic_load_explicit(&pool->n_inside, memory_order_relaxed) >= pool->n_threads ||
        atomic_exchange_explicit(&pool->busy, true, memory_order_acquire)) {
        for (size_t task = 0; task < n; task++)
            fn(arg, task, 0);
        return;
    }
    open_job(pool, n, fn, arg);
    work(pool, fn, arg, 0);
    close_job(pool);
    atomic_store_explicit(&pool->busy, false, memory_order_release);
}

/* A range cut into blocks whose borders are multiples of the grain; the last takes what is left. */
typedef struct range_job {
    hone__pool_range_fn fn;
    void *arg;
    size_t n, grain, units_each, units_extra;
} range_job;

static void run_block(void *arg, size_t block, int thread) {
    const range_job *job = arg;
    size_t begin = block * job->units_each + hone__min_size(block, job->units_extra);
    size_t end = begin + job->units_each + (block < job->units_extra);
    size_t n_units = job->n / job->grain;
    job->fn(job->arg, begin * job->grain, end >= n_units ? job->n : end * job->grain, thread);
}

void hone__pool_run_range(hone__pool *pool, size_t n, size_t grain, hone__pool_range_fn fn, void *arg) {
    if (!n)
        return;
    grain = grain ? grain : 1;
    int n_threads = hone__pool_threads(pool);
    /* A few blocks per thread even out a thread that was held up. */
    size_t n_units = n / grain, n_blocks = hone__min_size(n_units, n_threads == 1 ? 1 : (size_t)n_threads * 4);
    if (n_blocks <= 1) {
        fn(arg, 0, n, 0);
        return;
    }
    range_job job = {fn, arg, n, grain, n_units / n_blocks, n_units % n_blocks};
    hone__pool_run(pool, n_blocks, run_block, &job);
}
