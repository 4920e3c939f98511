/* The operators' framework: the registry's rows, inference with symbols and data propagation, evaluation at
 * the edges of the types, random distributions, and every allocation made to fail once. What each operator
 * computes is tested by test_onnx_node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "ops/op.h"
#include "ops/op_elements.h"

#include <limits.h>
#include <math.h>
#include <string.h>

/* ---- helpers ---- */

static hone__graph *new_graph(void) {
    hone__graph *graph;
    assert_int_equal(hone__graph_create("g", &graph, NULL), HONE_OK);
    assert_int_equal(hone__graph_set_opset(graph, "", 21, NULL), HONE_OK);
    return graph;
}

static hone__value *input(hone__graph *graph, const char *name, hone_dtype dtype, int rank, const hone__dim *dims) {
    hone__value *v;
    assert_int_equal(hone__graph_add_value(graph, name, &v, NULL), HONE_OK);
    assert_int_equal(hone__type_set_tensor(hone__graph_arena(graph), &v->type, dtype, rank, dims), HONE_OK);
    assert_int_equal(hone__graph_add_input(graph, v, NULL), HONE_OK);
    return v;
}

static hone__value *ints(hone__graph *graph, int rank, int64_t n, const int64_t *v) {
    hone_tensor *t;
    hone__value *value;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_INT64, rank, &n, &t, NULL), HONE_OK);
    memcpy(t->data, v, (size_t)n * sizeof *v);
    assert_int_equal(hone__graph_add_constant(graph, "c", t, &value, NULL), HONE_OK);
    return value;
}

static hone__node *add(hone__graph *graph, const char *op, hone__value *a, hone__value *b) {
    hone__value *in[] = {a, b}, *y;
    hone__node *node;
    assert_int_equal(hone__graph_add_value(graph, op, &y, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_node(graph, NULL, "", op, NULL, in,
                                          b   ? 2
                                          : a ? 1
                                              : 0,
                                          &y, 1, &node, NULL),
                     HONE_OK);
    node->op = hone__op_find("", op, node->opset);
    assert_non_null(node->op);
    return node;
}

static const char *inferred(const hone__node *node, char *text, size_t size) {
    return hone__type_describe(&node->outputs[0]->type, text, size);
}

/* One operator on two arrays of a type, result into out[n]. */
static void compute(const char *op, hone_dtype dtype, const void *a, const void *b, int64_t n, void *out) {
    hone__graph *graph = new_graph();
    hone__value *x = input(graph, "x", dtype, -1, NULL), *y = b ? input(graph, "y", dtype, -1, NULL) : NULL;
    hone__node *node = add(graph, op, x, y);
    if (strcmp(op, "BitShift") == 0)
        assert_int_equal(hone__node_set_attr_string(node, "direction", "LEFT", NULL), HONE_OK);
    size_t size = (size_t)n * (size_t)hone_dtype_bits(dtype) / 8;
    hone_tensor ta, tb, *result;
    hone__tensor_view(&ta, dtype, 1, &n, (void *)(uintptr_t)a, size);
    hone__tensor_view(&tb, dtype, 1, &n, (void *)(uintptr_t)b, size);
    const hone_tensor *in[] = {&ta, &tb};
    assert_int_equal(hone__op_eval_node(node, in, b ? 2 : 1, &result, 1, NULL), HONE_OK);
    memcpy(out, result->data, result->size);
    hone_tensor_destroy(result);
    hone__graph_destroy(graph);
}

/* ---- registry ---- */

static void test_registry(void **state) {
    (void)state;
    size_t n;
    const hone__op *const *rows = hone__op_all(&n);
    assert_true(n > 300);
    for (size_t i = 0; i < n; i++) {
        const hone__op *op = rows[i], *next = i + 1 < n ? rows[i + 1] : NULL;
        if (next && strcmp(op->domain, next->domain) == 0 && strcmp(op->name, next->name) == 0 &&
            op->since >= next->since)
            fail_msg("two rows for %s-%d", op->name, op->since);
        if (!op->infer || (!op->eval && !(op->flags & HONE_OP_NO_EVAL)))
            fail_msg("%s-%d lacks inference or evaluation", op->name, op->since);
        if (op->min_inputs > op->n_inputs || op->min_outputs > op->n_outputs || op->since < 1 ||
            (op->n_inputs && !op->inputs) || (op->n_outputs && !op->outputs) || (op->n_attrs && !op->attrs))
            fail_msg("the counts of %s-%d are wrong", op->name, op->since);
        for (size_t k = 0; k < op->n_attrs; k++)
            for (size_t m = 0; m < k; m++)
                if (strcmp(op->attrs[k].name, op->attrs[m].name) == 0)
                    fail_msg("%s-%d declares \"%s\" twice", op->name, op->since, op->attrs[k].name);
        assert_ptr_equal(hone__op_find(op->domain, op->name, op->since), op);
    }
    assert_int_equal(hone__op_find("", "Clip", 9)->since, 6);
    assert_int_equal(hone__op_find("ai.onnx", "Clip", 100)->since, 13);
    assert_null(hone__op_find("", "HardSwish", 13));
    assert_non_null(hone__op_find_any("", "HardSwish"));
    assert_null(hone__op_find("", "Nothing", 13));
    assert_null(hone__op_find_any("no.such.domain", "Add"));
}

/* ---- checks and inference ---- */

static void test_check(void **state) {
    (void)state;
    hone__graph *graph = new_graph();
    hone_error error;
    hone__value *x = input(graph, "x", HONE_DTYPE_FLOAT, -1, NULL);
    hone__node *node = add(graph, "Relu", x, NULL);
    assert_int_equal(hone__op_check_node(node, &error), HONE_OK);
    assert_int_equal(hone__node_set_attr_int(node, "bogus", 1, NULL), HONE_OK);
    assert_int_equal(hone__op_check_node(node, &error), HONE_ERROR_MODEL);
    assert_non_null(strstr(error.message, "bogus"));
    assert_string_equal(error.node, node->name);
    node = add(graph, "Cast", x, NULL);
    assert_int_equal(hone__op_check_node(node, &error), HONE_ERROR_MODEL); /* lacks "to" */
    assert_int_equal(hone__node_set_attr_float(node, "to", 1, NULL), HONE_OK);
    assert_int_equal(hone__op_check_node(node, &error), HONE_ERROR_MODEL); /* of the wrong type */
    node = add(graph, "Relu", x, x);
    assert_int_equal(hone__op_check_node(node, &error), HONE_ERROR_MODEL); /* one input too many */
    hone__graph_destroy(graph);
}

static void test_broadcast_inference(void **state) {
    (void)state;
    hone__graph *graph = new_graph();
    char text[100];
    hone__value *a =
        input(graph, "a", HONE_DTYPE_FLOAT, 4, (hone__dim[]){{-1, "batch"}, {1, NULL}, {-1, "w"}, {-1, NULL}});
    hone__value *b = input(graph, "b", HONE_DTYPE_FLOAT, 3, (hone__dim[]){{5, NULL}, {-1, "w"}, {7, NULL}});
    hone__node *sum = add(graph, "Add", a, b);
    assert_int_equal(hone__graph_infer(graph, NULL), HONE_OK);
    assert_string_equal(inferred(sum, text, sizeof text), "float32[batch,5,w,7]");
    hone_error error;
    add(graph, "Add", b, input(graph, "c", HONE_DTYPE_FLOAT, 1, (hone__dim[]){{3, NULL}}));
    assert_int_equal(hone__graph_infer(graph, &error), HONE_ERROR_SHAPE);
    assert_string_equal(error.node, graph->last->name);
    hone__graph_remove_node(graph->last);
    add(graph, "Add", b, input(graph, "d", HONE_DTYPE_INT64, 0, NULL));
    assert_int_equal(hone__graph_infer(graph, &error), HONE_ERROR_TYPE);
    hone__graph_destroy(graph);
}

/* x: [batch, 3, h, w] flattened to [batch, 3, h*w] by arithmetic on its shape, as exporters write it. */
static void test_propagation(void **state) {
    (void)state;
    hone__graph *graph = new_graph();
    char text[100];
    hone__value *x =
        input(graph, "x", HONE_DTYPE_FLOAT, 4, (hone__dim[]){{-1, "batch"}, {3, NULL}, {8, NULL}, {10, NULL}});
    hone__value *shape = add(graph, "Shape", x, NULL)->outputs[0];
    hone__value *zero = ints(graph, 0, 1, (int64_t[]){0}), *axis = ints(graph, 1, 1, (int64_t[]){0});
    hone__value *batch = add(graph, "Gather", shape, zero)->outputs[0];
    hone__value *first = add(graph, "Unsqueeze", batch, axis)->outputs[0];
    hone__node *concat = add(graph, "Concat", first, ints(graph, 1, 2, (int64_t[]){3, -1}));
    assert_int_equal(hone__node_set_attr_int(concat, "axis", 0, NULL), HONE_OK);
    hone__node *reshape = add(graph, "Reshape", x, concat->outputs[0]);
    /* 80 = 8 * 10 by Gather and Mul, wholly known. */
    hone__value *h = add(graph, "Gather", shape, ints(graph, 0, 1, (int64_t[]){2}))->outputs[0];
    hone__value *w = add(graph, "Gather", shape, ints(graph, 0, 1, (int64_t[]){3}))->outputs[0];
    hone__value *area = add(graph, "Mul", h, w)->outputs[0];
    hone__node *fill = add(graph, "ConstantOfShape", add(graph, "Unsqueeze", area, axis)->outputs[0], NULL);
    hone_error error;
    if (hone__graph_infer(graph, &error) != HONE_OK)
        fail_msg("%s (%s)", error.message, error.node);
    assert_string_equal(inferred(reshape, text, sizeof text), "float32[batch,3,80]");
    assert_string_equal(inferred(fill, text, sizeof text), "float32[80]");
    hone__graph_destroy(graph);
}

/* ---- the edges of the types ---- */

static void test_integer_edges(void **state) {
    (void)state;
    int32_t i32[4];
    compute("Div", HONE_DTYPE_INT32, (int32_t[]){7, INT_MIN, -7, 0}, (int32_t[]){0, -1, 2, 0}, 4, i32);
    assert_int_equal(i32[0], 0);
    assert_int_equal(i32[1], INT_MIN);
    assert_int_equal(i32[2], -3);
    compute("Mod", HONE_DTYPE_INT32, (int32_t[]){7, INT_MIN, -7, 7}, (int32_t[]){0, -1, 2, -4}, 4, i32);
    assert_int_equal(i32[0], 0);
    assert_int_equal(i32[1], 0);
    assert_int_equal(i32[2], 1);
    assert_int_equal(i32[3], -1);
    int64_t i64[2];
    compute("Div", HONE_DTYPE_INT64, (int64_t[]){INT64_MIN, 5}, (int64_t[]){-1, 0}, 2, i64);
    assert_true(i64[0] == INT64_MIN && i64[1] == 0);
    compute("Abs", HONE_DTYPE_INT64, (int64_t[]){INT64_MIN, -5}, NULL, 2, i64);
    assert_true(i64[0] == INT64_MIN && i64[1] == 5);
    uint64_t u64[2];
    compute("Div", HONE_DTYPE_UINT64, (uint64_t[]){UINT64_MAX, 9}, (uint64_t[]){2, 0}, 2, u64);
    assert_true(u64[0] == UINT64_MAX / 2 && u64[1] == 0);
    compute("Max", HONE_DTYPE_UINT64, (uint64_t[]){UINT64_MAX, 1}, (uint64_t[]){2, 3}, 2, u64);
    assert_true(u64[0] == UINT64_MAX && u64[1] == 3);
    compute("BitShift", HONE_DTYPE_UINT64, (uint64_t[]){1, 1}, (uint64_t[]){63, 64}, 2, u64);
    assert_true(u64[0] == 1ull << 63 && u64[1] == 0);
    uint8_t u8[3];
    compute("BitShift", HONE_DTYPE_UINT8, (uint8_t[]){1, 1, 255}, (uint8_t[]){7, 8, 200}, 3, u8);
    assert_int_equal(u8[0], 128);
    assert_int_equal(u8[1], 0);
    assert_int_equal(u8[2], 0);
}

static void test_conversions(void **state) {
    (void)state;
    double v[] = {NAN, INFINITY, -INFINITY, 300, -300, 1e30};
    int64_t n = 6;
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_INT8, 1, &n, &t, NULL), HONE_OK);
    hone__store_f64(t, 0, n, v);
    const int8_t expected[] = {0, 127, -128, 127, -128, 127};
    assert_memory_equal(t->data, expected, 6);
    hone_tensor_destroy(t);
    assert_int_equal(hone_tensor_create(HONE_DTYPE_INT4, 1, &n, &t, NULL), HONE_OK);
    hone__store_f64(t, 0, n, v);
    int64_t back[6];
    hone__load_i64(t, 0, 1, n, back);
    assert_int_equal(back[1], 7);
    assert_int_equal(back[4], -8);
    hone_tensor_destroy(t);
    /* Every code of the small floats survives the way there and back. */
    static const hone_dtype small[] = {HONE_DTYPE_FLOAT8E4M3FN, HONE_DTYPE_FLOAT8E4M3FNUZ, HONE_DTYPE_FLOAT8E5M2,
                                       HONE_DTYPE_FLOAT8E5M2FNUZ};
    for (size_t k = 0; k < 4; k++)
        for (int code = 0; code < 256; code++) {
            double d = hone__minifloat_decode(small[k], (uint8_t)code);
            if (!isnan(d) && !isinf(d))
                assert_int_equal(hone__minifloat_encode(small[k], d, true), code);
        }
    assert_true(hone__minifloat_decode(HONE_DTYPE_FLOAT8E4M3FN, 0x7E) == 448.0);
    assert_true(hone__minifloat_decode(HONE_DTYPE_FLOAT8E5M2, 0x7B) == 57344.0);
    assert_true(hone__minifloat_decode(HONE_DTYPE_FLOAT8E4M3FNUZ, 0x7F) == 240.0);
    assert_int_equal(hone__minifloat_encode(HONE_DTYPE_FLOAT8E4M3FN, 1e6, true), 0x7E);
    assert_int_equal(hone__minifloat_encode(HONE_DTYPE_FLOAT8E4M3FN, 1e6, false), 0x7F);
    assert_int_equal(hone__minifloat_encode(HONE_DTYPE_FLOAT8E5M2, 1e6, false), 0x7C);
    /* Once, not twice: 1 + 2^-11 + 2^-40 lies above the middle between two halves. */
    assert_int_equal(hone__f64_to_f16(1.0 + 0x1p-11 + 0x1p-40), 0x3C01);
    assert_int_equal(hone__f64_to_f16(1.0 + 0x1p-11), 0x3C00);
}

/* ---- random ---- */

static void test_distributions(void **state) {
    (void)state;
    hone__graph *graph = new_graph();
    enum { N = 20000 };
    hone__node *node = add(graph, "RandomNormal", NULL, NULL);
    assert_int_equal(hone__node_set_attr_ints(node, "shape", (int64_t[]){N}, 1, NULL), HONE_OK);
    assert_int_equal(hone__node_set_attr_float(node, "mean", 3, NULL), HONE_OK);
    assert_int_equal(hone__node_set_attr_float(node, "scale", 2, NULL), HONE_OK);
    hone_tensor *x, *y;
    assert_int_equal(hone__op_eval_node(node, NULL, 0, &x, 1, NULL), HONE_OK);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < N; i++) {
        double v = hone_tensor_get_double(x, i) - 3;
        sum += v;
        squares += v * v;
    }
    assert_true(fabs(sum / N) < 0.06); /* four standard errors */
    assert_true(fabs(sqrt(squares / N) - 2) < 0.05);
    hone__node *bernoulli = add(graph, "Bernoulli", node->outputs[0], NULL);
    for (int64_t i = 0; i < N; i++)
        ((float *)x->data)[i] = 0.3f;
    const hone_tensor *in[] = {x};
    assert_int_equal(hone__op_eval_node(bernoulli, in, 1, &y, 1, NULL), HONE_OK);
    sum = 0;
    for (int64_t i = 0; i < N; i++)
        sum += hone_tensor_get_double(y, i);
    assert_true(fabs(sum / N - 0.3) < 0.013);
    hone_tensor_destroy(x);
    hone_tensor_destroy(y);
    hone__graph_destroy(graph);
}

/* ---- loops and failures ---- */

/* y = x after `n` times adding the outer value `step`; also every intermediate, stacked. */
static hone__graph *loop_graph(void) {
    hone__graph *graph = new_graph(), *body;
    hone__value *n = input(graph, "n", HONE_DTYPE_INT64, 0, NULL);
    hone__value *x = input(graph, "x", HONE_DTYPE_FLOAT, 1, (hone__dim[]){{2, NULL}});
    hone__value *step = input(graph, "step", HONE_DTYPE_FLOAT, 0, NULL);
    assert_int_equal(hone__graph_create_subgraph(graph, "body", &body, NULL), HONE_OK);
    input(body, "i", HONE_DTYPE_INT64, 0, NULL);
    hone__value *goes_on = input(body, "goes_on", HONE_DTYPE_BOOL, 0, NULL);
    hone__value *before = input(body, "before", HONE_DTYPE_FLOAT, 1, (hone__dim[]){{2, NULL}});
    hone__value *after = add(body, "Add", before, step)->outputs[0];
    assert_int_equal(hone__graph_add_output(body, goes_on, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_output(body, after, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_output(body, after, NULL), HONE_OK);
    hone__value *in[] = {n, NULL, x}, *out[2];
    hone__node *loop;
    for (int i = 0; i < 2; i++)
        assert_int_equal(hone__graph_add_value(graph, "y", &out[i], NULL), HONE_OK);
    assert_int_equal(hone__graph_add_node(graph, NULL, "", "Loop", "loop", in, 3, out, 2, &loop, NULL), HONE_OK);
    loop->op = hone__op_find("", "Loop", 21);
    hone__attr attr = {.name = "body", .type = HONE_ATTR_GRAPH, .g = body};
    assert_int_equal(hone__node_set_attr(loop, &attr, NULL), HONE_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(hone__graph_add_output(graph, out[i], NULL), HONE_OK);
    assert_int_equal(hone__graph_verify(graph, NULL), HONE_OK);
    return graph;
}

static hone_status run_loop(hone__graph *graph, int64_t n, hone_tensor **out, hone_error *error) {
    float x[] = {1, 2}, step = 0.5f;
    int64_t two = 2;
    hone_tensor tn, tx, ts;
    hone__tensor_view(&tn, HONE_DTYPE_INT64, 0, NULL, &n, sizeof n);
    hone__tensor_view(&tx, HONE_DTYPE_FLOAT, 1, &two, x, sizeof x);
    hone__tensor_view(&ts, HONE_DTYPE_FLOAT, 0, NULL, &step, sizeof step);
    const hone_tensor *in[] = {&tn, &tx, &ts};
    return hone__graph_run(graph, in, 3, out, 2, NULL, NULL, error);
}

static void test_loop(void **state) {
    (void)state;
    hone__graph *graph = loop_graph();
    hone_error error;
    hone_tensor *out[2];
    assert_int_equal(hone__graph_infer(graph, &error), HONE_OK);
    for (int64_t n = 0; n <= 4; n += 4) { /* no step at all gives the input and [0, 2] */
        assert_int_equal(run_loop(graph, n, out, &error), HONE_OK);
        assert_true(((float *)out[0]->data)[1] == 2.0f + 0.5f * (float)n);
        assert_int_equal(out[1]->rank, 2);
        assert_int_equal(out[1]->dims[0], n);
        assert_int_equal(out[1]->dims[1], 2);
        hone_tensor_destroy(out[0]);
        hone_tensor_destroy(out[1]);
    }
    hone__graph_destroy(graph);
}

static void test_allocation_failures(void **state) {
    (void)state;
    bool is_done = false;
    for (int64_t n = 0; n < 2000 && !is_done; n++) {
        hone__graph *graph = loop_graph();
        hone_tensor *out[2] = {NULL, NULL};
        hone_error error;
        hone__alloc_fail_after(n);
        hone_status a = hone__graph_infer(graph, &error);
        hone_status b = run_loop(graph, 3, out, &error);
        hone__alloc_fail_after(-1);
        assert_true(a == HONE_OK || a == HONE_ERROR_MEMORY);
        assert_true(b == HONE_OK || b == HONE_ERROR_MEMORY);
        is_done = a == HONE_OK && b == HONE_OK;
        hone_tensor_destroy(out[0]);
        hone_tensor_destroy(out[1]);
        hone__graph_destroy(graph);
    }
    assert_true(is_done); /* with enough memory it works */
}

/* What would not fit is refused, not tried. */
static void test_limits(void **state) {
    (void)state;
    hone__graph *graph = new_graph();
    hone__node *node = add(graph, "ConstantOfShape", ints(graph, 1, 3, (int64_t[]){1 << 20, 1 << 20, 64}), NULL);
    hone_error error;
    hone_tensor *out;
    assert_int_equal(hone__op_eval_node(node, &node->inputs[0]->constant, 1, &out, 1, &error), HONE_ERROR_LIMIT);
    assert_null(out);
    hone__graph_destroy(graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry),    cmocka_unit_test(test_check),
        cmocka_unit_test(test_propagation), cmocka_unit_test(test_broadcast_inference),
        cmocka_unit_test(test_loop),        cmocka_unit_test(test_integer_edges),
        cmocka_unit_test(test_conversions), cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_limits),      cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
