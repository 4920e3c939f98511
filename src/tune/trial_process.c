/* The parent's side of a trial: starts a child under limits, talks with it, and turns whatever
 * happens to it (crash, out of memory, time limit) into a status with a reason. */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct hone__trial_runner {
    const hone_tune_result *result;
    const char *store_path; /* NULL: none */
    int reference_fd;
    double timeout_s;     /* for each answer of a child */
    uint64_t deadline_ns; /* of the whole run; 0: none */
    int warmup;
    int64_t memory_limit; /* bytes */
};

struct hone__child {
    pid_t pid;
    int fd;
    char *buffer; /* what came after the last line */
    size_t size, capacity;
    bool is_reaped;
};

hone_status hone__trial_runner_create(const hone_tune_result *result, const char *store_path, hone__trial_runner **out,
                                      hone_error *error) {
    hone__trial_runner *r = hone__calloc(1, sizeof *r);
    if (!r)
        return hone__fail_memory(error, "trial runner");
    r->result = result;
    r->store_path = store_path;
    r->timeout_s = 120;
    r->warmup = result->options.warmup;
    double mb = result->options.trial_memory_mb;
    r->memory_limit = mb > 0 ? (int64_t)(mb * 1e6) : (int64_t)(result->facts.memory_free_gb * 0.9e9);
    r->reference_fd = memfd_create("hone-reference", MFD_CLOEXEC);
    if (r->reference_fd < 0) {
        hone_status status = hone__fail(error, HONE_ERROR_IO, "memory for the reference outputs: %s", strerror(errno));
        hone__free(r);
        return status;
    }
    *out = r;
    return HONE_OK;
}

void hone__trial_runner_destroy(hone__trial_runner *runner) {
    if (!runner)
        return;
    close(runner->reference_fd);
    hone__free(runner);
}

void hone__trial_runner_set_limits(hone__trial_runner *runner, double timeout_s, uint64_t deadline_ns, int warmup) {
    runner->timeout_s = timeout_s;
    runner->deadline_ns = deadline_ns;
    runner->warmup = warmup;
}

/* Starting. ------------------------------------------------------------------------------------- */

/* In the child between fork and exec: only async-signal-safe calls. */
static void become_child(const hone__trial_runner *r, int talk, char *const *argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a killed parent leaves no orphans */
    struct rlimit core = {0, 0}, data = {(rlim_t)r->memory_limit, (rlim_t)r->memory_limit};
    setrlimit(RLIMIT_CORE, &core);
    if (r->memory_limit > 0 && !HONE_IS_SANITIZED) /* shadow memory would count */
        setrlimit(RLIMIT_DATA, &data);             /* private memory; mapped models do not count */
    int null = open("/dev/null", O_RDWR);
    int reference = fcntl(r->reference_fd, F_DUPFD, 16), other = fcntl(talk, F_DUPFD, 16);
    if (null < 0 || reference < 0 || other < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
        dup2(other, 3) < 0 || dup2(reference, 4) < 0)
        _exit(127);
    for (int fd = 5; fd < 64; fd++)
        close(fd);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    execv(argv[0], argv);
    _exit(127);
}

static hone_status start(const hone__trial_runner *r, hone__child **out, hone_error *error) {
    static const char *const own[] = {"/proc/self/exe", "tune-trial", NULL};
    const char *const *argv = r->result->options.trial_command ? r->result->options.trial_command : own;
    int pair[2];
    hone__child *child = hone__calloc(1, sizeof *child);
    if (!child)
        return hone__fail_memory(error, "trial");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        hone_status status = hone__fail(error, HONE_ERROR_IO, "a trial cannot be started: %s", strerror(errno));
        hone__free(child);
        return status;
    }
    pid_t parent = getpid();
    child->pid = fork();
    if (child->pid == 0) {
        if (getppid() != parent)
            _exit(127);
        become_child(r, pair[1], (char *const *)(uintptr_t)argv);
    }
    int code = errno;
    close(pair[1]);
    if (child->pid < 0) {
        close(pair[0]);
        hone__free(child);
        return hone__fail(error, HONE_ERROR_IO, "a trial cannot be started: %s", strerror(code));
    }
    child->fd = pair[0];
    *out = child;
    return HONE_OK;
}

/* Talking. -------------------------------------------------------------------------------------- */

static int64_t resident_bytes(pid_t pid) {
    char path[64];
    long pages = 0, shared = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "r");
    if (f) {
        if (fscanf(f, "%*d %ld %ld", &pages, &shared) != 2)
            pages = shared = 0;
        fclose(f);
    }
    return (int64_t)(pages - shared) * sysconf(_SC_PAGESIZE);
}

static void reap(hone__child *child, bool kill_first, int *wait_status) {
    *wait_status = 0;
    if (child->is_reaped)
        return;
    if (kill_first)
        kill(child->pid, SIGKILL);
    while (waitpid(child->pid, wait_status, 0) < 0 && errno == EINTR)
        ;
    child->is_reaped = true;
}

/* The child closed its end without an answer. */
static hone_status fail_dead(const hone__trial_runner *r, hone__child *child, hone_error *error) {
    int ws = 0;
    reap(child, false, &ws);
    if (WIFSIGNALED(ws) && WTERMSIG(ws) == SIGKILL)
        return hone__fail(error, HONE_ERROR_MEMORY,
                          "the process was killed from outside, most likely for want of memory");
    if (WIFSIGNALED(ws))
        return hone__fail(error, HONE_ERROR_INTERNAL, "the process crashed: signal %d (%s)", WTERMSIG(ws),
                          strsignal(WTERMSIG(ws)));
    if (WIFEXITED(ws) && WEXITSTATUS(ws) == 127)
        return hone__fail(error, HONE_ERROR_INTERNAL, "the trial's program could not be started (%s)",
                          r->result->options.trial_command ? r->result->options.trial_command[0] : "/proc/self/exe");
    return hone__fail(error, HONE_ERROR_INTERNAL, "the process ended by itself with code %d",
                      WIFEXITED(ws) ? WEXITSTATUS(ws) : -1);
}

static hone_status check_limits(const hone__trial_runner *r, hone__child *child, uint64_t start_ns, hone_error *error) {
    int ws;
    uint64_t now = hone__now_ns();
    if (r->deadline_ns && now >= r->deadline_ns) {
        reap(child, true, &ws);
        return hone__fail(error, HONE_ERROR_CANCELLED, "the time budget ended during this trial");
    }
    if ((double)(now - start_ns) * 1e-9 > r->timeout_s) {
        reap(child, true, &ws);
        return hone__fail(error, HONE_ERROR_LIMIT, "stopped after the time limit of %.0f s", r->timeout_s);
    }
    int64_t resident = r->memory_limit > 0 ? resident_bytes(child->pid) : 0;
    if (resident > r->memory_limit) {
        reap(child, true, &ws);
        return hone__fail(error, HONE_ERROR_MEMORY, "out of memory: it took %.0f MB and the limit is %.0f MB",
                          (double)resident / 1e6, (double)r->memory_limit / 1e6);
    }
    return HONE_OK;
}

/* Waits for a line; the limits hold meanwhile. The line stays in the buffer until the next call. */
static hone_status hear(const hone__trial_runner *r, hone__child *child, json_t **out, hone_error *error) {
    uint64_t start_ns = hone__now_ns();
    child->size = 0;
    for (;;) {
        struct pollfd p = {.fd = child->fd, .events = POLLIN};
        int n_ready = poll(&p, 1, 50);
        HONE_TRY(check_limits(r, child, start_ns, error));
        if (n_ready <= 0)
            continue;
        if (!hone__grow((void **)&child->buffer, &child->capacity, child->size + 65537, 1))
            return hone__fail_memory(error, "trial");
        ssize_t n = recv(child->fd, child->buffer + child->size, 65536, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_dead(r, child, error);
        child->size += (size_t)n;
        if (child->buffer[child->size - 1] == '\n')
            break;
        HONE_FAIL_IF(child->size > 64u << 20, error, HONE_ERROR_INTERNAL, "a trial's answer is longer than 64 MB");
    }
    child->buffer[child->size - 1] = 0;
    *out = json_loads(child->buffer, 0, NULL);
    HONE_FAIL_IF(!*out, error, HONE_ERROR_INTERNAL, "a trial's answer is not JSON");
    json_t *fault = json_object_get(*out, "error");
    if (fault) {
        const char *message = json_string_value(json_object_get(fault, "message"));
        const char *hint = json_string_value(json_object_get(fault, "hint"));
        hone_status status = (hone_status)json_integer_value(json_object_get(fault, "status"));
        status = hone__fail(error, status == HONE_OK ? HONE_ERROR_INTERNAL : status, "%s", message ? message : "");
        if (hint && *hint)
            hone__error_hint(error, "%s", hint);
        json_decref(*out);
        *out = NULL;
        return status;
    }
    return HONE_OK;
}

static hone_status say(const hone__trial_runner *r, hone__child *child, const char *text, hone_error *error) {
    for (size_t size = strlen(text); size;) {
        ssize_t n = send(child->fd, text, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return fail_dead(r, child, error);
        text += n;
        size -= (size_t)n;
    }
    return HONE_OK;
}

/* The runner's interface. ----------------------------------------------------------------------- */

static json_t *make_job(const hone__trial_runner *r, const hone__settings *settings, bool is_reference) {
    const hone_tune_options *o = &r->result->options;
    json_t *values = json_object(), *passes = json_array();
    const hone__settings *fixed = &r->result->facts.fixed;
    for (size_t i = 0; i < fixed->n; i++)
        json_object_set_new(values, fixed->items[i].key, json_string(fixed->items[i].value));
    for (size_t i = 0; settings && i < settings->n; i++)
        json_object_set_new(values, settings->items[i].key, json_string(settings->items[i].value));
    for (size_t p = 0; p < o->n_passes; p++) {
        json_t *shapes = json_array();
        for (size_t i = 0; i < o->n_shapes; i++) {
            const hone_shape *shape = &o->shapes[p * o->n_shapes + i];
            json_t *dims = json_array();
            for (int d = 0; d < shape->rank; d++)
                json_array_append_new(dims, json_integer(shape->dims[d]));
            json_array_append_new(shapes, dims);
        }
        json_array_append_new(passes, shapes);
    }
    json_t *job = json_pack("{s:s,s:o,s:o,s:I,s:i,s:b}", "model", o->model_path, "settings", values, "passes", passes,
                            "seed", (json_int_t)o->seed, "warmup", r->warmup, "is_reference", (int)is_reference);
    if (job && r->store_path)
        json_object_set_new(job, "store", json_string(r->store_path));
    return job;
}

static double number(const json_t *object, const char *key) { return json_number_value(json_object_get(object, key)); }

static void runner_close(void *user, hone__child *child) {
    (void)user;
    if (!child)
        return;
    int ws;
    close(child->fd);
    reap(child, true, &ws);
    hone__free(child->buffer);
    hone__free(child);
}

static hone_status runner_open(void *user, const hone__settings *settings, bool is_reference, hone__child **out,
                               hone__child_info *info, hone_error *error) {
    hone__trial_runner *r = user;
    hone__child *child = NULL;
    json_t *answer = NULL, *job = make_job(r, settings, is_reference);
    char *text = job ? json_dumps(job, JSON_COMPACT) : NULL;
    json_decref(job);
    *out = NULL;
    if (!text)
        return hone__fail(error, HONE_ERROR_MODEL, "the model's path is not valid UTF-8");
    hone_status status = start(r, &child, error);
    if (status == HONE_OK)
        status = say(r, child, text, error);
    if (status == HONE_OK)
        status = say(r, child, "\n", error);
    if (status == HONE_OK)
        status = hear(r, child, &answer, error);
    free(text);
    if (status != HONE_OK) {
        runner_close(r, child);
        return status;
    }
    const char *detail = json_string_value(json_object_get(answer, "detail"));
    *info = (hone__child_info){.init_ms = number(answer, "init_ms"),
                               .warmup_ms = number(answer, "run_ms"),
                               .peak_mb = number(answer, "peak_mb"),
                               .is_equal = json_is_true(json_object_get(answer, "equal")),
                               .max_error = number(answer, "max_error"),
                               .accuracy = number(answer, "accuracy")};
    snprintf(info->detail, sizeof info->detail, "%s", detail ? detail : "");
    json_decref(answer);
    *out = child;
    return HONE_OK;
}

static hone_status runner_run(void *user, hone__child *child, size_t n, double *ms, hone_error *error) {
    hone__trial_runner *r = user;
    char text[32];
    json_t *answer = NULL;
    snprintf(text, sizeof text, "run %zu\n", n);
    HONE_TRY(say(r, child, text, error));
    HONE_TRY(hear(r, child, &answer, error));
    json_t *list = json_object_get(answer, "ms");
    hone_status status = HONE_OK;
    if (json_array_size(list) != n)
        status = hone__fail(error, HONE_ERROR_INTERNAL, "a trial's answer has the wrong number of samples");
    for (size_t i = 0; i < n && status == HONE_OK; i++)
        ms[i] = json_number_value(json_array_get(list, i));
    json_decref(answer);
    return status;
}

static hone_status runner_finish(void *user, hone__child *child, double *peak, hone_error *error) {
    hone__trial_runner *r = user;
    json_t *answer = NULL;
    HONE_TRY(say(r, child, "end\n", error));
    HONE_TRY(hear(r, child, &answer, error));
    *peak = number(answer, "peak_mb");
    json_decref(answer);
    return HONE_OK;
}

hone__runner hone__trial_runner_interface(hone__trial_runner *runner) {
    return (hone__runner){runner, runner_open, runner_run, runner_finish, runner_close};
}
