/* Preparing a graph: kernels are picked and weights packed; see cpu_model.h. */
#include "exec/cpu/cpu_model.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "exec/cpu/cpu_pools.h"
#include "hw/hw.h"

#include <string.h>

enum { SMALL_WORKSPACE = 32 << 20 }; /* cudnn_conv_use_max_workspace: false */

void *hone__cpu_model_alloc_packed(hone__exec_model *model, size_t size, hone_error *error) {
    if (hone__mem_budget_take(&model->budget, size, "packed weights", error) != HONE_OK)
        return NULL;
    void *p = hone__malloc_aligned(size);
    if (!p || !hone__grow((void **)&model->packed, &model->packed_capacity, model->n_packed + 1, sizeof(void *)) ||
        !hone__grow((void **)&model->packed_sizes, &model->packed_sizes_capacity, model->n_packed + 1,
                    sizeof(size_t))) {
        hone__free_aligned(p);
        hone__mem_budget_give(&model->budget, size);
        return NULL;
    }
    model->packed[model->n_packed] = p;
    model->packed_sizes[model->n_packed++] = size;
    model->packed_size += size;
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
    };
}

static hone_status prepare_node(hone__exec_model *model, hone__cpu_node *entry, hone_error *error) {
    const hone__node *node = entry->node;
    entry->row = hone__cpu_kernel_find(node, &model->cpu);
    if (!entry->row) {
        if (node->op && node->op->eval)
            return HONE_OK;
        hone__fail(error, HONE_ERROR_UNSUPPORTED, "operator %s%s%s-%lld has no implementation in this version",
                   node->domain, *node->domain ? "." : "", node->op_type, (long long)node->opset);
        hone__error_node(error, node->name);
        hone__error_hint(error, "run 'hone inspect' on the model to list everything that cannot run");
        return HONE_ERROR_UNSUPPORTED;
    }
    if (!entry->row->prepare)
        return HONE_OK;
    uint64_t start = hone__now_ns();
    hone__cpu_prepare ctx = {
        .config = &model->cpu, .arena = &model->arena, .alloc_packed = alloc_packed, .user = model, .error = error};
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

hone_status hone__cpu_model_prepare(const hone__graph *graph, const hone__exec_config *config, hone__exec_model **out,
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
        HONE_CHECK(prepare_node(model, entry, error));
    }
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
    for (size_t i = 0; i < model->n_packed; i++)
        hone__free_aligned(model->packed[i]);
    hone__free(model->packed);
    hone__free(model->packed_sizes);
    hone__free(model->nodes);
    hone__pools_release(model->intra);
    hone__pools_release(model->inter);
    hone__arena_deinit(&model->arena);
    pthread_mutex_destroy(&model->plan_lock);
    hone__free(model);
}
