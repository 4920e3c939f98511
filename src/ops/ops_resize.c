/* Resize (opsets 10 to 19) and Upsample (1 to 9).
 *
 * Interpolation is separable: each resized axis gets, for every output index, a few input indices with
 * weights, and the axes are processed one after the other. Nearest neighbour has one tap of weight 1
 * and works on elements of any type.
 *
 * Source: ONNX operator specification, Resize; Keys, "Cubic convolution interpolation for digital image
 * processing" (1981). */
#include "ops/op_help.h"

#include <math.h>

typedef enum resize_mode { MODE_NEAREST, MODE_LINEAR, MODE_CUBIC } resize_mode;
typedef enum coordinate {
    HALF_PIXEL,
    HALF_PIXEL_SYMMETRIC,
    PYTORCH_HALF_PIXEL,
    ALIGN_CORNERS,
    ASYMMETRIC,
    TF_HALF_PIXEL_FOR_NN,
    TF_CROP_AND_RESIZE
} coordinate;
typedef enum nearest_mode { ROUND_PREFER_FLOOR, ROUND_PREFER_CEIL, NEAREST_FLOOR, NEAREST_CEIL } nearest_mode;

typedef struct resize_axis {
    int64_t in, out;
    double scale; /* as given, or out/in */
    bool by_size; /* scale came from sizes: coordinates are computed from in and out, exactly */
    double roi_start, roi_end;
    bool active;
} resize_axis;

typedef struct resizing {
    resize_mode mode;
    coordinate coord;
    nearest_mode nearest;
    bool antialias, exclude_outside;
    double cubic_a, extrapolation;
    int rank;
    resize_axis axis[HONE_MAX_RANK];
} resizing;

static int find_name(const char *text, const char *const *names, int n) {
    for (int i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    return -1;
}

static hone_status read_modes(const hone__node *node, resizing *r, hone_error *error) {
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coords[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                         "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
    static const char *const nearests[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
    bool old = strcmp(node->op_type, "Upsample") == 0 || node->opset < 11;
    const char *mode = hone__node_attr_string(node, "mode", "nearest");
    if (strcmp(mode, "bilinear") == 0) /* Upsample-1 */
        mode = "linear";
    int m = find_name(mode, modes, 3);
    int c = find_name(hone__node_attr_string(node, "coordinate_transformation_mode", old ? "asymmetric" : "half_pixel"),
                      coords, 7);
    int n = find_name(hone__node_attr_string(node, "nearest_mode", old ? "floor" : "round_prefer_floor"), nearests, 4);
    HONE_FAIL_IF(m < 0, error, HONE_ERROR_MODEL, "mode \"%s\" is none of nearest, linear, cubic", mode);
    HONE_FAIL_IF(c < 0 || n < 0, error, HONE_ERROR_MODEL, "unknown coordinate_transformation_mode or nearest_mode");
    r->mode = (resize_mode)m;
    r->coord = (coordinate)c;
    r->nearest = (nearest_mode)n;
    r->antialias = hone__node_attr_int(node, "antialias", 0) != 0 && r->mode != MODE_NEAREST;
    r->exclude_outside = hone__node_attr_int(node, "exclude_outside", 0) != 0;
    r->cubic_a = hone__node_attr_float(node, "cubic_coeff_a", -0.75f);
    r->extrapolation = hone__node_attr_float(node, "extrapolation_value", 0);
    return HONE_OK;
}

/* Sets output sizes from scales or sizes, given for n axes (all when axes is NULL). */
static hone_status plan_axes(const hone__node *node, const int64_t *dims, int rank, const double *scales,
                             const int64_t *sizes, const double *roi, size_t n, resizing *r, hone_error *error) {
    size_t n_axes;
    const int64_t *axes = hone__node_attr_ints(node, "axes", &n_axes);
    r->rank = rank;
    HONE_FAIL_IF(n != (axes ? n_axes : (size_t)rank), error, HONE_ERROR_SHAPE,
                 "there are %zu scales or sizes for %zu axes", n, axes ? n_axes : (size_t)rank);
    for (int d = 0; d < rank; d++)
        r->axis[d] = (resize_axis){dims[d], dims[d], 1, false, 0, 1, false};
    const char *policy = hone__node_attr_string(node, "keep_aspect_ratio_policy", "stretch");
    bool larger = strcmp(policy, "not_smaller") == 0, keep = larger || strcmp(policy, "not_larger") == 0;
    double common = larger ? 0 : INFINITY;
    for (size_t i = 0; keep && sizes && i < n; i++) {
        int d;
        HONE_TRY(hone__axis(axes ? axes[i] : (int64_t)i, rank, &d, error));
        double s = dims[d] > 0 ? (double)sizes[i] / (double)dims[d] : 1;
        common = larger ? fmax(common, s) : fmin(common, s);
    }
    for (size_t i = 0; i < n; i++) {
        int d;
        HONE_TRY(hone__axis(axes ? axes[i] : (int64_t)i, rank, &d, error));
        resize_axis *a = &r->axis[d];
        if (roi && r->coord == TF_CROP_AND_RESIZE) {
            a->roi_start = roi[i];
            a->roi_end = roi[n + i];
        }
        if (sizes) {
            HONE_FAIL_IF(sizes[i] < 0, error, HONE_ERROR_SHAPE, "a size is %lld", (long long)sizes[i]);
            a->by_size = !keep;
            a->out = keep ? (int64_t)floor(common * (double)a->in + 0.5) : sizes[i];
            a->scale = keep ? common : a->in > 0 ? (double)a->out / (double)a->in : 1;
        } else {
            a->scale = scales[i];
            /* The product is one of floats, as in the standard's own inference: 17/9 times 9 is 17. */
            double out =
                floor(roi && r->coord == TF_CROP_AND_RESIZE ? (double)a->in * scales[i] * (a->roi_end - a->roi_start)
                                                            : (double)((float)a->in * (float)scales[i]));
            HONE_FAIL_IF(!(scales[i] > 0) || !(out >= 0 && out < 0x1p53), error, HONE_ERROR_SHAPE,
                         "scale %g is impossible", scales[i]);
            a->out = (int64_t)out;
        }
        HONE_FAIL_IF(a->in == 0 && a->out != 0, error, HONE_ERROR_SHAPE, "dimension %d is empty and cannot grow", d);
        HONE_FAIL_IF(!(a->scale >= 0), error, HONE_ERROR_SHAPE, "scale %g is impossible", a->scale);
        a->active = a->out != a->in || a->scale != 1 || r->coord == TF_CROP_AND_RESIZE;
    }
    return HONE_OK;
}

/* Input coordinate of output index x. */
static double source_of(const resizing *r, const resize_axis *a, int64_t x) {
    double in = (double)a->in, out = (double)a->out, xo = (double)x;
    double length = a->by_size ? out : a->scale * in; /* fractional, as the reference has it */
    switch (r->coord) {
    case ALIGN_CORNERS:
        return length == 1 ? 0 : xo * (in - 1) / (length - 1);
    case TF_CROP_AND_RESIZE:
        return out > 1 ? a->roi_start * (in - 1) + xo * (a->roi_end - a->roi_start) * (in - 1) / (out - 1)
                       : 0.5 * (a->roi_start + a->roi_end) * (in - 1);
    case ASYMMETRIC:
        return a->by_size ? xo * in / out : xo / a->scale;
    case TF_HALF_PIXEL_FOR_NN:
        return a->by_size ? (xo + 0.5) * in / out : (xo + 0.5) / a->scale;
    default: {
        double half = (a->by_size ? (xo + 0.5) * in / out : (xo + 0.5) / a->scale) - 0.5;
        if (r->coord == PYTORCH_HALF_PIXEL && length <= 1)
            return 0;
        return r->coord == HALF_PIXEL_SYMMETRIC && length > 0 ? in / 2 * (1 - out / length) + half : half;
    }
    }
}

static double nearest_of(nearest_mode mode, double x) {
    return mode == NEAREST_FLOOR       ? floor(x)
           : mode == NEAREST_CEIL      ? ceil(x)
           : mode == ROUND_PREFER_CEIL ? floor(x + 0.5)
                                       : ceil(x - 0.5);
}

static double kernel_at(const resizing *r, double t) {
    double a = r->cubic_a;
    t = fabs(t);
    if (r->mode == MODE_LINEAR)
        return t < 1 ? 1 - t : 0;
    if (t <= 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* ---- taps ---- */

typedef struct taps {
    int64_t n;      /* per output index */
    int64_t *first; /* [out] input index of the first tap; may lie outside: clamped */
    double *weight; /* [out][n] */
    bool *outside;  /* [out] the coordinate lies outside: extrapolation */
} taps;

static hone_status make_taps(hone__eval *ctx, const resizing *r, const resize_axis *a, taps *t) {
    void *first, *weight, *outside;
    double shrink = r->antialias && a->scale < 1 ? a->scale : 1, reach = (r->mode == MODE_CUBIC ? 2 : 1) / shrink;
    if (!(reach < 0x1p40))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "scale %g is too small", a->scale);
    t->n = r->mode == MODE_NEAREST ? 1 : 2 * (int64_t)ceil(reach);
    int64_t total;
    if (!hone__mul_i64(a->out, t->n, &total))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "scale %g is too small", a->scale);
    HONE_TRY(hone__eval_scratch_n(ctx, a->out, sizeof(int64_t), &first));
    HONE_TRY(hone__eval_scratch_n(ctx, total, sizeof(double), &weight));
    HONE_TRY(hone__eval_scratch_n(ctx, a->out, sizeof(bool), &outside));
    *t = (taps){t->n, first, weight, outside};
    for (int64_t o = 0; o < a->out; o++) {
        double x = source_of(r, a, o), sum = 0, *w = t->weight + o * t->n;
        t->outside[o] = r->coord == TF_CROP_AND_RESIZE && !(x >= 0 && x <= (double)(a->in - 1));
        if (t->outside[o])
            x = 0;
        if (r->mode == MODE_NEAREST) {
            t->first[o] = (int64_t)nearest_of(r->nearest, x);
            w[0] = 1;
            continue;
        }
        t->first[o] = (int64_t)floor(x) - t->n / 2 + 1;
        for (int64_t k = 0; k < t->n; k++) {
            int64_t i = t->first[o] + k;
            w[k] = kernel_at(r, ((double)i - x) * shrink);
            if (r->exclude_outside && (i < 0 || i >= a->in))
                w[k] = 0;
            sum += w[k];
        }
        for (int64_t k = 0; (r->antialias || r->exclude_outside) && sum != 0 && k < t->n; k++)
            w[k] /= sum;
    }
    return HONE_OK;
}

static int64_t clamp_index(int64_t i, int64_t n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

/* ---- evaluation ---- */

static hone_status resize_nearest(hone__eval *ctx, const hone_tensor *x, const resizing *r, hone_tensor *out) {
    int64_t *map[HONE_MAX_RANK], stride[HONE_MAX_RANK], index[HONE_MAX_RANK] = {0}, count = hone__tensor_count(out);
    bool *outside[HONE_MAX_RANK];
    hone__row_major_strides(x->dims, x->rank, stride);
    for (int d = 0; d < r->rank; d++) {
        taps t;
        map[d] = NULL;
        outside[d] = NULL;
        if (!r->axis[d].active)
            continue;
        HONE_TRY(make_taps(ctx, r, &r->axis[d], &t));
        for (int64_t o = 0; o < r->axis[d].out; o++)
            t.first[o] = clamp_index(t.first[o], r->axis[d].in);
        map[d] = t.first;
        outside[d] = t.outside;
    }
    for (int64_t i = 0; i < count; i++, hone__next_index(index, out->dims, out->rank)) {
        int64_t from = 0;
        bool extrapolated = false;
        for (int d = 0; d < r->rank; d++) {
            from += (map[d] ? map[d][index[d]] : index[d]) * stride[d];
            extrapolated = extrapolated || (outside[d] && outside[d][index[d]]);
        }
        if (extrapolated && x->dtype != HONE_DTYPE_STRING)
            hone__tensor_put_double(out, i, r->extrapolation);
        else
            HONE_TRY(hone__copy_elements(out, i, x, from, 1, ctx->error));
    }
    return HONE_OK;
}

/* One axis of a tensor of shape dims; dims is updated. */
static hone_status resize_axis_run(hone__eval *ctx, const resizing *r, int d, const double *x, int64_t *dims,
                                   bool extrapolate, const double **out) {
    const resize_axis *a = &r->axis[d];
    int64_t outer = hone__dims_product(dims, 0, d), inner = hone__dims_product(dims, d + 1, r->rank), total;
    taps t;
    void *y;
    HONE_TRY(make_taps(ctx, r, a, &t));
    dims[d] = a->out;
    if (!hone__shape_count(dims, r->rank, &total))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the result is too large");
    HONE_TRY(hone__eval_scratch_n(ctx, total, sizeof(double), &y));
    for (int64_t p = 0; p < outer * a->out; p++) {
        double *row = (double *)y + p * inner;
        int64_t o = p % a->out;
        if (t.outside[o] && extrapolate) {
            for (int64_t i = 0; i < inner; i++)
                row[i] = NAN; /* marked; filled in at the end */
            continue;
        }
        for (int64_t k = 0; k < t.n; k++) {
            double w = t.weight[o * t.n + k];
            const double *from = x + (p / a->out * a->in + clamp_index(t.first[o] + k, a->in)) * inner;
            for (int64_t i = 0; w != 0 && i < inner; i++)
                row[i] += w * from[i];
        }
    }
    *out = y;
    return HONE_OK;
}

static hone_status resize_run(hone__eval *ctx, const hone_tensor *x, const resizing *r) {
    int64_t dims[HONE_MAX_RANK], now[HONE_MAX_RANK];
    hone_tensor *out;
    for (int d = 0; d < r->rank; d++)
        dims[d] = r->axis[d].out;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, dims, &out));
    if (!out || hone__tensor_count(out) == 0)
        return HONE_OK;
    if (r->mode == MODE_NEAREST)
        return resize_nearest(ctx, x, r, out);
    if (x->dtype == HONE_DTYPE_STRING || hone__dtype_in(x->dtype, HONE_SET_COMPLEX))
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "%s cannot be interpolated", hone_dtype_name(x->dtype));
    const double *v;
    memcpy(now, x->dims, sizeof now);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    for (int d = 0; d < r->rank; d++)
        if (r->axis[d].active)
            HONE_TRY(resize_axis_run(ctx, r, d, v, now, r->coord == TF_CROP_AND_RESIZE, &v));
    int64_t count = hone__tensor_count(out);
    for (int64_t i = 0; i < count; i++)
        hone__tensor_put_double(out, i, r->coord == TF_CROP_AND_RESIZE && isnan(v[i]) ? r->extrapolation : v[i]);
    return HONE_OK;
}

/* Numbers of a small input; *n = 0 when omitted or empty. */
static hone_status small_numbers(hone__eval *ctx, size_t i, double *v, size_t max, size_t *n) {
    const hone_tensor *t = hone__in(ctx, i);
    *n = 0;
    if (!t)
        return HONE_OK;
    int64_t count = hone__tensor_count(t);
    if (count > (int64_t)max || t->dtype == HONE_DTYPE_STRING)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu has too many elements", i);
    for (int64_t k = 0; k < count; k++)
        v[k] = hone_tensor_get_double(t, k);
    *n = (size_t)count;
    return HONE_OK;
}

static hone_status eval_resize(hone__eval *ctx) {
    const hone_tensor *x;
    resizing r = {0};
    double roi[2 * HONE_MAX_RANK], scales[HONE_MAX_RANK];
    int64_t sizes[HONE_MAX_RANK];
    size_t n_roi = 0, n_scales, n_sizes = 0;
    bool old = ctx->node->opset < 11;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(read_modes(ctx->node, &r, ctx->error));
    if (!old)
        HONE_TRY(small_numbers(ctx, 1, roi, 2 * HONE_MAX_RANK, &n_roi));
    HONE_TRY(small_numbers(ctx, old ? 1 : 2, scales, HONE_MAX_RANK, &n_scales));
    if (!old)
        HONE_TRY(hone__eval_ints(ctx, 3, sizes, HONE_MAX_RANK, &n_sizes));
    if (n_sizes == 0 && n_scales == 0 && x->rank > 0)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "neither scales nor sizes are given");
    size_t n = n_sizes ? n_sizes : n_scales;
    if (r.coord == TF_CROP_AND_RESIZE && n_roi != 2 * n)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "roi has %zu elements, %zu are needed", n_roi, 2 * n);
    HONE_TRY(plan_axes(ctx->node, x->dims, x->rank, scales, n_sizes ? sizes : NULL, roi, n, &r, ctx->error));
    return resize_run(ctx, x, &r);
}

/* Scales of an Upsample that has them as attributes: all (7), or height and width (1). */
static hone_status upsample_attrs(const hone__node *node, int rank, double *scales, size_t *n, hone_error *error) {
    const float *v = hone__node_attr_floats(node, "scales", n);
    HONE_FAIL_IF(*n > HONE_MAX_RANK, error, HONE_ERROR_SHAPE, "there are too many scales");
    for (size_t i = 0; v && i < *n; i++)
        scales[i] = v[i];
    if (!v && rank == 4) {
        scales[0] = scales[1] = 1;
        scales[2] = hone__node_attr_float(node, "height_scale", 1);
        scales[3] = hone__node_attr_float(node, "width_scale", 1);
        *n = 4;
    }
    return HONE_OK;
}

static hone_status eval_upsample(hone__eval *ctx) {
    const hone_tensor *x;
    resizing r = {0};
    double scales[HONE_MAX_RANK];
    size_t n;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(read_modes(ctx->node, &r, ctx->error));
    if (ctx->node->opset >= 9)
        HONE_TRY(small_numbers(ctx, 1, scales, HONE_MAX_RANK, &n));
    else
        HONE_TRY(upsample_attrs(ctx->node, x->rank, scales, &n, ctx->error));
    HONE_TRY(plan_axes(ctx->node, x->dims, x->rank, scales, NULL, NULL, n, &r, ctx->error));
    return resize_run(ctx, x, &r);
}

/* ---- inference ---- */

static bool const_numbers(const hone__infer *ctx, size_t i, double *v, size_t max, size_t *n) {
    const hone_tensor *t = i < ctx->n_in && ctx->in_const ? ctx->in_const[i] : NULL;
    if (!t || t->kind != HONE_KIND_TENSOR || t->dtype == HONE_DTYPE_STRING || hone__tensor_count(t) > (int64_t)max)
        return false;
    *n = (size_t)hone__tensor_count(t);
    for (size_t k = 0; k < *n; k++)
        v[k] = hone_tensor_get_double(t, (int64_t)k);
    return true;
}

static hone_status infer_resize(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    resizing r = {0};
    double scales[HONE_MAX_RANK], roi[2 * HONE_MAX_RANK];
    int64_t sizes[HONE_MAX_RANK], dims[HONE_MAX_RANK];
    size_t n = 0, n_roi = 0, n_axes;
    bool upsample = strcmp(ctx->node->op_type, "Upsample") == 0, old = upsample || ctx->node->opset < 11;
    bool has_sizes = false, is_known;
    HONE_TRY(read_modes(ctx->node, &r, ctx->error));
    if (upsample && ctx->node->opset < 9) {
        HONE_TRY(upsample_attrs(ctx->node, x->rank, scales, &n, ctx->error));
        is_known = true;
    } else if (!old && hone__infer_given(ctx, 3)) {
        bool is_read = hone__infer_ints(ctx, 3, sizes, HONE_MAX_RANK, &n);
        is_known = has_sizes = is_read && n > 0;
        if (is_read && n == 0) /* sizes that are there and not known count, whatever the scales say */
            is_known = const_numbers(ctx, 2, scales, HONE_MAX_RANK, &n) && n > 0;
    } else
        is_known = const_numbers(ctx, old ? 1 : 2, scales, HONE_MAX_RANK, &n) && n > 0;
    if (r.coord == TF_CROP_AND_RESIZE && !has_sizes)
        is_known = is_known && const_numbers(ctx, 1, roi, 2 * HONE_MAX_RANK, &n_roi) && n_roi == 2 * n;
    if (!is_known)
        return hone__infer_rank(ctx, 0, dtype, x->rank);
    /* Unknown dims are planned as 1 and left unknown where the plan touches them. */
    bool all = true;
    for (int d = 0; d < x->rank; d++) {
        dims[d] = x->dims[d].value < 0 ? 1 : x->dims[d].value;
        all = all && x->dims[d].value >= 0;
    }
    HONE_TRY(
        plan_axes(ctx->node, dims, x->rank, scales, has_sizes ? sizes : NULL, n_roi ? roi : NULL, n, &r, ctx->error));
    const int64_t *axes = hone__node_attr_ints(ctx->node, "axes", &n_axes);
    bool keep = strcmp(hone__node_attr_string(ctx->node, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0;
    bool touched[HONE_MAX_RANK] = {false};
    for (size_t i = 0; i < n; i++) {
        int d;
        HONE_TRY(hone__infer_axis(ctx, axes ? axes[i] : (int64_t)i, x->rank, &d));
        touched[d] = has_sizes || scales[i] != 1 || r.coord == TF_CROP_AND_RESIZE;
    }
    hone__dim result[HONE_MAX_RANK];
    for (int d = 0; d < x->rank; d++) {
        result[d] = x->dims[d];
        if (touched[d])
            result[d] =
                x->dims[d].value >= 0 || (has_sizes && !keep) ? hone__dim_known(r.axis[d].out) : hone__dim_unknown();
        if (touched[d] && keep && !all)
            result[d] = hone__dim_unknown();
    }
    return hone__infer_set(ctx, 0, dtype, x->rank, result);
}

/* ---- rows ---- */
static const hone__op_param resize_10_in[] = {HONE_PARAM("X", HONE_SET_ALL_V1, 'T'),
                                              HONE_PARAM("scales", HONE_SET(FLOAT), 0)};
static const hone__op_param resize_10_out[] = {HONE_PARAM("Y", HONE_SET_ALL_V1, 'T')};
static const hone__op_attr resize_10_attrs[] = {{"mode", HONE_ATTR_STRING, false}};
static const hone__op_param resize_11_in[] = {
    HONE_PARAM("X", HONE_SET_ALL_V1, '1'), HONE_PARAM("roi", HONE_SET_IEEE, '2'),
    HONE_PARAM("scales", HONE_SET(FLOAT), 0), HONE_PARAM_OPT("sizes", HONE_SET(INT64), 0)};
static const hone__op_param resize_11_out[] = {HONE_PARAM("Y", HONE_SET_ALL_V1, '1')};
static const hone__op_attr resize_11_attrs[] = {{"coordinate_transformation_mode", HONE_ATTR_STRING, false},
                                                {"cubic_coeff_a", HONE_ATTR_FLOAT, false},
                                                {"exclude_outside", HONE_ATTR_INT, false},
                                                {"extrapolation_value", HONE_ATTR_FLOAT, false},
                                                {"mode", HONE_ATTR_STRING, false},
                                                {"nearest_mode", HONE_ATTR_STRING, false}};
static const hone__op_param resize_13_in[] = {
    HONE_PARAM("X", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), '1'), HONE_PARAM_OPT("roi", HONE_SET_IEEE, '2'),
    HONE_PARAM_OPT("scales", HONE_SET(FLOAT), 0), HONE_PARAM_OPT("sizes", HONE_SET(INT64), 0)};
static const hone__op_param resize_13_out[] = {HONE_PARAM("Y", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), '1')};
static const hone__op_attr resize_18_attrs[] = {{"antialias", HONE_ATTR_INT, false},
                                                {"axes", HONE_ATTR_INTS, false},
                                                {"coordinate_transformation_mode", HONE_ATTR_STRING, false},
                                                {"cubic_coeff_a", HONE_ATTR_FLOAT, false},
                                                {"exclude_outside", HONE_ATTR_INT, false},
                                                {"extrapolation_value", HONE_ATTR_FLOAT, false},
                                                {"keep_aspect_ratio_policy", HONE_ATTR_STRING, false},
                                                {"mode", HONE_ATTR_STRING, false},
                                                {"nearest_mode", HONE_ATTR_STRING, false}};
static const hone__op_param upsample_1_in[] = {
    HONE_PARAM("X", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(BOOL), 'T')};
static const hone__op_param upsample_1_out[] = {
    HONE_PARAM("Y", HONE_SET_IEEE | HONE_SET(INT32) | HONE_SET(INT64) | HONE_SET(BOOL), 'T')};
static const hone__op_attr upsample_1_attrs[] = {
    {"height_scale", HONE_ATTR_FLOAT, true}, {"mode", HONE_ATTR_STRING, false}, {"width_scale", HONE_ATTR_FLOAT, true}};
static const hone__op_param upsample_7_in[] = {HONE_PARAM("X", HONE_SET_ALL_V1, 'T')};
static const hone__op_attr upsample_7_attrs[] = {{"mode", HONE_ATTR_STRING, false}, {"scales", HONE_ATTR_FLOATS, true}};

static const hone__op g_rows[] = {
    HONE_ROW("", "Resize", 10, HONE_OP_PURE, 2, resize_10_in, 1, resize_10_out, resize_10_attrs, infer_resize,
             eval_resize, NULL),
    HONE_ROW("", "Resize", 11, HONE_OP_PURE, 3, resize_11_in, 1, resize_11_out, resize_11_attrs, infer_resize,
             eval_resize, NULL),
    HONE_ROW("", "Resize", 13, HONE_OP_PURE, 1, resize_13_in, 1, resize_13_out, resize_11_attrs, infer_resize,
             eval_resize, NULL),
    HONE_ROW("", "Resize", 18, HONE_OP_PURE, 1, resize_13_in, 1, resize_13_out, resize_18_attrs, infer_resize,
             eval_resize, NULL),
    HONE_ROW("", "Resize", 19, HONE_OP_PURE, 1, resize_13_in, 1, resize_13_out, resize_18_attrs, infer_resize,
             eval_resize, NULL),
    HONE_ROW("", "Upsample", 1, HONE_OP_PURE, 1, upsample_1_in, 1, upsample_1_out, upsample_1_attrs, infer_resize,
             eval_upsample, NULL),
    HONE_ROW("", "Upsample", 7, HONE_OP_PURE, 1, upsample_7_in, 1, resize_10_out, upsample_7_attrs, infer_resize,
             eval_upsample, NULL),
    HONE_ROW("", "Upsample", 9, HONE_OP_PURE, 2, resize_10_in, 1, resize_10_out, resize_10_attrs, infer_resize,
             eval_upsample, NULL),
};

const hone__op_family hone__ops_resize = {"resize", g_rows, HONE_COUNT(g_rows)};
