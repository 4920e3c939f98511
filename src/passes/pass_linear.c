/* Folding affine maps into weights; see pass_linear.h. */
#include "passes/pass_linear.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"

#include <math.h>
#include <string.h>

enum { MIN_HEAVY = 1 << 18 }; /* weights */

static bool read_conv(hone__node *node, hone__linear *l) {
    const hone_tensor *w = node->inputs[1]->constant;
    int64_t taps = 1;
    if (w->rank < 3)
        return false;
    for (int i = 2; i < w->rank; i++)
        taps *= w->dims[i];
    bool transposed = hone__is_op(node, "ConvTranspose");
    l->layout = transposed ? HONE_LINEAR_CONV_TRANSPOSE : HONE_LINEAR_CONV;
    l->group = hone__node_attr_int(node, "group", 1);
    if (l->group <= 0 || w->dims[0] <= 0 || w->dims[1] <= 0 || taps <= 0 || w->dims[0] % l->group != 0)
        return false;
    l->d0 = w->dims[0];
    l->d1 = w->dims[1];
    l->inner = taps;
    l->n_out = transposed ? w->dims[1] * l->group : w->dims[0];
    l->n_in = transposed ? w->dims[0] : w->dims[1] * l->group;
    l->takes_bias = true;
    l->channel_axis = 1;
    return true;
}

static bool read_product(hone__node *node, hone__linear *l) {
    const hone_tensor *w = node->inputs[1]->constant;
    bool gemm = hone__is_op(node, "Gemm"), fused = hone__is_op_in(node, "hone", "FusedMatMul");
    if (fused && (*hone__node_attr_string(node, "activation", "") || hone__node_attr_int(node, "transA", 0) ||
                  hone__node_attr_int(node, "transB", 0) || hone__node_attr_float(node, "alpha", 1) != 1 ||
                  (node->n_inputs > 3 && node->inputs[3]) || (node->n_inputs > 4 && node->inputs[4])))
        return false;
    bool transposed = gemm && hone__node_attr_int(node, "transB", 0);
    if (w->rank != 2 || w->dims[0] <= 0 || w->dims[1] <= 0 || (gemm && hone__node_attr_int(node, "transA", 0)) ||
        (gemm && node->op->since < 7) || hone__value_rank(node->inputs[0]) < 2)
        return false;
    l->layout = transposed ? HONE_LINEAR_PRODUCT_T : HONE_LINEAR_PRODUCT;
    l->group = 1;
    l->d0 = w->dims[0];
    l->d1 = w->dims[1];
    l->inner = 1;
    l->n_out = transposed ? l->d0 : l->d1;
    l->n_in = transposed ? l->d1 : l->d0;
    l->takes_bias = gemm || fused;
    l->channel_axis = hone__value_rank(node->outputs[0]) - 1;
    if (gemm) {
        l->alpha = hone__node_attr_float(node, "alpha", 1);
        l->beta = hone__node_attr_float(node, "beta", 1);
    }
    return true;
}

bool hone__linear_read(hone__node *node, hone__linear *l) {
    int64_t n;
    memset(l, 0, sizeof *l);
    if (!node || !node->op || node->n_inputs < 2 || !hone__is_float(node->outputs[0]) ||
        !(l->weights = hone__const_float_view(node->inputs[1], &n)))
        return false;
    l->node = node;
    l->alpha = l->beta = 1;
    bool conv = hone__is_op(node, "Conv") || hone__is_op(node, "ConvTranspose");
    bool product =
        hone__is_op(node, "Gemm") || hone__is_op(node, "MatMul") || hone__is_op_in(node, "hone", "FusedMatMul");
    if ((!conv && !product) || !(conv ? read_conv(node, l) : read_product(node, l)))
        return false;
    if (node->n_inputs < 3 || !node->inputs[2])
        return true;
    l->bias = hone__const_floats(node->inputs[2], &l->n_bias);
    if (!l->bias)
        return false;
    const hone_tensor *b = node->inputs[2]->constant;
    return l->n_bias == 1 || (l->n_bias == l->n_out && b->rank > 0 && b->dims[b->rank - 1] == l->n_out);
}

/* ---- affine maps ---- */

void hone__affine_deinit(hone__affine *affine) {
    hone__free(affine->scale);
    hone__free(affine->shift);
    memset(affine, 0, sizeof *affine);
}

static bool is_inference(const hone__node *bn) {
    if (!hone__only_first_output(bn) || !bn->op)
        return false;
    if (bn->op->since >= 14)
        return hone__node_attr_int(bn, "training_mode", 0) == 0;
    if (bn->op->since < 7)
        return hone__node_attr_int(bn, "is_test", 0) != 0 || bn->n_outputs == 1;
    return bn->n_outputs == 1 && hone__node_attr_int(bn, "spatial", 1) != 0;
}

static bool read_batchnorm(const hone__node *bn, int64_t n, int axis, hone__affine *a) {
    const float *stats[4]; /* scale, bias, mean, variance */
    int64_t count;
    if (bn->n_inputs < 5 || !is_inference(bn) || axis != 1)
        return false;
    for (int i = 0; i < 4; i++)
        if (!(stats[i] = hone__const_floats(bn->inputs[i + 1], &count)) || count != n)
            return false;
    double eps = hone__node_attr_float(bn, "epsilon", 1e-5f);
    for (int64_t c = 0; c < n; c++) {
        a->scale[c] = stats[0][c] / sqrt((double)stats[3][c] + eps);
        a->shift[c] = stats[1][c] - stats[2][c] * a->scale[c];
    }
    return true;
}

/* One constant per channel, or one for all, that does not widen the other operand. */
static const float *per_channel(const hone__value *value, int64_t n, int axis, int rank, size_t *step) {
    int64_t count;
    const float *data = hone__const_floats(value, &count);
    if (!data || value->constant->rank > rank)
        return NULL;
    *step = count == 1 ? 0 : 1;
    int at = axis - (rank - value->constant->rank);
    return count == 1 || (count == n && at >= 0 && value->constant->dims[at] == n) ? data : NULL;
}

static bool read_elementwise(const hone__node *node, int64_t n, int axis, int rank, hone__affine *a, size_t *input) {
    bool mul = hone__is_op(node, "Mul"), div = hone__is_op(node, "Div");
    bool add = hone__is_op(node, "Add"), sub = hone__is_op(node, "Sub");
    size_t step, which = 2;
    const float *c = NULL;
    if ((!mul && !div && !add && !sub) || node->n_inputs != 2 || node->op->since < 7)
        return false;
    for (size_t i = 0; i < 2 && !c; i++)
        if ((c = per_channel(node->inputs[i], n, axis, rank, &step)))
            which = i;
    if (!c || (div && which == 0))
        return false;
    *input = 1 - which;
    a->is_scalar = step == 0;
    for (int64_t i = 0; i < n; i++) {
        double x = c[(size_t)i * step];
        if (div && x == 0)
            return false;
        a->scale[i] = mul ? x : div ? 1 / x : sub && which == 0 ? -1 : 1;
        a->shift[i] = add ? x : sub ? (which == 0 ? x : -x) : 0;
    }
    return true;
}

bool hone__affine_read(const hone__node *node, int64_t n, int axis, int rank, hone__affine *out, size_t *input,
                       hone_status *status, hone_error *error) {
    memset(out, 0, sizeof *out);
    *status = HONE_OK;
    bool bn = hone__is_op(node, "BatchNormalization");
    if (!node || !node->op || *node->domain || n <= 0 || node->n_outputs == 0 || !hone__is_float(node->outputs[0]) ||
        (!bn && !hone__is_op(node, "Mul") && !hone__is_op(node, "Div") && !hone__is_op(node, "Add") &&
         !hone__is_op(node, "Sub")))
        return false;
    out->scale = hone__calloc((size_t)n, sizeof *out->scale);
    out->shift = hone__calloc((size_t)n, sizeof *out->shift);
    out->n = n;
    if (!out->scale || !out->shift)
        *status = hone__fail_memory(error, "folded weights");
    *input = 0;
    bool ok = *status == HONE_OK &&
              (bn ? read_batchnorm(node, n, axis, out) : read_elementwise(node, n, axis, rank, out, input));
    for (int64_t i = 0; i < n && ok; i++) {
        ok = isfinite(out->scale[i]) && isfinite(out->shift[i]);
        out->scales |= out->scale[i] != 1;
        out->shifts |= out->shift[i] != 0;
    }
    if (!ok)
        hone__affine_deinit(out);
    return ok;
}

bool hone__linear_prefers_alpha(const hone__pass_context *ctx, const hone__linear *l, const hone__affine *a) {
    if (ctx->options->target != HONE_TARGET_HONE || l->inner != 1 || l->layout == HONE_LINEAR_CONV ||
        l->layout == HONE_LINEAR_CONV_TRANSPOSE || a->shifts || !a->is_scalar || l->d0 * l->d1 < MIN_HEAVY)
        return false;
    return true;
}

/* Large weights are scaled as they are packed, not copied. */
static bool takes_scale(const hone__pass_context *ctx, const hone__linear *l, const hone__affine *a) {
    return l->layout == HONE_LINEAR_PRODUCT && !hone__is_op(l->node, "Gemm") && !a->shifts && l->n_out > 1 &&
           l->d0 * l->d1 >= MIN_HEAVY && ctx->options->target == HONE_TARGET_HONE;
}

hone_status hone__linear_take_scale(hone__pass_context *ctx, const hone__linear *l, const hone__affine *a, bool *done,
                                    hone_error *error) {
    hone__node *node = l->node;
    hone__value *scale, *bias = NULL;
    *done = false;
    if (!takes_scale(ctx, l, a))
        return HONE_OK;
    float *numbers = hone__malloc((size_t)l->n_out * 2 * sizeof *numbers);
    if (!numbers)
        return hone__fail_memory(error, "folded weights");
    bool finite = true;
    for (int64_t i = 0; i < l->n_out; i++) {
        numbers[i] = (float)a->scale[i];
        numbers[l->n_out + i] = l->bias ? (float)(l->bias[l->n_bias == 1 ? 0 : i] * a->scale[i]) : 0;
        finite &= isfinite(numbers[i]) && isfinite(numbers[l->n_out + i]);
    }
    hone_status status = HONE_OK;
    if (finite) {
        status = hone__add_floats(node->graph, node->name, 1, &l->n_out, numbers, &scale, error);
        if (status == HONE_OK && l->bias)
            status = hone__add_floats(node->graph, node->name, 1, &l->n_out, numbers + l->n_out, &bias, error);
        if (status == HONE_OK)
            status = hone__node_become(node, "hone", "FusedMatMul", 1, ctx->pass->name, error);
        if (status == HONE_OK && bias)
            status = hone__node_set_input(node, 2, bias, error);
        if (status == HONE_OK)
            status = hone__node_set_input(node, 4, scale, error);
        *done = status == HONE_OK;
    }
    hone__free(numbers);
    return status;
}

/* ---- folding ---- */

typedef struct folded {
    float *weights, *bias;
    double *sums; /* [n_out]: the bias before it is rounded */
} folded;

static hone_status alloc_folded(const hone__linear *l, folded *f, hone_error *error) {
    f->weights = hone__malloc((size_t)(l->d0 * l->d1 * l->inner) * sizeof *f->weights);
    f->bias = hone__malloc((size_t)l->n_out * sizeof *f->bias);
    f->sums = hone__calloc((size_t)l->n_out, sizeof *f->sums);
    return f->weights && f->bias && f->sums ? HONE_OK : hone__fail_memory(error, "folded weights");
}

static void free_folded(folded *f) {
    hone__free(f->weights);
    hone__free(f->bias);
    hone__free(f->sums);
}

static double old_bias(const hone__linear *l, int64_t c) {
    return l->bias ? (double)l->beta * l->bias[l->n_bias == 1 ? 0 : c] : 0;
}

/* Rounds the biases; false when one is not finite. */
static bool round_bias(const hone__linear *l, folded *f) {
    for (int64_t c = 0; c < l->n_out; c++) {
        f->bias[c] = (float)f->sums[c];
        if (!isfinite(f->bias[c]))
            return false;
    }
    return true;
}

static hone_status store(const hone__linear *l, const folded *f, bool weights, bool bias, hone_error *error) {
    hone__node *node = l->node;
    const hone_tensor *w = node->inputs[1]->constant;
    hone__value *value;
    if (weights) {
        HONE_TRY(hone__add_floats(node->graph, node->inputs[1]->name, w->rank, w->dims, f->weights, &value, error));
        HONE_TRY(hone__node_set_input(node, 1, value, error));
    }
    if (!bias)
        return HONE_OK;
    const char *name = node->n_inputs > 2 && node->inputs[2] ? node->inputs[2]->name : node->name;
    HONE_TRY(hone__add_floats(node->graph, name, 1, &l->n_out, f->bias, &value, error));
    HONE_TRY(hone__node_set_input(node, 2, value, error));
    return l->beta != 1 ? hone__node_set_attr_float(node, "beta", 1, error) : HONE_OK;
}

hone_status hone__linear_fold_after(const hone__linear *l, const hone__affine *a, bool *done, hone_error *error) {
    folded f = {0};
    *done = false;
    if (a->shifts && !l->takes_bias)
        return HONE_OK;
    hone_status status = alloc_folded(l, &f, error);
    bool finite = status == HONE_OK;
    for (int64_t i0 = 0; i0 < l->d0 && finite && a->scales; i0++)
        for (int64_t i1 = 0; i1 < l->d1 && finite; i1++) {
            double scale = a->scale[hone__linear_out(l, i0, i1)];
            for (int64_t k = 0, at = (i0 * l->d1 + i1) * l->inner; k < l->inner; k++, at++) {
                f.weights[at] = (float)(l->weights[at] * scale);
                finite &= isfinite(f.weights[at]) || !isfinite(l->weights[at]);
            }
        }
    for (int64_t c = 0; c < l->n_out && finite; c++)
        f.sums[c] = old_bias(l, c) * a->scale[c] + a->shift[c];
    if (finite && round_bias(l, &f)) {
        status = store(l, &f, a->scales, l->bias || a->shifts, error);
        *done = status == HONE_OK;
    }
    free_folded(&f);
    return status;
}

hone_status hone__linear_fold_before(const hone__linear *l, const hone__affine *a, bool *done, hone_error *error) {
    folded f = {0};
    *done = false;
    if (a->shifts && !l->takes_bias)
        return HONE_OK;
    hone_status status = alloc_folded(l, &f, error);
    bool finite = status == HONE_OK;
    for (int64_t c = 0; c < l->n_out && finite; c++)
        f.sums[c] = old_bias(l, c);
    for (int64_t i0 = 0; i0 < l->d0 && finite; i0++)
        for (int64_t i1 = 0; i1 < l->d1 && finite; i1++) {
            int64_t in = hone__linear_in(l, i0, i1), out = hone__linear_out(l, i0, i1);
            for (int64_t k = 0, at = (i0 * l->d1 + i1) * l->inner; k < l->inner; k++, at++) {
                f.weights[at] = (float)(l->weights[at] * a->scale[in]);
                finite &= isfinite(f.weights[at]) || !isfinite(l->weights[at]);
                f.sums[out] += (double)l->alpha * l->weights[at] * a->shift[in];
            }
        }
    if (finite && round_bias(l, &f)) {
        status = store(l, &f, a->scales, l->bias || a->shifts, error);
        *done = status == HONE_OK;
    }
    free_folded(&f);
    return status;
}
