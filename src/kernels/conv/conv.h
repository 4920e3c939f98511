/* Two-dimensional convolutions, fp32, NCHW in and out: the table of algorithms and how one is run.
 *
 * Where it stands: exec/cpu/cpu_conv.c picks a row for a layer, makes a plan (sizes and blocking, no
 * memory), packs the weights once and runs the plan's phases on the thread pool. Nothing here allocates
 * or starts threads: the caller gives packed weights, the table and the workspace, whose sizes the plan states.
 *
 * A plan runs in phases; within a phase tasks are independent, between phases the caller waits for all
 * of them. Thread t of n_threads uses its own slice of the workspace.
 *
 * Accuracy. The project allows outputs to differ by 1e-5*max(1, max|b|) + 1e-3*|b|. Largest error of one layer in units
 * of that, measured by bench/bench_conv over the layers of bench/shapes/conv.txt with uniform random inputs and
 * weights: direct, GEMM forms and depthwise 0.08; F(2,3) 0.1; F(4,3) 0.15; F(5,3) 0.35; F(6,3) 0.58, reached at 64
 * channels as at 512, because products are summed in chunks of at most 64 channels, of F(6,3) 32 (in one go it would be
 * 0.96 at 128 and 1.25 at 512). So F(6,3) is applied up to 512 channels, where the cost model finds it more than 2 %
 * faster than the others. Tests bound the same in units of fp32 epsilon times the sum of magnitudes.
 *
 * 1-D convolutions are 2-D ones with h = r = 1. Kernels never read outside x, z, w and never write outside y
 * and the stated workspace. */
#ifndef HONE_KERNELS_CONV_CONV_H
#define HONE_KERNELS_CONV_CONV_H

#include "base/dtype.h"
#include "kernels/activation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How activations lie in memory: [n][c][h][w], or blocked: [n][ceil(c/B)][h][w][B] with B the floats of a vector of
 * the ISA (hone__conv_block_size). Lanes past the last channel hold anything: nothing that counts is computed from
 * them. */
typedef enum hone__conv_layout { HONE_CONV_LAYOUT_NCHW, HONE_CONV_LAYOUT_BLOCKED } hone__conv_layout;
size_t hone__conv_block_size(uint32_t isa);

/* y[n,k,oh,ow] = act(bias[k] + z + sum over c,r,s of x[n, g*C/G + c, oh*stride - pad + r*dil, ...] * w[k,c,r,s]).
 * Bottom and right padding follow from oh and ow. */
typedef struct hone__conv_desc {
    size_t n, c, h, w; /* input; c counts all groups */
    size_t k, r, s;    /* output channels and kernel */
    size_t oh, ow;
    size_t stride_h, stride_w, dil_h, dil_w;
    size_t pad_top, pad_left;
    size_t groups;
    hone__conv_layout layout;   /* of y and z */
    hone__conv_layout x_layout; /* NCHW, or `layout` */
    hone_act act;
} hone__conv_desc;

typedef struct hone__conv_algo hone__conv_algo;
typedef struct hone__conv_ops hone__conv_ops; /* an ISA bundle; conv_ops.h */

/* Blocking of the algorithms that are one GEMM per image and group. */
typedef struct hone__conv_gemm_plan {
    size_t depth;          /* c/groups * r * s */
    size_t pixels;         /* oh * ow */
    size_t block, n_block; /* pixels per task */
    size_t chunk, n_chunk; /* output channels per task (multiple of the kernel's rows) */
    size_t kc;             /* depth per pass */
    size_t scratch;        /* floats per thread */
} hone__conv_gemm_plan;

typedef struct hone__conv_direct_plan {
    hone__conv_desc flat; /* the layer as worked on: pointwise ones become one long row */
    size_t rows, n_rows;  /* output rows per task, row chunks */
    size_t n_kblock;      /* vector-pair blocks of output channels in a group */
    size_t tile, chunk_c; /* pixels per tile; channels copied at once at borders */
    size_t window;        /* floats in a row of the copied window */
    size_t scratch;
} hone__conv_direct_plan;

/* FFT: transform, one GEMM per frequency, transform back; conv_spectral.c. */
typedef struct hone__conv_spectral_plan {
    size_t tile_h, tile_w; /* input tile */
    size_t out_h, out_w;   /* output tile */
    size_t n_freq;
    size_t depth, width;              /* GEMM sizes per frequency: c and k padded to vectors, doubled */
    size_t n_nblock;                  /* weight blocks across width */
    size_t tiles_h, tiles_w, n_tiles; /* per image; all images */
    size_t block_tiles, n_block;      /* tiles per task; tasks */
    size_t scratch;                   /* floats per thread */
} hone__conv_spectral_plan;

/* conv_winograd.c */
typedef struct hone__conv_winograd_plan {
    bool is_lean;             /* weights are transformed while they are used */
    size_t tile, out, n_freq; /* sides of the input and output tile; tile*tile */
    size_t depth;             /* input channels, padded to vectors */
    size_t chunk, n_chunk;    /* input channels whose products are summed at once */
    size_t n_kblock;          /* blocks of two vectors of output channels */
    size_t tiles_h, tiles_w, n_tiles;
    size_t band_tiles, n_band; /* a task: tiles times */
    size_t n_jpart, n_part;    /* blocks of output channels */
    size_t v_fs, m_fs, u_fs;   /* floats between frequencies */
    size_t v_size, scratch;    /* floats of V and of a thread's memory */
    double cost;               /* estimate, in vector multiply-adds of the slowest thread */
} hone__conv_winograd_plan;

typedef struct hone__conv_depthwise_plan {
    size_t multiplier;
    size_t pitch;                /* floats in a row of a phase plane */
    size_t plane_rows;           /* rows in a phase plane for one chunk */
    size_t rows, n_rows;         /* output rows per chunk; chunks */
    size_t channels, n_channels; /* input channels per task; chunks */
    size_t plane_size, flat_size, scratch;
} hone__conv_depthwise_plan;

/* Convolutions in the blocked layout; conv_blocked.c. */
typedef struct hone__conv_blocked_plan {
    hone__conv_desc flat;                  /* pointwise layers become one long row */
    size_t groups, cg, kg;                 /* groups as worked on: several small ones make one that fills a block */
    size_t lanes;                          /* output channels in a vector: all of a block, or half */
    size_t block;                          /* input channels side by side: a block's, or all when x is NCHW */
    size_t x_plane, y_plane;               /* floats in a block of channels (x: in a plane when NCHW) */
    bool half_tail;                        /* the last panel is one half vector of output channels */
    size_t n_panel, n_jchunk;              /* panels of two vectors of output channels in a group; chunks of them */
    size_t units, n_chunk;                 /* output rows (tiles of the one row when pointwise); chunks of them */
    size_t tile;                           /* pixels */
    size_t row_lo, row_hi, col_lo, col_hi; /* output positions whose taps all lie inside */
    bool is_split;     /* of a task's number the chunk of pixels varies fastest, not that of panels */
    bool panels_outer; /* a task's loop over panels lies outside that over tiles */
    bool is_padded;    /* depthwise: planes are copied into padded ones */
    size_t pad_w, pad_h, scratch;
} hone__conv_blocked_plan;

typedef struct hone__conv_plan {
    hone__conv_desc desc;
    const hone__conv_algo *algo;
    const hone__conv_ops *ops;
    int n_threads;
    size_t n_phases;
    size_t packed_size, table_size, workspace_size; /* bytes; each wants 64-byte alignment */
    uint64_t pack_key; /* plans with equal keys share packed weights (of one layer and ISA), also between algorithms */
    union {
        hone__conv_gemm_plan gemm;
        hone__conv_direct_plan direct;
        hone__conv_spectral_plan spectral;
        hone__conv_winograd_plan winograd;
        hone__conv_depthwise_plan depthwise;
        hone__conv_blocked_plan blocked;
    };
} hone__conv_plan;

typedef struct hone__conv_args {
    const hone__conv_plan *plan;
    const float *x;
    const float *packed; /* from hone__conv_pack */
    const void *table;   /* from hone__conv_fill_table; NULL when table_size is 0 */
    const float *bias;   /* [k] or NULL */
    const float *z;      /* like y, or NULL; must not overlap y */
    float *y;
    void *workspace;
    const float *scale; /* NULL; or what input channels are multiplied by, [n][c up to whole blocks]: only after
                           hone__conv_scale_init */
} hone__conv_args;

/* Gives a pointwise convolution of the blocked layout an input that is scaled per image and channel (squeeze and
 * excite): every task multiplies its weights instead. False when the plan is another's, or, unless it is asked for
 * always, when there would be more multiplications than of the input. */
bool hone__conv_scale_init(hone__conv_plan *plan, bool always);

/* A chain of a dense, a depthwise and (or NULL) a pointwise convolution in the blocked layout, run as one;
 * conv_blocked_chain.c. The plans of the parts must outlive it. */
typedef struct hone__conv_chain_plan {
    hone__conv_plan first; /* by rows, also where its own plan is one long row */
    const hone__conv_plan *depthwise, *project;
    size_t n_band, n_jchunk;                          /* tasks of an image: bands of rows, chunks of panels */
    size_t rows;                                      /* output rows of the depthwise part worked on at once */
    size_t mid_rows, mid_pitch, mid_plane, out_plane; /* its input and output in scratch, floats */
    size_t tile;                                      /* pixels */
    size_t scratch;                                   /* floats per thread */
    size_t workspace_size;                            /* bytes */
} hone__conv_chain_plan;

typedef struct hone__conv_chain_args {
    const hone__conv_chain_plan *plan;
    hone__conv_args first, depthwise, project; /* of each packed and bias; x of the first, z and y of the last */
    void *workspace;
} hone__conv_chain_args;

/* False when these are no chain, or no scratch would hold a row. */
bool hone__conv_chain_plan_init(hone__conv_chain_plan *chain, const hone__conv_plan *first,
                                const hone__conv_plan *depthwise, const hone__conv_plan *project);
/* Whether a chain is estimated to take less time than its parts one after the other; l2_bytes: of a core. */
bool hone__conv_chain_pays(const hone__conv_chain_plan *chain, size_t l2_bytes);
size_t hone__conv_chain_tasks(const hone__conv_chain_plan *chain);
void hone__conv_chain_run(const hone__conv_chain_args *args, size_t task, int thread);

/* A depthwise convolution of channels-last tensors, x [n][h][w][c] and y, z [n][oh][ow][c]; conv_channels_last.c. */
typedef struct hone__conv_last_plan {
    hone__conv_desc desc; /* its layouts are not looked at */
    const hone__conv_ops *ops;
    size_t n_block;              /* vectors of channels */
    size_t n_band, rows;         /* bands of output rows, and their height */
    size_t n_split;              /* parts of the channels */
    size_t pad_w, pad_h, tile;   /* padded plane; pixels */
    size_t thread_size, n_tasks; /* bytes of workspace per thread */
    size_t packed_size, workspace_size;
} hone__conv_last_plan;

typedef struct hone__conv_last_args {
    const hone__conv_last_plan *plan;
    const float *x, *packed, *bias, *z; /* bias, z: or NULL */
    float *y;
    void *workspace; /* 64-byte aligned */
} hone__conv_last_args;

/* False when channels do not fill vectors of this ISA, the layer is not depthwise, or sizes overflow. */
bool hone__conv_last_plan_init(hone__conv_last_plan *plan, const hone__conv_desc *desc, uint32_t isa, int n_threads);
/* w: [c][taps]. */
void hone__conv_last_pack(const hone__conv_ops *ops, const hone_f32_unaligned *w, size_t c, size_t taps, float *packed);
void hone__conv_last_run(const hone__conv_last_args *args, size_t task, int thread);

struct hone__conv_algo {
    const char *name;     /* "winograd_f43" */
    const char *accuracy; /* one sentence */
    bool (*applicable)(const hone__conv_desc *desc);
    bool (*plan)(hone__conv_plan *plan); /* false: sizes overflow, or the algorithm is absurd for this shape */
    void (*pack)(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
    void (*fill_table)(const hone__conv_plan *plan, void *table); /* NULL: none */
    size_t (*n_tasks)(const hone__conv_plan *plan, size_t phase);
    void (*run)(const hone__conv_args *args, size_t phase, size_t task, int thread);
    int variant; /* tile size or packer, private to the algorithm */
};

/* The table, and a row by name (NULL if there is none). */
extern const hone__conv_algo hone__conv_algos[];
extern const size_t hone__conv_n_algos;
const hone__conv_algo *hone__conv_algo_find(const char *name);

/* Makes a plan; false when the algorithm does not apply to the layer. isa: bits of hone_isa. */
bool hone__conv_plan_init(hone__conv_plan *plan, const hone__conv_algo *algo, const hone__conv_desc *desc, uint32_t isa,
                          int n_threads);
const char *hone__conv_isa_name(const hone__conv_plan *plan); /* "generic", "avx2", "avx512" */

/* w: [k, c/groups, r, s], at any address. */
void hone__conv_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed);
void hone__conv_fill_table(const hone__conv_plan *plan, void *table);
size_t hone__conv_n_tasks(const hone__conv_plan *plan, size_t phase);
void hone__conv_run_task(const hone__conv_args *args, size_t phase, size_t task, int thread);

/* Estimated seconds of a plan on this machine's kind (fitted on measurements, see conv_cost.c). */
double hone__conv_cost(const hone__conv_plan *plan);
/* Multiply-adds of the layer as it is defined, times two. */
double hone__conv_flops(const hone__conv_desc *desc);

/* ---- the blocked layout at its edges, and pooling in it ---- */

/* Floats of a blocked tensor; false on overflow. */
bool hone__conv_blocked_floats(size_t n, size_t c, size_t pixels, size_t block, size_t *floats);
/* One block of channels (image*blocks + block) between NCHW and the blocked layout, pixels [begin, end). */
void hone__conv_block_from_nchw(uint32_t isa, const float *x, size_t c, size_t pixels, size_t index, size_t begin,
                                size_t end, float *y);
void hone__conv_block_to_nchw(uint32_t isa, const float *x, size_t c, size_t pixels, size_t index, size_t begin,
                              size_t end, float *y);

/* ---- transposed convolutions: GEMM into columns, then col2im. x: [n,c,h,w], w: [c, k/groups, r, s] ---- */
typedef struct hone__deconv_plan {
    hone__conv_desc desc; /* oh, ow: of the output; pads: those taken from it */
    const hone__conv_ops *ops;
    int n_threads;
    size_t n_phases, packed_size, workspace_size;
    size_t rows, pixels, block, n_block, chunk, n_chunk, scratch;
} hone__deconv_plan;

typedef struct hone__deconv_args {
    const hone__deconv_plan *plan;
    const float *x, *packed, *bias;
    float *y;
    void *workspace;
} hone__deconv_args;

bool hone__deconv_plan_init(hone__deconv_plan *plan, const hone__conv_desc *desc, uint32_t isa, int n_threads);
void hone__deconv_pack(const hone__deconv_plan *plan, const hone_f32_unaligned *w, float *packed);
size_t hone__deconv_n_tasks(const hone__deconv_plan *plan, size_t phase);
void hone__deconv_run_task(const hone__deconv_args *args, size_t phase, size_t task, int thread);

#endif
