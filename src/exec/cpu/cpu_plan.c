/* Making a plan; see cpu_plan.h.
 *
 * One walk over the nodes in order. Every value belongs to a buffer; views share their input's, and a
 * kernel that works in place takes over a buffer that nothing needs later. Then the memory planner places
 * the buffers, and those that are graph outputs are given to the caller's memory instead. */
#include "exec/cpu/cpu_plan.h"

#include "exec/cpu/cpu_alias.h"
#include "exec/cpu/cpu_conv_chain.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "exec/cpu/cpu_branches.h"
#include "exec/cpu/cpu_search.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef struct builder {
    hone__exec_plan *plan;
    hone__exec_model *model;
    const hone__graph *graph;
    const hone__cpu_choices *choices;
    uint32_t *index;     /* [node ids]: place in model->nodes */
    uint32_t *chain_end; /* [n_nodes]: the last node of the chain that a node belongs to, or UINT32_MAX */
    hone__cpu_alias alias;
    uint32_t *early; /* [n_ids]: the buffer of a value inside which others lie that come before it */
    hone_error *error;
} builder;

static bool is_plain(const hone__shape_value *value) { /* placed by the planner */
    return value->known == HONE_KNOWN_SHAPE && value->desc.dtype != HONE_DTYPE_STRING;
}

static hone_status new_buffer(builder *b, hone__place place, size_t size, uint32_t step, uint32_t *out) {
    hone__exec_plan *plan = b->plan;
    if (!hone__grow((void **)&plan->buffers, &plan->buffers_capacity, plan->n_buffers + 1, sizeof *plan->buffers))
        return hone__fail_memory(b->error, "the plan");
    plan->buffers[plan->n_buffers] = (hone__cpu_buffer){.place = place, .size = size, .first = step, .last = step};
    *out = (uint32_t)plan->n_buffers++;
    return HONE_OK;
}

static size_t use_count(const hone__value *value) { return value->n_uses + value->n_output_uses; }

/* `at`: bytes from the buffer's beginning. */
static hone_status join_id(builder *b, uint32_t value, uint32_t id, size_t at) {
    hone__cpu_buffer *buffer = &b->plan->buffers[id];
    if (!hone__grow((void **)&buffer->values, &buffer->values_capacity, buffer->n_values + 1, sizeof *buffer->values))
        return hone__fail_memory(b->error, "the plan");
    buffer->values[buffer->n_values++] = value;
    b->plan->value_buffer[value] = id;
    b->plan->value_offset[value] = at;
    return HONE_OK;
}

static hone_status join_buffer(builder *b, const hone__value *value, uint32_t id, size_t at) {
    HONE_TRY(join_id(b, value->id, id, at));
    b->plan->buffers[id].n_pending += use_count(value);
    return HONE_OK;
}

static hone_status add_value(builder *b, const hone__value *value, hone__place place, uint32_t step, uint32_t *out) {
    uint32_t id;
    HONE_TRY(new_buffer(b, place, hone__cpu_plan_desc(b->plan, value->id).size, step, &id));
    if (out)
        *out = id;
    return join_buffer(b, value, id, 0);
}

/* Constants get a buffer when first read. */
static hone_status need_buffer(builder *b, const hone__value *value) {
    if (b->plan->value_buffer[value->id] != HONE_NO_BUFFER)
        return HONE_OK;
    const hone__shape_value *known = &b->plan->shapes.values[value->id];
    uint32_t id;
    HONE_TRY(add_value(b, value, known->known == HONE_KNOWN_DATA ? HONE_PLACE_CONST : HONE_PLACE_RUNTIME, 0, &id));
    b->plan->buffers[id].data = known->desc.data;
    return HONE_OK;
}

hone_tensor hone__cpu_plan_desc(const hone__exec_plan *plan, uint32_t id) {
    const uint32_t value = id < plan->n_values ? id : id - (uint32_t)plan->n_values;
    const hone_tensor *plain = &plan->shapes.values[value].desc;
    if (plan->n_ids > plan->n_values && plan->layout.is_blocked[value] == (id == value))
        return hone__cpu_layout_tensor(plain, plan->layout.block);
    return *plain;
}

/* Whether an id lies inside another one's bytes, or has others inside its own: its buffer, which may have been made for
 * the first of them, and the place there. */
static hone_status find_group(builder *b, uint32_t id, uint32_t step, bool *is_member, uint32_t *buffer, size_t *at) {
    const uint32_t root = hone__cpu_alias_root(&b->alias, id, at);
    *is_member = root != id || b->early[id] != HONE_NO_BUFFER;
    if (!*is_member)
        return HONE_OK;
    if (b->early[root] == HONE_NO_BUFFER)
        HONE_TRY(new_buffer(b, HONE_PLACE_BLOCK, hone__cpu_plan_desc(b->plan, root).size, step, &b->early[root]));
    *buffer = b->early[root];
    b->plan->buffers[*buffer].last = step;
    return HONE_OK;
}

/* The ids that a node's step reads and writes, each value in its own layout; NULL when out of memory. */
static uint32_t *step_ids(builder *b, const hone__node *node) {
    uint32_t *ids = hone__arena_calloc(&b->plan->arena, node->n_inputs + node->n_outputs, sizeof *ids);
    for (size_t i = 0; ids && i < node->n_inputs; i++)
        ids[i] = node->inputs[i] ? node->inputs[i]->id : HONE_NO_BUFFER;
    for (size_t i = 0; ids && i < node->n_outputs; i++)
        ids[node->n_inputs + i] = node->outputs[i] ? node->outputs[i]->id : HONE_NO_BUFFER;
    return ids;
}

static hone_status push_step(builder *b, const hone__cpu_step *step) {
    hone__exec_plan *plan = b->plan;
    if (!hone__grow((void **)&plan->steps, &plan->steps_capacity, plan->n_steps + 1, sizeof *plan->steps))
        return hone__fail_memory(b->error, "the plan");
    plan->steps[plan->n_steps++] = *step;
    return HONE_OK;
}

/* The id of a value in the layout that is wanted; a step that reorders it is added where that does not exist yet. The
 * step counts as part of node `index`. */
static hone_status in_layout(builder *b, const hone__value *value, bool want_blocked, uint32_t index, bool adds_time,
                             uint32_t *out) {
    hone__exec_plan *plan = b->plan;
    *out = value->id;
    if (plan->n_ids == plan->n_values || plan->layout.is_blocked[value->id] == want_blocked)
        return HONE_OK;
    *out = value->id + (uint32_t)plan->n_values;
    if (plan->value_buffer[*out] != HONE_NO_BUFFER)
        return HONE_OK;
    const uint32_t at = (uint32_t)plan->n_steps;
    uint32_t id;
    bool is_member;
    size_t offset;
    HONE_TRY(find_group(b, *out, at, &is_member, &id, &offset));
    if (!is_member)
        HONE_TRY(new_buffer(b, HONE_PLACE_BLOCK, hone__cpu_plan_desc(plan, *out).size, at, &id));
    HONE_TRY(join_id(b, *out, id, is_member ? offset : 0));
    plan->buffers[plan->value_buffer[value->id]].last = at;
    uint32_t *ids = hone__arena_calloc(&plan->arena, 2, sizeof *ids);
    if (!ids)
        return hone__fail_memory(b->error, "the plan");
    ids[0] = value->id;
    ids[1] = *out;
    plan->layout.n_reorders[index]++;
    return push_step(b, &(hone__cpu_step){.node = index,
                                          .ids = ids,
                                          .n_in = 1,
                                          .n_out = 1,
                                          .is_reorder = true,
                                          .adds_time = adds_time,
                                          .workspace = HONE_NO_BUFFER,
                                          .kernel = "reorder",
                                          .algorithm = ""});
}

static void touch(builder *b, const hone__value *value, uint32_t step) {
    hone__cpu_buffer *buffer = &b->plan->buffers[b->plan->value_buffer[value->id]];
    buffer->last = step;
    if (buffer->n_pending)
        buffer->n_pending--;
}

/* Values of the outer graph that a node's subgraphs read. */
static hone_status touch_captured(builder *b, const hone__graph *sub, uint32_t step);

static hone_status touch_attributes(builder *b, const hone__node *node, uint32_t step) {
    HONE_FOR_SUBGRAPHS(sub, node)
    HONE_TRY(touch_captured(b, sub, step));
    return HONE_OK;
}

static hone_status touch_captured_node(builder *b, const hone__node *node, uint32_t step) {
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        if (value && value->graph == b->graph) {
            HONE_TRY(need_buffer(b, value));
            touch(b, value, step);
        }
    }
    return touch_attributes(b, node, step);
}

static hone_status touch_captured(builder *b, const hone__graph *sub, uint32_t step) {
    HONE_FOR_NODES(node, sub)
    HONE_TRY(touch_captured_node(b, node, step));
    for (size_t i = 0; i < sub->n_outputs; i++)
        if (sub->outputs[i]->graph == b->graph) {
            HONE_TRY(need_buffer(b, sub->outputs[i]));
            touch(b, sub->outputs[i], step);
        }
    return HONE_OK;
}

/* Of a value that is read in its other layout, the use is counted and that layout's buffer lives on. */
static hone_status touch_inputs(builder *b, const hone__node *node, const uint32_t *ids, uint32_t step) {
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        if (!value)
            continue;
        const uint32_t last = b->plan->buffers[b->plan->value_buffer[value->id]].last;
        touch(b, value, ids[i] == value->id ? step : last);
        b->plan->buffers[b->plan->value_buffer[ids[i]]].last = step;
    }
    return touch_attributes(b, node, step);
}

/* Nodes without a step. Their inputs' uses are over, which does not keep the bytes any longer: that is for the outputs
 * that join them. */
static hone_status touch_alias(builder *b, const hone__node *node) {
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i]) {
            HONE_TRY(need_buffer(b, node->inputs[i]));
            touch(b, node->inputs[i], b->plan->buffers[b->plan->value_buffer[node->inputs[i]->id]].last);
        }
    return HONE_OK;
}

/* Same bytes, another shape; or parts of them (offsets, one per output). */
static hone_status add_alias(builder *b, uint32_t index, const size_t *offsets) {
    const hone__node *node = b->model->nodes[index].node;
    uint32_t source;
    HONE_TRY(need_buffer(b, node->inputs[0]));
    HONE_TRY(in_layout(b, node->inputs[0], hone__cpu_layout_wants(&b->plan->layout, index, 0), index, false, &source));
    const uint32_t id = b->plan->value_buffer[source];
    const size_t at = b->plan->value_offset[source];
    HONE_TRY(touch_alias(b, node));
    if (!offsets)
        return join_buffer(b, node->outputs[0], id, at);
    for (size_t i = 0; i < node->n_outputs; i++)
        HONE_TRY(join_buffer(b, node->outputs[i], id, at + offsets[i]));
    return HONE_OK;
}

enum { MAX_PARTS = 256 };

/* A Concat whose inputs were all written into its output has nothing left to do. *done tells. */
static hone_status add_joined(builder *b, uint32_t index, const uint32_t *ids, bool *done) {
    const hone__node *node = b->model->nodes[index].node;
    const hone__exec_plan *plan = b->plan;
    size_t offsets[MAX_PARTS], at;
    *done = false;
    if (strcmp(node->op_type, "Concat") != 0 || node->n_inputs > MAX_PARTS ||
        !hone__cpu_alias_pieces(plan, index, ids, offsets))
        return HONE_OK;
    const uint32_t out = node->outputs[0]->id, root = hone__cpu_alias_root(&b->alias, out, &at);
    const uint32_t buffer = b->early[root];
    for (size_t i = 0; i < node->n_inputs; i++)
        if (buffer == HONE_NO_BUFFER || plan->value_buffer[ids[i]] != buffer ||
            plan->value_offset[ids[i]] != at + offsets[i])
            return HONE_OK;
    *done = true;
    HONE_TRY(touch_alias(b, node));
    return join_buffer(b, node->outputs[0], buffer, at);
}

void *hone__cpu_plan_alloc_packed(hone__cpu_plan *ctx, size_t size) {
    return hone__cpu_model_alloc_packed(ctx->user, size, ctx->error);
}

/* Asks the kernel's row for algorithm and workspace. */
static hone_status plan_kernel(builder *b, const hone__cpu_node *entry, hone__cpu_step *step, int8_t *inplace) {
    const hone__node *node = entry->node;
    const hone__cpu_blocked *blocked = hone__cpu_layout_form(&b->plan->layout, step->node);
    const hone_tensor **in = hone__arena_calloc(&b->plan->arena, node->n_inputs, sizeof *in);
    const hone_tensor **out = hone__arena_calloc(&b->plan->arena, node->n_outputs, sizeof *out);
    if (!in || !out)
        return hone__fail_memory(b->error, "the plan");
    for (size_t i = 0; i < node->n_inputs; i++)
        in[i] = node->inputs[i] ? &b->plan->shapes.values[node->inputs[i]->id].desc : NULL;
    for (size_t i = 0; i < node->n_outputs; i++)
        out[i] = node->outputs[i] ? &b->plan->shapes.values[node->outputs[i]->id].desc : NULL;
    if (blocked && blocked->is_physical) {
        hone_tensor *as_lies = hone__arena_calloc(&b->plan->arena, node->n_inputs + node->n_outputs, sizeof *as_lies);
        if (!as_lies)
            return hone__fail_memory(b->error, "the plan");
        for (size_t i = 0; i < node->n_inputs + node->n_outputs; i++) {
            if (step->ids[i] == HONE_NO_BUFFER)
                continue;
            as_lies[i] = hone__cpu_plan_desc(b->plan, step->ids[i]);
            if (i < node->n_inputs)
                in[i] = &as_lies[i];
            else
                out[i - node->n_inputs] = &as_lies[i];
        }
    }
    hone_status (*plan_node)(const void *, hone__cpu_plan *) =
        blocked && blocked->plan ? blocked->plan : entry->row->plan;
    hone__cpu_plan ctx = {.config = &b->model->cpu,
                          .node = node,
                          .in = in,
                          .n_in = node->n_inputs,
                          .out = out,
                          .n_out = node->n_outputs,
                          .arena = &b->plan->arena,
                          .alloc_packed = hone__cpu_plan_alloc_packed,
                          .user = b->model,
                          .work = &b->model->work,
                          .inplace_input = -1,
                          .block = blocked ? b->plan->layout.block : 0,
                          .rank = b->choices->ranks ? b->choices->ranks[step->node] : 0,
                          .keeps = b->choices->keeps,
                          .trial = b->choices->trial ? b->choices->trial->id : 0,
                          .alloc_trial = hone__cpu_trial_alloc,
                          .trial_user = b->choices->trial,
                          .error = b->error};
    if (plan_node) {
        hone_status status = plan_node(entry->state, &ctx);
        if (status != HONE_OK) {
            hone__error_node(b->error, node->name);
            return status;
        }
    }
    if (ctx.is_declined) {
        assert(!blocked); /* who declines gives no blocked form */
        step->row = NULL;
        step->run = NULL;
        return HONE_OK;
    }
    step->plan_state = ctx.plan_state;
    step->workspace_size = ctx.workspace_size;
    step->run = blocked && blocked->run ? blocked->run : entry->row->run;
    step->kernel = ctx.kernel ? ctx.kernel : blocked ? blocked->name : entry->row->name;
    step->algorithm = ctx.algorithm ? ctx.algorithm : "";
    step->detail = ctx.detail;
    step->n_ranks = ctx.n_ranks;
    step->choice_key = ctx.choice_key;
    *inplace = ctx.inplace_input;
    return HONE_OK;
}

/* The input's buffer may become the output's: the kernel can work in place, the bytes are the planner's, as
 * many as needed, and nothing reads them later. */
static bool may_take_over(const builder *b, const hone__node *node, const uint32_t *ids, int8_t inplace) {
    if (inplace < 0 || !b->model->config.use_mem_reuse || (size_t)inplace >= node->n_inputs || !node->inputs[inplace])
        return false;
    if (ids[inplace] != node->inputs[inplace]->id)
        return false; /* the copy in the other layout may have further readers */
    const hone__cpu_buffer *buffer = &b->plan->buffers[b->plan->value_buffer[node->inputs[inplace]->id]];
    const size_t in = hone__cpu_plan_desc(b->plan, ids[inplace]).size;
    const size_t out = hone__cpu_plan_desc(b->plan, node->outputs[0]->id).size;
    for (size_t i = 0; i < node->n_inputs; i++) {
        /* Another input with the same bytes, itself or a view of it, is read after they are overwritten, unless element
         * i of the output comes from element i of both. */
        if (i == (size_t)inplace || !node->inputs[i] ||
            b->plan->value_buffer[ids[i]] != b->plan->value_buffer[ids[inplace]])
            continue;
        if (!(node->op->flags & HONE_OP_ELEMENTWISE) || hone__cpu_plan_desc(b->plan, ids[i]).size != in)
            return false;
    }
    /* A copy in the other layout of which this is a view: uses of the copy are counted where the value itself lies. */
    for (size_t i = 0; i < buffer->n_values; i++)
        if (buffer->values[i] >= b->plan->n_values) {
            const uint32_t own = b->plan->value_buffer[buffer->values[i] - b->plan->n_values];
            if (own == HONE_NO_BUFFER || b->plan->buffers[own].n_pending)
                return false;
        }
    return buffer->place == HONE_PLACE_BLOCK && buffer->n_pending == 0 && in == out && buffer->size == out &&
           b->plan->value_offset[ids[inplace]] == 0;
}

static hone_status add_outputs(builder *b, const hone__node *node, const uint32_t *ids, uint32_t at, int8_t inplace) {
    for (size_t i = 0; i < node->n_outputs; i++) {
        const hone__value *value = node->outputs[i];
        if (!value)
            continue;
        bool is_member;
        uint32_t buffer;
        size_t offset;
        HONE_TRY(find_group(b, value->id, at, &is_member, &buffer, &offset));
        if (!is_plain(&b->plan->shapes.values[value->id]))
            HONE_TRY(add_value(b, value, HONE_PLACE_RUNTIME, at, NULL));
        else if (is_member)
            HONE_TRY(join_buffer(b, value, buffer, offset));
        else if (i == 0 && may_take_over(b, node, ids, inplace))
            HONE_TRY(join_buffer(b, value, b->plan->value_buffer[node->inputs[inplace]->id], 0));
        else
            HONE_TRY(add_value(b, value, HONE_PLACE_BLOCK, at, NULL));
    }
    return HONE_OK;
}

static bool inputs_known(builder *b, const hone__node *node, hone_status *status) {
    const hone__exec_plan *plan = b->plan;
    bool known = true;
    for (size_t i = 0; i < node->n_inputs && *status == HONE_OK; i++)
        if (node->inputs[i]) {
            *status = need_buffer(b, node->inputs[i]);
            if (*status != HONE_OK)
                return false;
            const hone__shape_value *value = &plan->shapes.values[node->inputs[i]->id];
            known &= plan->buffers[plan->value_buffer[node->inputs[i]->id]].place != HONE_PLACE_RUNTIME;
            /* Containers that are graph inputs come with each call: the plan's view of them is empty. */
            known &= value->known != HONE_KNOWN_NOTHING && value->desc.kind == HONE_KIND_TENSOR;
        }
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i])
            known &= is_plain(&plan->shapes.values[node->outputs[i]->id]);
    return known;
}

static hone__cpu_step new_step(builder *b, uint32_t index) {
    const hone__cpu_node *entry = &b->model->nodes[index];
    const hone__node *node = entry->node;
    return (hone__cpu_step){.node = index,
                            .ids = step_ids(b, node),
                            .n_in = (uint32_t)node->n_inputs,
                            .n_out = (uint32_t)node->n_outputs,
                            .row = entry->row,
                            .run = entry->row ? entry->row->run : NULL,
                            .workspace = HONE_NO_BUFFER,
                            .kernel = "reference",
                            .algorithm = ""};
}

static hone_status add_workspace(builder *b, hone__cpu_step *step, uint32_t at) {
    b->plan->max_workspace = hone__max_size(b->plan->max_workspace, step->workspace_size);
    return step->workspace_size ? new_buffer(b, HONE_PLACE_BLOCK, step->workspace_size, at, &step->workspace) : HONE_OK;
}

/* planned: the step of a node whose kernel has been planned already, or NULL; inplace: of that kernel. */
static hone_status add_step(builder *b, uint32_t index, const hone__cpu_step *planned, int8_t inplace) {
    hone__exec_plan *plan = b->plan;
    const hone__cpu_node *entry = &b->model->nodes[index];
    const hone__node *node = entry->node;
    hone__cpu_step step = planned ? *planned : new_step(b, index);
    if (!step.ids)
        return hone__fail_memory(b->error, "the plan");
    hone_status status = HONE_OK;
    step.is_dynamic = !inputs_known(b, node, &status);
    HONE_TRY(status);
    const size_t n_before = plan->n_steps;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i])
            HONE_TRY(in_layout(b, node->inputs[i], hone__cpu_layout_wants(&plan->layout, index, i), index,
                               plan->n_steps > n_before, &step.ids[i]));
    bool is_joined;
    HONE_TRY(add_joined(b, index, step.ids, &is_joined));
    if (is_joined)
        return HONE_OK;
    step.adds_time = plan->n_steps > n_before;
    const uint32_t at = (uint32_t)plan->n_steps;
    plan->has_dynamic |= step.is_dynamic;
    if (entry->row && !step.is_dynamic && !planned)
        HONE_TRY(plan_kernel(b, entry, &step, &inplace));
    HONE_TRY(touch_inputs(b, node, step.ids, at));
    HONE_TRY(add_outputs(b, node, step.ids, at, inplace));
    HONE_TRY(add_workspace(b, &step, at));
    plan->node_step[index] = (int32_t)at;
    return push_step(b, &step);
}

/* ---- chains of convolutions ---- */

/* Which input of a multiplication is one number per image and channel of the other; 2: none. */
static size_t scale_input(const builder *b, const hone__node *node) {
    if (strcmp(node->op_type, "Mul") != 0 || *node->domain || node->n_inputs != 2)
        return 2;
    for (size_t i = 0; i < 2; i++) {
        const hone_tensor *s = &b->plan->shapes.values[node->inputs[i]->id].desc;
        const hone_tensor *x = &b->plan->shapes.values[node->inputs[1 - i]->id].desc;
        if (s->rank == 4 && x->rank == 4 && s->dims[0] == x->dims[0] && s->dims[1] == x->dims[1] && s->dims[2] == 1 &&
            s->dims[3] == 1 && x->dims[2] * x->dims[3] > 1)
            return i;
    }
    return 2;
}

/* Where the step of a chain reads input i of its part k; HONE_CONV_CHAIN_INPUTS: it does not. */
static size_t chain_input(const builder *b, const hone__node *node, size_t k, size_t i) {
    const size_t scale = scale_input(b, node);
    if (scale < 2)
        return i == scale ? HONE_CONV_CHAIN_SCALE : HONE_CONV_CHAIN_X;
    const size_t at[4] = {k == 0 ? HONE_CONV_CHAIN_X : HONE_CONV_CHAIN_INPUTS, HONE_CONV_CHAIN_INPUTS,
                          HONE_CONV_CHAIN_BIAS + k, HONE_CONV_CHAIN_Z};
    return i < 4 ? at[i] : HONE_CONV_CHAIN_INPUTS;
}

/* Notes the nodes that may become chains: their steps are planned together, when the last one's turn comes. */
static void find_chains(builder *b) {
    const hone__cpu_layout *layout = &b->plan->layout;
    for (uint32_t i = 0; i < b->model->n_nodes; i++)
        b->index[b->model->nodes[i].node->id] = i;
    for (uint32_t i = 0; i < b->model->n_nodes; i++)
        b->chain_end[i] = UINT32_MAX;
    for (uint32_t i = 0; i < b->model->n_nodes && layout->block; i++) {
        const hone__node *nodes[HONE_CONV_CHAIN_MAX] = {b->model->nodes[i].node};
        size_t n = 0;
        if (b->chain_end[i] != UINT32_MAX)
            continue;
        if (scale_input(b, nodes[0]) < 2) {
            nodes[1] = hone__conv_chain_scaled(nodes[0]);
            n = nodes[1] ? 2 : 0;
        } else {
            n = hone__conv_chain_nodes(nodes[0], nodes);
        }
        for (size_t k = 0; k < n; k++)
            if (!hone__cpu_layout_form(layout, b->index[nodes[k]->id]))
                n = k;
        for (size_t k = 0; k < n && n >= 2; k++)
            b->chain_end[b->index[nodes[k]->id]] = b->index[nodes[n - 1]->id];
    }
}

/* The one step of a chain, at the place of its last node. What lies between its nodes gets no memory. */
static hone_status add_chain_step(builder *b, const hone__cpu_step *parts, size_t n, hone__cpu_step *step) {
    hone__exec_plan *plan = b->plan;
    const hone__node *last = b->model->nodes[step->node].node;
    step->ids = hone__arena_calloc(&plan->arena, HONE_CONV_CHAIN_INPUTS + 1, sizeof *step->ids);
    if (!step->ids)
        return hone__fail_memory(b->error, "the plan");
    step->n_in = HONE_CONV_CHAIN_INPUTS;
    for (size_t i = 0; i < HONE_CONV_CHAIN_INPUTS; i++)
        step->ids[i] = HONE_NO_BUFFER;
    step->ids[HONE_CONV_CHAIN_INPUTS] = last->outputs[0]->id;
    const size_t n_before = plan->n_steps;
    for (size_t k = 0; k < n; k++) {
        const hone__node *node = b->model->nodes[parts[k].node].node;
        for (size_t i = k > 0 ? 1 : 0; i < node->n_inputs; i++) {
            uint32_t id;
            if (!node->inputs[i])
                continue;
            HONE_TRY(need_buffer(b, node->inputs[i]));
            HONE_TRY(in_layout(b, node->inputs[i], hone__cpu_layout_wants(&plan->layout, parts[k].node, i), step->node,
                               plan->n_steps > n_before, &id));
            if (chain_input(b, node, k, i) < HONE_CONV_CHAIN_INPUTS)
                step->ids[chain_input(b, node, k, i)] = id;
        }
    }
    step->adds_time = plan->n_steps > n_before;
    const uint32_t at = (uint32_t)plan->n_steps;
    for (size_t k = 0; k < n; k++) {
        const hone__node *node = b->model->nodes[parts[k].node].node;
        for (size_t i = k > 0 ? 1 : 0; i < node->n_inputs; i++)
            if (node->inputs[i]) {
                const uint32_t last_use = plan->buffers[plan->value_buffer[node->inputs[i]->id]].last;
                uint32_t id;
                HONE_TRY(in_layout(b, node->inputs[i], hone__cpu_layout_wants(&plan->layout, parts[k].node, i),
                                   step->node, true, &id));
                touch(b, node->inputs[i], id == node->inputs[i]->id ? at : last_use);
                plan->buffers[plan->value_buffer[id]].last = at;
            }
        plan->node_step[parts[k].node] = (int32_t)at;
    }
    HONE_TRY(add_outputs(b, last, step->ids, at, -1));
    HONE_TRY(add_workspace(b, step, at));
    char text[160];
    snprintf(text, sizeof text, "one step with %s", last->name ? last->name : "the node after it");
    step->inside = hone__arena_strdup(&plan->arena, text);
    step->n_ranks = 0; /* its parts keep the rules' choices: what a chain saves is more than another algorithm does */
    step->choice_key = NULL;
    return push_step(b, step);
}

/* How many of the n planned parts run as one step, which is filled: 0 when none do. */
static size_t join_chain(builder *b, const hone__cpu_step *parts, size_t n, hone__cpu_step *step) {
    if (scale_input(b, b->model->nodes[parts[0].node].node) < 2) {
        *step = parts[1];
        return hone__conv_chain_join_scaled(&b->model->cpu, &parts[1], &b->plan->arena, step) ? 2 : 0;
    }
    for (size_t joined = n; joined >= 2; joined--) {
        *step = parts[joined - 1];
        if (hone__conv_chain_join(&b->model->cpu, parts, joined, &b->plan->arena, step))
            return joined;
    }
    return 0;
}

/* The nodes of a chain, whose last is `end`: as one step, or the first two as one, or one by one. */
static hone_status add_chain(builder *b, uint32_t end) {
    hone__cpu_step parts[HONE_CONV_CHAIN_MAX], step;
    int8_t inplace[HONE_CONV_CHAIN_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i <= end; i++) {
        if (b->chain_end[i] != end)
            continue;
        assert(n < HONE_CONV_CHAIN_MAX);
        parts[n] = new_step(b, i);
        inplace[n] = -1;
        if (!parts[n].ids)
            return hone__fail_memory(b->error, "the plan");
        HONE_TRY(plan_kernel(b, &b->model->nodes[i], &parts[n], &inplace[n]));
        n++;
    }
    const size_t joined = join_chain(b, parts, n, &step);
    if (joined)
        HONE_TRY(add_chain_step(b, parts, joined, &step));
    for (size_t k = joined; k < n; k++)
        HONE_TRY(add_step(b, parts[k].node, &parts[k], inplace[k]));
    return HONE_OK;
}

/* The id of each graph output: a blocked one is reordered, as part of its producer. */
static hone_status deliver_plain(builder *b) {
    hone__exec_plan *plan = b->plan;
    for (size_t i = 0; i < b->graph->n_outputs; i++) {
        const hone__value *value = b->graph->outputs[i];
        uint32_t index = 0;
        while (plan->layout.block && index + 1 < b->model->n_nodes && b->model->nodes[index].node != value->producer)
            index++;
        HONE_TRY(need_buffer(b, value));
        HONE_TRY(in_layout(b, value, false, index, true, &plan->output_ids[i]));
        if (plan->output_ids[i] != value->id)
            plan->buffers[plan->value_buffer[plan->output_ids[i]]].n_pending++;
    }
    return HONE_OK;
}

static bool is_computed(const builder *b, const hone__node *node) {
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && b->plan->shapes.values[node->outputs[i]->id].known != HONE_KNOWN_DATA)
            return false;
    return true;
}

/* Graph outputs: written in place where the buffer is the planner's and not another output's already. */
static void place_outputs(builder *b) {
    for (size_t i = 0; i < b->graph->n_outputs; i++) {
        const hone__value *value = b->graph->outputs[i];
        uint32_t id = b->plan->value_buffer[b->plan->output_ids[i]];
        if (id == HONE_NO_BUFFER)
            continue;
        hone__cpu_buffer *buffer = &b->plan->buffers[id];
        if (buffer->place != HONE_PLACE_BLOCK || buffer->size != b->plan->shapes.values[value->id].desc.size ||
            b->plan->value_offset[b->plan->output_ids[i]] != 0)
            continue;
        buffer->place = HONE_PLACE_OUTPUT;
        buffer->index = (uint32_t)i;
        b->plan->output_in_place[i] = true;
    }
}

static hone_status place_block(builder *b) {
    hone__exec_plan *plan = b->plan;
    uint32_t n_times = plan->n_steps ? (uint32_t)plan->n_steps : 1, *depths = NULL;
    if (b->choices->has_branches)
        HONE_TRY(hone__cpu_branches_sort(plan, &depths, &n_times, b->error));
    plan->records = hone__arena_calloc(&plan->arena, plan->n_buffers, sizeof *plan->records);
    if (!plan->records)
        return hone__fail_memory(b->error, "the plan");
    for (size_t i = 0; i < plan->n_buffers; i++) {
        hone__cpu_buffer *buffer = &plan->buffers[i];
        if (buffer->place != HONE_PLACE_BLOCK && buffer->place != HONE_PLACE_RUNTIME)
            continue;
        if (buffer->n_pending) /* a graph output that is delivered after the last step: no step may free it */
            buffer->last = UINT32_MAX;
        if (buffer->place != HONE_PLACE_BLOCK)
            continue;
        buffer->index = (uint32_t)plan->n_records;
        const bool ends = buffer->last < plan->n_steps;
        plan->records[plan->n_records++] = (hone__mem_record){.size = buffer->size,
                                                              .first = depths ? depths[buffer->first] : buffer->first,
                                                              .last = !ends    ? n_times - 1
                                                                      : depths ? depths[buffer->last]
                                                                               : buffer->last};
    }
    return hone__mem_plan(plan->records, plan->n_records, n_times, b->model->config.use_mem_reuse, &plan->memory,
                          b->error);
}

static hone_status build(builder *b) {
    hone__exec_plan *plan = b->plan;
    b->index = hone__arena_calloc(&plan->arena, hone__graph_node_count(b->graph) + 1, sizeof *b->index);
    b->chain_end = hone__arena_calloc(&plan->arena, b->model->n_nodes + 1, sizeof *b->chain_end);
    if (!b->index || !b->chain_end)
        return hone__fail_memory(b->error, "the plan");
    find_chains(b);
    for (size_t i = 0; i < b->graph->n_inputs; i++) {
        uint32_t id;
        const hone__value *value = b->graph->inputs[i];
        if (plan->value_buffer[value->id] != HONE_NO_BUFFER)
            continue;
        HONE_TRY(add_value(b, value, HONE_PLACE_INPUT, 0, &id));
        plan->buffers[id].index = (uint32_t)i;
    }
    for (uint32_t i = 0; i < b->model->n_nodes; i++) {
        const hone__node *node = b->model->nodes[i].node;
        plan->node_step[i] = -1;
        if (is_computed(b, node))
            continue;
        if (b->chain_end[i] != UINT32_MAX) {
            if (b->chain_end[i] == i)
                HONE_TRY(add_chain(b, i));
            continue;
        }
        size_t offsets[MAX_PARTS];
        if (hone__cpu_alias_is_view(plan, node))
            HONE_TRY(add_alias(b, i, NULL));
        else if (hone__cpu_alias_parts(plan, i, offsets))
            HONE_TRY(add_alias(b, i, offsets));
        else
            HONE_TRY(add_step(b, i, NULL, -1));
    }
    HONE_TRY(deliver_plain(b));
    place_outputs(b);
    return place_block(b);
}

static hone_status make_groups(builder *b) {
    const size_t n = b->plan->n_ids + 1;
    b->alias.parent = hone__malloc(n * sizeof *b->alias.parent);
    b->alias.offset = hone__calloc(n, sizeof *b->alias.offset);
    b->early = hone__malloc(n * sizeof *b->early);
    if (!b->alias.parent || !b->alias.offset || !b->early)
        return hone__fail_memory(b->error, "the plan");
    memset(b->early, 0xFF, n * sizeof *b->early);
    return hone__cpu_alias_assign(b->plan, !b->choices->has_branches, &b->alias, b->error);
}

static hone_status check_output_names(const builder *b) {
    for (size_t i = 0; i < b->graph->n_outputs; i++) {
        const hone__value *value = b->graph->outputs[i];
        HONE_FAIL_IF(!value->producer && !value->is_input && !value->constant, b->error, HONE_ERROR_MODEL,
                     "graph output \"%s\" is produced by no node", value->name);
    }
    return HONE_OK;
}

hone_status hone__cpu_plan_make(hone__exec_model *model, const hone_tensor *const *inputs,
                                const hone__cpu_choices *choices, hone__exec_plan **out, hone_error *error) {
    static const hone__cpu_choices none;
    *out = NULL;
    hone__exec_plan *plan = hone__calloc(1, sizeof *plan);
    if (!plan)
        return hone__fail_memory(error, "the plan");
    plan->model = model;
    hone__arena_init(&plan->arena);
    const hone__graph *graph = model->graph;
    builder b = {.plan = plan, .model = model, .graph = graph, .choices = choices ? choices : &none, .error = error};
    size_t n_values = hone__graph_value_count(graph);
    hone_status status = HONE_OK;
    pthread_mutex_lock(&model->plan_lock);
    plan->n_values = plan->n_ids = n_values;
    plan->value_buffer = hone__malloc((2 * n_values + 1) * sizeof *plan->value_buffer);
    plan->value_offset = hone__calloc(2 * n_values + 1, sizeof *plan->value_offset);
    plan->output_ids = hone__calloc(graph->n_outputs + 1, sizeof *plan->output_ids);
    plan->node_step = hone__calloc(model->n_nodes + 1, sizeof *plan->node_step);
    plan->output_in_place = hone__calloc(graph->n_outputs + 1, sizeof *plan->output_in_place);
    if (!plan->value_buffer || !plan->value_offset || !plan->node_step || !plan->output_in_place || !plan->output_ids) {
        status = hone__fail_memory(error, "the plan");
        goto cleanup;
    }
    memset(plan->value_buffer, 0xFF, (2 * n_values + 1) * sizeof *plan->value_buffer);
    HONE_CHECK(check_output_names(&b));
    HONE_CHECK(hone__shape_eval_create(graph, inputs, &plan->shapes, error));
    HONE_CHECK(hone__cpu_layout_assign(model, &plan->shapes, b.choices->layout, &plan->arena, &plan->layout, error));
    if (plan->layout.block)
        plan->n_ids = 2 * n_values;
    HONE_CHECK(make_groups(&b));
    HONE_CHECK(build(&b));
    if (b.choices->has_branches)
        HONE_CHECK(hone__cpu_plan_link_steps(plan, error));
cleanup:
    hone__free(b.alias.parent);
    hone__free(b.alias.offset);
    hone__free(b.early);
    /* On failure too: other plans may count on weights whose packing was put off by this one. */
    const bool has_packed = model->work.n > 0;
    hone__cpu_work_run(&model->work, model->intra);
    if (has_packed && model->cpu.drop_pages) /* what lies between the weights, and the ends of their pages */
        model->cpu.drop_pages(model->cpu.drop_pages_user, NULL, 0);
    pthread_mutex_unlock(&model->plan_lock);
    if (status != HONE_OK) {
        hone__cpu_plan_destroy(plan);
        return status;
    }
    *out = plan;
    return HONE_OK;
}

void hone__cpu_plan_destroy(hone__exec_plan *plan) {
    if (!plan)
        return;
    for (size_t i = 0; i < plan->n_buffers; i++)
        hone__free(plan->buffers[i].values);
    for (size_t i = 0; i < plan->n_steps; i++)
        hone__free(plan->steps[i].followers);
    hone__free(plan->buffers);
    hone__free(plan->steps);
    hone__free(plan->value_buffer);
    hone__free(plan->value_offset);
    hone__free(plan->node_step);
    hone__free(plan->output_in_place);
    hone__free(plan->output_ids);
    hone__shape_eval_deinit(&plan->shapes);
    hone__arena_deinit(&plan->arena);
    hone__free(plan);
}
