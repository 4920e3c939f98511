/* The tuner as a whole on the digits model: trials that crash, hang or take too much memory are one
 * failed row each; a run killed at any moment is resumed; budget, store, report and config.yaml. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "tune/config_edit.h"

#include <hone/hone.h>
#include <hone/tune.h>
#include <jansson.h>

static const char *g_model;
static char g_dir[64];

/* ---- the child ---- */

static hone_status make_input(const hone_value_info *input, const hone_shape *shape, uint64_t seed, hone_tensor **out,
                              hone_error *error) {
    hone_status status = hone_tensor_create(input->dtype, shape->rank, shape->dims, out, error);
    for (int64_t i = 0; status == HONE_OK && i < hone_tensor_count(*out); i++)
        ((float *)hone_tensor_data(*out))[i] = (float)((i * 37 + (int64_t)seed) % 101) / 101;
    return status;
}

static bool compare(const hone_model *model, const hone_tensor *actual, const hone_tensor *expected, double *max_error,
                    char *message, size_t message_size) {
    (void)model;
    for (int64_t i = 0; i < hone_tensor_count(expected); i++) {
        double d = fabs(hone_tensor_get_double(actual, i) - hone_tensor_get_double(expected, i));
        *max_error = d > *max_error ? d : *max_error;
    }
    snprintf(message, message_size, "differs");
    return *max_error < 1e-3;
}

/* Misbehaves for the settings named in the environment. */
static void before(const hone_options *options) {
    const char *what = getenv("HONE_TEST_TRIAL");
    if (!what || strcmp(hone_options_get(options, "intra_op_num_threads"), "1"))
        return;
    if (!strcmp(what, "crash"))
        raise(SIGSEGV);
    if (!strcmp(what, "exit"))
        exit(3);
    if (!strcmp(what, "hang"))
        for (;;)
            pause();
    if (!strcmp(what, "memory"))
        for (size_t n = 0;; n++) {
            char *p = malloc(1 << 20);
            if (!p)
                return; /* the session finds nothing left */
            memset(p, 1, 1 << 20);
        }
}

/* ---- the parent ---- */

typedef struct context {
    hone_tune_options options;
    hone_shape shape;
    char config[128], report[128], store[128], space[128];
} context;

static void write_text(const char *path, const char *text) {
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static char *read_text(const char *path) {
    hone__strbuf text;
    hone__strbuf_init(&text);
    if (hone__config_read_file(path, &text, NULL) != HONE_OK)
        return NULL;
    char *copy = strdup(hone__strbuf_text(&text));
    hone__strbuf_deinit(&text);
    return copy;
}

static void init(context *c, const char *space) {
    hone_tune_options_init(&c->options);
    snprintf(c->config, sizeof c->config, "%s/config.yaml", g_dir);
    snprintf(c->report, sizeof c->report, "%s/report.md", g_dir);
    snprintf(c->store, sizeof c->store, "%s/store.db", g_dir);
    snprintf(c->space, sizeof c->space, "%s/space.yaml", g_dir);
    write_text(c->space, space);
    c->shape = (hone_shape){.input = "input", .rank = 4, .dims = {1, 1, 32, 32}};
    hone_model *model = NULL;
    hone_error error;
    assert_int_equal(hone_model_open(g_model, &model, &error), HONE_OK);
    const hone_value_info *input = hone_model_get_input(model, 0);
    c->shape.rank = input->rank;
    for (int d = 0; d < input->rank; d++)
        c->shape.dims[d] = input->dims[d].value > 0 ? input->dims[d].value : 1;
    hone_model_close(model);
    c->options.model_path = g_model;
    c->options.report_path = c->report;
    c->options.store_path = c->store;
    c->options.space = HONE_TUNE_SPACE_FILE;
    c->options.space_path = c->space;
    c->options.shapes = &c->shape;
    c->options.n_shapes = 1;
    c->options.n_passes = 1;
    c->options.warmup = 2;
    c->options.runs = 20;
}

static const char g_space[] = "cudnn_conv_algo_search: [DEFAULT, HEURISTIC]\nintra_op_num_threads: [0, 1]\n";
/* Three trials beside the default, on any number of cores above one; the crash settings are threads=1. */

static void expect_failures(const char *what, const char *reason) {
    context c;
    hone_error error;
    hone_tune_result *result = NULL;
    hone_tune_row row;
    int n_failed = 0, n_ok = 0;
    init(&c, "enable_mem_pattern: [true, false]\nintra_op_num_threads: [0, 1]\nenable_cpu_mem_arena: [true, false]\n");
    c.options.trial_timeout_s = 3;
    c.options.trial_memory_mb = 400;
    if (hone_tune_run(&c.options, &result, &error) != HONE_OK)
        fail_msg("%s", error.message);
    setenv("HONE_TEST_TRIAL", what, 1);
    hone_tune_result_destroy(result);
    assert_int_equal(hone_tune_run(&c.options, &result, &error), HONE_OK);
    unsetenv("HONE_TEST_TRIAL");
    for (size_t i = 0; hone_tune_get_row(result, i, &row); i++) {
        bool is_bad = strstr(row.settings, "intra_op_num_threads=1") != NULL;
        n_failed += is_bad;
        n_ok += !is_bad;
        assert_string_equal(row.status, is_bad ? "failed" : "ok");
        if (is_bad && !strstr(row.reason, reason))
            fail_msg("\"%s\" does not say \"%s\"", row.reason, reason);
    }
    hone_machine *machine = NULL;
    assert_int_equal(hone_machine_create(&machine, &error), HONE_OK);
    if (hone_machine_get_info(machine)->n_usable > 1)
        assert_int_equal(n_failed, 4);
    assert_true(n_ok >= 4);
    hone_machine_destroy(machine);
    hone_tune_result_destroy(result);
}

/* A sanitizer turns the signal into its own exit. */
static void test_crash(void **state) {
    (void)state;
    expect_failures("crash", HONE_IS_SANITIZED ? "ended by itself" : "signal 11");
    expect_failures("exit", "code 3");
}
static void test_hang(void **state) {
    (void)state;
    expect_failures("hang", "time limit");
}
static void test_memory(void **state) {
    (void)state;
    if (HONE_IS_SANITIZED)
        skip();
    expect_failures("memory", "memory");
}

static json_t *report_json(void) {
    char path[128];
    snprintf(path, sizeof path, "%s/report.json", g_dir);
    json_t *json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    return json;
}

/* config.yaml: only the intended lines differ; report and JSON have what they must. */
static void test_result(void **state) {
    (void)state;
    context c;
    hone_error error;
    hone_tune_result *result = NULL;
    init(&c, g_space);
    static const char text[] = "# service\r\nname: \"x\"   # quoted\r\nlist: [1, 2]\r\ncache: {backend: redis}\r\n";
    write_text(c.config, text);
    c.options.config_path = c.config;
    if (hone_tune_run(&c.options, &result, &error) != HONE_OK)
        fail_msg("%s", error.message);
    char *config = read_text(c.config);
    assert_non_null(config);
    assert_memory_equal(config, text, strlen(text));
    assert_memory_equal(config + strlen(text), "onnx:\r\n  ", 9);
    assert_non_null(strstr(config, "expected_fps: "));
    assert_non_null(strstr(config, "fingerprint: \"hone-"));
    char bak[160];
    snprintf(bak, sizeof bak, "%s.bak", c.config);
    char *old = read_text(bak);
    assert_string_equal(old, text);
    json_t *json = report_json();
    static const char *const keys[] = {"environment", "plan",           "baseline",     "trials", "winner",
                                       "significant", "config_changes", "samples_file", "samples"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        assert_non_null(json_object_get(json, keys[i]));
    size_t index;
    json_t *trial;
    json_array_foreach(json_object_get(json, "trials"), index, trial) {
        static const char *const columns[] = {"rank",    "name",   "settings", "status",   "reason", "fps",
                                              "mean_ms", "std_ms", "p50_ms",   "p95_ms",   "p99_ms", "init_ms",
                                              "peak_mb", "gain",   "gain_low", "gain_high"};
        for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
            assert_non_null(json_object_get(trial, columns[i]));
        json_t *samples =
            json_object_get(json_object_get(json, "samples"), json_string_value(json_object_get(trial, "name")));
        assert_int_equal(json_array_size(json_object_get(json_object_get(samples, "first"), "trial_ms")), 20);
    }
    json_decref(json);
    char html_path[128];
    snprintf(html_path, sizeof html_path, "%s/report.html", g_dir);
    char *html = read_text(html_path), *md = read_text(c.report);
    assert_true(!strncmp(html, "<!DOCTYPE html>", 15) && strstr(html, "</html>") && strstr(html, "<table>"));
    assert_null(strstr(html, "src=\"http"));
    assert_non_null(strstr(md, "## Ranking"));
    assert_non_null(strstr(md, "## What each key contributed"));
    assert_non_null(strstr(md, "## How to reproduce"));
    /* Again: the same choice, whatever it was, and every line that was there before stays. */
    hone_tune_summary first, second;
    hone_tune_get_summary(result, &first);
    char winner[64];
    snprintf(winner, sizeof winner, "%s", first.winner);
    hone_tune_result_destroy(result);
    assert_int_equal(hone_tune_run(&c.options, &result, &error), HONE_OK);
    hone_tune_get_summary(result, &second);
    char *again = read_text(c.config);
    assert_memory_equal(again, text, strlen(text));
    hone_tune_result_destroy(result);
    free(again);
    free(html);
    free(md);
    free(old);
    free(config);
    unlink(c.config);
}

static void count_notes(void *user, const hone_tune_event *event) {
    int done;
    if (event->text && sscanf(event->text, "resuming: %d", &done) == 1)
        *(int *)user = done;
}

/* Killed with SIGKILL after ever longer times; each resume must find what was done, and the last run
 * must finish. */
static void test_resume(void **state) {
    (void)state;
    context c;
    hone_error error;
    int best = 0;
    bool has_finished = false;
    init(&c, "enable_mem_pattern: [true, false]\nenable_mem_reuse: [true, false]\nenable_cpu_mem_arena: [true, false]\n"
             "graph_optimization_level: [ORT_ENABLE_ALL, ORT_ENABLE_BASIC]\n");
    c.options.runs = 40;
    static const char text[] = "a: 1 # one\n";
    write_text(c.config, text);
    c.options.config_path = c.config;
    for (int round = 0; round < 6; round++) {
        c.options.resume = round > 0;
        pid_t pid = fork();
        if (pid == 0) {
            hone_tune_result *result = NULL;
            _exit(hone_tune_run(&c.options, &result, &error) == HONE_OK ? 0 : 1);
        }
        struct timespec t = {0, 200000000 + 100000000 * round};
        nanosleep(&t, NULL);
        kill(pid, SIGKILL);
        int ws;
        waitpid(pid, &ws, 0);
        char *now = read_text(c.config); /* the old file or a complete new one, never between */
        assert_true(!strcmp(now, text) || (strstr(now, "fingerprint") && !strncmp(now, text, strlen(text))));
        free(now);
        has_finished = WIFEXITED(ws);
        if (has_finished)
            break; /* a fast machine: it finished before it was killed */
    }
    hone_tune_result *result = NULL;
    c.options.resume = true;
    c.options.on_event = count_notes;
    c.options.event_user = &best;
    assert_int_equal(hone_tune_run(&c.options, &result, &error), HONE_OK);
    hone_tune_row row;
    size_t n_ok = 0;
    for (size_t i = 0; hone_tune_get_row(result, i, &row); i++)
        n_ok += !strcmp(row.status, "ok");
    assert_int_equal(n_ok, 16);
    assert_true(best > 0 || has_finished);
    hone_tune_result_destroy(result);
    unlink(c.config);
}

static void test_budget(void **state) {
    (void)state;
    context c;
    hone_error error;
    hone_tune_result *result = NULL;
    init(&c, "enable_mem_pattern: [true, false]\nenable_mem_reuse: [true, false]\nenable_cpu_mem_arena: [true, false]\n"
             "intra_op_num_threads: [0, 1]\ngraph_optimization_level: [ORT_ENABLE_ALL, ORT_ENABLE_BASIC, "
             "ORT_ENABLE_EXTENDED]\n");
    c.options.runs = 2000;
    c.options.budget_s = 2.5;
    uint64_t start = hone__now_ns();
    hone_status status = hone_tune_run(&c.options, &result, &error);
    double took = hone__ms_since(start) * 1e-3;
    assert_true(took < 4.5);
    if (status == HONE_OK) {
        char *md = read_text(c.report);
        assert_non_null(strstr(md, "budget"));
        free(md);
    } else
        assert_int_equal(status, HONE_ERROR_LIMIT);
    hone_tune_result_destroy(result);
}

static void test_dry_run(void **state) {
    (void)state;
    context c;
    hone_error error;
    hone_tune_result *result = NULL;
    hone_tune_summary s;
    init(&c, g_space);
    write_text(c.config, "a: 1\n");
    c.options.config_path = c.config;
    c.options.dry_run = true;
    unlink(c.report);
    assert_int_equal(hone_tune_run(&c.options, &result, &error), HONE_OK);
    hone_tune_get_summary(result, &s);
    assert_true(s.is_dry_run && s.n_combinations == 4 && s.eta_s > 0);
    assert_int_equal(access(c.report, F_OK), -1);
    char *text = read_text(c.config);
    assert_string_equal(text, "a: 1\n");
    free(text);
    hone_tune_result_destroy(result);
    unlink(c.config);
}

static void test_bad_files(void **state) {
    (void)state;
    context c;
    hone_error error;
    hone_tune_result *result = NULL;
    init(&c, g_space);
    c.options.config_path = c.config;
    static const char *const bad[] = {"a: [1\n", "onnx: [1]\n", "- 1\n", "onnx:\n  intra_op_num_threads: many\n",
                                      "a: 1\na: 2\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text(c.config, bad[i]);
        assert_int_equal(hone_tune_run(&c.options, &result, &error), HONE_ERROR_CONFIG);
        assert_null(result);
        char *text = read_text(c.config);
        assert_string_equal(text, bad[i]);
        free(text);
    }
    unlink(c.config);
    c.options.config_path = NULL;
    /* A damaged store is set aside. */
    write_text(c.store, "this is not a database, but it is long enough to be taken for one by nobody at all");
    char warning[256];
    hone_tune_store *store = NULL;
    assert_int_equal(hone_tune_store_open(c.store, &store, warning, sizeof warning, &error), HONE_OK);
    assert_non_null(strstr(warning, "damaged"));
    hone_choice_store choices = hone_tune_store_choices(store);
    char value[16];
    assert_false(choices.get(choices.user, "k", value, sizeof value));
    choices.put(choices.user, "k", "v");
    assert_true(choices.get(choices.user, "k", value, sizeof value));
    hone_tune_store_close(store);
    assert_int_equal(hone_tune_store_open(c.store, &store, warning, sizeof warning, &error), HONE_OK);
    assert_string_equal(warning, "");
    choices = hone_tune_store_choices(store);
    assert_true(choices.get(choices.user, "k", value, sizeof value) && !strcmp(value, "v"));
    hone_tune_store_close(store);
    /* One that cannot be made is done without. */
    assert_int_equal(hone_tune_store_open("/proc/nowhere/store.db", &store, warning, sizeof warning, &error), HONE_OK);
    assert_true(warning[0] != 0);
    choices = hone_tune_store_choices(store);
    choices.put(choices.user, "k", "v");
    assert_true(choices.get(choices.user, "k", value, sizeof value));
    hone_tune_store_close(store);
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "tune-trial")) {
        const hone_tune_trial_hooks hooks = {make_input, compare, before};
        return hone_tune_trial_main(&hooks);
    }
    g_model = argc > 1 ? argv[1] : "";
    if (access(g_model, R_OK)) {
        fprintf(stderr, "SKIP: no model %s\n", g_model);
        return 77;
    }
    snprintf(g_dir, sizeof g_dir, "/tmp/hone-tune-XXXXXX");
    if (!mkdtemp(g_dir))
        return 1;
    setenv("XDG_CACHE_HOME", g_dir, 1);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_result),  cmocka_unit_test(test_crash),
                                       cmocka_unit_test(test_hang),    cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_resume),  cmocka_unit_test(test_budget),
                                       cmocka_unit_test(test_dry_run), cmocka_unit_test(test_bad_files)};
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", g_dir);
    return system(command) ? 1 : rc;
}
