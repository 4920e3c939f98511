/* Options of the command line: a table per command says their names, types and where the values go.
 * Long options take `--name value` or `--name=value`; a few have a letter. `--` ends them. */
#ifndef HONE_CLI_CLI_ARGS_H
#define HONE_CLI_CLI_ARGS_H

#include <hone/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum hone__cli_type {
    HONE_CLI_FLAG,     /* bool */
    HONE_CLI_TEXT,     /* const char * */
    HONE_CLI_INT,      /* int64_t, from low to high */
    HONE_CLI_NUMBER,   /* double, from low to high */
    HONE_CLI_DURATION, /* double, seconds: "90", "5s", "200ms", "10m", "1h" */
    HONE_CLI_TEXTS,    /* hone__cli_texts: may be given several times */
    HONE_CLI_INTS      /* hone__cli_ints: "1,4,8", each from low to high */
} hone__cli_type;

typedef struct hone__cli_texts {
    const char *items[64];
    size_t n;
} hone__cli_texts;

typedef struct hone__cli_ints {
    int64_t items[64];
    size_t n;
} hone__cli_ints;

typedef struct hone__cli_option {
    const char *name; /* without "--" */
    hone__cli_type type;
    size_t offset;        /* of the value in the command's struct */
    const char *argument; /* "FILE"; NULL for flags */
    const char *help;     /* a line or more, without a full stop */
    double low, high;     /* both 0: not bounded, but integers stay >= 0 */
    char letter;          /* 0: none */
} hone__cli_option;

/* Parses argv[0 .. argc-1]; what is not an option is moved, in order, to args (which holds argc). Several tables
 * may be given, each with its own struct of values. Errors: ARGUMENT. */
typedef struct hone__cli_table {
    const hone__cli_option *options;
    size_t n;
    void *values;
} hone__cli_table;
hone_status hone__cli_parse(char **argv, int argc, const hone__cli_table *tables, size_t n_tables, char **args,
                            int *n_args, hone_error *error);

/* "NAME=1x3x640x640" (also with commas) cut at the last "=", since names may hold one. The name goes into buf. */
hone_status hone__cli_parse_shape(const char *text, char *name, size_t name_size, int64_t *dims, int max_rank,
                                  int *rank, hone_error *error);
/* "640x480". */
hone_status hone__cli_parse_size(const char *text, int64_t *width, int64_t *height, hone_error *error);
/* "0.5" or "0.485,0.456,0.406": 1 or n values; one is repeated. */
hone_status hone__cli_parse_numbers(const char *text, const char *option, double *values, size_t n, hone_error *error);

#endif
