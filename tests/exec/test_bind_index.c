/* Indexed access, TopK, sampling and pools of three dimensions bound to the CPU kernels, against the operators'
 * reference evaluators on random shapes. */
#include "support/kernel_harness.h"

#include <hone/tensor.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static hone_dtype random_dtype(void) {
    static const hone_dtype dtypes[] = {HONE_DTYPE_FLOAT, HONE_DTYPE_INT64, HONE_DTYPE_UINT8, HONE_DTYPE_FLOAT16,
                                        HONE_DTYPE_DOUBLE};
    return dtypes[harness_next() % 5];
}

static void random_dims(int rank, int64_t *dims) {
    for (int i = 0; i < rank; i++)
        dims[i] = harness_between(1, rank > 3 ? 6 : 19);
}

static void test_elements(void **state) {
    (void)state;
    for (int i = 0; i < 120; i++) {
        int64_t dims[4], index[4];
        const int rank = (int)harness_between(1, 4), axis = (int)harness_between(0, rank - 1);
        const hone_dtype dtype = random_dtype(), index_dtype = i % 3 ? HONE_DTYPE_INT64 : HONE_DTYPE_INT32;
        random_dims(rank, dims);
        for (int d = 0; d < rank; d++)
            index[d] = d == axis ? harness_between(i % 7 ? 1 : 0, 9) : harness_between(1, dims[d]);
        const double low = i % 2 ? -(double)dims[axis] : 0, high = (double)dims[axis] - 1;
        harness *h = harness_create("", "GatherElements", 13);
        harness_attr_int(h, "axis", i % 2 ? axis : axis - rank);
        harness_random(h, dtype, rank, dims, -9, 9);
        harness_random(h, index_dtype, rank, index, low, high);
        harness_check(h, 1, "gather_elements");
        h = harness_create("", "ScatterElements", 13);
        harness_attr_int(h, "axis", axis);
        harness_random(h, dtype, rank, dims, -9, 9);
        harness_random(h, index_dtype, rank, index, low, high);
        harness_random(h, dtype, rank, index, -9, 9);
        harness_check(h, 1, "scatter_elements");
    }
}

static void test_tuples(void **state) {
    (void)state;
    for (int i = 0; i < 120; i++) {
        int64_t dims[4], index[4], updates[8];
        const int rank = (int)harness_between(1, 4), length = (int)harness_between(1, rank);
        const int leading = (int)harness_between(0, 2);
        const hone_dtype dtype = random_dtype();
        random_dims(rank, dims);
        int64_t smallest = dims[0];
        for (int d = 0; d < length; d++)
            smallest = dims[d] < smallest ? dims[d] : smallest;
        for (int d = 0; d < leading; d++)
            updates[d] = index[d] = harness_between(0, 7);
        index[leading] = length;
        for (int d = length; d < rank; d++)
            updates[leading + d - length] = dims[d];
        const double low = i % 2 ? -(double)smallest : 0, high = (double)smallest - 1;
        harness *h = harness_create("", "GatherND", 13);
        harness_random(h, dtype, rank, dims, -9, 9);
        harness_random(h, HONE_DTYPE_INT64, leading + 1, index, low, high);
        harness_check(h, 1, "gather_nd");
        h = harness_create("", "ScatterND", 13);
        harness_random(h, dtype, rank, dims, -9, 9);
        harness_random(h, HONE_DTYPE_INT64, leading + 1, index, low, high);
        harness_random(h, dtype, leading + rank - length, updates, -9, 9);
        harness_check(h, 1, "scatter_nd");
    }
    harness *h = harness_create("", "GatherND", 13);
    harness_attr_int(h, "batch_dims", 2);
    harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){3, 4, 5, 6}, -9, 9);
    harness_random(h, HONE_DTYPE_INT64, 4, (int64_t[]){3, 4, 7, 1}, 0, 4);
    harness_check(h, 1, "gather_nd");
}

static void test_top_k(void **state) {
    (void)state;
    for (int i = 0; i < 80; i++) {
        int64_t dims[4];
        const int rank = (int)harness_between(1, 4), axis = (int)harness_between(0, rank - 1);
        random_dims(rank, dims);
        if (i % 4 == 0)
            dims[axis] = harness_between(100, 700);
        const int64_t k = harness_between(0, dims[axis]);
        harness *h = harness_create("", "TopK", 13);
        harness_attr_int(h, "axis", axis);
        harness_attr_int(h, "largest", i % 3 != 0);
        harness_random(h, HONE_DTYPE_FLOAT, rank, dims, -9, 9);
        hone_tensor *x = harness_last(h); /* ties, both zeros, infinities and NaN */
        float *v = hone_tensor_data(x);
        static const float special[] = {0.0f, -0.0f, 1.0f, 1.0f, INFINITY, -INFINITY, NAN};
        for (int64_t e = 0; e < hone_tensor_count(x); e++)
            if (harness_between(0, 3) == 0)
                v[e] = special[harness_next() % (i % 2 ? 7 : 4)];
        harness_ints(h, &k, 1);
        harness_check(h, 2, "f32_top_k");
    }
}

static void test_sampling(void **state) {
    (void)state;
    static const char *const modes[] = {"bilinear", "nearest", "bicubic"};
    static const char *const pads[] = {"zeros", "border", "reflection"};
    for (int i = 0; i < 36; i++) {
        harness *h = harness_create("", "GridSample", 16);
        harness_attr_string(h, "mode", modes[i % 3]);
        harness_attr_string(h, "padding_mode", pads[i / 3 % 3]);
        harness_attr_int(h, "align_corners", i / 9 % 2);
        const int64_t n = harness_between(1, 2), c = harness_between(1, 5);
        harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){n, c, harness_between(1, 9), harness_between(1, 9)}, -1, 1);
        harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){n, harness_between(1, 17), harness_between(1, 9), 2}, -1.4,
                       1.4);
        harness_check(h, 1, "f32_grid_sample");
    }
    for (int i = 0; i < 40; i++) {
        const int64_t regions = harness_between(0, 5), images = harness_between(1, 3);
        harness *h = harness_create("", "RoiAlign", i % 2 ? 16 : 10);
        harness_attr_int(h, "output_height", harness_between(1, 8));
        harness_attr_int(h, "output_width", i % 10 == 9 ? 70 : harness_between(1, 8));
        harness_attr_int(h, "sampling_ratio", i % 3);
        harness_attr_float(h, "spatial_scale", i % 4 ? 0.5f : 1.0f);
        harness_random(h, HONE_DTYPE_FLOAT, 4,
                       (int64_t[]){images, harness_between(1, 5), harness_between(1, 14), harness_between(1, 14)}, -1,
                       1);
        harness_random(h, HONE_DTYPE_FLOAT, 2, (int64_t[]){regions, 4}, -6, 30);
        harness_random(h, HONE_DTYPE_INT64, 1, &regions, 0, (double)images - 1);
        harness_check(h, 1, "f32_roi_align");
    }
}

static void test_volumes(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        int64_t kernel[3], strides[3], pads[6], dims[5] = {harness_between(1, 2), harness_between(1, 3)};
        for (int d = 0; d < 3; d++) {
            kernel[d] = harness_between(1, 3);
            strides[d] = harness_between(1, 3);
            pads[d] = harness_between(0, kernel[d] - 1);
            pads[3 + d] = harness_between(0, kernel[d] - 1);
            dims[2 + d] = harness_between(3, 11);
        }
        const bool is_max = i % 2;
        harness *h = harness_create("", is_max ? "MaxPool" : "AveragePool", 12);
        harness_attr_ints(h, "kernel_shape", kernel, 3);
        harness_attr_ints(h, "strides", strides, 3);
        harness_attr_ints(h, "pads", pads, 6);
        harness_attr_int(h, "ceil_mode", i / 2 % 2);
        if (!is_max)
            harness_attr_int(h, "count_include_pad", i / 4 % 2);
        harness_random(h, HONE_DTYPE_FLOAT, 5, dims, -5, 5);
        harness_check(h, 1, is_max ? "f32_max_pool" : "f32_average_pool");
    }
}

int main(void) {
    harness_seed(7);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_elements), cmocka_unit_test(test_tuples),
                                       cmocka_unit_test(test_top_k), cmocka_unit_test(test_sampling),
                                       cmocka_unit_test(test_volumes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
