/* Messages to the caller's log function, set by hone_set_log; dropped without one. */
#ifndef HONE_BASE_LOG_H
#define HONE_BASE_LOG_H

#include <hone/hone.h>

void hone__log(hone_log_level level, const char *fmt, ...) HONE_PRINTF(2, 3);

#endif
