/* Data movement, pooling, reductions, normalisations and rotary embeddings bound to the CPU kernels, against the
 * operators' reference evaluators on random shapes. */
#include "support/kernel_harness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void random_dims(int rank, int64_t *dims) {
    for (int i = 0; i < rank; i++)
        dims[i] = harness_between(0, 12) == 0 ? 1 : harness_between(1, rank > 3 ? 9 : 33);
}
static hone_dtype random_dtype(void) {
    static const hone_dtype dtypes[] = {HONE_DTYPE_FLOAT, HONE_DTYPE_FLOAT,   HONE_DTYPE_INT64,
                                        HONE_DTYPE_UINT8, HONE_DTYPE_FLOAT16, HONE_DTYPE_DOUBLE};
    return dtypes[harness_next() % 6];
}

static void test_transpose(void **state) {
    (void)state;
    for (int i = 0; i < 150; i++) {
        int64_t dims[6], perm[6];
        const int rank = (int)harness_between(1, 5);
        random_dims(rank, dims);
        for (int k = 0; k < rank; k++)
            perm[k] = k;
        for (int k = rank - 1; k > 0; k--) {
            const int j = (int)harness_between(0, k);
            const int64_t t = perm[k];
            perm[k] = perm[j];
            perm[j] = t;
        }
        harness *h = harness_create("", "Transpose", 13);
        harness_attr_ints(h, "perm", perm, (size_t)rank);
        harness_random(h, random_dtype(), rank, dims, -9, 9);
        harness_check(h, 1, "move");
    }
    harness *h = harness_create("", "Transpose", 13); /* large enough for several tasks */
    harness_attr_ints(h, "perm", (int64_t[]){0, 2, 3, 1}, 4);
    harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){1, 96, 37, 41}, -9, 9);
    harness_check(h, 1, "transpose");
}

static void test_concat_split(void **state) {
    (void)state;
    for (int i = 0; i < 60; i++) {
        int64_t dims[6], sizes[4];
        const int rank = (int)harness_between(1, 4), n = (int)harness_between(1, 4);
        const int axis = (int)harness_between(0, rank - 1);
        const hone_dtype dtype = random_dtype();
        random_dims(rank, dims);
        harness *h = harness_create("", "Concat", 13);
        harness_attr_int(h, "axis", i % 2 ? axis : axis - rank);
        int64_t total = 0;
        for (int k = 0; k < n; k++) {
            dims[axis] = sizes[k] = harness_between(i % 5 ? 1 : 0, 7);
            total += sizes[k];
            harness_random(h, dtype, rank, dims, -9, 9);
        }
        harness_check(h, 1, "concat");
        h = harness_create("", "Split", 13);
        harness_attr_int(h, "axis", axis);
        dims[axis] = total;
        harness_random(h, dtype, rank, dims, -9, 9);
        harness_ints(h, sizes, (size_t)n);
        harness_check(h, (size_t)n, "split");
    }
}

static void test_slice(void **state) {
    (void)state;
    for (int i = 0; i < 150; i++) {
        int64_t dims[6], starts[4], ends[4], axes[4], steps[4];
        const int rank = (int)harness_between(1, 4), n = (int)harness_between(1, rank);
        random_dims(rank, dims);
        for (int k = 0; k < n; k++) {
            axes[k] = harness_between(0, 1) ? k : k - rank;
            steps[k] = (int64_t[]){1, 1, 2, 3, -1, -2}[harness_next() % 6];
            starts[k] = harness_between(-dims[k] - 2, dims[k] + 2);
            ends[k] = harness_between(0, 3) ? harness_between(-dims[k] - 2, dims[k] + 2)
                                            : (steps[k] < 0 ? INT64_MIN : INT64_MAX);
        }
        harness *h = harness_create("", "Slice", 13);
        harness_random(h, random_dtype(), rank, dims, -9, 9);
        harness_ints(h, starts, (size_t)n);
        harness_ints(h, ends, (size_t)n);
        harness_ints(h, axes, (size_t)n);
        harness_ints(h, steps, (size_t)n);
        harness_check(h, 1, "slice");
    }
}

static void test_expand_tile_gather(void **state) {
    (void)state;
    for (int i = 0; i < 60; i++) {
        int64_t dims[6], shape[6], repeats[6];
        const int rank = (int)harness_between(1, 4);
        const hone_dtype dtype = random_dtype();
        random_dims(rank, dims);
        for (int k = 0; k < rank; k++) {
            shape[k] = dims[k];
            if (harness_between(0, 1))
                dims[k] = 1;
            repeats[k] = harness_between(1, 3);
        }
        harness *h = harness_create("", "Expand", 13);
        harness_random(h, dtype, rank, dims, -9, 9);
        harness_ints(h, shape, (size_t)rank);
        harness_check(h, 1, "expand");
        h = harness_create("", "Tile", 13);
        harness_random(h, dtype, rank, shape, -9, 9);
        harness_ints(h, repeats, (size_t)rank);
        harness_check(h, 1, "tile");
        const int axis = (int)harness_between(0, rank - 1);
        h = harness_create("", "Gather", 13);
        harness_attr_int(h, "axis", axis);
        harness_random(h, dtype, rank, shape, -9, 9);
        harness_random(h, i % 2 ? HONE_DTYPE_INT64 : HONE_DTYPE_INT32, 2, (int64_t[]){3, 5}, (double)-shape[axis],
                       (double)shape[axis] - 1.001);
        harness_check(h, 1, "gather");
    }
}

static void test_depth(void **state) {
    (void)state;
    for (int i = 0; i < 24; i++) {
        const int64_t b = harness_between(1, 3), n = harness_between(1, 2), c = harness_between(1, 4);
        const int64_t height = harness_between(1, 6), width = harness_between(1, 6);
        harness *h = harness_create("", "DepthToSpace", 13);
        harness_attr_int(h, "blocksize", b);
        harness_attr_string(h, "mode", i % 2 ? "CRD" : "DCR");
        harness_random(h, random_dtype(), 4, (int64_t[]){n, c * b * b, height, width}, -9, 9);
        harness_check(h, 1, "depth_to_space");
        h = harness_create("", "SpaceToDepth", 13);
        harness_attr_int(h, "blocksize", b);
        harness_random(h, random_dtype(), 4, (int64_t[]){n, c, height * b, width * b}, -9, 9);
        harness_check(h, 1, "space_to_depth");
    }
}

static void test_resize(void **state) {
    (void)state;
    static const char *const coords[] = {"half_pixel",    "pytorch_half_pixel", "half_pixel_symmetric",
                                         "align_corners", "asymmetric",         "tf_half_pixel_for_nn"};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    for (int i = 0; i < 120; i++) {
        const bool is_linear = i % 2, by_size = i % 3 == 0;
        const int64_t dims[4] = {harness_between(1, 2), harness_between(1, 3), harness_between(1, 9),
                                 harness_between(1, 40)};
        const float factors[] = {0.5f, 0.7f, 1.0f, 1.3f, 2.0f, 3.0f};
        const float scales[4] = {1, 1, factors[harness_next() % 6], factors[harness_next() % 6]};
        const int64_t sizes[4] = {dims[0], dims[1], harness_between(1, 20), harness_between(1, 60)};
        harness *h = harness_create("", "Resize", i % 5 ? 13 : 19);
        harness_attr_string(h, "mode", is_linear ? "linear" : "nearest");
        harness_attr_string(h, "coordinate_transformation_mode", coords[i % 5 ? (i / 2) % 2 + 3 * (i / 4 % 2) : 2]);
        harness_attr_string(h, "nearest_mode", roundings[i / 2 % 4]);
        harness_random(h, is_linear ? HONE_DTYPE_FLOAT : random_dtype(), 4, dims, -9, 9);
        harness_omit(h);
        if (by_size) {
            harness_omit(h);
            harness_ints(h, sizes, 4);
        } else {
            harness_floats(h, scales, 4);
        }
        harness_check(h, 1, "resize");
    }
    harness *h = harness_create("", "Resize", 13);
    harness_attr_string(h, "mode", "cubic");
    harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){1, 1, 4, 4}, -9, 9);
    harness_omit(h);
    harness_floats(h, (float[]){1, 1, 2, 2}, 4);
    harness_check(h, 1, "reference");
    h = harness_create("", "Upsample", 9);
    harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){1, 8, 40, 40}, -9, 9);
    harness_floats(h, (float[]){1, 1, 2, 2}, 4);
    harness_check(h, 1, "resize_nearest");
}

static void test_pad(void **state) {
    (void)state;
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    for (int i = 0; i < 100; i++) {
        int64_t dims[4], pads[8];
        const int rank = (int)harness_between(1, 4), mode = i % 4;
        for (int k = 0; k < rank; k++) {
            dims[k] = harness_between(4, 9);
            pads[k] = harness_between(mode == 0 ? -2 : 0, 3);
            pads[k + rank] = harness_between(mode == 0 ? -1 : 0, 3);
        }
        const hone_dtype dtype = random_dtype();
        harness *h = harness_create("", "Pad", mode == 3 ? 19 : 13);
        harness_attr_string(h, "mode", modes[mode]);
        harness_random(h, dtype, rank, dims, -9, 9);
        harness_ints(h, pads, (size_t)rank * 2);
        if (mode == 0 && i % 8 == 0)
            harness_random(h, dtype, 0, NULL, -9, 9);
        harness_check(h, 1, "pad");
    }
}

static void test_pool(void **state) {
    (void)state;
    for (int i = 0; i < 160; i++) {
        const int rank = i % 5 ? 4 : 3, n = rank - 2;
        const bool is_max = i % 2;
        int64_t dims[4] = {harness_between(1, 2), harness_between(1, 5), harness_between(7, 30),
                           harness_between(7, 50)};
        int64_t kernel[2], strides[2], pads[4], dilations[2];
        for (int k = 0; k < n; k++) {
            kernel[k] = harness_between(1, 3);
            strides[k] = harness_between(1, 3);
            dilations[k] = is_max ? harness_between(1, 2) : 1;
            pads[k] = harness_between(0, kernel[k] - 1);
            pads[k + n] = harness_between(0, kernel[k] - 1);
        }
        harness *h = harness_create("", is_max ? "MaxPool" : "AveragePool", 12);
        harness_attr_ints(h, "kernel_shape", kernel, (size_t)n);
        harness_attr_ints(h, "strides", strides, (size_t)n);
        harness_attr_int(h, "ceil_mode", i % 3 == 0);
        if (i % 7 == 0)
            harness_attr_string(h, "auto_pad", i % 14 ? "SAME_UPPER" : "SAME_LOWER");
        else
            harness_attr_ints(h, "pads", pads, (size_t)n * 2);
        if (is_max)
            harness_attr_ints(h, "dilations", dilations, (size_t)n);
        else
            harness_attr_int(h, "count_include_pad", i % 4 == 0);
        harness_random(h, HONE_DTYPE_FLOAT, rank, dims, -9, 9);
        harness_check(h, 1, is_max ? "f32_max_pool" : "f32_average_pool");
    }
    harness *h = harness_create("", "MaxPool", 12); /* indices are the reference's */
    harness_attr_ints(h, "kernel_shape", (int64_t[]){2, 2}, 2);
    harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){1, 2, 6, 6}, -9, 9);
    harness_check(h, 2, "reference");
}

static void test_reduce(void **state) {
    (void)state;
    static const char *const ops[] = {"ReduceSum", "ReduceMean", "ReduceMax",       "ReduceMin",   "ReduceProd",
                                      "ReduceL1",  "ReduceL2",   "ReduceSumSquare", "ReduceLogSum"};
    for (int i = 0; i < 180; i++) {
        int64_t dims[6], axes[6];
        const int rank = (int)harness_between(1, 5);
        size_t n = 0;
        random_dims(rank, dims);
        for (int k = 0; k < rank; k++)
            if (harness_between(0, 1))
                axes[n++] = i % 2 ? k : k - rank;
        const char *op = ops[i % 9];
        const bool by_input = op[6] == 'S' && op[9] == 0; /* ReduceSum 13 */
        harness *h = harness_create("", op, 13);
        harness_attr_int(h, "keepdims", i % 3 != 0);
        if (!by_input && n > 0)
            harness_attr_ints(h, "axes", axes, n);
        harness_random(h, HONE_DTYPE_FLOAT, rank, dims,
                       op[6] == 'P'   ? 0.9
                       : op[6] == 'L' ? 0.1
                                      : -2.0,
                       op[6] == 'P' ? 1.1 : 2.0);
        if (by_input && n > 0)
            harness_ints(h, axes, n);
        harness_check(h, 1, "f32_reduce");
    }
    for (int i = 0; i < 40; i++) {
        int64_t dims[6];
        const int rank = (int)harness_between(2, 4);
        random_dims(rank, dims);
        harness *h = harness_create("", i % 2 ? "GlobalAveragePool" : "GlobalMaxPool", 13);
        harness_random(h, HONE_DTYPE_FLOAT, rank < 3 ? 3 : rank, (int64_t[]){dims[0], dims[1], 7, 9}, -2, 2);
        harness_check(h, 1, "f32_reduce");
        h = harness_create("", "ArgMax", 13);
        harness_attr_int(h, "axis", harness_between(-rank, rank - 1));
        harness_attr_int(h, "keepdims", i % 2);
        harness_attr_int(h, "select_last_index", i / 2 % 2);
        harness_random(h, HONE_DTYPE_FLOAT, rank, dims, -2, 2);
        for (int64_t k = 0; k < hone_tensor_count(harness_last(h)); k++) { /* ties */
            float *v = (float *)hone_tensor_data(harness_last(h)) + k;
            *v = (float)(int)*v;
        }
        harness_check(h, 1, "f32_argmax");
    }
}

static void test_norm(void **state) {
    (void)state;
    for (int i = 0; i < 80; i++) {
        int64_t dims[6];
        const int rank = (int)harness_between(2, 4);
        random_dims(rank, dims);
        harness *h = harness_create("", i % 2 ? "Softmax" : "LogSoftmax", i % 3 ? 13 : 11);
        harness_attr_int(h, "axis", harness_between(-rank, rank - 1));
        harness_random(h, HONE_DTYPE_FLOAT, rank, dims, -20, 20);
        harness_check(h, 1, i % 2 ? "f32_softmax" : "f32_log_softmax");

        const int axis = (int)harness_between(1, rank - 1);
        h = harness_create("", "LayerNormalization", 17);
        harness_attr_int(h, "axis", i % 2 ? axis : axis - rank);
        harness_attr_float(h, "epsilon", 1e-3f);
        harness_random(h, HONE_DTYPE_FLOAT, rank, dims, -2, 5);
        harness_random(h, HONE_DTYPE_FLOAT, rank - axis, dims + axis, -2, 2);
        if (i % 3)
            harness_random(h, HONE_DTYPE_FLOAT, rank - axis, dims + axis, -2, 2);
        bool broadcasts = false; /* a dim of one may broadcast, which the kernel leaves to the reference */
        for (int k = axis; k < rank; k++)
            broadcasts = broadcasts || dims[k] == 1;
        harness_check(h, 1, broadcasts ? NULL : "f32_layer_norm");

        const int64_t c = dims[1];
        h = harness_create("", "BatchNormalization", 15);
        harness_random(h, HONE_DTYPE_FLOAT, rank, dims, -2, 5);
        harness_random(h, HONE_DTYPE_FLOAT, 1, &c, -2, 2);
        harness_random(h, HONE_DTYPE_FLOAT, 1, &c, -2, 2);
        harness_random(h, HONE_DTYPE_FLOAT, 1, &c, -2, 2);
        harness_random(h, HONE_DTYPE_FLOAT, 1, &c, 0.1, 2);
        harness_check(h, 1, "f32_batch_norm");
        h = harness_create("", "InstanceNormalization", 15);
        harness_attr_float(h, "epsilon", 1e-2f);
        harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){2, c, 5, 7}, -2, 5);
        harness_random(h, HONE_DTYPE_FLOAT, 1, &c, -2, 2);
        harness_random(h, HONE_DTYPE_FLOAT, 1, &c, -2, 2);
        harness_check(h, 1, "f32_instance_norm");
        h = harness_create("", "LRN", 13);
        harness_attr_int(h, "size", harness_between(1, 3) * 2 - 1);
        harness_attr_float(h, "alpha", 0.5f);
        harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){2, c, 5, 7}, -2, 5);
        harness_check(h, 1, "f32_lrn");
        const int64_t groups = harness_between(1, 4), wide = groups * harness_between(1, 3);
        const int64_t *scale = i % 2 ? &groups : &wide;
        h = harness_create("", "GroupNormalization", i % 2 ? 18 : 21);
        harness_attr_int(h, "num_groups", groups);
        harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){2, wide, 5, 7}, -2, 5);
        harness_random(h, HONE_DTYPE_FLOAT, 1, scale, -2, 2);
        harness_random(h, HONE_DTYPE_FLOAT, 1, scale, -2, 2);
        harness_check(h, 1, "f32_group_norm");
    }
}

static void test_rotary(void **state) {
    (void)state;
    for (int i = 0; i < 60; i++) {
        const int64_t turns = 2 * harness_between(1, 40), d = turns + (i % 3 ? 0 : harness_between(0, 20));
        int64_t x[] = {harness_between(1, 3), harness_between(1, 4), harness_between(1, 9), d};
        int64_t c[] = {i % 4 == 1 ? x[0] : 1, i % 5 == 1 ? x[1] : 1, x[2], turns}, s[] = {c[0], 1, x[2], turns};
        if (i % 7 == 1) /* one row for many angles */
            x[2] = 1;
        const int short_by = i % 6 == 2 ? 2 : 0; /* angles of lower rank */
        harness *h = harness_create("hone", "FusedRotary", 1);
        harness_attr_int(h, "interleaved", i % 2);
        harness_random(h, HONE_DTYPE_FLOAT, 4, x, -3, 3);
        harness_random(h, HONE_DTYPE_FLOAT, 4 - short_by, c + short_by, -1, 1);
        harness_random(h, HONE_DTYPE_FLOAT, 4 - short_by, s + short_by, -1, 1);
        harness_check(h, 1, i % 2 ? "f32_rotary_pairs" : "f32_rotary_halves");
    }
    harness *h = harness_create("hone", "FusedRotary", 1); /* large enough for several tasks */
    harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){2, 12, 37, 64}, -3, 3);
    harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){2, 1, 37, 64}, -1, 1);
    harness_random(h, HONE_DTYPE_FLOAT, 4, (int64_t[]){1, 1, 37, 64}, -1, 1);
    harness_check(h, 1, "f32_rotary_halves");
}

/* Channels picked from up to five inputs. */
static void test_channel_gather(void **state) {
    (void)state;
    for (int i = 0; i < 40; i++) {
        enum { MAX = HARNESS_MAX_INTS };
        const size_t n_in = (size_t)harness_between(1, 5), n = (size_t)harness_between(1, MAX);
        int64_t dims[4] = {harness_between(1, 3), 0, harness_between(1, 40), harness_between(1, 9)};
        int64_t source[MAX], channel[MAX], c[5];
        harness *h = harness_create("hone", "ChannelGather", 1);
        for (size_t k = 0; k < n_in; k++) {
            dims[1] = c[k] = harness_between(1, 40);
            harness_random(h, HONE_DTYPE_FLOAT, i % 5 == 1 ? 3 : 4, dims, -3, 3);
        }
        for (size_t k = 0; k < n; k++) {
            source[k] = harness_between(0, (int64_t)n_in - 1);
            channel[k] = harness_between(0, c[source[k]] - 1);
        }
        harness_attr_ints(h, "source", source, n);
        harness_attr_ints(h, "channel", channel, n);
        harness_check(h, 1, "f32_channel_gather");
    }
}

int main(void) {
    harness_seed(2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transpose), cmocka_unit_test(test_concat_split),
        cmocka_unit_test(test_slice),     cmocka_unit_test(test_expand_tile_gather),
        cmocka_unit_test(test_depth),     cmocka_unit_test(test_pool),
        cmocka_unit_test(test_reduce),    cmocka_unit_test(test_norm),
        cmocka_unit_test(test_resize),    cmocka_unit_test(test_pad),
        cmocka_unit_test(test_rotary),    cmocka_unit_test(test_channel_gather),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
