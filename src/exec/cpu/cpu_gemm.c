/* Binds MatMul, Gemm and hone.FusedMatMul to kernels/gemm: which operand is packed when, how batches
 * broadcast, what becomes of bias and residual. Float32 only; other types go to the reference evaluator.
 *
 * A constant B is packed once in `prepare`; so is a constant matrix A whose rows are not merged with a
 * batch. Everything else is packed block by block while it runs. */
#include "base/alloc.h"
#include "base/mapping.h"
#include "exec/cpu/cpu_activation.h"
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_product.h"
#include "exec/cpu/cpu_registry.h"

#include <hone/machine.h>

typedef struct gemm_state {
    hone_act act;
    bool is_gemm, trans_a, trans_b;
    float alpha, beta;
    const float *packed_a, *packed_b; /* NULL: not packed */
    const hone__gemm_kernel *kernel;  /* what they are packed for */
} gemm_state;

/* Where the third and fourth operand go. */
typedef enum addend { ADDEND_NONE, ADDEND_COLUMN, ADDEND_FILL_ROWS, ADDEND_Z, ADDEND_Z_ROW } addend;

typedef struct gemm_plan {
    hone__gemm_plan plan;
    hone__gemm_args args; /* all but the pointers */
    bool is_swapped;      /* C is a column: computed as a row of the transposed product */
    addend c_use;         /* input 2 */
    bool has_z;           /* input 3 */
    size_t n_fill;        /* rows of the bias that is spread into the workspace */
    size_t fill_step;     /* 0: a scalar */
    size_t fill_offset;   /* bytes into the workspace */
    float fill_scale;
} gemm_plan;

static hone__gemm_config gemm_config(const hone__cpu_config *config) {
    return (hone__gemm_config){.isa = config->isa,
                               .n_threads = config->n_threads,
                               .l1d_bytes = config->l1d_bytes,
                               .l2_bytes = config->l2_bytes,
                               .l3_bytes = config->l3_bytes};
}

static bool match_gemm(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    hone_act act;
    const hone_tensor *b = hone__bind_constant(node, 1), *scale = hone__bind_constant(node, 4);
    /* Scaled columns are packed so. */
    if (hone__bind_input(node, 4) &&
        (!scale || !b || b->rank != 2 || scale->rank != 1 || scale->dims[0] < 2 ||
         scale->dims[0] != b->dims[hone__node_attr_int(node, "transB", 0) == 0] || hone__tensor_count(b) == 0))
        return false;
    return hone__bind_all_f32(node) && node->n_inputs >= 2 && node->inputs[1] && hone__bind_activation(node, &act);
}

/* ---- packing of constant operands, in parts of about this many bytes of the source ---- */

enum { PACK_PART = 1 << 20 };

typedef struct pack_work {
    const hone__cpu_config *config;
    const hone__gemm_kernel *kernel;
    const hone_f32_unaligned *source;
    float *packed;
    const float *scale; /* of B's columns, or NULL */
    bool is_a, is_transposed;
    size_t m, k, n;
    size_t rows, row_size; /* of one matrix as it is stored; floats */
    size_t part_rows, n_parts;
} pack_work;

/* Stored rows [begin, end) of one matrix: a range of k, or of n (m) when it is transposed. */
static void pack_rows(const pack_work *w, const hone_f32_unaligned *source, float *packed, size_t begin, size_t end) {
    if (w->is_a)
        hone__gemm_pack_a(w->kernel, packed, source, w->is_transposed ? 1 : w->k, w->is_transposed ? w->m : 1, w->m,
                          w->k);
    else if (w->is_transposed)
        hone__gemm_pack_b_part(w->kernel, packed, source, 1, w->k, w->k, 0, w->k, begin, end);
    else
        hone__gemm_pack_b_part(w->kernel, packed, source, w->n, 1, w->k, begin, end, 0, w->n);
}

/* Rows [k0, k1) of the packed columns [n0, n1). */
static void scale_packed(const pack_work *w, float *packed, size_t k0, size_t k1, size_t n0, size_t n1) {
    const size_t nr = w->kernel->nr;
    for (size_t j = n0; j < n1; j += nr)
        for (size_t k = k0; k < k1; k++)
            for (size_t i = 0; i < hone__min_size(nr, n1 - j); i++)
                packed[j * w->k + k * nr + i] *= w->scale[j + i];
}

static void pack_part(void *arg, size_t part) {
    const pack_work *w = arg;
    const size_t matrix = part / w->n_parts, begin = part % w->n_parts * w->part_rows;
    const size_t end = hone__min_size(w->rows, begin + w->part_rows);
    const hone_f32_unaligned *source = w->source + matrix * w->rows * w->row_size;
    const size_t count = w->is_a ? w->m * w->k : hone__gemm_packed_b_count(w->kernel, w->k, w->n);
    const hone_f32_unaligned *first = source + begin * w->row_size;
    const size_t size = (end - begin) * w->row_size * sizeof(float);
    hone__mapping_populate(first, size);
    pack_rows(w, source, w->packed + matrix * count, begin, end);
    if (w->scale)
        scale_packed(w, w->packed, w->is_transposed ? 0 : begin, w->is_transposed ? w->k : end,
                     w->is_transposed ? begin : 0, w->is_transposed ? end : w->n);
    if (w->config->drop_pages)
        w->config->drop_pages(w->config->drop_pages_user, first, size);
}

static hone_status put_off_packing(hone__cpu_prepare *ctx, const pack_work *template, size_t batch) {
    pack_work *w = hone__arena_alloc(ctx->arena, sizeof *w);
    if (!w)
        return hone__fail_memory(ctx->error, "packed weights of a matrix product");
    *w = *template;
    w->part_rows = hone__max_size(1, PACK_PART / (w->row_size * sizeof(float)));
    if (w->is_transposed) /* whole panels */
        w->part_rows = hone__round_up(w->part_rows, w->kernel->nr);
    if (w->is_a) /* its panels are of unequal height: one part */
        w->part_rows = w->rows;
    w->n_parts = hone__div_up(w->rows, w->part_rows);
    return hone__cpu_work_add(ctx->work, pack_part, w, batch * w->n_parts, ctx->error);
}

/* Packs a constant operand; out stays NULL when it is not worth it. */
static hone_status prepare_operand_b(hone__cpu_prepare *ctx, gemm_state *state, const hone_tensor *b,
                                     const hone_tensor *scale) {
    const int rank = b->rank;
    const int64_t rows = rank == 1 ? b->dims[0] : b->dims[rank - 2], cols = rank == 1 ? 1 : b->dims[rank - 1];
    const size_t k = (size_t)(state->trans_b ? cols : rows), n = (size_t)(state->trans_b ? rows : cols);
    const int64_t batch = rank > 2 ? hone__bind_product(b->dims, 0, rank - 2) : 1;
    if (n <= 1 || k == 0 || batch == 0)
        return HONE_OK; /* a vector is read where it lies */
    const size_t count = hone__gemm_packed_b_count(state->kernel, k, n);
    size_t total, size;
    if (!hone__mul_size(count, (size_t)batch, &total) || !hone__mul_size(total, sizeof(float), &size))
        return hone__fail(ctx->error, HONE_ERROR_LIMIT, "packed weights of %lld matrices overflow", (long long)batch);
    float *packed = ctx->alloc_packed(ctx, size);
    if (!packed)
        return hone__fail_memory(ctx->error, "packed weights of a matrix product");
    const pack_work w = {.config = ctx->config,
                         .kernel = state->kernel,
                         .source = b->data,
                         .packed = packed,
                         .scale = scale ? scale->data : NULL,
                         .is_transposed = state->trans_b,
                         .k = k,
                         .n = n,
                         .rows = (size_t)rows,
                         .row_size = (size_t)cols};
    state->packed_b = packed;
    return put_off_packing(ctx, &w, (size_t)batch);
}

static hone_status prepare_operand_a(hone__cpu_prepare *ctx, gemm_state *state, const hone_tensor *a) {
    if (a->rank != 2 || a->dims[0] == 0 || a->dims[1] == 0)
        return HONE_OK;
    const size_t m = (size_t)a->dims[state->trans_a], k = (size_t)a->dims[!state->trans_a];
    float *packed = ctx->alloc_packed(ctx, m * k * sizeof(float));
    if (!packed)
        return hone__fail_memory(ctx->error, "packed weights of a matrix product");
    const pack_work w = {.config = ctx->config,
                         .kernel = state->kernel,
                         .source = a->data,
                         .packed = packed,
                         .is_a = true,
                         .is_transposed = state->trans_a,
                         .m = m,
                         .k = k,
                         .rows = (size_t)a->dims[0],
                         .row_size = (size_t)a->dims[1]};
    state->packed_a = packed;
    return put_off_packing(ctx, &w, 1);
}

/* Which constant operand gets packed: 1 is B, 0 is A, -1 neither. */
static int packed_operand(const hone__node *node) {
    const hone_tensor *a = hone__bind_constant(node, 0), *b = hone__bind_constant(node, 1);
    if (b && b->rank >= 1)
        return b->rank > 1 ? 1 : -1; /* a vector ignores transB */
    return a && hone__bind_rank(node, 1) >= 2 ? 0 : -1;
}

/* Packing reads at any address; a vector is read where it lies, and must be aligned. */
static bool reads_unaligned(const hone__node *node, size_t i) {
    const hone_tensor *t = hone__bind_constant(node, i);
    return i < 2 && packed_operand(node) == (int)i && t->dims[t->rank - 1] > 1 && t->dims[t->rank - 2] > 1 &&
           (i == 1 || t->rank == 2);
}

static hone_status prepare_gemm(hone__cpu_prepare *ctx, const hone__node *node, void **out) {
    gemm_state *state = hone__arena_calloc(ctx->arena, 1, sizeof *state);
    if (!state)
        return hone__fail_memory(ctx->error, "the state of a matrix product");
    state->is_gemm = strcmp(node->op_type, "Gemm") == 0;
    state->trans_a = hone__node_attr_int(node, "transA", 0) != 0;
    state->trans_b = hone__node_attr_int(node, "transB", 0) != 0;
    state->alpha = hone__node_attr_float(node, "alpha", 1.0f);
    state->beta = state->is_gemm ? hone__node_attr_float(node, "beta", 1.0f) : 1.0f;
    state->kernel = hone__gemm_kernel_find(ctx->config->isa);
    hone__bind_activation(node, &state->act); /* match has seen that it is known */
    const int which = packed_operand(node);
    if (which == 1)
        HONE_TRY(prepare_operand_b(ctx, state, hone__bind_constant(node, 1), hone__bind_constant(node, 4)));
    else if (which == 0)
        HONE_TRY(prepare_operand_a(ctx, state, hone__bind_constant(node, 0)));
    *out = state;
    return HONE_OK;
}

/* ---- shapes ---- */

/* One operand as matrices: rows x cols with element strides, and the batch dims before them. */
typedef struct operand {
    size_t rows, cols, rs, cs;
    int batch_rank;
    const int64_t *batch;
    size_t n_batch;
} operand;

static operand read_operand(const hone_tensor *t, bool trans, bool is_left) {
    operand o = {0};
    if (t->rank == 1) {
        const size_t n = (size_t)t->dims[0];
        o.rows = is_left ? 1 : n;
        o.cols = is_left ? n : 1;
        o.rs = is_left ? n : 1;
        o.cs = is_left ? 1 : n;
        o.n_batch = 1;
        return o;
    }
    const size_t r = (size_t)t->dims[t->rank - 2], c = (size_t)t->dims[t->rank - 1];
    o.rows = trans ? c : r;
    o.cols = trans ? r : c;
    o.rs = trans ? 1 : c;
    o.cs = trans ? c : 1;
    o.batch_rank = t->rank - 2;
    o.batch = t->dims;
    o.n_batch = (size_t)hone__bind_product(t->dims, 0, t->rank - 2);
    return o;
}

/* Offsets of an operand's matrices over the broadcast batch: a plain stride when the operand has all of
 * them or one, else a table. */
static hone_status batch_offsets(hone__cpu_plan *ctx, const operand *o, const int64_t *dims, int rank, size_t n_batch,
                                 size_t matrix, size_t *stride, const size_t **table) {
    *stride = o->n_batch == 1 ? 0 : matrix;
    *table = NULL;
    if (o->n_batch == 1 || o->n_batch == n_batch)
        return HONE_OK;
    size_t size;
    if (!hone__mul_size(n_batch, sizeof(size_t), &size))
        return hone__fail(ctx->error, HONE_ERROR_LIMIT, "a batch of %zu matrices overflows", n_batch);
    size_t *offsets = hone__arena_alloc(ctx->arena, size);
    if (!offsets)
        return hone__fail_memory(ctx->error, "the batch of a matrix product");
    for (size_t i = 0; i < n_batch; i++) {
        size_t rest = i, index = 0, step = 1;
        for (int d = rank - 1, od = o->batch_rank - 1; d >= 0; d--, od--) {
            const size_t at = rest % (size_t)dims[d];
            rest /= (size_t)dims[d];
            if (od >= 0) {
                if (o->batch[od] != 1)
                    index += at * step;
                step *= (size_t)o->batch[od];
            }
        }
        offsets[i] = index * matrix;
    }
    *table = offsets;
    return HONE_OK;
}

/* The numpy broadcast of two batches into dims; false when they do not match. */
static bool broadcast_batch(const operand *a, const operand *b, int64_t *dims, int *rank, size_t *count) {
    *rank = a->batch_rank > b->batch_rank ? a->batch_rank : b->batch_rank;
    *count = 1;
    for (int d = 0; d < *rank; d++) {
        const int da = d - (*rank - a->batch_rank), db = d - (*rank - b->batch_rank);
        const int64_t x = da >= 0 ? a->batch[da] : 1, y = db >= 0 ? b->batch[db] : 1;
        if (x != y && x != 1 && y != 1)
            return false;
        dims[d] = x == 1 ? y : x;
        *count *= (size_t)dims[d];
    }
    return true;
}

static const hone_tensor *plan_input(const hone__cpu_plan *ctx, size_t i) { return i < ctx->n_in ? ctx->in[i] : NULL; }

/* Input 2: Gemm's C (unidirectionally broadcast to [M, N], scaled by beta) or FusedMatMul's bias. */
static hone_status plan_addend(hone__cpu_plan *ctx, const gemm_state *state, gemm_plan *p, size_t m, size_t n) {
    const hone_tensor *c = plan_input(ctx, 2);
    if (!c)
        return HONE_OK;
    const int64_t count = hone__tensor_count(c);
    const size_t cols = c->rank > 0 ? (size_t)c->dims[c->rank - 1] : 1;
    const size_t rows = c->rank > 1 ? (size_t)c->dims[c->rank - 2] : 1;
    const bool is_matrix = c->rank <= 2 || hone__bind_product(c->dims, 0, c->rank - 2) == 1;
    const bool fits = is_matrix && (cols == n || cols == 1) && (rows == m || rows == 1);
    if (!fits || (!state->is_gemm && rows != 1)) {
        char text[96];
        return hone__fail(ctx->error, HONE_ERROR_SHAPE, "the addend %s does not broadcast to %zu x %zu",
                          hone__tensor_describe(c, text, sizeof text), m, n);
    }
    if (rows == m && cols == n && state->is_gemm && m > 1 && n > 1) {
        p->c_use = ADDEND_Z;
    } else if (cols == n && rows == 1 && (n > 1 || count != 1)) {
        p->c_use = state->beta == 1.0f ? ADDEND_COLUMN : ADDEND_Z_ROW;
    } else if (cols == n && rows == m && n > 1) {
        p->c_use = ADDEND_Z;
    } else { /* a column or a scalar: spread into the workspace */
        p->c_use = ADDEND_FILL_ROWS;
        p->n_fill = m;
        p->fill_step = rows == m && m > 1 ? 1 : 0;
        p->fill_scale = state->beta;
    }
    return HONE_OK;
}

/* C^T = B^T A^T: a product with one column becomes one with one row, whose long sums run along rows. */
static void swap_operands(hone__gemm_problem *q) {
    const hone__gemm_problem old = *q;
    q->m = old.n;
    q->n = old.m;
    q->a_rs = old.b_cs;
    q->a_cs = old.b_rs;
    q->b_rs = old.a_cs;
    q->b_cs = old.a_rs;
}

static hone_status plan_gemm(const void *state_, hone__cpu_plan *ctx) {
    const gemm_state *state = state_;
    gemm_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "the plan of a matrix product");
    HONE_FAIL_IF(ctx->in[0]->rank < 1 || ctx->in[1]->rank < 1, ctx->error, HONE_ERROR_SHAPE,
                 "%s needs operands of rank 1 or more", ctx->node->op_type);
    operand a = read_operand(ctx->in[0], state->trans_a, true), b = read_operand(ctx->in[1], state->trans_b, false);
    int64_t dims[HONE_MAX_RANK];
    int rank;
    size_t n_batch;
    HONE_FAIL_IF(a.cols != b.rows || !broadcast_batch(&a, &b, dims, &rank, &n_batch), ctx->error, HONE_ERROR_SHAPE,
                 "the operands of %s do not fit: %zu columns against %zu rows", ctx->node->op_type, a.cols, b.rows);
    size_t m = a.rows;
    const size_t n = b.cols, k = a.cols;
    const hone_tensor *z = plan_input(ctx, 3);
    HONE_FAIL_IF(z && !hone__bind_same_shape(z, ctx->out[0]), ctx->error, HONE_ERROR_SHAPE,
                 "the residual of %s has another shape than its output", ctx->node->op_type);
    p->has_z = z != NULL;
    if (n_batch > 1 && b.n_batch == 1 && !state->trans_a && !state->packed_a) {
        m *= n_batch; /* one tall matrix */
        n_batch = 1;
        a.n_batch = 1;
    }
    HONE_TRY(plan_addend(ctx, state, p, m, n));
    hone__gemm_problem q = {.m = m,
                            .n = n,
                            .k = k,
                            .batch = n_batch,
                            .a_rs = a.rs,
                            .a_cs = a.cs,
                            .b_rs = b.rs,
                            .b_cs = b.cs,
                            .is_a_packed = state->packed_a != NULL,
                            .is_b_packed = state->packed_b != NULL};
    p->is_swapped = n == 1 && m > 1 && !q.is_a_packed && !q.is_b_packed && p->c_use != ADDEND_Z_ROW;
    if (p->is_swapped)
        swap_operands(&q);
    const hone__gemm_config config = gemm_config(ctx->config);
    const size_t fill_size = hone__round_up(p->n_fill * sizeof(float), HONE_ALIGNMENT);
    if (!hone__gemm_make_plan(&q, &config, &p->plan) ||
        !hone__add_size(p->plan.workspace_size, fill_size, &ctx->workspace_size))
        return hone__fail(ctx->error, HONE_ERROR_LIMIT, "the product of %zu x %zu x %zu overflows", m, n, k);
    p->fill_offset = p->plan.workspace_size;

    hone__gemm_args *args = &p->args;
    const size_t a_matrix = a.rows * k;
    const size_t b_matrix = q.is_b_packed ? hone__gemm_packed_b_count(state->kernel, k, n) : k * n;
    HONE_TRY(batch_offsets(ctx, &a, dims, rank, n_batch, a_matrix, &args->a_batch, &args->a_offsets));
    HONE_TRY(batch_offsets(ctx, &b, dims, rank, n_batch, b_matrix, &args->b_batch, &args->b_offsets));
    if (p->is_swapped) {
        const size_t stride = args->a_batch;
        const size_t *offsets = args->a_offsets;
        args->a_batch = args->b_batch;
        args->a_offsets = args->b_offsets;
        args->b_batch = stride;
        args->b_offsets = offsets;
    }
    args->ldc = q.n;
    args->c_batch = m * n;
    args->ldz = p->c_use == ADDEND_Z_ROW ? 0 : q.n;
    args->z_batch = p->c_use == ADDEND_Z_ROW ? 0 : m * n;
    args->alpha = state->alpha;
    args->beta = p->has_z ? 1.0f : state->beta;
    args->act = state->act;
    ctx->kernel = p->plan.name;
    /* The residual's memory may become the output's, unless it is an operand of the product too. */
    const size_t r = p->has_z ? 3 : 2;
    if ((p->has_z || p->c_use == ADDEND_Z) && ctx->node->inputs[r] != ctx->node->inputs[0] &&
        ctx->node->inputs[r] != ctx->node->inputs[1] && hone__bind_can_reuse(ctx, r))
        ctx->inplace_input = (int8_t)r;
    return HONE_OK;
}

/* ---- running ---- */

static hone_status run_gemm(hone__cpu_run *ctx) {
    const gemm_state *state = ctx->state;
    const gemm_plan *p = ctx->plan_state;
    hone__gemm_args args = p->args;
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK; /* no workspace either */
    const float *a = state->packed_a ? state->packed_a : ctx->in[0]->data;
    const float *b = state->packed_b ? state->packed_b : ctx->in[1]->data;
    args.a = p->is_swapped ? b : a;
    args.b = p->is_swapped ? a : b;
    args.c = ctx->out[0]->data;
    const float *c = p->c_use == ADDEND_NONE ? NULL : ctx->in[2]->data;
    const float *bias_row = NULL, *bias_col = NULL;
    if (p->c_use == ADDEND_COLUMN) {
        bias_col = c;
    } else if (p->c_use == ADDEND_FILL_ROWS) {
        float *fill = (float *)(void *)((char *)ctx->workspace + p->fill_offset);
        for (size_t i = 0; i < p->n_fill; i++)
            fill[i] = p->fill_scale * c[i * p->fill_step];
        bias_row = fill;
    } else if (c) {
        args.z = c;
    }
    if (p->has_z)
        args.z = ctx->in[3]->data;
    args.bias_row = p->is_swapped ? bias_col : bias_row;
    args.bias_col = p->is_swapped ? bias_row : bias_col;
    hone__gemm_execute(&p->plan, &args, ctx->workspace, ctx->pool);
    return HONE_OK;
}

static const hone__cpu_kernel rows[] = {
    {"", "MatMul", 1, HONE_ANY_VERSION, "f32_gemm", match_gemm, prepare_gemm, NULL, plan_gemm, run_gemm,
     reads_unaligned},
    {"", "Gemm", 7, HONE_ANY_VERSION, "f32_gemm", match_gemm, prepare_gemm, NULL, plan_gemm, run_gemm, reads_unaligned},
    {"hone", "FusedMatMul", 1, HONE_ANY_VERSION, "f32_gemm", match_gemm, prepare_gemm, NULL, plan_gemm, run_gemm,
     reads_unaligned},
};

const hone__cpu_kernel_family hone__cpu_family_gemm = {"gemm", rows, sizeof rows / sizeof rows[0]};
