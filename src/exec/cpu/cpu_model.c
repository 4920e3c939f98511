/* Preparing a graph: kernels are picked and weights packed; see cpu_model.h. */
#include "exec/cpu/cpu_model.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/cpu/cpu_body.h"
#include "exec/cpu/cpu_pools.h"
#include "hw/hw.h"

#include <string.h>

enum { SMALL_WORKSPACE = 32 << 20 }; /* cudnn_conv_use_max_workspace: false */

void *hone__cpu_model_alloc_packed(hone__exec_model *model, size_t size, hone_error *error) {
    if (hone__mem_budget_take(&model->budget, size, "packed weights", error) != HONE_OK)
        return NULL;
    void *p = hone__packed_alloc(&model->packed, size);
    if (p)
        model->packed_size += size;
    else
        hone__mem_budget_give(&model->budget, size);
    return p;
}

static hone_status memory_take(void *memory, size_t size, hone_error *error) {
    hone__exec_model *model = memory;
    HONE_TRY(hone__mem_budget_take(&model->budget, size, "packed weights", error));
    atomic_fetch_add(&model->packed_size, size);
    return HONE_OK;
}

static void memory_give(void *memory, size_t size) {
    hone__exec_model *model = memory;
    hone__mem_budget_give(&model->budget, size);
    atomic_fetch_sub(&model->packed_size, size);
}

static void *alloc_packed(hone__cpu_prepare *ctx, size_t size) {
    return hone__cpu_model_alloc_packed(ctx->user, size, ctx->error);
}

static void set_cpu_config(hone__exec_model *model) {
    const hone__exec_config *config = &model->config;
    const hone_machine_info *hw = hone__hw_info();
    model->cpu = (hone__cpu_config){
        .isa = hone__hw_isa(),
        .n_threads = config->n_intra_threads,
        .pool = model->intra,
        .conv_search = (hone__conv_search)config->conv_search,
        .max_workspace = config->conv_max_workspace ? SIZE_MAX : SMALL_WORKSPACE,
        .tunable_enable = config->tunable_enable,
        .tunable_tuning = config->tunable_tuning,
        .choice_get = config->store.get,
        .choice_put = config->store.put,
        .choice_store = config->store.user,
        .l1d_bytes = hw->l1d_bytes,
        .l2_bytes = hw->l2_bytes,
        .l3_bytes = hw->l3_bytes,
        .memory_take = memory_take,
        .memory_give = memory_give,
        .memory = model,
        .drop_pages = config->drop_pages,
        .drop_pages_user = config->drop_pages_user,
    };
}

static hone_status pick_kernel(hone__exec_model *model, hone__cpu_node *entry, hone_error *error) {
    const hone__node *node = entry->node;
    entry->row = hone__cpu_kernel_find(node, &model->cpu);
    if (!entry->row && !(node->op && node->op->eval)) {
        hone__fail(error, HONE_ERROR_UNSUPPORTED, "operator %s%s%s-%lld has no implementation in this version",
                   node->domain, *node->domain ? "." : "", node->op_type, (long long)node->opset);
        hone__error_node(error, node->name);
        hone__error_hint(error, "run 'hone inspect' on the model to list everything that cannot run");
        return HONE_ERROR_UNSUPPORTED;
    }
    return HONE_OK;
}

/* Whether every reader of a constant takes it as it lies. A node with constants alone may be computed while planning,
 * by its reference evaluator. */
static bool is_read_unaligned(const hone__exec_model *model, const hone__cpu_node *const *entries,
                              const hone__value *value) {
    if (value->n_output_uses || value->is_overridable || value->graph != model->graph)
        return false;
    for (size_t u = 0; u < value->n_uses; u++) {
        const hone__node *node = value->uses[u].node;
        const hone__cpu_node *entry = node->graph == model->graph ? entries[node->id] : NULL;
        if (!entry || !entry->row || !entry->row->reads_unaligned ||
            !entry->row->reads_unaligned(node, value->uses[u].index))
            return false;
        bool is_constant = true;
        for (size_t i = 0; i < node->n_inputs; i++)
            is_constant &= !node->inputs[i] || node->inputs[i]->constant;
        if (is_constant)
            return false;
    }
    return true;
}

static hone_status align_constants(hone__exec_model *model, hone__graph *graph, hone_error *error) {
    const hone__cpu_node **entries = hone__calloc(hone__graph_node_count(graph) + 1, sizeof *entries);
    if (!entries)
        return hone__fail_memory(error, "the session");
    for (size_t i = 0; i < model->n_nodes; i++)
        entries[model->nodes[i].node->id] = &model->nodes[i];
    hone_status status = HONE_OK;
    for (size_t i = 0; i < hone__graph_value_count(graph) && status == HONE_OK; i++) {
        hone__value *value = hone__graph_value_at(graph, i);
        if (value->constant && (value->n_uses || value->n_output_uses) && !hone__tensor_is_aligned(value->constant) &&
            !is_read_unaligned(model, entries, value))
            status = hone__value_align(value, error);
    }
    hone__free(entries);
    return status;
}

static hone_status prepare_node(hone__exec_model *model, hone__cpu_node *entry, hone_error *error) {
    const hone__node *node = entry->node;
    if (!entry->row || !entry->row->prepare)
        return HONE_OK;
    uint64_t start = hone__now_ns();
    hone__cpu_prepare ctx = {.config = &model->cpu,
                             .arena = &model->arena,
                             .alloc_packed = alloc_packed,
                             .user = model,
                             .work = &model->work,
                             .error = error};
    hone_error_clear(error);
    hone_status status = entry->row->prepare(&ctx, node, &entry->state);
    if (status != HONE_OK) {
        /* A kernel that got NULL from alloc_packed may only know "memory"; the budget said more. */
        if (error && error->status == HONE_ERROR_LIMIT)
            status = HONE_ERROR_LIMIT;
        hone__error_node(error, node->name);
    }
    entry->prepare_ms = hone__ms_since(start);
    return status;
}

hone_status hone__cpu_model_prepare(hone__graph *graph, const hone__exec_config *config, hone__exec_model **out,
                                    hone_error *error) {
    *out = NULL;
    hone__exec_model *model = hone__calloc(1, sizeof *model);
    if (!model)
        return hone__fail_memory(error, "the session");
    model->graph = graph;
    model->config = *config;
    model->budget.limit = config->mem_limit;
    hone__arena_init(&model->arena);
    pthread_mutex_init(&model->plan_lock, NULL);
    hone_status status = HONE_OK;
    HONE_CHECK(hone__pools_acquire(config->n_intra_threads, &model->intra, error));
    if (config->is_parallel)
        HONE_CHECK(hone__pools_acquire_inter(config->n_inter_threads, &model->inter, error));
    set_cpu_config(model);
    model->nodes = hone__calloc(graph->n_nodes + 1, sizeof *model->nodes);
    if (!model->nodes) {
        status = hone__fail_memory(error, "the session");
        goto cleanup;
    }
    HONE_FOR_NODES(node, graph) {
        hone__cpu_node *entry = &model->nodes[model->n_nodes++];
        entry->node = node;
        HONE_CHECK(pick_kernel(model, entry, error));
    }
    HONE_CHECK(hone__cpu_bodies_pick(model, error));
    HONE_CHECK(align_constants(model, graph, error));
    for (size_t i = 0; i < model->n_nodes; i++)
        HONE_CHECK(prepare_node(model, &model->nodes[i], error));
    for (size_t i = 0; i < model->n_body_nodes; i++)
        HONE_CHECK(prepare_node(model, &model->body_nodes[i], error));
    for (size_t i = 0; i < model->n_nodes && model->body_nodes; i++)
        HONE_CHECK(hone__cpu_bodies_describe(model, &model->nodes[i], error));
    hone__cpu_work_run(&model->work, model->intra);
cleanup:
    if (status != HONE_OK) {
        hone__cpu_model_destroy(model);
        return status;
    }
    *out = model;
    return HONE_OK;
}

void hone__cpu_model_destroy(hone__exec_model *model) {
    if (!model)
        return;
    for (size_t i = 0; i < model->n_nodes; i++)
        if (model->nodes[i].row && model->nodes[i].row->release && model->nodes[i].state)
            model->nodes[i].row->release(model->nodes[i].state);
    for (size_t i = 0; i < model->n_body_nodes; i++)
        if (model->body_nodes[i].row->release && model->body_nodes[i].state)
            model->body_nodes[i].row->release(model->body_nodes[i].state);
    hone__free(model->body_nodes);
    hone__free(model->body_by_id);
    hone__packed_deinit(&model->packed);
    hone__cpu_work_deinit(&model->work);
    hone__free(model->nodes);
    hone__pools_release(model->intra);
    hone__pools_release(model->inter);
    hone__arena_deinit(&model->arena);
    pthread_mutex_destroy(&model->plan_lock);
    hone__free(model);
}
