/* Runs one node through a kernel family as a session would (match, prepare, plan, run), without
 * operator rows or a session. For tests of the bindings. */
#ifndef HONE_TESTS_KERNEL_HARNESS_H
#define HONE_TESTS_KERNEL_HARNESS_H

#include "base/alloc.h"
#include "exec/cpu/cpu_kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HARNESS_MAX = 8 };

typedef struct harness {
    hone__graph *graph;
    hone__node *node;
    hone_tensor *in[HARNESS_MAX]; /* NULL: omitted */
    size_t n_in;
    bool is_constant[HARNESS_MAX];
    hone_tensor *out;
    char kernel[64];
    int inplace_input;
    hone_error error;
    void *packed[HARNESS_MAX];
    size_t n_packed;
} harness;

static inline void *harness_alloc_packed(hone__cpu_prepare *ctx, size_t size) {
    harness *h = ctx->user;
    assert_true(h->n_packed < HARNESS_MAX);
    return h->packed[h->n_packed++] = hone__malloc_aligned(size);
}

static inline hone_tensor *harness_tensor(int rank, const int64_t *dims) {
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &t, NULL), HONE_OK);
    return t;
}

/* Takes the inputs over. Set attributes on h->node afterwards. */
static inline void harness_init(harness *h, const char *domain, const char *op, hone_tensor *const *in,
                                const bool *is_constant, size_t n_in, hone_tensor *out) {
    memset(h, 0, sizeof *h);
    h->n_in = n_in;
    h->out = out;
    assert_int_equal(hone__graph_create("g", &h->graph, NULL), HONE_OK);
    hone__value *inputs[HARNESS_MAX] = {0}, *output;
    for (size_t i = 0; i < n_in; i++) {
        h->in[i] = in[i];
        h->is_constant[i] = is_constant && is_constant[i];
        if (!in[i])
            continue;
        char name[16] = {'i', (char)('0' + i), 0};
        assert_int_equal(hone__graph_add_value(h->graph, name, &inputs[i], NULL), HONE_OK);
        hone__dim dims[HONE_MAX_RANK];
        for (int d = 0; d < in[i]->rank; d++)
            dims[d] = (hone__dim){h->is_constant[i] ? in[i]->dims[d] : -1, NULL};
        assert_int_equal(
            hone__type_set_tensor(hone__graph_arena(h->graph), &inputs[i]->type, in[i]->dtype, in[i]->rank, dims),
            HONE_OK);
        if (h->is_constant[i])
            inputs[i]->constant = in[i];
    }
    assert_int_equal(hone__graph_add_value(h->graph, "out", &output, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_node(h->graph, NULL, domain, op, "node", inputs, n_in, &output, 1, &h->node, NULL),
                     HONE_OK);
}

/* Runs it; the plan asks for a workspace, which is filled with NaN bytes and checked behind its end. */
static inline hone_status harness_run(harness *h, const hone__cpu_kernel_family *family, uint32_t isa, int n_threads) {
    const hone__cpu_config config = {.isa = isa,
                                     .n_threads = n_threads,
                                     .max_workspace = SIZE_MAX,
                                     .l1d_bytes = 32 << 10,
                                     .l2_bytes = 1 << 20,
                                     .l3_bytes = 16 << 20};
    const hone__cpu_kernel *row = NULL;
    for (size_t i = 0; i < family->n_rows && !row; i++)
        if (strcmp(family->rows[i].op, h->node->op_type) == 0 && strcmp(family->rows[i].domain, h->node->domain) == 0 &&
            (!family->rows[i].match || family->rows[i].match(h->node, &config)))
            row = &family->rows[i];
    if (!row)
        return HONE_ERROR_NOT_FOUND;
    hone__arena arena;
    hone__arena_init(&arena);
    hone_error_clear(&h->error);
    hone__cpu_prepare prepare = {
        .config = &config, .arena = &arena, .alloc_packed = harness_alloc_packed, .user = h, .error = &h->error};
    void *state = NULL;
    void *workspace = NULL;
    hone__pool *pool = NULL;
    hone_status status = row->prepare ? row->prepare(&prepare, h->node, &state) : HONE_OK;
    const hone_tensor *out = h->out;
    hone_tensor shapes[HARNESS_MAX];
    const hone_tensor *plan_in[HARNESS_MAX] = {0};
    for (size_t i = 0; i < h->n_in; i++)
        if (h->in[i]) {
            shapes[i] = *h->in[i];
            if (!h->is_constant[i])
                shapes[i].data = NULL; /* as in a session: not known yet */
            plan_in[i] = &shapes[i];
        }
    hone__cpu_plan plan = {.config = &config,
                           .node = h->node,
                           .in = plan_in,
                           .n_in = h->n_in,
                           .out = &out,
                           .n_out = 1,
                           .arena = &arena,
                           .inplace_input = -1,
                           .kernel = "",
                           .algorithm = "",
                           .error = &h->error};
    if (status == HONE_OK && row->plan)
        status = row->plan(state, &plan);
    if (status == HONE_OK) {
        strncpy(h->kernel, plan.kernel, sizeof h->kernel - 1);
        h->inplace_input = plan.inplace_input;
        workspace = hone__malloc_aligned(plan.workspace_size + 64);
        memset(workspace, 0xff, plan.workspace_size);
        memset((char *)workspace + plan.workspace_size, 0x5a, 64);
        assert_int_equal(hone__pool_create(n_threads, 50, &pool, NULL), HONE_OK);
        hone__cpu_run run = {.state = state,
                             .plan_state = plan.plan_state,
                             .in = (const hone_tensor *const *)h->in,
                             .out = &h->out,
                             .n_in = h->n_in,
                             .n_out = 1,
                             .workspace = workspace,
                             .pool = pool,
                             .error = &h->error};
        const uint64_t allocations = hone__alloc_count();
        status = row->run(&run);
        assert_true(hone__alloc_count() == allocations); /* running allocates nothing */
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(((unsigned char *)workspace)[plan.workspace_size + i], 0x5a);
    }
    hone__pool_destroy(pool);
    hone__free_aligned(workspace);
    if (row->release && state)
        row->release(state);
    hone__arena_deinit(&arena);
    return status;
}

static inline void harness_deinit(harness *h) {
    for (size_t i = 0; i < h->n_in; i++)
        hone_tensor_destroy(h->in[i]);
    for (size_t i = 0; i < h->n_packed; i++)
        hone__free_aligned(h->packed[i]);
    hone_tensor_destroy(h->out);
    hone__graph_destroy(h->graph);
}

#endif
