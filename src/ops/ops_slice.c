/* Cutting and joining: Concat, Split, Slice, Pad, CenterCropPad.
 *
 * Parameters were attributes at first and became inputs (Slice-10, Pad-11, Split-13).
 *
 * Source: ONNX operator specification. */
#include "ops/op_help.h"

/* ---- Concat ---- */

static hone_status infer_concat(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    int rank = -1, axis;
    for (size_t i = 0; i < ctx->n_in; i++) {
        if (!hone__infer_has_rank(ctx, i))
            return hone__infer_set_dtype(ctx, 0, dtype);
        if (rank >= 0 && hone__infer_input(ctx, i)->rank != rank)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the inputs have ranks %d and %d", rank,
                                    hone__infer_input(ctx, i)->rank);
        rank = hone__infer_input(ctx, i)->rank;
    }
    hone__dim dims[HONE_MAX_RANK];
    HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "axis", 1), rank, &axis));
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone__type *x = hone__infer_input(ctx, i);
        for (int d = 0; d < rank; d++) {
            if (i == 0)
                dims[d] = x->dims[d];
            else if (d != axis)
                HONE_TRY(hone__dim_merge(ctx, dims[d], x->dims[d], &dims[d]));
            else if (dims[d].value < 0 || x->dims[d].value < 0 ||
                     !hone__add_i64(dims[d].value, x->dims[d].value, &dims[d].value))
                dims[d] = dims[d].value == 0 ? x->dims[d] : x->dims[d].value == 0 ? dims[d] : hone__dim_unknown();
        }
    }
    return hone__infer_set(ctx, 0, dtype, rank, dims);
}

static hone_status eval_concat(hone__eval *ctx) {
    const hone_tensor *x, *t;
    hone_tensor *out;
    int axis;
    int64_t dims[HONE_MAX_RANK], at = 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 1), x->rank, &axis, ctx->error));
    memcpy(dims, x->dims, sizeof dims);
    for (size_t i = 1; i < ctx->n_in; i++) {
        HONE_TRY(hone__eval_tensor(ctx, i, &t));
        bool same = t->rank == x->rank && t->dtype == x->dtype;
        for (int d = 0; same && d < x->rank; d++)
            same = d == axis || t->dims[d] == x->dims[d];
        if (!same || !hone__add_i64(dims[axis], t->dims[axis], &dims[axis]))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu does not fit the first one outside axis %d", i,
                                   axis);
    }
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, dims, &out));
    int64_t outer = hone__dims_product(dims, 0, axis), inner = hone__dims_product(dims, axis + 1, x->rank);
    for (size_t i = 0; out && i < ctx->n_in; i++) {
        int64_t run = ctx->in[i]->dims[axis] * inner;
        for (int64_t o = 0; o < outer; o++)
            HONE_TRY(hone__copy_elements(out, o * dims[axis] * inner + at, ctx->in[i], o * run, run, ctx->error));
        at += run;
    }
    return HONE_OK;
}

/* ---- Split ---- */

/* Sizes of the parts. given: [n_given] or NULL. Without them the parts are equal; since 18 the last
 * may be smaller. */
static hone_status split_sizes(const hone__node *node, int64_t dim, const int64_t *given, size_t n_given, size_t parts,
                               int64_t *sizes, hone_error *error) {
    int64_t sum = 0;
    HONE_FAIL_IF(parts == 0, error, HONE_ERROR_MODEL, "Split has no outputs");
    HONE_FAIL_IF(given && n_given != parts, error, HONE_ERROR_SHAPE, "there are %zu sizes for %zu outputs", n_given,
                 parts);
    int64_t n = (int64_t)parts, chunk = (dim + n - 1) / n;
    HONE_FAIL_IF(!given && node->opset < 18 && dim % n, error, HONE_ERROR_SHAPE,
                 "a dimension of %lld cannot be split into %zu equal parts", (long long)dim, parts);
    for (size_t i = 0; i < parts; i++) {
        sizes[i] = given ? given[i] : hone__min_i64(chunk, dim - sum);
        HONE_FAIL_IF(sizes[i] < 0 || !hone__add_i64(sum, sizes[i], &sum), error, HONE_ERROR_SHAPE,
                     "a part of size %lld is impossible", (long long)sizes[i]);
    }
    HONE_FAIL_IF(sum != dim, error, HONE_ERROR_SHAPE, "the parts sum up to %lld, the dimension is %lld", (long long)sum,
                 (long long)dim);
    return HONE_OK;
}

static hone_status infer_split(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0)) {
        for (size_t i = 0; i < ctx->n_out; i++)
            HONE_TRY(hone__infer_set_dtype(ctx, i, dtype));
        return HONE_OK;
    }
    const hone__type *x = hone__infer_input(ctx, 0);
    int axis;
    size_t n = 0;
    HONE_TRY(hone__infer_axis(ctx, hone__node_attr_int(ctx->node, "axis", 0), x->rank, &axis));
    int64_t *sizes = hone__arena_calloc(ctx->arena, 2 * ctx->n_out + 1, sizeof *sizes);
    if (!sizes)
        return hone__fail_memory(ctx->error, "the sizes of a split");
    const int64_t *given = hone__node_attr_ints(ctx->node, "split", &n);
    bool is_known = true;
    if (hone__infer_given(ctx, 1)) {
        is_known = hone__infer_ints(ctx, 1, sizes + ctx->n_out, ctx->n_out, &n);
        given = sizes + ctx->n_out;
    }
    if (is_known && x->dims[axis].value >= 0)
        HONE_TRY(split_sizes(ctx->node, x->dims[axis].value, given, n, ctx->n_out, sizes, ctx->error));
    for (size_t i = 0; i < ctx->n_out; i++) {
        hone__dim dims[HONE_MAX_RANK];
        for (int d = 0; d < x->rank; d++)
            dims[d] = x->dims[d];
        dims[axis] = hone__dim_unknown();
        if (is_known && x->dims[axis].value >= 0)
            dims[axis] = hone__dim_known(sizes[i]);
        else if (is_known && given && i < n && given[i] >= 0)
            dims[axis] = hone__dim_known(given[i]);
        HONE_TRY(hone__infer_set(ctx, i, dtype, x->rank, dims));
    }
    return HONE_OK;
}

static hone_status eval_split(hone__eval *ctx) {
    const hone_tensor *x;
    int axis;
    size_t n = 0;
    void *scratch;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 0), x->rank, &axis, ctx->error));
    HONE_TRY(hone__eval_scratch_n(ctx, 2 * (int64_t)ctx->n_out, sizeof(int64_t), &scratch));
    int64_t *sizes = scratch, *input = sizes + ctx->n_out;
    const int64_t *given = hone__node_attr_ints(ctx->node, "split", &n);
    if (!hone__in_omitted(ctx, 1)) {
        HONE_TRY(hone__eval_ints(ctx, 1, input, ctx->n_out, &n));
        given = input;
    }
    HONE_TRY(split_sizes(ctx->node, x->dims[axis], given, n, ctx->n_out, sizes, ctx->error));
    int64_t outer = hone__dims_product(x->dims, 0, axis), inner = hone__dims_product(x->dims, axis + 1, x->rank);
    int64_t dims[HONE_MAX_RANK], at = 0;
    memcpy(dims, x->dims, sizeof dims);
    for (size_t i = 0; i < ctx->n_out; i++) {
        hone_tensor *out;
        dims[axis] = sizes[i];
        HONE_TRY(hone__eval_output(ctx, i, x->dtype, x->rank, dims, &out));
        for (int64_t o = 0; out && o < outer; o++)
            HONE_TRY(hone__copy_elements(out, o * sizes[i] * inner, x, o * x->dims[axis] * inner + at, sizes[i] * inner,
                                         ctx->error));
        at += sizes[i] * inner;
    }
    return HONE_OK;
}

/* ---- Slice ---- */

/* First element, step and number of elements of one dimension; start, end and step are clamped as
 * numpy does. */
static hone_status slice_range(int64_t dim, int64_t start, int64_t end, int64_t step, int64_t *first, int64_t *count,
                               int64_t *stride, hone_error *error) {
    HONE_FAIL_IF(step == 0, error, HONE_ERROR_SHAPE, "a step of 0 is impossible");
    step = hone__max_i64(hone__min_i64(step, INT64_MAX / 4), -(INT64_MAX / 4));
    start = start < 0 ? start + dim : start;
    end = end < 0 ? end + dim : end;
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? dim : dim - 1;
    start = hone__max_i64(step > 0 ? 0 : hone__min_i64(0, high), hone__min_i64(start, high));
    end = hone__max_i64(low, hone__min_i64(end, high));
    int64_t span = step > 0 ? end - start : start - end, by = step > 0 ? step : -step;
    *first = start;
    *stride = step;
    *count = span > 0 && dim > 0 ? (span - 1) / by + 1 : 0;
    return HONE_OK;
}

typedef struct slicing {
    size_t n_starts, n_ends, n_axes, n_steps;
    int64_t starts[HONE_MAX_RANK], ends[HONE_MAX_RANK], axes[HONE_MAX_RANK], steps[HONE_MAX_RANK];
} slicing;

static hone_status slicing_from_attrs(const hone__node *node, slicing *s, hone_error *error) {
    static const char *const names[] = {"starts", "ends", "axes"};
    int64_t *const to[] = {s->starts, s->ends, s->axes};
    size_t *const counts[] = {&s->n_starts, &s->n_ends, &s->n_axes};
    for (int i = 0; i < 3; i++) {
        const int64_t *v = hone__node_attr_ints(node, names[i], counts[i]);
        HONE_FAIL_IF(*counts[i] > HONE_MAX_RANK, error, HONE_ERROR_SHAPE, "attribute %s is too long", names[i]);
        if (v)
            memcpy(to[i], v, *counts[i] * sizeof *v);
    }
    return HONE_OK;
}

/* Fills in defaults, makes axes positive. */
static hone_status slicing_check(slicing *s, int rank, hone_error *error) {
    HONE_FAIL_IF(s->n_starts != s->n_ends || (s->n_axes && s->n_axes != s->n_starts) ||
                     (s->n_steps && s->n_steps != s->n_starts),
                 error, HONE_ERROR_SHAPE, "starts, ends, axes and steps differ in length");
    for (size_t i = 0; i < s->n_starts; i++) {
        int axis;
        HONE_TRY(hone__axis(s->n_axes ? s->axes[i] : (int64_t)i, rank, &axis, error));
        s->axes[i] = axis;
        if (!s->n_steps)
            s->steps[i] = 1;
        for (size_t k = 0; k < i; k++)
            HONE_FAIL_IF(s->axes[k] == axis, error, HONE_ERROR_SHAPE, "axis %d is sliced twice", axis);
    }
    return HONE_OK;
}

static hone_status infer_slice(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    slicing s = {0};
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    if (ctx->node->opset < 10)
        HONE_TRY(slicing_from_attrs(ctx->node, &s, ctx->error));
    else if (!hone__infer_ints(ctx, 1, s.starts, HONE_MAX_RANK, &s.n_starts) ||
             !hone__infer_ints(ctx, 2, s.ends, HONE_MAX_RANK, &s.n_ends) ||
             (hone__infer_given(ctx, 3) && !hone__infer_ints(ctx, 3, s.axes, HONE_MAX_RANK, &s.n_axes)) ||
             (hone__infer_given(ctx, 4) && !hone__infer_ints(ctx, 4, s.steps, HONE_MAX_RANK, &s.n_steps))) {
        /* Axes alone tell which dims stay. */
        hone__dim dims[HONE_MAX_RANK];
        bool axes = hone__infer_given(ctx, 3) && hone__infer_ints(ctx, 3, s.axes, HONE_MAX_RANK, &s.n_axes);
        for (int d = 0; d < x->rank; d++)
            dims[d] = axes ? x->dims[d] : hone__dim_unknown();
        for (size_t i = 0; axes && i < s.n_axes; i++) {
            int axis;
            HONE_TRY(hone__infer_axis(ctx, s.axes[i], x->rank, &axis));
            dims[axis] = hone__dim_unknown();
        }
        return hone__infer_set(ctx, 0, dtype, x->rank, dims);
    }
    HONE_TRY(slicing_check(&s, x->rank, ctx->error));
    hone__dim dims[HONE_MAX_RANK];
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    for (size_t i = 0; i < s.n_starts; i++) {
        int64_t first, count, step;
        hone__dim *d = &dims[s.axes[i]];
        if (d->value >= 0) {
            HONE_TRY(slice_range(d->value, s.starts[i], s.ends[i], s.steps[i], &first, &count, &step, ctx->error));
            *d = hone__dim_known(count);
        } else if (!(s.starts[i] == 0 && s.ends[i] >= INT32_MAX && s.steps[i] == 1) &&
                   !(s.starts[i] == -1 && s.ends[i] <= INT32_MIN && s.steps[i] == -1))
            *d = hone__dim_unknown();
    }
    return hone__infer_set(ctx, 0, dtype, x->rank, dims);
}

static hone_status eval_slice(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor *out;
    slicing s = {0};
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    if (ctx->node->opset < 10)
        HONE_TRY(slicing_from_attrs(ctx->node, &s, ctx->error));
    else {
        HONE_TRY(hone__eval_ints(ctx, 1, s.starts, HONE_MAX_RANK, &s.n_starts));
        HONE_TRY(hone__eval_ints(ctx, 2, s.ends, HONE_MAX_RANK, &s.n_ends));
        HONE_TRY(hone__eval_ints(ctx, 3, s.axes, HONE_MAX_RANK, &s.n_axes));
        HONE_TRY(hone__eval_ints(ctx, 4, s.steps, HONE_MAX_RANK, &s.n_steps));
    }
    HONE_TRY(slicing_check(&s, x->rank, ctx->error));
    int64_t dims[HONE_MAX_RANK], stride[HONE_MAX_RANK], index[HONE_MAX_RANK] = {0}, base = 0, first, step;
    memcpy(dims, x->dims, sizeof dims);
    hone__row_major_strides(x->dims, x->rank, stride);
    for (size_t i = 0; i < s.n_starts; i++) {
        int64_t d = s.axes[i];
        HONE_TRY(slice_range(x->dims[d], s.starts[i], s.ends[i], s.steps[i], &first, &dims[d], &step, ctx->error));
        if (dims[d] > 0)
            base += first * stride[d];
        stride[d] = dims[d] > 1 ? stride[d] * step : stride[d];
    }
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, dims, &out));
    if (!out)
        return HONE_OK;
    int last = x->rank - 1;
    int64_t count = hone__tensor_count(out), run = x->rank && stride[last] == 1 ? dims[last] : 1;
    int outer = run > 1 ? last : x->rank;
    for (int64_t i = 0; i < count; i += run, hone__next_index(index, dims, outer)) {
        int64_t from = base;
        for (int d = 0; d < outer; d++)
            from += index[d] * stride[d];
        HONE_TRY(hone__copy_elements(out, i, x, from, run, ctx->error));
    }
    return HONE_OK;
}

/* ---- Pad ---- */

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP } pad_mode;

static hone_status read_pad_mode(const hone__node *node, pad_mode *mode, hone_error *error) {
    static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
    const char *text = hone__node_attr_string(node, "mode", "constant");
    int n = node->op && node->op->since < 19 ? 3 : 4; /* wrap came with version 19 */
    for (int i = 0; i < n; i++)
        if (strcmp(text, names[i]) == 0) {
            *mode = (pad_mode)i;
            return HONE_OK;
        }
    return hone__fail(error, HONE_ERROR_MODEL, "mode \"%s\" is none of constant, reflect, edge%s", text,
                      n > 3 ? ", wrap" : "; wrap exists since opset 19");
}

/* Spreads n_pads numbers (begins, then ends) over the axes given, or all. */
static hone_status spread_pads(const int64_t *pads, size_t n_pads, const int64_t *axes, size_t n_axes, bool has_axes,
                               int rank, int64_t *begin, int64_t *end, hone_error *error) {
    size_t n = has_axes ? n_axes : (size_t)rank;
    HONE_FAIL_IF(n_pads != 2 * n, error, HONE_ERROR_SHAPE, "there are %zu pads, %zu are needed", n_pads, 2 * n);
    for (int d = 0; d < rank; d++)
        begin[d] = end[d] = 0;
    for (size_t i = 0; i < n; i++) {
        int axis;
        HONE_TRY(hone__axis(has_axes ? axes[i] : (int64_t)i, rank, &axis, error));
        begin[axis] = pads[i];
        end[axis] = pads[n + i];
    }
    return HONE_OK;
}

static hone_status infer_pad(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    int64_t v[2 * HONE_MAX_RANK], axes[HONE_MAX_RANK], begin[HONE_MAX_RANK], end[HONE_MAX_RANK];
    size_t n, n_axes = 0;
    const int64_t *pads = hone__node_attr_ints(ctx->node, ctx->node->opset < 2 ? "paddings" : "pads", &n);
    if (ctx->node->opset >= 11) {
        if (!hone__infer_ints(ctx, 1, v, 2 * HONE_MAX_RANK, &n) ||
            (hone__infer_given(ctx, 3) && !hone__infer_ints(ctx, 3, axes, HONE_MAX_RANK, &n_axes)))
            return hone__infer_rank(ctx, 0, dtype, x->rank);
        pads = v;
    }
    hone__dim dims[HONE_MAX_RANK];
    HONE_TRY(spread_pads(pads, n, axes, n_axes, ctx->node->opset >= 11 && hone__infer_given(ctx, 3), x->rank, begin,
                         end, ctx->error));
    for (int d = 0; d < x->rank; d++) {
        dims[d] = x->dims[d];
        if (begin[d] == 0 && end[d] == 0)
            continue;
        dims[d] = hone__dim_unknown();
        if (x->dims[d].value < 0)
            continue;
        if (!hone__add_i64(x->dims[d].value, begin[d], &dims[d].value) ||
            !hone__add_i64(dims[d].value, end[d], &dims[d].value) || dims[d].value < 0)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the pads of dimension %d leave a negative size", d);
    }
    return hone__infer_set(ctx, 0, dtype, x->rank, dims);
}

/* Where output position o comes from, or -1: the constant. n elements remain after cropping. */
static int64_t pad_source(pad_mode mode, int64_t o, int64_t n) {
    if (o >= 0 && o < n)
        return o;
    switch (mode) {
    case PAD_EDGE:
        return o < 0 ? 0 : n - 1;
    case PAD_WRAP:
        return ((o % n) + n) % n;
    case PAD_REFLECT: {
        int64_t period = 2 * (n - 1);
        if (period == 0)
            return 0;
        o = ((o % period) + period) % period;
        return o < n ? o : period - o;
    }
    default:
        return -1;
    }
}

/* map[d][o]: the input index of dimension d that output index o shows. */
static hone_status pad_run(hone__eval *ctx, const hone_tensor *x, pad_mode mode, const int64_t *begin,
                           const int64_t *end, const hone_tensor *fill) {
    int64_t dims[HONE_MAX_RANK], stride[HONE_MAX_RANK], index[HONE_MAX_RANK] = {0};
    int64_t *map[HONE_MAX_RANK];
    hone_tensor *out;
    for (int d = 0; d < x->rank; d++)
        if (!hone__add_i64(x->dims[d], begin[d], &dims[d]) || !hone__add_i64(dims[d], end[d], &dims[d]) || dims[d] < 0)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the pads of dimension %d leave a negative size", d);
    HONE_TRY(hone__eval_output(ctx, 0, x->dtype, x->rank, dims, &out));
    if (!out || hone__tensor_count(out) == 0)
        return HONE_OK;
    hone__row_major_strides(x->dims, x->rank, stride);
    for (int d = 0; d < x->rank; d++) {
        int64_t crop = begin[d] < 0 ? -begin[d] : 0, n = x->dims[d] - crop - (end[d] < 0 ? -end[d] : 0);
        if (mode != PAD_CONSTANT && n <= 0)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "dimension %d has no elements to repeat", d);
        void *p;
        HONE_TRY(hone__eval_scratch_n(ctx, dims[d], sizeof(int64_t), &p));
        map[d] = p;
        for (int64_t o = 0; o < dims[d]; o++) {
            int64_t from = pad_source(mode, o - (begin[d] > 0 ? begin[d] : 0), n);
            map[d][o] = from < 0 ? -1 : from + crop;
        }
    }
    int64_t count = hone__tensor_count(out);
    for (int64_t i = 0; i < count; i++, hone__next_index(index, dims, x->rank)) {
        int64_t from = 0;
        for (int d = 0; d < x->rank && from >= 0; d++)
            from = map[d][index[d]] < 0 ? -1 : from + map[d][index[d]] * stride[d];
        if (from >= 0)
            HONE_TRY(hone__copy_elements(out, i, x, from, 1, ctx->error));
        else if (fill)
            HONE_TRY(hone__copy_elements(out, i, fill, 0, 1, ctx->error));
    }
    return HONE_OK;
}

/* Memory of an output may hold anything, so that an absent constant is a zero of the type. */
static hone_status zero_of(hone__eval *ctx, hone_dtype dtype, hone_tensor *view) {
    void *zero;
    HONE_TRY(hone__eval_scratch(ctx, 64, &zero));
    hone__tensor_view(view, dtype, 0, NULL, zero, 64);
    return HONE_OK;
}

static hone_status eval_pad(hone__eval *ctx) {
    const hone_tensor *x, *fill = NULL;
    hone_tensor value;
    pad_mode mode = PAD_CONSTANT;
    int64_t v[2 * HONE_MAX_RANK], axes[HONE_MAX_RANK], begin[HONE_MAX_RANK], end[HONE_MAX_RANK];
    size_t n, n_axes = 0;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(read_pad_mode(ctx->node, &mode, ctx->error));
    HONE_TRY(zero_of(ctx, x->dtype, &value));
    const int64_t *pads = hone__node_attr_ints(ctx->node, ctx->node->opset < 2 ? "paddings" : "pads", &n);
    if (ctx->node->opset >= 11) {
        HONE_TRY(hone__eval_ints(ctx, 1, v, 2 * HONE_MAX_RANK, &n));
        HONE_TRY(hone__eval_ints(ctx, 3, axes, HONE_MAX_RANK, &n_axes));
        pads = v;
        fill = hone__in(ctx, 2);
        if (fill && (fill->dtype != x->dtype || hone__tensor_count(fill) < 1))
            return hone__eval_fail(ctx, HONE_ERROR_TYPE, "the constant must be one element of the input's type");
    } else
        hone__tensor_put_double(&value, 0, hone__node_attr_float(ctx->node, "value", 0));
    HONE_TRY(spread_pads(pads, n, axes, n_axes, ctx->node->opset >= 11 && !hone__in_omitted(ctx, 3), x->rank, begin,
                         end, ctx->error));
    return pad_run(ctx, x, mode, begin, end, fill ? fill : &value);
}

/* ---- CenterCropPad ---- */

static hone_status infer_center_crop_pad(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    if (!hone__infer_has_rank(ctx, 0))
        return hone__infer_set_dtype(ctx, 0, dtype);
    const hone__type *x = hone__infer_input(ctx, 0);
    int64_t want[HONE_MAX_RANK];
    size_t n, n_axes;
    hone__dim dims[HONE_MAX_RANK];
    const int64_t *axes = hone__node_attr_ints(ctx->node, "axes", &n_axes);
    if (!hone__infer_ints(ctx, 1, want, HONE_MAX_RANK, &n))
        return hone__infer_rank(ctx, 0, dtype, x->rank);
    for (int d = 0; d < x->rank; d++)
        dims[d] = x->dims[d];
    if (n != (axes ? n_axes : (size_t)x->rank))
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "shape has %zu elements for %zu axes", n,
                                axes ? n_axes : (size_t)x->rank);
    for (size_t i = 0; i < n; i++) {
        int axis;
        HONE_TRY(hone__infer_axis(ctx, axes ? axes[i] : (int64_t)i, x->rank, &axis));
        dims[axis] = hone__dim_known(want[i]);
    }
    return hone__infer_set(ctx, 0, dtype, x->rank, dims);
}

/* Cropping is padding by negative amounts; the odd element goes to the end. */
static hone_status eval_center_crop_pad(hone__eval *ctx) {
    const hone_tensor *x;
    hone_tensor value;
    int64_t want[HONE_MAX_RANK], begin[HONE_MAX_RANK] = {0}, end[HONE_MAX_RANK] = {0};
    size_t n, n_axes;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_ints(ctx, 1, want, HONE_MAX_RANK, &n));
    const int64_t *axes = hone__node_attr_ints(ctx->node, "axes", &n_axes);
    if (n != (axes ? n_axes : (size_t)x->rank))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "shape has %zu elements for %zu axes", n,
                               axes ? n_axes : (size_t)x->rank);
    for (size_t i = 0; i < n; i++) {
        int axis;
        HONE_TRY(hone__axis(axes ? axes[i] : (int64_t)i, x->rank, &axis, ctx->error));
        if (want[i] < 0)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "shape holds %lld", (long long)want[i]);
        int64_t diff = want[i] - x->dims[axis], half = (diff < 0 ? -diff : diff) / 2;
        begin[axis] = diff < 0 ? -half : half;
        end[axis] = diff - begin[axis];
    }
    HONE_TRY(zero_of(ctx, x->dtype, &value));
    return pad_run(ctx, x, PAD_CONSTANT, begin, end, &value);
}

/* ---- rows ---- */
static const hone__op_param concat_1_in[] = {HONE_PARAM("inputs", HONE_SET_IEEE, 'T')};
static const hone__op_param concat_1_out[] = {HONE_PARAM("concat_result", HONE_SET_IEEE, 'T')};
static const hone__op_attr concat_1_attrs[] = {{"axis", HONE_ATTR_INT, false}};
static const hone__op_param concat_4_in[] = {HONE_PARAM("inputs", HONE_SET_ALL_V1, 'T')};
static const hone__op_param concat_4_out[] = {HONE_PARAM("concat_result", HONE_SET_ALL_V1, 'T')};
static const hone__op_attr concat_4_attrs[] = {{"axis", HONE_ATTR_INT, true}};
static const hone__op_param concat_13_in[] = {HONE_PARAM("inputs", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param concat_13_out[] = {HONE_PARAM("concat_result", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param split_1_in[] = {HONE_PARAM("input", HONE_SET_IEEE, 'T'),
                                            HONE_PARAM_OPT("split", HONE_SET_IEEE, 'T')};
static const hone__op_param split_1_out[] = {HONE_PARAM("outputs...", HONE_SET_IEEE, 'T')};
static const hone__op_attr split_1_attrs[] = {{"axis", HONE_ATTR_INT, false}, {"split", HONE_ATTR_INTS, false}};
static const hone__op_param split_2_in[] = {HONE_PARAM("input", HONE_SET_ALL_V1, 'T')};
static const hone__op_param split_2_out[] = {HONE_PARAM("outputs", HONE_SET_ALL_V1, 'T')};
static const hone__op_param split_13_in[] = {HONE_PARAM("input", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                             HONE_PARAM_OPT("split", HONE_SET(INT64), 0)};
static const hone__op_param split_13_out[] = {HONE_PARAM("outputs", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr split_18_attrs[] = {{"axis", HONE_ATTR_INT, false}, {"num_outputs", HONE_ATTR_INT, false}};
static const hone__op_param slice_1_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1, 'T')};
static const hone__op_param slice_1_out[] = {HONE_PARAM("output", HONE_SET_ALL_V1, 'T')};
static const hone__op_attr slice_1_attrs[] = {
    {"axes", HONE_ATTR_INTS, false}, {"ends", HONE_ATTR_INTS, true}, {"starts", HONE_ATTR_INTS, true}};
static const hone__op_param slice_10_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1, 'T'),
                                             HONE_PARAM("starts", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
                                             HONE_PARAM("ends", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
                                             HONE_PARAM_OPT("axes", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
                                             HONE_PARAM_OPT("steps", HONE_SET(INT32) | HONE_SET(INT64), 'I')};
static const hone__op_param slice_13_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                             HONE_PARAM("starts", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
                                             HONE_PARAM("ends", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
                                             HONE_PARAM_OPT("axes", HONE_SET(INT32) | HONE_SET(INT64), 'I'),
                                             HONE_PARAM_OPT("steps", HONE_SET(INT32) | HONE_SET(INT64), 'I')};
static const hone__op_param slice_13_out[] = {HONE_PARAM("output", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param pad_1_in[] = {HONE_PARAM("data", HONE_SET_IEEE, 'T')};
static const hone__op_param pad_1_out[] = {HONE_PARAM("output", HONE_SET_IEEE, 'T')};
static const hone__op_attr pad_1_attrs[] = {
    {"mode", HONE_ATTR_STRING, false}, {"paddings", HONE_ATTR_INTS, true}, {"value", HONE_ATTR_FLOAT, false}};
static const hone__op_attr pad_2_attrs[] = {
    {"mode", HONE_ATTR_STRING, false}, {"pads", HONE_ATTR_INTS, true}, {"value", HONE_ATTR_FLOAT, false}};
static const hone__op_param pad_11_in[] = {HONE_PARAM("data", HONE_SET_INT | HONE_SET_IEEE, 'T'),
                                           HONE_PARAM("pads", HONE_SET(INT64), 0),
                                           HONE_PARAM_OPT("constant_value", HONE_SET_INT | HONE_SET_IEEE, 'T')};
static const hone__op_param pad_11_out[] = {HONE_PARAM("output", HONE_SET_INT | HONE_SET_IEEE, 'T')};
static const hone__op_attr pad_11_attrs[] = {{"mode", HONE_ATTR_STRING, false}};
static const hone__op_param pad_13_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                           HONE_PARAM("pads", HONE_SET(INT64), 0),
                                           HONE_PARAM_OPT("constant_value", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param pad_18_in[] = {HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                           HONE_PARAM("pads", HONE_SET(INT64), 0),
                                           HONE_PARAM_OPT("constant_value", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
                                           HONE_PARAM_OPT("axes", HONE_SET(INT32) | HONE_SET(INT64), 'I')};
static const hone__op_param pad_21_in[] = {
    HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("pads", HONE_SET(INT64), 0),
    HONE_PARAM_OPT("constant_value", HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM_OPT("axes", HONE_SET(INT32) | HONE_SET(INT64), 'I')};
static const hone__op_param pad_21_out[] = {
    HONE_PARAM("output", HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_param pad_23_in[] = {
    HONE_PARAM("data", HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16) | HONE_SET(FLOAT4E2M1),
               'T'),
    HONE_PARAM("pads", HONE_SET(INT64), 0),
    HONE_PARAM_OPT("constant_value",
                   HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16) | HONE_SET(FLOAT4E2M1), 'T'),
    HONE_PARAM_OPT("axes", HONE_SET(INT32) | HONE_SET(INT64), 'I')};
static const hone__op_param pad_23_out[] = {HONE_PARAM(
    "output", HONE_SET_ALL_V1 | HONE_SET_FLOAT8 | HONE_SET_INT4 | HONE_SET(BFLOAT16) | HONE_SET(FLOAT4E2M1), 'T')};
static const hone__op_param center_crop_pad_18_in[] = {
    HONE_PARAM("input_data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T'),
    HONE_PARAM("shape", HONE_SET(INT32) | HONE_SET(INT64), 'I')};
static const hone__op_param center_crop_pad_18_out[] = {
    HONE_PARAM("output_data", HONE_SET_ALL_V1 | HONE_SET(BFLOAT16), 'T')};
static const hone__op_attr center_crop_pad_18_attrs[] = {{"axes", HONE_ATTR_INTS, false}};

static const hone__op g_rows[] = {
    HONE_ROW("", "Concat", 1, HONE_OP_PURE | HONE_OP_VARIADIC_IN, 1, concat_1_in, 1, concat_1_out, concat_1_attrs,
             infer_concat, eval_concat, NULL),
    HONE_ROW("", "Concat", 4, HONE_OP_PURE | HONE_OP_VARIADIC_IN, 1, concat_4_in, 1, concat_4_out, concat_4_attrs,
             infer_concat, eval_concat, NULL),
    HONE_ROW("", "Concat", 11, HONE_OP_PURE | HONE_OP_VARIADIC_IN, 1, concat_4_in, 1, concat_4_out, concat_4_attrs,
             infer_concat, eval_concat, NULL),
    HONE_ROW("", "Concat", 13, HONE_OP_PURE | HONE_OP_VARIADIC_IN, 1, concat_13_in, 1, concat_13_out, concat_4_attrs,
             infer_concat, eval_concat, NULL),
    HONE_ROW("", "Split", 1, HONE_OP_PURE | HONE_OP_VARIADIC_OUT, 1, split_1_in, 1, split_1_out, split_1_attrs,
             infer_split, eval_split, NULL),
    HONE_ROW("", "Split", 2, HONE_OP_PURE | HONE_OP_VARIADIC_OUT, 1, split_2_in, 1, split_2_out, split_1_attrs,
             infer_split, eval_split, NULL),
    HONE_ROW("", "Split", 11, HONE_OP_PURE | HONE_OP_VARIADIC_OUT, 1, split_2_in, 1, split_2_out, split_1_attrs,
             infer_split, eval_split, NULL),
    HONE_ROW("", "Split", 13, HONE_OP_PURE | HONE_OP_VARIADIC_OUT, 1, split_13_in, 1, split_13_out, concat_1_attrs,
             infer_split, eval_split, NULL),
    HONE_ROW("", "Split", 18, HONE_OP_PURE | HONE_OP_VARIADIC_OUT, 1, split_13_in, 1, split_13_out, split_18_attrs,
             infer_split, eval_split, NULL),
    HONE_ROW("", "Slice", 1, HONE_OP_PURE, 1, slice_1_in, 1, slice_1_out, slice_1_attrs, infer_slice, eval_slice, NULL),
    HONE_ROW_NO_ATTRS("", "Slice", 10, HONE_OP_PURE, 3, slice_10_in, 1, slice_1_out, infer_slice, eval_slice, NULL),
    HONE_ROW_NO_ATTRS("", "Slice", 11, HONE_OP_PURE, 3, slice_10_in, 1, slice_1_out, infer_slice, eval_slice, NULL),
    HONE_ROW_NO_ATTRS("", "Slice", 13, HONE_OP_PURE, 3, slice_13_in, 1, slice_13_out, infer_slice, eval_slice, NULL),
    HONE_ROW("", "Pad", 1, HONE_OP_PURE, 1, pad_1_in, 1, pad_1_out, pad_1_attrs, infer_pad, eval_pad, NULL),
    HONE_ROW("", "Pad", 2, HONE_OP_PURE, 1, pad_1_in, 1, pad_1_out, pad_2_attrs, infer_pad, eval_pad, NULL),
    HONE_ROW("", "Pad", 11, HONE_OP_PURE, 2, pad_11_in, 1, pad_11_out, pad_11_attrs, infer_pad, eval_pad, NULL),
    HONE_ROW("", "Pad", 13, HONE_OP_PURE, 2, pad_13_in, 1, slice_13_out, pad_11_attrs, infer_pad, eval_pad, NULL),
    HONE_ROW("", "Pad", 18, HONE_OP_PURE, 2, pad_18_in, 1, slice_13_out, pad_11_attrs, infer_pad, eval_pad, NULL),
    HONE_ROW("", "Pad", 19, HONE_OP_PURE, 2, pad_18_in, 1, slice_13_out, pad_11_attrs, infer_pad, eval_pad, NULL),
    HONE_ROW("", "Pad", 21, HONE_OP_PURE, 2, pad_21_in, 1, pad_21_out, pad_11_attrs, infer_pad, eval_pad, NULL),
    HONE_ROW("", "Pad", 23, HONE_OP_PURE, 2, pad_23_in, 1, pad_23_out, pad_11_attrs, infer_pad, eval_pad, NULL),
    HONE_ROW("", "CenterCropPad", 18, HONE_OP_PURE, 2, center_crop_pad_18_in, 1, center_crop_pad_18_out,
             center_crop_pad_18_attrs, infer_center_crop_pad, eval_center_crop_pad, NULL),
};

const hone__op_family hone__ops_slice = {"slice", g_rows, HONE_COUNT(g_rows)};
