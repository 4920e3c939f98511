/* End-to-end tests of the program: exit codes, messages, JSON keys, broken inputs, closed and full outputs. */
#include <jansson.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char *program, *data_dir;
static char scratch[64];

/* What a run of the program gave. */
typedef struct result {
    int code; /* exit status, or -signal */
    char out[1 << 17], err[1 << 14];
} result;
static result last;

enum { STDOUT_CLOSED = 1, STDOUT_FULL = 2, STDOUT_BROKEN_PIPE = 4 };

static void slurp(const char *path, char *buf, size_t size) {
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(buf, 1, size - 1, file) : 0;
    buf[n] = '\0';
    if (file)
        fclose(file);
}

static void open_as(const char *path, int flags, int fd) {
    int got = open(path, flags, 0600);
    if (got < 0 || dup2(got, fd) < 0)
        _exit(126);
    if (got != fd)
        close(got);
}

static void child(char *const *argv, int how, const char *out, const char *err) {
    int ends[2];
    open_as("/dev/null", O_RDONLY, 0);
    open_as(err, O_WRONLY | O_CREAT | O_TRUNC, 2);
    if (how & STDOUT_CLOSED)
        close(1);
    else if (how & STDOUT_FULL)
        open_as("/dev/full", O_WRONLY, 1);
    else if (how & STDOUT_BROKEN_PIPE) {
        if (pipe(ends) != 0 || dup2(ends[1], 1) < 0)
            _exit(126);
        close(ends[0]);
        close(ends[1]);
    } else
        open_as(out, O_WRONLY | O_CREAT | O_TRUNC, 1);
    setenv("LANG", "C", 1);
    signal(SIGPIPE, SIG_DFL);
    execv(program, argv);
    _exit(127);
}

/* Runs the program with argv[1 .. ] up to NULL; the exit code is returned and kept in `last`. */
static int run_argv(int how, char **argv) {
    char out[128], err[128];
    int status;
    snprintf(out, sizeof out, "%s/stdout", scratch);
    snprintf(err, sizeof err, "%s/stderr", scratch);
    unlink(out);
    argv[0] = (char *)(uintptr_t)program;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(argv, how, out, err);
    waitpid(pid, &status, 0);
    slurp(out, last.out, sizeof last.out);
    slurp(err, last.err, sizeof last.err);
    return last.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run_how(int how, const char *first, ...) {
    char *argv[32] = {NULL};
    int n = 1;
    va_list list;
    va_start(list, first);
    for (const char *p = first; p && n < 31; p = va_arg(list, const char *))
        argv[n++] = (char *)(uintptr_t)p;
    va_end(list);
    return run_argv(how, argv);
}
#define run(...) run_how(0, __VA_ARGS__)

static void expect_code(int want) {
    if (last.code != want)
        fail_msg("exit code %d, want %d\nstdout: %.2000s\nstderr: %.2000s", last.code, want, last.out, last.err);
}

static void expect_text(const char *where, const char *what) {
    if (!strstr(where, what))
        fail_msg("no \"%s\" in:\n%s", what, where);
}

/* An error has a cause and a remedy on standard error. */
static void expect_error(int code, const char *cause) {
    expect_code(code);
    expect_text(last.err, "hone: error: ");
    expect_text(last.err, cause);
    if (!strstr(strstr(last.err, "hone: error: ") + 5, "\nhone: "))
        fail_msg("no remedy in:\n%s", last.err);
}

static const char *data(const char *name) {
    static char path[8][512];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", data_dir, name);
    return path[turn];
}

static const char *temp(const char *name) {
    static char path[8][128];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], sizeof path[turn], "%s/%s", scratch, name);
    return path[turn];
}

/* The JSON on standard output, which must hold nothing else. */
static json_t *json_out(void) {
    json_error_t error;
    json_t *json = json_loads(last.out, 0, &error);
    if (!json)
        fail_msg("not JSON (%s): %.500s", error.text, last.out);
    return json;
}

/* The keys of an object, in their order: "a b c". */
static void expect_keys(json_t *object, const char *want) {
    char got[1024] = "";
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        if (got[0])
            strcat(got, " ");
        strncat(got, key, sizeof got - strlen(got) - 2);
    }
    assert_string_equal(got, want);
}

static void test_help_and_usage(void **state) {
    (void)state;
    assert_int_equal(run("--version", NULL), 0);
    expect_text(last.out, "hone ");
    static const char *const commands[] = {"inspect", "check", "run", "bench", "doctor"};
    assert_int_equal(run("help", NULL), 0);
    for (int i = 0; i < 5; i++)
        expect_text(last.out, commands[i]);
    assert_null(strstr(last.out, "quantize"));
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run(commands[i], "--help", NULL), 0);
        expect_text(last.out, "usage: hone ");
        expect_text(last.out, "--json FILE|-");
        for (char *line = strtok(last.out, "\n"); line; line = strtok(NULL, "\n"))
            if (strlen(line) > 110)
                fail_msg("line too long: %s", line);
    }
    run(NULL);
    expect_code(2);
    run("rnu", data("add.onnx"), NULL);
    expect_error(2, "no command \"rnu\"");
    expect_text(last.err, "hone run");
    run("quantize", data("add.onnx"), NULL);
    expect_error(2, "not part of this version");
    run("run", NULL);
    expect_error(2, "takes 1 argument, not 0");
    run("run", data("add.onnx"), "--sede", "3", NULL);
    expect_error(2, "unknown option --sede");
    expect_text(last.err, "--seed");
    run("run", data("add.onnx"), "--seed", "x", NULL);
    expect_error(2, "--seed");
    run("run", data("add.onnx"), "--sede", "3", "--json", "-", NULL);
    expect_error(2, "unknown option");
    json_t *json = json_out();
    expect_keys(json_object_get(json, "error"), "status message file node hint");
    json_decref(json);
}

static void test_broken_models(void **state) {
    (void)state;
    static const char *const commands[] = {"inspect", "run", "bench"};
    FILE *file = fopen(temp("empty.onnx"), "wb");
    assert_non_null(file);
    fclose(file);
    file = fopen(temp("garbage.onnx"), "wb");
    assert_non_null(file);
    for (int i = 0; i < 4000; i++)
        fputc(i * 7919 >> 3 & 0xFF, file);
    fclose(file);
    mkdir(temp("folder.onnx"), 0700);
    static const char *const names[] = {"empty.onnx", "garbage.onnx", "folder.onnx", "missing.onnx"};
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 4; i++) {
            run(commands[c], temp(names[i]), NULL);
            expect_error(3, names[i]);
            assert_string_equal(last.out, "");
            run(commands[c], temp(names[i]), "--json", "-", NULL);
            expect_code(3);
            json_t *json = json_out(), *e = json_object_get(json, "error");
            assert_true(json_is_string(json_object_get(e, "status")) && json_is_string(json_object_get(e, "message")) &&
                        json_is_string(json_object_get(e, "file")) && json_object_get(e, "node") &&
                        json_is_string(json_object_get(e, "hint")));
            json_decref(json);
        }
    run("run", data("unsupported.onnx"), NULL);
    expect_error(3, "strange");
    expect_text(last.err, "stranger"); /* all at once */
}

static void test_inspect(void **state) {
    (void)state;
    assert_int_equal(run("inspect", data("mlp.onnx"), NULL), 0);
    expect_text(last.out, "x: float32[batch,4]");
    expect_text(last.out, "2  MatMul");
    run("inspect", data("mlp.onnx"), "--shape", "x=5x4", "--json", "-", NULL);
    expect_code(0);
    json_t *json = json_out();
    expect_keys(json,
                "model ir_version producer opsets inputs outputs operators parameters parameter_bytes flops bytes "
                "activation_peak_bytes assumed_dims unsupported");
    assert_int_equal(json_integer_value(json_object_get(json, "parameters")), 4 * 8 + 8 + 8 * 3);
    assert_int_equal(json_integer_value(json_object_get(json, "assumed_dims")), 0);
    /* Two products of 5 rows (a multiplication and an addition each), a bias and a comparison per element. */
    double flops = json_real_value(json_object_get(json, "flops"));
    assert_true(flops >= 2.0 * 5 * (32 + 24) && flops <= 2.0 * 5 * (32 + 24) + 5 * 8 * 4);
    json_t *x = json_array_get(json_object_get(json, "inputs"), 0);
    expect_keys(x, "name dtype shape");
    assert_string_equal(json_string_value(json_array_get(json_object_get(x, "shape"), 0)), "batch");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "operators"), "MatMul")), 2);
    json_decref(json);
    run("inspect", data("unsupported.onnx"), "--json", "-", NULL);
    expect_code(0);
    json = json_out();
    json_t *list = json_object_get(json, "unsupported");
    assert_int_equal(json_array_size(list), 2);
    expect_keys(json_array_get(list, 0), "node op domain opset dtype backend reason");
    json_decref(json);
    /* All of them at once, also behind nodes whose types could not be inferred and in the branches of an If. */
    static const char *const ten[] = {"standard", "foreign", "ml",    "contrib", "newer",
                                      "bool",     "type",    "types", "InThen",  "InElse"};
    run("inspect", data("ten_unsupported.onnx"), "--json", "-", NULL);
    expect_code(0);
    json = json_out();
    list = json_object_get(json, "unsupported");
    assert_int_equal(json_array_size(list), 10);
    for (size_t i = 0; i < 10; i++) {
        int is_listed = 0;
        for (size_t k = 0; k < 10; k++)
            is_listed |= !strcmp(json_string_value(json_object_get(json_array_get(list, k), "node")), ten[i]);
        assert_true(is_listed);
    }
    json_decref(json);
    run("inspect", data("mlp.onnx"), "--level", "all", "-v", NULL);
    expect_code(0);
    expect_text(last.out, "ORT_ENABLE_ALL");
    run("inspect", data("mlp.onnx"), "--level", "most", NULL);
    expect_error(2, "most");
    run("inspect", data("mlp.onnx"), "--shape", "y=1x4", NULL);
    expect_error(3, "no input \"y\"");
    run("inspect", data("mlp.onnx"), "--shape", "x=1x5", NULL);
    expect_error(3, "fixed at 4");
}

static void test_optimize(void **state) {
    (void)state;
    assert_int_equal(run("optimize", "--list", NULL), 0);
    expect_text(last.out, "eliminate_identity");
    assert_int_equal(run("optimize", data("mlp.onnx"), "-o", temp("small.onnx"), "--prove", "--json", "-", NULL), 0);
    json_t *json = json_out();
    expect_keys(json,
                "model output level ops nodes_before nodes_after rounds time_ms flops_before flops_after bytes_before "
                "bytes_after passes steps operators near_misses proof");
    expect_keys(json_array_get(json_object_get(json, "passes"), 0),
                "name ran matches nodes_removed time_ms flops bytes latency");
    assert_true(json_is_true(json_object_get(json_object_get(json, "proof"), "ok")));
    assert_true(json_integer_value(json_object_get(json, "nodes_after")) <
                json_integer_value(json_object_get(json, "nodes_before")));
    json_decref(json);
    /* What was written is valid, and the model's own test data still hold. */
    assert_int_equal(run("check", temp("small.onnx"), NULL), 0);
    assert_int_equal(run("run", temp("small.onnx"), "--expect", data("mlp_good"), NULL), 0);
    static const char *const ops[] = {"onnx", "onnxruntime", "hone"}, *const models[] = {"mlp.onnx", "control.onnx",
                                                                                         "dynamic.onnx",
                                                                                         "sequences.onnx"};
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 4; k++) {
            run("optimize", data(models[k]), "-o", temp("o.onnx"), "--ops", ops[i], "--prove", "-q", NULL);
            expect_code(0);
            expect_text(last.out, "proved");
        }
    /* Nothing may change: the disabled pass did not run. */
    assert_int_equal(
        run("optimize", data("mlp.onnx"), "--only", "fold_constants", "--measure", "--duration", "10ms", NULL), 0);
    expect_text(last.out, "latency");
    assert_int_equal(
        run("optimize", data("mlp.onnx"), "--level", "disable_all", "--disable", "fold_constants,fuse_silu", NULL), 0);
    expect_text(last.out, "0 passes changed something");
    run("optimize", data("mlp.onnx"), "--disable", "fold_constant", NULL);
    expect_error(2, "fold_constant");
    expect_text(last.err, "did you mean fold_constants");
    run("optimize", data("mlp.onnx"), "--ops", "tensorrt", NULL);
    expect_error(2, "tensorrt");
    run("optimize", data("mlp.onnx"), "--shape", "x=1x2x3x4x5", NULL);
    assert_true(last.code == 2 || last.code == 3);
    run("optimize", NULL);
    expect_error(2, "no model");
    run("optimize", data("unsupported.onnx"), NULL);
    assert_true(last.code == 3 || last.code == 4);
    run("optimize", data("mlp.onnx"), "-o", temp("none/o.onnx"), NULL);
    expect_code(3);
}

static void test_check(void **state) {
    (void)state;
    assert_int_equal(run("check", data("mlp.onnx"), NULL), 0);
    expect_text(last.out, "valid");
    assert_int_equal(run("check", data("mlp.onnx"), "--json", "-", NULL), 0);
    json_t *json = json_out();
    expect_keys(json, "model ok errors warnings findings");
    assert_true(json_is_true(json_object_get(json, "ok")));
    json_decref(json);
    /* A cut file: the fault is found, told with its place, and makes the exit status that of bad input. */
    char bytes[512];
    FILE *file = fopen(data("mlp.onnx"), "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    file = fopen(temp("cut.onnx"), "wb");
    assert_non_null(file);
    fwrite(bytes, 1, n / 2, file);
    fclose(file);
    run("check", data("ten_unsupported.onnx"), NULL); /* faults of every stage: operators, opsets, types */
    expect_code(3);
    for (size_t i = 0; i < 6; i++)
        expect_text(last.out,
                    ((const char *[]){"\"standard\"", "\"contrib\"", "\"newer\"", "\"removed\"", "Relu", "MatMul"})[i]);
    run("check", temp("cut.onnx"), "--json", "-", NULL);
    expect_code(3);
    json_decref(json_out());
    run("check", temp("missing.onnx"), NULL);
    expect_error(3, "missing.onnx");
}

static void test_run_inputs(void **state) {
    (void)state;
    char input[600];
    snprintf(input, sizeof input, "x=%s", data("x.npy"));
    assert_int_equal(run("run", data("mlp.onnx"), "--input", input, "--json", "-", NULL), 0);
    json_t *json = json_out(), *y = json_array_get(json_object_get(json, "outputs"), 0);
    expect_keys(json, "model outputs time_ms");
    expect_keys(y, "name dtype shape min max mean top");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(y, "shape"), 0)), 2);
    json_t *top = json_array_get(json_object_get(y, "top"), 0);
    assert_int_equal(json_integer_value(json_array_get(top, 0)), 5);
    double direct = json_real_value(json_array_get(top, 1));
    json_decref(json);
    static const char *const same[] = {"npy/stored.npz", "npy/deflated.npz", "mlp_good/input_0.pb"};
    for (int i = 0; i < 3; i++) {
        run("run", data("mlp.onnx"), "--input", data(same[i]), "--json", "-", NULL); /* the only input needs no name */
        expect_code(0);
        json = json_out();
        y = json_array_get(json_object_get(json, "outputs"), 0);
        assert_true(json_real_value(json_object_get(y, "max")) == direct);
        json_decref(json);
    }
    run("run", data("mlp.onnx"), "--input", data("x_float64.npy"), NULL);
    expect_error(3, "float64");
    expect_text(last.err, "x");
    run("run", data("mlp.onnx"), "--input", data("x_wrong_shape.npy"), NULL);
    expect_error(3, "x");
    run("run", data("mlp.onnx"), "--input", data("missing.npy"), NULL);
    expect_error(3, "missing.npy");
    run("run", data("mlp.onnx"), "--input", data("npy/objects.npy"), NULL);
    expect_error(3, "Python objects");
    run("run", data("mlp.onnx"), "--input", data("mlp.onnx"), NULL);
    expect_error(2, "ending");
    run("run", data("add.onnx"), "--input", "z=q.npy", NULL);
    expect_error(3, "no input \"z\"");
    run("run", data("mlp.onnx"), "--seed", "1", "--batch", "3", "--json", "-", NULL);
    expect_code(0);
    json = json_out();
    y = json_array_get(json_object_get(json, "outputs"), 0);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(y, "shape"), 0)), 3);
    json_decref(json);
    run("run", data("add.onnx"), "--batch", "3", NULL);
    expect_error(3, "batch");
    run("run", data("mlp.onnx"), "--set", "intra_op_num_thread=1", NULL);
    expect_error(2, "intra_op_num_thread");
}

/* Values of an output as the program wrote them, against NumPy's file byte for byte from the data on. */
static void test_run_output_dir(void **state) {
    (void)state;
    char got[512], want[512];
    run("run", data("mlp.onnx"), "--input", data("x.npy"), "--output-dir", temp("out"), NULL);
    expect_code(0);
    FILE *a = fopen(temp("out/y.npy"), "rb"), *b = fopen(data("y.npy"), "rb");
    assert_true(a && b);
    size_t n = fread(got, 1, sizeof got, a), m = fread(want, 1, sizeof want, b);
    fclose(a);
    fclose(b);
    assert_int_equal(n, m);
    assert_memory_equal(got, want, 128); /* NumPy's own header for the same array */
    for (int i = 0; i < 6; i++) {
        float x, y;
        memcpy(&x, got + 128 + 4 * i, 4);
        memcpy(&y, want + 128 + 4 * i, 4);
        assert_true(x - y < 1e-4f && y - x < 1e-4f);
    }
    run("run", data("mlp.onnx"), "--output-dir", "/proc/nowhere/x", NULL);
    expect_error(3, "/proc/nowhere/x");
}

static void test_run_expect(void **state) {
    (void)state;
    assert_int_equal(run("run", data("mlp.onnx"), "--expect", data("mlp_good"), "--json", "-", NULL), 0);
    json_t *json = json_out(), *expect = json_object_get(json, "expect");
    expect_keys(expect, "ok max_abs_error max_rel_error failed");
    assert_true(json_is_true(json_object_get(expect, "ok")));
    json_decref(json);
    run("run", data("mlp.onnx"), "--expect", data("mlp_bad"), "--json", "-", NULL);
    expect_code(1);
    json = json_out();
    expect = json_object_get(json, "expect");
    assert_true(json_is_false(json_object_get(expect, "ok")) &&
                json_array_size(json_object_get(expect, "failed")) == 1);
    json_decref(json);
    /* Several data sets in one session: one that differs decides. */
    run("run", data("mlp.onnx"), "--expect", data("mlp_bad"), "--expect", data("mlp_good"), "--json", "-", NULL);
    expect_code(1);
    expect_text(last.out, "\"ok\": false");
    expect_text(last.out, "mlp_bad");
    assert_null(strstr(last.out, "mlp_good"));
    assert_int_equal(run("run", data("mlp.onnx"), "--expect", data("mlp_bad"), "--atol", "0.6", NULL), 0);
    assert_int_equal(
        run("run", data("mlp.onnx"), "--expect", data("mlp_good"), "--rtol", "0", "--atol", "0", NULL) & ~1, 0);
    run("run", data("mlp.onnx"), "--expect", data("nowhere"), NULL);
    expect_error(3, "nowhere");
    run("run", data("mlp.onnx"), "--expect", data("npy"), NULL);
    expect_error(3, "input \"x\"");
}

static void test_run_images(void **state) {
    (void)state;
    assert_int_equal(run("run", data("image_rgb.onnx"), "--input", data("image/rgb.png"), "--mean", "0.5", "--std",
                         "0.5,0.5,0.5", "--json", "-", NULL),
                     0);
    json_t *json = json_out(), *y = json_array_get(json_object_get(json, "outputs"), 0);
    assert_true(json_real_value(json_object_get(y, "min")) >= -1 && json_real_value(json_object_get(y, "max")) <= 1);
    assert_true(json_real_value(json_object_get(y, "min")) < 0);
    json_decref(json);
    assert_int_equal(run("run", data("image_nhwc.onnx"), "--input", data("image/smooth.jpg"), "--image-size", "6x5",
                         "--json", "-", NULL),
                     0);
    json = json_out();
    y = json_array_get(json_object_get(json, "outputs"), 0);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(y, "shape"), 1)), 5);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(y, "shape"), 2)), 6);
    json_decref(json);
    assert_int_equal(run("run", data("image_gray.onnx"), "--input", data("image/gray.png"), NULL), 0);
    expect_text(last.out, "[1,1,7,9]");
    run("run", data("image_rgb.onnx"), "--input", data("image/rgb.png"), "--image-size", "7", NULL);
    expect_error(2, "image size");
    run("run", data("image_rgb.onnx"), "--input", data("image/rgb.png"), "--std", "0", NULL);
    expect_error(2, "--std");
    run("run", data("image_rgb.onnx"), "--input", data("image/rgb.png"), "--image-size", "9x9", NULL);
    expect_error(3, "image");
}

static void test_bench(void **state) {
    (void)state;
    assert_int_equal(run("bench", data("mlp.onnx"), data("add.onnx"), "--runs", "20", "--warmup", "2", NULL), 0);
    expect_text(last.out, "p50 ms");
    expect_text(last.out, "mlp.onnx");
    expect_text(last.out, "add.onnx");
    run("bench", data("mlp.onnx"), "--batch", "1,4", "--threads", "1,2", "--runs", "15", "--samples", "--json", "-",
        NULL);
    expect_code(0);
    json_t *json = json_out(), *results = json_object_get(json, "results"),
           *comparisons = json_object_get(json, "comparisons");
    expect_keys(json, "machine results comparisons checks");
    assert_int_equal(json_array_size(results), 4);
    assert_int_equal(json_array_size(comparisons), 2);
    expect_keys(json_array_get(comparisons, 0), "model batch a b ratio ratio_low ratio_high");
    expect_keys(json_array_get(json_object_get(json, "checks"), 0), "model batch a b distance ok");
    for (size_t i = 0; i < 4; i++) {
        json_t *r = json_array_get(results, i);
        expect_keys(r, "model backend precision batch threads load_ms first_run_ms runs mean_ms std_ms min_ms p50_ms "
                       "p90_ms p95_ms p99_ms max_ms throughput_per_s peak_rss_mb samples_ms");
        assert_int_equal(json_integer_value(json_object_get(r, "batch")), i < 2 ? 1 : 4);
        assert_int_equal(json_integer_value(json_object_get(r, "threads")), 1 + (int)(i % 2));
        assert_int_equal(json_integer_value(json_object_get(r, "runs")), 15);
        assert_int_equal(json_array_size(json_object_get(r, "samples_ms")), 15);
        double min = json_real_value(json_object_get(r, "min_ms")), p50 = json_real_value(json_object_get(r, "p50_ms")),
               max = json_real_value(json_object_get(r, "max_ms"));
        assert_true(min > 0 && min <= p50 && p50 <= max);
        assert_true(json_real_value(json_object_get(r, "peak_rss_mb")) > 0.5);
        assert_true(json_real_value(json_object_get(r, "load_ms")) > 0);
    }
    json_decref(json);
    run("bench", data("mlp.onnx"), "--backend", "onnxruntime", "--set",
        "onnxruntime_library=/nowhere/libonnxruntime.so", NULL);
    expect_error(4, "onnxruntime");
    run("bench", data("mlp.onnx"), "--backend", "tpu", NULL);
    expect_error(2, "tpu");
    run("bench", data("mlp.onnx"), "--runs", "3", "--duration", "1s", NULL);
    expect_error(2, "exclude");
    run("bench", data("add.onnx"), "--batch", "3", NULL);
    expect_error(3, "batch");
    run("bench", data("unsupported.onnx"), NULL);
    expect_error(3, "strange");
}

static void test_bench_duration(void **state) {
    (void)state;
    assert_int_equal(run("bench", data("mlp.onnx"), "--duration", "200ms", "--json", "-", NULL), 0);
    json_t *json = json_out(), *r = json_array_get(json_object_get(json, "results"), 0);
    double total =
        json_real_value(json_object_get(r, "mean_ms")) * (double)json_integer_value(json_object_get(r, "runs"));
    assert_true(total >= 199 && total < 2000);
    json_decref(json);
}

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* A tuned configuration is used by run and bench: the keys are found where the tuner writes them. */
static void test_config(void **state) {
    (void)state;
    write_file(temp("good.yaml"), "# ours\nservice: {port: 80, backend: redis}\nonnx: {intra_op_num_threads: 1, # one\n"
                                  "  expected_fps: 3.5}\n");
    run("bench", data("mlp.onnx"), "--runs", "3", "--config", temp("good.yaml"), "--json", "-", NULL);
    expect_code(0);
    json_t *json = json_out(), *r = json_array_get(json_object_get(json, "results"), 0);
    assert_int_equal(json_integer_value(json_object_get(r, "threads")), 1);
    json_decref(json);
    /* What is typed comes after the file. */
    run("bench", data("mlp.onnx"), "--runs", "3", "--config", temp("good.yaml"), "--threads", "2", "--json", "-", NULL);
    expect_code(0);
    json = json_out();
    r = json_array_get(json_object_get(json, "results"), 0);
    assert_int_equal(json_integer_value(json_object_get(r, "threads")), 2);
    json_decref(json);
    assert_int_equal(run("run", data("mlp.onnx"), "--config", temp("good.yaml"), NULL), 0);
    write_file(temp("bad.yaml"), "onnx:\n  intra_op_num_threads: many\n");
    static const char *const commands[] = {"run", "bench"};
    for (int i = 0; i < 2; i++) {
        run(commands[i], data("mlp.onnx"), "--config", temp("bad.yaml"), NULL);
        expect_error(3, "bad.yaml, line 2");
        run(commands[i], data("mlp.onnx"), "--config", temp("missing.yaml"), NULL);
        expect_error(3, "missing.yaml");
        run(commands[i], data("mlp.onnx"), "--set", "no_such_key=1", "--config", temp("good.yaml"), NULL);
        expect_error(2, "no_such_key");
    }
    write_file(temp("typo.yaml"), "onnx:\n  intra_op_num_thread: 1\n  backend: cpu\n");
    run("tune", data("mlp.onnx"), "--dry-run", "--config", temp("typo.yaml"), "--store", temp("typo.db"), NULL);
    expect_code(0);
    expect_text(last.err, "intra_op_num_thread (line 2)");
    /* The store of kernel choices is opened only when the settings ask for it. */
    run("run", data("mlp.onnx"), "--store", temp("choices.db"), NULL);
    expect_code(0);
    assert_int_not_equal(access(temp("choices.db"), F_OK), 0);
    write_file(temp("tunable.yaml"), "onnx:\n  tunable_op_enable: true\n  tunable_op_tuning_enable: true\n");
    for (int i = 0; i < 2; i++) {
        run(commands[i], data("mlp.onnx"), "--config", temp("tunable.yaml"), "--store", temp("choices.db"), NULL);
        expect_code(0);
        assert_int_equal(unlink(temp("choices.db")), 0);
    }
    write_file(temp("choices.db"), "this is not a store of ours, and too long to be taken for an empty one ");
    run("run", data("mlp.onnx"), "--config", temp("tunable.yaml"), "--store", temp("choices.db"), NULL);
    expect_code(0);
    expect_text(last.err, "damaged");
}

/* Names in a model cannot steer the terminal. */
static void test_terminal_names(void **state) {
    (void)state;
    static const char *const commands[] = {"inspect", "check", "run", "bench"};
    for (int i = 0; i < 4; i++) {
        run(commands[i], data("terminal_names.onnx"), NULL);
        expect_code(0);
        assert_null(strchr(last.out, '\a'));
        assert_null(strchr(last.err, '\a'));
        if (i == 0)
            expect_text(last.out, "x?]0;t?");
    }
    run("run", data("terminal_names.onnx"), "--shape", "x=7", NULL);
    expect_code(3);
    assert_null(strchr(last.err, '\a'));
    run("inspect", data("terminal_names.onnx"), "--json", "-", NULL);
    expect_code(0);
    json_decref(json_out());
}

static size_t wrap(uint8_t *data, size_t n, int field) {
    uint8_t head[8];
    size_t n_head = 1;
    head[0] = (uint8_t)(field << 3 | 2);
    for (size_t rest = n; n_head == 1 || rest; rest >>= 7)
        head[n_head++] = (uint8_t)((rest & 0x7F) | (rest > 0x7F ? 0x80 : 0));
    memmove(data + n_head, data, n);
    memcpy(data, head, n_head);
    return n + n_head;
}

/* Graphs in attributes of nodes of graphs ..., deeper than the reader follows: a bad file, not a small machine. */
static void test_deep_model(void **state) {
    (void)state;
    static uint8_t bytes[1 << 14];
    size_t n = 0;
    for (int i = 0; i < 300; i++) {
        n = wrap(bytes, n, 6); /* AttributeProto.g */
        n = wrap(bytes, n, 5); /* NodeProto.attribute */
        n = wrap(bytes, n, 1); /* GraphProto.node */
    }
    n = wrap(bytes, n, 7); /* ModelProto.graph */
    FILE *file = fopen(temp("deep.onnx"), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    static const char *const commands[] = {"inspect", "check", "run", "bench", "tune"};
    for (int i = 0; i < 5; i++) {
        run(commands[i], temp("deep.onnx"), NULL);
        expect_code(3);
    }
}

/* A node that refuses its data is a bad input, not wrong usage. */
static void test_bad_data_at_run_time(void **state) {
    (void)state;
    run("run", data("gather_outside.onnx"), NULL);
    expect_code(3);
    expect_text(last.err, "99");
    expect_error(3, "99"); /* with a remedy, though the node names none */
    run("bench", data("gather_outside.onnx"), NULL);
    expect_error(3, "99");
    run("tune", data("mlp.onnx"), "--quick", "--grid", "14", NULL);
    expect_error(2, "exclude each other");
    run("tune", data("mlp.onnx"), "--budget", "1ms", "--output", "none", "--store", temp("budget.db"), NULL);
    expect_error(4, "budget");
}

static void test_doctor(void **state) {
    (void)state;
    assert_int_equal(run("doctor", NULL), 0);
    expect_text(last.out, "findings");
    assert_int_equal(run("doctor", "--json", "-", NULL), 0);
    json_t *json = json_out();
    expect_keys(json, "machine findings");
    assert_true(json_integer_value(json_object_get(json_object_get(json, "machine"), "usable_threads")) >= 1);
    size_t i;
    json_t *finding;
    json_array_foreach(json_object_get(json, "findings"), i, finding) expect_keys(finding, "code severity message fix");
    json_decref(json);
}

static void test_outputs_that_fail(void **state) {
    (void)state;
    assert_int_equal(run_how(STDOUT_CLOSED, "run", data("mlp.onnx"), NULL), 0);
    assert_int_equal(run_how(STDOUT_BROKEN_PIPE, "run", data("mlp.onnx"), NULL), 0);
    assert_string_equal(last.err, "");
    assert_int_equal(run_how(STDOUT_FULL, "run", data("mlp.onnx"), NULL), 3);
    expect_text(last.err, "standard output");
    assert_int_equal(run_how(STDOUT_CLOSED, "bench", data("mlp.onnx"), "--runs", "3", NULL), 0);
    run("run", data("mlp.onnx"), "--json", "/nonexistent/file.json", NULL);
    expect_error(3, "/nonexistent/file.json");
    run("run", data("mlp.onnx"), "--json", "/dev/full", NULL);
    expect_error(3, "/dev/full");
    /* A file is replaced whole, and what is printed besides stays. */
    FILE *file = fopen(temp("old.json"), "wb");
    assert_non_null(file);
    for (int i = 0; i < 5000; i++)
        fputs("junk ", file);
    fclose(file);
    assert_int_equal(run("run", data("mlp.onnx"), "--json", temp("old.json"), NULL), 0);
    expect_text(last.out, "float32[1,3]");
    json_t *json = json_load_file(temp("old.json"), 0, NULL);
    assert_non_null(json);
    json_decref(json);
    /* Without a terminal there is neither a bar nor colour. */
    assert_null(strchr(last.out, '\033'));
    assert_null(strchr(last.err, '\r'));
}

static int make_scratch(void **state) {
    (void)state;
    strcpy(scratch, "/tmp/hone-cli-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    return system(command) == 0 ? 0 : -1;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: %s PROGRAM DATA-FOLDER\n", argv[0]);
        return 2;
    }
    program = argv[1];
    data_dir = argv[2];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_and_usage), cmocka_unit_test(test_broken_models),
        cmocka_unit_test(test_inspect),        cmocka_unit_test(test_check),
        cmocka_unit_test(test_run_inputs),     cmocka_unit_test(test_run_output_dir),
        cmocka_unit_test(test_run_expect),     cmocka_unit_test(test_run_images),
        cmocka_unit_test(test_bench),          cmocka_unit_test(test_bench_duration),
        cmocka_unit_test(test_config),         cmocka_unit_test(test_bad_data_at_run_time),
        cmocka_unit_test(test_deep_model),     cmocka_unit_test(test_terminal_names),
        cmocka_unit_test(test_doctor),         cmocka_unit_test(test_outputs_that_fail),
        cmocka_unit_test(test_optimize),
    };
    return cmocka_run_group_tests(tests, make_scratch, remove_scratch);
}
