/* NVIDIA GPUs, through libraries that the driver brings and that are loaded at run time: the CUDA driver
 * API for what a device is, NVML for who else uses it. Nothing of them is needed to build; the few
 * declarations below follow the CUDA driver API and NVML reference manuals. No context is created, so
 * a look costs no device memory. */
#include "hw/hw_detect.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The driver API's calling convention on Linux is plain C; results are CUresult, 0 is success. */
typedef struct cuda_api {
    int (*init)(unsigned flags);
    int (*driver_version)(int *version);
    int (*device_count)(int *count);
    int (*device_get)(int *device, int ordinal);
    int (*device_name)(char *name, int size, int device);
    int (*device_memory)(size_t *bytes, int device);
    int (*device_attribute)(int *value, int attribute, int device);
    int (*device_bus_id)(char *text, int size, int device);
    int (*error_string)(int result, const char **text);
} cuda_api;
enum { CU_COMPUTE_MAJOR = 75, CU_COMPUTE_MINOR = 76 };

typedef struct nvml_memory {
    unsigned long long total, free, used;
} nvml_memory;
typedef struct nvml_utilization {
    unsigned gpu, memory;
} nvml_utilization;
/* nvmlProcessInfo_v2_t, which the _v3 call fills. */
typedef struct nvml_process {
    unsigned pid;
    unsigned long long used_memory;
    unsigned gpu_instance, compute_instance;
} nvml_process;
typedef struct nvml_api {
    int (*init)(void);
    int (*shutdown)(void);
    int (*driver_version)(char *text, unsigned size);
    int (*by_bus_id)(const char *bus_id, void **device);
    int (*memory)(void *device, nvml_memory *out);
    int (*utilization)(void *device, nvml_utilization *out);
    int (*processes)(void *device, unsigned *count, nvml_process *out);
    int (*slow_reasons)(void *device, unsigned long long *reasons);
} nvml_api;
/* Reasons that hold clocks below what was asked for by heat or power: software power cap, hardware
 * slowdown, software and hardware thermal slowdown, power brake (nvml.h, nvmlClocksEventReason*). */
static const unsigned long long SLOW_REASONS = 0x4 | 0x8 | 0x20 | 0x40 | 0x80;

/* dlsym gives object pointers; POSIX says they convert. */
static bool load_symbol(void *library, const char *name, void *function, size_t size) {
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, size);
    return symbol != NULL;
}
#define LOAD(library, name, field) load_symbol(library, name, &(field), sizeof(field))

static bool load_cuda(void *library, cuda_api *api) {
    bool ok = LOAD(library, "cuInit", api->init);
    ok &= LOAD(library, "cuDriverGetVersion", api->driver_version);
    ok &= LOAD(library, "cuDeviceGetCount", api->device_count);
    ok &= LOAD(library, "cuDeviceGet", api->device_get);
    ok &= LOAD(library, "cuDeviceGetName", api->device_name);
    ok &= LOAD(library, "cuDeviceTotalMem_v2", api->device_memory);
    ok &= LOAD(library, "cuDeviceGetAttribute", api->device_attribute);
    ok &= LOAD(library, "cuDeviceGetPCIBusId", api->device_bus_id);
    ok &= LOAD(library, "cuGetErrorString", api->error_string);
    return ok;
}

static bool load_nvml(void *library, nvml_api *api) {
    bool ok = LOAD(library, "nvmlInit_v2", api->init);
    ok &= LOAD(library, "nvmlShutdown", api->shutdown);
    ok &= LOAD(library, "nvmlSystemGetDriverVersion", api->driver_version);
    ok &= LOAD(library, "nvmlDeviceGetHandleByPciBusId_v2", api->by_bus_id);
    ok &= LOAD(library, "nvmlDeviceGetMemoryInfo", api->memory);
    ok &= LOAD(library, "nvmlDeviceGetUtilizationRates", api->utilization);
    /* Newer than the rest; without them those facts stay unknown. */
    LOAD(library, "nvmlDeviceGetComputeRunningProcesses_v3", api->processes);
    LOAD(library, "nvmlDeviceGetCurrentClocksThrottleReasons", api->slow_reasons);
    return ok && api->init() == 0;
}

static void read_device_state(const nvml_api *nvml, const char *bus_id, int index, hone_machine_info *info,
                              hone__hw_extra *extra) {
    void *device;
    nvml_memory memory;
    nvml_utilization use;
    nvml_process processes[64];
    unsigned n = 64;
    unsigned long long reasons;
    if (nvml->by_bus_id(bus_id, &device) != 0)
        return;
    if (nvml->memory(device, &memory) == 0)
        info->gpus[index].memory_free_bytes = (int64_t)memory.free;
    if (nvml->utilization(device, &use) == 0)
        extra->gpu_utilization[index] = (int)use.gpu;
    if (nvml->slow_reasons && nvml->slow_reasons(device, &reasons) == 0)
        extra->gpu_is_slowed[index] = (reasons & SLOW_REASONS) != 0;
    if (nvml->processes && nvml->processes(device, &n, processes) == 0) {
        int others = 0;
        for (unsigned i = 0; i < n; i++)
            others += processes[i].pid != (unsigned)getpid();
        extra->n_gpu_processes[index] = others;
    }
}

static void read_devices(const cuda_api *cuda, const nvml_api *nvml, int n, hone_machine_info *info,
                         hone__hw_extra *extra) {
    int max = (int)(sizeof info->gpus / sizeof *info->gpus);
    for (int i = 0; i < n && info->n_gpus < max; i++) {
        int device, index = info->n_gpus;
        size_t bytes = 0;
        char bus_id[32] = "";
        hone_gpu_info *gpu = &info->gpus[index];
        if (cuda->device_get(&device, i) != 0)
            continue;
        cuda->device_name(gpu->name, sizeof gpu->name, device);
        cuda->device_memory(&bytes, device);
        gpu->memory_total_bytes = gpu->memory_free_bytes = (int64_t)bytes;
        cuda->device_attribute(&gpu->compute_major, CU_COMPUTE_MAJOR, device);
        cuda->device_attribute(&gpu->compute_minor, CU_COMPUTE_MINOR, device);
        gpu->driver_version = extra->cuda_driver_version;
        extra->n_gpu_processes[index] = extra->gpu_utilization[index] = -1;
        if (nvml && cuda->device_bus_id(bus_id, sizeof bus_id, device) == 0)
            read_device_state(nvml, bus_id, index, info, extra);
        info->n_gpus++;
    }
}

void hone__hw_probe_gpus(hone_machine_info *info, hone__hw_extra *extra) {
    extra->has_nvidia_device = access("/dev/nvidiactl", F_OK) == 0 || access("/proc/driver/nvidia", F_OK) == 0;
    void *cuda_library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!cuda_library) {
        const char *why = dlerror();
        snprintf(extra->cuda_error, sizeof extra->cuda_error, "%.127s", why ? why : "libcuda.so.1 was not found");
        return;
    }
    void *nvml_library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    cuda_api cuda = {0};
    nvml_api nvml = {0};
    bool has_nvml = nvml_library && load_nvml(nvml_library, &nvml);
    if (has_nvml)
        nvml.driver_version(extra->nvidia_driver, sizeof extra->nvidia_driver);
    int n = 0, result;
    if (!load_cuda(cuda_library, &cuda)) {
        snprintf(extra->cuda_error, sizeof extra->cuda_error, "libcuda.so.1 lacks a function of CUDA 8 or later");
    } else if ((result = cuda.init(0)) != 0 || (result = cuda.device_count(&n)) != 0) {
        const char *text = NULL;
        cuda.error_string(result, &text);
        snprintf(extra->cuda_error, sizeof extra->cuda_error, "cuInit failed with %d: %.90s", result, text ? text : "");
    } else {
        cuda.driver_version(&extra->cuda_driver_version);
        read_devices(&cuda, has_nvml ? &nvml : NULL, n, info, extra);
    }
    if (info->n_gpus)
        snprintf(info->cuda_driver, sizeof info->cuda_driver, "%s%sCUDA %d.%d", extra->nvidia_driver,
                 extra->nvidia_driver[0] ? ", " : "", extra->cuda_driver_version / 1000,
                 extra->cuda_driver_version % 1000 / 10);
    if (has_nvml)
        nvml.shutdown();
    if (nvml_library)
        dlclose(nvml_library);
    /* libcuda stays loaded: it starts threads that unloading would pull the code from under. */
}
