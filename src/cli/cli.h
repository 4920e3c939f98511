/* What the sub-commands share: the command table's row, output, errors and exit codes.
 *
 * A sub-command is one file, cmd_NAME.c, that exports one hone__command; cli_commands.c lists them. main.c
 * parses the line into the command's own struct of values and calls `run`, which returns an exit code. */
#ifndef HONE_CLI_CLI_H
#define HONE_CLI_CLI_H

#include "cli/cli_args.h"

#include <hone/hone.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Exit codes; docs of the program promise them. */
enum {
    HONE_EXIT_DONE = 0,
    HONE_EXIT_CHECK = 1,   /* a check failed: mismatch, accuracy budget, regression */
    HONE_EXIT_USAGE = 2,   /* wrong usage */
    HONE_EXIT_INPUT = 3,   /* bad model, data or configuration */
    HONE_EXIT_MACHINE = 4, /* not possible on this machine */
    HONE_EXIT_INTERNAL = 5
};
int hone__exit_code(hone_status status);

/* The state of one invocation. */
typedef struct hone__cli {
    const char *command;   /* "run", or "" */
    bool quiet, verbose;   /* -q: no progress, no remarks; -v: more detail */
    bool color;            /* stdout is a terminal that may be coloured */
    const char *json_path; /* NULL: none; "-": standard output, and then nothing else goes there */
    int json_fd;           /* opened before the work begins; -1 for none and "-" */
} hone__cli;

struct hone__command {
    const char *name;
    const char *arguments;  /* "MODEL...", for the usage line */
    const char *summary;    /* one line, for `hone help` */
    const char *details;    /* paragraphs for `hone NAME --help`; lines are printed as they are */
    const char *examples;   /* lines, each a command; NULL for none */
    int min_args, max_args; /* of what is not an option; max -1: any number */
    const hone__cli_option *options;
    size_t n_options;
    size_t values_size;   /* the struct that options write into ... */
    const void *defaults; /* ... and what it starts as; NULL: zero */
    int (*run)(hone__cli *cli, const void *values, char **args, int n_args);
};
typedef struct hone__command hone__command;

extern const hone__command *const hone__commands[]; /* NULL at the end */
/* Names that the full product has and this version has not; NULL at the end. */
extern const char *const hone__commands_to_come[];

/* ---- output ---- */
/* To standard output, unless JSON goes there. */
void hone__cli_print(const hone__cli *cli, const char *fmt, ...) HONE_PRINTF(2, 3);
/* To standard error, as it is. */
void hone__cli_complain(const char *fmt, ...) HONE_PRINTF(1, 2);
/* A remark on standard error ("hone: ..."), dropped under -q. */
void hone__cli_remark(const hone__cli *cli, const char *fmt, ...) HONE_PRINTF(2, 3);
/* Starts and ends of emphasis, "" without colours. */
const char *hone__cli_bold(const hone__cli *cli);
const char *hone__cli_dim(const hone__cli *cli);
const char *hone__cli_red(const hone__cli *cli);
const char *hone__cli_yellow(const hone__cli *cli);
const char *hone__cli_green(const hone__cli *cli);
const char *hone__cli_plain(const hone__cli *cli);

/* Writes the result where --json says, if it was given, and drops the reference. Returns `code`, or the
 * code of the failure to write. json NULL: out of memory while building it. */
int hone__cli_write_json(hone__cli *cli, json_t *json, int code);

/* Reports the error on standard error (and as {"error": ...} under --json); returns its exit code. */
int hone__cli_fail(hone__cli *cli, const hone_error *error);
/* The same for wrong usage, exit code 2. */
int hone__cli_fail_usage(hone__cli *cli, const char *hint, const char *fmt, ...) HONE_PRINTF(3, 4);

/* ---- help (cli_help.c) ---- */
void hone__cli_print_overview(void);
void hone__cli_print_help(const hone__command *command);

/* ---- text ---- */
/* The nearest of n candidates to `word`, or NULL when none is near (edit distance over a third). */
const char *hone__cli_nearest(const char *word, const char *(*candidate)(void *list, size_t index), void *list,
                              size_t n);

#endif
