/* The spaces of settings: the grids, the quick one, and the default that graph and machine inform.
 * What the file says about the graph: without Conv there is no convolution search; without branches
 * no parallel mode; on one core no thread counts. */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/error.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *hone__settings_get(const hone__settings *settings, const char *key) {
    for (size_t i = 0; i < settings->n; i++)
        if (!strcmp(settings->items[i].key, key))
            return settings->items[i].value;
    return NULL;
}

hone_status hone__space_add(hone__plan *plan, hone__arena *arena, const char *name, const hone__setting *settings,
                            size_t n, hone_error *error) {
    if (plan->n == plan->capacity) {
        size_t capacity = plan->capacity ? plan->capacity * 2 : 32;
        hone__trial *grown = hone__arena_calloc(arena, capacity, sizeof *grown);
        if (!grown)
            return hone__fail_memory(error, "search space");
        if (plan->n)
            memcpy(grown, plan->trials, plan->n * sizeof *grown);
        plan->trials = grown;
        plan->capacity = capacity;
    }
    hone__trial *trial = &plan->trials[plan->n];
    memset(trial, 0, sizeof *trial);
    trial->name = hone__arena_strdup(arena, name);
    trial->settings.items = hone__arena_calloc(arena, n ? n : 1, sizeof(hone__setting));
    if (!trial->name || !trial->settings.items)
        return hone__fail_memory(error, "search space");
    for (size_t i = 0; i < n; i++) {
        trial->settings.items[i].key = hone__arena_strdup(arena, settings[i].key);
        trial->settings.items[i].value = hone__arena_strdup(arena, settings[i].value);
        if (!trial->settings.items[i].key || !trial->settings.items[i].value)
            return hone__fail_memory(error, "search space");
    }
    trial->settings.n = n;
    trial->reason = trial->note = trial->other_names = "";
    plan->n++;
    return HONE_OK;
}

/* Memory limits. The cap that has a meaning differs by backend: the device arena's, or its twin. */
static const char *limit_key(const hone__tune_facts *facts) {
    const char *backend = hone__settings_get(&facts->fixed, "backend");
    return backend && strcmp(backend, "cpu") != 0 ? "gpu_mem_limit_gb" : "cpu_mem_limit_gb";
}

static void limit_text(double gb, char *out, size_t size) {
    snprintf(out, size, "%.2f", gb);
    size_t n = strlen(out);
    while (n && out[n - 1] == '0')
        out[--n] = 0;
    if (n && out[n - 1] == '.')
        out[n - 1] = 0;
}

static void grid_limits(const hone__tune_facts *facts, double fourth_gb, char text[4][24]) {
    const double wanted[4] = {4, 8, 16, fourth_gb}, percent[4] = {17, 33, 67, 88};
    for (int i = 0; i < 4; i++) {
        bool is_above = facts->memory_gb > 0 && wanted[i] > facts->memory_gb;
        limit_text(is_above ? facts->memory_gb * percent[i] / 100 : wanted[i], text[i], 24);
    }
}

typedef struct base_setting {
    const char *name, *search, *default_stream, *max_workspace, *tunable;
} base_setting;

static const base_setting g_bases[3] = {
    {"HEURISTIC_OPTIMIZED", "HEURISTIC", "false", "true", "true"},
    {"EXHAUSTIVE_BASELINE", "EXHAUSTIVE", "false", "true", "false"},
    {"DEFAULT_CONSERVATIVE", "DEFAULT", "true", "false", "false"},
};

static hone_status add_base(const base_setting *base, const char *limit, const char *suffix, const char *mode,
                            const char *arena_on, const hone__tune_facts *facts, hone__arena *arena, hone__plan *plan,
                            hone_error *error) {
    char name[80];
    snprintf(name, sizeof name, "%s%s%s%s", base->name, suffix[0] == '_' ? "" : " ", suffix,
             suffix[0] == '_' ? "" : "GB");
    const hone__setting s[] = {{"cudnn_conv_algo_search", base->search},
                               {limit_key(facts), limit},
                               {"do_copy_in_default_stream", base->default_stream},
                               {"cudnn_conv_use_max_workspace", base->max_workspace},
                               {"tunable_op_enable", base->tunable},
                               {"tunable_op_tuning_enable", base->tunable},
                               {"execution_mode", mode},
                               {"enable_cpu_mem_arena", arena_on}};
    return hone__space_add(plan, arena, name, s, arena_on ? 8 : 7, error);
}

static hone_status build_grid_14(const hone__tune_facts *facts, hone__arena *arena, hone__plan *plan,
                                 hone_error *error) {
    char limits[4][24];
    grid_limits(facts, 21, limits);
    for (size_t b = 0; b < 3; b++)
        for (size_t i = 0; i < 4; i++)
            HONE_TRY(add_base(&g_bases[b], limits[i], limits[i], "ORT_SEQUENTIAL", NULL, facts, arena, plan, error));
    HONE_TRY(add_base(&g_bases[0], limits[3], "_PARALLEL", "ORT_PARALLEL", "false", facts, arena, plan, error));
    const base_setting small = {"HEURISTIC", "HEURISTIC", "true", "false", "true"};
    return add_base(&small, limits[0], "_SMALL_MEMORY", "ORT_SEQUENTIAL", NULL, facts, arena, plan, error);
}

static hone_status build_grid_48(const hone__tune_facts *facts, hone__arena *arena, hone__plan *plan,
                                 hone_error *error) {
    static const char *const searches[] = {"HEURISTIC", "EXHAUSTIVE", "DEFAULT"}, *const bools[] = {"true", "false"};
    char limits[4][24], name[160];
    grid_limits(facts, floor(facts->memory_free_gb * 0.9 * 100) / 100, limits);
    for (size_t s = 0; s < 3; s++)
        for (size_t m = 0; m < 4; m++)
            for (size_t c = 0; c < 2; c++)
                for (size_t w = 0; w < 2; w++) {
                    snprintf(name, sizeof name, "%s %sGB %s-stream %s-workspace", searches[s], limits[m],
                             c ? "copy" : "default", w ? "small" : "max");
                    const hone__setting settings[] = {{"cudnn_conv_algo_search", searches[s]},
                                                      {limit_key(facts), limits[m]},
                                                      {"do_copy_in_default_stream", bools[c]},
                                                      {"cudnn_conv_use_max_workspace", bools[w]}};
                    HONE_TRY(hone__space_add(plan, arena, name, settings, 4, error));
                }
    return HONE_OK;
}

/* Adds a combination named after what it says. */
static hone_status add(hone__plan *plan, hone__arena *arena, const hone__setting *settings, size_t n,
                       hone_error *error) {
    hone__strbuf name;
    hone__strbuf_init(&name);
    for (size_t i = 0; i < n; i++) {
        const char *key = settings[i].key, *value = settings[i].value;
        const char *separator = i ? " + " : "";
        if (!strcmp(key, "intra_op_num_threads"))
            hone__strbuf_printf(&name, "%s%s thread%s", separator, value, strcmp(value, "1") ? "s" : "");
        else if (!strcmp(key, "tunable_op_tuning_enable"))
            continue; /* goes with tunable_op_enable */
        else if (!strcmp(key, "cudnn_conv_algo_search"))
            hone__strbuf_printf(&name, "%s%s search", separator, value);
        else if (!strcmp(key, "tunable_op_enable"))
            hone__strbuf_printf(&name, "%stuned operators", separator);
        else if (!strcmp(key, "cudnn_conv_use_max_workspace"))
            hone__strbuf_printf(&name, "%s%s", separator, !strcmp(value, "true") ? "max workspace" : "small workspace");
        else if (!strcmp(value, "true") || !strcmp(value, "false"))
            hone__strbuf_printf(&name, "%s%s %s", separator, !strncmp(key, "enable_", 7) ? key + 7 : key,
                                !strcmp(value, "true") ? "on" : "off");
        else
            hone__strbuf_printf(&name, "%s%s", separator, value);
    }
    hone_status status = name.failed ? hone__fail_memory(error, "search space")
                                     : hone__space_add(plan, arena, hone__strbuf_text(&name), settings, n, error);
    hone__strbuf_deinit(&name);
    return status;
}

#define ADD(...)                                                                                                       \
    do {                                                                                                               \
        const hone__setting add_[] = {__VA_ARGS__};                                                                    \
        HONE_TRY(add(plan, arena, add_, sizeof add_ / sizeof add_[0], error));                                         \
    } while (0)

#define SEARCH(v)                                                                                                      \
    { "cudnn_conv_algo_search", v }
#define WORKSPACE(v)                                                                                                   \
    { "cudnn_conv_use_max_workspace", v }
#define TUNABLE                                                                                                        \
    {"tunable_op_enable", "true"}, { "tunable_op_tuning_enable", "true" }
#define PARALLEL                                                                                                       \
    { "execution_mode", "ORT_PARALLEL" }
#define THREADS(v)                                                                                                     \
    { "intra_op_num_threads", v }
#define OFF(key)                                                                                                       \
    { key, "false" }

#define ONNXRUNTIME                                                                                                    \
    { "backend", "onnxruntime" }
#define PROVIDERS(v)                                                                                                   \
    { "providers", v }

/* ONNX Runtime as a competitor: with its defaults, which on a GPU means all its providers; with the providers one by
 * one there; and with the keys that matter to it on a CPU. */
static hone_status add_onnxruntime(const hone__tune_facts *facts, bool is_quick, hone__arena *arena, hone__plan *plan,
                                   hone_error *error) {
    const char *backend = hone__settings_get(&facts->fixed, "backend");
    if (!facts->has_onnxruntime || (backend && strcmp(backend, "onnxruntime") != 0 && strcmp(backend, "cpu") != 0))
        return HONE_OK;
    ADD(ONNXRUNTIME);
    if (is_quick)
        return HONE_OK;
    if (facts->has_gpu) {
        ADD(ONNXRUNTIME, PROVIDERS("CPUExecutionProvider"));
        ADD(ONNXRUNTIME, PROVIDERS("CUDAExecutionProvider,CPUExecutionProvider"));
        ADD(ONNXRUNTIME, PROVIDERS("TensorrtExecutionProvider,CUDAExecutionProvider,CPUExecutionProvider"));
        if (facts->has_conv) {
            ADD(ONNXRUNTIME, PROVIDERS("CUDAExecutionProvider,CPUExecutionProvider"), SEARCH("EXHAUSTIVE"));
            ADD(ONNXRUNTIME, PROVIDERS("CUDAExecutionProvider,CPUExecutionProvider"), SEARCH("DEFAULT"));
        }
    }
    if (facts->n_threads > 1 && facts->width >= 2)
        ADD(ONNXRUNTIME, PARALLEL);
    ADD(ONNXRUNTIME, {"graph_optimization_level", "ORT_ENABLE_EXTENDED"});
    ADD(ONNXRUNTIME, OFF("enable_cpu_mem_arena"));
    return HONE_OK;
}

static bool can_parallel(const hone__tune_facts *f) { return f->n_threads > 1 && f->width >= 2; }

/* At most six, the likeliest first. */
static hone_status build_quick(const hone__tune_facts *facts, hone__arena *arena, hone__plan *plan, hone_error *error) {
    char half[16];
    snprintf(half, sizeof half, "%d", facts->n_threads / 2);
    if (facts->has_conv) {
        ADD(SEARCH("EXHAUSTIVE"));
        ADD(SEARCH("DEFAULT"));
    }
    HONE_TRY(add_onnxruntime(facts, true, arena, plan, error));
    if (facts->has_conv || facts->has_matmul)
        ADD(TUNABLE);
    if (facts->n_threads > 1)
        ADD(THREADS(half));
    if (can_parallel(facts) && plan->n < 6)
        ADD(PARALLEL);
    if (plan->n < 6)
        ADD(OFF("enable_cpu_mem_arena"));
    if (plan->n < 6)
        ADD(OFF("enable_mem_pattern"));
    if (plan->n < 6)
        ADD({"graph_optimization_level", "ORT_ENABLE_EXTENDED"});
    return HONE_OK;
}

/* Thread counts worth a trial: one, half, and the physical cores when threads share them. */
static size_t thread_counts(const hone__tune_facts *f, int counts[4]) {
    size_t n = 0;
    const int wanted[] = {f->n_physical, f->n_threads / 2, 1};
    for (size_t i = 0; i < 3; i++) {
        bool is_new = wanted[i] >= 1 && wanted[i] < f->n_threads;
        for (size_t k = 0; k < n; k++)
            is_new = is_new && counts[k] != wanted[i];
        if (is_new)
            counts[n++] = wanted[i];
    }
    return n;
}

/* The strong keys (search x workspace x threads) in full; the weak ones one at a time. */
static hone_status build_default(const hone__tune_facts *facts, hone__arena *arena, hone__plan *plan,
                                 hone_error *error) {
    static const char *const searches[] = {"HEURISTIC", "EXHAUSTIVE", "DEFAULT"};
    int counts[4];
    size_t n_counts = thread_counts(facts, counts), n_searches = facts->has_conv ? 3 : 1;
    for (size_t t = 0; t <= n_counts; t++) {
        char threads[16];
        snprintf(threads, sizeof threads, "%d", t ? counts[t - 1] : 0);
        for (size_t s = 0; s < n_searches; s++) {
            if (t == 0 && s == 0)
                continue; /* the default */
            if (t == 0)
                ADD(SEARCH(searches[s]));
            else if (s == 0)
                ADD(THREADS(threads));
            else
                ADD(SEARCH(searches[s]), THREADS(threads));
        }
    }
    if (facts->has_conv) {
        ADD(WORKSPACE("false"));
        ADD(SEARCH("EXHAUSTIVE"), WORKSPACE("false"));
    }
    if (facts->has_conv || facts->has_matmul)
        ADD(TUNABLE);
    if (facts->has_conv)
        ADD(SEARCH("EXHAUSTIVE"), TUNABLE);
    if (can_parallel(facts)) {
        ADD(PARALLEL);
        if (facts->has_conv)
            ADD(SEARCH("EXHAUSTIVE"), PARALLEL);
    }
    ADD(OFF("enable_cpu_mem_arena"));
    ADD(OFF("enable_mem_pattern"));
    ADD(OFF("enable_mem_reuse"));
    ADD({"graph_optimization_level", "ORT_ENABLE_EXTENDED"});
    ADD({"graph_optimization_level", "ORT_ENABLE_BASIC"});
    HONE_TRY(add_onnxruntime(facts, false, arena, plan, error));
    if (facts->vary_precision) {
        ADD({"precision", "bf16"});
        ADD({"precision", "int8"});
    }
    return HONE_OK;
}

hone_status hone__space_build(hone_tune_space_kind kind, const char *path, const hone__tune_facts *facts,
                              hone__arena *arena, hone__plan *plan, hone_error *error) {
    switch (kind) {
    case HONE_TUNE_SPACE_GRID_14:
        return build_grid_14(facts, arena, plan, error);
    case HONE_TUNE_SPACE_GRID_48:
        return build_grid_48(facts, arena, plan, error);
    case HONE_TUNE_SPACE_QUICK:
        return build_quick(facts, arena, plan, error);
    case HONE_TUNE_SPACE_FILE:
        return hone__space_from_file(path, facts, arena, plan, error);
    case HONE_TUNE_SPACE_DEFAULT:
        break;
    }
    return build_default(facts, arena, plan, error);
}
