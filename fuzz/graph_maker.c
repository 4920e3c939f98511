/* Random graphs of random operators; see graph_maker.h. The bytes are cut into a header and one piece per
 * node, so that a mutation of one node leaves the others as they were. A node that cannot be checked,
 * inferred or run is taken out again: its errors have been tried, and the graph stays one that runs. */
#include "graph_maker.h"

#include "base/error.h"

#include <hone/hone.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 6, PIECE = 24, MAX_PARAMS = 12, MAX_ELEMENTS = 20000 };

/* ---- values ---- */

static double tensor_magnitude(const hone_tensor *t, bool *is_finite) {
    double largest = 0;
    for (size_t i = 0; i < t->n_items; i++)
        largest = fmax(largest, tensor_magnitude(t->items[i], is_finite));
    if (t->kind != HONE_KIND_TENSOR || !hone__dtype_in(t->dtype, HONE_SET_FLOAT | HONE_SET_COMPLEX))
        return largest;
    for (int64_t i = 0; i < hone__tensor_count(t); i++) {
        double x = fabs(hone_tensor_get_double(t, i));
        *is_finite = *is_finite && isfinite(x);
        largest = isfinite(x) ? fmax(largest, x) : largest;
    }
    return largest;
}

static maker_value *add_value(maker *m, hone__value *value, hone_tensor *tensor, maker_trust trust) {
    maker_value *v = &m->values[m->n_values++];
    *v = (maker_value){.value = value, .tensor = tensor, .trust = trust};
    return v;
}

bool maker_has_room(const maker *m) { return m->n_values + 2 * MAX_PARAMS < MAKER_MAX_VALUES; }

/* A tensor as an initializer or graph input, a container as a graph input. Takes the tensor. */
hone__value *maker_introduce(maker *m, hone_tensor *tensor, bool as_input) {
    hone__value *value = NULL;
    if (!tensor)
        return NULL;
    if ((as_input || tensor->kind != HONE_KIND_TENSOR) && m->n_inputs < MAKER_MAX_INPUTS) {
        hone__type type;
        if (maker_type_of(m, tensor, &type) && hone__graph_add_value(m->graph, "x", &value, NULL) == HONE_OK) {
            value->type = type;
            for (int i = 0; tensor->kind == HONE_KIND_TENSOR && i < type.rank; i++)
                if (maker_take(m, 4) == 0)
                    value->type.dims[i] = (hone__dim){-1, NULL};
            if (hone__graph_add_input(m->graph, value, NULL) == HONE_OK) {
                m->inputs[m->n_inputs++] = m->n_values;
                add_value(m, value, tensor, MAKER_EXACT);
                return value;
            }
        }
    } else if (tensor->kind == HONE_KIND_TENSOR) {
        hone_tensor *copy;
        if (hone_tensor_clone(tensor, &copy, NULL) == HONE_OK) {
            if (hone__graph_add_constant(m->graph, "c", copy, &value, NULL) == HONE_OK) {
                add_value(m, value, tensor, MAKER_EXACT);
                return value;
            }
            hone_tensor_destroy(copy);
        }
    }
    hone_tensor_destroy(tensor);
    return NULL;
}

static bool fits(const hone__op_param *param, hone_dtype bound, const hone_tensor *t) {
    unsigned kinds = param->kinds ? param->kinds : 1u << HONE_KIND_TENSOR;
    if (!(kinds & 1u << t->kind))
        return false;
    if (t->kind != HONE_KIND_TENSOR)
        return true;
    return bound ? t->dtype == bound : hone__dtype_in(t->dtype, param->types);
}

/* Shapes that tend to go with the first input's: the same, its last or channel dimension alone, a weight. */
static int a_shape(maker *m, const hone_tensor *like, size_t index, int64_t *dims) {
    unsigned how = maker_take(m, 16);
    int rank = like && like->kind == HONE_KIND_TENSOR ? like->rank : -1;
    if (rank < 0 || index == 0 || how > 12) {
        static const uint8_t sizes[] = {2, 1, 3, 4, 2, 5, 1, 0, 8, 3, 2, 17};
        rank = how % 6 == 5 ? 3 : (int)(how % 6);
        for (int i = 0; i < rank; i++)
            dims[i] = sizes[maker_take(m, rank > 3 ? 8 : 12)];
        return rank;
    }
    int64_t last = rank ? like->dims[rank - 1] : 1, channel = rank > 1 ? like->dims[1] : last;
    switch (how) {
    case 0:
    case 1:
    case 2:
        memcpy(dims, like->dims, sizeof *dims * (size_t)rank);
        return rank;
    case 3:
        dims[0] = last;
        return 1;
    case 4:
        dims[0] = channel;
        return 1;
    case 5: /* a matrix to multiply by */
        dims[0] = last;
        dims[1] = 1 + (int64_t)maker_take(m, 5);
        return 2;
    case 6:
    case 7: /* a convolution's weights */
        dims[0] = how == 6 ? 1 + (int64_t)maker_take(m, 6) : channel;
        dims[1] = how == 6 ? channel : 1;
        for (int i = 2; i < rank; i++)
            dims[i] = 1 + (int64_t)maker_take(m, 4);
        return rank < 2 ? 2 : rank;
    case 8:
        return 0;
    case 9: /* as many numbers as there are axes, or twice */
        dims[0] = rank * (1 + (int64_t)maker_take(m, 2));
        return 1;
    case 10:
        memcpy(dims, like->dims, sizeof *dims * (size_t)rank);
        dims[maker_take(m, rank ? (unsigned)rank : 1)] = 1;
        return rank;
    case 11: /* the last two exchanged */
        memcpy(dims, like->dims, sizeof *dims * (size_t)rank);
        if (rank > 1) {
            dims[rank - 1] = like->dims[rank - 2];
            dims[rank - 2] = last;
        }
        return rank;
    default:
        dims[0] = 1 + (int64_t)maker_take(m, 3);
        return 1;
    }
}

static size_t find_value(const maker *m, const hone__value *value) {
    size_t i = 0;
    while (i < m->n_values && m->values[i].value != value)
        i++;
    return i;
}

static hone__value *an_input(maker *m, const hone__op_param *param, hone_dtype bound, const hone_tensor *like,
                             size_t index) {
    if (m->n_values && maker_take(m, 8) < 5) {
        size_t start = maker_take(m, (unsigned)m->n_values);
        for (size_t i = 0; i < m->n_values; i++) {
            maker_value *v = &m->values[(start + m->n_values - i) % m->n_values];
            if (v->trust != MAKER_WILD && !v->is_step && fits(param, bound, v->tensor))
                return v->value;
        }
    }
    if (!maker_has_room(m))
        return NULL;
    int64_t dims[HONE_MAX_RANK];
    hone_dtype dtype = bound ? bound : maker_dtype(m, param->types);
    int rank = a_shape(m, like, index, dims);
    const bool as_input = m->has_recipes ? maker_take(m, 8) < (index ? 4 : 7) : maker_take(m, 3) == 0;
    return maker_introduce(m, maker_value_of_kinds(m, param->kinds, dtype, rank, dims), as_input);
}

/* ---- what may differ ---- */

static bool is_in(const char *name, const char *list) {
    size_t n = strlen(name);
    for (const char *p = list; (p = strstr(p, name)); p += n)
        if (p[-1] == ' ' && p[n] == ' ')
            return true;
    return false;
}

/* Small differences of what goes in may make large ones of what comes out. */
static bool jumps(const hone__op *op) {
    return is_in(op->name, " Floor Ceil Round Sign Mod Shrink ThresholdedRelu TopK Unique GridSample Resize Upsample "
                           "Hardmax RoiAlign MaxRoiPool NonMaxSuppression Compress Where TreeEnsemble "
                           "TreeEnsembleRegressor TreeEnsembleClassifier Binarizer LinearClassifier SVMClassifier "
                           "CropAndResize ReduceLogSum ReduceLogSumExp Tan MaxUnpool Gradient QuickGelu ArgMax ");
}

static maker_trust trust_of(maker *m, const hone__node *node, const hone_tensor *out, bool *is_step) {
    bool is_exact = true, is_finite = true, is_small = true;
    const hone__op *op = node->op;
    for (size_t i = 0; i < node->n_inputs; i++) {
        size_t at = node->inputs[i] ? find_value(m, node->inputs[i]) : m->n_values;
        if (at == m->n_values)
            continue;
        is_exact = is_exact && m->values[at].trust == MAKER_EXACT;
        if (m->values[at].is_step || m->values[at].trust == MAKER_WILD) /* a step more or less, times whatever */
            return MAKER_WILD;
        is_small = tensor_magnitude(m->values[at].tensor, &is_finite) <= 1e4 && is_small;
    }
    if (!(op->flags & HONE_OP_PURE) && !(op->flags & HONE_OP_CONTROL))
        return MAKER_WILD;
    if (out->kind != HONE_KIND_TENSOR) /* of items only the structure is looked at, unless they are as given */
        return is_exact && op->flags & HONE_OP_PURE ? MAKER_EXACT : MAKER_WILD;
    hone__tolerance tolerance = hone__op_tolerance(op, out->dtype);
    bool is_float = hone__dtype_in(out->dtype, HONE_SET_FLOAT | HONE_SET_COMPLEX);
    *is_step = !is_float && tolerance.atol > 0;
    if (op->flags & HONE_OP_CONTROL) { /* bodies take values of the graph around them */
        for (size_t i = 0; i < m->n_values; i++)
            is_exact = is_exact && m->values[i].trust == MAKER_EXACT;
        return is_exact ? (is_float ? MAKER_CLOSE : MAKER_EXACT) : MAKER_WILD;
    }
    for (size_t i = 0; i < node->n_attrs; i++) /* absurd exponents and factors blow rounding up */
        is_small = is_small && !(node->attrs[i].type == HONE_ATTR_FLOAT && fabsf(node->attrs[i].f) > 1e3f);
    if (is_exact && tolerance.rtol == 0 && tolerance.atol == 0)
        return MAKER_EXACT;
    bool out_finite = true;
    double magnitude = tensor_magnitude(out, &out_finite);
    if (!is_finite || !is_small || !out_finite || magnitude > 1e4)
        return MAKER_WILD;
    if (is_exact)
        return MAKER_CLOSE;
    return is_float && !jumps(op) ? MAKER_CLOSE : MAKER_WILD;
}

/* ---- nodes ---- */

static const hone_tensor *look_up(void *user, const hone__value *value) {
    const maker *m = user;
    size_t i = find_value(m, value);
    return i < m->n_values ? m->values[i].tensor : value->constant;
}

static bool is_affordable(const hone__node *node) {
    for (size_t i = 0; i < node->n_outputs; i++) {
        const hone__type *type = node->outputs[i] ? &node->outputs[i]->type : NULL;
        int64_t n = 1;
        if (!type || !type->is_known || type->kind != HONE_KIND_TENSOR)
            continue;
        for (int d = 0; d < type->rank; d++) {
            if (type->dims[d].value > MAX_ELEMENTS)
                return false;
            n *= type->dims[d].value > 0 ? type->dims[d].value : 1;
            if (n > MAX_ELEMENTS)
                return false;
        }
    }
    return true;
}

static void blame(const maker *m, const hone__node *node, const char *what, size_t i, const hone_tensor *got) {
    hone__strbuf text;
    char want[200], found[200];
    hone__strbuf_init(&text);
    hone__graph_print(m->graph, &text);
    (void)fprintf(stderr, "%s\n%s: output %zu of %s is inferred as %s but computed as %s\n", hone__strbuf_text(&text),
                  what, i, node->name, hone__type_describe(&node->outputs[i]->type, want, sizeof want),
                  hone__tensor_describe(got, found, sizeof found));
    abort();
}

/* What inference said is what came out. */
static void compare_types(const maker *m, const hone__node *node, hone_tensor *const *out) {
    for (size_t i = 0; i < node->n_outputs; i++) {
        const hone__type *type = node->outputs[i] ? &node->outputs[i]->type : NULL;
        if (!type || !type->is_known || !out[i])
            continue;
        if (type->kind != out[i]->kind)
            blame(m, node, "kind", i, out[i]);
        if (type->kind != HONE_KIND_TENSOR)
            continue;
        if (type->dtype != HONE_DTYPE_UNDEFINED && type->dtype != out[i]->dtype)
            blame(m, node, "type", i, out[i]);
        if (type->rank >= 0 && type->rank != out[i]->rank)
            blame(m, node, "rank", i, out[i]);
        for (int d = 0; d < type->rank; d++)
            if (type->dims[d].value >= 0 && type->dims[d].value != out[i]->dims[d])
                blame(m, node, "shape", i, out[i]);
    }
}

/* Loops without a bound on their trips may run forever, as the standard says. */
static bool is_bounded(const maker *m, const hone__node *node) {
    if (strcmp(node->op_type, "Loop") != 0)
        return true;
    size_t at = node->n_inputs && node->inputs[0] ? find_value(m, node->inputs[0]) : m->n_values;
    return at < m->n_values && hone__tensor_count(m->values[at].tensor) == 1 &&
           hone_tensor_get_double(m->values[at].tensor, 0) <= 8;
}

static bool run_node(maker *m, hone__node *node) {
    const hone_tensor *in[2 * MAX_PARAMS];
    hone_tensor *out[MAX_PARAMS] = {0};
    for (size_t i = 0; i < node->n_inputs; i++)
        in[i] = node->inputs[i] ? look_up(m, node->inputs[i]) : NULL;
    if (!is_affordable(node) || !is_bounded(m, node) ||
        hone__op_eval_node_in(node, in, node->n_inputs, out, node->n_outputs, look_up, m, NULL) != HONE_OK)
        return false;
    bool complete = true;
    for (size_t i = 0; i < node->n_outputs; i++)
        complete = complete && (!node->outputs[i] || out[i]);
    if (!complete) {
        (void)fprintf(stderr, "%s left an output out\n", node->name);
        abort();
    }
    compare_types(m, node, out);
    maker_trust trust[MAX_PARAMS];
    bool is_step[MAX_PARAMS] = {0}, is_finite = true, is_large = false;
    for (size_t i = 0; i < node->n_outputs; i++)
        if (out[i]) {
            trust[i] = trust_of(m, node, out[i], &is_step[i]);
            is_large = is_large || hone__tensor_count(out[i]) > MAX_ELEMENTS;
        }
    for (size_t i = 0; i < node->n_outputs; i++) {
        if (!out[i] || !node->outputs[i])
            continue;
        if (trust[i] == MAKER_CLOSE)
            m->magnitude = fmax(m->magnitude, tensor_magnitude(out[i], &is_finite));
        add_value(m, node->outputs[i], out[i], is_large ? MAKER_WILD : trust[i])->is_step = is_step[i];
    }
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i])
            m->values[find_value(m, node->inputs[i])].is_used = true;
    return true;
}

static const hone__op *an_op(maker *m) {
    size_t n;
    const hone__op *const *all = hone__op_all(&n);
    const hone__op *op = all[maker_take(m, (unsigned)n)];
    op = hone__op_find(op->domain, op->name, hone__graph_get_opset(m->graph, op->domain));
    return op && op->eval && !(op->flags & HONE_OP_NO_EVAL) && op->n_inputs < MAX_PARAMS && op->n_outputs < MAX_PARAMS
               ? op
               : NULL;
}

/* Inputs of a row; 0 as *n when a required one cannot be made. */
static bool pick_inputs(maker *m, const hone__op *op, hone__value **in, size_t *n) {
    hone_dtype bound[256] = {0};
    const hone_tensor *like = NULL;
    *n = op->min_inputs + maker_take(m, (unsigned)(op->n_inputs - op->min_inputs) + 1);
    if (op->flags & HONE_OP_VARIADIC_IN)
        *n += maker_take(m, 4);
    for (size_t i = 0; i < *n; i++) {
        const hone__op_param *param = &op->inputs[i < op->n_inputs ? i : op->n_inputs - 1u];
        bool may_miss = param->is_optional || i >= op->min_inputs;
        in[i] = NULL;
        if (may_miss && i + 1 < *n && i < op->n_inputs && param->is_optional && maker_take(m, 4) == 0)
            continue;
        in[i] = an_input(m, param, bound[(uint8_t)param->var], like, i);
        if (!in[i])
            return false;
        const hone_tensor *t = m->values[find_value(m, in[i])].tensor;
        like = like ? like : t;
        if (param->var && t->kind == HONE_KIND_TENSOR)
            bound[(uint8_t)param->var] = t->dtype;
    }
    return true;
}

bool maker_settle(maker *m, hone__node *node) {
    if (hone__op_check_node(node, NULL) == HONE_OK && hone__graph_infer(m->graph, NULL) == HONE_OK && run_node(m, node))
        return true;
    hone__graph_remove_node(node);
    return false;
}

static void add_node(maker *m) {
    hone__value *in[2 * MAX_PARAMS], *out[MAX_PARAMS];
    size_t n_in;
    const hone__op *op = an_op(m);
    if (!op || !maker_has_room(m) || !pick_inputs(m, op, in, &n_in))
        return;
    size_t n_out = op->min_outputs + maker_take(m, (unsigned)(op->n_outputs - op->min_outputs) + 1);
    if (op->flags & HONE_OP_VARIADIC_OUT)
        n_out += maker_take(m, 3);
    hone__node *node;
    for (size_t i = 0; i < n_out && i < MAX_PARAMS; i++)
        if (hone__graph_add_value(m->graph, op->name, &out[i], NULL) != HONE_OK)
            m->is_out_of_memory = true;
    if (n_out > MAX_PARAMS || m->is_out_of_memory ||
        hone__graph_add_node(m->graph, NULL, op->domain, op->name, NULL, in, n_in, out, n_out, &node, NULL) != HONE_OK)
        return;
    node->op = op;
    node->opset = hone__graph_get_opset(m->graph, op->domain);
    for (size_t i = 0; i < op->n_attrs && !m->is_out_of_memory; i++)
        if ((op->attrs[i].is_required || maker_take(m, 3) == 0) && !maker_attr(m, node, &op->attrs[i]))
            m->is_out_of_memory = op->attrs[i].type == HONE_ATTR_GRAPH; /* half a body cannot be taken back */
    if (m->is_out_of_memory)
        return;
    (void)maker_settle(m, node);
}

/* ---- the whole ---- */

static bool begin(maker *m) {
    if (hone__graph_create("fuzz", &m->graph, NULL) != HONE_OK)
        return false;
    m->opset = 7 + (int64_t)maker_take(m, 17);
    m->has_recipes = m->size > 3 && m->data[2] >= 96;
    m->way = m->has_recipes ? m->data[3] : 0;
    m->opset += m->has_recipes && m->opset < 13 ? 7 : 0; /* of old versions there is enough without parts */
    return hone__graph_set_opset(m->graph, "", m->opset, NULL) == HONE_OK &&
           hone__graph_set_opset(m->graph, "ai.onnx.ml", 1 + (int64_t)maker_take(m, 5), NULL) == HONE_OK &&
           hone__graph_set_opset(m->graph, "ai.onnx.preview.training", 1, NULL) == HONE_OK &&
           hone__graph_set_opset(m->graph, "com.microsoft", 1, NULL) == HONE_OK &&
           hone__graph_set_opset(m->graph, "hone", 1, NULL) == HONE_OK;
}

bool maker_run(maker *m, const uint8_t *data, size_t size) {
    memset(m, 0, sizeof *m);
    m->data = data;
    m->size = size < HEADER ? size : HEADER;
    if (!begin(m))
        return false;
    for (size_t at = HEADER, n = 0; at < size && n < MAKER_MAX_NODES && !m->is_out_of_memory; at += PIECE, n++) {
        m->at = at;
        m->size = at + PIECE < size ? at + PIECE : size;
        m->random = at;
        for (size_t i = at; i < m->size; i++)
            m->random = m->random * 1099511628211u ^ data[i];
        if (m->has_recipes && maker_take(m, 4))
            maker_recipe(m);
        else
            add_node(m);
    }
    for (size_t i = 0; i < m->n_values && !m->is_out_of_memory; i++) {
        maker_value *v = &m->values[i];
        if (!v->value->producer || (v->is_used && maker_take(m, m->has_recipes ? 16 : 4)))
            continue;
        if (hone__graph_add_output(m->graph, v->value, NULL) != HONE_OK)
            return false;
        m->outputs[m->n_outputs++] = i;
    }
    return m->n_outputs && !m->is_out_of_memory && hone__graph_infer(m->graph, NULL) == HONE_OK;
}

void maker_release(maker *m) {
    for (size_t i = 0; i < m->n_values; i++)
        hone_tensor_destroy(m->values[i].tensor);
    hone__graph_destroy(m->graph);
}
