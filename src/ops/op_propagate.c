/* Data propagation: what is known of the elements of a small integer tensor, element by element. Shapes
 * computed in the graph (Shape -> Gather -> Concat -> Reshape) stay known as far as they can be, with the
 * symbols of unknown dims carried along.
 *
 * Where it stands: hone__op_infer_node calls it after the row's own inference; the operators are named
 * here since their rules share everything. Tensors whose data is wholly known are evaluated by
 * graph_infer.c instead. */
#include "base/checked.h"
#include "base/error.h"
#include "ops/op.h"

#include <string.h>

enum { MAX_SYMS = 256 };

typedef struct syms {
    const hone__sym *v;
    size_t n;
} syms;

static bool is_small_int(const hone__type *type) {
    return type && type->kind == HONE_KIND_TENSOR && type->rank <= 1 &&
           hone__dtype_in(type->dtype, HONE_SET_INT | HONE_SET(BOOL));
}

static bool get(hone__infer *ctx, size_t i, syms *out) {
    if (i >= ctx->n_in)
        return false;
    if (ctx->in_sym && ctx->in_sym[i]) {
        *out = (syms){ctx->in_sym[i], ctx->in_n_sym[i]};
        return true;
    }
    const hone_tensor *t = ctx->in_const ? ctx->in_const[i] : NULL;
    if (!t || t->kind != HONE_KIND_TENSOR || !hone__dtype_in(t->dtype, HONE_SET_INT | HONE_SET(BOOL)))
        return false;
    int64_t n = hone__tensor_count(t);
    if (n > MAX_SYMS)
        return false;
    hone__sym *v = hone__arena_calloc(ctx->arena, (size_t)n + 1, sizeof *v);
    if (!v)
        return false;
    for (int64_t k = 0; k < n; k++)
        v[k].is_known = hone__tensor_get_i64(t, k, &v[k].value);
    *out = (syms){v, (size_t)n};
    return true;
}

static hone__sym *set(hone__infer *ctx, size_t i, size_t n) {
    if (i >= ctx->n_out || n > MAX_SYMS)
        return NULL;
    hone__sym *v = hone__arena_calloc(ctx->arena, n + 1, sizeof *v);
    if (v) {
        ctx->out_sym[i] = v;
        ctx->out_n_sym[i] = n;
    }
    return v;
}

static hone__sym known(int64_t value) { return (hone__sym){true, value, NULL}; }
static hone__sym of_dim(hone__dim d) { return d.value >= 0 ? known(d.value) : (hone__sym){false, 0, d.symbol}; }
/* An unknown with a symbol stands for a dim, hence is not negative. */
static bool is_dim(hone__sym s) { return s.is_known ? s.value >= 0 : s.symbol != NULL; }
static bool same(hone__sym a, hone__sym b) {
    if (a.is_known || b.is_known)
        return a.is_known && b.is_known && a.value == b.value;
    return a.symbol && b.symbol && *a.symbol && strcmp(a.symbol, b.symbol) == 0;
}

static void prop_shape(hone__infer *ctx) {
    if (!hone__infer_has_rank(ctx, 0))
        return;
    const hone__type *x = ctx->in[0];
    int64_t start = hone__node_attr_int(ctx->node, "start", 0), end = hone__node_attr_int(ctx->node, "end", x->rank);
    start = hone__max_i64(0, hone__min_i64(start < 0 ? start + x->rank : start, x->rank));
    end = hone__max_i64(0, hone__min_i64(end < 0 ? end + x->rank : end, x->rank));
    size_t n = end > start ? (size_t)(end - start) : 0;
    hone__sym *v = set(ctx, 0, n);
    for (size_t i = 0; v && i < n; i++)
        v[i] = of_dim(x->dims[(size_t)start + i]);
}

static void prop_size(hone__infer *ctx) {
    if (!hone__infer_has_rank(ctx, 0))
        return;
    hone__sym total = known(1);
    for (int i = 0; i < ctx->in[0]->rank; i++) {
        hone__sym d = of_dim(ctx->in[0]->dims[i]);
        if (total.is_known && total.value == 1)
            total = d;
        else if (!(d.is_known && d.value == 1))
            total = total.is_known && d.is_known && hone__mul_i64(total.value, d.value, &total.value) ? total
                                                                                                      : (hone__sym){0};
    }
    hone__sym *v = set(ctx, 0, 1);
    if (v)
        v[0] = total;
}

static void prop_copy(hone__infer *ctx) {
    syms x;
    if (!get(ctx, 0, &x))
        return;
    if (ctx->out[0].is_known && !hone__dtype_in(ctx->out[0].dtype, HONE_SET(INT64) | HONE_SET(INT32) | HONE_SET(BOOL)))
        return;
    hone__sym *v = set(ctx, 0, x.n);
    for (size_t i = 0; v && i < x.n; i++)
        v[i] = ctx->out[0].dtype == HONE_DTYPE_BOOL && x.v[i].is_known ? known(x.v[i].value != 0) : x.v[i];
}

static void prop_gather(hone__infer *ctx) {
    syms x, index;
    if (!get(ctx, 0, &x) || !get(ctx, 1, &index) || !hone__infer_has_rank(ctx, 0) || ctx->in[0]->rank != 1)
        return;
    for (size_t i = 0; i < index.n; i++) {
        int64_t k = index.v[i].value;
        if (!index.v[i].is_known || k < -(int64_t)x.n || k >= (int64_t)x.n)
            return;
    }
    hone__sym *v = set(ctx, 0, index.n);
    for (size_t i = 0; v && i < index.n; i++)
        v[i] = x.v[index.v[i].value < 0 ? index.v[i].value + (int64_t)x.n : index.v[i].value];
}

static void prop_concat(hone__infer *ctx) {
    size_t n = 0;
    syms x;
    for (size_t i = 0; i < ctx->n_in; i++) {
        if (!get(ctx, i, &x)) { /* unknown elements of a known count still leave the others known */
            if (!hone__infer_has_rank(ctx, i) || ctx->in[i]->rank != 1 || ctx->in[i]->dims[0].value < 0 ||
                ctx->in[i]->dims[0].value > MAX_SYMS || !is_small_int(ctx->in[i]))
                return;
            x.n = (size_t)ctx->in[i]->dims[0].value;
        }
        n += x.n;
        if (n > MAX_SYMS)
            return;
    }
    hone__sym *v = set(ctx, 0, n);
    size_t at = 0;
    for (size_t i = 0; v && i < ctx->n_in; i++) {
        if (get(ctx, i, &x)) {
            memcpy(v + at, x.v, x.n * sizeof *v);
            at += x.n;
        } else {
            at += (size_t)ctx->in[i]->dims[0].value;
        }
    }
}

static void prop_slice(hone__infer *ctx) {
    syms x;
    int64_t start = 0, end = 0, step = 1, axis = 0;
    size_t n;
    if (!get(ctx, 0, &x) || !hone__infer_has_rank(ctx, 0) || ctx->in[0]->rank != 1)
        return;
    if (ctx->n_in == 1) { /* Slice-1: attributes */
        const int64_t *s = hone__node_attr_ints(ctx->node, "starts", &n), *e;
        if (n != 1)
            return;
        e = hone__node_attr_ints(ctx->node, "ends", &n);
        if (n != 1)
            return;
        start = s[0];
        end = e[0];
    } else if (!hone__infer_ints(ctx, 1, &start, 1, &n) || n != 1 || !hone__infer_ints(ctx, 2, &end, 1, &n) || n != 1 ||
               (ctx->n_in > 3 && ctx->in[3] && (!hone__infer_ints(ctx, 3, &axis, 1, &n) || n != 1)) ||
               (ctx->n_in > 4 && ctx->in[4] && (!hone__infer_ints(ctx, 4, &step, 1, &n) || n != 1)) || step == 0) {
        return;
    }
    int64_t len = (int64_t)x.n;
    start = start < 0 && start >= -len ? start + len : start;
    end = end < 0 && end >= -len ? end + len : end;
    hone__sym picked[MAX_SYMS];
    size_t count = 0;
    if (step > 0) {
        start = start < 0 ? 0 : start;
        end = hone__min_i64(end, len);
        for (int64_t i = start; i < end && count<MAX_SYMS; i = step> len ? end : i + step)
            picked[count++] = x.v[i];
    } else {
        start = hone__min_i64(start, len - 1);
        end = end < -1 ? -1 : end;
        for (int64_t i = start; i > end && i >= 0 && count < MAX_SYMS; i = step < -len ? end : i + step)
            picked[count++] = x.v[i];
    }
    hone__sym *v = set(ctx, 0, count);
    if (v)
        memcpy(v, picked, count * sizeof *v);
}

static hone__sym combine(char op, hone__sym a, hone__sym b) {
    hone__sym none = {0};
    int64_t r;
    if (a.is_known && b.is_known) {
        switch (op) {
        case '+':
            return hone__add_i64(a.value, b.value, &r) ? known(r) : none;
        case '-':
            return __builtin_sub_overflow(a.value, b.value, &r) ? none : known(r);
        case '*':
            return hone__mul_i64(a.value, b.value, &r) ? known(r) : none;
        case '/':
            return b.value == 0 || b.value == -1 ? none : known(a.value / b.value);
        case '<':
            return known(hone__min_i64(a.value, b.value));
        case '>':
            return known(hone__max_i64(a.value, b.value));
        default: /* = */
            return known(a.value == b.value);
        }
    }
    bool b0 = b.is_known && b.value == 0, b1 = b.is_known && b.value == 1;
    bool a0 = a.is_known && a.value == 0, a1 = a.is_known && a.value == 1;
    switch (op) {
    case '+':
        return b0 ? a : a0 ? b : none;
    case '-':
        return b0 ? a : same(a, b) ? known(0) : none;
    case '*':
        return b1 ? a : a1 ? b : a0 || b0 ? known(0) : none;
    case '/':
        return b1 ? a : none; /* x / x is 1 only when x is not 0 */
    case '>':
        return same(a, b) || (is_dim(a) && b.is_known && b.value <= 0) ? a
               : is_dim(b) && a.is_known && a.value <= 0               ? b
                                                                       : none;
    case '<':
        return same(a, b) ? a : none;
    default: /* a dim never equals a negative number */
        if (same(a, b))
            return known(1);
        return (a.is_known && a.value < 0 && is_dim(b)) || (b.is_known && b.value < 0 && is_dim(a)) ? known(0) : none;
    }
}

static void prop_binary(hone__infer *ctx, char op) {
    syms acc, x;
    if (!get(ctx, 0, &acc))
        return;
    hone__sym v[MAX_SYMS];
    memcpy(v, acc.v, acc.n * sizeof *v);
    size_t n = acc.n;
    for (size_t i = 1; i < ctx->n_in; i++) {
        if (!get(ctx, i, &x) || (x.n != n && x.n != 1 && n != 1))
            return;
        if (n == 1 && x.n != 1) {
            for (size_t k = 1; k < x.n; k++)
                v[k] = v[0];
            n = x.n;
        }
        for (size_t k = 0; k < n; k++)
            v[k] = combine(op, v[k], x.v[x.n == 1 ? 0 : k]);
    }
    hone__sym *out = set(ctx, 0, n);
    if (out)
        memcpy(out, v, n * sizeof *v);
}

static void prop_where(hone__infer *ctx) {
    syms c, a, b;
    if (!get(ctx, 0, &c) || !get(ctx, 1, &a) || !get(ctx, 2, &b))
        return;
    size_t n = hone__max_size(c.n, hone__max_size(a.n, b.n));
    if ((c.n != n && c.n != 1) || (a.n != n && a.n != 1) || (b.n != n && b.n != 1) || !c.n || !a.n || !b.n)
        return;
    hone__sym *v = set(ctx, 0, n);
    for (size_t i = 0; v && i < n; i++) {
        hone__sym cond = c.v[c.n == 1 ? 0 : i], x = a.v[a.n == 1 ? 0 : i], y = b.v[b.n == 1 ? 0 : i];
        v[i] = cond.is_known ? (cond.value ? x : y) : same(x, y) ? x : (hone__sym){0};
    }
}

static void prop_constant_of_shape(hone__infer *ctx) {
    int64_t n = 1, fill = 0;
    size_t count;
    const hone__attr *attr = hone__node_attr(ctx->node, "value");
    if (!hone__infer_ints(ctx, 0, &n, 1, &count) || n < 0 || n > MAX_SYMS || !attr || !attr->t ||
        !hone__tensor_get_i64(attr->t, 0, &fill))
        return;
    hone__sym *v = set(ctx, 0, (size_t)n);
    for (int64_t i = 0; v && i < n; i++)
        v[i] = known(fill);
}

static void prop_reduce_prod(hone__infer *ctx) {
    syms x;
    if (!get(ctx, 0, &x) || !hone__infer_has_rank(ctx, 0) || ctx->in[0]->rank != 1)
        return;
    hone__sym total = known(1);
    for (size_t i = 0; i < x.n; i++)
        total = combine('*', total, x.v[i]);
    hone__sym *v = set(ctx, 0, 1);
    if (v)
        v[0] = total;
}

static void prop_split(hone__infer *ctx) {
    syms x;
    if (!get(ctx, 0, &x) || !hone__infer_has_rank(ctx, 0) || ctx->in[0]->rank != 1)
        return;
    size_t at = 0;
    for (size_t i = 0; i < ctx->n_out; i++) { /* sizes are those that inference gave the outputs */
        if (!ctx->out[i].is_known || ctx->out[i].rank != 1 || ctx->out[i].dims[0].value < 0)
            return;
        size_t n = (size_t)ctx->out[i].dims[0].value;
        if (n > x.n - at)
            return;
        hone__sym *v = set(ctx, i, n);
        if (v)
            memcpy(v, x.v + at, n * sizeof *v);
        at += n;
    }
}

static const struct {
    const char *op;
    void (*rule)(hone__infer *ctx);
    char binary; /* or an elementwise rule of combine() */
} g_rules[] = {
    {"Shape", prop_shape, 0},
    {"Size", prop_size, 0},
    {"Identity", prop_copy, 0},
    {"Cast", prop_copy, 0},
    {"Reshape", prop_copy, 0},
    {"Squeeze", prop_copy, 0},
    {"Unsqueeze", prop_copy, 0},
    {"Flatten", prop_copy, 0},
    {"Gather", prop_gather, 0},
    {"Concat", prop_concat, 0},
    {"Slice", prop_slice, 0},
    {"Split", prop_split, 0},
    {"Where", prop_where, 0},
    {"ConstantOfShape", prop_constant_of_shape, 0},
    {"ReduceProd", prop_reduce_prod, 0},
    {"Add", NULL, '+'},
    {"Sub", NULL, '-'},
    {"Mul", NULL, '*'},
    {"Div", NULL, '/'},
    {"Min", NULL, '<'},
    {"Max", NULL, '>'},
    {"Equal", NULL, '='},
};

hone_status hone__op_propagate(hone__infer *ctx) {
    if (!ctx->out_sym || !ctx->n_out || ctx->out_sym[0] || *ctx->node->domain)
        return HONE_OK;
    for (size_t i = 0; i < sizeof g_rules / sizeof *g_rules; i++) {
        if (strcmp(g_rules[i].op, ctx->node->op_type) != 0)
            continue;
        if (!g_rules[i].binary)
            g_rules[i].rule(ctx);
        else if (is_small_int(hone__infer_input(ctx, 0)))
            prop_binary(ctx, g_rules[i].binary);
        break;
    }
    return HONE_OK;
}
