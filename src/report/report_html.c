/* One HTML file with everything in it: style, tables and charts (Chart.js, embedded). Without
 * JavaScript, or without the library, the tables say the same. */
#include "report/report_assets.h"
#include "report/report_doc.h"

#include <string.h>

static const char g_style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1280px;margin:2em auto;padding:0 "
    "1em;color:#1c2733;background:#fff}"
    "table{border-collapse:collapse;margin:1em 0;display:block;overflow-x:auto}"
    "th,td{padding:.3em .7em;border-bottom:1px solid #d8dee6;text-align:left;vertical-align:top}"
    "th{background:#f2f5f8}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.n{white-space:nowrap}table."
    "wide{font-size:13px}table.wide th,table.wide td{padding:.3em .45em}"
    "table.wide td code{overflow-wrap:anywhere}"
    "pre{background:#f2f5f8;padding:.8em 1em;white-space:pre-wrap;overflow-wrap:anywhere;border-radius:4px}"
    "h1,h2,h3{line-height:1.2}h2{margin-top:2em;border-bottom:2px solid #d8dee6;padding-bottom:.2em}"
    "figure{margin:1.5em 0}figcaption{font-weight:600;margin-bottom:.5em}.chart{position:relative;height:380px}"
    "@media(prefers-color-scheme:dark){body{color:#dde5ee;background:#161b22}th,pre{background:#222a35}"
    "th,td{border-color:#364150}.chart{background:#fff;border-radius:4px}}";

static void put_text(hone__strbuf *out, const char *text) {
    for (; *text; text++) {
        const char *escaped = *text == '&'   ? "&amp;"
                              : *text == '<' ? "&lt;"
                              : *text == '>' ? "&gt;"
                              : *text == '"' ? "&quot;"
                                             : NULL;
        if (escaped)
            hone__strbuf_puts(out, escaped);
        else
            hone__strbuf_append(out, text, 1);
    }
}

/* Text with Markdown's two marks that reports use: **bold** and `code`. */
static void put_marked(hone__strbuf *out, const char *text) {
    bool is_bold = false, is_code = false;
    for (; *text; text++) {
        if (!is_code && text[0] == '*' && text[1] == '*') {
            hone__strbuf_puts(out, is_bold ? "</b>" : "<b>");
            is_bold = !is_bold;
            text++;
        } else if (*text == '`') {
            hone__strbuf_puts(out, is_code ? "</code>" : "<code>");
            is_code = !is_code;
        } else {
            char one[2] = {*text, 0};
            put_text(out, one);
        }
    }
    hone__strbuf_puts(out, is_code ? "</code>" : "");
    hone__strbuf_puts(out, is_bold ? "</b>" : "");
}

/* JSON inside a script element: "</" would end it. */
static void put_script(hone__strbuf *out, const char *json) {
    for (; *json; json++) {
        if (json[0] == '<')
            hone__strbuf_puts(out, "\\u003c");
        else
            hone__strbuf_append(out, json, 1);
    }
}

static void put_table(hone__strbuf *out, const hone__block *table) {
    hone__strbuf_puts(out, table->n_columns > 8 ? "<table class=\"wide\">\n" : "<table>\n");
    for (size_t r = 0; r < table->n_rows; r++) {
        hone__strbuf_puts(out, r ? "<tr>" : "<thead><tr>");
        for (size_t c = 0; c < table->n_columns; c++) {
            const char *tag = r ? "td" : "th";
            hone__strbuf_printf(out, "<%s%s>", tag, table->is_right[c] ? " class=\"n\"" : "");
            put_marked(out, table->cells[r * table->n_columns + c]);
            hone__strbuf_printf(out, "</%s>", tag);
        }
        hone__strbuf_puts(out, r ? "</tr>\n" : "</tr></thead>\n<tbody>\n");
    }
    hone__strbuf_puts(out, "</tbody></table>\n");
}

static void put_block(hone__strbuf *out, const hone__block *b, size_t index, bool opens_list, bool closes_list) {
    switch (b->kind) {
    case HONE_BLOCK_HEADING:
        hone__strbuf_printf(out, "<h%d>", b->level);
        put_marked(out, b->text);
        hone__strbuf_printf(out, "</h%d>\n", b->level);
        break;
    case HONE_BLOCK_TEXT:
        hone__strbuf_puts(out, "<p>");
        put_marked(out, b->text);
        hone__strbuf_puts(out, "</p>\n");
        break;
    case HONE_BLOCK_ITEM:
        hone__strbuf_puts(out, opens_list ? "<ul>\n<li>" : "<li>");
        put_marked(out, b->text);
        hone__strbuf_puts(out, closes_list ? "</li>\n</ul>\n" : "</li>\n");
        break;
    case HONE_BLOCK_CODE:
        hone__strbuf_puts(out, "<pre><code>");
        put_text(out, b->text);
        hone__strbuf_puts(out, "</code></pre>\n");
        break;
    case HONE_BLOCK_TABLE:
        put_table(out, b);
        break;
    case HONE_BLOCK_CHART:
        if (!hone__chart_js_size)
            break;
        hone__strbuf_puts(out, "<figure><figcaption>");
        put_text(out, b->language);
        hone__strbuf_printf(out, "</figcaption><div class=\"chart\"><canvas id=\"chart%zu\"></canvas></div>", index);
        hone__strbuf_puts(
            out, "<noscript>This chart needs JavaScript; the tables hold the same figures.</noscript></figure>\n");
        break;
    }
}

void hone__report_html(const hone__report *report, const char *title, hone__strbuf *out) {
    hone__strbuf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
    put_text(out, title);
    hone__strbuf_printf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n", g_style);
    bool has_chart = false;
    for (size_t i = 0; i < report->n; i++) {
        const hone__block *b = &report->blocks[i];
        bool is_item = b->kind == HONE_BLOCK_ITEM;
        put_block(out, b, i, is_item && (i == 0 || b[-1].kind != HONE_BLOCK_ITEM),
                  is_item && (i + 1 == report->n || b[1].kind != HONE_BLOCK_ITEM));
        has_chart |= b->kind == HONE_BLOCK_CHART;
    }
    if (has_chart && hone__chart_js_size) {
        hone__strbuf_puts(out, "<script>");
        hone__strbuf_append(out, (const char *)hone__chart_js, hone__chart_js_size);
        hone__strbuf_puts(
            out, "</script>\n<script>\nChart.defaults.animation=false;Chart.defaults.maintainAspectRatio=false;\n");
        for (size_t i = 0; i < report->n; i++)
            if (report->blocks[i].kind == HONE_BLOCK_CHART) {
                hone__strbuf_printf(out, "new Chart(document.getElementById(\"chart%zu\"),", i);
                put_script(out, report->blocks[i].text);
                hone__strbuf_puts(out, ");\n");
            }
        hone__strbuf_puts(out, "</script>\n");
    }
    hone__strbuf_puts(out, "</body>\n</html>\n");
}
