/* Every case of the ONNX project's backend tests through the optimiser: at every level and for every kind of operators
 * the outputs are those of the model as it stands, before the file is written and after it was read again. Prints a
 * count per group; `-v` names what could not be tried, an argument is a part of a case's name. */
#include "base/alloc.h"
#include "base/tensor.h"

#include <dirent.h>
#include <hone/hone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_VALUES = 64, MAX_SETS = 4 };

static const struct variant {
    const char *level;
    hone_operators operators;
    bool is_saved;
} g_variants[] = {
    {"ORT_DISABLE_ALL", HONE_OPERATORS_ONNX, true},      {"ORT_ENABLE_BASIC", HONE_OPERATORS_HONE, false},
    {"ORT_ENABLE_EXTENDED", HONE_OPERATORS_HONE, false}, {"ORT_ENABLE_ALL", HONE_OPERATORS_HONE, true},
    {"ORT_ENABLE_ALL", HONE_OPERATORS_ONNX, true},       {"ORT_ENABLE_ALL", HONE_OPERATORS_ONNXRUNTIME, true},
};

typedef struct tally {
    size_t n_cases, n_proved, n_left_out, n_failed;
    bool verbose;
    hone_options *options;
    char file[200];
} tally;

typedef struct input_set {
    hone_tensor *items[MAX_VALUES];
} input_set;

/* The project's data files hold bfloat16 as the uint16 that numpy has for it. */
static void restore_bfloat16(hone_tensor *tensor, hone_dtype expected) {
    if (tensor->kind == HONE_KIND_TENSOR && tensor->dtype == HONE_DTYPE_UINT16 && expected == HONE_DTYPE_BFLOAT16)
        tensor->dtype = HONE_DTYPE_BFLOAT16;
}

static bool read_set(const hone_model *model, const char *dir, int index, input_set *set) {
    char path[1400];
    hone_error error;
    memset(set, 0, sizeof *set);
    snprintf(path, sizeof path, "%s/test_data_set_%d", dir, index);
    if (access(path, R_OK) != 0)
        return false;
    for (size_t i = 0; i < hone_model_input_count(model); i++) {
        const hone_value_info *info = hone_model_get_input(model, i);
        snprintf(path, sizeof path, "%s/test_data_set_%d/input_%zu.pb", dir, index, i);
        if (hone_tensor_read_pb(path, (int)info->kind, NULL, 0, &set->items[i], &error) != HONE_OK)
            return false;
        restore_bfloat16(set->items[i], info->dtype);
    }
    return true;
}

static void release_set(input_set *set) {
    for (size_t i = 0; i < MAX_VALUES; i++)
        hone_tensor_destroy(set->items[i]);
}

static void report(tally *t, const char *name, const struct variant *v, const char *what) {
    static const char *const operators[] = {"onnx", "onnxruntime", "hone"};
    printf("FAILED %s at %s for %s: %s\n", name, v->level, operators[v->operators], what);
    t->n_failed++;
}

/* False: the model itself does not run, which is other tests' business. */
static bool prove(tally *t, hone_model *model, const char *name, const struct variant *v,
                  const hone_tensor *const *const *sets, size_t n_sets) {
    hone_optimize_options settings = {.level = v->level, .operators = v->operators};
    hone_optimization *optimization = NULL;
    hone_error error;
    hone_proof proof;
    char text[900];
    bool is_tried = true;
    hone_status status = HONE_OK;
    if (hone_optimize(model, &settings, &optimization, &error) != HONE_OK) {
        snprintf(text, sizeof text, "%.600s (%.150s)", error.message, error.node);
        report(t, name, v, text);
    } else if (v->is_saved &&
               (status = hone_optimization_save(optimization, t->file, &error)) == HONE_ERROR_UNSUPPORTED) {
        is_tried = false; /* functions at another opset than the model's */
        if (t->verbose)
            printf("left out %s: %s\n", name, error.message);
    } else if (status != HONE_OK) {
        snprintf(text, sizeof text, "saving: %.600s", error.message);
        report(t, name, v, text);
    } else if (hone_optimization_prove(optimization, sets, n_sets, NULL, t->options, v->is_saved ? t->file : NULL,
                                       &proof, &error) != HONE_OK) {
        is_tried = false;
        if (t->verbose)
            printf("left out %s: %s\n", name, error.message);
    } else if (!proof.is_equal) {
        snprintf(text, sizeof text, "%.100s %.250s; guilty: %s, %.150s", proof.output, proof.message, proof.pass,
                 proof.node);
        report(t, name, v, text);
    } else {
        t->n_proved++;
    }
    hone_optimization_destroy(optimization);
    return is_tried;
}

static void run_case(tally *t, const char *dir, const char *name) {
    char path[1300];
    hone_model *model;
    hone_error error;
    input_set sets[MAX_SETS];
    const hone_tensor *const *pointers[MAX_SETS];
    size_t n_sets = 0;
    t->n_cases++;
    snprintf(path, sizeof path, "%s/model.onnx", dir);
    if (hone_model_open(path, &model, &error) != HONE_OK) {
        t->n_left_out++;
        return;
    }
    bool fits = hone_model_unsupported_count(model) == 0 && hone_model_input_count(model) <= MAX_VALUES;
    for (int i = 0; fits && i < MAX_SETS; i++) {
        if (!read_set(model, dir, i, &sets[n_sets])) {
            release_set(&sets[n_sets]);
            break;
        }
        pointers[n_sets] = (const hone_tensor *const *)sets[n_sets].items;
        n_sets++;
    }
    bool is_tried = n_sets > 0;
    for (size_t v = 0; is_tried && v < sizeof g_variants / sizeof *g_variants; v++)
        is_tried = prove(t, model, name, &g_variants[v], pointers, n_sets);
    t->n_left_out += !is_tried;
    for (size_t i = 0; i < n_sets; i++)
        release_set(&sets[i]);
    hone_model_close(model);
}

static int compare_names(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void run_group(tally *t, const char *root, const char *group, const char *filter) {
    char path[1200];
    char **names = NULL;
    size_t n = 0, capacity = 0;
    tally before = *t;
    snprintf(path, sizeof path, "%s/%s", root, group);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.' && strstr(e->d_name, filter) &&
            hone__grow((void **)&names, &capacity, n + 1, sizeof *names))
            names[n++] = hone__strdup(e->d_name);
    closedir(dir);
    if (n)
        qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%.500s/%s/%.300s", root, group, names[i]);
        run_case(t, path, names[i]);
        hone__free(names[i]);
    }
    hone__free(names);
    printf("%s %-18s %5zu cases: %5zu optimisations proved, %3zu failed, %3zu cases left out\n", root, group,
           t->n_cases - before.n_cases, t->n_proved - before.n_proved, t->n_failed - before.n_failed,
           t->n_left_out - before.n_left_out);
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const char *const groups[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    const char *filter = "", *shared = getenv("HONE_SHARED");
    tally t = {0};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-v") == 0)
            t.verbose = true;
        else
            filter = argv[i];
    }
    hone_error error;
    if (hone_options_create(&t.options, &error) != HONE_OK ||
        hone_options_set(t.options, "intra_op_num_threads", "1", &error) != HONE_OK)
        return 1;
    snprintf(t.file, sizeof t.file, "%s/hone-optimize-cases-%ld.onnx",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    char ours[800];
    snprintf(ours, sizeof ours, "%s/onnx-testdata", shared ? shared : ".");
    const char *roots[] = {ours, "/usr/share/libonnx-testdata/data"};
    for (size_t r = 0; r < 2; r++)
        for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
            run_group(&t, roots[r], groups[g], filter);
    (void)unlink(t.file);
    hone_options_destroy(t.options);
    if (t.n_cases == 0) {
        printf("SKIP: neither the shared folder nor libonnx-testdata is here\n");
        return 77;
    }
    return t.n_failed != 0 || t.n_proved == 0;
}
