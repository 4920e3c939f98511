/* Control flow whose way is known: an If with a constant condition gives way to its branch, a Loop that runs exactly
 * once to its body, and a state that a loop's body hands on unchanged to the value it has from the start.
 *
 * Proof obligation: the nodes of the branch (or body) move to the place of the If (or Loop), in their order, and read
 * what they read there; a body's inputs are replaced by what they hold in the only iteration: the number 0, the
 * condition true, the initial states. Only loops without collected outputs (which would gain a dimension) are inlined.
 * A loop runs once when its trip count is 1 and its first condition is true or absent. One that runs never (trip count
 * 0 or condition false) gives its initial states. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

static hone__graph *body_of(const hone__node *node, const char *name) {
    const hone__attr *attr = hone__node_attr(node, name);
    return attr && attr->type == HONE_ATTR_GRAPH ? attr->g : NULL;
}

/* The outputs of a body while its values move: outs[i] follows its value. */
typedef struct outs {
    hone__value **v;
    size_t n;
} outs;

static void follow(outs *o, const hone__value *from, hone__value *to) {
    for (size_t i = 0; i < o->n; i++)
        if (o->v[i] == from)
            o->v[i] = to;
}

/* How often a value is an output of the body itself; captured outputs of deeper graphs count elsewhere. */
static size_t times_output(const hone__graph *body, const hone__value *value) {
    size_t n = 0;
    for (size_t i = 0; value->n_output_uses && i < body->n_outputs; i++)
        n += body->outputs[i] == value;
    return n;
}

static bool holds_graphs(const hone__graph *body) {
    HONE_FOR_NODES(node, body) {
        if (node->op && (node->op->flags & HONE_OP_CONTROL))
            return true;
    }
    return false;
}

/* Inputs and constants of the body are outputs of the body alone, if at all: deeper graphs cannot give out the values
 * that take their places. */
static bool can_move(const hone__graph *body) {
    for (size_t i = 0; i < body->n_inputs; i++)
        if (body->inputs[i]->n_output_uses != times_output(body, body->inputs[i]))
            return false;
    for (size_t id = 0, n = holds_graphs(body) ? hone__graph_value_count(body) : 0; id < n; id++) {
        const hone__value *value = hone__graph_value_at(body, id);
        if (value->graph == body && value->constant && value->n_output_uses != times_output(body, value))
            return false;
    }
    return true;
}

static hone_status detach_outputs(hone__graph *body, outs *o, hone_error *error) {
    o->n = body->n_outputs;
    o->v = hone__arena_calloc(hone__graph_arena(body), o->n + 1, sizeof *o->v);
    if (!o->v)
        return hone__fail_memory(error, "the results of a body");
    for (size_t i = 0; i < o->n; i++) {
        o->v[i] = body->outputs[i];
        body->outputs[i]->n_output_uses--;
    }
    body->n_outputs = 0;
    return HONE_OK;
}

/* A value of the outer graph that takes the place of the body's. */
static hone_status twin(const hone__value *value, hone__graph *graph, hone__value **out, hone_error *error) {
    HONE_TRY(hone__graph_add_value(graph, value->name, out, error));
    (*out)->type = value->type; /* one arena */
    (*out)->constant = value->constant;
    if (!value->constant &&
        value->type.kind == HONE_KIND_TENSOR) { /* shapes declared in a body may be of one iteration */
        (*out)->type.rank = -1;
        (*out)->type.dims = NULL;
    }
    return HONE_OK;
}

static hone_status move_attrs(hone__node *from, hone__node *to, hone__graph *graph, hone_error *error) {
    for (size_t i = 0; i < from->n_attrs; i++) {
        const hone__attr *attr = &from->attrs[i];
        if (attr->type == HONE_ATTR_GRAPH)
            attr->g->parent = graph;
        for (size_t k = 0; attr->type == HONE_ATTR_GRAPHS && k < attr->n; k++)
            attr->graphs[k]->parent = graph;
        HONE_TRY(hone__node_set_attr(to, attr, error));
    }
    return HONE_OK;
}

/* Constants of the body live on as constants of the outer graph. */
static hone_status move_constant(hone__value *value, hone__graph *graph, outs *o, hone_error *error) {
    hone__value *copy;
    HONE_TRY(twin(value, graph, &copy, error));
    HONE_TRY(hone__graph_replace_value(value, copy, error));
    follow(o, value, copy);
    return HONE_OK;
}

/* Nodes of the body become nodes of `graph` before `before`, one after the other; they are made anew, since a value
 * belongs to one graph for life. */
static hone_status move_nodes(hone__graph *body, hone__graph *graph, hone__node *before, outs *o, hone_error *error) {
    if (holds_graphs(body)) /* which may read the body's constants */
        for (size_t id = 0, n = hone__graph_value_count(body); id < n; id++) {
            hone__value *value = hone__graph_value_at(body, id);
            if (value->graph == body && value->constant && value->n_uses)
                HONE_TRY(move_constant(value, graph, o, error));
        }
    while (body->first) {
        hone__node *old = body->first, *node;
        for (size_t i = 0; i < old->n_inputs; i++)
            if (old->inputs[i] && old->inputs[i]->graph == body)
                HONE_TRY(move_constant(old->inputs[i], graph, o, error));
        HONE_TRY(hone__graph_add_node(graph, before, old->domain, old->op_type, old->name, old->inputs, old->n_inputs,
                                      NULL, 0, &node, error));
        node->opset = old->opset;
        node->op = old->op;
        node->file_offset = old->file_offset;
        node->provenance = "inline_control";
        HONE_TRY(move_attrs(old, node, graph, error));
        for (size_t i = 0; i < old->n_outputs; i++) {
            hone__value *value = old->outputs[i], *copy;
            if (!value)
                continue;
            HONE_TRY(twin(value, graph, &copy, error));
            HONE_TRY(hone__node_set_output(node, i, copy, error));
            HONE_TRY(hone__graph_replace_value(value, copy, error));
            follow(o, value, copy);
        }
        hone__graph_remove_node(old);
    }
    for (size_t i = 0; i < o->n; i++)
        if (o->v[i]->graph == body && o->v[i]->constant)
            HONE_TRY(move_constant(o->v[i], graph, o, error));
    return HONE_OK;
}

/* Who reads `result` reads `value`; an Identity where the graph's output cannot be another value. */
static hone_status hand_over(hone__pass_context *ctx, hone__node *before, hone__value *result, hone__value *value,
                             hone_error *error) {
    if (result->n_uses == 0 && result->n_output_uses == 0)
        return HONE_OK;
    hone_status status = result->n_output_uses && value->graph != result->graph
                             ? HONE_ERROR_ARGUMENT
                             : hone__graph_replace_value(result, value, error);
    if (status != HONE_ERROR_ARGUMENT)
        return status;
    hone_error_clear(error);
    hone__node *identity;
    HONE_TRY(hone__graph_add_node(result->graph, before, "", "Identity", "handed_on", &value, 1, &result, 1, &identity,
                                  error));
    int64_t opset = hone__pass_opset(ctx);
    return hone__node_become(identity, "", "Identity", opset > 0 ? opset : 1, ctx->pass->name, error);
}

/* Removes the node of control flow and gives its readers values[i] for output i. */
static hone_status replace_node(hone__pass_context *ctx, hone__node *node, hone__value *const *values,
                                hone_error *error) {
    size_t n = node->n_outputs;
    hone__node *after = node->next;
    hone__value **results = hone__arena_calloc(hone__graph_arena(ctx->graph), 2 * n + 1, sizeof *results);
    if (!results)
        return hone__fail_memory(error, "the results of a body");
    for (size_t i = 0; i < n; i++) { /* both lists may be the node's own, which removing it empties */
        results[2 * i] = node->outputs[i];
        results[2 * i + 1] = results[2 * i] ? values[i] : NULL;
    }
    hone__graph_remove_node(node);
    for (size_t i = 0; i < n; i++)
        if (results[2 * i])
            HONE_TRY(hand_over(ctx, after, results[2 * i], results[2 * i + 1], error));
    ctx->n_changed++;
    ctx->wants_inference = true; /* what was unknown behind two branches may be known behind one */
    return HONE_OK;
}

/* ---- If ---- */

static hone_status inline_if(hone__node *node, bool way, hone__pass_context *ctx, hone_error *error) {
    hone__graph *branch = body_of(node, way ? "then_branch" : "else_branch");
    outs o;
    if (!branch || branch->n_outputs < node->n_outputs || !can_move(branch))
        return HONE_OK;
    HONE_TRY(detach_outputs(branch, &o, error));
    HONE_TRY(move_nodes(branch, ctx->graph, node, &o, error));
    return replace_node(ctx, node, o.v, error);
}

/* ---- Loop ---- */

static hone_status add_first(hone__graph *graph, hone_dtype dtype, int64_t value, hone__value **out,
                             hone_error *error) {
    return hone__add_scalar(graph, dtype == HONE_DTYPE_BOOL ? "condition" : "iteration", dtype, (double)value, out,
                            error);
}

/* The body runs once. Collected outputs gain a dim of 1 in front. */
static hone_status inline_once(hone__node *node, hone__graph *body, hone__pass_context *ctx, hone_error *error) {
    hone__graph *graph = ctx->graph;
    size_t n_state = node->n_inputs - 2;
    outs o;
    if ((node->n_outputs > n_state && !hone__pass_can(ctx, "Unsqueeze", 1)) || !can_move(body))
        return HONE_OK;
    hone__value *first[2];
    HONE_TRY(add_first(graph, HONE_DTYPE_INT64, 0, &first[0], error));
    HONE_TRY(add_first(graph, HONE_DTYPE_BOOL, 1, &first[1], error));
    HONE_TRY(detach_outputs(body, &o, error));
    for (size_t i = 0; i < body->n_inputs; i++) {
        hone__value *to = i < 2 ? first[i] : node->inputs[i];
        HONE_TRY(hone__graph_replace_value(body->inputs[i], to, error));
        follow(&o, body->inputs[i], to);
    }
    HONE_TRY(move_nodes(body, graph, node, &o, error));
    for (size_t i = n_state; i < node->n_outputs; i++) {
        hone__node *unsqueeze;
        HONE_TRY(hone__pass_insert(ctx, node, "Unsqueeze", &o.v[i + 1], 1, o.v[i + 1]->name, &unsqueeze, error));
        HONE_TRY(hone__pass_put_ints(unsqueeze, "axes", 1, (int64_t[]){0}, 1, error));
        HONE_TRY(hone__pass_type(unsqueeze, error));
        o.v[i + 1] = unsqueeze->outputs[0];
    }
    return replace_node(ctx, node, o.v + 1, error);
}

/* The body never runs: states stay, and nothing is collected. */
static hone_status skip_loop(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    size_t n_state = node->n_inputs - 2;
    for (size_t i = n_state; i < node->n_outputs; i++)
        if (node->outputs[i] && (node->outputs[i]->n_uses || node->outputs[i]->n_output_uses))
            return HONE_OK;
    return replace_node(ctx, node, node->inputs + 2, error);
}

/* The value that the body gives back for state i is the one that it got. */
static bool is_handed_on(const hone__graph *body, size_t i) {
    const hone__value *in = body->inputs[i + 2], *out = body->outputs[i + 1];
    if (out == in)
        return true;
    return hone__is_op(out->producer, "Identity") && out->graph == body && out->producer->inputs[0] == in;
}

static hone_status free_invariants(hone__node *node, hone__graph *body, hone__pass_context *ctx, hone_error *error) {
    for (size_t i = 0; i + 2 < node->n_inputs && i < node->n_outputs; i++) {
        hone__value *in = body->inputs[i + 2], *out = body->outputs[i + 1], *result = node->outputs[i];
        if (!is_handed_on(body, i) || in->n_output_uses != (out == in ? 1u : 0u))
            continue;
        if (out != in) { /* the state itself, not its copy */
            out->n_output_uses--;
            body->outputs[i + 1] = in;
            in->n_output_uses++;
        }
        size_t before = ctx->n_changed;
        if (in->n_uses) {
            hone__value *initial = node->inputs[i + 2];
            while (in->n_uses)
                HONE_TRY(hone__node_set_input(in->uses[0].node, in->uses[0].index, initial, error));
            ctx->n_changed++;
        }
        if (result && result->n_uses && result->n_output_uses == 0) {
            HONE_TRY(hone__graph_replace_value(result, node->inputs[i + 2], error));
            ctx->n_changed++;
        }
        ctx->wants_inference |= ctx->n_changed != before;
    }
    return HONE_OK;
}

static hone_status visit_loop(hone__node *node, hone__pass_context *ctx, hone_error *error) {
    hone__graph *body = body_of(node, "body");
    if (!body || node->n_inputs < 2 || body->n_inputs != node->n_inputs || body->n_outputs != node->n_outputs + 1)
        return HONE_OK;
    for (size_t i = 2; i < node->n_inputs; i++)
        if (!node->inputs[i])
            return HONE_OK;
    double count = 2, condition = 1;
    bool has_count = node->inputs[0] && hone__const_scalar(node->inputs[0], &count);
    bool has_condition = !node->inputs[1] || hone__const_scalar(node->inputs[1], &condition);
    if ((has_count && count <= 0) || (has_condition && condition == 0))
        return skip_loop(node, ctx, error);
    if (has_count && count == 1 && has_condition)
        return inline_once(node, body, ctx, error);
    return free_invariants(node, body, ctx, error);
}

HONE_PASS(inline_control) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        double condition;
        if (hone__is_op(node, "If") && node->n_inputs == 1 && hone__const_scalar(node->inputs[0], &condition))
            HONE_TRY(inline_if(node, condition != 0, ctx, error));
        else if (hone__is_op(node, "Loop"))
            HONE_TRY(visit_loop(node, ctx, error));
    }
    return HONE_OK;
}
