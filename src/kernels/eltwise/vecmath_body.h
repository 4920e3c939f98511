/* exp, expm1, log, tanh, sigmoid, erf and the activations on vectors of HONE_VF_N floats, written once
 * on the primitives of vecmath_{avx512,avx2,generic}.h, which include this file at their end.
 *
 * Polynomials are minimax fits made for this file (Remez, relative error, double precision
 * coefficients rounded to float). Errors below are against double precision over all floats and are
 * checked by tests/kernels/test_vecmath.c (half an ULP more without FMA):
 *   exp      1.5 ULP; denormal results exact to 1 ULP of the smallest denormal; exp(+-inf), NaN right
 *   expm1    2 ULP
 *   log      1.5 ULP; log(0) = -inf, log(x<0) = NaN, denormals right
 *   tanh     2 ULP
 *   sigmoid  3 ULP for x > -87, absolute error below 1.2e-38 under it
 *   erf      2 ULP
 *   activations: see the table in the test (absolute and relative error together). */
#include "kernels/activation.h"
#include <math.h>

/* 2^n * p for integers n in [-151, 130], as two factors so that neither leaves the normal range. */
static inline hone__vf hone__vf_scale2(hone__vf p, hone__vf n) {
#ifdef __AVX512F__
    return _mm512_scalef_ps(p, n);
#else
    const hone__vi bias = hone__vi_set1(127), i = hone__vi_from_vf(n);
    const hone__vi half = hone__vi_sar(i, 1);
    const hone__vf f1 = hone__vf_bits(hone__vi_shl(hone__vi_add(half, bias), 23));
    const hone__vf f2 = hone__vf_bits(hone__vi_shl(hone__vi_add(hone__vi_sub(i, half), bias), 23));
    return hone__vf_mul(hone__vf_mul(p, f1), f2);
#endif
}

/* x = n ln2 + r with |r| <= ln2/2; gives q = e^r - 1 and n. x must lie in [-104, 89.5] or be NaN. */
static inline hone__vf hone__vf_exp_reduced(hone__vf x, hone__vf *n) {
    *n = hone__vf_round(hone__vf_mul(x, hone__vf_set1(0x1.715476p+0f)));
    hone__vf r = hone__vf_fnma(*n, hone__vf_set1(0x1.62e400p-1f), x); /* ln2, 15 bits: n * it is exact */
    r = hone__vf_fnma(*n, hone__vf_set1(0x1.7f7d1cp-20f), r);         /* the rest of ln2 */
    hone__vf p = hone__vf_set1(0x1.6a2250p-10f);
    p = hone__vf_fma(p, r, hone__vf_set1(0x1.123b02p-7f));
    p = hone__vf_fma(p, r, hone__vf_set1(0x1.5558f8p-5f));
    p = hone__vf_fma(p, r, hone__vf_set1(0x1.555490p-3f));
    p = hone__vf_fma(p, r, hone__vf_set1(0x1.fffffcp-2f));
    return hone__vf_fma(hone__vf_mul(r, r), p, r);
}

static inline hone__vf hone__vf_exp(hone__vf x) {
    hone__vf n;
    /* Operand order keeps NaN: max and min give their second operand then. */
    x = hone__vf_min(hone__vf_set1(89.5f), hone__vf_max(hone__vf_set1(-104.0f), x));
    const hone__vf q = hone__vf_exp_reduced(x, &n);
    return hone__vf_scale2(hone__vf_add(q, hone__vf_set1(1.0f)), n);
}

/* e^x - 1 without cancellation: 2^n (e^r - 1) + (2^n - 1). */
static inline hone__vf hone__vf_expm1(hone__vf x) {
    hone__vf n;
    const hone__vf one = hone__vf_set1(1.0f);
    const hone__vf y = hone__vf_min(hone__vf_set1(89.0f), hone__vf_max(hone__vf_set1(-20.0f), x));
    const hone__vf q = hone__vf_exp_reduced(y, &n);
    /* 2^n alone overflows at 128 where e^x need not: halve, and double at the end. */
    const hone__vf s = hone__vf_scale2(one, hone__vf_sub(n, one));
    const hone__vf h = hone__vf_fma(s, q, hone__vf_sub(s, hone__vf_set1(0.5f)));
    /* Keeps -0 and denormals. */
    return hone__vf_select(hone__vf_lt(hone__vf_abs(x), hone__vf_set1(1e-30f)), x, hone__vf_add(h, h));
}

static inline hone__vf hone__vf_log(hone__vf x) {
    const hone__vf one = hone__vf_set1(1.0f), tiny = hone__vf_set1(0x1p-126f);
    const hone__vm denormal = hone__vf_lt(x, tiny);
    const hone__vf y = hone__vf_select(denormal, hone__vf_mul(x, hone__vf_set1(0x1p+25f)), x);
    /* y = 2^e * m with m in [sqrt(1/2), sqrt(2)): subtracting the bits of sqrt(1/2) moves the cut. */
    const hone__vi bits = hone__vi_sub(hone__vi_bits(y), hone__vi_set1(0x3f3504f3));
    hone__vf e = hone__vf_from_vi(hone__vi_sar(bits, 23));
    const hone__vi mantissa = hone__vi_and(bits, hone__vi_set1(0x007fffff));
    const hone__vf m = hone__vf_sub(hone__vf_bits(hone__vi_add(mantissa, hone__vi_set1(0x3f3504f3))), one);
    e = hone__vf_select(denormal, hone__vf_sub(e, hone__vf_set1(25.0f)), e);
    hone__vf p = hone__vf_set1(-0x1.38b57cp-4f);
    p = hone__vf_fma(p, m, hone__vf_set1(0x1.055b68p-3f));
    p = hone__vf_fma(p, m, hone__vf_set1(-0x1.0d8542p-3f));
    p = hone__vf_fma(p, m, hone__vf_set1(0x1.22da1ep-3f));
    p = hone__vf_fma(p, m, hone__vf_set1(-0x1.547244p-3f));
    p = hone__vf_fma(p, m, hone__vf_set1(0x1.99a008p-3f));
    p = hone__vf_fma(p, m, hone__vf_set1(-0x1.000226p-2f));
    p = hone__vf_fma(p, m, hone__vf_set1(0x1.555554p-2f));
    const hone__vf m2 = hone__vf_mul(m, m);
    p = hone__vf_mul(hone__vf_mul(p, m), m2);
    p = hone__vf_fma(e, hone__vf_set1(0x1.7f7d1cp-20f), p); /* low part of ln2 */
    p = hone__vf_fnma(m2, hone__vf_set1(0.5f), p);
    hone__vf r = hone__vf_fma(e, hone__vf_set1(0x1.62e400p-1f), hone__vf_add(m, p));
    /* +inf and NaN pass through; zero gives -inf; below zero NaN. */
    r = hone__vf_select(hone__vf_lt(x, hone__vf_set1(INFINITY)), r, x);
    r = hone__vf_select(hone__vf_eq(x, hone__vf_zero()), hone__vf_set1(-INFINITY), r);
    return hone__vf_select(hone__vf_lt(x, hone__vf_zero()), hone__vf_set1(NAN), r);
}

static inline hone__vf hone__vf_tanh(hone__vf x) {
    const hone__vf one = hone__vf_set1(1.0f), a = hone__vf_abs(x);
    /* Large: 1 - 2/(e^2a + 1); from 10 on that is 1. */
    const hone__vf e = hone__vf_exp(hone__vf_min(hone__vf_set1(20.0f), hone__vf_add(a, a)));
    const hone__vf big = hone__vf_sub(one, hone__vf_div(hone__vf_set1(2.0f), hone__vf_add(e, one)));
    /* Small: odd polynomial. */
    const hone__vf y = hone__vf_mul(x, x);
    hone__vf p = hone__vf_set1(-0x1.76ac1ap-8f);
    p = hone__vf_fma(p, y, hone__vf_set1(0x1.5256d8p-6f));
    p = hone__vf_fma(p, y, hone__vf_set1(-0x1.b84448p-5f));
    p = hone__vf_fma(p, y, hone__vf_set1(0x1.110768p-3f));
    p = hone__vf_fma(p, y, hone__vf_set1(-0x1.555534p-2f));
    const hone__vf small = hone__vf_fma(hone__vf_mul(p, y), x, x);
    return hone__vf_copysign(hone__vf_select(hone__vf_lt(a, hone__vf_set1(0.625f)), small, big), x);
}

static inline hone__vf hone__vf_sigmoid(hone__vf x) {
    const hone__vf one = hone__vf_set1(1.0f);
    return hone__vf_div(one, hone__vf_add(one, hone__vf_exp(hone__vf_neg(x))));
}

static inline hone__vf hone__vf_erf(hone__vf x) {
    const hone__vf a = hone__vf_abs(x), one = hone__vf_set1(1.0f);
    /* |x| < 0.92: x + x P(x^2). */
    const hone__vf y = hone__vf_mul(x, x);
    hone__vf p = hone__vf_set1(-0x1.3a8a20p-11f);
    p = hone__vf_fma(p, y, hone__vf_set1(0x1.475f84p-8f));
    p = hone__vf_fma(p, y, hone__vf_set1(-0x1.b6930ep-6f));
    p = hone__vf_fma(p, y, hone__vf_set1(0x1.ce1b16p-4f));
    p = hone__vf_fma(p, y, hone__vf_set1(-0x1.8126eap-2f));
    p = hone__vf_fma(p, y, hone__vf_set1(0x1.06eba6p-3f));
    const hone__vf small = hone__vf_fma(p, x, x);
    /* Beyond: 1 - exp(Q(|x|)), Q a fit of log(erfc); from 4 on erf rounds to 1. */
    const hone__vf t = hone__vf_min(hone__vf_set1(4.0f), a);
    hone__vf q = hone__vf_set1(0x1.9a0304p-13f);
    q = hone__vf_fma(q, t, hone__vf_set1(-0x1.8e5b70p-9f));
    q = hone__vf_fma(q, t, hone__vf_set1(0x1.6beb76p-6f));
    q = hone__vf_fma(q, t, hone__vf_set1(-0x1.a99596p-4f));
    q = hone__vf_fma(q, t, hone__vf_set1(-0x1.4640ccp-1f));
    q = hone__vf_fma(q, t, hone__vf_set1(-0x1.20ae3ep+0f));
    q = hone__vf_fma(q, t, hone__vf_set1(-0x1.a22834p-13f));
    hone__vf n;
    const hone__vf g = hone__vf_exp_reduced(q, &n);
    const hone__vf big = hone__vf_sub(one, hone__vf_scale2(hone__vf_add(g, one), n));
    return hone__vf_select(hone__vf_lt(a, hone__vf_set1(0.92f)), small, hone__vf_copysign(big, x));
}

/* ---- activations (kernels/activation.h), one inline per kind and one switch ---- */

static inline hone__vf hone__act_hard_sigmoid(hone__vf x, hone__vf a, hone__vf b) {
    const hone__vf y = hone__vf_fma(a, x, b);
    return hone__vf_min(hone__vf_set1(1.0f), hone__vf_max(hone__vf_zero(), y));
}
#ifdef HONE_VF_LOOKUP
/* gelu(x) = max(x, 0) - |x| Q(|x|) with Q(t) = erfc(t / sqrt 2) / 2, the upper tail of the normal distribution: one
 * form for both signs, without cancellation. Q is a polynomial around the nearest multiple of GELU_STEP, its
 * coefficients looked up in registers; the last piece is 0 (t Q(t) is below 2e-8 there). Chebyshev interpolation
 * in double precision; the error is that of float rounding, 1e-7 relative + 2e-8. Half the operations of erf. */
#if HONE_VF_N == 16
#define GELU_STEP 0.4f
#define GELU_DEGREE 5
static const float hone__gelu_tail[GELU_DEGREE + 1][HONE_VF_N] = {
    {0x1.000000p-1f, 0x1.60d920p-2f, 0x1.b1e140p-3f, 0x1.d7534cp-4f, 0x1.c0ea70p-5f, 0x1.74bcf6p-6f, 0x1.0c9de8p-7f,
     0x1.4ee7f2p-9f, 0x1.684224p-11f, 0x1.4dacf2p-13f, 0x1.09add4p-15f, 0x1.6b3bd6p-18f, 0x1.a9ec84p-21f,
     0x1.abfc28p-24f, 0x1.7046dcp-27f, 0},
    {-0x1.988452p-2f, -0x1.791bcep-2f, -0x1.28a4e8p-2f, -0x1.8db16cp-3f, -0x1.c654eep-4f, -0x1.ba4b42p-5f,
     -0x1.6ee976p-6f, -0x1.035f9cp-7f, -0x1.387cb8p-9f, -0x1.40d01cp-11f, -0x1.18a9a6p-13f, -0x1.a27778p-16f,
     -0x1.09d71ap-18f, -0x1.1fd28cp-21f, -0x1.098c50p-24f, 0},
    {0, 0x1.2dad46p-4f, 0x1.da9eb8p-4f, 0x1.dd3a7cp-4f, 0x1.6b7812p-4f, 0x1.ba4dccp-5f, 0x1.b84e04p-6f, 0x1.6b1ff2p-7f,
     0x1.f3f53ap-9f, 0x1.20b16ep-10f, 0x1.18958cp-12f, 0x1.cc158ep-15f, 0x1.3ec052p-17f, 0x1.75b614p-20f,
     0x1.731b82p-23f, 0},
    {0x1.10567cp-4f, 0x1.a65ad6p-5f, 0x1.1cc9eap-6f, -0x1.d296a2p-7f, -0x1.d87edep-6f, -0x1.ba4bf0p-6f, -0x1.2316fep-6f,
     -0x1.27b174p-7f, -0x1.e13c2cp-9f, -0x1.3fbbc8p-10f, -0x1.5eca5ep-12f, -0x1.400da4p-14f, -0x1.e80f3ap-17f,
     -0x1.38149ep-19f, -0x1.4f950cp-22f, 0},
    {0, -0x1.1ae936p-6f, -0x1.72896ep-6f, -0x1.ee9dccp-7f, -0x1.b23e0cp-9f, 0x1.219340p-8f, 0x1.924d9cp-8f,
     0x1.24ad04p-8f, 0x1.2f192ep-9f, 0x1.e46c68p-11f, 0x1.35416cp-12f, 0x1.41595ep-14f, 0x1.12d52cp-16f,
     0x1.85cfc4p-19f, 0x1.ccdce0p-22f, 0},
    {-0x1.441a64p-7f, -0x1.9cb5f4p-8f, 0x1.0815d2p-10f, 0x1.766830p-8f, 0x1.5dda7ap-8f, 0x1.27ed38p-9f,
     -0x1.284b1ap-12f, -0x1.2a5e12p-10f, -0x1.e28e3cp-11f, -0x1.f45496p-12f, -0x1.80f962p-13f, -0x1.cf77f2p-15f,
     -0x1.c0037ep-17f, -0x1.610688p-19f, -0x1.c9f1dcp-22f, 0},
};
#else
#define GELU_STEP 0.9f
#define GELU_DEGREE 7
static const float hone__gelu_tail[GELU_DEGREE + 1][HONE_VF_N] = {
    {0x1.000000p-1f, 0x1.78f484p-3f, 0x1.265756p-5f, 0x1.c66c5cp-9f, 0x1.4dacd0p-13f, 0x1.c805c8p-19f, 0x1.1e30e6p-25f,
     0},
    {-0x1.988452p-2f, -0x1.1078a8p-2f, -0x1.43613ep-4f, -0x1.557922p-7f, -0x1.40d020p-11f, -0x1.0c2980p-16f,
     -0x1.8eda2ep-23f, 0},
    {0, 0x1.ea725ap-4f, 0x1.230b14p-4f, 0x1.ccfc5ap-7f, 0x1.20ba7cp-10f, 0x1.2dbc76p-15f, 0x1.0d862ap-21f, 0},
    {0x1.1057c4p-4f, 0x1.141d42p-7f, -0x1.e2ea50p-6f, -0x1.65fa7cp-7f, -0x1.3fbd16p-10f, -0x1.ae3232p-15f,
     -0x1.d437e2p-21f, 0},
    {0, -0x1.65dd66p-6f, 0x1.724792p-10f, 0x1.49c27ep-8f, 0x1.df7220p-11f, 0x1.b05b36p-15f, 0x1.21e872p-20f, 0},
    {-0x1.468f72p-7f, 0x1.5d2e1ap-9f, 0x1.005196p-8f, -0x1.1a46f2p-10f, -0x1.f2ae7ap-12f, -0x1.45724cp-15f,
     -0x1.17ed9ap-20f, 0},
    {0, 0x1.3f1864p-9f, -0x1.533800p-10f, -0x1.acd1aap-13f, 0x1.51b1eep-13f, 0x1.89c5bep-16f, 0x1.e4975cp-21f, 0},
    {0x1.29cdb4p-10f, -0x1.3cfa2ap-11f, -0x1.067a9ep-13f, 0x1.9e0de0p-13f, -0x1.a73f00p-16f, -0x1.4d3784p-17f,
     -0x1.20e53cp-21f, 0},
};
#endif
static inline hone__vf hone__act_gelu(hone__vf x) {
    const hone__vf magic = hone__vf_set1(0x1.8p+23f); /* its last bits count ones */
    const hone__vf t = hone__vf_min(hone__vf_set1(6.0f), hone__vf_abs(x));
    const hone__vf u = hone__vf_fma(t, hone__vf_set1(1.0f / GELU_STEP), magic);
    const hone__vi piece = hone__vi_bits(u);
    const hone__vf r = hone__vf_fnma(hone__vf_sub(u, magic), hone__vf_set1(GELU_STEP), t);
    hone__vf q = HONE_VF_LOOKUP(hone__gelu_tail[GELU_DEGREE], piece);
    for (int d = GELU_DEGREE - 1; d >= 0; d--)
        q = hone__vf_fma(q, r, HONE_VF_LOOKUP(hone__gelu_tail[d], piece));
    return hone__vf_fnma(t, q, hone__vf_max(hone__vf_zero(), x));
}
#else
static inline hone__vf hone__act_gelu(hone__vf x) {
    const hone__vf h = hone__vf_mul(x, hone__vf_set1(0.5f));
    const hone__vf y = hone__vf_fma(h, hone__vf_erf(hone__vf_mul(x, hone__vf_set1(0x1.6a09e6p-1f))), h);
    /* 0 * inf would be NaN at -inf. */
    return hone__vf_select(hone__vf_lt(x, hone__vf_set1(-40.0f)), hone__vf_set1(-0.0f), y);
}
#endif
/* 0.5 x (1 + tanh(u)) = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3): no cancellation. */
static inline hone__vf hone__act_gelu_tanh(hone__vf x) {
    const hone__vf c = hone__vf_mul(hone__vf_mul(x, x), hone__vf_set1(-0x1.2444f2p-4f)); /* -2 sqrt(2/pi) 0.044715 */
    const hone__vf u = hone__vf_mul(x, hone__vf_sub(c, hone__vf_set1(0x1.988454p+0f)));  /* 2 sqrt(2/pi) */
    const hone__vf y = hone__vf_div(x, hone__vf_add(hone__vf_set1(1.0f), hone__vf_exp(u)));
    return hone__vf_select(hone__vf_lt(x, hone__vf_set1(-40.0f)), hone__vf_set1(-0.0f), y);
}
/* x sigmoid(a x); towards the side where the sigmoid vanishes the product ends at 0, inf included. */
static inline hone__vf hone__act_silu(hone__vf x, hone__vf a) {
#ifdef __AVX512F__
    /* x / (1 + 2^t), t = -a log2(e) x, in as few operations as it takes: t is not clamped where 2^t is large, because
     * the scaling overflows to infinity then, also from the NaN that t = inf leaves; where it is small, c < x keeps the
     * reduction exact. The rounding of a log2(e) grows with |x|: 3e-7 + 1.4e-8 |a x|, relative. */
    const float a0 = _mm512_cvtss_f32(a);
    if (a0 > 2e-4f && a0 < 4.0f) {
        const hone__vf k = hone__vf_mul(a, hone__vf_set1(-0x1.715476p+0f)), c = hone__vf_min(hone__vf_set1(1e6f), x);
        const hone__vf n = hone__vf_round(hone__vf_mul(k, c)), r = _mm512_fmsub_ps(k, c, n);
        hone__vf p = hone__vf_set1(0x1.5bba0ep-10f);
        p = hone__vf_fma(p, r, hone__vf_set1(0x1.3cea94p-7f));
        p = hone__vf_fma(p, r, hone__vf_set1(0x1.c6b754p-5f));
        p = hone__vf_fma(p, r, hone__vf_set1(0x1.ebf9bcp-3f));
        p = hone__vf_fma(p, r, hone__vf_set1(0x1.62e42ap-1f));
        p = hone__vf_fma(p, r, hone__vf_set1(1.0f));
        const hone__vf d = hone__vf_add(hone__vf_set1(1.0f), hone__vf_scale2(p, n));
        return hone__vf_div(hone__vf_max(hone__vf_set1(-0x1.fffffep+127f), x), d);
    }
#endif
    const hone__vf z = hone__vf_mul(a, x);
    const hone__vf y = hone__vf_div(x, hone__vf_add(hone__vf_set1(1.0f), hone__vf_exp(hone__vf_neg(z))));
    return hone__vf_select(hone__vf_eq(z, hone__vf_set1(-INFINITY)), hone__vf_copysign(hone__vf_zero(), x), y);
}
/* x tanh(log(1 + e^x)) = x n / (n + 2) with n = e^x (e^x + 2); from 20 on it is x. */
static inline hone__vf hone__act_mish(hone__vf x) {
    const hone__vf e = hone__vf_exp(hone__vf_min(hone__vf_set1(20.0f), x));
    const hone__vf n = hone__vf_mul(e, hone__vf_add(e, hone__vf_set1(2.0f)));
    const hone__vf y = hone__vf_mul(x, hone__vf_div(n, hone__vf_add(n, hone__vf_set1(2.0f))));
    return hone__vf_select(hone__vf_lt(x, hone__vf_set1(-110.0f)), hone__vf_set1(-0.0f), y);
}

/* The activation of one vector. a, b: the parameters of hone_act, spread over the lanes. NaN stays NaN.
 * `kind` should be constant over a loop so that the switch is predicted or lifted out. */
static inline hone__vf hone__act_apply_vf(hone__vf x, hone_act_kind kind, hone__vf a, hone__vf b) {
    switch (kind) {
    case HONE_ACT_NONE:
    case HONE_ACT_COUNT:
        return x;
    case HONE_ACT_RELU:
        return hone__vf_max(hone__vf_zero(), x);
    case HONE_ACT_CLIP:
        return hone__vf_min(b, hone__vf_max(a, x));
    case HONE_ACT_LEAKY_RELU:
        return hone__vf_select(hone__vf_lt(x, hone__vf_zero()), hone__vf_mul(a, x), x);
    case HONE_ACT_SIGMOID:
        return hone__vf_sigmoid(x);
    case HONE_ACT_TANH:
        return hone__vf_tanh(x);
    case HONE_ACT_HARD_SIGMOID:
        return hone__act_hard_sigmoid(x, a, b);
    case HONE_ACT_HARD_SWISH:
        return hone__vf_mul(x, hone__act_hard_sigmoid(x, hone__vf_set1(1.0f / 6.0f), hone__vf_set1(0.5f)));
    case HONE_ACT_SILU:
        return hone__act_silu(x, a);
    case HONE_ACT_GELU:
        return hone__act_gelu(x);
    case HONE_ACT_GELU_TANH:
        return hone__act_gelu_tanh(x);
    case HONE_ACT_ELU:
        return hone__vf_select(hone__vf_lt(x, hone__vf_zero()), hone__vf_mul(a, hone__vf_expm1(x)), x);
    case HONE_ACT_MISH:
        return hone__act_mish(x);
    }
    return x;
}

/* The same over n floats in memory; y may be x. For rows of a tile that was just stored. */
static inline void hone__act_apply_row(float *y, const float *x, size_t n, const hone_act *act) {
    const hone__vf a = hone__vf_set1(act->a), b = hone__vf_set1(act->b);
    size_t i = 0;
    if (act->kind == HONE_ACT_GELU) /* no switch inside: its constants stay in registers */
        for (; i + HONE_VF_N <= n; i += HONE_VF_N)
            hone__vf_store(y + i, hone__act_gelu(hone__vf_load(x + i)));
    for (; i + HONE_VF_N <= n; i += HONE_VF_N)
        hone__vf_store(y + i, hone__act_apply_vf(hone__vf_load(x + i), act->kind, a, b));
    if (i < n)
        hone__vf_store_n(y + i, hone__act_apply_vf(hone__vf_load_n(x + i, n - i), act->kind, a, b), n - i);
}
