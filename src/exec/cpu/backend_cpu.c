/* The CPU backend's table: always there; see exec/backend.h. */
#include "exec/cpu/cpu_context.h"
#include "hw/hw.h"

#include <string.h>

static const hone_tensor *plan_output(const hone__exec_plan *plan, size_t i) {
    const hone__value *value = plan->model->graph->outputs[i];
    const hone__shape_value *known = &plan->shapes.values[value->id];
    if (known->known == HONE_KNOWN_NOTHING || known->desc.dtype == HONE_DTYPE_STRING)
        return NULL;
    return &known->desc;
}

static void context_stats(const hone__exec_context *ctx, hone__exec_stats *stats) {
    stats->arena_size += ctx->memory.reserved;
    stats->arena_peak += ctx->memory.block ? (ctx->plan ? ctx->plan->memory.total : 0) : ctx->memory.peak;
    stats->n_allocations += ctx->memory.n_allocations;
    for (int i = 0; i < ctx->n_workers; i++) {
        stats->arena_size += ctx->scratch[i].reserved;
        stats->n_allocations += ctx->scratch[i].n_allocations;
    }
}

static void model_stats(const hone__exec_model *model, hone__exec_stats *stats) {
    stats->packed_size += model->packed_size;
}

static void plan_stats(const hone__exec_plan *plan, hone__exec_stats *stats) {
    stats->planned_peak = plan->memory.total;
    stats->lower_bound = plan->memory.lower_bound;
    stats->workspace_size = plan->max_workspace;
}

static size_t node_count(const hone__exec_model *model) { return model->n_nodes; }

static void node_report(const hone__exec_model *model, const hone__exec_plan *plan, size_t index,
                        hone_node_report *out) {
    const hone__cpu_node *entry = &model->nodes[index];
    const hone__node *node = entry->node;
    memset(out, 0, sizeof *out);
    out->name = node->name;
    out->op = node->op_type;
    out->domain = *node->domain ? node->domain : "ai.onnx";
    out->backend = "cpu";
    out->kernel = entry->row ? entry->row->name : "reference";
    out->algorithm = "";
    out->detail = entry->detail ? entry->detail : "";
    out->layout = "";
    out->precision = "";
    out->prepare_ms = entry->prepare_ms;
    for (size_t i = 0; i < node->n_outputs && !*out->precision; i++)
        if (node->outputs[i] && node->outputs[i]->type.is_known && node->outputs[i]->type.kind == HONE_KIND_TENSOR)
            out->precision = hone_dtype_name(node->outputs[i]->type.dtype);
    if (!plan)
        return;
    if (plan->layout.block) {
        out->n_reorders = plan->layout.n_reorders[index];
        if (plan->layout.forms[index])
            out->layout = plan->layout.name;
    }
    if (plan->node_step[index] < 0) {
        out->kernel = "planned";
        return;
    }
    const hone__cpu_step *step = &plan->steps[plan->node_step[index]];
    if (!step->is_dynamic || !entry->row)
        out->kernel = step->kernel;
    out->algorithm = step->algorithm;
    if (step->detail)
        out->detail = step->detail;
    if (step->inside && step->node != index) {
        out->detail = step->inside;
        return;
    }
    out->workspace_size = step->workspace_size;
}

const hone__backend hone__backend_cpu = {
    .name = "cpu",
    .prepare = hone__cpu_model_prepare,
    .model_destroy = hone__cpu_model_destroy,
    .plan = hone__cpu_plan_create,
    .plan_destroy = hone__cpu_plan_destroy,
    .plan_output = plan_output,
    .context_create = hone__cpu_context_create,
    .context_destroy = hone__cpu_context_destroy,
    .context_bind = hone__cpu_context_bind,
    .run = hone__cpu_context_run,
    .context_stats = context_stats,
    .model_stats = model_stats,
    .plan_stats = plan_stats,
    .node_count = node_count,
    .node_report = node_report,
};
