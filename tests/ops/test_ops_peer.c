/* Operators against what others make of the same inputs: com.microsoft's against ONNX Runtime (contrib.onnx, made by
 * tests/data/make_contrib.py), derivatives against PyTorch (gradient.onnx, make_gradient.py). In these files the nodes'
 * inputs are initializers, and initializer "want/NAME" is the expected value of output NAME. Inferred types must agree
 * with what comes out, too. */
#include "model/model.h"
#include "ops/op.h"

#include <hone/hone.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int g_failed;

static void complain(const char *name, const char *what) {
    printf("FAILED %s: %s\n", name, what);
    g_failed++;
}

static void compare(const hone__value *value, const hone_tensor *got, const hone_tensor *want) {
    char a[200], b[200], text[500];
    if (got->dtype != want->dtype || got->rank != want->rank ||
        (got->rank && memcmp(got->dims, want->dims, (size_t)got->rank * sizeof *got->dims) != 0)) {
        snprintf(text, sizeof text, "is %s, expected %s", hone__tensor_describe(got, a, sizeof a),
                 hone__tensor_describe(want, b, sizeof b));
        complain(value->name, text);
        return;
    }
    const hone__type *type = &value->type;
    bool agrees = type->is_known && type->dtype == got->dtype && (type->rank < 0 || type->rank == got->rank);
    for (int d = 0; agrees && d < type->rank; d++)
        agrees = type->dims[d].value < 0 || type->dims[d].value == got->dims[d];
    if (!agrees) {
        snprintf(text, sizeof text, "was inferred as %s, but is %s", hone__type_describe(type, a, sizeof a),
                 hone__tensor_describe(got, b, sizeof b));
        complain(value->name, text);
    }
    for (int64_t i = 0; i < hone_tensor_count(got); i++) {
        double x = hone_tensor_get_double(got, i), y = hone_tensor_get_double(want, i);
        if (x == y || (isnan(x) && isnan(y)) || fabs(x - y) <= 1e-5 + 1e-3 * fabs(y))
            continue;
        snprintf(text, sizeof text, "element %lld is %.9g, expected %.9g", (long long)i, x, y);
        complain(value->name, text);
        return;
    }
}

static int run_file(const char *file) {
    char path[800];
    const char *source = getenv("HONE_SOURCE");
    hone_model *model;
    hone__graph *graph;
    hone_error error;
    snprintf(path, sizeof path, "%s/tests/data/%s", source ? source : ".", file);
    if (hone_model_open(path, &model, &error) != HONE_OK || hone__model_clone_graph(model, &graph, &error) != HONE_OK) {
        printf("FAILED: %s\n", error.message);
        return 1;
    }
    if (hone_model_unsupported_count(model))
        complain(path, hone_model_get_unsupported(model, 0)->reason);
    size_t n = graph->n_outputs;
    hone_tensor **out = calloc(n, sizeof *out);
    hone_status status = out ? hone__graph_run(graph, NULL, 0, out, n, NULL, NULL, &error) : HONE_ERROR_MEMORY;
    if (status != HONE_OK)
        complain(error.node, error.message);
    for (size_t i = 0; status == HONE_OK && i < n; i++) {
        char name[300];
        snprintf(name, sizeof name, "want/%s", graph->outputs[i]->name);
        const hone__value *want = hone__graph_find_value(graph, name);
        if (want && want->constant)
            compare(graph->outputs[i], out[i], want->constant);
        else
            complain(name, "is not in the file");
    }
    printf("%s: %zu outputs of %zu nodes compared, %d failed\n", file, n, graph->n_nodes, g_failed);
    for (size_t i = 0; out && i < n; i++)
        hone_tensor_destroy(out[i]);
    free(out);
    hone__graph_destroy(graph);
    hone_model_close(model);
    return g_failed ? 1 : 0;
}

/* What has no rule is named before anything runs, and is all that is wrong. */
static int run_refused(void) {
    char path[800];
    const char *source = getenv("HONE_SOURCE"), *reason = "";
    hone_model *model;
    hone_error error;
    snprintf(path, sizeof path, "%s/tests/data/gradient_refused.onnx", source ? source : ".");
    if (hone_model_open(path, &model, &error) != HONE_OK) {
        printf("FAILED: %s\n", error.message);
        return 1;
    }
    size_t n = hone_model_unsupported_count(model);
    if (n)
        reason = hone_model_get_unsupported(model, 0)->reason;
    bool ok = n == 1 && strstr(reason, "the_determinant");
    if (!ok)
        printf("FAILED: %zu reasons, the first: %s\n", n, reason);
    hone_model_close(model);
    return !ok;
}

/* docs/operators.md names every operator of com.microsoft that there is. */
static int check_docs(void) {
    static char text[65536];
    char path[800], word[120];
    const char *source = getenv("HONE_SOURCE");
    size_t n, n_missing = 0;
    snprintf(path, sizeof path, "%s/docs/operators.md", source ? source : ".");
    FILE *file = fopen(path, "rb");
    if (!file)
        return 1;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    for (char *c = text; *c; c++)
        *c = *c == '\n' || *c == ',' || *c == '.' ? ' ' : *c;
    const hone__op *const *rows = hone__op_all(&n);
    for (size_t i = 0; i < n; i++) {
        snprintf(word, sizeof word, " %s ", rows[i]->name);
        if (strcmp(rows[i]->domain, "com.microsoft") == 0 && !strstr(text, word)) {
            printf("FAILED: docs/operators.md does not name %s\n", rows[i]->name);
            n_missing++;
        }
    }
    return n_missing != 0;
}

int main(void) {
    static const char *const files[] = {"contrib.onnx", "gradient.onnx"};
    int status = 0;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        status |= run_file(files[i]);
    return status | run_refused() | check_docs();
}
