/* Models: loading, descriptions, functions, hostile files, the full check, failing allocations. Small
 * models come from the fuzz corpus, whose files fuzz/make_reader_corpus.py makes. */
#include "base/alloc.h"
#include "model/model.h"
#include "model/model_export.h"

#include <hone/hone.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *g_corpus;

static const char *corpus(const char *name) {
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s", g_corpus, name);
    return path;
}

static hone_model *open_ok(const char *name) {
    hone_model *model;
    hone_error error = {0};
    if (hone_model_open(corpus(name), &model, &error) != HONE_OK)
        fail_msg("%s: %s", name, error.message);
    assert_int_equal(hone__graph_verify(hone__model_graph(model), &error), HONE_OK);
    return model;
}

static void open_fails(const char *name, hone_status expected, const char *part) {
    hone_model *model = (hone_model *)&g_corpus;
    hone_error error = {0};
    assert_int_equal(hone_model_open(corpus(name), &model, &error), expected);
    assert_null(model);
    if (!strstr(error.message, part))
        fail_msg("%s: \"%s\" does not say \"%s\"", name, error.message, part);
    assert_true(error.file[0] != 0);
}

static void test_describe(void **state) {
    (void)state;
    hone_model *model = open_ok("conv.onnx");
    assert_int_equal(hone_model_input_count(model), 1);
    const hone_value_info *in = hone_model_get_input(model, 0);
    assert_string_equal(in->name, "x");
    assert_int_equal(in->dtype, HONE_DTYPE_FLOAT);
    assert_int_equal(in->rank, 4);
    assert_int_equal(in->dims[0].value, -1);
    assert_string_equal(in->dims[0].symbol, "batch");
    assert_int_equal(in->dims[2].value, 4);
    assert_int_equal(hone_model_output_count(model), 1);
    assert_int_equal(hone_model_ir_version(model), 8);
    assert_string_equal(hone_model_producer(model), "seed 1");
    assert_int_equal(hone_model_opset_count(model), 1);
    assert_string_equal(hone_model_get_opset(model, 0).domain, "ai.onnx");
    assert_int_equal(hone_model_get_opset(model, 0).version, 17);
    assert_int_equal(hone_model_op_count(model), 2);
    assert_string_equal(hone_model_get_op(model, 0).op, "Conv");
    assert_int_equal(hone_model_initializer_count(model), 2);
    const char *name;
    const hone_tensor *b = hone_model_get_initializer(model, 1, &name);
    assert_string_equal(name, "b");
    assert_true(hone_tensor_get_double(b, 1) == -1.0);
    assert_null(hone_model_get_input(model, 1));
    hone_model_close(model);
}

static void test_functions(void **state) {
    (void)state;
    hone_model *model = open_ok("function.onnx");
    const hone__graph *graph = hone__model_graph(model);
    assert_int_equal(graph->n_nodes, 2); /* two Mul; the Constants became values */
    assert_string_equal(graph->first->op_type, "Mul");
    assert_string_equal(graph->last->outputs[0]->name, "y");
    /* Each call's attribute reached its body. */
    assert_true(hone_tensor_get_double(graph->first->inputs[1]->constant, 0) == 2.0);
    assert_true(hone_tensor_get_double(graph->last->inputs[1]->constant, 0) == 3.0);
    hone_model_close(model);
    open_fails("recursion.onnx", HONE_ERROR_MODEL, "calls itself");
}

static void test_order(void **state) {
    (void)state;
    hone_model *model = open_ok("unsorted.onnx");
    assert_string_equal(hone__model_graph(model)->first->op_type, "Neg");
    hone_model_close(model);
    open_fails("cycle.onnx", HONE_ERROR_MODEL, "");
    open_fails("owner_output_in_branch.onnx", HONE_ERROR_MODEL, "cycle");
}

static void test_subgraphs(void **state) {
    (void)state;
    hone_model_close(open_ok("if.onnx"));
    hone_model_close(open_ok("loop.onnx"));
    hone_model_close(open_ok("deep.onnx"));
}

static void test_kinds(void **state) {
    (void)state;
    hone_model *model = open_ok("sequence.onnx");
    assert_int_equal(hone_model_get_output(model, 0)->kind, HONE_KIND_SEQUENCE);
    assert_int_equal(hone_model_get_output(model, 0)->dtype, HONE_DTYPE_FLOAT);
    hone_model_close(model);
    model = open_ok("typed.onnx");
    assert_int_equal(hone_model_initializer_count(model), 16);
    for (size_t i = 0; i < 16; i++) {
        const hone_tensor *t = hone_model_get_initializer(model, i, NULL);
        assert_int_equal(hone_tensor_count(t), 2);
        hone_dtype dtype = hone_tensor_dtype(t);
        if (dtype == HONE_DTYPE_INT8 || dtype == HONE_DTYPE_INT16 || dtype == HONE_DTYPE_INT32)
            assert_true(hone_tensor_get_double(t, 0) == -1.0 && hone_tensor_get_double(t, 1) == 2.0);
        if (dtype == HONE_DTYPE_FLOAT || dtype == HONE_DTYPE_FLOAT16 || dtype == HONE_DTYPE_BFLOAT16 ||
            dtype == HONE_DTYPE_DOUBLE || dtype == HONE_DTYPE_UINT64 || dtype == HONE_DTYPE_UINT32)
            assert_true(hone_tensor_get_double(t, 0) == 1.0 && hone_tensor_get_double(t, 1) == 2.0);
        if (dtype == HONE_DTYPE_STRING)
            assert_memory_equal(hone_tensor_get_string(t, 0).data, "ab", 2);
    }
    hone_model_close(model);
    model = open_ok("sparse.onnx");
    const hone_tensor *s = hone_model_get_initializer(model, 0, NULL);
    assert_int_equal(hone_tensor_count(s), 6);
    assert_true(hone_tensor_get_double(s, 0) == 0.0 && hone_tensor_get_double(s, 1) != 0.0);
    hone_model_close(model);
}

static void test_old_files(void **state) {
    (void)state;
    hone_model *model = open_ok("ir1.onnx");
    assert_int_equal(hone_model_get_opset(model, 0).version, 1);
    hone_model_close(model);
    model = open_ok("overridable.onnx");
    assert_int_equal(hone_model_input_count(model), 1);
    hone_model_close(model);
}

static void test_hostile(void **state) {
    (void)state;
    open_fails("empty.onnx", HONE_ERROR_MODEL, "empty");
    open_fails("truncated.onnx", HONE_ERROR_MODEL, "");
    open_fails("terabytes.onnx", HONE_ERROR_MODEL, "entries");
    open_fails("sparse_terabytes.onnx", HONE_ERROR_LIMIT, "dense");
    open_fails("external.onnx", HONE_ERROR_IO, "data.bin");
    open_fails("group.pb", HONE_ERROR_MODEL, "");
    open_fails("no such file", HONE_ERROR_IO, "No such file");
}

/* Every prefix of a model is refused or opens; nothing else happens. */
static void test_prefixes(void **state) {
    (void)state;
    FILE *file = fopen(corpus("function.onnx"), "rb");
    assert_non_null(file);
    unsigned char data[4096];
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    for (size_t n = 0; n < size; n++) {
        unsigned char *copy = malloc(n ? n : 1);
        hone_model *model;
        memcpy(copy, data, n);
        if (hone_model_open_memory(copy, n, NULL, &model, NULL) == HONE_OK)
            hone_model_close(model);
        free(copy);
    }
}

static void test_allocation_failures(void **state) {
    (void)state;
    static const char *const names[] = {"function.onnx", "loop.onnx", "sparse.onnx", "typed.onnx"};
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        hone_model *model;
        hone_status status = HONE_ERROR_MEMORY;
        for (int64_t n = 0; status != HONE_OK; n++) {
            hone_error error = {0};
            assert_true(n < 100000);
            hone__alloc_fail_after(n);
            status = hone_model_open(corpus(names[f]), &model, &error);
            hone__alloc_fail_after(-1);
            if (status != HONE_OK && status != HONE_ERROR_MEMORY)
                fail_msg("%s after %d: %s", names[f], (int)n, error.message);
        }
        hone_model_close(model);
    }
}

static size_t errors_of(const char *name, const char *part) {
    hone_findings *findings;
    hone_error error;
    size_t n = 0;
    bool is_found = false;
    assert_int_equal(hone_check_file(corpus(name), &findings, &error), HONE_OK);
    for (size_t i = 0; i < hone_findings_count(findings); i++) {
        const hone_finding *f = hone_findings_get(findings, i);
        n += f->is_error;
        is_found = is_found || (part && strstr(f->message, part));
    }
    if (part && !is_found)
        fail_msg("%s: no finding says \"%s\"", name, part);
    hone_findings_destroy(findings);
    return n;
}

static void test_check(void **state) {
    (void)state;
    assert_int_equal(errors_of("add.onnx", NULL), 0);
    assert_int_equal(errors_of("conv.onnx", NULL), 0);
    assert_int_equal(errors_of("function.onnx", NULL), 0);
    assert_true(errors_of("unsorted.onnx", "later node") > 0);
    assert_true(errors_of("cycle.onnx", "later node") > 0);
    assert_true(errors_of("terabytes.onnx", "entries") > 0);
    assert_true(errors_of("truncated.onnx", "") > 0);
    assert_true(errors_of("empty.onnx", "empty") > 0);
    assert_true(errors_of("recursion.onnx", "calls itself") > 0);
}

static void test_cost(void **state) {
    (void)state;
    hone_model *model = open_ok("conv.onnx");
    hone_model_cost cost;
    hone_error error = {0};
    assert_int_equal(hone_model_get_cost(model, NULL, 0, &cost, &error), HONE_OK);
    assert_int_equal(cost.parameters, 2 * 9 + 2);
    assert_int_equal(cost.parameter_bytes, 80);
    assert_int_equal(cost.n_assumed, 1);
    double one = cost.flops;
    hone_shape shape = {"x", 4, {3, 1, 4, 4}};
    assert_int_equal(hone_model_get_cost(model, &shape, 1, &cost, &error), HONE_OK);
    assert_int_equal(cost.n_assumed, 0);
    assert_true(one > 0 && cost.flops == 3 * one);
    shape.dims[2] = 5;
    assert_int_equal(hone_model_get_cost(model, &shape, 1, &cost, &error), HONE_ERROR_SHAPE);
    shape.input = "nothing";
    assert_int_equal(hone_model_get_cost(model, &shape, 1, &cost, &error), HONE_ERROR_NOT_FOUND);
    hone_model_close(model);
}

/* What is exported opens again with the same nodes, names and weights; metadata is kept and added to. */
static void test_export(void **state) {
    (void)state;
    static const char *const names[] = {"conv.onnx",   "function.onnx", "loop.onnx",     "if.onnx",
                                        "sparse.onnx", "typed.onnx",    "sequence.onnx", "ir1.onnx"};
    char path[] = "/tmp/hone_export_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        hone_model *model = open_ok(names[i]), *again;
        hone__graph *graph;
        hone_error error = {0};
        hone__pb_bytes pair[1][2] = {{hone__pb_text("hone.passes"), hone__pb_text("none")}};
        hone__export_options options = {.metadata = (const hone__pb_bytes(*)[2])pair, .n_metadata = 1};
        assert_int_equal(hone__model_clone_graph(model, &graph, &error), HONE_OK);
        if (hone__model_export(model, graph, path, &options, &error) != HONE_OK ||
            hone_model_open(path, &again, &error) != HONE_OK)
            fail_msg("%s: %s", names[i], error.message);
        const hone__graph *a = hone__model_graph(model), *b = hone__model_graph(again);
        assert_int_equal(a->n_nodes, b->n_nodes);
        const hone__node *y = b->first;
        HONE_FOR_NODES(x, a) {
            assert_string_equal(x->name, y->name);
            assert_string_equal(x->op_type, y->op_type);
            assert_int_equal(x->n_attrs, y->n_attrs);
            assert_int_equal(x->n_inputs, y->n_inputs);
            y = y->next;
        }
        assert_int_equal(hone_model_input_count(model), hone_model_input_count(again));
        assert_string_equal(hone_model_get_output(model, 0)->name, hone_model_get_output(again, 0)->name);
        assert_string_equal(hone_model_producer(model), hone_model_producer(again));
        assert_int_equal(again->proto.metadata_props.n, model->proto.metadata_props.n + 1);
        hone__graph_destroy(graph);
        hone_model_close(model);
        hone_model_close(again);
    }
    unlink(path);
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 1;
    g_corpus = argv[1];
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe),  cmocka_unit_test(test_functions), cmocka_unit_test(test_order),
        cmocka_unit_test(test_subgraphs), cmocka_unit_test(test_kinds),     cmocka_unit_test(test_old_files),
        cmocka_unit_test(test_hostile),   cmocka_unit_test(test_prefixes),  cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_check),     cmocka_unit_test(test_cost),      cmocka_unit_test(test_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
