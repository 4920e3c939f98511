/* Planning a product: which mode, which blocks, how the work is cut into tasks. */
#include "gemm.h"

#include "base/checked.h"

/* Cache sizes assumed when the machine does not say. */
enum { DEFAULT_L1D = 32 << 10, DEFAULT_L2 = 512 << 10, DEFAULT_L3 = 4 << 20 };
/* Rows of A that long, up to four of them, stay in the L2 cache. */
enum { STREAM_K = 16384 };

/* A guess of the cycles a task takes. Only ratios matter. Measured on Zen 4: packing an element of A costs 0.45
 * cycles, of B 0.5; packed weights come from memory at 4.5 bytes a cycle, which the multiplications hide from about
 * 15 rows on, but for a tenth. */
static double task_cycles(const hone__gemm_plan *plan, double rows, double cols) {
    const hone__gemm_problem *q = &plan->problem;
    const double k = (double)q->k, stream = q->is_b_packed ? 0.9 * cols * k : 0.0;
    const double compute = rows * cols * k / plan->kernel->fma_per_cycle;
    return (compute > stream ? compute : stream) + 0.1 * stream + (q->is_a_packed ? 0.0 : 0.45 * rows * k) +
           (q->is_b_packed ? 0.0 : 0.5 * cols * k) + 0.1 * rows * cols + 300.0;
}

/* Cuts one product into n_split_m x n_split_n tasks so that the guessed time on n_threads is least. A
 * share of a task's time is added for the last one to finish: smaller tasks even out disturbances. Whether rows or
 * columns are cut is mostly decided by what is shared then, B or A: where the threads' cores have L3 caches of their
 * own, lines that the other has just read come slowly (two threads on 197 x 768 x 2304, weights in memory: columns
 * 96 % of peak, rows 91; with one L3 both 96). */
static void split(hone__gemm_plan *plan, size_t n_threads, size_t batch) {
    const hone__gemm_kernel *kernel = plan->kernel;
    const size_t m_panels = hone__gemm_panel_count(plan->problem.m, kernel->mr);
    const size_t n_panels = hone__div_up(plan->problem.n, kernel->nr);
    const size_t max_split = 4 * n_threads;
    double best = 0;
    for (size_t sm = 1; sm <= m_panels && sm <= max_split; sm++)
        for (size_t sn = 1; sn <= n_panels && sn * sm <= max_split; sn++) {
            const size_t tasks = sm * sn * batch;
            const double rows = plan->problem.is_a_packed
                                    ? (double)hone__min_size(plan->problem.m, hone__div_up(m_panels, sm) * kernel->mr)
                                    : (double)plan->problem.m / (double)sm;
            const double cols = (double)(hone__div_up(n_panels, sn) * kernel->nr);
            /* What several threads read comes, for all but one of them, from another core's cache. Tasks are handed
             * out so that a thread gets neighbours: parts of the rows first, then of the columns. */
            const double shared = (sm < n_threads ? rows : 0.0) + (sm > 1 ? cols : 0.0);
            const double far = tasks > 1 ? 0.4 * shared * (double)plan->problem.k : 0.0;
            const double one = task_cycles(plan, rows, cols) + far;
            const double wake = tasks > 1 ? 4000.0 : 0.0; /* of the other threads */
            const double time = (double)hone__div_up(tasks, n_threads) * one + 0.015 * one + wake;
            if (best == 0 || time < best) {
                best = time;
                plan->n_split_m = sm;
                plan->n_split_n = sn;
            }
        }
}

static size_t positive_or(int64_t bytes, size_t fallback) { return bytes > 0 ? (size_t)bytes : fallback; }

static void choose_blocks(hone__gemm_plan *plan, const hone__gemm_config *config) {
    const hone__gemm_kernel *kernel = plan->kernel;
    const hone__gemm_problem *q = &plan->problem;
    const size_t l1 = positive_or(config->l1d_bytes, DEFAULT_L1D), l2 = positive_or(config->l2_bytes, DEFAULT_L2);
    const size_t l3 =
        positive_or(config->l3_bytes, DEFAULT_L3) / (size_t)(config->n_threads > 0 ? config->n_threads : 1);
    /* Panels stream from the L2 cache: kc is larger than what would keep a panel of B in the L1 cache, since
     * the traffic of C, which falls with kc, costs more than the missed L1 hits (measured on Zen 4 with
     * 32 KiB: at 2048 kc 256 gives 89 % of peak, kc 768 92 %). k is cut into even parts. */
    const size_t kc_max = hone__max_size(64, hone__min_size(3 * l1 / 128, l2 / 8 / (kernel->nr * sizeof(float))));
    const bool is_stream = q->m <= 4 && q->is_b_packed && q->k <= STREAM_K; /* one pass over B, from end to end */
    const size_t k_parts = is_stream ? 1 : hone__max_size(1, hone__div_up(q->k, kc_max));
    plan->kc = hone__max_size(1, hone__div_up(q->k, k_parts));
    /* A block of A in five eighths of the L2 cache: the panels of B beside it are small. */
    plan->mc_panels = hone__max_size(1, l2 / 8 * 5 / (plan->kc * kernel->mr * sizeof(float)));
    /* A block of B, when it has to be packed, in half of this thread's share of the L3 cache. */
    const size_t nc = hone__max_size(1, hone__min_size(l3 / 2, 8u << 20) / (plan->kc * kernel->nr * sizeof(float)));
    plan->nc = nc * kernel->nr;
}

bool hone__gemm_make_plan(const hone__gemm_problem *problem, const hone__gemm_config *config, hone__gemm_plan *out) {
    *out = (hone__gemm_plan){.problem = *problem, .kernel = hone__gemm_kernel_find(config->isa)};
    hone__gemm_problem *q = &out->problem;
    const hone__gemm_kernel *kernel = out->kernel;
    const size_t n_threads = config->n_threads > 0 ? (size_t)config->n_threads : 1;
    if (q->m == 1 && !q->is_a_packed && (q->a_cs == 1 || q->k == 1))
        q->is_a_packed = true; /* a row is its own panel */
    out->mode = HONE_GEMM_BLOCKED;
    if (!q->is_b_packed) {
        if (q->b_rs == 1 && q->m <= 4 && (q->m == 1 || !q->is_a_packed))
            out->mode = HONE_GEMM_DOT;
        else if (q->b_cs == 1 && q->m <= 2 * kernel->mr)
            out->mode = HONE_GEMM_DIRECT_B;
    }
    out->name = q->m == 1 ? kernel->gemv_name : kernel->name;
    choose_blocks(out, config);

    out->n_split_m = out->n_split_n = 1;
    out->batch_step = 1;
    const size_t batch = q->batch;
    if (q->m == 0 || q->n == 0 || batch == 0)
        return true; /* no tasks */
    if (config->split_m && config->split_n) {
        out->n_split_m = hone__min_size(config->split_m, hone__gemm_panel_count(q->m, kernel->mr));
        out->n_split_n = hone__min_size(config->split_n, hone__div_up(q->n, kernel->nr));
    } else if (n_threads > 1 && batch < 2 * n_threads) {
        split(out, n_threads, batch);
    }
    if (batch > 1 && out->n_split_m * out->n_split_n == 1) {
        /* Several products a task, so that a task is worth its dispatch. */
        const double one = task_cycles(out, (double)q->m, (double)q->n);
        const size_t most = n_threads > 1 ? hone__div_up(batch, 4 * n_threads) : batch;
        while (out->batch_step < most && (n_threads == 1 || (double)out->batch_step * one < 50000.0))
            out->batch_step++;
        while (out->batch_step < batch && (double)out->batch_step * one < 3000.0)
            out->batch_step++;
    }
    out->n_tasks = hone__div_up(batch, out->batch_step) * out->n_split_m * out->n_split_n;

    size_t floats = HONE_GEMM_SCRATCH, a_floats = 0, b_floats = 0;
    const size_t m_panels = q->is_a_packed ? hone__div_up(hone__gemm_panel_count(q->m, kernel->mr), out->n_split_m)
                                           : hone__gemm_panel_count(hone__div_up(q->m, out->n_split_m), kernel->mr);
    out->mc_panels = hone__min_size(out->mc_panels, m_panels);
    const size_t range = hone__div_up(hone__div_up(q->n, kernel->nr), out->n_split_n) * kernel->nr;
    out->nc = q->is_b_packed || out->mode != HONE_GEMM_BLOCKED ? range : hone__min_size(out->nc, range);
    if (!q->is_a_packed && !hone__mul_size(out->mc_panels * kernel->mr, out->kc, &a_floats))
        return false;
    if (out->mode == HONE_GEMM_DOT && !q->is_a_packed)
        a_floats = q->k;
    if (out->mode == HONE_GEMM_BLOCKED && !q->is_b_packed && !hone__mul_size(out->nc, out->kc, &b_floats))
        return false;
    if (out->mode == HONE_GEMM_DIRECT_B)
        b_floats = kernel->nr * out->kc; /* the last, narrow panel */
    if (!hone__add_size(floats, hone__round_up(a_floats, 16), &floats) || !hone__add_size(floats, b_floats, &floats) ||
        !hone__mul_size(hone__round_up(floats, 16), sizeof(float), &out->thread_size) ||
        !hone__mul_size(out->thread_size, n_threads, &out->workspace_size))
        return false;
    return true;
}
