/* Single-precision matrix multiplication: C = act(alpha A B + bias + beta Z).
 *
 * Structure after Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008) and
 * BLIS: operands are packed into panels, a micro-kernel keeps an MR x NR tile of C in registers, and
 * blocks MC, KC, NC are sized by the caches. Kernels allocate nothing and start no threads: a plan cuts
 * the work into independent tasks that the caller runs in any order on any thread.
 *
 *     hone__gemm_plan plan;
 *     hone__gemm_make_plan(&problem, &config, &plan);      // once per shape
 *     workspace: plan.workspace_size bytes, 64-byte aligned
 *     for task in 0 .. plan.n_tasks-1:                      // in parallel
 *         hone__gemm_run_task(&plan, &args, task, thread, workspace);
 *
 * Sizes are elements unless a name ends in _size (bytes). The caller has checked that m*k, k*n and m*n
 * fit its buffers. */
#ifndef HONE_KERNELS_GEMM_H
#define HONE_KERNELS_GEMM_H

#include "base/dtype.h"
#include "kernels/activation.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What happens to a tile as it is stored: acc is the tile's sum over the k of this call.
 *   v = alpha acc + (accumulate ? C : 0) + beta z + bias_row[i] + bias_col[j];  C = act(clamp(v))
 * Pointers are at the tile's first element; NULL: absent. */
typedef struct hone__gemm_epilogue {
    float alpha, beta;
    bool accumulate;
    bool is_clamped;   /* v is bounded to [lo, hi]: Relu and Clip cost nothing extra */
    bool is_activated; /* act is applied after the store, while the tile is in the L1 cache */
    float lo, hi;
    const float *z;        /* may be C itself */
    size_t ldz;            /* 0: one row for all */
    const float *bias_row; /* [m] */
    const float *bias_col; /* [n] */
    hone_act act;
    /* What is read after these tiles: asked for from memory meanwhile, a cache line every next_every values of k. NULL:
     * nothing. */
    const float *next;
    size_t next_every;
} hone__gemm_epilogue;

/* k rank-1 updates of a tile. a: packed panel [k][m]; b: rows of nr (or half: nr/2) floats, ldb apart;
 * the number of rows m and the width are those of the function's place in the table. */
typedef void (*hone__gemm_tile_fn)(size_t k, const float *a, const float *b, size_t ldb, float *c, size_t ldc,
                                   const hone__gemm_epilogue *e);
/* dst[kk*w + i] = src[i*vs + kk*ks] for i < width, kk < k; 0 for width <= i < w. */
typedef void (*hone__gemm_pack_fn)(float *dst, size_t w, const hone_f32_unaligned *src, size_t vs, size_t ks,
                                   size_t width, size_t k);
/* out[j] = sum over kk of a[kk] * b[j*ldb + kk], j < n. */
typedef void (*hone__gemm_dot_fn)(size_t k, const float *a, const float *b, size_t ldb, float *out, size_t n);
/* Applies an epilogue to an m x n tile of finished sums t (row stride ldt); t may be c. */
typedef void (*hone__gemm_finish_fn)(const float *t, size_t ldt, float *c, size_t ldc, size_t m, size_t n,
                                     const hone__gemm_epilogue *e);

enum { HONE_GEMM_MAX_MR = 14, HONE_GEMM_MAX_NR = 32 };

/* One row per micro-kernel. */
typedef struct hone__gemm_kernel {
    const char *name;      /* "f32_gemm_14x32_avx512" */
    const char *gemv_name; /* how the same row is called in reports when m is 1 */
    uint32_t isa;          /* bits of hone_isa that it needs */
    size_t mr, nr;
    hone__gemm_tile_fn tile[2][HONE_GEMM_MAX_MR]; /* [0: nr/2 columns, 1: nr columns][m - 1] */
    hone__gemm_pack_fn pack;
    hone__gemm_dot_fn dot;
    hone__gemm_finish_fn finish;
    double fma_per_cycle; /* a guess, for splitting work only */
} hone__gemm_kernel;

/* All rows, best first; the last is plain C and fits every machine. */
const hone__gemm_kernel *const *hone__gemm_kernels(size_t *n);
/* The best row for these ISA bits; never NULL. */
const hone__gemm_kernel *hone__gemm_kernel_find(uint32_t isa);

/* ---- packed operands ----
 * A: ceil(m/mr) panels whose heights differ by at most one row (with mr = 14, 197 rows are 2 panels
 * of 14 and 13 of 13, never 14 of 14 and one of a single row); each panel is [k][height]. B: ceil(n/nr) panels [k][nr],
 * the last padded with zeros. Neither depends on the blocks, so any part of k can be addressed. */
size_t hone__gemm_panel_count(size_t m, size_t mr);
size_t hone__gemm_panel_row(size_t m, size_t mr, size_t panel); /* first row; panel == count gives m */
size_t hone__gemm_packed_a_count(size_t m, size_t k);           /* floats */
size_t hone__gemm_packed_b_count(const hone__gemm_kernel *kernel, size_t k, size_t n);
/* a[i*rs + kk*cs]; b[kk*rs + j*cs]. Neither need be aligned. */
void hone__gemm_pack_a(const hone__gemm_kernel *kernel, float *dst, const hone_f32_unaligned *a, size_t rs, size_t cs,
                       size_t m, size_t k);
void hone__gemm_pack_b(const hone__gemm_kernel *kernel, float *dst, const hone_f32_unaligned *b, size_t rs, size_t cs,
                       size_t k, size_t n);
/* A part of that: rows [k0, k1) and columns [n0, n1) of b; n0 is a multiple of nr, and n1 too or it is n. */
void hone__gemm_pack_b_part(const hone__gemm_kernel *kernel, float *dst, const hone_f32_unaligned *b, size_t rs,
                            size_t cs, size_t k, size_t k0, size_t k1, size_t n0, size_t n1);

/* The product of packed operands over k0 .. k0+kc-1 of their k values, for callers that pack in their
 * own way (convolutions). a, b: the packed operands (panel 0); a_k, b_k: the k that their panels were
 * packed with. c: row-major, ldc. e: pointers at element (0, 0) of c; scratch: HONE_GEMM_SCRATCH floats,
 * private to the thread. */
enum { HONE_GEMM_SCRATCH = HONE_GEMM_MAX_MR * HONE_GEMM_MAX_NR };
void hone__gemm_macro(const hone__gemm_kernel *kernel, size_t m, size_t n, size_t k0, size_t kc, const float *a,
                      size_t a_k, const float *b, size_t b_k, float *c, size_t ldc, const hone__gemm_epilogue *e,
                      float *scratch);

/* The same over some panels of A, with B packed or lying in rows. */
typedef struct hone__gemm_block {
    size_t m, p0, p1;    /* rows that A's panels divide; the panels [p0, p1) are computed */
    size_t n;            /* columns */
    size_t k0, kc;       /* part of k: a is at k = 0 of panel p0, b at k0 */
    size_t a_k;          /* k that a's panels were packed with */
    size_t b_panel, ldb; /* floats from a panel of nr columns to the next, and from a row to the next */
    const float *b_next; /* the panel of B after the last of these, or NULL */
} hone__gemm_block;
void hone__gemm_tiles(const hone__gemm_kernel *kernel, const hone__gemm_block *block, const float *a, const float *b,
                      float *c, size_t ldc, const hone__gemm_epilogue *e, float *scratch);
/* Sets the fields that an activation decides. */
void hone__gemm_epilogue_act(hone__gemm_epilogue *e, const hone_act *act);

/* ---- planned products ---- */
typedef struct hone__gemm_problem {
    size_t m, n, k, batch; /* batch >= 1 */
    size_t a_rs, a_cs;     /* strides of A[i][k]; unused when packed */
    size_t b_rs, b_cs;     /* strides of B[k][j] */
    bool is_a_packed, is_b_packed;
} hone__gemm_problem;

typedef struct hone__gemm_config {
    uint32_t isa;
    int n_threads;
    int64_t l1d_bytes, l2_bytes, l3_bytes; /* <= 0: unknown */
    size_t split_m, split_n;               /* for measurements: into so many parts; 0: the plan decides */
} hone__gemm_config;

typedef enum hone__gemm_mode {
    HONE_GEMM_BLOCKED,  /* B packed, before or block by block */
    HONE_GEMM_DIRECT_B, /* few rows: B's rows are read where they lie (b_cs == 1) */
    HONE_GEMM_DOT       /* few rows: B's columns are read where they lie (b_rs == 1) */
} hone__gemm_mode;

typedef struct hone__gemm_plan {
    hone__gemm_problem problem;
    const hone__gemm_kernel *kernel;
    hone__gemm_mode mode;
    const char *name;         /* for reports */
    size_t mc_panels, kc, nc; /* blocks */
    size_t n_split_m, n_split_n, batch_step;
    size_t n_tasks;
    size_t thread_size;    /* bytes of workspace per thread */
    size_t workspace_size; /* bytes, n_threads of them */
} hone__gemm_plan;

/* False when a size overflows. */
bool hone__gemm_make_plan(const hone__gemm_problem *problem, const hone__gemm_config *config, hone__gemm_plan *out);

typedef struct hone__gemm_args {
    const float *a, *b;               /* packed if the problem says so */
    float *c;                         /* [batch][m][n], rows ldc apart; must not overlap a or b */
    const float *z;                   /* NULL: none; may be c */
    const float *bias_row, *bias_col; /* the same for every batch; NULL: none */
    size_t ldc, ldz;                  /* ldz 0: the same row for all */
    float alpha, beta;                /* beta scales z */
    hone_act act;
    /* Batch i is at offset i * stride, or at offsets[i] where a table is given. */
    size_t a_batch, b_batch, c_batch, z_batch;
    const size_t *a_offsets, *b_offsets, *z_offsets; /* [batch] or NULL */
} hone__gemm_args;

void hone__gemm_run_task(const hone__gemm_plan *plan, const hone__gemm_args *args, size_t task, int thread,
                         void *workspace);

#endif
