/* The arithmetic of convolutions for one number type REAL; included by ops_conv.c for float, double
 * and uint32_t (32-bit integers that wrap). Not a header in its own right. */

/* y[n,m,o] = bias[m] + sum over c, k of x[n, g*Cg+c, o*s - p + k*d] * w[m,c,k]. The innermost loop runs
 * over output columns, for one weight. */
static void HONE_PASTE(conv_run, REAL)(const conv_shape *s, const REAL *x, const REAL *w, const REAL *bias, REAL *y) {
    const int64_t *in = s->in, *out = s->out, *k = s->win.kernel;
    int64_t in_plane = in[0] * in[1] * in[2], out_plane = out[0] * out[1] * out[2], taps = k[0] * k[1] * k[2];
    int64_t cg = s->c / s->group, mg = s->m / s->group;
    for (int64_t nm = 0; nm < s->n * s->m; nm++) {
        int64_t n = nm / s->m, m = nm % s->m;
        REAL *yp = y + nm * out_plane;
        for (int64_t i = 0; i < out_plane; i++)
            yp[i] = bias ? bias[m] : (REAL)0;
        for (int64_t ct = 0; ct < cg * taps; ct++) {
            int64_t c = ct / taps, t = ct % taps;
            const REAL *xp = x + (n * s->c + m / mg * cg + c) * in_plane;
            REAL weight = w[m * cg * taps + ct];
            int64_t kz = t / (k[1] * k[2]), ky = t / k[2] % k[1], kx = t % k[2], lo, hi;
            int64_t z0 = kz * s->win.dilation[0] - s->win.pad_begin[0];
            int64_t y0 = ky * s->win.dilation[1] - s->win.pad_begin[1];
            int64_t x0 = kx * s->win.dilation[2] - s->win.pad_begin[2], sx = s->win.stride[2];
            tap_range(in[2], out[2], x0, sx, &lo, &hi);
            for (int64_t oz = 0; oz < out[0]; oz++) {
                int64_t iz = oz * s->win.stride[0] + z0;
                if (iz < 0 || iz >= in[0])
                    continue;
                for (int64_t oy = 0; oy < out[1]; oy++) {
                    int64_t iy = oy * s->win.stride[1] + y0;
                    if (iy < 0 || iy >= in[1])
                        continue;
                    const REAL *row = xp + (iz * in[1] + iy) * in[2] + x0;
                    REAL *yrow = yp + (oz * out[1] + oy) * out[2];
                    if (sx == 1)
                        for (int64_t ox = lo; ox < hi; ox++)
                            yrow[ox] += weight * row[ox];
                    else
                        for (int64_t ox = lo; ox < hi; ox++)
                            yrow[ox] += weight * row[ox * sx];
                }
            }
        }
    }
}
