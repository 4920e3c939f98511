/* 200 random graphs of what exporters write (transposes, slices, concatenations, reshapes computed from shapes, casts,
 * quantisation, branches, convolutions, linear layers, norms) in several opsets, with and without a symbolic batch: at
 * every level and for every kind of operators the outputs are as at ORT_DISABLE_ALL, and the graph verifies after
 * every pass. */
#include "base/alloc.h"
#include "base/error.h"
#include "ops/op.h"
#include "passes/passes.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/ok.h"

enum { N_GRAPHS = 200, MAX_VALUES = 40, B = 2, C = 4, S = 6 };

/* A graph while it grows. Values are float32 with known dims (but for the batch). */
typedef struct builder {
    hone__graph *g;
    int64_t opset;
    hone__value *values[MAX_VALUES];
    bool is_exact[MAX_VALUES]; /* no arithmetic has rounded: rounding and quantising it jumps nowhere */
    size_t n;
} builder;

static uint32_t g_random;
static uint32_t draw(uint32_t bound) {
    g_random = g_random * 1664525u + 1013904223u;
    return (g_random >> 8) % bound;
}
static float next_float(void) { return (float)draw(2001) / 1000.0f - 1.0f; }

/* ---- pieces ---- */

static hone__value *floats(hone__graph *g, int rank, const int64_t *dims, float scale, float offset) {
    hone_tensor *t;
    hone__value *value;
    OK(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &t, error));
    for (int64_t i = 0; i < hone_tensor_count(t); i++)
        ((float *)hone_tensor_data(t))[i] = offset + scale * next_float();
    OK(hone__graph_add_constant(g, "c", t, &value, error));
    return value;
}
static hone__value *scalar(hone__graph *g, float x) { return floats(g, 0, NULL, 0, x); }
static hone__value *row(hone__graph *g, int64_t n, float scale, float offset) {
    return floats(g, 1, &n, scale, offset);
}

static hone__value *ints(hone__graph *g, const int64_t *v, int64_t n) {
    hone_tensor *t;
    hone__value *value;
    OK(hone_tensor_create(HONE_DTYPE_INT64, 1, &n, &t, error));
    memcpy(hone_tensor_data(t), v, (size_t)n * sizeof *v);
    OK(hone__graph_add_constant(g, "i", t, &value, error));
    return value;
}

static hone__node *make(builder *b, hone__graph *g, const char *op, hone__value *const *in, size_t n, size_t n_out) {
    hone__value *out[4];
    hone__node *node;
    for (size_t i = 0; i < n_out; i++)
        OK(hone__graph_add_value(g, op, &out[i], error));
    OK(hone__graph_add_node(g, NULL, "", op, NULL, in, n, out, n_out, &node, error));
    node->opset = b->opset;
    node->op = hone__op_find("", op, b->opset);
    assert_non_null(node->op);
    return node;
}
static hone__node *node(builder *b, const char *op, hone__value *const *in, size_t n) {
    return make(b, b->g, op, in, n, 1);
}
static hone__value *unary(builder *b, const char *op, hone__value *x) { return node(b, op, &x, 1)->outputs[0]; }
static hone__value *binary(builder *b, const char *op, hone__value *x, hone__value *y) {
    hone__value *in[2] = {x, y};
    return node(b, op, in, 2)->outputs[0];
}
static int64_t dim(const hone__value *v, int axis) {
    int64_t d = v->type.dims[axis < 0 ? axis + v->type.rank : axis].value;
    return d < 0 ? B : d;
}
static hone__value *with_axes(builder *b, const char *op, hone__value *x, const int64_t *axes, size_t n,
                              bool by_input) {
    if (by_input)
        return binary(b, op, x, ints(b->g, axes, (int64_t)n));
    hone__node *made = node(b, op, &x, 1);
    OK(hone__node_set_attr_ints(made, "axes", axes, n, error));
    return made->outputs[0];
}

static hone__value *transpose(builder *b, hone__value *x) {
    int64_t perm[4] = {0, 1, 2, 3};
    int rank = x->type.rank;
    for (int i = rank - 1; i > 0; i--) {
        int k = (int)draw((uint32_t)i + 1);
        int64_t p = perm[i];
        perm[i] = perm[k];
        perm[k] = p;
    }
    hone__node *made = node(b, "Transpose", &x, 1);
    OK(hone__node_set_attr_ints(made, "perm", perm, (size_t)rank, error));
    return made->outputs[0];
}

static hone__value *cast(builder *b, hone__value *x, hone_dtype dtype) {
    hone__node *made = node(b, "Cast", &x, 1);
    OK(hone__node_set_attr_int(made, "to", dtype, error));
    return made->outputs[0];
}

static hone__value *slice(builder *b, hone__value *x) {
    int axis = (int)draw((uint32_t)x->type.rank);
    if (x->type.dims[axis].value < 2)
        return x;
    int64_t n = dim(x, axis), start = (int64_t)draw((uint32_t)n - 1), end = draw(3) ? INT64_MAX : start + 1, a = axis,
            step = draw(4) ? 1 : 2;
    hone__value *in[5] = {x, ints(b->g, &start, 1), ints(b->g, &end, 1), ints(b->g, &a, 1), ints(b->g, &step, 1)};
    return node(b, "Slice", in, 5)->outputs[0];
}

/* Halves, put together again in order or exchanged. */
static hone__value *split(builder *b, hone__value *x) {
    int axis = -1;
    for (int i = 0; i < x->type.rank; i++)
        if (x->type.dims[i].value > 1 && x->type.dims[i].value % 2 == 0)
            axis = i;
    if (axis < 0)
        return x;
    hone__node *made = make(b, b->g, "Split", &x, 1, 2);
    OK(hone__node_set_attr_int(made, "axis", axis, error));
    if (b->opset >= 18)
        OK(hone__node_set_attr_int(made, "num_outputs", 2, error));
    bool is_swapped = draw(2);
    hone__value *in[2] = {made->outputs[is_swapped], made->outputs[!is_swapped]};
    if (draw(3) == 0)
        in[0] = unary(b, "Relu", in[0]);
    hone__node *joined = node(b, "Concat", in, 2);
    OK(hone__node_set_attr_int(joined, "axis", axis, error));
    return joined->outputs[0];
}

/* Reshape to [d0, -1] with d0 taken from Shape, as exporters flatten. */
static hone__value *flatten_by_shape(builder *b, hone__value *x) {
    int64_t zero = 0, minus = -1;
    hone__value *first = binary(b, "Gather", unary(b, "Shape", x), ints(b->g, &zero, 1));
    hone__value *in[2] = {first, ints(b->g, &minus, 1)};
    hone__node *joined = node(b, "Concat", in, 2);
    OK(hone__node_set_attr_int(joined, "axis", 0, error));
    return binary(b, "Reshape", x, joined->outputs[0]);
}

static hone__value *squeeze_pair(builder *b, hone__value *x) {
    int64_t axis = draw((uint32_t)x->type.rank + 1);
    if (x->type.rank > 3)
        return x;
    hone__value *y = with_axes(b, "Unsqueeze", x, &axis, 1, b->opset >= 13);
    return draw(2) ? with_axes(b, "Squeeze", unary(b, "Neg", y), &axis, 1, b->opset >= 13) : y;
}

static hone__value *reduce(builder *b, hone__value *x, int64_t axis, bool keep) {
    hone__node *made;
    if (b->opset >= 18) {
        hone__value *in[2] = {x, ints(b->g, &axis, 1)};
        made = node(b, "ReduceMean", in, 2);
    } else {
        made = node(b, "ReduceMean", &x, 1);
        OK(hone__node_set_attr_ints(made, "axes", &axis, 1, error));
    }
    OK(hone__node_set_attr_int(made, "keepdims", keep, error));
    return made->outputs[0];
}

static hone__value *layer_norm(builder *b, hone__value *x) {
    int64_t n = dim(x, -1);
    hone__value *d = binary(b, "Sub", x, reduce(b, x, -1, true));
    hone__value *v = reduce(b, binary(b, "Pow", d, scalar(b->g, 2)), -1, true);
    hone__value *s = unary(b, "Sqrt", binary(b, "Add", v, scalar(b->g, 1e-3f)));
    return binary(b, "Add", binary(b, "Mul", binary(b, "Div", d, s), row(b->g, n, 0.3f, 1)), row(b->g, n, 1, 0));
}

static hone__value *gelu(builder *b, hone__value *x) {
    hone__value *e = unary(b, "Erf", binary(b, "Div", x, scalar(b->g, 1.41421356f)));
    return binary(b, "Mul", binary(b, "Mul", x, binary(b, "Add", e, scalar(b->g, 1))), scalar(b->g, 0.5f));
}

static hone__value *conv(builder *b, hone__value *x) {
    if (x->type.rank != 4 || x->type.dims[1].value <= 0)
        return x;
    int64_t c = dim(x, 1), dims[4] = {C, c, 3, 3}, pads[4] = {1, 1, 1, 1}, border[8] = {0, 0, 1, 1, 0, 0, 1, 1};
    bool is_padded = draw(3) == 0;
    if (is_padded)
        x = binary(b, "Pad", x, ints(b->g, border, 8));
    hone__value *in[3] = {x, floats(b->g, 4, dims, 0.3f, 0), row(b->g, C, 1, 0)};
    hone__node *made = node(b, "Conv", in, draw(2) ? 3 : 2);
    if (!is_padded)
        OK(hone__node_set_attr_ints(made, "pads", pads, 4, error));
    hone__value *bn[5] = {made->outputs[0], row(b->g, C, 0.5f, 1), row(b->g, C, 1, 0), row(b->g, C, 0.5f, 0),
                          row(b->g, C, 0.3f, 1)};
    return draw(2) ? node(b, "BatchNormalization", bn, 5)->outputs[0] : made->outputs[0];
}

static hone__value *linear(builder *b, hone__value *x) {
    int64_t k = dim(x, -1), dims[2] = {k, C}, turned[2] = {C, k};
    if (x->type.rank == 2 && draw(2)) {
        bool trans = draw(2);
        hone__value *in[3] = {x, floats(b->g, 2, trans ? turned : dims, 0.5f, 0), row(b->g, C, 1, 0)};
        hone__node *made = node(b, "Gemm", in, 3);
        OK(hone__node_set_attr_int(made, "transB", trans, error));
        return made->outputs[0];
    }
    hone__value *y = binary(b, "MatMul", x, floats(b->g, 2, dims, 0.5f, 0));
    return draw(3) ? binary(b, "Add", row(b->g, C, 1, 0), y) : y;
}

/* Uint8 with a scale that is a power of two, so that the way there and back rounds nothing but the value. */
static hone__value *quantised(builder *b, hone__value *x) {
    hone_tensor *t;
    hone__value *zero;
    OK(hone_tensor_create(HONE_DTYPE_UINT8, 0, NULL, &t, error));
    *(uint8_t *)hone_tensor_data(t) = 128;
    OK(hone__graph_add_constant(b->g, "zero", t, &zero, error));
    hone__value *in[3] = {x, scalar(b->g, 0.0625f), zero};
    hone__value *q = node(b, "QuantizeLinear", in, 3)->outputs[0];
    if (draw(2)) {
        q->type = (hone__type){.rank = -1};
        OK(hone__graph_infer(b->g, error));
        q = transpose(b, q);
    }
    in[0] = q;
    in[1] = scalar(b->g, 0.0625f);
    return node(b, "DequantizeLinear", in, 3)->outputs[0];
}

/* A branch over a condition that is constant or computed. */
static hone__value *branch(builder *b, hone__value *x) {
    hone__value *condition;
    if (draw(2)) {
        hone_tensor *t;
        OK(hone_tensor_create(HONE_DTYPE_BOOL, 0, NULL, &t, error));
        *(uint8_t *)hone_tensor_data(t) = (uint8_t)draw(2);
        OK(hone__graph_add_constant(b->g, "condition", t, &condition, error));
    } else {
        hone__value *size = cast(b, unary(b, "Size", x), HONE_DTYPE_FLOAT);
        condition = binary(b, "Less", size, scalar(b->g, (float)draw(100)));
    }
    hone__node *made = node(b, "If", &condition, 1);
    static const char *const names[] = {"then_branch", "else_branch"};
    for (int i = 0; i < 2; i++) {
        hone__graph *body;
        OK(hone__graph_create_subgraph(b->g, names[i], &body, error));
        body->owner = made;
        hone__value *in[2] = {x, scalar(body, i ? 2 : 0)};
        hone__node *inner = make(b, body, i ? "Mul" : "Add", in, 2, 1);
        hone__node *last = make(b, body, "Relu", inner->outputs, 1, 1);
        OK(hone__graph_add_output(body, last->outputs[0], error));
        hone__attr attr = {.name = names[i], .type = HONE_ATTR_GRAPH, .n = 1, .g = body};
        OK(hone__node_set_attr(made, &attr, error));
    }
    return made->outputs[0];
}

/* ---- graphs ---- */

/* What keeps every bit of what goes in. */
static hone__value *moving_step(builder *b, hone__value *x) {
    switch (draw(8)) {
    case 0:
        return transpose(b, x);
    case 1: {
        hone__value *y = transpose(b, x);
        OK(hone__graph_infer(b->g, error));
        return transpose(b, y);
    }
    case 2:
        return slice(b, x);
    case 3:
        return split(b, x);
    case 4:
        return flatten_by_shape(b, x);
    case 5:
        return squeeze_pair(b, x);
    case 6:
        return unary(b, draw(2) ? "Identity" : "Dropout", x);
    default:
        return cast(b, cast(b, x, draw(2) ? HONE_DTYPE_DOUBLE : HONE_DTYPE_FLOAT), HONE_DTYPE_FLOAT);
    }
}

static hone__value *jumping_step(builder *b, hone__value *x) {
    switch (draw(4)) {
    case 0:
        return quantised(b, x);
    case 1:
        return cast(b, cast(b, x, HONE_DTYPE_INT32), HONE_DTYPE_FLOAT);
    case 2:
        return unary(b, draw(2) ? "Floor" : "Round", x);
    default: {
        hone__value *in[3] = {binary(b, "Greater", x, scalar(b->g, 0.1f)), x, unary(b, "Neg", x)};
        return node(b, "Where", in, 3)->outputs[0];
    }
    }
}

static hone__value *clipped(builder *b, hone__value *x) {
    hone__value *in[3] = {x, scalar(b->g, -1), scalar(b->g, 0.5f + (float)draw(3))};
    x = node(b, "Clip", in, 3)->outputs[0];
    return draw(2) ? unary(b, "Relu", x) : x;
}

static hone__value *scaled(builder *b, hone__value *x) {
    static const char *const ops[] = {"Add", "Mul", "Sub", "Div"};
    float c = (float)draw(3);
    const char *op = ops[draw(4)];
    x = binary(b, op, x, scalar(b->g, strcmp(op, "Div") == 0 ? c + 1 : c));
    return draw(2) ? binary(b, ops[draw(3)], x, scalar(b->g, 1.5f)) : x;
}

static hone__value *rounding_step(builder *b, hone__value *x) {
    static const char *const acts[] = {"Relu", "Sigmoid", "Tanh", "Abs", "LeakyRelu", "Softplus", "Exp"};
    switch (draw(13)) {
    case 0:
    case 1:
        return conv(b, x);
    case 2:
        return linear(b, x);
    case 3:
        return layer_norm(b, x);
    case 4:
        return gelu(b, x);
    case 5:
        return binary(b, "Mul", x, unary(b, "Sigmoid", x));
    case 6:
        return clipped(b, x);
    case 7:
        return scaled(b, x);
    case 8:
        return branch(b, x);
    case 9:
        return reduce(b, x, (int64_t)draw((uint32_t)x->type.rank), draw(2) || x->type.rank == 1);
    case 10:
        return binary(b, "Add", x, unary(b, "Exp", scalar(b->g, 0.1f)));
    case 11:
        return unary(b, "Softmax", x);
    default:
        return unary(b, acts[draw(6)], x);
    }
}

static bool same_dims(const hone__value *x, const hone__value *y) {
    if (x->type.rank != y->type.rank)
        return false;
    for (int i = 0; i < x->type.rank; i++)
        if (dim(x, i) != dim(y, i))
            return false;
    return true;
}

static void step(builder *b) {
    size_t at = b->n - 1 - draw(b->n < 4 ? (uint32_t)b->n : 4);
    hone__value *x = b->values[at], *y;
    bool is_exact = b->is_exact[at];
    uint32_t kind = draw(10);
    if (kind < 4) {
        y = moving_step(b, x);
    } else if (kind == 4 && is_exact) {
        y = jumping_step(b, x);
    } else if (kind == 5) {
        size_t other = draw((uint32_t)b->n);
        y = same_dims(x, b->values[other]) ? binary(b, draw(2) ? "Add" : "Mul", x, b->values[other]) : x;
        is_exact = false;
    } else {
        y = rounding_step(b, x);
        is_exact = false;
    }
    if (y == x)
        return;
    OK(hone__graph_infer(b->g, error));
    if (y->type.rank < 1 || y->type.rank > 4 || y->type.dtype != HONE_DTYPE_FLOAT)
        return;
    for (int i = 0; i < y->type.rank; i++)
        if (y->type.dims[i].value == 0 ||
            (y->type.dims[i].value < 0 && (!y->type.dims[i].symbol || strcmp(y->type.dims[i].symbol, "batch") != 0)))
            return;
    b->values[b->n] = y;
    b->is_exact[b->n++] = is_exact;
}

/* The same for the same seed. */
static hone__graph *random_graph(uint32_t seed) {
    static const int64_t opsets[] = {13, 17, 20};
    builder b = {.opset = opsets[seed % 3]};
    hone__dim dims[4] = {{seed % 2 ? -1 : B, seed % 2 ? "batch" : NULL}, {C, NULL}, {S, NULL}, {S, NULL}};
    g_random = seed * 2654435761u + 12345;
    OK(hone__graph_create("test", &b.g, error));
    OK(hone__graph_set_opset(b.g, "", b.opset, error));
    OK(hone__graph_add_value(b.g, "x", &b.values[0], error));
    OK(hone__type_set_tensor(hone__graph_arena(b.g), &b.values[0]->type, HONE_DTYPE_FLOAT, 4, dims));
    OK(hone__graph_add_input(b.g, b.values[0], error));
    b.is_exact[0] = true;
    b.n = 1;
    for (int i = 0; i < 40 && b.n < 8 + seed % 16; i++)
        step(&b);
    OK(hone__graph_add_output(b.g, b.values[b.n - 1], error));
    if (b.n > 4)
        OK(hone__graph_add_output(b.g, b.values[b.n / 2], error));
    OK(hone__graph_infer(b.g, error));
    OK(hone__graph_verify(b.g, error));
    return b.g;
}

static void evaluate(const hone__graph *graph, hone_tensor *out[2]) {
    hone_tensor *x;
    int64_t dims[4] = {B, C, S, S};
    OK(hone_tensor_create(HONE_DTYPE_FLOAT, 4, dims, &x, error));
    for (int64_t i = 0; i < hone_tensor_count(x); i++)
        ((float *)hone_tensor_data(x))[i] = sinf((float)i * 1.7f) * 1.5f;
    const hone_tensor *const in[1] = {x};
    out[0] = out[1] = NULL;
    OK(hone__graph_run(graph, in, 1, out, graph->n_outputs, NULL, NULL, error));
    hone_tensor_destroy(x);
}

static double difference(const hone_tensor *a, const hone_tensor *b) {
    double worst = 0, scale = 1;
    assert_int_equal(hone_tensor_count(a), hone_tensor_count(b));
    assert_int_equal(hone_tensor_rank(a), hone_tensor_rank(b));
    for (int64_t i = 0; i < hone_tensor_count(a); i++) {
        double x = hone_tensor_get_double(a, i), y = hone_tensor_get_double(b, i);
        if (x == y || (isnan(x) && isnan(y)))
            continue;
        worst = fmax(worst, isfinite(x) && isfinite(y) ? fabs(x - y) : INFINITY);
        scale = isfinite(y) ? fmax(scale, fabs(y)) : scale;
    }
    return worst / scale;
}

static hone_status verify_after(void *user, hone__graph *root, const hone__pass *pass, size_t n_changed,
                                hone_error *error) {
    hone_error fault;
    ++*(size_t *)user;
    (void)n_changed;
    if (hone__graph_verify(root, &fault) == HONE_OK)
        return HONE_OK;
    return hone__fail(error, HONE_ERROR_INTERNAL, "after %s: %s", pass->name, fault.message);
}

static void check(uint32_t seed, const hone__graph *original, hone_tensor *const want[2], const hone__pass_options *o) {
    hone__graph *graph;
    hone_tensor *got[2];
    hone_error fault;
    OK(hone__graph_clone(original, &graph, error));
    if (hone__passes_run_with(graph, o, &fault) != HONE_OK)
        fail_msg("seed %u, level %d, target %d: %s", seed, (int)o->level, (int)o->target, fault.message);
    evaluate(graph, got);
    for (size_t i = 0; i < 2 && want[i]; i++) {
        if (difference(got[i], want[i]) > 1e-4)
            fail_msg("seed %u, level %d, target %d: output %zu differs by %g", seed, (int)o->level, (int)o->target, i,
                     difference(got[i], want[i]));
        hone_tensor_destroy(got[i]);
    }
    hone__graph_destroy(graph);
}

static void test_levels(void **state) {
    (void)state;
    size_t n_steps = 0;
    const char *only = getenv("HONE_SEED");
    for (uint32_t seed = only ? (uint32_t)atoi(only) : 0; seed < (only ? (uint32_t)atoi(only) + 1 : N_GRAPHS); seed++) {
        hone__graph *graph = random_graph(seed);
        hone_tensor *want[2];
        evaluate(graph, want);
        if (only) {
            hone__strbuf text;
            hone__strbuf_init(&text);
            hone__graph_print(graph, &text);
            printf("%s\n", hone__strbuf_text(&text));
            hone__strbuf_deinit(&text);
        }
        for (int target = HONE_TARGET_HONE; target <= HONE_TARGET_ONNXRUNTIME; target++)
            for (int level = HONE_OPT_DISABLE_ALL; level <= HONE_OPT_ALL; level++) {
                hone__pass_options o = {.level = (hone__opt_level)level,
                                        .target = (hone__op_target)target,
                                        .after = verify_after,
                                        .user = &n_steps};
                check(seed, graph, want, &o);
            }
        hone_tensor_destroy(want[0]);
        hone_tensor_destroy(want[1]);
        hone__graph_destroy(graph);
    }
    assert_true(only || n_steps > 1000); /* the passes had something to do */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_levels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
