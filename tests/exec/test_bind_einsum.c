/* Einsum bound to its kernel, against the operator's reference evaluator, on random equations: labels in any order,
 * twice in one operand, of size 1 in one of them, and sums over labels of one operand alone. */
#include "support/kernel_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void random_term(harness *h, char *labels) {
    static const int64_t sizes[] = {2, 3, 4, 7, 5, 1};
    int64_t dims[5];
    const int rank = (int)harness_between(0, 4);
    for (int i = 0; i < rank; i++) {
        const int label = (int)harness_between(0, 5);
        labels[i] = (char)('a' + label);
        dims[i] = sizes[label];
        if (harness_between(0, 9) == 0 && !memchr(labels, labels[i], (size_t)i))
            dims[i] = 1;
    }
    /* A diagonal is of one size. */
    for (int i = 0; i < rank; i++)
        for (int k = 0; k < i; k++)
            if (labels[k] == labels[i])
                dims[i] = dims[k];
    labels[rank] = 0;
    harness_random(h, HONE_DTYPE_FLOAT, rank, dims, -2, 2);
}

static void test_random(void **state) {
    (void)state;
    for (int i = 0; i < 600; i++) {
        char labels[2][8] = {"", ""}, out[8], equation[40];
        size_t n_out = 0;
        harness *h = harness_create("", "Einsum", 13);
        random_term(h, labels[0]);
        if (i % 4)
            random_term(h, labels[1]);
        const int first = (int)harness_between(0, 5), step = harness_between(0, 1) ? 1 : 5;
        for (int k = 0; k < 6; k++) {
            const char label = (char)('a' + (first + k * step) % 6);
            if ((strchr(labels[0], label) || strchr(labels[1], label)) && harness_between(0, 2))
                out[n_out++] = label;
        }
        out[n_out] = 0;
        (void)snprintf(equation, sizeof equation, i % 4 ? "%s,%s->%s" : "%s%s->%s", labels[0], labels[1], out);
        harness_attr_string(h, "equation", equation);
        harness_check(h, 1, i % 4 ? "f32_einsum_gemm" : "f32_einsum_sum");
    }
}

/* Sizes at which the product is cut into blocks. */
static void test_large(void **state) {
    (void)state;
    static const char *const equations[] = {"bik,bkj->bij", "bki,bjk->ijb", "...ik,jk...->i...j", "bii,bij->jb"};
    for (int i = 0; i < 4; i++) {
        harness *h = harness_create("", "Einsum", 13);
        const int64_t a[4][3] = {{3, 70, 90}, {3, 90, 70}, {3, 70, 90}, {3, 40, 40}};
        const int64_t b[4][3] = {{3, 90, 50}, {3, 50, 90}, {50, 90, 3}, {3, 40, 50}};
        harness_random(h, HONE_DTYPE_FLOAT, 3, a[i], -1, 1);
        harness_random(h, HONE_DTYPE_FLOAT, 3, b[i], -1, 1);
        harness_attr_string(h, "equation", equations[i]);
        harness_check(h, 1, "f32_einsum_gemm");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
