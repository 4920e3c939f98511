/* Binds reductions to kernels/reduce: Reduce* over any axes, the global poolings, ArgMax.
 *
 * Neighbouring dims that are both kept or both reduced are merged, so that [N,C,H,W] over H and W is
 * N*C runs, over C it is N times C rows of H*W added up, and so on for any pattern: the last merged dim
 * is either reduced (each run gives one value) or kept (each run is added to a row of accumulators);
 * what lies outside is walked by index. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_blocked.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/eltwise/eltwise.h"
#include "kernels/reduce/reduce.h"

#include <math.h>

enum {
    GRAIN_ELEMENTS = 16384, /* inputs per task */
    COLUMN_BLOCK = 1024     /* accumulators per task: 4 KiB stay in L1 */
};

typedef struct reduce_op {
    const char *name;
    hone_reduce_kind kind;
    bool is_mean;
    bool has_finish;
    hone_unary_kind finish; /* applied to the results */
} reduce_op;

static const reduce_op reduce_ops[] = {
    {"ReduceSum", HONE_REDUCE_SUM, false, false, 0},
    {"ReduceMean", HONE_REDUCE_SUM, true, false, 0},
    {"ReduceMax", HONE_REDUCE_MAX, false, false, 0},
    {"ReduceMin", HONE_REDUCE_MIN, false, false, 0},
    {"ReduceProd", HONE_REDUCE_PROD, false, false, 0},
    {"ReduceL1", HONE_REDUCE_SUM_ABS, false, false, 0},
    {"ReduceL2", HONE_REDUCE_SUM_SQUARE, false, true, HONE_UNARY_SQRT},
    {"ReduceSumSquare", HONE_REDUCE_SUM_SQUARE, false, false, 0},
    {"ReduceLogSum", HONE_REDUCE_SUM, false, true, HONE_UNARY_LOG},
    {"GlobalAveragePool", HONE_REDUCE_SUM, true, false, 0},
    {"GlobalMaxPool", HONE_REDUCE_MAX, false, false, 0},
};

/* A set of merged dims to walk: the kept ones outside the last dim, or the reduced ones. */
typedef struct walk {
    int rank;
    int64_t dims[HONE_MAX_RANK], strides[HONE_MAX_RANK];
    int64_t count;
} walk;

typedef struct reduce_plan {
    walk kept, reduced;
    int64_t inner; /* the last merged dim */
    bool inner_reduced;
    int64_t blocks; /* tasks per kept index when the inner dim is kept */
    float factor, empty;
    bool has_factor;
    float (*run)(const float *x, size_t n);
    void (*accumulate)(float *acc, const float *x, size_t n);
    float (*join)(float a, float b);
    hone_f32_unary_fn finish; /* NULL: none */
} reduce_plan;

static float join_sum(float a, float b) { return a + b; }
static float join_prod(float a, float b) { return a * b; }
static float join_max(float a, float b) { return b > a || b != b ? b : a; }
static float join_min(float a, float b) { return b < a || b != b ? b : a; }

static int64_t walk_offset(const walk *w, int64_t index) {
    int64_t offset = 0;
    for (int i = w->rank - 1; i >= 0; i--) {
        offset += index % w->dims[i] * w->strides[i];
        index /= w->dims[i];
    }
    return offset;
}

static void walk_push(walk *w, int64_t dim, int64_t stride) {
    w->dims[w->rank] = dim;
    w->strides[w->rank++] = stride;
    w->count *= dim;
}

/* Merges dims and sorts them into the plan. */
static void split_dims(reduce_plan *p, const hone_tensor *x, const bool *is_reduced) {
    int64_t dims[HONE_MAX_RANK];
    bool flags[HONE_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[i] == 1)
            continue;
        if (rank > 0 && flags[rank - 1] == is_reduced[i]) {
            dims[rank - 1] *= x->dims[i];
        } else {
            dims[rank] = x->dims[i];
            flags[rank++] = is_reduced[i];
        }
    }
    p->kept.count = p->reduced.count = 1;
    p->inner = rank > 0 ? dims[rank - 1] : 1;
    p->inner_reduced = rank > 0 ? flags[rank - 1] : true;
    int64_t strides[HONE_MAX_RANK], stride = p->inner;
    for (int i = rank - 2; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i];
    }
    for (int i = 0; i < rank - 1; i++)
        walk_push(flags[i] ? &p->reduced : &p->kept, dims[i], strides[i]);
}

static const reduce_op *find_op(const hone__node *node) {
    for (size_t i = 0; i < sizeof reduce_ops / sizeof reduce_ops[0]; i++)
        if (strcmp(reduce_ops[i].name, node->op_type) == 0)
            return &reduce_ops[i];
    return NULL;
}

static bool is_global_pool(const hone__node *node) { return strncmp(node->op_type, "Global", 6) == 0; }

static bool match_reduce(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    if (!hone__bind_has_dtype(node, 0, HONE_DTYPE_FLOAT) || !hone__bind_has_output(node, 0))
        return false;
    if (is_global_pool(node))
        return true;
    if (hone__bind_input(node, 1)) {
        const hone_tensor *axes = hone__bind_constant(node, 1);
        return axes && axes->dtype == HONE_DTYPE_INT64 && hone__tensor_count(axes) > 0;
    }
    return hone__node_attr_int(node, "noop_with_empty_axes", 0) == 0;
}

/* The axes of a node as flags per dim. */
static hone_status mark_axes(const hone__cpu_plan *ctx, bool *is_reduced) {
    const int rank = ctx->in[0]->rank;
    size_t n = 0;
    const int64_t *axes = hone__node_attr_ints(ctx->node, "axes", &n);
    if (ctx->n_in > 1 && ctx->in[1]) {
        axes = ctx->in[1]->data;
        n = (size_t)hone__tensor_count(ctx->in[1]);
    }
    if (is_global_pool(ctx->node)) {
        for (int i = 2; i < rank; i++)
            is_reduced[i] = true;
        return HONE_OK;
    }
    for (int i = 0; i < rank && n == 0; i++)
        is_reduced[i] = true;
    for (size_t i = 0; i < n; i++) {
        const int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        HONE_FAIL_IF(axis < 0 || axis >= rank, ctx->error, HONE_ERROR_SHAPE, "axis %lld of %s is outside rank %d",
                     (long long)axes[i], ctx->node->op_type, rank);
        is_reduced[axis] = true;
    }
    return HONE_OK;
}

static hone_status plan_reduce(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    bool is_reduced[HONE_MAX_RANK] = {false};
    reduce_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a reduction plan");
    HONE_TRY(mark_axes(ctx, is_reduced));
    const reduce_op *op = find_op(ctx->node);
    const hone_reduce_row *row = hone_reduce_select(ctx->config->isa);
    split_dims(p, ctx->in[0], is_reduced);
    p->blocks = p->inner_reduced ? 1 : (p->inner + COLUMN_BLOCK - 1) / COLUMN_BLOCK;
    p->run = row->run[op->kind];
    p->accumulate = row->accumulate[op->kind];
    p->empty = hone_reduce_empty(op->kind);
    p->join = op->kind == HONE_REDUCE_PROD  ? join_prod
              : op->kind == HONE_REDUCE_MAX ? join_max
              : op->kind == HONE_REDUCE_MIN ? join_min
                                            : join_sum;
    p->has_factor = op->is_mean;
    p->factor = (float)(p->reduced.count * (p->inner_reduced ? p->inner : 1));
    if (op->has_finish)
        p->finish = hone_eltwise_select(ctx->config->isa)->unary[op->finish];
    ctx->kernel = is_global_pool(ctx->node) ? (op->is_mean ? "f32_global_average" : "f32_global_max") : "f32_reduce";
    ctx->inplace_input = -1;
    return HONE_OK;
}

typedef struct reduce_args {
    const reduce_plan *plan;
    const float *x;
    float *y;
} reduce_args;

static void finish(const reduce_plan *p, float *y, size_t n) {
    for (size_t i = 0; p->has_factor && i < n; i++)
        y[i] /= p->factor;
    if (p->finish)
        p->finish(y, y, n, 0.0f, 0.0f);
}

static void reduce_runs(void *arg, size_t begin, size_t end, int thread) {
    const reduce_args *a = arg;
    const reduce_plan *p = a->plan;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        const float *x = a->x + walk_offset(&p->kept, (int64_t)i);
        float acc = p->reduced.count > 0 ? p->run(x, (size_t)p->inner) : p->empty;
        for (int64_t r = 1; r < p->reduced.count; r++)
            acc = p->join(acc, p->run(x + walk_offset(&p->reduced, r), (size_t)p->inner));
        a->y[i] = acc;
    }
    finish(p, a->y + begin, end - begin);
}

static void reduce_columns(void *arg, size_t begin, size_t end, int thread) {
    const reduce_args *a = arg;
    const reduce_plan *p = a->plan;
    const size_t inner = (size_t)p->inner, blocks = (size_t)p->blocks;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const size_t row = t / blocks, column = t % blocks * COLUMN_BLOCK;
        const size_t n = hone__min_size(COLUMN_BLOCK, inner - column);
        const float *x = a->x + walk_offset(&p->kept, (int64_t)row) + column;
        float *y = a->y + row * inner + column;
        for (size_t i = 0; i < n; i++)
            y[i] = p->empty;
        for (int64_t r = 0; r < p->reduced.count; r++)
            p->accumulate(y, x + walk_offset(&p->reduced, r), n);
        finish(p, y, n);
    }
}

static hone_status run_reduce(hone__cpu_run *ctx) {
    const reduce_plan *p = ctx->plan_state;
    reduce_args args = {p, ctx->in[0]->data, ctx->out[0]->data};
    if (hone__tensor_count(ctx->out[0]) == 0)
        return HONE_OK;
    if (p->inner_reduced) {
        const size_t unit = (size_t)(p->inner * p->reduced.count);
        hone__pool_run_range(ctx->pool, (size_t)p->kept.count, hone__bind_grain(unit, GRAIN_ELEMENTS), reduce_runs,
                             &args);
    } else {
        const size_t unit = hone__min_size((size_t)p->inner, COLUMN_BLOCK) * (size_t)p->reduced.count;
        hone__pool_run_range(ctx->pool, (size_t)(p->kept.count * p->blocks), hone__bind_grain(unit, GRAIN_ELEMENTS),
                             reduce_columns, &args);
    }
    return HONE_OK;
}

/* ---- ArgMax ---- */

typedef struct argmax_plan {
    int64_t outer, n, inner;
    bool last;
    const hone_reduce_row *kernels;
} argmax_plan;

static bool match_argmax(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_has_dtype(node, 0, HONE_DTYPE_FLOAT);
}

static hone_status plan_argmax(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    argmax_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "a reduction plan");
    const hone_tensor *x = ctx->in[0];
    int64_t axis = hone__node_attr_int(ctx->node, "axis", 0);
    axis += axis < 0 ? x->rank : 0;
    HONE_FAIL_IF(axis < 0 || axis >= x->rank, ctx->error, HONE_ERROR_SHAPE, "axis of ArgMax is outside rank %d",
                 x->rank);
    p->outer = hone__bind_product(x->dims, 0, (int)axis);
    p->n = x->dims[axis];
    p->inner = hone__bind_product(x->dims, (int)axis + 1, x->rank);
    p->last = hone__node_attr_int(ctx->node, "select_last_index", 0) != 0;
    p->kernels = hone_reduce_select(ctx->config->isa);
    HONE_FAIL_IF(p->n == 0 && p->outer * p->inner > 0, ctx->error, HONE_ERROR_SHAPE, "ArgMax over an empty axis");
    ctx->kernel = "f32_argmax";
    ctx->inplace_input = -1;
    return HONE_OK;
}

typedef struct argmax_args {
    const argmax_plan *plan;
    const float *x;
    int64_t *y;
} argmax_args;

static void argmax_range(void *arg, size_t begin, size_t end, int thread) {
    const argmax_args *a = arg;
    const argmax_plan *p = a->plan;
    const size_t n = (size_t)p->n, inner = (size_t)p->inner;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        if (inner == 1)
            a->y[i] = (int64_t)p->kernels->argmax(a->x + i * n, n, p->last);
        else
            hone_f32_argmax_columns(a->x + i * n * inner, n, inner, inner, p->last, a->y + i * inner);
    }
}

static hone_status run_argmax(hone__cpu_run *ctx) {
    const argmax_plan *p = ctx->plan_state;
    argmax_args args = {p, ctx->in[0]->data, ctx->out[0]->data};
    if (p->n * p->inner > 0)
        hone__pool_run_range(ctx->pool, (size_t)p->outer, hone__bind_grain((size_t)(p->n * p->inner), GRAIN_ELEMENTS),
                             argmax_range, &args);
    return HONE_OK;
}

#define REDUCE_ROW(op_)                                                                                                \
    {                                                                                                                  \
        "", op_, 1, HONE_ANY_VERSION, "f32_reduce", match_reduce, NULL, NULL, plan_reduce, run_reduce, NULL,           \
            hone__cpu_blocked_global_average                                                                           \
    }

static const hone__cpu_kernel rows[] = {
    REDUCE_ROW("ReduceSum"),
    REDUCE_ROW("ReduceMean"),
    REDUCE_ROW("ReduceMax"),
    REDUCE_ROW("ReduceMin"),
    REDUCE_ROW("ReduceProd"),
    REDUCE_ROW("ReduceL1"),
    REDUCE_ROW("ReduceL2"),
    REDUCE_ROW("ReduceSumSquare"),
    REDUCE_ROW("ReduceLogSum"),
    REDUCE_ROW("GlobalAveragePool"),
    REDUCE_ROW("GlobalMaxPool"),
    {"", "ArgMax", 1, HONE_ANY_VERSION, "f32_argmax", match_argmax, NULL, NULL, plan_argmax, run_argmax},
};

const hone__cpu_kernel_family hone__cpu_family_reduce = {"reduce", rows, sizeof rows / sizeof rows[0]};
