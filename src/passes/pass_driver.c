/* Runs passes over a graph and the bodies of its control flow, round after round; see passes.h. */
#include "base/clock.h"
#include "base/error.h"
#include "ops/op.h"
#include "passes/pass_list.h"
#include "passes/pass_report.h"
#include "passes/passes.h"

#include <string.h>

enum { MAX_ROUNDS = 6 };

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

/* ---- what a graph holds ----
 * One walk after each change spares the passes theirs: a pass whose anchors are missing is not run, and bodies are
 * looked for only where there are any. Names are looked up by a hash, so that a collision costs a run and no more. */

enum { N_BITS = 4096 };
typedef struct census {
    uint64_t names[N_BITS / 64];
    size_t n_nodes;
    bool has_bodies;
} census;

static size_t hash_name(const char *name, size_t size) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)name[i]) * 1099511628211u;
    return (size_t)((hash ^ hash >> 20) % N_BITS);
}

static void count_graph(const hone__graph *graph, census *c) {
    const hone__op *last = NULL;
    c->n_nodes += graph->n_nodes;
    HONE_FOR_NODES(node, graph) {
        if (!node->op || node->op == last)
            continue;
        size_t bit = hash_name(node->op->name, strlen(node->op->name));
        c->names[bit / 64] |= (uint64_t)1 << bit % 64;
        bool is_control = (node->op->flags & HONE_OP_CONTROL) != 0;
        last = is_control ? NULL : node->op;
        for (size_t i = 0; is_control && i < node->n_attrs; i++)
            if (node->attrs[i].type == HONE_ATTR_GRAPH) {
                c->has_bodies = true;
                count_graph(node->attrs[i].g, c);
            }
    }
}

static void take_census(const hone__graph *root, census *c) {
    memset(c, 0, sizeof *c);
    count_graph(root, c);
}

static bool has_anchor(const hone__pass *pass, const census *c) {
    for (const char *at = pass->anchors; at && *at;) {
        size_t n = strcspn(at, " "), bit = hash_name(at, n);
        if (c->names[bit / 64] >> bit % 64 & 1)
            return true;
        at += n + (at[n] == ' ');
    }
    return !pass->anchors;
}

/* ---- one pass ---- */

/* Bodies come after the graph that holds them; the loader bounds their nesting. */
static hone_status run_graph(hone__pass_context *ctx, hone__graph *graph, bool has_bodies, hone_error *error) {
    ctx->graph = graph;
    HONE_TRY(ctx->pass->run(ctx, error));
    if (!has_bodies)
        return HONE_OK;
    HONE_FOR_NODES(node, graph) {
        if (!node->op || !(node->op->flags & HONE_OP_CONTROL))
            continue;
        for (size_t i = 0; i < node->n_attrs; i++) {
            const hone__attr *attr = &node->attrs[i];
            if (attr->type == HONE_ATTR_GRAPH)
                HONE_TRY(run_graph(ctx, attr->g, true, error));
        }
    }
    return HONE_OK;
}

/* What the pass's rewrites left behind goes at once, so that it counts as the pass's. */
static hone_status sweep(hone__graph *root, const hone__pass_options *options, bool has_bodies, hone_error *error) {
    static const hone__pass dead = {.name = "eliminate_dead", .run = hone__pass_eliminate_dead};
    hone__pass_context ctx = {.pass = &dead, .options = options};
    return run_graph(&ctx, root, has_bodies, error);
}

/* `c` is the census of the graph as it is, and afterwards again. */
static hone_status run_pass(const hone__pass *pass, hone__graph *root, const hone__pass_options *options, census *c,
                            size_t *n_changed, hone_error *error) {
    hone__pass_report *report = options->report;
    hone__pass_context ctx = {.graph = root, .pass = pass, .options = options};
    uint64_t start = report ? hone__now_ns() : 0;
    size_t before = c->n_nodes;
    hone__pass_report_forget(report, pass);
    HONE_TRY(run_graph(&ctx, root, c->has_bodies, error));
    if (ctx.wants_inference)
        HONE_TRY(hone__graph_infer(root, error));
    *n_changed = ctx.n_changed;
    if (ctx.n_changed) {
        HONE_TRY(sweep(root, options, c->has_bodies, error));
        take_census(root, c);
    }
    if (report) {
        hone__pass_record *record = &report->records[pass - table_of(options)];
        record->has_run = true;
        record->n_matches += ctx.n_changed;
        record->n_removed += (int64_t)before - (int64_t)c->n_nodes;
        record->ms += hone__ms_since(start);
    }
    if (options->after && ctx.n_changed)
        HONE_TRY(options->after(options->user, root, pass, ctx.n_changed, error));
    return HONE_OK;
}

hone_status hone__pass_run_one(const hone__pass *pass, hone__graph *root, size_t *n_changed, hone_error *error) {
    size_t n = 0;
    census c;
    take_census(root, &c);
    hone_status status = run_pass(pass, root, &(hone__pass_options){.level = HONE_OPT_ALL}, &c, &n, error);
    if (n_changed)
        *n_changed = n;
    return status;
}

/* ---- all passes ---- */

typedef struct progress {
    census census;
    size_t n_steps;            /* passes that changed something */
    const hone__pass *settled; /* the last pass that changed something: those behind it have seen the graph as it is */
} progress;

/* Runs the chosen passes once. */
static hone_status run_round(hone__graph *root, const hone__pass_options *options, bool is_lowering, progress *p,
                             hone_error *error) {
    const hone__pass *last = NULL;
    for (const hone__pass *pass = table_of(options); pass->name; pass++) {
        size_t n = 0;
        if (is_lowering ? !pass->is_lowering : !is_chosen(options, pass) || !has_anchor(pass, &p->census))
            continue;
        if (options->max_steps && p->n_steps == options->max_steps)
            break;
        if (!is_lowering && !last && p->settled && pass > p->settled)
            break;
        HONE_TRY(run_pass(pass, root, options, &p->census, &n, error));
        p->n_steps += n > 0;
        if (n)
            last = pass;
    }
    p->settled = last;
    return HONE_OK;
}

hone_status hone__passes_run_with(hone__graph *root, const hone__pass_options *options, hone_error *error) {
    progress p = {.n_steps = 0};
    bool has_passes = options->level != HONE_OPT_DISABLE_ALL || options->n_only || options->n_enable;
    if (options->report)
        HONE_TRY(hone__pass_report_prepare(options->report, table_of(options), error));
    take_census(root, &p.census);
    for (int round = 0; has_passes && round < MAX_ROUNDS; round++) {
        HONE_TRY(run_round(root, options, false, &p, error));
        if (options->report)
            options->report->n_rounds++;
        if (!p.settled)
            break;
    }
    return options->target == HONE_TARGET_HONE ? HONE_OK : run_round(root, options, true, &p, error);
}

hone_status hone__passes_run(hone__graph *root, hone__opt_level level, hone_error *error) {
    return hone__passes_run_with(root, &(hone__pass_options){.level = level}, error);
}

/* What ONNX Runtime runs beyond the standard at the model's opset, and what is lowered to that (pass_lower.c).
 * LayerNormalization is known to its default domain at every opset. Left out are operators that it makes itself where
 * it wants them: EmbedLayerNormalization because 1.30 refuses it without its mask index, which nothing here computes;
 * the skip norms because, written here, ViT-B/16 took 1.05 [1.04, 1.06] of its original's time there, left to it 0.97
 * [0.95, 0.99]. */
static bool onnxruntime_knows(const hone__graph *graph, const char *domain, const char *op_type) {
    static const char *const plain[] = {"LayerNormalization", "SimplifiedLayerNormalization", "Gelu", "HardSwish"};
    static const char *const left_out[] = {"EmbedLayerNormalization", "SkipLayerNormalization",
                                           "SkipSimplifiedLayerNormalization"};
    static const char *const own[] = {"FusedAttention", "FusedConv", "Silu"};
    if (strcmp(domain, "com.microsoft") == 0)
        return !is_listed(left_out, sizeof left_out / sizeof *left_out, op_type);
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
