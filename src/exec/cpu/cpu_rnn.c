/* Binds LSTM and GRU (float32, default activations, no clip, no peepholes) to the matrix
 * products of kernels/gemm and the cells of kernels/rnn. The weights are packed once; the input's
 * product is one large one over all steps, the recurrent one is made step by step.
 *
 * x [T,B,I], w [D,G*H,I], r [D,G*H,H], bias [D,2*G*H], y [T,D,B,H]; G = 4 gates for LSTM, 3 for GRU. */
#include "base/alloc.h"
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_product.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/rnn/rnn.h"

enum { MAX_DIRECTIONS = 2 };

typedef struct rnn_direction {
    const float *w;      /* packed [I][G*H] */
    const float *r;      /* packed [H][G*H]; GRU that resets first: the two gates' [H][2H] */
    const float *r_last; /* GRU that resets first: packed [H][H] of the candidate */
    const float *bias_x; /* [G*H] added to the input's product */
    const float *bias_r; /* [H] GRU with linear_before_reset: the candidate's recurrent bias */
    bool is_backward;
} rnn_direction;

typedef struct rnn_state {
    size_t n_directions, gates, hidden, input;
    bool is_lstm, is_linear; /* linear_before_reset */
    const hone__gemm_kernel *gemm;
    const hone_rnn_row *cells;
    rnn_direction directions[MAX_DIRECTIONS];
} rnn_state;

/* ---- match ---- */

static bool has_default_activations(const hone__node *node) {
    const hone__attr *a = hone__node_attr(node, "activations");
    const bool is_lstm = strcmp(node->op_type, "LSTM") == 0;
    const size_t per = is_lstm ? 3 : 2;
    if (!a || a->type != HONE_ATTR_STRINGS)
        return !a;
    for (size_t i = 0; i < a->n; i++) {
        const char *want = i % per == 0 ? "Sigmoid" : "Tanh";
        if (a->strings[i].size != strlen(want) || memcmp(a->strings[i].data, want, strlen(want)) != 0)
            return false;
    }
    return true;
}

static bool is_constant_f32(const hone__node *node, size_t i, int rank) {
    const hone_tensor *t = hone__bind_constant(node, i);
    return t && t->dtype == HONE_DTYPE_FLOAT && t->rank == rank;
}

static bool match_rnn(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const bool is_lstm = strcmp(node->op_type, "LSTM") == 0;
    if (!hone__bind_has_dtype(node, 0, HONE_DTYPE_FLOAT) || !is_constant_f32(node, 1, 3) ||
        !is_constant_f32(node, 2, 3) || (hone__bind_input(node, 3) && !is_constant_f32(node, 3, 2)) ||
        (hone__bind_input(node, 4) && !hone__bind_has_dtype(node, 4, HONE_DTYPE_INT32)) || hone__bind_input(node, 7) ||
        !has_default_activations(node) || hone__node_attr(node, "clip") ||
        hone__node_attr_int(node, "layout", 0) != 0 || hone__node_attr_int(node, "input_forget", 0) != 0)
        return false;
    for (size_t i = 5; i < node->n_inputs; i++)
        if (node->inputs[i] && !hone__bind_has_dtype(node, i, HONE_DTYPE_FLOAT))
            return false;
    const hone_tensor *w = hone__bind_constant(node, 1), *r = hone__bind_constant(node, 2);
    const hone_tensor *b = hone__bind_constant(node, 3);
    const bool both = strcmp(hone__node_attr_string(node, "direction", "forward"), "bidirectional") == 0;
    const int64_t gates = is_lstm ? 4 : 3, h = r->dims[2], d = both ? 2 : 1;
    return h > 0 && w->dims[2] > 0 && w->dims[0] == d && r->dims[0] == d && w->dims[1] == gates * h &&
           r->dims[1] == gates * h && (!b || (b->dims[0] == d && b->dims[1] == 2 * gates * h));
}

/* ---- prepare ---- */

/* Packs rows [first, first + n) of m [rows][k], transposed: the product is x * m^T. */
static const float *pack_rows(hone__cpu_prepare *ctx, const hone__gemm_kernel *gemm, const float *m, size_t first,
                              size_t n, size_t k) {
    float *packed = ctx->alloc_packed(ctx, hone__gemm_packed_b_count(gemm, k, n) * sizeof *packed);
    if (packed)
        hone__gemm_pack_b(gemm, packed, m + first * k, 1, k, k, n);
    return packed;
}

static hone_status prepare_direction(hone__cpu_prepare *ctx, const rnn_state *s, const float *w, const float *r,
                                     const float *bias, rnn_direction *d) {
    const size_t h = s->hidden, gh = s->gates * h;
    const bool splits = !s->is_lstm && !s->is_linear;
    d->w = pack_rows(ctx, s->gemm, w, 0, gh, s->input);
    d->r = pack_rows(ctx, s->gemm, r, 0, splits ? 2 * h : gh, h);
    d->r_last = splits ? pack_rows(ctx, s->gemm, r, 2 * h, h, h) : NULL;
    float *bias_x = ctx->alloc_packed(ctx, (gh + h) * sizeof *bias_x);
    if (!d->w || !d->r || (splits && !d->r_last) || !bias_x)
        return hone__fail_memory(ctx->error, "packed weights of a recurrent layer");
    for (size_t i = 0; i < gh; i++) {
        const bool apart = s->is_linear && i >= 2 * h; /* stays inside the reset */
        bias_x[i] = bias ? bias[i] + (apart ? 0.0f : bias[gh + i]) : 0.0f;
    }
    for (size_t i = 0; i < h; i++)
        bias_x[gh + i] = bias && s->is_linear ? bias[gh + 2 * h + i] : 0.0f;
    d->bias_x = bias_x;
    d->bias_r = bias_x + gh;
    return HONE_OK;
}

static hone_status prepare_rnn(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    rnn_state *s = hone__arena_calloc(ctx->arena, 1, sizeof *s);
    if (!s)
        return hone__fail_memory(ctx->error, "a recurrent layer");
    const hone_tensor *w = hone__bind_constant(node, 1), *r = hone__bind_constant(node, 2);
    const hone_tensor *b = hone__bind_constant(node, 3);
    s->is_lstm = strcmp(node->op_type, "LSTM") == 0;
    s->is_linear = !s->is_lstm && hone__node_attr_int(node, "linear_before_reset", 0) != 0;
    s->n_directions = (size_t)w->dims[0];
    s->gates = s->is_lstm ? 4 : 3;
    s->hidden = (size_t)r->dims[2];
    s->input = (size_t)w->dims[2];
    s->gemm = hone__gemm_kernel_find(ctx->config->isa);
    s->cells = hone_rnn_select(ctx->config->isa);
    const bool first_back = strcmp(hone__node_attr_string(node, "direction", "forward"), "reverse") == 0;
    const size_t gh = s->gates * s->hidden;
    for (size_t d = 0; d < s->n_directions; d++) {
        s->directions[d].is_backward = d == 1 || first_back;
        HONE_TRY(prepare_direction(ctx, s, (const float *)w->data + d * gh * s->input,
                                   (const float *)r->data + d * gh * s->hidden,
                                   b ? (const float *)b->data + d * 2 * gh : NULL, &s->directions[d]));
    }
    *state = s;
    return HONE_OK;
}

/* ---- plan ---- */

static const double PARALLEL_WORK = 1 << 20; /* multiply-adds of a step */

typedef struct rnn_plan {
    size_t steps, batch;
    hone__gemm_plan input, recurrent, last;               /* the products; last: GRU that resets first */
    size_t gates_offset, r_offset, cell_offset, h_offset; /* floats into the workspace after the products' own */
    size_t gemm_size;
    bool is_parallel;      /* the directions run side by side, each on one thread */
    size_t direction_size; /* bytes of workspace of a direction; of all when they run one after the other */
} rnn_plan;

static hone_status plan_product(hone__cpu_plan *ctx, size_t m, size_t n, size_t k, rnn_plan *p, hone__gemm_plan *out) {
    const hone__gemm_problem q = {.m = m, .n = n, .k = k, .batch = 1, .a_rs = k, .a_cs = 1, .is_b_packed = true};
    const hone__gemm_config config = {.isa = ctx->config->isa,
                                      .n_threads = p->is_parallel ? 1 : ctx->config->n_threads,
                                      .l1d_bytes = ctx->config->l1d_bytes,
                                      .l2_bytes = ctx->config->l2_bytes,
                                      .l3_bytes = ctx->config->l3_bytes};
    if (!hone__gemm_make_plan(&q, &config, out))
        return hone__fail(ctx->error, HONE_ERROR_LIMIT, "the product of %zu x %zu x %zu overflows", m, n, k);
    p->gemm_size = hone__max_size(p->gemm_size, hone__round_up(out->workspace_size, 64));
    return HONE_OK;
}

static hone_status plan_rnn(const void *state, hone__cpu_plan *ctx) {
    const rnn_state *s = state;
    const hone_tensor *x = ctx->in[0];
    rnn_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a recurrent layer's plan");
    HONE_FAIL_IF(x->rank != 3 || (size_t)x->dims[2] != s->input, ctx->error, HONE_ERROR_SHAPE,
                 "the input of %s should be [T,B,%zu]", ctx->node->op_type, s->input);
    p->steps = (size_t)x->dims[0];
    p->batch = (size_t)x->dims[1];
    const size_t h = s->hidden, gh = s->gates * h, rows = p->steps * p->batch;
    HONE_FAIL_IF(ctx->n_in > 4 && ctx->in[4] && (size_t)hone__tensor_count(ctx->in[4]) != p->batch, ctx->error,
                 HONE_ERROR_SHAPE, "sequence_lens of %s has %lld elements for a batch of %zu", ctx->node->op_type,
                 (long long)hone__tensor_count(ctx->in[4]), p->batch);
    for (size_t i = 5; i < ctx->n_in; i++)
        HONE_FAIL_IF(ctx->in[i] && (size_t)hone__tensor_count(ctx->in[i]) != s->n_directions * p->batch * h, ctx->error,
                     HONE_ERROR_SHAPE, "input %zu of %s should be [%zu,%zu,%zu]", i, ctx->node->op_type,
                     s->n_directions, p->batch, h);
    ctx->kernel = s->is_lstm ? "f32_lstm" : "f32_gru";
    ctx->inplace_input = -1;
    /* A step's product is small: handing half of it to another thread costs as much as it saves. Where two directions
     * keep both threads busy, or nearly, no step waits for the other thread. */
    p->is_parallel = s->n_directions == 2 && ctx->config->n_threads > 1 &&
                     (ctx->config->n_threads == 2 || (double)p->batch * (double)gh * (double)h < PARALLEL_WORK);
    if (rows > 0) {
        HONE_TRY(plan_product(ctx, rows, gh, s->input, p, &p->input));
        HONE_TRY(plan_product(ctx, p->batch, s->is_lstm || s->is_linear ? gh : 2 * h, h, p, &p->recurrent));
        if (!s->is_lstm && !s->is_linear)
            HONE_TRY(plan_product(ctx, p->batch, h, h, p, &p->last));
    }
    /* Gates of all steps, the recurrent products of one, cell state (or r * h), hidden state twice. */
    size_t gates, recurrent, unit, total;
    if (!hone__mul_size(rows, gh, &gates) || !hone__mul_size(p->batch, gh, &recurrent) ||
        !hone__mul_size(p->batch, 3 * h, &unit) || !hone__add_size(gates, recurrent, &total) ||
        !hone__add_size(total, unit + 64, &total) || !hone__mul_size(total, sizeof(float), &total) ||
        !hone__add_size(total, p->gemm_size + HONE_ALIGNMENT - 1, &p->direction_size) ||
        !hone__mul_size(p->direction_size, p->is_parallel ? 2 : 1, &ctx->workspace_size))
        return hone__fail(ctx->error, HONE_ERROR_LIMIT, "%s needs too much memory", ctx->node->op_type);
    p->direction_size &= ~(size_t)(HONE_ALIGNMENT - 1);
    p->gates_offset = 0;
    p->r_offset = hone__round_up(gates, 16);
    p->cell_offset = p->r_offset + hone__round_up(recurrent, 16);
    p->h_offset = p->cell_offset + p->batch * h;
    return HONE_OK;
}

/* ---- run ---- */

typedef struct rnn_job {
    const rnn_state *state;
    const rnn_plan *plan;
    const hone__cpu_run *ctx;
    hone__pool *pool;
    void *workspace; /* of the products */
    float *gates, *recurrent, *cell, *hidden;
    const int32_t *lengths; /* [B], or NULL: all steps */
} rnn_job;

/* c [m][..ldc] = a * b (+ bias) (+ z); a's rows are contiguous. z may be c. */
static void product(const rnn_job *job, const hone__gemm_plan *plan, const float *a, const float *b, float *c,
                    size_t ldc, const float *bias, const float *z) {
    const hone__gemm_args args = {.a = a,
                                  .b = b,
                                  .c = c,
                                  .z = z,
                                  .bias_col = bias,
                                  .ldc = ldc,
                                  .ldz = ldc,
                                  .alpha = 1.0f,
                                  .beta = z ? 1.0f : 0.0f};
    hone__gemm_execute(plan, &args, job->workspace, job->pool);
}

static bool is_over(const rnn_job *job, size_t b, size_t t) { return job->lengths && t >= (size_t)job->lengths[b]; }

/* One step of a direction: gates [B][G*H] of step t, h_prev and h [B][H]. Sequences that are over keep their state;
 * their rows of the products are computed and not used. */
static void run_cells(const rnn_job *job, const rnn_direction *d, size_t t, float *gates, const float *h_prev,
                      float *h) {
    const rnn_state *s = job->state;
    const rnn_plan *p = job->plan;
    const size_t n = s->hidden, gh = s->gates * n, batch = p->batch;
    if (s->is_lstm) {
        product(job, &p->recurrent, h_prev, d->r, gates, gh, NULL, gates);
        for (size_t b = 0; b < batch; b++)
            if (!is_over(job, b, t))
                s->cells->lstm(gates + b * gh, job->cell + b * n, h + b * n, n);
    } else if (s->is_linear) {
        product(job, &p->recurrent, h_prev, d->r, job->recurrent, gh, NULL, NULL);
        for (size_t b = 0; b < batch; b++)
            if (!is_over(job, b, t))
                s->cells->gru_linear(gates + b * gh, job->recurrent + b * gh, d->bias_r, h_prev + b * n, h + b * n, n);
    } else {
        product(job, &p->recurrent, h_prev, d->r, gates, gh, NULL, gates);
        for (size_t b = 0; b < batch; b++)
            s->cells->gru_gates(gates + b * gh, h_prev + b * n, job->cell + b * n, n);
        product(job, &p->last, job->cell, d->r_last, gates + 2 * n, gh, NULL, gates + 2 * n);
        for (size_t b = 0; b < batch; b++)
            if (!is_over(job, b, t))
                s->cells->gru_update(gates + b * gh, h_prev + b * n, h + b * n, n);
    }
    for (size_t b = 0; b < batch; b++)
        if (is_over(job, b, t))
            memcpy(h + b * n, h_prev + b * n, n * sizeof *h);
}

static void initial_state(const hone__cpu_run *ctx, size_t input, size_t at, size_t n, float *out) {
    if (ctx->n_in > input && ctx->in[input])
        memcpy(out, (const float *)ctx->in[input]->data + at, n * sizeof *out);
    else
        memset(out, 0, n * sizeof *out);
}

static void final_state(const hone__cpu_run *ctx, size_t output, size_t at, size_t n, const float *from) {
    if (ctx->n_out > output && ctx->out[output])
        memcpy((float *)ctx->out[output]->data + at, from, n * sizeof *from);
}

static void run_direction(const rnn_job *job, size_t index) {
    const rnn_state *s = job->state;
    const rnn_plan *p = job->plan;
    const hone__cpu_run *ctx = job->ctx;
    const rnn_direction *d = &s->directions[index];
    const size_t unit = p->batch * s->hidden, gh = s->gates * s->hidden;
    float *y = ctx->out[0] ? ctx->out[0]->data : NULL, *spare = job->hidden + unit;
    const float *h_prev = job->hidden;
    initial_state(ctx, 5, index * unit, unit, job->hidden);
    if (s->is_lstm)
        initial_state(ctx, 6, index * unit, unit, job->cell);
    if (p->steps > 0)
        product(job, &p->input, ctx->in[0]->data, d->w, job->gates, gh, d->bias_x, NULL);
    for (size_t i = 0; i < p->steps; i++) {
        const size_t t = d->is_backward ? p->steps - 1 - i : i;
        /* The new state goes into y, where the next step finds it, or into the buffer not in use. Where sequences have
         * lengths of their own, y is zero past their ends and the states differ from it. */
        float *out = y ? y + (t * s->n_directions + index) * unit : NULL;
        float *h = out && !job->lengths ? out : h_prev == job->hidden ? spare : job->hidden;
        run_cells(job, d, t, job->gates + t * p->batch * gh, h_prev, h);
        for (size_t b = 0; out && job->lengths && b < p->batch; b++) {
            if (is_over(job, b, t))
                memset(out + b * s->hidden, 0, s->hidden * sizeof *out);
            else
                memcpy(out + b * s->hidden, h + b * s->hidden, s->hidden * sizeof *out);
        }
        h_prev = h;
    }
    final_state(ctx, 1, index * unit, unit, h_prev);
    if (s->is_lstm)
        final_state(ctx, 2, index * unit, unit, job->cell);
}

/* A direction on the thread that takes it, with memory of its own. */
static void direction_task(void *arg, size_t direction, int thread) {
    rnn_job job = *(const rnn_job *)arg;
    const size_t floats = direction * job.plan->direction_size / sizeof(float);
    (void)thread;
    job.pool = NULL;
    job.workspace = (char *)job.workspace + direction * job.plan->direction_size;
    job.gates += floats;
    job.recurrent += floats;
    job.cell += floats;
    job.hidden += floats;
    run_direction(&job, direction);
}

static hone_status run_rnn(hone__cpu_run *ctx) {
    const rnn_plan *p = ctx->plan_state;
    float *memory = (float *)(void *)((char *)ctx->workspace + p->gemm_size);
    const rnn_job job = {ctx->state,
                         p,
                         ctx,
                         ctx->pool,
                         ctx->workspace,
                         memory + p->gates_offset,
                         memory + p->r_offset,
                         memory + p->cell_offset,
                         memory + p->h_offset,
                         ctx->n_in > 4 && ctx->in[4] ? ctx->in[4]->data : NULL};
    if (p->batch == 0)
        return HONE_OK;
    for (size_t b = 0; job.lengths && b < p->batch; b++)
        HONE_FAIL_IF(job.lengths[b] < 0 || (size_t)job.lengths[b] > p->steps, ctx->error, HONE_ERROR_SHAPE,
                     "sequence_lens holds %d, the sequences have %zu steps", (int)job.lengths[b], p->steps);
    if (p->is_parallel)
        hone__pool_run(ctx->pool, 2, direction_task, (void *)(uintptr_t)&job);
    for (size_t d = 0; d < job.state->n_directions && !p->is_parallel; d++)
        run_direction(&job, d);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "LSTM", 7, HONE_ANY_VERSION, "f32_lstm", match_rnn, prepare_rnn, NULL, plan_rnn, run_rnn},
    {"", "GRU", 7, HONE_ANY_VERSION, "f32_gru", match_rnn, prepare_rnn, NULL, plan_rnn, run_rnn},
};

const hone__cpu_kernel_family hone__cpu_family_rnn = {"rnn", rows, sizeof rows / sizeof rows[0]};
