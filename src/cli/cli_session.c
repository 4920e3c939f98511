/* Opening models and sessions from the command line; see cli_session.h. */
#include "cli/cli_session.h"

#include "base/error.h"
#include "cli/cli_json.h"

#include <string.h>
#include <strings.h>

static const char *level_value(const char *level) {
    static const char *const names[][2] = {{"disable_all", "ORT_DISABLE_ALL"},
                                           {"none", "ORT_DISABLE_ALL"},
                                           {"basic", "ORT_ENABLE_BASIC"},
                                           {"extended", "ORT_ENABLE_EXTENDED"},
                                           {"all", "ORT_ENABLE_ALL"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcasecmp(level, names[i][0]))
            return names[i][1];
    return level;
}

static hone_status set_pair(const char *text, hone_options *options, hone_error *error) {
    char key[128];
    const char *equals = strchr(text, '=');
    if (!equals || (size_t)(equals - text) >= sizeof key) {
        hone__fail(error, HONE_ERROR_ARGUMENT, "--set takes KEY=VALUE, not \"%.80s\"", text);
        hone__error_hint(error, "for example --set graph_optimization_level=ORT_ENABLE_BASIC");
        return HONE_ERROR_ARGUMENT;
    }
    snprintf(key, sizeof key, "%.*s", (int)(equals - text), text);
    return hone_options_set(options, key, equals + 1, error);
}

/* What was typed; it overrides the file. */
static hone_status set_typed(const hone__session_settings *settings, hone_options *options, hone_error *error) {
    const hone__cli_texts *sets = settings->sets;
    char number[32];
    hone_status status = HONE_OK;
    for (size_t i = 0; sets && i < sets->n; i++)
        HONE_CHECK(set_pair(sets->items[i], options, error));
    if (settings->threads) {
        snprintf(number, sizeof number, "%lld", (long long)settings->threads);
        HONE_CHECK(hone_options_set(options, "intra_op_num_threads", number, error));
    }
    if (settings->level)
        HONE_CHECK(hone_options_set(options, "graph_optimization_level", level_value(settings->level), error));
    if (settings->backend)
        HONE_CHECK(hone_options_set(options, "backend", settings->backend, error));
    if (settings->one_more)
        HONE_CHECK(set_pair(settings->one_more, options, error));
cleanup:
    if (status != HONE_OK)
        /* Wrong keys and values were typed here, so they are wrong usage rather than a bad file. */
        error->status = status = HONE_ERROR_ARGUMENT;
    return status;
}

hone_status hone__session_options(const hone__session_settings *settings, hone_options **out, hone_tune_store **store,
                                  char *warning, size_t warning_size, hone_error *error) {
    hone_status status = HONE_OK;
    *store = NULL;
    warning[0] = 0;
    HONE_TRY(hone_options_create(out, error));
    if (settings->config)
        HONE_CHECK(hone_tune_config_apply(settings->config, *out, error));
    HONE_CHECK(set_typed(settings, *out, error));
    const char *tunable = hone_options_get(*out, "tunable_op_enable");
    if (tunable && !strcmp(tunable, "true")) {
        HONE_CHECK(hone_tune_store_open(settings->store, store, warning, warning_size, error));
        hone_choice_store choices = hone_tune_store_choices(*store);
        hone_options_set_store(*out, &choices);
    }
cleanup:
    if (status != HONE_OK) {
        hone_options_destroy(*out);
        *out = NULL;
    }
    return status;
}

const char *hone__op_label(const char *domain, const char *op, char *buf, size_t size) {
    bool is_standard = !domain[0] || !strcmp(domain, "ai.onnx");
    snprintf(buf, size, "%s%s%s", is_standard ? "" : domain, is_standard ? "" : ".", op);
    return buf;
}

int hone__session_fail(hone__cli *cli, const hone_model *model, const hone_error *error) {
    int code = hone__cli_fail(cli, error);
    size_t n = error->status == HONE_ERROR_UNSUPPORTED && model ? hone_model_unsupported_count(model) : 0;
    /* The list is of what hone's own backend cannot run: another backend's refusal is not about it. */
    if (n && strcmp(error->node, hone_model_get_unsupported(model, 0)->node) != 0)
        n = 0;
    size_t most = cli->verbose ? n : 10;
    char label[256];
    for (size_t i = 0; i < n && i < most; i++) {
        const hone_unsupported *u = hone_model_get_unsupported(model, i);
        hone__cli_complain("hone:   %s (%s, opset %lld): %s\n", u->node,
                           hone__op_label(u->domain, u->op, label, sizeof label), (long long)u->opset, u->reason);
    }
    if (n > most)
        fprintf(stderr, "hone:   and %zu more: hone inspect lists all\n", n - most);
    return code;
}

bool hone__model_has_half(const hone_model *model) {
    const char *name;
    for (size_t i = 0; i < hone_model_input_count(model); i++)
        if (hone_dtype_is_half(hone_model_get_input(model, i)->dtype))
            return true;
    for (size_t i = 0; i < hone_model_output_count(model); i++)
        if (hone_dtype_is_half(hone_model_get_output(model, i)->dtype))
            return true;
    for (size_t i = 0; i < hone_model_initializer_count(model); i++)
        if (hone_dtype_is_half(hone_tensor_dtype(hone_model_get_initializer(model, i, &name))))
            return true;
    return false;
}

json_t *hone__json_unsupported(const hone_model *model) {
    json_t *list = json_array();
    for (size_t i = 0; i < hone_model_unsupported_count(model); i++) {
        const hone_unsupported *u = hone_model_get_unsupported(model, i);
        json_t *item = json_object();
        hone__json_set(item, "node", hone__json_text(u->node));
        hone__json_set(item, "op", hone__json_text(u->op));
        hone__json_set(item, "domain", hone__json_text(u->domain[0] ? u->domain : "ai.onnx"));
        hone__json_set(item, "opset", json_integer(u->opset));
        hone__json_set(item, "dtype",
                       u->dtype == HONE_DTYPE_UNDEFINED ? json_null() : json_string(hone_dtype_name(u->dtype)));
        hone__json_set(item, "backend", hone__json_text(u->backend));
        hone__json_set(item, "reason", hone__json_text(u->reason));
        json_array_append_new(list, item);
    }
    return list;
}
