/* Convolutions: Conv, ConvTranspose, ConvInteger, QLinearConv, DeformConv and the fused hone.FusedConv.
 *
 * Source: ONNX operator specification; Dai et al., "Deformable Convolutional Networks" (2017) and Zhu
 * et al., "Deformable ConvNets v2" (2018) for DeformConv. Layouts: x [N,C,spatial], w [M,C/group,kernel]
 * (ConvTranspose: [C,M/group,kernel]). */
#include "ops/op_activation.h"
#include "ops/op_help.h"
#include "ops/op_window.h"

#include <math.h>

/* A convolution with everything checked; always three spatial dimensions. */
typedef struct conv_shape {
    int64_t n, c, m, group;
    int64_t in[HONE_WINDOW_MAX], out[HONE_WINDOW_MAX];
    hone__window win;
    int rank; /* of x and y */
    int64_t y_dims[HONE_MAX_RANK];
} conv_shape;

/* Output positions [lo, hi) whose input position o*stride + start lies in [0, in). */
static void tap_range(int64_t in, int64_t out, int64_t start, int64_t stride, int64_t *lo, int64_t *hi) {
    *lo = start >= 0 ? 0 : (-start + stride - 1) / stride;
    *hi = start >= in ? 0 : (in - 1 - start) / stride + 1;
    if (*hi > out)
        *hi = out;
    if (*lo > *hi)
        *lo = *hi;
}

#define REAL float
#include "ops/ops_conv_body.h"
#undef REAL
#define REAL double
#include "ops/ops_conv_body.h"
#undef REAL
#define REAL uint32_t
#include "ops/ops_conv_body.h"
#undef REAL

/* ---- inference ---- */

static hone_status infer_conv_of(hone__infer *ctx, size_t ix, size_t iw, hone_dtype dtype, bool transposed) {
    const hone__type *x = hone__infer_input(ctx, ix), *w = hone__infer_input(ctx, iw);
    bool has_x = hone__infer_has_rank(ctx, ix), has_w = hone__infer_has_rank(ctx, iw);
    if (!has_x && !has_w)
        return hone__infer_set_dtype(ctx, 0, dtype);
    int rank = has_x ? x->rank : w->rank;
    if (rank < 3)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "a convolution needs an input of rank 3 or more, not %d", rank);
    if (has_x && has_w && x->rank != w->rank)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the input has rank %d, the weight %d", x->rank, w->rank);
    int64_t kernel[HONE_MAX_RANK], group = hone__node_attr_int(ctx->node, "group", 1);
    for (int i = 0; i < rank - 2; i++)
        kernel[i] = has_w ? w->dims[2 + i].value : -1;
    hone__window win;
    HONE_TRY(hone__window_read(ctx->node, rank - 2, kernel, &win, ctx->error));
    if (group < 1)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "group is %lld", (long long)group);
    hone__dim dims[HONE_MAX_RANK];
    dims[0] = has_x ? x->dims[0] : hone__dim_unknown();
    dims[1] = hone__dim_unknown();
    if (has_w && !transposed)
        dims[1] = w->dims[0];
    else if (has_w && w->dims[1].value >= 0 && !hone__mul_i64(w->dims[1].value, group, &dims[1].value))
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "group %lld is too large", (long long)group);
    if (has_x && has_w) {
        int64_t c = x->dims[1].value, wc = w->dims[transposed ? 0 : 1].value;
        if (c >= 0 && wc >= 0 && (transposed ? wc != c : wc > c || wc * group != c))
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE,
                                    "the input has %lld channels, the weight is for %lld in %lld groups", (long long)c,
                                    (long long)wc, (long long)group);
    }
    for (int i = 0; i < rank - 2; i++) {
        hone__dim in = has_x ? x->dims[2 + i] : hone__dim_unknown();
        dims[2 + i] = hone__dim_unknown();
        if (!transposed)
            HONE_TRY(hone__window_output_dim(&win, i, in, &dims[2 + i], ctx->error));
        else if (in.value >= 0 && win.kernel[i] > 0)
            HONE_TRY(hone__window_transposed(ctx->node, &win, i, in.value, &dims[2 + i].value, ctx->error));
    }
    return hone__infer_set(ctx, 0, dtype, rank, dims);
}

static hone_status infer_conv(hone__infer *ctx) { return infer_conv_of(ctx, 0, 1, hone__infer_dtype(ctx, 0), false); }
static hone_status infer_deform_conv(hone__infer *ctx) { return infer_conv(ctx); }
static hone_status infer_conv_transpose(hone__infer *ctx) {
    return infer_conv_of(ctx, 0, 1, hone__infer_dtype(ctx, 0), true);
}
static hone_status infer_conv_integer(hone__infer *ctx) { return infer_conv_of(ctx, 0, 1, HONE_DTYPE_INT32, false); }
static hone_status infer_q_linear_conv(hone__infer *ctx) {
    return infer_conv_of(ctx, 0, 3, hone__infer_dtype(ctx, 7), false);
}

/* Two operations per multiply-add. */
static double flops_conv(const hone__node *node, const hone__type *const *in, const hone__type *const *out) {
    bool q = strcmp(node->op_type, "QLinearConv") == 0, transposed = strcmp(node->op_type, "ConvTranspose") == 0;
    const hone__type *w = in[q ? 3 : 1], *over = transposed ? in[0] : out[0];
    if (!w || !over || w->rank < 3 || over->rank < 3)
        return 0;
    double flops = 2;
    for (int i = 0; i < over->rank; i++)
        flops *= (double)over->dims[i].value;
    for (int i = 1; i < w->rank; i++)
        flops *= (double)w->dims[i].value;
    return flops;
}

/* ---- shapes of evaluators ---- */

static hone_status read_shape(hone__eval *ctx, const hone_tensor *x, const hone_tensor *w, bool transposed,
                              conv_shape *s) {
    memset(s, 0, sizeof *s);
    if (x->rank < 3 || w->rank != x->rank)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input has rank %d, the weight %d", x->rank, w->rank);
    s->group = hone__node_attr_int(ctx->node, "group", 1);
    s->rank = x->rank;
    s->n = x->dims[0];
    s->c = x->dims[1];
    int64_t g = s->group;
    int64_t wc = w->dims[1];
    if (g < 1 || g > INT32_MAX || wc > INT64_MAX / INT32_MAX)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "group is %lld", (long long)g);
    s->m = transposed ? wc * g : w->dims[0];
    if (transposed ? (w->dims[0] != s->c || s->c % g != 0) : (wc * g != s->c || s->m % g != 0))
        return hone__eval_fail(
            ctx, HONE_ERROR_SHAPE,
            "the input has %lld channels, which does not fit a weight [%lld,%lld,...] in %lld groups", (long long)s->c,
            (long long)w->dims[0], (long long)wc, (long long)g);
    HONE_TRY(hone__window_read(ctx->node, x->rank - 2, w->dims + 2, &s->win, ctx->error));
    s->y_dims[0] = s->n;
    s->y_dims[1] = s->m;
    for (int i = 0; i < s->win.n; i++) {
        int64_t *out = &s->y_dims[2 + i];
        HONE_TRY(transposed ? hone__window_transposed(ctx->node, &s->win, i, x->dims[2 + i], out, ctx->error)
                            : hone__window_output(&s->win, i, x->dims[2 + i], out, ctx->error));
    }
    hone__window_expand_dims(x->dims + 2, s->win.n, s->in);
    hone__window_expand_dims(s->y_dims + 2, s->win.n, s->out);
    hone__window_expand(&s->win);
    return HONE_OK;
}

static hone_status check_bias(hone__eval *ctx, const hone_tensor *bias, int64_t m) {
    if (bias && (bias->kind != HONE_KIND_TENSOR || hone__tensor_count(bias) != m))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the bias must have one element for each of %lld channels",
                               (long long)m);
    return HONE_OK;
}

/* ---- float evaluators ---- */

/* y[n,m,i*s - p + k*d] += x[n,c,i] * w[c,m,k], over a y that holds the bias. */
#define DEFINE_TRANSPOSE(T)                                                                                            \
    static void transpose_plane_##T(const conv_shape *s, const T *x, const T *w, T *y) {                               \
        const int64_t *in = s->in, *out = s->out, *k = s->win.kernel, *d = s->win.dilation, *p = s->win.pad_begin;     \
        const int64_t *st = s->win.stride;                                                                             \
        for (int64_t t = 0; t < k[0] * k[1] * k[2]; t++) {                                                             \
            int64_t z0 = t / (k[1] * k[2]) * d[0] - p[0], y0 = t / k[2] % k[1] * d[1] - p[1];                          \
            int64_t x0 = t % k[2] * d[2] - p[2], lo, hi;                                                               \
            tap_range(out[2], in[2], x0, st[2], &lo, &hi);                                                             \
            for (int64_t zy = 0; zy < in[0] * in[1]; zy++) {                                                           \
                int64_t oz = zy / in[1] * st[0] + z0, oy = zy % in[1] * st[1] + y0;                                    \
                if (oz < 0 || oz >= out[0] || oy < 0 || oy >= out[1])                                                  \
                    continue;                                                                                          \
                T *row = y + (oz * out[1] + oy) * out[2] + x0;                                                         \
                for (int64_t ix = lo; ix < hi; ix++)                                                                   \
                    row[ix * st[2]] += w[t] * x[zy * in[2] + ix];                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static hone_status transpose_##T(hone__eval *ctx, const conv_shape *s, hone_dtype dtype) {                         \
        const T *x, *w, *b;                                                                                            \
        T *y;                                                                                                          \
        hone_tensor *out;                                                                                              \
        HONE_TRY(hone__eval_in_##T(ctx, 0, &x));                                                                       \
        HONE_TRY(hone__eval_in_##T(ctx, 1, &w));                                                                       \
        HONE_TRY(hone__eval_in_##T(ctx, 2, &b));                                                                       \
        HONE_TRY(hone__eval_out_##T(ctx, 0, dtype, s->rank, s->y_dims, &out, &y));                                     \
        int64_t in_plane = hone__dims_product(s->in, 0, 3), out_plane = hone__dims_product(s->out, 0, 3);              \
        int64_t taps = hone__dims_product(s->win.kernel, 0, 3), mg = s->m / s->group, cg = s->c / s->group;            \
        for (int64_t nm = 0; nm < s->n * s->m; nm++) {                                                                 \
            int64_t n = nm / s->m, m = nm % s->m, g = m / mg;                                                          \
            T *plane = y + nm * out_plane;                                                                             \
            for (int64_t i = 0; i < out_plane; i++)                                                                    \
                plane[i] = b ? b[m] : (T)0;                                                                            \
            for (int64_t c = g * cg; c < (g + 1) * cg; c++)                                                            \
                transpose_plane_##T(s, x + (n * s->c + c) * in_plane, w + (c * mg + m % mg) * taps, plane);            \
        }                                                                                                              \
        hone__eval_put_##T(out, y);                                                                                    \
        return HONE_OK;                                                                                                \
    }                                                                                                                  \
    static hone_status conv_##T(hone__eval *ctx, const conv_shape *s, hone_dtype dtype) {                              \
        const T *x, *w, *b, *z;                                                                                        \
        T *y;                                                                                                          \
        hone_tensor *out;                                                                                              \
        hone__activation act;                                                                                          \
        HONE_TRY(hone__activation_read(ctx->node, &act, ctx->error));                                                  \
        HONE_TRY(hone__eval_in_##T(ctx, 0, &x));                                                                       \
        HONE_TRY(hone__eval_in_##T(ctx, 1, &w));                                                                       \
        HONE_TRY(hone__eval_in_##T(ctx, 2, &b));                                                                       \
        HONE_TRY(hone__eval_in_##T(ctx, 3, &z));                                                                       \
        HONE_TRY(hone__eval_out_##T(ctx, 0, dtype, s->rank, s->y_dims, &out, &y));                                     \
        conv_run_##T(s, x, w, b, y);                                                                                   \
        int64_t count = hone__dims_product(s->y_dims, 0, s->rank);                                                     \
        for (int64_t i = 0; z && i < count; i++)                                                                       \
            y[i] += z[i];                                                                                              \
        for (int64_t i = 0; act.apply && i < count; i++)                                                               \
            y[i] = (T)act.apply(&act, y[i]);                                                                           \
        hone__eval_put_##T(out, y);                                                                                    \
        return HONE_OK;                                                                                                \
    }
DEFINE_TRANSPOSE(float)
DEFINE_TRANSPOSE(double)
#undef DEFINE_TRANSPOSE

static hone_status eval_conv(hone__eval *ctx) {
    const hone_tensor *x, *w, *z = hone__in(ctx, 3);
    conv_shape s;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    HONE_TRY(read_shape(ctx, x, w, false, &s));
    HONE_TRY(check_bias(ctx, hone__in(ctx, 2), s.m));
    if (z && (z->rank != s.rank || memcmp(z->dims, s.y_dims, (size_t)s.rank * sizeof *z->dims) != 0))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the residual must have the output's shape");
    return x->dtype == HONE_DTYPE_DOUBLE ? conv_double(ctx, &s, x->dtype) : conv_float(ctx, &s, x->dtype);
}

static hone_status eval_conv_transpose(hone__eval *ctx) {
    const hone_tensor *x, *w;
    conv_shape s;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    HONE_TRY(read_shape(ctx, x, w, true, &s));
    HONE_TRY(check_bias(ctx, hone__in(ctx, 2), s.m));
    return x->dtype == HONE_DTYPE_DOUBLE ? transpose_double(ctx, &s, x->dtype) : transpose_float(ctx, &s, x->dtype);
}

/* ---- integer evaluators ---- */

/* Elements less their zero point (one, or one per slice of the first dimension) as wrapping 32-bit. */
static hone_status centred(hone__eval *ctx, const hone_tensor *t, const hone_tensor *zero, uint32_t **out) {
    int64_t n = hone__tensor_count(t), nz = zero ? hone__tensor_count(zero) : 0;
    if (nz > 1 && (t->rank < 1 || nz != t->dims[0]))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there are %lld zero points for %lld channels", (long long)nz,
                               (long long)(t->rank ? t->dims[0] : 1));
    void *p;
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(uint32_t), &p));
    *out = p;
    for (int64_t i = 0; i < n; i++) {
        int64_t z = nz == 0 ? 0 : hone__tensor_int_at(zero, nz == 1 ? 0 : i / (n / nz));
        (*out)[i] = (uint32_t)(hone__tensor_int_at(t, i) - z);
    }
    return HONE_OK;
}

static hone_status eval_conv_integer(hone__eval *ctx) {
    const hone_tensor *x, *w, *zx = hone__in(ctx, 2);
    conv_shape s;
    uint32_t *xi, *wi;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    HONE_TRY(read_shape(ctx, x, w, false, &s));
    if (zx && hone__tensor_count(zx) != 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "x_zero_point must be a scalar");
    HONE_TRY(centred(ctx, x, zx, &xi));
    HONE_TRY(centred(ctx, w, hone__in(ctx, 3), &wi));
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT32, s.rank, s.y_dims, &out));
    if (out)
        conv_run_uint32_t(&s, xi, wi, NULL, out->data);
    return HONE_OK;
}

/* y = saturate(round(acc * xs*ws[m]/ys) + y_zero), acc in 32 bits. */
static hone_status eval_q_linear_conv(hone__eval *ctx) {
    const hone_tensor *in[9] = {0};
    for (size_t i = 0; i < 8; i++)
        HONE_TRY(hone__eval_tensor(ctx, i, &in[i]));
    in[8] = hone__in(ctx, 8);
    conv_shape s;
    uint32_t *xi, *wi, *bias = NULL;
    hone_tensor *out;
    HONE_TRY(read_shape(ctx, in[0], in[3], false, &s));
    int64_t n_scales = hone__tensor_count(in[4]);
    if (hone__tensor_count(in[1]) != 1 || hone__tensor_count(in[2]) != 1 || hone__tensor_count(in[6]) != 1 ||
        hone__tensor_count(in[7]) != 1 || (n_scales != 1 && n_scales != s.m))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE,
                               "scales and zero points must be scalars (the weight's: one per channel)");
    HONE_TRY(check_bias(ctx, in[8], s.m));
    HONE_TRY(centred(ctx, in[0], in[2], &xi));
    HONE_TRY(centred(ctx, in[3], in[5], &wi));
    if (in[8])
        HONE_TRY(centred(ctx, in[8], NULL, &bias));
    HONE_TRY(hone__eval_output(ctx, 0, in[7]->dtype, s.rank, s.y_dims, &out));
    if (!out)
        return HONE_OK;
    int64_t count = hone__tensor_count(out), plane = hone__dims_product(s.out, 0, 3);
    void *acc;
    HONE_TRY(hone__eval_scratch_n(ctx, count, sizeof(uint32_t), &acc));
    conv_run_uint32_t(&s, xi, wi, bias, acc);
    float xs = (float)hone_tensor_get_double(in[1], 0), ys = (float)hone_tensor_get_double(in[6], 0);
    double zero = hone_tensor_get_double(in[7], 0);
    for (int64_t i = 0; i < count; i++) {
        int64_t m = i / plane % s.m;
        float scale = xs * (float)hone_tensor_get_double(in[4], n_scales == 1 ? 0 : m) / ys;
        float v = nearbyintf((float)((int32_t *)acc)[i] * scale);
        hone__tensor_put_double(out, i, (double)v + zero);
    }
    return HONE_OK;
}

/* ---- DeformConv ---- */

/* Bilinear sample at (h, w) of a plane, zero outside. */
static double sample(const double *plane, int64_t height, int64_t width, double h, double w) {
    if (!(h > -1 && h < (double)height && w > -1 && w < (double)width))
        return 0;
    double fh = floor(h), fw = floor(w), sum = 0;
    for (int dh = 0; dh < 2; dh++)
        for (int dw = 0; dw < 2; dw++) {
            int64_t y = (int64_t)fh + dh, x = (int64_t)fw + dw;
            if (y >= 0 && y < height && x >= 0 && x < width)
                sum += plane[y * width + x] * (dh ? h - fh : 1 - (h - fh)) * (dw ? w - fw : 1 - (w - fw));
        }
    return sum;
}

typedef struct deform {
    const double *x, *w, *offset, *bias, *mask;
    int64_t groups; /* of offsets */
} deform;

static double deform_at(const conv_shape *s, const deform *d, int64_t n, int64_t m, int64_t oy, int64_t ox) {
    int64_t kh = s->win.kernel[1], kw = s->win.kernel[2], oh = s->out[1], ow = s->out[2], cg = s->c / s->group;
    int64_t per = s->c / d->groups;
    double sum = d->bias ? d->bias[m] : 0;
    for (int64_t c = 0; c < cg; c++) {
        int64_t channel = m / (s->m / s->group) * cg + c, g = channel / per;
        for (int64_t t = 0; t < kh * kw; t++) {
            int64_t at = oy * ow + ox, slot = (n * d->groups + g) * kh * kw + t;
            double dy = d->offset[(2 * slot) * oh * ow + at], dx = d->offset[(2 * slot + 1) * oh * ow + at];
            double h = (double)(oy * s->win.stride[1] - s->win.pad_begin[1] + t / kw * s->win.dilation[1]) + dy;
            double w = (double)(ox * s->win.stride[2] - s->win.pad_begin[2] + t % kw * s->win.dilation[2]) + dx;
            double v = sample(d->x + (n * s->c + channel) * s->in[1] * s->in[2], s->in[1], s->in[2], h, w);
            sum += v * d->w[(m * cg + c) * kh * kw + t] * (d->mask ? d->mask[slot * oh * ow + at] : 1);
        }
    }
    return sum;
}

static hone_status eval_deform_conv(hone__eval *ctx) {
    const hone_tensor *x, *w, *offset, *mask = hone__in(ctx, 4);
    conv_shape s;
    deform d;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    HONE_TRY(hone__eval_tensor(ctx, 2, &offset));
    if (x->rank != 4)
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED, "DeformConv is supported for two spatial dimensions only");
    HONE_TRY(read_shape(ctx, x, w, false, &s));
    HONE_TRY(check_bias(ctx, hone__in(ctx, 3), s.m));
    d.groups = hone__node_attr_int(ctx->node, "offset_group", 1);
    if (d.groups < 1 || d.groups > s.c || s.c % d.groups)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "offset_group %lld does not divide %lld channels",
                               (long long)d.groups, (long long)s.c);
    int64_t points = d.groups * s.win.kernel[1] * s.win.kernel[2];
    bool fits = offset->rank == 4 && offset->dims[0] == s.n && offset->dims[1] == 2 * points &&
                offset->dims[2] == s.out[1] && offset->dims[3] == s.out[2];
    if (mask)
        fits = fits && mask->rank == 4 && mask->dims[0] == s.n && mask->dims[1] == points &&
               mask->dims[2] == s.out[1] && mask->dims[3] == s.out[2];
    if (!fits)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "offset or mask do not have the shape that the output needs");
    HONE_TRY(hone__eval_in_double(ctx, 0, &d.x));
    HONE_TRY(hone__eval_in_double(ctx, 1, &d.w));
    HONE_TRY(hone__eval_in_double(ctx, 2, &d.offset));
    HONE_TRY(hone__eval_in_double(ctx, 3, &d.bias));
    HONE_TRY(hone__eval_in_double(ctx, 4, &d.mask));
    hone_tensor *out;
    double *y;
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, s.rank, s.y_dims, &out, &y));
    for (int64_t nm = 0; nm < s.n * s.m; nm++)
        for (int64_t at = 0; at < s.out[1] * s.out[2]; at++)
            y[nm * s.out[1] * s.out[2] + at] = deform_at(&s, &d, nm / s.m, nm % s.m, at / s.out[2], at % s.out[2]);
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param conv_1_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'), HONE_PARAM("W", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM_OPT("B", HONE_SET_IEEE, 'T')};
static const hone__op_param conv_1_out[] = {HONE_PARAM("Y", HONE_SET_IEEE, 'T')};
static const hone__op_attr conv_1_attrs[] = {
    {"auto_pad", HONE_ATTR_STRING, false},   {"dilations", HONE_ATTR_INTS, false}, {"group", HONE_ATTR_INT, false},
    {"kernel_shape", HONE_ATTR_INTS, false}, {"pads", HONE_ATTR_INTS, false},      {"strides", HONE_ATTR_INTS, false}};
static const hone__op_param conv_22_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'), HONE_PARAM("W", HONE_SET_FLOAT, 'T'),
                                            HONE_PARAM_OPT("B", HONE_SET_FLOAT, 'T')};
static const hone__op_param conv_22_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_attr conv_transpose_1_attrs[] = {
    {"auto_pad", HONE_ATTR_STRING, false},     {"dilations", HONE_ATTR_INTS, false},
    {"group", HONE_ATTR_INT, false},           {"kernel_shape", HONE_ATTR_INTS, false},
    {"output_padding", HONE_ATTR_INTS, false}, {"output_shape", HONE_ATTR_INTS, false},
    {"pads", HONE_ATTR_INTS, false},           {"strides", HONE_ATTR_INTS, false}};
static const hone__op_param conv_integer_10_in[] = {
    HONE_PARAM("x", HONE_SET(INT8) | HONE_SET(UINT8), '1'), HONE_PARAM("w", HONE_SET(INT8) | HONE_SET(UINT8), '2'),
    HONE_PARAM_OPT("x_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '1'),
    HONE_PARAM_OPT("w_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '2')};
static const hone__op_param conv_integer_10_out[] = {HONE_PARAM("y", HONE_SET(INT32), '3')};
static const hone__op_param q_linear_conv_10_in[] = {HONE_PARAM("x", HONE_SET(INT8) | HONE_SET(UINT8), '1'),
                                                     HONE_PARAM("x_scale", HONE_SET(FLOAT), 0),
                                                     HONE_PARAM("x_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '1'),
                                                     HONE_PARAM("w", HONE_SET(INT8) | HONE_SET(UINT8), '2'),
                                                     HONE_PARAM("w_scale", HONE_SET(FLOAT), 0),
                                                     HONE_PARAM("w_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '2'),
                                                     HONE_PARAM("y_scale", HONE_SET(FLOAT), 0),
                                                     HONE_PARAM("y_zero_point", HONE_SET(INT8) | HONE_SET(UINT8), '3'),
                                                     HONE_PARAM_OPT("B", HONE_SET(INT32), '4')};
static const hone__op_param q_linear_conv_10_out[] = {HONE_PARAM("y", HONE_SET(INT8) | HONE_SET(UINT8), '3')};
static const hone__op_param deform_conv_19_in[] = {
    HONE_PARAM("X", HONE_SET_IEEE, 'T'), HONE_PARAM("W", HONE_SET_IEEE, 'T'), HONE_PARAM("offset", HONE_SET_IEEE, 'T'),
    HONE_PARAM_OPT("B", HONE_SET_IEEE, 'T'), HONE_PARAM_OPT("mask", HONE_SET_IEEE, 'T')};
static const hone__op_attr deform_conv_19_attrs[] = {
    {"dilations", HONE_ATTR_INTS, false},   {"group", HONE_ATTR_INT, false}, {"kernel_shape", HONE_ATTR_INTS, false},
    {"offset_group", HONE_ATTR_INT, false}, {"pads", HONE_ATTR_INTS, false}, {"strides", HONE_ATTR_INTS, false}};
static const hone__op_param deform_conv_22_in[] = {
    HONE_PARAM("X", HONE_SET_FLOAT, 'T'), HONE_PARAM("W", HONE_SET_FLOAT, 'T'),
    HONE_PARAM("offset", HONE_SET_FLOAT, 'T'), HONE_PARAM_OPT("B", HONE_SET_FLOAT, 'T'),
    HONE_PARAM_OPT("mask", HONE_SET_FLOAT, 'T')};
static const hone__op_param fused_conv_1_in[] = {
    HONE_PARAM("X", HONE_SET_FLOAT, 'T'), HONE_PARAM("W", HONE_SET_FLOAT, 'T'),
    HONE_PARAM_OPT("B", HONE_SET_FLOAT, 'T'), HONE_PARAM_OPT("Z", HONE_SET_FLOAT, 'T')};
static const hone__op_attr fused_conv_1_attrs[] = {
    {"activation", HONE_ATTR_STRING, false}, {"activation_params", HONE_ATTR_FLOATS, false},
    {"auto_pad", HONE_ATTR_STRING, false},   {"dilations", HONE_ATTR_INTS, false},
    {"group", HONE_ATTR_INT, false},         {"kernel_shape", HONE_ATTR_INTS, false},
    {"pads", HONE_ATTR_INTS, false},         {"strides", HONE_ATTR_INTS, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "Conv", 1, HONE_OP_PURE, 2, conv_1_in, 1, conv_1_out, conv_1_attrs, infer_conv, eval_conv, flops_conv),
    HONE_ROW("", "Conv", 11, HONE_OP_PURE, 2, conv_1_in, 1, conv_1_out, conv_1_attrs, infer_conv, eval_conv,
             flops_conv),
    HONE_ROW("", "Conv", 22, HONE_OP_PURE, 2, conv_22_in, 1, conv_22_out, conv_1_attrs, infer_conv, eval_conv,
             flops_conv),
    HONE_ROW("", "ConvTranspose", 1, HONE_OP_PURE, 2, conv_1_in, 1, conv_1_out, conv_transpose_1_attrs,
             infer_conv_transpose, eval_conv_transpose, flops_conv),
    HONE_ROW("", "ConvTranspose", 11, HONE_OP_PURE, 2, conv_1_in, 1, conv_1_out, conv_transpose_1_attrs,
             infer_conv_transpose, eval_conv_transpose, flops_conv),
    HONE_ROW("", "ConvTranspose", 22, HONE_OP_PURE, 2, conv_22_in, 1, conv_22_out, conv_transpose_1_attrs,
             infer_conv_transpose, eval_conv_transpose, flops_conv),
    HONE_ROW("", "ConvInteger", 10, HONE_OP_PURE, 2, conv_integer_10_in, 1, conv_integer_10_out, conv_1_attrs,
             infer_conv_integer, eval_conv_integer, flops_conv),
    HONE_ROW("", "QLinearConv", 10, HONE_OP_PURE, 8, q_linear_conv_10_in, 1, q_linear_conv_10_out, conv_1_attrs,
             infer_q_linear_conv, eval_q_linear_conv, flops_conv),
    HONE_ROW("", "DeformConv", 19, HONE_OP_PURE, 3, deform_conv_19_in, 1, conv_1_out, deform_conv_19_attrs,
             infer_deform_conv, eval_deform_conv, flops_conv),
    HONE_ROW("", "DeformConv", 22, HONE_OP_PURE, 3, deform_conv_22_in, 1, conv_22_out, deform_conv_19_attrs,
             infer_deform_conv, eval_deform_conv, flops_conv),
    HONE_ROW("hone", "FusedConv", 1, HONE_OP_PURE, 2, fused_conv_1_in, 1, conv_22_out, fused_conv_1_attrs, infer_conv,
             eval_conv, flops_conv),
    HONE_ROW("com.microsoft", "FusedConv", 1, HONE_OP_PURE, 2, fused_conv_1_in, 1, conv_22_out, fused_conv_1_attrs,
             infer_conv, eval_conv, flops_conv),
};

const hone__op_family hone__ops_conv = {"conv", g_rows, HONE_COUNT(g_rows)};
