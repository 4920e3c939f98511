/* expand_einsum: what equations become, what is left alone and why, and random equations, on which results before and
 * after are compared with dims known and unknown. */
#include "ops/op.h"
#include "passes/passes.h"
#include "support/graph_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support/ok.h"

/* Runs expand_einsum with what clears up behind it, compares, and lists the operators that are left. */
static void expand(int64_t opset, const char *inputs, const char *body, char *got, size_t size, char *miss) {
    static const char *const only[] = {"expand_einsum", "eliminate_identity", "eliminate_dead"};
    hone__pass_report report;
    hone__pass_options options = {.level = HONE_OPT_ALL, .only = only, .n_only = 3, .report = &report};
    hone_tensor *before[1] = {0}, *after[1] = {0};
    hone__pass_report_init(&report);
    hone__graph *graph = graph_text(inputs, opset, body, "y");
    graph_text_run(graph, 3, 7, before);
    OK(hone__passes_run_with(graph, &options, error));
    OK(hone__graph_verify(graph, error));
    graph_text_operators(graph, got, size);
    graph_text_run(graph, 3, 7, after);
    if (!(graph_text_difference(after[0], before[0]) <= 1e-5))
        fail_msg("\"%s\" of %s differs by %g", body, inputs, graph_text_difference(after[0], before[0]));
    OK(hone__graph_infer(graph, error));
    if (miss)
        (void)snprintf(miss, 200, "%s", report.n_misses ? report.misses[0].reason : "");
    hone_tensor_destroy(before[0]);
    hone_tensor_destroy(after[0]);
    hone__graph_destroy(graph);
    hone__pass_report_deinit(&report);
}

static const struct {
    int64_t opset;
    const char *inputs, *equation, *want, *miss;
} g_cases[] = {
    {13, "a:f32 2x3, b:f32 3x4", "ij,jk->ik", "MatMul", ""},
    {12, "a:f32 2x3, b:f32 3x4", "ij,jk", "MatMul", ""},
    {13, "a:f64 2x3, b:f64 3x4", "ij,jk->ki", "Transpose Transpose MatMul", ""},
    {13, "a:f32 Nx2x5x3, b:f32 Nx2x4x3", "bhqd,bhkd->bhqk", "Transpose MatMul", ""},
    {13, "a:f32 Nx5x2x3, b:f32 Nx4x2x3", "bqhd,bkhd->bhqk", "Transpose Transpose MatMul", ""},
    {13, "a:f32 2x2x3x4x5, b:f32 2x2x3x4x5", "B G H I D, B G H J D -> B G H I J", "Transpose MatMul", ""},
    {13, "a:f32 NxMx5x3, b:f32 3x4", "bhwi,ij->bhwj", "MatMul", ""},
    {13, "a:f32 NxMx3, b:f32 3", "bhi,i->bh", "Unsqueeze MatMul Squeeze", ""},
    {13, "a:f32 2x5x3, b:f32 3x4x6", "bqi,ihd->bqhd", "Reshape Reshape MatMul Reshape", ""},
    {13, "a:f32 2x5x3x4, b:f32 3x4x6", "bqhd,hde->bqe", "Reshape Reshape MatMul Reshape", ""},
    {13, "a:f32 2x3x4, b:f32 2x4x3", "bij,bji->b", "Transpose Mul ReduceSum", ""},
    {13, "a:f32 3x4", "ij->ji", "Transpose", ""},
    {13, "a:f32 3x4x5", "ijk->k", "ReduceSum", ""},
    {12, "a:f32 3x4x5", "ijk->kj", "ReduceSum Transpose", ""},
    {13, "a:f32 3x4", "ij->ij", "Identity", ""},
    {13, "a:f32 3x4, b:f32 3x5", "bi,bj->bij", "Unsqueeze Unsqueeze Mul", ""},
    {13, "a:f32 3, b:f32 4", "i,j->ij", "Unsqueeze Unsqueeze Mul", ""},
    {13, "a:f32 3, b:f32 3", "i,i->", "Mul ReduceSum", ""},
    {13, "a:f32 3x4x5, b:f32 5x2", "...ij,jk->...ik", "MatMul", ""},
    {13, "a:f32 3x1x4x5, b:f32 2x5x4", "...ij,...jk->...ik", "Transpose Reshape MatMul Reshape Transpose", ""},
    {13, "a:f32 1x4x5, b:f32 3x5x2", "bij,bjk->bik", "MatMul", ""},
    {13, "a:f32 3x4x5, b:f32 3x5", "bij,bk->bk", "ReduceSum Unsqueeze Mul", ""},
    /* what stays */
    {13, "a:f32 3x3", "ii->i", "Einsum", "an operand repeats a label"},
    {13, "a:f32 2x1, b:f32 3x4", "ij,jk->ik", "Einsum",
     "the sizes of a label that is summed over are not known to be equal"},
    {13, "a:f32 2xN, b:f32 3x4", "ij,jk->ik", "Einsum",
     "the sizes of a label that is summed over are not known to be equal"},
    {13, "a:f32 2xNx4, b:f32 Nx4x4", "iab,abk->ik", "Einsum",
     "several labels become one dimension, and a size is not known"},
    {13, "a:f32 2x3, b:f32 3x4, c:f32 4x2", "ij,jk,kl->il", "Einsum", "it has 3 operands"},
    {13, "a:i32 2x3, b:i32 3x4", "ij,jk->ik", "Einsum", "\"a\" is not of float or double, or of unknown rank"},
};

static void test_cases(void **state) {
    (void)state;
    size_t n_failed = 0;
    for (size_t i = 0; i < sizeof g_cases / sizeof *g_cases; i++) {
        char body[200], got[256], miss[200];
        const char *names = strstr(g_cases[i].inputs, "c:")   ? "a, b, c"
                            : strstr(g_cases[i].inputs, "b:") ? "a, b"
                                                              : "a";
        (void)snprintf(body, sizeof body, "y = Einsum[equation='%s'](%s)", g_cases[i].equation, names);
        expand(g_cases[i].opset, g_cases[i].inputs, body, got, sizeof got, miss);
        if (strcmp(got, g_cases[i].want) == 0 && strcmp(miss, g_cases[i].miss) == 0)
            continue;
        print_error("%s of %s became \"%s\" (%s)\n", g_cases[i].equation, g_cases[i].inputs, got, miss);
        n_failed++;
    }
    assert_int_equal(n_failed, 0);
}

/* ---- random equations ---- */

/* Labels in random order; dims by label, or 1, or a symbol that stands for 3. */
static size_t random_term(char *labels, char *dims, size_t size, bool may_broadcast) {
    static const char *const sizes[] = {"2", "3", "4", "N", "5", "1"};
    size_t n = 0, rank = graph_text_random(5), at = 0;
    bool used[6] = {false};
    dims[0] = 0;
    while (n < rank) {
        uint32_t label = graph_text_random(6);
        if (used[label])
            continue;
        used[label] = true;
        labels[n] = (char)('a' + label);
        at += (size_t)snprintf(dims + at, size - at, "%s%s", n ? "x" : "",
                               may_broadcast && graph_text_random(12) == 0 ? "1" : sizes[label]);
        n++;
    }
    labels[n] = 0;
    return n;
}

static void test_random(void **state) {
    (void)state;
    int n_expanded = 0, n_all = 0;
    for (uint32_t seed = 0; seed < 1500; seed++) {
        char labels[2][8], dims[2][40], out[16], inputs[120], body[160], got[256];
        size_t n_out = 0, n_in = seed % 4 ? 2 : 1;
        graph_text_seed(seed);
        for (size_t t = 0; t < n_in; t++)
            (void)random_term(labels[t], dims[t], sizeof dims[t], seed % 3 == 0);
        /* Some of the labels, in random order. */
        uint32_t first = graph_text_random(6), step = graph_text_random(2) ? 1 : 5;
        for (uint32_t k = 0; k < 6; k++) {
            char label = (char)('a' + (first + k * step) % 6);
            bool is_there = strchr(labels[0], label) || (n_in > 1 && strchr(labels[1], label));
            if (is_there && graph_text_random(3))
                out[n_out++] = label;
        }
        out[n_out] = 0;
        (void)snprintf(inputs, sizeof inputs, "a:f32 %s%s%s", dims[0], n_in > 1 ? ", b:f32 " : "",
                       n_in > 1 ? dims[1] : "");
        (void)snprintf(body, sizeof body, "y = Einsum[equation='%s%s%s->%s'](%s)", labels[0], n_in > 1 ? "," : "",
                       n_in > 1 ? labels[1] : "", out, n_in > 1 ? "a, b" : "a");
        expand(13, inputs, body, got, sizeof got, NULL);
        n_all++;
        n_expanded += strstr(got, "Einsum") == NULL;
    }
    assert_true(n_expanded * 10 > n_all * 7); /* the others broadcast what they sum over, or merge unknown sizes */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_random)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
