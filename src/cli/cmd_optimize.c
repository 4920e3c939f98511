/* hone optimize: runs the passes ahead of time, says what they did, proves it, and writes the result. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/tensor.h"
#include "cli/cli_commands.h"
#include "cli/cli_json.h"
#include "cli/cli_session.h"
#include "cli/optimize_view.h"
#include "cli/run_inputs.h"

#include <string.h>

typedef struct optimize_values {
    hone__cli_texts shapes, run_shapes, disable, only, enable, inputs;
    const char *output, *level, *ops;
    bool list, prove, measure;
    double rtol, atol, duration;
    int64_t seed, threads;
} optimize_values;

static const optimize_values defaults = {.rtol = -1, .atol = -1, .duration = 0.5};

#define AT(field) offsetof(optimize_values, field)
static const hone__cli_option options[] = {
    {"output", HONE_CLI_TEXT, AT(output), "OUT.onnx", "where the result is written; without it only the report is made",
     0, 0, 'o'},
    {"level", HONE_CLI_TEXT, AT(level), "LEVEL",
     "disable_all, basic, extended or all (default), or ONNX Runtime's names", 0, 0, 0},
    {"ops", HONE_CLI_TEXT, AT(ops), "onnx|onnxruntime|hone",
     "what the result is made of: standard operators at the model's opset (default), com.microsoft's too, or hone's "
     "own",
     0, 0, 0},
    {"shape", HONE_CLI_TEXTS, AT(shapes), "NAME=1x3x640x640",
     "fixes the shape of an input in the result; may be repeated. Symbols that it settles are fixed everywhere", 0, 0,
     0},
    {"disable", HONE_CLI_TEXTS, AT(disable), "PASS[,PASS]", "passes that do not run; may be repeated", 0, 0, 0},
    {"only", HONE_CLI_TEXTS, AT(only), "PASS[,PASS]", "the only passes that run, whatever the level", 0, 0, 0},
    {"enable", HONE_CLI_TEXTS, AT(enable), "PASS[,PASS]", "passes that run only on request, since they change results",
     0, 0, 0},
    {"list", HONE_CLI_FLAG, AT(list), NULL, "list all passes with their levels, and stop", 0, 0, 0},
    {"prove", HONE_CLI_FLAG, AT(prove), NULL,
     "run the model and the result on made-up and given inputs and compare; on a difference the guilty pass is named "
     "and the exit status is 1",
     0, 0, 0},
    {"input", HONE_CLI_TEXTS, AT(inputs), "NAME=FILE", "an input for --prove and --measure, as hone run takes it", 0, 0,
     0},
    {"seed", HONE_CLI_INT, AT(seed), "N", "seed of made-up inputs (default 0)", 0, 0, 0},
    {"run-shape", HONE_CLI_TEXTS, AT(run_shapes), "NAME=1x128",
     "shape of an input for --prove, --measure, FLOPs and bytes alone; the result keeps its symbols", 0, 0, 0},
    {"rtol", HONE_CLI_NUMBER, AT(rtol), "X", "relative tolerance of --prove (default 1e-3; 1e-2 for half precision)", 0,
     1e9, 0},
    {"atol", HONE_CLI_NUMBER, AT(atol), "X",
     "absolute tolerance of --prove (default 1e-5*max(1, max|b|); 1e-3*max(1, max|b|) for half precision)", 0, 1e9, 0},
    {"measure", HONE_CLI_FLAG, AT(measure), NULL, "time every pass: the stages before and after it, interleaved", 0, 0,
     0},
    {"duration", HONE_CLI_DURATION, AT(duration), "0.5s", "time spent on each pair of stages by --measure", 0, 0, 0},
    {"threads", HONE_CLI_INT, AT(threads), "N", "threads of --prove and --measure", 0, 1024, 0},
};

enum { MAX_NAMES = 256, N_SETS = 3 };

/* Everything that one optimisation holds on to. */
typedef struct job {
    hone_model *model;
    hone_options *options; /* of sessions */
    hone_tune_store *store;
    hone__input_shapes shapes;
    hone_shape *fixed; /* [n_fixed]; names are the model's */
    size_t n_fixed;
    hone_optimization *optimization;
    hone__run_tensors sets[N_SETS];
    hone__latencies latencies;
    hone_proof proof;
    char *texts[3]; /* lists of passes, cut at commas */
    const char *names[3][MAX_NAMES];
    size_t n_names[3];
} job;

static void release(job *j) {
    for (size_t i = 0; i < N_SETS; i++)
        hone__run_tensors_release(&j->sets[i]);
    for (size_t i = 0; i < 3; i++)
        hone__free(j->texts[i]);
    hone__latencies_release(&j->latencies);
    hone_optimization_destroy(j->optimization);
    hone__inputs_release(&j->shapes);
    hone__free(j->fixed);
    hone_options_destroy(j->options);
    hone_tune_store_close(j->store);
    hone_model_close(j->model);
}

/* ---- options ---- */

static const char *pass_name(void *list, size_t index) {
    hone_pass_info info;
    (void)list;
    return hone_pass_get(index, &info) ? info.name : "";
}

static hone_status check_pass(const char *name, hone_error *error) {
    for (size_t i = 0; i < hone_pass_count(); i++)
        if (!strcmp(pass_name(NULL, i), name))
            return HONE_OK;
    const char *near = hone__cli_nearest(name, pass_name, NULL, hone_pass_count());
    hone__fail(error, HONE_ERROR_ARGUMENT, "there is no pass \"%.80s\"", name);
    if (near)
        hone__error_hint(error, "did you mean %s? hone optimize --list names all", near);
    else
        hone__error_hint(error, "hone optimize --list names all");
    return HONE_ERROR_ARGUMENT;
}

/* "a,b" and repeated options alike. */
static hone_status split_names(const hone__cli_texts *texts, job *j, size_t which, hone_error *error) {
    size_t size = 1;
    for (size_t i = 0; i < texts->n; i++)
        size += strlen(texts->items[i]) + 1;
    char *at = j->texts[which] = hone__malloc(size);
    if (!at)
        return hone__fail_memory(error, "names of passes");
    for (size_t i = 0; i < texts->n; i++)
        for (const char *p = texts->items[i]; *p; p += *p == ',') {
            size_t n = strcspn(p, ",");
            memcpy(at, p, n);
            at[n] = 0;
            p += n;
            if (!n)
                continue;
            HONE_TRY(check_pass(at, error));
            HONE_FAIL_IF(j->n_names[which] == MAX_NAMES, error, HONE_ERROR_ARGUMENT, "too many names of passes");
            j->names[which][j->n_names[which]++] = at;
            at += n + 1;
        }
    return HONE_OK;
}

static hone_status parse_ops(const char *ops, hone_operators *out, hone_error *error) {
    static const char *const names[] = {"onnx", "onnxruntime", "hone"};
    *out = HONE_OPERATORS_ONNX;
    for (int i = 0; ops && i < 3; i++)
        if (!strcmp(ops, names[i])) {
            *out = (hone_operators)i;
            return HONE_OK;
        }
    if (!ops)
        return HONE_OK;
    hone__fail(error, HONE_ERROR_ARGUMENT, "--ops takes onnx, onnxruntime or hone, not \"%.40s\"", ops);
    hone__error_hint(error, "leave it out for a model that any runtime loads");
    return HONE_ERROR_ARGUMENT;
}

/* Shapes for running (all of them), and those that --shape fixes. */
static hone_status resolve_shapes(const optimize_values *values, job *j, hone_error *error) {
    hone__cli_texts all = values->shapes;
    for (size_t i = 0; i < values->run_shapes.n && all.n < sizeof all.items / sizeof *all.items; i++)
        all.items[all.n++] = values->run_shapes.items[i];
    HONE_TRY(hone__inputs_resolve(j->model, &all, 0, &j->shapes, error));
    j->fixed = hone__calloc(values->shapes.n + 1, sizeof *j->fixed);
    if (!j->fixed)
        return hone__fail_memory(error, "shapes");
    for (size_t i = 0; i < values->shapes.n; i++) {
        char name[256];
        hone_shape shape;
        HONE_TRY(hone__cli_parse_shape(values->shapes.items[i], name, sizeof name, shape.dims, HONE_MAX_RANK,
                                       &shape.rank, error));
        for (size_t k = 0; k < j->shapes.n; k++)
            if (!strcmp(j->shapes.shapes[k].input, name)) {
                shape.input = j->shapes.shapes[k].input;
                j->fixed[j->n_fixed++] = shape;
                break;
            }
    }
    return HONE_OK;
}

/* ---- inputs ---- */

/* Numbers in [0, 1) leave half of every activation alone: those of the second set lie in [-3, 3). */
static void spread(hone_tensor *tensor) {
    if (hone_tensor_kind(tensor) != HONE_KIND_TENSOR || hone_tensor_dtype(tensor) != HONE_DTYPE_FLOAT)
        return;
    float *data = hone_tensor_data(tensor);
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++)
        data[i] = 6 * data[i] - 3;
}

static hone_status make_inputs(const optimize_values *values, job *j, size_t *n_sets, hone_error *error) {
    static const hone__cli_texts none;
    hone__image_options image = {.std = {1, 1, 1}, .range = 1};
    hone__run_source source = {&none, NULL, &image, (uint64_t)values->seed, &j->shapes};
    *n_sets = 2;
    HONE_TRY(hone__run_inputs(j->model, &source, &j->sets[0], error));
    source.seed++;
    HONE_TRY(hone__run_inputs(j->model, &source, &j->sets[1], error));
    for (size_t i = 0; i < j->sets[1].n; i++)
        spread(j->sets[1].items[i]);
    if (!values->inputs.n)
        return HONE_OK;
    source.files = &values->inputs;
    *n_sets = 3;
    return hone__run_inputs(j->model, &source, &j->sets[2], error);
}

/* ---- the work ---- */

static hone_status optimise(const optimize_values *values, job *j, hone_error *error) {
    hone_optimize_options settings = {.with_costs = true};
    HONE_TRY(parse_ops(values->ops, &settings.operators, error));
    HONE_TRY(split_names(&values->disable, j, 0, error));
    HONE_TRY(split_names(&values->only, j, 1, error));
    HONE_TRY(split_names(&values->enable, j, 2, error));
    settings.disable = j->names[0];
    settings.n_disable = j->n_names[0];
    settings.only = j->names[1];
    settings.n_only = j->n_names[1];
    settings.enable = j->names[2];
    settings.n_enable = j->n_names[2];
    settings.level = hone_options_get(j->options, "graph_optimization_level");
    settings.shapes = j->fixed;
    settings.n_shapes = j->n_fixed;
    settings.cost_shapes = j->shapes.shapes;
    settings.n_cost_shapes = j->shapes.n;
    return hone_optimize(j->model, &settings, &j->optimization, error);
}

static hone_status work(const hone__cli *cli, const optimize_values *values, const char *path, job *j,
                        hone_tolerance *tolerance, hone_error *error) {
    char warning[8];
    size_t n_sets = 0;
    hone__session_settings settings = {.threads = values->threads, .level = values->level};
    HONE_TRY(hone__session_options(&settings, &j->options, &j->store, warning, sizeof warning, error));
    HONE_TRY(hone_model_open(path, &j->model, error));
    HONE_TRY(resolve_shapes(values, j, error));
    HONE_TRY(optimise(values, j, error));
    if (values->output)
        HONE_TRY(hone_optimization_save(j->optimization, values->output, error));
    if (values->prove || values->measure)
        HONE_TRY(make_inputs(values, j, &n_sets, error));
    const hone_tensor *const *sets[N_SETS];
    for (size_t i = 0; i < n_sets; i++)
        sets[i] = (const hone_tensor *const *)j->sets[i].items;
    *tolerance = (hone_tolerance){values->rtol, values->atol, hone__model_has_half(j->model)};
    if (values->prove)
        HONE_TRY(hone_optimization_prove(j->optimization, sets, n_sets, tolerance, j->options, values->output,
                                         &j->proof, error));
    if (values->measure)
        HONE_TRY(hone__optimize_measure(cli, j->optimization, j->options, sets[n_sets - 1], j->shapes.n,
                                        values->duration, &j->latencies, error));
    return HONE_OK;
}

static int show_list(hone__cli *cli) {
    json_t *json = json_object();
    hone__optimize_show_list(cli, json);
    return hone__cli_write_json(cli, json, HONE_EXIT_DONE);
}

static int run(hone__cli *cli, const void *data, char **args, int n_args) {
    const optimize_values *values = data;
    hone_error error;
    hone_tolerance tolerance;
    job j = {0};
    if (values->list)
        return show_list(cli);
    if (n_args == 0)
        return hone__cli_fail_usage(cli, "hone optimize MODEL -o OUT.onnx", "no model was given");
    hone_status status = work(cli, values, args[0], &j, &tolerance, &error);
    if (status != HONE_OK) {
        if (j.sets[0].items && j.shapes.n_assumed && !error.hint[0])
            hone__error_hint(&error, "unknown dimensions were taken as 1: give real ones by --run-shape or --shape");
        int code = hone__session_fail(cli, j.model, &error);
        release(&j);
        return code;
    }
    json_t *json = json_object();
    hone__json_set(json, "model", hone__json_text(args[0]));
    hone__json_set(json, "output", values->output ? hone__json_text(values->output) : json_null());
    hone__json_set(json, "level", json_string(hone_options_get(j.options, "graph_optimization_level")));
    hone__json_set(json, "ops", json_string(values->ops ? values->ops : "onnx"));
    hone__cli_print(cli, "%s%s%s\n", hone__cli_bold(cli), args[0], hone__cli_plain(cli));
    hone__optimize_show_passes(cli, j.optimization, values->measure ? &j.latencies : NULL, json);
    hone__optimize_show_misses(cli, j.optimization, json);
    if (values->prove)
        hone__optimize_show_proof(cli, &j.proof, &tolerance, json);
    if (j.shapes.n_assumed)
        hone__cli_remark(cli,
                         "%zu unknown dimension%s taken as 1 for FLOPs, bytes and runs: --run-shape gives real ones",
                         j.shapes.n_assumed, j.shapes.n_assumed == 1 ? "" : "s");
    if (values->output)
        hone__cli_print(cli, "\n  written: %s\n", values->output);
    bool is_wrong = values->prove && !j.proof.is_equal;
    if (is_wrong)
        hone__cli_remark(cli, "error: the outputs after optimisation differ from those before");
    release(&j);
    return hone__cli_write_json(cli, json, is_wrong ? HONE_EXIT_CHECK : HONE_EXIT_DONE);
}

const hone__command hone__command_optimize = {
    .name = "optimize",
    .arguments = "MODEL",
    .summary = "optimises a model's graph and writes it as ONNX, with proof",
    .details =
        "Runs the passes that a session runs by itself and writes the result: with standard operators at the model's\n"
        "opset unless --ops says otherwise, so that any runtime loads it. Metadata, names of inputs and outputs and\n"
        "opsets are kept; what was done is recorded in the metadata. Shows what each pass did, and for fusions whose\n"
        "anchor was found but which did not match, the first difference.",
    .examples = "  hone optimize model.onnx -o small.onnx --prove\n"
                "  hone optimize yolo.onnx -o yolo_640.onnx --shape images=1x3x640x640\n"
                "  hone optimize bert.onnx -o bert_ort.onnx --ops onnxruntime --prove --run-shape input_ids=1x128\n"
                "  hone optimize model.onnx --measure --disable fuse_residual\n"
                "  hone optimize --list",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .values_size = sizeof(optimize_values),
    .defaults = &defaults,
    .run = run,
};
