/* Shared thread pools; see cpu_pools.h. */
#include "exec/cpu/cpu_pools.h"

#include "base/alloc.h"
#include "base/error.h"

#include <pthread.h>

/* How long an idle worker of an intra-op pool spins before it sleeps: long enough for the gap between two
 * nodes, short enough to leave the CPU to others between two runs. */
enum { SPIN_US = 200 };

typedef struct entry {
    struct entry *next;
    hone__pool *pool;
    int n_threads, spin_us;
    size_t n_users;
} entry;

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static entry *g_entries;

static hone_status acquire(int n_threads, int spin_us, hone__pool **out, hone_error *error) {
    *out = NULL;
    if (n_threads <= 1)
        return HONE_OK;
    hone_status status = HONE_OK;
    pthread_mutex_lock(&g_lock);
    entry *e = g_entries;
    while (e && (e->n_threads != n_threads || e->spin_us != spin_us))
        e = e->next;
    if (!e) {
        e = hone__calloc(1, sizeof *e);
        if (!e)
            status = hone__fail_memory(error, "the thread pool");
        else if ((status = hone__pool_create(n_threads, spin_us, &e->pool, error)) != HONE_OK)
            hone__free(e);
        else {
            e->n_threads = n_threads;
            e->spin_us = spin_us;
            e->next = g_entries;
            g_entries = e;
        }
    }
    if (status == HONE_OK) {
        e->n_users++;
        *out = e->pool;
    }
    pthread_mutex_unlock(&g_lock);
    return status;
}

hone_status hone__pools_acquire(int n_threads, hone__pool **out, hone_error *error) {
    return acquire(n_threads, SPIN_US, out, error);
}

hone_status hone__pools_acquire_inter(int n_threads, hone__pool **out, hone_error *error) {
    return acquire(n_threads, SPIN_US, out, error);
}

void hone__pools_release(hone__pool *pool) {
    if (!pool)
        return;
    pthread_mutex_lock(&g_lock);
    for (entry **at = &g_entries; *at; at = &(*at)->next) {
        entry *e = *at;
        if (e->pool != pool)
            continue;
        if (--e->n_users == 0) {
            *at = e->next;
            hone__pool_destroy(e->pool);
            hone__free(e);
        }
        break;
    }
    pthread_mutex_unlock(&g_lock);
}
