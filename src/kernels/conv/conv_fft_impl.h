/* Real 2-D FFT of small power-of-two tiles, compiled per ISA; every operation is on a vector of channels, so no
 * shuffles are needed inside. Rows are transformed two at a time as one complex sequence.
 *
 * Radix-2 Stockham (self-sorting): D. Bailey, "A High-Performance FFT Algorithm for Vector Supercomputers" (1988). */
#ifndef HONE_KERNELS_CONV_CONV_FFT_IMPL_H
#define HONE_KERNELS_CONV_CONV_FFT_IMPL_H

#include "kernels/conv/conv_winograd_impl.h"

/* tw: n/2 pairs (cos, sin) of 2 pi j / n. sign: -1 forward, +1 inverse (unscaled). Buffers a and b each hold n real
 * vectors and then n imaginary ones; returns the one with the result. */
static float *fft_line(size_t n, const float *tw, float sign, float *a, float *b) {
    for (size_t l = n / 2, m = 1; l >= 1; l /= 2, m *= 2) {
        for (size_t j = 0; j < l; j++) {
            const vf wr = v_set1(tw[2 * j * m]), wi = v_set1(sign * tw[2 * j * m + 1]);
            for (size_t k = 0; k < m; k++) {
                const float *p = a + (k + j * m) * VW, *q = p + l * m * VW;
                float *o = b + (k + 2 * j * m) * VW;
                vf pr = v_load(p), pi = v_load(p + n * VW), qr = v_load(q), qi = v_load(q + n * VW);
                vf dr = v_sub(pr, qr), di = v_sub(pi, qi);
                v_store(o, v_add(pr, qr));
                v_store(o + n * VW, v_add(pi, qi));
                v_store(o + m * VW, v_sub(v_mul(wr, dr), v_mul(wi, di)));
                v_store(o + (m + n) * VW, v_fma(wr, di, v_mul(wi, dr)));
            }
        }
        float *t = a;
        a = b;
        b = t;
    }
    return a;
}

/* One row of lw pixels of VW channels into vectors. */
HONE_INLINE void fft_load_row(const float *p, size_t plane, size_t lw, float *d) {
    for (size_t j = 0; j < lw; j += 4) {
        vf c[4];
        v_load_columns4(p + j, plane, c);
        HONE_UNROLL
        for (size_t i = 0; i < 4; i++)
            v_store(d + (j + i) * VW, c[i]);
    }
}

static void fft_in(size_t lh, size_t lw, const float *tw, const hone__conv_patch *patch, float *v, size_t fs, size_t im,
                   float *scratch) {
    const size_t nb = lw / 2 + 1, big = lh > lw ? lh : lw;
    float *copy = scratch, *g = copy + lh * lw * VW, *a = g + 2 * (lh + 1) * nb * VW, *b = a + 2 * big * VW;
    const float *p = copy;
    size_t plane = lh * lw, ld = lw;
    if (patch_inside(patch, lh, lw)) {
        p = patch->x + patch->h0 * (ptrdiff_t)patch->w + patch->w0;
        plane = patch->plane;
        ld = patch->w;
    } else {
        patch_copy(patch, lh, lw, copy);
    }
    const vf half = v_set1(0.5f);
    for (size_t h = 0; h < lh; h += 2) {
        fft_load_row(p + h * ld, plane, lw, a);
        if (h + 1 < lh)
            fft_load_row(p + (h + 1) * ld, plane, lw, a + lw * VW);
        else
            memset(a + lw * VW, 0, lw * VW * sizeof(float));
        const float *z = fft_line(lw, tw, -1.0f, a, b);
        for (size_t k = 0; k < nb; k++) {
            size_t r = (lw - k) % lw;
            vf zr = v_load(z + k * VW), zi = v_load(z + (lw + k) * VW);
            vf yr = v_load(z + r * VW), yi = v_load(z + (lw + r) * VW);
            float *o = g + 2 * (h * nb + k) * VW;
            v_store(o, v_mul(half, v_add(zr, yr)));
            v_store(o + VW, v_mul(half, v_sub(zi, yi)));
            o += 2 * nb * VW;
            v_store(o, v_mul(half, v_add(zi, yi)));
            v_store(o + VW, v_mul(half, v_sub(yr, zr)));
        }
    }
    for (size_t k = 0; k < nb; k++) {
        for (size_t h = 0; h < lh; h++) {
            v_store(a + h * VW, v_load(g + 2 * (h * nb + k) * VW));
            v_store(a + (lh + h) * VW, v_load(g + 2 * (h * nb + k) * VW + VW));
        }
        const float *z = lh > 1 ? fft_line(lh, tw + lw, -1.0f, a, b) : a;
        for (size_t h = 0; h < lh; h++) {
            v_store(v + (h * nb + k) * fs, v_load(z + h * VW));
            v_store(v + (h * nb + k) * fs + im, v_load(z + (lh + h) * VW));
        }
    }
}

static void fft_out(size_t lh, size_t lw, const float *tw, const float *v, size_t fs, size_t im, size_t n_c,
                    size_t rows, size_t cols, size_t ld, const hone__conv_out *out, float *scratch) {
    const size_t nb = lw / 2 + 1, big = lh > lw ? lh : lw;
    float *g = scratch + lh * lw * VW, *a = g + 2 * (lh + 1) * nb * VW, *b = a + 2 * big * VW;
    for (size_t k = 0; k < nb; k++) {
        for (size_t h = 0; h < lh; h++) {
            v_store(a + h * VW, v_load(v + (h * nb + k) * fs));
            v_store(a + (lh + h) * VW, v_load(v + (h * nb + k) * fs + im));
        }
        const float *z = lh > 1 ? fft_line(lh, tw + lw, 1.0f, a, b) : a;
        for (size_t h = 0; h < rows; h++) {
            v_store(g + 2 * (h * nb + k) * VW, v_load(z + h * VW));
            v_store(g + 2 * (h * nb + k) * VW + VW, v_load(z + (lh + h) * VW));
        }
        if (rows % 2) {
            v_store(g + 2 * (rows * nb + k) * VW, v_zero());
            v_store(g + 2 * (rows * nb + k) * VW + VW, v_zero());
        }
    }
    for (size_t h = 0; h < rows; h += 2) {
        const float *x1 = g + 2 * h * nb * VW, *x2 = x1 + 2 * nb * VW;
        for (size_t k = 0; k < lw; k++) {
            size_t q = k < nb ? k : lw - k;
            vf r1 = v_load(x1 + 2 * q * VW), i1 = v_load(x1 + 2 * q * VW + VW);
            vf r2 = v_load(x2 + 2 * q * VW), i2 = v_load(x2 + 2 * q * VW + VW);
            v_store(a + k * VW, k < nb ? v_sub(r1, i2) : v_add(r1, i2));
            v_store(a + (lw + k) * VW, k < nb ? v_add(i1, r2) : v_sub(r2, i1));
        }
        const float *z = fft_line(lw, tw, 1.0f, a, b);
        for (size_t i = 0; i < 2 && h + i < rows; i++) {
            hone__conv_out o = *out;
            o.y += (h + i) * ld;
            o.z = o.z ? o.z + (h + i) * ld : NULL;
            store_columns(z + i * lw * VW, VW, cols, n_c, &o);
        }
    }
}

#endif
