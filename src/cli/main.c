/* The program: finds the sub-command, parses its options, sets up output, and returns its exit code. */
#include "base/error.h"
#include "cli/cli.h"
#include "cli/cli_commands.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct common_values {
    const char *json;
    bool quiet, verbose, no_color, help;
} common_values;

static const hone__cli_option common[] = {
    {"json", HONE_CLI_TEXT, offsetof(common_values, json), "FILE|-", "", 0, 0, 0},
    {"quiet", HONE_CLI_FLAG, offsetof(common_values, quiet), NULL, "", 0, 0, 'q'},
    {"verbose", HONE_CLI_FLAG, offsetof(common_values, verbose), NULL, "", 0, 0, 'v'},
    {"no-color", HONE_CLI_FLAG, offsetof(common_values, no_color), NULL, "", 0, 0, 0},
    {"help", HONE_CLI_FLAG, offsetof(common_values, help), NULL, "", 0, 0, 'h'},
};

/* A closed standard stream would let a file that is opened later take its number and be written over. */
static void fill_standard_streams(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
            int null = open("/dev/null", O_RDWR);
            if (null > fd) {
                dup2(null, fd);
                close(null);
            }
        }
}

/* Where --json points, found before the options are parsed, so that wrong usage can be told there too. */
static const char *early_json(char **argv, int argc) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!strncmp(argv[i], "--json=", 7))
            return argv[i] + 7;
        if (!strcmp(argv[i], "--json") && i + 1 < argc)
            return argv[i + 1];
    }
    return NULL;
}

static hone_status open_json(hone__cli *cli, hone_error *error) {
    cli->json_fd = -1;
    if (!cli->json_path || !strcmp(cli->json_path, "-"))
        return HONE_OK;
    cli->json_fd = open(cli->json_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (cli->json_fd >= 0)
        return HONE_OK;
    int reason = errno;
    hone__fail(error, HONE_ERROR_IO, "cannot write \"%s\": %s", cli->json_path, strerror(reason));
    hone__error_file(error, cli->json_path, -1);
    hone__error_hint(error, "name a file in a folder that exists and may be written, or - for standard output");
    cli->json_path = NULL;
    return HONE_ERROR_IO;
}

static const hone__command *find_command(const char *name) {
    for (const hone__command *const *c = hone__commands; *c; c++)
        if (!strcmp((*c)->name, name))
            return *c;
    return NULL;
}

static const char *command_name(void *list, size_t index) {
    (void)list;
    return hone__commands[index]->name;
}

static int fail_command(hone__cli *cli, const char *name) {
    for (const char *const *other = hone__commands_to_come; *other; other++)
        if (!strcmp(*other, name))
            return hone__cli_fail_usage(cli, "hone help lists the commands that are there",
                                        "the command \"%s\" is not part of this version of hone (%s)", name,
                                        hone_version());
    size_t n = 0;
    while (hone__commands[n])
        n++;
    char hint[128] = "hone help lists the commands";
    const char *near = hone__cli_nearest(name, command_name, NULL, n);
    if (near)
        snprintf(hint, sizeof hint, "did you mean \"hone %s\"? hone help lists the commands", near);
    return hone__cli_fail_usage(cli, hint, "there is no command \"%.60s\"", name);
}

static bool want_color(bool refused) {
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return !refused && !(no_color && *no_color) && isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

static int fail_count(hone__cli *cli, const hone__command *command, int n_args) {
    char hint[256];
    snprintf(hint, sizeof hint, "usage: hone %s [OPTIONS]%s%s; hone %s --help explains", command->name,
             command->arguments[0] ? " " : "", command->arguments, command->name);
    return hone__cli_fail_usage(cli, hint, "hone %s takes %s%d argument%s, not %d", command->name,
                                command->min_args == command->max_args ? ""
                                : n_args < command->min_args           ? "at least "
                                                                       : "at most ",
                                n_args < command->min_args ? command->min_args : command->max_args,
                                (n_args < command->min_args ? command->min_args : command->max_args) == 1 ? "" : "s",
                                n_args);
}

static int run_command(hone__cli *cli, const hone__command *command, char **argv, int argc) {
    hone_error error;
    common_values values = {0};
    int n_args, code;
    void *own = calloc(1, command->values_size ? command->values_size : 1);
    char **args = calloc((size_t)argc + 1, sizeof *args);
    if (!own || !args) {
        hone__fail_memory(&error, "the command line");
        code = hone__cli_fail(cli, &error);
        goto cleanup;
    }
    if (command->defaults)
        memcpy(own, command->defaults, command->values_size);
    const hone__cli_table tables[] = {{command->options, command->n_options, own},
                                      {common, sizeof common / sizeof *common, &values}};
    hone_status status = hone__cli_parse(argv, argc, tables, 2, args, &n_args, &error);
    /* A failure to open is told on standard error alone. */
    hone_error json_error;
    if (!values.help && open_json(cli, &json_error) != HONE_OK && status == HONE_OK) {
        code = hone__cli_fail(cli, &json_error);
    } else if (status != HONE_OK) {
        code = hone__cli_fail(cli, &error);
    } else if (values.help) {
        hone__cli_print_help(command);
        code = HONE_EXIT_DONE;
    } else if (n_args < command->min_args || (command->max_args >= 0 && n_args > command->max_args)) {
        code = fail_count(cli, command, n_args);
    } else {
        cli->quiet = values.quiet;
        cli->verbose = values.verbose;
        cli->color = want_color(values.no_color);
        code = command->run(cli, own, args, n_args);
    }
cleanup:
    if (cli->json_fd >= 0)
        close(cli->json_fd);
    free(own);
    free(args);
    return code;
}

static int dispatch(hone__cli *cli, char **argv, int argc) {
    if (argc < 2) {
        hone__cli_print_overview();
        return HONE_EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--version") || !strcmp(name, "version")) {
        printf("hone %s\n", hone_version());
        return HONE_EXIT_DONE;
    }
    bool is_help = !strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h");
    if (is_help && argc == 2) {
        hone__cli_print_overview();
        return HONE_EXIT_DONE;
    }
    cli->json_path = early_json(argv + 1, argc - 1);
    if (name[0] == '-' && !is_help)
        return hone__cli_fail_usage(cli, "write hone COMMAND [OPTIONS]; hone help lists the commands",
                                    "options come after the command, but \"%.60s\" stands before it", name);
    const hone__command *command = find_command(is_help ? argv[2] : name);
    if (!command) {
        hone_error ignored;
        open_json(cli, &ignored);
        int code = fail_command(cli, is_help ? argv[2] : name);
        if (cli->json_fd >= 0)
            close(cli->json_fd);
        return code;
    }
    if (is_help) {
        hone__cli_print_help(command);
        return HONE_EXIT_DONE;
    }
    cli->command = command->name;
    return run_command(cli, command, argv + 2, argc - 2);
}

int main(int argc, char **argv) {
    fill_standard_streams();
    signal(SIGPIPE, SIG_IGN); /* a reader that went away shows as EPIPE */
    if (argc == 2 && !strcmp(argv[1], "tune-trial"))
        return hone__tune_trial_command();
    hone__cli cli = {.command = "", .json_fd = -1};
    int code = dispatch(&cli, argv, argc);
    errno = 0;
    if ((fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE && errno != 0) {
        fprintf(stderr,
                "hone: error: cannot write to standard output: %s.\nhone: make room there, or send it elsewhere.\n",
                strerror(errno));
        if (code == HONE_EXIT_DONE)
            code = HONE_EXIT_INPUT;
    }
    return code;
}
