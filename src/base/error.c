/* The error record and the status table; see error.h and hone/status.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *hone_status_name(hone_status status) {
    switch (status) {
#define CASE(code, value, text)                                                                                        \
    case code:                                                                                                         \
        return #code;
        HONE_STATUS_TABLE(CASE)
#undef CASE
    }
    return "HONE_ERROR_UNKNOWN";
}

const char *hone_status_text(hone_status status) {
    switch (status) {
#define CASE(code, value, text)                                                                                        \
    case code:                                                                                                         \
        return text;
        HONE_STATUS_TABLE(CASE)
#undef CASE
    }
    return "unknown status";
}

void hone_error_clear(hone_error *error) {
    if (!error)
        return;
    memset(error, 0, sizeof *error);
    error->offset = -1;
}

/* Cuts a text that was truncated inside a UTF-8 sequence back to a character boundary. */
static void trim_utf8(char *s, size_t size) {
    size_t n = strlen(s);
    if (n + 1 < size)
        return;
    size_t i = n;
    while (i > 0 && ((unsigned char)s[i - 1] & 0xC0) == 0x80)
        i--;
    if (i == 0)
        return;
    unsigned char lead = (unsigned char)s[i - 1];
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (n - (i - 1) < need)
        s[i - 1] = '\0';
}

static void HONE_PRINTF(3, 0) format(char *dst, size_t size, const char *fmt, va_list args) {
    vsnprintf(dst, size, fmt, args);
    trim_utf8(dst, size);
}

hone_status hone__fail(hone_error *error, hone_status status, const char *fmt, ...) {
    if (error) {
        /* The arguments may point into the record itself, so format before clearing. */
        char message[sizeof error->message];
        va_list args;
        va_start(args, fmt);
        format(message, sizeof message, fmt, args);
        va_end(args);
        hone_error_clear(error);
        error->status = status;
        memcpy(error->message, message, sizeof message);
    }
    return status;
}

void hone__error_hint(hone_error *error, const char *fmt, ...) {
    if (!error)
        return;
    va_list args;
    va_start(args, fmt);
    format(error->hint, sizeof error->hint, fmt, args);
    va_end(args);
}

static void set_text(char *dst, size_t size, const char *src) {
    if (dst[0] || !src)
        return;
    snprintf(dst, size, "%s", src);
    trim_utf8(dst, size);
}

void hone__error_node(hone_error *error, const char *node) {
    if (error)
        set_text(error->node, sizeof error->node, node);
}

void hone__error_file(hone_error *error, const char *file, int64_t offset) {
    if (!error)
        return;
    set_text(error->file, sizeof error->file, file);
    if (error->offset < 0)
        error->offset = offset;
}

hone_status hone__fail_memory(hone_error *error, const char *what) {
    hone__fail(error, HONE_ERROR_MEMORY, "out of memory for %s", what);
    hone__error_hint(error, "free memory, raise the limit, or use a smaller model, batch or shape");
    return HONE_ERROR_MEMORY;
}
