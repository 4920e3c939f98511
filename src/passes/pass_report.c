/* The record of a run of passes: what each did, and which anchors nearly matched; see passes.h. */
#include "passes/pass_report.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_MISSES = 1 << 20, MAX_REASON = 400 };

void hone__pass_report_init(hone__pass_report *report) { memset(report, 0, sizeof *report); }

static void drop(hone__near_miss *miss) {
    hone__free(miss->node);
    hone__free(miss->reason);
}

void hone__pass_report_deinit(hone__pass_report *report) {
    for (size_t i = 0; i < report->n_misses; i++)
        drop(&report->misses[i]);
    hone__free(report->misses);
    hone__free(report->records);
    hone__pass_report_init(report);
}

hone_status hone__pass_report_prepare(hone__pass_report *report, const hone__pass *table, hone_error *error) {
    size_t n = 0;
    if (report->records)
        return HONE_OK;
    for (const hone__pass *pass = table; pass->name; pass++)
        n++;
    report->records = hone__calloc(n + 1, sizeof *report->records);
    if (!report->records)
        return hone__fail_memory(error, "a report of passes");
    report->n_records = n;
    for (size_t i = 0; i < n; i++)
        report->records[i].pass = &table[i];
    return HONE_OK;
}

void hone__pass_report_forget(hone__pass_report *report, const hone__pass *pass) {
    size_t kept = 0;
    if (!report)
        return;
    for (size_t i = 0; i < report->n_misses; i++)
        if (report->misses[i].pass == pass)
            drop(&report->misses[i]);
        else
            report->misses[kept++] = report->misses[i];
    report->n_misses = kept;
}

static char *copy(const char *text) {
    size_t size = strlen(text) + 1;
    char *out = hone__malloc(size);
    if (out)
        memcpy(out, text, size);
    return out;
}

/* The anchor's record of this pass, or a new empty one; NULL when there is no room. A pass meets its anchors one
 * after the other, so the record is the last one or none. */
static hone__near_miss *find_or_add(hone__pass_report *report, const hone__pass *pass, const char *node) {
    if (report->n_misses) {
        hone__near_miss *last = &report->misses[report->n_misses - 1];
        if (last->pass == pass && strcmp(last->node, node) == 0)
            return last;
    }
    if (report->n_misses == MAX_MISSES)
        return NULL;
    if (report->n_misses == report->misses_capacity) {
        size_t capacity = report->misses_capacity ? 2 * report->misses_capacity : 16;
        hone__near_miss *grown = hone__realloc(report->misses, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        report->misses = grown;
        report->misses_capacity = capacity;
    }
    char *name = copy(node);
    if (!name)
        return NULL;
    hone__near_miss *miss = &report->misses[report->n_misses++];
    *miss = (hone__near_miss){.pass = pass, .node = name, .progress = -1};
    return miss;
}

void hone__pass_missed(hone__pass_context *ctx, const hone__node *anchor, int progress, const char *fmt, ...) {
    hone__pass_report *report = ctx->options->report;
    if (!report)
        return;
    hone__near_miss *miss = find_or_add(report, ctx->pass, anchor->name);
    if (!miss || progress <= miss->progress)
        return;
    char reason[MAX_REASON];
    va_list args;
    va_start(args, fmt);
    vsnprintf(reason, sizeof reason, fmt, args);
    va_end(args);
    char *text = copy(reason);
    if (!text)
        return;
    hone__free(miss->reason);
    miss->reason = text;
    miss->progress = progress;
}
