/* One configuration in a process of its own; see bench_worker.h. */
#include "cli/bench_worker.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file_io.h"
#include "base/tensor_stream.h"
#include "cli/cli_inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PORTION = 4096 };

/* Parent to child. Nothing wanted: end. With wants_outputs, the reply is followed by the number of outputs and the
 * outputs of the last run. */
typedef struct order {
    uint32_t n_untimed, n, wants_outputs;
} order;

/* Child to parent; followed by n doubles. */
typedef struct reply {
    hone_status status;
    double peak_rss_mb;
    uint32_t n;
    hone__bench_start start;
    hone_error error;
} reply;

/* ---- the child ---- */

/* The process's highest resident memory so far (VmHWM, in kB). */
static double read_peak_rss_mb(void) {
    char line[256];
    long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "VmHWM: %ld", &kb) == 1)
            break;
    if (file)
        fclose(file);
    return (double)kb * 1024 / 1e6;
}

typedef struct child {
    hone_options *options;
    hone_tune_store *store;
    hone_model *model;
    hone_session *session;
    hone_request *request;
} child;

static hone_status bind_inputs(const hone__bench_config *config, child *c, hone__bench_start *start,
                               hone_error *error) {
    hone__input_shapes shapes;
    HONE_TRY(hone__inputs_resolve(c->model, config->shapes, config->batch, &shapes, error));
    start->n_assumed = shapes.n_assumed;
    start->batch = config->batch ? config->batch : 1;
    for (size_t i = shapes.n; i-- > 0 && !config->batch;)
        if (shapes.shapes[i].rank >= 2)
            start->batch = shapes.shapes[i].dims[0];
    hone_status status = HONE_OK;
    for (size_t i = 0; i < shapes.n && status == HONE_OK; i++) {
        hone_tensor *tensor; /* kept until the process ends: the request borrows it */
        status =
            hone__inputs_random(hone_model_get_input(c->model, i), &shapes.shapes[i], config->seed, &tensor, error);
        if (status == HONE_OK)
            status = hone_request_set_input(c->request, i, tensor, error);
    }
    hone__inputs_release(&shapes);
    return status;
}

static hone_status prepare(const hone__bench_config *config, child *c, hone__bench_start *start, hone_error *error) {
    hone_session_stats stats;
    HONE_TRY(
        hone__session_options(&config->session, &c->options, &c->store, start->warning, sizeof start->warning, error));
    uint64_t begin = hone__now_ns();
    HONE_TRY(hone_model_open(config->model, &c->model, error));
    HONE_TRY(hone_session_create(c->model, c->options, &c->session, error));
    start->load_ms = hone__ms_since(begin);
    HONE_TRY(hone_request_create(c->session, &c->request, error));
    HONE_TRY(bind_inputs(config, c, start, error));
    begin = hone__now_ns();
    hone_status status = hone_request_run(c->request, error);
    if (status == HONE_ERROR_ARGUMENT) /* what a node refuses comes from the model, not from the command line */
        error->status = status = HONE_ERROR_MODEL;
    if (status != HONE_OK)
        return status;
    start->first_run_ms = hone__ms_since(begin);
    hone_session_get_stats(c->session, &stats);
    start->n_threads = stats.n_intra_threads;
    snprintf(start->backend, sizeof start->backend, "%.15s", hone_options_get(c->options, "backend"));
    const char *precision = hone_options_get(c->options, "precision");
    snprintf(start->precision, sizeof start->precision, "%.15s", precision ? precision : "fp32");
    return HONE_OK;
}

static bool send_outputs(const child *c, int to) {
    size_t n = hone_session_output_count(c->session);
    if (!hone__write_all(to, &n, sizeof n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!hone__tensor_send(to, hone_request_get_output(c->request, i)))
            return false;
    return true;
}

static void serve(child *c, int from, int to) {
    static double times[MAX_PORTION];
    order o;
    while (hone__read_all(from, &o, sizeof o) && (o.n || o.n_untimed || o.wants_outputs) && o.n <= MAX_PORTION) {
        reply r = {.status = HONE_OK};
        for (uint32_t i = 0; i < o.n_untimed && r.status == HONE_OK; i++)
            r.status = hone_request_run(c->request, &r.error);
        for (; r.n < o.n && r.status == HONE_OK; r.n++) {
            uint64_t begin = hone__now_ns();
            r.status = hone_request_run(c->request, &r.error);
            times[r.n] = hone__ms_since(begin);
        }
        r.peak_rss_mb = read_peak_rss_mb();
        if (!hone__write_all(to, &r, sizeof r) || !hone__write_all(to, times, r.n * sizeof *times))
            return;
        if (o.wants_outputs && r.status == HONE_OK && !send_outputs(c, to))
            return;
    }
}

static _Noreturn void child_main(const hone__bench_config *config, int from, int to) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    child c = {0};
    reply r = {.status = HONE_OK};
    hone_error_clear(&r.error);
    r.status = prepare(config, &c, &r.start, &r.error);
    if (r.status != HONE_OK && r.start.n_assumed && !r.error.hint[0])
        hone__error_hint(&r.error, "unknown dimensions were taken as 1: give real ones by --shape or --batch");
    r.peak_rss_mb = read_peak_rss_mb();
    if (hone__write_all(to, &r, sizeof r) && r.status == HONE_OK)
        serve(&c, from, to);
    _exit(0); /* without flushing what the parent has in its buffers; the system frees the rest */
}

/* ---- the parent ---- */

static hone_status fail_died(hone__bench_worker *worker, hone_error *error) {
    int code = 0;
    waitpid(worker->pid, &code, 0);
    worker->pid = 0;
    if (WIFSIGNALED(code) && WTERMSIG(code) == SIGKILL) {
        hone__fail(error, HONE_ERROR_LIMIT, "the measuring process was killed, most likely for its memory");
        hone__error_hint(error, "free memory, or use a smaller batch or shape");
        return HONE_ERROR_LIMIT;
    }
    if (WIFSIGNALED(code))
        hone__fail(error, HONE_ERROR_INTERNAL, "the measuring process crashed with signal %d (%s)", WTERMSIG(code),
                   strsignal(WTERMSIG(code)));
    else
        hone__fail(error, HONE_ERROR_INTERNAL, "the measuring process ended too early");
    hone__error_hint(error, "this is a fault of the backend: please report it with the model");
    return HONE_ERROR_INTERNAL;
}

static hone_status receive(hone__bench_worker *worker, reply *r, hone_error *error) {
    if (!hone__read_all(worker->from, r, sizeof *r))
        return fail_died(worker, error);
    worker->peak_rss_mb = r->peak_rss_mb;
    if (r->status != HONE_OK && error)
        *error = r->error;
    return r->status;
}

hone_status hone__bench_worker_start(const hone__bench_config *config, hone__bench_worker *worker, hone_error *error) {
    int down[2] = {-1, -1}, up[2] = {-1, -1};
    memset(worker, 0, sizeof *worker);
    worker->to = worker->from = -1;
    if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0)
        goto failed;
    fflush(NULL);
    worker->pid = fork();
    if (worker->pid < 0)
        goto failed;
    if (worker->pid == 0) {
        close(down[1]);
        close(up[0]);
        child_main(config, down[0], up[1]);
    }
    close(down[0]);
    close(up[1]);
    worker->to = down[1];
    worker->from = up[0];
    reply r;
    hone_status status = receive(worker, &r, error);
    worker->start = r.start;
    if (status != HONE_OK)
        hone__bench_worker_stop(worker);
    return status;
failed:
    hone__fail(error, HONE_ERROR_LIMIT, "cannot start a measuring process: %s", strerror(errno));
    hone__error_hint(error, "raise the limit on processes and open files (ulimit -u, ulimit -n)");
    for (int i = 0; i < 2; i++) {
        if (down[i] >= 0)
            close(down[i]);
        if (up[i] >= 0)
            close(up[i]);
    }
    worker->pid = 0;
    return HONE_ERROR_LIMIT;
}

hone_status hone__bench_worker_run(hone__bench_worker *worker, uint32_t n_untimed, uint32_t n, bool keep,
                                   double *elapsed_ms, hone_error *error) {
    order o = {n_untimed, n < MAX_PORTION ? n : MAX_PORTION, 0};
    reply r;
    if (!hone__grow((void **)&worker->samples, &worker->capacity, worker->n_samples + o.n, sizeof *worker->samples))
        return hone__fail_memory(error, "samples");
    if (!hone__write_all(worker->to, &o, sizeof o))
        return fail_died(worker, error);
    HONE_TRY(receive(worker, &r, error));
    double *times = worker->samples + worker->n_samples;
    if (r.n > o.n || !hone__read_all(worker->from, times, r.n * sizeof *times))
        return fail_died(worker, error);
    *elapsed_ms = 0;
    for (uint32_t i = 0; i < r.n; i++)
        *elapsed_ms += times[i];
    if (keep) {
        worker->n_samples += r.n;
        worker->total_ms += *elapsed_ms;
    }
    return HONE_OK;
}

static bool take_from_pipe(void *user, void *data, size_t size) {
    return hone__read_all(*(const int *)user, data, size);
}

hone_status hone__bench_worker_outputs(hone__bench_worker *worker, hone__bench_outputs *out, hone_error *error) {
    order o = {0, 0, 1};
    reply r;
    size_t n = 0;
    *out = (hone__bench_outputs){0};
    if (!hone__write_all(worker->to, &o, sizeof o))
        return fail_died(worker, error);
    HONE_TRY(receive(worker, &r, error));
    if (!hone__read_all(worker->from, &n, sizeof n))
        return fail_died(worker, error);
    out->items = hone__calloc(n + 1, sizeof *out->items);
    if (!out->items)
        return hone__fail_memory(error, "outputs");
    for (; out->n < n; out->n++)
        if (hone__tensor_receive(take_from_pipe, &worker->from, &out->items[out->n], NULL) != HONE_OK) {
            hone__bench_outputs_release(out);
            return fail_died(worker, error);
        }
    return HONE_OK;
}

void hone__bench_worker_stop(hone__bench_worker *worker) {
    order end = {0, 0, 0};
    if (worker->to >= 0) {
        hone__write_all(worker->to, &end, sizeof end);
        close(worker->to);
        close(worker->from);
        worker->to = worker->from = -1;
    }
    if (worker->pid > 0)
        waitpid(worker->pid, NULL, 0);
    worker->pid = 0;
    hone__free(worker->samples);
    worker->samples = NULL;
    worker->n_samples = worker->capacity = 0;
}
