/* Einsum of one or two operands in the operators that it is made of, which have kernels and which other passes know
 * (an attention spelt in einsums becomes one):
 *
 *   i...,jk->...        one operand: ReduceSum over labels that the result lacks, Transpose
 *   bik,bkj->bij        Transpose and Reshape to [batch, M, K] and [batch, K, N], MatMul, Reshape and Transpose
 *   bi,bj->bij          nothing summed over: Unsqueeze and Mul
 *   bi,bi->b            nothing but sums: Mul and ReduceSum
 *
 * where batch are labels of both operands and of the result, K those of both that are summed over, M and N those of one
 * operand. Labels of one operand alone that the result lacks are summed over first.
 *
 * Proof obligation: sums and products commute and distribute, so the result is the same but for rounding. Batch labels
 * stay dims of their own and MatMul and Mul broadcast them as Einsum does; labels summed over are of equal size in both
 * operands (a size of 1 beside another would be repeated by Einsum and is an error for MatMul); groups of several
 * labels are merged by Reshape where their sizes are known. A label twice in one operand takes a diagonal: left alone.
 */
#include "base/error.h"
#include "ops/op_einsum.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <string.h>

typedef struct labels {
    int n, v[HONE_MAX_RANK];
} labels;

typedef struct expansion {
    hone__pass_context *ctx;
    hone__node *node;
    hone__einsum e;
    labels batch, m, n, k;
    bool keeps_m; /* B is one matrix: A's rows need no merging */
    hone_error *error;
} expansion;

static bool has(const labels *l, int label) {
    for (int i = 0; i < l->n; i++)
        if (l->v[i] == label)
            return true;
    return false;
}

static void add(labels *l, int label) { l->v[l->n++] = label; }

static void append(labels *l, const labels *more) {
    for (int i = 0; i < more->n && l->n < HONE_MAX_RANK; i++)
        add(l, more->v[i]);
}

static labels of_term(const hone__einsum_term *t) {
    labels l = {.n = t->n};
    memcpy(l.v, t->label, sizeof l.v);
    return l;
}

/* ---- single steps; *value is replaced by the result ---- */

static hone_status put(expansion *x, const char *op, hone__value *const *in, size_t n, hone__node **node) {
    return hone__pass_insert(x->ctx, x->node, op, in, n, x->node->outputs[0]->name, node, x->error);
}

static hone_status finish(expansion *x, hone__node *node, hone__value **value) {
    HONE_TRY(hone__pass_type(node, x->error));
    *value = node->outputs[0];
    return HONE_OK;
}

/* ReduceSum, Squeeze or Unsqueeze over axes. */
static hone_status along(expansion *x, const char *op, const int64_t *axes, size_t n, hone__value **value) {
    hone__node *node;
    if (n == 0)
        return HONE_OK;
    HONE_TRY(put(x, op, value, 1, &node));
    HONE_TRY(hone__pass_put_ints(node, "axes", 1, axes, n, x->error));
    if (strcmp(op, "ReduceSum") == 0)
        HONE_TRY(hone__node_set_attr_int(node, "keepdims", 0, x->error));
    return finish(x, node, value);
}

/* Sums over labels that nobody else has. */
static hone_status sum_private(expansion *x, const labels *keep, labels *have, hone__value **value) {
    int64_t axes[HONE_MAX_RANK];
    size_t n = 0;
    labels left = {0};
    for (int i = 0; i < have->n; i++)
        if (has(keep, have->v[i]))
            add(&left, have->v[i]);
        else
            axes[n++] = i;
    *have = left;
    return along(x, "ReduceSum", axes, n, value);
}

static hone_status transpose(expansion *x, const labels *have, const labels *want, hone__value **value) {
    int64_t perm[HONE_MAX_RANK];
    bool is_identity = true;
    hone__node *node;
    for (int i = 0; i < want->n; i++) {
        int at = 0;
        while (have->v[at] != want->v[i])
            at++;
        perm[i] = at;
        is_identity = is_identity && at == i;
    }
    if (is_identity)
        return HONE_OK;
    HONE_TRY(put(x, "Transpose", value, 1, &node));
    HONE_TRY(hone__node_set_attr_ints(node, "perm", perm, (size_t)want->n, x->error));
    return finish(x, node, value);
}

static int64_t merged(const expansion *x, const labels *group) {
    int64_t n = 1;
    for (int i = 0; i < group->n; i++)
        n *= x->e.dim[group->v[i]].value; /* sizes of what a tensor has: no overflow */
    return n;
}

static hone_status reshape(expansion *x, const int64_t *dims, size_t n, hone__value **value) {
    hone__node *node;
    hone__value *in[2] = {*value};
    HONE_TRY(hone__add_ints(x->ctx->graph, "shape", dims, n, &in[1], x->error));
    HONE_TRY(put(x, "Reshape", in, 2, &node));
    return finish(x, node, value);
}

/* [batch, first..., second...] to [batch, first, second]: merged where there are several, of size 1 where none. */
static hone_status to_matrices(expansion *x, const labels *first, const labels *second, hone__value **value) {
    int64_t dims[HONE_MAX_RANK + 2] = {0}, axes[2]; /* a 0 keeps the batch's dim */
    size_t n = 0;
    const int batch = x->batch.n;
    if (first->n > 1 || second->n > 1) {
        dims[batch] = merged(x, first);
        dims[batch + 1] = merged(x, second);
        return reshape(x, dims, (size_t)batch + 2, value);
    }
    if (first->n == 0)
        axes[n++] = batch;
    if (second->n == 0)
        axes[n++] = batch + 1;
    return along(x, "Unsqueeze", axes, n, value);
}

static hone_status from_matrices(expansion *x, hone__value **value) {
    int64_t dims[HONE_MAX_RANK] = {0}, axes[2];
    size_t n = 0;
    int at = x->batch.n;
    if ((x->m.n > 1 && !x->keeps_m) || x->n.n > 1) {
        for (int i = 0; i < x->m.n; i++)
            dims[at++] = x->e.dim[x->m.v[i]].value;
        for (int i = 0; i < x->n.n; i++)
            dims[at++] = x->e.dim[x->n.v[i]].value;
        return reshape(x, dims, (size_t)at, value);
    }
    if (x->m.n == 0)
        axes[n++] = at;
    if (x->n.n == 0)
        axes[n++] = at + (x->m.n ? x->m.n : 1);
    return along(x, "Squeeze", axes, n, value);
}

/* ---- the forms ---- */

static hone_status multiply(expansion *x, const labels have[2], hone__value *v[2], hone__value **out) {
    labels order[2] = {x->batch, x->batch};
    hone__node *node;
    append(&order[0], &x->m);
    append(&order[0], &x->k);
    append(&order[1], &x->k);
    append(&order[1], &x->n);
    for (int i = 0; i < 2; i++)
        HONE_TRY(transpose(x, &have[i], &order[i], &v[i]));
    if (!x->keeps_m)
        HONE_TRY(to_matrices(x, &x->m, &x->k, &v[0]));
    HONE_TRY(to_matrices(x, &x->k, &x->n, &v[1]));
    HONE_TRY(put(x, "MatMul", v, 2, &node));
    HONE_TRY(finish(x, node, out));
    return from_matrices(x, out);
}

/* Nothing, or nothing but what is summed over, differs between the operands: their product by elements, broadcast. */
static hone_status multiply_elements(expansion *x, const labels have[2], hone__value *v[2], hone__value **out) {
    labels order[2] = {x->batch, x->batch};
    int64_t axes[2][HONE_MAX_RANK], sums[HONE_MAX_RANK];
    size_t n[2] = {0};
    hone__node *node;
    append(&order[0], &x->m);
    append(&order[1], &x->n);
    for (int i = 0; i < 2; i++) {
        append(&order[i], &x->k);
        HONE_TRY(transpose(x, &have[i], &order[i], &v[i]));
    }
    for (int i = 0; i < x->n.n; i++)
        axes[0][n[0]++] = x->batch.n + x->m.n + i;
    for (int i = 0; i < x->m.n; i++)
        axes[1][n[1]++] = x->batch.n + i;
    for (int i = 0; i < 2; i++)
        HONE_TRY(along(x, "Unsqueeze", axes[i], n[i], &v[i]));
    HONE_TRY(put(x, "Mul", v, 2, &node));
    HONE_TRY(finish(x, node, out));
    for (int i = 0; i < x->k.n; i++)
        sums[i] = x->batch.n + i; /* with k there are no m and n */
    return along(x, "ReduceSum", sums, (size_t)x->k.n, out);
}

/* ---- which labels are what ---- */

static bool is_repeated(const hone__einsum_term *t) {
    for (int i = 0; i < t->n; i++)
        for (int j = 0; j < i; j++)
            if (t->label[i] == t->label[j])
                return true;
    return false;
}

static const hone__dim *dim_of(const expansion *x, int term, int label) {
    const hone__einsum_term *t = &x->e.in[term];
    for (int i = 0; i < t->n; i++)
        if (t->label[i] == label)
            return &x->node->inputs[term]->type.dims[i];
    return NULL;
}

static bool is_known(const expansion *x, const labels *group) {
    for (int i = 0; i < group->n; i++)
        if (x->e.dim[group->v[i]].value <= 0) /* a 0 in a shape means something else */
            return false;
    return true;
}

static bool is_equal(const hone__dim *a, const hone__dim *b) {
    return a->value >= 0 ? a->value == b->value
                         : b->value < 0 && a->symbol && b->symbol && strcmp(a->symbol, b->symbol) == 0;
}

/* Sorts the labels of two operands, of which `first` gives the rows; false, with a near miss, when they do not fit. */
static bool sort_labels(expansion *x, int first) {
    const labels in[2] = {of_term(&x->e.in[first]), of_term(&x->e.in[1 - first])}, out = of_term(&x->e.out);
    x->batch.n = x->m.n = x->n.n = x->k.n = 0;
    for (int i = 0; i < out.n; i++)
        add(!has(&in[1], out.v[i]) ? &x->m : !has(&in[0], out.v[i]) ? &x->n : &x->batch, out.v[i]);
    for (int i = 0; i < in[0].n; i++) {
        const int label = in[0].v[i];
        if (has(&out, label) || !has(&in[1], label))
            continue;
        add(&x->k, label);
        if (!is_equal(dim_of(x, 0, label), dim_of(x, 1, label))) {
            hone__pass_missed(x->ctx, x->node, 1, "the sizes of a label that is summed over are not known to be equal");
            return false;
        }
    }
    x->keeps_m = x->batch.n == 0 && x->m.n > 1 && x->k.n == 1 && x->n.n <= 1;
    if (x->k.n == 0 || (x->m.n == 0 && x->n.n == 0))
        return x->batch.n + x->m.n + x->n.n + x->k.n <= HONE_MAX_RANK;
    /* A merge writes both groups of its operand down, and the result's. */
    const bool merges_a = !x->keeps_m && (x->m.n > 1 || x->k.n > 1), merges_b = x->k.n > 1 || x->n.n > 1;
    const bool splits = (x->m.n > 1 && !x->keeps_m) || x->n.n > 1;
    if (((merges_a || splits) && !is_known(x, &x->m)) || ((merges_b || splits) && !is_known(x, &x->n)) ||
        ((merges_a || merges_b) && !is_known(x, &x->k))) {
        hone__pass_missed(x->ctx, x->node, 2, "several labels become one dimension, and a size is not known");
        return false;
    }
    return x->batch.n + (x->m.n > 1 ? x->m.n : 1) + (x->n.n > 1 ? x->n.n : 1) + x->k.n <= HONE_MAX_RANK;
}

/* The operand whose own labels stand first in the result gives the rows: no transposition afterwards. */
static int rows_operand(const expansion *x) {
    for (int i = 0; i < x->e.out.n; i++)
        for (int t = 0; t < 2; t++)
            if (!dim_of(x, 1 - t, x->e.out.label[i]))
                return t;
    return 0;
}

static hone_status expand(expansion *x) {
    hone__node *node = x->node;
    const labels out = of_term(&x->e.out);
    labels have[2], result, keep = out;
    hone__value *v[2], *value;
    if (x->e.n_in == 1) {
        have[0] = of_term(&x->e.in[0]);
        value = node->inputs[0];
        HONE_TRY(sum_private(x, &keep, &have[0], &value));
        result = have[0];
    } else {
        const int first = rows_operand(x);
        if (!sort_labels(x, first))
            return HONE_OK;
        append(&keep, &x->k);
        for (int i = 0; i < 2; i++) {
            const int t = i ? 1 - first : first;
            have[i] = of_term(&x->e.in[t]);
            v[i] = node->inputs[t];
            HONE_TRY(sum_private(x, &keep, &have[i], &v[i]));
        }
        result = x->batch;
        append(&result, &x->m);
        append(&result, &x->n);
        if (x->k.n == 0 || (x->m.n == 0 && x->n.n == 0))
            HONE_TRY(multiply_elements(x, have, v, &value));
        else
            HONE_TRY(multiply(x, have, v, &value));
    }
    HONE_TRY(transpose(x, &result, &out, &value));
    x->ctx->n_changed++;
    return hone__pass_replace(x->ctx, node, "Identity", &value, 1, NULL, x->error);
}

/* Whether the node can be read; its labels are then in x->e. */
static hone_status read_node(expansion *x, bool *fits) {
    int ranks[2];
    hone__node *node = x->node;
    *fits = false;
    if (node->n_inputs < 1 || node->n_inputs > 2) {
        hone__pass_missed(x->ctx, node, 0, "it has %zu operands", node->n_inputs);
        return HONE_OK;
    }
    for (size_t i = 0; i < node->n_inputs; i++) {
        const hone__value *in = node->inputs[i];
        const hone_dtype dtype = in ? hone__value_dtype(in) : HONE_DTYPE_UNDEFINED;
        ranks[i] = in ? hone__value_rank(in) : -1;
        if (ranks[i] < 0 || (dtype != HONE_DTYPE_FLOAT && dtype != HONE_DTYPE_DOUBLE)) {
            hone__pass_missed(x->ctx, node, 0, "\"%s\" is not of float or double, or of unknown rank",
                              in ? in->name : "");
            return HONE_OK;
        }
    }
    HONE_TRY(hone__einsum_parse(node, node->n_inputs, ranks, &x->e, x->error));
    for (size_t i = 0; i < node->n_inputs; i++)
        HONE_TRY(hone__einsum_bind(&x->e, i, node->inputs[i]->type.dims, x->error));
    HONE_TRY(hone__einsum_check(&x->e, x->error));
    for (size_t i = 0; i < node->n_inputs; i++)
        if (is_repeated(&x->e.in[i])) {
            hone__pass_missed(x->ctx, node, 1, "an operand repeats a label");
            return HONE_OK;
        }
    *fits = true;
    return HONE_OK;
}

HONE_PASS(expand_einsum) {
    static const char *const needed[] = {"Transpose", "ReduceSum", "Unsqueeze", "Squeeze", "MatMul", "Mul", "Identity"};
    if (!hone__pass_shapes_hold(ctx->graph) || !hone__pass_can(ctx, "Reshape", 5))
        return HONE_OK;
    for (size_t i = 0; i < HONE_COUNT_OF(needed); i++)
        if (!hone__pass_can(ctx, needed[i], 1))
            return HONE_OK;
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        expansion x = {.ctx = ctx, .node = node, .error = error};
        bool fits;
        if (!hone__is_op(node, "Einsum") || !node->op)
            continue;
        HONE_TRY(read_node(&x, &fits));
        if (fits)
            HONE_TRY(expand(&x));
    }
    return HONE_OK;
}
