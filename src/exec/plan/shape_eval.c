/* Plan-time evaluation; see shape_eval.h. */
#include "exec/plan/shape_eval.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

#include <string.h>

/* Values up to this many bytes are computed while planning; larger ones (masks, position tables) are
 * left to the run, so that a plan stays small. */
enum { MAX_COMPUTED_SIZE = 16 * 1024 };

/* A tensor's shape as the inference functions take it. */
static hone_status type_of(hone__arena *arena, const hone_tensor *tensor, hone__type *type) {
    memset(type, 0, sizeof *type);
    type->rank = -1;
    if (tensor->kind != HONE_KIND_TENSOR || tensor->dtype == HONE_DTYPE_UNDEFINED)
        return HONE_OK;
    hone__dim dims[HONE_MAX_RANK];
    for (int i = 0; i < tensor->rank; i++)
        dims[i] = hone__dim_known(tensor->dims[i]);
    return hone__type_set_tensor(arena, type, tensor->dtype, tensor->rank, dims);
}

static bool to_desc(const hone__type *type, hone_tensor *desc) {
    memset(desc, 0, sizeof *desc);
    if (!type->is_known || type->kind != HONE_KIND_TENSOR || type->is_sparse || !hone__type_is_static(type) ||
        type->rank > HONE_MAX_RANK || type->dtype == HONE_DTYPE_UNDEFINED)
        return false;
    desc->dtype = type->dtype;
    desc->rank = type->rank;
    for (int i = 0; i < type->rank; i++)
        desc->dims[i] = type->dims[i].value;
    return hone__shape_size(desc->dtype, desc->dims, desc->rank, &desc->size);
}

typedef struct infer_arrays {
    hone__type *types; /* of inputs */
    const hone__type **in;
    const hone_tensor **in_const;
    const hone__sym **in_sym;
    size_t *in_n_sym;
    hone__type *out;
    hone__sym **out_sym;
    size_t *out_n_sym;
} infer_arrays;

static bool alloc_arrays(hone__arena *arena, size_t n_in, size_t n_out, infer_arrays *a) {
    a->types = hone__arena_calloc(arena, n_in, sizeof *a->types);
    a->in = hone__arena_calloc(arena, n_in, sizeof *a->in);
    a->in_const = hone__arena_calloc(arena, n_in, sizeof *a->in_const);
    a->in_sym = hone__arena_calloc(arena, n_in, sizeof *a->in_sym);
    a->in_n_sym = hone__arena_calloc(arena, n_in, sizeof *a->in_n_sym);
    a->out = hone__arena_calloc(arena, n_out, sizeof *a->out);
    a->out_sym = hone__arena_calloc(arena, n_out, sizeof *a->out_sym);
    a->out_n_sym = hone__arena_calloc(arena, n_out, sizeof *a->out_n_sym);
    return a->types && a->in && a->in_const && a->in_sym && a->in_n_sym && a->out && a->out_sym && a->out_n_sym;
}

static hone_status infer_with(hone__arena *arena, const hone__node *node, const hone_tensor *const *in,
                              const bool *has_data, hone_tensor *out, bool *all_known, hone_error *error) {
    infer_arrays a;
    if (!alloc_arrays(arena, node->n_inputs, node->n_outputs, &a))
        return hone__fail_memory(error, "shape inference");
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (!in[i])
            continue;
        if (type_of(arena, in[i], &a.types[i]) != HONE_OK)
            return hone__fail_memory(error, "shape inference");
        a.in[i] = &a.types[i];
        if (has_data[i])
            a.in_const[i] = in[i];
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
                       .error = error};
    hone_status status = hone__op_infer_node(&ctx);
    if (status != HONE_OK) {
        hone__error_node(error, node->name);
        return status;
    }
    *all_known = true;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && !to_desc(&a.out[i], &out[i]))
            *all_known = false;
    return HONE_OK;
}

hone_status hone__shape_infer_node(const hone__node *node, const hone_tensor *const *in, const bool *has_data,
                                   hone_tensor *out, bool *all_known, hone_error *error) {
    hone__arena arena;
    hone__arena_init(&arena);
    memset(out, 0, node->n_outputs * sizeof *out);
    hone_status status = infer_with(&arena, node, in, has_data, out, all_known, error);
    hone__arena_deinit(&arena);
    return status;
}

static hone_status keep(hone__shape_eval *eval, hone_tensor *tensor, hone_error *error) {
    if (!hone__grow((void **)&eval->owned, &eval->owned_capacity, eval->n_owned + 1, sizeof *eval->owned)) {
        hone_tensor_destroy(tensor);
        return hone__fail_memory(error, "the plan");
    }
    eval->owned[eval->n_owned++] = tensor;
    return HONE_OK;
}

static void set_data(hone__shape_value *value, const hone_tensor *tensor) {
    value->known = HONE_KNOWN_DATA;
    hone__tensor_view(&value->desc, tensor->dtype, tensor->rank, tensor->dims, tensor->data, tensor->size);
}

/* Computes a node now; its outputs become known data. */
static hone_status compute(hone__shape_eval *eval, const hone__node *node, const hone_tensor *const *in,
                           hone_tensor **out, hone_error *error) {
    hone_status status = hone__op_eval_node(node, in, node->n_inputs, out, node->n_outputs, error);
    if (status != HONE_OK) {
        hone__error_node(error, node->name);
        return status;
    }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (!out[i])
            continue;
        hone_status kept = status == HONE_OK ? keep(eval, out[i], error) : status;
        if (kept == HONE_OK && node->outputs[i] && out[i]->kind == HONE_KIND_TENSOR)
            set_data(&eval->values[node->outputs[i]->id], out[i]);
        else if (status != HONE_OK)
            hone_tensor_destroy(out[i]);
        status = kept;
    }
    return status;
}

/* Whether a node may be computed while planning: everything it reads is known and its results are
 * tensors small enough to keep. */
static bool is_computable(const hone__node *node, const hone_tensor *const *in, const bool *has_data,
                          const hone_tensor *out) {
    const hone__op *op = node->op;
    if (!op || !op->eval || !(op->flags & HONE_OP_PURE) || (op->flags & (HONE_OP_CONTROL | HONE_OP_NO_EVAL)))
        return false;
    bool reads_shape_only = op->flags & HONE_OP_SHAPE_ONLY;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (in[i] && !has_data[i] && !(reads_shape_only && i == 0 && in[i]->dtype != HONE_DTYPE_UNDEFINED))
            return false;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i] && (out[i].dtype == HONE_DTYPE_UNDEFINED || out[i].size > MAX_COMPUTED_SIZE))
            return false;
    return true;
}

static hone_status visit(hone__shape_eval *eval, hone__arena *arena, const hone__node *node, hone_error *error) {
    const hone_tensor **in = hone__arena_calloc(arena, node->n_inputs, sizeof *in);
    bool *has_data = hone__arena_calloc(arena, node->n_inputs, sizeof *has_data);
    hone_tensor *out = hone__arena_calloc(arena, node->n_outputs, sizeof *out);
    hone_tensor **computed = hone__arena_calloc(arena, node->n_outputs, sizeof *computed);
    if (!in || !has_data || !out || !computed)
        return hone__fail_memory(error, "the plan");
    for (size_t i = 0; i < node->n_inputs; i++) {
        if (!node->inputs[i])
            continue;
        const hone__shape_value *value = &eval->values[node->inputs[i]->id];
        in[i] = &value->desc; /* of unknown ones: dtype UNDEFINED */
        has_data[i] = value->known == HONE_KNOWN_DATA;
    }
    bool all_known = false;
    if (node->op && !(node->op->flags & HONE_OP_CONTROL))
        HONE_TRY(infer_with(arena, node, in, has_data, out, &all_known, error));
    if (all_known && is_computable(node, in, has_data, out))
        return compute(eval, node, in, computed, error);
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (!node->outputs[i] || out[i].dtype == HONE_DTYPE_UNDEFINED)
            continue;
        hone__shape_value *value = &eval->values[node->outputs[i]->id];
        value->known = HONE_KNOWN_SHAPE;
        value->desc = out[i];
    }
    return HONE_OK;
}

static void set_constants(hone__shape_eval *eval, const hone__graph *graph) {
    HONE_FOR_NODES(node, graph)
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *value = node->inputs[i];
        if (value && value->constant && value->constant->kind == HONE_KIND_TENSOR)
            set_data(&eval->values[value->id], value->constant);
    }
    for (size_t i = 0; i < graph->n_outputs; i++)
        if (graph->outputs[i]->constant && graph->outputs[i]->constant->kind == HONE_KIND_TENSOR)
            set_data(&eval->values[graph->outputs[i]->id], graph->outputs[i]->constant);
}

hone_status hone__shape_eval_create(const hone__graph *graph, const hone_tensor *const *inputs, hone__shape_eval *out,
                                    hone_error *error) {
    memset(out, 0, sizeof *out);
    out->graph = graph;
    out->values = hone__calloc(hone__graph_value_count(graph) + 1, sizeof *out->values);
    if (!out->values)
        return hone__fail_memory(error, "the plan");
    for (size_t i = 0; i < graph->n_inputs; i++) {
        if (inputs[i]->kind != HONE_KIND_TENSOR)
            continue;
        hone__shape_value *value = &out->values[graph->inputs[i]->id];
        value->known = HONE_KNOWN_SHAPE;
        value->desc = *inputs[i];
        value->desc.data = NULL;
        value->desc.owns_data = false;
    }
    set_constants(out, graph);
    hone__arena arena;
    hone__arena_init(&arena);
    hone_status status = HONE_OK;
    for (const hone__node *node = graph->first; node && status == HONE_OK; node = node->next) {
        status = visit(out, &arena, node, error);
        if (arena.used > 256 * 1024) { /* scratch of many nodes: start afresh */
            hone__arena_deinit(&arena);
        }
    }
    hone__arena_deinit(&arena);
    if (status != HONE_OK)
        hone__shape_eval_deinit(out);
    return status;
}

void hone__shape_eval_deinit(hone__shape_eval *eval) {
    for (size_t i = 0; i < eval->n_owned; i++)
        hone_tensor_destroy(eval->owned[i]);
    hone__free(eval->owned);
    hone__free(eval->values);
    memset(eval, 0, sizeof *eval);
}
