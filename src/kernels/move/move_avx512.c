/* Transposition of 16 by 16 tiles of four-byte elements (AVX-512). */
#include "kernels/move/move.h"

#include <hone/machine.h>
#include <immintrin.h>

enum { TILE = 16 };

/* Rows interleave by elements, then by pairs within 128-bit lanes; two rounds of lane shuffles then
 * transpose the 4 by 4 lanes. */
static inline void transpose_registers(__m512 r[TILE]) {
    __m512 t[TILE], u[TILE];
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 4; i++) {
        u[4 * i] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
        u[4 * i + 1] = _mm512_shuffle_ps(t[4 * i], t[4 * i + 2], 0xEE);
        u[4 * i + 2] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
        u[4 * i + 3] = _mm512_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xEE);
    }
    /* u[4i + k] holds, in lane l, rows 4i..4i+3 of column 4l + k. */
    for (int k = 0; k < 4; k++) {
        const __m512 a = _mm512_shuffle_f32x4(u[k], u[4 + k], 0x88), b = _mm512_shuffle_f32x4(u[k], u[4 + k], 0xDD);
        const __m512 c = _mm512_shuffle_f32x4(u[8 + k], u[12 + k], 0x88);
        const __m512 d = _mm512_shuffle_f32x4(u[8 + k], u[12 + k], 0xDD);
        r[k] = _mm512_shuffle_f32x4(a, c, 0x88);
        r[8 + k] = _mm512_shuffle_f32x4(a, c, 0xDD);
        r[4 + k] = _mm512_shuffle_f32x4(b, d, 0x88);
        r[12 + k] = _mm512_shuffle_f32x4(b, d, 0xDD);
    }
}

static inline void full_tile(const float *x, size_t xs, float *y, size_t ys) {
    __m512 r[TILE];
    for (int i = 0; i < TILE; i++)
        r[i] = _mm512_loadu_ps(x + (size_t)i * xs);
    transpose_registers(r);
    for (int i = 0; i < TILE; i++)
        _mm512_storeu_ps(y + (size_t)i * ys, r[i]);
}

static void part_tile(const float *x, size_t xs, float *y, size_t ys, size_t rows, size_t cols) {
    const __mmask16 row_mask = (__mmask16)((1u << rows) - 1u), col_mask = (__mmask16)((1u << cols) - 1u);
    __m512 r[TILE];
    for (size_t i = 0; i < TILE; i++)
        r[i] = i < rows ? _mm512_maskz_loadu_ps(col_mask, x + i * xs) : _mm512_setzero_ps();
    transpose_registers(r);
    for (size_t i = 0; i < cols; i++)
        _mm512_mask_storeu_ps(y + i * ys, row_mask, r[i]);
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

/* Four vectors at a time, so that indices are loaded once for them. */
static void lanes(const float *const *x, const hone_move_pick *picks, size_t n_picks, size_t n_vectors, float *y) {
    size_t v = 0;
    for (; v + 4 <= n_vectors; v += 4) {
        __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
        for (size_t p = 0; p < n_picks; p++) {
            const __m512i index = _mm512_loadu_si512(picks[p].index);
            const __mmask16 mask = (__mmask16)picks[p].mask;
            const float *from = x[p] + v * TILE;
            a = _mm512_mask_permutexvar_ps(a, mask, index, _mm512_loadu_ps(from));
            b = _mm512_mask_permutexvar_ps(b, mask, index, _mm512_loadu_ps(from + TILE));
            c = _mm512_mask_permutexvar_ps(c, mask, index, _mm512_loadu_ps(from + 2 * TILE));
            d = _mm512_mask_permutexvar_ps(d, mask, index, _mm512_loadu_ps(from + 3 * TILE));
        }
        float *to = y + v * TILE;
        _mm512_storeu_ps(to, a);
        _mm512_storeu_ps(to + TILE, b);
        _mm512_storeu_ps(to + 2 * TILE, c);
        _mm512_storeu_ps(to + 3 * TILE, d);
    }
    for (; v < n_vectors; v++) {
        __m512 a = _mm512_setzero_ps();
        for (size_t p = 0; p < n_picks; p++)
            a = _mm512_mask_permutexvar_ps(a, (__mmask16)picks[p].mask, _mm512_loadu_si512(picks[p].index),
                                           _mm512_loadu_ps(x[p] + v * TILE));
        _mm512_storeu_ps(y + v * TILE, a);
    }
}

const hone_move_row hone_move_row__avx512 = {"avx512", HONE_ISA_AVX2 | HONE_ISA_AVX512, transpose4, TILE, lanes};
