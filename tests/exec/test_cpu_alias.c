/* Values inside others' bytes (exec/cpu/cpu_alias.h): Concat, Split and Slice without a step, against the same graph
 * with memory reuse off, where every value has bytes of its own: plain and blocked, planned and placed at run time,
 * with branches at once, two requests in turn. How many nodes have no step is checked, and that no plan needs more
 * memory for it. */
#include "base/alloc.h"
#include "exec/backend.h"
#include "exec/cpu/cpu_plan.h"
#include "ops/op.h"
#include "support/graph_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_OUTPUTS = 4, MAX_INPUTS = 2 };

typedef struct alias_case {
    const char *inputs, *body, *outputs;
    size_t n_planned; /* nodes without a step on plain tensors */
    int64_t opset;    /* 0: 13 */
} alias_case;

#define X "x:f32 1x32x8x8"
#define CONV(to, from) #to " = Conv(" #from ", @32x32x1x1, @32); "
static const alias_case g_cases[] = {
    /* what an input that is written over in place is read as too: itself, a view of it; elementwise that does no harm
     */
    {"x:f32 4x5",
     "a = Neg(x); i = Reshape({4 3 2 1 0 4 3 2 1 0 4 3 2 1 0 4 3 2 1 0}, {4 5}); y = ScatterElements[axis=1](a, i, a)",
     "y", 1, 0},
    {"x:f32 4x5",
     "a = Neg(x); i = Reshape({1 0 3 2}, {4 1}); b = Reshape(a, {4 5 1}); c = Reshape(b, {4 5}); y = ScatterND(a, i, "
     "c)",
     "y", 3, 0},
    {"x:f32 4x5", "a = Neg(x); y = Mul(a, a)", "y", 0, 0},
    /* a view of a blocked value's plain copy, which is read again behind what works in place on the view */
    {X, CONV(a, x) "b = Reshape(a, {2 16 64}); t = Softmax(b); u = Neg(t); y = Transpose[perm=(0 2 3 1)](a)", "y, u", 1,
     0},
    {X, CONV(a, x) CONV(b, x) "c = Concat[axis=1](a, b); y = Relu(c)", "y", 1, 0},
    /* producers used elsewhere too, before and after */
    {X, CONV(a, x) CONV(b, a) "d = Neg(b); c = Concat[axis=1](a, b); e = Relu(a); f = Add(d, e); y = Relu(c)", "y, f",
     1, 0},
    /* the same value twice; one that is a graph input; a constant; a graph output */
    {X, CONV(a, x) "c = Concat[axis=1](a, a); y = Relu(c)", "y", 0, 0},
    {X, CONV(a, x) "c = Concat[axis=1](x, a); y = Relu(c)", "y", 0, 0},
    {X, CONV(a, x) "c = Concat[axis=1](a, @1x16x8x8); y = Relu(c)", "y", 0, 0},
    {X, CONV(a, x) CONV(b, x) "c = Concat[axis=1](a, b); y = Relu(c)", "y, a", 0, 0},
    /* the Concat is the graph's output, alone and with what reads it */
    {X, CONV(a, x) CONV(b, x) "y = Concat[axis=1](a, b)", "y", 1, 0},
    {X, CONV(a, x) CONV(b, a) "y = Concat[axis=1](a, b); z = Abs(y)", "y, z", 1, 0},
    /* inside one another: by name, and as the first inputs of a later one */
    {X, CONV(a, x) CONV(b, x) CONV(d, x) "c = Concat[axis=1](a, b); e = Concat[axis=1](c, d); f = Neg(c); y = Relu(e)",
     "y, f", 2, 0},
    {X,
     CONV(a, x) CONV(b, a) "c = Concat[axis=1](a, b); d = Conv(c, @32x64x1x1); e = Concat[axis=1](a, b, d); f = "
                           "Conv(e, @16x96x1x1); g = Concat[axis=1](a, b, d, f); y = Relu(g)",
     "y", 3, 0},
    /* elementwise in place before and after */
    {X, CONV(a, x) CONV(b, x) "d = Relu(a); e = Abs(b); c = Concat[axis=1](d, e); f = Neg(c); y = Relu(f)", "y", 1, 0},
    /* a view between */
    {X,
     CONV(a, x) CONV(b, x) "d = Reshape(a, {1 16 128}); e = Reshape(b, {1 16 128}); c = Concat[axis=1](d, e); y = "
                           "Relu(c)",
     "y", 3, 0},
    /* parts: used in place, joined in another order, of a graph input, with attributes, as outputs */
    {X, CONV(a, x) "b, c = Split[axis=1](a, {16 16}); d = Relu(b); e = Neg(c); y = Concat[axis=1](e, d)", "y", 2, 0},
    {X, CONV(a, x) "b = Slice(a, {16}, {99}, {1}); d = Relu(b); e = Neg(b); f = Abs(a); y = Add(d, e)", "y, f", 1, 0},
    {X, "b = Slice(x, {4}, {20}, {1}); y = Neg(b)", "y", 1, 0},
    {X, CONV(a, x) "b = Slice[starts=(-8) ends=(99) axes=(1)](a); y = Neg(b)", "y", 1, 9},
    {X, CONV(a, x) "y, z = Split[axis=1](a, {16 16}); w = Relu(a)", "y, z, w", 1, 0},
    {X, CONV(a, x) "b, c = Split[axis=1](a, {16 16}); y = Concat[axis=1](b, c); z = Concat[axis=1](b, b)", "y, z", 1,
     0},
    {X,
     CONV(a, x) "b = Slice(a, {0}, {16}, {1}); c = Slice(b, {8}, {16}, {1}); d = Slice(a, {3}, {8}, {2}); y = Neg(c); "
                "z = Neg(d)",
     "y, z", 2, 0},
    /* not one after the other: a batch, an inner axis, backwards, places that are not aligned */
    {"x:f32 2x32x8x8",
     CONV(a, x) CONV(b, x) "c = Concat[axis=1](a, b); d, e = Split[axis=1](c, {32 32}); y = Sub(d, e)", "y", 0, 0},
    {X, CONV(a, x) CONV(b, x) "c = Concat[axis=2](a, b); d, e = Split[axis=3](c, {4 4}); y = Sub(d, e)", "y", 0, 0},
    {X, CONV(a, x) "b = Slice(a, {-1}, {-99}, {1}, {-1}); y = Neg(b)", "y", 0, 0},
    {"x:f32 1x5x3x3",
     "a = Conv(x, @5x5x1x1); b = Conv(x, @5x5x1x1); c = Concat[axis=1](a, b); d = Slice(c, {1}, {4}, "
     "{1}); y = Neg(d)",
     "y", 0, 0},
    /* a long way to the Concat: reserving it all that time would cost memory */
    {X,
     "a = Conv(x, @8x32x1x1); b = Conv(a, @128x8x1x1); c = Conv(b, @32x128x1x1); e = Conv(c, @120x32x1x1); y = "
     "Concat[axis=1](a, e); z = Relu(y)",
     "z", 0, 0},
};

typedef struct run_result {
    size_t n_planned, total;
} run_result;

static void fill(hone_tensor *t, uint32_t seed) {
    for (int64_t i = 0; i < hone__tensor_count(t); i++) {
        seed = seed * 1664525u + 1013904223u;
        ((float *)t->data)[i] = (float)(seed >> 8) / (float)(1 << 23) - 1.0f;
    }
}

/* Runs with inputs of seed 1 and 2 in turn on two contexts of one plan; y: outputs of both. */
static run_result run(hone__graph *graph, const hone__exec_config *config, bool is_blocked,
                      hone_tensor *y[2][MAX_OUTPUTS]) {
    hone_error error = {0};
    hone__exec_model *model;
    hone__exec_plan *plan;
    hone__exec_context *contexts[2];
    const hone_tensor *in[2][MAX_INPUTS];
    hone_tensor *made[2][MAX_INPUTS], *none[MAX_OUTPUTS] = {NULL};
    run_result result = {0};
    if (hone__backend_cpu.prepare(graph, config, &model, &error) != HONE_OK)
        fail_msg("prepare: %s", error.message);
    model->cpu.force_blocked = is_blocked;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < graph->n_inputs; i++) {
            const hone__type *type = &graph->inputs[i]->type;
            int64_t dims[HONE_MAX_RANK];
            for (int d = 0; d < type->rank; d++)
                dims[d] = type->dims[d].value;
            assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, type->rank, dims, &made[k][i], NULL), HONE_OK);
            fill(made[k][i], (uint32_t)(31 + k * 7 + i));
            in[k][i] = made[k][i];
        }
    if (hone__backend_cpu.plan(model, in[0], &plan, &error) != HONE_OK)
        fail_msg("plan: %s", error.message);
    for (size_t i = 0; i < model->n_nodes; i++)
        result.n_planned += plan->node_step[i] < 0;
    result.total = plan->memory.total;
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(hone__backend_cpu.context_create(model, &contexts[k], &error), HONE_OK);
        assert_int_equal(hone__backend_cpu.context_bind(contexts[k], plan, &error), HONE_OK);
        for (size_t i = 0; i < graph->n_outputs; i++) {
            const hone_tensor *shape = hone__backend_cpu.plan_output(plan, i);
            assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, shape->rank, shape->dims, &y[k][i], NULL), HONE_OK);
        }
    }
    for (int turn = 0; turn < 4; turn++)
        if (hone__backend_cpu.run(contexts[turn % 2], in[turn % 2], y[turn % 2], none, NULL, &error) != HONE_OK)
            fail_msg("run: %s", error.message);
    for (size_t k = 0; k < 2; k++) {
        hone__backend_cpu.context_destroy(contexts[k]);
        for (size_t i = 0; i < graph->n_inputs; i++)
            hone_tensor_destroy(made[k][i]);
    }
    hone__backend_cpu.plan_destroy(plan);
    hone__backend_cpu.model_destroy(model);
    return result;
}

static void compare(hone_tensor *want[2][MAX_OUTPUTS], hone_tensor *got[2][MAX_OUTPUTS], size_t n, size_t which,
                    int mode) {
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(hone__tensor_count(want[k][i]), hone__tensor_count(got[k][i]));
            const float *a = want[k][i]->data, *b = got[k][i]->data;
            for (int64_t e = 0; e < hone__tensor_count(want[k][i]); e++)
                if (!(fabsf(a[e] - b[e]) <= 1e-4f * fmaxf(1.0f, fabsf(a[e]))))
                    fail_msg("case %zu mode %d, request %zu, output %zu at %lld: %g, not %g", which, mode, k, i,
                             (long long)e, (double)b[e], (double)a[e]);
            hone_tensor_destroy(got[k][i]);
        }
}

static void test_cases(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof g_cases / sizeof *g_cases; c++) {
        const alias_case *a = &g_cases[c];
        graph_text_seed(5);
        hone__graph *graph = graph_text(a->inputs, a->opset ? a->opset : 13, a->body, a->outputs);
        hone_tensor *want[2][MAX_OUTPUTS], *got[2][MAX_OUTPUTS];
        hone__exec_config config = {.n_intra_threads = 2,
                                    .n_inter_threads = 2,
                                    .use_arena = true,
                                    .use_mem_pattern = true,
                                    .mem_limit = SIZE_MAX,
                                    .conv_max_workspace = true};
        const size_t own = run(graph, &config, false, want).total;
        config.use_mem_reuse = true;
        for (int mode = 0; mode < 5; mode++) { /* plain, placed at run time, blocked, branches at once, exhaustive */
            config.use_mem_pattern = mode != 1;
            config.conv_search = mode < 2 ? HONE_CONV_DEFAULT : mode == 4 ? HONE_CONV_EXHAUSTIVE : HONE_CONV_HEURISTIC;
            config.is_parallel = mode == 3;
            const run_result result = run(graph, &config, mode == 2, got);
            compare(want, got, graph->n_outputs, c, mode);
            if (mode == 0 && result.n_planned != a->n_planned)
                fail_msg("case %zu: %zu nodes without a step, not %zu", c, result.n_planned, a->n_planned);
            if (mode == 0 && result.total > own)
                fail_msg("case %zu mode %d: %zu bytes, %zu without reuse", c, mode, result.total, own);
        }
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < graph->n_outputs; i++)
                hone_tensor_destroy(want[k][i]);
        hone__graph_destroy(graph);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
