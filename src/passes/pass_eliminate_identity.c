/* Removes nodes that hand their input on unchanged.
 *
 * Proof obligation: output 0 equals the kept input element by element, in type and in shape, for every input that the
 * model admits. Each rule below states why; shapes are compared by known dims or by equal symbols, and only where
 * shapes hold at every run (not in the bodies of loops, where only rules that need no shape apply). Adding zero may
 * turn -0 into +0 and is undone here: the one difference, and none in value. */
#include "base/error.h"
#include "passes/pass_build.h"
#include "passes/pass_list.h"

#include <math.h>
#include <string.h>

static bool keeps_shape(const hone__node *node, size_t kept) {
    const hone__value *in = node->inputs[kept], *out = node->outputs[0];
    if (!hone__pass_shapes_hold(node->graph) || !hone__same_shape(in, out))
        return false;
    /* A declared output may carry a symbol that the exporter's user made up. */
    return out->n_output_uses == 0 || hone__type_is_static(&out->type);
}

/* Dropout: version 12 trains only when input 2 says so; a ratio of zero drops nothing. */
static bool is_inference_dropout(const hone__node *node) {
    double x;
    if (!hone__is_op(node, "Dropout") || !hone__only_first_output(node))
        return false;
    if (node->op->since < 12)
        return hone__node_attr_int(node, "is_test", 1) != 0;
    bool is_idle = node->n_inputs < 3 || !node->inputs[2] || (hone__const_scalar(node->inputs[2], &x) && x == 0);
    bool is_zero = node->n_inputs > 1 && node->inputs[1] && hone__const_scalar(node->inputs[1], &x) && x == 0;
    return is_idle || is_zero;
}

static bool is_identity_transpose(const hone__node *node) {
    size_t n;
    const int64_t *perm = hone__node_attr_ints(node, "perm", &n);
    int rank = hone__value_rank(node->inputs[0]);
    if (!perm)
        return rank == 0 || rank == 1;
    for (size_t i = 0; i < n; i++)
        if (perm[i] != (int64_t)i)
            return false;
    return true;
}

static bool is_cast_to_same(const hone__node *node) {
    hone_dtype from = hone__value_dtype(node->inputs[0]);
    if (from == HONE_DTYPE_UNDEFINED)
        return false;
    if (hone__is_op(node, "Cast"))
        return from == (hone_dtype)hone__node_attr_int(node, "to", 0);
    return hone__is_op(node, "CastLike") && node->n_inputs > 1 && from == hone__value_dtype(node->inputs[1]);
}

/* x + 0, x - 0, x * 1, x / 1, x ^ 1, x << 0, and x and true, x or false, x xor false: with a scalar or a tensor of
 * equal elements. Which input is kept. */
static bool is_neutral(const hone__node *node, size_t *kept) {
    static const struct {
        const char *op;
        double neutral;
        bool commutes;
    } rules[] = {{"Add", 0, true},       {"Mul", 1, true},       {"Sub", 0, false},      {"Div", 1, false},
                 {"Pow", 1, false},      {"And", 1, true},       {"Or", 0, true},        {"Xor", 0, true},
                 {"BitShift", 0, false}, {"BitwiseOr", 0, true}, {"BitwiseXor", 0, true}};
    if (node->n_inputs != 2 || !node->inputs[1])
        return false;
    for (size_t r = 0; r < HONE_COUNT_OF(rules); r++) {
        if (!hone__is_op(node, rules[r].op))
            continue;
        for (size_t i = rules[r].commutes ? 0 : 1; i < 2; i++)
            if (hone__const_is_all(node->inputs[i], rules[r].neutral) && keeps_shape(node, 1 - i)) {
                *kept = 1 - i;
                return true;
            }
    }
    return false;
}

/* Where with a constant condition, or with one value twice. */
static bool is_settled_where(const hone__node *node, size_t *kept) {
    if (!hone__is_op(node, "Where") || node->n_inputs != 3)
        return false;
    bool yes = hone__const_is_all(node->inputs[0], 1), no = hone__const_is_all(node->inputs[0], 0);
    *kept = no ? 2 : 1;
    return (yes || no || node->inputs[1] == node->inputs[2]) && keeps_shape(node, *kept);
}

/* x op x = x. */
static bool is_idempotent(const hone__node *node) {
    static const char *const ops[] = {"And", "Or", "Max", "Min", "BitwiseAnd", "BitwiseOr"};
    for (size_t i = 0; i < HONE_COUNT_OF(ops); i++)
        if (hone__is_op(node, ops[i])) {
            for (size_t k = 1; k < node->n_inputs; k++)
                if (node->inputs[k] != node->inputs[0])
                    return false;
            return node->n_inputs > 1;
        }
    return false;
}

static bool ints_are_all(const hone__node *node, const char *attr, size_t input, int64_t want, bool absent) {
    int64_t v[2 * HONE_MAX_RANK];
    size_t n = 0;
    hone__ints how = hone__pass_get_ints(node, attr, input, v, HONE_COUNT_OF(v), &n);
    if (how != HONE_INTS_KNOWN)
        return how == HONE_INTS_ABSENT && absent;
    for (size_t i = 0; i < n; i++)
        if (v[i] != want)
            return false;
    return true;
}

/* The shape stays and every step is 1: then every start is 0. */
static bool is_whole_slice(const hone__node *node) {
    return hone__is_op(node, "Slice") && keeps_shape(node, 0) && ints_are_all(node, "steps", 4, 1, true);
}

static bool is_empty_pad(const hone__node *node) {
    if (!hone__is_op(node, "Pad"))
        return false;
    const char *attr = hone__node_attr(node, "paddings") ? "paddings" : "pads"; /* Pad-1 */
    return ints_are_all(node, attr, 1, 0, false);
}

static bool is_whole_clip(const hone__node *node) {
    double x;
    if (!hone__is_op(node, "Clip") || node->op->since < 11)
        return false; /* older versions clip to the largest finite number by default */
    for (size_t i = 1; i < node->n_inputs; i++)
        if (node->inputs[i] && !(hone__is_float(node->inputs[i]) && hone__const_scalar(node->inputs[i], &x) &&
                                 isinf(x) && (x > 0) == (i == 2)))
            return false;
    return true;
}

/* Every scale exactly 1: each output element lies on an input element, whatever the mode. With sizes, the scale is 1
 * where sizes equal dims. A region of interest moves elements. */
static bool is_unit_resize(const hone__node *node) {
    bool upsample = hone__is_op(node, "Upsample");
    if ((!upsample && !hone__is_op(node, "Resize")) || !keeps_shape(node, 0) ||
        !hone__type_is_static(&node->outputs[0]->type) || hone__node_attr(node, "axes") ||
        strcmp(hone__node_attr_string(node, "coordinate_transformation_mode", ""), "tf_crop_and_resize") == 0)
        return false;
    size_t n;
    const float *scales = hone__node_attr_floats(node, "scales", &n);
    size_t at = upsample || node->op->since < 11 ? 1 : 2;
    if (scales) {
        for (size_t i = 0; i < n; i++)
            if (scales[i] != 1)
                return false;
        return n > 0;
    }
    if (at < node->n_inputs && node->inputs[at] &&
        !(hone__is_constant(node->inputs[at]) && hone__tensor_count(node->inputs[at]->constant) == 0))
        return hone__const_is_all(node->inputs[at], 1);
    return node->n_inputs > 3 && hone__is_constant(node->inputs[3]) &&
           strcmp(hone__node_attr_string(node, "keep_aspect_ratio_policy", "stretch"), "stretch") == 0;
}

/* A window of one element, without padding. */
static bool is_unit_pool(const hone__node *node) {
    bool max = hone__is_op(node, "MaxPool"), average = hone__is_op(node, "AveragePool");
    size_t n;
    const int64_t *kernel = hone__node_attr_ints(node, "kernel_shape", &n);
    if ((!max && !average) || !hone__only_first_output(node) || !kernel)
        return false;
    for (size_t i = 0; i < n; i++)
        if (kernel[i] != 1)
            return false;
    return ints_are_all(node, "strides", 9, 1, true) && ints_are_all(node, "pads", 9, 0, true);
}

/* Reducing axes of size 1 that stay: the sum, mean, largest, ... of one element is itself. */
static bool is_unit_reduction(const hone__node *node) {
    static const char *const ops[] = {"ReduceSum",  "ReduceMean",        "ReduceMax",    "ReduceMin",
                                      "ReduceProd", "GlobalAveragePool", "GlobalMaxPool"};
    for (size_t i = 0; i < HONE_COUNT_OF(ops); i++)
        if (hone__is_op(node, ops[i]))
            return keeps_shape(node, 0) && hone__type_is_static(&node->outputs[0]->type);
    return false;
}

/* Gather of 0, 1, .., n-1 along an axis of n. */
static bool is_whole_gather(const hone__node *node) {
    int64_t v[HONE_MAX_RANK * 32];
    size_t n;
    if (!hone__is_op(node, "Gather") || node->n_inputs != 2 || hone__value_rank(node->inputs[1]) != 1 ||
        !hone__const_ints(node->inputs[1], v, HONE_COUNT_OF(v), &n) || !keeps_shape(node, 0))
        return false;
    for (size_t i = 0; i < n; i++)
        if (v[i] != (int64_t)i)
            return false;
    return hone__value_dim(node->inputs[0], (int)hone__node_attr_int(node, "axis", 0)) == (int64_t)n;
}

static bool is_one_of(const hone__node *node, const char *const *ops, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (hone__is_op(node, ops[i]))
            return true;
    return false;
}

static bool hands_on(const hone__node *node, size_t *kept) {
    static const char *const of_one[] = {"Concat", "Sum", "Max", "Min", "Mean"};
    static const char *const views[] = {"Reshape", "Flatten", "Expand", "Squeeze", "Unsqueeze", "Tile"};
    *kept = 0;
    if (!node->op || *node->domain || node->n_inputs == 0 || !node->inputs[0] || node->n_outputs == 0 ||
        !node->outputs[0])
        return false;
    if (hone__is_op(node, "Identity") || is_inference_dropout(node) || is_cast_to_same(node))
        return true;
    if (hone__is_op(node, "Transpose"))
        return is_identity_transpose(node);
    if (is_one_of(node, views, HONE_COUNT_OF(views)))
        return keeps_shape(node, 0);
    if (is_one_of(node, of_one, HONE_COUNT_OF(of_one)))
        return node->n_inputs == 1 || is_idempotent(node);
    if (hone__is_op(node, "Split"))
        return node->n_outputs == 1 && keeps_shape(node, 0);
    if (hone__is_op(node, "DepthToSpace") || hone__is_op(node, "SpaceToDepth"))
        return hone__node_attr_int(node, "blocksize", 0) == 1;
    return is_neutral(node, kept) || is_settled_where(node, kept) || is_idempotent(node) || is_whole_slice(node) ||
           is_empty_pad(node) || is_whole_clip(node) || is_unit_resize(node) || is_unit_pool(node) ||
           is_unit_reduction(node) || is_whole_gather(node);
}

HONE_PASS(eliminate_identity) {
    HONE_FOR_NODES_SAFE(node, ctx->graph) {
        size_t kept;
        bool done;
        if (hands_on(node, &kept))
            HONE_TRY(hone__pass_bypass(ctx, node, node->inputs[kept], &done, error));
    }
    return HONE_OK;
}
