/* Geometry, shape inference and reference evaluator of hone.FusedAttention; see op_fused_attention.h. */
#include "ops/op_fused_attention.h"

#include "base/checked.h"
#include "ops/op_attention.h"

#include <math.h>
#include <string.h>

hone__type hone__type_of_dims(hone_dtype dtype, int rank, const int64_t *sizes, hone__dim *dims) {
    for (int i = 0; i < rank; i++)
        dims[i] = (hone__dim){.value = sizes[i]};
    return (hone__type){.kind = HONE_KIND_TENSOR, .dtype = dtype, .rank = rank, .dims = dims, .is_known = true};
}

static int64_t product(int64_t a, int64_t b) {
    int64_t out;
    return a < 0 || b < 0 || !hone__mul_i64(a, b, &out) ? -1 : out;
}

/* Position of a letter in a layout, or -1. */
static int at(const char *layout, char letter) {
    const char *found = strchr(layout, letter);
    return found ? (int)(found - layout) : -1;
}

static bool is_layout(const char *layout) {
    static const char *const names[] = {"BHSD", "BSHD", "SBHD", "NSD", "SND", "BSC", "SBC"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(layout, names[i]) == 0)
            return true;
    return false;
}

/* Strides of a dense tensor whose memory is [B,H,S,D], [B,S,H,D] or [S,B,H,D]; row_size: elements of S's slice of all
 * heads, where heads are together. */
static void set_strides(hone__fused_operand *o, const char *layout, int64_t head_stride, int64_t row_size) {
    bool heads_first = strcmp(layout, "BHSD") == 0 || strcmp(layout, "NSD") == 0, is_time_major = layout[0] == 'S';
    if (heads_first) {
        o->stride[2] = o->size;
        o->stride[1] = product(o->rows.value, o->size);
        o->stride[0] = product(o->heads, o->stride[1]);
        return;
    }
    o->stride[1] = head_stride;
    o->stride[2] = is_time_major ? product(o->batch.value, row_size) : row_size;
    o->stride[0] = is_time_major ? row_size : product(o->rows.value, row_size);
}

static const char *read_operand(const hone__node *node, const hone__type *type, const char *prefix, int64_t heads,
                                int64_t size, hone__fused_operand *o) {
    char name[16] = {prefix[0]};
    size_t n = 0;
    memcpy(name + 1, "_layout", 8);
    const char *layout = hone__node_attr_string(node, name, "BHSD");
    if (!is_layout(layout) || (int)strlen(layout) != type->rank)
        return "the layout of an operand is not known or does not have its rank";
    memcpy(name + 1, "_view", 6);
    const int64_t *view = hone__node_attr_ints(node, name, &n);
    const hone__dim *dims = type->dims;
    if (view && (n != 2 || at(layout, 'C') < 0))
        return "a view has two elements and belongs to a layout with C";
    *o = (hone__fused_operand){.rows = dims[at(layout, 'S')], .heads = heads, .size = size};
    int h = at(layout, 'H'), b = at(layout, 'B'), d = at(layout, 'D'), c = at(layout, 'C');
    if (h >= 0)
        o->heads = dims[h].value;
    else if (heads < 1)
        return "the number of heads is missing";
    if (d >= 0)
        o->size = dims[d].value;
    if (b >= 0) {
        o->batch = dims[b];
    } else {
        int64_t all = dims[at(layout, 'N')].value;
        if (all >= 0 && all % heads != 0)
            return "batch x heads is no multiple of the number of heads";
        o->batch = hone__dim_unknown();
        o->batch.value = all < 0 ? -1 : all / heads;
    }
    int64_t row = c >= 0 ? dims[c].value : product(o->heads, o->size), head_stride = o->size;
    if (c >= 0) {
        if (size < 0 && row >= 0 && !view) {
            if (row % heads != 0)
                return "a row is no multiple of the number of heads";
            o->size = row / heads;
        }
        if (o->size < 0 && (row >= 0 || view))
            return "the size of a head is missing";
        head_stride = view ? view[1] : o->size;
        o->offset = view ? view[0] : 0;
        int64_t last = o->size < 0 ? 0 : product(heads - 1, head_stride);
        if (o->offset < 0 || head_stride < 0 || last < 0 || o->offset > INT32_MAX || last > INT32_MAX ||
            (row >= 0 && o->size >= 0 && o->offset + last + o->size > row))
            return "a view reaches beyond its row";
    }
    set_strides(o, layout, head_stride, row);
    if (o->batch.value == 1)
        o->stride[0] = 0;
    return NULL;
}

static bool differ(int64_t a, int64_t b) { return a >= 0 && b >= 0 && a != b; }

static const char *read_mask(const hone__node *node, const hone__type *mask, hone__fused_attention *a) {
    int64_t want[4] = {a->q.batch.value, a->q.heads, a->q.rows.value, a->k.rows.value}, have[4] = {1, 1, 1, 1};
    bool is_nst = strcmp(hone__node_attr_string(node, "mask_layout", ""), "NST") == 0;
    bool repeats = hone__node_attr_int(node, "mask_repeats", 0) != 0;
    if (mask->rank > 4 || (is_nst && mask->rank != 3))
        return "the mask has a rank that does not fit";
    for (int i = 0; i < mask->rank; i++)
        have[4 - mask->rank + i] = mask->dims[i].value;
    if (is_nst) {
        if (have[1] >= 0 && a->q.heads > 0 && have[1] % a->q.heads != 0)
            return "the mask's first dim is no multiple of the number of heads";
        have[0] = have[1] < 0 ? -1 : a->q.heads > 0 ? have[1] / a->q.heads : 0;
        have[1] = a->q.heads;
    }
    if (repeats && have[0] > 0 && want[0] >= 0 && want[0] % have[0] == 0)
        want[0] = have[0];
    int64_t step = 1;
    for (int i = 3; i >= 0; i--) {
        if (have[i] != 1 && differ(have[i], want[i]))
            return "the mask does not broadcast to [batch, heads, queries, keys]";
        a->mask_stride[i] = have[i] == 1 ? 0 : step;
        step = product(step, have[i]);
    }
    a->mask_batches = have[0] > 0 ? have[0] : 1;
    return NULL;
}

static const char *read_condition(const hone__type *condition, hone__fused_attention *a) {
    const int64_t want[4] = {a->q.batch.value, a->q.heads, a->q.rows.value, a->k.rows.value};
    int64_t step = 1;
    if (condition->rank > 4)
        return "the condition has a rank that does not fit";
    for (int i = 3; i >= 0; i--) {
        int at_dim = i - (4 - condition->rank);
        int64_t n = at_dim < 0 ? 1 : condition->dims[at_dim].value;
        if (n != 1 && differ(n, want[i]))
            return "the condition does not broadcast to [batch, heads, queries, keys]";
        a->condition_stride[i] = n == 1 ? 0 : step;
        step = product(step, n);
    }
    return NULL;
}

static void set_output(const hone__node *node, hone__fused_attention *a) {
    const char *layout = hone__node_attr_string(node, "y_layout", "BHSD");
    int64_t size = a->v.size, all = product(a->q.batch.value, a->q.heads), row = product(a->q.heads, size);
    a->y = a->q;
    a->y.size = size;
    a->y.offset = 0;
    a->rank = (int)strlen(layout);
    for (int i = 0; i < a->rank; i++) {
        hone__dim known = hone__dim_unknown();
        switch (layout[i]) {
        case 'B':
            known = a->q.batch;
            break;
        case 'S':
            known = a->q.rows;
            break;
        case 'H':
            known.value = a->q.heads;
            break;
        case 'D':
            known.value = size;
            break;
        case 'N':
            known.value = all;
            break;
        default:
            known.value = row;
        }
        a->dims[i] = known;
    }
    set_strides(&a->y, layout, size, row);
}

const char *hone__fused_attention_read(const hone__node *node, const hone__type *const types[5],
                                       hone__fused_attention *out) {
    int64_t heads = hone__node_attr_int(node, "num_heads", -1), kv = hone__node_attr_int(node, "kv_num_heads", heads);
    int64_t size = hone__node_attr_int(node, "head_size", -1), v_size = hone__node_attr_int(node, "v_head_size", size);
    if (heads > INT32_MAX || kv > INT32_MAX || size > INT32_MAX || v_size > INT32_MAX)
        return "a number of heads or a head's size is too large";
    memset(out, 0, sizeof *out);
    const char *reason = read_operand(node, types[0], "q", heads, size, &out->q);
    if (!reason)
        reason = read_operand(node, types[1], "k", kv, size, &out->k);
    if (!reason)
        reason = read_operand(node, types[2], "v", kv, v_size, &out->v);
    if (reason)
        return reason;
    const hone__fused_operand *q = &out->q, *k = &out->k, *v = &out->v;
    if (differ(q->size, k->size) || differ(k->heads, v->heads) || differ(k->rows.value, v->rows.value) ||
        (k->batch.value != 1 && differ(k->batch.value, q->batch.value)) ||
        (v->batch.value != 1 && differ(v->batch.value, q->batch.value)))
        return "queries, keys and values do not fit together";
    if (q->heads >= 0 && k->heads >= 0 && (k->heads == 0 ? q->heads != 0 : q->heads % k->heads != 0))
        return "the number of query heads is no multiple of the number of key heads";
    if (!is_layout(hone__node_attr_string(node, "y_layout", "BHSD")))
        return "the layout of the output is not known";
    double standard = q->size > 0 ? 1 / sqrt((double)q->size) : 1;
    out->scale = hone__node_attr(node, "scale") ? hone__node_attr_float(node, "scale", 1) : (float)standard;
    out->mask_value = hone__node_attr_float(node, "mask_value", -INFINITY);
    out->causal = hone__node_attr_int(node, "causal", 0) != 0;
    out->zero_masked = hone__node_attr_int(node, "zero_masked", 0) != 0;
    set_output(node, out);
    reason = types[3] ? read_mask(node, types[3], out) : NULL;
    return reason || !types[4] ? reason : read_condition(types[4], out);
}

hone_status hone__fused_attention_infer(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    const hone__type *types[5] = {0};
    for (size_t i = 0; i < 5; i++)
        if (hone__infer_has_rank(ctx, i))
            types[i] = hone__infer_input(ctx, i);
    if (!types[0] || !types[1] || !types[2])
        return hone__infer_set_dtype(ctx, 0, dtype);
    hone__fused_attention a;
    const char *reason = hone__fused_attention_read(ctx->node, types, &a);
    if (reason)
        return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "%s", reason);
    return hone__infer_set(ctx, 0, dtype, a.rank, a.dims);
}

double hone__fused_attention_flops(const hone__node *node, const hone__type *const *in, const hone__type *const *out) {
    hone__fused_attention a;
    (void)out;
    for (int i = 0; i < 3; i++)
        if (!in[i] || in[i]->rank < 3)
            return 0;
    if (hone__fused_attention_read(node, (const hone__type *const[5]){in[0], in[1], in[2], NULL, NULL}, &a))
        return 0;
    return 2 * (double)a.q.batch.value * (double)a.q.heads * (double)a.q.rows.value * (double)a.k.rows.value *
           (double)(a.q.size + a.v.size) / (a.causal ? 2 : 1);
}

/* The mask as numbers to add. */
static hone_status mask_values(hone__eval *ctx, const hone__fused_attention *f, const double **out) {
    const hone_tensor *mask = hone__in(ctx, 3);
    if (!mask)
        return HONE_OK;
    if (mask->dtype != HONE_DTYPE_BOOL)
        return hone__eval_in_double(ctx, 3, out);
    void *p;
    int64_t n = hone__tensor_count(mask);
    HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof(double), &p));
    for (int64_t i = 0; i < n; i++)
        ((double *)p)[i] = ((const uint8_t *)mask->data)[i] ? 0 : (double)f->mask_value;
    *out = p;
    return HONE_OK;
}

hone_status hone__fused_attention_eval(hone__eval *ctx) {
    const hone_tensor *in[5] = {0};
    hone__dim dims[5][HONE_MAX_RANK];
    hone__type types[5];
    const hone__type *known[5] = {0};
    for (size_t i = 0; i < 3; i++)
        HONE_TRY(hone__eval_tensor(ctx, i, &in[i]));
    in[3] = hone__in(ctx, 3);
    in[4] = hone__in(ctx, 4);
    for (size_t i = 0; i < 5; i++)
        if (in[i]) {
            known[i] = &types[i];
            types[i] = hone__type_of_dims(in[i]->dtype, in[i]->rank, in[i]->dims, dims[i]);
        }
    hone__fused_attention f;
    const char *reason = hone__fused_attention_read(ctx->node, known, &f);
    if (reason)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "%s", reason);
    hone__attention a = {.batch = f.q.batch.value,
                         .heads = f.q.heads,
                         .kv_heads = f.k.heads,
                         .s = f.q.rows.value,
                         .t = f.k.rows.value,
                         .d = f.q.size,
                         .dv = f.v.size,
                         .scale = (double)f.scale,
                         .causal = f.causal,
                         .past = f.k.rows.value - f.q.rows.value,
                         .mask_batches = f.mask_batches,
                         .nan_masked = !f.zero_masked};
    int64_t y_dims[4];
    hone_tensor *out;
    memcpy(a.q_stride, f.q.stride, sizeof a.q_stride);
    memcpy(a.k_stride, f.k.stride, sizeof a.k_stride);
    memcpy(a.v_stride, f.v.stride, sizeof a.v_stride);
    memcpy(a.y_stride, f.y.stride, sizeof a.y_stride);
    memcpy(a.mask_stride, f.mask_stride, sizeof a.mask_stride);
    if (in[4]) {
        a.condition = in[4]->data;
        a.condition_fill = (double)f.mask_value;
        memcpy(a.condition_stride, f.condition_stride, sizeof a.condition_stride);
    }
    for (int i = 0; i < f.rank; i++)
        y_dims[i] = f.dims[i].value;
    HONE_TRY(mask_values(ctx, &f, &a.mask));
    HONE_TRY(hone__eval_in_double(ctx, 0, &a.q));
    HONE_TRY(hone__eval_in_double(ctx, 1, &a.k));
    HONE_TRY(hone__eval_in_double(ctx, 2, &a.v));
    HONE_TRY(hone__eval_out_double(ctx, 0, in[0]->dtype, f.rank, y_dims, &out, &a.y));
    a.q += f.q.offset;
    a.k += f.k.offset;
    a.v += f.v.offset;
    if (a.batch > 0 && a.heads > 0)
        HONE_TRY(hone__attention_run(ctx, &a));
    hone__eval_put_double(out, a.y);
    return HONE_OK;
}
