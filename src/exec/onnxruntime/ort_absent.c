/* The backend onnxruntime in a build that had no onnxruntime_c_api.h: listed, and refused with the remedy. */
#include "base/error.h"
#include "exec/backend.h"

static hone_status prepare(hone__graph *graph, const hone__exec_config *config, hone__exec_model **out,
                           hone_error *error) {
    (void)graph, (void)config;
    *out = NULL;
    hone__fail(error, HONE_ERROR_UNAVAILABLE,
               "this hone was built without ONNX Runtime's C header, so it has no "
               "backend onnxruntime");
    hone__error_hint(error, "run tools/fetch-onnxruntime (or install libonnxruntime-dev) and build again, or use the "
                            "backend cpu");
    return HONE_ERROR_UNAVAILABLE;
}

const hone__backend hone__backend_onnxruntime = {.name = "onnxruntime", .runs_model = true, .prepare = prepare};
