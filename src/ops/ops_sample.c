/* Sampling at computed places: GridSample, AffineGrid, RoiAlign, MaxRoiPool.
 *
 * Source: ONNX operator specification; Jaderberg et al., "Spatial transformer networks" (2015); He et al.,
 * "Mask R-CNN" (2017) for RoiAlign; Girshick, "Fast R-CNN" (2015) for RoI pooling. */
#include "ops/op_grid.h"
#include "ops/op_help.h"

#include <math.h>
#include <stdlib.h>

/* ---- GridSample ---- */

enum { MAX_SPATIAL = 3 };

static hone_status infer_grid_sample(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 1))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0), *g = hone__infer_input(ctx, 1);
    hone__dim dims[HONE_MAX_RANK];
    if (x->rank < 3 || g->rank != x->rank)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the input and the grid must have the same rank, 3 or more");
    for (int d = 0; d < x->rank; d++)
        dims[d] = d < 2 ? x->dims[d] : g->dims[d - 1];
    return hone__infer_set(ctx, 0, dtype, x->rank, dims);
}

/* Reflects at low and high, as often as needed. */
static double reflect(double x, double low, double high) {
    double range = high - low;
    if (x >= low && x <= high)
        return x;
    if (!(range > 0))
        return low;
    double r = fmod(fabs(x - low), 2 * range);
    return r <= range ? low + r : high - (r - range);
}

void hone__grid_taps(hone__grid_axis *a, double g, hone__grid_mode mode, hone__grid_pad pad, bool align) {
    double size = (double)a->size, x = align ? (g + 1) / 2 * (size - 1) : ((g + 1) * size - 1) / 2;
    a->low = align ? 0 : -0.5;
    a->high = align ? size - 1 : size - 0.5;
    if (!isfinite(x) || fabs(x) > 0x1p50)
        x = isnan(x) || x < 0 ? -0x1p30 : 0x1p30;
    if (pad == HONE_GRID_BORDER)
        x = fmin(fmax(x, 0), size - 1);
    else if (pad == HONE_GRID_REFLECTION)
        x = reflect(x, a->low, a->high);
    double base = mode == HONE_GRID_NEAREST ? nearbyint(x) : floor(x), t = x - floor(x), c = -0.75;
    a->n = mode == HONE_GRID_NEAREST ? 1 : mode == HONE_GRID_LINEAR ? 2 : 4;
    a->weight[0] = mode == HONE_GRID_NEAREST ? 1 : 1 - t;
    a->weight[1] = t;
    if (mode == HONE_GRID_CUBIC) {
        double u = t + 1, s = 1 - t, v = 2 - t;
        a->weight[0] = ((c * u - 5 * c) * u + 8 * c) * u - 4 * c;
        a->weight[1] = ((c + 2) * t - (c + 3)) * t * t + 1;
        a->weight[2] = ((c + 2) * s - (c + 3)) * s * s + 1;
        a->weight[3] = ((c * v - 5 * c) * v + 8 * c) * v - 4 * c;
        base -= 1;
    }
    for (int k = 0; k < a->n; k++) {
        double i = base + k;
        if (pad == HONE_GRID_BORDER)
            i = fmin(fmax(i, 0), size - 1);
        else if (pad == HONE_GRID_REFLECTION)
            i = trunc(reflect(i, a->low, a->high));
        a->index[k] = i >= 0 && i < size ? (int64_t)i : -1;
    }
}

bool hone__grid_read(const hone__node *node, hone__grid_mode *mode, hone__grid_pad *pad) {
    const char *text = hone__node_attr_string(node, "mode", "linear");
    const char *padding = hone__node_attr_string(node, "padding_mode", "zeros");
    const bool linear = strcmp(text, "linear") == 0 || strcmp(text, "bilinear") == 0;
    const bool cubic = strcmp(text, "cubic") == 0 || strcmp(text, "bicubic") == 0;
    *mode = linear ? HONE_GRID_LINEAR : cubic ? HONE_GRID_CUBIC : HONE_GRID_NEAREST;
    *pad = strcmp(padding, "border") == 0       ? HONE_GRID_BORDER
           : strcmp(padding, "reflection") == 0 ? HONE_GRID_REFLECTION
                                                : HONE_GRID_ZEROS;
    return linear || cubic || strcmp(text, "nearest") == 0;
}

static hone_status eval_grid_sample(hone__eval *ctx) {
    const hone_tensor *x, *g;
    const double *v, *grid;
    double *y;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &g));
    int n = x->rank - 2;
    if (n < 1 || n > MAX_SPATIAL || g->rank != x->rank || g->dims[g->rank - 1] != n || g->dims[0] != x->dims[0])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the grid does not fit the input (1 to %d spatial dimensions)",
                               (int)MAX_SPATIAL);
    hone__grid_mode mode;
    hone__grid_pad pad;
    if (!hone__grid_read(ctx->node, &mode, &pad))
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "mode \"%s\" is none of linear, nearest, cubic",
                               hone__node_attr_string(ctx->node, "mode", "linear"));
    bool align = hone__node_attr_int(ctx->node, "align_corners", 0) != 0;
    int64_t dims[HONE_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        dims[d] = d < 2 ? x->dims[d] : g->dims[d - 1];
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &grid));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, dims, &out, &y));
    int64_t points = hone__dims_product(dims, 2, x->rank), plane = hone__dims_product(x->dims, 2, x->rank), c = dims[1];
    for (int64_t p = 0; p < dims[0] * points; p++) {
        hone__grid_axis axis[MAX_SPATIAL];
        int taps = 1;
        for (int d = 0; d < n; d++) {
            axis[d].size = x->dims[2 + d];
            hone__grid_taps(&axis[d], grid[p * n + n - 1 - d], mode, pad, align);
            taps *= axis[d].n;
        }
        for (int64_t k = 0; k < c; k++) {
            double sum = 0;
            for (int t = 0; t < taps; t++) {
                int64_t at = 0;
                double w = 1;
                for (int d = 0, rest = t; d < n; d++) {
                    int i = rest % axis[d].n;
                    rest /= axis[d].n;
                    w *= axis[d].weight[i];
                    at = at < 0 || axis[d].index[i] < 0 ? -1 : at * axis[d].size + axis[d].index[i];
                }
                if (at >= 0)
                    sum += w * v[(p / points * c + k) * plane + at];
            }
            y[(p / points * c + k) * points + p % points] = sum;
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- AffineGrid ---- */

static hone_status infer_affine_grid(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    int64_t size[5];
    size_t n;
    if (!hone__infer_ints(ctx, 1, size, 5, &n))
        return hone__infer_set_dtype(ctx, 0, dtype);
    if (n != 4 && n != 5)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "size must have 4 or 5 elements");
    hone__dim dims[5];
    for (size_t i = 0; i < n; i++)
        dims[i] = i + 1 == n ? hone__dim_known((int64_t)n - 2)
                  : i == 0   ? hone__dim_known(size[0])
                             : hone__dim_known(size[i + 1]);
    for (size_t i = 0; i < n; i++)
        if (dims[i].value < 0)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "size holds %lld", (long long)dims[i].value);
    return hone__infer_set(ctx, 0, dtype, (int)n, dims);
}

/* grid[n, d.., :] = theta[n] * (x, y, (z), 1), x along the last dimension. */
static hone_status eval_affine_grid(hone__eval *ctx) {
    const hone_tensor *theta;
    const double *t;
    double *y;
    int64_t size[5], dims[5], index[3] = {0};
    size_t n;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &theta));
    HONE_TRY(hone__eval_ints(ctx, 1, size, 5, &n));
    int s = (int)n - 2;
    if ((s != 2 && s != 3) || theta->rank != 3 || theta->dims[0] != size[0] || theta->dims[1] != s ||
        theta->dims[2] != s + 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "theta must be [N,2,3] or [N,3,4] and size fit it");
    bool align = hone__node_attr_int(ctx->node, "align_corners", 0) != 0;
    dims[0] = size[0];
    for (int d = 0; d < s; d++)
        dims[1 + d] = size[2 + d];
    dims[1 + s] = s;
    HONE_TRY(hone__eval_in_double(ctx, 0, &t));
    HONE_TRY(hone__eval_out_double(ctx, 0, theta->dtype, s + 2, dims, &out, &y));
    int64_t points = hone__dims_product(dims, 1, s + 1);
    for (int64_t p = 0; p < dims[0] * points; p++, hone__next_index(index, dims + 1, s)) {
        const double *m = t + p / points * s * (s + 1);
        double c[4] = {0};
        for (int d = 0; d < s; d++) {
            double length = (double)dims[s - d], i = (double)index[s - 1 - d];
            c[d] = align ? (length > 1 ? 2 * i / (length - 1) - 1 : 0) : (2 * i + 1) / length - 1;
        }
        c[s] = 1;
        for (int r = 0; r < s; r++) {
            double sum = 0;
            for (int k = 0; k <= s; k++)
                sum += m[r * (s + 1) + k] * c[k];
            y[p * s + r] = sum;
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- RoiAlign ---- */

static hone_status infer_regions(hone__infer *ctx, hone__dim h, hone__dim w) {
    hone__dim dims[4] = {hone__dim_unknown(), hone__dim_unknown(), h, w};
    if (hone__infer_has_rank(ctx, 1) && hone__infer_input(ctx, 1)->rank == 2)
        dims[0] = hone__infer_input(ctx, 1)->dims[0];
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 4)
        dims[1] = hone__infer_input(ctx, 0)->dims[1];
    return hone__infer_set(ctx, 0, hone__infer_dtype(ctx, 0), 4, dims);
}

static hone_status infer_roi_align(hone__infer *ctx) {
    int64_t h = hone__node_attr_int(ctx->node, "output_height", 1),
            w = hone__node_attr_int(ctx->node, "output_width", 1);
    if (h < 1 || w < 1)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the output size is not positive");
    return infer_regions(ctx, hone__dim_known(h), hone__dim_known(w));
}

/* The four weighted neighbours of (y, x); outside by more than one pixel: zeros. */
static void bilinear(const double *plane, int64_t h, int64_t w, double y, double x, double *v) {
    v[0] = v[1] = v[2] = v[3] = 0;
    if (!(y >= -1 && y <= (double)h && x >= -1 && x <= (double)w))
        return;
    y = fmax(y, 0);
    x = fmax(x, 0);
    int64_t y0 = (int64_t)y, x0 = (int64_t)x;
    if (y0 >= h - 1)
        y = (double)(y0 = h - 1);
    if (x0 >= w - 1)
        x = (double)(x0 = w - 1);
    int64_t y1 = hone__min_i64(y0 + 1, h - 1), x1 = hone__min_i64(x0 + 1, w - 1);
    double ly = y - (double)y0, lx = x - (double)x0;
    v[0] = (1 - ly) * (1 - lx) * plane[y0 * w + x0];
    v[1] = (1 - ly) * lx * plane[y0 * w + x1];
    v[2] = ly * (1 - lx) * plane[y1 * w + x0];
    v[3] = ly * lx * plane[y1 * w + x1];
}

typedef struct region {
    double y, x, bin_h, bin_w;
    int64_t grid_h, grid_w;
    bool max;
} region;

static double align_bin(const region *r, const double *plane, int64_t h, int64_t w, int64_t py, int64_t px) {
    double sum = 0, best = -INFINITY, v[4];
    for (int64_t iy = 0; iy < r->grid_h; iy++)
        for (int64_t ix = 0; ix < r->grid_w; ix++) {
            bilinear(plane, h, w, r->y + (double)py * r->bin_h + ((double)iy + 0.5) * r->bin_h / (double)r->grid_h,
                     r->x + (double)px * r->bin_w + ((double)ix + 0.5) * r->bin_w / (double)r->grid_w, v);
            sum += v[0] + v[1] + v[2] + v[3];
            /* The standard's data takes the largest weighted neighbour, not the largest sample. */
            best = fmax(best, fmax(fmax(v[0], v[1]), fmax(v[2], v[3])));
        }
    int64_t n = r->grid_h * r->grid_w;
    return n == 0 ? 0 : r->max ? best : sum / (double)n;
}

static hone_status eval_roi_align(hone__eval *ctx) {
    const hone_tensor *x, *rois, *index;
    const double *v, *roi;
    const int64_t *batch;
    double *y, scale = hone__node_attr_float(ctx->node, "spatial_scale", 1);
    hone_tensor *out;
    const hone__node *node = ctx->node;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &rois));
    HONE_TRY(hone__eval_tensor(ctx, 2, &index));
    int64_t oh = hone__node_attr_int(node, "output_height", 1), ow = hone__node_attr_int(node, "output_width", 1);
    int64_t ratio = hone__node_attr_int(node, "sampling_ratio", 0);
    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 4 || hone__tensor_count(index) != rois->dims[0] || oh < 1 ||
        ow < 1 || ratio < 0 || ratio > INT16_MAX)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input, regions and attributes do not fit together");
    const char *transform = hone__node_attr_string(node, "coordinate_transformation_mode",
                                                   node->opset < 16 ? "output_half_pixel" : "half_pixel");
    bool half = strcmp(transform, "half_pixel") == 0;
    bool max = strcmp(hone__node_attr_string(node, "mode", "avg"), "max") == 0;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &roi));
    HONE_TRY(hone__eval_in_i64(ctx, 2, &batch));
    int64_t c = x->dims[1], h = x->dims[2], w = x->dims[3], dims[4] = {rois->dims[0], c, oh, ow};
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, 4, dims, &out, &y));
    for (int64_t r = 0; r < dims[0]; r++) {
        if (batch[r] < 0 || batch[r] >= x->dims[0])
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "batch index %lld is out of range", (long long)batch[r]);
        double off = half ? 0.5 : 0, rw = (roi[r * 4 + 2] - roi[r * 4]) * scale,
               rh = (roi[r * 4 + 3] - roi[r * 4 + 1]) * scale;
        if (!half) {
            rw = fmax(rw, 1);
            rh = fmax(rh, 1);
        }
        region g = {roi[r * 4 + 1] * scale - off,
                    roi[r * 4] * scale - off,
                    rh / (double)oh,
                    rw / (double)ow,
                    ratio,
                    ratio,
                    max};
        if (!(fabs(g.bin_h) < 0x1p14 && fabs(g.bin_w) < 0x1p14))
            return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "region %lld is too large", (long long)r);
        if (ratio == 0) {
            g.grid_h = (int64_t)fmax(ceil(g.bin_h), 0);
            g.grid_w = (int64_t)fmax(ceil(g.bin_w), 0);
        }
        for (int64_t k = 0; k < c * oh * ow; k++)
            y[r * c * oh * ow + k] =
                align_bin(&g, v + (batch[r] * c + k / (oh * ow)) * h * w, h, w, k / ow % oh, k % ow);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- MaxRoiPool ---- */

static hone_status infer_max_roi_pool(hone__infer *ctx) {
    size_t n;
    const int64_t *shape = hone__node_attr_ints(ctx->node, "pooled_shape", &n);
    if (!shape || n != 2 || shape[0] < 1 || shape[1] < 1)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "pooled_shape must be two positive numbers");
    return infer_regions(ctx, hone__dim_known(shape[0]), hone__dim_known(shape[1]));
}

static int64_t clamp_to(double v, int64_t high) { return v > 0 ? v < (double)high ? (int64_t)v : high : 0; }

static hone_status eval_max_roi_pool(hone__eval *ctx) {
    const hone_tensor *x, *rois;
    const double *v, *roi;
    double *y, scale = hone__node_attr_float(ctx->node, "spatial_scale", 1);
    hone_tensor *out;
    size_t n;
    const int64_t *shape = hone__node_attr_ints(ctx->node, "pooled_shape", &n);
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &rois));
    if (!shape || n != 2 || shape[0] < 1 || shape[1] < 1 || x->rank != 4 || rois->rank != 2 || rois->dims[1] != 5)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input, regions and pooled_shape do not fit together");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &roi));
    int64_t c = x->dims[1], h = x->dims[2], w = x->dims[3], dims[4] = {rois->dims[0], c, shape[0], shape[1]};
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, 4, dims, &out, &y));
    for (int64_t i = 0; i < dims[0] * c * shape[0] * shape[1]; i++) {
        int64_t px = i % shape[1], py = i / shape[1] % shape[0], k = i / (shape[1] * shape[0]) % c;
        const double *r = roi + i / (shape[1] * shape[0] * c) * 5;
        if (!(r[0] >= 0 && r[0] < (double)x->dims[0]))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "batch index %g is out of range", r[0]);
        double x0 = round(r[1] * scale), y0 = round(r[2] * scale);
        double bw = fmax(round(r[3] * scale) - x0 + 1, 1) / (double)shape[1];
        double bh = fmax(round(r[4] * scale) - y0 + 1, 1) / (double)shape[0];
        int64_t from_y = clamp_to(floor((double)py * bh) + y0, h), to_y = clamp_to(ceil((double)(py + 1) * bh) + y0, h);
        int64_t from_x = clamp_to(floor((double)px * bw) + x0, w), to_x = clamp_to(ceil((double)(px + 1) * bw) + x0, w);
        double best = to_y > from_y && to_x > from_x ? -INFINITY : 0;
        for (int64_t yy = from_y; yy < to_y; yy++)
            for (int64_t xx = from_x; xx < to_x; xx++)
                best = fmax(best, v[(((int64_t)r[0] * c + k) * h + yy) * w + xx]);
        y[i] = best;
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param grid_sample_16_in[] = {HONE_PARAM("X", HONE_SET_ALL_V1, '1'),
                                                   HONE_PARAM("grid", HONE_SET_ALL_V1, '1')};
static const hone__op_param grid_sample_16_out[] = {HONE_PARAM("Y", HONE_SET_IEEE, '2')};
static const hone__op_attr grid_sample_16_attrs[] = {{"align_corners", HONE_ATTR_INT, false},
                                                     {"mode", HONE_ATTR_STRING, false},
                                                     {"padding_mode", HONE_ATTR_STRING, false}};
static const hone__op_param grid_sample_22_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, '2')};
static const hone__op_param affine_grid_20_in[] = {HONE_PARAM("theta", HONE_SET_FLOAT, 'T'),
                                                   HONE_PARAM("size", HONE_SET(INT64), 0)};
static const hone__op_param affine_grid_20_out[] = {HONE_PARAM("grid", HONE_SET_FLOAT, 'T')};
static const hone__op_attr affine_grid_20_attrs[] = {{"align_corners", HONE_ATTR_INT, false}};
static const hone__op_param roi_align_10_in[] = {HONE_PARAM("X", HONE_SET_IEEE, '1'),
                                                 HONE_PARAM("rois", HONE_SET_IEEE, '1'),
                                                 HONE_PARAM("batch_indices", HONE_SET(INT64), '2')};
static const hone__op_param roi_align_10_out[] = {HONE_PARAM("Y", HONE_SET_IEEE, '1')};
static const hone__op_attr roi_align_10_attrs[] = {{"mode", HONE_ATTR_STRING, false},
                                                   {"output_height", HONE_ATTR_INT, false},
                                                   {"output_width", HONE_ATTR_INT, false},
                                                   {"sampling_ratio", HONE_ATTR_INT, false},
                                                   {"spatial_scale", HONE_ATTR_FLOAT, false}};
static const hone__op_attr roi_align_16_attrs[] = {{"coordinate_transformation_mode", HONE_ATTR_STRING, false},
                                                   {"mode", HONE_ATTR_STRING, false},
                                                   {"output_height", HONE_ATTR_INT, false},
                                                   {"output_width", HONE_ATTR_INT, false},
                                                   {"sampling_ratio", HONE_ATTR_INT, false},
                                                   {"spatial_scale", HONE_ATTR_FLOAT, false}};
static const hone__op_param roi_align_22_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, '1'),
                                                 HONE_PARAM("rois", HONE_SET_FLOAT, '1'),
                                                 HONE_PARAM("batch_indices", HONE_SET(INT64), '2')};
static const hone__op_param roi_align_22_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, '1')};
static const hone__op_param max_roi_pool_1_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'),
                                                   HONE_PARAM("rois", HONE_SET_IEEE, 'T')};
static const hone__op_param max_roi_pool_1_out[] = {HONE_PARAM("Y", HONE_SET_IEEE, 'T')};
static const hone__op_attr max_roi_pool_1_attrs[] = {{"pooled_shape", HONE_ATTR_INTS, true},
                                                     {"spatial_scale", HONE_ATTR_FLOAT, false}};
static const hone__op_param max_roi_pool_22_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'),
                                                    HONE_PARAM("rois", HONE_SET_FLOAT, 'T')};
static const hone__op_param max_roi_pool_22_out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op g_rows[] = {
    HONE_ROW("", "GridSample", 16, HONE_OP_PURE, 2, grid_sample_16_in, 1, grid_sample_16_out, grid_sample_16_attrs,
             infer_grid_sample, eval_grid_sample, NULL),
    HONE_ROW("", "GridSample", 20, HONE_OP_PURE, 2, grid_sample_16_in, 1, grid_sample_16_out, grid_sample_16_attrs,
             infer_grid_sample, eval_grid_sample, NULL),
    HONE_ROW("", "GridSample", 22, HONE_OP_PURE, 2, grid_sample_16_in, 1, grid_sample_22_out, grid_sample_16_attrs,
             infer_grid_sample, eval_grid_sample, NULL),
    HONE_ROW("", "AffineGrid", 20, HONE_OP_PURE, 2, affine_grid_20_in, 1, affine_grid_20_out, affine_grid_20_attrs,
             infer_affine_grid, eval_affine_grid, NULL),
    HONE_ROW("", "RoiAlign", 10, HONE_OP_PURE, 3, roi_align_10_in, 1, roi_align_10_out, roi_align_10_attrs,
             infer_roi_align, eval_roi_align, NULL),
    HONE_ROW("", "RoiAlign", 16, HONE_OP_PURE, 3, roi_align_10_in, 1, roi_align_10_out, roi_align_16_attrs,
             infer_roi_align, eval_roi_align, NULL),
    HONE_ROW("", "RoiAlign", 22, HONE_OP_PURE, 3, roi_align_22_in, 1, roi_align_22_out, roi_align_16_attrs,
             infer_roi_align, eval_roi_align, NULL),
    HONE_ROW("", "MaxRoiPool", 1, HONE_OP_PURE, 2, max_roi_pool_1_in, 1, max_roi_pool_1_out, max_roi_pool_1_attrs,
             infer_max_roi_pool, eval_max_roi_pool, NULL),
    HONE_ROW("", "MaxRoiPool", 22, HONE_OP_PURE, 2, max_roi_pool_22_in, 1, max_roi_pool_22_out, max_roi_pool_1_attrs,
             infer_max_roi_pool, eval_max_roi_pool, NULL),
};

const hone__op_family hone__ops_sample = {"sample", g_rows, HONE_COUNT(g_rows)};
