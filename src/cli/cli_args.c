/* The command line's options; see cli_args.h. */
#include "cli/cli_args.h"

#include "base/error.h"
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *option_name(void *list, size_t index) {
    const hone__cli_table *tables = list;
    for (;; tables++) {
        if (index < tables->n)
            return tables->options[index].name;
        index -= tables->n;
    }
}

static hone_status fail_unknown(const char *given, size_t size, const hone__cli_table *tables, size_t n_tables,
                                hone_error *error) {
    char name[64];
    size_t n = 0;
    snprintf(name, sizeof name, "%.*s", (int)(size < 60 ? size : 60), given);
    for (size_t i = 0; i < n_tables; i++)
        n += tables[i].n;
    const char *near = hone__cli_nearest(name, option_name, (void *)tables, n);
    hone__fail(error, HONE_ERROR_ARGUMENT, "unknown option --%s", name);
    if (near)
        hone__error_hint(error, "did you mean --%s? --help lists all options", near);
    else
        hone__error_hint(error, "--help lists all options");
    return HONE_ERROR_ARGUMENT;
}

static hone_status fail_value(const hone__cli_option *option, const char *text, const char *want, hone_error *error) {
    hone__fail(error, HONE_ERROR_ARGUMENT, "--%s takes %s, not \"%.80s\"", option->name, want, text);
    hone__error_hint(error, "see --help for what it means");
    return HONE_ERROR_ARGUMENT;
}

static bool is_bounded(const hone__cli_option *option) { return option->low != 0 || option->high != 0; }

static hone_status fail_bounds(const hone__cli_option *option, const char *text, hone_error *error) {
    char want[96];
    if (is_bounded(option))
        snprintf(want, sizeof want, "a number from %g to %g", option->low, option->high);
    else
        snprintf(want, sizeof want, "a number from 0 up");
    return fail_value(option, text, want, error);
}

static hone_status parse_int(const hone__cli_option *option, const char *text, char **end, int64_t *out,
                             hone_error *error) {
    errno = 0;
    long long value = strtoll(text, end, 10);
    if (*end == text || (**end && **end != ','))
        return fail_value(option, text, "a whole number", error);
    if (errno == ERANGE ||
        (is_bounded(option) ? (double)value < option->low || (double)value > option->high : value < 0))
        return fail_bounds(option, text, error);
    *out = value;
    return HONE_OK;
}

static hone_status parse_number(const hone__cli_option *option, const char *text, double *out, hone_error *error) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return fail_value(option, text, "a number", error);
    if (is_bounded(option) && (value < option->low || value > option->high))
        return fail_bounds(option, text, error);
    *out = value;
    return HONE_OK;
}

static hone_status parse_duration(const hone__cli_option *option, const char *text, double *out, hone_error *error) {
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 1e-3}, {"m", 60}, {"min", 60}, {"h", 3600}};
    char *end;
    double value = strtod(text, &end);
    if (end != text && isfinite(value) && value >= 0)
        for (size_t i = 0; i < sizeof units / sizeof *units; i++)
            if (!strcmp(end, units[i].unit)) {
                *out = value * units[i].seconds;
                return HONE_OK;
            }
    return fail_value(option, text, "a time such as 5s, 200ms or 10m", error);
}

static hone_status parse_ints(const hone__cli_option *option, const char *text, hone__cli_ints *out,
                              hone_error *error) {
    const char *p = text;
    out->n = 0;
    for (;;) {
        char *end;
        if (out->n == sizeof out->items / sizeof *out->items)
            return fail_value(option, text, "at most 64 numbers", error);
        HONE_TRY(parse_int(option, p, &end, &out->items[out->n++], error));
        if (!*end)
            return HONE_OK;
        p = end + 1;
    }
}

static hone_status set_value(const hone__cli_option *option, void *values, const char *text, hone_error *error) {
    void *field = (char *)values + option->offset;
    char *end;
    switch (option->type) {
    case HONE_CLI_FLAG:
        *(bool *)field = true;
        return HONE_OK;
    case HONE_CLI_TEXT:
        *(const char **)field = text;
        return HONE_OK;
    case HONE_CLI_INT:
        HONE_TRY(parse_int(option, text, &end, field, error));
        return *end ? fail_value(option, text, "one whole number", error) : HONE_OK;
    case HONE_CLI_NUMBER:
        return parse_number(option, text, field, error);
    case HONE_CLI_DURATION:
        return parse_duration(option, text, field, error);
    case HONE_CLI_INTS:
        return parse_ints(option, text, field, error);
    case HONE_CLI_TEXTS: {
        hone__cli_texts *texts = field;
        if (texts->n == sizeof texts->items / sizeof *texts->items)
            return fail_value(option, text, "at most 64 values", error);
        texts->items[texts->n++] = text;
        return HONE_OK;
    }
    }
    return HONE_OK;
}

static const hone__cli_option *find_option(const hone__cli_table *tables, size_t n_tables, const char *name,
                                           size_t size, char letter, void **values) {
    for (size_t t = 0; t < n_tables; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            const hone__cli_option *o = &tables[t].options[i];
            if (letter ? o->letter == letter : strlen(o->name) == size && !memcmp(o->name, name, size)) {
                *values = tables[t].values;
                return o;
            }
        }
    return NULL;
}

hone_status hone__cli_parse(char **argv, int argc, const hone__cli_table *tables, size_t n_tables, char **args,
                            int *n_args, hone_error *error) {
    *n_args = 0;
    for (int i = 0; i < argc; i++) {
        char *word = argv[i];
        if (word[0] != '-' || !word[1]) { /* "-" alone is a file name */
            args[(*n_args)++] = word;
            continue;
        }
        if (!strcmp(word, "--")) {
            while (++i < argc)
                args[(*n_args)++] = argv[i];
            return HONE_OK;
        }
        bool is_long = word[1] == '-';
        const char *name = word + (is_long ? 2 : 1);
        size_t size = is_long ? strcspn(name, "=") : 1;
        const char *text = is_long ? (name[size] ? name + size + 1 : NULL) : (name[1] ? name + 1 : NULL);
        void *values = NULL;
        const hone__cli_option *option = find_option(tables, n_tables, name, size, is_long ? 0 : word[1], &values);
        if (!option && is_long)
            return fail_unknown(name, size, tables, n_tables, error);
        if (!option) {
            hone__fail(error, HONE_ERROR_ARGUMENT, "unknown option %.20s", word);
            hone__error_hint(error, "options have long names, --like-this; --help lists them");
            return HONE_ERROR_ARGUMENT;
        }
        if (option->type == HONE_CLI_FLAG) {
            if (text) {
                hone__fail(error, HONE_ERROR_ARGUMENT, "--%s takes no value, but \"%.80s\" was given", option->name,
                           text);
                hone__error_hint(error, "write --%s alone", option->name);
                return HONE_ERROR_ARGUMENT;
            }
        } else if (!text) {
            if (i + 1 == argc) {
                hone__fail(error, HONE_ERROR_ARGUMENT, "--%s needs a value", option->name);
                hone__error_hint(error, "write --%s %s", option->name, option->argument);
                return HONE_ERROR_ARGUMENT;
            }
            text = argv[++i];
        }
        HONE_TRY(set_value(option, values, text, error));
    }
    return HONE_OK;
}

hone_status hone__cli_parse_shape(const char *text, char *name, size_t name_size, int64_t *dims, int max_rank,
                                  int *rank, hone_error *error) {
    const char *equals = strrchr(text, '=');
    if (!equals || equals == text || (size_t)(equals - text) >= name_size)
        goto bad;
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = '\0';
    *rank = 0;
    for (const char *p = equals + 1; *p;) {
        char *end;
        errno = 0;
        long long dim = strtoll(p, &end, 10);
        if (end == p || errno || dim < 0 || *rank == max_rank || (*end && !strchr("x,X", *end)) || (*end && !end[1]))
            goto bad;
        dims[(*rank)++] = dim;
        p = *end ? end + 1 : end;
    }
    return HONE_OK;
bad:
    hone__fail(error, HONE_ERROR_ARGUMENT, "\"%.120s\" is not a shape", text);
    hone__error_hint(error, "write NAME=1x3x640x640, with at most %d dimensions, or NAME= for a scalar", max_rank);
    return HONE_ERROR_ARGUMENT;
}

hone_status hone__cli_parse_size(const char *text, int64_t *width, int64_t *height, hone_error *error) {
    char *end;
    long long w = strtoll(text, &end, 10), h = 0;
    bool ok = end != text && (*end == 'x' || *end == 'X');
    if (ok) {
        const char *second = end + 1;
        h = strtoll(second, &end, 10);
        ok = end != second && !*end && w >= 1 && h >= 1 && w <= 65535 && h <= 65535;
    }
    if (!ok) {
        hone__fail(error, HONE_ERROR_ARGUMENT, "\"%.60s\" is not an image size", text);
        hone__error_hint(error, "write WIDTHxHEIGHT in pixels, such as 224x224");
        return HONE_ERROR_ARGUMENT;
    }
    *width = w;
    *height = h;
    return HONE_OK;
}

hone_status hone__cli_parse_numbers(const char *text, const char *option, double *values, size_t n, hone_error *error) {
    const char *p = text;
    size_t got = 0;
    char *end = NULL;
    for (;; p = end + 1) {
        double value = strtod(p, &end);
        if (end == p || !isfinite(value) || got == n || (*end && *end != ','))
            break;
        values[got++] = value;
        if (!*end) {
            if (got == 1)
                for (; got < n; got++)
                    values[got] = values[0];
            if (got == n)
                return HONE_OK;
            break;
        }
    }
    hone__fail(error, HONE_ERROR_ARGUMENT, "--%s takes 1 or %zu numbers, not \"%.80s\"", option, n, text);
    hone__error_hint(error, "separate them by commas, as in 0.485,0.456,0.406");
    return HONE_ERROR_ARGUMENT;
}
