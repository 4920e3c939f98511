/* hone check: every fault of a model file in one pass. */
#include "cli/cli_commands.h"
#include "cli/cli_json.h"

#include <string.h>

static int run(hone__cli *cli, const void *values, char **args, int n_args) {
    (void)values, (void)n_args;
    hone_error error;
    hone_findings *findings;
    if (hone_check_file(args[0], &findings, &error) != HONE_OK)
        return hone__cli_fail(cli, &error);
    size_t n_errors = 0, n = hone_findings_count(findings);
    json_t *json = json_object(), *list = json_array();
    for (size_t i = 0; i < n; i++) {
        const hone_finding *f = hone_findings_get(findings, i);
        n_errors += f->is_error;
        hone__cli_print(cli, "%s%s%s: %s: %s", f->is_error ? hone__cli_red(cli) : hone__cli_yellow(cli),
                        f->is_error ? "error" : "warning", hone__cli_plain(cli), f->where, f->message);
        if (f->offset >= 0)
            hone__cli_print(cli, " (byte %lld)", (long long)f->offset);
        hone__cli_print(cli, "\n");
        if (f->hint && f->hint[0])
            hone__cli_print(cli, "       %s\n", f->hint);
        json_t *item = json_object();
        hone__json_set(item, "severity", json_string(f->is_error ? "error" : "warning"));
        hone__json_set(item, "status", json_string(hone_status_name(f->status)));
        hone__json_set(item, "where", hone__json_text(f->where));
        hone__json_set(item, "message", hone__json_text(f->message));
        hone__json_set(item, "hint", f->hint && f->hint[0] ? hone__json_text(f->hint) : json_null());
        hone__json_set(item, "offset", f->offset >= 0 ? json_integer(f->offset) : json_null());
        json_array_append_new(list, item);
    }
    size_t n_warnings = n - n_errors;
    if (n_errors)
        hone__cli_print(cli, "%s: %zu error%s, %zu warning%s\n", args[0], n_errors, n_errors == 1 ? "" : "s",
                        n_warnings, n_warnings == 1 ? "" : "s");
    else
        hone__cli_print(cli, "%s: %svalid%s%s\n", args[0], hone__cli_green(cli), hone__cli_plain(cli),
                        n_warnings ? ", with warnings" : "");
    hone__json_set(json, "model", hone__json_text(args[0]));
    hone__json_set(json, "ok", json_boolean(n_errors == 0));
    hone__json_set(json, "errors", json_integer((json_int_t)n_errors));
    hone__json_set(json, "warnings", json_integer((json_int_t)n_warnings));
    hone__json_set(json, "findings", list);
    hone_findings_destroy(findings);
    if (n_errors)
        hone__cli_remark(cli, "error: %s is not a valid model; the findings say where and why", args[0]);
    return hone__cli_write_json(cli, json, n_errors ? HONE_EXIT_INPUT : HONE_EXIT_DONE);
}

const hone__command hone__command_check = {
    .name = "check",
    .arguments = "MODEL",
    .summary = "checks a model file, naming all errors in one pass",
    .details = "Checks a model as strictly as the ONNX checker: wire format, fields that must be there, names, types,\n"
               "graph structure, operators and attributes. All errors are listed in one pass, each with the node or\n"
               "initializer and the position in the file. Exit status 3 when there are errors.",
    .examples = "  hone check model.onnx\n  hone check model.onnx --json findings.json",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
