/* Random networks with every node that can be on channel-blocked tensors, against the same network on plain ones: as
 * planned, placed at run time, and with branches at once. The build runs it once per ISA mask. */
#include "base/alloc.h"
#include "exec/backend.h"
#include "exec/cpu/cpu_plan.h"
#include "ops/op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_STEPS = 14, N_SEEDS = 40, MAX_VALUES = 64, OPSET = 17 };

static uint32_t seed;
static size_t n_regions; /* plans that run branches at once */
static uint32_t next(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static hone_tensor *random_tensor(int rank, const int64_t *dims, float low, float high) {
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &t, NULL), HONE_OK);
    for (int64_t i = 0; i < hone__tensor_count(t); i++)
        ((float *)t->data)[i] = low + (high - low) * (float)next(1u << 16) / 65536.0f;
    return t;
}

static size_t n_chains, n_scaled; /* nodes that ran as part of a chain; with a scaled input */

typedef struct net {
    hone__graph *graph;
    hone__value *values[MAX_VALUES];
    int64_t dims[MAX_VALUES][4];
    size_t n;
} net;

static hone__value *constant(net *w, int rank, const int64_t *dims, float low, float high) {
    hone__value *v;
    hone_tensor *t = random_tensor(rank, dims, low, high);
    assert_int_equal(hone__graph_add_constant(w->graph, NULL, t, &v, NULL), HONE_OK);
    return v;
}

static hone__value *integers(net *w, int64_t n, const int64_t *values) {
    hone__value *v;
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_INT64, 1, &n, &t, NULL), HONE_OK);
    memcpy(t->data, values, (size_t)n * sizeof *values);
    assert_int_equal(hone__graph_add_constant(w->graph, NULL, t, &v, NULL), HONE_OK);
    return v;
}

/* A node with one new output of the given dims. */
static hone__node *add_in(net *w, const char *domain, const char *op, hone__value **in, size_t n_in, int64_t n,
                          int64_t c, int64_t h, int64_t x) {
    hone__value *out;
    hone__node *node;
    assert_int_equal(hone__graph_add_value(w->graph, NULL, &out, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_node(w->graph, NULL, domain, op, op, in, n_in, &out, 1, &node, NULL), HONE_OK);
    node->opset = *domain ? 1 : OPSET;
    node->op = hone__op_find(domain, op, node->opset);
    assert_non_null(node->op);
    const int64_t dims[4] = {n, c, h, x};
    memcpy(w->dims[w->n], dims, sizeof dims);
    w->values[w->n++] = out;
    return node;
}

static hone__node *add(net *w, const char *op, hone__value **in, size_t n_in, int64_t n, int64_t c, int64_t h,
                       int64_t x) {
    return add_in(w, "", op, in, n_in, n, c, h, x);
}

/* Channels of up to three values of one size, in any order. */
static void add_gather(net *w, size_t x) {
    enum { MAX = 64 };
    const int64_t *d = w->dims[x], n = 1 + next(MAX);
    hone__value *in[3] = {w->values[x]};
    int64_t source[MAX], channel[MAX], c[3] = {d[1]};
    size_t n_in = 1;
    for (int i = 0; i < 4 && n_in < 3; i++) {
        const size_t other = next((uint32_t)w->n);
        if (w->dims[other][2] == d[2] && w->dims[other][3] == d[3]) {
            c[n_in] = w->dims[other][1];
            in[n_in++] = w->values[other];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        source[i] = next((uint32_t)n_in);
        channel[i] = next((uint32_t)c[source[i]]);
    }
    hone__node *node = add_in(w, "hone", "ChannelGather", in, n_in, d[0], n, d[2], d[3]);
    hone__node_set_attr_ints(node, "source", source, (size_t)n, NULL);
    hone__node_set_attr_ints(node, "channel", channel, (size_t)n, NULL);
}

static void set_window(hone__node *node, int64_t k, int64_t stride, int64_t pad) {
    const int64_t kernel[2] = {k, k}, strides[2] = {stride, stride}, pads[4] = {pad, pad, pad, pad};
    hone__node_set_attr_ints(node, "kernel_shape", kernel, 2, NULL);
    hone__node_set_attr_ints(node, "strides", strides, 2, NULL);
    hone__node_set_attr_ints(node, "pads", pads, 4, NULL);
}

static void add_conv(net *w, size_t x, int64_t k, int64_t r, int64_t stride, int64_t groups) {
    const int64_t *d = w->dims[x], wd[4] = {k, d[1] / groups, r, r}, pad = r / 2;
    const float range = 1.7f / sqrtf((float)(wd[1] * r * r));
    hone__value *in[3] = {w->values[x], constant(w, 4, wd, -range, range), constant(w, 1, &k, -0.5f, 0.5f)};
    hone__node *node =
        add(w, "Conv", in, 3, d[0], k, (d[2] + 2 * pad - r) / stride + 1, (d[3] + 2 * pad - r) / stride + 1);
    set_window(node, r, stride, pad);
    hone__node_set_attr_int(node, "group", groups, NULL);
}

/* Channels in two or three parts, of which one may end inside a block. */
static void add_split(net *w, size_t x) {
    static const int64_t FIRST[] = {16, 16, 8, 5};
    const int64_t *d = w->dims[x], first = FIRST[next(4)];
    if (d[1] <= first)
        return;
    const bool is_three = d[1] > 2 * first && next(2);
    const int64_t sizes[3] = {first, is_three ? first : d[1] - first, d[1] - 2 * first};
    const size_t n = is_three ? 3 : 2, at = w->n;
    hone__value *in[2] = {w->values[x], integers(w, (int64_t)n, sizes)}, *out[3];
    hone__node *node;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(hone__graph_add_value(w->graph, NULL, &out[i], NULL), HONE_OK);
        w->values[w->n] = out[i];
        memcpy(w->dims[w->n], w->dims[x], sizeof w->dims[x]);
        w->dims[w->n++][1] = sizes[i];
    }
    assert_int_equal(hone__graph_add_node(w->graph, NULL, "", "Split", "Split", in, 2, out, n, &node, NULL), HONE_OK);
    node->opset = OPSET;
    node->op = hone__op_find("", "Split", OPSET);
    hone__node_set_attr_int(node, "axis", 1, NULL);
    assert_true(w->n == at + n);
}

static size_t same_shape(const net *w, size_t x) {
    for (size_t i = next((uint32_t)w->n), n = 0; n < w->n; n++, i = (i + 1) % w->n)
        if (i != x && memcmp(w->dims[i], w->dims[x], sizeof w->dims[x]) == 0)
            return i;
    return x;
}

static void add_step(net *w) {
    static const int64_t WIDTHS[] = {3, 8, 16, 20, 24, 32, 40, 48};
    static const char *const UNARY[] = {"Relu", "HardSwish", "Sigmoid"};
    const size_t x = w->n - 1 - next(w->n < 4 ? (uint32_t)w->n : 4);
    const int64_t *d = w->dims[x], k = WIDTHS[next(8)];
    hone__value *in[5] = {w->values[x]};
    hone__node *node;
    switch (next(18)) {
    case 0:
    case 1:
        add_conv(w, x, k, 1, 1, 1);
        break;
    case 2:
        add_conv(w, x, k, 3, 1, 1);
        break;
    case 3:
        add_conv(w, x, k, 3, d[2] > 6 ? 2 : 1, 1);
        break;
    case 4:
        add_conv(w, x, d[1], next(2) ? 3 : 5, 1, d[1]);
        break;
    case 5:
        add_conv(w, x, d[1], 3, 1, d[1] % 8 == 0 ? d[1] / 8 : 1);
        break;
    case 6:
        in[1] = w->values[same_shape(w, x)];
        add(w, next(2) ? "Add" : "Mul", in, 2, d[0], d[1], d[2], d[3]);
        break;
    case 7:
        add(w, UNARY[next(3)], in, 1, d[0], d[1], d[2], d[3]);
        break;
    case 8:
        node = add(w, next(2) ? "MaxPool" : "AveragePool", in, 1, d[0], d[1], d[2], d[3]);
        set_window(node, 3, 1, 1);
        break;
    case 9: {
        const size_t other = next((uint32_t)w->n);
        const int64_t *e = w->dims[other];
        if (e[2] != d[2] || e[3] != d[3] || e[1] + d[1] > 128)
            break;
        in[1] = w->values[other];
        node = add(w, "Concat", in, 2, d[0], d[1] + e[1], d[2], d[3]);
        hone__node_set_attr_int(node, "axis", 1, NULL);
        break;
    }
    case 10:
        for (int i = 1; i < 5; i++)
            in[i] = constant(w, 1, &d[1], 0.25f, 1.0f);
        add(w, "BatchNormalization", in, 5, d[0], d[1], d[2], d[3]);
        break;
    case 11: { /* squeeze and excite */
        add(w, "GlobalAveragePool", in, 1, d[0], d[1], 1, 1);
        add_conv(w, w->n - 1, d[1], 1, 1, 1);
        in[0] = w->values[w->n - 1];
        add(w, "Sigmoid", in, 1, d[0], d[1], 1, 1);
        in[0] = w->values[x];
        in[1] = w->values[w->n - 1];
        add(w, "Mul", in, 2, d[0], d[1], d[2], d[3]);
        if (next(3)) /* whose weights may be scaled instead */
            add_conv(w, w->n - 1, k, 1, 1, 1);
        break;
    }
    case 12: {
        const int64_t from = d[1] > 16 ? 16 * next(2) : 0, to = d[1], one = 1;
        in[1] = integers(w, 1, &from);
        in[2] = integers(w, 1, &to);
        in[3] = integers(w, 1, &one);
        add(w, "Slice", in, 4, d[0], d[1] - from, d[2], d[3]);
        break;
    }
    case 13:
        add_gather(w, x);
        break;
    case 14:
        add_split(w, x);
        break;
    case 15:
    case 16: { /* an inverted residual: a chain that may run as one step */
        const size_t at = w->n;
        const int64_t rows = d[2];
        add_conv(w, x, 16 + 8 * next(5), 1, 1, 1);
        add_conv(w, at, w->dims[at][1], next(2) ? 3 : 5, rows > 6 ? 1 + next(2) : 1, w->dims[at][1]);
        if (next(3))
            add_conv(w, at + 1, k, 1, 1, 1);
        break;
    }
    default: /* has no blocked form */
        node = add(w, "Softmax", in, 1, d[0], d[1], d[2], d[3]);
        hone__node_set_attr_int(node, "axis", 1, NULL);
    }
}

static void make_net(net *w, uint32_t which) {
    memset(w, 0, sizeof *w);
    seed = which * 7919u + 17u;
    assert_int_equal(hone__graph_create("g", &w->graph, NULL), HONE_OK);
    hone__graph_set_opset(w->graph, "", OPSET, NULL);
    hone__graph_set_opset(w->graph, "hone", 1, NULL);
    const int64_t first[4] = {1 + next(2), next(2) ? 3 : 24, 9 + next(12), 7 + next(12)};
    hone__dim dims[4];
    for (int i = 0; i < 4; i++)
        dims[i] = (hone__dim){first[i], NULL};
    memcpy(w->dims[0], first, sizeof first);
    assert_int_equal(hone__graph_add_value(w->graph, "x", &w->values[0], NULL), HONE_OK);
    w->n = 1;
    hone__type_set_tensor(hone__graph_arena(w->graph), &w->values[0]->type, HONE_DTYPE_FLOAT, 4, dims);
    hone__graph_add_input(w->graph, w->values[0], NULL);
    for (int i = 0; i < N_STEPS && w->n + 6 < MAX_VALUES; i++)
        add_step(w);
    /* Outputs: the last value, one from the middle, and a view of another. */
    const size_t last = w->n - 1, middle = 1 + next((uint32_t)w->n - 1), third = 1 + next((uint32_t)w->n - 1);
    const int64_t *d = w->dims[third], shape[2] = {d[0], d[1] * d[2] * d[3]};
    hone__value *in[2] = {w->values[third], integers(w, 2, shape)};
    add(w, "Reshape", in, 2, shape[0], shape[1], 1, 1);
    hone__graph_add_output(w->graph, w->values[w->n - 1], NULL);
    hone__graph_add_output(w->graph, w->values[last], NULL);
    if (middle != last)
        hone__graph_add_output(w->graph, w->values[middle], NULL);
    hone_error error = {0};
    if (hone__graph_infer(w->graph, &error) != HONE_OK)
        fail_msg("inference: %s", error.message);
    assert_int_equal(hone__graph_verify(w->graph, &error), HONE_OK);
}

/* Runs the net; outputs are the caller's. Counts blocked nodes and reorderings. */
static void run_net(net *w, const hone__exec_config *config, bool is_blocked, const hone_tensor *x, hone_tensor **y,
                    size_t *n_blocked, size_t *n_reorders) {
    hone_error error = {0};
    hone__exec_model *model;
    hone__exec_plan *plan;
    hone__exec_context *context;
    if (hone__backend_cpu.prepare(w->graph, config, &model, &error) != HONE_OK)
        fail_msg("prepare: %s", error.message);
    model->cpu.force_blocked = is_blocked;
    model->cpu.force_branches = config->is_parallel;
    if (hone__backend_cpu.plan(model, &x, &plan, &error) != HONE_OK)
        fail_msg("plan: %s", error.message);
    for (size_t i = 0; i < model->n_nodes; i++) {
        hone_node_report report;
        hone__backend_cpu.node_report(model, plan, i, &report);
        *n_blocked += *report.layout != 0;
        *n_reorders += report.n_reorders;
        n_scaled += strstr(report.kernel, "_scaled_") != NULL;
        n_chains += strncmp(report.kernel, "f32_conv_chain", 14) == 0;
    }
    hone_tensor *none[4] = {NULL};
    assert_int_equal(hone__backend_cpu.context_create(model, &context, &error), HONE_OK);
    assert_int_equal(hone__backend_cpu.context_bind(context, plan, &error), HONE_OK);
    for (size_t i = 0; i < w->graph->n_outputs; i++) {
        const hone_tensor *shape = hone__backend_cpu.plan_output(plan, i);
        assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, shape->rank, shape->dims, &y[i], NULL), HONE_OK);
    }
    n_regions += plan->n_phases > 0 && plan->n_phases < plan->n_steps;
    const int n_runs = config->is_parallel ? 20 : 2;
    for (int run = 0; run < n_runs; run++) /* the second run meets the first one's leftovers */
        if (hone__backend_cpu.run(context, &x, y, none, NULL, &error) != HONE_OK)
            fail_msg("run: %s", error.message);
    hone__backend_cpu.context_destroy(context);
    hone__backend_cpu.plan_destroy(plan);
    hone__backend_cpu.model_destroy(model);
}

static void compare(const hone_tensor *want, const hone_tensor *got, uint32_t which, size_t output, int mode) {
    assert_int_equal(hone__tensor_count(want), hone__tensor_count(got));
    const float *a = want->data, *b = got->data;
    float scale = 1.0f;
    for (int64_t i = 0; i < hone__tensor_count(want); i++)
        scale = fmaxf(scale, fabsf(a[i]));
    for (int64_t i = 0; i < hone__tensor_count(want); i++)
        if (!(fabsf(a[i] - b[i]) <= 2e-4f * scale))
            fail_msg("net %u mode %d, output %zu at %lld: %g, not %g", which, mode, output, (long long)i, (double)b[i],
                     (double)a[i]);
}

static void test_random_networks(void **state) {
    (void)state;
    size_t n_blocked = 0, n_reorders = 0, none = 0;
    for (uint32_t which = 0; which < N_SEEDS; which++) {
        net w;
        make_net(&w, which);
        hone__exec_config config = {.n_intra_threads = 2,
                                    .n_inter_threads = 2,
                                    .use_arena = true,
                                    .use_mem_pattern = true,
                                    .use_mem_reuse = true,
                                    .mem_limit = SIZE_MAX,
                                    .conv_max_workspace = true};
        hone_tensor *x = random_tensor(4, w.dims[0], -1.0f, 1.0f), *want[4], *got[4];
        const size_t n = w.graph->n_outputs;
        run_net(&w, &config, false, x, want, &none, &none);
        assert_int_equal(none, 0); /* DEFAULT is plain */
        config.conv_search = HONE_CONV_HEURISTIC;
        for (int mode = 0; mode < 4; mode++) {
            config.use_mem_pattern = mode != 1;
            config.is_parallel = mode == 2;
            config.use_mem_reuse = mode != 3;
            run_net(&w, &config, true, x, got, &n_blocked, &n_reorders);
            for (size_t i = 0; i < n; i++) {
                compare(want[i], got[i], which, i, mode);
                hone_tensor_destroy(got[i]);
            }
        }
        for (size_t i = 0; i < n; i++)
            hone_tensor_destroy(want[i]);
        hone_tensor_destroy(x);
        hone__graph_destroy(w.graph);
    }
    assert_true(n_blocked > 500);
    assert_true(n_reorders > 100);
    assert_true(n_chains > 100);
    assert_true(n_scaled > 20);
    assert_true(n_regions > N_SEEDS / 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_networks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
