/* Files embedded at build time. */
#ifndef HONE_REPORT_REPORT_ASSETS_H
#define HONE_REPORT_REPORT_ASSETS_H

/* Chart.js (MIT licence), or nothing when the build did not find it; a NUL follows. */
extern const unsigned char hone__chart_js[];
extern const unsigned long hone__chart_js_size;

#endif
