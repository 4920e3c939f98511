/* Settings in their effect: what differs from the default on this backend, with this graph, on this
 * machine. Two combinations with the same effect are one trial. */
#include "tune/tune_internal.h"

#include "base/alloc.h"
#include "base/error.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 128 };

hone_status hone__settings_apply(const hone__settings *fixed, const hone__settings *settings, hone_options **out,
                                 hone_error *error) {
    hone_options *options = NULL;
    HONE_TRY(hone_options_create(&options, error));
    hone_status status = HONE_OK;
    for (size_t i = 0; fixed && i < fixed->n && status == HONE_OK; i++)
        status = hone_options_set(options, fixed->items[i].key, fixed->items[i].value, error);
    for (size_t i = 0; settings && i < settings->n && status == HONE_OK; i++)
        status = hone_options_set(options, settings->items[i].key, settings->items[i].value, error);
    if (status != HONE_OK) {
        hone_options_destroy(options);
        options = NULL;
    }
    *out = options;
    return status;
}

static bool has_effect(const hone_option_info *info, const char *backend) {
    hone_option_effect effect = !strcmp(backend, "cuda")          ? info->on_cuda
                                : !strcmp(backend, "onnxruntime") ? info->on_onnxruntime
                                                                  : info->on_cpu;
    return effect != HONE_EFFECT_NONE;
}

static bool is(const hone_options *options, const char *key, const char *value) {
    const char *now = hone_options_get(options, key);
    return now && !strcmp(now, value);
}

/* Why a key's value does not matter here, given the others; NULL when it does. */
static const char *irrelevant(const char *key, const char *value, const hone_options *o, const hone__tune_facts *f) {
    if (!f->has_conv && (!strcmp(key, "cudnn_conv_algo_search") || !strcmp(key, "cudnn_conv_use_max_workspace")))
        return "the model has no convolution, so the convolution keys do not matter";
    if (!f->has_conv && !f->has_matmul && !strncmp(key, "tunable_op_", 11))
        return "the model has no convolution or matrix product to tune";
    if (is(o, "backend", "onnxruntime") && !f->has_gpu &&
        (!strncmp(key, "cudnn_", 6) || !strncmp(key, "tunable_op_", 11) || !strcmp(key, "arena_extend_strategy") ||
         !strcmp(key, "gpu_mem_limit_gb") || !strcmp(key, "do_copy_in_default_stream")))
        return "without a GPU the CUDA keys do not matter to ONNX Runtime";
    if (!strcmp(key, "inter_op_num_threads") && is(o, "execution_mode", "ORT_SEQUENTIAL"))
        return "inter_op_num_threads matters under ORT_PARALLEL only";
    if (!strcmp(key, "arena_extend_strategy") && is(o, "enable_cpu_mem_arena", "false"))
        return "without an arena its growth does not matter";
    if (!strcmp(key, "execution_mode") && f->width == 1)
        return "the graph has no independent branches, so ORT_PARALLEL has nothing to run at once";
    if (!strcmp(key, "execution_mode") && f->n_threads == 1)
        return "with one usable core ORT_PARALLEL has nothing to run at once";
    if (!strcmp(key, "intra_op_num_threads") && atoi(value) == f->n_threads)
        return "as many threads as usable cores is what 0 means";
    if ((!strcmp(key, "cpu_mem_limit_gb") || !strcmp(key, "gpu_mem_limit_gb")) && f->peak_gb > 0 && *value &&
        atof(value) >= 4 * f->peak_gb + 0.25)
        return "a memory limit far above what the model uses does not bind";
    return NULL;
}

typedef struct merge_state {
    const hone__tune_facts *facts;
    hone__arena *arena;
    const char *reasons[16];
    size_t n_reasons;
    const char *dropped[MAX_OPTIONS]; /* keys set to other than the default, without effect */
    size_t n_dropped;
} merge_state;

static void remember(const char **list, size_t *n, size_t max, const char *text) {
    for (size_t i = 0; i < *n; i++)
        if (!strcmp(list[i], text))
            return;
    if (*n < max)
        list[(*n)++] = text;
}

static hone_status effective(merge_state *m, const hone__settings *settings, hone__settings *out,
                             const char **canonical, hone_error *error) {
    hone_options *options = NULL, *base = NULL;
    hone__strbuf text;
    hone__strbuf_init(&text);
    hone_status status = hone__settings_apply(&m->facts->fixed, settings, &options, error);
    if (status == HONE_OK)
        status = hone__settings_apply(&m->facts->fixed, NULL, &base, error);
    out->n = 0;
    out->items = status == HONE_OK ? hone__arena_calloc(m->arena, MAX_OPTIONS, sizeof(hone__setting)) : NULL;
    if (status == HONE_OK && !out->items)
        status = hone__fail_memory(error, "search space");
    const char *backend = status == HONE_OK ? hone_options_get(options, "backend") : NULL;
    for (size_t i = 0; status == HONE_OK && i < hone_option_count() && out->n < MAX_OPTIONS; i++) {
        const hone_option_info *info = hone_option_get_info(i);
        const char *value = hone_options_get(options, info->key), *usual = hone_options_get(base, info->key);
        if (!value || !usual || !strcmp(value, usual))
            continue;
        if (!has_effect(info, backend ? backend : "cpu")) {
            remember(m->dropped, &m->n_dropped, MAX_OPTIONS, info->key);
            continue;
        }
        const char *why = irrelevant(info->key, value, options, m->facts);
        if (why) {
            remember(m->reasons, &m->n_reasons, 16, why);
            continue;
        }
        char *copy = hone__arena_strdup(m->arena, value);
        if (!copy) {
            status = hone__fail_memory(error, "search space");
            break;
        }
        out->items[out->n++] = (hone__setting){info->key, copy};
        hone__strbuf_printf(&text, "%s%s=%s", text.size ? " " : "", info->key, *copy ? copy : "none");
    }
    /* Configuration entries of ONNX Runtime, which are in no table of ours. */
    for (size_t i = 0; status == HONE_OK && i < hone_options_set_count(options) && out->n < MAX_OPTIONS; i++) {
        const char *key = hone_options_get_set(options, i), *held = hone_options_get(base, key);
        const char *value = hone_options_get(options, key);
        if (!strchr(key, '.') || (held && !strcmp(held, value)))
            continue;
        if (!backend || strcmp(backend, "onnxruntime") != 0) {
            remember(m->dropped, &m->n_dropped, MAX_OPTIONS, "entries with a dot");
            continue;
        }
        char *name = hone__arena_strdup(m->arena, key), *copy = hone__arena_strdup(m->arena, value);
        if (!name || !copy) {
            status = hone__fail_memory(error, "search space");
            break;
        }
        out->items[out->n++] = (hone__setting){name, copy};
        hone__strbuf_printf(&text, "%s%s=%s", text.size ? " " : "", name, copy);
    }
    if (status == HONE_OK) {
        *canonical = text.failed ? NULL : hone__arena_strdup(m->arena, hone__strbuf_text(&text));
        if (!*canonical)
            status = hone__fail_memory(error, "search space");
    }
    hone__strbuf_deinit(&text);
    hone_options_destroy(options);
    hone_options_destroy(base);
    return status;
}

hone_status hone__space_effective(const hone__settings *settings, const hone__tune_facts *facts, hone__arena *arena,
                                  hone__settings *out, const char **canonical, hone_error *error) {
    merge_state m = {.facts = facts, .arena = arena};
    return effective(&m, settings, out, canonical, error);
}

static const char *join(hone__arena *arena, const char *const *list, size_t n, const char *separator) {
    hone__strbuf text;
    hone__strbuf_init(&text);
    for (size_t i = 0; i < n; i++)
        hone__strbuf_printf(&text, "%s%s", i ? separator : "", list[i]);
    const char *out = hone__arena_strdup(arena, hone__strbuf_text(&text));
    hone__strbuf_deinit(&text);
    return out ? out : "";
}

hone_status hone__space_merge(hone__plan *plan, const hone__tune_facts *facts, hone__arena *arena, hone_error *error) {
    merge_state m = {.facts = facts, .arena = arena};
    size_t n_kept = 0;
    plan->n_combinations = plan->n;
    plan->n_like_default = 0;
    for (size_t i = 0; i < plan->n; i++) {
        hone__trial trial = plan->trials[i];
        HONE_TRY(effective(&m, &trial.settings, &trial.effective, &trial.canonical, error));
        if (!*trial.canonical) {
            plan->n_like_default++;
            continue;
        }
        size_t same = 0;
        while (same < n_kept && strcmp(plan->trials[same].canonical, trial.canonical) != 0)
            same++;
        if (same == n_kept) {
            plan->trials[n_kept++] = trial;
            continue;
        }
        hone__trial *kept = &plan->trials[same];
        kept->n_equivalent++;
        kept->is_current |= trial.is_current;
        kept->other_names =
            hone__tune_printf(arena, "%s%s%s", kept->other_names, *kept->other_names ? "; " : "", trial.name);
    }
    plan->n = n_kept;
    plan->no_effect = join(arena, m.dropped, m.n_dropped, ", ");
    plan->merge_reasons = join(arena, m.reasons, m.n_reasons, "\n");
    return HONE_OK;
}
