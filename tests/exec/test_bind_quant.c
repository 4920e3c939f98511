/* QuantizeLinear and DequantizeLinear bound to their kernels, against the reference evaluator: types, one scale and one
 * per index of any axis, with and without zero points, numbers on the half, beyond the range, infinite and not a
 * number. */
#include "support/kernel_harness.h"

#include <hone/tensor.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void add_scales(harness *h, int64_t n, hone_dtype zero) {
    const int rank = n > 0;
    harness_random(h, HONE_DTYPE_FLOAT, rank, &n, 0.01, 0.5);
    if (zero)
        harness_random(h, zero, rank, &n, zero == HONE_DTYPE_UINT8 ? 0 : -20, 100);
}

static void test_quantize(void **state) {
    (void)state;
    static const hone_dtype types[] = {HONE_DTYPE_UNDEFINED, HONE_DTYPE_UINT8, HONE_DTYPE_INT8};
    for (int i = 0; i < 90; i++) {
        int64_t dims[3] = {harness_between(1, 4), harness_between(1, 9), harness_between(1, 70)};
        const int axis = (int)harness_between(0, 2);
        harness *h = harness_create("", "QuantizeLinear", i % 2 ? 13 : 21);
        harness_random(h, HONE_DTYPE_FLOAT, 3, dims, -60, 60);
        float *v = hone_tensor_data(harness_last(h));
        v[0] = i % 5 == 0 ? NAN : i % 5 == 1 ? INFINITY : i % 5 == 2 ? -INFINITY : i % 5 == 3 ? 1e30f : -0.0f;
        if (i % 3)
            harness_attr_int(h, "axis", i % 2 ? axis : axis - 3);
        add_scales(h, i % 3 ? dims[axis] : 0, types[i % 9 / 3]);
        harness_check(h, 1, "f32_quantize");
    }
    /* Halves go to the even neighbour. */
    harness *h = harness_create("", "QuantizeLinear", 13);
    harness_floats(h, (const float[]){0.5f, 1.5f, 2.5f, -0.5f, -1.5f, 254.5f, 255.5f, 300, -3}, 9);
    harness_floats(h, (const float[]){1}, 1);
    harness_check(h, 1, "f32_quantize");
}

static void test_dequantize(void **state) {
    (void)state;
    static const hone_dtype types[] = {HONE_DTYPE_UINT8, HONE_DTYPE_INT8, HONE_DTYPE_INT32};
    for (int i = 0; i < 90; i++) {
        int64_t dims[3] = {harness_between(1, 4), harness_between(1, 9), harness_between(1, 70)};
        const int axis = (int)harness_between(0, 2);
        const hone_dtype dtype = types[i % 3];
        const double top = dtype == HONE_DTYPE_INT32 ? 2e9 : dtype == HONE_DTYPE_UINT8 ? 255 : 127;
        harness *h = harness_create("", "DequantizeLinear", i % 2 ? 13 : 21);
        harness_random(h, dtype, 3, dims, dtype == HONE_DTYPE_UINT8 ? 0 : -top, top);
        if (i % 4)
            harness_attr_int(h, "axis", axis);
        add_scales(h, i % 4 ? dims[axis] : 0, i % 5 ? dtype : HONE_DTYPE_UNDEFINED);
        harness_check(h, 1, "f32_dequantize");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quantize), cmocka_unit_test(test_dequantize)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
