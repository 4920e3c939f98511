/* The arithmetic of pooling for one number type REAL; included by ops_pool.c for float, double, and
 * (POOL_MAX_ONLY) 8-bit integers. Not a header in its own right. */

/* at: where each maximum was, counted over the whole input tensor, or NULL. The first of equal
 * elements wins; NaN wins over numbers. */
static void HONE_PASTE(max_run, REAL)(const pool_shape *s, const REAL *x, REAL *y, int64_t *at) {
    int64_t in_plane = hone__dims_product(s->in, 0, 3), out_plane = hone__dims_product(s->out, 0, 3);
    for (int64_t i = 0; i < s->planes * out_plane; i++) {
        int64_t o[3] = {i % out_plane / (s->out[1] * s->out[2]), i % out_plane / s->out[2] % s->out[1], i % s->out[2]};
        int64_t start[3], lo[3], hi[3], best = -1;
        for (int d = 0; d < 3; d++)
            taps_inside(s, d, o[d], &start[d], &lo[d], &hi[d]);
        const REAL *xp = x + i / out_plane * in_plane;
        for (int64_t z = lo[0]; z < hi[0]; z++)
            for (int64_t r = lo[1]; r < hi[1]; r++)
                for (int64_t c = lo[2]; c < hi[2]; c++) {
                    int64_t k = ((start[0] + z * s->win.dilation[0]) * s->in[1] + start[1] + r * s->win.dilation[1]) *
                                    s->in[2] +
                                start[2] + c * s->win.dilation[2];
                    if (best < 0 || xp[k] > xp[best] || (isnan((double)xp[k]) && !isnan((double)xp[best])))
                        best = k;
                }
        /* A window wholly in the padding has no element: the lowest value stands for it. */
        y[i] = best >= 0 ? xp[best] : HONE_PASTE(lowest, REAL);
        if (at && best >= 0 && s->column_major) {
            int64_t z = best / (s->in[1] * s->in[2]), r = best / s->in[2] % s->in[1], c = best % s->in[2];
            best = (c * s->in[1] + r) * s->in[0] + z;
        }
        if (at)
            at[i] = best < 0 ? 0 : i / out_plane * in_plane + best;
    }
}

#ifndef POOL_MAX_ONLY
static hone_status HONE_PASTE(max_eval, REAL)(hone__eval *ctx, const pool_shape *s, hone_dtype dtype, int64_t *at) {
    const REAL *x;
    REAL *y;
    hone_tensor *out;
    HONE_TRY(HONE_PASTE(hone__eval_in, REAL)(ctx, 0, &x));
    HONE_TRY(HONE_PASTE(hone__eval_out, REAL)(ctx, 0, dtype, s->rank, s->y_dims, &out, &y));
    HONE_PASTE(max_run, REAL)(s, x, y, at);
    HONE_PASTE(hone__eval_put, REAL)(out, y);
    return HONE_OK;
}

/* The average (p = 0) or the p-norm of each window. */
static hone_status HONE_PASTE(sum_eval, REAL)(hone__eval *ctx, const pool_shape *s, hone_dtype dtype) {
    const REAL *x;
    REAL *y;
    hone_tensor *out;
    HONE_TRY(HONE_PASTE(hone__eval_in, REAL)(ctx, 0, &x));
    HONE_TRY(HONE_PASTE(hone__eval_out, REAL)(ctx, 0, dtype, s->rank, s->y_dims, &out, &y));
    int64_t in_plane = hone__dims_product(s->in, 0, 3), out_plane = hone__dims_product(s->out, 0, 3);
    for (int64_t i = 0; i < s->planes * out_plane; i++) {
        int64_t o[3] = {i % out_plane / (s->out[1] * s->out[2]), i % out_plane / s->out[2] % s->out[1], i % s->out[2]};
        int64_t start[3], lo[3], hi[3];
        REAL sum = 0;
        for (int d = 0; d < 3; d++)
            taps_inside(s, d, o[d], &start[d], &lo[d], &hi[d]);
        const REAL *xp = x + i / out_plane * in_plane;
        for (int64_t z = lo[0]; z < hi[0]; z++)
            for (int64_t r = lo[1]; r < hi[1]; r++)
                for (int64_t c = lo[2]; c < hi[2]; c++) {
                    REAL v = xp[((start[0] + z * s->win.dilation[0]) * s->in[1] + start[1] + r * s->win.dilation[1]) *
                                    s->in[2] +
                                start[2] + c * s->win.dilation[2]];
                    sum += s->p == 0 ? v : s->p == 2 ? v * v : (REAL)pow(fabs((double)v), s->p);
                }
        int64_t n = divisor(s, start, lo, hi);
        y[i] = s->p != 0 ? (REAL)pow((double)sum, 1 / s->p) : n ? sum / (REAL)n : 0;
    }
    HONE_PASTE(hone__eval_put, REAL)(out, y);
    return HONE_OK;
}
#endif
