/* Sequences and optionals: making them, taking them apart, joining and splitting tensors by them. */
#include "base/alloc.h"
#include "ops/op_help.h"

static void destroy_items(hone_tensor **items, size_t n) {
    for (size_t i = 0; items && i < n; i++)
        hone_tensor_destroy(items[i]);
    hone__free(items);
}

/* Wraps n owned items (the array included) and gives them as output 0. */
static hone_status give_container(hone__eval *ctx, hone_kind kind, hone_tensor **items, size_t n) {
    hone_tensor *value;
    hone_status status = hone_tensor_create_container(kind, items, n, &value, ctx->error);
    if (status != HONE_OK) {
        destroy_items(items, n);
        return status;
    }
    hone__free(items);
    return ctx->output_take(ctx, 0, value);
}

static hone_status give_copy(hone__eval *ctx, const hone_tensor *value) {
    hone_tensor *copy;
    HONE_TRY(hone_tensor_clone(value, &copy, ctx->error));
    return ctx->output_take(ctx, 0, copy);
}

/* Copies of some tensors, with room for `extra` more. */
static hone_status copy_items(const hone_tensor *const *from, size_t n, size_t extra, hone_tensor ***out,
                              hone_error *error) {
    hone_tensor **items = hone__calloc(n + extra + 1, sizeof *items);
    hone_status status = items ? HONE_OK : hone__fail_memory(error, "a sequence");
    for (size_t i = 0; i < n && status == HONE_OK; i++)
        status = hone_tensor_clone(from[i], &items[i], error);
    if (status != HONE_OK) {
        destroy_items(items, items ? n : 0);
        return status;
    }
    *out = items;
    return HONE_OK;
}

static hone_status need_sequence(hone__eval *ctx) {
    if (ctx->in[0]->kind != HONE_KIND_SEQUENCE)
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "input 0 is not a sequence");
    return HONE_OK;
}

/* A position from input `i`; counted from the end when negative. */
static hone_status read_position(hone__eval *ctx, size_t i, size_t last, size_t *out) {
    int64_t position, n = (int64_t)ctx->in[0]->n_items;
    HONE_TRY(hone__eval_int(ctx, i, &position));
    if (position < -n || position > (int64_t)last)
        return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "position %lld is outside a sequence of %lld",
                               (long long)position, (long long)n);
    *out = (size_t)(position < 0 ? position + n : position);
    return HONE_OK;
}

static hone_status eval_construct(hone__eval *ctx) {
    hone_tensor **items;
    HONE_TRY(copy_items(ctx->in, ctx->n_in, 0, &items, ctx->error));
    return give_container(ctx, HONE_KIND_SEQUENCE, items, ctx->n_in);
}

static hone_status eval_empty(hone__eval *ctx) {
    hone_tensor **items = hone__calloc(1, sizeof *items);
    if (!items)
        return hone__fail_memory(ctx->error, "a sequence");
    return give_container(ctx, HONE_KIND_SEQUENCE, items, 0);
}

static hone_status eval_insert(hone__eval *ctx) {
    HONE_TRY(need_sequence(ctx));
    size_t n = ctx->in[0]->n_items, at = n;
    if (!hone__in_omitted(ctx, 2))
        HONE_TRY(read_position(ctx, 2, n, &at));
    hone_tensor **items, *item;
    HONE_TRY(copy_items((const hone_tensor *const *)ctx->in[0]->items, n, 1, &items, ctx->error));
    hone_status status = hone_tensor_clone(ctx->in[1], &item, ctx->error);
    if (status != HONE_OK) {
        destroy_items(items, n);
        return status;
    }
    memmove(items + at + 1, items + at, (n - at) * sizeof *items);
    items[at] = item;
    return give_container(ctx, HONE_KIND_SEQUENCE, items, n + 1);
}

static hone_status eval_erase(hone__eval *ctx) {
    HONE_TRY(need_sequence(ctx));
    size_t n = ctx->in[0]->n_items, at;
    if (n == 0)
        return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "the sequence is empty");
    at = n - 1;
    if (!hone__in_omitted(ctx, 1))
        HONE_TRY(read_position(ctx, 1, n - 1, &at));
    hone_tensor **items;
    HONE_TRY(copy_items((const hone_tensor *const *)ctx->in[0]->items, n, 0, &items, ctx->error));
    hone_tensor_destroy(items[at]);
    memmove(items + at, items + at + 1, (n - 1 - at) * sizeof *items);
    return give_container(ctx, HONE_KIND_SEQUENCE, items, n - 1);
}

static hone_status eval_at(hone__eval *ctx) {
    size_t at;
    HONE_TRY(need_sequence(ctx));
    if (ctx->in[0]->n_items == 0)
        return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "the sequence is empty");
    HONE_TRY(read_position(ctx, 1, ctx->in[0]->n_items - 1, &at));
    return give_copy(ctx, ctx->in[0]->items[at]);
}

static hone_status eval_length(hone__eval *ctx) {
    hone_tensor *y;
    HONE_TRY(need_sequence(ctx));
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_INT64, 0, NULL, &y));
    if (y)
        *(int64_t *)y->data = (int64_t)ctx->in[0]->n_items;
    return HONE_OK;
}

/* ---- joining and splitting ---- */

static hone_status eval_concat(hone__eval *ctx) {
    HONE_TRY(need_sequence(ctx));
    size_t n = ctx->in[0]->n_items;
    hone_tensor *const *items = ctx->in[0]->items, *y;
    if (n == 0)
        return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "the sequence is empty");
    const hone_tensor *first = items[0];
    bool adds = hone__node_attr_int(ctx->node, "new_axis", 0) != 0;
    int axis, rank = first->rank + adds;
    if (rank > HONE_MAX_RANK)
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "rank %d is too large", rank);
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 0), rank, &axis, ctx->error));
    int64_t dims[HONE_MAX_RANK], total = 0;
    for (size_t k = 0; k < n; k++) {
        bool fits =
            items[k]->kind == HONE_KIND_TENSOR && items[k]->dtype == first->dtype && items[k]->rank == first->rank;
        for (int d = 0; fits && d < first->rank; d++)
            fits = items[k]->dims[d] == first->dims[d] || (!adds && d == axis);
        if (!fits || !hone__add_i64(total, adds ? 1 : items[k]->dims[axis], &total))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "item %zu does not fit the first", k);
    }
    for (int d = 0, from = 0; d < rank; d++)
        dims[d] = d == axis ? total : first->dims[adds ? from++ : d];
    HONE_TRY(hone__eval_output(ctx, 0, first->dtype, rank, dims, &y));
    if (!y)
        return HONE_OK;
    int64_t outer = hone__dims_product(dims, 0, axis), inner = hone__dims_product(dims, axis + 1, rank), at = 0;
    for (int64_t o = 0; o < outer; o++)
        for (size_t k = 0; k < n; k++) {
            int64_t run = (adds ? 1 : items[k]->dims[axis]) * inner;
            HONE_TRY(hone__copy_elements(y, at, items[k], o * run, run, ctx->error));
            at += run;
        }
    return HONE_OK;
}

/* A part of x along an axis; `drops` removes the axis (of length 1). */
static hone_status take_part(const hone_tensor *x, int axis, int64_t start, int64_t length, bool drops,
                             hone_tensor **out, hone_error *error) {
    int64_t dims[HONE_MAX_RANK];
    int rank = 0;
    for (int d = 0; d < x->rank; d++)
        if (d != axis || !drops)
            dims[rank++] = d == axis ? length : x->dims[d];
    HONE_TRY(hone_tensor_create(x->dtype, rank, dims, out, error));
    int64_t outer = hone__dims_product(x->dims, 0, axis), inner = hone__dims_product(x->dims, axis + 1, x->rank);
    hone_status status = HONE_OK;
    for (int64_t o = 0; o < outer && status == HONE_OK; o++)
        status = hone__copy_elements(*out, o * length * inner, x, (o * x->dims[axis] + start) * inner, length * inner,
                                     error);
    if (status != HONE_OK) {
        hone_tensor_destroy(*out);
        *out = NULL;
    }
    return status;
}

static hone_status eval_split(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0], *split = ctx->n_in > 1 ? ctx->in[1] : NULL;
    int axis;
    HONE_TRY(hone__axis(hone__node_attr_int(ctx->node, "axis", 0), x->rank, &axis, ctx->error));
    bool drops = !split && hone__node_attr_int(ctx->node, "keepdims", 1) == 0;
    int64_t length = x->dims[axis], step = 1, at = 0;
    size_t n;
    if (split && split->rank == 0) {
        HONE_TRY(hone__eval_int(ctx, 1, &step));
        if (step <= 0)
            return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "parts of %lld are not possible", (long long)step);
    }
    n = split && split->rank > 0 ? (size_t)hone__tensor_count(split) : (size_t)(length / step + (length % step != 0));
    hone_tensor **items = hone__calloc(n + 1, sizeof *items);
    hone_status status = items ? HONE_OK : hone__fail_memory(ctx->error, "a sequence");
    for (size_t k = 0; k < n && status == HONE_OK; k++) {
        int64_t part = hone__min_i64(step, length - at);
        if (split && split->rank > 0)
            hone__tensor_get_i64(split, (int64_t)k, &part);
        if (part < 0 || part > length - at)
            status = hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the parts do not add up to %lld", (long long)length);
        else
            status = take_part(x, axis, at, part, drops, &items[k], ctx->error);
        at += part;
    }
    if (status == HONE_OK && at != length)
        status = hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the parts do not add up to %lld", (long long)length);
    if (status != HONE_OK) {
        destroy_items(items, n);
        return status;
    }
    return give_container(ctx, HONE_KIND_SEQUENCE, items, n);
}

/* ---- optionals ---- */

static hone_status eval_optional(hone__eval *ctx) {
    hone_tensor **items;
    bool has = !hone__in_omitted(ctx, 0);
    HONE_TRY(copy_items(ctx->in, has ? 1 : 0, 0, &items, ctx->error));
    return give_container(ctx, HONE_KIND_OPTIONAL, items, has ? 1 : 0);
}

static hone_status eval_has_element(hone__eval *ctx) {
    const hone_tensor *x = hone__in(ctx, 0);
    hone_tensor *y;
    HONE_TRY(hone__eval_output(ctx, 0, HONE_DTYPE_BOOL, 0, NULL, &y));
    if (y)
        *(uint8_t *)y->data = x && (x->kind != HONE_KIND_OPTIONAL || x->n_items > 0);
    return HONE_OK;
}

static hone_status eval_get_element(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    if (x->kind == HONE_KIND_OPTIONAL) {
        if (x->n_items == 0)
            return hone__eval_fail(ctx, HONE_ERROR_ARGUMENT, "the optional is empty");
        x = x->items[0];
    }
    return give_copy(ctx, x);
}

/* ---- inference ---- */

static hone_status set_container(hone__infer *ctx, hone_kind kind, const hone__type *elem) {
    hone__type *copy = NULL;
    if (elem) {
        copy = hone__arena_calloc(ctx->arena, 1, sizeof *copy);
        if (!copy || hone__type_copy(ctx->arena, elem, copy) != HONE_OK)
            return hone__fail_memory(ctx->error, "a type");
        if (copy->kind == HONE_KIND_TENSOR && kind == HONE_KIND_SEQUENCE)
            copy->rank = -1; /* items may differ */
    }
    if (ctx->n_out)
        ctx->out[0] = (hone__type){.kind = kind, .rank = -1, .elem = copy, .is_known = true};
    return HONE_OK;
}

static hone_status infer_construct(hone__infer *ctx) {
    return set_container(ctx, HONE_KIND_SEQUENCE, hone__infer_input(ctx, 0));
}

static hone_status infer_empty(hone__infer *ctx) {
    hone__type elem = {
        .dtype = (hone_dtype)hone__node_attr_int(ctx->node, "dtype", HONE_DTYPE_FLOAT), .rank = -1, .is_known = true};
    return set_container(ctx, HONE_KIND_SEQUENCE, &elem);
}

static hone_status infer_same_sequence(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    return x && x->kind == HONE_KIND_SEQUENCE ? set_container(ctx, HONE_KIND_SEQUENCE, x->elem) : HONE_OK;
}

static hone_status infer_element(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    const hone__type *elem = x && x->kind != HONE_KIND_TENSOR ? x->elem : x;
    if (x && x->kind == HONE_KIND_SEQUENCE && strcmp(ctx->node->op_type, "OptionalGetElement") == 0)
        elem = x; /* since opset 18 the input need not be an optional */
    if (!elem || !ctx->n_out)
        return HONE_OK;
    return hone__type_copy(ctx->arena, elem, &ctx->out[0]) == HONE_OK ? HONE_OK
                                                                      : hone__fail_memory(ctx->error, "a type");
}

static hone_status infer_length(hone__infer *ctx) { return hone__infer_set(ctx, 0, HONE_DTYPE_INT64, 0, NULL); }
static hone_status infer_has(hone__infer *ctx) { return hone__infer_set(ctx, 0, HONE_DTYPE_BOOL, 0, NULL); }

static hone_status infer_concat(hone__infer *ctx) {
    const hone__type *x = hone__infer_input(ctx, 0);
    const hone__type *elem = x && x->kind == HONE_KIND_SEQUENCE ? x->elem : NULL;
    return elem && elem->is_known && elem->kind == HONE_KIND_TENSOR ? hone__infer_set_dtype(ctx, 0, elem->dtype)
                                                                    : HONE_OK;
}

static hone_status infer_optional(hone__infer *ctx) {
    const hone__attr *type = hone__node_attr(ctx->node, "type");
    const hone__type *elem = hone__infer_input(ctx, 0);
    if (!elem && type && type->type == HONE_ATTR_TYPE_PROTO)
        elem = type->tp;
    return set_container(ctx, HONE_KIND_OPTIONAL, elem);
}

/* ---- rows ---- */

enum {
    SEQ = 1 << HONE_KIND_SEQUENCE,
    OPT = 1 << HONE_KIND_OPTIONAL,
    TENSOR = 1 << HONE_KIND_TENSOR,
    ALL = HONE_SET_ALL,
    INDEX = HONE_SET(INT32) | HONE_SET(INT64)
};
#define PARAM(name, var, kinds, is_optional)                                                                           \
    { name, ALL, var, kinds, is_optional }
static const hone__op_param p_tensor[] = {PARAM("tensor", 'T', TENSOR, false)};
static const hone__op_param p_sequence[] = {PARAM("sequence", 'T', SEQ, false)};
static const hone__op_param p_insert[] = {PARAM("input_sequence", 'T', SEQ, false), PARAM("tensor", 'T', TENSOR, false),
                                          HONE_PARAM_OPT("position", INDEX, 0)};
static const hone__op_param p_erase[] = {PARAM("input_sequence", 'T', SEQ, false),
                                         HONE_PARAM_OPT("position", INDEX, 0)};
static const hone__op_param p_at[] = {PARAM("input_sequence", 'T', SEQ, false), HONE_PARAM("position", INDEX, 0)};
static const hone__op_param p_split[] = {PARAM("input", 'T', TENSOR, false), HONE_PARAM_OPT("split", INDEX, 0)};
static const hone__op_param p_optional[] = {PARAM("input", 'T', TENSOR | SEQ, true)};
static const hone__op_param p_has[] = {PARAM("input", 'T', OPT | TENSOR | SEQ, true)};
static const hone__op_param p_get[] = {PARAM("input", 'T', OPT | TENSOR | SEQ, false)};
static const hone__op_param q_int64[] = {HONE_PARAM("length", HONE_SET(INT64), 0)};
static const hone__op_param q_bool[] = {HONE_PARAM("output", HONE_SET(BOOL), 0)};
static const hone__op_param q_optional[] = {PARAM("output", 'T', OPT, false)};
static const hone__op_param q_element[] = {PARAM("output", 'T', TENSOR | SEQ, false)};
static const hone__op_attr a_dtype[] = {{"dtype", HONE_ATTR_INT, false}};
static const hone__op_attr a_split[] = {{"axis", HONE_ATTR_INT, false}, {"keepdims", HONE_ATTR_INT, false}};
static const hone__op_attr a_concat[] = {{"axis", HONE_ATTR_INT, true}, {"new_axis", HONE_ATTR_INT, false}};
static const hone__op_attr a_type[] = {{"type", HONE_ATTR_TYPE_PROTO, false}};

#define PURE HONE_OP_PURE
static const hone__op g_rows[] = {
    HONE_ROW_NO_ATTRS("", "SequenceConstruct", 11, PURE | HONE_OP_VARIADIC_IN, 1, p_tensor, 1, p_sequence,
                      infer_construct, eval_construct, NULL),
    {"", "SequenceEmpty", 11, PURE, 0, 0, 1, 1, 1, NULL, p_sequence, a_dtype, infer_empty, eval_empty, NULL},
    HONE_ROW_NO_ATTRS("", "SequenceInsert", 11, PURE, 2, p_insert, 1, p_sequence, infer_same_sequence, eval_insert,
                      NULL),
    HONE_ROW_NO_ATTRS("", "SequenceErase", 11, PURE, 1, p_erase, 1, p_sequence, infer_same_sequence, eval_erase, NULL),
    HONE_ROW_NO_ATTRS("", "SequenceAt", 11, PURE | HONE_OP_DATA_SHAPE, 2, p_at, 1, p_tensor, infer_element, eval_at,
                      NULL),
    HONE_ROW_NO_ATTRS("", "SequenceLength", 11, PURE, 1, p_sequence, 1, q_int64, infer_length, eval_length, NULL),
    HONE_ROW("", "SplitToSequence", 11, PURE, 1, p_split, 1, p_sequence, a_split, infer_construct, eval_split, NULL),
    HONE_ROW("", "ConcatFromSequence", 11, PURE | HONE_OP_DATA_SHAPE, 1, p_sequence, 1, p_tensor, a_concat,
             infer_concat, eval_concat, NULL),
    HONE_ROW("", "Optional", 15, PURE, 0, p_optional, 1, q_optional, a_type, infer_optional, eval_optional, NULL),
    HONE_ROW_NO_ATTRS("", "OptionalHasElement", 15, PURE, 1, p_has, 1, q_bool, infer_has, eval_has_element, NULL),
    HONE_ROW_NO_ATTRS("", "OptionalHasElement", 18, PURE, 0, p_has, 1, q_bool, infer_has, eval_has_element, NULL),
    HONE_ROW_NO_ATTRS("", "OptionalGetElement", 15, PURE | HONE_OP_DATA_SHAPE, 1, p_get, 1, q_element, infer_element,
                      eval_get_element, NULL),
    HONE_ROW_NO_ATTRS("", "OptionalGetElement", 18, PURE | HONE_OP_DATA_SHAPE, 1, p_get, 1, q_element, infer_element,
                      eval_get_element, NULL),
};
const hone__op_family hone__ops_sequence = {"sequence", g_rows, sizeof g_rows / sizeof *g_rows};
