/* The passes: random graphs give the same outputs before and after every level, and after each pass alone; the
 * patterns that exporters write are recognised, and near misses are left alone. */
#include "base/alloc.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/ok.h"

enum { C = 3, H = 4, W = 5 };

static uint32_t g_random;
static uint32_t next_random(uint32_t bound) {
    g_random = g_random * 1664525u + 1013904223u;
    return (g_random >> 8) % bound;
}
static float next_float(void) { return (float)next_random(2001) / 1000.0f - 1.0f; }

static hone__value *constant(hone__graph *graph, int rank, const int64_t *dims, float scale, float offset) {
    hone_tensor *tensor;
    hone__value *value;
    OK(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &tensor, error));
    for (int64_t i = 0; i < hone_tensor_count(tensor); i++)
        ((float *)hone_tensor_data(tensor))[i] = offset + scale * next_float();
    OK(hone__graph_add_constant(graph, "c", tensor, &value, error));
    return value;
}
static hone__value *scalar(hone__graph *graph, float x) { return constant(graph, 0, NULL, 0, x); }
static hone__value *vector(hone__graph *graph, int64_t n, float scale, float offset) {
    return constant(graph, 1, &n, scale, offset);
}

static hone__node *node_n(hone__graph *graph, const char *op, hone__value *const *in, size_t n) {
    hone__value *out;
    hone__node *node;
    OK(hone__graph_add_value(graph, op, &out, error));
    OK(hone__graph_add_node(graph, NULL, "", op, NULL, in, n, &out, 1, &node, error));
    node->opset = 17;
    node->op = hone__op_find("", op, 17);
    assert_non_null(node->op);
    return node;
}
static hone__value *unary(hone__graph *graph, const char *op, hone__value *x) {
    return node_n(graph, op, &x, 1)->outputs[0];
}
static hone__value *binary(hone__graph *graph, const char *op, hone__value *a, hone__value *b) {
    hone__value *in[2] = {a, b};
    return node_n(graph, op, in, 2)->outputs[0];
}

static hone__value *conv(hone__graph *graph, hone__value *x, bool bias) {
    int64_t dims[4] = {C, C, 3, 3}, pads[4] = {1, 1, 1, 1};
    hone__value *in[3] = {x, constant(graph, 4, dims, 0.4f, 0), bias ? vector(graph, C, 1, 0) : NULL};
    hone__node *node = node_n(graph, "Conv", in, bias ? 3 : 2);
    OK(hone__node_set_attr_ints(node, "pads", pads, 4, error));
    return node->outputs[0];
}

static hone__value *batchnorm(hone__graph *graph, hone__value *x) {
    hone__value *in[5] = {x, vector(graph, C, 0.5f, 1), vector(graph, C, 1, 0), vector(graph, C, 0.5f, 0),
                          vector(graph, C, 0.3f, 1)};
    return node_n(graph, "BatchNormalization", in, 5)->outputs[0];
}

static hone__value *per_channel(hone__graph *graph, hone__value *x) {
    static const char *const ops[] = {"Mul", "Add", "Sub", "Div"};
    int64_t dims[4] = {1, C, 1, 1};
    bool four = next_random(2);
    return binary(graph, ops[next_random(4)], x, constant(graph, four ? 4 : 3, four ? dims : dims + 1, 0.3f, 1));
}

static hone__value *hardswish(hone__graph *graph, hone__value *x) {
    hone__value *shifted = binary(graph, "Add", x, scalar(graph, 3));
    hone__value *in[3] = {shifted, scalar(graph, 0), scalar(graph, 6)};
    hone__value *clipped = node_n(graph, "Clip", in, 3)->outputs[0];
    if (next_random(2))
        return binary(graph, "Mul", x, binary(graph, "Div", clipped, scalar(graph, 6)));
    return binary(graph, "Div", binary(graph, "Mul", clipped, x), scalar(graph, 6));
}

static hone__value *gelu(hone__graph *graph, hone__value *x) {
    if (next_random(2)) {
        hone__value *gate = unary(graph, "Erf", binary(graph, "Div", x, scalar(graph, 1.41421356f)));
        gate = binary(graph, "Add", gate, scalar(graph, 1));
        return binary(graph, "Mul", binary(graph, "Mul", x, gate), scalar(graph, 0.5f));
    }
    hone__value *cube = binary(graph, "Pow", x, scalar(graph, 3));
    hone__value *inner = binary(graph, "Add", x, binary(graph, "Mul", cube, scalar(graph, 0.044715f)));
    hone__value *gate = unary(graph, "Tanh", binary(graph, "Mul", inner, scalar(graph, 0.79788456f)));
    gate = binary(graph, "Add", gate, scalar(graph, 1));
    return binary(graph, "Mul", binary(graph, "Mul", scalar(graph, 0.5f), x), gate);
}

static hone__value *last_mean(hone__graph *graph, hone__value *x, int64_t axis) {
    hone__node *node = node_n(graph, "ReduceMean", &x, 1);
    OK(hone__node_set_attr_ints(node, "axes", &axis, 1, error));
    return node->outputs[0];
}

static hone__value *layernorm_over(hone__graph *graph, hone__value *x, int64_t axis) {
    hone__value *d = binary(graph, "Sub", x, last_mean(graph, x, axis));
    hone__value *variance = last_mean(graph, binary(graph, "Pow", d, scalar(graph, 2)), axis);
    hone__value *deviation = unary(graph, "Sqrt", binary(graph, "Add", variance, scalar(graph, 1e-5f)));
    hone__value *y = binary(graph, "Mul", binary(graph, "Div", d, deviation), vector(graph, W, 0.3f, 1));
    return binary(graph, "Add", y, vector(graph, W, 1, 0));
}

static hone__value *linear(hone__graph *graph, hone__value *x) {
    int64_t dims[2] = {W, W};
    hone__value *y = binary(graph, "MatMul", x, constant(graph, 2, dims, 0.5f, 0));
    return next_random(2) ? binary(graph, "Add", vector(graph, W, 1, 0), y) : y;
}

static hone__value *transposed(hone__graph *graph, hone__value *x, const int64_t *perm) {
    hone__node *node = node_n(graph, "Transpose", &x, 1);
    OK(hone__node_set_attr_ints(node, "perm", perm, 4, error));
    return node->outputs[0];
}

/* softmax(scale x y^T + mask) z over the last two dims; all [1,C,H,W]. */
static hone__value *attention(hone__graph *graph, hone__value *q, hone__value *k, hone__value *v, bool mask) {
    static const int64_t swap[4] = {0, 1, 3, 2};
    hone__value *scores = binary(graph, "MatMul", q, transposed(graph, k, swap));
    scores = binary(graph, "Div", scores, scalar(graph, 2));
    int64_t dims[4] = {1, 1, H, H};
    if (mask)
        scores = binary(graph, "Add", scores, constant(graph, 4, dims, 1, 0));
    hone__node *softmax = node_n(graph, "Softmax", &scores, 1);
    OK(hone__node_set_attr_int(softmax, "axis", -1, error));
    return binary(graph, "MatMul", softmax->outputs[0], v);
}

static hone__value *random_step(hone__graph *graph, hone__value *const *v, size_t n) {
    static const char *const acts[] = {"Relu", "Sigmoid", "Tanh", "HardSwish", "LeakyRelu", "Identity", "Dropout"};
    static const int64_t swap[4] = {0, 1, 3, 2};
    hone__value *x = v[n - 1 - next_random(n < 3 ? (uint32_t)n : 3)], *other = v[next_random((uint32_t)n)];
    switch (next_random(15)) {
    case 0:
    case 1:
        return conv(graph, x, next_random(2));
    case 2:
        return batchnorm(graph, x);
    case 3:
        return per_channel(graph, x);
    case 4:
        return binary(graph, "Mul", x, unary(graph, "Sigmoid", x));
    case 5:
        return hardswish(graph, x);
    case 6:
        return gelu(graph, x);
    case 7:
        return layernorm_over(graph, x, -1);
    case 8:
        return linear(graph, x);
    case 9:
        return transposed(graph, transposed(graph, x, swap), swap);
    case 10:
        return attention(graph, x, other, v[next_random((uint32_t)n)], next_random(2));
    case 11:
        return binary(graph, "Add", x, unary(graph, "Exp", scalar(graph, 0.1f)));
    case 12:
    case 13:
        return binary(graph, next_random(3) ? "Add" : "Mul", x, other);
    default:
        return unary(graph, acts[next_random(7)], x);
    }
}

static hone__graph *begin(hone__value **x) {
    hone__graph *graph;
    hone__dim dims[4] = {{1, NULL}, {C, NULL}, {H, NULL}, {W, NULL}};
    OK(hone__graph_create("test", &graph, error));
    OK(hone__graph_set_opset(graph, "", 17, error));
    OK(hone__graph_add_value(graph, "x", x, error));
    OK(hone__type_set_tensor(hone__graph_arena(graph), &(*x)->type, HONE_DTYPE_FLOAT, 4, dims));
    OK(hone__graph_add_input(graph, *x, error));
    return graph;
}

static void end(hone__graph *graph, hone__value *y) {
    OK(hone__graph_add_output(graph, y, error));
    OK(hone__graph_infer(graph, error));
    OK(hone__graph_verify(graph, error));
}

static hone_tensor *evaluate(const hone__graph *graph) {
    hone_tensor *x, *y[4] = {0};
    int64_t dims[4] = {1, C, H, W};
    OK(hone_tensor_create(HONE_DTYPE_FLOAT, 4, dims, &x, error));
    for (int64_t i = 0; i < hone_tensor_count(x); i++)
        ((float *)hone_tensor_data(x))[i] = sinf((float)i * 1.7f) * 1.5f;
    const hone_tensor *const in[1] = {x};
    OK(hone__graph_run(graph, in, 1, y, graph->n_outputs, NULL, NULL, error));
    hone_tensor_destroy(x);
    for (size_t i = 1; i < graph->n_outputs; i++)
        hone_tensor_destroy(y[i]);
    return y[0];
}

static double difference(const hone_tensor *a, const hone_tensor *b) {
    double worst = 0, scale = 1;
    assert_int_equal(hone_tensor_count(a), hone_tensor_count(b));
    for (int64_t i = 0; i < hone_tensor_count(a); i++) {
        double x = hone_tensor_get_double(a, i), y = hone_tensor_get_double(b, i);
        if (x == y || (isnan(x) && isnan(y)))
            continue;
        worst = fmax(worst, fabs(x - y));
        scale = fmax(scale, fabs(y));
    }
    return worst / scale;
}

/* A random graph, the same for the same seed. */
static hone__graph *random_graph(uint32_t seed) {
    hone__value *v[24], *x;
    g_random = seed * 2654435761u + 1;
    hone__graph *graph = begin(&x);
    size_t n = 0;
    v[n++] = x;
    while (n < 6 + seed % 12)
        v[n] = random_step(graph, v, n), n++;
    if (seed % 3 == 0 && !hone__value_is_output(v[n / 2]) && v[n / 2]->producer) {
        end(graph, v[n - 1]);
        OK(hone__graph_add_output(graph, v[n / 2], error)); /* an inner value is wanted too */
        return graph;
    }
    end(graph, v[n - 1]);
    return graph;
}

static void test_random_graphs(void **state) {
    (void)state;
    size_t n_changed = 0;
    for (uint32_t seed = 0; seed < 300; seed++) {
        hone__graph *graph = random_graph(seed);
        hone_tensor *before = evaluate(graph);
        for (int level = HONE_OPT_BASIC; level <= HONE_OPT_ALL; level++) {
            OK(hone__passes_run(graph, (hone__opt_level)level, error));
            OK(hone__graph_verify(graph, error));
            hone_tensor *after = evaluate(graph);
            if (difference(before, after) > 1e-4)
                fail_msg("seed %u, level %d: outputs differ by %g", seed, level, difference(before, after));
            hone_tensor_destroy(after);
        }
        HONE_FOR_NODES(node, graph) n_changed += node->provenance != NULL;
        hone_tensor_destroy(before);
        hone__graph_destroy(graph);
    }
    assert_true(n_changed > 300); /* the passes had something to do */
}

/* Passes whose patterns random_step writes; the others have tests of their own with graphs that suit them. */
static bool has_patterns(const char *pass) {
    static const char *const names[] = {"eliminate_identity", "fold_constants",   "eliminate_duplicates",
                                        "fold_batchnorm",     "fold_conv_affine", "fuse_silu",
                                        "fuse_gelu",          "fuse_layernorm",   "fuse_attention",
                                        "fuse_matmul_bias",   "fuse_residual",    "fuse_matmul_transpose",
                                        "fuse_activation"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], pass) == 0)
            return true;
    return false;
}

static void test_each_pass_alone(void **state) {
    (void)state;
    for (const hone__pass *pass = hone__passes_all(); pass->name; pass++) {
        size_t total = 0;
        for (uint32_t seed = 0; seed < 150; seed++) {
            hone__graph *graph = random_graph(seed);
            hone_tensor *before = evaluate(graph);
            size_t n = 0;
            OK(hone__pass_run_one(pass, graph, &n, error));
            OK(hone__graph_verify(graph, error));
            hone_tensor *after = evaluate(graph);
            if (difference(before, after) > 1e-4)
                fail_msg("%s, seed %u: outputs differ by %g", pass->name, seed, difference(before, after));
            total += n;
            hone_tensor_destroy(before);
            hone_tensor_destroy(after);
            hone__graph_destroy(graph);
        }
        if (total == 0 && has_patterns(pass->name))
            fail_msg("%s never matched", pass->name);
    }
}

static size_t count_ops(const hone__graph *graph, const char *op) {
    size_t n = 0;
    HONE_FOR_NODES(node, graph) n += strcmp(node->op_type, op) == 0;
    return n;
}

/* Builds, optimises fully, checks the outputs; the caller counts nodes and destroys. */
static void optimise(hone__graph *graph, hone__value *y) {
    end(graph, y);
    hone_tensor *before = evaluate(graph);
    OK(hone__passes_run(graph, HONE_OPT_ALL, error));
    OK(hone__graph_verify(graph, error));
    hone_tensor *after = evaluate(graph);
    assert_true(difference(before, after) < 1e-4);
    hone_tensor_destroy(before);
    hone_tensor_destroy(after);
}

static void test_residual_block(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = begin(&x);
    hone__value *y = unary(graph, "Relu", batchnorm(graph, conv(graph, x, false)));
    y = unary(graph, "Relu", binary(graph, "Add", batchnorm(graph, conv(graph, y, true)), x));
    optimise(graph, y);
    assert_int_equal(graph->n_nodes, 2);
    assert_int_equal(count_ops(graph, "FusedConv"), 2);
    assert_string_equal(hone__node_attr_string(graph->last, "activation", ""), "Relu");
    assert_ptr_equal(graph->last->inputs[3], x);
    assert_string_equal(graph->outputs[0]->name, y->name);
    hone__graph_destroy(graph);
}

static void test_patterns(void **state) {
    (void)state;
    for (uint32_t seed = 0; seed < 8; seed++) { /* the makers draw between spellings */
        hone__value *x;
        g_random = seed;
        hone__graph *graph = begin(&x);
        optimise(graph, gelu(graph, x));
        assert_int_equal(graph->n_nodes, 1);
        assert_string_equal(graph->first->op_type, "Gelu");
        hone__graph_destroy(graph);
        graph = begin(&x);
        optimise(graph, hardswish(graph, x));
        assert_int_equal(graph->n_nodes, 1);
        assert_string_equal(graph->first->op_type, "HardSwish");
        hone__graph_destroy(graph);
        graph = begin(&x);
        optimise(graph, layernorm_over(graph, x, -1));
        assert_int_equal(graph->n_nodes, 1);
        assert_string_equal(graph->first->op_type, "LayerNormalization");
        hone__graph_destroy(graph);
        graph = begin(&x);
        optimise(graph, attention(graph, x, unary(graph, "Tanh", x), x, seed % 2));
        assert_int_equal(graph->n_nodes, 2);
        assert_int_equal(count_ops(graph, "FusedAttention"), 1);
        hone__graph_destroy(graph);
    }
}

static void test_near_misses(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *graph = begin(&x);
    hone__value *c = conv(graph, x, true); /* read twice: neither activation may swallow it */
    optimise(graph, binary(graph, "Mul", unary(graph, "Relu", c), unary(graph, "Tanh", c)));
    assert_int_equal(count_ops(graph, "Conv"), 1);
    hone__graph_destroy(graph);

    graph = begin(&x);
    c = conv(graph, x, true); /* an output itself */
    hone__value *y = unary(graph, "Relu", c);
    OK(hone__graph_add_output(graph, y, error));
    optimise(graph, c);
    assert_int_equal(count_ops(graph, "Relu"), 1);
    hone__graph_destroy(graph);

    graph = begin(&x);
    c = conv(graph, x, false); /* broadcast along W: not per channel */
    optimise(graph, binary(graph, "Mul", c, vector(graph, W, 1, 0)));
    assert_int_equal(count_ops(graph, "Mul"), 1);
    hone__graph_destroy(graph);
}

static void test_size_cap(void **state) {
    (void)state;
    hone__value *x, *shape, *big;
    hone__graph *graph = begin(&x);
    hone_tensor *dims;
    int64_t two = 4;
    OK(hone_tensor_create(HONE_DTYPE_INT64, 1, &two, &dims, error));
    for (int i = 0; i < 4; i++)
        ((int64_t *)hone_tensor_data(dims))[i] = (int64_t[]){1000, C, H, W * 100}[i];
    OK(hone__graph_add_constant(graph, "shape", dims, &shape, error));
    big = binary(graph, "Expand", scalar(graph, 1), shape);
    hone__value *in[1] = {big};
    hone__node *mean = node_n(graph, "ReduceMean", in, 1);
    end(graph, binary(graph, "Add", x, mean->outputs[0]));
    OK(hone__passes_run(graph, HONE_OPT_ALL, error));
    assert_int_equal(count_ops(graph, "Expand"), 1); /* 24 MB out of 4 bytes stays a node */
    hone__graph_destroy(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_graphs),  cmocka_unit_test(test_each_pass_alone),
                                       cmocka_unit_test(test_residual_block), cmocka_unit_test(test_patterns),
                                       cmocka_unit_test(test_near_misses),    cmocka_unit_test(test_size_cap)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
