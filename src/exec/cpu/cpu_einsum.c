/* Einsum of one or two float32 operands whose shapes are known only when it runs, or that takes a diagonal; what
 * passes/pass_expand_einsum.c can write as other operators never comes here.
 *
 * Two operands: labels of the result that both have are the batch, those of one alone the rows and the columns, all
 * that the result lacks is summed over. Each operand is copied to [batch, M, K] and [batch, K, N], unless it lies so
 * already, multiplied by kernels/gemm, and the product copied to the result's order. A label that an operand lacks, or
 * of which it has one element beside several, has stride 0; one that it has twice, the sum of both strides. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_product.h"
#include "exec/cpu/cpu_registry.h"
#include "ops/op_einsum.h"

enum { MAX_LABELS = 2 * HONE_MAX_RANK, GRAIN_ELEMENTS = 8192 };

/* A walk through a tensor's elements in an order of its own. */
typedef struct walk {
    int n;
    int64_t dims[MAX_LABELS], stride[MAX_LABELS];
    int64_t rows, columns; /* columns: the last dimension */
    bool is_plain;         /* elements lie in that order already */
    size_t offset;         /* of the copy in the workspace, in floats */
} walk;

typedef struct einsum_plan {
    bool is_product;
    walk a, b, c;  /* c: the result's order through [batch, M, N]; one operand: a over the result, b over the sums */
    int64_t terms; /* of a sum, one operand */
    hone__gemm_plan gemm;
    hone__gemm_args args;
    size_t gemm_offset; /* floats */
} einsum_plan;

typedef struct groups {
    hone__einsum e;
    int n_all, all[HONE_EINSUM_LABELS];    /* every label in use */
    int64_t stride[3][HONE_EINSUM_LABELS]; /* of the operands, and of [batch, M, N] */
    bool has[2][HONE_EINSUM_LABELS], out[HONE_EINSUM_LABELS];
} groups;

static bool match_einsum(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_all_f32(node) && node->n_inputs <= 2 && (node->n_inputs < 2 || node->inputs[1]);
}

static hone_status read_equation(hone__cpu_plan *ctx, groups *g) {
    int ranks[2];
    for (size_t i = 0; i < ctx->n_in; i++)
        ranks[i] = ctx->in[i]->rank;
    HONE_TRY(hone__einsum_parse(ctx->node, ctx->n_in, ranks, &g->e, ctx->error));
    for (size_t i = 0; i < ctx->n_in; i++) {
        hone__dim dims[HONE_MAX_RANK];
        for (int d = 0; d < ranks[i]; d++)
            dims[d] = (hone__dim){ctx->in[i]->dims[d], NULL};
        HONE_TRY(hone__einsum_bind(&g->e, i, dims, ctx->error));
    }
    HONE_TRY(hone__einsum_check(&g->e, ctx->error));
    for (size_t i = 0; i < ctx->n_in; i++) {
        int64_t step = 1;
        for (int k = g->e.in[i].n - 1; k >= 0; k--) {
            const int label = g->e.in[i].label[k];
            g->has[i][label] = true;
            g->stride[i][label] += ctx->in[i]->dims[k] == 1 ? 0 : step;
            step *= ctx->in[i]->dims[k];
        }
    }
    for (int k = 0; k < g->e.out.n; k++)
        g->out[g->e.out.label[k]] = true;
    for (int i = 0; i < HONE_EINSUM_LABELS; i++)
        if (g->e.used[i])
            g->all[g->n_all++] = i;
    return HONE_OK;
}

typedef enum group { GROUP_BATCH, GROUP_M, GROUP_N, GROUP_K } group;

static group group_of(const groups *g, int label) {
    if (!g->out[label])
        return GROUP_K;
    return !g->has[1][label] ? GROUP_M : !g->has[0][label] ? GROUP_N : GROUP_BATCH;
}

/* Appends the labels of a group: those of the result in its order, those summed over in the order of the first operand
 * that has them. Returns how many elements they span. */
static bool append(const groups *g, group which, int operand, walk *w, int64_t *count) {
    int order[MAX_LABELS], n = 0;
    *count = 1;
    if (which != GROUP_K) {
        for (int i = 0; i < g->e.out.n; i++)
            if (group_of(g, g->e.out.label[i]) == which)
                order[n++] = g->e.out.label[i];
    } else {
        for (int i = 0; i < g->n_all; i++)
            if (group_of(g, g->all[i]) == which)
                order[n++] = g->all[i];
    }
    for (int i = 0; i < n; i++) {
        w->dims[w->n] = g->e.dim[order[i]].value;
        w->stride[w->n++] = g->stride[operand][order[i]];
        if (!hone__mul_i64(*count, g->e.dim[order[i]].value, count))
            return false;
    }
    return true;
}

static void finish(walk *w) {
    int64_t step = 1;
    w->is_plain = true;
    for (int i = w->n - 1; i >= 0; i--) {
        w->is_plain = w->is_plain && (w->dims[i] == 1 || w->stride[i] == step);
        step *= w->dims[i];
    }
    if (w->n == 0) { /* one element */
        w->dims[0] = 1;
        w->stride[w->n++] = 0;
    }
    w->columns = w->dims[w->n - 1];
    w->rows = hone__bind_product(w->dims, 0, w->n - 1);
}

static hone_status plan_sum(hone__cpu_plan *ctx, groups *g, einsum_plan *p) {
    int64_t results;
    /* With one operand every label of the result counts as one of M. */
    ctx->is_declined = !append(g, GROUP_M, 0, &p->a, &results) || !append(g, GROUP_K, 0, &p->b, &p->terms);
    finish(&p->a);
    finish(&p->b);
    return HONE_OK;
}

/* Where each label of the result stands in [batch, M, N]. */
static void order_result(groups *g, walk *c) {
    int64_t step = 1;
    for (int which = GROUP_N; which >= GROUP_BATCH; which--)
        for (int i = g->e.out.n - 1; i >= 0; i--)
            if (group_of(g, g->e.out.label[i]) == (group)which) {
                g->stride[2][g->e.out.label[i]] = step;
                step *= g->e.dim[g->e.out.label[i]].value;
            }
    for (int i = 0; i < g->e.out.n; i++) {
        c->dims[c->n] = g->e.dim[g->e.out.label[i]].value;
        c->stride[c->n++] = g->stride[2][g->e.out.label[i]];
    }
    finish(c);
}

static bool reserve(walk *w, size_t *floats) {
    size_t n;
    w->offset = *floats;
    return w->is_plain || (hone__mul_size((size_t)w->rows, (size_t)w->columns, &n) && n <= SIZE_MAX / 2 &&
                           hone__add_size(*floats, hone__round_up(n, 16), floats));
}

static hone_status plan_product(hone__cpu_plan *ctx, groups *g, einsum_plan *p) {
    int64_t batch, m, n, k, all;
    size_t floats = 0;
    bool fits = append(g, GROUP_BATCH, 0, &p->a, &batch) && append(g, GROUP_M, 0, &p->a, &m) &&
                append(g, GROUP_K, 0, &p->a, &k) && append(g, GROUP_BATCH, 1, &p->b, &batch) &&
                append(g, GROUP_K, 1, &p->b, &k) && append(g, GROUP_N, 1, &p->b, &n) && hone__mul_i64(m, k, &all) &&
                hone__mul_i64(all, batch, &all) && hone__mul_i64(k, n, &all) && hone__mul_i64(all, batch, &all);
    ctx->is_declined = !fits || k == 0;
    if (ctx->is_declined)
        return HONE_OK;
    finish(&p->a);
    finish(&p->b);
    order_result(g, &p->c);
    const hone__gemm_problem q = {.m = (size_t)m,
                                  .n = (size_t)n,
                                  .k = (size_t)k,
                                  .batch = (size_t)batch,
                                  .a_rs = (size_t)k,
                                  .a_cs = 1,
                                  .b_rs = (size_t)n,
                                  .b_cs = 1};
    const hone__gemm_config config = {.isa = ctx->config->isa,
                                      .n_threads = ctx->config->n_threads,
                                      .l1d_bytes = ctx->config->l1d_bytes,
                                      .l2_bytes = ctx->config->l2_bytes,
                                      .l3_bytes = ctx->config->l3_bytes};
    fits = reserve(&p->a, &floats) && reserve(&p->b, &floats) && reserve(&p->c, &floats) &&
           hone__gemm_make_plan(&q, &config, &p->gemm) && hone__mul_size(floats, sizeof(float), &ctx->workspace_size) &&
           hone__add_size(ctx->workspace_size, p->gemm.workspace_size, &ctx->workspace_size);
    p->gemm_offset = floats;
    ctx->is_declined = !fits || ctx->workspace_size > ctx->config->max_workspace;
    p->args =
        (hone__gemm_args){.ldc = q.n, .alpha = 1, .a_batch = q.m * q.k, .b_batch = q.k * q.n, .c_batch = q.m * q.n};
    return HONE_OK;
}

static hone_status plan_einsum(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    groups g = {0};
    einsum_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "an Einsum plan");
    HONE_TRY(read_equation(ctx, &g));
    ctx->inplace_input = -1;
    p->is_product = ctx->n_in == 2;
    ctx->kernel = p->is_product ? "f32_einsum_gemm" : "f32_einsum_sum";
    if (hone__tensor_count(ctx->out[0]) == 0)
        ctx->is_declined = true; /* nothing to do: anyone may */
    else
        HONE_TRY(p->is_product ? plan_product(ctx, &g, p) : plan_sum(ctx, &g, p));
    if (ctx->is_declined)
        ctx->workspace_size = 0;
    return HONE_OK;
}

/* ---- running ---- */

typedef struct walk_job {
    const einsum_plan *plan;
    const walk *walk;
    const float *from;
    float *to;
} walk_job;

/* Offset of row r: all dimensions but the last. */
static int64_t row_offset(const walk *w, int64_t r) {
    int64_t at = 0;
    for (int i = w->n - 2; i >= 0 && r; i--) {
        at += r % w->dims[i] * w->stride[i];
        r /= w->dims[i];
    }
    return at;
}

static void copy_rows(void *arg, size_t begin, size_t end, int thread) {
    const walk_job *job = arg;
    const walk *w = job->walk;
    const int64_t step = w->stride[w->n - 1];
    (void)thread;
    for (size_t r = begin; r < end; r++) {
        const float *from = job->from + row_offset(w, (int64_t)r);
        float *to = job->to + (int64_t)r * w->columns;
        if (step == 1)
            memcpy(to, from, (size_t)w->columns * sizeof *to);
        else
            for (int64_t i = 0; i < w->columns; i++)
                to[i] = from[i * step];
    }
}

static const float *arrange(const hone__cpu_run *ctx, const walk *w, const float *from, float *to) {
    walk_job job = {.walk = w, .from = from, .to = to};
    if (w->is_plain)
        return from;
    hone__pool_run_range(ctx->pool, (size_t)w->rows, hone__bind_grain((size_t)w->columns, GRAIN_ELEMENTS), copy_rows,
                         &job);
    return to;
}

/* Results [begin, end) of one operand's sums. */
static void sum_range(void *arg, size_t begin, size_t end, int thread) {
    const walk_job *job = arg;
    const walk *y = &job->plan->a, *s = &job->plan->b;
    const int64_t step = s->stride[s->n - 1];
    (void)thread;
    for (int64_t i = (int64_t)begin; i < (int64_t)end; i++) {
        const float *x = job->from + row_offset(y, i / y->columns) + i % y->columns * y->stride[y->n - 1];
        double sum = 0;
        for (int64_t r = 0; r < s->rows && job->plan->terms; r++) {
            const float *v = x + row_offset(s, r);
            for (int64_t k = 0; k < s->columns; k++)
                sum += (double)v[k * step];
        }
        job->to[i] = (float)sum;
    }
}

static hone_status run_einsum(hone__cpu_run *ctx) {
    const einsum_plan *p = ctx->plan_state;
    float *y = ctx->out[0]->data, *work = ctx->workspace;
    if (!p->is_product) {
        walk_job job = {.plan = p, .from = ctx->in[0]->data, .to = y};
        hone__pool_run_range(ctx->pool, (size_t)(p->a.rows * p->a.columns),
                             hone__bind_grain((size_t)p->terms, GRAIN_ELEMENTS), sum_range, &job);
        return HONE_OK;
    }
    hone__gemm_args args = p->args;
    args.a = arrange(ctx, &p->a, ctx->in[0]->data, work + p->a.offset);
    args.b = arrange(ctx, &p->b, ctx->in[1]->data, work + p->b.offset);
    args.c = p->c.is_plain ? y : work + p->c.offset;
    hone__gemm_execute(&p->gemm, &args, work + p->gemm_offset, ctx->pool);
    arrange(ctx, &p->c, args.c, y);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "Einsum", 12, HONE_ANY_VERSION, "f32_einsum", match_einsum, NULL, NULL, plan_einsum, run_einsum},
};

const hone__cpu_kernel_family hone__cpu_family_einsum = {"einsum", rows, sizeof rows / sizeof rows[0]};
