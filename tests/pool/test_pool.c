/* Tests of src/pool: every task runs once, thread indices are exclusive within a call, callers may be
 * concurrent or nested, and nothing is allocated by a run. */
#include "base/alloc.h"
#include "base/clock.h"
#include "pool/pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MAX_TASKS = 4096, MAX_THREADS = 16 };

typedef struct call {
    atomic_int seen[MAX_TASKS];
    atomic_int inside[MAX_THREADS];
    atomic_int faults;
    int n_threads;
    hone__pool *pool;
    long scratch[MAX_THREADS][16]; /* written without atomics: TSan checks the exclusivity too */
} call;

static void count_task(void *arg, size_t task, int thread) {
    call *c = arg;
    if (task >= MAX_TASKS || thread < 0 || thread >= c->n_threads) {
        atomic_fetch_add(&c->faults, 1);
        return;
    }
    if (atomic_fetch_add(&c->inside[thread], 1) != 0)
        atomic_fetch_add(&c->faults, 1);
    atomic_fetch_add(&c->seen[task], 1);
    c->scratch[thread][0]++;
    for (volatile int i = 0; i < (int)(task % 50); i++) {
    }
    atomic_fetch_sub(&c->inside[thread], 1);
}

static int check_call(hone__pool *pool, call *c, size_t n) {
    memset(c, 0, sizeof *c);
    c->pool = pool;
    c->n_threads = hone__pool_threads(pool);
    hone__pool_run(pool, n, count_task, c);
    int bad = atomic_load(&c->faults);
    long total = 0;
    for (size_t i = 0; i < MAX_TASKS; i++)
        bad += atomic_load(&c->seen[i]) != (i < n);
    for (int t = 0; t < MAX_THREADS; t++)
        total += c->scratch[t][0];
    return bad + (total != (long)n);
}

static void test_all_tasks_once(void **state) {
    (void)state;
    static call c;
    const size_t counts[] = {0, 1, 2, 3, 5, 7, 8, 64, 1000, MAX_TASKS};
    for (int threads = 1; threads <= 9; threads += 2)
        for (int spin = 0; spin <= 100; spin += 50) {
            hone__pool *pool;
            assert_int_equal(hone__pool_create(threads, spin, &pool, NULL), HONE_OK);
            assert_int_equal(hone__pool_threads(pool), threads);
            for (int round = 0; round < 20; round++)
                for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
                    assert_int_equal(check_call(pool, &c, counts[i]), 0);
            hone__pool_destroy(pool);
        }
    assert_int_equal(check_call(NULL, &c, 100), 0);
    assert_int_equal(hone__pool_threads(NULL), 1);
    hone__pool_destroy(NULL);
}

static void test_wrong_arguments(void **state) {
    (void)state;
    hone__pool *pool;
    hone_error error;
    assert_int_equal(hone__pool_create(0, 0, &pool, &error), HONE_ERROR_ARGUMENT);
    assert_null(pool);
    assert_int_equal(hone__pool_create(100000, 0, &pool, &error), HONE_ERROR_ARGUMENT);
    assert_int_equal(hone__pool_create(2, -1, &pool, &error), HONE_ERROR_ARGUMENT);
    hone__alloc_fail_after(1);
    hone_status status = hone__pool_create(2, 0, &pool, &error);
    hone__alloc_fail_after(-1);
    assert_int_equal(status, HONE_ERROR_MEMORY);
    assert_null(pool);
}

/* Tasks really run at the same time: each of n tasks waits until all have begun. */
typedef struct meeting {
    atomic_int arrived;
    int n;
    atomic_bool late;
} meeting;

static void meet(void *arg, size_t task, int thread) {
    (void)task, (void)thread;
    meeting *m = arg;
    atomic_fetch_add(&m->arrived, 1);
    uint64_t start = hone__now_ns();
    while (atomic_load(&m->arrived) < m->n)
        if (hone__ms_since(start) > 20000) {
            atomic_store(&m->late, true);
            return;
        }
}

static void test_runs_at_once_after_sleep(void **state) {
    (void)state;
    hone__pool *pool;
    assert_int_equal(hone__pool_create(4, 10, &pool, NULL), HONE_OK);
    for (int round = 0; round < 5; round++) {
        struct timespec pause = {0, 3000000};
        nanosleep(&pause, NULL); /* far beyond the spin time: the workers sleep */
        meeting m = {0};
        m.n = 4;
        hone__pool_run(pool, 4, meet, &m);
        assert_false(atomic_load(&m.late));
    }
    hone__pool_destroy(pool);
}

static void nest(void *arg, size_t task, int thread) {
    call *outer = arg;
    static _Thread_local call inner; /* a nested call runs inline, so one per thread is enough */
    if (check_call(outer->pool, &inner, 10 + task % 7))
        atomic_fetch_add(&outer->faults, 1);
    count_task(arg, task, thread);
}

static void test_nested(void **state) {
    (void)state;
    static call c;
    hone__pool *pool;
    assert_int_equal(hone__pool_create(3, 50, &pool, NULL), HONE_OK);
    memset(&c, 0, sizeof c);
    c.pool = pool;
    c.n_threads = 3;
    hone__pool_run(pool, 60, nest, &c);
    assert_int_equal(atomic_load(&c.faults), 0);
    for (int i = 0; i < 60; i++)
        assert_int_equal(atomic_load(&c.seen[i]), 1);
    hone__pool_destroy(pool);
}

typedef struct client {
    hone__pool *pool;
    call c;
    int bad;
} client;

static void *client_main(void *arg) {
    client *self = arg;
    for (int i = 0; i < 150; i++)
        self->bad += check_call(self->pool, &self->c, (size_t)(i * 7 % 300));
    return NULL;
}

static void test_concurrent_callers(void **state) {
    (void)state;
    static client clients[4];
    hone__pool *pool;
    assert_int_equal(hone__pool_create(3, 20, &pool, NULL), HONE_OK);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        clients[i].pool = pool;
        assert_int_equal(pthread_create(&threads[i], NULL, client_main, &clients[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(clients[i].bad, 0);
    }
    hone__pool_destroy(pool);
}

static void test_create_destroy(void **state) {
    (void)state;
    static call c;
    for (int i = 0; i < 200; i++) {
        hone__pool *pool;
        assert_int_equal(hone__pool_create(1 + i % 5, i % 3 * 10, &pool, NULL), HONE_OK);
        if (i % 2)
            assert_int_equal(check_call(pool, &c, (size_t)(i % 40)), 0);
        hone__pool_destroy(pool);
    }
}

static void test_run_allocates_nothing(void **state) {
    (void)state;
    static call c;
    hone__pool *pool;
    assert_int_equal(hone__pool_create(3, 20, &pool, NULL), HONE_OK);
    uint64_t before = hone__alloc_count();
    for (int i = 0; i < 50; i++)
        assert_int_equal(check_call(pool, &c, 100), 0);
    assert_int_equal(hone__alloc_count(), before);
    hone__pool_destroy(pool);
}

typedef struct range {
    atomic_int hits[MAX_TASKS];
    size_t n, grain;
    atomic_int faults;
} range;

static void touch(void *arg, size_t begin, size_t end, int thread) {
    (void)thread;
    range *r = arg;
    /* Borders are multiples of the grain, and only a range shorter than it makes a short block. */
    if (begin >= end || end > r->n || begin % r->grain || (end != r->n && end % r->grain) ||
        (end - begin < r->grain && r->n >= r->grain))
        atomic_fetch_add(&r->faults, 1);
    for (size_t i = begin; i < end && i < MAX_TASKS; i++)
        atomic_fetch_add(&r->hits[i], 1);
}

static void test_range(void **state) {
    (void)state;
    static range r;
    for (int threads = 1; threads <= 4; threads++) {
        hone__pool *pool;
        assert_int_equal(hone__pool_create(threads, 20, &pool, NULL), HONE_OK);
        for (size_t n = 0; n <= 1200; n += 1 + n / 3)
            for (size_t grain = 1; grain <= 600; grain = grain * 3 + 1) {
                memset(&r, 0, sizeof r);
                r.n = n;
                r.grain = grain;
                hone__pool_run_range(pool, n, grain, touch, &r);
                assert_int_equal(atomic_load(&r.faults), 0);
                for (size_t i = 0; i < MAX_TASKS; i++)
                    assert_int_equal(atomic_load(&r.hits[i]), i < n);
            }
        hone__pool_destroy(pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_tasks_once),           cmocka_unit_test(test_wrong_arguments),
        cmocka_unit_test(test_runs_at_once_after_sleep), cmocka_unit_test(test_nested),
        cmocka_unit_test(test_concurrent_callers),       cmocka_unit_test(test_create_destroy),
        cmocka_unit_test(test_run_allocates_nothing),    cmocka_unit_test(test_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
