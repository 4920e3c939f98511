/* Sliding windows of convolutions and pools; see op_window.h. */
#include "ops/op_window.h"

#include "base/checked.h"
#include "base/error.h"

#include <string.h>

/* Sizes beyond this are refused, so that sums and products of two of them fit int64. */
enum { LIMIT = INT32_MAX };

static hone_status read_ints(const hone__node *node, const char *name, size_t n, int64_t fallback, int64_t low,
                             int64_t *out, hone_error *error) {
    size_t count;
    const int64_t *v = hone__node_attr_ints(node, name, &count);
    HONE_FAIL_IF(v && count != n && count != 0, error, HONE_ERROR_SHAPE,
                 "attribute %s has %zu elements, the input needs %zu", name, count, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = v && count ? v[i] : fallback;
        HONE_FAIL_IF(v && count && (v[i] < low || v[i] > LIMIT), error, HONE_ERROR_SHAPE,
                     "attribute %s holds %lld, allowed are %lld..%d", name, (long long)v[i], (long long)low,
                     (int)LIMIT);
    }
    return HONE_OK;
}

hone_status hone__window_read(const hone__node *node, int n_spatial, const int64_t *kernel, hone__window *out,
                              hone_error *error) {
    memset(out, 0, sizeof *out);
    HONE_FAIL_IF(n_spatial < 1 || n_spatial > HONE_WINDOW_MAX, error, HONE_ERROR_UNSUPPORTED,
                 "%d spatial dimensions are not supported, only 1 to %d", n_spatial, (int)HONE_WINDOW_MAX);
    size_t n = (size_t)n_spatial, count;
    out->n = n_spatial;
    out->ceil_mode = hone__node_attr_int(node, "ceil_mode", 0) != 0;
    const char *pad = hone__node_attr_string(node, "auto_pad", "NOTSET");
    static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    int kind = -1;
    for (int i = 0; i < 4; i++)
        if (strcmp(pad, names[i]) == 0)
            kind = i;
    if (pad[0] == 0)
        kind = HONE_PAD_NOTSET;
    HONE_FAIL_IF(kind < 0, error, HONE_ERROR_MODEL, "auto_pad \"%s\" is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER",
                 pad);
    out->auto_pad = (hone__auto_pad)kind;
    const int64_t *shape = hone__node_attr_ints(node, "kernel_shape", &count);
    HONE_FAIL_IF(!kernel && (!shape || count == 0), error, HONE_ERROR_MODEL, "attribute kernel_shape is required");
    HONE_TRY(read_ints(node, "kernel_shape", n, -1, 1, out->kernel, error));
    for (size_t i = 0; kernel && i < n; i++) {
        HONE_FAIL_IF(out->kernel[i] >= 0 && kernel[i] >= 0 && kernel[i] != out->kernel[i], error, HONE_ERROR_SHAPE,
                     "kernel_shape[%zu] is %lld, the weight has %lld", i, (long long)out->kernel[i],
                     (long long)kernel[i]);
        if (out->kernel[i] < 0)
            out->kernel[i] = kernel[i];
        HONE_FAIL_IF(out->kernel[i] == 0 || out->kernel[i] > LIMIT, error, HONE_ERROR_SHAPE, "a kernel size is %lld",
                     (long long)out->kernel[i]);
    }
    HONE_TRY(read_ints(node, "strides", n, 1, 1, out->stride, error));
    HONE_TRY(read_ints(node, "dilations", n, 1, 1, out->dilation, error));
    int64_t pads[2 * HONE_WINDOW_MAX];
    HONE_TRY(read_ints(node, "pads", 2 * n, 0, 0, pads, error));
    for (size_t i = 0; i < n && out->auto_pad == HONE_PAD_NOTSET; i++) {
        out->pad_begin[i] = pads[i];
        out->pad_end[i] = pads[n + i];
    }
    return HONE_OK;
}

hone_status hone__window_output(hone__window *w, int i, int64_t in, int64_t *out, hone_error *error) {
    int64_t s = w->stride[i], extent;
    HONE_FAIL_IF(!hone__mul_i64(w->kernel[i] - 1, w->dilation[i], &extent) || extent > LIMIT || in > INT64_MAX / 4,
                 error, HONE_ERROR_LIMIT, "the window of dimension %d is too large", i);
    extent++;
    if (w->auto_pad == HONE_PAD_SAME_UPPER || w->auto_pad == HONE_PAD_SAME_LOWER) {
        *out = (in + s - 1) / s;
        int64_t total = hone__max_i64((*out - 1) * s + extent - in, 0);
        if (*out == 0)
            total = 0;
        w->pad_begin[i] = w->auto_pad == HONE_PAD_SAME_UPPER ? total / 2 : total - total / 2;
        w->pad_end[i] = total - w->pad_begin[i];
        return HONE_OK;
    }
    int64_t room = in + w->pad_begin[i] + w->pad_end[i] - extent;
    if (room < 0 && in == 0) {
        *out = 0;
        return HONE_OK;
    }
    HONE_FAIL_IF(room < 0, error, HONE_ERROR_SHAPE,
                 "the window (%lld) is larger than the padded input (%lld) in spatial dimension %d", (long long)extent,
                 (long long)(in + w->pad_begin[i] + w->pad_end[i]), i);
    *out = (w->ceil_mode ? (room + s - 1) / s : room / s) + 1;
    /* A window that would start in the end's padding does not count. */
    if (w->ceil_mode && (*out - 1) * s >= in + w->pad_begin[i])
        --*out;
    return HONE_OK;
}

hone_status hone__window_output_dim(hone__window *w, int i, hone__dim in, hone__dim *out, hone_error *error) {
    *out = (hone__dim){-1, NULL};
    if (in.value >= 0 && w->kernel[i] > 0) {
        HONE_TRY(hone__window_output(w, i, in.value, &out->value, error));
        return HONE_OK;
    }
    bool same = w->auto_pad == HONE_PAD_SAME_UPPER || w->auto_pad == HONE_PAD_SAME_LOWER;
    if (!same && w->kernel[i] > 0 && w->kernel[i] <= LIMIT / w->dilation[i])
        same = w->pad_begin[i] + w->pad_end[i] == (w->kernel[i] - 1) * w->dilation[i];
    if (same && w->stride[i] == 1)
        *out = in;
    return HONE_OK;
}

hone_status hone__window_transposed(const hone__node *node, hone__window *w, int i, int64_t in, int64_t *out,
                                    hone_error *error) {
    size_t n_pad, n_shape;
    const int64_t *pad = hone__node_attr_ints(node, "output_padding", &n_pad);
    const int64_t *shape = hone__node_attr_ints(node, "output_shape", &n_shape);
    HONE_FAIL_IF(pad && n_pad && n_pad != (size_t)w->n, error, HONE_ERROR_SHAPE,
                 "output_padding has %zu elements, the input needs %d", n_pad, w->n);
    /* Some exporters write the whole output shape, batch and channels included. */
    HONE_FAIL_IF(shape && n_shape && n_shape != (size_t)w->n && n_shape != (size_t)w->n + 2, error, HONE_ERROR_SHAPE,
                 "output_shape has %zu elements, the input needs %d", n_shape, w->n);
    int64_t extra = pad && n_pad ? pad[i] : 0, extent, full;
    HONE_FAIL_IF(extra < 0 || extra > LIMIT, error, HONE_ERROR_SHAPE, "output_padding holds %lld", (long long)extra);
    HONE_FAIL_IF(!hone__mul_i64(w->kernel[i] - 1, w->dilation[i], &extent) || extent > LIMIT ||
                     !hone__mul_i64(in > 0 ? in - 1 : 0, w->stride[i], &full) || full > INT64_MAX / 4,
                 error, HONE_ERROR_LIMIT, "the output of dimension %d is too large", i);
    full += extent + 1 + extra;
    bool same = w->auto_pad == HONE_PAD_SAME_UPPER || w->auto_pad == HONE_PAD_SAME_LOWER;
    if ((shape && n_shape) || same) {
        int64_t want = shape && n_shape ? shape[n_shape - (size_t)w->n + (size_t)i] : in * w->stride[i];
        HONE_FAIL_IF(want < 0 || want > INT64_MAX / 4, error, HONE_ERROR_SHAPE, "output_shape holds %lld",
                     (long long)want);
        int64_t total = hone__max_i64(full - want, 0);
        w->pad_begin[i] = w->auto_pad == HONE_PAD_SAME_UPPER ? total / 2 : total - total / 2;
        w->pad_end[i] = total - w->pad_begin[i];
        *out = want;
        return HONE_OK;
    }
    *out = in == 0 ? 0 : full - w->pad_begin[i] - w->pad_end[i];
    HONE_FAIL_IF(*out < 0, error, HONE_ERROR_SHAPE, "the pads of spatial dimension %d leave no output", i);
    return HONE_OK;
}

void hone__window_expand_dims(const int64_t *dims, int n, int64_t *out) {
    int skip = HONE_WINDOW_MAX - n;
    for (int i = HONE_WINDOW_MAX - 1; i >= 0; i--)
        out[i] = i >= skip ? dims[i - skip] : 1;
}

static void expand(int64_t *v, int n, int64_t fill) {
    int skip = HONE_WINDOW_MAX - n;
    for (int i = HONE_WINDOW_MAX - 1; i >= 0; i--)
        v[i] = i >= skip ? v[i - skip] : fill;
}

void hone__window_expand(hone__window *w) {
    expand(w->kernel, w->n, 1);
    expand(w->stride, w->n, 1);
    expand(w->dilation, w->n, 1);
    expand(w->pad_begin, w->n, 0);
    expand(w->pad_end, w->n, 0);
    w->n = HONE_WINDOW_MAX;
}
