/* Tensors and containers <-> OrtValue. */
#ifndef HONE_EXEC_ORT_VALUE_H
#define HONE_EXEC_ORT_VALUE_H

#include "exec/onnxruntime/ort_library.h"

/* Plain tensors become a view of the tensor's own memory, which must outlive the value; strings are copied. The
 * caller releases *out. `name` is for messages. */
hone_status hone__ort_value_make(const hone__ort_library *library, const OrtMemoryInfo *memory,
                                 const hone_tensor *tensor, const char *name, OrtValue **out, hone_error *error);

/* A copy with memory of its own. `kind`: what the model declares; an optional wraps what came. */
hone_status hone__ort_value_take(const hone__ort_library *library, const OrtValue *value, hone_kind kind,
                                 const char *name, hone_tensor **out, hone_error *error);

#endif
