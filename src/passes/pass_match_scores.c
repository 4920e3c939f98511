/* From the Softmax of an attention back to the product of queries and keys: scalar factors, additive masks, masks by
 * Where or by multiplication with zeros and ones, clamping, and reshapes between [B*H,S,T], [B,H,S,T] and Swin's
 * [B,windows,H,S,T]. See pass_match_attention.h. */
#include "passes/pass_match.h"
#include "passes/pass_match_attention.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double g_hidden = -1e4; /* fills below this take a key's probability to 0 */

static bool is_bare_product(const hone__node *node) {
    if (hone__is_op(node, "MatMul"))
        return !node->inputs[0]->constant && !node->inputs[1]->constant;
    return hone__is_op_in(node, "hone", "FusedMatMul") && node->n_inputs == 2 && !node->inputs[0]->constant &&
           !node->inputs[1]->constant && !*hone__node_attr_string(node, "activation", "") &&
           !hone__node_attr_int(node, "transA", 0);
}

/* Steps to the nearest product of two computed values; `budget` bounds the search. */
static int distance(const hone__value *value, int depth, int *budget) {
    static const char *const ops[] = {"Add",  "Sub",      "Mul",     "Div",     "Where",    "Max",
                                      "Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze"};
    const hone__node *node = value ? value->producer : NULL;
    if (!node || depth > 12 || --*budget < 0)
        return 1000;
    if (is_bare_product(node))
        return 0;
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (!hone__is_op(node, ops[i]))
            continue;
        int best = 1000;
        size_t n = i >= 6 ? 1 : node->n_inputs;
        for (size_t k = i == 4 ? 1 : 0; k < n; k++) {
            int d = 1 + distance(node->inputs[k], depth + 1, budget);
            best = d < best ? d : best;
        }
        return best;
    }
    return 1000;
}

static int steps_to_product(const hone__value *value) {
    int budget = 64;
    return distance(value, 0, &budget);
}

bool hone__has_product(hone__value *value) { return steps_to_product(value) < 1000; }

/* A value of one number in every element. */
static bool fill_of(const hone__value *value, double *out) {
    const hone__node *node = value->producer;
    if (hone__known_scalar(value, out))
        return true;
    if (hone__is_op(node, "Expand") || hone__is_op(node, "Identity"))
        return hone__known_scalar(node->inputs[0], out);
    if (hone__is_op(node, "ConstantOfShape")) {
        const hone__attr *attr = hone__node_attr(node, "value");
        *out = 0;
        if (attr && attr->type == HONE_ATTR_TENSOR && hone__tensor_count(attr->t) == 1)
            *out = hone_tensor_get_double(attr->t, 0);
        return true;
    }
    if (!value->constant || value->is_overridable || value->constant->kind != HONE_KIND_TENSOR)
        return false;
    int64_t n = hone__tensor_count(value->constant);
    for (int64_t i = 0; i < n; i++) {
        double x = hone_tensor_get_double(value->constant, i);
        if (i > 0 && x != *out)
            return false;
        *out = x;
    }
    return n > 0;
}

/* Right-aligned, a mask's dims must be the scores' or 1; an unknown one may be either. */
static bool mask_fits(const hone__value *mask, const hone__value *scores) {
    int rank = hone__value_rank(mask), full = hone__value_rank(scores);
    if (rank < 0 || full < 0 || rank > full)
        return false;
    for (int i = 1; i <= rank; i++) {
        int64_t m = mask->type.dims[rank - i].value, s = scores->type.dims[full - i].value;
        if (m != 1 && s >= 0 && (m < 0 ? s == 1 : m != s))
            return false;
    }
    return true;
}

static bool add_term(hone__scores *s, hone__mask_term term) {
    if (s->n_terms == HONE_MASK_TERMS || !mask_fits(term.value, term.scores))
        return false;
    s->terms[s->n_terms++] = term;
    return true;
}

/* A float value of zeros and ones: cast from bool (which is returned), or cut out of such a constant. */
static hone__value *binary_mask(hone__value *b) {
    const hone__node *node = b->producer;
    if (hone__is_op(node, "Cast") && node->inputs[0]->type.is_known && node->inputs[0]->type.dtype == HONE_DTYPE_BOOL)
        return node->inputs[0];
    const hone__value *whole = b;
    for (int depth = 0; depth < 8 && hone__is_op(whole->producer, "Slice"); depth++)
        whole = whole->producer->inputs[0];
    int64_t n;
    const float *x = hone__const_floats(whole, &n);
    for (int64_t i = 0; x && i < n; i++)
        if (x[i] != 0 && x[i] != 1)
            return NULL;
    return x ? b : NULL;
}

/* scores * b - c (1 - b), b of zeros and ones: gives the scores, and b as a term that hides with fill -c. */
static hone__value *multiplied_mask(const hone__node *sub, hone__value **mask, double *c) {
    const hone__node *product = sub->inputs[0]->producer, *hidden = sub->inputs[1]->producer;
    if (!hone__is_op(product, "Mul") || !hone__is_op(hidden, "Mul"))
        return NULL;
    for (size_t i = 0; i < 2; i++) {
        const hone__node *inverse = hidden->inputs[i]->producer;
        double one;
        if (!hone__is_op(inverse, "Sub") || !hone__known_scalar(hidden->inputs[1 - i], c) ||
            !hone__known_scalar(inverse->inputs[0], &one) || one != 1)
            continue;
        hone__value *b = inverse->inputs[1], *scores = hone__other_input(product, b);
        *mask = binary_mask(b);
        if (!scores || !*mask)
            return NULL;
        return scores;
    }
    return NULL;
}

/* One node between the Softmax and the product: gives the value to go on with, NULL and a reason when it does not
 * belong there. `factor` is what the scores are multiplied by afterwards. */
static hone__value *step(hone__scores *s, const hone__node *node, const hone__value *at, double *factor,
                         const char **reason) {
    double c;
    *reason = "is not part of a masked, scaled product";
    if (hone__is_op(node, "Reshape") || hone__is_op(node, "Squeeze") || hone__is_op(node, "Unsqueeze")) {
        for (int i = -2; i < 0; i++) { /* queries and keys stay the last dims */
            int64_t a = hone__value_dim(at, i), b = hone__value_dim(node->inputs[0], i);
            if (hone__value_rank(at) < 3 || hone__value_rank(node->inputs[0]) < 3 || (a >= 0 && b >= 0 && a != b)) {
                *reason = "does not keep queries and keys as the last dims";
                return NULL;
            }
        }
        return node->inputs[0];
    }
    if (hone__is_op(node, "Where")) {
        for (size_t i = 1; i < 3; i++)
            if (steps_to_product(node->inputs[i]) < 1000 && fill_of(node->inputs[3 - i], &c)) {
                hone__mask_term term = {node->inputs[0], *factor, true, i == 2, c * *factor, node->inputs[i]};
                *reason = !(term.fill <= g_hidden) ? "fills with a number that does not hide"
                                                   : "has a condition whose shape does not fit";
                return term.fill <= g_hidden && add_term(s, term) ? node->inputs[i] : NULL;
            }
        return NULL;
    }
    if (node->n_inputs != 2)
        return NULL;
    if (hone__is_op(node, "Sub")) {
        hone__value *mask, *scores = multiplied_mask(node, &mask, &c);
        *reason = "subtracts a value whose shape does not fit";
        if (scores && -c * *factor <= g_hidden)
            return add_term(s, (hone__mask_term){mask, 1, true, false, -c * *factor, scores}) ? scores : NULL;
        if (steps_to_product(node->inputs[0]) == 1000)
            return NULL;
        return add_term(s, (hone__mask_term){node->inputs[1], -*factor, false, false, 0, node->inputs[0]})
                   ? node->inputs[0]
                   : NULL;
    }
    size_t i = steps_to_product(node->inputs[1]) < steps_to_product(node->inputs[0]) ? 1 : 0;
    if (hone__is_op(node, "Add")) {
        *reason = "adds a mask whose shape does not fit";
        return add_term(s, (hone__mask_term){node->inputs[1 - i], *factor, false, false, 0, node->inputs[i]})
                   ? node->inputs[i]
                   : NULL;
    }
    if (!hone__known_scalar(node->inputs[1 - i], &c))
        return NULL;
    if (hone__is_op(node, "Max") && c <= -1e30 && s->n_terms == 0 && *factor == 1) {
        s->clamp = c;
        return node->inputs[i];
    }
    if (hone__is_op(node, "Mul") && c != 0) {
        *factor *= c;
        return node->inputs[i];
    }
    if (hone__is_op(node, "Div") && i == 0 && c != 0) {
        *factor /= c;
        return node->inputs[0];
    }
    return NULL;
}

/* Read once, but for Shape nodes, which fuse_attention can serve otherwise. */
static bool is_private(hone__scores *s, hone__value *at) {
    size_t n_others = 0;
    if (hone__value_single_consumer(at))
        return true;
    for (size_t i = 0; i < at->n_uses; i++) {
        const hone__node *node = at->uses[i].node;
        bool is_shape = hone__is_op(node, "Shape") && node->graph == at->graph && node->n_attrs == 0;
        n_others += !is_shape;
    }
    if (n_others != 1 || at->n_output_uses || hone__value_rank(at) != 4 || s->n_shaped == HONE_SHAPED)
        return false;
    s->shaped[s->n_shaped++] = at;
    return true;
}

bool hone__match_scores(hone__pass_context *ctx, const hone__node *softmax, hone__scores *out) {
    char buf[300];
    double factor = 1;
    *out = (hone__scores){.clamp = -INFINITY};
    hone__value *at = softmax->inputs[0];
    if (!hone__has_product(at))
        return false;
    for (int n = 2; n < 24; n++) {
        if (!is_private(out, at)) {
            hone__pass_missed(ctx, softmax, n, "%s", hone__describe_uses(at, buf, sizeof buf));
            return false;
        }
        hone__node *node = at->producer;
        if (node && is_bare_product(node)) {
            out->product = node;
            out->is_key_plain = hone__node_attr_int(node, "transB", 0) != 0;
            out->scale = factor * (hone__is_op(node, "MatMul") ? 1 : (double)hone__node_attr_float(node, "alpha", 1));
            return true;
        }
        hone__value *behind = hone__behind_casts(at);
        if (behind != at) {
            at = node->inputs[0];
            continue;
        }
        const char *reason;
        hone__value *next = node ? step(out, node, at, &factor, &reason) : NULL;
        if (!next) {
            hone__pass_missed(ctx, softmax, n, "node %s %s", node ? node->name : softmax->name,
                              node ? reason : "has no product before it");
            return false;
        }
        at = next;
    }
    hone__pass_missed(ctx, softmax, 24, "there are too many nodes between product and Softmax");
    return false;
}
