/* Reference evaluators on small cases with values worked out by hand, and on parameters that a hostile
 * model may hold: those must come back as errors. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/tensor.h"
#include "ops/op.h"

typedef struct node_case {
    hone__graph *graph;
    hone__node *node;
} node_case;

static node_case make_in(const char *domain, const char *op, int64_t opset, size_t n_in) {
    node_case c;
    hone__value *in[8], *out;
    assert_int_equal(hone__graph_create("t", &c.graph, NULL), HONE_OK);
    assert_int_equal(hone__graph_set_opset(c.graph, "", opset, NULL), HONE_OK);
    for (size_t i = 0; i < n_in; i++)
        assert_int_equal(hone__graph_add_value(c.graph, "x", &in[i], NULL), HONE_OK);
    assert_int_equal(hone__graph_add_value(c.graph, "y", &out, NULL), HONE_OK);
    assert_int_equal(hone__graph_add_node(c.graph, NULL, domain, op, op, in, n_in, &out, 1, &c.node, NULL), HONE_OK);
    c.node->opset = opset;
    c.node->op = hone__op_find(domain, op, opset);
    assert_non_null(c.node->op);
    return c;
}
static node_case make(const char *op, int64_t opset, size_t n_in) { return make_in("", op, opset, n_in); }

/* Runs the node; on success compares output 0 with want[n] as doubles. */
static void expect(node_case *c, const hone_tensor *const *in, size_t n_in, hone_status status, const double *want,
                   int64_t n) {
    hone_tensor *out[1] = {NULL};
    hone_error error;
    hone_error_clear(&error);
    assert_int_equal(hone__op_eval_node(c->node, in, n_in, out, 1, &error), status);
    if (status == HONE_OK) {
        assert_int_equal(hone__tensor_count(out[0]), n);
        for (int64_t i = 0; i < n; i++)
            assert_true(hone_tensor_get_double(out[0], i) - want[i] < 1e-6 &&
                        want[i] - hone_tensor_get_double(out[0], i) < 1e-6);
    } else
        assert_true(error.message[0] != 0);
    hone_tensor_destroy(out[0]);
    hone__graph_destroy(c->graph);
}

/* Two rows; the last element stays. Cosines of one row for both, sines of a number for each. */
static void test_fused_rotary(void **state) {
    (void)state;
    float x[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, c[] = {1, 10, 100, 1000}, s[] = {1, 1, 1, 1, 2, 2, 2, 2};
    hone_tensor t[3];
    const hone_tensor *in[] = {&t[0], &t[1], &t[2]};
    const double halves[] = {1 - 3, 20 - 4, 300 + 1, 4000 + 2, 5, 6 - 16, 70 - 18, 800 + 12, 9000 + 14, 10};
    const double pairs[] = {1 - 2, 20 + 1, 300 - 4, 4000 + 3, 5, 6 - 14, 70 + 12, 800 - 18, 9000 + 16, 10};
    hone__tensor_view(&t[0], HONE_DTYPE_FLOAT, 2, (int64_t[]){2, 5}, x, sizeof x);
    hone__tensor_view(&t[1], HONE_DTYPE_FLOAT, 1, (int64_t[]){4}, c, sizeof c);
    hone__tensor_view(&t[2], HONE_DTYPE_FLOAT, 2, (int64_t[]){2, 4}, s, sizeof s);
    node_case n = make_in("hone", "FusedRotary", 1, 3);
    expect(&n, in, 3, HONE_OK, halves, 10);
    n = make_in("hone", "FusedRotary", 1, 3);
    assert_int_equal(hone__node_set_attr_int(n.node, "interleaved", 1, NULL), HONE_OK);
    expect(&n, in, 3, HONE_OK, pairs, 10);
    /* sines of another number, an odd number, more than there are elements */
    hone__tensor_view(&t[2], HONE_DTYPE_FLOAT, 2, (int64_t[]){4, 2}, s, sizeof s);
    n = make_in("hone", "FusedRotary", 1, 3);
    expect(&n, in, 3, HONE_ERROR_SHAPE, NULL, 0);
    hone__tensor_view(&t[1], HONE_DTYPE_FLOAT, 1, (int64_t[]){3}, c, 3 * sizeof *c);
    hone__tensor_view(&t[2], HONE_DTYPE_FLOAT, 1, (int64_t[]){3}, s, 3 * sizeof *s);
    n = make_in("hone", "FusedRotary", 1, 3);
    expect(&n, in, 3, HONE_ERROR_SHAPE, NULL, 0);
    hone__tensor_view(&t[1], HONE_DTYPE_FLOAT, 1, (int64_t[]){8}, s, sizeof s);
    hone__tensor_view(&t[2], HONE_DTYPE_FLOAT, 1, (int64_t[]){8}, s, sizeof s);
    n = make_in("hone", "FusedRotary", 1, 3);
    expect(&n, in, 3, HONE_ERROR_SHAPE, NULL, 0);
}

/* Planes of two inputs, one of them twice; what is not there is refused. */
static void test_channel_gather(void **state) {
    (void)state;
    float x[] = {1, 2, 3, 4, 5, 6, 7, 8}, z[] = {10, 20, 30, 40};
    hone_tensor t[2];
    const hone_tensor *in[] = {&t[0], &t[1]};
    hone__tensor_view(&t[0], HONE_DTYPE_FLOAT, 3, (int64_t[]){2, 2, 2}, x, sizeof x);
    hone__tensor_view(&t[1], HONE_DTYPE_FLOAT, 3, (int64_t[]){2, 1, 2}, z, sizeof z);
    const double want[] = {3, 4, 10, 20, 3, 4, 7, 8, 30, 40, 7, 8};
    int64_t source[] = {0, 1, 0}, channel[] = {1, 0, 1};
    for (int i = 0; i < 4; i++) {
        node_case n = make_in("hone", "ChannelGather", 1, 2);
        assert_int_equal(hone__node_set_attr_ints(n.node, "source", source, 3, NULL), HONE_OK);
        assert_int_equal(hone__node_set_attr_ints(n.node, "channel", channel, i == 3 ? 2 : 3, NULL), HONE_OK);
        expect(&n, in, 2, i ? HONE_ERROR_SHAPE : HONE_OK, want, i ? 0 : 12);
        source[1] = i == 0 ? 2 : 1;  /* then there is no such input */
        channel[1] = i == 1 ? 1 : 0; /* then no such channel; last, lists of different lengths */
    }
}

/* How far two boxes of corners [y0, x0, y1, x1] overlap. */
static double box_overlap(const float *a, const float *b) {
    const float h = fminf(a[2], b[2]) - fmaxf(a[0], b[0]), w = fminf(a[3], b[3]) - fmaxf(a[1], b[1]);
    const float both = h > 0 && w > 0 ? h * w : 0;
    const float sum = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both;
    return sum > 0 ? (double)(both / sum) : 0;
}

/* Many boxes, against every pair looked at: small and wide ones, all at one place, thresholds below 0, infinity. */
static void test_many_boxes(void **state) {
    (void)state;
    enum { N = 700 };
    static float boxes[N][4], scores[N];
    static double want[3 * N];
    for (int round = 0; round < 8; round++) {
        uint32_t seed = 77u + (uint32_t)round;
        int64_t max = round == 2 ? 40 : N, one = 1;
        float iou = round == 3 ? -0.5f : round == 4 ? 0.0f : 0.3f, threshold = 0.2f;
        for (int i = 0; i < N; i++) {
            float r[5];
            for (int k = 0; k < 5; k++)
                r[k] = (float)((seed = seed * 1664525u + 1013904223u) >> 8) / (float)(1 << 24);
            const float place = round == 1 ? 0.0f : (float)(i % 9) * 101.0f, size = i % 50 == 0 ? 900.0f : 20.0f;
            const float box[4] = {r[0] * 80 + place, r[1] * 80 + place, r[0] * 80 + place + r[2] * size,
                                  r[1] * 80 + place + r[3] * size};
            memcpy(boxes[i], box, sizeof box);
            scores[i] = floorf(r[4] * 200) / 200;
        }
        if (round == 5)
            boxes[3][3] = INFINITY;
        size_t n_want = 0;
        bool done[N] = {false};
        for (;;) { /* the best that is left, the first of equals */
            int best = -1;
            for (int i = 0; i < N; i++)
                if (!done[i] && scores[i] > threshold && (best < 0 || scores[i] > scores[best]))
                    best = i;
            if (best < 0 || (int64_t)n_want / 3 == max)
                break;
            done[best] = true;
            bool keep = true;
            for (size_t k = 2; k < n_want && keep; k += 3)
                keep = !(box_overlap(boxes[best], boxes[(int)want[k]]) > (double)iou);
            if (keep) {
                want[n_want] = want[n_want + 1] = 0;
                want[n_want + 2] = best;
                n_want += 3;
            }
        }
        hone_tensor t[5];
        const hone_tensor *in[] = {&t[0], &t[1], &t[2], &t[3], &t[4]};
        hone__tensor_view(&t[0], HONE_DTYPE_FLOAT, 3, (int64_t[]){1, N, 4}, boxes, sizeof boxes);
        hone__tensor_view(&t[1], HONE_DTYPE_FLOAT, 3, (int64_t[]){1, 1, N}, scores, sizeof scores);
        hone__tensor_view(&t[2], HONE_DTYPE_INT64, 1, &one, &max, sizeof max);
        hone__tensor_view(&t[3], HONE_DTYPE_FLOAT, 1, &one, &iou, sizeof iou);
        hone__tensor_view(&t[4], HONE_DTYPE_FLOAT, 1, &one, &threshold, sizeof threshold);
        node_case c = make("NonMaxSuppression", 11, 5);
        expect(&c, in, 5, HONE_OK, want, (int64_t)n_want);
    }
}

static void test_slice_negative_step(void **state) {
    (void)state;
    float v[] = {0, 1, 2, 3, 4};
    int64_t start[] = {-1}, end[] = {INT64_MIN}, axes[] = {0}, step[] = {-2}, five = 5, one = 1;
    hone_tensor t[5];
    hone__tensor_view(&t[0], HONE_DTYPE_FLOAT, 1, &five, v, sizeof v);
    int64_t *const ints[] = {start, end, axes, step};
    for (int i = 0; i < 4; i++)
        hone__tensor_view(&t[1 + i], HONE_DTYPE_INT64, 1, &one, ints[i], sizeof(int64_t));
    const hone_tensor *in[] = {&t[0], &t[1], &t[2], &t[3]};
    step[0] = -2;
    const hone_tensor *all[] = {in[0], in[1], in[2], in[3], &t[4]};
    hone__value *extra;
    node_case c = make("Slice", 13, 4);
    assert_int_equal(hone__graph_add_value(c.graph, "s", &extra, NULL), HONE_OK);
    assert_int_equal(hone__node_set_input(c.node, 4, extra, NULL), HONE_OK);
    expect(&c, all, 5, HONE_OK, (double[]){4, 2, 0}, 3);
    step[0] = 0;
    c = make("Slice", 13, 4);
    assert_int_equal(hone__graph_add_value(c.graph, "s", &extra, NULL), HONE_OK);
    assert_int_equal(hone__node_set_input(c.node, 4, extra, NULL), HONE_OK);
    expect(&c, all, 5, HONE_ERROR_SHAPE, NULL, 0);
}

static void test_gather_checks_indices(void **state) {
    (void)state;
    float v[] = {10, 20, 30};
    int64_t index[] = {-1, 0}, three = 3, two = 2;
    hone_tensor x, i;
    hone__tensor_view(&x, HONE_DTYPE_FLOAT, 1, &three, v, sizeof v);
    hone__tensor_view(&i, HONE_DTYPE_INT64, 1, &two, index, sizeof index);
    const hone_tensor *in[] = {&x, &i};
    node_case c = make("Gather", 13, 2);
    expect(&c, in, 2, HONE_OK, (double[]){30, 10}, 2);
    index[1] = 3;
    c = make("Gather", 13, 2);
    expect(&c, in, 2, HONE_ERROR_SHAPE, NULL, 0);
    index[1] = INT64_MIN;
    c = make("Gather", 13, 2);
    expect(&c, in, 2, HONE_ERROR_SHAPE, NULL, 0);
}

/* Before opset 13 the rows are flattened from the axis on. */
static void test_softmax_by_opset(void **state) {
    (void)state;
    float v[] = {0, 0, 0, 0};
    int64_t dims[] = {1, 2, 2};
    hone_tensor x;
    hone__tensor_view(&x, HONE_DTYPE_FLOAT, 3, dims, v, sizeof v);
    const hone_tensor *in[] = {&x};
    node_case c = make("Softmax", 11, 1);
    expect(&c, in, 1, HONE_OK, (double[]){0.25, 0.25, 0.25, 0.25}, 4);
    c = make("Softmax", 13, 1);
    expect(&c, in, 1, HONE_OK, (double[]){0.5, 0.5, 0.5, 0.5}, 4);
}

static void test_max_pool_ceil(void **state) {
    (void)state;
    float v[] = {1, 2, 3, 4, 5};
    int64_t dims[] = {1, 1, 5}, two[] = {2}, huge[] = {INT64_MAX};
    hone_tensor x;
    hone__tensor_view(&x, HONE_DTYPE_FLOAT, 3, dims, v, sizeof v);
    const hone_tensor *in[] = {&x};
    node_case c = make("MaxPool", 12, 1);
    hone__node_set_attr_ints(c.node, "kernel_shape", two, 1, NULL);
    hone__node_set_attr_ints(c.node, "strides", two, 1, NULL);
    hone__node_set_attr_int(c.node, "ceil_mode", 1, NULL);
    expect(&c, in, 1, HONE_OK, (double[]){2, 4, 5}, 3);
    c = make("MaxPool", 12, 1);
    hone__node_set_attr_ints(c.node, "kernel_shape", huge, 1, NULL);
    expect(&c, in, 1, HONE_ERROR_SHAPE, NULL, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fused_rotary),
        cmocka_unit_test(test_channel_gather),
        cmocka_unit_test(test_many_boxes),
        cmocka_unit_test(test_slice_negative_step),
        cmocka_unit_test(test_gather_checks_indices),
        cmocka_unit_test(test_softmax_by_opset),
        cmocka_unit_test(test_max_pool_ceil),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
