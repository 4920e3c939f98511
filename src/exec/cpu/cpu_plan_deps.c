/* The order between steps that ORT_PARALLEL must keep: a step waits for the writers of what it reads, for
 * the readers of what it overwrites in place, and for everyone who used bytes that the planner gave it a
 * second time. */
#include "exec/cpu/cpu_plan.h"

#include "base/alloc.h"
#include "base/error.h"

#include <string.h>

typedef struct access_list {
    uint32_t *steps;
    size_t n, capacity;
} access_list;

typedef struct linker {
    hone__exec_plan *plan;
    access_list *users;  /* [n_buffers]: steps that used the buffer since its last write, the writer first */
    uint32_t *mark;      /* [n_steps]: the step for which an edge from here was added last, plus one */
    uint32_t *occupants; /* planned buffers whose bytes may be given out again */
    size_t n_occupants;
    hone_error *error;
} linker;

static hone_status push(linker *l, access_list *list, uint32_t step) {
    if (list->n && list->steps[list->n - 1] == step)
        return HONE_OK;
    if (!hone__grow((void **)&list->steps, &list->capacity, list->n + 1, sizeof *list->steps))
        return hone__fail_memory(l->error, "the plan");
    list->steps[list->n++] = step;
    return HONE_OK;
}

static hone_status add_edge(linker *l, uint32_t from, uint32_t to) {
    if (from == to || l->mark[from] == to + 1)
        return HONE_OK;
    l->mark[from] = to + 1;
    hone__cpu_step *step = &l->plan->steps[from];
    if (!hone__grow((void **)&step->followers, &step->followers_capacity, step->n_followers + 1,
                    sizeof *step->followers))
        return hone__fail_memory(l->error, "the plan");
    step->followers[step->n_followers++] = to;
    l->plan->steps[to].n_deps++;
    return HONE_OK;
}

static hone_status wait_for_users(linker *l, uint32_t buffer, uint32_t step) {
    for (size_t i = 0; i < l->users[buffer].n; i++)
        HONE_TRY(add_edge(l, l->users[buffer].steps[i], step));
    return HONE_OK;
}

static hone_status read_buffer(linker *l, uint32_t buffer, uint32_t step) {
    if (l->users[buffer].n)
        HONE_TRY(add_edge(l, l->users[buffer].steps[0], step));
    return push(l, &l->users[buffer], step);
}

/* First use of a planned buffer: wait for those who used its bytes before. */
static hone_status claim_bytes(linker *l, uint32_t buffer, uint32_t step) {
    const hone__exec_plan *plan = l->plan;
    if (plan->buffers[buffer].place != HONE_PLACE_BLOCK || !plan->model->config.use_mem_pattern)
        return HONE_OK;
    const hone__mem_record *mine = &plan->records[plan->buffers[buffer].index];
    size_t begin = mine->offset, end = begin + mine->size, kept = 0;
    for (size_t i = 0; i < l->n_occupants; i++) {
        uint32_t other = l->occupants[i];
        const hone__mem_record *r = &plan->records[plan->buffers[other].index];
        bool overlaps = r->size && mine->size && r->offset < end && begin < r->offset + r->size;
        if (overlaps)
            HONE_TRY(wait_for_users(l, other, step));
        if (!(overlaps && r->offset >= begin && r->offset + r->size <= end))
            l->occupants[kept++] = other;
    }
    l->n_occupants = kept;
    l->occupants[l->n_occupants++] = buffer;
    return HONE_OK;
}

static hone_status write_buffer(linker *l, uint32_t buffer, uint32_t step) {
    access_list *users = &l->users[buffer];
    if (users->n == 0)
        HONE_TRY(claim_bytes(l, buffer, step));
    HONE_TRY(wait_for_users(l, buffer, step));
    users->n = 0;
    return push(l, users, step);
}

static hone_status read_id(linker *l, uint32_t id, uint32_t step) {
    uint32_t buffer = id == HONE_NO_BUFFER ? HONE_NO_BUFFER : l->plan->value_buffer[id];
    if (buffer == HONE_NO_BUFFER || l->plan->buffers[buffer].place == HONE_PLACE_INPUT ||
        l->plan->buffers[buffer].place == HONE_PLACE_CONST)
        return HONE_OK;
    return read_buffer(l, buffer, step);
}

static hone_status read_value(linker *l, const hone__value *value, uint32_t step) {
    return value && value->graph == l->plan->model->graph ? read_id(l, value->id, step) : HONE_OK;
}

static hone_status read_attributes(linker *l, const hone__node *node, uint32_t step);

static hone_status read_captured(linker *l, const hone__graph *sub, uint32_t step) {
    HONE_FOR_NODES(node, sub) {
        for (size_t i = 0; i < node->n_inputs; i++)
            HONE_TRY(read_value(l, node->inputs[i], step));
        HONE_TRY(read_attributes(l, node, step));
    }
    for (size_t i = 0; i < sub->n_outputs; i++)
        HONE_TRY(read_value(l, sub->outputs[i], step));
    return HONE_OK;
}

static hone_status read_attributes(linker *l, const hone__node *node, uint32_t step) {
    HONE_FOR_SUBGRAPHS(sub, node)
    HONE_TRY(read_captured(l, sub, step));
    return HONE_OK;
}

static hone_status link_step(linker *l, uint32_t at) {
    const hone__exec_plan *plan = l->plan;
    const hone__cpu_step *step = &plan->steps[at];
    for (size_t i = 0; i < step->n_in; i++)
        HONE_TRY(read_id(l, step->ids[i], at));
    if (!step->is_reorder)
        HONE_TRY(read_attributes(l, plan->model->nodes[step->node].node, at));
    for (size_t i = step->n_in; i < step->n_in + step->n_out; i++)
        if (step->ids[i] != HONE_NO_BUFFER)
            HONE_TRY(write_buffer(l, plan->value_buffer[step->ids[i]], at));
    if (step->workspace != HONE_NO_BUFFER)
        HONE_TRY(write_buffer(l, step->workspace, at));
    return HONE_OK;
}

hone_status hone__cpu_plan_link_steps(hone__exec_plan *plan, hone_error *error) {
    linker l = {.plan = plan, .error = error};
    hone_status status = HONE_OK;
    l.users = hone__calloc(plan->n_buffers + 1, sizeof *l.users);
    l.mark = hone__calloc(plan->n_steps + 1, sizeof *l.mark);
    l.occupants = hone__calloc(plan->n_buffers + 1, sizeof *l.occupants);
    if (!l.users || !l.mark || !l.occupants)
        status = hone__fail_memory(error, "the plan");
    for (uint32_t i = 0; i < plan->n_steps && status == HONE_OK; i++)
        status = link_step(&l, i);
    for (size_t i = 0; l.users && i < plan->n_buffers; i++)
        hone__free(l.users[i].steps);
    hone__free(l.users);
    hone__free(l.mark);
    hone__free(l.occupants);
    return status;
}
