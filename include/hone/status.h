/* Status codes and the error record: what every function of the library returns.
 *
 * A function that can fail returns a hone_status and takes a `hone_error *` as its last argument.
 * The caller owns the record (usually on its stack) and may pass NULL. Nothing in the library
 * prints, exits or aborts: a fault of the caller or of a file comes back as a status. */
#ifndef HONE_STATUS_H
#define HONE_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HONE_API __attribute__((visibility("default")))
#define HONE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define HONE_API
#define HONE_PRINTF(fmt, args)
#endif

/* X(code, value, text). Values are stable across releases. */
#define HONE_STATUS_TABLE(X)                                                                                           \
    X(HONE_OK, 0, "done")                                                                                              \
    X(HONE_ERROR_ARGUMENT, -1, "invalid argument")                                                                     \
    X(HONE_ERROR_MODEL, -2, "invalid model")                                                                           \
    X(HONE_ERROR_UNSUPPORTED, -3, "not supported")                                                                     \
    X(HONE_ERROR_MEMORY, -4, "out of memory")                                                                          \
    X(HONE_ERROR_IO, -5, "input/output error")                                                                         \
    X(HONE_ERROR_SHAPE, -6, "wrong shape")                                                                             \
    X(HONE_ERROR_TYPE, -7, "wrong type")                                                                               \
    X(HONE_ERROR_NOT_FOUND, -8, "not found")                                                                           \
    X(HONE_ERROR_LIMIT, -9, "limit exceeded")                                                                          \
    X(HONE_ERROR_UNAVAILABLE, -10, "not available on this machine")                                                    \
    X(HONE_ERROR_CONFIG, -11, "invalid configuration")                                                                 \
    X(HONE_ERROR_CANCELLED, -12, "cancelled")                                                                          \
    X(HONE_ERROR_INTERNAL, -13, "internal error")

typedef enum hone_status {
#define HONE_STATUS_ENUM(code, value, text) code = value,
    HONE_STATUS_TABLE(HONE_STATUS_ENUM)
#undef HONE_STATUS_ENUM
} hone_status;

/* What went wrong and where. All strings are NUL-terminated and empty when unknown; texts that do
 * not fit are cut at a character boundary. */
typedef struct hone_error {
    hone_status status;
    int64_t offset;    /* byte position in `file`, or -1 */
    char message[768]; /* one sentence of cause */
    char hint[320];    /* one sentence of remedy */
    char node[192];    /* node path inside the model, e.g. "/layer1/Conv_3" */
    char file[320];    /* file concerned */
} hone_error;

/* Name ("HONE_ERROR_MODEL") and short text ("invalid model") of a code; never NULL. */
HONE_API const char *hone_status_name(hone_status status);
HONE_API const char *hone_status_text(hone_status status);

/* Sets every field to "nothing happened". */
HONE_API void hone_error_clear(hone_error *error);

#ifdef __cplusplus
}
#endif
#endif
