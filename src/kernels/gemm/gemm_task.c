/* Running one task of a planned product: the loops over blocks of C, k and panels. */
#include "gemm.h"

#include "base/checked.h"

/* A task's part of one product of the batch, with its operands. */
typedef struct part {
    const hone__gemm_plan *plan;
    const float *a, *b;
    float *c;
    size_t ldc;
    hone__gemm_epilogue e; /* pointers at C's element (0, 0) */
    size_t row0, m;        /* the rows that panels divide: all of them when A is packed, else this part's own */
    size_t p0, p1;         /* panels of them */
    size_t n0, n1;         /* columns */
    float *scratch, *a_block, *b_block;
} part;

/* The epilogue of a tile block at (row, col) for the part of k that begins at k0: Z enters first, since C
 * may be Z; bias and activation come last. */
static hone__gemm_epilogue block_epilogue(const part *t, size_t row, size_t col, size_t k0, bool is_last) {
    hone__gemm_epilogue e = t->e;
    e.accumulate = k0 > 0;
    e.z = e.z && k0 == 0 ? e.z + row * e.ldz + col : NULL;
    e.bias_row = e.bias_row && is_last ? e.bias_row + row : NULL;
    e.bias_col = e.bias_col && is_last ? e.bias_col + col : NULL;
    if (!is_last)
        e.is_clamped = e.is_activated = false;
    return e;
}

/* The row where a panel begins. */
static size_t panel_row(const part *t, size_t panel) {
    return t->row0 + hone__gemm_panel_row(t->m, t->plan->kernel->mr, panel);
}

/* Makes panels [p0, p1) over [k0, k0 + kc) of A addressable by hone__gemm_tiles. */
static const float *take_a(const part *t, size_t p0, size_t p1, size_t row, size_t k0, size_t kc,
                           hone__gemm_block *block) {
    const hone__gemm_problem *q = &t->plan->problem;
    const hone__gemm_kernel *kernel = t->plan->kernel;
    if (q->is_a_packed) {
        block->k0 = k0;
        block->a_k = q->k;
        return t->a + row * q->k;
    }
    block->k0 = 0;
    block->a_k = kc;
    for (size_t p = p0, i = row; p < p1; p++) {
        const size_t next = panel_row(t, p + 1);
        kernel->pack(t->a_block + (i - row) * kc, next - i, t->a + i * q->a_rs + k0 * q->a_cs, q->a_rs, q->a_cs,
                     next - i, kc);
        i = next;
    }
    return t->a_block;
}

/* Columns [n0, n1) with B's panels made addressable: packed, packed here, or read in place. */
static void run_columns(const part *t, size_t n0, size_t n1, const float *b, size_t b_panel, size_t ldb, size_t k0,
                        size_t kc, const float *b_next) {
    const hone__gemm_plan *plan = t->plan;
    const hone__gemm_kernel *kernel = plan->kernel;
    const bool is_last = k0 + kc >= plan->problem.k;
    for (size_t p = t->p0; p < t->p1; p += plan->mc_panels) {
        const size_t p_end = hone__min_size(t->p1, p + plan->mc_panels);
        const size_t row = panel_row(t, p);
        hone__gemm_block block = {.m = t->m,
                                  .p0 = p,
                                  .p1 = p_end,
                                  .n = n1 - n0,
                                  .kc = kc,
                                  .b_panel = b_panel,
                                  .ldb = ldb,
                                  .b_next = p_end < t->p1 ? b : b_next};
        const float *a = take_a(t, p, p_end, row, k0, kc, &block);
        const hone__gemm_epilogue e = block_epilogue(t, row, n0, k0, is_last);
        hone__gemm_tiles(kernel, &block, a, b, t->c + row * t->ldc + n0, t->ldc, &e, t->scratch);
    }
}

static void run_blocked(const part *t) {
    const hone__gemm_plan *plan = t->plan;
    const hone__gemm_problem *q = &plan->problem;
    const size_t nr = plan->kernel->nr;
    for (size_t n0 = t->n0; n0 < t->n1; n0 += plan->nc) {
        const size_t n1 = hone__min_size(t->n1, n0 + plan->nc);
        size_t k0 = 0;
        do {
            const size_t kc = hone__min_size(plan->kc, q->k - k0);
            if (q->is_b_packed) {
                const float *b = t->b + n0 * q->k + k0 * nr;
                run_columns(t, n0, n1, b, q->k * nr, nr, k0, kc, k0 + kc < q->k ? b + kc * nr : NULL);
            } else {
                for (size_t j = n0; j < n1; j += nr)
                    plan->kernel->pack(t->b_block + (j - n0) * kc, nr, t->b + k0 * q->b_rs + j * q->b_cs, q->b_cs,
                                       q->b_rs, hone__min_size(nr, n1 - j), kc);
                run_columns(t, n0, n1, t->b_block, kc * nr, nr, k0, kc, NULL);
            }
            k0 += kc;
        } while (k0 < q->k);
    }
}

/* B's rows are read in place, except a last panel that is not full: a whole vector there would read
 * behind the matrix. */
static void run_direct(const part *t) {
    const hone__gemm_plan *plan = t->plan;
    const hone__gemm_problem *q = &plan->problem;
    const size_t nr = plan->kernel->nr;
    const size_t full = t->n0 + (t->n1 - t->n0) / nr * nr;
    size_t k0 = 0;
    do {
        const size_t kc = hone__min_size(plan->kc, q->k - k0);
        const float *b = t->b + k0 * q->b_rs;
        if (full > t->n0)
            run_columns(t, t->n0, full, b + t->n0, nr, q->b_rs, k0, kc, NULL);
        if (full < t->n1) {
            plan->kernel->pack(t->b_block, nr, b + full, 1, q->b_rs, t->n1 - full, kc);
            run_columns(t, full, t->n1, t->b_block, 0, nr, k0, kc, NULL);
        }
        k0 += kc;
    } while (k0 < q->k);
}

static void run_dot(const part *t) {
    const hone__gemm_plan *plan = t->plan;
    const hone__gemm_problem *q = &plan->problem;
    const hone__gemm_kernel *kernel = plan->kernel;
    const size_t row0 = panel_row(t, t->p0), row1 = panel_row(t, t->p1);
    for (size_t n0 = t->n0; n0 < t->n1; n0 += kernel->nr) {
        const size_t w = hone__min_size(kernel->nr, t->n1 - n0);
        for (size_t i = row0; i < row1; i++) {
            const float *a = t->a + (q->is_a_packed ? i * q->k : i * q->a_rs);
            if (!q->is_a_packed && q->a_cs != 1) {
                for (size_t kk = 0; kk < q->k; kk++)
                    t->a_block[kk] = a[kk * q->a_cs];
                a = t->a_block;
            }
            kernel->dot(q->k, a, t->b + n0 * q->b_cs, q->b_cs, t->scratch, w);
            const hone__gemm_epilogue e = block_epilogue(t, i, n0, 0, true);
            kernel->finish(t->scratch, kernel->nr, t->c + i * t->ldc + n0, t->ldc, 1, w, &e);
        }
    }
}

void hone__gemm_run_task(const hone__gemm_plan *plan, const hone__gemm_args *args, size_t task, int thread,
                         void *workspace) {
    const hone__gemm_problem *q = &plan->problem;
    const size_t nr = plan->kernel->nr;
    const size_t sn = task % plan->n_split_n, rest = task / plan->n_split_n;
    const size_t sm = rest % plan->n_split_m, group = rest / plan->n_split_m;
    const size_t n_panels = hone__div_up(q->n, nr);
    float *ws = (float *)(void *)((char *)workspace + (size_t)thread * plan->thread_size);
    const size_t a_floats = q->is_a_packed                ? 0
                            : plan->mode == HONE_GEMM_DOT ? q->k
                                                          : plan->mc_panels * plan->kernel->mr * plan->kc;
    part t = {.plan = plan,
              .ldc = args->ldc,
              .n0 = n_panels * sn / plan->n_split_n * nr,
              .n1 = hone__min_size(q->n, n_panels * (sn + 1) / plan->n_split_n * nr),
              .scratch = ws,
              .a_block = ws + HONE_GEMM_SCRATCH,
              .b_block = ws + HONE_GEMM_SCRATCH + hone__round_up(a_floats, 16)};
    if (q->is_a_packed) {
        const size_t m_panels = hone__gemm_panel_count(q->m, plan->kernel->mr);
        t.m = q->m;
        t.p0 = m_panels * sm / plan->n_split_m;
        t.p1 = m_panels * (sm + 1) / plan->n_split_m;
    } else { /* even parts, each with panels of its own */
        t.row0 = q->m * sm / plan->n_split_m;
        t.m = q->m * (sm + 1) / plan->n_split_m - t.row0;
        t.p1 = hone__gemm_panel_count(t.m, plan->kernel->mr);
    }
    t.e = (hone__gemm_epilogue){.alpha = args->alpha,
                                .beta = args->beta,
                                .ldz = args->ldz,
                                .bias_row = args->bias_row,
                                .bias_col = args->bias_col};
    hone__gemm_epilogue_act(&t.e, &args->act);
    const size_t end = hone__min_size(q->batch, (group + 1) * plan->batch_step);
    for (size_t i = group * plan->batch_step; i < end; i++) {
        t.a = args->a + (args->a_offsets ? args->a_offsets[i] : i * args->a_batch);
        t.b = args->b + (args->b_offsets ? args->b_offsets[i] : i * args->b_batch);
        t.c = args->c + i * args->c_batch;
        t.e.z = args->z ? args->z + (args->z_offsets ? args->z_offsets[i] : i * args->z_batch) : NULL;
        if (plan->mode == HONE_GEMM_DOT)
            run_dot(&t);
        else if (plan->mode == HONE_GEMM_DIRECT_B)
            run_direct(&t);
        else
            run_blocked(&t);
    }
}
