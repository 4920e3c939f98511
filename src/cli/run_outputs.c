/* The outputs of `hone run`; see run_outputs.h. */
#include "cli/run_outputs.h"

#include "base/error.h"
#include "base/tensor.h"
#include "cli/cli_json.h"
#include "cli/cli_npy.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

enum { N_TOP = 5, MAX_DEPTH = 16 };

typedef struct summary {
    double min, max, mean;
    int64_t n_nan, n_top;
    struct {
        int64_t index;
        double value;
    } top[N_TOP];
} summary;

static void put_top(summary *s, int64_t index, double value) {
    if (s->n_top == N_TOP && !(value > s->top[N_TOP - 1].value))
        return;
    int64_t at = s->n_top < N_TOP ? s->n_top++ : N_TOP - 1;
    for (; at > 0 && s->top[at - 1].value < value; at--)
        s->top[at] = s->top[at - 1];
    s->top[at].index = index;
    s->top[at].value = value;
}

static summary summarize(const hone_tensor *t) {
    summary s = {.min = INFINITY, .max = -INFINITY};
    int64_t count = hone_tensor_count(t), n = 0;
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        double v = hone_tensor_get_double(t, i);
        if (isnan(v)) {
            s.n_nan++;
            continue;
        }
        n++;
        sum += v;
        s.min = v < s.min ? v : s.min;
        s.max = v > s.max ? v : s.max;
        put_top(&s, i, v);
    }
    s.mean = n ? sum / (double)n : NAN;
    if (!n)
        s.min = s.max = NAN;
    return s;
}

static json_t *shape_json(const hone_tensor *t) {
    json_t *shape = json_array();
    for (int i = 0; i < hone_tensor_rank(t); i++)
        json_array_append_new(shape, json_integer(hone_tensor_dims(t)[i]));
    return shape;
}

static void describe_strings(const hone__cli *cli, const hone_tensor *t, json_t *json) {
    json_t *first = json_array();
    hone__cli_print(cli, "    ");
    for (int64_t i = 0; i < hone_tensor_count(t) && i < N_TOP; i++) {
        hone_string s = hone_tensor_get_string(t, i);
        char text[128];
        snprintf(text, sizeof text, "%.*s", (int)(s.size < 120 ? s.size : 120), s.data ? s.data : "");
        hone__cli_print(cli, "%s\"%s\"", i ? ", " : "", text);
        json_array_append_new(first, hone__json_text(text));
    }
    hone__cli_print(cli, "%s\n", hone_tensor_count(t) > N_TOP ? ", ..." : "");
    hone__json_set(json, "first", first);
}

static void describe_numbers(const hone__cli *cli, const hone_tensor *t, json_t *json) {
    summary s = summarize(t);
    json_t *top = json_array();
    if (isnan(s.min) && !s.n_nan)
        hone__cli_print(cli, "    no elements");
    else
        hone__cli_print(cli, "    min %.7g, max %.7g, mean %.7g", s.min, s.max, s.mean);
    if (s.n_nan)
        hone__cli_print(cli, ", %lld NaN", (long long)s.n_nan);
    hone__cli_print(cli, "\n");
    if (s.n_top) {
        hone__cli_print(cli, "    top %lld:", (long long)s.n_top);
        for (int64_t i = 0; i < s.n_top; i++) {
            hone__cli_print(cli, "  [%lld] %.6g", (long long)s.top[i].index, s.top[i].value);
            json_array_append_new(top,
                                  json_pack("[o, o]", json_integer(s.top[i].index), hone__json_number(s.top[i].value)));
        }
        hone__cli_print(cli, "\n");
    }
    hone__json_set(json, "min", hone__json_number(s.min));
    hone__json_set(json, "max", hone__json_number(s.max));
    hone__json_set(json, "mean", hone__json_number(s.mean));
    hone__json_set(json, "top", top);
    if (s.n_nan)
        hone__json_set(json, "nan", json_integer(s.n_nan));
}

static json_t *describe(const hone__cli *cli, const char *name, const hone_tensor *t, int depth) {
    static const char *const kinds[] = {"tensor", "sequence", "optional", "map"};
    json_t *json = json_object();
    hone__json_set(json, "name", hone__json_text(name));
    if (hone_tensor_kind(t) != HONE_KIND_TENSOR) {
        json_t *items = json_array();
        size_t n = hone_tensor_item_count(t);
        hone__cli_print(cli, "  %s: %s of %zu item%s\n", name, kinds[hone_tensor_kind(t)], n, n == 1 ? "" : "s");
        for (size_t i = 0; i < n && depth < MAX_DEPTH; i++) {
            char item[160];
            snprintf(item, sizeof item, "%.120s[%zu]", name, i);
            json_array_append_new(items, describe(cli, item, hone_tensor_get_item(t, i), depth + 1));
        }
        hone__json_set(json, "kind", json_string(kinds[hone_tensor_kind(t)]));
        hone__json_set(json, "items", items);
        return json;
    }
    char text[256];
    hone__cli_print(cli, "  %s: %s\n", name, hone__tensor_describe(t, text, sizeof text));
    hone__json_set(json, "dtype", json_string(hone_dtype_name(hone_tensor_dtype(t))));
    hone__json_set(json, "shape", shape_json(t));
    if (hone_tensor_dtype(t) == HONE_DTYPE_STRING)
        describe_strings(cli, t, json);
    else
        describe_numbers(cli, t, json);
    return json;
}

json_t *hone__run_describe(const hone__cli *cli, const char *name, const hone_tensor *tensor) {
    return describe(cli, name, tensor, 0);
}

const char *hone__run_file_name(const char *name, char *buf, size_t size) {
    size_t n = 0;
    for (; name[n] && n + 1 < size; n++)
        buf[n] = isalnum((unsigned char)name[n]) || strchr("._-+", name[n]) ? name[n] : '_';
    buf[n] = '\0';
    if (buf[0] == '.')
        buf[0] = '_';
    return buf;
}

static hone_status save(const char *base, const hone_tensor *t, int depth, hone_error *error) {
    char path[PATH_MAX];
    if (hone_tensor_kind(t) == HONE_KIND_TENSOR) {
        snprintf(path, sizeof path, "%.4000s.npy", base);
        return hone__npy_write(path, t, error);
    }
    for (size_t i = 0; i < hone_tensor_item_count(t) && depth < MAX_DEPTH; i++) {
        snprintf(path, sizeof path, "%.4000s_%zu", base, i);
        HONE_TRY(save(path, hone_tensor_get_item(t, i), depth + 1, error));
    }
    return HONE_OK;
}

hone_status hone__run_save(const char *dir, const char *name, size_t index, bool is_name_taken,
                           const hone_tensor *tensor, hone_error *error) {
    char file[200], base[PATH_MAX];
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        hone__fail(error, HONE_ERROR_IO, "cannot make the folder \"%s\": %s", dir, strerror(errno));
        hone__error_file(error, dir, -1);
        hone__error_hint(error, "make its parent folders first, or name another");
        return HONE_ERROR_IO;
    }
    hone__run_file_name(name, file, sizeof file);
    if (is_name_taken || !file[0])
        snprintf(base, sizeof base, "%.3700s/%s_%zu", dir, file, index);
    else
        snprintf(base, sizeof base, "%.3700s/%s", dir, file);
    return save(base, tensor, 0, error);
}
