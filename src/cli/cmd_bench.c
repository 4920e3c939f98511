/* hone bench: latency of models. Each configuration (model, batch, backend, threads) runs in a process of its own;
 * those of one model and batch are interleaved, so that drift of the machine hits all of them, and compared with a
 * confidence interval. */
#include "base/alloc.h"
#include "base/error.h"
#include "cli/bench_worker.h"
#include "cli/cli_commands.h"
#include "cli/cli_json.h"
#include "cli/cli_progress.h"
#include "report/stats.h"

#include <math.h>
#include <string.h>

typedef struct bench_values {
    hone__cli_texts shapes, sets;
    hone__cli_ints batches, threads;
    const char *backends, *level, *config, *store, *vary;
    int64_t warmup, runs, seed;
    double duration, tolerance;
    bool samples, versus;
} bench_values;

enum { DEFAULT_RUNS = 50, MAX_VARIANTS = 64, MAX_RUNS = 10 * 1000 * 1000 };

static const bench_values defaults = {.warmup = 10, .tolerance = 1e-3};

#define AT(field) offsetof(bench_values, field)
static const hone__cli_option options[] = {
    {"batch", HONE_CLI_INTS, AT(batches), "1,4,8", "batch sizes, for models whose first dimension is a symbol", 1, 1e6,
     0},
    {"shape", HONE_CLI_TEXTS, AT(shapes), "NAME=1x3x640x640",
     "shape of an input; may be repeated; symbols that it settles hold for the others; what is left becomes 1", 0, 0,
     0},
    {"threads", HONE_CLI_INTS, AT(threads), "1,2",
     "numbers of threads, compared with each other (default: what affinity and cgroup quota give)", 0, 1024, 0},
    {"backend", HONE_CLI_TEXT, AT(backends), "cpu,onnxruntime",
     "backends, interleaved and compared with each other, outputs included (default: that of --config or --set, or "
     "cpu)",
     0, 0, 0},
    {"tolerance", HONE_CLI_NUMBER, AT(tolerance), "X",
     "how far outputs of the configurations may differ, in parts of an output's largest value (default 1e-3)", 0, 1e9,
     0},
    {"warmup", HONE_CLI_INT, AT(warmup), "N", "untimed runs first (default 10)", 0, MAX_RUNS, 0},
    {"runs", HONE_CLI_INT, AT(runs), "N", "timed runs (default 50)", 1, MAX_RUNS, 0},
    {"duration", HONE_CLI_DURATION, AT(duration), "5s", "timed runs for so long instead of a number of them", 0, 0, 0},
    {"seed", HONE_CLI_INT, AT(seed), "N", "seed of the made-up inputs (default 0)", 0, 0, 0},
    {"level", HONE_CLI_TEXT, AT(level), "LEVEL", "graph optimisation: disable_all, basic, extended, all (default)", 0,
     0, 0},
    {"config", HONE_CLI_TEXT, AT(config), "FILE",
     "take the session's settings from a config.yaml, as hone tune writes it; the options above and --set override it",
     0, 0, 0},
    {"store", HONE_CLI_TEXT, AT(store), "FILE",
     "the tuner's store, read when tunable_op_enable is set (default $XDG_CACHE_HOME/hone/store.db)", 0, 0, 0},
    {"set", HONE_CLI_TEXTS, AT(sets), "KEY=VALUE", "any key of a session, as in config.yaml; may be repeated", 0, 0, 0},
    {"vary", HONE_CLI_TEXT, AT(vary), "KEY=A,B,...", "values of one key of a session, compared with each other", 0, 0,
     0},
    {"versus", HONE_CLI_FLAG, AT(versus), NULL,
     "compare the models with each other, interleaved, on the same inputs: an optimised file with its original", 0, 0,
     0},
    {"samples", HONE_CLI_FLAG, AT(samples), NULL, "put every timing into the JSON (samples_ms)", 0, 0, 0},
};

/* Configurations of one model and batch that run interleaved. */
typedef struct variant {
    hone__bench_config config;
    hone__bench_worker worker;
    char label[96];
    double distance; /* of its outputs from the first variant's, in parts of the scale */
    char difference[128];
} variant;

/* "KEY=A,B" as KEY=A and KEY=B, cut from `buf`; without --vary one NULL. */
static hone_status split_vary(const char *text, hone__cli_texts *out, char *buf, size_t size, hone_error *error) {
    const char *equals = text ? strchr(text, '=') : NULL;
    size_t used = 0;
    if (!text) {
        out->items[out->n++] = NULL;
        return HONE_OK;
    }
    for (const char *at = equals; at && *at; at = strchr(at + 1, ',')) {
        const int length = (int)strcspn(at + 1, ",");
        const int n = snprintf(buf + used, size - used, "%.*s=%.*s", (int)(equals - text), text, length, at + 1);
        if (length == 0 || n < 0 || (size_t)n >= size - used || out->n == sizeof out->items / sizeof *out->items)
            break;
        out->items[out->n++] = buf + used;
        used += (size_t)n + 1;
        if (!at[1 + length])
            return HONE_OK;
    }
    hone__fail(error, HONE_ERROR_ARGUMENT, "--vary takes KEY=A,B,..., not \"%.80s\"", text);
    hone__error_hint(error, "for example --vary cudnn_conv_algo_search=HEURISTIC,EXHAUSTIVE");
    return HONE_ERROR_ARGUMENT;
}

/* Outputs against those of the first: a timing counts only beside a checked result. */
static hone_status compare_outputs(variant *variants, size_t n, hone_error *error) {
    hone__bench_outputs first = {0}, other = {0};
    hone_status status = n > 1 ? hone__bench_worker_outputs(&variants[0].worker, &first, error) : HONE_OK;
    for (size_t i = 1; i < n && status == HONE_OK; i++) {
        status = hone__bench_worker_outputs(&variants[i].worker, &other, error);
        if (status == HONE_OK)
            variants[i].distance =
                hone__bench_outputs_distance(&first, &other, variants[i].difference, sizeof variants[i].difference);
        hone__bench_outputs_release(&other);
    }
    hone__bench_outputs_release(&first);
    return status;
}

static hone_status check_backends(const char *list, hone__cli_texts *out, char *buf, size_t size, hone_error *error) {
    if (!list) { /* whatever the settings say */
        out->items[out->n++] = NULL;
        return HONE_OK;
    }
    snprintf(buf, size, "%s", list);
    char *save = NULL;
    for (char *name = strtok_r(buf, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        if (!strcmp(name, "cuda")) {
            hone__fail(error, HONE_ERROR_UNAVAILABLE, "the backend \"%s\" is not part of this version of hone", name);
            hone__error_hint(error, "use --backend cpu or onnxruntime");
            return HONE_ERROR_UNAVAILABLE;
        }
        if ((strcmp(name, "cpu") != 0 && strcmp(name, "onnxruntime") != 0) ||
            out->n == sizeof out->items / sizeof *out->items) {
            hone__fail(error, HONE_ERROR_ARGUMENT, "there is no backend \"%.40s\"", name);
            hone__error_hint(error, "backends are cpu, cuda and onnxruntime");
            return HONE_ERROR_ARGUMENT;
        }
        out->items[out->n++] = name;
    }
    if (!out->n) {
        hone__fail(error, HONE_ERROR_ARGUMENT, "--backend names none");
        hone__error_hint(error, "write --backend cpu");
        return HONE_ERROR_ARGUMENT;
    }
    return HONE_OK;
}

static bool is_done(const bench_values *values, const variant *v) {
    size_t wanted = values->runs ? (size_t)values->runs : DEFAULT_RUNS;
    return values->duration > 0 ? v->worker.total_ms >= values->duration * 1e3 || v->worker.n_samples >= MAX_RUNS
                                : v->worker.n_samples >= wanted;
}

/* Runs still to make before the next look at the others: about a tenth of a second's worth. */
static uint32_t portion(const bench_values *values, const variant *v, double ms_per_run) {
    double n = ms_per_run > 0 ? 100 / ms_per_run : 1;
    n = n < 1 ? 1 : n > 1000 ? 1000 : n;
    size_t wanted = values->runs ? (size_t)values->runs : DEFAULT_RUNS;
    if (values->duration <= 0 && n > (double)(wanted - v->worker.n_samples))
        n = (double)(wanted - v->worker.n_samples);
    else if (values->duration > 0 && ms_per_run > 0)
        n = fmin(n, fmax(1, ceil((values->duration * 1e3 - v->worker.total_ms) / ms_per_run)));
    return (uint32_t)n;
}

static double part_done(const bench_values *values, const variant *v) {
    size_t wanted = values->runs ? (size_t)values->runs : DEFAULT_RUNS;
    double part = values->duration > 0 ? v->worker.total_ms / (values->duration * 1e3)
                                       : (double)v->worker.n_samples / (double)wanted;
    return part < 1 ? part : 1;
}

static hone_status warm_up(const bench_values *values, variant *variants, size_t n, double *ms_per_run,
                           hone_error *error) {
    for (size_t i = 0; i < n; i++) {
        double elapsed = 0, total = 0;
        int64_t left = values->warmup;
        ms_per_run[i] = variants[i].worker.start.first_run_ms;
        while (left > 0) {
            uint32_t now = left < 1000 ? (uint32_t)left : 1000;
            HONE_TRY(hone__bench_worker_run(&variants[i].worker, 0, now, false, &elapsed, error));
            total += elapsed;
            left -= now;
        }
        if (values->warmup)
            ms_per_run[i] = total / (double)values->warmup;
    }
    return HONE_OK;
}

/* All get the same number of runs per round: samples i of two variants were then measured next to each
 * other. A round begins with another variant each time. When there are several, each portion begins with an
 * untimed run, which brings back the caches that the others took. */
static hone_status measure(const bench_values *values, variant *variants, size_t n, hone__progress *progress,
                           double progress_base, hone_error *error) {
    double ms_per_run[MAX_VARIANTS], elapsed = 0;
    HONE_TRY(warm_up(values, variants, n, ms_per_run, error));
    for (size_t round = 0;; round++) {
        uint32_t runs = UINT32_MAX;
        double done = 0;
        bool all_done = true;
        for (size_t i = 0; i < n; i++) {
            done += part_done(values, &variants[i]);
            if (is_done(values, &variants[i]))
                continue;
            all_done = false;
            uint32_t wish = portion(values, &variants[i], ms_per_run[i]);
            runs = wish < runs ? wish : runs;
        }
        hone__progress_update(progress, progress_base + done, variants[0].config.model);
        if (all_done)
            return HONE_OK;
        for (size_t k = 0; k < n; k++) {
            size_t i = (k + round) % n;
            /* Under --duration the slower ones may be done first. */
            if (is_done(values, &variants[i]))
                continue;
            HONE_TRY(hone__bench_worker_run(&variants[i].worker, n > 1, runs, true, &elapsed, error));
            ms_per_run[i] = elapsed / runs;
        }
    }
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* Milliseconds in nine columns, with more digits for small ones. */
static const char *ms(double value, char *buf, size_t size) {
    snprintf(buf, size, "%9.*f", value < 0.1 ? 5 : value < 10 ? 4 : 3, value);
    return buf;
}

static void print_head(const hone__cli *cli) {
    hone__cli_print(cli, "%s%-24s %-11s %5s %3s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %8s%s\n",
                    hone__cli_bold(cli), "model", "backend", "batch", "thr", "p50 ms", "mean", "std", "p90", "p95",
                    "p99", "min", "max", "per s", "load ms", "first ms", "peak MB", hone__cli_plain(cli));
}

static hone_status add_result(const hone__cli *cli, const bench_values *values, const variant *v, json_t *results,
                              hone_error *error) {
    hone__stats s;
    const hone__bench_start *start = &v->worker.start;
    if (!hone__stats_describe(v->worker.samples, v->worker.n_samples, &s))
        return hone__fail_memory(error, "statistics");
    double throughput = s.mean > 0 ? (double)start->batch * 1e3 / s.mean : 0;
    char t[8][16];
    hone__cli_print(cli, "%-24.24s %-11s %5lld %3d %s %s %s %s %s %s %s %s %9.1f %9.1f %9.1f %8.1f\n",
                    base_name(v->config.model), v->worker.start.backend, (long long)start->batch, start->n_threads,
                    ms(s.p50, t[0], 16), ms(s.mean, t[1], 16), ms(s.std, t[2], 16), ms(s.p90, t[3], 16),
                    ms(s.p95, t[4], 16), ms(s.p99, t[5], 16), ms(s.min, t[6], 16), ms(s.max, t[7], 16), throughput,
                    start->load_ms, start->first_run_ms, v->worker.peak_rss_mb);
    json_t *r = json_object();
    hone__json_set(r, "model", hone__json_text(v->config.model));
    hone__json_set(r, "backend", json_string(v->worker.start.backend));
    hone__json_set(r, "precision", json_string(start->precision));
    hone__json_set(r, "batch", json_integer(start->batch));
    hone__json_set(r, "threads", json_integer(start->n_threads));
    hone__json_set(r, "load_ms", json_real(start->load_ms));
    hone__json_set(r, "first_run_ms", json_real(start->first_run_ms));
    hone__json_set(r, "runs", json_integer((json_int_t)s.n));
    hone__json_set(r, "mean_ms", json_real(s.mean));
    hone__json_set(r, "std_ms", json_real(s.std));
    hone__json_set(r, "min_ms", json_real(s.min));
    hone__json_set(r, "p50_ms", json_real(s.p50));
    hone__json_set(r, "p90_ms", json_real(s.p90));
    hone__json_set(r, "p95_ms", json_real(s.p95));
    hone__json_set(r, "p99_ms", json_real(s.p99));
    hone__json_set(r, "max_ms", json_real(s.max));
    hone__json_set(r, "throughput_per_s", json_real(throughput));
    hone__json_set(r, "peak_rss_mb", json_real(v->worker.peak_rss_mb));
    if (values->samples) {
        json_t *samples = json_array();
        for (size_t i = 0; i < v->worker.n_samples; i++)
            json_array_append_new(samples, json_real(v->worker.samples[i]));
        hone__json_set(r, "samples_ms", samples);
    }
    json_array_append_new(results, r);
    if (s.n >= 10 && s.p90 > 1.25 * s.p50)
        hone__cli_remark(cli, "%s: timings are noisy (p90 is %.0f %% over p50): hone doctor may say why",
                         base_name(v->config.model), 100 * (s.p90 / s.p50 - 1));
    return HONE_OK;
}

/* What goes into the JSON. */
typedef struct bench_json {
    json_t *results, *comparisons, *checks;
} bench_json;

/* Every other variant against the first. */
static hone_status add_comparisons(const hone__cli *cli, const bench_values *values, const variant *variants, size_t n,
                                   const bench_json *j, hone_error *error) {
    for (size_t i = 1; i < n; i++) {
        hone__ratio r;
        const variant *a = &variants[0], *b = &variants[i];
        if (!hone__stats_ratio(a->worker.samples, a->worker.n_samples, b->worker.samples, b->worker.n_samples, true,
                               0.95, 1, &r))
            return hone__fail_memory(error, "a comparison");
        const char *verdict = r.high < 1 ? "faster" : r.low > 1 ? "slower" : "no significant difference";
        hone__cli_print(cli, "  %s, batch %lld: time of %s / time of %s = %.3f [%.3f, %.3f]: %s\n",
                        base_name(a->config.model), (long long)a->worker.start.batch, b->label, a->label, r.ratio,
                        r.low, r.high, verdict);
        json_t *c = json_object();
        hone__json_set(c, "model", hone__json_text(a->config.model));
        hone__json_set(c, "batch", json_integer(a->worker.start.batch));
        hone__json_set(c, "a", json_string(a->label));
        hone__json_set(c, "b", json_string(b->label));
        hone__json_set(c, "ratio", json_real(r.ratio));
        hone__json_set(c, "ratio_low", json_real(r.low));
        hone__json_set(c, "ratio_high", json_real(r.high));
        json_array_append_new(j->comparisons, c);
        json_array_append_new(j->checks,
                              json_pack("{s:o, s:I, s:s, s:s, s:o, s:b}", "model", hone__json_text(a->config.model),
                                        "batch", (json_int_t)a->worker.start.batch, "a", a->label, "b", b->label,
                                        "distance", isfinite(b->distance) ? json_real(b->distance) : json_null(), "ok",
                                        b->distance <= values->tolerance));
        if (b->distance <= values->tolerance)
            hone__cli_print(cli, "    outputs agree: largest difference %.1e of an output's scale\n", b->distance);
        else
            hone__cli_remark(cli, "%s: outputs of %s and %s differ: %s (%.1e of the scale; --tolerance %g)",
                             base_name(a->config.model), a->label, b->label,
                             b->difference[0] ? b->difference : "by more than the tolerance", b->distance,
                             values->tolerance);
    }
    return HONE_OK;
}

/* One model at one batch: starts the variants, measures, reports. */
static hone_status bench_group(const hone__cli *cli, const bench_values *values, variant *variants, size_t n,
                               hone__progress *progress, double progress_base, const bench_json *j, hone_error *error) {
    hone_status status = HONE_OK;
    size_t n_started = 0;
    for (; n_started < n; n_started++) {
        variant *v = &variants[n_started];
        hone__progress_update(progress, progress_base, v->config.model);
        HONE_CHECK(hone__bench_worker_start(&v->config, &v->worker, error));
        if (v->worker.start.warning[0] && !n_started)
            hone__cli_remark(cli, "%s", v->worker.start.warning);
        if (values->versus)
            snprintf(v->label, sizeof v->label, "%.40s %s threads=%d", base_name(v->config.model),
                     v->worker.start.backend, v->worker.start.n_threads);
        else
            snprintf(v->label, sizeof v->label, "%s threads=%d%s%.60s", v->worker.start.backend,
                     v->worker.start.n_threads, values->vary ? " " : "",
                     values->vary ? v->config.session.one_more : "");
    }
    HONE_CHECK(compare_outputs(variants, n, error));
    HONE_CHECK(measure(values, variants, n, progress, progress_base, error));
    hone__progress_clear(progress);
    if (!json_array_size(j->results))
        print_head(cli);
    if (variants[0].worker.start.n_assumed)
        hone__cli_remark(cli, "%s: %zu unknown dimension%s taken as 1: give --shape or --batch",
                         base_name(variants[0].config.model), variants[0].worker.start.n_assumed,
                         variants[0].worker.start.n_assumed == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        HONE_CHECK(add_result(cli, values, &variants[i], j->results, error));
    HONE_CHECK(add_comparisons(cli, values, variants, n, j, error));
cleanup:
    hone__progress_clear(progress);
    for (size_t i = 0; i < n_started; i++)
        hone__bench_worker_stop(&variants[i].worker);
    return status;
}

static hone_status bench_all(const hone__cli *cli, const bench_values *values, char **models, int n_models,
                             const bench_json *j, hone_error *error) {
    static const hone__cli_ints one_default = {{0}, 1};
    hone__cli_texts backends = {.n = 0}, varied = {.n = 0};
    char names[256], pairs[1024];
    HONE_TRY(check_backends(values->backends, &backends, names, sizeof names, error));
    HONE_TRY(split_vary(values->vary, &varied, pairs, sizeof pairs, error));
    const hone__cli_ints *batches = values->batches.n ? &values->batches : &one_default;
    const hone__cli_ints *threads = values->threads.n ? &values->threads : &one_default;
    /* Those of a group run interleaved: the settings of one model, or of all. */
    size_t n_each = backends.n * threads->n * varied.n, n = n_each * (values->versus ? (size_t)n_models : 1);
    HONE_FAIL_IF(n > MAX_VARIANTS, error, HONE_ERROR_ARGUMENT, "%zu configurations at once are too many (%d at most)",
                 n, MAX_VARIANTS);
    variant *variants = hone__calloc(n, sizeof *variants);
    if (!variants)
        return hone__fail_memory(error, "configurations");
    hone__progress progress;
    hone__progress_begin(&progress, cli, "bench", (double)(n_each * batches->n) * n_models);
    hone_status status = HONE_OK;
    double base = 0;
    for (int m = 0; m < (values->versus ? 1 : n_models) && status == HONE_OK; m++)
        for (size_t b = 0; b < batches->n && status == HONE_OK; b++) {
            memset(variants, 0, n * sizeof *variants);
            for (size_t i = 0; i < n; i++)
                variants[i].config =
                    (hone__bench_config){.model = models[values->versus ? i / n_each : (size_t)m],
                                         .batch = batches->items[b],
                                         .shapes = &values->shapes,
                                         .session = {.config = values->config,
                                                     .store = values->store,
                                                     .sets = &values->sets,
                                                     .one_more = varied.items[i % varied.n],
                                                     .threads = threads->items[i / varied.n % threads->n],
                                                     .level = values->level,
                                                     .backend = backends.items[i % n_each / (threads->n * varied.n)]},
                                         .seed = (uint64_t)values->seed};
            status = bench_group(cli, values, variants, n, &progress, base, j, error);
            base += (double)n;
        }
    hone__progress_clear(&progress);
    hone__free(variants);
    return status;
}

static int run(hone__cli *cli, const void *data, char **args, int n_args) {
    const bench_values *values = data;
    hone_error error;
    if (values->runs && values->duration > 0)
        return hone__cli_fail_usage(cli, "give one of them", "--runs and --duration exclude each other");
    bench_json j = {json_array(), json_array(), json_array()};
    json_t *json = json_object();
    hone_machine *machine = NULL;
    hone_status status = bench_all(cli, values, args, n_args, &j, &error);
    /* Looked at after the runs: it loads libraries, and its note of the load should not be of ours alone. */
    if (status == HONE_OK && cli->json_path)
        status = hone_machine_create(&machine, &error);
    if (status == HONE_OK && cli->json_path)
        hone__json_set(json, "machine", hone__json_machine(machine));
    hone__json_set(json, "results", j.results);
    hone__json_set(json, "comparisons", j.comparisons);
    hone__json_set(json, "checks", j.checks);
    int code = HONE_EXIT_DONE;
    size_t index;
    const json_t *check;
    json_array_foreach(j.checks, index, check) {
        if (!json_is_true(json_object_get(check, "ok")))
            code = HONE_EXIT_CHECK;
    }
    hone_machine_destroy(machine);
    if (status != HONE_OK) {
        json_decref(json);
        return hone__cli_fail(cli, &error);
    }
    return hone__cli_write_json(cli, json, code);
}

const hone__command hone__command_bench = {
    .name = "bench",
    .arguments = "MODEL...",
    .summary = "measures latency, throughput, start-up and memory of models",
    .details =
        "Each configuration runs in a process of its own, so that load time, first run and peak memory are its\n"
        "own. Several backends or thread numbers are interleaved and compared: the ratio of their median\n"
        "times with a 95 % interval (block bootstrap), and their outputs are compared too: exit status 1 when they\n"
        "differ by more than the tolerance. Inputs are made up from the seed.",
    .examples = "  hone bench resnet50.onnx\n"
                "  hone bench resnet50.onnx --batch 1,4,8 --threads 1,2 --runs 200\n"
                "  hone bench resnet50.onnx --backend onnxruntime,cpu --threads 2\n"
                "  hone bench original.onnx optimised.onnx --versus --backend onnxruntime\n"
                "  hone bench a.onnx b.onnx --duration 5s --json results.json\n"
                "  hone bench resnet50.onnx --config config.yaml\n"
                "  hone bench resnet50.onnx --vary cudnn_conv_algo_search=HEURISTIC,EXHAUSTIVE",
    .min_args = 1,
    .max_args = -1,
    .options = options,
    .n_options = sizeof options / sizeof *options,
    .values_size = sizeof(bench_values),
    .defaults = &defaults,
    .run = run,
};
