/* Inference over a whole graph: types and shapes of every value, subgraphs included. What is declared is
 * merged with what is inferred. Nodes whose inputs are all known and small are evaluated, so that shapes
 * computed in the graph (also by way of floats, as Resize scales are) come out as numbers. */
#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

#include <stdio.h>
#include <string.h>

/* Elements of inputs and outputs together up to which a node is evaluated here. */
enum { MAX_EVAL = 4096, MAX_TYPE_DEPTH = 16 };

typedef struct infer_state {
    hone__graph *root;
    const hone_tensor **known; /* [values] by id: data, borrowed or in `owned` */
    hone_tensor **owned;
    size_t n_owned, owned_capacity;
    hone_error *error;
    hone__infer_failed report; /* NULL: the first failure ends it */
    void *user;
} infer_state;

/* ---- merging ---- */

static hone_status merge_failed(const hone__value *value, const hone__type *inferred, hone_status status,
                                hone_error *error) {
    char declared[200], found[200];
    hone__fail(error, status, "value \"%s\" is declared as %s, but the graph makes it %s", value->name,
               hone__type_describe(&value->type, declared, sizeof declared),
               hone__type_describe(inferred, found, sizeof found));
    hone__error_hint(error, "Remove the stale type declaration (value_info) or export the model again.");
    return status;
}

/* Improves `to` by `from`; false when they contradict. Depth is bounded by the caller's loop. */
static bool merge_tensor(hone__arena *arena, hone__type *to, const hone__type *from, bool is_lenient, bool *no_memory) {
    if (to->dtype == HONE_DTYPE_UNDEFINED)
        to->dtype = from->dtype;
    if (from->dtype != HONE_DTYPE_UNDEFINED && to->dtype != from->dtype)
        return false;
    if (from->rank < 0)
        return true;
    if (to->rank >= 0 && to->rank != from->rank && !is_lenient)
        return false;
    if (to->rank != from->rank) {
        hone__type copy;
        if (hone__type_copy(arena, from, &copy) != HONE_OK)
            *no_memory = true;
        else {
            to->rank = copy.rank;
            to->dims = copy.dims;
        }
        return true;
    }
    for (int i = 0; i < to->rank; i++) {
        hone__dim f = from->dims[i], *t = &to->dims[i];
        if (f.value >= 0) {
            if (t->value >= 0 && t->value != f.value && !is_lenient)
                return false;
            *t = hone__dim_known(f.value);
        } else if (t->value < 0 && !t->symbol && f.symbol) {
            t->symbol = hone__arena_strdup(arena, f.symbol);
            *no_memory = *no_memory || !t->symbol;
        }
    }
    return true;
}

static hone_status merge(infer_state *s, hone__value *value, const hone__type *inferred) {
    hone__arena *arena = hone__graph_arena(s->root);
    if (!inferred->is_known)
        return HONE_OK;
    if (!value->type.is_known) {
        if (hone__type_copy(arena, inferred, &value->type) != HONE_OK)
            return hone__fail_memory(s->error, "a type");
        return HONE_OK;
    }
    hone__type *to = &value->type;
    const hone__type *from = inferred;
    bool no_memory = false, is_inner = false;
    for (int depth = 0; depth < MAX_TYPE_DEPTH; depth++) {
        if (to->kind != from->kind)
            return merge_failed(value, inferred, HONE_ERROR_TYPE, s->error);
        if (to->kind == HONE_KIND_TENSOR) {
            if (from->dtype != HONE_DTYPE_UNDEFINED && to->dtype != HONE_DTYPE_UNDEFINED && to->dtype != from->dtype)
                return merge_failed(value, inferred, HONE_ERROR_TYPE, s->error);
            /* Items of a sequence differ in shape, and values inside a loop's body change theirs. */
            if (!is_inner && !merge_tensor(arena, to, from, value->graph->parent != NULL, &no_memory))
                return merge_failed(value, inferred, HONE_ERROR_SHAPE, s->error);
            break;
        }
        if (!from->elem)
            break;
        hone__type *elem = hone__arena_calloc(arena, 1, sizeof *elem);
        if (!elem || hone__type_copy(arena, to->elem ? to->elem : from->elem, elem) != HONE_OK)
            return hone__fail_memory(s->error, "a type");
        to->elem = elem;
        to = elem;
        from = from->elem;
        is_inner = true;
    }
    return no_memory ? hone__fail_memory(s->error, "a type") : HONE_OK;
}

/* ---- known data ---- */

static bool is_small(const hone_tensor *t, int64_t *budget) {
    *budget -= hone__tensor_count(t);
    return t->kind == HONE_KIND_TENSOR && *budget >= 0;
}

static hone_status keep(infer_state *s, const hone__value *value, hone_tensor *tensor) {
    if (!hone__grow((void **)&s->owned, &s->owned_capacity, s->n_owned + 1, sizeof *s->owned)) {
        hone_tensor_destroy(tensor);
        return hone__fail_memory(s->error, "known data");
    }
    s->owned[s->n_owned++] = tensor;
    s->known[value->id] = tensor;
    return HONE_OK;
}

/* A tensor from fully known elements, when the value's type says how they lie. */
static hone_status from_syms(infer_state *s, const hone__value *value) {
    const hone__type *type = &value->type;
    if (!value->sym || s->known[value->id] || !hone__type_is_static(type))
        return HONE_OK;
    int64_t dims[HONE_MAX_RANK], count;
    for (int i = 0; i < type->rank; i++)
        dims[i] = type->dims[i].value;
    if (!hone__shape_count(dims, type->rank, &count) || (size_t)count != value->n_sym)
        return HONE_OK;
    for (size_t i = 0; i < value->n_sym; i++)
        if (!value->sym[i].is_known)
            return HONE_OK;
    hone_tensor *t;
    if (type->dtype != HONE_DTYPE_INT64 && type->dtype != HONE_DTYPE_INT32 && type->dtype != HONE_DTYPE_BOOL)
        return HONE_OK;
    HONE_TRY(hone_tensor_create(type->dtype, type->rank, dims, &t, s->error));
    for (size_t i = 0; i < value->n_sym; i++) {
        if (type->dtype == HONE_DTYPE_INT64)
            ((int64_t *)t->data)[i] = value->sym[i].value;
        else if (type->dtype == HONE_DTYPE_INT32)
            ((int32_t *)t->data)[i] = (int32_t)value->sym[i].value;
        else
            ((uint8_t *)t->data)[i] = value->sym[i].value != 0;
    }
    return keep(s, value, t);
}

static hone_status to_syms(infer_state *s, hone__value *value, const hone_tensor *t) {
    int64_t n = hone__tensor_count(t);
    if (t->kind != HONE_KIND_TENSOR || n > 256 || !hone__dtype_in(t->dtype, HONE_SET_INT | HONE_SET(BOOL)))
        return HONE_OK;
    hone__sym *sym = hone__arena_calloc(hone__graph_arena(s->root), (size_t)n + 1, sizeof *sym);
    if (!sym)
        return hone__fail_memory(s->error, "known data");
    for (int64_t i = 0; i < n; i++)
        sym[i].is_known = hone__tensor_get_i64(t, i, &sym[i].value);
    value->sym = sym;
    value->n_sym = (size_t)n;
    return HONE_OK;
}

/* Evaluates a node on known inputs. A failure to evaluate is not an error here: running will tell. */
static hone_status evaluate(infer_state *s, hone__node *node) {
    const hone__op *op = node->op;
    const hone_tensor *in[16];
    hone_tensor *out[8] = {0};
    int64_t budget = MAX_EVAL;
    if (!op->eval || !(op->flags & HONE_OP_PURE) || (op->flags & (HONE_OP_CONTROL | HONE_OP_NO_EVAL)) ||
        node->n_inputs > 16 || node->n_outputs > 8)
        return HONE_OK;
    for (size_t i = 0; i < node->n_inputs; i++) {
        in[i] = node->inputs[i] ? s->known[node->inputs[i]->id] : NULL;
        if (node->inputs[i] && (!in[i] || !is_small(in[i], &budget)))
            return HONE_OK;
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        const hone__value *value = node->outputs[i];
        if (!value)
            continue;
        if (!hone__type_is_static(&value->type) || s->known[value->id])
            return HONE_OK;
        for (int d = 0; d < value->type.rank; d++) { /* the product may overflow: check as it grows */
            if (value->type.dims[d].value > MAX_EVAL)
                return HONE_OK;
            budget = value->type.dims[d].value > 0 ? budget / value->type.dims[d].value : budget;
        }
        if (budget <= 0)
            return HONE_OK;
    }
    if (hone__op_eval_node(node, in, node->n_inputs, out, node->n_outputs, NULL) != HONE_OK)
        return HONE_OK;
    hone_status status = HONE_OK;
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (out[i] && node->outputs[i] && status == HONE_OK) {
            status = to_syms(s, node->outputs[i], out[i]);
            if (status == HONE_OK) {
                status = keep(s, node->outputs[i], out[i]);
                out[i] = NULL;
            }
        }
        hone_tensor_destroy(out[i]);
    }
    return status;
}

/* ---- nodes ---- */

static hone_status infer_nodes(infer_state *s, hone__graph *graph);

static hone_status infer_subgraph(hone__infer *ctx, hone__graph *graph, const hone__type *const *in, size_t n_in,
                                  hone__type *out, size_t n_out) {
    infer_state *s = ctx->user;
    for (size_t i = 0; i < n_in && i < graph->n_inputs; i++)
        if (in[i])
            HONE_TRY(merge(s, graph->inputs[i], in[i]));
    HONE_TRY(infer_nodes(s, graph));
    for (size_t i = 0; i < n_out; i++)
        if (i < graph->n_outputs && hone__type_copy(ctx->arena, &graph->outputs[i]->type, &out[i]) != HONE_OK)
            return hone__fail_memory(s->error, "a type");
    return HONE_OK;
}

static hone_status copy_syms(infer_state *s, hone__value *value, const hone__sym *sym, size_t n) {
    hone__arena *arena = hone__graph_arena(s->root);
    hone__sym *copy = hone__arena_calloc(arena, n + 1, sizeof *copy);
    if (!copy)
        return hone__fail_memory(s->error, "known data");
    for (size_t i = 0; i < n; i++) {
        copy[i] = sym[i];
        if (sym[i].symbol && !(copy[i].symbol = hone__arena_strdup(arena, sym[i].symbol)))
            return hone__fail_memory(s->error, "known data");
    }
    value->sym = copy;
    value->n_sym = n;
    return HONE_OK;
}

typedef struct node_arrays { /* scratch of one node's inference, in a temporary arena */
    const hone__type **in;
    const hone_tensor **in_const;
    const hone__sym **in_sym;
    size_t *in_n_sym;
    hone__type *out;
    hone__sym **out_sym;
    size_t *out_n_sym;
} node_arrays;

static bool get_arrays(hone__arena *arena, const hone__node *node, node_arrays *a) {
    size_t n_in = node->n_inputs + 1, n_out = node->n_outputs + 1;
    return (a->in = hone__arena_calloc(arena, n_in, sizeof *a->in)) &&
           (a->in_const = hone__arena_calloc(arena, n_in, sizeof *a->in_const)) &&
           (a->in_sym = hone__arena_calloc(arena, n_in, sizeof *a->in_sym)) &&
           (a->in_n_sym = hone__arena_calloc(arena, n_in, sizeof *a->in_n_sym)) &&
           (a->out = hone__arena_calloc(arena, n_out, sizeof *a->out)) &&
           (a->out_sym = hone__arena_calloc(arena, n_out, sizeof *a->out_sym)) &&
           (a->out_n_sym = hone__arena_calloc(arena, n_out, sizeof *a->out_n_sym));
}

static hone_status infer_node(infer_state *s, hone__node *node, hone__arena *arena) {
    node_arrays a;
    if (!get_arrays(arena, node, &a))
        return hone__fail_memory(s->error, "inference");
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        if (!value)
            continue;
        HONE_TRY(from_syms(s, value));
        a.in[i] = &value->type;
        a.in_const[i] = s->known[value->id];
        a.in_sym[i] = value->sym;
        a.in_n_sym[i] = value->n_sym;
    }
    for (size_t i = 0; i < node->n_outputs; i++)
        a.out[i].rank = -1;
    hone__infer ctx = {.node = node,
                       .n_in = node->n_inputs,
                       .n_out = node->n_outputs,
                       .in = a.in,
                       .in_const = a.in_const,
                       .in_sym = a.in_sym,
                       .in_n_sym = a.in_n_sym,
                       .out = a.out,
                       .out_sym = a.out_sym,
                       .out_n_sym = a.out_n_sym,
                       .arena = arena,
                       .infer_graph = infer_subgraph,
                       .user = s,
                       .error = s->error};
    HONE_TRY(hone__op_infer_node(&ctx));
    for (size_t i = 0; i < node->n_outputs; i++) {
        hone__value *value = node->outputs[i];
        if (!value)
            continue;
        HONE_TRY(merge(s, value, &a.out[i]));
        if (a.out_sym[i])
            HONE_TRY(copy_syms(s, value, a.out_sym[i], a.out_n_sym[i]));
    }
    return evaluate(s, node);
}

/* Recursion goes with the nesting of graphs, which is bounded. */
static hone_status infer_nodes(infer_state *s, hone__graph *graph) {
    HONE_FOR_NODES(node, graph) {
        hone_dtype dtype;
        char reason[320];
        if (!node->op || !hone__op_takes_types(node, &dtype, reason, sizeof reason))
            continue; /* what cannot run leaves its outputs unknown; loading lists it */
        hone__arena arena;
        hone__arena_init(&arena);
        hone_status status = infer_node(s, node, &arena);
        hone__arena_deinit(&arena);
        if (status != HONE_OK) {
            hone__error_node(s->error, node->name);
            if (!s->report || status == HONE_ERROR_MEMORY)
                return status;
            s->report(s->user, node, s->error);
        }
    }
    return HONE_OK;
}

hone_status hone__graph_infer(hone__graph *graph, hone_error *error) {
    return hone__graph_infer_all(graph, NULL, NULL, error);
}

hone_status hone__graph_infer_all(hone__graph *graph, hone__infer_failed report, void *user, hone_error *error) {
    size_t n = hone__graph_value_count(graph);
    hone_error local;
    infer_state s = {.root = graph, .error = error ? error : &local, .report = report, .user = user};
    s.known = hone__calloc(n ? n : 1, sizeof *s.known);
    if (!s.known)
        return hone__fail_memory(error, "inference");
    for (size_t i = 0; i < n; i++) {
        const hone__value *value = hone__graph_value_at(graph, i);
        if (!value->is_overridable)
            s.known[i] = value->constant;
    }
    hone_status status = infer_nodes(&s, graph);
    for (size_t i = 0; i < s.n_owned; i++)
        hone_tensor_destroy(s.owned[i]);
    hone__free(s.owned);
    hone__free(s.known);
    return status;
}
