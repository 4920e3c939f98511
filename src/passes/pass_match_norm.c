/* Matches  d * (mean(d^2) + eps)^(-1/2) * scale + bias,  d = x - mean(x) or x itself, in the spellings of exporters:
 * the root as Sqrt or Pow, its inverse as Div, Reciprocal, Div(1, .) or Pow(-0.5), squares as Pow or Mul, x - mean(x)
 * computed once or twice, casts to float32 that change nothing or that lead from a half type and back, the scale
 * before or after. See pass_match_norm.h. */
#include "passes/pass_match_norm.h"

#include "base/error.h"
#include "passes/pass_match.h"

#include <math.h>
#include <string.h>

static bool keeps_dims(const hone__node *node) { return hone__node_attr_int(node, "keepdims", 1) != 0; }

/* value = x - ReduceMean(x, axes): gives x; *axes are set when they are 0, else compared. */
static hone__value *centred(hone__value *value, uint32_t *axes) {
    value = hone__behind_casts(value);
    const hone__node *sub = value ? value->producer : NULL;
    if (!hone__is_op(sub, "Sub"))
        return NULL;
    hone__value *x = hone__behind_casts(sub->inputs[0]), *mean_value = hone__behind_casts(sub->inputs[1]);
    const hone__node *mean = mean_value->producer;
    if (!hone__is_op(mean, "ReduceMean") || !keeps_dims(mean) || hone__behind_casts(mean->inputs[0]) != x)
        return NULL;
    uint32_t found = hone__reduced_axes(mean);
    if (!found || (*axes && found != *axes))
        return NULL;
    *axes = found;
    return x;
}

/* What is squared: Pow(d, 2) or Mul(d, d); both factors in *a and *b. */
static bool squared(hone__value *value, hone__value **a, hone__value **b) {
    double two;
    value = hone__behind_casts(value);
    hone__node *node = value ? value->producer : NULL;
    if (hone__is_op(node, "Pow") && hone__known_scalar(node->inputs[1], &two) && two == 2) {
        *a = *b = hone__behind_casts(node->inputs[0]);
        return true;
    }
    if (!hone__is_op(node, "Mul"))
        return false;
    *a = hone__behind_casts(node->inputs[0]);
    *b = hone__behind_casts(node->inputs[1]);
    return true;
}

/* Whether a value is what the norm divides: d, or d times a scale that is then recorded. */
static bool is_numerator(hone__value *value, bool is_rms, hone__norm_match *m) {
    uint32_t axes = m->axes;
    value = hone__behind_casts(value);
    if (is_rms ? value == m->x : centred(value, &axes) == m->x)
        return true;
    hone__node *mul = value->producer;
    if (!hone__is_op(mul, "Mul") || m->scale || !hone__value_single_consumer(value))
        return false;
    for (size_t i = 0; i < 2; i++) {
        hone__value *d = hone__behind_casts(mul->inputs[i]);
        axes = m->axes;
        if (mul->inputs[1 - i]->constant && (is_rms ? d == m->x : centred(d, &axes) == m->x)) {
            m->scale = mul->inputs[1 - i];
            return true;
        }
    }
    return false;
}

/* From the mean of squares to the product with d; *exponent is what the mean is raised to so far. */
static hone__node *find_core(hone__pass_context *ctx, hone__node *mean, bool is_rms, hone__norm_match *m) {
    hone__value *at = mean->outputs[0], *link;
    double exponent = 1, c;
    bool has_eps = false;
    char buf[300];
    for (int n = 3; n < 12; n++) {
        hone__node *node = hone__next_node(at, &link);
        if (!node) {
            if (exponent != 1)
                hone__pass_missed(ctx, mean, n, "%s", hone__describe_uses(link, buf, sizeof buf));
            return NULL;
        }
        hone__value *other = hone__other_input(node, link);
        bool is_known = other && hone__known_scalar(other, &c), is_first = node->inputs[0] == link;
        if (hone__is_op(node, "Add") && is_known && exponent == 1 && !has_eps && c >= 0) {
            has_eps = true;
            m->eps = c;
        } else if (hone__is_op(node, "Sqrt")) {
            exponent *= 0.5;
        } else if (hone__is_op(node, "Reciprocal")) {
            exponent = -exponent;
        } else if (hone__is_op(node, "Pow") && is_known && is_first) {
            exponent *= c;
        } else if (hone__is_op(node, "Div") && is_known && !is_first && c == 1) {
            exponent = -exponent;
        } else if (other &&
                   ((hone__is_op(node, "Div") && !is_first && exponent == 0.5) ||
                    (hone__is_op(node, "Mul") && exponent == -0.5)) &&
                   is_numerator(other, is_rms, m)) {
            return node;
        } else if (hone__is_op(node, "Mul") && exponent == -0.5 && other->constant && !m->scale) {
            m->scale = other;
        } else {
            if (fabs(exponent) == 0.5)
                hone__pass_missed(ctx, mean, n, "node %s does not divide %s by the root", node->name,
                                  is_rms ? "the input" : "the input less its mean");
            return NULL;
        }
        at = node->outputs[0];
    }
    return NULL;
}

/* A half-precision model casts to float32 for the norm and back: then the norm reads and gives the half type. */
static hone__node *skip_half(hone__node *core, hone__norm_match *m) {
    hone__node *from = m->x->producer, *to = hone__next_node(core->outputs[0], NULL);
    if (!hone__is_op(from, "Cast") || !hone__is_op(to, "Cast") || m->scale)
        return core;
    const hone__type *type = &from->inputs[0]->type;
    if (!type->is_known || type->kind != HONE_KIND_TENSOR ||
        (type->dtype != HONE_DTYPE_FLOAT16 && type->dtype != HONE_DTYPE_BFLOAT16) ||
        hone__node_attr_int(to, "to", 0) != (int64_t)type->dtype)
        return core;
    m->x = from->inputs[0];
    return to;
}

/* Whether a factor or term can be the norm's parameter: constant along the axes that are not normalised and no larger
 * than x along those that are. A value that is not constant must have exactly the normalised dims. */
static bool is_parameter(const hone__value *value, const hone__norm_match *m) {
    int rank = hone__value_rank(m->x), own = hone__value_rank(value);
    if (!value || own < 0 || own > rank || !value->type.is_known || value->type.dtype != m->x->type.dtype)
        return false;
    int n_axes = 0;
    for (int i = 0; i < rank; i++)
        n_axes += (m->axes >> i) & 1;
    bool is_constant = value->constant && !value->is_overridable;
    if (!is_constant && (own != n_axes || m->axes >> (rank - n_axes) != (1u << n_axes) - 1))
        return false;
    for (int i = 0; i < own; i++) {
        int axis = rank - own + i;
        int64_t n = value->type.dims[i].value, full = m->x->type.dims[axis].value;
        bool fits = (m->axes >> axis) & 1 ? full > 0 && (n == full || (is_constant && n == 1)) : n == 1;
        if (!fits)
            return false;
    }
    return true;
}

/* Mul by the scale, Add of the bias, when each is the only reader. */
static void take_parameters(hone__norm_match *m, bool is_rms) {
    hone__value *link;
    hone__node *next = hone__next_node(m->last->outputs[0], &link);
    if (!m->scale && hone__is_op(next, "Mul") && is_parameter(hone__other_input(next, link), m)) {
        m->scale = hone__other_input(next, link);
        m->last = next;
        next = hone__next_node(next->outputs[0], &link);
    }
    if (!is_rms && hone__is_op(next, "Add") && is_parameter(hone__other_input(next, link), m)) {
        m->bias = hone__other_input(next, link);
        m->last = next;
    }
}

bool hone__match_norm(hone__pass_context *ctx, hone__node *mean, bool is_rms, hone__norm_match *m) {
    hone__value *a, *b;
    if (!hone__is_op(mean, "ReduceMean") || !hone__is_float(mean->outputs[0]) || mean->n_inputs == 0 ||
        !squared(mean->inputs[0], &a, &b))
        return false;
    *m = (hone__norm_match){.axes = hone__reduced_axes(mean)};
    uint32_t axes = 0;
    hone__value *x = centred(a, &axes);
    bool is_centred = x && (a == b || centred(b, &axes) == x);
    if (is_centred == is_rms || (is_rms && a != b))
        return false;
    m->x = is_rms ? a : x;
    hone__node *core = find_core(ctx, mean, is_rms, m);
    if (!core)
        return false;
    if (m->axes == 0 || !keeps_dims(mean) || (is_centred && axes != m->axes)) {
        hone__pass_missed(ctx, mean, 8, "node %s %s", mean->name,
                          m->axes == 0        ? "has axes that are not known"
                          : !keeps_dims(mean) ? "drops the reduced dims"
                                              : "reduces other axes than the mean that is subtracted");
        return false;
    }
    m->last = skip_half(core, m);
    if (m->scale && !is_parameter(m->scale, m)) {
        hone__pass_missed(ctx, mean, 8, "the scale %s does not have the normalised dims", m->scale->name);
        return false;
    }
    if (m->last != core || m->x->type.dtype == HONE_DTYPE_FLOAT)
        take_parameters(m, is_rms);
    return true;
}

/* ---- rewriting ---- */

/* A parameter over exactly the normalised dims: broadcast, and without the dims of 1 of the others. */
static hone_status parameter(hone__graph *graph, hone__value *value, int rank, const int64_t *order, int n_outer,
                             const int64_t *dims, hone__value **out, hone_error *error) {
    *out = value;
    if (!value || !value->constant || value->is_overridable)
        return HONE_OK;
    int n_axes = rank - n_outer, own = value->constant->rank;
    bool same = own == n_axes;
    size_t strides[HONE_MAX_RANK] = {0}, step = 1; /* in the constant, per axis of x */
    for (int i = own - 1; i >= 0; i--) {
        strides[rank - own + i] = value->constant->dims[i] == 1 ? 0 : step;
        step *= (size_t)value->constant->dims[i];
    }
    for (int i = 0; same && i < own; i++)
        same = value->constant->dims[i] == dims[i];
    if (same)
        return HONE_OK;
    hone_tensor *tensor;
    HONE_TRY(hone_tensor_create(value->constant->dtype, n_axes, dims, &tensor, error));
    size_t size = (size_t)hone_dtype_bits(tensor->dtype) / 8;
    int64_t n = hone__tensor_count(tensor);
    for (int64_t k = 0; k < n; k++) {
        int64_t rest = k;
        size_t at = 0;
        for (int i = n_axes - 1; i >= 0; i--) {
            at += (size_t)(rest % dims[i]) * strides[order[n_outer + i]];
            rest /= dims[i];
        }
        memcpy((char *)tensor->data + (size_t)k * size, (const char *)value->constant->data + at * size, size);
    }
    hone_status status = hone__graph_add_constant(graph, value->name, tensor, out, error);
    if (status != HONE_OK)
        hone_tensor_destroy(tensor);
    return status;
}

hone_status hone__rewrite_norm(hone__pass_context *ctx, const hone__node *anchor, const hone__norm_match *m,
                               const char *op_type, int64_t opset, bool *done, hone_error *error) {
    hone__graph *graph = m->last->graph;
    const char *pass = ctx->pass->name;
    int rank = hone__value_rank(m->x), n_outer = 0, n = 0;
    int64_t order[HONE_MAX_RANK], inverse[HONE_MAX_RANK], dims[HONE_MAX_RANK], count = 1;
    *done = false;
    for (int i = 0; i < rank; i++)
        if (!((m->axes >> i) & 1))
            order[n_outer++] = i;
    n = n_outer;
    for (int i = 0; i < rank; i++)
        if ((m->axes >> i) & 1)
            order[n++] = i;
    for (int i = 0; i < rank; i++) {
        inverse[order[i]] = i;
        if (i >= n_outer) {
            dims[i - n_outer] = m->x->type.dims[order[i]].value;
            if (dims[i - n_outer] <= 0 || dims[i - n_outer] > INT32_MAX / count) {
                hone__pass_missed(ctx, anchor, 8, "the normalised dims of %s are not known", m->x->name);
                return HONE_OK;
            }
            count *= dims[i - n_outer];
        }
    }
    if (!m->scale && m->x->type.dtype != HONE_DTYPE_FLOAT) {
        hone__pass_missed(ctx, anchor, 8, "there is no scale of a half type");
        return HONE_OK;
    }
    if (hone__value_rank(m->last->outputs[0]) != rank) { /* a constant of a higher rank; else the shape is that of x */
        hone__pass_missed(ctx, anchor, 8, "node %s changes the rank", m->last->name);
        return HONE_OK;
    }
    bool is_last = m->axes >> n_outer == (1u << (rank - n_outer)) - 1;
    hone__value *in[3] = {m->x};
    hone__node *before = m->last, *norm;
    if (!is_last)
        HONE_TRY(hone__insert_transpose(graph, before, m->x, order, pass, &in[0], error));
    if (m->scale)
        HONE_TRY(parameter(graph, m->scale, rank, order, n_outer, dims, &in[1], error));
    else
        HONE_TRY(hone__add_filled(graph, "ones", rank - n_outer, dims, 1.0f, &in[1], error));
    HONE_TRY(parameter(graph, m->bias, rank, order, n_outer, dims, &in[2], error));
    size_t n_in = in[2] ? 3 : 2;
    if (is_last) {
        HONE_TRY(hone__replace_pattern(m->last, "", op_type, opset, in, n_in, pass, &norm, error));
    } else {
        hone__node *back;
        HONE_TRY(hone__insert_node(graph, before, op_type, opset, in, n_in, in[0]->type.dtype, rank, in[0]->type.dims,
                                   pass, &norm, error));
        HONE_TRY(hone__replace_pattern(m->last, "", "Transpose", 13, norm->outputs, 1, pass, &back, error));
        HONE_TRY(hone__node_set_attr_ints(back, "perm", inverse, (size_t)rank, error));
    }
    HONE_TRY(hone__node_set_attr_int(norm, "axis", n_outer - rank, error));
    HONE_TRY(hone__node_set_attr_float(norm, "epsilon", (float)m->eps, error));
    *done = true;
    return HONE_OK;
}
