/* Transpositions of every ISA row and element size, strided copies and fills: odd sizes, strides wider
 * than the tile, guard bytes, nothing written between the rows. */
#include "isa_support.h"
#include "kernels/guarded.h"
#include "kernels/move/move.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check_transpose(const hone_move_row *row, size_t size, size_t rows, size_t cols, size_t gap) {
    const size_t xs = cols + gap, ys = rows + gap, nx = rows * xs, ny = cols * ys;
    unsigned char *x = malloc(nx * size + 1), *y = malloc(ny * size + 1), *want = malloc(ny * size + 1);
    for (size_t i = 0; i < nx * size; i++)
        x[i] = (unsigned char)(i * 167 + i / 251);
    memset(y, 0xA5, ny * size + 1);
    memset(want, 0xA5, ny * size + 1);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < cols; c++)
            memcpy(want + (c * ys + r) * size, x + (r * xs + c) * size, size);
    hone_move_transpose(row, size, x, xs, y, ys, rows, cols);
    assert_memory_equal(y, want, ny * size + 1);
    free(x);
    free(y);
    free(want);
}

static void test_transpose(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 4, 8, 16}, lengths[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 50};
    enum { N = sizeof lengths / sizeof lengths[0] };
    size_t n;
    const hone_move_row *const *rows = hone_move_rows(&n);
    const uint32_t isa = test_isa_bits();
    for (size_t r = 0; r < n; r++) {
        if ((rows[r]->isa & isa) != rows[r]->isa)
            continue;
        for (size_t s = 0; s < 5; s++)
            for (size_t i = 0; i < N; i++)
                for (size_t j = 0; j < N; j++)
                    check_transpose(rows[r], sizes[s], lengths[i], lengths[j], (i + j) % 3 * 5);
    }
}

static void test_strided(void **state) {
    (void)state;
    uint32_t x[64], y[130];
    for (uint32_t i = 0; i < 64; i++)
        x[i] = i;
    memset(y, 0xFF, sizeof y);
    hone_move_strided(4, x, 2, y, 1, 32);
    for (uint32_t i = 0; i < 32; i++)
        assert_int_equal(y[i], 2 * i);
    assert_int_equal(y[32], UINT32_MAX);
    hone_move_strided(4, x + 63, -1, y, 2, 64);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(y[2 * i], 63 - i);
    assert_int_equal(y[129], UINT32_MAX);
    hone_move_fill(8, x + 2, y, 33);
    for (uint32_t i = 0; i < 33; i++)
        assert_true(y[2 * i] == 2 && y[2 * i + 1] == 3);
}

/* Vectors gathered from several sources, lanes without one being 0. */
static void test_lanes(void **state) {
    (void)state;
    enum { SOURCES = 5, VECTORS = 11 };
    size_t n;
    const hone_move_row *const *rows = hone_move_rows(&n);
    const uint32_t isa = test_isa_bits();
    static float data[SOURCES][VECTORS * HONE_MOVE_MAX_LANES], y[VECTORS * HONE_MOVE_MAX_LANES + 1];
    const float *x[SOURCES];
    for (size_t s = 0; s < SOURCES; s++) {
        x[s] = data[s];
        for (size_t i = 0; i < VECTORS * HONE_MOVE_MAX_LANES; i++)
            data[s][i] = (float)(1 + s * 1000 + i);
    }
    for (size_t r = 0; r < n; r++) {
        const size_t lanes = rows[r]->n_lanes;
        if ((rows[r]->isa & isa) != rows[r]->isa)
            continue;
        for (size_t n_picks = 1; n_picks <= SOURCES; n_picks++)
            for (size_t n_vectors = 0; n_vectors <= VECTORS; n_vectors++) {
                hone_move_pick picks[SOURCES] = {0};
                for (size_t i = 0; i + 1 < lanes; i++) { /* the last lane comes from nowhere */
                    hone_move_pick *pick = &picks[(i * 7 + n_vectors) % n_picks];
                    pick->index[i] = (int32_t)((i * 5 + n_picks) % lanes);
                    pick->keep[i] = -1;
                    pick->mask |= 1u << i;
                }
                for (size_t i = 0; i <= VECTORS * HONE_MOVE_MAX_LANES; i++)
                    y[i] = -1.0f;
                rows[r]->lanes(x, picks, n_picks, n_vectors, y);
                for (size_t v = 0; v < n_vectors; v++)
                    for (size_t i = 0; i < lanes; i++) {
                        const size_t s = (i * 7 + n_vectors) % n_picks, from = (i * 5 + n_picks) % lanes;
                        assert_true(y[v * lanes + i] == (i + 1 < lanes ? data[s][v * lanes + from] : 0.0f));
                    }
                assert_true(y[n_vectors * lanes] == -1.0f);
            }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transpose), cmocka_unit_test(test_strided),
                                       cmocka_unit_test(test_lanes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
