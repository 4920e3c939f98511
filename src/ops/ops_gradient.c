/* What derivatives are made of where the standard has no operator (domain "hone"), and Gradient itself, which is
 * expanded when a model is loaded (op_gradient.h) and never runs.
 *
 * SumTo undoes broadcasting. IndexOf numbers the elements of a tensor from 1 on; moving these numbers about as an
 * operator moves elements tells where each came from, and AddAt adds gradients there (0: nowhere). */
#include "ops/op_elements.h"
#include "ops/op_help.h"
#include "ops/op_window.h"

/* ---- SumTo: g summed over the dimensions in which `like` was broadcast ---- */

static hone_status infer_like(hone__infer *ctx, size_t like) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    const hone__type *t = hone__infer_input(ctx, like);
    if (!dtype)
        return HONE_OK;
    return t ? hone__infer_set(ctx, 0, dtype, t->rank, t->dims) : hone__infer_set_dtype(ctx, 0, dtype);
}
static hone_status infer_like_1(hone__infer *ctx) { return infer_like(ctx, 1); }
static hone_status infer_like_2(hone__infer *ctx) { return infer_like(ctx, 2); }

static hone_status eval_sum_to(hone__eval *ctx) {
    const hone_tensor *g, *like;
    const double *v;
    double *y;
    hone_tensor *out;
    int64_t strides[HONE_MAX_RANK], index[HONE_MAX_RANK] = {0}, dims[HONE_MAX_RANK];
    int rank;
    HONE_TRY(hone__eval_tensor(ctx, 0, &g));
    HONE_TRY(hone__eval_tensor(ctx, 1, &like));
    HONE_TRY(hone__broadcast_dims(g->dims, g->rank, like->dims, like->rank, dims, &rank, ctx->error));
    if (rank != g->rank || (rank && memcmp(dims, g->dims, (size_t)rank * sizeof *dims) != 0))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "a gradient is smaller than what it belongs to");
    hone__broadcast_strides(like, g->dims, rank, strides);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_out_double(ctx, 0, g->dtype, like->rank, like->dims, &out, &y));
    for (int64_t i = 0; i < hone__tensor_count(like); i++)
        y[i] = 0;
    for (int64_t i = 0; i < hone__tensor_count(g); i++) {
        int64_t at = 0;
        for (int d = 0; d < rank; d++)
            at += index[d] * strides[d];
        y[at] += v[i];
        hone__next_index(index, g->dims, rank);
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- IndexOf, AddAt ---- */

static hone_status infer_index_of(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    return x ? hone__infer_set(ctx, 0, HONE_DTYPE_INT64, x->rank, x->dims)
             : hone__infer_set_dtype(ctx, 0, HONE_DTYPE_INT64);
}

static hone_status eval_index_of(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *y;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, x->rank, x->dims, &y));
    for (int64_t i = 0; y && i < hone__tensor_count(y); i++)
        ((int64_t *)y->data)[i] = i + 1;
    return HONE_OK;
}

/* Inputs: gradient, index of as many elements, like. */
static hone_status eval_add_at(hone__eval *ctx) {
    const hone_tensor *g, *index, *like;
    const double *v;
    const int64_t *at;
    double *y;
    hone_tensor *out;
    HONE_TRY(hone__eval_tensor(ctx, 0, &g));
    HONE_TRY(hone__eval_tensor(ctx, 1, &index));
    HONE_TRY(hone__eval_tensor(ctx, 2, &like));
    int64_t count = hone__tensor_count(g), n = hone__tensor_count(like);
    if (hone__tensor_count(index) != count)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "there are %lld places for %lld gradients",
                               (long long)hone__tensor_count(index), (long long)count);
    HONE_TRY(hone__eval_in_double(ctx, 0, &v));
    HONE_TRY(hone__eval_in_i64(ctx, 1, &at));
    HONE_TRY(hone__eval_out_double(ctx, 0, g->dtype, like->rank, like->dims, &out, &y));
    for (int64_t i = 0; i < n; i++)
        y[i] = 0;
    for (int64_t i = 0; i < count; i++) {
        if (at[i] < 0 || at[i] > n)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "place %lld is outside of %lld", (long long)at[i],
                                   (long long)n);
        if (at[i])
            y[at[i] - 1] += v[i];
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- convolutions and average pools ---- */

typedef struct windows {
    int64_t n, c, m, group, in[3], out[3];
    hone__window w;
} windows;

/* x: [N,C,...], y: [N,M,...]; kernel: the weight's sizes, or NULL for a pool. */
static hone_status read_windows(hone__eval *ctx, const hone_tensor *x, const hone_tensor *y, const int64_t *kernel,
                                windows *s) {
    int n = x->rank - 2;
    if (x->rank != y->rank || n < 1 || n > HONE_WINDOW_MAX || x->dims[0] != y->dims[0])
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "a gradient does not fit what it belongs to");
    *s = (windows){.n = x->dims[0], .c = x->dims[1], .m = y->dims[1]};
    s->group = kernel ? hone__node_attr_int(ctx->node, "group", 1) : 1;
    HONE_TRY(hone__window_read(ctx->node, n, kernel, &s->w, ctx->error));
    for (int i = 0; i < n; i++) {
        int64_t size;
        HONE_TRY(hone__window_output(&s->w, i, x->dims[2 + i], &size, ctx->error));
        if (size != y->dims[2 + i])
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "a gradient has size %lld where %lld belongs",
                                   (long long)y->dims[2 + i], (long long)size);
    }
    hone__window_expand_dims(x->dims + 2, n, s->in);
    hone__window_expand_dims(y->dims + 2, n, s->out);
    hone__window_expand(&s->w);
    return HONE_OK;
}

/* Offset of input element (o, k) in its plane, or -1 in the padding. */
static int64_t tap(const windows *s, const int64_t *o, const int64_t *k) {
    int64_t at = 0;
    for (int d = 0; d < 3; d++) {
        int64_t i = o[d] * s->w.stride[d] - s->w.pad_begin[d] + k[d] * s->w.dilation[d];
        if (i < 0 || i >= s->in[d])
            return -1;
        at = at * s->in[d] + i;
    }
    return at;
}

/* Inputs: gradient of Y, W or X, like (X or W): the sum of g * other over every place where both meet. */
static hone_status conv_gradient(hone__eval *ctx, bool of_weight) {
    const hone_tensor *g, *x, *w, *like;
    const double *gv, *other;
    double *y;
    hone_tensor *out;
    windows s;
    HONE_TRY(hone__eval_tensor(ctx, 0, &g));
    HONE_TRY(hone__eval_tensor(ctx, of_weight ? 1 : 2, &x));
    HONE_TRY(hone__eval_tensor(ctx, of_weight ? 2 : 1, &w));
    HONE_TRY(hone__eval_tensor(ctx, 2, &like));
    if (w->rank != x->rank || w->rank < 3)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input and weight must have one rank");
    HONE_TRY(read_windows(ctx, x, g, w->dims + 2, &s));
    if (s.group < 1 || s.m % s.group || s.c % s.group || w->dims[0] != s.m || w->dims[1] != s.c / s.group)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input, weight and group do not fit together");
    HONE_TRY(hone__eval_in_double(ctx, 0, &gv));
    HONE_TRY(hone__eval_in_double(ctx, 1, &other));
    HONE_TRY(hone__eval_out_double(ctx, 0, g->dtype, like->rank, like->dims, &out, &y));
    for (int64_t i = 0; i < hone__tensor_count(like); i++)
        y[i] = 0;
    int64_t cg = s.c / s.group, mg = s.m / s.group, in_plane = hone__dims_product(s.in, 0, 3);
    int64_t out_plane = hone__dims_product(s.out, 0, 3), taps = hone__dims_product(s.w.kernel, 0, 3);
    for (int64_t nm = 0; nm < s.n * s.m; nm++)
        for (int64_t p = 0; p < out_plane; p++)
            for (int64_t t = 0; t < taps; t++) {
                const int64_t o[3] = {p / (s.out[1] * s.out[2]), p / s.out[2] % s.out[1], p % s.out[2]};
                const int64_t *ks = s.w.kernel;
                const int64_t k[3] = {t / (ks[1] * ks[2]), t / ks[2] % ks[1], t % ks[2]};
                int64_t at = tap(&s, o, k), m = nm % s.m;
                double v = gv[nm * out_plane + p];
                for (int64_t c = 0; at >= 0 && c < cg; c++) {
                    int64_t xi = (nm / s.m * s.c + m / mg * cg + c) * in_plane + at, wi = (m * cg + c) * taps + t;
                    y[of_weight ? wi : xi] += v * other[of_weight ? xi : wi];
                }
            }
    hone__eval_put_double(out, y);
    return HONE_OK;
}
static hone_status eval_conv_input(hone__eval *ctx) { return conv_gradient(ctx, false); }
static hone_status eval_conv_weight(hone__eval *ctx) { return conv_gradient(ctx, true); }

/* How many elements an average is taken over: those inside, or with count_include_pad also the padding. */
static int64_t divisor(const windows *s, const int64_t *o, bool with_pads) {
    int64_t n = 1;
    for (int d = 0; d < 3; d++) {
        int64_t inside = 0;
        for (int64_t k = 0; k < s->w.kernel[d]; k++) {
            int64_t i = o[d] * s->w.stride[d] - s->w.pad_begin[d] + k * s->w.dilation[d];
            inside += with_pads ? i < s->in[d] + s->w.pad_end[d] : i >= 0 && i < s->in[d];
        }
        n *= inside;
    }
    return n;
}

/* Inputs: gradient of Y, X. */
static hone_status eval_average_pool(hone__eval *ctx) {
    const hone_tensor *g, *x;
    const double *gv;
    double *y;
    hone_tensor *out;
    windows s;
    HONE_TRY(hone__eval_tensor(ctx, 0, &g));
    HONE_TRY(hone__eval_tensor(ctx, 1, &x));
    HONE_TRY(read_windows(ctx, x, g, NULL, &s));
    bool with_pads = hone__node_attr_int(ctx->node, "count_include_pad", 0) != 0;
    HONE_TRY(hone__eval_in_double(ctx, 0, &gv));
    HONE_TRY(hone__eval_out_double(ctx, 0, g->dtype, x->rank, x->dims, &out, &y));
    for (int64_t i = 0; i < hone__tensor_count(x); i++)
        y[i] = 0;
    int64_t in_plane = hone__dims_product(s.in, 0, 3), out_plane = hone__dims_product(s.out, 0, 3);
    int64_t taps = hone__dims_product(s.w.kernel, 0, 3);
    for (int64_t i = 0; s.m == s.c && i < s.n * s.c * out_plane; i++) {
        int64_t p = i % out_plane;
        const int64_t o[3] = {p / (s.out[1] * s.out[2]), p / s.out[2] % s.out[1], p % s.out[2]}, *ks = s.w.kernel;
        int64_t n = divisor(&s, o, with_pads);
        for (int64_t t = 0; n && t < taps; t++) {
            const int64_t k[3] = {t / (ks[1] * ks[2]), t / ks[2] % ks[1], t % ks[2]};
            int64_t at = tap(&s, o, k);
            if (at >= 0)
                y[i / out_plane * in_plane + at] += gv[i] / (double)n;
        }
    }
    hone__eval_put_double(out, y);
    return HONE_OK;
}

/* ---- Gradient ---- */

/* Output i belongs to the i-th of xs, which is input i. */
static hone_status infer_gradient(hone__infer *ctx) {
    for (size_t i = 0; i < ctx->n_out && i < ctx->n_in; i++)
        if (hone__infer_input(ctx, i))
            HONE_TRY(hone__infer_same(ctx, i, i));
    return HONE_OK;
}

/* ---- rows ---- */

#define FLOATS HONE_SET_FLOAT
#define ANY (HONE_SET_ALL)
static const hone__op_param p_sum[] = {HONE_PARAM("g", FLOATS, 'T'), HONE_PARAM("like", ANY, 0)};
static const hone__op_param p_index[] = {HONE_PARAM("x", ANY, 0)};
static const hone__op_param p_add_at[] = {HONE_PARAM("g", FLOATS, 'T'), HONE_PARAM("index", HONE_SET(INT64), 0),
                                          HONE_PARAM("like", ANY, 0)};
static const hone__op_param p_conv[] = {HONE_PARAM("g", FLOATS, 'T'), HONE_PARAM("other", FLOATS, 'T'),
                                        HONE_PARAM("like", FLOATS, 'T')};
static const hone__op_param p_gradient[] = {HONE_PARAM("Inputs", HONE_SET_ALL, 0)};
static const hone__op_param q_float[] = {HONE_PARAM("y", FLOATS, 'T')};
static const hone__op_param q_index[] = {HONE_PARAM("y", HONE_SET(INT64), 0)};
static const hone__op_param q_gradient[] = {HONE_PARAM("Outputs", FLOATS, 0)};
static const hone__op_attr a_window[] = {{"auto_pad", HONE_ATTR_STRING, false},
                                         {"ceil_mode", HONE_ATTR_INT, false},
                                         {"count_include_pad", HONE_ATTR_INT, false},
                                         {"dilations", HONE_ATTR_INTS, false},
                                         {"group", HONE_ATTR_INT, false},
                                         {"kernel_shape", HONE_ATTR_INTS, false},
                                         {"pads", HONE_ATTR_INTS, false},
                                         {"strides", HONE_ATTR_INTS, false}};
static const hone__op_attr a_gradient[] = {{"hone_refusal", HONE_ATTR_STRING, false}, /* op_gradient.h */
                                           {"xs", HONE_ATTR_STRINGS, true},
                                           {"y", HONE_ATTR_STRING, true},
                                           {"zs", HONE_ATTR_STRINGS, false}};

static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS("hone", "SumTo", 1, HONE_OP_PURE, 2, p_sum, 1, q_float, infer_like_1, eval_sum_to, NULL),
    HONE_ROW_NO_ATTRS("hone", "IndexOf", 1, HONE_OP_PURE, 1, p_index, 1, q_index, infer_index_of, eval_index_of, NULL),
    HONE_ROW_NO_ATTRS("hone", "AddAt", 1, HONE_OP_PURE, 3, p_add_at, 1, q_float, infer_like_2, eval_add_at, NULL),
    HONE_ROW("hone", "ConvInputGradient", 1, HONE_OP_PURE, 3, p_conv, 1, q_float, a_window, infer_like_2,
             eval_conv_input, NULL),
    HONE_ROW("hone", "ConvWeightGradient", 1, HONE_OP_PURE, 3, p_conv, 1, q_float, a_window, infer_like_2,
             eval_conv_weight, NULL),
    HONE_ROW("hone", "AveragePoolGradient", 1, HONE_OP_PURE, 2, p_sum, 1, q_float, a_window, infer_like_1,
             eval_average_pool, NULL),
    HONE_ROW("ai.onnx.preview.training", "Gradient", 1, HONE_OP_NO_EVAL | HONE_OP_VARIADIC_IN | HONE_OP_VARIADIC_OUT, 1,
             p_gradient, 1, q_gradient, a_gradient, infer_gradient, NULL, NULL),
};
const hone__op_family hone__ops_gradient = {"gradient", g_rows, HONE_COUNT(g_rows)};
