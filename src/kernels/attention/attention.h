/* Fused attention: O = softmax(scale Q K^T + mask) V per head, without the matrix of scores.
 *
 * After Dao et al., "FlashAttention" (2022), and Milakov and Gimelshein, "Online normalizer calculation
 * for softmax" (2018): keys are taken in blocks, a running maximum and sum per query correct what was
 * added before. Scores are kept transposed, [key][query], so that the softmax runs down vector lanes
 * without horizontal sums, and so that the probabilities are already the packed operand of the second
 * product. One to four queries (decoding with a KV cache) go another way: a dot product per key, then
 * a weighted sum of V's rows; both read K and V once where they lie.
 *
 * Kernels allocate nothing: a plan gives the number of independent tasks and the workspace, as for
 * kernels/gemm. */
#ifndef HONE_KERNELS_ATTENTION_H
#define HONE_KERNELS_ATTENTION_H

#include "kernels/gemm/gemm.h"

/* What an ISA adds to its GEMM row. */
typedef struct hone__attention_kernel {
    const char *name, *decode_name;
    uint32_t isa;
    /* A block of scores s[t][ld], `width` lanes used (one or two vectors), becomes exp(s - max). state:
     * [2][ld], the running maximum and sum. correction[ld]: what earlier sums must be multiplied by. */
    void (*softmax_columns)(float *s, size_t ld, size_t width, size_t t, float *state, float *correction);
    /* x[rows][ld] *= factor[ld]. */
    void (*scale_columns)(float *x, size_t ld, size_t width, size_t rows, const float *factor);
    /* s[i] = softmax over i of scale s[i] + mask[i * mask_step]; mask NULL: none. */
    void (*softmax_row)(float *s, size_t n, float scale, const float *mask, size_t mask_step);
} hone__attention_kernel;

const hone__attention_kernel *hone__attention_kernel_find(uint32_t isa);

/* Strides in elements; the innermost dim (d or dv) is contiguous. */
typedef struct hone__attention_operand {
    size_t batch, head, row;
} hone__attention_operand;

typedef struct hone__attention_problem {
    size_t batch, heads, kv_heads; /* heads is a multiple of kv_heads: each serves heads/kv_heads queries' heads */
    size_t s, t;                   /* queries, keys */
    size_t d, dv;
    hone__attention_operand q, k, v, o;
    bool has_mask;
    size_t mask_batch, mask_head, mask_q, mask_t; /* element strides, 0 where the mask is broadcast; mask_t 0 or 1 */
    size_t mask_batches;                          /* the mask repeats after so many batches; 0: never */
    /* A condition (1 or 0, as floats) with such strides: where it is 0 the score becomes fill, before the mask. */
    bool has_condition;
    size_t condition_batch, condition_head, condition_q, condition_t;
    float fill;
    bool causal;      /* query i sees keys 0 .. i + t - s only */
    bool zero_masked; /* a query that sees nothing gives zeros, not NaN */
} hone__attention_problem;

typedef struct hone__attention_plan {
    hone__attention_problem problem;
    const hone__gemm_kernel *gemm;
    const hone__attention_kernel *kernel;
    const char *name;
    bool is_decode;
    size_t chunk, n_chunks; /* queries per task */
    size_t key_block;
    size_t n_tasks, thread_size, workspace_size;
} hone__attention_plan;

/* False when a size overflows. */
bool hone__attention_make_plan(const hone__attention_problem *problem, const hone__gemm_config *config,
                               hone__attention_plan *out);

typedef struct hone__attention_args {
    const float *q, *k, *v, *mask, *condition;
    float *o;
    float scale;
} hone__attention_args;

void hone__attention_run_task(const hone__attention_plan *plan, const hone__attention_args *args, size_t task,
                              int thread, void *workspace);

#endif
