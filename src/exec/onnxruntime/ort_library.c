/* Loading ONNX Runtime; see ort_library.h. */
#include "exec/onnxruntime/ort_library.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/log.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The oldest API that has every function called here (string elements with a length came last, in 1.15). */
enum { OLDEST_API = 15 };

static pthread_mutex_t g_lock = PTHREAD_MUTEX_INITIALIZER;
static hone__ort_library *g_libraries; /* never freed; see the header */

/* ONNX Runtime would print to standard error by itself. */
static void ORT_API_CALL take_message(void *user, OrtLoggingLevel severity, const char *category, const char *id,
                                      const char *place, const char *message) {
    (void)user, (void)category, (void)id, (void)place;
    hone_log_level level = severity >= ORT_LOGGING_LEVEL_WARNING ? HONE_LOG_WARNING
                           : severity == ORT_LOGGING_LEVEL_INFO  ? HONE_LOG_INFO
                                                                 : HONE_LOG_DEBUG;
    hone__log(level, "ONNX Runtime: %s", message);
}

static hone_status status_of(OrtErrorCode code) {
    switch (code) {
    case ORT_NOT_IMPLEMENTED:
        return HONE_ERROR_UNSUPPORTED;
    case ORT_NO_SUCHFILE:
        return HONE_ERROR_IO;
    case ORT_EP_FAIL:
    case ORT_ENGINE_ERROR:
        return HONE_ERROR_UNAVAILABLE;
    default:
        return HONE_ERROR_MODEL; /* what it refuses comes from the model or the data */
    }
}

/* "... Name:'/layer/Conv' Status Message: ...": the part between the quotes. */
static void take_node(const char *message, hone_error *error) {
    const char *at = strstr(message, "Name:'"), *end = at ? strchr(at + 6, '\'') : NULL;
    char name[sizeof error->node];
    if (!end || end == at + 6)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(end - at - 6), at + 6);
    hone__error_node(error, name);
}

hone_status hone__ort_check(const hone__ort_library *library, OrtStatus *ort, const char *what, hone_error *error) {
    if (!ort)
        return HONE_OK;
    const char *message = library->api->GetErrorMessage(ort);
    hone_status status = status_of(library->api->GetErrorCode(ort));
    if (strstr(message, "bad_alloc") || strstr(message, "Failed to allocate memory"))
        status = HONE_ERROR_MEMORY;
    hone__fail(error, status, "ONNX Runtime %s could not %s: %s", library->version, what, message);
    if (error)
        take_node(message, error);
    library->api->ReleaseStatus(ort);
    return status;
}

/* ---- loading ---- */

typedef struct reason {
    char text[300];
} reason;

static bool agree(hone__ort_library *library, const OrtApiBase *base, reason *why) {
    snprintf(library->version, sizeof library->version, "%.31s", base->GetVersionString());
    unsigned major = 0, minor = 0;
    if (sscanf(library->version, "%u.%u", &major, &minor) != 2 || major != 1 || minor < OLDEST_API) {
        snprintf(why->text, sizeof why->text, "%.160s is version %s; 1.%d or newer (1.x) is needed", library->path,
                 library->version, OLDEST_API);
        return false;
    }
    /* The API only grows; a library has every version up to its own minor number. */
    library->api_version = minor < ORT_API_VERSION ? minor : ORT_API_VERSION;
    library->api = base->GetApi(library->api_version);
    if (!library->api)
        snprintf(why->text, sizeof why->text, "%.160s (%s) does not offer API version %u", library->path,
                 library->version, library->api_version);
    return library->api;
}

static bool has_provider(const hone__ort_library *library, const char *name) {
    char **names = NULL;
    int n = 0;
    bool found = false;
    OrtStatus *status = library->api->GetAvailableProviders(&names, &n);
    if (status) {
        library->api->ReleaseStatus(status);
        return false;
    }
    for (int i = 0; i < n; i++)
        found |= !strcmp(names[i], name);
    status = library->api->ReleaseAvailableProviders(names, n);
    if (status)
        library->api->ReleaseStatus(status);
    return found;
}

/* Fills a record from an opened library. */
static bool initialise(hone__ort_library *library, void *handle, reason *why) {
    void *symbol = dlsym(handle, "OrtGetApiBase");
    const OrtApiBase *(ORT_API_CALL * get_base)(void);
    memcpy(&get_base, &symbol, sizeof get_base);
    const OrtApiBase *base = symbol ? get_base() : NULL;
    if (!base) {
        snprintf(why->text, sizeof why->text, "%.200s is not ONNX Runtime (no OrtGetApiBase)", library->path);
        return false;
    }
    if (!agree(library, base, why))
        return false;
    OrtStatus *status =
        library->api->CreateEnvWithCustomLogger(take_message, NULL, ORT_LOGGING_LEVEL_WARNING, "hone", &library->env);
    if (status) {
        snprintf(why->text, sizeof why->text, "%.200s", library->api->GetErrorMessage(status));
        library->api->ReleaseStatus(status);
        return false;
    }
    hone__log(HONE_LOG_INFO, "ONNX Runtime %s from %s, API version %u%s", library->version, library->path,
              library->api_version, has_provider(library, "CUDAExecutionProvider") ? ", built with CUDA" : "");
    return true;
}

static char *real_path(void *handle, const char *name) {
    struct link_map *map = NULL;
    const char *found = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name[0] ? map->l_name : name;
    char *resolved = realpath(found, NULL), *copy = hone__strdup(resolved ? resolved : found);
    free(resolved);
    return copy;
}

static hone_status try_library(const char *name, hone__ort_library **out, reason *why, hone_error *error) {
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *text = dlerror();
        snprintf(why->text, sizeof why->text, "%.280s", text ? text : "cannot be loaded");
        return HONE_OK;
    }
    char *path = real_path(handle, name);
    hone__ort_library *library = path ? hone__calloc(1, sizeof *library) : NULL;
    hone_status status = HONE_OK;
    if (!library)
        status = hone__fail_memory(error, "a library");
    for (hone__ort_library *known = g_libraries; known && library; known = known->next)
        if (!strcmp(known->path, path))
            *out = known;
    if (library && !*out) {
        library->path = path;
        if (initialise(library, handle, why)) {
            library->next = g_libraries;
            g_libraries = *out = library;
            return HONE_OK; /* the handle is kept */
        }
    }
    dlclose(handle);
    hone__free(library);
    hone__free(path);
    return status;
}

hone_status hone__ort_open(const hone__exec_config *config, hone__ort_library **out, hone_error *error) {
    reason why = {""};
    hone_status status = HONE_OK;
    *out = NULL;
    pthread_mutex_lock(&g_lock);
    for (size_t i = 0; config->libraries && config->libraries[i] && !*out && status == HONE_OK; i++)
        status = try_library(config->libraries[i], out, &why, error);
    pthread_mutex_unlock(&g_lock);
    if (status != HONE_OK || *out)
        return status;
    hone__fail(error, HONE_ERROR_UNAVAILABLE, "the backend onnxruntime needs ONNX Runtime's library: %s",
               config->libraries && config->libraries[0] && why.text[0] ? why.text : "none was found");
    hone__error_hint(error, "let the option onnxruntime_library or HONE_ONNXRUNTIME name libonnxruntime.so or its "
                            "folder (tools/fetch-onnxruntime gets one), or use the backend cpu");
    return HONE_ERROR_UNAVAILABLE;
}
