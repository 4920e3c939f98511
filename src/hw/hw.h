/* The machine, for inside use: what the kernels may use, cache sizes for blocking, threads by
 * default. hone/machine.h is the public, fuller view built on this room. */
#ifndef HONE_HW_HW_H
#define HONE_HW_HW_H

#include <hone/machine.h>

/* Detected once per process, thread-safe, never fails (unknown things keep safe defaults). */
const hone_machine_info *hone__hw_info(void);

/* ISA bits that kernels may use: detected, less the mask in HONE_ISA_MASK (environment: "generic",
 * "avx2", "avx512", or a comma list of names; the named sets bound what is used) or set by a test. */
uint32_t hone__hw_isa(void);
void hone__hw_set_isa_mask(uint32_t mask); /* for tests: hone__hw_isa() returns detected & mask */

/* Default number of threads: min(affinity, ceil of cgroup quota), performance cores only. */
int hone__hw_default_threads(void);

/* Bytes of memory this process may still take: min of available and the cgroup's headroom. */
int64_t hone__hw_memory_available(void);

/* Files to try for ONNX Runtime's library, in order: those that `named` gives (a library or a folder of them), else
 * those of HONE_ONNXRUNTIME, else the system's search path and the places where packages put it. NULL-terminated;
 * NULL without memory. */
char **hone__hw_onnxruntime_files(const char *named);
void hone__hw_free_files(char **files);

#endif
