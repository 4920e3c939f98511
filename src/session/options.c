/* The table of option keys and the option sets; see hone/options.h. */
#include "base/alloc.h"
#include "base/error.h"

#include <ctype.h>
#include <hone/options.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const g_backends[] = {"cpu", "cuda", "onnxruntime", NULL};
static const char *const g_levels[] = {"ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL",
                                       NULL};
static const char *const g_modes[] = {"ORT_SEQUENTIAL", "ORT_PARALLEL", NULL};
static const char *const g_extend[] = {"kNextPowerOfTwo", "kSameAsRequested", NULL};
static const char *const g_search[] = {"DEFAULT", "HEURISTIC", "EXHAUSTIVE", NULL};
static const char *const g_precisions[] = {"fp32", "bf16", "fp16", "int8", "int4", NULL};

#define SAME HONE_EFFECT_SAME
#define NONE HONE_EFFECT_NONE

/* Names and meanings: ONNX Runtime's session and CUDA provider options, and hone's own. */
static const hone_option_info g_options[] = {
    {"backend", HONE_OPTION_CHOICE, "cpu", g_backends, SAME, SAME, SAME, "Which backend runs the model."},
    {"providers", HONE_OPTION_LIST, "", NULL, NONE, NONE, SAME,
     "Execution providers of ONNX Runtime, in order of preference."},
    {"graph_optimization_level", HONE_OPTION_CHOICE, "ORT_ENABLE_ALL", g_levels, SAME, SAME, SAME,
     "Which graph passes run before the model does."},
    {"execution_mode", HONE_OPTION_CHOICE, "ORT_SEQUENTIAL", g_modes, SAME, SAME, SAME,
     "Node by node on all intra-op threads, or independent branches at once on inter-op workers."},
    {"intra_op_num_threads", HONE_OPTION_INT, "0", NULL, SAME, NONE, SAME,
     "Threads that share one node's work; 0: what affinity and cgroup quota really give."},
    {"inter_op_num_threads", HONE_OPTION_INT, "0", NULL, SAME, NONE, SAME,
     "Workers for independent branches under ORT_PARALLEL; 0: as many as intra-op threads by default."},
    {"enable_cpu_mem_arena", HONE_OPTION_BOOL, "true", NULL, SAME, SAME, SAME,
     "One arena for activations, or one allocation per tensor."},
    {"enable_mem_pattern", HONE_OPTION_BOOL, "true", NULL, SAME, SAME, SAME,
     "Offsets planned once per input shape and reused, or found at run time."},
    {"enable_mem_reuse", HONE_OPTION_BOOL, "true", NULL, SAME, SAME, SAME,
     "Tensors with disjoint lifetimes share bytes."},
    {"arena_extend_strategy", HONE_OPTION_CHOICE, "kNextPowerOfTwo", g_extend, SAME, SAME, SAME,
     "How the arena grows when a new shape needs more."},
    {"cpu_mem_limit_gb", HONE_OPTION_NUMBER, "", NULL, SAME, NONE, NONE,
     "Hard cap on packed weights and activations of a session, in GB (10^9 bytes); empty: none."},
    {"gpu_mem_limit_gb", HONE_OPTION_NUMBER, "", NULL, NONE, SAME, SAME,
     "Hard cap on the device arena, in GB; empty: none."},
    {"cudnn_conv_algo_search", HONE_OPTION_CHOICE, "HEURISTIC", g_search, SAME, SAME, SAME,
     "How the algorithm of every convolution is chosen: one fixed, by a cost model, or by timing."},
    {"cudnn_conv_use_max_workspace", HONE_OPTION_BOOL, "true", NULL, SAME, SAME, SAME,
     "false: only convolution algorithms with at most 32 MB of workspace."},
    {"do_copy_in_default_stream", HONE_OPTION_BOOL, "true", NULL, NONE, SAME, SAME,
     "false: copies run on a stream of their own."},
    {"tunable_op_enable", HONE_OPTION_BOOL, "false", NULL, SAME, SAME, SAME,
     "Operators use the choices that earlier tuning stored."},
    {"tunable_op_tuning_enable", HONE_OPTION_BOOL, "false", NULL, SAME, SAME, SAME,
     "Operators not yet stored are timed at first use and stored."},
    {"precision", HONE_OPTION_CHOICE, "fp32", g_precisions, SAME, SAME, SAME,
     "Arithmetic of the operators that the model gives in float32."},
    {"enable_cuda_graph", HONE_OPTION_BOOL, "false", NULL, NONE, SAME, SAME, "Replays the run as one CUDA graph."},
    {"prefer_nhwc", HONE_OPTION_BOOL, "false", NULL, NONE, SAME, SAME, "Channels-last convolutions on the GPU."},
    {"use_tf32", HONE_OPTION_BOOL, "true", NULL, NONE, SAME, SAME, "TF32 matrix arithmetic on the GPU."},
    {"onnxruntime_library", HONE_OPTION_TEXT, "", NULL, NONE, NONE, SAME,
     "ONNX Runtime's library or the folder that holds it; empty: HONE_ONNXRUNTIME, then the system's."},
/* ONNX Runtime's TensorRT provider options, by its names; values go through as they are. */
#define TRT(name, help)                                                                                                \
    { "trt_" name, HONE_OPTION_TEXT, "", NULL, NONE, NONE, SAME, "TensorRT provider: " help "." }
    TRT("auxiliary_streams", "streams beside the main one"),
    TRT("bf16_enable", "bfloat16 arithmetic"),
    TRT("build_heuristics_enable", "tactics by heuristics, for shorter builds"),
    TRT("builder_optimization_level", "how long to search, 0 to 5"),
    TRT("context_memory_sharing_enable", "subgraphs share activation memory"),
    TRT("cuda_graph_enable", "replays runs as CUDA graphs"),
    TRT("detailed_build_log", "logs the build's steps"),
    TRT("dla_core", "which deep learning accelerator"),
    TRT("dla_enable", "uses a deep learning accelerator"),
    TRT("dump_ep_context_model", "writes a model that holds the engine"),
    TRT("dump_subgraphs", "writes the subgraphs it takes"),
    TRT("engine_cache_enable", "keeps built engines"),
    TRT("engine_cache_path", "where built engines are kept"),
    TRT("engine_cache_prefix", "how their names begin"),
    TRT("engine_decryption_enable", "engines are encrypted"),
    TRT("engine_decryption_lib_path", "library that decrypts them"),
    TRT("engine_hw_compatible", "engines for later hardware too"),
    TRT("ep_context_embed_mode", "the engine inside the written model, or beside it"),
    TRT("ep_context_file_path", "where that model is written"),
    TRT("extra_plugin_lib_paths", "plugin libraries"),
    TRT("force_sequential_engine_build", "one engine build at a time"),
    TRT("force_timing_cache", "takes a timing cache of another device"),
    TRT("fp16_enable", "float16 arithmetic"),
    TRT("int8_calibration_table_name", "file of the int8 ranges"),
    TRT("int8_enable", "int8 arithmetic"),
    TRT("int8_use_native_calibration_table", "the table is TensorRT's own"),
    TRT("layer_norm_fp32_fallback", "LayerNorm in float32 under float16"),
    TRT("load_user_initializer", "initializers that the caller gives"),
    TRT("max_partition_iterations", "rounds of partitioning"),
    TRT("max_workspace_size", "bytes of workspace"),
    TRT("min_subgraph_size", "smallest subgraph it takes, in nodes"),
    TRT("onnx_model_folder_path", "folder of the weights of stripped engines"),
    TRT("op_types_to_exclude", "operators left to other providers"),
    TRT("preview_features", "preview features"),
    TRT("profile_max_shapes", "largest input shapes"),
    TRT("profile_min_shapes", "smallest input shapes"),
    TRT("profile_opt_shapes", "likely input shapes"),
    TRT("sparsity_enable", "2:4 sparse weights"),
    TRT("tactic_sources", "where tactics come from"),
    TRT("timing_cache_enable", "keeps timings of tactics"),
    TRT("timing_cache_path", "where they are kept"),
    TRT("weight_stripped_engine_enable", "engines without weights"),
};
enum { N_OPTIONS = sizeof g_options / sizeof *g_options };

/* A key with a dot: a configuration entry of ONNX Runtime ("session.disable_prepacking"), which knows its names. */
typedef struct entry {
    char *key, *value;
} entry;

struct hone_options {
    char *values[N_OPTIONS]; /* NULL: the default */
    entry *entries;
    size_t n_entries, entries_capacity;
    hone_choice_store store;
};

size_t hone_option_count(void) { return N_OPTIONS; }
const hone_option_info *hone_option_get_info(size_t index) { return index < N_OPTIONS ? &g_options[index] : NULL; }

const hone_option_info *hone_option_find_info(const char *key) {
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (strcmp(g_options[i].key, key) == 0)
            return &g_options[i];
    return NULL;
}

/* Levenshtein distance of two short words, case ignored; long words are far from everything. */
static unsigned distance(const char *a, const char *b) {
    enum { MAX = 48 };
    size_t n = strlen(a), m = strlen(b);
    if (n >= MAX || m >= MAX)
        return MAX;
    unsigned row[MAX];
    for (size_t j = 0; j <= m; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned above = row[j];
            unsigned change = diagonal + (tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]));
            unsigned insert = row[j - 1] + 1, drop = above + 1;
            diagonal = above;
            row[j] = change < insert ? (change < drop ? change : drop) : (insert < drop ? insert : drop);
        }
    }
    return row[m];
}

static const char *nearest_key(const char *key) {
    const char *best = g_options[0].key;
    unsigned best_distance = UINT32_MAX;
    for (size_t i = 0; i < N_OPTIONS; i++) {
        unsigned d = distance(key, g_options[i].key);
        if (d < best_distance) {
            best_distance = d;
            best = g_options[i].key;
        }
    }
    return best;
}

hone_status hone_options_create(hone_options **out, hone_error *error) {
    *out = hone__calloc(1, sizeof **out);
    return *out ? HONE_OK : hone__fail_memory(error, "options");
}

void hone_options_destroy(hone_options *options) {
    if (!options)
        return;
    for (size_t i = 0; i < N_OPTIONS; i++)
        hone__free(options->values[i]);
    for (size_t i = 0; i < options->n_entries; i++) {
        hone__free(options->entries[i].key);
        hone__free(options->entries[i].value);
    }
    hone__free(options->entries);
    hone__free(options);
}

static entry *find_entry(const hone_options *options, const char *key) {
    for (size_t i = 0; options && i < options->n_entries; i++)
        if (strcmp(options->entries[i].key, key) == 0)
            return &options->entries[i];
    return NULL;
}

static bool is_entry_name(const char *key) {
    const char *dot = strchr(key, '.');
    return dot && dot != key && dot[1] && strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_.") == strlen(key);
}

static hone_status set_entry(hone_options *options, const char *key, const char *value, hone_error *error) {
    entry *known = find_entry(options, key), made = {0};
    made.value = hone__strdup(value);
    made.key = known ? known->key : hone__strdup(key);
    if (!made.value || !made.key ||
        (!known && !hone__grow((void **)&options->entries, &options->entries_capacity, options->n_entries + 1,
                               sizeof *options->entries))) {
        hone__free(made.value);
        if (!known)
            hone__free(made.key);
        return hone__fail_memory(error, "options");
    }
    if (known)
        hone__free(known->value);
    else
        known = &options->entries[options->n_entries++];
    *known = made;
    return HONE_OK;
}

hone_status hone_options_clone(const hone_options *options, hone_options **out, hone_error *error) {
    HONE_TRY(hone_options_create(out, error));
    (*out)->store = options->store;
    for (size_t i = 0; i < options->n_entries; i++)
        if (set_entry(*out, options->entries[i].key, options->entries[i].value, error) != HONE_OK) {
            hone_options_destroy(*out);
            *out = NULL;
            return HONE_ERROR_MEMORY;
        }
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (!options->values[i])
            continue;
        (*out)->values[i] = hone__strdup(options->values[i]);
        if (!(*out)->values[i]) {
            hone_options_destroy(*out);
            *out = NULL;
            return hone__fail_memory(error, "options");
        }
    }
    return HONE_OK;
}

static const char *normal_bool(const char *value) {
    static const char *const yes[] = {"true", "1", "yes", "on"}, *const no[] = {"false", "0", "no", "off"};
    for (int i = 0; i < 4; i++) {
        if (strcasecmp(value, yes[i]) == 0)
            return "true";
        if (strcasecmp(value, no[i]) == 0)
            return "false";
    }
    return NULL;
}

static const char *normal_choice(const hone_option_info *info, const char *value) {
    for (size_t i = 0; info->choices[i]; i++)
        if (strcasecmp(value, info->choices[i]) == 0)
            return info->choices[i];
    return NULL;
}

static const char *normal_number(const hone_option_info *info, const char *value, char *buf, size_t size) {
    if (info->type == HONE_OPTION_NUMBER && (!*value || strcasecmp(value, "none") == 0))
        return "";
    if (!isdigit((unsigned char)*value) && *value != '.')
        return NULL;
    char *end;
    if (info->type == HONE_OPTION_INT) {
        long n = strtol(value, &end, 10);
        if (*end || n < 0 || n > 4096)
            return NULL;
        snprintf(buf, size, "%ld", n);
        return buf;
    }
    double x = strtod(value, &end);
    if (*end || !(x >= 0 && x < 1e9))
        return NULL;
    snprintf(buf, size, "%.15g", x);
    return buf;
}

static hone_status fail_value(const hone_option_info *info, const char *value, hone_error *error) {
    hone__fail(error, HONE_ERROR_CONFIG, "\"%s\" is not a value of %s", value, info->key);
    if (info->type == HONE_OPTION_CHOICE) {
        char list[240];
        size_t n = 0;
        list[0] = '\0';
        for (size_t i = 0; info->choices[i] && n < sizeof list; i++)
            n += (size_t)snprintf(list + n, sizeof list - n, i ? ", %s" : "%s", info->choices[i]);
        hone__error_hint(error, "allowed: %s", list);
    } else {
        hone__error_hint(error, info->type == HONE_OPTION_BOOL  ? "allowed: true, false"
                                : info->type == HONE_OPTION_INT ? "allowed: a whole number from 0 to 4096"
                                                                : "allowed: a number >= 0, or nothing for none");
    }
    return HONE_ERROR_CONFIG;
}

hone_status hone_options_set(hone_options *options, const char *key, const char *value, hone_error *error) {
    const hone_option_info *info = hone_option_find_info(key);
    if (!info && is_entry_name(key))
        return set_entry(options, key, value, error);
    if (!info) {
        hone__fail(error, HONE_ERROR_NOT_FOUND, "there is no option \"%s\"", key);
        hone__error_hint(error, "the nearest is %s", nearest_key(key));
        return HONE_ERROR_NOT_FOUND;
    }
    char buf[64];
    const char *normal = value;
    if (info->type == HONE_OPTION_BOOL)
        normal = normal_bool(value);
    else if (info->type == HONE_OPTION_CHOICE)
        normal = normal_choice(info, value);
    else if (info->type == HONE_OPTION_INT || info->type == HONE_OPTION_NUMBER)
        normal = normal_number(info, value, buf, sizeof buf);
    if (!normal)
        return fail_value(info, value, error);
    char *copy = hone__strdup(normal);
    if (!copy)
        return hone__fail_memory(error, "options");
    size_t index = (size_t)(info - g_options);
    hone__free(options->values[index]);
    options->values[index] = copy;
    return HONE_OK;
}

const char *hone_options_get(const hone_options *options, const char *key) {
    const hone_option_info *info = hone_option_find_info(key);
    const entry *free_form = info ? NULL : find_entry(options, key);
    if (!info)
        return free_form ? free_form->value : NULL;
    const char *value = options ? options->values[info - g_options] : NULL;
    return value ? value : info->default_value;
}

bool hone_options_is_set(const hone_options *options, const char *key) {
    const hone_option_info *info = hone_option_find_info(key);
    return info ? options && options->values[info - g_options] : find_entry(options, key) != NULL;
}

size_t hone_options_set_count(const hone_options *options) {
    size_t n = options ? options->n_entries : 0;
    for (size_t i = 0; options && i < N_OPTIONS; i++)
        n += options->values[i] != NULL;
    return n;
}

const char *hone_options_get_set(const hone_options *options, size_t index) {
    for (size_t i = 0; options && i < N_OPTIONS; i++)
        if (options->values[i] && index-- == 0)
            return g_options[i].key;
    return options && index < options->n_entries ? options->entries[index].key : NULL;
}

void hone_options_set_store(hone_options *options, const hone_choice_store *store) {
    options->store = store ? *store : (hone_choice_store){0};
}

hone_choice_store hone_options_get_store(const hone_options *options) {
    return options ? options->store : (hone_choice_store){0};
}
