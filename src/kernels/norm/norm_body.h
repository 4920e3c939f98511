/* Bodies of the normalisations, written once over hone__vf; see eltwise_body.h for how such a file is
 * used. */
#include "kernels/norm/norm.h"

#include <math.h>
#include <stdbool.h>

typedef hone__vf vf;

/* A run is whole vectors, then a tail: `n_of(i)` lanes count at position i. */
static inline size_t lanes_at(size_t i, size_t n) { return n - i < HONE_VF_N ? n - i : HONE_VF_N; }

static inline float sum2(vf a, vf b) { return hone__vf_hsum(hone__vf_add(a, b)); }

static float run_max(const float *x, size_t n) {
    if (n < HONE_VF_N) {
        float m = -INFINITY;
        for (size_t i = 0; i < n; i++)
            m = x[i] > m ? x[i] : m;
        return m;
    }
    vf a = hone__vf_load(x), b = a;
    size_t i = HONE_VF_N;
    for (; i + 2 * HONE_VF_N <= n; i += 2 * HONE_VF_N) {
        a = hone__vf_max(a, hone__vf_load(x + i));
        b = hone__vf_max(b, hone__vf_load(x + i + HONE_VF_N));
    }
    if (i + HONE_VF_N <= n)
        a = hone__vf_max(a, hone__vf_load(x + i));
    b = hone__vf_max(b, hone__vf_load(x + n - HONE_VF_N)); /* the last vector overlaps: no tail */
    return hone__vf_hmax(hone__vf_max(a, b));
}

/* Stores exp(x - shift) when y is given; the sum either way. */
static inline float exp_sum(const float *x, float *y, size_t n, float shift) {
    const vf s = hone__vf_set1(shift);
    vf a = hone__vf_zero(), b = a;
    size_t i = 0;
    for (; i + 2 * HONE_VF_N <= n; i += 2 * HONE_VF_N) {
        const vf e0 = hone__vf_exp(hone__vf_sub(hone__vf_load(x + i), s));
        const vf e1 = hone__vf_exp(hone__vf_sub(hone__vf_load(x + i + HONE_VF_N), s));
        if (y) {
            hone__vf_store(y + i, e0);
            hone__vf_store(y + i + HONE_VF_N, e1);
        }
        a = hone__vf_add(a, e0);
        b = hone__vf_add(b, e1);
    }
    if (i + HONE_VF_N <= n) {
        const vf e = hone__vf_exp(hone__vf_sub(hone__vf_load(x + i), s));
        if (y)
            hone__vf_store(y + i, e);
        a = hone__vf_add(a, e);
        i += HONE_VF_N;
    }
    if (i < n) {
        float t[HONE_VF_N];
        hone__vf_store(t, hone__vf_exp(hone__vf_sub(hone__vf_load_n(x + i, n - i), s)));
        for (size_t j = n - i; j < HONE_VF_N; j++)
            t[j] = 0.0f;
        const vf e = hone__vf_load(t);
        if (y)
            hone__vf_store_n(y + i, e, n - i);
        b = hone__vf_add(b, e);
    }
    return sum2(a, b);
}

static void affine(const float *x, float *y, size_t n, float scale, float shift) {
    const vf s = hone__vf_set1(scale), t = hone__vf_set1(shift);
    size_t i = 0;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        hone__vf_store(y + i, hone__vf_fma(hone__vf_load(x + i), s, t));
    if (i < n)
        hone__vf_store_n(y + i, hone__vf_fma(hone__vf_load_n(x + i, n - i), s, t), n - i);
}

static void centred_affine(const float *x, float *y, size_t n, float mean, float scale, float shift) {
    const vf m = hone__vf_set1(mean), s = hone__vf_set1(scale), t = hone__vf_set1(shift);
    size_t i = 0;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        hone__vf_store(y + i, hone__vf_fma(hone__vf_sub(hone__vf_load(x + i), m), s, t));
    if (i < n)
        hone__vf_store_n(y + i, hone__vf_fma(hone__vf_sub(hone__vf_load_n(x + i, n - i), m), s, t), n - i);
}

static void softmax(const float *x, float *y, size_t n) {
    const vf r = hone__vf_set1(1.0f / exp_sum(x, y, n, run_max(x, n)));
    size_t i = 0;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        hone__vf_store(y + i, hone__vf_mul(hone__vf_load(y + i), r));
    if (i < n)
        hone__vf_store_n(y + i, hone__vf_mul(hone__vf_load_n(y + i, n - i), r), n - i);
}

static void log_softmax(const float *x, float *y, size_t n) {
    const float top = run_max(x, n), log_sum = logf(exp_sum(x, NULL, n, top));
    const vf t = hone__vf_set1(top), l = hone__vf_set1(log_sum);
    for (size_t i = 0; i < n; i += HONE_VF_N) {
        const size_t m = lanes_at(i, n);
        const vf v = m == HONE_VF_N ? hone__vf_load(x + i) : hone__vf_load_n(x + i, m);
        const vf r = hone__vf_sub(hone__vf_sub(v, t), l);
        if (m == HONE_VF_N)
            hone__vf_store(y + i, r);
        else
            hone__vf_store_n(y + i, r, m);
    }
}

/* One vector of columns; m of its lanes count. */
static inline void softmax_column(const float *x, float *y, size_t n, size_t stride, size_t m, bool is_log) {
    vf top = hone__vf_load_n(x, m), sum = hone__vf_zero();
    for (size_t i = 1; i < n; i++)
        top = hone__vf_max(top, hone__vf_load_n(x + i * stride, m));
    for (size_t i = 0; i < n; i++) {
        const vf d = hone__vf_sub(hone__vf_load_n(x + i * stride, m), top), e = hone__vf_exp(d);
        sum = hone__vf_add(sum, e);
        hone__vf_store_n(y + i * stride, is_log ? d : e, m);
    }
    const vf r = is_log ? hone__vf_log(sum) : hone__vf_div(hone__vf_set1(1.0f), sum);
    for (size_t i = 0; i < n; i++) {
        const vf v = hone__vf_load_n(y + i * stride, m);
        hone__vf_store_n(y + i * stride, is_log ? hone__vf_sub(v, r) : hone__vf_mul(v, r), m);
    }
}
static void softmax_columns(const float *x, float *y, size_t n, size_t stride, size_t width) {
    for (size_t j = 0; n > 0 && j < width; j += HONE_VF_N)
        softmax_column(x + j, y + j, n, stride, lanes_at(j, width), false);
}
static void log_softmax_columns(const float *x, float *y, size_t n, size_t stride, size_t width) {
    for (size_t j = 0; n > 0 && j < width; j += HONE_VF_N)
        softmax_column(x + j, y + j, n, stride, lanes_at(j, width), true);
}

static float run_sum(const float *x, size_t n) {
    vf a = hone__vf_zero(), b = a, c = a, d = a;
    size_t i = 0;
    for (; i + 4 * HONE_VF_N <= n; i += 4 * HONE_VF_N) {
        a = hone__vf_add(a, hone__vf_load(x + i));
        b = hone__vf_add(b, hone__vf_load(x + i + HONE_VF_N));
        c = hone__vf_add(c, hone__vf_load(x + i + 2 * HONE_VF_N));
        d = hone__vf_add(d, hone__vf_load(x + i + 3 * HONE_VF_N));
    }
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        a = hone__vf_add(a, hone__vf_load(x + i));
    if (i < n)
        b = hone__vf_add(b, hone__vf_load_n(x + i, n - i));
    return sum2(hone__vf_add(a, c), hone__vf_add(b, d));
}

/* Sum of (x - center)^2. */
static float run_square_sum(const float *x, size_t n, float center) {
    const vf s = hone__vf_set1(center);
    vf a = hone__vf_zero(), b = a, c = a, d = a;
    size_t i = 0;
    for (; i + 4 * HONE_VF_N <= n; i += 4 * HONE_VF_N) {
        const vf v0 = hone__vf_sub(hone__vf_load(x + i), s);
        const vf v1 = hone__vf_sub(hone__vf_load(x + i + HONE_VF_N), s);
        const vf v2 = hone__vf_sub(hone__vf_load(x + i + 2 * HONE_VF_N), s);
        const vf v3 = hone__vf_sub(hone__vf_load(x + i + 3 * HONE_VF_N), s);
        a = hone__vf_fma(v0, v0, a);
        b = hone__vf_fma(v1, v1, b);
        c = hone__vf_fma(v2, v2, c);
        d = hone__vf_fma(v3, v3, d);
    }
    for (; i + HONE_VF_N <= n; i += HONE_VF_N) {
        const vf v = hone__vf_sub(hone__vf_load(x + i), s);
        a = hone__vf_fma(v, v, a);
    }
    float tail = 0.0f;
    for (; i < n; i++)
        tail += (x[i] - center) * (x[i] - center);
    return sum2(hone__vf_add(a, c), hone__vf_add(b, d)) + tail;
}

static void moments(const float *x, size_t n, float *mean, float *variance) {
    *mean = run_sum(x, n) / (float)n;
    *variance = run_square_sum(x, n, *mean) / (float)n;
}

static inline vf scaled(vf v, const float *scale, const float *bias, size_t i, size_t m) {
    if (m == HONE_VF_N) {
        if (scale)
            v = hone__vf_mul(v, hone__vf_load(scale + i));
        return bias ? hone__vf_add(v, hone__vf_load(bias + i)) : v;
    }
    if (scale)
        v = hone__vf_mul(v, hone__vf_load_n(scale + i, m));
    return bias ? hone__vf_add(v, hone__vf_load_n(bias + i, m)) : v;
}

static void layer_norm(const float *x, const float *scale, const float *bias, float *y, size_t n, float eps) {
    float mean, variance;
    moments(x, n, &mean, &variance);
    const vf c = hone__vf_set1(mean), r = hone__vf_set1(1.0f / sqrtf(variance + eps));
    size_t i = 0;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N) {
        const vf v = hone__vf_mul(hone__vf_sub(hone__vf_load(x + i), c), r);
        hone__vf_store(y + i, scaled(v, scale, bias, i, HONE_VF_N));
    }
    if (i < n) {
        const vf v = hone__vf_mul(hone__vf_sub(hone__vf_load_n(x + i, n - i), c), r);
        hone__vf_store_n(y + i, scaled(v, scale, bias, i, n - i), n - i);
    }
}

static void rms_norm(const float *x, const float *scale, float *y, size_t n, float eps) {
    const vf r = hone__vf_set1(1.0f / sqrtf(run_square_sum(x, n, 0.0f) / (float)n + eps));
    size_t i = 0;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        hone__vf_store(y + i, scaled(hone__vf_mul(hone__vf_load(x + i), r), scale, NULL, i, HONE_VF_N));
    if (i < n)
        hone__vf_store_n(y + i, scaled(hone__vf_mul(hone__vf_load_n(x + i, n - i), r), scale, NULL, i, n - i), n - i);
}

static void lrn(const float *x, float *y, size_t channels, size_t stride, size_t c, size_t width, size_t size,
                float alpha, float beta, float bias) {
    /* Channels c - floor((size-1)/2) .. c + ceil((size-1)/2) (ONNX LRN). */
    const size_t below = (size - 1) / 2, above = size - 1 - below;
    const size_t first = c > below ? c - below : 0, last = c + above < channels ? c + above : channels - 1;
    const vf a = hone__vf_set1(alpha / (float)size), b = hone__vf_set1(bias), e = hone__vf_set1(-beta);
    for (size_t i = 0; i < width; i += HONE_VF_N) {
        const size_t m = lanes_at(i, width);
        vf sum = hone__vf_zero();
        for (size_t k = first; k <= last; k++) {
            const vf v = hone__vf_load_n(x + k * stride + i, m);
            sum = hone__vf_fma(v, v, sum);
        }
        const vf base = hone__vf_fma(a, sum, b);
        const vf power = hone__vf_exp(hone__vf_mul(e, hone__vf_log(base)));
        hone__vf_store_n(y + c * stride + i, hone__vf_mul(hone__vf_load_n(x + c * stride + i, m), power), m);
    }
}

const hone_norm_row HONE_ISA(hone_norm_row) = {
    .isa_name = HONE_ISA_TEXT,
    .isa = HONE_ISA_BITS,
    .softmax = softmax,
    .log_softmax = log_softmax,
    .softmax_columns = softmax_columns,
    .log_softmax_columns = log_softmax_columns,
    .layer_norm = layer_norm,
    .rms_norm = rms_norm,
    .affine = affine,
    .centred_affine = centred_affine,
    .moments = moments,
    .lrn = lrn,
};
