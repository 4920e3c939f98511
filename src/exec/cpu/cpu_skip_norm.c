/* Binds the norms that first add: com.microsoft SkipLayerNormalization and SkipSimplifiedLayerNormalization (two
 * tensors and a bias), EmbedLayerNormalization (rows of two or three tables). A row is summed and normalised while it
 * lies in the L1 cache. Float32. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/norm/norm.h"

enum { GRAIN_ELEMENTS = 4096 };

typedef struct skip_plan {
    size_t rows, n, skip; /* elements of skip, after which it repeats */
    float eps;
    bool is_rms;
    const hone_norm_row *norms;
    hone_binary_fn add;
} skip_plan;

static bool only_outputs(const hone__node *node, size_t extra) {
    for (size_t i = 1; i < node->n_outputs; i++)
        if (node->outputs[i] && i != extra)
            return false;
    return hone__bind_has_output(node, 0);
}

static bool match_skip(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] && !hone__bind_has_dtype(node, i, HONE_DTYPE_FLOAT))
            return false;
    return hone__bind_rank(node, 0) >= 1 && only_outputs(node, 3);
}

static hone_status plan_skip(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    skip_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a normalisation plan");
    const hone_tensor *x = ctx->in[0];
    const size_t count = (size_t)hone__tensor_count(x);
    p->is_rms = strcmp(ctx->node->op_type, "SkipLayerNormalization") != 0;
    p->n = (size_t)x->dims[x->rank - 1];
    p->rows = p->n ? count / p->n : 0;
    p->skip = (size_t)hone__tensor_count(ctx->in[1]);
    bool fits = count == 0 || (p->skip > 0 && count % p->skip == 0 && p->skip % p->n == 0);
    for (size_t i = 2; i < ctx->n_in; i++)
        fits = fits && (!ctx->in[i] || (size_t)hone__tensor_count(ctx->in[i]) == p->n);
    ctx->is_declined = !fits; /* the reference evaluator broadcasts more, or says what is wrong */
    if (ctx->is_declined)
        return HONE_OK;
    p->eps = hone__node_attr_float(ctx->node, "epsilon", 1e-12f);
    p->norms = hone_norm_select(ctx->config->isa);
    p->add = hone_eltwise_select(ctx->config->isa)->binary[HONE_BINARY_ADD][HONE_MODE_VV];
    ctx->kernel = p->is_rms ? "f32_skip_rms_norm" : "f32_skip_layer_norm";
    return HONE_OK;
}

typedef struct skip_args {
    const skip_plan *plan;
    const float *x, *skip, *scale, *shift, *bias;
    float *y, *sum;
} skip_args;

static const float *input_data(const hone__cpu_run *ctx, size_t i) {
    return i < ctx->n_in && ctx->in[i] ? ctx->in[i]->data : NULL;
}

static void skip_range(void *arg, size_t begin, size_t end, int thread) {
    const skip_args *a = arg;
    const skip_plan *p = a->plan;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        float *sum = (a->sum ? a->sum : a->y) + i * p->n, *y = a->y + i * p->n;
        p->add(a->x + i * p->n, a->skip + i * p->n % p->skip, sum, p->n);
        if (a->bias)
            p->add(sum, a->bias, sum, p->n);
        if (p->is_rms)
            p->norms->rms_norm(sum, a->scale, y, p->n, p->eps);
        else
            p->norms->layer_norm(sum, a->scale, a->shift, y, p->n, p->eps);
    }
}

static hone_status run_skip(hone__cpu_run *ctx) {
    const skip_plan *p = ctx->plan_state;
    skip_args args = {p,
                      ctx->in[0]->data,
                      ctx->in[1]->data,
                      ctx->in[2]->data,
                      p->is_rms ? NULL : input_data(ctx, 3),
                      input_data(ctx, p->is_rms ? 3 : 4),
                      ctx->out[0]->data,
                      ctx->n_out > 3 && ctx->out[3] ? ctx->out[3]->data : NULL};
    if (p->rows > 0)
        hone__pool_run_range(ctx->pool, p->rows, hone__bind_grain(p->n, GRAIN_ELEMENTS), skip_range, &args);
    return HONE_OK;
}

/* ---- EmbedLayerNormalization ---- */

typedef struct embed_plan {
    size_t rows, s, h, positions; /* positions: ids given, after which they repeat; 0: none */
    int64_t limit[3];             /* rows of the tables of words, positions, segments */
    float eps;
    const hone_norm_row *norms;
    hone_binary_fn add;
} embed_plan;

static bool match_embed(const hone__node *node, const hone__cpu_config *config) {
    static const size_t ids[] = {0, 1, 8}, tables[] = {2, 3, 4, 5, 6};
    (void)config;
    for (size_t i = 0; i < 3; i++)
        if (hone__bind_input(node, ids[i]) && !hone__bind_has_dtype(node, ids[i], HONE_DTYPE_INT32))
            return false;
    for (size_t i = 0; i < 5; i++)
        if (hone__bind_input(node, tables[i]) && !hone__bind_has_dtype(node, tables[i], HONE_DTYPE_FLOAT))
            return false;
    return hone__bind_rank(node, 0) == 2 && hone__bind_rank(node, 2) == 2 && hone__bind_rank(node, 3) == 2 &&
           hone__bind_input(node, 5) && hone__bind_input(node, 6) &&
           !hone__bind_input(node, 1) == !hone__bind_input(node, 4) && only_outputs(node, 0);
}

static hone_status plan_embed(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    embed_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "an embedding plan");
    const hone_tensor *const *in = ctx->in, *segments = in[1], *table = in[4],
                             *positions = ctx->n_in > 8 ? in[8] : NULL;
    p->s = (size_t)in[0]->dims[1];
    p->rows = (size_t)in[0]->dims[0] * p->s;
    p->h = (size_t)in[2]->dims[1];
    p->positions = positions ? (size_t)hone__tensor_count(positions) : 0;
    p->limit[0] = in[2]->dims[0];
    p->limit[1] = in[3]->dims[0];
    p->limit[2] = table && table->rank == 2 ? table->dims[0] : 0;
    bool fits = (size_t)in[3]->dims[1] == p->h && (size_t)hone__tensor_count(in[5]) == p->h &&
                (size_t)hone__tensor_count(in[6]) == p->h &&
                (!segments || ((size_t)hone__tensor_count(segments) == p->rows && table->rank == 2 &&
                               (size_t)table->dims[1] == p->h)) &&
                (!positions || p->positions == p->rows || p->positions == p->s);
    ctx->is_declined = !fits; /* the reference evaluator broadcasts more, or says what is wrong */
    if (ctx->is_declined)
        return HONE_OK;
    p->eps = hone__node_attr_float(ctx->node, "epsilon", 1e-12f);
    p->norms = hone_norm_select(ctx->config->isa);
    p->add = hone_eltwise_select(ctx->config->isa)->binary[HONE_BINARY_ADD][HONE_MODE_VV];
    ctx->kernel = "f32_embed_layer_norm";
    return HONE_OK;
}

typedef struct embed_args {
    const embed_plan *plan;
    const int32_t *ids[3]; /* words, positions, segments */
    const float *tables[3], *scale, *shift;
    float *y;
} embed_args;

static int64_t embed_id(const embed_args *a, size_t table, size_t row) {
    const embed_plan *p = a->plan;
    if (table == 1)
        return a->ids[1] ? a->ids[1][row % p->positions] : (int64_t)(row % p->s);
    return a->ids[table][row];
}

static void embed_range(void *arg, size_t begin, size_t end, int thread) {
    const embed_args *a = arg;
    const embed_plan *p = a->plan;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        float *y = a->y + i * p->h;
        p->add(a->tables[0] + (size_t)embed_id(a, 0, i) * p->h, a->tables[1] + (size_t)embed_id(a, 1, i) * p->h, y,
               p->h);
        if (a->ids[2])
            p->add(y, a->tables[2] + (size_t)embed_id(a, 2, i) * p->h, y, p->h);
        p->norms->layer_norm(y, a->scale, a->shift, y, p->h, p->eps);
    }
}

static hone_status run_embed(hone__cpu_run *ctx) {
    static const char *const names[] = {"token", "position", "segment"};
    const embed_plan *p = ctx->plan_state;
    const hone_tensor *const *in = ctx->in;
    embed_args a = {.plan = p,
                    .ids = {in[0]->data, p->positions ? in[8]->data : NULL, in[1] ? in[1]->data : NULL},
                    .tables = {in[2]->data, in[3]->data, in[4] ? in[4]->data : NULL},
                    .scale = in[5]->data,
                    .shift = in[6]->data,
                    .y = ctx->out[0]->data};
    for (size_t table = 0; table < 3; table++)
        for (size_t i = 0; i < p->rows && (table < 2 || a.ids[2]); i++) {
            const int64_t id = embed_id(&a, table, i);
            HONE_FAIL_IF(id < 0 || id >= p->limit[table], ctx->error, HONE_ERROR_SHAPE,
                         "%s %lld is outside an embedding of %lld", names[table], (long long)id,
                         (long long)p->limit[table]);
        }
    if (p->rows > 0 && p->h > 0)
        hone__pool_run_range(ctx->pool, p->rows, hone__bind_grain(p->h, GRAIN_ELEMENTS), embed_range, &a);
    return HONE_OK;
}

#define ROW(op_, name_, match_, plan_, run_)                                                                           \
    { "com.microsoft", op_, 1, HONE_ANY_VERSION, name_, match_, NULL, NULL, plan_, run_ }

static const hone__cpu_kernel rows[] = {
    ROW("SkipLayerNormalization", "f32_skip_layer_norm", match_skip, plan_skip, run_skip),
    ROW("SkipSimplifiedLayerNormalization", "f32_skip_rms_norm", match_skip, plan_skip, run_skip),
    ROW("EmbedLayerNormalization", "f32_embed_layer_norm", match_embed, plan_embed, run_embed),
};

const hone__cpu_kernel_family hone__cpu_family_skip_norm = {"skip_norm", rows, sizeof rows / sizeof rows[0]};
