/* A report: headings, paragraphs, tables, code and charts in order, rendered to Markdown and to one
 * HTML file that works offline. Knows tables and charts, nothing of models or tuners. */
#ifndef HONE_REPORT_REPORT_DOC_H
#define HONE_REPORT_REPORT_DOC_H

#include "base/arena.h"
#include "base/strbuf.h"
#include <hone/status.h>
#include <stdbool.h>

typedef enum hone__block_kind {
    HONE_BLOCK_HEADING, /* level 1..3 */
    HONE_BLOCK_TEXT,
    HONE_BLOCK_ITEM, /* of a bullet list */
    HONE_BLOCK_CODE, /* text in `language` */
    HONE_BLOCK_TABLE,
    HONE_BLOCK_CHART /* text: a Chart.js configuration in JSON; HTML only */
} hone__block_kind;

typedef struct hone__block {
    hone__block_kind kind;
    int level;
    const char *text, *language; /* charts: language is the title */
    size_t n_columns, n_rows;
    const char **cells;   /* [n_rows][n_columns], the first row is the head */
    const bool *is_right; /* [n_columns]: numbers, aligned right */
} hone__block;

typedef struct hone__report {
    hone__arena arena;
    hone__block *blocks;
    size_t n, capacity;
    bool failed; /* out of memory */
} hone__report;

void hone__report_init(hone__report *report);
void hone__report_deinit(hone__report *report);

void hone__report_heading(hone__report *report, int level, const char *fmt, ...) HONE_PRINTF(3, 4);
void hone__report_text(hone__report *report, const char *fmt, ...) HONE_PRINTF(2, 3);
void hone__report_item(hone__report *report, const char *fmt, ...) HONE_PRINTF(2, 3);
void hone__report_code(hone__report *report, const char *language, const char *text);
void hone__report_chart(hone__report *report, const char *title, const char *json);

/* Begins a table; columns separated by '|', a column whose title begins with '>' is of numbers. */
void hone__report_table(hone__report *report, const char *columns);
/* Adds a cell to the last table; the row is full after as many as there are columns. */
void hone__report_cell(hone__report *report, const char *fmt, ...) HONE_PRINTF(2, 3);

void hone__report_markdown(const hone__report *report, hone__strbuf *out);
void hone__report_html(const hone__report *report, const char *title, hone__strbuf *out);

#endif
