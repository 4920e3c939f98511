/* Normalisations of every ISA row against double precision: awkward lengths, in place, guard bytes,
 * large offsets, masked (-inf) scores. */
#include "isa_support.h"
#include "kernels/guarded.h"
#include "kernels/norm/norm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define FOR_ROWS(row)                                                                                                  \
    size_t n_rows;                                                                                                     \
    const hone_norm_row *const *all_rows = hone_norm_rows(&n_rows);                                                    \
    const uint32_t isa = test_isa_bits();                                                                              \
    for (size_t r = 0; r < n_rows; r++)                                                                                \
        for (const hone_norm_row *row = all_rows[r]; row && (row->isa & isa) == row->isa; row = NULL)

static void check(const guarded *got, size_t i, double want, double tolerance, const char *isa, const char *what) {
    if (!(fabs(got->data[i] - want) <= tolerance * (1.0 + fabs(want))))
        fail_msg("%s %s[%zu of %zu] = %.9g, not %.9g", isa, what, i, got->n, got->data[i], want);
}

static void check_softmax(const hone_norm_row *row, const guarded *x, guarded *y, size_t n, size_t width, int is_log) {
    for (size_t j = 0; j < width; j++) {
        double top = -INFINITY, sum = 0;
        for (size_t i = 0; i < n; i++)
            top = fmax(top, x->data[i * width + j]);
        for (size_t i = 0; i < n; i++)
            sum += exp(x->data[i * width + j] - top);
        for (size_t i = 0; i < n; i++) {
            const double d = x->data[i * width + j] - top;
            if (is_log && isinf(d))
                assert_true(isinf(y->data[i * width + j]));
            else
                check(y, i * width + j, is_log ? d - log(sum) : exp(d) / sum, 1e-6, row->isa_name,
                      is_log ? "log_softmax" : "softmax");
        }
    }
    assert_true(guarded_check(y));
}

static void test_softmax(void **state) {
    (void)state;
    static const size_t widths[] = {1, 3, 16, 19, 33};
    uint64_t seed = 7;
    FOR_ROWS(row)
    for (size_t l = 1; l < N_AWKWARD; l++)
        for (size_t w = 0; w < 5; w++)
            for (int is_log = 0; is_log < 2; is_log++) {
                const size_t n = awkward_lengths[l], width = widths[w];
                guarded x = guarded_create(n * width, l % 5), y = guarded_create(n * width, (l + 2) % 3);
                guarded_random(&x, &seed, -30.0f, 30.0f);
                if (n > 2)
                    x.data[width] = -INFINITY; /* a masked score */
                if (width == 1)
                    (is_log ? row->log_softmax : row->softmax)(x.data, y.data, n);
                else
                    (is_log ? row->log_softmax_columns : row->softmax_columns)(x.data, y.data, n, width, width);
                check_softmax(row, &x, &y, n, width, is_log);
                float *copy = malloc(n * width * sizeof(float));
                memcpy(copy, x.data, n * width * sizeof(float));
                if (width == 1)
                    (is_log ? row->log_softmax : row->softmax)(x.data, x.data, n);
                else
                    (is_log ? row->log_softmax_columns : row->softmax_columns)(x.data, x.data, n, width, width);
                assert_memory_equal(x.data, y.data, n * width * sizeof(float));
                free(copy);
                guarded_destroy(&x);
                guarded_destroy(&y);
            }
}

static void test_layer_norm(void **state) {
    (void)state;
    uint64_t seed = 8;
    FOR_ROWS(row) for (size_t l = 1; l < N_AWKWARD; l++) for (int form = 0; form < 4; form++) {
        const size_t n = awkward_lengths[l];
        guarded x = guarded_create(n, l % 5), y = guarded_create(n, 1), g = guarded_create(n, 2),
                b = guarded_create(n, 3);
        guarded_random(&x, &seed, 9.0f, 12.0f); /* the mean is far from zero */
        guarded_random(&g, &seed, -2.0f, 2.0f);
        guarded_random(&b, &seed, -2.0f, 2.0f);
        double mean = 0, var = 0, square = 0;
        for (size_t i = 0; i < n; i++) {
            mean += x.data[i];
            square += (double)x.data[i] * x.data[i];
        }
        mean /= (double)n;
        for (size_t i = 0; i < n; i++)
            var += (x.data[i] - mean) * (x.data[i] - mean);
        var /= (double)n;
        const float *scale = form & 1 ? g.data : NULL, *bias = form & 2 ? b.data : NULL;
        row->layer_norm(x.data, scale, bias, y.data, n, 1e-5f);
        for (size_t i = 0; i < n; i++)
            check(&y, i,
                  (x.data[i] - mean) / sqrt(var + 1e-5) * (scale ? scale[i] : 1.0) + (bias ? (double)bias[i] : 0.0),
                  n == 1 ? 1e-2 : 2e-5, row->isa_name, "layer_norm");
        row->rms_norm(x.data, scale, y.data, n, 1e-5f);
        for (size_t i = 0; i < n; i++)
            check(&y, i, x.data[i] / sqrt(square / (double)n + 1e-5) * (scale ? scale[i] : 1.0), 1e-6, row->isa_name,
                  "rms_norm");
        row->affine(x.data, y.data, n, 0.5f, -3.0f);
        for (size_t i = 0; i < n; i++)
            check(&y, i, 0.5 * x.data[i] - 3.0, 1e-6, row->isa_name, "affine");
        /* Data far from zero: each element's distance from the mean must survive. */
        for (size_t i = 0; i < n; i++)
            g.data[i] = 1e6f + 0.25f * (float)(i % 7);
        row->centred_affine(g.data, y.data, n, 1e6f, 100.0f, -3.0f);
        for (size_t i = 0; i < n; i++)
            check(&y, i, 25.0 * (double)(i % 7) - 3.0, 1e-6, row->isa_name, "centred_affine");
        float m, v;
        row->moments(x.data, n, &m, &v);
        assert_true(fabs(m - mean) < 2e-5 && fabs(v - var) < 2e-5);
        assert_true(guarded_check(&y) && guarded_check(&x));
        guarded_destroy(&x);
        guarded_destroy(&y);
        guarded_destroy(&g);
        guarded_destroy(&b);
    }
}

static void test_lrn(void **state) {
    (void)state;
    uint64_t seed = 9;
    enum { CHANNELS = 7, WIDTH = 21 };
    FOR_ROWS(row) for (size_t size = 1; size <= 6; size++) {
        guarded x = guarded_create(CHANNELS * WIDTH, 1), y = guarded_create(CHANNELS * WIDTH, 2);
        guarded_random(&x, &seed, -3.0f, 3.0f);
        for (size_t c = 0; c < CHANNELS; c++)
            row->lrn(x.data, y.data, CHANNELS, WIDTH, c, WIDTH, size, 0.3f, 0.75f, 1.5f);
        for (int c = 0; c < CHANNELS; c++)
            for (int j = 0; j < WIDTH; j++) {
                const int below = ((int)size - 1) / 2, above = (int)size - 1 - below;
                double sum = 0;
                for (int k = c - below; k <= c + above; k++)
                    if (k >= 0 && k < CHANNELS)
                        sum += (double)x.data[k * WIDTH + j] * x.data[k * WIDTH + j];
                check(&y, (size_t)(c * WIDTH + j), x.data[c * WIDTH + j] / pow(1.5 + 0.3f / (double)size * sum, 0.75),
                      2e-6, row->isa_name, "lrn");
            }
        assert_true(guarded_check(&y));
        guarded_destroy(&x);
        guarded_destroy(&y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_softmax), cmocka_unit_test(test_layer_norm),
                                       cmocka_unit_test(test_lrn)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
