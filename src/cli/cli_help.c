/* Help texts, laid out from the command table; and the search for the nearest name. */
#include "base/checked.h"
#include "cli/cli.h"

#include <string.h>

enum { WIDTH = 100, COLUMN = 28 };

/* Every command has these; main.c parses them. */
static const char common_options[] =
    "  --json FILE|-             write the result as JSON to FILE, or to standard output alone\n"
    "  -q, --quiet               no progress and no remarks\n"
    "  -v, --verbose             more detail\n"
    "  --no-color                no colours (also when NO_COLOR is set)\n"
    "  -h, --help                this text\n";

/* Prints a text from column `indent` on, broken at spaces. */
static void print_wrapped(const char *text, int indent) {
    int column = indent;
    for (const char *p = text; *p;) {
        int n = (int)strcspn(p, " \n");
        printf("%.*s", n, p);
        column += n;
        p += n;
        if (*p == '\n') {
            printf("\n%*s", indent, "");
            column = indent;
            p++;
        } else if (*p == ' ') {
            p++;
            if (column + 1 + (int)strcspn(p, " \n") <= WIDTH) {
                putchar(' ');
                column++;
            } else {
                printf("\n%*s", indent, "");
                column = indent;
            }
        }
    }
    putchar('\n');
}

static void print_option(const hone__cli_option *option) {
    char left[128];
    int n = option->letter ? snprintf(left, sizeof left, "  -%c, --%s", option->letter, option->name)
                           : snprintf(left, sizeof left, "  --%s", option->name);
    if (option->argument)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", option->argument);
    if (n + 1 < COLUMN)
        printf("%-*s", COLUMN, left);
    else
        printf("%s\n%*s", left, COLUMN, "");
    print_wrapped(option->help, COLUMN);
}

void hone__cli_print_overview(void) {
    printf("hone %s - makes a trained ONNX model run as fast as this machine allows, with proof\n\n", hone_version());
    printf("usage: hone COMMAND [OPTIONS] ...\n\ncommands:\n");
    for (const hone__command *const *c = hone__commands; *c; c++)
        printf("  %-12s%s\n", (*c)->name, (*c)->summary);
    printf("  %-12s%s\n\n", "help", "explains a command: hone help COMMAND");
    printf("exit status: 0 done; 1 a check failed; 2 wrong usage; 3 bad model, data or configuration;\n"
           "             4 not possible on this machine; 5 internal error\n\n"
           "start here:  hone tune model.onnx\n");
}

void hone__cli_print_help(const hone__command *command) {
    printf("usage: hone %s [OPTIONS]%s%s\n\n%s\n", command->name, command->arguments[0] ? " " : "", command->arguments,
           command->details);
    if (command->n_options)
        printf("\noptions:\n");
    for (size_t i = 0; i < command->n_options; i++)
        print_option(&command->options[i]);
    printf("\ncommon options:\n%s", common_options);
    if (command->examples)
        printf("\nexamples:\n%s\n", command->examples);
}

/* Edits (insert, delete, replace, swap neighbours) from a to b; Damerau and Levenshtein's restricted
 * distance over three rows. Long words are taken as far apart. */
static size_t distance(const char *a, const char *b) {
    enum { MAX = 64 };
    size_t n = strlen(a), m = strlen(b), rows[3][MAX + 1];
    if (n > MAX || m > MAX)
        return MAX;
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        before[j] = last[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t d = last[j - 1] + (a[i - 1] != b[j - 1]);
            d = hone__min_size(d, hone__min_size(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = hone__min_size(d, before[j - 2] + 1);
            now[j] = d;
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[m];
}

const char *hone__cli_nearest(const char *word, const char *(*candidate)(void *list, size_t index), void *list,
                              size_t n) {
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 2;
    for (size_t i = 0; i < n; i++) {
        const char *name = candidate(list, i);
        size_t d = distance(word, name);
        /* "--out" for "--output-dir": the start of one name counts as near. */
        if (strlen(word) >= 3 && !strncmp(word, name, strlen(word)))
            d = 1;
        if (d < best_distance) {
            best_distance = d;
            best = name;
        }
    }
    return best;
}
