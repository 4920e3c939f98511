/* The table of convolution algorithms, and the plan's front door. A new algorithm is a new row. */
#include "kernels/conv/conv_internal.h"

#include <hone/machine.h>
#include <string.h>

#define GEMM_ROW(NAME, APPLICABLE, VARIANT, TABLE)                                                                     \
    {                                                                                                                  \
        .name = NAME, .accuracy = "sums in fp32, as accurate as the definition", .applicable = APPLICABLE,             \
        .plan = hone__conv_gemm_plan_fill, .pack = hone__conv_gemm_pack, .fill_table = TABLE,                          \
        .n_tasks = hone__conv_gemm_tasks, .run = hone__conv_gemm_run, .variant = VARIANT                               \
    }
#define SPECTRAL_ROW(NAME, ACCURACY, APPLICABLE, VARIANT)                                                              \
    {                                                                                                                  \
        .name = NAME, .accuracy = ACCURACY, .applicable = APPLICABLE, .plan = hone__conv_spectral_plan_fill,           \
        .pack = hone__conv_spectral_pack, .fill_table = hone__conv_spectral_table,                                     \
        .n_tasks = hone__conv_spectral_tasks, .run = hone__conv_spectral_run, .variant = VARIANT                       \
    }

#define WINOGRAD_ROW(NAME, ACCURACY, APPLICABLE, VARIANT)                                                              \
    {                                                                                                                  \
        .name = NAME, .accuracy = ACCURACY, .applicable = APPLICABLE, .plan = hone__conv_winograd_plan_fill,           \
        .pack = hone__conv_winograd_pack, .n_tasks = hone__conv_winograd_tasks, .run = hone__conv_winograd_run,        \
        .variant = VARIANT                                                                                             \
    }

static const char F23[] = "Winograd F(2,3): errors up to 0.1 of the allowance (see conv.h)";
static const char F43[] = "Winograd F(4,3): errors up to 0.2 of the allowance (see conv.h)";
static const char F53[] = "Winograd F(5,3): errors up to 0.4 of the allowance (see conv.h)";
static const char F63[] = "Winograd F(6,3): errors up to 0.7 of the allowance (see conv.h); at most 512 channels";
static const char FFT[] = "FFT: errors up to 0.1 of the allowance (see conv.h), relative to the tile's largest output";

const hone__conv_algo hone__conv_algos[] = {
    {.name = "direct",
     .accuracy = "sums in fp32, as accurate as the definition",
     .applicable = hone__conv_direct_applicable,
     .plan = hone__conv_direct_plan_fill,
     .pack = hone__conv_direct_pack,
     .n_tasks = hone__conv_direct_tasks,
     .run = hone__conv_direct_run},
    GEMM_ROW("implicit_gemm", hone__conv_gemm_applicable, HONE_CONV_PACK_SEGMENTS, NULL),
    GEMM_ROW("implicit_gemm_precomp", hone__conv_gemm_applicable, HONE_CONV_PACK_TABLE, hone__conv_gemm_table),
    GEMM_ROW("im2col_gemm", hone__conv_gemm_applicable, HONE_CONV_PACK_IM2COL, NULL),
    GEMM_ROW("gemm_1x1", hone__conv_pointwise_applicable, HONE_CONV_PACK_POINTWISE, NULL),
    {.name = "depthwise",
     .accuracy = "sums in fp32, as accurate as the definition",
     .applicable = hone__conv_depthwise_applicable,
     .plan = hone__conv_depthwise_plan_fill,
     .pack = hone__conv_depthwise_pack,
     .fill_table = hone__conv_depthwise_table,
     .n_tasks = hone__conv_depthwise_tasks,
     .run = hone__conv_depthwise_run},
    {.name = "blocked_1x1",
     .accuracy = "sums in fp32, as accurate as the definition",
     .applicable = hone__conv_blocked_pointwise_applicable,
     .plan = hone__conv_blocked_plan_fill,
     .pack = hone__conv_blocked_pack,
     .n_tasks = hone__conv_blocked_tasks,
     .run = hone__conv_blocked_run},
    {.name = "blocked_direct",
     .accuracy = "sums in fp32, as accurate as the definition",
     .applicable = hone__conv_blocked_direct_applicable,
     .plan = hone__conv_blocked_plan_fill,
     .pack = hone__conv_blocked_pack,
     .n_tasks = hone__conv_blocked_tasks,
     .run = hone__conv_blocked_run},
    {.name = "blocked_depthwise",
     .accuracy = "sums in fp32, as accurate as the definition",
     .applicable = hone__conv_blocked_dw_applicable,
     .plan = hone__conv_blocked_dw_plan_fill,
     .pack = hone__conv_blocked_dw_pack,
     .n_tasks = hone__conv_blocked_tasks,
     .run = hone__conv_blocked_dw_run},
    WINOGRAD_ROW("winograd_f23", F23, hone__conv_winograd_applicable, 102),
    WINOGRAD_ROW("winograd_f43", F43, hone__conv_winograd_applicable, 104),
    WINOGRAD_ROW("winograd_f53", F53, hone__conv_winograd_applicable, 105),
    WINOGRAD_ROW("winograd_f63", F63, hone__conv_winograd63_applicable, 106),
    WINOGRAD_ROW("winograd_f23_lean", F23, hone__conv_winograd_applicable, 2),
    WINOGRAD_ROW("winograd_f43_lean", F43, hone__conv_winograd_applicable, 4),
    WINOGRAD_ROW("winograd_f53_lean", F53, hone__conv_winograd_applicable, 5),
    WINOGRAD_ROW("winograd_f63_lean", F63, hone__conv_winograd63_applicable, 6),
    SPECTRAL_ROW("fft", FFT, hone__conv_fft_applicable, -2),
    SPECTRAL_ROW("fft_tiled", FFT, hone__conv_fft_applicable, -1),
};
const size_t hone__conv_n_algos = sizeof hone__conv_algos / sizeof hone__conv_algos[0];

const hone__conv_algo *hone__conv_algo_find(const char *name) {
    for (size_t i = 0; i < hone__conv_n_algos; i++)
        if (strcmp(hone__conv_algos[i].name, name) == 0)
            return &hone__conv_algos[i];
    return NULL;
}

const hone__conv_ops *hone__conv_ops_for(uint32_t isa) {
#if defined(__x86_64__)
    if (isa & HONE_ISA_AVX512)
        return &hone__conv_ops_avx512;
    if (isa & HONE_ISA_AVX2)
        return &hone__conv_ops_avx2;
#endif
    (void)isa;
    return &hone__conv_ops_generic;
}

static bool desc_is_sane(const hone__conv_desc *d) {
    const size_t all[] = {d->n,  d->c,  d->h,        d->w,        d->k,     d->r,     d->s,
                          d->oh, d->ow, d->stride_h, d->stride_w, d->dil_h, d->dil_w, d->groups};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] == 0 || all[i] > (size_t)1 << 40)
            return false;
    size_t bytes;
    return d->c % d->groups == 0 && d->k % d->groups == 0 && hone__conv_product(d->n, d->c, d->h, d->w * 4, &bytes) &&
           hone__conv_product(d->n, d->k, d->oh, d->ow * 4, &bytes) &&
           hone__conv_product(d->k, d->c, d->r, d->s * 4, &bytes) && d->pad_top < SIZE_MAX / 4 &&
           d->pad_left < SIZE_MAX / 4;
}

bool hone__conv_plan_init(hone__conv_plan *plan, const hone__conv_algo *algo, const hone__conv_desc *desc, uint32_t isa,
                          int n_threads) {
    memset(plan, 0, sizeof *plan);
    if (!desc_is_sane(desc) || !algo->applicable(desc))
        return false;
    plan->desc = *desc;
    plan->algo = algo;
    plan->ops = hone__conv_ops_for(isa);
    plan->n_threads = n_threads < 1 ? 1 : n_threads;
    return algo->plan(plan);
}

const char *hone__conv_isa_name(const hone__conv_plan *plan) { return plan->ops->isa; }
void hone__conv_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    plan->algo->pack(plan, w, packed);
}
void hone__conv_fill_table(const hone__conv_plan *plan, void *table) {
    if (plan->algo->fill_table && plan->table_size)
        plan->algo->fill_table(plan, table);
}
size_t hone__conv_n_tasks(const hone__conv_plan *plan, size_t phase) { return plan->algo->n_tasks(plan, phase); }
void hone__conv_run_task(const hone__conv_args *args, size_t phase, size_t task, int thread) {
    args->plan->algo->run(args, phase, task, thread);
}
