/* The machine: CPU, caches, cores really usable, memory, GPUs and the state that makes timings
 * noisy. Everything here is a snapshot taken by hone_machine_create. */
#ifndef HONE_MACHINE_H
#define HONE_MACHINE_H

#include <hone/status.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Instruction sets, as bits. X(NAME, bit, "name"). AVX512 means F+BW+DQ+VL; AVX2 means AVX2+FMA+F16C. */
#define HONE_ISA_TABLE(X)                                                                                              \
    X(AVX2, 0, "avx2")                                                                                                 \
    X(AVX512, 1, "avx512")                                                                                             \
    X(AVX_VNNI, 2, "avx_vnni")                                                                                         \
    X(AVX512_VNNI, 3, "avx512_vnni")                                                                                   \
    X(AVX512_BF16, 4, "avx512_bf16")                                                                                   \
    X(AVX512_FP16, 5, "avx512_fp16")                                                                                   \
    X(AMX_INT8, 6, "amx_int8")                                                                                         \
    X(AMX_BF16, 7, "amx_bf16")                                                                                         \
    X(NEON, 8, "neon")                                                                                                 \
    X(NEON_DOTPROD, 9, "neon_dotprod")

typedef enum hone_isa {
    HONE_ISA_GENERIC = 0, /* plain C only */
#define HONE_ISA_ENUM(name, bit, text) HONE_ISA_##name = 1 << bit,
    HONE_ISA_TABLE(HONE_ISA_ENUM)
#undef HONE_ISA_ENUM
} hone_isa;

typedef struct hone_gpu_info {
    char name[128];
    int64_t memory_total_bytes, memory_free_bytes;
    int compute_major, compute_minor;
    int driver_version; /* as cuDriverGetVersion gives it, e.g. 12040 */
} hone_gpu_info;

typedef struct hone_finding_note {
    char code[48]; /* "cpu_quota", "governor_powersave", ... */
    int severity;  /* 0 information, 1 warning, 2 problem */
    char message[256];
    char fix[256];
} hone_finding_note;

typedef struct hone_machine_info {
    char cpu_model[128], cpu_vendor[32], arch[16], os[128], hostname[64];
    uint32_t isa;      /* bits of hone_isa that the CPU and the system support */
    uint32_t isa_used; /* the same, less what HONE_ISA_MASK takes away */
    int n_logical, n_physical, n_sockets, n_numa;
    int n_affinity;     /* logical CPUs that sched_getaffinity allows */
    double cgroup_cpus; /* quota / period; 0: unlimited */
    int cgroup_version; /* 0 none, 1, 2 */
    int n_usable;       /* default number of threads: what affinity and quota really give */
    int64_t l1d_bytes, l2_bytes, l3_bytes;
    int64_t memory_total_bytes, memory_available_bytes, memory_limit_bytes; /* limit: cgroup, 0 none */
    double mhz_now, mhz_max;
    char governor[32];
    double load1; /* load average over a minute */
    bool is_virtual;
    uint64_t n_throttled; /* cgroup throttling events so far */
    int n_gpus;
    hone_gpu_info gpus[8];
    char onnxruntime_path[256], onnxruntime_version[32]; /* "" when none was found */
    char cuda_driver[64];
} hone_machine_info;

typedef struct hone_machine hone_machine;
HONE_API hone_status hone_machine_create(hone_machine **out, hone_error *error);
HONE_API void hone_machine_destroy(hone_machine *machine);
HONE_API const hone_machine_info *hone_machine_get_info(const hone_machine *machine);
/* What doctor says: each finding with a fix. */
HONE_API size_t hone_machine_note_count(const hone_machine *machine);
HONE_API const hone_finding_note *hone_machine_get_note(const hone_machine *machine, size_t index);

/* A short stable text that names hardware and versions, for cache keys. */
HONE_API const char *hone_machine_fingerprint(const hone_machine *machine);

#ifdef __cplusplus
}
#endif
#endif
