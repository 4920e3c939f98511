/* Runs passes over a graph and the bodies of its control flow, round after round; see passes.h. */
#include "base/clock.h"
#include "base/error.h"
#include "ops/op.h"
#include "passes/pass_list.h"
#include "passes/pass_report.h"
#include "passes/passes.h"

#include <string.h>

enum { MAX_ROUNDS = 4 };

static const hone__pass *table_of(const hone__pass_options *options) {
    return options->table ? options->table : hone__passes_all();
}

static bool is_listed(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool is_chosen(const hone__pass_options *options, const hone__pass *pass) {
    if (pass->is_lowering || is_listed(options->disable, options->n_disable, pass->name))
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

/* What the pass's rewrites left behind goes at once, so that it counts as the pass's. */
static hone_status sweep(hone__graph *root, const hone__pass_options *options, hone_error *error) {
    static const hone__pass dead = {.name = "eliminate_dead", .run = hone__pass_eliminate_dead};
    hone__pass_context ctx = {.pass = &dead, .options = options};
    return run_graph(&ctx, root, error);
}

static hone_status run_pass(const hone__pass *pass, hone__graph *root, const hone__pass_options *options,
                            size_t *n_changed, hone_error *error) {
    hone__pass_report *report = options->report;
    hone__pass_context ctx = {.graph = root, .pass = pass, .options = options};
    uint64_t start = report ? hone__now_ns() : 0;
    size_t before = report ? count_nodes(root) : 0;
    hone__pass_report_forget(report, pass);
    HONE_TRY(run_graph(&ctx, root, error));
    if (ctx.wants_inference)
        HONE_TRY(hone__graph_infer(root, error));
    *n_changed = ctx.n_changed;
    if (ctx.n_changed)
        HONE_TRY(sweep(root, options, error));
    if (report) {
        hone__pass_record *record = &report->records[pass - table_of(options)];
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

/* Runs the chosen passes once; *n_steps counts those that changed something. */
static hone_status run_round(hone__graph *root, const hone__pass_options *options, bool is_lowering, size_t *n_steps,
                             hone_error *error) {
    for (const hone__pass *pass = table_of(options); pass->name; pass++) {
        size_t n = 0;
        if (is_lowering ? !pass->is_lowering : !is_chosen(options, pass))
            continue;
        if (options->max_steps && *n_steps == options->max_steps)
            break;
        HONE_TRY(run_pass(pass, root, options, &n, error));
        *n_steps += n > 0;
    }
    return HONE_OK;
}

hone_status hone__passes_run_with(hone__graph *root, const hone__pass_options *options, hone_error *error) {
    size_t n_steps = 0;
    bool has_passes = options->level != HONE_OPT_DISABLE_ALL || options->n_only || options->n_enable;
    if (options->report)
        HONE_TRY(hone__pass_report_prepare(options->report, table_of(options), error));
    for (int round = 0; has_passes && round < MAX_ROUNDS; round++) {
        size_t before = n_steps;
        HONE_TRY(run_round(root, options, false, &n_steps, error));
        if (options->report)
            options->report->n_rounds++;
        if (n_steps == before)
            break;
    }
    return options->target == HONE_TARGET_HONE ? HONE_OK : run_round(root, options, true, &n_steps, error);
}

hone_status hone__passes_run(hone__graph *root, hone__opt_level level, hone_error *error) {
    return hone__passes_run_with(root, &(hone__pass_options){.level = level}, error);
}

/* What ONNX Runtime runs beyond the standard at the model's opset, and what is lowered to that (pass_lower.c).
 * LayerNormalization is known to its default domain at every opset. */
static bool onnxruntime_knows(const hone__graph *graph, const char *domain, const char *op_type) {
    static const char *const plain[] = {"LayerNormalization", "SimplifiedLayerNormalization", "Gelu", "HardSwish"};
    static const char *const own[] = {"FusedConv", "Silu"};
    if (strcmp(domain, "com.microsoft") == 0)
        return true;
    bool is_own = strcmp(domain, "hone") == 0;
    if ((*domain && !is_own) || hone__graph_get_opset(graph, "") < 7)
        return false;
    return is_own ? is_listed(own, sizeof own / sizeof *own, op_type)
                  : is_listed(plain, sizeof plain / sizeof *plain, op_type);
}

bool hone__pass_may_make(const hone__pass_context *ctx, const char *domain, const char *op_type, int64_t opset) {
    if (!hone__op_find(domain, op_type, opset))
        return false;
    switch (ctx->options->target) {
    case HONE_TARGET_HONE:
        return true;
    case HONE_TARGET_ONNXRUNTIME:
        if (onnxruntime_knows(ctx->graph, domain, op_type))
            return true;
        break;
    case HONE_TARGET_ONNX:
        break;
    }
    return !*domain && hone__graph_get_opset(ctx->graph, "") >= opset;
}
