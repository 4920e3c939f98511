/* hone run: one inference, on given or made-up inputs, shown, saved or compared. */
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/cli_commands.h"
#include "cli/cli_json.h"
#include "cli/cli_session.h"
#include "cli/run_inputs.h"
#include "cli/run_outputs.h"

#include <math.h>
#include <string.h>

typedef struct run_values {
    hone__cli_texts inputs, shapes, sets, expects;
    const char *image_size, *mean, *std, *layout, *output_dir, *level, *config, *store, *backend;
    double range, rtol, atol;
    bool bgr, nodes;
    int64_t seed, batch, threads;
} run_values;

static const run_values defaults = {.range = 1, .rtol = -1, .atol = -1};

#define AT(field) offsetof(run_values, field)
static const hone__cli_option options[] = {
    {"input", HONE_CLI_TEXTS, AT(inputs), "NAME=FILE",
     "an input from a .npy, .npz, .pb (TensorProto), .png or .jpg file; repeat it for more inputs. NAME= may be left "
     "out when the model has one input. Inputs not given are made up",
     0, 0, 0},
    {"seed", HONE_CLI_INT, AT(seed), "N",
     "seed of made-up inputs (default 0): floats in [0, 1), integers 0 or 1 (ids 0 to 9), masks 1", 0, 0, 0},
    {"shape", HONE_CLI_TEXTS, AT(shapes), "NAME=1x3x640x640",
     "shape of a made-up input; symbols that it settles hold for the others; what is left becomes 1", 0, 0, 0},
    {"batch", HONE_CLI_INT, AT(batch), "N", "value of the symbolic first dimension of made-up inputs", 1, 1e6, 0},
    {"image-size", HONE_CLI_TEXT, AT(image_size), "WxH",
     "size that images are resized to (bilinear, antialiased, aspect not kept). Default: the model's size, or else "
     "the image's own",
     0, 0, 0},
    {"mean", HONE_CLI_TEXT, AT(mean), "M|R,G,B",
     "subtracted from pixels scaled to [0, 1] (default 0); one value or one per channel", 0, 0, 0},
    {"std", HONE_CLI_TEXT, AT(std), "S|R,G,B", "then divided by this (default 1)", 0, 0, 0},
    {"image-range", HONE_CLI_NUMBER, AT(range), "X",
     "pixels are scaled to [0, X] before mean and std (default 1; 255 keeps them)", 1e-6, 1e6, 0},
    {"bgr", HONE_CLI_FLAG, AT(bgr), NULL, "channels in the order blue, green, red", 0, 0, 0},
    {"layout", HONE_CLI_TEXT, AT(layout), "nchw|nhwc", "of image inputs; default: where the model has 1 or 3 channels",
     0, 0, 0},
    {"output-dir", HONE_CLI_TEXT, AT(output_dir), "DIR", "write each output as DIR/NAME.npy", 0, 0, 'o'},
    {"expect", HONE_CLI_TEXTS, AT(expects), "DIR",
     "take input_*.pb from an ONNX test-data folder and compare with its output_*.pb; exit status 1 when they differ. "
     "Repeat it to run several data sets, whose shapes may differ, one after the other in one session",
     0, 0, 0},
    {"rtol", HONE_CLI_NUMBER, AT(rtol), "X",
     "relative tolerance: |a-b| <= atol + rtol*|b| (default 1e-3; 1e-2 where a half-precision type is involved)", 0,
     1e9, 0},
    {"atol", HONE_CLI_NUMBER, AT(atol), "X",
     "absolute tolerance (default 1e-5*max(1, max|b|); 1e-3*max(1, max|b|) where a half-precision type is involved)", 0,
     1e9, 0},
    {"threads", HONE_CLI_INT, AT(threads), "N", "threads (default: what affinity and cgroup quota give)", 0, 1024, 0},
    {"level", HONE_CLI_TEXT, AT(level), "LEVEL", "graph optimisation: disable_all, basic, extended, all (default)", 0,
     0, 0},
    {"backend", HONE_CLI_TEXT, AT(backend), "NAME", "cpu (default) or onnxruntime", 0, 0, 0},
    {"nodes", HONE_CLI_FLAG, AT(nodes), NULL,
     "list the nodes as they ran: operator, backend, kernel (onnxruntime: the execution provider), time", 0, 0, 0},
    {"config", HONE_CLI_TEXT, AT(config), "FILE",
     "take the session's settings from a config.yaml, as hone tune writes it; the options above and --set override it",
     0, 0, 0},
    {"store", HONE_CLI_TEXT, AT(store), "FILE",
     "the tuner's store, read when tunable_op_enable is set (default $XDG_CACHE_HOME/hone/store.db)", 0, 0, 0},
    {"set", HONE_CLI_TEXTS, AT(sets), "KEY=VALUE", "any key of a session, as in config.yaml; may be repeated", 0, 0, 0},
};

static hone_status image_options(const run_values *values, hone__image_options *out, hone_error *error) {
    *out = (hone__image_options){.std = {1, 1, 1}, .range = values->range, .is_bgr = values->bgr};
    out->is_normalised = values->mean || values->std || values->range != 1;
    if (values->image_size)
        HONE_TRY(hone__cli_parse_size(values->image_size, &out->width, &out->height, error));
    if (values->mean)
        HONE_TRY(hone__cli_parse_numbers(values->mean, "mean", out->mean, 3, error));
    if (values->std)
        HONE_TRY(hone__cli_parse_numbers(values->std, "std", out->std, 3, error));
    for (int i = 0; i < 3; i++)
        if (!(out->std[i] > 0)) {
            hone__fail(error, HONE_ERROR_ARGUMENT, "--std must be above 0");
            hone__error_hint(error, "for ImageNet models it is often 0.229,0.224,0.225");
            return HONE_ERROR_ARGUMENT;
        }
    if (!values->layout)
        return HONE_OK;
    if (!strcmp(values->layout, "nchw") || !strcmp(values->layout, "nhwc")) {
        out->layout = values->layout[1] == 'c' ? HONE_IMAGE_NCHW : HONE_IMAGE_NHWC;
        return HONE_OK;
    }
    hone__fail(error, HONE_ERROR_ARGUMENT, "--layout takes nchw or nhwc, not \"%.40s\"", values->layout);
    hone__error_hint(error, "leave it out to take the layout from the model's input");
    return HONE_ERROR_ARGUMENT;
}

/* Everything that a run holds on to. */
typedef struct job {
    hone_model *model;
    hone_options *options;
    hone_tune_store *store;
    char warning[400]; /* of the store */
    hone_session *session;
    hone__image_options image;
    hone__input_shapes shapes;
    hone__run_tensors inputs, outputs, expected;
    bool is_loaded, is_done; /* model and inputs; the latest run */
    double time_ms;
} job;

static void release(job *j) {
    hone__run_tensors_release(&j->inputs);
    hone__run_tensors_release(&j->outputs);
    hone__run_tensors_release(&j->expected);
    hone__inputs_release(&j->shapes);
    hone_session_destroy(j->session);
    hone_options_destroy(j->options);
    hone_tune_store_close(j->store);
    hone_model_close(j->model);
}

/* The inputs of one run, and what its outputs are compared with; `dir` is NULL without --expect. */
static hone_status load_set(const run_values *values, const char *dir, job *j, hone_error *error) {
    hone__run_tensors_release(&j->inputs);
    hone__run_tensors_release(&j->expected);
    j->expected.n = 0;
    hone__run_source source = {&values->inputs, dir, &j->image, (uint64_t)values->seed, &j->shapes};
    HONE_TRY(hone__run_inputs(j->model, &source, &j->inputs, error));
    return dir ? hone__run_expected(j->model, dir, &j->expected, error) : HONE_OK;
}

static hone_status prepare(const run_values *values, const char *path, job *j, hone_error *error) {
    HONE_TRY(image_options(values, &j->image, error));
    hone__session_settings settings = {.config = values->config,
                                       .store = values->store,
                                       .sets = &values->sets,
                                       .threads = values->threads,
                                       .level = values->level,
                                       .backend = values->backend};
    HONE_TRY(hone__session_options(&settings, &j->options, &j->store, j->warning, sizeof j->warning, error));
    HONE_TRY(hone_model_open(path, &j->model, error));
    HONE_TRY(hone__inputs_resolve(j->model, &values->shapes, values->batch, &j->shapes, error));
    HONE_TRY(load_set(values, values->expects.n ? values->expects.items[0] : NULL, j, error));
    j->is_loaded = true;
    return hone_session_create(j->model, j->options, &j->session, error);
}

static hone_status infer(job *j, hone_error *error) {
    hone__run_tensors_release(&j->outputs);
    j->is_done = false;
    j->outputs.n = hone_model_output_count(j->model);
    j->outputs.items = hone__calloc(j->outputs.n ? j->outputs.n : 1, sizeof *j->outputs.items);
    if (!j->outputs.items)
        return hone__fail_memory(error, "the outputs");
    uint64_t start = hone__now_ns();
    HONE_TRY(hone_session_run(j->session, (const hone_tensor *const *)j->inputs.items, j->inputs.n, j->outputs.items,
                              j->outputs.n, error));
    j->time_ms = hone__ms_since(start);
    j->is_done = true;
    return HONE_OK;
}

static bool name_is_taken(const hone_model *model, size_t index) {
    char own[200], other[200];
    hone__run_file_name(hone_model_get_output(model, index)->name, own, sizeof own);
    for (size_t i = 0; i < index; i++)
        if (!strcmp(own, hone__run_file_name(hone_model_get_output(model, i)->name, other, sizeof other)))
            return true;
    return false;
}

/* What the comparisons of all data sets came to. */
typedef struct verdict {
    bool is_ok;
    double max_abs, max_rel;
    json_t *failed;
} verdict;

static bool compare_set(const hone__cli *cli, const run_values *values, const char *dir, const job *j, verdict *all) {
    hone_tolerance tolerance = {values->rtol, values->atol, hone__model_has_half(j->model)};
    bool is_ok = true;
    double max_abs = 0, max_rel = 0;
    size_t n_compared = 0;
    for (size_t i = 0; i < j->expected.n; i++) {
        if (!j->expected.items[i])
            continue;
        const char *name = hone_model_get_output(j->model, i)->name;
        hone_difference difference = {.is_equal = true};
        hone_tensor_compare(j->outputs.items[i], j->expected.items[i], &tolerance, &difference);
        n_compared++;
        max_abs = fmax(max_abs, difference.max_abs);
        max_rel = fmax(max_rel, difference.max_rel);
        if (difference.is_equal)
            continue;
        is_ok = false;
        hone__cli_print(cli, "  %sdiffers%s %s: %s", hone__cli_red(cli), hone__cli_plain(cli), name,
                        difference.message);
        if (difference.n_wrong)
            hone__cli_print(cli, "; %lld of %lld elements are out of tolerance", (long long)difference.n_wrong,
                            (long long)difference.n_compared);
        hone__cli_print(cli, "\n");
        json_array_append_new(all->failed,
                              json_pack("{s:o, s:o, s:o, s:I, s:I}", "output", hone__json_text(name), "data",
                                        hone__json_text(dir), "reason", hone__json_text(difference.message), "wrong",
                                        (json_int_t)difference.n_wrong, "of", (json_int_t)difference.n_compared));
    }
    if (is_ok)
        hone__cli_print(cli, "  %sas expected%s: %zu output%s, largest error %.3g absolute, %.3g relative\n",
                        hone__cli_green(cli), hone__cli_plain(cli), n_compared, n_compared == 1 ? "" : "s", max_abs,
                        max_rel);
    else
        hone__cli_remark(cli, "error: the outputs differ from those in %s", dir);
    all->is_ok &= is_ok;
    all->max_abs = fmax(all->max_abs, max_abs);
    all->max_rel = fmax(all->max_rel, max_rel);
    return is_ok;
}

/* Runs what is loaded, shows and saves the outputs; `outputs` is their description for JSON. */
static hone_status run_set(hone__cli *cli, const run_values *values, const char *path, job *j, json_t **outputs,
                           hone_error *error) {
    HONE_TRY(infer(j, error));
    hone__cli_print(cli, "%s%s%s: %.3f ms\n", hone__cli_bold(cli), path, hone__cli_plain(cli), j->time_ms);
    json_decref(*outputs);
    *outputs = json_array();
    for (size_t i = 0; i < j->outputs.n; i++) {
        const char *name = hone_model_get_output(j->model, i)->name;
        json_array_append_new(*outputs, hone__run_describe(cli, name, j->outputs.items[i]));
        if (values->output_dir)
            HONE_TRY(
                hone__run_save(values->output_dir, name, i, name_is_taken(j->model, i), j->outputs.items[i], error));
    }
    return HONE_OK;
}

static hone_status run_sets(hone__cli *cli, const run_values *values, const char *path, job *j, verdict *all,
                            json_t **outputs, hone_error *error) {
    HONE_TRY(prepare(values, path, j, error));
    HONE_TRY(run_set(cli, values, path, j, outputs, error));
    for (size_t i = 0; i < values->expects.n; i++) {
        if (i) {
            HONE_TRY(load_set(values, values->expects.items[i], j, error));
            HONE_TRY(run_set(cli, values, path, j, outputs, error));
        }
        compare_set(cli, values, values->expects.items[i], j, all);
    }
    return HONE_OK;
}

/* A few more runs, profiled, and what the last says of the nodes (with onnxruntime, its own profile). */
static hone_status list_nodes(const hone__cli *cli, const job *j, json_t *json, hone_error *error) {
    enum { N_RUNS = 5 };
    hone_tensor **outputs = hone__calloc(j->outputs.n + 1, sizeof *outputs);
    if (!outputs)
        return hone__fail_memory(error, "the outputs");
    hone_session_set_profiling(j->session, true);
    hone_status status = HONE_OK;
    for (int k = 0; k < N_RUNS && status == HONE_OK; k++) {
        status = hone_session_run(j->session, (const hone_tensor *const *)j->inputs.items, j->inputs.n, outputs,
                                  j->outputs.n, error);
        for (size_t i = 0; i < j->outputs.n; i++) {
            hone_tensor_destroy(outputs[i]);
            outputs[i] = NULL;
        }
    }
    hone__free(outputs);
    json_t *nodes = json_array();
    for (size_t i = 0; status == HONE_OK && i < hone_session_node_count(j->session); i++) {
        hone_node_report node;
        char label[200];
        status = hone_session_get_node(j->session, i, &node, error);
        if (status != HONE_OK)
            break;
        hone__op_label(node.domain, node.op, label, sizeof label);
        hone__cli_print(cli, "  %-40.40s %-24.24s %-11s %-28s %8.3f ms\n", node.name, label, node.backend, node.kernel,
                        node.time_ms);
        json_array_append_new(nodes,
                              json_pack("{s:o, s:o, s:s, s:o, s:s, s:s, s:f}", "name", hone__json_text(node.name), "op",
                                        hone__json_text(label), "backend", node.backend, "kernel",
                                        hone__json_text(node.kernel), "algorithm", node.algorithm, "detail",
                                        node.detail ? node.detail : "", "time_ms", node.time_ms));
    }
    hone__json_set(json, "nodes", nodes);
    return status;
}

static int run(hone__cli *cli, const void *data, char **args, int n_args) {
    (void)n_args;
    const run_values *values = data;
    hone_error error;
    job j = {0};
    verdict all = {.is_ok = true, .failed = json_array()};
    json_t *json = json_object(), *outputs = json_array();
    hone_status status = run_sets(cli, values, args[0], &j, &all, &outputs, &error);
    if (j.warning[0])
        hone__cli_remark(cli, "%s", j.warning);
    if (values->nodes && status == HONE_OK)
        status = list_nodes(cli, &j, json, &error);
    hone__json_set(json, "model", hone__json_text(args[0]));
    hone__json_set(json, "outputs", outputs);
    if (values->expects.n)
        hone__json_set(json, "expect",
                       json_pack("{s:b, s:o, s:o, s:O}", "ok", all.is_ok, "max_abs_error",
                                 hone__json_number(all.max_abs), "max_rel_error", hone__json_number(all.max_rel),
                                 "failed", all.failed));
    json_decref(all.failed);
    hone__json_set(json, "time_ms", hone__json_number(j.time_ms));
    int code = all.is_ok ? HONE_EXIT_DONE : HONE_EXIT_CHECK;
    if (status != HONE_OK) {
        json_decref(json);
        if (j.shapes.n_assumed && !values->expects.n && !error.hint[0])
            hone__error_hint(&error, "unknown dimensions were taken as 1: give real ones by --shape or --batch");
        code = hone__session_fail(cli, j.model, &error);
        /* The command line was right if it came this far: an argument that a node refuses is bad data. */
        if (code == HONE_EXIT_USAGE && j.is_loaded && !j.is_done)
            code = HONE_EXIT_INPUT;
    } else {
        code = hone__cli_write_json(cli, json, code);
    }
    release(&j);
    return code;
}

const hone__command hone__command_run = {
    .name = "run",
    .arguments = "MODEL",
    .summary = "runs a model once on given or made-up inputs, and shows or compares outputs",
    .details =
        "Runs one inference and prints each output's type, shape, range and its five largest elements (by index\n"
        "in row-major order). Images become float inputs as (pixel / 255 * image-range - mean) / std, in the\n"
        "model's layout and size; uint8 inputs take the pixels. NaN equals NaN in comparisons.",
    .examples = "  hone run model.onnx\n"
                "  hone run resnet.onnx --input cat.jpg --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225\n"
                "  hone run bert.onnx --input input_ids=ids.npy --input attention_mask=mask.npy -o out\n"
                "  hone run model.onnx --expect test_data_set_0\n"
                "  hone run model.onnx --config config.yaml",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .values_size = sizeof(run_values),
    .defaults = &defaults,
    .run = run,
};
