/* Bodies of the elementwise kernels, written once over hone__vf and instantiated by eltwise_generic.c,
 * eltwise_avx2.c and eltwise_avx512.c, which include one isa_*.h first. Not a header
 * in the usual sense: include it once per such file, nowhere else. */
#include "base/half.h"
#include "kernels/eltwise/eltwise.h"

#include <math.h>
#include <string.h>

/* ---- unary functions: f(x, a, b) ---- */

typedef hone__vf vf;

static inline vf vf_ceil(vf x) { return hone__vf_neg(hone__vf_floor(hone__vf_neg(x))); }

#define UNARY(name) static inline vf unary_##name(vf x, vf a, vf b)
/* Most functions have no parameters. */
#define UNARY0(name, expr)                                                                                             \
    UNARY(name) {                                                                                                      \
        (void)a, (void)b;                                                                                              \
        return expr;                                                                                                   \
    }
#define UNARY_ACT(name, KIND)                                                                                          \
    UNARY(name) { return hone__act_apply_vf(x, HONE_ACT_##KIND, a, b); }

UNARY0(neg, hone__vf_neg(x))
UNARY0(abs, hone__vf_abs(x))
UNARY0(reciprocal, hone__vf_div(hone__vf_set1(1.0f), x))
UNARY0(floor, hone__vf_floor(x))
UNARY0(ceil, vf_ceil(x))
UNARY0(round, hone__vf_round(x))
UNARY0(sqrt, hone__vf_sqrt(x))
UNARY0(square, hone__vf_mul(x, x))
UNARY0(cube, hone__vf_mul(hone__vf_mul(x, x), x))
UNARY0(exp, hone__vf_exp(x))
UNARY0(log, hone__vf_log(x))
UNARY0(erf, hone__vf_erf(x))
UNARY0(softsign, hone__vf_div(x, hone__vf_add(hone__vf_set1(1.0f), hone__vf_abs(x))))
UNARY(sign) {
    (void)a, (void)b;
    const vf zero = hone__vf_zero(), one = hone__vf_set1(1.0f);
    const vf s = hone__vf_select(hone__vf_lt(zero, x), one, x); /* zero and NaN stay */
    return hone__vf_select(hone__vf_lt(x, zero), hone__vf_neg(one), s);
}
/* log(1 + exp(x)) = max(x, 0) + log1p(u), u = exp(-|x|); log1p(u) = log(w) * u / (w - 1) with w = 1 + u
 * keeps the relative accuracy that rounding 1 + u loses (Kahan; HP-15C Advanced Functions Handbook). */
UNARY(softplus) {
    (void)a, (void)b;
    const vf one = hone__vf_set1(1.0f), u = hone__vf_exp(hone__vf_neg(hone__vf_abs(x)));
    const vf w = hone__vf_add(one, u), d = hone__vf_sub(w, one);
    const hone__vm exact = hone__vf_eq(d, hone__vf_zero());
    const vf q = hone__vf_div(u, hone__vf_select(exact, one, d));
    return hone__vf_add(hone__vf_max(hone__vf_zero(), x), hone__vf_select(exact, u, hone__vf_mul(hone__vf_log(w), q)));
}
UNARY(thresholded_relu) {
    (void)b;
    return hone__vf_select(hone__vf_le(x, a), hone__vf_zero(), x);
}
UNARY_ACT(relu, RELU)
UNARY_ACT(clip, CLIP)
UNARY_ACT(leaky_relu, LEAKY_RELU)
UNARY_ACT(sigmoid, SIGMOID)
UNARY_ACT(tanh, TANH)
UNARY_ACT(hard_sigmoid, HARD_SIGMOID)
UNARY_ACT(hard_swish, HARD_SWISH)
UNARY_ACT(silu, SILU)
UNARY_ACT(gelu, GELU)
UNARY_ACT(gelu_tanh, GELU_TANH)
UNARY_ACT(elu, ELU)
UNARY_ACT(mish, MISH)

#define DEFINE_UNARY(NAME, name)                                                                                       \
    static void f32_##name(const float *x, float *y, size_t n, float a, float b) {                                     \
        vf va = hone__vf_set1(a), vb = hone__vf_set1(b);                                                               \
        size_t i = 0;                                                                                                  \
        for (; i + HONE_VF_N <= n; i += HONE_VF_N)                                                                     \
            hone__vf_store(y + i, unary_##name(hone__vf_load(x + i), va, vb));                                         \
        if (i < n)                                                                                                     \
            hone__vf_store_n(y + i, unary_##name(hone__vf_load_n(x + i, n - i), va, vb), n - i);                       \
    }
HONE_UNARY_TABLE(DEFINE_UNARY)
#undef DEFINE_UNARY

/* ---- binary operations ---- */

static inline vf binary_add(vf a, vf b) { return hone__vf_add(a, b); }
static inline vf binary_sub(vf a, vf b) { return hone__vf_sub(a, b); }
static inline vf binary_mul(vf a, vf b) { return hone__vf_mul(a, b); }
static inline vf binary_div(vf a, vf b) { return hone__vf_div(a, b); }
static inline vf binary_min(vf a, vf b) { return hone__vf_select(hone__vf_eq(a, a), hone__vf_min(a, b), a); }
static inline vf binary_max(vf a, vf b) { return hone__vf_select(hone__vf_eq(a, a), hone__vf_max(a, b), a); }
static inline vf binary_prelu(vf a, vf b) {
    return hone__vf_select(hone__vf_lt(a, hone__vf_zero()), hone__vf_mul(a, b), a);
}
/* Exact powers of arbitrary operands come from libm, one float at a time: exp(b log a) in float32
 * would lose up to seven bits for large results. Hot exponents (2, 3, 0.5, -1) are unary kernels. */
static inline vf binary_pow(vf a, vf b) {
    float x[HONE_VF_N], y[HONE_VF_N];
    hone__vf_store(x, a);
    hone__vf_store(y, b);
    for (int i = 0; i < HONE_VF_N; i++)
        x[i] = powf(x[i], y[i]);
    return hone__vf_load(x);
}

#define DEFINE_BINARY(NAME, name)                                                                                      \
    static void f32_##name##_vv(const void *pa, const void *pb, void *py, size_t n) {                                  \
        const float *a = pa, *b = pb;                                                                                  \
        float *y = py;                                                                                                 \
        size_t i = 0;                                                                                                  \
        for (; i + HONE_VF_N <= n; i += HONE_VF_N)                                                                     \
            hone__vf_store(y + i, binary_##name(hone__vf_load(a + i), hone__vf_load(b + i)));                          \
        if (i < n)                                                                                                     \
            hone__vf_store_n(y + i, binary_##name(hone__vf_load_n(a + i, n - i), hone__vf_load_n(b + i, n - i)),       \
                             n - i);                                                                                   \
    }                                                                                                                  \
    static void f32_##name##_vs(const void *pa, const void *pb, void *py, size_t n) {                                  \
        const float *a = pa;                                                                                           \
        float *y = py;                                                                                                 \
        vf b = hone__vf_set1(*(const float *)pb);                                                                      \
        size_t i = 0;                                                                                                  \
        for (; i + HONE_VF_N <= n; i += HONE_VF_N)                                                                     \
            hone__vf_store(y + i, binary_##name(hone__vf_load(a + i), b));                                             \
        if (i < n)                                                                                                     \
            hone__vf_store_n(y + i, binary_##name(hone__vf_load_n(a + i, n - i), b), n - i);                           \
    }                                                                                                                  \
    static void f32_##name##_sv(const void *pa, const void *pb, void *py, size_t n) {                                  \
        const float *b = pb;                                                                                           \
        float *y = py;                                                                                                 \
        vf a = hone__vf_set1(*(const float *)pa);                                                                      \
        size_t i = 0;                                                                                                  \
        for (; i + HONE_VF_N <= n; i += HONE_VF_N)                                                                     \
            hone__vf_store(y + i, binary_##name(a, hone__vf_load(b + i)));                                             \
        if (i < n)                                                                                                     \
            hone__vf_store_n(y + i, binary_##name(a, hone__vf_load_n(b + i, n - i)), n - i);                           \
    }
HONE_BINARY_TABLE(DEFINE_BINARY)
#undef DEFINE_BINARY

/* ---- selection ---- */

/* Mask of the lanes whose byte is not zero. */
static inline hone__vm vm_load_bytes(const uint8_t *p) {
#if HONE_VF_N == 16
    const __m128i x = _mm_loadu_si128((const __m128i *)p);
    return _mm_test_epi8_mask(x, x);
#elif HONE_VF_N == 8
    const __m256i x = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(x, _mm256_setzero_si256()));
#else
    return (hone__vm){-(p[0] != 0), -(p[1] != 0), -(p[2] != 0), -(p[3] != 0)};
#endif
}
static inline hone__vm vm_load_bytes_n(const uint8_t *p, size_t n) {
    uint8_t b[HONE_VF_N] = {0};
    memcpy(b, p, n);
    return vm_load_bytes(b);
}

static void f32_select(const uint8_t *cond, const float *x, size_t x_step, const float *y, size_t y_step, float *out,
                       size_t n) {
    size_t i = 0;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N) {
        vf vx = x_step ? hone__vf_load(x + i) : hone__vf_set1(*x),
           vy = y_step ? hone__vf_load(y + i) : hone__vf_set1(*y);
        hone__vf_store(out + i, hone__vf_select(vm_load_bytes(cond + i), vx, vy));
    }
    if (i < n) {
        size_t m = n - i;
        vf vx = x_step ? hone__vf_load_n(x + i, m) : hone__vf_set1(*x),
           vy = y_step ? hone__vf_load_n(y + i, m) : hone__vf_set1(*y);
        hone__vf_store_n(out + i, hone__vf_select(vm_load_bytes_n(cond + i, m), vx, vy), m);
    }
}

/* ---- linear interpolation ---- */

static inline vf lerp_vf(vf a, vf b, vf t) {
    return hone__vf_fma(b, t, hone__vf_mul(a, hone__vf_sub(hone__vf_set1(1.0f), t)));
}

static void f32_lerp(const float *a, const float *b, float t, float *y, size_t n) {
    const vf vt = hone__vf_set1(t);
    size_t i = 0;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        hone__vf_store(y + i, lerp_vf(hone__vf_load(a + i), hone__vf_load(b + i), vt));
    if (i < n)
        hone__vf_store_n(y + i, lerp_vf(hone__vf_load_n(a + i, n - i), hone__vf_load_n(b + i, n - i), vt), n - i);
}

static inline vf gather_vf(const float *x, const int32_t *index) {
#if HONE_VF_N == 16
    return _mm512_i32gather_ps(_mm512_loadu_si512(index), x, 4);
#elif HONE_VF_N == 8
    return _mm256_i32gather_ps(x, _mm256_loadu_si256((const __m256i *)index), 4);
#else
    return (vf){x[index[0]], x[index[1]], x[index[2]], x[index[3]]};
#endif
}

static void f32_lerp_gather(const float *x, const int32_t *first, const int32_t *second, const float *t, float *y,
                            size_t n) {
    size_t i = 0;
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        hone__vf_store(y + i, lerp_vf(gather_vf(x, first + i), gather_vf(x, second + i), hone__vf_load(t + i)));
    for (; i < n; i++)
        y[i] = x[first[i]] * (1.0f - t[i]) + x[second[i]] * t[i];
}

/* ---- 16-bit formats: vectors where the CPU converts, base/half.h for the rest ---- */

static void f16_to_f32(const void *px, void *py, size_t n) {
    const uint16_t *x = px;
    float *y = py;
    size_t i = 0;
#if defined(__AVX512F__)
    for (; i + 16 <= n; i += 16)
        _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(x + i))));
#elif defined(__F16C__)
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(x + i))));
#endif
    for (; i < n; i++)
        y[i] = hone__f16_to_f32(x[i]);
}

static void f32_to_f16(const void *px, void *py, size_t n) {
    const float *x = px;
    uint16_t *y = py;
    size_t i = 0;
#if defined(__AVX512F__)
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(y + i), _mm512_cvtps_ph(_mm512_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
#endif
    for (; i < n; i++)
        y[i] = hone__f32_to_f16(x[i]);
}

static void bf16_to_f32(const void *px, void *py, size_t n) {
    const uint16_t *x = px;
    float *y = py;
    for (size_t i = 0; i < n; i++)
        y[i] = hone__bf16_to_f32(x[i]);
}

static void f32_to_bf16(const void *px, void *py, size_t n) {
    const float *x = px;
    uint16_t *y = py;
    for (size_t i = 0; i < n; i++)
        y[i] = hone__f32_to_bf16(x[i]);
}

#define UNARY_ENTRY(NAME, name) [HONE_UNARY_##NAME] = f32_##name,
#define BINARY_ENTRY(NAME, name) [HONE_BINARY_##NAME] = {f32_##name##_vv, f32_##name##_vs, f32_##name##_sv},
const hone_eltwise_row HONE_ISA(hone_eltwise_row) = {
    .isa_name = HONE_ISA_TEXT,
    .isa = HONE_ISA_BITS,
    .unary = {HONE_UNARY_TABLE(UNARY_ENTRY)},
    .binary = {HONE_BINARY_TABLE(BINARY_ENTRY)},
    .select = f32_select,
    .lerp = f32_lerp,
    .lerp_gather = f32_lerp_gather,
    .f16_to_f32 = f16_to_f32,
    .f32_to_f16 = f32_to_f16,
    .bf16_to_f32 = bf16_to_f32,
    .f32_to_bf16 = f32_to_bf16,
};
