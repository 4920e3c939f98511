/* hone: runs ONNX models as fast as the machine allows. This header brings the stable C API:
 * status and errors, tensors, options, models, sessions and the machine description.
 * `examples/minimal.c` is the shortest use. */
#ifndef HONE_HONE_H
#define HONE_HONE_H

#include <hone/image.h>
#include <hone/machine.h>
#include <hone/model.h>
#include <hone/onnx_data.h>
#include <hone/optimize.h>
#include <hone/options.h>
#include <hone/session.h>
#include <hone/status.h>
#include <hone/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
HONE_API const char *hone_version(void);

/* Receives the library's messages; NULL (the default) drops them. Set it before other calls. */
typedef enum hone_log_level { HONE_LOG_DEBUG, HONE_LOG_INFO, HONE_LOG_WARNING } hone_log_level;
typedef void (*hone_log_fn)(void *user, hone_log_level level, const char *message);
HONE_API void hone_set_log(hone_log_fn fn, void *user);

#ifdef __cplusplus
}
#endif
#endif
