/* A growing string. After a failed append `failed` is set and further appends do nothing, so that a
 * long text is built without a check per line. */
#ifndef HONE_BASE_STRBUF_H
#define HONE_BASE_STRBUF_H

#include <hone/status.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct hone__strbuf {
    char *data; /* NUL-terminated; NULL while empty: use hone__strbuf_text */
    size_t size, capacity;
    bool failed;
} hone__strbuf;

void hone__strbuf_init(hone__strbuf *buf);
void hone__strbuf_deinit(hone__strbuf *buf);
void hone__strbuf_append(hone__strbuf *buf, const char *data, size_t size);
void hone__strbuf_puts(hone__strbuf *buf, const char *s);
void hone__strbuf_printf(hone__strbuf *buf, const char *fmt, ...) HONE_PRINTF(2, 3);
const char *hone__strbuf_text(const hone__strbuf *buf);
char *hone__strbuf_take(hone__strbuf *buf); /* the caller frees with hone__free; NULL if failed */

#endif
