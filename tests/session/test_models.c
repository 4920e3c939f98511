/* Real models against their test data: every "core" model of the shared folder, under each optimisation level,
 * thread count, ISA mask, memory mode and convolution search; every "full" one under the first few of those.
 * Models without test data are loaded and listed. SKIP without the folder.
 *
 * usage: test_models [NAME]      (one model only) */
#include "hw/hw.h"
#include "support/model_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_MODELS = 64 };

/* Settings under which a model must give the same answers; first letters name them in messages. */
static const struct variant {
    const char *name;
    uint32_t isa;
    const char *settings[6]; /* key, value, ..., NULL */
} g_variants[] = {
    {"defaults", UINT32_MAX, {NULL}},
    {"no optimisation, one thread",
     UINT32_MAX,
     {"graph_optimization_level", "ORT_DISABLE_ALL", "intra_op_num_threads", "1", NULL}},
    {"basic", UINT32_MAX, {"graph_optimization_level", "ORT_ENABLE_BASIC", NULL}},
    {"parallel", UINT32_MAX, {"execution_mode", "ORT_PARALLEL", "inter_op_num_threads", "3", NULL}},
    {"no pattern", UINT32_MAX, {"enable_mem_pattern", "false", NULL}},
    {"no arena, parallel", UINT32_MAX, {"enable_cpu_mem_arena", "false", "execution_mode", "ORT_PARALLEL", NULL}},
    {"no reuse", UINT32_MAX, {"enable_mem_reuse", "false", NULL}},
    {"default search",
     UINT32_MAX,
     {"cudnn_conv_algo_search", "DEFAULT", "cudnn_conv_use_max_workspace", "false", NULL}},
    {"avx2", HONE_ISA_AVX2, {NULL}},
    {"plain C", 0, {NULL}},
};

/* Variants that the models of the full set run under. */
enum { N_FULL_VARIANTS = 3 };

typedef struct listed {
    char name[64];
    bool is_core;
} listed;

/* Rows of the folder's README: | name | set | ... */
static int read_models(const char *shared, listed models[MAX_MODELS]) {
    char path[1024], line[1024];
    snprintf(path, sizeof path, "%s/models/README.md", shared);
    FILE *file = fopen(path, "r");
    int n = 0;
    while (file && n < MAX_MODELS && fgets(line, sizeof line, file)) {
        char name[64], set[16];
        bool is_core, is_listed = sscanf(line, "| %63s | %15s |", name, set) == 2;
        is_core = is_listed && strcmp(set, "core") == 0;
        if (is_core || (is_listed && strcmp(set, "full") == 0)) {
            memcpy(models[n].name, name, sizeof name);
            models[n++].is_core = is_core;
        }
    }
    if (file)
        fclose(file);
    return n;
}

static bool run_variant(const char *shared, const char *name, const struct variant *variant) {
    char model[1024], data[1024], message[512] = "";
    hone_options *options;
    hone_error error;
    snprintf(model, sizeof model, "%s/models/%s/model.onnx", shared, name);
    snprintf(data, sizeof data, "%s/models/%s/test_data_set_0", shared, name);
    if (hone_options_create(&options, &error) != HONE_OK)
        return false;
    bool ok = true;
    for (size_t i = 0; variant->settings[i] && ok; i += 2)
        ok = hone_options_set(options, variant->settings[i], variant->settings[i + 1], &error) == HONE_OK;
    hone__hw_set_isa_mask(variant->isa);
    ok = ok && run_case(model, data, options, message, sizeof message);
    hone__hw_set_isa_mask(UINT32_MAX);
    hone_options_destroy(options);
    if (!ok)
        printf("FAIL %s (%s): %s\n", name, variant->name, message);
    return ok;
}

/* A model without test data must load, with every operator known. */
static bool load_only(const char *shared, const char *name) {
    char model[1024];
    hone_error error;
    hone_session *session;
    snprintf(model, sizeof model, "%s/models/%s/model.onnx", shared, name);
    if (hone_session_create_from_file(model, NULL, &session, &error) != HONE_OK) {
        printf("FAIL %s (loading): %s\n", name, error.message);
        return false;
    }
    printf("%s: loaded; it has no test data\n", name);
    hone_session_destroy(session);
    return true;
}

static bool has_data(const char *shared, const char *name) {
    char data[1024];
    snprintf(data, sizeof data, "%s/models/%s/test_data_set_0", shared, name);
    return access(data, R_OK) == 0;
}

int main(int argc, char **argv) {
    const char *shared = shared_folder();
    if (!shared) {
        printf("SKIP: no folder of real models beside the checkout\n");
        return 77;
    }
    static listed models[MAX_MODELS];
    int n = read_models(shared, models), failed = 0, passed = 0;
    for (int i = 0; i < n; i++) {
        const char *name = models[i].name;
        if (argc > 1 && strcmp(argv[1], name) != 0)
            continue;
        size_t n_variants = models[i].is_core ? sizeof g_variants / sizeof *g_variants : N_FULL_VARIANTS;
        if (!has_data(shared, name))
            *(load_only(shared, name) ? &passed : &failed) += 1;
        for (size_t v = 0; has_data(shared, name) && v < n_variants; v++)
            *(run_variant(shared, name, &g_variants[v]) ? &passed : &failed) += 1;
        fflush(stdout);
    }
    printf("models: %d runs passed, %d failed\n", passed, failed);
    return failed || passed == 0;
}
