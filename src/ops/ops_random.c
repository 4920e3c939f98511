/* Random generators: RandomUniform, RandomNormal, their Like forms, Bernoulli, Multinomial. The attribute
 * `seed` starts the generator; without it each node starts from its name, so that runs repeat and two nodes
 * differ. */
#include "ops/op_elements.h"
#include "ops/op_help.h"
#include "ops/op_random.h"

#include <math.h>

static void start(const hone__eval *ctx, hone__random *random) {
    const hone__attr *seed = hone__node_attr(ctx->node, "seed");
    uint32_t value = 2166136261u;
    if (seed && seed->type == HONE_ATTR_FLOAT) {
        value = seed->f >= 0 && seed->f < 4294967296.0f ? (uint32_t)seed->f : 1u;
    } else {
        for (const char *p = ctx->node->name; *p; p++)
            value = (value ^ (unsigned char)*p) * 16777619u;
    }
    hone__random_seed(random, value);
}

static hone_dtype random_dtype(const hone__node *node, hone_dtype of_input) {
    int64_t dtype = hone__node_attr_int(node, "dtype", of_input);
    return dtype > 0 && dtype < HONE_DTYPE_COUNT ? (hone_dtype)dtype : HONE_DTYPE_UNDEFINED;
}

static hone_status check_dtype(hone__eval *ctx, hone_dtype dtype) {
    if (dtype == HONE_DTYPE_UNDEFINED || dtype == HONE_DTYPE_STRING ||
        hone__dtype_in(dtype, (hone__dtype_set)HONE_SET_COMPLEX))
        return hone__eval_fail(ctx, HONE_ERROR_TYPE, "random elements cannot be of type %s", hone_dtype_name(dtype));
    return HONE_OK;
}

/* Both kinds, with a shape of their own or another tensor's. */
static hone_status eval_random(hone__eval *ctx) {
    bool is_normal = strncmp(ctx->node->op_type, "RandomNormal", 12) == 0, is_like = ctx->node->op->n_inputs > 0;
    double a = (double)hone__node_attr_float(ctx->node, is_normal ? "mean" : "low", 0.0f);
    double b = (double)hone__node_attr_float(ctx->node, is_normal ? "scale" : "high", 1.0f);
    int64_t dims[HONE_MAX_RANK];
    size_t n;
    hone_tensor *y;
    if (is_like) {
        const hone_tensor *x = ctx->in[0];
        n = (size_t)x->rank;
        memcpy(dims, x->dims, n * sizeof *dims);
    } else {
        const int64_t *shape = hone__node_attr_ints(ctx->node, "shape", &n);
        if (n > HONE_MAX_RANK)
            return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "rank %zu is too large", n);
        for (size_t i = 0; i < n; i++)
            dims[i] = shape[i];
    }
    hone_dtype dtype = random_dtype(ctx->node, is_like ? ctx->in[0]->dtype : HONE_DTYPE_FLOAT);
    HONE_TRY(check_dtype(ctx, dtype));
    HONE_TRY(hone__eval_output(ctx, 0, dtype, (int)n, dims, &y));
    hone__random random;
    start(ctx, &random);
    for (int64_t i = 0; y && i < hone__tensor_count(y); i++) {
        double v = is_normal ? a + b * hone__random_normal(&random) : a + (b - a) * hone__random_uniform(&random);
        hone__store_f64(y, i, 1, &v);
    }
    return HONE_OK;
}

static hone_status infer_random(hone__infer *ctx) {
    hone__dim dims[HONE_MAX_RANK];
    size_t n;
    if (ctx->node->op->n_inputs > 0) {
        const hone__type *x = hone__infer_input(ctx, 0);
        hone_dtype dtype = random_dtype(ctx->node, x ? x->dtype : HONE_DTYPE_UNDEFINED);
        return x && dtype ? hone__infer_set(ctx, 0, dtype, x->rank, x->dims) : HONE_OK;
    }
    const int64_t *shape = hone__node_attr_ints(ctx->node, "shape", &n);
    hone_dtype dtype = random_dtype(ctx->node, HONE_DTYPE_FLOAT);
    if (n > HONE_MAX_RANK || !dtype)
        return hone__infer_fail(ctx, HONE_ERROR_MODEL, "the shape or dtype is not valid");
    for (size_t i = 0; i < n; i++) {
        if (shape[i] < 0)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "dimension %zu would be %lld", i, (long long)shape[i]);
        dims[i] = hone__dim_known(shape[i]);
    }
    return hone__infer_set(ctx, 0, dtype, (int)n, dims);
}

static hone_status eval_bernoulli(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    hone_dtype dtype = random_dtype(ctx->node, x->dtype);
    hone_tensor *y;
    HONE_TRY(check_dtype(ctx, dtype));
    HONE_TRY(hone__eval_output(ctx, 0, dtype, x->rank, x->dims, &y));
    hone__random random;
    start(ctx, &random);
    for (int64_t i = 0; y && i < hone__tensor_count(y); i++) {
        double p;
        hone__load_f64(x, i, 1, 1, &p);
        double v = hone__random_uniform(&random) < p;
        hone__store_f64(y, i, 1, &v);
    }
    return HONE_OK;
}

/* x: [N, classes] of log-probabilities that need not be normalised; y: [N, sample_size]. */
static hone_status eval_multinomial(hone__eval *ctx) {
    const hone_tensor *x = ctx->in[0];
    int64_t samples = hone__node_attr_int(ctx->node, "sample_size", 1);
    hone_dtype dtype = random_dtype(ctx->node, HONE_DTYPE_INT32);
    if (x->rank != 2 || x->dims[1] == 0 || samples < 0 || !hone__dtype_in(dtype, HONE_SET(INT32) | HONE_SET(INT64)))
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE,
                               "the input must be [batch, classes] and the samples int32 or int64");
    int64_t n = x->dims[0], classes = x->dims[1], dims[] = {n, samples};
    hone_tensor *y;
    double *weights;
    HONE_TRY(hone__eval_output(ctx, 0, dtype, 2, dims, &y));
    HONE_TRY(hone__eval_scratch_n(ctx, classes, sizeof *weights, (void **)&weights));
    hone__random random;
    start(ctx, &random);
    for (int64_t b = 0; y && b < n; b++) {
        double largest = -INFINITY, total = 0;
        hone__load_f64(x, b * classes, 1, classes, weights);
        for (int64_t c = 0; c < classes; c++)
            largest = weights[c] > largest ? weights[c] : largest;
        for (int64_t c = 0; c < classes; c++)
            total += weights[c] = exp(weights[c] - largest);
        for (int64_t s = 0; s < samples; s++) {
            double r = hone__random_uniform(&random) * total;
            int64_t c = 0;
            while (c + 1 < classes && (r -= weights[c]) >= 0)
                c++;
            hone__store_i64(y, b * samples + s, 1, &c);
        }
    }
    return HONE_OK;
}

static hone_status infer_multinomial(hone__infer *ctx) {
    hone__dim dims[] = {hone__dim_unknown(), hone__dim_known(hone__node_attr_int(ctx->node, "sample_size", 1))};
    if (hone__infer_has_rank(ctx, 0) && ctx->in[0]->rank == 2)
        dims[0] = ctx->in[0]->dims[0];
    return hone__infer_set(ctx, 0, random_dtype(ctx->node, HONE_DTYPE_INT32), 2, dims);
}

/* ---- rows ---- */

enum { ALL = HONE_SET_ALL, FLOAT = HONE_SET_FLOAT };
static const hone__op_param q_any[] = {HONE_PARAM("output", ALL, 0)};
static const hone__op_param p_any[] = {HONE_PARAM("input", ALL, 0)};
static const hone__op_param p_float[] = {HONE_PARAM("input", FLOAT, 0)};
static const hone__op_attr a_normal[] = {{"dtype", HONE_ATTR_INT, false},
                                         {"mean", HONE_ATTR_FLOAT, false},
                                         {"scale", HONE_ATTR_FLOAT, false},
                                         {"seed", HONE_ATTR_FLOAT, false},
                                         {"shape", HONE_ATTR_INTS, true}};
static const hone__op_attr a_uniform[] = {{"dtype", HONE_ATTR_INT, false},
                                          {"high", HONE_ATTR_FLOAT, false},
                                          {"low", HONE_ATTR_FLOAT, false},
                                          {"seed", HONE_ATTR_FLOAT, false},
                                          {"shape", HONE_ATTR_INTS, true}};
static const hone__op_attr a_bernoulli[] = {{"dtype", HONE_ATTR_INT, false}, {"seed", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_multinomial[] = {
    {"dtype", HONE_ATTR_INT, false}, {"sample_size", HONE_ATTR_INT, false}, {"seed", HONE_ATTR_FLOAT, false}};

/* None is pure: folding one would freeze it, sharing two would make them equal. */
#define MAKE(name, since, attrs)                                                                                       \
    { "", name, since, 0, 0, 0, 1, 1, HONE_COUNT(attrs), NULL, q_any, attrs, infer_random, eval_random, NULL }
#define LIKE(name, since, attrs)                                                                                       \
    { "", name, since, 0, 1, 1, 1, 1, HONE_COUNT(attrs) - 1, p_any, q_any, attrs, infer_random, eval_random, NULL }
static const hone__op g_rows[] = {
    MAKE("RandomNormal", 1, a_normal),
    MAKE("RandomNormal", 22, a_normal),
    MAKE("RandomUniform", 1, a_uniform),
    MAKE("RandomUniform", 22, a_uniform),
    LIKE("RandomNormalLike", 1, a_normal),
    LIKE("RandomNormalLike", 22, a_normal),
    LIKE("RandomUniformLike", 1, a_uniform),
    LIKE("RandomUniformLike", 22, a_uniform),
    HONE_ROW("", "Bernoulli", 15, 0, 1, p_float, 1, q_any, a_bernoulli, infer_random, eval_bernoulli, NULL),
    HONE_ROW("", "Bernoulli", 22, 0, 1, p_float, 1, q_any, a_bernoulli, infer_random, eval_bernoulli, NULL),
    HONE_ROW("", "Multinomial", 7, 0, 1, p_float, 1, q_any, a_multinomial, infer_multinomial, eval_multinomial, NULL),
    HONE_ROW("", "Multinomial", 22, 0, 1, p_float, 1, q_any, a_multinomial, infer_multinomial, eval_multinomial, NULL),
};
const hone__op_family hone__ops_random = {"random", g_rows, sizeof g_rows / sizeof *g_rows};
