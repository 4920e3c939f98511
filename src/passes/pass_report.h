/* What the driver does with a report; see passes.h for the report itself. */
#ifndef HONE_PASSES_PASS_REPORT_H
#define HONE_PASSES_PASS_REPORT_H

#include "passes/passes.h"

/* One record per pass of the table. */
hone_status hone__pass_report_prepare(hone__pass_report *report, const hone__pass *table, hone_error *error);
/* Drops a pass's near misses, before it runs again. report may be NULL. */
void hone__pass_report_forget(hone__pass_report *report, const hone__pass *pass);

#endif
