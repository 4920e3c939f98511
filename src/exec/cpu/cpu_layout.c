/* Assigning layouts; see cpu_layout.h. */
#include "exec/cpu/cpu_layout.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "kernels/conv/conv.h"

#include <stdio.h>
#include <string.h>

enum { MAX_PASSES = 8, GRAIN_FLOATS = 8192 };
/* A reordering reads and writes its bytes in cache, and is a step of its own. */
static const double REORDER_BYTES_PER_SECOND = 20e9, REORDER_STEP_SECONDS = 1e-6;

hone_tensor hone__cpu_layout_tensor(const hone_tensor *plain, size_t block) {
    hone_tensor out = *plain;
    const int64_t b = (int64_t)block;
    const int64_t dims[5] = {plain->dims[0], (plain->dims[1] + b - 1) / b, plain->dims[2], plain->dims[3], b};
    hone__tensor_view(&out, plain->dtype, 5, dims, NULL, 0);
    hone__shape_size(plain->dtype, dims, 5, &out.size); /* checked when the layout was assigned */
    return out;
}

/* ---- which nodes ---- */

typedef struct assigner {
    const hone__exec_model *model;
    const hone__shape_eval *shapes;
    hone__cpu_layout *layout;
    uint32_t *index;   /* [node ids]: place in model->nodes, UINT32_MAX for none */
    bool *on;          /* [n_nodes] */
    double *gain;      /* [n_nodes] seconds */
    uint32_t *region;  /* [n_nodes] */
    bool *is_captured; /* [value count] */
} assigner;

static bool is_static(const hone__shape_value *value) {
    return value->known != HONE_KNOWN_NOTHING && value->desc.kind == HONE_KIND_TENSOR;
}

/* Rank 4, float32, not empty, and its blocked form has a size. */
static bool can_block(const hone__shape_value *value, size_t block) {
    const hone_tensor *t = &value->desc;
    size_t floats;
    if (value->known != HONE_KNOWN_SHAPE || t->kind != HONE_KIND_TENSOR || t->dtype != HONE_DTYPE_FLOAT ||
        t->rank != 4 || t->size == 0)
        return false;
    return hone__conv_blocked_floats((size_t)t->dims[0], (size_t)t->dims[1], (size_t)(t->dims[2] * t->dims[3]), block,
                                     &floats) &&
           floats <= SIZE_MAX / 8 && floats <= INT64_MAX / 8;
}

static hone_status consider(assigner *a, uint32_t i, hone__arena *arena, hone_error *error) {
    const hone__cpu_node *entry = &a->model->nodes[i];
    const hone__node *node = entry->node;
    if (!entry->row || !entry->row->blocked || !node->n_outputs || !node->outputs[0] ||
        a->is_captured[node->outputs[0]->id] || !can_block(&a->shapes->values[node->outputs[0]->id], a->layout->block))
        return HONE_OK;
    const hone_tensor **in = hone__arena_calloc(arena, node->n_inputs + node->n_outputs, sizeof *in);
    if (!in)
        return hone__fail_memory(error, "the plan");
    for (size_t k = 0; k < node->n_inputs; k++) {
        if (node->inputs[k] && !is_static(&a->shapes->values[node->inputs[k]->id]))
            return HONE_OK;
        in[k] = node->inputs[k] ? &a->shapes->values[node->inputs[k]->id].desc : NULL;
    }
    const hone_tensor **out = in + node->n_inputs;
    for (size_t k = 0; k < node->n_outputs; k++) {
        if (!node->outputs[k])
            continue;
        if (!can_block(&a->shapes->values[node->outputs[k]->id], a->layout->block) ||
            a->is_captured[node->outputs[k]->id])
            return HONE_OK;
        out[k] = &a->shapes->values[node->outputs[k]->id].desc;
    }
    hone__cpu_plan ctx = {.config = &a->model->cpu,
                          .node = node,
                          .in = in,
                          .n_in = node->n_inputs,
                          .out = out,
                          .n_out = node->n_outputs,
                          .arena = arena,
                          .block = a->layout->block,
                          .error = error};
    const hone__cpu_blocked *form = entry->row->blocked(entry->state, &ctx);
    for (size_t k = 0; form && k < node->n_inputs; k++)
        if (ctx.blocked_inputs >> k & 1u) {
            const hone__shape_value *value = &a->shapes->values[node->inputs[k]->id];
            if (value->known == HONE_KNOWN_DATA || !can_block(value, a->layout->block))
                form = NULL;
        }
    if (!form)
        return HONE_OK;
    a->layout->forms[i] = form;
    a->layout->wants[i] = ctx.blocked_inputs;
    a->gain[i] = ctx.gain;
    a->on[i] = true;
    return HONE_OK;
}

static bool is_on(const assigner *a, const hone__node *node) {
    const uint32_t i = node ? a->index[node->id] : UINT32_MAX;
    return i != UINT32_MAX && a->on[i];
}

/* Seconds spent on reordering a value. */
static double reorder_cost(const assigner *a, const hone__value *value) {
    const hone_tensor *t = &a->shapes->values[value->id].desc;
    if (!can_block(&a->shapes->values[value->id], a->layout->block))
        return 0.0;
    const bool is_blocked = is_on(a, value->producer);
    bool differs = is_blocked && value->n_output_uses > 0;
    for (size_t u = 0; u < value->n_uses && !differs; u++) {
        const hone__node *node = value->uses[u].node;
        const bool wants = is_on(a, node) && value->uses[u].index < 32 &&
                           (a->layout->wants[a->index[node->id]] >> value->uses[u].index & 1u);
        differs = wants != is_blocked;
    }
    return differs ? 2.0 * (double)t->size / REORDER_BYTES_PER_SECOND + REORDER_STEP_SECONDS : 0.0;
}

static double outputs_cost(const assigner *a, const hone__node *node) {
    double cost = 0.0;
    for (size_t k = 0; k < node->n_outputs; k++)
        cost += node->outputs[k] ? reorder_cost(a, node->outputs[k]) : 0.0;
    return cost;
}

static double cost_around(const assigner *a, uint32_t i) {
    const hone__node *node = a->model->nodes[i].node;
    double cost = (a->on[i] ? -a->gain[i] : 0.0) + outputs_cost(a, node);
    for (size_t k = 0; k < node->n_inputs; k++)
        if (node->inputs[k])
            cost += reorder_cost(a, node->inputs[k]);
    return cost;
}

/* Nodes one at a time, as long as that helps. */
static void refine(assigner *a) {
    bool changed = true;
    for (int pass = 0; pass < MAX_PASSES && changed; pass++) {
        changed = false;
        for (uint32_t i = 0; i < a->model->n_nodes; i++) {
            if (!a->layout->forms[i])
                continue;
            const double before = cost_around(a, i);
            a->on[i] = !a->on[i];
            if (cost_around(a, i) < before)
                changed = true;
            else
                a->on[i] = !a->on[i];
        }
    }
}

static uint32_t find_region(assigner *a, uint32_t i) {
    while (a->region[i] != i)
        i = a->region[i] = a->region[a->region[i]];
    return i;
}

/* Regions: nodes that hand blocked values to each other. One that does not pay as a whole is taken back. sum: room for
 * a number per node. */
static void drop_regions(assigner *a, double *sum) {
    const uint32_t n = (uint32_t)a->model->n_nodes;
    for (uint32_t i = 0; i < n; i++) {
        a->region[i] = i;
        sum[i] = 0.0;
    }
    for (uint32_t i = 0; i < n; i++) {
        const hone__node *node = a->model->nodes[i].node;
        for (size_t k = 0; a->on[i] && k < node->n_inputs; k++)
            if (node->inputs[k] && is_on(a, node->inputs[k]->producer))
                a->region[find_region(a, i)] = find_region(a, a->index[node->inputs[k]->producer->id]);
    }
    for (uint32_t i = 0; i < n; i++) {
        const hone__node *node = a->model->nodes[i].node;
        if (!a->on[i])
            continue;
        double gain = a->gain[i] - outputs_cost(a, node);
        for (size_t k = 0; k < node->n_inputs; k++)
            if (node->inputs[k] && !is_on(a, node->inputs[k]->producer))
                gain -= reorder_cost(a, node->inputs[k]);
        sum[find_region(a, i)] += gain;
    }
    for (uint32_t i = 0; i < n; i++)
        a->on[i] = a->on[i] && sum[find_region(a, i)] > 0.0;
}

/* Values that subgraphs read: they find them by name, and plain. */
static void mark_captured(assigner *a, const hone__graph *graph) {
    HONE_FOR_NODES(node, graph) {
        for (size_t i = 0; graph != a->model->graph && i < node->n_inputs; i++)
            if (node->inputs[i])
                a->is_captured[node->inputs[i]->id] = true;
        HONE_FOR_SUBGRAPHS(sub, node)
        mark_captured(a, sub);
    }
    for (size_t i = 0; graph != a->model->graph && i < graph->n_outputs; i++)
        a->is_captured[graph->outputs[i]->id] = true;
}

static hone_status make_arrays(assigner *a, hone__arena *arena, hone_error *error) {
    const size_t n = a->model->n_nodes + 1, n_ids = hone__graph_node_count(a->model->graph) + 1;
    hone__cpu_layout *layout = a->layout;
    layout->is_blocked =
        hone__arena_calloc(arena, hone__graph_value_count(a->model->graph) + 1, sizeof *layout->is_blocked);
    layout->forms = hone__arena_calloc(arena, n, sizeof *layout->forms);
    layout->wants = hone__arena_calloc(arena, n, sizeof *layout->wants);
    layout->n_reorders = hone__arena_calloc(arena, n, sizeof *layout->n_reorders);
    a->index = hone__malloc(n_ids * sizeof *a->index);
    a->on = hone__calloc(n, sizeof *a->on);
    a->gain = hone__calloc(n, sizeof *a->gain);
    a->region = hone__calloc(n, sizeof *a->region);
    a->is_captured = hone__calloc(hone__graph_value_count(a->model->graph) + 1, sizeof *a->is_captured);
    if (!layout->is_blocked || !layout->forms || !layout->wants || !layout->n_reorders || !a->index || !a->on ||
        !a->gain || !a->region || !a->is_captured)
        return hone__fail_memory(error, "the plan");
    memset(a->index, 0xFF, n_ids * sizeof *a->index);
    return HONE_OK;
}

static _Atomic bool g_is_forced;

void hone__cpu_layout_force(bool on) { g_is_forced = on; }

hone_status hone__cpu_layout_assign(const hone__exec_model *model, const hone__shape_eval *shapes,
                                    hone__cpu_layout_mode mode, hone__arena *arena, hone__cpu_layout *out,
                                    hone_error *error) {
    memset(out, 0, sizeof *out);
    if (mode == HONE_CPU_LAYOUT_PLAIN || model->cpu.conv_search == HONE_CONV_DEFAULT)
        return HONE_OK;
    assigner a = {.model = model, .shapes = shapes, .layout = out};
    double *sum = hone__calloc(model->n_nodes + 1, sizeof *sum);
    hone_status status = HONE_OK;
    out->block = hone__conv_block_size(model->cpu.isa);
    if (!sum) {
        status = hone__fail_memory(error, "the plan");
        goto cleanup;
    }
    HONE_CHECK(make_arrays(&a, arena, error));
    mark_captured(&a, model->graph);
    for (uint32_t i = 0; i < model->n_nodes; i++) {
        a.index[model->nodes[i].node->id] = i;
        HONE_CHECK(consider(&a, i, arena, error));
    }
    if (!model->cpu.force_blocked && !g_is_forced && mode != HONE_CPU_LAYOUT_BLOCKED) {
        refine(&a);
        drop_regions(&a, sum);
    }
    bool any = false;
    for (uint32_t i = 0; i < model->n_nodes; i++) {
        if (a.on[i]) {
            const hone__node *node = model->nodes[i].node;
            for (size_t k = 0; k < node->n_outputs; k++)
                if (node->outputs[k])
                    out->is_blocked[node->outputs[k]->id] = true;
            any = true;
        } else {
            out->forms[i] = NULL;
        }
    }
    snprintf(out->name, sizeof out->name, "nChw%zuc", out->block);
    if (!any)
        out->block = 0;
cleanup:
    hone__free(sum);
    hone__free(a.index);
    hone__free(a.on);
    hone__free(a.gain);
    hone__free(a.region);
    hone__free(a.is_captured);
    return status;
}

/* ---- reordering ---- */

typedef struct reorder_args {
    const float *from;
    float *to;
    size_t c, pixels, parts;
    uint32_t isa;
    bool to_blocked;
} reorder_args;

static void reorder_part(void *arg, size_t task, int thread) {
    const reorder_args *r = arg;
    const size_t part = task % r->parts, index = task / r->parts;
    /* Parts begin at multiples of 16 pixels, a cache line of an NCHW row. */
    const size_t units = (r->pixels + 15) / 16;
    const size_t begin = units * part / r->parts * 16;
    const size_t end = hone__min_size(r->pixels, units * (part + 1) / r->parts * 16);
    (void)thread;
    if (begin >= end)
        return;
    if (r->to_blocked)
        hone__conv_block_from_nchw(r->isa, r->from, r->c, r->pixels, index, begin, end, r->to);
    else
        hone__conv_block_to_nchw(r->isa, r->from, r->c, r->pixels, index, begin, end, r->to);
}

void hone__cpu_layout_reorder(const hone__cpu_config *config, const hone_tensor *from, hone_tensor *to,
                              hone__pool *pool) {
    const bool to_blocked = to->rank == 5;
    const hone_tensor *plain = to_blocked ? from : to, *blocked = to_blocked ? to : from;
    const size_t block = (size_t)blocked->dims[4], pixels = (size_t)(plain->dims[2] * plain->dims[3]);
    reorder_args args = {.from = from->data,
                         .to = to->data,
                         .c = (size_t)plain->dims[1],
                         .pixels = pixels,
                         .isa = config->isa,
                         .to_blocked = to_blocked};
    args.parts = hone__max_size(1, pixels * block / GRAIN_FLOATS);
    const size_t n = (size_t)(blocked->dims[0] * blocked->dims[1]) * args.parts;
    if (n * pixels * block < 2 * GRAIN_FLOATS)
        pool = NULL;
    hone__pool_run(pool, n, reorder_part, &args);
}
