/* What each cmd_NAME.c exports. */
#ifndef HONE_CLI_CLI_COMMANDS_H
#define HONE_CLI_CLI_COMMANDS_H

#include "cli/cli.h"

extern const hone__command hone__command_inspect, hone__command_check, hone__command_run, hone__command_bench,
    hone__command_tune, hone__command_optimize, hone__command_doctor;

/* What the tuner's children run (`hone tune-trial`, started by hone tune alone). */
int hone__tune_trial_command(void);

#endif
