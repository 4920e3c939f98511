/* The walk of reverse-mode differentiation, and the builders that rules use; see op_gradient.h.
 *
 * For each Gradient node: which nodes lie between xs and y; when the node feeds other values than those that xs and zs
 * name, these nodes are made again on those values; then, from y backwards, each node's rule. */
#include "ops/op_gradient.h"

#include "base/alloc.h"

#include <stdio.h>

enum { OPSET = 21 }; /* of the nodes made here */
/* Derivatives of derivatives grow with every step, and every Gradient looks at the whole graph. Real models have one
 * Gradient; what goes beyond these bounds is refused. Work is counted in nodes looked at. */
enum { MAX_NODES = 1000000, MAX_GROWTH = 64, MAX_WORK = 4000000 };

/* ---- builders ---- */

hone__value *hone__grad_node(hone__grad *c, const char *domain, const char *op, int64_t opset, hone__value *const *in,
                             size_t n_in) {
    hone__value *out = NULL;
    if (c->status != HONE_OK)
        return NULL;
    c->status = hone__graph_add_value(c->graph, "gradient", &out, c->error);
    if (c->status == HONE_OK)
        c->status = hone__graph_add_node(c->graph, NULL, domain, op, op, in, n_in, &out, 1, &c->last, c->error);
    if (c->status != HONE_OK)
        return NULL;
    c->last->opset = opset;
    c->last->op = hone__op_find(domain, op, opset);
    c->last->provenance = "gradient";
    return out;
}

hone__value *hone__grad_1(hone__grad *c, const char *op, hone__value *a) {
    return a ? hone__grad_node(c, "", op, OPSET, &a, 1) : NULL;
}

hone__value *hone__grad_2(hone__grad *c, const char *op, hone__value *a, hone__value *b) {
    hone__value *in[2] = {a, b};
    return a && b ? hone__grad_node(c, "", op, OPSET, in, 2) : NULL;
}

hone__value *hone__grad_3(hone__grad *c, const char *op, hone__value *a, hone__value *b, hone__value *d) {
    hone__value *in[3] = {a, b, d};
    return a && b && d ? hone__grad_node(c, "", op, OPSET, in, 3) : NULL;
}

static hone__value *constant(hone__grad *c, hone_tensor *tensor) {
    hone__value *out = NULL;
    if (c->status == HONE_OK)
        c->status = hone__graph_add_constant(c->graph, "gradient", tensor, &out, c->error);
    if (c->status != HONE_OK)
        hone_tensor_destroy(tensor);
    return c->status == HONE_OK ? out : NULL;
}

hone__value *hone__grad_number(hone__grad *c, double v, const hone__value *like) {
    hone_tensor *t = NULL;
    hone_dtype dtype = like->type.is_known ? like->type.dtype : HONE_DTYPE_UNDEFINED;
    bool is_plain = hone__dtype_in(dtype, HONE_SET_FLOAT);
    if (c->status == HONE_OK)
        c->status = hone_tensor_create(is_plain ? dtype : HONE_DTYPE_FLOAT, 0, NULL, &t, c->error);
    if (c->status != HONE_OK)
        return NULL;
    hone__tensor_put_double(t, 0, v);
    hone__value *number = constant(c, t);
    return is_plain ? number : hone__grad_2(c, "CastLike", number, (hone__value *)(uintptr_t)like);
}

hone__value *hone__grad_ints(hone__grad *c, const int64_t *v, size_t n) {
    hone_tensor *t = NULL;
    const int64_t dims[1] = {(int64_t)n};
    if (c->status == HONE_OK)
        c->status = hone_tensor_create(HONE_DTYPE_INT64, 1, dims, &t, c->error);
    if (c->status != HONE_OK)
        return NULL;
    if (n)
        memcpy(t->data, v, n * sizeof *v);
    return constant(c, t);
}

hone__value *hone__grad_sum_to(hone__grad *c, hone__value *g, hone__value *x) {
    hone__value *in[2] = {g, x};
    return g && x ? hone__grad_node(c, "hone", "SumTo", 1, in, 2) : NULL;
}

hone__value *hone__grad_shape_as(hone__grad *c, hone__value *g, hone__value *x) {
    hone__value *y = hone__grad_2(c, "Reshape", g, hone__grad_1(c, "Shape", x));
    if (y)
        c->status = hone__node_set_attr_int(c->last, "allowzero", 1, c->error);
    return y;
}

hone__value *hone__grad_as(hone__grad *c, hone__value *mask, hone__value *like) {
    return hone__grad_2(c, "CastLike", mask, like);
}

hone__value *hone__grad_again(hone__grad *c, const char *op, hone__value *const *in, size_t n_in, size_t n_out,
                              size_t which) {
    hone__value *out[8] = {NULL};
    if (n_out > HONE_COUNT(out) && c->status == HONE_OK)
        c->status = hone__grad_refuse(c, "has too many outputs");
    for (size_t i = 0; i < n_out && c->status == HONE_OK; i++)
        c->status = hone__graph_add_value(c->graph, "gradient", &out[i], c->error);
    if (c->status == HONE_OK)
        c->status = hone__graph_add_node(c->graph, NULL, c->node->domain, op ? op : c->node->op_type,
                                         op ? op : c->node->op_type, in, n_in, out, n_out, &c->last, c->error);
    for (size_t i = 0; i < c->node->n_attrs && c->status == HONE_OK; i++)
        c->status = hone__node_set_attr(c->last, &c->node->attrs[i], c->error);
    if (c->status != HONE_OK)
        return NULL;
    c->last->opset = c->node->opset;
    c->last->op = hone__op_find(c->node->domain, c->last->op_type, c->node->opset);
    c->last->provenance = "gradient";
    return out[which];
}

int hone__grad_rank(const hone__value *value) {
    return value->type.is_known && value->type.kind == HONE_KIND_TENSOR ? value->type.rank : -1;
}

hone_status hone__grad_refuse(hone__grad *c, const char *reason) {
    return hone__fail(c->error, HONE_ERROR_UNSUPPORTED, "node \"%.100s\" (%.60s) %s", c->node->name, c->node->op_type,
                      reason);
}

/* ---- one Gradient node ---- */

typedef struct walk {
    hone__graph *graph;
    hone__node *gradient;
    size_t n_values;        /* of the graph before anything was added; the arrays below are indexed by id */
    bool *depends;          /* x flows into the value */
    bool *needed;           /* and y is made of it */
    bool *stops;            /* named by xs or zs */
    hone__value **own, **g; /* the value to differentiate at (NULL: itself); its gradient so far (NULL: zero) */
    hone__grad *c;
} walk;

static hone__value *named(walk *w, hone_string name) {
    hone__value *v = hone__graph_find_value(w->graph, name.data);
    if (!v || v->graph != w->graph)
        hone__fail(w->c->error, HONE_ERROR_UNSUPPORTED, "there is no tensor \"%.100s\" beside it", name.data);
    return v && v->graph == w->graph ? v : NULL;
}

/* Whether a subgraph uses a value that x flows into. Nesting is bounded by the graph itself. */
static bool captures(const walk *w, const hone__graph *graph) {
    HONE_FOR_NODES(node, graph) {
        for (size_t i = 0; i < node->n_inputs; i++)
            if (node->inputs[i] && node->inputs[i]->id < w->n_values && w->depends[node->inputs[i]->id])
                return true;
        for (size_t a = 0; a < node->n_attrs; a++)
            if (node->attrs[a].type == HONE_ATTR_GRAPH && captures(w, node->attrs[a].g))
                return true;
    }
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i]->id < w->n_values && w->depends[graph->outputs[i]->id])
            return true;
    return false;
}

static bool is_reached(const walk *w, const hone__node *node) {
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] && w->depends[node->inputs[i]->id])
            return true;
    for (size_t a = 0; a < node->n_attrs; a++)
        if (node->attrs[a].type == HONE_ATTR_GRAPH && captures(w, node->attrs[a].g))
            return true;
    return false;
}

/* Marks forwards from xs, then backwards from y. */
static void mark(walk *w, const hone__value *y) {
    HONE_FOR_NODES(node, w->graph)
    if (node != w->gradient && is_reached(w, node))
        for (size_t i = 0; i < node->n_outputs; i++)
            if (node->outputs[i] && !w->stops[node->outputs[i]->id])
                w->depends[node->outputs[i]->id] = true;
    w->needed[y->id] = w->depends[y->id];
    for (hone__node *node = w->graph->last; node; node = node->prev) {
        bool is_needed = false;
        for (size_t i = 0; i < node->n_outputs; i++)
            is_needed |= node->outputs[i] && w->needed[node->outputs[i]->id] && !w->stops[node->outputs[i]->id];
        for (size_t i = 0; is_needed && i < node->n_inputs; i++)
            if (node->inputs[i] && w->depends[node->inputs[i]->id])
                w->needed[node->inputs[i]->id] = true;
    }
}

static bool is_between(const walk *w, const hone__node *node) {
    if (node == w->gradient)
        return false;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && node->outputs[i]->id < w->n_values && w->needed[node->outputs[i]->id] &&
            !w->stops[node->outputs[i]->id])
            return true;
    return false;
}

/* Type and rank, which rules ask for; the dims may be others there. */
static hone_status copy_rank(hone__graph *graph, const hone__value *from, hone__value *to, hone_error *error) {
    hone__dim dims[HONE_MAX_RANK];
    const hone__type *type = &from->type;
    if (!type->is_known || type->kind != HONE_KIND_TENSOR)
        return HONE_OK;
    for (int d = 0; d < type->rank; d++)
        dims[d] = hone__dim_unknown();
    hone_status status = hone__type_set_tensor(hone__graph_arena(graph), &to->type, type->dtype, type->rank, dims);
    return status == HONE_OK ? HONE_OK : hone__fail_memory(error, "a type");
}

/* Where values other than the named ones are fed: what follows from them is made again. */
static hone_status make_again(walk *w) {
    hone__node *end = w->graph->last;
    bool is_end = false;
    for (hone__node *node = w->graph->first; node && !is_end; node = node->next) {
        is_end = node == end;
        bool is_other = false;
        for (size_t i = 0; i < node->n_inputs; i++)
            is_other |= node->inputs[i] && node->inputs[i]->id < w->n_values && w->own[node->inputs[i]->id] != NULL;
        if (!is_other || node == w->gradient || node->n_inputs > 64 || node->n_outputs > 8)
            continue;
        hone__value *in[64], *out[8] = {NULL};
        for (size_t i = 0; i < node->n_inputs; i++) {
            hone__value *v = node->inputs[i];
            in[i] = v && w->own[v->id] ? w->own[v->id] : v;
        }
        for (size_t i = 0; i < node->n_outputs; i++) {
            if (!node->outputs[i] || w->stops[node->outputs[i]->id])
                continue;
            HONE_TRY(hone__graph_add_value(w->graph, "gradient", &out[i], w->c->error));
            HONE_TRY(copy_rank(w->graph, node->outputs[i], out[i], w->c->error));
            w->own[node->outputs[i]->id] = out[i];
        }
        hone__node *copy;
        HONE_TRY(hone__graph_add_node(w->graph, NULL, node->domain, node->op_type, node->op_type, in, node->n_inputs,
                                      out, node->n_outputs, &copy, w->c->error));
        if (hone__node_next_subgraph(node, NULL)) {
            w->c->node = node;
            return hone__grad_refuse(w->c, "has a subgraph, which cannot be evaluated at another point");
        }
        for (size_t i = 0; i < node->n_attrs; i++)
            HONE_TRY(hone__node_set_attr(copy, &node->attrs[i], w->c->error));
        copy->opset = node->opset;
        copy->op = node->op;
        copy->provenance = "gradient";
    }
    return HONE_OK;
}

static hone__value *own(const walk *w, hone__value *v) { return v && w->own[v->id] ? w->own[v->id] : v; }

/* The gradients of a node's inputs, added to what they have. */
static hone_status go_back(walk *w, const hone__node *node) {
    hone__grad *c = w->c;
    enum { MAX = 64 };
    hone__value *in[MAX], *dx[MAX] = {NULL}, *out[8], *g[8] = {NULL};
    bool wanted[MAX], is_known, has_gradient = false;
    c->node = node;
    if (node->n_inputs > MAX || node->n_outputs > HONE_COUNT(out))
        return hone__grad_refuse(c, "has too many inputs or outputs to be differentiated");
    for (size_t i = 0; i < node->n_inputs; i++) {
        in[i] = own(w, node->inputs[i]);
        wanted[i] = node->inputs[i] && w->depends[node->inputs[i]->id];
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        hone__value *v = node->outputs[i];
        out[i] = own(w, v);
        g[i] = v && !w->stops[v->id] ? w->g[v->id] : NULL;
        has_gradient |= g[i] != NULL;
    }
    if (!has_gradient)
        return HONE_OK;
    hone__grad_rule rule = hone__grad_find(node, &is_known);
    if (!is_known)
        return hone__grad_refuse(c, "has no rule for its derivative");
    c->in = in;
    c->out = out;
    c->g = g;
    c->dx = dx;
    c->wanted = wanted;
    if (rule)
        HONE_TRY(rule(c));
    HONE_TRY(c->status);
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (!wanted[i] || !dx[i])
            continue;
        hone__value **sum = &w->g[node->inputs[i]->id];
        *sum = *sum ? hone__grad_2(c, "Add", *sum, dx[i]) : dx[i];
    }
    return c->status;
}

/* Zeros or ones in the shape of a value. */
static hone__value *filled(hone__grad *c, hone__value *like, double v) {
    return hone__grad_2(c, "Expand", hone__grad_number(c, v, like), hone__grad_1(c, "Shape", like));
}

static hone_status expand(walk *w) {
    hone__node *node = w->gradient;
    const hone__attr *xs = hone__node_attr(node, "xs"), *zs = hone__node_attr(node, "zs"),
                     *y_name = hone__node_attr(node, "y");
    hone__grad *c = w->c;
    size_t n_x = xs ? xs->n : 0, n_z = zs ? zs->n : 0;
    bool is_elsewhere = false;
    if (!y_name || n_x == 0 || node->n_inputs != n_x + n_z || node->n_outputs > n_x)
        return hone__fail(c->error, HONE_ERROR_MODEL, "its inputs and outputs do not fit xs and zs");
    hone__value *y = named(w, y_name->s);
    if (!y)
        return c->error->status;
    for (size_t i = 0; i < n_x + n_z; i++) {
        hone__value *v = named(w, i < n_x ? xs->strings[i] : zs->strings[i - n_x]);
        if (!v || !node->inputs[i])
            return v ? hone__fail(c->error, HONE_ERROR_MODEL, "input %zu is missing", i) : c->error->status;
        const hone__type *type = &node->inputs[i]->type;
        if (i < n_x && type->is_known && !hone__dtype_in(type->dtype, HONE_SET_FLOAT))
            return hone__fail(c->error, HONE_ERROR_UNSUPPORTED, "\"%.100s\" is %s, which has no derivatives", v->name,
                              hone_dtype_name(type->dtype));
        w->stops[v->id] = true;
        w->depends[v->id] = i < n_x;
        if (node->inputs[i] != v) {
            w->own[v->id] = node->inputs[i];
            is_elsewhere = true;
        }
    }
    mark(w, y);
    hone__node *last = w->graph->last;
    if (is_elsewhere)
        HONE_TRY(make_again(w));
    w->g[y->id] = filled(c, own(w, y), 1);
    for (hone__node *f = last; f; f = f->prev)
        if (is_between(w, f))
            HONE_TRY(go_back(w, f));
    for (size_t i = 0; i < node->n_outputs && c->status == HONE_OK; i++) {
        hone__value *x = named(w, xs->strings[i]), *out = node->outputs[i];
        if (!out)
            continue;
        hone__value *g = w->g[x->id] ? w->g[x->id] : filled(c, own(w, x), 0);
        if (!g)
            break;
        HONE_TRY(hone__node_set_output(node, i, NULL, c->error));
        hone__node *copy;
        HONE_TRY(hone__graph_add_node(w->graph, NULL, "", "Identity", "gradient", &g, 1, &out, 1, &copy, c->error));
        copy->opset = OPSET;
        copy->op = hone__op_find("", "Identity", OPSET);
        copy->provenance = "gradient";
    }
    return c->status;
}

/* What was added for a Gradient that is then refused goes away again. */
static void undo(hone__graph *graph, hone__node *last) {
    while (graph->last && graph->last != last)
        hone__graph_remove_node(graph->last);
}

static hone_status expand_one(hone__graph *graph, hone__node *node, bool *done, hone_error *error) {
    hone_error reason;
    hone__grad c = {.graph = graph, .error = &reason};
    walk w = {.graph = graph, .gradient = node, .n_values = hone__graph_value_count(graph), .c = &c};
    size_t n = w.n_values + 1;
    hone__node *last = graph->last;
    hone_status status = HONE_OK;
    hone_error_clear(&reason);
    w.depends = hone__calloc(3 * n, sizeof *w.depends);
    w.own = hone__calloc(2 * n, sizeof(hone__value *));
    if (!w.depends || !w.own) {
        status = hone__fail_memory(error, "a gradient");
        goto cleanup;
    }
    w.needed = w.depends + n;
    w.stops = w.needed + n;
    w.g = w.own + n;
    status = expand(&w);
    *done = status == HONE_OK;
    if (status == HONE_OK) {
        hone__graph_remove_node(node);
        status = hone__graph_sort(graph, error);
    } else if (status != HONE_ERROR_MEMORY) {
        char text[700];
        snprintf(text, sizeof text, "%.600s", reason.message);
        undo(graph, last);
        status = hone__node_set_attr_string(node, HONE__GRADIENT_REFUSAL, text, error);
    } else if (error) {
        *error = reason;
    }
cleanup:
    hone__free(w.depends);
    hone__free(w.own);
    return status;
}

hone_status hone__graph_expand_gradients(hone__graph *graph, size_t *n_expanded, hone_error *error) {
    size_t work = 0, most = hone__min_size(MAX_NODES, (graph->n_nodes + 64) * MAX_GROWTH);
    *n_expanded = 0;
    for (hone__node *node = graph->first; node;) {
        bool is_gradient = node->op && strcmp(node->op_type, "Gradient") == 0 &&
                           strcmp(node->domain, "ai.onnx.preview.training") == 0 &&
                           !hone__node_attr(node, HONE__GRADIENT_REFUSAL);
        bool done = false;
        if (is_gradient && (work > MAX_WORK || graph->n_nodes > most))
            HONE_TRY(hone__node_set_attr_string(node, HONE__GRADIENT_REFUSAL,
                                                "the graph has too many gradients, or gradients of gradients", error));
        else if (is_gradient) {
            work += graph->n_nodes;
            HONE_TRY(expand_one(graph, node, &done, error));
        }
        if (!done) {
            node = node->next;
            continue;
        }
        (*n_expanded)++;
        HONE_TRY(hone__graph_infer(graph, error)); /* for the ranks that the next one's rules ask for */
        node = graph->first;
    }
    return HONE_OK;
}

hone__grad_rule hone__grad_find(const hone__node *node, bool *is_known) {
    *is_known = false;
    for (int table = 0; table < 2 && !*node->domain; table++) {
        size_t n;
        const hone__grad_row *rows = table ? hone__grad_shaped(&n) : hone__grad_elementwise(&n);
        for (size_t i = 0; i < n; i++)
            if (strcmp(rows[i].name, node->op_type) == 0) {
                *is_known = true;
                return rows[i].rule;
            }
    }
    return NULL;
}
