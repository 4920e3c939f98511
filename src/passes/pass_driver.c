/* Runs passes over a graph and the bodies of its control flow, round after round; see passes.h. */
#include "base/clock.h"
#include "base/error.h"
#include "ops/op.h"
#include "passes/pass_report.h"
#include "passes/passes.h"

#include <string.h>

enum { MAX_ROUNDS = 4 };

static bool is_listed(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_chosen(const hone__pass_options *options, const hone__pass *pass) {
    if (is_listed(options->disable, options->n_disable, pass->name))
        return false;
    if (options->n_only)
        return is_listed(options->only, options->n_only, pass->name);
    if (pass->on_request)
        return is_listed(options->enable, options->n_enable, pass->name);
    return pass->level <= options->level;
}

/* Bodies come after the graph that holds them; the loader bounds their nesting. */
static hone_status run_graph(hone__pass_context *ctx, hone__graph *graph, hone_error *error) {
    ctx->graph = graph;
    HONE_TRY(ctx->pass->run(ctx, error));
    HONE_FOR_NODES(node, graph) {
        if (!node->op || !(node->op->flags & HONE_OP_CONTROL))
            continue;
        for (size_t i = 0; i < node->n_attrs; i++) {
            const hone__attr *attr = &node->attrs[i];
            if (attr->type == HONE_ATTR_GRAPH)
                HONE_TRY(run_graph(ctx, attr->g, error));
        }
    }
    return HONE_OK;
}

static size_t count_nodes(const hone__graph *graph) {
    size_t n = graph->n_nodes;
    HONE_FOR_NODES(node, graph) {
        if (!node->op || !(node->op->flags & HONE_OP_CONTROL))
            continue;
        for (size_t i = 0; i < node->n_attrs; i++)
            if (node->attrs[i].type == HONE_ATTR_GRAPH)
                n += count_nodes(node->attrs[i].g);
    }
    return n;
}

static hone_status run_pass(const hone__pass *pass, hone__graph *root, const hone__pass_options *options,
                            size_t *n_changed, hone_error *error) {
    hone__pass_report *report = options->report;
    hone__pass_context ctx = {.graph = root, .pass = pass, .options = options};
    uint64_t start = report ? hone__now_ns() : 0;
    size_t before = report ? count_nodes(root) : 0;
    hone__pass_report_forget(report, pass);
    HONE_TRY(run_graph(&ctx, root, error));
    *n_changed = ctx.n_changed;
    if (report) {
        hone__pass_record *record = &report->records[pass - hone__passes_all()];
        record->has_run = true;
        record->n_matches += ctx.n_changed;
        record->n_removed += (int64_t)before - (int64_t)count_nodes(root);
        record->ms += hone__ms_since(start);
    }
    if (options->after && ctx.n_changed)
        HONE_TRY(options->after(options->user, root, pass, ctx.n_changed, error));
    return HONE_OK;
}

hone_status hone__pass_run_one(const hone__pass *pass, hone__graph *root, size_t *n_changed, hone_error *error) {
    size_t n = 0;
    hone_status status = run_pass(pass, root, &(hone__pass_options){.level = HONE_OPT_ALL}, &n, error);
    if (n_changed)
        *n_changed = n;
    return status;
}

hone_status hone__passes_run_with(hone__graph *root, const hone__pass_options *options, hone_error *error) {
    if (options->level == HONE_OPT_DISABLE_ALL && options->n_only == 0 && options->n_enable == 0)
        return HONE_OK;
    if (options->report)
        HONE_TRY(hone__pass_report_prepare(options->report, error));
    for (int round = 0; round < MAX_ROUNDS; round++) {
        size_t total = 0;
        for (const hone__pass *pass = hone__passes_all(); pass->name; pass++) {
            size_t n = 0;
            if (!is_chosen(options, pass))
                continue;
            HONE_TRY(run_pass(pass, root, options, &n, error));
            total += n;
        }
        if (options->report)
            options->report->n_rounds++;
        if (total == 0)
            break;
    }
    return HONE_OK;
}

hone_status hone__passes_run(hone__graph *root, hone__opt_level level, hone_error *error) {
    return hone__passes_run_with(root, &(hone__pass_options){.level = level}, error);
}

/* LayerNormalization is known to ONNX Runtime's default domain at every opset. */
static bool onnxruntime_knows(const char *domain, const char *op_type) {
    return strcmp(domain, "com.microsoft") == 0 || (!*domain && (strcmp(op_type, "LayerNormalization") == 0 ||
                                                                 strcmp(op_type, "SimplifiedLayerNormalization") == 0));
}

bool hone__pass_may_make(const hone__pass_context *ctx, const char *domain, const char *op_type, int64_t opset) {
    if (!hone__op_find(domain, op_type, opset))
        return false;
    switch (ctx->options->target) {
    case HONE_TARGET_HONE:
        return true;
    case HONE_TARGET_ONNXRUNTIME:
        if (onnxruntime_knows(domain, op_type))
            return true;
        break;
    case HONE_TARGET_ONNX:
        break;
    }
    return !*domain && hone__graph_get_opset(ctx->graph, "") >= opset;
}
