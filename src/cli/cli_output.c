/* Output, JSON, errors and exit codes; see cli.h. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/file_io.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int hone__exit_code(hone_status status) {
    switch (status) {
    case HONE_OK:
        return HONE_EXIT_DONE;
    case HONE_ERROR_ARGUMENT:
        return HONE_EXIT_USAGE;
    case HONE_ERROR_MODEL:
    case HONE_ERROR_UNSUPPORTED:
    case HONE_ERROR_IO:
    case HONE_ERROR_SHAPE:
    case HONE_ERROR_TYPE:
    case HONE_ERROR_NOT_FOUND:
    case HONE_ERROR_CONFIG:
        return HONE_EXIT_INPUT;
    case HONE_ERROR_MEMORY:
    case HONE_ERROR_LIMIT:
    case HONE_ERROR_UNAVAILABLE:
        return HONE_EXIT_MACHINE;
    case HONE_ERROR_CANCELLED:
    case HONE_ERROR_INTERNAL:
        return HONE_EXIT_INTERNAL;
    }
    return HONE_EXIT_INTERNAL;
}

/* Names come from files that anybody may have made: control characters in them must not reach the terminal. Line
 * ends, and colours ("ESC [ digits m", as set below), are let through; the rest shows as '?'. */
static void put_printable(FILE *out, const char *text) {
    for (const char *p = text; *p; p++) {
        size_t n = p[0] == '\033' && p[1] == '[' ? 2 + strspn(p + 2, "0123456789;") : 0;
        if (n && p[n] == 'm') {
            fwrite(p, 1, n + 1, out);
            p += n;
        } else {
            unsigned char c = (unsigned char)*p;
            fputc((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F ? '?' : c, out);
        }
    }
}

static void print_list(FILE *out, const char *fmt, va_list args) {
    char small[512], *text = small;
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, fmt, args);
    if (n >= (int)sizeof small) {
        text = hone__calloc((size_t)n + 1, 1);
        if (text)
            vsnprintf(text, (size_t)n + 1, fmt, again);
        else
            text = small; /* cut off rather than lost */
    }
    va_end(again);
    if (n > 0)
        put_printable(out, text);
    if (text != small)
        hone__free(text);
}

void hone__cli_print(const hone__cli *cli, const char *fmt, ...) {
    if (cli->json_path && !strcmp(cli->json_path, "-"))
        return;
    va_list args;
    va_start(args, fmt);
    print_list(stdout, fmt, args);
    va_end(args);
}

void hone__cli_complain(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    print_list(stderr, fmt, args);
    va_end(args);
}

void hone__cli_remark(const hone__cli *cli, const char *fmt, ...) {
    if (cli->quiet)
        return;
    va_list args;
    va_start(args, fmt);
    fflush(stdout);
    fputs("hone: ", stderr);
    print_list(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

const char *hone__cli_bold(const hone__cli *cli) { return cli->color ? "\033[1m" : ""; }
const char *hone__cli_dim(const hone__cli *cli) { return cli->color ? "\033[2m" : ""; }
const char *hone__cli_red(const hone__cli *cli) { return cli->color ? "\033[31m" : ""; }
const char *hone__cli_yellow(const hone__cli *cli) { return cli->color ? "\033[33m" : ""; }
const char *hone__cli_green(const hone__cli *cli) { return cli->color ? "\033[32m" : ""; }
const char *hone__cli_plain(const hone__cli *cli) { return cli->color ? "\033[0m" : ""; }

/* Prints cause and remedy as one sentence each. */
static void print_error(const hone_error *error) {
    fflush(stdout);
    fputs("hone: error: ", stderr);
    if (error->file[0] && !strstr(error->message, error->file))
        hone__cli_complain("%s: ", error->file);
    put_printable(stderr, error->message[0] ? error->message : hone_status_text(error->status));
    bool has_node = error->node[0] && !strstr(error->message, error->node);
    bool has_offset = error->offset >= 0 && !strstr(error->message, "byte ");
    if (has_node || has_offset) {
        fputs(" (", stderr);
        if (has_node)
            hone__cli_complain("node %s%s", error->node, has_offset ? ", " : "");
        if (has_offset)
            fprintf(stderr, "byte %lld", (long long)error->offset);
        fputc(')', stderr);
    }
    size_t n = strlen(error->message);
    fputs(n && error->message[n - 1] == '.' && !has_node && !has_offset ? "\n" : ".\n", stderr);
    if (error->hint[0]) {
        n = strlen(error->hint);
        hone__cli_complain("hone: %s%s\n", error->hint,
                           error->hint[n - 1] == '.' || error->hint[n - 1] == '?' ? "" : ".");
    }
}

static json_t *error_json(const hone_error *error) {
    json_t *e = json_object();
    json_object_set_new(e, "status", json_string(hone_status_name(error->status)));
    json_object_set_new(e, "message",
                        json_string(error->message[0] ? error->message : hone_status_text(error->status)));
    json_object_set_new(e, "file", error->file[0] ? json_string(error->file) : json_null());
    json_object_set_new(e, "node", error->node[0] ? json_string(error->node) : json_null());
    json_object_set_new(e, "hint", error->hint[0] ? json_string(error->hint) : json_null());
    if (error->offset >= 0)
        json_object_set_new(e, "offset", json_integer(error->offset));
    json_t *root = json_object();
    json_object_set_new(root, "error", e);
    return root;
}

/* A limit broken at a place in a file is that file's fault; the others are this machine's. */
static int exit_code_of(const hone_error *error) {
    bool is_of_file = error->status == HONE_ERROR_LIMIT && error->file[0] && error->offset >= 0;
    return is_of_file ? HONE_EXIT_INPUT : hone__exit_code(error->status);
}

/* What to do about an error that does not say it itself. */
static void add_remedy(const hone__cli *cli, hone_error *error) {
    switch (exit_code_of(error)) {
    case HONE_EXIT_USAGE:
        hone__error_hint(error, "hone %s%s--help explains", cli->command, cli->command[0] ? " " : "");
        break;
    case HONE_EXIT_MACHINE:
        hone__error_hint(error, error->status == HONE_ERROR_UNAVAILABLE
                                    ? "hone doctor says what this machine has"
                                    : "use a smaller model, batch or shape, or raise the limit");
        break;
    case HONE_EXIT_INTERNAL:
        hone__error_hint(error, "this is a fault of hone: please report it with the model");
        break;
    default:
        hone__error_hint(error, "mend it there, or give another %s",
                         error->status == HONE_ERROR_CONFIG ? "configuration" : "model or data file");
        break;
    }
}

int hone__cli_fail(hone__cli *cli, const hone_error *cause) {
    hone_error with_remedy = *cause, *error = &with_remedy;
    if (error->status == HONE_OK)
        error->status = HONE_ERROR_INTERNAL;
    if (!error->hint[0])
        add_remedy(cli, error);
    print_error(error);
    if (cli->json_path)
        hone__cli_write_json(cli, error_json(error), 0);
    return exit_code_of(error);
}

int hone__cli_fail_usage(hone__cli *cli, const char *hint, const char *fmt, ...) {
    hone_error error;
    char message[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    hone__fail(&error, HONE_ERROR_ARGUMENT, "%s", message);
    hone__error_hint(&error, "%s", hint);
    return hone__cli_fail(cli, &error);
}

int hone__cli_write_json(hone__cli *cli, json_t *json, int code) {
    if (!cli->json_path) {
        json_decref(json);
        return code;
    }
    hone_error error;
    char *text = json ? json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(json);
    if (!text) {
        cli->json_path = NULL;
        hone__fail_memory(&error, "the JSON result");
        return hone__cli_fail(cli, &error);
    }
    bool ok = true;
    if (!strcmp(cli->json_path, "-")) {
        /* Errors of standard output are found when it is flushed at the end. */
        fputs(text, stdout);
        fputc('\n', stdout);
    } else {
        size_t n = strlen(text);
        text[n] = '\n';                                          /* in place of the NUL: the length is known */
        ok = ftruncate(cli->json_fd, 0) == 0 || errno == EINVAL; /* EINVAL: a pipe or device */
        ok = ok && hone__write_all(cli->json_fd, text, n + 1);
    }
    free(text);
    if (ok)
        return code;
    hone__fail(&error, HONE_ERROR_IO, "cannot write the JSON result: %s", strerror(errno));
    hone__error_file(&error, cli->json_path, -1);
    hone__error_hint(&error, "free space on the disk or name another file");
    cli->json_path = NULL;
    return hone__cli_fail(cli, &error);
}
