/* hone tune: measures settings of a model on this machine, edits config.yaml and writes a report. The work is done
 * by the tuner (hone/tune.h); here are the options, the progress and the summary. The hidden command `tune-trial`
 * is what the tuner's children run. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/cli_commands.h"
#include "cli/cli_inputs.h"
#include "cli/cli_json.h"
#include "cli/cli_progress.h"
#include "cli/cli_session.h"

#include <hone/tune.h>
#include <stdlib.h>
#include <string.h>

typedef struct tune_values {
    const char *model, *config, *output, *space, *objective, *store;
    hone__cli_texts shapes;
    hone__cli_ints batches;
    bool quick, resume, dry_run;
    int64_t grid, warmup, runs, seed;
    double budget, max_p99, max_memory, min_accuracy, trial_timeout, trial_memory;
} tune_values;

static const tune_values defaults = {
    .output = "report.md", .objective = "latency", .warmup = 20, .runs = 50, .seed = 1};

#define AT(field) offsetof(tune_values, field)
static const hone__cli_option options[] = {
    {"config", HONE_CLI_TEXT, AT(config), "FILE", "config.yaml to read and to edit in place; made if there is none", 0,
     0, 0},
    {"output", HONE_CLI_TEXT, AT(output), "FILE",
     "report (default report.md); .html and .json are written beside it; \"none\" for no report", 0, 0, 'o'},
    {"quick", HONE_CLI_FLAG, AT(quick), NULL, "at most six trials, chosen by graph and machine", 0, 0, 0},
    {"grid", HONE_CLI_INT, AT(grid), "14|48", "one of the two fixed grids", 14, 48, 0},
    {"space", HONE_CLI_TEXT, AT(space), "FILE", "YAML with a list of values per key: every combination is tried", 0, 0,
     0},
    {"warmup", HONE_CLI_INT, AT(warmup), "N", "untimed runs per trial (default 20)", 0, 100000, 0},
    {"runs", HONE_CLI_INT, AT(runs), "N", "timed runs per trial (default 50)", 2, 100000, 0},
    {"budget", HONE_CLI_DURATION, AT(budget), "10m", "time that the whole run may take", 0, 0, 0},
    {"objective", HONE_CLI_TEXT, AT(objective), "NAME", "latency (median, the default), throughput or p99", 0, 0, 0},
    {"shape", HONE_CLI_TEXTS, AT(shapes), "NAME=1x3x640x640",
     "shape of an input; may be repeated; symbols left become 1", 0, 0, 0},
    {"batch", HONE_CLI_INTS, AT(batches), "1,8", "batch size; with several, one run is one pass over each", 1, 1e6, 0},
    {"max-p99-ms", HONE_CLI_NUMBER, AT(max_p99), "X", "only settings whose 99th percentile is below", 0, 1e9, 0},
    {"max-memory-mb", HONE_CLI_NUMBER, AT(max_memory), "X", "only settings whose peak memory is below", 0, 1e9, 0},
    {"min-accuracy", HONE_CLI_NUMBER, AT(min_accuracy), "X",
     "lets precisions be tried; agreement with the default's outputs must be at least this (0..1)", 0, 1, 0},
    {"resume", HONE_CLI_FLAG, AT(resume), NULL, "go on where an interrupted run stopped", 0, 0, 0},
    {"dry-run", HONE_CLI_FLAG, AT(dry_run), NULL, "print the plan and its time, and stop", 0, 0, 0},
    {"model", HONE_CLI_TEXT, AT(model), "MODEL", "the model, instead of the argument", 0, 0, 0},
    {"seed", HONE_CLI_INT, AT(seed), "N", "seed of the made-up inputs (default 1)", 0, 0, 0},
    {"store", HONE_CLI_TEXT, AT(store), "FILE", "store of results (default $XDG_CACHE_HOME/hone/store.db)", 0, 0, 0},
    {"trial-timeout", HONE_CLI_DURATION, AT(trial_timeout), "60s",
     "time limit of a trial (default: by the speed of the model)", 0, 0, 0},
    {"trial-memory-mb", HONE_CLI_NUMBER, AT(trial_memory), "X",
     "memory limit of a trial (default: 90 % of what is free)", 0, 1e9, 0},
};

/* ---- the child ---- */

static hone_status make_input(const hone_value_info *input, const hone_shape *shape, uint64_t seed, hone_tensor **out,
                              hone_error *error) {
    return hone__inputs_random(input, shape, seed, out, error);
}

static bool compare(const hone_model *model, const hone_tensor *actual, const hone_tensor *expected, double *max_error,
                    char *message, size_t message_size) {
    hone_difference difference = {.is_equal = true};
    hone_tolerance tolerance = {-1, -1, hone__model_has_half(model)};
    hone_tensor_compare(actual, expected, &tolerance, &difference);
    if (difference.max_abs > *max_error)
        *max_error = difference.max_abs;
    snprintf(message, message_size, "%s", difference.message);
    return difference.is_equal;
}

int hone__tune_trial_command(void) {
    const hone_tune_trial_hooks hooks = {.make_input = make_input, .compare = compare};
    return hone_tune_trial_main(&hooks) == 0 ? HONE_EXIT_DONE : HONE_EXIT_INTERNAL;
}

/* ---- the command ---- */

typedef struct tune_view {
    hone__cli *cli;
    hone__progress progress;
    bool is_begun;
} tune_view;

static void on_event(void *user, const hone_tune_event *event) {
    tune_view *view = user;
    if (event->kind == HONE_TUNE_EVENT_STEP) {
        if (!view->is_begun || view->progress.total != event->total) {
            uint64_t start_ns = view->progress.start_ns;
            hone__progress_begin(&view->progress, view->cli, "tune", event->total);
            if (view->is_begun)
                view->progress.start_ns = start_ns;
            view->is_begun = true;
        }
        hone__progress_update(&view->progress, event->done, event->text);
        return;
    }
    if (view->is_begun)
        hone__progress_clear(&view->progress);
    if (event->kind == HONE_TUNE_EVENT_WARNING)
        hone__cli_remark(view->cli, "%s", event->text);
    else
        hone__cli_print(view->cli, "%s\n", event->text);
}

static hone_status read_options(const tune_values *v, hone_tune_options *o, hone_error *error) {
    int n_spaces = v->quick + (v->grid != 0) + (v->space != NULL);
    HONE_FAIL_IF(n_spaces > 1, error, HONE_ERROR_ARGUMENT, "--quick, --grid and --space exclude each other");
    HONE_FAIL_IF(v->grid && v->grid != 14 && v->grid != 48, error, HONE_ERROR_ARGUMENT,
                 "there is no grid %d: --grid takes 14 or 48", (int)v->grid);
    o->space = v->quick        ? HONE_TUNE_SPACE_QUICK
               : v->grid == 14 ? HONE_TUNE_SPACE_GRID_14
               : v->grid == 48 ? HONE_TUNE_SPACE_GRID_48
               : v->space      ? HONE_TUNE_SPACE_FILE
                               : HONE_TUNE_SPACE_DEFAULT;
    static const char *const objectives[] = {"latency", "throughput", "p99"};
    int objective = 0;
    while (objective < 3 && strcmp(v->objective, objectives[objective]) != 0)
        objective++;
    if (objective == 3) {
        hone__fail(error, HONE_ERROR_ARGUMENT, "there is no objective \"%.40s\"", v->objective);
        hone__error_hint(error, "objectives are latency, throughput and p99");
        return HONE_ERROR_ARGUMENT;
    }
    o->objective = (hone_tune_objective)objective;
    o->config_path = v->config;
    o->report_path = v->output && strcmp(v->output, "none") ? v->output : NULL;
    o->store_path = v->store;
    o->space_path = v->space;
    o->warmup = (int)v->warmup;
    o->runs = (int)v->runs;
    o->budget_s = v->budget;
    o->max_p99_ms = v->max_p99;
    o->max_memory_mb = v->max_memory;
    o->min_accuracy = v->min_accuracy;
    o->resume = v->resume;
    o->dry_run = v->dry_run;
    o->seed = (uint64_t)v->seed;
    o->trial_timeout_s = v->trial_timeout;
    o->trial_memory_mb = v->trial_memory;
    return HONE_OK;
}

/* One pass per batch size; without any, one pass. */
static hone_status resolve_shapes(const hone_model *model, const tune_values *v, hone_tune_options *o, hone_shape **out,
                                  size_t *n_assumed, hone_error *error) {
    size_t n_passes = v->batches.n ? v->batches.n : 1, n = hone_model_input_count(model);
    hone_shape *all = hone__calloc(n_passes * n + 1, sizeof *all);
    if (!all)
        return hone__fail_memory(error, "input shapes");
    *out = all;
    o->shapes = all;
    o->n_shapes = n;
    o->n_passes = n_passes;
    o->items = 0;
    for (size_t p = 0; p < n_passes; p++) {
        hone__input_shapes shapes;
        HONE_TRY(hone__inputs_resolve(model, &v->shapes, v->batches.n ? v->batches.items[p] : 0, &shapes, error));
        if (n)
            memcpy(all + p * n, shapes.shapes, n * sizeof *all);
        /* Items per run: the batch, or what stands first in the first input. */
        int64_t first = n && shapes.shapes[0].rank > 1 ? shapes.shapes[0].dims[0] : 1;
        o->items += (double)(v->batches.n ? v->batches.items[p] : first > 0 ? first : 1);
        *n_assumed = shapes.n_assumed;
        hone__inputs_release(&shapes);
    }
    return HONE_OK;
}

/* The command again, for the report: quoted where the shell needs it. */
static char *command_line(const tune_values *v, const char *model) {
    hone__strbuf s;
    hone__strbuf_init(&s);
    hone__strbuf_printf(&s, "hone tune '%s'", model);
    if (v->config)
        hone__strbuf_printf(&s, " --config '%s'", v->config);
    if (v->quick)
        hone__strbuf_puts(&s, " --quick");
    if (v->grid)
        hone__strbuf_printf(&s, " --grid %d", (int)v->grid);
    if (v->space)
        hone__strbuf_printf(&s, " --space '%s'", v->space);
    hone__strbuf_printf(&s, " --warmup %d --runs %d --objective %s --seed %lld", (int)v->warmup, (int)v->runs,
                        v->objective, (long long)v->seed);
    for (size_t i = 0; i < v->shapes.n; i++)
        hone__strbuf_printf(&s, " --shape '%s'", v->shapes.items[i]);
    for (size_t i = 0; i < v->batches.n; i++)
        hone__strbuf_printf(&s, "%s%lld", i ? "," : " --batch ", (long long)v->batches.items[i]);
    if (v->budget > 0)
        hone__strbuf_printf(&s, " --budget %gs", v->budget);
    if (v->max_p99 > 0)
        hone__strbuf_printf(&s, " --max-p99-ms %g", v->max_p99);
    if (v->max_memory > 0)
        hone__strbuf_printf(&s, " --max-memory-mb %g", v->max_memory);
    if (v->min_accuracy > 0)
        hone__strbuf_printf(&s, " --min-accuracy %g", v->min_accuracy);
    return hone__strbuf_take(&s);
}

static void print_rows(const hone__cli *cli, const hone_tune_result *result) {
    hone_tune_row row;
    hone__cli_print(cli, "\n%s%4s  %-34s %10s %9s %9s %9s  %-22s %8s%s\n", hone__cli_bold(cli), "rank", "setting",
                    "FPS", "mean ms", "p50 ms", "p99 ms", "gain (95 %)", "MB", hone__cli_plain(cli));
    for (size_t i = 0; hone_tune_get_row(result, i, &row); i++) {
        char gain[64] = "1";
        if (!row.rank) {
            hone__cli_print(cli, "   –  %-34s %s: %s\n", row.name, row.status, row.reason);
            continue;
        }
        if (*row.settings)
            snprintf(gain, sizeof gain, "%.3f (%.3f..%.3f)", row.gain, row.gain_low, row.gain_high);
        hone__cli_print(cli, "%4d  %-34s %10.2f %9.3f %9.3f %9.3f  %-22s %8.1f  %s%s%s\n", row.rank, row.name, row.fps,
                        row.mean_ms, row.p50_ms, row.p99_ms, gain, row.peak_mb, hone__cli_dim(cli), row.reason,
                        hone__cli_plain(cli));
    }
}

static void print_summary(const hone__cli *cli, const hone_tune_result *result) {
    hone_tune_summary s;
    const char *key, *old, *value;
    hone_tune_get_summary(result, &s);
    if (s.is_dry_run) {
        hone_tune_row row;
        for (size_t i = 0; hone_tune_get_row(result, i, &row); i++)
            if (*row.settings)
                hone__cli_print(cli, "  %-34s %s\n", row.name, row.settings);
        hone__cli_print(cli, "%s.\n", s.verdict);
        return;
    }
    print_rows(cli, result);
    hone__cli_print(cli, "\n%s%s.%s\n", hone__cli_bold(cli), s.verdict, hone__cli_plain(cli));
    for (size_t i = 0; hone_tune_get_change(result, i, &key, &old, &value); i++)
        hone__cli_print(cli, "  %s: %s%s%s\n", key, old, *old ? " -> " : "", *value ? value : "none");
    if (*s.config_path)
        hone__cli_print(cli, "%s was edited in place%s%s.\n", s.config_path,
                        *s.config_backup ? "; the old file is " : "", s.config_backup);
    if (*s.report_md)
        hone__cli_print(cli, "Report: %s, %s, %s (%.1f s in all).\n", s.report_md, s.report_html, s.report_json,
                        s.elapsed_s);
}

static int finish(hone__cli *cli, hone_tune_result *result, hone_status status, const hone_error *error) {
    if (!result)
        return hone__cli_fail(cli, error);
    hone_tune_summary summary;
    hone_tune_get_summary(result, &summary);
    print_summary(cli, result);
    int code = status == HONE_OK ? HONE_EXIT_DONE : hone__exit_code(status);
    if (status != HONE_OK && !summary.is_feasible)
        code = HONE_EXIT_CHECK; /* a constraint holds for no setting */
    else if (status != HONE_OK)
        return hone__cli_fail(cli, error);
    return hone__cli_write_json(cli, json_loads(hone_tune_get_json(result), 0, NULL), code);
}

static int run(hone__cli *cli, const void *values, char **args, int n_args) {
    const tune_values *v = values;
    const char *path = n_args ? args[0] : v->model;
    hone_error error;
    hone_error_clear(&error);
    hone_tune_options o;
    hone_tune_result *result = NULL;
    hone_model *model = NULL;
    hone_shape *shapes = NULL;
    size_t n_assumed = 0;
    if (!path || (n_args && v->model))
        return hone__cli_fail_usage(cli, "usage: hone tune MODEL [--config config.yaml]; hone tune --help explains",
                                    path ? "the model was given twice" : "hone tune needs a model");
    tune_view view = {.cli = cli};
    hone_tune_options_init(&o);
    hone_status status = read_options(v, &o, &error);
    if (status == HONE_OK)
        status = hone_model_open(path, &model, &error);
    if (status == HONE_OK)
        status = resolve_shapes(model, v, &o, &shapes, &n_assumed, &error);
    char *command = command_line(v, path);
    if (status == HONE_OK && hone_model_unsupported_count(model)) {
        hone__fail(&error, HONE_ERROR_UNSUPPORTED, "%s: %zu node(s) cannot run in this version", path,
                   hone_model_unsupported_count(model));
        hone__error_hint(&error, "hone inspect lists them");
        int code = hone__session_fail(cli, model, &error);
        hone__free(command);
        hone__free(shapes);
        hone_model_close(model);
        return code;
    }
    o.model_path = path;
    o.command_line = command;
    o.on_event = on_event;
    o.event_user = &view;
    if (status == HONE_OK)
        status = hone_tune_run(&o, &result, &error);
    if (view.is_begun)
        hone__progress_clear(&view.progress);
    if (status != HONE_OK && !result && n_assumed && error.status != HONE_ERROR_CONFIG && !error.hint[0])
        hone__error_hint(&error,
                         "%zu dimension%s of the inputs %s not given and taken as 1: give them with --shape "
                         "NAME=1x3x224x224 (hone inspect lists the inputs)",
                         n_assumed, n_assumed == 1 ? "" : "s", n_assumed == 1 ? "was" : "were");
    int code = finish(cli, result, status, &error);
    hone_tune_result_destroy(result);
    hone__free(command);
    hone__free(shapes);
    hone_model_close(model);
    return code;
}

const hone__command hone__command_tune = {
    .name = "tune",
    .arguments = "[MODEL]",
    .summary = "finds the fastest settings on this machine, proves it, and edits config.yaml",
    .details =
        "Every setting runs in a process of its own, in blocks that alternate with the default's, and its outputs are\n"
        "compared with the default's. A setting is chosen only if its gain is beyond doubt in two rounds; a tie keeps\n"
        "the default. config.yaml keeps every byte but the values that change (the old file stays as .bak); the keys\n"
        "expected_fps and fingerprint are added for later comparison. The report says what each key contributed.\n"
        "A space file has one key per line: \"intra_op_num_threads: [1, 2]\".",
    .examples = "  hone tune model.onnx --config config.yaml\n"
                "  hone tune model.onnx --quick --output report.md\n"
                "  hone tune model.onnx --grid 14 --batch 8 --objective throughput\n"
                "  hone tune model.onnx --space space.yaml --max-memory-mb 500 --budget 5m",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .values_size = sizeof(tune_values),
    .defaults = &defaults,
    .run = run,
};
