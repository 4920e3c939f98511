/* Inside the room hw: what each detector gives. Reading is separated from what is read: everything that
 * comes from /proc and /sys goes through a root folder ("" is the machine itself), so that tests
 * replay recorded trees. */
#ifndef HONE_HW_HW_DETECT_H
#define HONE_HW_HW_DETECT_H

#include <hone/machine.h>

enum { HONE_HW_MAX_CPUS = 4096 };

/* A set of CPU numbers. */
typedef struct hone__cpu_list {
    uint64_t bits[HONE_HW_MAX_CPUS / 64];
} hone__cpu_list;

bool hone__cpu_list_has(const hone__cpu_list *list, int cpu);
void hone__cpu_list_add(hone__cpu_list *list, int cpu);
int hone__cpu_list_count(const hone__cpu_list *list);
/* Adds the numbers of a text like "0-3,8,10-11"; false (some may have been added) when it is not one. */
bool hone__cpu_list_parse(const char *text, hone__cpu_list *list);

/* ---- files below a root (hw_files.c) ---- */
/* The first line of root/path without its newline; false when it cannot be read. */
bool hone__hw_read_line(const char *root, const char *path, char *buf, size_t size);
/* Up to size-1 bytes of the file, NUL-terminated; false when it cannot be read. */
bool hone__hw_read_text(const char *root, const char *path, char *buf, size_t size);
bool hone__hw_read_int(const char *root, const char *path, int64_t *out);

/* ---- control groups (hw_cgroup.c) ---- */
typedef struct hone__cgroup_limits {
    int version;             /* 0 none, 1, 2 */
    double cpus;             /* smallest quota / period up the hierarchy; 0: unlimited */
    int64_t memory_limit;    /* smallest limit up the hierarchy; 0: none */
    int64_t memory_headroom; /* smallest limit less what is in use and not reclaimable; INT64_MAX: no limit */
    uint64_t n_throttled;    /* times the process's group was held up by its quota */
    uint64_t n_periods;      /* of how many periods */
} hone__cgroup_limits;
void hone__hw_read_cgroup(const char *root, hone__cgroup_limits *out);

/* ---- the system (hw_system.c) ---- */
/* Facts that only the findings use. */
typedef struct hone__hw_extra {
    int n_online, n_performance; /* online CPUs; those among the fastest kind */
    int n_usable_logical;        /* in affinity and performance, before the quota */
    int64_t swap_total_bytes, swap_free_bytes;
    char thp[32]; /* transparent huge pages: "always", "madvise", "never"; "" unknown */
    int64_t n_hugepages;
    uint64_t n_thermal;      /* thermal throttling events of all cores */
    int64_t memory_headroom; /* of the cgroup; INT64_MAX: no limit */
    uint64_t n_periods;
    bool has_smt;
    /* GPU software, "" or 0 when not found. */
    bool has_nvidia_device; /* a device node or driver is there, whether or not its library is */
    char cuda_error[128];   /* why the driver library could not be used */
    char nvidia_driver[32];
    int cuda_driver_version; /* 12040 */
    int cudart_version, cudnn_version, cudnn_cudart_version;
    bool has_ort_cuda, has_ort_tensorrt; /* provider libraries beside ONNX Runtime */
    bool ort_was_named;                  /* HONE_ONNXRUNTIME is set */
    char ort_error[256];                 /* why the named library could not be used */
    int n_gpu_processes[8];              /* other processes that compute there; -1 unknown */
    int gpu_utilization[8];              /* percent; -1 unknown */
    bool gpu_is_slowed[8];               /* clocks held down by heat or power */
} hone__hw_extra;

/* Fills CPU topology, caches, memory, clocks and load from root. affinity: the CPUs that the process may
 * use, NULL for all. Fields that cannot be found keep what they had. */
void hone__hw_read_system(const char *root, const hone__cpu_list *affinity, hone_machine_info *info,
                          hone__hw_extra *extra);

/* ---- the instruction set (hw_isa.c) ---- */
uint32_t hone__hw_detect_isa(void);
void hone__hw_cpuid_names(char *vendor, size_t vendor_size, char *model, size_t model_size);
bool hone__hw_cpuid_hypervisor(void);
/* Bits allowed by a mask text; false when a name is unknown (allowed is then all bits). */
bool hone__hw_parse_isa_mask(const char *text, uint32_t *allowed);
/* "avx2,avx512" into buf; "generic" for none. Returns buf. */
const char *hone__hw_isa_names(uint32_t isa, char *buf, size_t size);

/* ---- devices and libraries, looked up at run time (hw_gpu.c, hw_libraries.c) ---- */
void hone__hw_probe_gpus(hone_machine_info *info, hone__hw_extra *extra);
void hone__hw_probe_libraries(hone_machine_info *info, hone__hw_extra *extra);

/* ---- findings (hw_notes.c) ---- */
typedef struct hone__hw_notes {
    hone_finding_note items[48];
    size_t n;
} hone__hw_notes;
void hone__hw_find_notes(const hone_machine_info *info, const hone__hw_extra *extra, hone__hw_notes *out);

#endif
