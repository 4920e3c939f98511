/* Weights of Winograd convolutions as conv_winograd.c wants them: plain taps for "lean" rows, else transformed once per
 * layer, in double precision: U[block][chunk][f][channel of the chunk][up to 2 vectors]. */
#include "kernels/conv/conv_internal.h"

#include <string.h>

/* G of F(m,3), t x 3 (Lavin and Gray; see conv_winograd_impl.h for the points). */
static const double G2[4][3] = {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
/* Points 0, a, -a, b, -b with a = 5/8, b = 3/2: row p is (1, p, p^2) over the product of p's distances to the others.
 */
#define A_ (5. / 8)
#define B_ (3. / 2)
#define NA_ (2 * A_ * A_ * (A_ * A_ - B_ * B_))
#define NB_ (2 * B_ * B_ * (B_ * B_ - A_ * A_))
static const double G4[6][3] = {{1 / (A_ * A_ * B_ * B_), 0, 0},    {1 / NA_, A_ / NA_, A_ *A_ / NA_},
                                {1 / NA_, -A_ / NA_, A_ *A_ / NA_}, {1 / NB_, B_ / NB_, B_ *B_ / NB_},
                                {1 / NB_, -B_ / NB_, B_ *B_ / NB_}, {0, 0, 1}};
/* Points 1/4, 3/4, 7/4 and their negatives, whose rows have their signs turned. */
#define ROWS5(P, N)                                                                                                    \
    {1 / (N), (P) / (N), (P) * (P) / (N)}, { -1 / (N), (P) / (N), -(P) * (P) / (N) }
static const double G5[7][3] = {ROWS5(.25, .75), ROWS5(.75, -1.875), ROWS5(1.75, 26.25), {0, 0, 1}};
static const double G6[8][3] = {{1, 0, 0},
                                {-2. / 9, -2. / 9, -2. / 9},
                                {-2. / 9, 2. / 9, -2. / 9},
                                {1. / 90, 1. / 45, 2. / 45},
                                {1. / 90, -1. / 45, 2. / 45},
                                {32. / 45, 16. / 45, 8. / 45},
                                {32. / 45, -16. / 45, 8. / 45},
                                {0, 0, 1}};

static void pack_chunk(const hone__conv_plan *plan, size_t j, size_t q, size_t width, const hone_f32_unaligned *w,
                       float *u) {
    const hone__conv_desc *d = &plan->desc;
    const hone__conv_winograd_plan *p = &plan->winograd;
    const double(*g)[3] = p->out == 2 ? G2 : p->out == 4 ? G4 : p->out == 5 ? G5 : G6;
    const size_t k0 = j * 2 * plan->ops->vw, c0 = q * p->chunk, fs = p->chunk * width;
    const size_t n_c = hone__min_size(p->chunk, d->c - c0);
    for (size_t c = 0; c < n_c; c++)
        plan->ops->winograd_pack(p->tile, g, w + (k0 * d->c + c0 + c) * 9, d->c * 9, hone__min_size(width, d->k - k0),
                                 width, u + c * width, fs);
    for (size_t f = 0; f < p->n_freq && n_c < p->chunk; f++) /* channels that only fill a chunk */
        memset(u + f * fs + n_c * width, 0, (p->chunk - n_c) * width * sizeof(float));
}

void hone__conv_winograd_pack(const hone__conv_plan *plan, const hone_f32_unaligned *w, float *packed) {
    const hone__conv_winograd_plan *p = &plan->winograd;
    const size_t vw = plan->ops->vw, k_vec = hone__conv_ceil(plan->desc.k, vw);
    if (p->is_lean) {
        hone__conv_pack_blocks(plan->ops, 1, plan->desc.k, plan->desc.c * 9, w, packed);
        return;
    }
    for (size_t j = 0; j < p->n_kblock; j++) {
        const size_t width = hone__min_size(2, k_vec - 2 * j) * vw, size = p->chunk * p->n_freq * width;
        for (size_t q = 0; q < p->n_chunk; q++, packed += size)
            pack_chunk(plan, j, q, width, w, packed);
    }
}
