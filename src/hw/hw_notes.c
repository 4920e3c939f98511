/* Findings: what of this machine makes runs slower or timings less sure, each with a fix. */
#include "hw/hw_detect.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INFO, WARNING, PROBLEM };

/* Fills `fix` after the message; both are cut if too long. */
static hone_finding_note *HONE_PRINTF(4, 5)
    add(hone__hw_notes *notes, const char *code, int severity, const char *fmt, ...) {
    static _Thread_local hone_finding_note overflow;
    size_t max = sizeof notes->items / sizeof *notes->items;
    hone_finding_note *note = notes->n < max ? &notes->items[notes->n++] : &overflow;
    memset(note, 0, sizeof *note);
    snprintf(note->code, sizeof note->code, "%s", code);
    note->severity = severity;
    va_list args;
    va_start(args, fmt);
    vsnprintf(note->message, sizeof note->message, fmt, args);
    va_end(args);
    return note;
}

static void HONE_PRINTF(2, 3) fix(hone_finding_note *note, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(note->fix, sizeof note->fix, fmt, args);
    va_end(args);
}

static double gib(int64_t bytes) { return (double)bytes / (1 << 30); }

static void check_isa(const hone_machine_info *info, hone__hw_notes *notes) {
    char names[128];
    if (info->isa_used != info->isa)
        fix(add(notes, "isa_masked", WARNING, "HONE_ISA_MASK leaves only these instruction sets: %s",
                hone__hw_isa_names(info->isa_used, names, sizeof names)),
            "unset HONE_ISA_MASK to use all that the CPU has");
    uint32_t allowed;
    if (!hone__hw_parse_isa_mask(getenv("HONE_ISA_MASK"), &allowed))
        fix(add(notes, "isa_mask_unknown", WARNING, "HONE_ISA_MASK names an unknown instruction set and is ignored"),
            "use generic, avx2, avx512, avx512_vnni, ... separated by commas");
#if defined(__x86_64__)
    if (!(info->isa & HONE_ISA_AVX2))
        fix(add(notes, "no_avx2", WARNING, "the CPU (or the virtual machine) has no AVX2, so plain C kernels run"),
            "use a CPU from 2015 or later; in a virtual machine choose the CPU type \"host\"");
#endif
}

static void check_cores(const hone_machine_info *info, const hone__hw_extra *extra, hone__hw_notes *notes) {
    if (info->cgroup_cpus > 0 && info->cgroup_cpus < info->n_affinity)
        fix(add(notes, "cpu_quota", WARNING, "a cgroup quota gives %.2f of the %d CPUs that are visible",
                info->cgroup_cpus, info->n_affinity),
            "raise it (docker --cpus, Kubernetes limits.cpu); %d thread%s used by default meanwhile", info->n_usable,
            info->n_usable == 1 ? " is" : "s are");
    if (info->n_throttled)
        fix(add(notes, "cpu_throttled", WARNING, "the cgroup was held up by its CPU quota %llu times so far%s",
                (unsigned long long)info->n_throttled, extra->n_periods ? ", so timings show pauses" : ""),
            "raise the quota, or use fewer threads than it gives");
    if (info->n_affinity < info->n_logical)
        fix(add(notes, "affinity", INFO, "the process may use %d of %d CPUs", info->n_affinity, info->n_logical),
            "start it without taskset or cpuset to use all");
    if (extra->n_performance < extra->n_online)
        fix(add(notes, "hybrid", INFO, "%d of %d CPUs are of the fast kind; only those are used by default",
                extra->n_performance, extra->n_online),
            "set intra_op_num_threads to use the others too");
    if (extra->has_smt)
        fix(add(notes, "smt", INFO, "%d CPUs share %d cores; one thread per core is used by default", info->n_logical,
                info->n_physical),
            "set intra_op_num_threads to try more: hone tune does");
    if (info->n_numa > 1)
        fix(add(notes, "numa", INFO, "memory is split over %d NUMA nodes", info->n_numa),
            "keep a process on one node: numactl --cpunodebind=0 --membind=0");
}

static void check_noise(const hone_machine_info *info, const hone__hw_extra *extra, hone__hw_notes *notes) {
    if (info->governor[0] && strcmp(info->governor, "performance") != 0) {
        char code[48];
        snprintf(code, sizeof code, "governor_%.31s", info->governor);
        fix(add(notes, code, strcmp(info->governor, "powersave") ? INFO : WARNING,
                "the CPU frequency governor is \"%s\"", info->governor),
            "cpupower frequency-set -g performance");
    }
    if (info->load1 > 0.5 && info->load1 > 0.15 * info->n_logical)
        fix(add(notes, "load", info->load1 > 0.5 * info->n_logical ? WARNING : INFO,
                "other work keeps %.1f of %d CPUs busy (load average of a minute)", info->load1, info->n_logical),
            "stop it, or measure when the machine is quiet");
    if (extra->n_thermal)
        fix(add(notes, "thermal_throttling", WARNING, "the CPU slowed itself down for heat %llu times since boot",
                (unsigned long long)extra->n_thermal),
            "improve cooling or lower the power limit; compare short runs with long ones");
    if (info->mhz_max > 0 && info->mhz_now < 0.6 * info->mhz_max)
        fix(add(notes, "clock_low", INFO, "the CPU runs at %.0f of %.0f MHz now", info->mhz_now, info->mhz_max),
            "warm up before measuring, or set the governor to performance");
    if (info->is_virtual)
        fix(add(notes, "virtual_machine", INFO,
                "this is a virtual machine: neighbours can slow it, and some counters are hidden"),
            "compare settings in interleaved runs only, as bench and tune do");
}

static void check_memory(const hone_machine_info *info, const hone__hw_extra *extra, hone__hw_notes *notes) {
    if (info->memory_limit_bytes)
        fix(add(notes, "memory_limit", INFO, "a cgroup limits memory to %.1f of %.1f GiB",
                gib(info->memory_limit_bytes), gib(info->memory_total_bytes)),
            "raise it (docker --memory, Kubernetes limits.memory) if models do not fit");
    int64_t left =
        info->memory_available_bytes < extra->memory_headroom ? info->memory_available_bytes : extra->memory_headroom;
    if (left < (int64_t)512 << 20)
        fix(add(notes, "memory_low", PROBLEM, "only %lld MiB of memory are left", (long long)(left >> 20)),
            "stop other programs, raise the limit, or use a smaller model");
    int64_t swapped = extra->swap_total_bytes - extra->swap_free_bytes;
    if (swapped > (int64_t)64 << 20)
        fix(add(notes, "swap_in_use", WARNING, "%lld MiB are swapped out, so runs may wait for the disk",
                (long long)(swapped >> 20)),
            "free memory, then swapoff -a and swapon -a");
    if (!strcmp(extra->thp, "never"))
        fix(add(notes, "thp_off", INFO,
                "transparent huge pages are off, which costs address translation on big models"),
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
    if (extra->n_hugepages)
        fix(add(notes, "hugepages_reserved", INFO, "%lld huge pages are set aside and not usable for weights",
                (long long)extra->n_hugepages),
            "sysctl vm.nr_hugepages=0 if nothing else needs them");
}

static void check_cuda(const hone_machine_info *info, const hone__hw_extra *extra, hone__hw_notes *notes) {
    if (!info->n_gpus) {
        if (extra->has_nvidia_device)
            fix(add(notes, "gpu_unusable", PROBLEM, "an NVIDIA driver is loaded but CUDA cannot be used: %.120s",
                    extra->cuda_error),
                "install the driver's libcuda1 in the same version; in a container use --gpus all");
        else
            fix(add(notes, "gpu_none", INFO, "no NVIDIA GPU was found (%.120s)", extra->cuda_error),
                "nothing to do: models run on the CPU");
        return;
    }
    int driver = extra->cuda_driver_version, runtime = extra->cudart_version;
    if (runtime / 1000 > driver / 1000)
        fix(add(notes, "cuda_driver_old", PROBLEM, "the driver offers CUDA %d.%d, the CUDA runtime here is %d.%d",
                driver / 1000, driver % 1000 / 10, runtime / 1000, runtime % 1000 / 10),
            "update the driver, or use libraries built for CUDA %d", driver / 1000);
    if (!runtime)
        fix(add(notes, "cudart_missing", INFO, "no CUDA runtime library (libcudart) was found"),
            "only other runtimes need it; install the CUDA toolkit's runtime for CUDA %d", driver / 1000);
    if (extra->cudnn_version && extra->cudnn_cudart_version && runtime &&
        extra->cudnn_cudart_version / 1000 != runtime / 1000)
        fix(add(notes, "cudnn_cuda_mismatch", PROBLEM, "cuDNN was built for CUDA %d, the CUDA runtime here is %d.%d",
                extra->cudnn_cudart_version / 1000, runtime / 1000, runtime % 1000 / 10),
            "install the cuDNN package for CUDA %d", runtime / 1000);
    for (int i = 0; i < info->n_gpus; i++) {
        if (extra->n_gpu_processes[i] > 0)
            fix(add(notes, "gpu_shared", WARNING, "%d other process%s use%s GPU %d (%s)", extra->n_gpu_processes[i],
                    extra->n_gpu_processes[i] == 1 ? "" : "es", extra->n_gpu_processes[i] == 1 ? "s" : "", i,
                    info->gpus[i].name),
                "stop them (nvidia-smi lists them) or choose another device with CUDA_VISIBLE_DEVICES");
        else if (extra->gpu_utilization[i] > 10)
            fix(add(notes, "gpu_busy", WARNING, "GPU %d is %d %% busy", i, extra->gpu_utilization[i]),
                "measure when it is idle");
        if (extra->gpu_is_slowed[i])
            fix(add(notes, "gpu_slowed", WARNING, "GPU %d holds its clocks down for heat or power", i),
                "improve cooling or raise the power limit (nvidia-smi -pl)");
    }
}

static void check_onnxruntime(const hone_machine_info *info, const hone__hw_extra *extra, hone__hw_notes *notes) {
    if (!info->onnxruntime_version[0]) {
        if (extra->ort_was_named)
            fix(add(notes, "onnxruntime_unusable", PROBLEM, "HONE_ONNXRUNTIME cannot be used: %.200s",
                    extra->ort_error),
                "let it name libonnxruntime.so or the folder that holds it");
        else
            fix(add(notes, "onnxruntime_none", INFO, "ONNX Runtime was not found"),
                "only the backend onnxruntime needs it: let HONE_ONNXRUNTIME name it (tools/fetch-onnxruntime gets "
                "one)");
        return;
    }
    if (!info->n_gpus)
        return;
    int major = 0, minor = 0;
    sscanf(info->onnxruntime_version, "%d.%d", &major, &minor);
    if (!extra->has_ort_cuda) {
        fix(add(notes, "onnxruntime_cpu_only", WARNING, "ONNX Runtime %s has no CUDA provider, though there is a GPU",
                info->onnxruntime_version),
            "install its GPU package");
        return;
    }
    /* ONNX Runtime's requirements table: cuDNN 9 and CUDA 12 from 1.19 on, cuDNN 8 before. */
    int wants_cudnn = major > 1 || minor >= 19 ? 9 : 8;
    int has_cudnn = extra->cudnn_version >= 10000 ? extra->cudnn_version / 10000 : extra->cudnn_version / 1000;
    if (!has_cudnn)
        fix(add(notes, "cudnn_missing", PROBLEM, "ONNX Runtime's CUDA provider needs cuDNN %d, which was not found",
                wants_cudnn),
            "install libcudnn%d and put its folder on the library path", wants_cudnn);
    else if (has_cudnn != wants_cudnn)
        fix(add(notes, "cudnn_version", PROBLEM, "ONNX Runtime %s needs cuDNN %d, found is %d",
                info->onnxruntime_version, wants_cudnn, has_cudnn),
            "install libcudnn%d, or an ONNX Runtime that fits", wants_cudnn);
    if (minor >= 19 && extra->cudart_version && extra->cudart_version / 1000 < 12)
        fix(add(notes, "onnxruntime_cuda_version", PROBLEM, "ONNX Runtime %s needs CUDA 12, the runtime here is %d.%d",
                info->onnxruntime_version, extra->cudart_version / 1000, extra->cudart_version % 1000 / 10),
            "install the CUDA 12 runtime libraries");
}

void hone__hw_find_notes(const hone_machine_info *info, const hone__hw_extra *extra, hone__hw_notes *out) {
    out->n = 0;
    check_isa(info, out);
    check_cores(info, extra, out);
    check_noise(info, extra, out);
    check_memory(info, extra, out);
    check_cuda(info, extra, out);
    check_onnxruntime(info, extra, out);
}
