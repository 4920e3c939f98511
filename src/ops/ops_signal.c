/* Signals: DFT, STFT, window functions, MelWeightMatrix.
 *
 * Source: ONNX operator specification; Cooley and Tukey (1965) for lengths that are powers of two, the
 * definition for the others. A last dimension of 2 holds real and imaginary parts. */
#include "ops/op_help.h"

#include <math.h>

static const double g_tau = 6.28318530717958647692;

/* ---- transform ---- */

typedef struct transform {
    int64_t n;
    double sign, scale; /* -1 forward, 1 inverse (then scale 1/n) */
    double *cos, *sin;  /* [n] of 2 pi k / n */
    double *re, *im;    /* [n] input, in place for powers of two */
    double *out_re, *out_im;
} transform;

static hone_status make_transform(hone__eval *ctx, int64_t n, bool inverse, transform *t) {
    void *p;
    int64_t total;
    if (!hone__mul_i64(n, 6, &total))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the transform is too long");
    HONE_TRY(hone__eval_scratch_n(ctx, total, sizeof(double), &p));
    double *m = p;
    *t = (transform){n,         inverse ? 1 : -1, inverse && n ? 1 / (double)n : 1, m, m + n, m + 2 * n, m + 3 * n,
                     m + 4 * n, m + 5 * n};
    for (int64_t k = 0; k < n; k++) {
        t->cos[k] = cos(g_tau * (double)k / (double)n);
        t->sin[k] = sin(g_tau * (double)k / (double)n);
    }
    return HONE_OK;
}

static void transform_radix2(transform *t) {
    int64_t n = t->n;
    for (int64_t i = 0, j = 0; i < n; i++) {
        t->out_re[j] = t->re[i];
        t->out_im[j] = t->im[i];
        int64_t bit = n >> 1;
        for (; bit && (j & bit); bit >>= 1)
            j ^= bit;
        j |= bit;
    }
    for (int64_t size = 2; size <= n; size *= 2)
        for (int64_t from = 0; from < n; from += size)
            for (int64_t k = 0; k < size / 2; k++) {
                int64_t a = from + k, b = a + size / 2;
                double c = t->cos[k * (n / size)], s = t->sign * t->sin[k * (n / size)];
                double re = t->out_re[b] * c - t->out_im[b] * s, im = t->out_re[b] * s + t->out_im[b] * c;
                t->out_re[b] = t->out_re[a] - re;
                t->out_im[b] = t->out_im[a] - im;
                t->out_re[a] += re;
                t->out_im[a] += im;
            }
}

static void transform_run(transform *t) {
    int64_t n = t->n;
    if (n > 0 && (n & (n - 1)) == 0)
        transform_radix2(t);
    else
        for (int64_t k = 0; k < n; k++) {
            double re = 0, im = 0;
            int64_t at = 0;
            for (int64_t i = 0; i < n; i++) {
                double c = t->cos[at], s = t->sign * t->sin[at];
                re += t->re[i] * c - t->im[i] * s;
                im += t->re[i] * s + t->im[i] * c;
                at += k;
                at = at >= n ? at - n : at;
            }
            t->out_re[k] = re;
            t->out_im[k] = im;
        }
    for (int64_t k = 0; k < n; k++) {
        t->out_re[k] *= t->scale;
        t->out_im[k] *= t->scale;
    }
}

/* ---- DFT ---- */

static hone_status infer_dft(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    hone__dim dims[HONE_MAX_RANK];
    int64_t wanted = hone__node_attr_int(ctx->node, "axis", ctx->node->opset < 20 ? 1 : -2), length;
    size_t n;
    int axis;
    if (x->rank < 2)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "DFT needs an input of rank 2 or more");
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    dims[x->rank - 1] = hone__dim_known(2);
    if (hone__infer_given(ctx, 2) && !(hone__infer_ints(ctx, 2, &wanted, 1, &n) && n == 1))
        return hone__infer_rank(ctx, 0, dtype, x->rank);
    HONE_TRY(hone__infer_axis(ctx, wanted, x->rank, &axis));
    if (hone__infer_given(ctx, 1))
        dims[axis] = hone__infer_ints(ctx, 1, &length, 1, &n) && n == 1 && length >= 0 ? hone__dim_known(length)
                                                                                       : hone__dim_unknown();
    if (hone__node_attr_int(ctx->node, "onesided", 0))
        dims[axis] = dims[axis].value > 0    ? hone__dim_known(dims[axis].value / 2 + 1)
                     : dims[axis].value == 0 ? hone__dim_known(0)
                                             : hone__dim_unknown();
    return hone__infer_set(ctx, 0, dtype, x->rank, dims);
}

static hone_status eval_dft(hone__eval *ctx) {
    const hone_tensor *x;
    const double *v;
    double *y;
    hone_tensor *out;
    transform t;
    int axis;
    int64_t wanted = hone__node_attr_int(ctx->node, "axis", ctx->node->opset < 20 ? 1 : -2), dims[HONE_MAX_RANK];
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (!hone__in_omitted(ctx, 2))
        HONE_TRY(hone__eval_int(ctx, 2, &wanted));
    HONE_TRY(hone__axis(wanted, x->rank, &axis, ctx->error));
    int64_t parts = x->rank ? x->dims[x->rank - 1] : 0, n = x->dims[axis];
    if (axis == x->rank - 1 || (parts != 1 && parts != 2))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the last dimension must be 1 or 2 and is not an axis");
    int64_t length = n;
    if (!hone__in_omitted(ctx, 1))
        HONE_TRY(hone__eval_int(ctx, 1, &length));
    if (length < 0 || length > INT32_MAX)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "dft_length is %lld", (long long)length);
    bool onesided = hone__node_attr_int(ctx->node, "onesided", 0) != 0,
         inverse = hone__node_attr_int(ctx->node, "inverse", 0) != 0;
    int64_t bins = onesided ? length / 2 + 1 : length;
    memcpy(dims, x->dims, sizeof dims);
    dims[axis] = bins = length ? bins : 0;
    dims[x->rank - 1] = 2;
    int64_t outer = hone__dims_product(x->dims, 0, axis), inner = hone__dims_product(x->dims, axis + 1, x->rank - 1);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, x->rank, dims, &out, &y));
    HONE_TRY(make_transform(ctx, length, inverse, &t));
    for (int64_t oi = 0; oi < outer * inner; oi++) {
        int64_t from = oi / inner * n * inner + oi % inner, to = oi / inner * bins * inner + oi % inner;
        for (int64_t i = 0; i < length; i++) {
            t.re[i] = i < n ? v[(from + i * inner) * parts] : 0;
            t.im[i] = i < n && parts == 2 ? v[(from + i * inner) * parts + 1] : 0;
        }
        transform_run(&t);
        for (int64_t k = 0; k < bins; k++) {
            y[(to + k * inner) * 2] = t.out_re[k];
            y[(to + k * inner) * 2 + 1] = t.out_im[k];
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- STFT ---- */

static hone_status infer_stft(hone__infer *ctx) {
    hone__dim u = hone__dim_unknown(), dims[4] = {u, u, u, hone__dim_known(2)};
    int64_t step, length = -1;
    size_t n;
    if (hone__infer_given(ctx, 3) && hone__infer_ints(ctx, 3, &step, 1, &n) && n == 1)
        length = step;
    else if (!hone__infer_given(ctx, 3) && hone__infer_has_rank(ctx, 2) && hone__infer_input(ctx, 2)->rank == 1)
        length = hone__infer_input(ctx, 2)->dims[0].value;
    if (length >= 0)
        dims[2] = hone__dim_known(hone__node_attr_int(ctx->node, "onesided", 1) ? length / 2 + 1 : length);
    if (hone__infer_has_rank(ctx, 0) && hone__infer_input(ctx, 0)->rank >= 2) {
        const hone__type *x = hone__infer_input(ctx, 0);
        dims[0] = x->dims[0];
        if (x->dims[1].value >= 0 && length >= 0 && hone__infer_ints(ctx, 1, &step, 1, &n) && n == 1 && step > 0 &&
            x->dims[1].value >= length)
            dims[1] = hone__dim_known((x->dims[1].value - length) / step + 1);
    }
    return hone__infer_set(ctx, 0, hone__infer_dtype(ctx, 0), 4, dims);
}

static hone_status eval_stft(hone__eval *ctx) {
    const hone_tensor *x, *w = hone__in(ctx, 2);
    const double *v, *window;
    double *y;
    int64_t step, length;
    transform t;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_int(ctx, 1, &step));
    if (hone__in_omitted(ctx, 3) && !w)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "either a window or frame_length is needed");
    length = w ? hone__tensor_count(w) : 0;
    if (!hone__in_omitted(ctx, 3))
        HONE_TRY(hone__eval_int(ctx, 3, &length));
    int64_t parts = x->rank == 3 ? x->dims[2] : 1;
    if ((x->rank != 3 && x->rank != 2) || (parts != 1 && parts != 2) || step < 1 || length < 1 || length > x->dims[1] ||
        (w && hone__tensor_count(w) != length))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "signal, window, frame length and step do not fit together");
    bool onesided = hone__node_attr_int(ctx->node, "onesided", 1) != 0 && parts == 1;
    int64_t n = x->dims[1], frames = (n - length) / step + 1, bins = onesided ? length / 2 + 1 : length;
    int64_t dims[4] = {x->dims[0], frames, bins, 2};
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_double(ctx, 2, &window));
    HONE_TRY(hone__eval_out_double(ctx, 0, x->dtype, 4, dims, &out, &y));
    HONE_TRY(make_transform(ctx, length, false, &t));
    for (int64_t f = 0; f < dims[0] * frames; f++) {
        const double *from = v + (f / frames * n + f % frames * step) * parts;
        for (int64_t i = 0; i < length; i++) {
            double k = window ? window[i] : 1;
            t.re[i] = from[i * parts] * k;
            t.im[i] = parts == 2 ? from[i * 2 + 1] * k : 0;
        }
        transform_run(&t);
        for (int64_t k = 0; k < bins; k++) {
            y[(f * bins + k) * 2] = t.out_re[k];
            y[(f * bins + k) * 2 + 1] = t.out_im[k];
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- windows ---- */

static hone_status read_output_type(const hone__node *node, hone_dtype *dtype, hone_error *error) {
    int64_t v = hone__node_attr_int(node, "output_datatype", HONE_DTYPE_FLOAT);
    HONE_FAIL_IF(v < 1 || v >= HONE_DTYPE_COUNT || !hone__dtype_in((hone_dtype)v, HONE_SET_NUMERIC), error,
                 HONE_ERROR_TYPE, "output_datatype %lld is not a type of numbers", (long long)v);
    *dtype = (hone_dtype)v;
    return HONE_OK;
}

static hone_status infer_window(hone__infer *ctx) {
    hone_dtype dtype = HONE_DTYPE_FLOAT;
    int64_t size;
    size_t n;
    hone__dim dim = hone__dim_unknown();
    HONE_TRY(read_output_type(ctx->node, &dtype, ctx->error));
    if (hone__infer_ints(ctx, 0, &size, 1, &n) && n == 1 && size >= 0)
        dim = hone__dim_known(size);
    return hone__infer_set(ctx, 0, dtype, 1, &dim);
}

/* a0 - a1 cos(2 pi i / N) + a2 cos(4 pi i / N) */
static hone_status eval_window(hone__eval *ctx, double a0, double a1, double a2) {
    hone_dtype dtype = HONE_DTYPE_FLOAT;
    int64_t size;
    hone_tensor *out;
    HONE_TRY(read_output_type(ctx->node, &dtype, ctx->error));
    HONE_TRY(hone__eval_int(ctx, 0, &size));
    HONE_TRY(hone__eval_output(ctx, 0, dtype, 1, &size, &out));
    double period = (double)(hone__node_attr_int(ctx->node, "periodic", 1) ? size : size - 1);
    for (int64_t i = 0; out && i < size; i++) {
        double x = period > 0 ? g_tau * (double)i / period : 0;
        hone__tensor_put_double(out, i, a0 - a1 * cos(x) + a2 * cos(2 * x));
    }
    return HONE_OK;
}
static hone_status eval_hann_window(hone__eval *ctx) { return eval_window(ctx, 0.5, 0.5, 0); }
static hone_status eval_hamming_window(hone__eval *ctx) { return eval_window(ctx, 25.0 / 46, 21.0 / 46, 0); }
static hone_status eval_blackman_window(hone__eval *ctx) { return eval_window(ctx, 0.42, 0.5, 0.08); }

/* ---- MelWeightMatrix ---- */

static hone_status infer_mel_weight_matrix(hone__infer *ctx) {
    hone_dtype dtype = HONE_DTYPE_FLOAT;
    int64_t mels, length;
    size_t n;
    hone__dim dims[2] = {hone__dim_unknown(), hone__dim_unknown()};
    HONE_TRY(read_output_type(ctx->node, &dtype, ctx->error));
    if (hone__infer_ints(ctx, 0, &mels, 1, &n) && n == 1 && mels >= 0)
        dims[1] = hone__dim_known(mels);
    if (hone__infer_ints(ctx, 1, &length, 1, &n) && n == 1 && length >= 0)
        dims[0] = hone__dim_known(length / 2 + 1);
    return hone__infer_set(ctx, 0, dtype, 2, dims);
}

/* Triangles between neighbouring points of an even division of the mel scale. */
static hone_status eval_mel_weight_matrix(hone__eval *ctx) {
    hone_dtype dtype = HONE_DTYPE_FLOAT;
    int64_t mels, length, rate;
    double low, high;
    hone_tensor *out;
    HONE_TRY(read_output_type(ctx->node, &dtype, ctx->error));
    HONE_TRY(hone__eval_int(ctx, 0, &mels));
    HONE_TRY(hone__eval_int(ctx, 1, &length));
    HONE_TRY(hone__eval_int(ctx, 2, &rate));
    HONE_TRY(hone__eval_number(ctx, 3, 0, &low));
    HONE_TRY(hone__eval_number(ctx, 4, 0, &high));
    if (mels < 0 || mels > INT32_MAX || length < 0 || length > INT32_MAX || rate < 1 || !(low >= 0) || !(high >= low))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the sizes, the rate or the edges are out of range");
    int64_t dims[2] = {length / 2 + 1, mels};
    HONE_TRY(hone__eval_output(ctx, 0, dtype, 2, dims, &out));
    double low_mel = 2595 * log10(1 + low / 700), step = (2595 * log10(1 + high / 700) - low_mel) / (double)(mels + 2);
    if (out)
        memset(out->data, 0, out->size);
    for (int64_t m = 0; out && m < mels; m++) {
        int64_t at[3];
        for (int k = 0; k < 3; k++) {
            double hz = 700 * (pow(10, ((double)(m + k) * step + low_mel) / 2595) - 1);
            double bin = floor((double)(length + 1) * hz / (double)rate);
            if (!(bin >= 0 && bin <= (double)dims[0]))
                return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the upper edge lies above half the sample rate");
            at[k] = (int64_t)bin;
        }
        for (int64_t j = at[0]; j <= at[1] && j < dims[0]; j++)
            hone__tensor_put_double(out, j * mels + m,
                                    at[1] == at[0] ? 1 : (double)(j - at[0]) / (double)(at[1] - at[0]));
        for (int64_t j = at[1]; j < at[2] && j < dims[0]; j++)
            hone__tensor_put_double(out, j * mels + m, (double)(at[2] - j) / (double)(at[2] - at[1]));
    }
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param dft_17_in[] = {HONE_PARAM("input", HONE_SET_FLOAT, '1'),
                                           HONE_PARAM_OPT("dft_length", HONE_SET(INT32) | HONE_SET(INT64), '2')};
static const hone__op_param dft_17_out[] = {HONE_PARAM("output", HONE_SET_FLOAT, '1')};
static const hone__op_attr dft_17_attrs[] = {
    {"axis", HONE_ATTR_INT, false}, {"inverse", HONE_ATTR_INT, false}, {"onesided", HONE_ATTR_INT, false}};
static const hone__op_param dft_20_in[] = {HONE_PARAM("input", HONE_SET_FLOAT, '1'),
                                           HONE_PARAM_OPT("dft_length", HONE_SET(INT32) | HONE_SET(INT64), '2'),
                                           HONE_PARAM_OPT("axis", HONE_SET(INT64), 0)};
static const hone__op_attr dft_20_attrs[] = {{"inverse", HONE_ATTR_INT, false}, {"onesided", HONE_ATTR_INT, false}};
static const hone__op_param stft_17_in[] = {HONE_PARAM("signal", HONE_SET_FLOAT, '1'),
                                            HONE_PARAM("frame_step", HONE_SET(INT32) | HONE_SET(INT64), '2'),
                                            HONE_PARAM_OPT("window", HONE_SET_FLOAT, '1'),
                                            HONE_PARAM_OPT("frame_length", HONE_SET(INT32) | HONE_SET(INT64), '2')};
static const hone__op_attr stft_17_attrs[] = {{"onesided", HONE_ATTR_INT, false}};
static const hone__op_param hann_window_17_in[] = {HONE_PARAM("size", HONE_SET(INT32) | HONE_SET(INT64), '1')};
static const hone__op_param hann_window_17_out[] = {HONE_PARAM("output", HONE_SET_NUMERIC, '2')};
static const hone__op_attr hann_window_17_attrs[] = {{"output_datatype", HONE_ATTR_INT, false},
                                                     {"periodic", HONE_ATTR_INT, false}};
static const hone__op_param mel_weight_matrix_17_in[] = {
    HONE_PARAM("num_mel_bins", HONE_SET(INT32) | HONE_SET(INT64), '1'),
    HONE_PARAM("dft_length", HONE_SET(INT32) | HONE_SET(INT64), '1'),
    HONE_PARAM("sample_rate", HONE_SET(INT32) | HONE_SET(INT64), '1'),
    HONE_PARAM("lower_edge_hertz", HONE_SET_FLOAT, '2'), HONE_PARAM("upper_edge_hertz", HONE_SET_FLOAT, '2')};
static const hone__op_param mel_weight_matrix_17_out[] = {HONE_PARAM("output", HONE_SET_NUMERIC, '3')};
static const hone__op_attr mel_weight_matrix_17_attrs[] = {{"output_datatype", HONE_ATTR_INT, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "DFT", 17, HONE_OP_PURE, 1, dft_17_in, 1, dft_17_out, dft_17_attrs, infer_dft, eval_dft, NULL),
    HONE_ROW("", "DFT", 20, HONE_OP_PURE, 1, dft_20_in, 1, dft_17_out, dft_20_attrs, infer_dft, eval_dft, NULL),
    HONE_ROW("", "STFT", 17, HONE_OP_PURE, 2, stft_17_in, 1, dft_17_out, stft_17_attrs, infer_stft, eval_stft, NULL),
    HONE_ROW("", "HannWindow", 17, HONE_OP_PURE, 1, hann_window_17_in, 1, hann_window_17_out, hann_window_17_attrs,
             infer_window, eval_hann_window, NULL),
    HONE_ROW("", "HammingWindow", 17, HONE_OP_PURE, 1, hann_window_17_in, 1, hann_window_17_out, hann_window_17_attrs,
             infer_window, eval_hamming_window, NULL),
    HONE_ROW("", "BlackmanWindow", 17, HONE_OP_PURE, 1, hann_window_17_in, 1, hann_window_17_out, hann_window_17_attrs,
             infer_window, eval_blackman_window, NULL),
    HONE_ROW("", "MelWeightMatrix", 17, HONE_OP_PURE, 5, mel_weight_matrix_17_in, 1, mel_weight_matrix_17_out,
             mel_weight_matrix_17_attrs, infer_mel_weight_matrix, eval_mel_weight_matrix, NULL),
};

const hone__op_family hone__ops_signal = {"signal", g_rows, HONE_COUNT(g_rows)};
