/* The bindings of Conv, hone.FusedConv and ConvTranspose against the reference evaluator: attributes, ranks, searches,
 * the workspace limit, stored choices, computed weights; and that running allocates nothing. */
#include "base/alloc.h"
#include "exec/cpu/cpu_registry.h"
#include "hw/hw.h"
#include "ops/op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_IN = 4 };

typedef struct layer {
    const char *domain, *op;
    int rank;
    int64_t x[5], w[5]; /* [rank] */
    int64_t strides[3], dilations[3], pads[6], group, output_padding[3], output_shape[3];
    const char *auto_pad, *activation;
    bool has_bias, has_z, weights_computed;
} layer;

typedef struct store {
    char key[512], value[64];
    int n_get, n_put;
} store;

typedef struct outcome {
    char kernel[96], algorithm[64], detail[1024];
    size_t workspace;
    int n_ranks;
    int rank; /* in: which alternative */
    bool keeps;
} outcome;

static uint32_t seed = 3;
static hone_tensor *random_tensor(int rank, const int64_t *dims) {
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &t, NULL), HONE_OK);
    for (int64_t i = 0; i < hone__tensor_count(t); i++) {
        seed = seed * 1664525u + 1013904223u;
        ((float *)t->data)[i] = (float)(int32_t)seed * (1.0f / 2147483648.0f);
    }
    return t;
}

static bool any(const int64_t *v, int n) {
    for (int i = 0; i < n; i++)
        if (v[i])
            return true;
    return false;
}

static void set_attrs(hone__node *node, const layer *l) {
    const size_t spatial = (size_t)l->rank - 2;
    if (any(l->strides, 3))
        hone__node_set_attr_ints(node, "strides", l->strides, spatial, NULL);
    if (any(l->dilations, 3))
        hone__node_set_attr_ints(node, "dilations", l->dilations, spatial, NULL);
    if (any(l->pads, 6))
        hone__node_set_attr_ints(node, "pads", l->pads, 2 * spatial, NULL);
    if (any(l->output_padding, 3))
        hone__node_set_attr_ints(node, "output_padding", l->output_padding, spatial, NULL);
    if (any(l->output_shape, 3))
        hone__node_set_attr_ints(node, "output_shape", l->output_shape, spatial, NULL);
    if (l->group)
        hone__node_set_attr_int(node, "group", l->group, NULL);
    if (l->auto_pad)
        hone__node_set_attr_string(node, "auto_pad", l->auto_pad, NULL);
    if (l->activation)
        hone__node_set_attr_string(node, "activation", l->activation, NULL);
}

static hone__node *make_node(hone__graph *graph, const layer *l, hone_tensor *const *in, size_t n_in) {
    hone__value *inputs[MAX_IN] = {0}, *output;
    hone__node *node;
    for (size_t i = 0; i < n_in; i++) {
        char name[8] = {'i', (char)('0' + i), 0};
        hone__dim dims[5];
        if (!in[i])
            continue;
        assert_int_equal(hone__graph_add_value(graph, name, &inputs[i], NULL), HONE_OK);
        for (int d = 0; d < in[i]->rank; d++)
            dims[d] = (hone__dim){in[i]->dims[d], NULL};
        assert_int_equal(
            hone__type_set_tensor(hone__graph_arena(graph), &inputs[i]->type, HONE_DTYPE_FLOAT, in[i]->rank, dims),
            HONE_OK);
        if (i == 1 && !l->weights_computed)
            inputs[i]->constant = in[i];
    }
    assert_int_equal(hone__graph_add_value(graph, "y", &output, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_node(graph, NULL, l->domain, l->op, "n", inputs, n_in, &output, 1, &node, NULL),
                     HONE_OK);
    set_attrs(node, l);
    node->opset = 22;
    node->op = hone__op_find(l->domain, l->op, *l->domain ? 1 : 22);
    assert_non_null(node->op);
    return node;
}

static void *no_packed(hone__cpu_prepare *ctx, size_t size) {
    void **kept = ctx->user;
    assert_null(*kept);
    return *kept = hone__malloc_aligned(size);
}

/* Plans and runs the node on a fresh state; compares with the reference. */
static void run_node(const layer *l, const hone__cpu_config *config, outcome *o) {
    hone_error error = {0};
    hone_tensor *in[MAX_IN] = {random_tensor(l->rank, l->x), random_tensor(l->rank, l->w)}, *want, *got;
    const bool transposed = strcmp(l->op, "ConvTranspose") == 0;
    const int64_t k = transposed ? l->w[1] * (l->group ? l->group : 1) : l->w[0];
    size_t n_in = 2;
    if (l->has_bias)
        in[n_in = 2] = random_tensor(1, &k), n_in = 3;
    hone__graph *graph;
    hone__arena arena;
    assert_int_equal(hone__graph_create("g", &graph, NULL), HONE_OK);
    hone__arena_init(&arena);
    if (l->has_z) { /* the residual's shape is the output's: ask the reference without it */
        layer plain = *l;
        plain.has_z = false;
        hone__graph *other;
        assert_int_equal(hone__graph_create("o", &other, NULL), HONE_OK);
        hone_tensor *shape;
        hone__node *node = make_node(other, &plain, in, n_in);
        assert_int_equal(hone__op_eval_node(node, (const hone_tensor *const *)in, n_in, &shape, 1, &error), HONE_OK);
        in[3] = random_tensor(shape->rank, shape->dims);
        n_in = 4;
        hone_tensor_destroy(shape);
        hone__graph_destroy(other);
    }
    hone__node *node = make_node(graph, l, in, n_in);
    const hone_status evaluated = hone__op_eval_node(node, (const hone_tensor *const *)in, n_in, &want, 1, &error);
    if (evaluated != HONE_OK)
        fail_msg("the reference evaluator failed: %s", error.message);
    got = random_tensor(want->rank, want->dims);
    const hone__cpu_kernel *row = hone__cpu_kernel_find(node, config);
    assert_non_null(row);
    void *state = NULL, *packed = NULL;
    hone__cpu_prepare prepare = {
        .config = config, .arena = &arena, .alloc_packed = no_packed, .user = &packed, .error = &error};
    assert_int_equal(row->prepare(&prepare, node, &state), HONE_OK);
    const hone_tensor *out = got;
    hone__cpu_plan plan = {.config = config,
                           .node = node,
                           .in = (const hone_tensor *const *)in,
                           .n_in = n_in,
                           .out = &out,
                           .n_out = 1,
                           .arena = &arena,
                           .rank = o->rank,
                           .keeps = o->keeps,
                           .error = &error};
    if (row->plan(state, &plan) != HONE_OK)
        fail_msg("plan: %s", error.message);
    unsigned char *workspace = hone__malloc_aligned(plan.workspace_size + 64);
    memset(workspace, 0xFF, plan.workspace_size + 64);
    hone__cpu_run run = {state,        plan.plan_state, (const hone_tensor *const *)in, &got, n_in, 1, workspace,
                         config->pool, &error};
    const uint64_t allocations = hone__alloc_count();
    for (int i = 0; i < 2; i++)
        assert_int_equal(row->run(&run), HONE_OK);
    assert_int_equal(hone__alloc_count(), allocations);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(workspace[plan.workspace_size + i], 0xFF);
    double top = 1;
    const double rtol = strstr(plan.kernel, "winograd") ? 1e-3 : 1e-4; /* kernels/conv/conv.h: accuracy */
    for (int64_t i = 0; i < hone__tensor_count(want); i++)
        top = fmax(top, fabs((double)((float *)want->data)[i]));
    for (int64_t i = 0; i < hone__tensor_count(want); i++) {
        double a = (double)((float *)got->data)[i], b = (double)((float *)want->data)[i];
        if (!(fabs(a - b) <= 1e-5 * top + rtol * fabs(b)))
            fail_msg("%s by %s: element %lld is %g, not %g", l->op, plan.kernel, (long long)i, a, b);
    }
    o->workspace = plan.workspace_size;
    o->n_ranks = plan.n_ranks;
    snprintf(o->kernel, sizeof o->kernel, "%s", plan.kernel);
    snprintf(o->algorithm, sizeof o->algorithm, "%s", plan.algorithm);
    snprintf(o->detail, sizeof o->detail, "%s", plan.detail ? plan.detail : "");
    if (row->release)
        row->release(state);
    hone__free_aligned(workspace);
    hone__free_aligned(packed);
    for (size_t i = 0; i < MAX_IN; i++)
        hone_tensor_destroy(in[i]);
    hone_tensor_destroy(want);
    hone_tensor_destroy(got);
    hone__arena_deinit(&arena);
    hone__graph_destroy(graph);
}

static hone__cpu_config make_config(hone__conv_search search, hone__pool *pool) {
    return (hone__cpu_config){.isa = hone__hw_isa(),
                              .n_threads = hone__pool_threads(pool),
                              .pool = pool,
                              .conv_search = search,
                              .max_workspace = SIZE_MAX};
}

static const layer LAYERS[] = {
    {"", "Conv", 4, {1, 3, 15, 17}, {8, 3, 3, 3}, .pads = {1, 1, 1, 1}, .has_bias = true},
    {"", "Conv", 4, {2, 8, 12, 12}, {16, 8, 3, 3}, .pads = {0, 1, 2, 0}},
    {"", "Conv", 4, {1, 8, 13, 12}, {6, 8, 3, 3}, .strides = {2, 3}, .auto_pad = "SAME_UPPER"},
    {"", "Conv", 4, {1, 8, 13, 12}, {6, 8, 2, 4}, .auto_pad = "SAME_LOWER", .has_bias = true},
    {"", "Conv", 4, {1, 8, 13, 12}, {6, 8, 3, 3}, .dilations = {2, 1}, .auto_pad = "VALID"},
    {"", "Conv", 4, {1, 8, 9, 9}, {12, 2, 3, 3}, .pads = {1, 1, 1, 1}, .group = 4},
    {"", "Conv", 4, {1, 20, 14, 14}, {20, 1, 3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}, .group = 20},
    {"", "Conv", 4, {1, 30, 7, 7}, {40, 30, 1, 1}, .has_bias = true},
    {"", "Conv", 3, {2, 6, 40}, {8, 6, 5}, .strides = {2}, .pads = {2, 1}, .has_bias = true},
    {"", "Conv", 3, {1, 4, 30}, {4, 4, 3}, .dilations = {3}, .auto_pad = "SAME_UPPER"},
    {"", "Conv", 4, {0, 3, 8, 8}, {4, 3, 3, 3}},
    {"", "Conv", 4, {1, 8, 10, 10}, {8, 8, 3, 3}, .pads = {1, 1, 1, 1}, .weights_computed = true},
    {"hone",
     "FusedConv",
     4,
     {1, 16, 14, 14},
     {24, 16, 3, 3},
     .pads = {1, 1, 1, 1},
     .activation = "Relu",
     .has_bias = true,
     .has_z = true},
    {"hone", "FusedConv", 4, {1, 16, 14, 14}, {24, 16, 1, 1}, .activation = "Silu", .has_z = true},
    {"hone",
     "FusedConv",
     4,
     {1, 16, 14, 14},
     {16, 1, 5, 5},
     .pads = {2, 2, 2, 2},
     .group = 16,
     .activation = "HardSwish",
     .has_bias = true},
    {"com.microsoft",
     "NhwcFusedConv",
     4,
     {1, 14, 15, 48},
     {48, 1, 7, 7},
     .pads = {3, 3, 3, 3},
     .group = 48,
     .has_bias = true},
    {"com.microsoft",
     "NhwcFusedConv",
     4,
     {2, 31, 70, 16},
     {16, 1, 3, 5},
     .strides = {2, 1},
     .dilations = {2, 3},
     .pads = {1, 0, 3, 4},
     .group = 16,
     .activation = "HardSwish",
     .has_z = true},
    {"com.microsoft", "NhwcFusedConv", 4, {1, 3, 2, 32}, {32, 1, 5, 5}, .auto_pad = "SAME_LOWER", .group = 32},
    {"com.microsoft", "NhwcFusedConv", 4, {2, 9, 7, 24}, {40, 24, 2, 3}, .strides = {2, 3}, .has_bias = true},
    {"com.microsoft",
     "NhwcFusedConv",
     4,
     {1, 8, 8, 3},
     {33, 3, 4, 4},
     .strides = {4, 4},
     .activation = "Relu",
     .has_bias = true,
     .has_z = true},
    {"com.microsoft", "NhwcFusedConv", 4, {1, 5, 6, 20}, {7, 20, 1, 1}, .auto_pad = "VALID"},
    {"", "ConvTranspose", 4, {1, 6, 5, 7}, {6, 4, 2, 2}, .strides = {2, 2}, .has_bias = true},
    {"",
     "ConvTranspose",
     4,
     {2, 6, 5, 7},
     {6, 9, 3, 3},
     .strides = {2, 2},
     .pads = {1, 1, 1, 1},
     .output_padding = {1, 1}},
    {"", "ConvTranspose", 4, {1, 6, 5, 7}, {6, 3, 3, 4}, .dilations = {2, 2}, .pads = {0, 1, 2, 0}, .group = 2},
    {"", "ConvTranspose", 4, {1, 4, 5, 7}, {4, 3, 3, 3}, .strides = {3, 2}, .auto_pad = "SAME_UPPER"},
    {"", "ConvTranspose", 4, {1, 4, 5, 7}, {4, 3, 3, 3}, .strides = {2, 2}, .output_shape = {10, 14}},
    {"", "ConvTranspose", 3, {1, 4, 9}, {4, 3, 4}, .strides = {2}, .pads = {1, 1}, .has_bias = true},
    {"", "Conv", 5, {2, 3, 5, 9, 11}, {8, 3, 3, 3, 3}, .pads = {1, 1, 1, 1, 1, 1}, .has_bias = true},
    {"", "Conv", 5, {1, 8, 7, 8, 6}, {6, 8, 3, 1, 1}, .strides = {2, 1, 1}, .pads = {1, 0, 0, 1, 0, 0}},
    {"", "Conv", 5, {1, 8, 6, 9, 9}, {16, 8, 1, 3, 3}, .strides = {1, 2, 2}, .pads = {0, 1, 1, 0, 1, 1}},
    {"", "Conv", 5, {2, 8, 6, 5, 5}, {5, 8, 1, 1, 1}, .strides = {2, 2, 2}, .has_bias = true},
    {"", "Conv", 5, {1, 6, 3, 8, 8}, {4, 6, 3, 2, 3}, .has_bias = true},
    {"", "Conv", 5, {1, 6, 9, 8, 8}, {6, 1, 3, 3, 3}, .strides = {2, 2, 1}, .auto_pad = "SAME_UPPER", .group = 6},
    {"", "Conv", 5, {1, 6, 9, 8, 8}, {9, 2, 2, 3, 2}, .dilations = {3, 1, 2}, .auto_pad = "SAME_LOWER", .group = 3},
    {"", "Conv", 5, {1, 4, 6, 6, 6}, {4, 4, 3, 3, 3}, .pads = {2, 0, 1, 0, 2, 1}, .weights_computed = true},
    {"hone",
     "FusedConv",
     5,
     {2, 4, 6, 8, 8},
     {12, 4, 3, 3, 3},
     .pads = {1, 1, 1, 1, 1, 1},
     .activation = "Relu",
     .has_bias = true,
     .has_z = true},
    {"", "ConvTranspose", 5, {2, 6, 3, 5, 4}, {6, 4, 2, 2, 2}, .strides = {2, 2, 2}, .has_bias = true},
    {"",
     "ConvTranspose",
     5,
     {1, 6, 4, 5, 3},
     {6, 2, 3, 3, 3},
     .strides = {3, 2, 1},
     .dilations = {1, 2, 1},
     .pads = {1, 0, 1, 0, 1, 1},
     .group = 3,
     .output_padding = {2, 1, 0}},
    {"", "ConvTranspose", 5, {1, 2, 3, 3, 3}, {2, 3, 3, 3, 3}, .strides = {2, 2, 2}, .auto_pad = "SAME_LOWER"},
};

static void test_layers(void **state) {
    (void)state;
    hone__pool *pool = NULL;
    assert_int_equal(hone__pool_create(2, 20, &pool, NULL), HONE_OK);
    const uint32_t masks[] = {0, HONE_ISA_AVX2, HONE_ISA_AVX2 | HONE_ISA_AVX512};
    for (int search = HONE_CONV_DEFAULT; search <= HONE_CONV_EXHAUSTIVE; search++)
        for (size_t i = 0; i < 3 * (sizeof LAYERS / sizeof LAYERS[0]); i++) {
            outcome o = {0};
            hone__cpu_config config = make_config((hone__conv_search)search, i % 2 ? pool : NULL);
            config.isa = masks[i % 3];
            if ((hone__hw_isa() & config.isa) != config.isa)
                continue;
            run_node(&LAYERS[i / 3], &config, &o);
            assert_true(strstr(o.kernel, "f32_conv") == o.kernel);
        }
    hone__pool_destroy(pool);
}

static void test_searches(void **state) {
    (void)state;
    static const layer BIG = {"", "Conv", 4, {1, 64, 28, 28}, {64, 64, 3, 3}, .pads = {1, 1, 1, 1}};
    static const layer DEPTH = {"", "Conv", 4, {1, 32, 28, 28}, {32, 1, 3, 3}, .pads = {1, 1, 1, 1}, .group = 32};
    outcome o = {0};
    hone__cpu_config config = make_config(HONE_CONV_DEFAULT, NULL);
    run_node(&BIG, &config, &o);
    assert_string_equal(o.algorithm, "implicit_gemm");
    run_node(&DEPTH, &config, &o);
    assert_string_equal(o.algorithm, "implicit_gemm");
    config.conv_search = HONE_CONV_HEURISTIC;
    run_node(&BIG, &config, &o);
    assert_non_null(strstr(o.algorithm, "winograd"));
    assert_non_null(strstr(o.kernel, o.algorithm));
    run_node(&DEPTH, &config, &o);
    assert_string_equal(o.algorithm, "depthwise");
    config.conv_search = HONE_CONV_EXHAUSTIVE;
    run_node(&BIG, &config, &o);
    assert_true(o.n_ranks > 3); /* what cpu_search.c times: each rank is another algorithm, rank 0 the heuristic's */
    char seen[16][64];
    const int n = o.n_ranks < 16 ? o.n_ranks : 16;
    for (int k = 0; k < n; k++) {
        o = (outcome){.rank = k};
        run_node(&BIG, &config, &o);
        snprintf(seen[k], sizeof seen[k], "%s", o.algorithm);
        for (int i = 0; i < k; i++)
            assert_string_not_equal(seen[i], seen[k]);
    }
    config.conv_search = HONE_CONV_HEURISTIC;
    o = (outcome){0};
    run_node(&BIG, &config, &o);
    assert_string_equal(seen[0], o.algorithm);
    assert_int_equal(o.n_ranks, 0);
}

/* No algorithm exceeds the limit, down to direct, which is always left. */
static void test_workspace_limit(void **state) {
    (void)state;
    static const layer BIG = {"", "Conv", 4, {1, 64, 28, 28}, {64, 64, 3, 3}, .pads = {1, 1, 1, 1}};
    outcome o = {0};
    for (int search = HONE_CONV_DEFAULT; search <= HONE_CONV_EXHAUSTIVE; search++) {
        hone__cpu_config config = make_config((hone__conv_search)search, NULL);
        for (config.max_workspace = 4 << 20; config.max_workspace > 64 << 10; config.max_workspace /= 4) {
            run_node(&BIG, &config, &o);
            assert_true(o.workspace <= config.max_workspace);
        }
        config.max_workspace = 1;
        run_node(&BIG, &config, &o);
        assert_string_equal(o.algorithm, "direct");
    }
}

static bool store_get(void *user, const char *key, char *value, size_t size) {
    store *s = user;
    s->n_get++;
    if (strcmp(s->key, key) != 0)
        return false;
    snprintf(value, size, "%s", s->value);
    return true;
}

static void store_put(void *user, const char *key, const char *value) {
    store *s = user;
    s->n_put++;
    snprintf(s->key, sizeof s->key, "%s", key);
    snprintf(s->value, sizeof s->value, "%s", value);
}

static void test_stored_choices(void **state) {
    (void)state;
    static const layer SMALL = {"", "Conv", 4, {1, 16, 14, 14}, {16, 16, 3, 3}, .pads = {1, 1, 1, 1}};
    store s = {{0}, {0}, 0, 0};
    outcome o = {0};
    hone__cpu_config config = make_config(HONE_CONV_DEFAULT, NULL);
    config.choice_get = store_get;
    config.choice_put = store_put;
    config.choice_store = &s;
    run_node(&SMALL, &config, &o);
    assert_int_equal(s.n_get + s.n_put, 0); /* off: the store is not touched */
    config.tunable_enable = true;
    run_node(&SMALL, &config, &o);
    assert_int_equal(s.n_put, 0);
    assert_string_equal(o.algorithm, "implicit_gemm");
    config.tunable_tuning = true;
    o = (outcome){0};
    run_node(&SMALL, &config, &o);
    assert_int_equal(s.n_put, 0); /* not yet timed */
    assert_true(o.n_ranks > 1);
    o = (outcome){.rank = 1, .keeps = true};
    run_node(&SMALL, &config, &o);
    assert_int_equal(s.n_put, 1);
    assert_string_equal(o.algorithm, s.value);
    snprintf(s.value, sizeof s.value, "im2col_gemm"); /* what is stored is what runs */
    o = (outcome){0};
    run_node(&SMALL, &config, &o);
    assert_string_equal(o.algorithm, "im2col_gemm");
    assert_string_equal(o.detail, "stored choice");
    assert_int_equal(o.n_ranks, 0);
    assert_int_equal(s.n_put, 1);
    snprintf(s.value, sizeof s.value, "gemm_1x1"); /* not applicable here: measured anew */
    o = (outcome){.keeps = true};
    run_node(&SMALL, &config, &o);
    assert_int_equal(s.n_put, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_searches),
        cmocka_unit_test(test_workspace_limit),
        cmocka_unit_test(test_stored_choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
