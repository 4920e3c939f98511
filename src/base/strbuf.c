/* The growing string; see strbuf.h. */
#include "base/strbuf.h"

#include "base/alloc.h"
#include "base/checked.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hone__strbuf_init(hone__strbuf *buf) { memset(buf, 0, sizeof *buf); }

void hone__strbuf_deinit(hone__strbuf *buf) {
    hone__free(buf->data);
    hone__strbuf_init(buf);
}

static bool reserve(hone__strbuf *buf, size_t extra) {
    size_t need;
    if (!buf->failed && hone__add_size(buf->size, extra, &need) && hone__add_size(need, 1, &need) &&
        hone__grow((void **)&buf->data, &buf->capacity, need, 1))
        return true;
    buf->failed = true;
    return false;
}

void hone__strbuf_append(hone__strbuf *buf, const char *data, size_t size) {
    if (!reserve(buf, size))
        return;
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    buf->data[buf->size] = '\0';
}

void hone__strbuf_puts(hone__strbuf *buf, const char *s) { hone__strbuf_append(buf, s, strlen(s)); }

void hone__strbuf_printf(hone__strbuf *buf, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        buf->failed = true;
    else if (reserve(buf, (size_t)n)) {
        vsnprintf(buf->data + buf->size, (size_t)n + 1, fmt, again);
        buf->size += (size_t)n;
    }
    va_end(again);
}

const char *hone__strbuf_text(const hone__strbuf *buf) { return buf->data ? buf->data : ""; }

char *hone__strbuf_take(hone__strbuf *buf) {
    char *text = buf->failed ? NULL : buf->data ? buf->data : hone__strdup("");
    if (buf->failed)
        hone__free(buf->data);
    hone__strbuf_init(buf);
    return text;
}
