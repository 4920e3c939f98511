/* Markdown (GitHub's tables). */
#include "report/report_doc.h"

#include <string.h>

/* Bars would end a cell, line ends a row. */
static void put_cell(hone__strbuf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|')
            hone__strbuf_puts(out, "\\|");
        else
            hone__strbuf_append(out, *text == '\n' ? " " : text, 1);
    }
}

static void put_table(hone__strbuf *out, const hone__block *table) {
    for (size_t r = 0; r < table->n_rows; r++) {
        for (size_t c = 0; c < table->n_columns; c++) {
            hone__strbuf_puts(out, c ? " | " : "| ");
            put_cell(out, table->cells[r * table->n_columns + c]);
        }
        hone__strbuf_puts(out, " |\n");
        for (size_t c = 0; r == 0 && c < table->n_columns; c++)
            hone__strbuf_printf(out, "%s%s%s", c ? " " : "| ", table->is_right[c] ? "---:" : "---",
                                c + 1 < table->n_columns ? " |" : " |\n");
    }
    hone__strbuf_puts(out, "\n");
}

void hone__report_markdown(const hone__report *report, hone__strbuf *out) {
    for (size_t i = 0; i < report->n; i++) {
        const hone__block *b = &report->blocks[i];
        bool is_last_item = b->kind == HONE_BLOCK_ITEM && (i + 1 == report->n || b[1].kind != HONE_BLOCK_ITEM);
        switch (b->kind) {
        case HONE_BLOCK_HEADING:
            hone__strbuf_printf(out, "%.*s %s\n\n", b->level, "######", b->text);
            break;
        case HONE_BLOCK_TEXT:
            hone__strbuf_printf(out, "%s\n\n", b->text);
            break;
        case HONE_BLOCK_ITEM:
            hone__strbuf_printf(out, "- %s\n%s", b->text, is_last_item ? "\n" : "");
            break;
        case HONE_BLOCK_CODE:
            hone__strbuf_printf(out, "```%s\n%s%s```\n\n", b->language, b->text,
                                *b->text && b->text[strlen(b->text) - 1] == '\n' ? "" : "\n");
            break;
        case HONE_BLOCK_TABLE:
            put_table(out, b);
            break;
        case HONE_BLOCK_CHART:
            break;
        }
    }
}
