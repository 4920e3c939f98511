/* Hostile models (tests/data/hostile, made by make_hostile.py): each asks for terabytes, overflows, nests without end
 * or reaches for files elsewhere. Opening, optimising and running each one, in a process that may have 1 GiB and a few
 * seconds of processor time, must end with a status other than OK and other than INTERNAL.
 *
 * usage: test_hostile [FILE]     (one file only) */
#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMORY = 1u << 30, PROCESSOR_SECONDS = 20, REFUSED = 10, ACCEPTED = 11, BROKEN = 12 };

static hone_status attempt(const char *path, const char *level, hone_error *error) {
    hone_options *options = NULL;
    hone_session *session = NULL;
    hone_tensor *in = NULL, *out[2] = {NULL, NULL};
    const int64_t one = 1;
    hone_status status = hone_options_create(&options, error);
    if (status == HONE_OK)
        status = hone_options_set(options, "graph_optimization_level", level, error);
    if (status == HONE_OK)
        status = hone_session_create_from_file(path, options, &session, error);
    if (status == HONE_OK)
        status = hone_tensor_create(HONE_DTYPE_FLOAT, 1, &one, &in, error);
    if (status == HONE_OK) {
        memset(hone_tensor_data(in), 0, sizeof(float));
        status = hone_session_run(session, (const hone_tensor *const *)&in, 1, out, 1, error);
    }
    hone_tensor_destroy(in);
    hone_tensor_destroy(out[0]);
    hone_session_destroy(session);
    hone_options_destroy(options);
    return status;
}

static void limit(int resource, rlim_t value) {
    const struct rlimit l = {value, value};
    (void)setrlimit(resource, &l);
}

/* Exit code of a child that tries the file. */
static int child(const char *path, const char *level) {
    hone_error error;
    hone_error_clear(&error);
    limit(RLIMIT_AS, MEMORY);
    limit(RLIMIT_CPU, PROCESSOR_SECONDS);
    const hone_status status = attempt(path, level, &error);
    if (status == HONE_OK || status == HONE_ERROR_INTERNAL || !error.message[0]) {
        printf("%s at %s: %s: %s\n", path, level, hone_status_name(status), error.message);
        (void)fflush(stdout);
        return status == HONE_OK ? ACCEPTED : BROKEN;
    }
    return REFUSED;
}

static bool is_refused(const char *path, const char *level) {
    const pid_t pid = fork();
    int state = 0;
    if (pid == 0)
        _exit(child(path, level));
    if (pid < 0 || waitpid(pid, &state, 0) != pid) {
        printf("%s: no child process: %s\n", path, strerror(errno));
        return false;
    }
    if (WIFSIGNALED(state))
        printf("%s at %s: ended by signal %d\n", path, level, WTERMSIG(state));
    return WIFEXITED(state) && WEXITSTATUS(state) == REFUSED;
}

int main(int argc, char **argv) {
    static const char *const levels[] = {"ORT_DISABLE_ALL", "ORT_ENABLE_ALL"};
    const char *source = getenv("HONE_SOURCE");
    char folder[1024], path[2048];
    if (HONE_IS_SANITIZED) {
        printf("SKIP: sanitizers need more address space than is allowed here\n");
        return 77;
    }
    (void)snprintf(folder, sizeof folder, "%s/tests/data/hostile", source ? source : ".");
    DIR *dir = opendir(folder);
    if (!dir) {
        printf("%s: %s\n", folder, strerror(errno));
        return 1;
    }
    int n = 0, n_failed = 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (!strstr(entry->d_name, ".onnx") || (argc > 1 && strcmp(argv[1], entry->d_name) != 0))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        for (int level = 0; level < 2; level++, n++)
            n_failed += !is_refused(path, levels[level]);
    }
    closedir(dir);
    printf("hostile models: %d cases: %d failed\n", n, n_failed);
    return n == 0 || n_failed != 0;
}
