/* One kernel row against the reference evaluator; see kernel_harness.h. */
#include "support/kernel_harness.h"

#include "base/alloc.h"
#include "exec/cpu/cpu_kernel.h"
#include "hw/hw.h"
#include "kernels/isa_support.h"
#include "ops/op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_INPUTS = 24, MAX_OUTPUTS = 8, MAX_PACKED = 64, GUARD = 256 };

struct harness {
    hone__graph *graph;
    char domain[32], op[64];
    hone__value *inputs[MAX_INPUTS];
    hone_tensor *tensors[MAX_INPUTS]; /* owned unless constant */
    bool is_constant[MAX_INPUTS];
    size_t n_inputs;
    hone__attr attrs[16];
    int64_t ints[16][HARNESS_MAX_INTS];
    size_t n_attrs;
    hone__node *node;
    void *packed[MAX_PACKED];
    size_t n_packed;
};

static uint64_t random_state = 88172645463325252u;

void harness_seed(uint64_t seed) { random_state = seed * 2654435769u + 1; }

uint64_t harness_next(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 2685821657736338717u >> 11;
}

int64_t harness_between(int64_t low, int64_t high) {
    return low + (int64_t)(harness_next() % (uint64_t)(high - low + 1));
}

static void must(hone_status status, const hone_error *error, const char *what) {
    if (status != HONE_OK)
        fail_msg("%s: %s", what, error->message);
}

harness *harness_create(const char *domain, const char *op, int64_t opset) {
    hone_error error = {0};
    harness *h = calloc(1, sizeof *h);
    assert_non_null(h);
    snprintf(h->domain, sizeof h->domain, "%s", domain);
    snprintf(h->op, sizeof h->op, "%s", op);
    must(hone__graph_create("one", &h->graph, &error), &error, "graph");
    must(hone__graph_set_opset(h->graph, domain, opset, &error), &error, "opset");
    return h;
}

static hone__attr *new_attr(harness *h, const char *name, hone__attr_type type) {
    hone__attr *a = &h->attrs[h->n_attrs++];
    a->name = name;
    a->type = type;
    return a;
}
void harness_attr_int(harness *h, const char *name, int64_t value) { new_attr(h, name, HONE_ATTR_INT)->i = value; }
void harness_attr_float(harness *h, const char *name, float value) { new_attr(h, name, HONE_ATTR_FLOAT)->f = value; }
void harness_attr_string(harness *h, const char *name, const char *value) {
    new_attr(h, name, HONE_ATTR_STRING)->s = (hone_string){value, strlen(value)};
}
void harness_attr_ints(harness *h, const char *name, const int64_t *v, size_t n) {
    assert_true(n <= HARNESS_MAX_INTS);
    int64_t *copy = h->ints[h->n_attrs];
    memcpy(copy, v, n * sizeof *v);
    hone__attr *a = new_attr(h, name, HONE_ATTR_INTS);
    a->ints = copy;
    a->n = n;
}

static void set_element(hone_tensor *t, int64_t i, double v) {
    switch (t->dtype) {
    case HONE_DTYPE_FLOAT:
        ((float *)t->data)[i] = (float)v;
        break;
    case HONE_DTYPE_DOUBLE:
        ((double *)t->data)[i] = v;
        break;
    case HONE_DTYPE_INT64:
        ((int64_t *)t->data)[i] = (int64_t)floor(v);
        break;
    case HONE_DTYPE_INT32:
        ((int32_t *)t->data)[i] = (int32_t)floor(v);
        break;
    case HONE_DTYPE_BOOL:
        ((uint8_t *)t->data)[i] = v > 0;
        break;
    default: /* other types: bits that are small numbers or halves below 2 */
        if (hone_dtype_bits(t->dtype) == 16)
            ((uint16_t *)t->data)[i] = (uint16_t)(harness_next() % 0x3F00u);
        else
            ((uint8_t *)t->data)[i] = (uint8_t)(harness_next() % 100u);
    }
}

void harness_random(harness *h, hone_dtype dtype, int rank, const int64_t *dims, double low, double high) {
    hone_error error = {0};
    hone_tensor *t;
    must(hone_tensor_create(dtype, rank, dims, &t, &error), &error, "tensor");
    const int64_t n = hone__tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        const double u = (double)(harness_next() % 1000003) / 1000003.0;
        set_element(t, i, low + (high - low + (dtype == HONE_DTYPE_INT64 || dtype == HONE_DTYPE_INT32)) * u);
    }
    h->tensors[h->n_inputs++] = t;
}

void harness_ints(harness *h, const int64_t *v, size_t n) {
    hone_error error = {0};
    const int64_t dims[1] = {(int64_t)n};
    must(hone_tensor_create(HONE_DTYPE_INT64, 1, dims, &h->tensors[h->n_inputs++], &error), &error, "tensor");
    if (n)
        memcpy(harness_last(h)->data, v, n * sizeof *v);
    harness_make_constant(h);
}

void harness_floats(harness *h, const float *v, size_t n) {
    hone_error error = {0};
    const int64_t dims[1] = {(int64_t)n};
    must(hone_tensor_create(HONE_DTYPE_FLOAT, 1, dims, &h->tensors[h->n_inputs++], &error), &error, "tensor");
    if (n)
        memcpy(harness_last(h)->data, v, n * sizeof *v);
    harness_make_constant(h);
}

void harness_omit(harness *h) { h->tensors[h->n_inputs++] = NULL; }
void harness_make_constant(harness *h) { h->is_constant[h->n_inputs - 1] = true; }
hone_tensor *harness_last(harness *h) { return h->tensors[h->n_inputs - 1]; }

static void build(harness *h, size_t n_outputs) {
    hone_error error = {0};
    hone__value *outputs[MAX_OUTPUTS];
    for (size_t i = 0; i < h->n_inputs; i++) {
        hone_tensor *t = h->tensors[i];
        if (!t)
            continue;
        if (h->is_constant[i]) {
            must(hone__graph_add_constant(h->graph, NULL, t, &h->inputs[i], &error), &error, "constant");
        } else {
            hone__dim dims[HONE_MAX_RANK];
            must(hone__graph_add_value(h->graph, NULL, &h->inputs[i], &error), &error, "value");
            for (int d = 0; d < t->rank; d++)
                dims[d] = (hone__dim){t->dims[d], NULL};
            must(hone__type_set_tensor(hone__graph_arena(h->graph), &h->inputs[i]->type, t->dtype, t->rank, dims),
                 &error, "type");
            must(hone__graph_add_input(h->graph, h->inputs[i], &error), &error, "input");
        }
    }
    for (size_t i = 0; i < n_outputs; i++) {
        must(hone__graph_add_value(h->graph, NULL, &outputs[i], &error), &error, "value");
        must(hone__graph_add_output(h->graph, outputs[i], &error), &error, "output");
    }
    must(hone__graph_add_node(h->graph, NULL, h->domain, h->op, "node", h->inputs, h->n_inputs, outputs, n_outputs,
                              &h->node, &error),
         &error, "node");
    h->node->opset = hone__graph_get_opset(h->graph, h->domain);
    h->node->op = hone__op_find(h->domain, h->op, h->node->opset);
    if (!h->node->op)
        fail_msg("operator %s is not known at opset %d", h->op, (int)h->node->opset);
    for (size_t i = 0; i < h->n_attrs; i++)
        must(hone__node_set_attr(h->node, &h->attrs[i], &error), &error, "attribute");
    must(hone__graph_infer(h->graph, &error), &error, "inference");
}

static void *pack(harness *h, size_t size) {
    assert_true(h->n_packed < MAX_PACKED);
    return h->packed[h->n_packed++] = hone__malloc_aligned(size);
}
static void *alloc_prepare(hone__cpu_prepare *ctx, size_t size) { return pack(ctx->user, size); }
static void *alloc_plan(hone__cpu_plan *ctx, size_t size) { return pack(ctx->user, size); }

/* Memory of `size` bytes between guards, and their check. */
static unsigned char *guard_alloc(size_t size) {
    unsigned char *p = hone__malloc_aligned(GUARD + size + GUARD);
    memset(p, 0xD7, GUARD + size + GUARD);
    return p + GUARD;
}
static void guard_free(unsigned char *p, size_t size, const char *what) {
    for (size_t i = 0; i < GUARD; i++)
        if (p[(ptrdiff_t)i - GUARD] != 0xD7 || p[size + i] != 0xD7)
            fail_msg("%s: memory outside was written", what);
    hone__free_aligned(p - GUARD);
}

static void compare(const harness *h, const hone_tensor *got, const hone_tensor *want, const char *what) {
    const hone__tolerance tol = hone__op_tolerance(h->node->op, want->dtype);
    const int64_t n = hone__tensor_count(want);
    for (int64_t i = 0; i < n; i++) {
        const double a = hone_tensor_get_double(got, i), b = hone_tensor_get_double(want, i);
        if (a == b || (isnan(a) && isnan(b)))
            continue;
        if (!(fabs(a - b) <= tol.atol + tol.rtol * fabs(b)))
            fail_msg("%s: element %lld is %.9g, the reference has %.9g", what, (long long)i, a, b);
    }
}

/* inplace: run with output 0 in the memory of that input, or -1. Returns the plan's offer. */
static int run_once(harness *h, uint32_t isa, int threads, hone__pool *pool, int inplace, hone_tensor *const *want,
                    size_t n_out, const char *kernel) {
    char what[200];
    hone_error error = {0};
    hone__arena arena;
    hone__cpu_config config = {.isa = isa,
                               .n_threads = threads,
                               .pool = pool,
                               .max_workspace = SIZE_MAX,
                               .l1d_bytes = 32768,
                               .l2_bytes = 1 << 20,
                               .l3_bytes = 32 << 20};
    snprintf(what, sizeof what, "%s (isa %x, %d threads%s)", h->op, isa, threads, inplace >= 0 ? ", in place" : "");
    const hone__cpu_kernel *row = hone__cpu_kernel_find(h->node, &config);
    if (kernel && strcmp(kernel, "reference") == 0) {
        if (row)
            fail_msg("%s: row %s serves what the reference should", what, row->name);
        return -1;
    }
    if (!row)
        fail_msg("%s: no kernel row matches", what);
    hone__arena_init(&arena);
    void *state = NULL;
    hone__cpu_prepare prepare = {
        .config = &config, .arena = &arena, .alloc_packed = alloc_prepare, .user = h, .error = &error};
    if (row->prepare)
        must(row->prepare(&prepare, h->node, &state), &error, what);
    const hone_tensor *plan_in[MAX_INPUTS] = {0}, *run_in[MAX_INPUTS] = {0}, *plan_out[MAX_OUTPUTS] = {0};
    hone_tensor shapes[MAX_INPUTS], copies[MAX_INPUTS], outs[MAX_OUTPUTS], *run_out[MAX_OUTPUTS] = {0};
    unsigned char *in_data[MAX_INPUTS] = {0}, *out_data[MAX_OUTPUTS] = {0};
    for (size_t i = 0; i < h->n_inputs; i++) {
        const hone_tensor *t = h->tensors[i];
        if (!t)
            continue;
        shapes[i] = *t;
        copies[i] = *t;
        if (!h->is_constant[i])
            shapes[i].data = NULL;
        copies[i].data = in_data[i] = guard_alloc(t->size);
        memcpy(in_data[i], t->data, t->size);
        plan_in[i] = &shapes[i];
        run_in[i] = &copies[i];
    }
    hone_tensor out_shapes[MAX_OUTPUTS];
    for (size_t i = 0; i < n_out; i++) {
        out_shapes[i] = outs[i] = *want[i];
        out_shapes[i].data = NULL;
        if (i == 0 && inplace >= 0) {
            outs[i].data = in_data[inplace];
        } else {
            outs[i].data = out_data[i] = guard_alloc(want[i]->size);
        }
        plan_out[i] = &out_shapes[i];
        run_out[i] = &outs[i];
    }
    hone__cpu_plan plan = {.config = &config,
                           .node = h->node,
                           .in = plan_in,
                           .n_in = h->n_inputs,
                           .out = plan_out,
                           .n_out = n_out,
                           .arena = &arena,
                           .alloc_packed = alloc_plan,
                           .user = h,
                           .inplace_input = -1,
                           .error = &error};
    if (row->plan)
        must(row->plan(state, &plan), &error, what);
    const char *name = plan.kernel ? plan.kernel : row->name;
    if (kernel && strcmp(name, kernel) != 0 && strcmp(row->name, kernel) != 0)
        fail_msg("%s: kernel %s (%s), not %s", what, name, row->name, kernel);
    unsigned char *workspace = guard_alloc(plan.workspace_size);
    hone__cpu_run run = {.state = state,
                         .plan_state = plan.plan_state,
                         .in = run_in,
                         .out = run_out,
                         .n_in = h->n_inputs,
                         .n_out = n_out,
                         .workspace = workspace,
                         .pool = pool,
                         .error = &error};
    const uint64_t allocations = hone__alloc_count();
    for (int twice = 0; twice < (inplace >= 0 ? 1 : 2); twice++)
        must(row->run(&run), &error, what);
    if (hone__alloc_count() != allocations)
        fail_msg("%s: a run allocates", what);
    for (size_t i = 0; i < n_out; i++)
        compare(h, run_out[i], want[i], what);
    guard_free(workspace, plan.workspace_size, what);
    for (size_t i = 0; i < h->n_inputs; i++) {
        if (!in_data[i])
            continue;
        if ((int)i != inplace && memcmp(in_data[i], h->tensors[i]->data, h->tensors[i]->size) != 0)
            fail_msg("%s: input %zu was changed", what, i);
        guard_free(in_data[i], h->tensors[i]->size, what);
    }
    for (size_t i = 0; i < n_out; i++)
        if (out_data[i])
            guard_free(out_data[i], want[i]->size, what);
    if (row->release)
        row->release(state);
    hone__arena_deinit(&arena);
    return plan.inplace_input;
}

static void destroy(harness *h) {
    for (size_t i = 0; i < h->n_inputs; i++)
        if (!h->is_constant[i])
            hone_tensor_destroy(h->tensors[i]);
    for (size_t i = 0; i < h->n_packed; i++)
        hone__free_aligned(h->packed[i]);
    hone__graph_destroy(h->graph);
    free(h);
}

void harness_check(harness *h, size_t n_outputs, const char *kernel) {
    static hone__pool *pools[5]; /* made once, kept to the end of the test */
    hone_error error = {0};
    hone_tensor *want[MAX_OUTPUTS] = {0};
    const uint32_t available = test_isa_bits();
    const uint32_t masks[] = {0, HONE_ISA_AVX2, HONE_ISA_AVX2 | HONE_ISA_AVX512};
    build(h, n_outputs);
    must(hone__op_eval_node(h->node, (const hone_tensor *const *)h->tensors, h->n_inputs, want, n_outputs, &error),
         &error, "reference");
    for (size_t m = 0; m < sizeof masks / sizeof masks[0]; m++) {
        if ((available & masks[m]) != masks[m])
            continue;
        const int threads = 1 + (int)(harness_next() % 4);
        if (threads > 1 && !pools[threads])
            must(hone__pool_create(threads, 0, &pools[threads], &error), &error, "pool");
        hone__pool *pool = threads > 1 ? pools[threads] : NULL;
        const int inplace = run_once(h, masks[m], threads, pool, -1, want, n_outputs, kernel);
        if (inplace >= 0)
            run_once(h, masks[m], threads, pool, inplace, want, n_outputs, kernel);
        for (size_t i = 0; i < h->n_packed; i++)
            hone__free_aligned(h->packed[i]);
        h->n_packed = 0;
    }
    for (size_t i = 0; i < n_outputs; i++)
        hone_tensor_destroy(want[i]);
    destroy(h);
}
