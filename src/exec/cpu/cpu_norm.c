/* Binds the normalisations to kernels/norm: Softmax and LogSoftmax, LayerNormalization and its RMS
 * forms, BatchNormalization (inference), InstanceNormalization, GroupNormalization and LRN. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_blocked.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/norm/norm.h"

#include <math.h>

enum { GRAIN_ELEMENTS = 4096 }; /* per task: these kernels read their run two or three times */

static int resolve_axis(int64_t axis, int rank) { return (int)(axis < 0 ? axis + rank : axis); }

/* ---- Softmax, LogSoftmax ---- */

typedef struct softmax_plan {
    int64_t outer, n, inner, blocks; /* blocks: tasks per outer slice when inner > 1 */
    void (*rows)(const float *x, float *y, size_t n);
    void (*columns)(const float *x, float *y, size_t n, size_t stride, size_t width);
} softmax_plan;

enum { COLUMN_BLOCK = 64 };

static bool match_f32(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_all_f32(node);
}

static hone_status plan_softmax(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    softmax_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a Softmax plan");
    const hone_norm_row *row = hone_norm_select(ctx->config->isa);
    const bool is_log = strcmp(ctx->node->op_type, "LogSoftmax") == 0, is_13 = ctx->node->op->since >= 13;
    const hone_tensor *x = ctx->in[0];
    int axis = resolve_axis(hone__node_attr_int(ctx->node, "axis", is_13 ? -1 : 1), x->rank);
    if (x->rank == 0 && axis == -1)
        axis = 0; /* a scalar is one row of one element */
    HONE_FAIL_IF(axis < 0 || axis > x->rank || (axis == x->rank && is_13 && x->rank > 0), ctx->error, HONE_ERROR_SHAPE,
                 "axis %d of %s is outside its input of rank %d", axis, ctx->node->op_type, x->rank);
    /* Before opset 13 the input counts as a matrix [dims before axis][dims from axis on]. */
    p->outer = hone__bind_product(x->dims, 0, axis);
    p->n = is_13 ? (axis < x->rank ? x->dims[axis] : 1) : hone__bind_product(x->dims, axis, x->rank);
    p->inner = is_13 ? hone__bind_product(x->dims, axis + 1, x->rank) : 1;
    p->rows = is_log ? row->log_softmax : row->softmax;
    p->columns = is_log ? row->log_softmax_columns : row->softmax_columns;
    p->blocks = p->inner > 1 ? (p->inner + COLUMN_BLOCK - 1) / COLUMN_BLOCK : 1;
    ctx->kernel = is_log ? "f32_log_softmax" : "f32_softmax";
    ctx->inplace_input = hone__bind_can_reuse(ctx, 0) ? 0 : -1;
    return HONE_OK;
}

typedef struct softmax_args {
    const softmax_plan *plan;
    const float *x;
    float *y;
} softmax_args;

static void softmax_range(void *arg, size_t begin, size_t end, int thread) {
    const softmax_args *a = arg;
    const softmax_plan *p = a->plan;
    const size_t n = (size_t)p->n, inner = (size_t)p->inner, blocks = (size_t)p->blocks;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        if (inner == 1) {
            p->rows(a->x + t * n, a->y + t * n, n);
            continue;
        }
        const size_t column = t % blocks * COLUMN_BLOCK, at = t / blocks * n * inner + column;
        p->columns(a->x + at, a->y + at, n, inner, hone__min_size(COLUMN_BLOCK, inner - column));
    }
}

static hone_status run_softmax(hone__cpu_run *ctx) {
    const softmax_plan *p = ctx->plan_state;
    softmax_args args = {p, ctx->in[0]->data, ctx->out[0]->data};
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    const size_t unit = (size_t)p->n * (p->inner > 1 ? COLUMN_BLOCK : 1);
    hone__pool_run_range(ctx->pool, (size_t)(p->outer * p->blocks), hone__bind_grain(unit, GRAIN_ELEMENTS),
                         softmax_range, &args);
    return HONE_OK;
}

/* ---- LayerNormalization and RMS forms ---- */

typedef struct layer_plan {
    int64_t rows, n;
    float eps;
    bool is_rms;
    const hone_norm_row *kernels;
} layer_plan;

/* Scale and bias must have exactly the normalised dims; broadcast ones go to the reference. */
static bool has_layer_shape(const hone__value *v, const hone__value *x, int axis) {
    if (!hone__bind_is_tensor(v) || v->type.rank != x->type.rank - axis || !hone__type_is_static(&v->type))
        return false;
    for (int i = 0; i < v->type.rank; i++) {
        const int64_t dim = x->type.dims[axis + i].value;
        if (v->type.dims[i].value != dim && (dim >= 0 || v->type.dims[i].value == 1))
            return false;
    }
    return true;
}

static bool match_layer(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    if (!hone__bind_all_f32(node) || node->n_inputs < 2 || !node->inputs[1] || hone__bind_rank(node, 0) < 1 ||
        hone__node_attr_int(node, "stash_type", 1) != 1)
        return false;
    const int rank = hone__bind_rank(node, 0), axis = resolve_axis(hone__node_attr_int(node, "axis", -1), rank);
    const hone__value *bias = hone__bind_input(node, 2);
    return axis >= 0 && axis < rank && has_layer_shape(node->inputs[1], node->inputs[0], axis) &&
           (!bias || has_layer_shape(bias, node->inputs[0], axis));
}

static hone_status plan_layer(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    layer_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a normalisation plan");
    const hone_tensor *x = ctx->in[0];
    const int axis = resolve_axis(hone__node_attr_int(ctx->node, "axis", -1), x->rank);
    p->rows = hone__bind_product(x->dims, 0, axis);
    p->n = hone__bind_product(x->dims, axis, x->rank);
    for (size_t i = 1; i < ctx->n_in; i++)
        HONE_FAIL_IF(ctx->in[i] && hone__tensor_count(ctx->in[i]) != p->n, ctx->error, HONE_ERROR_SHAPE,
                     "input %zu of %s has %lld elements, the normalised dims have %lld", i, ctx->node->op_type,
                     (long long)hone__tensor_count(ctx->in[i]), (long long)p->n);
    p->eps = hone__node_attr_float(ctx->node, "epsilon", 1e-5f);
    p->is_rms = strcmp(ctx->node->op_type, "LayerNormalization") != 0;
    p->kernels = hone_norm_select(ctx->config->isa);
    ctx->kernel = p->is_rms ? "f32_rms_norm" : "f32_layer_norm";
    ctx->inplace_input = hone__bind_can_reuse(ctx, 0) ? 0 : -1;
    return HONE_OK;
}

typedef struct layer_args {
    const layer_plan *plan;
    const float *x, *scale, *bias;
    float *y;
} layer_args;

static void layer_range(void *arg, size_t begin, size_t end, int thread) {
    const layer_args *a = arg;
    const layer_plan *p = a->plan;
    const size_t n = (size_t)p->n;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        if (p->is_rms)
            p->kernels->rms_norm(a->x + i * n, a->scale, a->y + i * n, n, p->eps);
        else
            p->kernels->layer_norm(a->x + i * n, a->scale, a->bias, a->y + i * n, n, p->eps);
    }
}

static hone_status run_layer(hone__cpu_run *ctx) {
    const layer_plan *p = ctx->plan_state;
    layer_args args = {p, ctx->in[0]->data, ctx->in[1]->data, ctx->n_in > 2 && ctx->in[2] ? ctx->in[2]->data : NULL,
                       ctx->out[0]->data};
    if (p->n > 0)
        hone__pool_run_range(ctx->pool, (size_t)p->rows, hone__bind_grain((size_t)p->n, GRAIN_ELEMENTS), layer_range,
                             &args);
    return HONE_OK;
}

/* ---- per-channel forms over [N,C,...]: y = x * s[c] + t[c] ---- */

typedef struct channel_plan {
    int64_t batch, channels, inner, groups; /* groups: GroupNormalization's, else channels */
    float eps;
    bool scale_per_group; /* GroupNormalization 18: scale and bias are [groups] */
    const hone_norm_row *kernels;
    hone_binary_fn mul, add;
} channel_plan;

static hone_status plan_channel(hone__cpu_plan *ctx, const char *kernel, channel_plan **out) {
    channel_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a normalisation plan");
    const hone_tensor *x = ctx->in[0];
    HONE_FAIL_IF(x->rank < 1, ctx->error, HONE_ERROR_SHAPE, "%s needs an input of rank 1 or more", ctx->node->op_type);
    p->batch = x->dims[0];
    p->channels = x->rank > 1 ? x->dims[1] : 1;
    p->inner = hone__bind_product(x->dims, 2, x->rank);
    p->groups = p->channels;
    p->eps = hone__node_attr_float(ctx->node, "epsilon", 1e-5f);
    p->kernels = hone_norm_select(ctx->config->isa);
    p->mul = hone_eltwise_select(ctx->config->isa)->binary[HONE_BINARY_MUL][HONE_MODE_VV];
    p->add = hone_eltwise_select(ctx->config->isa)->binary[HONE_BINARY_ADD][HONE_MODE_VV];
    ctx->kernel = kernel;
    ctx->inplace_input = hone__bind_can_reuse(ctx, 0) ? 0 : -1;
    *out = p;
    return HONE_OK;
}

static hone_status check_channels(hone__cpu_plan *ctx, size_t first, size_t last, int64_t n) {
    for (size_t i = first; i <= last; i++)
        HONE_FAIL_IF(!ctx->in[i] || hone__tensor_count(ctx->in[i]) != n, ctx->error, HONE_ERROR_SHAPE,
                     "input %zu of %s should have %lld elements", i, ctx->node->op_type, (long long)n);
    return HONE_OK;
}

static bool match_batch_norm(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_all_f32(node) && node->n_inputs == 5 && hone__node_attr_int(node, "training_mode", 0) == 0 &&
           hone__node_attr_int(node, "spatial", 1) == 1;
}

static hone_status plan_batch_norm(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    channel_plan *p;
    HONE_TRY(plan_channel(ctx, "f32_batch_norm", &p));
    HONE_TRY(check_channels(ctx, 1, 4, p->channels));
    ctx->workspace_size = hone__round_up((size_t)p->channels * 2 * sizeof(float), 64);
    return HONE_OK;
}

typedef struct channel_args {
    const channel_plan *plan;
    const float *x, *scale, *shift;
    float *y;
} channel_args;

static void batch_norm_range(void *arg, size_t begin, size_t end, int thread) {
    const channel_args *a = arg;
    const channel_plan *p = a->plan;
    const size_t channels = (size_t)p->channels, inner = (size_t)p->inner;
    (void)thread;
    if (inner == 1) { /* rows of channels */
        for (size_t i = begin; i < end; i++) {
            p->mul(a->x + i * channels, a->scale, a->y + i * channels, channels);
            p->add(a->y + i * channels, a->shift, a->y + i * channels, channels);
        }
        return;
    }
    for (size_t i = begin; i < end; i++)
        p->kernels->affine(a->x + i * inner, a->y + i * inner, inner, a->scale[i % channels], a->shift[i % channels]);
}

static hone_status run_batch_norm(hone__cpu_run *ctx) {
    const channel_plan *p = ctx->plan_state;
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK; /* without channels there is no workspace either */
    const float *gamma = ctx->in[1]->data, *beta = ctx->in[2]->data, *mean = ctx->in[3]->data, *var = ctx->in[4]->data;
    float *scale = ctx->workspace, *shift = scale + p->channels;
    for (int64_t c = 0; c < p->channels; c++) {
        scale[c] = gamma[c] / sqrtf(var[c] + p->eps);
        shift[c] = beta[c] - mean[c] * scale[c];
    }
    channel_args args = {p, ctx->in[0]->data, scale, shift, ctx->out[0]->data};
    const size_t unit = (size_t)(p->inner == 1 ? p->channels : p->inner);
    const size_t n = (size_t)(p->inner == 1 ? p->batch : p->batch * p->channels);
    hone__pool_run_range(ctx->pool, n, hone__bind_grain(unit, 2 * GRAIN_ELEMENTS), batch_norm_range, &args);
    return HONE_OK;
}

static bool match_group_norm(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_all_f32(node) && node->n_inputs == 3 && node->inputs[1] && node->inputs[2] &&
           hone__node_attr_int(node, "stash_type", 1) == 1;
}

static hone_status plan_group_norm(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    channel_plan *p;
    const bool is_group = strcmp(ctx->node->op_type, "GroupNormalization") == 0;
    HONE_TRY(plan_channel(ctx, is_group ? "f32_group_norm" : "f32_instance_norm", &p));
    if (is_group) {
        p->groups = hone__node_attr_int(ctx->node, "num_groups", 0);
        HONE_FAIL_IF(p->groups <= 0 || p->channels % p->groups != 0, ctx->error, HONE_ERROR_SHAPE,
                     "GroupNormalization cannot split %lld channels into %lld groups", (long long)p->channels,
                     (long long)p->groups);
        /* Opset 18 has one scale per group, opset 21 one per channel; as the reference, both take both. */
        p->scale_per_group = ctx->in[1] && hone__tensor_count(ctx->in[1]) == p->groups;
    }
    return check_channels(ctx, 1, 2, p->scale_per_group ? p->groups : p->channels);
}

static void group_norm_range(void *arg, size_t begin, size_t end, int thread) {
    const channel_args *a = arg;
    const channel_plan *p = a->plan;
    const size_t groups = (size_t)p->groups, per_group = (size_t)(p->channels / p->groups), inner = (size_t)p->inner;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const size_t group = i % groups;
        float mean, variance;
        p->kernels->moments(a->x + i * per_group * inner, per_group * inner, &mean, &variance);
        const float r = 1.0f / sqrtf(variance + p->eps);
        for (size_t c = 0; c < per_group; c++) {
            const size_t at = (i * per_group + c) * inner, k = p->scale_per_group ? group : group * per_group + c;
            const float s = r * a->scale[k];
            p->kernels->centred_affine(a->x + at, a->y + at, inner, mean, s, a->shift[k]);
        }
    }
}

static hone_status run_group_norm(hone__cpu_run *ctx) {
    const channel_plan *p = ctx->plan_state;
    channel_args args = {p, ctx->in[0]->data, ctx->in[1]->data, ctx->in[2]->data, ctx->out[0]->data};
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    const size_t unit = (size_t)(p->channels / p->groups * p->inner);
    hone__pool_run_range(ctx->pool, (size_t)(p->batch * p->groups), hone__bind_grain(unit, GRAIN_ELEMENTS),
                         group_norm_range, &args);
    return HONE_OK;
}

/* ---- LRN ---- */

typedef struct lrn_plan {
    int64_t batch, channels, inner, size;
    float alpha, beta, bias;
    const hone_norm_row *kernels;
} lrn_plan;

/* The kernel takes powers by way of logarithms: of positive numbers only. */
static bool match_lrn(const hone__node *node, const hone__cpu_config *config) {
    return match_f32(node, config) && hone__node_attr_float(node, "bias", 1.0f) > 0 &&
           hone__node_attr_float(node, "alpha", 1e-4f) >= 0;
}

static hone_status plan_lrn(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    lrn_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "an LRN plan");
    const hone_tensor *x = ctx->in[0];
    p->size = hone__node_attr_int(ctx->node, "size", 0);
    HONE_FAIL_IF(p->size < 1 || x->rank < 2, ctx->error, HONE_ERROR_SHAPE,
                 "LRN needs size >= 1 and a rank of 2 or more");
    p->batch = x->dims[0];
    p->channels = x->dims[1];
    p->inner = hone__bind_product(x->dims, 2, x->rank);
    p->alpha = hone__node_attr_float(ctx->node, "alpha", 1e-4f);
    p->beta = hone__node_attr_float(ctx->node, "beta", 0.75f);
    p->bias = hone__node_attr_float(ctx->node, "bias", 1.0f);
    p->kernels = hone_norm_select(ctx->config->isa);
    ctx->kernel = "f32_lrn";
    ctx->inplace_input = -1; /* a channel's neighbours are read after it is written */
    return HONE_OK;
}

typedef struct lrn_args {
    const lrn_plan *plan;
    const float *x;
    float *y;
} lrn_args;

static void lrn_range(void *arg, size_t begin, size_t end, int thread) {
    const lrn_args *a = arg;
    const lrn_plan *p = a->plan;
    const size_t channels = (size_t)p->channels, inner = (size_t)p->inner;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const size_t at = i / channels * channels * inner;
        p->kernels->lrn(a->x + at, a->y + at, channels, inner, i % channels, inner, (size_t)p->size, p->alpha, p->beta,
                        p->bias);
    }
}

static hone_status run_lrn(hone__cpu_run *ctx) {
    const lrn_plan *p = ctx->plan_state;
    lrn_args args = {p, ctx->in[0]->data, ctx->out[0]->data};
    hone__pool_run_range(ctx->pool, (size_t)(p->batch * p->channels),
                         hone__bind_grain((size_t)p->inner, GRAIN_ELEMENTS / 2), lrn_range, &args);
    return HONE_OK;
}

#define ROW(domain_, op_, min_, name_, match_, plan_, run_)                                                            \
    { domain_, op_, min_, HONE_ANY_VERSION, name_, match_, NULL, NULL, plan_, run_, NULL, hone__cpu_blocked_batch_norm }

static const hone__cpu_kernel rows[] = {
    ROW("", "Softmax", 1, "f32_softmax", match_f32, plan_softmax, run_softmax),
    ROW("", "LogSoftmax", 1, "f32_log_softmax", match_f32, plan_softmax, run_softmax),
    ROW("", "LayerNormalization", 1, "f32_layer_norm", match_layer, plan_layer, run_layer),
    ROW("", "RMSNormalization", 23, "f32_rms_norm", match_layer, plan_layer, run_layer),
    ROW("", "SimplifiedLayerNormalization", 1, "f32_rms_norm", match_layer, plan_layer, run_layer),
    ROW("com.microsoft", "SimplifiedLayerNormalization", 1, "f32_rms_norm", match_layer, plan_layer, run_layer),
    ROW("", "BatchNormalization", 7, "f32_batch_norm", match_batch_norm, plan_batch_norm, run_batch_norm),
    ROW("", "InstanceNormalization", 6, "f32_instance_norm", match_group_norm, plan_group_norm, run_group_norm),
    ROW("", "GroupNormalization", 18, "f32_group_norm", match_group_norm, plan_group_norm, run_group_norm),
    ROW("", "LRN", 1, "f32_lrn", match_lrn, plan_lrn, run_lrn),
};

const hone__cpu_kernel_family hone__cpu_family_norm = {"norm", rows, sizeof rows / sizeof rows[0]};
