/* Transformed weights of FFT convolutions, and the twiddles. Done once per layer, in double precision. Layout:
 * U[block][f][depth][vectors*vw], see conv_spectral.c. */
#include "kernels/conv/conv_internal.h"

#include <math.h>
#include <string.h>

/* Address of U at (frequency, depth row, column of width). */
static float *u_at(const hone__conv_plan *plan, float *packed, size_t f, size_t row, size_t column) {
    const hone__conv_spectral_plan *p = &plan->spectral;
    const size_t vw = plan->ops->vw, nr = 2 * vw, j = column / nr;
    const size_t width = hone__min_size(2, p->width / vw - 2 * j) * vw;
    return packed + j * p->n_freq * p->depth * nr + (f * p->depth + row) * width + column % nr;
}

static const double PI = 3.14159265358979323846;

/* exp(-2 pi i a / n) */
static void unit(size_t a, size_t n, double *re, double *im) {
    const double angle = -2.0 * PI * (double)(a % n) / (double)n;
    *re = cos(angle);
    *im = sin(angle);
}

enum { MAX_KERNEL = 64 };

/* exp(-2 pi i a / n) for a < n, of rows and columns of a tile; made once per layer. */
typedef struct roots {
    double h_re[HONE_CONV_FFT_MAX], h_im[HONE_CONV_FFT_MAX], w_re[HONE_CONV_FFT_MAX], w_im[HONE_CONV_FFT_MAX];
} roots;

/* Kernels are real: rows give s -> v in [0, lw/2], then columns r -> u in [0, lh). The result is conjugated, which
 * makes the product a correlation, and scaled by 1/(lh*lw) for the unscaled inverse. */
static void pack_fft_kernel(const hone__conv_plan *plan, const roots *t, const hone_f32_unaligned *tap, size_t c,
                            size_t k, float *packed) {
    const hone__conv_desc *d = &plan->desc;
    const hone__conv_spectral_plan *p = &plan->spectral;
    const size_t vw = plan->ops->vw, lh = p->tile_h, lw = p->tile_w, nb = lw / 2 + 1;
    const size_t half = p->depth / 2, column = k / vw * 2 * vw + k % vw;
    const double scale = 1.0 / ((double)lh * (double)lw);
    for (size_t v = 0; v < nb; v++) {
        double re[MAX_KERNEL], im[MAX_KERNEL];
        for (size_t r = 0; r < d->r; r++) {
            re[r] = im[r] = 0;
            for (size_t s = 0; s < d->s; s++) {
                re[r] += t->w_re[s * v % lw] * (double)tap[r * d->s + s];
                im[r] += t->w_im[s * v % lw] * (double)tap[r * d->s + s];
            }
        }
        for (size_t u = 0; u < lh; u++) {
            double wr = 0, wi = 0;
            for (size_t r = 0; r < d->r; r++) {
                const double cr = t->h_re[r * u % lh], ci = t->h_im[r * u % lh];
                wr += re[r] * cr - im[r] * ci;
                wi += re[r] * ci + im[r] * cr;
            }
            wr *= scale;
            wi *= scale;
            float *real = u_at(plan, packed, u * nb + v, c, column),
                  *imag = u_at(plan, packed, u * nb + v, half + c, column);
            real[0] = (float)wr;
            imag[0] = (float)wi;
            real[vw] = (float)-wi;
            imag[vw] = (float)wr;
        }
    }
}

void hone__conv_spectral_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    const hone__conv_desc *d = &plan->desc;
    memset(packed, 0, plan->packed_size);
    roots t;
    for (size_t i = 0; i < plan->spectral.tile_h; i++)
        unit(i, plan->spectral.tile_h, &t.h_re[i], &t.h_im[i]);
    for (size_t i = 0; i < plan->spectral.tile_w; i++)
        unit(i, plan->spectral.tile_w, &t.w_re[i], &t.w_im[i]);
    for (size_t k = 0; k < d->k; k++)
        for (size_t c = 0; c < d->c; c++)
            pack_fft_kernel(plan, &t, w + (k * d->c + c) * d->r * d->s, c, k, packed);
}

static void twiddles(size_t n, float *tw) {
    for (size_t j = 0; j < n / 2; j++) {
        double re, im;
        unit(j, n, &re, &im);
        tw[2 * j] = (float)re;
        tw[2 * j + 1] = (float)-im;
    }
}

void hone__conv_spectral_table(const hone__conv_plan *plan, void *table) {
    if (!plan->table_size)
        return;
    memset(table, 0, plan->table_size);
    twiddles(plan->spectral.tile_w, table);
    twiddles(plan->spectral.tile_h, (float *)table + plan->spectral.tile_w);
}
