/* Transposition of 8 by 8 tiles of four-byte elements (AVX2). */
#include "kernels/move/move.h"

#include <hone/machine.h>
#include <immintrin.h>

enum { TILE = 8 };

static inline __m256i mask_of(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Pairs of rows interleave by elements, then by pairs, then the 128-bit halves are exchanged. */
static inline void transpose_registers(__m256 r[TILE]) {
    __m256 t[TILE], u[TILE];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++) {
        u[4 * i] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xEE);
        u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xEE);
    }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}

static inline void full_tile(const float *x, size_t xs, float *y, size_t ys) {
    __m256 r[TILE];
    for (int i = 0; i < TILE; i++)
        r[i] = _mm256_loadu_ps(x + (size_t)i * xs);
    transpose_registers(r);
    for (int i = 0; i < TILE; i++)
        _mm256_storeu_ps(y + (size_t)i * ys, r[i]);
}

static void part_tile(const float *x, size_t xs, float *y, size_t ys, size_t rows, size_t cols) {
    const __m256i row_mask = mask_of(rows), col_mask = mask_of(cols);
    __m256 r[TILE];
    for (size_t i = 0; i < TILE; i++)
        r[i] = i < rows ? _mm256_maskload_ps(x + i * xs, col_mask) : _mm256_setzero_ps();
    transpose_registers(r);
    for (size_t i = 0; i < cols; i++)
        _mm256_maskstore_ps(y + i * ys, row_mask, r[i]);
}

static void transpose4(const void *px, size_t xs, void *py, size_t ys, size_t rows, size_t cols) {
    const float *x = px;
    float *y = py;
    for (size_t r = 0; r < rows; r += TILE) {
        for (size_t c = 0; c < cols; c += TILE) {
            if (r + TILE <= rows && c + TILE <= cols)
                full_tile(x + r * xs + c, xs, y + c * ys + r, ys);
            else
                part_tile(x + r * xs + c, xs, y + c * ys + r, ys, rows - r < TILE ? rows - r : TILE,
                          cols - c < TILE ? cols - c : TILE);
        }
    }
}

static inline __m256 pick_lanes(__m256 to, const hone_move_pick *pick, const float *from) {
    const __m256 moved = _mm256_permutevar8x32_ps(_mm256_loadu_ps(from), _mm256_loadu_si256((const void *)pick->index));
    return _mm256_blendv_ps(to, moved, _mm256_castsi256_ps(_mm256_loadu_si256((const void *)pick->keep)));
}

static void lanes(const float *const *x, const hone_move_pick *picks, size_t n_picks, size_t n_vectors, float *y) {
    for (size_t v = 0; v < n_vectors; v++) {
        __m256 a = _mm256_setzero_ps();
        for (size_t p = 0; p < n_picks; p++)
            a = pick_lanes(a, &picks[p], x[p] + v * TILE);
        _mm256_storeu_ps(y + v * TILE, a);
    }
}

const hone_move_row hone_move_row__avx2 = {"avx2", HONE_ISA_AVX2, transpose4, TILE, lanes};
