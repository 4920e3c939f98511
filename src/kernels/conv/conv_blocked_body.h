/* The micro-kernel of blocked convolutions, included once per vector type by conv_blocked_impl.h.
 *
 * A tile is m pixels times nv vectors of output channels, kept in registers; pixels are broadcast from the input's
 * blocks, weights stream in the order of the loops. Before inclusion: BT (the vector type), BN(name) (a suffix for
 * names), B_ZERO, B_SET1, B_LOAD, B_LOADN, B_STORE, B_FMA, B_ADD, B_MAX, B_MIN, B_ACT and BL (lanes of BT). Pixels of a
 * block are always VW floats apart, also for the narrower type. */

/* Pixel i of a tile stands at p[i / 3] + i % 3 * ms; with MS known the compiler folds it all into one pointer. */
HONE_INLINE void BN(blocked_step)(const size_t m, const size_t nv, const float *const *p, ptrdiff_t ms,
                                  const float *restrict w, BT s[CV_MR][2]) {
    BT wv[2];
    HONE_UNROLL
    for (size_t j = 0; j < nv; j++)
        wv[j] = B_LOAD(w + j * BL);
    HONE_UNROLL
    for (size_t i = 0; i < m; i++) {
        const BT xv = B_SET1(p[i / 3][(ptrdiff_t)(i % 3) * ms]);
        HONE_UNROLL
        for (size_t j = 0; j < nv; j++)
            s[i][j] = B_FMA(xv, wv[j], s[i][j]);
    }
}

/* One tile under way: what moves when it is repeated. */
typedef struct BN(blocked_at) {
    const float *x, *w, *bias, *z;
    float *y;
    size_t n_k;
} BN(blocked_at);

HONE_INLINE void BN(blocked_store)(const size_t m, const size_t nv, BT s[CV_MR][2], const hone__conv_btile *t,
                                   const BN(blocked_at) * at, const bool is_clamp, const BT lo, const BT hi) {
    const size_t y_ms = t->y_ms; /* in a register: a store may change what t points to, for all the compiler knows */
    HONE_UNROLL
    for (size_t j = 0; j < nv; j++) {
        float *y = at->y + j * t->y_plane;
        if (at->z) {
            const float *z = at->z + j * t->y_plane;
            HONE_UNROLL
            for (size_t i = 0; i < m; i++)
                s[i][j] = B_ADD(s[i][j], B_LOAD(z + i * y_ms));
        }
        if (is_clamp) {
            HONE_UNROLL
            for (size_t i = 0; i < m; i++)
                B_STORE(y + i * y_ms, B_MIN(hi, B_MAX(lo, s[i][j])));
        } else {
            HONE_UNROLL
            for (size_t i = 0; i < m; i++)
                B_STORE(y + i * y_ms, s[i][j]);
        }
    }
}

/* is_flat: pixels VW floats apart, channels side by side. */
HONE_INLINE void BN(blocked_body)(const size_t m, const size_t nv, const bool is_flat, const hone__conv_btile *t,
                                  const BN(blocked_at) * at, const bool is_clamp, const BT lo, const BT hi) {
    BT s[CV_MR][2];
    HONE_UNROLL
    for (size_t j = 0; j < nv; j++) {
        const size_t n = j * BL < at->n_k ? at->n_k - j * BL : 0;
        const BT bias = !at->bias ? B_ZERO() : n >= BL ? B_LOAD(at->bias + j * BL) : B_LOADN(at->bias + j * BL, n);
        HONE_UNROLL
        for (size_t i = 0; i < m; i++)
            s[i][j] = bias;
    }
    const ptrdiff_t ms = is_flat ? VW : t->ms, cs = is_flat ? 1 : t->cs, ss = t->ss, rs = t->rs;
    const size_t n_r = t->n_r, n_s = t->n_s;
    const float *x = at->x, *w = at->w;
    for (size_t left = t->n_c; left;) {
        const size_t nc = left < t->block ? left : t->block, step = nc * nv * BL;
        /* The next block lies a plane away, where no prefetcher looks; after the last one comes the next tile. */
        const float *next = left > nc ? x + t->bs : at->x + t->x_step;
        HONE_UNROLL
        for (size_t i = 0; i < m; i++)
            __builtin_prefetch(next + (ptrdiff_t)i * ms);
        const float *xr = x, *wr = w + (t->r0 * t->kernel_w + t->s0) * step;
        for (size_t r = n_r; r; r--, xr += rs, wr += t->kernel_w * step) {
            const float *xs = xr, *wc = wr;
            for (size_t q = n_s; q; q--, xs += ss) {
                const float *p[CV_GROUPS];
                HONE_UNROLL
                for (size_t g = 0; g < (m + 2) / 3; g++)
                    p[g] = xs + (ptrdiff_t)(3 * g) * ms;
                for (size_t c = nc; c; c--, wc += nv * BL) {
                    BN(blocked_step)(m, nv, p, ms, wc, s);
                    HONE_UNROLL
                    for (size_t g = 0; g < (m + 2) / 3; g++)
                        p[g] += cs;
                }
            }
        }
        left -= nc;
        x += t->bs;
        w += t->kernel_h * t->kernel_w * step;
    }
    BN(blocked_store)(m, nv, s, t, at, is_clamp, lo, hi);
}

HONE_INLINE void BN(blocked_times)(const size_t m, const size_t nv, const bool is_flat, const hone__conv_btile *t) {
    const hone_act *act = t->act;
    const bool is_relu = act->kind == HONE_ACT_RELU, is_clip = act->kind == HONE_ACT_CLIP;
    const bool is_slow = act->kind != HONE_ACT_NONE && !is_relu && !is_clip;
    const BT lo = B_SET1(is_relu ? 0.0f : act->a), hi = B_SET1(is_relu ? INFINITY : act->b);
    BN(blocked_at) at = {t->x, t->w, t->bias, t->z, t->y, t->n_k};
    for (size_t n = t->n_times; n; n--) {
        BN(blocked_body)(m, nv, is_flat, t, &at, is_relu || is_clip, lo, hi);
        for (size_t j = 0; j < nv && is_slow; j++)
            B_ACT(at.y + j * t->y_plane, m, t->y_ms, act);
        at.x += t->x_step;
        at.y += t->y_step;
        at.w += t->w_step;
        at.z = at.z ? at.z + t->y_step : NULL;
        at.bias = at.bias ? at.bias + t->k_step : NULL;
        at.n_k = at.n_k > t->k_step ? at.n_k - t->k_step : 0;
    }
}

static void BN(blocked_tile)(size_t m, size_t nv, const hone__conv_btile *t) {
    const bool is_flat = t->ms == VW && t->cs == 1;
#define BLOCKED_CASE(M)                                                                                                \
    case (M)*4:                                                                                                        \
        BN(blocked_times)(M, 1, false, t);                                                                             \
        break;                                                                                                         \
    case (M)*4 + 1:                                                                                                    \
        BN(blocked_times)(M, 1, true, t);                                                                              \
        break;                                                                                                         \
    case (M)*4 + 2:                                                                                                    \
        BN(blocked_times)(M, 2, false, t);                                                                             \
        break;                                                                                                         \
    case (M)*4 + 3:                                                                                                    \
        BN(blocked_times)(M, 2, true, t);                                                                              \
        break;
    switch (m * 4 + (nv - 1) * 2 + is_flat) {
        CV_ALL_ROWS(BLOCKED_CASE)
    default:
        break;
    }
#undef BLOCKED_CASE
}

#undef BT
#undef BN
#undef BL
#undef B_ACT
#undef B_ZERO
#undef B_SET1
#undef B_LOAD
#undef B_LOADN
#undef B_STORE
#undef B_FMA
#undef B_ADD
#undef B_MAX
#undef B_MIN
