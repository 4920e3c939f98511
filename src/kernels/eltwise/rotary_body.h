/* Bodies of the rotary embeddings, written once over hone__vf; see eltwise_body.h for how such a file is used. The
 * including file gives turn_pairs(x, c, s): x * c + s * (-x1, x0, -x3, x2, ...). */
#include "kernels/eltwise/rotary.h"

/* Both halves of a vector's pairs are read before either is written, so that y may be x. */
static void rotary_halves(const float *x, const float *cos, const float *sin, float *y, size_t n) {
    const size_t h = n / 2;
    size_t i = 0;
    for (; i + HONE_VF_N <= h; i += HONE_VF_N) {
        const hone__vf a = hone__vf_load(x + i), b = hone__vf_load(x + h + i);
        const hone__vf u = hone__vf_mul(b, hone__vf_load(sin + i)), v = hone__vf_mul(a, hone__vf_load(sin + h + i));
        hone__vf_store(y + i, hone__vf_sub(hone__vf_mul(a, hone__vf_load(cos + i)), u));
        hone__vf_store(y + h + i, hone__vf_fma(b, hone__vf_load(cos + h + i), v));
    }
    if (i < h) {
        const size_t m = h - i;
        const hone__vf a = hone__vf_load_n(x + i, m), b = hone__vf_load_n(x + h + i, m);
        const hone__vf u = hone__vf_mul(b, hone__vf_load_n(sin + i, m));
        const hone__vf v = hone__vf_mul(a, hone__vf_load_n(sin + h + i, m));
        hone__vf_store_n(y + i, hone__vf_sub(hone__vf_mul(a, hone__vf_load_n(cos + i, m)), u), m);
        hone__vf_store_n(y + h + i, hone__vf_fma(b, hone__vf_load_n(cos + h + i, m), v), m);
    }
}

static void rotary_pairs(const float *x, const float *cos, const float *sin, float *y, size_t n) {
    size_t i = 0;
    n -= n % 2;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        hone__vf_store(y + i, turn_pairs(hone__vf_load(x + i), hone__vf_load(cos + i), hone__vf_load(sin + i)));
    if (i < n) {
        const size_t m = n - i;
        hone__vf_store_n(
            y + i, turn_pairs(hone__vf_load_n(x + i, m), hone__vf_load_n(cos + i, m), hone__vf_load_n(sin + i, m)), m);
    }
}

const hone_rotary_row HONE_ISA(hone_rotary_row) = {
    .isa_name = HONE_ISA_TEXT,
    .isa = HONE_ISA_BITS,
    .halves = rotary_halves,
    .pairs = rotary_pairs,
};
