/* hone_optimize: options, report, proof with bisection, the written file; lowering of every fused activation. */
#include "base/alloc.h"
#include "model/model.h"
#include "model/model_export.h"
#include "ops/op.h"
#include "optimize/optimize_internal.h"
#include "passes/pass_util.h"

#include <hone/hone.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/ok.h"

enum { C = 3, H = 4, W = 5 };

static char g_file[200], g_second[200];

/* ---- making models ---- */

static uint32_t g_random = 1;
static float next_float(void) {
    g_random = g_random * 1664525u + 1013904223u;
    return (float)(g_random >> 8) / (float)(1 << 23) - 1.0f;
}

static hone__value *constant(hone__graph *g, int rank, const int64_t *dims) {
    hone_tensor *t;
    hone__value *value;
    OK(hone_tensor_create(HONE_DTYPE_FLOAT, rank, dims, &t, error));
    for (int64_t i = 0; i < hone_tensor_count(t); i++)
        ((float *)hone_tensor_data(t))[i] = next_float();
    OK(hone__graph_add_constant(g, "c", t, &value, error));
    return value;
}

static hone__value *scalar(hone__graph *g, float x) {
    hone__value *value = constant(g, 0, NULL);
    *(float *)(uintptr_t)value->constant->data = x;
    return value;
}

static hone__node *node_n(hone__graph *g, const char *domain, const char *op, hone__value **in, size_t n) {
    hone__value *out;
    hone__node *node;
    OK(hone__graph_add_value(g, op, &out, error));
    OK(hone__graph_add_node(g, NULL, domain, op, NULL, in, n, &out, 1, &node, error));
    node->opset = *domain ? 1 : hone__graph_get_opset(g, "");
    node->op = hone__op_find(domain, op, node->opset);
    assert_non_null(node->op);
    return node;
}
static hone__value *unary(hone__graph *g, const char *op, hone__value *x) {
    return node_n(g, "", op, &x, 1)->outputs[0];
}
static hone__value *binary(hone__graph *g, const char *op, hone__value *a, hone__value *b) {
    hone__value *in[2] = {a, b};
    return node_n(g, "", op, in, 2)->outputs[0];
}

static hone__graph *begin(int64_t opset, hone__value **x) {
    hone__graph *g;
    hone__dim dims[4] = {{-1, "batch"}, {C, NULL}, {H, NULL}, {W, NULL}};
    OK(hone__graph_create("test", &g, error));
    OK(hone__graph_set_opset(g, "", opset, error));
    OK(hone__graph_add_value(g, "x", x, error));
    OK(hone__type_set_tensor(hone__graph_arena(g), &(*x)->type, HONE_DTYPE_FLOAT, 4, dims));
    OK(hone__graph_add_input(g, *x, error));
    return g;
}

/* Writes the graph to g_file and opens it. */
static hone_model *end(hone__graph *g, hone__value *y) {
    static const uint8_t empty[] = {0x08, 10, 0x3A, 3, 0x12, 1, 'g', 0x42, 2, 0x10, 17};
    hone_model *base, *model;
    OK(hone__graph_add_output(g, y, error));
    OK(hone__graph_infer(g, error));
    OK(hone_model_open_memory(empty, sizeof empty, NULL, &base, error));
    OK(hone__model_export(base, g, g_file, &(hone__export_options){.allow_foreign = true}, error));
    OK(hone_model_open(g_file, &model, error));
    hone_model_close(base);
    hone__graph_destroy(g);
    return model;
}

/* Sigmoid(2 Relu(Identity(x) W + b)) over [batch, C, H, W]. */
static hone_model *small_model(void) {
    hone__value *x;
    int64_t dims[2] = {W, W}, n = W;
    hone__graph *g = begin(17, &x);
    hone__value *y = binary(g, "MatMul", unary(g, "Identity", x), constant(g, 2, dims));
    y = unary(g, "Relu", binary(g, "Add", y, constant(g, 1, &n)));
    return end(g, unary(g, "Sigmoid", binary(g, "Mul", y, scalar(g, 2))));
}

static hone_proof prove(const hone_optimization *o, const char *path) {
    hone_proof proof;
    hone_tensor *t;
    int64_t dims[4] = {2, C, H, W};
    OK(hone_tensor_create(HONE_DTYPE_FLOAT, 4, dims, &t, error));
    for (int64_t i = 0; i < hone_tensor_count(t); i++)
        ((float *)hone_tensor_data(t))[i] = 3 * next_float();
    const hone_tensor *const inputs[1] = {t};
    const hone_tensor *const *sets[1] = {inputs};
    OK(hone_optimization_prove(o, sets, 1, NULL, NULL, path, &proof, error));
    hone_tensor_destroy(t);
    return proof;
}

/* Optimises, saves to `path`, proves with the file. */
static void optimise_to(hone_model *model, hone_operators operators, const char *path) {
    hone_optimization *o;
    hone_optimize_options options = {.operators = operators};
    OK(hone_optimize(model, &options, &o, error));
    OK(hone_optimization_save(o, path, error));
    hone_proof proof = prove(o, path);
    if (!proof.is_equal)
        fail_msg("%s %s: guilty %s at %s", proof.output, proof.message, proof.pass, proof.node);
    hone_optimization_destroy(o);
}

static size_t count_domain(const char *path, const char *domain) {
    hone_model *model;
    size_t n = 0;
    OK(hone_model_open(path, &model, error));
    for (size_t i = 0; i < hone_model_op_count(model); i++)
        if (strcmp(hone_model_get_op(model, i).domain, domain) == 0)
            n += hone_model_get_op(model, i).count;
    hone_model_close(model);
    return n;
}

/* ---- passes that are wrong ---- */

/* Turns every Relu into Tanh. */
static hone_status run_wrong(hone__pass_context *ctx, hone_error *error) {
    HONE_FOR_NODES(node, ctx->graph)
    if (hone__is_op(node, "Relu")) {
        hone_status status = hone__node_become(node, "", "Tanh", 13, "make_wrong", error);
        if (status != HONE_OK)
            return status;
        ctx->n_changed++;
    }
    return HONE_OK;
}

/* Leaves a link that goes one way only. */
static hone_status run_broken(hone__pass_context *ctx, hone_error *error) {
    (void)error;
    ctx->graph->first->outputs[0]->producer = NULL;
    ctx->n_changed++;
    return HONE_OK;
}

static void test_guilty_pass(void **state) {
    (void)state;
    const hone__pass *identity = hone__passes_find("eliminate_identity"), *dead = hone__passes_find("eliminate_dead"),
                     *bias = hone__passes_find("fuse_matmul_bias");
    const hone__pass wrong[] = {*identity, *bias, {"make_wrong", HONE_OPT_BASIC, "Wrong.", run_wrong}, *dead, {NULL}};
    const hone__pass right[] = {*identity, *bias, *dead, {NULL}};
    hone_model *model = small_model();
    hone_optimization *o;
    hone_optimize_options options = {.operators = HONE_OPERATORS_HONE};
    OK(hone__optimize_with(model, &options, wrong, &o, error));
    hone_proof proof = prove(o, NULL);
    assert_false(proof.is_equal);
    assert_string_equal(proof.pass, "make_wrong");
    assert_true(proof.output[0] && proof.message[0]);
    assert_non_null(strstr(proof.node, "Relu")); /* the first value that changed is the Relu's */
    hone_optimization_destroy(o);
    OK(hone__optimize_with(model, &options, right, &o, error));
    proof = prove(o, NULL);
    assert_true(proof.is_equal);
    assert_int_equal(proof.n_outputs, 1);
    hone_optimization_destroy(o);
    hone_model_close(model);
}

static void test_broken_graph(void **state) {
    (void)state;
    const hone__pass table[] = {{"leave_broken", HONE_OPT_BASIC, "Broken.", run_broken}, {NULL}};
    hone_model *model = small_model();
    hone_optimization *o;
    hone_error error;
    assert_int_equal(hone__optimize_with(model, NULL, table, &o, &error), HONE_ERROR_INTERNAL);
    assert_non_null(strstr(error.message, "leave_broken"));
    assert_null(o);
    hone_model_close(model);
}

/* ---- options and report ---- */

static void test_refused_options(void **state) {
    (void)state;
    hone_model *model = small_model();
    hone_optimization *o;
    hone_error error;
    const char *unknown[] = {"fold_everything"}, *lowering[] = {"lower_to_onnx"};
    hone_optimize_options options = {.level = "ORT_ENABLE_MOST"};
    assert_int_equal(hone_optimize(model, &options, &o, &error), HONE_ERROR_CONFIG);
    options = (hone_optimize_options){.disable = unknown, .n_disable = 1};
    assert_int_equal(hone_optimize(model, &options, &o, &error), HONE_ERROR_NOT_FOUND);
    assert_non_null(strstr(error.message, "fold_everything"));
    options = (hone_optimize_options){.only = lowering, .n_only = 1};
    assert_int_equal(hone_optimize(model, &options, &o, &error), HONE_ERROR_NOT_FOUND);
    hone_model_close(model);
}

static void test_chosen_passes(void **state) {
    (void)state;
    hone_model *model = small_model();
    hone_optimization *o;
    const char *identity[] = {"eliminate_identity"};
    hone_optimize_options options = {.only = identity, .n_only = 1, .level = "ORT_DISABLE_ALL", .with_costs = true};
    OK(hone_optimize(model, &options, &o, error));
    hone_optimize_totals totals;
    hone_optimization_get_totals(o, &totals);
    assert_int_equal(totals.nodes_before - totals.nodes_after, 1);
    assert_true(totals.has_costs && totals.flops_before > 0);
    assert_int_equal(hone_optimization_step_count(o), 1);
    hone_pass_effect effect;
    for (size_t i = 0; hone_optimization_get_pass(o, i, &effect); i++) {
        bool is_chosen = strcmp(effect.pass, "eliminate_identity") == 0;
        assert_int_equal(effect.n_matches, is_chosen);
        assert_int_equal(effect.n_removed, is_chosen);
    }
    hone_optimization_destroy(o);
    options = (hone_optimize_options){.disable = identity, .n_disable = 1};
    OK(hone_optimize(model, &options, &o, error));
    for (size_t i = 0; hone_optimization_get_pass(o, i, &effect); i++)
        if (strcmp(effect.pass, "eliminate_identity") == 0)
            assert_false(effect.has_run);
    hone_optimization_destroy(o);
    hone_model_close(model);
}

static void test_list(void **state) {
    (void)state;
    hone_pass_info info, other;
    size_t n = hone_pass_count();
    assert_true(n > 10);
    for (size_t i = 0; i < n; i++) {
        assert_true(hone_pass_get(i, &info));
        assert_true(info.name[0] && info.help[strlen(info.help) - 1] == '.');
        for (size_t k = 0; k < i; k++) {
            hone_pass_get(k, &other);
            assert_string_not_equal(info.name, other.name);
        }
    }
    assert_false(hone_pass_get(n, &info));
}

/* ---- files ---- */

static bool has_metadata(const hone_model *model, const char *key, char *value, size_t size) {
    for (size_t i = 0; i < model->proto.metadata_props.n; i++) {
        const hone__entry_proto *e = &model->proto.metadata_props.items[i];
        if (!hone__pb_is(e->key, key))
            continue;
        snprintf(value, size, "%.*s", (int)e->value.size, (const char *)e->value.data);
        return true;
    }
    return false;
}

static void test_metadata(void **state) {
    (void)state;
    hone_model *model = small_model(), *again;
    char text[1000];
    optimise_to(model, HONE_OPERATORS_ONNX, g_second);
    hone_model_close(model);
    OK(hone_model_open(g_second, &model, error));
    assert_true(has_metadata(model, "hone.optimize", text, sizeof text));
    assert_non_null(strstr(text, "eliminate_identity 1"));
    assert_null(strchr(text, '\n'));
    assert_string_equal(hone_model_get_input(model, 0)->name, "x");
    assert_int_equal(hone_model_get_opset(model, 0).version, 17);
    assert_string_equal(hone_model_get_input(model, 0)->dims[0].symbol, "batch");
    optimise_to(model, HONE_OPERATORS_HONE, g_file); /* a second line; the first is kept */
    OK(hone_model_open(g_file, &again, error));
    assert_true(has_metadata(again, "hone.optimize", text, sizeof text));
    assert_non_null(strchr(text, '\n'));
    assert_non_null(strstr(text, "eliminate_identity 1"));
    hone_model_close(again);
    hone_model_close(model);
}

static void test_fixed_shape(void **state) {
    (void)state;
    hone_model *model = small_model(), *fixed;
    hone_optimization *o;
    hone_error fault;
    hone_shape shape = {.input = "x", .rank = 4, .dims = {2, C, H, W}};
    hone_optimize_options options = {.shapes = &shape, .n_shapes = 1};
    OK(hone_optimize(model, &options, &o, error));
    OK(hone_optimization_save(o, g_second, error));
    assert_true(prove(o, g_second).is_equal);
    OK(hone_model_open(g_second, &fixed, error));
    assert_int_equal(hone_model_get_input(fixed, 0)->dims[0].value, 2);
    assert_int_equal(hone_model_get_output(fixed, 0)->dims[0].value, 2);
    hone_model_close(fixed);
    hone_optimization_destroy(o);
    shape.dims[1] = C + 1;
    assert_int_equal(hone_optimize(model, &options, &o, &fault), HONE_ERROR_SHAPE);
    hone_model_close(model);
}

/* Gelu in a model of opset 13, which has none. */
static void test_newer_operators(void **state) {
    (void)state;
    for (int target = 0; target < 3; target++) {
        hone__value *x;
        hone__graph *g = begin(13, &x);
        hone__value *e = unary(g, "Erf", binary(g, "Div", x, scalar(g, 1.41421356f)));
        hone__value *y = binary(g, "Mul", binary(g, "Mul", x, binary(g, "Add", e, scalar(g, 1))), scalar(g, 0.5f));
        hone_model *model = end(g, y);
        optimise_to(model, (hone_operators)target, g_second);
        assert_int_equal(count_domain(g_second, "hone.onnx"), target == HONE_OPERATORS_HONE);
        assert_int_equal(count_domain(g_second, "com.microsoft"), target == HONE_OPERATORS_ONNXRUNTIME);
        hone_findings *findings;
        OK(hone_check_file(g_second, &findings, error));
        assert_int_equal(hone_findings_count(findings), 0);
        hone_findings_destroy(findings);
        hone_model_close(model);
    }
}

static const struct act {
    const char *name;
    float a, b;
} g_acts[] = {{"", 0, 0},
              {"Relu", 0, 0},
              {"Clip", -1, 2},
              {"LeakyRelu", 0.1f, 0},
              {"Sigmoid", 0, 0},
              {"Tanh", 0, 0},
              {"HardSwish", 0, 0},
              {"Silu", 1.7f, 0},
              {"Gelu", 0, 0},
              {"GeluTanh", 0, 0},
              {"Elu", 0.5f, 0},
              {"Mish", 0, 0},
              {"HardSigmoid", 0.2f, 0.5f}};

static void set_act(hone__node *node, const struct act *act) {
    float params[2] = {act->a, act->b};
    OK(hone__node_set_attr_string(node, "activation", act->name, error));
    OK(hone__node_set_attr_floats(node, "activation_params", params, 2, error));
}

static hone_model *fused_model(int64_t opset, const struct act *act, bool has_z) {
    hone__value *x;
    hone__graph *g = begin(opset, &x);
    int64_t kernel[4] = {C, C, 3, 3}, pads[4] = {1, 1, 1, 1}, square[2] = {W, W}, n = C, w = W;
    hone__value *in[4] = {x, constant(g, 4, kernel), constant(g, 1, &n), has_z ? x : NULL};
    hone__node *conv = node_n(g, "hone", "FusedConv", in, has_z ? 4 : 3);
    OK(hone__node_set_attr_ints(conv, "pads", pads, 4, error));
    set_act(conv, act);
    hone__value *mm_in[4] = {conv->outputs[0], constant(g, 2, square), constant(g, 1, &w), has_z ? x : NULL};
    hone__node *mm = node_n(g, "hone", "FusedMatMul", mm_in, has_z ? 4 : 3);
    set_act(mm, act);
    OK(hone__node_set_attr_int(mm, "transB", 1, error));
    OK(hone__node_set_attr_float(mm, "alpha", 0.5f, error));
    OK(hone__graph_set_opset(g, "hone", 1, error));
    return end(g, mm->outputs[0]);
}

/* Every activation, with and without a residual, in convolutions and linear layers, in old and new opsets: made of the
 * standard's operators, of ONNX Runtime's, of hone's; always the same outputs. */
static void test_lowering(void **state) {
    (void)state;
    static const int64_t opsets[] = {9, 13, 17, 20, 22};
    for (size_t i = 0; i < sizeof g_acts / sizeof *g_acts; i++)
        for (size_t k = 0; k < sizeof opsets / sizeof *opsets; k++)
            for (int z = 0; z < 2; z++) {
                hone_model *model = fused_model(opsets[k], &g_acts[i], z);
                optimise_to(model, HONE_OPERATORS_ONNX, g_second);
                assert_int_equal(count_domain(g_second, "hone"), 0);
                assert_int_equal(count_domain(g_second, "hone.onnx"), 0);
                optimise_to(model, HONE_OPERATORS_ONNXRUNTIME, g_second);
                assert_int_equal(count_domain(g_second, "hone"), 0);
                optimise_to(model, HONE_OPERATORS_HONE, g_second);
                hone_model_close(model);
            }
}

static void test_random_outputs(void **state) {
    (void)state;
    hone__value *x;
    hone__graph *g = begin(17, &x);
    hone_model *model = end(g, binary(g, "Add", unary(g, "RandomNormalLike", x), unary(g, "Identity", x)));
    hone_optimization *o;
    OK(hone_optimize(model, NULL, &o, error));
    hone_proof proof = prove(o, NULL);
    assert_true(proof.is_equal);
    assert_int_equal(proof.n_random, 1);
    hone_optimization_destroy(o);
    hone_model_close(model);
}

/* No allocation that fails brings anything down or leaks (a build under a sanitizer sees leaks). */
static void test_memory_failures(void **state) {
    (void)state;
    hone_model *model = small_model();
    hone_optimize_options options = {.with_costs = true, .operators = HONE_OPERATORS_ONNXRUNTIME};
    bool done = false;
    for (int64_t n = 0; !done && n < 20000; n += 1 + n / 16) {
        hone_optimization *o;
        hone_error error;
        hone__alloc_fail_after(n);
        hone_status status = hone_optimize(model, &options, &o, &error);
        if (status == HONE_OK)
            status = hone_optimization_save(o, g_second, &error);
        hone__alloc_fail_after(-1);
        hone_optimization_destroy(o);
        done = status == HONE_OK;
        if (!done && status != HONE_ERROR_MEMORY)
            fail_msg("after %lld allocations: %s", (long long)n, error.message);
    }
    assert_true(done);
    hone_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_guilty_pass),
                                       cmocka_unit_test(test_broken_graph),
                                       cmocka_unit_test(test_refused_options),
                                       cmocka_unit_test(test_chosen_passes),
                                       cmocka_unit_test(test_list),
                                       cmocka_unit_test(test_metadata),
                                       cmocka_unit_test(test_fixed_shape),
                                       cmocka_unit_test(test_newer_operators),
                                       cmocka_unit_test(test_lowering),
                                       cmocka_unit_test(test_random_outputs),
                                       cmocka_unit_test(test_memory_failures)};
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(g_file, sizeof g_file, "%s/hone-optimize-%ld.onnx", folder, (long)getpid());
    snprintf(g_second, sizeof g_second, "%s/hone-optimize-%ld-2.onnx", folder, (long)getpid());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(g_file);
    (void)unlink(g_second);
    return failed;
}
