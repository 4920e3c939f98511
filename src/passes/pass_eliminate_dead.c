/* Removes nodes whose results nobody reads, from the end to the front, and outputs that nobody reads: optional ones of
 * any operator (the indices of MaxPool, the masks of Dropout), and results that If, Loop and Scan compute in vain.
 *
 * Proof obligation: operators of ONNX have no effect but their outputs, so that what nobody reads may go. An output
 * that the row says is optional is left out; the others keep their values. A state of a loop may go when nobody reads
 * its last value and no node of the body reads it (it may only be handed on to itself). */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

static bool is_unread(const hone__value *value) { return !value || (value->n_uses == 0 && value->n_output_uses == 0); }

static bool is_read(const hone__node *node) {
    for (size_t i = 0; i < node->n_outputs; i++)
        if (!is_unread(node->outputs[i]))
            return true;
    return false;
}

static hone__graph *body_of(const hone__node *node, const char *name) {
    const hone__attr *attr = hone__node_attr(node, name);
    return attr && attr->type == HONE_ATTR_GRAPH ? attr->g : NULL;
}

/* ---- outputs of ordinary nodes ---- */

static hone_status drop_optional_outputs(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    /* Before version 14 the number of outputs tells BatchNormalization whether it trains. */
    if ((node->op->flags & HONE_OP_VARIADIC_OUT) || (hone__is_op(node, "BatchNormalization") && node->op->since < 14))
        return HONE_OK;
    size_t keep = node->op->min_outputs ? node->op->min_outputs : 1;
    for (size_t i = node->op->min_outputs; i < node->n_outputs; i++)
        if (node->outputs[i] && is_unread(node->outputs[i])) {
            HONE_TRY(hone__node_set_output(node, i, NULL, error));
            ctx->n_changed++;
        }
    while (node->n_outputs > keep && !node->outputs[node->n_outputs - 1])
        node->n_outputs--;
    return HONE_OK;
}

/* ---- outputs of control flow ---- */

static void drop_graph_output(hone__graph *graph, size_t index) {
    graph->outputs[index]->n_output_uses--;
    for (size_t i = index + 1; i < graph->n_outputs; i++)
        graph->outputs[i - 1] = graph->outputs[i];
    graph->n_outputs--;
}

/* The value stays (unread) with the root; ids are never given out again. */
static void drop_graph_input(hone__graph *graph, size_t index) {
    graph->inputs[index]->is_input = false;
    for (size_t i = index + 1; i < graph->n_inputs; i++)
        graph->inputs[i - 1] = graph->inputs[i];
    graph->n_inputs--;
}

static void drop_node_output(hone__node *node, size_t index) {
    if (node->outputs[index])
        node->outputs[index]->producer = NULL;
    for (size_t i = index + 1; i < node->n_outputs; i++) {
        node->outputs[i - 1] = node->outputs[i];
        if (node->outputs[i])
            node->outputs[i]->producer_index = i - 1;
    }
    node->n_outputs--;
}

static hone_status drop_node_input(hone__node *node, size_t index, hone_error *error) {
    for (size_t i = index + 1; i < node->n_inputs; i++)
        HONE_TRY(hone__node_set_input(node, i - 1, node->inputs[i], error));
    hone__node_truncate_inputs(node, node->n_inputs - 1);
    return HONE_OK;
}

static void drop_if_outputs(hone__node *node, hone__pass_context *ctx) {
    hone__graph *yes = body_of(node, "then_branch"), *no = body_of(node, "else_branch");
    if (!yes || !no || yes->n_outputs != node->n_outputs || no->n_outputs != node->n_outputs)
        return;
    for (size_t i = node->n_outputs; i-- > 0 && node->n_outputs > 1;)
        if (is_unread(node->outputs[i])) {
            drop_node_output(node, i);
            drop_graph_output(yes, i);
            drop_graph_output(no, i);
            ctx->n_changed++;
        }
}

/* Loop: inputs are count, condition, states; the body's outputs condition, states, collected values. */
static hone_status drop_loop_outputs(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__graph *body = body_of(node, "body");
    if (!body || node->n_inputs < 2 || body->n_inputs != node->n_inputs || body->n_outputs != node->n_outputs + 1 ||
        node->n_outputs + 2 < node->n_inputs)
        return HONE_OK;
    for (size_t i = node->n_outputs; i-- > 0 && node->n_outputs > 1;) {
        if (!is_unread(node->outputs[i]))
            continue;
        bool is_state = i + 2 < node->n_inputs;
        if (is_state) {
            hone__value *in = body->inputs[i + 2];
            bool is_own = body->outputs[i + 1] == in;
            if (in->n_uses || in->n_output_uses != (is_own ? 1u : 0u))
                continue;
        }
        drop_node_output(node, i);
        drop_graph_output(body, i + 1);
        if (is_state) {
            drop_graph_input(body, i + 2);
            HONE_TRY(drop_node_input(node, i + 2, error));
        }
        ctx->n_changed++;
    }
    return HONE_OK;
}

HONE_PASS(eliminate_dead) {
    hone__graph *graph = ctx->graph;
    for (hone__node *node = graph->last, *prev; node; node = prev) {
        prev = node->prev;
        if (!node->op)
            continue;
        if (!is_read(node)) {
            hone__graph_remove_node(node);
            ctx->n_changed++;
        } else if (hone__is_op(node, "If")) {
            drop_if_outputs(node, ctx);
        } else if (hone__is_op(node, "Loop")) {
            HONE_TRY(drop_loop_outputs(node, ctx, error));
        } else if (!(node->op->flags & HONE_OP_CONTROL)) {
            HONE_TRY(drop_optional_outputs(node, ctx, error));
        }
    }
    return HONE_OK;
}
