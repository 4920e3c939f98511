/* Runtime libraries that serve as backends: ONNX Runtime, and, where there is a GPU, the CUDA runtime and
 * cuDNN. Only their versions are asked for. */
#include "base/alloc.h"
#include "hw/hw.h"
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

/* ---- where it may be ---- */

typedef struct file_list {
    char **items;
    size_t n, capacity;
    bool failed;
} file_list;

static void add_file(file_list *list, const char *name) {
    char *copy = hone__strdup(name);
    if (!copy || !hone__grow((void **)&list->items, &list->capacity, list->n + 2, sizeof *list->items)) {
        hone__free(copy);
        list->failed = true;
        return;
    }
    list->items[list->n++] = copy;
    list->items[list->n] = NULL;
}

static void add_pattern(file_list *list, const char *pattern) {
    glob_t found;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = found.gl_pathc; i > 0; i--) /* sorted: the newest name comes last */
            add_file(list, found.gl_pathv[i - 1]);
        globfree(&found);
    }
}

static void add_named(file_list *list, const char *named) {
    struct stat st;
    if (stat(named, &st) != 0 || !S_ISDIR(st.st_mode)) {
        add_file(list, named);
        return;
    }
    char pattern[PATH_MAX];
    snprintf(pattern, sizeof pattern, "%.4000s/libonnxruntime.so*", named);
    add_pattern(list, pattern);
    if (!list->n) /* said by the error of its opening */
        snprintf(pattern, sizeof pattern, "%.4000s/libonnxruntime.so", named), add_file(list, pattern);
}

char **hone__hw_onnxruntime_files(const char *named) {
    static const char *const patterns[] = {
        "/usr/local/lib/libonnxruntime.so*",
        "/opt/onnxruntime*/lib/libonnxruntime.so*",
        "/usr/lib/node_modules/onnxruntime-node/bin/napi-v*/linux/*/libonnxruntime.so*",
        "/usr/local/lib/node_modules/onnxruntime-node/bin/napi-v*/linux/*/libonnxruntime.so*",
        "/usr/local/lib/python3*/*-packages/onnxruntime/capi/libonnxruntime.so*",
        "/usr/lib/python3*/*-packages/onnxruntime/capi/libonnxruntime.so*",
    };
    file_list list = {0};
    const char *environment = getenv("HONE_ONNXRUNTIME");
    if (named && *named) {
        add_named(&list, named);
    } else if (environment && *environment) {
        add_named(&list, environment);
    } else {
        add_file(&list, "libonnxruntime.so.1");
        add_file(&list, "libonnxruntime.so");
        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
            add_pattern(&list, patterns[i]);
    }
    if (list.failed) {
        hone__hw_free_files(list.items);
        return NULL;
    }
    return list.items;
}

void hone__hw_free_files(char **files) {
    for (size_t i = 0; files && files[i]; i++)
        hone__free(files[i]);
    hone__free(files);
}

static void find_onnxruntime(hone_machine_info *info, hone__hw_extra *extra) {
    const char *named = getenv("HONE_ONNXRUNTIME");
    char **files = hone__hw_onnxruntime_files(NULL);
    bool found = false;
    extra->ort_was_named = named && *named;
    for (size_t i = 0; files && files[i] && !found; i++)
        found = try_onnxruntime(files[i], info, extra);
    if (!extra->ort_was_named)
        extra->ort_error[0] = '\0';
    hone__hw_free_files(files);
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
