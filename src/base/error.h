/* Raising errors. A function fails with
 *     return hone__fail(error, HONE_ERROR_SHAPE, "input \"%s\" has rank %d", name, rank);
 * and callers that know more add where it was. All accept error == NULL. */
#ifndef HONE_BASE_ERROR_H
#define HONE_BASE_ERROR_H

#include <hone/status.h>

/* Clears the record, sets status and message; returns status. */
hone_status hone__fail(hone_error *error, hone_status status, const char *fmt, ...) HONE_PRINTF(3, 4);
/* Sets the remedy. */
void hone__error_hint(hone_error *error, const char *fmt, ...) HONE_PRINTF(2, 3);
/* Set only when the record does not have one yet: the innermost place wins. */
void hone__error_node(hone_error *error, const char *node);
void hone__error_file(hone_error *error, const char *file, int64_t offset);

/* Out of memory, naming what could not be had. */
hone_status hone__fail_memory(hone_error *error, const char *what);

/* Propagate: in functions with nothing to clean up, and in those with a `cleanup:` label and a
 * variable `status`. */
#define HONE_TRY(expr)                                                                                                 \
    do {                                                                                                               \
        hone_status hone_try_status_ = (expr);                                                                         \
        if (hone_try_status_ != HONE_OK)                                                                               \
            return hone_try_status_;                                                                                   \
    } while (0)
#define HONE_CHECK(expr)                                                                                               \
    do {                                                                                                               \
        status = (expr);                                                                                               \
        if (status != HONE_OK)                                                                                         \
            goto cleanup;                                                                                              \
    } while (0)
/* if (cond) fail: HONE_FAIL_IF(n < 0, error, HONE_ERROR_ARGUMENT, "n is %d", n); */
#define HONE_FAIL_IF(cond, error, status, ...)                                                                         \
    do {                                                                                                               \
        if (cond)                                                                                                      \
            return hone__fail((error), (status), __VA_ARGS__);                                                         \
    } while (0)

#endif
