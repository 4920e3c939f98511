/* Running the passes for hone_optimize: options, the record of every step, the stages between; see
 * hone/optimize.h. */
#include "optimize/optimize_internal.h"

#include "base/alloc.h"
#include "base/error.h"
#include "ops/op.h"
#include "session/session_internal.h"

#include <stdlib.h>
#include <string.h>

static const char *const g_levels[] = {"ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"};

/* ---- the passes ---- */

size_t hone_pass_count(void) {
    size_t n = 0;
    for (const hone__pass *pass = hone__passes_all(); pass->name; pass++)
        n++;
    return n;
}

bool hone_pass_get(size_t index, hone_pass_info *out) {
    if (index >= hone_pass_count())
        return false;
    const hone__pass *pass = &hone__passes_all()[index];
    *out = (hone_pass_info){pass->name, g_levels[pass->level], pass->help, pass->on_request, pass->is_lowering};
    return true;
}

/* ---- options ---- */

static hone_status parse_level(const char *level, hone__opt_level *out, hone_error *error) {
    *out = HONE_OPT_ALL;
    if (!level)
        return HONE_OK;
    for (int i = 0; i < 4; i++)
        if (strcmp(level, g_levels[i]) == 0) {
            *out = (hone__opt_level)i;
            return HONE_OK;
        }
    hone__fail(error, HONE_ERROR_CONFIG, "there is no optimisation level \"%.80s\"", level);
    hone__error_hint(error, "use one of %s, %s, %s, %s", g_levels[0], g_levels[1], g_levels[2], g_levels[3]);
    return HONE_ERROR_CONFIG;
}

static const hone__pass *find_pass(const hone__pass *table, const char *name) {
    for (const hone__pass *pass = table; pass->name; pass++)
        if (strcmp(pass->name, name) == 0)
            return pass;
    return NULL;
}

/* Copies names of passes, checking that they exist. */
static hone_status copy_names(hone_optimization *o, const hone__pass *table, const char *const *names, size_t n,
                              const char *const **out, size_t *n_out, hone_error *error) {
    const char **copy = hone__arena_calloc(&o->arena, n + 1, sizeof *copy);
    if (!copy)
        return hone__fail_memory(error, "options");
    for (size_t i = 0; i < n; i++) {
        const hone__pass *pass = names[i] ? find_pass(table, names[i]) : NULL;
        if (!pass || pass->is_lowering) {
            hone__fail(error, HONE_ERROR_NOT_FOUND,
                       pass ? "pass \"%.80s\" belongs to the kind of operators and cannot be chosen"
                            : "there is no pass \"%.80s\"",
                       names[i] ? names[i] : "");
            hone__error_hint(error, "'hone optimize --list' names all passes");
            return HONE_ERROR_NOT_FOUND;
        }
        copy[i] = pass->name;
    }
    *out = copy;
    *n_out = n;
    return HONE_OK;
}

static hone_status set_options(hone_optimization *o, const hone_optimize_options *options, const hone__pass *table,
                               hone_error *error) {
    static const hone__op_target targets[] = {
        [HONE_OPERATORS_ONNX] = HONE_TARGET_ONNX,
        [HONE_OPERATORS_ONNXRUNTIME] = HONE_TARGET_ONNXRUNTIME,
        [HONE_OPERATORS_HONE] = HONE_TARGET_HONE,
    };
    hone__pass_options *to = &o->options;
    HONE_FAIL_IF((unsigned)options->operators > HONE_OPERATORS_HONE, error, HONE_ERROR_ARGUMENT,
                 "there is no such set of operators");
    HONE_TRY(parse_level(options->level, &to->level, error));
    to->target = targets[options->operators];
    to->table = table;
    HONE_TRY(copy_names(o, table, options->disable, options->n_disable, &to->disable, &to->n_disable, error));
    HONE_TRY(copy_names(o, table, options->only, options->n_only, &to->only, &to->n_only, error));
    HONE_TRY(copy_names(o, table, options->enable, options->n_enable, &to->enable, &to->n_enable, error));
    o->with_costs = options->with_costs;
    o->cost_shapes = options->cost_shapes;
    o->n_cost_shapes = options->n_cost_shapes;
    return HONE_OK;
}

/* ---- the run ---- */

size_t hone__count_nodes(const hone__graph *graph) {
    size_t n = graph->n_nodes;
    HONE_FOR_NODES(node, graph)
    HONE_FOR_SUBGRAPHS(sub, node)
    n += hone__count_nodes(sub);
    return n;
}

/* A graph whose cost cannot be told (shapes of 1 that do not fit it) is no reason not to optimise it. */
static bool measure_cost(const hone_optimization *o, const hone__graph *graph, hone_model_cost *out) {
    return o->with_costs && hone__graph_cost(graph, o->cost_shapes, o->n_cost_shapes, out, NULL) == HONE_OK;
}

/* After every run of a pass that changed something: the verifier, and the record. */
static hone_status after_pass(void *user, hone__graph *root, const hone__pass *pass, size_t n_changed,
                              hone_error *error) {
    hone_optimization *o = user;
    hone_error fault;
    hone_status status = hone__graph_verify(root, &fault);
    if (status == HONE_ERROR_MEMORY)
        return hone__fail_memory(error, "the verifier");
    if (status != HONE_OK)
        return hone__fail(error, HONE_ERROR_INTERNAL, "pass %s left a graph that is not valid: %s", pass->name,
                          fault.message);
    if (!hone__grow((void **)&o->steps, &o->steps_capacity, o->n_steps + 1, sizeof *o->steps))
        return hone__fail_memory(error, "the record of passes");
    hone__optimize_step *step = &o->steps[o->n_steps++];
    *step = (hone__optimize_step){.pass = pass, .n_matches = n_changed, .n_nodes = hone__count_nodes(root)};
    hone_model_cost cost;
    step->has_costs = o->has_costs && measure_cost(o, root, &cost);
    if (step->has_costs) {
        step->flops = cost.flops;
        step->bytes = cost.bytes;
    }
    return HONE_OK;
}

/* Domains that passes brought in are imported. */
static hone_status import_domains(hone__graph *root, const hone__graph *graph, hone_error *error) {
    HONE_FOR_NODES(node, graph) {
        if (*node->domain && hone__graph_get_opset(root, node->domain) == 0)
            HONE_TRY(hone__graph_set_opset(root, node->domain, node->opset > 0 ? node->opset : 1, error));
        HONE_FOR_SUBGRAPHS(sub, node)
        HONE_TRY(import_domains(root, sub, error));
    }
    return HONE_OK;
}

/* A model has few distinct operators, so that a list is searched faster than a table is made. */
static hone_status count_ops(hone_optimization *o, const hone__graph *graph, size_t *capacity, hone_error *error) {
    HONE_FOR_NODES(node, graph) {
        size_t i = 0;
        const char *domain = *node->domain ? node->domain : "ai.onnx";
        while (i < o->n_ops && (strcmp(o->ops[i].op, node->op_type) != 0 || strcmp(o->ops[i].domain, domain) != 0))
            i++;
        if (i == o->n_ops) {
            if (!hone__grow((void **)&o->ops, capacity, i + 1, sizeof *o->ops))
                return hone__fail_memory(error, "a list of operators");
            o->ops[o->n_ops++] = (hone_op_count){domain, node->op_type, 0};
        }
        o->ops[i].count++;
        HONE_FOR_SUBGRAPHS(sub, node)
        HONE_TRY(count_ops(o, sub, capacity, error));
    }
    return HONE_OK;
}

static hone_status optimise(hone_optimization *o, const hone_optimize_options *options, hone_error *error) {
    size_t capacity = 0;
    HONE_TRY(hone__model_clone_views(o->model, &o->original, error));
    HONE_TRY(hone__graph_fix_shapes(o->original, options->shapes, options->n_shapes, error));
    o->nodes_before = hone__count_nodes(o->original);
    o->has_costs = measure_cost(o, o->original, &o->cost_before);
    HONE_TRY(hone__graph_clone(o->original, &o->graph, error));
    hone__pass_options run = o->options;
    run.report = &o->report;
    run.after = after_pass;
    run.user = o;
    HONE_TRY(hone__passes_run_with(o->graph, &run, error));
    HONE_TRY(import_domains(o->graph, o->graph, error));
    o->has_costs = o->has_costs && measure_cost(o, o->graph, &o->cost_after);
    HONE_TRY(count_ops(o, o->graph, &capacity, error));
    if (o->n_ops)
        qsort(o->ops, o->n_ops, sizeof *o->ops, hone__op_count_compare);
    return HONE_OK;
}

hone_status hone__optimize_with(hone_model *model, const hone_optimize_options *options, const hone__pass *table,
                                hone_optimization **out, hone_error *error) {
    static const hone_optimize_options none;
    *out = NULL;
    hone_error_clear(error);
    HONE_TRY(hone__session_refuse_unsupported(model, error));
    hone_optimization *o = hone__calloc(1, sizeof *o);
    if (!o)
        return hone__fail_memory(error, "an optimization");
    hone__arena_init(&o->arena);
    hone__pass_report_init(&o->report);
    o->model = hone_model_retain(model);
    hone_status status = set_options(o, options ? options : &none, table, error);
    if (status == HONE_OK)
        status = optimise(o, options ? options : &none, error);
    o->cost_shapes = NULL; /* they were the caller's */
    o->n_cost_shapes = 0;
    if (status != HONE_OK) {
        hone__error_file(error, hone_model_path(model), -1);
        hone_optimization_destroy(o);
        return status;
    }
    *out = o;
    return HONE_OK;
}

hone_status hone_optimize(hone_model *model, const hone_optimize_options *options, hone_optimization **out,
                          hone_error *error) {
    return hone__optimize_with(model, options, hone__passes_all(), out, error);
}

void hone_optimization_destroy(hone_optimization *o) {
    if (!o)
        return;
    hone__graph_destroy(o->graph); /* borrows constants from the original */
    hone__graph_destroy(o->original);
    hone__pass_report_deinit(&o->report);
    hone__free(o->steps);
    hone__free(o->ops);
    hone__arena_deinit(&o->arena);
    hone_model_close(o->model);
    hone__free(o);
}

/* ---- stages ---- */

hone_status hone__optimization_stage(const hone_optimization *o, size_t n_steps, hone__graph **out, hone_error *error) {
    if (n_steps >= o->n_steps)
        return hone__graph_clone(o->graph, out, error);
    HONE_TRY(hone__graph_clone(o->original, out, error));
    if (n_steps == 0)
        return HONE_OK;
    hone__pass_options run = o->options;
    run.max_steps = n_steps;
    hone_status status = hone__passes_run_with(*out, &run, error);
    if (status != HONE_OK) {
        hone__graph_destroy(*out);
        *out = NULL;
    }
    return status;
}

hone_status hone_optimization_session(const hone_optimization *o, size_t n_steps, const hone_options *options,
                                      hone_session **out, hone_error *error) {
    hone__graph *graph;
    *out = NULL;
    hone_error_clear(error);
    HONE_TRY(hone__optimization_stage(o, n_steps, &graph, error));
    return hone__session_create_graph(o->model, graph, options, out, error);
}
