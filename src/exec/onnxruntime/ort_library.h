/* ONNX Runtime's library, loaded at run time: found, its API version agreed on, its errors made ours.
 *
 * A library once loaded stays loaded until the process ends (its thread pools make unloading unsafe), so
 * sessions that name the same file share one record. */
#ifndef HONE_EXEC_ORT_LIBRARY_H
#define HONE_EXEC_ORT_LIBRARY_H

#include "exec/backend.h"

#include <onnxruntime_c_api.h>

typedef struct hone__ort_library {
    struct hone__ort_library *next;
    char *path; /* as the loader found it */
    char version[32];
    uint32_t api_version; /* agreed: the older of the header's and the library's */
    const OrtApi *api;
    OrtEnv *env;
} hone__ort_library;

/* Loads the first of config->libraries that can be used. UNAVAILABLE with the reason and the remedy. Thread-safe. */
hone_status hone__ort_open(const hone__exec_config *config, hone__ort_library **out, hone_error *error);

/* Turns ONNX Runtime's status into ours and releases it; `what` says what was being done. NULL is success. A message
 * that names a node sets the error's node. */
hone_status hone__ort_check(const hone__ort_library *library, OrtStatus *ort, const char *what, hone_error *error);

/* For functions whose failure can only be memory. */
#define HONE_ORT_TRY(library, call, what, error) HONE_TRY(hone__ort_check((library), (call), (what), (error)))

#endif
