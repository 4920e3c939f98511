/* Building a report; see report_doc.h. */
#include "report/report_doc.h"

#include "base/alloc.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hone__report_init(hone__report *report) {
    memset(report, 0, sizeof *report);
    hone__arena_init(&report->arena);
}

void hone__report_deinit(hone__report *report) {
    hone__arena_deinit(&report->arena);
    hone__free(report->blocks);
    memset(report, 0, sizeof *report);
}

static const char *format(hone__report *report, const char *fmt, va_list args) {
    va_list copy;
    va_copy(copy, args);
    int size = vsnprintf(NULL, 0, fmt, copy);
    va_end(copy);
    char *text = size >= 0 ? hone__arena_alloc(&report->arena, (size_t)size + 1) : NULL;
    if (!text) {
        report->failed = true;
        return "";
    }
    vsnprintf(text, (size_t)size + 1, fmt, args);
    return text;
}

static hone__block *add(hone__report *report, hone__block_kind kind) {
    if (!hone__grow((void **)&report->blocks, &report->capacity, report->n + 1, sizeof *report->blocks)) {
        report->failed = true;
        return NULL;
    }
    hone__block *block = &report->blocks[report->n++];
    memset(block, 0, sizeof *block);
    block->kind = kind;
    block->text = block->language = "";
    return block;
}

#define ADD_TEXT(kind_, level_)                                                                                        \
    va_list args;                                                                                                      \
    va_start(args, fmt);                                                                                               \
    const char *text = format(report, fmt, args);                                                                      \
    va_end(args);                                                                                                      \
    hone__block *block = add(report, kind_);                                                                           \
    if (block) {                                                                                                       \
        block->text = text;                                                                                            \
        block->level = level_;                                                                                         \
    }

void hone__report_heading(hone__report *report, int level, const char *fmt, ...) { ADD_TEXT(HONE_BLOCK_HEADING, level) }
void hone__report_text(hone__report *report, const char *fmt, ...) { ADD_TEXT(HONE_BLOCK_TEXT, 0) }
void hone__report_item(hone__report *report, const char *fmt, ...) { ADD_TEXT(HONE_BLOCK_ITEM, 0) }

static void add_pair(hone__report *report, hone__block_kind kind, const char *language, const char *text) {
    const char *l = hone__arena_strdup(&report->arena, language), *t = hone__arena_strdup(&report->arena, text);
    hone__block *block = l && t ? add(report, kind) : NULL;
    if (!block) {
        report->failed = true;
        return;
    }
    block->language = l;
    block->text = t;
}

void hone__report_code(hone__report *report, const char *language, const char *text) {
    add_pair(report, HONE_BLOCK_CODE, language, text);
}

void hone__report_chart(hone__report *report, const char *title, const char *json) {
    add_pair(report, HONE_BLOCK_CHART, title, json);
}

/* Cells grow in the arena: `level` counts those that are filled, `cells` has room for a power of two. */
static void add_cell(hone__report *report, const char *text) {
    hone__block *t = report->n ? &report->blocks[report->n - 1] : NULL;
    if (!t || t->kind != HONE_BLOCK_TABLE) {
        report->failed = true;
        return;
    }
    size_t n = (size_t)t->level;
    if ((n & (n - 1)) == 0) {
        const char **cells = hone__arena_calloc(&report->arena, n ? 2 * n : 1, sizeof *cells);
        if (!cells) {
            report->failed = true;
            return;
        }
        if (n)
            memcpy(cells, t->cells, n * sizeof *cells);
        t->cells = cells;
    }
    t->cells[n] = text;
    t->level++;
    t->n_rows = (size_t)t->level / t->n_columns;
}

void hone__report_table(hone__report *report, const char *columns) {
    hone__block *block = add(report, HONE_BLOCK_TABLE);
    char *titles = hone__arena_strdup(&report->arena, columns);
    size_t n = 1;
    for (const char *p = columns; *p; p++)
        n += *p == '|';
    bool *is_right = hone__arena_calloc(&report->arena, n, sizeof *is_right);
    if (!block || !titles || !is_right) {
        report->failed = true;
        return;
    }
    block->n_columns = n;
    block->is_right = is_right;
    for (size_t i = 0; i < n; i++) {
        char *end = strchr(titles, '|');
        if (end)
            *end = 0;
        is_right[i] = titles[0] == '>';
        add_cell(report, titles + is_right[i]);
        titles = end ? end + 1 : titles;
    }
}

void hone__report_cell(hone__report *report, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    const char *text = format(report, fmt, args);
    va_end(args);
    add_cell(report, text);
}
