/* Opening models and sessions from the command line: shared by inspect, run and bench. */
#ifndef HONE_CLI_CLI_SESSION_H
#define HONE_CLI_CLI_SESSION_H

#include "cli/cli.h"

/* Session options from --set KEY=VALUE texts, --threads (0: default) and --level (NULL: default; "all" and
 * "ORT_ENABLE_ALL" both do). */
hone_status hone__session_options(const hone__cli_texts *sets, int64_t threads, const char *level, hone_options **out,
                                  hone_error *error);

/* Reports a failure to make a session; for UNSUPPORTED, with the nodes at fault. */
int hone__session_fail(hone__cli *cli, const hone_model *model, const hone_error *error);

/* The model computes in half precision somewhere: an input, output or initializer is of such a type. */
bool hone__model_has_half(const hone_model *model);

/* "domain.Op", or "Op" for ai.onnx, into buf; returns buf. */
const char *hone__op_label(const char *domain, const char *op, char *buf, size_t size);

json_t *hone__json_unsupported(const hone_model *model);

#endif
