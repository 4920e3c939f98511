/* Opening models and sessions from the command line: shared by inspect, run and bench. */
#ifndef HONE_CLI_CLI_SESSION_H
#define HONE_CLI_CLI_SESSION_H

#include "cli/cli.h"

#include <hone/tune.h>

/* What the command line says of a session. */
typedef struct hone__session_settings {
    const char *config;          /* --config: NULL or a configuration file; what follows comes after it */
    const char *store;           /* --store: NULL: the tuner's own */
    const hone__cli_texts *sets; /* --set KEY=VALUE */
    const char *one_more;        /* NULL or KEY=VALUE after those: what `hone bench --vary` varies */
    int64_t threads;             /* --threads; 0: default */
    const char *level;           /* --level; NULL: default; "all" and "ORT_ENABLE_ALL" both do */
    const char *backend;         /* --backend; NULL: that of the settings above */
} hone__session_settings;

/* Session options from these. *store is the tuner's store of kernel choices when tunable_op_enable asks for
 * one, else NULL; it must outlive the session and is closed by hone_tune_store_close. `warning` then says
 * what is wrong with it, or "". */
hone_status hone__session_options(const hone__session_settings *settings, hone_options **out, hone_tune_store **store,
                                  char *warning, size_t warning_size, hone_error *error);

/* Reports a failure to make a session; for UNSUPPORTED, with the nodes at fault. */
int hone__session_fail(hone__cli *cli, const hone_model *model, const hone_error *error);

/* The model computes in half precision somewhere: an input, output or initializer is of such a type. */
bool hone__model_has_half(const hone_model *model);

/* "domain.Op", or "Op" for ai.onnx, into buf; returns buf. */
const char *hone__op_label(const char *domain, const char *op, char *buf, size_t size);

json_t *hone__json_unsupported(const hone_model *model);

#endif
