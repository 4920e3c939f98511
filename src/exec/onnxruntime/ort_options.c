/* Session options of ONNX Runtime; see ort_options.h.
 *
 * Keys of hone's own table have a function each; `trt_*` and the CUDA keys go to their provider, which knows its
 * names and refuses others; names with a dot ("session.disable_prepacking") are configuration entries. Those the
 * library would keep without a look, so a name that the library does not contain is refused here. */
#include "exec/onnxruntime/ort_options.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/mapping.h"
#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { MAX_PROVIDER_OPTIONS = 96 };

typedef struct provider_options {
    const char *keys[MAX_PROVIDER_OPTIONS], *values[MAX_PROVIDER_OPTIONS];
    size_t n;
} provider_options;

typedef struct builder {
    const hone__ort_library *library;
    const OrtApi *api;
    const hone__exec_config *config;
    OrtSessionOptions *options;
    hone__strbuf used; /* providers appended */
    char limit[32];    /* gpu_mem_limit in bytes */
    bool has_trt;
} builder;

static bool is_true(const char *text) { return !strcmp(text, "true"); }

/* ---- providers ---- */

/* CUDA's provider options are named as in our table but for the memory limit. */
static const char *const g_cuda_keys[] = {"arena_extend_strategy",
                                          "cudnn_conv_algo_search",
                                          "cudnn_conv_use_max_workspace",
                                          "do_copy_in_default_stream",
                                          "tunable_op_enable",
                                          "tunable_op_tuning_enable",
                                          "enable_cuda_graph",
                                          "prefer_nhwc",
                                          "use_tf32",
                                          NULL};

static bool is_listed(const char *const *list, const char *key) {
    for (; *list; list++)
        if (!strcmp(*list, key))
            return true;
    return false;
}

static void add_option(provider_options *o, const char *key, const char *value) {
    if (o->n == MAX_PROVIDER_OPTIONS)
        return;
    o->keys[o->n] = key;
    o->values[o->n++] = !strcmp(value, "true") ? "1" : !strcmp(value, "false") ? "0" : value;
}

/* ONNX Runtime's CUDA default for the search of convolution algorithms is another than ours, so ours is always said;
 * everything else only when it was set. */
static void cuda_options(builder *b, provider_options *o) {
    bool has_search = false;
    for (size_t i = 0; i < b->config->n_settings; i++) {
        const hone__exec_setting *s = &b->config->settings[i];
        if (is_listed(g_cuda_keys, s->key))
            add_option(o, s->key, s->value);
        has_search |= !strcmp(s->key, "cudnn_conv_algo_search");
        if (!strcmp(s->key, "gpu_mem_limit_gb") && *s->value) {
            snprintf(b->limit, sizeof b->limit, "%.0f", strtod(s->value, NULL) * 1e9);
            add_option(o, "gpu_mem_limit", b->limit);
        }
    }
    if (!has_search)
        add_option(o, "cudnn_conv_algo_search", "HEURISTIC");
}

static void trt_options(const builder *b, provider_options *o) {
    for (size_t i = 0; i < b->config->n_settings; i++)
        if (!strncmp(b->config->settings[i].key, "trt_", 4))
            add_option(o, b->config->settings[i].key, b->config->settings[i].value);
}

static hone_status append_cuda(builder *b, hone_error *error) {
    provider_options o = {.n = 0};
    OrtCUDAProviderOptionsV2 *cuda = NULL;
    cuda_options(b, &o);
    HONE_ORT_TRY(b->library, b->api->CreateCUDAProviderOptions(&cuda), "make CUDA options", error);
    hone_status status = hone__ort_check(b->library, b->api->UpdateCUDAProviderOptions(cuda, o.keys, o.values, o.n),
                                         "set CUDA options", error);
    if (status != HONE_OK && error)
        error->status = status = HONE_ERROR_CONFIG;
    if (status == HONE_OK)
        status = hone__ort_check(b->library, b->api->SessionOptionsAppendExecutionProvider_CUDA_V2(b->options, cuda),
                                 "use the provider CUDAExecutionProvider", error);
    b->api->ReleaseCUDAProviderOptions(cuda);
    return status;
}

static hone_status append_tensorrt(builder *b, hone_error *error) {
    provider_options o = {.n = 0};
    OrtTensorRTProviderOptionsV2 *trt = NULL;
    trt_options(b, &o);
    HONE_ORT_TRY(b->library, b->api->CreateTensorRTProviderOptions(&trt), "make TensorRT options", error);
    hone_status status = hone__ort_check(b->library, b->api->UpdateTensorRTProviderOptions(trt, o.keys, o.values, o.n),
                                         "set TensorRT options", error);
    if (status != HONE_OK && error)
        error->status = status = HONE_ERROR_CONFIG;
    if (status == HONE_OK)
        status = hone__ort_check(b->library, b->api->SessionOptionsAppendExecutionProvider_TensorRT_V2(b->options, trt),
                                 "use the provider TensorrtExecutionProvider", error);
    b->api->ReleaseTensorRTProviderOptions(trt);
    return status;
}

/* "cuda", "CUDA" and "CUDAExecutionProvider" are the same. */
static bool is_provider(const char *name, size_t n, const char *full) {
    size_t length = strlen(full), stem = length - strlen("ExecutionProvider");
    return (n == length || n == stem) && !strncasecmp(name, full, n);
}

static const char *find_provider(char *const *available, int n_available, const char *name, size_t n) {
    for (int i = 0; i < n_available; i++)
        if (is_provider(name, n, available[i]))
            return available[i];
    return NULL;
}

/* The file of a provider that lives in a library of its own lies beside the main one. */
static bool has_provider_file(const hone__ort_library *library, const char *name) {
    char path[4200];
    const char *slash = strrchr(library->path, '/');
    snprintf(path, sizeof path, "%.*s/libonnxruntime_providers_%s.so", slash ? (int)(slash - library->path) : 0,
             library->path, name);
    return access(path, R_OK) == 0;
}

static hone_status append(builder *b, const char *provider, hone_error *error) {
    hone_status status = HONE_OK;
    if (!strcmp(provider, "TensorrtExecutionProvider")) {
        status = append_tensorrt(b, error);
        b->has_trt = true;
    } else if (!strcmp(provider, "CUDAExecutionProvider")) {
        status = append_cuda(b, error);
    } else if (strcmp(provider, "CPUExecutionProvider") != 0) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(strlen(provider) - strlen("ExecutionProvider")), provider);
        status =
            hone__ort_check(b->library, b->api->SessionOptionsAppendExecutionProvider(b->options, name, NULL, NULL, 0),
                            "use a provider", error);
    }
    if (status != HONE_OK && status != HONE_ERROR_CONFIG) {
        if (error)
            error->status = HONE_ERROR_UNAVAILABLE;
        hone__error_hint(error, "install what %s needs beside ONNX Runtime's library, or leave it out of providers",
                         provider);
        return HONE_ERROR_UNAVAILABLE;
    }
    hone__strbuf_printf(&b->used, "%s%s", b->used.size ? "," : "", provider);
    return status;
}

/* Those asked for, in their order; each must be there. */
static hone_status append_named(builder *b, const char *list, char *const *available, int n_available,
                                hone_error *error) {
    while (*list) {
        size_t n = strcspn(list, ",");
        const char *name = list;
        list += n + (list[n] == ',');
        while (n && *name == ' ')
            name++, n--;
        while (n && name[n - 1] == ' ')
            n--;
        if (!n)
            continue;
        const char *provider = find_provider(available, n_available, name, n);
        if (!provider) {
            hone__strbuf text;
            hone__strbuf_init(&text);
            for (int i = 0; i < n_available; i++)
                hone__strbuf_printf(&text, "%s%s", i ? ", " : "", available[i]);
            hone__fail(error, HONE_ERROR_UNAVAILABLE, "ONNX Runtime %s at %s has no provider \"%.*s\"",
                       b->library->version, b->library->path, (int)n, name);
            hone__error_hint(error, "it has %s", hone__strbuf_text(&text));
            hone__strbuf_deinit(&text);
            return HONE_ERROR_UNAVAILABLE;
        }
        HONE_TRY(append(b, provider, error));
    }
    return HONE_OK;
}

/* Nothing asked for: what the library offers, TensorRT before CUDA before CPU. A provider that was built in but whose
 * own library is not there is not on offer. */
static hone_status append_default(builder *b, char *const *available, int n_available, hone_error *error) {
    static const char *const order[][2] = {{"TensorrtExecutionProvider", "tensorrt"},
                                           {"CUDAExecutionProvider", "cuda"}};
    for (size_t i = 0; i < 2; i++)
        if (find_provider(available, n_available, order[i][0], strlen(order[i][0])) &&
            has_provider_file(b->library, order[i][1]))
            HONE_TRY(append(b, order[i][0], error));
    return append(b, "CPUExecutionProvider", error);
}

static const char *setting(const hone__exec_config *config, const char *key) {
    for (size_t i = 0; i < config->n_settings; i++)
        if (!strcmp(config->settings[i].key, key))
            return config->settings[i].value;
    return NULL;
}

static hone_status set_providers(builder *b, hone_error *error) {
    char **available = NULL;
    int n = 0;
    const char *named = setting(b->config, "providers");
    HONE_ORT_TRY(b->library, b->api->GetAvailableProviders(&available, &n), "list its providers", error);
    hone_status status =
        named && *named ? append_named(b, named, available, n, error) : append_default(b, available, n, error);
    OrtStatus *ort = b->api->ReleaseAvailableProviders(available, n);
    if (ort)
        b->api->ReleaseStatus(ort);
    if (status == HONE_OK && !strstr(hone__strbuf_text(&b->used), "CPUExecutionProvider"))
        hone__strbuf_printf(&b->used, "%sCPUExecutionProvider", b->used.size ? "," : "");
    for (size_t i = 0; status == HONE_OK && !b->has_trt && i < b->config->n_settings; i++)
        if (!strncmp(b->config->settings[i].key, "trt_", 4)) {
            status = hone__fail(error, HONE_ERROR_UNAVAILABLE, "%s is set, but the session has no TensorRT provider",
                                b->config->settings[i].key);
            hone__error_hint(error, "add TensorrtExecutionProvider to providers, or remove the key");
        }
    return status;
}

/* ---- configuration entries ---- */

/* The library holds the name as a whole text. */
static bool library_knows(const hone__mapping *file, const char *key) {
    size_t n = strlen(key) + 1; /* with its NUL */
    const char *at = (const char *)file->data, *end = at + file->size;
    while ((at = memmem(at, (size_t)(end - at), key, n)) != NULL) {
        char before = at > (const char *)file->data ? at[-1] : '\0';
        if (before == '\0')
            return true;
        at++;
    }
    return false;
}

static hone_status set_entries(builder *b, hone_error *error) {
    hone__mapping file = {0};
    hone_status status = HONE_OK;
    for (size_t i = 0; i < b->config->n_settings && status == HONE_OK; i++) {
        const hone__exec_setting *s = &b->config->settings[i];
        if (!strchr(s->key, '.'))
            continue;
        if (!file.data)
            HONE_TRY(hone__mapping_open(b->library->path, &file, error));
        if (!library_knows(&file, s->key)) {
            status = hone__fail(error, HONE_ERROR_CONFIG, "ONNX Runtime %s knows no configuration entry \"%s\"",
                                b->library->version, s->key);
            hone__error_hint(error, "see the session configuration keys in ONNX Runtime's documentation");
            break;
        }
        const char *value = !strcmp(s->value, "true") ? "1" : !strcmp(s->value, "false") ? "0" : s->value;
        status = hone__ort_check(b->library, b->api->AddSessionConfigEntry(b->options, s->key, value), "set an entry",
                                 error);
    }
    hone__mapping_close(&file);
    return status;
}

/* ---- the table's own keys ---- */

static hone_status set_plain(builder *b, hone_error *error) {
    static const GraphOptimizationLevel levels[] = {ORT_DISABLE_ALL, ORT_ENABLE_BASIC, ORT_ENABLE_EXTENDED,
                                                    ORT_ENABLE_ALL};
    const hone__exec_config *c = b->config;
    const OrtApi *api = b->api;
    OrtSessionOptions *o = b->options;
    HONE_ORT_TRY(b->library, api->SetSessionGraphOptimizationLevel(o, levels[c->opt_level & 3]), "set the level",
                 error);
    HONE_ORT_TRY(b->library, api->SetSessionExecutionMode(o, c->is_parallel ? ORT_PARALLEL : ORT_SEQUENTIAL),
                 "set the execution mode", error);
    HONE_ORT_TRY(b->library, api->SetIntraOpNumThreads(o, c->n_intra_threads), "set intra_op_num_threads", error);
    HONE_ORT_TRY(b->library, api->SetInterOpNumThreads(o, c->n_inter_threads), "set inter_op_num_threads", error);
    HONE_ORT_TRY(b->library, c->use_arena ? api->EnableCpuMemArena(o) : api->DisableCpuMemArena(o), "set the arena",
                 error);
    HONE_ORT_TRY(b->library, c->use_mem_pattern ? api->EnableMemPattern(o) : api->DisableMemPattern(o),
                 "set the memory pattern", error);
    const char *precision = setting(c, "precision"), *reuse = setting(c, "enable_mem_reuse");
    if (reuse && !is_true(reuse)) {
        hone__fail(error, HONE_ERROR_UNAVAILABLE, "ONNX Runtime's C API cannot turn enable_mem_reuse off");
        hone__error_hint(error, "leave enable_mem_reuse at true for the backend onnxruntime");
        return HONE_ERROR_UNAVAILABLE;
    }
    if (precision && strcmp(precision, "fp32") != 0) {
        hone__fail(error, HONE_ERROR_UNAVAILABLE, "precision %s on the backend onnxruntime needs a converted model",
                   precision);
        hone__error_hint(error, "use precision fp32, or give a model that is converted already");
        return HONE_ERROR_UNAVAILABLE;
    }
    return HONE_OK;
}

hone_status hone__ort_make_options(const hone__ort_library *library, const hone__exec_config *config,
                                   OrtSessionOptions **out, char **providers, hone_error *error) {
    builder b = {.library = library, .api = library->api, .config = config};
    hone_status status = HONE_OK;
    *out = NULL;
    *providers = NULL;
    hone__strbuf_init(&b.used);
    HONE_CHECK(hone__ort_check(library, b.api->CreateSessionOptions(&b.options), "make session options", error));
    HONE_CHECK(set_plain(&b, error));
    HONE_CHECK(set_entries(&b, error));
    HONE_CHECK(set_providers(&b, error));
    *providers = b.used.failed ? NULL : hone__strdup(hone__strbuf_text(&b.used));
    if (!*providers)
        status = hone__fail_memory(error, "session options");
cleanup:
    hone__strbuf_deinit(&b.used);
    if (status != HONE_OK && b.options)
        b.api->ReleaseSessionOptions(b.options);
    else
        *out = b.options;
    return status;
}
