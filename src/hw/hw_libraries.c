/* Runtime libraries that serve as backends: ONNX Runtime, and, where there is a GPU, the CUDA runtime and
 * cuDNN. Only their versions are asked for. */
#include "hw/hw_detect.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The head of OrtApiBase, fixed since ONNX Runtime 1.0 (onnxruntime_c_api.h). */
typedef struct ort_api_base {
    const void *(*get_api)(uint32_t version);
    const char *(*get_version_string)(void);
} ort_api_base;

static bool library_path(void *library, char *path, size_t size) {
    struct link_map *map = NULL;
    char real[PATH_MAX];
    if (dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 || !map || !map->l_name || !map->l_name[0])
        return false;
    const char *found = realpath(map->l_name, real) ? real : map->l_name;
    if (strlen(found) >= size)
        return false;
    strcpy(path, found);
    return true;
}

static bool is_beside(const char *library, const char *name) {
    char path[PATH_MAX];
    const char *slash = strrchr(library, '/');
    if (!slash)
        return false;
    snprintf(path, sizeof path, "%.*s/%s", (int)(slash - library), library, name);
    return access(path, R_OK) == 0;
}

static bool try_onnxruntime(const char *name, hone_machine_info *info, hone__hw_extra *extra) {
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        snprintf(extra->ort_error, sizeof extra->ort_error, "%.255s", why ? why : "cannot be loaded");
        return false;
    }
    const ort_api_base *(*get_base)(void);
    void *symbol = dlsym(library, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof get_base);
    bool ok = false;
    if (!symbol) {
        snprintf(extra->ort_error, sizeof extra->ort_error, "%.200s is not ONNX Runtime (no OrtGetApiBase)", name);
    } else if (!library_path(library, info->onnxruntime_path, sizeof info->onnxruntime_path)) {
        snprintf(extra->ort_error, sizeof extra->ort_error, "the path of %.200s is too long", name);
    } else {
        const ort_api_base *base = get_base();
        snprintf(info->onnxruntime_version, sizeof info->onnxruntime_version, "%.31s",
                 base ? base->get_version_string() : "");
        extra->has_ort_cuda = is_beside(info->onnxruntime_path, "libonnxruntime_providers_cuda.so");
        extra->has_ort_tensorrt = is_beside(info->onnxruntime_path, "libonnxruntime_providers_tensorrt.so");
        extra->ort_error[0] = '\0';
        ok = true;
    }
    dlclose(library);
    return ok;
}

static bool try_pattern(const char *pattern, hone_machine_info *info, hone__hw_extra *extra) {
    glob_t found;
    bool ok = false;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = found.gl_pathc; i > 0 && !ok; i--) /* sorted: the newest name comes last */
            ok = try_onnxruntime(found.gl_pathv[i - 1], info, extra);
        globfree(&found);
    }
    return ok;
}

/* HONE_ONNXRUNTIME names the library or a folder with it; otherwise the system's search path, then the
 * places where packages of other ecosystems put it. */
static void find_onnxruntime(hone_machine_info *info, hone__hw_extra *extra) {
    static const char *const patterns[] = {
        "/usr/local/lib/libonnxruntime.so*",
        "/opt/onnxruntime*/lib/libonnxruntime.so*",
        "/usr/lib/node_modules/onnxruntime-node/bin/napi-v*/linux/*/libonnxruntime.so*",
        "/usr/local/lib/node_modules/onnxruntime-node/bin/napi-v*/linux/*/libonnxruntime.so*",
        "/usr/local/lib/python3*/*-packages/onnxruntime/capi/libonnxruntime.so*",
        "/usr/lib/python3*/*-packages/onnxruntime/capi/libonnxruntime.so*",
    };
    const char *named = getenv("HONE_ONNXRUNTIME");
    if (named && *named) {
        extra->ort_was_named = true;
        struct stat st;
        if (stat(named, &st) == 0 && S_ISDIR(st.st_mode)) {
            char pattern[PATH_MAX];
            snprintf(extra->ort_error, sizeof extra->ort_error, "the folder holds no libonnxruntime.so");
            snprintf(pattern, sizeof pattern, "%.4000s/libonnxruntime.so*", named);
            try_pattern(pattern, info, extra);
        } else {
            try_onnxruntime(named, info, extra);
        }
        return;
    }
    if (try_onnxruntime("libonnxruntime.so.1", info, extra) || try_onnxruntime("libonnxruntime.so", info, extra))
        return;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (try_pattern(patterns[i], info, extra))
            return;
    extra->ort_error[0] = '\0';
}

/* Opens the first library of a NULL-terminated list. */
static void *open_first(const char *const *names) {
    for (; *names; names++) {
        void *library = dlopen(*names, RTLD_LAZY | RTLD_LOCAL);
        if (library)
            return library;
    }
    return NULL;
}

static void find_cuda_libraries(hone__hw_extra *extra) {
    static const char *const cudart[] = {"libcudart.so.13", "libcudart.so.12", "libcudart.so.11.0", "libcudart.so",
                                         NULL};
    static const char *const cudnn[] = {"libcudnn.so.9", "libcudnn.so.8", "libcudnn.so", NULL};
    void *library = open_first(cudart), *symbol;
    if (library) {
        int (*get_version)(int *);
        symbol = dlsym(library, "cudaRuntimeGetVersion");
        memcpy(&get_version, &symbol, sizeof get_version);
        if (symbol && get_version(&extra->cudart_version) != 0)
            extra->cudart_version = 0;
        dlclose(library);
    }
    library = open_first(cudnn);
    if (library) {
        size_t (*get_version)(void);
        symbol = dlsym(library, "cudnnGetVersion");
        memcpy(&get_version, &symbol, sizeof get_version);
        if (symbol)
            extra->cudnn_version = (int)get_version();
        symbol = dlsym(library, "cudnnGetCudartVersion");
        memcpy(&get_version, &symbol, sizeof get_version);
        if (symbol)
            extra->cudnn_cudart_version = (int)get_version();
        dlclose(library);
    }
}

void hone__hw_probe_libraries(hone_machine_info *info, hone__hw_extra *extra) {
    find_onnxruntime(info, extra);
    if (info->n_gpus)
        find_cuda_libraries(extra);
}
