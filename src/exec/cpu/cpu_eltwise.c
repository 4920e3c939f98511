/* Binds the elementwise operators to kernels/eltwise: unary functions and activations, binary
 * arithmetic, comparisons and logic with numpy broadcasting, variadic Sum/Mean/Max/Min, Where, Cast. */
#include "exec/cpu/cpu_bind.h"
#include "exec/cpu/cpu_blocked.h"
#include "exec/cpu/cpu_broadcast.h"
#include "exec/cpu/cpu_registry.h"
#include "kernels/eltwise/eltwise.h"

#include <math.h>

enum {
    GRAIN_CHEAP = 16384, /* elements per task: a few microseconds, what waking a worker costs */
    GRAIN_DEAR = 2048    /* the same for functions of tens of cycles per vector */
};

/* ---- unary ---- */

typedef struct unary_op {
    const char *name;
    hone_unary_kind kind;
    bool is_dear;
    const char *a_attr, *b_attr; /* NULL: a_default and b_default hold */
    float a_default, b_default;
} unary_op;

static const unary_op unary_ops[] = {
    {"Neg", HONE_UNARY_NEG},
    {"Abs", HONE_UNARY_ABS},
    {"Reciprocal", HONE_UNARY_RECIPROCAL},
    {"Floor", HONE_UNARY_FLOOR},
    {"Ceil", HONE_UNARY_CEIL},
    {"Round", HONE_UNARY_ROUND},
    {"Sign", HONE_UNARY_SIGN},
    {"Sqrt", HONE_UNARY_SQRT},
    {"Exp", HONE_UNARY_EXP, true},
    {"Log", HONE_UNARY_LOG, true},
    {"Erf", HONE_UNARY_ERF, true},
    {"Softplus", HONE_UNARY_SOFTPLUS, true},
    {"Softsign", HONE_UNARY_SOFTSIGN},
    {"Relu", HONE_UNARY_RELU},
    {"LeakyRelu", HONE_UNARY_LEAKY_RELU, false, "alpha", NULL, 0.01f},
    {"ThresholdedRelu", HONE_UNARY_THRESHOLDED_RELU, false, "alpha", NULL, 1.0f},
    {"Sigmoid", HONE_UNARY_SIGMOID, true},
    {"Tanh", HONE_UNARY_TANH, true},
    {"HardSigmoid", HONE_UNARY_HARD_SIGMOID, false, "alpha", "beta", 0.2f, 0.5f},
    {"HardSwish", HONE_UNARY_HARD_SWISH},
    {"Silu", HONE_UNARY_SILU, true, "alpha", NULL, 1.0f},
    {"QuickGelu", HONE_UNARY_SILU, true, "alpha", NULL, 1.702f},
    {"Gelu", HONE_UNARY_GELU, true},
    {"FastGelu", HONE_UNARY_GELU_TANH, true},
    {"Elu", HONE_UNARY_ELU, true, "alpha", NULL, 1.0f},
    {"Mish", HONE_UNARY_MISH, true},
};

typedef struct unary_state {
    hone_f32_unary_fn fn;
    const char *kernel;
    size_t grain;
    float a, b;
    bool reads_bounds; /* Clip since 11: a and b are inputs 1 and 2 when they are there */
} unary_state;

static const char *const unary_kernel_names[] = {
#define KERNEL_NAME(NAME, name) "f32_" #name,
    HONE_UNARY_TABLE(KERNEL_NAME)
#undef KERNEL_NAME
};

static unary_state *new_unary_state(hone__cpu_prepare *ctx, hone_unary_kind kind, bool is_dear) {
    unary_state *s = hone__arena_calloc(ctx->arena, 1, sizeof *s);
    if (s) {
        s->fn = hone_eltwise_select(ctx->config->isa)->unary[kind];
        s->kernel = unary_kernel_names[kind];
        s->grain = is_dear ? GRAIN_DEAR : GRAIN_CHEAP;
    }
    return s;
}

static bool match_unary(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_all_f32(node) && node->n_inputs == 1;
}

static hone_status prepare_unary(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    const unary_op *op = NULL;
    for (size_t i = 0; i < sizeof unary_ops / sizeof unary_ops[0]; i++)
        if (strcmp(unary_ops[i].name, node->op_type) == 0)
            op = &unary_ops[i];
    HONE_FAIL_IF(!op, ctx->error, HONE_ERROR_INTERNAL, "no elementwise kernel is known for \"%s\"", node->op_type);
    hone_unary_kind kind = op->kind;
    if (strcmp(node->op_type, "Gelu") == 0 && strcmp(hone__node_attr_string(node, "approximate", "none"), "tanh") == 0)
        kind = HONE_UNARY_GELU_TANH;
    unary_state *s = new_unary_state(ctx, kind, op->is_dear);
    if (!s)
        return hone__fail_memory(ctx->error, "an elementwise node");
    s->a = op->a_attr ? hone__node_attr_float(node, op->a_attr, op->a_default) : op->a_default;
    s->b = op->b_attr ? hone__node_attr_float(node, op->b_attr, op->b_default) : op->b_default;
    *state = s;
    return HONE_OK;
}

static bool match_clip(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_all_f32(node);
}

static hone_status prepare_clip(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    unary_state *s = new_unary_state(ctx, HONE_UNARY_CLIP, false);
    if (!s)
        return hone__fail_memory(ctx->error, "an elementwise node");
    s->a = hone__node_attr_float(node, "min", -INFINITY);
    s->b = hone__node_attr_float(node, "max", INFINITY);
    s->reads_bounds = true;
    *state = s;
    return HONE_OK;
}

static hone_status plan_unary(const void *state, hone__cpu_plan *ctx) {
    const unary_state *s = state;
    ctx->kernel = s->kernel;
    ctx->inplace_input = hone__bind_can_reuse(ctx, 0) ? 0 : -1;
    return HONE_OK;
}

typedef struct unary_args {
    const unary_state *state;
    const float *x;
    float *y;
    float a, b;
} unary_args;

static void unary_range(void *arg, size_t begin, size_t end, int thread) {
    const unary_args *u = arg;
    (void)thread;
    u->state->fn(u->x + begin, u->y + begin, end - begin, u->a, u->b);
}

static hone_status run_unary(hone__cpu_run *ctx) {
    const unary_state *s = ctx->state;
    unary_args args = {s, ctx->in[0]->data, ctx->out[0]->data, s->a, s->b};
    if (s->reads_bounds) {
        if (ctx->n_in > 1 && ctx->in[1])
            args.a = *(const float *)ctx->in[1]->data;
        if (ctx->n_in > 2 && ctx->in[2])
            args.b = *(const float *)ctx->in[2]->data;
    }
    hone__pool_run_range(ctx->pool, (size_t)hone__tensor_count(ctx->out[0]), s->grain, unary_range, &args);
    return HONE_OK;
}

/* ---- binary with broadcasting ---- */

typedef struct binary_step {
    hone__broadcast shape;
    hone_binary_fn fn;
    bool is_scalar; /* neither operand advances along a run: one element, then copies */
    size_t in_size, out_size, grain;
} binary_step;

typedef hone_binary_fn (*find_binary)(const hone__cpu_plan *ctx, int kind, int mode);

static hone_status plan_step(hone__cpu_plan *ctx, binary_step *step, const hone_tensor *a, const hone_tensor *b,
                             find_binary find, int kind, size_t grain) {
    const hone_tensor *in[2] = {a, b};
    if (!hone__broadcast_make(&step->shape, ctx->out[0], in, 2))
        return hone__fail(ctx->error, HONE_ERROR_SHAPE, "inputs of %s do not broadcast to its output",
                          ctx->node->op_type);
    const bool va = step->shape.step[0], vb = step->shape.step[1];
    step->is_scalar = !va && !vb;
    step->fn = find(ctx, kind, va == vb ? HONE_MODE_VV : va ? HONE_MODE_VS : HONE_MODE_SV);
    if (!step->fn)
        return hone__fail(ctx->error, HONE_ERROR_INTERNAL, "no kernel for %s of this type", ctx->node->op_type);
    step->in_size = hone__bind_elem_size(a->dtype);
    step->out_size = hone__bind_elem_size(ctx->out[0]->dtype);
    step->grain = grain;
    return HONE_OK;
}

typedef struct binary_args {
    const binary_step *step;
    const char *a, *b;
    char *y;
} binary_args;

static void fill_copies(char *y, size_t size, size_t n) {
    for (size_t i = 1; i < n; i++)
        memcpy(y + i * size, y, size);
}

static void binary_range(void *arg, size_t begin, size_t end, int thread) {
    const binary_args *args = arg;
    const binary_step *s = args->step;
    hone__broadcast_pos pos;
    (void)thread;
    hone__broadcast_seek(&s->shape, (int64_t)begin, &pos);
    while (begin < end) {
        const size_t n = hone__min_size(end - begin, (size_t)(s->shape.inner - pos.column));
        const char *a = args->a + (size_t)(pos.offset[0] + pos.column * s->shape.step[0]) * s->in_size;
        const char *b = args->b + (size_t)(pos.offset[1] + pos.column * s->shape.step[1]) * s->in_size;
        char *y = args->y + begin * s->out_size;
        s->fn(a, b, y, s->is_scalar ? 1 : n);
        if (s->is_scalar)
            fill_copies(y, s->out_size, n);
        begin += n;
        hone__broadcast_next(&s->shape, &pos);
    }
}

static void run_step(hone__pool *pool, const binary_step *step, const void *a, const void *b, const hone_tensor *y) {
    binary_args args = {step, a, b, y->data};
    hone__pool_run_range(pool, (size_t)hone__tensor_count(y), step->grain, binary_range, &args);
}

/* Output 0 may overwrite the first of the inputs 0 and 1 that has its shape and type. */
static int8_t reuse_operand(const hone__cpu_plan *ctx) {
    return hone__bind_can_reuse(ctx, 0) ? 0 : hone__bind_can_reuse(ctx, 1) ? 1 : -1;
}

static hone_binary_fn find_arithmetic(const hone__cpu_plan *ctx, int kind, int mode) {
    if (ctx->in[0]->dtype == HONE_DTYPE_FLOAT)
        return hone_eltwise_select(ctx->config->isa)->binary[kind][mode];
    return hone_typed_binary(ctx->in[0]->dtype, (hone_binary_kind)kind, mode);
}

typedef struct named_kind {
    const char *name;
    int kind;
} named_kind;

static int kind_of(const hone__node *node, const named_kind *table, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(table[i].name, node->op_type) == 0)
            return table[i].kind;
    return -1;
}

static const named_kind arithmetic_kinds[] = {
    {"Add", HONE_BINARY_ADD}, {"Sub", HONE_BINARY_SUB}, {"Mul", HONE_BINARY_MUL},
    {"Div", HONE_BINARY_DIV}, {"Sum", HONE_BINARY_ADD}, {"Mean", HONE_BINARY_ADD},
    {"Max", HONE_BINARY_MAX}, {"Min", HONE_BINARY_MIN}, {"PRelu", HONE_BINARY_PRELU},
};
enum { N_ARITHMETIC = sizeof arithmetic_kinds / sizeof arithmetic_kinds[0] };

static const char *binary_kernel_name(hone_dtype dtype, int kind) {
    static const char *const names[3][HONE_BINARY_COUNT] = {
#define F32_NAME(NAME, name) "f32_" #name,
#define I32_NAME(NAME, name) "i32_" #name,
#define I64_NAME(NAME, name) "i64_" #name,
        {HONE_BINARY_TABLE(F32_NAME)},
        {HONE_BINARY_TABLE(I32_NAME)},
        {HONE_BINARY_TABLE(I64_NAME)},
    };
    return names[dtype == HONE_DTYPE_FLOAT ? 0 : dtype == HONE_DTYPE_INT32 ? 1 : 2][kind];
}

static bool match_arithmetic(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const hone_dtype dtype = hone__bind_dtype(node, 0);
    if (dtype != HONE_DTYPE_FLOAT && (!hone_typed_binary(dtype, HONE_BINARY_ADD, HONE_MODE_VV) ||
                                      strcmp(node->op_type, "PRelu") == 0 || strcmp(node->op_type, "Mean") == 0))
        return false;
    for (size_t i = 0; i < node->n_inputs; i++)
        if (!hone__bind_has_dtype(node, i, dtype))
            return false;
    return node->n_inputs > 0;
}

static hone_status plan_binary(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const int kind = kind_of(ctx->node, arithmetic_kinds, N_ARITHMETIC);
    binary_step *step = hone__bind_state(ctx, sizeof *step);
    if (!step)
        return hone__fail_memory(ctx->error, "an elementwise plan");
    ctx->kernel = binary_kernel_name(ctx->in[0]->dtype, kind);
    ctx->inplace_input = reuse_operand(ctx);
    return plan_step(ctx, step, ctx->in[0], ctx->in[1], find_arithmetic, kind, GRAIN_CHEAP);
}

static hone_status run_binary(hone__cpu_run *ctx) {
    run_step(ctx->pool, ctx->plan_state, ctx->in[0]->data, ctx->in[1]->data, ctx->out[0]);
    return HONE_OK;
}

/* ---- variadic Sum, Mean, Max, Min: out = op(in0, in1), then out = op(out, in_k) ---- */

typedef struct variadic_plan {
    size_t n_steps;
    binary_step *steps;
    hone_binary_fn mul; /* Mean: by the factor 1/n at the end; else NULL */
    float factor;
} variadic_plan;

static hone_status plan_variadic(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    const int kind = kind_of(ctx->node, arithmetic_kinds, N_ARITHMETIC);
    variadic_plan *p = hone__bind_state(ctx, sizeof *p);
    const size_t n = ctx->n_in > 1 ? ctx->n_in - 1 : 1;
    if (!p || !(p->steps = hone__arena_calloc(ctx->arena, n, sizeof *p->steps)))
        return hone__fail_memory(ctx->error, "an elementwise plan");
    p->n_steps = ctx->n_in - 1;
    for (size_t i = 0; i < p->n_steps; i++)
        HONE_TRY(plan_step(ctx, &p->steps[i], i == 0 ? ctx->in[0] : ctx->out[0], ctx->in[i + 1], find_arithmetic, kind,
                           GRAIN_CHEAP));
    if (strcmp(ctx->node->op_type, "Mean") == 0) {
        p->mul = hone_eltwise_select(ctx->config->isa)->binary[HONE_BINARY_MUL][HONE_MODE_VS];
        p->factor = 1.0f / (float)ctx->n_in;
    }
    ctx->kernel = binary_kernel_name(ctx->in[0]->dtype, kind);
    /* From the third input on the output is written before an input is read, so only two share. */
    ctx->inplace_input = ctx->n_in == 2 ? reuse_operand(ctx) : -1;
    return HONE_OK;
}

typedef struct scale_args {
    const variadic_plan *plan;
    float *y;
} scale_args;

static void scale_range(void *arg, size_t begin, size_t end, int thread) {
    const scale_args *s = arg;
    (void)thread;
    s->plan->mul(s->y + begin, &s->plan->factor, s->y + begin, end - begin);
}

static hone_status run_variadic(hone__cpu_run *ctx) {
    const variadic_plan *p = ctx->plan_state;
    hone_tensor *out = ctx->out[0];
    if (p->n_steps == 0)
        memcpy(out->data, ctx->in[0]->data, out->size);
    for (size_t i = 0; i < p->n_steps; i++)
        run_step(ctx->pool, &p->steps[i], i == 0 ? ctx->in[0]->data : out->data, ctx->in[i + 1]->data, out);
    if (p->mul && p->n_steps > 0) {
        scale_args args = {p, out->data};
        hone__pool_run_range(ctx->pool, (size_t)hone__tensor_count(out), GRAIN_CHEAP, scale_range, &args);
    }
    return HONE_OK;
}

/* ---- Pow: constant exponents 2, 3, 0.5 and -1 are unary kernels ---- */

typedef struct pow_plan {
    unary_state unary; /* fn NULL: the general step */
    binary_step step;
} pow_plan;

static bool match_pow(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_all_f32(node) && node->n_inputs == 2;
}

/* The unary kernel that raises to this power. (sqrt differs from pow in C only for -inf, where the
 * former is NaN, and for the sign of a zero; numpy computes power 0.5 by sqrt too.) */
static bool unary_of_exponent(float e, hone_unary_kind *kind) {
    if (e == 2.0f)
        *kind = HONE_UNARY_SQUARE;
    else if (e == 3.0f)
        *kind = HONE_UNARY_CUBE;
    else if (e == 0.5f)
        *kind = HONE_UNARY_SQRT;
    else if (e == -1.0f)
        *kind = HONE_UNARY_RECIPROCAL;
    else
        return false;
    return true;
}

static hone_status plan_pow(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    pow_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "an elementwise plan");
    const hone_tensor *e = ctx->in[1];
    hone_unary_kind kind;
    ctx->kernel = "f32_pow";
    ctx->inplace_input = reuse_operand(ctx);
    if (e->data && hone__tensor_count(e) == 1 && unary_of_exponent(*(const float *)e->data, &kind) &&
        hone__tensor_count(ctx->in[0]) == hone__tensor_count(ctx->out[0])) {
        p->unary.fn = hone_eltwise_select(ctx->config->isa)->unary[kind];
        p->unary.grain = GRAIN_CHEAP;
        ctx->kernel = unary_kernel_names[kind];
        return HONE_OK;
    }
    return plan_step(ctx, &p->step, ctx->in[0], e, find_arithmetic, HONE_BINARY_POW, GRAIN_DEAR / 4);
}

static hone_status run_pow(hone__cpu_run *ctx) {
    const pow_plan *p = ctx->plan_state;
    if (!p->unary.fn) {
        run_step(ctx->pool, &p->step, ctx->in[0]->data, ctx->in[1]->data, ctx->out[0]);
        return HONE_OK;
    }
    unary_args args = {&p->unary, ctx->in[0]->data, ctx->out[0]->data, 0.0f, 0.0f};
    hone__pool_run_range(ctx->pool, (size_t)hone__tensor_count(ctx->out[0]), GRAIN_CHEAP, unary_range, &args);
    return HONE_OK;
}

/* ---- comparisons and logic ---- */

static const named_kind compare_kinds[] = {
    {"Equal", HONE_COMPARE_EQ},   {"Less", HONE_COMPARE_LT},           {"LessOrEqual", HONE_COMPARE_LE},
    {"Greater", HONE_COMPARE_GT}, {"GreaterOrEqual", HONE_COMPARE_GE},
};
static const named_kind logic_kinds[] = {{"And", HONE_LOGIC_AND}, {"Or", HONE_LOGIC_OR}, {"Xor", HONE_LOGIC_XOR}};

static hone_binary_fn find_compare(const hone__cpu_plan *ctx, int kind, int mode) {
    return hone_typed_compare(ctx->in[0]->dtype, (hone_compare_kind)kind, mode);
}
static hone_binary_fn find_logic(const hone__cpu_plan *ctx, int kind, int mode) {
    (void)ctx;
    return hone_bool_logic((hone_logic_kind)kind, mode);
}

static bool match_compare(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const int kind = kind_of(node, compare_kinds, sizeof compare_kinds / sizeof compare_kinds[0]);
    const hone_dtype dtype = hone__bind_dtype(node, 0);
    return kind >= 0 && node->n_inputs == 2 && hone__bind_has_dtype(node, 1, dtype) &&
           hone_typed_compare(dtype, (hone_compare_kind)kind, HONE_MODE_VV);
}

static bool match_logic(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return node->n_inputs == 2 && hone__bind_has_dtype(node, 0, HONE_DTYPE_BOOL) &&
           hone__bind_has_dtype(node, 1, HONE_DTYPE_BOOL);
}

static hone_status plan_compare(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    binary_step *step = hone__bind_state(ctx, sizeof *step);
    if (!step)
        return hone__fail_memory(ctx->error, "an elementwise plan");
    int kind = kind_of(ctx->node, compare_kinds, sizeof compare_kinds / sizeof compare_kinds[0]);
    find_binary find = find_compare;
    if (kind < 0) {
        kind = kind_of(ctx->node, logic_kinds, sizeof logic_kinds / sizeof logic_kinds[0]);
        find = find_logic;
    }
    ctx->kernel = find == find_compare ? "compare" : "bool_logic";
    ctx->inplace_input = -1;
    return plan_step(ctx, step, ctx->in[0], ctx->in[1], find, kind, GRAIN_CHEAP);
}

/* ---- Where ---- */

typedef struct where_plan {
    hone__broadcast shape;
    size_t elem_size;
    hone_f32_select_fn select; /* for elements of four bytes */
} where_plan;

typedef struct where_args {
    const where_plan *plan;
    const uint8_t *cond;
    const char *x, *y;
    char *out;
} where_args;

static bool match_where(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const size_t size = hone__bind_elem_size(hone__bind_dtype(node, 1));
    return node->n_inputs == 3 && hone__bind_has_dtype(node, 0, HONE_DTYPE_BOOL) && size > 0 && size <= 8 &&
           hone__bind_dtype(node, 2) == hone__bind_dtype(node, 1);
}

static hone_status plan_where(const void *state, hone__cpu_plan *ctx) {
    (void)state;
    where_plan *p = hone__bind_state(ctx, sizeof *p);
    if (!p)
        return hone__fail_memory(ctx->error, "an elementwise plan");
    if (!hone__broadcast_make(&p->shape, ctx->out[0], ctx->in, 3))
        return hone__fail(ctx->error, HONE_ERROR_SHAPE, "inputs of Where do not broadcast to its output");
    p->elem_size = hone__bind_elem_size(ctx->out[0]->dtype);
    p->select = hone_eltwise_select(ctx->config->isa)->select;
    ctx->kernel = "where";
    ctx->inplace_input = hone__bind_can_reuse(ctx, 1) ? 1 : hone__bind_can_reuse(ctx, 2) ? 2 : -1;
    return HONE_OK;
}

static void where_range(void *arg, size_t begin, size_t end, int thread) {
    const where_args *args = arg;
    const where_plan *p = args->plan;
    const size_t size = p->elem_size;
    const uint8_t *step = p->shape.step;
    hone__broadcast_pos pos;
    (void)thread;
    hone__broadcast_seek(&p->shape, (int64_t)begin, &pos);
    while (begin < end) {
        const size_t n = hone__min_size(end - begin, (size_t)(p->shape.inner - pos.column));
        const uint8_t *cond = args->cond + pos.offset[0] + pos.column * step[0];
        const char *x = args->x + (size_t)(pos.offset[1] + pos.column * step[1]) * size;
        const char *y = args->y + (size_t)(pos.offset[2] + pos.column * step[2]) * size;
        char *out = args->out + begin * size;
        if (!step[0] && step[1] && step[2])
            memmove(out, *cond ? x : y, n * size);
        else if (size == 4 && step[0])
            p->select(cond, (const void *)x, step[1], (const void *)y, step[2], (void *)out, n);
        else
            hone_typed_select(size, cond, step[0], x, step[1], y, step[2], out, n);
        begin += n;
        hone__broadcast_next(&p->shape, &pos);
    }
}

static hone_status run_where(hone__cpu_run *ctx) {
    where_args args = {ctx->plan_state, ctx->in[0]->data, ctx->in[1]->data, ctx->in[2]->data, ctx->out[0]->data};
    hone__pool_run_range(ctx->pool, (size_t)hone__tensor_count(ctx->out[0]), GRAIN_CHEAP, where_range, &args);
    return HONE_OK;
}

/* ---- Cast, CastLike, Not ---- */

typedef struct cast_state {
    hone_cast_fn fn; /* NULL: the types agree */
    size_t in_size, out_size;
} cast_state;

typedef struct cast_args {
    const cast_state *state;
    const char *x;
    char *y;
} cast_args;

static hone_dtype cast_target(const hone__node *node) {
    return hone__bind_has_output(node, 0) && hone__bind_is_tensor(node->outputs[0]) ? node->outputs[0]->type.dtype
                                                                                    : HONE_DTYPE_UNDEFINED;
}

static bool match_cast(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    const hone_dtype from = hone__bind_dtype(node, 0), to = cast_target(node);
    return (from == to && hone__bind_elem_size(from) > 0) || hone_typed_cast(from, to);
}

static hone_cast_fn pick_cast(uint32_t isa, hone_dtype from, hone_dtype to) {
    const hone_eltwise_row *row = hone_eltwise_select(isa);
    if (from == to)
        return NULL;
    if (from == HONE_DTYPE_FLOAT && (to == HONE_DTYPE_FLOAT16 || to == HONE_DTYPE_BFLOAT16))
        return to == HONE_DTYPE_FLOAT16 ? row->f32_to_f16 : row->f32_to_bf16;
    if (to == HONE_DTYPE_FLOAT && (from == HONE_DTYPE_FLOAT16 || from == HONE_DTYPE_BFLOAT16))
        return from == HONE_DTYPE_FLOAT16 ? row->f16_to_f32 : row->bf16_to_f32;
    return hone_typed_cast(from, to);
}

static hone_status prepare_cast(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    cast_state *s = hone__arena_calloc(ctx->arena, 1, sizeof *s);
    if (!s)
        return hone__fail_memory(ctx->error, "a Cast node");
    const hone_dtype from = hone__bind_dtype(node, 0), to = cast_target(node);
    s->fn = pick_cast(ctx->config->isa, from, to);
    s->in_size = hone__bind_elem_size(from);
    s->out_size = hone__bind_elem_size(to);
    *state = s;
    return HONE_OK;
}

static hone_status plan_cast(const void *state, hone__cpu_plan *ctx) {
    const cast_state *s = state;
    ctx->kernel = s->fn ? "cast" : "copy";
    ctx->inplace_input = hone__bind_can_reuse(ctx, 0) ? 0 : -1;
    return HONE_OK;
}

static void cast_range(void *arg, size_t begin, size_t end, int thread) {
    const cast_args *c = arg;
    const cast_state *s = c->state;
    (void)thread;
    if (s->fn)
        s->fn(c->x + begin * s->in_size, c->y + begin * s->out_size, end - begin);
    else
        memmove(c->y + begin * s->out_size, c->x + begin * s->in_size, (end - begin) * s->in_size);
}

static hone_status run_cast(hone__cpu_run *ctx) {
    cast_args args = {ctx->state, ctx->in[0]->data, ctx->out[0]->data};
    hone__pool_run_range(ctx->pool, (size_t)hone__tensor_count(ctx->out[0]), GRAIN_CHEAP, cast_range, &args);
    return HONE_OK;
}

static bool match_not(const hone__node *node, const hone__cpu_config *config) {
    (void)config;
    return hone__bind_has_dtype(node, 0, HONE_DTYPE_BOOL);
}

static hone_status prepare_not(hone__cpu_prepare *ctx, const hone__node *node, void **state) {
    (void)node;
    cast_state *s = hone__arena_calloc(ctx->arena, 1, sizeof *s);
    if (!s)
        return hone__fail_memory(ctx->error, "a Not node");
    *s = (cast_state){hone_bool_not, 1, 1};
    *state = s;
    return HONE_OK;
}

/* ---- rows ---- */

#define UNARY_ROW(domain_, op_, min_)                                                                                  \
    {                                                                                                                  \
        domain_, op_, min_, HONE_ANY_VERSION, "f32_unary", match_unary, prepare_unary, NULL, plan_unary, run_unary,    \
            NULL, hone__cpu_blocked_same                                                                               \
    }
#define BINARY_ROW(op_, min_)                                                                                          \
    {                                                                                                                  \
        "", op_, min_, HONE_ANY_VERSION, "binary", match_arithmetic, NULL, NULL, plan_binary, run_binary, NULL,        \
            hone__cpu_blocked_binary                                                                                   \
    }
#define VARIADIC_ROW(op_)                                                                                              \
    {                                                                                                                  \
        "", op_, 8, HONE_ANY_VERSION, "variadic", match_arithmetic, NULL, NULL, plan_variadic, run_variadic, NULL,     \
            hone__cpu_blocked_same                                                                                     \
    }
#define COMPARE_ROW(op_, match_)                                                                                       \
    { "", op_, 7, HONE_ANY_VERSION, "compare", match_, NULL, NULL, plan_compare, run_binary }

static const hone__cpu_kernel rows[] = {
    UNARY_ROW("", "Neg", 6),
    UNARY_ROW("", "Abs", 6),
    UNARY_ROW("", "Reciprocal", 6),
    UNARY_ROW("", "Floor", 6),
    UNARY_ROW("", "Ceil", 6),
    UNARY_ROW("", "Round", 11),
    UNARY_ROW("", "Sign", 9),
    UNARY_ROW("", "Sqrt", 6),
    UNARY_ROW("", "Exp", 6),
    UNARY_ROW("", "Log", 6),
    UNARY_ROW("", "Erf", 9),
    UNARY_ROW("", "Softplus", 1),
    UNARY_ROW("", "Softsign", 1),
    UNARY_ROW("", "Relu", 6),
    UNARY_ROW("", "LeakyRelu", 6),
    UNARY_ROW("", "ThresholdedRelu", 10),
    UNARY_ROW("", "Sigmoid", 6),
    UNARY_ROW("", "Tanh", 6),
    UNARY_ROW("", "HardSigmoid", 6),
    UNARY_ROW("", "HardSwish", 14),
    UNARY_ROW("", "Gelu", 20),
    UNARY_ROW("", "Elu", 6),
    UNARY_ROW("", "Mish", 18),
    UNARY_ROW("hone", "Silu", 1),
    UNARY_ROW("com.microsoft", "Gelu", 1),
    UNARY_ROW("com.microsoft", "QuickGelu", 1),
    UNARY_ROW("com.microsoft", "FastGelu", 1),
    {"", "Clip", 6, HONE_ANY_VERSION, "f32_clip", match_clip, prepare_clip, NULL, plan_unary, run_unary, NULL,
     hone__cpu_blocked_same},
    BINARY_ROW("Add", 7),
    BINARY_ROW("Sub", 7),
    BINARY_ROW("Mul", 7),
    BINARY_ROW("Div", 7),
    BINARY_ROW("PRelu", 7),
    VARIADIC_ROW("Sum"),
    VARIADIC_ROW("Mean"),
    VARIADIC_ROW("Max"),
    VARIADIC_ROW("Min"),
    {"", "Pow", 7, HONE_ANY_VERSION, "f32_pow", match_pow, NULL, NULL, plan_pow, run_pow},
    COMPARE_ROW("Equal", match_compare),
    COMPARE_ROW("Less", match_compare),
    COMPARE_ROW("LessOrEqual", match_compare),
    COMPARE_ROW("Greater", match_compare),
    COMPARE_ROW("GreaterOrEqual", match_compare),
    COMPARE_ROW("And", match_logic),
    COMPARE_ROW("Or", match_logic),
    COMPARE_ROW("Xor", match_logic),
    {"", "Where", 9, HONE_ANY_VERSION, "where", match_where, NULL, NULL, plan_where, run_where},
    {"", "Cast", 6, HONE_ANY_VERSION, "cast", match_cast, prepare_cast, NULL, plan_cast, run_cast},
    {"", "CastLike", 15, HONE_ANY_VERSION, "cast", match_cast, prepare_cast, NULL, plan_cast, run_cast},
    {"", "Not", 1, HONE_ANY_VERSION, "bool_not", match_not, prepare_not, NULL, plan_cast, run_cast},
};

const hone__cpu_kernel_family hone__cpu_family_eltwise = {"eltwise", rows, sizeof rows / sizeof rows[0]};
