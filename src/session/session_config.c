/* From option keys to a backend's configuration. */
#include "base/alloc.h"
#include "base/error.h"
#include "hw/hw.h"
#include "session/session_internal.h"

#include <stdlib.h>
#include <string.h>

static const hone__backend *const g_backends[] = {&hone__backend_cpu, &hone__backend_onnxruntime};

bool hone_backend_is_built(const char *name) {
    for (size_t i = 0; i < sizeof g_backends / sizeof *g_backends; i++)
        if (strcmp(g_backends[i]->name, name) == 0)
            return g_backends[i]->run != NULL;
    return false;
}

static bool is(const hone_options *options, const char *key, const char *value) {
    return strcmp(hone_options_get(options, key), value) == 0;
}

static hone_status find_backend(const hone_options *options, const hone__backend **out, hone_error *error) {
    const char *name = hone_options_get(options, "backend");
    for (size_t i = 0; i < sizeof g_backends / sizeof *g_backends; i++)
        if (strcmp(g_backends[i]->name, name) == 0) {
            *out = g_backends[i];
            return HONE_OK;
        }
    hone__fail(error, HONE_ERROR_UNAVAILABLE, "backend \"%s\" is not part of this version", name);
    hone__error_hint(error, "use backend cpu or onnxruntime");
    return HONE_ERROR_UNAVAILABLE;
}

/* What the CPU backend cannot honour is refused, never ignored. */
static hone_status check_honoured(const hone_options *options, hone_error *error) {
    if (!is(options, "precision", "fp32")) {
        hone__fail(error, HONE_ERROR_UNAVAILABLE, "precision %s is not part of this version of the cpu backend",
                   hone_options_get(options, "precision"));
        hone__error_hint(error, "use precision fp32");
        return HONE_ERROR_UNAVAILABLE;
    }
    return HONE_OK;
}

static int level_of(const hone_options *options) {
    static const char *const names[] = {"ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"};
    for (int i = 0; i < 4; i++)
        if (is(options, "graph_optimization_level", names[i]))
            return i;
    return 3;
}

static int threads_of(const hone_options *options, const char *key, int fallback) {
    int n = atoi(hone_options_get(options, key));
    return n > 0 ? n : fallback;
}

/* What a backend that runs the model by itself gets beyond the resolved keys. */
static hone_status pass_through(const hone_options *options, hone__exec_config *config, hone_error *error) {
    size_t n = hone_options_set_count(options);
    hone__exec_setting *settings = hone__calloc(n + 1, sizeof *settings);
    if (!settings)
        return hone__fail_memory(error, "settings");
    for (size_t i = 0; i < n; i++) {
        settings[i].key = hone_options_get_set(options, i);
        settings[i].value = hone_options_get(options, settings[i].key);
    }
    config->settings = settings;
    config->n_settings = n;
    config->libraries =
        (const char *const *)hone__hw_onnxruntime_files(hone_options_get(options, "onnxruntime_library"));
    return config->libraries ? HONE_OK : hone__fail_memory(error, "file names");
}

void hone__session_unconfigure(hone__exec_config *config) {
    hone__free((void *)(uintptr_t)config->settings);
    hone__hw_free_files((char **)(uintptr_t)config->libraries);
    config->settings = NULL;
    config->n_settings = 0;
    config->libraries = NULL;
}

hone_status hone__session_configure(const hone_options *options, const hone__backend **backend,
                                    hone__exec_config *config, hone_error *error) {
    memset(config, 0, sizeof *config);
    HONE_TRY(find_backend(options, backend, error));
    if ((*backend)->runs_model)
        HONE_TRY(pass_through(options, config, error));
    else
        HONE_TRY(check_honoured(options, error));
    config->n_intra_threads = threads_of(options, "intra_op_num_threads", hone__hw_default_threads());
    config->n_inter_threads = threads_of(options, "inter_op_num_threads", config->n_intra_threads);
    config->is_parallel = is(options, "execution_mode", "ORT_PARALLEL");
    config->use_arena = is(options, "enable_cpu_mem_arena", "true");
    config->use_mem_pattern = is(options, "enable_mem_pattern", "true");
    config->use_mem_reuse = is(options, "enable_mem_reuse", "true");
    config->grow_pow2 = is(options, "arena_extend_strategy", "kNextPowerOfTwo");
    config->conv_search = is(options, "cudnn_conv_algo_search", "DEFAULT")     ? 0
                          : is(options, "cudnn_conv_algo_search", "HEURISTIC") ? 1
                                                                               : 2;
    config->conv_max_workspace = is(options, "cudnn_conv_use_max_workspace", "true");
    config->tunable_enable = is(options, "tunable_op_enable", "true");
    config->tunable_tuning = is(options, "tunable_op_tuning_enable", "true");
    config->store = hone_options_get_store(options);
    const char *limit = hone_options_get(options, "cpu_mem_limit_gb");
    double gb = *limit ? strtod(limit, NULL) : -1;
    config->mem_limit = gb >= 0 && gb * 1e9 < (double)(SIZE_MAX / 2) ? (size_t)(gb * 1e9) : SIZE_MAX;
    config->opt_level = level_of(options);
    return HONE_OK;
}
