/* hone.ChannelGather: channels picked from several tensors, what a channel shuffle (and Concat, Split and Slice of
 * channels around it) amounts to. Made by passes/pass_fuse_shuffle.c.
 *
 *     Y[n][j][...] = X_source[j] [n][channel[j]][...]
 *
 * All X have the same number of dimensions (two at least) and differ in the second one only. */
#include "ops/op_help.h"

/* The two lists; false when they are not of one length, or name what is not there. dims[i]: channels of X_i, or -1. */
static bool read_picks(const hone__node *node, const int64_t *dims, size_t n_in, const int64_t **source,
                       const int64_t **channel, size_t *n) {
    size_t n_channel;
    *source = hone__node_attr_ints(node, "source", n);
    *channel = hone__node_attr_ints(node, "channel", &n_channel);
    if (!*source || !*channel || *n != n_channel)
        return false;
    for (size_t i = 0; i < *n; i++) {
        const int64_t s = (*source)[i], c = (*channel)[i];
        if (s < 0 || (uint64_t)s >= n_in || c < 0 || (dims[s] >= 0 && c >= dims[s]))
            return false;
    }
    return true;
}

enum { MAX_SOURCES = 64 };

static hone_status infer_channel_gather(hone__infer *ctx) {
    const size_t n_in = ctx->node->n_inputs;
    int64_t dims[MAX_SOURCES];
    const int64_t *source, *channel;
    size_t n;
    if (n_in > MAX_SOURCES)
        return hone__infer_fail(ctx, HONE_ERROR_LIMIT, "more than %d inputs", MAX_SOURCES);
    const hone__type *first = NULL;
    for (size_t i = 0; i < n_in; i++) {
        dims[i] = -1;
        if (!hone__infer_has_rank(ctx, i))
            continue;
        const hone__type *x = hone__infer_input(ctx, i);
        if (x->rank < 2 || (first && first->rank != x->rank))
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "inputs need two dimensions at least, and as many each");
        for (int d = 0; first && d < x->rank; d++)
            if (d != 1 && x->dims[d].value >= 0 && first->dims[d].value >= 0 &&
                x->dims[d].value != first->dims[d].value)
                return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "input %zu differs in dimension %d", i, d);
        dims[i] = x->dims[1].value;
        first = first ? first : x;
    }
    if (!read_picks(ctx->node, dims, n_in, &source, &channel, &n))
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "source and channel name channels that are not there");
    if (!hone__infer_has_rank(ctx, 0))
        return HONE_OK;
    hone__dim out[HONE_MAX_RANK];
    const hone__type *x = hone__infer_input(ctx, 0);
    for (int d = 0; d < x->rank; d++)
        out[d] = x->dims[d];
    out[1] = hone__dim_known((int64_t)n);
    return hone__infer_set(ctx, 0, hone__infer_dtype(ctx, 0), x->rank, out);
}

static hone_status eval_channel_gather(hone__eval *ctx) {
    int64_t channels[MAX_SOURCES], dims[HONE_MAX_RANK] = {0};
    const int64_t *source, *channel;
    const hone_tensor *first;
    hone_tensor *y;
    size_t n;
    if (ctx->n_in > MAX_SOURCES)
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "more than %d inputs", MAX_SOURCES);
    HONE_TRY(hone__eval_tensor(ctx, 0, &first));
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone_tensor *x;
        HONE_TRY(hone__eval_tensor(ctx, i, &x));
        bool fits = x->rank == first->rank && x->rank >= 2;
        for (int d = 0; fits && d < x->rank; d++)
            fits = d == 1 || x->dims[d] == first->dims[d];
        if (!fits)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu does not fit the first", i);
        channels[i] = x->dims[1];
    }
    if (!read_picks(ctx->node, channels, ctx->n_in, &source, &channel, &n))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "source and channel name channels that are not there");
    memcpy(dims, first->dims, sizeof dims);
    dims[1] = (int64_t)n;
    HONE_TRY(hone__eval_output(ctx, 0, first->dtype, first->rank, dims, &y));
    const int64_t plane = hone__dims_product(dims, 2, first->rank);
    for (int64_t image = 0; y && image < dims[0]; image++)
        for (size_t j = 0; j < n; j++) {
            const int64_t from = image * channels[source[j]] + channel[j];
            HONE_TRY(hone__copy_elements(y, (image * dims[1] + (int64_t)j) * plane, ctx->in[source[j]], from * plane,
                                         plane, ctx->error));
        }
    return HONE_OK;
}

static const hone__op_param in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T')};
static const hone__op_param out[] = {HONE_PARAM("Y", HONE_SET_FLOAT, 'T')};
static const hone__op_attr attrs[] = {{"channel", HONE_ATTR_INTS, true}, {"source", HONE_ATTR_INTS, true}};

static const hone__op g_rows[] = {
    HONE_ROW("hone", "ChannelGather", 1, HONE_OP_PURE | HONE_OP_VARIADIC_IN, 1, in, 1, out, attrs, infer_channel_gather,
             eval_channel_gather, NULL),
};

const hone__op_family hone__ops_channel = {"channel", g_rows, HONE_COUNT(g_rows)};
