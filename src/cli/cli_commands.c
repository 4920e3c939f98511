/* The list of sub-commands, in the order in which help shows them. */
#include "cli/cli_commands.h"

#include "cli/cli.h"

#include <stddef.h>

const hone__command *const hone__commands[] = {
    &hone__command_inspect, &hone__command_check,    &hone__command_run,    &hone__command_bench,
    &hone__command_tune,    &hone__command_optimize, &hone__command_doctor, NULL,
};

const char *const hone__commands_to_come[] = {"quantize", "prune", "compare", "eval", "build",
                                              "profile",  "serve", "watch",   NULL};
