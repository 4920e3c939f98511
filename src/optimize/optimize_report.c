/* What an optimization says about itself, and writing its result; see hone/optimize.h. */
#include "optimize/optimize_internal.h"

#include "base/error.h"
#include "base/strbuf.h"
#include "model/model_export.h"

#include <hone/hone.h>
#include <string.h>

void hone_optimization_get_totals(const hone_optimization *o, hone_optimize_totals *out) {
    memset(out, 0, sizeof *out);
    out->nodes_before = o->nodes_before;
    out->nodes_after = hone__count_nodes(o->graph);
    out->n_rounds = o->report.n_rounds;
    for (size_t i = 0; i < o->report.n_records; i++)
        out->ms += o->report.records[i].ms;
    out->has_costs = o->has_costs;
    if (!o->has_costs)
        return;
    out->flops_before = o->cost_before.flops;
    out->flops_after = o->cost_after.flops;
    out->bytes_before = o->cost_before.bytes;
    out->bytes_after = o->cost_after.bytes;
}

bool hone_optimization_get_pass(const hone_optimization *o, size_t index, hone_pass_effect *out) {
    if (index >= o->report.n_records)
        return false;
    const hone__pass_record *record = &o->report.records[index];
    *out = (hone_pass_effect){.pass = record->pass->name,
                              .has_run = record->has_run,
                              .n_matches = record->n_matches,
                              .n_removed = record->n_removed,
                              .ms = record->ms};
    double flops = o->cost_before.flops, bytes = o->cost_before.bytes;
    for (size_t i = 0; o->has_costs && i < o->n_steps; i++) {
        const hone__optimize_step *step = &o->steps[i];
        if (!step->has_costs)
            continue;
        if (step->pass == record->pass) {
            out->flops += step->flops - flops;
            out->bytes += step->bytes - bytes;
        }
        flops = step->flops;
        bytes = step->bytes;
    }
    return true;
}

size_t hone_optimization_step_count(const hone_optimization *o) { return o->n_steps; }

bool hone_optimization_get_step(const hone_optimization *o, size_t index, hone_optimize_step *out) {
    if (index >= o->n_steps)
        return false;
    const hone__optimize_step *step = &o->steps[index];
    *out = (hone_optimize_step){step->pass->name, step->n_matches, step->n_nodes,
                                step->has_costs,  step->flops,     step->bytes};
    return true;
}

size_t hone_optimization_miss_count(const hone_optimization *o) { return o->report.n_misses; }

bool hone_optimization_get_miss(const hone_optimization *o, size_t index, hone_near_miss_info *out) {
    if (index >= o->report.n_misses)
        return false;
    const hone__near_miss *miss = &o->report.misses[index];
    *out = (hone_near_miss_info){miss->pass->name, miss->node, miss->reason ? miss->reason : "", miss->progress};
    return true;
}

size_t hone_optimization_op_count(const hone_optimization *o) { return o->n_ops; }

hone_op_count hone_optimization_get_op(const hone_optimization *o, size_t index) {
    return index < o->n_ops ? o->ops[index] : (hone_op_count){"", "", 0};
}

/* ---- the file ---- */

#define METADATA_KEY "hone.optimize"

static hone__pb_bytes earlier_record(const hone_model *model) {
    for (size_t i = 0; i < model->proto.metadata_props.n; i++)
        if (hone__pb_is(model->proto.metadata_props.items[i].key, METADATA_KEY))
            return model->proto.metadata_props.items[i].value;
    return (hone__pb_bytes){NULL, 0};
}

/* "hone 0.1.0, ORT_ENABLE_ALL, onnx: fold_batchnorm 53, eliminate_dead 53"; a line per optimisation. */
static void describe(const hone_optimization *o, hone__strbuf *text) {
    static const char *const levels[] = {"ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED",
                                         "ORT_ENABLE_ALL"};
    static const char *const targets[] = {
        [HONE_TARGET_HONE] = "hone", [HONE_TARGET_ONNX] = "onnx", [HONE_TARGET_ONNXRUNTIME] = "onnxruntime"};
    hone__pb_bytes earlier = earlier_record(o->model);
    if (earlier.size) {
        hone__strbuf_append(text, (const char *)earlier.data, earlier.size);
        hone__strbuf_puts(text, "\n");
    }
    hone__strbuf_printf(text, "hone %s, %s, %s:", hone_version(), levels[o->options.level], targets[o->options.target]);
    const char *comma = " ";
    for (size_t i = 0; i < o->report.n_records; i++) {
        const hone__pass_record *record = &o->report.records[i];
        if (!record->n_matches)
            continue;
        hone__strbuf_printf(text, "%s%s %zu", comma, record->pass->name, record->n_matches);
        comma = ", ";
    }
    if (*comma == ' ')
        hone__strbuf_puts(text, " nothing to change");
}

hone_status hone_optimization_save(const hone_optimization *o, const char *path, hone_error *error) {
    hone__strbuf text;
    hone_error_clear(error);
    hone__strbuf_init(&text);
    describe(o, &text);
    hone__pb_bytes record[1][2] = {{hone__pb_text(METADATA_KEY), hone__pb_text(hone__strbuf_text(&text))}};
    hone__export_options options = {
        .metadata = record, .n_metadata = 1, .allow_foreign = o->options.target == HONE_TARGET_HONE};
    hone_status status = text.failed ? hone__fail_memory(error, "a record of passes")
                                     : hone__model_export(o->model, o->graph, path, &options, error);
    hone__strbuf_deinit(&text);
    return status;
}
