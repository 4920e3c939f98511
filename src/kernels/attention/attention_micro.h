/* The softmax steps of attention on vector primitives, written once; a file per ISA includes its
 * vecmath header and then this. */
#include "kernels/attention/attention.h"
#include "kernels/attention/attention_rows.h"

static void attention_softmax_columns(float *s, size_t ld, size_t width, size_t t, float *state, float *correction) {
    for (size_t c = 0; c < width; c += HONE_VF_N) {
        const hone__vf old = hone__vf_load(state + c);
        hone__vf m0 = old, m1 = old, m2 = old, m3 = old;
        size_t i = 0;
        for (; i + 4 <= t; i += 4) {
            const float *p = s + i * ld + c;
            m0 = hone__vf_max(m0, hone__vf_load(p));
            m1 = hone__vf_max(m1, hone__vf_load(p + ld));
            m2 = hone__vf_max(m2, hone__vf_load(p + 2 * ld));
            m3 = hone__vf_max(m3, hone__vf_load(p + 3 * ld));
        }
        for (; i < t; i++)
            m0 = hone__vf_max(m0, hone__vf_load(s + i * ld + c));
        const hone__vf max = hone__vf_max(hone__vf_max(m0, m1), hone__vf_max(m2, m3));
        /* All masked so far: any finite maximum gives zeros instead of -inf - -inf. */
        const hone__vf use = hone__vf_select(hone__vf_eq(max, hone__vf_set1(-INFINITY)), hone__vf_zero(), max);
        hone__vf l0 = hone__vf_zero(), l1 = hone__vf_zero();
        for (i = 0; i + 2 <= t; i += 2) {
            float *p = s + i * ld + c;
            const hone__vf e0 = hone__vf_exp(hone__vf_sub(hone__vf_load(p), use));
            const hone__vf e1 = hone__vf_exp(hone__vf_sub(hone__vf_load(p + ld), use));
            hone__vf_store(p, e0);
            hone__vf_store(p + ld, e1);
            l0 = hone__vf_add(l0, e0);
            l1 = hone__vf_add(l1, e1);
        }
        for (; i < t; i++) {
            float *p = s + i * ld + c;
            const hone__vf e0 = hone__vf_exp(hone__vf_sub(hone__vf_load(p), use));
            hone__vf_store(p, e0);
            l0 = hone__vf_add(l0, e0);
        }
        const hone__vf corr = hone__vf_exp(hone__vf_sub(old, use));
        hone__vf_store(correction + c, corr);
        hone__vf_store(state + c, max);
        hone__vf_store(state + ld + c, hone__vf_fma(hone__vf_load(state + ld + c), corr, hone__vf_add(l0, l1)));
    }
}

static void attention_scale_columns(float *x, size_t ld, size_t width, size_t rows, const float *factor) {
    for (size_t c = 0; c < width; c += HONE_VF_N) {
        const hone__vf f = hone__vf_load(factor + c);
        for (size_t i = 0; i < rows; i++)
            hone__vf_store(x + i * ld + c, hone__vf_mul(hone__vf_load(x + i * ld + c), f));
    }
}

static void attention_softmax_row(float *s, size_t n, float scale, const float *mask, size_t mask_step) {
    const hone__vf factor = hone__vf_set1(scale);
    hone__vf max = hone__vf_set1(-INFINITY);
    for (size_t i = 0; i < n; i += HONE_VF_N) {
        const size_t w = n - i < HONE_VF_N ? n - i : HONE_VF_N;
        hone__vf x = hone__vf_mul(hone__vf_load_n(s + i, w), factor);
        if (mask)
            x = hone__vf_add(x, mask_step ? hone__vf_load_n(mask + i, w) : hone__vf_set1(*mask));
        hone__vf_store_n(s + i, x, w);
        if (w == HONE_VF_N)
            max = hone__vf_max(max, x);
        else
            for (size_t j = 0; j < w; j++) /* lanes behind the end must not count */
                max = hone__vf_max(max, hone__vf_set1(s[i + j]));
    }
    const hone__vf use = hone__vf_set1(hone__vf_hmax(max) == -INFINITY ? 0.0f : hone__vf_hmax(max));
    hone__vf sum = hone__vf_zero();
    float tail = 0.0f;
    for (size_t i = 0; i < n; i += HONE_VF_N) {
        const size_t w = n - i < HONE_VF_N ? n - i : HONE_VF_N;
        const hone__vf e = hone__vf_exp(hone__vf_sub(hone__vf_load_n(s + i, w), use));
        hone__vf_store_n(s + i, e, w);
        if (w == HONE_VF_N)
            sum = hone__vf_add(sum, e);
        else
            for (size_t j = 0; j < w; j++)
                tail += s[i + j];
    }
    const hone__vf inverse = hone__vf_set1(1.0f / (hone__vf_hsum(sum) + tail));
    for (size_t i = 0; i < n; i += HONE_VF_N) {
        const size_t w = n - i < HONE_VF_N ? n - i : HONE_VF_N;
        hone__vf_store_n(s + i, hone__vf_mul(hone__vf_load_n(s + i, w), inverse), w);
    }
}
