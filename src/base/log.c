/* The log callback and the version; see log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

static hone_log_fn g_log;
static void *g_log_user;

void hone_set_log(hone_log_fn fn, void *user) {
    g_log = fn;
    g_log_user = user;
}

void hone__log(hone_log_level level, const char *fmt, ...) {
    if (!g_log)
        return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    g_log(g_log_user, level, text);
}

const char *hone_version(void) { return HONE_VERSION; }
