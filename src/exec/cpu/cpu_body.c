/* Kernels for the bodies of If, Loop and Scan; see cpu_body.h. */
#include "exec/cpu/cpu_body.h"

#include "base/alloc.h"
#include "base/error.h"
#include "exec/plan/shape_eval.h"

#include <stdio.h>
#include <string.h>

/* Finding shapes and a plan costs about a microsecond; below so many elements the reference evaluator is done by then.
 */
enum { FEW_ELEMENTS = 128 };

/* ---- preparing ---- */

typedef hone_status (*visit_fn)(hone__exec_model *model, const hone__node *node, void *user, hone_error *error);

/* Nesting is bounded by what the reader accepts. */
static hone_status visit_bodies(hone__exec_model *model, const hone__node *node, visit_fn fn, void *user,
                                hone_error *error) {
    HONE_FOR_SUBGRAPHS(body, node)
    HONE_FOR_NODES(inner, body) {
        HONE_TRY(fn(model, inner, user, error));
        HONE_TRY(visit_bodies(model, inner, fn, user, error));
    }
    return HONE_OK;
}

static hone_status visit_all(hone__exec_model *model, visit_fn fn, void *user, hone_error *error) {
    HONE_FOR_NODES(node, model->graph)
    HONE_TRY(visit_bodies(model, node, fn, user, error));
    return HONE_OK;
}

static hone_status count_node(hone__exec_model *model, const hone__node *node, void *user, hone_error *error) {
    (void)model, (void)node, (void)error;
    ++*(size_t *)user;
    return HONE_OK;
}

static hone_status add_node(hone__exec_model *model, const hone__node *node, void *user, hone_error *error) {
    (void)user, (void)error;
    const hone__cpu_kernel *row = hone__cpu_kernel_find(node, &model->cpu);
    if (!row)
        return HONE_OK;
    hone__cpu_node *entry = &model->body_nodes[model->n_body_nodes++];
    entry->node = node;
    entry->row = row;
    model->body_by_id[node->id] = entry;
    return HONE_OK;
}

hone_status hone__cpu_bodies_pick(hone__exec_model *model, hone_error *error) {
    size_t n = 0;
    HONE_TRY(visit_all(model, count_node, &n, error));
    if (n == 0)
        return HONE_OK;
    model->body_nodes = hone__calloc(n, sizeof *model->body_nodes);
    model->body_by_id = hone__calloc(hone__graph_node_count(model->graph) + 1, sizeof *model->body_by_id);
    if (!model->body_nodes || !model->body_by_id)
        return hone__fail_memory(error, "the session");
    return visit_all(model, add_node, NULL, error);
}

typedef struct served {
    size_t n, n_with_kernel;
} served;

static hone_status count_served(hone__exec_model *model, const hone__node *node, void *user, hone_error *error) {
    (void)error;
    served *s = user;
    s->n++;
    s->n_with_kernel += model->body_by_id && model->body_by_id[node->id];
    return HONE_OK;
}

hone_status hone__cpu_bodies_describe(hone__exec_model *model, hone__cpu_node *entry, hone_error *error) {
    served s = {0, 0};
    char text[80];
    HONE_TRY(visit_bodies(model, entry->node, count_served, &s, error));
    if (s.n == 0)
        return HONE_OK;
    (void)snprintf(text, sizeof text, "%zu of %zu nodes of its bodies have kernels", s.n_with_kernel, s.n);
    entry->detail = hone__arena_strdup(&model->arena, text);
    return entry->detail ? HONE_OK : hone__fail_memory(error, "the session");
}

/* ---- running ---- */

/* Inputs are as `match` saw them; a loop may have changed what inference could not know. */
static bool is_as_matched(const hone__node *node, const hone_tensor *const *in, size_t n_in, int64_t *n_elements) {
    *n_elements = 0;
    for (size_t i = 0; i < n_in; i++) {
        const hone__value *value = node->inputs[i];
        if (!value)
            continue;
        if (!in[i] || in[i]->kind != HONE_KIND_TENSOR || in[i]->dtype == HONE_DTYPE_STRING || !value->type.is_known ||
            value->type.kind != HONE_KIND_TENSOR || value->type.dtype != in[i]->dtype ||
            (value->type.rank >= 0 && value->type.rank != in[i]->rank) || !hone__tensor_is_aligned(in[i]))
            return false;
        *n_elements += hone__tensor_count(in[i]);
    }
    return true;
}

static hone_status make_outputs(const hone__node *node, const hone_tensor *shapes, hone_tensor **out,
                                hone_error *error) {
    for (size_t i = 0; i < node->n_outputs; i++)
        if (node->outputs[i])
            HONE_TRY(hone_tensor_create(shapes[i].dtype, shapes[i].rank, shapes[i].dims, &out[i], error));
    return HONE_OK;
}

hone_status hone__cpu_body_run_node(void *user, const hone__node *node, const hone_tensor *const *in, size_t n_in,
                                    hone_tensor **out, size_t n_out, bool *done, hone_error *error) {
    const hone__cpu_body *body = user;
    hone__exec_model *model = body->ctx->model;
    const hone__cpu_node *entry = model->body_by_id ? model->body_by_id[node->id] : NULL;
    int64_t n_elements;
    *done = false;
    if (!entry || n_in != node->n_inputs || n_out != node->n_outputs || !is_as_matched(node, in, n_in, &n_elements))
        return HONE_OK;
    if (n_elements < FEW_ELEMENTS)
        return HONE_OK;
    hone__arena arena;
    hone__arena_init(&arena);
    hone_status status = HONE_OK;
    bool all_known = false;
    bool *has_data = hone__arena_calloc(&arena, n_in + 1, sizeof *has_data);
    hone_tensor *shapes = hone__arena_calloc(&arena, n_out + 1, sizeof *shapes);
    if (!has_data || !shapes) {
        status = hone__fail_memory(error, "shape inference");
        goto cleanup;
    }
    for (size_t i = 0; i < n_in; i++)
        has_data[i] = in[i] != NULL;
    HONE_CHECK(hone__shape_infer_node(node, in, has_data, shapes, &all_known, error));
    for (size_t i = 0; i < n_out && all_known; i++)
        all_known = !node->outputs[i] || (shapes[i].kind == HONE_KIND_TENSOR && shapes[i].dtype != HONE_DTYPE_STRING);
    if (!all_known)
        goto cleanup;
    hone__cpu_plan plan;
    HONE_CHECK(hone__cpu_plan_kernel_now(body->ctx, entry, in, shapes, &arena, &plan, error));
    if (plan.is_declined)
        goto cleanup;
    *done = true;
    HONE_CHECK(make_outputs(node, shapes, out, error));
    status = hone__cpu_run_kernel_now(entry, &plan, in, out, &arena, body->pool, error);
cleanup:
    hone__arena_deinit(&arena);
    return status;
}
