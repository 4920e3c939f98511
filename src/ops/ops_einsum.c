/* Einsum: sums of products over labelled dimensions.
 *
 * Source: ONNX operator specification; numpy.einsum for the notation. Every label is a loop; an
 * ellipsis stands for leading broadcast dimensions, which get labels of their own. */
#include "ops/op_einsum.h"
#include "ops/op_elements.h"
#include "ops/op_help.h"

#include <ctype.h>

enum { N_LETTERS = HONE_EINSUM_LETTERS, N_LABELS = HONE_EINSUM_LABELS, MAX_TERMS = HONE_EINSUM_TERMS };

typedef hone__einsum_term term;
typedef hone__einsum einsum;

/* Parses one term up to a comma, an arrow or the end. rank < 0: the output, whose ellipsis has `ellipsis`
 * dimensions. Ellipsis dimensions are numbered from the right. */
static hone_status parse_term(const char **text, int rank, int ellipsis, term *t, hone_error *error) {
    int letters = 0;
    bool dots = false;
    for (const char *p = *text; *p && *p != ',' && *p != '-'; p++)
        letters += isalpha((unsigned char)*p) != 0;
    if (rank >= 0)
        ellipsis = rank - letters;
    t->n = 0;
    for (; **text && **text != ',' && **text != '-'; ++*text) {
        char c = **text;
        if (c == ' ')
            continue;
        if (c == '.') {
            HONE_FAIL_IF(strncmp(*text, "...", 3) != 0 || dots || ellipsis < 0 || t->n + ellipsis > HONE_MAX_RANK,
                         error, HONE_ERROR_MODEL, "the equation's ellipsis does not fit");
            *text += 2;
            dots = true;
            for (int i = 0; i < ellipsis; i++)
                t->label[t->n++] = N_LETTERS + ellipsis - 1 - i;
            continue;
        }
        HONE_FAIL_IF(!isalpha((unsigned char)c) || t->n >= HONE_MAX_RANK, error, HONE_ERROR_MODEL,
                     "the equation has an unexpected '%c'", c);
        t->label[t->n++] = islower((unsigned char)c) ? c - 'a' : 26 + c - 'A';
    }
    HONE_FAIL_IF(rank >= 0 && t->n != rank, error, HONE_ERROR_SHAPE, "a term has %d labels for an input of rank %d",
                 t->n, rank);
    return HONE_OK;
}

/* Implicit output: the ellipsis, then the labels that occur once, in alphabetical order. */
static void implicit_output(einsum *e, int ellipsis) {
    int count[N_LABELS] = {0};
    static const char order[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (int i = 0; i < e->n_in; i++)
        for (int k = 0; k < e->in[i].n; k++)
            count[e->in[i].label[k]]++;
    e->out.n = 0;
    for (int i = 0; i < ellipsis; i++)
        e->out.label[e->out.n++] = N_LETTERS + ellipsis - 1 - i;
    for (int i = 0; i < N_LETTERS && e->out.n < HONE_MAX_RANK; i++) {
        int label = islower((unsigned char)order[i]) ? order[i] - 'a' : 26 + order[i] - 'A';
        if (count[label] == 1)
            e->out.label[e->out.n++] = label;
    }
}

hone_status hone__einsum_parse(const hone__node *node, size_t n_in, const int *ranks, einsum *e, hone_error *error) {
    const char *text = hone__node_attr_string(node, "equation", "");
    int ellipsis = 0;
    HONE_FAIL_IF(n_in < 1 || n_in > MAX_TERMS, error, HONE_ERROR_UNSUPPORTED,
                 "Einsum has %zu inputs, 1 to %d are supported", n_in, (int)MAX_TERMS);
    e->n_in = (int)n_in;
    for (size_t i = 0; i < n_in; i++) {
        HONE_FAIL_IF(i > 0 && *text != ',', error, HONE_ERROR_MODEL,
                     "the equation has fewer terms than there are inputs");
        text += i > 0;
        HONE_TRY(parse_term(&text, ranks[i], 0, &e->in[i], error));
        for (int k = 0; k < e->in[i].n; k++)
            if (e->in[i].label[k] - N_LETTERS + 1 > ellipsis)
                ellipsis = e->in[i].label[k] - N_LETTERS + 1;
    }
    if (*text == 0) {
        implicit_output(e, ellipsis);
        return HONE_OK;
    }
    HONE_FAIL_IF(strncmp(text, "->", 2) != 0, error, HONE_ERROR_MODEL,
                 "the equation has more terms than there are inputs");
    text += 2;
    HONE_TRY(parse_term(&text, -1, ellipsis, &e->out, error));
    HONE_FAIL_IF(*text != 0, error, HONE_ERROR_MODEL, "the equation goes on after its output");
    return HONE_OK;
}

hone_status hone__einsum_bind(einsum *e, size_t i, const hone__dim *dims, hone_error *error) {
    for (int k = 0; k < e->in[i].n; k++) {
        int label = e->in[i].label[k];
        hone__dim *d = &e->dim[label];
        if (!e->used[label] || d->value == 1)
            *d = dims[k];
        else if (d->value < 0 && dims[k].value > 1)
            *d = dims[k];
        else
            HONE_FAIL_IF(d->value >= 0 && dims[k].value >= 0 && dims[k].value != 1 && dims[k].value != d->value, error,
                         HONE_ERROR_SHAPE, "a label stands for dimensions of %lld and %lld", (long long)d->value,
                         (long long)dims[k].value);
        e->used[label] = true;
    }
    return HONE_OK;
}

hone_status hone__einsum_check(const einsum *e, hone_error *error) {
    for (int k = 0; k < e->out.n; k++) {
        HONE_FAIL_IF(!e->used[e->out.label[k]], error, HONE_ERROR_MODEL, "the output has a label that no input has");
        for (int j = 0; j < k; j++)
            HONE_FAIL_IF(e->out.label[j] == e->out.label[k], error, HONE_ERROR_MODEL, "the output repeats a label");
    }
    return HONE_OK;
}

static hone_status infer_einsum(hone__infer *ctx) {
    hone_dtype dtype = hone__infer_dtype(ctx, 0);
    int ranks[MAX_TERMS];
    einsum e = {0};
    hone__dim dims[HONE_MAX_RANK];
    for (size_t i = 0; i < ctx->n_in; i++) {
        if (!hone__infer_has_rank(ctx, i) || i >= MAX_TERMS)
            return hone__infer_set_dtype(ctx, 0, dtype);
        ranks[i] = hone__infer_input(ctx, i)->rank;
    }
    HONE_TRY(hone__einsum_parse(ctx->node, ctx->n_in, ranks, &e, ctx->error));
    for (size_t i = 0; i < ctx->n_in; i++)
        HONE_TRY(hone__einsum_bind(&e, i, hone__infer_input(ctx, i)->dims, ctx->error));
    HONE_TRY(hone__einsum_check(&e, ctx->error));
    for (int k = 0; k < e.out.n; k++)
        dims[k] = e.dim[e.out.label[k]];
    return hone__infer_set(ctx, 0, dtype, e.out.n, dims);
}

/* Loops: the output's labels first, then those summed over. */
typedef struct einsum_loops {
    int n, n_out;
    int64_t dims[N_LABELS], stride[MAX_TERMS][N_LABELS];
} einsum_loops;

static void make_loops(const einsum *e, const hone_tensor *const *in, einsum_loops *l) {
    int place[N_LABELS];
    l->n = 0;
    for (int i = 0; i < N_LABELS; i++)
        place[i] = -1;
    for (int k = 0; k < e->out.n; k++) {
        place[e->out.label[k]] = l->n;
        l->dims[l->n++] = e->dim[e->out.label[k]].value;
    }
    l->n_out = l->n;
    for (int i = 0; i < N_LABELS; i++)
        if (e->used[i] && place[i] < 0) {
            place[i] = l->n;
            l->dims[l->n++] = e->dim[i].value;
        }
    memset(l->stride, 0, sizeof l->stride);
    for (int t = 0; t < e->n_in; t++) {
        int64_t s = 1;
        for (int k = e->in[t].n - 1; k >= 0; k--) {
            if (in[t]->dims[k] != 1)
                l->stride[t][place[e->in[t].label[k]]] += s; /* repeated labels: the diagonal */
            s *= in[t]->dims[k];
        }
    }
}

/* Sums the products; terms: products per result. uint64_t serves all integers, wrapping. */
#define DEFINE_SUM(T)                                                                                                  \
    static void sum_##T(int n_in, const einsum_loops *l, const T *const *v, int64_t terms, int64_t all, T *y) {        \
        int64_t index[N_LABELS] = {0};                                                                                 \
        for (int64_t i = 0; i < all; i++, hone__next_index(index, l->dims, l->n)) {                                    \
            T product = 1;                                                                                             \
            for (int t = 0; t < n_in; t++) {                                                                           \
                int64_t at = 0;                                                                                        \
                for (int k = 0; k < l->n; k++)                                                                         \
                    at += index[k] * l->stride[t][k];                                                                  \
                product *= v[t][at];                                                                                   \
            }                                                                                                          \
            y[i / terms] += product;                                                                                   \
        }                                                                                                              \
    }
DEFINE_SUM(double)
DEFINE_SUM(uint64_t)
#undef DEFINE_SUM

static hone_status sum_integers(hone__eval *ctx, const einsum_loops *l, int64_t results, int64_t terms, int64_t all) {
    const uint64_t *v[MAX_TERMS];
    uint64_t *y;
    hone_tensor *out;
    for (size_t i = 0; i < ctx->n_in; i++) {
        int64_t n = hone__tensor_count(ctx->in[i]), *data;
        HONE_TRY(hone__eval_scratch_n(ctx, n, sizeof *data, (void **)&data));
        hone__load_i64(ctx->in[i], 0, 1, n, data);
        v[i] = (const uint64_t *)data;
    }
    HONE_TRY(hone__eval_output(ctx, 0, ctx->in[0]->dtype, l->n_out, l->dims, &out));
    HONE_TRY(hone__eval_scratch_n(ctx, results, sizeof *y, (void **)&y));
    sum_uint64_t((int)ctx->n_in, l, v, terms, all, y);
    if (out)
        hone__store_i64(out, 0, results, (const int64_t *)y);
    return HONE_OK;
}

static hone_status sum_reals(hone__eval *ctx, const einsum_loops *l, int64_t results, int64_t terms, int64_t all) {
    const double *v[MAX_TERMS];
    double *y;
    hone_tensor *out;
    for (size_t i = 0; i < ctx->n_in; i++)
        HONE_TRY(hone__eval_in_double(ctx, i, &v[i]));
    HONE_TRY(hone__eval_out_double(ctx, 0, ctx->in[0]->dtype, l->n_out, l->dims, &out, &y));
    for (int64_t i = 0; i < results; i++)
        y[i] = 0;
    sum_double((int)ctx->n_in, l, v, terms, all, y);
    hone__eval_put_double(out, y);
    return HONE_OK;
}

static hone_status eval_einsum(hone__eval *ctx) {
    einsum e = {0};
    einsum_loops l;
    int ranks[MAX_TERMS];
    for (size_t i = 0; i < ctx->n_in && i < MAX_TERMS; i++) {
        const hone_tensor *t;
        HONE_TRY(hone__eval_tensor(ctx, i, &t));
        ranks[i] = t->rank;
    }
    HONE_TRY(hone__einsum_parse(ctx->node, ctx->n_in, ranks, &e, ctx->error));
    for (size_t i = 0; i < ctx->n_in; i++) {
        hone__dim dims[HONE_MAX_RANK];
        for (int d = 0; d < ctx->in[i]->rank; d++)
            dims[d] = hone__dim_known(ctx->in[i]->dims[d]);
        HONE_TRY(hone__einsum_bind(&e, i, dims, ctx->error));
    }
    HONE_TRY(hone__einsum_check(&e, ctx->error));
    make_loops(&e, ctx->in, &l);
    int64_t results, terms, all;
    if (!hone__shape_count(l.dims, l.n_out, &results) || !hone__shape_count(l.dims + l.n_out, l.n - l.n_out, &terms) ||
        !hone__mul_i64(results, terms, &all))
        return hone__eval_fail(ctx, HONE_ERROR_LIMIT, "the sum has too many terms");
    return hone__dtype_in(ctx->in[0]->dtype, HONE_SET_INT) ? sum_integers(ctx, &l, results, terms, all)
                                                           : sum_reals(ctx, &l, results, terms, all);
}

/* ---- rows ---- */
static const hone__op_param einsum_12_in[] = {HONE_PARAM("Inputs", HONE_SET_INT | HONE_SET_IEEE, 'T')};
static const hone__op_param einsum_12_out[] = {HONE_PARAM("Output", HONE_SET_INT | HONE_SET_IEEE, 'T')};
static const hone__op_attr einsum_12_attrs[] = {{"equation", HONE_ATTR_STRING, true}};

static const hone__op g_rows[] = {
    HONE_ROW("", "Einsum", 12, HONE_OP_PURE | HONE_OP_VARIADIC_IN, 1, einsum_12_in, 1, einsum_12_out, einsum_12_attrs,
             infer_einsum, eval_einsum, NULL),
};

const hone__op_family hone__ops_einsum = {"einsum", g_rows, HONE_COUNT(g_rows)};
