/* Control flow: If, Loop, Scan, SequenceMap. Bodies run by the context's run_graph, which finds the values
 * that they capture; everything a body takes or gives is a whole tensor, so a shape may change from one
 * iteration to the next. */
#include "base/alloc.h"
#include "ops/op_help.h"

/* ---- shared ---- */

static hone__graph *body_of(const hone__node *node, const char *name) {
    const hone__attr *attr = hone__node_attr(node, name);
    return attr && attr->type == HONE_ATTR_GRAPH ? attr->g : NULL;
}

static void destroy_all(hone_tensor **tensors, size_t n) {
    for (size_t i = 0; tensors && i < n; i++) {
        hone_tensor_destroy(tensors[i]);
        tensors[i] = NULL;
    }
}

/* Element `index` of `axis`, as a tensor of one dim less. */
static hone_status take_slice(const hone_tensor *x, int axis, int64_t index, hone_tensor **out, hone_error *error) {
    int64_t dims[HONE_MAX_RANK];
    int rank = 0;
    for (int d = 0; d < x->rank; d++)
        if (d != axis)
            dims[rank++] = x->dims[d];
    HONE_TRY(hone_tensor_create(x->dtype, rank, dims, out, error));
    int64_t outer = hone__dims_product(x->dims, 0, axis), inner = hone__dims_product(x->dims, axis + 1, x->rank);
    hone_status status = HONE_OK;
    for (int64_t o = 0; o < outer && status == HONE_OK; o++)
        status = hone__copy_elements(*out, o * inner, x, (o * x->dims[axis] + index) * inner, inner, error);
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

/* n equal shapes next to each other along a new axis; `like` gives type and shape when n is 0. */
static hone_status stack(hone_tensor *const *items, int64_t n, int64_t axis, hone_dtype dtype, int item_rank,
                         const int64_t *item_dims, bool is_reversed, hone_tensor **out, hone_error *error) {
    int64_t dims[HONE_MAX_RANK];
    int at;
    HONE_FAIL_IF(item_rank + 1 > HONE_MAX_RANK, error, HONE_ERROR_LIMIT, "rank %d is too large", item_rank + 1);
    HONE_TRY(hone__axis(axis, item_rank + 1, &at, error));
    for (int d = 0, from = 0; d <= item_rank; d++)
        dims[d] = d == at ? n : item_dims[from++];
    HONE_TRY(hone_tensor_create(dtype, item_rank + 1, dims, out, error));
    int64_t outer = hone__dims_product(item_dims, 0, at), inner = hone__dims_product(item_dims, at, item_rank);
    hone_status status = HONE_OK;
    for (int64_t i = 0; i < n && status == HONE_OK; i++) {
        const hone_tensor *item = items[is_reversed ? n - 1 - i : i];
        if (item->kind != HONE_KIND_TENSOR || item->dtype != dtype || item->rank != item_rank ||
            (item_rank && memcmp(item->dims, item_dims, (size_t)item_rank * sizeof *item_dims) != 0))
            status = hone__fail(error, HONE_ERROR_SHAPE, "what the body gives changes its shape from step to step");
        for (int64_t o = 0; o < outer && status == HONE_OK; o++)
            status = hone__copy_elements(*out, (o * n + i) * inner, item, o * inner, inner, error);
    }
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

/* Values collected over the steps, for each of several outputs. */
typedef struct collector {
    hone_tensor **items;
    size_t n, capacity;
} collector;

static hone_status collect(collector *c, hone_tensor *item, hone_error *error) {
    if (!hone__grow((void **)&c->items, &c->capacity, c->n + 1, sizeof *c->items)) {
        hone_tensor_destroy(item);
        return hone__fail_memory(error, "the results of a loop");
    }
    c->items[c->n++] = item;
    return HONE_OK;
}

static void release_collectors(collector *c, size_t n) {
    for (size_t i = 0; c && i < n; i++) {
        destroy_all(c[i].items, c[i].n);
        hone__free(c[i].items);
    }
    hone__free(c);
}

/* A stacked output; without a step its shape comes from the body's declaration (unknown dims are 0). */
static hone_status give_stacked(hone__eval *ctx, size_t i, const collector *c, const hone__type *declared, int64_t axis,
                                bool is_reversed) {
    hone_tensor *y;
    if (c->n) {
        const hone_tensor *first = c->items[0];
        HONE_TRY(
            stack(c->items, (int64_t)c->n, axis, first->dtype, first->rank, first->dims, is_reversed, &y, ctx->error));
    } else {
        int64_t dims[HONE_MAX_RANK] = {0};
        int rank = declared->rank > 0 ? declared->rank : 0;
        if (!declared->is_known || declared->dtype == HONE_DTYPE_UNDEFINED || rank >= HONE_MAX_RANK)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "no step ran, and the type of output %zu is unknown", i);
        for (int d = 0; d < rank; d++)
            dims[d] = declared->dims[d].value > 0 ? declared->dims[d].value : 0;
        HONE_TRY(stack(NULL, 0, axis, declared->dtype, rank, dims, false, &y, ctx->error));
    }
    return ctx->output_take(ctx, i, y);
}

static hone_status read_bool(hone__eval *ctx, const hone_tensor *t, bool *out) {
    if (!t || t->kind != HONE_KIND_TENSOR || t->dtype != HONE_DTYPE_BOOL || hone__tensor_count(t) != 1)
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "the condition must be one bool");
    *out = *(const uint8_t *)t->data != 0;
    return HONE_OK;
}

static hone_status make_scalar(hone_dtype dtype, int64_t value, hone_tensor **out, hone_error *error) {
    HONE_TRY(hone_tensor_create(dtype, 0, NULL, out, error));
    if (dtype == HONE_DTYPE_BOOL)
        *(uint8_t *)(*out)->data = value != 0;
    else
        *(int64_t *)(*out)->data = value;
    return HONE_OK;
}

/* ---- If ---- */

static hone_status eval_if(hone__eval *ctx) {
    bool is_true = false;
    HONE_TRY(read_bool(ctx, ctx->in[0], &is_true));
    const hone__graph *branch = body_of(ctx->node, is_true ? "then_branch" : "else_branch");
    if (!branch || branch->n_outputs < ctx->n_out)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "the branch is missing or gives too little");
    size_t n = branch->n_outputs;
    hone_tensor **out = hone__calloc(n + 1, sizeof *out);
    if (!out)
        return hone__fail_memory(ctx->error, "the results of a branch");
    hone_status status = ctx->run_graph(ctx, branch, NULL, 0, out, n);
    for (size_t i = 0; i < n && status == HONE_OK; i++) {
        hone_tensor *value = out[i];
        out[i] = NULL;
        status = ctx->output_take(ctx, i, value);
    }
    destroy_all(out, n);
    hone__free(out);
    return status;
}

/* Infers a body, or, where the caller cannot, takes what it declares without shapes. */
static hone_status infer_body(hone__infer *ctx, hone__graph *body, const hone__type *const *in, size_t n_in,
                              hone__type **out) {
    *out = hone__arena_calloc(ctx->arena, body->n_outputs + 1, sizeof **out);
    if (!*out)
        return hone__fail_memory(ctx->error, "the types of a body");
    if (ctx->infer_graph)
        return ctx->infer_graph(ctx, body, in, n_in, *out, body->n_outputs);
    for (size_t i = 0; i < body->n_outputs; i++) {
        if (hone__type_copy(ctx->arena, &body->outputs[i]->type, &(*out)[i]) != HONE_OK)
            return hone__fail_memory(ctx->error, "the types of a body");
        if ((*out)[i].kind == HONE_KIND_TENSOR)
            (*out)[i].rank = -1;
    }
    return HONE_OK;
}

/* What holds of both types: shapes that differ become unknown. */
static void common_type(hone__type *a, const hone__type *b) {
    if (!a->is_known || !b->is_known || a->kind != b->kind || (a->kind == HONE_KIND_TENSOR && a->dtype != b->dtype)) {
        *a = (hone__type){.rank = -1};
        return;
    }
    if (a->kind != HONE_KIND_TENSOR)
        return; /* items may differ in shape anyway */
    if (a->rank != b->rank)
        a->rank = -1;
    for (int d = 0; d < a->rank; d++)
        if (!hone__dim_same(a->dims[d], b->dims[d]))
            a->dims[d] = hone__dim_unknown();
}

static hone_status infer_if(hone__infer *ctx) {
    hone__graph *yes = body_of(ctx->node, "then_branch"), *no = body_of(ctx->node, "else_branch");
    hone__type *a, *b;
    if (!yes || !no || yes->n_outputs < ctx->n_out || no->n_outputs < ctx->n_out)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "both branches must give %zu outputs", ctx->n_out);
    HONE_TRY(infer_body(ctx, yes, NULL, 0, &a));
    HONE_TRY(infer_body(ctx, no, NULL, 0, &b));
    for (size_t i = 0; i < ctx->n_out; i++) {
        common_type(&a[i], &b[i]);
        ctx->out[i] = a[i];
    }
    return HONE_OK;
}

/* ---- Loop ---- */

typedef struct loop {
    const hone__graph *body;
    size_t n_state, n_scan;
    const hone_tensor **in; /* [2 + n_state]: iteration, condition, state */
    hone_tensor **state;    /* [n_state] owned, NULL while still the node's input */
    hone_tensor **out;      /* [1 + n_state + n_scan] */
    collector *collected;   /* [n_scan] */
} loop;

static hone_status loop_step(hone__eval *ctx, loop *l, int64_t iteration, bool *goes_on) {
    hone_tensor *number = NULL, *condition = NULL;
    hone_status status = HONE_OK;
    HONE_CHECK(make_scalar(HONE_DTYPE_INT64, iteration, &number, ctx->error));
    HONE_CHECK(make_scalar(HONE_DTYPE_BOOL, *goes_on, &condition, ctx->error));
    l->in[0] = number;
    l->in[1] = condition;
    for (size_t i = 0; i < l->n_state; i++)
        l->in[2 + i] = l->state[i] ? l->state[i] : ctx->in[2 + i];
    HONE_CHECK(ctx->run_graph(ctx, l->body, l->in, 2 + l->n_state, l->out, 1 + l->n_state + l->n_scan));
    HONE_CHECK(read_bool(ctx, l->out[0], goes_on));
    for (size_t i = 0; i < l->n_state; i++) {
        hone_tensor_destroy(l->state[i]);
        l->state[i] = l->out[1 + i];
        l->out[1 + i] = NULL;
    }
    for (size_t i = 0; i < l->n_scan; i++) {
        hone_tensor *item = l->out[1 + l->n_state + i];
        l->out[1 + l->n_state + i] = NULL;
        HONE_CHECK(collect(&l->collected[i], item, ctx->error));
    }
cleanup:
    hone_tensor_destroy(number);
    hone_tensor_destroy(condition);
    destroy_all(l->out, 1 + l->n_state + l->n_scan);
    return status;
}

static hone_status loop_outputs(hone__eval *ctx, loop *l) {
    for (size_t i = 0; i < l->n_state; i++) {
        hone_tensor *value = l->state[i];
        l->state[i] = NULL;
        if (!value)
            HONE_TRY(hone_tensor_clone(ctx->in[2 + i], &value, ctx->error));
        HONE_TRY(ctx->output_take(ctx, i, value));
    }
    for (size_t i = 0; i < l->n_scan; i++)
        HONE_TRY(
            give_stacked(ctx, l->n_state + i, &l->collected[i], &l->body->outputs[1 + l->n_state + i]->type, 0, false));
    return HONE_OK;
}

static hone_status eval_loop(hone__eval *ctx) {
    loop l = {.body = body_of(ctx->node, "body")};
    if (!l.body || ctx->n_in < 2 || l.body->n_inputs != ctx->n_in || l.body->n_outputs < ctx->n_in - 1)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "the body's inputs and outputs do not fit the node's");
    l.n_state = ctx->n_in - 2;
    l.n_scan = l.body->n_outputs - 1 - l.n_state;
    int64_t limit = INT64_MAX;
    bool goes_on = true;
    hone_status status = HONE_OK;
    l.in = hone__calloc(2 + l.n_state, sizeof *l.in);
    l.state = hone__calloc(l.n_state + 1, sizeof *l.state);
    l.out = hone__calloc(l.body->n_outputs + 1, sizeof *l.out);
    l.collected = hone__calloc(l.n_scan + 1, sizeof *l.collected);
    if (!l.in || !l.state || !l.out || !l.collected) {
        status = hone__fail_memory(ctx->error, "a loop");
        goto cleanup;
    }
    for (size_t i = 0; i < l.n_state; i++)
        if (!ctx->in[2 + i]) {
            status = hone__eval_fail(ctx, HONE_ERROR_MODEL, "the initial value %zu is missing", i);
            goto cleanup;
        }
    if (ctx->in[0])
        HONE_CHECK(hone__eval_int(ctx, 0, &limit));
    if (ctx->in[1])
        HONE_CHECK(read_bool(ctx, ctx->in[1], &goes_on));
    for (int64_t i = 0; i < limit && goes_on; i++)
        HONE_CHECK(loop_step(ctx, &l, i, &goes_on));
    HONE_CHECK(loop_outputs(ctx, &l));
cleanup:
    destroy_all(l.state, l.n_state);
    release_collectors(l.collected, l.n_scan);
    hone__free(l.in);
    hone__free(l.state);
    hone__free(l.out);
    return status;
}

/* A type whose shape may change: element types stay. Depth one is enough for sequences and optionals of
 * tensors; deeper ones keep no shapes to begin with. */
static hone_status without_shape(hone__infer *ctx, const hone__type *from, hone__type *to) {
    if (!from || hone__type_copy(ctx->arena, from, to) != HONE_OK)
        return from ? hone__fail_memory(ctx->error, "a type") : HONE_OK;
    if (to->kind == HONE_KIND_TENSOR) {
        to->rank = -1;
        return HONE_OK;
    }
    if (to->elem && to->elem->kind == HONE_KIND_TENSOR) {
        hone__type *elem = hone__arena_calloc(ctx->arena, 1, sizeof *elem);
        if (!elem)
            return hone__fail_memory(ctx->error, "a type");
        *elem = *to->elem;
        elem->rank = -1;
        to->elem = elem;
    }
    return HONE_OK;
}

/* The type of a stacked output: one more dim at `axis`. */
static hone_status stacked_type(hone__infer *ctx, const hone__type *item, int64_t axis, hone__dim length, size_t out) {
    hone__dim dims[HONE_MAX_RANK];
    int at;
    if (!item->is_known || item->kind != HONE_KIND_TENSOR)
        return HONE_OK;
    if (item->rank < 0 || item->rank >= HONE_MAX_RANK)
        return hone__infer_set_dtype(ctx, out, item->dtype);
    HONE_TRY(hone__infer_axis(ctx, axis, item->rank + 1, &at));
    for (int d = 0, from = 0; d <= item->rank; d++)
        dims[d] = d == at ? length : item->dims[from++];
    return hone__infer_set(ctx, out, item->dtype, item->rank + 1, dims);
}

/* A state of Scan keeps its shape too (states of Loop need not). */
static hone_status check_state_shape(hone__infer *ctx, const hone__type *before, const hone__type *after, size_t i) {
    if (before->kind != HONE_KIND_TENSOR || !after->is_known || before->rank < 0 || after->rank < 0)
        return HONE_OK;
    bool fits = before->rank == after->rank;
    for (int d = 0; fits && d < before->rank; d++)
        fits = before->dims[d].value < 0 || after->dims[d].value < 0 || before->dims[d].value == after->dims[d].value;
    char was[200], is[200];
    return fits ? HONE_OK
                : hone__infer_fail(ctx, HONE_ERROR_SHAPE, "state %zu goes into the body as %s and comes out as %s", i,
                                   hone__type_describe(before, was, sizeof was),
                                   hone__type_describe(after, is, sizeof is));
}

/* A state's element type is the same in every step, so that it does not depend on how many there are. An
 * optional that goes in may come out as what it held (the standard's own tests do so): its type is unknown. */
static hone_status check_state(hone__infer *ctx, const hone__type *before, hone__type *after, size_t i) {
    if (!before || !before->is_known || !after->is_known)
        return HONE_OK;
    if (before->kind == HONE_KIND_OPTIONAL && after->kind != HONE_KIND_OPTIONAL) {
        *after = (hone__type){.rank = -1};
        return HONE_OK;
    }
    if (before->kind != after->kind)
        return hone__infer_fail(ctx, HONE_ERROR_TYPE, "state %zu comes out of the body as another kind of value", i);
    if (before->kind == HONE_KIND_TENSOR && before->dtype && after->dtype && before->dtype != after->dtype)
        return hone__infer_fail(ctx, HONE_ERROR_TYPE, "state %zu goes into the body as %s and comes out as %s", i,
                                hone_dtype_name(before->dtype), hone_dtype_name(after->dtype));
    return HONE_OK;
}

static const hone__type *state_type(const hone__type *before, const hone__type *after) {
    return !after->is_known && before && before->kind != HONE_KIND_OPTIONAL ? before : after;
}

static hone_status infer_loop(hone__infer *ctx) {
    hone__graph *body = body_of(ctx->node, "body");
    if (!body || ctx->n_in < 2 || body->n_inputs != ctx->n_in || body->n_outputs < ctx->n_in - 1)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "the body's inputs and outputs do not fit the node's");
    size_t n_state = ctx->n_in - 2;
    const hone__type **in = hone__arena_calloc(ctx->arena, ctx->n_in, sizeof *in);
    hone__type *types = hone__arena_calloc(ctx->arena, ctx->n_in, sizeof *types), *out;
    if (!in || !types)
        return hone__fail_memory(ctx->error, "the types of a loop");
    types[0] = (hone__type){.dtype = HONE_DTYPE_INT64, .is_known = true};
    types[1] = (hone__type){.dtype = HONE_DTYPE_BOOL, .is_known = true};
    for (size_t i = 0; i < ctx->n_in; i++) {
        if (i >= 2)
            HONE_TRY(without_shape(ctx, hone__infer_input(ctx, i), &types[i]));
        in[i] = &types[i];
    }
    HONE_TRY(infer_body(ctx, body, in, ctx->n_in, &out));
    for (size_t i = 0; i < n_state; i++)
        HONE_TRY(check_state(ctx, hone__infer_input(ctx, 2 + i), &out[1 + i], i));
    for (size_t i = 0; i < ctx->n_out && 1 + i < body->n_outputs; i++) {
        if (i < n_state)
            HONE_TRY(without_shape(ctx, state_type(hone__infer_input(ctx, 2 + i), &out[1 + i]), &ctx->out[i]));
        else
            HONE_TRY(stacked_type(ctx, &out[1 + i], 0, hone__dim_unknown(), i));
    }
    return HONE_OK;
}

/* ---- Scan ---- */

typedef struct scan {
    const hone__graph *body;
    size_t n_state, n_scan_in, n_scan_out;
    const hone_tensor *const *in; /* [n_state + n_scan_in] */
    int axes[64];                 /* of scan inputs */
    bool is_backward[64];
    int64_t length;
    hone_tensor **state, **args, **out;
    const hone_tensor **call;
    collector *collected;
} scan;

static int64_t listed(const hone__node *node, const char *name, size_t i) {
    size_t n;
    const int64_t *v = hone__node_attr_ints(node, name, &n);
    return i < n ? v[i] : 0;
}

static hone_status scan_steps(hone__eval *ctx, scan *s) {
    for (int64_t step = 0; step < s->length; step++) {
        for (size_t i = 0; i < s->n_state; i++)
            s->call[i] = s->state[i] ? s->state[i] : s->in[i];
        for (size_t i = 0; i < s->n_scan_in; i++) {
            HONE_TRY(take_slice(s->in[s->n_state + i], s->axes[i], s->is_backward[i] ? s->length - 1 - step : step,
                                &s->args[i], ctx->error));
            s->call[s->n_state + i] = s->args[i];
        }
        HONE_TRY(ctx->run_graph(ctx, s->body, s->call, s->n_state + s->n_scan_in, s->out, s->body->n_outputs));
        destroy_all(s->args, s->n_scan_in);
        for (size_t i = 0; i < s->n_state; i++) {
            const hone_tensor *was = s->call[i], *is = s->out[i];
            if (was->rank != is->rank ||
                (was->rank && memcmp(was->dims, is->dims, (size_t)was->rank * sizeof *was->dims)))
                return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "state %zu changes its shape from one step to the next",
                                       i);
        }
        for (size_t i = 0; i < s->body->n_outputs; i++) {
            hone_tensor *value = s->out[i];
            s->out[i] = NULL;
            if (i < s->n_state) {
                hone_tensor_destroy(s->state[i]);
                s->state[i] = value;
            } else {
                HONE_TRY(collect(&s->collected[i - s->n_state], value, ctx->error));
            }
        }
    }
    return HONE_OK;
}

static bool scan_alloc(scan *s) {
    s->state = hone__calloc(s->n_state + 1, sizeof *s->state);
    s->args = hone__calloc(s->n_scan_in + 1, sizeof *s->args);
    s->out = hone__calloc(s->body->n_outputs + 1, sizeof *s->out);
    s->call = hone__calloc(s->n_state + s->n_scan_in + 1, sizeof *s->call);
    s->collected = hone__calloc(s->n_scan_out + 1, sizeof *s->collected);
    return s->state && s->args && s->out && s->call && s->collected;
}

static void scan_release(scan *s) {
    destroy_all(s->state, s->n_state);
    destroy_all(s->args, s->n_scan_in);
    destroy_all(s->out, s->body->n_outputs);
    release_collectors(s->collected, s->n_scan_out);
    hone__free(s->state);
    hone__free(s->args);
    hone__free(s->out);
    hone__free(s->call);
}

static hone_status scan_open(hone__eval *ctx, scan *s, size_t first) {
    s->body = body_of(ctx->node, "body");
    s->n_scan_in = (size_t)hone__node_attr_int(ctx->node, "num_scan_inputs", 0);
    size_t n = ctx->n_in - first;
    if (!s->body || s->n_scan_in < 1 || s->n_scan_in > n || s->n_scan_in > 64 || s->body->n_inputs != n ||
        s->body->n_outputs < n - s->n_scan_in || s->body->n_outputs < ctx->n_out)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "the body's inputs and outputs do not fit the node's");
    s->n_state = n - s->n_scan_in;
    s->n_scan_out = s->body->n_outputs - s->n_state;
    s->in = ctx->in + first;
    for (size_t i = 0; i < n; i++)
        if (!s->in[i] || s->in[i]->kind != HONE_KIND_TENSOR)
            return hone__eval_fail(ctx, HONE_ERROR_MODEL, "input %zu is missing", first + i);
    return HONE_OK;
}

static hone_status eval_scan(hone__eval *ctx) {
    scan s = {0};
    HONE_TRY(scan_open(ctx, &s, 0));
    for (size_t i = 0; i < s.n_scan_in; i++) {
        const hone_tensor *x = s.in[s.n_state + i];
        HONE_TRY(hone__axis(listed(ctx->node, "scan_input_axes", i), x->rank, &s.axes[i], ctx->error));
        s.is_backward[i] = listed(ctx->node, "scan_input_directions", i) != 0;
        if (i > 0 && x->dims[s.axes[i]] != s.length)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "scan inputs have %lld and %lld steps", (long long)s.length,
                                   (long long)x->dims[s.axes[i]]);
        s.length = x->dims[s.axes[i]];
    }
    hone_status status = scan_alloc(&s) ? HONE_OK : hone__fail_memory(ctx->error, "a scan");
    if (status == HONE_OK)
        status = scan_steps(ctx, &s);
    for (size_t i = 0; i < s.n_state && status == HONE_OK; i++) {
        hone_tensor *value = s.state[i];
        s.state[i] = NULL;
        if (!value)
            status = hone_tensor_clone(s.in[i], &value, ctx->error);
        if (status == HONE_OK)
            status = ctx->output_take(ctx, i, value);
    }
    for (size_t i = 0; i < s.n_scan_out && status == HONE_OK; i++)
        status =
            give_stacked(ctx, s.n_state + i, &s.collected[i], &s.body->outputs[s.n_state + i]->type,
                         listed(ctx->node, "scan_output_axes", i), listed(ctx->node, "scan_output_directions", i) != 0);
    scan_release(&s);
    return status;
}

/* Scan-8: everything has a batch in front, sequences may be shorter than the longest; one scan per batch
 * entry, results stacked along the batch (missing steps are zero). */
static hone_status scan8_entry(hone__eval *ctx, const scan *all, int64_t batch, int64_t length, int64_t longest,
                               collector *results) {
    scan s = *all;
    size_t n = s.n_state + s.n_scan_in;
    hone_tensor **in = hone__calloc(n, sizeof *in);
    hone_status status = in && scan_alloc(&s) ? HONE_OK : hone__fail_memory(ctx->error, "a scan");
    if (status != HONE_OK) {
        hone__free(in);
        if (in)
            scan_release(&s);
        return status;
    }
    s.length = length;
    for (size_t i = 0; i < n; i++)
        HONE_CHECK(take_slice(all->in[i], 0, batch, &in[i], ctx->error));
    s.in = (const hone_tensor *const *)in;
    for (size_t i = 0; i < s.n_scan_in; i++)
        s.is_backward[i] = listed(ctx->node, "directions", i) != 0;
    HONE_CHECK(scan_steps(ctx, &s));
    for (size_t i = 0; i < s.n_state; i++) {
        hone_tensor *value = s.state[i];
        s.state[i] = NULL;
        if (!value)
            HONE_CHECK(hone_tensor_clone(in[i], &value, ctx->error));
        HONE_CHECK(collect(&results[i], value, ctx->error));
    }
    for (size_t i = 0; i < s.n_scan_out; i++) {
        collector *c = &s.collected[i];
        hone_tensor *value;
        if (!c->n) {
            status = hone__eval_fail(ctx, HONE_ERROR_SHAPE, "a sequence of no steps has no shape");
            goto cleanup;
        }
        hone_tensor *first = c->items[0], *pad;
        while ((int64_t)c->n < longest) {
            HONE_CHECK(hone_tensor_create(first->dtype, first->rank, first->dims, &pad, ctx->error));
            HONE_CHECK(collect(c, pad, ctx->error));
        }
        HONE_CHECK(
            stack(c->items, (int64_t)c->n, 0, first->dtype, first->rank, first->dims, false, &value, ctx->error));
        HONE_CHECK(collect(&results[s.n_state + i], value, ctx->error));
    }
cleanup:
    destroy_all(in, n);
    hone__free(in);
    scan_release(&s);
    return status;
}

static hone_status eval_scan8(hone__eval *ctx) {
    scan s = {0};
    HONE_TRY(scan_open(ctx, &s, 1));
    const hone_tensor *x = s.in[s.n_state], *lengths = ctx->in[0];
    if (x->rank < 2)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "scan inputs must be [batch, steps, ...]");
    int64_t n_batch = x->dims[0], longest = x->dims[1];
    for (size_t i = 0; i < s.n_state + s.n_scan_in; i++)
        if (s.in[i]->rank < 1 || s.in[i]->dims[0] != n_batch ||
            (i >= s.n_state && (s.in[i]->rank < 2 || s.in[i]->dims[1] != longest)))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu does not have the others' batch or steps", i + 1);
    size_t n_out = s.body->n_outputs;
    collector *results = hone__calloc(n_out + 1, sizeof *results);
    if (!results)
        return hone__fail_memory(ctx->error, "a scan");
    hone_status status = HONE_OK;
    for (int64_t b = 0; b < n_batch && status == HONE_OK; b++) {
        int64_t length = longest;
        if (lengths && (!hone__tensor_get_i64(lengths, b, &length) || length < 0 || length > longest))
            status = hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the length of sequence %lld is wrong", (long long)b);
        else
            status = scan8_entry(ctx, &s, b, length, longest, results);
    }
    for (size_t i = 0; i < n_out && status == HONE_OK; i++)
        status = give_stacked(ctx, i, &results[i], &s.body->outputs[i]->type, 0, false);
    release_collectors(results, n_out);
    return status;
}

static hone_status infer_scan(hone__infer *ctx) {
    size_t first = ctx->node->op->since == 8 ? 1 : 0; /* sequence_lens */
    hone__graph *body = body_of(ctx->node, "body");
    int64_t n_scan = hone__node_attr_int(ctx->node, "num_scan_inputs", 0);
    size_t n = ctx->n_in - first;
    if (!body || n_scan < 1 || n_scan > (int64_t)n || body->n_inputs != n)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "the body's inputs and outputs do not fit the node's");
    size_t n_state = n - (size_t)n_scan;
    const hone__type **in = hone__arena_calloc(ctx->arena, n, sizeof *in);
    hone__type *types = hone__arena_calloc(ctx->arena, n, sizeof *types), *out;
    if (!in || !types)
        return hone__fail_memory(ctx->error, "the types of a scan");
    hone__dim length = hone__dim_unknown(), batch = hone__dim_unknown();
    for (size_t i = 0; i < n; i++) {
        const hone__type *x = hone__infer_input(ctx, first + i);
        in[i] = &types[i];
        if (!x || x->kind != HONE_KIND_TENSOR)
            continue;
        if (hone__type_copy(ctx->arena, x, &types[i]) != HONE_OK)
            return hone__fail_memory(ctx->error, "a type");
        bool is_scan = i >= n_state;
        int drop = (int)first + (is_scan ? 1 : 0); /* dims in front that the body does not see */
        if (x->rank < 0 || drop == 0)
            continue;
        int axis = 0;
        if (first == 0) {
            HONE_TRY(hone__infer_axis(ctx, listed(ctx->node, "scan_input_axes", i - n_state), x->rank, &axis));
            length = x->dims[axis].value >= 0 || length.value < 0 ? x->dims[axis] : length;
        } else if (x->rank < drop) {
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "input %zu lacks its batch or steps", first + i);
        } else {
            batch = x->dims[0];
            length = is_scan ? x->dims[1] : length;
        }
        types[i].rank -= drop;
        for (int d = axis; d < types[i].rank; d++)
            types[i].dims[d] = x->dims[d + drop];
    }
    HONE_TRY(infer_body(ctx, body, in, n, &out));
    for (size_t i = 0; i < n_state && i < body->n_outputs; i++)
        if (in[i]->is_known) {
            HONE_TRY(check_state(ctx, in[i], &out[i], i));
            HONE_TRY(check_state_shape(ctx, in[i], &out[i], i));
        }
    for (size_t i = 0; i < ctx->n_out && i < body->n_outputs; i++) {
        bool is_scan = i >= n_state;
        if (first == 1) {
            hone__dim dims[HONE_MAX_RANK];
            int rank = 0;
            if (!out[i].is_known || out[i].rank < 0 || out[i].rank + 2 > HONE_MAX_RANK)
                continue;
            dims[rank++] = batch;
            if (is_scan)
                dims[rank++] = length;
            for (int d = 0; d < out[i].rank; d++)
                dims[rank++] = out[i].dims[d];
            HONE_TRY(hone__infer_set(ctx, i, out[i].dtype, rank, dims));
        } else if (is_scan) {
            HONE_TRY(stacked_type(ctx, &out[i], listed(ctx->node, "scan_output_axes", i - n_state), length, i));
        } else {
            ctx->out[i] = out[i];
        }
    }
    return HONE_OK;
}

/* ---- SequenceMap ---- */

static hone_status eval_sequence_map(hone__eval *ctx) {
    const hone__graph *body = body_of(ctx->node, "body");
    if (!body || body->n_inputs != ctx->n_in || body->n_outputs < ctx->n_out)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "the body's inputs and outputs do not fit the node's");
    for (size_t i = 0; i < ctx->n_in; i++)
        if (!ctx->in[i] || (ctx->in[i]->kind == HONE_KIND_SEQUENCE && ctx->in[i]->n_items != ctx->in[0]->n_items))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the sequences differ in length");
    size_t n_out = body->n_outputs;
    const hone_tensor **in = hone__calloc(ctx->n_in, sizeof *in);
    hone_tensor **out = hone__calloc(n_out + 1, sizeof *out);
    collector *results = hone__calloc(n_out + 1, sizeof *results);
    hone_status status = in && out && results ? HONE_OK : hone__fail_memory(ctx->error, "a map over a sequence");
    for (size_t k = 0; status == HONE_OK && k < ctx->in[0]->n_items; k++) {
        for (size_t i = 0; i < ctx->n_in; i++)
            in[i] = ctx->in[i]->kind == HONE_KIND_SEQUENCE ? ctx->in[i]->items[k] : ctx->in[i];
        status = ctx->run_graph(ctx, body, in, ctx->n_in, out, n_out);
        for (size_t i = 0; i < n_out && status == HONE_OK; i++) {
            hone_tensor *item = out[i];
            out[i] = NULL;
            status = collect(&results[i], item, ctx->error);
        }
    }
    for (size_t i = 0; i < n_out && status == HONE_OK; i++) {
        hone_tensor *sequence;
        status =
            hone_tensor_create_container(HONE_KIND_SEQUENCE, results[i].items, results[i].n, &sequence, ctx->error);
        if (status == HONE_OK) {
            results[i].n = 0; /* the sequence owns them now */
            status = ctx->output_take(ctx, i, sequence);
        }
    }
    destroy_all(out, out ? n_out : 0);
    release_collectors(results, n_out);
    hone__free(in);
    hone__free(out);
    return status;
}

static hone_status infer_sequence_map(hone__infer *ctx) {
    hone__graph *body = body_of(ctx->node, "body");
    if (!body || body->n_inputs != ctx->n_in || body->n_outputs < ctx->n_out)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "the body's inputs and outputs do not fit the node's");
    const hone__type **in = hone__arena_calloc(ctx->arena, ctx->n_in + 1, sizeof *in);
    hone__type *out;
    if (!in)
        return hone__fail_memory(ctx->error, "the types of a body");
    for (size_t i = 0; i < ctx->n_in; i++) {
        const hone__type *x = hone__infer_input(ctx, i);
        in[i] = x && x->kind == HONE_KIND_SEQUENCE ? x->elem : x;
    }
    HONE_TRY(infer_body(ctx, body, in, ctx->n_in, &out));
    for (size_t i = 0; i < ctx->n_out; i++) {
        hone__type *elem = hone__arena_calloc(ctx->arena, 1, sizeof *elem);
        if (!elem)
            return hone__fail_memory(ctx->error, "a type");
        *elem = out[i];
        ctx->out[i] = (hone__type){.kind = HONE_KIND_SEQUENCE, .rank = -1, .elem = elem, .is_known = true};
    }
    return HONE_OK;
}

/* ---- rows ---- */

enum {
    KINDS = 1 << HONE_KIND_TENSOR | 1 << HONE_KIND_SEQUENCE | 1 << HONE_KIND_OPTIONAL,
    FLAGS = HONE_OP_CONTROL | HONE_OP_DATA_SHAPE
};
#define ANY(name, is_optional)                                                                                         \
    { name, HONE_SET_ALL, 0, KINDS, is_optional }
static const hone__op_param p_if[] = {HONE_PARAM("cond", HONE_SET(BOOL), 0)};
static const hone__op_param p_loop[] = {HONE_PARAM_OPT("M", HONE_SET(INT64), 0),
                                        HONE_PARAM_OPT("cond", HONE_SET(BOOL), 0), ANY("v_initial", true)};
static const hone__op_param p_scan8[] = {HONE_PARAM_OPT("sequence_lens", HONE_SET(INT64), 0), ANY("initial", false)};
static const hone__op_param p_scan[] = {ANY("initial_state_and_scan_inputs", false)};
static const hone__op_param p_map[] = {{"input_sequence", HONE_SET_ALL, 0, 1 << HONE_KIND_SEQUENCE, false},
                                       {"additional_inputs", HONE_SET_ALL, 0, KINDS, true}};
static const hone__op_param q_any[] = {ANY("outputs", false)};
static const hone__op_attr a_if[] = {{"then_branch", HONE_ATTR_GRAPH, true}, {"else_branch", HONE_ATTR_GRAPH, true}};
static const hone__op_attr a_body[] = {{"body", HONE_ATTR_GRAPH, true}};
static const hone__op_attr a_scan8[] = {
    {"body", HONE_ATTR_GRAPH, true}, {"num_scan_inputs", HONE_ATTR_INT, true}, {"directions", HONE_ATTR_INTS, false}};
static const hone__op_attr a_scan[] = {{"body", HONE_ATTR_GRAPH, true},
                                       {"num_scan_inputs", HONE_ATTR_INT, true},
                                       {"scan_input_axes", HONE_ATTR_INTS, false},
                                       {"scan_input_directions", HONE_ATTR_INTS, false},
                                       {"scan_output_axes", HONE_ATTR_INTS, false},
                                       {"scan_output_directions", HONE_ATTR_INTS, false}};
#define IF(since)                                                                                                      \
    HONE_ROW("", "If", since, FLAGS | HONE_OP_VARIADIC_OUT, 1, p_if, 1, q_any, a_if, infer_if, eval_if, NULL)
#define LOOP(since)                                                                                                    \
    HONE_ROW("", "Loop", since, FLAGS | HONE_OP_VARIADIC_IN | HONE_OP_VARIADIC_OUT, 2, p_loop, 1, q_any, a_body,       \
             infer_loop, eval_loop, NULL)
#define SCAN(since)                                                                                                    \
    HONE_ROW("", "Scan", since, FLAGS | HONE_OP_VARIADIC_IN | HONE_OP_VARIADIC_OUT, 1, p_scan, 1, q_any, a_scan,       \
             infer_scan, eval_scan, NULL)

static const hone__op g_rows[] = {
    IF(1),
    IF(11),
    IF(13),
    IF(16),
    IF(19),
    IF(21),
    IF(23),
    LOOP(1),
    LOOP(11),
    LOOP(13),
    LOOP(16),
    LOOP(19),
    LOOP(21),
    LOOP(23),
    HONE_ROW("", "Scan", 8, FLAGS | HONE_OP_VARIADIC_IN | HONE_OP_VARIADIC_OUT, 2, p_scan8, 1, q_any, a_scan8,
             infer_scan, eval_scan8, NULL),
    SCAN(9),
    SCAN(11),
    SCAN(16),
    SCAN(19),
    SCAN(21),
    SCAN(23),
    HONE_ROW("", "SequenceMap", 17, FLAGS | HONE_OP_VARIADIC_IN | HONE_OP_VARIADIC_OUT, 1, p_map, 1, q_any, a_body,
             infer_sequence_map, eval_sequence_map, NULL),
};
const hone__op_family hone__ops_control = {"control", g_rows, sizeof g_rows / sizeof *g_rows};
