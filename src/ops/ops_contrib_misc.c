/* com.microsoft operators that stand alone: matrices (Inverse, CDist), sets (Unique), sampling (CropAndResize), text
 * (WordConvEmbedding, MurmurHash3, NGramRepeatBlock), DynamicTimeWarping, MulInteger, Range, ExpandDims and others.
 *
 * Source: ONNX Runtime's documentation of contrib operators; MurmurHash3 is Austin Appleby's, in the public domain. */
#include "ops/op_elements.h"
#include "ops/op_help.h"

#include <math.h>
#include <stdlib.h>

/* ---- matrices ---- */

/* Gauss-Jordan elimination with row pivoting: a [n,n] is destroyed, y becomes its inverse. False when singular. */
static bool invert(double *a, double *y, int64_t n) {
    for (int64_t i = 0; i < n * n; i++)
        y[i] = i / n == i % n;
    for (int64_t c = 0; c < n; c++) {
        int64_t pivot = c;
        for (int64_t r = c + 1; r < n; r++)
            if (fabs(a[r * n + c]) > fabs(a[pivot * n + c]))
                pivot = r;
        double p = a[pivot * n + c];
        if (!(fabs(p) > 0))
            return false;
        for (int64_t k = 0; k < n; k++) {
            double t = a[c * n + k], u = y[c * n + k];
            a[c * n + k] = a[pivot * n + k] / p;
            y[c * n + k] = y[pivot * n + k] / p;
            if (pivot != c) {
                a[pivot * n + k] = t;
                y[pivot * n + k] = u;
            }
        }
        for (int64_t r = 0; r < n; r++) {
            double f = a[r * n + c];
            for (int64_t k = 0; r != c && f != 0 && k < n; k++) {
                a[r * n + k] -= f * a[c * n + k];
                y[r * n + k] -= f * y[c * n + k];
            }
        }
    }
    return true;
}

static hone_status eval_inverse(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y, *work;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the last two dimensions must be equal");
    int64_t n = x->dims[x->rank - 1], batch = hone__dims_product(x->dims, 0, x->rank - 2), size;
    if (!hone__mul_i64(n, n, &size))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "matrices of %lld rows are too large", (long long)n);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_scratch_n(ctx, batch ? size : 0, sizeof *work, (void **)&work));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, x->dims, &out, &y));
    for (int64_t b = 0; b < batch; b++) {
        memcpy(work, v + b * n * n, (size_t)(n * n) * sizeof *work);
        if (!invert(work, y + b * n * n, n))
            return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "matrix %lld is singular", (long long)b);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static hone_status infer_cdist(hone__infer *ctx) {
    hone__dim dims[2] = {hone__dim_unknown(), hone__dim_unknown()};
    for (size_t i = 0; i < 2; i++)
        if (hone__infer_has_rank(ctx, i) && hone__infer_input(ctx, i)->rank == 2)
            dims[i] = hone__infer_input(ctx, i)->dims[0];
    return hone__infer_set(ctx, 0, hone__infer_dtype(ctx, 0), 2, dims);
}

static hone_status eval_cdist(hone__eval *ctx) {
    const hone_tensor *a, *b;
    const double *x, *z;
    double *y;
    hone_tensor *out;
    const char *metric = hone__node_attr_string(ctx->node, "metric", "sqeuclidean");
    bool is_root = strcmp(metric, "euclidean") == 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &a));
    HONE_TRY(hone__eval_tensor(ctx, 1, &b));
    if (!is_root && strcmp(metric, "sqeuclidean") != 0)
        return hone__eval_fail(ctx, HONE_ERROR_UNSUPPORTED,
                               "metric \"%.40s\" is not supported, only euclidean and sqeuclidean are", metric);
    if (a->rank != 2 || b->rank != 2 || a->dims[1] != b->dims[1])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "A and B must be matrices with as many columns");
    int64_t dims[2] = {a->dims[0], b->dims[0]}, n = a->dims[1];
    HONE_TRY(hone__eval_in_double(ctx, 0, &x));
    HONE_TRY(hone__eval_in_double(ctx, 1, &z));
    HONE_TRY(hone__eval_out_double(ctx, 0, a->dtype, 2, dims, &out, &y));
    for (int64_t i = 0; i < dims[0] * dims[1]; i++) {
        const double *p = x + i / dims[1] * n, *q = z + i % dims[1] * n;
        double sum = 0;
        for (int64_t k = 0; k < n; k++)
            sum += (p[k] - q[k]) * (p[k] - q[k]);
        y[i] = is_root ? sqrt(sum) : sum;
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* C = (A - its zero point) * (B - its zero point) in 32 bits. */
static hone_status infer_mul_integer(hone__infer *ctx) {
    hone__dim dims[HONE_MAX_RANK];
    int rank;
    if (!hone__infer_has_rank(ctx, 0) || !hone__infer_has_rank(ctx, 2))
        return hone__infer_set_dtype(ctx, 0, HONE_DTYPE_INT32);
    HONE_TRY(hone__infer_broadcast(ctx, ctx->in[0], ctx->in[2], dims, &rank));
    return hone__infer_set(ctx, 0, HONE_DTYPE_INT32, rank, dims);
}

static hone_status eval_mul_integer(hone__eval *ctx) {
    const hone_tensor *in[2], *za = hone__in(ctx, 1), *zb = hone__in(ctx, 3);
    hone__walk walk;
    int64_t dims[HONE_MAX_RANK];
    int rank;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &in[0]));
    HONE_TRY(hone__eval_tensor(ctx, 2, &in[1]));
    if ((za && hone__tensor_count(za) != 1) || (zb && hone__tensor_count(zb) != 1))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "zero points must be scalars");
    int64_t a0 = za ? hone__tensor_int_at(za, 0) : 0, b0 = zb ? hone__tensor_int_at(zb, 0) : 0;
    HONE_TRY(hone__walk_init(&walk, in, 2, dims, &rank, ctx->error));
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT32, rank, dims, &y));
    while (y && hone__walk_next(&walk))
        for (int64_t i = 0; i < walk.length; i++)
            ((int32_t *)y->data)[walk.at + i] =
                (int32_t)((hone__tensor_int_at(in[0], walk.offset[0] + i * walk.stride[0]) - a0) *
                          (hone__tensor_int_at(in[1], walk.offset[1] + i * walk.stride[1]) - b0));
    return HONE_OK;
}

/* ---- shapes ---- */

/* Range with an optional step of 1. */
static hone_status infer_range(hone__infer *ctx) { return hone__infer_rank(ctx, 0, hone__infer_dtype(ctx, 0), 1); }

static hone_status eval_range(hone__eval *ctx) {
    const hone_tensor *start;
    double v[3];
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &start));
    for (size_t i = 0; i < 3; i++)
        HONE_TRY(hone__eval_number(ctx, i, i == 2 ? 1 : 0, &v[i]));
    double steps = v[2] == 0 ? NAN : ceil((v[1] - v[0]) / v[2]);
    if (!(steps < 0x1p40))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "a range from %g to %g by %g is endless or too long", v[0], v[1],
                               v[2]);
    int64_t n = steps > 0 ? (int64_t)steps : 0;
    HONE_TRY(hone__eval_output(ctx, 0, start->dtype, 1, &n, &y));
    for (int64_t i = 0; y && i < n; i++)
        hone__tensor_put_double(y, i, v[0] + (double)i * v[2]);
    return HONE_OK;
}

/* A dimension of 1 at a place given by an input. */
static hone_status infer_expand_dims(hone__infer *ctx) {
    int64_t axis;
    size_t n;
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!dtype || !hone__infer_has_rank(ctx, 0))
        return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
    const hone__type *x = hone__infer_input(ctx, 0);
    if (x->rank + 1 > HONE_MAX_RANK || !hone__infer_ints(ctx, 1, &axis, 1, &n) || n != 1)
        return hone__infer_rank(ctx, 0, dtype, x->rank + 1 > HONE_MAX_RANK ? -1 : x->rank + 1);
    hone__dim dims[HONE_MAX_RANK];
    int at;
    HONE_TRY(hone__infer_axis(ctx, axis, x->rank + 1, &at));
    for (int d = 0; d <= x->rank; d++)
        dims[d] = d == at ? hone__dim_known(1) : x->dims[d > at ? d - 1 : d];
    return hone__infer_set(ctx, 0, dtype, x->rank + 1, dims);
}

static hone_status eval_expand_dims(hone__eval *ctx) {
    const hone_tensor *x;
    int64_t axis, dims[HONE_MAX_RANK];
    int at;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_int(ctx, 1, &axis));
    if (x->rank + 1 > HONE_MAX_RANK)
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the rank would exceed %d", HONE_MAX_RANK);
    HONE_TRY(hone__axis(axis, x->rank + 1, &at, ctx->error));
    for (int d = 0; d <= x->rank; d++)
        dims[d] = d == at ? 1 : x->dims[d > at ? d - 1 : d];
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank + 1, dims, &y));
    return y ? hone__copy_elements(y, 0, x, 0, hone__tensor_count(x), ctx->error) : HONE_OK;
}

/* All windows of `size` elements along a dimension, as a new last dimension. */
static hone_status unfold_shape(const hone__node *node, const int64_t *dims, int rank, int64_t *out, int *axis,
                                hone_error *error) {
    int64_t size = hone__node_attr_int(node, "size", 0), step = hone__node_attr_int(node, "step", 1);
    HONE_TRY(hone__axis(hone__node_attr_int(node, "dim", -1), rank, axis, error));
    HONE_FAIL_IF(size < 1 || step < 1 || size > dims[*axis] || rank + 1 > HONE_MAX_RANK, error, HONE_ERROR_SHAPE,
                 "windows of %lld by %lld do not fit a dimension of %lld", (long long)size, (long long)step,
                 (long long)dims[*axis]);
    memcpy(out, dims, (size_t)rank * sizeof *out);
    out[*axis] = (dims[*axis] - size) / step + 1;
    out[rank] = size;
    return HONE_OK;
}

static hone_status infer_unfold(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!dtype || !hone__infer_has_rank(ctx, 0) || hone__infer_input(ctx, 0)->rank + 1 > HONE_MAX_RANK)
        return dtype ? hone__infer_set_dtype(ctx, 0, dtype) : HONE_OK;
    const hone__type *x = hone__infer_input(ctx, 0);
    int64_t size = hone__node_attr_int(ctx->node, "size", 0), step = hone__node_attr_int(ctx->node, "step", 1);
    hone__dim dims[HONE_MAX_RANK];
    int axis;
    HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "dim", -1), x->rank, &axis));
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    bool is_known = dims[axis].value >= size && size > 0 && step > 0;
    dims[axis] = is_known ? hone__dim_known((dims[axis].value - size) / step + 1) : hone__dim_unknown();
    dims[x->rank] = size > 0 ? hone__dim_known(size) : hone__dim_unknown();
    return hone__infer_set(ctx, 0, dtype, x->rank + 1, dims);
}

static hone_status eval_unfold(hone__eval *ctx) {
    const hone_tensor *x;
    int64_t dims[HONE_MAX_RANK];
    int axis;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(unfold_shape(ctx->node, x->dims, x->rank, dims, &axis, ctx->error));
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank + 1, dims, &y));
    int64_t size = dims[x->rank], step = hone__node_attr_int(ctx->node, "step", 1), windows = dims[axis];
    int64_t inner = hone__dims_product(x->dims, axis + 1, x->rank), count = y ? hone__tensor_count(y) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t k = i % size, rest = i / size, in = rest % inner, w = rest / inner % windows,
                outer = rest / (inner * windows);
        HONE_TRY(hone__copy_elements(y, i, x, (outer * x->dims[axis] + w * step + k) * inner + in, 1, ctx->error));
    }
    return HONE_OK;
}

static hone_status infer_same_all(hone__infer *ctx) { return hone__infer_same(ctx, 0, 0); }
static hone_status eval_sample(hone__eval *ctx) {
    hone_tensor *y;
    HONE_TRY(hone__eval_output_like(ctx, 0, ctx->in[0], &y));
    return y ? hone__copy_elements(y, 0, ctx->in[0], 0, hone__tensor_count(y), ctx->error) : HONE_OK;
}

static hone_status infer_all_finite(hone__infer *ctx) { return hone__infer_set(ctx, 0, HONE_DTYPE_BOOL, 0, NULL); }
static hone_status eval_all_finite(hone__eval *ctx) {
    bool only_inf = hone__node_attr_int(ctx->node, "isinf_only", 0), ok = true;
    bool only_nan = hone__node_attr_int(ctx->node, "isnan_only", 0);
    hone_tensor *y;
    for (size_t k = 0; k < ctx->n_in; k++) {
        const double *v;
        HONE_TRY(hone__eval_in_double(ctx, k, &v));
        for (int64_t i = 0; v && i < hone__tensor_count(ctx->in[k]); i++)
            ok = ok && !(only_inf ? isinf(v[i]) : only_nan ? isnan(v[i]) : !isfinite(v[i]));
    }
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_BOOL, 0, NULL, &y));
    if (y)
        *(uint8_t *)y->data = ok;
    return HONE_OK;
}

/* ---- Unique: values in the order in which they come, where each is, and how often ---- */

static hone_status infer_unique(hone__infer *ctx) {
    HONE_TRY(hone__infer_rank(ctx, 0, hone__infer_dtype(ctx, 0), 1));
    if (ctx->n_out > 1 && hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 1)
        HONE_TRY(hone__infer_set(ctx, 1, HONE_DTYPE_INT64, 1, hone__infer_input(ctx, 0)->dims));
    else if (ctx->n_out > 1)
        HONE_TRY(hone__infer_rank(ctx, 1, HONE_DTYPE_INT64, 1));
    return ctx->n_out > 2 ? hone__infer_rank(ctx, 2, HONE_DTYPE_INT64, 1) : HONE_OK;
}

typedef struct keyed {
    double value;
    int64_t index;
} keyed;
static int compare_keyed(const void *a, const void *b) {
    const keyed *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static hone_status eval_unique(hone__eval *ctx) {
    const hone_tensor *x;
    keyed *sorted;
    int64_t *first, *place, *counts;
    hone_tensor *y, *index_out, *count_out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    int64_t n = hone__tensor_count(x), m = 0;
    if (x->rank != 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "Unique needs a vector");
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof *sorted, (void **)&sorted));
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof *first, (void **)&first));
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof *place, (void **)&place));
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof *counts, (void **)&counts));
    for (int64_t i = 0; i < n; i++) {
        sorted[i].index = i;
        hone__load_f64(x, i, 1, 1, &sorted[i].value);
    }
    qsort(sorted, (size_t)n, sizeof *sorted, compare_keyed);
    for (int64_t i = 0, head = 0; i < n; i++) { /* first[i]: where the value of element i comes first */
        if (sorted[i].value != sorted[head].value)
            head = i;
        first[sorted[i].index] = sorted[head].index;
    }
    for (int64_t i = 0; i < n; i++) {
        place[i] = first[i] == i ? m++ : place[first[i]];
        counts[place[i]]++;
    }
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, 1, &m, &y));
    HONE_TRY(hone__eval_output(ctx, 1, HONE_DTYPE_INT64, 1, &n, &index_out));
    HONE_TRY(hone__eval_output(ctx, 2, HONE_DTYPE_INT64, 1, &m, &count_out));
    for (int64_t i = 0; y && i < n; i++)
        if (first[i] == i)
            HONE_TRY(hone__copy_elements(y, place[i], x, i, 1, ctx->error));
    if (index_out && n)
        memcpy(index_out->data, place, (size_t)n * sizeof *place);
    if (count_out && m)
        memcpy(count_out->data, counts, (size_t)m * sizeof *counts);
    return HONE_OK;
}

/* ---- CropAndResize ---- */

static hone_status infer_crop(hone__infer *ctx) {
    hone__dim u = hone__dim_unknown(), dims[4] = {u, u, u, u};
    int64_t size[2];
    size_t n;
    if (hone__infer_has_rank(ctx, 1) && hone__infer_input(ctx, 1)->rank == 2)
        dims[0] = hone__infer_input(ctx, 1)->dims[0];
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 4)
        dims[1] = hone__infer_input(ctx, 0)->dims[1];
    if (hone__infer_ints(ctx, 3, size, 2, &n) && n == 2 && size[0] > 0 && size[1] > 0) {
        dims[2] = hone__dim_known(size[0]);
        dims[3] = hone__dim_known(size[1]);
    }
    return hone__infer_set(ctx, 0, hone__infer_dtype(ctx, 0), 4, dims);
}

/* One sample of a plane of h x w; outside of it, the extrapolation value. */
static double sample(const double *plane, int64_t h, int64_t w, double y, double x, bool nearest, double outside) {
    if (!(y >= 0 && y <= (double)(h - 1) && x >= 0 && x <= (double)(w - 1)))
        return outside;
    if (nearest)
        return plane[(int64_t)round(y) * w + (int64_t)round(x)];
    int64_t top = (int64_t)floor(y), left = (int64_t)floor(x), bottom = (int64_t)ceil(y), right = (int64_t)ceil(x);
    double fy = y - (double)top, fx = x - (double)left;
    double above = plane[top * w + left] + (plane[top * w + right] - plane[top * w + left]) * fx;
    double below = plane[bottom * w + left] + (plane[bottom * w + right] - plane[bottom * w + left]) * fx;
    return above + (below - above) * fy;
}

static hone_status eval_crop(hone__eval *ctx) {
    const hone_tensor *x, *rois, *batch;
    const double *v, *r;
    double *y;
    int64_t size[2];
    size_t n_size;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &rois));
    HONE_TRY(hone__eval_tensor(ctx, 2, &batch));
    HONE_TRY(hone__eval_ints(ctx, 3, size, 2, &n_size));
    if (x->rank != 4 || rois->rank != 2 || rois->dims[1] != 4 || hone__tensor_count(batch) != rois->dims[0] ||
        n_size != 2 || size[0] < 1 || size[1] < 1)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "images, regions, their batches and crop_size do not fit");
    int64_t n = rois->dims[0], c = x->dims[1], h = x->dims[2], w = x->dims[3], dims[4] = {n, c, size[0], size[1]};
    bool nearest = strcmp(hone__node_attr_string(ctx->node, "mode", "bilinear"), "nearest") == 0;
    double outside = hone__node_attr_float(ctx->node, "extrapolation_value", 0);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 1, &r));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, 4, dims, &out, &y));
    for (int64_t i = 0; i < n; i++) {
        int64_t b = hone__tensor_int_at(batch, i);
        const double *box = r + 4 * i;
        if (b < 0 || b >= x->dims[0])
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there is no image %lld", (long long)b);
        for (int64_t oy = 0; oy < size[0]; oy++)
            for (int64_t ox = 0; ox < size[1]; ox++) {
                double in_y = size[0] > 1 ? box[0] * (double)(h - 1) +
                                                (double)oy * (box[2] - box[0]) * (double)(h - 1) / (double)(size[0] - 1)
                                          : 0.5 * (box[0] + box[2]) * (double)(h - 1);
                double in_x = size[1] > 1 ? box[1] * (double)(w - 1) +
                                                (double)ox * (box[3] - box[1]) * (double)(w - 1) / (double)(size[1] - 1)
                                          : 0.5 * (box[1] + box[3]) * (double)(w - 1);
                for (int64_t k = 0; k < c; k++)
                    y[((i * c + k) * size[0] + oy) * size[1] + ox] =
                        sample(v + (b * c + k) * h * w, h, w, in_y, in_x, nearest, outside);
            }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- DynamicTimeWarping ---- */

static hone_status infer_warping(hone__infer *ctx) {
    hone__dim dims[2] = {hone__dim_known(2), hone__dim_unknown()};
    return hone__infer_set(ctx, 0, HONE_DTYPE_INT32, 2, dims);
}

static hone_status eval_warping(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *cost;
    uint8_t *came;
    int32_t *path;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if ((x->rank != 2 && !(x->rank == 3 && x->dims[0] == 1)))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the costs must be one matrix");
    int64_t m = x->dims[x->rank - 2], n = x->dims[x->rank - 1], steps = 0, cells;
    if (m < 1 || n < 1 || m > INT32_MAX || n > INT32_MAX || !hone__mul_i64(m + 1, n + 1, &cells))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the costs are empty or too many");
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_scratch_n(ctx, cells, sizeof *cost, (void **)&cost));
    HONE_TRY(hone__eval_scratch_n(ctx, cells, sizeof *came, (void **)&came));
    HONE_TRY(hone__eval_scratch_n(ctx, 2 * (m + n), sizeof *path, (void **)&path));
    for (int64_t i = 0; i < cells; i++)
        cost[i] = i ? INFINITY : 0;
    for (int64_t i = 1; i <= m; i++)
        for (int64_t j = 1; j <= n; j++) {
            double diagonal = cost[(i - 1) * (n + 1) + j - 1], up = cost[(i - 1) * (n + 1) + j],
                   left = cost[i * (n + 1) + j - 1];
            uint8_t from = diagonal < up && diagonal < left ? 0 : up < diagonal && up < left ? 1 : 2;
            came[i * (n + 1) + j] = from;
            cost[i * (n + 1) + j] = v[(i - 1) * n + j - 1] + (from == 0 ? diagonal : from == 1 ? up : left);
        }
    for (int64_t i = m, j = n; i > 0 && j > 0; steps++) {
        path[2 * steps] = (int32_t)(i - 1);
        path[2 * steps + 1] = (int32_t)(j - 1);
        uint8_t from = came[i * (n + 1) + j];
        i -= from != 2;
        j -= from != 1;
    }
    const int64_t dims[2] = {2, steps};
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT32, 2, dims, &y));
    for (int64_t t = 0; y && t < steps; t++)
        for (int64_t k = 0; k < 2; k++)
            ((int32_t *)y->data)[k * steps + t] = path[2 * (steps - 1 - t) + k];
    return HONE_OK;
}

/* ---- text ---- */

static uint32_t rotate(uint32_t x, int r) { return x << r | x >> (32 - r); }

/* MurmurHash3_x86_32. */
static uint32_t murmur3(const uint8_t *data, size_t size, uint32_t seed) {
    const uint32_t c1 = 0xcc9e2d51, c2 = 0x1b873593;
    uint32_t h = seed, k;
    size_t i = 0;
    for (; i + 4 <= size; i += 4) {
        memcpy(&k, data + i, 4);
        h = rotate(h ^ rotate(k * c1, 15) * c2, 13) * 5 + 0xe6546b64;
    }
    k = 0;
    for (size_t j = size; j > i; j--)
        k = k << 8 | data[j - 1];
    if (size > i)
        h ^= rotate(k * c1, 15) * c2;
    h ^= (uint32_t)size;
    h = (h ^ h >> 16) * 0x85ebca6b;
    h = (h ^ h >> 13) * 0xc2b2ae35;
    return h ^ h >> 16;
}

static hone_status infer_murmur(hone__infer *ctx) {
    hone_dtype dtype = hone__node_attr_int(ctx->node, "positive", 1) ? HONE_DTYPE_UINT32 : HONE_DTYPE_INT32;
    const hone__type *x = hone__infer_input(ctx, 0);
    return x ? hone__infer_set(ctx, 0, dtype, x->rank, x->dims) : hone__infer_set_dtype(ctx, 0, dtype);
}

static hone_status eval_murmur(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    uint32_t seed = (uint32_t)hone__node_attr_int(ctx->node, "seed", 0);
    hone_dtype dtype = hone__node_attr_int(ctx->node, "positive", 1) ? HONE_DTYPE_UINT32 : HONE_DTYPE_INT32;
    HONE_TRY(hone__eval_output(ctx, 0, dtype, x->rank, x->dims, &y));
    size_t size = hone_dtype_bits(x->dtype) / 8;
    for (int64_t i = 0; y && i < hone__tensor_count(x); i++) {
        hone_string s = {0};
        if (x->dtype == HONE_DTYPE_STRING)
            s = hone_tensor_get_string(x, i);
        ((uint32_t *)y->data)[i] = x->dtype == HONE_DTYPE_STRING
                                       ? murmur3((const uint8_t *)s.data, s.size, seed)
                                       : murmur3((const uint8_t *)x->data + (size_t)i * size, size, seed);
    }
    return HONE_OK;
}

/* Scores of tokens that would repeat an n-gram become -infinity. */
static hone_status infer_repeat(hone__infer *ctx) { return hone__infer_same(ctx, 0, 1); }

static hone_status eval_repeat(hone__eval *ctx) {
    const hone_tensor *ids, *scores;
    const int64_t *t;
    hone_tensor *y;
    int64_t n = hone__node_attr_int(ctx->node, "ngram_size", 0);
    HONE_TRY(hone__eval_tensor(ctx, 0, &ids));
    HONE_TRY(hone__eval_tensor(ctx, 1, &scores));
    if (n < 1 || ids->rank != 2 || scores->rank != 2 || ids->dims[0] != scores->dims[0])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "tokens, scores and ngram_size do not fit together");
    HONE_TRY(hone__eval_in_i64(ctx, 0, &t));
    HONE_TRY(hone__eval_output_like(ctx, 0, scores, &y));
    if (!y)
        return HONE_OK;
    if (y->size)
        memcpy(y->data, scores->data, y->size);
    int64_t length = ids->dims[1], vocabulary = scores->dims[1];
    for (int64_t b = 0; b < ids->dims[0]; b++) {
        const int64_t *row = t + b * length;
        for (int64_t i = 0; i + n <= length; i++) {
            bool same = true;
            for (int64_t k = 0; same && k < n - 1; k++)
                same = row[i + k] == row[length - (n - 1) + k];
            if (!same)
                continue;
            if (row[i + n - 1] < 0 || row[i + n - 1] >= vocabulary)
                return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "token %lld is outside of the vocabulary",
                                       (long long)row[i + n - 1]);
            ((float *)y->data)[b * vocabulary + row[i + n - 1]] = -INFINITY;
        }
    }
    return HONE_OK;
}

/* Words of characters, [..., length], to vectors: an embedding per character, a convolution over windows of them,
 * tanh, and the maximum over all places. */
static hone_status infer_word(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 1);
    if (!hone__infer_has_rank(ctx, 0) || hone__infer_input(ctx, 0)->rank < 1)
        return hone__infer_set_dtype(ctx, 0, dtype ? dtype : HONE_DTYPE_FLOAT);
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    for (int d = 0; d + 1 < x->rank; d++)
        dims[d] = x->dims[d];
    dims[x->rank - 1] = hone__infer_has_rank(ctx, 1) && hone__infer_input(ctx, 1)->rank == 4
                            ? hone__infer_input(ctx, 1)->dims[0]
                            : hone__dim_unknown();
    return hone__infer_set(ctx, 0, HONE_DTYPE_FLOAT, x->rank, dims);
}

static hone_status eval_word(hone__eval *ctx) {
    const hone_tensor *x, *w, *b, *c;
    const int64_t *chars;
    const double *wv, *bv, *cv;
    double *y;
    hone_tensor *out;
    int64_t dims[HONE_MAX_RANK];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    HONE_TRY(hone__eval_tensor(ctx, 2, &b));
    HONE_TRY(hone__eval_tensor(ctx, 3, &c));
    if (x->rank < 1 || w->rank != 4 || c->rank != 2 || w->dims[1] != 1 || w->dims[3] != c->dims[1] ||
        hone__tensor_count(b) != w->dims[0] || w->dims[2] < 1 || w->dims[2] > x->dims[x->rank - 1])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "words, filters, bias and embeddings do not fit together");
    int64_t length = x->dims[x->rank - 1], filters = w->dims[0], window = w->dims[2], e = w->dims[3];
    HONE_TRY(hone__eval_in_i64(ctx, 0, &chars));
    HONE_TRY(hone__eval_in_double(ctx, 1, &wv));
    HONE_TRY(hone__eval_in_double(ctx, 2, &bv));
    HONE_TRY(hone__eval_in_double(ctx, 3, &cv));
    memcpy(dims, x->dims, sizeof dims);
    dims[x->rank - 1] = filters;
    HONE_TRY(hone__eval_out_double(ctx, 0, HONE_DTYPE_FLOAT, x->rank, dims, &out, &y));
    int64_t words = hone__dims_product(x->dims, 0, x->rank - 1);
    for (int64_t i = 0; i < words; i++) {
        const int64_t *word = chars + i * length;
        int64_t n = 0;
        for (int64_t k = 0; word[0] > 0 && k < length; k++)
            n += word[k] > 0;
        for (int64_t k = 0; k < length; k++)
            if (word[k] < 0 || word[k] >= c->dims[0])
                return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "character %lld has no embedding", (long long)word[k]);
        int64_t places = n == 0 ? 0 : n > window ? n - window + 1 : 1; /* a word without characters gives zeros */
        for (int64_t f = 0; f < filters; f++) {
            double best = places ? -INFINITY : 0;
            for (int64_t p = 0; p < places; p++) {
                double sum = bv[f];
                for (int64_t k = 0; k < window * e; k++)
                    sum += wv[f * window * e + k] * cv[word[p + k / e] * e + k % e];
                best = fmax(best, tanh(sum));
            }
            y[i * filters + f] = best;
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */

#define MS "com.microsoft"
#define Q8 (HONE_SET(INT8) | HONE_SET(UINT8))
#define RANGE (HONE_SET(FLOAT) | HONE_SET(DOUBLE) | HONE_SET(INT16) | HONE_SET(INT32) | HONE_SET(INT64))
#define REALS (HONE_SET(FLOAT) | HONE_SET(DOUBLE))
static const hone__op_param p_square[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T')};
static const hone__op_param p_cdist[] = {HONE_PARAM("A", REALS, 'T'), HONE_PARAM("B", REALS, 'T')};
static const hone__op_param p_mul[] = {HONE_PARAM("A", Q8, 'T'), HONE_PARAM_OPT("A_zero_point", Q8, 'T'),
                                       HONE_PARAM("B", Q8, 'T'), HONE_PARAM_OPT("B_zero_point", Q8, 'T')};
static const hone__op_param p_range[] = {HONE_PARAM("start", RANGE, 'T'), HONE_PARAM("limit", RANGE, 'T'),
                                         HONE_PARAM_OPT("delta", RANGE, 'T')};
static const hone__op_param p_expand[] = {HONE_PARAM("X", HONE_SET_ALL_V1, 'T'),
                                          HONE_PARAM("axis", HONE_SET(INT32), 0)};
static const hone__op_param p_any[] = {HONE_PARAM("X", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param p_floats[] = {HONE_PARAM("input", HONE_SET_FLOAT, 'V')};
static const hone__op_param p_numbers[] = {HONE_PARAM("x", HONE_SET_NUMERIC, 'T')};
static const hone__op_param p_crop[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'), HONE_PARAM("rois", HONE_SET_IEEE, 'T'),
                                        HONE_PARAM("batch_indices", HONE_SET(INT32), 0),
                                        HONE_PARAM("crop_size", HONE_SET(INT32), 0)};
static const hone__op_param p_float[] = {HONE_PARAM("input", HONE_SET(FLOAT), 0)};
static const hone__op_param p_hash[] = {HONE_PARAM(
    "X", HONE_SET(INT32) | HONE_SET(UINT32) | HONE_SET(INT64) | HONE_SET(UINT64) | REALS | HONE_SET(STRING), 0)};
static const hone__op_param p_repeat[] = {HONE_PARAM("input_ids", HONE_SET(INT64), 0),
                                          HONE_PARAM("scores", HONE_SET(FLOAT), 'T')};
static const hone__op_param p_word[] = {HONE_PARAM("Sequence", HONE_SET(INT32), 0), HONE_PARAM("W", HONE_SET(FLOAT), 0),
                                        HONE_PARAM("B", HONE_SET(FLOAT), 0), HONE_PARAM("C", HONE_SET(FLOAT), 0)};
static const hone__op_param q_any[] = {HONE_PARAM("Y", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param q_int[] = {HONE_PARAM("C", HONE_SET(INT32), 0)};
static const hone__op_param q_bool[] = {HONE_PARAM("output", HONE_SET(BOOL), 0)};
static const hone__op_param q_hash[] = {HONE_PARAM("Y", HONE_SET(UINT32) | HONE_SET(INT32), 0)};
static const hone__op_param q_float[] = {HONE_PARAM("Y", HONE_SET(FLOAT), 0)};
static const hone__op_param q_unique[] = {HONE_PARAM("y", HONE_SET_NUMERIC, 'T'),
                                          HONE_PARAM_OPT("idx", HONE_SET(INT64), 0),
                                          HONE_PARAM_OPT("counts", HONE_SET(INT64), 0)};
static const hone__op_attr a_cdist[] = {{"metric", HONE_ATTR_STRING, false}};
static const hone__op_attr a_unfold[] = {
    {"dim", HONE_ATTR_INT, false}, {"size", HONE_ATTR_INT, true}, {"step", HONE_ATTR_INT, false}};
static const hone__op_attr a_finite[] = {{"isinf_only", HONE_ATTR_INT, false}, {"isnan_only", HONE_ATTR_INT, false}};
static const hone__op_attr a_crop[] = {{"extrapolation_value", HONE_ATTR_FLOAT, false},
                                       {"mode", HONE_ATTR_STRING, false}};
static const hone__op_attr a_hash[] = {{"positive", HONE_ATTR_INT, false}, {"seed", HONE_ATTR_INT, false}};
static const hone__op_attr a_repeat[] = {{"ngram_size", HONE_ATTR_INT, true}};
static const hone__op_attr a_word[] = {{"char_embedding_size", HONE_ATTR_INT, false},
                                       {"conv_window_size", HONE_ATTR_INT, false},
                                       {"embedding_size", HONE_ATTR_INT, false}};
enum { PURE = HONE_OP_PURE, DATA = HONE_OP_PURE | HONE_OP_DATA_SHAPE };

static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS(MS, "Inverse", 1, PURE, 1, p_square, 1, q_any, hone__infer_same0, eval_inverse, NULL),
    HONE_ROW(MS, "CDist", 1, PURE, 2, p_cdist, 1, q_any, a_cdist, infer_cdist, eval_cdist, NULL),
    HONE_ROW_NO_ATTRS(MS, "MulInteger", 1, PURE, 3, p_mul, 1, q_int, infer_mul_integer, eval_mul_integer, NULL),
    HONE_ROW_NO_ATTRS(MS, "Range", 1, PURE, 2, p_range, 1, q_any, infer_range, eval_range, NULL),
    HONE_ROW_NO_ATTRS(MS, "ExpandDims", 1, PURE, 2, p_expand, 1, q_any, infer_expand_dims, eval_expand_dims, NULL),
    HONE_ROW(MS, "UnfoldTensor", 1, PURE, 1, p_any, 1, q_any, a_unfold, infer_unfold, eval_unfold, NULL),
    HONE_ROW_NO_ATTRS(MS, "SampleOp", 1, PURE, 1, p_any, 1, q_any, infer_same_all, eval_sample, NULL),
    HONE_ROW(MS, "IsAllFinite", 1, PURE | HONE_OP_VARIADIC_IN, 1, p_floats, 1, q_bool, a_finite, infer_all_finite,
             eval_all_finite, NULL),
    HONE_ROW_NO_ATTRS(MS, "Unique", 1, DATA, 1, p_numbers, 1, q_unique, infer_unique, eval_unique, NULL),
    HONE_ROW(MS, "CropAndResize", 1, PURE, 4, p_crop, 1, q_any, a_crop, infer_crop, eval_crop, NULL),
    HONE_ROW_NO_ATTRS(MS, "DynamicTimeWarping", 1, DATA, 1, p_float, 1, q_int, infer_warping, eval_warping, NULL),
    HONE_ROW(MS, "MurmurHash3", 1, PURE, 1, p_hash, 1, q_hash, a_hash, infer_murmur, eval_murmur, NULL),
    HONE_ROW(MS, "NGramRepeatBlock", 1, PURE, 2, p_repeat, 1, q_float, a_repeat, infer_repeat, eval_repeat, NULL),
    HONE_ROW(MS, "WordConvEmbedding", 1, PURE, 4, p_word, 1, q_float, a_word, infer_word, eval_word, NULL),
};
const hone__op_family hone__ops_contrib_misc = {"contrib_misc", g_rows, HONE_COUNT(g_rows)};
