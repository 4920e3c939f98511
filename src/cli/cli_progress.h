/* Progress on standard error: a bar with elapsed time and ETA on a terminal, a plain line now and then
 * elsewhere, nothing under -q. */
#ifndef HONE_CLI_CLI_PROGRESS_H
#define HONE_CLI_CLI_PROGRESS_H

#include "cli/cli.h"

typedef struct hone__progress {
    bool is_shown, is_terminal;
    char label[64];
    double total, done;
    uint64_t start_ns, drawn_ns;
    int width; /* of what is on the line now */
} hone__progress;

/* total: any unit; 0 when it is not known. label is copied. */
void hone__progress_begin(hone__progress *progress, const hone__cli *cli, const char *label, double total);
/* note: what is going on now; may be NULL. */
void hone__progress_update(hone__progress *progress, double done, const char *note);
/* Clears the bar, for other output or for good. */
void hone__progress_clear(hone__progress *progress);

/* "4.2 s", "3 min 05 s", "2 h 10 min" into buf; returns buf. */
const char *hone__progress_time(double seconds, char *buf, size_t size);

#endif
