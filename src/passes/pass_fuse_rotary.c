/* Recognises rotary position embedding spelt out: hone.FusedRotary.
 *
 *     halves (LLaMA, GPT-NeoX)   x * cos + Concat(Neg(x[..., d/2:]), x[..., :d/2]) * sin
 *     pairs (GPT-J)              the same with Reshape(Concat(Unsqueeze(Neg(x[..., 1::2])), Unsqueeze(x[..., ::2])))
 *     partial (GPT-NeoX)         Concat(either of them for x[..., :r], x[..., r:])
 *
 * Proof obligation: the parts of x are exactly its halves (or its even and odd elements) along the last axis, whose
 * size is known and is also that of cos and sin; so every element is x * cos plus or minus its partner * sin. The other
 * dims are broadcast by the operator as Mul and Add broadcast them. Behind a Concat with the rest of x they are those
 * of x in every run in which the Concat was possible. Results differ by rounding (products are added unrounded).
 * Source: Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"
#include "passes/pass_match.h"

/* x[..., start::step], n elements: a Slice or an output of a Split. */
typedef struct part {
    hone__value *x;
    int64_t start, step, n;
} part;

static bool is_last_axis(int64_t axis, int rank) { return axis == -1 || axis == rank - 1; }

static bool read_slice(const hone__node *node, part *p) {
    int64_t start, end, axis, step = 1, d = hone__value_dim(node->inputs[0], -1);
    size_t n, n_end, n_axis, n_step = 1;
    if (hone__pass_get_ints(node, "starts", 1, &start, 1, &n) != HONE_INTS_KNOWN || n != 1 ||
        hone__pass_get_ints(node, "ends", 2, &end, 1, &n_end) != HONE_INTS_KNOWN || n_end != 1)
        return false;
    hone__ints axes = hone__pass_get_ints(node, "axes", 3, &axis, 1, &n_axis);
    hone__ints steps =
        node->op->since >= 10 ? hone__pass_get_ints(node, "steps", 4, &step, 1, &n_step) : HONE_INTS_ABSENT;
    if (axes == HONE_INTS_ABSENT)
        axis = 0;
    if (axes == HONE_INTS_UNKNOWN || (axes == HONE_INTS_KNOWN && n_axis != 1) || steps == HONE_INTS_UNKNOWN ||
        (steps == HONE_INTS_KNOWN && n_step != 1) || !is_last_axis(axis, hone__value_rank(node->inputs[0])) || step < 1)
        return false;
    start = start < -d ? 0 : start < 0 ? start + d : start > d ? d : start;
    end = end < -d ? 0 : end < 0 ? end + d : end > d ? d : end;
    *p = (part){node->inputs[0], start, step, end > start ? (end - start - 1) / step + 1 : 0};
    return true;
}

static bool read_split(const hone__value *value, part *p) {
    const hone__node *node = value->producer;
    *p = (part){node->inputs[0], 0, 1, hone__value_dim(value, -1)};
    if (!is_last_axis(hone__node_attr_int(node, "axis", 0), hone__value_rank(node->inputs[0])) || p->n < 0)
        return false;
    for (size_t i = 0; i < value->producer_index; i++) {
        int64_t size = node->outputs[i] ? hone__value_dim(node->outputs[i], -1) : -1;
        if (size < 0)
            return false;
        p->start += size;
    }
    return true;
}

/* False unless x's last dim is known. */
static bool read_part(const hone__value *value, part *p) {
    const hone__node *node = value->producer;
    if (!node || !node->n_inputs || !node->inputs[0] || hone__value_rank(node->inputs[0]) < 1 ||
        hone__value_dim(node->inputs[0], -1) < 0)
        return false;
    return hone__is_op(node, "Slice") ? read_slice(node, p) : hone__is_op(node, "Split") && read_split(value, p);
}

static bool is_part(const part *p, int64_t start, int64_t step, int64_t n) {
    return p->start == start && p->step == step && p->n == n;
}

static bool joins_last(const hone__node *node) {
    return hone__is_op(node, "Concat") && node->n_inputs == 2 &&
           is_last_axis(hone__node_attr_int(node, "axis", 0), hone__value_rank(node->outputs[0]));
}

/* What stands behind an Unsqueeze that adds a last dim; else NULL. */
static hone__value *behind_unsqueeze(hone__value *value) {
    int64_t axis;
    size_t n;
    const hone__node *node = value->producer;
    if (!node || !hone__is_op(node, "Unsqueeze") ||
        hone__pass_get_ints(node, "axes", 1, &axis, 1, &n) != HONE_INTS_KNOWN || n != 1 ||
        !is_last_axis(axis, hone__value_rank(value)))
        return NULL;
    return node->inputs[0];
}

/* Whether Reshape gives a value of x's dims but for the last, and pairs [.., d/2, 2] the shape of x. */
static bool gives_shape_of(const hone__node *reshape, const hone__value *x) {
    int64_t dims[HONE_MAX_RANK];
    size_t n;
    int n_free = 0;
    const hone__value *y = reshape->outputs[0];
    if (!hone__is_op(reshape, "Reshape") || hone__value_rank(y) != hone__value_rank(x))
        return false;
    if (hone__same_shape(y, x))
        return true;
    if (hone__pass_get_ints(reshape, "shape", 1, dims, HONE_MAX_RANK, &n) != HONE_INTS_KNOWN ||
        n != (size_t)hone__value_rank(x) || hone__node_attr_int(reshape, "allowzero", 0))
        return false;
    for (size_t i = 0; i < n; i++) { /* 0 copies a dim; the one that is -1 is what is left */
        bool copies = dims[i] == 0 && i + 1 < n;
        n_free += dims[i] == -1;
        if (!copies && dims[i] != -1 && dims[i] != hone__value_dim(x, (int)i))
            return false;
    }
    return n_free <= 1;
}

typedef struct core {
    hone__value *x, *turned; /* turned: of x's shape */
    hone__value *end;        /* what Concat gives; differs from turned when pairs are flattened behind it */
    int64_t d;
    bool is_interleaved;
} core;

/* Concat(Neg(part), part) of one x: the heart of the pattern. */
static bool match_core(hone__pass_context *ctx, hone__node *concat, core *c) {
    part a, b;
    char buf[300];
    if (!joins_last(concat))
        return false;
    hone__value *first = concat->inputs[0], *second = concat->inputs[1];
    hone__value *first_pair = behind_unsqueeze(first), *second_pair = behind_unsqueeze(second);
    bool is_pairs = first_pair && second_pair;
    first = is_pairs ? first_pair : first;
    second = is_pairs ? second_pair : second;
    if (!first->producer || !hone__is_op(first->producer, "Neg") || !read_part(first->producer->inputs[0], &a) ||
        !read_part(second, &b) || a.x != b.x || !hone__is_float(a.x))
        return false;
    int64_t d = hone__value_dim(a.x, -1), h = d / 2;
    *c = (core){a.x, concat->outputs[0], concat->outputs[0], d, is_pairs};
    if (d < 2 || d % 2 || !is_part(&a, is_pairs ? 1 : h, is_pairs ? 2 : 1, h) || !is_part(&b, 0, is_pairs ? 2 : 1, h)) {
        hone__pass_missed(ctx, concat, 3, "node %s does not join the two %s of %s", concat->name,
                          is_pairs ? "elements of every pair" : "halves", a.x->name);
        return false;
    }
    if (!is_pairs)
        return true;
    const hone__node *flat = hone__next_node(concat->outputs[0], &c->end);
    if (!flat) {
        hone__pass_missed(ctx, concat, 5, "%s", hone__describe_uses(c->end, buf, sizeof buf));
        return false;
    }
    if (flat->inputs[0] != c->end || !gives_shape_of(flat, a.x)) {
        hone__pass_missed(ctx, concat, 5, "node %s does not give the pairs the shape of %s", flat->name, a.x->name);
        return false;
    }
    c->turned = flat->outputs[0];
    return true;
}

/* cos and sin have an element per element of the last axis. */
static bool fits(hone__pass_context *ctx, const hone__node *concat, const core *c, const hone__value *factor) {
    bool ok = hone__is_float(factor) && hone__value_rank(factor) >= 1 && hone__value_dim(factor, -1) == c->d;
    if (!ok)
        hone__pass_missed(ctx, concat, 6, "%s is not known to have a last dimension of %lld", factor->name,
                          (long long)c->d);
    return ok;
}

/* The Add of x * cos and turned * sin. */
static hone__node *match_sum(hone__pass_context *ctx, const hone__node *concat, const core *c, hone__value **cos,
                             hone__value **sin) {
    char buf[300];
    hone__value *link, *product;
    hone__node *mul = hone__next_node(c->turned, &link);
    if (!mul) {
        hone__pass_missed(ctx, concat, 4, "%s", hone__describe_uses(link, buf, sizeof buf));
        return NULL;
    }
    *sin = hone__is_op(mul, "Mul") ? hone__other_input(mul, link) : NULL;
    if (!*sin || *sin == link) {
        hone__pass_missed(ctx, concat, 4, "node %s does not multiply by sines", mul->name);
        return NULL;
    }
    hone__node *add = hone__next_node(mul->outputs[0], &link);
    if (!add) {
        hone__pass_missed(ctx, concat, 5, "%s", hone__describe_uses(link, buf, sizeof buf));
        return NULL;
    }
    product = hone__is_op(add, "Add") ? hone__other_input(add, link) : NULL;
    const hone__node *straight = product ? product->producer : NULL;
    *cos = straight && hone__is_op(straight, "Mul") ? hone__other_input(straight, c->x) : NULL;
    if (!*cos) {
        hone__pass_missed(ctx, concat, 5, "node %s does not add the product of %s and cosines", add->name, c->x->name);
        return NULL;
    }
    return fits(ctx, concat, c, *cos) && fits(ctx, concat, c, *sin) ? add : NULL;
}

/* Only the first elements are turned: the Concat that puts the rest behind them, and *x what both come from; else the
 * node itself. */
static hone__node *take_rest(hone__node *add, hone__value **x) {
    part turned, rest;
    hone__value *link;
    hone__node *join = hone__next_node(add->outputs[0], &link);
    if (!join || !joins_last(join) || join->inputs[0] != link || !read_part(*x, &turned) ||
        !read_part(join->inputs[1], &rest) || rest.x != turned.x || turned.start != 0 || turned.step != 1 ||
        !is_part(&rest, turned.n, 1, hone__value_dim(turned.x, -1) - turned.n) || !hone__is_float(turned.x))
        return add;
    *x = turned.x;
    return join;
}

HONE_PASS(fuse_rotary) {
    if (!hone__pass_may_make(ctx, "hone", "FusedRotary", 1) || !hone__pass_shapes_hold(ctx->graph))
        return HONE_OK;
    HONE_FOR_NODES_SAFE(concat, ctx->graph) {
        core c;
        hone__value *cos, *sin;
        hone__node *made;
        if (!match_core(ctx, concat, &c))
            continue;
        hone__node *last = match_sum(ctx, concat, &c, &cos, &sin);
        if (!last)
            continue;
        last = take_rest(last, &c.x);
        if (last == concat_next)
            concat_next = last->next;
        hone__value *inputs[] = {c.x, cos, sin};
        HONE_TRY(hone__replace_pattern(last, "hone", "FusedRotary", 1, inputs, 3, "fuse_rotary", &made, error));
        if (c.is_interleaved)
            HONE_TRY(hone__node_set_attr_int(made, "interleaved", 1, error));
        ctx->n_changed++;
    }
    return HONE_OK;
}
