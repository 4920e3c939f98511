/* The ONNX project's backend tests, run by the reference evaluators: inputs and expected outputs of every
 * operator, in the standard's tolerance (rtol 1e-3, atol 1e-7, NaN equals NaN). Types and shapes are
 * inferred without what the file declares of the values in between, and must agree with those that running
 * gives.
 *
 * usage: test_onnx_node [-v] [PART OF A CASE'S NAME]
 * The data are looked for in $HONE_SHARED/onnx-testdata, where Debian's libonnx-testdata puts them, and in the folder
 * $HONE_ONNX_DATA, for another release (unpack its package or its backend/test/data).
 * Each case runs in a child process, so that a crash or an endless loop is one failed case. A case whose
 * model has an operator without a row counts as not supported; exceptions.txt beside this file lists those
 * that are let off, each with its reason. */
#include "base/alloc.h"
#include "model/model.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <hone/hone.h>
#include <hone/onnx_data.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_VALUES = 64, SECONDS_PER_CASE = 20, SECONDS_EMULATED = 900, TEXT = 900, EXIT_SKIP = 77 };
typedef enum verdict { PASSED, FAILED, UNSUPPORTED, EXCUSED } verdict;

/* ---- comparing ---- */

static bool tensors_match(const hone_tensor *got, const hone_tensor *want, char *message) {
    char a[200], b[200];
    if (got->dtype != want->dtype || got->rank != want->rank ||
        (got->rank && memcmp(got->dims, want->dims, (size_t)got->rank * sizeof *got->dims) != 0)) {
        snprintf(message, TEXT, "is %s, expected %s", hone__tensor_describe(got, a, sizeof a),
                 hone__tensor_describe(want, b, sizeof b));
        return false;
    }
    int64_t n = hone_tensor_count(got);
    int parts = got->dtype == HONE_DTYPE_COMPLEX64 || got->dtype == HONE_DTYPE_COMPLEX128 ? 2 : 1;
    for (int64_t i = 0; i < n * parts; i++) {
        if (got->dtype == HONE_DTYPE_STRING) {
            hone_string x = hone_tensor_get_string(got, i), y = hone_tensor_get_string(want, i);
            if (x.size == y.size && (!x.size || memcmp(x.data, y.data, x.size) == 0))
                continue;
            snprintf(message, TEXT, "element %lld is \"%.*s\", expected \"%.*s\"", (long long)i, (int)x.size, x.data,
                     (int)y.size, y.data);
            return false;
        }
        double x = hone_tensor_get_double(got, i), y = hone_tensor_get_double(want, i);
        if (got->dtype == HONE_DTYPE_COMPLEX64) {
            x = (double)((const float *)got->data)[i];
            y = (double)((const float *)want->data)[i];
        } else if (got->dtype == HONE_DTYPE_COMPLEX128) {
            x = ((const double *)got->data)[i];
            y = ((const double *)want->data)[i];
        }
        if ((isnan(x) && isnan(y)) || x == y || fabs(x - y) <= 1e-7 + 1e-3 * fabs(y))
            continue;
        snprintf(message, TEXT, "element %lld is %.9g, expected %.9g", (long long)i, x, y);
        return false;
    }
    return true;
}

static bool values_match(const hone_tensor *got, const hone_tensor *want, char *message) {
    if (got->kind != want->kind) {
        snprintf(message, TEXT, "is of kind %d, expected %d", (int)got->kind, (int)want->kind);
        return false;
    }
    if (got->kind == HONE_KIND_TENSOR)
        return tensors_match(got, want, message);
    if (got->n_items != want->n_items) {
        snprintf(message, TEXT, "has %zu items, expected %zu", got->n_items, want->n_items);
        return false;
    }
    for (size_t i = 0; i < got->n_items; i++)
        if (!values_match(got->items[i], want->items[i], message))
            return false;
    return true;
}

/* What was inferred must not contradict what came out. */
static bool type_agrees(const hone__type *type, const hone_tensor *got, char *message) {
    char a[200], b[200];
    bool agrees = !type->is_known || type->kind == got->kind;
    if (agrees && type->is_known && type->kind == HONE_KIND_TENSOR) {
        agrees = type->dtype == got->dtype && (type->rank < 0 || type->rank == got->rank);
        for (int i = 0; agrees && i < type->rank; i++)
            agrees = type->dims[i].value < 0 || type->dims[i].value == got->dims[i];
    }
    if (!agrees)
        snprintf(message, TEXT, "was inferred as %s, but is %s", hone__type_describe(type, a, sizeof a),
                 hone__tensor_describe(got, b, sizeof b));
    return agrees;
}

/* ---- one case ---- */

/* The project's data files hold bfloat16 as the uint16 that numpy has for it. */
static void restore_bfloat16(hone_tensor *tensor, hone_dtype expected) {
    if (tensor && tensor->kind == HONE_KIND_TENSOR && tensor->dtype == HONE_DTYPE_UINT16 &&
        expected == HONE_DTYPE_BFLOAT16)
        tensor->dtype = HONE_DTYPE_BFLOAT16;
}

/* Lists operators without a row or an evaluator. */
static void list_unsupported(const hone__graph *graph, char *message) {
    size_t n = strlen(message);
    HONE_FOR_NODES(node, graph) {
        if ((!node->op || !node->op->eval) && n + 80 < TEXT && !strstr(message, node->op_type))
            n += (size_t)snprintf(message + n, TEXT - n, "%s%s%s-%lld", n ? " " : "", node->domain, node->op_type,
                                  (long long)node->opset);
        for (size_t i = 0; i < node->n_attrs; i++) {
            const hone__attr *attr = &node->attrs[i];
            if (attr->type == HONE_ATTR_GRAPH)
                list_unsupported(attr->g, message);
        }
    }
}

static verdict compare_outputs(const hone__graph *graph, hone_tensor *const *out, const char *data, char *message) {
    for (size_t i = 0; i < graph->n_outputs; i++) {
        char path[1300], detail[TEXT];
        hone_tensor *want;
        hone_error error;
        snprintf(path, sizeof path, "%.1200s/output_%zu.pb", data, i);
        const char *name = graph->outputs[i]->name;
        if (!type_agrees(&graph->outputs[i]->type, out[i], detail)) {
            snprintf(message, TEXT, "output %.60s %.700s", name, detail);
            return FAILED;
        }
        if (access(path, R_OK) != 0)
            continue;
        if (hone_tensor_load(path, out[i]->kind, NULL, 0, &want, &error) != HONE_OK) {
            snprintf(message, TEXT, "%.700s", error.message);
            return FAILED;
        }
        restore_bfloat16(want, out[i]->dtype);
        bool same = values_match(out[i], want, detail);
        hone_tensor_destroy(want);
        if (!same) {
            snprintf(message, TEXT, "output %.60s %.700s", name, detail);
            return FAILED;
        }
    }
    return PASSED;
}

static verdict run_data(const hone__graph *graph, const char *data, char *message) {
    hone_tensor *in[MAX_VALUES] = {0}, *out[MAX_VALUES] = {0};
    hone_error error;
    hone_error_clear(&error);
    verdict result = FAILED;
    for (size_t i = 0; i < graph->n_inputs; i++) {
        char path[1300];
        snprintf(path, sizeof path, "%.1200s/input_%zu.pb", data, i);
        if (hone_tensor_load(path, graph->inputs[i]->type.kind, NULL, 0, &in[i], &error) != HONE_OK)
            goto done;
        restore_bfloat16(in[i], graph->inputs[i]->type.dtype);
    }
    if (hone__graph_run(graph, (const hone_tensor *const *)in, graph->n_inputs, out, graph->n_outputs, NULL, NULL,
                        &error) == HONE_OK)
        result = compare_outputs(graph, out, data, message);
done:
    if (error.status != HONE_OK && result == FAILED && !*message)
        snprintf(message, TEXT, "%.700s (%.100s)", error.message, error.node);
    for (size_t i = 0; i < MAX_VALUES; i++) {
        hone_tensor_destroy(in[i]);
        hone_tensor_destroy(out[i]);
    }
    return result;
}

/* Inference starts from the inputs alone. */
static void forget_types(hone__graph *graph) {
    for (size_t i = 0; i < hone__graph_value_count(graph); i++) {
        hone__value *value = hone__graph_value_at(graph, i);
        if (!value->producer)
            continue;
        value->type = (hone__type){.rank = -1};
        value->sym = NULL;
        value->n_sym = 0;
    }
}

static verdict run_sets(const hone__graph *graph, const char *dir, char *message) {
    verdict result = PASSED;
    for (int set = 0; result == PASSED; set++) {
        char path[1200];
        snprintf(path, sizeof path, "%.1000s/test_data_set_%d", dir, set);
        if (access(path, R_OK) != 0)
            break;
        result = run_data(graph, path, message);
    }
    return result;
}

/* The passes of every level, for every target, change nothing in the outputs. */
static verdict run_optimized(const hone_model *model, const char *dir, char *message) {
    static const struct {
        const char *name;
        hone__opt_level level;
        hone__op_target target;
    } runs[] = {{"BASIC", HONE_OPT_BASIC, HONE_TARGET_HONE},
                {"EXTENDED", HONE_OPT_EXTENDED, HONE_TARGET_HONE},
                {"ALL", HONE_OPT_ALL, HONE_TARGET_HONE},
                {"ALL in standard operators", HONE_OPT_ALL, HONE_TARGET_ONNX},
                {"ALL for ONNX Runtime", HONE_OPT_ALL, HONE_TARGET_ONNXRUNTIME}};
    verdict result = PASSED;
    for (size_t i = 0; i < sizeof runs / sizeof *runs && result == PASSED; i++) {
        hone__graph *graph = NULL;
        hone_error error;
        char detail[TEXT] = "";
        hone__pass_options options = {.level = runs[i].level, .target = runs[i].target};
        hone_error_clear(&error);
        result = FAILED;
        if (hone__model_clone_graph(model, &graph, &error) == HONE_OK && hone__graph_infer(graph, &error) == HONE_OK &&
            hone__passes_run_with(graph, &options, &error) == HONE_OK && hone__graph_verify(graph, &error) == HONE_OK &&
            hone__graph_infer(graph, &error) == HONE_OK)
            result = run_sets(graph, dir, detail);
        if (result == FAILED)
            snprintf(message, TEXT, "level %s: %.600s", runs[i].name, *detail ? detail : error.message);
        hone__graph_destroy(graph);
    }
    return result;
}

static verdict run_case(const char *dir, char *message) {
    char path[1200];
    hone_model *model = NULL;
    hone__graph *graph = NULL;
    hone_error error;
    verdict result = FAILED;
    snprintf(path, sizeof path, "%s/model.onnx", dir);
    hone_error_clear(&error);
    if (hone_model_open(path, &model, &error) != HONE_OK || hone__model_clone_graph(model, &graph, &error) != HONE_OK)
        goto done;
    list_unsupported(graph, message);
    if (*message) {
        result = UNSUPPORTED;
        goto done;
    }
    if (graph->n_inputs > MAX_VALUES || graph->n_outputs > MAX_VALUES)
        goto done;
    forget_types(graph);
    HONE_FOR_NODES(node, graph)
    if (hone__op_check_node(node, &error) != HONE_OK)
        goto done;
    if (hone__graph_verify(graph, &error) != HONE_OK || hone__graph_infer(graph, &error) != HONE_OK)
        goto done;
    result = run_sets(graph, dir, message);
    if (result == PASSED)
        result = run_optimized(model, dir, message);
done:
    if (result == FAILED && !*message)
        snprintf(message, TEXT, "%.700s (%.100s)", error.message, error.node);
    hone__graph_destroy(graph);
    hone_model_close(model);
    return result;
}

/* ---- groups ---- */

typedef struct cases {
    char **names; /* of folders, sorted */
    size_t n, capacity;
} cases;

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool list_cases(const char *group, const char *filter, cases *out) {
    DIR *dir = opendir(group);
    if (!dir)
        return false;
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.' && strstr(e->d_name, filter) &&
            hone__grow((void **)&out->names, &out->capacity, out->n + 1, sizeof *out->names))
            out->names[out->n++] = hone__strdup(e->d_name);
    closedir(dir);
    qsort(out->names, out->n, sizeof *out->names, compare_names);
    return true;
}

/* A child runs cases from `first` on and reports one line each; it ends early when one kills it. */
static size_t run_batch(const char *group, const cases *list, size_t first, verdict *verdicts, char (*messages)[TEXT]) {
    int pipe_ends[2];
    fflush(stdout);
    if (pipe(pipe_ends) != 0)
        return list->n;
    pid_t child = fork();
    if (child == 0) {
        close(pipe_ends[0]);
        for (size_t i = first; i < list->n; i++) {
            char path[1000], message[TEXT] = "";
            snprintf(path, sizeof path, "%s/%s", group, list->names[i]);
            alarm(getenv("MESON_EXE_WRAPPER") ? SECONDS_EMULATED : SECONDS_PER_CASE);
            int32_t record = (int32_t)run_case(path, message);
            if (write(pipe_ends[1], &record, sizeof record) != (ssize_t)sizeof record ||
                write(pipe_ends[1], message, TEXT) != TEXT)
                _exit(3);
        }
        _exit(0);
    }
    close(pipe_ends[1]);
    FILE *in = fdopen(pipe_ends[0], "rb");
    size_t i = first;
    for (int32_t record; in && i < list->n && fread(&record, sizeof record, 1, in) == 1; i++) {
        verdicts[i] = (verdict)record;
        if (fread(messages[i], TEXT, 1, in) != 1)
            break;
    }
    if (in)
        fclose(in);
    int status = 0;
    waitpid(child, &status, 0);
    if (i < list->n) {
        verdicts[i] = FAILED;
        snprintf(messages[i], TEXT, WIFSIGNALED(status) ? "killed by signal %d" : "the process ended with %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        i++;
    }
    return i;
}

/* The reason why a case is let off, or NULL. Lines are "case: reason". */
static const char *excuse(const char *exceptions, const char *name, char *reason) {
    FILE *file = exceptions ? fopen(exceptions, "r") : NULL;
    char line[1000];
    const char *found = NULL;
    size_t n = strlen(name);
    while (file && !found && fgets(line, sizeof line, file))
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            line[strcspn(line, "\n")] = '\0';
            snprintf(reason, TEXT, "%.800s", line + n + 1);
            found = reason;
        }
    if (file)
        fclose(file);
    return found;
}

static bool run_group(const char *root, const char *group, const char *filter, bool verbose, size_t *n_run,
                      hone__strbuf *missing) {
    char path[900];
    snprintf(path, sizeof path, "%s/%s", root, group);
    cases list = {0};
    if (!list_cases(path, filter, &list))
        return true;
    verdict *verdicts = calloc(list.n + 1, sizeof *verdicts);
    char(*messages)[TEXT] = calloc(list.n + 1, TEXT);
    size_t count[4] = {0};
    for (size_t i = 0; verdicts && messages && i < list.n;)
        i = run_batch(path, &list, i, verdicts, messages);
    for (size_t i = 0; i < list.n; i++) {
        char reason[TEXT];
        /* Only values may be open, never types or shapes. */
        if (verdicts[i] == FAILED && strstr(messages[i], " element ") &&
            excuse(getenv("HONE_ONNX_EXCEPTIONS"), list.names[i], reason)) {
            verdicts[i] = EXCUSED;
            printf("excused %s/%s:%s\n", group, list.names[i], reason);
        }
        count[verdicts[i]]++;
        if (verdicts[i] == FAILED)
            printf("FAILED %s/%s: %s\n", group, list.names[i], messages[i]);
        else if (verbose)
            printf("%s %s/%s %s\n", verdicts[i] == PASSED ? "passed" : "unsupported", group, list.names[i],
                   messages[i]);
        if (verdicts[i] == UNSUPPORTED && !strstr(hone__strbuf_text(missing), messages[i]))
            hone__strbuf_printf(missing, " %s", messages[i]);
        hone__free(list.names[i]);
    }
    printf("%s %-18s %5zu cases: %5zu passed, %3zu failed, %3zu not supported, %2zu excused\n", root, group, list.n,
           count[PASSED], count[FAILED], count[UNSUPPORTED], count[EXCUSED]);
    *n_run += list.n;
    hone__free(list.names);
    free(verdicts);
    free(messages);
    return count[FAILED] == 0;
}

int main(int argc, char **argv) {
    static const char *const groups[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    bool verbose = false, ok = true;
    const char *filter = "", *shared = getenv("HONE_SHARED");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            verbose = true;
        else
            filter = argv[i];
    }
    char ours[800];
    snprintf(ours, sizeof ours, "%s/onnx-testdata", shared ? shared : ".");
    const char *roots[] = {ours, "/usr/share/libonnx-testdata/data", getenv("HONE_ONNX_DATA")};
    size_t n_run = 0;
    hone__strbuf missing;
    hone__strbuf_init(&missing);
    for (size_t r = 0; r < sizeof roots / sizeof *roots && roots[r]; r++)
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
            ok = run_group(roots[r], groups[g], filter, verbose, &n_run, &missing) && ok;
    if (missing.size)
        printf("not supported:%s\n", hone__strbuf_text(&missing));
    hone__strbuf_deinit(&missing);
    if (n_run == 0) {
        printf("SKIP: no ONNX test data (set HONE_SHARED, or install libonnx-testdata)\n");
        return EXIT_SKIP;
    }
    return ok ? 0 : 1;
}
