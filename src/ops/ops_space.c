/* Rearrangements and selections: DepthToSpace, SpaceToDepth, ReverseSequence, OneHot, NonZero, Unique,
 * Compress, Col2Im.
 *
 * Source: ONNX operator specification. */
#include "ops/op_help.h"

#include <stdlib.h>

/* ---- DepthToSpace, SpaceToDepth ---- */

static hone_status infer_blocks(hone__infer *ctx, bool to_space) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    int64_t b = hone__node_attr_int(ctx->node, "blocksize", 0);
    if (x->rank != 4 || b < 1 || b > INT16_MAX)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "an input of rank 4 and a positive blocksize are needed");
    hone__dim dims[4];
    for (int d = 0; d < 4; d++) {
        int64_t v = x->dims[d].value, by = d == 1 ? b * b : b;
        bool grow = (d > 1) == to_space;
        dims[d] = x->dims[d];
        if (d == 0 || b == 1)
            continue;
        dims[d] = hone__dim_unknown();
        if (v >= 0 && (grow ? !hone__mul_i64(v, by, &dims[d].value) : v % by != 0))
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "dimension %d (%lld) does not fit blocks of %lld", d,
                                    (long long)v, (long long)b);
        if (v >= 0 && !grow)
            dims[d].value = v / by;
    }
    return hone__infer_set(ctx, 0, dtype, 4, dims);
}
static hone_status infer_depth_to_space(hone__infer *ctx) { return infer_blocks(ctx, true); }
static hone_status infer_space_to_depth(hone__infer *ctx) { return infer_blocks(ctx, false); }

/* A copy between [N, b, b, C, H, W] (CRD: [N, C, b, b, H, W]) and [N, C, H*b, W*b]. */
static hone_status eval_blocks(hone__eval *ctx, bool to_space) {
    const hone_tensor *x;
    hone_tensor *out;
    int64_t b = hone__node_attr_int(ctx->node, "blocksize", 0), dims[4];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (x->rank != 4 || b < 1 || b > INT16_MAX)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "an input of rank 4 and a positive blocksize are needed");
    bool crd = strcmp(hone__node_attr_string(ctx->node, "mode", "DCR"), "CRD") == 0;
    int64_t c = x->dims[1], h = x->dims[2], w = x->dims[3];
    if (to_space ? c % (b * b) != 0 : h % b != 0 || w % b != 0)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input does not fit blocks of %lld", (long long)b);
    dims[0] = x->dims[0];
    dims[1] = to_space ? c / (b * b) : c * b * b;
    dims[2] = to_space ? h * b : h / b;
    dims[3] = to_space ? w * b : w / b;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, 4, dims, &out));
    /* The deep side has (n, block, channel, row, column), the wide side the rest. */
    int64_t channels = to_space ? dims[1] : c, rows = to_space ? h : dims[2], cols = to_space ? w : dims[3];
    int64_t count = out ? hone__tensor_count(out) : 0;
    for (int64_t i = 0; i < count; i++) { /* i: position on the deep side */
        int64_t col = i % cols, row = i / cols % rows, deep = i / (cols * rows) % (channels * b * b);
        int64_t n = i / (cols * rows * channels * b * b);
        int64_t ch = crd ? deep / (b * b) : deep % channels, block = crd ? deep % (b * b) : deep / channels;
        int64_t wide = ((n * channels + ch) * rows * b + row * b + block / b) * cols * b + col * b + block % b;
        HONE_TRY(hone__copy_elements(out, to_space ? wide : i, x, to_space ? i : wide, 1, ctx->error));
    }
    return HONE_OK;
}
static hone_status eval_depth_to_space(hone__eval *ctx) { return eval_blocks(ctx, true); }
static hone_status eval_space_to_depth(hone__eval *ctx) { return eval_blocks(ctx, false); }

/* ---- ReverseSequence ---- */

static hone_status eval_reverse_sequence(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *out;
    const int64_t *len;
    int time, batch;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "time_axis", 0), x->rank, &time, ctx->error));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "batch_axis", 1), x->rank, &batch, ctx->error));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &len));
    if (time + batch != 1 || !len || hone__tensor_count(ctx->in[1]) != x->dims[batch])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "one length per batch and axes 0 and 1 are needed");
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, x->dims, &out));
    int64_t nt = x->dims[time], nb = x->dims[batch], inner = hone__dims_product(x->dims, 2, x->rank);
    for (int64_t b = 0; out && b < nb; b++) {
        if (len[b] < 0 || len[b] > nt)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "length %lld is outside 0..%lld", (long long)len[b],
                                   (long long)nt);
        for (int64_t t = 0; t < nt; t++) {
            int64_t s = t < len[b] ? len[b] - 1 - t : t;
            int64_t to = time == 0 ? t * nb + b : b * nt + t, from = time == 0 ? s * nb + b : b * nt + s;
            HONE_TRY(hone__copy_elements(out, to * inner, x, from * inner, inner, ctx->error));
        }
    }
    return HONE_OK;
}

/* ---- OneHot ---- */

static hone_status infer_one_hot(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 2);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    int axis, n = 0;
    int64_t depth;
    size_t one;
    hone__dim dims[HONE_MAX_RANK + 1];
    HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "axis", -1), x->rank + 1, &axis));
    bool is_known = hone__infer_ints(ctx, 1, &depth, 1, &one) && one == 1 && depth >= 0;
    for (int d = 0; d <= x->rank; d++)
        dims[d] = d != axis ? x->dims[n++] : is_known ? hone__dim_known(depth) : hone__dim_unknown();
    if (x->rank >= HONE_MAX_RANK)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the result's rank is too large");
    return hone__infer_set(ctx, 0, dtype, x->rank + 1, dims);
}

static hone_status eval_one_hot(hone__eval *ctx) {
    const hone_tensor *x, *depth_in, *values;
    hone_tensor *out;
    int axis, n = 0;
    int64_t dims[HONE_MAX_RANK + 1];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &depth_in));
    HONE_TRY(hone__eval_tensor(ctx, 2, &values));
    double depth_value = hone__tensor_count(depth_in) == 1 ? hone_tensor_get_double(depth_in, 0) : -1;
    if (!(depth_value >= 0 && depth_value < 0x1p53) || hone__tensor_count(values) != 2 || x->rank >= HONE_MAX_RANK)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "depth must be one number and values two");
    int64_t depth = (int64_t)depth_value;
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", -1), x->rank + 1, &axis, ctx->error));
    for (int d = 0; d <= x->rank; d++)
        dims[d] = d == axis ? depth : x->dims[n++];
    HONE_TRY(hone__eval_output(ctx, 0, values->dtype, x->rank + 1, dims, &out));
    int64_t inner = hone__dims_product(x->dims, axis, x->rank), count = out ? hone__tensor_count(out) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t at = i / (inner * depth) * inner + i % inner, k = i / inner % depth;
        double v = hone_tensor_get_double(x, at);
        bool on = v == (double)k || v + (double)depth == (double)k;
        HONE_TRY(hone__copy_elements(out, i, values, on ? 1 : 0, 1, ctx->error));
    }
    return HONE_OK;
}

/* ---- NonZero ---- */

static hone_status infer_non_zero(hone__infer *ctx) {
    hone__dim dims[2] = {hone__dim_unknown(), hone__dim_unknown()};
    if (hone__infer_has_rank(ctx, 0))
        dims[0] = hone__dim_known(hone__infer_input(ctx, 0)->rank);
    return hone__infer_set(ctx, 0, HONE_DTYPE_INT64, 2, dims);
}

static bool is_nonzero(const hone_tensor *x, int64_t i) {
    if (x->dtype == HONE_DTYPE_STRING)
        return hone_tensor_get_string(x, i).size != 0;
    if (!hone__dtype_in(x->dtype, HONE_SET_COMPLEX))
        return hone_tensor_get_double(x, i) != 0;
    return x->dtype == HONE_DTYPE_COMPLEX64
               ? ((const float *)x->data)[2 * i] != 0 || ((const float *)x->data)[2 * i + 1] != 0
               : ((const double *)x->data)[2 * i] != 0 || ((const double *)x->data)[2 * i + 1] != 0;
}

/* The first element from i on that is not zero, or count. */
static int64_t next_nonzero(const hone_tensor *x, int64_t i, int64_t count) {
    const uint8_t *bytes = x->data;
    const uint32_t *words = x->data;
    switch (x->dtype) {
    case HONE_DTYPE_BOOL:
    case HONE_DTYPE_UINT8:
    case HONE_DTYPE_INT8:
        while (i < count && !bytes[i])
            i++;
        return i;
    case HONE_DTYPE_FLOAT: /* both zeros, but no NaN */
        while (i < count && !(words[i] & 0x7FFFFFFF))
            i++;
        return i;
    default:
        while (i < count && !is_nonzero(x, i))
            i++;
        return i;
    }
}

static hone_status eval_non_zero(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    int64_t count = hone__tensor_count(x), found = 0;
    for (int64_t i = next_nonzero(x, 0, count); i < count; i = next_nonzero(x, i + 1, count))
        found++;
    int64_t dims[2] = {x->rank, found}, k = 0;
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, 2, dims, &out));
    for (int64_t i = next_nonzero(x, 0, count); out && i < count; i = next_nonzero(x, i + 1, count), k++) {
        int64_t rest = i;
        for (int d = x->rank - 1; d >= 0; d--) {
            ((int64_t *)out->data)[d * found + k] = rest % x->dims[d];
            rest /= x->dims[d];
        }
    }
    return HONE_OK;
}

/* ---- Compress ---- */

static hone_status infer_compress(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__node_attr(ctx->node, "axis"))
        return hone__infer_rank(ctx, 0, dtype, 1);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    int axis;
    HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "axis", 0), x->rank, &axis));
    for (int d = 0; d < x->rank; d++)
        dims[d] = d == axis ? hone__dim_unknown() : x->dims[d];
    return hone__infer_set(ctx, 0, dtype, x->rank, dims);
}

static hone_status eval_compress(hone__eval *ctx) {
    const hone_tensor *x, *c;
    hone_tensor *out;
    int axis = 0;
    int64_t dims[HONE_MAX_RANK], kept = 0, to = 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &c));
    bool flat = !hone__node_attr(ctx->node, "axis");
    if (!flat)
        HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 0), x->rank, &axis, ctx->error));
    int64_t outer = flat ? 1 : hone__dims_product(x->dims, 0, axis), n = flat ? hone__tensor_count(x) : x->dims[axis];
    int64_t inner = flat ? 1 : hone__dims_product(x->dims, axis + 1, x->rank), nc = hone__tensor_count(c);
    if (c->dtype != HONE_DTYPE_BOOL || nc > n)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the condition has %lld elements for %lld", (long long)nc,
                               (long long)n);
    const uint8_t *keep = c->data;
    for (int64_t i = 0; i < nc; i++)
        kept += keep[i] != 0;
    memcpy(dims, x->dims, sizeof dims);
    dims[flat ? 0 : axis] = kept;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, flat ? 1 : x->rank, dims, &out));
    for (int64_t o = 0; out && o < outer; o++)
        for (int64_t i = 0; i < nc; i++)
            if (keep[i]) {
                HONE_TRY(hone__copy_elements(out, to, x, (o * n + i) * inner, inner, ctx->error));
                to += inner;
            }
    return HONE_OK;
}

/* ---- Unique ---- */

typedef struct slice_ref {
    const hone_tensor *x;
    int64_t index, n, outer, inner; /* slice `index` of an axis of n */
} slice_ref;

static int compare_at(const hone_tensor *x, int64_t a, int64_t b) {
    if (x->dtype == HONE_DTYPE_STRING) {
        hone_string sa = hone_tensor_get_string(x, a), sb = hone_tensor_get_string(x, b);
        int c = memcmp(sa.data, sb.data, hone__min_size(sa.size, sb.size));
        return c ? c : (sa.size > sb.size) - (sa.size < sb.size);
    }
    if (hone__dtype_in(x->dtype, HONE_SET_FLOAT)) {
        double da = hone_tensor_get_double(x, a), db = hone_tensor_get_double(x, b);
        if (da != da || db != db)
            return (da != da) - (db != db);
        return (da > db) - (da < db);
    }
    if (hone__dtype_in(x->dtype, HONE_SET_COMPLEX)) {
        size_t size = (size_t)hone_dtype_bits(x->dtype) / 8;
        return memcmp((const char *)x->data + (size_t)a * size, (const char *)x->data + (size_t)b * size, size);
    }
    int64_t ia = hone__tensor_int_at(x, a), ib = hone__tensor_int_at(x, b);
    if (x->dtype == HONE_DTYPE_UINT64)
        return ((uint64_t)ia > (uint64_t)ib) - ((uint64_t)ia < (uint64_t)ib);
    return (ia > ib) - (ia < ib);
}

static int compare_values(const slice_ref *a, const slice_ref *b) {
    for (int64_t o = 0; o < a->outer; o++)
        for (int64_t i = 0; i < a->inner; i++) {
            int c = compare_at(a->x, (o * a->n + a->index) * a->inner + i, (o * a->n + b->index) * a->inner + i);
            if (c)
                return c;
        }
    return 0;
}
static int compare_slices(const void *pa, const void *pb) {
    const slice_ref *a = pa, *b = pb;
    int c = compare_values(a, b);
    return c ? c : (a->index > b->index) - (a->index < b->index);
}
static int compare_first(const void *pa, const void *pb) {
    int64_t a = *(const int64_t *)pa, b = *(const int64_t *)pb;
    return (a > b) - (a < b);
}

static hone_status infer_unique(hone__infer *ctx) {
    HONE_TRY(infer_compress(ctx));
    for (size_t i = 1; i < ctx->n_out; i++)
        HONE_TRY(hone__infer_rank(ctx, i, HONE_DTYPE_INT64, 1));
    return HONE_OK;
}

/* Slices are sorted; runs of equal ones are groups, numbered by value or (sorted = 0) by first
 * occurrence. */
static hone_status eval_unique(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *out[4] = {0};
    int axis = 0;
    void *p, *q, *g;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    bool flat = !hone__node_attr(ctx->node, "axis"), sorted = hone__node_attr_int(ctx->node, "sorted", 1) != 0;
    if (!flat)
        HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 0), x->rank, &axis, ctx->error));
    int64_t outer = flat ? 1 : hone__dims_product(x->dims, 0, axis), n = flat ? hone__tensor_count(x) : x->dims[axis];
    int64_t inner = flat ? 1 : hone__dims_product(x->dims, axis + 1, x->rank), groups = 0, dims[HONE_MAX_RANK];
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(slice_ref), &p));
    HONE_TRY(hone__eval_scratch_n(ctx, n, 3 * sizeof(int64_t), &q)); /* per group: first, its number, count */
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(int64_t), &g));     /* group of each slice */
    slice_ref *refs = p;
    int64_t(*group)[3] = q, *group_of = g;
    for (int64_t i = 0; i < n; i++)
        refs[i] = (slice_ref){x, i, n, outer, inner};
    qsort(refs, (size_t)n, sizeof *refs, compare_slices);
    for (int64_t i = 0; i < n; i++) {
        if (i == 0 || compare_values(&refs[i - 1], &refs[i]) != 0) {
            group[groups][0] = refs[i].index;
            group[groups][1] = groups;
            groups++;
        }
        group[groups - 1][2]++;
        group_of[refs[i].index] = groups - 1;
    }
    if (!sorted)
        qsort(group, (size_t)groups, sizeof *group, compare_first);
    HONE_TRY(hone__eval_scratch_n(ctx, groups, sizeof(int64_t), &p));
    int64_t *rank = p;
    for (int64_t k = 0; k < groups; k++)
        rank[group[k][1]] = k;
    memcpy(dims, x->dims, sizeof dims);
    dims[flat ? 0 : axis] = groups;
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, flat ? 1 : x->rank, dims, &out[0]));
    for (size_t i = 1; i < 4 && i < ctx->n_out; i++)
        HONE_TRY(hone__eval_output(ctx, i, HONE_DTYPE_INT64, 1, i == 2 ? &n : &groups, &out[i]));
    for (int64_t k = 0; k < groups; k++) {
        for (int64_t o = 0; out[0] && o < outer; o++)
            HONE_TRY(hone__copy_elements(out[0], (o * groups + k) * inner, x, (o * n + group[k][0]) * inner, inner,
                                         ctx->error));
        if (out[1])
            ((int64_t *)out[1]->data)[k] = group[k][0];
        if (out[3])
            ((int64_t *)out[3]->data)[k] = group[k][2];
    }
    for (int64_t i = 0; out[2] && i < n; i++)
        ((int64_t *)out[2]->data)[i] = rank[group_of[i]];
    return HONE_OK;
}

/* ---- Col2Im ---- */

static hone_status infer_col2_im(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    int64_t image[HONE_MAX_RANK], block[HONE_MAX_RANK], product = 1;
    size_t n, nb;
    if (!hone__infer_ints(ctx, 1, image, HONE_MAX_RANK - 2, &n) || !hone__infer_ints(ctx, 2, block, HONE_MAX_RANK, &nb))
        return hone__infer_set_dtype(ctx, 0, dtype);
    hone__dim dims[HONE_MAX_RANK] = {hone__dim_unknown(), hone__dim_unknown()};
    for (size_t i = 0; i < nb; i++)
        if (block[i] < 1 || !hone__mul_i64(product, block[i], &product))
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "block_shape holds %lld", (long long)block[i]);
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank == 3) {
        const hone__type *x = hone__infer_input(ctx, 0);
        dims[0] = x->dims[0];
        if (x->dims[1].value >= 0)
            dims[1] = hone__dim_known(x->dims[1].value / product);
    }
    for (size_t i = 0; i < n; i++)
        dims[2 + i] = image[i] >= 0 ? hone__dim_known(image[i]) : hone__dim_unknown();
    return hone__infer_set(ctx, 0, dtype, (int)n + 2, dims);
}

/* x: [N, C*block, positions]; every column is added back to where the block was taken from. */
static hone_status eval_col2_im(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *out;
    int64_t image[HONE_MAX_RANK], block[HONE_MAX_RANK], count[HONE_MAX_RANK], dims[HONE_MAX_RANK];
    size_t n, nb, na[3];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_ints(ctx, 1, image, HONE_MAX_RANK - 2, &n));
    HONE_TRY(hone__eval_ints(ctx, 2, block, HONE_MAX_RANK - 2, &nb));
    const int64_t *pads = hone__node_attr_ints(ctx->node, "pads", &na[0]);
    const int64_t *strides = hone__node_attr_ints(ctx->node, "strides", &na[1]);
    const int64_t *dilations = hone__node_attr_ints(ctx->node, "dilations", &na[2]);
    if (n == 0 || nb != n || x->rank != 3 || (pads && na[0] != 2 * n) || (strides && na[1] != n) ||
        (dilations && na[2] != n))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE,
                               "image_shape, block_shape and the attributes do not fit together");
    int64_t taps = 1, positions = 1;
    for (size_t i = 0; i < n; i++) {
        int64_t s = strides ? strides[i] : 1, d = dilations ? dilations[i] : 1, p0 = pads ? pads[i] : 0;
        int64_t p1 = pads ? pads[n + i] : 0;
        if (image[i] < 0 || block[i] < 1 || s < 1 || d < 1 || p0 < 0 || p1 < 0 || image[i] > INT32_MAX ||
            block[i] > INT32_MAX || d > INT16_MAX || p0 > INT32_MAX || p1 > INT32_MAX)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "an image, block, stride, dilation or pad is out of range");
        int64_t room = image[i] + p0 + p1 - d * (block[i] - 1) - 1;
        count[i] = room < 0 ? 0 : room / s + 1;
        if (!hone__mul_i64(taps, block[i], &taps) || !hone__mul_i64(positions, count[i], &positions))
            return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the image is too large");
    }
    if (x->dims[1] % taps || x->dims[2] != positions)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input must be [N, C*%lld, %lld]", (long long)taps,
                               (long long)positions);
    dims[0] = x->dims[0];
    dims[1] = x->dims[1] / taps;
    memcpy(dims + 2, image, n * sizeof *image);
    const double *v;
    double *y;
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, (int)n + 2, dims, &out, &y));
    int64_t plane = hone__dims_product(image, 0, (int)n), rows = x->dims[0] * x->dims[1];
    for (int64_t i = 0; i < dims[0] * dims[1] * plane; i++)
        y[i] = 0;
    for (int64_t r = 0; r < rows; r++) {
        int64_t at[HONE_MAX_RANK] = {0};
        for (int64_t q = 0; q < positions; q++, hone__next_index(at, count, (int)n)) {
            int64_t tap = r % taps, to = 0, scale = 1;
            bool inside = true;
            for (int d = (int)n - 1; d >= 0; d--) {
                int64_t c = at[d] * (strides ? strides[d] : 1) + tap % block[d] * (dilations ? dilations[d] : 1) -
                            (pads ? pads[d] : 0);
                tap /= block[d];
                inside = inside && c >= 0 && c < image[d];
                to += c * scale;
                scale *= image[d];
            }
            if (inside)
                y[r / taps * plane + to] += v[r * positions + q];
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param depth_to_space_1_in[] = {HONE_PARAM("input", HONE_SET_ALL_V1, 'T')};
static const hone__op_param depth_to_space_1_out[] = {HONE_PARAM("output", HONE_SET_ALL_V1, 'T')};
static const hone__op_attr depth_to_space_1_attrs[] = {{"blocksize", HONE_ATTR_INT, true}};
static const hone__op_attr depth_to_space_11_attrs[] = {{"blocksize", HONE_ATTR_INT, true},
                                                        {"mode", HONE_ATTR_STRING, false}};
static const hone__op_param depth_to_space_13_in[] = {HONE_PARAM("input", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param depth_to_space_13_out[] = {HONE_PARAM("output", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param reverse_sequence_10_in[] = {HONE_PARAM("input", HONE_SET_ALL_V1, 'T'),
                                                        HONE_PARAM("sequence_lens", HONE_SET(INT64), 0)};
static const hone__op_param reverse_sequence_10_out[] = {HONE_PARAM("Y", HONE_SET_ALL_V1, 'T')};
static const hone__op_attr reverse_sequence_10_attrs[] = {{"batch_axis", HONE_ATTR_INT, false},
                                                          {"time_axis", HONE_ATTR_INT, false}};
static const hone__op_param one_hot_9_in[] = {HONE_PARAM("indices", HONE_SET_INT | HONE_SET_IEEE, '1'),
                                              HONE_PARAM("depth", HONE_SET_INT | HONE_SET_IEEE, '2'),
                                              HONE_PARAM("values", HONE_SET_ALL_V1, '3')};
static const hone__op_param one_hot_9_out[] = {HONE_PARAM("output", HONE_SET_ALL_V1, '3')};
static const hone__op_attr one_hot_9_attrs[] = {{"axis", HONE_ATTR_INT, false}};
static const hone__op_param non_zero_9_in[] = {HONE_PARAM("X", HONE_SET_ALL_V1, 'T')};
static const hone__op_param non_zero_9_out[] = {HONE_PARAM("Y", HONE_SET(INT64), 0)};
static const hone__op_param non_zero_13_in[] = {HONE_PARAM("X", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param compress_9_in[] = {HONE_PARAM("input", HONE_SET_ALL_V1, 'T'),
                                               HONE_PARAM("condition", HONE_SET(BOOL), '1')};
static const hone__op_param unique_11_out[] = {
    HONE_PARAM("Y", HONE_SET_ALL_V1, 'T'), HONE_PARAM_OPT("indices", HONE_SET(INT64), 0),
    HONE_PARAM_OPT("inverse_indices", HONE_SET(INT64), 0), HONE_PARAM_OPT("counts", HONE_SET(INT64), 0)};
static const hone__op_attr unique_11_attrs[] = {{"axis", HONE_ATTR_INT, false}, {"sorted", HONE_ATTR_INT, false}};
static const hone__op_param col2_im_18_in[] = {HONE_PARAM("input", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                               HONE_PARAM("image_shape", HONE_SET(INT64), 0),
                                               HONE_PARAM("block_shape", HONE_SET(INT64), 0)};
static const hone__op_attr col2_im_18_attrs[] = {
    {"dilations", HONE_ATTR_INTS, false}, {"pads", HONE_ATTR_INTS, false}, {"strides", HONE_ATTR_INTS, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "DepthToSpace", 1, HONE_OP_PURE, 1, depth_to_space_1_in, 1, depth_to_space_1_out,
             depth_to_space_1_attrs, infer_depth_to_space, eval_depth_to_space, NULL),
    HONE_ROW("", "DepthToSpace", 11, HONE_OP_PURE, 1, depth_to_space_1_in, 1, depth_to_space_1_out,
             depth_to_space_11_attrs, infer_depth_to_space, eval_depth_to_space, NULL),
    HONE_ROW("", "DepthToSpace", 13, HONE_OP_PURE, 1, depth_to_space_13_in, 1, depth_to_space_13_out,
             depth_to_space_11_attrs, infer_depth_to_space, eval_depth_to_space, NULL),
    HONE_ROW("", "SpaceToDepth", 1, HONE_OP_PURE, 1, depth_to_space_1_in, 1, depth_to_space_1_out,
             depth_to_space_1_attrs, infer_space_to_depth, eval_space_to_depth, NULL),
    HONE_ROW("", "SpaceToDepth", 13, HONE_OP_PURE, 1, depth_to_space_13_in, 1, depth_to_space_13_out,
             depth_to_space_1_attrs, infer_space_to_depth, eval_space_to_depth, NULL),
    HONE_ROW("", "ReverseSequence", 10, HONE_OP_PURE, 2, reverse_sequence_10_in, 1, reverse_sequence_10_out,
             reverse_sequence_10_attrs, hone__infer_same0, eval_reverse_sequence, NULL),
    HONE_ROW("", "OneHot", 9, HONE_OP_PURE, 3, one_hot_9_in, 1, one_hot_9_out, one_hot_9_attrs, infer_one_hot,
             eval_one_hot, NULL),
    HONE_ROW("", "OneHot", 11, HONE_OP_PURE, 3, one_hot_9_in, 1, one_hot_9_out, one_hot_9_attrs, infer_one_hot,
             eval_one_hot, NULL),
    HONE_ROW_NO_ATTRS("", "NonZero", 9, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 1, non_zero_9_in, 1, non_zero_9_out,
                      infer_non_zero, eval_non_zero, NULL),
    HONE_ROW_NO_ATTRS("", "NonZero", 13, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 1, non_zero_13_in, 1, non_zero_9_out,
                      infer_non_zero, eval_non_zero, NULL),
    HONE_ROW("", "Compress", 9, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 2, compress_9_in, 1, depth_to_space_1_out,
             one_hot_9_attrs, infer_compress, eval_compress, NULL),
    HONE_ROW("", "Compress", 11, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 2, compress_9_in, 1, depth_to_space_1_out,
             one_hot_9_attrs, infer_compress, eval_compress, NULL),
    HONE_ROW("", "Unique", 11, HONE_OP_PURE | HONE_OP_DATA_SHAPE, 1, non_zero_9_in, 1, unique_11_out, unique_11_attrs,
             infer_unique, eval_unique, NULL),
    HONE_ROW("", "Col2Im", 18, HONE_OP_PURE, 3, col2_im_18_in, 1, depth_to_space_13_out, col2_im_18_attrs,
             infer_col2_im, eval_col2_im, NULL),
};

const hone__op_family hone__ops_space = {"space", g_rows, HONE_COUNT(g_rows)};
