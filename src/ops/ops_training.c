/* ai.onnx.preview.training: Adagrad, Adam, Momentum: one step of an optimiser on any number of tensors.
 *
 * Source: ONNX operator specification. Inputs are R (learning rate), T (count of updates so far), then all
 * tensors X, all gradients, and all states; the outputs are the new X and the new states. Gradient, which asks
 * for derivatives of the graph around it, has no row: a session runs models, it does not train them. */
#include "ops/op_help.h"

#include <math.h>

/* Tensors per optimised one: X, gradient and states. */
static hone_status count_groups(const hone__node *node, size_t n_in, size_t per, size_t *n, hone_error *error) {
    HONE_FAIL_IF(n_in < 2 + per || (n_in - 2) % per != 0, error, HONE_ERROR_MODEL,
                 "%s takes R, T and %zu inputs per tensor, the node has %zu inputs", node->op_type, per, n_in);
    *n = (n_in - 2) / per;
    HONE_FAIL_IF(node->n_outputs > *n * (per - 1), error, HONE_ERROR_MODEL, "%s of %zu tensors has %zu outputs",
                 node->op_type, *n, node->n_outputs);
    return HONE_OK;
}

/* Output i of the new X is like X, those of states like the states: past the gradients. */
static hone_status infer_optimiser(hone__infer *ctx, size_t per) {
    size_t n;
    HONE_TRY(count_groups(ctx->node, ctx->n_in, per, &n, ctx->error));
    for (size_t i = 0; i < ctx->n_out; i++)
        HONE_TRY(hone__infer_same(ctx, i, i < n ? 2 + i : 2 + n + i));
    return HONE_OK;
}
static hone_status infer_two(hone__infer *ctx) { return infer_optimiser(ctx, 3); }
static hone_status infer_three(hone__infer *ctx) { return infer_optimiser(ctx, 4); }

/* One tensor's data: x, gradient, states in; x and states out. */
typedef struct slots {
    int64_t n;
    const double *x, *g, *s[2];
    double *x_new, *s_new[2];
    hone_tensor *out[3];
} slots;

static hone_status read_slots(hone__eval *ctx, size_t i, size_t n, size_t n_states, slots *v) {
    const hone_tensor *x, *other;
    HONE_TRY(hone__eval_tensor(ctx, 2 + i, &x));
    v->n = hone__tensor_count(x);
    for (size_t k = 1; k < 2 + n_states; k++) {
        HONE_TRY(hone__eval_tensor(ctx, 2 + k * n + i, &other));
        if (other->dtype != x->dtype || other->rank != x->rank ||
            (x->rank && memcmp(other->dims, x->dims, (size_t)x->rank * sizeof *x->dims) != 0))
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu does not fit tensor %zu", 2 + k * n + i, i);
    }
    HONE_TRY(hone__eval_in_double(ctx, 2 + i, &v->x));
    HONE_TRY(hone__eval_in_double(ctx, 2 + n + i, &v->g));
    HONE_TRY(hone__eval_out_double(ctx, i, x->dtype, x->rank, x->dims, &v->out[0], &v->x_new));
    for (size_t k = 0; k < n_states; k++) {
        HONE_TRY(hone__eval_in_double(ctx, 2 + (2 + k) * n + i, &v->s[k]));
        HONE_TRY(hone__eval_out_double(ctx, (1 + k) * n + i, x->dtype, x->rank, x->dims, &v->out[1 + k], &v->s_new[k]));
    }
    return HONE_OK;
}

static void put_slots(const slots *v, size_t n_states) {
    hone__eval_put_double(v->out[0], v->x_new);
    for (size_t k = 0; k < n_states; k++)
        hone__eval_put_double(v->out[1 + k], v->s_new[k]);
}

static hone_status read_rate(hone__eval *ctx, double *rate, double *steps) {
    int64_t t;
    HONE_TRY(hone__eval_number(ctx, 0, 0, rate));
    HONE_TRY(hone__eval_int(ctx, 1, &t));
    *steps = (double)t;
    return HONE_OK;
}

static hone_status eval_adagrad(hone__eval *ctx) {
    double rate, t;
    size_t n;
    HONE_TRY(count_groups(ctx->node, ctx->n_in, 3, &n, ctx->error));
    HONE_TRY(read_rate(ctx, &rate, &t));
    double norm = hone__node_attr_float(ctx->node, "norm_coefficient", 0),
           epsilon = hone__node_attr_float(ctx->node, "epsilon", 1e-6f);
    rate /= 1 + t * hone__node_attr_float(ctx->node, "decay_factor", 0);
    for (size_t i = 0; i < n; i++) {
        slots v = {0};
        HONE_TRY(read_slots(ctx, i, n, 1, &v));
        for (int64_t k = 0; k < v.n; k++) {
            double g = norm * v.x[k] + v.g[k];
            v.s_new[0][k] = v.s[0][k] + g * g;
            v.x_new[k] = v.x[k] - rate * g / (sqrt(v.s_new[0][k]) + epsilon);
        }
        put_slots(&v, 1);
    }
    return HONE_OK;
}

static hone_status eval_adam(hone__eval *ctx) {
    double rate, t;
    size_t n;
    HONE_TRY(count_groups(ctx->node, ctx->n_in, 4, &n, ctx->error));
    HONE_TRY(read_rate(ctx, &rate, &t));
    const hone__node *node = ctx->node;
    double a = hone__node_attr_float(node, "alpha", 0.9f), b = hone__node_attr_float(node, "beta", 0.999f),
           epsilon = hone__node_attr_float(node, "epsilon", 1e-6f),
           norm = hone__node_attr_float(node, "norm_coefficient", 0),
           post = hone__node_attr_float(node, "norm_coefficient_post", 0);
    if (t > 0)
        rate *= sqrt(1 - pow(b, t)) / (1 - pow(a, t));
    for (size_t i = 0; i < n; i++) {
        slots v = {0};
        HONE_TRY(read_slots(ctx, i, n, 2, &v));
        for (int64_t k = 0; k < v.n; k++) {
            double g = norm * v.x[k] + v.g[k];
            v.s_new[0][k] = a * v.s[0][k] + (1 - a) * g;
            v.s_new[1][k] = b * v.s[1][k] + (1 - b) * g * g;
            v.x_new[k] = (1 - post) * (v.x[k] - rate * v.s_new[0][k] / (sqrt(v.s_new[1][k]) + epsilon));
        }
        put_slots(&v, 2);
    }
    return HONE_OK;
}

static hone_status eval_momentum(hone__eval *ctx) {
    double rate, t;
    size_t n;
    HONE_TRY(count_groups(ctx->node, ctx->n_in, 3, &n, ctx->error));
    HONE_TRY(read_rate(ctx, &rate, &t));
    const char *mode = hone__node_attr_string(ctx->node, "mode", "");
    bool nesterov = strcmp(mode, "nesterov") == 0;
    if (!nesterov && strcmp(mode, "standard") != 0)
        return hone__eval_fail(ctx, HONE_ERROR_MODEL, "mode \"%s\" is neither standard nor nesterov", mode);
    double a = hone__node_attr_float(ctx->node, "alpha", 0), b = hone__node_attr_float(ctx->node, "beta", 0),
           norm = hone__node_attr_float(ctx->node, "norm_coefficient", 0);
    b = t > 0 ? b : 1;
    for (size_t i = 0; i < n; i++) {
        slots v = {0};
        HONE_TRY(read_slots(ctx, i, n, 1, &v));
        for (int64_t k = 0; k < v.n; k++) {
            double g = norm * v.x[k] + v.g[k], s = a * v.s[0][k] + b * g;
            v.s_new[0][k] = s;
            v.x_new[k] = v.x[k] - rate * (nesterov ? g + a * s : s);
        }
        put_slots(&v, 1);
    }
    return HONE_OK;
}

#define REAL (HONE_SET(FLOAT) | HONE_SET(DOUBLE))
static const hone__op_param p_in[] = {HONE_PARAM("R", REAL, 0), HONE_PARAM("T", HONE_SET(INT64), 0),
                                      HONE_PARAM("inputs", REAL, 0)};
static const hone__op_param p_out[] = {HONE_PARAM("outputs", REAL, 0)};
static const hone__op_attr a_adagrad[] = {{"decay_factor", HONE_ATTR_FLOAT, false},
                                          {"epsilon", HONE_ATTR_FLOAT, false},
                                          {"norm_coefficient", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_adam[] = {{"alpha", HONE_ATTR_FLOAT, false},
                                       {"beta", HONE_ATTR_FLOAT, false},
                                       {"epsilon", HONE_ATTR_FLOAT, false},
                                       {"norm_coefficient", HONE_ATTR_FLOAT, false},
                                       {"norm_coefficient_post", HONE_ATTR_FLOAT, false}};
static const hone__op_attr a_momentum[] = {{"alpha", HONE_ATTR_FLOAT, true},
                                           {"beta", HONE_ATTR_FLOAT, true},
                                           {"mode", HONE_ATTR_STRING, true},
                                           {"norm_coefficient", HONE_ATTR_FLOAT, true}};
enum { VARIADIC = HONE_OP_PURE | HONE_OP_VARIADIC_IN | HONE_OP_VARIADIC_OUT };
static const hone__op g_rows[] = {
    HONE_ROW("ai.onnx.preview.training", "Adagrad", 1, VARIADIC, 3, p_in, 1, p_out, a_adagrad, infer_two, eval_adagrad,
             NULL),
    HONE_ROW("ai.onnx.preview.training", "Adam", 1, VARIADIC, 3, p_in, 1, p_out, a_adam, infer_three, eval_adam, NULL),
    HONE_ROW("ai.onnx.preview.training", "Momentum", 1, VARIADIC, 3, p_in, 1, p_out, a_momentum, infer_two,
             eval_momentum, NULL),
};
const hone__op_family hone__ops_training = {"training", g_rows, HONE_COUNT(g_rows)};
