/* Model-local functions: a node that calls one is replaced by the function's body, with the names of
 * the body made unique and its attribute references filled in. Recursion is refused by name. */
#include "model/model_import.h"

#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

#include <stdio.h>

static hone__pb_bytes plain(hone__pb_bytes domain) {
    return hone__pb_is(domain, "ai.onnx") ? hone__pb_text("") : domain;
}

const hone__function_proto *hone__import_find_function(const hone__importer *im, const hone__scope *scope,
                                                       const hone__node_proto *node) {
    const hone__model_proto *proto = &im->model->proto;
    for (size_t i = 0; i < proto->functions.n; i++) {
        const hone__function_proto *f = &proto->functions.items[i];
        if (!hone__pb_equal(f->name, node->op_type) || !hone__pb_equal(plain(f->domain), plain(node->domain)) ||
            !hone__pb_equal(f->overload, node->overload))
            continue;
        /* A standard operator that happens to be written out stays what it is: its kernel is faster. */
        char domain[128], op[128];
        snprintf(domain, sizeof domain, "%.*s", (int)hone__min_size(node->domain.size, 127),
                 node->domain.size ? (const char *)node->domain.data : "");
        snprintf(op, sizeof op, "%.*s", (int)hone__min_size(node->op_type.size, 127),
                 node->op_type.size ? (const char *)node->op_type.data : "");
        int64_t version = hone__import_opset(im, scope, domain);
        const hone__op *row = node->op_type.size < 127 && node->domain.size < 127
                                  ? hone__op_find(hone__plain_domain(domain), op, version ? version : 1)
                                  : NULL;
        return row && row->eval ? NULL : f;
    }
    return NULL;
}

static hone_status check_call(const hone__importer *im, const hone__scope *scope, const hone__function_proto *function,
                              size_t n_inputs, size_t n_outputs) {
    int n = (int)hone__min_size(function->name.size, 120);
    const char *name = function->name.size ? (const char *)function->name.data : "";
    for (const hone__call *call = scope->call; call; call = call->caller)
        HONE_FAIL_IF(call->function == function, im->error, HONE_ERROR_MODEL,
                     "function \"%.*s\" calls itself, directly or through others", n, name);
    HONE_FAIL_IF(im->n_calls >= HONE__MAX_CALLS, im->error, HONE_ERROR_LIMIT,
                 "function calls are nested more than %d deep", HONE__MAX_CALLS);
    HONE_FAIL_IF(n_inputs > function->input.n, im->error, HONE_ERROR_MODEL,
                 "function \"%.*s\" takes %zu inputs, the node gives %zu", n, name, function->input.n, n_inputs);
    HONE_FAIL_IF(n_outputs > function->output.n, im->error, HONE_ERROR_MODEL,
                 "function \"%.*s\" has %zu outputs, the node wants %zu", n, name, function->output.n, n_outputs);
    return HONE_OK;
}

static hone_status bind_parameters(const hone__importer *im, hone__scope *scope, const hone__function_proto *function,
                                   hone__value *const *inputs, size_t n_inputs, hone__value *const *outputs,
                                   size_t n_outputs) {
    for (size_t i = 0; i < function->input.n; i++) {
        hone__pb_bytes name = function->input.items[i];
        HONE_FAIL_IF(hone__scope_find_here(scope, name), im->error, HONE_ERROR_MODEL,
                     "function \"%.*s\" has two inputs named \"%.*s\"", (int)hone__min_size(function->name.size, 120),
                     (const char *)function->name.data, (int)hone__min_size(name.size, 120), (const char *)name.data);
        if (!hone__scope_bind(scope, name, i < n_inputs ? inputs[i] : NULL))
            return hone__fail_memory(im->error, "a function's names");
    }
    for (size_t i = 0; i < n_outputs; i++) {
        if (!outputs[i] || hone__scope_find_here(scope, function->output.items[i]))
            continue; /* not wanted, or an input handed through: an Identity is added afterwards */
        hone__binding *binding = hone__scope_bind(scope, function->output.items[i], outputs[i]);
        if (!binding)
            return hone__fail_memory(im->error, "a function's names");
        binding->is_promise = true;
    }
    return HONE_OK;
}

/* Outputs that no node of the body made are inputs, or outputs listed twice, handed through. */
static hone_status hand_through(hone__importer *im, hone__scope *scope, const hone__function_proto *function,
                                hone__value *const *outputs, size_t n_outputs, const char *name) {
    for (size_t i = 0; i < n_outputs; i++) {
        if (!outputs[i] || outputs[i]->producer || outputs[i]->constant)
            continue;
        hone__pb_bytes output = function->output.items[i];
        const hone__binding *binding = hone__scope_find_here(scope, output);
        HONE_FAIL_IF(!binding || binding->is_promise || !binding->value || binding->value == outputs[i], im->error,
                     HONE_ERROR_MODEL, "function \"%.*s\": nothing makes its output \"%.*s\"",
                     (int)hone__min_size(function->name.size, 120), (const char *)function->name.data,
                     (int)hone__min_size(output.size, 120), (const char *)output.data);
        hone__node *node;
        hone__value *in = binding->value, *out = outputs[i];
        HONE_TRY(hone__graph_add_node(scope->graph, NULL, "", "Identity", name, &in, 1, &out, 1, &node, im->error));
        node->op = hone__op_find("", "Identity", node->opset ? node->opset : 1);
        if (!in->producer && !in->is_input && !in->constant)
            im->is_unsorted = true;
    }
    return HONE_OK;
}

hone_status hone__import_call(hone__importer *im, hone__scope *scope, const hone__node_proto *node,
                              const hone__function_proto *function, hone__value *const *inputs, size_t n_inputs,
                              hone__value *const *outputs, size_t n_outputs, const char *name) {
    HONE_TRY(check_call(im, scope, function, n_inputs, n_outputs));
    size_t n = strlen(name);
    char *prefix = hone__arena_alloc(hone__graph_arena(im->root), n + 2);
    if (!prefix)
        return hone__fail_memory(im->error, "a name");
    memcpy(prefix, name, n);
    memcpy(prefix + n, "/", 2);
    hone__call call = {
        .caller = scope->call, .caller_scope = scope, .function = function, .node = node, .prefix = prefix};
    hone__scope body;
    hone__scope_init(&body, NULL, scope->graph, &call);
    im->n_calls++;
    hone_status status = HONE_OK;
    HONE_CHECK(bind_parameters(im, &body, function, inputs, n_inputs, outputs, n_outputs));
    HONE_CHECK(hone__import_nodes(im, &body, function->node.items, function->node.n));
    HONE_CHECK(hone__import_value_infos(im, &body, function->value_info.items, function->value_info.n));
    HONE_CHECK(hand_through(im, &body, function, outputs, n_outputs, name));
cleanup:
    im->n_calls--;
    hone__scope_deinit(&body);
    return status;
}
