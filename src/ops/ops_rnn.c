/* Recurrent layers: RNN, GRU, LSTM, in both directions, with sequence lengths, peepholes and clipping.
 *
 * Source: ONNX operator specification. Per direction: x [T,B,I], w [G*H,I], r [G*H,H]; gates in the order
 * of the specification: LSTM i,o,f,c; GRU z,r,h. */
#include "ops/op_help.h"

#include <math.h>
#include <strings.h>

/* ---- activations ---- */

typedef struct rnn_act {
    double (*f)(double x, double a, double b);
    double a, b;
} rnn_act;

#define ACT(name, expr)                                                                                                \
    static double name(double x, double a, double b) {                                                                 \
        (void)a;                                                                                                       \
        (void)b;                                                                                                       \
        return expr;                                                                                                   \
    }
ACT(act_relu, x > 0 ? x : 0)
ACT(act_tanh, tanh(x))
ACT(act_sigmoid, 1 / (1 + exp(-x)))
ACT(act_affine, a *x + b)
ACT(act_leaky_relu, x < 0 ? a * x : x)
ACT(act_thresholded_relu, x > a ? x : 0)
ACT(act_scaled_tanh, a *tanh(b *x))
ACT(act_hard_sigmoid, fmin(1, fmax(0, a *x + b)))
ACT(act_elu, x < 0 ? a * expm1(x) : x)
ACT(act_softsign, x / (1 + fabs(x)))
ACT(act_softplus, x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)))
#undef ACT

/* Defaults of alpha and beta; uses tells how many of them the function has. */
static const struct {
    const char *name;
    double (*f)(double x, double a, double b);
    double a, b;
    int uses;
} g_acts[] = {
    {"Relu", act_relu, 0, 0, 0},
    {"Tanh", act_tanh, 0, 0, 0},
    {"Sigmoid", act_sigmoid, 0, 0, 0},
    {"Affine", act_affine, 1, 0, 2},
    {"LeakyRelu", act_leaky_relu, 0.01, 0, 1},
    {"ThresholdedRelu", act_thresholded_relu, 1, 0, 1},
    {"ScaledTanh", act_scaled_tanh, 1, 1, 2},
    {"HardSigmoid", act_hard_sigmoid, 0.2, 0.5, 2},
    {"Elu", act_elu, 1, 0, 1},
    {"Softsign", act_softsign, 0, 0, 0},
    {"Softplus", act_softplus, 0, 0, 0},
};

enum { MAX_ACTS = 6 }; /* three for each of two directions */

/* Values of activation_alpha and _beta belong, in order, to the functions that have them. */
static hone_status read_acts(const hone__node *node, size_t n, const char *const *defaults, rnn_act *acts,
                             hone_error *error) {
    const hone__attr *names = hone__node_attr(node, "activations");
    size_t n_alpha, n_beta, ia = 0, ib = 0;
    const float *alpha = hone__node_attr_floats(node, "activation_alpha", &n_alpha);
    const float *beta = hone__node_attr_floats(node, "activation_beta", &n_beta);
    bool given = names && names->type == HONE_ATTR_STRINGS && names->n > 0;
    HONE_FAIL_IF(given && names->n != n, error, HONE_ERROR_MODEL, "there are %zu activations, %zu are needed", names->n,
                 n);
    for (size_t i = 0; i < n; i++) {
        const char *name = given ? names->strings[i].data : defaults[i % 3];
        size_t size = given ? names->strings[i].size : strlen(name);
        acts[i].f = NULL;
        for (size_t k = 0; k < HONE_COUNT(g_acts); k++)
            if (strlen(g_acts[k].name) == size && strncasecmp(g_acts[k].name, name, size) == 0) {
                acts[i] = (rnn_act){g_acts[k].f, g_acts[k].a, g_acts[k].b};
                if (g_acts[k].uses > 0 && alpha && ia < n_alpha)
                    acts[i].a = alpha[ia++];
                if (g_acts[k].uses > 1 && beta && ib < n_beta)
                    acts[i].b = beta[ib++];
            }
        HONE_FAIL_IF(!acts[i].f, error, HONE_ERROR_MODEL, "\"%.*s\" is not an activation of recurrent layers",
                     (int)hone__min_size(size, 64), name);
    }
    return HONE_OK;
}

/* ---- shapes ---- */

typedef struct rnn_shape {
    int64_t t, b, i, h, d, gates;
    bool batch_first, first_reversed;
} rnn_shape;

static int64_t gates_of(const hone__node *node) {
    return strcmp(node->op_type, "LSTM") == 0 ? 4 : strcmp(node->op_type, "GRU") == 0 ? 3 : 1;
}

static hone_status read_direction(const hone__node *node, rnn_shape *s, hone_error *error) {
    const char *text = hone__node_attr_string(node, "direction", "forward");
    bool both = strcmp(text, "bidirectional") == 0, back = strcmp(text, "reverse") == 0;
    HONE_FAIL_IF(!both && !back && strcmp(text, "forward") != 0, error, HONE_ERROR_MODEL,
                 "direction \"%s\" is none of forward, reverse, bidirectional", text);
    s->d = both ? 2 : 1;
    s->first_reversed = back;
    s->batch_first = hone__node_attr_int(node, "layout", 0) != 0;
    s->gates = gates_of(node);
    return HONE_OK;
}

static hone_status infer_rnn(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    rnn_shape s;
    HONE_TRY(read_direction(ctx->node, &s, ctx->error));
    hone__dim t = hone__dim_unknown(), b = t, h = t, d = hone__dim_known(s.d);
    int64_t hidden = hone__node_attr_int(ctx->node, "hidden_size", -1);
    if (hone__infer_has_rank(ctx, 0)) {
        const hone__type *x = hone__infer_input(ctx, 0);
        if (x->rank != 3)
            return hone__infer_fail(ctx, HONE_ERROR_SHAPE, "the input must have rank 3, not %d", x->rank);
        t = x->dims[s.batch_first ? 1 : 0];
        b = x->dims[s.batch_first ? 0 : 1];
    }
    if (hone__infer_has_rank(ctx, 2) && hone__infer_input(ctx, 2)->rank == 3)
        h = hone__infer_input(ctx, 2)->dims[2];
    if (h.value < 0 && hidden > 0)
        h = hone__dim_known(hidden);
    hone__dim y[4] = {t, d, b, h}, yb[4] = {b, t, d, h}, state[3] = {d, b, h}, state_b[3] = {b, d, h};
    for (size_t i = 0; i < ctx->n_out; i++)
        HONE_TRY(i == 0 ? hone__infer_set(ctx, 0, dtype, 4, s.batch_first ? yb : y)
                        : hone__infer_set(ctx, i, dtype, 3, s.batch_first ? state_b : state));
    return HONE_OK;
}

static double flops_rnn(const hone__node *node, const hone__type *const *in, const hone__type *const *out) {
    (void)out;
    if (!in[0] || !in[1] || !in[2] || in[0]->rank != 3 || in[1]->rank != 3 || in[2]->rank != 3)
        return 0;
    (void)node;
    double rows = (double)in[1]->dims[0].value * (double)in[1]->dims[1].value;
    return 2 * (double)in[0]->dims[0].value * (double)in[0]->dims[1].value * rows *
           (double)(in[1]->dims[2].value + in[2]->dims[2].value);
}

static hone_status need(hone__eval *ctx, size_t i, int rank, int64_t a, int64_t b, int64_t c) {
    const hone_tensor *t = hone__in(ctx, i);
    if (!t)
        return HONE_OK;
    if (t->rank != rank || t->dims[0] != a || (rank > 1 && t->dims[1] != b) || (rank > 2 && t->dims[2] != c)) {
        char text[128];
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "input %zu is %s, which does not fit the other inputs", i,
                               hone__tensor_describe(t, text, sizeof text));
    }
    return HONE_OK;
}

static hone_status read_shape(hone__eval *ctx, rnn_shape *s) {
    const hone_tensor *x, *w, *r;
    HONE_TRY(hone__eval_tensor(ctx, 0, &x));
    HONE_TRY(hone__eval_tensor(ctx, 1, &w));
    HONE_TRY(hone__eval_tensor(ctx, 2, &r));
    HONE_TRY(read_direction(ctx->node, s, ctx->error));
    if (x->rank != 3 || r->rank != 3)
        return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "the input and the weights must have rank 3");
    s->t = x->dims[s->batch_first ? 1 : 0];
    s->b = x->dims[s->batch_first ? 0 : 1];
    s->i = x->dims[2];
    s->h = r->dims[2];
    if (s->h > INT32_MAX)
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "hidden_size %lld is too large", (long long)s->h);
    int64_t gh = s->gates * s->h;
    HONE_TRY(need(ctx, 1, 3, s->d, gh, s->i));
    HONE_TRY(need(ctx, 2, 3, s->d, gh, s->h));
    HONE_TRY(need(ctx, 3, 2, s->d, 2 * gh, 0));
    HONE_TRY(need(ctx, 4, 1, s->b, 0, 0));
    int64_t s0 = s->batch_first ? s->b : s->d, s1 = s->batch_first ? s->d : s->b;
    HONE_TRY(need(ctx, 5, 3, s0, s1, s->h));
    if (s->gates == 4) {
        HONE_TRY(need(ctx, 6, 3, s0, s1, s->h));
        HONE_TRY(need(ctx, 7, 2, s->d, 3 * s->h, 0));
    }
    return HONE_OK;
}

/* ---- cells ---- */

/* One direction's weights and one sequence's state. */
typedef struct rnn_cell {
    const double *w, *r, *wb, *rb, *p; /* wb, rb, p may be NULL */
    const rnn_act *act;
    double clip; /* 0: none */
    bool linear_before_reset, input_forget;
    int64_t i, h, gates;
    double *gx, *gh, *hidden, *cell, *tmp; /* [gates*h] twice, then [h] */
} rnn_cell;

static void affine(const double *m, const double *bias, const double *x, int64_t rows, int64_t cols, double *y) {
    for (int64_t r = 0; r < rows; r++) {
        double sum = bias ? bias[r] : 0;
        for (int64_t c = 0; c < cols; c++)
            sum += m[r * cols + c] * x[c];
        y[r] = sum;
    }
}

static double activate(const rnn_cell *c, int i, double x) {
    if (c->clip > 0)
        x = fmax(-c->clip, fmin(c->clip, x));
    return c->act[i].f(x, c->act[i].a, c->act[i].b);
}

static void step_rnn(rnn_cell *c) {
    for (int64_t k = 0; k < c->h; k++)
        c->hidden[k] = activate(c, 0, c->gx[k] + c->gh[k]);
}

static void step_gru(rnn_cell *c) {
    int64_t h = c->h;
    double *z = c->gx, *r = c->gx + h, *n = c->gx + 2 * h;
    for (int64_t k = 0; k < 2 * h; k++)
        c->gx[k] = activate(c, 0, c->gx[k] + c->gh[k]);
    if (!c->linear_before_reset) {
        for (int64_t k = 0; k < h; k++)
            c->tmp[k] = r[k] * c->hidden[k];
        affine(c->r + 2 * h * h, c->rb ? c->rb + 2 * h : NULL, c->tmp, h, h, c->gh + 2 * h);
    }
    for (int64_t k = 0; k < h; k++) {
        double v = activate(c, 1, n[k] + (c->linear_before_reset ? r[k] : 1) * c->gh[2 * h + k]);
        c->hidden[k] = (1 - z[k]) * v + z[k] * c->hidden[k];
    }
}

static void step_lstm(rnn_cell *c) {
    int64_t h = c->h;
    for (int64_t k = 0; k < h; k++) {
        double gi = c->gx[k] + c->gh[k], go = c->gx[h + k] + c->gh[h + k];
        double gf = c->gx[2 * h + k] + c->gh[2 * h + k], gc = c->gx[3 * h + k] + c->gh[3 * h + k];
        double i = activate(c, 0, gi + (c->p ? c->p[k] * c->cell[k] : 0));
        double f = c->input_forget ? 1 - i : activate(c, 0, gf + (c->p ? c->p[2 * h + k] * c->cell[k] : 0));
        double cell = f * c->cell[k] + i * activate(c, 1, gc);
        double o = activate(c, 0, go + (c->p ? c->p[h + k] * cell : 0));
        c->cell[k] = cell;
        c->hidden[k] = o * c->act[2].f(cell, c->act[2].a, c->act[2].b);
    }
}

static void step(rnn_cell *c, const double *x) {
    affine(c->w, c->wb, x, c->gates * c->h, c->i, c->gx);
    affine(c->r, c->rb, c->hidden, c->gates * c->h, c->h, c->gh);
    if (c->gates == 4)
        step_lstm(c);
    else if (c->gates == 3)
        step_gru(c);
    else
        step_rnn(c);
}

/* ---- the evaluator of all three ---- */

typedef struct rnn_data {
    const double *x, *w, *r, *bias, *h0, *c0, *p;
    const int64_t *len;
    double *y, *yh, *yc;
} rnn_data;

static void run_sequence(const rnn_shape *s, const rnn_data *v, rnn_cell *c, int64_t d, int64_t b) {
    int64_t h = s->h, len = v->len ? v->len[b] : s->t, at = (s->batch_first ? b * s->d + d : d * s->b + b) * h;
    bool back = d == 1 || s->first_reversed;
    for (int64_t k = 0; k < h; k++) {
        c->hidden[k] = v->h0 ? v->h0[at + k] : 0;
        c->cell[k] = v->c0 ? v->c0[at + k] : 0;
    }
    for (int64_t n = 0; n < s->t; n++) {
        int64_t t = back && n < len ? len - 1 - n : n;
        double *y = v->y + (s->batch_first ? (b * s->t + t) * s->d + d : (t * s->d + d) * s->b + b) * h;
        if (n < len)
            step(c, v->x + (s->batch_first ? b * s->t + t : t * s->b + b) * s->i);
        for (int64_t k = 0; k < h; k++)
            y[k] = n < len ? c->hidden[k] : 0;
    }
    for (int64_t k = 0; k < h; k++) {
        v->yh[at + k] = c->hidden[k];
        if (v->yc)
            v->yc[at + k] = c->cell[k];
    }
}

static hone_status read_data(hone__eval *ctx, const rnn_shape *s, rnn_data *v) {
    HONE_TRY(hone__eval_in_double(ctx, 0, &v->x));
    HONE_TRY(hone__eval_in_double(ctx, 1, &v->w));
    HONE_TRY(hone__eval_in_double(ctx, 2, &v->r));
    HONE_TRY(hone__eval_in_double(ctx, 3, &v->bias));
    HONE_TRY(hone__eval_in_i64(ctx, 4, &v->len));
    HONE_TRY(hone__eval_in_double(ctx, 5, &v->h0));
    if (s->gates == 4) {
        HONE_TRY(hone__eval_in_double(ctx, 6, &v->c0));
        HONE_TRY(hone__eval_in_double(ctx, 7, &v->p));
    }
    for (int64_t b = 0; v->len && b < s->b; b++)
        if (v->len[b] < 0 || v->len[b] > s->t)
            return hone__eval_fail(ctx, HONE_ERROR_SHAPE, "sequence length %lld is outside 0..%lld",
                                   (long long)v->len[b], (long long)s->t);
    return HONE_OK;
}

static hone_status eval_rnn(hone__eval *ctx) {
    static const char *const defaults[][3] = {
        {"Tanh", "Tanh", "Tanh"}, {"Sigmoid", "Tanh", "Sigmoid"}, {"Sigmoid", "Tanh", "Tanh"}};
    rnn_shape s;
    rnn_data v = {0};
    rnn_act acts[MAX_ACTS] = {0};
    hone_tensor *out[3] = {0};
    void *scratch;
    HONE_TRY(read_shape(ctx, &s));
    size_t per = s.gates == 4 ? 3 : s.gates == 3 ? 2 : 1;
    bool given = hone__node_attr(ctx->node, "activations") != NULL; /* for all directions */
    for (size_t d = 0; d < (given ? 1 : (size_t)s.d); d++)
        HONE_TRY(read_acts(ctx->node, given ? per * (size_t)s.d : per, defaults[per - 1], acts + d * per, ctx->error));
    HONE_TRY(read_data(ctx, &s, &v));
    hone_dtype dtype = ctx->in[0]->dtype;
    int64_t y[4] = {s.t, s.d, s.b, s.h}, yb[4] = {s.b, s.t, s.d, s.h};
    int64_t state[3] = {s.batch_first ? s.b : s.d, s.batch_first ? s.d : s.b, s.h};
    HONE_TRY(hone__eval_out_double(ctx, 0, dtype, 4, s.batch_first ? yb : y, &out[0], &v.y));
    HONE_TRY(hone__eval_out_double(ctx, 1, dtype, 3, state, &out[1], &v.yh));
    if (s.gates == 4)
        HONE_TRY(hone__eval_out_double(ctx, 2, dtype, 3, state, &out[2], &v.yc));
    int64_t gh = s.gates * s.h;
    HONE_TRY(hone__eval_scratch_n(ctx, 2 * gh + 3 * s.h, sizeof(double), &scratch));
    for (int64_t d = 0; d < s.d; d++) {
        double *m = scratch;
        rnn_cell c = {.w = v.w + d * gh * s.i,
                      .r = v.r + d * gh * s.h,
                      .wb = v.bias ? v.bias + d * 2 * gh : NULL,
                      .rb = v.bias ? v.bias + d * 2 * gh + gh : NULL,
                      .p = v.p ? v.p + d * 3 * s.h : NULL,
                      .act = acts + d * (int64_t)per,
                      .clip = hone__node_attr_float(ctx->node, "clip", 0),
                      .linear_before_reset = hone__node_attr_int(ctx->node, "linear_before_reset", 0) != 0,
                      .input_forget = hone__node_attr_int(ctx->node, "input_forget", 0) != 0,
                      .i = s.i,
                      .h = s.h,
                      .gates = s.gates,
                      .gx = m,
                      .gh = m + gh,
                      .hidden = m + 2 * gh,
                      .cell = m + 2 * gh + s.h,
                      .tmp = m + 2 * gh + 2 * s.h};
        for (int64_t b = 0; b < s.b; b++)
            run_sequence(&s, &v, &c, d, b);
    }
    hone__eval_put_double(out[0], v.y);
    hone__eval_put_double(out[1], v.yh);
    if (out[2])
        hone__eval_put_double(out[2], v.yc);
    return HONE_OK;
}

/* ---- rows ---- */
static const hone__op_param rnn_1_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'),
                                          HONE_PARAM("W", HONE_SET_IEEE, 'T'),
                                          HONE_PARAM("R", HONE_SET_IEEE, 'T'),
                                          HONE_PARAM_OPT("B", HONE_SET_IEEE, 'T'),
                                          HONE_PARAM_OPT("sequence_lens", HONE_SET(INT32), '1'),
                                          HONE_PARAM_OPT("initial_h", HONE_SET_IEEE, 'T')};
static const hone__op_param rnn_1_out[] = {HONE_PARAM_OPT("Y", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM_OPT("Y_h", HONE_SET_IEEE, 'T')};
static const hone__op_attr rnn_1_attrs[] = {
    {"activation_alpha", HONE_ATTR_FLOATS, false}, {"activation_beta", HONE_ATTR_FLOATS, false},
    {"activations", HONE_ATTR_STRINGS, false},     {"clip", HONE_ATTR_FLOAT, false},
    {"direction", HONE_ATTR_STRING, false},        {"hidden_size", HONE_ATTR_INT, false},
    {"output_sequence", HONE_ATTR_INT, false}};
static const hone__op_attr rnn_7_attrs[] = {
    {"activation_alpha", HONE_ATTR_FLOATS, false}, {"activation_beta", HONE_ATTR_FLOATS, false},
    {"activations", HONE_ATTR_STRINGS, false},     {"clip", HONE_ATTR_FLOAT, false},
    {"direction", HONE_ATTR_STRING, false},        {"hidden_size", HONE_ATTR_INT, false}};
static const hone__op_attr rnn_14_attrs[] = {{"activation_alpha", HONE_ATTR_FLOATS, false},
                                             {"activation_beta", HONE_ATTR_FLOATS, false},
                                             {"activations", HONE_ATTR_STRINGS, false},
                                             {"clip", HONE_ATTR_FLOAT, false},
                                             {"direction", HONE_ATTR_STRING, false},
                                             {"hidden_size", HONE_ATTR_INT, false},
                                             {"layout", HONE_ATTR_INT, false}};
static const hone__op_param rnn_22_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'),
                                           HONE_PARAM("W", HONE_SET_FLOAT, 'T'),
                                           HONE_PARAM("R", HONE_SET_FLOAT, 'T'),
                                           HONE_PARAM_OPT("B", HONE_SET_FLOAT, 'T'),
                                           HONE_PARAM_OPT("sequence_lens", HONE_SET(INT32), '1'),
                                           HONE_PARAM_OPT("initial_h", HONE_SET_FLOAT, 'T')};
static const hone__op_param rnn_22_out[] = {HONE_PARAM_OPT("Y", HONE_SET_FLOAT, 'T'),
                                            HONE_PARAM_OPT("Y_h", HONE_SET_FLOAT, 'T')};
static const hone__op_param gru_1_out[] = {HONE_PARAM_OPT("Y", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM("Y_h", HONE_SET_IEEE, 'T')};
static const hone__op_attr gru_3_attrs[] = {
    {"activation_alpha", HONE_ATTR_FLOATS, false}, {"activation_beta", HONE_ATTR_FLOATS, false},
    {"activations", HONE_ATTR_STRINGS, false},     {"clip", HONE_ATTR_FLOAT, false},
    {"direction", HONE_ATTR_STRING, false},        {"hidden_size", HONE_ATTR_INT, false},
    {"linear_before_reset", HONE_ATTR_INT, false}, {"output_sequence", HONE_ATTR_INT, false}};
static const hone__op_attr gru_7_attrs[] = {
    {"activation_alpha", HONE_ATTR_FLOATS, false}, {"activation_beta", HONE_ATTR_FLOATS, false},
    {"activations", HONE_ATTR_STRINGS, false},     {"clip", HONE_ATTR_FLOAT, false},
    {"direction", HONE_ATTR_STRING, false},        {"hidden_size", HONE_ATTR_INT, false},
    {"linear_before_reset", HONE_ATTR_INT, false}};
static const hone__op_attr gru_14_attrs[] = {{"activation_alpha", HONE_ATTR_FLOATS, false},
                                             {"activation_beta", HONE_ATTR_FLOATS, false},
                                             {"activations", HONE_ATTR_STRINGS, false},
                                             {"clip", HONE_ATTR_FLOAT, false},
                                             {"direction", HONE_ATTR_STRING, false},
                                             {"hidden_size", HONE_ATTR_INT, false},
                                             {"layout", HONE_ATTR_INT, false},
                                             {"linear_before_reset", HONE_ATTR_INT, false}};
static const hone__op_param lstm_1_in[] = {HONE_PARAM("X", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM("W", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM("R", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM_OPT("B", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM_OPT("sequence_lens", HONE_SET(INT32), '1'),
                                           HONE_PARAM_OPT("initial_h", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM_OPT("initial_c", HONE_SET_IEEE, 'T'),
                                           HONE_PARAM_OPT("P", HONE_SET_IEEE, 'T')};
static const hone__op_param lstm_1_out[] = {HONE_PARAM_OPT("Y", HONE_SET_IEEE, 'T'),
                                            HONE_PARAM_OPT("Y_h", HONE_SET_IEEE, 'T'),
                                            HONE_PARAM_OPT("Y_c", HONE_SET_IEEE, 'T')};
static const hone__op_attr lstm_1_attrs[] = {
    {"activation_alpha", HONE_ATTR_FLOATS, false}, {"activation_beta", HONE_ATTR_FLOATS, false},
    {"activations", HONE_ATTR_STRINGS, false},     {"clip", HONE_ATTR_FLOAT, false},
    {"direction", HONE_ATTR_STRING, false},        {"hidden_size", HONE_ATTR_INT, false},
    {"input_forget", HONE_ATTR_INT, false},        {"output_sequence", HONE_ATTR_INT, false}};
static const hone__op_attr lstm_7_attrs[] = {
    {"activation_alpha", HONE_ATTR_FLOATS, false}, {"activation_beta", HONE_ATTR_FLOATS, false},
    {"activations", HONE_ATTR_STRINGS, false},     {"clip", HONE_ATTR_FLOAT, false},
    {"direction", HONE_ATTR_STRING, false},        {"hidden_size", HONE_ATTR_INT, false},
    {"input_forget", HONE_ATTR_INT, false}};
static const hone__op_attr lstm_14_attrs[] = {
    {"activation_alpha", HONE_ATTR_FLOATS, false}, {"activation_beta", HONE_ATTR_FLOATS, false},
    {"activations", HONE_ATTR_STRINGS, false},     {"clip", HONE_ATTR_FLOAT, false},
    {"direction", HONE_ATTR_STRING, false},        {"hidden_size", HONE_ATTR_INT, false},
    {"input_forget", HONE_ATTR_INT, false},        {"layout", HONE_ATTR_INT, false}};
static const hone__op_param lstm_22_in[] = {HONE_PARAM("X", HONE_SET_FLOAT, 'T'),
                                            HONE_PARAM("W", HONE_SET_FLOAT, 'T'),
                                            HONE_PARAM("R", HONE_SET_FLOAT, 'T'),
                                            HONE_PARAM_OPT("B", HONE_SET_FLOAT, 'T'),
                                            HONE_PARAM_OPT("sequence_lens", HONE_SET(INT32), '1'),
                                            HONE_PARAM_OPT("initial_h", HONE_SET_FLOAT, 'T'),
                                            HONE_PARAM_OPT("initial_c", HONE_SET_FLOAT, 'T'),
                                            HONE_PARAM_OPT("P", HONE_SET_FLOAT, 'T')};
static const hone__op_param lstm_22_out[] = {HONE_PARAM_OPT("Y", HONE_SET_FLOAT, 'T'),
                                             HONE_PARAM_OPT("Y_h", HONE_SET_FLOAT, 'T'),
                                             HONE_PARAM_OPT("Y_c", HONE_SET_FLOAT, 'T')};

static const hone__op g_rows[] = {
    HONE_ROW("", "RNN", 1, HONE_OP_PURE, 3, rnn_1_in, 0, rnn_1_out, rnn_1_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "RNN", 7, HONE_OP_PURE, 3, rnn_1_in, 0, rnn_1_out, rnn_7_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "RNN", 14, HONE_OP_PURE, 3, rnn_1_in, 0, rnn_1_out, rnn_14_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "RNN", 22, HONE_OP_PURE, 3, rnn_22_in, 0, rnn_22_out, rnn_14_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "GRU", 1, HONE_OP_PURE, 3, rnn_1_in, 2, gru_1_out, rnn_1_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "GRU", 3, HONE_OP_PURE, 3, rnn_1_in, 0, rnn_1_out, gru_3_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "GRU", 7, HONE_OP_PURE, 3, rnn_1_in, 0, rnn_1_out, gru_7_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "GRU", 14, HONE_OP_PURE, 3, rnn_1_in, 0, rnn_1_out, gru_14_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "GRU", 22, HONE_OP_PURE, 3, rnn_22_in, 0, rnn_22_out, gru_14_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "LSTM", 1, HONE_OP_PURE, 3, lstm_1_in, 0, lstm_1_out, lstm_1_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "LSTM", 7, HONE_OP_PURE, 3, lstm_1_in, 0, lstm_1_out, lstm_7_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "LSTM", 14, HONE_OP_PURE, 3, lstm_1_in, 0, lstm_1_out, lstm_14_attrs, infer_rnn, eval_rnn, flops_rnn),
    HONE_ROW("", "LSTM", 22, HONE_OP_PURE, 3, lstm_22_in, 0, lstm_22_out, lstm_14_attrs, infer_rnn, eval_rnn,
             flops_rnn),
};

const hone__op_family hone__ops_rnn = {"rnn", g_rows, HONE_COUNT(g_rows)};
