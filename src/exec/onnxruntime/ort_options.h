/* From a session's settings to ONNX Runtime's session options, passed through by name. */
#ifndef HONE_EXEC_ORT_OPTIONS_H
#define HONE_EXEC_ORT_OPTIONS_H

#include "exec/onnxruntime/ort_library.h"

/* Refuses by name what this library cannot honour. *providers: what was appended, in order, as
 * "TensorrtExecutionProvider, CPUExecutionProvider" (the CPU provider is always last). The caller releases *out and
 * frees *providers. */
hone_status hone__ort_make_options(const hone__ort_library *library, const hone__exec_config *config,
                                   OrtSessionOptions **out, char **providers, hone_error *error);

#endif
