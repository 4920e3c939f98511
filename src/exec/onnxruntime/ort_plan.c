/* Output shapes under concrete input shapes; see ort_model.h. Outputs whose shape inference knows are written straight
 * into the caller's memory; the others are copied out of what ONNX Runtime allocates. */
#include "base/alloc.h"
#include "base/error.h"
#include "base/tensor.h"
#include "exec/onnxruntime/ort_model.h"
#include "ops/op.h"

#include <string.h>

hone_status hone__ort_plan_create(hone__exec_model *model, const hone_tensor *const *inputs, hone__exec_plan **out,
                                  hone_error *error) {
    const hone__graph *graph = model->graph;
    hone__exec_plan *plan = hone__calloc(1, sizeof *plan);
    *out = NULL;
    if (!plan)
        return hone__fail_memory(error, "a plan");
    plan->model = model;
    pthread_mutex_init(&plan->lock, NULL);
    plan->inputs = hone__calloc(graph->n_inputs + 1, sizeof *plan->inputs);
    plan->outputs = hone__calloc(graph->n_outputs + 1, sizeof *plan->outputs);
    plan->is_known = hone__calloc(graph->n_outputs + 1, sizeof *plan->is_known);
    if (!plan->inputs || !plan->outputs || !plan->is_known) {
        hone__ort_plan_destroy(plan);
        return hone__fail_memory(error, "a plan");
    }
    for (size_t i = 0; i < graph->n_inputs; i++) {
        plan->inputs[i] = *inputs[i];
        plan->inputs[i].data = NULL;
        plan->inputs[i].items = NULL;
        plan->inputs[i].n_items = 0;
    }
    *out = plan;
    return HONE_OK;
}

void hone__ort_plan_destroy(hone__exec_plan *plan) {
    if (!plan)
        return;
    pthread_mutex_destroy(&plan->lock);
    hone__free(plan->inputs);
    hone__free(plan->outputs);
    hone__free(plan->is_known);
    hone__free(plan);
}

/* A clone of the graph with the inputs' dims settled, inferred. Failure leaves the outputs unknown: they are copied. */
static void infer(hone__exec_plan *plan) {
    hone__graph *clone = NULL;
    if (hone__graph_clone(plan->model->graph, &clone, NULL) != HONE_OK)
        return;
    hone_status status = HONE_OK;
    for (size_t i = 0; i < clone->n_inputs && status == HONE_OK; i++) {
        const hone_tensor *in = &plan->inputs[i];
        hone__dim dims[HONE_MAX_RANK];
        if (in->kind != HONE_KIND_TENSOR)
            continue;
        for (int d = 0; d < in->rank; d++)
            dims[d] = (hone__dim){in->dims[d], NULL};
        status = hone__type_set_tensor(hone__graph_arena(clone), &clone->inputs[i]->type, in->dtype, in->rank, dims);
    }
    if (status == HONE_OK)
        status = hone__graph_infer(clone, NULL);
    for (size_t i = 0; i < clone->n_outputs && status == HONE_OK; i++) {
        const hone__type *type = &clone->outputs[i]->type;
        int64_t dims[HONE_MAX_RANK];
        size_t size = 0;
        if (!type->is_known || type->kind != HONE_KIND_TENSOR || type->is_sparse || !hone__type_is_static(type) ||
            type->dtype == HONE_DTYPE_STRING || type->rank > HONE_MAX_RANK)
            continue;
        for (int d = 0; d < type->rank; d++)
            dims[d] = type->dims[d].value;
        if (!hone__shape_size(type->dtype, dims, type->rank, &size))
            continue;
        hone__tensor_view(&plan->outputs[i], type->dtype, type->rank, dims, NULL, size);
        plan->is_known[i] = true;
    }
    hone__graph_destroy(clone);
}

void hone__ort_plan_learn(hone__exec_plan *plan) {
    int now = atomic_load_explicit(&plan->knowledge, memory_order_acquire);
    if (now == HONE_ORT_READY)
        return;
    pthread_mutex_lock(&plan->lock);
    now = atomic_load(&plan->knowledge);
    if (now == HONE_ORT_RAN_ONCE)
        infer(plan);
    if (now != HONE_ORT_READY)
        atomic_store_explicit(&plan->knowledge, now + 1, memory_order_release);
    pthread_mutex_unlock(&plan->lock);
}

const hone_tensor *hone__ort_plan_output(const hone__exec_plan *plan, size_t index) {
    if (atomic_load_explicit(&plan->knowledge, memory_order_acquire) != HONE_ORT_READY || !plan->is_known[index])
        return NULL;
    return &plan->outputs[index];
}
