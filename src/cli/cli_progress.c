/* Progress on standard error; see cli_progress.h. */
#include "cli/cli_progress.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const uint64_t REDRAW_NS = 100000000, LINE_NS = 10000000000u;

const char *hone__progress_time(double seconds, char *buf, size_t size) {
    if (!(seconds >= 0) || seconds > 1e8)
        snprintf(buf, size, "?");
    else if (seconds < 10)
        snprintf(buf, size, "%.1f s", seconds);
    else if (seconds < 60)
        snprintf(buf, size, "%.0f s", seconds);
    else if (seconds < 3600)
        snprintf(buf, size, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(buf, size, "%d h %02d min", (int)(seconds / 3600), (int)seconds / 60 % 60);
    return buf;
}

void hone__progress_begin(hone__progress *progress, const hone__cli *cli, const char *label, double total) {
    memset(progress, 0, sizeof *progress);
    progress->is_shown = !cli->quiet;
    const char *term = getenv("TERM");
    progress->is_terminal = isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
    snprintf(progress->label, sizeof progress->label, "%s", label);
    progress->total = total;
    progress->start_ns = progress->drawn_ns = hone__now_ns();
}

static void draw_bar(hone__progress *progress, double elapsed, const char *note) {
    enum { CELLS = 24 };
    char line[512], a[32], b[32], bar[CELLS + 1];
    struct winsize window;
    int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 20 ? window.ws_col : 80;
    int n;
    if (progress->total > 0) {
        double part = progress->done / progress->total;
        part = part < 0 ? 0 : part > 1 ? 1 : part;
        int full = (int)(part * CELLS);
        memset(bar, '.', CELLS);
        memset(bar, '#', (size_t)full);
        bar[CELLS] = '\0';
        n = snprintf(line, sizeof line, "%s [%s] %3.0f %%  %s, ETA %s  %s", progress->label, bar, part * 100,
                     hone__progress_time(elapsed, a, sizeof a),
                     part > 0 ? hone__progress_time(elapsed / part - elapsed, b, sizeof b) : "?", note ? note : "");
    } else {
        n = snprintf(line, sizeof line, "%s  %s  %s", progress->label, hone__progress_time(elapsed, a, sizeof a),
                     note ? note : "");
    }
    n = n < 0 ? 0 : n >= (int)sizeof line ? (int)sizeof line - 1 : n;
    n = n < columns ? n : columns - 1;
    int rest = progress->width > n ? progress->width - n : 0;
    fprintf(stderr, "\r%.*s%*s", n, line, rest, "");
    fflush(stderr);
    progress->width = n;
}

void hone__progress_update(hone__progress *progress, double done, const char *note) {
    progress->done = done;
    if (!progress->is_shown)
        return;
    uint64_t now = hone__now_ns();
    double elapsed = (double)(now - progress->start_ns) * 1e-9;
    if (progress->is_terminal) {
        if (progress->width && now - progress->drawn_ns < REDRAW_NS)
            return;
        draw_bar(progress, elapsed, note);
    } else {
        char a[32], b[32];
        if (now - progress->drawn_ns < LINE_NS)
            return;
        double part = progress->total > 0 ? done / progress->total : 0;
        if (part > 0)
            fprintf(stderr, "hone: %s: %.0f %%, %s, ETA %s%s%s\n", progress->label, part * 100,
                    hone__progress_time(elapsed, a, sizeof a),
                    hone__progress_time(elapsed / part - elapsed, b, sizeof b), note ? ": " : "", note ? note : "");
        else
            fprintf(stderr, "hone: %s: %s%s%s\n", progress->label, hone__progress_time(elapsed, a, sizeof a),
                    note ? ": " : "", note ? note : "");
    }
    progress->drawn_ns = now;
}

void hone__progress_clear(hone__progress *progress) {
    if (progress->width)
        fprintf(stderr, "\r%*s\r", progress->width, "");
    progress->width = 0;
}
