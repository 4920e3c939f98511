/* The machine's own ceilings, against which `./do bench` holds the models: fused multiply-adds, 8-bit and bfloat16 dot
 * products, reading and copying memory, each on one thread and on all; and the round trip of a cache line between two
 * cores, which tells whether they share a cache (about 50 ns) or the host has parted them (several hundred).
 *
 *     bench_ceiling [--threads N] [--json] [--roundtrip]
 *
 * Each figure is the best of several windows: a ceiling is what is possible, and other load only lowers it. */
#include "ceiling_peaks.h"
#include "fma_peak.h"

#include <hone/hone.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { MAX_THREADS = 256, N_WINDOWS = 5 };
#define WINDOW_S 0.06

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int g_cpus[MAX_THREADS], g_n_cpus;

static void find_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    for (int i = 0; i < CPU_SETSIZE && g_n_cpus < MAX_THREADS; i++)
        if (CPU_ISSET(i, &set))
            g_cpus[g_n_cpus++] = i;
}

/* Starts a thread on a core of its own. It must not begin on the core of a thread that spins: under a real-time policy
 * it would never get there. */
static bool start_on(int index, pthread_t *thread, void *(*run)(void *), void *data) {
    cpu_set_t set;
    pthread_attr_t attr;
    CPU_ZERO(&set);
    CPU_SET(g_cpus[index % g_n_cpus], &set);
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof set, &set);
    bool ok = pthread_create(thread, &attr, run, data) == 0;
    pthread_attr_destroy(&attr);
    return ok;
}

/* ---- work: each does some and returns how much ---- */

static uint32_t g_isa;
static size_t g_size; /* bytes a thread streams */

typedef struct worker {
    int index;
    char *from, *to;
    double (*work)(struct worker *);
    double rate; /* per second, in the best window */
} worker;

static double do_fma(worker *w) {
    float sink = 1e-9f * (float)(w->index + 1);
    double n = g_isa & HONE_ISA_AVX512 ? fma_peak_avx512(200000, &sink)
               : g_isa & HONE_ISA_AVX2 ? fma_peak_avx2(200000, &sink)
                                       : fma_peak_generic(200000, &sink);
    return sink > 1e30f ? 0 : n;
}

static double do_vnni(worker *w) {
    int32_t sink = w->index;
    return vnni_peak_avx512(200000, &sink);
}

static double do_bf16(worker *w) {
    float sink = 1e-9f * (float)(w->index + 1);
    return bf16_peak_avx512(200000, &sink);
}

static double do_read(worker *w) {
    static atomic_ullong sink; /* so that the sum counts as used */
    atomic_fetch_add(&sink, read_stream(w->from, g_size));
    return (double)g_size;
}

/* Bytes read and bytes written, as memory sees them. */
static double do_copy(worker *w) {
    memcpy(w->to, w->from, g_size);
    return 2 * (double)g_size;
}

/* ---- measuring: threads begin each window together ---- */

static pthread_barrier_t g_barrier;

static void *run_worker(void *data) {
    worker *w = data;
    w->work(w); /* warm up, and fault the pages in */
    for (int window = 0; window < N_WINDOWS; window++) {
        pthread_barrier_wait(&g_barrier);
        double start = now(), end = start, done = 0;
        while (end - start < WINDOW_S) {
            done += w->work(w);
            end = now();
        }
        double rate = done / (end - start);
        w->rate = rate > w->rate ? rate : w->rate;
    }
    return NULL;
}

/* Sum of the threads' rates, in 10^9 per second; 0 when memory or threads are short. */
static double measure(double (*work)(worker *), int n_threads, bool is_memory) {
    static worker workers[MAX_THREADS];
    pthread_t threads[MAX_THREADS];
    double sum = 0;
    bool ok = true;
    for (int i = 0; i < n_threads; i++) {
        workers[i] = (worker){.index = i, .work = work};
        if (!is_memory)
            continue;
        workers[i].from = aligned_alloc(2 << 20, g_size);
        workers[i].to = aligned_alloc(2 << 20, g_size);
        if (workers[i].from && workers[i].to) /* large pages, where the system gives them */
            madvise(workers[i].from, g_size, MADV_HUGEPAGE), madvise(workers[i].to, g_size, MADV_HUGEPAGE);
        if (workers[i].from && workers[i].to)
            memset(workers[i].from, 1, g_size), memset(workers[i].to, 2, g_size);
        else
            ok = false;
    }
    pthread_barrier_init(&g_barrier, NULL, (unsigned)n_threads);
    int n_started = 0;
    while (ok && n_started < n_threads && start_on(n_started, &threads[n_started], run_worker, &workers[n_started]))
        n_started++;
    if (ok && n_started < n_threads) {
        fprintf(stderr, "bench_ceiling: cannot start %d threads\n", n_threads);
        exit(5);
    }
    for (int i = 0; i < n_started; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&g_barrier);
    for (int i = 0; i < n_threads; i++) {
        sum += workers[i].rate;
        free(workers[i].from);
        free(workers[i].to);
    }
    return sum / 1e9;
}

/* ---- the round trip ---- */

enum { N_TRIPS = 40000 };
static atomic_int g_ping, g_pong;

static void *answer(void *data) {
    (void)data;
    for (int i = 1; i <= N_TRIPS; i++) {
        while (atomic_load_explicit(&g_ping, memory_order_acquire) != i)
            ;
        atomic_store_explicit(&g_pong, i, memory_order_release);
    }
    return NULL;
}

static void *ask(void *data) {
    double *best = data, start = now();
    for (int i = 1; i <= N_TRIPS; i++) {
        atomic_store_explicit(&g_ping, i, memory_order_release);
        while (atomic_load_explicit(&g_pong, memory_order_acquire) != i)
            ;
        if (i % (N_TRIPS / 20) == 0) { /* the best of twenty parts: an interruption spoils one */
            double end = now(), each = (end - start) / (N_TRIPS / 20) * 1e9;
            *best = each < *best ? each : *best;
            start = end;
        }
    }
    return NULL;
}

/* Nanoseconds there and back between the first two cores; 0 with one core. */
static double roundtrip(void) {
    pthread_t asking, answering;
    double best = 1e9;
    if (g_n_cpus < 2 || !start_on(1, &answering, answer, NULL))
        return 0;
    if (!start_on(0, &asking, ask, &best)) /* the other thread ends with the process */
        return 0;
    pthread_join(asking, NULL);
    pthread_join(answering, NULL);
    return best;
}

/* ---- the program ---- */

typedef struct ceiling {
    const char *key, *what, *unit;
    double (*work)(worker *);
    bool is_memory;
    uint32_t isa;
} ceiling;

static const ceiling g_ceilings[] = {
    {"fp32_gflops", "float32 fused multiply-adds", "GFLOP/s", do_fma, false, 0},
    {"int8_gops", "8-bit dot products (VNNI)", "GOP/s", do_vnni, false, HONE_ISA_AVX512_VNNI},
    {"bf16_gflops", "bfloat16 dot products", "GFLOP/s", do_bf16, false, HONE_ISA_AVX512_BF16},
    {"read_gb_s", "reading memory", "GB/s", do_read, true, 0},
    {"copy_gb_s", "copying memory, read and written", "GB/s", do_copy, true, 0},
};

int main(int argc, char **argv) {
    bool json = false, only_roundtrip = false;
    int n_threads = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json"))
            json = true;
        else if (!strcmp(argv[i], "--roundtrip"))
            only_roundtrip = true;
        else if (!strcmp(argv[i], "--threads") && i + 1 < argc)
            n_threads = atoi(argv[++i]);
        else {
            fprintf(stderr, "usage: bench_ceiling [--threads N] [--json] [--roundtrip]\n");
            return 2;
        }
    }
    hone_machine *machine = NULL;
    find_cpus();
    if (only_roundtrip) {
        printf("%.0f\n", roundtrip());
        return 0;
    }
    if (!g_n_cpus || hone_machine_create(&machine, NULL) != HONE_OK)
        return 5;
    const hone_machine_info *info = hone_machine_get_info(machine);
    if (n_threads < 1 || n_threads > MAX_THREADS)
        n_threads = info->n_usable < MAX_THREADS ? info->n_usable : MAX_THREADS;
    g_isa = info->isa;
    /* Far beyond the last cache, each thread its own part. */
    g_size = (size_t)(info->l3_bytes > (8 << 20) ? info->l3_bytes : 8 << 20) * 4 / (2 << 20) * (2 << 20);
    printf(json ? "{\"cpu\": \"%s\", \"threads\": %d, \"roundtrip_ns\": %.0f" : "%s, %d threads, round trip %.0f ns\n",
           info->cpu_model, n_threads, roundtrip());
    for (size_t i = 0; i < sizeof g_ceilings / sizeof *g_ceilings; i++) {
        const ceiling *c = &g_ceilings[i];
        bool can = !c->isa || (info->isa & c->isa);
        double one = can ? measure(c->work, 1, c->is_memory) : 0;
        double all = can ? (n_threads > 1 ? measure(c->work, n_threads, c->is_memory) : one) : 0;
        if (json)
            printf(", \"%s\": [%.1f, %.1f]", c->key, one, all);
        else if (can)
            printf("%-36s %8.1f %-8s one thread  %8.1f all\n", c->what, one, c->unit, all);
        else
            printf("%-36s not on this CPU\n", c->what);
    }
    if (json)
        printf("}\n");
    hone_machine_destroy(machine);
    return 0;
}
