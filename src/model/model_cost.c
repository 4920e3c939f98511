/* Costs of a model under given shapes: parameters, operations, bytes moved, live activations. */
#include "model/model.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

/* Symbols with the values that the user's shapes give them. */
typedef struct symbols {
    struct symbol {
        const char *name;
        int64_t value;
        bool is_assumed;
    } * items;
    size_t n, capacity;
} symbols;

static struct symbol *find_symbol(const symbols *list, const char *name) {
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    return NULL;
}

static hone_status add_symbol(symbols *list, const char *name, int64_t value, bool is_assumed, hone_error *error) {
    if (!hone__grow((void **)&list->items, &list->capacity, list->n + 1, sizeof *list->items))
        return hone__fail_memory(error, "symbols");
    list->items[list->n++] = (struct symbol){name, value, is_assumed};
    return HONE_OK;
}

static hone__value *find_input(const hone__graph *graph, const char *name) {
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (strcmp(graph->inputs[i]->name, name) == 0)
            return graph->inputs[i];
    return NULL;
}

static hone_status apply_dim(symbols *list, const hone__value *input, int axis, int64_t value, hone_error *error) {
    const hone__dim *dim = &input->type.dims[axis];
    HONE_FAIL_IF(dim->value >= 0 && dim->value != value, error, HONE_ERROR_SHAPE,
                 "dimension %d of input \"%s\" is %lld in the model, the shape says %lld", axis, input->name,
                 (long long)dim->value, (long long)value);
    if (dim->value >= 0 || !dim->symbol)
        return HONE_OK;
    const struct symbol *symbol = find_symbol(list, dim->symbol);
    HONE_FAIL_IF(symbol && symbol->value != value, error, HONE_ERROR_SHAPE,
                 "the shapes give dimension \"%s\" two values, %lld and %lld", dim->symbol, (long long)symbol->value,
                 (long long)value);
    return symbol ? HONE_OK : add_symbol(list, dim->symbol, value, false, error);
}

static hone_status apply_shape(symbols *list, hone__graph *graph, const hone_shape *shape, hone_error *error) {
    hone__value *input = shape->input ? find_input(graph, shape->input) : NULL;
    HONE_FAIL_IF(!input, error, HONE_ERROR_NOT_FOUND, "the model has no input \"%s\"",
                 shape->input ? shape->input : "");
    HONE_FAIL_IF(shape->rank < 0 || shape->rank > HONE_MAX_RANK, error, HONE_ERROR_ARGUMENT,
                 "the shape of input \"%s\" has rank %d", shape->input, shape->rank);
    HONE_FAIL_IF(input->type.kind != HONE_KIND_TENSOR, error, HONE_ERROR_TYPE, "input \"%s\" is not a tensor",
                 shape->input);
    HONE_FAIL_IF(input->type.rank >= 0 && input->type.rank != shape->rank, error, HONE_ERROR_SHAPE,
                 "input \"%s\" has rank %d, the shape has %d", shape->input, input->type.rank, shape->rank);
    hone__dim dims[HONE_MAX_RANK];
    for (int i = 0; i < shape->rank; i++) {
        HONE_FAIL_IF(shape->dims[i] < 0, error, HONE_ERROR_ARGUMENT, "dimension %d of input \"%s\" is %lld", i,
                     shape->input, (long long)shape->dims[i]);
        if (input->type.rank >= 0)
            HONE_TRY(apply_dim(list, input, i, shape->dims[i], error));
        dims[i] = hone__dim_known(shape->dims[i]);
    }
    return hone__type_set_tensor(hone__graph_arena(graph), &input->type, input->type.dtype, shape->rank, dims) ==
                   HONE_OK
               ? HONE_OK
               : hone__fail_memory(error, "a shape");
}

/* Inputs that the user did not describe: their symbols get the user's value or 1. */
static hone_status assume_rest(symbols *list, hone__graph *graph, size_t *n_assumed, hone_error *error) {
    for (size_t i = 0; i < graph->n_inputs; i++) {
        hone__type *type = &graph->inputs[i]->type;
        for (int d = 0; type->kind == HONE_KIND_TENSOR && d < type->rank; d++) {
            hone__dim *dim = &type->dims[d];
            if (dim->value >= 0)
                continue;
            const struct symbol *symbol = dim->symbol ? find_symbol(list, dim->symbol) : NULL;
            if (!symbol) {
                ++*n_assumed;
                if (dim->symbol)
                    HONE_TRY(add_symbol(list, dim->symbol, 1, true, error));
            }
            *dim = hone__dim_known(symbol ? symbol->value : 1);
        }
    }
    return HONE_OK;
}

/* Forgets what was inferred with symbols, so that inference runs again with numbers. */
static void reset_types(const symbols *list, hone__graph *graph) {
    for (size_t i = 0; i < hone__graph_value_count(graph); i++) {
        hone__value *value = hone__graph_value_at(graph, i);
        if (value->constant)
            continue;
        value->sym = NULL;
        value->n_sym = 0;
        if (value->producer && value->producer->op && value->producer->op->infer) {
            memset(&value->type, 0, sizeof value->type);
            value->type.rank = -1;
            continue;
        }
        for (int d = 0; d < value->type.rank; d++) {
            const hone__dim *dim = &value->type.dims[d];
            const struct symbol *symbol = dim->value < 0 && dim->symbol ? find_symbol(list, dim->symbol) : NULL;
            if (symbol)
                value->type.dims[d] = hone__dim_known(symbol->value);
        }
    }
}

/* ---- sums ---- */

typedef struct tally {
    hone_model_cost *cost;
    bool *is_guessed; /* [values] by id: counted in n_assumed */
} tally;

/* Elements of a type; unknown dims count as one. */
static double elements(const hone__type *type) {
    double n = 1;
    if (!type->is_known || type->kind != HONE_KIND_TENSOR)
        return 0;
    for (int i = 0; i < type->rank; i++)
        n *= type->dims[i].value >= 0 ? (double)type->dims[i].value : 1;
    return n;
}

static double value_bytes(tally *t, const hone__value *value) {
    const hone__type *type = &value->type;
    bool is_open = !type->is_known || type->rank < 0;
    for (int i = 0; !is_open && i < type->rank; i++)
        is_open = type->dims[i].value < 0;
    if (is_open && type->kind == HONE_KIND_TENSOR && !t->is_guessed[value->id]) {
        t->is_guessed[value->id] = true;
        t->cost->n_assumed++;
    }
    int bits = type->dtype == HONE_DTYPE_STRING ? (int)sizeof(hone_string) * 8 : hone_dtype_bits(type->dtype);
    return elements(type) * bits / 8;
}

static double node_flops(const hone__node *node, const hone__type **types) {
    const hone__op *op = node->op;
    if (!op)
        return 0;
    for (size_t i = 0; i < node->n_inputs; i++)
        types[i] = node->inputs[i] ? &node->inputs[i]->type : NULL;
    for (size_t i = 0; i < node->n_outputs; i++)
        types[node->n_inputs + i] = node->outputs[i] ? &node->outputs[i]->type : NULL;
    if (op->flops)
        return op->flops(node, types, types + node->n_inputs);
    return (op->flags & HONE_OP_ELEMENTWISE) && node->n_outputs && node->outputs[0] ? elements(&node->outputs[0]->type)
                                                                                    : 0;
}

static hone_status sum_nodes(tally *t, const hone__graph *graph, hone_error *error) {
    const hone__type **types = NULL;
    size_t capacity = 0;
    hone_status status = HONE_OK;
    HONE_FOR_NODES(node, graph) {
        if (!hone__grow((void **)&types, &capacity, node->n_inputs + node->n_outputs + 1, sizeof *types)) {
            status = hone__fail_memory(error, "costs");
            break;
        }
        t->cost->flops += node_flops(node, types);
        uint32_t flags = node->op ? node->op->flags : 0;
        if (!(flags & (HONE_OP_VIEW | HONE_OP_SHAPE_ONLY))) {
            for (size_t i = 0; i < node->n_inputs; i++)
                t->cost->bytes += node->inputs[i] ? value_bytes(t, node->inputs[i]) : 0;
            for (size_t i = 0; i < node->n_outputs; i++)
                t->cost->bytes += node->outputs[i] ? value_bytes(t, node->outputs[i]) : 0;
        }
        HONE_FOR_SUBGRAPHS(sub, node)
        if (status == HONE_OK)
            status = sum_nodes(t, sub, error);
        if (status != HONE_OK)
            break;
    }
    hone__free(types);
    return status;
}

static void sum_parameters(const hone__graph *graph, hone_model_cost *cost) {
    for (size_t i = 0; i < hone__graph_value_count(graph); i++) {
        const hone__value *value = hone__graph_value_at(graph, i);
        const hone_tensor *t = value->constant;
        if (!t || t->kind != HONE_KIND_TENSOR || t->dtype == HONE_DTYPE_STRING || t->dtype == HONE_DTYPE_BOOL ||
            (value->n_uses == 0 && value->n_output_uses == 0))
            continue;
        cost->parameters += hone__tensor_count(t);
        cost->parameter_bytes += (int64_t)t->size;
    }
}

/* ---- live activations, in the root graph's order ---- */

/* The root graph's node that a use lies in. */
static const hone__node *root_node(const hone__node *node) {
    while (node->graph->parent)
        node = node->graph->owner;
    return node;
}

typedef struct life {
    size_t begin, end; /* positions of nodes; end is inclusive */
    double size;
} life;

static void extend(life *lives, const size_t *source, size_t id, size_t position) {
    if (lives[source[id]].end < position)
        lives[source[id]].end = position;
}

static void find_lives(tally *t, const hone__graph *graph, size_t *position, size_t *source, life *lives) {
    size_t n = 0, end = graph->n_nodes + 1;
    HONE_FOR_NODES(node, graph) position[node->id] = ++n;
    for (size_t i = 0; i < graph->n_inputs; i++)
        lives[graph->inputs[i]->id] = (life){0, 0, value_bytes(t, graph->inputs[i])};
    HONE_FOR_NODES(node, graph) {
        bool is_view = node->op && (node->op->flags & HONE_OP_VIEW) && node->n_inputs && node->inputs[0] &&
                       node->n_outputs && node->outputs[0];
        for (size_t i = 0; i < node->n_outputs; i++) {
            const hone__value *value = node->outputs[i];
            if (!value)
                continue;
            source[value->id] = is_view && i == 0 ? source[node->inputs[0]->id] : value->id;
            if (source[value->id] == value->id)
                lives[value->id] = (life){position[node->id], position[node->id], value_bytes(t, value)};
        }
    }
    for (size_t i = 0; i < hone__graph_value_count(graph); i++) {
        const hone__value *value = hone__graph_value_at(graph, i);
        if (value->constant || value->graph != graph)
            continue;
        for (size_t u = 0; u < value->n_uses; u++) {
            const hone__node *node = root_node(value->uses[u].node);
            if (node->graph == graph)
                extend(lives, source, i, position[node->id]);
        }
        if (value->n_output_uses)
            extend(lives, source, i, end);
    }
}

static hone_status find_peak(tally *t, const hone__graph *graph, hone_error *error) {
    size_t n_values = hone__graph_value_count(graph), n_nodes = hone__graph_node_count(graph);
    size_t *position = hone__calloc(n_nodes + 1, sizeof *position),
           *source = hone__calloc(n_values + 1, sizeof *source);
    life *lives = hone__calloc(n_values + 1, sizeof *lives);
    double *change = hone__calloc(graph->n_nodes + 3, sizeof *change);
    hone_status status = HONE_OK;
    if (!position || !source || !lives || !change) {
        status = hone__fail_memory(error, "costs");
        goto cleanup;
    }
    for (size_t i = 0; i < n_values; i++)
        source[i] = i;
    find_lives(t, graph, position, source, lives);
    for (size_t i = 0; i < n_values; i++) {
        change[lives[i].begin] += lives[i].size;
        change[lives[i].end + 1] -= lives[i].size;
    }
    double now = 0, peak = 0;
    for (size_t i = 0; i < graph->n_nodes + 2; i++) {
        now += change[i];
        peak = now > peak ? now : peak;
    }
    t->cost->activation_peak_bytes = peak < 9e18 ? (int64_t)peak : INT64_MAX;
cleanup:
    hone__free(position);
    hone__free(source);
    hone__free(lives);
    hone__free(change);
    return status;
}

hone_status hone__graph_cost(const hone__graph *original, const hone_shape *shapes, size_t n_shapes,
                             hone_model_cost *out, hone_error *error) {
    memset(out, 0, sizeof *out);
    hone__graph *graph;
    symbols list = {0};
    tally t = {.cost = out};
    /* Large constants are only described here, so the clone may keep views that are not aligned. */
    HONE_TRY(hone__graph_clone(original, &graph, error));
    hone_status status = HONE_OK;
    for (size_t i = 0; i < n_shapes; i++)
        HONE_CHECK(apply_shape(&list, graph, &shapes[i], error));
    HONE_CHECK(assume_rest(&list, graph, &out->n_assumed, error));
    reset_types(&list, graph);
    HONE_CHECK(hone__graph_infer(graph, error));
    t.is_guessed = hone__calloc(hone__graph_value_count(graph) + 1, 1);
    if (!t.is_guessed) {
        status = hone__fail_memory(error, "costs");
        goto cleanup;
    }
    HONE_CHECK(sum_nodes(&t, graph, error));
    sum_parameters(graph, out);
    HONE_CHECK(find_peak(&t, graph, error));
cleanup:
    hone__free(t.is_guessed);
    hone__free(list.items);
    hone__graph_destroy(graph);
    return status;
}

hone_status hone_model_get_cost(const hone_model *model, const hone_shape *shapes, size_t n_shapes,
                                hone_model_cost *out, hone_error *error) {
    HONE_FAIL_IF(!model || !out || (n_shapes && !shapes), error, HONE_ERROR_ARGUMENT, "an argument is NULL");
    return hone__graph_cost(model->graph, shapes, n_shapes, out, error);
}

/* The symbols that the shapes settle, in the inputs that they do not name. */
static void settle_rest(const symbols *list, hone__graph *graph) {
    for (size_t i = 0; i < graph->n_inputs; i++) {
        hone__type *type = &graph->inputs[i]->type;
        for (int d = 0; type->kind == HONE_KIND_TENSOR && d < type->rank; d++) {
            const struct symbol *symbol =
                type->dims[d].value < 0 && type->dims[d].symbol ? find_symbol(list, type->dims[d].symbol) : NULL;
            if (symbol)
                type->dims[d] = hone__dim_known(symbol->value);
        }
    }
}

hone_status hone__graph_fix_shapes(hone__graph *graph, const hone_shape *shapes, size_t n_shapes, hone_error *error) {
    symbols list = {0};
    hone_status status = HONE_OK;
    for (size_t i = 0; i < n_shapes; i++)
        HONE_CHECK(apply_shape(&list, graph, &shapes[i], error));
    settle_rest(&list, graph);
    reset_types(&list, graph);
    HONE_CHECK(hone__graph_infer(graph, error));
cleanup:
    hone__free(list.items);
    return status;
}
