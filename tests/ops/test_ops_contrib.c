/* Operators that the ONNX project has no test data for, on values worked out by hand: com.microsoft's quantised
 * ones, ai.onnx.ml's encoders, maps and support vector machines, regular expressions, tokens, exact integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/tensor.h"
#include "ops/op.h"

#include <math.h>
#include <string.h>

enum { MAX_IN = 12, MAX_OUT = 4 };

typedef struct run {
    hone__graph *graph;
    hone__node *node;
    hone_tensor *in[MAX_IN], *out[MAX_OUT];
    size_t n_in;
} run;

static run begin(const char *domain, const char *op, int64_t opset) {
    run r = {0};
    hone__value *out[MAX_OUT];
    assert_int_equal(hone__graph_create("t", &r.graph, NULL), HONE_OK);
    for (int i = 0; i < MAX_OUT; i++)
        assert_int_equal(hone__graph_add_value(r.graph, "y", &out[i], NULL), HONE_OK);
    assert_int_equal(hone__graph_add_node(r.graph, NULL, domain, op, op, NULL, 0, out, MAX_OUT, &r.node, NULL),
                     HONE_OK);
    r.node->opset = opset;
    r.node->op = hone__op_find(domain, op, opset);
    assert_non_null(r.node->op);
    return r;
}

static void give(run *r, hone_tensor *t) {
    hone__value *value;
    assert_int_equal(hone__graph_add_value(r->graph, "x", &value, NULL), HONE_OK);
    assert_int_equal(hone__node_set_input(r->node, r->n_in, t ? value : NULL, NULL), HONE_OK);
    r->in[r->n_in++] = t;
}

/* An input of numbers; rank 0 is a scalar. */
static hone_tensor *numbers(hone_dtype dtype, int rank, const int64_t *dims, const double *v) {
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(dtype, rank, dims, &t, NULL), HONE_OK);
    for (int64_t i = 0; i < hone__tensor_count(t); i++) {
        if (dtype == HONE_DTYPE_FLOAT)
            ((float *)t->data)[i] = (float)v[i];
        else if (dtype == HONE_DTYPE_UINT8)
            ((uint8_t *)t->data)[i] = (uint8_t)v[i];
        else if (dtype == HONE_DTYPE_INT8)
            ((int8_t *)t->data)[i] = (int8_t)v[i];
        else
            ((int64_t *)t->data)[i] = (int64_t)v[i];
    }
    return t;
}

static void add(run *r, hone_dtype dtype, int rank, const int64_t *dims, const double *v) {
    give(r, numbers(dtype, rank, dims, v));
}
static void scalar(run *r, hone_dtype dtype, double v) { add(r, dtype, 0, NULL, &v); }

static hone_tensor *texts(int64_t n, const char *const *v) {
    hone_tensor *t;
    assert_int_equal(hone_tensor_create(HONE_DTYPE_STRING, 1, &n, &t, NULL), HONE_OK);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(hone_tensor_set_string(t, i, v[i], strlen(v[i]), NULL), HONE_OK);
    return t;
}

static void set_strings(run *r, const char *name, size_t n, const char *const *v) {
    hone_string s[8];
    for (size_t i = 0; i < n; i++)
        s[i] = (hone_string){v[i], strlen(v[i])};
    hone__attr attr = {.name = name, .type = HONE_ATTR_STRINGS, .n = n, .strings = s};
    assert_int_equal(hone__node_set_attr(r->node, &attr, NULL), HONE_OK);
}
static void set_floats(run *r, const char *name, size_t n, const float *v) {
    assert_int_equal(hone__node_set_attr_floats(r->node, name, v, n, NULL), HONE_OK);
}
static void set_ints(run *r, const char *name, size_t n, const int64_t *v) {
    assert_int_equal(hone__node_set_attr_ints(r->node, name, v, n, NULL), HONE_OK);
}
static void set_int(run *r, const char *name, int64_t v) {
    assert_int_equal(hone__node_set_attr_int(r->node, name, v, NULL), HONE_OK);
}
static void set_text(run *r, const char *name, const char *v) {
    assert_int_equal(hone__node_set_attr_string(r->node, name, v, NULL), HONE_OK);
}

static hone_status go(run *r) {
    hone_error error;
    return hone__op_eval_node(r->node, (const hone_tensor *const *)r->in, r->n_in, r->out, MAX_OUT, &error);
}

static void finish(run *r) {
    for (size_t i = 0; i < r->n_in; i++)
        hone_tensor_destroy(r->in[i]);
    for (int i = 0; i < MAX_OUT; i++)
        hone_tensor_destroy(r->out[i]);
    hone__graph_destroy(r->graph);
}

static void check(const hone_tensor *t, int64_t n, const double *want) {
    assert_non_null(t);
    assert_int_equal(hone__tensor_count(t), n);
    for (int64_t i = 0; i < n; i++)
        assert_true(fabs(hone_tensor_get_double(t, i) - want[i]) < 1e-5);
}

static void expect(run *r, int64_t n, const double *want) {
    assert_int_equal(go(r), HONE_OK);
    check(r->out[0], n, want);
    finish(r);
}

static void check_texts(const hone_tensor *t, int64_t n, const char *const *want) {
    assert_int_equal(hone__tensor_count(t), n);
    for (int64_t i = 0; i < n; i++) {
        hone_string s = hone_tensor_get_string(t, i);
        assert_int_equal(s.size, strlen(want[i]));
        assert_memory_equal(s.data ? s.data : "", want[i], s.size);
    }
}

/* ---- quantised ---- */

#define MS "com.microsoft"

static void test_q_linear_add(void **state) {
    (void)state;
    int64_t dims[] = {2, 2}, row[] = {2};
    run r = begin(MS, "QLinearAdd", 1);
    add(&r, HONE_DTYPE_UINT8, 2, dims, (double[]){10, 12, 14, 255}); /* (q - 10) * 0.5: 0 1 2 122.5 */
    scalar(&r, HONE_DTYPE_FLOAT, 0.5);
    scalar(&r, HONE_DTYPE_UINT8, 10);
    add(&r, HONE_DTYPE_UINT8, 1, row, (double[]){1, 200}); /* 2, 400 */
    scalar(&r, HONE_DTYPE_FLOAT, 2);
    give(&r, NULL);
    scalar(&r, HONE_DTYPE_FLOAT, 4);
    scalar(&r, HONE_DTYPE_UINT8, 100);
    /* sums 2, 401, 4, 522.5; a half goes to the even number */
    expect(&r, 4, (double[]){100, 200, 101, 231});
}

static void test_q_linear_pool(void **state) {
    (void)state;
    int64_t dims[] = {1, 2, 2, 1}, kernel[] = {2, 2};
    run r = begin(MS, "QLinearAveragePool", 1);
    add(&r, HONE_DTYPE_INT8, 4, dims, (double[]){-4, 0, 4, 8});
    scalar(&r, HONE_DTYPE_FLOAT, 1);
    scalar(&r, HONE_DTYPE_INT8, 0);
    scalar(&r, HONE_DTYPE_FLOAT, 0.5);
    scalar(&r, HONE_DTYPE_INT8, 1);
    set_ints(&r, "kernel_shape", 2, kernel);
    set_int(&r, "channels_last", 1);
    expect(&r, 1, (double[]){5});
    /* [N,H,W,C] = [1,2,2,2]: two interleaved planes */
    int64_t two[] = {1, 2, 2, 2};
    r = begin(MS, "NhwcMaxPool", 1);
    add(&r, HONE_DTYPE_UINT8, 4, two, (double[]){1, 20, 2, 10, 3, 0, 4, 5});
    set_ints(&r, "kernel_shape", 2, kernel);
    expect(&r, 2, (double[]){4, 20});
}

static void test_q_linear_concat(void **state) {
    (void)state;
    int64_t two[] = {2}, one[] = {1};
    run r = begin(MS, "QLinearConcat", 1);
    scalar(&r, HONE_DTYPE_FLOAT, 1);
    scalar(&r, HONE_DTYPE_UINT8, 0);
    add(&r, HONE_DTYPE_UINT8, 1, two, (double[]){1, 2});
    scalar(&r, HONE_DTYPE_FLOAT, 2);
    scalar(&r, HONE_DTYPE_UINT8, 0);
    add(&r, HONE_DTYPE_UINT8, 1, one, (double[]){9});
    scalar(&r, HONE_DTYPE_FLOAT, 3);
    scalar(&r, HONE_DTYPE_UINT8, 4);
    set_int(&r, "axis", 0);
    expect(&r, 3, (double[]){2, 4, 15});
}

static void test_integer_products(void **state) {
    (void)state;
    int64_t a[] = {1, 2}, b[] = {2, 2}, cols[] = {2};
    run r = begin(MS, "MatMulIntegerToFloat", 1);
    add(&r, HONE_DTYPE_UINT8, 2, a, (double[]){3, 5});
    add(&r, HONE_DTYPE_INT8, 2, b, (double[]){1, -2, 3, 4});
    scalar(&r, HONE_DTYPE_FLOAT, 0.5);
    add(&r, HONE_DTYPE_FLOAT, 1, cols, (double[]){1, 2});
    scalar(&r, HONE_DTYPE_UINT8, 1);
    give(&r, NULL);
    add(&r, HONE_DTYPE_FLOAT, 1, cols, (double[]){10, 20});
    /* A is 1, 2; the columns of B are (1,3) and (-4,8) */
    expect(&r, 2, (double[]){17, 32});
    r = begin(MS, "DynamicQuantizeMatMul", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, a, (double[]){0, 255}); /* scale 1: exact */
    add(&r, HONE_DTYPE_INT8, 2, b, (double[]){1, -2, 3, 4});
    scalar(&r, HONE_DTYPE_FLOAT, 1);
    expect(&r, 2, (double[]){765, 1020});
}

static void test_gather_block_quantized(void **state) {
    (void)state;
    /* Rows of four 4-bit numbers in two bytes, blocks of two; the zero point is 8 */
    int64_t data[] = {2, 2}, index[] = {1}, scales[] = {2, 2};
    run r = begin(MS, "GatherBlockQuantized", 1);
    add(&r, HONE_DTYPE_UINT8, 2, data, (double[]){0x00, 0x00, 0x98, 0xFA});
    add(&r, HONE_DTYPE_INT64, 1, index, (double[]){-1});
    add(&r, HONE_DTYPE_FLOAT, 2, scales, (double[]){1, 1, 10, 100});
    set_int(&r, "block_size", 2);
    set_int(&r, "quantize_axis", 1);
    expect(&r, 4, (double[]){0, 10, 200, 700});
}

static void test_fused_gemm(void **state) {
    (void)state;
    int64_t a[] = {1, 2}, b[] = {2, 2};
    run r = begin(MS, "FusedGemm", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, a, (double[]){1, 2});
    add(&r, HONE_DTYPE_FLOAT, 2, b, (double[]){1, -1, 1, -1});
    set_text(&r, "activation", "LeakyRelu");
    float alpha = 0.5f;
    assert_int_equal(hone__node_set_attr_float(r.node, "activation_alpha", alpha, NULL), HONE_OK);
    expect(&r, 2, (double[]){3, -1.5});
}

static void test_q_gemm(void **state) {
    (void)state;
    int64_t a[] = {1, 2}, b[] = {2, 2}, cols[] = {2};
    for (int quantised = 0; quantised < 2; quantised++) {
        run r = begin(MS, "QGemm", 1);
        add(&r, HONE_DTYPE_UINT8, 2, a, (double[]){3, 5});
        scalar(&r, HONE_DTYPE_FLOAT, 0.5);
        scalar(&r, HONE_DTYPE_UINT8, 1);
        add(&r, HONE_DTYPE_INT8, 2, b, (double[]){1, -2, 3, 4});
        scalar(&r, HONE_DTYPE_FLOAT, 0.5);
        scalar(&r, HONE_DTYPE_INT8, 0);
        add(&r, HONE_DTYPE_INT64, 1, cols, (double[]){4, 8}); /* in units of 0.25 */
        if (quantised) {
            scalar(&r, HONE_DTYPE_FLOAT, 0.5);
            scalar(&r, HONE_DTYPE_UINT8, 10);
        }
        /* (1, 2) times columns (0.5, 1.5) and (-1, 2), plus (1, 2) */
        expect(&r, 2, quantised ? (double[]){19, 20} : (double[]){4.5, 5});
    }
}

static void test_dynamic_lstm(void **state) {
    (void)state;
    int64_t x[] = {1, 1, 1}, w[] = {1, 1, 4}, one[] = {1};
    run r = begin(MS, "DynamicQuantizeLSTM", 1);
    add(&r, HONE_DTYPE_FLOAT, 3, x, (double[]){1});
    add(&r, HONE_DTYPE_UINT8, 3, w, (double[]){13, 23, 3, 8}); /* i 1, o 2, f 0, c 0.5 */
    add(&r, HONE_DTYPE_UINT8, 3, w, (double[]){0, 0, 0, 0});
    for (int i = 0; i < 5; i++)
        give(&r, NULL);
    add(&r, HONE_DTYPE_FLOAT, 1, one, (double[]){0.1});
    add(&r, HONE_DTYPE_UINT8, 1, one, (double[]){3});
    add(&r, HONE_DTYPE_FLOAT, 1, one, (double[]){1});
    add(&r, HONE_DTYPE_UINT8, 1, one, (double[]){0});
    set_int(&r, "hidden_size", 1);
    double cell = tanh(0.5) / (1 + exp(-1.0));
    expect(&r, 1, (double[]){tanh(cell) / (1 + exp(-2.0))});
}

/* One token sees itself only: the output is its value vector. */
static void test_q_attention(void **state) {
    (void)state;
    int64_t x[] = {1, 1, 1}, w[] = {1, 3}, bias[] = {3};
    run r = begin(MS, "QAttention", 1);
    add(&r, HONE_DTYPE_UINT8, 3, x, (double[]){12});
    add(&r, HONE_DTYPE_INT8, 2, w, (double[]){1, 2, 9});
    add(&r, HONE_DTYPE_FLOAT, 1, bias, (double[]){0, 0, 0.25});
    scalar(&r, HONE_DTYPE_FLOAT, 0.5);
    scalar(&r, HONE_DTYPE_FLOAT, 0.1);
    give(&r, NULL);
    scalar(&r, HONE_DTYPE_UINT8, 10);
    scalar(&r, HONE_DTYPE_INT8, -1);
    set_int(&r, "num_heads", 1);
    expect(&r, 1, (double[]){1.25});
}

/* ---- ai.onnx.ml ---- */

#define ML "ai.onnx.ml"

static void test_encoders(void **state) {
    (void)state;
    const char *const words[] = {"b", "x", "a"}, *const cats[] = {"a", "b"};
    int64_t numbers_of_cats[] = {7, 8}, three[] = {3}, dims[] = {2, 2};
    run r = begin(ML, "CategoryMapper", 1);
    give(&r, texts(3, words));
    set_strings(&r, "cats_strings", 2, cats);
    set_ints(&r, "cats_int64s", 2, numbers_of_cats);
    set_int(&r, "default_int64", -5);
    expect(&r, 3, (double[]){8, -5, 7});
    r = begin(ML, "OneHotEncoder", 1);
    add(&r, HONE_DTYPE_FLOAT, 1, three, (double[]){8, 1, 7});
    set_ints(&r, "cats_int64s", 2, numbers_of_cats);
    expect(&r, 6, (double[]){0, 1, 0, 0, 1, 0});
    r = begin(ML, "OneHotEncoder", 1);
    add(&r, HONE_DTYPE_FLOAT, 1, three, (double[]){8, 1, 7});
    set_ints(&r, "cats_int64s", 2, numbers_of_cats);
    set_int(&r, "zeros", 0);
    assert_int_equal(go(&r), HONE_ERROR_ARGUMENT);
    finish(&r);
    r = begin(ML, "Imputer", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, dims, (double[]){NAN, 1, 2, NAN});
    set_floats(&r, "imputed_value_floats", 2, (float[]){10, 20});
    assert_int_equal(hone__node_set_attr_float(r.node, "replaced_value_float", NAN, NULL), HONE_OK);
    expect(&r, 4, (double[]){10, 1, 2, 20});
    r = begin(ML, "FeatureVectorizer", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, dims, (double[]){1, 2, 3, 4});
    add(&r, HONE_DTYPE_INT64, 2, dims, (double[]){5, 6, 7, 8});
    set_ints(&r, "inputdimensions", 2, (int64_t[]){2, 1});
    expect(&r, 6, (double[]){1, 2, 5, 3, 4, 7});
}

static hone_tensor *map_of(hone_tensor *keys, hone_tensor *values) {
    hone_tensor *items[2] = {keys, values}, *map;
    assert_int_equal(hone_tensor_create_container(HONE_KIND_MAP, items, 2, &map, NULL), HONE_OK);
    return map;
}

static void test_maps(void **state) {
    (void)state;
    const char *const keys[] = {"z", "a"}, *const words[] = {"a", "b", "z"};
    int64_t two[] = {2}, dims[] = {2, 2};
    run r = begin(ML, "DictVectorizer", 1);
    give(&r, map_of(texts(2, keys), numbers(HONE_DTYPE_FLOAT, 1, two, (double[]){5, 3})));
    set_strings(&r, "string_vocabulary", 3, words);
    expect(&r, 3, (double[]){3, 0, 5});
    /* The values as a sequence of single elements, as data files hold them */
    hone_tensor *parts[2], *sequence;
    for (int i = 0; i < 2; i++)
        parts[i] = numbers(HONE_DTYPE_FLOAT, 0, NULL, (double[]){5 - 2 * i});
    assert_int_equal(hone_tensor_create_container(HONE_KIND_SEQUENCE, parts, 2, &sequence, NULL), HONE_OK);
    r = begin(ML, "DictVectorizer", 1);
    give(&r, map_of(texts(2, keys), sequence));
    set_strings(&r, "string_vocabulary", 3, words);
    expect(&r, 3, (double[]){3, 0, 5});
    r = begin(ML, "CastMap", 1);
    give(&r, map_of(numbers(HONE_DTYPE_INT64, 1, two, (double[]){9, 1}),
                    numbers(HONE_DTYPE_FLOAT, 1, two, (double[]){5, 3})));
    expect(&r, 2, (double[]){3, 5});
    r = begin(ML, "CastMap", 1);
    give(&r, map_of(numbers(HONE_DTYPE_INT64, 1, two, (double[]){3, 1}),
                    numbers(HONE_DTYPE_FLOAT, 1, two, (double[]){5, 3})));
    set_text(&r, "map_form", "SPARSE");
    set_int(&r, "max_map", 4);
    expect(&r, 4, (double[]){0, 3, 0, 5});
    r = begin(ML, "ZipMap", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, dims, (double[]){0.1, 0.9, 0.6, 0.4});
    set_strings(&r, "classlabels_strings", 2, keys);
    assert_int_equal(go(&r), HONE_OK);
    assert_int_equal(hone_tensor_kind(r.out[0]), HONE_KIND_SEQUENCE);
    assert_int_equal(hone_tensor_item_count(r.out[0]), 2);
    const hone_tensor *map = hone_tensor_get_item(r.out[0], 1);
    assert_int_equal(hone_tensor_kind(map), HONE_KIND_MAP);
    check_texts(hone_tensor_get_item(map, 0), 2, keys);
    check(hone_tensor_get_item(map, 1), 2, (double[]){0.6, 0.4});
    finish(&r);
}

static void test_svm(void **state) {
    (void)state;
    int64_t dims[] = {2, 2};
    run r = begin(ML, "SVMRegressor", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, dims, (double[]){1, 2, 0, 1});
    set_text(&r, "kernel_type", "POLY");
    set_floats(&r, "kernel_params", 3, (float[]){1, 1, 2});
    set_floats(&r, "coefficients", 2, (float[]){1, -1});
    set_floats(&r, "support_vectors", 4, (float[]){1, 0, 0, 1});
    set_floats(&r, "rho", 1, (float[]){0.5f});
    set_int(&r, "n_supports", 2);
    /* (1 + 1)^2 - (2 + 1)^2 + 0.5; (0 + 1)^2 - (1 + 1)^2 + 0.5 */
    expect(&r, 2, (double[]){-4.5, -2.5});
    r = begin(ML, "SVMClassifier", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, dims, (double[]){3, 1, 1, 3});
    set_ints(&r, "classlabels_ints", 2, (int64_t[]){10, 20});
    set_ints(&r, "vectors_per_class", 2, (int64_t[]){1, 1});
    set_floats(&r, "coefficients", 2, (float[]){1, -1});
    set_floats(&r, "support_vectors", 4, (float[]){1, 0, 0, 1});
    set_floats(&r, "rho", 1, (float[]){0});
    set_floats(&r, "prob_a", 1, (float[]){-1});
    set_floats(&r, "prob_b", 1, (float[]){0});
    assert_int_equal(go(&r), HONE_OK);
    check(r.out[0], 2, (double[]){10, 20});
    double p = 1 / (1 + exp(-2.0));
    assert_true(fabs(hone_tensor_get_double(r.out[1], 0) - p) < 0.01);
    assert_true(fabs(hone_tensor_get_double(r.out[1], 2) - (1 - p)) < 0.01);
    finish(&r);
}

/* ---- text ---- */

static bool matches(const char *pattern, const char *text) {
    run r = begin("", "RegexFullMatch", 20);
    give(&r, texts(1, &text));
    set_text(&r, "pattern", pattern);
    assert_int_equal(go(&r), HONE_OK);
    bool yes = ((const uint8_t *)r.out[0]->data)[0];
    finish(&r);
    return yes;
}

static hone_status compiles(const char *pattern) {
    const char *text = "a";
    run r = begin("", "RegexFullMatch", 20);
    give(&r, texts(1, &text));
    set_text(&r, "pattern", pattern);
    hone_status status = go(&r);
    finish(&r);
    return status;
}

static void test_regex(void **state) {
    (void)state;
    static const char *const yes[][2] = {
        {"", ""},
        {"a*", "aaaa"},
        {"(ab|cd)+e?", "abcdab"},
        {"a{2,3}", "aaa"},
        {"a{2,}b", "aaaab"},
        {"[^a-c\\d]+", "xyz"},
        {"[[:upper:]][\\w-]*", "A-b_9"},
        {"\\x41\\x{e9}", "A\xc3\xa9"},
        {"(a|ab)(c|bcd)(d*)", "abcd"},
        {".", "\xc3\xa9"},
        {"^a$", "a"},
        {"(?:x|(?P<n>y)){0,2}z", "xyz"},
        {"\\bfoo\\b.*", "foo bar"},
        {"(a*)*", "aaa"},
        {"a??b", "b"},
        {"[]a]+", "]a"},
        {"x{,3}", "x{,3}"},
    };
    static const char *const no[][2] = {
        {"a", "aa"},     {"a{2,3}", "aaaa"}, {"a{3}", "aa"},          {".", "\n"}, {"[a-c]", "d"}, {"(ab|cd)+", "ab c"},
        {"\\S+", "a b"}, {"x|y", "xy"},      {"\\bfoo\\b", "foobar"}, {"[^a]", ""}};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (!matches(yes[i][0], yes[i][1]))
            fail_msg("%s does not match %s", yes[i][0], yes[i][1]);
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (matches(no[i][0], no[i][1]))
            fail_msg("%s matches %s", no[i][0], no[i][1]);
    assert_int_equal(compiles("(a"), HONE_ERROR_MODEL);
    assert_int_equal(compiles("a)"), HONE_ERROR_MODEL);
    assert_int_equal(compiles("[a"), HONE_ERROR_MODEL);
    assert_int_equal(compiles("*"), HONE_ERROR_MODEL);
    assert_int_equal(compiles("a{2000}"), HONE_ERROR_MODEL);
    assert_int_equal(compiles("(((a{100}){100}){100}){100}"), HONE_ERROR_LIMIT);
    assert_int_equal(compiles("\\pL"), HONE_ERROR_UNSUPPORTED);
    assert_int_equal(compiles("(?i)a"), HONE_ERROR_UNSUPPORTED);
    assert_int_equal(compiles("(?=a)"), HONE_ERROR_UNSUPPORTED);
}

static void test_tokenizer(void **state) {
    (void)state;
    const char *const lines[] = {"one, two", "x"}, *const separators[] = {",", " +"};
    run r = begin(MS, "Tokenizer", 1);
    give(&r, texts(2, lines));
    set_int(&r, "mark", 1);
    set_int(&r, "mincharnum", 1);
    set_text(&r, "pad_value", "#");
    set_strings(&r, "separators", 2, separators);
    assert_int_equal(go(&r), HONE_OK);
    check_texts(r.out[0], 8, (const char *const[]){"\x02", "one", "two", "\x03", "\x02", "x", "\x03", "#"});
    finish(&r);
    r = begin(MS, "Tokenizer", 1);
    give(&r, texts(2, lines));
    set_int(&r, "mark", 0);
    set_int(&r, "mincharnum", 3);
    set_text(&r, "pad_value", "");
    set_text(&r, "tokenexp", "[a-z]+");
    assert_int_equal(go(&r), HONE_OK);
    check_texts(r.out[0], 4, (const char *const[]){"one", "two", "", ""});
    finish(&r);
}

/* ---- integers beyond what a double holds ---- */

static void test_exact_integers(void **state) {
    (void)state;
    int64_t one[] = {1, 1}, big = ((int64_t)1 << 60) + 1;
    for (int i = 0; i < 2; i++) {
        run r = begin("", i ? "Gemm" : "Einsum", 13);
        add(&r, HONE_DTYPE_INT64, 2, one, (double[]){0});
        add(&r, HONE_DTYPE_INT64, 2, one, (double[]){3});
        *(int64_t *)r.in[0]->data = big;
        if (i == 0)
            set_text(&r, "equation", "ij,jk->ik");
        assert_int_equal(go(&r), HONE_OK);
        assert_true(*(const int64_t *)r.out[0]->data == 3 * big);
        finish(&r);
    }
}

/* Softcap comes before the mask, so that what is masked stays out; modes 1 and 2 show both stages. */
static void test_attention_stages(void **state) {
    (void)state;
    int64_t one[] = {1, 1, 1, 1}, two[] = {1, 1, 2, 1}, mask[] = {1, 2};
    double capped[] = {4 * tanh(1.5), 4 * tanh(2.5)};
    for (int64_t mode = 1; mode <= 2; mode++) {
        run r = begin("", "Attention", 23);
        add(&r, HONE_DTYPE_FLOAT, 4, one, (double[]){2});
        add(&r, HONE_DTYPE_FLOAT, 4, two, (double[]){3, 5});
        add(&r, HONE_DTYPE_FLOAT, 4, two, (double[]){7, 1000});
        add(&r, HONE_DTYPE_FLOAT, 2, mask, (double[]){0, -INFINITY});
        assert_int_equal(hone__node_set_attr_float(r.node, "scale", 1, NULL), HONE_OK);
        assert_int_equal(hone__node_set_attr_float(r.node, "softcap", 4, NULL), HONE_OK);
        set_int(&r, "qk_matmul_output_mode", mode);
        assert_int_equal(go(&r), HONE_OK);
        check(r.out[0], 1, (double[]){7});
        assert_true(fabs(hone_tensor_get_double(r.out[3], 0) - capped[0]) < 1e-5);
        double second = hone_tensor_get_double(r.out[3], 1);
        assert_true(mode == 1 ? fabs(second - capped[1]) < 1e-5 : isinf(second) && second < 0);
        finish(&r);
    }
}

/* One float cast at an opset; the element's bits. */
static int cast_bits(int64_t opset, hone_dtype to, double v, const char *round_mode, bool saturate) {
    const int64_t one[] = {1};
    run r = begin("", "Cast", opset);
    add(&r, HONE_DTYPE_FLOAT, 1, one, &v);
    set_int(&r, "to", to);
    set_int(&r, "saturate", saturate);
    if (round_mode)
        set_text(&r, "round_mode", round_mode);
    assert_int_equal(go(&r), HONE_OK);
    assert_int_equal(r.out[0]->dtype, to);
    int bits = *(const uint8_t *)r.out[0]->data;
    finish(&r);
    return bits;
}

/* Casts to the types of opsets 21 to 25, where the standard or its data say what happens at the edges. */
static void test_narrow_casts(void **state) {
    (void)state;
    assert_int_equal(cast_bits(21, HONE_DTYPE_INT4, -9, NULL, true), 0x8); /* clipped: -8 */
    assert_int_equal(cast_bits(24, HONE_DTYPE_INT4, -9, NULL, true), 0x7); /* wrapped: 7 */
    assert_int_equal(cast_bits(21, HONE_DTYPE_UINT4, 17, NULL, true), 0xF);
    assert_int_equal(cast_bits(24, HONE_DTYPE_UINT4, 17, NULL, true), 0x1);
    assert_int_equal(cast_bits(25, HONE_DTYPE_INT2, -2, NULL, true), 0x2);
    assert_int_equal(cast_bits(25, HONE_DTYPE_UINT2, 3, NULL, true), 0x3);
    assert_int_equal(cast_bits(24, HONE_DTYPE_FLOAT8E8M0, 1.1, "up", true), 128);
    assert_int_equal(cast_bits(24, HONE_DTYPE_FLOAT8E8M0, 1.9, "down", true), 127);
    assert_int_equal(cast_bits(24, HONE_DTYPE_FLOAT8E8M0, 1.4, "nearest", true), 127);
    assert_int_equal(cast_bits(24, HONE_DTYPE_FLOAT8E8M0, 1.5, "nearest", true), 128);
    assert_int_equal(cast_bits(24, HONE_DTYPE_FLOAT8E8M0, 0, "up", true), 0);
    assert_int_equal(cast_bits(24, HONE_DTYPE_FLOAT8E8M0, 0, "nearest", false), 0xFF);
    assert_int_equal(cast_bits(24, HONE_DTYPE_FLOAT8E8M0, INFINITY, "up", true), 0xFE);
    assert_int_equal(cast_bits(24, HONE_DTYPE_FLOAT8E8M0, INFINITY, "up", false), 0xFF);
    assert_int_equal(cast_bits(23, HONE_DTYPE_FLOAT4E2M1, NAN, NULL, true), 0x8); /* it has no NaN: -0 */
    assert_int_equal(cast_bits(23, HONE_DTYPE_FLOAT4E2M1, 100, NULL, true), 0x7);
}

/* Queries, keys and values of one head pair, apart and packed in every way, give the same. */
static void test_packed_attention(void **state) {
    (void)state;
    enum { S = 2, H = 2, D = 2 };
    const int64_t apart[] = {1, S, H * D}, five[] = {1, S, H, 3, D}, kv[] = {1, S, H, 2, D}, side[] = {1, S, 3 * H * D};
    double q[8], k[8], v[8], packed[24], pairs[16], rows[24], want[8];
    for (int i = 0; i < 8; i++) {
        q[i] = 0.3 * i - 1;
        k[i] = 0.7 - 0.2 * i;
        v[i] = i * i - 3.0;
        int s = i / 4, h = i / 2 % 2, d = i % 2;
        double all[3] = {q[i], k[i], v[i]};
        for (int p = 0; p < 3; p++) {
            packed[((s * H + h) * 3 + p) * D + d] = all[p];
            rows[(s * 3 + p) * H * D + h * D + d] = all[p];
            if (p)
                pairs[((s * H + h) * 2 + p - 1) * D + d] = all[p];
        }
    }
    for (int form = 0; form < 4; form++) {
        run r = begin("com.microsoft", form == 3 ? "DecoderMaskedMultiHeadAttention" : "MultiHeadAttention", 1);
        set_int(&r, "num_heads", H);
        if (form == 0) {
            add(&r, HONE_DTYPE_FLOAT, 3, apart, q);
            add(&r, HONE_DTYPE_FLOAT, 3, apart, k);
            add(&r, HONE_DTYPE_FLOAT, 3, apart, v);
        } else if (form == 1) {
            add(&r, HONE_DTYPE_FLOAT, 5, five, packed);
        } else if (form == 2) {
            add(&r, HONE_DTYPE_FLOAT, 3, apart, q);
            add(&r, HONE_DTYPE_FLOAT, 5, kv, pairs);
        } else {
            add(&r, HONE_DTYPE_FLOAT, 3, side, rows);
        }
        assert_int_equal(go(&r), HONE_OK);
        for (int i = 0; i < 8 && form == 0; i++)
            want[i] = hone_tensor_get_double(r.out[0], i);
        check(r.out[0], 8, want);
        finish(&r);
    }
    /* The first row of the first head by hand. */
    double a = exp((q[0] * k[0] + q[1] * k[1]) / sqrt(2)), b = exp((q[0] * k[4] + q[1] * k[5]) / sqrt(2));
    assert_true(fabs(want[0] - (a * v[0] + b * v[4]) / (a + b)) < 1e-5);
}

/* Two groups of two channels over two pixels, last and first; then SiLU. */
static void test_group_norm(void **state) {
    (void)state;
    const int64_t last[] = {1, 1, 2, 4}, first[] = {1, 4, 1, 2}, four[] = {4};
    const double x_last[] = {1, 3, 10, 10, 5, 7, 10, 14}, x_first[] = {1, 5, 3, 7, 10, 10, 10, 14};
    const double gamma[] = {1, 2, 1, 1}, beta[] = {0, 0, 1, 0};
    for (int form = 0; form < 2; form++) {
        run r = begin("com.microsoft", "GroupNorm", 1);
        set_int(&r, "groups", 2);
        set_int(&r, "activation", 0);
        set_int(&r, "channels_last", form == 0);
        add(&r, HONE_DTYPE_FLOAT, 4, form ? first : last, form ? x_first : x_last);
        add(&r, HONE_DTYPE_FLOAT, 1, four, gamma);
        add(&r, HONE_DTYPE_FLOAT, 1, four, beta);
        assert_int_equal(go(&r), HONE_OK);
        double y[8];
        for (int i = 0; i < 8; i++) {
            int c = form ? i / 2 : i % 4;
            double mean = c < 2 ? 4 : 11, variance = c < 2 ? 5 : 3, x = form ? x_first[i] : x_last[i];
            y[i] = (x - mean) / sqrt(variance + 1e-5) * gamma[c] + beta[c];
        }
        check(r.out[0], 8, y);
        finish(&r);
    }
}

/* A 1x1 convolution of two channels, which stand last. */
static void test_channels_last(void **state) {
    (void)state;
    const int64_t x_dims[] = {1, 1, 2, 2}, w_dims[] = {3, 2, 1, 1};
    const double x[] = {1, 2, 3, 4}, w[] = {1, 0, 0, 1, 1, -1}, y[] = {1, 2, -1, 3, 4, -1};
    run r = begin("com.microsoft", "NhwcConv", 1);
    add(&r, HONE_DTYPE_FLOAT, 4, x_dims, x);
    add(&r, HONE_DTYPE_FLOAT, 4, w_dims, w);
    assert_int_equal(go(&r), HONE_OK);
    assert_true(r.out[0]->dims[2] == 2 && r.out[0]->dims[3] == 3);
    check(r.out[0], 6, y);
    finish(&r);
}

/* Softmax of a sum, a bias that splits, products of quantised numbers, buckets of distances. */
static void test_fused_pieces(void **state) {
    (void)state;
    const int64_t two_two[] = {2, 2}, two[] = {2}, table[] = {4, 1};
    run r = begin("com.microsoft", "BiasSoftmax", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, two_two, (const double[]){0, 0, log(3), 0});
    add(&r, HONE_DTYPE_FLOAT, 1, two, (const double[]){0, log(3)});
    assert_int_equal(go(&r), HONE_OK);
    check(r.out[0], 4, (const double[]){0.25, 0.75, 0.5, 0.5});
    finish(&r);
    r = begin("com.microsoft", "BiasSplitGelu", 1);
    add(&r, HONE_DTYPE_FLOAT, 2, two_two, (const double[]){1, 0, 2, 1});
    add(&r, HONE_DTYPE_FLOAT, 1, two, (const double[]){1, 0});
    assert_int_equal(go(&r), HONE_OK);
    check(r.out[0], 2, (const double[]){0, 3 * 0.8413447461});
    finish(&r);
    r = begin("com.microsoft", "MulInteger", 1);
    add(&r, HONE_DTYPE_UINT8, 1, two, (const double[]){5, 250});
    scalar(&r, HONE_DTYPE_UINT8, 10);
    add(&r, HONE_DTYPE_UINT8, 1, two, (const double[]){3, 255});
    give(&r, NULL);
    assert_int_equal(go(&r), HONE_OK);
    check(r.out[0], 2, (const double[]){-15, 61200});
    finish(&r);
    /* Four buckets, one way: distances 0 and 1 exactly, then logarithmically up to 8; the future is bucket 0. */
    r = begin("com.microsoft", "RelativePositionBias", 1);
    set_int(&r, "max_distance", 8);
    add(&r, HONE_DTYPE_FLOAT, 2, table, (const double[]){10, 11, 12, 13});
    scalar(&r, HONE_DTYPE_INT64, 5);
    scalar(&r, HONE_DTYPE_INT64, 2);
    assert_int_equal(go(&r), HONE_OK);
    check(r.out[0], 10, (const double[]){10, 10, 11, 10, 12, 11, 12, 12, 13, 12});
    finish(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_narrow_casts),
        cmocka_unit_test(test_packed_attention),
        cmocka_unit_test(test_group_norm),
        cmocka_unit_test(test_channels_last),
        cmocka_unit_test(test_fused_pieces),
        cmocka_unit_test(test_q_linear_add),
        cmocka_unit_test(test_q_linear_pool),
        cmocka_unit_test(test_q_linear_concat),
        cmocka_unit_test(test_integer_products),
        cmocka_unit_test(test_gather_block_quantized),
        cmocka_unit_test(test_fused_gemm),
        cmocka_unit_test(test_q_gemm),
        cmocka_unit_test(test_dynamic_lstm),
        cmocka_unit_test(test_q_attention),
        cmocka_unit_test(test_encoders),
        cmocka_unit_test(test_maps),
        cmocka_unit_test(test_svm),
        cmocka_unit_test(test_regex),
        cmocka_unit_test(test_tokenizer),
        cmocka_unit_test(test_exact_integers),
        cmocka_unit_test(test_attention_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
