/* The child's side of a trial: one session with one setting, in a process of its own. Talks with the
 * parent on file descriptor 3, a line of JSON at a time:
 *
 *   parent: {"model": ..., "settings": {...}, ...}   -> {"ready": true, "init_ms": ..., "equal": ...}
 *   parent: run N                                    -> {"ms": [...]}
 *   parent: end                                      -> {"peak_mb": ...}
 *   any failure                                      -> {"error": {"status": ..., "message": ...}}
 *
 * The reference outputs lie in file descriptor 4. */
#include "tune/trial_reference.h"
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file_io.h"
#include <errno.h>
#include <hone/hone.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FD_TALK = 3, FD_REFERENCE = 4 };

typedef struct trial_server {
    const hone_tune_trial_hooks *hooks;
    hone_model *model;
    hone_options *options;
    hone_session *session;
    hone_tune_store *store;
    hone_request **requests; /* [n_passes] */
    hone_tensor **inputs;    /* [n_passes * n_inputs] */
    size_t n_passes, n_inputs;
    json_t *job;
    double init_ms, run_ms; /* creation with the first run of each pass; one warm run */
    double max_error, accuracy;
    bool is_equal;
    char detail[192];
} trial_server;

static bool say(json_t *message) {
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    size_t size = text ? strlen(text) : 0;
    if (text)
        text[size++] = '\n'; /* in place of the NUL */
    bool is_good = text && hone__write_all(FD_TALK, text, size);
    free(text);
    return is_good;
}

static void say_error(const hone_error *error) {
    say(json_pack("{s:{s:i,s:s#,s:s#}}", "error", "status", (int)error->status, "message", error->message,
                  (int)strlen(error->message), "hint", error->hint, (int)strlen(error->hint)));
}

/* One line from the parent; NULL at the end. The caller frees. */
static char *hear(void) {
    char *line = NULL;
    size_t size = 0, capacity = 0;
    for (;;) {
        char c;
        ssize_t n = read(FD_TALK, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || !hone__grow((void **)&line, &capacity, size + 1, 1)) {
            hone__free(line);
            return NULL;
        }
        line[size] = c == '\n' ? 0 : c;
        if (c == '\n')
            return line;
        size++;
    }
}

static double peak_mb(void) {
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    double kb = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmHWM: %lf", &kb) == 1)
            break;
    if (f)
        fclose(f);
    return kb * 1024 / 1e6;
}

static hone_status apply_settings(trial_server *s, hone_error *error) {
    const char *key;
    json_t *value;
    HONE_TRY(hone_options_create(&s->options, error));
    json_object_foreach(json_object_get(s->job, "settings"), key, value)
        HONE_TRY(hone_options_set(s->options, key, json_string_value(value), error));
    const char *store = json_string_value(json_object_get(s->job, "store"));
    bool uses_store = !strcmp(hone_options_get(s->options, "tunable_op_enable"), "true") ||
                      !strcmp(hone_options_get(s->options, "tunable_op_tuning_enable"), "true");
    if (store && uses_store && hone_tune_store_open(store, &s->store, NULL, 0, NULL) == HONE_OK) {
        hone_choice_store choices = hone_tune_store_choices(s->store);
        hone_options_set_store(s->options, &choices);
    }
    return HONE_OK;
}

static hone_status make_inputs(trial_server *s, hone_error *error) {
    json_t *passes = json_object_get(s->job, "passes");
    uint64_t seed = (uint64_t)json_integer_value(json_object_get(s->job, "seed"));
    s->n_passes = json_array_size(passes);
    s->n_inputs = hone_model_input_count(s->model);
    s->requests = hone__calloc(s->n_passes ? s->n_passes : 1, sizeof(hone_request *));
    s->inputs = hone__calloc(s->n_passes * s->n_inputs + 1, sizeof(hone_tensor *));
    if (!s->requests || !s->inputs)
        return hone__fail_memory(error, "inputs");
    for (size_t p = 0; p < s->n_passes; p++)
        for (size_t i = 0; i < s->n_inputs; i++) {
            const hone_value_info *info = hone_model_get_input(s->model, i);
            json_t *dims = json_array_get(json_array_get(passes, p), i);
            hone_shape shape = {.input = info->name, .rank = (int)json_array_size(dims)};
            HONE_FAIL_IF(!dims || shape.rank > HONE_MAX_RANK, error, HONE_ERROR_INTERNAL, "a job without shapes");
            for (int d = 0; d < shape.rank; d++)
                shape.dims[d] = json_integer_value(json_array_get(dims, (size_t)d));
            HONE_TRY(s->hooks->make_input(info, &shape, seed, &s->inputs[p * s->n_inputs + i], error));
        }
    return HONE_OK;
}

static hone_status run_once(trial_server *s, hone_error *error) {
    for (size_t p = 0; p < s->n_passes; p++)
        HONE_TRY(hone_request_run(s->requests[p], error));
    return HONE_OK;
}

static hone_status make_session(trial_server *s, hone_error *error) {
    HONE_TRY(hone_model_open(json_string_value(json_object_get(s->job, "model")), &s->model, error));
    HONE_TRY(apply_settings(s, error));
    HONE_TRY(make_inputs(s, error));
    if (s->hooks->before)
        s->hooks->before(s->options);
    uint64_t start = hone__now_ns();
    HONE_TRY(hone_session_create(s->model, s->options, &s->session, error));
    for (size_t p = 0; p < s->n_passes; p++) {
        HONE_TRY(hone_request_create(s->session, &s->requests[p], error));
        for (size_t i = 0; i < s->n_inputs; i++)
            HONE_TRY(hone_request_set_input(s->requests[p], i, s->inputs[p * s->n_inputs + i], error));
    }
    s->init_ms = hone__ms_since(start);
    return run_once(s, error);
}

static hone_status write_reference(trial_server *s, hone_error *error) {
    if (ftruncate(FD_REFERENCE, 0) || lseek(FD_REFERENCE, 0, SEEK_SET) != 0)
        return hone__fail(error, HONE_ERROR_IO, "the reference outputs cannot be kept: %s", strerror(errno));
    for (size_t p = 0; p < s->n_passes; p++)
        for (size_t i = 0; i < hone_session_output_count(s->session); i++)
            HONE_TRY(hone__reference_write(FD_REFERENCE, hone_request_get_output(s->requests[p], i), error));
    return HONE_OK;
}

static hone_status compare_output(trial_server *s, hone__reference_reader *reader, size_t pass, size_t index,
                                  hone_error *error) {
    hone_tensor *expected = NULL;
    HONE_TRY(hone__reference_read(reader, &expected, error));
    const hone_tensor *actual = hone_request_get_output(s->requests[pass], index);
    char message[160] = "";
    if (!s->hooks->compare(s->model, actual, expected, &s->max_error, message, sizeof message) && s->is_equal) {
        s->is_equal = false;
        snprintf(s->detail, sizeof s->detail, "output \"%.60s\": %.120s",
                 hone_session_get_output(s->session, index)->name, message);
    }
    double accuracy = hone__reference_accuracy(actual, expected);
    s->accuracy = accuracy < s->accuracy ? accuracy : s->accuracy;
    hone_tensor_destroy(expected);
    return HONE_OK;
}

static hone_status compare_reference(trial_server *s, hone_error *error) {
    struct stat st;
    s->is_equal = true;
    s->accuracy = 1;
    if (fstat(FD_REFERENCE, &st) || st.st_size == 0)
        return HONE_OK; /* nothing to compare with: a model without outputs */
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, FD_REFERENCE, 0);
    if (data == MAP_FAILED)
        return hone__fail(error, HONE_ERROR_IO, "the reference outputs cannot be read: %s", strerror(errno));
    hone__reference_reader reader = {data, (size_t)st.st_size, 0};
    hone_status status = HONE_OK;
    for (size_t p = 0; p < s->n_passes && status == HONE_OK; p++)
        for (size_t i = 0; i < hone_session_output_count(s->session) && status == HONE_OK; i++)
            status = compare_output(s, &reader, p, i, error);
    munmap(data, (size_t)st.st_size);
    return status;
}

static hone_status prepare(trial_server *s, hone_error *error) {
    HONE_TRY(make_session(s, error));
    if (json_is_true(json_object_get(s->job, "is_reference"))) {
        HONE_TRY(write_reference(s, error));
        s->is_equal = true;
        s->accuracy = 1;
    } else {
        HONE_TRY(compare_reference(s, error));
    }
    json_int_t warmup = json_integer_value(json_object_get(s->job, "warmup"));
    double best = 0;
    for (json_int_t i = 0; i < (warmup > 1 ? warmup : 1); i++) {
        uint64_t start = hone__now_ns();
        HONE_TRY(run_once(s, error));
        double ms = hone__ms_since(start);
        best = i == 0 || ms < best ? ms : best;
    }
    s->run_ms = best;
    return HONE_OK;
}

/* While this child waited the other one had the caches: a little is run untimed at the head of every
 * block, about 2 ms, and one run at least. */
static hone_status run_block(trial_server *s, size_t n, hone_error *error) {
    double per_run = s->run_ms > 0.02 ? s->run_ms : 0.02;
    int n_warm = (int)(2 / per_run);
    for (int i = 0; i < (n_warm < 1 ? 1 : n_warm > 20 ? 20 : n_warm); i++)
        HONE_TRY(run_once(s, error));
    double *ms = hone__calloc(n ? n : 1, sizeof *ms);
    if (!ms)
        return hone__fail_memory(error, "samples");
    hone_status status = HONE_OK;
    for (size_t i = 0; i < n && status == HONE_OK; i++) {
        uint64_t start = hone__now_ns();
        status = run_once(s, error);
        ms[i] = hone__ms_since(start);
    }
    if (status == HONE_OK) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
            json_array_append_new(list, json_real(ms[i]));
        if (!say(json_pack("{s:o}", "ms", list)))
            status = hone__fail(error, HONE_ERROR_IO, "the parent is gone");
    }
    hone__free(ms);
    return status;
}

static hone_status serve(trial_server *s, hone_error *error) {
    char *line = hear();
    s->job = line ? json_loads(line, 0, NULL) : NULL;
    hone__free(line);
    HONE_FAIL_IF(!s->job, error, HONE_ERROR_ARGUMENT, "tune-trial is started by hone tune, not by hand");
    HONE_TRY(prepare(s, error));
    json_t *ready =
        json_pack("{s:b,s:f,s:f,s:b,s:f,s:s,s:f}", "ready", 1, "init_ms", s->init_ms, "run_ms", s->run_ms, "equal",
                  (int)s->is_equal, "accuracy", s->accuracy, "detail", s->detail, "peak_mb", peak_mb());
    if (ready)
        json_object_set_new(ready, "max_error", json_real(s->max_error)); /* dropped when not finite */
    HONE_FAIL_IF(!say(ready), error, HONE_ERROR_IO, "the parent is gone");
    while ((line = hear()) != NULL) {
        size_t n = 0;
        bool is_end = !strcmp(line, "end"), is_run = sscanf(line, "run %zu", &n) == 1 && n <= 1000000;
        hone__free(line);
        if (is_end) {
            say(json_pack("{s:f}", "peak_mb", peak_mb()));
            return HONE_OK;
        }
        HONE_FAIL_IF(!is_run, error, HONE_ERROR_INTERNAL, "a message that the trial does not understand");
        HONE_TRY(run_block(s, n, error));
    }
    return HONE_OK;
}

int hone_tune_trial_main(const hone_tune_trial_hooks *hooks) {
    trial_server s = {.hooks = hooks};
    hone_error error;
    hone_error_clear(&error);
    hone_status status = serve(&s, &error);
    if (status != HONE_OK)
        say_error(&error);
    for (size_t p = 0; p < s.n_passes && s.requests; p++)
        hone_request_destroy(s.requests[p]);
    hone_session_destroy(s.session);
    for (size_t i = 0; i < s.n_passes * s.n_inputs && s.inputs; i++)
        hone_tensor_destroy(s.inputs[i]);
    hone__free(s.requests);
    hone__free(s.inputs);
    hone_options_destroy(s.options);
    hone_tune_store_close(s.store);
    hone_model_close(s.model);
    json_decref(s.job);
    return status == HONE_OK ? 0 : 1;
}
